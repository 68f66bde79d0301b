//! Scalar multiplication on the embedded curve, x² + y² = 1 + d·x²·y².
//!
//! The coefficient a = 1 is a square and d is not, so the addition law is complete: its
//! denominators 1 ± d·x₁x₂y₁y₂ vanish for no two points of the curve, whatever their order. Every
//! point that enters must therefore be on the curve; there is no other requirement.

use super::builder::inverse_or_zero;
use super::{Builder, Num, Synthesis};
use ark_bn254::Fr;
use ark_ec::twisted_edwards::TECurveConfig;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ed_on_bn254::{EdwardsAffine, EdwardsConfig, EdwardsProjective};
use ark_ff::Zero;
use std::sync::LazyLock;

/// Bits of the scalars that the circuit takes bit by bit: the width of ℓ.
pub(crate) const SCALAR_BITS: usize = 251;

/// Width of the windows of the fixed base.
const WINDOW: usize = 3;

/// A point, by coordinates.
#[derive(Clone)]
pub(crate) struct Point {
    pub(crate) x: Num,
    pub(crate) y: Num,
}

/// Points i·8^j·G, i = 0 … 7, for window j.
static FIXED_BASE: LazyLock<Vec<[EdwardsAffine; 1 << WINDOW]>> = LazyLock::new(|| {
    let mut base = EdwardsProjective::from(EdwardsAffine::generator());
    (0..SCALAR_BITS.div_ceil(WINDOW))
        .map(|_| {
            let mut multiple = EdwardsProjective::zero();
            let mut entries = Vec::with_capacity(1 << WINDOW);
            for _ in 0..1 << WINDOW {
                entries.push(multiple);
                multiple += base;
            }
            base = multiple;
            let entries = EdwardsProjective::normalize_batch(&entries);
            std::array::from_fn(|i| entries[i])
        })
        .collect()
});

/// Constrains the point to the curve: three constraints.
pub(crate) fn on_curve(b: &mut Builder, point: &Point) -> Synthesis<()> {
    let xx = b.mul(&point.x, &point.x)?;
    let yy = b.mul(&point.y, &point.y)?;
    let right = xx.plus(&yy).minus(&b.one());
    b.enforce(&xx.times(EdwardsConfig::COEFF_D), &yy, &right)
}

/// Returns −P.
pub(crate) fn negated(point: &Point) -> Point {
    Point {
        x: point.x.negated(),
        y: point.y.clone(),
    }
}

/// Returns P + Q: six constraints.
pub(crate) fn add(b: &mut Builder, p: &Point, q: &Point) -> Synthesis<Point> {
    let beta = b.mul(&p.x, &q.y)?;
    let gamma = b.mul(&p.y, &q.x)?;
    let delta = b.mul(&p.y.minus(&p.x), &q.x.plus(&q.y))?;
    let tau = b.mul(&beta, &gamma)?.times(EdwardsConfig::COEFF_D);
    let x = beta.plus(&gamma);
    let y = delta.plus(&beta).minus(&gamma);
    divide(b, [&x, &y], &tau)
}

/// Returns 2·P: five constraints. On the curve x² + y² = 1 + d·x²y².
pub(crate) fn double(b: &mut Builder, p: &Point) -> Synthesis<Point> {
    let product = b.mul(&p.x, &p.y)?;
    let tau = b.mul(&product, &product)?.times(EdwardsConfig::COEFF_D);
    let difference = b.mul(&p.y.minus(&p.x), &p.y.plus(&p.x))?;
    divide(b, [&product.times(Fr::from(2u64)), &difference], &tau)
}

/// Returns (x / (1 + τ), y / (1 − τ)).
fn divide(b: &mut Builder, [x, y]: [&Num; 2], tau: &Num) -> Synthesis<Point> {
    let below = b.one().plus(tau);
    let above = b.one().minus(tau);
    let inverse = inverse_or_zero(below.value() * above.value());
    let x = b.quotient(x, &below, x.value() * inverse * above.value())?;
    let y = b.quotient(y, &above, y.value() * inverse * below.value())?;
    Ok(Point { x, y })
}

