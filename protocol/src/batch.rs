//! Batches: shapes, data words, and the witness of a state transition (spec: *Batch*).

mod codec;
mod posted;
mod published;

use ark_bn254::Fr;
use ark_ff::PrimeField;
use serde::{Deserialize, Serialize};
use sha3::{Digest, Keccak256};

use crate::asset::AssetId;
use crate::domain::Domain;
use crate::encoding::{CodecError, fr_to_bytes, fr_to_u128};
use crate::layout::{batch_word, info, slot_word, word};
use crate::poseidon::hash;
use crate::state::State;
use crate::transaction::WORDS;
use crate::tree::{DEPTH, MerklePath};

pub use crate::nullifier_tree::LinkWitness;
pub use crate::transaction::PublishedTransaction;
pub use posted::PostedDeposit;
pub use published::{DATA_LEN, PublishedBatch, WITHDRAWAL_LEN};

/// Number of data words before the deposits.
pub const HEADER_WORDS: usize = batch_word::COUNT;

/// Number of data words of a transaction slot.
pub const SLOT_WORDS: usize = slot_word::COUNT;

/// Number of transaction slots, which is also the number of deposit slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// 4 slots.
    S4,
    /// 16 slots.
    S16,
    /// 64 slots.
    S64,
}

impl Shape {
    /// All shapes, smallest first.
    pub const ALL: [Self; 3] = [Self::S4, Self::S16, Self::S64];

    /// Returns the number N of slots.
    #[must_use]
    pub const fn slots(self) -> usize {
        match self {
            Self::S4 => 4,
            Self::S16 => 16,
            Self::S64 => 64,
        }
    }

    /// Returns the shape with this number of slots.
    #[must_use]
    pub const fn from_slots(slots: usize) -> Option<Self> {
        match slots {
            4 => Some(Self::S4),
            16 => Some(Self::S16),
            64 => Some(Self::S64),
            _ => None,
        }
    }

    /// Returns the smallest shape that holds this many transactions and deposits.
    #[must_use]
    pub fn fitting(transactions: usize, deposits: usize) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|shape| transactions.max(deposits) <= shape.slots())
    }

    /// Returns the number W(N) = 8 + 2N + 24N of data words.
    #[must_use]
    pub const fn words_len(self) -> usize {
        HEADER_WORDS + (batch_word::DEPOSIT_COUNT + SLOT_WORDS) * self.slots()
    }

    /// Returns the number 4N of leaves that a batch appends to the note tree and to the nullifier
    /// tree.
    #[must_use]
    pub const fn leaves(self) -> usize {
        4 * self.slots()
    }

    /// Returns the height of the subtree that a batch appends: 4^height = 4N.
    #[must_use]
    pub const fn subtree_level(self) -> usize {
        (self.leaves().trailing_zeros() / 2) as usize
    }

    /// Returns the index of the first leaf that a batch appends: the leaf count rounded up to a
    /// multiple of 4N.
    #[must_use]
    pub const fn start(self, leaf_count: u64) -> u64 {
        leaf_count.next_multiple_of(self.leaves() as u64)
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.slots().fmt(f)
    }
}

/// Header of a batch: its first eight data words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchHeader {
    /// Context word of the deployment.
    #[serde(with = "crate::encoding::serde_fr")]
    pub context: Fr,
    /// Root of the asset tree.
    #[serde(with = "crate::encoding::serde_fr")]
    pub assets_root: Fr,
    /// Unix time in seconds, below 2⁴⁰.
    pub time: u64,
    /// Number of active transaction slots.
    pub transactions: u16,
    /// Number of active deposit slots.
    pub deposits: u16,
    /// Asset of all fees.
    pub fee_asset: AssetId,
    /// L1 account credited with the fees.
    #[serde(with = "crate::encoding::serde_bytes")]
    pub fee_recipient: [u8; 20],
    /// Sum of the fees.
    pub fee_total: u128,
    /// Index of the first deposit in the vault's queue: the old state's deposit count.
    pub first_deposit: u64,
    /// Digest of the price snapshot in the batch's anchors; 0 before L1 has taken one.
    #[serde(with = "crate::encoding::serde_fr")]
    pub oracle: Fr,
    /// Index of the batch: the old state's batch index.
    pub batch_index: u64,
    /// Index of the first leaf that the batch appends.
    pub start: u64,
}

