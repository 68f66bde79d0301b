use ark_ec::AffineRepr;
use ark_ff::{Field, One, UniformRand, Zero};
use proptest::prelude::*;

use super::payload::{Key, open, seal, unwrap};
use super::*;
use crate::encoding::{fr_from_u128, lift_y};
use crate::keys::{Address, AuditorKey, Seed, ViewingKey, unaudited};
use crate::swap::{Exchange, Leg, Salt, Side};

fn keys(byte: u8) -> ViewingKey {
    ViewingKey::from_seed(&Seed::from_bytes([byte; 32]))
}

fn nullifier(value: u64) -> Nullifier {
    Nullifier::of(Fr::from(value))
}

const VALUES: [u128; 3] = [u128::MAX, 0, 77];

/// A payment of `sender` to `payee` with change to `sender`.
struct Sample {
    published: PublishedOutputs,
    notes: [Note; 3],
    ephemeral: EphemeralKey,
}

impl Sample {
    fn new(
        sender: &ViewingKey,
        payee: Address,
        auditor: &EdwardsAffine,
        number: u64,
        memo: &str,
    ) -> Self {
        let nullifiers = [1, 2, 3].map(|i| nullifier(number * 4 + i));
        let ephemeral = EphemeralKey::new(&sender.ovk, &nullifiers);
        let memo: Memo = memo.parse().unwrap();
        let change = |i: u8| {
            let asset = AssetId(u16::from(i) * 100);
            ephemeral.change(i, sender.owner, asset, VALUES[usize::from(i)])
        };
        let notes = [
            ephemeral.payment(payee.owner, AssetId(0), VALUES[0], &memo),
            change(1),
            change(2),
        ];
        let audit = notes
            .each_ref()
            .map(|note| audit_encrypt(&ephemeral, auditor, note, sender.owner.tag()));
        Self {
            published: PublishedOutputs {
                ephemeral: ephemeral.y(),
                nullifiers,
                commitments: notes.each_ref().map(Note::commitment),
                audit: AuditWords::join(audit),
                note_data: ephemeral.seal(&payee.pk, &notes[0], &memo),
            },
            notes,
            ephemeral,
        }
    }
}

fn sample(sender: &ViewingKey, payee: Address, auditor: &EdwardsAffine, number: u64) -> Sample {
    Sample::new(sender, payee, auditor, number, "invoice 2026-11")
}

#[test]
fn ladder_equals_multiplication() {
    let mut rng = ark_std::test_rng();
    for i in 0..50u64 {
        let scalar = match i {
            0..10 => Scalar::from(i + 1),
            10..20 => -Scalar::from(i - 9),
            _ => Scalar::rand(&mut rng),
        };
        let point = (EdwardsAffine::generator() * Scalar::rand(&mut rng)).into_affine();
        let expected = (point * scalar).into_affine().y;
        assert_eq!(ivk_shared(&scalar, &point.y), Some(expected));
    }
}

#[test]
fn both_sides_share_the_secret_whatever_the_sign() {
    let recipient = keys(1);
    let ephemeral = EphemeralKey::new(&[5; 32], &[nullifier(1); 3]);
    let shared = ephemeral.shared(&recipient.pk);
    assert_eq!(ivk_shared(&recipient.ivk, &ephemeral.y()), Some(shared));
    let negated = -ephemeral.public();
    assert_eq!((negated * recipient.ivk).into_affine().y, shared);
}

