// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

// Layout of a verifying key. `generator/src/key.rs` writes it and describes every word. Whoever
// changes one of the two files changes both, under a new magic word.
//
// Memory while a proof is verified: one block, offsets counted from the key's first byte,
//
//   key | state, transcript representation, 6 instances | proof | work area
//
// Everything that the transcript absorbs lies in the order of absorption. The sixth instance is the
// column challenge ζ, which the verifier computes. Until then, its preimage lies one word further
// back, without a gap:
//
//   key | state | domain, transcript representation, 5 instances | proof | work area

// Order of BN254's scalar field. Code that uses it often loads it from the key, which `ProofReader`
// compares with it: each reference to a constant takes 33 bytes of code.
uint256 constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
// Order of BN254's base field.
uint256 constant Q = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
// Generator of the subgroup of order t, with R − 1 = t·2^28 and t odd. It tells the columns of the
// permutation argument apart.
uint256 constant DELTA = 0x09226b6e22c6f0ca64ec26aad4c86e715b5f898e5e963f25870e56bbe533e9a2;

// "subrosa halo2 key v2", left-aligned.
uint256 constant KEY_MAGIC = 0x737562726f73612068616c6f32206b6579207632000000000000000000000000;
// "subrosa halo2 transcript v1", left-aligned: the first state of the transcript.
uint256 constant TRANSCRIPT_DOMAIN =
    0x737562726f73612068616c6f32207472616e7363726970742076310000000000;
// "subrosa column challenge v1", left-aligned: the first word of the column challenge's preimage.
uint256 constant COLUMN_CHALLENGE_DOMAIN =
    0x737562726f736120636f6c756d6e206368616c6c656e67652076310000000000;

// Instances that the caller passes. The column challenge follows them in the instance column.
uint256 constant CALLER_INSTANCES = 5;
uint256 constant INSTANCES = 6;
// State, representation of the key, instances.
uint256 constant HEAD_SIZE = 0x100;

// Fixed part of the key.
uint256 constant KEY_MODULUS = 0x20;
uint256 constant KEY_GATES = 0x40;
uint256 constant KEY_REPRESENTATION = 0x60;
uint256 constant KEY_LENGTH = 0x80;
uint256 constant KEY_PROOF_LENGTH = 0xa0;
uint256 constant KEY_WORK_SIZE = 0xc0;
uint256 constant KEY_K = 0xe0;
uint256 constant KEY_N_INVERSE = 0x100;
uint256 constant KEY_OMEGA = 0x120;
uint256 constant KEY_OMEGA_LAST = 0x140;
uint256 constant KEY_BLINDING = 0x160;
// Number m of committed columns. The column challenge depends on their commitments.
uint256 constant KEY_COMMITTED = 0x180;
uint256 constant KEY_PERMUTED = 0x1a0;
uint256 constant KEY_CHUNK = 0x1c0;
uint256 constant KEY_CHUNKS = 0x1e0;
uint256 constant KEY_LOOKUPS = 0x200;
uint256 constant KEY_ROTATIONS = 0x220;
uint256 constant KEY_SETS = 0x240;
uint256 constant KEY_AT_THETA = 0x260;
uint256 constant KEY_AT_BETA = 0x280;
uint256 constant KEY_AT_Y = 0x2a0;
uint256 constant KEY_AT_X = 0x2c0;
uint256 constant KEY_AT_FIXED = 0x2e0;
uint256 constant KEY_AT_SIGMA = 0x300;
uint256 constant KEY_AT_PRODUCTS = 0x320;
uint256 constant KEY_AT_LOOKUPS = 0x340;
uint256 constant KEY_AT_OPENING = 0x360;
uint256 constant KEY_AT_WORK = 0x380;
uint256 constant KEY_AT_COLUMNS = 0x3a0;
uint256 constant KEY_AT_ROTATIONS = 0x3c0;
uint256 constant KEY_AT_SETS = 0x3e0;
uint256 constant KEY_G1 = 0x400;
uint256 constant KEY_NEGATIVE_G2 = 0x440;
uint256 constant KEY_S_G2 = 0x4c0;
uint256 constant KEY_HEADER_SIZE = 0x540;

// Work area.
uint256 constant WORK_INSTANCE = 0x00;
uint256 constant WORK_QUOTIENT_EVALUATION = 0x20;
uint256 constant WORK_QUOTIENT = 0x40;
// Five words: the accumulated point, a point to add, its scalar.
uint256 constant WORK_SUM = 0x80;
// Two words for each lookup: compressed input, compressed table. Then for each rotation the
// distance of μ from x·ω^rotation, then the inverses. Scratch space follows.
uint256 constant WORK_LOOKUPS = 0x120;

/// @dev State that the steps of one verification share.
struct Verification {
    // memory address of the key
    uint256 key;
    // memory address of the work area
    uint256 work;
    // memory address of the distances of μ from the points of the opening; the inverses follow them
    uint256 distances;
    // memory address of the scratch space
    uint256 scratch;
    // challenge that compresses the columns of a lookup
    uint256 theta;
    // challenges of the permutation and lookup products
    uint256 beta;
    uint256 gamma;
    // challenge that separates the expressions
    uint256 y;
    // point of evaluation
    uint256 x;
    uint256 xInverse;
    // x^n
    uint256 xn;
    // 1/(x^n − 1)
    uint256 vanishingInverse;
    // Lagrange polynomials at x: first row, last usable row, and 1 − last − blinding rows
    uint256 lFirst;
    uint256 lLast;
    uint256 lActive;
    // challenges of SHPLONK: ζ separates the commitments of a set, ν the sets; μ is its point of
    // evaluation
    uint256 zeta;
    uint256 nu;
    uint256 mu;
}

/// @dev Returns the word at `pointer`.
function load(uint256 pointer) pure returns (uint256 value) {
    assembly ("memory-safe") {
        value := mload(pointer)
    }
}

/// @dev Returns the 16-bit number at `pointer`.
function loadShort(uint256 pointer) pure returns (uint256 value) {
    assembly ("memory-safe") {
        value := shr(240, mload(pointer))
    }
}

/// @dev Returns a·b mod r. The language's own function first tests whether r is zero, unless r is
/// constant.
function mulMod(uint256 a, uint256 b, uint256 r) pure returns (uint256 product) {
    assembly ("memory-safe") {
        product := mulmod(a, b, r)
    }
}

/// @dev Returns (a + b) mod r, for the same reason.
function addMod(uint256 a, uint256 b, uint256 r) pure returns (uint256 sum) {
    assembly ("memory-safe") {
        sum := addmod(a, b, r)
    }
}

/// @dev Writes a word of the block that `ProofReader.read` allocated.
function store(uint256 pointer, uint256 value) pure {
    assembly ("memory-safe") {
        mstore(pointer, value)
    }
}

/// @dev Copies `size` bytes within the block that `ProofReader.read` allocated.
function copy(uint256 target, uint256 source, uint256 size) pure {
    assembly ("memory-safe") {
        mcopy(target, source, size)
    }
}
