use super::*;
use crate::element::{NoteCommitment, Nullifier};
use crate::encoding::CodecError;
use crate::encryption::{
    AuditWords, EphemeralKey, NoteData, PublishedOutputs, Sent, audit_encrypt, trial_decrypt,
};
use crate::keys::{Seed, ViewingKey, unaudited};
use crate::swap::{SALT_LEN, Side, TermsError};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

fn keys(byte: u8) -> ViewingKey {
    ViewingKey::from_seed(&Seed::from_bytes([byte; 32]))
}

fn loan() -> Loan {
    Loan {
        borrower: keys(1).owner,
        lender: keys(2).owner,
        collateral: AssetId(3),
        debt: AssetId(5),
        principal: 1_000_000_000_000,
        rate: 50_000,
        start: 1_800_000_000,
        maturity: 1_800_000_000 + 90 * 86_400,
        market: 7,
        salt: Salt::from_bytes([0x5a; SALT_LEN]),
    }
}

fn parties() -> PartyKeys {
    PartyKeys {
        borrower: keys(1).pk,
        lender: keys(2).pk,
    }
}

fn agreement() -> Agreement {
    Agreement {
        loan: loan(),
        parties: parties(),
        collateral: 3_000_000_000_000_000_000,
        borrower_side: Side::B,
        expiry: 1_800_000_000,
    }
}

#[test]
fn every_part_of_a_loan_changes_its_keys_and_every_part_of_a_state_its_aux() {
    let base = loan();
    let edits: [fn(&mut Loan); 9] = [
        |l| l.borrower = keys(3).owner,
        |l| l.lender = keys(3).owner,
        |l| l.collateral = AssetId(4),
        |l| l.debt = AssetId(4),
        |l| l.rate += 1,
        |l| l.start += 1,
        |l| l.maturity += 1,
        |l| l.market += 1,
        |l| l.salt = Salt::from_bytes([0x5b; SALT_LEN]),
    ];
    let mut seen = vec![base.keys().digest, base.keys().nk];
    for edit in edits {
        let mut other = base.clone();
        edit(&mut other);
        let keys = other.keys();
        assert!(!seen.contains(&keys.digest) && !seen.contains(&keys.nk));
        seen.extend([keys.digest, keys.nk]);
    }
    let debt = base.origination_debt();
    let mut seen = vec![base.aux(&debt)];
    let mut other = base.clone();
    other.principal += 1;
    seen.push(other.aux(&debt));
    for edit in [
        (|d| d.amount += 1) as fn(&mut Debt),
        |d| d.accrued += 1,
        |d| d.sequence += 1,
    ] {
        let mut changed = debt;
        edit(&mut changed);
        assert!(!seen.contains(&base.aux(&changed)));
        seen.push(base.aux(&changed));
    }
}

#[test]
fn invalid_loans_are_refused_by_name() {
    let refuse = |edit: fn(&mut Agreement)| {
        let mut agreement = agreement();
        edit(&mut agreement);
        let error = agreement.loan.check().unwrap_err();
        assert_eq!(
            Agreement::from_bytes(&agreement.to_bytes()),
            Err(error.into())
        );
        error
    };
    assert_eq!(loan().check(), Ok(()));
    assert_eq!(
        refuse(|a| a.loan.lender = a.loan.borrower),
        LoanError::SameOwner
    );
    assert_eq!(refuse(|a| a.loan.debt = AssetId(3)), LoanError::SameAsset);
    assert_eq!(refuse(|a| a.loan.principal = 0), LoanError::Principal);
    assert_eq!(
        refuse(|a| a.loan.principal = 1 << 112),
        LoanError::Principal
    );
    assert_eq!(refuse(|a| a.loan.maturity = a.loan.start), LoanError::Times);
    assert_eq!(refuse(|a| a.loan.market = 16), LoanError::Market);
    let mut wide = loan();
    wide.rate = 1 << 24;
    assert_eq!(wide.check(), Err(LoanError::Rate));
    wide = loan();
    wide.maturity = 1 << 40;
    assert_eq!(wide.check(), Err(LoanError::Times));
}

