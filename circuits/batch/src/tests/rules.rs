//! One false statement and more for each rule: the native check names it, and so does the circuit.

use std::collections::BTreeSet;

use ark_bn254::Fr;
use ark_ff::UniformRand;
use halo2curves::ff::Field;
use rand::SeedableRng;
use subrosa_protocol::batch::{BatchWitness, Shape};
use subrosa_protocol::transaction::{Header, Kind};

use super::clients::bare;
use super::failures::mock;
use super::grid::Grid;
use super::scenario::{witness, witness_of};
use crate::convert::{from_halo2, to_halo2};
use crate::{Rule, check, instances};

fn one() -> Fr {
    Fr::from(1u64)
}

fn power_of_two(exponent: usize) -> Fr {
    from_halo2(&crate::convert::power_of_two(exponent))
}

fn random() -> Fr {
    Fr::rand(&mut rand_chacha::ChaCha20Rng::seed_from_u64(40))
}

/// Three transactions, of which at least one transfers and one withdraws, one names a price snapshot and one does
/// not, and two deposits.
fn base() -> BatchWitness {
    (0..)
        .map(|seed| witness(Shape::S4, 3, 2, seed))
        .find(|witness| {
            transfer(witness).is_some()
                && withdrawal(witness).is_some()
                && naming(witness).is_some()
                && silent(witness).is_some()
        })
        .unwrap()
}

fn transfer(witness: &BatchWitness) -> Option<usize> {
    (0..3).find(|slot| witness.slots[*slot].words[5] == Fr::from(0u64))
}

fn withdrawal(witness: &BatchWitness) -> Option<usize> {
    (0..3).find(|slot| witness.slots[*slot].words[5] != Fr::from(0u64))
}

/// The first transaction that names a price snapshot.
fn naming(witness: &BatchWitness) -> Option<usize> {
    (0..3).find(|slot| witness.slots[*slot].words[7] != Fr::from(0u64))
}

/// The first that names none.
fn silent(witness: &BatchWitness) -> Option<usize> {
    (0..3).find(|slot| witness.slots[*slot].words[7] == Fr::from(0u64))
}

/// Changes the header of a slot's transaction; whether a client has signed that is for its proof to say.
fn edit_header(witness: &mut BatchWitness, slot: usize, edit: impl FnOnce(&mut Header)) {
    let packed = &mut witness.slots[slot].words[3];
    let mut header = Header::unpack(packed).unwrap();
    edit(&mut header);
    *packed = header.pack();
}

/// Native check and circuit accept.
fn accepted(witness: BatchWitness) {
    let public = instances(&witness);
    let native: Vec<_> = public.iter().map(from_halo2).collect();
    assert_eq!(check(&witness, &native.try_into().unwrap()), Ok(()));
    assert_eq!(mock(&bare(witness), public), BTreeSet::new());
}

/// Both the native check and the circuit refuse the statement by `rule`; the circuit fails under no
/// rule beyond `rule` and `also`.
fn refused(
    rule: Rule,
    also: &[Rule],
    change: impl Fn(&mut BatchWitness),
    change_instances: impl Fn(&mut [Fr; 5]),
) {
    let mut witness = base();
    change(&mut witness);
    let mut public: [Fr; 5] = std::array::from_fn(|i| from_halo2(&instances(&witness)[i]));
    change_instances(&mut public);
    assert_eq!(check(&witness, &public), Err(rule));
    let public: Vec<_> = public.iter().map(to_halo2).collect();
    let circuit = bare(witness);
    let mut expected: BTreeSet<Rule> = also.iter().copied().collect();
    expected.insert(rule);
    assert_eq!(Grid::of(&circuit).failures(&public), expected);
    assert_eq!(mock(&circuit, public), expected);
}

fn false_witness(rule: Rule, change: impl Fn(&mut BatchWitness)) {
    refused(rule, &[], change, |_| {});
}

#[test]
fn base_is_true() {
    accepted(base());
}

