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
import {IVault} from "../src/interfaces/IVault.sol";
import {Fixture} from "./Fixture.sol";
import {VM} from "./Vm.sol";
import {
    BlockingToken,
    FeeToken,
    HookToken,
    LyingToken,
    PlainToken,
    Reenterer,
    Refuser,
    SilentToken
} from "./doubles/Tokens.sol";

contract VaultTest is Fixture {
    function setUp() public {
        deploy();
    }

    /// @dev Does to the vault what settlement does, without a batch.
    function settle(uint256 consume, uint16 asset, address account, uint256 amount) private {
        VM.startPrank(address(rollup));
        vault.consume(consume);
        vault.credit(asset, account, amount);
        VM.stopPrank();
    }

    function testFuzz_depositToken(uint128 amount, uint256 inner, bool usdNotGold) public {
        amount = uint128(bound(amount, 1, type(uint128).max));
        inner %= SCALAR_MODULUS;
        (PlainToken token, uint16 asset) = usdNotGold ? (usd, USD) : (gold, GOLD);
        assertEq(depositToken(token, asset, alice, amount, inner), 0, "index");
        (uint256 packed, uint256 stored) = vault.depositAt(0);
        assertEq(packed, asset * 2 ** 8 + uint256(amount) * 2 ** 24, "packed");
        assertEq(stored, inner, "inner");
        assertEq(vault.depositCount(), 1, "count");
        assertEq(token.balanceOf(address(vault)), amount, "balance");
        assertEq(vault.inside(asset), 0, "inside before consumption");
    }

    function testFuzz_depositCoin(uint128 amount) public {
        amount = uint128(bound(amount, 1, type(uint128).max));
        depositCoin(alice, amount, 7);
        (uint256 packed, uint256 inner) = vault.depositAt(0);
        assertEq(packed, uint256(amount) << 24, "packed");
        assertEq(inner, 7, "inner");
        assertEq(address(vault).balance, amount, "balance");
    }

    function test_depositEvent() public {
        VM.deal(alice, 5);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IVault.DepositQueued(0, alice, COIN, 5, 7);
        VM.prank(alice);
        vault.deposit{value: 5}(COIN, 5, 7);
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
        (uint256 packed,) = vault.depositAt(0);
        assertEq(packed >> 24, 990, "credited");
        assertEq(token.balanceOf(address(vault)), 990, "received");
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
        uint256[] memory words = vault.nextDeposits(2);
        assertEq(words.length, 4, "length");
        assertEq(words[0], 256 + (uint256(100) << 24), "packed 0");
        assertEq(words[3], 1, "inner 1");
        VM.prank(address(rollup));
        vault.consume(2);
        assertEq(vault.consumedCount(), 2, "consumed");
        assertEq(vault.inside(USD), 201, "inside");
        words = vault.nextDeposits(3);
        assertEq(words[1], 2, "inner 2");
        VM.prank(address(rollup));
        VM.expectRevert(abi.encodeWithSelector(IVault.DepositsMissing.selector, 4, 3));
        vault.consume(4);
        VM.expectRevert(abi.encodeWithSelector(IVault.DepositsMissing.selector, 4, 3));
        vault.nextDeposits(4);
        VM.expectRevert(
            abi.encodeWithSelector(IVault.DepositsMissing.selector, type(uint256).max, 3)
        );
        vault.nextDeposits(type(uint256).max);
    }

    function test_onlyRollupSettles() public {
        depositToken(usd, USD, alice, 100, 1);
        address[3] memory others = [address(this), sequencer, guardian];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory reason = abi.encodeWithSelector(IVault.NotRollup.selector, others[i]);
            VM.startPrank(others[i]);
            VM.expectRevert(reason);
            vault.consume(1);
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
        VM.startPrank(address(rollup));
        VM.expectRevert(abi.encodeWithSelector(IVault.TurnstileBreached.selector, USD, 1, 0));
        vault.credit(USD, bob, 1);
        vault.consume(1);
        VM.expectRevert(abi.encodeWithSelector(IVault.TurnstileBreached.selector, USD, 101, 100));
        vault.credit(USD, bob, 101);
        vault.credit(USD, bob, 60);
        VM.expectRevert(abi.encodeWithSelector(IVault.TurnstileBreached.selector, USD, 41, 40));
        vault.credit(USD, bob, 41);
        // Deposits of another asset do not help.
        vault.consume(2);
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
        VM.expectRevert(nothing);
        vault.claimFor(USD, bob);
        VM.prank(bob);
        VM.expectRevert(IVault.ZeroAddress.selector);
        vault.claim(USD, address(0));
    }

    /// @dev The vault refuses to pay to itself, where the amount would be lost, and keeps the
    /// claim.
    function test_claimToVault() public {
        depositToken(usd, USD, alice, 100, 1);
        settle(1, USD, bob, 60);
        settle(0, USD, address(vault), 40);
        VM.prank(bob);
        VM.expectRevert(IVault.ClaimToVault.selector);
        vault.claim(USD, address(vault));
        VM.expectRevert(IVault.ClaimToVault.selector);
        vault.claimFor(USD, address(vault));
        VM.expectRevert(IVault.ZeroAddress.selector);
        vault.claimFor(USD, address(0));
        assertEq(vault.credited(USD, bob), 60, "claim kept");
        assertEq(vault.credited(USD, address(vault)), 40, "claim kept");
        assertEq(usd.balanceOf(address(vault)), 100, "balance");
        VM.prank(bob);
        assertEq(vault.claim(USD, bob), 60, "paid");
    }

    /// @dev `claimFor` pays the credited account, whoever calls it.
    function test_claimFor() public {
        depositCoin(alice, 100, 1);
        settle(1, COIN, bob, 60);
        VM.prank(alice);
        assertEq(vault.claimFor(COIN, bob), 60, "amount");
        assertEq(bob.balance, 60, "paid");
        assertEq(address(vault).balance, 40, "left");
    }

    /// @dev A receiver that refuses coin keeps its claim and delays nobody else.
    function test_refusingReceiver() public {
        depositCoin(alice, 100, 1);
        Refuser refuser = new Refuser();
        settle(1, COIN, address(refuser), 10);
        settle(0, COIN, bob, 20);
        VM.expectRevert(Errors.FailedCall.selector);
        vault.claimFor(COIN, address(refuser));
        assertEq(vault.credited(COIN, address(refuser)), 10, "claim kept");
        vault.claimFor(COIN, bob);
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
        VM.expectRevert(abi.encodeWithSelector(BlockingToken.Blocked.selector, bob));
        vault.claimFor(asset, bob);
        vault.claimFor(asset, alice);
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
        (uint256 packed,) = vault.depositAt(0);
        assertEq(packed >> 24, 100, "credited once");
        assertEq(vault.depositCount(), 1, "queued once");

        settle(1, asset, address(token), 40);
        settle(0, asset, bob, 40);
        token.arm(address(vault), abi.encodeCall(IVault.claim, (asset, address(token))));
        vault.claimFor(asset, bob);
        reentranceFailed(token);
        token.arm(address(vault), abi.encodeCall(IVault.claimFor, (asset, bob)));
        vault.claimFor(asset, address(token));
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
        VM.expectRevert(IVault.DepositsArePaused.selector);
        vault.deposit{value: 1}(COIN, 1, 1);
        settle(1, USD, bob, 100);
        vault.claimFor(USD, bob);
        assertEq(usd.balanceOf(bob), 100, "paid while paused");
        VM.prank(guardian);
        vault.setDepositsPaused(false);
        VM.prank(alice);
        vault.deposit{value: 1}(COIN, 1, 1);
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
