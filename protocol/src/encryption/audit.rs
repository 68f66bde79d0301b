//! Ciphertexts for an asset's auditor, which the transaction circuit proves correct.

use std::fmt;

use ark_bn254::Fr;
use ark_ed_on_bn254::EdwardsAffine;
use ark_ff::One;

use super::{EphemeralKey, ivk_shared};
use crate::asset::AssetId;
use crate::domain::Domain;
use crate::element::{NoteCommitment, OwnerId};
use crate::keys::AuditorKey;
use crate::note::{NoteClass, unpack};
use crate::poseidon::hash3;

/// Auditor's view of an output. Its `Debug` form shows nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuditRecord {
    /// Class of the note.
    pub class: NoteClass,
    /// Asset of the note.
    pub asset: AssetId,
    /// Amount in base units.
    pub value: u128,
    /// Owner of the note.
    pub recipient: OwnerId,
    /// Owner of the transaction's inputs.
    pub sender: OwnerId,
}

impl fmt::Debug for AuditRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditRecord(..)")
    }
}

/// Encrypts an output for an auditor: (packed + p₁, owner + p₂, sender + p₃), where the pads are
/// H(AUDIT; T.y, cm) with T = esk·A.
#[must_use]
pub fn audit_encrypt(
    ephemeral: &EphemeralKey,
    auditor: &EdwardsAffine,
    cm: &NoteCommitment,
    packed: &Fr,
    owner: &OwnerId,
    sender: &OwnerId,
) -> [Fr; 3] {
    let [p1, p2, p3] = hash3(Domain::Audit, &[ephemeral.shared(auditor), Fr::from(*cm)]);
    [*packed + p1, Fr::from(*owner) + p2, Fr::from(*sender) + p3]
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

/// Opens the auditor words of the output with commitment `cm`.
///
/// `None` if they do not open to a note: they are then under another auditor's key. A wrong key
/// passes with probability below 2⁻¹⁰⁰.
#[must_use]
pub fn audit_decrypt(shared_y: &Fr, cm: &NoteCommitment, words: &[Fr; 3]) -> Option<AuditRecord> {
    let [p1, p2, p3] = hash3(Domain::Audit, &[*shared_y, Fr::from(*cm)]);
    let (class, asset, value) = unpack(&(words[0] - p1)).ok()?;
    Some(AuditRecord {
        class,
        asset,
        value,
        recipient: OwnerId::new(words[1] - p2),
        sender: OwnerId::new(words[2] - p3),
    })
}
