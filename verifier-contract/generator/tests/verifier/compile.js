// Compiles the test circuit's verifier as scripts/build.js compiles the contracts that are deployed, and writes
// ToyVerifier.json beside this file.
'use strict';

const fs = require('fs');
const path = require('path');
const { ROOT, compile } = require('../../../scripts/compiler');

const FILE = path.relative(ROOT, path.join(__dirname, 'ToyVerifier.sol'));
const { output } = compile([FILE], { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } });
if (output.errors) {
  console.error(output.errors.map((error) => error.formattedMessage).join('\n'));
  process.exit(1);
}
const { abi, evm } = output.contracts[FILE].ToyVerifier;
const artifact = {
  abi,
  bytecode: `0x${evm.bytecode.object}`,
  deployedBytecode: `0x${evm.deployedBytecode.object}`,
};
fs.writeFileSync(path.join(__dirname, 'ToyVerifier.json'), `${JSON.stringify(artifact)}\n`);
console.log(`ToyVerifier ${evm.deployedBytecode.object.length / 2} bytes`);
