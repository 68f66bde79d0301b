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
/// `MINIMUM_GOVERNANCE_DELAY`, when it becomes the owner and at every call that it makes as such; ownership moves in two
/// steps and cannot be renounced.
/// @dev The answer is the owner's own. `Governance` cannot answer less than it enforces; a timelock without a floor could
/// lower its delay, schedule without notice, and raise the delay again before it executes. Users look at the owner's code.
abstract contract Governed is Ownable2Step {
    /// @notice The owner, present or named, is not a contract.
    error GovernanceNotAContract(address governance);

    /// @notice The owner, present or named, gives less notice than required.
    error GovernanceDelayTooShort(uint256 delay, uint256 minimum);

    /// @notice Governance cannot be given up.
    error GovernanceIsPermanent();

    /// @dev Only the owner, and only while it gives the notice required.
    modifier onlyGovernance() {
        _checkOwner();
        _requireNotice(msg.sender);
        _;
    }

    constructor(address governance) Ownable(governance) {}

    /// @inheritdoc Ownable2Step
    function transferOwnership(address newOwner) public override onlyGovernance {
        super.transferOwnership(newOwner);
    }

    /// @notice Always reverts: a rollup without governance could not replace a retired shape.
    function renounceOwnership() public pure override {
        revert GovernanceIsPermanent();
    }

    /// @dev Runs at construction and at every acceptance.
    function _transferOwnership(address newOwner) internal override {
        _requireNotice(newOwner);
        super._transferOwnership(newOwner);
    }

    /// @dev Off development chains, reverts unless `governance` is a contract that says to give the notice required.
    function _requireNotice(address governance) private view {
        if (DevelopmentChain.here()) return;
        if (governance.code.length == 0) revert GovernanceNotAContract(governance);
        uint256 delay = TimelockController(payable(governance)).getMinDelay();
        if (delay < MINIMUM_GOVERNANCE_DELAY) revert GovernanceDelayTooShort(delay, MINIMUM_GOVERNANCE_DELAY);
    }
}
