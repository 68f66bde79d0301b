//! Encryption of notes to recipients, to the sender's later self and to auditors (spec: *Notes*,
//! *Encryption* and *Auditor ciphertext*).
//!
//! A transaction has one ephemeral key, of which it publishes only the y coordinate. Shared secrets
//! are used by their y coordinates alone. Therefore the sign of E never matters, and a recipient
//! needs only the Montgomery ladder.

use std::fmt;

use ark_bn254::Fr;
use ark_ec::CurveGroup;
use ark_ed_on_bn254::{EdwardsAffine, Fr as Scalar};
use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::asset::AssetId;
use crate::derive;
use crate::element::{NoteCommitment, Nullifier, OwnerId};
use crate::encoding::{check_point, fr_to_bytes, lift_y, point_from_bytes, point_to_bytes};
use crate::keys::{Address, ViewingKey, derive_nonzero};
use crate::note::Note;
use crate::swap::{Exchange, Side};

mod audit;
mod ladder;
mod note_data;
mod scan;
#[cfg(test)]
mod tests;

pub use crate::memo::{MEMO_LEN, Memo, MemoError};
pub use crate::swap::Delivery;
pub use audit::{AuditRecord, audit_decrypt, audit_encrypt, auditor_shared};
pub use ladder::ivk_shared;
pub use note_data::{DISCLOSURE_LEN, NOTE_DATA_LEN, NoteData, NoteDataError};
pub use scan::Scanner;

/// Bytes of an authentication tag.
const TAG_LEN: usize = 16;
/// Bytes of the asset and the value in a plaintext.
const AMOUNT_LEN: usize = 2 + 16;

/// Ephemeral key of a transaction: esk and E = esk·G. All shared secrets of the transaction derive
/// from it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct EphemeralKey {
    esk: Scalar,
    #[zeroize(skip)]
    public: EdwardsAffine,
}

impl EphemeralKey {
    /// Derives esk = B("esk"; ovk, nf₀, nf₁, nf₂).
    ///
    /// Only one transaction with the same three nullifiers can be included, but several may be
    /// *sent*, for example when a payment expired and is made again. They share esk. Therefore
    /// every key below depends on the commitment, and the commitment depends on everything that the
    /// key seals.
    #[must_use]
    pub fn new(ovk: &[u8; 32], nullifiers: &[Nullifier; 3]) -> Self {
        let [nf0, nf1, nf2] = nullifiers.map(|nf| nf.to_bytes());
        let esk = derive_nonzero("esk", &[ovk, &nf0, &nf1, &nf2]);
        let public = (<EdwardsAffine as ark_ec::AffineRepr>::generator() * esk).into_affine();
        Self { esk, public }
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

    /// Returns E.y, word 14 of the transaction.
    #[must_use]
    pub fn y(&self) -> Fr {
        self.public.y
    }

    /// Returns the y coordinate of esk·P, for a point P of the prime subgroup.
    #[must_use]
    pub fn shared(&self, point: &EdwardsAffine) -> Fr {
        (*point * self.esk).into_affine().y
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralKey(..)")
    }
}

/// Returns rcmᵢ = B("rcm"; Sᵢ.y, nf₀, i, memo): the blinding of output `index`, known to both sides
/// of the shared secret.
///
/// Only output 0 has a memo; the memo of the others is empty. The blinding depends on it so that
/// cmᵢ, and with it the one-time key Kᵢ, differs wherever the plaintext does, even between attempts
/// at one payment from the same inputs.
#[must_use]
pub fn rcm(shared_y: &Fr, nullifier0: &Nullifier, index: u8, memo: &Memo) -> Fr {
    let shared = Zeroizing::new(fr_to_bytes(shared_y));
    derive::field(
        "rcm",
        &[&*shared, &nullifier0.to_bytes(), &[index], memo.as_bytes()],
    )
}

/// The published outputs of a transaction, as far as a recipient needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedOutputs {
    /// y of the ephemeral point E.
    pub ephemeral: Fr,
    /// Nullifiers nf₀ … nf₂. Recipients use the first, the sender uses all.
    pub nullifiers: [Nullifier; 3],
    /// Commitments cm₀ … cm₂.
    pub commitments: [NoteCommitment; 3],
    /// The 169 bytes of ciphertexts.
    pub note_data: NoteData,
}

/// An output as its sender encrypts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputPlaintext {
    /// Address that the output is encrypted to.
    pub recipient: Address,
    /// The note. Its rcm is [`rcm`] of the shared secret with `recipient`, or comes from an
    /// exchange.
    pub note: Note,
}

