// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @notice A withdrawal that a batch holds in its tree, with the proof that it does.
/// @param batch index of the batch
/// @param place number of the withdrawal among those of the batch
/// @param amount the amount that it owes
/// @param path the other child at each step from the leaf to the root, then the salt
struct HeldWithdrawal {
    uint64 batch;
    uint8 place;
    uint128 amount;
    bytes32[] path;
}

/// @title Held withdrawals
/// @notice If two or more withdrawals of a batch are to accounts without a slot in the asset, the
/// vault stores the root of a Merkle tree of all withdrawals of the batch, and holds these. The
/// account that claims shows the path (spec: *Settlement on L1*, Held withdrawals).
///
/// The leaf of withdrawal `place`, in the order of the batch, is keccak256(place 1 ‖ asset 2 ‖
/// account 20 ‖ amount 16), 39 bytes big-endian; a node is keccak256 of its two children; leaves
/// that are missing to the next power of two are 0. The root is keccak256 of the top of the tree and
/// the salt, the block's `prevrandao`, which nobody knew when the withdrawals were made.
interface IHeldWithdrawals {
    /// @notice The batch holds a withdrawal of `amount` to `account`, with this number among its
    /// withdrawals.
    event WithdrawalHeld(
        address indexed account,
        uint16 indexed asset,
        uint64 indexed batch,
        uint8 place,
        uint128 amount,
        bytes32 salt
    );

    /// @notice The batch has no such withdrawal of the account in the asset.
    error NotHeld(uint64 batch, uint8 place);

    /// @notice Returns the first 192 bits of the root of a batch's tree, 0 if it holds none, and a
    /// bit for each withdrawal that was claimed or never held, by its place.
    function heldOf(uint64 batch) external view returns (uint192 root, uint64 claimed);
}
