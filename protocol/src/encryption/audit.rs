//! Ciphertexts for an asset's auditor, which the transaction circuit proves correct.

use std::fmt;
use std::ops::Range;

use ark_bn254::Fr;
use ark_ed_on_bn254::EdwardsAffine;
use ark_ff::One;

use super::{EphemeralKey, ivk_shared};
use crate::asset::AssetId;
use crate::domain::Domain;
use crate::element::{NoteCommitment, OwnerId, SenderTag};
use crate::keys::AuditorKey;
use crate::layout::{audit as fields, word};
use crate::note::{Note, NoteClass};
use crate::poseidon::hash3;

/// Number of auditor words of a transaction.
pub const AUDIT_WORDS: usize = word::AUDIT.end - word::AUDIT.start;

/// The auditor words of a transaction: two for output 0, two for output 1, one for output 2, whose
/// owner is the sender (T21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditWords(pub [Fr; AUDIT_WORDS]);

impl AuditWords {
    /// Returns the places of an output's words. Output 2 has one, the others two.
    ///
    /// # Panics
    /// If `output` is above 2.
    #[must_use]
    pub const fn places(output: usize) -> Range<usize> {
        match output {
            0 => 0..2,
            1 => 2..4,
            2 => 4..5,
            _ => panic!("a transaction has three outputs"),
        }
    }

    /// Joins the ciphertexts of the three outputs. The owner of output 2 is left out.
    #[must_use]
    pub fn join(outputs: [AuditCiphertext; 3]) -> Self {
        let mut words = [Fr::from(0u64); AUDIT_WORDS];
        for (i, output) in outputs.into_iter().enumerate() {
            for (place, word) in Self::places(i).zip([output.note, output.owner]) {
                words[place] = word;
            }
        }
        Self(words)
    }

    /// Returns the word of an output that holds class, asset, amount and sender.
    ///
    /// # Panics
    /// If `output` is above 2.
    #[must_use]
    pub fn note(&self, output: usize) -> Fr {
        self.0[Self::places(output).start]
    }

    /// Returns the word of an output that holds its owner. `None` for output 2.
    ///
    /// # Panics
    /// If `output` is above 2.
    #[must_use]
    pub fn owner(&self, output: usize) -> Option<Fr> {
        let places = Self::places(output);
        (places.len() == 2).then(|| self.0[places.start + 1])
    }
}

/// Both auditor words of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditCiphertext {
    /// Class, asset, amount and sender, masked.
    pub note: Fr,
    /// Owner, masked.
    pub owner: Fr,
}

/// Auditor's view of an output. Its `Debug` form shows nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuditRecord {
    /// Class of the note.
    pub class: NoteClass,
    /// Asset of the note.
    pub asset: AssetId,
    /// Amount in base units.
    pub value: u128,
    /// Owner of the note. `None` in output 2: its owner is the sender.
    pub recipient: Option<OwnerId>,
    /// Low bits of the owner of the transaction's inputs.
    pub sender: SenderTag,
}

impl AuditRecord {
    /// Opens an output that an auditor of `asset` finds in a transaction, with the secret that the
    /// auditor's key shares with it ([`auditor_shared`]).
    ///
    /// `supply` is the amount of the asset that was ever deposited, more than which no note holds.
    /// `None` if the output is of another asset, or under another key. At a supply of 2⁸⁰ a wrong
    /// key passes with probability 2⁻⁷¹.
    ///
    /// # Panics
    /// If `output` is above 2.
    #[must_use]
    pub fn open(
        shared_y: &Fr,
        asset: AssetId,
        supply: u128,
        output: usize,
        commitment: &NoteCommitment,
        words: &AuditWords,
    ) -> Option<Self> {
        audit_decrypt(shared_y, output, commitment, words)
            .filter(|record| record.asset == asset && record.value <= supply)
    }
}

impl fmt::Debug for AuditRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditRecord(..)")
    }
}

/// Returns pack(class 8, asset 16, value 128, sender 101): what the first word of an output masks.
#[must_use]
pub fn audit_packed(note: &Note, sender: SenderTag) -> Fr {
    note.packed() + fields::SENDER.place(sender.bits())
}

/// Encrypts an output for an auditor: (packed + p₁, owner + p₂), where the pads are the first two
/// outputs of H(AUDIT; T.y, cm) with T = esk·A.
#[must_use]
pub fn audit_encrypt(
    ephemeral: &EphemeralKey,
    auditor: &EdwardsAffine,
    note: &Note,
    sender: SenderTag,
) -> AuditCiphertext {
    let [p1, p2] = pads(&ephemeral.shared(auditor), &note.commitment());
    AuditCiphertext {
        note: audit_packed(note, sender) + p1,
        owner: Fr::from(note.owner) + p2,
    }
}

/// Computes T.y from the auditor's side. `None` if no usable point has this E.y.
#[must_use]
pub fn auditor_shared(key: &AuditorKey, ephemeral_y: &Fr) -> Option<Fr> {
    // The circuit admits esk = 0, under which everybody can open the words, including the auditor.
    if ephemeral_y.is_one() {
        return Some(Fr::one());
    }
    ivk_shared(key.scalar(), ephemeral_y)
}

/// Opens the auditor words of output `output`, which has this commitment.
///
/// `None` if they do not open to a note: they are then under another auditor's key. A wrong key
/// passes with probability 2⁻⁷, so a caller must compare what else it knows: an auditor the asset
/// and the supply ([`AuditRecord::open`]), a sender its own tag.
///
/// # Panics
/// If `output` is above 2.
#[must_use]
pub fn audit_decrypt(
    shared_y: &Fr,
    output: usize,
    commitment: &NoteCommitment,
    words: &AuditWords,
) -> Option<AuditRecord> {
    let [p1, p2] = pads(shared_y, commitment);
    let packed = words.note(output) - p1;
    if !fields::LAYOUT.fits(&packed) {
        return None;
    }
    Some(AuditRecord {
        class: NoteClass::try_from(fields::CLASS.of(&packed) as u8).ok()?,
        asset: AssetId(fields::ASSET.of(&packed) as u16),
        value: fields::VALUE.of(&packed),
        recipient: words.owner(output).map(|owner| OwnerId::new(owner - p2)),
        sender: SenderTag::new(fields::SENDER.of(&packed)),
    })
}

fn pads(shared_y: &Fr, commitment: &NoteCommitment) -> [Fr; 2] {
    let [first, second, _] = hash3(Domain::Audit, &[*shared_y, Fr::from(*commitment)]);
    [first, second]
}
