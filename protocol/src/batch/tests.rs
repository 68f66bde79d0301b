use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::encoding::{fr_from_hex, fr_to_hex};
use crate::ledger::tests::{config, deposit, input, rng, transaction};
use crate::ledger::{BatchInput, Deposit, Ledger};
use crate::transaction::Context;

/// A second batch: two of four slots in use, one of them a withdrawal, and three deposits.
fn sample() -> (BatchWitness, Vec<crate::transaction::Transaction>) {
    let (_, witness, transactions) = sample_on_ledger();
    (witness, transactions)
}

/// The same batch, with the ledger before it.
fn sample_on_ledger() -> (Ledger, BatchWitness, Vec<crate::transaction::Transaction>) {
    let rng = &mut rng(2026);
    let mut ledger = Ledger::new();
    let first = transaction(rng, ledger.state().note_root, false);
    ledger
        .execute(input(Shape::S4, vec![first], vec![deposit(rng)]), &config())
        .unwrap();
    let anchor = ledger.state().note_root;
    let mut transactions = vec![
        transaction(rng, anchor, false),
        transaction(rng, anchor, true),
    ];
    let prices = Fr::from(0xfeed_u64);
    transactions[1].anchor = ledger.state().anchor(&prices);
    let deposits = (0..3).map(|_| deposit(rng)).collect();
    let batch = BatchInput {
        prices,
        ..input(Shape::S4, transactions.clone(), deposits)
    };
    let before = ledger.clone();
    let witness = ledger.execute(batch, &config()).unwrap();
    (before, witness, transactions)
}

#[test]
fn shapes_have_the_sizes_of_the_specification() {
    let sizes = Shape::ALL.map(|s| (s.slots(), s.words_len(), s.leaves(), s.subtree_level()));
    assert_eq!(
        sizes,
        [(4, 84, 16, 2), (16, 312, 64, 3), (64, 1224, 256, 4)]
    );
    for shape in Shape::ALL {
        assert_eq!(Shape::from_slots(shape.slots()), Some(shape));
        let width = shape.leaves() as u64;
        assert_eq!(4u64.pow(shape.subtree_level() as u32), width);
        for (count, start) in [(4, width), (width, width), (width + 1, 2 * width)] {
            assert_eq!(shape.start(count), start);
        }
    }
    assert_eq!(Shape::from_slots(8), None);
    assert_eq!(Shape::fitting(0, 0), Some(Shape::S4));
    assert_eq!(Shape::fitting(4, 5), Some(Shape::S16));
    assert_eq!(Shape::fitting(17, 1), Some(Shape::S64));
    assert_eq!(Shape::fitting(1, 65), None);
}

#[test]
fn data_words_stand_where_the_specification_says() {
    let (witness, transactions) = sample();
    let header = &witness.header;
    let words = witness.data_words();
    assert_eq!(words.len(), 84);
    assert_eq!(words[0], config().context);
    assert_eq!(words[1], header.assets_root);
    let mut info = [0u8; 32];
    info[1..21].copy_from_slice(&header.fee_recipient);
    info[21..23].copy_from_slice(&header.fee_asset.0.to_be_bytes());
    info[23..25].copy_from_slice(&3u16.to_be_bytes());
    info[25..27].copy_from_slice(&2u16.to_be_bytes());
    info[27..].copy_from_slice(&header.time.to_be_bytes()[3..]);
    assert_eq!(fr_to_bytes(&words[2]), info);
    let fees: u128 = transactions.iter().map(|tx| tx.header.fee).sum();
    assert_eq!(words[3], Fr::from(fees));
    assert_eq!(words[4..8], [1u64, 0xfeed, 2, 32].map(Fr::from));
    assert_eq!(words[8..16], *witness.deposits.as_flattened());
    assert_eq!(words[14..16], [Fr::from(0u64); 2]);
    for (slot, tx) in transactions.iter().enumerate() {
        let full = tx.words(&config().context);
        let at = 16 + 17 * slot;
        assert_eq!(words[at..at + 2], full[4..6]);
        assert_eq!(words[at + 2..at + 17], full[7..]);
    }
    assert!(words[50..].iter().all(|word| *word == Fr::from(0u64)));
}

#[test]
fn header_words_round_trip_and_refuse_stray_bits() {
    let header = sample().0.header;
    let words = header.words();
    assert_eq!(BatchHeader::from_words(&words), Ok(header));
    let wide = Fr::from(1u128 << 124) * Fr::from(1u128 << 124);
    let cases = [
        (2, wide, CodecError::Overflow { field: "info" }),
        (3, wide, CodecError::Overflow { field: "fee total" }),
        (
            4,
            Fr::from(1u128 << 64),
            CodecError::Overflow {
                field: "first deposit",
            },
        ),
        (
            6,
            Fr::from(1u128 << 64),
            CodecError::Overflow {
                field: "batch index",
            },
        ),
        (
            7,
            Fr::from(1u128 << 64),
            CodecError::Overflow { field: "start" },
        ),
    ];
    for (index, add, error) in cases {
        let mut changed = words;
        changed[index] += add;
        assert_eq!(BatchHeader::from_words(&changed), Err(error));
    }
}

