// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IHalo2Verifier} from "../../src/interfaces/IHalo2Verifier.sol";

/// @dev Replaces the verifier: accepts, rejects, or reverts with the instances as its data. (The
/// call is static, and nothing can be recorded.)
contract VerifierDouble is IHalo2Verifier {
    enum Answer {
        Accept,
        Reject,
        Show
    }

    error Shown(address vkData, uint256[5] instances, bytes proof);

    Answer public answer;

    function set(Answer answer_) external {
        answer = answer_;
    }

    function verify(address vkData, uint256[5] calldata instances, bytes calldata proof)
        external
        view
    {
        if (answer == Answer.Reject) revert InvalidProof();
        if (answer == Answer.Show) revert Shown(vkData, instances, proof);
    }
}
