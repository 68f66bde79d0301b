//! The sequencer's configuration. Every field has a default except those that name the deployment,
//! so that a configuration file holds what differs and nothing else.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use subrosa_l1::development::is_development_chain;
use subrosa_protocol::batch::Shape;

/// Seconds that the mailbox may be told to hold a message: 30 days.
const MAX_TTL_S: u64 = 30 * 24 * 60 * 60;

/// Confirmations that a deposit needs on a chain that is not a development chain, by default.
const DEPOSIT_CONFIRMATIONS: u64 = 12;

/// Configuration of one sequencer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address to listen on; port 0 picks a free one.
    #[serde(default = "Config::default_listen")]
    pub listen: SocketAddr,
    /// Directory of the store.
    pub store: PathBuf,
    /// Chain id of the settlement layer.
    pub chain_id: u64,
    /// Address of the rollup contract, `0x` hex.
    #[serde(with = "address_hex")]
    pub rollup: [u8; 20],
    /// Address of the vault, `0x` hex; only told to clients.
    #[serde(with = "address_hex")]
    pub vault: [u8; 20],
    /// L1 account credited with the fees of batches, `0x` hex.
    #[serde(with = "address_hex")]
    pub fee_recipient: [u8; 20],
    /// Smallest accepted fee, base units of the fee asset, decimal string in files.
    #[serde(default, with = "decimal")]
    pub min_fee: u128,
    /// Admission settings.
    #[serde(default)]
    pub admission: AdmissionConfig,
    /// Sealing settings.
    #[serde(default)]
    pub seal: SealConfig,
    /// Settlement settings.
    #[serde(default)]
    pub settle: SettleConfig,
    /// HTTP limits.
    #[serde(default)]
    pub http: HttpConfig,
    /// Mailbox settings.
    #[serde(default)]
    pub mailbox: MailboxConfig,
}

impl Config {
    /// A configuration with the defaults for everything that does not name the deployment.
    pub fn new(store: PathBuf, chain_id: u64, rollup: [u8; 20], vault: [u8; 20]) -> Self {
        Self {
            listen: Self::default_listen(),
            store,
            chain_id,
            rollup,
            vault,
            fee_recipient: [0; 20],
            min_fee: 0,
            admission: AdmissionConfig::default(),
            seal: SealConfig::default(),
            settle: SettleConfig::default(),
            http: HttpConfig::default(),
            mailbox: MailboxConfig::default(),
        }
    }

    fn default_listen() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 7300))
    }
}

/// How submissions are admitted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdmissionConfig {
    /// Transactions the mempool holds at most.
    pub mempool_capacity: usize,
    /// Legs of swaps that are held for their counterpart at most, beside the mempool's capacity.
    pub lone_legs: usize,
    /// Submissions waiting for verification at most; beyond it clients are told to come back.
    pub queue: usize,
    /// Submissions verified together at most.
    pub group: usize,
    /// Time a group waits for further submissions, in microseconds.
    pub gather_us: u64,
    /// Groups verified at the same time.
    pub parallel_groups: usize,
    /// Threads for decoding and verification; 0 takes one per core.
    pub threads: usize,
    /// Verify the proofs of a reloaded mempool again at start.
    pub reverify_on_start: bool,
}

impl Default for AdmissionConfig {
    fn default() -> Self {
        Self {
            mempool_capacity: 20_000,
            lone_legs: 4_096,
            queue: 2_048,
            group: 64,
            gather_us: 2_000,
            parallel_groups: 2,
            threads: 0,
            reverify_on_start: true,
        }
    }
}

/// When a batch is sealed and in which shape.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SealConfig {
    /// Shapes this sequencer seals, by number of slots (4, 16, 64).
    #[serde(with = "shape_list")]
    pub shapes: Vec<Shape>,
    /// A batch is sealed when its oldest transaction has waited this long, in milliseconds.
    pub max_wait_ms: u64,
    /// … if it would hold at least this many transactions.
    pub min_transactions: usize,
    /// With fewer, it is sealed after this long, in milliseconds.
    pub patience_ms: u64,
    /// Deposits alone are sealed after this long, in milliseconds.
    pub deposit_wait_ms: u64,
    /// Sealed and unsettled batches at most; sealing waits beyond.
    pub max_unsettled: u64,
}

