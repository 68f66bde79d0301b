//! Requests, quotes and swaps as the wallet keeps them.

use std::fmt;

use serde::{Deserialize, Serialize};
use subrosa_protocol::{
    asset::AssetId,
    keys::Address,
    swap::{Leg, Side},
};

use super::{Deal, Fixed, GRACE, Id, PREPARING, payload::Request, stored};
use crate::{
    decimal,
    failure::Failure,
    operation::{Operation, Progress},
};

/// Who made a request or a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// This institution.
    Outgoing,
    /// The counterparty.
    Incoming,
}

impl Direction {
    /// Its name in the interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outgoing => "outgoing",
            Self::Incoming => "incoming",
        }
    }
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RfqStatus {
    /// Quotes are welcome.
    Open,
    /// Who was asked said no; all of them, if there are several.
    Declined,
    /// Who asked took it back.
    Cancelled,
    /// Its time is over.
    Expired,
    /// A quote to it was accepted.
    Closed,
}

impl RfqStatus {
    /// Its name in the interface.
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

/// Where a quote stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuoteStatus {
    /// Its notes are being merged; the counterparty does not know of it yet.
    Preparing,
    /// It may be accepted.
    Offered,
    /// It was accepted: a swap.
    Accepted,
    /// Who received it said no.
    Declined,
    /// Who made it took it back.
    Cancelled,
    /// Its time is over.
    Expired,
}

impl QuoteStatus {
    /// Its name in the interface.
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

/// Where a swap stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SwapStatus {
    /// It is a quote still.
    Offered,
    /// The quote was accepted.
    Agreed,
    /// The sequencer has our leg.
    Submitted,
    /// Both legs are in a batch.
    Included,
    /// L1 accepted the batch.
    Settled,
    /// The quote was declined.
    Declined,
    /// The quote was withdrawn.
    Cancelled,
    /// The quote, or the legs, ran out of time.
    Expired,
    /// Our leg cannot happen.
    Failed,
}

impl SwapStatus {
    /// Its name in the interface.
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

/// One whom a request was sent to, or who sent it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Counterparty {
    /// Its address.
    #[serde(with = "stored::address")]
    pub address: Address,
    /// Whether it said no.
    pub declined: bool,
}

/// A request for quotes.
#[derive(Clone, Serialize, Deserialize)]
pub struct Rfq {
    /// Its name.
    pub id: Id,
    /// Who made it.
    pub direction: Direction,
    /// Whom it was sent to; the sender, if it was received.
    pub counterparties: Vec<Counterparty>,
    /// Asset id of what who asks gives.
    pub given: u16,
    /// Asset id of what who asks wants.
    pub wanted: u16,
    /// Which amount is fixed.
    pub fixed: Fixed,
    /// Base units.
    #[serde(with = "decimal")]
    pub amount: u128,
    /// Last second at which a quote is of interest.
    pub expires: u64,
    /// Quotes to it, oldest first.
    pub quotes: Vec<Id>,
    /// Where it stands.
    pub status: RfqStatus,
    /// Unix seconds.
    pub created: u64,
    /// The status that the last event told.
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

    /// Asset and, where it is fixed, amount of what this institution would give.
    #[must_use]
    pub fn gives(&self) -> (AssetId, Option<u128>) {
        self.leg(self.direction == Direction::Outgoing)
    }

    /// Asset and, where it is fixed, amount of what this institution would receive.
    #[must_use]
    pub fn wants(&self) -> (AssetId, Option<u128>) {
        self.leg(self.direction == Direction::Incoming)
    }

    fn leg(&self, given: bool) -> (AssetId, Option<u128>) {
        let asset = AssetId(if given { self.given } else { self.wanted });
        let fixed = given == (self.fixed == Fixed::Given);
        (asset, fixed.then_some(self.amount))
    }

    /// Whether what this institution would give and receive answers the request.
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
    /// Its name.
    pub id: Id,
    /// The request that it answers.
    pub rfq: Option<Id>,
    /// Who made it.
    pub direction: Direction,
    /// The other party.
    #[serde(with = "stored::address")]
    pub counterparty: Address,
    /// What is offered. While it is being prepared, its expiry is not final.
    #[serde(rename = "terms")]
    pub deal: Deal,
    /// The side that its maker delivers.
    #[serde(with = "stored::side")]
    pub maker: Side,
    /// Last second at which it may be accepted.
    pub valid_until: u64,
    /// Where it stands.
    pub status: QuoteStatus,
    /// Unix seconds.
    pub created: u64,
    /// Nullifiers of our notes that are kept for it.
    #[serde(with = "stored::nullifiers")]
    pub notes: Vec<[u8; 32]>,
    /// Seconds that it may be accepted, and that its legs may settle after that, once it is prepared.
    pub times: Times,
    /// The operation that carries our leg.
    pub operation: Option<String>,
    /// Whether its maker took it back when it was accepted already.
    pub withdrawn: bool,
    /// Whether an acceptance that came too late was answered: it is once.
    #[serde(default)]
    pub answered: bool,
    /// What the last events told.
    pub(super) told: (Option<QuoteStatus>, Option<SwapStatus>),
}

impl Quote {
    /// The side that this institution delivers.
    #[must_use]
    pub fn side(&self) -> Side {
        match self.direction {
            Direction::Outgoing => self.maker,
            Direction::Incoming => self.maker.other(),
        }
    }

    /// What this institution delivers.
    #[must_use]
    pub fn gives(&self) -> &Leg {
        self.deal.terms().exchange.leg(self.side())
    }

    /// What this institution receives.
    #[must_use]
    pub fn wants(&self) -> &Leg {
        self.deal.terms().exchange.leg(self.side().other())
    }

    /// Whether it opens a loan.
    #[must_use]
    pub fn is_loan(&self) -> bool {
        self.deal.agreement().is_some()
    }

    /// Whether notes of ours are promised by it, without that an operation does so.
    #[must_use]
    pub fn promises(&self) -> bool {
        self.direction == Direction::Outgoing && self.is_open()
    }

    /// Whether it may still be accepted or is on the way there.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.status, QuoteStatus::Preparing | QuoteStatus::Offered)
    }

    /// Whether it is shown among the swaps.
    #[must_use]
    pub fn is_swap(&self) -> bool {
        !self.is_loan() && (self.rfq.is_none() || self.status == QuoteStatus::Accepted)
    }

    /// First second at which it can no longer be accepted.
    pub(super) fn over(&self) -> u64 {
        match (self.status, self.direction) {
            (QuoteStatus::Preparing, _) => self.created.saturating_add(PREPARING),
            (_, Direction::Outgoing) => self.valid_until.saturating_add(GRACE),
            (_, Direction::Incoming) => self.valid_until,
        }
        .saturating_add(1)
    }

    /// Where the swap stands, given the operation of our leg.
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

/// Where a swap stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// In one word.
    pub status: SwapStatus,
    /// The batch that holds it.
    pub batch: Option<u64>,
    /// Why it failed.
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
