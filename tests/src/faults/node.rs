//! Anvil with the contracts: blocks, reorganisations, lost transactions.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, bail, ensure};
use rand::Rng;
use serde_json::{Value, json};
use subrosa_l1::{
    Contracts,
    contracts::{PriceOracle, Vault},
    development::{Anvil, AnvilError, AnvilOptions},
};
use subrosa_protocol::{Fr, encoding::fr_to_bytes};
use tokio::{
    sync::{Mutex, OnceCell},
    task::JoinHandle,
};

use self::base::Base;
use crate::chain::{OPERATOR, account};

mod base;

/// Blocks that are mined at the start, so that reorganisations and the finalised block lie above
/// the deployment.
const BLOCKS: u64 = 140;

/// States of earlier blocks that anvil keeps, more than any test makes. By default it moves all but
/// the last ten to disk after some 1,000 blocks, and a reorganisation to one of those leaves it
/// without any contract for good.
const STATES: u64 = 100_000;

/// The transactions of the replaced blocks after a reorganisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// They are in the first new block, in their order.
    All,
    /// They are gone.
    None,
    /// Those of one account come before those of another that were first.
    Swapped,
    /// They return to the pool, where those of the last account come first.
    Returned,
    /// Some accounts lose their last transactions.
    Some,
}

/// A node with the contracts and a miner. Both end when it is dropped.
pub struct Node {
    anvil: Anvil,
    http: reqwest::Client,
    /// Addresses of the contracts.
    pub contracts: Contracts,
    /// Address of the price oracle.
    pub oracle: Address,
    mining: Arc<AtomicBool>,
    /// Held while a block is mined and while blocks are replaced.
    gate: Arc<Mutex<()>>,
    miner: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.miner.abort();
    }
}

impl Node {
    /// Starts a node whose miner makes a block after each pause. Returns `None`, and says so on
    /// standard error, where anvil is not installed.
    ///
    /// # Errors
    /// If anvil does not start or refuses the deployment.
    pub async fn start(pause: Duration) -> anyhow::Result<Option<Self>> {
        static BASE: OnceCell<Base> = OnceCell::const_new();
        let options = AnvilOptions {
            arguments: vec![format!("--prune-history={STATES}").into()],
            ..AnvilOptions::default()
        };
        let anvil = match Anvil::start(options).await {
            Err(error @ AnvilError::NotFound) => {
                eprintln!("SKIPPED: {error}");
                return Ok(None);
            }
            started => started?,
        };
        let base = BASE.get_or_try_init(Base::deploy).await?.clone();
        let http = reqwest::Client::new();
        ask(&http, &anvil.url, "anvil_loadState", json!([base.state])).await?;
        ask(
            &http,
            &anvil.url,
            "anvil_mine",
            json!([format!("{BLOCKS:#x}")]),
        )
        .await?;
        let mining = Arc::new(AtomicBool::new(true));
        let gate = Arc::<Mutex<()>>::default();
        let miner = Miner {
            http: http.clone(),
            url: anvil.url.clone(),
            pause,
            mining: mining.clone(),
            gate: gate.clone(),
        };
        let miner = tokio::spawn(miner.run());
        Ok(Some(Self {
            anvil,
            http,
            contracts: base.contracts,
            oracle: base.oracle,
            mining,
            gate,
            miner,
        }))
    }

