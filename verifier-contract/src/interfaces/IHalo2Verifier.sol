// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @title Verifier of batch proofs
/// @notice Checks one halo2 proof (KZG with SHPLONK over BN254, Keccak transcript) against a
/// verifying key that is held as the code of a data contract.
interface IHalo2Verifier {
    /// @notice The data contract does not hold a key that this verifier's gates belong to.
    error InvalidKey();
    /// @notice The proof has another length than the key asks for.
    error InvalidProofLength(uint256 actual, uint256 expected);
    /// @notice A public input is not below the scalar field's modulus.
    error InvalidInstance(uint256 index);
    /// @notice The 64 bytes at `offset` of the proof are no canonical point of the curve other
    /// than the identity.
    error InvalidPoint(uint256 offset);
    /// @notice The 32 bytes at `offset` of the proof are not below the scalar field's modulus.
    error InvalidScalar(uint256 offset);
    /// @notice A challenge met a zero of a denominator. It happens to an honest proof with a
    /// probability below 2^-220.
    error DegenerateChallenge();
    /// @notice A precompiled contract refused its input, the key holding a value that is no point; or it did not
    /// return as many bytes as it must, the chain being without it.
    error PrecompileFailed();
    /// @notice The opening proof does not hold: the statement is not proven.
    error InvalidProof();

    /// @notice Returns if and only if `proof` is a valid proof for `instances` under the key in
    /// `vkData`; reverts with one of the errors above otherwise. The circuit has one instance more, the
    /// column challenge, which nobody chooses: keccak256(domain ‖ representation ‖ instances ‖ the
    /// proof's first points, those of the committed columns) mod r, where the domain is the word
    /// "subrosa column challenge v1" and the key holds its representation and the number of points.
    /// @param vkData the data contract, its code is the byte 0x00 followed by the verifying key
    /// @param instances the caller's public inputs, each below the scalar field's modulus
    /// @param proof points as x ‖ y and scalars as 32 bytes, all big-endian
    function verify(address vkData, uint256[5] calldata instances, bytes calldata proof) external view;
}
