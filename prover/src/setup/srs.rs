//! KZG parameters: powers of a secret s in G1, the same in the Lagrange basis, and s in G2.
//!
//! The file format is halo2's raw format, that of the public files `kzg_bn254_K.srs`: k as four
//! little-endian bytes, 2ᵏ powers, 2ᵏ Lagrange points, the generator of G2 and s times it. A
//! coordinate is 32 bytes: little-endian limbs of the Montgomery form (R = 2²⁵⁶).

use std::io::{self, Read};

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::scalar_mul::BatchMulPreprocessing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, One, PrimeField, UniformRand, batch_inversion};
use halo2_proofs::arithmetic::g_to_lagrange;
use halo2_proofs::poly::EvaluationDomain;
use halo2_proofs::poly::commitment::{Blind, Params, ParamsProver};
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2_proofs::{SerdeFormat, arithmetic::best_multiexp};
use halo2curves::bn256;
use halo2curves::ff::PrimeField as _;
use halo2curves::group::prime::PrimeCurveAffine;
use halo2curves::group::{Curve, Group, cofactor::CofactorGroup};
use halo2curves::pairing::{MillerLoopResult, MultiMillerLoop};
use halo2curves::serde::SerdeObject;
use rand::RngCore;
use rand::rngs::OsRng;
use rayon::prelude::*;
use zeroize::Zeroizing;

/// halo2's type of parameters.
pub(super) type Parameters = ParamsKZG<bn256::Bn256>;

/// Size in bytes of an encoded point of G1. A point of G2 takes twice as many.
const POINT: usize = 64;

/// Greatest k that is read: a file with 2²⁴ powers has 2 GiB.
pub(super) const MAX_K: u32 = 24;

/// Why a parameter file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SrsError {
    /// The length does not match the k of the file, or k is not in 1–24.
    #[error("the length is not that of a parameter file")]
    Length,
    /// A point is not on its curve, not in the subgroup, the identity, or not canonically encoded.
    #[error("point {0} is not a valid point of its group")]
    Point(usize),
    /// The first power is not the generator of G1, or the first point of G2 not that of G2.
    #[error("the parameters do not start from the generators")]
    Generator,
    /// s is 1.
    #[error("the secret is trivial")]
    Trivial,
    /// The powers are not consecutive powers of s.
    #[error("the powers are not consecutive powers of the secret in G2")]
    Powers,
    /// The Lagrange points do not belong to the powers.
    #[error("the Lagrange points do not belong to the powers")]
    Lagrange,
}

/// Returns the size in bytes of a file with 2ᵏ powers.
pub(super) fn file_len(k: u32) -> usize {
    4 + (2 << k) * POINT + 4 * POINT
}

/// Reads parameters whose bytes have been checked.
pub(super) fn read(bytes: &[u8]) -> io::Result<Parameters> {
    let mut rest = bytes;
    ParamsKZG::read_custom(&mut rest, SerdeFormat::RawBytesUnchecked)
}

/// Reads parameters with 2ᵏ powers from a file of [`file_len`] bytes whose hash is not yet known.
/// Checks only the first four bytes.
pub(super) fn stream(reader: &mut dyn Read, k: u32) -> io::Result<Parameters> {
    let mut head = [0; 4];
    reader.read_exact(&mut head)?;
    if u32::from_le_bytes(head) != k {
        return Err(io::ErrorKind::InvalidData.into());
    }
    ParamsKZG::read_custom(
        &mut head.as_slice().chain(reader),
        SerdeFormat::RawBytesUnchecked,
    )
}

/// Makes parameters from a random secret, which is discarded at once. For development only: others
/// cannot know that it was discarded.
pub(super) fn generate(k: u32) -> Vec<u8> {
    let n = 1usize << k;
    let secret = Zeroizing::new(loop {
        let secret = Fr::rand(&mut OsRng);
        // For a secret in the domain, all but one of the Lagrange points would be the identity.
        if secret.pow([n as u64]) != Fr::one() {
            break secret;
        }
    });

    let mut scalars = Zeroizing::new(Vec::with_capacity(2 * n));
    let mut power = Fr::one();
    for _ in 0..n {
        scalars.push(power);
        power *= *secret;
    }
    // Lᵢ(s) = (sⁿ − 1)/n · ωⁱ/(s − ωⁱ)
    let omega = root_of_unity(k);
    let scale = (power - Fr::one()) / Fr::from(n as u64);
    let mut roots = Vec::with_capacity(n);
    let mut root = Fr::one();
    for _ in 0..n {
        roots.push(root);
        root *= omega;
    }
    let mut inverses = Zeroizing::new(roots.iter().map(|root| *secret - root).collect::<Vec<_>>());
    batch_inversion(&mut inverses);
    scalars.extend(
        roots
            .iter()
            .zip(&*inverses)
            .map(|(root, inverse)| scale * root * inverse),
    );

    let table = BatchMulPreprocessing::new(G1Projective::from(G1Affine::generator()), 2 * n);
    let points = table.batch_mul(&scalars);

    let mut bytes = Vec::with_capacity(file_len(k));
    bytes.extend_from_slice(&k.to_le_bytes());
    for point in &points {
        push_raw(&mut bytes, [point.x, point.y]);
    }
    let generator = G2Affine::generator();
    let in_g2 = (G2Projective::from(generator) * *secret).into_affine();
    for point in [generator, in_g2] {
        push_raw(&mut bytes, [point.x.c0, point.x.c1, point.y.c0, point.y.c1]);
    }
    bytes
}

