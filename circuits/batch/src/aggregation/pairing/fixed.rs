//! Constants that the circuit takes from the clients' key: its points, tables of their multiples,
//! and the lines of β, γ and δ.

use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use subrosa_protocol::element::TransactionDigest;

use crate::aggregation::foreign::trace::{Constants, Felt, Segment};
use crate::aggregation::pairing::g1::{Point, Table};
use crate::aggregation::pairing::lines::{Line, Twist};
use crate::aggregation::pairing::scalar::{beta, lambda};
use crate::aggregation::pairing::tower::{FROBENIUS, frobenius_coefficients};
use crate::client::ClientKey;

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
    pub(crate) padding: TransactionDigest,
    /// Hash of the key.
    pub(crate) identity: Fr,
}

impl Fixed {
    /// Derives all constants from a key.
    pub(crate) fn new(key: &ClientKey) -> Fixed {
        let mut constants = Constants::default();
        let twist = Twist::new(&mut constants);
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
