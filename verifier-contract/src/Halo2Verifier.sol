// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IHalo2Verifier} from "./interfaces/IHalo2Verifier.sol";
import "./verifier/Layout.sol";
import {Opening} from "./verifier/Opening.sol";
import {ProofReader} from "./verifier/ProofReader.sol";
import {Quotient} from "./verifier/Quotient.sol";

/// @title Verifier of halo2 proofs under keys held as data
/// @notice Reads everything that differs between circuits of one constraint system (size, fixed
/// columns, permutation) from the verifying key. A further circuit size needs no further code. The
/// expressions of the gates are generated from the constraint system, into a contract that extends
/// this one; a key names its gates by their digest.
abstract contract Halo2Verifier is IHalo2Verifier {
    /// @inheritdoc IHalo2Verifier
    function verify(address vkData, uint256[5] calldata instances, bytes calldata proof)
        external
        view
    {
        unchecked {
            Verification memory v = ProofReader.read(_gatesDigest(), vkData, instances, proof);
            Quotient.prepare(v);

            uint256 advice = v.key + load(v.key + KEY_AT_X);
            uint256 fixedColumns = v.key + load(v.key + KEY_AT_FIXED);
            uint256 instance = v.work + WORK_INSTANCE;
            uint256 r = load(v.key + KEY_MODULUS);
            uint256 scratch = v.distances + 64 * load(v.key + KEY_ROTATIONS);
            uint256 sum = _gates(advice, fixedColumns, instance, v.scratch, scratch, r, v.y);
            _lookups(
                advice,
                fixedColumns,
                instance,
                v.scratch,
                scratch,
                r,
                v.theta,
                v.work + WORK_LOOKUPS
            );

            sum = Quotient.foldPermutation(v, sum);
            sum = Quotient.foldLookups(v, sum);
            store(v.work + WORK_QUOTIENT_EVALUATION, mulmod(sum, v.vanishingInverse, R));

            Opening.check(v);
        }
    }

    /// @dev Returns the keccak256 of the generated text that folds the gates and compresses the
    /// lookups.
    function _gatesDigest() internal pure virtual returns (bytes32);

    /// @dev Folds the expressions of the gates by powers of y, first expression highest.
    /// @param a pointer to the evaluations of the advice columns, in the order of their queries
    /// @param f pointer to the evaluations of the fixed columns
    /// @param i pointer to the evaluation of the instance column
    /// @param s pointer to scratch space
    /// @param t equal to `s`; the compiler must not know that they are equal
    /// @param r modulus of the scalar field
    function _gates(uint256 a, uint256 f, uint256 i, uint256 s, uint256 t, uint256 r, uint256 y)
        internal
        pure
        virtual
        returns (uint256 sum);

    /// @dev Writes the input and the table of each lookup, compressed by powers of `theta`, to
    /// `out`. The other parameters are as in `_gates`.
    function _lookups(
        uint256 a,
        uint256 f,
        uint256 i,
        uint256 s,
        uint256 t,
        uint256 r,
        uint256 theta,
        uint256 out
    ) internal pure virtual;
}
