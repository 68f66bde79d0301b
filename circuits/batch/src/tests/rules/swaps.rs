//! B20: the legs of swaps in neighbouring slots.

use std::collections::BTreeSet;

use ark_bn254::Fr;
use subrosa_protocol::batch::Shape;
use subrosa_protocol::layout::word;
use subrosa_protocol::transaction::Kind;

use super::{accepted, become_kind, false_swap, one, swap};
use crate::Rule;
use crate::tests::grid::Grid;
use crate::tests::scenario::witness_of;

#[test]
fn b20_pairs_in_every_place() {
    use Kind::{SwapA, SwapB, Transfer, Withdraw};
    let batches: [&[Kind]; 6] = [
        &[SwapA, SwapB],
        &[SwapA, SwapB, SwapA, SwapB],
        &[Transfer, SwapA, SwapB],
        &[Withdraw, Transfer, SwapA, SwapB],
        &[SwapA, SwapB, Withdraw, Transfer],
        &[Transfer, SwapA, SwapB, Withdraw],
    ];
    for kinds in batches {
        accepted(witness_of(Shape::S4, kinds, 2, 6));
    }
}

#[test]
fn b20_one_leg_only() {
    // The other leg is replaced by a transfer; a leg stands alone in the first or last slot.
    false_swap(Rule::B20, |w| become_kind(w, 2, Kind::Transfer));
    false_swap(Rule::B20, |w| become_kind(w, 1, Kind::Transfer));
    false_swap(Rule::B20, |w| become_kind(w, 0, Kind::SwapA));
    false_swap(Rule::B20, |w| become_kind(w, 0, Kind::SwapB));
    false_swap(Rule::B20, |w| become_kind(w, 3, Kind::SwapA));
    false_swap(Rule::B20, |w| become_kind(w, 3, Kind::SwapB));
}

#[test]
fn b20_two_of_one_side_and_the_wrong_order() {
    false_swap(Rule::B20, |w| become_kind(w, 2, Kind::SwapA));
    false_swap(Rule::B20, |w| become_kind(w, 1, Kind::SwapB));
    false_swap(Rule::B20, |w| {
        become_kind(w, 1, Kind::SwapB);
        become_kind(w, 2, Kind::SwapA);
    });
    // A transfer between the legs.
    false_swap(Rule::B20, |w| {
        become_kind(w, 0, Kind::SwapA);
        become_kind(w, 1, Kind::Transfer);
    });
    // A third leg of the same terms, on either side.
    false_swap(Rule::B20, |w| {
        become_kind(w, 0, Kind::SwapA);
        w.slots[0].words[word::TERMS] = w.slots[1].words[word::TERMS];
    });
    false_swap(Rule::B20, |w| {
        become_kind(w, 3, Kind::SwapB);
        w.slots[3].words[word::TERMS] = w.slots[1].words[word::TERMS];
    });
}

#[test]
fn b20_legs_of_different_terms() {
    for slot in [1, 2] {
        false_swap(Rule::B20, |w| w.slots[slot].words[word::TERMS] += one());
        false_swap(Rule::B20, |w| {
            w.slots[slot].words[word::TERMS] = Fr::from(0u64)
        });
    }
}

/// A transfer, or a leg of one of two swaps.
const UNITS: [(Kind, u64); 5] = [
    (Kind::Transfer, 0),
    (Kind::SwapA, 1),
    (Kind::SwapB, 1),
    (Kind::SwapA, 2),
    (Kind::SwapB, 2),
];

/// For every schedule of four slots, constraints, native check and ledger agree with a parser of
/// "a transfer, or A and B of one swap".
#[test]
fn b20_every_schedule_of_four() {
    use crate::parts::slot::SlotWires;
    use halo2curves::bn256::Fr as Cell;

    fn parses(schedule: &[usize]) -> bool {
        match schedule {
            [] => true,
            [0, rest @ ..] | [1, 2, rest @ ..] | [3, 4, rest @ ..] => parses(rest),
            _ => false,
        }
    }
    let template =
        crate::tests::scenario::Scenario::new(8).transaction(Kind::Transfer, Fr::from(0u64));
    let mut witness = swap();
    let mut accepted = 0;
    for number in 0..UNITS.len().pow(4) {
        let schedule: [usize; 4] =
            std::array::from_fn(|slot| number / UNITS.len().pow(slot as u32) % UNITS.len());
        let expected = parses(&schedule);
        let units = schedule.map(|unit| UNITS[unit]);

        let transactions = units.map(|(kind, terms)| {
            let mut transaction = template.clone();
            transaction.header.kind = kind;
            transaction.terms = Fr::from(terms);
            transaction
        });
        let ledger = subrosa_protocol::ledger::paired(&transactions);
        assert_eq!(ledger.is_ok(), expected, "{schedule:?}");

        for (slot, (kind, terms)) in units.iter().enumerate() {
            become_kind(&mut witness, slot, *kind);
            witness.slots[slot].words[word::TERMS] = Fr::from(*terms);
        }
        let native = crate::parts::pairs::check(&witness);
        assert_eq!(native.is_ok(), expected, "{schedule:?}");

        let grid = Grid::build(60, |layout| {
            let zero = layout.zero();
            let slots = units.map(|(kind, terms)| {
                let mut words = [zero; word::COUNT];
                words[word::TERMS] = layout.free_word(Cell::from(terms));
                SlotWires {
                    active: zero,
                    words,
                    digest: zero,
                    fee: zero,
                    side_a: layout.free_flag(kind == Kind::SwapA),
                    side_b: layout.free_flag(kind == Kind::SwapB),
                }
            });
            crate::parts::pairs::pairs(layout, &slots);
        });
        let refused = BTreeSet::from([Rule::B20]);
        let failures = grid.failures(&[]);
        assert_eq!(failures, if expected { BTreeSet::new() } else { refused });
        accepted += usize::from(expected);
    }
    // Four transfers; one pair among two in three places; two pairs.
    assert_eq!(accepted, 1 + 3 * 2 + 2 * 2);
}
