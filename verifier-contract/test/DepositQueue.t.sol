// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IDepositQueue, QueuedDeposit} from "../src/interfaces/IDepositQueue.sol";
import {IRollup} from "../src/interfaces/IRollup.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Fixture} from "./Fixture.sol";
import {VM} from "./Vm.sol";
import {ContractAccount} from "./doubles/Tokens.sol";
import {Batch, ReferenceBatch} from "./reference/ReferenceBatch.sol";

/// @dev The queue: what a batch may say of it, deposits that are taken back, and the ring.
contract DepositQueueTest is Fixture {
    uint256 private constant RING = 1024;
    /// Slots of the vault's mappings: links by place, and requests by index.
    uint256 private constant LINKS_SLOT = 1;
    uint256 private constant TAKE_BACKS_SLOT = 2;

    function setUp() public {
        deploy();
    }

    function deposit(uint256 count) private {
        for (uint256 i = 0; i < count; ++i) {
            depositToken(usd, USD, alice, 1000 + i, 7 * i);
        }
    }

    /// @dev Returns deposit `index` and the link before it.
    function queued(uint256 index) private returns (bytes32 previous, QueuedDeposit memory found) {
        previous = chainAfter(index);
        found = queue[index];
    }

    function request(uint64 index) private returns (uint40 effective) {
        (bytes32 previous, QueuedDeposit memory found) = queued(index);
        VM.prank(found.depositor);
        vault.requestTakeBack(index, previous, found);
        (effective,) = vault.takeBackOf(index);
        assertEq(effective, block.timestamp + 1 days, "effective");
    }

    function takeBack(uint64 index) private {
        (bytes32 previous, QueuedDeposit memory found) = queued(index);
        vault.takeBack(index, previous, found);
    }

    function takeBackReverts(uint64 index, bytes memory reason) private {
        (bytes32 previous, QueuedDeposit memory found) = queued(index);
        VM.expectRevert(reason);
        vault.takeBack(index, previous, found);
    }

    /// @dev Returns a batch of this time with `count` deposits, of which bit i of `taken` says
    /// whether the i-th is taken back.
    function batchOf(uint16 count, uint256 taken, uint256 time) private returns (Batch memory b) {
        b = makeBatch(count <= 4 ? 4 : 64, 0, count, time);
        b.header.time = uint40(time);
        for (uint256 i = 0; i < count; ++i) {
            b.depositsData[71 * i + 70] = bytes1(uint8((taken >> i) & 1));
        }
    }

    function reverts(Batch memory b, uint256 index, bool isTakenBack) private {
        submitReverts(
            b, abi.encodeWithSelector(IDepositQueue.WrongTakeBack.selector, index, isTakenBack)
        );
    }

    function test_links() public {
        assertEq(vault.linkAfter(0), 0, "none");
        deposit(6);
        depositCoin(bob, 5, 1);
        for (uint256 count = 0; count <= 7; ++count) {
            assertEq(vault.linkAfter(count), chainAfter(count), "link");
        }
        VM.expectRevert(abi.encodeWithSelector(IDepositQueue.LinkForgotten.selector, 8));
        vault.linkAfter(8);
        submit(makeBatch(4, 0, 3, 1));
        VM.expectRevert(abi.encodeWithSelector(IDepositQueue.LinkForgotten.selector, 2));
        vault.linkAfter(2);
        for (uint256 count = 3; count <= 7; ++count) {
            assertEq(vault.linkAfter(count), chainAfter(count), "link after a batch");
        }
    }

    /// @dev Alters each byte of the data alone. Bit i of `taken` says whether the i-th deposit is
    /// taken back.
    function eachByteIsBound(Batch memory b, uint256 first, uint256 taken) private {
        uint256 count = b.depositsData.length / 71;
        bytes1[3] memory masks = [bytes1(0x01), 0x02, 0x80];
        for (uint256 i = 0; i < b.depositsData.length; ++i) {
            bytes1 was = b.depositsData[i];
            for (uint256 k = 0; k < 3; ++k) {
                b.depositsData[i] = was ^ masks[k];
                if (i % 71 == 70) {
                    reverts(b, first + i / 71, (taken >> (i / 71)) & 1 == 1);
                } else {
                    submitReverts(
                        b,
                        abi.encodeWithSelector(IDepositQueue.DepositsDiffer.selector, first, count)
                    );
                }
            }
            b.depositsData[i] = was;
        }
    }

    /// @dev No byte of the data can be another.
    function test_eachByteIsBound() public {
        deposit(3);
        submit(makeBatch(4, 0, 1, 1));
        Batch memory b = makeBatch(4, 0, 2, 2);
        eachByteIsBound(b, 1, 0);
        submit(b);
    }

    /// @dev Nor of a deposit that is taken back: only what was queued is credited, to whom it
    /// belongs.
    function test_eachByteOfATakenBackDepositIsBound() public {
        deposit(3);
        submit(makeBatch(4, 0, 1, 1));
        uint40 effective = request(1);
        VM.warp(effective);
        Batch memory b = batchOf(2, 1, effective);
        eachByteIsBound(b, 1, 1);
        submit(b);
        assertEq(vault.credited(USD, alice), 1001, "credited");
    }

    function test_depositsInTheirOrder() public {
        deposit(4);
        Batch memory b = makeBatch(4, 0, 2, 1);
        b.depositsData = depositsData(1, 2);
        submitReverts(b, abi.encodeWithSelector(IDepositQueue.DepositsDiffer.selector, 0, 2));
        b.depositsData = bytes.concat(depositsData(1, 1), depositsData(0, 1));
        submitReverts(b, abi.encodeWithSelector(IDepositQueue.DepositsDiffer.selector, 0, 2));
        b.depositsData = bytes.concat(depositsData(0, 1), depositsData(0, 1));
        submitReverts(b, abi.encodeWithSelector(IDepositQueue.DepositsDiffer.selector, 0, 2));
        b.depositsData = depositsData(0, 3);
        submitReverts(b, abi.encodeWithSelector(IRollup.WrongDataLength.selector, 213, 142));
    }

    function test_requestRejects() public {
        deposit(3);
        submit(makeBatch(4, 0, 1, 1));
        (bytes32 previous, QueuedDeposit memory found) = queued(1);
        VM.expectRevert(abi.encodeWithSelector(IDepositQueue.DepositsDiffer.selector, 1, 1));
        vault.requestTakeBack(1, previous, found);
        VM.startPrank(alice);
        VM.expectRevert(abi.encodeWithSelector(IDepositQueue.DepositsDiffer.selector, 1, 1));
        vault.requestTakeBack(1, previous ^ bytes32(uint256(1)), found);
        found.value += 1;
        VM.expectRevert(abi.encodeWithSelector(IDepositQueue.DepositsDiffer.selector, 1, 1));
        vault.requestTakeBack(1, previous, found);
        found.value -= 1;
        VM.expectRevert(abi.encodeWithSelector(IDepositQueue.DepositsDiffer.selector, 2, 1));
        vault.requestTakeBack(2, previous, found);
        VM.expectRevert(abi.encodeWithSelector(IDepositQueue.DepositsMissing.selector, 4, 3));
        vault.requestTakeBack(3, previous, found);
        VM.expectRevert(abi.encodeWithSelector(IDepositQueue.DepositConsumed.selector, 0));
        vault.requestTakeBack(0, 0, queue[0]);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IDepositQueue.TakeBackRequested(1, alice, uint40(NOW + 1 days));
        vault.requestTakeBack(1, previous, found);
        VM.expectRevert(
            abi.encodeWithSelector(IDepositQueue.TakeBackPending.selector, 1, NOW + 1 days)
        );
        vault.requestTakeBack(1, previous, found);
        VM.stopPrank();
        assertEq(vault.requestedCount(), 1, "requested");
    }

    /// @dev Nobody else can name himself as the depositor: the link covers it.
    function test_nobodyElsesDeposit() public {
        deposit(1);
        (bytes32 previous, QueuedDeposit memory found) = queued(0);
        found.depositor = bob;
        VM.prank(bob);
        VM.expectRevert(abi.encodeWithSelector(IDepositQueue.DepositsDiffer.selector, 0, 1));
        vault.requestTakeBack(0, previous, found);
        request(0);
        VM.warp(NOW + 2 days);
        VM.expectRevert(abi.encodeWithSelector(IDepositQueue.DepositsDiffer.selector, 0, 1));
        vault.takeBack(0, previous, found);
    }

    /// @dev A second before the request takes effect, a batch consumes the deposit as if nothing
    /// had been said, and leaves no trace of the request.
    function test_batchBeforeARequest() public {
        deposit(2);
        uint40 effective = request(0);
        VM.warp(effective + 30 minutes);
        reverts(batchOf(2, 1, effective - 1), 0, false);
        submit(batchOf(2, 0, effective - 1));
        assertEq(vault.inside(USD), 2001, "inside");
        assertEq(vault.credited(USD, alice), 0, "credited");
        assertEq(vault.requestedCount(), 0, "requested");
        (uint40 left,) = vault.takeBackOf(0);
        assertEq(left, 0, "no request");
        VM.warp(effective + 1 days);
        takeBackReverts(0, abi.encodeWithSelector(IDepositQueue.DepositConsumed.selector, 0));
    }

    /// @dev From the second on at which it takes effect, a batch passes over the deposit and
    /// credits it. The words are those of an empty slot.
    function test_batchAfterARequest() public {
        deposit(3);
        uint40 effective = request(1);
        VM.warp(effective);
        reverts(batchOf(3, 0, effective), 1, true);
        Batch memory b = batchOf(3, 2, effective);
        uint256[] memory words = ReferenceBatch.words(b, rollup.context(), 4);
        assertTrue(words[8] != 0 && words[10] == 0 && words[11] == 0 && words[12] != 0, "words");
        uint256[5] memory instances = instancesOf(b);
        (uint256 z, uint256 y) = ReferenceBatch.evaluate(words, b.dataCommitment);
        assertTrue(instances[3] == z && instances[4] == y, "instances");
        VM.expectEmit(true, true, true, true, address(vault));
        emit IDepositQueue.DepositTakenBack(1, alice);
        submit(b);
        assertEq(vault.inside(USD), 1000 + 1002, "inside");
        assertEq(vault.credited(USD, alice), 1001, "credited");
        assertEq(vault.requestedCount(), 0, "requested");
        assertEq(vault.consumedCount(), 3, "consumed");
        VM.warp(effective + 1 days);
        takeBackReverts(1, abi.encodeWithSelector(IDepositQueue.DepositConsumed.selector, 1));
        VM.prank(alice);
        assertEq(vault.claim(USD, alice), 1001, "claimed");
    }

    /// @dev Without a batch, the deposit is credited an hour after the request took effect, once;
    /// a later batch passes over it.
    function test_takeBackWithoutABatch() public {
        deposit(2);
        takeBackReverts(0, abi.encodeWithSelector(IDepositQueue.NoTakeBack.selector, 0));
        uint40 effective = request(0);
        VM.warp(effective + 1 hours - 1);
        takeBackReverts(
            0,
            abi.encodeWithSelector(IDepositQueue.TakeBackTooEarly.selector, 0, effective + 1 hours)
        );
        VM.warp(effective + 1 hours);
        takeBack(0);
        assertEq(vault.credited(USD, alice), 1000, "credited");
        takeBackReverts(0, abi.encodeWithSelector(IDepositQueue.NoTakeBack.selector, 0));
        (bytes32 previous, QueuedDeposit memory found) = queued(0);
        VM.prank(alice);
        VM.expectRevert(
            abi.encodeWithSelector(IDepositQueue.TakeBackPending.selector, 0, effective)
        );
        vault.requestTakeBack(0, previous, found);
        VM.prank(alice);
        assertEq(vault.claim(USD, bob), 1000, "claimed");
        // No batch can be earlier now.
        Batch memory early = batchOf(2, 0, effective - 1);
        submitReverts(
            early,
            abi.encodeWithSelector(
                IRollup.TimeOutsideWindow.selector, effective - 1, effective, effective + 1 hours
            )
        );
        reverts(batchOf(2, 0, effective), 0, true);
        submit(batchOf(2, 1, effective));
        assertEq(vault.credited(USD, alice), 0, "credited again");
        assertEq(vault.inside(USD), 1001, "inside");
        assertEq(usd.balanceOf(address(vault)), 1001, "balance");
        assertEq(vault.requestedCount(), 0, "requested");
    }

    /// @dev The sequencer keeps its fee.
    function test_takenBackWithoutTheFee() public {
        registry.setDepositTerms(USD, 100, 30);
        deposit(1);
        uint40 effective = request(0);
        VM.warp(effective + 1 hours);
        takeBack(0);
        assertEq(vault.credited(USD, alice), 970, "credited");
        assertEq(vault.credited(USD, sequencer), 30, "fee");
    }

    /// @dev One batch with a deposit that was credited before, one that it credits, one whose
    /// request is not effective yet, and one without a request.
    function test_allKindsInOneBatch() public {
        deposit(4);
        request(0);
        uint40 effective = request(1);
        VM.warp(effective + 1 hours);
        takeBack(0);
        request(2);
        assertEq(vault.requestedCount(), 3, "requested");
        Batch memory b = batchOf(4, 3, effective + 1 hours);
        b.header.feeTotal = 1002 + 1003 + 1;
        // A deposit that is passed over does not come inside.
        submitReverts(
            b,
            abi.encodeWithSelector(IVault.TurnstileBreached.selector, USD, 1002 + 1003 + 1, 2005)
        );
        b.header.feeTotal -= 1;
        submit(b);
        assertEq(vault.inside(USD), 0, "inside");
        assertEq(vault.credited(USD, feeRecipient), 2005, "inside before the fees");
        assertEq(vault.credited(USD, alice), 1000 + 1001, "credited");
        assertEq(vault.requestedCount(), 0, "requested");
        for (uint256 i = 0; i < 4; ++i) {
            (uint40 left, bool credited) = vault.takeBackOf(i);
            assertTrue(left == 0 && !credited, "a record is left");
        }
    }

    /// @dev The batch's time alone decides, whenever it comes and whether or not the deposit was
    /// credited before.
    function testFuzz_timeDecides(uint256 later, uint256 behind, bool before) public {
        deposit(1);
        uint40 effective = request(0);
        uint256 now_ = effective + bound(later, 0, 3 hours);
        uint256 time = now_ - bound(behind, 0, 1 hours);
        VM.warp(now_);
        if (before && now_ >= effective + 1 hours) takeBack(0);
        bool isTakenBack = time >= effective;
        reverts(batchOf(1, isTakenBack ? 0 : 1, time), 0, isTakenBack);
        submit(batchOf(1, isTakenBack ? 1 : 0, time));
        assertEq(vault.credited(USD, alice), isTakenBack ? 1000 : 0, "credited");
        assertEq(vault.inside(USD), isTakenBack ? 0 : 1000, "inside");
        assertEq(vault.requestedCount(), 0, "requested");
    }

    /// @dev Returns whether the next batch, of `count` deposits, reads the record of a request of
    /// any of them.
    function readsRecords(uint16 count) private returns (bool) {
        Batch memory b = batchOf(count, 0, block.timestamp);
        VM.record();
        submit(b);
        (bytes32[] memory reads,) = VM.accesses(address(vault));
        for (uint256 i = 0; i < reads.length; ++i) {
            for (uint256 k = 0; k < count; ++k) {
                uint256 index = b.header.firstDeposit + k;
                if (reads[i] == keccak256(abi.encode(index, TAKE_BACKS_SLOT))) return true;
            }
        }
        return false;
    }

    /// @dev Requests cost only the batches that come while they wait: without one, no record is
    /// read, neither before nor after a request that a batch outran.
    function test_batchReadsRecordsOnlyIfAnyAreThere() public {
        deposit(7);
        assertTrue(!readsRecords(2), "read before a request");
        request(5);
        assertTrue(readsRecords(2), "not read while one waits");
        assertTrue(readsRecords(2), "not read of the requested deposit");
        assertTrue(!readsRecords(1), "read after it");
    }

    /// @dev A contract that cannot receive coin does not stop the batch that passes over its
    /// deposit.
    function test_contractAsDepositor() public {
        ContractAccount account = new ContractAccount(alice);
        depositCoin(address(account), 50, 1);
        uint40 effective = request(0);
        VM.warp(effective);
        submit(batchOf(1, 1, effective));
        assertEq(vault.credited(COIN, address(account)), 50, "credited");
    }

    function linkAt(uint256 place) private view returns (bytes32) {
        return VM.load(address(vault), keccak256(abi.encode(place, LINKS_SLOT)));
    }

    /// @dev The place of each deposit around a full ring. Neither the links of deposits that wait
    /// nor the one before them are overwritten.
    function test_places() public {
        deposit(RING - 1);
        assertEq(linkAt(RING - 2), chainAfter(RING - 1), "the last one in the ring");
        // 1,023 wait: the ring has a place left, but it would be that before the first.
        deposit(1);
        assertEq(linkAt(RING - 1), 0, "full");
        assertEq(linkAt(2 * RING - 1), chainAfter(RING), "the first one outside");
        submit(makeBatch(4, 0, 1, 1));
        deposit(1);
        assertEq(linkAt(0), chainAfter(1), "the link before the first stays");
        assertEq(linkAt(2 * RING), chainAfter(RING + 1), "outside, as long as so many wait");
        submit(makeBatch(4, 0, 2, 2));
        deposit(1);
        assertEq(linkAt(1), chainAfter(RING + 2), "the ring is used again");
        assertEq(linkAt(2 * RING + 1), 0, "not outside");
        assertEq(linkAt(2), chainAfter(3), "the link before the first stays");
        deposit(1);
        assertEq(linkAt(2), chainAfter(3), "the link before the first stays");
        assertEq(linkAt(2 * RING + 2), chainAfter(RING + 3), "outside again");
        eachLink();
        while (vault.consumedCount() < RING - 1) {
            submit(makeBatch(4, 0, 4, vault.consumedCount()));
        }
        eachLink();
        submit(makeBatch(4, 0, 4, 3));
        eachLink();
        deposit(1);
        assertEq(linkAt(3), chainAfter(RING + 4), "the next place of the ring");
    }

    /// @dev Compares every link that the vault answers with the chain of all deposits.
    function eachLink() private {
        readQueue();
        bytes32 link = 0;
        uint256 first = vault.consumedCount();
        for (uint256 i = 0; i <= queue.length; ++i) {
            if (i >= first) assertEq(vault.linkAfter(i), link, "link");
            if (i == queue.length) return;
            QueuedDeposit memory d = queue[i];
            uint256 packed = uint256(d.asset) * 2 ** 8 + uint256(d.value) * 2 ** 24;
            link = keccak256(abi.encode(link, i, d.depositor, packed, d.inner));
        }
    }

    /// @dev More deposits wait than the ring has places, and are consumed in their order; later
    /// ones are in the ring again. No link that is needed is ever overwritten.
    function test_moreDepositsThanTheRing() public {
        uint256 count = RING + 70;
        deposit(count);
        bytes32 link = 0;
        for (uint256 i = 0; i < count; ++i) {
            assertEq(vault.linkAfter(i), link, "link");
            uint256 packed = 2 ** 8 + uint256(1000 + i) * 2 ** 24;
            link = keccak256(abi.encode(link, i, alice, packed, 7 * i));
        }
        assertEq(vault.linkAfter(count), link, "last link");
        // A deposit outside the ring is taken back like any other.
        uint40 effective = request(uint64(RING + 3));
        for (uint256 i = 0; i < 16; ++i) {
            submit(makeBatch(64, 0, 64, i));
            deposit(20);
        }
        assertEq(vault.consumedCount(), RING, "consumed");
        VM.warp(effective);
        submit(batchOf(64, 8, effective));
        assertEq(vault.credited(USD, alice), 1000 + RING + 3, "credited");
        uint256 left = vault.depositCount() - vault.consumedCount();
        for (; left >= 64; left -= 64) {
            submit(makeBatch(64, 0, 64, left));
        }
        submit(makeBatch(64, 0, uint16(left), left));
        deposit(2 * RING / 64);
        submit(makeBatch(64, 0, 2, 1));
        assertEq(vault.linkAfter(vault.depositCount()), chainAfter(vault.depositCount()), "end");
    }
}
