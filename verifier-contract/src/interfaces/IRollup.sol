// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IAssetRegistry} from "./IAssetRegistry.sol";
import {IPriceOracle} from "./IPriceOracle.sol";
import {IVault} from "./IVault.sol";

/// @notice Header values of a batch (spec: *Batch*, data words 0–7), and the state before it.
/// @param shape id of the registered shape
/// @param batchIndex batch index of the old state
/// @param time Unix time of the batch, in seconds
/// @param transactions number of active transaction slots
/// @param deposits number of deposits consumed from the queue
/// @param feeAsset the asset of all fees
/// @param feeRecipient the account credited with the fees
/// @param feeTotal the sum of the fees
/// @param firstDeposit deposit count of the old state
/// @param start index of the first appended leaf
/// @param assetsRoot root of the asset tree
/// @param oracle digest of the price snapshot in the batch's anchors; 0 before the first
/// @param oldState commitment of the state before the batch
struct BatchHeader {
    uint32 shape;
    uint64 batchIndex;
    uint40 time;
    uint16 transactions;
    uint16 deposits;
    uint16 feeAsset;
    address feeRecipient;
    uint128 feeTotal;
    uint64 firstDeposit;
    uint64 start;
    uint256 assetsRoot;
    uint256 oracle;
    uint256 oldState;
}

/// @notice The public part of a withdrawing transaction.
/// @param slot index of the transaction's slot
/// @param asset id of the asset
/// @param recipient the account credited, not zero
/// @param amount amount in base units, not zero
struct Withdrawal {
    uint8 slot;
    uint16 asset;
    address recipient;
    uint128 amount;
}

/// @notice A batch size, with the key that verifies its proofs.
/// @param slots number of transaction slots, and of deposit slots: 4, 16 or 64
/// @param unsafeDevelopment whether the key comes from a setup whose secrets are known
/// @param retired whether the shape is no longer accepted
/// @param verifier the verifier contract
/// @param vkData data contract that holds the verifying key
/// @param verifierCodeHash keccak256 of the verifier's code at registration; the code must stay
/// @param vkDataCodeHash keccak256 of the data contract's code at registration; the code must stay
struct Shape {
    uint16 slots;
    bool unsafeDevelopment;
    bool retired;
    address verifier;
    address vkData;
    bytes32 verifierCodeHash;
    bytes32 vkDataCodeHash;
}

/// @title Rollup
/// @notice Holds the state commitment and accepts a new one only with a proof (spec: *Settlement*).
interface IRollup {
    /// @notice A batch was accepted. Its data are the calldata of the call that emitted this event.
    event BatchAccepted(
        uint64 indexed batchIndex,
        uint256 indexed newState,
        uint256 oldState,
        uint32 shape,
        uint40 time,
        uint16 transactions,
        uint16 deposits,
        uint64 firstDeposit,
        uint256 dataCommitment,
        bytes32 wordsHash
    );

    /// @notice A shape was registered.
    event ShapeRegistered(
        uint32 indexed shape,
        uint16 slots,
        address verifier,
        address vkData,
        bytes32 vkDataHash,
        bool unsafeDevelopment
    );

    /// @notice A shape is no longer accepted.
    event ShapeRetired(uint32 indexed shape);

    /// @notice The account that may submit batches changed.
    event SequencerChanged(address indexed sequencer);

    /// @notice The caller is not the sequencer.
    error NotSequencer(address caller);

    /// @notice The batch's data are not the calldata of the transaction itself.
    error DataNotInTransaction();

    /// @notice The address is zero.
    error ZeroAddress();

    /// @notice The address has no code, or only a delegation to other code (EIP-7702).
    error NotAContract(address account);

    /// @notice The code of the shape's verifier or key changed since the shape was registered.
    error CodeChanged(address account);

    /// @notice No active shape has this id.
    error UnknownShape(uint256 shape);

    /// @notice A shape has this id already. Shapes are never replaced.
    error ShapeExists(uint256 shape);

    /// @notice The number of slots is not 4, 16 or 64.
    error InvalidSlots(uint256 slots);

    /// @notice Only development chains accept a key from an unsafe setup.
    error UnsafeDevelopmentKey(uint256 chainId);

    /// @notice The batch does not start from the current state.
    error WrongOldState(uint256 given, uint256 current);

    /// @notice The batch index is not the next one.
    error WrongBatchIndex(uint256 given, uint256 current);

    /// @notice The assets root is not the registry's current root.
    error StaleAssetsRoot(uint256 given, uint256 current);

    /// @notice The fees are in an asset other than the rollup's fee asset.
    error WrongFeeAsset(uint256 given, uint256 expected);

    /// @notice The batch has fees but no fee recipient.
    error FeeWithoutRecipient();

    /// @notice The first deposit is not the next one in the queue.
    error WrongFirstDeposit(uint256 given, uint256 current);

    /// @notice The time is in the future, more than an hour ago, or before the last batch's time.
    error TimeOutsideWindow(uint256 given, uint256 earliest, uint256 latest);

    /// @notice No price snapshot has this digest.
    error UnknownSnapshot(uint256 digest);

    /// @notice The price snapshot is newer than the batch.
    error SnapshotAfterBatch(uint256 taken, uint256 time);

