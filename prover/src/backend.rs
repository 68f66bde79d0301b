//! The costly operations of a Groth16 prover, behind a trait.
//!
//! A Groth16 proof consists of four multi-scalar multiplications in G1, one in G2 and seven Fourier
//! transforms. Everything else in the prover is bookkeeping. To support another device, implement
//! [`Backend`] and keep the uploaded bases by their [`Bases::id`].

mod msm;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ff::{FftField, Field, PrimeField};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;

/// Group elements that many multiplications share. Immutable; an id identifies the set.
pub struct Bases<G> {
    id: u64,
    points: Vec<G>,
}

impl<G> Bases<G> {
    /// Wraps the points, with an id that is unique in this process.
    pub fn new(points: Vec<G>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            points,
        }
    }

    /// Returns the id of this set, under which a device can keep its copy.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns the points, in order.
    pub fn points(&self) -> &[G] {
        &self.points
    }
}

impl<G> fmt::Debug for Bases<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bases")
            .field("id", &self.id)
            .field("len", &self.points.len())
            .finish()
    }
}

/// A Fourier transform over the radix-2 domain of the vector's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// Coefficients to evaluations over the domain.
    Forward,
    /// Evaluations over the domain to coefficients.
    Inverse,
    /// Coefficients to evaluations over the coset g·domain, g the generator of 𝔽*.
    CosetForward,
    /// Evaluations over the coset g·domain to coefficients.
    CosetInverse,
}

/// The operations that dominate the time of a proof.
pub trait Backend: Send + Sync + fmt::Debug {
    /// Returns a short name for logs and measurements.
    fn name(&self) -> &'static str;

    /// Returns Σ scalarᵢ·baseᵢ in G1.
    ///
    /// # Panics
    /// If the numbers of scalars and bases differ.
    fn msm_g1(&self, bases: &Bases<G1Affine>, scalars: &[Fr]) -> G1Projective;

    /// Returns Σ scalarᵢ·baseᵢ in G2.
    ///
    /// # Panics
    /// If the numbers of scalars and bases differ.
    fn msm_g2(&self, bases: &Bases<G2Affine>, scalars: &[Fr]) -> G2Projective;

    /// Transforms the values in place.
    ///
    /// # Panics
    /// If the length is not a power of two for which 𝔽 has roots of unity.
    fn transform(&self, kind: Transform, values: &mut Vec<Fr>);

    /// Returns the coefficients of (a·b − c)/Z. Here a and b are given by their evaluations over
    /// the domain, c = a∘b pointwise there, and Z vanishes on the domain.
    ///
    /// A device with costly transfers overrides this method and keeps the three polynomials in its
    /// memory from the first transform to the last.
    ///
    /// # Panics
    /// As [`Backend::transform`], or if the lengths differ.
    fn quotient(&self, mut a: Vec<Fr>, mut b: Vec<Fr>) -> Vec<Fr> {
        assert_eq!(a.len(), b.len(), "one domain for both polynomials");
        let mut c: Vec<Fr> = a.par_iter().zip(&b).map(|(a, b)| *a * b).collect();
        let to_coset = |values: &mut Vec<Fr>| {
            self.transform(Transform::Inverse, values);
            self.transform(Transform::CosetForward, values);
        };
        rayon::join(
            || to_coset(&mut a),
            || rayon::join(|| to_coset(&mut b), || to_coset(&mut c)),
        );
        // Z(g·ωⁱ) = gⁿ − 1 on the whole coset, and g is not an n-th root of unity.
        let vanishing = Fr::GENERATOR.pow([a.len() as u64]) - Fr::ONE;
        let inverse = vanishing
            .inverse()
            .expect("the coset is disjoint from the domain");
        a.par_iter_mut()
            .zip(&b)
            .zip(&c)
            .for_each(|((a, b), c)| *a = (*a * b - c) * inverse);
        self.transform(Transform::CosetInverse, &mut a);
        a
    }
}

/// The processor, with the threads of the surrounding rayon pool.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuBackend;

impl Backend for CpuBackend {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn msm_g1(&self, bases: &Bases<G1Affine>, scalars: &[Fr]) -> G1Projective {
        msm::msm(bases.points(), scalars)
    }

    fn msm_g2(&self, bases: &Bases<G2Affine>, scalars: &[Fr]) -> G2Projective {
        msm::msm(bases.points(), scalars)
    }

