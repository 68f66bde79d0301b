// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import "./generated/PoseidonConstants.sol";
import {SCALAR_MODULUS} from "./Fields.sol";
import {IPoseidon} from "./interfaces/IPoseidon.sol";

/// @title Poseidon
/// @notice Computes `H(tag; m₁ … mₙ)` over the BN254 scalar field. The round constants are the code
/// of a data contract that the constructor creates; the MDS matrix is in this contract's code.
contract Poseidon is IPoseidon {
    /// @notice Data contract with the round constants.
    address public immutable constants;

    constructor() {
        constants = address(new PoseidonConstants());
    }

    /// @inheritdoc IPoseidon
    function hash(uint256 tag, uint256[] calldata message) external view returns (uint256 digest) {
        uint256 length = message.length;
        if (length == 0) revert EmptyMessage();
        if (tag >= 1 << 64) revert TagTooLarge(tag);
        for (uint256 i = 0; i < length; ++i) {
            if (message[i] >= SCALAR_MODULUS) revert NotCanonical(i);
        }

        // Table of round constants: 68 rounds of five.
        uint256 table;
        address source = constants;
        assembly ("memory-safe") {
            table := mload(0x40)
            extcodecopy(source, table, 1, 10880)
            mstore(0x40, add(table, 10880))
        }

        // The capacity element holds the length above the tag. Calldata have far fewer than 2¹⁹⁰
        // words.
        uint256 s0 = tag + (length << 64);
        uint256 s1;
        uint256 s2;
        uint256 s3;
        uint256 s4;
        for (uint256 i = 0; i < length; i += 4) {
            // An absent element adds nothing, which is the zero padding. The sums are below 2r;
            // `permute` takes any 256-bit integers.
            s1 += message[i];
            if (i + 1 < length) s2 += message[i + 1];
            if (i + 2 < length) s3 += message[i + 2];
            if (i + 3 < length) s4 += message[i + 3];
            (s0, s1, s2, s3, s4) = permute(table, s0, s1, s2, s3, s4);
        }
        digest = s1;
    }

    /// @dev Applies the permutation. `table` is the memory address of the round constants. Inputs
    /// are taken modulo r; outputs are below r.
    function permute(uint256 table, uint256 s0, uint256 s1, uint256 s2, uint256 s3, uint256 s4)
        private
        pure
        returns (uint256, uint256, uint256, uint256, uint256)
    {
        uint256 end = table + 10880;
        // The first four and the last four rounds are full rounds.
        uint256 partialBegin = table + 640;
        uint256 partialEnd = end - 640;
        assembly ("memory-safe") {
            for {} lt(table, end) { table := add(table, 160) } {
                s0 := addmod(s0, mload(table), SCALAR_MODULUS)
                s1 := addmod(s1, mload(add(table, 32)), SCALAR_MODULUS)
                s2 := addmod(s2, mload(add(table, 64)), SCALAR_MODULUS)
                s3 := addmod(s3, mload(add(table, 96)), SCALAR_MODULUS)
                s4 := addmod(s4, mload(add(table, 128)), SCALAR_MODULUS)

                let q := mulmod(s0, s0, SCALAR_MODULUS)
                s0 := mulmod(s0, mulmod(q, q, SCALAR_MODULUS), SCALAR_MODULUS)
                if or(lt(table, partialBegin), iszero(lt(table, partialEnd))) {
                    q := mulmod(s1, s1, SCALAR_MODULUS)
                    s1 := mulmod(s1, mulmod(q, q, SCALAR_MODULUS), SCALAR_MODULUS)
                    q := mulmod(s2, s2, SCALAR_MODULUS)
                    s2 := mulmod(s2, mulmod(q, q, SCALAR_MODULUS), SCALAR_MODULUS)
                    q := mulmod(s3, s3, SCALAR_MODULUS)
                    s3 := mulmod(s3, mulmod(q, q, SCALAR_MODULUS), SCALAR_MODULUS)
                    q := mulmod(s4, s4, SCALAR_MODULUS)
                    s4 := mulmod(s4, mulmod(q, q, SCALAR_MODULUS), SCALAR_MODULUS)
                }

                // Five products below r: their sum is below 5r < 2²⁵⁶, and `addmod` of the next
                // round reduces it.
                let t0 :=
                    add(
                        add(
                            mulmod(s0, POSEIDON_M00, SCALAR_MODULUS),
                            mulmod(s1, POSEIDON_M01, SCALAR_MODULUS)
                        ),
                        add(
                            add(
                                mulmod(s2, POSEIDON_M02, SCALAR_MODULUS),
                                mulmod(s3, POSEIDON_M03, SCALAR_MODULUS)
                            ),
                            mulmod(s4, POSEIDON_M04, SCALAR_MODULUS)
                        )
                    )
                let t1 :=
                    add(
                        add(
                            mulmod(s0, POSEIDON_M10, SCALAR_MODULUS),
                            mulmod(s1, POSEIDON_M11, SCALAR_MODULUS)
                        ),
                        add(
                            add(
                                mulmod(s2, POSEIDON_M12, SCALAR_MODULUS),
                                mulmod(s3, POSEIDON_M13, SCALAR_MODULUS)
                            ),
                            mulmod(s4, POSEIDON_M14, SCALAR_MODULUS)
                        )
                    )
                let t2 :=
                    add(
                        add(
                            mulmod(s0, POSEIDON_M20, SCALAR_MODULUS),
                            mulmod(s1, POSEIDON_M21, SCALAR_MODULUS)
                        ),
                        add(
                            add(
                                mulmod(s2, POSEIDON_M22, SCALAR_MODULUS),
                                mulmod(s3, POSEIDON_M23, SCALAR_MODULUS)
                            ),
                            mulmod(s4, POSEIDON_M24, SCALAR_MODULUS)
                        )
                    )
                let t3 :=
                    add(
                        add(
                            mulmod(s0, POSEIDON_M30, SCALAR_MODULUS),
                            mulmod(s1, POSEIDON_M31, SCALAR_MODULUS)
                        ),
                        add(
                            add(
                                mulmod(s2, POSEIDON_M32, SCALAR_MODULUS),
                                mulmod(s3, POSEIDON_M33, SCALAR_MODULUS)
                            ),
                            mulmod(s4, POSEIDON_M34, SCALAR_MODULUS)
                        )
                    )
                let t4 :=
                    add(
                        add(
                            mulmod(s0, POSEIDON_M40, SCALAR_MODULUS),
                            mulmod(s1, POSEIDON_M41, SCALAR_MODULUS)
                        ),
                        add(
                            add(
                                mulmod(s2, POSEIDON_M42, SCALAR_MODULUS),
                                mulmod(s3, POSEIDON_M43, SCALAR_MODULUS)
                            ),
                            mulmod(s4, POSEIDON_M44, SCALAR_MODULUS)
                        )
                    )
                s0 := t0
                s1 := t1
                s2 := t2
                s3 := t3
                s4 := t4
            }
            s0 := mod(s0, SCALAR_MODULUS)
            s1 := mod(s1, SCALAR_MODULUS)
            s2 := mod(s2, SCALAR_MODULUS)
            s3 := mod(s3, SCALAR_MODULUS)
            s4 := mod(s4, SCALAR_MODULUS)
        }
        return (s0, s1, s2, s3, s4);
    }
}
