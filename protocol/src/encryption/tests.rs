use ark_ec::AffineRepr;
use ark_ff::{Field, One, UniformRand, Zero};
use proptest::prelude::*;

use super::*;
use crate::encoding::fr_from_u128;
use crate::keys::{AuditorKey, Seed, unaudited};

fn keys(byte: u8) -> ViewingKey {
    ViewingKey::from_seed(&Seed::from_bytes([byte; 32]))
}

fn nullifier(value: u64) -> Nullifier {
    Nullifier::new(Fr::from(value))
}

const VALUES: [u128; 3] = [u128::MAX, 0, 77];

/// A payment of `sender` to `payee` with change to `sender`, with the memo and audit words of
/// output 0.
struct Sample {
    published: PublishedOutputs,
    outputs: [OutputPlaintext; 3],
    ephemeral: EphemeralKey,
    audit: [Fr; 3],
}

fn sample(sender: &ViewingKey, payee: Address, auditor: &EdwardsAffine, number: u64) -> Sample {
    let nullifiers = [1, 2, 3].map(|i| nullifier(number * 4 + i));
    let ephemeral = EphemeralKey::new(&sender.ovk, &nullifiers);
    let recipients = [payee, sender.address(), sender.address()];
    let memo: Memo = "invoice 2026-11".parse().unwrap();
    let outputs: [OutputPlaintext; 3] = std::array::from_fn(|i| {
        let asset = AssetId(i as u16 * 100);
        let index = i as u8;
        OutputPlaintext::cash(
            &ephemeral,
            &nullifiers[0],
            index,
            recipients[i],
            asset,
            VALUES[i],
            &memo,
        )
    });
    let commitments = outputs.map(|output| output.note.commitment());
    let audit = audit_encrypt(
        &ephemeral,
        auditor,
        &commitments[0],
        &outputs[0].note.packed(),
        &outputs[0].note.owner,
        &sender.owner,
    );
    Sample {
        published: PublishedOutputs {
            ephemeral: ephemeral.y(),
            nullifiers,
            commitments,
            note_data: encrypt_outputs(&ephemeral, &sender.ovk, &outputs, &memo),
        },
        outputs,
        ephemeral,
        audit,
    }
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
    let ephemeral = EphemeralKey::new(&[5; 32], &nullifiers);
    let bytes = nullifiers.map(|nf| nf.to_bytes()).concat();
    assert_eq!(
        *ephemeral.scalar(),
        derive::scalar("esk", &[&[5; 32], &bytes])
    );
    let (shared, nf0) = (Fr::from(8u64), nullifier(9));
    let message = [fr_to_bytes(&shared), nf0.to_bytes()].concat();
    assert_eq!(
        rcm(&shared, &nf0, 2, &"m".parse().unwrap()),
        derive::field("rcm", &[&message, &[2], b"m", &[0; MEMO_LEN - 1]])
    );
}

#[test]
fn recipients_open_their_outputs_and_only_those() {
    let (sender, payee, stranger) = (keys(1), keys(2), keys(3));
    let sample = sample(&sender, payee.address(), &unaudited(), 1);

    let found = trial_decrypt(&payee, &sample.published);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].index, 0);
    assert_eq!(found[0].note, sample.outputs[0].note);
    let memo = found[0].memo.as_ref().unwrap();
    assert_eq!(memo.text(), Some("invoice 2026-11"));

    let found = trial_decrypt(&sender, &sample.published);
    assert_eq!(found.iter().map(|n| n.index).collect::<Vec<_>>(), [1, 2]);
    for note in &found {
        assert_eq!(note.note, sample.outputs[note.index].note);
        assert_eq!(note.memo, None);
    }
    assert!(trial_decrypt(&stranger, &sample.published).is_empty());

    for index in 0..4 {
        let context = OutputContext {
            published: &sample.published,
            index,
        };
        assert_eq!(decrypt_output(&payee, &context).is_some(), index == 0);
        assert_eq!(
            decrypt_output(&sender, &context).is_some(),
            index == 1 || index == 2
        );
    }
}

#[test]
fn any_altered_byte_or_word_closes_the_output() {
    let (sender, payee) = (keys(1), keys(2));
    let sample = sample(&sender, payee.address(), &unaudited(), 1);
    for place in 0..69 {
        let mut altered = sample.published.clone();
        altered.note_data.0[place] ^= 1;
        assert!(trial_decrypt(&payee, &altered).is_empty(), "byte {place}");
    }
    let mut altered = sample.published.clone();
    altered.commitments[0] = NoteCommitment::new(Fr::from(altered.commitments[0]) + Fr::one());
    assert!(trial_decrypt(&payee, &altered).is_empty(), "commitment");
    let mut altered = sample.published.clone();
    altered.ephemeral += Fr::one();
    assert!(trial_decrypt(&payee, &altered).is_empty(), "ephemeral key");
    let mut altered = sample.published.clone();
    altered.nullifiers[0] = nullifier(0);
    assert!(
        trial_decrypt(&payee, &altered).is_empty(),
        "nullifier, and so rcm"
    );
}

