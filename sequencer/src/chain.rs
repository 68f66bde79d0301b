//! The blocks of L1 that were seen, by which an endpoint that is behind is told from a
//! reorganisation.

use std::collections::VecDeque;

use crate::ports::Block;

/// Number of blocks that are remembered.
const MEMORY: usize = 256;

/// The newest blocks that were seen, oldest first. Not every block is seen.
#[derive(Debug, Default)]
pub(crate) struct SeenBlocks(VecDeque<Block>);

/// The relation of a block to those that were seen before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// It follows the newest seen block, or is that block.
    Next,
    /// It replaces a seen block of the same height.
    Replaced,
    /// It is an ancestor of the newest seen block: the endpoint is behind.
    Behind {
        /// Number of the newest seen block.
        newest: u64,
    },
    /// The chain of the block decides: if it holds this seen block, the block is newer or older
    /// than it on one chain, otherwise the chain was reorganised.
    Ask(Block),
    /// It is older than all that is remembered.
    Older {
        /// Number of the newest seen block.
        newest: u64,
    },
}

impl SeenBlocks {
    /// Starts with a block that was stored before a restart.
    pub(crate) fn new(stored: Option<Block>) -> Self {
        Self(stored.into_iter().collect())
    }

    /// Returns the newest seen block.
    pub(crate) fn newest(&self) -> Option<&Block> {
        self.0.back()
    }

    /// Relates a block to the seen ones.
    pub(crate) fn relate(&self, block: &Block) -> Sighting {
        let Some(last) = self.0.back() else {
            return Sighting::Next;
        };
        let newest = last.number;
        if block.hash == last.hash {
            return Sighting::Next;
        }
        if block.number == newest {
            return Sighting::Replaced;
        }
        if block.number == newest + 1 && block.parent == last.hash {
            return Sighting::Next;
        }
        if block.number > newest {
            return Sighting::Ask(last.clone());
        }
        let below = self.0.iter().rev().find(|seen| seen.number <= block.number);
        match below {
            None => Sighting::Older { newest },
            Some(seen) if seen.hash == block.hash => Sighting::Behind { newest },
            Some(seen) if seen.number == block.number => Sighting::Replaced,
            Some(seen) => Sighting::Ask(seen.clone()),
        }
    }

    /// Remembers a block, and forgets those that it replaced.
    pub(crate) fn note(&mut self, block: Block) {
        while self
            .0
            .back()
            .is_some_and(|last| last.number >= block.number)
        {
            self.0.pop_back();
        }
        if self.0.len() == MEMORY {
            self.0.pop_front();
        }
        self.0.push_back(block);
    }

    /// Forgets the blocks from this number on.
    pub(crate) fn forget_from(&mut self, number: u64) {
        while self.0.back().is_some_and(|last| last.number >= number) {
            self.0.pop_back();
        }
    }
}

#[cfg(test)]
mod tests;
