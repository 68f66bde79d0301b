//! Messages from counterparties, and their consequences.

use subrosa_protocol::{keys::Address, swap::Side};

use super::{
    super::{
        Deal, GRACE, HORIZON, Id, MAX_ANSWERS, MAX_OF_ONE, MAX_RECEIVED,
        payload::{Payload, Proposal, Request},
        records::{Direction, Quote, QuoteStatus, Rfq, RfqStatus, Times},
    },
    Book, Dropped, Letter, Reaction, Reading,
};

/// A firm offer as it arrived: a quote, or a proposal of a loan.
struct Received {
    id: Id,
    request: Option<Id>,
    valid_until: u64,
    maker: Side,
    deal: Deal,
}

impl Book {
    /// Takes a message in. A repeated message changes nothing.
    ///
    /// # Errors
    /// [`Dropped`] if its sender may not send it now; nothing is changed then.
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
            Payload::Quote(offer) => {
                let offer = Received {
                    id: offer.id,
                    request: offer.request,
                    valid_until: offer.valid_until,
                    maker: offer.maker,
                    deal: Deal::swap(offer.terms),
                };
                self.on_quote(from, offer, reading)
            }
            Payload::Proposal(proposal) => self.on_proposal(from, *proposal, reading),
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
            return Err(Dropped::Unfit("a request whose id is in use"));
        }
        let latest = reading.now.saturating_add(HORIZON);
        if request.expiry < reading.now || request.expiry > latest {
            return Err(Dropped::Unfit(
                "a request that has expired, or expires too late",
            ));
        }
        if ![request.given, request.wanted]
            .into_iter()
            .all(reading.registered)
        {
            return Err(Dropped::Unfit("a request in an unregistered asset"));
        }
        self.room_for_request(from, request.expiry)?;
        let rfq = Rfq::new(request, Direction::Incoming, vec![*from], reading.now);
        self.rfqs.insert(request.id, rfq);
        Ok(changed())
    }

    /// Takes a proposal in, as a quote of the swap that opens the loan. Its id must be the loan's
    /// name, so that no two loans share a salt.
    fn on_proposal(
        &mut self,
        from: &Address,
        proposal: Proposal,
        reading: &Reading<'_>,
    ) -> Result<Reaction, Dropped> {
        let Proposal {
            id,
            valid_until,
            agreement,
        } = proposal;
        let loan = &agreement.loan;
        if *id.as_bytes() != loan.id() {
            return Err(Dropped::Unfit("a proposal whose id is not its loan's name"));
        }
        if agreement.check().is_err() {
            return Err(Dropped::Unfit(
                "an invalid loan, one that is due before it can be opened, or one that does not \
                 start at its expiry",
            ));
        }
        let (borrower, _) = agreement.parties.addresses(loan);
        let maker = if borrower == *from {
            agreement.borrower_side
        } else {
            agreement.borrower_side.other()
        };
        let deal =
            Deal::loan(agreement).map_err(|_| Dropped::Unfit("a loan that no swap can open"))?;
        let offer = Received {
            id,
            request: None,
            valid_until,
            maker,
            deal,
        };
        self.on_quote(from, offer, reading)
    }

    fn on_quote(
        &mut self,
        from: &Address,
        offer: Received,
        reading: &Reading<'_>,
    ) -> Result<Reaction, Dropped> {
        if self.quotes.contains_key(&offer.id) {
            return Err(Dropped::Unfit("a quote whose id is in use"));
        }
        let (maker, terms) = (offer.maker, offer.deal.terms());
        if terms.receiver(maker) != reading.own || terms.receiver(maker.other()) != from {
            return Err(Dropped::Unfit(
                "a quote whose parties are not its sender and us",
            ));
        }
        let latest = reading.now.saturating_add(HORIZON);
        if offer.valid_until < reading.now
            || terms.expiry < offer.valid_until
            || terms.expiry > latest
        {
            return Err(Dropped::Unfit(
                "a quote that has expired, or expires too late",
            ));
        }
        let assets = terms.exchange.legs.each_ref().map(|leg| leg.asset);
        if !assets.into_iter().all(reading.registered) {
            return Err(Dropped::Unfit("a quote in an unregistered asset"));
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
            times: Times::default(),
            operation: None,
            withdrawn: false,
            answered: false,
            told: (None, None),
            deal: offer.deal,
        };
        match &quote.rfq {
            None => self.room_for_quote(from, quote.valid_until)?,
            Some(rfq) => {
                if let Some(reaction) = self.refuse_answer(rfq, &quote)? {
                    return Ok(reaction);
                }
            }
        }
        if let Some(rfq) = quote.rfq.and_then(|id| self.rfqs.get_mut(&id)) {
            rfq.quotes.push(quote.id);
        }
        self.quotes.insert(quote.id, quote);
        Ok(changed())
    }

    /// Makes room for a request. If the book is full, an earlier expiry displaces the unanswered
    /// request with the latest expiry, so that a flood must be short-lived to stay.
    fn room_for_request(&mut self, from: &Address, expiry: u64) -> Result<(), Dropped> {
        let open = self
            .rfqs
            .values_mut()
            .filter(|rfq| rfq.direction == Direction::Incoming && rfq.status == RfqStatus::Open);
        let (mut all, mut of_one, mut last) = (0, 0, None::<&mut Rfq>);
        for rfq in open {
            all += 1;
            of_one += usize::from(rfq.counterparties.iter().any(|p| p.address == *from));
            let later = last.as_ref().is_none_or(|last| rfq.expires > last.expires);
            if later && rfq.quotes.is_empty() {
                last = Some(rfq);
            }
        }
        if of_one >= MAX_OF_ONE {
            return Err(Dropped::Full);
        }
        if all >= MAX_RECEIVED {
            let last = last.filter(|last| last.expires > expiry);
            last.ok_or(Dropped::Full)?.status = RfqStatus::Expired;
        }
        Ok(())
    }

    /// Makes room for a quote without a request, in the same way.
    fn room_for_quote(&mut self, from: &Address, valid_until: u64) -> Result<(), Dropped> {
        let unasked = self.quotes.values_mut().filter(|quote| {
            quote.direction == Direction::Incoming && quote.is_open() && quote.rfq.is_none()
        });
        let (mut all, mut of_one, mut last) = (0, 0, None::<&mut Quote>);
        for quote in unasked {
            all += 1;
            of_one += usize::from(quote.counterparty == *from);
            if last
                .as_ref()
                .is_none_or(|last| quote.valid_until > last.valid_until)
            {
                last = Some(quote);
            }
        }
        if of_one >= MAX_OF_ONE {
            return Err(Dropped::Full);
        }
        if all >= MAX_RECEIVED {
            let last = last.filter(|last| last.valid_until > valid_until);
            last.ok_or(Dropped::Full)?.status = QuoteStatus::Expired;
        }
        Ok(())
    }

    /// Checks that an answer has its request and that there is room for it. A late answer is
    /// declined, so that its maker's notes are free again.
    fn refuse_answer(&self, id: &Id, quote: &Quote) -> Result<Option<Reaction>, Dropped> {
        let asked = self.rfqs.get(id).filter(|rfq| {
            rfq.direction == Direction::Outgoing
                && rfq
                    .counterparties
                    .iter()
                    .any(|party| party.address == quote.counterparty)
        });
        let rfq = asked.ok_or(Dropped::Unfit(
            "a quote to a request that its sender did not receive",
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
        let quote = quote.ok_or(Dropped::Unfit(
            "an acceptance of a quote that its sender does not have",
        ))?;
        match quote.status {
            QuoteStatus::Preparing => {
                Err(Dropped::Unfit("an acceptance of a quote that was not sent"))
            }
            QuoteStatus::Accepted => Err(Dropped::Unfit("a repeated acceptance")),
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
            // A late acceptance. The answer reaches the taker sooner than its leg's expiry would.
            _ if quote.answered => Err(Dropped::Unfit("a repeated late acceptance")),
            _ => {
                quote.answered = true;
                if quote.status == QuoteStatus::Offered {
                    quote.status = QuoteStatus::Expired;
                }
                Ok(Reaction {
                    letters: vec![Letter {
                        to: *from,
                        payload: Payload::Cancel(*id),
                        until: quote.deal.terms().expiry,
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
                return Err(Dropped::Unfit("a decline of a quote that is not open"));
            }
            quote.status = QuoteStatus::Declined;
            return Ok(changed());
        }
        let rfq = self
            .rfqs
            .get_mut(id)
            .filter(|rfq| rfq.direction == Direction::Outgoing && rfq.status == RfqStatus::Open)
            .ok_or(Dropped::Unfit(
                "a decline of an unknown quote or request, or of one that is not open",
            ))?;
        let party = rfq
            .counterparty(from)
            .filter(|party| !party.declined)
            .ok_or(Dropped::Unfit(
                "a decline by a party that was not asked, or a repeated one",
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
                _ => Err(Dropped::Unfit("a cancellation of a quote that is not open")),
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
        let rfq = rfq.ok_or(Dropped::Unfit(
            "a cancellation of an unknown quote or request, or of one that is not open",
        ))?;
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