#[test]
fn b1_old_state() {
    refused(Rule::B1, &[], |_| {}, |public| public[0] += one());
}

#[test]
fn b2_counts_and_inactive_slots() {
    // Kind 0, and a reserved kind, in an active slot.
    false_witness(Rule::B2, |w| {
        let slot = transfer(w).unwrap();
        w.slots[slot].words[3] -= one();
    });
    false_witness(Rule::B2, |w| {
        let slot = transfer(w).unwrap();
        w.slots[slot].words[3] += Fr::from(4u64);
    });
    // Data in an inactive slot, in its first and in its last word.
    for word in [1, 4, 5, 6, 7, 8, 29] {
        let also: &[Rule] = match word {
            4 | 5 => &[Rule::B15],
            7 => &[Rule::B21],
            _ => &[],
        };
        refused(Rule::B2, also, |w| w.slots[3].words[word] = one(), |_| {});
    }
    // The batch's own snapshot is as much data there as any other; so is a time.
    false_witness(Rule::B2, |w| w.slots[3].words[7] = w.header.oracle);
    refused(
        Rule::B2,
        &[Rule::B22],
        |w| w.slots[3].words[3] = power_of_two(160),
        |_| {},
    );
    // Counts that are not those of the slots.
    false_witness(Rule::B2, |w| w.header.transactions += 1);
    false_witness(Rule::B2, |w| w.header.transactions -= 1);
    // A gap between active slots.
    let mut gap = base();
    gap.slots.swap(0, 3);
    assert_eq!(refusals(&gap), (Err(Rule::B2), true));
    // More deposits than slots.
    let mut many = base();
    many.header.deposits = 5;
    assert_eq!(refusals(&many), (Err(Rule::B2), true));
}

/// What the native check says, and whether the circuit fails under the rule it names.
fn refusals(witness: &BatchWitness) -> (Result<(), Rule>, bool) {
    let public = instances(witness);
    let native: Vec<_> = public.iter().map(from_halo2).collect();
    let native = check(witness, &native.try_into().unwrap());
    let circuit = mock(&bare(witness.clone()), public);
    (native, native.is_err_and(|rule| circuit.contains(&rule)))
}

#[test]
fn b3_digest_context_and_header() {
    false_witness(Rule::B3, |w| w.slots[0].words[0] = random());
    false_witness(Rule::B3, |w| w.slots[1].words[2] = random());
    false_witness(Rule::B3, |w| w.header.fee_asset.0 += 1);
    // Bits beyond the header's fields: a time to begin with of 41 bits, and the highest bit there is.
    false_witness(Rule::B3, |w| w.slots[0].words[3] += power_of_two(200));
    false_witness(Rule::B3, |w| w.slots[1].words[3] += power_of_two(253));
    // A slot whose words are of another deployment and asset tree: inactive words are 0 there too.
    let mut inactive = base();
    inactive.slots[3].words[0] = inactive.header.context;
    assert_eq!(refusals(&inactive).0, Err(Rule::B2));
    let circuit = bare(inactive.clone());
    assert!(mock(&circuit, instances(&inactive)).contains(&Rule::B3));
}

#[test]
fn b4_anchor() {
    false_witness(Rule::B4, |w| w.slots[0].words[1] = random());
    false_witness(Rule::B4, |w| w.slots[1].anchor_path.siblings[5][2] += one());
    false_witness(Rule::B4, |w| w.slots[2].anchor_path.index ^= 1 << 9);
}

#[test]
fn b5_expiry() {
    false_witness(Rule::B5, |w| w.header.time += 86_400);
    // Later than any time there is, against either end of what is valid.
    refused(Rule::B5, &[Rule::B22], |w| w.header.time += 1 << 40, |_| {});
}

