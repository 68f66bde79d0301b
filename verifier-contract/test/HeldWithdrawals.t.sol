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

    function salt() private view returns (bytes32) {
        return bytes32(block.prevrandao);
    }

    function settle(uint64 batch, Withdrawal[] memory all) private {
        VM.prank(address(rollup));
        vault.creditWithdrawals(batch, all);
    }

    function notHeld(uint8 place) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IHeldWithdrawals.NotHeld.selector, BATCH, place);
    }

    function nothingLeft(address account) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IVault.NothingToClaim.selector, USD, account);
    }

    /// @dev Each is paid once, in any order, whatever their number.
    function testFuzz_eachIsPaidOnce(uint256 count, uint256 seed, bool coin) public {
        count = bound(count, 2, 64);
        uint16 asset = coin ? COIN : USD;
        Withdrawal[] memory all = some(count, asset);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IHeldWithdrawals.WithdrawalHeld(fresh(0), asset, BATCH, 0, 100, salt());
        settle(BATCH, all);
        (, bytes32 root) = HeldTree.path(all, 0, salt());
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
            VM.expectRevert(
                abi.encodeWithSelector(IVault.NothingToClaim.selector, asset, fresh(place))
            );
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
        (, bytes32 expected) = HeldTree.path(all, 0, salt());
        uint64 flags;
        (root, flags) = vault.heldOf(3);
        assertEq(root, uint256(expected) >> 64, "a tree of all");
        assertEq(flags, 3, "the others are held");
        HeldWithdrawal[] memory credited = HeldTree.shown(3, all, 0);
        VM.prank(fresh(0));
        assertEq(vault.claimHeld(USD, bob, credited), 100, "the credit, once");
        credited = HeldTree.shown(3, all, 2);
        VM.prank(fresh(2));
        assertEq(vault.claimHeld(USD, bob, credited), 102, "held");
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
        assertEq(vault.claimHeld(USD, bob, both), 102, "once");
        VM.prank(fresh(2));
        VM.expectRevert(nothingLeft(fresh(2)));
        vault.claimHeld(USD, bob, both);
        both[1] = HeldTree.shown(BATCH, all, 3)[0];
        VM.prank(fresh(2));
        assertEq(vault.claimHeld(USD, bob, both), 103, "the claimed one is passed over");
    }

    /// @dev A claim pays credit and held withdrawals together; a signature serves for both, once,
    /// and for no less than it says.
    function test_creditAndHeldTogether() public {
        Withdrawal[] memory all = some(3, USD);
        address signer = VM.addr(KEY);
        all[1].recipient = signer;
        settle(BATCH, all);
        VM.prank(address(rollup));
        vault.credit(USD, signer, 9);
        HeldWithdrawal[] memory held = HeldTree.shown(BATCH, all, 1);
        bytes memory signature = signClaimOf(KEY, USD, bob, 110, NOW);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, signer));
        vault.claimFor(USD, signer, alice, held, 110, NOW, signature);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimExpired.selector, NOW - 1));
        vault.claimFor(USD, signer, bob, held, 110, NOW - 1, signature);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimBelowLeast.selector, 9, 110));
        vault.claimFor(USD, signer, bob, nothing(), 110, NOW, signature);
        VM.expectEmit(true, true, true, true, address(vault));
        emit IVault.Claimed(USD, signer, bob, 110);
        assertEq(vault.claimFor(USD, signer, bob, held, 110, NOW, signature), 110, "amount");
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, signer));
        vault.claimFor(USD, signer, bob, nothing(), 110, NOW, signature);
        assertEq(vault.claimNonce(USD, signer), 1, "nonce");
    }

    /// @dev A signed claim of an account without a slot serves once too, and can be revoked.
    function test_aSignedClaimOfAnUnknownAccountServesOnce() public {
        Withdrawal[] memory all = some(3, USD);
        address signer = VM.addr(KEY);
        (all[0].recipient, all[1].recipient) = (signer, signer);
        settle(BATCH, all);
        bytes memory signature = signClaim(KEY, USD, bob, NOW);
        HeldWithdrawal[] memory held = HeldTree.shown(BATCH, all, 1);
        assertEq(vault.claimFor(USD, signer, bob, held, 0, NOW, signature), 101, "amount");
        held = HeldTree.shown(BATCH, all, 0);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, signer));
        vault.claimFor(USD, signer, bob, held, 0, NOW, signature);
        VM.prank(signer);
        assertEq(vault.claimHeld(USD, bob, held), 100, "left");
        // A claim in person without a slot leaves the nonce; revoking does not.
        signature = signClaim(KEY, COIN, bob, NOW);
        VM.prank(signer);
        vault.revokeClaims(COIN);
        VM.expectRevert(abi.encodeWithSelector(IVault.ClaimNotSigned.selector, signer));
        vault.claimFor(COIN, signer, bob, nothing(), 0, NOW, signature);
    }

    /// @dev Anybody adds held withdrawals to the account's own credit, once.
    function test_creditHeld() public {
        Withdrawal[] memory all = some(2, USD);
        settle(BATCH, all);
        HeldWithdrawal[] memory held = HeldTree.shown(BATCH, all, 1);
        VM.expectRevert(notHeld(1));
        vault.creditHeld(USD, bob, held);
        vault.creditHeld(USD, fresh(1), held);
        assertEq(vault.credited(USD, fresh(1)), 101, "credited");
        VM.expectRevert(nothingLeft(fresh(1)));
        vault.creditHeld(USD, fresh(1), held);
        VM.prank(fresh(1));
        assertEq(vault.claimHeld(USD, bob, held), 101, "paid once");
    }

    /// @dev The salt is that of the block: nobody can look for a tree with the same root before.
    function test_theSaltIsTheBlocks() public {
        Withdrawal[] memory all = some(2, USD);
        VM.prevrandao(bytes32(uint256(77)));
        settle(BATCH, all);
        HeldWithdrawal[] memory held = HeldTree.shown(BATCH, all, 1);
        assertEq(held[0].path[1], bytes32(uint256(77)), "salt");
        held[0].path[1] = bytes32(uint256(78));
        VM.prank(fresh(1));
        VM.expectRevert(notHeld(1));
        vault.claimHeld(USD, bob, held);
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
