//! Each rule of admission refuses with its own error, alone and in a batch.

use super::*;

fn refuse(edit: impl FnOnce(&mut Transaction)) -> StatelessError {
    let mut tx = transaction(&mut rng(1), Fr::from(1u64), true);
    assert_eq!(stateless(&tx, &config(), NOW), Ok(()));
    edit(&mut tx);
    let error = stateless(&tx, &config(), NOW).unwrap_err();
    // The batch applies the same rule, except for the bound on the expiry.
    let mut ledger = Ledger::new();
    tx.anchor = ledger.state().anchor(&Fr::from(0u64));
    let executed = ledger.execute(input(Shape::S4, vec![tx], vec![]), &config());
    if matches!(error, StatelessError::ExpiryTooFar { .. }) {
        executed.unwrap();
    } else {
        assert_eq!(
            executed.unwrap_err(),
            ExecuteError::Stateless {
                slot: 0,
                source: error.clone()
            }
        );
        assert_eq!(ledger.state(), &State::genesis());
    }
    error
}

#[test]
fn stateless_rules_each_refuse() {
    let zero = Fr::from(0u64);
    assert_eq!(
        refuse(|tx| tx.header.kind = Kind::NoOp),
        StatelessError::NoOp
    );
    for (edit, field) in [
        (
            (|tx| tx.header.fee = 1 << 96) as fn(&mut Transaction),
            "fee",
        ),
        (|tx| tx.header.expiry = 1 << 40, "expiry"),
        (|tx| tx.header.not_before = 1 << 40, "not before"),
    ] {
        let mut tx = transaction(&mut rng(1), zero, false);
        edit(&mut tx);
        assert_eq!(
            well_formed(&tx, &config()),
            Err(StatelessError::Header(CodecError::Overflow { field }))
        );
    }
    for input in 0..3 {
        assert_eq!(
            refuse(|tx| tx.nullifiers[input] = Nullifier::of(zero)),
            StatelessError::ReservedNullifier { input }
        );
        assert_eq!(
            refuse(|tx| tx.commitments[input] = NoteCommitment::new(zero)),
            StatelessError::ZeroCommitment { output: input }
        );
    }
    for (first, input) in [(0, 1), (0, 2), (1, 2)] {
        assert_eq!(
            refuse(|tx| tx.nullifiers[input] = tx.nullifiers[first]),
            StatelessError::RepeatedNullifier { input }
        );
    }
    assert_eq!(
        refuse(|tx| tx.header.fee_asset = AssetId(3)),
        StatelessError::FeeAsset {
            expected: AssetId(2),
            found: AssetId(3)
        }
    );
    assert_eq!(
        refuse(|tx| tx.header.fee = 9),
        StatelessError::FeeTooLow {
            minimum: 10,
            found: 9
        }
    );
    assert_eq!(
        refuse(|tx| tx.withdrawal = None),
        StatelessError::WithdrawalMissing
    );
    assert_eq!(
        refuse(|tx| tx.header.kind = Kind::Transfer),
        StatelessError::WithdrawalUnexpected
    );
    assert_eq!(
        refuse(|tx| tx.withdrawal.as_mut().unwrap().amount = 0),
        StatelessError::WithdrawalAmount
    );
    assert_eq!(
        refuse(|tx| tx.withdrawal.as_mut().unwrap().recipient = [0; 20]),
        StatelessError::WithdrawalRecipient
    );
    // The identity, a point of order two, and a y without x.
    for y in [Fr::from(1u64), -Fr::from(1u64), Fr::from(2u64)] {
        assert_eq!(refuse(|tx| tx.ephemeral = y), StatelessError::Ephemeral);
    }
}

#[test]
fn expiry_is_inclusive_and_at_most_a_day_ahead() {
    assert_eq!(
        refuse(|tx| tx.header.expiry = NOW - 1),
        StatelessError::Expired {
            expiry: NOW - 1,
            now: NOW
        }
    );
    assert_eq!(
        refuse(|tx| tx.header.expiry = NOW + MAX_EXPIRY_AHEAD + 1),
        StatelessError::ExpiryTooFar {
            expiry: NOW + MAX_EXPIRY_AHEAD + 1,
            latest: NOW + MAX_EXPIRY_AHEAD
        }
    );
    for expiry in [NOW, NOW + MAX_EXPIRY_AHEAD] {
        let mut ledger = Ledger::new();
        let mut tx = transaction(&mut rng(1), ledger.state().note_root, false);
        tx.header.expiry = expiry;
        assert_eq!(stateless(&tx, &config(), NOW), Ok(()));
        ledger
            .execute(input(Shape::S4, vec![tx], vec![]), &config())
            .unwrap();
    }
}

