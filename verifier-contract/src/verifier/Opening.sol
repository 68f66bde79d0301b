// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IHalo2Verifier} from "../interfaces/IHalo2Verifier.sol";
import "./Layout.sol";

/// @title SHPLONK opening of all commitments
/// @notice The key lists the opening sets: commitments that are opened at the same rotations of x,
/// with the memory offsets of each commitment and each evaluation.
/// @dev Uses the result of a precompiled contract only if the call succeeded and returned all
/// bytes: a call to an address without code, as on a chain that lacks the contract, succeeds and
/// returns nothing. The size is read in a statement of its own, after the call.
library Opening {
    /// @notice Reverts unless every commitment opens to its claimed values.
    function check(Verification memory v) internal view {
        unchecked {
            uint256 key = v.key;
            uint256 sum = v.work + WORK_SUM;
            bool valid = foldQuotient(v);

            store(sum, 0);
            store(sum + 32, 0);
            (bool setsValid, uint256 evaluation, uint256 zFirst) = foldSets(v, sum);

            uint256 opening = key + load(key + KEY_AT_OPENING);
            // sum − evaluation·G − z₀·h₁ + μ·h₂
            valid = addTerm(sum, key + KEY_G1, R - evaluation) && setsValid && valid;
            valid = addTerm(sum, opening, R - zFirst) && valid;
            valid = addTerm(sum, opening + 64, v.mu) && valid;
            if (!valid) revert IHalo2Verifier.PrecompileFailed();

            checkPairing(key, opening + 64, sum);
        }
    }

    /// @dev Writes the commitment to the quotient, ∑ pieceᵢ·x^(n·i), by Horner's scheme from the
    /// last piece.
    function foldQuotient(Verification memory v) private view returns (bool valid) {
        unchecked {
            uint256 first = v.key + load(v.key + KEY_AT_Y);
            uint256 piece = v.key + load(v.key + KEY_AT_X) - 64;
            uint256 target = v.work + WORK_QUOTIENT;
            uint256 buffer = v.work + WORK_SUM;
            uint256 xn = v.xn;
            valid = true;
            assembly ("memory-safe") {
                // buffer: piece, sum, factor
                mcopy(add(buffer, 0x40), piece, 0x40)
                mstore(add(buffer, 0x80), xn)
                for {} gt(piece, first) {} {
                    piece := sub(piece, 0x40)
                    valid := and(
                        valid,
                        staticcall(gas(), 7, add(buffer, 0x40), 0x60, add(buffer, 0x40), 0x40)
                    )
                    valid := and(valid, eq(returndatasize(), 0x40))
                    mcopy(buffer, piece, 0x40)
                    valid := and(
                        valid,
                        staticcall(gas(), 6, buffer, 0x80, add(buffer, 0x40), 0x40)
                    )
                    valid := and(valid, eq(returndatasize(), 0x40))
                }
                mcopy(target, add(buffer, 0x40), 0x40)
            }
        }
    }

    /// @dev Adds the commitments of every set to `sum`. Returns the sum of their interpolated
    /// evaluations at μ under the same factors, and the first set's vanishing polynomial at μ.
    function foldSets(Verification memory v, uint256 sum)
        private
        view
        returns (bool valid, uint256 evaluation, uint256 zFirst)
    {
        unchecked {
            uint256 cursor = v.key + load(v.key + KEY_AT_SETS);
            uint256 basis = v.scratch;
            uint256 power = 1;
            valid = true;
            for (uint256 i = load(v.key + KEY_SETS); i > 0; --i) {
                uint256 points = loadShort(cursor);
                uint256 commitments = loadShort(cursor + 2);
                uint256 inside;
                uint256 factor;
                (cursor, inside, factor) = interpolate(v, cursor + 4, points, basis);
                // SHPLONK multiplies a set by the distances to the points outside it. Up to one
                // factor common to all sets, this is a division by the distances to the points
                // inside it. The common factor is chosen such that the first commitment's factor is
                // 1.
                if (zFirst == 0) zFirst = inside;
                factor = mulmod(power, mulmod(zFirst, factor, R), R);
                power = mulmod(power, v.nu, R);

                uint256 part;
                bool partValid;
                (cursor, part, partValid) =
                    foldCommitments(v, cursor, points, commitments, sum, factor);
                evaluation = addmod(evaluation, part, R);
                valid = valid && partValid;
            }
        }
    }

    /// @dev Reads the rotations of a set. Writes the Lagrange basis of its points at μ to `basis`.
    /// Returns the product of μ's distances to the points, and the inverse of the product.
    function interpolate(Verification memory v, uint256 cursor, uint256 points, uint256 basis)
        private
        pure
        returns (uint256 next, uint256 inside, uint256 inverse)
    {
        unchecked {
            // Rotations, then their weights ∏ 1/(ω^rotation − ω^other) if there is more than one.
            uint256 distances = v.distances;
            uint256 inverses = distances + 32 * load(v.key + KEY_ROTATIONS);
            uint256 xInverse = v.xInverse;
            next = cursor + 2 * points;
            inside = 1;
            inverse = 1;
            uint256 scale = 1;
            for (uint256 p = cursor; p < next; p += 2) {
                uint256 rotation = 32 * loadShort(p);
                if (p > cursor) scale = mulmod(scale, xInverse, R);
                inside = mulmod(inside, load(distances + rotation), R);
                inverse = mulmod(inverse, load(inverses + rotation), R);
            }
            scale = mulmod(scale, inside, R);
            // A single point has the basis 1.
            for (uint256 i = points > 1 ? points : 0; i > 0; --i) {
                uint256 weight = mulmod(load(next), load(inverses + 32 * loadShort(cursor)), R);
                store(basis, mulmod(scale, weight, R));
                basis += 32;
                cursor += 2;
                next += 32;
            }
        }
    }

    /// @dev Adds the commitments of a set to `sum`, the first with `factor`, each further one with
    /// ζ times the previous factor. Returns the sum of their interpolated evaluations.
    function foldCommitments(
        Verification memory v,
        uint256 cursor,
        uint256 points,
        uint256 commitments,
        uint256 sum,
        uint256 factor
    ) private view returns (uint256 end, uint256 evaluation, bool valid) {
        unchecked {
            uint256 key = v.key;
            uint256 zeta = v.zeta;
            uint256 basis = v.scratch;
            uint256 stride = 2 + 2 * points;
            end = cursor + stride * commitments;
            valid = true;
            assembly ("memory-safe") {
                let term := add(sum, 0x40)
                for {} lt(cursor, end) {} {
                    // Offset of the commitment, then offsets of its evaluations, 16 bits each.
                    let places := mload(cursor)
                    let value := mload(add(key, and(shr(224, places), 0xffff)))
                    if gt(stride, 4) {
                        value := mulmod(value, mload(basis), R)
                        let weight := add(basis, 0x20)
                        let last := add(cursor, stride)
                        for { let p := add(cursor, 4) } lt(p, last) { p := add(p, 2) } {
                            let further := mload(add(key, shr(240, mload(p))))
                            value := addmod(value, mulmod(further, mload(weight), R), R)
                            weight := add(weight, 0x20)
                        }
                    }
                    evaluation := addmod(evaluation, mulmod(factor, value, R), R)

                    mcopy(term, add(key, shr(240, places)), 0x40)
                    if iszero(eq(factor, 1)) {
                        mstore(add(sum, 0x80), factor)
                        valid := and(valid, staticcall(gas(), 7, term, 0x60, term, 0x40))
                        valid := and(valid, eq(returndatasize(), 0x40))
                    }
                    valid := and(valid, staticcall(gas(), 6, sum, 0x80, sum, 0x40))
                    valid := and(valid, eq(returndatasize(), 0x40))
                    factor := mulmod(factor, zeta, R)
                    cursor := add(cursor, stride)
                }
            }
        }
    }

    /// @dev Adds scalar·point to the point at `sum`. Three words of scratch space follow that
    /// point.
    function addTerm(uint256 sum, uint256 point, uint256 scalar)
        private
        view
        returns (bool valid)
    {
        assembly ("memory-safe") {
            let term := add(sum, 0x40)
            mcopy(term, point, 0x40)
            mstore(add(sum, 0x80), scalar)
            valid := staticcall(gas(), 7, term, 0x60, term, 0x40)
            valid := and(valid, eq(returndatasize(), 0x40))
            valid := and(valid, staticcall(gas(), 6, sum, 0x80, sum, 0x40))
            valid := and(valid, eq(returndatasize(), 0x40))
        }
    }

    /// @dev Reverts unless e(h₂, [s]₂)·e(sum, −[1]₂) = 1.
    function checkPairing(uint256 key, uint256 h2, uint256 sum) private view {
        bool done;
        bool valid;
        assembly ("memory-safe") {
            let p := mload(0x40)
            mcopy(p, h2, 0x40)
            mcopy(add(p, 0x40), add(key, KEY_S_G2), 0x80)
            mcopy(add(p, 0xc0), sum, 0x40)
            mcopy(add(p, 0x100), add(key, KEY_NEGATIVE_G2), 0x80)
            done := staticcall(gas(), 8, p, 0x180, p, 0x20)
            done := and(done, eq(returndatasize(), 0x20))
            valid := eq(mload(p), 1)
        }
        if (!done) revert IHalo2Verifier.PrecompileFailed();
        if (!valid) revert IHalo2Verifier.InvalidProof();
    }
}
