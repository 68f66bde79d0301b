// Measures the gas of the contracts (test/Gas.t.sol) and writes gas.json, or with --check compares it
// with what is committed: a change of gas is never an accident.
'use strict';

const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { FORGE, ROOT } = require('./compiler');

const file = path.join(ROOT, 'gas.json');
const run = spawnSync(FORGE, ['test', '--match-contract', 'GasTest', '-vv', '--json'], {
  cwd: ROOT,
  encoding: 'utf8',
  maxBuffer: 1 << 26,
});
if (run.error) throw run.error;
if (run.status !== 0) {
  process.stderr.write(run.stderr + run.stdout);
  process.exit(1);
}

const measured = {};
for (const [contract, { test_results: tests }] of Object.entries(JSON.parse(run.stdout)).sort()) {
  const figures = {};
  for (const [test, { decoded_logs: lines }] of Object.entries(tests).sort()) {
    const name = test.replace('test_', '').replace('()', '');
    figures[name] = Object.fromEntries(
      lines.map((line) => {
        const [, label, gas] = line.match(/^(.*?)(?:, gas)?: (\d+)$/);
        return [label, Number(gas)];
      }),
    );
  }
  measured[contract.split(':')[1]] = figures;
}

const text = JSON.stringify(measured, null, 2) + '\n';
if (process.argv.includes('--check')) {
  if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== text) {
    fs.writeFileSync(path.join(ROOT, 'out', 'gas.json'), text);
    console.error('gas.json is not what was measured (out/gas.json); if the change is meant: npm run gas');
    process.exit(1);
  }
} else {
  fs.writeFileSync(file, text);
}
