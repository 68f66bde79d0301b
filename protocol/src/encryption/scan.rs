//! Trial decryption of many transactions.

use std::fmt;

use ark_bn254::Fr;
use rayon::prelude::*;

use super::PublishedOutputs;
use super::ladder::Ladder;
use super::receive::{DecryptedNote, open_output};
use crate::element::OwnerId;
use crate::keys::ViewingKey;

/// Number of transactions that share their two field inversions; also the unit of work of a thread.
const CHUNK: usize = 128;

/// Finds the notes of one viewing key.
pub struct Scanner {
    ladder: Ladder,
    owner: OwnerId,
}

impl Scanner {
    /// Prepares the scanner of a key.
    #[must_use]
    pub fn new(keys: &ViewingKey) -> Self {
        Self {
            ladder: Ladder::new(&keys.ivk),
            owner: keys.owner,
        }
    }

    /// Returns the notes for the key in these transactions, in their order. Runs on the threads of
    /// the current rayon pool.
    #[must_use]
    pub fn scan(&self, transactions: &[PublishedOutputs]) -> Vec<DecryptedNote> {
        transactions
            .par_chunks(CHUNK)
            .enumerate()
            .flat_map_iter(|(chunk, published)| self.scan_chunk(chunk * CHUNK, published))
            .collect()
    }

    fn scan_chunk(&self, first: usize, published: &[PublishedOutputs]) -> Vec<DecryptedNote> {
        let ephemeral: Vec<Fr> = published.iter().map(|outputs| outputs.ephemeral).collect();
        let mut found = Vec::new();
        for (i, (outputs, shared)) in published
            .iter()
            .zip(self.ladder.multiply_all(&ephemeral))
            .enumerate()
        {
            let Some(shared) = shared else { continue };
            if let Some(mut note) = open_output(outputs, &shared, &self.owner) {
                note.transaction = first + i;
                found.push(note);
            }
        }
        found
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scanner(..)")
    }
}
