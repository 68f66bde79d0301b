// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ReferenceOracle} from "./ReferenceOracle.sol";

/// @dev The samples of one market, written from `IPriceOracle` without regard to cost: it keeps all
/// of them.
contract ReferenceHistory {
    uint256 public immutable maximumMove;
    uint256 private _sampled;
    uint256 private _first;
    /// Samples; 0 where one was due and there was no price.
    uint256[] private _samples;

    constructor(uint256 maximumMove_) {
        maximumMove = maximumMove_;
    }

    /// @dev Takes a snapshot. Returns its prices.
    /// @param spot what the feeds say; 0 if they lack a usable answer
    function next(uint256 time, uint256 spot) external returns (uint256 low, uint256 high) {
        if (_first == 0) _first = spot;
        uint256[5] memory list = _five();
        uint256 middle = ReferenceOracle.median(list);
        if (spot != 0) (low, high) = spot < middle ? (spot, middle) : (middle, spot);
        uint256 elapsed = time - _sampled;
        if (elapsed < 300) return (low, high);
        uint256 sample = 0;
        if (spot != 0) {
            uint256 last = list[(_samples.length + 4) % 5];
            sample = ReferenceOracle.follow(
                last, spot, maximumMove, elapsed < 15 minutes ? elapsed : 15 minutes
            );
            // As far as the reference, if that is farther.
            if (spot < last && middle < sample) sample = spot > middle ? spot : middle;
            if (spot > last && middle > sample) sample = spot < middle ? spot : middle;
        }
        _samples.push(sample);
        _sampled = time;
    }

    /// @dev Returns the samples that count: at each of five places in turn the newest price, or
    /// the first one.
    function _five() private view returns (uint256[5] memory list) {
        for (uint256 i = 0; i < 5; ++i) {
            list[i] = _first;
        }
        for (uint256 i = 0; i < _samples.length; ++i) {
            if (_samples[i] != 0) list[i % 5] = _samples[i];
        }
    }
}
