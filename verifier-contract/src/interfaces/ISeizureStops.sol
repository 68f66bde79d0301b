// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @title Stops of seizures
/// @notice A guardian can stop seizures of an asset that is collateral, in some markets, for the
/// prices of a bounded time (spec: *Collateral*, Stops). The stop is part of the asset's leaf, so
/// that every proof of a liquidation respects it. It stops no repayment, no added collateral and no
/// close.
///
/// A stop has full minutes, so that a caller who means seconds rounds the begin down and the end
/// up. It begins at most 25 hours ago, ends at most in a day, and an asset has at most one in three
/// days: a guardian who is wrong delays liquidations by a day. Each change gives the
/// registry another root, which voids proofs that were made and not yet settled. So the guardian
/// acts once in six hours, for as many assets as it needs.
interface ISeizureStops {
    /// @notice A stop of one asset's seizures.
    /// @param markets bit i for market i; 0 before the first stop
    /// @param fromMinute first minute of Unix time of the snapshots whose prices seize nothing
    /// @param length minutes from the first second of that minute to the last second, inclusive
    /// @param set when the last stop was set; 0 if none was
    struct Stop {
        uint16 markets;
        uint32 fromMinute;
        uint16 length;
        uint40 set;
    }

    /// @notice Seizures of an asset were stopped, or its stop ends earlier. `root` is the new root
    /// of the registry.
    event SeizuresStopped(
        uint16 indexed asset, uint16 markets, uint32 fromMinute, uint16 length, uint256 root
    );

    /// @notice The guardian of seizures changed.
    event SeizureGuardianChanged(address indexed guardian);

    /// @notice Only the guardian of seizures may call; `caller` is not.
    error NotSeizureGuardian(address caller);

    /// @notice The guardian of seizures is zero.
    error SeizureGuardianIsZero();

    /// @notice A stop must name a market.
    error StopOfNoMarket();

    /// @notice There must be as many sets of markets as assets.
    error StopsUneven(uint256 assets, uint256 markets);

    /// @notice A stop must begin at most 25 hours ago, rounded down to full minutes, and not later
    /// than now. `from` is the second at which it would begin, Unix time.
    error StopBeginOutOfRange(uint256 from);

    /// @notice A stop must end at most a day from now, rounded up to full minutes: at `latest`,
    /// Unix seconds. It would end at `until`.
    error StopTooLong(uint256 until, uint256 latest);

    /// @notice The asset had a stop; another is possible from `allowedFrom` on, Unix seconds.
    error StopTooEarly(uint16 asset, uint256 allowedFrom);

    /// @notice The guardian of seizures acted; it may again from `allowedFrom` on, Unix seconds.
    error GuardianTooEarly(uint256 allowedFrom);

    /// @notice The asset's seizures are not stopped at prices of now.
    error NotStopped(uint256 asset);

    /// @notice Stops seizures of assets. Only the guardian of seizures may call.
    /// @param assets registered ids
    /// @param markets for each asset, bit i for market i; not 0
    /// @param fromMinute first minute of Unix time of the snapshots whose prices seize nothing
    /// @param length minutes from the first second of that minute to the last second, inclusive
    function stopSeizures(
        uint16[] calldata assets,
        uint16[] calldata markets,
        uint32 fromMinute,
        uint16 length
    ) external;

    /// @notice Lets a stop end now: prices from the next minute on seize again, and those of the
    /// stop do not. Only the guardian of seizures or governance may call. When the next stop is
    /// possible stays as it was.
    /// @param asset an id whose seizures are stopped
    function resumeSeizures(uint16 asset) external;

    /// @notice Replaces the guardian of seizures. Only governance may call.
    /// @param guardian the new one; not zero
    function setSeizureGuardian(address guardian) external;

    /// @notice Returns the guardian of seizures.
    function seizureGuardian() external view returns (address);

    /// @notice Returns from when on the guardian of seizures may act, Unix seconds; 0 before its
    /// first act.
    function guardianAllowedFrom() external view returns (uint256);

    /// @notice Returns the stop of an asset.
    function stopOf(uint256 asset) external view returns (Stop memory);
}
