//! Transactions: words, digest and wire form (spec: *Transaction*).

mod codec;
pub(crate) mod packing;
pub(crate) mod wire;

use ark_bn254::Fr;
use serde::{Deserialize, Serialize};

use crate::asset::AssetId;
use crate::domain::Domain;
use crate::encryption::{NoteData, NoteDataError};
use crate::poseidon::hash;
use crate::swap::Side;

pub use codec::{CodecError, Submission};

use packing::{Packer, Unpacker};

/// Number of words of a transaction.
pub const WORDS: usize = 30;

/// Version of the context word.
const CONTEXT_VERSION: u64 = 1;

/// What a transaction does. Values from 5 are reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Kind {
    /// Padding: provable, but never active in a batch.
    NoOp = 0,
    /// Moves value between notes.
    Transfer = 1,
    /// Moves value between notes, and some of it out to an L1 address.
    Withdraw = 2,
    /// Side A of a swap: delivers what the terms say, and settles only together with side B.
    SwapA = 3,
    /// Side B of a swap.
    SwapB = 4,
}

impl Kind {
    /// The kind of a swap's leg on one side.
    #[must_use]
    pub const fn leg(side: Side) -> Self {
        match side {
            Side::A => Self::SwapA,
            Side::B => Self::SwapB,
        }
    }

    /// The side of a swap that a leg is on; nothing for the other kinds.
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
            _ => Err(CodecError::Kind(value)),
        }
    }
}

/// Word 3: kind, fee and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Header {
    /// What the transaction does.
    pub kind: Kind,
    /// Asset in which the fee is paid.
    pub fee_asset: AssetId,
    /// Fee in base units of the fee asset, below 2⁹⁶.
    pub fee: u128,
    /// Last second of Unix time, inclusive, at which a batch may contain this; below 2⁴⁰.
    pub expiry: u64,
    /// First second of Unix time, inclusive, at which a batch may contain this; below 2⁴⁰.
    pub not_before: u64,
}

impl Header {
    /// Bits of the fee.
    pub const FEE_BITS: u32 = 96;
    /// Bits of the expiry and of `not_before`.
    pub const EXPIRY_BITS: u32 = 40;

    /// A header whose fields are in range, valid from the beginning of time.
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

    /// The header, valid from a second of Unix time on.
    ///
    /// # Errors
    /// [`CodecError::Overflow`] if the time exceeds its width.
    pub fn valid_from(mut self, not_before: u64) -> Result<Self, CodecError> {
        self.not_before = not_before;
        self.check_range()?;
        Ok(self)
    }

    /// Whether fee and times fit their widths.
    ///
    /// # Errors
    /// [`CodecError::Overflow`] naming the field that does not.
    pub fn check_range(&self) -> Result<(), CodecError> {
        if self.fee >> Self::FEE_BITS != 0 {
            return Err(CodecError::Overflow { field: "fee" });
        }
        if self.expiry >> Self::EXPIRY_BITS != 0 {
            return Err(CodecError::Overflow { field: "expiry" });
        }
        if self.not_before >> Self::EXPIRY_BITS != 0 {
            return Err(CodecError::Overflow {
                field: "not before",
            });
        }
        Ok(())
    }

    /// pack(kind 8, fee asset 16, fee 96, expiry 40, not before 40). Fields are taken to be in range
    /// ([`Header::check_range`]); one that is not spills into its neighbour.
    #[must_use]
    pub fn pack(&self) -> Fr {
        Packer::new()
            .field(self.kind as u128, 8)
            .field(self.fee_asset.0.into(), 16)
            .field(self.fee, Self::FEE_BITS)
            .field(self.expiry.into(), Self::EXPIRY_BITS)
            .field(self.not_before.into(), Self::EXPIRY_BITS)
            .finish()
    }

    /// Inverse of [`Header::pack`].
    ///
    /// # Errors
    /// [`CodecError::Kind`] for a reserved kind, [`CodecError::Overflow`] for anything above bit 200.
    pub fn unpack(word: &Fr) -> Result<Self, CodecError> {
        let mut unpacker = Unpacker::new(word);
        let kind = Kind::try_from(unpacker.field(8) as u8)?;
        let fee_asset = AssetId(unpacker.field(16) as u16);
        let fee = unpacker.field(Self::FEE_BITS);
        let expiry = unpacker.field(Self::EXPIRY_BITS) as u64;
        let not_before = unpacker.field(Self::EXPIRY_BITS) as u64;
        if !unpacker.is_exhausted() {
            return Err(CodecError::Overflow { field: "header" });
        }
        Ok(Self {
            kind,
            fee_asset,
            fee,
            expiry,
            not_before,
        })
    }
}

/// Words 4 and 5: what leaves the rollup, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Withdrawal {
    /// Asset that leaves.
    pub asset: AssetId,
    /// L1 account that is credited.
    #[serde(with = "crate::encoding::serde_bytes")]
    pub recipient: [u8; 20],
    /// Amount in base units.
    pub amount: u128,
}

impl Withdrawal {
    /// Word 4: pack(asset 16, recipient 160).
    #[must_use]
    pub fn target(&self) -> Fr {
        Packer::new()
            .field(self.asset.0.into(), 16)
            .address(&self.recipient)
            .finish()
    }

    /// Words 4 and 5 of a transaction, both 0 without a withdrawal.
    #[must_use]
    pub fn words(withdrawal: Option<&Self>) -> [Fr; 2] {
        withdrawal.map_or([Fr::from(0u64); 2], |w| [w.target(), Fr::from(w.amount)])
    }

