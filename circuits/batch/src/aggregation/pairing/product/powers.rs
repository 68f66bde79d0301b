//! The product of all lines, step by step, as polynomials in w.

use std::ops::Range;

use ark_bn254::{Fq, Fq12};
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;

use super::{Choices, Pair, SHIFTS};
use crate::aggregation::foreign::trace::{Felt, Segment, element2};
use crate::aggregation::pairing::lines::{Line, Step, steps};
use crate::aggregation::pairing::residue;
use crate::aggregation::pairing::tower::{
    DEGREE, Polynomial, SparseLine, divide, multiply, multiply_line,
};

/// Powers of the loop as polynomials: remainders after every step, and quotients.
pub(super) struct Powers {
    shift: [Fq; SHIFTS],
    c: [Fq; DEGREE],
    inverse: [Fq; DEGREE],
    remainders: Vec<[Fq; DEGREE]>,
    /// Quotients of every step, of the last lines and of c·(1/c).
    quotients: Vec<Polynomial>,
    /// Number of coefficients of the longest quotient.
    length: usize,
}

/// Returns the line at the pair's point: 1 + t₁·λ·w + t₃·μ·w³ with t₁ = −x/y and t₃ = 1/y.
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

/// Returns, for each step, the product of its lines over all pairs; and that of the last two lines.
fn products(pairs: &[Pair<'_>], steps: &[Step], count: usize) -> (Vec<Polynomial>, Polynomial) {
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
    let product = |numbers: Range<usize>| {
        let mut product = vec![Fq::ONE];
        for number in numbers {
            for lines in &lines {
                product = multiply_line(&product, &lines[number]);
            }
        }
        product
    };
    let products = steps.par_iter().map(|step| product(step.lines()));
    (products.collect(), product(count - 2..count))
}

/// Returns shift, c and 1/c. The loop without the residue witness gives f, which determines them.
fn residue_witness(
    products: &[Polynomial],
    last: &[Fq],
    choices: &Choices,
) -> ([Fq; SHIFTS], [Fq; DEGREE], [Fq; DEGREE]) {
    let mut f = Fq12::ONE;
    for lines in products {
        f = f.square() * element(lines);
    }
    f *= element(last);
    let (c, shift) = residue::witness(&f).unwrap_or((Fq12::ONE, 0));
    let inverse = c.inverse().unwrap_or(Fq12::ONE);
    let [c, inverse] = [c, inverse].map(|element| residue::coefficients(&element));
    let shifts = std::array::from_fn(|i| if i == shift { Fq::ONE } else { Fq::ZERO });
    choices.residue.unwrap_or((shifts, c, inverse))
}

/// Returns the power after every step, beginning with 1/c before the first.
fn remainders(
    steps: &[Step],
    products: &[Polynomial],
    c: &[Fq; DEGREE],
    inverse: &[Fq; DEGREE],
) -> Vec<[Fq; DEGREE]> {
    let mut power = residue::from_coefficients(inverse);
    let mut remainders = Vec::with_capacity(steps.len());
    for (step, lines) in steps.iter().zip(products) {
        power = power.square() * element(lines);
        match step.digit {
            1 => power *= residue::from_coefficients(inverse),
            -1 => power *= residue::from_coefficients(c),
            _ => {}
        }
        remainders.push(residue::coefficients(&power));
    }
    remainders
}

impl Powers {
    /// Multiplies the lines of all pairs, step by step, and finds the residue witness.
    pub(super) fn of(pairs: &[Pair<'_>], choices: &Choices) -> Powers {
        let (steps, count) = steps();
        let (products, last) = products(pairs, &steps, count);
        let (shift, c, inverse) = residue_witness(&products, &last, choices);
        let remainders = remainders(&steps, &products, &c, &inverse);
        let before: Vec<[Fq; DEGREE]> = std::iter::once(inverse)
            .chain(remainders.iter().copied())
            .collect();
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
        let [s0, s1, s2] = shift;
        let mut power = multiply(&before[steps.len()], &last);
        power = multiply(&power, &[s0, Fq::ZERO, s1, Fq::ZERO, s2]);
        for (e, base) in [(1, &inverse), (2, &c), (3, &inverse)] {
            power = multiply(&power, &frobenius(base, e));
        }
        let length = power.len() - DEGREE;
        quotients.push(divide(&power).0);
        quotients.push(divide(&multiply(&c, &inverse)).0);
        Powers {
            shift,
            c,
            inverse,
            remainders,
            quotients,
            length,
        }
    }

    /// Records shift, c, 1/c and the remainders.
    pub(super) fn record(&self, segment: &mut Segment) -> Vec<Felt> {
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

    /// Returns the combined quotient Σ κʲ·Qⱼ.
    pub(super) fn quotient(&self, combiner: Fq) -> Polynomial {
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
