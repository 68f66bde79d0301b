//! 𝔽_q¹² as 𝔽_q\[w\]/(w¹² − 18w⁶ + 82), where u = w⁶ − 9, and unreduced polynomials over 𝔽_q. The
//! product of all lines of a step is one such polynomial. It differs from its remainder by a
//! multiple of the modulus, which is checked at one random point.

use ark_bn254::{Fq, Fq12};
use ark_ff::{AdditiveGroup, Field};

use crate::aggregation::pairing::residue::coefficients;

/// Number of coefficients of an element.
pub(crate) const DEGREE: usize = 12;
/// Number of powers of the Frobenius map that the residue witness takes.
pub(crate) const FROBENIUS: usize = 3;

/// A polynomial, lowest coefficient first.
pub(crate) type Polynomial = Vec<Fq>;

/// Returns a·b.
pub(crate) fn multiply(a: &[Fq], b: &[Fq]) -> Polynomial {
    let mut product = vec![Fq::ZERO; a.len() + b.len() - 1];
    for (i, a) in a.iter().enumerate() {
        if *a != Fq::ZERO {
            for (j, b) in b.iter().enumerate() {
                product[i + j] += *a * b;
            }
        }
    }
    product
}

/// Returns a·(1 + Σ cᵢ·wⁱ) for a sparse line.
pub(crate) fn multiply_line(a: &[Fq], line: &SparseLine) -> Polynomial {
    let mut product = a.to_vec();
    product.resize(a.len() + 9, Fq::ZERO);
    for (power, c) in line {
        for (i, a) in a.iter().enumerate() {
            product[i + power] += *a * c;
        }
    }
    product
}

/// Coefficients of w, w³, w⁷ and w⁹ of a line.
pub(crate) type SparseLine = [(usize, Fq); 4];

/// Returns quotient and remainder by w¹² − 18w⁶ + 82.
pub(crate) fn divide(polynomial: &[Fq]) -> (Polynomial, [Fq; DEGREE]) {
    let mut rest = polynomial.to_vec();
    rest.resize(rest.len().max(DEGREE), Fq::ZERO);
    let mut quotient = vec![Fq::ZERO; rest.len() - DEGREE];
    let (eighteen, eighty_two) = (Fq::from(18u64), Fq::from(82u64));
    for i in (0..quotient.len()).rev() {
        let lead = rest[i + DEGREE];
        quotient[i] = lead;
        rest[i + 6] += lead * eighteen;
        rest[i] -= lead * eighty_two;
    }
    let remainder = std::array::from_fn(|i| rest[i]);
    (quotient, remainder)
}

/// Returns the nonzero coefficients of (wᵏ)^(q^e) for k = 0 … 11.
pub(crate) fn frobenius_coefficients(e: usize) -> Vec<Vec<(usize, Fq)>> {
    (0..DEGREE)
        .map(|k| {
            let mut unit = [Fq::ZERO; DEGREE];
            unit[k] = Fq::ONE;
            let mut element: Fq12 = crate::aggregation::pairing::residue::from_coefficients(&unit);
            element.frobenius_map_in_place(e);
            let image = coefficients(&element);
            (0..DEGREE)
                .filter(|power| image[*power] != Fq::ZERO)
                .map(|power| (power, image[power]))
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregation::pairing::residue::from_coefficients;
    use ark_ff::UniformRand;
    use rand::SeedableRng;

    #[test]
    fn division_is_reduction() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(51);
        for _ in 0..20 {
            let [a, b] = [(); 2].map(|()| Fq12::rand(&mut rng));
            let product = multiply(&coefficients(&a), &coefficients(&b));
            let (quotient, remainder) = divide(&product);
            assert_eq!(from_coefficients(&remainder), a * b);
            let mut modulus = vec![Fq::ZERO; 13];
            modulus[0] = Fq::from(82u64);
            modulus[6] = -Fq::from(18u64);
            modulus[12] = Fq::ONE;
            let mut sum = multiply(&quotient, &modulus);
            for (sum, remainder) in sum.iter_mut().zip(remainder) {
                *sum += remainder;
            }
            assert_eq!(sum[..product.len()], product);
        }
    }
}