#[test]
fn derivations_are_those_of_the_specification() {
    let nullifiers = [1, 2, 3].map(nullifier);
    let ovk = [5; 32];
    let ephemeral = EphemeralKey::new(&ovk, &nullifiers);
    let bytes = nullifiers.map(|nf| nf.to_bytes()).concat();
    assert_eq!(bytes.len(), 72);
    assert_eq!(*ephemeral.scalar(), derive::scalar("esk", &[&ovk, &bytes]));
    let (owner, asset, value) = (OwnerId::new(Fr::from(8u64)), AssetId(7), 9u128);
    let memo: Memo = "m".parse().unwrap();
    let e = fr_to_bytes(&ephemeral.y());
    let parts: [&[u8]; 5] = [&ovk, &e, &owner.to_bytes(), &[0, 7], &value.to_be_bytes()];
    let key = &derive::bytes("payload-key", &parts)[..16];
    let note = ephemeral.payment(owner, asset, value, &memo);
    assert_eq!(
        note.rcm,
        derive::field("blinding", &[key, &e, memo.as_bytes()])
    );
    assert_eq!(note, Note::cash(asset, value, owner, note.rcm));
    let change = ephemeral.change(2, owner, asset, value);
    assert_eq!(change.rcm, derive::field("change", &[&ovk, &e, &[2]]));

    let pk = keys(2).pk;
    let data = ephemeral.seal(&pk, &note, &memo).0;
    let cm0 = note.commitment().to_bytes();
    let shared = fr_to_bytes(&ephemeral.shared(&pk));
    let wrap = derive::bytes("wrap", &[&shared, &e, &cm0]);
    assert_eq!(data[..2], wrap[16..18]);
    let xor = |a: &[u8], b: &[u8]| -> Vec<u8> { a.iter().zip(b).map(|(a, b)| a ^ b).collect() };
    assert_eq!(data[2..18], xor(key, &wrap[..16]));
    let plain = [&[0, 7], &value.to_be_bytes()[..], memo.as_bytes()].concat();
    assert_eq!(
        data[18..],
        xor(&plain, &derive::bytes("payload", &[key, &e, &cm0])[..])
    );
}

#[test]
fn a_payload_opens_for_one_owner_only() {
    let (sender, payee, stranger) = (keys(1), keys(2), keys(3));
    let sample = sample(&sender, payee.address(), &unaudited(), 1);
    let found = trial_decrypt(&payee, &sample.published).unwrap();
    assert_eq!(found.note, sample.notes[0]);
    assert_eq!(found.memo.text(), Some("invoice 2026-11"));
    assert_eq!(found.delivery, None);
    for other in [&stranger, &sender] {
        assert_eq!(trial_decrypt(other, &sample.published), None);
    }
    // The payee's encryption key beside another owner: the commitment is not theirs.
    let mut mixed = payee.clone();
    mixed.owner = stranger.owner;
    assert_eq!(trial_decrypt(&mixed, &sample.published), None);
}

#[test]
fn any_altered_byte_or_word_closes_the_output() {
    let (sender, payee) = (keys(1), keys(2));
    let sample = sample(&sender, payee.address(), &unaudited(), 1);
    for place in 0..NOTE_DATA_LEN {
        for bit in 0..8 {
            let mut altered = sample.published.clone();
            altered.note_data.0[place] ^= 1 << bit;
            assert_eq!(trial_decrypt(&payee, &altered), None, "byte {place}");
        }
    }
    let mut altered = sample.published.clone();
    altered.commitments[0] = NoteCommitment::new(Fr::from(altered.commitments[0]) + Fr::one());
    assert_eq!(trial_decrypt(&payee, &altered), None, "commitment");
    let mut altered = sample.published.clone();
    altered.ephemeral += Fr::one();
    assert_eq!(trial_decrypt(&payee, &altered), None, "ephemeral key");
}

