// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from the constraint system by subrosa-verifier. Do not edit.
pragma solidity 0.8.30;

import {Halo2Verifier} from "../../../src/Halo2Verifier.sol";

/// @title Gates and lookup expressions of one constraint system
abstract contract ToyGates is Halo2Verifier {
    /// @inheritdoc Halo2Verifier
    function _gatesDigest() internal pure override returns (bytes32) {
        return 0xf4f8ea2b4bfb12beb83a4b196cf67c883140fd34b8cf25703527cf1cb73b5a55;
    }

    /// @inheritdoc Halo2Verifier
    function _gates(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y) internal pure override returns (uint256 sum) {
        assembly ("memory-safe") {
            mstore(s, addmod(mload(a), mload(add(f, 0x20)), r))
            mstore(add(s, 0x20), mulmod(mload(t), mload(t), r))
            mstore(add(s, 0x40), mulmod(mload(t), mulmod(mload(add(t, 0x20)), mload(add(t, 0x20)), r), r))
            sum := mulmod(mload(add(f, 0xc0)), addmod(mulmod(2, mload(add(a, 0x1c0)), r), addmod(addmod(mload(add(a, 0x140)), sub(r, mulmod(mload(add(t, 0x40)), 3, r)), r), sub(r, mload(add(a, 0x20))), r), r), r)
            mstore(add(s, 0x60), mulmod(mload(add(a, 0x20)), mload(add(a, 0x20)), r))
            mstore(add(s, 0x80), addmod(mload(add(a, 0x160)), sub(r, addmod(mulmod(mload(a), mload(add(a, 0x40)), r), addmod(mload(add(t, 0x40)), sub(r, mulmod(mload(add(a, 0x20)), mulmod(mload(add(t, 0x60)), mload(add(t, 0x60)), r), r)), r), r)), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(f, 0xc0)), mload(add(t, 0x80)), r), r)
            mstore(add(s, 0xa0), addmod(mload(add(a, 0x180)), sub(r, addmod(11, addmod(mulmod(mload(add(a, 0x40)), mulmod(mload(a), mload(add(a, 0x20)), r), r), sub(r, mload(add(a, 0x1a0))), r), r)), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(f, 0xc0)), mload(add(t, 0xa0)), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(a), mulmod(mload(add(f, 0xc0)), mload(add(f, 0x40)), r), r), r)
        }
    }

    /// @inheritdoc Halo2Verifier
    function _lookups(uint256 a, uint256 f, uint256, uint256, uint256, uint256 r, uint256 theta, uint256 out) internal pure override {
        assembly ("memory-safe") {
            mstore(out, addmod(mulmod(addmod(mulmod(mload(add(f, 0xa0)), mload(add(a, 0x1e0)), r), 0, r), theta, r), mulmod(mload(add(f, 0xa0)), mload(add(a, 0x200)), r), r))
            mstore(add(out, 0x20), addmod(mulmod(addmod(mload(add(f, 0x60)), 0, r), theta, r), mload(add(f, 0x80)), r))
            mstore(add(out, 0x40), addmod(mulmod(mload(add(f, 0xa0)), mload(add(a, 0x220)), r), 0, r))
            mstore(add(out, 0x60), addmod(mload(add(f, 0x60)), 0, r))
        }
    }
}
