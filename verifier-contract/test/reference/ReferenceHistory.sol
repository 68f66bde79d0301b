// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ReferenceOracle} from "./ReferenceOracle.sol";

/// @dev The recorded prices of one market, written from `IPriceOracle` without regard to cost: it
/// keeps all samples.
contract ReferenceHistory {
    uint256 public immutable maximumMove;
    uint256 public record;
    uint256 private _time;
    uint256 private _sampled;
    /// Recorded prices; 0 before the first.
    uint256[] private _samples;

    constructor(uint256 maximumMove_) {
        maximumMove = maximumMove_;
    }

    /// @dev Takes a snapshot. Returns its prices.
    /// @param spot what the feeds say; 0 if they lack a usable answer
    function next(uint256 time, uint256 spot) external returns (uint256 low, uint256 high) {
        if (spot != 0) {
            record = ReferenceOracle.follow(record, spot, maximumMove, time - _time);
            uint256[5] memory earlier;
            for (uint256 i = 0; i < 5; ++i) {
                if (i < _samples.length) earlier[i] = _samples[_samples.length - 1 - i];
                if (earlier[i] == 0) earlier[i] = record;
            }
            uint256 middle = ReferenceOracle.median(earlier);
            low = record < middle ? record : middle;
            high = record > middle ? record : middle;
        }
        _time = time;
        if (time - _sampled >= 300) {
            _samples.push(record);
            _sampled = time;
        }
    }
}
