//! Client proofs of each kind of transaction, and their verification alone and in groups.

#![allow(
    missing_docs,
    reason = "criterion's macro writes an undocumented function"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use subrosa_benches::{client::Client, keys};

fn client(c: &mut Criterion) {
    let mut client = Client::new(&keys()).expect("keys of the transaction circuit");
    let kinds = client.kinds();
    let mut group = c.benchmark_group("client proof");
    group.sample_size(10);
    for (name, sample) in &kinds {
        group.bench_function(*name, |b| {
            b.iter(|| client.prove(sample).expect("a proof"));
        });
    }
    group.finish();

    let (_, sample) = &kinds[0];
    let proof = client.prove(sample).expect("a proof");
    let mut group = c.benchmark_group("verification");
    group.bench_function("alone", |b| {
        b.iter(|| client.verify(sample, &proof).expect("a valid proof"));
    });
    for count in [16, 64, 256, 1024] {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("in a group of {count}"), |b| {
            b.iter(|| {
                client
                    .verify_group(sample, &proof, count)
                    .expect("valid proofs");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, client);
criterion_main!(benches);
