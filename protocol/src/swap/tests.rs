use super::*;
use crate::EdwardsAffine;
use crate::element::Nullifier;
use crate::encoding::CodecError;
use crate::encryption::{
    EphemeralKey, Memo, OutputPlaintext, PublishedOutputs, audit_encrypt, encrypt_outputs,
    recover_outgoing, trial_decrypt,
};
use crate::keys::{Seed, ViewingKey, unaudited};
use proptest::prelude::*;

fn keys(byte: u8) -> ViewingKey {
    ViewingKey::from_seed(&Seed::from_bytes([byte; 32]))
}

fn exchange() -> Exchange {
    Exchange {
        legs: [
            Leg::cash(AssetId(3), 10_000_000),
            Leg::cash(AssetId(5), 3_000_000_000_000_000_000),
        ],
        salt: Salt::from_bytes([0x5a; SALT_LEN]),
    }
}

fn terms() -> Terms {
    Terms::new(
        exchange(),
        [keys(2).address(), keys(1).address()],
        1_800_000_000,
    )
    .unwrap()
}

/// An edit of terms, and whether it changes the blindings of the deliveries.
type Edit = (fn(&mut Terms), bool);

#[test]
fn every_part_changes_the_digest_and_every_part_of_an_exchange_both_deliveries() {
    let base = terms();
    let edits: [Edit; 8] = [
        (|t| t.exchange.legs[0].asset = AssetId(4), true),
        (|t| t.exchange.legs[0].value += 1, true),
        (|t| t.exchange.legs[1].asset = AssetId(4), true),
        (|t| t.exchange.legs[1].value += 1, true),
        (
            |t| t.exchange.salt = Salt::from_bytes([0x5b; SALT_LEN]),
            true,
        ),
        (|t| t.receivers[0] = keys(7).address(), false),
        (|t| t.receivers[1] = keys(7).address(), false),
        (|t| t.expiry += 1, false),
    ];
    let mut seen = vec![base.digest()];
    for (edit, moves) in edits {
        let mut other = base.clone();
        edit(&mut other);
        assert!(!seen.contains(&other.digest()));
        seen.push(other.digest());
        let [a, b] = other.exchange.blindings();
        assert_eq!(a != base.exchange.blindings()[0], moves);
        assert_eq!(b != base.exchange.blindings()[1], moves);
        assert_ne!(a, b);
    }
    let mut mirrored = base.clone();
    mirrored.exchange.legs.swap(0, 1);
    mirrored.receivers.swap(0, 1);
    assert_ne!(mirrored.digest(), base.digest());
}

#[test]
fn invalid_terms_are_refused_by_name() {
    let refuse = |edit: fn(&mut Terms)| {
        let mut terms = terms();
        edit(&mut terms);
        let bytes = terms.to_bytes();
        let error = Terms::new(terms.exchange.clone(), terms.receivers, terms.expiry).unwrap_err();
        if error != TermsError::Expiry {
            assert_eq!(Terms::from_bytes(&bytes), Err(error.into()));
        }
        error
    };
    assert_eq!(
        refuse(|t| t.exchange.legs[0].value = 0),
        TermsError::Nothing(Side::A)
    );
    assert_eq!(
        refuse(|t| t.exchange.legs[1].value = 0),
        TermsError::Nothing(Side::B)
    );
    assert_eq!(
        refuse(|t| t.exchange.legs[1].asset = AssetId(3)),
        TermsError::SameAsset
    );
    assert_eq!(
        refuse(|t| t.receivers[1] = t.receivers[0]),
        TermsError::SameOwner
    );
    let wide = Terms::new(exchange(), terms().receivers, 1 << header::EXPIRY.width);
    assert_eq!(wide, Err(TermsError::Expiry));
}

#[test]
fn the_wire_form_is_strict() {
    let bytes = terms().to_bytes();
    assert_eq!(bytes.len(), Terms::ENCODED_LEN);
    assert_eq!(Terms::ENCODED_LEN, 186);
    assert_eq!(Terms::from_bytes(&bytes), Ok(terms()));
    for found in [0, 185, 187] {
        let mut other = bytes.clone();
        other.resize(found, 0);
        assert_eq!(
            Terms::from_bytes(&other),
            Err(TermsDecodeError::Codec(CodecError::Length {
                expected: 186,
                found
            }))
        );
    }
    let mut other = bytes.clone();
    other[0] = 2;
    assert_eq!(
        Terms::from_bytes(&other),
        Err(TermsDecodeError::Codec(CodecError::Version(2)))
    );
    let mut other = bytes;
    other[19..51].fill(0xff);
    assert!(matches!(
        Terms::from_bytes(&other),
        Err(TermsDecodeError::Address(_))
    ));
}

