//! What the gateway asks of the wallet about swaps: requests, quotes, acceptances, and what became of them.

use rand::{RngCore as _, rngs::OsRng};
use subrosa_protocol::{
    asset::AssetId,
    keys::Address,
    swap::{self, Exchange, Leg, Salt, Side, TermsError},
};

use super::{
    Inner, Wallet,
    ask::{recall_id, remember},
    new_id, now,
    prepare::leg_of,
    shown::{QuoteLine, RfqLine, quote_line, rfq_line},
};
use crate::{
    chain::Chain,
    error::WalletError,
    negotiation::{
        Book, Deal, Fixed, Id, LONGEST, Letter, MAX_COUNTERPARTIES, QuoteStatus,
        book::{NewOffer, Refusal},
        payload,
    },
    operation::Request,
    store::State,
};

/// An idempotency key with a digest of the request it came with.
pub(super) type Key = Option<(String, String)>;

/// A request for quotes, as the institution makes it.
pub struct Inquiry {
    /// Addresses, as texts.
    pub counterparties: Vec<String>,
    /// What the institution would give.
    pub give: AssetId,
    /// What it would receive.
    pub want: AssetId,
    /// Which of the two the amount is of.
    pub fixed: Fixed,
    /// Base units.
    pub amount: u128,
    /// Seconds.
    pub expires_in: u64,
}

/// Whom a quote is for.
pub enum Occasion {
    /// Who made this request.
    Rfq(Id),
    /// This address, as a text.
    To(String),
}

/// A firm offer, as the institution makes it.
pub struct Order {
    /// Whom it is for.
    pub occasion: Occasion,
    /// What the institution delivers.
    pub give: Leg,
    /// What it receives.
    pub want: Leg,
    /// Seconds that it may be accepted.
    pub valid_for: u64,
    /// Seconds that its legs may settle after that.
    pub settle_within: u64,
}

/// Has the chain look for what a swap, or the opening of a loan, brings.
fn expect(chain: &mut Chain, deal: &Deal) {
    match deal.agreement() {
        Some(agreement) => chain.expect_opening(agreement),
        None => chain.expect_delivery(deal.terms()),
    }
}

/// Has the chain look for what agreed swaps bring.
pub(super) fn expect_deliveries(chain: &mut Chain, state: &State) {
    let agreed = state.book.quotes();
    for quote in agreed.filter(|quote| quote.status == QuoteStatus::Accepted) {
        expect(chain, &quote.deal);
    }
}

/// What is asked.
impl Wallet {
    /// Asks counterparties for quotes.
    ///
    /// # Errors
    /// [`WalletError`] naming what is wrong; nothing is kept or sent then.
    pub async fn inquire(&self, inquiry: Inquiry, key: Key) -> Result<RfqLine, WalletError> {
        let mut inner = self.inner.lock().await;
        if let Some(id) = recall_id(&inner.state, key.as_ref())? {
            return rfq_line(self, &inner, &parse_id(&id)?);
        }
        let mut to: Vec<Address> = Vec::new();
        for text in &inquiry.counterparties {
            let address = self.counterparty(text)?;
            if to.contains(&address) {
                return Err(WalletError::BadAddress("the same address twice".into()));
            }
            to.push(address);
        }
        if to.is_empty() || to.len() > MAX_COUNTERPARTIES {
            let range = format!("counterparties: 1 to {MAX_COUNTERPARTIES}");
            return Err(WalletError::Malformed(range));
        }
        if inquiry.give == inquiry.want {
            return Err(one_asset());
        }
        seconds("expires_in", inquiry.expires_in)?;
        let now = now();
        let request = payload::Request {
            id: Id::random(&mut OsRng),
            given: inquiry.give,
            wanted: inquiry.want,
            fixed: inquiry.fixed,
            amount: inquiry.amount,
            expiry: now + inquiry.expires_in,
        };
        let id = request.id;
        let letters = inner.state.book.request(request, to, now)?;
        self.conclude(&mut inner, letters, key, &id)?;
        rfq_line(self, &inner, &id)
    }

