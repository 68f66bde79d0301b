//! Groups of identities, and the quotient and carries that make a group a statement over the
//! integers.

use ark_bn254::Fq;
use ark_ff::PrimeField;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use num_bigint::{BigInt, BigUint, Sign};
use rayon::prelude::*;

use crate::aggregation::foreign::bounds::{
    CARRIES, CARRY_OFFSET_BITS, GROUP_PRODUCTS, GROUP_WEIGHTS, QUOTIENT_LIMBS,
    QUOTIENT_OFFSET_BITS, ROW_LINEAR,
};
use crate::aggregation::foreign::limbs::{LIMB_BITS, LIMBS, integer, limbs_of};
use crate::aggregation::foreign::trace::{Identity, Row, Trace};
use crate::convert::{limbs as words, power_of_two};

/// Identities that share a quotient and carries.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Segment, identity, number of its first weight.
    pub(crate) members: Vec<(usize, Identity, usize)>,
}

/// Cuts all identities, in order, into groups within the bounds.
pub(crate) fn groups(trace: &Trace) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut members = Vec::new();
    let (mut weights, mut products) = (0, 0);
    for (number, segment) in trace.segments.iter().enumerate() {
        for identity in &segment.identities {
            let rows = &segment.rows[identity.first..identity.first + identity.rows];
            let heavy: u64 = rows.iter().map(Row::weight).sum();
            // The bounds assume this of every identity.
            assert!(heavy <= GROUP_PRODUCTS && identity.weights <= GROUP_WEIGHTS);
            assert!(identity.rows as u64 <= heavy + 2 * identity.weights as u64);
            assert!(rows.iter().all(|row| row.linear_weight() <= ROW_LINEAR));
            if weights + identity.weights > GROUP_WEIGHTS || products + heavy > GROUP_PRODUCTS {
                groups.push(Group {
                    members: std::mem::take(&mut members),
                });
                (weights, products) = (0, 0);
            }
            members.push((number, *identity, weights));
            weights += identity.weights;
            products += heavy;
        }
    }
    groups.push(Group { members });
    groups
}

/// Returns the number of weights of the largest group.
pub(crate) fn weights(groups: &[Group]) -> usize {
    let of = |group: &Group| {
        let (_, identity, first) = group.members.last().expect("no group is empty");
        first + identity.weights
    };
    groups.iter().map(of).max().unwrap_or(0)
}

/// Quotient K and carries C of a group, with their offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Division {
    /// Limbs of K + 2^[`QUOTIENT_OFFSET_BITS`].
    pub(crate) quotient: [Fr; QUOTIENT_LIMBS],
    /// Cₗ + 2^[`CARRY_OFFSET_BITS`].
    pub(crate) carries: [Fr; CARRIES],
}

/// Number of coefficients of a product of two values.
const COEFFICIENTS: usize = 2 * LIMBS - 1;

/// Returns the coefficients of the two coordinates of a row.
fn coefficients(trace: &Trace, row: &Row) -> [[i128; COEFFICIENTS]; 2] {
    let mut out = [[0i128; COEFFICIENTS]; 2];
    let [a, b, d] = [row.a, row.b, row.d].map(|pair| pair.map(|operand| trace.limbs(operand)));
    let mut product = |coordinate: usize, c: i8, a: &[i64; LIMBS], b: &[i64; LIMBS]| {
        if c != 0 {
            for (i, a) in a.iter().enumerate() {
                for (j, b) in b.iter().enumerate() {
                    out[coordinate][i + j] += i128::from(c) * i128::from(*a) * i128::from(*b);
                }
            }
        }
    };
    let [p0, p1, p2] = row.products;
    product(0, p0, &a[0], &b[0]);
    product(0, p1, &a[1], &b[1]);
    product(1, p2, &a[0], &b[1]);
    product(1, p2, &a[1], &b[0]);
    let [l0, l1, l2] = row.linear;
    for (coordinate, c, d) in [(0, l0, &d[0]), (0, l1, &d[1]), (1, l2, &d[1])] {
        for (i, d) in d.iter().enumerate() {
            out[coordinate][i] += i128::from(c) * i128::from(*d);
        }
    }
    out[0][0] += i128::from(row.constant);
    out
}

