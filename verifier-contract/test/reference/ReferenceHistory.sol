// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ReferenceOracle} from "./ReferenceOracle.sol";

/// @dev The samples of one market, written from `IPriceOracle` without regard to cost: it keeps all
/// of them.
contract ReferenceHistory {
    uint256 public immutable maximumMove;
    uint256 private _sampled;
    uint256 private _first;
    /// Samples. Without a price none is taken.
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
        _sampled = time;
        if (spot == 0) return (low, high);
        uint256 last = list[(_samples.length + 4) % 5];
        uint256 sample = ReferenceOracle.follow(
            last, spot, maximumMove, elapsed < 15 minutes ? elapsed : 15 minutes
        );
        // As far as the reference, if that is farther.
        if (spot < last && middle < sample) sample = spot > middle ? spot : middle;
        if (spot > last && middle > sample) sample = spot < middle ? spot : middle;
        _samples.push(sample);
    }

    /// @dev Returns the last five samples, each at its place, with the first price where there are
    /// fewer.
    function _five() private view returns (uint256[5] memory list) {
        for (uint256 i = 0; i < 5; ++i) {
            list[i] = _first;
        }
        for (uint256 i = 0; i < _samples.length; ++i) {
            list[i % 5] = _samples[i];
        }
    }
}
