//! Bodies of the sequencer's requests and answers.

use serde::{Deserialize, Serialize};
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, AuditorKeys, Stop},
    element::TransactionDigest,
    encoding::{fr_from_hex, fr_to_bytes, fr_to_hex, point_to_bytes},
    ledger::State,
    market::{MARKETS, Market, Markets, PRICE_BITS, Price, PriceSnapshot},
    message::{MESSAGE_LEN, SealedMessage},
};
use utoipa::ToSchema;

use crate::error::ClientError;

fn hex0x(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    hex::decode(text.strip_prefix("0x")?).ok()
}

/// The six words of a state and their commitment, `0x` hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateBody {
    /// Root of the note tree.
    pub note_root: String,
    /// Root of the nullifier tree.
    pub nullifier_root: String,
    /// Root of the tree of former note roots.
    pub history_root: String,
    /// Leaves in the note tree.
    pub leaf_count: u64,
    /// Batches sealed so far.
    pub batch_index: u64,
    /// Deposits taken so far.
    pub deposit_count: u64,
    /// H(STATE; words).
    pub commitment: String,
}

impl From<&State> for StateBody {
    fn from(state: &State) -> Self {
        Self {
            note_root: fr_to_hex(&state.note_root),
            nullifier_root: fr_to_hex(&state.nullifier_root),
            history_root: fr_to_hex(&state.history_root),
            leaf_count: state.leaf_count,
            batch_index: state.batch_index,
            deposit_count: state.deposit_count,
            commitment: fr_to_hex(&state.commitment()),
        }
    }
}

/// Deployment, limits and state of a rollup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InfoBody {
    /// Chain id of L1.
    pub chain_id: u64,
    /// Address of the rollup contract.
    pub rollup: String,
    /// Address of the vault.
    pub vault: String,
    /// H(CONTEXT; chain id, rollup, version): word 0 of every transaction.
    pub context: String,
    /// Id of the asset in which fees are paid.
    pub fee_asset: u16,
    /// Smallest accepted fee, base units, decimal.
    pub min_fee: String,
    /// Slots of the shapes that are sealed.
    pub shapes: Vec<usize>,
    /// Hash of the transaction circuit's verifying key.
    pub transaction_key_hash: String,
    /// Current root of the asset tree.
    pub assets_root: String,
    /// State after the last sealed batch.
    pub state: StateBody,
    /// Index of the next batch to settle: all below have settled.
    pub settled_below: u64,
}

impl InfoBody {
    /// Reads the context.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] if it is not a field element.
    pub fn context(&self) -> Result<Fr, ClientError> {
        fr_from_hex(&self.context).map_err(|_| ClientError::protocol("context"))
    }

    /// Reads the smallest accepted fee, base units.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] if it is not an integer.
    pub fn min_fee(&self) -> Result<u128, ClientError> {
        let fee = self.min_fee.parse();
        fee.map_err(|_| ClientError::protocol("min_fee"))
    }
}

/// Submission as JSON.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmissionBody {
    /// Transaction ‖ proof, `0x` hex.
    pub submission: String,
}

/// Message as JSON.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostBody {
    /// The message, 1,024 bytes, `0x` hex.
    #[schema(example = "0x5ca1ab1e…")]
    pub message: String,
}

/// Receipt for a message that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostedBody {
    /// When it is deleted, Unix seconds.
    #[schema(example = 1_790_003_600u64)]
    pub expires: u64,
}

/// Message with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageBody {
    /// Number of the message. It grows by one with each message and is never used again.
    #[schema(example = 41u64)]
    pub sequence: u64,
    /// 1,024 bytes, `0x` hex.
    #[schema(example = "0x5ca1ab1e…")]
    pub message: String,
}

impl MessageBody {
    /// Writes a message with its place.
    #[must_use]
    pub fn new(sequence: u64, message: &[u8; MESSAGE_LEN]) -> Self {
        Self {
            sequence,
            message: hex0x(message),
        }
    }

    /// Reads the message, or returns `None` if it is not 1,024 bytes of hex.
    #[must_use]
    pub fn sealed(&self) -> Option<SealedMessage> {
        let message = bytes(&self.message)?;
        Some(SealedMessage(message.try_into().ok()?))
    }
}

