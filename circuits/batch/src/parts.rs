//! Rules of the state transition, by part. Each file holds a part's native check beside its
//! constraints.

pub(crate) mod anchors;
pub(crate) mod commitments;
pub(crate) mod data;
pub(crate) mod header;
mod native;
pub(crate) mod nullifiers;
pub(crate) mod pairs;
pub(crate) mod slot;
pub(crate) mod state;
mod subtree;
