//! Transactions: words, digest and wire form (spec: *Transaction*).

mod codec;
mod published;

use ark_bn254::Fr;
use serde::{Deserialize, Serialize};

use crate::asset::AssetId;
use crate::domain::Domain;
use crate::element::{Anchor, NoteCommitment, Nullifier, TransactionDigest};
use crate::encoding::{fr_from_address, fr_to_u128};
use crate::encryption::{AuditWords, NoteData, NoteDataError};
use crate::layout::{header, target, word};
use crate::poseidon::hash;
use crate::swap::Side;

pub use crate::encoding::CodecError;
pub use codec::Submission;
pub use published::PublishedTransaction;

/// Number of words of a transaction.
pub const WORDS: usize = word::COUNT;

/// Version of the context word.
const CONTEXT_VERSION: u64 = 2;

/// Kind of a transaction. Values from 5 are reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Kind {
    /// Padding: provable, but never active in a batch.
    NoOp = 0,
    /// Moves value between notes.
    Transfer = 1,
    /// Moves value between notes, and some of it to an L1 address.
    Withdraw = 2,
    /// Side A of a swap: makes the delivery of the terms, and settles only together with side B.
    SwapA = 3,
    /// Side B of a swap.
    SwapB = 4,
}

impl Kind {
    /// Returns the kind of a swap's leg on one side.
    #[must_use]
    pub const fn leg(side: Side) -> Self {
        match side {
            Side::A => Self::SwapA,
            Side::B => Self::SwapB,
        }
    }

    /// Returns the side of a swap's leg. `None` for the other kinds.
    #[must_use]
    pub const fn side(self) -> Option<Side> {
        match self {
            Self::SwapA => Some(Side::A),
            Self::SwapB => Some(Side::B),
            Self::NoOp | Self::Transfer | Self::Withdraw => None,
        }
    }
}

impl TryFrom<u8> for Kind {
    type Error = CodecError;

    fn try_from(value: u8) -> Result<Self, CodecError> {
        match value {
            0 => Ok(Self::NoOp),
            1 => Ok(Self::Transfer),
            2 => Ok(Self::Withdraw),
            3 => Ok(Self::SwapA),
            4 => Ok(Self::SwapB),
            _ => Err(CodecError::Reserved {
                field: "kind",
                value,
            }),
        }
    }
}

/// Word 3: kind, fee and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Header {
    /// Kind of the transaction.
    pub kind: Kind,
    /// Asset in which the fee is paid.
    pub fee_asset: AssetId,
    /// Fee in base units of the fee asset, below 2⁹⁶.
    pub fee: u128,
    /// Last second of Unix time, inclusive, at which a batch may contain the transaction; below
    /// 2⁴⁰.
    pub expiry: u64,
    /// First second of Unix time, inclusive, at which a batch may contain the transaction; below
    /// 2⁴⁰.
    pub not_before: u64,
}

impl Header {
    /// Bits of the fee.
    pub const FEE_BITS: u32 = header::FEE.width as u32;
    /// Bits of the expiry and of `not_before`.
    pub const EXPIRY_BITS: u32 = header::EXPIRY.width as u32;

    /// Makes a header without a lower time bound and checks its ranges.
    ///
    /// # Errors
    /// [`CodecError::Overflow`] if fee or expiry exceed their widths.
    pub fn new(kind: Kind, fee_asset: AssetId, fee: u128, expiry: u64) -> Result<Self, CodecError> {
        let header = Self {
            kind,
            fee_asset,
            fee,
            expiry,
            not_before: 0,
        };
        header.check_range()?;
        Ok(header)
    }

    /// Sets the first second of Unix time at which the transaction is valid.
    ///
    /// # Errors
    /// [`CodecError::Overflow`] if the time exceeds its width.
    pub fn valid_from(mut self, not_before: u64) -> Result<Self, CodecError> {
        self.not_before = not_before;
        self.check_range()?;
        Ok(self)
    }

    /// Checks that fee and times fit their widths.
    ///
    /// # Errors
    /// [`CodecError::Overflow`] naming the field that does not fit.
    pub fn check_range(&self) -> Result<(), CodecError> {
        if !header::FEE.holds(self.fee) {
            return Err(CodecError::Overflow { field: "fee" });
        }
        if !header::EXPIRY.holds(self.expiry.into()) {
            return Err(CodecError::Overflow { field: "expiry" });
        }
        if !header::NOT_BEFORE.holds(self.not_before.into()) {
            return Err(CodecError::Overflow {
                field: "not before",
            });
        }
        Ok(())
    }

