//! The price snapshots of the chain, followed in the log of its oracle (spec: *Collateral*, Markets
//! and prices).
//!
//! Each poll reads the newest blocks again, so that a snapshot that the chain takes back is
//! forgotten here. Nothing in the log is trusted: a snapshot is known only if its digest is the
//! digest of its contents, and its markets are those to which the log led.

use std::{collections::HashSet, sync::Arc};

use subrosa_protocol::{
    Fr,
    market::{MARKETS, Markets, PriceSnapshot},
};

use crate::{
    ports::{Head, OracleChange, OracleEvent, OracleLog, Validity},
    wire::{Word, word},
};

/// Number of blocks that are read again. A reorganisation takes back fewer.
const DEPTH: u64 = 128;

/// Seconds for which a snapshot is kept after the chain recorded a later one.
pub(crate) const KEPT: u64 = 60 * 60;

/// Seconds after a newer snapshot for which the next batch keeps its own, because submissions rely
/// on it. It is half the time after which the chain refuses it.
const PATIENCE: u64 = Validity::LAG / 2;

/// The reason why a log cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogError {
    /// The chain was reorganised and has not caught up, or the node lags behind.
    #[error(
        "the L1 node knows fewer blocks than before; it lags behind, or the chain was reorganised"
    )]
    Behind,
    /// The log ends before the block from which it should be read on, and yet is later: what was
    /// read before is of another chain, and its block numbers would bar all that follow.
    #[error("the log of the price oracle was read from another chain before; it is read anew")]
    Foreign,
    /// Events are missing, or belong to other blocks than those asked for.
    #[error("the log of the price oracle does not lead to the markets of its snapshots")]
    Markets,
    /// The blocks are out of order, or are not those asked for.
    #[error("the log of the price oracle is out of order")]
    Order,
}

/// The place in the oracle's log from which the next poll reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OracleCursor {
    /// First block to read.
    pub from: u64,
    /// Words of the markets before that block.
    pub words: [Fr; MARKETS],
}

impl Default for OracleCursor {
    /// Returns the start of the chain, where there are no markets.
    fn default() -> Self {
        Self {
            from: 0,
            words: [Fr::from(0u64); MARKETS],
        }
    }
}

/// A verified snapshot with its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KnownSnapshot {
    /// Block of the snapshot.
    pub(crate) block: u64,
    /// Position among the oracle's events of the block.
    pub(crate) place: u32,
    /// Digest of the snapshot.
    pub(crate) id: Word,
    /// The snapshot.
    pub(crate) snapshot: Arc<PriceSnapshot>,
}

impl KnownSnapshot {
    fn at(&self) -> (u64, u32) {
        (self.block, self.place)
    }
}

/// The price snapshot of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Prices {
    /// Digest of the snapshot; 0 before the first.
    pub(crate) digest: Fr,
    /// Its time, Unix seconds.
    pub(crate) time: u64,
}

/// The chain's price oracle as far as it was followed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Oracle {
    /// Place from which the log is read on.
    cursor: OracleCursor,
    /// The cursor in the store.
    stored: OracleCursor,
    /// Newest block of the log; `None` before it was read.
    head: Option<Head>,
    /// Snapshots in the order of the log.
    known: Vec<KnownSnapshot>,
}

impl Oracle {
    /// Restores the oracle from the store.
    pub(crate) fn restored(cursor: OracleCursor, mut known: Vec<KnownSnapshot>) -> Self {
        known.sort_by_key(KnownSnapshot::at);
        Self {
            cursor,
            stored: cursor,
            head: None,
            known,
        }
    }

    /// Whether the stored cursor leads to other markets, or lies at least `blocks` blocks behind.
    pub(crate) fn is_ahead(&self, blocks: u64) -> bool {
        let behind = self.cursor.from.saturating_sub(self.stored.from);
        self.cursor.words != self.stored.words || behind >= blocks
    }

    /// Notes that the cursor is on disk.
    pub(crate) fn stored(&mut self) {
        self.stored = self.cursor;
    }

    /// Returns the place from which the log is read on.
    pub(crate) fn cursor(&self) -> &OracleCursor {
        &self.cursor
    }

    /// Returns all known snapshots in the order of the log.
    pub(crate) fn known(&self) -> &[KnownSnapshot] {
        &self.known
    }

