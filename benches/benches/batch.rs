//! Batch proofs of the shapes with 4 and 16 slots. `SLOTS=64` measures that shape instead, which
//! takes a quarter of an hour and 6 GB.

use divan::Bencher;
use subrosa_benches::{batch::FullBatch, keys};
use subrosa_protocol::batch::Shape;
use subrosa_prover::progress::Silent;

fn main() {
    divan::main();
}

/// Returns the shapes to measure, by slots.
fn slots() -> Vec<usize> {
    match std::env::var("SLOTS") {
        Ok(slots) => vec![slots.parse().expect("SLOTS is a number")],
        Err(_) => vec![4, 16],
    }
}

#[divan::bench(args = slots(), sample_count = 10, sample_size = 1)]
fn proof(bencher: Bencher<'_, '_>, slots: usize) {
    let shape = Shape::from_slots(slots).expect("a shape has 4, 16 or 64 slots");
    let (batch, keys) = FullBatch::with_keys(&keys(), shape).expect("a proven batch");
    bencher.bench_local(|| batch.prove(&keys, &Silent).expect("a proof"));
}