impl Default for SealConfig {
    fn default() -> Self {
        Self {
            shapes: vec![Shape::S4, Shape::S16, Shape::S64],
            max_wait_ms: 2_000,
            min_transactions: 1,
            patience_ms: 20_000,
            deposit_wait_ms: 5_000,
            max_unsettled: 8,
        }
    }
}

/// How batches reach the chain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettleConfig {
    /// How often the chain is asked for deposits and roots, in milliseconds.
    pub poll_ms: u64,
    /// Confirmations that a deposit needs before it is sealed; 1 is a deposit in the newest
    /// block. If absent, 1 on development chains and 12 on all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deposit_confirmations: Option<u64>,
    /// First pause after a transient failure, in milliseconds; doubles each time.
    pub backoff_ms: u64,
    /// Longest pause between attempts, in milliseconds.
    pub backoff_max_ms: u64,
    /// Attempts at proving one batch before the pipeline halts.
    pub prove_attempts: u32,
    /// Seconds by which the chain's newest block may lag behind this machine's clock. A quiet
    /// development chain makes no blocks, so the batch time is never older than now minus this.
    pub clock_lag_s: u64,
    /// A batch older than this when it would settle is dropped and sealed anew, in seconds.
    /// The contract refuses after 3600.
    pub max_age_s: u64,
    /// Times in a row that batches are dropped and sealed anew before the pipeline halts.
    pub max_rewinds: u32,
    /// Settled batches for which the submissions are kept.
    pub retain_submissions: u64,
    /// A snapshot of the ledger is stored after every so many batches, so that a restart does not
    /// replay all of them; 0 stores none.
    pub snapshot_every: u64,
}

impl Default for SettleConfig {
    fn default() -> Self {
        Self {
            poll_ms: 1_000,
            deposit_confirmations: None,
            backoff_ms: 200,
            backoff_max_ms: 30_000,
            prove_attempts: 2,
            clock_lag_s: 60,
            max_age_s: 3_300,
            max_rewinds: 3,
            retain_submissions: 64,
            snapshot_every: 256,
        }
    }
}

/// Limits of the HTTP interface.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Time to answer a request, in milliseconds; streams excepted.
    pub timeout_ms: u64,
    /// Body bytes at most.
    pub max_body: usize,
    /// Requests a second from everybody together; 0 switches the limit off.
    pub global_rate: u32,
    /// Requests a second from one peer address; 0 switches the limit off.
    pub peer_rate: u32,
    /// Seconds of rate that may be used at once.
    pub burst_s: u32,
    /// Peer addresses remembered by the limiter at most.
    pub peers: usize,
    /// Event streams open at the same time at most.
    pub max_streams: usize,
    /// Batches in one answer at most.
    pub max_page: u64,
    /// Bytes of published data in one answer at most; the first batch is always given.
    pub max_page_bytes: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            timeout_ms: 30_000,
            max_body: 16 * 1024,
            global_rate: 5_000,
            peer_rate: 2_000,
            burst_s: 2,
            peers: 10_000,
            max_streams: 256,
            max_page: 256,
            max_page_bytes: 4 * 1024 * 1024,
        }
    }
}

/// What the mailbox holds, and how fast it takes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailboxConfig {
    /// Seconds for which a message is held.
    pub ttl_s: u64,
    /// Messages held at most, of 1 KiB each.
    pub capacity: usize,
    /// Messages a second from one peer; 0 switches the limit off. Each request counts for
    /// `http.peer_rate` as well.
    pub rate: u32,
    /// Messages from one peer at once, after a pause.
    pub burst: u32,
    /// Peers remembered by the limiter at most.
    pub peers: usize,
    /// Messages in one answer at most.
    pub max_page: u64,
}

