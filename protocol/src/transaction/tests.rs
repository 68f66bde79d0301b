use ark_ff::UniformRand;
use proptest::prelude::*;

use super::*;
use crate::ledger::tests::{config, rng, transaction};
use crate::proof::ProofBytes;

fn sample(withdraw: bool) -> Transaction {
    transaction(&mut rng(1), Fr::from(5u64), withdraw)
}

#[test]
fn words_stand_where_the_specification_says() {
    let tx = sample(true);
    let context = config().context;
    let words = tx.words(&context);
    let withdrawal = tx.withdrawal.unwrap();
    assert_eq!(words[0], context);
    assert_eq!(words[1], Fr::from(tx.anchor));
    assert_eq!(words[2], tx.assets_root);
    let header = u128::from(tx.header.kind as u8)
        + (u128::from(tx.header.fee_asset.0) << 8)
        + (tx.header.fee << 24);
    let shift = Fr::from(1u128 << 120);
    assert_eq!(
        words[3],
        Fr::from(header) + Fr::from(tx.header.expiry) * shift
    );
    let mut target = [0u8; 32];
    target[10..30].copy_from_slice(&withdrawal.recipient);
    target[30..].copy_from_slice(&withdrawal.asset.0.to_be_bytes());
    assert_eq!(crate::encoding::fr_to_bytes(&words[4]), target);
    assert_eq!(words[5], Fr::from(withdrawal.amount));
    assert_eq!(words[6], Fr::from(0u64));
    assert_eq!(words[7..10], tx.nullifiers.map(Fr::from));
    assert_eq!(words[10..13], tx.commitments.map(Fr::from));
    assert_eq!(words[13], tx.ephemeral);
    assert_eq!(words[14..19], tx.audit.0);
    assert_eq!(words[19..], tx.note_data.to_words());
    assert_eq!(
        Fr::from(tx.digest(&context)),
        hash(Domain::Transaction, &words)
    );
}

#[test]
fn every_word_changes_the_digest() {
    let tx = sample(true);
    let words = tx.words(&config().context);
    for i in 0..WORDS {
        let mut changed = words;
        changed[i] += Fr::from(1u64);
        assert_ne!(digest(&changed), digest(&words));
    }
    assert_ne!(tx.digest(&Fr::from(1u64)), tx.digest(&Fr::from(2u64)));
}

#[test]
fn context_binds_chain_and_contract() {
    let context = Context {
        chain_id: 1,
        rollup: [7; 20],
    };
    let mut other_chain = context;
    other_chain.chain_id = 2;
    let mut other_contract = context;
    other_contract.rollup[19] = 8;
    assert_ne!(context.word(), other_chain.word());
    assert_ne!(context.word(), other_contract.word());
}

#[test]
fn header_range_and_unpacking() {
    let asset = AssetId(3);
    let overflow = |field| Err(CodecError::Overflow { field });
    assert_eq!(
        Header::new(Kind::Transfer, asset, 1 << 96, 0),
        overflow("fee")
    );
    assert_eq!(
        Header::new(Kind::Transfer, asset, 0, 1 << 40),
        overflow("expiry")
    );
    let top = Header::new(
        Kind::Withdraw,
        AssetId(u16::MAX),
        (1 << 96) - 1,
        (1 << 40) - 1,
    )
    .unwrap();
    assert_eq!(top.valid_from(1 << 40), overflow("not before"));
    let top = top.valid_from((1 << 40) - 1).unwrap();
    assert_eq!(Header::unpack(&top.pack()), Ok(top));
    let above = top.pack() + Fr::from(1u128 << 100) * Fr::from(1u128 << 100);
    assert_eq!(Header::unpack(&above), overflow("header"));
    assert_eq!(
        Header::unpack(&Fr::from(5u64)),
        Err(CodecError::Reserved {
            field: "kind",
            value: 5
        })
    );
}

