//! The verifying key as data: the code of a contract, which the verifier reads.
//!
//! All numbers are 32-byte big-endian words unless said otherwise; "at" is an offset in memory,
//! counted from the key's first byte while a proof is verified (`Layout.sol` draws that memory).
//!
//! | part | content |
//! |---|---|
//! | header | the words of [`HEADER`](crate::HEADER), then G (2 words), −\[1\]₂ (4), \[s\]₂ (4) in the order of EIP-197 |
//! | rotations | ω^rotation for every rotation of x that a commitment is opened at |
//! | fixed | commitments to the fixed columns, 2 words each, zeros for the identity |
//! | permutation | commitments to the permutation polynomials |
//! | columns | per permuted column, where its evaluation at x lies, 2 bytes each |
//! | sets | per opening set: number m of rotations and number of commitments (2 bytes each); indices of its rotations (2 bytes each); if m > 1, m weights ∏ 1/(ω^rotation − ω^other) (32 bytes each); per commitment where it lies and where its m evaluations lie (2 bytes each) |
//! | padding | zeros up to a whole word |

use halo2_proofs::plonk::{ConstraintSystem, Expression, VerifyingKey};
use halo2_proofs::poly::Rotation;
use halo2_proofs::poly::commitment::{Params, ParamsProver};
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2curves::ff::{Field, PrimeField};
use sha3::{Digest, Keccak256};

use crate::encoding::{point_bytes, point2_bytes, scalar_bytes};
use crate::expression::ExpressionError;
use crate::gates::Gates;
use crate::opening::{Opening, rotate};
use crate::places::{
    Counts, INSTANCES, Places, WORK_LOOKUPS, column_places, last_rotation, queries,
};

/// Longest contract code that the EVM accepts (EIP-170).
pub const MAX_CODE: usize = 24_576;

const MAGIC: &[u8; 32] = b"subrosa halo2 key v2\0\0\0\0\0\0\0\0\0\0\0\0";

/// Why a verifying key cannot be written for the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The gates cannot be written.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// Not one instance column, or advice columns of several phases.
    #[error("the contract verifies single-phase circuits with one instance column")]
    Columns,
    /// A gate or an equality reads the instance column in another row than the current one.
    #[error("the instance column is read in another row than the current one")]
    InstanceQuery,
    /// A permuted column without a query in the current row.
    #[error("a permuted column is not queried in the current row")]
    PermutedColumn,
    /// halo2-axiom caps a circuit's degree at 5 (or at `MAX_DEGREE` of the environment) unless the
    /// circuit sets its own with `set_minimum_degree`.
    #[error("the circuit has expressions of degree {0}, beyond the degree of its key")]
    Degree(usize),
    /// Two rotations of x are one point: the circuit has too few rows.
    #[error("two rotations coincide")]
    Rotations,
    /// More committed columns than advice columns.
    #[error("{committed} committed columns of {advice} advice columns")]
    Committed {
        /// The committed columns asked for.
        committed: usize,
        /// The circuit's advice columns.
        advice: usize,
    },
    /// The key is longer than a contract's code may be, or memory exceeds 16-bit offsets.
    #[error("the key or the proof is too long")]
    TooLong,
}

