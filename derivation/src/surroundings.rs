//! Surroundings of the state: deposits that wait, assets, shapes, markets, snapshots, and the acts
//! of governance.

use std::collections::{BTreeMap, HashMap, VecDeque};

use alloy_primitives::B256;
use subrosa_l1::{Change, Recorded, Validity, history::RegisteredAsset};
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, AssetTree},
    batch::Shape,
    encoding::fr_to_bytes,
    ledger::Deposit,
    market::{MARKETS, Markets, PriceSnapshot},
};

use crate::difference::{Difference, Place, What};

/// An asset's price feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Feed {
    /// Address of the aggregator.
    pub feed: [u8; 20],
    /// Maximum age of an answer in seconds.
    pub heartbeat: u64,
}

/// A registered shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RegisteredShape {
    /// Its size.
    pub shape: Shape,
    /// Whether governance retired it.
    pub retired: bool,
}

/// A request for a waiting deposit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TakeBack {
    /// Batches of this time or later do not consume the deposit, Unix seconds.
    pub effective: u64,
    /// Whether the deposit was credited to its depositor.
    pub credited: bool,
}

/// Everything that L1 recorded besides the state.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Deposits that no batch consumed yet, oldest first.
    pub(crate) waiting: VecDeque<Deposit>,
    pub(crate) queued: u64,
    /// Requests for waiting deposits, by index.
    pub(crate) take_backs: BTreeMap<u64, TakeBack>,
    /// First index and number of the deposits that the next batch consumed, by the vault's event,
    /// which precedes that of the batch.
    pub(crate) consumed: Option<(u64, u64)>,
    /// keccak256 of the chain before, the words' hash and the new state, at each batch.
    pub(crate) data_chain: B256,
    pub(crate) assets: AssetTree,
    pub(crate) shapes: BTreeMap<u32, RegisteredShape>,
    pub(crate) markets: Markets,
    /// When each snapshot was the last one, by digest.
    pub(crate) snapshots: HashMap<[u8; 32], Validity>,
    pub(crate) latest: Option<PriceSnapshot>,
    pub(crate) feeds: BTreeMap<AssetId, Feed>,
    pub(crate) sequencer: [u8; 20],
    pub(crate) guardian: [u8; 20],
    /// Time before which the vault refuses deposits, Unix seconds.
    pub(crate) deposits_paused_until: u64,
    /// Time of the last batch, Unix seconds.
    pub(crate) last_time: u64,
    /// When the last batch's snapshot was taken, Unix seconds.
    pub(crate) last_taken: u64,
}

impl Surroundings {
    /// Returns what the contracts hold when they are deployed.
    pub(crate) fn genesis() -> Self {
        // The digest 0 stands for the time before the first snapshot.
        let none = Validity {
            taken: 1,
            superseded: None,
        };
        Self {
            waiting: VecDeque::new(),
            queued: 0,
            take_backs: BTreeMap::new(),
            consumed: None,
            data_chain: B256::ZERO,
            assets: AssetTree::new(),
            shapes: BTreeMap::new(),
            markets: Markets::default(),
            snapshots: HashMap::from([(fr_to_bytes(&Fr::from(0u64)), none)]),
            latest: None,
            feeds: BTreeMap::new(),
            sequencer: [0; 20],
            guardian: [0; 20],
            deposits_paused_until: 0,
            last_time: 0,
            last_taken: 0,
        }
    }