/// Page of messages in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessagesBody {
    /// The messages.
    pub messages: Vec<MessageBody>,
    /// `from` of the next page.
    #[schema(example = 42u64)]
    pub next: u64,
    /// Sequence number that the next message will have: a reader with `next` = `head` has all.
    #[schema(example = 42u64)]
    pub head: u64,
}

/// State of a submitted transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionBody {
    /// Digest, `0x` hex.
    pub digest: String,
    /// `pending`, `waiting` (a leg of a swap, until its counterpart comes), `included`, `proven`,
    /// `settled`, `expired` or `rejected`.
    pub status: String,
    /// Batch that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<u64>,
    /// Slot in that batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<u32>,
    /// Hash of the L1 transaction that settled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1_transaction: Option<String>,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl TransactionBody {
    /// Describes a transaction with a status and nothing else.
    #[must_use]
    pub fn new(digest: &TransactionDigest, status: &str) -> Self {
        Self {
            digest: digest.to_string(),
            status: status.to_owned(),
            batch: None,
            slot: None,
            l1_transaction: None,
            code: None,
        }
    }

    /// Returns the code with which the sequencer dropped the transaction, if it dropped it.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        match self.status.as_str() {
            "expired" => Some("expired"),
            "rejected" => Some(self.code.as_deref().unwrap_or("rejected")),
            _ => None,
        }
    }
}

/// Published batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchBody {
    /// Its index.
    pub index: u64,
    /// `sealed`, `proven` or `settled`.
    pub status: String,
    /// Slots of its shape.
    pub shape: usize,
    /// Its time, Unix seconds.
    pub time: u64,
    /// Digests of its transactions in slot order.
    pub transactions: Vec<String>,
    /// The published data, `PublishedBatch::to_bytes`, `0x` hex.
    pub published: String,
    /// c = H(DATA; words).
    pub commitment: String,
    /// State commitment before.
    pub old_state: String,
    /// State commitment after.
    pub new_state: String,
    /// Hash of the L1 transaction that settled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1_transaction: Option<String>,
}

impl BatchBody {
    /// Reads the bytes of the published data.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] if they are not hex.
    pub fn data(&self) -> Result<Vec<u8>, ClientError> {
        bytes(&self.published).ok_or_else(|| ClientError::protocol("a batch"))
    }
}

/// Batch with the states around it and its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchDetailBody {
    /// The batch.
    #[serde(flatten)]
    pub batch: BatchBody,
    /// State before.
    pub before: StateBody,
    /// State after.
    pub after: StateBody,
    /// The proof in the contract's encoding, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

/// Page of batches in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchesBody {
    /// The batches.
    pub batches: Vec<BatchBody>,
    /// `from` of the next page.
    pub next: u64,
    /// Index that the next sealed batch will have: a reader with `next` = `head` has all.
    pub head: u64,
}

/// Page of batches that are final. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FinalBatchesBody {
    /// The batches in order.
    pub batches: Vec<BatchBody>,
}

/// Number of batches in a page of final batches: page `n` begins with batch `n`·16 + 1.
pub const FINAL_PAGE: u64 = 16;

/// Whether there is something to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewsBody {
    /// Changes with every batch, price snapshot and message.
    #[schema(example = "5f0c9a1e2b7d4833-12-41")]
    pub version: String,
    /// Index that the next sealed batch will have.
    #[schema(example = 12u64)]
    pub head: u64,
    /// Number that the next message will have.
    #[schema(example = 41u64)]
    pub messages: u64,
    /// Bits of work that a message needs at present.
    #[schema(example = 16u32)]
    pub work: u32,
}

/// Registered asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetBody {
    /// Registry id.
    pub id: u16,
    /// Token address; zero for the chain's own coin.
    pub token: String,
    /// Flags of the registry.
    pub flags: u8,
    /// The auditor's key in the point encoding.
    pub auditor: String,
    /// Earlier keys of its auditors, in the same encoding, the last one first; absent if there are
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past_auditors: Vec<String>,
    /// Stop of seizures of the asset; absent if nothing is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopBody>,
}

/// Stop of seizures of an asset that is collateral.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopBody {
    /// Markets: bit i for market i.
    pub markets: u16,
    /// First minute of Unix time of the snapshots whose prices seize nothing.
    pub from_minute: u32,
    /// Minutes from the first second of that minute to the last second, inclusive.
    pub minutes: u16,
}

