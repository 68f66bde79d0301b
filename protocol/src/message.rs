//! Sealed messages between wallets (spec: *Swaps*, Negotiation).
//!
//! All messages have one length and look like random bytes to everyone but the recipient. The
//! recipient learns the sender of each; the carrier learns neither.

use std::fmt;

use ark_ec::{AffineRepr, CurveGroup};
use ark_ed_on_bn254::{EdwardsAffine, Fr as Scalar};
use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag};
use rand::{CryptoRng, RngCore};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::derive;
use crate::encoding::{fr_from_bytes, fr_to_bytes, point_to_bytes};
use crate::encryption::{honest_ephemeral, ivk_shared};
use crate::keys::{ADDRESS_LEN, Address, ViewingKey, derive_nonzero};

/// Bytes of a message.
pub const MESSAGE_LEN: usize = 1024;

const POINT_LEN: usize = 32;
const TAG_LEN: usize = 16;
const AUTHENTICATOR_LEN: usize = 32;
const BODY_LEN: usize = MESSAGE_LEN - POINT_LEN - TAG_LEN;
const AUTHENTICATOR_AT: usize = ADDRESS_LEN;
const LENGTH_AT: usize = AUTHENTICATOR_AT + AUTHENTICATOR_LEN;
const PAYLOAD_AT: usize = LENGTH_AT + 2;

/// Maximum bytes of a payload.
pub const PAYLOAD_LEN: usize = BODY_LEN - PAYLOAD_AT;

/// Error of a payload that does not fit a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("payload has {0} bytes; at most {PAYLOAD_LEN} fit")]
pub struct PayloadTooLong(pub usize);

/// A message in transit: opaque bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SealedMessage(pub [u8; MESSAGE_LEN]);

impl fmt::Debug for SealedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedMessage(..)")
    }
}

/// An opened message. Its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenedMessage {
    /// Sender, as far as the recipient can tell: the holder of the ivk of this address, or the
    /// recipient itself.
    pub sender: Address,
    /// Contents of the message.
    pub payload: Vec<u8>,
}

impl fmt::Debug for OpenedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenedMessage(..)")
    }
}

impl Drop for OpenedMessage {
    fn drop(&mut self) {
        self.payload.zeroize();
    }
}

/// Seals a payload from the holder of `sender` to an address.
///
/// # Errors
/// [`PayloadTooLong`] if the payload exceeds [`PAYLOAD_LEN`].
pub fn seal(
    sender: &ViewingKey,
    recipient: &Address,
    payload: &[u8],
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<SealedMessage, PayloadTooLong> {
    if payload.len() > PAYLOAD_LEN {
        return Err(PayloadTooLong(payload.len()));
    }
    let mut seed = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *seed);
    let mut esk: Scalar = derive_nonzero("message-ephemeral", &[&*seed]);
    let ephemeral = fr_to_bytes(&(EdwardsAffine::generator() * esk).into_affine().y);
    let shared = Zeroizing::new(fr_to_bytes(&(recipient.pk * esk).into_affine().y));
    esk.zeroize();
    let static_shared = Zeroizing::new(fr_to_bytes(&(recipient.pk * sender.ivk).into_affine().y));

    let mut message = SealedMessage([0; MESSAGE_LEN]);
    message.0[..POINT_LEN].copy_from_slice(&ephemeral);
    let (body, tag) = message.0[POINT_LEN..]
        .split_last_chunk_mut::<TAG_LEN>()
        .expect("a message is longer than a tag");
    body[..ADDRESS_LEN].copy_from_slice(&sender.address().to_bytes());
    body[LENGTH_AT..PAYLOAD_AT].copy_from_slice(&(payload.len() as u16).to_be_bytes());
    body[PAYLOAD_AT..PAYLOAD_AT + payload.len()].copy_from_slice(payload);
    let authenticator = authenticator(&static_shared, &shared, &ephemeral, recipient, body);
    body[AUTHENTICATOR_AT..LENGTH_AT].copy_from_slice(&authenticator);
    let sealed = cipher(&shared, &ephemeral, &recipient.pk)
        .encrypt_in_place_detached(&Nonce::default(), &[], body)
        .expect("976 bytes are below the limit of the cipher");
    tag.copy_from_slice(&sealed);
    Ok(message)
}

