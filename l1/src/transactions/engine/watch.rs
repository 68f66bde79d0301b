//! Watching, replacing, and filling gaps.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{B256, Bytes, U256};

use super::{
    super::{
        Repeat, TransactionError,
        journal::{Ended, Open, Outcome},
        node::{Call, Found, Market, Refusal},
        sign::Price,
    },
    Engine, TRANSFER_GAS, price,
};
use crate::transport::{Block, Tag};

/// Time that a node has to show the transaction that used a nonce: it may count a transaction
/// before it has the receipt.
const EXPLANATION: Duration = Duration::from_secs(3);

/// Most nonces that one step fills.
const MAX_FILLED: u64 = 16;

impl Engine {
    /// Looks at the chain, then replaces, repeats or fills what waits.
    ///
    /// # Errors
    /// [`TransactionError`] of the node or the journal. The next step goes on.
    pub(in super::super) async fn step(&mut self) -> Result<(), TransactionError> {
        let stepped = self.turn().await;
        self.failure = stepped.as_ref().err().map(ToString::to_string);
        stepped
    }

    async fn turn(&mut self) -> Result<(), TransactionError> {
        if self.book.open.is_empty() {
            return Ok(());
        }
        let used = self.look().await?;
        self.fill(used).await?;
        self.press(used).await
    }

    /// Compares the open transactions with the chain. Returns the number of mined transactions.
    pub(super) async fn look(&mut self) -> Result<u64, TransactionError> {
        let node = Arc::clone(&self.tools.node);
        let block = self.asked(node.block(Tag::Latest)).await?;
        let block = block
            .ok_or_else(|| TransactionError::Unavailable("the node has no newest block".into()))?;
        let used = self.asked(node.mined_nonce(self.address())).await?;
        let sure = self.unchanged(&block).await?;
        // Without an answer about finality nothing ends yet, and everything else goes on.
        let until = self.final_below(block.number).await.unwrap_or(0);
        let mut changed = false;
        for place in 0..self.book.open.len() {
            let outcome = self.book.open[place].outcome.as_ref();
            let mined = outcome.and_then(Outcome::place);
            // Looks once more at a transaction before it ends: another endpoint may have shown it.
            if mined.is_none_or(|(_, block)| block > sure || block <= until) {
                changed |= self.inspect(place, block.number, used).await?;
            }
        }
        self.seen = Some(block);
        changed |= self.retire(until);
        if changed {
            self.save().await?;
        }
        Ok(used)
    }

    /// Returns the number of the block up to which the chain is as it was at the last look.
    async fn unchanged(&self, head: &Block) -> Result<u64, TransactionError> {
        let Some(seen) = self.seen.filter(|seen| seen.number <= head.number) else {
            return Ok(0);
        };
        let node = Arc::clone(&self.tools.node);
        let there = if seen.number == head.number {
            Some(*head)
        } else {
            self.asked(node.block(Tag::Number(seen.number))).await?
        };
        let same = there.is_some_and(|there| there.hash == seen.hash);
        Ok(if same { seen.number } else { 0 })
    }

    /// Returns the number of the block up to which nothing is watched any more.
    async fn final_below(&mut self, head: u64) -> Result<u64, TransactionError> {
        if self.tools.settings.confirmations.is_none() {
            let node = Arc::clone(&self.tools.node);
            if let Some(block) = self.asked(node.block(Tag::Finalized)).await? {
                self.finalizes = true;
                return Ok(block.number);
            }
            if self.finalizes {
                // A chain that named a final block before goes on to do so.
                return Ok(0);
            }
        }
        let settings = &self.tools.settings;
        Ok((head + 1).saturating_sub(settings.depth(self.tools.chain_id)))
    }

