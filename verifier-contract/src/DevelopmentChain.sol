// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @title Development chains
/// @notice Chain ids under which unsafe keys, free tokens and a governance without delay are
/// allowed.
library DevelopmentChain {
    /// @notice Whether this is a development chain: id 31337 or 1337.
    function here() internal view returns (bool) {
        return block.chainid == 31337 || block.chainid == 1337;
    }
}
