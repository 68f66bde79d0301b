//! Derivation of the state from what L1 recorded: reading ahead, hashing, comparison.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use subrosa_derivation::{
    Deriver, Ignore, Options, Outcome,
    synthetic::{Recording, Synthetic},
};
use subrosa_l1::Block;
use subrosa_node::system::{peak_rss_bytes, rounded};
use subrosa_protocol::{batch::Shape, ledger::State};

/// Deposits before each batch.
const DEPOSITS: usize = 4;

/// A recorded history of full batches of 64, without proofs.
pub struct Derivation {
    chain: Synthetic,
    transactions: usize,
}

impl Derivation {
    /// Makes a history of at least so many transactions.
    ///
    /// # Errors
    /// If the ledger refuses a batch.
    pub fn new(transactions: usize) -> anyhow::Result<Self> {
        let mut chain = Synthetic::new(20_260_101);
        let slots = Shape::S64.slots();
        let mut made = 0;
        while made < transactions {
            for _ in 0..DEPOSITS {
                chain.deposit();
            }
            chain.batch(Shape::S64, slots)?;
            made += slots;
        }
        Ok(Self {
            chain,
            transactions: made,
        })
    }

    /// Returns the number of transactions.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.transactions
    }

    /// Derives the whole history of `recording`, which this history must be.
    ///
    /// # Errors
    /// If a difference is found.
    pub async fn derive(&self, recording: Recording, target: &Block) -> anyhow::Result<State> {
        let options = Options::default();
        let mut deriver = Deriver::start(recording, self.chain.deployment(), options);
        let outcome = deriver.run(target, &mut Ignore).await?;
        ensure!(outcome == Outcome::Reached, "nothing cancels the run");
        let derivation = deriver.derivation().context("the run is complete")?;
        Ok(*derivation.ledger().state())
    }
}

/// Derives a history of at least so many transactions and returns the figures.
///
/// # Errors
/// If there are no transactions, or the derived state is not the ledger's.
pub async fn figures(transactions: usize) -> anyhow::Result<Value> {
    ensure!(transactions > 0, "at least one transaction");
    let history = Derivation::new(transactions)?;
    let recording = history.chain.recording().clone();
    let target = history.chain.head();
    let started = Instant::now();
    let state = history.derive(recording, &target).await?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(
        state == *history.chain.ledger().state(),
        "the derived state is not the ledger's"
    );
    Ok(json!({
        "transactions": history.transactions(),
        "batches": state.batch_index - 1,
        "threads": rayon::current_num_threads(),
        "seconds": rounded(seconds, 2),
        "transactions_per_second": rounded(history.transactions() as f64 / seconds, 0),
        "peak_rss_bytes": peak_rss_bytes(),
    }))
}
