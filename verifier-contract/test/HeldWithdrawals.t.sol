// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {HeldWithdrawal, IHeldWithdrawals} from "../src/interfaces/IHeldWithdrawals.sol";
import {Withdrawal} from "../src/interfaces/IRollup.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Fixture} from "./Fixture.sol";
import {VM} from "./Vm.sol";
import {HeldTree} from "./reference/HeldTree.sol";

contract HeldWithdrawalsTest is Fixture {
    uint256 private constant KEY = 0x5eed;
    uint64 private constant BATCH = 7;

    function setUp() public {
        deploy();
        depositCoin(alice, 1e6, 1);
        depositToken(usd, USD, alice, 1e6, 2);
        bytes memory data = depositsData(0, 2);
        VM.prank(address(rollup));
        vault.consume(block.timestamp, data);
    }

    /// @dev An account that the vault does not know.
    function fresh(uint256 i) private pure returns (address) {
        return address(uint160(0xa0000 + i));
    }

    /// @dev Withdrawals of 100 and more to accounts that the vault does not know.
    function some(uint256 count, uint16 asset) private pure returns (Withdrawal[] memory all) {
        all = new Withdrawal[](count);
        for (uint256 i = 0; i < count; ++i) {
            all[i] = Withdrawal(uint8(i), asset, fresh(i), uint128(100 + i));
        }
    }

    function settle(uint64 batch, Withdrawal[] memory all) private {
        VM.prank(address(rollup));
        vault.creditWithdrawals(batch, all);
    }

    function notHeld(uint8 place) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IHeldWithdrawals.NotHeld.selector, BATCH, place);
    }

    function claimed(uint8 place) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(IHeldWithdrawals.HeldWithdrawalClaimed.selector, BATCH, place);
    }

    /// @dev Each is paid once, in any order, whatever their number.
    function testFuzz_eachIsPaidOnce(uint256 count, uint256 seed, bool coin) public {
        count = bound(count, 2, 64);
        uint16 asset = coin ? COIN : USD;
        Withdrawal[] memory all = some(count, asset);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IHeldWithdrawals.WithdrawalHeld(BATCH, 0, asset, fresh(0), 100);
        settle(BATCH, all);
        (, bytes32 root) = HeldTree.path(all, 0);
        (uint192 stored, uint64 flags) = vault.heldOf(BATCH);
        assertEq(stored, uint256(root) >> 64, "root");
        assertEq(flags, 0, "flags");
        uint256 owed = vault.inside(asset);
        uint256 step = seed % 2 == 0 ? 1 : count - 1;
        for (uint256 i = 0; i < count; ++i) {
            uint256 place = (seed % count + i * step) % count;
            HeldWithdrawal[] memory held = HeldTree.shown(BATCH, all, place);
            assertEq(vault.credited(asset, fresh(place)), 0, "credited");
            uint256 before = coin ? bob.balance : usd.balanceOf(bob);
            VM.prank(fresh(place));
            assertEq(vault.claimHeld(asset, bob, held), 100 + place, "amount");
            uint256 gained = (coin ? bob.balance : usd.balanceOf(bob)) - before;
            assertEq(gained, 100 + place, "paid");
            assertEq(vault.claimNonce(asset, fresh(place)), 0, "no slot");
            VM.prank(fresh(place));
            VM.expectRevert(claimed(uint8(place)));
            vault.claimHeld(asset, bob, held);
        }
        assertEq(vault.inside(asset), owed, "claims leave the turnstile alone");
        uint256 balance = coin ? address(vault).balance : usd.balanceOf(address(vault));
        assertEq(balance, owed, "all was paid");
    }

    /// @dev One withdrawal to an account without a slot gets one, and known accounts are credited.
    function test_onlyManyUnknownAccountsAreHeld() public {
        settle(1, some(1, USD));
        assertEq(vault.credited(USD, fresh(0)), 100, "alone");
        Withdrawal[] memory all = some(2, USD);
        settle(2, all);
        assertEq(vault.credited(USD, fresh(0)), 200, "known");
        assertEq(vault.credited(USD, fresh(1)), 101, "alone among known");
        (uint192 root,) = vault.heldOf(2);
        assertEq(root, 0, "nothing is held");
        VM.prank(fresh(0));
        vault.claim(USD, bob);
        all = some(4, USD);
        settle(3, all);
        assertEq(vault.credited(USD, fresh(0)), 100, "known after its claim");
        Withdrawal[] memory two = new Withdrawal[](2);
        (two[0], two[1]) = (all[2], all[3]);
        (, bytes32 expected) = HeldTree.path(two, 0);
        (root,) = vault.heldOf(3);
        assertEq(root, uint256(expected) >> 64, "the others");
        // An account is known in an asset, not as such.
        settle(4, some(2, COIN));
        (root,) = vault.heldOf(4);
        assertTrue(root != 0, "another asset");
    }

    /// @dev Nothing but what the batch holds is paid.
    function test_onlyWhatIsHeldIsPaid() public {
        Withdrawal[] memory all = some(5, USD);
        all[3].recipient = fresh(2);
        settle(BATCH, all);
        HeldWithdrawal[] memory held = HeldTree.shown(BATCH, all, 2);
        VM.startPrank(fresh(2));
        held[0].amount += 1;
        VM.expectRevert(notHeld(2));
        vault.claimHeld(USD, bob, held);
        held[0].amount -= 1;
        VM.expectRevert(notHeld(2));
        vault.claimHeld(COIN, bob, held);
        held[0].place = 3;
        VM.expectRevert(notHeld(3));
        vault.claimHeld(USD, bob, held);
        held[0].place = 2 + 8;
        VM.expectRevert(notHeld(10));
        vault.claimHeld(USD, bob, held);
        held[0].place = 64 + 2;
        VM.expectRevert(notHeld(66));
        vault.claimHeld(USD, bob, held);
        held[0].place = 2;
        held[0].batch = BATCH + 1;
        VM.expectRevert(abi.encodeWithSelector(IHeldWithdrawals.NotHeld.selector, BATCH + 1, 2));
        vault.claimHeld(USD, bob, held);
        held[0].batch = BATCH;
        VM.expectRevert(abi.encodeWithSelector(IVault.NothingToClaim.selector, USD, fresh(2)));
        vault.claim(USD, bob);
        VM.stopPrank();
        VM.prank(fresh(1));
        VM.expectRevert(notHeld(2));
        vault.claimHeld(USD, bob, held);
        // A shorter or a longer path leads elsewhere.
        bytes32[] memory path = held[0].path;
        for (uint256 length = 0; length < 5; ++length) {
            if (length == path.length) continue;
            bytes32[] memory other = new bytes32[](length);
            for (uint256 i = 0; i < length && i < path.length; ++i) {
                other[i] = path[i];
            }
            held[0].path = other;
            VM.prank(fresh(2));
            VM.expectRevert(notHeld(2));
            vault.claimHeld(USD, bob, held);
        }
        held[0].path = path;
        // Twice in one call.
        HeldWithdrawal[] memory both = new HeldWithdrawal[](2);
        (both[0], both[1]) = (held[0], held[0]);
        VM.prank(fresh(2));
        VM.expectRevert(claimed(2));
        vault.claimHeld(USD, bob, both);
        both[1] = HeldTree.shown(BATCH, all, 3)[0];
        VM.prank(fresh(2));
        assertEq(vault.claimHeld(USD, bob, both), 205, "two of one account");
    }

    /// @dev A claim pays credit and held withdrawals together; a signature serves for both, once.
    function test_creditAndHeldTogether() public {
        Withdrawal[] memory all = some(3, USD);
        address signer = VM.addr(KEY);
        all[1].recipient = signer;
        settle(BATCH, all);
        VM.prank(address(rollup));
        vault.credit(USD, signer, 9);
        HeldWithdrawal[] memory held = HeldTree.shown(BATCH, all, 1);
        bytes memory signature = signClaim(KEY, USD, bob, NOW);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, signer));
        vault.claimHeldFor(USD, signer, alice, held, NOW, signature);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimExpired.selector, NOW - 1));
        vault.claimHeldFor(USD, signer, bob, held, NOW - 1, signature);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IVault.Claimed(USD, signer, bob, 110);
        assertEq(vault.claimHeldFor(USD, signer, bob, held, NOW, signature), 110, "amount");
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, signer));
        vault.claimHeldFor(USD, signer, bob, new HeldWithdrawal[](0), NOW, signature);
        assertEq(vault.claimNonce(USD, signer), 1, "nonce");
    }

    /// @dev A signed claim of an account without a slot serves once too.
    function test_aSignedClaimOfAnUnknownAccountServesOnce() public {
        Withdrawal[] memory all = some(3, USD);
        address signer = VM.addr(KEY);
        (all[0].recipient, all[1].recipient) = (signer, signer);
        settle(BATCH, all);
        bytes memory signature = signClaim(KEY, USD, bob, NOW);
        HeldWithdrawal[] memory held = HeldTree.shown(BATCH, all, 1);
        assertEq(vault.claimHeldFor(USD, signer, bob, held, NOW, signature), 101, "amount");
        held = HeldTree.shown(BATCH, all, 0);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, signer));
        vault.claimHeldFor(USD, signer, bob, held, NOW, signature);
        VM.prank(signer);
        assertEq(vault.claimHeld(USD, bob, held), 100, "left");
    }

    /// @dev No more leaves than is inside, also by what is held.
    function test_theTurnstileHoldsForHeldWithdrawals() public {
        Withdrawal[] memory all = some(2, USD);
        all[1].amount = 1e6;
        VM.prank(address(rollup));
        VM.expectRevert(
            abi.encodeWithSelector(IVault.TurnstileBreached.selector, USD, 1e6, 1e6 - 100)
        );
        vault.creditWithdrawals(BATCH, all);
        VM.expectRevert(abi.encodeWithSelector(IVault.NotRollup.selector, address(this)));
        vault.creditWithdrawals(BATCH, all);
    }
}