#[test]
fn the_wire_form_is_strict() {
    let bytes = agreement().to_bytes();
    assert_eq!((bytes.len(), Agreement::ENCODED_LEN), (201, 201));
    assert_eq!(Agreement::from_bytes(&bytes), Ok(agreement()));
    for found in [0, 200, 202] {
        let mut other = bytes.clone();
        other.resize(found, 0);
        assert_eq!(
            Agreement::from_bytes(&other),
            Err(AgreementDecodeError::Codec(CodecError::Length {
                expected: 201,
                found
            }))
        );
    }
    let refuse = |at: usize, byte: u8| {
        let mut other = bytes.clone();
        other[at] = byte;
        Agreement::from_bytes(&other).unwrap_err()
    };
    assert_eq!(refuse(0, 2), CodecError::Version(2).into());
    assert_eq!(
        refuse(195, 2),
        CodecError::NotCanonical { field: "side" }.into()
    );
    assert!(matches!(refuse(1, 0xff), AgreementDecodeError::Address(_)));
    let mut other = bytes.clone();
    other[179..195].fill(0);
    assert_eq!(
        Agreement::from_bytes(&other),
        Err(TermsError::Nothing(Side::B).into())
    );
    // Interest runs from the last moment of the origination.
    for (start, fits) in [(0, true), (1, false), (-1, false)] {
        let mut other = agreement();
        other.loan.start = other.expiry.checked_sub_signed(start).unwrap();
        let decoded = Agreement::from_bytes(&other.to_bytes());
        assert_eq!(
            decoded,
            if fits {
                Ok(other)
            } else {
                Err(AgreementDecodeError::Start)
            }
        );
    }
}

#[test]
fn an_origination_is_a_swap_whose_terms_hold_the_loan() {
    for borrower_side in Side::BOTH {
        let agreement = Agreement {
            borrower_side,
            ..agreement()
        };
        let terms = agreement.terms().unwrap();
        let loan = &agreement.loan;
        let position = terms.delivery(borrower_side);
        let rcm = terms.exchange.blindings()[borrower_side.index()];
        assert_eq!(position, loan.note(&agreement.position(), rcm));
        assert_eq!(position.class, NoteClass::Position);
        let cash = terms.delivery(borrower_side.other());
        assert_eq!((cash.class, cash.value), (NoteClass::Cash, loan.principal));
        assert_eq!(cash.owner, loan.borrower);
        let mut other = agreement.clone();
        other.loan.rate += 1;
        assert_ne!(other.terms().unwrap().digest(), terms.digest());
    }
}

fn renewal() -> Renewal {
    let renewed = loan();
    let before = Debt {
        sequence: 4,
        ..renewed.origination_debt()
    };
    let start = renewed.start + 1_000_000;
    let loan = Loan {
        collateral: AssetId(4),
        start,
        maturity: start + 90 * 86_400,
        ..renewed.clone()
    };
    Renewal {
        renewed,
        before,
        loan,
        parties: parties(),
        collateral: 9_000_000,
        lent: 1,
        borrower_side: Side::A,
        expiry: start,
    }
}

#[test]
fn a_renewal_is_a_swap_that_goes_on_counting() {
    for side in Side::BOTH {
        let renewal = Renewal {
            borrower_side: side,
            ..renewal()
        };
        renewal.check().unwrap();
        let terms = renewal.terms().unwrap();
        let position = renewal.position().unwrap();
        assert_eq!(position.debt.sequence, 5);
        let rcm = terms.exchange.blindings()[side.index()];
        assert_eq!(terms.delivery(side), renewal.loan.note(&position, rcm));
        // Nobody takes the terms for those of a new loan, or of another state.
        let agreement = Agreement {
            loan: renewal.loan.clone(),
            parties: parties(),
            collateral: renewal.collateral,
            borrower_side: side,
            expiry: renewal.expiry,
        };
        assert_ne!(agreement.terms().unwrap().aux, terms.aux);
        let mut later = renewal.clone();
        later.before.sequence += 1;
        assert_ne!(later.terms().unwrap().digest(), terms.digest());
    }
}

