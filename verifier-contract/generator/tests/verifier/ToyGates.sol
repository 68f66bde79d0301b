// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from the constraint system by subrosa-verifier-generator. Do not edit.
pragma solidity 0.8.30;

import {Halo2Verifier} from "../../../src/Halo2Verifier.sol";

/// @title Gates and lookup expressions of one constraint system
abstract contract ToyGates is Halo2Verifier {
    /// @inheritdoc Halo2Verifier
    function _gatesDigest() internal pure override returns (bytes32) {
        return 0x7f916d48634cb64770914fced78407f55e8c9bde06d8a41dc4b3a3170b22898e;
    }

    /// @inheritdoc Halo2Verifier
    function _gates(uint256 a, uint256 f, uint256 i, uint256 s, uint256 t, uint256 r, uint256 y)
        internal
        pure
        override
        returns (uint256 sum)
    {
        sum = foldGates0(a, f, i, s, t, r, y, sum);
    }

    /// @inheritdoc Halo2Verifier
    function _lookups(uint256 a, uint256 f, uint256, uint256, uint256, uint256 r, uint256 theta, uint256 out) internal pure override {
        assembly ("memory-safe") {
            mstore(out, addmod(mulmod(addmod(mulmod(mload(add(f, 0xa0)), mload(add(a, 0x280)), r), 0, r), theta, r), mulmod(mload(add(f, 0xa0)), mload(add(a, 0x2a0)), r), r))
            mstore(add(out, 0x20), addmod(mulmod(addmod(mload(add(f, 0x60)), 0, r), theta, r), mload(add(f, 0x80)), r))
            mstore(add(out, 0x40), addmod(mulmod(mload(add(f, 0xa0)), mload(add(a, 0x2c0)), r), 0, r))
            mstore(add(out, 0x60), addmod(mload(add(f, 0x60)), 0, r))
        }
    }

    function foldGates0(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            mstore(s, addmod(mload(add(a, 0x40)), mload(add(f, 0x20)), r))
            mstore(add(s, 0x20), mulmod(mload(t), mload(t), r))
            mstore(add(s, 0x40), mulmod(mload(t), mulmod(mload(add(t, 0x20)), mload(add(t, 0x20)), r), r))
            mstore(add(s, 0x60), addmod(addmod(mload(add(a, 0x180)), sub(r, mulmod(mload(add(t, 0x40)), 3, r)), r), sub(r, mload(add(a, 0x60))), r))
            sum := addmod(mulmod(folded, y, r), mulmod(mload(add(f, 0xc0)), addmod(mload(add(t, 0x60)), mulmod(2, mload(add(a, 0x200)), r), r), r), r)
            mstore(add(s, 0x80), mulmod(mload(add(a, 0x60)), mload(add(a, 0x60)), r))
            mstore(add(s, 0xa0), addmod(mload(add(t, 0x40)), sub(r, mulmod(mload(add(a, 0x60)), mulmod(mload(add(t, 0x80)), mload(add(t, 0x80)), r), r)), r))
            mstore(add(s, 0xc0), addmod(mload(add(a, 0x1a0)), sub(r, addmod(mload(add(t, 0xa0)), mulmod(mload(add(a, 0x40)), mload(add(a, 0x80)), r), r)), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(f, 0xc0)), mload(add(t, 0xc0)), r), r)
            mstore(add(s, 0xe0), addmod(11, addmod(mulmod(mload(add(a, 0x80)), mulmod(mload(add(a, 0x40)), mload(add(a, 0x60)), r), r), sub(r, mload(add(a, 0x1e0))), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(f, 0xc0)), addmod(mload(add(a, 0x1c0)), sub(r, mload(add(t, 0xe0))), r), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(a, 0x40)), mulmod(mload(add(f, 0xc0)), mload(add(f, 0x40)), r), r), r)
            mstore(add(s, 0x100), addmod(addmod(mload(add(a, 0x260)), sub(r, mulmod(mload(add(a, 0x20)), mload(a), r)), r), sub(r, mload(add(a, 0x220))), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(f, 0xe0)), addmod(mload(add(t, 0x100)), mload(add(a, 0x240)), r), r), r)
        }
    }
}
