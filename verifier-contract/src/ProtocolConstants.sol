// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

// Constants that the protocol fixes for every deployment. None of them is a parameter of a
// constructor: a deployer who could choose the genesis state could start a rollup with notes of
// their own. The tests compare each constant with the protocol's vectors (`protocol/vectors`).

/// @dev Commitment of the genesis state (spec: *Trees and state*).
uint256 constant GENESIS_STATE =
    0x0fdfd9927f498bb9d80812795c4a05fb6629c31a621349151e039902e15462c1;

/// @dev x coordinate of the point N that assets without an auditor carry (spec: *Notes*). Nobody
/// knows its discrete logarithm.
uint256 constant UNAUDITED_X = 0x227c610d49efe7e7a2cfb6df9de328a13db0c36bf36c37ab99c1d1f52fc45a66;

/// @dev y coordinate of N.
uint256 constant UNAUDITED_Y = 0x278b13937a010ad70749143a53578123aa4a3ddb842bbe04ad443bde5b023bf9;

/// @dev Longest time by which a batch's time may lie behind the block's, in seconds.
uint256 constant TIME_WINDOW = 1 hours;
