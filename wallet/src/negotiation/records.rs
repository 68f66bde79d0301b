//! Requests, quotes and swaps as the wallet stores them.

use std::fmt;

use serde::{Deserialize, Serialize};
use subrosa_protocol::{
    asset::AssetId,
    element::Nullifier,
    keys::Address,
    swap::{Leg, Side},
};

use super::{Deal, Fixed, GRACE, Id, PREPARING, payload::Request, stored};
use crate::{
    decimal,
    failure::Failure,
    operation::{Operation, Progress},
};

/// Maker of a request or a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// This institution.
    Outgoing,
    /// The counterparty.
    Incoming,
}

impl Direction {
    /// Returns the name in the interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outgoing => "outgoing",
            Self::Incoming => "incoming",
        }
    }
}

/// Status of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RfqStatus {
    /// It can be answered.
    Open,
    /// Every receiver declined it.
    Declined,
    /// Its maker cancelled it.
    Cancelled,
    /// It expired.
    Expired,
    /// A quote to it was accepted.
    Closed,
}

impl RfqStatus {
    /// Returns the name in the interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Closed => "closed",
        }
    }
}

/// Status of a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuoteStatus {
    /// Its notes are being merged; it is not sent yet.
    Preparing,
    /// It can be accepted.
    Offered,
    /// It was accepted: a swap.
    Accepted,
    /// Its receiver declined it.
    Declined,
    /// Its maker cancelled it.
    Cancelled,
    /// It expired.
    Expired,
}

impl QuoteStatus {
    /// Returns the name in the interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Offered => "offered",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// Status of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SwapStatus {
    /// It is still a quote.
    Offered,
    /// The quote was accepted.
    Agreed,
    /// The sequencer has our leg.
    Submitted,
    /// A batch includes both legs.
    Included,
    /// L1 accepted the batch.
    Settled,
    /// The quote was declined.
    Declined,
    /// The quote was cancelled.
    Cancelled,
    /// The quote or the legs expired.
    Expired,
    /// Our leg failed.
    Failed,
}

impl SwapStatus {
    /// Returns the name in the interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Agreed => "agreed",
            Self::Submitted => "submitted",
            Self::Included => "included",
            Self::Settled => "settled",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }
}

/// A receiver of a request, or its sender.
#[derive(Clone, Serialize, Deserialize)]
pub struct Counterparty {
    /// Address of the counterparty.
    #[serde(with = "stored::address")]
    pub address: Address,
    /// Whether it declined.
    pub declined: bool,
}

/// A request for quotes.
#[derive(Clone, Serialize, Deserialize)]
pub struct Rfq {
    /// Id of the request.
    pub id: Id,
    /// Its maker.
    pub direction: Direction,
    /// Its receivers; the sender, if it was received.
    pub counterparties: Vec<Counterparty>,
    /// Id of the asset that the requester gives.
    pub given: u16,
    /// Id of the asset that the requester wants.
    pub wanted: u16,
    /// Asset whose amount is fixed.
    pub fixed: Fixed,
    /// Base units.
    #[serde(with = "decimal")]
    pub amount: u128,
    /// Last second at which a quote is useful.
    pub expires: u64,
    /// Quotes to it, oldest first.
    pub quotes: Vec<Id>,
    /// Its status.
    pub status: RfqStatus,
    /// Unix seconds.
    pub created: u64,
    /// Status that the last event reported.
    pub(super) told: Option<RfqStatus>,
}

impl Rfq {
    pub(super) fn new(
        request: &Request,
        direction: Direction,
        counterparties: Vec<Address>,
        now: u64,
    ) -> Self {
        let counterparties = counterparties.into_iter();
        Self {
            id: request.id,
            direction,
            counterparties: counterparties
                .map(|address| Counterparty {
                    address,
                    declined: false,
                })
                .collect(),
            given: request.given.0,
            wanted: request.wanted.0,
            fixed: request.fixed,
            amount: request.amount,
            expires: request.expiry,
            quotes: Vec::new(),
            status: RfqStatus::Open,
            created: now,
            told: None,
        }
    }

    pub(super) fn counterparty(&mut self, address: &Address) -> Option<&mut Counterparty> {
        self.counterparties
            .iter_mut()
            .find(|party| party.address == *address)
    }

    /// Returns the asset that this institution would give, and its amount if that is fixed.
    #[must_use]
    pub fn gives(&self) -> (AssetId, Option<u128>) {
        self.leg(self.direction == Direction::Outgoing)
    }

    /// Returns the asset that this institution would receive, and its amount if that is fixed.
    #[must_use]
    pub fn wants(&self) -> (AssetId, Option<u128>) {
        self.leg(self.direction == Direction::Incoming)
    }

    fn leg(&self, given: bool) -> (AssetId, Option<u128>) {
        let asset = AssetId(if given { self.given } else { self.wanted });
        let fixed = given == (self.fixed == Fixed::Given);
        (asset, fixed.then_some(self.amount))
    }

    /// Whether a quote with these legs of this institution answers the request.
    #[must_use]
    pub fn fits(&self, gives: &Leg, wants: &Leg) -> bool {
        let fits = |(asset, amount): (AssetId, Option<u128>), leg: &Leg| {
            asset == leg.asset && amount.is_none_or(|amount| amount == leg.value)
        };
        fits(self.gives(), gives) && fits(self.wants(), wants)
    }
}