    /// Returns the deposits that no batch consumed yet, oldest first.
    pub fn waiting_deposits(&self) -> impl ExactSizeIterator<Item = &Deposit> + '_ {
        self.waiting.iter()
    }

    /// Returns the requests for waiting deposits, by index.
    #[must_use]
    pub fn take_backs(&self) -> &BTreeMap<u64, TakeBack> {
        &self.take_backs
    }

    /// Returns the index of the next deposit that a batch consumes.
    pub(crate) fn next_deposit(&self) -> u64 {
        self.queued - self.waiting.len() as u64
    }

    /// Returns the number of deposits ever queued.
    #[must_use]
    pub fn queued_deposits(&self) -> u64 {
        self.queued
    }

    /// Returns the registered assets.
    #[must_use]
    pub fn assets(&self) -> &AssetTree {
        &self.assets
    }

    /// Returns the shapes that were ever registered, by id.
    #[must_use]
    pub fn shapes(&self) -> &BTreeMap<u32, RegisteredShape> {
        &self.shapes
    }

    /// Returns the sizes that batches can have, in rising order.
    #[must_use]
    pub fn active_shapes(&self) -> Vec<Shape> {
        let active = self.shapes.values().filter(|known| !known.retired);
        let mut sizes: Vec<Shape> = active.map(|known| known.shape).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// Returns the markets.
    #[must_use]
    pub fn markets(&self) -> &Markets {
        &self.markets
    }

    /// Returns the newest price snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Option<&PriceSnapshot> {
        self.latest.as_ref()
    }

    /// Returns when the snapshot with this digest was the last one. The digest 0 stands for the
    /// time before the first.
    #[must_use]
    pub fn snapshot_validity(&self, digest: &Fr) -> Option<Validity> {
        self.snapshots.get(&fr_to_bytes(digest)).copied()
    }

    /// Returns the price feeds, by asset.
    #[must_use]
    pub fn feeds(&self) -> &BTreeMap<AssetId, Feed> {
        &self.feeds
    }

    /// Returns the account that may submit batches.
    #[must_use]
    pub fn sequencer(&self) -> [u8; 20] {
        self.sequencer
    }

    /// Returns the account that may pause deposits.
    #[must_use]
    pub fn guardian(&self) -> [u8; 20] {
        self.guardian
    }

    /// Whether the vault refuses deposits at this time, in Unix seconds.
    #[must_use]
    pub fn deposits_paused(&self, time: u64) -> bool {
        time < self.deposits_paused_until
    }

    /// Returns the time of the last batch, in Unix seconds; 0 before the first.
    #[must_use]
    pub fn last_time(&self) -> u64 {
        self.last_time
    }

    /// Applies a change other than a batch.
    pub(crate) fn apply(&mut self, recorded: &Recorded) -> Result<(), Box<Difference>> {
        let place = Place::of(recorded);
        match &recorded.change {
            Change::Batch(_) => {}
            Change::Deposit { index, deposit, .. } => {
                place.same(What::DepositIndex, &self.queued, index)?;
                self.waiting.push_back(*deposit);
                self.queued += 1;
            }
            // It follows the deposit in one transaction.
            Change::DepositNamed { index, name } => {
                let last = self.queued.checked_sub(1);
                place.same(What::DepositIndex, &last, &Some(*index))?;
                let inner = self.waiting.back().map(|deposit| deposit.inner);
                place.same(What::DepositOwner, &inner, &Some(name.inner()))?;
            }
            Change::Consumed { first, count } => {
                place.same(What::ConsumedDeposits, &self.consumed, &None)?;
                self.consumed = Some((*first, *count));
            }
            Change::TakeBackRequested { index, effective } => {
                let waits = (self.next_deposit()..self.queued).contains(index);
                let request = TakeBack {
                    effective: *effective,
                    credited: false,
                };
                if !waits || self.take_backs.insert(*index, request).is_some() {
                    return Err(place.differs(What::TakeBack, "a waiting deposit", index));
                }
            }
            // Before the batch's own event if a batch passes over the deposit.
            Change::DepositTakenBack { index } => match self.take_backs.get_mut(index) {
                Some(request) if !request.credited => request.credited = true,
                _ => return Err(place.differs(What::TakeBack, "a request", index)),
            },
            Change::Asset { asset, root } => self.change_asset(&place, asset, root)?,
            Change::Shape { id, shape } => {
                let known = RegisteredShape {
                    shape: *shape,
                    retired: false,
                };
                if self.shapes.insert(*id, known).is_some() {
                    return Err(place.differs(What::Shape, "a new id", id));
                }
            }
            Change::ShapeRetired { id } => match self.shapes.get_mut(id) {
                Some(known) if !known.retired => known.retired = true,
                _ => return Err(place.differs(What::Shape, "a registered id", id)),
            },
            Change::Sequencer(account) => self.sequencer = *account,
            Change::Guardian(account) => self.guardian = *account,
            Change::DepositsPaused(until) => self.deposits_paused_until = *until,
            Change::Market { id, word, root } => self.change_market(&place, *id, word, root)?,
            Change::Feed {
                asset,
                feed,
                heartbeat,
            } => {
                let feed = Feed {
                    feed: *feed,
                    heartbeat: *heartbeat,
                };
                self.feeds.insert(*asset, feed);
            }
            Change::FeedRemoved { asset } => {
                self.feeds.remove(asset);
            }
            Change::Snapshot {
                digest,
                time,
                previous,
                market_root,
                prices,
            } => {
                place.same_word(What::MarketsRoot, &self.markets.root(), market_root)?;
                let prices = PriceSnapshot::prices_from_words(prices)
                    .map_err(|e| place.differs(What::Snapshot, "price words", e))?;
                let snapshot = PriceSnapshot {
                    time: *time,
                    previous: *previous,
                    markets: self.markets,
                    prices,
                };
                place.same_word(What::Snapshot, &snapshot.digest(), digest)?;
                let last = self.latest.as_ref();
                let before = last.map_or(0, |last| last.time);
                place.same(What::Snapshot, &before, previous)?;
                let last = last.map_or(Fr::from(0u64), PriceSnapshot::digest);
                if let Some(last) = self.snapshots.get_mut(&fr_to_bytes(&last)) {
                    last.superseded = Some(*time);
                }
                let validity = Validity {
                    taken: *time,
                    superseded: None,
                };
                self.snapshots.insert(fr_to_bytes(digest), validity);
                self.latest = Some(snapshot);
            }
        }
        Ok(())
    }

    fn change_asset(
        &mut self,
        place: &Place,
        asset: &RegisteredAsset,
        root: &Fr,
    ) -> Result<(), Box<Difference>> {
        let info = match asset {
            RegisteredAsset::New(info) => {
                place.same(What::AssetId, &self.assets.len(), &usize::from(info.id.0))?;
                *info
            }
            RegisteredAsset::Auditor { id, auditor } => {
                let known = self.assets.get(*id);
                let known =
                    known.ok_or_else(|| place.differs(What::AssetId, "a registered id", id))?;
                AssetInfo {
                    auditor: *auditor,
                    ..*known
                }
            }
            RegisteredAsset::Stop { id, stop } => {
                let known = self.assets.get(*id);
                let known =
                    known.ok_or_else(|| place.differs(What::AssetId, "a registered id", id))?;
                AssetInfo {
                    stop: *stop,
                    ..*known
                }
            }
        };
        self.assets.insert(info);
        place.same_word(What::AssetsRoot, &self.assets.root(), root)
    }

    fn change_market(
        &mut self,
        place: &Place,
        id: u8,
        word: &Fr,
        root: &Fr,
    ) -> Result<(), Box<Difference>> {
        let mut words = self.markets.words();
        let Some(known) = words.get_mut(usize::from(id)) else {
            return Err(place.differs(What::Market, format!("a number below {MARKETS}"), id));
        };
        *known = *word;
        self.markets = Markets::from_words(&words)
            .map_err(|e| place.differs(What::Market, "the word of a market", e))?;
        place.same_word(What::MarketsRoot, &self.markets.root(), root)
    }
}
