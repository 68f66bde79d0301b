//! The whole product, as values and identities.

use ark_bn254::{Fq, Fq12, Fr};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};
use rayon::prelude::*;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::poseidon::hash;

use crate::client::ClientProof;
use crate::foreign::limbs::{LIMB_BITS, Limbs, limbs_of};
use crate::foreign::trace::{Felt, Felt2, Segment, Trace, element2};
use crate::pairing::fixed::Fixed;
use crate::pairing::g1::{Point, Table, Term};
use crate::pairing::lines::{Line, Step, steps};
use crate::pairing::residue;
use crate::pairing::scalar::Scalar;
use crate::pairing::tower::{
    DEGREE, FROBENIUS, Polynomial, SparseLine, divide, multiply, multiply_line,
};
use crate::pairing::transcript::{
    MULTIPLIER_BITS, POINT_BITS, absorb, challenge, low, pack, pack_digits,
};

/// Pairs with a constant second point: β, γ, δ.
pub(crate) const CONSTANT_PAIRS: usize = 3;
/// Coefficients of the shift s₀ + s₁w² + s₂w⁴.
pub(crate) const SHIFTS: usize = 3;

/// Coordinates of a proof: A, B, C as x, y with the two coefficients of each in B.
pub(crate) const COORDINATES: usize = 8;

/// Everything recorded, and which of it the transcript needs.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    /// Values and identities.
    pub(crate) trace: Trace,
    /// r₁ … r_N, then Σrᵢ and Σrᵢxᵢ.
    pub(crate) scalars: Vec<Scalar>,
    /// A, B, C of every slot.
    pub(crate) coordinates: Vec<[Felt; COORDINATES]>,
    /// x of the offset H.
    pub(crate) offset: Felt,
    /// Shift, c, 1/c and the remainders after every step.
    pub(crate) remainders: Vec<Felt>,
    /// κ.
    pub(crate) combiner: Felt,
    /// The combined quotient.
    pub(crate) quotient: Vec<Felt>,
    /// z.
    pub(crate) point: Felt,
}

/// A proof's points as recorded.
struct Points {
    a: Point,
    b: [Felt2; 2],
    c: Point,
    coordinates: [Felt; COORDINATES],
}

/// A pair of the product: a point and the lines of the other.
struct Pair<'p> {
    point: Point,
    /// 1, or −1 for the negative of the point.
    sign: i8,
    lines: &'p [Line],
}

/// Values at z of a pair's lines.
struct Evaluated {
    segment: Segment,
    lines: Vec<Felt>,
}

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

/// The offset: limbs 1 to 3 of x from the challenge, limb 0 the first that makes x a point's.
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

/// What a prover would like to choose instead of drawing it. Nothing but tests chooses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choices {
    /// Bits of the first multiplier.
    pub(crate) multiplier: Option<u128>,
    /// The offset's x and y.
    pub(crate) offset: Option<(Fq, Fq)>,
    /// κ.
    pub(crate) combiner: Option<Fq>,
    /// z.
    pub(crate) point: Option<Fq>,
    /// Shift, c and 1/c.
    pub(crate) residue: Option<([Fq; SHIFTS], [Fq; DEGREE], [Fq; DEGREE])>,
}

impl Product {
    /// Records the verification of `proofs` for `digests`, as many of one as of the other.
    pub(crate) fn new(fixed: &Fixed, proofs: &[ClientProof], digests: &[Fr]) -> Product {
        Product::with(fixed, proofs, digests, &Choices::default())
    }

