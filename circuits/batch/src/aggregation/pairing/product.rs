//! The whole product, recorded as values and identities in six stages.

mod evaluation;
mod powers;

use ark_bn254::{Fq, Fr};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, Field, PrimeField};
use rayon::prelude::*;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::poseidon::hash;

use crate::aggregation::foreign::limbs::{LIMB_BITS, Limbs, limbs_of, pack};
use crate::aggregation::foreign::trace::{Felt, Felt2, Segment, Trace};
use crate::aggregation::pairing::fixed::Fixed;
use crate::aggregation::pairing::g1::{Point, Table, Term};
use crate::aggregation::pairing::lines::{Line, steps};
use crate::aggregation::pairing::scalar::Scalar;
use crate::aggregation::pairing::tower::DEGREE;
use crate::aggregation::pairing::transcript::{
    MULTIPLIER_BITS, POINT_BITS, absorb, challenge, low, pack_digits,
};
use crate::client::ClientProof;
use evaluation::{Evaluation, chain, evaluate, finish};
use powers::Powers;

/// Number of pairs with a constant second point: β, γ, δ.
pub(crate) const CONSTANT_PAIRS: usize = 3;
/// Number of coefficients of the shift s₀ + s₁w² + s₂w⁴.
pub(crate) const SHIFTS: usize = 3;

/// Number of coordinates of a proof: x and y of A, B and C, with two coefficients each in B.
pub(crate) const COORDINATES: usize = 8;

/// A recorded product, with the values that the transcript needs.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    /// Values and identities.
    pub(crate) trace: Trace,
    /// Multipliers r₁ … r_N, then Σrᵢ and Σrᵢxᵢ.
    pub(crate) scalars: Vec<Scalar>,
    /// Coordinates of A, B and C of every slot.
    pub(crate) coordinates: Vec<[Felt; COORDINATES]>,
    /// x coordinate of the offset H.
    pub(crate) offset: Felt,
    /// Shift, c, 1/c, and the remainder after every step.
    pub(crate) remainders: Vec<Felt>,
    /// Challenge κ.
    pub(crate) combiner: Felt,
    /// Combined quotient.
    pub(crate) quotient: Vec<Felt>,
    /// Challenge z.
    pub(crate) point: Felt,
}

/// Recorded points of a proof.
struct Points {
    a: Point,
    b: [Felt2; 2],
    c: Point,
    coordinates: [Felt; COORDINATES],
}

/// A pair of the product: a point of G1 and the lines of a point of G2.
struct Pair<'p> {
    point: Point,
    /// 1, or −1 if the negative of the point is paired.
    sign: i8,
    lines: &'p [Line],
}

/// Values of a pair's lines at z.
struct Evaluated {
    segment: Segment,
    lines: Vec<Felt>,
}

/// Records the points of a proof and constrains them to their curves.
fn points(number: usize, proof: &ClientProof, fixed: &Fixed) -> (Segment, Points) {
    let mut segment = Segment::new(number);
    let [a, c] = [proof.a, proof.c].map(|point| point.xy().unwrap_or_default());
    let b = proof.b.xy().unwrap_or_default();
    let values = [a.0, a.1, b.0.c0, b.0.c1, b.1.c0, b.1.c1, c.0, c.1];
    let coordinates = values.map(|value| segment.exposed(value));
    let [ax, ay, b0, b1, b2, b3, cx, cy] = coordinates;
    let points = Points {
        a: Point { x: ax, y: ay },
        b: [[b0, b1], [b2, b3]],
        c: Point { x: cx, y: cy },
        coordinates,
    };
    segment.on_curve(&points.a);
    segment.on_twist(points.b[0], points.b[1], &fixed.twist);
    segment.on_curve(&points.c);
    (segment, points)
}

fn limbs_of_all(felts: &[Felt]) -> Vec<Limbs> {
    felts.iter().map(|felt| limbs_of(&felt.value)).collect()
}

fn as_element(words: [u64; 4]) -> Fq {
    Fq::from_bigint(BigInt::new(words)).unwrap_or_default()
}

