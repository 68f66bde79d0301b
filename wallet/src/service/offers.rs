//! Firm offers, of swaps and of loans: one path for making, accepting and ending them.
//!
//! A swap is offered by a quote, a loan by a proposal. Both are a [`Deal`] in the book. Loans add
//! only their own checks of margins and names (see `loans`).

pub(super) mod notes;

use rand::{RngCore as _, rngs::OsRng};
use subrosa_protocol::{
    keys::Address,
    swap::{Side, TermsError},
};

use super::{
    Inner, Key, Wallet, new_id,
    operations::idempotency::{recall, remember},
};
use crate::{
    amount::AmountError,
    chain::Chain,
    error::WalletError,
    negotiation::{
        Book, Deal, Id, LONGEST, Letter, Quote, QuoteStatus, Times,
        book::{NewOffer, Refusal},
    },
    operation::Request,
    store::State,
};
use notes::leg_of;

/// An offer before its notes are chosen.
pub(super) struct Offer {
    /// Id of the quote or loan.
    pub(super) id: Id,
    /// The request that the offer answers.
    pub(super) rfq: Option<Id>,
    /// Receiver of the offer.
    pub(super) counterparty: Address,
    /// The offered swap or loan.
    pub(super) deal: Deal,
    /// Our side of it.
    pub(super) maker: Side,
    /// Lifetimes of the offer and of its legs.
    pub(super) times: Times,
}

impl Wallet {
    /// Makes a firm offer and reserves notes for it. If notes have to be merged first, the offer
    /// is sent when they are.
    ///
    /// # Errors
    /// [`WalletError`] naming the fault; nothing is stored or sent then.
    pub(super) fn offer(
        &self,
        inner: &mut Inner,
        offer: Offer,
        key: Key,
        now: u64,
    ) -> Result<(), WalletError> {
        let leg = *offer.deal.terms().exchange.leg(offer.maker);
        let notes = self.choose(inner, &leg_of(&offer.deal, offer.maker), &leg)?;
        let id = offer.id;
        let offer = NewOffer {
            id,
            rfq: offer.rfq,
            counterparty: offer.counterparty,
            deal: offer.deal,
            maker: offer.maker,
            times: offer.times,
            notes,
        };
        let letters = inner.state.book.offer(offer, now)?;
        self.conclude(inner, letters, key, &id)
    }

    /// Accepts an offer that was received: reserves notes, tells the counterparty, and starts our
    /// leg. `check` is asked about the offer first.
    ///
    /// # Errors
    /// [`WalletError`] naming the fault; nothing is stored or sent then.
    pub(super) fn accept_offer(
        &self,
        inner: &mut Inner,
        id: &Id,
        key: Key,
        check: impl FnOnce(&Inner, &Quote) -> Result<(), WalletError>,
    ) -> Result<(), WalletError> {
        if recall(&inner.state, &key)?.is_some() {
            return Ok(());
        }
        let now = self.now();
        let quote = inner.state.book.acceptable(id, now)?.clone();
        check(inner, &quote)?;
        let intent = leg_of(&quote.deal, quote.side());
        let notes = self.choose(inner, &intent, quote.gives())?;
        let letters = inner
            .state
            .book
            .accept(id, &new_id(), notes.unwrap_or_default(), now)?;
        self.start_leg(inner, id)?;
        self.conclude(inner, letters, key, id)
    }

    /// Starts the operation that carries our leg of an agreed swap or loan.
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

    /// Applies a decision on an offer or a request, once per key.
    pub(super) fn decide(
        &self,
        inner: &mut Inner,
        id: &Id,
        key: Key,
        decision: impl FnOnce(&mut Book) -> Result<Vec<Letter>, Refusal>,
    ) -> Result<(), WalletError> {
        if recall(&inner.state, &key)?.is_some() {
            return Ok(());
        }
        inner.state.book.tick(self.now());
        let letters = decision(&mut inner.state.book)?;
        self.conclude(inner, letters, key, id)
    }

    /// Stores a decision together with its messages, before any of them leaves.
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

    /// Parses a payee's address. It may be our own, but not our owner id with another's encryption
    /// key: whoever handed out such an address could read what we pay to ourselves.
    pub(super) fn payee(&self, text: &str) -> Result<Address, WalletError> {
        let address = Address::decode(text, self.network)
            .map_err(|e| WalletError::BadAddress(e.to_string()))?;
        if address.owner == self.keys.owner && address.pk != self.keys.pk {
            let text = "the address has this wallet's owner id, but another encryption key: ask \
                        the payee for its address again";
            return Err(WalletError::BadAddress(text.into()));
        }
        Ok(address)
    }

    /// Parses a counterparty's address. It must not be our own.
    pub(super) fn counterparty(&self, text: &str) -> Result<Address, WalletError> {
        let address = Address::decode(text, self.network)
            .map_err(|e| WalletError::BadAddress(e.to_string()))?;
        if address.owner == self.keys.owner {
            return Err(own_address());
        }
        Ok(address)
    }
}

/// Makes the chain look for the notes that a swap, or the opening of a loan, brings.
fn expect(chain: &mut Chain, deal: &Deal) {
    match deal.agreement() {
        Some(agreement) => chain.expect_opening(agreement),
        None => chain.expect_delivery(deal.terms()),
    }
}

/// Makes the chain look for the notes that agreed swaps and loans bring.
pub(super) fn expect_deliveries(chain: &mut Chain, state: &State) {
    let agreed = state.book.quotes();
    for quote in agreed.filter(|quote| quote.status == QuoteStatus::Accepted) {
        expect(chain, &quote.deal);
    }
}

/// Tosses a coin for our side of a swap. The side has no meaning, and so must reveal nothing.
pub(super) fn random_side() -> Side {
    Side::BOTH[(OsRng.next_u32() & 1) as usize]
}

/// Checks a duration that a request states.
pub(super) fn check_seconds(field: &str, value: u64) -> Result<(), WalletError> {
    if (1..=LONGEST).contains(&value) {
        Ok(())
    } else {
        Err(WalletError::Malformed(format!(
            "{field} must be 1 to {LONGEST} seconds"
        )))
    }
}

/// Checks the lifetimes of a firm offer and of its legs.
pub(super) fn check_times(times: Times) -> Result<(), WalletError> {
    check_seconds("valid_for", times.valid_for)?;
    check_seconds("settle_within", times.settle_within)?;
    check_seconds(
        "valid_for and settle_within together",
        times.valid_for.saturating_add(times.settle_within),
    )
}

/// Returns the error for an address that is our own.
pub(super) fn own_address() -> WalletError {
    WalletError::BadAddress("it is the institution's own address".into())
}

/// Returns the error for a swap of an asset for itself.
pub(super) fn one_asset() -> WalletError {
    WalletError::Malformed("give and want must be different assets".into())
}

/// Maps refused terms to the error that the user sees.
pub(super) fn refused_terms(error: TermsError) -> WalletError {
    match error {
        TermsError::SameAsset => one_asset(),
        TermsError::Nothing(_) => AmountError::Zero.into(),
        TermsError::SameOwner => own_address(),
        TermsError::Expiry | TermsError::Positions | TermsError::Aux(_) => {
            WalletError::Malformed(error.to_string())
        }
    }
}
