//! False statements for each rule: the native check names the rule, and so does the circuit.

mod gadgets;
mod swaps;

use std::collections::BTreeSet;

use ark_bn254::Fr;
use ark_ff::UniformRand;
use halo2curves::ff::Field;
use rand::SeedableRng;
use subrosa_protocol::batch::{BatchWitness, Shape};
use subrosa_protocol::layout::{TIME_BITS, header, word};
use subrosa_protocol::transaction::{Header, Kind};
use subrosa_protocol::tree::NoteTree;

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

/// Returns a batch of three transactions and two deposits. At least one transaction transfers, one
/// withdraws, and one is under the batch's own first anchor.
fn base() -> BatchWitness {
    (0..)
        .map(|seed| witness(Shape::S4, 3, 2, seed))
        .find(|witness| {
            transfer(witness).is_some() && withdrawal(witness).is_some() && own(witness).is_some()
        })
        .unwrap()
}

fn transfer(witness: &BatchWitness) -> Option<usize> {
    (0..3).find(|slot| witness.slots[*slot].words[word::AMOUNT] == Fr::from(0u64))
}

fn withdrawal(witness: &BatchWitness) -> Option<usize> {
    (0..3).find(|slot| witness.slots[*slot].words[word::AMOUNT] != Fr::from(0u64))
}

/// Returns the first transaction that uses the batch's own first anchor.
fn own(witness: &BatchWitness) -> Option<usize> {
    let anchor = witness.old.anchor(&witness.header.oracle);
    (0..3).find(|slot| witness.slots[*slot].words[word::ANCHOR] == anchor.into())
}

/// Changes the header of a slot's transaction. Only the client's proof binds it to a signature.
fn edit_header(witness: &mut BatchWitness, slot: usize, edit: impl FnOnce(&mut Header)) {
    let packed = &mut witness.slots[slot].words[word::HEADER];
    let mut header = Header::unpack(packed).unwrap();
    edit(&mut header);
    *packed = header.pack();
}

/// Asserts that native check and circuit accept.
fn accepted(witness: BatchWitness) {
    let public = instances(&witness);
    let native: Vec<_> = public.iter().map(from_halo2).collect();
    assert_eq!(check(&witness, &native.try_into().unwrap()), Ok(()));
    assert_eq!(mock(&bare(witness), public), BTreeSet::new());
}

/// Asserts that native check and circuit refuse the changed statement by `rule`. The circuit fails
/// under `rule` and `also`, and under no other rule.
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
        w.slots[slot].words[word::HEADER] -= one();
    });
    false_witness(Rule::B2, |w| {
        let slot = transfer(w).unwrap();
        w.slots[slot].words[word::HEADER] += Fr::from(4u64);
    });
    // Data in an inactive slot, in any word.
    for word in [
        word::ANCHOR,
        word::TARGET,
        word::AMOUNT,
        word::TERMS,
        word::NULLIFIERS.start,
        word::COUNT - 1,
    ] {
        let also: &[Rule] = match word {
            word::TARGET | word::AMOUNT => &[Rule::B15],
            _ => &[],
        };
        refused(Rule::B2, also, |w| w.slots[3].words[word] = one(), |_| {});
    }
    // The batch's own anchor is data there too; so is a time.
    false_witness(Rule::B2, |w| {
        w.slots[3].words[word::ANCHOR] = w.old.anchor(&w.header.oracle).into()
    });
    refused(
        Rule::B2,
        &[Rule::B21],
        |w| w.slots[3].words[word::HEADER] = power_of_two(header::NOT_BEFORE.offset),
        |_| {},
    );
    // Counts that differ from the slots.
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

/// Returns the result of the native check, and whether the circuit fails under the rule it names.
fn refusals(witness: &BatchWitness) -> (Result<(), Rule>, bool) {
    let public = instances(witness);
    let native: Vec<_> = public.iter().map(from_halo2).collect();
    let native = check(witness, &native.try_into().unwrap());
    let circuit = mock(&bare(witness.clone()), public);
    (native, native.is_err_and(|rule| circuit.contains(&rule)))
}

