//! The product at the point z: lines, steps, and the identity of the combined quotient.

use ark_bn254::Fq;
use ark_ff::Field;

use super::{Evaluated, Pair, SHIFTS};
use crate::aggregation::foreign::trace::{Felt, Segment};
use crate::aggregation::pairing::fixed::Fixed;
use crate::aggregation::pairing::g1::Point;
use crate::aggregation::pairing::lines::Step;
use crate::aggregation::pairing::tower::{DEGREE, FROBENIUS};

/// Values at z that belong to no pair.
pub(super) struct Evaluation {
    /// z⁰ … z¹²; z⁰ is the constant 1.
    powers: Vec<Felt>,
    /// u = z⁶ − 9.
    u: Felt,
    /// Modulus w¹² − 18w⁶ + 82 at z.
    modulus: Felt,
    /// Power before every step, and before the last lines.
    before: Vec<Felt>,
    c: Felt,
    inverse: Felt,
    shift: Felt,
    frobenius: [Felt; FROBENIUS],
    quotient: Felt,
}

/// Records Σ coefficientₖ·zᵏ.
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
    pub(super) fn record(
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
        let frobenius = [(0, inverse), (1, c), (2, inverse)]
            .map(|(e, base)| frobenius_at(segment, base, &fixed.frobenius[e], &powers));
        let quotient = quotient_at(segment, quotient, &powers);
        Evaluation {
            powers,
            u,
            modulus,
            before,
            c: c_at,
            inverse: inverse_at,
            shift: shift_at,
            frobenius,
            quotient,
        }
    }
}

/// Records an element's image under a Frobenius map, at z.
fn frobenius_at(
    segment: &mut Segment,
    base: &[Felt],
    map: &[Vec<(usize, Felt)>],
    powers: &[Felt],
) -> Felt {
    let images: Vec<Felt> = map
        .iter()
        .map(|terms| image(segment, terms, powers))
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
}

/// Records the quotient at z, by Horner's scheme over blocks of twelve coefficients.
fn quotient_at(segment: &mut Segment, quotient: &[Felt], powers: &[Felt]) -> Felt {
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
        let value = block[0].value + terms.iter().map(|(_, a, b)| a.value * b.value).sum::<Fq>();
        let value = segment.value(value);
        segment.zero(&terms, &[(1, block[0]), (-1, value)], 0);
        sum = Some(value);
    }
    sum.expect("the quotient has coefficients")
}

/// Records the image of a power of w under a Frobenius map, at z.
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

/// Records the lines of a pair at z: 1 + c₁λ₀ + c₂λ₁ + c₃μ₀ + c₄μ₁ with c₁ = −(x/y)·z,
/// c₂ = c₁·u, c₃ = z³/y and c₄ = c₃·u.
pub(super) fn evaluate(number: usize, pair: &Pair<'_>, at: &Evaluation) -> Evaluated {
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

/// Records sum·factor as a new value.
fn times(segment: &mut Segment, sum: Felt, factor: Felt) -> Felt {
    let product = segment.value(sum.value * factor.value);
    segment.zero(&[(1, sum, factor)], &[(-1, product)], 0);
    product
}

/// Records one step at z: the square of the power before it, times all lines, times 1/c or c by the
/// digit.
pub(super) fn chain(
    number: usize,
    place: usize,
    step: &Step,
    lines: &[Vec<Felt>],
    at: &Evaluation,
) -> (Segment, Felt) {
    let mut segment = Segment::new(number);
    let before = at.before[place];
    let mut sum = times(&mut segment, before, before);
    for line in step.lines() {
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

/// Records the last lines, shift and Frobenius images; then Σ κʲ·(endⱼ − remainderⱼ) = Q·modulus,
/// where the remainder of the last product and of c·(1/c) is 1.
pub(super) fn finish(
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
