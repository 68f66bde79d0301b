//! Negotiation of swaps and loans (spec: *Swaps*, Negotiation): the messages between wallets, and
//! the state of every request, quote, proposal and swap. This module does no I/O; it hands messages
//! to the caller.
//!
//! - [`payload`]: contents of a sealed message;
//! - [`deal`]: an offered swap or loan;
//! - [`records`]: requests, quotes and swaps as they are stored;
//! - [`book`]: all of them, and the rules that change them;
//! - [`events`]: the numbered record of changes.

pub mod book;
pub mod deal;
pub mod events;
pub mod payload;
pub mod records;
mod stored;
#[cfg(test)]
mod tests;

pub use book::{Book, Letter};
pub use deal::Deal;
pub use payload::{Fixed, Payload};
pub use records::{Direction, Quote, QuoteStatus, Rfq, RfqStatus, SwapStatus, Times};

pub use crate::id::Id;

/// Seconds after `valid_until` within which the maker still takes an acceptance. They allow for the
/// delivery of the message and for differing clocks. The taker never uses them.
pub const GRACE: u64 = 15;

/// Longest time ahead, seconds, at which a received request or quote may end. The sequencer admits
/// no later expiry of a leg.
pub const HORIZON: u64 = subrosa_protocol::ledger::MAX_EXPIRY_AHEAD;
/// Longest time ahead, seconds, at which our own requests and quotes may end. It is shorter because
/// clocks differ.
pub const LONGEST: u64 = HORIZON - 300;
/// Longest time, seconds, for which a quote waits for its notes to be merged.
pub const PREPARING: u64 = 3600;
/// Counterparties of one request.
pub const MAX_COUNTERPARTIES: usize = 32;
/// Open requests of one counterparty, and its open quotes without a request.
pub const MAX_OF_ONE: usize = 32;
/// Open requests received in all, and open quotes received without a request. Answers to our own
/// requests are not counted, so that strangers cannot crowd them out.
pub const MAX_RECEIVED: usize = 1_000;
/// Open quotes of one counterparty to one request.
pub const MAX_ANSWERS: usize = 8;
/// Ended requests that are kept, and ended quotes that were not accepted.
pub const KEPT: usize = 1_000;
