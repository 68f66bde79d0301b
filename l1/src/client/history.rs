//! The contracts' events, and the calldata of batches.

use alloy_primitives::B256;
use alloy_sol_types::{SolCall, SolEvent};
use subrosa_protocol::{
    asset::{AssetId, AssetInfo, Stop},
    batch::BatchHeader,
    element::OwnerId,
};

use super::{
    Client,
    oracle::oracle_change,
    queue::deposit_of,
    reads::auditor,
    rollup::{STEP, shape_of},
};
use crate::{
    contracts::{AssetRegistry, PriceOracle, Rollup, Vault},
    error::L1Error,
    history::{BatchRecord, Change, Recorded, RegisteredAsset, Submission},
    transport::{FoundLog, LogQuery, Transport},
    view::{DepositName, OracleChange},
    words::from_word,
};

impl<T: Transport> Client<T> {
    pub(super) async fn read_history(&self, from: u64, to: u64) -> Result<Vec<Recorded>, L1Error> {
        let contracts = self.contracts;
        let (rollup, vault, registry) = (contracts.rollup, contracts.vault, contracts.registry);
        let oracle = self.oracle().await?;
        let mut recorded = Vec::new();
        let mut from = from.max(contracts.deployed_at);
        while from <= to {
            let last = to.min(from.saturating_add(STEP - 1));
            let query = LogQuery {
                addresses: vec![rollup, vault, registry, oracle],
                topics: Vec::new(),
                from,
                to: last,
            };
            for found in self.transport.logs(query).await? {
                let address = found.log.address;
                let change = match address {
                    _ if address == rollup => rollup_change(&found)?,
                    _ if address == vault => vault_change(&found)?,
                    _ if address == registry => registry_change(&found)?,
                    _ => price_change(&found)?,
                };
                if let Some(change) = change {
                    recorded.push(Recorded {
                        block: found.block,
                        block_hash: found.block_hash,
                        transaction: found.transaction,
                        change,
                    });
                }
            }
            if last == u64::MAX {
                break;
            }
            from = last + 1;
        }
        Ok(recorded)
    }

    pub(super) async fn read_submission(
        &self,
        transaction: B256,
        block: B256,
    ) -> Result<Submission, L1Error> {
        let calldata = self.transport.calldata(transaction, Some(block)).await?;
        let calldata = calldata.ok_or_else(|| {
            // A node that lags, or a reorganisation between the two reads: ask again later.
            L1Error::Unavailable("the transaction of a settled batch is not there yet".into())
        })?;
        let call = Rollup::submitBatchCall::abi_decode(&calldata)
            .map_err(|e| L1Error::Odd(format!("submitBatch: {e}")))?;
        let h = &call.header;
        let header = BatchHeader {
            context: Default::default(),
            assets_root: from_word(h.assetsRoot)?,
            time: h.time.to::<u64>(),
            transactions: h.transactions,
            deposits: h.deposits,
            fee_asset: AssetId(h.feeAsset),
            fee_recipient: h.feeRecipient.into_array(),
            fee_total: h.feeTotal,
            first_deposit: h.firstDeposit,
            oracle: from_word(h.oracle)?,
            batch_index: h.batchIndex,
            start: h.start,
        };
        Ok(Submission {
            shape: h.shape,
            header,
            old_state: from_word(h.oldState)?,
            new_state: from_word(call.newState)?,
            data_commitment: from_word(call.dataCommitment)?,
            deposits_data: call.depositsData,
            slots_data: call.slotsData,
            withdrawals_data: call.withdrawalsData,
            proof: call.proof,
        })
    }
}

/// Decodes the event if the log holds it.
fn event<E: SolEvent>(found: &FoundLog) -> Result<Option<E>, L1Error> {
    if found.log.topics().first() != Some(&E::SIGNATURE_HASH) {
        return Ok(None);
    }
    match E::decode_log(&found.log) {
        Ok(log) => Ok(Some(log.data)),
        Err(e) => Err(L1Error::Odd(format!("{}: {e}", E::SIGNATURE))),
    }
}

