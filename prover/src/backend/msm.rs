//! Multi-scalar multiplication with signed buckets, whose points are added in affine form.
//!
//! Each window sorts the points by bucket and sums every bucket as a balanced tree. All additions
//! of one level share an inversion (Montgomery's trick). An addition then costs five
//! multiplications and a squaring, compared to eleven multiplications for a mixed Jacobian
//! addition, and points in the same bucket need no special treatment.
//!
//! Witness values are mostly small. Zeros are dropped, ±1 are summed directly, and a scalar above
//! (r−1)/2 is replaced by its negative, so that small negative values have few digits too.
//!
//! The running time depends on the scalars. The prover's machine is trusted with the witness.

use ark_bn254::Fr;
use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ec::{AdditiveGroup, AffineRepr};
use ark_ff::{BigInteger, Field, PrimeField, Zero};
use rayon::prelude::*;

/// Number of additions that share an inversion. The vectors of a chunk fit in the second-level
/// cache.
const CHUNK: usize = 1024;

/// Top bit of an index: marks a point to negate.
const NEGATED: u32 = 1 << 31;

/// A scalar of absolute value greater than 1, with the index of its point.
struct Term {
    magnitude: [u64; 4],
    index: u32,
}

/// Returns Σ scalarᵢ·baseᵢ.
///
/// # Panics
/// If the numbers of scalars and bases differ, or are 2³¹ or more.
pub(super) fn msm<P>(bases: &[Affine<P>], scalars: &[Fr]) -> Projective<P>
where
    P: SWCurveConfig<ScalarField = Fr>,
{
    assert_eq!(bases.len(), scalars.len(), "as many scalars as bases");
    assert!(bases.len() < NEGATED as usize, "indices have 31 bits");

    let (units, terms) = classify(bases, scalars);
    let (unit_sum, term_sum) = rayon::join(
        || {
            units
                .par_chunks(4 * CHUNK)
                .map(|indices| {
                    let mut points = gather(bases, indices);
                    sum_runs(&mut points, &mut [indices.len() as u32]);
                    points.first().map_or(Projective::ZERO, |p| (*p).into())
                })
                .sum::<Projective<P>>()
        },
        || windows(bases, &terms),
    );
    unit_sum + term_sum
}

/// Separates the scalars ±1 from the others, and drops the terms that are zero.
fn classify<P>(bases: &[Affine<P>], scalars: &[Fr]) -> (Vec<u32>, Vec<Term>)
where
    P: SWCurveConfig<ScalarField = Fr>,
{
    let parts: Vec<(Vec<u32>, Vec<Term>)> = bases
        .par_chunks(8 * CHUNK)
        .zip(scalars.par_chunks(8 * CHUNK))
        .enumerate()
        .map(|(chunk, (bases, scalars))| {
            let mut units = Vec::new();
            let mut terms = Vec::new();
            for (offset, (base, scalar)) in bases.iter().zip(scalars).enumerate() {
                if scalar.is_zero() || base.is_zero() {
                    continue;
                }
                let mut index = (chunk * 8 * CHUNK + offset) as u32;
                let mut magnitude = scalar.into_bigint();
                if magnitude > Fr::MODULUS_MINUS_ONE_DIV_TWO {
                    let mut negative = Fr::MODULUS;
                    negative.sub_with_borrow(&magnitude);
                    magnitude = negative;
                    index |= NEGATED;
                }
                if magnitude.0 == [1, 0, 0, 0] {
                    units.push(index);
                } else {
                    terms.push(Term {
                        magnitude: magnitude.0,
                        index,
                    });
                }
            }
            (units, terms)
        })
        .collect();
    let mut units = Vec::new();
    let mut terms = Vec::new();
    for (mut u, mut t) in parts {
        units.append(&mut u);
        terms.append(&mut t);
    }
    (units, terms)
}

