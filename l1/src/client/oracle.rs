//! The price oracle: snapshots, and its log.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall as _, SolEvent};
use subrosa_protocol::{
    Fr,
    market::{Markets, PriceSnapshot},
};

use super::{Client, receipt};
use crate::{
    account::Account,
    contracts::{PriceOracle, Rollup},
    error::L1Error,
    transactions::Repeat,
    transport::{FoundLog, LogQuery, Outgoing, Transport},
    view::{OracleChange, OracleEvent, OracleLog, Receipt, Validity},
    words::{from_word, from_words, to_word},
};

impl<T: Transport> Client<T> {
    pub(super) async fn read_snapshot(&self) -> Result<Option<PriceSnapshot>, L1Error> {
        let oracle = self.oracle().await?;
        let latest = self
            .view("latest", oracle, PriceOracle::latestCall {})
            .await?;
        if latest.digest.is_zero() {
            return Ok(None);
        }
        let snapshot = PriceSnapshot {
            time: latest.time.to::<u64>(),
            previous: latest.previous.to::<u64>(),
            markets: Markets::from_words(&from_words(&latest.markets)?)
                .map_err(|e| L1Error::Odd(format!("a market: {e}")))?,
            prices: PriceSnapshot::prices_from_words(&from_words(&latest.prices)?)
                .map_err(|e| L1Error::Odd(format!("prices: {e}")))?,
        };
        if snapshot.digest() != from_word(latest.digest)? {
            return Err(L1Error::Odd(
                "a price snapshot's digest does not match its markets and prices".into(),
            ));
        }
        Ok(Some(snapshot))
    }

    pub(super) async fn read_oracle_log(&self, from: u64) -> Result<OracleLog, L1Error> {
        let oracle = self.oracle().await?;
        // Read before the log, so that the log is complete up to this block.
        let head = self.transport.head().await?;
        let query = LogQuery {
            addresses: vec![oracle],
            topics: Vec::new(),
            from: from.max(self.contracts.deployed_at),
            to: head.number,
        };
        let logs = self.transport.logs(query).await?;
        let mut events = Vec::new();
        for found in &logs {
            if let Some(change) = oracle_change(found)? {
                let block = found.block;
                events.push(OracleEvent { block, change });
            }
        }
        Ok(OracleLog { head, events })
    }

    pub(super) async fn read_validity(&self, digest: &Fr) -> Result<Option<Validity>, L1Error> {
        let oracle = self.oracle().await?;
        let call = PriceOracle::validityCall {
            digest: to_word(digest),
        };
        let found = self.view("validity", oracle, call).await?;
        let taken = found.taken.to::<u64>();
        let superseded = found.superseded.to::<u64>();
        Ok((taken != 0).then(|| Validity {
            taken,
            superseded: (superseded != 0).then_some(superseded),
        }))
    }

    pub(super) async fn send_snapshot(&self, account: &Account) -> Result<Receipt, L1Error> {
        let oracle = self.oracle().await?;
        let data: Bytes = PriceOracle::snapshotCall {}.abi_encode().into();
        let length = data.len() as u64;
        let outgoing = Outgoing::new("snapshot", Some(oracle), data, U256::ZERO)
            .for_purpose("snapshot".into(), Repeat::Always);
        let mined = self.transport.send(account, outgoing).await?;
        Ok(receipt(&mined, length))
    }

    pub(super) async fn oracle(&self) -> Result<Address, L1Error> {
        // The address is kept for good, so that one odd answer would hide the oracle for good: the
        // contract there must confirm that it is one.
        let read = async || {
            let (rollup, registry) = (self.contracts.rollup, self.contracts.registry);
            let oracle = self.view("oracle", rollup, Rollup::oracleCall {}).await?;
            let found = self.view("registry", oracle, PriceOracle::registryCall {});
            if found.await? != registry {
                return Err(L1Error::Odd(format!(
                    "{oracle} is not the price oracle of the rollup's registry"
                )));
            }
            Ok(oracle)
        };
        self.oracle.get_or_try_init(read).await.copied()
    }
}

/// Decodes an event about a market or a snapshot. Returns `None` for events about feeds and
/// ownership.
pub(super) fn oracle_change(found: &FoundLog) -> Result<Option<OracleChange>, L1Error> {
    let topic = found.log.topics().first().copied();
    if topic == Some(PriceOracle::MarketSet::SIGNATURE_HASH) {
        let event = PriceOracle::MarketSet::decode_log(&found.log)
            .map_err(|e| L1Error::Odd(format!("MarketSet: {e}")))?;
        return Ok(Some(OracleChange::Market {
            id: event.id,
            word: from_word(event.word)?,
        }));
    }
    if topic == Some(PriceOracle::Snapshot::SIGNATURE_HASH) {
        let event = PriceOracle::Snapshot::decode_log(&found.log)
            .map_err(|e| L1Error::Odd(format!("Snapshot: {e}")))?;
        return Ok(Some(OracleChange::Snapshot {
            digest: from_word(event.digest)?,
            time: event.time.to::<u64>(),
            previous: event.previous.to::<u64>(),
            market_root: from_word(event.marketRoot)?,
            prices: from_words(&event.prices)?,
        }));
    }
    Ok(None)
}
