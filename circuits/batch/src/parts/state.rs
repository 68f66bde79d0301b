//! Old and new state (rules B1, B9, B11, B12, B13).

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::batch::{BatchHeader, BatchWitness, HEADER_WORDS};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::ledger::State;

use crate::convert::{power_of_two, to_halo2};
use crate::layout::{Hint, Input, Layout, Wire};
use crate::merkle_chip::{Level, hinted_path, index_terms, same_path};
use crate::rules::Rule;

/// A state on wires.
#[derive(Clone, Copy, Debug)]
pub struct StateWires {
    /// Root of the note tree.
    pub note_root: Wire,
    /// Root of the nullifier tree.
    pub nullifier_root: Wire,
    /// Root of the history tree.
    pub history_root: Wire,
    /// Number of leaf indices used in the note tree.
    pub leaf_count: Wire,
    /// Index of the next history leaf.
    pub batch_index: Wire,
    /// Number of deposits consumed.
    pub deposit_count: Wire,
    /// H(STATE; the six words).
    pub commitment: Wire,
}

/// The header words, and the fields of the info word.
pub struct HeaderWires {
    /// Data words 0–7.
    pub words: [Wire; HEADER_WORDS],
    /// Unix time in seconds, 40 bits.
    pub time: Wire,
    /// Asset of all fees, 16 bits.
    pub fee_asset: Wire,
    fee_recipient: Wire,
}

impl HeaderWires {
    /// Context word of the deployment.
    pub fn context(&self) -> Wire {
        self.words[0]
    }

    /// Root of the asset tree.
    pub fn assets_root(&self) -> Wire {
        self.words[1]
    }

    /// Sum of the fees.
    pub fn fee_total(&self) -> Wire {
        self.words[3]
    }

    /// Index of the first deposit consumed.
    pub fn first_deposit(&self) -> Wire {
        self.words[4]
    }

    /// Digest of the price snapshot that transactions may name, or 0.
    pub fn oracle(&self) -> Wire {
        self.words[5]
    }

    /// Index of the batch.
    pub fn batch_index(&self) -> Wire {
        self.words[6]
    }

    /// Index of the first leaf appended.
    pub fn start(&self) -> Wire {
        self.words[7]
    }
}

/// Writes the six words of a state and their hash, under the current rule.
pub fn state(layout: &mut Layout<'_>, state: &State) -> StateWires {
    let words = state
        .words()
        .map(|word| Input::Hint(to_halo2(&word), Hint::Hashed));
    let hashed = layout.hash(Domain::State, &words);
    let [
        note_root,
        nullifier_root,
        history_root,
        leaf_count,
        batch_index,
        deposit_count,
    ] = std::array::from_fn(|i| hashed.message[i]);
    StateWires {
        note_root,
        nullifier_root,
        history_root,
        leaf_count,
        batch_index,
        deposit_count,
        commitment: hashed.output,
    }
}

/// Writes the header words as free words. The data commitment binds all of them. L1 compares
/// context and assets root with its own, and the oracle word with the snapshots it knows. The rules
/// below tie the other words to the states and slots.
pub fn header(layout: &mut Layout<'_>, header: &BatchHeader) -> HeaderWires {
    layout.rule(Rule::B14);
    let words = header.words();
    let words: [Wire; HEADER_WORDS] =
        std::array::from_fn(|i| layout.free_word(to_halo2(&words[i])));
    let recipient = {
        let mut bytes = [0u8; 32];
        bytes[12..].copy_from_slice(&header.fee_recipient);
        subrosa_protocol::encoding::fr_from_bytes(&bytes).expect("160 bits are below the modulus")
    };
    let fee_recipient = layout.ranged_hint(to_halo2(&recipient), 160);
    layout.rule(Rule::B5);
    let time = layout.ranged_hint(Fr::from(header.time), 40);
    layout.rule(Rule::B3);
    let fee_asset = layout.ranged_hint(Fr::from(u64::from(header.fee_asset.0)), 16);
    HeaderWires {
        words,
        time,
        fee_asset,
        fee_recipient,
    }
}

