// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @title Poseidon over the BN254 scalar field
/// @notice The hash `H(tag; m₁ … mₙ)` of the spec (*Notation and hashing*): width 5, eight full and
/// sixty partial rounds, the published circomlib parameters.
interface IPoseidon {
    /// @notice The message is empty. The spec defines `H` for n ≥ 1.
    error EmptyMessage();

    /// @notice Element `index` of the message is not below the scalar modulus.
    error NotCanonical(uint256 index);

    /// @notice The tag does not fit the 64 bits below the length.
    error TagTooLarge(uint256 tag);

    /// @notice Computes `H(tag; message)`.
    /// @param tag the domain tag, below 2⁶⁴
    /// @param message at least one element, each below the scalar modulus
    /// @return digest element 1 of the final state, below the scalar modulus
    function hash(uint256 tag, uint256[] calldata message) external view returns (uint256 digest);
}