/// Returns the offset H. Limbs 1 to 3 of x come from the challenge; limb 0 is the first for which x
/// belongs to a point.
fn offset(challenge: &Fr) -> (Fq, Fq) {
    let middle = low(challenge, POINT_BITS);
    let shift = Fq::from(1u64 << LIMB_BITS);
    let base = as_element(middle) * shift;
    (0..1u64 << 16)
        .find_map(|counter| {
            let x = base + Fq::from(counter);
            let y = (x.square() * x + Fq::from(3u64)).sqrt()?;
            Some((x, y))
        })
        .unwrap_or_default()
}

/// Values that a dishonest prover chooses instead of drawing them. Only tests choose.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choices {
    /// Bits of the first multiplier.
    pub(crate) multiplier: Option<u128>,
    /// Coordinates x and y of the offset.
    pub(crate) offset: Option<(Fq, Fq)>,
    /// Challenge κ.
    pub(crate) combiner: Option<Fq>,
    /// Challenge z.
    pub(crate) point: Option<Fq>,
    /// Shift, c and 1/c.
    pub(crate) residue: Option<([Fq; SHIFTS], [Fq; DEGREE], [Fq; DEGREE])>,
}

impl Product {
    /// Records the verification of `proofs` for `digests`; both have the same length.
    pub(crate) fn new(fixed: &Fixed, proofs: &[ClientProof], digests: &[Fr]) -> Product {
        Product::with(fixed, proofs, digests, &Choices::default())
    }

    /// Records as [`Product::new`], with choices.
    pub(crate) fn with(
        fixed: &Fixed,
        proofs: &[ClientProof],
        digests: &[Fr],
        choices: &Choices,
    ) -> Product {
        let (mut segments, points) = record_points(fixed, proofs);
        let (state, scalars) = draw_multipliers(fixed, &points, digests, choices);
        let slots = record_slots(&mut segments, fixed, &points, &scalars);
        let sums = record_sums(&mut segments, fixed, &slots, &scalars, &state, choices);
        let pairs = pairs(fixed, &slots, &sums);
        let drawn = record_powers(&mut segments, fixed, &pairs, &scalars, &state, choices);
        record_steps(&mut segments, fixed, &pairs, &drawn);
        Product {
            trace: Trace::new(segments, &fixed.constants),
            scalars,
            coordinates: points
                .into_iter()
                .map(|points| points.coordinates)
                .collect(),
            offset: sums.offset,
            remainders: drawn.remainders,
            combiner: drawn.combiner,
            quotient: drawn.quotient,
            point: drawn.point,
        }
    }
}

/// Stage 1: records the points of all proofs, one segment a slot.
fn record_points(fixed: &Fixed, proofs: &[ClientProof]) -> (Vec<Segment>, Vec<Points>) {
    let recorded: Vec<(Segment, Points)> = proofs
        .par_iter()
        .enumerate()
        .map(|(slot, proof)| points(slot, proof, fixed))
        .collect();
    recorded.into_iter().unzip()
}

/// Stage 2: draws the multipliers from points and digests. Returns the transcript's state t₁ and
/// the multipliers, followed by Σrᵢ and Σrᵢxᵢ.
fn draw_multipliers(
    fixed: &Fixed,
    points: &[Points],
    digests: &[Fr],
    choices: &Choices,
) -> (Fr, Vec<Scalar>) {
    let digests_of_proofs: Vec<Fr> = points
        .iter()
        .zip(digests)
        .map(|(points, digest)| {
            let mut words = pack(&limbs_of_all(&points.coordinates));
            words.push(*digest);
            hash(Domain::ClientProof, &words)
        })
        .collect();
    let state = absorb(&fixed.identity, &digests_of_proofs);
    let mut scalars: Vec<Scalar> = (0..points.len())
        .map(|slot| {
            let words = low(&challenge(&state, slot), MULTIPLIER_BITS);
            Scalar::random(u128::from(words[0]) | u128::from(words[1]) << 64)
        })
        .collect();
    if let Some(bits) = choices.multiplier {
        scalars[0] = Scalar::random(bits);
    }
    let values: Vec<Fr> = scalars.iter().map(Scalar::value).collect();
    let sum: Fr = values.iter().sum();
    let weighted: Fr = values.iter().zip(digests).map(|(r, x)| *r * x).sum();
    scalars.push(Scalar::full(&sum));
    scalars.push(Scalar::full(&weighted));
    (state, scalars)
}

