//! The book: which requests, quotes and swaps there are, and what moves them. It decides, and says what is to
//! be sent; keeping it, sending and carrying legs are the caller's.
//!
//! A note that a quote of ours promises is in [`Book::reserved`] from the offer until the quote can no longer be
//! accepted; when it is accepted, until the operation of our leg has ended. Every quote ends by the clock alone, so
//! that nothing is reserved for ever.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use subrosa_protocol::{
    asset::AssetId,
    keys::Address,
    swap::{Side, Terms},
};

use super::{
    GRACE, HORIZON, Id, KEPT, MAX_ANSWERS, MAX_OF_ONE, MAX_RECEIVED,
    events::{Events, Subject},
    payload::{Offer, Payload, Request},
    records::{Direction, Quote, QuoteStatus, Rfq, RfqStatus},
};
use crate::operation::Operation;

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// To whom.
    pub to: Address,
    /// What it says.
    pub payload: Payload,
    /// Last second at which it is of use.
    pub until: u64,
}

/// Why the book does not do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has nothing of that name.
    #[error("not found")]
    NotFound,
    /// It does not fit where things stand.
    #[error("{0}")]
    WrongState(&'static str),
    /// A quote does not answer the request it names.
    #[error("the quote does not fit the request's assets or its fixed amount")]
    Mismatch,
    /// There are as many of the kind as may be.
    #[error("{0}")]
    TooMany(&'static str),
}

/// Why a message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dropped {
    /// It is from ourselves.
    #[error("from ourselves")]
    Own,
    /// What it names or makes is not what its sender may name or make, or stands otherwise.
    #[error("{0}")]
    Unfit(&'static str),
    /// There is no room for more.
    #[error("too many")]
    Full,
}

/// What a received message leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// Messages to be sent.
    pub letters: Vec<Letter>,
    /// The quote of ours that was accepted: its leg starts.
    pub leg: Option<Id>,
    /// An accepted quote that its maker took back: its leg need not start.
    pub withdrawn: Option<Id>,
    /// Whether the book changed.
    pub changed: bool,
}

/// What a message is read with.
pub struct Reading<'a> {
    /// Unix seconds.
    pub now: u64,
    /// Our address.
    pub own: &'a Address,
    /// Whether an asset is registered.
    pub registered: &'a dyn Fn(AssetId) -> bool,
    /// Id of the operation, should one start.
    pub operation: &'a str,
}

/// A new offer of ours.
pub struct NewOffer {
    /// Its name.
    pub id: Id,
    /// The request that it answers.
    pub rfq: Option<Id>,
    /// To whom.
    pub counterparty: Address,
    /// What is offered.
    pub terms: Terms,
    /// Our side.
    pub maker: Side,
    /// Seconds that it may be accepted, and that its legs may settle after that.
    pub times: (u64, u64),
    /// Nullifiers of the notes that are kept for it. None if they have to be prepared first.
    pub notes: Option<Vec<[u8; 32]>>,
}

/// All requests and quotes.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Book {
    rfqs: BTreeMap<Id, Rfq>,
    quotes: BTreeMap<Id, Quote>,
    events: Events,
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

/// What is there.
impl Book {
    /// Requests.
    pub fn rfqs(&self) -> impl Iterator<Item = &Rfq> {
        self.rfqs.values()
    }

    /// Quotes, and the swaps that they became.
    pub fn quotes(&self) -> impl Iterator<Item = &Quote> {
        self.quotes.values()
    }

    /// A request.
    #[must_use]
    pub fn rfq(&self, id: &Id) -> Option<&Rfq> {
        self.rfqs.get(id)
    }

    /// A quote.
    #[must_use]
    pub fn quote(&self, id: &Id) -> Option<&Quote> {
        self.quotes.get(id)
    }

    /// The quote whose leg an operation carries.
    #[must_use]
    pub fn carried_by(&self, operation: &str) -> Option<&Quote> {
        self.quotes()
            .find(|quote| quote.operation.as_deref() == Some(operation))
    }

