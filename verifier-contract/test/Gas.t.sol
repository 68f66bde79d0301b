// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRollup, Withdrawal} from "../src/interfaces/IRollup.sol";
import {Fixture} from "./Fixture.sol";
import {VM} from "./Vm.sol";
import {Batch, ReferenceBatch} from "./reference/ReferenceBatch.sol";

/// @dev The cost of settling a batch, but for the proof's verification: full batches that consume a deposit for each slot
/// and in which a quarter of the transactions withdraw, to accounts never credited before.
contract GasTest is Fixture {
    bytes private call4;
    bytes private call16;
    bytes private call64;

    function setUp() public {
        deploy();
        for (uint256 i = 0; i < 64; ++i) {
            depositToken(usd, USD, alice, 1000, i);
        }
        // The first batch of a rollup pays for storage that later ones find.
        submit(makeBatch(4, 0, 0, 0));
        VM.warp(block.timestamp + 60);
        call4 = prepare(4);
        call16 = prepare(16);
        call64 = prepare(64);
    }

    function prepare(uint16 slots) private view returns (bytes memory) {
        Batch memory b = makeBatch(slots, slots, slots, slots);
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

    function test_gas64() public {
        measure(call64);
    }

    function measure(bytes memory call) private {
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
