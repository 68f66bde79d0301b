// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IHalo2Verifier} from "../interfaces/IHalo2Verifier.sol";
import {R} from "./Layout.sol";

/// @title Inversion in BN254's scalar field
library ScalarField {
    /// @dev Returns 1/value mod r, by Fermat's theorem and the modular exponentiation precompile.
    function invert(uint256 value) private view returns (uint256 inverse) {
        bool done;
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, 0x20)
            mstore(add(p, 0x20), 0x20)
            mstore(add(p, 0x40), 0x20)
            mstore(add(p, 0x60), value)
            mstore(add(p, 0x80), sub(R, 2))
            mstore(add(p, 0xa0), R)
            done := staticcall(gas(), 5, p, 0xc0, p, 0x20)
            done := and(done, eq(returndatasize(), 0x20))
            inverse := mload(p)
        }
        if (!done) revert IHalo2Verifier.PrecompileFailed();
        // For zero the power is zero.
        if (inverse == 0) revert IHalo2Verifier.DegenerateChallenge();
    }

    /// @notice Inverts `count` words at `values` in place, with one inversion.
    /// @param values pointer to scalars below r
    /// @param prefixes pointer to `count` words of scratch space
    function invertAll(uint256 values, uint256 count, uint256 prefixes) internal view {
        uint256 product = 1;
        uint256 end = values + 32 * count;
        uint256 prefix = prefixes;
        assembly ("memory-safe") {
            for { let p := values } lt(p, end) { p := add(p, 0x20) } {
                mstore(prefix, product)
                product := mulmod(product, mload(p), R)
                prefix := add(prefix, 0x20)
            }
        }
        uint256 inverse = invert(product);
        assembly ("memory-safe") {
            for { let p := end } gt(p, values) {} {
                p := sub(p, 0x20)
                prefix := sub(prefix, 0x20)
                let value := mload(p)
                mstore(p, mulmod(inverse, mload(prefix), R))
                inverse := mulmod(inverse, value, R)
            }
        }
    }
}
