//! Wire form of transactions and submissions (spec: *Transaction*, wire form).

use super::{Header, Kind, PublishedTransaction, Transaction, Withdrawal};
use crate::asset::AssetId;
use crate::element::Anchor;
use crate::encoding::{CodecError, Reader, Writer};
use crate::layout::calldata;
use crate::proof::{PROOF_LEN, ProofBytes};

/// First byte of an encoded transaction.
const VERSION: u8 = 3;

impl Transaction {
    /// Length of the wire form in bytes.
    pub const ENCODED_LEN: usize =
        1 + 32 + (1 + 2 + 12 + 5 + 5) + (2 + 20 + 16) + 32 * 2 + calldata::TRANSACTION_LEN;

    /// Encodes the transaction; integers and elements are big-endian.
    ///
    /// # Panics
    /// If fee or a time is out of range (see [`Header::check_range`]), which has no encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.header
            .check_range()
            .expect("a header that is encoded is in range");
        let mut out = Writer::with_capacity(Self::ENCODED_LEN);
        out.bytes(&[VERSION]);
        out.element(self.anchor.element());
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
        out.element(&self.assets_root);
        self.published().write(&mut out);
        out.finish()
    }

    /// Decodes a transaction; inverse of [`Transaction::to_bytes`]. Accepts no other encoding.
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
        let anchor = Anchor::new(input.element("anchor")?);
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
        // All-zero withdrawal fields read as `None` in every kind, so that words and bytes agree.
        let withdrawal = (withdrawal != NOTHING).then_some(withdrawal);
        if header.kind != Kind::Withdraw && withdrawal.is_some() {
            return Err(CodecError::UnexpectedWithdrawal);
        }
        let terms = input.element("terms")?;
        let assets_root = input.element("assets root")?;
        let PublishedTransaction {
            nullifiers,
            commitments,
            ephemeral,
            audit,
            note_data,
            ..
        } = PublishedTransaction::read(&mut input)?;
        input.finish()?;
        Ok(Self {
            anchor,
            assets_root,
            header,
            withdrawal,
            terms,
            nullifiers,
            commitments,
            ephemeral,
            audit,
            note_data,
        })
    }
}

/// Reading of absent withdrawal fields.
const NOTHING: Withdrawal = Withdrawal {
    asset: AssetId(0),
    recipient: [0; 20],
    amount: 0,
};

/// A transaction with its proof, as a client sends it. The proof bytes are opaque here; the
/// verifier of proofs checks their points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Proven transaction.
    pub transaction: Transaction,
    /// Compressed Groth16 proof. Its bytes never identify a transaction, because anybody can
    /// re-randomise a proof.
    pub proof: ProofBytes,
}

impl Submission {
    /// Length of the wire form in bytes.
    pub const ENCODED_LEN: usize = Transaction::ENCODED_LEN + PROOF_LEN;

    /// Encodes the transaction's wire form followed by the proof.
    ///
    /// # Panics
    /// As [`Transaction::to_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.transaction.to_bytes();
        bytes.extend_from_slice(self.proof.as_bytes());
        bytes
    }

    /// Decodes a submission; inverse of [`Submission::to_bytes`].
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
