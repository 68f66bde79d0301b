// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {BatchData} from "./BatchData.sol";
import {DevelopmentChain} from "./DevelopmentChain.sol";
import {Fr, isCanonical} from "./Fields.sol";
import {Governed} from "./Governance.sol";
import {GENESIS_STATE, TIME_WINDOW} from "./ProtocolConstants.sol";
import {Vault} from "./Vault.sol";
import {DEPOSIT_BYTES, TRANSACTION_BYTES} from "./generated/Layouts.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IHalo2Verifier} from "./interfaces/IHalo2Verifier.sol";
import {IPriceOracle} from "./interfaces/IPriceOracle.sol";
import {BatchHeader, IRollup, Shape, Withdrawal} from "./interfaces/IRollup.sol";
import {IVault} from "./interfaces/IVault.sol";

/// @title Rollup
/// @notice See `IRollup`. Its constructor creates the vault: each of the two knows the other for
/// good.
contract Rollup is IRollup, Governed {
    uint256 private constant TAG_CONTEXT = 12;
    uint256 private constant PROTOCOL_VERSION = 2;
    /// @dev Longest time by which a newer price snapshot may have been taken before the batch.
    uint256 private constant PRICE_LAG = 10 minutes;
    /// @dev Last address that is reserved for precompiled contracts (EIP-7587).
    uint160 private constant LAST_PRECOMPILE = 0x1ff;
    /// @dev Prefix of the code of an account that delegates (EIP-7702). No contract's code can
    /// begin with it (EIP-3541).
    bytes3 private constant DELEGATION = 0xef0100;

    /// @inheritdoc IRollup
    IAssetRegistry public immutable registry;
    /// @inheritdoc IRollup
    IPriceOracle public immutable oracle;
    /// @inheritdoc IRollup
    IVault public immutable vault;
    /// @inheritdoc IRollup
    uint256 public immutable context;
    /// @inheritdoc IRollup
    uint16 public immutable feeAsset;

    Fr private _state;
    /// @inheritdoc IRollup
    address public sequencer;
    /// @inheritdoc IRollup
    uint64 public batchIndex;
    /// @inheritdoc IRollup
    uint40 public lastTime;
    /// @inheritdoc IRollup
    uint40 public lastTaken;
    /// @inheritdoc IRollup
    bytes32 public dataChain;

    mapping(uint256 id => Shape) private _shapes;

    /// @param registry_ the registry of assets, which names the hash contract
    /// @param oracle_ the price oracle, which must use the same registry
    /// @param governance the owner of this contract and of the vault; a timelock, except on
    /// development chains
    /// @param sequencer_ the account that may submit batches
    /// @param guardian the account that may pause deposits
    /// @param feeAsset_ id of the asset in which fees are paid
    constructor(
        IAssetRegistry registry_,
        IPriceOracle oracle_,
        address governance,
        address sequencer_,
        address guardian,
        uint16 feeAsset_
    ) Governed(governance) {
        // With another registry, an id would name another asset in the oracle.
        IAssetRegistry priced = oracle_.registry();
        if (priced != registry_) revert OracleOfAnotherRegistry(address(priced));
        registry = registry_;
        oracle = oracle_;
        if (feeAsset_ >= registry_.count()) revert FeeAssetMissing(feeAsset_);
        vault = new Vault(registry_, governance, guardian);
        feeAsset = feeAsset_;
        // The vault has its code now.
        _requireSequencer(sequencer_);
        sequencer = sequencer_;
        emit SequencerChanged(sequencer_);
        _state = Fr.wrap(GENESIS_STATE);
        batchIndex = 1;

        uint256[] memory message = new uint256[](3);
        message[0] = block.chainid;
        message[1] = uint256(uint160(address(this)));
        message[2] = PROTOCOL_VERSION;
        context = registry_.poseidon().hash(TAG_CONTEXT, message);
    }

    /// @inheritdoc IRollup
    function submitBatch(
        BatchHeader calldata header,
        bytes calldata depositsData,
        bytes calldata slotsData,
        bytes calldata withdrawalsData,
        bytes calldata proof,
        uint256 newState,
        uint256 dataCommitment
    ) external {
        if (msg.sender != sequencer) revert NotSequencer(msg.sender);
        // Through a contract or an account with delegated code, a sequencer could publish a batch
        // whose data are in no transaction's input. A caller that signed the transaction and has no
        // code makes the outermost call itself.
        if (msg.sender != tx.origin || msg.sender.code.length != 0) revert DataNotInTransaction();
        Shape storage shape = _activeShape(header.shape);
        _requireCode(shape.verifier, shape.verifierCodeHash);
        _requireCode(shape.vkData, shape.vkDataCodeHash);
        _checkHeader(header, shape.slots);
        _checkLength(slotsData, header.transactions * TRANSACTION_BYTES);
        _checkLength(depositsData, header.deposits * DEPOSIT_BYTES);
        lastTaken = _checkSnapshot(header);
        Withdrawal[] memory withdrawals = BatchData.readWithdrawals(withdrawalsData);

        uint256[5] memory instances;
        instances[0] = Fr.unwrap(_state);
        instances[1] = Fr.unwrap(_instance(newState));
        instances[2] = Fr.unwrap(_instance(dataCommitment));
        bytes32 wordsHash;
        (wordsHash, instances[3], instances[4]) = BatchData.evaluate(
            BatchData.layOut(
                context,
                shape.slots,
                header,
                // Before the withdrawals: amounts that deposits bring in may leave in the same
                // batch.
                header.deposits == 0 ? new uint256[](0) : vault.consume(header.time, depositsData),
                slotsData,
                withdrawals
            ),
            dataCommitment
        );
        IHalo2Verifier(shape.verifier).verify(shape.vkData, instances, proof);

        _state = Fr.wrap(newState);
        batchIndex = header.batchIndex + 1;
        lastTime = header.time;
        dataChain = keccak256(abi.encode(dataChain, wordsHash, newState));
        emit BatchAccepted(
            header.batchIndex,
            newState,
            header.oldState,
            header.shape,
            header.time,
            header.transactions,
            header.deposits,
            header.firstDeposit,
            dataCommitment,
            wordsHash
        );
        _settle(header, withdrawals);
    }

    /// @inheritdoc IRollup
    function registerShape(
        uint32 shape,
        uint16 slots,
        address verifier,
        address vkData,
        bool unsafeDevelopment
    ) external onlyGovernance {
        if (_shapes[shape].slots != 0) revert ShapeExists(shape);
        if (slots != 4 && slots != 16 && slots != 64) revert InvalidSlots(slots);
        if (unsafeDevelopment && !DevelopmentChain.here()) {
            revert UnsafeDevelopmentKey(block.chainid);
        }
        bytes32 verifierCodeHash = _codeHash(verifier);
        bytes32 vkDataCodeHash = _codeHash(vkData);
        _shapes[shape] = Shape(
            slots, unsafeDevelopment, false, verifier, vkData, verifierCodeHash, vkDataCodeHash
        );
        emit ShapeRegistered(shape, slots, verifier, vkData, vkDataCodeHash, unsafeDevelopment);
    }

    /// @inheritdoc IRollup
    function retireShape(uint32 shape) external onlyGovernance {
        _activeShape(shape).retired = true;
        emit ShapeRetired(shape);
    }

    /// @inheritdoc IRollup
    function setSequencer(address newSequencer) external onlyGovernance {
        _requireSequencer(newSequencer);
        sequencer = newSequencer;
        emit SequencerChanged(newSequencer);
    }

    /// @inheritdoc IRollup
    function state() external view returns (uint256) {
        return Fr.unwrap(_state);
    }

    /// @inheritdoc IRollup
    function shapeOf(uint256 shape) external view returns (Shape memory) {
        if (_shapes[shape].slots == 0) revert UnknownShape(shape);
        return _shapes[shape];
    }

    /// @dev Credits the withdrawals and the fees.
    function _settle(BatchHeader calldata header, Withdrawal[] memory withdrawals) private {
        if (withdrawals.length != 0) vault.creditWithdrawals(header.batchIndex, withdrawals);
        if (header.feeTotal != 0) {
            vault.credit(header.feeAsset, header.feeRecipient, header.feeTotal);
        }
    }

    /// @dev Compares every header value that this contract knows with its own.
    function _checkHeader(BatchHeader calldata header, uint256 slots) private view {
        uint256 current = Fr.unwrap(_state);
        if (header.oldState != current) revert WrongOldState(header.oldState, current);
        if (header.batchIndex != batchIndex) {
            revert WrongBatchIndex(header.batchIndex, batchIndex);
        }
        uint256 assetsRoot = registry.root();
        if (header.assetsRoot != assetsRoot) {
            revert StaleAssetsRoot(header.assetsRoot, assetsRoot);
        }
        if (header.feeAsset != feeAsset) revert WrongFeeAsset(header.feeAsset, feeAsset);
        if (header.feeTotal != 0 && header.feeRecipient == address(0)) {
            revert FeeWithoutRecipient();
        }
        uint256 firstDeposit = vault.consumedCount();
        if (header.firstDeposit != firstDeposit) {
            revert WrongFirstDeposit(header.firstDeposit, firstDeposit);
        }

        uint256 earliest = block.timestamp - TIME_WINDOW;
        if (earliest < lastTime) earliest = lastTime;
        if (header.time < earliest || header.time > block.timestamp) {
            revert TimeOutsideWindow(header.time, earliest, block.timestamp);
        }

        if (header.transactions > slots) revert TooManySlots(header.transactions, slots);
        if (header.deposits > slots) revert TooManySlots(header.deposits, slots);
    }

    /// @dev Checks that the price snapshot was the last one at most ten minutes before the batch,
    /// and is not older than that of the batch before. Returns when it was taken.
    function _checkSnapshot(BatchHeader calldata header) private view returns (uint40 taken) {
        uint256 superseded;
        (taken, superseded) = oracle.validity(header.oracle);
        if (taken == 0) revert UnknownSnapshot(header.oracle);
        if (taken > header.time) revert SnapshotAfterBatch(taken, header.time);
        if (superseded != 0 && superseded + PRICE_LAG < header.time) {
            revert SnapshotSuperseded(superseded, header.time);
        }
        if (taken < lastTaken) revert SnapshotBeforeLast(taken, lastTaken);
    }

    /// @dev Reverts for an account that could not call `submitBatch`.
    function _requireSequencer(address account) private view {
        if (account == address(0)) revert ZeroAddress();
        // In its constructor this contract has no code yet. No precompiled contract has any.
        if (account == address(this) || uint160(account) <= LAST_PRECOMPILE) {
            revert SequencerWithoutKey(account);
        }
        if (account.code.length != 0) revert SequencerWithCode(account);
    }

    /// @dev Returns the shape with this id, which must be registered and not retired.
    function _activeShape(uint256 id) private view returns (Shape storage shape) {
        shape = _shapes[id];
        if (shape.slots == 0 || shape.retired) revert UnknownShape(id);
    }

    /// @dev Reverts unless the account has the code that it had when its shape was registered.
    function _requireCode(address account, bytes32 codeHash) private view {
        if (account.codehash != codeHash) revert CodeChanged(account);
    }

    function _checkLength(bytes calldata data, uint256 expected) private pure {
        if (data.length != expected) revert WrongDataLength(data.length, expected);
    }

    /// @dev Returns the hash of a contract's code. Refuses an account that delegates: its key can
    /// change its code at any time.
    function _codeHash(address account) private view returns (bytes32) {
        bytes memory code = account.code;
        if (code.length == 0 || bytes3(code) == DELEGATION) revert NotAContract(account);
        return account.codehash;
    }

    /// @dev Checks a scalar of the proof's instances. A value not below r is rejected, never
    /// reduced.
    function _instance(uint256 value) private pure returns (Fr) {
        if (!isCanonical(value)) revert InstanceNotCanonical(value);
        return Fr.wrap(value);
    }
}
