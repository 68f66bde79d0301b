// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {SCALAR_MODULUS} from "../../src/Fields.sol";
import {QueuedDeposit} from "../../src/interfaces/IDepositQueue.sol";
import {BatchHeader, Withdrawal} from "../../src/interfaces/IRollup.sol";

/// @dev A batch as a test builds it.
struct Batch {
    BatchHeader header;
    /// 71 bytes for each consumed deposit
    bytes depositsData;
    /// nf×3 for each active slot
    uint192[3][] nullifiers;
    /// cm×3, E.y, A₀, O₀, A₁, O₁, A₂ for each active slot
    uint256[9][] slotWords;
    /// 71 bytes for each active slot
    bytes[] noteData;
    Withdrawal[] withdrawals;
    bytes proof;
    uint256 newState;
    uint256 dataCommitment;
}

/// @dev The word vector and its evaluation, written from the spec (*Batch*) without regard to cost.
/// Shares only the types of its arguments with the contract.
library ReferenceBatch {
    function slotsData(Batch memory b) internal pure returns (bytes memory data) {
        for (uint256 s = 0; s < b.slotWords.length; ++s) {
            uint192[3] memory nf = b.nullifiers[s];
            data = bytes.concat(
                data,
                abi.encodePacked(nf[0], nf[1], nf[2]),
                abi.encodePacked(b.slotWords[s]),
                b.noteData[s]
            );
        }
    }

    function withdrawalsData(Batch memory b) internal pure returns (bytes memory data) {
        for (uint256 i = 0; i < b.withdrawals.length; ++i) {
            Withdrawal memory x = b.withdrawals[i];
            data = bytes.concat(data, abi.encodePacked(x.slot, x.asset, x.recipient, x.amount));
        }
    }

    /// @dev One deposit of the data: depositor 20, asset 2, value 16, inner 32, taken back 1.
    function depositData(QueuedDeposit memory deposit, bool isTakenBack)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            deposit.depositor, deposit.asset, deposit.value, deposit.inner, isTakenBack
        );
    }

    /// @dev The words of the deposits: asset and value are packed with class 0, and a deposit that
    /// is taken back has none.
    function depositWords(bytes memory data) internal pure returns (uint256[] memory w) {
        w = new uint256[](2 * (data.length / 71));
        for (uint256 i = 0; i < data.length / 71; ++i) {
            if (data[71 * i + 70] != 0) continue;
            uint256 at = 71 * i;
            w[2 * i] = number(data, at + 20, 2) * 2 ** 8 + number(data, at + 22, 16) * 2 ** 24;
            w[2 * i + 1] = number(data, at + 38, 32);
        }
    }

    /// @dev Reads a big-endian number of `size` bytes.
    function number(bytes memory data, uint256 at, uint256 size)
        private
        pure
        returns (uint256 value)
    {
        for (uint256 k = 0; k < size; ++k) {
            value = value * 256 + uint8(data[at + k]);
        }
    }

    function words(Batch memory b, uint256 context, uint256 slots)
        internal
        pure
        returns (uint256[] memory w)
    {
        uint256[] memory deposits = depositWords(b.depositsData);
        BatchHeader memory h = b.header;
        w = new uint256[](8 + 2 * slots + 17 * slots);
        w[0] = context;
        w[1] = h.assetsRoot;
        w[2] = uint256(h.time) + uint256(h.transactions) * 2 ** 40 + uint256(h.deposits) * 2 ** 56
            + uint256(h.feeAsset) * 2 ** 72 + uint256(uint160(h.feeRecipient)) * 2 ** 88;
        w[3] = h.feeTotal;
        w[4] = h.firstDeposit;
        w[5] = h.oracle;
        w[6] = h.batchIndex;
        w[7] = h.start;
        for (uint256 i = 0; i < deposits.length; ++i) {
            w[8 + i] = deposits[i];
        }
        for (uint256 s = 0; s < b.slotWords.length; ++s) {
            uint256 at = 8 + 2 * slots + 17 * s;
            for (uint256 i = 0; i < 3; ++i) {
                w[at + 2 + i] = b.nullifiers[s][i];
            }
            for (uint256 i = 0; i < 9; ++i) {
                w[at + 5 + i] = b.slotWords[s][i];
            }
            w[at + 14] = number(b.noteData[s], 0, 31);
            w[at + 15] = number(b.noteData[s], 31, 31);
            w[at + 16] = number(b.noteData[s], 62, 9);
        }
        for (uint256 i = 0; i < b.withdrawals.length; ++i) {
            Withdrawal memory x = b.withdrawals[i];
            uint256 at = 8 + 2 * slots + 17 * uint256(x.slot);
            w[at] = uint256(x.asset) + uint256(uint160(x.recipient)) * 2 ** 16;
            w[at + 1] = x.amount;
        }
    }

    function evaluate(uint256[] memory w, uint256 c) internal pure returns (uint256 z, uint256 y) {
        z = uint256(keccak256(bytes.concat(bytes32(c), keccak256(abi.encodePacked(w)))))
            % SCALAR_MODULUS;
        uint256 power = 1;
        for (uint256 i = 0; i < w.length; ++i) {
            y = addmod(y, mulmod(w[i], power, SCALAR_MODULUS), SCALAR_MODULUS);
            power = mulmod(power, z, SCALAR_MODULUS);
        }
    }
}
