// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {BatchData} from "../../src/BatchData.sol";
import {BatchHeader, Withdrawal} from "../../src/interfaces/IRollup.sol";

/// @dev Exposes the library to a test that has no rollup at the vectors' address.
contract BatchDataHarness {
    function evaluate(
        uint256 context,
        uint256 slots,
        BatchHeader calldata header,
        uint256[] memory deposits,
        bytes calldata slotsData,
        Withdrawal[] calldata withdrawals,
        uint256 dataCommitment
    ) external pure returns (uint256[] memory words, uint256 z, uint256 y) {
        words = BatchData.layOut(context, slots, header, deposits, slotsData, withdrawals);
        (, z, y) = BatchData.evaluate(words, dataCommitment);
    }

    function evaluateWords(uint256[] memory words, uint256 dataCommitment)
        external
        pure
        returns (uint256 z, uint256 y)
    {
        (, z, y) = BatchData.evaluate(words, dataCommitment);
    }
}