/// A sender that writes anything it likes: the pads are right, but the commitment is not that of
/// the stated contents.
#[test]
fn a_false_wrap_or_memo_opens_for_nobody() {
    let (sender, payee) = (keys(1), keys(2));
    let sample = sample(&sender, payee.address(), &unaudited(), 1);
    let shared = sample.ephemeral.shared(&payee.pk);
    let e = sample.ephemeral.y();
    let note = sample.notes[0];
    let key = |asset, value| Key::derive(&sender.ovk, &e, &payee.owner, asset, value);
    let memo: Memo = "invoice 2026-11".parse().unwrap();
    let honest = seal(&key(note.asset, note.value), &shared, &e, &note, &memo);
    assert_eq!(honest, sample.published.note_data);
    // A key of another amount, wrapped and used as it should be.
    let other_key = seal(&key(note.asset, 5), &shared, &e, &note, &memo);
    // Another memo, sealed under this commitment: the blinding is that of the first one.
    let other_memo = "invoice 2026-12".parse().unwrap();
    let other_memo = seal(
        &key(note.asset, note.value),
        &shared,
        &e,
        &note,
        &other_memo,
    );
    for data in [other_key, other_memo] {
        let bytes = fr_to_bytes(&e);
        let cm0 = note.commitment();
        assert!(
            unwrap(&data, &shared, &bytes, &cm0).is_some(),
            "the view tag is right"
        );
        let mut published = sample.published.clone();
        published.note_data = data;
        assert_eq!(trial_decrypt(&payee, &published), None);
    }
}

#[test]
fn a_view_tag_of_another_is_not_tried() {
    let (sender, payee, stranger) = (keys(1), keys(2), keys(3));
    let sample = sample(&sender, payee.address(), &unaudited(), 1);
    let cm0 = sample.published.commitments[0];
    let e = fr_to_bytes(&sample.published.ephemeral);
    let shared = ivk_shared(&stranger.ivk, &sample.published.ephemeral).unwrap();
    let mut data = sample.published.note_data;
    assert!(unwrap(&data, &shared, &e, &cm0).is_none());
    // With the stranger's own tag it is tried, and still not theirs.
    let bytes = derive::bytes("wrap", &[&fr_to_bytes(&shared), &e, &cm0.to_bytes()]);
    data.0[..2].copy_from_slice(&bytes[16..18]);
    assert!(unwrap(&data, &shared, &e, &cm0).is_some());
    let published = PublishedOutputs {
        note_data: data,
        ..sample.published
    };
    assert_eq!(trial_decrypt(&stranger, &published), None);
    assert_eq!(Scanner::new(&stranger).scan(&[published]), []);
}

/// An attacker who knows the payee's address publishes an E.y with few possible shared secrets, and
/// encrypts a note under a guess. Acceptance would reveal information about ivk.
#[test]
fn ephemeral_keys_outside_the_subgroup_are_turned_away() {
    let payee = keys(2);
    // Points of order 1, 2 and 4; a point of mixed order; a y on the twist.
    let mixed = -EdwardsAffine::generator().y;
    let twist = (2u64..)
        .map(Fr::from)
        .find(|y| lift_y(*y, false).is_none())
        .unwrap();
    let mut opened = 0;
    for ephemeral in [Fr::one(), -Fr::one(), Fr::zero(), mixed, twist] {
        // The strongest guess: the secret that the payee computes.
        let Some(shared) = ivk_shared(&payee.ivk, &ephemeral) else {
            continue;
        };
        let memo = Memo::default();
        let key = Key::derive(&[5; 32], &ephemeral, &payee.owner, AssetId(0), 9);
        let rcm = key.blinding(&ephemeral, &memo);
        let note = Note::cash(AssetId(0), 9, payee.owner, rcm);
        let cm = note.commitment();
        let published = PublishedOutputs {
            ephemeral,
            nullifiers: [1, 2, 3].map(nullifier),
            commitments: [cm; 3],
            audit: AuditWords([Fr::zero(); AUDIT_WORDS]),
            note_data: seal(&key, &shared, &ephemeral, &note, &memo),
        };
        let bytes = fr_to_bytes(&ephemeral);
        let unwrapped = unwrap(&published.note_data, &shared, &bytes, &cm).unwrap();
        let payload = open(&published.note_data, &unwrapped, &bytes, &cm);
        opened += usize::from(payload.value == 9);
        assert_eq!(trial_decrypt(&payee, &published), None);
        assert!(Scanner::new(&payee).scan(&[published]).is_empty());
    }
    assert!(
        opened >= 2,
        "only the check of the ephemeral key stood in the way"
    );
}

