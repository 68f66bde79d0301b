// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Errors} from "@openzeppelin/contracts/utils/Errors.sol";
import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SCALAR_MODULUS} from "../src/Fields.sol";
import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {IDepositQueue, QueuedDeposit} from "../src/interfaces/IDepositQueue.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Fixture} from "./Fixture.sol";
import {VM} from "./Vm.sol";
import {
    BlockingToken,
    ContractAccount,
    FeeToken,
    HookToken,
    LyingToken,
    PlainToken,
    Reenterer,
    Refuser,
    SilentToken
} from "./doubles/Tokens.sol";

contract VaultTest is Fixture {
    uint256 private constant KEY = 0x5eed;
    uint256 private constant OTHER_KEY = 0x07e5;

    /// The account of `KEY`.
    address private signer;

    function setUp() public {
        deploy();
        signer = VM.addr(KEY);
    }

    /// @dev Does to the vault what settlement does, without a batch.
    function settle(uint256 consume, uint16 asset, address account, uint256 amount) private {
        bytes memory data = depositsData(vault.consumedCount(), consume);
        VM.startPrank(address(rollup));
        vault.consume(block.timestamp, data);
        vault.credit(asset, account, amount);
        VM.stopPrank();
    }

    function testFuzz_depositToken(uint128 amount, uint256 inner, bool usdNotGold) public {
        amount = uint128(bound(amount, 1, type(uint128).max));
        inner %= SCALAR_MODULUS;
        (PlainToken token, uint16 asset) = usdNotGold ? (usd, USD) : (gold, GOLD);
        assertEq(depositToken(token, asset, alice, amount, inner), 0, "index");
        QueuedDeposit memory queued = newestDeposit();
        assertEq(queued.depositor, alice, "depositor");
        assertEq(queued.asset, asset, "asset");
        assertEq(queued.value, amount, "value");
        assertEq(queued.inner, inner, "inner");
        assertEq(vault.depositCount(), 1, "count");
        assertEq(token.balanceOf(address(vault)), amount, "balance");
        assertEq(vault.inside(asset), 0, "inside before consumption");
    }

    function testFuzz_depositCoin(uint128 amount) public {
        amount = uint128(bound(amount, 1, type(uint128).max));
        depositCoin(alice, amount, 7);
        QueuedDeposit memory queued = newestDeposit();
        assertEq(queued.asset, COIN, "asset");
        assertEq(queued.value, amount, "value");
        assertEq(queued.inner, 7, "inner");
        assertEq(address(vault).balance, amount, "balance");
    }

    function test_depositEvent() public {
        VM.deal(alice, 5);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IDepositQueue.DepositQueued(0, alice, COIN, 5, 0, 7);
        VM.prank(alice);
        vault.deposit{value: 5}(COIN, 5, 7);
    }

    /// @dev An asset with the flag takes deposits that name the owner of their note, and no others.
    function test_depositNamed() public {
        PlainToken token = new PlainToken(6);
        uint16 asset = registry.registerUnaudited(address(token), 1);
        (,,, bool named) = registry.depositTerms(asset);
        assertTrue(named, "flag");
        (,,, named) = registry.depositTerms(USD);
        assertTrue(!named, "no flag");
        token.mint(alice, 5);
        VM.startPrank(alice);
        token.approve(address(vault), 5);
        VM.expectRevert(abi.encodeWithSelector(IVault.OwnerNotNamed.selector, asset));
        vault.deposit(asset, 5, 7);
        uint256[] memory message = new uint256[](3);
        (message[0], message[2]) = (11, 13);
        uint256 inner = poseidon.hash(3, message);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IDepositQueue.DepositQueued(0, alice, asset, 5, 0, inner);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IVault.DepositNamed(0, 11, 13);
        assertEq(vault.depositNamed(asset, 5, 11, 13), 0, "index");
        QueuedDeposit memory queued = newestDeposit();
        assertEq(queued.asset, asset, "asset");
        assertEq(queued.value, 5, "value");
        assertEq(queued.inner, inner, "inner");
        VM.expectRevert();
        vault.depositNamed(asset, 1, SCALAR_MODULUS, 13);
        VM.stopPrank();
        // Any asset may have it; the coin comes with the call.
        VM.deal(alice, 5);
        VM.prank(alice);
        assertEq(vault.depositNamed{value: 5}(COIN, 5, 11, 13), 1, "coin");
    }

    /// @dev The vault credits the growth of its balance, not the stated amount.
    function test_feeOnTransfer() public {
        FeeToken token = new FeeToken();
        uint16 asset = registry.registerUnaudited(address(token), 0);
        token.mint(alice, 1000);
        VM.startPrank(alice);
        token.approve(address(vault), 1000);
        vault.deposit(asset, 1000, 1);
        VM.stopPrank();
        uint256 value = newestDeposit().value;
        assertEq(value, 990, "credited");
        assertEq(token.balanceOf(address(vault)), 990, "received");
    }

    /// @dev The note gets what the vault received less the fee, and the sequencer can claim the
    /// fee, before and without any batch.
    function test_depositFee() public {
        registry.setDepositTerms(USD, 1000, 30);
        usd.mint(alice, 1000);
        VM.prank(alice);
        usd.approve(address(vault), 1000);
        VM.prank(alice);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IDepositQueue.DepositQueued(0, alice, USD, 970, 30, 7);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IVault.Credited(USD, sequencer, 30);
        vault.deposit(USD, 1000, 7);
        assertEq(newestDeposit().asset, USD, "asset");
        assertEq(newestDeposit().value, 970, "value");
        assertEq(vault.credited(USD, sequencer), 30, "fee");
        assertEq(vault.inside(USD), 0, "inside");
        VM.prank(sequencer);
        assertEq(vault.claim(USD, feeRecipient), 30, "claimed");
        assertEq(usd.balanceOf(feeRecipient), 30, "paid");
        settle(1, USD, bob, 970);
        VM.prank(bob);
        assertEq(vault.claim(USD, bob), 970, "withdrawn");
        assertEq(usd.balanceOf(address(vault)), 0, "left");
    }

    /// @dev Minimum and fee are of what the vault received, and the fee is the sequencer's of that
    /// time.
    function test_depositFeeAfterFeeOnTransfer() public {
        FeeToken token = new FeeToken();
        uint16 asset = registry.registerUnaudited(address(token), 0);
        registry.setDepositTerms(asset, 990, 400);
        token.mint(alice, 1999);
        VM.startPrank(alice);
        token.approve(address(vault), 1999);
        VM.expectRevert(abi.encodeWithSelector(IVault.DepositBelowMinimum.selector, 990 - 1, 990));
        vault.deposit(asset, 998, 1);
        VM.stopPrank();
        rollup.setSequencer(bob);
        VM.prank(alice);
        vault.deposit(asset, 1000, 1);
        uint256 value = newestDeposit().value;
        assertEq(value, 590, "value");
        assertEq(vault.credited(asset, bob), 400, "fee");
        assertEq(token.balanceOf(address(vault)), 990, "received");
    }

    /// @dev A deposit below the minimum is refused whole. Each asset has terms of its own.
    function test_depositMinimum() public {
        registry.setDepositTerms(COIN, 100, 0);
        VM.deal(alice, 200);
        VM.startPrank(alice);
        VM.expectRevert(abi.encodeWithSelector(IVault.DepositBelowMinimum.selector, 99, 100));
        vault.deposit{value: 99}(COIN, 99, 1);
        vault.deposit{value: 100}(COIN, 100, 1);
        VM.stopPrank();
        depositToken(usd, USD, alice, 1, 1);
        assertEq(vault.credited(COIN, sequencer), 0, "no fee");
        assertEq(vault.depositCount(), 2, "count");
    }

    /// @dev Whatever terms governance sets, a deposit leaves value for its note.
    function testFuzz_depositLeavesValue(uint32 minimum, uint32 fee, uint128 amount) public {
        if (fee > minimum / 2) fee = minimum / 2;
        registry.setDepositTerms(USD, minimum, fee);
        amount = uint128(bound(amount, minimum == 0 ? 1 : minimum, type(uint128).max));
        depositToken(usd, USD, alice, amount, 1);
        uint256 value = newestDeposit().value;
        assertEq(value, amount - fee, "value");
        assertTrue(value != 0, "no value");
        assertEq(vault.credited(USD, sequencer), fee, "fee");
    }

    function test_tokenWithoutReturnValue() public {
        SilentToken token = new SilentToken();
        uint16 asset = registry.registerUnaudited(address(token), 0);
        token.mint(alice, 50);
        VM.startPrank(alice);
        token.approve(address(vault), 50);
        vault.deposit(asset, 50, 1);
        VM.stopPrank();
        settle(1, asset, bob, 20);
        VM.prank(bob);
        assertEq(vault.claim(asset, bob), 20, "claimed");
        assertEq(token.balanceOf(bob), 20, "paid");
    }

    function test_tokenThatReturnsFalse() public {
        LyingToken token = new LyingToken();
        uint16 asset = registry.registerUnaudited(address(token), 0);
        VM.expectRevert(
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token))
        );
        vault.deposit(asset, 50, 1);
    }

    function test_depositRejects() public {
        VM.deal(address(this), 100);
        VM.expectRevert(abi.encodeWithSelector(IVault.InnerNotCanonical.selector, SCALAR_MODULUS));
        vault.deposit{value: 1}(COIN, 1, SCALAR_MODULUS);
        VM.expectRevert(abi.encodeWithSelector(IVault.WrongValue.selector, 1, 2));
        vault.deposit{value: 1}(COIN, 2, 0);
        VM.expectRevert(abi.encodeWithSelector(IVault.WrongValue.selector, 1, 0));
        vault.deposit{value: 1}(USD, 1, 0);
        VM.expectRevert(abi.encodeWithSelector(IVault.AmountOutOfRange.selector, 0));
        vault.deposit(COIN, 0, 0);
        VM.expectRevert(abi.encodeWithSelector(IVault.AmountOutOfRange.selector, 0));
        vault.deposit(USD, 0, 0);
        VM.expectRevert(abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, 9));
        vault.deposit(9, 1, 0);

        uint256 tooMuch = uint256(type(uint128).max) + 1;
        usd.mint(address(this), tooMuch);
        usd.approve(address(vault), tooMuch);
        VM.expectRevert(abi.encodeWithSelector(IVault.AmountOutOfRange.selector, tooMuch));
        vault.deposit(USD, tooMuch, 0);
    }

    function test_consumeInOrder() public {
        for (uint256 i = 0; i < 5; ++i) {
            depositToken(usd, USD, alice, 100 + i, i);
        }
        bytes memory data = depositsData(0, 2);
        VM.prank(address(rollup));
        uint256[] memory words = vault.consume(block.timestamp, data);
        assertEq(words.length, 4, "length");
        assertEq(words[0], 256 + (uint256(100) << 24), "packed 0");
        assertEq(words[3], 1, "inner 1");
        assertEq(vault.consumedCount(), 2, "consumed");
        assertEq(vault.inside(USD), 201, "inside");
        data = bytes.concat(depositsData(2, 3), data);
        VM.startPrank(address(rollup));
        VM.expectRevert(abi.encodeWithSelector(IDepositQueue.DepositsMissing.selector, 5, 3));
        vault.consume(block.timestamp, data);
        // The first ones are consumed already.
        data = depositsData(0, 2);
        VM.expectRevert(abi.encodeWithSelector(IDepositQueue.DepositsDiffer.selector, 2, 2));
        vault.consume(block.timestamp, data);
        data = depositsData(2, 3);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IDepositQueue.DepositsConsumed(2, 3);
        words = vault.consume(block.timestamp, data);
        assertEq(words[1], 2, "inner 2");
        VM.stopPrank();
    }

    function test_onlyRollupSettles() public {
        depositToken(usd, USD, alice, 100, 1);
        bytes memory data = depositsData(0, 1);
        address[3] memory others = [address(this), sequencer, guardian];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory reason = abi.encodeWithSelector(IVault.NotRollup.selector, others[i]);
            VM.startPrank(others[i]);
            VM.expectRevert(reason);
            vault.consume(block.timestamp, data);
            VM.expectRevert(reason);
            vault.credit(USD, alice, 1);
            VM.stopPrank();
        }
    }

    /// @dev Queued deposits do not count as inside: only consumed ones can leave, and only once.
    function test_turnstile() public {
        depositToken(usd, USD, alice, 100, 1);
        depositToken(usd, USD, alice, 50, 1);
        depositToken(gold, GOLD, alice, 1000, 1);
        bytes memory first = depositsData(0, 1);
        bytes memory others = depositsData(1, 2);
        VM.startPrank(address(rollup));
        VM.expectRevert(abi.encodeWithSelector(IVault.TurnstileBreached.selector, USD, 1, 0));
        vault.credit(USD, bob, 1);
        vault.consume(block.timestamp, first);
        VM.expectRevert(abi.encodeWithSelector(IVault.TurnstileBreached.selector, USD, 101, 100));
        vault.credit(USD, bob, 101);
        vault.credit(USD, bob, 60);
        VM.expectRevert(abi.encodeWithSelector(IVault.TurnstileBreached.selector, USD, 41, 40));
        vault.credit(USD, bob, 41);
        // Deposits of another asset do not help.
        vault.consume(block.timestamp, others);
        VM.expectRevert(abi.encodeWithSelector(IVault.TurnstileBreached.selector, USD, 91, 90));
        vault.credit(USD, bob, 91);
        vault.credit(USD, bob, 90);
        VM.stopPrank();
        assertEq(vault.inside(USD), 0, "inside");
        assertEq(vault.credited(USD, bob), 150, "credited");
    }

    function test_claimOnce() public {
        depositToken(usd, USD, alice, 100, 1);
        settle(1, USD, bob, 60);
        bytes memory nothing = abi.encodeWithSelector(IVault.NothingToClaim.selector, USD, alice);
        VM.prank(alice);
        VM.expectRevert(nothing);
        vault.claim(USD, alice);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IVault.Claimed(USD, bob, alice, 60);
        VM.prank(bob);
        assertEq(vault.claim(USD, alice), 60, "amount");
        assertEq(usd.balanceOf(alice), 60, "paid");
        nothing = abi.encodeWithSelector(IVault.NothingToClaim.selector, USD, bob);
        VM.prank(bob);
        VM.expectRevert(nothing);
        vault.claim(USD, bob);
        VM.prank(bob);
        VM.expectRevert(IVault.ZeroAddress.selector);
        vault.claim(USD, address(0));
    }

    /// @dev The vault refuses to pay to itself, where the amount would be lost, and keeps the
    /// claim.
    function test_claimToVault() public {
        depositToken(usd, USD, alice, 100, 1);
        settle(1, USD, signer, 60);
        settle(0, USD, address(vault), 40);
        VM.prank(signer);
        VM.expectRevert(IVault.ClaimToVault.selector);
        vault.claim(USD, address(vault));
        bytes memory signature = signClaim(KEY, USD, address(vault), NOW);
        VM.expectRevert(IVault.ClaimToVault.selector);
        vault.claimFor(USD, signer, address(vault), nothing(), 0, NOW, signature);
        signature = signClaim(KEY, USD, address(0), NOW);
        VM.expectRevert(IVault.ZeroAddress.selector);
        vault.claimFor(USD, signer, address(0), nothing(), 0, NOW, signature);
        // The vault signs nothing.
        signature = signClaim(KEY, USD, alice, NOW);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, address(vault)));
        vault.claimFor(USD, address(vault), alice, nothing(), 0, NOW, signature);
        assertEq(vault.credited(USD, signer), 60, "claim kept");
        assertEq(vault.credited(USD, address(vault)), 40, "claim kept");
        assertEq(usd.balanceOf(address(vault)), 100, "balance");
        VM.prank(signer);
        assertEq(vault.claim(USD, signer), 60, "paid");
    }

    /// @dev Anybody can carry a claim that the account signed; it is paid as the account wished.
    function test_claimFor() public {
        depositCoin(alice, 100, 1);
        settle(1, COIN, signer, 60);
        bytes memory signature = signClaim(KEY, COIN, bob, NOW);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IVault.Claimed(COIN, signer, bob, 60);
        VM.prank(alice);
        assertEq(vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, signature), 60, "amount");
        assertEq(bob.balance, 60, "paid");
        assertEq(signer.balance, 0, "elsewhere");
        assertEq(address(vault).balance, 40, "left");
    }

    /// @dev Nobody claims without the account's signature of exactly this claim.
    function test_claimForNeedsTheSignature() public {
        depositCoin(alice, 100, 1);
        settle(1, COIN, signer, 60);
        settle(0, COIN, bob, 10);
        bytes memory notSigned = abi.encodeWithSelector(IVault.ClaimNotSigned.selector, signer);
        bytes memory signature = signClaim(KEY, COIN, bob, NOW);
        VM.expectRevert(notSigned);
        vault.claimFor(COIN, signer, alice, nothing(), 0, NOW, signature);
        VM.expectRevert(notSigned);
        vault.claimFor(COIN, signer, signer, nothing(), 0, NOW, signature);
        VM.expectRevert(notSigned);
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW + 1, signature);
        VM.expectRevert(notSigned);
        vault.claimFor(USD, signer, bob, nothing(), 0, NOW, signature);
        VM.expectRevert(notSigned);
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, "");
        signature = signClaim(OTHER_KEY, COIN, bob, NOW);
        VM.expectRevert(notSigned);
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, signature);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, bob));
        vault.claimFor(COIN, bob, bob, nothing(), 0, NOW, signature);
        // A signature for this deployment is none for another chain.
        signature = signClaim(KEY, COIN, bob, NOW);
        VM.chainId(1);
        VM.expectRevert(notSigned);
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, signature);
        VM.chainId(31337);
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, signature);
        assertEq(bob.balance, 60, "paid");
    }

    /// @dev A carrier cannot use up a signature with less than the account signed.
    function test_aSignedClaimPaysTheLeastAmount() public {
        depositCoin(alice, 100, 1);
        settle(1, COIN, signer, 60);
        bytes memory signature = signClaimOf(KEY, COIN, bob, 61, NOW);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimBelowLeast.selector, 60, 61));
        vault.claimFor(COIN, signer, bob, nothing(), 61, NOW, signature);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, signer));
        vault.claimFor(COIN, signer, bob, nothing(), 60, NOW, signature);
        settle(0, COIN, signer, 1);
        assertEq(vault.claimFor(COIN, signer, bob, nothing(), 61, NOW, signature), 61, "amount");
    }

    /// @dev An account revokes what it has signed, also one that has no credit.
    function test_revokeClaims() public {
        bytes memory signature = signClaim(KEY, COIN, bob, NOW);
        VM.prank(signer);
        vault.revokeClaims(COIN);
        assertEq(vault.claimNonce(COIN, signer), 1, "nonce");
        depositCoin(alice, 100, 1);
        settle(1, COIN, signer, 60);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, signer));
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, signature);
        assertEq(vault.credited(COIN, signer), 60, "credit");
    }

    /// @dev The malleated form of a signature, and zeros, are refused. No account is the zero
    /// address, which a failed recovery names.
    function test_claimForRejectsMalleatedSignatures() public {
        depositCoin(alice, 100, 1);
        settle(1, COIN, signer, 60);
        settle(0, COIN, address(0), 40);
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(KEY, claimDigest(signer, COIN, bob, 0, 0, NOW));
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        bytes memory mirrored =
            abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, signer));
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, mirrored);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, address(0)));
        vault.claimFor(COIN, address(0), bob, nothing(), 0, NOW, new bytes(65));
    }

    function test_claimForExpires() public {
        depositCoin(alice, 100, 1);
        settle(1, COIN, signer, 60);
        bytes memory signature = signClaim(KEY, COIN, bob, NOW + 10);
        VM.warp(NOW + 11);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimExpired.selector, NOW + 10));
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW + 10, signature);
        VM.warp(NOW + 10);
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW + 10, signature);
        assertEq(bob.balance, 60, "paid");
    }

    /// @dev A signature serves one claim, and none after the account has claimed by itself.
    function test_claimForOnce() public {
        depositCoin(alice, 100, 1);
        settle(1, COIN, signer, 10);
        bytes memory first = signClaim(KEY, COIN, bob, NOW);
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, first);
        assertEq(vault.claimNonce(COIN, signer), 1, "nonce");
        settle(0, COIN, signer, 10);
        bytes memory notSigned = abi.encodeWithSelector(IVault.ClaimNotSigned.selector, signer);
        VM.expectRevert(notSigned);
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, first);
        bytes memory second = signClaim(KEY, COIN, bob, NOW);
        // A credit in between changes neither nonce nor signature.
        settle(0, COIN, signer, 5);
        VM.prank(signer);
        assertEq(vault.claim(COIN, alice), 15, "claimed");
        settle(0, COIN, signer, 10);
        VM.expectRevert(notSigned);
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, second);
        assertEq(vault.claimNonce(USD, signer), 0, "nonce of another asset");
        second = signClaim(KEY, COIN, bob, NOW);
        settle(0, COIN, signer, 5);
        assertEq(vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, second), 15, "claimed");
        second = signClaim(KEY, COIN, bob, NOW);
        VM.expectRevert(abi.encodeWithSelector(IVault.NothingToClaim.selector, COIN, signer));
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, second);
    }

    /// @dev A signature for one account of a key is none for another account of the same key.
    function test_claimForNamesTheAccount() public {
        depositCoin(alice, 100, 1);
        address account = address(new ContractAccount(signer));
        settle(1, COIN, account, 60);
        settle(0, COIN, signer, 40);
        bytes memory signature = signClaim(KEY, COIN, bob, NOW);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, account));
        vault.claimFor(COIN, account, bob, nothing(), 0, NOW, signature);
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, signature);
        assertEq(bob.balance, 40, "paid");
    }

    /// @dev A contract account signs by ERC-1271. Its owner's signature as an account with a key
    /// does not serve after the account has code.
    function test_claimForOfContract() public {
        depositCoin(alice, 100, 1);
        address account = address(new ContractAccount(signer));
        settle(1, COIN, account, 60);
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(KEY, claimDigest(account, COIN, bob, 0, 0, NOW));
        bytes memory signature = abi.encodePacked(r, s, v);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, account));
        vault.claimFor(COIN, account, alice, nothing(), 0, NOW, signature);
        assertEq(vault.claimFor(COIN, account, bob, nothing(), 0, NOW, signature), 60, "amount");
        assertEq(bob.balance, 60, "paid");
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, account));
        vault.claimFor(COIN, account, bob, nothing(), 0, NOW, signature);
        // A contract that cannot sign.
        settle(0, COIN, address(verifier), 10);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, address(verifier)));
        vault.claimFor(COIN, address(verifier), bob, nothing(), 0, NOW, signature);
    }

    /// @dev A receiver that refuses coin keeps its claim and delays nobody else.
    function test_refusingReceiver() public {
        depositCoin(alice, 100, 1);
        Refuser refuser = new Refuser();
        settle(1, COIN, address(refuser), 10);
        settle(0, COIN, bob, 20);
        VM.expectRevert(Errors.FailedCall.selector);
        refuser.claimTo(address(vault), COIN, address(refuser));
        assertEq(vault.credited(COIN, address(refuser)), 10, "claim kept");
        VM.prank(bob);
        vault.claim(COIN, bob);
        assertEq(bob.balance, 20, "other paid");
        refuser.claimTo(address(vault), COIN, alice);
        assertEq(alice.balance, 10, "paid elsewhere");
    }

    /// @dev A token that refuses one account delays neither other accounts nor other assets.
    function test_blockedAccount() public {
        BlockingToken token = new BlockingToken();
        uint16 asset = registry.registerUnaudited(address(token), 0);
        token.mint(alice, 100);
        VM.startPrank(alice);
        token.approve(address(vault), 100);
        vault.deposit(asset, 100, 1);
        VM.stopPrank();
        settle(1, asset, bob, 30);
        settle(0, asset, alice, 30);
        token.setBlocked(bob, true);
        VM.prank(bob);
        VM.expectRevert(abi.encodeWithSelector(BlockingToken.Blocked.selector, bob));
        vault.claim(asset, bob);
        VM.prank(alice);
        vault.claim(asset, alice);
        VM.prank(bob);
        vault.claim(asset, address(0xc0ffee));
        assertEq(token.balanceOf(address(0xc0ffee)), 30, "paid elsewhere");
    }

    function test_reentrantToken() public {
        HookToken token = new HookToken();
        uint16 asset = registry.registerUnaudited(address(token), 0);
        token.mint(alice, 1000);
        VM.prank(alice);
        token.approve(address(vault), 1000);
        token.mint(address(token), 1000);
        VM.prank(address(token));
        token.approve(address(vault), 1000);

        // The vault would count a second deposit within the first twice.
        token.arm(address(vault), abi.encodeCall(IVault.deposit, (asset, 100, 1)));
        VM.prank(alice);
        vault.deposit(asset, 100, 1);
        reentranceFailed(token);
        uint256 value = newestDeposit().value;
        assertEq(value, 100, "credited once");
        assertEq(vault.depositCount(), 1, "queued once");

        settle(1, asset, signer, 40);
        settle(0, asset, address(token), 40);
        bytes memory signature = signClaim(KEY, asset, bob, NOW);
        bytes memory claimAgain =
            abi.encodeCall(IVault.claimFor, (asset, signer, bob, nothing(), 0, NOW, signature));
        token.arm(address(vault), abi.encodeCall(IVault.claim, (asset, address(token))));
        vault.claimFor(asset, signer, bob, nothing(), 0, NOW, signature);
        reentranceFailed(token);
        token.arm(address(vault), claimAgain);
        VM.prank(address(token));
        vault.claim(asset, address(token));
        reentranceFailed(token);
        assertEq(token.balanceOf(bob), 40, "paid once");
        assertEq(token.balanceOf(address(vault)), 20, "left");
    }

    function reentranceFailed(HookToken token) private view {
        assertTrue(token.target() == address(0), "hook did not run");
        assertTrue(!token.succeeded(), "reentrance succeeded");
        assertTrue(
            bytes4(token.result())
                == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector,
            "another reason"
        );
    }

    function test_reentrantReceiver() public {
        depositCoin(alice, 100, 1);
        Reenterer reenterer = new Reenterer(address(vault));
        settle(1, COIN, address(reenterer), 10);
        reenterer.claim(COIN);
        assertEq(reenterer.calls(), 1, "receptions");
        assertTrue(!reenterer.succeeded(), "reentrance succeeded");
        assertEq(address(reenterer).balance, 10, "paid once");
    }

    /// @dev A pause stops deposits, and nothing else.
    function test_pause() public {
        depositToken(usd, USD, alice, 100, 1);
        VM.prank(guardian);
        vault.setDepositsPaused(true);
        VM.deal(alice, 1);
        VM.prank(alice);
        VM.expectRevert(abi.encodeWithSelector(IVault.DepositsArePaused.selector, NOW + 3 days));
        vault.deposit{value: 1}(COIN, 1, 1);
        settle(1, USD, bob, 100);
        VM.prank(bob);
        vault.claim(USD, bob);
        assertEq(usd.balanceOf(bob), 100, "paid while paused");
        VM.prank(guardian);
        vault.setDepositsPaused(false);
        VM.prank(alice);
        vault.deposit{value: 1}(COIN, 1, 1);
    }

    function pause(bool paused) private {
        VM.prank(guardian);
        vault.setDepositsPaused(paused);
    }

    function pauseReverts(bool paused, bytes memory reason) private {
        VM.prank(guardian);
        VM.expectRevert(reason);
        vault.setDepositsPaused(paused);
    }

    /// @dev A pause ends by itself after three days. A further one must wait as long.
    function test_pauseEnds() public {
        assertTrue(!vault.depositsPaused(), "paused at first");
        assertEq(vault.pauseAllowedFrom(), 0, "allowed at first");
        VM.expectEmit(true, true, true, true, address(vault));
        emit IVault.DepositsPaused(uint40(NOW + 3 days));
        pause(true);
        assertTrue(vault.depositsPaused(), "paused");
        assertEq(vault.depositsPausedUntil(), NOW + 3 days, "end");
        assertEq(vault.pauseAllowedFrom(), NOW + 6 days, "next");
        bytes memory tooSoon = abi.encodeWithSelector(IVault.PauseTooSoon.selector, NOW + 6 days);
        pauseReverts(true, tooSoon);
        VM.warp(NOW + 3 days - 1);
        assertTrue(vault.depositsPaused(), "paused to the last second");
        VM.warp(NOW + 3 days);
        assertTrue(!vault.depositsPaused(), "ended");
        assertEq(vault.depositsPausedUntil(), 0, "no end");
        depositCoin(alice, 1, 1);
        pauseReverts(true, tooSoon);
        pauseReverts(false, abi.encodeWithSelector(IVault.DepositsNotPaused.selector));
        VM.warp(NOW + 6 days - 1);
        pauseReverts(true, tooSoon);
        VM.warp(NOW + 6 days);
        pause(true);
        assertEq(vault.depositsPausedUntil(), NOW + 9 days, "second end");
    }

    /// @dev The guardian can end a pause early. A further one waits as long as this one lasted.
    function test_pauseEndsEarly() public {
        pauseReverts(false, abi.encodeWithSelector(IVault.DepositsNotPaused.selector));
        pause(true);
        VM.warp(NOW + 1 hours);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IVault.DepositsPaused(uint40(NOW + 1 hours));
        pause(false);
        assertTrue(!vault.depositsPaused(), "ended");
        depositCoin(alice, 1, 1);
        pauseReverts(true, abi.encodeWithSelector(IVault.PauseTooSoon.selector, NOW + 2 hours));
        VM.warp(NOW + 2 hours - 1);
        pauseReverts(true, abi.encodeWithSelector(IVault.PauseTooSoon.selector, NOW + 2 hours));
        VM.warp(NOW + 2 hours);
        pause(true);
        assertEq(vault.depositsPausedUntil(), NOW + 3 days + 2 hours, "second end");
    }

    /// @dev However the guardian pauses, deposits are allowed for half of the time at least.
    function testFuzz_pausesLeaveHalfTheTime(uint256 seed) public {
        uint256 time = NOW;
        uint256 closed = 0;
        for (uint256 i = 0; i < 24; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            if (vault.depositsPaused()) {
                if (seed & 1 == 0) pause(false);
            } else if (time >= vault.pauseAllowedFrom()) {
                pause(true);
            }
            uint256 step = (seed >> 1) % 4 days;
            uint256 until = vault.depositsPausedUntil();
            if (until != 0) closed += until - time < step ? until - time : step;
            time += step;
            VM.warp(time);
        }
        // What is closed now has its time to come.
        uint256 open = time - NOW - closed;
        assertTrue(closed <= open + 3 days, "closed longer than open");
    }

    /// @dev Another guardian is bound by the pause of the last one.
    function test_pauseOutlivesGuardian() public {
        pause(true);
        vault.setGuardian(alice);
        pauseReverts(false, abi.encodeWithSelector(IVault.NotGuardian.selector, guardian));
        VM.warp(NOW + 1 days);
        VM.prank(alice);
        VM.expectRevert(abi.encodeWithSelector(IVault.PauseTooSoon.selector, NOW + 6 days));
        vault.setDepositsPaused(true);
        VM.prank(alice);
        vault.setDepositsPaused(false);
        assertEq(vault.guardian(), alice, "guardian");
        assertEq(vault.pauseAllowedFrom(), NOW + 2 days, "next");
    }

    function test_guardian() public {
        VM.expectRevert(abi.encodeWithSelector(IVault.NotGuardian.selector, address(this)));
        vault.setDepositsPaused(true);
        VM.prank(alice);
        VM.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, alice));
        vault.setGuardian(alice);
        VM.expectRevert(IVault.ZeroAddress.selector);
        vault.setGuardian(address(0));
        vault.setGuardian(alice);
        VM.prank(alice);
        vault.setDepositsPaused(true);
        assertTrue(vault.depositsPaused(), "paused");
    }

    /// @dev The queue has no bound that one depositor could reach.
    function test_queueIsNotClogged() public {
        VM.deal(alice, 300);
        VM.startPrank(alice);
        for (uint256 i = 0; i < 300; ++i) {
            vault.deposit{value: 1}(COIN, 1, i);
        }
        VM.stopPrank();
        depositToken(usd, USD, bob, 100, 1);
        assertEq(vault.depositCount(), 301, "count");
    }
}