    /// Inverse of [`Withdrawal::words`]: nothing if both words are 0.
    ///
    /// # Errors
    /// [`CodecError::Overflow`] if target or amount exceed their widths.
    pub fn from_words(words: &[Fr; 2]) -> Result<Option<Self>, CodecError> {
        let [target, amount] = words;
        let zero = Fr::from(0u64);
        if *target == zero && *amount == zero {
            return Ok(None);
        }
        let mut unpacker = Unpacker::new(target);
        let asset = AssetId(unpacker.field(16) as u16);
        let recipient = unpacker.address();
        if !unpacker.is_exhausted() {
            return Err(CodecError::Overflow {
                field: "withdraw target",
            });
        }
        let mut unpacker = Unpacker::new(amount);
        let amount = unpacker.field(128);
        if !unpacker.is_exhausted() {
            return Err(CodecError::Overflow {
                field: "withdraw amount",
            });
        }
        Ok(Some(Self {
            asset,
            recipient,
            amount,
        }))
    }
}

/// The deployment that a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Context {
    /// L1 chain id.
    pub chain_id: u64,
    /// Address of the rollup contract.
    #[serde(with = "crate::encoding::serde_bytes")]
    pub rollup: [u8; 20],
}

impl Context {
    /// Word 0: H(CONTEXT; chain id, rollup address, version).
    #[must_use]
    pub fn word(&self) -> Fr {
        hash(
            Domain::Context,
            &[
                Fr::from(self.chain_id),
                Packer::new().address(&self.rollup).finish(),
                Fr::from(CONTEXT_VERSION),
            ],
        )
    }
}

/// A transaction, without its proof and without the context that its receiver knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// A note root of the history; inputs are members under it.
    pub anchor: Fr,
    /// Root of the asset tree.
    pub assets_root: Fr,
    /// Kind, fee, times.
    pub header: Header,
    /// What leaves the rollup; present iff the kind is [`Kind::Withdraw`].
    pub withdrawal: Option<Withdrawal>,
    /// Digest of the swap's terms ([`crate::swap::Terms::digest`]) in a leg; otherwise random, so that nobody finds
    /// out by guessing the rest what a digest is of.
    pub terms: Fr,
    /// Digest of a price snapshot ([`crate::market::Snapshot::digest`]), or 0.
    pub oracle: Fr,
    /// Nullifiers of the inputs.
    pub nullifiers: [Fr; 3],
    /// Commitments of the outputs.
    pub commitments: [Fr; 3],
    /// y of the ephemeral point.
    pub ephemeral: Fr,
    /// Auditor ciphertext of each output.
    pub audit: [[Fr; 3]; 3],
    /// Encrypted notes.
    pub note_data: NoteData,
}

impl Transaction {
    /// The 30 words under a context word.
    #[must_use]
    pub fn words(&self, context: &Fr) -> [Fr; WORDS] {
        let mut words = [Fr::from(0u64); WORDS];
        words[0] = *context;
        words[1] = self.anchor;
        words[2] = self.assets_root;
        words[3] = self.header.pack();
        words[4..6].copy_from_slice(&Withdrawal::words(self.withdrawal.as_ref()));
        words[6] = self.terms;
        words[7] = self.oracle;
        words[8..11].copy_from_slice(&self.nullifiers);
        words[11..14].copy_from_slice(&self.commitments);
        words[14] = self.ephemeral;
        words[15..24].copy_from_slice(self.audit.as_flattened());
        words[24..30].copy_from_slice(&self.note_data.to_words());
        words
    }

    /// The context word and the transaction that `words` are of.
    ///
    /// # Errors
    /// [`CodecError`] if a packed word has bits beyond its fields, the note data is not padded with
    /// zeros, the kind is reserved, or the withdraw words are not 0 in another kind.
    pub fn from_words(words: &[Fr; WORDS]) -> Result<(Fr, Self), CodecError> {
        let header = Header::unpack(&words[3])?;
        let withdrawal = Withdrawal::from_words(&[words[4], words[5]])?;
        if header.kind != Kind::Withdraw && withdrawal.is_some() {
            return Err(CodecError::UnexpectedWithdrawal);
        }
        let transaction = Self {
            anchor: words[1],
            assets_root: words[2],
            header,
            withdrawal,
            terms: words[6],
            oracle: words[7],
            nullifiers: [words[8], words[9], words[10]],
            commitments: [words[11], words[12], words[13]],
            ephemeral: words[14],
            audit: [
                [words[15], words[16], words[17]],
                [words[18], words[19], words[20]],
                [words[21], words[22], words[23]],
            ],
            note_data: note_data_from_words(&words[24..30])?,
        };
        Ok((words[0], transaction))
    }

    /// H(TRANSACTION; words): the identity of the transaction and the single public input of its
    /// proof.
    #[must_use]
    pub fn digest(&self, context: &Fr) -> Fr {
        digest(&self.words(context))
    }
}

/// H(TRANSACTION; words).
#[must_use]
pub fn digest(words: &[Fr; WORDS]) -> Fr {
    hash(Domain::Transaction, words)
}

/// Six words of note data as bytes.
pub(crate) fn note_data_from_words(words: &[Fr]) -> Result<NoteData, CodecError> {
    let words: [Fr; 6] = words.try_into().map_err(|_| CodecError::Length {
        expected: 6,
        found: words.len(),
    })?;
    NoteData::from_words(&words).map_err(|error| match error {
        NoteDataError::TooWide(_) => CodecError::Overflow { field: "note data" },
        NoteDataError::Padding => CodecError::Padding { field: "note data" },
    })
}

#[cfg(test)]
mod tests;
