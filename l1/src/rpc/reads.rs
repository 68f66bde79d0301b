//! Blocks, calls and calldata.

use std::sync::atomic::Ordering;

use alloy::{
    eips::BlockId,
    network::TransactionBuilder,
    providers::Provider,
    rpc::types::TransactionRequest,
    transports::{RpcError, TransportErrorKind},
};
use alloy_primitives::{B256, Bytes, U64};
use serde::Deserialize;

use super::{RpcTransport, failure, multicall};
use crate::{
    error::L1Error,
    transport::{At, Block, Call, Tag},
};

/// Most calls in one request: nodes bound the gas and the size of a request.
const MOST_CALLS: usize = 100;

/// The part of a block that [`Block`] needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBlock {
    number: U64,
    hash: B256,
    parent_hash: B256,
    timestamp: U64,
}

/// The part of a transaction that holds its calldata.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTransaction {
    hash: B256,
    block_hash: Option<B256>,
    input: Bytes,
}

/// The transactions of a block.
#[derive(Debug, Deserialize)]
struct RawTransactions {
    hash: B256,
    transactions: Vec<RawTransaction>,
}

fn block_id(at: At) -> BlockId {
    match at {
        At::Latest => BlockId::latest(),
        At::Block(number) => BlockId::number(number),
        At::Hash(hash) => BlockId::hash(hash),
    }
}

fn request(call: &Call) -> TransactionRequest {
    TransactionRequest::default()
        .with_to(call.to)
        .with_input(call.data.clone())
}

/// Whether a node says that it knows no such tag, or no block of that name yet. Any other error,
/// such as a limit on requests, says nothing about finality.
fn is_unknown_tag(error: &alloy::rpc::json_rpc::ErrorPayload) -> bool {
    // Invalid parameters, and geth's "unknown block".
    const CODES: [i64; 2] = [-32_602, -39_001];
    let text = error.message.to_lowercase();
    let words = ["not found", "unknown block", "unsupported", "invalid block"];
    CODES.contains(&error.code) || words.iter().any(|word| text.contains(word))
}