impl OutputPlaintext {
    /// Returns the cash that a swap's leg delivers.
    ///
    /// Whoever knows the exchange knows the blinding. The ciphertext, with [`Exchange::memo`] as
    /// its memo, is for the recipient's later self.
    #[must_use]
    pub fn delivery(exchange: &Exchange, side: Side, recipient: Address) -> Self {
        Self {
            recipient,
            note: exchange.delivery(side, &recipient.owner),
        }
    }

    /// Returns output `index` of the transaction with this ephemeral key: a cash note to
    /// `recipient`, with the blinding of [`rcm`].
    ///
    /// `memo` is the memo that [`encrypt_outputs`] seals. It is ignored for outputs 1 and 2, which
    /// have none.
    #[must_use]
    pub fn cash(
        ephemeral: &EphemeralKey,
        nullifier0: &Nullifier,
        index: u8,
        recipient: Address,
        asset: AssetId,
        value: u128,
        memo: &Memo,
    ) -> Self {
        let none = Memo::default();
        let memo = if index == 0 { memo } else { &none };
        let rcm = rcm(&ephemeral.shared(&recipient.pk), nullifier0, index, memo);
        Self {
            recipient,
            note: Note::cash(asset, value, recipient.owner, rcm),
        }
    }
}

/// A note that a viewing key opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecryptedNote {
    /// Index of the transaction in the scanned slice; 0 if only one was tried.
    pub transaction: usize,
    /// Index of the output, 0 to 2.
    pub index: usize,
    /// The note. Its commitment was checked.
    pub note: Note,
    /// Memo of the sender. Only output 0 has one.
    pub memo: Option<Memo>,
    /// Exchange behind the note, if a swap's leg delivered it.
    pub delivery: Option<Delivery>,
}

/// One output of a transaction, for trial decryption of it alone.
#[derive(Clone, Copy, Debug)]
pub struct OutputContext<'a> {
    /// Outputs of the transaction.
    pub published: &'a PublishedOutputs,
    /// Index of the output, 0 to 2.
    pub index: usize,
}

/// Returns the cipher with the key Kᵢ = B("note"; Sᵢ.y, E.y, cmᵢ, i) → 32.
fn cipher(
    shared_y: &[u8; 32],
    ephemeral: &[u8; 32],
    cm: &NoteCommitment,
    index: u8,
) -> ChaCha20Poly1305 {
    let key = Zeroizing::new(derive::bytes32(
        "note",
        &[shared_y, ephemeral, &cm.to_bytes(), &[index]],
    ));
    ChaCha20Poly1305::new((&*key).into())
}

/// Returns B("outgoing"; ovk, E.y, cm₀, ct₀) → 32. The pad covers pk. It depends on the ciphertext
/// because the ciphertext depends on pk, and the commitment does not.
fn outgoing_pad(ovk: &[u8; 32], ephemeral: &Fr, cm0: &NoteCommitment, ct0: &[u8]) -> [u8; 32] {
    derive::bytes32(
        "outgoing",
        &[ovk, &fr_to_bytes(ephemeral), &cm0.to_bytes(), ct0],
    )
}

fn xor(a: [u8; 32], b: [u8; 32]) -> [u8; 32] {
    std::array::from_fn(|i| a[i] ^ b[i])
}

/// Encrypts the three outputs, the memo with output 0, and the outgoing copy.
#[must_use]
pub fn encrypt_outputs(
    ephemeral: &EphemeralKey,
    ovk: &[u8; 32],
    outputs: &[OutputPlaintext; 3],
    memo: &Memo,
) -> NoteData {
    let mut data = NoteData([0; NOTE_DATA_LEN]);
    encrypt(&mut data, ephemeral, 0..3, outputs, memo);
    seal_outgoing(&mut data, ephemeral, ovk, &outputs[0]);
    data
}

/// Encrypts the outputs of a step on a position.
///
/// The state disclosure ([`crate::loan::Filler::bytes`]) takes the place of the ciphertext of
/// output 0. Outputs 1 and 2 and the outgoing copy are as in [`encrypt_outputs`].
#[must_use]
pub fn encrypt_step(
    ephemeral: &EphemeralKey,
    ovk: &[u8; 32],
    outputs: &[OutputPlaintext; 3],
    disclosure: &[u8; DISCLOSURE_LEN],
) -> NoteData {
    let mut data = NoteData([0; NOTE_DATA_LEN]);
    data.ciphertext_mut(0).copy_from_slice(disclosure);
    encrypt(&mut data, ephemeral, 1..3, outputs, &Memo::default());
    seal_outgoing(&mut data, ephemeral, ovk, &outputs[0]);
    data
}

