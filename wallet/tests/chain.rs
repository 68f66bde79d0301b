//! Composing and scanning against the real ledger: each wallet finds the other's payments, also
//! after a restore from its seed. The native check `subrosa_transaction::check` stands for proofs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use subrosa_protocol::{
    Fr,
    asset::{AssetId, AuditorKeys},
    element::Nullifier,
    encryption::Memo,
    keys::{Seed, SpendKey},
    ledger::Deposit,
    swap::{self, Exchange, Leg, Salt, Side},
    transaction::{Kind, Transaction},
};
use subrosa_wallet::{
    chain::{Chain, MovementKind, OwnedNote},
    compose::{ComposeError, Intent},
};
use world::{DOLLAR, FEE, GOLD, NOW, Party, World, deposit, held};

fn pay(to: &Party, memo: &str) -> Intent {
    Intent::Transfer {
        to: to.keys.address(),
        memo: memo.parse().unwrap(),
    }
}

fn lines(party: &Party) -> Vec<(MovementKind, AssetId, u128, Option<String>)> {
    let memo = |m: &Memo| m.text().unwrap_or_default().to_owned();
    party
        .chain
        .movements()
        .iter()
        .map(|m| (m.kind, m.asset, m.amount, m.memo.as_ref().map(memo)))
        .collect()
}

#[test]
fn a_payment_is_found_by_both_and_again_from_their_seeds() {
    let mut world = World::new();
    let (mut alice, mut bob) = (world.party(1), world.party(2));
    let mut stranger = world.party(3);
    let deposits = vec![
        deposit(&alice, 0, GOLD, 1_000),
        deposit(&alice, 1, DOLLAR, 50),
    ];
    world.seal(vec![], deposits, &mut [&mut alice, &mut bob, &mut stranger]);
    assert_eq!((held(&alice, GOLD), held(&alice, DOLLAR)), (1_000, 50));

    let composed = world
        .compose(&alice, &pay(&bob, "INV 7"), GOLD, 600, |_| true)
        .unwrap();
    assert!(!composed.merges);
    let nullifiers = composed.transaction.nullifiers;
    world.seal(
        vec![composed.transaction],
        vec![],
        &mut [&mut alice, &mut bob, &mut stranger],
    );

    assert_eq!((held(&alice, GOLD), held(&alice, DOLLAR)), (400, 40));
    assert_eq!(held(&bob, GOLD), 600);
    assert!(stranger.chain.notes().is_empty() && stranger.chain.movements().is_empty());
    assert_eq!(alice.chain.included(&nullifiers), Some(2));
    let mut other = nullifiers;
    other[0] = Nullifier::new(-Fr::from(other[0]));
    assert_eq!(
        alice.chain.included(&other),
        None,
        "one shared nullifier is not the transaction"
    );
    assert_eq!(bob.chain.included(&nullifiers), None);

    let expected_alice = lines(&alice);
    assert_eq!(
        expected_alice[2],
        (MovementKind::Sent, GOLD, 600, Some("INV 7".into()))
    );
    assert_eq!(alice.chain.movements()[2].to, Some(bob.keys.address()));
    assert_eq!(
        lines(&bob),
        [(MovementKind::Received, GOLD, 600, Some("INV 7".into()))]
    );

    let (restored_alice, restored_bob) = (world.party(1), world.party(2));
    assert_eq!(lines(&restored_alice), expected_alice);
    assert_eq!(lines(&restored_bob), lines(&bob));
    assert_eq!(held(&restored_alice, GOLD), 400);
    assert_eq!(restored_alice.chain.next_deposit(), 2);
}

