//! The book: all requests, quotes and swaps, and the rules that change them. It decides, and
//! returns the messages to send. The caller stores it, sends them and carries the legs.
//!
//! [`Book::reserved`] holds the notes of our quotes: from the offer until the quote can no longer
//! be accepted, or, if it is accepted, until the operation of our leg has ended. Every quote
//! expires by the clock alone, so that no note is reserved for ever.

mod clock;
mod received;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use subrosa_protocol::{asset::AssetId, element::Nullifier, keys::Address, swap::Side};

use super::{
    Deal, GRACE, Id, MAX_ANSWERS,
    events::Events,
    payload::{Offer, Payload, Proposal, Request},
    records::{Direction, Quote, QuoteStatus, Rfq, RfqStatus, Times},
};
use crate::times::up;

/// A message to send. Its `Debug` form shows only its type.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// The receiver.
    pub to: Address,
    /// Contents of the message.
    pub payload: Payload,
    /// Last second at which the message is useful.
    pub until: u64,
}

/// Reason why the book refuses a request of the institution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The book has no object with this id.
    #[error("nothing has this id")]
    NotFound,
    /// The request does not fit the object's state.
    #[error("{0}")]
    WrongState(&'static str),
    /// A quote does not answer the request it names.
    #[error("give and want must have the request's assets and its fixed amount")]
    Mismatch,
    /// The limit for objects of this kind is reached.
    #[error("{0}")]
    TooMany(&'static str),
}

/// Reason why a message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dropped {
    /// The message is from ourselves.
    #[error("it is from ourselves")]
    Own,
    /// The sender may not say this, or not in the object's present state.
    #[error("{0}")]
    Unfit(&'static str),
    /// A limit is reached.
    #[error("too many of its kind are open")]
    Full,
}

/// Consequences of a received message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// Messages to send.
    pub letters: Vec<Letter>,
    /// Our quote that was accepted: its leg starts.
    pub leg: Option<Id>,
    /// An accepted quote that its maker cancelled: its leg need not start.
    pub withdrawn: Option<Id>,
    /// Whether the book changed.
    pub changed: bool,
}

/// Context in which a message is read.
pub struct Reading<'a> {
    /// Unix seconds.
    pub now: u64,
    /// Our address.
    pub own: &'a Address,
    /// Whether an asset is registered.
    pub registered: &'a dyn Fn(AssetId) -> bool,
    /// Id for the operation, if one starts.
    pub operation: &'a str,
}

/// A new offer of ours.
pub struct NewOffer {
    /// Id of the quote.
    pub id: Id,
    /// The request that it answers.
    pub rfq: Option<Id>,
    /// The receiver.
    pub counterparty: Address,
    /// The offered swap or loan.
    pub deal: Deal,
    /// Our side.
    pub maker: Side,
    /// Lifetimes of the offer and of its legs.
    pub times: Times,
    /// Nullifiers of the notes that are reserved for it. `None` if they must be prepared first.
    pub notes: Option<Vec<Nullifier>>,
}

/// All requests and quotes.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Book {
    rfqs: BTreeMap<Id, Rfq>,
    quotes: BTreeMap<Id, Quote>,
    events: Events,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Letter").field(&self.payload).finish()
    }
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Book")
            .field("rfqs", &self.rfqs.len())
            .field("quotes", &self.quotes.len())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for NewOffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewOffer").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

/// Queries.
impl Book {
    /// Returns all requests.
    pub fn rfqs(&self) -> impl Iterator<Item = &Rfq> {
        self.rfqs.values()
    }

    /// Returns all quotes, and the swaps that they became.
    pub fn quotes(&self) -> impl Iterator<Item = &Quote> {
        self.quotes.values()
    }

    /// Returns a request.
    #[must_use]
    pub fn rfq(&self, id: &Id) -> Option<&Rfq> {
        self.rfqs.get(id)
    }

    /// Returns a quote.
    #[must_use]
    pub fn quote(&self, id: &Id) -> Option<&Quote> {
        self.quotes.get(id)
    }

    /// Returns the quote whose leg an operation carries.
    #[must_use]
    pub fn carried_by(&self, operation: &str) -> Option<&Quote> {
        self.quotes()
            .find(|quote| quote.operation.as_deref() == Some(operation))
    }

