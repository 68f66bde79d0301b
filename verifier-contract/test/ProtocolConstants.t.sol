// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {EmbeddedCurve} from "../src/EmbeddedCurve.sol";
import {SCALAR_MODULUS, isCanonical} from "../src/Fields.sol";
import {Fixture} from "./Fixture.sol";
import {VM} from "./Vm.sol";

/// @dev The deployed contracts hold the constants of the protocol's vectors, whoever deploys them.
contract ProtocolConstantsTest is Fixture {
    function setUp() public {
        deploy();
    }

    function test_genesisState() public view {
        uint256 expected =
            VM.parseJsonUint(VM.readFile("../protocol/vectors/batch.json"), ".genesisState");
        assertTrue(isCanonical(expected), "canonical");
        assertEq(rollup.state(), expected, "genesis state");
    }

    /// @dev The vector is the encoding of the point: y, with the parity of x in the top bit. Two
    /// points of the curve have this y; the parity selects one.
    function test_unauditedPoint() public view {
        bytes memory encoding =
            VM.parseJsonBytes(VM.readFile("../protocol/vectors/keys.json"), ".unaudited");
        assertEq(encoding.length, 32, "length");
        uint256 word = uint256(bytes32(encoding));
        (uint256 x, uint256 y) = registry.unaudited();
        assertEq(y, word & (type(uint256).max >> 1), "y");
        assertEq(x & 1, word >> 255, "parity of x");
        assertTrue(isCanonical(x) && EmbeddedCurve.isOnCurve(x, y), "on the curve");
        EmbeddedCurve.requireKey(x, y);
        assertTrue(x != SCALAR_MODULUS - x, "one x of each parity");
        // An asset registered without an auditor carries the same point.
        assertEq(registry.assetOf(COIN).auditorX, x, "leaf's x");
        assertEq(registry.assetOf(COIN).auditorY, y, "leaf's y");
    }
}