fn rollup_change(found: &FoundLog) -> Result<Option<Change>, L1Error> {
    if let Some(e) = event::<Rollup::BatchAccepted>(found)? {
        return Ok(Some(Change::Batch(BatchRecord {
            index: e.batchIndex,
            new_state: from_word(e.newState)?,
            old_state: from_word(e.oldState)?,
            shape: e.shape,
            time: e.time.to::<u64>(),
            transactions: e.transactions,
            deposits: e.deposits,
            first_deposit: e.firstDeposit,
            data_commitment: from_word(e.dataCommitment)?,
            words_hash: e.wordsHash.0,
        })));
    }
    if let Some(e) = event::<Rollup::ShapeRegistered>(found)? {
        let (id, shape) = (e.shape, shape_of(e.slots)?);
        return Ok(Some(Change::Shape { id, shape }));
    }
    if let Some(e) = event::<Rollup::ShapeRetired>(found)? {
        return Ok(Some(Change::ShapeRetired { id: e.shape }));
    }
    let sequencer = event::<Rollup::SequencerChanged>(found)?;
    Ok(sequencer.map(|e| Change::Sequencer(e.sequencer.into_array())))
}

fn vault_change(found: &FoundLog) -> Result<Option<Change>, L1Error> {
    if let Some(e) = event::<Vault::DepositQueued>(found)? {
        return Ok(Some(Change::Deposit {
            index: e.index,
            depositor: e.depositor.into_array(),
            deposit: deposit_of(&e)?,
        }));
    }
    if let Some(e) = event::<Vault::DepositNamed>(found)? {
        return Ok(Some(Change::DepositNamed {
            index: e.index,
            name: DepositName {
                owner: OwnerId::new(from_word(e.owner)?),
                rcm: from_word(e.rcm)?,
            },
        }));
    }
    if let Some(e) = event::<Vault::DepositsConsumed>(found)? {
        let (first, count) = (e.first, e.count);
        return Ok(Some(Change::Consumed { first, count }));
    }
    if let Some(e) = event::<Vault::TakeBackRequested>(found)? {
        return Ok(Some(Change::TakeBackRequested {
            index: e.index,
            effective: e.effective.to::<u64>(),
        }));
    }
    if let Some(e) = event::<Vault::DepositTakenBack>(found)? {
        return Ok(Some(Change::DepositTakenBack { index: e.index }));
    }
    if let Some(e) = event::<Vault::DepositsPaused>(found)? {
        return Ok(Some(Change::DepositsPaused(e.until.to::<u64>())));
    }
    let guardian = event::<Vault::GuardianChanged>(found)?;
    Ok(guardian.map(|e| Change::Guardian(e.guardian.into_array())))
}

fn registry_change(found: &FoundLog) -> Result<Option<Change>, L1Error> {
    if let Some(e) = event::<AssetRegistry::AssetRegistered>(found)? {
        let info = AssetInfo {
            id: AssetId(e.asset),
            token: e.token.into_array(),
            flags: e.flags,
            auditor: auditor(e.auditorX, e.auditorY)?,
            stop: Stop::default(),
        };
        return Ok(Some(Change::Asset {
            asset: RegisteredAsset::New(info),
            root: from_word(e.root)?,
        }));
    }
    if let Some(e) = event::<AssetRegistry::SeizuresStopped>(found)? {
        return Ok(Some(Change::Asset {
            asset: RegisteredAsset::Stop {
                id: AssetId(e.asset),
                stop: Stop {
                    markets: e.markets,
                    from_minute: e.fromMinute,
                    minutes: e.length,
                },
            },
            root: from_word(e.root)?,
        }));
    }
    let Some(e) = event::<AssetRegistry::AuditorRotated>(found)? else {
        return Ok(None);
    };
    Ok(Some(Change::Asset {
        asset: RegisteredAsset::Auditor {
            id: AssetId(e.asset),
            auditor: auditor(e.auditorX, e.auditorY)?,
        },
        root: from_word(e.root)?,
    }))
}

fn price_change(found: &FoundLog) -> Result<Option<Change>, L1Error> {
    if let Some(e) = event::<PriceOracle::FeedSet>(found)? {
        return Ok(Some(Change::Feed {
            asset: AssetId(e.asset),
            feed: e.feed.into_array(),
            heartbeat: e.heartbeat.to::<u64>(),
        }));
    }
    if let Some(e) = event::<PriceOracle::FeedRemoved>(found)? {
        let asset = AssetId(e.asset);
        return Ok(Some(Change::FeedRemoved { asset }));
    }
    if let Some(e) = event::<PriceOracle::MarketSet>(found)? {
        return Ok(Some(Change::Market {
            id: e.id,
            word: from_word(e.word)?,
            root: from_word(e.root)?,
        }));
    }
    Ok(match oracle_change(found)? {
        Some(OracleChange::Snapshot {
            digest,
            time,
            previous,
            market_root,
            prices,
        }) => Some(Change::Snapshot {
            digest,
            time,
            previous,
            market_root,
            prices,
        }),
        _ => None,
    })
}
