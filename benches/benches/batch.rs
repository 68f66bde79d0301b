//! Batch proofs of the shapes with 4 and 16 slots. `SLOTS=64` measures that shape instead, which
//! takes a quarter of an hour and 6 GB.

#![allow(
    missing_docs,
    reason = "criterion's macro writes an undocumented function"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use subrosa_benches::{batch::FullBatch, keys};
use subrosa_protocol::batch::Shape;
use subrosa_prover::progress::Silent;

fn batch(c: &mut Criterion) {
    let slots = match std::env::var("SLOTS") {
        Ok(slots) => vec![slots.parse().expect("SLOTS is a number")],
        Err(_) => vec![4, 16],
    };
    let mut group = c.benchmark_group("batch");
    group.sample_size(10);
    for slots in slots {
        let shape = Shape::from_slots(slots).expect("a shape has 4, 16 or 64 slots");
        let (batch, keys) = FullBatch::with_keys(&keys(), shape).expect("a proven batch");
        group.bench_function(format!("{slots} slots"), |b| {
            b.iter(|| batch.prove(&keys, &Silent).expect("a proof"));
        });
    }
    group.finish();
}

criterion_group!(benches, batch);
criterion_main!(benches);