    /// Returns pack(kind 8, fee asset 16, fee 96, expiry 40, not before 40).
    ///
    /// The fields must be in range ([`Header::check_range`]); a field out of range spills into its
    /// neighbour.
    #[must_use]
    pub fn pack(&self) -> Fr {
        header::KIND.place(self.kind as u128)
            + header::FEE_ASSET.place(self.fee_asset.0.into())
            + header::FEE.place(self.fee)
            + header::EXPIRY.place(self.expiry.into())
            + header::NOT_BEFORE.place(self.not_before.into())
    }

    /// Reads a header from its word; inverse of [`Header::pack`].
    ///
    /// # Errors
    /// [`CodecError::Reserved`] for a reserved kind, [`CodecError::Overflow`] for bits from 200 up.
    pub fn unpack(word: &Fr) -> Result<Self, CodecError> {
        let kind = Kind::try_from(header::KIND.of(word) as u8)?;
        if !header::LAYOUT.fits(word) {
            return Err(CodecError::Overflow { field: "header" });
        }
        Ok(Self {
            kind,
            fee_asset: AssetId(header::FEE_ASSET.of(word) as u16),
            fee: header::FEE.of(word),
            expiry: header::EXPIRY.of(word) as u64,
            not_before: header::NOT_BEFORE.of(word) as u64,
        })
    }
}

/// Words 4 and 5: a withdrawal from the rollup to L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Withdrawal {
    /// Asset that leaves the rollup.
    pub asset: AssetId,
    /// L1 account that is credited.
    #[serde(with = "crate::encoding::serde_bytes")]
    pub recipient: [u8; 20],
    /// Amount in base units.
    pub amount: u128,
}

impl Withdrawal {
    /// Returns word 4: pack(asset 16, recipient 160).
    #[must_use]
    pub fn target(&self) -> Fr {
        target::ASSET.place(self.asset.0.into()) + target::RECIPIENT.place_address(&self.recipient)
    }

    /// Returns words 4 and 5 of a transaction. Both are 0 without a withdrawal.
    #[must_use]
    pub fn words(withdrawal: Option<&Self>) -> [Fr; 2] {
        withdrawal.map_or([Fr::from(0u64); 2], |w| [w.target(), Fr::from(w.amount)])
    }

    /// Reads a withdrawal from its words; inverse of [`Withdrawal::words`]. Returns `None` if both
    /// words are 0.
    ///
    /// # Errors
    /// [`CodecError::Overflow`] if target or amount exceed their widths.
    pub fn from_words(words: &[Fr; 2]) -> Result<Option<Self>, CodecError> {
        let [packed, amount] = words;
        let zero = Fr::from(0u64);
        if *packed == zero && *amount == zero {
            return Ok(None);
        }
        if !target::LAYOUT.fits(packed) {
            return Err(CodecError::Overflow {
                field: "withdraw target",
            });
        }
        Ok(Some(Self {
            asset: AssetId(target::ASSET.of(packed) as u16),
            recipient: target::RECIPIENT.address_of(packed),
            amount: fr_to_u128(amount).ok_or(CodecError::Overflow {
                field: "withdraw amount",
            })?,
        }))
    }
}

/// Deployment for which a transaction is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Context {
    /// L1 chain id.
    pub chain_id: u64,
    /// Address of the rollup contract.
    #[serde(with = "crate::encoding::serde_bytes")]
    pub rollup: [u8; 20],
}

impl Context {
    /// Returns word 0: H(CONTEXT; chain id, rollup address, version).
    #[must_use]
    pub fn word(&self) -> Fr {
        hash(
            Domain::Context,
            &[
                Fr::from(self.chain_id),
                fr_from_address(&self.rollup),
                Fr::from(CONTEXT_VERSION),
            ],
        )
    }
}

/// A transaction without its proof and without the context word, which its receiver knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// An anchor of the history. The inputs are members under its note root, and prices are those
    /// of its snapshot.
    pub anchor: Anchor,
    /// Root of the asset tree.
    pub assets_root: Fr,
    /// Kind, fee, times.
    pub header: Header,
    /// Withdrawal from the rollup; present if and only if the kind is [`Kind::Withdraw`].
    pub withdrawal: Option<Withdrawal>,
    /// Digest of the swap's terms ([`crate::swap::Terms::digest`]) in a leg. In other kinds a
    /// random element: the transaction's digest covers it, so that nobody can find the other words
    /// behind the digest by guessing.
    pub terms: Fr,
    /// Nullifiers of the inputs.
    pub nullifiers: [Nullifier; 3],
    /// Commitments of the outputs.
    pub commitments: [NoteCommitment; 3],
    /// y of the ephemeral point.
    pub ephemeral: Fr,
    /// Auditor ciphertexts.
    pub audit: AuditWords,
    /// Encrypted notes.
    pub note_data: NoteData,
}

