// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {AssetRegistry} from "../src/AssetRegistry.sol";
import {SCALAR_MODULUS} from "../src/Fields.sol";
import {Rollup} from "../src/Rollup.sol";
import {IHalo2Verifier} from "../src/interfaces/IHalo2Verifier.sol";
import {IDepositQueue} from "../src/interfaces/IDepositQueue.sol";
import {HeldWithdrawal} from "../src/interfaces/IHeldWithdrawals.sol";
import {IRollup, Withdrawal} from "../src/interfaces/IRollup.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Fixture, G3X, G3Y} from "./Fixture.sol";
import {VM} from "./Vm.sol";
import {VerifierDouble} from "./doubles/VerifierDouble.sol";
import {HeldTree} from "./reference/HeldTree.sol";
import {Batch, ReferenceBatch} from "./reference/ReferenceBatch.sol";

contract RollupTest is Fixture {
    function setUp() public {
        deploy();
    }

    function test_rejectsWithdrawalsOfAnotherLength() public {
        Batch memory b = makeBatch(4, 4, 0, 0);
        b.withdrawals = new Withdrawal[](1);
        b.withdrawals[0] = Withdrawal(1, USD, bob, 5);
        bytes memory whole = ReferenceBatch.withdrawalsData(b);
        bytes memory data = ReferenceBatch.slotsData(b);
        for (uint256 length = 1; length < 80; ++length) {
            if (length % 39 == 0) continue;
            bytes memory cut = new bytes(length);
            for (uint256 i = 0; i < length && i < whole.length; ++i) {
                cut[i] = whole[i];
            }
            VM.prank(sequencer, sequencer);
            VM.expectRevert(
                abi.encodeWithSelector(IRollup.WrongDataLength.selector, length, length / 39 * 39)
            );
            rollup.submitBatch(
                b.header, b.depositsData, data, cut, b.proof, b.newState, b.dataCommitment
            );
        }
    }

    function test_genesis() public view {
        assertEq(rollup.state(), GENESIS, "state");
        assertEq(rollup.batchIndex(), 1, "batch index");
        assertEq(rollup.lastTime(), 0, "time");
        assertEq(rollup.feeAsset(), USD, "fee asset");
        assertEq(vault.rollup(), address(rollup), "vault's rollup");
        assertEq(address(vault.registry()), address(registry), "vault's registry");
    }

    function test_acceptedBatchTakesEffect() public {
        depositToken(usd, USD, alice, 1000, 1);
        depositCoin(alice, 77, 2);
        depositToken(gold, GOLD, alice, 5, 3);
        Batch memory b = makeBatch(4, 4, 2, 1);
        b.header.feeTotal = 30;
        b.withdrawals = new Withdrawal[](2);
        b.withdrawals[0] = Withdrawal(1, USD, bob, 970);
        b.withdrawals[1] = Withdrawal(3, COIN, bob, 7);
        (uint256 z,) =
            ReferenceBatch.evaluate(ReferenceBatch.words(b, rollup.context(), 4), b.dataCommitment);
        assertTrue(z != 0, "challenge");
        submit(b);
        assertEq(rollup.state(), b.newState, "state");
        assertEq(rollup.batchIndex(), 2, "batch index");
        assertEq(rollup.lastTime(), b.header.time, "time");
        assertEq(vault.consumedCount(), 2, "deposits consumed");
        // Both go to an account that the vault does not know: the batch holds them.
        VM.startPrank(bob);
        HeldWithdrawal[] memory held = HeldTree.shown(1, b.withdrawals, 0);
        assertEq(vault.claimHeld(USD, bob, held), 970, "withdrawal");
        held = HeldTree.shown(1, b.withdrawals, 1);
        assertEq(vault.claimHeld(COIN, bob, held), 7, "withdrawal");
        VM.stopPrank();
        assertEq(vault.credited(USD, feeRecipient), 30, "fees");
        assertEq(vault.inside(USD), 0, "inside");
        assertEq(vault.inside(COIN), 70, "inside");
        assertEq(vault.inside(GOLD), 0, "not consumed");
    }

    function test_event() public {
        depositToken(usd, USD, alice, 1000, 1);
        Batch memory b = makeBatch(4, 2, 1, 2);
        uint256[] memory words = ReferenceBatch.words(b, rollup.context(), 4);
        bytes memory data = ReferenceBatch.slotsData(b);
        VM.expectEmit(true, true, true, true, address(rollup));
        emit IRollup.BatchAccepted(
            1,
            b.newState,
            GENESIS,
            4,
            b.header.time,
            2,
            1,
            0,
            b.dataCommitment,
            keccak256(abi.encodePacked(words))
        );
        VM.prank(sequencer, sequencer);
        rollup.submitBatch(
            b.header,
            b.depositsData,
            data,
            ReferenceBatch.withdrawalsData(b),
            b.proof,
            b.newState,
            b.dataCommitment
        );
    }

    /// @dev The chain binds words and new state of every batch, and nothing else.
    function test_dataChain() public {
        assertEq(rollup.dataChain(), 0, "genesis");
        depositToken(usd, USD, alice, 1000, 1);
        bytes32 chain = 0;
        for (uint16 i = 0; i < 3; ++i) {
            Batch memory b = makeBatch(4, i, i % 2, i);
            uint256[] memory words = ReferenceBatch.words(b, rollup.context(), 4);
            chain = keccak256(
                abi.encode(chain, keccak256(abi.encodePacked(words)), bytes32(b.newState))
            );
            submit(b);
            assertEq(rollup.dataChain(), chain, "chain");
        }
        uint256 before = VM.snapshotState();
        submit(makeBatch(4, 1, 0, 7));
        bytes32 one = rollup.dataChain();
        VM.revertToState(before);
        Batch memory other = makeBatch(4, 1, 0, 7);
        other.newState += 1;
        submit(other);
        assertTrue(rollup.dataChain() != one, "new state");
        VM.revertToState(before);
        other = makeBatch(4, 1, 0, 7);
        other.noteData[0][5] ^= 0x01;
        submit(other);
        assertTrue(rollup.dataChain() != one, "words");
    }

    function test_rejectedProofChangesNothing() public {
        depositToken(usd, USD, alice, 1000, 1);
        verifier.set(VerifierDouble.Answer.Reject);
        Batch memory b = makeBatch(4, 1, 1, 3);
        submitReverts(b, abi.encodeWithSelector(IHalo2Verifier.InvalidProof.selector));
        assertEq(rollup.state(), GENESIS, "state");
        assertEq(rollup.batchIndex(), 1, "batch index");
        assertEq(rollup.dataChain(), 0, "data chain");
        assertEq(vault.consumedCount(), 0, "deposits");
        assertEq(vault.inside(USD), 0, "inside");
    }

    function test_onlySequencer() public {
        Batch memory b = makeBatch(4, 1, 0, 4);
        bytes memory data = ReferenceBatch.slotsData(b);
        VM.expectRevert(abi.encodeWithSelector(IRollup.NotSequencer.selector, address(this)));
        rollup.submitBatch(
            b.header,
            b.depositsData,
            data,
            ReferenceBatch.withdrawalsData(b),
            b.proof,
            b.newState,
            b.dataCommitment
        );
    }

    /// @dev The data must be in a transaction's own input: the rollup refuses calls through a
    /// contract and from an account with delegated code.
    function test_dataInTransaction() public {
        Batch memory b = makeBatch(4, 1, 0, 4);
        bytes memory data = ReferenceBatch.slotsData(b);
        VM.prank(sequencer, alice);
        VM.expectRevert(IRollup.DataNotInTransaction.selector);
        rollup.submitBatch(
            b.header,
            b.depositsData,
            data,
            ReferenceBatch.withdrawalsData(b),
            b.proof,
            b.newState,
            b.dataCommitment
        );
        VM.etch(sequencer, abi.encodePacked(hex"ef0100", address(verifier)));
        submitReverts(b, abi.encodeWithSelector(IRollup.DataNotInTransaction.selector));
        VM.etch(sequencer, "");
        submit(b);
    }

    function test_wrongOldState() public {
        Batch memory b = makeBatch(4, 1, 0, 5);
        submit(b);
        Batch memory again = makeBatch(4, 1, 0, 5);
        again.header.oldState = GENESIS;
        submitReverts(
            again, abi.encodeWithSelector(IRollup.WrongOldState.selector, GENESIS, b.newState)
        );
    }

    /// @dev The old state plus the modulus is another word, and is refused.
    function test_oldStatePlusModulus() public {
        Batch memory b = makeBatch(4, 1, 0, 5);
        b.header.oldState = GENESIS + SCALAR_MODULUS;
        submitReverts(
            b,
            abi.encodeWithSelector(
                IRollup.WrongOldState.selector, GENESIS + SCALAR_MODULUS, GENESIS
            )
        );
    }

    function test_wrongBatchIndex() public {
        Batch memory b = makeBatch(4, 1, 0, 6);
        b.header.batchIndex = 2;
        submitReverts(b, abi.encodeWithSelector(IRollup.WrongBatchIndex.selector, 2, 1));
        b.header.batchIndex = 0;
        submitReverts(b, abi.encodeWithSelector(IRollup.WrongBatchIndex.selector, 0, 1));
    }

    function test_staleAssetsRoot() public {
        Batch memory b = makeBatch(4, 1, 0, 7);
        uint256 old = registry.root();
        registry.rotateAuditor(1, G3X, G3Y);
        submitReverts(
            b, abi.encodeWithSelector(IRollup.StaleAssetsRoot.selector, old, registry.root())
        );
    }

    function test_wrongFeeAsset() public {
        Batch memory b = makeBatch(4, 1, 0, 8);
        b.header.feeAsset = GOLD;
        submitReverts(b, abi.encodeWithSelector(IRollup.WrongFeeAsset.selector, GOLD, USD));
    }

    function test_feeWithoutRecipient() public {
        Batch memory b = makeBatch(4, 1, 0, 8);
        b.header.feeRecipient = address(0);
        b.header.feeTotal = 1;
        submitReverts(b, abi.encodeWithSelector(IRollup.FeeWithoutRecipient.selector));
        b.header.feeTotal = 0;
        submit(b);
    }

    function test_depositsOutOfOrder() public {
        for (uint256 i = 0; i < 3; ++i) {
            depositToken(usd, USD, alice, 10, i);
        }
        Batch memory b = makeBatch(4, 0, 1, 9);
        b.header.firstDeposit = 1;
        submitReverts(b, abi.encodeWithSelector(IRollup.WrongFirstDeposit.selector, 1, 0));
        submit(makeBatch(4, 0, 2, 10));
        b = makeBatch(4, 0, 1, 11);
        b.header.firstDeposit = 0;
        submitReverts(b, abi.encodeWithSelector(IRollup.WrongFirstDeposit.selector, 0, 2));
        b = makeBatch(4, 0, 2, 12);
        submitReverts(b, abi.encodeWithSelector(IRollup.WrongDataLength.selector, 71, 142));
        b.depositsData = bytes.concat(b.depositsData, b.depositsData);
        submitReverts(b, abi.encodeWithSelector(IDepositQueue.DepositsMissing.selector, 2, 1));
        submit(makeBatch(4, 0, 1, 13));
        assertEq(vault.consumedCount(), 3, "consumed");
    }

    function test_timeWindow() public {
        Batch memory b = makeBatch(4, 1, 0, 14);
        b.header.time = uint40(NOW + 1);
        submitReverts(
            b,
            abi.encodeWithSelector(IRollup.TimeOutsideWindow.selector, NOW + 1, NOW - 1 hours, NOW)
        );
        b.header.time = uint40(NOW - 1 hours - 1);
        submitReverts(
            b,
            abi.encodeWithSelector(
                IRollup.TimeOutsideWindow.selector, NOW - 1 hours - 1, NOW - 1 hours, NOW
            )
        );
        b.header.time = uint40(NOW - 1 hours);
        submit(b);
        // Times never fall, but may be equal.
        b = makeBatch(4, 1, 0, 15);
        b.header.time = uint40(NOW - 10);
        submit(b);
        b = makeBatch(4, 1, 0, 16);
        b.header.time = uint40(NOW - 11);
        submitReverts(
            b, abi.encodeWithSelector(IRollup.TimeOutsideWindow.selector, NOW - 11, NOW - 10, NOW)
        );
        b.header.time = uint40(NOW - 10);
        submit(b);
    }

    /// @dev A batch names a snapshot that was taken at or before the batch's time.
    function test_oracleSnapshot() public {
        assertEq(address(rollup.oracle()), address(oracle), "oracle");
        Batch memory b = makeBatch(4, 1, 0, 25);
        uint256[3] memory unknown = [uint256(1), SCALAR_MODULUS, type(uint256).max];
        for (uint256 i = 0; i < unknown.length; ++i) {
            b.header.oracle = unknown[i];
            submitReverts(b, abi.encodeWithSelector(IRollup.UnknownSnapshot.selector, unknown[i]));
        }
        uint256 digest = oracle.snapshot();
        b.header.oracle = digest;
        b.header.time = uint40(NOW - 1);
        submitReverts(b, abi.encodeWithSelector(IRollup.SnapshotAfterBatch.selector, NOW, NOW - 1));
        // The digest plus the modulus is another word.
        b.header.time = uint40(NOW);
        b.header.oracle = digest + SCALAR_MODULUS;
        submitReverts(
            b, abi.encodeWithSelector(IRollup.UnknownSnapshot.selector, digest + SCALAR_MODULUS)
        );
        b.header.oracle = digest;
        submit(b);
        assertEq(rollup.lastTaken(), NOW, "taken");
        // The contract accepts an old snapshot if it is the last one. Its age is checked for each
        // transaction, in the circuit.
        submitAt(NOW + 365 days, digest);
        assertEq(rollup.lastTaken(), NOW, "taken a year ago");
    }

    /// @dev Returns a batch of this time that names this snapshot.
    function batchAt(uint256 time, uint256 digest) private returns (Batch memory b) {
        VM.warp(time);
        b = makeBatch(4, 1, 0, 26);
        b.header.time = uint40(time);
        b.header.oracle = digest;
    }

    function submitAt(uint256 time, uint256 digest) private {
        submit(batchAt(time, digest));
    }

    function snapshotAt(uint256 time) private returns (uint256) {
        VM.warp(time);
        return oracle.snapshot();
    }

    /// @dev A snapshot can be named until ten minutes after the next one. The batch's time counts,
    /// not the block's.
    function test_supersededSnapshot() public {
        uint256 first = snapshotAt(NOW);
        uint256 second = snapshotAt(NOW + 60);
        Batch memory b = batchAt(NOW + 661, first);
        submitReverts(
            b, abi.encodeWithSelector(IRollup.SnapshotSuperseded.selector, NOW + 60, NOW + 661)
        );
        b.header.time = uint40(NOW + 660);
        submit(b);
        assertEq(rollup.lastTaken(), NOW, "taken");
        submitAt(NOW + 10_000, second);
        assertEq(rollup.lastTaken(), NOW + 60, "taken later");
        // As late as the window allows.
        snapshotAt(NOW + 20_000);
        b = batchAt(NOW + 20_600, second);
        VM.warp(NOW + 20_600 + 1 hours);
        submit(b);
    }

    /// @dev No snapshot is named until ten minutes after the first one.
    function test_noSnapshot() public {
        submitAt(NOW, 0);
        assertEq(rollup.lastTaken(), 1, "before the first");
        uint256 first = snapshotAt(NOW + 1 days);
        submitAt(NOW + 1 days + 600, 0);
        submitReverts(
            batchAt(NOW + 1 days + 601, 0),
            abi.encodeWithSelector(
                IRollup.SnapshotSuperseded.selector, NOW + 1 days, NOW + 1 days + 601
            )
        );
        submitAt(NOW + 1 days + 601, first);
    }

    /// @dev No batch has an older snapshot than the batch before it.
    function test_snapshotsInOrder() public {
        uint256 first = snapshotAt(NOW);
        uint256 second = snapshotAt(NOW + 60);
        submitAt(NOW + 60, first);
        submitAt(NOW + 61, first);
        submitAt(NOW + 62, second);
        submitReverts(
            batchAt(NOW + 63, first),
            abi.encodeWithSelector(IRollup.SnapshotBeforeLast.selector, NOW, NOW + 60)
        );
        submitReverts(
            batchAt(NOW + 64, 0),
            abi.encodeWithSelector(IRollup.SnapshotBeforeLast.selector, 1, NOW + 60)
        );
        submitAt(NOW + 64, second);
    }

    /// @dev A refused proof leaves the last snapshot as it is.
    function test_refusedBatchKeepsLastSnapshot() public {
        uint256 first = snapshotAt(NOW);
        uint256 second = snapshotAt(NOW + 60);
        verifier.set(VerifierDouble.Answer.Reject);
        submitReverts(
            batchAt(NOW + 60, second), abi.encodeWithSelector(IHalo2Verifier.InvalidProof.selector)
        );
        assertEq(rollup.lastTaken(), 0, "no batch yet");
        verifier.set(VerifierDouble.Answer.Accept);
        submitAt(NOW + 60, first);
    }

    /// @dev Whoever takes snapshots for a week while no batch settles does not make more batches
    /// necessary. (One every minute would exceed the gas limit of a test.)
    function test_weekOfSnapshots() public {
        submitAt(NOW, snapshotAt(NOW));
        uint256 digest;
        for (uint256 passed = 5 minutes; passed <= 7 days; passed += 5 minutes) {
            digest = snapshotAt(NOW + passed);
        }
        submitAt(NOW + 7 days + 59, digest);
        assertEq(rollup.batchIndex(), 3, "two batches");
        assertEq(rollup.lastTaken(), NOW + 7 days, "the last snapshot");
    }

    /// @dev An account with code could not submit batches.
    function test_sequencerWithCode() public {
        bytes memory reason =
            abi.encodeWithSelector(IRollup.SequencerWithCode.selector, address(verifier));
        VM.expectRevert(reason);
        rollup.setSequencer(address(verifier));
        VM.expectRevert(reason);
        new Rollup(registry, oracle, address(this), address(verifier), guardian, USD);
        VM.expectRevert(IRollup.ZeroAddress.selector);
        new Rollup(registry, oracle, address(this), address(0), guardian, USD);
        VM.etch(alice, abi.encodePacked(hex"ef0100", address(verifier)));
        VM.expectRevert(abi.encodeWithSelector(IRollup.SequencerWithCode.selector, alice));
        rollup.setSequencer(alice);
        assertEq(rollup.sequencer(), sequencer, "unchanged");
    }

    /// @dev Nobody has the key of the rollup, of its vault or of a precompiled contract. In the
    /// rollup's constructor they have no code either.
    function test_sequencerWithoutKey() public {
        address[4] memory keyless =
            [address(rollup), address(1), address(0x11), address(uint160(0x1ff))];
        for (uint256 i = 0; i < keyless.length; ++i) {
            VM.expectRevert(
                abi.encodeWithSelector(IRollup.SequencerWithoutKey.selector, keyless[i])
            );
            rollup.setSequencer(keyless[i]);
        }
        rollup.setSequencer(address(uint160(0x200)));
        VM.expectRevert(abi.encodeWithSelector(IRollup.SequencerWithCode.selector, address(vault)));
        rollup.setSequencer(address(vault));

        address next = VM.computeCreateAddress(address(this), VM.getNonce(address(this)));
        VM.expectRevert(abi.encodeWithSelector(IRollup.SequencerWithoutKey.selector, next));
        new Rollup(registry, oracle, address(this), next, guardian, USD);
        next = VM.computeCreateAddress(address(this), VM.getNonce(address(this)));
        address nextVault = VM.computeCreateAddress(next, 1);
        VM.expectRevert(abi.encodeWithSelector(IRollup.SequencerWithCode.selector, nextVault));
        new Rollup(registry, oracle, address(this), nextVault, guardian, USD);
        VM.expectRevert(abi.encodeWithSelector(IRollup.SequencerWithoutKey.selector, address(2)));
        new Rollup(registry, oracle, address(this), address(2), guardian, USD);
    }

    function test_feeAssetMissing() public {
        uint16 count = uint16(registry.count());
        VM.expectRevert(abi.encodeWithSelector(IRollup.FeeAssetMissing.selector, count));
        new Rollup(registry, oracle, address(this), sequencer, guardian, count);
        assertEq(
            new Rollup(registry, oracle, address(this), sequencer, guardian, count - 1).feeAsset(),
            count - 1,
            "the last asset"
        );
    }

    function test_oracleOfAnotherRegistry() public {
        AssetRegistry other = new AssetRegistry(poseidon, address(this), guardian);
        VM.expectRevert(
            abi.encodeWithSelector(IRollup.OracleOfAnotherRegistry.selector, address(registry))
        );
        new Rollup(other, oracle, address(this), sequencer, guardian, USD);
    }

    /// @dev A batch whose withdrawals or fees exceed the deposits is refused whole, whatever its
    /// proof proves.
    function test_turnstile() public {
        depositToken(usd, USD, alice, 100, 1);
        depositToken(gold, GOLD, alice, 100, 1);
        Batch memory b = makeBatch(4, 2, 2, 17);
        b.withdrawals = new Withdrawal[](1);
        b.withdrawals[0] = Withdrawal(0, USD, bob, 101);
        submitReverts(b, abi.encodeWithSelector(IVault.TurnstileBreached.selector, USD, 101, 100));
        b.withdrawals[0].amount = 100;
        b.header.feeTotal = 1;
        submitReverts(b, abi.encodeWithSelector(IVault.TurnstileBreached.selector, USD, 1, 0));
        b.withdrawals[0] = Withdrawal(0, 3, bob, 1);
        submitReverts(b, abi.encodeWithSelector(IVault.TurnstileBreached.selector, 3, 1, 0));
        assertEq(rollup.state(), GENESIS, "state");
        b.withdrawals[0] = Withdrawal(0, USD, bob, 99);
        submit(b);
        assertEq(vault.inside(USD), 0, "inside");
        b = makeBatch(4, 2, 0, 18);
        b.withdrawals = new Withdrawal[](1);
        b.withdrawals[0] = Withdrawal(0, USD, bob, 1);
        submitReverts(b, abi.encodeWithSelector(IVault.TurnstileBreached.selector, USD, 1, 0));
    }

    function test_shapes() public {
        VM.expectRevert(abi.encodeWithSelector(IRollup.ShapeExists.selector, 4));
        rollup.registerShape(4, 4, address(verifier), vkData, false);
        uint16[4] memory wrong = [uint16(0), 1, 8, 128];
        for (uint256 i = 0; i < 4; ++i) {
            VM.expectRevert(abi.encodeWithSelector(IRollup.InvalidSlots.selector, wrong[i]));
            rollup.registerShape(9, wrong[i], address(verifier), vkData, false);
        }
        VM.expectRevert(abi.encodeWithSelector(IRollup.NotAContract.selector, alice));
        rollup.registerShape(9, 4, alice, vkData, false);
        VM.expectRevert(abi.encodeWithSelector(IRollup.NotAContract.selector, alice));
        rollup.registerShape(9, 4, address(verifier), alice, false);
        assertEq(rollup.shapeOf(64).slots, 64, "slots");
        assertTrue(rollup.shapeOf(64).unsafeDevelopment, "unsafe");
        VM.expectRevert(abi.encodeWithSelector(IRollup.UnknownShape.selector, 9));
        rollup.shapeOf(9);
        Batch memory b = makeBatch(9, 1, 0, 19);
        submitReverts(b, abi.encodeWithSelector(IRollup.UnknownShape.selector, 9));
    }

    /// @dev Only the code that a shape was registered with verifies its proofs.
    function test_codeChanged() public {
        bytes memory verifierCode = address(verifier).code;
        bytes memory keyCode = vkData.code;
        assertTrue(
            rollup.shapeOf(4).verifierCodeHash == keccak256(verifierCode), "verifier's hash"
        );
        assertTrue(rollup.shapeOf(4).vkDataCodeHash == keccak256(keyCode), "key's hash");
        Batch memory b = makeBatch(4, 1, 0, 24);
        bytes[3] memory others =
            [bytes(""), hex"00", abi.encodePacked(hex"ef0100", address(verifier))];
        for (uint256 i = 0; i < others.length; ++i) {
            // Such code answers every call with success.
            VM.etch(address(verifier), others[i]);
            submitReverts(
                b, abi.encodeWithSelector(IRollup.CodeChanged.selector, address(verifier))
            );
            VM.etch(address(verifier), verifierCode);
            VM.etch(vkData, others[i]);
            submitReverts(b, abi.encodeWithSelector(IRollup.CodeChanged.selector, vkData));
            VM.etch(vkData, keyCode);
        }
        submit(b);
    }

    /// @dev The key of an account that delegates can change its code at any time.
    function test_delegationIsNoContract() public {
        bytes memory reason = abi.encodeWithSelector(IRollup.NotAContract.selector, alice);
        VM.etch(alice, abi.encodePacked(hex"ef0100", address(verifier)));
        VM.expectRevert(reason);
        rollup.registerShape(9, 4, alice, vkData, false);
        VM.expectRevert(reason);
        rollup.registerShape(9, 4, address(verifier), alice, false);
        // A contract can have other code of that length.
        VM.etch(alice, abi.encodePacked(hex"000100", address(verifier)));
        rollup.registerShape(9, 4, address(verifier), alice, false);
        assertTrue(rollup.shapeOf(9).vkDataCodeHash == keccak256(alice.code), "hash");
    }

    /// @dev A retired shape is neither used nor registered again.
    function test_retiredShape() public {
        rollup.retireShape(4);
        submitReverts(
            makeBatch(4, 1, 0, 20), abi.encodeWithSelector(IRollup.UnknownShape.selector, 4)
        );
        VM.expectRevert(abi.encodeWithSelector(IRollup.UnknownShape.selector, 4));
        rollup.retireShape(4);
        VM.expectRevert(abi.encodeWithSelector(IRollup.ShapeExists.selector, 4));
        rollup.registerShape(4, 4, address(verifier), vkData, false);
        submit(makeBatch(16, 1, 0, 21));
    }

    function test_onlyGovernance() public {
        bytes memory reason =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, sequencer);
        VM.startPrank(sequencer);
        VM.expectRevert(reason);
        rollup.registerShape(9, 4, address(verifier), vkData, false);
        VM.expectRevert(reason);
        rollup.retireShape(4);
        VM.expectRevert(reason);
        rollup.setSequencer(alice);
        VM.stopPrank();
        VM.expectRevert(IRollup.ZeroAddress.selector);
        rollup.setSequencer(address(0));
        rollup.setSequencer(alice);
        assertEq(rollup.sequencer(), alice, "sequencer");
        submitReverts(
            makeBatch(4, 1, 0, 22),
            abi.encodeWithSelector(IRollup.NotSequencer.selector, sequencer)
        );
    }

    /// @dev Paused deposits do not delay settlement.
    function test_settlesWhilePaused() public {
        depositToken(usd, USD, alice, 100, 1);
        VM.prank(guardian);
        vault.setDepositsPaused(true);
        submit(makeBatch(4, 1, 1, 23));
        assertEq(vault.consumedCount(), 1, "consumed");
    }
}
