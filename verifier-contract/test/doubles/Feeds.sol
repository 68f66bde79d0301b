// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {AggregatorV3Interface} from "../../src/interfaces/AggregatorV3Interface.sol";

/// @dev A feed that returns any bytes, or misbehaves, in either of its functions.
contract FeedDouble {
    enum Manner {
        Return,
        Revert,
        // Uses all the gas that it is given.
        Spin,
        // Returns as many bytes as its gas allows.
        Flood,
        Invalid
    }

    error Refused();

    bytes private _decimals;
    bytes private _round;
    Manner private _onDecimals;
    Manner private _onRound;

    constructor(uint8 decimals) {
        _decimals = abi.encode(decimals);
    }

    function setDecimals(bytes calldata answer) external {
        _decimals = answer;
    }

    function setRound(bytes calldata answer) external {
        _round = answer;
    }

    /// @dev Returns the round in the encoding of an aggregator.
    function setRound(uint256 id, int256 answer, uint256 updatedAt, uint256 answeredIn) external {
        _round = abi.encode(id, answer, updatedAt, updatedAt, answeredIn);
    }

    function setManners(Manner onDecimals, Manner onRound) external {
        (_onDecimals, _onRound) = (onDecimals, onRound);
    }

    fallback(bytes calldata) external returns (bytes memory) {
        bool round = msg.sig == AggregatorV3Interface.latestRoundData.selector;
        Manner manner = round ? _onRound : _onDecimals;
        if (manner == Manner.Revert) revert Refused();
        if (manner == Manner.Spin) {
            for (uint256 i = 0;; ++i) {}
        }
        if (manner == Manner.Flood) {
            assembly ("memory-safe") {
                // Memory costs 3 gas a word and its square over 512: for 4,000 words about two
                // thirds of 100,000.
                return(0, 128000)
            }
        }
        if (manner == Manner.Invalid) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        return round ? _round : _decimals;
    }
}
