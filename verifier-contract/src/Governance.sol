// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {DevelopmentChain} from "./DevelopmentChain.sol";

/// @dev Least notice that governance gives, except on development chains. Users who do not accept a
/// change withdraw meanwhile, which needs the sequencer.
uint256 constant MINIMUM_GOVERNANCE_DELAY = 7 days;

/// @title Governance
/// @notice OpenZeppelin's timelock with a minimum delay. Except on development chains, even an
/// operation that has passed the timelock cannot bring the delay below `MINIMUM_GOVERNANCE_DELAY`.
contract Governance is TimelockController {
    /// @param minDelay the delay in seconds; the minimum applies if this is lower
    /// @param proposers accounts that may schedule and cancel
    /// @param executors accounts that may execute due operations; the zero address lets everybody
    constructor(uint256 minDelay, address[] memory proposers, address[] memory executors)
        TimelockController(minDelay, proposers, executors, address(0))
    {}

    /// @inheritdoc TimelockController
    function getMinDelay() public view override returns (uint256) {
        uint256 delay = super.getMinDelay();
        return delay < MINIMUM_GOVERNANCE_DELAY && !DevelopmentChain.here()
            ? MINIMUM_GOVERNANCE_DELAY
            : delay;
    }
}

/// @title Governed
/// @notice A contract that a timelock owns. Except on development chains, the owner must answer
/// `getMinDelay` with at least `MINIMUM_GOVERNANCE_DELAY` when it becomes the owner and at every
/// call it makes as the owner. Ownership moves in two steps and cannot be renounced.
/// @dev The check trusts the owner's answer. `Governance` never answers less than it enforces. A
/// timelock without a minimum could lower its delay, schedule without notice, and raise the delay
/// again before it executes. Users must read the owner's code.
abstract contract Governed is Ownable2Step {
    /// @notice The owner, or the account named as the next owner, is not a contract.
    error GovernanceNotAContract(address governance);

    /// @notice The owner, or the account named as the next owner, gives less notice than required.
    error GovernanceDelayTooShort(uint256 delay, uint256 minimum);

    /// @notice Governance cannot be given up.
    error GovernanceIsPermanent();

    /// @dev Lets only the owner call, and only while it gives the required notice.
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

    /// @dev Checks the new owner, at construction and at every acceptance of ownership.
    function _transferOwnership(address newOwner) internal override {
        _requireNotice(newOwner);
        super._transferOwnership(newOwner);
    }

    /// @dev Reverts unless `governance` is a contract that claims to give the required notice.
    /// Accepts every account on development chains.
    function _requireNotice(address governance) private view {
        if (DevelopmentChain.here()) return;
        if (governance.code.length == 0) revert GovernanceNotAContract(governance);
        uint256 delay = TimelockController(payable(governance)).getMinDelay();
        if (delay < MINIMUM_GOVERNANCE_DELAY) {
            revert GovernanceDelayTooShort(delay, MINIMUM_GOVERNANCE_DELAY);
        }
    }
}
