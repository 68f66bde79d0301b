//! The lines of the optimal ate Miller loop over the twist E': y² = x³ + 3/ξ.
//!
//! A line y = λ·x − μ meets the twist in T, Q and −(T + Q). The y coordinate of T is eliminated,
//! because T is on the previous line. A step is then three identities of 𝔽_q² in (λ, μ, x_T):
//!
//! | step | identities |
//! |---|---|
//! | both | μ' + μ = (λ' + λ)·x, where (λ', μ') is the previous line, which determines the y of T |
//! | doubling | x² + 2·x·x₃ = 2·λ·μ and λ² = x₃ + 2x |
//! | adding (x_Q, y_Q) | y_Q = λ·x_Q − μ and λ² = x₃ + x + x_Q |
//!
//! The chain is \[6x+2\]B by the digits of the loop, then ψ(B), then −ψ²(B). The last sum must be
//! −ψ³(B), which holds exactly for the points of the r-subgroup. For every point of the twist
//! except the identity, no step adds equal or opposite points or doubles a point of order two. The
//! tests of `residue` show both properties of the chain.

use std::ops::Range;

use ark_bn254::{Config, Fq, Fq2, g2};
use ark_ec::bn::BnConfig;
use ark_ec::short_weierstrass::SWCurveConfig;
use ark_ff::{AdditiveGroup, Field};

use crate::aggregation::foreign::trace::{Constants, Felt, Felt2, Segment, ZERO, element2};
use crate::aggregation::pairing::residue::ATE;

/// Constants of the twist and of ψ on it.
#[derive(Clone, Debug)]
pub(crate) struct Twist {
    /// 3/ξ, the coefficient of the twist.
    pub(crate) b: Felt2,
    /// Factor of x in ψ(x, y) = (conj(x)·psi_x, conj(y)·psi_y).
    pub(crate) psi_x: Felt2,
    /// Factor of y in ψ.
    pub(crate) psi_y: Felt2,
    /// Factor of x in ψ²(x, y) = (x·psi2_x, −y).
    pub(crate) psi2_x: Felt,
    /// Factor of x in ψ³(x, y) = (conj(x)·psi3_x, conj(y)·psi3_y).
    pub(crate) psi3_x: Felt2,
    /// Factor of y in ψ³.
    pub(crate) psi3_y: Felt2,
}

impl Twist {
    /// Adds the twist's constants to the circuit's.
    pub(crate) fn new(constants: &mut Constants) -> Twist {
        let psi_x = Config::TWIST_MUL_BY_Q_X;
        let psi_y = Config::TWIST_MUL_BY_Q_Y;
        let norm = |value: Fq2| value.c0.square() + value.c1.square();
        let (psi2_x, psi2_y) = (norm(psi_x), norm(psi_y));
        assert_eq!(psi2_y, -Fq::ONE, "ψ² negates y");
        let scale = |value: Fq2, factor: Fq| Fq2::new(value.c0 * factor, value.c1 * factor);
        Twist {
            b: constants.of2(&g2::Config::COEFF_B),
            psi_x: constants.of2(&psi_x),
            psi_y: constants.of2(&psi_y),
            psi2_x: constants.of(psi2_x),
            psi3_x: constants.of2(&scale(psi_x, psi2_x)),
            psi3_y: constants.of2(&scale(psi_y, psi2_y)),
        }
    }
}

/// Slope λ and intercept μ of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Slope λ.
    pub(crate) slope: Felt2,
    /// Intercept μ = λ·x − y.
    pub(crate) intercept: Felt2,
}

/// Step of the loop between two squarings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Digit of 6x + 2.
    pub(crate) digit: i8,
    /// Number of the doubling's line; the addition's line follows it.
    pub(crate) line: usize,
}

impl Step {
    /// Returns the numbers of the step's lines.
    pub(crate) fn lines(&self) -> Range<usize> {
        self.line..self.line + if self.digit == 0 { 1 } else { 2 }
    }
}

/// Returns the steps and the number of all lines: those of the steps, then of ψ(B) and of −ψ²(B).
pub(crate) fn steps() -> (Vec<Step>, usize) {
    let mut line = 0;
    let steps = ATE
        .iter()
        .map(|digit| {
            let step = Step {
                digit: *digit,
                line,
            };
            line = step.lines().end;
            step
        })
        .collect();
    (steps, line + 2)
}

fn ratio(numerator: Fq2, denominator: Fq2) -> Fq2 {
    // Only the blank witness of key generation has no inverse here.
    numerator * denominator.inverse().unwrap_or_default()
}

/// A point of the twist, and the line that determines its y: y = sign·(λx − μ).
struct Walk<'s> {
    segment: &'s mut Segment,
    x: Felt2,
    y: Fq2,
    before: Option<Line>,
    lines: Vec<Line>,
}