impl Default for MailboxConfig {
    fn default() -> Self {
        Self {
            ttl_s: 3_600,
            capacity: 65_536,
            rate: 2,
            burst: 120,
            peers: 10_000,
            max_page: 256,
        }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A field must not have this value.
    #[error("{field}: {reason}")]
    Field {
        /// Path of the field.
        field: &'static str,
        /// What it must be.
        reason: &'static str,
    },
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let field = |field, reason| Err(ConfigError::Field { field, reason });
        if self.seal.shapes.is_empty() {
            return field("seal.shapes", "at least one shape is needed");
        }
        if self.seal.max_unsettled == 0 {
            return field("seal.max_unsettled", "must be at least 1");
        }
        if self.admission.mempool_capacity < 2 {
            return field(
                "admission.mempool_capacity",
                "must be at least 2, for a swap",
            );
        }
        if self.admission.lone_legs == 0 {
            return field("admission.lone_legs", "must be at least 1");
        }
        if self.admission.queue == 0 {
            return field("admission.queue", "must be at least 1");
        }
        if self.admission.group == 0 {
            return field("admission.group", "must be at least 1");
        }
        if self.admission.parallel_groups == 0 {
            return field("admission.parallel_groups", "must be at least 1");
        }
        if self.settle.poll_ms == 0 {
            return field("settle.poll_ms", "must be at least 1");
        }
        if self.settle.deposit_confirmations == Some(0) {
            return field("settle.deposit_confirmations", "must be at least 1");
        }
        if self.settle.backoff_ms == 0 || self.settle.backoff_max_ms < self.settle.backoff_ms {
            return field(
                "settle.backoff_ms",
                "must be at least 1 and at most settle.backoff_max_ms",
            );
        }
        if self.settle.max_age_s >= 3_600 {
            return field(
                "settle.max_age_s",
                "must be below the contract's window, 3600",
            );
        }
        if self.http.max_page == 0 {
            return field("http.max_page", "must be at least 1");
        }
        if self.mailbox.ttl_s == 0 || self.mailbox.ttl_s > MAX_TTL_S {
            return field("mailbox.ttl_s", "must be at least 1 and at most 30 days");
        }
        if self.mailbox.capacity == 0 {
            return field("mailbox.capacity", "must be at least 1");
        }
        if self.mailbox.burst == 0 {
            return field("mailbox.burst", "must be at least 1");
        }
        if self.mailbox.max_page == 0 {
            return field("mailbox.max_page", "must be at least 1");
        }
        Ok(())
    }

    /// Returns the confirmations that a deposit needs before it is sealed.
    pub(crate) fn deposit_confirmations(&self) -> u64 {
        let default = if is_development_chain(self.chain_id) {
            1
        } else {
            DEPOSIT_CONFIRMATIONS
        };
        self.settle.deposit_confirmations.unwrap_or(default)
    }

    pub(crate) fn poll(&self) -> Duration {
        Duration::from_millis(self.settle.poll_ms)
    }
}

mod address_hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &[u8; 20], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&crate::wire::hex0x(value))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 20], D::Error> {
        let text = String::deserialize(d)?;
        let digits = text
            .strip_prefix("0x")
            .ok_or_else(|| D::Error::custom("an address starts with 0x"))?;
        let mut out = [0; 20];
        hex::decode_to_slice(digits, &mut out)
            .map_err(|_| D::Error::custom("an address has 40 hex digits"))?;
        Ok(out)
    }
}

mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &u128, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&value.to_string())
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Amount {
        Number(u64),
        Text(String),
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u128, D::Error> {
        match Amount::deserialize(d)? {
            Amount::Number(n) => Ok(u128::from(n)),
            Amount::Text(t) => t.parse().map_err(D::Error::custom),
        }
    }
}

mod shape_list {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use subrosa_protocol::batch::Shape;

    pub(super) fn serialize<S: Serializer>(value: &[Shape], s: S) -> Result<S::Ok, S::Error> {
        value
            .iter()
            .map(|shape| shape.slots())
            .collect::<Vec<_>>()
            .serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Shape>, D::Error> {
        Vec::<usize>::deserialize(d)?
            .into_iter()
            .map(|slots| {
                Shape::from_slots(slots)
                    .ok_or_else(|| D::Error::custom("a shape has 4, 16 or 64 slots"))
            })
            .collect()
    }
}
