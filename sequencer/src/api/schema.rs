//! JSON shapes of the interface.

use serde::{Deserialize, Serialize};
use subrosa_protocol::asset::AssetInfo;
use subrosa_protocol::encoding::point_to_bytes;
use subrosa_protocol::ledger::State;
use subrosa_protocol::market::{Market, Snapshot};
use utoipa::ToSchema;

use crate::status::{BatchView, TransactionStatus};
use crate::store::tables::Stage;
use crate::wire::{Word, fr_hex, hex0x};

/// The six words of a state and their commitment, `0x` hex.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateBody {
    note_root: String,
    nullifier_root: String,
    history_root: String,
    leaf_count: u64,
    batch_index: u64,
    deposit_count: u64,
    /// H(STATE; words).
    commitment: String,
}

impl From<&State> for StateBody {
    fn from(state: &State) -> Self {
        Self {
            note_root: fr_hex(&state.note_root),
            nullifier_root: fr_hex(&state.nullifier_root),
            history_root: fr_hex(&state.history_root),
            leaf_count: state.leaf_count,
            batch_index: state.batch_index,
            deposit_count: state.deposit_count,
            commitment: fr_hex(&state.commitment()),
        }
    }
}

/// What a client must know of this rollup.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InfoBody {
    pub(crate) chain_id: u64,
    /// Address of the rollup contract.
    pub(crate) rollup: String,
    /// Address of the vault.
    pub(crate) vault: String,
    /// H(CONTEXT; chain id, rollup, version).
    pub(crate) context: String,
    /// Id of the asset in which fees are paid.
    pub(crate) fee_asset: u16,
    /// Smallest accepted fee, base units, decimal.
    pub(crate) min_fee: String,
    /// Slots of the shapes that are sealed.
    pub(crate) shapes: Vec<usize>,
    /// Hash of the transaction circuit's verifying key.
    pub(crate) transaction_key_hash: String,
    /// Current root of the asset tree.
    pub(crate) assets_root: String,
    /// State after the last sealed batch.
    pub(crate) state: StateBody,
    /// Index of the next batch to settle: all below have settled.
    pub(crate) settled_below: u64,
}

/// A submission as JSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubmissionBody {
    /// Transaction ‖ proof, `0x` hex.
    pub(crate) submission: String,
}

/// A message as JSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostBody {
    /// The message, 1,024 bytes, `0x` hex.
    #[schema(example = "0x5ca1ab1e…")]
    pub(crate) message: String,
}

/// A message that is held.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PostedBody {
    /// When it is deleted, Unix seconds.
    #[schema(example = 1_790_003_600u64)]
    pub(crate) expires: u64,
}

/// A message with its place.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageBody {
    /// Grows by one with each message, and never comes again.
    #[schema(example = 41u64)]
    pub(crate) sequence: u64,
    /// 1,024 bytes, `0x` hex.
    #[schema(example = "0x5ca1ab1e…")]
    pub(crate) message: String,
}

/// A page of messages in order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessagesBody {
    pub(crate) messages: Vec<MessageBody>,
    /// `from` of the next page.
    #[schema(example = 42u64)]
    pub(crate) next: u64,
    /// Sequence number that the next message will have: a reader with `next` = `head` has all.
    #[schema(example = 42u64)]
    pub(crate) head: u64,
}

/// What became of a transaction.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransactionBody {
    /// Digest, `0x` hex.
    digest: String,
    /// `pending`, `waiting` (a leg of a swap, until its counterpart comes), `included`, `proven`,
    /// `settled`, `expired` or `rejected`.
    status: &'static str,
    /// Batch that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<u64>,
    /// Slot in that batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    slot: Option<u32>,
    /// Hash of the L1 transaction that settled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    l1_transaction: Option<String>,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

impl TransactionBody {
    pub(crate) fn new(digest: &Word, status: TransactionStatus) -> Self {
        let mut body = Self {
            digest: hex0x(digest),
            status: status.name(),
            batch: None,
            slot: None,
            l1_transaction: None,
            code: None,
        };
        match status {
            TransactionStatus::Included { batch, slot }
            | TransactionStatus::Proven { batch, slot } => {
                body.batch = Some(batch);
                body.slot = Some(slot);
            }
            TransactionStatus::Settled { batch, slot, tx } => {
                body.batch = Some(batch);
                body.slot = Some(slot);
                body.l1_transaction = Some(hex0x(&tx));
            }
            TransactionStatus::Rejected { reason } => body.code = Some(reason.code()),
            TransactionStatus::Pending
            | TransactionStatus::Waiting
            | TransactionStatus::Expired => {}
        }
        body
    }
}

