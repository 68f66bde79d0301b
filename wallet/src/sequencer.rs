//! The sequencer, as the wallet uses it: the answers of [`subrosa_client::SequencerClient`] as
//! types of the protocol.

use subrosa_protocol::{
    Fr, asset::AssetId, element::TransactionDigest, market::PriceSnapshot, message::SealedMessage,
};

pub use subrosa_client::ClientError as SequencerError;

/// Properties of the sequencer's deployment that the wallet needs.
#[derive(Debug, Clone)]
pub struct Info {
    /// Word 0 of every transaction.
    pub context: Fr,
    /// Asset in which fees are paid.
    pub fee_asset: AssetId,
    /// Smallest fee that the sequencer takes, base units.
    pub min_fee: u128,
    /// Hash of the transaction circuit's verifying key, `0x` hex.
    pub transaction_key: String,
}

/// Published batch.
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
    /// Messages of the right length. The others are left out.
    pub messages: Vec<SealedMessage>,
    /// Number at which the next page begins.
    pub next: u64,
    /// Number that the next message will get.
    pub head: u64,
}

/// Messages that are requested at once.
const PAGE: u64 = 256;

/// Client of one sequencer.
#[derive(Debug, Clone)]
pub struct SequencerClient(subrosa_client::SequencerClient);

/// Fate of an accepted transaction, by the sequencer's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It waits, or a batch includes it.
    Kept,
    /// The sequencer dropped it, for the reason with this code.
    Dropped(String),
    /// The sequencer does not know it: it lost what it had accepted, or another one took its place.
    Unknown,
}

impl SequencerClient {
    /// Makes a client of the sequencer at `base`, such as `http://127.0.0.1:7300`.
    ///
    /// # Errors
    /// [`SequencerError::Protocol`] if the HTTP client cannot be built.
    pub fn new(base: &str) -> Result<Self, SequencerError> {
        Ok(Self(subrosa_client::SequencerClient::new(base)?))
    }

    /// Returns the properties of the deployment.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn info(&self) -> Result<Info, SequencerError> {
        let info = self.0.info().await?;
        Ok(Info {
            context: info.context()?,
            fee_asset: AssetId(info.fee_asset),
            min_fee: info.min_fee()?,
            transaction_key: info.transaction_key_hash,
        })
    }

    /// Returns some batches in order, from index `from` on.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn batches(&self, from: u64) -> Result<Vec<BatchEntry>, SequencerError> {
        let page = self.0.batches(from).await?;
        let entries = page.batches.iter().map(|batch| {
            Ok(BatchEntry {
                index: batch.index,
                data: batch.data()?,
            })
        });
        entries.collect()
    }

    /// Submits a transaction with its proof. The same bytes again are the same transaction.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn submit(&self, submission: Vec<u8>) -> Result<(), SequencerError> {
        self.0.hand_over(submission).await
    }

    /// Leaves a message in the mailbox. The same bytes again are the same message.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn post(&self, message: Vec<u8>) -> Result<(), SequencerError> {
        self.0.post_message(message).await.map(|_| ())
    }

    /// Returns messages of the mailbox from number `from` on. Everybody reads all of them, so the
    /// question tells the sequencer nothing.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn messages(&self, from: u64) -> Result<Messages, SequencerError> {
        let page = self.0.messages(from, PAGE).await?;
        Ok(Messages {
            messages: page.messages.iter().filter_map(|m| m.sealed()).collect(),
            next: page.next,
            head: page.head,
        })
    }

    /// Returns the latest price snapshot that L1 has recorded, if there is one. Everybody asks for
    /// the same, so the question tells the sequencer nothing.
    ///
    /// # Errors
    /// [`SequencerError`], also if the contents do not have the stated digest.
    pub async fn snapshot(&self) -> Result<Option<PriceSnapshot>, SequencerError> {
        match self.0.oracle().await? {
            Some(oracle) => oracle.snapshot().map(Some),
            None => Ok(None),
        }
    }

    /// Asks for the fate of an accepted transaction.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn fate(&self, digest: &TransactionDigest) -> Result<Fate, SequencerError> {
        let Some(transaction) = self.0.transaction(digest).await? else {
            return Ok(Fate::Unknown);
        };
        Ok(match transaction.refusal() {
            Some(code) => Fate::Dropped(code.to_owned()),
            None => Fate::Kept,
        })
    }
}