/// Sums all windows by the bucket method.
fn windows<P>(bases: &[Affine<P>], terms: &[Term]) -> Projective<P>
where
    P: SWCurveConfig<ScalarField = Fr>,
{
    let bits = terms
        .par_iter()
        .map(|term| bit_length(&term.magnitude))
        .max()
        .unwrap_or(0);
    if bits == 0 {
        return Projective::ZERO;
    }
    let width = width_for(terms.len(), bits);
    let sums: Vec<Projective<P>> = (0..=bits / width)
        .into_par_iter()
        .map(|window| window_sum(bases, terms, window, width))
        .collect();
    sums.iter().rev().fold(Projective::ZERO, |mut total, sum| {
        for _ in 0..width {
            total.double_in_place();
        }
        total + sum
    })
}

fn bit_length(limbs: &[u64; 4]) -> u32 {
    let top = limbs.iter().rposition(|limb| *limb != 0);
    top.map_or(0, |i| i as u32 * 64 + 64 - limbs[i].leading_zeros())
}

/// Returns the window width of least cost: six multiplications for each point, and a mixed and a
/// full Jacobian addition for each bucket.
fn width_for(terms: usize, bits: u32) -> u32 {
    let cost = |width: u32| u64::from(bits / width + 1) * (6 * terms as u64 + (27 << (width - 1)));
    (3..=16).min_by_key(|width| cost(*width)).unwrap_or(3)
}

/// Returns the signed digit of a window (Booth), computed from `width` bits and the bit below them:
/// a number in [−2^(width−1), 2^(width−1)].
fn digit(limbs: &[u64; 4], window: u32, width: u32) -> i32 {
    let position = window * width;
    let raw = if position == 0 {
        bits_at(limbs, 0, width) << 1
    } else {
        bits_at(limbs, position - 1, width + 1)
    };
    (raw.div_ceil(2) as i32) - (((raw >> width) as i32) << width)
}

fn bits_at(limbs: &[u64; 4], position: u32, count: u32) -> u32 {
    let limb = (position / 64) as usize;
    let shift = position % 64;
    let Some(low) = limbs.get(limb) else {
        return 0;
    };
    let mut value = low >> shift;
    if shift + count > 64
        && let Some(high) = limbs.get(limb + 1)
    {
        value |= high << (64 - shift);
    }
    (value & ((1 << count) - 1)) as u32
}

/// Returns Σ digit·point over one window.
fn window_sum<P>(bases: &[Affine<P>], terms: &[Term], window: u32, width: u32) -> Projective<P>
where
    P: SWCurveConfig<ScalarField = Fr>,
{
    let mut lengths = vec![0u32; 1 << (width - 1)];
    let digits: Vec<i32> = terms
        .iter()
        .map(|term| {
            let digit = digit(&term.magnitude, window, width);
            if digit != 0 {
                lengths[digit.unsigned_abs() as usize - 1] += 1;
            }
            digit
        })
        .collect();

    // Counting sort: the points of bucket b follow those of bucket b − 1.
    let mut total = 0;
    let mut next: Vec<u32> = lengths
        .iter()
        .map(|length| {
            total += length;
            total - length
        })
        .collect();
    let mut sorted = vec![0u32; total as usize];
    for (term, digit) in terms.iter().zip(&digits) {
        if *digit != 0 {
            let place = &mut next[digit.unsigned_abs() as usize - 1];
            sorted[*place as usize] = term.index ^ if *digit < 0 { NEGATED } else { 0 };
            *place += 1;
        }
    }

    let mut points = gather(bases, &sorted);
    sum_runs(&mut points, &mut lengths);

    // Σ b·bucket(b) is the sum of the suffix sums.
    let mut suffix = Projective::<P>::ZERO;
    let mut sum = Projective::<P>::ZERO;
    let mut place = points.len();
    for length in lengths.iter().rev() {
        if *length == 1 {
            place -= 1;
            suffix += points[place];
        }
        sum += suffix;
    }
    sum
}

fn gather<P: SWCurveConfig>(bases: &[Affine<P>], indices: &[u32]) -> Vec<Affine<P>> {
    indices
        .iter()
        .map(|index| {
            let point = bases[(index & !NEGATED) as usize];
            if index & NEGATED == 0 { point } else { -point }
        })
        .collect()
}

