//! Swaps on the ledger: both legs settle or neither, whatever a sequencer tries.

use proptest::prelude::*;

use super::*;
use crate::swap::Side;

/// Makes a leg. Two legs with the same swap number share one digest of terms.
fn leg(rng: &mut ChaCha20Rng, anchor: Fr, side: Side, swap: u64) -> Transaction {
    let mut leg = transaction(rng, anchor, false);
    leg.header.kind = Kind::leg(side);
    leg.terms = Fr::from(1000 + swap);
    leg
}

/// Makes a transfer, or a leg of one of two swaps.
fn any_of(rng: &mut ChaCha20Rng, anchor: Fr, choice: u8) -> Transaction {
    match choice {
        0 => transaction(rng, anchor, false),
        _ => {
            let side = Side::BOTH[usize::from(choice - 1) % 2];
            leg(rng, anchor, side, u64::from(choice - 1) / 2)
        }
    }
}

fn executed(transactions: Vec<Transaction>) -> Result<(), ExecuteError> {
    let mut ledger = Ledger::new();
    let before = ledger.to_bytes();
    let outcome = ledger.execute(input(Shape::S4, transactions, vec![]), &config());
    if outcome.is_err() {
        assert_eq!(ledger.to_bytes(), before, "all or nothing");
    }
    outcome.map(|_| ())
}

/// Executes choices of [`any_of`] in slot order.
fn batch(choices: &[u8]) -> Result<(), ExecuteError> {
    let rng = &mut rng(70);
    let anchor = Ledger::new().state().note_root;
    executed(choices.iter().map(|c| any_of(rng, anchor, *c)).collect())
}

const TRANSFER: u8 = 0;
const A: u8 = 1;
const B: u8 = 2;
const OTHER_A: u8 = 3;
const OTHER_B: u8 = 4;

#[test]
fn pairs_are_executed_and_nothing_else() {
    for choices in [
        &[A, B][..],
        &[TRANSFER, A, B],
        &[A, B, TRANSFER, TRANSFER],
        &[A, B, OTHER_A, OTHER_B],
        // The same terms twice, from other notes: two swaps.
        &[A, B, A, B],
    ] {
        assert_eq!(batch(choices), Ok(()), "{choices:?}");
    }
    for (choices, slot) in [
        (&[A][..], 0),
        (&[B], 0),
        (&[A, A], 0),
        (&[B, B], 0),
        (&[B, A], 0),
        (&[A, OTHER_B], 0),
        (&[A, TRANSFER, B], 0),
        (&[TRANSFER, A, TRANSFER], 1),
        (&[A, B, B], 2),
        (&[A, B, A], 2),
        (&[TRANSFER, TRANSFER, TRANSFER, A], 3),
        (&[A, B, OTHER_B, OTHER_A], 2),
        (&[OTHER_A, A, B, OTHER_B], 0),
    ] {
        let refused = Err(ExecuteError::Unpaired(UnpairedLeg { slot }));
        assert_eq!(batch(choices), refused, "{choices:?}");
    }
}

#[test]
fn a_leg_twice_and_an_expired_leg_are_refused() {
    let rng = &mut rng(71);
    let anchor = Ledger::new().state().note_root;
    let [a, b] = Side::BOTH.map(|side| leg(rng, anchor, side, 0));
    let again = leg(rng, anchor, Side::B, 0);
    assert_eq!(
        executed(vec![a.clone(), b.clone(), a.clone(), again]),
        Err(ExecuteError::Nullifier(NullifierError::Repeated {
            slot: 2,
            input: 0,
            first_slot: 0
        }))
    );
    for slot in 0..2 {
        let mut legs = vec![a.clone(), b.clone()];
        legs[slot].header.expiry = NOW - 1;
        assert_eq!(
            executed(legs),
            Err(ExecuteError::Stateless {
                slot,
                source: StatelessError::Expired {
                    expiry: NOW - 1,
                    now: NOW
                }
            })
        );
    }
}

