//! The price snapshots of the chain (book: *Collateral*, Markets and prices), followed in the log of its
//! oracle. The newest blocks are read again each time: what the chain takes back is forgotten here. Nothing
//! of the log is believed: a snapshot is known only if its digest is that of its contents, and the markets in
//! it are those that the log led to.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use subrosa_protocol::Fr;
use subrosa_protocol::market::{MARKETS, Markets, Snapshot};

use crate::ports::{OracleChange, OracleLog};
use crate::store::tables::{OracleCursor, PriceSnapshot};
use crate::wire::{Word, word};

/// Blocks that are read again: more than the chain takes back.
const DEPTH: u64 = 128;

/// Seconds for which a snapshot can be named after the chain has taken a later one: an hour. Each that can be named may cost
/// the others a batch.
pub(crate) const KEPT: u64 = 60 * 60;

/// Why a log says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogError {
    /// The chain went back and has not caught up yet, or the node has not.
    #[error("the node that answered knows fewer blocks than one before")]
    Behind,
    /// Events are missing, or not those of the blocks asked for.
    #[error("the log of the price oracle does not lead to the markets of its snapshots")]
    Markets,
    /// The blocks are not in order, or not those asked for.
    #[error("the log of the price oracle is out of order")]
    Order,
}

/// A snapshot with its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    /// Its block.
    pub(crate) block: u64,
    /// Place among the block's events.
    pub(crate) place: u32,
    /// Its digest.
    pub(crate) id: Word,
    /// What it says.
    pub(crate) snapshot: Arc<Snapshot>,
}

impl Known {
    fn at(&self) -> (u64, u32) {
        (self.block, self.place)
    }

    /// As it is stored.
    pub(crate) fn record(&self) -> PriceSnapshot {
        PriceSnapshot {
            block: self.block,
            place: self.place,
            snapshot: *self.snapshot,
        }
    }
}

/// What is known of the chain's price oracle.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Oracle {
    /// Where the log is read on.
    cursor: OracleCursor,
    /// The same, as it is stored.
    stored: OracleCursor,
    /// The newest block seen.
    head: u64,
    /// In order of the log.
    known: Vec<Known>,
}

impl Oracle {
    /// As it was stored.
    pub(crate) fn restored(cursor: OracleCursor, mut known: Vec<Known>) -> Self {
        known.sort_by_key(Known::at);
        Self {
            cursor,
            stored: cursor,
            head: 0,
            known,
        }
    }

    /// Whether the stored cursor would lead to other markets, or is so many blocks behind.
    pub(crate) fn is_ahead(&self, blocks: u64) -> bool {
        let behind = self.cursor.from.saturating_sub(self.stored.from);
        self.cursor.words != self.stored.words || behind >= blocks
    }

    /// The cursor is on disk.
    pub(crate) fn stored(&mut self) {
        self.stored = self.cursor;
    }

    pub(crate) fn cursor(&self) -> &OracleCursor {
        &self.cursor
    }

    pub(crate) fn known(&self) -> &[Known] {
        &self.known
    }

    /// The snapshot that the chain took last.
    pub(crate) fn latest(&self) -> Option<&Known> {
        self.known.last()
    }

    pub(crate) fn knows(&self, id: &Word) -> bool {
        self.known.iter().any(|known| known.id == *id)
    }

    /// All snapshots that may be named, with their times.
    pub(crate) fn times(&self) -> HashMap<Word, u64> {
        let known = self.known.iter();
        known.map(|known| (known.id, known.snapshot.time)).collect()
    }

    /// The same, to be read from the first block on: nothing of the markets is taken for granted.
    pub(crate) fn anew(&self) -> Self {
        Self {
            cursor: OracleCursor::default(),
            ..self.clone()
        }
    }

    /// What is known after a log from the cursor's block on, at the chain's time `clock`, and how many
    /// snapshots of the log are none.
    ///
    /// # Errors
    /// [`LogError`] if the log cannot be followed.
    pub(crate) fn follow(&self, log: &OracleLog, clock: u64) -> Result<(Self, usize), LogError> {
        if log.head.number < self.head {
            return Err(LogError::Behind);
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
            match event.change {
                OracleChange::Market { id, word } => markets.set(id, word)?,
                OracleChange::Snapshot {
                    digest,
                    time,
                    market_root,
                    prices,
                } => {
                    let id = word(&digest);
                    let snapshot = match self.find(at, &id) {
                        Some(before) => Some(before.snapshot.clone()),
                        // Of a block that the node's newest has not reached: another time.
                        None if time > clock => None,
                        None => {
                            let markets = markets.under(&market_root)?;
                            let prices = Snapshot::prices_from_words(&prices).ok();
                            let snapshot = prices.map(|prices| Snapshot {
                                time,
                                markets,
                                prices,
                            });
                            let snapshot = snapshot.filter(|found| found.digest() == digest);
                            refused += usize::from(snapshot.is_none());
                            snapshot.map(Arc::new)
                        }
                    };
                    if let Some(snapshot) = snapshot {
                        // Taken twice in one block it is one.
                        let block = known.partition_point(|known| known.block < event.block);
                        if !known[block..].iter().any(|known| known.id == id) {
                            known.push(Known {
                                block: at.0,
                                place: at.1,
                                id,
                                snapshot,
                            });
                        }
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
            head: log.head.number,
            known,
        };
        Ok((next, refused))
    }

    /// Whether this snapshot is known, at this place.
    pub(crate) fn holds(&self, known: &Known) -> bool {
        self.find(known.at(), &known.id).is_some()
    }

    fn find(&self, at: (u64, u32), id: &Word) -> Option<&Known> {
        let place = self.known.binary_search_by_key(&at, Known::at).ok()?;
        self.known.get(place).filter(|known| known.id == *id)
    }

    /// The snapshots that were followed by others longer than [`KEPT`] ago, and that will not be read again.
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

    /// Forgets snapshots.
    pub(crate) fn forget(&mut self, ids: &HashSet<Word>) {
        self.known.retain(|known| !ids.contains(&known.id));
    }
}

/// Markets as the log leads to them.
struct Folded {
    words: [Fr; MARKETS],
    /// Markets and root of the words, once asked for.
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

    /// The markets, which must have this root.
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