/// The data contract's payload for `vk` under `params`: `params` must be those that the key was
/// made with, of the circuit's own size. The contract's code is the byte 0 and then this. The
/// column challenge of a proof is drawn from the commitments to the first `committed` advice columns.
///
/// # Errors
/// If the circuit uses what the contract does not follow, or has fewer advice columns.
pub fn vk_data(
    params: &ParamsKZG<Bn256>,
    vk: &VerifyingKey<G1Affine>,
    committed: usize,
) -> Result<Vec<u8>, KeyError> {
    let cs = vk.cs();
    let advice = cs.num_advice_columns();
    if committed > advice {
        return Err(KeyError::Committed { committed, advice });
    }
    if cs.num_instance_columns() != 1 || cs.advice_column_phase().iter().any(|phase| *phase != 0) {
        return Err(KeyError::Columns);
    }
    if cs.num_challenges() != 0 {
        return Err(ExpressionError::Challenge.into());
    }
    if cs
        .instance_queries()
        .iter()
        .any(|(_, rotation)| *rotation != Rotation::cur())
    {
        return Err(KeyError::InstanceQuery);
    }
    let degree = expression_degree(cs);
    if cs.degree() < degree {
        return Err(KeyError::Degree(degree));
    }
    let gates = Gates::new(cs)?;
    let counts = Counts::new(vk);
    let k = params.k();
    let omega = Fr::ROOT_OF_UNITY.pow_vartime([1u64 << (Fr::S - k)]);

    // The grouping and hence every length is the same wherever things lie.
    let draft = Tables::new(vk, &counts, &counts.places(0, 0, 0), omega)?;
    let places = counts.places(
        draft.opening.rotations.len(),
        draft.columns.len(),
        draft.sets.len(),
    );
    let tables = Tables::new(vk, &counts, &places, omega)?;
    // Every offset must fit 16 bits, every key a contract's code.
    let scratch = scratch_words(cs.blinding_factors(), &gates, &tables.opening);
    let distances = 2 * tables.opening.rotations.len();
    let work_size = WORK_LOOKUPS + 64 * counts.lookups + 32 * (distances + scratch);
    if places.length >= MAX_CODE || places.work + WORK_LOOKUPS > usize::from(u16::MAX) {
        return Err(KeyError::TooLong);
    }

    let mut data = Data::default();
    data.bytes(MAGIC);
    // r itself has no element; it is one above the largest.
    let mut modulus = scalar_bytes(&-Fr::ONE);
    modulus[31] += 1;
    data.bytes(&modulus);
    data.bytes(&gates.digest());
    data.scalar(&vk.transcript_repr());
    data.number(places.length);
    data.number(places.work - places.advice_commitments);
    data.number(work_size);
    data.number(k as usize);
    data.scalar(&Fr::from(1u64 << k).invert().unwrap_or(Fr::ZERO));
    data.scalar(&omega);
    data.scalar(&rotate(omega, last_rotation(cs.blinding_factors())));
    data.number(cs.blinding_factors());
    data.number(committed);
    for count in [counts.permuted, counts.chunk, counts.chunks, counts.lookups] {
        data.number(count);
    }
    data.number(tables.opening.rotations.len());
    data.number(tables.opening.sets.len());
    let Places {
        theta,
        beta,
        y,
        x,
        fixed,
        sigma,
        products,
        lookups,
        opening,
        work,
        ..
    } = places;
    for place in [
        theta, beta, y, x, fixed, sigma, products, lookups, opening, work,
    ] {
        data.number(place);
    }
    for place in [places.columns, places.rotations, places.sets] {
        data.number(place);
    }
    data.bytes(&point_bytes(&params.get_g()[0]));
    data.bytes(&point2_bytes(&-params.g2()));
    data.bytes(&point2_bytes(&params.s_g2()));
    for power in tables.opening.powers(omega) {
        data.scalar(&power);
    }
    for point in vk
        .fixed_commitments()
        .iter()
        .chain(vk.permutation().commitments())
    {
        data.bytes(&point_bytes(point));
    }
    data.bytes(&tables.columns);
    data.bytes(&tables.sets);
    data.0.resize(places.length, 0);
    Ok(data.0)
}

/// keccak256 of the data contract's code, which is its `EXTCODEHASH`: names the key on L1.
pub fn key_hash(vk_data: &[u8]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    hasher.update([0]);
    hasher.update(vk_data);
    hasher.finalize().into()
}

/// Init code whose deployment leaves the data contract: the byte 0 (STOP), then `vk_data`.
///
/// # Panics
/// If `vk_data` is longer than [`vk_data`](fn@vk_data) ever makes it.
pub fn data_contract_init_code(vk_data: &[u8]) -> Vec<u8> {
    let size = u16::try_from(vk_data.len() + 1).expect("vk_data keeps below the code limit");
    let [high, low] = size.to_be_bytes();
    // PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE (0), CODECOPY, RETURNDATASIZE (0), RETURN
    let mut code = vec![
        0x61, high, low, 0x80, 0x60, 10, 0x3d, 0x39, 0x3d, 0xf3, 0x00,
    ];
    code.extend_from_slice(vk_data);
    code
}

/// The degree that the gates and lookups really have.
fn expression_degree(cs: &ConstraintSystem<Fr>) -> usize {
    let highest = |expressions: &[Expression<Fr>]| {
        expressions
            .iter()
            .map(Expression::degree)
            .max()
            .unwrap_or(1)
    };
    let gates = cs.gates().iter().map(|gate| highest(gate.polynomials()));
    let lookups = cs.lookups().iter().map(|lookup| {
        2 + highest(lookup.input_expressions()).max(1) + highest(lookup.table_expressions()).max(1)
    });
    gates.chain(lookups).max().unwrap_or(0)
}

/// Each step of the verifier uses the scratch area anew.
fn scratch_words(blinding: usize, gates: &Gates, opening: &Opening) -> usize {
    let inversions = 2 * (blinding + 1 + INSTANCES + 2 + opening.rotations.len());
    inversions.max(gates.scratch_words()).max(opening.widest())
}

/// The parts of a key that are lists of places.
struct Tables {
    columns: Vec<u8>,
    sets: Vec<u8>,
    opening: Opening,
}