#[test]
fn words_with_stray_bits_are_refused() {
    let tx = sample(true);
    let words = tx.words(&config().context);
    assert_eq!(Transaction::from_words(&words), Ok((config().context, tx)));
    let refuse = |index: usize, value: Fr| {
        let mut words = words;
        words[index] = value;
        Transaction::from_words(&words).unwrap_err()
    };
    let big = Fr::from(1u128 << 100) * Fr::from(1u128 << 100);
    let overflow = |field| CodecError::Overflow { field };
    assert_eq!(refuse(3, words[3] + big), overflow("header"));
    assert_eq!(refuse(4, words[4] + big), overflow("withdraw target"));
    assert_eq!(refuse(5, words[5] + big), overflow("withdraw amount"));
    let above = Fr::from(1u128 << 96) * Fr::from(1u128 << 96);
    for (i, nullifier) in words[7..10].iter().enumerate() {
        assert_eq!(refuse(7 + i, *nullifier + above), overflow("nullifier"));
    }
    assert_eq!(refuse(19, -Fr::from(1u64)), overflow("note data"));
    assert_eq!(refuse(21, Fr::from(1u128 << 72)), overflow("note data"));
    // Kind 1 with a target, then with an amount.
    let transfer = words[3] - Fr::from(1u64);
    assert_eq!(refuse(3, transfer), CodecError::UnexpectedWithdrawal);
}

#[test]
fn wire_form_is_exact() {
    for withdraw in [false, true] {
        let tx = sample(withdraw);
        let bytes = tx.to_bytes();
        assert_eq!((bytes.len(), Transaction::ENCODED_LEN), (591, 591));
        assert_eq!(Transaction::from_bytes(&bytes), Ok(tx));
        for len in [0, 590, 592] {
            let mut bytes = bytes.clone();
            bytes.resize(len, 0);
            assert_eq!(
                Transaction::from_bytes(&bytes),
                Err(CodecError::Length {
                    expected: 591,
                    found: len
                })
            );
        }
    }
}

#[test]
fn wire_form_refuses_noncanonical_fields() {
    let bytes = sample(true).to_bytes();
    let with = |at: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        Transaction::from_bytes(&bytes).unwrap_err()
    };
    assert_eq!(with(0, &[0]), CodecError::Version(0));
    assert_eq!(with(0, &[2]), CodecError::Version(2));
    assert_eq!(
        with(33, &[5]),
        CodecError::Reserved {
            field: "kind",
            value: 5
        }
    );
    assert_eq!(with(33, &[3]), CodecError::UnexpectedWithdrawal);
    assert_eq!(with(33, &[4]), CodecError::UnexpectedWithdrawal);
    assert_eq!(with(33, &[1]), CodecError::UnexpectedWithdrawal);
    assert_eq!(with(33, &[0]), CodecError::UnexpectedWithdrawal);
    // The modulus itself, in every element.
    let mut modulus = crate::encoding::fr_to_bytes(&-Fr::from(1u64));
    modulus[31] += 1;
    let fields = [(1, "anchor"), (96, "terms"), (128, "assets root")]
        .into_iter()
        .chain((0..3).map(|i| (232 + 32 * i, "commitment")))
        .chain([(328, "ephemeral")])
        .chain((0..5).map(|i| (360 + 32 * i, "audit")));
    for (at, field) in fields {
        assert_eq!(with(at, &modulus), CodecError::NotCanonical { field });
    }
}

#[test]
fn submission_is_the_transaction_then_the_proof() {
    let submission = Submission {
        transaction: sample(false),
        proof: ProofBytes::new(std::array::from_fn(|i| i as u8)),
    };
    let bytes = submission.to_bytes();
    assert_eq!((bytes.len(), Submission::ENCODED_LEN), (719, 719));
    assert_eq!(bytes[591..], *submission.proof.as_bytes());
    assert_eq!(Submission::from_bytes(&bytes), Ok(submission));
    assert!(matches!(
        Submission::from_bytes(&bytes[..713]),
        Err(CodecError::Length { .. })
    ));
    let mut wrong = bytes.clone();
    wrong[0] = 9;
    assert_eq!(Submission::from_bytes(&wrong), Err(CodecError::Version(9)));
}

#[test]
#[should_panic(expected = "in range")]
fn a_header_out_of_range_has_no_encoding() {
    let mut tx = sample(false);
    tx.header.fee = 1 << 96;
    let _ = tx.to_bytes();
}

proptest! {
    /// Bytes that decode encode to themselves.
    #[test]
    fn decoding_is_canonical(
        seed: u64,
        withdraw: bool,
        flips in prop::collection::vec((0usize..591, 1u8..), 0..4),
    ) {
        let tx = transaction(&mut rng(seed), Fr::rand(&mut rng(seed)), withdraw);
        let mut bytes = tx.to_bytes();
        for (at, flip) in flips {
            bytes[at] ^= flip;
        }
        if let Ok(decoded) = Transaction::from_bytes(&bytes) {
            prop_assert_eq!(decoded.to_bytes(), bytes);
            let context = Fr::from(seed);
            let words = decoded.words(&context);
            prop_assert_eq!(Transaction::from_words(&words), Ok((context, decoded)));
        }
    }
}
