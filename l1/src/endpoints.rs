//! Several endpoints of one chain, of which one that works is used.
//!
//! An endpoint that fails, hangs, is behind another or serves another chain is left alone for a
//! while, longer each time, and the next one is asked. A view that is pinned to a block's hash
//! stays with the endpoint that showed the block.
//!
//! An account has one transaction manager, whichever endpoints work: two would use its nonces
//! twice. It hands each signed transaction to all endpoints that work, because only one
//! transaction with its nonce can be mined.
//!
//! Nothing here protects from an endpoint that lies: what matters is compared with the contracts'
//! commitments by those who read it.

mod node;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, Bytes, U256};
use futures::future::BoxFuture;

use crate::{
    error::L1Error,
    rpc::RpcTransport,
    status::{Failure, Status},
    transactions::{Accounts, Node},
    transport::{At, Block, Call, FoundLog, Head, LogQuery, Tag, Transport},
};
use node::Nodes;

/// Views whose endpoints are remembered.
const PINNED: usize = 64;

/// Times of [`Endpoints`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointOptions {
    /// Pause after an endpoint's first failure. It doubles with each further one.
    pub first_rest: Duration,
    /// Longest pause.
    pub longest_rest: Duration,
    /// Time after which a newest block that no endpoint shows any more is forgotten, so that lower
    /// ones count again.
    pub patience: Duration,
}

impl Default for EndpointOptions {
    fn default() -> Self {
        Self {
            first_rest: Duration::from_secs(1),
            longest_rest: Duration::from_secs(300),
            patience: Duration::from_secs(300),
        }
    }
}

/// A chain behind several endpoints.
#[derive(Debug)]
pub struct Endpoints<T = RpcTransport> {
    transports: Vec<T>,
    chain_id: Option<u64>,
    options: EndpointOptions,
    state: Arc<Mutex<State>>,
    accounts: Accounts,
}

#[derive(Debug, Default)]
struct State {
    used: usize,
    /// Newest block that any endpoint showed, and when one last showed it or a newer one.
    seen: Option<(Head, Instant)>,
    health: Vec<Health>,
    pinned: VecDeque<(B256, usize)>,
    failure: Option<Failure>,
}

#[derive(Debug, Clone, Default)]
struct Health {
    failures: u32,
    resting_until: Option<Instant>,
    head: Option<Head>,
    /// Whether it was found to serve the right chain.
    checked: bool,
}

impl Health {
    fn rests(&self, now: Instant) -> bool {
        self.resting_until.is_some_and(|until| now < until)
    }
}

impl<T: Transport> Endpoints<T> {
    /// Builds a transport over these endpoints, the preferred one first. Endpoints of another chain
    /// than `chain_id` are not used; without it all are taken to serve the same chain.
    pub fn new(transports: Vec<T>, chain_id: Option<u64>) -> Self {
        Self::with_options(transports, chain_id, EndpointOptions::default())
    }

