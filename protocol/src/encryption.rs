//! Encryption of notes to recipients, to the sender's later self and to auditors (spec: *Notes*,
//! *Encryption* and *Auditor ciphertext*).
//!
//! A transaction has one ephemeral key, of which it publishes only the y coordinate. Shared secrets
//! are used by their y coordinates alone. Therefore the sign of E never matters, and a recipient
//! needs only the Montgomery ladder.
//!
//! Only output 0 is encrypted, without a tag: its commitment authenticates owner, asset, amount and
//! memo. Outputs 1 and 2 are the sender's change, which it reads back from the auditor's words, or
//! a repayment, which both parties of the loan can compute.

use std::fmt;

use ark_bn254::Fr;
use ark_ec::CurveGroup;
use ark_ed_on_bn254::{EdwardsAffine, Fr as Scalar};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::asset::AssetId;
use crate::derive;
use crate::element::{NoteCommitment, Nullifier, OwnerId};
use crate::encoding::fr_to_bytes;
use crate::keys::derive_nonzero;
use crate::note::Note;

mod audit;
mod ladder;
mod note_data;
mod payload;
mod receive;
mod scan;
mod sent;
#[cfg(test)]
mod tests;

pub use crate::memo::{MEMO_LEN, Memo, MemoError};
pub use crate::swap::Delivery;
pub use audit::{
    AUDIT_WORDS, AuditCiphertext, AuditRecord, AuditWords, audit_decrypt, audit_encrypt,
    audit_packed, auditor_shared,
};
pub use ladder::ivk_shared;
pub use note_data::{FILLER_LEN, NOTE_DATA_LEN, NoteData, NoteDataError};
pub(crate) use receive::honest_ephemeral;
pub use receive::{DecryptedNote, trial_decrypt};
pub use scan::Scanner;
pub use sent::{OutgoingNote, Sent};

/// Ephemeral key of a transaction: esk and E = esk·G. All shared secrets of the transaction derive
/// from it, and with the sender's outgoing viewing key all blindings.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct EphemeralKey {
    ovk: [u8; 32],
    esk: Scalar,
    #[zeroize(skip)]
    public: EdwardsAffine,
}

impl EphemeralKey {
    /// Derives esk = B("esk"; ovk, nf₀, nf₁, nf₂).
    ///
    /// Only one transaction with the same three nullifiers can be included, but several may be
    /// *sent*, for example when a payment expired and is made again. They share esk. Therefore
    /// every pad below depends on the commitment, and the commitment depends on everything that
    /// the pad seals.
    #[must_use]
    pub fn new(ovk: &[u8; 32], nullifiers: &[Nullifier; 3]) -> Self {
        let [nf0, nf1, nf2] = nullifiers.map(|nf| nf.to_bytes());
        let esk = derive_nonzero("esk", &[ovk, &nf0, &nf1, &nf2]);
        let public = (<EdwardsAffine as ark_ec::AffineRepr>::generator() * esk).into_affine();
        let ovk = *ovk;
        Self { ovk, esk, public }
    }

    /// Returns esk, for the witness of the transaction's proof.
    #[must_use]
    pub fn scalar(&self) -> &Scalar {
        &self.esk
    }

    /// Returns E = esk·G.
    pub fn public(&self) -> EdwardsAffine {
        self.public
    }

    /// Returns E.y, word 13 of the transaction.
    #[must_use]
    pub fn y(&self) -> Fr {
        self.public.y
    }

    /// Returns the y coordinate of esk·P, for a point P of the prime subgroup.
    #[must_use]
    pub fn shared(&self, point: &EdwardsAffine) -> Fr {
        (*point * self.esk).into_affine().y
    }

    /// Returns output 0 of a payment: cash of `owner`, blinded by the payload's key and the memo.
    #[must_use]
    pub fn payment(&self, owner: OwnerId, asset: AssetId, value: u128, memo: &Memo) -> Note {
        let key = self.payload_key(&owner, asset, value);
        Note::cash(asset, value, owner, key.blinding(&self.y(), memo))
    }

    /// Returns output `index`, 1 or 2: change of the sender `owner`. Its blinding is B("change";
    /// ovk, E.y, index), which the sender derives again without any ciphertext.
    #[must_use]
    pub fn change(&self, index: u8, owner: OwnerId, asset: AssetId, value: u128) -> Note {
        let parts: [&[u8]; 3] = [&self.ovk, &fr_to_bytes(&self.y()), &[index]];
        Note::cash(asset, value, owner, derive::field("change", &parts))
    }

    /// Encrypts output 0, a note of cash, and the memo to the holder of `pk`.
    ///
    /// The memo must be the one of the note's blinding: that of [`EphemeralKey::payment`], or
    /// [`crate::swap::Exchange::memo`] for the delivery of a leg. Otherwise nobody can open it.
    #[must_use]
    pub fn seal(&self, pk: &EdwardsAffine, note: &Note, memo: &Memo) -> NoteData {
        let key = self.payload_key(&note.owner, note.asset, note.value);
        payload::seal(&key, &self.shared(pk), &self.y(), note, memo)
    }

    /// Returns the key of the payload for this owner, asset and amount.
    fn payload_key(&self, owner: &OwnerId, asset: AssetId, value: u128) -> payload::Key {
        payload::Key::derive(&self.ovk, &self.y(), owner, asset, value)
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralKey(..)")
    }
}

/// The published outputs of a transaction, as far as a party to it needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedOutputs {
    /// y of the ephemeral point E.
    pub ephemeral: Fr,
    /// Nullifiers nf₀ … nf₂, which the sender needs.
    pub nullifiers: [Nullifier; 3],
    /// Commitments cm₀ … cm₂.
    pub commitments: [NoteCommitment; 3],
    /// Auditor ciphertexts, from which the sender reads its change.
    pub audit: AuditWords,
    /// The 71 bytes of note data.
    pub note_data: NoteData,
}
