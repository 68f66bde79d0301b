// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {AssetRegistry} from "../src/AssetRegistry.sol";
import {SCALAR_MODULUS} from "../src/Fields.sol";
import {Poseidon} from "../src/Poseidon.sol";
import {PriceOracle} from "../src/PriceOracle.sol";
import {GENESIS_STATE} from "../src/ProtocolConstants.sol";
import {Rollup} from "../src/Rollup.sol";
import {HeldWithdrawal} from "../src/interfaces/IHeldWithdrawals.sol";
import {IDepositQueue, QueuedDeposit} from "../src/interfaces/IDepositQueue.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {RecordedLog, Test, VM} from "./Vm.sol";
import {PlainToken} from "./doubles/Tokens.sol";
import {VerifierDouble} from "./doubles/VerifierDouble.sol";
import {Batch, ReferenceBatch} from "./reference/ReferenceBatch.sol";

// Points of the embedded curve: its generator G, 2·G and 3·G.
uint256 constant GX =
    19698561148652590122159747500897617769866003486955115824547446575314762165298;
uint256 constant GY =
    19298250018296453272277890825869354524455968081175474282777126169995084727839;
uint256 constant G2X =
    10888583586923931208544682894223808592889594683695707023810418596490376666084;
uint256 constant G2Y =
    5385439990830629333790141808766489564004042426613953605842428838252723138518;
uint256 constant G3X =
    6454286856122558380304654249145457904483192930529533876582974818763598711205;
uint256 constant G3Y =
    9834504578074244817864877097296457569480750737760104650970013107390242905750;