/// B2: constrains the info word to pack time, number of transactions, number of deposits, fee asset
/// and fee recipient. Both numbers are sums of at most N flags. Returns the number of deposits.
pub fn counts(
    layout: &mut Layout<'_>,
    header: &HeaderWires,
    active: &[Wire],
    deposited: &[Wire],
) -> Wire {
    layout.rule(Rule::B2);
    let sum = |flags: &[Wire]| {
        flags
            .iter()
            .map(|flag| (Fr::ONE, *flag))
            .collect::<Vec<_>>()
    };
    let transactions = layout.linear(&sum(active), Fr::ZERO);
    let deposits = layout.linear(&sum(deposited), Fr::ZERO);
    layout.assert_linear(
        &[
            (Fr::ONE, header.time),
            (power_of_two(40), transactions),
            (power_of_two(56), deposits),
            (power_of_two(72), header.fee_asset),
            (power_of_two(88), header.fee_recipient),
        ],
        Fr::ZERO,
        header.words[2],
    );
    deposits
}

/// B9: constrains `start` to be the multiple of 4N that `place`, the digits of the subtree's index,
/// gives. It is less than 4N above the old leaf count, and the new leaf count is `start` + 4N.
pub fn leaf_counts(
    layout: &mut Layout<'_>,
    witness: &BatchWitness,
    header: &HeaderWires,
    old: &StateWires,
    new: &StateWires,
    place: &[Level],
) {
    layout.rule(Rule::B9);
    let leaves = witness.shape.leaves();
    let width = 2 * witness.shape.subtree_level();
    let terms: Vec<(Fr, Wire)> = index_terms(place)
        .into_iter()
        .map(|(weight, bit)| (weight * power_of_two(width), bit))
        .collect();
    layout.assert_linear(&terms, Fr::ZERO, header.start());
    let gap = layout.linear(
        &[(Fr::ONE, header.start()), (-Fr::ONE, old.leaf_count)],
        Fr::ZERO,
    );
    layout.range(gap.into(), width);
    layout.assert_linear(
        &[(Fr::ONE, header.start())],
        Fr::from(leaves as u64),
        new.leaf_count,
    );
}

/// B11: constrains the first deposit to be the old count, and the new count to be the old one plus
/// the deposits.
pub fn deposit_counts(
    layout: &mut Layout<'_>,
    header: &HeaderWires,
    old: &StateWires,
    new: &StateWires,
    deposits: Wire,
) {
    layout.rule(Rule::B11);
    layout.assert_equal(old.deposit_count, header.first_deposit());
    layout.assert_linear(
        &[(Fr::ONE, old.deposit_count), (Fr::ONE, deposits)],
        Fr::ZERO,
        new.deposit_count,
    );
}

/// B12: at the history index equal to the batch index, the new note root replaces 0, and the batch
/// index grows by one.
pub fn history(
    layout: &mut Layout<'_>,
    witness: &BatchWitness,
    header: &HeaderWires,
    old: &StateWires,
    new: &StateWires,
) {
    layout.rule(Rule::B12);
    let path = &witness.history_append_path;
    let siblings: Vec<[Fr; 3]> = path
        .siblings
        .iter()
        .map(|level| level.map(|sibling| to_halo2(&sibling)))
        .collect();
    let empty = layout.zero();
    let (before, levels) = layout.climb(empty, &hinted_path(path.index, &siblings));
    layout.assert_equal(before, old.history_root);
    layout.assert_linear(&index_terms(&levels), Fr::ZERO, old.batch_index);
    let (after, _) = layout.climb(new.note_root, &same_path(&levels));
    layout.assert_equal(after, new.history_root);
    layout.assert_equal(old.batch_index, header.batch_index());
    layout.assert_linear(&[(Fr::ONE, old.batch_index)], Fr::ONE, new.batch_index);
}
