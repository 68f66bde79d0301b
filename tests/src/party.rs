//! A party that composes and proves transactions by hand, so that a test can make a transaction
//! that a wallet never would.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use rand::rngs::OsRng;
use subrosa_l1::{Account, L1};
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetTree, AuditorKeys},
    batch::PublishedBatch,
    encoding::fr_to_bytes,
    keys::{Seed, SpendKey, ViewingKey},
    transaction::{Submission, Transaction},
};
use subrosa_transaction::{Witness, Words};
use subrosa_wallet::{
    chain::{Chain, OwnedNote},
    compose::{Composed, Composer, Envelope, Intent},
    times::Validity,
};

use crate::{Api, chain::DOLLAR, keys::keys, world::FEE};

/// Keys and view of a party.
pub struct Party {
    /// Its viewing key.
    pub keys: ViewingKey,
    spend: SpendKey,
    /// Its view of the chain.
    pub chain: Chain,
    /// The registry.
    pub assets: AssetTree,
    /// The rollup's context.
    pub context: Fr,
    deposits: u64,
}

/// Returns the Unix time in seconds.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

/// Writes a field element as `0x` hex.
#[must_use]
pub fn hex_of(element: &Fr) -> String {
    format!("0x{}", hex::encode(fr_to_bytes(element)))
}

/// Proves a transaction.
///
/// # Errors
/// If the witness does not satisfy the statement.
pub async fn prove(
    transaction: Transaction,
    words: Words,
    witness: Witness,
) -> anyhow::Result<Submission> {
    let proof =
        tokio::task::spawn_blocking(move || keys().transaction.prove(&words, &witness)).await??;
    Ok(Submission { transaction, proof })
}

impl Party {
    /// Makes the party whose seed is the byte `seed` repeated, on the rollup that `l1` serves.
    ///
    /// # Errors
    /// If L1 does not answer.
    pub async fn new(seed: u8, l1: &dyn L1) -> anyhow::Result<Self> {
        let seed = Seed::from_bytes([seed; 32]);
        let keys = ViewingKey::from_seed(&seed);
        let context = l1.rollup().await?.context;
        Ok(Self {
            spend: SpendKey::from_seed(&seed),
            chain: Chain::new(keys.clone(), context),
            keys,
            assets: l1.assets().await?.into_iter().collect(),
            context,
            deposits: 0,
        })
    }

    /// Deposits to itself.
    ///
    /// # Errors
    /// If L1 refuses the deposit.
    pub async fn deposit(
        &mut self,
        l1: &dyn L1,
        from: &Account,
        asset: AssetId,
        amount: u128,
    ) -> anyhow::Result<()> {
        let inner = self.chain.deposit_inner(self.deposits);
        self.deposits += 1;
        l1.deposit(from, asset, amount, &inner).await?;
        Ok(())
    }

    /// Applies a batch.
    ///
    /// # Errors
    /// If it does not follow.
    pub fn apply(&mut self, batch: &PublishedBatch) -> anyhow::Result<()> {
        let auditors = AuditorKeys::from(&self.assets);
        Ok(self.chain.apply(batch, &auditors)?)
    }

    /// Applies all batches that the sequencer has beyond its own.
    ///
    /// # Errors
    /// If they do not follow.
    pub async fn sync(&mut self, api: &Api) -> anyhow::Result<()> {
        let known = usize::try_from(self.chain.batch_index() - 1)?;
        for batch in api.batches().await?.iter().skip(known) {
            let published = batch["published"].as_str().context("published data")?;
            let bytes = hex::decode(published.trim_start_matches("0x"))?;
            self.apply(&PublishedBatch::from_bytes(&bytes)?)?;
            ensure!(
                batch["new_state"] == hex_of(&self.chain.ledger().state().commitment()),
                "a batch leads to another state"
            );
        }
        Ok(())
    }

    /// Returns the sum of its unspent notes of an asset.
    #[must_use]
    pub fn balance(&self, asset: AssetId) -> u128 {
        let unspent = self
            .chain
            .notes()
            .iter()
            .filter(|n| n.spent.is_none() && n.note.asset == asset);
        unspent.map(|n| n.note.value).sum()
    }

    /// Returns its unspent note of exactly this value.
    ///
    /// # Errors
    /// If it has no such note.
    pub fn note(&self, value: u128) -> anyhow::Result<OwnedNote> {
        let found = self
            .chain
            .notes()
            .iter()
            .find(|n| n.spent.is_none() && n.note.value == value);
        found.cloned().context("no such note")
    }

    /// Returns an envelope that the sequencer admits.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        Envelope {
            context: self.context,
            fee_asset: DOLLAR,
            fee: FEE,
            usual: Validity {
                not_before: self.chain.time(),
                expiry: now() + 3600,
            },
            now: now(),
            snapshot: None,
        }
    }

    /// Composes a transaction from the notes that `spendable` admits.
    ///
    /// # Errors
    /// If the notes do not cover it.
    pub fn compose(
        &self,
        intent: &Intent,
        asset: AssetId,
        amount: u128,
        envelope: Envelope,
        spendable: impl Fn(&OwnedNote) -> bool,
    ) -> anyhow::Result<Composed> {
        let composer = Composer {
            chain: &self.chain,
            assets: &self.assets,
            keys: &self.keys,
            spend: &self.spend,
            envelope,
        };
        let composed = composer.compose(intent, asset, amount, spendable, &mut OsRng)?;
        ensure!(!composed.merges, "the notes are fragmented");
        Ok(composed)
    }

    /// Composes a transaction from one note and proves it.
    ///
    /// # Errors
    /// If the note does not cover it, or the proof fails.
    pub async fn spend(
        &self,
        note: &OwnedNote,
        intent: &Intent,
        amount: u128,
        envelope: Envelope,
    ) -> anyhow::Result<Submission> {
        let only = |n: &OwnedNote| n.leaf_index == note.leaf_index;
        let composed = self.compose(intent, note.note.asset, amount, envelope, only)?;
        let words = composed.transaction.words(&envelope.context);
        prove(composed.transaction, words, composed.witness).await
    }
}
