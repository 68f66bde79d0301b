// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Poseidon} from "../src/Poseidon.sol";
import {BatchHeader, Withdrawal} from "../src/interfaces/IRollup.sol";
import {Test, VM} from "./Vm.sol";
import {BatchDataHarness} from "./doubles/BatchDataHarness.sol";

/// @dev Checks the protocol's vectors of a batch: words, commitments, challenge and evaluation as
/// the prover computes them.
contract BatchVectorsTest is Test {
    string private vectors;
    Poseidon private poseidon;
    uint256[] private words;

    function setUp() public {
        poseidon = new Poseidon();
        vectors = VM.readFile("../protocol/vectors/batch.json");
        words = VM.parseJsonUintArray(vectors, ".words");
    }

    function number(string memory key) private view returns (uint256) {
        return VM.parseJsonUint(vectors, key);
    }

    function header() private view returns (BatchHeader memory h) {
        h.batchIndex = uint64(number(".header.batchIndex"));
        h.time = uint40(number(".header.time"));
        h.transactions = uint16(number(".header.transactions"));
        h.deposits = uint16(number(".header.deposits"));
        h.feeAsset = uint16(number(".header.feeAsset"));
        h.feeRecipient = VM.parseJsonAddress(vectors, ".header.feeRecipient");
        h.feeTotal = uint128(number(".header.feeTotal"));
        h.firstDeposit = uint64(number(".header.firstDeposit"));
        h.start = uint64(number(".header.start"));
        h.assetsRoot = number(".header.assetsRoot");
        h.oracle = number(".header.oracle");
    }

    /// @dev Parses withdrawals of 39 bytes each: slot, asset, recipient, amount.
    function withdrawals() private view returns (Withdrawal[] memory list) {
        bytes memory data = VM.parseJsonBytes(vectors, ".withdrawalData");
        assertEq(data.length % 39, 0, "withdrawal data");
        list = new Withdrawal[](data.length / 39);
        for (uint256 i = 0; i < list.length; ++i) {
            uint256 value;
            assembly ("memory-safe") {
                value := mload(add(add(data, 32), mul(39, i)))
            }
            uint256 low;
            for (uint256 k = 23; k < 39; ++k) {
                low = low * 256 + uint8(data[39 * i + k]);
            }
            list[i] = Withdrawal(
                uint8(value >> 248),
                uint16(value >> 232),
                address(uint160(value >> 72)),
                uint128(low)
            );
        }
    }

    function deposits() private view returns (uint256[] memory list) {
        uint256 count = number(".header.deposits");
        list = new uint256[](2 * count);
        for (uint256 i = 0; i < count; ++i) {
            string memory at = string.concat(".deposits[", VM.toString(i), "]");
            list[2 * i] = number(string.concat(at, ".packed"));
            list[2 * i + 1] = number(string.concat(at, ".inner"));
            // Commitment that the batch circuit computes for a deposit.
            uint256[] memory m = new uint256[](2);
            (m[0], m[1]) = (list[2 * i], list[2 * i + 1]);
            assertEq(
                poseidon.hash(4, m),
                number(string.concat(at, ".commitment")),
                "deposit's commitment"
            );
        }
    }

    function test_wordsAndEvaluation() public {
        BatchDataHarness harness = new BatchDataHarness();
        (uint256[] memory got, uint256 z, uint256 y) = harness.evaluate(
            number(".header.context"),
            number(".slots"),
            header(),
            deposits(),
            VM.parseJsonBytes(vectors, ".transactionData"),
            withdrawals(),
            number(".c")
        );
        assertEq(got.length, words.length, "length");
        for (uint256 i = 0; i < got.length; ++i) {
            assertEq(got[i], words[i], VM.toString(i));
        }
        assertEq(z, number(".z"), "z");
        assertEq(y, number(".y"), "y");
    }

    function test_commitments() public view {
        assertEq(poseidon.hash(14, words), number(".c"), "data");
        assertEq(
            poseidon.hash(13, VM.parseJsonUintArray(vectors, ".oldStateWords")),
            number(".oldState"),
            "old state"
        );
        assertEq(
            poseidon.hash(13, VM.parseJsonUintArray(vectors, ".newStateWords")),
            number(".newState"),
            "new state"
        );
        uint256[] memory m = new uint256[](3);
        m[0] = number(".chainId");
        m[1] = uint160(VM.parseJsonAddress(vectors, ".rollup"));
        m[2] = 2;
        assertEq(poseidon.hash(12, m), number(".header.context"), "context");
    }
}
