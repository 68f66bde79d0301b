// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {TIME_WINDOW} from "./ProtocolConstants.sol";
import "./generated/Layouts.sol";
import {IDepositQueue, QueuedDeposit} from "./interfaces/IDepositQueue.sol";

/// @title Deposit queue
/// @notice See `IDepositQueue`. A deposit writes one slot of a ring, which later deposits reuse.
/// While more deposits wait than the ring has places, a deposit writes a slot of its own, which its
/// depositor pays for: nobody can fill the queue.
abstract contract DepositQueue is IDepositQueue {
    /// @dev Places of the ring. A full batch consumes 64.
    uint256 private constant RING = 1024;
    /// @dev Time from a request until batches no longer consume the deposit. A sequencer at work
    /// consumes it before, and one that seals a batch knows of the request.
    uint256 private constant TAKE_BACK_DELAY = 1 days;

    /// @dev One slot.
    struct Queue {
        /// Deposits ever queued.
        uint64 count;
        /// Deposits that batches have consumed or passed over.
        uint64 consumed;
        /// Deposits from this index on have their links in the ring.
        uint64 outsideEnd;
        /// Waiting deposits that were requested back.
        uint64 requested;
    }

    struct TakeBack {
        uint40 effective;
        bool credited;
    }

    Queue private _queue;
    /// @dev Links by place: i mod RING for a deposit i in the ring, RING + i for one outside.
    mapping(uint256 place => bytes32) private _links;
    mapping(uint256 index => TakeBack) private _takeBacks;

    /// @inheritdoc IDepositQueue
    function requestTakeBack(uint64 index, bytes32 previous, QueuedDeposit calldata queued)
        external
    {
        if (queued.depositor != msg.sender) revert DepositsDiffer(index, 1);
        _requireWaiting(index, previous, queued);
        uint256 pending = _takeBacks[index].effective;
        if (pending != 0) revert TakeBackPending(index, pending);
        uint40 effective = uint40(block.timestamp + TAKE_BACK_DELAY);
        _takeBacks[index] = TakeBack(effective, false);
        ++_queue.requested;
        emit TakeBackRequested(index, msg.sender, effective);
    }

    /// @inheritdoc IDepositQueue
    function takeBack(uint64 index, bytes32 previous, QueuedDeposit calldata queued) external {
        _requireWaiting(index, previous, queued);
        TakeBack memory request = _takeBacks[index];
        if (request.effective == 0 || request.credited) revert NoTakeBack(index);
        // No batch of an earlier time can be accepted from then on.
        uint256 from = request.effective + TIME_WINDOW;
        if (block.timestamp < from) revert TakeBackTooEarly(index, from);
        _takeBacks[index].credited = true;
        _return(index, queued.depositor, queued.asset, queued.value);
    }

    /// @inheritdoc IDepositQueue
    function depositCount() external view returns (uint64) {
        return _queue.count;
    }

    /// @inheritdoc IDepositQueue
    function consumedCount() external view returns (uint64) {
        return _queue.consumed;
    }

    /// @inheritdoc IDepositQueue
    function requestedCount() external view returns (uint64) {
        return _queue.requested;
    }

    /// @inheritdoc IDepositQueue
    function linkAfter(uint256 count) external view returns (bytes32) {
        Queue memory queue = _queue;
        if (count < queue.consumed || count > queue.count) revert LinkForgotten(count);
        return _linkAfter(queue, count);
    }

    /// @inheritdoc IDepositQueue
    function takeBackOf(uint256 index) external view returns (uint40 effective, bool credited) {
        TakeBack storage request = _takeBacks[index];
        return (request.effective, request.credited);
    }

    /// @dev Credits a deposit to its depositor.
    function _credit(uint16 asset, address account, uint256 amount) internal virtual;

    /// @dev Appends a deposit of the caller. Returns its index.
    function _append(uint16 asset, uint128 value, uint256 inner) internal returns (uint64 index) {
        Queue memory queue = _queue;
        index = queue.count;
        bytes32 link =
            _link(_linkAfter(queue, index), index, msg.sender, _pack(asset, value), inner);
        // The link before the first waiting deposit stays: the next batch starts from it.
        if (index - queue.consumed < RING - 1) {
            _links[index % RING] = link;
        } else {
            _links[RING + index] = link;
            queue.outsideEnd = index + 1;
        }
        queue.count = index + 1;
        _queue = queue;
    }

    /// @dev Takes the next deposits, as `data` state them, into the state, or passes over them.
    /// Returns the data words of the batch's deposit slots: packed and inner, or zeros for one that
    /// is taken back. Reverts unless `data` are what was queued.
    /// @param time the batch's time, which decides whether a deposit is taken back
    /// @param data `DEPOSIT_BYTES` for each deposit
    /// @param inside the amounts inside by asset, which consumed deposits raise
    function _consume(
        uint256 time,
        bytes calldata data,
        mapping(uint256 asset => uint256) storage inside
    ) internal returns (uint256[] memory words) {
        Queue memory queue = _queue;
        uint256 first = queue.consumed;
        uint256 count = data.length / DEPOSIT_BYTES;
        if (count > queue.count - first) revert DepositsMissing(count, queue.count - first);
        bytes32 link = _linkAfter(queue, first);
        words = new uint256[](BATCH_DEPOSIT_WORDS * count);
        for (uint256 i = 0; i < count; ++i) {
            (QueuedDeposit memory queued, uint8 stated) =
                _read(data[i * DEPOSIT_BYTES:(i + 1) * DEPOSIT_BYTES]);
            uint256 packed = _pack(queued.asset, queued.value);
            link = _link(link, first + i, queued.depositor, packed, queued.inner);
            bool isTakenBack = false;
            bool credited = false;
            if (queue.requested != 0) {
                TakeBack memory request = _takeBacks[first + i];
                if (request.effective != 0) {
                    --queue.requested;
                    delete _takeBacks[first + i];
                    credited = request.credited;
                    isTakenBack = credited || request.effective <= time;
                }
            }
            if (stated != (isTakenBack ? 1 : 0)) revert WrongTakeBack(first + i, isTakenBack);
            if (!isTakenBack) {
                inside[queued.asset] += queued.value;
                words[2 * i] = packed;
                words[2 * i + 1] = queued.inner;
            } else if (!credited) {
                _return(uint64(first + i), queued.depositor, queued.asset, queued.value);
            }
        }
        if (link != _linkAfter(queue, first + count)) revert DepositsDiffer(first, count);
        queue.consumed = uint64(first + count);
        _queue = queue;
        emit DepositsConsumed(uint64(first), uint64(count));
    }

    function _return(uint64 index, address depositor, uint16 asset, uint128 value) private {
        emit DepositTakenBack(index, depositor);
        _credit(asset, depositor, value);
    }

    /// @dev Reverts unless the deposit waits in the queue and is this one.
    function _requireWaiting(uint256 index, bytes32 previous, QueuedDeposit calldata queued)
        private
        view
    {
        Queue memory queue = _queue;
        if (index < queue.consumed) revert DepositConsumed(index);
        if (index >= queue.count) revert DepositsMissing(index + 1, queue.count);
        bytes32 link = _link(
            previous, index, queued.depositor, _pack(queued.asset, queued.value), queued.inner
        );
        if (link != _linkAfter(queue, index + 1)) revert DepositsDiffer(index, 1);
    }

    /// @dev Returns the link of deposit `count − 1`, which waits or is the last before those that
    /// wait; zero for count 0.
    function _linkAfter(Queue memory queue, uint256 count) private view returns (bytes32 link) {
        if (count == 0) return 0;
        if (count <= queue.outsideEnd) {
            link = _links[RING + count - 1];
            if (link != 0) return link;
        }
        return _links[(count - 1) % RING];
    }

    function _read(bytes calldata data)
        private
        pure
        returns (QueuedDeposit memory queued, uint8 isTakenBack)
    {
        queued.depositor = address(bytes20(data[DEPOSIT_DEPOSITOR_AT:DEPOSIT_ASSET_AT]));
        queued.asset = uint16(bytes2(data[DEPOSIT_ASSET_AT:DEPOSIT_VALUE_AT]));
        queued.value = uint128(bytes16(data[DEPOSIT_VALUE_AT:DEPOSIT_INNER_AT]));
        queued.inner = uint256(bytes32(data[DEPOSIT_INNER_AT:DEPOSIT_TAKEN_BACK_AT]));
        isTakenBack = uint8(data[DEPOSIT_TAKEN_BACK_AT]);
    }

    function _pack(uint16 asset, uint128 value) private pure returns (uint256) {
        return (uint256(asset) << NOTE_ASSET_AT) | (uint256(value) << NOTE_VALUE_AT);
    }

    function _link(
        bytes32 previous,
        uint256 index,
        address depositor,
        uint256 packed,
        uint256 inner
    ) private pure returns (bytes32 link) {
        assembly ("memory-safe") {
            // Beyond the free pointer, so that the memory is used again.
            let at := mload(0x40)
            mstore(at, previous)
            mstore(add(at, 32), index)
            mstore(add(at, 64), depositor)
            mstore(add(at, 96), packed)
            mstore(add(at, 128), inner)
            link := keccak256(at, 160)
        }
    }
}