#[test]
fn every_value_of_the_ephemeral_word_is_survived() {
    let payee = keys(2);
    let template = sample(&keys(1), payee.address(), &unaudited(), 1).published;
    let a = fr_from_u128(168_698);
    // u = −1 (y at infinity), u = 0, u = ∞ and the roots of u² + A·u + 1, where they exist.
    let mut ys = vec![Fr::zero(), Fr::one(), -Fr::one()];
    if let Some(root) = (a.square() - Fr::from(4u64)).sqrt() {
        let u = (root - a) / Fr::from(2u64);
        ys.push((u - Fr::one()) / (u + Fr::one()));
    }
    ys.extend((2u64..40).map(Fr::from));
    let published: Vec<PublishedOutputs> = ys
        .iter()
        .map(|y| PublishedOutputs {
            ephemeral: *y,
            ..template.clone()
        })
        .collect();
    assert!(Scanner::new(&payee).scan(&published).is_empty());
    for y in ys {
        let _ = ivk_shared(&payee.ivk, &y);
        let _ = ivk_shared(&Scalar::from(2u64), &y);
    }
    assert_eq!(ivk_shared(&Scalar::zero(), &template.ephemeral), None);
}

#[test]
fn scanner_finds_what_trial_decryption_finds() {
    let (sender, payee) = (keys(1), keys(2));
    let published: Vec<PublishedOutputs> = (0..300)
        .map(|i| {
            let to = if i % 7 == 0 {
                payee.address()
            } else {
                sender.address()
            };
            let mut published = sample(&sender, to, &unaudited(), i).published;
            if i % 50 == 3 {
                published.ephemeral = Fr::one(); // no secret: must not disturb its neighbours
            }
            published
        })
        .collect();
    for keys in [&sender, &payee] {
        let one_by_one: Vec<DecryptedNote> = published
            .iter()
            .enumerate()
            .filter_map(|(transaction, outputs)| {
                let note = trial_decrypt(keys, outputs)?;
                Some(DecryptedNote {
                    transaction,
                    ..note
                })
            })
            .collect();
        assert!(one_by_one.len() > 30);
        assert_eq!(Scanner::new(keys).scan(&published), one_by_one);
    }
    assert!(Scanner::new(&payee).scan(&[]).is_empty());
}

#[test]
fn a_sender_reads_back_what_it_sent_and_its_change() {
    let (sender, payee, other) = (keys(1), keys(2), keys(3));
    let auditor = AuditorKey::from_seed(&Seed::from_bytes([9; 32])).public();
    let sample = sample(&sender, payee.address(), &auditor, 1);
    let candidates = [unaudited(), auditor];
    let read = Sent::read(&sender, &sample.published, &candidates).unwrap();
    assert!(read.is_complete());
    let paid = read.payment().unwrap();
    assert_eq!((paid.recipient, paid.note), (payee.owner, sample.notes[0]));
    assert_eq!(paid.memo.to_string(), "invoice 2026-11");
    assert_eq!(read.change(), [1, 2].map(|i: usize| Some(sample.notes[i])));

    assert!(Sent::read(&other, &sample.published, &candidates).is_none());
    let short = Sent::read(&sender, &sample.published, &candidates[..1]).unwrap();
    assert!(!short.is_complete() && short.payment().is_none() && short.change() == [None; 2]);
    // The payload is of no use for the change, nor the other way.
    let mut altered = sample.published.clone();
    altered.note_data.0[NOTE_DATA_LEN - 1] ^= 1;
    let read = Sent::read(&sender, &altered, &candidates).unwrap();
    assert!(read.payment().is_none() && read.change().iter().all(Option::is_some));
    let mut altered = sample.published.clone();
    altered.audit.0[4] += Fr::from(1u64 << 24);
    let read = Sent::read(&sender, &altered, &candidates).unwrap();
    assert!(read.payment().is_some() && read.change() == [Some(sample.notes[1]), None]);
    let mut altered = sample.published.clone();
    altered.nullifiers[2] = nullifier(0);
    assert!(Sent::read(&sender, &altered, &candidates).is_none());
}