fn encrypt(
    data: &mut NoteData,
    ephemeral: &EphemeralKey,
    range: std::ops::Range<u8>,
    outputs: &[OutputPlaintext; 3],
    memo: &Memo,
) {
    let ephemeral_bytes = fr_to_bytes(&ephemeral.y());
    for i in range {
        let output = &outputs[usize::from(i)];
        let shared = Zeroizing::new(fr_to_bytes(&ephemeral.shared(&output.recipient.pk)));
        let cm = output.note.commitment();
        let (body, tag) = data
            .ciphertext_mut(usize::from(i))
            .split_last_chunk_mut::<TAG_LEN>()
            .expect("every ciphertext is longer than a tag");
        body[..2].copy_from_slice(&output.note.asset.0.to_be_bytes());
        body[2..AMOUNT_LEN].copy_from_slice(&output.note.value.to_be_bytes());
        if i == 0 {
            body[AMOUNT_LEN..].copy_from_slice(memo.as_bytes());
        }
        let sealed = cipher(&shared, &ephemeral_bytes, &cm, i)
            .encrypt_in_place_detached(&Nonce::default(), &[], body)
            .expect("53 bytes are below the limit of the cipher");
        tag.copy_from_slice(&sealed);
    }
}

fn seal_outgoing(
    data: &mut NoteData,
    ephemeral: &EphemeralKey,
    ovk: &[u8; 32],
    first: &OutputPlaintext,
) {
    let cm0 = first.note.commitment();
    let pad = outgoing_pad(ovk, &ephemeral.y(), &cm0, data.ciphertext(0));
    *data.outgoing_mut() = xor(point_to_bytes(&first.recipient.pk), pad);
}

/// Decrypts asset, value and memo of an output. `None` if the tag does not verify under this shared
/// secret.
fn open(
    published: &PublishedOutputs,
    index: usize,
    shared_y: &[u8; 32],
    ephemeral: &[u8; 32],
) -> Option<(AssetId, u128, Option<Memo>)> {
    let (sealed, tag) = published
        .note_data
        .ciphertext(index)
        .split_last_chunk::<TAG_LEN>()?;
    let mut buffer = Zeroizing::new([0; AMOUNT_LEN + MEMO_LEN]);
    let body = &mut buffer[..sealed.len()];
    body.copy_from_slice(sealed);
    cipher(
        shared_y,
        ephemeral,
        &published.commitments[index],
        index as u8,
    )
    .decrypt_in_place_detached(&Nonce::default(), &[], body, Tag::from_slice(tag))
    .ok()?;
    let (amount, memo) = body.split_first_chunk::<AMOUNT_LEN>()?;
    let (asset, value) = amount.split_first_chunk::<2>()?;
    let asset = AssetId(u16::from_be_bytes(*asset));
    let value = u128::from_be_bytes(*value.first_chunk()?);
    Some((
        asset,
        value,
        memo.first_chunk().copied().map(Memo::from_bytes),
    ))
}

/// Returns the cash note with this commitment, with the blinding of the shared secret or, for
/// output 0 of a swap's leg, the blinding of the exchange in the memo.
fn note_of(
    commitment: &NoteCommitment,
    (asset, value): (AssetId, u128),
    owner: &OwnerId,
    rcm: Fr,
    memo: &Memo,
) -> Option<(Note, Option<Delivery>)> {
    let note = Note::cash(asset, value, *owner, rcm);
    if note.commitment() == *commitment {
        return Some((note, None));
    }
    let (note, delivery) = Delivery::open(commitment, (asset, value), owner, memo)?;
    Some((note, Some(delivery)))
}