    /// Makes a firm offer, and keeps notes for it. If they have to be merged first, it is sent when they are.
    ///
    /// # Errors
    /// [`WalletError`] naming what is wrong; nothing is kept or sent then.
    pub async fn quote(&self, order: Order, key: Key) -> Result<QuoteLine, WalletError> {
        let mut inner = self.inner.lock().await;
        if let Some(id) = recall_id(&inner.state, key.as_ref())? {
            return quote_line(self, &inner, &parse_id(&id)?);
        }
        offer_times(order.valid_for, order.settle_within)?;
        let now = now();
        inner.state.book.tick(now);
        let (rfq, counterparty) = match &order.occasion {
            Occasion::Rfq(id) => {
                let (rfq, from) = inner.state.book.answerable(id)?;
                if !rfq.fits(&order.give, &order.want) {
                    return Err(Refusal::Mismatch.into());
                }
                (Some(*id), from)
            }
            Occasion::To(text) => (None, self.counterparty(text)?),
        };
        // Which side one is on means nothing, and is to say nothing.
        let maker = Side::BOTH[(OsRng.next_u32() & 1) as usize];
        let (mut legs, mut receivers) = ([order.give; 2], [counterparty; 2]);
        legs[maker.other().index()] = order.want;
        receivers[maker.other().index()] = self.keys.address();
        let exchange = Exchange {
            legs,
            salt: Salt::random(&mut OsRng),
        };
        let expiry = now + order.valid_for + order.settle_within;
        let terms = swap::Terms::new(exchange, receivers, expiry).map_err(refused_terms)?;
        let intent = crate::compose::Intent::Leg {
            terms: Box::new(terms.clone()),
            side: maker,
        };
        let notes = self.choose(&inner, &intent, &order.give)?;
        let id = Id::random(&mut OsRng);
        let offer = NewOffer {
            id,
            rfq,
            counterparty,
            deal: Deal::swap(terms),
            maker,
            times: (order.valid_for, order.settle_within),
            notes,
        };
        let letters = inner.state.book.offer(offer, now)?;
        self.conclude(&mut inner, letters, key, &id)?;
        quote_line(self, &inner, &id)
    }

    /// Takes a quote: its notes are held, the counterparty is told, and our leg is made at once.
    ///
    /// # Errors
    /// [`WalletError`] naming what is wrong; nothing is kept or sent then.
    pub async fn accept(&self, id: &Id, key: Key) -> Result<QuoteLine, WalletError> {
        let mut inner = self.inner.lock().await;
        if let Some(id) = recall_id(&inner.state, key.as_ref())? {
            return quote_line(self, &inner, &parse_id(&id)?);
        }
        let now = now();
        no_loan(&inner, id)?;
        let quote = inner.state.book.acceptable(id, now)?.clone();
        let notes = self.choose(&inner, &leg_of(&quote), quote.gives())?;
        let letters = inner
            .state
            .book
            .accept(id, &new_id(), notes.unwrap_or_default(), now)?;
        self.start_leg(&mut inner, id)?;
        self.conclude(&mut inner, letters, key, id)?;
        quote_line(self, &inner, id)
    }

    /// Starts the operation that carries our leg of a swap that was just agreed.
    pub(super) fn start_leg(&self, inner: &mut Inner, id: &Id) -> Result<(), WalletError> {
        let quote = inner.state.book.quote(id).ok_or(WalletError::NotFound)?;
        let leg = *quote.gives();
        let mut operation = self.new_operation(Request::Leg { swap: *id }, leg.asset, leg.value);
        operation.id = quote.operation.clone().ok_or(WalletError::NotFound)?;
        expect(&mut inner.chain, &quote.deal);
        inner.state.operations.push(operation);
        self.wake.notify_one();
        Ok(())
    }

    /// Says no to a quote that was received.
    ///
    /// # Errors
    /// [`WalletError::NotFound`] or [`WalletError::WrongState`].
    pub async fn decline_quote(&self, id: &Id, key: Key) -> Result<QuoteLine, WalletError> {
        let mut inner = self.inner.lock().await;
        no_loan(&inner, id)?;
        self.decide(&mut inner, id, key, |book| book.decline_quote(id))?;
        quote_line(self, &inner, id)
    }