    /// Returns the snapshot with this digest.
    pub(crate) fn get(&self, id: &Word) -> Option<&PriceSnapshot> {
        let found = self.known.iter().find(|known| known.id == *id);
        found.map(|known| &*known.snapshot)
    }

    /// Returns when a known snapshot was the last one.
    pub(crate) fn validity(&self, id: &Word) -> Option<Validity> {
        let place = self.known.iter().position(|known| known.id == *id)?;
        let next = self.known.get(place + 1);
        Some(Validity {
            taken: self.known[place].snapshot.time,
            superseded: next.map(|next| next.snapshot.time),
        })
    }

    /// Whether the log was read since the sequencer started, up to a block that is at most a moment
    /// older than a block of time `timestamp`. Otherwise there may be newer prices than those known
    /// here, and a batch would bring old ones into the history.
    pub(crate) fn is_followed(&self, timestamp: u64) -> bool {
        let moment = |head: Head| head.timestamp.saturating_add(PATIENCE);
        self.head.is_some_and(|head| moment(head) >= timestamp)
    }

    /// Returns the prices that the next batch may have at the chain's time `clock`, the best first:
    /// of the snapshots with `confirmations`, the newest, and those before it that a newer one has
    /// superseded a moment ago. None is before `last`, the last batch's, which needs no
    /// confirmations. Before the first snapshot there are none: the digest is 0. Until the log is
    /// read, all stored snapshots count as confirmed.
    pub(crate) fn candidates(&self, confirmations: u64, last: &Fr, clock: u64) -> Vec<Prices> {
        let head = self.head.map_or(u64::MAX, |head| head.number);
        let ripe = self.known.partition_point(|known| {
            known.block.saturating_add(confirmations) <= head.saturating_add(1)
        });
        let id = word(last);
        let floor = self.known.iter().position(|known| known.id == id);
        let first = floor.unwrap_or(0);
        let mut found = Vec::new();
        let mut until = u64::MAX;
        for known in self.known[first..ripe.max(floor.map_or(0, |at| at + 1))]
            .iter()
            .rev()
        {
            if until.saturating_add(PATIENCE) < clock {
                return found;
            }
            found.push(Prices {
                digest: known.snapshot.digest(),
                time: known.snapshot.time,
            });
            until = known.snapshot.time;
        }
        if floor.is_none() && until.saturating_add(PATIENCE) >= clock {
            found.push(Prices::default());
        }
        found
    }

    /// Returns this oracle with the cursor at the start of the chain, so that the next poll derives
    /// the markets again.
    pub(crate) fn anew(&self) -> Self {
        Self {
            cursor: OracleCursor::default(),
            ..self.clone()
        }
    }

    /// Returns this oracle with the cursor at the start of the chain and without the block numbers of
    /// another chain. It is not followed until the log is read.
    pub(crate) fn astray(&self) -> Self {
        Self {
            head: None,
            ..self.anew()
        }
    }

    /// Follows a log that starts at the cursor's block, at the chain's time `clock`. Returns the
    /// oracle after the log, and the number of snapshots in the log that failed verification.
    ///
    /// # Errors
    /// [`LogError`] if the log cannot be followed.
    pub(crate) fn follow(&self, log: &OracleLog, clock: u64) -> Result<(Self, usize), LogError> {
        match self.head {
            Some(head) if log.head.number < head.number => {
                return Err(if log.head.timestamp > head.timestamp {
                    LogError::Foreign
                } else {
                    LogError::Behind
                });
            }
            None if log.head.number < self.cursor.from => return Err(LogError::Foreign),
            _ => {}
        }
        let first = self.cursor.from;
        let from = first.max(log.head.number.saturating_sub(DEPTH));
        let kept = self.known.partition_point(|known| known.block < first);
        let mut known = self.known[..kept].to_vec();
        let mut markets = Folded::new(self.cursor.words);
        let mut settled = self.cursor.words;
        let mut refused = 0;
        let mut at = (first, 0);
        for event in &log.events {
            if event.block < at.0 {
                return Err(LogError::Order);
            }
            if event.block > at.0 {
                at = (event.block, 0);
            }
            match self.read(event, at, clock, &mut markets)? {
                Found::Nothing => {}
                Found::Forged => refused += 1,
                Found::Snapshot(snapshot) => {
                    // Two equal snapshots in one block are one.
                    let block = known.partition_point(|known| known.block < event.block);
                    if !known[block..].iter().any(|known| known.id == snapshot.id) {
                        known.push(snapshot);
                    }
                }
            }
            if event.block < from {
                settled = markets.words;
            }
            at.1 += 1;
        }
        let next = Self {
            cursor: OracleCursor {
                from,
                words: settled,
            },
            stored: self.stored,
            head: Some(log.head),
            known,
        };
        Ok((next, refused))
    }

