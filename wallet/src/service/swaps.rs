//! Swaps: requests for quotes, quotes, and decisions on them.

pub(super) mod view;

use rand::rngs::OsRng;
use subrosa_protocol::{
    asset::AssetId,
    keys::Address,
    swap::{self, Exchange, Leg, Salt},
};

use super::{
    Inner, Key, Wallet,
    offers::{Offer, check_seconds, check_times, one_asset, random_side, refused_terms},
    operations::idempotency::{recall, recall_id},
};
use crate::{
    error::WalletError,
    negotiation::{Deal, Fixed, Id, MAX_COUNTERPARTIES, Times, book::Refusal, payload},
    times::up,
};
use view::{QuoteLine, RfqLine, quote_line, rfq_line};

/// A request for quotes, as the institution makes it.
pub struct Inquiry {
    /// Addresses of the counterparties, encoded.
    pub counterparties: Vec<String>,
    /// Asset that the institution would give.
    pub give: AssetId,
    /// Asset that it would receive.
    pub want: AssetId,
    /// Asset whose amount is fixed.
    pub fixed: Fixed,
    /// Base units.
    pub amount: u128,
    /// Lifetime, seconds.
    pub expires_in: u64,
}

/// The receiver of a quote.
pub enum Occasion {
    /// The maker of this request.
    Rfq(Id),
    /// This address, encoded.
    To(String),
}

/// A firm offer of a swap, as the institution makes it.
pub struct Order {
    /// Receiver of the offer.
    pub occasion: Occasion,
    /// Leg that the institution delivers.
    pub give: Leg,
    /// Leg that it receives.
    pub want: Leg,
    /// Seconds within which the offer can be accepted.
    pub valid_for: u64,
    /// Seconds after that within which the legs can settle.
    pub settle_within: u64,
}

impl Wallet {
    /// Asks counterparties for quotes.
    ///
    /// # Errors
    /// [`WalletError`] naming the fault; nothing is stored or sent then.
    pub async fn inquire(&self, inquiry: Inquiry, key: Key) -> Result<RfqLine, WalletError> {
        let mut inner = self.inner.lock().await;
        if let Some(id) = recall_id(&inner.state, &key)? {
            return rfq_line(self, &inner, &id);
        }
        let mut to: Vec<Address> = Vec::new();
        for text in &inquiry.counterparties {
            let address = self.counterparty(text)?;
            if to.contains(&address) {
                let twice = "counterparties must not name the same address twice";
                return Err(WalletError::BadAddress(twice.into()));
            }
            to.push(address);
        }
        if to.is_empty() || to.len() > MAX_COUNTERPARTIES {
            let range = format!("counterparties must hold 1 to {MAX_COUNTERPARTIES} addresses");
            return Err(WalletError::Malformed(range));
        }
        if inquiry.give == inquiry.want {
            return Err(one_asset());
        }
        check_seconds("expires_in", inquiry.expires_in)?;
        let now = self.now();
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

    /// Makes a firm offer of a swap and reserves notes for it. If notes have to be merged first,
    /// the offer is sent when they are.
    ///
    /// # Errors
    /// [`WalletError`] naming the fault; nothing is stored or sent then.
    pub async fn quote(&self, order: Order, key: Key) -> Result<QuoteLine, WalletError> {
        let mut inner = self.inner.lock().await;
        if let Some(id) = recall_id(&inner.state, &key)? {
            return quote_line(self, &inner, &id);
        }
        let times = Times {
            valid_for: order.valid_for,
            settle_within: order.settle_within,
        };
        check_times(times)?;
        let now = self.now();
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
        let maker = random_side();
        let (mut legs, mut receivers) = ([order.give; 2], [counterparty; 2]);
        legs[maker.other().index()] = order.want;
        receivers[maker.other().index()] = self.keys.address();
        let exchange = Exchange {
            legs,
            salt: Salt::random(&mut OsRng),
        };
        let expiry = up(now + times.valid_for + times.settle_within);
        let terms = swap::Terms::new(exchange, receivers, expiry).map_err(refused_terms)?;
        let id = Id::random(&mut OsRng);
        let offer = Offer {
            id,
            rfq,
            counterparty,
            deal: Deal::swap(terms),
            maker,
            times,
        };
        self.offer(&mut inner, offer, key, now)?;
        quote_line(self, &inner, &id)
    }

    /// Accepts a quote: reserves notes, tells the counterparty, and starts our leg.
    ///
    /// # Errors
    /// [`WalletError`] naming the fault; nothing is stored or sent then.
    pub async fn accept(&self, id: &Id, key: Key) -> Result<QuoteLine, WalletError> {
        let mut inner = self.inner.lock().await;
        if recall(&inner.state, &key)?.is_none() {
            not_a_loan(&inner, id)?;
        }
        self.accept_offer(&mut inner, id, key, |_, _| Ok(()))?;
        quote_line(self, &inner, id)
    }

    /// Declines a quote that was received.
    ///
    /// # Errors
    /// [`WalletError::NotFound`] or [`WalletError::WrongState`].
    pub async fn decline_quote(&self, id: &Id, key: Key) -> Result<QuoteLine, WalletError> {
        let mut inner = self.inner.lock().await;
        not_a_loan(&inner, id)?;
        self.decide(&mut inner, id, key, |book| book.decline_quote(id))?;
        quote_line(self, &inner, id)
    }

    /// Cancels a quote of our own.
    ///
    /// # Errors
    /// [`WalletError::NotFound`] or [`WalletError::WrongState`].
    pub async fn cancel_quote(&self, id: &Id, key: Key) -> Result<QuoteLine, WalletError> {
        let mut inner = self.inner.lock().await;
        not_a_loan(&inner, id)?;
        self.decide(&mut inner, id, key, |book| book.cancel_quote(id))?;
        quote_line(self, &inner, id)
    }

    /// Declines a request that was received.
    ///
    /// # Errors
    /// [`WalletError::NotFound`] or [`WalletError::WrongState`].
    pub async fn decline_rfq(&self, id: &Id, key: Key) -> Result<RfqLine, WalletError> {
        let mut inner = self.inner.lock().await;
        self.decide(&mut inner, id, key, |book| book.decline_rfq(id))?;
        rfq_line(self, &inner, id)
    }

    /// Cancels a request of our own.
    ///
    /// # Errors
    /// [`WalletError::NotFound`] or [`WalletError::WrongState`].
    pub async fn cancel_rfq(&self, id: &Id, key: Key) -> Result<RfqLine, WalletError> {
        let mut inner = self.inner.lock().await;
        self.decide(&mut inner, id, key, |book| book.cancel_rfq(id))?;
        rfq_line(self, &inner, id)
    }
}

/// Checks that an id does not name a proposal of a loan: the paths of quotes do not show those.
fn not_a_loan(inner: &Inner, id: &Id) -> Result<(), WalletError> {
    match inner.state.book.quote(id) {
        Some(quote) if quote.is_loan() => Err(WalletError::NotFound),
        _ => Ok(()),
    }
}