#[test]
fn auditors_open_with_their_key_and_no_other() {
    let (sender, payee) = (keys(1), keys(2));
    let auditor = AuditorKey::from_seed(&Seed::from_bytes([9; 32]));
    let sample = sample(&sender, payee.address(), &auditor.public(), 1);
    let PublishedOutputs {
        ephemeral,
        commitments,
        audit,
        ..
    } = &sample.published;
    let shared = auditor_shared(&auditor, ephemeral).unwrap();
    assert_eq!(shared, sample.ephemeral.shared(&auditor.public()));
    for (i, cm) in commitments.iter().enumerate() {
        let asset = AssetId(i as u16 * 100);
        let open = |asset, supply| AuditRecord::open(&shared, asset, supply, i, cm, audit);
        let record = open(asset, VALUES[i]).unwrap();
        assert_eq!((record.value, record.asset), (VALUES[i], asset));
        let owner = [Some(payee.owner), Some(sender.owner), None][i];
        assert_eq!(
            (record.recipient, record.sender),
            (owner, sender.owner.tag())
        );
        // Refuses another asset, and more than there is.
        assert_eq!(open(AssetId(9), VALUES[i]), None);
        if let Some(less) = VALUES[i].checked_sub(1) {
            assert_eq!(open(asset, less), None);
        }
    }
    let stranger = AuditorKey::from_seed(&Seed::from_bytes([8; 32]));
    let wrong = auditor_shared(&stranger, ephemeral).unwrap();
    let cm = &commitments[0];
    assert_eq!(
        AuditRecord::open(&wrong, AssetId(0), u128::MAX, 0, cm, audit),
        None
    );
    let next = NoteCommitment::new(Fr::from(*cm) + Fr::one());
    assert_eq!(
        AuditRecord::open(&shared, AssetId(0), u128::MAX, 0, &next, audit),
        None
    );
    // esk = 0 hides nothing from anybody, and so nothing from the auditor.
    assert_eq!(auditor_shared(&auditor, &Fr::one()), Some(Fr::one()));
    assert_eq!(auditor_shared(&auditor, &-Fr::one()), None, "small order");
}

#[test]
fn contents_are_not_printed() {
    let (sender, payee) = (keys(1), keys(2));
    let auditor = AuditorKey::from_seed(&Seed::from_bytes([9; 32]));
    let sample = sample(&sender, payee.address(), &auditor.public(), 1);
    let shared = auditor_shared(&auditor, &sample.published.ephemeral).unwrap();
    let cm = &sample.published.commitments[0];
    let record = audit_decrypt(&shared, 0, cm, &sample.published.audit);
    let found = trial_decrypt(&payee, &sample.published);
    let sent = Sent::read(&sender, &sample.published, &[auditor.public()]);
    let scanner = Scanner::new(&payee);
    let printed = format!(
        "{record:?} {:?} {found:?} {sent:?} {scanner:?}",
        sample.ephemeral
    );
    assert_eq!(
        printed,
        "Some(AuditRecord(..)) EphemeralKey(..) Some(DecryptedNote { transaction: 0, note: \
         Note(..), memo: Memo(..), delivery: None }) Some(Sent(..)) Scanner(..)"
    );
}

#[test]
fn memos_are_bounded_and_shown_safely() {
    let longest = "x".repeat(MEMO_LEN);
    assert_eq!(
        longest.parse::<Memo>().unwrap().text(),
        Some(longest.as_str())
    );
    let longer = "x".repeat(MEMO_LEN + 1);
    assert_eq!(
        longer.parse::<Memo>(),
        Err(MemoError::TooLong(MEMO_LEN + 1))
    );
    assert_eq!("a\0b".parse::<Memo>(), Err(MemoError::Zero));
    assert!("".parse::<Memo>().unwrap().is_empty());
    let mut bytes = [0; MEMO_LEN];
    bytes[..4].copy_from_slice(&[b'a', 0x1b, 0xff, b'b']);
    let memo = Memo::from_bytes(bytes);
    assert_eq!(memo.text(), None);
    assert_eq!(memo.to_string(), "a\u{fffd}\u{fffd}b");
}

