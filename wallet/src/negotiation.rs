//! How a swap or a loan comes about (specification: *Swaps*, Negotiation): what wallets write to each other, and where
//! every request, quote, proposal and swap stands. No I/O here: what is to be sent is handed to the caller.
//!
//! - [`payload`]: what a sealed message says;
//! - [`deal`]: what is offered;
//! - [`records`]: requests, quotes and swaps as they are kept;
//! - [`book`]: which of them there are, and what moves them;
//! - [`events`]: the numbered record of what changed.

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

/// Seconds after `valid until` within which the maker still takes an acceptance: what a message needs to
/// arrive, and clocks to differ. The taker never uses them.
pub const GRACE: u64 = 15;

/// Seconds for which a mailbox holds a message.
pub const HELD: u64 = 60 * 60;
/// Most seconds ahead at which anything received may end: the sequencer admits no later expiry of a leg.
pub const HORIZON: u64 = subrosa_protocol::ledger::MAX_EXPIRY_AHEAD;
/// Most seconds ahead at which anything made here may end: less, because clocks differ.
pub const LONGEST: u64 = HORIZON - 300;
/// How long a quote may wait for its notes to be merged.
pub const PREPARING: u64 = 3600;
/// Counterparties of one request.
pub const MAX_COUNTERPARTIES: usize = 32;
/// Open requests, and open quotes that nobody asked for, of one counterparty.
pub const MAX_OF_ONE: usize = 32;
/// Open requests received, and open quotes received that nobody asked for, in all. Answers to a request of our
/// own have room beside them, so that strangers cannot crowd them out.
pub const MAX_RECEIVED: usize = 1_000;
/// Open quotes of one counterparty to one request.
pub const MAX_ANSWERS: usize = 8;
/// Requests, and quotes that came to nothing, that are kept after their end.
pub const KEPT: usize = 1_000;