    /// Returns the events about changes.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Returns the events, to add changes that the book does not see.
    pub(crate) fn events_mut(&mut self) -> &mut Events {
        &mut self.events
    }

    /// Returns our reserved notes, without those of the leg that operation `except` carries. `open`
    /// tells whether an operation may still need its notes.
    pub fn reserved<'a>(
        &'a self,
        open: impl Fn(&str) -> bool + 'a,
        except: Option<&'a str>,
    ) -> impl Iterator<Item = Nullifier> + 'a {
        self.quotes()
            .filter(move |quote| {
                let carrier = quote.operation.as_deref();
                quote.promises()
                    || (quote.status == QuoteStatus::Accepted
                        && carrier.is_some_and(|id| Some(id) != except && open(id)))
            })
            .flat_map(|quote| quote.notes.iter().copied())
    }
}

/// Actions of the institution.
impl Book {
    /// Asks for quotes.
    ///
    /// # Errors
    /// [`Refusal::WrongState`] if the id is in use.
    pub fn request(
        &mut self,
        request: Request,
        counterparties: Vec<Address>,
        now: u64,
    ) -> Result<Vec<Letter>, Refusal> {
        if self.rfqs.contains_key(&request.id) {
            return Err(Refusal::WrongState("the id is in use"));
        }
        let letters = counterparties.iter().map(|to| Letter {
            to: *to,
            payload: Payload::Request(request.clone()),
            until: request.expiry,
        });
        let letters = letters.collect();
        let rfq = Rfq::new(&request, Direction::Outgoing, counterparties, now);
        self.rfqs.insert(request.id, rfq);
        Ok(letters)
    }

    /// Returns the request that a quote of ours could answer, and its maker.
    ///
    /// # Errors
    /// [`Refusal`] if it does not exist, is not open, or is our own.
    pub fn answerable(&self, id: &Id) -> Result<(&Rfq, Address), Refusal> {
        let rfq = self.rfqs.get(id).ok_or(Refusal::NotFound)?;
        match (rfq.direction, rfq.status, rfq.counterparties.first()) {
            (Direction::Incoming, RfqStatus::Open, Some(party)) => Ok((rfq, party.address)),
            (Direction::Incoming, ..) => Err(Refusal::WrongState("the request is no longer open")),
            _ => Err(Refusal::WrongState(
                "the request is our own; wait for quotes to it",
            )),
        }
    }

    /// Makes an offer, and sends it if its notes are chosen.
    ///
    /// # Errors
    /// [`Refusal`] if it does not fit the request it names, or that request is not open.
    pub fn offer(&mut self, offer: NewOffer, now: u64) -> Result<Vec<Letter>, Refusal> {
        if self.quotes.contains_key(&offer.id) {
            return Err(Refusal::WrongState("the id is in use"));
        }
        let quote = Quote {
            id: offer.id,
            rfq: offer.rfq,
            direction: Direction::Outgoing,
            counterparty: offer.counterparty,
            deal: offer.deal,
            maker: offer.maker,
            valid_until: now.saturating_add(offer.times.valid_for),
            status: QuoteStatus::Preparing,
            created: now,
            notes: Vec::new(),
            times: offer.times,
            operation: None,
            withdrawn: false,
            answered: false,
            told: (None, None),
        };
        if let Some(rfq) = &quote.rfq {
            let (request, from) = self.answerable(rfq)?;
            if from != quote.counterparty || !request.fits(quote.gives(), quote.wants()) {
                return Err(Refusal::Mismatch);
            }
            let open = request.quotes.iter().filter_map(|id| self.quotes.get(id));
            if open.filter(|quote| quote.is_open()).count() >= MAX_ANSWERS {
                return Err(Refusal::TooMany(
                    "too many quotes to this request are open; cancel one",
                ));
            }
        }
        if let Some(rfq) = quote.rfq.and_then(|id| self.rfqs.get_mut(&id)) {
            rfq.quotes.push(quote.id);
        }
        let id = quote.id;
        self.quotes.insert(id, quote);
        match offer.notes {
            Some(notes) => self.offered(&id, notes, now).map(|letter| vec![letter]),
            None => Ok(Vec::new()),
        }
    }