    /// Compares one open transaction with the chain. Returns whether its record changed.
    async fn inspect(
        &mut self,
        place: usize,
        head: u64,
        used: u64,
    ) -> Result<bool, TransactionError> {
        let open = &self.book.open[place];
        let nonce = open.nonce;
        let found = if nonce < used {
            self.find(open).await?
        } else {
            None
        };
        if let Some((_, found)) = &found
            && found.mined.block > head
        {
            // Another endpoint is ahead, or the number is wrong: such a block would count as mined
            // until the chain has come to it, whatever becomes of the transaction.
            return Ok(false);
        }
        let before = open.outcome.as_ref().and_then(Outcome::place);
        if let Some((hash, found)) = found {
            // In another branch it may run at the same height, and fail.
            let failed = matches!(open.outcome, Some(Outcome::Reverted { .. }));
            let same = before == Some((hash, found.mined.block)) && failed != found.success;
            if same && open.used_at.is_none() {
                return Ok(false);
            }
            let outcome = if same {
                open.outcome.clone()
            } else {
                Some(self.outcome(open, hash, found).await)
            };
            let open = &mut self.book.open[place];
            open.outcome = outcome;
            open.used_at = None;
            self.settle_notes(nonce);
            return Ok(true);
        }
        if before.is_some_and(|(_, block)| head < block) {
            // The node is behind the one that showed the block.
            return Ok(false);
        }
        let depth = self.tools.settings.depth(self.tools.chain_id);
        let open = &mut self.book.open[place];
        let mut changed = open.outcome.take().is_some();
        if changed {
            tracing::warn!(
                nonce,
                "L1 took the block of a transaction back; it is sent again"
            );
            self.handed.remove(&nonce);
        }
        let used_at = (nonce < used).then(|| open.used_at.map_or(head, |at| at.min(head)));
        changed |= open.used_at != used_at;
        open.used_at = used_at;
        let Some(at) = used_at else {
            self.unexplained.remove(&nonce);
            return Ok(changed);
        };
        let now = self.tools.clock.now();
        let since = *self.unexplained.entry(nonce).or_insert(now);
        if head + 1 >= at + depth && now.saturating_sub(since) >= EXPLANATION {
            tracing::warn!(nonce, "a transaction that is not ours used the nonce");
            open.outcome = Some(Outcome::Superseded);
            changed = true;
        }
        Ok(changed)
    }

    /// Looks for the variant that was mined.
    async fn find(&self, open: &Open) -> Result<Option<(B256, Found)>, TransactionError> {
        let known = open.outcome.as_ref().and_then(Outcome::place);
        let newest_first = open.attempts.iter().rev().map(|attempt| attempt.hash);
        for hash in known.into_iter().map(|(hash, _)| hash).chain(newest_first) {
            if let Some(found) = self.asked(self.tools.node.receipt(hash)).await? {
                return Ok(Some((hash, found)));
            }
        }
        Ok(None)
    }

    /// Returns the outcome that a receipt means.
    async fn outcome(&self, open: &Open, hash: B256, found: Found) -> Outcome {
        let block = found.mined.block;
        let attempt = open.attempts.iter().find(|attempt| attempt.hash == hash);
        if attempt.is_some_and(|attempt| attempt.cancels) {
            return Outcome::Cancelled { hash, block };
        }
        if found.success {
            return Outcome::Mined(found.mined);
        }
        let node = Arc::clone(&self.tools.node);
        let call = self.call_of(open, false);
        // The state before the block comes first: after it, other transactions may have changed
        // the reason.
        let mut reason = None;
        for at in [block.saturating_sub(1), block] {
            let replay = self.asked(node.replay(self.address(), &call, at)).await;
            reason = reason.or(replay.ok().flatten());
        }
        let limit = attempt.map_or(u64::MAX, |attempt| attempt.gas_limit);
        let reason = reason.unwrap_or_else(|| {
            if found.mined.gas_used >= limit {
                "it ran out of gas when it was mined".into()
            } else {
                "it reverted when it was mined".into()
            }
        });
        Outcome::Reverted {
            hash,
            block,
            reason,
        }
    }

