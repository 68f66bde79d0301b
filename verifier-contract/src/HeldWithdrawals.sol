// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {HeldWithdrawal, IHeldWithdrawals} from "./interfaces/IHeldWithdrawals.sol";
import {Withdrawal} from "./interfaces/IRollup.sol";

/// @title Held withdrawals
/// @notice See `IHeldWithdrawals`. The vault inherits this and pays.
abstract contract HeldWithdrawals is IHeldWithdrawals {
    /// @dev Most withdrawals of a batch.
    uint256 private constant MAXIMUM = 64;

    /// @dev The first 192 bits of each batch's root, above a bit for each place. Two trees with
    /// these bits in common take 2⁹⁶ hashes to find.
    mapping(uint256 batch => uint256) private _held;

    /// @inheritdoc IHeldWithdrawals
    function heldOf(uint64 batch) external view returns (uint192 root, uint64 claimed) {
        uint256 word = _held[batch];
        return (uint192(word >> MAXIMUM), uint64(word));
    }

    /// @dev Holds the first `count` of these withdrawals, which are two or more, in the batch's
    /// tree.
    function _hold(uint64 batch, Withdrawal[] memory withdrawals, uint256 count) internal {
        uint256 width = 2;
        while (width < count) width <<= 1;
        bytes32[] memory nodes = new bytes32[](width);
        for (uint256 i = 0; i < count; ++i) {
            Withdrawal memory withdrawal = withdrawals[i];
            // Not above 64.
            // forge-lint: disable-next-line(unsafe-typecast)
            uint8 place = uint8(i);
            nodes[i] = _leaf(place, withdrawal.asset, withdrawal.recipient, withdrawal.amount);
            emit WithdrawalHeld(
                batch, place, withdrawal.asset, withdrawal.recipient, withdrawal.amount
            );
        }
        for (; width > 1; width >>= 1) {
            for (uint256 i = 0; i < width; i += 2) {
                nodes[i >> 1] = _node(nodes[i], nodes[i + 1]);
            }
        }
        _held[batch] = (uint256(nodes[0]) >> MAXIMUM) << MAXIMUM;
    }

    /// @dev Marks held withdrawals of the account as claimed. Returns the sum of their amounts.
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
            if (word & flag != 0) revert HeldWithdrawalClaimed(batch, place);
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