impl From<StopBody> for Stop {
    fn from(body: StopBody) -> Self {
        Self {
            markets: body.markets,
            from_minute: body.from_minute,
            minutes: body.minutes,
        }
    }
}

impl AssetBody {
    /// Describes an asset, with the keys that its auditors had.
    #[must_use]
    pub fn new(info: &AssetInfo, auditors: &AuditorKeys) -> Self {
        let keys = auditors.of(info.id);
        let key = |key| hex0x(&point_to_bytes(key));
        Self {
            id: info.id.0,
            token: hex0x(&info.token),
            flags: info.flags,
            auditor: key(&info.auditor),
            past_auditors: keys.iter().skip(1).map(key).collect(),
            stop: (info.stop != Stop::default()).then_some(StopBody {
                markets: info.stop.markets,
                from_minute: info.stop.from_minute,
                minutes: info.stop.minutes,
            }),
        }
    }
}

/// Registry of assets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetsBody {
    /// The assets in order of id.
    pub assets: Vec<AssetBody>,
    /// Root of the asset tree over them.
    pub root: String,
}

/// Market; factors are in basis points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MarketBody {
    /// Id of the asset that secures.
    #[schema(example = 2u16)]
    pub collateral: u16,
    /// Id of the asset that is owed.
    #[schema(example = 0u16)]
    pub debt: u16,
    /// Part of the collateral's value that does not count.
    #[schema(example = 500u16)]
    pub haircut: u16,
    /// Margin on opening and releasing.
    #[schema(example = 15_000u32)]
    pub initial: u32,
    /// Margin below which a lender may liquidate.
    #[schema(example = 12_500u32)]
    pub maintenance: u32,
    /// Part of the debt that a liquidating lender takes on top of it.
    #[schema(example = 500u16)]
    pub bonus: u16,
    /// Greatest age of a snapshot, in seconds.
    #[schema(example = 3_600u32)]
    pub max_age: u32,
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

impl From<&MarketBody> for Market {
    fn from(body: &MarketBody) -> Self {
        Self {
            collateral: AssetId(body.collateral),
            debt: AssetId(body.debt),
            haircut: body.haircut,
            initial: body.initial,
            maintenance: body.maintenance,
            bonus: body.bonus,
            max_age: body.max_age,
        }
    }
}

/// Price snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OracleBody {
    /// H(SNAPSHOT; times, market root, prices), `0x` hex, which anchors contain.
    pub digest: String,
    /// When L1 recorded it, Unix seconds.
    #[schema(example = 1_790_000_000u64)]
    pub time: u64,
    /// When L1 recorded the one before it, Unix seconds; 0 for the first.
    #[schema(example = 1_789_999_940u64)]
    pub previous: u64,
    /// The sixteen markets by number, `null` where there is none.
    pub markets: Vec<Option<MarketBody>>,
    /// Their prices; `null` where there is none.
    pub prices: Vec<Option<PriceBody>>,
}

/// Prices of a market: base units of the debt asset for 10¹⁸ base units of the collateral asset,
/// decimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceBody {
    /// Price at which collateral counts when a loan is opened and when collateral is released.
    #[schema(example = "2345678912")]
    pub low: String,
    /// Price at which collateral counts when a lender seizes it.
    #[schema(example = "2351000000")]
    pub high: String,
}

impl From<&PriceSnapshot> for OracleBody {
    fn from(snapshot: &PriceSnapshot) -> Self {
        Self::new(&fr_to_bytes(&snapshot.digest()), snapshot)
    }
}

impl OracleBody {
    /// Writes a snapshot whose digest is known already.
    #[must_use]
    pub fn new(digest: &[u8; 32], snapshot: &PriceSnapshot) -> Self {
        let markets = snapshot.markets.0.iter();
        let prices = snapshot.prices.iter();
        Self {
            digest: hex0x(digest),
            time: snapshot.time,
            previous: snapshot.previous,
            markets: markets
                .map(|market| market.as_ref().map(Into::into))
                .collect(),
            prices: prices
                .map(|price| {
                    (price.low != 0).then(|| PriceBody {
                        low: price.low.to_string(),
                        high: price.high.to_string(),
                    })
                })
                .collect(),
        }
    }

