//! Derivations outside the circuits: `B(label; m…)` (spec: *Notation and hashing*).

use ark_bn254::Fr;
use ark_ed_on_bn254::Fr as Scalar;
use ark_ff::PrimeField;
use blake2::{Blake2b512, Digest};
use zeroize::Zeroizing;

/// Returns `B(label; parts…)`: BLAKE2b-512 over `"subrosa/v1/" ‖ label ‖ 0x00 ‖ parts…`.
///
/// The label must fix the length of each part, so that the input is unambiguous.
#[must_use]
pub fn bytes(label: &str, parts: &[&[u8]]) -> Zeroizing<[u8; 64]> {
    let mut hash = Blake2b512::new();
    hash.update(b"subrosa/v1/");
    hash.update(label.as_bytes());
    hash.update([0]);
    for part in parts {
        hash.update(part);
    }
    let mut out = Zeroizing::new([0; 64]);
    hash.finalize_into((&mut *out).into());
    out
}

/// Returns `B(label; parts…) → 𝔽`: the 64 bytes, read big-endian, modulo r.
#[must_use]
pub fn field(label: &str, parts: &[&[u8]]) -> Fr {
    Fr::from_be_bytes_mod_order(&*bytes(label, parts))
}

/// Returns `B(label; parts…) → 𝔽ℓ`: the 64 bytes, read big-endian, modulo ℓ.
#[must_use]
pub fn scalar(label: &str, parts: &[&[u8]]) -> Scalar {
    Scalar::from_be_bytes_mod_order(&*bytes(label, parts))
}

/// Returns `B(label; parts…) → 32`: the first 32 bytes.
#[must_use]
pub fn bytes32(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(&bytes(label, parts)[..32]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_and_parts_are_hashed_as_stated() {
        let expected = Blake2b512::digest(b"subrosa/v1/ask\0abcdef");
        assert_eq!(bytes("ask", &[b"abc", b"def"])[..], expected[..]);
        assert_eq!(bytes32("ask", &[b"abcdef"])[..], expected[..32]);
    }

    #[test]
    fn reductions_read_big_endian() {
        let digest = bytes("x", &[b"y"]);
        let mut wide = Fr::from(0u64);
        for byte in digest.iter() {
            wide = wide * Fr::from(256u64) + Fr::from(*byte);
        }
        assert_eq!(field("x", &[b"y"]), wide);
        let mut wide = Scalar::from(0u64);
        for byte in digest.iter() {
            wide = wide * Scalar::from(256u64) + Scalar::from(*byte);
        }
        assert_eq!(scalar("x", &[b"y"]), wide);
    }
}