    /// Forgets what is only known about waiting transactions.
    fn settle_notes(&mut self, nonce: u64) {
        self.handed.remove(&nonce);
        self.urgent.remove(&nonce);
        self.refused.remove(&nonce);
        self.capped.remove(&nonce);
        self.unexplained.remove(&nonce);
    }

    /// Ends the transactions that are deep enough. Returns whether there were any.
    fn retire(&mut self, until: u64) -> bool {
        let deep = |open: &Open| match &open.outcome {
            None => false,
            Some(Outcome::Superseded) => true,
            Some(outcome) => outcome.place().is_some_and(|(_, block)| block <= until),
        };
        let (done, open): (Vec<_>, Vec<_>) = self.book.open.drain(..).partition(deep);
        self.book.open = open;
        let any = !done.is_empty();
        for open in done {
            self.settle_notes(open.nonce);
            if let Some(outcome) = open.outcome {
                self.book.ended.push(Ended {
                    purpose: open.purpose,
                    nonce: open.nonce,
                    outcome,
                });
            }
        }
        let surplus = self
            .book
            .ended
            .len()
            .saturating_sub(self.tools.settings.remember);
        self.book.ended.drain(..surplus);
        any
    }

    /// Fills nonces below a waiting transaction that nothing uses: those of transactions that
    /// somebody else sent and the pool forgot, or that a deep reorganisation took back. Without it
    /// the waiting one would never be mined.
    async fn fill(&mut self, used: u64) -> Result<(), TransactionError> {
        let mut waiting = self.book.open.iter().filter(|open| open.outcome.is_none());
        let Some(lowest) = waiting.find(|o| o.nonce >= used).map(|open| open.nonce) else {
            return Ok(());
        };
        if lowest <= used {
            return Ok(());
        }
        let pending = self.tools.node.pending_nonce(self.address());
        // A transaction of somebody else waits there.
        if self.asked(pending).await? > used {
            return Ok(());
        }
        let node = Arc::clone(&self.tools.node);
        let market = self.asked(node.market()).await?;
        for nonce in used..lowest.min(used + MAX_FILLED) {
            if self.is_ours(nonce).await? {
                continue;
            }
            tracing::warn!(
                nonce,
                "nothing uses a nonce below a waiting transaction; filling it"
            );
            let open = Open {
                purpose: format!("fill/{nonce}"),
                repeat: Repeat::Always,
                nonce,
                to: Some(self.address()),
                data: Bytes::new(),
                value: U256::ZERO,
                gas_limit: TRANSFER_GAS,
                created: self.tools.clock.unix(),
                cancelling: true,
                attempts: Vec::new(),
                outcome: None,
                used_at: None,
            };
            let at = self.book.open.partition_point(|open| open.nonce < nonce);
            self.book.open.insert(at, open);
            let gas = self.transfer_gas(&market).await;
            let price = price::first(&self.tools.settings, &market);
            if let Err(error) = self.attempt(nonce, gas, price).await {
                self.book.open.remove(at);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether a transaction of ours has this nonce: the node that counts fewer is behind.
    async fn is_ours(&self, nonce: u64) -> Result<bool, TransactionError> {
        if self.place(nonce).is_some() {
            return Ok(true);
        }
        let ended = self.book.ended.iter().rfind(|ended| ended.nonce == nonce);
        let Some((hash, _)) = ended.and_then(|ended| ended.outcome.place()) else {
            return Ok(false);
        };
        let receipt = self.asked(self.tools.node.receipt(hash)).await?;
        Ok(receipt.is_some())
    }

    /// Returns the gas limit of a transfer to the account itself, which may have code.
    async fn transfer_gas(&self, market: &Market) -> u64 {
        let nothing = Call {
            to: Some(self.address()),
            data: Bytes::new(),
            value: U256::ZERO,
        };
        let node = Arc::clone(&self.tools.node);
        let estimate = self.asked(node.estimate(self.address(), &nothing)).await;
        let estimate = estimate.unwrap_or(TRANSFER_GAS).max(TRANSFER_GAS);
        estimate.min(market.block_gas)
    }

    /// Sends again, or replaces at a higher price, what waits for too long.
    async fn press(&mut self, used: u64) -> Result<(), TransactionError> {
        let waits = |open: &&Open| open.outcome.is_none() && open.nonce >= used;
        let waiting: Vec<u64> = self
            .book
            .open
            .iter()
            .filter(waits)
            .map(|o| o.nonce)
            .collect();
        let patience = Duration::from_secs(self.tools.settings.attempt_s);
        for nonce in waiting {
            let now = self.tools.clock.now();
            let Some(handed) = self.handed.get(&nonce).copied() else {
                // After a restart, or after its block was taken back.
                self.repeat(nonce).await?;
                continue;
            };
            let waited = now.saturating_sub(handed);
            if self.refused_for_now(nonce) {
                // The node did not take it: the same variant again, soon, unless it lacks gas.
                if waited >= patience / 8 && !self.gave_gas(nonce).await? {
                    self.repeat(nonce).await?;
                }
            } else if self.urgent.contains(&nonce) || waited >= patience {
                self.replace(nonce).await?;
            }
        }
        Ok(())
    }

    /// Whether the node refused the newest variant for a reason that a higher price does not mend.
    fn refused_for_now(&self, nonce: u64) -> bool {
        let refused = self.refused.get(&nonce);
        matches!(refused, Some(Refusal::LacksEther | Refusal::Other(_)))
            && !self.urgent.contains(&nonce)
    }

    /// Replaces an open transaction that the node refuses, if its gas limit is too low. Returns
    /// whether it was.
    async fn gave_gas(&mut self, nonce: u64) -> Result<bool, TransactionError> {
        let Some(place) = self.place(nonce) else {
            return Ok(false);
        };
        let node = Arc::clone(&self.tools.node);
        let market = self.asked(node.market()).await?;
        let before = self.book.open[place].gas_limit;
        let is_more = self.fresh_gas(place, &market).await > before;
        if is_more {
            self.replace(nonce).await?;
        }
        Ok(is_more)
    }

    /// Returns the gas limit for another variant of an open transaction. The first one's may come
    /// from a false estimate, and a transaction with too little gas is in no block: nodes drop it,
    /// some without a word.
    async fn fresh_gas(&self, place: usize, market: &Market) -> u64 {
        let open = &self.book.open[place];
        if open.cancelling {
            return self.transfer_gas(market).await;
        }
        let call = self.call_of(open, false);
        let estimate = self.tools.node.estimate(self.address(), &call);
        // Where the newest variant waits in the node's pool, the call reverts after it.
        match self.asked(estimate).await {
            Ok(estimate) => {
                let limit = self.tools.settings.gas_limit(estimate, 0, market.block_gas);
                limit.max(open.gas_limit)
            }
            Err(_) => open.gas_limit,
        }
    }

    /// Replaces an open transaction at a higher price, or sends it again if the cap is reached.
    async fn replace(&mut self, nonce: u64) -> Result<(), TransactionError> {
        let Some(place) = self.place(nonce) else {
            return Ok(());
        };
        let node = Arc::clone(&self.tools.node);
        let market = self.asked(node.market()).await?;
        let open = &self.book.open[place];
        let highest = Price {
            max_fee: open.attempts.iter().map(|a| a.max_fee).max().unwrap_or(0),
            tip: open.attempts.iter().map(|a| a.tip).max().unwrap_or(0),
        };
        let gas_limit = self.fresh_gas(place, &market).await;
        let settings = &self.tools.settings;
        if price::exceeds_cap(settings, &market) {
            self.capped.insert(nonce);
        } else {
            self.capped.remove(&nonce);
        }
        match price::replacing(settings, &market, highest) {
            Some(price) => {
                if !self.book.open[place].cancelling {
                    self.book.open[place].gas_limit = gas_limit;
                }
                self.attempt(nonce, gas_limit, price).await
            }
            None => {
                self.capped.insert(nonce);
                self.repeat(nonce).await
            }
        }
    }
}
