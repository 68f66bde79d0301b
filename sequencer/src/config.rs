//! The sequencer's configuration. Every field has a default except those that name the deployment,
//! so that a configuration file holds only what differs.

mod http;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use subrosa_l1::{TransactionSettings, development::is_development_chain};
use subrosa_protocol::{Fr, batch::Shape, transaction::Context};

pub use http::{ForwardedHeader, HttpConfig, RateConfig, TlsConfig};

/// Longest time to live of a message, in seconds: 30 days.
const MAX_TTL_S: u64 = 30 * 24 * 60 * 60;

/// Confirmations that a deposit needs on a chain that is not a development chain, by default.
const DEPOSIT_CONFIRMATIONS: u64 = 12;

/// Most confirmations that a price snapshot needs: five minutes of blocks. With more, a newer
/// snapshot each minute would make every one too old for L1 before it counts.
const PRICE_CONFIRMATIONS: u64 = 25;

/// Milliseconds for which few deposits wait before they are sealed alone on a chain that is not a
/// development chain, by default.
const DEPOSIT_PATIENCE_MS: u64 = 600_000;

/// Greatest age of L1's newest block on a chain that is not a development chain, by default.
const MAX_HEAD_AGE_S: u64 = 900;

/// Configuration of one sequencer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address to listen on; port 0 picks a free one.
    #[serde(default = "Config::default_listen")]
    pub listen: SocketAddr,
    /// Address on which metrics and readiness are shown to operators. Without it, it is the port
    /// after `listen`, on the same address if that is a loopback address and on 127.0.0.1
    /// otherwise; port 0 picks a free one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<SocketAddr>,
    /// Directory of the store.
    pub store: PathBuf,
    /// Chain id of the settlement layer.
    pub chain_id: u64,
    /// Address of the rollup contract, `0x` hex.
    #[serde(with = "address_hex")]
    pub rollup: [u8; 20],
    /// Address of the vault, `0x` hex. The sequencer only tells it to clients.
    #[serde(with = "address_hex")]
    pub vault: [u8; 20],
    /// L1 account that is credited with the fees of batches, `0x` hex.
    #[serde(with = "address_hex")]
    pub fee_recipient: [u8; 20],
    /// Smallest accepted fee, in base units of the fee asset; a decimal string in files. It may be
    /// 0 on development chains only.
    #[serde(default, with = "decimal")]
    pub min_fee: u128,
    /// Whether this sequencer only follows L1: it seals, proves and settles nothing, takes no
    /// transactions, and answers all reads about settled batches.
    #[serde(default)]
    pub follow: bool,
    /// Key directory whose transaction keys are offered to wallets; none are offered without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_directory: Option<PathBuf>,
    /// Admission settings.
    #[serde(default)]
    pub admission: AdmissionConfig,
    /// Sealing settings.
    #[serde(default)]
    pub seal: SealConfig,
    /// Settlement settings.
    #[serde(default)]
    pub settle: SettleConfig,
    /// How the operator's account sends on the settlement layer.
    #[serde(default)]
    pub transactions: TransactionSettings,
    /// HTTP limits.
    #[serde(default)]
    pub http: HttpConfig,
    /// Mailbox settings.
    #[serde(default)]
    pub mailbox: MailboxConfig,
}

impl Config {
    /// Makes a configuration with defaults for everything that does not name the deployment.
    pub fn new(store: PathBuf, chain_id: u64, rollup: [u8; 20], vault: [u8; 20]) -> Self {
        Self {
            listen: Self::default_listen(),
            operations: None,
            store,
            chain_id,
            rollup,
            vault,
            fee_recipient: [0; 20],
            min_fee: 0,
            follow: false,
            key_directory: None,
            admission: AdmissionConfig::default(),
            seal: SealConfig::default(),
            settle: SettleConfig::default(),
            transactions: TransactionSettings::default(),
            http: HttpConfig::default(),
            mailbox: MailboxConfig::default(),
        }
    }

    fn default_listen() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 7300))
    }
}