    /// Applies an event to the markets, or verifies its snapshot.
    fn read(
        &self,
        event: &OracleEvent,
        at: (u64, u32),
        clock: u64,
        markets: &mut Folded,
    ) -> Result<Found, LogError> {
        let (digest, [time, previous], market_root, prices) = match event.change {
            OracleChange::Market { id, word } => {
                markets.set(id, word)?;
                return Ok(Found::Nothing);
            }
            OracleChange::Snapshot {
                digest,
                time,
                previous,
                market_root,
                prices,
            } => (digest, [time, previous], market_root, prices),
        };
        let id = word(&digest);
        let found = |snapshot| {
            Found::Snapshot(KnownSnapshot {
                block: at.0,
                place: at.1,
                id,
                snapshot,
            })
        };
        if let Some(before) = self.find(at, &id) {
            return Ok(found(before.snapshot.clone()));
        }
        if time > clock {
            // It belongs to a block after the node's newest; a later poll reads it.
            return Ok(Found::Nothing);
        }
        let markets = markets.under(&market_root)?;
        let snapshot = PriceSnapshot::prices_from_words(&prices)
            .ok()
            .map(|prices| PriceSnapshot {
                time,
                previous,
                markets,
                prices,
            })
            .filter(|snapshot| snapshot.digest() == digest);
        Ok(snapshot.map_or(Found::Forged, |snapshot| found(Arc::new(snapshot))))
    }

    /// Whether this snapshot is known at this place.
    pub(crate) fn holds(&self, known: &KnownSnapshot) -> bool {
        self.find(known.at(), &known.id).is_some()
    }

    fn find(&self, at: (u64, u32), id: &Word) -> Option<&KnownSnapshot> {
        let place = self
            .known
            .binary_search_by_key(&at, KnownSnapshot::at)
            .ok()?;
        self.known.get(place).filter(|known| known.id == *id)
    }

    /// Returns the snapshots that a later one followed longer than [`KEPT`] ago, and whose blocks
    /// are not read again.
    pub(crate) fn outdated(&self, clock: u64) -> HashSet<Word> {
        let pairs = self.known.windows(2);
        pairs
            .filter(|pair| {
                let until = pair[1].snapshot.time.saturating_add(KEPT);
                until < clock && pair[0].block < self.cursor.from
            })
            .map(|pair| pair[0].id)
            .collect()
    }

    /// Forgets the snapshots with these digests.
    pub(crate) fn forget(&mut self, ids: &HashSet<Word>) {
        self.known.retain(|known| !ids.contains(&known.id));
    }
}

/// The content of one event.
enum Found {
    /// No snapshot, or one that is not due yet.
    Nothing,
    /// A snapshot whose digest is not the digest of its contents.
    Forged,
    /// A verified snapshot.
    Snapshot(KnownSnapshot),
}

/// The markets to which the log has led so far.
struct Folded {
    words: [Fr; MARKETS],
    /// Markets and root of the words; computed when they are first needed.
    hashed: Option<(Markets, Fr)>,
}

impl Folded {
    fn new(words: [Fr; MARKETS]) -> Self {
        Self {
            words,
            hashed: None,
        }
    }

    fn set(&mut self, id: u8, word: Fr) -> Result<(), LogError> {
        let place = self.words.get_mut(usize::from(id));
        *place.ok_or(LogError::Markets)? = word;
        self.hashed = None;
        Ok(())
    }

    /// Returns the markets if their root is `root`.
    fn under(&mut self, root: &Fr) -> Result<Markets, LogError> {
        let (markets, found) = match self.hashed {
            Some(hashed) => hashed,
            None => {
                let markets = Markets::from_words(&self.words).map_err(|_| LogError::Markets)?;
                *self.hashed.insert((markets, markets.root()))
            }
        };
        if found == *root {
            Ok(markets)
        } else {
            Err(LogError::Markets)
        }
    }
}

#[cfg(test)]
mod tests;