#[test]
fn published_words_refuse_impossible_batches() {
    let (witness, _) = sample();
    let words = witness.data_words();
    let published = PublishedBatch::from_words(Shape::S4, &words).unwrap();
    assert_eq!(published.words(), words);
    let refuse = |index: usize, add: Fr| {
        let mut words = words.clone();
        words[index] += add;
        PublishedBatch::from_words(Shape::S4, &words).unwrap_err()
    };
    let one = Fr::from(1u64);
    assert_eq!(refuse(14, one), CodecError::Padding { field: "deposits" });
    assert_eq!(
        refuse(83, one),
        CodecError::Padding {
            field: "transactions"
        }
    );
    // Counts of 5 where 4 fit, and one slot fewer than there are.
    let transactions = Fr::from(1u64 << 40);
    let deposits = Fr::from(1u64 << 56);
    let impossible = |field| CodecError::Impossible { field };
    assert_eq!(
        refuse(2, transactions * Fr::from(3u64)),
        impossible("transactions")
    );
    assert_eq!(refuse(2, deposits * Fr::from(2u64)), impossible("deposits"));
    assert_eq!(
        refuse(2, -transactions),
        CodecError::Padding {
            field: "transactions"
        }
    );
    assert_eq!(
        refuse(2, -deposits),
        CodecError::Padding { field: "deposits" }
    );
    assert_eq!(
        PublishedBatch::from_words(Shape::S16, &words),
        Err(CodecError::Length {
            expected: 312,
            found: 84
        })
    );
}

#[test]
fn calldata_parts_rebuild_the_batch_and_are_strict() {
    let batch = sample().0.published().unwrap();
    let (data, withdrawals) = (batch.transaction_data(), batch.withdrawal_data());
    assert_eq!((data.len(), withdrawals.len()), (2 * 431, 39));
    assert_eq!(withdrawals[0], 1);
    let rebuild = |header: BatchHeader, deposits: &[Deposit], data: &[u8], withdrawals: &[u8]| {
        PublishedBatch::from_parts(batch.shape, header, deposits.to_vec(), data, withdrawals)
    };
    let header = batch.header;
    let same = rebuild(header, &batch.deposits, &data, &withdrawals);
    assert_eq!(same.as_ref(), Ok(&batch));

    let length = |expected, found| Err(CodecError::Length { expected, found });
    assert_eq!(
        rebuild(header, &batch.deposits[1..], &data, &withdrawals),
        length(3, 2)
    );
    assert_eq!(
        rebuild(header, &batch.deposits, &data[1..], &withdrawals),
        length(862, 861)
    );
    assert_eq!(
        rebuild(header, &batch.deposits, &data, &withdrawals[1..]),
        length(39, 38)
    );
    let mut too_many = header;
    too_many.transactions = 5;
    assert_eq!(
        rebuild(too_many, &batch.deposits, &data, &withdrawals),
        Err(CodecError::Impossible {
            field: "transactions"
        })
    );
    let mut wrong = data.clone();
    wrong[72] = 0xff;
    assert_eq!(
        rebuild(header, &batch.deposits, &wrong, &withdrawals),
        Err(CodecError::NotCanonical {
            field: "commitment"
        })
    );
    // A repeated slot, slots out of order, a slot without a transaction, and a withdrawal of
    // nothing.
    let at = |slot: u8| [&[slot][..], &withdrawals[1..]].concat();
    for list in [
        [at(1), at(1)].concat(),
        [at(1), at(0)].concat(),
        at(2),
        vec![0; 39],
    ] {
        assert_eq!(
            rebuild(header, &batch.deposits, &data, &list),
            Err(CodecError::Impossible {
                field: "withdrawal"
            })
        );
    }
    assert!(rebuild(header, &batch.deposits, &data, &[at(0), at(1)].concat()).is_ok());
}

#[test]
fn published_bytes_round_trip_and_are_strict() {
    let batch = sample().0.published().unwrap();
    let bytes = batch.to_bytes();
    assert_eq!(bytes.len(), 169 + 3 * 50 + 2 * 431 + 39);
    assert_eq!(PublishedBatch::from_bytes(&bytes), Ok(batch));
    let mut wrong = bytes.clone();
    wrong[0] = 0;
    assert_eq!(
        PublishedBatch::from_bytes(&wrong),
        Err(CodecError::Version(0))
    );
    wrong[..2].copy_from_slice(&[2, 5]);
    assert_eq!(
        PublishedBatch::from_bytes(&wrong),
        Err(CodecError::Impossible { field: "shape" })
    );
    for len in [0, 1, 2, 100, 200, 400, bytes.len() - 1, bytes.len() + 1] {
        let mut cut = bytes.clone();
        cut.resize(len, 0);
        assert!(
            matches!(
                PublishedBatch::from_bytes(&cut),
                Err(CodecError::Length { .. })
            ),
            "{len}"
        );
    }
}