#[test]
fn b6_nullifier_subtree() {
    // The links that follow start from the false root.
    refused(
        Rule::B6,
        &[Rule::B7],
        |w| w.nullifier_subtree_path[3][1] += one(),
        |_| {},
    );
    // A place that is taken: that of the batch before.
    let mut taken = base();
    taken.header.start -= 16;
    assert_eq!(refusals(&taken), (Err(Rule::B6), true));
}

#[test]
fn b7_links() {
    false_witness(Rule::B7, |w| w.slots[0].links[0].hint += one());
    false_witness(Rule::B7, |w| w.slots[1].links[2].low_value += one());
    false_witness(Rule::B7, |w| {
        w.slots[1].links[2].path.siblings[0][0] += one()
    });
    false_witness(Rule::B7, |w| w.slots[2].links[1].path.index ^= 3);
    // A nullifier equal to its low leaf's value or next is not between them.
    false_witness(Rule::B7, |w| {
        w.slots[0].words[8] = w.slots[0].links[0].low_value;
    });
    false_witness(Rule::B7, |w| {
        w.slots[0].words[8] = w.slots[0].links[0].low_next;
    });
    false_witness(Rule::B7, |w| w.new.nullifier_root += one());
}

/// A nullifier that is a member already cannot be linked: its own leaf does not contain it, and no
/// other low leaf does.
#[test]
fn b7_double_spend() {
    let mut witness = base();
    let again = witness.slots[0].words[8];
    witness.slots[1].words[8] = again;
    assert_eq!(refusals(&witness), (Err(Rule::B7), true));
}

#[test]
fn b8_commitments_and_deposits() {
    false_witness(Rule::B8, |w| w.note_subtree_path[0][0] += one());
    false_witness(Rule::B8, |w| w.slots[1].words[12] = random());
    false_witness(Rule::B8, |w| w.deposits[0][0] += one());
    false_witness(Rule::B8, |w| w.deposits[1][1] += one());
    // Words in an empty deposit slot.
    false_witness(Rule::B8, |w| w.deposits[2][0] = one());
    false_witness(Rule::B8, |w| w.deposits[3][1] = one());
    // The history follows the stated root.
    refused(Rule::B8, &[Rule::B12], |w| w.new.note_root += one(), |_| {});
}

#[test]
fn b9_placement() {
    false_witness(Rule::B9, |w| w.old.leaf_count -= 16);
    false_witness(Rule::B9, |w| w.old.leaf_count += 32);
    false_witness(Rule::B9, |w| w.new.leaf_count += 1);
    refused(
        Rule::B9,
        &[],
        |w| {
            w.header.start += 1;
            w.new.leaf_count += 1;
        },
        |_| {},
    );
}

#[test]
fn b10_fee_total() {
    false_witness(Rule::B10, |w| w.header.fee_total += 1);
    false_witness(Rule::B10, |w| w.header.fee_total -= 1);
}

#[test]
fn b11_deposit_count() {
    false_witness(Rule::B11, |w| w.new.deposit_count += 1);
    false_witness(Rule::B11, |w| w.header.first_deposit += 1);
}

#[test]
fn b12_history() {
    false_witness(Rule::B12, |w| w.new.history_root += one());
    false_witness(Rule::B12, |w| w.new.batch_index += 1);
    false_witness(Rule::B12, |w| w.header.batch_index += 1);
    false_witness(Rule::B12, |w| w.history_append_path.index += 1);
    false_witness(Rule::B12, |w| {
        w.history_append_path.siblings[15][0] += one()
    });
}

#[test]
fn b13_new_state() {
    refused(Rule::B13, &[], |_| {}, |public| public[1] += one());
}

#[test]
fn b14_data() {
    for i in 2..5 {
        refused(Rule::B14, &[], |_| {}, |public| public[i] += one());
    }
    // Commitment and evaluation of other words than those of the statement.
    for word in [0, 5, 7, 8, 17, 40, 111] {
        let mut words = base().data_words();
        words[word] += one();
        let c = subrosa_protocol::batch::data_commitment(&words);
        refused(Rule::B14, &[], |_| {}, |public| public[2] = c);
        let z = base().challenge();
        let y = subrosa_protocol::batch::evaluate(&words, &z);
        refused(Rule::B14, &[], |_| {}, |public| public[4] = y);
    }
}