/// The ciphertext is valid, but for the commitment to another amount.
#[test]
fn note_with_another_commitment_is_not_accepted() {
    let (sender, payee) = (keys(1), keys(2));
    let mut sample = sample(&sender, payee.address(), &unaudited(), 1);
    let lie = Note {
        value: 5,
        ..sample.outputs[0].note
    };
    sample.published.commitments[0] = lie.commitment();
    // Encrypted under the published commitment, but stating the old amount.
    let shared = fr_to_bytes(&sample.ephemeral.shared(&payee.pk));
    let ephemeral = fr_to_bytes(&sample.published.ephemeral);
    let mut body = [0; AMOUNT_LEN + MEMO_LEN];
    body[2..18].copy_from_slice(&VALUES[0].to_be_bytes());
    let tag = cipher(&shared, &ephemeral, &lie.commitment(), 0)
        .encrypt_in_place_detached(&Nonce::default(), &[], &mut body)
        .unwrap();
    let ciphertext = sample.published.note_data.ciphertext_mut(0);
    ciphertext[..body.len()].copy_from_slice(&body);
    ciphertext[body.len()..].copy_from_slice(&tag);
    assert!(
        open(&sample.published, 0, &shared, &ephemeral).is_some(),
        "the tag verifies"
    );
    assert!(trial_decrypt(&payee, &sample.published).is_empty());
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
        let nullifiers = [1, 2, 3].map(nullifier);
        // The strongest guess: the secret that the payee computes.
        let Some(shared) = ivk_shared(&payee.ivk, &ephemeral) else {
            continue;
        };
        let note = Note::cash(
            AssetId(0),
            9,
            payee.owner,
            rcm(&shared, &nullifiers[0], 0, &Memo::default()),
        );
        let cm = note.commitment();
        let mut data = NoteData([0; NOTE_DATA_LEN]);
        let (body, tag) = data
            .ciphertext_mut(0)
            .split_last_chunk_mut::<TAG_LEN>()
            .unwrap();
        body[2..18].copy_from_slice(&9u128.to_be_bytes());
        let (shared, ephemeral_bytes) = (fr_to_bytes(&shared), fr_to_bytes(&ephemeral));
        let sealed = cipher(&shared, &ephemeral_bytes, &cm, 0)
            .encrypt_in_place_detached(&Nonce::default(), &[], body)
            .unwrap();
        tag.copy_from_slice(&sealed);
        let published = PublishedOutputs {
            ephemeral,
            nullifiers,
            commitments: [cm; 3],
            note_data: data,
        };
        opened += usize::from(open(&published, 0, &shared, &ephemeral_bytes).is_some());
        assert!(trial_decrypt(&payee, &published).is_empty());
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
            .flat_map(|(transaction, outputs)| {
                trial_decrypt(keys, outputs)
                    .into_iter()
                    .map(move |note| DecryptedNote {
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
fn sender_reopens_what_it_sent() {
    let (sender, payee, other) = (keys(1), keys(2), keys(3));
    let auditor = AuditorKey::from_seed(&Seed::from_bytes([9; 32])).public();
    let sample = sample(&sender, payee.address(), &auditor, 1);
    let candidates = [unaudited(), auditor];
    let recover = |ovk: &[u8; 32], published: &PublishedOutputs, auditors: &[EdwardsAffine]| {
        recover_outgoing(ovk, published, &sample.audit, auditors)
    };
    let found = recover(&sender.ovk, &sample.published, &candidates).unwrap();
    assert_eq!(found.recipient, payee.owner);
    assert_eq!(found.note, sample.outputs[0].note);
    assert_eq!(found.memo.to_string(), "invoice 2026-11");

    assert_eq!(recover(&other.ovk, &sample.published, &candidates), None);
    assert_eq!(
        recover(&sender.ovk, &sample.published, &candidates[..1]),
        None
    );
    let mut altered = sample.published.clone();
    altered.note_data.0[NOTE_DATA_LEN - 1] ^= 1;
    assert_eq!(recover(&sender.ovk, &altered, &candidates), None);
    let mut altered = sample.published.clone();
    altered.nullifiers[2] = nullifier(0);
    assert_eq!(recover(&sender.ovk, &altered, &candidates), None);
}

#[test]
fn auditors_open_with_their_key_and_no_other() {
    let (sender, payee) = (keys(1), keys(2));
    let auditor = AuditorKey::from_seed(&Seed::from_bytes([9; 32]));
    let sample = sample(&sender, payee.address(), &auditor.public(), 1);
    let cm = sample.published.commitments[0];
    let shared = auditor_shared(&auditor, &sample.published.ephemeral).unwrap();
    assert_eq!(shared, sample.ephemeral.shared(&auditor.public()));
    let record = audit_decrypt(&shared, &cm, &sample.audit).unwrap();
    assert_eq!(record.value, VALUES[0]);
    assert_eq!(record.asset, AssetId(0));
    assert_eq!(record.recipient, payee.owner);
    assert_eq!(record.sender, sender.owner);

    let stranger = AuditorKey::from_seed(&Seed::from_bytes([8; 32]));
    let wrong = auditor_shared(&stranger, &sample.published.ephemeral).unwrap();
    assert_eq!(audit_decrypt(&wrong, &cm, &sample.audit), None);
    assert_eq!(
        audit_decrypt(
            &shared,
            &NoteCommitment::new(Fr::from(cm) + Fr::one()),
            &sample.audit
        ),
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
    let record = audit_decrypt(&shared, &sample.published.commitments[0], &sample.audit);
    let found = trial_decrypt(&payee, &sample.published);
    let scanner = Scanner::new(&payee);
    let printed = format!("{record:?} {:?} {found:?} {scanner:?}", sample.ephemeral);
    assert_eq!(
        printed,
        "Some(AuditRecord(..)) EphemeralKey(..) [DecryptedNote { transaction: 0, index: 0, note: \
         Note(..), memo: Some(Memo(..)), delivery: None }] Scanner(..)"
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
    let mut words = NoteData([0xff; NOTE_DATA_LEN]).to_words();
    assert_eq!(
        NoteData::from_words(&words),
        Ok(NoteData([0xff; NOTE_DATA_LEN]))
    );
    words[5] += Fr::one();
    assert_eq!(NoteData::from_words(&words), Err(NoteDataError::Padding));
    words[2] = Fr::from(2u64).pow([248]);
    assert_eq!(NoteData::from_words(&words), Err(NoteDataError::TooWide(2)));
}

proptest! {
    #[test]
    fn words_of_note_data_round_trip(
        bytes in proptest::collection::vec(any::<u8>(), NOTE_DATA_LEN),
    ) {
        let data = NoteData(bytes.try_into().unwrap());
        let words = data.to_words();
        prop_assert_eq!(NoteData::from_words(&words), Ok(data));
        // The stated layout: byte 31·i + j is byte j of word i, below a leading zero byte.
        for (i, byte) in data.0.iter().enumerate() {
            prop_assert_eq!(fr_to_bytes(&words[i / 31])[1 + i % 31], *byte);
        }
    }

    #[test]
    fn memos_round_trip(text in "[^\\x00]{0,8}") {
        let memo: Memo = text.parse().unwrap();
        prop_assert_eq!(memo.text(), Some(text.as_str()));
    }
}

#[test]
fn one_key_never_seals_two_memos() {
    // Two attempts at one payment from the same three real notes: only the memo differs.
    let (sender, payee) = (keys(1), keys(2));
    let nullifiers = [1, 2, 3].map(nullifier);
    let ephemeral = EphemeralKey::new(&sender.ovk, &nullifiers);
    let attempt = |text: &str| {
        let memo: Memo = text.parse().unwrap();
        let outputs: [OutputPlaintext; 3] = std::array::from_fn(|i| {
            let to = if i == 0 {
                payee.address()
            } else {
                sender.address()
            };
            OutputPlaintext::cash(
                &ephemeral,
                &nullifiers[0],
                i as u8,
                to,
                AssetId(7),
                VALUES[i],
                &memo,
            )
        });
        encrypt_outputs(&ephemeral, &sender.ovk, &outputs, &memo).0
    };
    let (a, b) = ("invoice 2026-11", "supplier X q4  ");
    let (one, two) = (attempt(a), attempt(b));
    let xor: Vec<u8> = (18..18 + 15).map(|i| one[i] ^ two[i]).collect();
    let plain: Vec<u8> = a.bytes().zip(b.bytes()).map(|(x, y)| x ^ y).collect();
    assert_ne!(
        xor, plain,
        "the memos' XOR shows: one keystream for two messages"
    );
}

#[test]
fn memos_cannot_reorder_surrounding_text() {
    let memo: Memo = "pay \u{202e}001\u{200b}\u{feff}".parse().unwrap();
    assert_eq!(memo.to_string(), "pay \u{fffd}001\u{fffd}\u{fffd}");
}

#[test]
fn words_under_no_secret_open_for_the_auditor() {
    use ark_ff::One;
    let key = AuditorKey::from_seed(&Seed::from_bytes([9; 32]));
    let shared = auditor_shared(&key, &Fr::one()).unwrap();
    let cm = NoteCommitment::new(Fr::from(77u64));
    let packed = crate::note::pack(crate::note::NoteClass::Cash, AssetId(3), 42);
    let [p1, p2, p3] =
        crate::poseidon::hash3(crate::domain::Domain::Audit, &[Fr::one(), cm.into()]);
    let words = [packed + p1, Fr::from(5u64) + p2, Fr::from(6u64) + p3];
    let record = audit_decrypt(&shared, &cm, &words).unwrap();
    assert_eq!((record.asset, record.value), (AssetId(3), 42));
}