#[test]
fn senseless_renewals_are_refused_by_name() {
    let refused = |edit: fn(&mut Renewal)| {
        let mut renewal = renewal();
        edit(&mut renewal);
        renewal.check().unwrap_err()
    };
    let pairs: [fn(&mut Renewal); 3] = [
        |r| r.loan.borrower = keys(3).owner,
        |r| r.loan.lender = keys(3).owner,
        |r| r.loan.salt = Salt::from_bytes([1; SALT_LEN]),
    ];
    for edit in pairs {
        assert_eq!(refused(edit), RenewalError::Pair);
    }
    assert_eq!(refused(|r| r.expiry += 1), RenewalError::Start);
    assert_eq!(
        refused(|r| r.before.sequence = u32::MAX),
        RenewalError::Sequence
    );
    assert_eq!(
        refused(|r| r.lent = 0),
        RenewalError::Terms(TermsError::Nothing(Side::B))
    );
    assert_eq!(
        refused(|r| r.loan.market = 16),
        RenewalError::Loan(LoanError::Market)
    );
}

#[test]
fn nothing_shows_in_debug() {
    let agreement = agreement();
    let disclosure = loan().disclosure(5, &loan().origination_debt());
    let shown = format!(
        "{agreement:?} {:?} {:?} {:?} {disclosure:?}",
        agreement.loan,
        agreement.position(),
        loan().origination_debt()
    );
    assert!(!shown.chars().any(|c| c.is_ascii_digit()), "{shown}");
}

#[test]
fn interest_is_simple_and_rounded_against_who_acts() {
    let year = 365 * 86_400;
    let interest = |debt, rate, elapsed| {
        let [up, down] = [Rounding::Up, Rounding::Down].map(|rounding| {
            arithmetic::interest(debt, rate, elapsed, rounding).expect("far below 2^128")
        });
        assert!(up == down || up == down + 1);
        [up, down]
    };
    assert_eq!(interest(1_000_000, 50_000, year), [50_000; 2]);
    assert_eq!(interest(1_000_000, 50_000, 2 * year), [100_000; 2]);
    assert_eq!(interest(1, 1, 1), [1, 0]);
    assert_eq!(interest(0, 1, 1), [0; 2]);
    assert_eq!(interest(1, 0, 1), [0; 2]);
    assert_eq!(interest(1, 1, 0), [0; 2]);
    // Exactly one unit, and one second more.
    assert_eq!(interest(1_000_000, 1, year), [1; 2]);
    assert_eq!(interest(1_000_000, 1, year + 1), [2, 1]);
    assert_eq!(accrue(100, 50_000, [10, 5], Rounding::Up), Some(100));
    assert_eq!(accrue(u128::MAX, 1, [0, 1], Rounding::Up), None);
    // The largest loan, for 3,900 years.
    let most = (1 << 112) - 1;
    assert!(accrue(most, (1 << 24) - 1, [0, 3_900 * year], Rounding::Up).is_some());
}

#[test]
fn comparisons_are_exact_at_the_largest_values() {
    let price = (1u128 << 120) - 1;
    assert!(covers(u128::MAX, price, 0, u128::MAX, 10_000));
    assert!(covers(u128::MAX, 1, 9_999, 0, u32::MAX));
    assert!(!covers(u128::MAX, 0, 0, 1, 10_000));
    assert!(covers(0, 0, 0, 0, 10_000));
    assert!(seizable(0, price, 0, 0));
    assert!(seizable(u128::MAX, 1, u128::MAX, 10_000));
    assert!(!seizable(u128::MAX, price, 1, 10_000));
    assert_eq!(needed(0, 0, 1, 10_000), None);
    assert_eq!(needed(1, 0, u128::MAX, 10_000), None);
    assert_eq!(needed(0, 0, 0, 10_000), Some(0));
    assert_eq!(most_seizable(u128::MAX, 1, u128::MAX, 0), u128::MAX);
    assert!(improves(
        [u128::MAX, u128::MAX],
        u128::MAX,
        u128::MAX / 256 + 1
    ));
    assert!(!improves([2, 1], 1, 1));
    assert!(!improves([256, 256], 256, 0));
    assert!(improves([256, 257], 256, 0));
    assert!(!improves([257, 258], 257, 1));
    assert!(improves([0, 0], 1, 0), "nothing is a 256th of nothing");
}