    /// Returns the endpoint of the node itself.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.anvil.url
    }

    /// Sends a request to the node itself.
    ///
    /// # Errors
    /// If it does not answer or answers with an error.
    pub async fn request(&self, method: &str, params: Value) -> anyhow::Result<Value> {
        ask(&self.http, &self.anvil.url, method, params).await
    }

    /// Stops or starts mining: of blocks by time, and of a block for each transaction.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn set_mining(&self, on: bool) -> anyhow::Result<()> {
        self.mining.store(on, Ordering::SeqCst);
        self.request("evm_setAutomine", json!([on])).await?;
        if on {
            self.request("evm_mine", json!([])).await?;
        }
        Ok(())
    }

    /// Mines blocks at once.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn mine(&self, blocks: u64) -> anyhow::Result<()> {
        let params = json!([format!("{blocks:#x}")]);
        self.request("anvil_mine", params).await.map(|_| ())
    }

    /// Returns the number of the newest block.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn height(&self) -> anyhow::Result<u64> {
        number(&self.request("eth_blockNumber", json!([])).await?)
    }

    /// Queues a deposit of ether from a development account. Returns its transaction.
    ///
    /// # Errors
    /// If the node refuses it.
    pub async fn deposit(&self, from: usize, value: u128, inner: &Fr) -> anyhow::Result<String> {
        let call = Vault::depositCall {
            asset: 0,
            amount: U256::from(value),
            inner: U256::from_be_bytes(fr_to_bytes(inner)),
        };
        self.send(from, self.contracts.vault, call.abi_encode(), value)
            .await
    }

    /// Sends a deposit that its sender replaces by a transfer to himself before it is mined.
    /// Returns false if a block took the deposit all the same.
    ///
    /// # Errors
    /// If the node refuses either transaction.
    pub async fn replaced_deposit(
        &self,
        from: usize,
        inner: &Fr,
        pause: Duration,
    ) -> anyhow::Result<bool> {
        let was_mining = self.mining.load(Ordering::SeqCst);
        self.set_mining(false).await?;
        let first = self.deposit(from, 1, inner).await?;
        tokio::time::sleep(pause).await;
        let found = self
            .request("eth_getTransactionByHash", json!([first]))
            .await?;
        let sender = account(from).address();
        let replacement = json!([{
            "from": sender,
            "to": sender,
            "nonce": found["nonce"],
            "gas": "0x5208",
            "maxFeePerGas": format!("{:#x}", 100_000_000_000_000u64),
            "maxPriorityFeePerGas": format!("{:#x}", 500_000_000_000u64),
        }]);
        let replaced = self.request("eth_sendTransaction", replacement).await;
        self.request("evm_mine", json!([])).await?;
        self.set_mining(was_mining).await?;
        match replaced {
            Ok(_) => Ok(true),
            Err(error) if is_misnumbered(&error) => {
                let found = self
                    .request("eth_getTransactionByHash", json!([first]))
                    .await?;
                ensure!(!found["blockNumber"].is_null(), error);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Has the oracle record a price snapshot, unless the last one is less than a minute old.
    ///
    /// # Errors
    /// If the node refuses it.
    pub async fn snapshot(&self, from: usize) -> anyhow::Result<()> {
        let call = PriceOracle::snapshotCall {}.abi_encode();
        match self.send(from, self.oracle, call, 0).await {
            Err(error) if error.to_string().contains("revert") => Ok(()),
            sent => sent.map(|_| ()),
        }
    }

    /// Uses a nonce of the operator for a transfer to himself.
    ///
    /// # Errors
    /// If the node refuses it.
    pub async fn use_nonce(&self) -> anyhow::Result<()> {
        let operator = account(OPERATOR).address();
        self.send(OPERATOR, operator, Vec::new(), 0)
            .await
            .map(|_| ())
    }

    async fn send(
        &self,
        from: usize,
        to: Address,
        data: Vec<u8>,
        value: u128,
    ) -> anyhow::Result<String> {
        let transaction = json!([{
            "from": account(from).address(),
            "to": to,
            "data": Bytes::from(data),
            "value": format!("{value:#x}"),
        }]);
        let mut tries = 0;
        let hash = loop {
            match self
                .request("eth_sendTransaction", transaction.clone())
                .await
            {
                Ok(hash) => break hash,
                // Anvil numbers the transaction itself, wrongly while transactions that a
                // reorganisation returned are in its pool. The next block takes them.
                Err(error) if tries < 20 && is_misnumbered(&error) => {
                    tries += 1;
                    self.request("evm_mine", json!([])).await?;
                }
                Err(error) => return Err(error),
            }
        };
        Ok(hash
            .as_str()
            .context("a transaction has a hash")?
            .to_owned())
    }

    /// Forgets all transactions that are not mined, as a restarted node does.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn forget_pool(&self) -> anyhow::Result<()> {
        self.request("anvil_dropAllTransactions", json!([]))
            .await
            .map(|_| ())
    }

    /// Replaces the last `depth` blocks by as many others.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn reorganise(
        &self,
        depth: u64,
        kept: Kept,
        random: &mut impl Rng,
    ) -> anyhow::Result<()> {
        // A block that anvil mines meanwhile can leave a number without a block.
        let _gate = self.gate.lock().await;
        self.request("evm_setAutomine", json!([false])).await?;
        let mut replaced = self.reorganised(depth, kept, random).await;
        for deeper in depth + 1..depth + 4 {
            // Anvil may have lost the state of a block of an earlier branch: it goes on from the
            // one before it then.
            if !matches!(&replaced, Err(error) if error.to_string().contains("not found")) {
                break;
            }
            replaced = self.reorganised(deeper, kept, random).await;
        }
        let mining = self.mining.load(Ordering::SeqCst);
        self.request("evm_setAutomine", json!([mining])).await?;
        replaced
    }

    async fn reorganised(
        &self,
        depth: u64,
        kept: Kept,
        random: &mut impl Rng,
    ) -> anyhow::Result<()> {
        let lost = self.transactions(depth).await?;
        let raw = |transactions: Vec<Sent>| -> Vec<Value> {
            let pairs = transactions.into_iter();
            pairs.map(|sent| json!([sent.raw, 0])).collect()
        };
        let pairs = match kept {
            Kept::All => raw(lost.clone()),
            Kept::None | Kept::Returned => Vec::new(),
            Kept::Swapped => raw(swapped(&lost)),
            Kept::Some => raw(some(&lost, random)),
        };
        self.request("anvil_reorg", json!([depth, pairs])).await?;
        if kept == Kept::Returned {
            for sent in swapped(&lost) {
                // It may be invalid on the new chain.
                let _ = self
                    .request("eth_sendRawTransaction", json!([sent.raw]))
                    .await;
            }
        }
        Ok(())
    }

    /// Returns the transactions of the last `depth` blocks in their order.
    async fn transactions(&self, depth: u64) -> anyhow::Result<Vec<Sent>> {
        let head = self.height().await?;
        let mut found = Vec::new();
        for block in (head + 1).saturating_sub(depth)..=head {
            let params = json!([format!("{block:#x}"), true]);
            let block = self.request("eth_getBlockByNumber", params).await?;
            for transaction in block["transactions"].as_array().into_iter().flatten() {
                let hash = &transaction["hash"];
                let raw = self
                    .request("eth_getRawTransactionByHash", json!([hash]))
                    .await?;
                found.push(Sent {
                    from: transaction["from"].as_str().unwrap_or_default().to_owned(),
                    raw,
                });
            }
        }
        Ok(found)
    }
}

