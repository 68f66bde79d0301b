//! The fingerprint of a halo2 circuit: a hash of its gates and of everything it fixes. Its keys
//! depend only on these and on the parameters. A key file contains the fingerprint, so that the key
//! of an earlier version of the circuit is never used. The fingerprint needs no commitments, which
//! dominate the time of key generation.

use std::ops::Range;

use halo2_proofs::circuit::Value;
use halo2_proofs::plonk::{
    Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed,
    FloorPlanner, Instance, Selector,
};
use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, PrimeField};
use sha2::{Digest, Sha256};

/// Returns SHA-256 of the constraint system and, in order, of everything that the circuit fixes in
/// 2ᵏ rows.
pub(crate) fn fingerprint<C: Circuit<Fr>>(circuit: &C, k: u32) -> Result<[u8; 32], Error> {
    let mut cs = ConstraintSystem::default();
    let config = C::configure_with_params(&mut cs, circuit.params());
    let rows = 1usize << k;
    if rows < cs.minimum_rows() {
        return Err(Error::NotEnoughRowsAvailable { current_k: k });
    }
    let mut recorder = Recorder {
        k,
        usable: 0..rows - (cs.blinding_factors() + 1),
        pending: Vec::with_capacity(BUFFER),
        hasher: Sha256::new(),
    };
    recorder.pending.extend_from_slice(b"subrosa/v1/plonk");
    recorder.number(k as usize);
    let gates = format!("{:?}", cs.pinned());
    recorder.number(gates.len());
    recorder.pending.extend_from_slice(gates.as_bytes());
    let constants = cs.constants().clone();
    C::FloorPlanner::synthesize(&mut recorder, circuit, config, constants)?;
    recorder.hasher.update(&recorder.pending);
    Ok(recorder.hasher.finalize().into())
}

const BUFFER: usize = 1 << 16;

/// Hashes assignments instead of storing them.
struct Recorder {
    k: u32,
    usable: Range<usize>,
    pending: Vec<u8>,
    hasher: Sha256,
}

impl Recorder {
    fn begin(&mut self, kind: u8) {
        if self.pending.len() > BUFFER - 256 {
            self.hasher.update(&self.pending);
            self.pending.clear();
        }
        self.pending.push(kind);
    }

    fn number(&mut self, number: usize) {
        self.pending
            .extend_from_slice(&(number as u64).to_be_bytes());
    }

    fn scalar(&mut self, scalar: Fr) {
        self.pending.extend_from_slice(scalar.to_repr().as_ref());
    }

    fn value(&mut self, value: Assigned<Fr>) {
        let value = match value {
            Assigned::Zero => Fr::ZERO,
            Assigned::Trivial(value) => value,
            Assigned::Rational(numerator, denominator) => {
                numerator * denominator.invert().unwrap_or(Fr::ZERO)
            }
        };
        self.scalar(value);
    }

    fn column(&mut self, column: Column<Any>) {
        self.pending.push(match column.column_type() {
            Any::Advice(_) => 0,
            Any::Fixed => 1,
            Any::Instance => 2,
        });
        self.number(column.index());
    }

    fn row(&mut self, row: usize) -> Result<(), Error> {
        if self.usable.contains(&row) {
            self.number(row);
            Ok(())
        } else {
            Err(Error::NotEnoughRowsAvailable { current_k: self.k })
        }
    }
}

impl Assignment<Fr> for Recorder {
    fn enter_region<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn annotate_column<A, AR>(&mut self, _: A, _: Column<Any>)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
    }

    fn exit_region(&mut self) {}

    fn enable_selector<A, AR>(&mut self, _: A, selector: &Selector, row: usize) -> Result<(), Error>
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.begin(1);
        self.number(selector.index());
        self.row(row)
    }

    fn query_instance(&self, _: Column<Instance>, _: usize) -> Result<Value<Fr>, Error> {
        Ok(Value::unknown())
    }

    fn assign_advice<'v>(
        &mut self,
        _: Column<Advice>,
        _: usize,
        _: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        Value::unknown()
    }

    fn assign_fixed(&mut self, column: Column<Fixed>, row: usize, to: Assigned<Fr>) {
        self.begin(2);
        self.number(column.index());
        self.number(row);
        self.value(to);
    }

    fn copy(
        &mut self,
        left_column: Column<Any>,
        left_row: usize,
        right_column: Column<Any>,
        right_row: usize,
    ) {
        self.begin(3);
        self.column(left_column);
        self.number(left_row);
        self.column(right_column);
        self.number(right_row);
    }

    fn fill_from_row(
        &mut self,
        column: Column<Fixed>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Result<(), Error> {
        self.begin(4);
        self.number(column.index());
        self.row(row)?;
        let mut known = None;
        to.map(|value| known = Some(value));
        self.value(known.ok_or(Error::Synthesis)?);
        Ok(())
    }

    fn get_challenge(&self, _: Challenge) -> Value<Fr> {
        Value::unknown()
    }

    fn push_namespace<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn pop_namespace(&mut self, _: Option<String>) {}
}