#[test]
fn nothing_shows_in_debug() {
    let terms = terms();
    let shown = format!(
        "{terms:?} {:?} {:?} {:?}",
        terms.exchange, terms.exchange.legs, terms.exchange.salt
    );
    assert!(!shown.chars().any(|c| c.is_ascii_digit()), "{shown}");
}

proptest! {
    #[test]
    fn encodings_and_memos_round_trip(
        assets in any::<[u16; 2]>(), values in any::<[u128; 2]>(),
        salt: [u8; SALT_LEN], expiry in 0u64..1 << 40,
    ) {
        let legs = [0, 1].map(|i| Leg::cash(AssetId(assets[i]), values[i]));
        let exchange = Exchange { legs, salt: Salt::from_bytes(salt) };
        for side in Side::BOTH {
            let memo = exchange.memo(side);
            prop_assert!(memo.text().is_none(), "a text could be taken for it");
            prop_assert_eq!(
                Exchange::from_memo(*exchange.leg(side), &memo),
                Some((side, exchange.clone()))
            );
        }
        if let Ok(terms) = Terms::new(exchange, terms().receivers, expiry) {
            prop_assert_eq!(Terms::from_bytes(&terms.to_bytes()), Ok(terms));
        }
    }

    #[test]
    fn no_text_is_the_memo_of_a_leg(text in "\\PC{0,8}") {
        let memo: Memo = text.parse().unwrap();
        prop_assert_eq!(Exchange::from_memo(exchange().legs[0], &memo), None);
    }
}

/// Publishes a leg of `sender`: the delivery, and two outputs to itself.
fn leg(sender: &ViewingKey, side: Side, memo: &Memo) -> (PublishedOutputs, [Fr; 3]) {
    let terms = terms();
    let nullifiers = [11u64, 12, 13].map(|n| Nullifier::new(Fr::from(n)));
    let ephemeral = EphemeralKey::new(&sender.ovk, &nullifiers);
    let own = |index| {
        OutputPlaintext::cash(
            &ephemeral,
            &nullifiers[0],
            index,
            sender.address(),
            AssetId(3),
            index.into(),
            &Memo::default(),
        )
    };
    let outputs = [
        OutputPlaintext::delivery(&terms.exchange, side, *terms.receiver(side)),
        own(1),
        own(2),
    ];
    let note = &outputs[0].note;
    let audit = audit_encrypt(
        &ephemeral,
        &unaudited(),
        &note.commitment(),
        &note.packed(),
        &note.owner,
        &sender.owner,
    );
    let published = PublishedOutputs {
        ephemeral: ephemeral.y(),
        nullifiers,
        commitments: [0, 1, 2].map(|i: usize| outputs[i].note.commitment()),
        note_data: encrypt_outputs(&ephemeral, &sender.ovk, &outputs, memo),
    };
    (published, audit)
}

#[test]
fn a_receiver_opens_a_delivery_without_the_terms() {
    let terms = terms();
    for (side, sender, receiver) in [(Side::A, 1, 2), (Side::B, 2, 1)] {
        let (published, _) = leg(&keys(sender), side, &terms.exchange.memo(side));
        let found = trial_decrypt(&keys(receiver), &published);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].note, terms.delivery(side));
        let delivery = found[0].delivery.as_ref().unwrap();
        assert_eq!((delivery.side, &delivery.exchange), (side, &terms.exchange));
        // The sender finds its own two outputs, which are not deliveries.
        let own = trial_decrypt(&keys(sender), &published);
        assert_eq!(own.len(), 2);
        assert!(own.iter().all(|note| note.delivery.is_none()));
    }
}

#[test]
fn a_sender_reads_the_counterpart_from_its_own_leg() {
    let terms = terms();
    let auditors: [EdwardsAffine; 1] = [unaudited()];
    for (side, sender) in [(Side::A, 1), (Side::B, 2)] {
        let (published, audit) = leg(&keys(sender), side, &terms.exchange.memo(side));
        let sent = recover_outgoing(&keys(sender).ovk, &published, &audit, &auditors).unwrap();
        assert_eq!(sent.note, terms.delivery(side));
        assert_eq!(sent.recipient, terms.receiver(side).owner);
        let delivery = sent.delivery.unwrap();
        let counter = delivery
            .exchange
            .delivery(delivery.side.other(), &keys(sender).owner);
        assert_eq!(counter, terms.delivery(side.other()));
    }
}

#[test]
fn a_memo_that_lies_about_the_exchange_opens_nothing() {
    let terms = terms();
    let mut other = terms.exchange.clone();
    other.legs[1].value += 1;
    for memo in [
        other.memo(Side::A),
        terms.exchange.memo(Side::B),
        Memo::default(),
    ] {
        let (published, _) = leg(&keys(1), Side::A, &memo);
        assert!(trial_decrypt(&keys(2), &published).is_empty());
    }
}
