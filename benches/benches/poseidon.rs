//! Primitives with a stated budget, on one core.

use divan::{Bencher, black_box};
use subrosa_protocol::{
    Fr,
    element::TransactionDigest,
    encoding::{point_from_bytes, point_to_bytes},
    encryption::ivk_shared,
    keys::{Seed, SpendKey, ViewingKey},
    poseidon,
};

fn main() {
    divan::main();
}

fn state() -> [Fr; 5] {
    [1u64, 2, 3, 4, 5].map(Fr::from)
}

fn keys(seed: u8) -> ViewingKey {
    ViewingKey::from_seed(&Seed::from_bytes([seed; 32]))
}

#[divan::bench]
fn permutation_plain_form(bencher: Bencher<'_, '_>) {
    let mut state = state();
    bencher.bench_local(|| poseidon::permute_plain(black_box(&mut state)));
}

#[divan::bench]
fn permutation(bencher: Bencher<'_, '_>) {
    let mut state = state();
    bencher.bench_local(|| poseidon::permute(black_box(&mut state)));
}

#[divan::bench]
fn field_multiplication_latency(bencher: Bencher<'_, '_>) {
    let [mut x, y, ..] = state();
    bencher.bench_local(|| x *= black_box(&y));
}

#[divan::bench]
fn point_decoding_with_subgroup_check(bencher: Bencher<'_, '_>) {
    let point = point_to_bytes(&keys(1).pk);
    bencher.bench_local(|| point_from_bytes(black_box(&point)));
}

#[divan::bench]
fn signature_check(bencher: Bencher<'_, '_>) {
    let spend = SpendKey::from_seed(&Seed::from_bytes([1; 32]));
    let (ak, digest) = (keys(1).ak, TransactionDigest::new(Fr::from(9u64)));
    let signature = spend.sign(&digest, &mut rand::thread_rng());
    bencher.bench_local(|| assert!(signature.verify(black_box(&ak), &digest)));
}

#[divan::bench]
fn shared_secret_alone(bencher: Bencher<'_, '_>) {
    let (keys, sender) = (keys(1), keys(2));
    bencher.bench_local(|| ivk_shared(&keys.ivk, black_box(&sender.pk.y)));
}