    fn transform(&self, kind: Transform, values: &mut Vec<Fr>) {
        assert!(values.len().is_power_of_two(), "length of a radix-2 domain");
        let domain = Radix2EvaluationDomain::<Fr>::new(values.len())
            .expect("𝔽 has roots of unity of this order");
        let coset = || {
            domain
                .get_coset(Fr::GENERATOR)
                .expect("a generator is not zero")
        };
        match kind {
            Transform::Forward => domain.fft_in_place(values),
            Transform::Inverse => domain.ifft_in_place(values),
            Transform::CosetForward => coset().fft_in_place(values),
            Transform::CosetInverse => coset().ifft_in_place(values),
        }
    }
}

/// Returns Σ scalarᵢ·baseᵢ in G1 for bases that are used once.
///
/// # Panics
/// If the numbers of scalars and bases differ.
pub fn msm_g1(bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    msm::msm(bases, scalars)
}

/// The window arithmetic relies on the order of 𝔽 having 254 bits.
const _: () = assert!(Fr::MODULUS_BIT_SIZE == 254);

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::{CurveGroup, VariableBaseMSM};
    use ark_ff::{UniformRand, Zero};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    fn scalars(rng: &mut StdRng, n: usize) -> Vec<Fr> {
        (0..n)
            .map(|_| match rng.gen_range(0..9) {
                0 | 1 => Fr::from(0u64),
                2 | 3 => Fr::from(1u64),
                4 => -Fr::from(1u64),
                5 => Fr::from(rng.r#gen::<u128>()),
                6 => -Fr::from(rng.r#gen::<u64>()),
                _ => Fr::rand(rng),
            })
            .collect()
    }

    #[test]
    fn msm_agrees_with_the_definition() {
        let mut rng = StdRng::seed_from_u64(1);
        for n in [0usize, 1, 2, 3, 31, 33, 257, 1500, 5000] {
            let mut points: Vec<G1Affine> = (0..n)
                .map(|_| G1Projective::rand(&mut rng).into_affine())
                .collect();
            let values = scalars(&mut rng, n);
            if n > 30 {
                // Equal, opposite and identity points take the exceptional branches of addition.
                points[3] = points[2];
                points[4] = -points[2];
                points[5] = G1Affine::identity();
                for i in 10..30 {
                    points[i] = points[9];
                }
            }
            let bases = Bases::new(points);
            assert_eq!(
                CpuBackend.msm_g1(&bases, &values),
                G1Projective::msm(bases.points(), &values).unwrap(),
                "n = {n}"
            );
        }
        let points: Vec<G2Affine> = (0..600)
            .map(|_| G2Projective::rand(&mut rng).into_affine())
            .collect();
        let values = scalars(&mut rng, 600);
        let bases = Bases::new(points);
        assert_eq!(
            CpuBackend.msm_g2(&bases, &values),
            G2Projective::msm(bases.points(), &values).unwrap()
        );
    }

    #[test]
    fn msm_of_extreme_scalars() {
        let mut rng = StdRng::seed_from_u64(2);
        let half = (-Fr::ONE) / Fr::from(2u64);
        let values = [half, half + Fr::ONE, -half, -Fr::from(2u64), Fr::zero()];
        let values: Vec<Fr> = values.iter().cycle().take(90).copied().collect();
        let points: Vec<G1Affine> = (0..90)
            .map(|_| G1Projective::rand(&mut rng).into_affine())
            .collect();
        let expected: G1Projective = points.iter().zip(&values).map(|(p, s)| *p * s).sum();
        assert_eq!(msm_g1(&points, &values), expected);
    }

    #[test]
    #[should_panic(expected = "as many scalars as bases")]
    fn msm_refuses_a_length_mismatch() {
        let _ = msm_g1(&[G1Affine::identity()], &[]);
    }

    #[test]
    fn quotient_is_the_exact_division() {
        let mut rng = StdRng::seed_from_u64(3);
        let a: Vec<Fr> = (0..64).map(|_| Fr::rand(&mut rng)).collect();
        let b: Vec<Fr> = (0..64).map(|_| Fr::rand(&mut rng)).collect();
        let h = CpuBackend.quotient(a.clone(), b.clone());
        // At a random point: A(x)·B(x) − C(x) = H(x)·(xⁿ − 1).
        let c: Vec<Fr> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
        let x = Fr::rand(&mut rng);
        let at = |values: &[Fr], evaluations: bool| {
            let mut values = values.to_vec();
            if evaluations {
                CpuBackend.transform(Transform::Inverse, &mut values);
            }
            values.iter().rev().fold(Fr::zero(), |sum, v| sum * x + v)
        };
        assert_eq!(
            at(&a, true) * at(&b, true) - at(&c, true),
            at(&h, false) * (x.pow([64u64]) - Fr::ONE)
        );
    }
}