#[test]
fn words_of_note_data_are_canonical() {
    let words = NoteData([0xff; NOTE_DATA_LEN]).to_words();
    assert_eq!(
        NoteData::from_words(&words),
        Ok(NoteData([0xff; NOTE_DATA_LEN]))
    );
    for (i, width) in [248u64, 248, 72].into_iter().enumerate() {
        let mut wide = words;
        wide[i] = Fr::from(2u64).pow([width]);
        assert_eq!(NoteData::from_words(&wide), Err(NoteDataError::TooWide(i)));
        wide[i] -= Fr::one();
        assert!(NoteData::from_words(&wide).is_ok());
    }
}

proptest! {
    #[test]
    fn words_of_note_data_round_trip(
        bytes in proptest::collection::vec(any::<u8>(), NOTE_DATA_LEN),
    ) {
        let data = NoteData(bytes.try_into().unwrap());
        let words = data.to_words();
        prop_assert_eq!(NoteData::from_words(&words), Ok(data));
        // The stated layout: words of 31, 31 and 9 bytes, each right-aligned.
        for (i, byte) in data.0.iter().enumerate() {
            let above = if i < 62 { 1 } else { 23 };
            prop_assert_eq!(fr_to_bytes(&words[i / 31])[above + i % 31], *byte);
        }
    }

    #[test]
    fn memos_round_trip(text in "[^\\x00]{0,8}") {
        let memo: Memo = text.parse().unwrap();
        prop_assert_eq!(memo.text(), Some(text.as_str()));
    }
}

/// Attempts at a payment from the same three real notes share the ephemeral key. Nothing else is
/// equal, unless the attempts are.
#[test]
fn attempts_share_nothing_but_e() {
    let (sender, payee, other) = (keys(1), keys(2), keys(3));
    let nullifiers = [1, 2, 3].map(nullifier);
    let ephemeral = EphemeralKey::new(&sender.ovk, &nullifiers);
    let attempt = |to: Address, value, text: &str| {
        let memo: Memo = text.parse().unwrap();
        let note = ephemeral.payment(to.owner, AssetId(7), value, &memo);
        let data = ephemeral.seal(&to.pk, &note, &memo);
        (note.commitment(), data)
    };
    let first = attempt(payee.address(), 10, "invoice 2026-11");
    assert_eq!(attempt(payee.address(), 10, "invoice 2026-11"), first);
    // A second encryption key of the same owner: key and commitment are equal, the wrap is not.
    let moved = Address {
        pk: other.pk,
        ..payee.address()
    };
    let (cm, data) = attempt(moved, 10, "invoice 2026-11");
    assert_eq!(cm, first.0);
    assert_ne!(data.0[..18], first.1.0[..18]);
    for (cm, data) in [
        attempt(payee.address(), 10, "supplier X q4  "),
        attempt(payee.address(), 11, "invoice 2026-11"),
        attempt(other.address(), 10, "invoice 2026-11"),
    ] {
        assert_ne!(cm, first.0);
        for (at, end) in [(0, 2), (2, 18), (18, 20), (20, 36), (36, 71)] {
            assert_ne!(data.0[at..end], first.1.0[at..end], "bytes {at} to {end}");
        }
    }
}

/// Checks that one payee's key opens no attempt for another payee or amount.
#[test]
fn keys_differ_by_payee_and_amount() {
    let (sender, payee, other) = (keys(1), keys(2), keys(3));
    let first = sample(&sender, payee.address(), &unaudited(), 1);
    let second = sample(&sender, other.address(), &unaudited(), 1);
    assert_eq!(first.published.ephemeral, second.published.ephemeral);
    let e = fr_to_bytes(&first.published.ephemeral);
    let shared = ivk_shared(&payee.ivk, &first.published.ephemeral).unwrap();
    let known = unwrap(
        &first.published.note_data,
        &shared,
        &e,
        &first.published.commitments[0],
    );
    let cm0 = &second.published.commitments[0];
    let payload = open(&second.published.note_data, &known.unwrap(), &e, cm0);
    assert_ne!(payload.memo.to_string(), "invoice 2026-11");
    assert_ne!(payload.value, VALUES[0]);
}