/// Recorded multiples and lines of every slot.
struct Slots {
    /// rᵢ·Aᵢ.
    multiples: Vec<Point>,
    /// Tables of Cᵢ.
    tables: Vec<Table>,
    /// Lines of Bᵢ.
    lines: Vec<Vec<Line>>,
}

/// Stage 3: records multiples of A, tables of C and lines of B, one segment a slot.
fn record_slots(
    segments: &mut Vec<Segment>,
    fixed: &Fixed,
    points: &[Points],
    scalars: &[Scalar],
) -> Slots {
    let first = segments.len();
    let recorded: Vec<(Segment, Point, Table, Vec<Line>)> = points
        .par_iter()
        .enumerate()
        .map(|(slot, points)| {
            let mut segment = Segment::new(first + slot);
            let table = segment.table(&points.a, fixed.beta);
            let multiple = segment.multiply(&[Term {
                table: &table,
                scalar: &scalars[slot],
                number: slot,
            }]);
            let table = segment.table(&points.c, fixed.beta);
            let lines = segment.lines(points.b[0], points.b[1], &fixed.twist);
            (segment, multiple, table, lines)
        })
        .collect();
    let mut slots = Slots {
        multiples: Vec::with_capacity(points.len()),
        tables: Vec::with_capacity(points.len()),
        lines: Vec::with_capacity(points.len()),
    };
    for (segment, multiple, table, lines) in recorded {
        segments.push(segment);
        slots.multiples.push(multiple);
        slots.tables.push(table);
        slots.lines.push(lines);
    }
    slots
}

/// Recorded points that are paired with β, γ and δ.
struct Sums {
    /// x coordinate of the offset H.
    offset: Felt,
    /// Σrᵢ·α.
    alpha: Point,
    /// Σrᵢ·(IC₀ + xᵢ·IC₁).
    inputs: Point,
    /// −Σrᵢ·Cᵢ.
    negative_c: Point,
}

/// Stage 4: records the points that the constant ones are paired with, in one segment.
fn record_sums(
    segments: &mut Vec<Segment>,
    fixed: &Fixed,
    slots: &Slots,
    scalars: &[Scalar],
    state: &Fr,
    choices: &Choices,
) -> Sums {
    let count = slots.tables.len();
    let mut segment = Segment::new(segments.len());
    let drawn = || offset(&challenge(state, count));
    let (x, y) = choices.offset.unwrap_or_else(drawn);
    let offset_x = segment.exposed(x);
    let start = Point {
        x: offset_x,
        y: segment.value(y),
    };
    segment.on_curve(&start);
    let terms: Vec<Term<'_>> = slots
        .tables
        .iter()
        .enumerate()
        .map(|(slot, table)| Term {
            table,
            scalar: &scalars[slot],
            number: slot,
        })
        .collect();
    let with_offset = segment.sum(&terms, &start);
    let negative_c = segment.add(&start, &with_offset, -1);
    let constant_term = |table: usize, number: usize| Term {
        table: &fixed.tables[table],
        scalar: &scalars[number],
        number,
    };
    let alpha = segment.multiply(&[constant_term(0, count)]);
    let inputs = segment.multiply(&[constant_term(1, count), constant_term(2, count + 1)]);
    segments.push(segment);
    Sums {
        offset: offset_x,
        alpha,
        inputs,
        negative_c,
    }
}