impl Walk<'_> {
    fn line(&mut self, slope: Fq2, base: Felt2) -> Line {
        let intercept = slope * element2(&self.x) - self.y;
        let line = Line {
            slope: self.segment.value2(&slope),
            intercept: self.segment.value2(&intercept),
        };
        match self.before {
            // The previous line has −y.
            Some(before) => self.segment.zero2(
                &[(-1, before.slope, self.x), (-1, line.slope, self.x)],
                &[(1, before.intercept), (1, line.intercept)],
            ),
            None => self.segment.zero2(
                &[(1, line.slope, self.x)],
                &[(-1, line.intercept), (-1, base)],
            ),
        }
        self.lines.push(line);
        self.before = Some(line);
        line
    }

    fn step_to(&mut self, line: Line, x3: Felt2) {
        self.y = element2(&line.intercept) - element2(&line.slope) * element2(&x3);
        self.x = x3;
    }

    fn double(&mut self, base: Felt2) {
        let x = element2(&self.x);
        let slope = ratio(x.square() * Fq2::from(3u64), self.y.double());
        let line = self.line(slope, base);
        let x3 = self.segment.value2(&(slope.square() - x.double()));
        self.segment.zero2(
            &[
                (1, self.x, self.x),
                (2, self.x, x3),
                (-2, line.slope, line.intercept),
            ],
            &[],
        );
        self.segment
            .zero2(&[(1, line.slope, line.slope)], &[(-1, x3), (-2, self.x)]);
        self.step_to(line, x3);
    }

    /// Records the line through the point and (qx, sign·qy).
    fn chord(&mut self, qx: Felt2, qy: Felt2, sign: i8, base: Felt2) -> Line {
        let y = element2(&qy) * if sign < 0 { -Fq2::ONE } else { Fq2::ONE };
        let slope = ratio(self.y - y, element2(&self.x) - element2(&qx));
        let line = self.line(slope, base);
        self.segment
            .zero2(&[(1, line.slope, qx)], &[(-1, line.intercept), (-sign, qy)]);
        line
    }

    fn add(&mut self, qx: Felt2, qy: Felt2, sign: i8, base: Felt2) {
        let line = self.chord(qx, qy, sign, base);
        let slope = element2(&line.slope);
        let x3 = slope.square() - element2(&self.x) - element2(&qx);
        let x3 = self.segment.value2(&x3);
        self.segment.zero2(
            &[(1, line.slope, line.slope)],
            &[(-1, x3), (-1, self.x), (-1, qx)],
        );
        self.step_to(line, x3);
    }
}

impl Segment {
    /// Records y² = x³ + 3/ξ.
    pub(crate) fn on_twist(&mut self, x: Felt2, y: Felt2, twist: &Twist) {
        let square = self.value2(&element2(&x).square());
        self.zero2(&[(1, x, x)], &[(-1, square)]);
        self.zero2(&[(1, y, y), (-1, square, x)], &[(-1, twist.b)]);
    }

    /// Records conj(x)·c as a new value.
    fn conjugate_product(&mut self, x: Felt2, c: Felt2) -> Felt2 {
        let mut conjugate = element2(&x);
        conjugate.conjugate_in_place();
        let out = self.value2(&(conjugate * element2(&c)));
        // (x₀ − x₁u)(c₀ + c₁u) = x₀c₀ + x₁c₁ + (x₀c₁ − x₁c₀)·u
        self.zero(&[(1, x[0], c[0]), (1, x[1], c[1])], &[(-1, out[0])], 0);
        self.zero(&[(1, x[0], c[1]), (-1, x[1], c[0])], &[(-1, out[1])], 0);
        out
    }

    /// Records all lines of the loop for B = (x, y), a point of the twist, and constrains B to the
    /// r-subgroup.
    pub(crate) fn lines(&mut self, x: Felt2, y: Felt2, twist: &Twist) -> Vec<Line> {
        let psi_x = self.conjugate_product(x, twist.psi_x);
        let psi_y = self.conjugate_product(y, twist.psi_y);
        // ψ²(B) = (n·x, −y).
        let psi2_x = element2(&x) * element2(&[twist.psi2_x, ZERO]);
        let psi2_x = self.value2(&psi2_x);
        for i in 0..2 {
            self.zero(&[(1, x[i], twist.psi2_x)], &[(-1, psi2_x[i])], 0);
        }
        let psi3_x = self.conjugate_product(x, twist.psi3_x);
        let psi3_y = self.conjugate_product(y, twist.psi3_y);

        let (steps, count) = steps();
        let mut walk = Walk {
            x,
            y: element2(&y),
            before: None,
            lines: Vec::with_capacity(count),
            segment: self,
        };
        for step in &steps {
            walk.double(y);
            if step.digit != 0 {
                walk.add(x, y, step.digit, y);
            }
        }
        walk.add(psi_x, psi_y, 1, y);
        // The third point of the line through the sum and −ψ²(B) = (psi2_x, y) is ψ³(B).
        let line = walk.chord(psi2_x, y, 1, y);
        let (last_x, lines) = (walk.x, walk.lines);
        self.zero2(
            &[(1, line.slope, line.slope)],
            &[(-1, psi3_x), (-1, last_x), (-1, psi2_x)],
        );
        self.zero2(
            &[(1, line.slope, psi3_x)],
            &[(-1, line.intercept), (-1, psi3_y)],
        );
        lines
    }
}