#[test]
fn one_key_never_seals_two_memos() {
    // Two attempts at one payment from the same three real notes: only the memo differs.
    let (sender, payee) = (keys(1), keys(2));
    let (a, b) = ("invoice 2026-11", "supplier X q4  ");
    let attempt = |memo| {
        let sample = Sample::new(&sender, payee.address(), &unaudited(), 1, memo);
        sample.published.note_data.0
    };
    let (one, two) = (attempt(a), attempt(b));
    let xor: Vec<u8> = (36..36 + 15).map(|i| one[i] ^ two[i]).collect();
    let plain: Vec<u8> = a.bytes().zip(b.bytes()).map(|(x, y)| x ^ y).collect();
    assert_ne!(
        xor, plain,
        "the memos' XOR shows: one keystream for two messages"
    );
}

/// The delivery of a leg is blinded by the terms, not by the payload's key. Whatever key its sender
/// wraps, the receiver opens it if asset, amount and memo are right.
#[test]
fn a_leg_opens_whatever_its_wrap() {
    let (sender, payee) = (keys(1), keys(2));
    let ephemeral = EphemeralKey::new(&sender.ovk, &[1, 2, 3].map(nullifier));
    let exchange = Exchange {
        legs: [Leg::cash(AssetId(3), 500), Leg::cash(AssetId(4), 7)],
        salt: Salt::from_bytes([9; 16]),
    };
    let note = exchange.delivery(Side::A, &payee.owner);
    let memo = exchange.memo(Side::A);
    let shared = ephemeral.shared(&payee.pk);
    let e = ephemeral.y();
    for key in [
        Key::derive(&sender.ovk, &e, &payee.owner, note.asset, note.value),
        Key::derive(&[0; 32], &e, &payee.owner, AssetId(0), 0),
    ] {
        let published = PublishedOutputs {
            ephemeral: e,
            nullifiers: [1, 2, 3].map(nullifier),
            commitments: [note.commitment(); 3],
            audit: AuditWords([Fr::zero(); AUDIT_WORDS]),
            note_data: seal(&key, &shared, &e, &note, &memo),
        };
        let found = trial_decrypt(&payee, &published).unwrap();
        assert_eq!((found.note, &found.memo), (note, &memo));
        assert_eq!(found.delivery.unwrap().exchange, exchange);
    }
}

#[test]
fn memos_cannot_reorder_surrounding_text() {
    let memo: Memo = "pay \u{202e}001\u{200b}\u{feff}".parse().unwrap();
    assert_eq!(memo.to_string(), "pay \u{fffd}001\u{fffd}\u{fffd}");
}

#[test]
fn words_under_no_secret_open_for_the_auditor() {
    let key = AuditorKey::from_seed(&Seed::from_bytes([9; 32]));
    let shared = auditor_shared(&key, &Fr::one()).unwrap();
    let note = Note::cash(AssetId(3), 42, keys(4).owner, Fr::from(5u64));
    let cm = note.commitment();
    let [p1, p2, _] = crate::poseidon::hash3(crate::domain::Domain::Audit, &[Fr::one(), cm.into()]);
    let ciphertext = AuditCiphertext {
        note: audit_packed(&note, keys(1).owner.tag()) + p1,
        owner: Fr::from(note.owner) + p2,
    };
    let words = AuditWords::join([ciphertext; 3]);
    for output in 0..3 {
        let record = audit_decrypt(&shared, output, &cm, &words).unwrap();
        assert_eq!((record.asset, record.value), (AssetId(3), 42));
        assert_eq!(record.recipient, (output != 2).then_some(note.owner));
    }
}
