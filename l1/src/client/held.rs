//! Withdrawals that batches hold in their trees (spec: *Settlement on L1*, Held withdrawals).
//!
//! An account's own are found in the vault's log by their topics. Each is proven from the calldata
//! of its batch, and the proof is compared with the root that the vault keeps.

use std::collections::{
    BTreeMap,
    btree_map::Entry::{Occupied, Vacant},
};

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolEvent as _;
use subrosa_protocol::{
    asset::AssetId,
    layout::calldata::{WITHDRAWAL_LEN, WITHDRAWAL_SLOT},
};

use super::{Client, acceptances::REORGANISED, aggregate::Questions, lock};
use crate::{
    contracts::Vault,
    error::L1Error,
    transport::{Block, Transport},
};

/// Most held withdrawals that one claim shows: nodes refuse large transactions.
const SHOWN: usize = 32;
/// Most withdrawals of a batch.
const PLACES: u8 = 64;

/// Withdrawals read so far, by the account that they are to and their asset.
pub(super) type HeldLog = BTreeMap<(Address, AssetId), Own>;

/// Withdrawals of one account in one asset.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// By batch and place.
    known: BTreeMap<(u64, u8), Entry>,
    /// First block that was not read yet.
    next: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    amount: u128,
    salt: B256,
    block: u64,
}

/// A held withdrawal that is not claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unclaimed {
    batch: u64,
    place: u8,
    salt: B256,
    /// The amount that it owes.
    pub(super) amount: u128,
    root: U256,
}

impl Own {
    /// Forgets everything from this block on.
    fn cut(&mut self, from: u64) {
        self.known.retain(|_, entry| entry.block < from);
        self.next = self.next.min(from);
    }
}

/// Returns the path from a leaf to the top of the tree, and the top. Leaves that are missing are 0.
fn path(leaves: &[B256], place: u8) -> (Vec<B256>, B256) {
    let mut level = leaves.to_vec();
    level.resize(level.len().next_power_of_two().max(2), B256::ZERO);
    let mut place = usize::from(place);
    let mut path = Vec::new();
    while level.len() > 1 {
        path.push(level[place ^ 1]);
        place >>= 1;
        level = level
            .chunks(2)
            .map(|pair| keccak256(pair.concat()))
            .collect();
    }
    (path, level[0])
}

impl<T: Transport> Client<T> {
    /// Returns the unclaimed withdrawals of an account in an asset that batches hold, the largest
    /// first.
    pub(super) async fn read_held(
        &self,
        account: Address,
        asset: AssetId,
    ) -> Result<Vec<Unclaimed>, L1Error> {
        let _reading = self.reading_held.lock().await;
        let block = self.newest().await?;
        self.read_own(account, asset, &block).await?;
        let known: Vec<_> = {
            let log = lock(&self.held);
            let own = log.get(&(account, asset));
            let known = own.into_iter().flat_map(|own| &own.known);
            known.map(|(place, entry)| (*place, *entry)).collect()
        };
        let mut batches: Vec<u64> = known.iter().map(|((batch, _), _)| *batch).collect();
        batches.dedup();
        if batches.is_empty() {
            return Ok(Vec::new());
        }
        let mut ask = Questions::default();
        let asked: Vec<_> = batches
            .into_iter()
            .map(|batch| {
                let call = Vault::heldOfCall { batch };
                (batch, ask.ask("heldOf", self.contracts.vault, call))
            })
            .collect();
        let answers = ask.at(&self.transport, block.hash).await?;
        let mut found = Vec::new();
        for (batch, asked) in &asked {
            let held = answers.get(asked)?;
            let of_batch = known.iter().filter(|((of, _), _)| of == batch);
            for ((_, place), entry) in of_batch {
                if held.claimed >> place & 1 == 0 {
                    found.push(Unclaimed {
                        batch: *batch,
                        place: *place,
                        salt: entry.salt,
                        amount: entry.amount,
                        root: U256::from(held.root),
                    });
                }
            }
        }
        found.sort_by_key(|item| std::cmp::Reverse(item.amount));
        Ok(found)
    }

