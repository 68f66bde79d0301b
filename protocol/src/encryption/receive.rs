//! Trial decryption by a recipient.

use ark_bn254::Fr;

use super::payload::{self, Key, Payload};
use super::{PublishedOutputs, ivk_shared};
use crate::element::OwnerId;
use crate::encoding::{check_point, fr_to_bytes, lift_y};
use crate::keys::ViewingKey;
use crate::memo::Memo;
use crate::note::Note;
use crate::swap::Delivery;

/// Output 0 of a transaction, as a viewing key opened it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecryptedNote {
    /// Index of the transaction in the scanned slice; 0 if only one was tried.
    pub transaction: usize,
    /// The note. Its commitment was checked.
    pub note: Note,
    /// Memo of the sender.
    pub memo: Memo,
    /// Exchange behind the note, if a swap's leg delivered it.
    pub delivery: Option<Delivery>,
}

/// Returns the note of `owner` that a payload states, if it has the published commitment: with the
/// blinding of key and memo or, in a swap's leg, with the blinding of the exchange in the memo.
pub(super) fn note_of(
    published: &PublishedOutputs,
    key: &Key,
    payload: &Payload,
    owner: &OwnerId,
) -> Option<(Note, Option<Delivery>)> {
    let cm0 = &published.commitments[0];
    let Payload { asset, value, memo } = payload;
    let rcm = key.blinding(&published.ephemeral, memo);
    let note = Note::cash(*asset, *value, *owner, rcm);
    if note.commitment() == *cm0 {
        return Some((note, None));
    }
    let (note, delivery) = Delivery::open(cm0, (*asset, *value), owner, memo)?;
    Some((note, Some(delivery)))
}

/// Opens output 0 of a transaction whose shared secret is known. `None` if it is not for `owner`.
pub(super) fn open_output(
    published: &PublishedOutputs,
    shared_y: &Fr,
    owner: &OwnerId,
) -> Option<DecryptedNote> {
    let ephemeral = fr_to_bytes(&published.ephemeral);
    let (data, cm0) = (&published.note_data, &published.commitments[0]);
    let key = payload::unwrap(data, shared_y, &ephemeral, cm0)?;
    let payload = payload::open(data, &key, &ephemeral, cm0);
    let (note, delivery) = note_of(published, &key, &payload, owner)?;
    honest_ephemeral(&published.ephemeral).then_some(DecryptedNote {
        transaction: 0,
        note,
        memo: payload.memo,
        delivery,
    })
}

/// Whether E.y belongs to a point of the prime subgroup.
///
/// Callers check this only for transactions that hold a note for the key. A proven transaction
/// always passes. A forged one could have E on the twist or of small order, made to learn ivk from
/// whether a note is accepted; it must look like a transaction for another key.
pub(crate) fn honest_ephemeral(y: &Fr) -> bool {
    lift_y(*y, false).is_some_and(|point| check_point(&point).is_ok())
}

/// Returns the note for this key in one transaction: its output 0. For many transactions use
/// [`super::Scanner`].
///
/// Outputs 1 and 2 are the sender's change or a repayment: see [`super::Sent`] and
/// [`crate::loan::Loan::follow`].
#[must_use]
pub fn trial_decrypt(keys: &ViewingKey, published: &PublishedOutputs) -> Option<DecryptedNote> {
    let shared = ivk_shared(&keys.ivk, &published.ephemeral)?;
    open_output(published, &shared, &keys.owner)
}