#[test]
fn many_small_notes_are_merged_before_they_are_spent() {
    let mut world = World::new();
    let (mut alice, mut bob) = (world.party(1), world.party(2));
    let deposits = (0..4).map(|i| deposit(&alice, i, DOLLAR, 100)).collect();
    world.seal(vec![], deposits, &mut [&mut alice, &mut bob]);
    let intent = pay(&bob, "");

    let merge = world
        .compose(&alice, &intent, DOLLAR, 350, |_| true)
        .unwrap();
    assert!(merge.merges, "four notes do not fit");
    world.seal(vec![merge.transaction], vec![], &mut [&mut alice, &mut bob]);
    assert_eq!(held(&alice, DOLLAR), 400 - FEE);
    assert_eq!(
        lines(&alice)[4],
        (MovementKind::Merge, DOLLAR, 290, Some(String::new()))
    );

    let payment = world
        .compose(&alice, &intent, DOLLAR, 350, |_| true)
        .unwrap();
    assert!(!payment.merges);
    world.seal(
        vec![payment.transaction],
        vec![],
        &mut [&mut alice, &mut bob],
    );
    assert_eq!(
        (held(&alice, DOLLAR), held(&bob, DOLLAR)),
        (400 - 2 * FEE - 350, 350)
    );
}

#[test]
fn a_withdrawal_names_its_account_and_leaves_change() {
    let mut world = World::new();
    let mut alice = world.party(1);
    let deposits = vec![
        deposit(&alice, 0, GOLD, 1_000),
        deposit(&alice, 1, DOLLAR, 50),
    ];
    world.seal(vec![], deposits, &mut [&mut alice]);
    let intent = Intent::Withdraw {
        recipient: [0xcd; 20],
    };
    let composed = world.compose(&alice, &intent, GOLD, 999, |_| true).unwrap();
    let withdrawal = composed.transaction.withdrawal.unwrap();
    assert_eq!(
        (withdrawal.asset, withdrawal.amount, withdrawal.recipient),
        (GOLD, 999, [0xcd; 20])
    );
    world.seal(vec![composed.transaction], vec![], &mut [&mut alice]);
    assert_eq!((held(&alice, GOLD), held(&alice, DOLLAR)), (1, 40));
    assert_eq!(
        lines(&alice)[2],
        (MovementKind::Withdrawal, GOLD, 999, None)
    );
    assert_eq!(alice.chain.movements()[2].recipient, Some([0xcd; 20]));
}

#[test]
fn what_is_not_covered_is_refused() {
    let mut world = World::new();
    let (mut alice, bob) = (world.party(1), world.party(2));
    let deposits = vec![
        deposit(&alice, 0, GOLD, 1_000),
        deposit(&alice, 1, DOLLAR, 50),
    ];
    world.seal(vec![], deposits, &mut [&mut alice]);
    let intent = pay(&bob, "");
    let compose =
        |world: &mut World, asset, amount| world.compose(&alice, &intent, asset, amount, |_| true);
    assert_eq!(
        compose(&mut world, GOLD, 1_001).unwrap_err(),
        ComposeError::Insufficient
    );
    assert_eq!(
        compose(&mut world, DOLLAR, 41).unwrap_err(),
        ComposeError::Insufficient
    );
    assert_eq!(
        compose(&mut world, DOLLAR, u128::MAX).unwrap_err(),
        ComposeError::Insufficient
    );
    assert!(compose(&mut world, DOLLAR, 40).is_ok());
    let held = |note: &OwnedNote| note.note.asset == GOLD;
    let refused = world.compose(&alice, &intent, GOLD, 5, held);
    assert_eq!(
        refused.unwrap_err(),
        ComposeError::Insufficient,
        "the fee's note is held"
    );
}

#[test]
fn a_copied_deposit_does_not_pass_for_the_real_one() {
    let mut world = World::new();
    let mut alice = world.party(1);
    let real = deposit(&alice, 0, GOLD, 1_000);
    let dust = Deposit { value: 1, ..real };
    world.seal(vec![], vec![dust, real], &mut [&mut alice]);
    assert_eq!(alice.chain.deposited(0, GOLD, 1_000), Some(1));
    assert_eq!(alice.chain.deposited(0, GOLD, 999), None);
    assert_eq!(
        held(&alice, GOLD),
        1_001,
        "both notes are ours, at their own places"
    );
}