#[test]
fn witness_bytes_round_trip_and_are_strict() {
    let witness = sample().0;
    let bytes = witness.to_bytes();
    assert_eq!(bytes.len(), BatchWitness::encoded_len(Shape::S4));
    assert_eq!(BatchWitness::from_bytes(&bytes), Ok(witness));
    let with = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        BatchWitness::from_bytes(&bytes)
    };
    assert_eq!(with(0, 9), Err(CodecError::Version(9)));
    assert_eq!(with(1, 5), Err(CodecError::Impossible { field: "shape" }));
    assert!(matches!(with(1, 16), Err(CodecError::Length { .. })));
    assert_eq!(
        with(2, 0xff),
        Err(CodecError::NotCanonical { field: "note root" })
    );
    let first_slot = 2 + 2 * 120 + 167 + 4 * 64;
    assert_eq!(
        with(first_slot, 2),
        Err(CodecError::NotCanonical { field: "active" })
    );
    assert_eq!(
        with(first_slot + 1, 0xff),
        Err(CodecError::NotCanonical { field: "words" })
    );
    for len in [0, 1, bytes.len() - 1, bytes.len() + 1] {
        let mut cut = bytes.clone();
        cut.resize(len, 0);
        assert!(matches!(
            BatchWitness::from_bytes(&cut),
            Err(CodecError::Length { .. })
        ));
    }
}

#[test]
fn challenge_is_keccak_over_commitment_and_words() {
    let words = [1u64, 2, 3].map(Fr::from);
    let c = data_commitment(&words);
    let bytes: Vec<u8> = words.iter().flat_map(fr_to_bytes).collect();
    let inner: [u8; 32] = Keccak256::digest(&bytes).into();
    let outer = Keccak256::digest([fr_to_bytes(&c), inner].concat());
    let z = challenge(&c, &words);
    assert_eq!(z, Fr::from_be_bytes_mod_order(&outer));
    assert_eq!(
        evaluate(&words, &z),
        words[0] + words[1] * z + words[2] * z * z
    );
    assert_ne!(challenge(&(c + Fr::from(1u64)), &words), z);
}

#[test]
#[should_panic(expected = "time is in range")]
fn a_time_out_of_range_has_no_encoding() {
    let mut witness = sample().0;
    witness.header.time = 1 << 40;
    let _ = witness.to_bytes();
}

#[test]
#[should_panic(expected = "lengths of the shape")]
fn lists_of_another_length_have_no_encoding() {
    let mut witness = sample().0;
    witness.slots.pop();
    let _ = witness.to_bytes();
}

#[test]
fn leaves_are_where_the_header_says() {
    let rng = &mut rng(3);
    let mut ledger = Ledger::new();
    let anchor = ledger.state().note_root;
    let transactions: Vec<_> = (0..2).map(|_| transaction(rng, anchor, false)).collect();
    let deposits = vec![deposit(rng)];
    let batch = input(Shape::S4, transactions.clone(), deposits.clone());
    let header = ledger.execute(batch, &config()).unwrap().header;
    for (slot, tx) in transactions.iter().enumerate() {
        for (output, cm) in tx.commitments.iter().enumerate() {
            assert_eq!(
                ledger.notes().leaf(header.leaf_index(slot, output)),
                Fr::from(*cm)
            );
        }
    }
    let at = header.leaf_index(0, BatchHeader::DEPOSIT_PLACE);
    assert_eq!(ledger.notes().leaf(at), Fr::from(deposits[0].commitment()));
}

/// Returns all three trees of a small ledger. A leaf of the note tree that is 0 is left out.
fn trees(ledger: &Ledger) -> Value {
    let zero = Fr::from(0u64);
    let notes = ledger.notes().leaves().iter().enumerate();
    let notes: Vec<Value> = notes
        .filter(|(_, leaf)| **leaf != zero)
        .map(|(index, leaf)| json!({ "index": index, "leaf": fr_to_hex(leaf) }))
        .collect();
    let members = ledger.nullifiers().members();
    let members: Vec<Value> = members
        .map(|(index, value)| json!({ "index": index, "value": fr_to_hex(&value) }))
        .collect();
    let history: Vec<String> = ledger.history().leaves().iter().map(fr_to_hex).collect();
    json!({ "noteLeaves": notes, "nullifiers": members, "historyLeaves": history })
}

