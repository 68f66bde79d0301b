// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {DevelopmentChain} from "./DevelopmentChain.sol";

/// @dev The least notice that governance gives, on every chain but development ones: users must have time to leave
/// before a change that they do not accept.
uint256 constant MINIMUM_GOVERNANCE_DELAY = 7 days;

/// @title Governance
/// @notice OpenZeppelin's timelock with a floor under its delay: not even an operation that has passed the timelock can
/// bring the delay below `MINIMUM_GOVERNANCE_DELAY`, except on development chains.
contract Governance is TimelockController {
    /// @param minDelay the delay in seconds; the floor applies where this is below it
    /// @param proposers who may schedule and cancel
    /// @param executors who may execute what is due; the zero address opens it to everybody
    constructor(uint256 minDelay, address[] memory proposers, address[] memory executors)
        TimelockController(minDelay, proposers, executors, address(0))
    {}

    /// @inheritdoc TimelockController
    function getMinDelay() public view override returns (uint256) {
        uint256 delay = super.getMinDelay();
        return delay < MINIMUM_GOVERNANCE_DELAY && !DevelopmentChain.here() ? MINIMUM_GOVERNANCE_DELAY : delay;
    }
}

/// @title Governed
/// @notice A contract owned by a timelock. Off development chains the owner must answer `getMinDelay` with at least
/// `MINIMUM_GOVERNANCE_DELAY`; ownership moves in two steps and cannot be renounced.
abstract contract Governed is Ownable2Step {
    /// @notice The owner named is not a contract.
    error GovernanceNotAContract(address governance);

    /// @notice The owner named gives less notice than required.
    error GovernanceDelayTooShort(uint256 delay, uint256 minimum);

    /// @notice Governance cannot be given up.
    error GovernanceIsPermanent();

    constructor(address governance) Ownable(governance) {}

    /// @notice Always reverts: a rollup without governance could not replace a retired shape.
    function renounceOwnership() public pure override {
        revert GovernanceIsPermanent();
    }

    /// @dev Runs at construction and at every acceptance.
    function _transferOwnership(address newOwner) internal override {
        if (!DevelopmentChain.here()) {
            if (newOwner.code.length == 0) revert GovernanceNotAContract(newOwner);
            uint256 delay = TimelockController(payable(newOwner)).getMinDelay();
            if (delay < MINIMUM_GOVERNANCE_DELAY) revert GovernanceDelayTooShort(delay, MINIMUM_GOVERNANCE_DELAY);
        }
        super._transferOwnership(newOwner);
    }
}