#[test]
fn a_batch_that_does_not_follow_changes_nothing() {
    let mut world = World::new();
    let mut alice = world.party(1);
    let deposits = vec![deposit(&alice, 0, DOLLAR, 500)];
    world.seal(vec![], deposits, &mut [&mut alice]);
    let again = world.published[0].clone();
    let before = (lines(&alice), *alice.chain.ledger().state());
    assert!(alice.chain.apply(&again, &world.auditors()).is_err());
    assert_eq!((lines(&alice), *alice.chain.ledger().state()), before);
}

/// Alice gives 300 dollars for 7 of Bob's gold. `alices` is the side of Alice's leg.
fn agreed(alice: &Party, bob: &Party, alices: Side) -> swap::Terms {
    let (mut legs, mut receivers) = ([Leg::cash(DOLLAR, 300); 2], [bob.keys.address(); 2]);
    legs[alices.other().index()] = Leg::cash(GOLD, 7);
    receivers[alices.other().index()] = alice.keys.address();
    let salt = Salt::from_bytes([0x5a; 16]);
    swap::Terms::new(Exchange { legs, salt }, receivers, NOW + 60).unwrap()
}

/// Composes both legs, and returns them in the order of the batch.
fn legs(world: &mut World, alice: &Party, bob: &Party, alices: Side) -> Vec<Transaction> {
    let terms = agreed(alice, bob, alices);
    let mut leg = |of: &Party, side: Side| {
        let intent = Intent::Leg {
            terms: Box::new(terms.clone()),
            side,
        };
        let Leg { asset, value, .. } = *terms.exchange.leg(side);
        let composed = world.compose(of, &intent, asset, value, |_| true).unwrap();
        assert!(!composed.merges);
        let transaction = composed.transaction;
        assert_eq!(transaction.header.kind, Kind::leg(side));
        assert_eq!(transaction.header.expiry, terms.expiry);
        assert_eq!(transaction.terms, terms.digest());
        transaction
    };
    let (a, b) = (leg(alice, alices), leg(bob, alices.other()));
    match alices {
        Side::A => vec![a, b],
        Side::B => vec![b, a],
    }
}

/// Makes Alice with dollars, and Bob with gold and a dollar note for the fee.
fn traders(world: &mut World) -> (Party, Party) {
    let (mut alice, mut bob) = (world.party(1), world.party(2));
    let deposits = vec![
        deposit(&alice, 0, DOLLAR, 1_000),
        deposit(&bob, 0, GOLD, 20),
        deposit(&bob, 1, DOLLAR, 50),
    ];
    world.seal(vec![], deposits, &mut [&mut alice, &mut bob]);
    (alice, bob)
}

fn after(party: &Party) -> Vec<(MovementKind, AssetId, u128, bool)> {
    let swapped = party.chain.movements().iter().filter(|m| m.batch == 2);
    swapped
        .map(|m| (m.kind, m.asset, m.amount, m.to.is_some()))
        .collect()
}

#[test]
fn a_swap_is_two_movements_on_each_side_and_is_found_again() {
    for alices in Side::BOTH {
        let mut world = World::new();
        let (mut alice, mut bob) = traders(&mut world);
        let pair = legs(&mut world, &alice, &bob, alices);
        world.seal(pair, vec![], &mut [&mut alice, &mut bob]);

        assert_eq!((held(&alice, DOLLAR), held(&alice, GOLD)), (690, 7));
        assert_eq!((held(&bob, DOLLAR), held(&bob, GOLD)), (340, 13));
        let (gave, got) = (MovementKind::Delivered, MovementKind::Received);
        assert_eq!(
            after(&alice),
            [(gave, DOLLAR, 300, true), (got, GOLD, 7, true)]
        );
        assert_eq!(
            after(&bob),
            [(gave, GOLD, 7, true), (got, DOLLAR, 300, true)]
        );
        for (party, other) in [(&alice, &bob), (&bob, &alice)] {
            let swapped = party.chain.movements().iter().filter(|m| m.batch == 2);
            for movement in swapped {
                assert_eq!(movement.to, Some(other.keys.address()));
                assert!(movement.memo.is_none(), "what a leg's memo says is no text");
            }
        }
        for seed in [1, 2] {
            let live = if seed == 1 { &alice } else { &bob };
            assert_eq!(after(&world.party(seed)), after(live));
        }
    }
}

