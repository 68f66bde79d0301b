//! Constants that the circuit takes from the clients' key: its points, tables of their multiples,
//! and the lines of β, γ and δ.

use ark_bn254::{Config, Fq, Fq2, Fr, G1Affine, G2Affine, g2};
use ark_ec::AffineRepr;
use ark_ec::CurveGroup;
use ark_ec::bn::BnConfig;
use ark_ec::short_weierstrass::SWCurveConfig;
use ark_ff::Field;

use crate::client::ClientKey;
use crate::foreign::trace::{Constants, Felt, Felt2, Segment};
use crate::pairing::g1::{Point, Table};
use crate::pairing::lines::Line;
use crate::pairing::scalar::{beta, lambda};
use crate::pairing::tower::{FROBENIUS, frobenius_coefficients};

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

/// All constants of the pairing product.
#[derive(Clone, Debug)]
pub(crate) struct Fixed {
    /// Table of the constants that the elements here refer to.
    pub(crate) constants: Constants,
    /// 1.
    pub(crate) one: Felt,
    /// Constant of the endomorphism φ.
    pub(crate) beta: Felt,
    /// Constants of the twist.
    pub(crate) twist: Twist,
    /// Tables of α, IC₀ and IC₁.
    pub(crate) tables: [Table; 3],
    /// Lines of β, γ and δ.
    pub(crate) lines: [Vec<Line>; 3],
    /// Nonzero coefficients of wᵏ^(q^e) for e = 1, 2, 3, as pairs (power of w, coefficient).
    pub(crate) frobenius: [Vec<Vec<(usize, Felt)>>; FROBENIUS],
    /// Digest proven in empty slots.
    pub(crate) padding: Fr,
    /// Hash of the key.
    pub(crate) identity: Fr,
}

impl Fixed {
    /// Derives all constants from a key.
    pub(crate) fn new(key: &ClientKey) -> Fixed {
        let mut constants = Constants::default();
        let psi_x = Config::TWIST_MUL_BY_Q_X;
        let psi_y = Config::TWIST_MUL_BY_Q_Y;
        let norm = |value: Fq2| value.c0.square() + value.c1.square();
        let (psi2_x, psi2_y) = (norm(psi_x), norm(psi_y));
        assert_eq!(psi2_y, -Fq::ONE, "ψ² negates y");
        let scale = |value: Fq2, factor: Fq| Fq2::new(value.c0 * factor, value.c1 * factor);
        let twist = Twist {
            b: constants.of2(&g2::Config::COEFF_B),
            psi_x: constants.of2(&psi_x),
            psi_y: constants.of2(&psi_y),
            psi2_x: constants.of(psi2_x),
            psi3_x: constants.of2(&scale(psi_x, psi2_x)),
            psi3_y: constants.of2(&scale(psi_y, psi2_y)),
        };
        let bases = [key.alpha, key.inputs[0], key.inputs[1]];
        let tables =
            bases.map(|base| table(&base).map(|point| constant_point(&mut constants, &point)));
        let lines = [key.beta, key.gamma, key.delta]
            .map(|point| constant_lines(&mut constants, &point, &twist));
        let frobenius = std::array::from_fn(|e| {
            frobenius_coefficients(e + 1)
                .iter()
                .map(|terms| {
                    terms
                        .iter()
                        .map(|(power, value)| (*power, constants.of(*value)))
                        .collect()
                })
                .collect()
        });
        let (one, beta) = (constants.of(Fq::ONE), constants.of(beta()));
        Fixed {
            constants,
            one,
            beta,
            twist,
            tables,
            lines,
            frobenius,
            padding: key.padding,
            identity: key.identity(),
        }
    }
}

fn constant_point(constants: &mut Constants, point: &G1Affine) -> Point {
    let (x, y) = point.xy().unwrap_or_default();
    Point {
        x: constants.of(x),
        y: constants.of(y),
    }
}

/// Returns the multiples of a base that a window selects from, in the order of [`Table`].
pub(crate) fn table(base: &G1Affine) -> [G1Affine; 8] {
    std::array::from_fn(|index| {
        let odd = |three: bool| Fr::from(if three { 3u64 } else { 1 });
        let e = odd(index & 4 != 0) * lambda();
        let scalar = odd(index & 1 != 0) + if index & 2 != 0 { -e } else { e };
        (*base * scalar).into_affine()
    })
}

fn constant_lines(constants: &mut Constants, point: &G2Affine, twist: &Twist) -> Vec<Line> {
    // The recorded values are dropped; only the numbers count.
    let (x, y) = point.xy().unwrap_or_default();
    let mut scratch = Segment::new(0);
    let (x, y) = (constants.of2(&x), constants.of2(&y));
    scratch
        .lines(x, y, twist)
        .into_iter()
        .map(|line| Line {
            slope: line.slope.map(|felt| constants.of(felt.value)),
            intercept: line.intercept.map(|felt| constants.of(felt.value)),
        })
        .collect()
}