/// Returns the integer of least magnitude in a class modulo r.
fn centred(value: &Fr) -> BigInt {
    let unsigned = |value: &Fr| {
        let digits = words(value).map(|word| [word as u32, (word >> 32) as u32]);
        BigUint::new(digits.as_flattened().to_vec())
    };
    let (positive, negative) = (unsigned(value), unsigned(&-value));
    if positive <= negative {
        BigInt::from_biguint(Sign::Plus, positive)
    } else {
        BigInt::from_biguint(Sign::Minus, negative)
    }
}

/// Converts an integer to a field element.
fn element(value: &BigInt) -> Fr {
    let magnitude = value
        .magnitude()
        .iter_u64_digits()
        .collect::<Vec<_>>()
        .iter()
        .rev()
        .fold(Fr::ZERO, |sum, digit| {
            sum * power_of_two(64) + Fr::from(*digit)
        });
    if value.sign() == Sign::Minus {
        -magnitude
    } else {
        magnitude
    }
}

fn floor_shift(value: &BigInt) -> BigInt {
    // The shift of `num_bigint` rounds toward minus infinity.
    value >> LIMB_BITS
}

/// Divides the weighted sum of a group by q. If an identity does not hold, there is a remainder. It
/// is dropped, and the constraints then fail.
pub(crate) fn divide(trace: &Trace, group: &Group, weights: &[Fr]) -> Division {
    let mut sums = [Fr::ZERO; COEFFICIENTS];
    for (segment, identity, first) in &group.members {
        let rows = &trace.segments[*segment].rows[identity.first..identity.first + identity.rows];
        let mut total = [[0i128; COEFFICIENTS]; 2];
        for row in rows {
            for (total, part) in total.iter_mut().zip(coefficients(trace, row)) {
                for (total, part) in total.iter_mut().zip(part) {
                    *total += part;
                }
            }
        }
        for (coordinate, total) in total.iter().enumerate().take(identity.weights) {
            let weight = weights[first + coordinate];
            for (sum, coefficient) in sums.iter_mut().zip(total) {
                *sum += weight * integer(*coefficient);
            }
        }
    }
    let sums: Vec<BigInt> = sums.iter().map(centred).collect();
    let value = sums
        .iter()
        .rev()
        .fold(BigInt::from(0u8), |value, sum| (value << LIMB_BITS) + sum);
    let q = BigInt::from(BigUint::from(Fq::MODULUS));
    let offset = BigInt::from(1u8) << QUOTIENT_OFFSET_BITS;
    let mut shifted = value / &q + offset;
    let mask = (BigInt::from(1u8) << LIMB_BITS) - 1u8;
    // K itself has the limbs of the shifted quotient minus the limbs of the offset.
    let mut quotient = Vec::with_capacity(QUOTIENT_LIMBS);
    for place in 0..QUOTIENT_LIMBS {
        let limb = if place + 1 < QUOTIENT_LIMBS {
            &shifted & &mask
        } else {
            shifted.clone()
        };
        shifted = floor_shift(&shifted);
        quotient.push(limb);
    }
    let offset_limb = BigInt::from(1u8) << (QUOTIENT_OFFSET_BITS % LIMB_BITS);
    let q_limbs = modulus_limbs();
    let mut carry = BigInt::from(0u8);
    let carries = std::array::from_fn(|place| {
        let mut difference = sums.get(place).cloned().unwrap_or_default();
        for (i, limb) in quotient.iter().enumerate() {
            if let Some(j) = place.checked_sub(i).filter(|j| *j < LIMBS) {
                let mut limb = limb.clone();
                if i == QUOTIENT_OFFSET_BITS / LIMB_BITS {
                    limb -= &offset_limb;
                }
                difference -= limb * q_limbs[j];
            }
        }
        // P = (X − B)·C: Pₗ = Cₗ₋₁ − B·Cₗ.
        carry = floor_shift(&(&carry - difference));
        element(&carry) + power_of_two(CARRY_OFFSET_BITS)
    });
    Division {
        quotient: std::array::from_fn(|i| element(&quotient[i])),
        carries,
    }
}

/// Divides all groups in parallel.
pub(crate) fn divide_all(trace: &Trace, groups: &[Group], weights: &[Fr]) -> Vec<Division> {
    groups
        .par_iter()
        .map(|group| divide(trace, group, weights))
        .collect()
}

/// Returns the limbs of q.
pub(crate) fn modulus_limbs() -> [u64; LIMBS] {
    let mut limbs = limbs_of(&-Fq::from(1u64));
    limbs[0] += 1;
    limbs
}
