// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {SCALAR_MODULUS} from "../../src/Fields.sol";

/// @dev Poseidon, written plainly from the spec without regard to cost. The caller gives the
/// constants.
library ReferencePoseidon {
    struct Parameters {
        uint256[] roundConstants;
        uint256[][] mds;
    }

    function permute(Parameters memory p, uint256[5] memory state) internal pure {
        for (uint256 round = 0; round < 68; ++round) {
            for (uint256 i = 0; i < 5; ++i) {
                state[i] = addmod(state[i], p.roundConstants[5 * round + i], SCALAR_MODULUS);
            }
            bool full = round < 4 || round >= 64;
            for (uint256 i = 0; i < (full ? 5 : 1); ++i) {
                uint256 x = state[i];
                uint256 power = 1;
                for (uint256 k = 0; k < 5; ++k) {
                    power = mulmod(power, x, SCALAR_MODULUS);
                }
                state[i] = power;
            }
            uint256[5] memory mixed;
            for (uint256 i = 0; i < 5; ++i) {
                for (uint256 j = 0; j < 5; ++j) {
                    mixed[i] = addmod(
                        mixed[i], mulmod(p.mds[i][j], state[j], SCALAR_MODULUS), SCALAR_MODULUS
                    );
                }
            }
            for (uint256 i = 0; i < 5; ++i) {
                state[i] = mixed[i];
            }
        }
    }

    function hash(Parameters memory p, uint256 tag, uint256[] memory message)
        internal
        pure
        returns (uint256)
    {
        uint256[5] memory state;
        state[0] = tag + message.length * 2 ** 64;
        for (uint256 i = 0; i < message.length; ++i) {
            uint256 at = 1 + i % 4;
            state[at] = addmod(state[at], message[i], SCALAR_MODULUS);
            if (at == 4 || i + 1 == message.length) permute(p, state);
        }
        return state[1];
    }
}