#[test]
fn b3_digest_context_and_header() {
    false_witness(Rule::B3, |w| w.slots[0].words[word::CONTEXT] = random());
    false_witness(Rule::B3, |w| w.slots[1].words[word::ASSETS_ROOT] = random());
    false_witness(Rule::B3, |w| w.header.fee_asset.0 += 1);
    // Bits beyond the header's fields: a not-before of 41 bits, and the highest bit of a word.
    false_witness(Rule::B3, |w| {
        w.slots[0].words[word::HEADER] += power_of_two(header::LAYOUT.bits())
    });
    false_witness(Rule::B3, |w| {
        w.slots[1].words[word::HEADER] += power_of_two(253)
    });
    // The context of an inactive slot must be 0 too.
    let mut inactive = base();
    inactive.slots[3].words[word::CONTEXT] = inactive.header.context;
    assert_eq!(refusals(&inactive).0, Err(Rule::B2));
    let circuit = bare(inactive.clone());
    assert!(mock(&circuit, instances(&inactive)).contains(&Rule::B3));
}

#[test]
fn b4_anchor() {
    false_witness(Rule::B4, |w| w.slots[0].words[word::ANCHOR] = random());
    false_witness(Rule::B4, |w| w.slots[1].anchor_path.siblings[5][2] += one());
    false_witness(Rule::B4, |w| w.slots[2].anchor_path.index ^= 1 << 9);
    // The batch's note root with other prices, without prices, and bare.
    for prices in [random(), Fr::from(0u64)] {
        false_witness(Rule::B4, |w| {
            let slot = own(w).unwrap();
            w.slots[slot].words[word::ANCHOR] = w.old.anchor(&prices).into();
        });
    }
    false_witness(Rule::B4, |w| {
        let slot = own(w).unwrap();
        w.slots[slot].words[word::ANCHOR] = w.old.note_root;
    });
    // The batch's last anchor, whose notes are those of this batch.
    false_witness(Rule::B4, |w| {
        w.slots[0].words[word::ANCHOR] = w.new.anchor(&w.header.oracle).into();
        w.slots[0].anchor_path = w.history_paths[1].clone();
    });
    // Prices in the header that are not those of the anchors.
    for prices in [random(), Fr::from(0u64)] {
        refused(Rule::B4, &[Rule::B12], |w| w.header.oracle = prices, |_| {});
    }
}

/// Transactions under the batch's own anchor, under the last batch's, and of a batch without
/// prices.
#[test]
fn b4_true_anchors() {
    let mut scenario = super::scenario::Scenario::new(9);
    for prices in [random(), Fr::from(0u64)] {
        for own in [true, false] {
            accepted(scenario.batch_under(prices, own));
        }
    }
}

#[test]
fn b5_expiry() {
    false_witness(Rule::B5, |w| w.header.time += 86_400);
    // Later than any time of 40 bits, against either end of the window.
    refused(Rule::B5, &[Rule::B21], |w| w.header.time += 1 << 40, |_| {});
}

#[test]
fn b6_nullifier_subtree() {
    // The later links start from the false root.
    refused(
        Rule::B6,
        &[Rule::B7],
        |w| w.nullifier_subtree_path[3][1] += one(),
        |_| {},
    );
    // A place that the previous batch has taken.
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
    // A nullifier equal to the value or the next value of its low leaf is not between them.
    false_witness(Rule::B7, |w| {
        w.slots[0].words[word::NULLIFIERS.start] = w.slots[0].links[0].low_value;
    });
    false_witness(Rule::B7, |w| {
        w.slots[0].words[word::NULLIFIERS.start] = w.slots[0].links[0].low_next;
    });
    false_witness(Rule::B7, |w| w.new.nullifier_root += one());
}