/// Settings of admission.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdmissionConfig {
    /// Largest number of transactions in the mempool.
    pub mempool_capacity: usize,
    /// Largest number of unpaired legs of swaps, beside the mempool's capacity.
    pub lone_legs: usize,
    /// Largest number of submissions that wait for verification. Beyond it, clients are told to
    /// try again later.
    pub queue: usize,
    /// Largest number of submissions that are verified together.
    pub group: usize,
    /// Time for which a group waits for further submissions, in microseconds.
    pub gather_us: u64,
    /// Number of groups that are verified at the same time.
    pub parallel_groups: usize,
    /// Number of threads for decoding and verification; 0 takes one per core.
    pub threads: usize,
    /// Whether a start verifies the proofs of reloaded submissions again.
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

/// Settings of sealing: the time and the shape of a batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SealConfig {
    /// Shapes that this sequencer seals, by number of slots (4, 16, 64).
    #[serde(with = "shape_list")]
    pub shapes: Vec<Shape>,
    /// Time for which the oldest transaction waits before a batch of at least `min_transactions`
    /// is sealed, in milliseconds.
    pub max_wait_ms: u64,
    /// Number of transactions for which `max_wait_ms` is enough.
    pub min_transactions: usize,
    /// Time for which the oldest transaction waits before a smaller batch is sealed, in
    /// milliseconds.
    pub patience_ms: u64,
    /// Time for which the oldest deposit waits before at least `min_deposits` deposits are sealed
    /// alone, in milliseconds.
    pub deposit_wait_ms: u64,
    /// Number of deposits for which `deposit_wait_ms` is enough.
    pub min_deposits: usize,
    /// Time for which the oldest deposit waits before fewer deposits are sealed alone, in
    /// milliseconds. The default is `deposit_wait_ms` on development chains, and 600,000 on all
    /// others, where a batch costs more than the deposits that would force it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deposit_patience_ms: Option<u64>,
    /// Largest number of sealed and unsettled batches. Beyond it, sealing waits.
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
            min_deposits: 16,
            deposit_patience_ms: None,
            max_unsettled: 8,
        }
    }
}

/// Settings of proving and settlement.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettleConfig {
    /// Pause between two polls of the chain, in milliseconds.
    pub poll_ms: u64,
    /// Confirmations that a deposit needs before it is sealed. A deposit in the newest block has
    /// 1. The default is 1 on development chains and 12 on all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deposit_confirmations: Option<u64>,
    /// First pause after a transient failure, in milliseconds. The pause doubles each time.
    pub backoff_ms: u64,
    /// Longest pause between attempts, in milliseconds.
    pub backoff_max_ms: u64,
    /// Number of attempts to prove one batch before the pipeline halts.
    pub prove_attempts: u32,
    /// Seconds by which the chain's newest block may lag behind this machine's clock. A quiet
    /// development chain makes no blocks, so the batch time is never older than now minus this
    /// lag.
    pub clock_lag_s: u64,
    /// Age of L1's newest block, in seconds by this machine's clock, beyond which nothing is done
    /// about what L1 shows: the endpoint has stopped following its chain. 0 switches the check off,
    /// which is the default on development chains; 900 is the default on all others. The same bound
    /// holds for a block that is ahead of the clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_head_age_s: Option<u64>,
    /// Age beyond which an unsettled batch is dropped and sealed anew, in seconds. The contract
    /// refuses batches older than 3600.
    pub max_age_s: u64,
    /// Number of times in a row that batches are dropped and sealed anew at once. Beyond it,
    /// sealing anew waits for `backoff_max_ms` each time, and the sequencer is degraded.
    pub max_rewinds: u32,
    /// Least number of settled batches whose submissions are kept. They are kept longer until their
    /// batches are final.
    pub retain_submissions: u64,
    /// Number of batches between two checkpoints of the ledger in the store. A restart replays
    /// only the batches after the last checkpoint. 0 stores no checkpoint.
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
            max_head_age_s: None,
            max_age_s: 3_300,
            max_rewinds: 3,
            retain_submissions: 64,
            snapshot_every: 256,
        }
    }
}

