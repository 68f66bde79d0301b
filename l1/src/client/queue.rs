//! The vault's deposit queue. The vault keeps hashes alone: the deposits are in its log, which is
//! checked against them.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::SolCall as _;
use subrosa_protocol::{
    asset::AssetId,
    batch::{PostedDeposit, PublishedBatch},
    ledger::Deposit,
};

use super::{
    Client, acceptances::REORGANISED, aggregate::Questions, lock, receipt, writes::event_of,
};
use crate::{
    account::Account,
    contracts::Vault,
    error::L1Error,
    transport::{Block, Outgoing, Transport},
    view::{QueuedDeposit, Receipt, TakeBack},
    words::{from_word, to_word},
};

/// Most deposits that one read returns, to bound a caller's memory.
const MAX_DEPOSITS: u64 = 256;

/// Deposits read so far.
#[derive(Debug, Default)]
pub(super) struct Queue {
    by_index: BTreeMap<u64, Entry>,
    /// First block that was not read yet.
    next: u64,
    /// Odd answers since the last right one.
    doubts: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    depositor: Address,
    deposit: Deposit,
    block: u64,
}

impl Queue {
    /// Forgets everything from this block on.
    fn cut(&mut self, from: u64) {
        self.by_index.retain(|_, entry| entry.block < from);
        self.next = self.next.min(from);
    }

    /// Forgets the newest blocks after an odd answer, and twice as many after each further one: the
    /// fault may lie anywhere in the log.
    fn doubt(&mut self, head: u64) {
        let depth = REORGANISED.saturating_mul(1u64.checked_shl(self.doubts).unwrap_or(u64::MAX));
        self.doubts = self.doubts.saturating_add(1);
        self.cut(head.saturating_sub(depth));
    }
}

/// Deposits in the order of the queue, from some index on.
#[derive(Debug, Default)]
struct Run {
    entries: Vec<Entry>,
    /// Link before the first of them, if that one waits.
    before: Option<B256>,
}

impl Entry {
    /// Returns the link of this deposit (spec: *Settlement on L1*, Deposit queue).
    fn link(&self, previous: B256, index: u64) -> B256 {
        let [packed, inner] = self.deposit.words().map(|word| to_word(&word));
        let words = [
            previous,
            U256::from(index).into(),
            self.depositor.into_word(),
            packed.into(),
            inner.into(),
        ];
        keccak256(words.concat())
    }
}

impl<T: Transport> Client<T> {
    pub(super) async fn read_deposits(
        &self,
        from: u64,
        limit: u64,
    ) -> Result<Vec<QueuedDeposit>, L1Error> {
        let run = self.run(from, limit.min(MAX_DEPOSITS)).await?;
        let entries = (from..).zip(run.entries);
        Ok(entries
            .map(|(index, entry)| QueuedDeposit {
                index,
                deposit: entry.deposit,
                depositor: entry.depositor.into_array(),
            })
            .collect())
    }

    pub(super) async fn read_take_backs(
        &self,
        from: u64,
        limit: u64,
    ) -> Result<Vec<TakeBack>, L1Error> {
        let block = self.newest().await?;
        let vault = self.contracts.vault;
        let mut ask = Questions::default();
        let consumed = ask.ask("consumedCount", vault, Vault::consumedCountCall {});
        let queued = ask.ask("depositCount", vault, Vault::depositCountCall {});
        let requested = ask.ask("requestedCount", vault, Vault::requestedCountCall {});
        let answers = ask.at(&self.transport, block.hash).await?;
        let end = from.saturating_add(limit.min(MAX_DEPOSITS));
        let (from, end) = (
            from.max(answers.get(&consumed)?),
            end.min(answers.get(&queued)?),
        );
        if answers.get(&requested)? == 0 || from >= end {
            return Ok(Vec::new());
        }
        let mut ask = Questions::default();
        let mut ask_of = |index: u64| {
            let call = Vault::takeBackOfCall {
                index: U256::from(index),
            };
            (index, ask.ask("takeBackOf", vault, call))
        };
        let asked: Vec<_> = (from..end).map(&mut ask_of).collect();
        let answers = ask.at(&self.transport, block.hash).await?;
        let mut found = Vec::new();
        for (index, asked) in &asked {
            let effective = answers.get(asked)?.effective.to::<u64>();
            if effective != 0 {
                found.push(TakeBack {
                    index: *index,
                    effective,
                });
            }
        }
        Ok(found)
    }

