// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {SCALAR_MODULUS, isCanonical} from "./Fields.sol";
import "./generated/Layouts.sol";
import {BatchHeader, IRollup, Withdrawal} from "./interfaces/IRollup.sol";

/// @title Batch data
/// @notice Rebuilds the word vector of a batch from calldata and the deposit queue, and evaluates
/// it at the challenge (spec: *Batch*). Word order: 8 header words; 2 words for each deposit slot;
/// 17 words for each transaction slot.
library BatchData {
    /// @notice Returns the number of words of a batch with `slots` slots.
    function wordCount(uint256 slots) internal pure returns (uint256) {
        return BATCH_HEADER_WORDS + (BATCH_DEPOSIT_WORDS + SLOT_WORDS) * slots;
    }

    /// @notice Reads the withdrawals of a batch.
    /// @param data `WITHDRAWAL_BYTES` for each, big-endian, without gaps or a remainder
    function readWithdrawals(bytes calldata data)
        internal
        pure
        returns (Withdrawal[] memory withdrawals)
    {
        uint256 count = data.length / WITHDRAWAL_BYTES;
        if (data.length != count * WITHDRAWAL_BYTES) {
            revert IRollup.WrongDataLength(data.length, count * WITHDRAWAL_BYTES);
        }
        withdrawals = new Withdrawal[](count);
        for (uint256 i = 0; i < count; ++i) {
            bytes calldata item = data[i * WITHDRAWAL_BYTES:(i + 1) * WITHDRAWAL_BYTES];
            withdrawals[i] = Withdrawal({
                slot: uint8(item[WITHDRAWAL_SLOT_AT]),
                asset: uint16(bytes2(item[WITHDRAWAL_ASSET_AT:WITHDRAWAL_RECIPIENT_AT])),
                recipient: address(bytes20(item[WITHDRAWAL_RECIPIENT_AT:WITHDRAWAL_AMOUNT_AT])),
                amount: uint128(bytes16(item[WITHDRAWAL_AMOUNT_AT:WITHDRAWAL_BYTES]))
            });
        }
    }

    /// @notice Lays the words out in memory. Unused words are zero.
    /// @param context the rollup's context word
    /// @param slots number of slots of the shape
    /// @param header the batch's header; its counts are at most `slots`
    /// @param deposits two words for each consumed deposit
    /// @param slotsData exactly `TRANSACTION_BYTES` for each active slot
    /// @param withdrawals withdrawals in strictly rising order of active slots
    function layOut(
        uint256 context,
        uint256 slots,
        BatchHeader calldata header,
        uint256[] memory deposits,
        bytes calldata slotsData,
        Withdrawal[] memory withdrawals
    ) internal pure returns (uint256[] memory words) {
        // Solidity zeroes new arrays.
        words = new uint256[](wordCount(slots));
        words[BATCH_CONTEXT] = context;
        words[BATCH_ASSETS_ROOT] = header.assetsRoot;
        words[BATCH_INFO] = uint256(header.time)
            | (uint256(header.transactions) << INFO_TRANSACTIONS_AT)
            | (uint256(header.deposits) << INFO_DEPOSITS_AT)
            | (uint256(header.feeAsset) << INFO_FEE_ASSET_AT)
            | (uint256(uint160(header.feeRecipient)) << INFO_FEE_RECIPIENT_AT);
        words[BATCH_FEE_TOTAL] = header.feeTotal;
        words[BATCH_FIRST_DEPOSIT] = header.firstDeposit;
        words[BATCH_ORACLE] = header.oracle;
        words[BATCH_INDEX] = header.batchIndex;
        words[BATCH_START] = header.start;
        for (uint256 i = 0; i < deposits.length; ++i) {
            words[BATCH_HEADER_WORDS + i] = deposits[i];
        }
        uint256 firstSlot = BATCH_HEADER_WORDS + BATCH_DEPOSIT_WORDS * slots;
        _copySlots(words, firstSlot, slotsData);
        _placeWithdrawals(words, firstSlot, header.transactions, withdrawals);
    }

    /// @notice Computes the challenge z = keccak256(c ‖ keccak256(words)) mod r, and y = Σ wᵢ·zⁱ.
    /// @dev Reverts with `WordNotCanonical` if a word is not below r. The number of words must be a
    /// multiple of four, or the loop reads below the array. It is for every shape: 8 + 19·N, where
    /// the number of slots N is a multiple of four. It is a multiple of eight only if N is, and a
    /// shape has four slots. Steps of eight or twelve words also cost more gas than steps of four,
    /// as the compiler arranges them.
    function evaluate(uint256[] memory words, uint256 dataCommitment)
        internal
        pure
        returns (bytes32 wordsHash, uint256 z, uint256 y)
    {
        bool over;
        assembly ("memory-safe") {
            let begin := add(words, 32)
            let size := mul(mload(words), 32)
            wordsHash := keccak256(begin, size)
            mstore(0, dataCommitment)
            mstore(32, wordsHash)
            let modulus := SCALAR_MODULUS
            let largest := sub(modulus, 1)
            z := mod(keccak256(0, 64), modulus)
            // Horner's scheme from the last word to the first, four words a step. Only the last sum
            // is reduced: a sum of two values below r is below 2^256, and `mulmod` takes it. A word
            // that is not below r may overflow a sum, but `over` then refuses the words.
            let word
            for { let at := add(begin, size) } gt(at, begin) {} {
                at := sub(at, 128)
                word := mload(add(at, 96))
                over := or(gt(word, largest), over)
                y := add(word, mulmod(z, y, modulus))
                word := mload(add(at, 64))
                over := or(gt(word, largest), over)
                y := add(word, mulmod(z, y, modulus))
                word := mload(add(at, 32))
                over := or(gt(word, largest), over)
                y := add(word, mulmod(z, y, modulus))
                word := mload(at)
                over := or(gt(word, largest), over)
                y := add(word, mulmod(z, y, modulus))
            }
            y := mod(y, modulus)
        }
        if (over) _revertNotCanonical(words);
    }

    /// @dev Reverts with the index of the first word that is not below r.
    function _revertNotCanonical(uint256[] memory words) private pure {
        uint256 index = 0;
        while (isCanonical(words[index])) ++index;
        revert IRollup.WordNotCanonical(index);
    }

    /// @dev Copies the calldata of each active slot to its words 2 … 16. Words 0 and 1 belong to
    /// the withdrawal.
    function _copySlots(uint256[] memory words, uint256 firstSlot, bytes calldata slotsData)
        private
        pure
    {
        assembly ("memory-safe") {
            let to := add(words, mul(add(firstSlot, 1), 32))
            let end := add(slotsData.offset, slotsData.length)
            for { let from := slotsData.offset } lt(from, end) {} {
                // A load reads 32 bytes, and the shift drops the bytes behind the field. So a
                // nullifier is below 2^192, and bytes behind the data enter no word.
                let at := add(to, mul(32, SLOT_NULLIFIERS))
                mstore(at, shr(64, calldataload(from)))
                mstore(add(at, 32), shr(64, calldataload(add(from, NULLIFIER_BYTES))))
                mstore(add(at, 64), shr(64, calldataload(add(from, mul(2, NULLIFIER_BYTES)))))
                // cm×3, E.y, audit×5: 9 words
                calldatacopy(
                    add(to, mul(32, SLOT_COMMITMENTS)),
                    add(from, TRANSACTION_WORDS_AT),
                    TRANSACTION_WORDS_BYTES
                )
                // 71 bytes of note data in pieces of 31, 31 and 9.
                let data := add(from, TRANSACTION_NOTE_DATA_AT)
                at := add(to, mul(32, SLOT_NOTE_DATA))
                mstore(at, shr(8, calldataload(data)))
                mstore(add(at, 32), shr(8, calldataload(add(data, NOTE_DATA_WORD_BYTES))))
                mstore(
                    add(at, 64),
                    shr(184, calldataload(add(data, mul(2, NOTE_DATA_WORD_BYTES))))
                )
                to := add(to, mul(32, SLOT_WORDS))
                from := add(from, TRANSACTION_BYTES)
            }
        }
    }

    /// @dev Writes target and amount of each withdrawal into its slot.
    function _placeWithdrawals(
        uint256[] memory words,
        uint256 firstSlot,
        uint256 transactions,
        Withdrawal[] memory withdrawals
    ) private pure {
        uint256 next = 0;
        for (uint256 i = 0; i < withdrawals.length; ++i) {
            Withdrawal memory withdrawal = withdrawals[i];
            uint256 slot = withdrawal.slot;
            if (slot < next || slot >= transactions) revert IRollup.WithdrawalOutOfOrder(slot);
            if (withdrawal.amount == 0 || withdrawal.recipient == address(0)) {
                revert IRollup.EmptyWithdrawal(slot);
            }
            next = slot + 1;
            uint256 at = firstSlot + SLOT_WORDS * slot;
            // SLOT_TARGET is 0. A sum with it would compile to other bytecode.
            words[at] = uint256(withdrawal.asset)
                | (uint256(uint160(withdrawal.recipient)) << TARGET_RECIPIENT_AT);
            words[at + SLOT_AMOUNT] = withdrawal.amount;
        }
    }
}
