//! Compares the compiled combination of the batch circuit's gates with the gates one by one.

use halo2_proofs::plonk::{Circuit, ConstraintSystem, Expression};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use subrosa_batch::BatchCircuit;

use crate::constraints::{Challenges, Forms};
use crate::graph::Graph;
use crate::prove::compile;
use crate::symbolic::combine;

const ROWS: usize = 200;

/// Returns an expression's value in a row.
fn value(expression: &Expression<Fr>, forms: &Forms<'_>, columns: &[Vec<Fr>], row: usize) -> Fr {
    let cell = |column: usize, rotation: i32| {
        columns[column][(row as i32 + rotation).rem_euclid(ROWS as i32) as usize]
    };
    let numbering = forms.columns;
    expression.evaluate(
        &|constant| constant,
        &|_| unreachable!("no selectors"),
        &|query| cell(numbering.fixed(query.column_index()), query.rotation().0),
        &|query| cell(numbering.advice(query.column_index()), query.rotation().0),
        &|query| cell(numbering.instance(query.column_index()), query.rotation().0),
        &|_| unreachable!("no challenges"),
        &|a| -a,
        &|a, b| a + b,
        &|a, b| a * b,
        &|a, factor| a * factor,
    )
}

#[test]
fn gates_of_the_batch_circuit() {
    let mut cs = ConstraintSystem::default();
    BatchCircuit::configure(&mut cs);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for _ in 0..4 {
        let mut forms = Forms::new(&cs);
        // Include small values, for which selectors vanish and terms coincide.
        let columns: Vec<Vec<Fr>> = (0..forms.columns.count())
            .map(|_| {
                let cell = |_| match rng.gen_range(0..3) {
                    0 => Fr::random(&mut rng),
                    _ => Fr::from(rng.gen_range(0..4u64)),
                };
                (0..ROWS).map(cell).collect()
            })
            .collect();
        let y = Fr::random(&mut rng);
        let gates = forms.gates().unwrap();
        let program = compile(&mut forms, &combine(&gates, y));
        let slices: Vec<&[Fr]> = columns.iter().map(Vec::as_slice).collect();
        let mut values = vec![Fr::ZERO; ROWS];
        program.run(&slices, &mut values);
        let polynomials: Vec<&Expression<Fr>> = cs
            .gates()
            .iter()
            .flat_map(|gate| gate.polynomials())
            .collect();
        for (row, actual) in values.iter().enumerate() {
            let expected = polynomials.iter().fold(Fr::ZERO, |sum, polynomial| {
                sum * y + value(polynomial, &forms, &columns, row)
            });
            assert_eq!(*actual, expected, "row {row}");
        }
    }
}

/// Bounds the numbers that determine the prover's speed. Lower is better.
#[test]
fn multiplications_of_the_batch_circuit() {
    let mut cs = ConstraintSystem::default();
    BatchCircuit::configure(&mut cs);
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let [theta, beta, gamma, y] = [(); 4].map(|()| Fr::random(&mut rng));
    let mut forms = Forms::new(&cs);
    let challenges = Challenges { theta, beta, gamma };
    let identities = forms.identities(&challenges).unwrap();
    let all = combine(&identities, y);
    let graph = Graph::new(&mut forms.atoms, &all);
    let (operations, registers) = compile(&mut forms, &all).size();
    println!(
        "{} multiplications, {operations} operations, {registers} registers",
        graph.multiplications()
    );
    assert!(graph.multiplications() < 400);
    assert!(registers < 64);
}
