//! Multipliers of points in G1, in windows of four binary digits.
//!
//! A window represents ±(d + e·λ) with d ∈ {1, 3} and e ∈ {±1, ±3}, where λ·P = φ(P) is the
//! endomorphism. A scalar is Σ 4ʲ·windowⱼ. Every digit is odd, so no window adds the identity. As
//! long as both coordinates stay below the shortest vector of the lattice {(s, t) : s + t·λ ≡ 0},
//! no addition of the ladder meets equal or opposite points: one side is even, the other odd.

use ark_bn254::{Fr, g1};
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ff::{AdditiveGroup, BigInteger, PrimeField};
use num_bigint::{BigInt, BigUint, Sign};

use crate::aggregation::foreign::trace::DIGITS;

/// Number of windows of a random multiplier of 128 bits.
pub(crate) const RANDOM_WINDOWS: usize = 32;
/// Number of windows that hold any multiplier.
pub(crate) const FULL_WINDOWS: usize = 66;

/// Returns λ; multiplication by λ is φ(x, y) = (β·x, y).
pub(crate) fn lambda() -> Fr {
    g1::Config::LAMBDA
}

/// Returns β.
pub(crate) fn beta() -> ark_bn254::Fq {
    g1::Config::ENDO_COEFFS[0]
}

/// A multiplier, least significant window first.
///
/// The digits of a window are: |d| = 3, e < 0, |e| = 3, and whether the window is negated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scalar {
    /// Windows of four digits.
    pub(crate) windows: Vec<[bool; DIGITS]>,
}

impl Scalar {
    /// Takes 128 bits as digits, four a window.
    pub(crate) fn random(bits: u128) -> Scalar {
        Scalar {
            windows: (0..RANDOM_WINDOWS)
                .map(|j| std::array::from_fn(|i| (bits >> (DIGITS * j + i)) & 1 == 1))
                .collect(),
        }
    }

    /// Returns the digits of any scalar.
    pub(crate) fn full(value: &Fr) -> Scalar {
        let (s, t) = odd_decomposition(value);
        let digits = |value: &BigInt| {
            let modulus = BigInt::from(1u8) << (2 * FULL_WINDOWS);
            let shifted: BigInt = (value + modulus - 1u8) >> 1;
            let (_, magnitude) = shifted.into_parts();
            (0..FULL_WINDOWS as u64)
                .map(|j| {
                    let digit =
                        u8::from(magnitude.bit(2 * j)) + 2 * u8::from(magnitude.bit(2 * j + 1));
                    2 * i8::try_from(digit).expect("two bits") - 3
                })
                .collect::<Vec<i8>>()
        };
        let windows = digits(&s).into_iter().zip(digits(&t)).map(|(d, e)| {
            let negative = d < 0;
            let e = if negative { -e } else { e };
            [d.abs() == 3, e < 0, e.abs() == 3, negative]
        });
        Scalar {
            windows: windows.collect(),
        }
    }

    /// Returns the value mod r.
    pub(crate) fn value(&self) -> Fr {
        self.windows.iter().rev().fold(Fr::ZERO, |sum, window| {
            sum.double().double() + window_value(window)
        })
    }
}

/// Returns ±(d + e·λ).
pub(crate) fn window_value([three, minus, e_three, negative]: &[bool; DIGITS]) -> Fr {
    let odd = |three: bool| Fr::from(if three { 3u64 } else { 1 });
    let e = odd(*e_three) * lambda();
    let value = odd(*three) + if *minus { -e } else { e };
    if *negative { -value } else { value }
}

/// Returns (s, t) with s + t·λ ≡ value, both odd and about half as long as `value`.
fn odd_decomposition(value: &Fr) -> (BigInt, BigInt) {
    let signed = |(positive, magnitude): (bool, Fr)| {
        let magnitude: BigUint = magnitude.into_bigint().into();
        let sign = if positive { Sign::Plus } else { Sign::Minus };
        BigInt::from_biguint(sign, magnitude)
    };
    let (s, t) = g1::Config::scalar_decomposition(*value);
    let (s, t) = (signed(s), signed(t));
    let [a, b, c, d] = g1::Config::SCALAR_DECOMP_COEFFS.map(|(positive, magnitude)| {
        let sign = if positive { Sign::Plus } else { Sign::Minus };
        BigInt::from_bytes_le(sign, &magnitude.to_bytes_le())
    });
    // The lattice's vectors are independent mod 2, because the determinant is r.
    let odd = |value: &BigInt| value.bit(0);
    for (i, j) in [(0u8, 0u8), (1, 0), (0, 1), (1, 1)] {
        let s = &s + &a * i + &c * j;
        let t = &t + &b * i + &d * j;
        if odd(&s) && odd(&t) {
            return (s, t);
        }
    }
    unreachable!("one of four classes mod 2 is odd in both coordinates")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{Field, UniformRand};
    use rand::{Rng, SeedableRng};

    #[test]
    fn digits_stand_for_their_scalar() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(41);
        let edges = [Fr::ZERO, Fr::ONE, -Fr::ONE, lambda(), -lambda()];
        for value in edges
            .into_iter()
            .chain((0..1000).map(|_| Fr::rand(&mut rng)))
        {
            let scalar = Scalar::full(&value);
            assert_eq!(scalar.windows.len(), FULL_WINDOWS);
            assert_eq!(scalar.value(), value);
        }
        assert_eq!(lambda().square() + lambda() + Fr::ONE, Fr::ZERO);
    }

    /// The map from 128 bits to 𝔽_r is injective: two different pairs of digit strings differ by a
    /// vector shorter than any vector of the lattice.
    #[test]
    fn random_multipliers_are_distinct() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(42);
        let bits: u128 = rng.r#gen();
        let value = Scalar::random(bits).value();
        for i in 0..128 {
            assert_ne!(Scalar::random(bits ^ (1 << i)).value(), value);
        }
    }
}
