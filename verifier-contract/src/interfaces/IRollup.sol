// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IAssetRegistry} from "./IAssetRegistry.sol";
import {IPriceOracle} from "./IPriceOracle.sol";
import {IVault} from "./IVault.sol";

/// @notice Header values of a batch (specification: Batch, data words 0–7, and the state it starts from).
/// @param shape id of the registered shape
/// @param batchIndex the old state's batch index
/// @param time Unix time of the batch, in seconds
/// @param transactions how many transaction slots are active
/// @param deposits how many deposits of the queue are consumed
/// @param feeAsset the asset of all fees
/// @param feeRecipient the account credited with the fees
/// @param feeTotal the sum of the fees
/// @param firstDeposit the old state's deposit count
/// @param start index of the first leaf appended
/// @param assetsRoot root of the asset tree
/// @param oracle digest of a price snapshot, or 0
/// @param oldState commitment of the state the batch starts from
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
/// @param asset the asset's id
/// @param recipient the account credited, not zero
/// @param amount in the asset's smallest unit, not zero
struct Withdrawal {
    uint8 slot;
    uint16 asset;
    address recipient;
    uint128 amount;
}

/// @notice A batch size and the key that its proofs are verified under.
/// @param slots transaction slots, and deposit slots: 4, 16 or 64
/// @param unsafeDevelopment the key comes from a setup whose secrets are known
/// @param retired no longer accepted
/// @param verifier the verifier contract
/// @param vkData data contract that holds the verifying key
/// @param verifierCodeHash keccak256 of the verifier's code at registration, which must not change
/// @param vkDataCodeHash keccak256 of the data contract's code at registration, which must not change
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
/// @notice Holds the state commitment and accepts a new one only with a proof (specification: Settlement).
interface IRollup {
    /// @notice A batch was accepted. Its data are the calldata of the call that emitted this.
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

    /// @notice The address has no code, or none but a delegation to other code (EIP-7702).
    error NotAContract(address account);

    /// @notice The verifier or the key of the batch's shape has other code than when the shape was registered.
    error CodeChanged(address account);

    /// @notice No shape in use has this id.
    error UnknownShape(uint256 shape);

    /// @notice The id was given before; shapes are never replaced.
    error ShapeExists(uint256 shape);

    /// @notice A shape has 4, 16 or 64 slots.
    error InvalidSlots(uint256 slots);

    /// @notice A key from an unsafe setup is refused on this chain.
    error UnsafeDevelopmentKey(uint256 chainId);

    /// @notice The batch does not start from the current state.
    error WrongOldState(uint256 given, uint256 current);

    /// @notice The batch index is not the next one.
    error WrongBatchIndex(uint256 given, uint256 current);

    /// @notice The assets root is not the registry's current one.
    error StaleAssetsRoot(uint256 given, uint256 current);

    /// @notice Fees are in another asset than the rollup's fee asset.
    error WrongFeeAsset(uint256 given, uint256 expected);

    /// @notice A fee needs a recipient.
    error FeeWithoutRecipient();

    /// @notice The first deposit is not the next one of the queue.
    error WrongFirstDeposit(uint256 given, uint256 current);

    /// @notice The time is in the future, more than an hour ago, or before the last batch's.
    error TimeOutsideWindow(uint256 given, uint256 earliest, uint256 latest);

    /// @notice No price snapshot has this digest.
    error UnknownSnapshot(uint256 digest);

    /// @notice The price snapshot is younger than the batch.
    error SnapshotAfterBatch(uint256 taken, uint256 time);

    /// @notice The price oracle's assets are not those of the rollup's registry.
    error OracleOfAnotherRegistry(address registry);

    /// @notice More transactions or deposits than the shape has slots.
    error TooManySlots(uint256 given, uint256 slots);

    /// @notice The slot data are not exactly 681 bytes for each active slot, or the withdrawals not 39 bytes each.
    error WrongDataLength(uint256 given, uint256 expected);

    /// @notice Data word `index` is not below the scalar modulus.
    error WordNotCanonical(uint256 index);

    /// @notice The new state or the data commitment is not below the scalar modulus.
    error InstanceNotCanonical(uint256 instance);

    /// @notice Withdrawals are not in strictly rising order of active slots.
    error WithdrawalOutOfOrder(uint256 slot);

    /// @notice A withdrawal has no amount or no recipient.
    error EmptyWithdrawal(uint256 slot);

    /// @notice Verifies a batch and applies its effects. Only the sequencer, an account without code, and only as a
    /// transaction of its own: whoever knows the event finds the data in that transaction's input.
    /// @param header the header values
    /// @param slotsData 681 bytes for each active slot: nf×3, cm×3, E.y, audit×9 (32 bytes each, big-endian), then
    /// 169 bytes of note data
    /// @param withdrawalsData 39 bytes for each withdrawal, in strictly rising order of slots: slot 1, asset 2,
    /// recipient 20, amount 16
    /// @param proof the batch proof, as the shape's verifier reads it
    /// @param newState commitment of the state after the batch
    /// @param dataCommitment c, the Poseidon commitment to the data words
    function submitBatch(
        BatchHeader calldata header,
        bytes calldata slotsData,
        bytes calldata withdrawalsData,
        bytes calldata proof,
        uint256 newState,
        uint256 dataCommitment
    ) external;

    /// @notice Registers a shape under a new id, bound to the code that both contracts have now. Only governance.
    /// @param shape the id, never used before
    /// @param slots 4, 16 or 64
    /// @param verifier the verifier contract, which must not delegate to code that could be replaced
    /// @param vkData data contract that holds the verifying key
    /// @param unsafeDevelopment whether the key comes from a setup whose secrets are known; refused off development chains
    function registerShape(uint32 shape, uint16 slots, address verifier, address vkData, bool unsafeDevelopment)
        external;

    /// @notice Stops accepting batches of a shape. Only governance.
    function retireShape(uint32 shape) external;

    /// @notice Names the account that may submit batches. Only governance.
    function setSequencer(address newSequencer) external;

    /// @notice The commitment of the current state; at genesis the protocol's constant (specification: Trees and state).
    function state() external view returns (uint256);

    /// @notice The batch index of the current state, which the next batch carries; 1 at genesis.
    function batchIndex() external view returns (uint64);

    /// @notice The time of the last batch; 0 before the first.
    function lastTime() external view returns (uint40);

    /// @notice The word that binds transactions to this chain and contract: H(CONTEXT; chain id, this address, 1).
    function context() external view returns (uint256);

    /// @notice The asset in which fees are paid.
    function feeAsset() external view returns (uint16);

    /// @notice The account that may submit batches.
    function sequencer() external view returns (address);

    /// @notice The vault.
    function vault() external view returns (IVault);

    /// @notice The registry of assets.
    function registry() external view returns (IAssetRegistry);

    /// @notice Takes the price snapshots that batches may name.
    function oracle() external view returns (IPriceOracle);

    /// @notice A registered shape; reverts with `UnknownShape`.
    function shapeOf(uint256 shape) external view returns (Shape memory);
}
