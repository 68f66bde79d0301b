// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {SCALAR_MODULUS} from "../src/Fields.sol";
import {Poseidon} from "../src/Poseidon.sol";
import {IPoseidon} from "../src/interfaces/IPoseidon.sol";
import {Test, VM} from "./Vm.sol";
import {ReferencePoseidon} from "./reference/ReferencePoseidon.sol";

contract PoseidonTest is Test {
    Poseidon private poseidon;
    ReferencePoseidon.Parameters private parameters;
    string private vectors;

    function setUp() public {
        poseidon = new Poseidon();
        vectors = VM.readFile("../protocol/vectors/poseidon.json");
        parameters.roundConstants = VM.parseJsonUintArray(vectors, ".round_constants");
        for (uint256 i = 0; i < 5; ++i) {
            parameters.mds
                .push(VM.parseJsonUintArray(vectors, string.concat(".mds[", VM.toString(i), "]")));
        }
    }

    /// @dev The data contract holds exactly the published constants.
    function test_roundConstants() public view {
        bytes memory code = poseidon.constants().code;
        assertEq(code.length, 1 + 340 * 32, "size");
        assertEq(uint8(code[0]), 0, "first byte");
        for (uint256 i = 0; i < 340; ++i) {
            uint256 value;
            assembly ("memory-safe") {
                value := mload(add(add(code, 33), mul(32, i)))
            }
            assertEq(value, parameters.roundConstants[i], "constant");
        }
    }

    /// @dev The reference in this folder agrees with independent vectors. The next test compares
    /// the contract with the reference.
    function test_referencePermutations() public view {
        ReferencePoseidon.Parameters memory p = parameters;
        for (uint256 k = 0;; ++k) {
            string memory at = string.concat(".permutations[", VM.toString(k), "]");
            if (!VM.keyExistsJson(vectors, at)) {
                assertTrue(k > 0, "no vectors");
                break;
            }
            uint256[] memory input = VM.parseJsonUintArray(vectors, string.concat(at, ".input"));
            uint256[] memory output = VM.parseJsonUintArray(vectors, string.concat(at, ".output"));
            uint256[5] memory state;
            for (uint256 i = 0; i < 5; ++i) {
                state[i] = input[i];
            }
            ReferencePoseidon.permute(p, state);
            for (uint256 i = 0; i < 5; ++i) {
                assertEq(state[i], output[i], at);
            }
        }
    }

    /// @dev Values of H, computed with circomlibjs's reference permutation.
    function test_hashVectors() public view {
        uint256[] memory m = new uint256[](4);
        for (uint256 i = 0; i < 4; ++i) {
            m[i] = i + 1;
        }
        assertEq(
            poseidon.hash(1, m),
            6237608919417668888068411046815783952379609299431485311126409658440900272087,
            "four"
        );
        m = new uint256[](1);
        m[0] = 5;
        assertEq(
            poseidon.hash(7, m),
            3257860815777508908189207490398516539653643517023742779490230752714538560618,
            "one"
        );
        m = new uint256[](9);
        for (uint256 i = 0; i < 9; ++i) {
            m[i] = i + 1;
        }
        assertEq(
            poseidon.hash(14, m),
            15319466749824030211713837137374096429908386137094641603697156995769078718782,
            "nine"
        );
        m = new uint256[](2);
        m[0] = SCALAR_MODULUS - 1;
        m[1] = SCALAR_MODULUS - 2;
        assertEq(
            poseidon.hash(4, m),
            8421743722502246703720839036978016934052569640399378861390731080099520150591,
            "large"
        );
    }

    function testFuzz_equalsReference(uint64 tag, uint256[] calldata seed) public view {
        uint256 length = seed.length % 12 + 1;
        uint256[] memory m = new uint256[](length);
        for (uint256 i = 0; i < length; ++i) {
            // Small, large and arbitrary elements.
            uint256 value = i < seed.length ? seed[i] : uint256(keccak256(abi.encode(tag, i)));
            m[i] = i % 5 == 3 ? SCALAR_MODULUS - 1 - value % 3 : value % SCALAR_MODULUS;
        }
        ReferencePoseidon.Parameters memory p = parameters;
        assertEq(poseidon.hash(tag, m), ReferencePoseidon.hash(p, tag, m), "hash");
    }

    /// @dev The length is part of the hash: padding gives no second preimage.
    function test_paddingIsNotAmbiguous() public view {
        uint256[] memory short = new uint256[](3);
        uint256[] memory long = new uint256[](4);
        assertTrue(poseidon.hash(1, short) != poseidon.hash(1, long), "padding");
    }

    function test_rejectsEmptyMessage() public {
        VM.expectRevert(IPoseidon.EmptyMessage.selector);
        poseidon.hash(1, new uint256[](0));
    }

    function test_rejectsLargeTag() public {
        VM.expectRevert(abi.encodeWithSelector(IPoseidon.TagTooLarge.selector, 1 << 64));
        poseidon.hash(1 << 64, new uint256[](1));
    }

    function test_rejectsElementNotBelowModulus() public {
        uint256[] memory m = new uint256[](6);
        m[5] = SCALAR_MODULUS;
        VM.expectRevert(abi.encodeWithSelector(IPoseidon.NotCanonical.selector, 5));
        poseidon.hash(1, m);
    }

    function test_gasOfOnePermutation() public {
        uint256[] memory m = new uint256[](4);
        uint256 before = gasleft();
        poseidon.hash(1, m);
        uint256 one = before - gasleft();
        m = new uint256[](40);
        before = gasleft();
        poseidon.hash(1, m);
        uint256 ten = before - gasleft();
        emit log_named_uint("hash of four elements, gas", one);
        emit log_named_uint("one more permutation, gas", (ten - one) / 9);
        assertTrue((ten - one) / 9 <= 60000, "permutation costs more than 60,000 gas");
    }
}
