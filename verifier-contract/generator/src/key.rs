//! The verifying key as data: the code of a contract that the verifier reads.
//!
//! All numbers are 32-byte big-endian words unless noted otherwise. A place is an offset in memory
//! during verification, counted from the key's first byte (`Layout.sol` draws that memory). The key
//! consists of these parts, in this order:
//!
//! - header: the words of [`HEADER`](crate::HEADER), then G (2 words), −\[1\]₂ (4 words) and \[s\]₂
//!   (4 words) in the order of EIP-197;
//! - rotations: ω^rotation for every rotation of x at which a commitment is opened;
//! - fixed: commitments to the fixed columns, 2 words each, zeros for the identity;
//! - permutation: commitments to the permutation polynomials;
//! - columns: for each permuted column, the place of its evaluation at x (2 bytes);
//! - sets: for each opening set, the number m of rotations and the number of commitments (2 bytes
//!   each); the indices of its rotations (2 bytes each); if m > 1, m weights ∏ 1/(ω^rotation −
//!   ω^other) (32 bytes each); for each commitment, its place and the places of its m evaluations
//!   (2 bytes each);
//! - padding: zeros up to a whole word.

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

/// Greatest length of a contract's code in bytes (EIP-170).
pub const MAX_CODE: usize = 24_576;

const MAGIC: &[u8; 32] = b"subrosa halo2 key v2\0\0\0\0\0\0\0\0\0\0\0\0";

/// Why a verifying key cannot be written for the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The gates use an expression that the contract does not support.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// The circuit has several phases, or not exactly one instance column.
    #[error("the contract verifies single-phase circuits with one instance column")]
    Columns,
    /// A gate or an equality reads the instance column in a row other than the current one.
    #[error("the instance column is read in a row other than the current one")]
    InstanceQuery,
    /// A permuted column is not queried in the current row.
    #[error("a permuted column is not queried in the current row")]
    PermutedColumn,
    /// The degree of an expression exceeds that of the key. halo2-axiom caps a circuit's degree at
    /// 5 (or at `MAX_DEGREE` of the environment) unless the circuit sets its own with
    /// `set_minimum_degree`.
    #[error("the circuit has expressions of degree {0}, above the degree of its key")]
    Degree(usize),
    /// Two rotations of x are the same point: the circuit has too few rows.
    #[error("two rotations coincide: the circuit has too few rows")]
    Rotations,
    /// More committed columns than advice columns.
    #[error("{committed} committed columns, but only {advice} advice columns")]
    Committed {
        /// Requested number of committed columns.
        committed: usize,
        /// Number of advice columns of the circuit.
        advice: usize,
    },
    /// The key exceeds the length of a contract's code, or memory exceeds 16-bit offsets.
    #[error("the key or the proof is too long")]
    TooLong,
}

/// Returns the payload of the data contract for `vk` under `params`, the parameters that the key
/// was made with, of the circuit's own size. The contract's code is the byte 0 followed by the
/// payload. The column challenge of a proof is drawn from the commitments to the first `committed`
/// advice columns.
///
/// # Errors
/// If the circuit uses a feature that the contract does not support, or has fewer advice columns
/// than `committed`.
pub fn vk_data(
    params: &ParamsKZG<Bn256>,
    vk: &VerifyingKey<G1Affine>,
    committed: usize,
) -> Result<Vec<u8>, KeyError> {
    check(vk.cs(), committed)?;
    let gates = Gates::new(vk.cs())?;
    let omega = Fr::ROOT_OF_UNITY.pow_vartime([1u64 << (Fr::S - params.k())]);
    let counts = Counts::new(vk);
    let (places, tables) = lay_out(vk, &counts, omega)?;
    let key = Key {
        params,
        vk,
        committed,
        gates,
        omega,
        counts,
        places,
        tables,
    };
    if !key.fits() {
        return Err(KeyError::TooLong);
    }
    let mut data = Data::default();
    key.write_constants(&mut data);
    key.write_counts(&mut data);
    key.write_places(&mut data);
    key.write_points(&mut data);
    key.write_tables(&mut data);
    Ok(data.0)
}

/// Refuses circuits that the contract does not support.
fn check(cs: &ConstraintSystem<Fr>, committed: usize) -> Result<(), KeyError> {
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
    Ok(())
}

/// Computes all places and the tables that list them.
fn lay_out(
    vk: &VerifyingKey<G1Affine>,
    counts: &Counts,
    omega: Fr,
) -> Result<(Places, Tables), KeyError> {
    // The grouping, and hence every length, does not depend on the places.
    let draft = Tables::new(vk, counts, &counts.places(0, 0, 0), omega)?;
    let places = counts.places(
        draft.opening.rotations.len(),
        draft.columns.len(),
        draft.sets.len(),
    );
    let tables = Tables::new(vk, counts, &places, omega)?;
    Ok((places, tables))
}

