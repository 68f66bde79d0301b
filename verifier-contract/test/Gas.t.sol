// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {DevelopmentFeed} from "../src/development/DevelopmentFeed.sol";
import {Market} from "../src/interfaces/IPriceOracle.sol";
import {IDepositQueue, QueuedDeposit} from "../src/interfaces/IDepositQueue.sol";
import {IRollup, Withdrawal} from "../src/interfaces/IRollup.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Fixture} from "./Fixture.sol";
import {AccountAccess, StorageAccess, VM} from "./Vm.sol";
import {PlainToken} from "./doubles/Tokens.sol";
import {HeldTree} from "./reference/HeldTree.sol";
import {Batch, ReferenceBatch} from "./reference/ReferenceBatch.sol";

/// @dev Measures the call of a batch.
abstract contract BatchGas is Fixture {
    /// @dev The slots that were written last, so that each counts once.
    mapping(address account => mapping(bytes32 slot => bool)) private written;

    /// @dev Prints how many slots the call of a batch writes for the first time, and how many
    /// others. To record accesses warms slots, so that gas is measured without it.
    function countWrites(bytes memory call) internal {
        VM.startStateDiffRecording();
        VM.prank(sequencer, sequencer);
        (bool ok,) = address(rollup).call(call);
        assertTrue(ok, "batch refused");
        AccountAccess[] memory calls = VM.stopAndReturnStateDiff();
        uint256 fresh = 0;
        uint256 updated = 0;
        for (uint256 i = 0; i < calls.length; ++i) {
            StorageAccess[] memory accesses = calls[i].storageAccesses;
            for (uint256 k = 0; k < accesses.length; ++k) {
                StorageAccess memory access = accesses[k];
                if (!access.isWrite || written[access.account][access.slot]) continue;
                written[access.account][access.slot] = true;
                if (access.previousValue == 0) ++fresh;
                else ++updated;
            }
        }
        emit log_named_uint("new slots", fresh);
        emit log_named_uint("slots written again", updated);
        emit log_named_uint("calldata bytes", call.length);
    }

    function measure(bytes memory call) internal {
        uint256 calldataGas = 21000;
        for (uint256 i = 0; i < call.length; ++i) {
            calldataGas += call[i] == 0 ? 4 : 16;
        }
        address target = address(rollup);
        VM.prank(sequencer, sequencer);
        uint256 before = gasleft();
        (bool ok,) = target.call(call);
        uint256 used = before - gasleft();
        assertTrue(ok, "batch refused");
        emit log_named_uint("submitBatch without verification, gas", used);
        emit log_named_uint("transaction and calldata, gas", calldataGas);
    }
}

/// @dev Measures the settlement of full batches without the proof's verification. They consume one
/// deposit for each slot, and a quarter of the transactions withdraw to accounts without earlier
/// credits.
contract GasTest is BatchGas {
    bytes private call4;
    bytes private call16;
    bytes private call64;
    bytes private call16Priced;

    function setUp() public {
        deploy();
        for (uint256 i = 0; i < 64; ++i) {
            depositToken(usd, USD, alice, 1000, i);
        }
        // The first batch of a rollup pays for new storage.
        submit(makeBatch(4, 0, 0, 0));
        VM.warp(block.timestamp + 60);
        call4 = prepare(4, 0);
        call16 = prepare(16, 0);
        call64 = prepare(64, 0);
        call16Priced = prepare(16, oracle.snapshot());
    }

    function prepare(uint16 slots, uint256 digest) private returns (bytes memory) {
        Batch memory b = makeBatch(slots, slots, slots, slots);
        b.header.oracle = digest;
        b.header.feeTotal = 3;
        b.withdrawals = new Withdrawal[](slots / 4);
        for (uint256 i = 0; i < slots / 4; ++i) {
            b.withdrawals[i] = Withdrawal(uint8(4 * i), USD, address(uint160(0xb000 + i)), 100);
        }
        return abi.encodeCall(
            IRollup.submitBatch,
            (
                b.header,
                b.depositsData,
                ReferenceBatch.slotsData(b),
                ReferenceBatch.withdrawalsData(b),
                b.proof,
                b.newState,
                b.dataCommitment
            )
        );
    }

    function test_gas4() public {
        measure(call4);
    }

    function test_gas16() public {
        measure(call16);
    }

    function test_gas16WithPrices() public {
        measure(call16Priced);
    }

    function test_gas64() public {
        measure(call64);
    }

    function test_writes4() public {
        countWrites(call4);
    }

    function test_writes16() public {
        countWrites(call16);
    }

    function test_writes64() public {
        countWrites(call64);
    }
}

