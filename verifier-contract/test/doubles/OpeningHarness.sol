// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import "../../src/verifier/Layout.sol";
import {Opening} from "../../src/verifier/Opening.sol";
import {ScalarField} from "../../src/verifier/ScalarField.sol";

/// @dev Runs only the last step of a verification, on the smallest key that it works with: two
/// pieces of the quotient, one set of two commitments opened at one point. All points are the
/// identity except those below. Without a point of the second group in the key, the pairing holds
/// for every sum.
contract OpeningHarness {
    // Offsets from the key.
    uint256 private constant AT_PIECES = 0x600;
    uint256 private constant AT_OPENING = 0x700;
    uint256 private constant AT_SETS = 0x800;
    uint256 private constant AT_COMMITMENTS = 0x900;
    uint256 private constant AT_WORK = 0xa00;
    uint256 private constant SIZE = 0x1000;

    /// @dev BN254's generator.
    uint256 private constant GX = 1;
    uint256 private constant GY = 2;

    /// @param xn factor of the quotient's pieces
    /// @param mu factor of h₂ in the sum
    /// @param zeta factor of the set's second commitment
    function check(uint256 xn, uint256 mu, uint256 zeta) external view {
        bytes memory block_ = new bytes(SIZE);
        uint256 key;
        assembly ("memory-safe") {
            key := add(block_, 0x20)
        }
        Verification memory v;
        v.key = key;
        v.work = key + AT_WORK;
        v.distances = v.work + WORK_LOOKUPS;
        v.scratch = v.distances + 0x40;
        (v.xn, v.mu, v.zeta, v.nu) = (xn, mu, zeta, 1);
        store(key + KEY_AT_Y, AT_PIECES);
        store(key + KEY_AT_X, AT_PIECES + 0x80);
        store(key + KEY_AT_OPENING, AT_OPENING);
        store(key + KEY_AT_SETS, AT_SETS);
        store(key + KEY_SETS, 1);
        store(key + KEY_ROTATIONS, 1);
        // The quotient's last piece and h₂ are the generator; x^n and μ multiply them.
        (uint256 piece, uint256 h2) = (key + AT_PIECES + 0x40, key + AT_OPENING + 0x40);
        store(piece, GX);
        store(piece + 0x20, GY);
        store(h2, GX);
        store(h2 + 0x20, GY);
        // One point, at rotation 0 and distance 1. Its two commitments are the generator, its
        // evaluations 0.
        store(v.distances, 1);
        store(v.distances + 0x20, 1);
        store(key + AT_COMMITMENTS, GX);
        store(key + AT_COMMITMENTS + 0x20, GY);
        uint256 commitment = (AT_COMMITMENTS << 16) | (AT_COMMITMENTS + 0x40);
        // Numbers of points and commitments, the rotation; then each commitment and its evaluation.
        store(
            key + AT_SETS,
            (((1 << 32) | (2 << 16)) << 208) | (commitment << 176) | (commitment << 144)
        );
        Opening.check(v);
    }

    /// @dev Returns 1/value.
    function invert(uint256 value) external view returns (uint256) {
        uint256[2] memory words;
        words[0] = value;
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := words
        }
        ScalarField.invertAll(pointer, 1, pointer + 32);
        return words[0];
    }
}
