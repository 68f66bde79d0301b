// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governance.sol";
import {
    ASSET_STOP_FROM_AT,
    ASSET_STOP_MARKETS_AT,
    ASSET_STOP_MINUTES_AT
} from "./generated/Layouts.sol";
import {ISeizureStops} from "./interfaces/ISeizureStops.sol";

/// @title Stops of seizures
/// @notice See `ISeizureStops`. The registry inherits this and writes the leaves.
abstract contract SeizureStops is ISeizureStops, Governed {
    /// @dev Most time before now at which a stop begins: no snapshot that a batch can still use is
    /// older, because batches lie up to an hour behind.
    uint256 private constant REACH = 25 hours;
    /// @dev Most time after now at which a stop ends.
    uint256 private constant LENGTH = 1 days;
    /// @dev Least time between two stops of an asset.
    uint256 private constant APART = 3 days;
    /// @dev Least time between two calls of the guardian: each gives the registry another root,
    /// which voids batches and proofs that wait.
    uint256 private constant INTERVAL = 6 hours;

    /// @inheritdoc ISeizureStops
    address public seizureGuardian;
    /// @dev When the guardian acted last.
    uint40 private _acted;
    mapping(uint256 asset => Stop) private _stops;

    constructor(address guardian) {
        _setSeizureGuardian(guardian);
    }

    /// @inheritdoc ISeizureStops
    function stopSeizures(
        uint16[] calldata assets,
        uint16[] calldata markets,
        uint32 fromMinute,
        uint16 length
    ) external {
        if (msg.sender != seizureGuardian) {
            revert NotSeizureGuardian(msg.sender);
        }
        if (assets.length != markets.length) {
            revert StopsUneven(assets.length, markets.length);
        }
        _act();
        uint256 time = block.timestamp;
        // The leaf has 27 bits for a minute: up to the year 2225.
        uint256 from = uint256(fromMinute) * 1 minutes;
        if (from > time || from + REACH + 1 minutes <= time) revert StopBeginOutOfRange(from);
        // Two days have fewer minutes than the leaf has room for.
        uint256 until = from + uint256(length) * 1 minutes;
        uint256 latest = (time + LENGTH + 1 minutes - 1) / 1 minutes * 1 minutes;
        if (until > latest) revert StopTooLong(until, latest);
        for (uint256 i = 0; i < assets.length; ++i) {
            uint16 asset = assets[i];
            if (markets[i] == 0) revert StopOfNoMarket();
            uint256 set = _stops[asset].set;
            if (set != 0 && time < set + APART) revert StopTooEarly(asset, set + APART);
            _stops[asset] = Stop(markets[i], fromMinute, length, uint40(time));
            emit SeizuresStopped(asset, markets[i], fromMinute, length, _rewrite(asset));
        }
    }

    /// @inheritdoc ISeizureStops
    function resumeSeizures(uint16 asset) external {
        if (msg.sender == seizureGuardian) _act();
        else if (msg.sender != owner()) revert NotSeizureGuardian(msg.sender);
        Stop storage stop = _stops[asset];
        // The prices of the stop stay without use: they can be as wrong as before.
        uint256 minute = (block.timestamp + 1 minutes - 1) / 1 minutes;
        uint256 passed = minute - stop.fromMinute;
        if (stop.markets == 0 || passed >= stop.length) revert NotStopped(asset);
        stop.length = uint16(passed);
        emit SeizuresStopped(asset, stop.markets, stop.fromMinute, stop.length, _rewrite(asset));
    }

    /// @inheritdoc ISeizureStops
    function setSeizureGuardian(address guardian) external onlyGovernance {
        _setSeizureGuardian(guardian);
    }

    /// @inheritdoc ISeizureStops
    function stopOf(uint256 asset) external view returns (Stop memory) {
        return _stops[asset];
    }

    /// @inheritdoc ISeizureStops
    function guardianAllowedFrom() public view returns (uint256) {
        uint256 acted = _acted;
        return acted == 0 ? 0 : acted + INTERVAL;
    }

    /// @dev Writes the asset's leaf anew. Returns the registry's new root. Reverts if there is no
    /// such asset.
    function _rewrite(uint256 asset) internal virtual returns (uint256 root);

    /// @dev Returns the stop's part of the word of the asset's leaf.
    function _stopWord(uint256 asset) internal view returns (uint256) {
        Stop storage stop = _stops[asset];
        return (uint256(stop.markets) << ASSET_STOP_MARKETS_AT)
            | (uint256(stop.fromMinute) << ASSET_STOP_FROM_AT)
            | (uint256(stop.length) << ASSET_STOP_MINUTES_AT);
    }

    /// @dev Notes that the guardian acts. Reverts if it did a short time ago.
    function _act() private {
        uint256 allowedFrom = guardianAllowedFrom();
        if (block.timestamp < allowedFrom) revert GuardianTooEarly(allowedFrom);
        _acted = uint40(block.timestamp);
    }

    function _setSeizureGuardian(address guardian) private {
        if (guardian == address(0)) revert SeizureGuardianIsZero();
        seizureGuardian = guardian;
        emit SeizureGuardianChanged(guardian);
    }
}
