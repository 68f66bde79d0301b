//! Client of the sequencer's HTTP interface.

use std::time::Duration;

use serde::Deserialize;
use subrosa_protocol::{
    Fr,
    asset::AssetId,
    market::{MARKETS, Market, Markets, PRICE_BITS, Snapshot},
    message::{MESSAGE_LEN, SealedMessage},
};
use thiserror::Error;

use crate::service::element;

/// Why the sequencer did not do what it was asked.
#[derive(Debug, Error)]
pub enum SequencerError {
    /// It answered with a problem.
    #[error("the sequencer refused: {code}")]
    Refused {
        /// Its code.
        code: String,
        /// Whether it said that trying again can help.
        retryable: bool,
    },
    /// It could not be reached or did not answer in time.
    #[error("the sequencer is unavailable: {0}")]
    Unavailable(String),
    /// Its answer is not what the interface describes.
    #[error("the sequencer's answer is not understood: {0}")]
    Protocol(String),
}

impl SequencerError {
    /// Whether trying again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::Refused {
                    retryable: true,
                    ..
                }
        )
    }
}

impl From<reqwest::Error> for SequencerError {
    fn from(error: reqwest::Error) -> Self {
        // Without the URL: it may name an operator's private host.
        let error = error.without_url();
        if error.is_decode() {
            Self::Protocol(error.to_string())
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}

/// What the sequencer serves.
#[derive(Debug, Clone)]
pub struct Info {
    /// Word 0 of every transaction.
    pub context: Fr,
    /// The asset fees are paid in.
    pub fee_asset: AssetId,
    /// The smallest fee it takes, base units.
    pub min_fee: u128,
    /// Hash of the transaction circuit's verifying key, 0x hex.
    pub transaction_key: String,
}

/// A published batch.
#[derive(Debug)]
pub struct BatchEntry {
    /// Its index.
    pub index: u64,
    /// Its encoding.
    pub data: Vec<u8>,
}

/// Messages of the mailbox, in order.
#[derive(Debug)]
pub struct Messages {
    /// Those that have the length of a message.
    pub messages: Vec<SealedMessage>,
    /// Where the next page begins.
    pub next: u64,
    /// The number that the next message will get.
    pub head: u64,
}

/// Messages that are asked for at once.
const PAGE: u64 = 256;

/// The client.
#[derive(Debug, Clone)]
pub struct SequencerClient {
    base: String,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    #[serde(default)]
    retryable: bool,
}

impl SequencerClient {
    /// A client of the sequencer at `base`, such as `http://127.0.0.1:7300`.
    ///
    /// # Errors
    /// [`SequencerError::Protocol`] if no HTTP client can be made.
    pub fn new(base: &str) -> Result<Self, SequencerError> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(|e| SequencerError::Protocol(e.to_string()))?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            http,
        })
    }

    async fn answer(response: reqwest::Response) -> Result<reqwest::Response, SequencerError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        match response.json::<Problem>().await {
            Ok(Problem { code, retryable }) => Err(SequencerError::Refused { code, retryable }),
            Err(_) if status.is_server_error() => {
                Err(SequencerError::Unavailable(status.to_string()))
            }
            Err(_) => Err(SequencerError::Protocol(status.to_string())),
        }
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T, SequencerError> {
        let response = self.http.get(format!("{}{path}", self.base)).send().await?;
        Ok(Self::answer(response).await?.json().await?)
    }

    /// What it serves.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn info(&self) -> Result<Info, SequencerError> {
        #[derive(Deserialize)]
        struct Wire {
            context: String,
            fee_asset: u16,
            min_fee: String,
            transaction_key_hash: String,
        }
        let wire: Wire = self.get("/v1/info").await?;
        let malformed = |what: &str| SequencerError::Protocol(what.into());
        Ok(Info {
            context: element(&wire.context).ok_or_else(|| malformed("context"))?,
            fee_asset: AssetId(wire.fee_asset),
            min_fee: wire.min_fee.parse().map_err(|_| malformed("min_fee"))?,
            transaction_key: wire.transaction_key_hash,
        })
    }

    /// Some batches in order, from index `from` on.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn batches(&self, from: u64) -> Result<Vec<BatchEntry>, SequencerError> {
        #[derive(Deserialize)]
        struct Entry {
            index: u64,
            published: String,
        }
        #[derive(Deserialize)]
        struct Wire {
            batches: Vec<Entry>,
        }
        let wire: Wire = self.get(&format!("/v1/batches?from={from}")).await?;
        let malformed = || SequencerError::Protocol("a batch".into());
        wire.batches
            .into_iter()
            .map(|entry| {
                let data = entry
                    .published
                    .strip_prefix("0x")
                    .and_then(|digits| hex::decode(digits).ok());
                Ok(BatchEntry {
                    index: entry.index,
                    data: data.ok_or_else(malformed)?,
                })
            })
            .collect()
    }

    /// Submits a transaction with its proof; the same bytes again are the same transaction.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn submit(&self, submission: Vec<u8>) -> Result<(), SequencerError> {
        let request = self
            .http
            .post(format!("{}/v1/transactions", self.base))
            .header(reqwest::header::CONTENT_TYPE, "application/octet-stream")
            .body(submission);
        Self::answer(request.send().await?).await.map(|_| ())
    }

    /// Leaves a message in the mailbox; the same bytes again are the same message.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn post(&self, message: Vec<u8>) -> Result<(), SequencerError> {
        let request = self
            .http
            .post(format!("{}/v1/messages", self.base))
            .header(reqwest::header::CONTENT_TYPE, "application/octet-stream")
            .body(message);
        Self::answer(request.send().await?).await.map(|_| ())
    }

    /// Messages of the mailbox from a number on. All are read by everybody, so that the question tells nothing.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn messages(&self, from: u64) -> Result<Messages, SequencerError> {
        #[derive(Deserialize)]
        struct Entry {
            message: String,
        }
        #[derive(Deserialize)]
        struct Wire {
            messages: Vec<Entry>,
            next: u64,
            head: u64,
        }
        let path = format!("/v1/messages?from={from}&limit={PAGE}");
        let wire: Wire = self.get(&path).await?;
        let messages = wire.messages.iter().filter_map(|entry| {
            let mut message = [0; MESSAGE_LEN];
            hex::decode_to_slice(entry.message.strip_prefix("0x")?, &mut message).ok()?;
            Some(SealedMessage(message))
        });
        Ok(Messages {
            messages: messages.collect(),
            next: wire.next,
            head: wire.head,
        })
    }

    /// The latest price snapshot that L1 has, if it has one. Everybody is told the same, so that the question tells
    /// nothing.
    ///
    /// # Errors
    /// [`SequencerError`], also if what it says has another digest than it says.
    pub async fn snapshot(&self) -> Result<Option<Snapshot>, SequencerError> {
        #[derive(Deserialize)]
        struct WireMarket {
            collateral: u16,
            debt: u16,
            haircut: u16,
            initial: u32,
            maintenance: u32,
            bonus: u16,
            max_age: u32,
        }
        #[derive(Deserialize)]
        struct Wire {
            digest: String,
            time: u64,
            markets: Vec<Option<WireMarket>>,
            prices: Vec<Option<String>>,
        }
        let wire: Wire = match self.get("/v1/oracle").await {
            Ok(wire) => wire,
            Err(SequencerError::Refused { code, .. }) if code == "not_found" => return Ok(None),
            Err(error) => return Err(error),
        };
        let malformed = |what: &str| SequencerError::Protocol(format!("snapshot: {what}"));
        if wire.markets.len() != MARKETS || wire.prices.len() != MARKETS {
            return Err(malformed("number of markets"));
        }
        let mut snapshot = Snapshot {
            time: wire.time,
            markets: Markets::default(),
            prices: [0; MARKETS],
        };
        for (market, wire) in snapshot.markets.0.iter_mut().zip(wire.markets) {
            let Some(wire) = wire else { continue };
            let told = Market {
                collateral: AssetId(wire.collateral),
                debt: AssetId(wire.debt),
                haircut: wire.haircut,
                initial: wire.initial,
                maintenance: wire.maintenance,
                bonus: wire.bonus,
                max_age: wire.max_age,
            };
            told.check().map_err(|e| malformed(&e.to_string()))?;
            *market = Some(told);
        }
        for (price, wire) in snapshot.prices.iter_mut().zip(wire.prices) {
            let Some(text) = wire else { continue };
            *price = text.parse().map_err(|_| malformed("price"))?;
            if *price >> PRICE_BITS != 0 {
                return Err(malformed("price"));
            }
        }
        if element(&wire.digest) != Some(snapshot.digest()) {
            return Err(malformed("digest"));
        }
        Ok(Some(snapshot))
    }

    /// The code with which the sequencer dropped an accepted transaction, if it did. `digest` is 0x hex.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn refusal(&self, digest: &str) -> Result<Option<String>, SequencerError> {
        #[derive(Deserialize)]
        struct Wire {
            status: String,
            #[serde(default)]
            code: Option<String>,
        }
        let wire: Wire = self.get(&format!("/v1/transactions/{digest}")).await?;
        Ok(match wire.status.as_str() {
            "expired" => Some("expired".into()),
            "rejected" => Some(wire.code.unwrap_or_else(|| "rejected".into())),
            _ => None,
        })
    }
}
