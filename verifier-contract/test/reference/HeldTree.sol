// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {HeldWithdrawal} from "../../src/interfaces/IHeldWithdrawals.sol";
import {Withdrawal} from "../../src/interfaces/IRollup.sol";

/// @dev The tree of a batch's held withdrawals, written apart from the vault's: all levels are made
/// anew for each path.
library HeldTree {
    function leaf(Withdrawal memory w, uint256 place) internal pure returns (bytes32) {
        return keccak256(
            bytes.concat(
                bytes1(uint8(place)), bytes2(w.asset), bytes20(w.recipient), bytes16(w.amount)
            )
        );
    }

    /// @dev The path from a leaf to the root, with the salt, and the root.
    function path(Withdrawal[] memory all, uint256 place, bytes32 salt)
        internal
        pure
        returns (bytes32[] memory others, bytes32 root)
    {
        uint256 depth = 1;
        while (2 ** depth < all.length) ++depth;
        bytes32[] memory level = new bytes32[](2 ** depth);
        for (uint256 i = 0; i < all.length; ++i) {
            level[i] = leaf(all[i], i);
        }
        others = new bytes32[](depth + 1);
        others[depth] = salt;
        for (uint256 k = 0; k < depth; ++k) {
            others[k] = level[place ^ 1];
            bytes32[] memory above = new bytes32[](level.length / 2);
            for (uint256 i = 0; i < above.length; ++i) {
                above[i] = keccak256(bytes.concat(level[2 * i], level[2 * i + 1]));
            }
            (level, place) = (above, place / 2);
        }
        root = keccak256(bytes.concat(level[0], salt));
    }

    /// @dev The account shows this to claim one of them, if `prevrandao` is that of the batch.
    function shown(uint64 batch, Withdrawal[] memory all, uint256 place)
        internal
        view
        returns (HeldWithdrawal[] memory held)
    {
        (bytes32[] memory others,) = path(all, place, bytes32(block.prevrandao));
        held = new HeldWithdrawal[](1);
        held[0] = HeldWithdrawal(batch, uint8(place), all[place].amount, others);
    }
}