#[test]
fn a_transaction_is_valid_from_its_first_second_on() {
    assert_eq!(
        refuse(|tx| tx.header.not_before = NOW + 1),
        StatelessError::TooEarly {
            not_before: NOW + 1,
            now: NOW
        }
    );
    let mut ledger = Ledger::new();
    let mut tx = transaction(&mut rng(1), ledger.state().note_root, false);
    tx.header.not_before = NOW;
    assert_eq!(stateless(&tx, &config(), NOW), Ok(()));
    ledger
        .execute(input(Shape::S4, vec![tx], vec![]), &config())
        .unwrap();
}

#[test]
fn a_batch_takes_its_own_first_anchor_and_records_it() {
    let rng = &mut rng(9);
    let mut ledger = seeded(rng);
    let [taken, other] = [7, 8].map(Fr::from);
    let before = *ledger.state();
    let batch = |rng: &mut ChaCha20Rng, anchor: Anchor, prices: Fr| {
        let mut tx = transaction(rng, before.note_root, false);
        tx.anchor = anchor;
        BatchInput {
            prices,
            ..input(Shape::S4, vec![tx], vec![])
        }
    };
    // With other prices than the batch's, the note root is no anchor.
    let foreign = batch(rng, before.anchor(&other), taken);
    let unknown = Err(ExecuteError::Historical {
        slot: 0,
        source: HistoricalError::UnknownAnchor,
    });
    assert_eq!(ledger.execute(foreign, &config()), unknown);
    // Nor is the bare note root.
    let bare = batch(rng, Anchor::new(before.note_root), taken);
    assert_eq!(ledger.execute(bare, &config()), unknown);

    let own = batch(rng, before.anchor(&taken), taken);
    let witness = ledger.execute(own, &config()).unwrap();
    assert_eq!(witness.header.oracle, taken);
    // Later batches, of other prices, take the first and the last anchor of this one.
    for anchor in [before.anchor(&taken), ledger.state().anchor(&taken)] {
        let later = batch(rng, anchor, other);
        ledger.execute(later, &config()).unwrap();
    }
    let never = batch(rng, before.anchor(&other), other);
    assert_eq!(ledger.execute(never, &config()), unknown);
}

#[test]
fn historical_rules_each_refuse() {
    let rng = &mut rng(2);
    let mut ledger = seeded(rng);
    let before = *ledger.state();
    let anchor = before.note_root;
    let fine = transaction(rng, anchor, false);
    assert_eq!(
        ledger.historical(&fine, &assets_root(), &Fr::from(0u64)),
        Ok(())
    );

    let mut foreign = fine.clone();
    foreign.anchor = Anchor::new(Fr::rand(rng));
    let mut stale_assets = fine.clone();
    stale_assets.assets_root = Fr::from(78u64);
    let mut spent = fine.clone();
    let known = ledger.nullifiers().members().nth(3).unwrap().1;
    spent.nullifiers[2] = Nullifier::of(known);
    // A subtree's root, the nullifier tree's root and 0 are not anchors.
    let mut confused = fine.clone();
    confused.anchor = Anchor::new(before.nullifier_root);
    let mut zero = fine.clone();
    zero.anchor = Anchor::new(Fr::from(0u64));
    for (tx, error) in [
        (foreign, HistoricalError::UnknownAnchor),
        (confused, HistoricalError::UnknownAnchor),
        (zero, HistoricalError::UnknownAnchor),
        (stale_assets, HistoricalError::AssetsRoot),
        (spent, HistoricalError::Spent { input: 2 }),
    ] {
        assert_eq!(
            ledger.historical(&tx, &assets_root(), &Fr::from(0u64)),
            Err(error)
        );
        let batch = input(Shape::S4, vec![fine.clone(), tx], vec![]);
        assert_eq!(
            ledger.execute(batch, &config()),
            Err(ExecuteError::Historical {
                slot: 1,
                source: error
            })
        );
    }
    assert_eq!(ledger.state(), &before);
}

#[test]
fn any_root_of_the_history_is_an_anchor_for_ever() {
    let rng = &mut rng(3);
    let mut ledger = seeded(rng);
    let roots = [State::genesis().note_root, ledger.state().note_root];
    for _ in 0..3 {
        let transactions = roots.map(|root| transaction(rng, root, false)).to_vec();
        ledger
            .execute(input(Shape::S4, transactions, vec![]), &config())
            .unwrap();
    }
}
