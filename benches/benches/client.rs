//! Client proofs.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use subrosa_benches::{client::Client, keys};

fn client(c: &mut Criterion) {
    let mut client = Client::new(&keys()).expect("keys of the transaction circuit");
    let samples: Vec<_> = (0..10).map(|_| client.sample()).collect();
    let mut turn = samples.iter().cycle();
    let mut group = c.benchmark_group("client");
    group.sample_size(10);
    group.bench_function("proof", |b| {
        b.iter_batched(
            || turn.next().expect("an endless iterator"),
            |sample| client.prove(sample).expect("a proof"),
            BatchSize::PerIteration,
        );
    });
    let proof = client.prove(&samples[0]).expect("a proof");
    group.sample_size(100);
    group.bench_function("verification", |b| {
        b.iter(|| client.verify(&samples[0], &proof).expect("a valid proof"));
    });
    group.finish();
}

criterion_group!(benches, client);
criterion_main!(benches);