#[test]
fn legs_have_terms() {
    let rng = &mut rng(72);
    let anchor = Ledger::new().state().note_root;
    for side in Side::BOTH {
        let mut bare = leg(rng, anchor, side, 0);
        bare.terms = Fr::from(0u64);
        assert_eq!(
            stateless(&bare, &config(), NOW),
            Err(StatelessError::TermsMissing)
        );
    }
    // In other kinds the word only blinds the digest.
    for withdraw in [false, true] {
        let mut other = transaction(rng, anchor, withdraw);
        other.terms = Fr::from(1u64);
        assert_eq!(stateless(&other, &config(), NOW), Ok(()));
    }
}

/// Next action of a sequencer.
#[derive(Clone, Debug)]
enum Move {
    /// Seals a batch of these transactions, in this order, after waiting.
    Seal { chosen: Vec<usize>, wait: u64 },
}

/// Choices among the twelve transactions of the pool. Whole swaps occur often enough that some
/// settle.
fn moves() -> impl Strategy<Value = Vec<Move>> {
    let unit = prop_oneof![
        2 => (0usize..4).prop_map(|swap| vec![3 * swap, 3 * swap + 1]),
        1 => (0usize..12).prop_map(|one| vec![one]),
    ];
    let seal =
        (prop::collection::vec(unit, 1..3), 0u64..120).prop_map(|(units, wait)| Move::Seal {
            chosen: units.concat(),
            wait,
        });
    prop::collection::vec(seal, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The ledger accepts exactly what a parser of "a transfer, or A and B of one swap" accepts.
    #[test]
    fn acceptance_is_that_of_a_grammar(choices in prop::collection::vec(0u8..5, 0..=4)) {
        fn parses(choices: &[u8]) -> bool {
            match choices {
                [] => true,
                [TRANSFER, rest @ ..]
                | [A, B, rest @ ..]
                | [OTHER_A, OTHER_B, rest @ ..] => parses(rest),
                _ => false,
            }
        }
        prop_assert_eq!(batch(&choices).is_ok(), parses(&choices));
    }

    /// Four swaps are sealed in any selection, order and repetition while time passes, and
    /// transfers of some owners spend notes of their legs. After each batch both legs of a swap are
    /// in, adjacent, or neither is, and never after the expiry.
    #[test]
    fn both_legs_or_neither_in_any_schedule(seed: u64, moves in moves()) {
        let rng = &mut rng(seed);
        let mut ledger = Ledger::new();
        let anchor = ledger.state().note_root;
        let mut pool = Vec::new();
        for swap in 0..4 {
            let [mut a, mut b] = Side::BOTH.map(|side| leg(rng, anchor, side, swap));
            let expiry = NOW + 200 * (swap + 1);
            (a.header.expiry, b.header.expiry) = (expiry, expiry);
            // In every second swap the owner of a leg spends one of its notes elsewhere.
            let mut robber = transaction(rng, anchor, false);
            robber.header.expiry = NOW + 100_000;
            let robbed = if swap % 2 == 0 { &a } else { &b };
            robber.nullifiers[1] = robbed.nullifiers[0];
            pool.extend([a, b, robber]);
        }
        let mut now = NOW;
        let mut settled = 0;
        for Move::Seal { chosen, wait } in moves {
            now += wait;
            let transactions: Vec<_> = chosen.iter().map(|i| pool[*i].clone()).collect();
            let mut batch = input(Shape::S4, transactions, vec![]);
            batch.time = now;
            let before = ledger.to_bytes();
            if ledger.execute(batch, &config()).is_err() {
                prop_assert_eq!(ledger.to_bytes(), before);
                continue;
            }
            for (place, index) in chosen.iter().enumerate() {
                match index % 3 {
                    0 => prop_assert_eq!(chosen.get(place + 1), Some(&(index + 1))),
                    1 => prop_assert_eq!(Some(&chosen[place - 1]), Some(&(index - 1))),
                    _ => continue,
                }
                prop_assert!(now <= pool[*index].header.expiry);
                settled += 1;
            }
            for legs in pool.chunks(3) {
                let spent = |leg: &Transaction| {
                    // A robber may spend one of the three notes, but never the others.
                    ledger.nullifiers().contains(&leg.nullifiers[2])
                };
                prop_assert_eq!(spent(&legs[0]), spent(&legs[1]));
                if spent(&legs[2]) {
                    prop_assert!(!spent(&legs[0]));
                }
            }
        }
        prop_assert!(settled % 2 == 0);
    }
}