#[test]
fn b15_withdrawals() {
    false_witness(Rule::B15, |w| {
        let slot = transfer(w).unwrap();
        w.slots[slot].words[5] = one();
    });
    false_witness(Rule::B15, |w| {
        let slot = transfer(w).unwrap();
        w.slots[slot].words[4] = one();
    });
    false_witness(Rule::B15, |w| {
        let slot = withdrawal(w).unwrap();
        w.slots[slot].words[5] = Fr::from(0u64);
    });
}

/// A transfer, the two legs of a swap and another transfer.
fn swap() -> BatchWitness {
    use Kind::{SwapA, SwapB, Transfer};
    witness_of(Shape::S4, &[Transfer, SwapA, SwapB, Transfer], 1, 5)
}

/// Both refuse a change to [`swap`] by `rule` and no other.
fn false_swap(rule: Rule, change: impl Fn(&mut BatchWitness)) {
    let mut witness = swap();
    change(&mut witness);
    let public = instances(&witness);
    let native: Vec<_> = public.iter().map(from_halo2).collect();
    assert_eq!(check(&witness, &native.try_into().unwrap()), Err(rule));
    let circuit = bare(witness);
    assert_eq!(Grid::of(&circuit).failures(&public), BTreeSet::from([rule]));
    assert_eq!(mock(&circuit, public), BTreeSet::from([rule]));
}

/// Makes the transaction of a slot one of another kind.
fn become_kind(witness: &mut BatchWitness, slot: usize, kind: Kind) {
    edit_header(witness, slot, |header| header.kind = kind);
}

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
    // The other slot is a transfer, in either place; in the first and in the last slot.
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
    // A transfer between the legs, at either end of the batch.
    false_swap(Rule::B20, |w| {
        become_kind(w, 0, Kind::SwapA);
        become_kind(w, 1, Kind::Transfer);
    });
    // A third leg, of the same terms, on either side.
    false_swap(Rule::B20, |w| {
        become_kind(w, 0, Kind::SwapA);
        w.slots[0].words[6] = w.slots[1].words[6];
    });
    false_swap(Rule::B20, |w| {
        become_kind(w, 3, Kind::SwapB);
        w.slots[3].words[6] = w.slots[1].words[6];
    });
}