impl Transaction {
    /// Returns the 22 words under a context word.
    #[must_use]
    pub fn words(&self, context: &Fr) -> [Fr; WORDS] {
        let mut words = [Fr::from(0u64); WORDS];
        let [target, amount] = Withdrawal::words(self.withdrawal.as_ref());
        words[word::CONTEXT] = *context;
        words[word::ANCHOR] = self.anchor.into();
        words[word::ASSETS_ROOT] = self.assets_root;
        words[word::HEADER] = self.header.pack();
        words[word::TARGET] = target;
        words[word::AMOUNT] = amount;
        words[word::TERMS] = self.terms;
        words[word::NULLIFIERS].copy_from_slice(&self.nullifiers.map(Fr::from));
        words[word::COMMITMENTS].copy_from_slice(&self.commitments.map(Fr::from));
        words[word::EPHEMERAL] = self.ephemeral;
        words[word::AUDIT].copy_from_slice(&self.audit.0);
        words[word::NOTE_DATA].copy_from_slice(&self.note_data.to_words());
        words
    }

    /// Reads the context word and the transaction from `words`.
    ///
    /// # Errors
    /// [`CodecError`] if a packed word, a nullifier or a word of note data has bits beyond its
    /// width, the kind is reserved, or the withdrawal words are not 0 in another kind.
    pub fn from_words(words: &[Fr; WORDS]) -> Result<(Fr, Self), CodecError> {
        let header = Header::unpack(&words[word::HEADER])?;
        let withdrawal = Withdrawal::from_words(&[words[word::TARGET], words[word::AMOUNT]])?;
        if header.kind != Kind::Withdraw && withdrawal.is_some() {
            return Err(CodecError::UnexpectedWithdrawal);
        }
        let transaction = Self {
            anchor: Anchor::new(words[word::ANCHOR]),
            assets_root: words[word::ASSETS_ROOT],
            header,
            withdrawal,
            terms: words[word::TERMS],
            nullifiers: nullifiers_from_words(&words[word::NULLIFIERS])?,
            commitments: copied(&words[word::COMMITMENTS]).map(NoteCommitment::new),
            ephemeral: words[word::EPHEMERAL],
            audit: AuditWords(copied(&words[word::AUDIT])),
            note_data: note_data_from_words(&words[word::NOTE_DATA])?,
        };
        Ok((words[word::CONTEXT], transaction))
    }

    /// Returns the part that L1 receives.
    #[must_use]
    pub fn published(&self) -> PublishedTransaction {
        PublishedTransaction {
            withdrawal: self.withdrawal,
            nullifiers: self.nullifiers,
            commitments: self.commitments,
            ephemeral: self.ephemeral,
            audit: self.audit,
            note_data: self.note_data,
        }
    }

    /// Returns H(TRANSACTION; words): the identity of the transaction and the single public input
    /// of its proof.
    #[must_use]
    pub fn digest(&self, context: &Fr) -> TransactionDigest {
        digest(&self.words(context))
    }
}

/// Returns H(TRANSACTION; words).
#[must_use]
pub fn digest(words: &[Fr; WORDS]) -> TransactionDigest {
    TransactionDigest::new(hash(Domain::Transaction, words))
}

/// Copies a slice of exactly `N` words.
fn copied<const N: usize>(words: &[Fr]) -> [Fr; N] {
    std::array::from_fn(|i| words[i])
}

/// Reads the three nullifiers.
fn nullifiers_from_words(words: &[Fr]) -> Result<[Nullifier; 3], CodecError> {
    let read = |i: usize| {
        Nullifier::try_from(words[i]).map_err(|_| CodecError::Overflow { field: "nullifier" })
    };
    Ok([read(0)?, read(1)?, read(2)?])
}

/// Reads note data from its words.
fn note_data_from_words(words: &[Fr]) -> Result<NoteData, CodecError> {
    NoteData::from_words(&copied(words)).map_err(|error| match error {
        NoteDataError::TooWide(_) => CodecError::Overflow { field: "note data" },
    })
}

#[cfg(test)]
mod tests;