    /// Returns the largest of an account's unclaimed withdrawals as the vault takes them, as many
    /// as one claim shows. Leaves out those whose batch cannot be read at present.
    pub(super) async fn read_shown(
        &self,
        account: Address,
        asset: AssetId,
    ) -> Result<Vec<Vault::HeldWithdrawal>, L1Error> {
        let held = self.read_held(account, asset).await?;
        let mut shown = Vec::new();
        let mut trees: BTreeMap<u64, Vec<B256>> = BTreeMap::new();
        for item in held.iter().take(SHOWN) {
            let leaves = match trees.entry(item.batch) {
                Occupied(known) => known.into_mut(),
                Vacant(unknown) => match self.leaves(item.batch).await {
                    Ok(leaves) => unknown.insert(leaves),
                    Err(error) => {
                        let batch = item.batch;
                        tracing::warn!(batch, "withdrawals of a batch cannot be read: {error}");
                        continue;
                    }
                },
            };
            let leaf = leaf(
                item.place,
                &[
                    &asset.0.to_be_bytes()[..],
                    account.as_slice(),
                    &item.amount.to_be_bytes(),
                ]
                .concat(),
            );
            let (mut path, top) = path(leaves, item.place);
            let root = keccak256([top, item.salt].concat());
            let is_proven = leaves.get(usize::from(item.place)) == Some(&leaf)
                && U256::from_be_bytes(root.0) >> 64 == item.root;
            if !is_proven {
                let batch = item.batch;
                tracing::warn!(batch, "L1 shows other withdrawals of a batch than it holds");
                self.forget_acceptances(batch);
                continue;
            }
            path.push(item.salt);
            shown.push(Vault::HeldWithdrawal {
                batch: item.batch,
                place: item.place,
                amount: item.amount,
                path,
            });
        }
        Ok(shown)
    }

    /// Reads the leaves of a batch's tree from its calldata.
    async fn leaves(&self, batch: u64) -> Result<Vec<B256>, L1Error> {
        let event = self.acceptance(batch).await?;
        let event = event.ok_or_else(|| L1Error::Odd(format!("L1 has no batch {batch}")))?;
        let submission = self
            .read_submission(event.accepted.tx.into(), event.block_hash)
            .await?;
        let withdrawals = submission.withdrawals_data.chunks(WITHDRAWAL_LEN);
        let withdrawals = (0..PLACES).zip(withdrawals);
        Ok(withdrawals
            .map(|(place, data)| leaf(place, &data[WITHDRAWAL_SLOT.end..]))
            .collect())
    }

    /// Reads the log of new blocks up to this one, and again that of the newest blocks read.
    async fn read_own(
        &self,
        account: Address,
        asset: AssetId,
        head: &Block,
    ) -> Result<(), L1Error> {
        let key = (account, asset);
        {
            // A block with a number that was wrong must not bar those that follow.
            let mut log = lock(&self.held);
            let own = log.entry(key).or_default();
            if own.next > head.number.saturating_add(1) {
                own.cut(head.number.saturating_sub(REORGANISED));
            }
        }
        let topics = [
            Vault::WithdrawalHeld::SIGNATURE_HASH,
            account.into_word(),
            U256::from(asset.0).into(),
        ];
        loop {
            let next = lock(&self.held).entry(key).or_default().next;
            if next > head.number {
                return Ok(());
            }
            let vault = self.contracts.vault;
            let window = self
                .events_of::<Vault::WithdrawalHeld>(vault, &topics, next, head.number)
                .await?;
            let mut entries = Vec::new();
            for (found, event) in &window.events {
                if event.place >= PLACES || event.account != account || event.asset != asset.0 {
                    return Err(L1Error::Odd(
                        "WithdrawalHeld: another one was asked for".into(),
                    ));
                }
                let entry = Entry {
                    amount: event.amount,
                    salt: event.salt,
                    block: found.block,
                };
                entries.push(((event.batch, event.place), entry));
            }
            let mut log = lock(&self.held);
            let own = log.entry(key).or_default();
            own.cut(window.from);
            own.known.extend(entries);
            own.next = window.to.saturating_add(1);
        }
    }
}

/// Returns the leaf of a withdrawal: the hash of its place and of asset, account and amount.
fn leaf(place: u8, withdrawal: &[u8]) -> B256 {
    keccak256([&[place], withdrawal].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_from_each_leaf_to_the_top() {
        for count in 2..=9u8 {
            let leaves: Vec<B256> = (0..count).map(|i| leaf(i, &[7; 38])).collect();
            let tops: Vec<B256> = (0..count)
                .map(|place| {
                    let (path, top) = path(&leaves, place);
                    let mut node = leaves[usize::from(place)];
                    for (k, other) in path.iter().enumerate() {
                        let pair = if place >> k & 1 == 0 {
                            [node, *other]
                        } else {
                            [*other, node]
                        };
                        node = keccak256(pair.concat());
                    }
                    assert_eq!(node, top);
                    top
                })
                .collect();
            assert!(tops.iter().all(|top| *top == tops[0]));
        }
    }
}