    /// Takes a quote of our own back.
    ///
    /// # Errors
    /// [`WalletError::NotFound`] or [`WalletError::WrongState`].
    pub async fn cancel_quote(&self, id: &Id, key: Key) -> Result<QuoteLine, WalletError> {
        let mut inner = self.inner.lock().await;
        no_loan(&inner, id)?;
        self.decide(&mut inner, id, key, |book| book.cancel_quote(id))?;
        quote_line(self, &inner, id)
    }

    /// Says no to a request that was received.
    ///
    /// # Errors
    /// [`WalletError::NotFound`] or [`WalletError::WrongState`].
    pub async fn decline_rfq(&self, id: &Id, key: Key) -> Result<RfqLine, WalletError> {
        let mut inner = self.inner.lock().await;
        self.decide(&mut inner, id, key, |book| book.decline_rfq(id))?;
        rfq_line(self, &inner, id)
    }

    /// Takes a request of our own back.
    ///
    /// # Errors
    /// [`WalletError::NotFound`] or [`WalletError::WrongState`].
    pub async fn cancel_rfq(&self, id: &Id, key: Key) -> Result<RfqLine, WalletError> {
        let mut inner = self.inner.lock().await;
        self.decide(&mut inner, id, key, |book| book.cancel_rfq(id))?;
        rfq_line(self, &inner, id)
    }

    pub(super) fn decide(
        &self,
        inner: &mut Inner,
        id: &Id,
        key: Key,
        decision: impl FnOnce(&mut Book) -> Result<Vec<Letter>, Refusal>,
    ) -> Result<(), WalletError> {
        if recall_id(&inner.state, key.as_ref())?.is_some() {
            return Ok(());
        }
        inner.state.book.tick(now());
        let letters = decision(&mut inner.state.book)?;
        self.conclude(inner, letters, key, id)
    }

    /// Keeps what was decided, with the messages it takes, before any of them leaves.
    pub(super) fn conclude(
        &self,
        inner: &mut Inner,
        letters: Vec<Letter>,
        key: Key,
        id: &Id,
    ) -> Result<(), WalletError> {
        self.enqueue(inner, letters)?;
        remember(&mut inner.state, key, id.to_string());
        self.save(inner)?;
        self.mail.notify_one();
        self.wake.notify_one();
        Ok(())
    }

    pub(super) fn counterparty(&self, text: &str) -> Result<Address, WalletError> {
        let address = Address::decode(text, self.network)
            .map_err(|e| WalletError::BadAddress(e.to_string()))?;
        if address.owner == self.keys.owner {
            let own = "it is the institution's own".to_owned();
            return Err(WalletError::BadAddress(own));
        }
        Ok(address)
    }
}

/// A proposal of a loan is no quote to who asks for quotes.
fn no_loan(inner: &Inner, id: &Id) -> Result<(), WalletError> {
    match inner.state.book.quote(id) {
        Some(quote) if quote.is_loan() => Err(WalletError::NotFound),
        _ => Ok(()),
    }
}

pub(super) fn parse_id(text: &str) -> Result<Id, WalletError> {
    // The key was used for an operation, on another path: its request cannot be the same.
    text.parse().map_err(|_| WalletError::IdempotencyConflict)
}

fn seconds(what: &str, value: u64) -> Result<(), WalletError> {
    if (1..=LONGEST).contains(&value) {
        Ok(())
    } else {
        Err(WalletError::Malformed(format!(
            "{what}: 1 to {LONGEST} seconds"
        )))
    }
}

/// Checks how long a firm offer stands, and how long it may settle after that.
pub(super) fn offer_times(valid_for: u64, settle_within: u64) -> Result<(), WalletError> {
    seconds("valid_for", valid_for)?;
    seconds("settle_within", settle_within)?;
    seconds(
        "valid_for and settle_within together",
        valid_for.saturating_add(settle_within),
    )
}

fn one_asset() -> WalletError {
    WalletError::Malformed("give and want are one asset".into())
}

pub(super) fn refused_terms(error: TermsError) -> WalletError {
    match error {
        TermsError::SameAsset => one_asset(),
        TermsError::Nothing(_) => crate::amount::AmountError::Zero.into(),
        TermsError::SameOwner => WalletError::BadAddress("it is the institution's own".into()),
        TermsError::Expiry | TermsError::Positions | TermsError::Aux(_) => {
            WalletError::Malformed(error.to_string())
        }
    }
}
