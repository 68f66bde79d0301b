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

    /// @dev Stops seizures of one asset, as whoever calls, from a second of a full minute on.
    function set(uint16 asset, uint16 markets, uint256 from, uint16 length) private {
        uint16[] memory assets = new uint16[](1);
        uint16[] memory bits = new uint16[](1);
        (assets[0], bits[0]) = (asset, markets);
        assertEq(from % 60, 0, "a full minute");
        registry.stopSeizures(assets, bits, uint32(from / 60), length);
    }

    function stop(uint16 asset, uint16 markets, uint256 from, uint16 length) private {
        VM.prank(guardian);
        set(asset, markets, from, length);
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
            + markets * 2 ** 197 + from / 60 * 2 ** 213 + length * 2 ** 240;
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
        assertEq(now_.fromMinute, NOW / 60 - 10, "from");
        assertEq(now_.length, 30, "length");
        assertEq(now_.set, NOW, "set");
        assertTrue(registry.root() != before, "another root");
    }

    /// @dev What was stopped stays so: only the time to come is free again.
    function test_aStopThatEndsEarlyKeepsItsPrices() public {
        stop(GOLD, 3, NOW - 600, 1440);
        VM.warp(NOW + 6 hours + 1);
        VM.prank(guardian);
        registry.resumeSeizures(GOLD);
        // 600 seconds and 6 hours and a second, in begun minutes.
        assertEq(registry.node(0, GOLD), leaf(GOLD, 3, NOW - 600, 371), "leaf");
        assertEq(registry.stopOf(GOLD).set, NOW, "the time is kept");
        VM.warp(NOW + 12 hours + 1);
        VM.prank(guardian);
        VM.expectRevert(abi.encodeWithSelector(ISeizureStops.NotStopped.selector, GOLD));
        registry.resumeSeizures(GOLD);
    }

    function test_severalAssetsAtOnce() public {
        uint16[] memory assets = new uint16[](2);
        uint16[] memory bits = new uint16[](2);
        (assets[0], assets[1], bits[0], bits[1]) = (GOLD, USD, 1, 6);
        VM.prank(guardian);
        registry.stopSeizures(assets, bits, uint32(NOW / 60), 60);
        assertEq(registry.node(0, GOLD), leaf(GOLD, 1, NOW, 60), "gold");
        assertEq(registry.node(0, USD), leaf(USD, 6, NOW, 60), "dollar");
        VM.prank(guardian);
        VM.expectRevert(abi.encodeWithSelector(ISeizureStops.StopsUneven.selector, 2, 1));
        registry.stopSeizures(assets, new uint16[](1), uint32(NOW / 60), 60);
    }

    /// @dev Each call gives the registry another root, so that they are rare.
    function test_theGuardianActsOnceInSixHours() public {
        stop(GOLD, 1, NOW, 60);
        bytes memory reason =
            abi.encodeWithSelector(ISeizureStops.GuardianTooEarly.selector, NOW + 6 hours);
        VM.warp(NOW + 6 hours - 1);
        VM.prank(guardian);
        VM.expectRevert(reason);
        set(USD, 1, NOW, 60);
        VM.prank(guardian);
        VM.expectRevert(reason);
        registry.resumeSeizures(GOLD);
        VM.warp(NOW + 6 hours);
        stop(USD, 1, NOW, 60);
    }

    /// @dev A rotated auditor leaves the stop where it is.
    function test_otherChangesKeepTheStop() public {
        stop(GOLD, 1, NOW, 5);
        registry.rotateAuditor(GOLD, G2X, G2Y);
        assertEq(registry.assetOf(GOLD).auditorX, G2X, "rotated");
        assertEq(registry.node(0, GOLD), leaf(GOLD, 1, NOW, 5), "leaf");
    }

    function refused(
        bytes memory reason,
        uint16 asset,
        uint16 markets,
        uint256 from,
        uint16 length
    ) private {
        VM.prank(guardian);
        VM.expectRevert(reason);
        set(asset, markets, from, length);
    }

    function test_boundsOfAStop() public {
        refused(abi.encodeWithSelector(ISeizureStops.StopOfNoMarket.selector), GOLD, 0, NOW, 5);
        uint256[2] memory begins = [NOW + 1 minutes, NOW - 25 hours - 1 minutes];
        for (uint256 i = 0; i < 2; ++i) {
            refused(
                abi.encodeWithSelector(ISeizureStops.StopBeginOutOfRange.selector, begins[i]),
                GOLD,
                1,
                begins[i],
                5
            );
        }
        bytes memory long = abi.encodeWithSelector(
            ISeizureStops.StopTooLong.selector, NOW + 1441 minutes, NOW + 1 days
        );
        refused(long, GOLD, 1, NOW, 1441);
        refused(abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, 99), 99, 1, NOW, 5);
        stop(GOLD, 1, NOW - 25 hours, 49 * 60);
        VM.warp(NOW + 6 hours);
        stop(USD, 1, NOW + 6 hours, 1440);
    }

    /// @dev A guardian who means a day from a second on gets it: the full minute before begins it,
    /// and the full minute after ends it. The same holds for the 25 hours.
    function test_boundsAreOfFullMinutes() public {
        VM.warp(NOW + 1);
        bytes memory long = abi.encodeWithSelector(
            ISeizureStops.StopTooLong.selector, NOW + 1442 minutes, NOW + 1441 minutes
        );
        refused(long, GOLD, 1, NOW, 1442);
        stop(GOLD, 1, NOW, 1441);
        VM.warp(NOW + 12 hours + 59);
        stop(USD, 1, NOW - 13 hours, 5);
        VM.warp(NOW + 4 days + 1 minutes);
        refused(
            abi.encodeWithSelector(
                ISeizureStops.StopBeginOutOfRange.selector, NOW + 4 days - 25 hours
            ),
            GOLD,
            1,
            NOW + 4 days - 25 hours,
            5
        );
    }

    /// @dev A guardian who is wrong stops an asset's seizures for a day in three.
    function test_stopsAreApart() public {
        stop(GOLD, 1, NOW, 5);
        VM.warp(NOW + 3 days - 1);
        refused(
            abi.encodeWithSelector(ISeizureStops.StopTooEarly.selector, GOLD, NOW + 3 days),
            GOLD,
            1,
            NOW + 3 days - 1 minutes,
            5
        );
        VM.warp(NOW + 3 days);
        stop(GOLD, 1, NOW + 3 days, 5);
    }

    function test_whoMayCall() public {
        bytes memory reason =
            abi.encodeWithSelector(ISeizureStops.NotSeizureGuardian.selector, alice);
        VM.prank(alice);
        VM.expectRevert(reason);
        set(GOLD, 1, NOW, 5);
        // Governance does not stop, but it resumes.
        VM.expectRevert(
            abi.encodeWithSelector(ISeizureStops.NotSeizureGuardian.selector, address(this))
        );
        set(GOLD, 1, NOW, 5);
        stop(GOLD, 1, NOW, 5);
        VM.prank(alice);
        VM.expectRevert(reason);
        registry.resumeSeizures(GOLD);
        registry.resumeSeizures(GOLD);
        VM.expectRevert(abi.encodeWithSelector(ISeizureStops.NotStopped.selector, GOLD));
        registry.resumeSeizures(GOLD);
        VM.expectRevert(abi.encodeWithSelector(ISeizureStops.NotStopped.selector, USD));
        registry.resumeSeizures(USD);
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