#[test]
fn the_bonus_of_a_late_loan_rises_after_the_cure_period() {
    let maturity = 1_800_000_000;
    let begin = maturity + CURE + 1;
    let whole = 1u64 << RAMP_BITS;
    let bonus = |now| overdue_bonus(1_000, maturity, now);
    assert_eq!(
        (bonus(0), bonus(maturity), bonus(begin - 1)),
        (None, None, None)
    );
    assert_eq!(
        (bonus(begin), bonus(begin + whole / 2)),
        (Some(0), Some(500))
    );
    assert_eq!(bonus(begin + whole / 2 - 1), Some(499), "rounded down");
    assert_eq!(bonus(begin + whole - 1), Some(999));
    assert_eq!(
        (bonus(begin + whole), bonus(u64::MAX)),
        (Some(1_000), Some(1_000))
    );
}

#[test]
fn a_liquidation_clears_a_256th_of_the_debt() {
    assert!(clears(256, 255) && clears(257, 255) && clears(1, 0) && clears(0, 0));
    assert!(!clears(257, 256) && !clears(256, 256) && !clears(1, 1));
    assert!(!clears(5, 6), "the debt does not grow");
    assert!(clears(u128::MAX, 0) && !clears(u128::MAX, u128::MAX - 1));
}

proptest! {
    #[test]
    fn bounds_are_exact(
        price in 1u128..1 << 120, haircut in 0u16..10_000, debt: u128, margin in 10_000u32..1 << 24,
        bonus in 0u16..=10_000, collateral: u128,
    ) {
        if let Some(least) = needed(price, haircut, debt, margin) {
            prop_assert!(covers(least, price, haircut, debt, margin));
            if least > 0 {
                prop_assert!(!covers(least - 1, price, haircut, debt, margin));
            }
        }
        let most = most_seizable(collateral, price, debt, bonus);
        prop_assert!(seizable(most, price, debt, bonus));
        if most < collateral {
            prop_assert!(!seizable(most + 1, price, debt, bonus));
        }
    }

    #[test]
    fn disclosures_round_trip_under_their_key_and_commitment_only(
        value: u128, debt: u128,
        times in [0u64..1 << 40, 0u64..1 << 40, 0u64..1 << 40], rate in 0u32..1 << 24,
        market in 0u8..128, sequence: u32, cm: u64, filler: [u32; 2],
    ) {
        let [accrued, maturity, start] = times;
        let disclosure = StateDisclosure { value, accrued, maturity, debt, start, rate, market };
        let keys = step_keys(&loan().salt, sequence);
        let cm = u128::from(cm);
        let [cm, next] = [cm, cm + 1].map(|cm| NoteCommitment::new(Fr::from(cm)));
        let words = disclosure.seal(&keys, &cm, filler);
        prop_assert_eq!(StateDisclosure::unseal(&words, &keys, &cm), disclosure);
        prop_assert_ne!(StateDisclosure::unseal(&words, &keys, &next), disclosure);
        let other = step_keys(&loan().salt, sequence.wrapping_add(1));
        prop_assert_ne!(StateDisclosure::unseal(&words, &other, &cm), disclosure);
        // The filler stands above the mask, and the words fit 31 bytes. The mask depends on the
        // filler.
        let salt = loan().salt;
        let bytes = Filler::for_origination(&[7; 32], cm.element(), &cm, &salt)
            .note_data(&words)
            .0;
        prop_assert_eq!(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]), filler[0]);
        let other = disclosure.seal(&keys, &cm, filler.map(|f| f.wrapping_add(1)));
        prop_assert_ne!(&bytes[4..31], &crate::encoding::fr_to_bytes(&other[0])[5..]);
    }
}

/// Publishes a step by `actor` with these notes as outputs, or a payment of `first` to `pk`.
fn publish(
    actor: &ViewingKey,
    nullifier: u64,
    first: Note,
    second: Option<Note>,
    seal: impl Fn(&EphemeralKey) -> NoteData,
) -> PublishedOutputs {
    let nullifiers = [nullifier, 12, 13].map(|n| Nullifier::of(Fr::from(n)));
    let ephemeral = EphemeralKey::new(&actor.ovk, &nullifiers);
    let own = |index, asset| ephemeral.change(index, actor.owner, asset, u128::from(index));
    let notes = [
        first,
        second.unwrap_or_else(|| own(1, AssetId(3))),
        own(2, AssetId(5)),
    ];
    let audit = notes
        .each_ref()
        .map(|note| audit_encrypt(&ephemeral, &unaudited(), note, actor.owner.tag()));
    PublishedOutputs {
        ephemeral: ephemeral.y(),
        nullifiers,
        commitments: notes.each_ref().map(Note::commitment),
        audit: AuditWords::join(audit),
        note_data: seal(&ephemeral),
    }
}