impl Tables {
    fn new(
        vk: &VerifyingKey<G1Affine>,
        counts: &Counts,
        places: &Places,
        omega: Fr,
    ) -> Result<Self, KeyError> {
        let mut columns = Data::default();
        for place in column_places(vk, places).ok_or(KeyError::PermutedColumn)? {
            columns.place(place)?;
        }
        let opening = Opening::new(&queries(vk, counts, places));
        let powers = opening.powers(omega);
        let mut sets = Data::default();
        for set in &opening.sets {
            sets.place(set.rotations.len())?;
            sets.place(set.commitments.len())?;
            for rotation in &set.rotations {
                sets.place(*rotation)?;
            }
            let weights = set.weights(&powers).ok_or(KeyError::Rotations)?;
            if weights.len() > 1 {
                weights.iter().for_each(|weight| sets.scalar(weight));
            }
            for (commitment, evaluations) in &set.commitments {
                sets.place(*commitment)?;
                for evaluation in evaluations {
                    sets.place(*evaluation)?;
                }
            }
        }
        Ok(Self {
            columns: columns.0,
            sets: sets.0,
            opening,
        })
    }
}

/// A byte string under construction.
#[derive(Default)]
struct Data(Vec<u8>);

impl Data {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn scalar(&mut self, scalar: &Fr) {
        self.bytes(&scalar_bytes(scalar));
    }

    fn number(&mut self, number: usize) {
        self.scalar(&Fr::from(number as u64));
    }

    fn place(&mut self, place: usize) -> Result<(), KeyError> {
        let place = u16::try_from(place).map_err(|_| KeyError::TooLong)?;
        self.bytes(&place.to_be_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::{
        CALLER_INSTANCES, HEAD_SIZE, HEADER, HEADER_SIZE, WORK_QUOTIENT, WORK_QUOTIENT_EVALUATION,
    };

    /// The contract's constants, by name.
    fn layout() -> Vec<(String, String)> {
        let source = include_str!("../../src/verifier/Layout.sol");
        let constant = |line: &str| {
            let line = line.strip_prefix("uint256 constant ")?;
            let (name, value) = line.strip_suffix(';')?.split_once(" = ")?;
            Some((name.to_owned(), value.to_owned()))
        };
        source.lines().filter_map(constant).collect()
    }

    fn offset(name: &str) -> usize {
        let constants = layout();
        let (_, value) = constants
            .iter()
            .find(|(known, _)| known == name)
            .unwrap_or_else(|| panic!("{name} is missing in Layout.sol"));
        match value.strip_prefix("0x") {
            Some(digits) => usize::from_str_radix(digits, 16).expect("hexadecimal"),
            None => value.parse().expect("decimal"),
        }
    }

    #[test]
    fn header_is_where_the_contract_reads_it() {
        for (i, name) in HEADER.iter().enumerate().skip(1) {
            assert_eq!(offset(&format!("KEY_{name}")), 32 * i, "{name}");
        }
        assert_eq!(offset("KEY_G1"), 32 * HEADER.len());
        assert_eq!(offset("KEY_NEGATIVE_G2"), offset("KEY_G1") + 64);
        assert_eq!(offset("KEY_S_G2"), offset("KEY_NEGATIVE_G2") + 128);
        assert_eq!(offset("KEY_HEADER_SIZE"), HEADER_SIZE);
        assert_eq!(offset("HEAD_SIZE"), HEAD_SIZE);
        assert_eq!(offset("CALLER_INSTANCES"), CALLER_INSTANCES);
        assert_eq!(offset("INSTANCES"), INSTANCES);
        assert_eq!(offset("WORK_QUOTIENT_EVALUATION"), WORK_QUOTIENT_EVALUATION);
        assert_eq!(offset("WORK_QUOTIENT"), WORK_QUOTIENT);
        assert_eq!(offset("WORK_LOOKUPS"), WORK_LOOKUPS);
    }

    #[test]
    fn field_and_domain_words_agree() {
        let constants = layout();
        let word = |name: &str| {
            let (_, value) = constants
                .iter()
                .find(|(known, _)| known == name)
                .expect(name);
            hex::decode(value.trim_start_matches("0x")).expect("a word")
        };
        assert_eq!(word("KEY_MAGIC"), MAGIC);
        assert_eq!(word("TRANSCRIPT_DOMAIN"), crate::transcript::DOMAIN);
        assert_eq!(
            word("COLUMN_CHALLENGE_DOMAIN"),
            crate::transcript::COLUMN_CHALLENGE_DOMAIN
        );
        assert_eq!(word("DELTA"), scalar_bytes(&Fr::DELTA));
        let mut modulus = scalar_bytes(&-Fr::ONE);
        modulus[31] += 1;
        assert_eq!(word("R"), modulus);
    }
}
