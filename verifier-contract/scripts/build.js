// Compiles the deployed contracts and writes artifacts/: one JSON file for each contract, and
// manifest.json with the compiler's version and settings and the hashes of all sources.
//
//   node scripts/build.js            writes artifacts/
//   node scripts/build.js --check    fails if artifacts/ differs from the sources in any byte
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { ROOT, SETTINGS, compile, version } = require('./compiler');

/** Limits of deployed code (EIP-170) and of creation code (EIP-3860), in bytes. */
const CODE_LIMIT = 24576;
const INIT_CODE_LIMIT = 49152;

/**
 * Source of each artifact. (`Rollup` deploys `Vault`, and `Poseidon` the round constants.)
 */
const DEPLOYED = {
  Governance: 'src/Governance.sol',
  Poseidon: 'src/Poseidon.sol',
  AssetRegistry: 'src/AssetRegistry.sol',
  PriceOracle: 'src/PriceOracle.sol',
  Vault: 'src/Vault.sol',
  Rollup: 'src/Rollup.sol',
  BatchVerifier: 'src/BatchVerifier.sol',
  DevelopmentToken: 'src/development/DevelopmentToken.sol',
  DevelopmentFeed: 'src/development/DevelopmentFeed.sol',
};
const OUTPUT = path.join(ROOT, 'artifacts');

const sha256 = (text) => crypto.createHash('sha256').update(text).digest('hex');
const json = (value) => `${JSON.stringify(value, null, 2)}\n`;

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Returns the content of each file of artifacts/ by its name. */
function build() {
  const { output, read } = compile(Object.values(DEPLOYED), {
    '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] },
  });
  const problems = (output.errors || []).filter(
    (e) => e.severity === 'error' || (e.sourceLocation?.file || '').startsWith('src/'),
  );
  if (problems.length > 0) fail(problems.map((e) => e.formattedMessage).join('\n'));

  const files = {};
  const contracts = {};
  for (const [name, source] of Object.entries(DEPLOYED)) {
    const contract = output.contracts[source][name];
    const creation = contract.evm.bytecode.object;
    const runtime = contract.evm.deployedBytecode.object;
    const deployedSize = runtime.length / 2;
    const creationSize = creation.length / 2;
    if (deployedSize === 0) fail(`${name} is abstract`);
    if (creation.includes('__$') || runtime.includes('__$')) fail(`${name} needs linking`);
    if (deployedSize > CODE_LIMIT) {
      fail(`${name}: ${deployedSize} bytes of code exceed the limit of ${CODE_LIMIT}`);
    }
    if (creationSize > INIT_CODE_LIMIT) {
      const limit = INIT_CODE_LIMIT;
      fail(`${name}: ${creationSize} bytes of creation code exceed the limit of ${limit}`);
    }
    const text = json({
      contractName: name,
      sourceName: source,
      abi: contract.abi,
      bytecode: `0x${creation}`,
      deployedBytecode: `0x${runtime}`,
      deployedSize,
      creationSize,
    });
    files[`${name}.json`] = text;
    contracts[name] = { source, deployedSize, creationSize, artifact: sha256(text) };
  }

  const sources = Object.fromEntries(
    Object.keys(read)
      .sort()
      .map((file) => [file, sha256(read[file])]),
  );
  const manifest = { compiler: version(), settings: SETTINGS, sources, contracts };
  const inputs = sha256(JSON.stringify([version(), SETTINGS, sources]));
  files['manifest.json'] = json({ inputs, ...manifest });
  return { files, contracts };
}

const { files, contracts } = build();
if (process.argv.includes('--check')) {
  const present = fs.readdirSync(OUTPUT).sort();
  const expected = Object.keys(files).sort();
  const isCurrent = (file) =>
    present.includes(file) && fs.readFileSync(path.join(OUTPUT, file), 'utf8') === files[file];
  const differing = [...new Set([...present, ...expected])].filter((file) => !isCurrent(file));
  if (differing.length > 0) {
    fail(`artifacts differ from the sources, run make contracts: ${differing.join(', ')}`);
  }
} else {
  fs.rmSync(OUTPUT, { recursive: true, force: true });
  fs.mkdirSync(OUTPUT);
  for (const [file, content] of Object.entries(files)) {
    fs.writeFileSync(path.join(OUTPUT, file), content);
  }
}
for (const [name, { deployedSize, creationSize }] of Object.entries(contracts)) {
  const [deployed, creation] = [deployedSize, creationSize].map((size) => String(size).padStart(6));
  console.log(`${name.padEnd(20)} ${deployed} bytes deployed ${creation} creation`);
}