/// Opens the note of an output for `owner`, if tag and commitment match.
fn open_note(
    published: &PublishedOutputs,
    index: usize,
    shared_y: &Fr,
    shared_bytes: &[u8; 32],
    ephemeral: &[u8; 32],
    owner: &OwnerId,
) -> Option<DecryptedNote> {
    let (asset, value, memo) = open(published, index, shared_bytes, ephemeral)?;
    let sealed = memo.clone().unwrap_or_default();
    let rcm = rcm(shared_y, &published.nullifiers[0], index as u8, &sealed);
    let commitment = &published.commitments[index];
    let (note, delivery) = note_of(commitment, (asset, value), owner, rcm, &sealed)?;
    Some(DecryptedNote {
        transaction: 0,
        index,
        note,
        memo,
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

/// Opens the notes among `outputs` (indices) of a transaction whose shared secret is known.
fn open_outputs(
    published: &PublishedOutputs,
    outputs: std::ops::Range<usize>,
    shared_y: &Fr,
    owner: &OwnerId,
) -> Vec<DecryptedNote> {
    let shared = Zeroizing::new(fr_to_bytes(shared_y));
    let ephemeral = fr_to_bytes(&published.ephemeral);
    let mut found = Vec::new();
    for index in outputs {
        found.extend(open_note(
            published, index, shared_y, &shared, &ephemeral, owner,
        ));
    }
    if !found.is_empty() && !honest_ephemeral(&published.ephemeral) {
        found.clear();
    }
    found
}

/// Tries to decrypt one output. `None` if the output is not for this key or is malformed, or if the
/// index is above 2.
#[must_use]
pub fn decrypt_output(keys: &ViewingKey, output: &OutputContext<'_>) -> Option<DecryptedNote> {
    if output.index >= output.published.commitments.len() {
        return None;
    }
    let shared = ivk_shared(&keys.ivk, &output.published.ephemeral)?;
    let range = output.index..output.index + 1;
    open_outputs(output.published, range, &shared, &keys.owner).pop()
}

/// Returns the notes for this key in one transaction. For many transactions use [`Scanner`].
#[must_use]
pub fn trial_decrypt(keys: &ViewingKey, published: &PublishedOutputs) -> Vec<DecryptedNote> {
    match ivk_shared(&keys.ivk, &published.ephemeral) {
        Some(shared) => open_outputs(published, 0..3, &shared, &keys.owner),
        None => Vec::new(),
    }
}

/// A payment of a viewing key, reopened from published data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingNote {
    /// Owner of output 0, from the audit words.
    pub recipient: OwnerId,
    /// The note. Its commitment was checked.
    pub note: Note,
    /// Memo to the recipient.
    pub memo: Memo,
    /// Exchange behind the note, if it is the delivery of a swap's leg.
    pub delivery: Option<Delivery>,
}

/// Returns, for a transaction sent by `ovk`, the contents of output 0's audit words under each
/// auditor key that opens them.
///
/// Needed where a state disclosure replaces the ciphertext ([`encrypt_step`]). The result is
/// unverified: compare it with the note's commitment. Empty if the transaction is not from `ovk`.
pub(crate) fn outgoing_records(
    ovk: &[u8; 32],
    published: &PublishedOutputs,
    audit: &[Fr; 3],
    auditors: &[EdwardsAffine],
) -> Vec<AuditRecord> {
    let ephemeral = EphemeralKey::new(ovk, &published.nullifiers);
    if ephemeral.y() != published.ephemeral {
        return Vec::new();
    }
    let cm0 = &published.commitments[0];
    auditors
        .iter()
        .filter_map(|auditor| audit_decrypt(&ephemeral.shared(auditor), cm0, audit))
        .collect()
}

/// Returns the encryption key of output 0's recipient, from the outgoing copy.
fn outgoing_pk(ovk: &[u8; 32], published: &PublishedOutputs) -> Option<EdwardsAffine> {
    let cm0 = &published.commitments[0];
    let ct0 = published.note_data.ciphertext(0);
    let pad = outgoing_pad(ovk, &published.ephemeral, cm0, ct0);
    point_from_bytes(&xor(*published.note_data.outgoing(), pad)).ok()
}

/// Reopens output 0 of a transaction that the holder of `ovk` sent.
///
/// `audit` holds the three auditor words of output 0. `auditors` holds the auditor keys to try,
/// which are those that the note's asset has had; the commitment shows the right one. `None` if the
/// transaction is not from `ovk` or no auditor key fits.
#[must_use]
pub fn recover_outgoing(
    ovk: &[u8; 32],
    published: &PublishedOutputs,
    audit: &[Fr; 3],
    auditors: &[EdwardsAffine],
) -> Option<OutgoingNote> {
    let ephemeral = EphemeralKey::new(ovk, &published.nullifiers);
    if ephemeral.y() != published.ephemeral {
        return None;
    }
    let cm0 = published.commitments[0];
    let pk = outgoing_pk(ovk, published)?;
    let shared_y = ephemeral.shared(&pk);
    let shared = Zeroizing::new(fr_to_bytes(&shared_y));
    let ephemeral_bytes = fr_to_bytes(&published.ephemeral);
    let (asset, value, memo) = open(published, 0, &shared, &ephemeral_bytes)?;
    let memo = memo?;
    let rcm = rcm(&shared_y, &published.nullifiers[0], 0, &memo);
    auditors.iter().find_map(|auditor| {
        let record = audit_decrypt(&ephemeral.shared(auditor), &cm0, audit)?;
        let (note, delivery) = note_of(&cm0, (asset, value), &record.recipient, rcm, &memo)?;
        Some(OutgoingNote {
            recipient: record.recipient,
            note,
            memo: memo.clone(),
            delivery,
        })
    })
}
