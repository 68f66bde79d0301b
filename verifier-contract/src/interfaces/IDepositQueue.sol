// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @notice A deposit as the queue binds it.
/// @param depositor the account that deposited, to which a deposit that is taken back is credited
/// @param asset id of the asset
/// @param value value of the note in base units, not zero
/// @param inner inner commitment of the note
struct QueuedDeposit {
    address depositor;
    uint16 asset;
    uint128 value;
    uint256 inner;
}

/// @title Deposit queue
/// @notice Binds the deposits that wait for a batch by a hash chain (spec: *Settlement*, Deposit
/// queue). The link of deposit `index` is keccak256(link before ‖ index ‖ depositor ‖ packed ‖
/// inner), 32 bytes each, and the link before the first deposit is zero. The deposits themselves
/// are in the events `DepositQueued` and in the calldata of the batches that consume them.
///
/// A depositor may request a deposit back. Batches of a time before the request becomes effective
/// still consume the deposit; a later batch passes over it.
interface IDepositQueue {
    /// @notice A deposit was appended to the queue. The vault received `value + fee` base units:
    /// `value` is the note's, `fee` is credited to the rollup's sequencer.
    event DepositQueued(
        uint64 indexed index,
        address indexed depositor,
        uint16 indexed asset,
        uint128 value,
        uint128 fee,
        uint256 inner
    );

    /// @notice The rollup took the deposits `first` … `first + count − 1` into its state, or passed
    /// over those among them that were taken back.
    event DepositsConsumed(uint64 first, uint64 count);

    /// @notice The depositor wants deposit `index` back. A batch whose time is `effective` or later
    /// does not consume it.
    event TakeBackRequested(uint64 indexed index, address indexed depositor, uint40 effective);

    /// @notice Deposit `index` was credited to its depositor and makes no note.
    event DepositTakenBack(uint64 indexed index, address indexed depositor);

    /// @notice The queue has fewer deposits than requested.
    error DepositsMissing(uint256 requested, uint256 queued);

    /// @notice The deposits differ from those that were queued, from index `first` on.
    error DepositsDiffer(uint256 first, uint256 count);

    /// @notice The data do not say of deposit `index` what is true: whether it is taken back at the
    /// batch's time.
    error WrongTakeBack(uint256 index, bool isTakenBack);

    /// @notice A batch has consumed the deposit already, or passed over it.
    error DepositConsumed(uint256 index);

    /// @notice The deposit was requested back already, with effect from this time, Unix seconds.
    error TakeBackPending(uint256 index, uint256 effective);

    /// @notice The deposit was not requested back, or was credited already.
    error NoTakeBack(uint256 index);

    /// @notice The deposit is credited from this time on, Unix seconds, unless a batch consumes it
    /// before.
    error TakeBackTooEarly(uint256 index, uint256 payable_);

    /// @notice The link was overwritten: only those of deposits that wait, and the last one before
    /// them, are kept.
    error LinkForgotten(uint256 count);

    /// @notice Requests deposit `index` back. Only its depositor may call. The request becomes
    /// effective a day later.
    /// @param index index of the deposit in the queue
    /// @param previous link of the deposit before it
    /// @param queued the deposit; its depositor is the caller
    function requestTakeBack(uint64 index, bytes32 previous, QueuedDeposit calldata queued)
        external;

    /// @notice Credits a deposit to its depositor, which no batch has consumed or passed over, an
    /// hour after its request became effective or later. Anybody may call. The fee that the
    /// sequencer received for the deposit is not returned.
    /// @param index index of the deposit in the queue
    /// @param previous link of the deposit before it
    /// @param queued the deposit
    function takeBack(uint64 index, bytes32 previous, QueuedDeposit calldata queued) external;

    /// @notice Returns the number of deposits ever queued.
    function depositCount() external view returns (uint64);

    /// @notice Returns the number of deposits that the state has taken or passed over, which is the
    /// index of the next.
    function consumedCount() external view returns (uint64);

    /// @notice Returns the link of deposit `count − 1`; zero for count 0. Reverts with
    /// `LinkForgotten` unless `consumedCount() ≤ count ≤ depositCount()`.
    function linkAfter(uint256 count) external view returns (bytes32);

    /// @notice Returns the number of waiting deposits that were requested back.
    function requestedCount() external view returns (uint64);

    /// @notice Returns from when on a waiting deposit is taken back, Unix seconds, and whether it
    /// was credited to its depositor already; zero if it was not requested back.
    function takeBackOf(uint256 index) external view returns (uint40 effective, bool credited);
}
