//! A JSON-RPC node as the transaction manager uses it.

use alloy::rpc::types::{FeeHistory, TransactionReceipt};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::node::{Call, Found, Identity, Market, Node, Refusal};
use crate::{
    error::L1Error,
    rpc::RpcTransport,
    transport::{Block, Mined, Tag, Transport as _},
};

/// Blocks whose priority fees are looked at.
const FEE_BLOCKS: u64 = 10;

/// Parses an answer. A node that answers something else may be a proxy in trouble: ask again.
fn parse<T: DeserializeOwned>(what: &str, value: Value) -> Result<T, L1Error> {
    serde_json::from_value(value)
        .map_err(|_| L1Error::Unavailable(format!("the node's answer to {what} is malformed")))
}

fn number(what: &str, value: &Value) -> Result<u64, L1Error> {
    parse::<U64>(what, value.clone()).map(|word| word.to())
}

/// Returns the request of a call, as `eth_call` and `eth_estimateGas` take it.
fn request(from: Address, call: &Call) -> Value {
    let mut request = json!({ "from": from, "value": call.value, "data": call.data });
    if let Some(to) = call.to {
        request["to"] = json!(to);
    }
    request
}

impl RpcTransport {
    async fn raw_block(&self, which: &str) -> Result<Value, L1Error> {
        let block = self
            .request("eth_getBlockByNumber", json!([which, false]))
            .await?;
        if block.is_null() {
            return Err(L1Error::Unavailable(format!(
                "the node has no {which} block"
            )));
        }
        Ok(block)
    }

    async fn nonce(&self, account: Address, at: &str) -> Result<u64, L1Error> {
        let answer = self
            .request("eth_getTransactionCount", json!([account, at]))
            .await?;
        number("eth_getTransactionCount", &answer)
    }
}

#[async_trait::async_trait]
impl Node for RpcTransport {
    async fn identity(&self) -> Result<Identity, L1Error> {
        let chain_id = self.chain_id().await?;
        let block = self.raw_block("0x0").await?;
        let genesis = parse("the first block", block["hash"].clone())?;
        Ok(Identity { chain_id, genesis })
    }

    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        self.read_block(tag).await
    }

    async fn market(&self) -> Result<Market, L1Error> {
        let block = self.raw_block("latest").await?;
        let block_gas = number("the newest block", &block["gasLimit"])?;
        let params = json!([U64::from(FEE_BLOCKS), "latest", [50.0]]);
        let answer = self.request("eth_feeHistory", params).await?;
        let history: FeeHistory = parse("eth_feeHistory", answer)?;
        let base = history.next_block_base_fee().ok_or_else(|| {
            L1Error::Protocol("the chain has no base fee: EIP-1559 is needed".into())
        })?;
        let mut tips: Vec<u128> = history.reward.unwrap_or_default().concat();
        // Empty blocks report a priority fee of zero.
        tips.retain(|tip| *tip != 0);
        tips.sort_unstable();
        let tip = tips.get(tips.len() / 2).copied().unwrap_or(0);
        let narrow = |fee: u128| u64::try_from(fee).unwrap_or(u64::MAX);
        Ok(Market {
            base_fee: Some(narrow(base)),
            tip: narrow(tip),
            block_gas,
        })
    }

    async fn mined_nonce(&self, account: Address) -> Result<u64, L1Error> {
        self.nonce(account, "latest").await
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, L1Error> {
        self.nonce(account, "pending").await
    }

    async fn balance(&self, account: Address) -> Result<U256, L1Error> {
        self.ether(account).await
    }

    async fn estimate(&self, from: Address, call: &Call) -> Result<u64, L1Error> {
        // The one request that names the pending block: the transaction runs in a block that is not
        // mined yet, and on a quiet chain the newest block is too old for the time of a batch.
        let params = json!([request(from, call), "pending"]);
        match self.request("eth_estimateGas", params).await {
            Ok(answer) => number("eth_estimateGas", &answer),
            // The call uses up all the gas of a block, now and every time.
            Err(L1Error::Unavailable(text)) if text.contains("gas required exceeds") => {
                Err(L1Error::Rejected {
                    operation: "estimate",
                    reason: text,
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn broadcast(&self, _: Address, raw: &Bytes) -> Result<(), Refusal> {
        match self.request("eth_sendRawTransaction", json!([raw])).await {
            Ok(_) => Ok(()),
            Err(L1Error::Rejected { reason, .. }) => Err(Refusal::of(&reason)),
            Err(L1Error::Unavailable(text)) => Err(Refusal::of(&text)),
            Err(error) => Err(Refusal::Other(error.to_string())),
        }
    }

    async fn receipt(&self, hash: B256) -> Result<Option<Found>, L1Error> {
        let answer = self
            .request("eth_getTransactionReceipt", json!([hash]))
            .await?;
        let receipt: Option<TransactionReceipt> = parse("eth_getTransactionReceipt", answer)?;
        // A receipt without a block is of the node's pending block.
        let Some((receipt, block)) = receipt.and_then(|r| r.block_number.map(|block| (r, block)))
        else {
            return Ok(None);
        };
        // The hash is kept as that of the settlement: an altered one would be shown for good.
        if receipt.transaction_hash != hash {
            return Err(L1Error::Odd(
                "the node answered the receipt of another transaction".into(),
            ));
        }
        Ok(Some(Found {
            success: receipt.status(),
            mined: Mined {
                hash,
                block,
                gas_used: receipt.gas_used,
                created: receipt.contract_address,
                logs: receipt.logs().iter().map(|log| log.inner.clone()).collect(),
            },
        }))
    }

    async fn replay(
        &self,
        from: Address,
        call: &Call,
        block: u64,
    ) -> Result<Option<String>, L1Error> {
        let params = json!([request(from, call), U64::from(block)]);
        match self.request("eth_call", params).await {
            Ok(_) => Ok(None),
            Err(L1Error::Rejected { reason, .. }) => Ok(Some(reason)),
            Err(error) => Err(error),
        }
    }
}
