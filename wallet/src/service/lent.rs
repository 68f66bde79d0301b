//! Loans and markets as the gateway shows them.

use std::collections::BTreeSet;

use subrosa_protocol::{
    asset::AssetId,
    loan::{End, Loan},
    market::Market,
};

use super::{
    Inner, Priced, ShownAsset, Wallet,
    lending::{ground, stepping},
    now,
};
use crate::{
    error::{Failure, WalletError},
    loans::{Health, HeldLoan, Role},
    negotiation::{Id, Quote, QuoteStatus, SwapStatus, records::Standing},
};

/// A loan, or a proposal of one, as the gateway shows it.
#[derive(Clone)]
pub struct LoanLine {
    /// Its name.
    pub id: Id,
    /// Which party the institution is.
    pub role: Role,
    /// Address of the other party.
    pub counterparty: String,
    /// What secures it now.
    pub collateral: Priced,
    /// The principal.
    pub debt: Priced,
    /// What is owed now, base units of the debt; 0 when it ended, `None` before it is opened.
    pub owed: Option<u128>,
    /// What was agreed.
    pub loan: Loan,
    /// Last second at which it may be opened, of a loan that was negotiated with this wallet's memory.
    pub expiry: Option<u64>,
    /// The operation of the step that is on its way; before the opening, of our leg.
    pub operation: Option<String>,
    /// The batch of the last step.
    pub batch: Option<u64>,
    /// How well it is secured, while it is open and there is a price.
    pub health: Option<Health>,
    /// Where it stands.
    pub status: &'static str,
    /// Why it was not opened.
    pub failure: Option<Failure>,
    /// Unix seconds.
    pub created: u64,
}

/// A market of the latest snapshot as the gateway shows it.
#[derive(Clone)]
pub struct MarketLine {
    /// Its number.
    pub id: u8,
    /// What secures.
    pub collateral: ShownAsset,
    /// What is owed.
    pub debt: ShownAsset,
    /// Margins.
    pub market: Market,
    /// Base units of debt that 10¹⁸ base units of collateral are worth.
    pub price: Option<u128>,
    /// When the snapshot was taken, Unix seconds.
    pub time: u64,
}

impl std::fmt::Debug for LoanLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoanLine")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for MarketLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MarketLine")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Wallet {
    /// All loans and proposals, oldest first.
    pub async fn loans(&self) -> Vec<LoanLine> {
        let inner = self.inner.lock().await;
        let held = inner.chain.loans().iter();
        let quotes = inner.state.book.quotes().filter(|quote| quote.is_loan());
        let ids: BTreeSet<Id> = held
            .filter_map(|held| Id::from_bytes(held.loan.id()))
            .chain(quotes.map(|quote| quote.id))
            .collect();
        let lines = ids.iter().filter_map(|id| loan_line(self, &inner, id).ok());
        let mut lines: Vec<LoanLine> = lines.collect();
        lines.sort_by_key(|line| (line.created, line.id));
        lines
    }

    /// A loan, or a proposal.
    ///
    /// # Errors
    /// [`WalletError::NotFound`].
    pub async fn loan(&self, id: &Id) -> Result<LoanLine, WalletError> {
        loan_line(self, &*self.inner.lock().await, id)
    }

    /// Markets of the latest snapshot.
    pub async fn markets(&self) -> Vec<MarketLine> {
        let inner = self.inner.lock().await;
        let Some(snapshot) = &inner.snapshot else {
            return Vec::new();
        };
        let shown = |asset| shown(&inner, asset);
        let markets = (0u8..).zip(&snapshot.markets.0);
        markets
            .filter_map(|(id, market)| {
                let market = (*market)?;
                Some(MarketLine {
                    id,
                    collateral: shown(market.collateral)?,
                    debt: shown(market.debt)?,
                    price: snapshot.priced(id).map(|(_, price)| price),
                    time: snapshot.time,
                    market,
                })
            })
            .collect()
    }
}

fn shown(inner: &Inner, asset: AssetId) -> Option<ShownAsset> {
    let mut all = inner.shown.iter();
    all.find(|shown| shown.id == asset).cloned()
}

/// A loan as the chain shows it, or else as it was negotiated.
pub(super) fn loan_line(wallet: &Wallet, inner: &Inner, id: &Id) -> Result<LoanLine, WalletError> {
    let held = inner.chain.loan(id.as_bytes());
    let quote = inner.state.book.quote(id).filter(|quote| quote.is_loan());
    let line = match held {
        Some(held) => open_line(wallet, inner, id, held, quote),
        None => quote.and_then(|quote| proposed_line(wallet, inner, quote)),
    };
    line.ok_or(WalletError::NotFound)
}

fn open_line(
    wallet: &Wallet,
    inner: &Inner,
    id: &Id,
    held: &HeldLoan,
    quote: Option<&Quote>,
) -> Option<LoanLine> {
    let loan = &held.loan;
    let (status, owed) = match held.end {
        Some(End::Closed) => ("closed", 0),
        Some(End::Liquidated) => ("liquidated", 0),
        None => (
            "open",
            loan.owed(&held.position.debt, now().max(inner.chain.time()))?,
        ),
    };
    let left = match held.end {
        Some(_) => 0,
        None => held.position.collateral,
    };
    Some(LoanLine {
        id: *id,
        role: held.role,
        counterparty: held.counterparty().encode(wallet.network),
        collateral: Priced {
            asset: shown(inner, loan.collateral)?,
            amount: Some(left),
        },
        debt: Priced {
            asset: shown(inner, loan.debt)?,
            amount: Some(loan.principal),
        },
        owed: Some(owed),
        loan: loan.clone(),
        expiry: quote.map(|quote| quote.deal.terms().expiry),
        operation: stepping(inner, id).map(|operation| operation.id.clone()),
        batch: Some(held.batch),
        health: Health::of(held, &ground(inner)),
        status,
        failure: None,
        created: quote.map_or(held.opened, |quote| quote.created),
    })
}

fn proposed_line(wallet: &Wallet, inner: &Inner, quote: &Quote) -> Option<LoanLine> {
    let agreement = quote.deal.agreement()?;
    let loan = &agreement.loan;
    let carrier = quote.operation.as_ref();
    let carrier = carrier.and_then(|id| inner.state.operations.iter().find(|o| o.id == *id));
    let Standing {
        status, failure, ..
    } = quote.swap(carrier);
    let status = match status {
        SwapStatus::Offered if quote.status == QuoteStatus::Preparing => "preparing",
        SwapStatus::Offered => "proposed",
        SwapStatus::Agreed => "agreed",
        // In a batch, but the chain is not read that far.
        SwapStatus::Submitted | SwapStatus::Included | SwapStatus::Settled => "submitted",
        SwapStatus::Declined => "declined",
        SwapStatus::Cancelled => "cancelled",
        SwapStatus::Expired => "expired",
        SwapStatus::Failed => "failed",
    };
    Some(LoanLine {
        id: quote.id,
        role: Role::of(&wallet.keys.owner, loan)?,
        counterparty: quote.counterparty.encode(wallet.network),
        collateral: Priced {
            asset: shown(inner, loan.collateral)?,
            amount: Some(agreement.collateral),
        },
        debt: Priced {
            asset: shown(inner, loan.debt)?,
            amount: Some(loan.principal),
        },
        owed: None,
        loan: loan.clone(),
        expiry: Some(agreement.expiry),
        operation: quote.operation.clone(),
        batch: None,
        health: None,
        status,
        failure,
        created: quote.created,
    })
}
