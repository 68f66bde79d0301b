// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {AssetRegistry} from "../src/AssetRegistry.sol";
import {EmbeddedCurve} from "../src/EmbeddedCurve.sol";
import {SCALAR_MODULUS} from "../src/Fields.sol";
import {Governed} from "../src/Governance.sol";
import {UNAUDITED_X, UNAUDITED_Y} from "../src/ProtocolConstants.sol";
import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {Fixture, G2X, G2Y, G3X, G3Y, GX, GY} from "./Fixture.sol";
import {VM} from "./Vm.sol";
import {PlainToken} from "./doubles/Tokens.sol";

contract AssetRegistryTest is Fixture {
    /// @dev Root of the empty tree, computed with circomlibjs.
    uint256 private constant EMPTY_ROOT =
        16074824011995559068723536869876261014070184750404959544394883287944823367404;

    AssetRegistry private fresh;

    function setUp() public {
        deploy();
        fresh = new AssetRegistry(poseidon, address(this), guardian);
    }

    /// @dev Computes the root from all leaves, level by level, over the first 16 leaves; all others
    /// are empty.
    function expectedRoot(uint256[] memory leaves) private view returns (uint256) {
        uint256[] memory level = new uint256[](16);
        for (uint256 i = 0; i < leaves.length; ++i) {
            level[i] = leaves[i];
        }
        uint256 empty = 0;
        uint256 width = 16;
        uint256[] memory children = new uint256[](4);
        for (uint256 depth = 0; depth < 8; ++depth) {
            uint256 nextWidth = width > 4 ? width / 4 : 1;
            uint256[] memory next = new uint256[](nextWidth);
            for (uint256 i = 0; i < nextWidth; ++i) {
                for (uint256 k = 0; k < 4; ++k) {
                    children[k] = 4 * i + k < width ? level[4 * i + k] : empty;
                }
                next[i] = poseidon.hash(1, children);
            }
            for (uint256 k = 0; k < 4; ++k) {
                children[k] = empty;
            }
            empty = poseidon.hash(1, children);
            level = next;
            width = nextWidth;
        }
        return level[0];
    }

    function leaf(uint256 asset, address token, uint256 flags, uint256 x, uint256 y)
        private
        view
        returns (uint256)
    {
        uint256[] memory m = new uint256[](3);
        m[0] = asset + uint256(uint160(token)) * 2 ** 16 + flags * 2 ** 176;
        m[1] = x;
        m[2] = y;
        return poseidon.hash(7, m);
    }

    function test_emptyRoot() public view {
        assertEq(fresh.root(), EMPTY_ROOT, "root");
        assertEq(fresh.count(), 0, "count");
        assertEq(fresh.node(8, 0), EMPTY_ROOT, "top node");
        assertEq(fresh.node(0, 9), 0, "leaf");
    }

    function test_registerAppends() public {
        uint256[] memory leaves = new uint256[](6);
        for (uint256 i = 0; i < 6; ++i) {
            address token = i == 0 ? address(0) : address(new PlainToken(6));
            uint16 asset;
            if (i % 2 == 0) {
                asset = fresh.registerUnaudited(token, uint8(i));
                leaves[i] = leaf(i, token, i, UNAUDITED_X, UNAUDITED_Y);
            } else {
                asset = fresh.register(token, GX, GY, 31);
                leaves[i] = leaf(i, token, 31, GX, GY);
            }
            assertEq(asset, i, "id");
            assertEq(fresh.tokenOf(i), token, "token");
            uint256[] memory present = new uint256[](i + 1);
            for (uint256 k = 0; k <= i; ++k) {
                present[k] = leaves[k];
            }
            assertEq(fresh.root(), expectedRoot(present), "root");
            assertEq(fresh.node(8, 0), fresh.root(), "top node");
        }
        fresh.rotateAuditor(3, G2X, G2Y);
        leaves[3] = leaf(3, fresh.tokenOf(3), 31, G2X, G2Y);
        assertEq(fresh.root(), expectedRoot(leaves), "root after rotation");
        IAssetRegistry.Asset memory asset3 = fresh.assetOf(3);
        assertEq(asset3.auditorX, G2X, "auditor");
        assertEq(asset3.auditorY, G2Y, "auditor");
        assertEq(asset3.flags, 31, "flags");
    }

    function test_onlyGovernance() public {
        bytes memory reason =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, alice);
        VM.startPrank(alice);
        VM.expectRevert(reason);
        fresh.register(address(usd), GX, GY, 0);
        VM.expectRevert(reason);
        fresh.registerUnaudited(address(usd), 0);
        VM.expectRevert(reason);
        fresh.rotateAuditor(0, GX, GY);
        VM.expectRevert(reason);
        fresh.setDepositTerms(0, 0, 0);
        VM.stopPrank();
    }

    /// @dev Compares a page of GOLD's replaced keys with the points i·G from `first` on.
    function checkPast(uint256 offset, uint256 limit, uint256 first, uint256 length) private view {
        uint256[2][3] memory points = [[GX, GY], [G2X, G2Y], [G3X, G3Y]];
        IAssetRegistry.AuditorKey[] memory keys = registry.pastAuditors(GOLD, offset, limit);
        assertEq(keys.length, length, "length");
        for (uint256 i = 0; i < length; ++i) {
            assertEq(keys[i].x, points[first + i][0], "x");
            assertEq(keys[i].y, points[first + i][1], "y");
        }
    }

    /// @dev Replaced keys stay in their order, also one that comes back, and those of other assets
    /// are apart.
    function test_replacedKeysAreKept() public {
        registry.rotateAuditor(GOLD, GX, GY);
        assertEq(registry.pastAuditorCount(GOLD), 1, "the first key was replaced");
        IAssetRegistry.AuditorKey memory first = registry.pastAuditors(GOLD, 0, 9)[0];
        assertTrue(first.x == G2X && first.y == G2Y, "the key of its registration");
        registry.rotateAuditor(GOLD, G2X, G2Y);
        registry.rotateAuditor(GOLD, G3X, G3Y);
        checkPast(1, 9, 0, 2);
        registry.rotateAuditor(GOLD, GX, GY);
        registry.rotateAuditor(GOLD, G2X, G2Y);
        assertEq(registry.pastAuditorCount(GOLD), 5, "count");
        checkPast(1, 3, 0, 3);
        checkPast(1, 1, 0, 1);
        checkPast(2, 2, 1, 2);
        checkPast(4, type(uint256).max, 0, 1);
        checkPast(1, 0, 0, 0);
        checkPast(5, 1, 0, 0);
        checkPast(type(uint256).max, type(uint256).max, 0, 0);
        assertEq(registry.assetOf(GOLD).auditorX, G2X, "the key now");
        assertEq(registry.pastAuditorCount(USD), 0, "another asset");
        assertEq(registry.pastAuditors(USD, 0, 9).length, 0, "another asset");
    }

    /// @dev A call that fails keeps no key.
    function test_aRefusedRotationKeepsNothing() public {
        uint256 root = registry.root();
        VM.prank(alice);
        VM.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, alice));
        registry.rotateAuditor(GOLD, GX, GY);
        VM.expectRevert(abi.encodeWithSelector(IAssetRegistry.PointIsIdentity.selector));
        registry.rotateAuditor(GOLD, 0, 1);
        assertEq(registry.pastAuditorCount(GOLD), 0, "count");
        assertEq(registry.root(), root, "root");
    }

    function checkTerms(uint16 asset, address token, uint128 minimum, uint128 fee) private view {
        (address token_, uint128 minimum_, uint128 fee_,) = registry.depositTerms(asset);
        assertEq(token_, token, "token");
        assertEq(minimum_, minimum, "minimum");
        assertEq(fee_, fee, "fee");
    }

    /// @dev Terms change neither the asset nor the root, and survive a change of the auditor.
    function test_depositTerms() public {
        uint256 root = registry.root();
        checkTerms(USD, address(usd), 0, 0);
        VM.expectEmit(true, true, true, true, address(registry));
        emit IAssetRegistry.DepositTermsSet(USD, 5_000_000, 2_500_000);
        registry.setDepositTerms(USD, 5_000_000, 2_500_000);
        checkTerms(USD, address(usd), 5_000_000, 2_500_000);
        checkTerms(GOLD, address(gold), 0, 0);
        assertEq(registry.root(), root, "root");
        registry.rotateAuditor(USD, G3X, G3Y);
        checkTerms(USD, address(usd), 5_000_000, 2_500_000);
        IAssetRegistry.Asset memory asset = registry.assetOf(USD);
        assertEq(asset.token, address(usd), "token");
        assertEq(asset.flags, 0, "flags");
        assertEq(asset.auditorX, G3X, "auditor");
        registry.setDepositTerms(USD, 0, 0);
        checkTerms(USD, address(usd), 0, 0);
    }

    /// @dev Every amount with a compact form is stored exactly.
    function testFuzz_depositTermsAreExact(uint32 m, uint8 e, uint32 n, uint8 f) public {
        uint256 minimum = uint256(m) * 10 ** (e % 29);
        uint256 fee = uint256(n) * 10 ** (f % 29);
        if (fee > minimum / 2) {
            VM.expectRevert(
                abi.encodeWithSelector(IAssetRegistry.DepositFeeTooHigh.selector, fee, minimum)
            );
            registry.setDepositTerms(GOLD, uint128(minimum), uint128(fee));
            return;
        }
        registry.setDepositTerms(GOLD, uint128(minimum), uint128(fee));
        checkTerms(GOLD, address(gold), uint128(minimum), uint128(fee));
    }

    function test_depositTermsBounds() public {
        uint128 largest = 340282366 * 10 ** 30;
        registry.setDepositTerms(GOLD, largest, largest / 2);
        checkTerms(GOLD, address(gold), largest, largest / 2);
        VM.expectRevert(abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, 3));
        registry.setDepositTerms(3, 0, 0);
        VM.expectRevert(abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, 3));
        registry.depositTerms(3);
        VM.expectRevert(abi.encodeWithSelector(IAssetRegistry.DepositFeeTooHigh.selector, 51, 101));
        registry.setDepositTerms(GOLD, 101, 51);
        registry.setDepositTerms(GOLD, type(uint32).max, 1);
        VM.expectRevert(abi.encodeWithSelector(IAssetRegistry.AmountNotCompact.selector, 2 ** 32));
        registry.setDepositTerms(GOLD, 2 ** 32, 1);
        VM.expectRevert(
            abi.encodeWithSelector(IAssetRegistry.AmountNotCompact.selector, 10 ** 10 + 1)
        );
        registry.setDepositTerms(GOLD, 10 ** 11, 10 ** 10 + 1);
        checkTerms(GOLD, address(gold), type(uint32).max, 1);
    }

    function test_rejectsTokens() public {
        VM.expectRevert(abi.encodeWithSelector(IAssetRegistry.TokenNotAContract.selector, alice));
        fresh.registerUnaudited(alice, 0);
        VM.expectRevert(
            abi.encodeWithSelector(
                IAssetRegistry.TokenAlreadyRegistered.selector, address(gold), 2
            )
        );
        registry.registerUnaudited(address(gold), 0);
        VM.expectRevert(
            abi.encodeWithSelector(IAssetRegistry.TokenAlreadyRegistered.selector, address(0), 0)
        );
        registry.registerUnaudited(address(0), 0);
    }

    /// @dev The leaf has room for five flags: others would be read as a home chain.
    function test_rejectsFlagsWithoutRoom() public {
        for (uint256 i = 5; i < 8; ++i) {
            uint8 flags = uint8(2 ** i);
            bytes memory reason =
                abi.encodeWithSelector(IAssetRegistry.FlagsOutOfRange.selector, flags);
            VM.expectRevert(reason);
            fresh.register(address(usd), GX, GY, flags);
            VM.expectRevert(reason);
            fresh.registerUnaudited(address(usd), flags);
        }
        assertEq(fresh.count(), 0, "count");
    }

    function test_unknownAsset() public {
        bytes memory reason = abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, 3);
        VM.expectRevert(reason);
        registry.tokenOf(3);
        VM.expectRevert(reason);
        registry.assetOf(3);
        VM.expectRevert(reason);
        registry.pastAuditorCount(3);
        VM.expectRevert(reason);
        registry.pastAuditors(3, 0, 1);
        VM.expectRevert(reason);
        registry.rotateAuditor(3, GX, GY);
    }

    function rejectsKey(uint256 x, uint256 y, bytes memory reason) private {
        VM.expectRevert(reason);
        fresh.register(address(usd), x, y, 0);
        VM.expectRevert(reason);
        registry.rotateAuditor(1, x, y);
    }

    function test_rejectsKeyNotCanonical() public {
        rejectsKey(
            GX + SCALAR_MODULUS,
            GY,
            abi.encodeWithSelector(
                IAssetRegistry.CoordinateNotCanonical.selector, GX + SCALAR_MODULUS
            )
        );
        rejectsKey(
            GX,
            GY + SCALAR_MODULUS,
            abi.encodeWithSelector(
                IAssetRegistry.CoordinateNotCanonical.selector, GY + SCALAR_MODULUS
            )
        );
    }

    function test_rejectsKeyOffCurve() public {
        rejectsKey(
            GX, GY + 1, abi.encodeWithSelector(IAssetRegistry.PointNotOnCurve.selector, GX, GY + 1)
        );
        rejectsKey(0, 0, abi.encodeWithSelector(IAssetRegistry.PointNotOnCurve.selector, 0, 0));
    }

    function test_rejectsIdentity() public {
        rejectsKey(0, 1, abi.encodeWithSelector(IAssetRegistry.PointIsIdentity.selector));
    }

    function test_rejectsKeyOutsideSubgroup() public {
        uint256 p = SCALAR_MODULUS;
        uint256[2][7] memory points = [
            // points of order 2, 4 and 8
            [uint256(0), p - 1],
            [p - 1, uint256(0)],
            [
                17061719626832259898845741003733890968968767993363194771977168648564009544074,
                4826523245007015323400664741523384119579596407052839571721035538011798951543
            ],
            // G plus the point of order 2
            [p - GX, p - GY],
            // points of order 2ℓ, 4ℓ, 8ℓ
            [
                17144168211057640997801047890285120249789806316947982333196442132844867077799,
                uint256(5)
            ],
            [
                1714952583751879009870524714610588938019844371214699424402524223267791654586,
                uint256(16)
            ],
            [
                13440735511166068438396697412659772351036115246488126040042880773632072039429,
                uint256(9)
            ]
        ];
        for (uint256 i = 0; i < points.length; ++i) {
            (uint256 x, uint256 y) = (points[i][0], points[i][1]);
            assertTrue(EmbeddedCurve.isOnCurve(x, y), "on curve");
            rejectsKey(
                x, y, abi.encodeWithSelector(IAssetRegistry.PointNotInSubgroup.selector, x, y)
            );
        }
    }

    function test_acceptsSubgroup() public pure {
        assertTrue(EmbeddedCurve.isInSubgroup(GX, GY), "G");
        assertTrue(EmbeddedCurve.isInSubgroup(G2X, G2Y), "2G");
        assertTrue(EmbeddedCurve.isInSubgroup(SCALAR_MODULUS - G3X, G3Y), "-3G");
    }

    /// @dev The registry gives the last id, and none after it.
    function test_full() public {
        // Length of the array of assets, in slot 3 of this registry's storage.
        bool found;
        for (uint256 slot = 0; slot < 12 && !found; ++slot) {
            if (uint256(VM.load(address(registry), bytes32(slot))) == 3) {
                VM.store(address(registry), bytes32(slot), bytes32(uint256(65535)));
                found = registry.count() == 65535;
                if (!found) VM.store(address(registry), bytes32(slot), bytes32(uint256(3)));
            }
        }
        assertTrue(found, "length not found");
        assertEq(registry.registerUnaudited(address(new PlainToken(6)), 0), 65535, "last id");
        address token = address(new PlainToken(6));
        VM.expectRevert(IAssetRegistry.RegistryFull.selector);
        registry.registerUnaudited(token, 0);
    }

    function test_gasOfRegister() public {
        uint256 before = gasleft();
        fresh.register(address(usd), GX, GY, 0);
        emit log_named_uint("register, gas", before - gasleft());
    }

    function test_governanceIsPermanent() public {
        VM.expectRevert(Governed.GovernanceIsPermanent.selector);
        fresh.renounceOwnership();
    }
}