/// Capacity and rate limits of the mailbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailboxConfig {
    /// Time to live of a message, in seconds.
    pub ttl_s: u64,
    /// Largest number of messages, of 1 KiB each.
    pub capacity: usize,
    /// Messages a second from one peer; 0 switches the limit off.
    pub rate: u32,
    /// Burst: the messages that one peer may leave at once after a pause.
    pub burst: u32,
    /// Largest number of peers that the limiter remembers.
    pub peers: usize,
    /// Bits of work that a message needs while at most a quarter of the capacity is used: 2 to this
    /// power tries on average.
    pub work_bits: u32,
    /// Bits of work that a message needs when the mailbox is almost full. They rise evenly between.
    /// If they are as few as `work_bits`, the work does not rise; with 0, none is needed.
    pub max_work_bits: u32,
    /// Greatest age of the time that work states, in seconds. Work can be done in advance for a
    /// later time.
    pub work_age_s: u64,
    /// Largest number of messages in one answer.
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
            work_bits: 16,
            max_work_bits: 26,
            work_age_s: 600,
            max_page: 256,
        }
    }
}

/// The fault in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A field has a forbidden value.
    #[error("{field}: {reason}")]
    Field {
        /// Path of the field.
        field: &'static str,
        /// The requirement that the value breaks.
        reason: &'static str,
    },
}

impl Config {
    /// Returns the context of the rollup's transactions.
    #[must_use]
    pub fn context(&self) -> Fr {
        let (chain_id, rollup) = (self.chain_id, self.rollup);
        Context { chain_id, rollup }.word()
    }

    /// Checks the ranges that the types do not express.
    ///
    /// # Errors
    /// [`ConfigError`] naming the first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let field = |field, reason| Err(ConfigError::Field { field, reason });
        if self.seal.shapes.is_empty() {
            return field("seal.shapes", "must name at least one shape");
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
        self.http.validate()?;
        // Whoever only follows takes no transactions.
        if self.min_fee == 0 && !self.follow && !is_development_chain(self.chain_id) {
            return field(
                "min_fee",
                "must be at least 1 on a chain with value: a transaction that pays nothing is free \
                 spam, and each costs the operator calldata and proofs; about the cost of one \
                 transaction's calldata on L1 is a good start",
            );
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
        if self.mailbox.work_bits > self.mailbox.max_work_bits || self.mailbox.max_work_bits > 40 {
            return field(
                "mailbox.max_work_bits",
                "must be at least mailbox.work_bits and at most 40",
            );
        }
        if self.mailbox.work_age_s == 0 {
            return field("mailbox.work_age_s", "must be at least 1");
        }
        if self.mailbox.max_page == 0 {
            return field("mailbox.max_page", "must be at least 1");
        }
        Ok(())
    }

    /// Returns the address on which to listen for operators.
    #[must_use]
    pub fn operations(&self) -> SocketAddr {
        let after = match self.listen.port() {
            0 | u16::MAX => 0,
            port => port + 1,
        };
        let near = match self.listen.ip() {
            ip if ip.is_loopback() => ip,
            _ => Ipv4Addr::LOCALHOST.into(),
        };
        self.operations.unwrap_or((near, after).into())
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

    /// Returns the confirmations that a price snapshot needs before a batch takes it: those of a
    /// deposit, as far as L1 still admits what comes after so many blocks.
    pub(crate) fn price_confirmations(&self) -> u64 {
        self.deposit_confirmations().min(PRICE_CONFIRMATIONS)
    }

    /// Returns the time for which a number of deposits waits before they are sealed alone.
    pub(crate) fn deposit_wait(&self, deposits: usize) -> Duration {
        let seal = &self.seal;
        let patience = match seal.deposit_patience_ms {
            Some(patience) => patience,
            None if is_development_chain(self.chain_id) => seal.deposit_wait_ms,
            None => seal.deposit_wait_ms.max(DEPOSIT_PATIENCE_MS),
        };
        Duration::from_millis(if deposits >= seal.min_deposits {
            seal.deposit_wait_ms
        } else {
            patience
        })
    }

    /// Returns the greatest age of L1's newest block, in seconds, if it is bounded.
    pub(crate) fn max_head_age(&self) -> Option<u64> {
        let default = if is_development_chain(self.chain_id) {
            0
        } else {
            MAX_HEAD_AGE_S
        };
        let most = self.settle.max_head_age_s.unwrap_or(default);
        (most > 0).then_some(most)
    }

    /// Returns the pause between two polls of the chain.
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
