// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {DevelopmentChain} from "../DevelopmentChain.sol";
import {AggregatorV3Interface} from "../interfaces/AggregatorV3Interface.sol";

/// @title Development feed
/// @notice A price feed whose answer the owner sets, for development chains only. On other chains
/// the constructor and all changes revert.
contract DevelopmentFeed is AggregatorV3Interface, Ownable {
    /// @inheritdoc AggregatorV3Interface
    uint8 public decimals;

    /// @notice Whether `latestRoundData` reverts.
    bool public failing;

    uint80 private _round;
    int256 private _answer;
    uint256 private _updatedAt;

    /// @notice The chain is not a development chain.
    error NotADevelopmentChain(uint256 chainId);

    /// @notice The owner made the feed fail.
    error Failing();

    modifier onDevelopmentChain() {
        if (!DevelopmentChain.here()) revert NotADevelopmentChain(block.chainid);
        _;
    }

    /// @param decimals_ decimals of the answers
    /// @param answer the first answer, as of the current block
    constructor(uint8 decimals_, int256 answer) Ownable(msg.sender) onDevelopmentChain {
        decimals = decimals_;
        _setAnswer(answer);
    }

    /// @notice Sets the answer, in a new round. Only the owner may call.
    function setAnswer(int256 answer) external onlyOwner onDevelopmentChain {
        _setAnswer(answer);
    }

    /// @notice Changes the decimals of the answer, and not the answer. Only the owner may call.
    function setDecimals(uint8 decimals_) external onlyOwner onDevelopmentChain {
        decimals = decimals_;
    }

    /// @notice Changes the time of the current answer. Only the owner may call.
    function setUpdatedAt(uint256 updatedAt) external onlyOwner onDevelopmentChain {
        _updatedAt = updatedAt;
    }

    /// @notice Makes the feed revert, or answer again. Only the owner may call.
    function setFailing(bool failing_) external onlyOwner onDevelopmentChain {
        failing = failing_;
    }

    /// @inheritdoc AggregatorV3Interface
    function latestRoundData()
        external
        view
        returns (
            uint80 roundId,
            int256 answer,
            uint256 startedAt,
            uint256 updatedAt,
            uint80 answeredInRound
        )
    {
        if (failing) revert Failing();
        return (_round, _answer, _updatedAt, _updatedAt, _round);
    }

    function _setAnswer(int256 answer) private {
        ++_round;
        _answer = answer;
        _updatedAt = block.timestamp;
    }
}
