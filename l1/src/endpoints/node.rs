//! Several endpoints as a transaction manager uses them.

use std::sync::{Arc, Mutex};

use alloy_primitives::{Address, B256, Bytes, U256};
use futures::future::{BoxFuture, join_all};

use super::{EndpointOptions, State, lock};
use crate::{
    error::L1Error,
    status::Failure,
    transactions::{
        Call, Node,
        node::{Found, Identity, Market, Refusal},
    },
    transport::{Block, Tag},
};

/// The nodes of the endpoints. They share their health with the reads.
pub(super) struct Nodes {
    pub(super) nodes: Vec<Arc<dyn Node>>,
    pub(super) chain_id: Option<u64>,
    pub(super) options: EndpointOptions,
    pub(super) state: Arc<Mutex<State>>,
}

impl Nodes {
    /// Checks once that an endpoint serves the right chain. One that does not rests.
    async fn check(&self, index: usize) -> Result<(), L1Error> {
        let Some(expected) = self.chain_id else {
            return Ok(());
        };
        if lock(&self.state).health[index].checked {
            return Ok(());
        }
        let (failure, error) = match self.nodes[index].identity().await {
            Ok(found) if found.chain_id == expected => {
                lock(&self.state).health[index].checked = true;
                return Ok(());
            }
            Ok(found) => {
                let found = found.chain_id;
                let text = format!("L1 endpoint {index} serves chain {found}, not {expected}");
                (Failure::OtherChain, L1Error::Odd(text))
            }
            Err(error) => (Failure::of(&error).unwrap_or(Failure::Odd), error),
        };
        lock(&self.state).rest(index, failure, &self.options);
        Err(error)
    }

    /// Asks the endpoints in order until one answers. `enough` decides whether another endpoint may
    /// know more.
    async fn any<'a, R>(
        &'a self,
        ask: impl Fn(&'a dyn Node) -> BoxFuture<'a, Result<R, L1Error>>,
        enough: impl Fn(&R) -> bool,
    ) -> Result<R, L1Error> {
        let mut poor = None;
        let mut failed = L1Error::Unavailable("there is no L1 endpoint".into());
        let order = lock(&self.state).order();
        for index in order {
            if let Err(error) = self.check(index).await {
                failed = error;
                continue;
            }
            match ask(self.nodes[index].as_ref()).await {
                Ok(answer) => {
                    lock(&self.state).answered(index);
                    if enough(&answer) {
                        return Ok(answer);
                    }
                    poor = Some(answer);
                }
                Err(error) => {
                    let Some(failure) = Failure::of(&error) else {
                        return Err(error);
                    };
                    lock(&self.state).rest(index, failure, &self.options);
                    failed = error;
                }
            }
        }
        poor.ok_or(failed)
    }
}

#[async_trait::async_trait]
impl Node for Nodes {
    async fn identity(&self) -> Result<Identity, L1Error> {
        self.any(|node| node.identity(), |_| true).await
    }

    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        self.any(|node| node.block(tag), Option::is_some).await
    }

    async fn market(&self) -> Result<Market, L1Error> {
        self.any(|node| node.market(), |_| true).await
    }

    async fn mined_nonce(&self, account: Address) -> Result<u64, L1Error> {
        self.any(|node| node.mined_nonce(account), |_| true).await
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, L1Error> {
        self.any(|node| node.pending_nonce(account), |_| true).await
    }

    async fn balance(&self, account: Address) -> Result<U256, L1Error> {
        self.any(|node| node.balance(account), |_| true).await
    }

    async fn estimate(&self, from: Address, call: &Call) -> Result<u64, L1Error> {
        self.any(|node| node.estimate(from, call), |_| true).await
    }

    async fn broadcast(&self, from: Address, raw: &Bytes) -> Result<(), Refusal> {
        // To all: an endpoint can take a transaction and pass it on to nobody. Each has the same
        // nonce and hash, so that no more than one is mined.
        let order = lock(&self.state).order();
        let sent = order.into_iter().map(|index| async move {
            let checked = self.check(index).await;
            checked.map_err(|error| Refusal::Other(error.to_string()))?;
            self.nodes[index].broadcast(from, raw).await
        });
        let mut refused = Refusal::Other("there is no L1 endpoint".into());
        for answer in join_all(sent).await {
            match answer {
                Ok(()) => return Ok(()),
                Err(Refusal::Known) => refused = Refusal::Known,
                Err(refusal) if matches!(refused, Refusal::Other(_)) => refused = refusal,
                Err(_) => {}
            }
        }
        Err(refused)
    }

    async fn receipt(&self, hash: B256) -> Result<Option<Found>, L1Error> {
        // An endpoint that is behind does not know what another one has seen mined.
        self.any(|node| node.receipt(hash), Option::is_some).await
    }

    async fn replay(
        &self,
        from: Address,
        call: &Call,
        block: u64,
    ) -> Result<Option<String>, L1Error> {
        self.any(|node| node.replay(from, call, block), |_| true)
            .await
    }
}
