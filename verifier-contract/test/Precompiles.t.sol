// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IHalo2Verifier} from "../src/interfaces/IHalo2Verifier.sol";
import {R} from "../src/verifier/Layout.sol";
import {Test, VM} from "./Vm.sol";
import {OpeningHarness} from "./doubles/OpeningHarness.sol";

/// @dev Runs the verifier on chains with faulty precompiled contracts. An address without code
/// answers every call with success and no bytes.
contract PrecompilesTest is Test {
    address private constant MODEXP = address(5);
    address private constant ADD = address(6);
    address private constant MUL = address(7);
    address private constant PAIRING = address(8);

    uint256 private constant XN = 11;
    uint256 private constant MU = 13;
    uint256 private constant ZETA = 17;

    OpeningHarness private harness;

    function setUp() public {
        harness = new OpeningHarness();
    }

    function test_answersAreUsed() public view {
        harness.check(XN, MU, ZETA);
        assertEq(mulmod(harness.invert(7), 7, R), 1, "inverse");
    }

    /// @dev Tries wrong results: no bytes, one byte too few, one word too many.
    function refuses(address precompile, bytes memory input, uint256 expected) private {
        uint256[3] memory lengths = [0, expected - 1, expected + 32];
        for (uint256 i = 0; i < lengths.length; ++i) {
            bytes memory answer = new bytes(lengths[i]);
            // One that reads as a valid pairing, or, for a point, as the identity.
            if (expected == 32 && answer.length > 32) answer[31] = 0x01;
            VM.mockCall(precompile, input, answer);
            VM.expectRevert(IHalo2Verifier.PrecompileFailed.selector);
            harness.check(XN, MU, ZETA);
            VM.clearMockedCalls();
        }
        VM.mockCallRevert(precompile, input, new bytes(expected));
        VM.expectRevert(IHalo2Verifier.PrecompileFailed.selector);
        harness.check(XN, MU, ZETA);
        VM.clearMockedCalls();
        harness.check(XN, MU, ZETA);
    }

    /// @dev Multiplication of the quotient's piece by x^n.
    function test_quotientProduct() public {
        refuses(MUL, abi.encode(1, 2, XN), 64);
    }

    /// @dev Addition of the next piece, the identity, to that product.
    function test_quotientSum() public {
        refuses(ADD, bytes.concat(new bytes(64), multiple(XN)), 64);
    }

    /// @dev Multiplication of the set's second commitment by ζ.
    function test_commitmentProduct() public {
        refuses(MUL, abi.encode(1, 2, ZETA), 64);
    }

    /// @dev Addition of the set's first commitment, whose factor is 1, to the identity.
    function test_commitmentSum() public {
        refuses(ADD, bytes.concat(new bytes(64), abi.encode(1, 2)), 64);
    }

    /// @dev Addition of the set's second commitment to the first.
    function test_secondCommitmentSum() public {
        refuses(ADD, bytes.concat(abi.encode(1, 2), multiple(ZETA)), 64);
    }

    /// @dev Multiplication of h₂ by μ.
    function test_termProduct() public {
        refuses(MUL, abi.encode(1, 2, MU), 64);
    }

    /// @dev Addition of that product to the sum: (1 + ζ)·G so far.
    function test_termSum() public {
        refuses(ADD, bytes.concat(multiple(1 + ZETA), multiple(MU)), 64);
    }

    function test_pairing() public {
        refuses(PAIRING, "", 32);
    }

    function test_inversion() public {
        uint256[3] memory lengths = [uint256(0), 31, 64];
        for (uint256 i = 0; i < lengths.length; ++i) {
            bytes memory answer = new bytes(lengths[i]);
            for (uint256 k = 0; k < answer.length; ++k) {
                answer[k] = 0x01;
            }
            VM.mockCall(MODEXP, "", answer);
            VM.expectRevert(IHalo2Verifier.PrecompileFailed.selector);
            harness.invert(7);
            VM.clearMockedCalls();
        }
        VM.mockCallRevert(MODEXP, "", abi.encode(1));
        VM.expectRevert(IHalo2Verifier.PrecompileFailed.selector);
        harness.invert(7);
        VM.clearMockedCalls();
        // Zero has no inverse.
        VM.expectRevert(IHalo2Verifier.DegenerateChallenge.selector);
        harness.invert(0);
    }

    /// @dev Returns scalar·G in the encoding of the precompiled contract.
    function multiple(uint256 scalar) private view returns (bytes memory point) {
        bool done;
        (done, point) = MUL.staticcall(abi.encode(1, 2, scalar));
        assertTrue(done && point.length == 64, "multiple");
    }
}