/// Returns all pairs of the product: one a slot, then the constant ones.
fn pairs<'p>(fixed: &'p Fixed, slots: &'p Slots, sums: &Sums) -> Vec<Pair<'p>> {
    let mut pairs: Vec<Pair<'_>> = slots
        .multiples
        .iter()
        .zip(&slots.lines)
        .map(|(point, lines)| Pair {
            point: *point,
            sign: 1,
            lines,
        })
        .collect();
    let constant = [
        (sums.alpha, -1, 0),
        (sums.inputs, -1, 1),
        (sums.negative_c, 1, 2),
    ];
    for (point, sign, lines) in constant {
        pairs.push(Pair {
            point,
            sign,
            lines: &fixed.lines[lines],
        });
    }
    debug_assert_eq!(pairs.len(), slots.lines.len() + CONSTANT_PAIRS);
    pairs
}

/// Recorded powers and quotient, with the challenges drawn from them.
struct Drawn {
    remainders: Vec<Felt>,
    combiner: Felt,
    quotient: Vec<Felt>,
    point: Felt,
    at: Evaluation,
}

/// Stage 5: records the powers of the loop, draws κ from them, records the combined quotient, draws
/// z from it and records the values at z, all in one segment.
fn record_powers(
    segments: &mut Vec<Segment>,
    fixed: &Fixed,
    pairs: &[Pair<'_>],
    scalars: &[Scalar],
    state: &Fr,
    choices: &Choices,
) -> Drawn {
    let powers = Powers::of(pairs, choices);
    let mut segment = Segment::new(segments.len());
    let remainders = powers.record(&mut segment);
    let sums = &scalars[scalars.len() - 2..];
    let mut words: Vec<Fr> = sums.iter().flat_map(pack_digits).collect();
    words.extend(pack(&limbs_of_all(&remainders)));
    let state = absorb(state, &words);
    let drawn = |state: &Fr| as_element(low(&challenge(state, 0), POINT_BITS));
    let combiner = choices.combiner.unwrap_or_else(|| drawn(&state));
    let combiner = segment.exposed(combiner);
    let quotient: Vec<Felt> = powers
        .quotient(combiner.value)
        .into_iter()
        .map(|value| segment.exposed(value))
        .collect();
    let state = absorb(&state, &pack(&limbs_of_all(&quotient)));
    let point = choices.point.unwrap_or_else(|| drawn(&state));
    let point = segment.exposed(point);
    let at = Evaluation::record(&mut segment, fixed, point, &remainders, &quotient);
    segments.push(segment);
    Drawn {
        remainders,
        combiner,
        quotient,
        point,
        at,
    }
}

/// Stage 6: records the lines of every pair at z, the chain of every step, and the final identity.
fn record_steps(segments: &mut Vec<Segment>, fixed: &Fixed, pairs: &[Pair<'_>], drawn: &Drawn) {
    let at = &drawn.at;
    let base = segments.len();
    let evaluated: Vec<Evaluated> = pairs
        .par_iter()
        .enumerate()
        .map(|(i, pair)| evaluate(base + i, pair, at))
        .collect();
    let mut at_lines = Vec::with_capacity(pairs.len());
    for part in evaluated {
        segments.push(part.segment);
        at_lines.push(part.lines);
    }
    let base = segments.len();
    let (steps, count) = steps();
    let chains: Vec<(Segment, Felt)> = steps
        .par_iter()
        .enumerate()
        .map(|(i, step)| chain(base + i, i, step, &at_lines, at))
        .collect();
    let mut ends = Vec::with_capacity(chains.len());
    for (segment, end) in chains {
        segments.push(segment);
        ends.push(end);
    }
    let mut segment = Segment::new(segments.len());
    finish(
        &mut segment,
        fixed,
        at,
        &ends,
        &at_lines,
        count,
        drawn.combiner,
    );
    segments.push(segment);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregation::foreign::limbs::split;

    #[test]
    fn splitting_agrees_with_elements() {
        let words = [7, 8, 9 << 20, 0];
        assert_eq!(limbs_of(&as_element(words)), split(words));
    }
}