    /// Reads the snapshot and checks that it has the stated digest.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] if a market or a price is not legal or the digest differs.
    pub fn snapshot(&self) -> Result<PriceSnapshot, ClientError> {
        let malformed = |what: &str| ClientError::Protocol(format!("snapshot: {what}"));
        if self.markets.len() != MARKETS || self.prices.len() != MARKETS {
            return Err(malformed("number of markets"));
        }
        let mut snapshot = PriceSnapshot {
            time: self.time,
            previous: self.previous,
            markets: Markets::default(),
            prices: [Price::default(); MARKETS],
        };
        for (market, body) in snapshot.markets.0.iter_mut().zip(&self.markets) {
            let Some(body) = body else { continue };
            let stated = Market::from(body);
            stated.check().map_err(|e| malformed(&e.to_string()))?;
            *market = Some(stated);
        }
        for (price, body) in snapshot.prices.iter_mut().zip(&self.prices) {
            let Some(body) = body else { continue };
            let read = |text: &str| text.parse().map_err(|_| malformed("price"));
            let stated = Price {
                low: read(&body.low)?,
                high: read(&body.high)?,
            };
            let wide = stated.high >> PRICE_BITS != 0;
            if wide || stated.low == 0 || stated.low > stated.high {
                return Err(malformed("price"));
            }
            *price = stated;
        }
        if fr_from_hex(&self.digest).ok() != Some(snapshot.digest()) {
            return Err(malformed("digest"));
        }
        Ok(snapshot)
    }
}

/// Liveness or readiness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthBody {
    /// `ok` or `degraded`.
    pub status: String,
    /// Parts that do not answer, when degraded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<String>,
}

impl HealthBody {
    /// Makes the body of a service that works.
    #[must_use]
    pub fn ok() -> Self {
        Self {
            status: "ok".to_owned(),
            degraded: Vec::new(),
        }
    }

    /// Makes the body of a service of which parts do not answer.
    #[must_use]
    pub fn degraded(parts: Vec<String>) -> Self {
        Self {
            status: "degraded".to_owned(),
            degraded: parts,
        }
    }
}

/// Problem detail (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:subrosa:error:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Explanation of this occurrence.
    pub detail: String,
    /// Machine-readable code.
    pub code: String,
    /// The broken rule, with the code `invalid_transaction`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> PriceSnapshot {
        let mut snapshot = PriceSnapshot {
            time: 1_790_000_000,
            previous: 1_789_999_940,
            markets: Markets::default(),
            prices: [Price::default(); MARKETS],
        };
        snapshot.markets.0[2] = Some(Market {
            collateral: AssetId(1),
            debt: AssetId(0),
            haircut: 500,
            initial: 12_500,
            maintenance: 11_000,
            bonus: 500,
            max_age: 3_600,
        });
        snapshot.prices[2] = Price {
            low: 4_116_250_000,
            high: 4_117_000_000,
        };
        snapshot
    }

    #[test]
    fn a_snapshot_is_read_as_it_was_written() {
        let body = OracleBody::from(&snapshot());
        let text = serde_json::to_string(&body).unwrap();
        let read: OracleBody = serde_json::from_str(&text).unwrap();
        assert_eq!(read.snapshot(), Ok(snapshot()));
    }

    #[test]
    fn a_snapshot_that_differs_from_its_digest_is_refused() {
        let body = OracleBody::from(&snapshot());
        let mut later = body.clone();
        later.time += 1;
        let mut dearer = body.clone();
        let price = |body: &mut OracleBody, low: u128, high: u128| {
            let [low, high] = [low, high].map(|price| price.to_string());
            body.prices[2] = Some(PriceBody { low, high });
        };
        price(&mut dearer, 4_116_250_001, 4_117_000_000);
        let mut crossed = body.clone();
        price(&mut crossed, 4_117_000_000, 4_116_250_000);
        let mut fewer = body.clone();
        fewer.markets.pop();
        let mut vast = body;
        price(&mut vast, 1, 1 << PRICE_BITS);
        for changed in [later, dearer, crossed, fewer, vast] {
            assert!(changed.snapshot().is_err());
        }
    }

    #[test]
    fn a_message_has_one_length() {
        let body = MessageBody::new(3, &[7; MESSAGE_LEN]);
        assert_eq!(body.sealed().unwrap().0, [7; MESSAGE_LEN]);
        let short = MessageBody {
            message: body.message[..2_048].into(),
            ..body
        };
        assert!(short.sealed().is_none());
    }
}
