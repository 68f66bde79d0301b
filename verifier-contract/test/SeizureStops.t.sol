// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {AssetRegistry} from "../src/AssetRegistry.sol";
import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {ISeizureStops} from "../src/interfaces/ISeizureStops.sol";
import {Fixture, G2X, G2Y} from "./Fixture.sol";
import {VM} from "./Vm.sol";

contract SeizureStopsTest is Fixture {
    function setUp() public {
        deploy();
    }

    function stop(uint16 asset, uint16 markets, uint256 from, uint16 length) private {
        VM.prank(guardian);
        registry.stopSeizures(asset, markets, uint40(from), length);
    }

    /// @dev The leaf of an asset with a stop, by the specification's numbers.
    function leaf(uint16 asset, uint256 markets, uint256 from, uint256 length)
        private
        view
        returns (uint256)
    {
        IAssetRegistry.Asset memory entry = registry.assetOf(asset);
        uint256[] memory m = new uint256[](3);
        m[0] = asset + uint256(uint160(entry.token)) * 2 ** 16 + uint256(entry.flags) * 2 ** 176
            + markets * 2 ** 184 + from * 2 ** 200 + length * 2 ** 240;
        (m[1], m[2]) = (entry.auditorX, entry.auditorY);
        return poseidon.hash(7, m);
    }

    function test_aStopIsInTheLeafUntilItIsResumed() public {
        uint256 before = registry.root();
        assertEq(registry.node(0, GOLD), leaf(GOLD, 0, 0, 0), "leaf before");
        stop(GOLD, 0x8005, NOW - 600, 30);
        assertEq(registry.node(0, GOLD), leaf(GOLD, 0x8005, NOW - 600, 30), "leaf");
        assertEq(registry.node(8, 0), registry.root(), "root");
        assertTrue(registry.root() != before, "another root");
        ISeizureStops.Stop memory now_ = registry.stopOf(GOLD);
        assertEq(now_.markets, 0x8005, "markets");
        assertEq(now_.from, NOW - 600, "from");
        assertEq(now_.length, 30, "length");
        assertEq(now_.set, NOW, "set");
        VM.prank(guardian);
        registry.resumeSeizures(GOLD);
        assertEq(registry.root(), before, "as before");
        assertEq(registry.stopOf(GOLD).set, NOW, "the time is kept");
    }

    /// @dev A rotated auditor leaves the stop where it is.
    function test_otherChangesKeepTheStop() public {
        stop(GOLD, 1, NOW, 5);
        registry.rotateAuditor(GOLD, G2X, G2Y);
        assertEq(registry.assetOf(GOLD).auditorX, G2X, "rotated");
        assertEq(registry.node(0, GOLD), leaf(GOLD, 1, NOW, 5), "leaf");
    }

    function test_boundsOfAStop() public {
        VM.startPrank(guardian);
        VM.expectRevert(ISeizureStops.StopOfNoMarket.selector);
        registry.stopSeizures(GOLD, 0, uint40(NOW), 5);
        uint256[2] memory begins = [NOW + 1, NOW - 1 days - 1];
        for (uint256 i = 0; i < 2; ++i) {
            VM.expectRevert(
                abi.encodeWithSelector(ISeizureStops.StopBeginOutOfRange.selector, begins[i])
            );
            registry.stopSeizures(GOLD, 1, uint40(begins[i]), 5);
        }
        VM.expectRevert(
            abi.encodeWithSelector(
                ISeizureStops.StopTooLong.selector, NOW + 1441 minutes, NOW + 1 days
            )
        );
        registry.stopSeizures(GOLD, 1, uint40(NOW), 1441);
        VM.expectRevert(abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, 99));
        registry.stopSeizures(99, 1, uint40(NOW), 5);
        registry.stopSeizures(GOLD, 1, uint40(NOW - 1 days), 2 * 1440);
        registry.stopSeizures(USD, 1, uint40(NOW), 1440);
        VM.stopPrank();
    }

    /// @dev A guardian who is wrong stops an asset's seizures for a day in three.
    function test_stopsAreApart() public {
        stop(GOLD, 1, NOW, 5);
        VM.prank(guardian);
        registry.resumeSeizures(GOLD);
        bytes memory reason =
            abi.encodeWithSelector(ISeizureStops.StopTooEarly.selector, NOW + 3 days);
        VM.warp(NOW + 3 days - 1);
        VM.prank(guardian);
        VM.expectRevert(reason);
        registry.stopSeizures(GOLD, 1, uint40(NOW + 3 days - 1), 5);
        // Another asset has its own time.
        stop(USD, 1, NOW + 3 days - 1, 5);
        VM.warp(NOW + 3 days);
        stop(GOLD, 1, NOW + 3 days, 5);
    }

    function test_whoMayCall() public {
        bytes memory reason =
            abi.encodeWithSelector(ISeizureStops.NotSeizureGuardian.selector, alice);
        VM.prank(alice);
        VM.expectRevert(reason);
        registry.stopSeizures(GOLD, 1, uint40(NOW), 5);
        // Governance does not stop, but it resumes.
        VM.expectRevert(
            abi.encodeWithSelector(ISeizureStops.NotSeizureGuardian.selector, address(this))
        );
        registry.stopSeizures(GOLD, 1, uint40(NOW), 5);
        stop(GOLD, 1, NOW, 5);
        VM.prank(alice);
        VM.expectRevert(reason);
        registry.resumeSeizures(GOLD);
        registry.resumeSeizures(GOLD);
        VM.expectRevert(abi.encodeWithSelector(ISeizureStops.NotStopped.selector, GOLD));
        registry.resumeSeizures(GOLD);
        VM.prank(guardian);
        VM.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, guardian)
        );
        registry.setSeizureGuardian(alice);
        registry.setSeizureGuardian(alice);
        assertEq(registry.seizureGuardian(), alice, "guardian");
        VM.expectRevert(ISeizureStops.SeizureGuardianIsZero.selector);
        registry.setSeizureGuardian(address(0));
        VM.expectRevert(ISeizureStops.SeizureGuardianIsZero.selector);
        new AssetRegistry(poseidon, address(this), address(0));
    }
}
