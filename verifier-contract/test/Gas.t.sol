// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {DevelopmentFeed} from "../src/development/DevelopmentFeed.sol";
import {Market} from "../src/interfaces/IPriceOracle.sol";
import {IRollup, Withdrawal} from "../src/interfaces/IRollup.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Fixture} from "./Fixture.sol";
import {VM} from "./Vm.sol";
import {PlainToken} from "./doubles/Tokens.sol";
import {Batch, ReferenceBatch} from "./reference/ReferenceBatch.sol";

/// @dev Measures the call of a batch.
abstract contract BatchGas is Fixture {
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

    function prepare(uint16 slots, uint256 digest) private view returns (bytes memory) {
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
}

/// @dev Measures a deposit into a queue that is not empty, of a depositor that keeps a balance.
contract DepositGasTest is Fixture {
    function setUp() public {
        deploy();
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
        view
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
