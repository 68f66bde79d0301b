// Compares the specification with the contracts' ABI (artifacts/), the generated layouts and the
// vectors of a batch. Fails, and prints the right text, if one of these is not so:
//
// - *Reference of the contracts* (spec/src/reference.md) declares every function, event, error,
//   constructor and struct of the ABI in the section of its contract, and nothing else; selector or
//   topic0 stands behind each declaration;
// - each error is named where it is raised, not only in the list of errors;
// - every name in code type that looks like one of an error, event, struct or function is one;
// - the table of packed calldata (spec/src/contracts.md) has the layout of src/generated/Layouts.sol;
// - *Test vectors* has the hashes that L1 makes of the batch in protocol/vectors/batch.json, and the
//   links and the tree of the vault that it describes.
//
//   node scripts/check-reference.js
'use strict';

const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');
const { ROOT } = require('./compiler');

// solc depends on it.
const { keccak256 } = createRequire(require.resolve('solc'))('js-sha3');

const BOOK = path.join(ROOT, '..', 'spec', 'src');
const REFERENCE = 'reference.md';
const CONTRACTS = 'contracts.md';

/** Sections that several contracts share. Their ABI has all declarations of the section. */
const SHARED = { Ownership: ['AssetRegistry', 'PriceOracle', 'Rollup', 'Vault'] };

/** Names in code type that no ABI has: interfaces of other projects. */
const FOREIGN = ['AggregatorV3Interface', 'Ownable2Step', 'TimelockController'];

const complaints = [];
const complain = (where, text) => complaints.push(`${where}: ${text}`);
const read = (...parts) => fs.readFileSync(path.join(...parts), 'utf8');

/** Returns a type as selectors and topics are computed from it. */
function canonical({ type, components }) {
  if (!type.startsWith('tuple')) return type;
  return `(${components.map(canonical).join(',')})${type.slice('tuple'.length)}`;
}

/** Returns a type as Solidity spells it, structs by name. */
function spelled({ type, internalType }) {
  return type.startsWith('tuple') ? internalType.replace(/^struct (?:\w+\.)?/, '') : type;
}

const parameters = (list) =>
  list
    .map((p) => [spelled(p), p.indexed && 'indexed', p.name].filter(Boolean).join(' '))
    .join(', ');

/** Returns declaration and selector or topic of an entry of an ABI. */
function declare(entry) {
  const { type, name, inputs = [], outputs = [], stateMutability } = entry;
  const mutability = stateMutability && stateMutability !== 'nonpayable' ? ` ${stateMutability}` : '';
  if (type === 'constructor') return { declaration: `constructor(${parameters(inputs)})` };
  if (type === 'receive') return { declaration: `receive()${mutability}` };
  const returns = outputs.length > 0 ? ` returns (${parameters(outputs)})` : '';
  const digest = keccak256(`${name}(${inputs.map(canonical).join(',')})`);
  return {
    declaration: `${type} ${name}(${parameters(inputs)})${mutability}${returns}`,
    hash: `0x${type === 'event' ? digest : digest.slice(0, 8)}`,
  };
}

/** Adds the structs of parameters to `known`: name to declaration. */
function collectStructs(list, known) {
  for (const parameter of list) {
    if (!parameter.components) continue;
    const name = spelled(parameter).replace(/(\[\d*\])+$/, '');
    const members = parameter.components.map((c) => `${spelled(c)} ${c.name};`).join(' ');
    known.set(name, `struct ${name} { ${members} }`);
    collectStructs(parameter.components, known);
  }
}

/** Returns the entries of each contract's ABI, and all structs. */
function readAbi() {
  const contracts = new Map();
  const structs = new Map();
  const folder = path.join(ROOT, 'artifacts');
  for (const file of fs.readdirSync(folder).sort()) {
    if (file === 'manifest.json') continue;
    const { contractName, abi } = JSON.parse(read(folder, file));
    const entries = abi.map((entry) => ({ name: entry.name, type: entry.type, ...declare(entry) }));
    contracts.set(contractName, entries);
    for (const { inputs = [], outputs = [] } of abi) collectStructs([...inputs, ...outputs], structs);
  }
  return { contracts, structs };
}