/// Returns k·G for the bits of k, at most 251, least significant first.
pub(crate) fn mul_generator(b: &mut Builder, bits: &[Num]) -> Synthesis<Point> {
    debug_assert!(bits.len() <= SCALAR_BITS);
    let mut sum: Option<Point> = None;
    for (window, table) in bits.chunks(WINDOW).zip(FIXED_BASE.iter()) {
        let entry = lookup(b, window, table)?;
        sum = Some(match sum {
            None => entry,
            Some(sum) => add(b, &sum, &entry)?,
        });
    }
    Ok(sum.unwrap_or_else(|| Point {
        x: b.constant(Fr::zero()),
        y: b.one(),
    }))
}

/// Returns the entry of a constant table that up to three bits select: three constraints.
fn lookup(b: &mut Builder, bits: &[Num], table: &[EdwardsAffine; 8]) -> Synthesis<Point> {
    let zero = b.constant(Fr::zero());
    let bit = |i: usize| bits.get(i).unwrap_or(&zero).clone();
    let (low, middle, high) = (bit(0), bit(1), bit(2));
    let both = b.mul(&low, &middle)?;
    let mut coordinate = |column: [Fr; 8]| -> Synthesis<Num> {
        let four = |b: &Builder, t: &[Fr]| {
            b.constant(t[0])
                .plus(&low.times(t[1] - t[0]))
                .plus(&middle.times(t[2] - t[0]))
                .plus(&both.times(t[3] - t[2] - t[1] + t[0]))
        };
        let lower = four(b, &column[..4]);
        let upper = four(b, &column[4..]);
        b.select(&high, &upper, &lower)
    };
    let x = coordinate(table.map(|point| point.x))?;
    let y = coordinate(table.map(|point| point.y))?;
    Ok(Point { x, y })
}

/// A scalar recoded in signed digits, for [`mul`]; several points can share it.
///
/// With bits k₀ … k_n, the odd number k | 1 equals 2^n + Σ (2·k_{i+1} − 1)·2^i over i < n. Digits
/// are taken in pairs, worth ±1 or ±3.
pub(crate) struct Digits {
    odd: Num,
    /// From the top: the sign bit, and whether the magnitude is 1 instead of 3.
    pairs: Vec<(Num, Num)>,
}

impl Digits {
    /// Recodes a scalar given by its bits, least significant first: one constraint a pair.
    pub(crate) fn new(b: &mut Builder, bits: &[Num]) -> Synthesis<Self> {
        let mut upper = bits[1..].to_vec();
        if upper.len() % 2 == 1 {
            upper.push(b.constant(Fr::zero()));
        }
        let mut pairs = Vec::with_capacity(upper.len() / 2);
        for pair in upper.chunks_exact(2).rev() {
            let (low, high) = (&pair[0], &pair[1]);
            let both = b.mul(low, high)?;
            let differ = low.plus(high).minus(&both.times(Fr::from(2u64)));
            pairs.push((high.clone(), differ));
        }
        Ok(Self {
            odd: bits[0].clone(),
            pairs,
        })
    }
}

/// Returns k·P for any point of the curve.
pub(crate) fn mul(b: &mut Builder, digits: &Digits, point: &Point) -> Synthesis<Point> {
    let twice = double(b, point)?;
    let thrice = add(b, &twice, point)?;
    let mut sum = point.clone();
    for (index, (positive, single)) in digits.pairs.iter().enumerate() {
        sum = if index == 0 {
            twice.clone()
        } else {
            double(b, &sum)?
        };
        sum = double(b, &sum)?;
        let x = b.select(single, &point.x, &thrice.x)?;
        let y = b.select(single, &point.y, &thrice.y)?;
        let sign = positive.times(Fr::from(2u64)).minus(&b.one());
        let x = b.mul(&sign, &x)?;
        sum = add(b, &sum, &Point { x, y })?;
    }
    // The sum is (k | 1)·P; for an even k, P is subtracted again.
    let even = b.one().minus(&digits.odd);
    let x = b.mul(&even, &point.x.negated())?;
    let one = b.one();
    let y = b.select(&even, &point.y, &one)?;
    add(b, &sum, &Point { x, y })
}

/// Returns the value of a point.
#[cfg(test)]
pub(crate) fn value(point: &Point) -> EdwardsAffine {
    EdwardsAffine::new_unchecked(point.x.value(), point.y.value())
}