/// A verifying key with everything that its data contains.
struct Key<'a> {
    params: &'a ParamsKZG<Bn256>,
    vk: &'a VerifyingKey<G1Affine>,
    committed: usize,
    gates: Gates,
    omega: Fr,
    counts: Counts,
    places: Places,
    tables: Tables,
}

impl Key<'_> {
    /// Whether the key fits a contract's code, and every offset fits 16 bits.
    fn fits(&self) -> bool {
        self.places.length < MAX_CODE && self.places.work + WORK_LOOKUPS <= usize::from(u16::MAX)
    }

    /// Size of the work area in bytes.
    fn work_size(&self) -> usize {
        let blinding = self.vk.cs().blinding_factors();
        let scratch = scratch_words(blinding, &self.gates, &self.tables.opening);
        let distances = 2 * self.tables.opening.rotations.len();
        WORK_LOOKUPS + 64 * self.counts.lookups + 32 * (distances + scratch)
    }

    /// Writes the header up to the domain.
    fn write_constants(&self, data: &mut Data) {
        let (places, omega) = (&self.places, self.omega);
        let blinding = self.vk.cs().blinding_factors();
        let k = self.params.k();
        data.bytes(MAGIC);
        // No field element equals the modulus; it is one above the largest element.
        let mut modulus = scalar_bytes(&-Fr::ONE);
        modulus[31] += 1;
        data.bytes(&modulus);
        data.bytes(&self.gates.digest());
        data.scalar(&self.vk.transcript_repr());
        data.number(places.length);
        data.number(places.work - places.advice_commitments);
        data.number(self.work_size());
        data.number(k as usize);
        data.scalar(&Fr::from(1u64 << k).invert().unwrap_or(Fr::ZERO));
        data.scalar(&omega);
        data.scalar(&rotate(omega, last_rotation(blinding)));
        data.number(blinding);
    }

    /// Writes the header's numbers of columns, sets and other parts.
    fn write_counts(&self, data: &mut Data) {
        let (counts, opening) = (&self.counts, &self.tables.opening);
        for count in [
            self.committed,
            counts.permuted,
            counts.chunk,
            counts.chunks,
            counts.lookups,
            opening.rotations.len(),
            opening.sets.len(),
        ] {
            data.number(count);
        }
    }

    /// Writes the header's places.
    fn write_places(&self, data: &mut Data) {
        let places = &self.places;
        for place in [
            places.theta,
            places.beta,
            places.y,
            places.x,
            places.fixed,
            places.sigma,
            places.products,
            places.lookups,
            places.opening,
            places.work,
            places.columns,
            places.rotations,
            places.sets,
        ] {
            data.number(place);
        }
    }

    /// Writes the points of the parameters.
    fn write_points(&self, data: &mut Data) {
        data.bytes(&point_bytes(&self.params.get_g()[0]));
        data.bytes(&point2_bytes(&-self.params.g2()));
        data.bytes(&point2_bytes(&self.params.s_g2()));
    }

    /// Writes everything after the header.
    fn write_tables(&self, data: &mut Data) {
        for power in self.tables.opening.powers(self.omega) {
            data.scalar(&power);
        }
        for point in self
            .vk
            .fixed_commitments()
            .iter()
            .chain(self.vk.permutation().commitments())
        {
            data.bytes(&point_bytes(point));
        }
        data.bytes(&self.tables.columns);
        data.bytes(&self.tables.sets);
        data.0.resize(self.places.length, 0);
    }
}

/// Returns keccak256 of the data contract's code. It is the contract's `EXTCODEHASH`, and
/// identifies the key on L1.
pub fn key_hash(vk_data: &[u8]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    hasher.update([0]);
    hasher.update(vk_data);
    hasher.finalize().into()
}

/// Returns init code that deploys the data contract, whose code is the byte 0 (STOP), then
/// `vk_data`.
///
/// # Panics
/// If `vk_data` exceeds the greatest length that [`vk_data`](fn@vk_data) returns.
pub fn data_contract_init_code(vk_data: &[u8]) -> Vec<u8> {
    let size = u16::try_from(vk_data.len() + 1).expect("vk_data stays below the code limit");
    let [high, low] = size.to_be_bytes();
    // PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE (0), CODECOPY, RETURNDATASIZE (0), RETURN
    let mut code = vec![
        0x61, high, low, 0x80, 0x60, 10, 0x3d, 0x39, 0x3d, 0xf3, 0x00,
    ];
    code.extend_from_slice(vk_data);
    code
}

/// Returns the actual degree of the gates and lookups.
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

/// Returns the size of the scratch area in words: the largest need of any step of the verifier.
fn scratch_words(blinding: usize, gates: &Gates, opening: &Opening) -> usize {
    let inversions = 2 * (blinding + 1 + INSTANCES + 2 + opening.rotations.len());
    inversions.max(gates.scratch_words()).max(opening.widest())
}

/// The parts of a key that list places.
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

    /// Returns the contract's constants: name and value.
    fn layout() -> Vec<(String, String)> {
        // The formatter puts a long value on a line of its own.
        let source = include_str!("../../src/verifier/Layout.sol").replace(" =\n    ", " = ");
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
