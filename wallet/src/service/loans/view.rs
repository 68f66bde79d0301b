//! Loans and markets as the gateway shows them.

use std::collections::BTreeSet;

use subrosa_protocol::{
    loan::{End, Loan},
    market::{Market, Price},
};

use super::super::{AssetAmount, Inner, ShownAsset, Wallet, addresses::Addresses};
use crate::{
    error::WalletError,
    failure::Failure,
    loans::{Health, HeldLoan, Role},
    negotiation::{Id, Quote, QuoteStatus, SwapStatus, records::Standing},
};

/// A loan, or a proposal of one, as the gateway shows it.
#[derive(Clone)]
pub struct LoanLine {
    /// Name of the loan.
    pub id: Id,
    /// Role of the institution.
    pub role: Role,
    /// Owner id of the other party, 0x hex. A restored wallet shows the same.
    pub counterparty: String,
    /// Address of the other party, encoded, if the wallet has learnt it.
    pub counterparty_address: Option<String>,
    /// Collateral in the position now.
    pub collateral: AssetAmount,
    /// The principal.
    pub debt: AssetAmount,
    /// Debt now, base units; 0 after the end, `None` before the opening.
    pub owed: Option<u128>,
    /// The agreed loan.
    pub loan: Loan,
    /// Last second at which it can be opened. `None` if a restored wallet found the loan on the
    /// chain.
    pub expiry: Option<u64>,
    /// The operation of the open step; before the opening, the operation of our leg.
    pub operation: Option<String>,
    /// Batch of the last step.
    pub batch: Option<u64>,
    /// Margins, while the loan is open and its market has a price.
    pub health: Option<Health>,
    /// Status in the interface.
    pub status: &'static str,
    /// The reason why it was not opened.
    pub failure: Option<Failure>,
    /// Unix seconds.
    pub created: u64,
}

/// A market of the latest snapshot as the gateway shows it.
#[derive(Clone)]
pub struct MarketLine {
    /// Number of the market.
    pub id: u8,
    /// Asset of the collateral.
    pub collateral: ShownAsset,
    /// Asset of the debt.
    pub debt: ShownAsset,
    /// Margins and limits.
    pub market: Market,
    /// Base units of debt that 10¹⁸ base units of collateral are worth.
    pub price: Option<Price>,
    /// Time of the snapshot, Unix seconds.
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
    /// Returns all loans and proposals, oldest first.
    pub async fn loans(&self) -> Vec<LoanLine> {
        let inner = self.inner.lock().await;
        let held = inner.chain.loans().iter();
        let quotes = inner.state.book.quotes().filter(|quote| quote.is_loan());
        let ids: BTreeSet<Id> = held
            .filter_map(|held| Id::from_bytes(held.loan.id()))
            .chain(quotes.map(|quote| quote.id))
            .collect();
        let addresses = Addresses::known(&inner.state, self.keys.address(), self.network);
        let mut lines: Vec<LoanLine> = ids
            .iter()
            .filter_map(|id| find_line(self, &inner, &addresses, id))
            .collect();
        lines.sort_by_key(|line| (line.created, line.id));
        lines
    }

    /// Returns a loan or a proposal.
    ///
    /// # Errors
    /// [`WalletError::NotFound`].
    pub async fn loan(&self, id: &Id) -> Result<LoanLine, WalletError> {
        loan_line(self, &*self.inner.lock().await, id)
    }

    /// Returns the markets of the latest snapshot.
    pub async fn markets(&self) -> Vec<MarketLine> {
        let inner = self.inner.lock().await;
        let Some(snapshot) = &inner.snapshot else {
            return Vec::new();
        };
        let markets = (0u8..).zip(&snapshot.markets.0);
        markets
            .filter_map(|(id, market)| {
                let market = (*market)?;
                Some(MarketLine {
                    id,
                    collateral: inner.shown_asset(market.collateral)?,
                    debt: inner.shown_asset(market.debt)?,
                    price: snapshot.market_with_price(id).map(|(_, price)| price),
                    time: snapshot.time,
                    market,
                })
            })
            .collect()
    }
}

/// Returns a loan as the chain shows it, or else as it was negotiated.
pub(super) fn loan_line(wallet: &Wallet, inner: &Inner, id: &Id) -> Result<LoanLine, WalletError> {
    let addresses = Addresses::known(&inner.state, wallet.keys.address(), wallet.network);
    find_line(wallet, inner, &addresses, id).ok_or(WalletError::NotFound)
}

fn find_line(wallet: &Wallet, inner: &Inner, addresses: &Addresses, id: &Id) -> Option<LoanLine> {
    let held = inner.chain.loan(id.as_bytes());
    let quote = inner.state.book.quote(id).filter(|quote| quote.is_loan());
    match held {
        Some(held) => open_line(wallet, inner, addresses, id, held, quote),
        None => quote.and_then(|quote| proposed_line(wallet, inner, quote)),
    }
}

fn open_line(
    wallet: &Wallet,
    inner: &Inner,
    addresses: &Addresses,
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
            loan.owed(&held.position.debt, wallet.now().max(inner.chain.time()))?,
        ),
    };
    let left = match held.end {
        Some(_) => 0,
        None => held.position.collateral,
    };
    Some(LoanLine {
        id: *id,
        role: held.role,
        counterparty: held.counterparty().to_string(),
        counterparty_address: addresses.of(&held.counterparty()),
        collateral: inner.shown_amount(loan.collateral, Some(left))?,
        debt: inner.shown_amount(loan.debt, Some(loan.principal))?,
        owed: Some(owed),
        loan: loan.clone(),
        expiry: quote.map(|quote| quote.deal.terms().expiry),
        operation: inner.open_step(id).map(|operation| operation.id.clone()),
        batch: Some(held.batch),
        health: Health::of(held, &inner.step_context(wallet.now())),
        status,
        failure: None,
        created: quote.map_or(held.opened, |quote| quote.created),
    })
}

fn proposed_line(wallet: &Wallet, inner: &Inner, quote: &Quote) -> Option<LoanLine> {
    let agreement = quote.deal.agreement()?;
    let loan = &agreement.loan;
    let Standing {
        status, failure, ..
    } = quote.swap(inner.state.carrier(quote));
    let status = match status {
        SwapStatus::Offered if quote.status == QuoteStatus::Preparing => "preparing",
        SwapStatus::Offered => "proposed",
        SwapStatus::Agreed => "agreed",
        // A batch includes it, but the wallet has not read that batch yet.
        SwapStatus::Submitted | SwapStatus::Included | SwapStatus::Settled => "submitted",
        SwapStatus::Declined => "declined",
        SwapStatus::Cancelled => "cancelled",
        SwapStatus::Expired => "expired",
        SwapStatus::Failed => "failed",
    };
    Some(LoanLine {
        id: quote.id,
        role: Role::of(&wallet.keys.owner, loan)?,
        counterparty: quote.counterparty.owner.to_string(),
        counterparty_address: Some(quote.counterparty.encode(wallet.network)),
        collateral: inner.shown_amount(loan.collateral, Some(agreement.collateral))?,
        debt: inner.shown_amount(loan.debt, Some(loan.principal))?,
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