/// Makes the step that leaves `value` of collateral and repays. With `ends` it leaves no debt.
fn step(
    loan: &Loan,
    before: &Position,
    actor: &ViewingKey,
    time: u64,
    value: u128,
    repaid: Option<u128>,
) -> (PublishedOutputs, Debt) {
    let keys = step_keys(&loan.salt, before.debt.sequence + 1);
    let mut debt = loan
        .debt_after(&before.debt, time, repaid.unwrap_or(0))
        .unwrap();
    if repaid.is_none() {
        debt.amount = 0;
    }
    let note = if debt.amount == 0 {
        Note::cash(loan.collateral, value, loan.borrower, keys.rcm)
    } else {
        loan.note(
            &Position {
                collateral: value,
                debt,
            },
            keys.rcm,
        )
    };
    let payment = repaid
        .filter(|repaid| *repaid != 0)
        .map(|repaid| loan.repayment(repaid, keys.repayment));
    let (disclosure, cm0) = (loan.disclosure(value, &debt), note.commitment());
    let seal = |ephemeral: &EphemeralKey| {
        let filler = Filler::for_step(&actor.ovk, &ephemeral.y(), &cm0, &disclosure);
        filler.note_data(&disclosure.seal(&keys, &cm0, filler.words()))
    };
    (publish(actor, 1000, note, payment, seal), debt)
}

#[test]
fn both_parties_follow_every_step() {
    let loan = loan();
    let before = agreement().position();
    let time = loan.start + 86_400;
    let owed = loan.owed(&before.debt, time).unwrap();

    // A top-up without repayment: the debt includes the interest.
    let (published, debt) = step(
        &loan,
        &before,
        &keys(1),
        time,
        before.collateral + 5,
        Some(0),
    );
    let found = loan.follow(&before, &published).unwrap();
    assert_eq!(found.repayment, None);
    assert_eq!(found.end, None);
    let position = found.position.unwrap();
    assert_eq!(
        (position.collateral, position.debt),
        (before.collateral + 5, debt)
    );
    assert_eq!(debt.amount, owed);
    assert_eq!(debt.sequence, 1);

    // A repayment before the time to which the debt is accrued neither charges interest twice nor
    // refunds it.
    let (published, debt) = step(
        &loan,
        &position,
        &keys(1),
        time - 10,
        position.collateral,
        Some(7),
    );
    let found = loan.follow(&position, &published).unwrap();
    assert_eq!(debt.amount, owed - 7);
    assert_eq!(debt.accrued, time);
    assert_eq!(found.repayment.unwrap().value, 7);
    let position = found.position.unwrap();

    // Both ends of a loan.
    let (published, debt) = step(
        &loan,
        &position,
        &keys(1),
        time,
        position.collateral,
        Some(owed - 7),
    );
    assert_eq!(debt.amount, 0);
    let found = loan.follow(&position, &published).unwrap();
    assert_eq!((found.end, found.position), (Some(End::Closed), None));
    assert_eq!(found.repayment.unwrap().value, owed - 7);
    assert_eq!(found.note.owner, loan.borrower);
    let (published, _) = step(&loan, &position, &keys(2), time + 5, 11, None);
    let found = loan.follow(&position, &published).unwrap();
    assert_eq!((found.end, found.repayment), (Some(End::Liquidated), None));
    assert_eq!((found.note.class, found.note.value), (NoteClass::Cash, 11));

    // A transaction that is not a step, and a step on another state.
    assert_eq!(loan.follow(&before, &published), None);
    let mut other = loan.clone();
    other.salt = Salt::from_bytes([1; SALT_LEN]);
    assert_eq!(other.follow(&position, &published), None);
}

