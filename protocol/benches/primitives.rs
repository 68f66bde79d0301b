//! Times of the primitives for which budgets are stated, on one core. Run
//! `cargo bench -p subrosa-protocol`.

use std::hint::black_box;
use std::time::Instant;

use subrosa_protocol::asset::AssetId;
use subrosa_protocol::element::{Nullifier, TransactionDigest};
use subrosa_protocol::encoding::{point_from_bytes, point_to_bytes};
use subrosa_protocol::encryption::{
    EphemeralKey, Memo, OutputPlaintext, PublishedOutputs, Scanner, encrypt_outputs, ivk_shared,
};
use subrosa_protocol::keys::{Address, Seed, SpendKey, ViewingKey};
use subrosa_protocol::{Fr, poseidon};

/// Runs `work` for about a second and prints the mean time of one of its `units`.
fn time(name: &str, units: u32, mut work: impl FnMut()) {
    work();
    let start = Instant::now();
    let mut runs = 0u32;
    while start.elapsed().as_millis() < 1000 {
        work();
        runs += 1;
    }
    let nanoseconds = start.elapsed().as_nanos() as f64 / f64::from(runs) / f64::from(units);
    println!(
        "{name:<44} {:>10.2} µs   {:>10.0} a second",
        nanoseconds / 1000.0,
        1e9 / nanoseconds
    );
}

/// Makes a transaction that pays `payee`, with its own nullifiers.
fn transaction(number: u64, payee: Address, sender: &ViewingKey) -> PublishedOutputs {
    let nullifiers = [1, 2, 3].map(|i| Nullifier::new(Fr::from(number * 4 + i)));
    let ephemeral = EphemeralKey::new(&sender.ovk, &nullifiers);
    let outputs = [payee, sender.address(), sender.address()];
    let outputs: [OutputPlaintext; 3] = std::array::from_fn(|i| {
        OutputPlaintext::cash(
            &ephemeral,
            &nullifiers[0],
            i as u8,
            outputs[i],
            AssetId(1),
            100,
            &Memo::default(),
        )
    });
    PublishedOutputs {
        ephemeral: ephemeral.y(),
        nullifiers,
        commitments: outputs.map(|output| output.note.commitment()),
        note_data: encrypt_outputs(&ephemeral, &sender.ovk, &outputs, &Memo::default()),
    }
}

fn main() {
    let mut state = [1u64, 2, 3, 4, 5].map(Fr::from);
    time("poseidon permutation, plain form", 1, || {
        poseidon::permute_plain(black_box(&mut state));
    });
    time("poseidon permutation", 1, || {
        poseidon::permute(black_box(&mut state))
    });
    let (mut x, y) = (state[0], state[1]);
    time("field multiplication (latency)", 10_000, || {
        for _ in 0..10_000 {
            x *= black_box(&y);
        }
    });

    let keys = ViewingKey::from_seed(&Seed::from_bytes([1; 32]));
    let sender = ViewingKey::from_seed(&Seed::from_bytes([2; 32]));
    let point = point_to_bytes(&keys.pk);
    time("point decoding, subgroup check included", 1, || {
        let _ = black_box(point_from_bytes(black_box(&point)));
    });
    let spend = SpendKey::from_seed(&Seed::from_bytes([1; 32]));
    let digest = TransactionDigest::new(Fr::from(9u64));
    let signature = spend.sign(&digest, &mut rand::thread_rng());
    time("signature check", 1, || {
        assert!(signature.verify(black_box(&keys.ak), &digest));
    });
    time("shared secret, alone", 1, || {
        let _ = black_box(ivk_shared(&keys.ivk, black_box(&sender.pk.y)));
    });

    // One transaction in 128 is for the scanning key, as on a busy network.
    let published: Vec<PublishedOutputs> = (0..2048)
        .map(|i| {
            let payee = if i % 128 == 0 {
                keys.address()
            } else {
                sender.address()
            };
            transaction(i, payee, &sender)
        })
        .collect();
    let scanner = Scanner::new(&keys);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread pool of one");
    time("scan, one note (three to a transaction)", 3 * 2048, || {
        let found = pool.install(|| scanner.scan(black_box(&published)));
        assert_eq!(found.len(), 16);
    });
}