/// Returns the values that the Solidity tests compare with.
fn vector() -> Value {
    let (before, witness, transactions) = sample_on_ledger();
    let batch = witness.published().unwrap();
    let words = witness.data_words();
    let z = witness.challenge();
    let posted: Vec<PostedDeposit> = batch
        .deposits
        .iter()
        .zip([0x11, 0x22, 0x33])
        .map(|(deposit, byte)| PostedDeposit {
            depositor: [byte; 20],
            deposit: *deposit,
            is_taken_back: false,
        })
        .collect();
    let [old, new, c, _, y] = witness.instances(&z);
    let hex_of = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
    let context = Context {
        chain_id: 31337,
        rollup: [0x5b; 20],
    };
    assert_eq!(context.word(), witness.header.context);
    json!({
        "chainId": context.chain_id,
        "rollup": hex_of(&context.rollup),
        "slots": witness.shape.slots(),
        "genesisState": fr_to_hex(&crate::ledger::State::genesis().commitment()),
        "oldStateWords": witness.old.words().map(|w| fr_to_hex(&w)),
        "newStateWords": witness.new.words().map(|w| fr_to_hex(&w)),
        "oldState": fr_to_hex(&old),
        "newState": fr_to_hex(&new),
        "header": {
            "context": fr_to_hex(&batch.header.context),
            "assetsRoot": fr_to_hex(&batch.header.assets_root),
            "time": batch.header.time,
            "transactions": batch.header.transactions,
            "deposits": batch.header.deposits,
            "feeAsset": batch.header.fee_asset,
            "feeRecipient": hex_of(&batch.header.fee_recipient),
            "feeTotal": fr_to_hex(&Fr::from(batch.header.fee_total)),
            "firstDeposit": batch.header.first_deposit,
            "oracle": fr_to_hex(&batch.header.oracle),
            "batchIndex": batch.header.batch_index,
            "start": batch.header.start,
        },
        "deposits": batch.deposits.iter().map(|deposit| json!({
            "asset": deposit.asset,
            "value": fr_to_hex(&Fr::from(deposit.value)),
            "inner": fr_to_hex(&deposit.inner),
            "packed": fr_to_hex(&deposit.words()[0]),
            "commitment": deposit.commitment().to_string(),
        })).collect::<Vec<_>>(),
        "before": trees(&before),
        "depositsData": hex_of(&PostedDeposit::write_all(&posted)),
        "transactionData": hex_of(&batch.transaction_data()),
        "withdrawalData": hex_of(&batch.withdrawal_data()),
        "words": words.iter().map(fr_to_hex).collect::<Vec<_>>(),
        "c": fr_to_hex(&c),
        "z": fr_to_hex(&z),
        "y": fr_to_hex(&y),
        "publishedBatch": hex_of(&batch.to_bytes()),
        "transactions": transactions.iter().map(|tx| json!({
            "bytes": hex_of(&tx.to_bytes()),
            "words": tx.words(&context.word()).map(|w| fr_to_hex(&w)),
            "digest": tx.digest(&context.word()).to_string(),
        })).collect::<Vec<_>>(),
    })
}

/// Compares with `vectors/batch.json`. With `SUBROSA_WRITE_VECTORS=1` in the environment the test
/// writes the file instead.
#[test]
fn vectors_are_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/batch.json");
    let vector = vector();
    if std::env::var_os("SUBROSA_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&vector).unwrap();
        std::fs::write(path, text + "\n").unwrap();
    }
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(
        stored, vector,
        "if the change is meant, SUBROSA_WRITE_VECTORS=1 rewrites protocol/vectors/batch.json"
    );
    let words: Vec<Fr> = stored["words"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| fr_from_hex(word.as_str().unwrap()).unwrap())
        .collect();
    let published = PublishedBatch::from_words(Shape::S4, &words).unwrap();
    assert_eq!(
        stored["publishedBatch"],
        format!("0x{}", hex::encode(published.to_bytes()))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn published_and_witness_words_agree(
        seed: u64, shape in 0usize..2, active in 0usize..=4, deposits in 0usize..=4,
    ) {
        let rng = &mut rng(seed);
        let mut ledger = Ledger::new();
        let anchor = ledger.state().note_root;
        let transactions = (0..active).map(|i| transaction(rng, anchor, i % 2 == 1)).collect();
        let deposits = (0..deposits).map(|_| deposit(rng)).collect();
        let witness = ledger
            .execute(input(Shape::ALL[shape], transactions, deposits), &config())
            .unwrap();
        let published = witness.published().unwrap();
        prop_assert_eq!(published.words(), witness.data_words());
        let bytes = published.to_bytes();
        prop_assert_eq!(PublishedBatch::from_bytes(&bytes).unwrap(), published);
    }
}
