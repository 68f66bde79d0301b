//! The sequencer, as the wallet uses it: the answers of [`subrosa_client::SequencerClient`] as
//! types of the protocol.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use rayon::prelude::*;

use subrosa_protocol::{Fr, asset::AssetId, market::PriceSnapshot, message::SealedMessage};

pub use subrosa_client::ClientError as SequencerError;
use subrosa_client::{
    Proxy,
    sequencer::{BatchBody, FINAL_PAGE},
    work::Work,
};

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

/// Most bits of work that are done for a message: some minutes on one core.
const MOST_WORK: u32 = 32;

/// Calls a search off when nobody waits for it any more.
struct CallOff(Arc<AtomicBool>);

impl Drop for CallOff {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does the work of a message, on all cores.
async fn worked(message: Vec<u8>, context: Fr, time: u64, bits: u32) -> Option<Work> {
    let stop = Arc::new(AtomicBool::new(false));
    let _called_off = CallOff(stop.clone());
    let search = move || {
        let parts = 0..rayon::current_num_threads() as u64;
        parts.into_par_iter().find_map_any(|part| {
            let found = Work::find(&context, &message, time, bits, part << 48, &stop);
            // The other parts need not go on.
            stop.store(true, Ordering::Relaxed);
            found
        })
    };
    tokio::task::spawn_blocking(search).await.ok().flatten()
}

/// Reads a batch of a page.
fn entry(batch: &BatchBody) -> Result<BatchEntry, SequencerError> {
    Ok(BatchEntry {
        index: batch.index,
        data: batch.data()?,
    })
}

/// Client of one sequencer.
///
/// It reads on common connections. Behind a proxy, each submission and each message takes a
/// connection of its own, so that nothing but their times links them.
#[derive(Debug)]
pub struct SequencerClient {
    common: subrosa_client::SequencerClient,
    proxy: Option<Proxy>,
    /// Index of the next batch, as it was read last.
    head: AtomicU64,
}

/// Fate of a submitted transaction, by the sequencer's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It waits, or a batch includes it.
    Kept,
    /// The sequencer had accepted it before, and dropped it for the reason with this code.
    Dropped(String),
}

impl SequencerClient {
    /// Makes a client of the sequencer at `base`, such as `http://127.0.0.1:7300`. With a proxy,
    /// the sequencer is reached in no other way.
    ///
    /// # Errors
    /// [`SequencerError::Protocol`] if the HTTP client cannot be built.
    pub fn new(base: &str, proxy: Option<Proxy>) -> Result<Self, SequencerError> {
        let common = match &proxy {
            Some(proxy) => subrosa_client::SequencerClient::through(base, &proxy.apart())?,
            None => subrosa_client::SequencerClient::new(base)?,
        };
        Ok(Self {
            common,
            proxy,
            head: AtomicU64::new(0),
        })
    }

    /// Returns a client for one action, which shares no connection with others behind a proxy.
    fn apart(&self) -> Result<subrosa_client::SequencerClient, SequencerError> {
        match &self.proxy {
            Some(proxy) => {
                let base = self.common.base();
                subrosa_client::SequencerClient::through(base, &proxy.apart())
            }
            None => Ok(self.common.clone()),
        }
    }

