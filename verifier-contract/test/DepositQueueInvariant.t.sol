// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IDepositQueue, QueuedDeposit} from "../src/interfaces/IDepositQueue.sol";
import {IRollup} from "../src/interfaces/IRollup.sol";
import {Fixture} from "./Fixture.sol";
import {Test, VM} from "./Vm.sol";
import {Batch, ReferenceBatch} from "./reference/ReferenceBatch.sol";

/// @dev Depositors and a sequencer in any order, beside a naive queue: an array that nothing is
/// ever removed from, and what became of each entry. It is kept from what the test does, not from
/// what the contract says.
contract Depositors is Fixture {
    enum Fate {
        Waiting,
        Consumed,
        TakenBack
    }

    /// @dev An entry of the naive queue.
    struct Entry {
        QueuedDeposit deposit;
        bytes32 before;
        uint40 effective;
        Fate fate;
    }

    uint128 private constant FEE = 10;

    address[3] private accounts = [address(0xd1), address(0xd2), address(0xd3)];
    Entry[] private entries;
    /// The first entry that no batch has consumed or passed over.
    uint256 private next;
    /// The link of the last entry.
    bytes32 private last;
    bytes32 private dataChain;
    /// The entry that was requested last.
    uint256 private lastRequest;
    mapping(uint16 asset => mapping(Fate fate => uint256)) private sums;
    mapping(uint16 asset => mapping(address account => uint256)) private credits;

    /// @param before deposits that batches consume at once
    /// @param waiting deposits that wait at the start
    constructor(uint256 before, uint256 waiting) {
        deploy();
        registry.setDepositTerms(USD, 100, FEE);
        for (uint256 i = 0; i < before + waiting; ++i) {
            depositOne(i, COIN, 1 + i % 7, i);
        }
        while (next < before) {
            consumeNext(before - next < 64 ? before - next : 64, block.timestamp);
        }
    }

    function deposit(uint256 who, uint256 amount, uint256 inner, uint256 many) external {
        uint16 asset = many % 3 == 0 ? USD : COIN;
        many = many % 8 == 0 ? 90 : 1 + many % 3;
        for (uint256 i = 0; i < many; ++i) {
            depositOne(who, asset, bound(amount, 100, 1e24), inner >> 8);
        }
    }

    /// @dev A batch of the next deposits, up to an hour behind the block.
    function consume(uint256 number, uint256 behind) external {
        consumeNext(upTo64(number), batchTime(behind));
    }

    /// @dev A batch whose data differ from the queue in one byte.
    function falsify(uint256 number, uint256 behind, uint256 at, uint8 mask) external {
        number = upTo64(number);
        if (number == 0 || mask == 0) return;
        uint256 time = batchTime(behind);
        Batch memory b = batchOf(number, time);
        at %= b.depositsData.length;
        b.depositsData[at] ^= bytes1(mask);
        uint256 index = next + at / 71;
        submitReverts(
            b,
            at % 71 == 70
                ? abi.encodeWithSelector(
                    IDepositQueue.WrongTakeBack.selector, index, isTakenBack(entries[index], time)
                )
                : abi.encodeWithSelector(IDepositQueue.DepositsDiffer.selector, next, number)
        );
    }

    /// @dev The depositor or another account requests a deposit back.
    function request(uint256 which, uint256 who) external {
        uint256 index = pick(which);
        Entry storage entry = entries[index];
        address account = who % 8 == 0 ? accounts[(which >> 8) % 3] : entry.deposit.depositor;
        bytes memory reason;
        if (account != entry.deposit.depositor) {
            reason = abi.encodeWithSelector(IDepositQueue.DepositsDiffer.selector, index, 1);
        } else if (index < next) {
            reason = abi.encodeWithSelector(IDepositQueue.DepositConsumed.selector, index);
        } else if (entry.effective != 0) {
            reason = abi.encodeWithSelector(
                IDepositQueue.TakeBackPending.selector, index, entry.effective
            );
        }
        QueuedDeposit memory queued = entry.deposit;
        VM.prank(account);
        if (reason.length != 0) VM.expectRevert(reason);
        vault.requestTakeBack(uint64(index), entry.before, queued);
        if (reason.length != 0) return;
        entry.effective = uint40(block.timestamp + 1 days);
        lastRequest = index;
    }

    function takeBack(uint256 which) external {
        uint256 index = pick(which);
        Entry storage entry = entries[index];
        bytes memory reason;
        if (index < next) {
            reason = abi.encodeWithSelector(IDepositQueue.DepositConsumed.selector, index);
        } else if (entry.effective == 0 || entry.fate != Fate.Waiting) {
            reason = abi.encodeWithSelector(IDepositQueue.NoTakeBack.selector, index);
        } else if (block.timestamp < entry.effective + 1 hours) {
            reason = abi.encodeWithSelector(
                IDepositQueue.TakeBackTooEarly.selector, index, entry.effective + 1 hours
            );
        }
        QueuedDeposit memory queued = entry.deposit;
        if (reason.length != 0) VM.expectRevert(reason);
        vault.takeBack(uint64(index), entry.before, queued);
        if (reason.length == 0) move(entry, Fate.TakenBack);
    }

    function claim(uint256 who, bool ofCoin) external {
        uint16 asset = ofCoin ? COIN : USD;
        address account = who % 4 == 3 ? sequencer : accounts[who % 4];
        uint256 amount = credits[asset][account];
        if (amount == 0) return;
        credits[asset][account] = 0;
        VM.prank(account);
        assertEq(vault.claim(asset, account), amount, "claimed");
    }

    /// @dev Lets time pass: any, or to the seconds at which something changes for a request.
    function pass(uint256 time) external {
        uint256[4] memory offsets = [uint256(0), 1, 1 hours, 1 hours + 1];
        uint256 to = entries[lastRequest].effective + offsets[time % 4];
        to = to > 0 ? to - 1 : 0;
        bool atRequest = time % 8 < 4 && to > block.timestamp;
        VM.warp(atRequest ? to : block.timestamp + bound(time, 1 minutes, 16 hours));
    }

    /// @dev Another history for a while, and back: what it did is undone, as after a
    /// reorganisation.
    function reorganise(uint256 seed) external {
        uint256 snapshot = VM.snapshotState();
        uint256 length = entries.length;
        for (uint256 i = 0; i < 1 + seed % 5; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            uint256 action = random % 5;
            if (action == 0) this.deposit(random, random >> 8, random >> 16, random >> 24);
            if (action == 1) this.consume(random >> 8, random >> 16);
            if (action == 2) this.request(random >> 8, random >> 16);
            if (action == 3) this.takeBack(random >> 8);
            if (action == 4) this.pass(random >> 8);
        }
        assertTrue(VM.revertToState(snapshot), "reverted");
        assertEq(entries.length, length, "entries");
        assertEq(vault.depositCount(), length, "deposits");
    }

    /// @dev Compares all but the links of most deposits with the naive queue.
    function check() external view {
        uint256 count = entries.length;
        assertEq(vault.depositCount(), count, "count");
        assertEq(vault.consumedCount(), next, "consumed");
        assertEq(rollup.dataChain(), dataChain, "data chain");
        if (next != 0) isForgotten(next - 1);
        isForgotten(count + 1);
        isForgotten(type(uint256).max);
        assertEq(vault.linkAfter(count), last, "last link");
        if (next < count) {
            assertEq(vault.linkAfter(next), entries[next].before, "first link");
            uint256 any = next + uint256(last) % (count - next);
            assertEq(vault.linkAfter(any), entries[any].before, "link");
        }
        for (uint16 asset = COIN; asset <= USD; ++asset) {
            assertEq(vault.inside(asset), sums[asset][Fate.Consumed], "inside");
            uint256 owed = sums[asset][Fate.Consumed] + sums[asset][Fate.Waiting];
            for (uint256 i = 0; i < 4; ++i) {
                address account = i == 3 ? sequencer : accounts[i];
                uint256 credit = credits[asset][account];
                assertEq(vault.credited(asset, account), credit, "credited");
                owed += credit;
            }
            uint256 balance =
                asset == COIN ? address(vault).balance : usd.balanceOf(address(vault));
            assertEq(balance, owed, "balance");
        }
    }

    /// @dev Compares every link and every request with the naive queue.
    function checkEach() external view {
        uint256 requested = 0;
        for (uint256 i = 0; i < entries.length; ++i) {
            Entry storage entry = entries[i];
            (uint40 effective, bool credited) = vault.takeBackOf(i);
            if (i < next) {
                assertTrue(effective == 0 && !credited, "record of a consumed deposit");
                isForgotten(i);
                continue;
            }
            assertEq(vault.linkAfter(i), entry.before, "link");
            assertEq(effective, entry.effective, "effective");
            assertTrue(credited == (entry.fate == Fate.TakenBack), "credited");
            if (effective != 0) ++requested;
        }
        assertEq(vault.requestedCount(), requested, "requested");
    }

    function isForgotten(uint256 count) private view {
        if (count == next) return;
        try vault.linkAfter(count) {
            revert NotTrue("a link outside the queue");
        } catch (bytes memory reason) {
            assertEq(
                keccak256(reason),
                keccak256(abi.encodeWithSelector(IDepositQueue.LinkForgotten.selector, count)),
                "reason"
            );
        }
    }

    function depositOne(uint256 who, uint16 asset, uint256 amount, uint256 inner) private {
        address account = accounts[who % 3];
        uint64 index = asset == COIN
            ? depositCoin(account, amount, inner)
            : depositToken(usd, USD, account, amount, inner);
        assertEq(index, entries.length, "index");
        uint128 fee = asset == COIN ? 0 : FEE;
        uint128 value = uint128(amount) - fee;
        QueuedDeposit memory queued = QueuedDeposit(account, asset, value, inner);
        entries.push(Entry(queued, last, 0, Fate.Waiting));
        uint256 packed = uint256(asset) * 2 ** 8 + uint256(value) * 2 ** 24;
        last = keccak256(abi.encode(last, index, account, packed, inner));
        sums[asset][Fate.Waiting] += value;
        credits[asset][sequencer] += fee;
    }

    /// @dev Submits a batch of the next deposits. Its words are those of the naive queue.
    function consumeNext(uint256 number, uint256 time) private {
        Batch memory b = batchOf(number, time);
        bytes32 wordsHash =
            keccak256(abi.encodePacked(ReferenceBatch.words(b, rollup.context(), 64)));
        dataChain = keccak256(abi.encode(dataChain, wordsHash, b.newState));
        VM.expectEmit(true, true, true, true, address(rollup));
        emit IRollup.BatchAccepted(
            b.header.batchIndex,
            b.newState,
            b.header.oldState,
            64,
            b.header.time,
            0,
            b.header.deposits,
            b.header.firstDeposit,
            b.dataCommitment,
            wordsHash
        );
        submit(b);
        for (uint256 i = next; i < next + number; ++i) {
            Entry storage entry = entries[i];
            bool taken = isTakenBack(entry, time);
            assertTrue(taken || entry.fate == Fate.Waiting, "consumed after it was credited");
            if (entry.fate == Fate.Waiting) move(entry, taken ? Fate.TakenBack : Fate.Consumed);
        }
        next += number;
    }

    function batchOf(uint256 number, uint256 time) private returns (Batch memory b) {
        b = makeBatch(64, 0, 0, rollup.batchIndex());
        b.header.time = uint40(time);
        b.header.deposits = uint16(number);
        for (uint256 i = next; i < next + number; ++i) {
            b.depositsData = bytes.concat(
                b.depositsData,
                ReferenceBatch.depositData(entries[i].deposit, isTakenBack(entries[i], time))
            );
        }
    }

    function move(Entry storage entry, Fate fate) private {
        QueuedDeposit storage queued = entry.deposit;
        entry.fate = fate;
        sums[queued.asset][Fate.Waiting] -= queued.value;
        sums[queued.asset][fate] += queued.value;
        if (fate == Fate.TakenBack) credits[queued.asset][queued.depositor] += queued.value;
    }

    function isTakenBack(Entry storage entry, uint256 time) private view returns (bool) {
        return entry.effective != 0 && entry.effective <= time;
    }

    function upTo64(uint256 number) private view returns (uint256) {
        uint256 waiting = entries.length - next;
        return bound(number, 0, waiting < 64 ? waiting : 64);
    }

    /// @dev Returns the block's time, an hour less, or any between; not before the last batch.
    function batchTime(uint256 behind) private view returns (uint256 time) {
        time = block.timestamp;
        if (behind % 3 == 1) time -= 1 hours;
        if (behind % 3 == 2) time -= behind % 1 hours;
        if (time < rollup.lastTime()) time = rollup.lastTime();
    }

    /// @dev Picks any entry, one of the first that wait, or the one requested last.
    function pick(uint256 which) private view returns (uint256) {
        if (which % 4 == 0) return which % entries.length;
        if (which % 4 == 1) return lastRequest;
        uint256 index = next + (which >> 2) % 64;
        return index < entries.length ? index : entries.length - 1;
    }
}

/// @dev The queue and the naive one agree, whatever happens. The ring of 1,024 places begins again
/// in most runs.
contract DepositQueueInvariantTest is Test {
    Depositors private depositors;

    function setUp() public virtual {
        start(990, 10);
    }

    function start(uint256 before, uint256 waiting) internal {
        depositors = new Depositors(before, waiting);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(depositors);
    }

    /// @dev Each deposit waits, is inside, or is credited to whoever made it; never two of these.
    function invariant_sameQueue() public view {
        depositors.check();
    }

    function afterInvariant() external view {
        depositors.checkEach();
    }
}

/// @dev The same with more deposits waiting than the ring has places, at the start of each run.
contract FullRingInvariantTest is DepositQueueInvariantTest {
    function setUp() public override {
        start(500, 1040);
    }
}

/// @dev The same with a ring that is nearly full at the start of each run. The place that a deposit
/// must not take is the one before the first that waits.
contract FillingRingInvariantTest is DepositQueueInvariantTest {
    function setUp() public override {
        start(500, 1020);
    }
}
