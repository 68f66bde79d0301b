// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @dev Modulus r of the BN254 scalar field. All data words and instances are elements of the
/// field.
uint256 constant SCALAR_MODULUS =
    21888242871839275222246405745257275088548364400416034343698204186575808495617;

/// @notice A BN254 scalar, checked to be below the modulus. No contract reduces an input: a value
/// and the same value plus r would be two encodings of one statement.
type Fr is uint256;

/// @dev Whether an integer is the canonical encoding of a scalar.
function isCanonical(uint256 value) pure returns (bool) {
    return value < SCALAR_MODULUS;
}
