// The compiler for every tool of this folder: npm's solc (wasm, the same bytes everywhere) with one
// set of settings.
'use strict';

const fs = require('fs');
const path = require('path');
const solc = require('solc');

const ROOT = path.join(__dirname, '..');

/** npm's forge. */
const FORGE = path.join(
  ROOT, 'node_modules', '@foundry-rs', 'forge-linux-amd64', 'bin', 'forge',
);

const SETTINGS = {
  evmVersion: 'prague',
  viaIR: true,
  optimizer: { enabled: true, runs: 10000 },
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  remappings: ['@openzeppelin/=node_modules/@openzeppelin/'],
};

/** Compiles the named files. Returns the compiler's output and the text of every source it read. */
function compile(files, outputSelection) {
  const sources = {};
  for (const file of files) sources[file] = fs.readFileSync(path.join(ROOT, file), 'utf8');
  const read = { ...sources };
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(
      Object.entries(sources).map(([file, content]) => [file, { content }]),
    ),
    settings: { ...SETTINGS, outputSelection },
  };
  const findImport = (file) => {
    const full = path.resolve(ROOT, file);
    if (!full.startsWith(ROOT + path.sep) || !fs.existsSync(full)) {
      return { error: `not found: ${file}` };
    }
    read[file] = fs.readFileSync(full, 'utf8');
    return { contents: read[file] };
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
  return { output, read };
}

module.exports = { FORGE, ROOT, SETTINGS, compile, version: () => solc.version() };
