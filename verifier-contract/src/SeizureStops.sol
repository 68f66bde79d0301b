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
    /// @dev Most time before now at which a stop begins, and after now at which it ends.
    uint256 private constant REACH = 1 days;
    /// @dev Least time between two stops of an asset.
    uint256 private constant APART = 3 days;

    /// @inheritdoc ISeizureStops
    address public seizureGuardian;
    mapping(uint256 asset => Stop) private _stops;

    constructor(address guardian) {
        _setSeizureGuardian(guardian);
    }

    /// @inheritdoc ISeizureStops
    function stopSeizures(uint16 asset, uint16 markets, uint40 from, uint16 length) external {
        if (msg.sender != seizureGuardian) revert NotSeizureGuardian(msg.sender);
        if (markets == 0) revert StopOfNoMarket();
        uint256 time = block.timestamp;
        if (from > time || from + REACH < time) revert StopBeginOutOfRange(from);
        // Two days have fewer minutes than the leaf has room for.
        uint256 until = from + uint256(length) * 1 minutes;
        if (until > time + REACH) revert StopTooLong(until, time + REACH);
        uint256 set = _stops[asset].set;
        if (set != 0 && time < set + APART) revert StopTooEarly(set + APART);
        _stops[asset] = Stop(markets, from, length, uint40(time));
        emit SeizuresStopped(asset, markets, from, length, _rewrite(asset));
    }

    /// @inheritdoc ISeizureStops
    function resumeSeizures(uint16 asset) external {
        if (msg.sender != seizureGuardian && msg.sender != owner()) {
            revert NotSeizureGuardian(msg.sender);
        }
        Stop storage stop = _stops[asset];
        if (stop.markets == 0) revert NotStopped(asset);
        _stops[asset] = Stop(0, 0, 0, stop.set);
        emit SeizuresStopped(asset, 0, 0, 0, _rewrite(asset));
    }

    /// @inheritdoc ISeizureStops
    function setSeizureGuardian(address guardian) external onlyGovernance {
        _setSeizureGuardian(guardian);
    }

    /// @inheritdoc ISeizureStops
    function stopOf(uint256 asset) external view returns (Stop memory) {
        return _stops[asset];
    }

    /// @dev Writes the asset's leaf anew. Returns the registry's new root. Reverts if there is no
    /// such asset.
    function _rewrite(uint256 asset) internal virtual returns (uint256 root);

    /// @dev Returns the stop's part of the word of the asset's leaf.
    function _stopWord(uint256 asset) internal view returns (uint256) {
        Stop storage stop = _stops[asset];
        return (uint256(stop.markets) << ASSET_STOP_MARKETS_AT)
            | (uint256(stop.from) << ASSET_STOP_FROM_AT)
            | (uint256(stop.length) << ASSET_STOP_MINUTES_AT);
    }

    function _setSeizureGuardian(address guardian) private {
        if (guardian == address(0)) revert SeizureGuardianIsZero();
        seizureGuardian = guardian;
        emit SeizureGuardianChanged(guardian);
    }
}