/// Opens a message for this key. `None` if the message is for another key or malformed.
#[must_use]
pub fn open(keys: &ViewingKey, message: &SealedMessage) -> Option<OpenedMessage> {
    let (ephemeral, sealed) = message.0.split_first_chunk::<POINT_LEN>()?;
    let y = fr_from_bytes(ephemeral).ok()?;
    let shared = Zeroizing::new(fr_to_bytes(&ivk_shared(&keys.ivk, &y)?));
    let (sealed, tag) = sealed.split_last_chunk::<TAG_LEN>()?;
    let mut body = Zeroizing::new([0; BODY_LEN]);
    body.copy_from_slice(sealed);
    cipher(&shared, ephemeral, &keys.pk)
        .decrypt_in_place_detached(&Nonce::default(), &[], &mut *body, Tag::from_slice(tag))
        .ok()?;
    if !honest_ephemeral(&y) {
        return None;
    }
    let sender = Address::from_bytes(body.first_chunk()?).ok()?;
    let static_shared = Zeroizing::new(fr_to_bytes(&(sender.pk * keys.ivk).into_affine().y));
    let expected = authenticator(&static_shared, &shared, ephemeral, &keys.address(), &*body);
    if !bool::from(expected.ct_eq(&body[AUTHENTICATOR_AT..LENGTH_AT])) {
        return None;
    }
    let length = u16::from_be_bytes(*body[LENGTH_AT..].first_chunk()?).into();
    let payload = &body[PAYLOAD_AT..];
    if length > payload.len() || payload[length..].iter().any(|byte| *byte != 0) {
        return None;
    }
    Some(OpenedMessage {
        sender,
        payload: payload[..length].to_vec(),
    })
}

/// Returns the cipher with the key B("message"; S.y, E.y, pk) → 32.
fn cipher(shared: &[u8; 32], ephemeral: &[u8; 32], recipient: &EdwardsAffine) -> ChaCha20Poly1305 {
    let pk = point_to_bytes(recipient);
    let key = Zeroizing::new(derive::bytes32("message", &[shared, ephemeral, &pk]));
    ChaCha20Poly1305::new((&*key).into())
}

