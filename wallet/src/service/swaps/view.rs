//! Requests, quotes and swaps as the gateway shows them.

use subrosa_protocol::swap::Leg;
use tokio::sync::watch;

use super::super::{AssetAmount, Inner, Wallet};
use crate::{
    error::WalletError,
    negotiation::{Id, Quote, Rfq, events::Event, records::Standing},
};

/// A request as the gateway shows it.
#[derive(Clone)]
pub struct RfqLine {
    /// The stored request.
    pub rfq: Rfq,
    /// Addresses of the counterparties, encoded.
    pub counterparties: Vec<String>,
    /// Asset that the institution would give.
    pub give: AssetAmount,
    /// Asset that it would receive.
    pub want: AssetAmount,
}

/// A quote, and the swap that it becomes, as the gateway shows it.
#[derive(Clone)]
pub struct QuoteLine {
    /// The stored quote.
    pub quote: Quote,
    /// Owner id of the counterparty, 0x hex.
    pub counterparty: String,
    /// Address of the counterparty, encoded.
    pub counterparty_address: String,
    /// Amount that the institution delivers.
    pub give: AssetAmount,
    /// Amount that it receives.
    pub want: AssetAmount,
    /// Progress of the swap.
    pub standing: Standing,
}

impl Wallet {
    /// Returns all requests, oldest first.
    pub async fn rfqs(&self) -> Vec<RfqLine> {
        let inner = self.inner.lock().await;
        let mut rfqs: Vec<&Rfq> = inner.state.book.rfqs().collect();
        rfqs.sort_by_key(|rfq| (rfq.created, rfq.id));
        rfqs.into_iter()
            .filter_map(|rfq| show_rfq(self, &inner, rfq))
            .collect()
    }

    /// Returns a request.
    ///
    /// # Errors
    /// [`WalletError::NotFound`].
    pub async fn rfq(&self, id: &Id) -> Result<RfqLine, WalletError> {
        rfq_line(self, &*self.inner.lock().await, id)
    }

    /// Returns all quotes, or only those that are shown as swaps, oldest first.
    pub async fn quotes(&self, swaps: bool) -> Vec<QuoteLine> {
        let inner = self.inner.lock().await;
        let quotes = inner.state.book.quotes();
        let mut quotes: Vec<&Quote> = quotes
            .filter(|quote| !quote.is_loan() && (!swaps || quote.is_swap()))
            .collect();
        quotes.sort_by_key(|quote| (quote.created, quote.id));
        quotes
            .into_iter()
            .filter_map(|quote| show_quote(self, &inner, quote))
            .collect()
    }

    /// Returns a quote.
    ///
    /// # Errors
    /// [`WalletError::NotFound`].
    pub async fn quote_by_id(&self, id: &Id) -> Result<QuoteLine, WalletError> {
        quote_line(self, &*self.inner.lock().await, id)
    }

    /// Returns the stored events from number `from` on.
    pub async fn events(&self, from: u64) -> Vec<Event> {
        self.inner.lock().await.state.book.events().from(from)
    }

    /// Follows the number of the newest event.
    #[must_use]
    pub fn newest_event(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }
}

fn show_rfq(wallet: &Wallet, inner: &Inner, rfq: &Rfq) -> Option<RfqLine> {
    let parties = rfq.counterparties.iter();
    let ((given, offered), (wanted, asked)) = (rfq.gives(), rfq.wants());
    Some(RfqLine {
        counterparties: parties
            .map(|party| party.address.encode(wallet.network))
            .collect(),
        give: inner.shown_amount(given, offered)?,
        want: inner.shown_amount(wanted, asked)?,
        rfq: rfq.clone(),
    })
}

fn show_quote(wallet: &Wallet, inner: &Inner, quote: &Quote) -> Option<QuoteLine> {
    let leg = |leg: &Leg| inner.shown_amount(leg.asset, Some(leg.value));
    Some(QuoteLine {
        counterparty: quote.counterparty.owner.to_string(),
        counterparty_address: quote.counterparty.encode(wallet.network),
        give: leg(quote.gives())?,
        want: leg(quote.wants())?,
        standing: quote.swap(inner.state.carrier(quote)),
        quote: quote.clone(),
    })
}

/// Returns a request as it is shown.
pub(super) fn rfq_line(wallet: &Wallet, inner: &Inner, id: &Id) -> Result<RfqLine, WalletError> {
    let rfq = inner.state.book.rfq(id);
    rfq.and_then(|rfq| show_rfq(wallet, inner, rfq))
        .ok_or(WalletError::NotFound)
}

/// Returns a quote as it is shown. Proposals of loans are left out.
pub(super) fn quote_line(
    wallet: &Wallet,
    inner: &Inner,
    id: &Id,
) -> Result<QuoteLine, WalletError> {
    let quote = inner.state.book.quote(id).filter(|quote| !quote.is_loan());
    quote
        .and_then(|quote| show_quote(wallet, inner, quote))
        .ok_or(WalletError::NotFound)
}