/// @dev Deploys the contracts as on a development chain, with the test as governance and three
/// assets: 0 is native coin, 1 has 6 decimals and pays fees, 2 has 18 decimals.
abstract contract Fixture is Test {
    uint16 internal constant COIN = 0;
    uint16 internal constant USD = 1;
    uint16 internal constant GOLD = 2;
    uint256 internal constant GENESIS = GENESIS_STATE;
    uint256 internal constant NOW = 1_800_000_000;

    address internal sequencer = address(0x5e9);
    address internal guardian = address(0x6a4d);
    address internal alice = address(0xa11ce);
    address internal bob = address(0xb0b);
    address internal feeRecipient = address(0xfee);

    Poseidon internal poseidon;
    AssetRegistry internal registry;
    PriceOracle internal oracle;
    Rollup internal rollup;
    IVault internal vault;
    VerifierDouble internal verifier;
    address internal vkData = address(0xda7a);
    PlainToken internal usd;
    PlainToken internal gold;

    /// Holds the deposits that the vault queued, by its events.
    QueuedDeposit[] internal queue;

    function deploy() internal {
        VM.warp(NOW);
        VM.recordLogs();
        poseidon = new Poseidon();
        registry = new AssetRegistry(poseidon, address(this), guardian);
        oracle = new PriceOracle(registry, address(this));
        verifier = new VerifierDouble();
        VM.etch(vkData, hex"0001");
        usd = new PlainToken(6);
        gold = new PlainToken(18);
        registry.registerUnaudited(address(0), 0);
        registry.register(address(usd), GX, GY, 0);
        registry.register(address(gold), G2X, G2Y, 0);
        rollup = new Rollup(registry, oracle, address(this), sequencer, guardian, USD);
        vault = rollup.vault();
        rollup.registerShape(4, 4, address(verifier), vkData, false);
        rollup.registerShape(16, 16, address(verifier), vkData, false);
        rollup.registerShape(64, 64, address(verifier), vkData, true);
    }

    /// @dev Mints to `from` the amount that it deposits.
    function depositToken(
        PlainToken token,
        uint16 asset,
        address from,
        uint256 amount,
        uint256 inner
    ) internal returns (uint64) {
        token.mint(from, amount);
        VM.startPrank(from);
        token.approve(address(vault), amount);
        uint64 index = vault.deposit(asset, amount, inner);
        VM.stopPrank();
        return index;
    }

    function depositCoin(address from, uint256 amount, uint256 inner) internal returns (uint64) {
        VM.deal(from, from.balance + amount);
        VM.prank(from);
        return vault.deposit{value: amount}(COIN, amount, inner);
    }

    /// @dev Adds the deposits to `queue` that the vault queued since the last call. Drops what a
    /// test that went back to an earlier state has undone.
    function readQueue() internal {
        while (queue.length > vault.depositCount()) {
            queue.pop();
        }
        RecordedLog[] memory logs = VM.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            RecordedLog memory log = logs[i];
            bool queued = log.emitter == address(vault)
                && log.topics[0] == IDepositQueue.DepositQueued.selector;
            if (!queued || uint256(log.topics[1]) != queue.length) continue;
            (uint128 value,, uint256 inner) = abi.decode(log.data, (uint128, uint128, uint256));
            queue.push(
                QueuedDeposit(
                    address(uint160(uint256(log.topics[2]))),
                    uint16(uint256(log.topics[3])),
                    value,
                    inner
                )
            );
        }
    }

    /// @dev Returns the data of deposits that wait and are not taken back. Returns fewer if the
    /// queue has fewer.
    function depositsData(uint256 first, uint256 count) internal returns (bytes memory data) {
        readQueue();
        for (uint256 i = first; i < first + count && i < queue.length; ++i) {
            data = bytes.concat(data, ReferenceBatch.depositData(queue[i], false));
        }
    }

    /// @dev Returns the link of deposit `count − 1`, computed from the first deposit on, apart from
    /// the contract.
    function chainAfter(uint256 count) internal returns (bytes32 link) {
        readQueue();
        for (uint256 i = 0; i < count; ++i) {
            QueuedDeposit memory d = queue[i];
            uint256 packed = uint256(d.asset) * 2 ** 8 + uint256(d.value) * 2 ** 24;
            link = keccak256(abi.encode(link, i, d.depositor, packed, d.inner));
        }
    }

    /// @dev Returns the newest deposit, which the vault binds: its link is the last one.
    function newestDeposit() internal returns (QueuedDeposit memory) {
        readQueue();
        assertEq(queue.length, vault.depositCount(), "queue");
        assertEq(vault.linkAfter(queue.length), chainAfter(queue.length), "link");
        return queue[queue.length - 1];
    }

    /// @dev Returns the signature by which the account of `key` lets anybody claim its credit for
    /// `to`, with its present nonce. The digest is computed apart from the contract.
    function signClaim(uint256 key, uint16 asset, address to, uint256 deadline)
        internal
        view
        returns (bytes memory)
    {
        return signClaimOf(key, asset, to, 0, deadline);
    }

    /// @dev No held withdrawals.
    function nothing() internal pure returns (HeldWithdrawal[] memory) {
        return new HeldWithdrawal[](0);
    }

    /// @dev Like `signClaim`, of a least amount.
    function signClaimOf(uint256 key, uint16 asset, address to, uint256 least, uint256 deadline)
        internal
        view
        returns (bytes memory)
    {
        uint256 nonce = vault.claimNonce(asset, VM.addr(key));
        (uint8 v, bytes32 r, bytes32 s) =
            VM.sign(key, claimDigest(VM.addr(key), asset, to, least, nonce, deadline));
        return abi.encodePacked(r, s, v);
    }

    function claimDigest(
        address account,
        uint16 asset,
        address to,
        uint256 least,
        uint256 nonce,
        uint256 deadline
    ) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,"
                    "address verifyingContract)"
                ),
                keccak256("Subrosa Vault"),
                keccak256("1"),
                block.chainid,
                address(vault)
            )
        );
        bytes32 claim = keccak256(
            abi.encode(
                keccak256(
                    "Claim(address account,uint16 asset,address to,uint256 least,uint256 nonce,"
                    "uint256 deadline)"
                ),
                account,
                asset,
                to,
                least,
                nonce,
                deadline
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, claim));
    }

    /// @dev Returns a batch with arbitrary words that the contract accepts in its current state.
    function makeBatch(uint32 shape, uint16 transactions, uint16 deposits, uint256 seed)
        internal
        returns (Batch memory b)
    {
        b.header.shape = shape;
        b.header.batchIndex = rollup.batchIndex();
        b.header.time = uint40(block.timestamp);
        b.header.transactions = transactions;
        b.header.deposits = deposits;
        b.header.feeAsset = USD;
        b.header.feeRecipient = feeRecipient;
        b.header.firstDeposit = vault.consumedCount();
        b.depositsData = depositsData(b.header.firstDeposit, deposits);
        b.header.start = uint64(uint256(keccak256(abi.encode(seed, "start"))) >> 224);
        b.header.assetsRoot = registry.root();
        b.header.oldState = rollup.state();
        b.nullifiers = new uint192[3][](transactions);
        b.slotWords = new uint256[9][](transactions);
        b.noteData = new bytes[](transactions);
        for (uint256 s = 0; s < transactions; ++s) {
            for (uint256 i = 0; i < 3; ++i) {
                b.nullifiers[s][i] = uint192(uint256(keccak256(abi.encode(seed, s, "nf", i))));
            }
            for (uint256 i = 0; i < 9; ++i) {
                b.slotWords[s][i] = uint256(keccak256(abi.encode(seed, s, i))) % SCALAR_MODULUS;
            }
            bytes memory note;
            for (uint256 i = 0; i < 3; ++i) {
                note = bytes.concat(note, keccak256(abi.encode(seed, s, "note", i)));
            }
            assembly ("memory-safe") {
                mstore(note, 71)
            }
            b.noteData[s] = note;
        }
        b.proof = abi.encode(seed, "proof");
        b.newState = uint256(keccak256(abi.encode(seed, "state"))) % SCALAR_MODULUS;
        b.dataCommitment = uint256(keccak256(abi.encode(seed, "c"))) % SCALAR_MODULUS;
    }

    function submit(Batch memory b) internal {
        bytes memory data = ReferenceBatch.slotsData(b);
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

    /// @dev Submits the batch and expects this revert.
    function submitReverts(Batch memory b, bytes memory reason) internal {
        submitReverts(b, ReferenceBatch.slotsData(b), reason);
    }

    /// @dev Submits the batch with these data of its slots and expects this revert.
    function submitReverts(Batch memory b, bytes memory data, bytes memory reason) internal {
        VM.prank(sequencer, sequencer);
        VM.expectRevert(reason);
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

    /// @dev Returns the instances that the verifier would receive.
    function instancesOf(Batch memory b) internal returns (uint256[5] memory) {
        return instancesOf(b, ReferenceBatch.slotsData(b));
    }

    /// @dev Returns the instances of the batch with these data of its slots.
    function instancesOf(Batch memory b, bytes memory data)
        internal
        returns (uint256[5] memory instances)
    {
        verifier.set(VerifierDouble.Answer.Show);
        VM.prank(sequencer, sequencer);
        try rollup.submitBatch(
            b.header,
            b.depositsData,
            data,
            ReferenceBatch.withdrawalsData(b),
            b.proof,
            b.newState,
            b.dataCommitment
        ) {
            revert NotTrue("the verifier was not called");
        } catch (bytes memory reason) {
            assertTrue(
                bytes4(reason) == VerifierDouble.Shown.selector,
                "reverted before the verifier was called"
            );
            bytes memory arguments = new bytes(reason.length - 4);
            for (uint256 i = 4; i < reason.length; ++i) {
                arguments[i - 4] = reason[i];
            }
            address key;
            bytes memory proof;
            (key, instances, proof) = abi.decode(arguments, (address, uint256[5], bytes));
            assertEq(key, vkData, "key");
            assertTrue(keccak256(proof) == keccak256(b.proof), "proof");
        }
        verifier.set(VerifierDouble.Answer.Accept);
    }
}