    /// Sends a prepared quote: its notes are chosen, and its times start.
    ///
    /// # Errors
    /// [`Refusal`] if it is not being prepared.
    pub fn offered(&mut self, id: &Id, notes: Vec<Nullifier>, now: u64) -> Result<Letter, Refusal> {
        let quote = self.quotes.get_mut(id).ok_or(Refusal::NotFound)?;
        if quote.status != QuoteStatus::Preparing {
            return Err(Refusal::WrongState("the quote is not being prepared"));
        }
        let before = quote.deal.terms().expiry;
        quote.valid_until = now.saturating_add(quote.times.valid_for);
        let expiry = up(quote.valid_until.saturating_add(quote.times.settle_within));
        quote.deal.begin(expiry);
        let agreement = quote.deal.agreement();
        if agreement.is_some_and(|agreement| agreement.check().is_err()) {
            quote.deal.begin(before);
            return Err(Refusal::WrongState(
                "the loan would be due before it could be opened",
            ));
        }
        quote.notes = notes;
        quote.status = QuoteStatus::Offered;
        Ok(Letter {
            to: quote.counterparty,
            payload: match quote.deal.agreement() {
                Some(agreement) => Payload::Proposal(Box::new(Proposal {
                    id: quote.id,
                    valid_until: quote.valid_until,
                    agreement: agreement.clone(),
                })),
                None => Payload::Quote(Box::new(Offer {
                    id: quote.id,
                    request: quote.rfq,
                    valid_until: quote.valid_until,
                    maker: quote.maker,
                    terms: quote.deal.terms().clone(),
                })),
            },
            until: quote.valid_until,
        })
    }

