//! Selection of the notes to spend.

use crate::chain::OwnedNote;

/// Result of a selection. Indices point into the given slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// These notes suffice.
    Enough(Vec<usize>),
    /// The notes suffice together, but do not fit into one transaction. Merge these, the largest,
    /// first.
    Fragmented(Vec<usize>),
    /// The notes together do not suffice.
    Insufficient,
}

/// Selects at most `limit` of the spendable `notes`, all of one asset, worth at least `amount`.
///
/// Prefers a single note to several, and the smallest that suffices, so that large notes stay
/// whole. Otherwise it takes the largest, so that it spends as few notes as possible.
#[must_use]
pub fn select(notes: &[OwnedNote], amount: u128, limit: usize) -> Selection {
    let mut by_value: Vec<usize> = (0..notes.len()).collect();
    by_value.sort_by_key(|&i| std::cmp::Reverse((notes[i].note.value, notes[i].leaf_index)));
    let value = |i: &usize| notes[*i].note.value;
    if let Some(one) = by_value.iter().rev().find(|i| value(i) >= amount) {
        return Selection::Enough(vec![*one]);
    }
    let sum = |indices: &[usize]| {
        indices
            .iter()
            .try_fold(0u128, |sum, i| sum.checked_add(value(i)))
    };
    for count in 2..=limit.min(by_value.len()) {
        // A sum beyond 128 bits would suffice, but its change could not be a note. Such holdings
        // exceed any token's supply.
        if sum(&by_value[..count]).is_some_and(|total| total >= amount) {
            return Selection::Enough(by_value[..count].to_vec());
        }
    }
    match sum(&by_value) {
        Some(total) if total < amount => Selection::Insufficient,
        _ => Selection::Fragmented(by_value[..limit.min(by_value.len())].to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use subrosa_protocol::{
        Fr,
        asset::AssetId,
        element::{Nullifier, OwnerId},
        note::Note,
    };

    use super::*;

    fn notes(values: &[u128]) -> Vec<OwnedNote> {
        let zero = Fr::from(0u64);
        (0u64..)
            .zip(values)
            .map(|(leaf_index, value)| OwnedNote {
                note: Note::cash(AssetId(0), *value, OwnerId::new(zero), zero),
                leaf_index,
                batch: 1,
                nullifier: Nullifier::of(zero),
                spent: None,
            })
            .collect()
    }

    #[test]
    fn prefers_the_smallest_single_note() {
        assert_eq!(
            select(&notes(&[100, 7, 30]), 8, 3),
            Selection::Enough(vec![2])
        );
    }

    #[test]
    fn takes_the_largest_when_one_is_not_enough() {
        assert_eq!(
            select(&notes(&[10, 40, 30]), 60, 2),
            Selection::Enough(vec![1, 2])
        );
    }

    #[test]
    fn says_when_to_merge_and_when_to_give_up() {
        assert_eq!(
            select(&notes(&[10, 20, 30]), 55, 2),
            Selection::Fragmented(vec![2, 1])
        );
        assert_eq!(
            select(&notes(&[10, 20, 30]), 61, 2),
            Selection::Insufficient
        );
        assert_eq!(select(&[], 1, 3), Selection::Insufficient);
    }
}