/// @dev Measures a deposit into a queue that is not empty, of a depositor that keeps a balance. An
/// earlier deposit used its place in the queue's ring.
contract DepositGasTest is Fixture {
    function setUp() public {
        deploy();
        useRing();
        prepare();
        usd.mint(alice, 10000);
        VM.deal(alice, 10000);
        VM.startPrank(alice);
        usd.approve(address(vault), 5000);
        vault.deposit(USD, 1000, 1);
        vault.deposit{value: 1000}(COIN, 1000, 1);
        VM.stopPrank();
    }

    function prepare() internal virtual {}

    function useRing() internal virtual {
        for (uint256 batch = 0; batch < 16; ++batch) {
            for (uint256 i = 0; i < 64; ++i) {
                depositCoin(alice, 1, 1);
            }
            submit(makeBatch(64, 0, 64, batch));
        }
    }

    function test_gasOfTokenDeposit() public {
        measure(USD, 0);
    }

    function test_gasOfCoinDeposit() public {
        measure(COIN, 1000);
    }

    function measure(uint16 asset, uint256 value) private {
        IVault target = vault;
        VM.prank(alice);
        uint256 before = gasleft();
        target.deposit{value: value}(asset, 1000, 2);
        uint256 used = before - gasleft();
        emit log_named_uint("deposit without the transaction's 22,000, gas", used);
    }
}

/// @dev Measures a deposit whose place in the ring no deposit has used before: one of the first
/// 1,024 after deployment.
contract FirstDepositsGasTest is DepositGasTest {
    function useRing() internal override {}
}

/// @dev Measures claims of withdrawals that a batch holds with fifteen others, by accounts without
/// a slot, to an account that exists.
contract HeldClaimGasTest is Fixture {
    mapping(uint16 asset => bytes) private calls;

    function setUp() public {
        deploy();
        VM.deal(bob, 1);
        usd.mint(bob, 1);
        depositCoin(alice, 10000, 1);
        depositToken(usd, USD, alice, 10000, 2);
        submit(makeBatch(4, 0, 2, 1));
        prepare(COIN, 7);
        prepare(USD, 8);
    }

    function prepare(uint16 asset, uint64 batch) private {
        Withdrawal[] memory all = new Withdrawal[](16);
        for (uint256 i = 0; i < 16; ++i) {
            all[i] = Withdrawal(uint8(i), asset, address(uint160(0xb0000 + i)), uint128(100 + i));
        }
        VM.prank(address(rollup));
        vault.creditWithdrawals(batch, all);
        calls[asset] =
            abi.encodeCall(IVault.claimHeld, (asset, bob, HeldTree.shown(batch, all, 5)));
    }

    function test_gasOfCoinClaim() public {
        measure(COIN);
    }

    function test_gasOfTokenClaim() public {
        measure(USD);
    }

    function measure(uint16 asset) private {
        bytes memory call = calls[asset];
        uint256 posted = 21000;
        for (uint256 i = 0; i < call.length; ++i) {
            posted += call[i] == 0 ? 4 : 16;
        }
        address target = address(vault);
        VM.prank(address(uint160(0xb0005)));
        uint256 before = gasleft();
        (bool ok,) = target.call(call);
        uint256 used = before - gasleft();
        assertTrue(ok, "refused");
        emit log_named_uint("claim without the transaction, gas", used);
        emit log_named_uint("transaction and calldata, gas", posted);
    }
}

/// @dev Measures claims of accounts that claimed before, to an account that exists.
contract ClaimGasTest is Fixture {
    function setUp() public {
        deploy();
        VM.deal(bob, 1);
        usd.mint(bob, 1);
        depositCoin(alice, 1000, 1);
        depositToken(usd, USD, alice, 1000, 2);
        submit(makeBatch(4, 0, 2, 1));
        credit();
        VM.startPrank(alice);
        vault.claim(COIN, bob);
        vault.claim(USD, bob);
        VM.stopPrank();
        credit();
    }

    function credit() private {
        VM.startPrank(address(rollup));
        vault.credit(COIN, alice, 500);
        vault.credit(USD, alice, 400);
        VM.stopPrank();
    }

    function test_gasOfCoinClaim() public {
        measure(COIN);
    }

    function test_gasOfTokenClaim() public {
        measure(USD);
    }

    function measure(uint16 asset) private {
        IVault target = vault;
        VM.prank(alice);
        uint256 before = gasleft();
        target.claim(asset, bob);
        uint256 used = before - gasleft();
        emit log_named_uint("claim without the transaction's 21,600, gas", used);
    }
}

