// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @title A price feed
/// @notice What Chainlink's aggregators and their proxies answer, as far as it is read here.
interface AggregatorV3Interface {
    /// @notice Decimals of the answers: an answer stands for answer / 10^decimals of the feed's unit.
    function decimals() external view returns (uint8);

    /// @notice The newest round.
    /// @return roundId the round's number
    /// @return answer the price; not above 0 if the feed has none
    /// @return startedAt when the round began, Unix time
    /// @return updatedAt when the answer was computed, Unix time; 0 in a round without answer
    /// @return answeredInRound the round that the answer is of; below `roundId` if it was carried over
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}
