//! The statement: accepted and refused witnesses, the rules that refuse them, and the size.

mod economics;
mod groth16;
mod loans;
mod rules;
mod wires;

use crate::circuit::{Shape, TransactionCircuit};
use crate::raw::RawWitness;
use crate::samples::{self, LoanCase, Sample};
use crate::{Counts, Rule, check, constraints};
use ark_bn254::Fr;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::sync::LazyLock;
use subrosa_protocol::swap::Side;

static SHAPE: LazyLock<Shape> = LazyLock::new(|| TransactionCircuit::shape().unwrap());

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn all_samples(seed: u64) -> Vec<Sample> {
    let rng = &mut rng(seed);
    let mut all = vec![
        samples::transfer(rng),
        samples::transfer_of_three(rng),
        samples::withdraw(rng),
        samples::padding(rng),
        samples::swap_leg(Side::A, rng),
        samples::swap_leg(Side::B, rng),
    ];
    all.extend(LoanCase::ALL.map(|case| samples::loan_step(case, rng)));
    all
}

fn evaluate(row: &[(Fr, usize)], columns: &[Fr]) -> Fr {
    row.iter()
        .map(|(coefficient, column)| *coefficient * columns[*column])
        .sum()
}

/// Returns the rules of all constraints that an assignment breaks, in the order of the constraints.
fn broken(raw: RawWitness) -> Vec<Rule> {
    let columns = TransactionCircuit::assigned(raw).assignment().unwrap();
    let [a, b, c] = &SHAPE.matrices[..] else {
        panic!("three matrices")
    };
    let mut rules = Vec::new();
    for (rule, span) in &SHAPE.spans {
        let unsatisfied = span.clone().any(|row| {
            evaluate(&a[row], &columns) * evaluate(&b[row], &columns) != evaluate(&c[row], &columns)
        });
        if unsatisfied && !rules.contains(rule) {
            rules.push(*rule);
        }
    }
    rules
}

#[test]
fn valid_statements_pass_natively_and_in_circuit() {
    for seed in 0..3 {
        for sample in all_samples(seed) {
            let digest = check(&sample.witness, &sample.words).unwrap();
            assert_eq!(digest, sample.transaction.digest(&samples::context()));
            let raw = RawWitness::new(&sample.words, digest, &sample.witness);
            assert_eq!(broken(raw), []);
        }
    }
}

#[test]
fn samples_are_functions_of_the_generator() {
    let [one, two] = [5, 5].map(|seed| samples::transfer(&mut rng(seed)));
    assert_eq!(one.words, two.words);
    assert_ne!(one.words, samples::transfer(&mut rng(6)).words);
}

/// Someone who knows everything published, and guesses kind, fee, expiry and anchor, still cannot
/// tell which digest belongs to a transfer.
#[test]
fn digests_are_blinded() {
    let [mut one, other] = [5, 6].map(|seed| samples::transfer(&mut rng(seed)));
    assert_ne!(one.transaction.terms, other.transaction.terms);
    let digest = one.transaction.digest(&samples::context());
    one.transaction.terms = Fr::from(0u64);
    assert_ne!(digest, one.transaction.digest(&samples::context()));
    let padding = samples::padding(&mut rng(7)).transaction;
    assert_eq!(padding.terms, Fr::from(0u64));
}

#[test]
fn padding_from_the_builder_is_valid() {
    let rng = &mut rng(1);
    let assets = samples::transfer(rng).assets;
    let asset = samples::SAMPLE_ASSETS[1];
    let context = samples::context();
    let root = Fr::from(7u64);
    let build =
        |asset, expiry, rng: &mut _| crate::no_op(context, root, &assets, asset, expiry, rng);
    let (transaction, witness) = build(asset, 100, rng).unwrap();
    check(&witness, &transaction.words(&context)).unwrap();
    assert!(build(subrosa_protocol::asset::AssetId(9), 100, rng).is_none());
    assert!(build(asset, 1 << 40, rng).is_none());
}

#[test]
fn debug_shows_no_secret() {
    let sample = samples::transfer(&mut rng(1));
    assert_eq!(format!("{:?}", sample.witness), "Witness { .. }");
    let circuit = TransactionCircuit::new(&sample.words, &sample.witness);
    assert_eq!(
        format!("{circuit:?}"),
        "TransactionCircuit { raw: Some(RawWitness { .. }) }"
    );
}

#[test]
fn size_is_the_committed_one() {
    let counts = constraints().unwrap();
    let json = serde_json::to_string_pretty(&counts).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/constraints.json");
    let committed: Counts = std::fs::read_to_string(path)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_else(|| {
            panic!("circuits/transaction/constraints.json is missing or unreadable; write\n{json}")
        });
    assert_eq!(
        counts, committed,
        "the circuit changed; if it was meant to, circuits/transaction/constraints.json becomes\n\
         {json}"
    );
    assert!(
        counts.constraints <= 65_536,
        "past 2^16 every proof costs twice as much"
    );
    assert_eq!(counts.public_inputs, 1);
    assert_eq!(counts.rules.len(), Rule::ALL.len());
    assert_eq!(counts.rules.values().sum::<usize>(), counts.constraints);
    assert_eq!(SHAPE.spans.last().unwrap().1.end, counts.constraints);
}

#[test]
fn a_block_holds_valid_statements_of_one_ledger() {
    use subrosa_protocol::batch::Shape;
    use subrosa_protocol::transaction::Kind::{SwapA, SwapB, Transfer, Withdraw};
    let blocks = [
        samples::block(Shape::S4, 3, 2, &mut rng(77)),
        samples::block_of(Shape::S4, &[SwapA, SwapB, Transfer], 2, &mut rng(78)),
        samples::block_of(Shape::S4, &[SwapA, SwapB, SwapA, SwapB], 0, &mut rng(79)),
        samples::block_of(Shape::S4, &[Withdraw, SwapA, SwapB], 4, &mut rng(80)),
    ];
    for (block, count) in blocks.iter().zip([3, 3, 4, 3]) {
        assert_eq!(block.samples.len(), count);
        let active = block.witness.slots.iter().filter(|slot| slot.active);
        for (slot, sample) in active.zip(&block.samples) {
            assert_eq!(slot.words, sample.words);
            check(&sample.witness, &sample.words).unwrap();
        }
    }
    // Each side receives what the other delivers.
    let [a, b, _] = &blocks[1].samples[..] else {
        panic!("three statements")
    };
    assert_eq!(a.transaction.terms, b.transaction.terms);
    for (one, other) in [(a, b), (b, a)] {
        let counter = one.witness.counter_leg.as_ref().unwrap();
        let delivered = &other.witness.outputs[0].note;
        assert_eq!(counter.packed, delivered.packed());
        assert_eq!(counter.owner, delivered.owner);
        assert_eq!(delivered.owner, one.witness.inputs[0].note.owner);
    }
}