/// Appends the Montgomery limbs, which are the same in arkworks and halo2curves for this field.
fn push_raw<const N: usize>(bytes: &mut Vec<u8>, coordinates: [ark_bn254::Fq; N]) {
    for coordinate in coordinates {
        for limb in coordinate.0.0 {
            bytes.extend_from_slice(&limb.to_le_bytes());
        }
    }
}

/// Returns halo2's generator of the domain of 2ᵏ elements.
fn root_of_unity(k: u32) -> Fr {
    let omega = EvaluationDomain::<bn256::Fr>::new(1, k).get_omega();
    Fr::from_le_bytes_mod_order(omega.to_repr().as_ref())
}

/// Checks a file of KZG parameters (`kzg_bn254_K.srs`, halo2's raw format) and returns its k.
/// The bytes can be untrusted.
///
/// # Errors
/// See [`SrsError`].
pub fn check_parameters(bytes: &[u8]) -> Result<u32, SrsError> {
    read_checked(bytes).map(|params| params.k())
}

/// Reads and checks a parameter file from an untrusted source.
///
/// Checks every point, and checks powers and Lagrange points by random combinations with 128-bit
/// coefficients. An invalid file passes with probability at most 2⁻¹²⁷.
pub(super) fn read_checked(bytes: &[u8]) -> Result<Parameters, SrsError> {
    let k = bytes
        .first_chunk::<4>()
        .map(|k| u32::from_le_bytes(*k))
        .filter(|k| (1..=MAX_K).contains(k) && bytes.len() == file_len(*k))
        .ok_or(SrsError::Length)?;
    let n = 1usize << k;

    let (g1_bytes, g2_bytes) = bytes[4..].split_at(2 * n * POINT);
    let bad = g1_bytes.par_chunks_exact(POINT).position_any(|bytes| {
        bn256::G1Affine::from_raw_bytes(bytes).is_none_or(|point| bool::from(point.is_identity()))
    });
    if let Some(place) = bad {
        return Err(SrsError::Point(place));
    }
    for (place, bytes) in g2_bytes.chunks_exact(2 * POINT).enumerate() {
        // Unlike G1, the curve of G2 has a cofactor, so the subgroup needs its own check.
        let sound = bn256::G2Affine::from_raw_bytes(bytes).is_some_and(|point| {
            !bool::from(point.is_identity()) && bool::from(point.to_curve().is_torsion_free())
        });
        if !sound {
            return Err(SrsError::Point(2 * n + place));
        }
    }

    let params = read(bytes).map_err(|_| SrsError::Length)?;
    let g = params.get_g();
    if g[0] != bn256::G1Affine::generator() || params.g2() != bn256::G2Affine::generator() {
        return Err(SrsError::Generator);
    }
    if params.s_g2() == params.g2() {
        return Err(SrsError::Trivial);
    }

    // e(Σ ρᵢ·s^(i+1), g₂) = e(Σ ρᵢ·sⁱ, s·g₂)
    let coefficients: Vec<bn256::Fr> = (0..n).map(|_| random_coefficient()).collect();
    let low = best_multiexp(&coefficients[1..], &g[..n - 1]).to_affine();
    let high = best_multiexp(&coefficients[1..], &g[1..]).to_affine();
    let product = bn256::Bn256::multi_miller_loop(&[
        (&high, &params.g2().into()),
        (&-low, &params.s_g2().into()),
    ])
    .final_exponentiation();
    if !bool::from(product.is_identity()) {
        return Err(SrsError::Powers);
    }

    // The commitments to the evaluations and to the coefficients of a polynomial must agree.
    let domain = EvaluationDomain::<bn256::Fr>::new(1, k);
    let evaluations = domain.lagrange_from_vec(coefficients);
    let by_lagrange = params.commit_lagrange(&evaluations, Blind::default());
    let by_powers = params.commit(&domain.lagrange_to_coeff(evaluations), Blind::default());
    if by_lagrange != by_powers {
        return Err(SrsError::Lagrange);
    }
    Ok(params)
}

