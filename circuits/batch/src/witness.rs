//! Lengths of a batch witness, and the blank witness of key generation.

use ark_bn254::Fr;
use subrosa_protocol::asset::AssetId;
use subrosa_protocol::batch::{BatchHeader, BatchWitness, LinkWitness, Shape, SlotWitness};
use subrosa_protocol::ledger::State;
use subrosa_protocol::transaction::WORDS;
use subrosa_protocol::tree::{DEPTH, MerklePath};

/// Returns a witness of all zeros, for key generation.
pub(crate) fn blank(shape: Shape) -> BatchWitness {
    let zero = Fr::from(0u64);
    let state = State {
        note_root: zero,
        nullifier_root: zero,
        history_root: zero,
        leaf_count: 0,
        batch_index: 0,
        deposit_count: 0,
    };
    let path = MerklePath {
        index: 0,
        siblings: [[zero; 3]; DEPTH],
    };
    let link = LinkWitness {
        low_value: zero,
        low_next: zero,
        path: path.clone(),
        hint: zero,
    };
    let slot = SlotWitness {
        active: false,
        words: [zero; WORDS],
        anchor_path: path.clone(),
        links: [link.clone(), link.clone(), link],
    };
    let subtree = vec![[zero; 3]; DEPTH - shape.subtree_level()];
    BatchWitness {
        shape,
        old: state,
        new: state,
        header: BatchHeader {
            context: zero,
            assets_root: zero,
            time: 0,
            transactions: 0,
            deposits: 0,
            fee_asset: AssetId(0),
            fee_recipient: [0; 20],
            fee_total: 0,
            first_deposit: 0,
            oracle: zero,
            batch_index: 0,
            start: 0,
        },
        deposits: vec![[zero; 2]; shape.slots()],
        slots: vec![slot; shape.slots()],
        nullifier_subtree_path: subtree.clone(),
        note_subtree_path: subtree,
        history_paths: [path.clone(), path],
    }
}

/// Whether the lists of a witness have the lengths that its shape demands.
pub(crate) fn well_formed(witness: &BatchWitness) -> bool {
    let slots = witness.shape.slots();
    let levels = DEPTH - witness.shape.subtree_level();
    witness.slots.len() == slots
        && witness.deposits.len() == slots
        && witness.nullifier_subtree_path.len() == levels
        && witness.note_subtree_path.len() == levels
}
