//! What the tests of this crate share: one key directory for all of them, and batches.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

use std::path::PathBuf;

use ark_bn254::Fr;
use ark_ff::UniformRand;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use subrosa_protocol::asset::AssetId;
use subrosa_protocol::batch::{BatchWitness, Shape};
use subrosa_protocol::encryption::NoteData;
use subrosa_protocol::keys::{Seed, SpendKey};
use subrosa_protocol::ledger::{BatchInput, Config, Deposit, Ledger};
use subrosa_protocol::transaction::{Context, Header, Kind, Transaction, Withdrawal};
use subrosa_prover::setup::KeyStore;

/// Keys that outlive a test run: they are the slow part, and hash-checked anyway.
pub fn keys() -> KeyStore {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("keys");
    KeyStore::open(&dir).unwrap()
}

const TIME: u64 = 1_800_000_000;
const FEE_ASSET: AssetId = AssetId(7);

/// A batch that the ledger accepts, after another, so that no tree is empty.
pub fn batch(shape: Shape, transactions: usize, deposits: usize, seed: u64) -> BatchWitness {
    let mut rng = StdRng::seed_from_u64(seed);
    let config = Config {
        context: Context {
            chain_id: 31_337,
            rollup: rng.r#gen(),
        }
        .word(),
        fee_asset: FEE_ASSET,
        min_fee: 1,
    };
    let assets_root = Fr::rand(&mut rng);
    let mut ledger = Ledger::new();
    let mut execute = |shape, transactions: usize, deposits: usize| {
        let anchor = ledger.state().note_root;
        let transactions = (0..transactions)
            .map(|i| transaction(&mut rng, anchor, assets_root, i % 2 == 1))
            .collect();
        let deposits = (0..deposits)
            .map(|_| Deposit {
                asset: AssetId(rng.r#gen()),
                value: rng.gen_range(1..=u128::MAX),
                inner: Fr::rand(&mut rng),
            })
            .collect();
        let input = BatchInput {
            shape,
            time: TIME,
            fee_recipient: rng.r#gen(),
            assets_root,
            transactions,
            deposits,
        };
        ledger.execute(input, &config).unwrap()
    };
    execute(Shape::S4, 4, 3);
    execute(shape, transactions, deposits)
}

fn transaction(rng: &mut StdRng, anchor: Fr, assets_root: Fr, withdraw: bool) -> Transaction {
    let kind = if withdraw {
        Kind::Withdraw
    } else {
        Kind::Transfer
    };
    let mut note_data = [0u8; 169];
    rng.fill(&mut note_data[..]);
    Transaction {
        anchor,
        assets_root,
        header: Header::new(kind, FEE_ASSET, rng.gen_range(1..1 << 96), TIME + 600).unwrap(),
        withdrawal: withdraw.then(|| Withdrawal {
            asset: AssetId(rng.r#gen()),
            recipient: rng.r#gen(),
            amount: rng.gen_range(1..=u128::MAX),
        }),
        terms: Fr::from(0u64),
        oracle: Fr::from(0u64),
        nullifiers: std::array::from_fn(|_| Fr::rand(rng)),
        commitments: std::array::from_fn(|_| Fr::rand(rng)),
        ephemeral: SpendKey::from_seed(&Seed::from_bytes(rng.r#gen()))
            .public()
            .y,
        audit: std::array::from_fn(|_| std::array::from_fn(|_| Fr::rand(rng))),
        note_data: NoteData(note_data),
    }
}