/// A counterparty encrypts its delivery to nobody and alters the memo. The receiver still finds the
/// note next to its own leg, from its seed alone, and can spend it.
#[test]
fn a_delivery_is_found_whatever_the_counterparty_encrypted() {
    for alices in Side::BOTH {
        let mut world = World::new();
        let (mut alice, mut bob) = traders(&mut world);
        let mut pair = legs(&mut world, &alice, &bob, alices);
        let bobs = &mut pair[alices.other().index()];
        for byte in &mut bobs.note_data.0 {
            *byte ^= 0xa5;
        }
        world.seal(pair, vec![], &mut [&mut alice, &mut bob]);

        let restored = world.party(1);
        for party in [&alice, &restored] {
            assert_eq!((held(party, DOLLAR), held(party, GOLD)), (690, 7));
            assert!(after(party).contains(&(MovementKind::Received, GOLD, 7, true)));
        }
        let payment = world
            .compose(&restored, &pay(&bob, "on"), GOLD, 7, |_| true)
            .unwrap();
        assert!(!payment.merges);
    }
}

/// Terms in the wallet's memory also find the delivery, even if its own leg cannot be re-opened
/// because no auditor key is known.
#[test]
fn kept_terms_find_a_delivery() {
    let mut world = World::new();
    let (mut alice, mut bob) = traders(&mut world);
    let mut pair = legs(&mut world, &alice, &bob, Side::A);
    pair[1].note_data.0.fill(7);
    world.seal(pair, vec![], &mut [&mut alice, &mut bob]);

    for (kept, gold) in [(false, 0), (true, 7)] {
        let mut chain = Chain::new(alice.keys.clone(), world.context);
        if kept {
            chain.expect_delivery(&agreed(&alice, &bob, Side::A));
        }
        for batch in &world.published {
            chain.apply(batch, &AuditorKeys::default()).unwrap();
        }
        let found = Party {
            chain,
            keys: alice.keys.clone(),
            spend: SpendKey::from_seed(&Seed::from_bytes([1; 32])),
        };
        assert_eq!(held(&found, GOLD), gold);
    }
}

/// A wallet signs a leg only if its asset and amount are those of the terms, and the other side's
/// delivery is its own.
#[test]
fn a_leg_of_other_terms_is_not_signed() {
    let mut world = World::new();
    let (alice, bob) = traders(&mut world);
    let foreign = agreed(&world.party(3), &bob, Side::A);
    let ours = agreed(&alice, &bob, Side::A);
    for (terms, asset, amount) in [
        (foreign, DOLLAR, 300),
        (ours.clone(), DOLLAR, 301),
        (ours, GOLD, 300),
    ] {
        let intent = Intent::Leg {
            terms: Box::new(terms),
            side: Side::A,
        };
        let refused = world.compose(&alice, &intent, asset, amount, |_| true);
        assert_eq!(refused.unwrap_err(), ComposeError::Foreign);
    }
}

/// Terms between others make a wallet expect nothing.
#[test]
fn a_swap_of_others_is_none_of_ours() {
    let mut world = World::new();
    let (mut alice, mut bob) = traders(&mut world);
    let mut stranger = world.party(3);
    stranger
        .chain
        .expect_delivery(&agreed(&alice, &bob, Side::A));
    let pair = legs(&mut world, &alice, &bob, Side::A);
    world.seal(pair, vec![], &mut [&mut alice, &mut bob, &mut stranger]);
    assert!(stranger.chain.notes().is_empty() && stranger.chain.movements().is_empty());
}