    /// Builds a transport with other times.
    pub fn with_options(
        transports: Vec<T>,
        chain_id: Option<u64>,
        options: EndpointOptions,
    ) -> Self {
        let state = State {
            health: vec![Health::default(); transports.len()],
            ..State::default()
        };
        Self {
            transports,
            chain_id,
            options,
            state: Arc::new(Mutex::new(state)),
            accounts: Accounts::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn order(&self) -> Vec<usize> {
        self.state().order()
    }

    /// Asks one endpoint, and takes note of how it did.
    async fn ask<'a, R>(
        &'a self,
        index: usize,
        ask: impl FnOnce(&'a T) -> BoxFuture<'a, Result<R, L1Error>>,
    ) -> Result<R, L1Error> {
        self.check(index).await?;
        match ask(&self.transports[index]).await {
            Err(error) => {
                if let Some(failure) = Failure::of(&error) {
                    self.rest(index, failure);
                }
                Err(error)
            }
            Ok(answer) => {
                let mut state = self.state();
                state.used = index;
                state.answered(index);
                Ok(answer)
            }
        }
    }

    /// Checks once that an endpoint serves the right chain.
    async fn check(&self, index: usize) -> Result<(), L1Error> {
        let Some(expected) = self.chain_id else {
            return Ok(());
        };
        if self.state().health[index].checked {
            return Ok(());
        }
        let found = self.transports[index].chain_id().await;
        match found {
            Ok(found) if found == expected => {
                self.state().health[index].checked = true;
                Ok(())
            }
            Ok(found) => {
                self.rest(index, Failure::OtherChain);
                Err(L1Error::Odd(format!(
                    "L1 endpoint {index} serves chain {found} instead of {expected}"
                )))
            }
            Err(error) => {
                self.rest(index, Failure::of(&error).unwrap_or(Failure::Odd));
                Err(error)
            }
        }
    }

    /// Leaves an endpoint alone for a while.
    fn rest(&self, index: usize, failure: Failure) {
        self.state().rest(index, failure, &self.options);
    }

    /// Asks the endpoints in order until one answers. `enough` decides whether another endpoint may
    /// know more.
    async fn any<'a, R>(
        &'a self,
        order: Vec<usize>,
        ask: impl Fn(&'a T) -> BoxFuture<'a, Result<R, L1Error>>,
        enough: impl Fn(&R) -> bool,
    ) -> Result<R, L1Error> {
        let mut poor = None;
        let mut failed = L1Error::Unavailable("there is no L1 endpoint".into());
        for index in order {
            match self.ask(index, &ask).await {
                Ok(answer) if enough(&answer) => return Ok(answer),
                Ok(answer) => poor = Some(answer),
                Err(error) if Failure::of(&error).is_none() => return Err(error),
                Err(error) => failed = error,
            }
        }
        poor.ok_or(failed)
    }

    /// Returns the newest block of the first endpoint that is not behind what was seen before.
    async fn latest(&self) -> Result<Block, L1Error> {
        let mut failed = L1Error::Unavailable("there is no L1 endpoint".into());
        for index in self.order() {
            match self.latest_of(index).await {
                Ok(block) => return Ok(block),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn latest_of(&self, index: usize) -> Result<Block, L1Error> {
        let block = self.ask(index, |t| t.block(Tag::Latest)).await?;
        let block = block.ok_or_else(|| L1Error::Odd("the node has no latest block".into()))?;
        let now = Instant::now();
        let head = Head {
            number: block.number,
            timestamp: block.timestamp,
        };
        {
            let mut state = self.state();
            state.health[index].head = Some(head);
            let behind = state.seen.is_some_and(|(seen, at)| {
                (head.number < seen.number || head.timestamp < seen.timestamp)
                    && now.duration_since(at) < self.options.patience
            });
            if !behind {
                state.seen = Some((head, now));
                state.pin(block.hash, index);
                return Ok(block);
            }
        }
        self.rest(index, Failure::Behind);
        Err(L1Error::Unavailable(format!(
            "L1 endpoint {index} is behind: its newest block is {}, and a newer one was seen",
            block.number
        )))
    }

    /// Returns the endpoints that can answer at this block.
    fn order_at(&self, at: At) -> Vec<usize> {
        if let At::Hash(hash) = at {
            let state = self.state();
            if let Some((_, index)) = state.pinned.iter().find(|(known, _)| *known == hash) {
                return vec![*index];
            }
        }
        self.order()
    }

    /// Returns the endpoints that have this block, because an endpoint that does not leaves logs
    /// out without a word.
    async fn order_up_to(&self, number: u64) -> Result<Vec<usize>, L1Error> {
        let mut able = Vec::new();
        let mut failed = None;
        for index in self.order() {
            let known = self.state().health[index].head;
            if known.is_some_and(|head| head.number >= number) {
                able.push(index);
                continue;
            }
            match self.latest_of(index).await {
                Ok(block) if block.number >= number => able.push(index),
                Ok(_) => {}
                Err(error) => failed = Some(error),
            }
        }
        if able.is_empty() {
            let missing = || L1Error::Unavailable(format!("no L1 endpoint has block {number} yet"));
            return Err(failed.unwrap_or_else(missing));
        }
        Ok(able)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Returns the endpoints to ask, in this order: those that do not rest, or else all, the one
    /// that has rested longest first.
    fn order(&self) -> Vec<usize> {
        let now = Instant::now();
        let all = 0..self.health.len();
        let awake: Vec<usize> = all
            .clone()
            .filter(|i| !self.health[*i].rests(now))
            .collect();
        if !awake.is_empty() {
            return awake;
        }
        let mut all: Vec<usize> = all.collect();
        all.sort_by_key(|i| self.health[*i].resting_until);
        all
    }

    /// Takes note that an endpoint answered.
    fn answered(&mut self, index: usize) {
        self.failure = None;
        self.health[index].failures = 0;
        self.health[index].resting_until = None;
    }

    /// Leaves an endpoint alone for a while.
    fn rest(&mut self, index: usize, failure: Failure, options: &EndpointOptions) {
        self.failure = Some(failure);
        let health = &mut self.health[index];
        let factor = 1u32 << health.failures.min(16);
        let rest = options.first_rest.saturating_mul(factor);
        health.failures = health.failures.saturating_add(1);
        health.resting_until = Some(Instant::now() + rest.min(options.longest_rest));
    }

    fn pin(&mut self, hash: B256, index: usize) {
        self.pinned.retain(|(known, _)| *known != hash);
        self.pinned.push_back((hash, index));
        if self.pinned.len() > PINNED {
            self.pinned.pop_front();
        }
    }
}

#[async_trait::async_trait]
impl<T: Transport> Transport for Endpoints<T> {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        self.any(self.order(), |t| t.chain_id(), |_| true).await
    }

    async fn head(&self) -> Result<Head, L1Error> {
        let block = self.latest().await?;
        Ok(Head {
            number: block.number,
            timestamp: block.timestamp,
        })
    }

    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        if tag == Tag::Latest {
            return self.latest().await.map(Some);
        }
        // An endpoint that is behind does not have a block that another one showed.
        let found = self
            .any(self.order(), |t| t.block(tag), Option::is_some)
            .await?;
        if let Some(block) = &found {
            let mut state = self.state();
            let index = state.used;
            if !state.pinned.iter().any(|(known, _)| *known == block.hash) {
                state.pin(block.hash, index);
            }
        }
        Ok(found)
    }

    async fn call(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
        at: At,
    ) -> Result<Bytes, L1Error> {
        let order = self.order_at(at);
        self.any(order, |t| t.call(operation, to, data.clone(), at), |_| true)
            .await
    }

    async fn calls(
        &self,
        calls: Vec<Call>,
        at: At,
    ) -> Result<Vec<Result<Bytes, L1Error>>, L1Error> {
        let order = self.order_at(at);
        self.any(order, |t| t.calls(calls.clone(), at), |_| true)
            .await
    }

    fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    fn node(&self) -> Arc<dyn Node> {
        let nodes = self.transports.iter().map(T::node);
        Arc::new(Nodes {
            nodes: nodes.collect(),
            chain_id: self.chain_id,
            options: self.options,
            state: Arc::clone(&self.state),
        })
    }

    async fn logs(&self, query: LogQuery) -> Result<Vec<FoundLog>, L1Error> {
        let order = self.order_up_to(query.to).await?;
        self.any(order, |t| t.logs(query.clone()), |_| true).await
    }

    async fn calldata(
        &self,
        transaction: B256,
        block: Option<B256>,
    ) -> Result<Option<Bytes>, L1Error> {
        let order = self.order();
        self.any(order, |t| t.calldata(transaction, block), Option::is_some)
            .await
    }

    async fn ether(&self, owner: Address) -> Result<U256, L1Error> {
        self.any(self.order(), |t| t.ether(owner), |_| true).await
    }

    async fn gas_price(&self) -> Result<u128, L1Error> {
        self.any(self.order(), |t| t.gas_price(), |_| true).await
    }

    fn status(&self) -> Option<Status> {
        let now = Instant::now();
        let state = self.state();
        let head = state.seen.map(|(head, _)| head);
        let own = state.health.get(state.used).and_then(|health| health.head);
        Some(Status {
            endpoint: state.used,
            endpoints: state.health.len(),
            resting: state.health.iter().filter(|h| h.rests(now)).count(),
            head,
            lag: head
                .zip(own)
                .map_or(0, |(head, own)| head.number.saturating_sub(own.number)),
            failure: state.failure,
        })
    }
}