impl BatchHeader {
    /// Bits of the time.
    pub const TIME_BITS: u32 = info::TIME.width as u32;

    /// Place of a slot's deposit within the four leaves of the slot.
    pub const DEPOSIT_PLACE: usize = 3;

    /// Returns the leaf index, in the note tree, of output `place` (0, 1, 2) of a slot or of its
    /// deposit ([`BatchHeader::DEPOSIT_PLACE`]).
    #[must_use]
    pub fn leaf_index(&self, slot: usize, place: usize) -> u64 {
        self.start + 4 * slot as u64 + place as u64
    }

    /// Returns word 2: pack(time 40, transactions 16, deposits 16, fee asset 16, fee recipient
    /// 160).
    #[must_use]
    pub fn info(&self) -> Fr {
        info::TIME.place(self.time.into())
            + info::TRANSACTIONS.place(self.transactions.into())
            + info::DEPOSITS.place(self.deposits.into())
            + info::FEE_ASSET.place(self.fee_asset.0.into())
            + info::FEE_RECIPIENT.place_address(&self.fee_recipient)
    }

    /// Returns words 0–7.
    #[must_use]
    pub fn words(&self) -> [Fr; HEADER_WORDS] {
        let mut words = [Fr::from(0u64); HEADER_WORDS];
        words[batch_word::CONTEXT] = self.context;
        words[batch_word::ASSETS_ROOT] = self.assets_root;
        words[batch_word::INFO] = self.info();
        words[batch_word::FEE_TOTAL] = Fr::from(self.fee_total);
        words[batch_word::FIRST_DEPOSIT] = Fr::from(self.first_deposit);
        words[batch_word::ORACLE] = self.oracle;
        words[batch_word::BATCH_INDEX] = Fr::from(self.batch_index);
        words[batch_word::START] = Fr::from(self.start);
        words
    }

    /// Reads a header from its words; inverse of [`BatchHeader::words`].
    ///
    /// # Errors
    /// [`CodecError::Overflow`] naming the word that exceeds its width.
    pub fn from_words(words: &[Fr; HEADER_WORDS]) -> Result<Self, CodecError> {
        let packed = &words[batch_word::INFO];
        let header = Self {
            context: words[batch_word::CONTEXT],
            assets_root: words[batch_word::ASSETS_ROOT],
            time: info::TIME.of(packed) as u64,
            transactions: info::TRANSACTIONS.of(packed) as u16,
            deposits: info::DEPOSITS.of(packed) as u16,
            fee_asset: AssetId(info::FEE_ASSET.of(packed) as u16),
            fee_recipient: info::FEE_RECIPIENT.address_of(packed),
            fee_total: narrow(&words[batch_word::FEE_TOTAL], "fee total")?,
            first_deposit: narrow(&words[batch_word::FIRST_DEPOSIT], "first deposit")?,
            oracle: words[batch_word::ORACLE],
            batch_index: narrow(&words[batch_word::BATCH_INDEX], "batch index")?,
            start: narrow(&words[batch_word::START], "start")?,
        };
        if !info::LAYOUT.fits(packed) {
            return Err(CodecError::Overflow { field: "info" });
        }
        Ok(header)
    }
}

/// Reads the integer of a word as a type that may be narrower.
fn narrow<T: TryFrom<u128>>(word: &Fr, field: &'static str) -> Result<T, CodecError> {
    fr_to_u128(word)
        .and_then(|value| value.try_into().ok())
        .ok_or(CodecError::Overflow { field })
}

/// One transaction slot of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotWitness {
    /// Whether the slot holds a transaction.
    pub active: bool,
    /// The 22 words of the transaction; all 0 in an inactive slot.
    pub words: [Fr; WORDS],
    /// Path of the anchor in the history tree with the batch's first anchor; of index 0 in an
    /// inactive slot.
    pub anchor_path: MerklePath<DEPTH>,
    /// Links of the nullifiers; see [`LinkWitness`] for inactive slots.
    pub links: [LinkWitness; 3],
}