/** Returns the spans of code type of a page, with line and section, and its blocks of Solidity. */
function parsePage(page) {
  const spans = [];
  const blocks = [];
  let section = '';
  let fence = null;
  read(BOOK, page)
    .split('\n')
    .forEach((text, index) => {
      const mark = text.match(/^```(\w*)/);
      if (mark) {
        if (fence === null) fence = { language: mark[1], lines: [] };
        else {
          if (fence.language === 'solidity') blocks.push(fence.lines.join('\n'));
          fence = null;
        }
      } else if (fence !== null) {
        fence.lines.push(text);
      } else {
        const heading = text.match(/^## +(.*)$/);
        if (heading) section = heading[1].replace(/`/g, '').trim();
        for (const [, code] of text.matchAll(/`([^`]+)`/g)) {
          spans.push({ code, section, line: index + 1, where: `${page}:${index + 1}` });
        }
      }
    });
  return { spans, blocks };
}

const isDeclaration = (code) => /^(?:function|event|error) |^(?:constructor|receive)\(/.test(code);

/** Compares the declarations of the reference with the ABI. */
function checkDeclarations({ contracts }, { spans }) {
  const shared = new Map();
  for (const [section, members] of Object.entries(SHARED)) {
    for (const { code } of spans.filter((s) => s.section === section && isDeclaration(s.code))) {
      for (const member of members) shared.set(`${member} ${code}`, section);
    }
  }
  const found = new Set();
  spans.forEach(({ code, section, line, where }, i) => {
    if (!isDeclaration(code)) {
      const previous = spans[i - 1];
      const beside = previous && previous.line === line && isDeclaration(previous.code);
      if (/^0x(?:[0-9a-f]{8}|[0-9a-f]{64})$/.test(code) && !beside) {
        complain(where, `${code} stands beside no declaration`);
      }
      return;
    }
    for (const contract of SHARED[section] ?? [section]) {
      const entry = contracts.get(contract)?.find(({ declaration }) => declaration === code);
      if (!entry) {
        complain(where, `the ABI of ${contract} has no: ${code}`);
        continue;
      }
      const key = `${contract} ${code}`;
      if (found.has(key)) complain(where, `declared twice: ${code}`);
      found.add(key);
      const next = spans[i + 1];
      const given = next && next.line === line ? next.code : 'nothing';
      if (entry.hash && given !== entry.hash) {
        complain(where, `${code} has ${entry.hash}, not ${given}`);
      }
    }
  });
  for (const [contract, entries] of contracts) {
    for (const { declaration, hash } of entries) {
      if (!found.has(`${contract} ${declaration}`)) {
        const text = hash ? `\`${declaration}\` | \`${hash}\`` : `\`${declaration}\``;
        complain(REFERENCE, `section ${contract} lacks: ${text}`);
      }
    }
  }
}

/** Compares the structs of the reference with the ABI. */
function checkStructs({ structs }, { blocks }) {
  const plain = blocks.join('\n').replace(/\/\/[^\n]*/g, '').replace(/\s+/g, ' ');
  const given = plain.match(/struct \w+ \{[^}]*\}/g) ?? [];
  for (const declaration of given) {
    if (![...structs.values()].includes(declaration)) {
      complain(REFERENCE, `no ABI has: ${declaration}`);
    }
  }
  for (const declaration of structs.values()) {
    if (!given.includes(declaration)) complain(REFERENCE, `lacks: ${declaration}`);
  }
}

/** Checks names in code type, and that each error is named where it is raised. */
function checkNames({ contracts, structs }, pages) {
  const entries = [...contracts.values()].flat();
  const names = new Set([...contracts.keys(), ...structs.keys(), ...FOREIGN]);
  for (const { type, name } of entries) if (type === 'error' || type === 'event') names.add(name);
  const functions = new Set(entries.filter((e) => e.type === 'function').map((e) => e.name));
  for (const { spans } of pages) {
    for (const { code, where } of spans) {
      if (/^[A-Z]\w*[a-z]\w*$/.test(code) && !names.has(code)) {
        complain(where, `no contract has ${code}`);
      }
      const called = code.match(/^(?:\w+\.)?(\w+)\([^()]*\)$/);
      if (called && !isDeclaration(code) && !functions.has(called[1])) {
        complain(where, `no contract has the function ${called[1]}`);
      }
    }
  }
  const [reference] = pages;
  const mentioned = new Set(reference.spans.map(({ code }) => code));
  for (const name of new Set(entries.filter((e) => e.type === 'error').map((e) => e.name))) {
    if (!mentioned.has(name)) complain(REFERENCE, `nothing says what raises ${name}`);
  }
}