/// Returns B("message-sender"; T.y, S.y, E.y, recipient, body without the authenticator) → 32.
fn authenticator(
    static_shared: &[u8; 32],
    shared: &[u8; 32],
    ephemeral: &[u8; 32],
    recipient: &Address,
    body: &[u8],
) -> [u8; AUTHENTICATOR_LEN] {
    derive::bytes32(
        "message-sender",
        &[
            static_shared,
            shared,
            ephemeral,
            &recipient.to_bytes(),
            &body[..AUTHENTICATOR_AT],
            &body[LENGTH_AT..],
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::lift_y;
    use crate::keys::Seed;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    fn keys(byte: u8) -> ViewingKey {
        ViewingKey::from_seed(&Seed::from_bytes([byte; 32]))
    }

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(9)
    }

    fn sealed(payload: &[u8]) -> SealedMessage {
        seal(&keys(1), &keys(2).address(), payload, &mut rng()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_recipient_opens_and_knows_the_sender(
            payload in proptest::collection::vec(any::<u8>(), 0..=PAYLOAD_LEN),
        ) {
            let message = sealed(&payload);
            let opened = open(&keys(2), &message).unwrap();
            prop_assert_eq!(opened.sender, keys(1).address());
            prop_assert_eq!(&opened.payload, &payload);
            prop_assert!(open(&keys(1), &message).is_none());
            prop_assert!(open(&keys(3), &message).is_none());
        }
    }

    #[test]
    fn a_payload_that_is_too_long_is_refused() {
        let payload = vec![1; PAYLOAD_LEN + 1];
        assert_eq!(
            seal(&keys(1), &keys(2).address(), &payload, &mut rng()),
            Err(PayloadTooLong(PAYLOAD_LEN + 1))
        );
        assert_eq!(PAYLOAD_LEN, 878);
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let message = sealed(b"terms");
        for place in 0..MESSAGE_LEN {
            let mut other = message.clone();
            other.0[place] ^= 1;
            assert!(open(&keys(2), &other).is_none(), "byte {place}");
        }
    }

    #[test]
    fn a_message_sealed_twice_shares_nothing() {
        let mut rng = rng();
        let mut again = || seal(&keys(1), &keys(2).address(), b"x", &mut rng).unwrap();
        let (a, b) = (again(), again());
        let equal = a.0.iter().zip(&b.0).filter(|(x, y)| x == y).count();
        assert!(equal < 40, "{equal} of 1,024 bytes are equal");
    }

    /// Seals a body to key 2 without the claimed sender's ivk, as anybody can: with a static secret
    /// of the forger, and any ephemeral point whose shared secret the forger knows.
    fn forge_under(
        (ephemeral, shared): ([u8; POINT_LEN], [u8; 32]),
        claimed: &ViewingKey,
        edit: impl Fn(&mut [u8; BODY_LEN]),
    ) -> SealedMessage {
        let recipient = keys(2).address();
        let static_shared = fr_to_bytes(&(recipient.pk * claimed.ivk).into_affine().y);
        let mut body = [0; BODY_LEN];
        body[..ADDRESS_LEN].copy_from_slice(&keys(1).address().to_bytes());
        edit(&mut body);
        let authenticator = authenticator(&static_shared, &shared, &ephemeral, &recipient, &body);
        body[AUTHENTICATOR_AT..LENGTH_AT].copy_from_slice(&authenticator);
        let tag = cipher(&shared, &ephemeral, &recipient.pk)
            .encrypt_in_place_detached(&Nonce::default(), &[], &mut body)
            .unwrap();
        let mut message = SealedMessage([0; MESSAGE_LEN]);
        message.0[..POINT_LEN].copy_from_slice(&ephemeral);
        message.0[POINT_LEN..POINT_LEN + BODY_LEN].copy_from_slice(&body);
        message.0[POINT_LEN + BODY_LEN..].copy_from_slice(&tag);
        message
    }

    fn forge(claimed: &ViewingKey, edit: impl Fn(&mut [u8; BODY_LEN])) -> SealedMessage {
        let esk = Scalar::from(77u64);
        let ephemeral = fr_to_bytes(&(EdwardsAffine::generator() * esk).into_affine().y);
        let shared = fr_to_bytes(&(keys(2).pk * esk).into_affine().y);
        forge_under((ephemeral, shared), claimed, edit)
    }

    #[test]
    fn nobody_writes_in_anothers_name() {
        assert!(open(&keys(2), &forge(&keys(1), |_| {})).is_some());
        assert!(open(&keys(2), &forge(&keys(3), |_| {})).is_none());
    }

    #[test]
    fn padding_length_and_address_are_checked() {
        let refused =
            |edit: fn(&mut [u8; BODY_LEN])| open(&keys(2), &forge(&keys(1), edit)).is_none();
        assert!(refused(|body| body[BODY_LEN - 1] = 1));
        assert!(refused(
            |body| body[LENGTH_AT..PAYLOAD_AT].copy_from_slice(&879u16.to_be_bytes())
        ));
        assert!(refused(|body| body[..32].fill(0xff)));
    }

    #[test]
    fn an_ephemeral_point_outside_the_subgroup_is_refused() {
        // y = 0 has order four: everybody would know the shared secret.
        let y = crate::Fr::from(0u64);
        assert!(lift_y(y, false).is_some());
        assert!(open(&keys(2), &SealedMessage([0; MESSAGE_LEN])).is_none());
        let shared = fr_to_bytes(&ivk_shared(&keys(2).ivk, &y).unwrap_or_default());
        let message = forge_under((fr_to_bytes(&y), shared), &keys(1), |_| {});
        assert!(open(&keys(2), &message).is_none());
    }
}
