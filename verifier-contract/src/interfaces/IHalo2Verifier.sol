// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @title Verifier of batch proofs
/// @notice Checks one halo2 proof (KZG with SHPLONK over BN254, Keccak transcript) under a
/// verifying key that is the code of a data contract.
interface IHalo2Verifier {
    /// @notice The data contract holds no key for this verifier's gates.
    error InvalidKey();
    /// @notice The proof's length differs from the length that the key asks for.
    error InvalidProofLength(uint256 actual, uint256 expected);
    /// @notice A public input is not below the scalar field's modulus.
    error InvalidInstance(uint256 index);
    /// @notice The 64 bytes at `offset` of the proof are not the canonical encoding of a point of
    /// the curve other than the identity.
    error InvalidPoint(uint256 offset);
    /// @notice The 32 bytes at `offset` of the proof are not below the scalar field's modulus.
    error InvalidScalar(uint256 offset);
    /// @notice A challenge made a denominator zero. For an honest proof the probability is below
    /// 2^-220.
    error DegenerateChallenge();
    /// @notice A precompiled contract refused its input, because the key holds an invalid point; or
    /// it returned too few bytes, because the chain lacks it.
    error PrecompileFailed();
    /// @notice The opening proof is invalid: the statement is not proven.
    error InvalidProof();

    /// @notice Returns if and only if `proof` is a valid proof for `instances` under the key in
    /// `vkData`. Otherwise reverts with one of the errors above. The circuit has one more instance,
    /// the column challenge, which nobody chooses: keccak256(domain ‖ representation ‖ instances ‖
    /// the first points of the proof, which are those of the committed columns) mod r. The domain
    /// is the word "subrosa column challenge v1"; the key holds its representation and the number
    /// of points.
    /// @param vkData the data contract; its code is the byte 0x00 followed by the verifying key
    /// @param instances the caller's public inputs, each below the modulus of the scalar field
    /// @param proof points as x ‖ y and scalars as 32 bytes, all big-endian
    function verify(address vkData, uint256[5] calldata instances, bytes calldata proof)
        external
        view;
}