/// Whether the node refused a transaction for its nonce.
fn is_misnumbered(error: &anyhow::Error) -> bool {
    let text = error.to_string();
    ["underpriced", "nonce too low"]
        .iter()
        .any(|reason| text.contains(reason))
}

/// A transaction that was mined.
#[derive(Clone, Debug)]
struct Sent {
    from: String,
    raw: Value,
}

/// Returns the transactions account by account, those of the last account first.
fn swapped(sent: &[Sent]) -> Vec<Sent> {
    let mut accounts: Vec<&str> = Vec::new();
    for one in sent {
        if !accounts.contains(&one.from.as_str()) {
            accounts.push(&one.from);
        }
    }
    let of = |account: &&str| {
        let account = (*account).to_owned();
        sent.iter().filter(move |one| one.from == account).cloned()
    };
    accounts.iter().rev().flat_map(of).collect()
}

/// Returns the transactions without the last ones of some accounts.
fn some(sent: &[Sent], random: &mut impl Rng) -> Vec<Sent> {
    let mut lost: BTreeMap<String, bool> = BTreeMap::new();
    let keeps = |one: &&Sent| {
        let gone = lost.entry(one.from.clone()).or_default();
        *gone |= random.gen_bool(0.4);
        !*gone
    };
    sent.iter().filter(keeps).cloned().collect()
}

/// Mines a block after each pause, as long as mining is on.
struct Miner {
    http: reqwest::Client,
    url: String,
    pause: Duration,
    mining: Arc<AtomicBool>,
    gate: Arc<Mutex<()>>,
}

impl Miner {
    async fn run(self) {
        loop {
            tokio::time::sleep(self.pause).await;
            let _gate = self.gate.lock().await;
            if self.mining.load(Ordering::SeqCst) {
                // A node that has ended is noticed by the test.
                let _ = ask(&self.http, &self.url, "evm_mine", json!([])).await;
            }
        }
    }
}

async fn ask(
    http: &reqwest::Client,
    url: &str,
    method: &str,
    params: Value,
) -> anyhow::Result<Value> {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut answer: Value = http.post(url).json(&request).send().await?.json().await?;
    if !answer["error"].is_null() {
        bail!("{method}: {}", answer["error"]);
    }
    Ok(answer["result"].take())
}

/// Reads a `0x` number.
fn number(value: &Value) -> anyhow::Result<u64> {
    let text = value.as_str().and_then(|text| text.strip_prefix("0x"));
    Ok(u64::from_str_radix(
        text.context("a hexadecimal number")?,
        16,
    )?)
}
