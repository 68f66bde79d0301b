//! Requests, quotes and swaps as the gateway shows them.

use subrosa_protocol::{asset::AssetId, swap::Leg};
use tokio::sync::watch;

use super::{Inner, ShownAsset, Wallet};
use crate::{
    error::WalletError,
    negotiation::{Id, Quote, Rfq, events::Event, records::Standing},
};

/// An asset with an amount, base units, where there is one.
#[derive(Clone)]
pub struct Priced {
    /// The asset.
    pub asset: ShownAsset,
    /// Base units.
    pub amount: Option<u128>,
}

/// A request as the gateway shows it.
#[derive(Clone)]
pub struct RfqLine {
    /// What is kept of it.
    pub rfq: Rfq,
    /// Addresses.
    pub counterparties: Vec<String>,
    /// What the institution would give.
    pub give: Priced,
    /// What it would receive.
    pub want: Priced,
}

/// A quote, and the swap that it becomes, as the gateway shows it.
#[derive(Clone)]
pub struct QuoteLine {
    /// What is kept of it.
    pub quote: Quote,
    /// Address.
    pub counterparty: String,
    /// What the institution delivers.
    pub give: Priced,
    /// What it receives.
    pub want: Priced,
    /// Where the swap stands.
    pub standing: Standing,
}

impl Wallet {
    /// All requests, oldest first.
    pub async fn rfqs(&self) -> Vec<RfqLine> {
        let inner = self.inner.lock().await;
        let mut rfqs: Vec<&Rfq> = inner.state.book.rfqs().collect();
        rfqs.sort_by_key(|rfq| (rfq.created, rfq.id));
        rfqs.into_iter()
            .filter_map(|rfq| show_rfq(self, &inner, rfq))
            .collect()
    }

    /// A request.
    ///
    /// # Errors
    /// [`WalletError::NotFound`].
    pub async fn rfq(&self, id: &Id) -> Result<RfqLine, WalletError> {
        rfq_line(self, &*self.inner.lock().await, id)
    }

    /// All quotes, oldest first; only those that are swaps, if asked so.
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

    /// A quote.
    ///
    /// # Errors
    /// [`WalletError::NotFound`].
    pub async fn quote_by_id(&self, id: &Id) -> Result<QuoteLine, WalletError> {
        quote_line(self, &*self.inner.lock().await, id)
    }

    /// Events from a number on, as far as they are kept, and the number of the newest.
    pub async fn events(&self, from: u64) -> Vec<Event> {
        self.inner.lock().await.state.book.events().from(from)
    }

    /// Follows the number of the newest event.
    #[must_use]
    pub fn newest_event(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }
}

fn priced(inner: &Inner, (asset, amount): (AssetId, Option<u128>)) -> Option<Priced> {
    let asset = inner
        .shown
        .iter()
        .find(|shown| shown.id == asset)
        .cloned()?;
    Some(Priced { asset, amount })
}

fn show_rfq(wallet: &Wallet, inner: &Inner, rfq: &Rfq) -> Option<RfqLine> {
    let parties = rfq.counterparties.iter();
    Some(RfqLine {
        counterparties: parties
            .map(|party| party.address.encode(wallet.network))
            .collect(),
        give: priced(inner, rfq.gives())?,
        want: priced(inner, rfq.wants())?,
        rfq: rfq.clone(),
    })
}

fn show_quote(wallet: &Wallet, inner: &Inner, quote: &Quote) -> Option<QuoteLine> {
    let leg = |leg: &Leg| priced(inner, (leg.asset, Some(leg.value)));
    let carrier = quote.operation.as_ref();
    let carrier = carrier.and_then(|id| inner.state.operations.iter().find(|o| o.id == *id));
    Some(QuoteLine {
        counterparty: quote.counterparty.encode(wallet.network),
        give: leg(quote.gives())?,
        want: leg(quote.wants())?,
        standing: quote.swap(carrier),
        quote: quote.clone(),
    })
}

pub(super) fn rfq_line(wallet: &Wallet, inner: &Inner, id: &Id) -> Result<RfqLine, WalletError> {
    let rfq = inner.state.book.rfq(id);
    rfq.and_then(|rfq| show_rfq(wallet, inner, rfq))
        .ok_or(WalletError::NotFound)
}

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
