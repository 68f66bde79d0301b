// Makes poseidon.json: test vectors of the permutation from an independent implementation.
//
//   npm install circomlibjs@0.1.7        (in a folder outside the repository)
//   node poseidon.mjs FOLDER > poseidon.json
//
// circomlibjs 0.1.7 has a plain and an optimised implementation; each output is
// computed by both and compared. The constants are those it publishes for width 5.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { createHash } from "node:crypto";
import path from "node:path";

const folder = path.resolve(process.argv[2]);
const packageFolder = path.join(folder, "node_modules", "circomlibjs");
const load = (file) => import(pathToFileURL(path.join(packageFolder, file)));
const { version } = createRequire(import.meta.url)(path.join(packageFolder, "package.json"));
if (version !== "0.1.7") throw new Error(`circomlibjs ${version}, expected 0.1.7`);

const { buildPoseidonReference, buildPoseidonOpt } = await load("main.js");
const { default: constants } = await load("src/poseidon_constants.js");
const reference = await buildPoseidonReference();
const optimised = await buildPoseidonOpt();

const WIDTH = 5;
const R = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const hex = (x) => "0x" + BigInt(x).toString(16).padStart(64, "0");

// Unstructured elements, the same on every run.
let counter = 0;
const drawn = () => BigInt("0x" + createHash("sha512").update(`poseidon ${counter++}`).digest("hex")) % R;

const states = [
  [0n, 0n, 0n, 0n, 0n],
  [0n, 1n, 2n, 3n, 4n],
  [1n, 1n, 1n, 1n, 1n],
  [R - 1n, R - 1n, R - 1n, R - 1n, R - 1n],
  [0n, R - 1n, 0n, R - 1n, 0n],
];
// States with one nonzero element.
for (let i = 0; i < WIDTH; i++) {
  for (const value of [1n, R - 1n]) states.push([0, 1, 2, 3, 4].map((j) => (i === j ? value : 0n)));
}
// The capacities of the protocol: tag + length * 2^64.
for (const [tag, length] of [[1n, 4n], [2n, 3n], [3n, 3n], [4n, 2n], [9n, 30n], [14n, 1672n]]) {
  states.push([tag + (length << 64n), drawn(), drawn(), drawn(), drawn()]);
}
for (let i = 0; i < 24; i++) states.push([drawn(), drawn(), drawn(), drawn(), drawn()]);

const permutations = states.map((input) => {
  const [capacity, ...message] = input;
  const run = (poseidon) => poseidon(message, capacity, WIDTH).map((x) => hex(poseidon.F.toObject(x)));
  const output = run(reference);
  if (JSON.stringify(output) !== JSON.stringify(run(optimised))) throw new Error("implementations differ");
  return { input: input.map(hex), output };
});

console.log(JSON.stringify({
  source: `circomlibjs ${version}`,
  round_constants: constants.C[WIDTH - 2].map(hex),
  mds: constants.M[WIDTH - 2].map((row) => row.map(hex)),
  permutations,
}, null, 1));