/// A nullifier of more than 192 bits lies between the members as an integer, or as the difference
/// that wraps, and is refused all the same.
#[test]
fn b7_nullifier_of_more_than_192_bits() {
    for excess in [power_of_two(192), power_of_two(253), -one()] {
        false_witness(Rule::B7, |w| {
            w.slots[0].words[word::NULLIFIERS.start] = excess;
        });
        false_witness(Rule::B7, |w| {
            w.slots[1].words[word::NULLIFIERS.start + 2] += excess;
        });
    }
}

/// A nullifier that is already a member cannot be linked: no low leaf, its own included, has an
/// interval that contains it.
#[test]
fn b7_double_spend() {
    let mut witness = base();
    let again = witness.slots[0].words[word::NULLIFIERS.start];
    witness.slots[1].words[word::NULLIFIERS.start] = again;
    assert_eq!(refusals(&witness), (Err(Rule::B7), true));
}

#[test]
fn b8_commitments_and_deposits() {
    false_witness(Rule::B8, |w| w.note_subtree_path[0][0] += one());
    false_witness(Rule::B8, |w| {
        w.slots[1].words[word::COMMITMENTS.start + 1] = random()
    });
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
    let first: [fn(&mut BatchWitness); 2] = [
        |w| w.history_paths[0].index += 1,
        |w| w.history_paths[0].siblings[15][0] += one(),
    ];
    for change in first {
        // The slots' anchors are not in such a tree either.
        refused(Rule::B4, &[Rule::B12], change, |_| {});
    }
    false_witness(Rule::B12, |w| w.history_paths[1].index -= 1);
    false_witness(Rule::B12, |w| w.history_paths[1].siblings[15][0] += one());
}

/// The anchors stand in the tree, but at other places than the batch's.
#[test]
fn b12_other_places() {
    for [first, last] in [[2, 3], [1, 0], [0, 2], [2, 1]] {
        let mut scenario = super::scenario::Scenario::new(9);
        scenario.batch(Shape::S4, 3, 2);
        let mut tree = NoteTree::from_leaves(scenario.ledger.history().leaves().to_vec()).unwrap();
        let mut witness = scenario.batch(Shape::S4, 0, 3);
        accepted(witness.clone());
        let anchors = [&witness.old, &witness.new].map(|s| s.anchor(&witness.header.oracle));
        let place = 2 * witness.old.batch_index;
        for (i, (at, anchor)) in [first, last].into_iter().zip(anchors).enumerate() {
            witness.history_paths[i] = tree.path(place + at).unwrap();
            tree.write(&[(place + at, anchor.into())]);
        }
        witness.new.history_root = tree.root();
        let public = instances(&witness);
        let native: Vec<_> = public.iter().map(from_halo2).collect();
        assert_eq!(check(&witness, &native.try_into().unwrap()), Err(Rule::B12));
        assert_eq!(mock(&bare(witness), public), BTreeSet::from([Rule::B12]));
    }
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
    // Commitment and evaluation of words other than the statement's.
    for word in [0, 5, 7, 8, 17, 40, 83] {
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
        w.slots[slot].words[word::AMOUNT] = one();
    });
    false_witness(Rule::B15, |w| {
        let slot = transfer(w).unwrap();
        w.slots[slot].words[word::TARGET] = one();
    });
    false_witness(Rule::B15, |w| {
        let slot = withdrawal(w).unwrap();
        w.slots[slot].words[word::AMOUNT] = Fr::from(0u64);
    });
}

/// Returns a batch of a transfer, the two legs of a swap and another transfer.
fn swap() -> BatchWitness {
    use Kind::{SwapA, SwapB, Transfer};
    witness_of(Shape::S4, &[Transfer, SwapA, SwapB, Transfer], 1, 5)
}

/// Asserts that native check and circuit refuse a change to [`swap`] by exactly `rule`.
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

