// Runs npm's forge in this folder, offline: `node scripts/forge.js test`.
'use strict';

const { spawnSync } = require('child_process');
const { FORGE, ROOT } = require('./compiler');

const { status, error } = spawnSync(FORGE, process.argv.slice(2), { cwd: ROOT, stdio: 'inherit' });
if (error) throw error;
process.exit(status ?? 1);
