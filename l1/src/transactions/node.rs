//! The part of an L1 node that sending needs.

use alloy_primitives::{Address, B256, Bytes, U256};

use crate::{
    error::L1Error,
    transport::{Block, Mined, Tag},
};

/// The chain that a journal belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of block 0. Development chains share their id.
    pub genesis: B256,
}

/// Prices of the next block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Market {
    /// Base fee in wei per gas; `None` on a chain where gas is free.
    pub base_fee: Option<u64>,
    /// Priority fee that recent blocks took, wei per gas.
    pub tip: u64,
    /// Gas limit of a block.
    pub block_gas: u64,
}

/// A call to send: everything of a transaction but its nonce, price and gas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Contract or account called; `None` creates a contract.
    pub to: Option<Address>,
    /// Calldata, or the init code of the contract to create.
    pub data: Bytes,
    /// Wei sent with it.
    pub value: U256,
}

/// A mined transaction, successful or not.
#[derive(Debug, Clone)]
pub struct Found {
    /// The transaction.
    pub mined: Mined,
    /// Whether it succeeded.
    pub success: bool,
}

/// The reason why a node did not take a signed transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The node has it already.
    Known,
    /// The nonce is used by a mined transaction.
    NonceTooLow,
    /// The node holds another transaction with this nonce, and the new one's fees do not exceed its
    /// fees by enough; or the fees are too low for the node.
    Underpriced,
    /// The account cannot pay for it.
    LacksEther,
    /// Anything else, and failures of the connection. Trying again may help.
    Other(String),
}

/// A node, as the transaction manager uses it.
///
/// Every answer may be late, wrong or contradict the one before: nodes lag, pools forget, and
/// blocks are taken back.
#[async_trait::async_trait]
pub trait Node: Send + Sync + 'static {
    /// Returns the chain's identity.
    async fn identity(&self) -> Result<Identity, L1Error>;
    /// Returns a block; `None` if the chain has not come to it, or names no block so.
    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error>;
    /// Returns the prices of the next block.
    async fn market(&self) -> Result<Market, L1Error>;
    /// Returns the number of the account's mined transactions.
    async fn mined_nonce(&self, account: Address) -> Result<u64, L1Error>;
    /// Returns that number with the transactions that wait in the node's pool, without a gap.
    async fn pending_nonce(&self, account: Address) -> Result<u64, L1Error>;
    /// Returns the wei that the account holds.
    async fn balance(&self, account: Address) -> Result<U256, L1Error>;
    /// Executes the call on the pending state, and returns the gas that it needs.
    /// [`L1Error::Rejected`] is a revert.
    async fn estimate(&self, from: Address, call: &Call) -> Result<u64, L1Error>;
    /// Hands a signed transaction of `from` to the node.
    async fn broadcast(&self, from: Address, raw: &Bytes) -> Result<(), Refusal>;
    /// Returns a mined transaction; `None` if the node does not know that it is mined.
    async fn receipt(&self, hash: B256) -> Result<Option<Found>, L1Error>;
    /// Executes a reverted call again on the state after `block` and returns the name of its error.
    /// `None` if the call succeeds there.
    async fn replay(
        &self,
        from: Address,
        call: &Call,
        block: u64,
    ) -> Result<Option<String>, L1Error>;
}

impl Refusal {
    /// Classifies the message of a node. Every client has words of its own.
    #[must_use]
    pub fn of(message: &str) -> Self {
        let text = message.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
        if has(&[
            "already known",
            "alreadyknown",
            "already imported",
            "known transaction",
        ]) {
            Self::Known
        } else if has(&[
            "nonce too low",
            "oldnonce",
            "nonce is too low",
            "nonce_too_low",
        ]) {
            Self::NonceTooLow
        } else if has(&[
            "insufficient funds",
            "insufficientfunds",
            "upfront cost exceeds",
            "lack of funds",
        ]) {
            Self::LacksEther
        } else if has(&[
            "underpriced",
            "replacementnotallowed",
            "feetoolow",
            "fee too low",
            "less than block base fee",
            "below configured minimum",
            "below the minimum",
        ]) {
            Self::Underpriced
        } else {
            Self::Other(message.to_owned())
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Known => "the node has the transaction already",
            Self::NonceTooLow => "another transaction of the account took the nonce",
            Self::Underpriced => "the node wants higher fees",
            Self::LacksEther => "the account lacks ether",
            Self::Other(message) => message,
        })
    }
}
