//! Client proofs of each kind of transaction, and their verification alone and in groups.

use divan::{Bencher, counter::ItemsCount};
use subrosa_benches::{client::Client, keys};

fn main() {
    divan::main();
}

fn client() -> Client {
    Client::new(&keys()).expect("keys of the transaction circuit")
}

#[divan::bench(args = Client::KINDS, sample_count = 10, sample_size = 1)]
fn proof(bencher: Bencher<'_, '_>, kind: &str) {
    let mut client = client();
    let sample = client.sample_of(kind);
    bencher.bench_local(|| client.prove(&sample).expect("a proof"));
}

#[divan::bench]
fn verification(bencher: Bencher<'_, '_>) {
    let mut client = client();
    let sample = client.sample_of(Client::KINDS[0]);
    let proof = client.prove(&sample).expect("a proof");
    bencher.bench_local(|| client.verify(&sample, &proof).expect("a valid proof"));
}

#[divan::bench(args = [16, 64, 256, 1024])]
fn verification_in_a_group(bencher: Bencher<'_, '_>, count: usize) {
    let mut client = client();
    let sample = client.sample_of(Client::KINDS[0]);
    let proof = client.prove(&sample).expect("a proof");
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        client
            .verify_group(&sample, &proof, count)
            .expect("valid proofs");
    });
}
