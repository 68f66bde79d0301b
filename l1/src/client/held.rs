//! Withdrawals that batches hold in their trees: read from the vault's log and checked against the
//! roots that it keeps (spec: *Settlement on L1*, Held withdrawals).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use alloy_primitives::{Address, B256, U256, keccak256};
use subrosa_protocol::asset::AssetId;

use super::{Client, acceptances::REORGANISED, aggregate::Questions, lock};
use crate::{
    contracts::Vault,
    error::L1Error,
    transport::{Block, Transport},
};

/// Withdrawals read so far.
#[derive(Debug, Default)]
pub(super) struct HeldLog {
    /// By batch and place.
    known: BTreeMap<(u64, u8), Entry>,
    /// Those whose claim no reorganisation takes back.
    spent: HashSet<(u64, u8)>,
    /// First block that was not read yet.
    next: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    asset: AssetId,
    account: Address,
    amount: u128,
    block: u64,
}

impl Entry {
    /// Returns the leaf at this place of a tree.
    fn leaf(&self, place: u8) -> B256 {
        let mut bytes = vec![place];
        bytes.extend(self.asset.0.to_be_bytes());
        bytes.extend(self.account);
        bytes.extend(self.amount.to_be_bytes());
        keccak256(bytes)
    }
}

impl HeldLog {
    /// Forgets everything from this block on.
    fn cut(&mut self, from: u64) {
        self.known.retain(|_, entry| entry.block < from);
        self.next = self.next.min(from);
    }

    /// Returns the batches that hold unspent withdrawals of the account in the asset.
    fn batches(&self, account: Address, asset: AssetId) -> BTreeSet<u64> {
        let known = self.known.iter();
        let of_account = known.filter(|(place, entry)| {
            (entry.account, entry.asset) == (account, asset) && !self.spent.contains(place)
        });
        of_account.map(|((batch, _), _)| *batch).collect()
    }

    /// Returns the withdrawals of a batch in the order of their places.
    fn of_batch(&self, batch: u64) -> Vec<Entry> {
        let places = self.known.range((batch, 0)..=(batch, u8::MAX));
        places.map(|(_, entry)| *entry).collect()
    }
}

/// Returns the levels of a tree from the leaves to the root. Leaves that are missing are 0.
fn levels(mut leaves: Vec<B256>) -> Vec<Vec<B256>> {
    leaves.resize(leaves.len().next_power_of_two().max(2), B256::ZERO);
    let mut levels = vec![leaves];
    while let Some(level) = levels.last().filter(|level| level.len() > 1) {
        let above = level.chunks(2).map(|pair| keccak256(pair.concat()));
        let above = above.collect();
        levels.push(above);
    }
    levels
}

impl<T: Transport> Client<T> {
    /// Returns the unclaimed withdrawals of an account in an asset that batches hold, as the vault
    /// takes them.
    pub(super) async fn read_held(
        &self,
        account: Address,
        asset: AssetId,
    ) -> Result<Vec<Vault::HeldWithdrawal>, L1Error> {
        let _reading = self.reading_held.lock().await;
        let block = self.newest().await?;
        self.read_held_log(&block).await?;
        let batches = lock(&self.held).batches(account, asset);
        let mut ask = Questions::default();
        let asked: Vec<_> = batches
            .into_iter()
            .map(|batch| {
                let call = Vault::heldOfCall { batch };
                (batch, ask.ask("heldOf", self.contracts.vault, call))
            })
            .collect();
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let answers = ask.at(&self.transport, block.hash).await?;
        let mut log = lock(&self.held);
        let mut found = Vec::new();
        for (batch, asked) in &asked {
            let held = answers.get(asked)?;
            let entries = log.of_batch(*batch);
            let leaves = (0u8..)
                .zip(&entries)
                .map(|(place, entry)| entry.leaf(place));
            let levels = levels(leaves.collect());
            let root = levels.last().and_then(|level| level.first());
            let root = root.copied().unwrap_or_default();
            if U256::from_be_bytes(root.0) >> 64 != U256::from(held.root) {
                // The log is of other blocks, or incomplete: it is read anew.
                log.cut(0);
                return Err(L1Error::Odd(
                    "the log of the vault differs from the withdrawals that it holds".into(),
                ));
            }
            for (place, entry) in (0u8..).zip(&entries) {
                if (entry.account, entry.asset) != (account, asset) {
                    continue;
                }
                if held.claimed >> place & 1 == 1 {
                    if entry.block.saturating_add(REORGANISED) < block.number {
                        log.spent.insert((*batch, place));
                    }
                    continue;
                }
                let below = levels.iter().take(levels.len() - 1).enumerate();
                let path = below.map(|(k, level)| level[(usize::from(place) >> k) ^ 1]);
                found.push(Vault::HeldWithdrawal {
                    batch: *batch,
                    place,
                    amount: entry.amount,
                    path: path.collect(),
                });
            }
        }
        Ok(found)
    }

    /// Reads the log of new blocks up to this one, and again that of the newest blocks read.
    async fn read_held_log(&self, head: &Block) -> Result<(), L1Error> {
        {
            // A block with a number that was wrong must not bar those that follow.
            let mut log = lock(&self.held);
            if log.next > head.number + 1 {
                log.cut(head.number.saturating_sub(REORGANISED));
            }
        }
        loop {
            let next = lock(&self.held).next;
            if next > head.number {
                return Ok(());
            }
            let vault = self.contracts.vault;
            let window = self
                .events::<Vault::WithdrawalHeld>(vault, next, head.number)
                .await?;
            let entries = window.events.iter().map(|(found, event)| {
                let entry = Entry {
                    asset: AssetId(event.asset),
                    account: event.account,
                    amount: event.amount,
                    block: found.block,
                };
                ((event.batch, event.place), entry)
            });
            let mut log = lock(&self.held);
            log.cut(window.from);
            log.known.extend(entries);
            log.next = window.to + 1;
        }
    }
}
