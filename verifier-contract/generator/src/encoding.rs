//! Encoding of field elements and points for the EVM: 32 bytes big-endian for each element, points
//! as x ‖ y, the identity as zeros, 𝔽q² elements with the imaginary part first (EIP-197).

use halo2curves::CurveAffine;
use halo2curves::bn256::{Fq, Fq2, Fr, G1Affine, G2Affine};
use halo2curves::ff::PrimeField;

/// Returns the big-endian bytes of a scalar.
pub fn scalar_bytes(scalar: &Fr) -> [u8; 32] {
    let mut bytes = scalar.to_repr();
    bytes.reverse();
    bytes
}

/// Decodes a scalar from 32 big-endian bytes; `None` if the number is not below r.
pub fn scalar_from_bytes(bytes: &[u8; 32]) -> Option<Fr> {
    let mut repr = *bytes;
    repr.reverse();
    Fr::from_repr(repr).into()
}

/// Returns x ‖ y of a point, or zeros for the identity.
pub fn point_bytes(point: &G1Affine) -> [u8; 64] {
    let mut bytes = [0; 64];
    let coordinates = Option::from(point.coordinates());
    if let Some(coordinates) = coordinates {
        let coordinates: halo2curves::Coordinates<G1Affine> = coordinates;
        bytes[..32].copy_from_slice(&base_bytes(coordinates.x()));
        bytes[32..].copy_from_slice(&base_bytes(coordinates.y()));
    }
    bytes
}

/// Decodes a point from x ‖ y. Returns `None` for the identity, for coordinates that are not below
/// q, and for points that are not on the curve. The curve has prime order, so every point on it is
/// in the group.
pub fn point_from_bytes(bytes: &[u8; 64]) -> Option<G1Affine> {
    if bytes.iter().all(|byte| *byte == 0) {
        return None;
    }
    let (x, y) = bytes.split_at(32);
    G1Affine::from_xy(base_from_bytes(x)?, base_from_bytes(y)?).into()
}

/// Returns x ‖ y of a point of the second group, in the order of the pairing precompile.
pub(crate) fn point2_bytes(point: &G2Affine) -> [u8; 128] {
    let mut bytes = [0; 128];
    let parts = |value: &Fq2| [base_bytes(&value.c1), base_bytes(&value.c0)];
    let words = [parts(&point.x), parts(&point.y)].concat();
    for (slot, word) in bytes.chunks_exact_mut(32).zip(words) {
        slot.copy_from_slice(&word);
    }
    bytes
}

fn base_bytes(value: &Fq) -> [u8; 32] {
    let mut bytes = value.to_repr();
    bytes.reverse();
    bytes
}

fn base_from_bytes(bytes: &[u8]) -> Option<Fq> {
    let mut repr: [u8; 32] = bytes.try_into().ok()?;
    repr.reverse();
    Fq::from_repr(repr).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves::ff::Field;
    use halo2curves::group::prime::PrimeCurveAffine;

    #[test]
    fn canonical_encodings_only() {
        let generator = G1Affine::generator();
        let bytes = point_bytes(&generator);
        assert_eq!((bytes[31], bytes[63]), (1, 2));
        assert_eq!(point_from_bytes(&bytes), Some(generator));

        // x + q is another encoding of the same residue.
        let modulus =
            hex::decode("30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd48")
                .expect("constant");
        let mut shifted = bytes;
        shifted[..32].copy_from_slice(&modulus);
        assert_eq!(point_from_bytes(&shifted), None);

        let mut off_curve = bytes;
        off_curve[63] = 3;
        assert_eq!(point_from_bytes(&off_curve), None);
        assert_eq!(point_from_bytes(&[0; 64]), None);
        assert_eq!(point_bytes(&G1Affine::identity()), [0; 64]);

        let top = scalar_bytes(&-Fr::ONE);
        assert_eq!(scalar_from_bytes(&top), Some(-Fr::ONE));
        let mut modulus = top;
        modulus[31] += 1;
        assert_eq!(scalar_from_bytes(&modulus), None);
    }
}