/**
 * Compares the table of packed calldata with the generated layouts. A row is
 * `| data | offset | bytes | field | constant |`: the constant's `_AT` is the offset and its `_BYTES`
 * the bytes. A row without an offset states a whole length.
 */
function checkLayout() {
  const constants = Object.fromEntries(
    [...read(ROOT, 'src', 'generated', 'Layouts.sol').matchAll(/constant (\w+) = (\d+);/g)].map(
      ([, name, value]) => [name, value],
    ),
  );
  const named = new Set();
  const row = /^\|[^|]*\| *(\d*) *\| *(\d+) *\|[^|]*\| *`([A-Z_]+)` *\|$/gm;
  for (const [, offset, bytes, name] of read(BOOK, CONTRACTS).matchAll(row)) {
    named.add(`${name}_BYTES`);
    if (constants[`${name}_BYTES`] !== bytes) {
      complain(CONTRACTS, `${name}_BYTES is ${constants[`${name}_BYTES`]}, not ${bytes}`);
    }
    if (offset !== '' && constants[`${name}_AT`] !== offset) {
      complain(CONTRACTS, `${name}_AT is ${constants[`${name}_AT`]}, not ${offset}`);
    }
  }
  for (const name of Object.keys(constants)) {
    if (name.endsWith('_BYTES') && !named.has(name)) complain(CONTRACTS, `no row has ${name}`);
  }
}

/** Compares *Test vectors* with the hashes of batch.json, and with those of its examples. */
function checkVectors() {
  const vectors = JSON.parse(read(ROOT, '..', 'protocol', 'vectors', 'batch.json'));
  const hash = (...parts) => keccak256(Buffer.from(parts.join(''), 'hex'));
  const word = (text) => text.replace(/^0x/, '').padStart(64, '0');
  const number = (value, bytes = 32) => value.toString(16).padStart(2 * bytes, '0');
  const wordsHash = hash(...vectors.words.map(word));

  const link = (previous, index, depositor, asset, value, inner) => {
    const packed = (BigInt(asset) << 8n) + (BigInt(value) << 24n);
    return hash(previous, number(index), word(depositor), number(packed), number(inner));
  };
  const accounts = ['11', '22', '33'].map((byte) => byte.repeat(20));
  const first = link(number(0), 0, accounts[0], 2, 1000, 3);
  const leaves = accounts.map((account, place) =>
    hash(number(place, 1), number(2, 2), account, number(100 * (place + 1), 16)),
  );
  const top = hash(hash(leaves[0], leaves[1]), hash(leaves[2], number(0)));

  const text = read(BOOK, 'vectors.md');
  for (const [name, value] of Object.entries({
    'words hash of the batch': wordsHash,
    'data chain after the batch': hash(number(0), wordsHash, word(vectors.newState)),
    'link 0': first,
    'link 1': link(first, 1, accounts[1], 3, 1, 4),
    'top of the tree of withdrawals': top,
    'root of the tree of withdrawals': hash(top, number(5)),
  })) {
    if (!text.includes(`0x${value}`)) complain('vectors.md', `lacks the ${name}, 0x${value}`);
  }
}

module.exports = { readAbi };

if (require.main === module) {
  const abi = readAbi();
  const pages = [REFERENCE, CONTRACTS].map(parsePage);
  checkDeclarations(abi, pages[0]);
  checkStructs(abi, pages[0]);
  checkNames(abi, pages);
  checkLayout();
  checkVectors();
  for (const text of complaints) console.error(`check-reference: ${text}`);
  const count = [...abi.contracts.values()].flat().length;
  console.log(`check-reference: ${count} entries of ${abi.contracts.size} contracts, ${complaints.length} faults`);
  process.exit(complaints.length > 0 ? 1 : 0);
}
