//! Clients that remember every answer of the sequencer.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use subrosa_l1::L1;
use subrosa_protocol::{
    Fr,
    element::Anchor,
    encoding::fr_from_hex,
    ledger::State,
    transaction::{Context, Transaction},
};

use super::{
    Node,
    doubles::{submission, transfer},
    stage::CHAIN_ID,
};
use crate::{Api, chain::FIRST_INSTITUTION};

/// Codes of refusals that ask the client to change something or to come back, so that nothing is
/// lost.
const REFUSALS: &[&str] = &["stale_assets", "too_early", "unavailable", "unknown_anchor"];

/// Number of accounts that deposit.
const DEPOSITORS: usize = 3;

/// A transaction that was submitted.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The transaction.
    pub transaction: Transaction,
    /// Its digest, `0x` hex.
    pub digest: String,
}

/// All clients of one sequencer.
pub struct Driver {
    random: ChaCha8Rng,
    context: Fr,
    assets_root: Fr,
    /// Anchors that a client has seen: of a sealed state, with the next batch's prices.
    anchors: Vec<Anchor>,
    /// Transactions that the sequencer accepted.
    pub accepted: Vec<Submitted>,
    /// Transactions whose submission got no answer that says whether they are accepted.
    pub unanswered: Vec<Submitted>,
    /// Whether the sequencer's own writes may fail. It answers `internal` then, and the transaction
    /// may be stored all the same.
    pub writes_fail: bool,
    /// Number of deposits that were sent.
    pub deposits: u64,
}

/// Returns the time, Unix seconds.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

impl Driver {
    /// Makes the clients of a rollup. `l1` must answer without faults.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn new(l1: &dyn L1, seed: u64) -> anyhow::Result<Self> {
        let view = l1.rollup().await?;
        let context = Context {
            chain_id: CHAIN_ID,
            rollup: l1.contracts().rollup.into_array(),
        };
        Ok(Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            context: context.word(),
            assets_root: view.assets_root,
            anchors: Vec::new(),
            accepted: Vec::new(),
            unanswered: Vec::new(),
            writes_fail: false,
            deposits: 0,
        })
    }

    /// Returns the rollup's context.
    #[must_use]
    pub fn context(&self) -> Fr {
        self.context
    }

    /// Returns the source of random choices.
    pub fn random(&mut self) -> &mut ChaCha8Rng {
        &mut self.random
    }

    /// Makes a transaction. Few prove against a recent anchor; most against the first, which no
    /// reorganisation takes away.
    fn transaction(&mut self) -> Transaction {
        let recent = self.random.gen_bool(0.2);
        let anchor = match self.anchors.last() {
            Some(anchor) if recent => *anchor,
            _ => State::genesis().anchor(&Fr::from(0u64)),
        };
        transfer(&mut self.random, anchor, self.assets_root, now())
    }

    /// Submits transactions at once.
    ///
    /// # Errors
    /// If the sequencer refuses one for a reason that is not in the client's hands.
    pub async fn submit(&mut self, api: &Api, count: usize) -> anyhow::Result<()> {
        let made: Vec<Submitted> = (0..count)
            .map(|_| {
                let transaction = self.transaction();
                let digest = transaction.digest(&self.context).to_string();
                Submitted {
                    transaction,
                    digest,
                }
            })
            .collect();
        let bytes = made
            .iter()
            .map(|one| submission(&one.transaction, &self.context));
        let answers = futures::future::join_all(bytes.map(|bytes| api.submit(bytes))).await;
        for (one, answer) in made.into_iter().zip(answers) {
            match answer {
                Ok(answer) if answer.accepted() => self.accepted.push(one),
                Ok(answer) if self.writes_fail && answer.code() == "internal" => {
                    self.unanswered.push(one);
                }
                Ok(answer) => ensure!(
                    REFUSALS.contains(&answer.code()),
                    "a submission is refused: {answer:?}"
                ),
                Err(_) => self.unanswered.push(one),
            }
        }
        Ok(())
    }

    /// Looks at the sequencer's last root and the next batch's prices, for later transactions.
    ///
    /// # Errors
    /// If the sequencer shows a root that is none.
    pub async fn look(&mut self, api: &Api) -> anyhow::Result<()> {
        if let Ok(info) = api.client().info().await {
            let root = fr_from_hex(&info.state.note_root).context("a note root")?;
            let Ok(served) = api.client().oracle().await else {
                return Ok(());
            };
            let prices = match served {
                Some(served) => served.snapshot()?.digest(),
                None => Fr::from(0u64),
            };
            self.anchors.push(Anchor::of(&root, &prices));
        }
        Ok(())
    }

    /// Sends deposits to L1.
    ///
    /// # Errors
    /// If L1 refuses one.
    pub async fn deposit(&mut self, node: &Node, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            let from = FIRST_INSTITUTION + self.random.gen_range(0..DEPOSITORS);
            let inner = Fr::from(self.random.r#gen::<u128>());
            let value = self.random.gen_range(1..1_000_000);
            node.deposit(from, value, &inner).await?;
            self.deposits += 1;
        }
        Ok(())
    }

    /// Sends a deposit that is replaced before it is mined.
    ///
    /// # Errors
    /// If L1 refuses.
    pub async fn replaced_deposit(
        &mut self,
        node: &Node,
        pause: std::time::Duration,
    ) -> anyhow::Result<()> {
        let inner = Fr::from(self.random.r#gen::<u128>());
        let replaced = node
            .replaced_deposit(FIRST_INSTITUTION + DEPOSITORS, &inner, pause)
            .await?;
        if !replaced {
            self.deposits += 1;
        }
        Ok(())
    }

    /// Has L1 record a price snapshot. Later transactions refer to it once a client has seen it.
    ///
    /// # Errors
    /// If L1 refuses.
    pub async fn snapshot(&self, node: &Node) -> anyhow::Result<()> {
        node.snapshot(FIRST_INSTITUTION).await
    }
}
