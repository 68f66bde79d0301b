// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {SCALAR_MODULUS} from "./Fields.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";

/// @title Embedded curve
/// @notice The twisted Edwards curve x² + y² = 1 + d·x²·y² over the BN254 scalar field, cofactor 8,
/// and the check of points that serve as keys (spec: *Notation and hashing*). d is not a square,
/// therefore the addition law is complete: no denominator vanishes for points of the curve.
library EmbeddedCurve {
    /// @dev d = 168696/168700.
    uint256 internal constant D =
        9706598848417545097372247223557719406784115219466060233080913168975159366771;

    /// @dev ℓ, order of the prime subgroup.
    uint256 internal constant ORDER =
        2736030358979909402780800718157159386076813972158567259200215660948447373041;

    /// @notice Reverts unless (x, y) is canonical, on the curve, not the identity and in the prime
    /// subgroup.
    function requireKey(uint256 x, uint256 y) internal pure {
        if (x >= SCALAR_MODULUS) revert IAssetRegistry.CoordinateNotCanonical(x);
        if (y >= SCALAR_MODULUS) revert IAssetRegistry.CoordinateNotCanonical(y);
        if (!isOnCurve(x, y)) revert IAssetRegistry.PointNotOnCurve(x, y);
        if (x == 0 && y == 1) revert IAssetRegistry.PointIsIdentity();
        if (!isInSubgroup(x, y)) revert IAssetRegistry.PointNotInSubgroup(x, y);
    }

    /// @dev Whether canonical coordinates satisfy the equation of the curve.
    function isOnCurve(uint256 x, uint256 y) internal pure returns (bool) {
        uint256 p = SCALAR_MODULUS;
        uint256 xx = mulmod(x, x, p);
        uint256 yy = mulmod(y, y, p);
        return addmod(xx, yy, p) == addmod(1, mulmod(D, mulmod(xx, yy, p), p), p);
    }

    /// @dev Whether ℓ·(x, y) is the identity, for a point of the curve. Uses projective
    /// coordinates, double and add.
    function isInSubgroup(uint256 x, uint256 y) internal pure returns (bool) {
        uint256 px = x;
        uint256 py = y;
        uint256 pz = 1;
        // ℓ has 251 bits. The highest one is the start value.
        for (uint256 bit = 1 << 249; bit != 0; bit >>= 1) {
            (px, py, pz) = double(px, py, pz);
            if (ORDER & bit != 0) (px, py, pz) = add(px, py, pz, x, y);
        }
        return px == 0 && py == pz && pz != 0;
    }

    /// @dev Doubles a projective point: dbl-2008-bbjlp with a = 1.
    function double(uint256 px, uint256 py, uint256 pz)
        private
        pure
        returns (uint256 rx, uint256 ry, uint256 rz)
    {
        assembly ("memory-safe") {
            let s := addmod(px, py, SCALAR_MODULUS)
            let b := mulmod(s, s, SCALAR_MODULUS)
            let c := mulmod(px, px, SCALAR_MODULUS)
            let d := mulmod(py, py, SCALAR_MODULUS)
            let f := addmod(c, d, SCALAR_MODULUS)
            let h := mulmod(pz, pz, SCALAR_MODULUS)
            let j := addmod(f, sub(SCALAR_MODULUS, addmod(h, h, SCALAR_MODULUS)), SCALAR_MODULUS)
            rx := mulmod(addmod(b, sub(SCALAR_MODULUS, f), SCALAR_MODULUS), j, SCALAR_MODULUS)
            ry := mulmod(f, addmod(c, sub(SCALAR_MODULUS, d), SCALAR_MODULUS), SCALAR_MODULUS)
            rz := mulmod(f, j, SCALAR_MODULUS)
        }
    }

    /// @dev Adds an affine point to a projective point: add-2008-bbjlp with a = 1.
    function add(uint256 px, uint256 py, uint256 pz, uint256 x, uint256 y)
        private
        pure
        returns (uint256 rx, uint256 ry, uint256 rz)
    {
        assembly ("memory-safe") {
            let b := mulmod(pz, pz, SCALAR_MODULUS)
            let c := mulmod(px, x, SCALAR_MODULUS)
            let d := mulmod(py, y, SCALAR_MODULUS)
            let e := mulmod(D, mulmod(c, d, SCALAR_MODULUS), SCALAR_MODULUS)
            let f := addmod(b, sub(SCALAR_MODULUS, e), SCALAR_MODULUS)
            let g := addmod(b, e, SCALAR_MODULUS)
            let m :=
                mulmod(
                    addmod(px, py, SCALAR_MODULUS),
                    addmod(x, y, SCALAR_MODULUS),
                    SCALAR_MODULUS
                )
            m := addmod(m, sub(SCALAR_MODULUS, addmod(c, d, SCALAR_MODULUS)), SCALAR_MODULUS)
            rx := mulmod(pz, mulmod(f, m, SCALAR_MODULUS), SCALAR_MODULUS)
            let t := addmod(d, sub(SCALAR_MODULUS, c), SCALAR_MODULUS)
            ry := mulmod(pz, mulmod(g, t, SCALAR_MODULUS), SCALAR_MODULUS)
            rz := mulmod(f, g, SCALAR_MODULUS)
        }
    }
}
