// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Rollup} from "../src/Rollup.sol";
import {HeldWithdrawal} from "../src/interfaces/IHeldWithdrawals.sol";
import {Withdrawal} from "../src/interfaces/IRollup.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Fixture} from "./Fixture.sol";
import {Test, VM} from "./Vm.sol";
import {FeeToken, PlainToken} from "./doubles/Tokens.sol";
import {HeldTree} from "./reference/HeldTree.sol";
import {Batch} from "./reference/ReferenceBatch.sol";

/// @dev Acts as users, sequencer and guardian in any order, and keeps a ledger of its own. Asset 3
/// takes a fee from every transfer.
contract Actors is Fixture {
    FeeToken public feeToken;
    /// Accounts of the keys 1 … 4.
    address[4] public accounts = [VM.addr(1), VM.addr(2), VM.addr(3), VM.addr(4)];

    /// For each asset: received by the vault, of that deposit fees, taken into the state, credited
    /// by settlement, paid.
    mapping(uint256 asset => uint256) public received;
    mapping(uint256 asset => uint256) public depositFees;
    mapping(uint256 asset => uint256) public consumed;
    mapping(uint256 asset => uint256) public creditedTotal;
    mapping(uint256 asset => uint256) public paid;
    /// Holds the part of what was credited that batches hold and nobody has claimed.
    mapping(uint256 asset => uint256) public held;
    Withdrawal[2][] private trees;
    uint64[] private treeBatches;
    uint256[2][] private entries;
    uint256 public breachesRefused;
    uint256 public batches;

    constructor() {
        deploy();
        feeToken = new FeeToken();
        registry.registerUnaudited(address(feeToken), 0);
    }

    function theVault() external view returns (IVault) {
        return vault;
    }

    function theRollup() external view returns (Rollup) {
        return rollup;
    }

    function balance(uint256 asset) public view returns (uint256) {
        address token = registry.tokenOf(asset);
        return
            token == address(0)
                ? address(vault).balance
                : PlainToken(token).balanceOf(address(vault));
    }

    function deposit(uint256 who, uint256 asset, uint256 amount, uint256 inner) external {
        if (vault.depositsPaused()) return;
        asset %= 4;
        (, uint128 minimum, uint128 fee,) = registry.depositTerms(asset);
        // The last asset's token keeps a part of the amount.
        amount = bound(amount, 2 * uint256(minimum) + 1, 1e30);
        address account = accounts[who % 4];
        uint256 before = balance(asset);
        inner >>= 8;
        if (asset == 0) {
            depositCoin(account, amount, inner);
        } else {
            depositToken(
                PlainToken(registry.tokenOf(asset)), uint16(asset), account, amount, inner
            );
        }
        uint256 got = balance(asset) - before;
        received[asset] += got;
        depositFees[asset] += fee;
        entries.push([asset, got - fee]);
    }

    function setTerms(uint256 asset, uint256 minimum, uint256 fee) external {
        minimum = bound(minimum, 0, type(uint32).max) * 1e6;
        fee = bound(fee, 0, minimum / 2e6) * 1e6;
        registry.setDepositTerms(uint16(asset % 4), uint128(minimum), uint128(fee));
    }

    /// @dev Submits a batch that consumes some deposits and withdraws a part of the inside amount,
    /// or one unit more than it.
    function settle(
        uint256 count,
        uint256 asset,
        uint256 share,
        uint256 who,
        uint256 fee,
        bool breach
    ) external {
        asset %= 4;
        count = bound(
            count,
            0,
            entries.length - vault.consumedCount() < 4 ? entries.length - vault.consumedCount() : 4
        );
        VM.warp(block.timestamp + 60);
        Batch memory b = makeBatch(4, 4, uint16(count), batches);
        uint256[4] memory gain;
        for (uint256 i = 0; i < count; ++i) {
            uint256[2] memory entry = entries[vault.consumedCount() + i];
            gain[entry[0]] += entry[1];
        }
        uint256 available = vault.inside(asset) + gain[asset];
        uint256 amount = breach ? available + 1 : bound(share, 0, available);
        bool fresh = amount > 1 && share % 3 == 0;
        if (fresh) {
            // Two accounts that the vault does not know.
            b.withdrawals = new Withdrawal[](2);
            for (uint160 i = 0; i < 2; ++i) {
                address account = address(uint160(0x1e1d0000 + 2 * trees.length) + i);
                uint128 part = uint128(i == 0 ? amount / 2 : amount - amount / 2);
                b.withdrawals[i] = Withdrawal(uint8(2 * i), uint16(asset), account, part);
            }
        } else if (amount > 0) {
            b.withdrawals = new Withdrawal[](1);
            b.withdrawals[0] =
                Withdrawal(uint8(who % 4), uint16(asset), accounts[who % 4], uint128(amount));
        }
        uint256 left = vault.inside(USD) + gain[USD] - (asset == USD && !breach ? amount : 0);
        b.header.feeTotal = uint128(bound(fee, 0, left / 2));
        if (breach) {
            if (fresh) {
                // The first of the two fits.
                available -= b.withdrawals[0].amount;
                amount -= b.withdrawals[0].amount;
            }
            submitReverts(
                b,
                abi.encodeWithSelector(IVault.TurnstileBreached.selector, asset, amount, available)
            );
            ++breachesRefused;
            return;
        }
        submit(b);
        ++batches;
        if (fresh) {
            held[asset] += amount;
            treeBatches.push(b.header.batchIndex);
            Withdrawal[2] storage tree = trees.push();
            (tree[0], tree[1]) = (b.withdrawals[0], b.withdrawals[1]);
        }
        for (uint256 k = 0; k < 4; ++k) {
            consumed[k] += gain[k];
        }
        creditedTotal[asset] += amount;
        creditedTotal[USD] += b.header.feeTotal;
    }

    function claim(uint256 who, uint256 asset, bool byOther) external {
        asset %= 4;
        who %= 6;
        address account = who == 5 ? sequencer : who == 4 ? feeRecipient : accounts[who];
        address to = accounts[(who % 4 + 1) % 4];
        uint256 amount = vault.credited(asset, account);
        if (amount == 0) {
            VM.prank(account);
            VM.expectRevert(abi.encodeWithSelector(IVault.NothingToClaim.selector, asset, account));
            vault.claim(uint16(asset), to);
            return;
        }
        if (byOther && who < 4) {
            bytes memory signature = signClaim(who + 1, uint16(asset), to, block.timestamp);
            vault.claimFor(uint16(asset), account, to, nothing(), 0, block.timestamp, signature);
        } else {
            VM.prank(account);
            vault.claim(uint16(asset), to);
        }
        paid[asset] += amount;
    }

    function claimHeld(uint256 tree, uint256 place, uint256 who) external {
        if (trees.length == 0) return;
        tree %= trees.length;
        place %= 2;
        Withdrawal[] memory all = new Withdrawal[](2);
        (all[0], all[1]) = (trees[tree][0], trees[tree][1]);
        (address account, uint16 asset) = (all[place].recipient, all[place].asset);
        HeldWithdrawal[] memory shown = HeldTree.shown(treeBatches[tree], all, place);
        (, uint64 claimed) = vault.heldOf(treeBatches[tree]);
        VM.prank(account);
        if ((claimed >> place) & 1 == 1) {
            VM.expectRevert(abi.encodeWithSelector(IVault.NothingToClaim.selector, asset, account));
            vault.claimHeld(asset, accounts[who % 4], shown);
            return;
        }
        vault.claimHeld(asset, accounts[who % 4], shown);
        held[asset] -= all[place].amount;
        paid[asset] += all[place].amount;
    }

    function pause(bool paused) external {
        bool now_ = vault.depositsPaused();
        if (paused && now_) VM.warp(block.timestamp + 1 days);
        if (paused == now_) return;
        if (paused && block.timestamp < vault.pauseAllowedFrom()) return;
        VM.prank(guardian);
        vault.setDepositsPaused(paused);
    }

    /// @dev A gift to the vault raises nobody's claim.
    function gift(uint256 amount) external {
        usd.mint(address(vault), bound(amount, 0, 1e20));
    }

    function outstanding(uint256 asset) external view returns (uint256 sum) {
        for (uint256 i = 0; i < 4; ++i) {
            sum += vault.credited(asset, accounts[i]);
        }
        sum += vault.credited(asset, feeRecipient) + vault.credited(asset, sequencer);
        sum += held[asset];
    }
}

