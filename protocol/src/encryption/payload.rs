//! The payload of output 0: asset, amount and memo under a key of 16 bytes, and that key wrapped
//! for the recipient.
//!
//! Nothing here has a tag. A recipient believes a payload because the commitment is that of the
//! note which the payload states, with a blinding that depends on key and memo.

use ark_bn254::Fr;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::NoteData;
use super::note_data::{KEY_LEN, PAYLOAD_LEN, TAG_LEN};
use crate::asset::AssetId;
use crate::derive;
use crate::element::{NoteCommitment, OwnerId};
use crate::encoding::fr_to_bytes;
use crate::memo::{MEMO_LEN, Memo};
use crate::note::Note;

/// Bytes of asset and amount.
const AMOUNT_LEN: usize = 2 + 16;

const _: () = assert!(AMOUNT_LEN + MEMO_LEN == PAYLOAD_LEN);

/// Key K of a payload.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Key([u8; KEY_LEN]);

impl Key {
    /// Derives K = B("payload-key"; ovk, E.y, owner, asset, amount) → 16.
    ///
    /// Attempts from the same notes share E. The key differs where payee or amount do, so that one
    /// payee's key opens no payload of another.
    pub(super) fn derive(
        ovk: &[u8; 32],
        ephemeral: &Fr,
        owner: &OwnerId,
        asset: AssetId,
        value: u128,
    ) -> Self {
        let parts: [&[u8]; 5] = [
            ovk,
            &fr_to_bytes(ephemeral),
            &owner.to_bytes(),
            &asset.0.to_be_bytes(),
            &value.to_be_bytes(),
        ];
        Self(head(&derive::bytes("payload-key", &parts)))
    }

    /// Returns rcm₀ = B("blinding"; K, E.y, memo) of a payment.
    pub(super) fn blinding(&self, ephemeral: &Fr, memo: &Memo) -> Fr {
        let parts: [&[u8]; 3] = [&self.0, &fr_to_bytes(ephemeral), memo.as_bytes()];
        derive::field("blinding", &parts)
    }

    /// Returns the pad of the payload, B("payload"; K, E.y, cm₀) → 53.
    fn pad(&self, ephemeral: &[u8; 32], cm0: &NoteCommitment) -> Zeroizing<[u8; PAYLOAD_LEN]> {
        let parts: [&[u8]; 3] = [&self.0, ephemeral, &cm0.to_bytes()];
        Zeroizing::new(head(&derive::bytes("payload", &parts)))
    }
}

/// Mask of the key, and view tag: B("wrap"; S₀.y, E.y, cm₀) → 18.
struct Wrap {
    mask: Zeroizing<[u8; KEY_LEN]>,
    tag: [u8; TAG_LEN],
}

impl Wrap {
    fn new(shared_y: &Fr, ephemeral: &[u8; 32], cm0: &NoteCommitment) -> Self {
        let shared = Zeroizing::new(fr_to_bytes(shared_y));
        let bytes = derive::bytes("wrap", &[&*shared, ephemeral, &cm0.to_bytes()]);
        Self {
            mask: Zeroizing::new(head(&bytes)),
            tag: std::array::from_fn(|i| bytes[KEY_LEN + i]),
        }
    }
}

/// Contents of a payload, not yet compared with the commitment.
pub(super) struct Payload {
    pub(super) asset: AssetId,
    pub(super) value: u128,
    pub(super) memo: Memo,
}

/// Seals asset, amount and memo of output 0, and wraps the key.
pub(super) fn seal(key: &Key, shared_y: &Fr, ephemeral: &Fr, note: &Note, memo: &Memo) -> NoteData {
    let ephemeral = fr_to_bytes(ephemeral);
    let cm0 = note.commitment();
    let wrap = Wrap::new(shared_y, &ephemeral, &cm0);
    let mut plain = Zeroizing::new([0; PAYLOAD_LEN]);
    plain[..2].copy_from_slice(&note.asset.0.to_be_bytes());
    plain[2..AMOUNT_LEN].copy_from_slice(&note.value.to_be_bytes());
    plain[AMOUNT_LEN..].copy_from_slice(memo.as_bytes());
    let pad = key.pad(&ephemeral, &cm0);
    NoteData::of_payload(wrap.tag, xor(&key.0, &wrap.mask), xor(&plain, &pad))
}

/// Unwraps the key with the secret of recipient and sender. `None` if the view tag is another.
pub(super) fn unwrap(
    data: &NoteData,
    shared_y: &Fr,
    ephemeral: &[u8; 32],
    cm0: &NoteCommitment,
) -> Option<Key> {
    let wrap = Wrap::new(shared_y, ephemeral, cm0);
    (*data.view_tag() == wrap.tag).then(|| Key(xor(data.wrapped_key(), &wrap.mask)))
}

/// Decrypts the payload.
pub(super) fn open(
    data: &NoteData,
    key: &Key,
    ephemeral: &[u8; 32],
    cm0: &NoteCommitment,
) -> Payload {
    let pad = key.pad(ephemeral, cm0);
    let plain = Zeroizing::new(xor(data.payload(), &pad));
    let mut asset = [0; 2];
    let mut value = [0; 16];
    let mut memo = [0; MEMO_LEN];
    asset.copy_from_slice(&plain[..2]);
    value.copy_from_slice(&plain[2..AMOUNT_LEN]);
    memo.copy_from_slice(&plain[AMOUNT_LEN..]);
    Payload {
        asset: AssetId(u16::from_be_bytes(asset)),
        value: u128::from_be_bytes(value),
        memo: Memo::from_bytes(memo),
    }
}

fn head<const N: usize>(bytes: &[u8; 64]) -> [u8; N] {
    std::array::from_fn(|i| bytes[i])
}

fn xor<const N: usize>(a: &[u8; N], b: &[u8; N]) -> [u8; N] {
    std::array::from_fn(|i| a[i] ^ b[i])
}
