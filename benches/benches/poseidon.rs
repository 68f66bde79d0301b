//! Primitives with a stated budget, on one core.

#![allow(
    missing_docs,
    reason = "criterion's macro writes an undocumented function"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use subrosa_protocol::{
    Fr,
    element::TransactionDigest,
    encoding::{point_from_bytes, point_to_bytes},
    encryption::ivk_shared,
    keys::{Seed, SpendKey, ViewingKey},
    poseidon,
};

fn primitives(c: &mut Criterion) {
    let mut state = [1u64, 2, 3, 4, 5].map(Fr::from);
    c.bench_function("poseidon permutation, plain form", |b| {
        b.iter(|| poseidon::permute_plain(black_box(&mut state)));
    });
    c.bench_function("poseidon permutation", |b| {
        b.iter(|| poseidon::permute(black_box(&mut state)));
    });
    let (mut x, y) = (state[0], state[1]);
    c.bench_function("field multiplication (latency)", |b| {
        b.iter(|| x *= black_box(&y));
    });

    let keys = ViewingKey::from_seed(&Seed::from_bytes([1; 32]));
    let sender = ViewingKey::from_seed(&Seed::from_bytes([2; 32]));
    let point = point_to_bytes(&keys.pk);
    c.bench_function("point decoding with its subgroup check", |b| {
        b.iter(|| point_from_bytes(black_box(&point)));
    });
    let spend = SpendKey::from_seed(&Seed::from_bytes([1; 32]));
    let digest = TransactionDigest::new(Fr::from(9u64));
    let signature = spend.sign(&digest, &mut rand::thread_rng());
    c.bench_function("signature check", |b| {
        b.iter(|| assert!(signature.verify(black_box(&keys.ak), &digest)));
    });
    c.bench_function("shared secret, alone", |b| {
        b.iter(|| ivk_shared(&keys.ivk, black_box(&sender.pk.y)));
    });
}

criterion_group!(benches, primitives);
criterion_main!(benches);