    /// What changed.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Notes of ours that are promised, but for those of the leg that operation `except` carries. `open` says of an
    /// operation whether it may still need its notes.
    pub fn reserved<'a>(
        &'a self,
        open: impl Fn(&str) -> bool + 'a,
        except: Option<&'a str>,
    ) -> impl Iterator<Item = [u8; 32]> + 'a {
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

/// What the institution does.
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

    /// The request that a quote of ours could answer, and who made it.
    ///
    /// # Errors
    /// [`Refusal`] if there is none, it is not open, or it was not received.
    pub fn answerable(&self, id: &Id) -> Result<(&Rfq, Address), Refusal> {
        let rfq = self.rfqs.get(id).ok_or(Refusal::NotFound)?;
        match (rfq.direction, rfq.status, rfq.counterparties.first()) {
            (Direction::Incoming, RfqStatus::Open, Some(party)) => Ok((rfq, party.address)),
            (Direction::Incoming, ..) => Err(Refusal::WrongState("the request is no longer open")),
            _ => Err(Refusal::WrongState("the request is our own")),
        }
    }

    /// Makes an offer; sends it if its notes are there.
    ///
    /// # Errors
    /// [`Refusal`] if it answers no open request, or does not fit it.
    pub fn offer(&mut self, offer: NewOffer, now: u64) -> Result<Vec<Letter>, Refusal> {
        if self.quotes.contains_key(&offer.id) {
            return Err(Refusal::WrongState("the id is in use"));
        }
        let quote = Quote {
            id: offer.id,
            rfq: offer.rfq,
            direction: Direction::Outgoing,
            counterparty: offer.counterparty,
            terms: offer.terms,
            maker: offer.maker,
            valid_until: now.saturating_add(offer.times.0),
            status: QuoteStatus::Preparing,
            created: now,
            notes: Vec::new(),
            times: offer.times,
            operation: None,
            withdrawn: false,
            told: (None, None),
        };
        if let Some(rfq) = &quote.rfq {
            let (request, from) = self.answerable(rfq)?;
            if from != quote.counterparty || !request.fits(quote.gives(), quote.wants()) {
                return Err(Refusal::Mismatch);
            }
            let open = request.quotes.iter().filter_map(|id| self.quotes.get(id));
            if open.filter(|quote| quote.is_open()).count() >= MAX_ANSWERS {
                return Err(Refusal::TooMany("too many open quotes to this request"));
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

    /// The notes of a quote are there: its times start, and it is sent.
    ///
    /// # Errors
    /// [`Refusal`] if it is not being prepared.
    pub fn offered(&mut self, id: &Id, notes: Vec<[u8; 32]>, now: u64) -> Result<Letter, Refusal> {
        let quote = self.quotes.get_mut(id).ok_or(Refusal::NotFound)?;
        if quote.status != QuoteStatus::Preparing {
            return Err(Refusal::WrongState("the quote is not being prepared"));
        }
        quote.valid_until = now.saturating_add(quote.times.0);
        quote.terms.expiry = quote.valid_until.saturating_add(quote.times.1);
        quote.notes = notes;
        quote.status = QuoteStatus::Offered;
        Ok(Letter {
            to: quote.counterparty,
            payload: Payload::Quote(Box::new(Offer {
                id: quote.id,
                request: quote.rfq,
                valid_until: quote.valid_until,
                maker: quote.maker,
                terms: quote.terms.clone(),
            })),
            until: quote.valid_until,
        })
    }

    /// The quote, if it is one that was received and may be accepted now.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn acceptable(&self, id: &Id, now: u64) -> Result<&Quote, Refusal> {
        let quote = self.quotes.get(id).ok_or(Refusal::NotFound)?;
        if quote.direction != Direction::Incoming {
            return Err(Refusal::WrongState("the quote is our own"));
        }
        if quote.status != QuoteStatus::Offered || now >= quote.over() {
            return Err(Refusal::WrongState("the quote can no longer be accepted"));
        }
        Ok(quote)
    }

    /// Takes a quote. `operation` carries our leg, from `notes` if they are chosen already. What else was quoted to
    /// the same request is declined.
    ///
    /// # Errors
    /// [`Refusal`] if it may not be accepted now.
    pub fn accept(
        &mut self,
        id: &Id,
        operation: &str,
        notes: Vec<[u8; 32]>,
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

    /// Ends a request of ours: what was quoted to it is declined, and those asked are told, but for the one
    /// whose quote was taken.
    fn end_request(&mut self, id: &Id, status: RfqStatus, chosen: Option<&Address>) -> Vec<Letter> {
        let Some(rfq) = self.rfqs.get_mut(id) else {
            return Vec::new();
        };
        rfq.status = status;
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
        let others = others.filter(|party| !party.declined && Some(&party.address) != chosen);
        letters.extend(others.map(|party| Letter {
            to: party.address,
            payload: Payload::Cancel(*id),
            until: rfq.expires,
        }));
        letters
    }

    /// The notes that an agreed swap's leg is made of, if they were not chosen at once.
    pub fn pin(&mut self, id: &Id, notes: Vec<[u8; 32]>) {
        if let Some(quote) = self.quotes.get_mut(id)
            && quote.notes.is_empty()
        {
            quote.notes = notes;
        }
    }

    /// Says no to a quote that was received.
    ///
    /// # Errors
    /// [`Refusal`] if it is not one, or no longer offered.
    pub fn decline_quote(&mut self, id: &Id) -> Result<Vec<Letter>, Refusal> {
        let quote = self.quotes.get_mut(id).ok_or(Refusal::NotFound)?;
        if quote.direction != Direction::Incoming || quote.status != QuoteStatus::Offered {
            return Err(Refusal::WrongState(
                "only an open quote that was received is declined",
            ));
        }
        quote.status = QuoteStatus::Declined;
        Ok(vec![Letter {
            to: quote.counterparty,
            payload: Payload::Decline(*id),
            until: quote.valid_until.saturating_add(GRACE),
        }])
    }

    /// Takes a quote of ours back.
    ///
    /// # Errors
    /// [`Refusal`] if it is not one, or no longer open.
    pub fn cancel_quote(&mut self, id: &Id) -> Result<Vec<Letter>, Refusal> {
        let quote = self.quotes.get_mut(id).ok_or(Refusal::NotFound)?;
        if !quote.promises() {
            return Err(Refusal::WrongState(
                "only a quote of our own that is not accepted is cancelled",
            ));
        }
        let known = quote.status == QuoteStatus::Offered;
        quote.status = QuoteStatus::Cancelled;
        let letter = Letter {
            to: quote.counterparty,
            payload: Payload::Cancel(*id),
            until: quote.terms.expiry,
        };
        Ok(known.then_some(letter).into_iter().collect())
    }

    /// Says no to a request that was received.
    ///
    /// # Errors
    /// [`Refusal`] if it is not one, or no longer open.
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

    /// Takes a request of ours back; quotes to it are declined.
    ///
    /// # Errors
    /// [`Refusal`] if it is not one, or no longer open.
    pub fn cancel_rfq(&mut self, id: &Id) -> Result<Vec<Letter>, Refusal> {
        let rfq = self.rfqs.get(id).ok_or(Refusal::NotFound)?;
        if rfq.direction != Direction::Outgoing || rfq.status != RfqStatus::Open {
            return Err(Refusal::WrongState(
                "only an open request of our own is cancelled",
            ));
        }
        Ok(self.end_request(id, RfqStatus::Cancelled, None))
    }
}

/// What counterparties write.
impl Book {
    /// Takes a message in. One that came before changes nothing.
    ///
    /// # Errors
    /// [`Dropped`] if it is not one that its sender may send now; nothing is changed then.
    pub fn receive(
        &mut self,
        from: &Address,
        payload: Payload,
        reading: &Reading<'_>,
    ) -> Result<Reaction, Dropped> {
        if from.owner == reading.own.owner {
            return Err(Dropped::Own);
        }
        match payload {
            Payload::Request(request) => self.on_request(from, &request, reading),
            Payload::Quote(offer) => self.on_quote(from, *offer, reading),
            Payload::Accept(id) => self.on_accept(from, &id, reading),
            Payload::Decline(id) => self.on_decline(from, &id),
            Payload::Cancel(id) => self.on_cancel(from, &id),
        }
    }

    fn on_request(
        &mut self,
        from: &Address,
        request: &Request,
        reading: &Reading<'_>,
    ) -> Result<Reaction, Dropped> {
        if self.rfqs.contains_key(&request.id) {
            return Err(Dropped::Unfit("a request that is known"));
        }
        let latest = reading.now.saturating_add(HORIZON);
        if request.expiry < reading.now || request.expiry > latest {
            return Err(Dropped::Unfit("a request that is over, or far ahead"));
        }
        if ![request.given, request.wanted]
            .into_iter()
            .all(reading.registered)
        {
            return Err(Dropped::Unfit("a request in an unknown asset"));
        }
        let open = self
            .rfqs()
            .filter(|rfq| rfq.direction == Direction::Incoming && rfq.status == RfqStatus::Open);
        let (mut all, mut of_one) = (0, 0);
        for rfq in open {
            all += 1;
            of_one += usize::from(
                rfq.counterparties
                    .iter()
                    .any(|party| party.address == *from),
            );
        }
        if all >= MAX_RECEIVED || of_one >= MAX_OF_ONE {
            return Err(Dropped::Full);
        }
        let rfq = Rfq::new(request, Direction::Incoming, vec![*from], reading.now);
        self.rfqs.insert(request.id, rfq);
        Ok(changed())
    }

    fn on_quote(
        &mut self,
        from: &Address,
        offer: Offer,
        reading: &Reading<'_>,
    ) -> Result<Reaction, Dropped> {
        if self.quotes.contains_key(&offer.id) {
            return Err(Dropped::Unfit("a quote that is known"));
        }
        let (maker, terms) = (offer.maker, &offer.terms);
        if terms.receiver(maker) != reading.own || terms.receiver(maker.other()) != from {
            return Err(Dropped::Unfit("a quote between others"));
        }
        let latest = reading.now.saturating_add(HORIZON);
        if offer.valid_until < reading.now
            || terms.expiry < offer.valid_until
            || terms.expiry > latest
        {
            return Err(Dropped::Unfit("a quote that is over, or far ahead"));
        }
        let assets = terms.exchange.legs.each_ref().map(|leg| leg.asset);
        if !assets.into_iter().all(reading.registered) {
            return Err(Dropped::Unfit("a quote in an unknown asset"));
        }
        let quote = Quote {
            id: offer.id,
            rfq: offer.request,
            direction: Direction::Incoming,
            counterparty: *from,
            maker,
            valid_until: offer.valid_until,
            status: QuoteStatus::Offered,
            created: reading.now,
            notes: Vec::new(),
            times: (0, 0),
            operation: None,
            withdrawn: false,
            told: (None, None),
            terms: offer.terms,
        };
        if let Some(reaction) = self.refuse_answer(&quote)? {
            return Ok(reaction);
        }
        if let Some(rfq) = quote.rfq.and_then(|id| self.rfqs.get_mut(&id)) {
            rfq.quotes.push(quote.id);
        }
        self.quotes.insert(quote.id, quote);
        Ok(changed())
    }

    /// Whether a received quote has its request and room. One that comes too late is declined, so that its
    /// maker's notes are free again.
    fn refuse_answer(&self, quote: &Quote) -> Result<Option<Reaction>, Dropped> {
        let Some(id) = &quote.rfq else {
            let unasked = self.quotes().filter(|other| {
                other.direction == Direction::Incoming && other.is_open() && other.rfq.is_none()
            });
            let (mut all, mut of_one) = (0, 0);
            for other in unasked {
                all += 1;
                of_one += usize::from(other.counterparty == quote.counterparty);
            }
            let full = all >= MAX_RECEIVED || of_one >= MAX_OF_ONE;
            return if full { Err(Dropped::Full) } else { Ok(None) };
        };
        let asked = self.rfqs.get(id).filter(|rfq| {
            rfq.direction == Direction::Outgoing
                && rfq
                    .counterparties
                    .iter()
                    .any(|party| party.address == quote.counterparty)
        });
        let rfq = asked.ok_or(Dropped::Unfit(
            "a quote to a request that its maker did not get",
        ))?;
        if !rfq.fits(quote.gives(), quote.wants()) {
            return Err(Dropped::Unfit("a quote that does not fit its request"));
        }
        if rfq.status != RfqStatus::Open {
            let letter = Letter {
                to: quote.counterparty,
                payload: Payload::Decline(quote.id),
                until: quote.valid_until.saturating_add(GRACE),
            };
            return Ok(Some(Reaction {
                letters: vec![letter],
                ..Reaction::default()
            }));
        }
        let of_one = rfq.quotes.iter().filter_map(|id| self.quotes.get(id));
        let of_one =
            of_one.filter(|other| other.counterparty == quote.counterparty && other.is_open());
        if of_one.count() >= MAX_ANSWERS {
            return Err(Dropped::Full);
        }
        Ok(None)
    }

    fn on_accept(
        &mut self,
        from: &Address,
        id: &Id,
        reading: &Reading<'_>,
    ) -> Result<Reaction, Dropped> {
        let quote = self
            .quotes
            .get_mut(id)
            .filter(|quote| quote.direction == Direction::Outgoing && quote.counterparty == *from);
        let quote = quote.ok_or(Dropped::Unfit("an acceptance of no quote to its sender"))?;
        match quote.status {
            QuoteStatus::Preparing => Err(Dropped::Unfit("an acceptance before the offer")),
            QuoteStatus::Accepted => Err(Dropped::Unfit("an acceptance that is known")),
            QuoteStatus::Offered if reading.now < quote.over() => {
                quote.status = QuoteStatus::Accepted;
                quote.operation = Some(reading.operation.to_owned());
                if let Some(rfq) = quote.rfq.and_then(|id| self.rfqs.get_mut(&id)) {
                    rfq.status = RfqStatus::Closed;
                }
                Ok(Reaction {
                    leg: Some(*id),
                    ..changed()
                })
            }
            // Too late. Who accepted learns it sooner than by its leg's expiry.
            _ => {
                if quote.status == QuoteStatus::Offered {
                    quote.status = QuoteStatus::Expired;
                }
                Ok(Reaction {
                    letters: vec![Letter {
                        to: *from,
                        payload: Payload::Cancel(*id),
                        until: quote.terms.expiry,
                    }],
                    ..changed()
                })
            }
        }
    }

    fn on_decline(&mut self, from: &Address, id: &Id) -> Result<Reaction, Dropped> {
        let quote = self
            .quotes
            .get_mut(id)
            .filter(|quote| quote.direction == Direction::Outgoing && quote.counterparty == *from);
        if let Some(quote) = quote {
            if quote.status != QuoteStatus::Offered {
                return Err(Dropped::Unfit("a refusal of a quote that is not open"));
            }
            quote.status = QuoteStatus::Declined;
            return Ok(changed());
        }
        let rfq = self
            .rfqs
            .get_mut(id)
            .filter(|rfq| rfq.direction == Direction::Outgoing && rfq.status == RfqStatus::Open)
            .ok_or(Dropped::Unfit("a refusal of nothing that is open"))?;
        let party = rfq
            .counterparty(from)
            .filter(|party| !party.declined)
            .ok_or(Dropped::Unfit(
                "a refusal by somebody who was not asked, or again",
            ))?;
        party.declined = true;
        let quoted = rfq.quotes.iter().filter_map(|id| self.quotes.get(id));
        let quoted = quoted.filter(|quote| quote.is_open()).count();
        if quoted == 0 && rfq.counterparties.iter().all(|party| party.declined) {
            rfq.status = RfqStatus::Declined;
        }
        Ok(changed())
    }

    fn on_cancel(&mut self, from: &Address, id: &Id) -> Result<Reaction, Dropped> {
        let quote = self
            .quotes
            .get_mut(id)
            .filter(|quote| quote.direction == Direction::Incoming && quote.counterparty == *from);
        if let Some(quote) = quote {
            return match quote.status {
                QuoteStatus::Offered => {
                    quote.status = QuoteStatus::Cancelled;
                    Ok(changed())
                }
                QuoteStatus::Accepted if !quote.withdrawn => {
                    quote.withdrawn = true;
                    Ok(Reaction {
                        withdrawn: Some(*id),
                        ..changed()
                    })
                }
                _ => Err(Dropped::Unfit("a withdrawal of a quote that is not open")),
            };
        }
        let rfq = self.rfqs.get_mut(id).filter(|rfq| {
            rfq.direction == Direction::Incoming
                && rfq.status == RfqStatus::Open
                && rfq
                    .counterparties
                    .iter()
                    .any(|party| party.address == *from)
        });
        let rfq = rfq.ok_or(Dropped::Unfit("a withdrawal of nothing that is open"))?;
        rfq.status = RfqStatus::Cancelled;
        Ok(changed())
    }
}

fn changed() -> Reaction {
    Reaction {
        changed: true,
        ..Reaction::default()
    }
}

/// What time does.
impl Book {
    /// Ends what is over. True if something was.
    pub fn tick(&mut self, now: u64) -> bool {
        let mut changed = false;
        for rfq in self.rfqs.values_mut() {
            if rfq.status == RfqStatus::Open && now > rfq.expires {
                rfq.status = RfqStatus::Expired;
                changed = true;
            }
        }
        for quote in self.quotes.values_mut() {
            if quote.is_open() && now >= quote.over() {
                quote.status = match quote.status {
                    QuoteStatus::Preparing => QuoteStatus::Cancelled,
                    _ => QuoteStatus::Expired,
                };
                changed = true;
            }
        }
        changed
    }

    /// Tells what changed since the last time, by events, and forgets what ended long ago. Accepted quotes are
    /// kept: their terms are.
    pub fn publish(&mut self, operations: &[Operation], now: u64) {
        let operations: HashMap<&str, &Operation> = operations
            .iter()
            .map(|operation| (operation.id.as_str(), operation))
            .collect();
        let events = &mut self.events;
        for rfq in self.rfqs.values_mut() {
            if rfq.told.replace(rfq.status) != Some(rfq.status) {
                events.push(Subject::Rfq, rfq.id, rfq.status.name(), now);
            }
        }
        for quote in self.quotes.values_mut() {
            if quote.told.0.replace(quote.status) != Some(quote.status) {
                events.push(Subject::Quote, quote.id, quote.status.name(), now);
            }
            if quote.is_swap() {
                let carrier = quote.operation.as_deref();
                let carrier = carrier.and_then(|id| operations.get(id).copied());
                let status = quote.swap(carrier).status;
                if quote.told.1.replace(status) != Some(status) {
                    events.push(Subject::Swap, quote.id, status.name(), now);
                }
            }
        }
        let ended = self
            .rfqs
            .values()
            .filter(|rfq| rfq.status != RfqStatus::Open);
        for id in oldest(ended.map(|rfq| (rfq.created, rfq.id))) {
            self.rfqs.remove(&id);
        }
        let ended = self
            .quotes
            .values()
            .filter(|quote| !quote.is_open() && quote.status != QuoteStatus::Accepted);
        for id in oldest(ended.map(|quote| (quote.created, quote.id))) {
            self.quotes.remove(&id);
        }
    }
}

/// All but the newest [`KEPT`].
fn oldest(ended: impl Iterator<Item = (u64, Id)>) -> Vec<Id> {
    let mut ended: Vec<(u64, Id)> = ended.collect();
    let more = ended.len().saturating_sub(KEPT);
    if more == 0 {
        return Vec::new();
    }
    ended.sort_unstable();
    ended.truncate(more);
    ended.into_iter().map(|(_, id)| id).collect()
}
