// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @title Price feed
/// @notice The functions of Chainlink's aggregators and their proxies that the price oracle calls.
interface AggregatorV3Interface {
    /// @notice Returns the decimals of the answers: an answer means answer / 10^decimals of the
    /// feed's unit.
    function decimals() external view returns (uint8);

    /// @notice Returns the newest round.
    /// @return roundId number of the round
    /// @return answer the price; 0 or negative if the feed has none
    /// @return startedAt start of the round, in Unix seconds
    /// @return updatedAt time of the answer, in Unix seconds; 0 in a round without an answer
    /// @return answeredInRound round that produced the answer; below `roundId` if it was carried
    /// over
    function latestRoundData()
        external
        view
        returns (
            uint80 roundId,
            int256 answer,
            uint256 startedAt,
            uint256 updatedAt,
            uint80 answeredInRound
        );
}