contract VaultInvariantTest is Test {
    Actors private actors;

    function setUp() public {
        actors = new Actors();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actors);
    }

    /// @dev The vault holds at least the queued, inside, credited and held amounts; more only after
    /// gifts.
    function invariant_solvent() public view {
        for (uint256 asset = 0; asset < 4; ++asset) {
            uint256 owed = actors.received(asset) - actors.paid(asset);
            assertTrue(actors.balance(asset) >= owed, "balance below deposits minus payments");
            if (asset != 1) {
                assertEq(actors.balance(asset), owed, "balance is not deposits minus payments");
            }
            uint256 queued =
                actors.received(asset) - actors.depositFees(asset) - actors.consumed(asset);
            assertEq(
                owed,
                queued + actors.theVault().inside(asset) + actors.outstanding(asset),
                "queued + inside + claims"
            );
        }
    }

    /// @dev The turnstile: inside is the consumed minus the credited amount, never below zero.
    function invariant_turnstile() public view {
        for (uint256 asset = 0; asset < 4; ++asset) {
            assertTrue(
                actors.creditedTotal(asset) <= actors.consumed(asset),
                "more credited than consumed"
            );
            assertEq(
                actors.theVault().inside(asset),
                actors.consumed(asset) - actors.creditedTotal(asset),
                "inside"
            );
        }
    }

    /// @dev The rollup's state changes exactly with accepted batches.
    function invariant_batches() public view {
        assertEq(actors.theRollup().batchIndex(), 1 + actors.batches(), "batch index");
    }
}
