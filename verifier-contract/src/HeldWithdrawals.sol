// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {HeldWithdrawal, IHeldWithdrawals} from "./interfaces/IHeldWithdrawals.sol";
import {Withdrawal} from "./interfaces/IRollup.sol";

/// @title Held withdrawals
/// @notice See `IHeldWithdrawals`. The vault inherits this and pays.
abstract contract HeldWithdrawals is IHeldWithdrawals {
    /// @dev Most withdrawals of a batch.
    uint256 private constant MAXIMUM = 64;

    /// @dev The first 192 bits of each batch's root, above a bit for each place. The salt keeps
    /// anybody from looking for two trees with these bits in common beforehand.
    mapping(uint256 batch => uint256) private _held;

    /// @inheritdoc IHeldWithdrawals
    function heldOf(uint64 batch) external view returns (uint192 root, uint64 claimed) {
        uint256 word = _held[batch];
        return (uint192(word >> MAXIMUM), uint64(word));
    }

    /// @dev Stores the tree of a batch's withdrawals. `credited` has a bit for each that is not held.
    function _hold(uint64 batch, Withdrawal[] memory withdrawals, uint256 credited) internal {
        uint256 width = 2;
        while (width < withdrawals.length) width <<= 1;
        bytes32[] memory nodes = new bytes32[](width);
        bytes32 salt = bytes32(block.prevrandao);
        for (uint256 i = 0; i < withdrawals.length; ++i) {
            Withdrawal memory w = withdrawals[i];
            // A batch has at most 64.
            // forge-lint: disable-next-line(unsafe-typecast)
            uint8 place = uint8(i);
            nodes[i] = _leaf(place, w.asset, w.recipient, w.amount);
            if ((credited >> i) & 1 == 0) {
                emit WithdrawalHeld(w.recipient, w.asset, batch, place, w.amount, salt);
            }
        }
        for (; width > 1; width >>= 1) {
            for (uint256 i = 0; i < width; i += 2) {
                nodes[i >> 1] = _node(nodes[i], nodes[i + 1]);
            }
        }
        bytes32 root = _node(nodes[0], salt);
        _held[batch] = (uint256(root) >> MAXIMUM) << MAXIMUM | credited;
    }

    /// @dev Marks held withdrawals of the account as claimed. Returns the sum of their amounts.
    /// Passes over those that were claimed before: somebody else may have carried them.
    function _release(uint16 asset, address account, HeldWithdrawal[] calldata held)
        internal
        returns (uint256 amount)
    {
        for (uint256 i = 0; i < held.length; ++i) {
            HeldWithdrawal calldata item = held[i];
            (uint64 batch, uint8 place) = (item.batch, item.place);
            bytes32 node = _leaf(place, asset, account, item.amount);
            bytes32[] calldata path = item.path;
            for (uint256 k = 0; k < path.length; ++k) {
                node = (place >> k) & 1 == 0 ? _node(node, path[k]) : _node(path[k], node);
            }
            uint256 word = _held[batch];
            if (place >= MAXIMUM || word >> MAXIMUM != uint256(node) >> MAXIMUM) {
                revert NotHeld(batch, place);
            }
            uint256 flag = 1 << place;
            if (word & flag != 0) continue;
            _held[batch] = word | flag;
            amount += item.amount;
        }
    }

    function _leaf(uint8 place, uint16 asset, address account, uint128 amount)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(place, asset, account, amount));
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32 node) {
        assembly ("memory-safe") {
            mstore(0, left)
            mstore(32, right)
            node := keccak256(0, 64)
        }
    }
}
