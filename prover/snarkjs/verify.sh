#!/bin/sh
# Proves a sample transaction, exports it and has snarkjs verify it; then changes the public input and
# the proof and sees snarkjs reject both.
#
#   verify.sh [KEY_DIR]     keys are made there on first use (default: a directory that is removed)
#
# Needs Node and the packages of package-lock.json: `npm ci --prefix prover/snarkjs`.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
snarkjs="$here/node_modules/.bin/snarkjs"
if [ ! -x "$snarkjs" ]; then
    echo "snarkjs is not installed: run npm ci --prefix prover/snarkjs" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
keys=${1:-$work/keys}

cd "$here/.."
# What `cargo test --workspace` has built already is used: building one package alone chooses other features.
example="${CARGO_TARGET_DIR:-$here/../../target}/release/examples/export_snarkjs"
if [ -x "$example" ]; then
    "$example" "$keys" "$work"
else
    cargo run --release --quiet -p subrosa-prover --example export_snarkjs -- "$keys" "$work"
fi

# snarkjs exits with 1 for a proof that does not hold, and says which.
verify() {
    "$snarkjs" groth16 verify "$work/verification_key.json" "$1" "$2" >"$work/said" 2>&1
}

if ! verify "$work/public.json" "$work/proof.json"; then
    cat "$work/said" >&2
    echo "snarkjs rejects a valid proof" >&2
    exit 1
fi
grep -q 'OK!' "$work/said"

rejects() {
    if verify "$1" "$2"; then
        echo "snarkjs accepts $3" >&2
        exit 1
    fi
    grep -q 'Invalid proof' "$work/said"
}

printf '["1"]' >"$work/other.json"
rejects "$work/other.json" "$work/proof.json" "another digest"

# A in place of C: a valid point that is the wrong one.
node -e '
const { readFileSync, writeFileSync } = require("node:fs");
const [from, to] = process.argv.slice(1);
const proof = JSON.parse(readFileSync(from));
proof.pi_c = proof.pi_a;
writeFileSync(to, JSON.stringify(proof));
' "$work/proof.json" "$work/altered.json"
rejects "$work/public.json" "$work/altered.json" "an altered proof"

echo "snarkjs agrees: one proof accepted, two rejected"
