//! Rules, by part. Each file holds a part's native check beside its constraints.

pub(crate) mod audit;
pub(crate) mod balance;
pub(crate) mod digest;
pub(crate) mod header;
pub(crate) mod loan;
pub(crate) mod notes;
pub(crate) mod signature;
pub(crate) mod slots;
pub(crate) mod swap;
pub(crate) mod wires;
