//! The part of a transaction that L1 receives.

use ark_bn254::Fr;

use super::{Withdrawal, copied, note_data_from_words, nullifiers_from_words};
use crate::element::{NoteCommitment, Nullifier};
use crate::encoding::{CodecError, Reader, Writer};
use crate::encryption::{AuditWords, NOTE_DATA_LEN, NoteData};
use crate::layout::{calldata, slot_word};

const _: () = assert!(calldata::NOTE_DATA.end - calldata::NOTE_DATA.start == NOTE_DATA_LEN);

/// The published part of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedTransaction {
    /// Withdrawal, if the transaction makes one.
    pub withdrawal: Option<Withdrawal>,
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

impl PublishedTransaction {
    /// Returns the 17 data words: words 4, 5 and 7–21 of the transaction.
    #[must_use]
    pub fn words(&self) -> [Fr; slot_word::COUNT] {
        let mut words = [Fr::from(0u64); slot_word::COUNT];
        let [target, amount] = Withdrawal::words(self.withdrawal.as_ref());
        words[slot_word::TARGET] = target;
        words[slot_word::AMOUNT] = amount;
        words[slot_word::NULLIFIERS].copy_from_slice(&self.nullifiers.map(Fr::from));
        words[slot_word::COMMITMENTS].copy_from_slice(&self.commitments.map(Fr::from));
        words[slot_word::EPHEMERAL] = self.ephemeral;
        words[slot_word::AUDIT].copy_from_slice(&self.audit.0);
        words[slot_word::NOTE_DATA].copy_from_slice(&self.note_data.to_words());
        words
    }

    /// Reads the transaction from its data words; inverse of [`PublishedTransaction::words`].
    ///
    /// # Errors
    /// [`CodecError`] if a withdrawal word, a nullifier or a word of note data exceeds its width.
    pub fn from_words(words: &[Fr; slot_word::COUNT]) -> Result<Self, CodecError> {
        Ok(Self {
            withdrawal: Withdrawal::from_words(&[
                words[slot_word::TARGET],
                words[slot_word::AMOUNT],
            ])?,
            nullifiers: nullifiers_from_words(&words[slot_word::NULLIFIERS])?,
            commitments: copied(&words[slot_word::COMMITMENTS]).map(NoteCommitment::new),
            ephemeral: words[slot_word::EPHEMERAL],
            audit: AuditWords(copied(&words[slot_word::AUDIT])),
            note_data: note_data_from_words(&words[slot_word::NOTE_DATA])?,
        })
    }

    /// Writes [`calldata::TRANSACTION_LEN`] bytes: nullifiers of 24 bytes, commitments, ephemeral
    /// and audit words of 32, note data. A withdrawal is encoded elsewhere.
    pub(crate) fn write(&self, out: &mut Writer) {
        for nullifier in &self.nullifiers {
            out.bytes(&nullifier.to_bytes());
        }
        out.elements(self.commitments.iter().map(NoteCommitment::element));
        out.element(&self.ephemeral);
        out.elements(&self.audit.0);
        out.bytes(&self.note_data.0);
    }

    /// Reads what [`PublishedTransaction::write`] writes, without a withdrawal.
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        let mut nullifier = || Ok(Nullifier::from_bytes(&input.array()?));
        Ok(Self {
            withdrawal: None,
            nullifiers: [nullifier()?, nullifier()?, nullifier()?],
            commitments: input.elements("commitment")?.map(NoteCommitment::new),
            ephemeral: input.element("ephemeral")?,
            audit: AuditWords(input.elements("audit")?),
            note_data: NoteData(input.array()?),
        })
    }
}
