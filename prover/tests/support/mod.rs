//! Shared parts of this crate's tests: one key directory, and proven batches.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

use std::path::PathBuf;
use std::sync::OnceLock;

use rand::SeedableRng;
use rand::rngs::StdRng;
use subrosa_protocol::batch::{BatchWitness, Shape};
use subrosa_protocol::proof::ProofBytes;
use subrosa_prover::progress::Silent;
use subrosa_prover::setup::KeyStore;
use subrosa_transaction::samples;

/// Opens keys that outlive a test run. Making them is slow, and their hashes are checked.
pub fn keys() -> KeyStore {
    static KEYS: OnceLock<KeyStore> = OnceLock::new();
    let open = || {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("keys");
        KeyStore::open(&dir).unwrap()
    };
    KEYS.get_or_init(open).clone()
}

/// A batch that the ledger accepts, with the proofs of its transactions.
#[derive(Clone, Debug)]
pub struct Proven {
    pub witness: BatchWitness,
    pub proofs: Vec<ProofBytes>,
}

/// Makes a batch with these numbers of transactions and deposits, and proves every transaction.
pub fn batch(shape: Shape, transactions: usize, deposits: usize, seed: u64) -> Proven {
    let mut rng = StdRng::seed_from_u64(seed);
    proven(samples::block(shape, transactions, deposits, &mut rng))
}

/// Proves all transactions of a block.
pub fn proven(block: samples::Block) -> Proven {
    let keys = keys().transaction(&Silent).unwrap();
    let proofs = block
        .samples
        .iter()
        .map(|sample| keys.prove(&sample.words, &sample.witness).unwrap())
        .collect();
    Proven {
        witness: block.witness,
        proofs,
    }
}