#[test]
fn b20_legs_of_different_terms() {
    for slot in [1, 2] {
        false_swap(Rule::B20, |w| w.slots[slot].words[6] += one());
        false_swap(Rule::B20, |w| w.slots[slot].words[6] = Fr::from(0u64));
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

/// Every schedule of four slots: constraints, native check and ledger accept the same, and that is what a
/// parser of "a transfer, or A and B of one swap" accepts.
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
    let template = super::scenario::Scenario::new(8).transaction(Kind::Transfer, Fr::from(0u64));
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
            witness.slots[slot].words[6] = Fr::from(*terms);
        }
        let native = crate::parts::pairs::check(&witness);
        assert_eq!(native.is_ok(), expected, "{schedule:?}");

        let grid = Grid::build(60, |layout| {
            let zero = layout.zero();
            let slots = units.map(|(kind, terms)| {
                let mut words = [zero; 30];
                words[6] = layout.free_word(Cell::from(terms));
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

/// A prover is free to set the flags that tell the kinds apart; only the true ones pass. 4 = 1 + 1 + 2 above all:
/// side B is no withdrawal that is side A as well; nor is it twice side A less a withdrawal, 1 − 1 + 2·2.
#[test]
fn b2_kinds_have_one_set_of_flags() {
    use halo2curves::bn256::Fr as Cell;
    let two = Cell::from(2);
    let values = [
        Cell::ZERO,
        Cell::ONE,
        two,
        -Cell::ONE,
        two.invert().unwrap(),
    ];
    for active in [false, true] {
        for kind in 0..9u64 {
            for number in 0..values.len().pow(3) {
                let flags = [0, 1, 2].map(|i| values[number / values.len().pow(i) % values.len()]);
                let grid = Grid::build(40, |layout| {
                    layout.rule(Rule::B2);
                    let active = layout.free_flag(active);
                    crate::parts::slot::kind(layout, active, Cell::from(kind), flags);
                });
                let known = if active { 1..=4 } else { 0..=0 };
                let told = [2, 3, 4].map(|of| Cell::from(u64::from(of == kind)));
                let holds = known.contains(&kind) && flags == told;
                let failures = grid.failures(&[]);
                assert_eq!(failures.is_empty(), holds, "kind {kind}, flags {flags:?}");
            }
        }
    }
}

/// A leg twice is one note twice.
#[test]
fn b7_leg_twice() {
    let mut witness = witness_of(
        Shape::S4,
        &[Kind::SwapA, Kind::SwapB, Kind::SwapA, Kind::SwapB],
        0,
        7,
    );
    witness.slots[2].words = witness.slots[0].words;
    witness.slots[3].words[6] = witness.slots[0].words[6];
    assert_eq!(refusals(&witness), (Err(Rule::B7), true));
}

#[test]
fn b5_expired_leg() {
    for slot in [1, 2] {
        false_swap(Rule::B5, |w| {
            let late = w.header.time - 1;
            edit_header(w, slot, |header| header.expiry = late);
        });
    }
}

/// A statement of a header word's fields is in range, and so the only one: what a field gains, its neighbours
/// cannot lose.
#[test]
fn b3_header_is_unpacked_in_one_way() {
    use halo2curves::bn256::Fr as Cell;
    let power = crate::convert::power_of_two;
    let holds = |stated: [Cell; 3], packed: Cell| {
        let grid = Grid::build(80, |layout| {
            layout.rule(Rule::B3);
            let [kind, fee_asset, packed] =
                [Cell::ONE, Cell::from(7), packed].map(|value| layout.free_word(value));
            crate::parts::slot::unpack(layout, kind, fee_asset, stated, packed);
        });
        grid.failures(&[]).is_empty()
    };
    let pack = |[fee, expiry, not_before]: [Cell; 3]| {
        Cell::ONE
            + Cell::from(7) * power(8)
            + fee * power(24)
            + expiry * power(120)
            + not_before * power(160)
    };
    let one = Cell::ONE;
    let last = [power(96) - one, power(40) - one, power(40) - one];
    let some = [5, 1_800_000_000, 1_799_999_999].map(Cell::from);
    for fields in [[Cell::ZERO; 3], last, some] {
        assert!(holds(fields, pack(fields)));
        let [fee, expiry, not_before] = fields;
        for other in [
            [fee + power(96), expiry - one, not_before],
            [fee - power(96), expiry + one, not_before],
            [fee, expiry + power(40), not_before - one],
            [fee, expiry - power(40), not_before + one],
            [fee + power(136), expiry, not_before - one],
            // Around the modulus.
            [
                fee,
                expiry + power(40) * Cell::from(3),
                not_before - Cell::from(3),
            ],
            [
                fee + power(96) * power(200),
                expiry - power(200),
                not_before,
            ],
        ] {
            assert_eq!(pack(other), pack(fields));
            assert!(!holds(other, pack(fields)), "{other:?}");
        }
        // 41 bits, as the word and its statement both say.
        let beyond = [fee, expiry, not_before + power(40)];
        assert!(!holds(beyond, pack(beyond)));
    }
}

#[test]
fn b21_snapshots() {
    // Another snapshot than the batch's.
    false_witness(Rule::B21, |w| {
        let slot = silent(w).unwrap();
        w.slots[slot].words[7] = random();
    });
    false_witness(Rule::B21, |w| {
        let slot = naming(w).unwrap();
        w.slots[slot].words[7] += one();
    });
    false_witness(Rule::B21, |w| {
        let slot = naming(w).unwrap();
        w.slots[slot].words[7] = -w.header.oracle;
    });
    // A snapshot is named, but the batch has none or another.
    false_witness(Rule::B21, |w| w.header.oracle = Fr::from(0u64));
    false_witness(Rule::B21, |w| w.header.oracle = random());
}

/// Two snapshots in one batch, of which word 5 can be but one: each place, legs included.
#[test]
fn b21_two_snapshots() {
    for slot in 0..4 {
        for batch in [random(), random() + one(), Fr::from(0u64)] {
            false_swap(Rule::B21, |w| {
                for (place, slot_witness) in w.slots.iter_mut().enumerate() {
                    slot_witness.words[7] = random();
                    if place == slot {
                        slot_witness.words[7] += one();
                    }
                }
                w.header.oracle = batch;
            });
        }
    }
}

/// All name the batch's snapshot, or one does, or none does though the batch has one.
#[test]
fn b21_true_snapshots() {
    for named in [&[0, 1, 2, 3][..], &[2], &[]] {
        let mut witness = swap();
        witness.header.oracle = random();
        for (place, slot) in witness.slots.iter_mut().enumerate() {
            slot.words[7] = match named.contains(&place) {
                true => random(),
                false => Fr::from(0u64),
            };
        }
        accepted(witness);
    }
    let mut none = swap();
    none.header.oracle = Fr::from(0u64);
    for slot in &mut none.slots {
        slot.words[7] = Fr::from(0u64);
    }
    accepted(none);
}

#[test]
fn b21_zero_or_the_other() {
    use halo2curves::bn256::Fr as Cell;
    let two = Cell::from(2);
    let values = [
        Cell::ZERO,
        Cell::ONE,
        two,
        -Cell::ONE,
        two.invert().unwrap(),
    ];
    for value in values {
        for other in values {
            let grid = Grid::build(40, |layout| {
                layout.rule(Rule::B21);
                let [value, other] = [value, other].map(|value| layout.free_word(value));
                layout.assert_zero_or(other, value);
            });
            let holds = value == Cell::ZERO || value == other;
            assert_eq!(grid.failures(&[]).is_empty(), holds);
        }
    }
}

#[test]
fn b22_not_before() {
    // Inclusive: valid at that very second, and not one earlier.
    for slot in 0..3 {
        let mut witness = base();
        let time = witness.header.time;
        edit_header(&mut witness, slot, |header| header.not_before = time);
        accepted(witness);
        for early in [time + 1, time + 3_600, (1 << 40) - 1] {
            false_witness(Rule::B22, |w| {
                edit_header(w, slot, |header| header.not_before = early);
            });
        }
        false_witness(Rule::B22, |w| {
            edit_header(w, slot, |header| header.not_before = time);
            w.header.time -= 1;
        });
    }
    for leg in [1, 2] {
        false_swap(Rule::B22, |w| {
            let early = w.header.time + 1;
            edit_header(w, leg, |header| header.not_before = early);
        });
    }
}

/// Valid for one second.
#[test]
fn b22_and_b5_at_one_second() {
    for time in [0, 1, super::scenario::TIME, (1 << 40) - 1] {
        let mut witness = base();
        witness.header.time = time;
        for slot in 0..3 {
            edit_header(&mut witness, slot, |header| {
                (header.not_before, header.expiry) = (time, time);
            });
        }
        accepted(witness);
    }
    // Never valid: no time is between.
    refused(
        Rule::B5,
        &[Rule::B22],
        |w| {
            let time = w.header.time;
            edit_header(w, 1, |header| {
                (header.not_before, header.expiry) = (time + 1, time - 1);
            });
        },
        |_| {},
    );
}

#[test]
fn b15_a_leg_withdraws_nothing() {
    for slot in [1, 2] {
        false_swap(Rule::B15, |w| w.slots[slot].words[5] = one());
        false_swap(Rule::B15, |w| w.slots[slot].words[4] = one());
    }
}

/// The comparison v < nf < n of B7 at the edges of the field.
#[test]
fn b7_comparison_is_that_of_integers() {
    use halo2curves::bn256::Fr;
    let top = -Fr::ONE;
    let two = Fr::from(2);
    let half = two.invert().unwrap();
    let values = [
        Fr::ZERO,
        Fr::ONE,
        two,
        crate::convert::power_of_two(130) - Fr::ONE,
        crate::convert::power_of_two(130),
        half - Fr::ONE,
        half,
        top - Fr::ONE,
        top,
    ];
    let integer = |value: &Fr| ark_ff::PrimeField::into_bigint(from_halo2(value));
    for low in &values {
        for nullifier in &values {
            for next in &values {
                let between =
                    integer(low) < integer(nullifier) && integer(nullifier) < integer(next);
                // An inactive slot still bounds its low value, which is 0 there, by r − 3.
                let idle = integer(low) <= integer(&-Fr::from(3));
                for active in [false, true] {
                    let grid = Grid::build(200, |layout| {
                        layout.rule(Rule::B7);
                        let active = layout.free_flag(active);
                        let [low, nullifier, next] =
                            [low, nullifier, next].map(|value| layout.free_word(*value));
                        crate::parts::nullifiers::compare(layout, active, low, nullifier, next);
                    });
                    let holds = if active { between } else { idle };
                    assert_eq!(grid.failures(&[]).is_empty(), holds);
                }
            }
        }
    }
}

/// Ranges at their edges.
#[test]
fn ranges_hold_their_width() {
    use crate::layout::{Hint, Input};
    use halo2curves::bn256::Fr;
    for width in [1, 4, 6, 8, 12, 13, 14, 16, 26, 40, 96, 130, 160, 247] {
        let end = crate::convert::power_of_two(width);
        let cases = [
            (Fr::ZERO, true),
            (end - Fr::ONE, true),
            (end, false),
            (end + Fr::ONE, false),
            (-Fr::ONE, false),
            (Fr::from(2).invert().unwrap(), false),
        ];
        for (value, holds) in cases {
            let grid = Grid::build(60, |layout| {
                layout.range(Input::Hint(value, Hint::Ranged), width);
            });
            assert_eq!(grid.failures(&[]).is_empty(), holds, "{width} bits");
        }
    }
}

/// A Merkle step places the child as the protocol does, and its bits are bits.
#[test]
fn merkle_places() {
    use crate::chips::merkle::hinted_path;
    use halo2curves::bn256::Fr;
    let siblings: Vec<[Fr; 3]> = (0..4)
        .map(|level| [1, 2, 3].map(|i| Fr::from(10 * level + i)))
        .collect();
    let ark: Vec<[ark_bn254::Fr; 3]> = siblings
        .iter()
        .map(|level| level.map(|sibling| from_halo2(&sibling)))
        .collect();
    let leaf = Fr::from(99);
    for index in 0..256u64 {
        let mut root = Fr::ZERO;
        let grid = Grid::build(100, |layout| {
            let leaf = layout.free_word(leaf);
            root = layout.climb(leaf, &hinted_path(index, &siblings)).0.value;
        });
        assert!(grid.failures(&[]).is_empty());
        let expected = subrosa_protocol::tree::fold(index, from_halo2(&leaf), &ark);
        assert_eq!(from_halo2(&root), expected);
    }
    // 2 is no bit.
    for bit in 0..2 {
        let mut path = hinted_path(0, &siblings);
        path[1].bits[bit] = crate::layout::Input::Hint(Fr::from(2), crate::layout::Hint::Bit);
        let grid = Grid::build(100, |layout| {
            let leaf = layout.free_word(leaf);
            layout.climb(leaf, &path);
        });
        assert!(!grid.failures(&[]).is_empty());
    }
}