/// Replaces each run of points by its sum; every length becomes 0 or 1.
fn sum_runs<P: SWCurveConfig>(points: &mut Vec<Affine<P>>, lengths: &mut [u32]) {
    let mut adder = Adder::new();
    while lengths.iter().any(|length| *length > 1) {
        let (mut read, mut write) = (0, 0);
        for length in lengths.iter_mut() {
            for _ in 0..*length / 2 {
                adder.steps.push((read, true));
                read += 2;
                if adder.steps.len() == CHUNK {
                    write = adder.flush(points, write);
                }
            }
            if *length % 2 == 1 {
                adder.steps.push((read, false));
                read += 1;
                if adder.steps.len() == CHUNK {
                    write = adder.flush(points, write);
                }
            }
            *length = length.div_ceil(2);
        }
        write = adder.flush(points, write);
        points.truncate(write);
    }
}

/// Pending additions, which will share an inversion.
struct Adder<P: SWCurveConfig> {
    /// Index of the operand, and whether to add the next point to it.
    steps: Vec<(usize, bool)>,
    /// For each addition, the denominator of its slope and the product of all previous
    /// denominators.
    denominators: Vec<(P::BaseField, P::BaseField)>,
    results: Vec<Affine<P>>,
}

impl<P: SWCurveConfig> Adder<P> {
    fn new() -> Self {
        Self {
            steps: Vec::with_capacity(CHUNK),
            denominators: Vec::with_capacity(CHUNK),
            results: Vec::with_capacity(CHUNK),
        }
    }

    /// Performs the steps and writes the results from index `write` on, which never overwrites an
    /// operand of a later step. Returns the index after the last result.
    fn flush(&mut self, points: &mut [Affine<P>], write: usize) -> usize {
        self.denominators.clear();
        self.results.clear();
        let mut product = P::BaseField::ONE;
        for (at, adds) in &self.steps {
            let denominator = if *adds {
                denominator(&points[*at], &points[at + 1])
            } else {
                None
            };
            if let Some(denominator) = denominator {
                self.denominators.push((denominator, product));
                product *= denominator;
            }
        }
        let mut inverse = product
            .inverse()
            .expect("denominators are nonzero by construction");

        for (at, adds) in self.steps.iter().rev() {
            let (p, q) = (&points[*at], points.get(at + 1));
            let result = match (adds, q) {
                (true, Some(q)) => match denominator(p, q) {
                    Some(_) => {
                        let (denominator, before) = self
                            .denominators
                            .pop()
                            .expect("one for each slope, in the same order");
                        let slope_inverse = inverse * before;
                        inverse *= denominator;
                        add(p, q, slope_inverse)
                    }
                    None => degenerate_sum(p, q),
                },
                _ => *p,
            };
            self.results.push(result);
        }
        for (place, result) in self.results.iter().rev().enumerate() {
            points[write + place] = *result;
        }
        let end = write + self.steps.len();
        self.steps.clear();
        end
    }
}

/// Returns the denominator of the slope through p and q, or `None` if the sum needs no slope.
#[inline(always)]
fn denominator<P: SWCurveConfig>(p: &Affine<P>, q: &Affine<P>) -> Option<P::BaseField> {
    if p.is_zero() || q.is_zero() {
        return None;
    }
    if p.x != q.x {
        return Some(q.x - p.x);
    }
    (p.y == q.y && !p.y.is_zero()).then(|| p.y.double())
}

/// Returns p + q if [`denominator`] is `None`: a point is the identity, or the points are opposite.
fn degenerate_sum<P: SWCurveConfig>(p: &Affine<P>, q: &Affine<P>) -> Affine<P> {
    match (p.is_zero(), q.is_zero()) {
        (true, _) => *q,
        (_, true) => *p,
        _ => Affine::identity(),
    }
}

/// Returns p + q, given the inverse of [`denominator`].
#[inline(always)]
fn add<P: SWCurveConfig>(p: &Affine<P>, q: &Affine<P>, inverse: P::BaseField) -> Affine<P> {
    let rise = if p.x == q.x {
        let square = p.x.square();
        square.double() + square + P::COEFF_A
    } else {
        q.y - p.y
    };
    let slope = rise * inverse;
    let x = slope.square() - p.x - q.x;
    let y = slope * (p.x - x) - p.y;
    Affine::new_unchecked(x, y)
}
