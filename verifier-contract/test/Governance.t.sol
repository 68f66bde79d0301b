// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {AssetRegistry} from "../src/AssetRegistry.sol";
import {Governance, Governed} from "../src/Governance.sol";
import {Rollup} from "../src/Rollup.sol";
import {DevelopmentFeed} from "../src/development/DevelopmentFeed.sol";
import {DevelopmentToken} from "../src/development/DevelopmentToken.sol";
import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {IPriceOracle, Market} from "../src/interfaces/IPriceOracle.sol";
import {IRollup} from "../src/interfaces/IRollup.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Fixture, GX, GY} from "./Fixture.sol";
import {VM} from "./Vm.sol";

contract GovernanceTest is Fixture {
    uint256 private constant MINIMUM = 7 days;

    /// @dev Makes this test pass for a timelock, as it owns the contracts.
    uint256 public getMinDelay = MINIMUM;

    function setUp() public {
        deploy();
    }

    function makeGovernance(uint256 delay) private returns (Governance) {
        address[] memory proposers = new address[](1);
        proposers[0] = alice;
        return new Governance(delay, proposers, proposers);
    }

    function test_delayHasFloor() public {
        Governance short = makeGovernance(1);
        assertEq(short.getMinDelay(), 1, "development chain");
        VM.chainId(1);
        assertEq(short.getMinDelay(), MINIMUM, "floor");
        assertEq(makeGovernance(30 days).getMinDelay(), 30 days, "longer");
        VM.chainId(1337);
        assertEq(short.getMinDelay(), 1, "other development chain");
    }

    function test_floorHoldsForScheduling() public {
        Governance governance = makeGovernance(1);
        VM.chainId(1);
        VM.startPrank(alice);
        VM.expectRevert(
            abi.encodeWithSelector(
                TimelockController.TimelockInsufficientDelay.selector, MINIMUM - 1, MINIMUM
            )
        );
        governance.schedule(address(registry), 0, "", 0, 0, MINIMUM - 1);
        // Not even governance itself brings the delay below the minimum.
        bytes memory call = abi.encodeCall(TimelockController.updateDelay, (0));
        governance.schedule(address(governance), 0, call, 0, 0, MINIMUM);
        VM.warp(block.timestamp + MINIMUM);
        governance.execute(address(governance), 0, call, 0, 0);
        assertEq(governance.getMinDelay(), MINIMUM, "floor");
        VM.stopPrank();
    }

    function test_ownerMustGiveNotice() public {
        VM.chainId(1);
        VM.expectRevert(abi.encodeWithSelector(Governed.GovernanceNotAContract.selector, alice));
        new AssetRegistry(poseidon, alice, guardian);
        address[] memory nobody = new address[](0);
        address hasty = address(new TimelockController(MINIMUM - 1, nobody, nobody, address(0)));
        VM.expectRevert(
            abi.encodeWithSelector(Governed.GovernanceDelayTooShort.selector, MINIMUM - 1, MINIMUM)
        );
        new AssetRegistry(poseidon, hasty, guardian);
        VM.expectRevert(
            abi.encodeWithSelector(Governed.GovernanceDelayTooShort.selector, MINIMUM - 1, MINIMUM)
        );
        new Rollup(registry, oracle, hasty, sequencer, guardian, USD);
        VM.expectRevert(abi.encodeWithSelector(Governed.GovernanceNotAContract.selector, alice));
        new Rollup(registry, oracle, alice, sequencer, guardian, USD);
        // A contract without a timelock's functions.
        VM.expectRevert();
        new AssetRegistry(poseidon, address(poseidon), guardian);
    }

    function test_ownerMovesOnlyToATimelock() public {
        VM.chainId(1);
        registry.transferOwnership(alice);
        VM.prank(alice);
        VM.expectRevert(abi.encodeWithSelector(Governed.GovernanceNotAContract.selector, alice));
        registry.acceptOwnership();
        Governance governance = makeGovernance(MINIMUM);
        registry.transferOwnership(address(governance));
        VM.prank(address(governance));
        registry.acceptOwnership();
        assertEq(registry.owner(), address(governance), "owner");
    }

    /// @dev A timelock that lowers its delay cannot call any function of any contract until it
    /// raises the delay again.
    function test_ownerMustKeepGivingNotice() public {
        address[] memory nobody = new address[](0);
        TimelockController timelock = new TimelockController(MINIMUM, nobody, nobody, address(0));
        Ownable2Step[4] memory governed = [
            Ownable2Step(registry),
            Ownable2Step(rollup),
            Ownable2Step(address(vault)),
            Ownable2Step(oracle)
        ];
        for (uint256 i = 0; i < governed.length; ++i) {
            governed[i].transferOwnership(address(timelock));
            VM.prank(address(timelock));
            governed[i].acceptOwnership();
        }
        address feed = address(new DevelopmentFeed(8, 1));
        address[16] memory targets = [
            address(registry),
            address(registry),
            address(registry),
            address(registry),
            address(registry),
            address(rollup),
            address(rollup),
            address(rollup),
            address(rollup),
            address(vault),
            address(vault),
            address(oracle),
            address(oracle),
            address(oracle),
            address(oracle),
            address(oracle)
        ];
        bytes[16] memory calls = [
            abi.encodeCall(IAssetRegistry.register, (address(verifier), GX, GY, 0)),
            abi.encodeCall(IAssetRegistry.registerUnaudited, (address(poseidon), 0)),
            abi.encodeCall(IAssetRegistry.rotateAuditor, (1, GX, GY)),
            abi.encodeCall(IAssetRegistry.setDepositTerms, (1, 10, 5)),
            abi.encodeCall(Ownable2Step.transferOwnership, (alice)),
            abi.encodeCall(IRollup.registerShape, (9, 4, address(verifier), vkData, false)),
            abi.encodeCall(IRollup.retireShape, (4)),
            abi.encodeCall(IRollup.setSequencer, (alice)),
            abi.encodeCall(Ownable2Step.transferOwnership, (alice)),
            abi.encodeCall(IVault.setGuardian, (alice)),
            abi.encodeCall(Ownable2Step.transferOwnership, (alice)),
            abi.encodeCall(IPriceOracle.setFeed, (USD, feed, 60, 6)),
            abi.encodeCall(IPriceOracle.removeFeed, (USD)),
            abi.encodeCall(
                IPriceOracle.setMarket, (0, Market(GOLD, USD, 500, 15000, 12000, 500, 3600, 100))
            ),
            abi.encodeCall(IPriceOracle.removeMarket, (0)),
            abi.encodeCall(Ownable2Step.transferOwnership, (alice))
        ];
        VM.prank(address(timelock));
        timelock.updateDelay(MINIMUM - 1);
        VM.chainId(1);
        bytes32 short = keccak256(
            abi.encodeWithSelector(Governed.GovernanceDelayTooShort.selector, MINIMUM - 1, MINIMUM)
        );
        for (uint256 i = 0; i < calls.length; ++i) {
            VM.prank(address(timelock));
            (bool done, bytes memory reason) = targets[i].call(calls[i]);
            assertTrue(!done && keccak256(reason) == short, VM.toString(i));
            // A caller that is not the owner gets this error first.
            VM.prank(bob);
            (done, reason) = targets[i].call(calls[i]);
            assertTrue(
                !done && bytes4(reason) == Ownable.OwnableUnauthorizedAccount.selector,
                VM.toString(i)
            );
        }
        VM.prank(address(timelock));
        timelock.updateDelay(MINIMUM);
        for (uint256 i = 0; i < calls.length; ++i) {
            VM.prank(address(timelock));
            (bool done,) = targets[i].call(calls[i]);
            assertTrue(done, VM.toString(i));
        }
    }

    /// @dev The whole path: a change is announced, waits, and takes effect.
    function test_changeThroughTimelock() public {
        VM.chainId(1);
        Governance governance = makeGovernance(MINIMUM);
        AssetRegistry governed = new AssetRegistry(poseidon, address(governance), guardian);
        bytes memory call = abi.encodeCall(IAssetRegistry.registerUnaudited, (address(0), 0));
        VM.startPrank(alice);
        VM.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, alice));
        governed.registerUnaudited(address(0), 0);
        governance.schedule(address(governed), 0, call, 0, 0, MINIMUM);
        VM.warp(block.timestamp + MINIMUM - 1);
        VM.expectRevert();
        governance.execute(address(governed), 0, call, 0, 0);
        VM.warp(block.timestamp + 1);
        governance.execute(address(governed), 0, call, 0, 0);
        VM.stopPrank();
        assertEq(governed.count(), 1, "registered");
    }

    function test_unsafeKeyOnlyOnDevelopmentChains() public {
        rollup.registerShape(100, 4, address(verifier), vkData, true);
        assertTrue(rollup.shapeOf(100).unsafeDevelopment, "marked");
        VM.chainId(1);
        VM.expectRevert(abi.encodeWithSelector(IRollup.UnsafeDevelopmentKey.selector, 1));
        rollup.registerShape(101, 4, address(verifier), vkData, true);
        VM.chainId(1337);
        rollup.registerShape(101, 4, address(verifier), vkData, true);
    }

    function test_developmentTokenOnlyOnDevelopmentChains() public {
        DevelopmentToken token = new DevelopmentToken("Dollar", "USD", 6);
        token.mint(alice, 5);
        assertEq(token.balanceOf(alice), 5, "minted");
        assertEq(token.decimals(), 6, "decimals");
        VM.chainId(1);
        VM.expectRevert(abi.encodeWithSelector(DevelopmentToken.NotADevelopmentChain.selector, 1));
        token.mint(alice, 5);
        VM.expectRevert(abi.encodeWithSelector(DevelopmentToken.NotADevelopmentChain.selector, 1));
        new DevelopmentToken("Dollar", "USD", 6);
    }
}
