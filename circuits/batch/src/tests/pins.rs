//! The size of the circuit is pinned in `cells.json`.

use halo2_proofs::plonk::ConstraintSystem;
use serde_json::{Value, json};
use subrosa_protocol::batch::Shape;

use super::clients::Clients;
use crate::config::{Config, DEGREE};
use crate::{BatchCircuit, Counts};

fn counts(shape: Shape) -> Counts {
    Counts::of(shape, Clients::get().key.clone())
}

fn columns() -> Value {
    let mut cs = ConstraintSystem::default();
    Config::configure(&mut cs);
    json!({
        "advice": cs.num_advice_columns(),
        "fixed": cs.num_fixed_columns(),
        "instance": cs.num_instance_columns(),
        "copied": cs.permutation().get_columns().len(),
        "lookups": cs.lookups().len(),
        "table_bits": Counts::TABLE_BITS,
        "degree": cs.degree(),
        "advice_queries": cs.advice_queries().len(),
        "fixed_queries": cs.fixed_queries().len(),
        "polynomials": cs.gates().iter().map(|gate| gate.polynomials().len()).sum::<usize>(),
        "blinding_rows": cs.blinding_factors() + 1,
    })
}

#[test]
fn counts_are_pinned() {
    let shapes: Vec<Counts> = Shape::ALL.into_iter().map(counts).collect();
    // The cost of each further slot, measured between the two largest shapes, and the rest.
    let each = |of: fn(&Counts) -> usize| (of(&shapes[2]) - of(&shapes[1])).div_ceil(48);
    let per_transaction = each(|counts| counts.area);
    let per_proof = each(|counts| counts.proofs_area);
    let actual = json!({
        "columns": columns(),
        "area_per_transaction": per_transaction,
        "area_per_proof": per_proof,
        "area_shared": shapes[2].area - 64 * per_transaction,
        "cells_per_permutation": 10 * crate::schedule::ROWS + 10,
        "shapes": shapes,
    });
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cells.json");
    let text = serde_json::to_string_pretty(&actual).unwrap() + "\n";
    // UPDATE_PINS=1 rewrites the file after an intended change of the circuit.
    if std::env::var_os("UPDATE_PINS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let pinned = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        pinned, text,
        "the circuit changed; if it was meant to, UPDATE_PINS=1 rewrites circuits/batch/cells.json"
    );
    assert!(per_proof <= 90_000);
    assert!(per_transaction <= 135_000);
    assert!(per_transaction - per_proof <= 25_000);
}

/// The declared degree is the gates' degree. A real proof shows that it suffices for the lookup
/// too.
#[test]
fn degree_is_that_of_the_gates() {
    let mut cs = ConstraintSystem::<halo2curves::bn256::Fr>::default();
    Config::configure(&mut cs);
    let gates = cs.gates().iter().flat_map(|gate| gate.polynomials());
    let highest = gates.map(|polynomial| polynomial.degree()).max();
    assert_eq!(highest, Some(DEGREE));
    assert_eq!(cs.degree(), DEGREE);
}

/// Columns and gates do not depend on the shape, and the reserved rows suffice for blinding.
#[test]
fn constraint_system_fits() {
    let mut cs = ConstraintSystem::default();
    Config::configure(&mut cs);
    for shape in Shape::ALL {
        let rows = 1usize << BatchCircuit::k(shape);
        assert!(BatchCircuit::rows(shape) + cs.blinding_factors() + 1 < rows);
        assert!(1 << Counts::TABLE_BITS <= BatchCircuit::rows(shape));
        // Half as many rows would not suffice.
        let counts = counts(shape);
        let used = counts.permutation_rows + counts.arithmetic_rows;
        assert!(used.max(counts.foreign_rows) > rows / 2);
    }
}