/// Changes the kind of a slot's transaction.
fn become_kind(witness: &mut BatchWitness, slot: usize, kind: Kind) {
    edit_header(witness, slot, |header| header.kind = kind);
}

/// A prover chooses the flags of the kinds; only the true ones pass. In particular 4 = 1 + 1 + 2
/// must not pass, a side B that claims to be a withdrawal and side A; nor 4 = 1 − 1 + 2·2, which
/// claims side A twice minus a withdrawal.
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

/// A repeated leg spends its notes twice.
#[test]
fn b7_leg_twice() {
    let mut witness = witness_of(
        Shape::S4,
        &[Kind::SwapA, Kind::SwapB, Kind::SwapA, Kind::SwapB],
        0,
        7,
    );
    witness.slots[2].words = witness.slots[0].words;
    witness.slots[3].words[word::TERMS] = witness.slots[0].words[word::TERMS];
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

/// A header word has only one statement of its fields in range: if one field gains, its neighbours
/// cannot lose.
#[test]
fn b3_header_is_unpacked_in_one_way() {
    use crate::convert::at;
    use halo2curves::bn256::Fr as Cell;
    let power = crate::convert::power_of_two;
    let [fee_bits, time_bits] = [header::FEE.width, TIME_BITS];
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
            + Cell::from(7) * at(header::FEE_ASSET)
            + fee * at(header::FEE)
            + expiry * at(header::EXPIRY)
            + not_before * at(header::NOT_BEFORE)
    };
    let one = Cell::ONE;
    let last = [
        power(fee_bits) - one,
        power(time_bits) - one,
        power(time_bits) - one,
    ];
    let some = [5, 1_800_000_000, 1_799_999_999].map(Cell::from);
    for fields in [[Cell::ZERO; 3], last, some] {
        assert!(holds(fields, pack(fields)));
        let [fee, expiry, not_before] = fields;
        for other in [
            [fee + power(fee_bits), expiry - one, not_before],
            [fee - power(fee_bits), expiry + one, not_before],
            [fee, expiry + power(time_bits), not_before - one],
            [fee, expiry - power(time_bits), not_before + one],
            [fee + power(fee_bits + time_bits), expiry, not_before - one],
            // Around the modulus.
            [
                fee,
                expiry + power(time_bits) * Cell::from(3),
                not_before - Cell::from(3),
            ],
            [
                fee + power(fee_bits) * power(200),
                expiry - power(200),
                not_before,
            ],
        ] {
            assert_eq!(pack(other), pack(fields));
            assert!(!holds(other, pack(fields)), "{other:?}");
        }
        // 41 bits, in the word and in its statement alike.
        let beyond = [fee, expiry, not_before + power(time_bits)];
        assert!(!holds(beyond, pack(beyond)));
    }
}

#[test]
fn b21_not_before() {
    // Inclusive: valid from that second on.
    for slot in 0..3 {
        let mut witness = base();
        let time = witness.header.time;
        edit_header(&mut witness, slot, |header| header.not_before = time);
        accepted(witness);
        for early in [time + 1, time + 3_600, (1 << 40) - 1] {
            false_witness(Rule::B21, |w| {
                edit_header(w, slot, |header| header.not_before = early);
            });
        }
        false_witness(Rule::B21, |w| {
            edit_header(w, slot, |header| header.not_before = time);
            w.header.time -= 1;
        });
    }
    for leg in [1, 2] {
        false_swap(Rule::B21, |w| {
            let early = w.header.time + 1;
            edit_header(w, leg, |header| header.not_before = early);
        });
    }
}

/// Transactions that are valid for one second.
#[test]
fn b21_and_b5_at_one_second() {
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
    // Never valid: the window is empty.
    refused(
        Rule::B5,
        &[Rule::B21],
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
        false_swap(Rule::B15, |w| w.slots[slot].words[word::AMOUNT] = one());
        false_swap(Rule::B15, |w| w.slots[slot].words[word::TARGET] = one());
    }
}