/// Makes a file of the first 2ᵏ powers of larger parameters. The Lagrange points take a Fourier
/// transform in the group: seconds for k = 16.
pub(super) fn downsize(params: &Parameters, k: u32) -> io::Result<Vec<u8>> {
    let powers = params.get_g()[..1 << k].to_vec();
    let lagrange = g_to_lagrange(powers.iter().map(|point| point.to_curve()).collect(), k);
    let smaller = params.from_parts(k, powers, Some(lagrange), params.g2(), params.s_g2());
    let mut bytes = Vec::with_capacity(file_len(k));
    smaller.write_custom(&mut bytes, SerdeFormat::RawBytesUnchecked)?;
    Ok(bytes)
}

fn random_coefficient() -> bn256::Fr {
    bn256::Fr::from_raw([OsRng.next_u64(), OsRng.next_u64(), 0, 0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: u32 = 6;
    const N: usize = 1 << K;

    fn replaced(bytes: &[u8], place: usize, point: &bn256::G1Affine) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes[4 + place * POINT..4 + (place + 1) * POINT].copy_from_slice(&point.to_raw_bytes());
        bytes
    }

    #[test]
    fn generated_parameters_pass_every_check_and_halo2_reads_them() {
        let bytes = generate(K);
        let params = read_checked(&bytes).unwrap();
        assert_eq!(params.k(), K);
        let mut written = Vec::new();
        params
            .write_custom(&mut written, SerdeFormat::RawBytes)
            .unwrap();
        assert_eq!(written, bytes);
    }

    #[test]
    fn parameters_of_halo2_itself_pass() {
        let params = Parameters::setup(K, OsRng);
        let mut bytes = Vec::new();
        params
            .write_custom(&mut bytes, SerdeFormat::RawBytes)
            .unwrap();
        assert!(read_checked(&bytes).is_ok());
    }

    #[test]
    fn each_kind_of_tampering_is_named() {
        let bytes = generate(K);
        let params = read(&bytes).unwrap();
        let g = params.get_g();
        let check = |bytes: &[u8]| read_checked(bytes).unwrap_err();

        assert_eq!(check(&bytes[..bytes.len() - 1]), SrsError::Length);
        assert_eq!(check(&[]), SrsError::Length);
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(check(&longer), SrsError::Length);

        let mut off_curve = bytes.clone();
        off_curve[4 + 5 * POINT] ^= 1;
        assert_eq!(check(&off_curve), SrsError::Point(5));
        let identity = bn256::G1Affine::identity();
        assert_eq!(check(&replaced(&bytes, 7, &identity)), SrsError::Point(7));

        let two = (g[0] + g[0]).to_affine();
        assert_eq!(check(&replaced(&bytes, 0, &two)), SrsError::Generator);
        // A valid point in the wrong place, at either end and in the middle.
        for place in [1, N / 2, N - 1] {
            assert_eq!(check(&replaced(&bytes, place, &two)), SrsError::Powers);
        }
        for place in [N, 2 * N - 1] {
            assert_eq!(check(&replaced(&bytes, place, &two)), SrsError::Lagrange);
        }

        // Another secret in G2.
        let other = generate(K);
        let mut mixed = bytes.clone();
        let at = bytes.len() - 2 * POINT;
        mixed[at..].copy_from_slice(&other[at..]);
        assert_eq!(check(&mixed), SrsError::Powers);

        // s = 1.
        let mut trivial = bytes.clone();
        let generator = bytes[at - 2 * POINT..at].to_vec();
        trivial[at..].copy_from_slice(&generator);
        assert_eq!(check(&trivial), SrsError::Trivial);
    }

    #[test]
    fn a_g2_point_outside_the_subgroup_is_refused() {
        use halo2curves::CurveAffine;
        use halo2curves::ff::Field as _;
        let mut bytes = generate(K);
        // Almost every point of the twist is outside the subgroup.
        let outside = (1u64..)
            .find_map(|x| {
                let x = bn256::Fq2::from(x);
                let y = (x.square() * x + bn256::G2Affine::b()).sqrt();
                Option::<bn256::Fq2>::from(y).map(|y| bn256::G2Affine { x, y })
            })
            .unwrap();
        assert!(bool::from(outside.is_on_curve()));
        let at = bytes.len() - 2 * POINT;
        bytes[at..].copy_from_slice(&outside.to_raw_bytes());
        assert_eq!(
            read_checked(&bytes).unwrap_err(),
            SrsError::Point(2 * N + 1)
        );
    }

    #[test]
    fn downsized_parameters_pass_every_check() {
        let params = read(&generate(K)).unwrap();
        let smaller = read_checked(&downsize(&params, K - 2).unwrap()).unwrap();
        assert_eq!(smaller.get_g(), &params.get_g()[..N / 4]);
    }
}
