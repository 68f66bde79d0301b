//! Wire form of transactions and submissions (spec: *Transaction*, wire form).

use ark_bn254::Fr;

use super::wire::{Reader, Writer};
use super::{Header, Kind, Transaction, Withdrawal};
use crate::asset::AssetId;
use crate::encryption::{NOTE_DATA_LEN, NoteData};
use crate::proof::{PROOF_LEN, ProofBytes};

/// First byte of an encoded transaction.
const VERSION: u8 = 1;

/// Why bytes or words are not the encoding of a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Wrong number of bytes (or of words).
    #[error("length is {found}, {expected} expected")]
    Length {
        /// Length that the encoding has, as far as it could be read.
        expected: usize,
        /// Length that was given.
        found: usize,
    },
    /// Unknown version.
    #[error("unknown version {0}")]
    Version(u8),
    /// A reserved kind.
    #[error("reserved transaction kind {0}")]
    Kind(u8),
    /// An element at or above the modulus, or a flag other than 0 and 1.
    #[error("{field}: not canonical")]
    NotCanonical {
        /// The field concerned.
        field: &'static str,
    },
    /// A value beyond the width of its field.
    #[error("{field}: beyond its width")]
    Overflow {
        /// The field concerned.
        field: &'static str,
    },
    /// Padding bits that are not zero.
    #[error("{field}: padding is not zero")]
    Padding {
        /// The field concerned.
        field: &'static str,
    },
    /// Withdraw fields in a transaction of another kind.
    #[error("withdraw fields outside a withdrawal")]
    UnexpectedWithdrawal,
    /// Counts, order or shape that no batch has.
    #[error("{field}: impossible value")]
    Impossible {
        /// The field concerned.
        field: &'static str,
    },
}

impl Transaction {
    /// Length of the wire form in bytes.
    pub const ENCODED_LEN: usize =
        1 + 32 + (1 + 2 + 12 + 5 + 5) + (2 + 20 + 16) + 32 * (3 + 3 + 3 + 1 + 9) + NOTE_DATA_LEN;

    /// Wire form; integers and elements big-endian.
    ///
    /// # Panics
    /// If fee or a time is out of range (see [`Header::check_range`]): there is no such encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.header
            .check_range()
            .expect("a header that is encoded is in range");
        let mut out = Writer::with_capacity(Self::ENCODED_LEN);
        out.bytes(&[VERSION]);
        out.element(&self.anchor);
        out.bytes(&[self.header.kind as u8]);
        out.integer(self.header.fee_asset.0.into(), 2);
        out.integer(self.header.fee, 12);
        out.integer(self.header.expiry.into(), 5);
        out.integer(self.header.not_before.into(), 5);
        let (asset, recipient, amount) = self
            .withdrawal
            .map_or((0, [0u8; 20], 0), |w| (w.asset.0, w.recipient, w.amount));
        out.integer(asset.into(), 2);
        out.bytes(&recipient);
        out.integer(amount, 16);
        out.element(&self.terms);
        out.element(&self.oracle);
        out.element(&self.assets_root);
        out.elements(&self.nullifiers);
        out.elements(&self.commitments);
        out.element(&self.ephemeral);
        out.elements(self.audit.as_flattened());
        out.bytes(&self.note_data.0);
        out.finish()
    }

    /// Inverse of [`Transaction::to_bytes`]; accepts no other encoding.
    ///
    /// # Errors
    /// [`CodecError`] naming the first field that is not canonical.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        if bytes.len() != Self::ENCODED_LEN {
            return Err(CodecError::Length {
                expected: Self::ENCODED_LEN,
                found: bytes.len(),
            });
        }
        let mut input = Reader::new(bytes);
        let version = input.u8()?;
        if version != VERSION {
            return Err(CodecError::Version(version));
        }
        let anchor = input.element("anchor")?;
        let header = Header {
            kind: Kind::try_from(input.u8()?)?,
            fee_asset: AssetId(input.u16()?),
            fee: input.integer(12)?,
            expiry: input.integer(5)? as u64,
            not_before: input.integer(5)? as u64,
        };
        let withdrawal = Withdrawal {
            asset: AssetId(input.u16()?),
            recipient: input.array()?,
            amount: input.integer(16)?,
        };
        // All-zero withdraw fields read as "none" in every kind, so that words and bytes agree.
        let withdrawal = (withdrawal != NOTHING).then_some(withdrawal);
        if header.kind != Kind::Withdraw && withdrawal.is_some() {
            return Err(CodecError::UnexpectedWithdrawal);
        }
        let terms = input.element("terms")?;
        let oracle = input.element("oracle")?;
        let assets_root = input.element("assets root")?;
        let nullifiers = input.elements("nullifier")?;
        let commitments = input.elements("commitment")?;
        let ephemeral = input.element("ephemeral")?;
        let mut audit = [[Fr::from(0u64); 3]; 3];
        for ciphertext in &mut audit {
            *ciphertext = input.elements("audit")?;
        }
        let note_data = NoteData(input.array()?);
        input.finish()?;
        Ok(Self {
            anchor,
            assets_root,
            header,
            withdrawal,
            terms,
            oracle,
            nullifiers,
            commitments,
            ephemeral,
            audit,
            note_data,
        })
    }
}

/// What absent withdraw fields read as.
const NOTHING: Withdrawal = Withdrawal {
    asset: AssetId(0),
    recipient: [0; 20],
    amount: 0,
};

/// A transaction with its proof, as a client sends it. The proof bytes are opaque here: their
/// points are checked where proofs are verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// What is proven.
    pub transaction: Transaction,
    /// Compressed Groth16 proof. Never an identity: such proofs can be re-randomised.
    pub proof: ProofBytes,
}

impl Submission {
    /// Length of the wire form in bytes.
    pub const ENCODED_LEN: usize = Transaction::ENCODED_LEN + PROOF_LEN;

    /// The transaction's wire form followed by the proof.
    ///
    /// # Panics
    /// As [`Transaction::to_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.transaction.to_bytes();
        bytes.extend_from_slice(self.proof.as_bytes());
        bytes
    }

    /// Inverse of [`Submission::to_bytes`].
    ///
    /// # Errors
    /// [`CodecError`] as [`Transaction::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        if bytes.len() != Self::ENCODED_LEN {
            return Err(CodecError::Length {
                expected: Self::ENCODED_LEN,
                found: bytes.len(),
            });
        }
        let (transaction, proof) = bytes.split_at(Transaction::ENCODED_LEN);
        let mut input = Reader::new(proof);
        Ok(Self {
            transaction: Transaction::from_bytes(transaction)?,
            proof: ProofBytes::new(input.array()?),
        })
    }
}