/// A batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchBody {
    index: u64,
    /// `sealed`, `proven` or `settled`.
    status: &'static str,
    /// Slots of its shape.
    shape: usize,
    /// Its time, Unix seconds.
    time: u64,
    /// Digests of its transactions in slot order.
    transactions: Vec<String>,
    /// The published data, `PublishedBatch::to_bytes`, `0x` hex.
    published: String,
    /// c = H(DATA; words).
    commitment: String,
    /// State commitment before.
    old_state: String,
    /// State commitment after.
    new_state: String,
    /// Hash of the L1 transaction that settled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    l1_transaction: Option<String>,
}

impl From<&BatchView> for BatchBody {
    fn from(view: &BatchView) -> Self {
        let record = &view.record;
        let (status, l1_transaction) = match view.stage {
            Stage::Sealed => ("sealed", None),
            Stage::Proven => ("proven", None),
            Stage::Settled { tx } => ("settled", Some(hex0x(&tx))),
        };
        Self {
            index: view.index,
            status,
            shape: record.shape.slots(),
            time: record.time,
            transactions: record.transactions.iter().map(|d| hex0x(d)).collect(),
            published: hex0x(&record.published),
            commitment: fr_hex(&record.commitment),
            old_state: fr_hex(&record.old.commitment()),
            new_state: fr_hex(&record.new.commitment()),
            l1_transaction,
        }
    }
}

/// A batch with the states around it and its proof.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchDetailBody {
    #[serde(flatten)]
    batch: BatchBody,
    /// State before.
    before: StateBody,
    /// State after.
    after: StateBody,
    /// The proof in the contract's encoding, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
}

impl From<&BatchView> for BatchDetailBody {
    fn from(view: &BatchView) -> Self {
        Self {
            batch: view.into(),
            before: (&view.record.old).into(),
            after: (&view.record.new).into(),
            proof: view.proof.as_deref().map(hex0x),
        }
    }
}

/// A page of batches in order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchesBody {
    pub(crate) batches: Vec<BatchBody>,
    /// `from` of the next page.
    pub(crate) next: u64,
    /// Index that the next sealed batch will have: a reader with `next` = `head` has all.
    pub(crate) head: u64,
}

/// A registered asset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssetBody {
    id: u16,
    /// Token address; zero for the chain's own coin.
    token: String,
    flags: u8,
    /// The auditor's key in the point encoding.
    auditor: String,
}

impl From<&AssetInfo> for AssetBody {
    fn from(info: &AssetInfo) -> Self {
        Self {
            id: info.id.0,
            token: hex0x(&info.token),
            flags: info.flags,
            auditor: hex0x(&point_to_bytes(&info.auditor)),
        }
    }
}

/// The registry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssetsBody {
    pub(crate) assets: Vec<AssetBody>,
    /// Root of the asset tree over them.
    pub(crate) root: String,
}

/// A market; factors are in basis points.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MarketBody {
    /// Id of the asset that secures.
    #[schema(example = 2u16)]
    collateral: u16,
    /// Id of the asset that is owed.
    #[schema(example = 0u16)]
    debt: u16,
    /// What of the collateral's value does not count.
    #[schema(example = 500u16)]
    haircut: u16,
    /// Margin on opening and releasing.
    #[schema(example = 15_000u32)]
    initial: u32,
    /// Margin below which a lender may liquidate.
    #[schema(example = 12_500u32)]
    maintenance: u32,
    /// What a liquidating lender takes above the debt.
    #[schema(example = 500u16)]
    bonus: u16,
    /// How old a snapshot may be, in seconds.
    #[schema(example = 3_600u32)]
    max_age: u32,
}

impl From<&Market> for MarketBody {
    fn from(market: &Market) -> Self {
        Self {
            collateral: market.collateral.0,
            debt: market.debt.0,
            haircut: market.haircut,
            initial: market.initial,
            maintenance: market.maintenance,
            bonus: market.bonus,
            max_age: market.max_age,
        }
    }
}

/// A price snapshot.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OracleBody {
    /// H(SNAPSHOT; time, market root, prices), `0x` hex: what a transaction names.
    digest: String,
    /// When the chain took it, Unix seconds.
    #[schema(example = 1_790_000_000u64)]
    time: u64,
    /// The sixteen markets by number, `null` where there is none.
    markets: Vec<Option<MarketBody>>,
    /// Their prices: base units of the debt asset for 10¹⁸ base units of the collateral asset, decimal;
    /// `null` where there is none.
    #[schema(example = json!(["2345678912", null]))]
    prices: Vec<Option<String>>,
}

impl OracleBody {
    pub(crate) fn new(digest: &Word, snapshot: &Snapshot) -> Self {
        let markets = snapshot.markets.0.iter();
        let prices = snapshot.prices.iter();
        Self {
            digest: hex0x(digest),
            time: snapshot.time,
            markets: markets
                .map(|market| market.as_ref().map(Into::into))
                .collect(),
            prices: prices
                .map(|price| (*price != 0).then(|| price.to_string()))
                .collect(),
        }
    }
}

/// Liveness or readiness.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthBody {
    /// `ok` or `degraded`.
    pub(crate) status: &'static str,
    /// What does not answer, when degraded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) degraded: Vec<String>,
}