/// Publishes the borrower's leg that originates a loan.
fn originate(agreement: &Agreement, borrower: &ViewingKey, nullifier: u64) -> PublishedOutputs {
    let loan = &agreement.loan;
    let position = agreement.terms().unwrap().delivery(agreement.borrower_side);
    let disclosure = loan.disclosure(agreement.collateral, &loan.origination_debt());
    let cm0 = position.commitment();
    let seal = |ephemeral: &EphemeralKey| {
        let filler = Filler::for_origination(&borrower.ovk, &ephemeral.y(), &cm0, &loan.salt);
        filler.note_data(&disclosure.seal(&step_keys(&loan.salt, 0), &cm0, filler.words()))
    };
    publish(borrower, nullifier, position, None, seal)
}

#[test]
fn both_parties_recover_a_loan_from_their_keys_and_published_data() {
    for borrower_side in Side::BOTH {
        let agreement = Agreement {
            borrower_side,
            ..agreement()
        };
        let loan = &agreement.loan;
        let (borrower, lender) = (keys(1), keys(2));
        let terms = agreement.terms().unwrap();
        let position = terms.delivery(borrower_side);
        let secured = originate(&agreement, &borrower, 11);
        let memo = terms.exchange.memo(borrower_side.other());
        assert!(memo.text().is_none());
        let cash = terms.delivery(borrower_side.other());
        let lent = publish(&lender, 21, cash, None, |ephemeral| {
            ephemeral.seal(&borrower.pk, &cash, &memo)
        });

        // The borrower opens the lender's delivery, which names the exchange; its own leg names the
        // lender.
        let found = trial_decrypt(&borrower, &lent).unwrap();
        let delivery = found.delivery.unwrap();
        assert_eq!(delivery.exchange, terms.exchange);
        let auditors = [unaudited()];
        let sent = Sent::read(&borrower, &secured, &auditors).unwrap();
        let (named, leg) = sent.secured().unwrap();
        assert_eq!((named, leg.value), (loan.lender, agreement.collateral));
        assert!(sent.payment().is_none());
        assert!(sent.change().iter().all(Option::is_some));
        let expected = (loan.clone(), agreement.position(), position);
        let recover = |exchange, side, borrower: &ViewingKey, lender, published| {
            Loan::recover(exchange, side, borrower.owner, lender, published)
        };
        let again = recover(
            &delivery.exchange,
            borrower_side,
            &borrower,
            named,
            &secured,
        );
        assert_eq!(again, Some(expected.clone()));
        // Recovery without the lender's delivery, which no proof guarantees to be readable.
        let debts = [2u16, 5, 6].map(AssetId);
        let own = |debts: &[AssetId]| Loan::recover_own(&borrower, &sent, debts);
        assert_eq!(own(&debts), Some(expected.clone()));
        assert_eq!(own(&debts[..1]), None);
        assert!(Sent::read(&lender, &secured, &auditors).is_none());

        // The lender knows exchange and borrower from its own leg.
        let sent = Sent::read(&lender, &lent, &auditors).unwrap();
        assert_eq!(Loan::recover_own(&lender, &sent, &debts), None);
        let paid = sent.payment().unwrap();
        assert_eq!(paid.recipient, borrower.owner);
        let exchange = paid.delivery.unwrap().exchange;
        let again = recover(&exchange, borrower_side, &borrower, lender.owner, &secured);
        assert_eq!(again, Some(expected));
        // Recovery fails for another lender, from the wrong leg and from the wrong side.
        let other = borrower_side.other();
        for (side, lender, published) in [
            (borrower_side, keys(9).owner, &secured),
            (borrower_side, lender.owner, &lent),
            (other, lender.owner, &secured),
        ] {
            assert_eq!(
                recover(&terms.exchange, side, &borrower, lender, published),
                None
            );
        }
    }
}