impl RpcTransport {
    pub(crate) async fn read_block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        let name = match tag {
            Tag::Latest => "latest".to_owned(),
            Tag::Safe => "safe".to_owned(),
            Tag::Finalized => "finalized".to_owned(),
            Tag::Number(number) => format!("0x{number:x}"),
        };
        let asked = self
            .client
            .request("eth_getBlockByNumber", (name, false))
            .await;
        let found: Option<RawBlock> = match asked {
            Ok(found) => found,
            Err(RpcError::ErrorResp(error))
                if matches!(tag, Tag::Safe | Tag::Finalized) && is_unknown_tag(&error) =>
            {
                None
            }
            Err(other) => return Err(failure("block", other).of_read()),
        };
        let block = found.map(|block| Block {
            number: block.number.to(),
            hash: block.hash,
            parent: block.parent_hash,
            timestamp: block.timestamp.to(),
        });
        match (tag, block) {
            (Tag::Latest, None) => Err(L1Error::Odd("the node has no latest block".into())),
            (Tag::Number(number), Some(block)) if block.number != number => Err(L1Error::Odd(
                format!("the node answered block {} for {number}", block.number),
            )),
            _ => Ok(block),
        }
    }

    pub(super) async fn read_call(&self, call: &Call, at: At) -> Result<Bytes, L1Error> {
        // Without a block, alloy asks for the pending one.
        self.provider
            .call(request(call))
            .block(block_id(at))
            .await
            .map_err(|e| failure(call.operation, e))
    }

    /// Executes the calls through the contract that makes many calls in one, where the chain has
    /// it. Elsewhere they are several requests in one body, or one after another for a node that
    /// refuses that. In all three ways `at` makes them one view: a block's hash fixes the state.
    /// Init code that makes the calls would need no contract, but nodes disagree on calls without
    /// a recipient (limits of init code and of the code that it returns).
    pub(super) async fn read_calls(
        &self,
        calls: &[Call],
        at: At,
    ) -> Result<Vec<Result<Bytes, L1Error>>, L1Error> {
        let mut answers = Vec::with_capacity(calls.len());
        for part in calls.chunks(MOST_CALLS) {
            answers.extend(self.read_part(part, at).await?);
        }
        Ok(answers)
    }

    async fn read_part(
        &self,
        calls: &[Call],
        at: At,
    ) -> Result<Vec<Result<Bytes, L1Error>>, L1Error> {
        if let [call] = calls {
            return inner(self.read_call(call, at).await).map(|answer| vec![answer]);
        }
        if self.has_multicall().await? {
            let answer = self.read_call(&multicall::encode(calls), at).await?;
            // The contract may be younger than the block: then the answer is empty.
            if !answer.is_empty() {
                return multicall::decode(calls, &answer);
            }
        }
        if !self.single.load(Ordering::Relaxed) {
            match self.read_together(calls, at).await {
                // It may refuse several requests in one body.
                Err(L1Error::Odd(_)) => {}
                other => return other,
            }
        }
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            answers.push(inner(self.read_call(call, at).await)?);
        }
        self.single.store(true, Ordering::Relaxed);
        Ok(answers)
    }

    async fn has_multicall(&self) -> Result<bool, L1Error> {
        let ask = || async {
            let code = self.provider.get_code_at(multicall::ADDRESS).latest().await;
            code.map(|code| !code.is_empty())
                .map_err(|e| failure("multicall", e).of_read())
        };
        self.multicall.get_or_try_init(ask).await.copied()
    }

    /// Sends the calls as several JSON-RPC requests in one body.
    async fn read_together(
        &self,
        calls: &[Call],
        at: At,
    ) -> Result<Vec<Result<Bytes, L1Error>>, L1Error> {
        let failed = |e: RpcError<TransportErrorKind>| failure("calls", e);
        let mut batch = self.client.new_batch();
        let mut waiting = Vec::with_capacity(calls.len());
        for call in calls {
            let params = (request(call), block_id(at));
            let waiter = batch.add_call::<_, Bytes>("eth_call", &params);
            waiting.push((call.operation, waiter.map_err(failed)?));
        }
        batch.send().await.map_err(failed)?;
        let mut answers = Vec::with_capacity(calls.len());
        for (operation, waiter) in waiting {
            answers.push(inner(waiter.await.map_err(|e| failure(operation, e)))?);
        }
        Ok(answers)
    }

    pub(super) async fn read_calldata(
        &self,
        transaction: B256,
        block: Option<B256>,
    ) -> Result<Option<Bytes>, L1Error> {
        let found: Option<RawTransaction> = self
            .client
            .request("eth_getTransactionByHash", (transaction,))
            .await
            .map_err(|e| failure("calldata", e).of_read())?;
        if let Some(found) = found {
            let other = L1Error::Odd("the node answered another transaction".into());
            return match found.block_hash {
                _ if found.hash != transaction => Err(other),
                Some(_) => Ok(Some(found.input)),
                None => Ok(None),
            };
        }
        let Some(block) = block else {
            return Ok(None);
        };
        // The node does not know in which block the transaction is.
        let found: Option<RawTransactions> = self
            .client
            .request("eth_getBlockByHash", (block, true))
            .await
            .map_err(|e| failure("calldata", e).of_read())?;
        match found {
            Some(found) if found.hash != block => {
                Err(L1Error::Odd("the node answered another block".into()))
            }
            found => Ok(found
                .into_iter()
                .flat_map(|found| found.transactions)
                .find(|candidate| candidate.hash == transaction)
                .map(|found| found.input)),
        }
    }
}

/// Moves a revert inside: it concerns one call, every other failure all of them.
fn inner(answer: Result<Bytes, L1Error>) -> Result<Result<Bytes, L1Error>, L1Error> {
    match answer {
        Err(other) if !matches!(other, L1Error::Rejected { .. }) => Err(other),
        answer => Ok(answer),
    }
}