/// Lifetimes of a firm offer, seconds. Stored as a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Times {
    /// Time within which the offer can be accepted, from when it is sent.
    pub valid_for: u64,
    /// Time after that within which the legs can settle.
    pub settle_within: u64,
}

impl From<(u64, u64)> for Times {
    fn from((valid_for, settle_within): (u64, u64)) -> Self {
        Self {
            valid_for,
            settle_within,
        }
    }
}

impl From<Times> for (u64, u64) {
    fn from(times: Times) -> Self {
        (times.valid_for, times.settle_within)
    }
}

/// A quote, and the swap that it becomes; or a proposal, and the loan that it opens.
#[derive(Clone, Serialize, Deserialize)]
pub struct Quote {
    /// Id of the quote.
    pub id: Id,
    /// The request that it answers.
    pub rfq: Option<Id>,
    /// Its maker.
    pub direction: Direction,
    /// The other party.
    #[serde(with = "stored::address")]
    pub counterparty: Address,
    /// The offered swap or loan. Its expiry is not final while the quote is being prepared.
    #[serde(rename = "terms")]
    pub deal: Deal,
    /// Side that its maker delivers.
    #[serde(with = "stored::side")]
    pub maker: Side,
    /// Last second at which it can be accepted.
    pub valid_until: u64,
    /// Its status.
    pub status: QuoteStatus,
    /// Unix seconds.
    pub created: u64,
    /// Nullifiers of our notes that are reserved for it.
    pub notes: Vec<Nullifier>,
    /// Lifetimes of the offer and of its legs, counted from when it is sent.
    pub times: Times,
    /// The operation that carries our leg.
    pub operation: Option<String>,
    /// Whether its maker cancelled it after it was accepted.
    pub withdrawn: bool,
    /// Whether a late acceptance was answered. Only the first one is.
    #[serde(default)]
    pub answered: bool,
    /// Statuses that the last events reported.
    pub(super) told: (Option<QuoteStatus>, Option<SwapStatus>),
}

impl Quote {
    /// Returns the side that this institution delivers.
    #[must_use]
    pub fn side(&self) -> Side {
        match self.direction {
            Direction::Outgoing => self.maker,
            Direction::Incoming => self.maker.other(),
        }
    }

    /// Returns the leg that this institution delivers.
    #[must_use]
    pub fn gives(&self) -> &Leg {
        self.deal.terms().exchange.leg(self.side())
    }

    /// Returns the leg that this institution receives.
    #[must_use]
    pub fn wants(&self) -> &Leg {
        self.deal.terms().exchange.leg(self.side().other())
    }

    /// Whether it opens a loan.
    #[must_use]
    pub fn is_loan(&self) -> bool {
        self.deal.agreement().is_some()
    }

    /// Whether this quote reserves our notes: it is our own offer, still open, and no operation has
    /// taken the notes over.
    #[must_use]
    pub fn promises(&self) -> bool {
        self.direction == Direction::Outgoing && self.is_open()
    }

    /// Whether it can be accepted, now or once it is prepared.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.status, QuoteStatus::Preparing | QuoteStatus::Offered)
    }

    /// Whether it is shown among the swaps.
    #[must_use]
    pub fn is_swap(&self) -> bool {
        !self.is_loan() && (self.rfq.is_none() || self.status == QuoteStatus::Accepted)
    }

    /// Returns the first second at which it can no longer be accepted.
    pub(super) fn over(&self) -> u64 {
        match (self.status, self.direction) {
            (QuoteStatus::Preparing, _) => self.created.saturating_add(PREPARING),
            (_, Direction::Outgoing) => self.valid_until.saturating_add(GRACE),
            (_, Direction::Incoming) => self.valid_until,
        }
        .saturating_add(1)
    }

    /// Returns the progress of the swap, given the operation of our leg.
    #[must_use]
    pub fn swap(&self, operation: Option<&Operation>) -> Standing {
        let plain = |status| Standing {
            status,
            batch: None,
            failure: None,
        };
        match self.status {
            QuoteStatus::Preparing | QuoteStatus::Offered => return plain(SwapStatus::Offered),
            QuoteStatus::Declined => return plain(SwapStatus::Declined),
            QuoteStatus::Cancelled => return plain(SwapStatus::Cancelled),
            QuoteStatus::Expired => return plain(SwapStatus::Expired),
            QuoteStatus::Accepted => {}
        }
        match operation.map(|operation| &operation.progress) {
            None | Some(Progress::Queued | Progress::Proven) => plain(SwapStatus::Agreed),
            Some(Progress::Submitted) => plain(SwapStatus::Submitted),
            Some(Progress::Included { batch }) => Standing {
                batch: Some(*batch),
                ..plain(SwapStatus::Included)
            },
            Some(Progress::Settled { batch }) => Standing {
                batch: Some(*batch),
                ..plain(SwapStatus::Settled)
            },
            Some(Progress::Failed(failure)) if failure.code == "expired" => {
                plain(SwapStatus::Expired)
            }
            Some(Progress::Failed(failure)) => Standing {
                failure: Some(failure.clone()),
                ..plain(SwapStatus::Failed)
            },
        }
    }
}

/// Progress of a swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its status.
    pub status: SwapStatus,
    /// The batch that includes it.
    pub batch: Option<u64>,
    /// The reason why it failed.
    pub failure: Option<Failure>,
}

impl fmt::Debug for Rfq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rfq")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quote")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