    /// Requests a waiting deposit of this account back. Returns from when on batches do not consume
    /// it, Unix seconds.
    ///
    /// # Errors
    /// [`L1Error::Rejected`] if the deposit does not wait, is another account's, or was requested
    /// before.
    pub async fn request_take_back(&self, account: &Account, index: u64) -> Result<u64, L1Error> {
        let vault = self.contracts.vault;
        let operation = "requestTakeBack";
        let (previous, queued) = self.waiting(operation, index).await?;
        let call = Vault::requestTakeBackCall {
            index,
            previous,
            queued,
        };
        let data = call.abi_encode().into();
        let outgoing = Outgoing::new(operation, Some(vault), data, U256::ZERO);
        let mined = self.transport.send(account, outgoing).await?;
        let event: Vault::TakeBackRequested = event_of(&mined, vault, "request")?;
        Ok(event.effective.to::<u64>())
    }

    /// Credits a waiting deposit to its depositor, an hour after the request for it became
    /// effective or later. Any account may.
    ///
    /// # Errors
    /// [`L1Error::Rejected`] if it is too early, the deposit was not requested back or was credited
    /// already, or a batch has consumed it or passed over it.
    pub async fn take_back(&self, account: &Account, index: u64) -> Result<Receipt, L1Error> {
        let vault = self.contracts.vault;
        let operation = "takeBack";
        let (previous, queued) = self.waiting(operation, index).await?;
        let call = Vault::takeBackCall {
            index,
            previous,
            queued,
        };
        let data: Bytes = call.abi_encode().into();
        let length = data.len() as u64;
        let outgoing = Outgoing::new(operation, Some(vault), data, U256::ZERO);
        let mined = self.transport.send(account, outgoing).await?;
        Ok(receipt(&mined, length))
    }

    /// Returns the link before a waiting deposit, and the deposit.
    async fn waiting(
        &self,
        operation: &'static str,
        index: u64,
    ) -> Result<(B256, Vault::QueuedDeposit), L1Error> {
        let run = self.run(index, 1).await?;
        let refused = |reason: &str| L1Error::Rejected {
            operation,
            reason: reason.into(),
        };
        let entry = run.entries.first();
        let entry = entry.ok_or_else(|| refused("DepositsMissing"))?;
        let link = run.before.ok_or_else(|| refused("DepositConsumed"))?;
        let queued = Vault::QueuedDeposit {
            depositor: entry.depositor,
            asset: entry.deposit.asset.0,
            value: entry.deposit.value,
            inner: to_word(&entry.deposit.inner),
        };
        Ok((link, queued))
    }

    /// Returns the deposits of a batch as its calldata states them.
    pub(super) async fn posted_deposits(&self, batch: &PublishedBatch) -> Result<Bytes, L1Error> {
        let (first, count) = (batch.header.first_deposit, batch.deposits.len());
        let entries = self.run(first, count as u64).await?.entries;
        if entries.len() != count {
            return Err(L1Error::Odd(
                "the vault has fewer deposits than the batch".into(),
            ));
        }
        let mut all = Vec::with_capacity(count);
        for (entry, effective) in entries.iter().zip(&batch.deposits) {
            let posted = PostedDeposit {
                depositor: entry.depositor.into_array(),
                deposit: entry.deposit,
                is_taken_back: *effective == Deposit::TAKEN_BACK,
            };
            if posted.effective() != *effective {
                // The contract would refuse it for this reason.
                return Err(L1Error::Rejected {
                    operation: "submitBatch",
                    reason: "DepositsDiffer".into(),
                });
            }
            all.push(posted);
        }
        Ok(PostedDeposit::write_all(&all).into())
    }

