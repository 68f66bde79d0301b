// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {BatchGates} from "./generated/BatchGates.sol";

/// @title Verifier of the batch circuit, for all its shapes
contract BatchVerifier is BatchGates {}
