// Runs npm's forge in this folder, offline: `node scripts/forge.js test`.
'use strict';

const path = require('path');
const { spawnSync } = require('child_process');
const { ROOT } = require('./compiler');

const forge = path.join(ROOT, 'node_modules', '@foundry-rs', 'forge-linux-amd64', 'bin', 'forge');
const { status, error } = spawnSync(forge, process.argv.slice(2), { cwd: ROOT, stdio: 'inherit' });
if (error) throw error;
process.exit(status ?? 1);