/// @dev Measures a request. No other deposit is requested back. The depositor has no credit.
contract RequestGasTest is Fixture {
    bytes private call;

    function setUp() public {
        deploy();
        depositCoin(alice, 1000, 1);
        depositCoin(alice, 1000, 2);
        readQueue();
        prepare(vault.linkAfter(1), queue[1]);
    }

    function prepare(bytes32 previous, QueuedDeposit memory queued) internal virtual {
        call = abi.encodeCall(IDepositQueue.requestTakeBack, (1, previous, queued));
    }

    function setCall(bytes memory call_) internal {
        call = call_;
    }

    function test_gas() public {
        address target = address(vault);
        bytes memory data = call;
        VM.prank(alice);
        uint256 before = gasleft();
        (bool ok,) = target.call(data);
        uint256 used = before - gasleft();
        assertTrue(ok, "refused");
        emit log_named_uint("call without the transaction's 23,000, gas", used);
    }
}

/// @dev Measures the taking back of a deposit, in a transaction of its own.
contract TakeBackGasTest is RequestGasTest {
    function prepare(bytes32 previous, QueuedDeposit memory queued) internal override {
        VM.prank(alice);
        vault.requestTakeBack(1, previous, queued);
        VM.warp(NOW + 25 hours);
        setCall(abi.encodeCall(IDepositQueue.takeBack, (1, previous, queued)));
    }
}

/// @dev Measures a batch of 64 deposits of as many accounts, while another deposit is requested
/// back: it reads 64 records of requests.
contract RequestedGasTest is BatchGas {
    bytes private call;

    function setUp() public {
        deploy();
        for (uint256 i = 0; i < 65; ++i) {
            depositToken(usd, USD, address(uint160(0xb000 + i)), 1000, i);
        }
        // The first batch of a rollup pays for new storage.
        submit(makeBatch(4, 0, 0, 0));
        prepare();
        Batch memory b = makeBatch(64, 0, 64, 64);
        // The compiler takes the block's time to be constant.
        b.header.time = uint40(VM.getBlockTimestamp());
        for (uint256 i = 0; i < 64; ++i) {
            b.depositsData[71 * i + 70] = areTakenBack();
        }
        call = abi.encodeCall(
            IRollup.submitBatch,
            (b.header, b.depositsData, "", "", b.proof, b.newState, b.dataCommitment)
        );
    }

    function areTakenBack() internal pure virtual returns (bytes1) {
        return 0x00;
    }

    function prepare() internal virtual {
        request(64);
    }

    function request(uint64 index) internal {
        bytes32 previous = chainAfter(index);
        QueuedDeposit memory queued = queue[index];
        VM.prank(queued.depositor);
        vault.requestTakeBack(index, previous, queued);
    }

    function test_gas() public {
        measure(call);
    }
}

/// @dev The same batch without any request.
contract NotRequestedGasTest is RequestedGasTest {
    function prepare() internal override {}
}

/// @dev The same batch passing over all its deposits: it writes 64 new credits.
contract PassedOverGasTest is RequestedGasTest {
    function prepare() internal override {
        for (uint64 i = 0; i < 64; ++i) {
            request(i);
        }
        VM.warp(NOW + 1 days);
    }

    function areTakenBack() internal pure override returns (bytes1) {
        return 0x01;
    }
}

/// @dev Measures a deposit that pays a fee to a sequencer with earlier credits.
contract DepositWithFeeGasTest is DepositGasTest {
    function prepare() internal override {
        registry.setDepositTerms(USD, 100, 10);
        registry.setDepositTerms(COIN, 100, 10);
    }
}