    /// Returns up to `limit` deposits from index `from` on. Those that wait are what the vault
    /// binds; earlier ones are as the log states them.
    async fn run(&self, from: u64, limit: u64) -> Result<Run, L1Error> {
        if limit == 0 {
            return Ok(Run::default());
        }
        // One reader must not take a head that another one has passed for a wrong number.
        let _reading = self.reading_queue.lock().await;
        let block = self.newest().await?;
        let vault = self.contracts.vault;
        let mut ask = Questions::default();
        let queued = ask.ask("depositCount", vault, Vault::depositCountCall {});
        let consumed = ask.ask("consumedCount", vault, Vault::consumedCountCall {});
        let answers = ask.at(&self.transport, block.hash).await?;
        let (queued, consumed) = (answers.get(&queued)?, answers.get(&consumed)?);
        let end = queued.min(from.saturating_add(limit));
        if from >= end {
            return Ok(Run::default());
        }
        self.read_queue(&block).await?;
        let entries: Vec<Entry> = {
            let queue = lock(&self.queue);
            let known = (from..end).map_while(|index| queue.by_index.get(&index).copied());
            known.collect()
        };
        let waiting = from.max(consumed);
        let mut first = None;
        let mut is_bound = entries.len() as u64 == end - from;
        if is_bound && waiting < end {
            let links = [waiting, end].map(|count| Vault::linkAfterCall {
                count: U256::from(count),
            });
            let mut ask = Questions::default();
            let [before, after] = links.map(|call| ask.ask("linkAfter", vault, call));
            let answers = ask.at(&self.transport, block.hash).await?;
            let before = answers.get(&before)?;
            let chained = (waiting..).zip(&entries[(waiting - from) as usize..]);
            let link = chained.fold(before, |link, (index, entry)| entry.link(link, index));
            is_bound = link == answers.get(&after)?;
            first = (waiting == from).then_some(before);
        }
        if is_bound {
            lock(&self.queue).doubts = 0;
            return Ok(Run {
                entries,
                before: first,
            });
        }
        // The log is of other blocks, or incomplete: it is read anew.
        lock(&self.queue).doubt(block.number);
        Err(L1Error::Odd(
            "the log of the vault differs from its deposit queue".into(),
        ))
    }

    /// Reads the log of new blocks up to this one, and again that of the newest blocks read.
    async fn read_queue(&self, head: &Block) -> Result<(), L1Error> {
        {
            // A block with a number that was wrong must not bar those that follow.
            let mut queue = lock(&self.queue);
            if queue.next > head.number + 1 {
                queue.cut(head.number.saturating_sub(REORGANISED));
            }
        }
        loop {
            let next = lock(&self.queue).next;
            if next > head.number {
                return Ok(());
            }
            let vault = self.contracts.vault;
            let queued = self
                .events::<Vault::DepositQueued>(vault, next, head.number)
                .await?;
            let mut deposits = Vec::new();
            for (found, event) in &queued.events {
                let entry = Entry {
                    depositor: event.depositor,
                    deposit: deposit_of(event)?,
                    block: found.block,
                };
                deposits.push((event.index, entry));
            }
            let mut queue = lock(&self.queue);
            queue.cut(queued.from);
            queue.by_index.extend(deposits);
            queue.next = queued.to + 1;
        }
    }
}

/// Returns the deposit that the vault queued.
pub(super) fn deposit_of(event: &Vault::DepositQueued) -> Result<Deposit, L1Error> {
    if event.value == 0 {
        return Err(L1Error::Odd("a queued deposit has no value".into()));
    }
    Ok(Deposit {
        asset: AssetId(event.asset),
        value: event.value,
        inner: from_word(event.inner)?,
    })
}
