// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IHalo2Verifier} from "../interfaces/IHalo2Verifier.sol";
import "./Layout.sol";

/// @title Reader of key and proof, and the Keccak transcript
library ProofReader {
    /// @notice Lays key, instances and proof out in memory, checks that every encoding is
    /// canonical, and draws the challenges. The first challenge is the column challenge, the last
    /// instance.
    function read(
        bytes32 gates,
        address vkData,
        uint256[5] calldata instances,
        bytes calldata proof
    ) internal view returns (Verification memory v) {
        unchecked {
            uint256 key = loadKey(gates, vkData);
            uint256 expected = load(key + KEY_PROOF_LENGTH);
            if (proof.length != expected) {
                revert IHalo2Verifier.InvalidProofLength(proof.length, expected);
            }

            uint256 head = key + load(key + KEY_LENGTH);
            store(head + 32, COLUMN_CHALLENGE_DOMAIN);
            store(head + 64, load(key + KEY_REPRESENTATION));
            for (uint256 i; i < CALLER_INSTANCES; ++i) {
                uint256 instance = instances[i];
                if (instance >= R) revert IHalo2Verifier.InvalidInstance(i);
                store(head + 96 + 32 * i, instance);
            }
            uint256 start = head + HEAD_SIZE;
            assembly ("memory-safe") {
                calldatacopy(start, proof.offset, proof.length)
            }

            uint256 evaluations = key + load(key + KEY_AT_X);
            uint256 opening = key + load(key + KEY_AT_OPENING);
            checkPoints(start, start, evaluations);
            checkScalars(start, evaluations, opening);
            checkPoints(start, opening, opening + 128);
            insertColumnChallenge(head, load(key + KEY_COMMITTED));

            v.key = key;
            v.work = key + load(key + KEY_AT_WORK);
            v.distances = v.work + WORK_LOOKUPS + 64 * load(key + KEY_LOOKUPS);
            v.scratch = v.distances + 64 * load(key + KEY_ROTATIONS);
            drawChallenges(v, head, evaluations, opening);
        }
    }

    /// @dev Copies the key behind the free memory pointer and allocates the memory of the
    /// verification.
    function loadKey(bytes32 gates, address vkData) private view returns (uint256 key) {
        unchecked {
            uint256 size = vkData.code.length;
            if (size <= KEY_HEADER_SIZE) revert IHalo2Verifier.InvalidKey();
            assembly ("memory-safe") {
                key := mload(0x40)
                // The code's first byte is STOP: a call of the key does nothing.
                size := sub(size, 1)
                extcodecopy(vkData, key, 1, size)
            }
            if (
                load(key) != KEY_MAGIC || load(key + KEY_MODULUS) != R
                    || load(key + KEY_GATES) != uint256(gates) || load(key + KEY_LENGTH) != size
            ) revert IHalo2Verifier.InvalidKey();
            uint256 end = key + load(key + KEY_AT_WORK) + load(key + KEY_WORK_SIZE);
            assembly ("memory-safe") {
                mstore(0x40, end)
            }
        }
    }

    /// @dev Reverts unless each 64 bytes in [from, to) are a point on the curve in canonical
    /// coordinates. The identity has no such encoding.
    function checkPoints(uint256 start, uint256 from, uint256 to) private pure {
        uint256 p = from;
        assembly ("memory-safe") {
            for {} lt(p, to) { p := add(p, 0x40) } {
                let px := mload(p)
                let py := mload(add(p, 0x20))
                let right := addmod(mulmod(mulmod(px, px, Q), px, Q), 3, Q)
                let canonical := and(lt(px, Q), lt(py, Q))
                if iszero(and(canonical, eq(mulmod(py, py, Q), right))) { break }
            }
        }
        if (p < to) revert IHalo2Verifier.InvalidPoint(p - start);
    }

    /// @dev Reverts unless each word in [from, to) is below r.
    function checkScalars(uint256 start, uint256 from, uint256 to) private pure {
        uint256 p = from;
        assembly ("memory-safe") {
            for {} lt(p, to) { p := add(p, 0x20) } {
                if iszero(lt(mload(p), R)) { break }
            }
        }
        if (p < to) revert IHalo2Verifier.InvalidScalar(p - start);
    }

    /// @dev Hashes the domain word, the representation, the caller's instances and the first
    /// `committed` points of the proof, which follow the head's first word in this order. The
    /// representation and the instances then move one word down, over the domain, and the hash mod
    /// r follows them.
    function insertColumnChallenge(uint256 head, uint256 committed) private pure {
        unchecked {
            uint256 last = HEAD_SIZE - 32;
            uint256 hash;
            assembly ("memory-safe") {
                hash := keccak256(add(head, 0x20), add(last, mul(committed, 0x40)))
            }
            copy(head + 32, head + 64, last - 32);
            store(head + last, hash % R);
        }
    }

    function drawChallenges(
        Verification memory v,
        uint256 head,
        uint256 evaluations,
        uint256 opening
    ) private pure {
        unchecked {
            uint256 key = v.key;
            uint256 r = load(key + KEY_MODULUS);
            uint256 state = TRANSCRIPT_DOMAIN;
            uint256 from = head + 32;
            uint256 to = key + load(key + KEY_AT_THETA);
            state = squeeze(state, from, to);
            v.theta = addMod(state, 0, r);

            from = to;
            to = key + load(key + KEY_AT_BETA);
            state = squeeze(state, from, to);
            v.beta = addMod(state, 0, r);
            state = squeeze(state, to, to);
            v.gamma = addMod(state, 0, r);

            from = to;
            to = key + load(key + KEY_AT_Y);
            state = squeeze(state, from, to);
            v.y = addMod(state, 0, r);

            state = squeeze(state, to, evaluations);
            v.x = addMod(state, 0, r);

            state = squeeze(state, evaluations, opening);
            v.zeta = addMod(state, 0, r);
            state = squeeze(state, opening, opening);
            v.nu = addMod(state, 0, r);

            state = squeeze(state, opening, opening + 64);
            v.mu = addMod(state, 0, r);
        }
    }

    /// @dev Returns keccak256(state ‖ memory[from, to)). If the range is empty, a byte 1 stands for
    /// it: two challenges in a row must differ.
    function squeeze(uint256 state, uint256 from, uint256 to) private pure returns (uint256 next) {
        assembly ("memory-safe") {
            switch eq(from, to)
            case 1 {
                mstore(0x00, state)
                mstore8(0x20, 1)
                next := keccak256(0x00, 0x21)
            }
            default {
                // The state replaces the previous word, which was absorbed already and is restored
                // afterwards.
                let place := sub(from, 0x20)
                let kept := mload(place)
                mstore(place, state)
                next := keccak256(place, sub(to, place))
                mstore(place, kept)
            }
        }
    }
}