/// @dev Measures batches of transfers alone, with one transaction and with all slots full: no
/// deposits and no withdrawals, fees to an account that has a credit, and a price snapshot. Gas
/// grows evenly with the transactions between the two.
contract TransfersGasTest is BatchGas {
    mapping(uint16 slots => mapping(uint16 transactions => bytes)) private calls;

    function setUp() public {
        deploy();
        uint256 digest = oracle.snapshot();
        depositToken(usd, USD, alice, 1000, 0);
        // The first batch of a rollup, and the first credit, pay for new storage.
        submit(make(4, 1, 1, digest));
        VM.warp(block.timestamp + 60);
        uint16[3] memory shapes = [uint16(4), 16, 64];
        for (uint256 i = 0; i < 3; ++i) {
            prepare(shapes[i], 1, digest);
            prepare(shapes[i], shapes[i], digest);
        }
    }

    function make(uint16 slots, uint16 transactions, uint16 deposits, uint256 digest)
        private
        returns (Batch memory b)
    {
        b = makeBatch(slots, transactions, deposits, slots);
        b.header.oracle = digest;
        b.header.feeTotal = 3;
    }

    function prepare(uint16 slots, uint16 transactions, uint256 digest) private {
        Batch memory b = make(slots, transactions, 0, digest);
        calls[slots][transactions] = abi.encodeCall(
            IRollup.submitBatch,
            (
                b.header,
                b.depositsData,
                ReferenceBatch.slotsData(b),
                ReferenceBatch.withdrawalsData(b),
                b.proof,
                b.newState,
                b.dataCommitment
            )
        );
    }

    function test_gas4With1() public {
        measure(4, 1);
    }

    function test_gas4With4() public {
        measure(4, 4);
    }

    function test_gas16With1() public {
        measure(16, 1);
    }

    function test_gas16With16() public {
        measure(16, 16);
    }

    function test_gas64With1() public {
        measure(64, 1);
    }

    function test_gas64With64() public {
        measure(64, 64);
    }

    function test_writes4With4() public {
        countWrites(calls[4][4]);
    }

    function test_writes16With16() public {
        countWrites(calls[16][16]);
    }

    function test_writes64With64() public {
        countWrites(calls[64][64]);
    }

    function measure(uint16 slots, uint16 transactions) private {
        measure(calls[slots][transactions]);
    }
}

/// @dev Measures a snapshot of sixteen markets over eight assets. Each asset has a feed and is in
/// four markets, and all prices change. (A feed in use is a proxy, which costs some 10,000 gas
/// more.) This is an ordinary snapshot, which takes no samples.
contract SnapshotGasTest is Fixture {
    DevelopmentFeed[8] internal feeds;
    uint256 private clock = NOW;

    function setUp() public {
        deploy();
        for (uint16 asset = 0; asset < 8; ++asset) {
            if (asset >= registry.count()) {
                registry.registerUnaudited(address(new PlainToken(18)), 0);
            }
            feeds[asset] = new DevelopmentFeed(8, 1e8);
            oracle.setFeed(asset, address(feeds[asset]), 3600, asset == USD ? 6 : 18);
        }
        for (uint16 id = 0; id < 16; ++id) {
            oracle.setMarket(
                uint8(id), Market(id % 8, (id + id / 8 + 1) % 8, 500, 15000, 12000, 500, 3600, 100)
            );
        }
        prepare();
    }

    function prepare() internal virtual {
        settle();
        pass(1 minutes);
    }

    /// @dev Takes snapshots until no sample is missing: new storage is paid for.
    function settle() internal {
        for (uint256 i = 0; i < 6; ++i) {
            pass(5 minutes);
            oracle.snapshot();
        }
    }

    /// @dev Lets time pass and changes all prices.
    function pass(uint256 duration) internal {
        clock += duration;
        VM.warp(clock);
        for (uint256 asset = 0; asset < 8; ++asset) {
            feeds[asset].setAnswer(int256(1e8 + clock % 1e6 * (7 + 2 * asset) / 10));
        }
    }

    function test_gasOfSnapshot() public {
        uint256 before = gasleft();
        uint256 digest = oracle.snapshot();
        uint256 used = before - gasleft();
        (,,,, uint256[16] memory prices,) = oracle.latest();
        for (uint256 i = 0; i < 16; ++i) {
            assertTrue(prices[i] % 2 ** 120 != 0 && prices[i] >> 120 != 0, "no price");
        }
        (uint40 taken,) = oracle.validity(digest);
        assertTrue(taken != 0, "no snapshot");
        emit log_named_uint("snapshot without the transaction's 21,064, gas", used);
    }
}

/// @dev Measures a snapshot five minutes after a sample, which takes one.
contract SnapshotWithSampleGasTest is SnapshotGasTest {
    function prepare() internal override {
        settle();
        pass(5 minutes);
    }
}

/// @dev Measures the first snapshot, which pays for new storage and takes a sample.
contract FirstSnapshotGasTest is SnapshotGasTest {
    function prepare() internal override {}
}

/// @dev Measures a snapshot after governance changed a market, which writes all market words again,
/// and takes a sample.
contract SnapshotAfterChangeGasTest is SnapshotGasTest {
    function prepare() internal override {
        settle();
        pass(5 minutes);
        oracle.setMarket(5, Market(5, 6, 600, 15000, 12000, 500, 3600, 100));
    }
}