    /// Returns the quote, if it was received and can be accepted now.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn acceptable(&self, id: &Id, now: u64) -> Result<&Quote, Refusal> {
        let quote = self.quotes.get(id).ok_or(Refusal::NotFound)?;
        if quote.direction != Direction::Incoming {
            return Err(Refusal::WrongState(
                "the offer is our own; only its receiver can accept it",
            ));
        }
        if quote.status != QuoteStatus::Offered || now >= quote.over() {
            return Err(Refusal::WrongState(
                "the offer has expired or ended; it can no longer be accepted",
            ));
        }
        Ok(quote)
    }

    /// Accepts a quote. `operation` carries our leg, from `notes` if they are chosen already. Other
    /// quotes to the same request are declined.
    ///
    /// # Errors
    /// [`Refusal`] if it cannot be accepted now.
    pub fn accept(
        &mut self,
        id: &Id,
        operation: &str,
        notes: Vec<Nullifier>,
        now: u64,
    ) -> Result<Vec<Letter>, Refusal> {
        self.acceptable(id, now)?;
        let quote = self.quotes.get_mut(id).ok_or(Refusal::NotFound)?;
        quote.status = QuoteStatus::Accepted;
        quote.operation = Some(operation.to_owned());
        quote.notes = notes;
        let (rfq, chosen) = (quote.rfq, quote.counterparty);
        let mut letters = vec![Letter {
            to: chosen,
            payload: Payload::Accept(*id),
            until: quote.valid_until.saturating_add(GRACE),
        }];
        if let Some(rfq) = rfq {
            letters.extend(self.end_request(&rfq, RfqStatus::Closed, Some(&chosen)));
        }
        Ok(letters)
    }

    /// Ends a request of ours. Declines the open quotes to it, and tells the other receivers,
    /// without the one whose quote was accepted.
    fn end_request(&mut self, id: &Id, status: RfqStatus, chosen: Option<&Address>) -> Vec<Letter> {
        let Some(rfq) = self.rfqs.get_mut(id) else {
            return Vec::new();
        };
        let open = std::mem::replace(&mut rfq.status, status) == RfqStatus::Open;
        let mut letters = Vec::new();
        for id in &rfq.quotes {
            let quote = self.quotes.get_mut(id);
            if let Some(quote) = quote.filter(|quote| quote.status == QuoteStatus::Offered) {
                quote.status = QuoteStatus::Declined;
                letters.push(Letter {
                    to: quote.counterparty,
                    payload: Payload::Decline(*id),
                    until: quote.valid_until.saturating_add(GRACE),
                });
            }
        }
        let others = rfq.counterparties.iter();
        let others =
            others.filter(|party| open && !party.declined && Some(&party.address) != chosen);
        letters.extend(others.map(|party| Letter {
            to: party.address,
            payload: Payload::Cancel(*id),
            until: rfq.expires,
        }));
        letters
    }

    /// Sets the notes of an agreed swap's leg, if they were not chosen before.
    pub fn pin(&mut self, id: &Id, notes: Vec<Nullifier>) {
        if let Some(quote) = self.quotes.get_mut(id)
            && quote.notes.is_empty()
        {
            quote.notes = notes;
        }
    }

    /// Declines a quote that was received.
    ///
    /// # Errors
    /// [`Refusal`] if it was not received, or is not open.
    pub fn decline_quote(&mut self, id: &Id) -> Result<Vec<Letter>, Refusal> {
        let quote = self.quotes.get_mut(id).ok_or(Refusal::NotFound)?;
        if quote.direction != Direction::Incoming || quote.status != QuoteStatus::Offered {
            return Err(Refusal::WrongState(
                "only an open offer that was received can be declined",
            ));
        }
        quote.status = QuoteStatus::Declined;
        Ok(vec![Letter {
            to: quote.counterparty,
            payload: Payload::Decline(*id),
            until: quote.valid_until.saturating_add(GRACE),
        }])
    }

    /// Cancels a quote of ours.
    ///
    /// # Errors
    /// [`Refusal`] if it is not ours, or not open.
    pub fn cancel_quote(&mut self, id: &Id) -> Result<Vec<Letter>, Refusal> {
        let quote = self.quotes.get_mut(id).ok_or(Refusal::NotFound)?;
        if !quote.promises() {
            return Err(Refusal::WrongState(
                "only an open offer of our own can be cancelled",
            ));
        }
        let known = quote.status == QuoteStatus::Offered;
        quote.status = QuoteStatus::Cancelled;
        let letter = Letter {
            to: quote.counterparty,
            payload: Payload::Cancel(*id),
            until: quote.deal.terms().expiry,
        };
        Ok(known.then_some(letter).into_iter().collect())
    }

    /// Cancels our quotes whose notes are gone, whatever took them. `there` tells whether a note is
    /// in the tree and unspent.
    pub fn withdraw_broken(&mut self, there: impl Fn(&Nullifier) -> bool) -> Vec<Letter> {
        let broken = self.quotes.values().filter(|quote| {
            quote.status == QuoteStatus::Offered
                && quote.promises()
                && !quote.notes.iter().all(&there)
        });
        let broken: Vec<Id> = broken.map(|quote| quote.id).collect();
        let letters = broken.iter().filter_map(|id| self.cancel_quote(id).ok());
        letters.flatten().collect()
    }

    /// Declines a request that was received.
    ///
    /// # Errors
    /// [`Refusal`] if it was not received, or is not open.
    pub fn decline_rfq(&mut self, id: &Id) -> Result<Vec<Letter>, Refusal> {
        let (_, to) = self.answerable(id)?;
        let rfq = self.rfqs.get_mut(id).ok_or(Refusal::NotFound)?;
        rfq.status = RfqStatus::Declined;
        Ok(vec![Letter {
            to,
            payload: Payload::Decline(*id),
            until: rfq.expires,
        }])
    }

    /// Cancels a request of ours. Quotes to it are declined.
    ///
    /// # Errors
    /// [`Refusal`] if it is not ours, or not open.
    pub fn cancel_rfq(&mut self, id: &Id) -> Result<Vec<Letter>, Refusal> {
        let rfq = self.rfqs.get(id).ok_or(Refusal::NotFound)?;
        if rfq.direction != Direction::Outgoing || rfq.status != RfqStatus::Open {
            return Err(Refusal::WrongState(
                "only an open request of our own can be cancelled",
            ));
        }
        Ok(self.end_request(id, RfqStatus::Cancelled, None))
    }
}
