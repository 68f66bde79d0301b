//! A wallet's trial decryption, on one core.

use std::time::Instant;

use anyhow::ensure;
use rand::{Rng as _, RngCore as _};
use rayon::ThreadPool;
use serde_json::{Value, json};
use subrosa_node::system::{peak_rss_bytes, rounded};
use subrosa_protocol::{
    Fr,
    asset::AssetId,
    element::Nullifier,
    encryption::{AuditWords, EphemeralKey, Memo, PublishedOutputs, Scanner},
    keys::{Seed, ViewingKey},
    note::Note,
};

/// Distinct transactions. They repeat, because the scan does the same work for each.
const DISTINCT: usize = 256;

/// Published outputs of strangers, as nearly all that a wallet scans, and one thread to scan them.
pub struct Scan {
    scanner: Scanner,
    published: Vec<PublishedOutputs>,
    pool: ThreadPool,
}

impl Scan {
    /// Makes the outputs of so many transactions.
    ///
    /// # Errors
    /// If the system provides no thread.
    pub fn new(transactions: usize) -> anyhow::Result<Self> {
        let mut rng = crate::rng();
        let keys = ViewingKey::from_seed(&Seed::random(&mut rng));
        let distinct: Vec<PublishedOutputs> = (0..DISTINCT)
            .map(|_| {
                let other = ViewingKey::from_seed(&Seed::random(&mut rng));
                let nullifiers: [Nullifier; 3] =
                    std::array::from_fn(|_| Nullifier::of(Fr::from(rng.r#gen::<u128>())));
                let ephemeral = EphemeralKey::new(&other.ovk, &nullifiers);
                let memo = Memo::default();
                let mut value = || u128::from(rng.next_u64());
                let change = |i, value| ephemeral.change(i, other.owner, AssetId(0), value);
                let notes = [
                    ephemeral.payment(other.owner, AssetId(0), value(), &memo),
                    change(1, value()),
                    change(2, value()),
                ];
                PublishedOutputs {
                    ephemeral: ephemeral.y(),
                    nullifiers,
                    commitments: notes.each_ref().map(Note::commitment),
                    audit: AuditWords::default(),
                    note_data: ephemeral.seal(&other.pk, &notes[0], &memo),
                }
            })
            .collect();
        Ok(Self {
            scanner: Scanner::new(&keys),
            published: distinct.into_iter().cycle().take(transactions).collect(),
            pool: rayon::ThreadPoolBuilder::new().num_threads(1).build()?,
        })
    }

    /// Scans all outputs. Returns the number of notes found, which must be 0.
    #[must_use]
    pub fn scan(&self) -> usize {
        self.pool
            .install(|| self.scanner.scan(&self.published))
            .len()
    }
}

/// Scans so many transactions and returns the figures.
///
/// # Errors
/// If there are no transactions, or a stranger's note is found.
pub fn figures(transactions: usize) -> anyhow::Result<Value> {
    ensure!(transactions > 0, "at least one transaction");
    let scan = Scan::new(transactions)?;
    let started = Instant::now();
    let found = scan.scan();
    let seconds = started.elapsed().as_secs_f64();
    ensure!(found == 0, "a stranger's note was taken for ours");
    Ok(json!({
        "transactions": transactions,
        "transactions_per_second_per_core": rounded(transactions as f64 / seconds, 0),
        "peak_rss_bytes": peak_rss_bytes(),
    }))
}