/// A borrower restored from its seed tries one salt, not 256.
#[test]
fn the_filler_holds_the_whole_salt() {
    for last in [0, 1, 0x5a, 0xff] {
        let mut salt = [0x5a; SALT_LEN];
        salt[SALT_LEN - 1] = last;
        let mut agreement = agreement();
        agreement.loan.salt = Salt::from_bytes(salt);
        let borrower = keys(1);
        let published = originate(&agreement, &borrower, 11);
        let (e, cm0) = (&published.ephemeral, &published.commitments[0]);
        let held = |ovk| Filler::salt(&published.note_data, ovk, e, cm0);
        assert_eq!(held(&borrower.ovk), Some(agreement.loan.salt.clone()));
        assert_eq!(held(&keys(2).ovk), None);
        assert_eq!(
            Filler::lent(&published.note_data, &borrower.ovk, e, cm0),
            None
        );
    }
    let (e, cm0) = (Fr::from(3u64), NoteCommitment::new(Fr::from(4u64)));
    for lent in [1, u128::MAX] {
        let filler = Filler::for_renewal(&[7; 32], &e, &cm0, lent);
        let data = filler.note_data(&[Fr::from(0u64); 2]);
        let top = loan().disclosure(5, &loan().origination_debt());
        let sealed = top.seal(&step_keys(&loan().salt, 0), &cm0, filler.words());
        assert_ne!(filler.note_data(&sealed), data);
        let data = filler.note_data(&sealed);
        assert_eq!(Filler::lent(&data, &[7; 32], &e, &cm0), Some(lent));
        assert_eq!(Filler::salt(&data, &[7; 32], &e, &cm0), None);
    }
}

/// Note data of steps, originations and payments cannot be told apart byte by byte.
#[test]
fn steps_and_payments_have_bytes_alike() {
    const SAMPLES: u64 = 4_000;
    let (borrower, lender) = (keys(1), keys(2));
    let before = agreement().position();
    let kinds: [Box<dyn Fn(u64) -> NoteData>; 3] = [
        Box::new(|i| {
            let nullifiers = [1, 2, 3].map(|n| Nullifier::of(Fr::from(10 * i + n)));
            let ephemeral = EphemeralKey::new(&borrower.ovk, &nullifiers);
            let note = ephemeral.payment(lender.owner, AssetId(0), 5, &Default::default());
            ephemeral.seal(&lender.pk, &note, &Default::default())
        }),
        Box::new(|i| {
            let loan = loan();
            let value = before.collateral + u128::from(i);
            step(&loan, &before, &borrower, loan.start, value, Some(0))
                .0
                .note_data
        }),
        Box::new(|i| {
            let mut agreement = agreement();
            agreement.collateral += u128::from(i);
            originate(&agreement, &borrower, i).note_data
        }),
    ];
    for kind in kinds {
        let mut counts = vec![[0u32; 256]; crate::encryption::NOTE_DATA_LEN];
        for i in 0..SAMPLES {
            for (at, byte) in kind(i).0.iter().enumerate() {
                counts[at][usize::from(*byte)] += 1;
            }
        }
        let expected = SAMPLES as f64 / 256.0;
        for (at, counts) in counts.iter().enumerate() {
            let chi: f64 = counts
                .iter()
                .map(|count| (f64::from(*count) - expected).powi(2) / expected)
                .sum();
            // 255 degrees of freedom: 380 is exceeded once in a million.
            assert!(chi < 380.0, "byte {at}: {chi}");
        }
    }
}

#[test]
fn two_attempts_at_one_step_are_not_masked_alike() {
    let loan = loan();
    let before = agreement().position();
    let time = loan.start + 1;
    // Two ends that leave the same cash at different times.
    let close = |time| {
        let owed = loan.owed(&before.debt, time).unwrap();
        let (published, _) = step(&loan, &before, &keys(1), time, 7, Some(owed));
        published
    };
    let [one, other] = [time, time + 1].map(close);
    assert_eq!(one.commitments[0], other.commitments[0]);
    let differs =
        |i: usize| one.note_data.disclosure_words()[i] != other.note_data.disclosure_words()[i];
    assert!(differs(0) && differs(1));
    // A repeated attempt is identical.
    assert_eq!(close(time).note_data, one.note_data);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut plain = Vec::new();
    let mut sealed = Vec::new();
    for added in 0..20u128 {
        let value = before.collateral + added * rng.gen_range(1..1000);
        let (published, debt) = step(&loan, &before, &keys(1), time, value, Some(0));
        plain.push(loan.disclosure(value, &debt).plaintexts()[1]);
        sealed.push(published.note_data.disclosure_words()[1]);
    }
    plain.dedup();
    assert_eq!(plain.len(), 1, "all say the same in the second word");
    sealed.sort();
    sealed.dedup();
    assert_eq!(sealed.len(), 20);
}
