//! The sequencer's admission work, without HTTP and disk.

#![allow(
    missing_docs,
    reason = "criterion's macro writes an undocumented function"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use subrosa_benches::{
    admission::{Admission, GROUP},
    keys,
};

fn admission(c: &mut Criterion) {
    let admission = Admission::new(&keys()).expect("submissions with proofs");
    let mut number = 0;
    let mut group = c.benchmark_group("admission");
    group.throughput(Throughput::Elements(GROUP as u64));
    group.bench_function("a group of 64", |b| {
        b.iter(|| {
            number += 1;
            admission.admit(number).expect("valid submissions");
        });
    });
    group.finish();
}

criterion_group!(benches, admission);
criterion_main!(benches);
