// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ToyGates} from "./ToyGates.sol";

/// @title Verifier of the test circuit
contract ToyVerifier is ToyGates {}