    /// As [`Product::new`], with choices.
    pub(crate) fn with(
        fixed: &Fixed,
        proofs: &[ClientProof],
        digests: &[Fr],
        choices: &Choices,
    ) -> Product {
        let slots = proofs.len();
        let mut segments: Vec<Segment> = Vec::new();

        // The proofs, and what they draw.
        let first: Vec<(Segment, Points)> = proofs
            .par_iter()
            .enumerate()
            .map(|(slot, proof)| points(slot, proof, fixed))
            .collect();
        let (parts, points): (Vec<Segment>, Vec<Points>) = first.into_iter().unzip();
        segments.extend(parts);
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
        let mut scalars: Vec<Scalar> = (0..slots)
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

        // Multiples of A, tables of C, lines of B.
        let second: Vec<(Segment, Point, Table, Vec<Line>)> = points
            .par_iter()
            .enumerate()
            .map(|(slot, points)| {
                let mut segment = Segment::new(slots + slot);
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
        let mut multiples = Vec::with_capacity(slots);
        let mut tables = Vec::with_capacity(slots);
        let mut lines = Vec::with_capacity(slots);
        for (segment, multiple, table, of_b) in second {
            segments.push(segment);
            multiples.push(multiple);
            tables.push(table);
            lines.push(of_b);
        }

        // The points that the constant ones are paired with.
        let mut segment = Segment::new(segments.len());
        let drawn = || offset(&challenge(&state, slots));
        let (x, y) = choices.offset.unwrap_or_else(drawn);
        let offset_x = segment.exposed(x);
        let start = Point {
            x: offset_x,
            y: segment.value(y),
        };
        segment.on_curve(&start);
        let terms: Vec<Term<'_>> = tables
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
        let alpha = segment.multiply(&[constant_term(0, slots)]);
        let inputs = segment.multiply(&[constant_term(1, slots), constant_term(2, slots + 1)]);
        segments.push(segment);

        let mut pairs: Vec<Pair<'_>> = multiples
            .iter()
            .zip(&lines)
            .map(|(point, lines)| Pair {
                point: *point,
                sign: 1,
                lines,
            })
            .collect();
        for (point, sign, lines) in [(alpha, -1, 0), (inputs, -1, 1), (negative_c, 1, 2)] {
            pairs.push(Pair {
                point,
                sign,
                lines: &fixed.lines[lines],
            });
        }
        debug_assert_eq!(pairs.len(), slots + CONSTANT_PAIRS);

        let powers = Powers::of(&pairs, choices);
        let mut segment = Segment::new(segments.len());
        let remainders = powers.record(&mut segment);
        let mut words: Vec<Fr> = scalars[slots..].iter().flat_map(pack_digits).collect();
        words.extend(pack(&limbs_of_all(&remainders)));
        let state = absorb(&state, &words);
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

        // Lines at z, then the chain of every step.
        let base = segments.len();
        let evaluated: Vec<Evaluated> = pairs
            .par_iter()
            .enumerate()
            .map(|(i, pair)| evaluate(base + i, pair, &at))
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
            .map(|(i, step)| chain(base + i, i, step, &at_lines, &at))
            .collect();
        let mut ends = Vec::with_capacity(chains.len());
        for (segment, end) in chains {
            segments.push(segment);
            ends.push(end);
        }
        let mut segment = Segment::new(segments.len());
        finish(&mut segment, fixed, &at, &ends, &at_lines, count, combiner);
        segments.push(segment);

        Product {
            trace: Trace::new(segments, &fixed.constants),
            scalars,
            coordinates: points
                .into_iter()
                .map(|points| points.coordinates)
                .collect(),
            offset: offset_x,
            remainders,
            combiner,
            quotient,
            point,
        }
    }
}

/// The powers of the loop as polynomials: remainders after every step, and quotients.
struct Powers {
    shift: [Fq; SHIFTS],
    c: [Fq; DEGREE],
    inverse: [Fq; DEGREE],
    remainders: Vec<[Fq; DEGREE]>,
    /// Of every step, of the last lines, of c·(1/c).
    quotients: Vec<Polynomial>,
    length: usize,
}

/// A line at the pair's point: 1 + t₁·λ·w + t₃·μ·w³, t₁ = −x/y, t₃ = 1/y.
fn sparse(line: &Line, t1: Fq, t3: Fq) -> SparseLine {
    let nine = Fq::from(9u64);
    let (slope, intercept) = (element2(&line.slope), element2(&line.intercept));
    [
        (1, t1 * (slope.c0 - nine * slope.c1)),
        (3, t3 * (intercept.c0 - nine * intercept.c1)),
        (7, t1 * slope.c1),
        (9, t3 * intercept.c1),
    ]
}

fn element(coefficients: &[Fq]) -> Fq12 {
    residue::from_coefficients(&divide(coefficients).1)
}

fn frobenius(coefficients: &[Fq; DEGREE], e: usize) -> [Fq; DEGREE] {
    let mut element = residue::from_coefficients(coefficients);
    element.frobenius_map_in_place(e);
    residue::coefficients(&element)
}

impl Powers {
    fn of(pairs: &[Pair<'_>], choices: &Choices) -> Powers {
        let (steps, count) = steps();
        let lines: Vec<Vec<SparseLine>> = pairs
            .par_iter()
            .map(|pair| {
                let (x, y) = (pair.point.x.value, pair.point.y.value);
                let t3 = y.inverse().unwrap_or_default();
                let t3 = if pair.sign < 0 { -t3 } else { t3 };
                let t1 = -x * t3;
                pair.lines.iter().map(|line| sparse(line, t1, t3)).collect()
            })
            .collect();
        let product = |numbers: std::ops::Range<usize>| {
            let mut product = vec![Fq::ONE];
            for number in numbers {
                for lines in &lines {
                    product = multiply_line(&product, &lines[number]);
                }
            }
            product
        };
        let lines_of = |step: &Step| step.line..step.line + if step.digit == 0 { 1 } else { 2 };
        let products: Vec<Polynomial> = steps
            .par_iter()
            .map(|step| product(lines_of(step)))
            .collect();
        let last = product(count - 2..count);

        // The loop without the residue witness gives f; with it, the powers that are recorded.
        let mut f = Fq12::ONE;
        for lines in &products {
            f = f.square() * element(lines);
        }
        f *= element(&last);
        let (c, shift) = residue::witness(&f).unwrap_or((Fq12::ONE, 0));
        let inverse = c.inverse().unwrap_or(Fq12::ONE);
        let [c, inverse] = [c, inverse].map(|element| residue::coefficients(&element));
        let shifts = std::array::from_fn(|i| if i == shift { Fq::ONE } else { Fq::ZERO });
        let (shifts, c, inverse) = choices.residue.unwrap_or((shifts, c, inverse));
        let mut remainders = Vec::with_capacity(steps.len());
        let mut power = residue::from_coefficients(&inverse);
        let mut before = vec![inverse];
        for (step, lines) in steps.iter().zip(&products) {
            power = power.square() * element(lines);
            match step.digit {
                1 => power *= residue::from_coefficients(&inverse),
                -1 => power *= residue::from_coefficients(&c),
                _ => {}
            }
            remainders.push(residue::coefficients(&power));
            before.push(residue::coefficients(&power));
        }
        let mut quotients: Vec<Polynomial> = steps
            .par_iter()
            .zip(&products)
            .zip(&before)
            .map(|((step, lines), before)| {
                let mut power = multiply(&multiply(before, before), lines);
                match step.digit {
                    1 => power = multiply(&power, &inverse),
                    -1 => power = multiply(&power, &c),
                    _ => {}
                }
                divide(&power).0
            })
            .collect();
        let [s0, s1, s2] = shifts;
        let mut power = multiply(&before[steps.len()], &last);
        power = multiply(&power, &[s0, Fq::ZERO, s1, Fq::ZERO, s2]);
        for (e, base) in [(1, &inverse), (2, &c), (3, &inverse)] {
            power = multiply(&power, &frobenius(base, e));
        }
        let length = power.len() - DEGREE;
        quotients.push(divide(&power).0);
        quotients.push(divide(&multiply(&c, &inverse)).0);
        Powers {
            shift: shifts,
            c,
            inverse,
            remainders,
            quotients,
            length,
        }
    }

    /// Shift, c, 1/c, remainders.
    fn record(&self, segment: &mut Segment) -> Vec<Felt> {
        let all = [
            &self.shift[..],
            &self.c,
            &self.inverse,
            self.remainders.as_flattened(),
        ];
        all.concat()
            .into_iter()
            .map(|value| segment.exposed(value))
            .collect()
    }

    /// Σ κʲ·Qⱼ.
    fn quotient(&self, combiner: Fq) -> Polynomial {
        let mut sum = vec![Fq::ZERO; self.length];
        let mut power = Fq::ONE;
        for quotient in &self.quotients {
            for (sum, coefficient) in sum.iter_mut().zip(quotient) {
                *sum += power * coefficient;
            }
            power *= combiner;
        }
        sum
    }
}

/// Values at z that do not belong to a pair.
struct Evaluation {
    /// z⁰ … z¹², z⁰ being the constant 1.
    powers: Vec<Felt>,
    /// u = z⁶ − 9.
    u: Felt,
    /// The modulus.
    modulus: Felt,
    /// The power before every step, and before the last lines.
    before: Vec<Felt>,
    c: Felt,
    inverse: Felt,
    shift: Felt,
    frobenius: [Felt; FROBENIUS],
    quotient: Felt,
}

/// Σ coefficientₖ·zᵏ.
fn at_point(segment: &mut Segment, coefficients: &[Felt], powers: &[Felt]) -> Felt {
    let terms: Vec<(i8, Felt, Felt)> = coefficients[1..]
        .iter()
        .zip(&powers[1..])
        .map(|(c, power)| (1, *c, *power))
        .collect();
    let value = coefficients
        .iter()
        .zip(powers)
        .map(|(c, power)| c.value * power.value)
        .sum();
    let value = segment.value(value);
    segment.zero(&terms, &[(1, coefficients[0]), (-1, value)], 0);
    value
}

impl Evaluation {
    fn record(
        segment: &mut Segment,
        fixed: &Fixed,
        point: Felt,
        remainders: &[Felt],
        quotient: &[Felt],
    ) -> Evaluation {
        let mut powers = vec![fixed.one, point];
        for _ in 2..=DEGREE {
            let last = powers[powers.len() - 1];
            let next = segment.value(last.value * point.value);
            segment.zero(&[(1, last, point)], &[(-1, next)], 0);
            powers.push(next);
        }
        let u = segment.value(powers[6].value - Fq::from(9u64));
        segment.zero(&[], &[(1, powers[6]), (-1, u)], -9);
        let modulus = powers[12].value - Fq::from(18u64) * powers[6].value + Fq::from(82u64);
        let modulus = segment.value(modulus);
        segment.zero(&[], &[(1, powers[12]), (-18, powers[6]), (-1, modulus)], 82);

        let (shift, rest) = remainders.split_at(SHIFTS);
        let (c, rest) = rest.split_at(DEGREE);
        let (inverse, rest) = rest.split_at(DEGREE);
        let value =
            shift[0].value + shift[1].value * powers[2].value + shift[2].value * powers[4].value;
        let shift_at = segment.value(value);
        segment.zero(
            &[(1, shift[1], powers[2]), (1, shift[2], powers[4])],
            &[(1, shift[0]), (-1, shift_at)],
            0,
        );
        let c_at = at_point(segment, c, &powers);
        let inverse_at = at_point(segment, inverse, &powers);
        let mut before = vec![inverse_at];
        for remainder in rest.chunks(DEGREE) {
            before.push(at_point(segment, remainder, &powers));
        }
        let frobenius = [(0, inverse), (1, c), (2, inverse)].map(|(e, base)| {
            let images: Vec<Felt> = fixed.frobenius[e]
                .iter()
                .map(|terms| image(segment, terms, &powers))
                .collect();
            let terms: Vec<(i8, Felt, Felt)> = base
                .iter()
                .zip(&images)
                .map(|(c, image)| (1, *c, *image))
                .collect();
            let value = terms
                .iter()
                .map(|(_, c, image)| c.value * image.value)
                .sum();
            let value = segment.value(value);
            segment.zero(&terms, &[(-1, value)], 0);
            value
        });
        // Horner over blocks of twelve coefficients.
        let mut sum: Option<Felt> = None;
        for block in quotient.chunks(DEGREE).rev() {
            let mut terms: Vec<(i8, Felt, Felt)> = block[1..]
                .iter()
                .zip(&powers[1..])
                .map(|(c, power)| (1, *c, *power))
                .collect();
            if let Some(sum) = sum {
                terms.push((1, sum, powers[DEGREE]));
            }
            let value =
                block[0].value + terms.iter().map(|(_, a, b)| a.value * b.value).sum::<Fq>();
            let value = segment.value(value);
            segment.zero(&terms, &[(1, block[0]), (-1, value)], 0);
            sum = Some(value);
        }
        Evaluation {
            powers,
            u,
            modulus,
            before,
            c: c_at,
            inverse: inverse_at,
            shift: shift_at,
            frobenius,
            quotient: sum.expect("the quotient has coefficients"),
        }
    }
}

/// The image of a power of w under a Frobenius map, at z.
fn image(segment: &mut Segment, terms: &[(usize, Felt)], powers: &[Felt]) -> Felt {
    let value = terms
        .iter()
        .map(|(power, c)| powers[*power].value * c.value)
        .sum();
    let value = segment.value(value);
    let products: Vec<(i8, Felt, Felt)> = terms
        .iter()
        .map(|(power, c)| (1, powers[*power], *c))
        .collect();
    segment.zero(&products, &[(-1, value)], 0);
    value
}

/// The lines of a pair at z: 1 + c₁λ₀ + c₂λ₁ + c₃μ₀ + c₄μ₁ with c₁ = −(x/y)·z, c₂ = c₁·u, c₃ = z³/y,
/// c₄ = c₃·u.
fn evaluate(number: usize, pair: &Pair<'_>, at: &Evaluation) -> Evaluated {
    let mut segment = Segment::new(number);
    let Point { x, y } = pair.point;
    let sign = pair.sign;
    let (z, cube) = (at.powers[1], at.powers[3]);
    let inverse = y.value.inverse().unwrap_or_default();
    let inverse = if sign < 0 { -inverse } else { inverse };
    let c1 = segment.value(-x.value * inverse * z.value);
    segment.zero(&[(sign, c1, y), (1, x, z)], &[], 0);
    let c3 = segment.value(cube.value * inverse);
    segment.zero(&[(sign, c3, y)], &[(-1, cube)], 0);
    let [c2, c4] = [c1, c3].map(|c| {
        let product = segment.value(c.value * at.u.value);
        segment.zero(&[(1, c, at.u)], &[(-1, product)], 0);
        product
    });
    let lines = pair
        .lines
        .iter()
        .map(|line| {
            let products = [
                (1, c1, line.slope[0]),
                (1, c2, line.slope[1]),
                (1, c3, line.intercept[0]),
                (1, c4, line.intercept[1]),
            ];
            let value = Fq::ONE
                + products
                    .iter()
                    .map(|(_, c, l)| c.value * l.value)
                    .sum::<Fq>();
            let value = segment.value(value);
            segment.zero(&products, &[(-1, value)], 1);
            value
        })
        .collect();
    Evaluated { segment, lines }
}

/// sum·factor as a new value.
fn times(segment: &mut Segment, sum: Felt, factor: Felt) -> Felt {
    let product = segment.value(sum.value * factor.value);
    segment.zero(&[(1, sum, factor)], &[(-1, product)], 0);
    product
}

/// One step at z: the square of the power before, times all lines, times 1/c or c by the digit.
fn chain(
    number: usize,
    place: usize,
    step: &Step,
    lines: &[Vec<Felt>],
    at: &Evaluation,
) -> (Segment, Felt) {
    let mut segment = Segment::new(number);
    let before = at.before[place];
    let mut sum = times(&mut segment, before, before);
    for line in step.line..step.line + if step.digit == 0 { 1 } else { 2 } {
        for lines in lines {
            sum = times(&mut segment, sum, lines[line]);
        }
    }
    match step.digit {
        1 => sum = times(&mut segment, sum, at.inverse),
        -1 => sum = times(&mut segment, sum, at.c),
        _ => {}
    }
    (segment, sum)
}

/// The last lines, shift and Frobenius images; then Σ κʲ·(endⱼ − remainderⱼ) = Q·modulus, where
/// the remainder of the last product and of c·(1/c) is 1.
fn finish(
    segment: &mut Segment,
    fixed: &Fixed,
    at: &Evaluation,
    ends: &[Felt],
    lines: &[Vec<Felt>],
    count: usize,
    combiner: Felt,
) {
    let mut sum = at.before[ends.len()];
    for line in count - 2..count {
        for lines in lines {
            sum = times(segment, sum, lines[line]);
        }
    }
    for factor in [at.shift, at.frobenius[0], at.frobenius[1], at.frobenius[2]] {
        sum = times(segment, sum, factor);
    }
    let unit = times(segment, at.c, at.inverse);

    let mut power = fixed.one;
    let mut products = Vec::with_capacity(2 * ends.len() + 3);
    for (place, end) in ends.iter().enumerate() {
        products.push((1, power, *end));
        products.push((-1, power, at.before[place + 1]));
        power = if place == 0 {
            combiner
        } else {
            times(segment, power, combiner)
        };
    }
    let next = times(segment, power, combiner);
    products.push((1, power, sum));
    products.push((1, next, unit));
    products.push((-1, at.quotient, at.modulus));
    segment.zero(&products, &[(-1, power), (-1, next)], 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foreign::limbs::split;

    #[test]
    fn splitting_agrees_with_elements() {
        let words = [7, 8, 9 << 20, 0];
        assert_eq!(limbs_of(&as_element(words)), split(words));
    }
}
