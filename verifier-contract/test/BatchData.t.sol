// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {SCALAR_MODULUS} from "../src/Fields.sol";
import {IRollup, Withdrawal} from "../src/interfaces/IRollup.sol";
import {Fixture} from "./Fixture.sol";
import {VM} from "./Vm.sol";
import {BatchDataHarness} from "./doubles/BatchDataHarness.sol";
import {Batch, ReferenceBatch} from "./reference/ReferenceBatch.sol";

/// @dev Compares the instances that the contract derives from calldata and the queue with the
/// reference, word by word.
contract BatchDataTest is Fixture {
    function setUp() public {
        deploy();
        for (uint256 i = 0; i < 20; ++i) {
            depositToken(
                usd, USD, alice, 1000 + i, uint256(keccak256(abi.encode(i))) % SCALAR_MODULUS
            );
        }
    }

    function withdraw(Batch memory b, uint8 slot, uint16 asset, address recipient, uint128 amount)
        private
        pure
    {
        Withdrawal[] memory list = new Withdrawal[](b.withdrawals.length + 1);
        for (uint256 i = 0; i < b.withdrawals.length; ++i) {
            list[i] = b.withdrawals[i];
        }
        list[b.withdrawals.length] = Withdrawal(slot, asset, recipient, amount);
        b.withdrawals = list;
    }

    /// @dev Returns the words of the reference.
    function referenceWords(Batch memory b) private view returns (uint256[] memory) {
        return ReferenceBatch.words(b, rollup.context(), b.header.shape);
    }

    function equalsReference(Batch memory b) private {
        uint256[5] memory instances = instancesOf(b);
        (uint256 z, uint256 y) = ReferenceBatch.evaluate(referenceWords(b), b.dataCommitment);
        assertEq(instances[0], rollup.state(), "old state");
        assertEq(instances[1], b.newState, "new state");
        assertEq(instances[2], b.dataCommitment, "c");
        assertEq(instances[3], z, "z");
        assertEq(instances[4], y, "y");
    }

    function testFuzz_equalsReference(
        uint256 seed,
        uint8 transactions,
        uint8 deposits,
        uint8 withdrawals
    ) public {
        uint16 slots = [uint16(4), 16, 64][seed % 3];
        // 20 deposits wait.
        uint16 most = slots < 20 ? slots : 20;
        Batch memory b = makeBatch(slots, transactions % (slots + 1), deposits % (most + 1), seed);
        b.header.feeTotal = uint128(seed);
        if (seed % 2 == 0) b.header.oracle = oracle.snapshot();
        for (uint8 s = 0; s < b.header.transactions; ++s) {
            // Withdrawals with gaps between them, and in runs.
            if ((uint256(withdrawals) >> (s % 8)) & 1 == 1) {
                withdraw(b, s, uint16(seed >> 8), address(uint160(seed | 1)), uint128(seed | 1));
            }
        }
        equalsReference(b);
    }

    function test_fullBatches() public {
        equalsReference(makeBatch(4, 4, 4, 1));
        equalsReference(makeBatch(16, 16, 16, 2));
        equalsReference(makeBatch(64, 64, 20, 3));
        equalsReference(makeBatch(64, 0, 0, 4));
    }

    /// @dev Evaluates batches of every multiple of four slots: only half of them have a multiple of
    /// eight words, and nothing below the array may be read.
    function test_evaluatesEveryNumberOfSlots() public {
        BatchDataHarness harness = new BatchDataHarness();
        for (uint256 slots = 4; slots <= 64; slots += 4) {
            uint256[] memory words = new uint256[](8 + 19 * slots);
            for (uint256 i = 0; i < words.length; ++i) {
                words[i] = uint256(keccak256(abi.encode(slots, i))) % SCALAR_MODULUS;
            }
            (uint256 z, uint256 y) = harness.evaluateWords(words, slots);
            (uint256 expectedZ, uint256 expectedY) = ReferenceBatch.evaluate(words, slots);
            assertEq(z, expectedZ, "z");
            assertEq(y, expectedY, "y");
        }
    }

    /// @dev Sums are reduced at the end only: the largest words make the largest sums.
    function test_evaluatesLargestWords() public {
        BatchDataHarness harness = new BatchDataHarness();
        uint256[] memory words = new uint256[](84);
        for (uint256 i = 0; i < 84; ++i) {
            words[i] = SCALAR_MODULUS - 1;
        }
        for (uint256 c = 0; c < 16; ++c) {
            (, uint256 y) = harness.evaluateWords(words, c);
            (, uint256 expected) = ReferenceBatch.evaluate(words, c);
            assertEq(y, expected, "y");
        }
    }

    /// @dev Each word alone is refused at r and above, whatever its sum overflows to.
    function test_evaluateRefusesEachWordNotBelowModulus() public {
        BatchDataHarness harness = new BatchDataHarness();
        uint256[] memory words = new uint256[](84);
        for (uint256 i = 0; i < 84; ++i) {
            words[i] = SCALAR_MODULUS - 1 - i;
        }
        for (uint256 i = 0; i < 84; ++i) {
            uint256 word = words[i];
            words[i] = SCALAR_MODULUS;
            VM.expectRevert(abi.encodeWithSelector(IRollup.WordNotCanonical.selector, i));
            harness.evaluateWords(words, 1);
            words[i] = type(uint256).max;
            VM.expectRevert(abi.encodeWithSelector(IRollup.WordNotCanonical.selector, i));
            harness.evaluateWords(words, 1);
            words[i] = word;
        }
    }

    /// @dev Empty slots are zero even where memory was used before.
    function test_emptySlotsAreZero() public {
        Batch memory b = makeBatch(4, 1, 0, 5);
        uint256[] memory words = referenceWords(b);
        for (uint256 i = 8; i < 16; ++i) {
            assertEq(words[i], 0, "deposit word");
        }
        for (uint256 i = 33; i < 84; ++i) {
            assertEq(words[i], 0, "slot word");
        }
        equalsReference(b);
    }

    /// @dev Asserts that both z and y differ from the unaltered batch's.
    function differs(Batch memory altered, uint256[5] memory honest, string memory what) private {
        uint256[5] memory instances = instancesOf(altered);
        assertTrue(instances[3] != honest[3] && instances[4] != honest[4], what);
    }

    /// @dev Alters every word of every slot alone.
    function test_eachSlotWordCounts() public {
        Batch memory b = makeBatch(4, 4, 4, 6);
        uint256[5] memory honest = instancesOf(b);
        for (uint256 s = 0; s < 4; ++s) {
            for (uint256 i = 0; i < 3; ++i) {
                b.nullifiers[s][i] ^= 1;
                differs(b, honest, "nullifier");
                b.nullifiers[s][i] ^= 1;
            }
            for (uint256 i = 0; i < 9; ++i) {
                uint256 word = b.slotWords[s][i];
                b.slotWords[s][i] = addmod(word, 1, SCALAR_MODULUS);
                differs(b, honest, "slot word");
                b.slotWords[s][i] = word;
            }
        }
        equalsReference(b);
    }

    /// @dev Alters every byte of two transactions alone: by its lowest bit in the first, by all
    /// bits in the second. The evaluation differs, or the word is refused.
    function test_eachByteCounts() public {
        Batch memory b = makeBatch(4, 2, 0, 7);
        bytes memory data = ReferenceBatch.slotsData(b);
        assertEq(data.length, 2 * 431, "length");
        uint256[5] memory honest = instancesOf(b, data);
        for (uint256 at = 0; at < data.length; ++at) {
            bytes1 mask = at < 431 ? bytes1(0x01) : bytes1(0xff);
            data[at] ^= mask;
            (bool refused, uint256 index) = wordNotBelowModulus(data, at);
            if (refused) {
                submitReverts(
                    b, data, abi.encodeWithSelector(IRollup.WordNotCanonical.selector, index)
                );
            } else {
                uint256[5] memory instances = instancesOf(b, data);
                assertTrue(instances[3] != honest[3] && instances[4] != honest[4], "byte");
            }
            data[at] ^= mask;
        }
    }

    /// @dev Whether the byte is in a whole word that is not below r, and the index of the word in a
    /// batch of four slots.
    function wordNotBelowModulus(bytes memory data, uint256 at)
        private
        pure
        returns (bool, uint256)
    {
        uint256 slot = at / 431;
        // 72 bytes of nullifiers and 71 of note data cannot make a word that is refused.
        if (at % 431 < 72 || at % 431 >= 360) return (false, 0);
        uint256 i = (at % 431 - 72) / 32;
        uint256 word;
        for (uint256 k = 0; k < 32; ++k) {
            word = word * 256 + uint8(data[431 * slot + 72 + 32 * i + k]);
        }
        return (word >= SCALAR_MODULUS, 16 + 17 * slot + 5 + i);
    }

    /// @dev Nullifiers and note data have no bits that are dropped, and no value that is refused.
    function test_largestNullifiersAndNoteData() public {
        Batch memory b = makeBatch(4, 4, 0, 18);
        for (uint256 s = 0; s < 4; ++s) {
            for (uint256 i = 0; i < 3; ++i) {
                b.nullifiers[s][i] = type(uint192).max;
            }
            for (uint256 k = 0; k < 71; ++k) {
                b.noteData[s][k] = 0xff;
            }
        }
        equalsReference(b);
        uint256[] memory words = referenceWords(b);
        for (uint256 s = 0; s < 4; ++s) {
            assertEq(words[16 + 17 * s + 2], 2 ** 192 - 1, "nullifier");
            assertEq(words[16 + 17 * s + 14], 2 ** 248 - 1, "first piece");
            assertEq(words[16 + 17 * s + 16], 2 ** 72 - 1, "last piece");
        }
    }

    /// @dev Alters every header word that the contract does not fix itself.
    function test_eachHeaderWordCounts() public {
        Batch memory b = makeBatch(4, 2, 2, 8);
        uint256[5] memory honest = instancesOf(b);
        b.header.time -= 1;
        differs(b, honest, "time");
        b = makeBatch(4, 2, 2, 8);
        b.header.feeRecipient = alice;
        differs(b, honest, "fee recipient");
        b = makeBatch(4, 2, 2, 8);
        b.header.feeTotal += 1;
        differs(b, honest, "fee total");
        b = makeBatch(4, 2, 2, 8);
        b.header.start += 1;
        differs(b, honest, "start");
        b = makeBatch(4, 2, 2, 8);
        b.header.oracle = oracle.snapshot();
        differs(b, honest, "oracle");
        b = makeBatch(4, 2, 1, 8);
        differs(b, honest, "deposits");
        b = makeBatch(4, 3, 2, 8);
        differs(b, honest, "transactions");
        b = makeBatch(16, 2, 2, 8);
        differs(b, honest, "slots");
        b = makeBatch(4, 2, 2, 8);
        b.dataCommitment += 1;
        differs(b, honest, "c");
    }

    /// @dev Alters words that the contract holds: assets root, deposits, deposit cursor, batch
    /// index.
    function test_eachWordOfTheContractCounts() public {
        Batch memory b = makeBatch(4, 2, 1, 9);
        uint256[5] memory honest = instancesOf(b);
        registry.registerUnaudited(address(verifier), 0);
        b = makeBatch(4, 2, 1, 9);
        differs(b, honest, "assets root");
        honest = instancesOf(b);
        submit(makeBatch(4, 0, 0, 10));
        b = makeBatch(4, 2, 1, 9);
        differs(b, honest, "batch index");
        honest = instancesOf(b);
        submit(makeBatch(4, 0, 1, 11));
        differs(makeBatch(4, 2, 1, 9), honest, "deposit");
    }

    /// @dev Alters slot, asset, recipient and amount of a withdrawal.
    function test_eachWithdrawalFieldCounts() public {
        Batch memory b = makeBatch(4, 3, 0, 12);
        uint256[5] memory without = instancesOf(b);
        withdraw(b, 1, USD, alice, 5);
        differs(b, without, "withdrawal");
        uint256[5] memory honest = instancesOf(b);
        b.withdrawals[0].slot = 2;
        differs(b, honest, "slot");
        b.withdrawals[0] = Withdrawal(1, GOLD, alice, 5);
        differs(b, honest, "asset");
        b.withdrawals[0] = Withdrawal(1, USD, bob, 5);
        differs(b, honest, "recipient");
        b.withdrawals[0] = Withdrawal(1, USD, alice, 6);
        differs(b, honest, "amount");
    }

    /// @dev Each of the nine whole words of each slot is refused at r and above, and accepted at
    /// r − 1.
    function test_rejectsWordNotBelowModulus() public {
        Batch memory b = makeBatch(4, 4, 4, 13);
        for (uint256 s = 0; s < 4; ++s) {
            for (uint256 i = 0; i < 9; ++i) {
                uint256 word = b.slotWords[s][i];
                b.slotWords[s][i] = SCALAR_MODULUS;
                submitReverts(
                    b,
                    abi.encodeWithSelector(IRollup.WordNotCanonical.selector, 16 + 17 * s + 5 + i)
                );
                b.slotWords[s][i] = type(uint256).max;
                submitReverts(
                    b,
                    abi.encodeWithSelector(IRollup.WordNotCanonical.selector, 16 + 17 * s + 5 + i)
                );
                b.slotWords[s][i] = SCALAR_MODULUS - 1;
                equalsReference(b);
                b.slotWords[s][i] = word;
            }
        }
    }

    /// @dev Header words that could be r or more if the rollup did not know their values already.
    function test_rejectsHeaderWordNotBelowModulus() public {
        BatchDataHarness harness = new BatchDataHarness();
        Batch memory b = makeBatch(4, 0, 0, 13);
        b.header.oracle = SCALAR_MODULUS;
        VM.expectRevert(abi.encodeWithSelector(IRollup.WordNotCanonical.selector, 5));
        harness.evaluate(0, 4, b.header, new uint256[](0), "", b.withdrawals, 0);
        b.header.assetsRoot = type(uint256).max;
        VM.expectRevert(abi.encodeWithSelector(IRollup.WordNotCanonical.selector, 1));
        harness.evaluate(0, 4, b.header, new uint256[](0), "", b.withdrawals, 0);
        b.header.assetsRoot = SCALAR_MODULUS - 1;
        b.header.oracle = SCALAR_MODULUS - 1;
        harness.evaluate(0, 4, b.header, new uint256[](0), "", b.withdrawals, 0);
    }

    function test_rejectsInstanceNotBelowModulus() public {
        Batch memory b = makeBatch(4, 1, 0, 14);
        b.newState = SCALAR_MODULUS;
        submitReverts(
            b, abi.encodeWithSelector(IRollup.InstanceNotCanonical.selector, SCALAR_MODULUS)
        );
        b = makeBatch(4, 1, 0, 14);
        b.dataCommitment += SCALAR_MODULUS;
        submitReverts(
            b, abi.encodeWithSelector(IRollup.InstanceNotCanonical.selector, b.dataCommitment)
        );
    }

    function test_rejectsDataOfWrongLength() public {
        Batch memory b = makeBatch(4, 2, 0, 15);
        b.noteData[1] = bytes.concat(b.noteData[1], hex"00");
        submitReverts(
            b, abi.encodeWithSelector(IRollup.WrongDataLength.selector, 2 * 431 + 1, 2 * 431)
        );
        b = makeBatch(4, 2, 0, 15);
        bytes memory data = ReferenceBatch.slotsData(b);
        assembly ("memory-safe") {
            mstore(data, sub(mload(data), 1))
        }
        submitReverts(
            b, data, abi.encodeWithSelector(IRollup.WrongDataLength.selector, 2 * 431 - 1, 2 * 431)
        );
        b.header.transactions = 3;
        submitReverts(
            b, abi.encodeWithSelector(IRollup.WrongDataLength.selector, 2 * 431, 3 * 431)
        );
    }

    /// @dev A transaction of protocol version 1 has 681 bytes.
    function test_rejectsDataOfVersion1() public {
        for (uint16 count = 1; count <= 4; ++count) {
            submitReverts(
                makeBatch(4, count, 0, 15),
                new bytes(681 * uint256(count)),
                abi.encodeWithSelector(
                    IRollup.WrongDataLength.selector, 681 * uint256(count), 431 * uint256(count)
                )
            );
        }
    }

    function test_rejectsTooManySlots() public {
        submitReverts(
            makeBatch(4, 5, 0, 16), abi.encodeWithSelector(IRollup.TooManySlots.selector, 5, 4)
        );
        submitReverts(
            makeBatch(4, 0, 5, 16), abi.encodeWithSelector(IRollup.TooManySlots.selector, 5, 4)
        );
    }

    function test_rejectsWithdrawals() public {
        Batch memory b = makeBatch(4, 3, 0, 17);
        withdraw(b, 3, USD, alice, 1);
        submitReverts(b, abi.encodeWithSelector(IRollup.WithdrawalOutOfOrder.selector, 3));
        b = makeBatch(4, 3, 0, 17);
        withdraw(b, 1, USD, alice, 1);
        withdraw(b, 1, USD, alice, 1);
        submitReverts(b, abi.encodeWithSelector(IRollup.WithdrawalOutOfOrder.selector, 1));
        b.withdrawals[0].slot = 2;
        submitReverts(b, abi.encodeWithSelector(IRollup.WithdrawalOutOfOrder.selector, 1));
        b = makeBatch(4, 3, 0, 17);
        withdraw(b, 0, USD, alice, 0);
        submitReverts(b, abi.encodeWithSelector(IRollup.EmptyWithdrawal.selector, 0));
        b.withdrawals[0] = Withdrawal(0, USD, address(0), 1);
        submitReverts(b, abi.encodeWithSelector(IRollup.EmptyWithdrawal.selector, 0));
    }

    /// @dev H(CONTEXT; chain id, rollup, 2).
    function test_context() public view {
        uint256[] memory m = new uint256[](3);
        m[0] = 31337;
        m[1] = uint160(address(rollup));
        m[2] = 2;
        assertEq(rollup.context(), poseidon.hash(12, m), "context");
    }
}