    /// Returns the properties of the deployment.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn info(&self) -> Result<Info, SequencerError> {
        let info = self.common.info().await?;
        Ok(Info {
            context: info.context()?,
            fee_asset: AssetId(info.fee_asset),
            min_fee: info.min_fee()?,
            transaction_key: info.transaction_key_hash,
        })
    }

    /// Waits up to `wait` seconds until the sequencer has something newer than `known`, and returns
    /// the version that it has, or `None` if it tells no news.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn news(
        &self,
        known: Option<&str>,
        wait: u64,
    ) -> Result<Option<String>, SequencerError> {
        let news = self.common.news(known, wait).await?;
        Ok(news.map(|news| news.version))
    }

    /// Returns some batches in order, from index `from` on. A reader who is far behind gets final
    /// batches, in pages that are the same for everybody and come from a cache where there is one.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn batches(&self, from: u64) -> Result<Vec<BatchEntry>, SequencerError> {
        if self.far_behind(from) {
            let entries = self.final_batches(from).await?;
            // One alone is the batch that the reader has.
            if entries.len() > 1 {
                return Ok(entries);
            }
        }
        let page = self.common.batches(from).await?;
        self.head.store(page.head, Ordering::Relaxed);
        page.batches.iter().map(entry).collect()
    }

    /// Whether there were more than two pages of final batches from `from` on when batches were
    /// read last.
    fn far_behind(&self, from: u64) -> bool {
        self.head.load(Ordering::Relaxed) > from.saturating_add(3 * FINAL_PAGE)
    }

    /// Returns the batches from `from` on of the pages with it and the one after it, as far as they
    /// are final.
    async fn final_batches(&self, from: u64) -> Result<Vec<BatchEntry>, SequencerError> {
        let first = from.saturating_sub(1) / FINAL_PAGE;
        let mut entries = Vec::new();
        for number in first..=from / FINAL_PAGE {
            let Some(page) = self.common.final_batches(number).await? else {
                break;
            };
            let batches = page.batches.iter().filter(|batch| batch.index >= from);
            entries.extend(batches.map(entry).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(entries)
    }

    /// Submits a transaction with its proof. The same bytes again are the same transaction: they
    /// change nothing unless the sequencer has lost it.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn submit(&self, submission: Vec<u8>) -> Result<Fate, SequencerError> {
        let state = self.apart()?.hand_over(submission).await?;
        let refusal = state.as_ref().and_then(|state| state.refusal());
        Ok(refusal.map_or(Fate::Kept, |code| Fate::Dropped(code.to_owned())))
    }

    /// Leaves a message in the mailbox, with the work that it needs at present. The same bytes
    /// again are the same message.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn post(
        &self,
        message: Vec<u8>,
        context: Fr,
        time: u64,
    ) -> Result<(), SequencerError> {
        let client = self.apart()?;
        let news = client.news(None, 0).await?;
        let work = match news.map_or(0, |news| news.work) {
            0 => None,
            bits if bits > MOST_WORK => {
                let text = "it wants more work for a message than anybody can do";
                return Err(SequencerError::Protocol(text.into()));
            }
            bits => worked(message.clone(), context, time, bits).await,
        };
        client.post_message(message, work).await.map(|_| ())
    }

    /// Returns messages of the mailbox from number `from` on. Everybody reads all of them, so the
    /// question tells the sequencer nothing.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn messages(&self, from: u64) -> Result<Messages, SequencerError> {
        let page = self.common.messages(from, PAGE).await?;
        Ok(Messages {
            messages: page.messages.iter().filter_map(|m| m.sealed()).collect(),
            next: page.next,
            head: page.head,
        })
    }

    /// Returns the price snapshot of the sequencer's next batch, if there is one. Everybody asks
    /// for the same, so the question tells the sequencer nothing.
    ///
    /// # Errors
    /// [`SequencerError`], also if the contents do not have the stated digest.
    pub async fn snapshot(&self) -> Result<Option<PriceSnapshot>, SequencerError> {
        match self.common.oracle().await? {
            Some(oracle) => oracle.snapshot().map(Some),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, extract::Path, http::StatusCode, routing::get};
    use serde_json::{Value, json};

    use super::*;

    fn batches(range: std::ops::Range<u64>) -> Vec<Value> {
        let batch = |index: u64| {
            json!({
                "index": index, "status": "settled", "shape": 4, "time": 0, "transactions": [],
                "published": "0x00", "commitment": "", "old_state": "", "new_state": "",
            })
        };
        range.map(batch).collect()
    }

    #[tokio::test]
    async fn the_work_of_a_message_is_done() {
        let (message, context) = (vec![7; 1_024], Fr::from(3u64));
        let work = worked(message.clone(), context, 1_000, 14).await.unwrap();
        assert!(work.time == 1_000 && work.bits(&context, &message) >= 14);
    }

    // Before, a wallet that was far behind read answers that were made for it alone.
    #[tokio::test]
    async fn a_reader_who_is_far_behind_reads_pages_that_are_the_same_for_all() {
        let tail =
            || async { Json(json!({ "batches": batches(90..100), "next": 100, "head": 100 })) };
        let page = |Path(number): Path<u64>| async move {
            let first = number * FINAL_PAGE + 1;
            let page = Json(json!({ "batches": batches(first..first + FINAL_PAGE) }));
            (number < 5).then_some(page).ok_or(StatusCode::NOT_FOUND)
        };
        let router = Router::new()
            .route("/v1/batches", get(tail))
            .route("/v1/batches/pages/{number}", get(page));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let client = SequencerClient::new(&base, None).unwrap();
        let read = async |from| {
            let read = client.batches(from).await.unwrap();
            (read.first().unwrap().index, read.last().unwrap().index)
        };
        assert_eq!(
            read(1).await,
            (90, 99),
            "how far behind it is, is not known yet"
        );
        assert_eq!(read(1).await, (1, 16));
        assert_eq!(read(5).await, (5, 16));
        assert_eq!(
            read(16).await,
            (16, 32),
            "one alone would be the one that it has"
        );
        assert_eq!(read(60).await, (90, 99), "it is not far behind");
        server.abort();
    }
}
