//! The false answers of an L1 endpoint.

use std::{fmt, time::Duration};

/// A false answer, or none.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The result is `null`.
    Null,
    /// The result is `0x`.
    Empty,
    /// The answer has no result and no error.
    Missing,
    /// The body is a page of HTML with status 200.
    Html,
    /// The body ends in the middle.
    Truncated,
    /// One hexadecimal digit of the result is another one.
    Flipped,
    /// Numbers, hashes and times of blocks are others.
    OtherBlock,
    /// The JSON-RPC error with this message, which says nothing about the request.
    Error(&'static str),
    /// The status is 503.
    Refused,
    /// The answer comes after this pause.
    Late(Duration),
    /// No answer comes until the fault ends.
    Hangs,
    /// The answer is that of a node this many blocks behind.
    Stale(u64),
    /// Two nodes answer in turn, one of them this many blocks behind.
    Contradictory(u64),
    /// Logs of more than this many blocks are refused.
    Range(u64),
    /// A sent transaction is acknowledged and forgotten.
    Swallowed,
    /// A sent transaction reaches the chain, and the answer is this error.
    Unacknowledged(&'static str),
    /// Fees are this many times too high.
    Fees(u64),
    /// The gas estimate is this many percent of the right one.
    Gas(u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Empty => f.write_str("0x"),
            Self::Missing => f.write_str("no result"),
            Self::Html => f.write_str("HTML"),
            Self::Truncated => f.write_str("half a body"),
            Self::Flipped => f.write_str("a flipped digit"),
            Self::OtherBlock => f.write_str("another block"),
            Self::Error(message) => write!(f, "error {message:?}"),
            Self::Refused => f.write_str("503"),
            Self::Late(pause) => write!(f, "late by {pause:?}"),
            Self::Hangs => f.write_str("no answer"),
            Self::Stale(blocks) => write!(f, "{blocks} blocks behind"),
            Self::Contradictory(blocks) => write!(f, "half of them {blocks} blocks behind"),
            Self::Range(blocks) => write!(f, "logs of at most {blocks} blocks"),
            Self::Swallowed => f.write_str("swallowed"),
            Self::Unacknowledged(message) => write!(f, "sent, but error {message:?}"),
            Self::Fees(times) => write!(f, "fees × {times}"),
            Self::Gas(percent) => write!(f, "gas × {percent} %"),
        }
    }
}

/// A fault with the requests that meet it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Methods, or all of them if there are none.
    pub methods: &'static [&'static str],
    /// The answer.
    pub fault: Fault,
    /// Every how many fitting requests it is given; 1 gives it to all.
    pub every: u64,
    /// How many requests meet it before it ends; no bound if `None`.
    pub times: Option<u64>,
}

impl Rule {
    /// Makes a rule for all requests of these methods.
    #[must_use]
    pub fn all(methods: &'static [&'static str], fault: Fault) -> Self {
        Self {
            methods,
            fault,
            every: 1,
            times: None,
        }
    }

    /// Makes a rule for the next requests of these methods.
    #[must_use]
    pub fn next(methods: &'static [&'static str], fault: Fault, times: u64) -> Self {
        Self {
            times: Some(times),
            ..Self::all(methods, fault)
        }
    }

    /// Whether the rule is about a method.
    #[must_use]
    pub fn fits(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.contains(&method)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.methods {
            [] => f.write_str("every method")?,
            methods => f.write_str(&methods.join(", "))?,
        }
        write!(f, ": {}", self.fault)?;
        if self.every > 1 {
            write!(f, ", every {}th time", self.every)?;
        }
        if let Some(times) = self.times {
            write!(f, ", {times} times")?;
        }
        Ok(())
    }
}

/// Methods that only read.
pub const READS: &[&str] = &[
    "eth_blockNumber",
    "eth_call",
    "eth_chainId",
    "eth_getBlockByHash",
    "eth_getBlockByNumber",
    "eth_getCode",
    "eth_getLogs",
    "eth_getTransactionByHash",
    "eth_getTransactionReceipt",
    "eth_getTransactionCount",
];
/// Calls of contracts.
pub const CALLS: &[&str] = &["eth_call"];
/// Reads of blocks.
pub const BLOCKS: &[&str] = &[
    "eth_blockNumber",
    "eth_getBlockByNumber",
    "eth_getBlockByHash",
];
/// Reads of logs.
pub const LOGS: &[&str] = &["eth_getLogs"];
/// Reads of transactions by their hashes.
pub const TRANSACTIONS: &[&str] = &["eth_getTransactionByHash"];
/// Reads of receipts.
pub const RECEIPTS: &[&str] = &["eth_getTransactionReceipt"];
/// Reads of account nonces.
pub const NONCES: &[&str] = &["eth_getTransactionCount"];
/// Sent transactions.
pub const SENDS: &[&str] = &["eth_sendRawTransaction"];
/// Estimates of gas.
pub const ESTIMATES: &[&str] = &["eth_estimateGas"];
/// Reads of fees.
pub const FEES: &[&str] = &["eth_gasPrice", "eth_maxPriorityFeePerGas", "eth_feeHistory"];
/// Every method.
pub const EVERYTHING: &[&str] = &[];