impl SlotWitness {
    /// Returns the 17 data words of the slot: words 4, 5 and 7–21.
    #[must_use]
    pub fn data_words(&self) -> [Fr; SLOT_WORDS] {
        data_words_of(&self.words)
    }
}

/// Returns words 4, 5 and 7–21 of a transaction.
#[must_use]
pub fn data_words_of(words: &[Fr; WORDS]) -> [Fr; SLOT_WORDS] {
    let [withdrawal, rest] = word::PUBLISHED;
    let mut published = [Fr::from(0u64); SLOT_WORDS];
    let (head, tail) = published.split_at_mut(withdrawal.len());
    head.copy_from_slice(&words[withdrawal]);
    tail.copy_from_slice(&words[rest]);
    published
}

/// Witness of one state transition, complete for the batch circuit.
///
/// [`crate::ledger::Ledger::execute`] makes true witnesses. The fields are public so that tests can
/// assemble false ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchWitness {
    /// Number of slots.
    pub shape: Shape,
    /// State before.
    pub old: State,
    /// State after.
    pub new: State,
    /// Data words 0–7.
    pub header: BatchHeader,
    /// Data words (packed, inner) of the deposit slots, padded with (0, 0) to N.
    pub deposits: Vec<[Fr; 2]>,
    /// N transaction slots.
    pub slots: Vec<SlotWitness>,
    /// Siblings of the appended nullifier subtree in the old tree, from its root upwards.
    pub nullifier_subtree_path: Vec<[Fr; 3]>,
    /// Siblings of the appended note subtree in the old tree, from its root upwards.
    pub note_subtree_path: Vec<[Fr; 3]>,
    /// Paths of the leaves that take the batch's first and last anchor: the first in the old
    /// history tree, the second in the tree with the first anchor.
    pub history_paths: [MerklePath<DEPTH>; 2],
}

impl BatchWitness {
    /// Returns the W(N) data words.
    #[must_use]
    pub fn data_words(&self) -> Vec<Fr> {
        let mut words = Vec::with_capacity(self.shape.words_len());
        words.extend(self.header.words());
        words.extend(self.deposits.as_flattened());
        for slot in &self.slots {
            words.extend(slot.data_words());
        }
        words
    }

    /// Returns the data commitment c = H(DATA; data words).
    #[must_use]
    pub fn data_commitment(&self) -> Fr {
        data_commitment(&self.data_words())
    }

    /// Returns the challenge z that L1 computes from this batch's words.
    #[must_use]
    pub fn challenge(&self) -> Fr {
        let words = self.data_words();
        challenge(&data_commitment(&words), &words)
    }

    /// Returns the public instances `[old state, new state, c, z, y]` at a challenge z.
    #[must_use]
    pub fn instances(&self, z: &Fr) -> [Fr; 5] {
        let words = self.data_words();
        [
            self.old.commitment(),
            self.new.commitment(),
            data_commitment(&words),
            *z,
            evaluate(&words, z),
        ]
    }

    /// Returns the batch as L1's data states it.
    ///
    /// # Errors
    /// [`CodecError`] if the words do not encode a batch. Witnesses that the ledger made always do.
    pub fn published(&self) -> Result<PublishedBatch, CodecError> {
        PublishedBatch::from_words(self.shape, &self.data_words())
    }
}

/// Returns the data commitment c = H(DATA; words).
#[must_use]
pub fn data_commitment(words: &[Fr]) -> Fr {
    hash(Domain::Data, words)
}

/// Returns the challenge z = keccak256(c ‖ keccak256(words)) mod r, all as 32 bytes big-endian.
#[must_use]
pub fn challenge(c: &Fr, words: &[Fr]) -> Fr {
    let mut inner = Keccak256::new();
    for word in words {
        inner.update(fr_to_bytes(word));
    }
    let outer = Keccak256::new()
        .chain_update(fr_to_bytes(c))
        .chain_update(inner.finalize())
        .finalize();
    Fr::from_be_bytes_mod_order(&outer)
}

/// Returns y = Σ wᵢ·zⁱ.
#[must_use]
pub fn evaluate(words: &[Fr], z: &Fr) -> Fr {
    words
        .iter()
        .rev()
        .fold(Fr::from(0u64), |sum, word| sum * z + word)
}

#[cfg(test)]
mod tests;
