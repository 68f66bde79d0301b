// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @notice A withdrawal that a batch holds in its tree, with the proof that it does.
/// @param batch index of the batch
/// @param place number of the withdrawal in the tree
/// @param amount the amount that it owes
/// @param path the other child at each step from the leaf to the root
struct HeldWithdrawal {
    uint64 batch;
    uint8 place;
    uint128 amount;
    bytes32[] path;
}

/// @title Held withdrawals
/// @notice Withdrawals of a batch to accounts that the vault does not know in the asset are held in
/// a Merkle tree of the batch, one slot for all, if there are two or more of them. The account that
/// claims shows the path (spec: *Settlement on L1*, Held withdrawals).
///
/// The leaf with number `place` is keccak256(place 1 ‖ asset 2 ‖ account 20 ‖ amount 16), 39 bytes
/// big-endian; a node is keccak256 of its two children; leaves that are missing to the next power of
/// two are 0.
interface IHeldWithdrawals {
    /// @notice The batch holds a withdrawal of `amount` to `account` at this place of its tree.
    event WithdrawalHeld(
        uint64 indexed batch,
        uint8 place,
        uint16 indexed asset,
        address indexed account,
        uint128 amount
    );

    /// @notice The batch does not hold this withdrawal of the account in the asset.
    error NotHeld(uint64 batch, uint8 place);

    /// @notice The held withdrawal was claimed before.
    error HeldWithdrawalClaimed(uint64 batch, uint8 place);

    /// @notice Returns the first 192 bits of the root of a batch's tree, 0 if it holds none, and a
    /// bit for each withdrawal that was claimed, by its place.
    function heldOf(uint64 batch) external view returns (uint192 root, uint64 claimed);
}