    /// @notice Another price snapshot had been taken more than ten minutes before the batch.
    error SnapshotSuperseded(uint256 superseded, uint256 time);

    /// @notice The last batch has a newer price snapshot.
    error SnapshotBeforeLast(uint256 taken, uint256 last);

    /// @notice The account cannot submit batches, because it has code.
    error SequencerWithCode(address account);

    /// @notice The account cannot submit batches: it is the rollup, or an address reserved for
    /// precompiled contracts.
    error SequencerWithoutKey(address account);

    /// @notice No asset has the id of the fee asset.
    error FeeAssetMissing(uint256 asset);

    /// @notice The price oracle uses a registry other than the rollup's.
    error OracleOfAnotherRegistry(address registry);

    /// @notice The batch has more transactions or deposits than the shape has slots.
    error TooManySlots(uint256 given, uint256 slots);

    /// @notice The data are not exactly 431 bytes for each active slot, 71 for each deposit or 39
    /// for each withdrawal.
    error WrongDataLength(uint256 given, uint256 expected);

    /// @notice Data word `index` is not below the scalar modulus.
    error WordNotCanonical(uint256 index);

    /// @notice The new state or the data commitment is not below the scalar modulus.
    error InstanceNotCanonical(uint256 instance);

    /// @notice The withdrawals are not in strictly rising order of active slots.
    error WithdrawalOutOfOrder(uint256 slot);

    /// @notice A withdrawal has no amount or no recipient.
    error EmptyWithdrawal(uint256 slot);

    /// @notice Verifies a batch and applies its effects. Only the sequencer may call, from an
    /// account without code and as the outermost call of a transaction: a reader of the event finds
    /// the data in the transaction's input.
    /// @param header the header values
    /// @param depositsData 71 bytes for each deposit, as they were queued: depositor 20, asset 2,
    /// value 16, inner 32, then 1 if it is taken back at the batch's time, else 0
    /// @param slotsData 431 bytes for each active slot: nf×3 (24 bytes each, big-endian), cm×3,
    /// E.y, audit×5 (32 bytes each, big-endian), then 71 bytes of note data
    /// @param withdrawalsData 39 bytes for each withdrawal, in strictly rising order of slots: slot
    /// 1, asset 2, recipient 20, amount 16
    /// @param proof the batch proof, in the encoding of the shape's verifier
    /// @param newState commitment of the state after the batch
    /// @param dataCommitment c, the Poseidon commitment to the data words
    function submitBatch(
        BatchHeader calldata header,
        bytes calldata depositsData,
        bytes calldata slotsData,
        bytes calldata withdrawalsData,
        bytes calldata proof,
        uint256 newState,
        uint256 dataCommitment
    ) external;

    /// @notice Registers a shape under a new id, bound to the current code of both contracts. Only
    /// governance may call.
    /// @param shape the new id
    /// @param slots 4, 16 or 64
    /// @param verifier the verifier contract, which must not delegate to replaceable code
    /// @param vkData data contract that holds the verifying key
    /// @param unsafeDevelopment whether the key comes from a setup whose secrets are known; only
    /// development chains accept such a key
    function registerShape(
        uint32 shape,
        uint16 slots,
        address verifier,
        address vkData,
        bool unsafeDevelopment
    ) external;

    /// @notice Stops accepting batches of a shape. Only governance may call.
    function retireShape(uint32 shape) external;

    /// @notice Sets the account that may submit batches, to which the vault credits the fees of
    /// later deposits. Refuses an account that cannot submit. Only governance may call.
    function setSequencer(address newSequencer) external;

    /// @notice Returns the commitment of the current state; at genesis the protocol's constant
    /// (spec: *Trees and state*).
    function state() external view returns (uint256);

    /// @notice Returns the batch index of the current state, which the next batch carries; 1 at
    /// genesis.
    function batchIndex() external view returns (uint64);

    /// @notice Returns the time of the last batch; 0 before the first.
    function lastTime() external view returns (uint40);

    /// @notice Returns when the price snapshot of the last batch was taken, in Unix seconds; 0
    /// before the first batch.
    function lastTaken() external view returns (uint40);

    /// @notice Returns the hash chain of all that batches published: keccak256(chain before ‖
    /// keccak256(data words) ‖ new state) at each batch, 32 bytes each; zero before the first. An
    /// archive of the batches, wherever it comes from, is checked against it.
    function dataChain() external view returns (bytes32);

    /// @notice Returns the word that binds transactions to this chain and contract: H(CONTEXT;
    /// chain id, this address, 1).
    function context() external view returns (uint256);

    /// @notice Returns the asset in which fees are paid.
    function feeAsset() external view returns (uint16);

    /// @notice Returns the account that may submit batches.
    function sequencer() external view returns (address);

    /// @notice Returns the vault.
    function vault() external view returns (IVault);

    /// @notice Returns the registry of assets.
    function registry() external view returns (IAssetRegistry);

    /// @notice Returns the oracle that takes the price snapshots which batches name.
    function oracle() external view returns (IPriceOracle);

    /// @notice Returns a registered shape. Reverts with `UnknownShape`.
    function shapeOf(uint256 shape) external view returns (Shape memory);
}
