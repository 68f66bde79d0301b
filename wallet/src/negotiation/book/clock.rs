//! Effects of time: expiry, events, and forgetting.

use std::collections::HashMap;

use super::{
    super::{
        Id, KEPT,
        events::Subject,
        records::{QuoteStatus, RfqStatus, SwapStatus},
    },
    Book,
};
use crate::operation::Operation;

impl Book {
    /// Ends requests and quotes that have expired. Returns whether there were any.
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

    /// Adds events about changes since the last call, and forgets objects that ended long ago.
    /// Accepted quotes are kept: the chain search needs their terms.
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
                let (subject, status) = match (quote.is_loan(), quote.status) {
                    (false, status) => (Subject::Quote, status.name()),
                    (true, QuoteStatus::Offered) => (Subject::Loan, "proposed"),
                    (true, QuoteStatus::Accepted) => (Subject::Loan, "agreed"),
                    (true, status) => (Subject::Loan, status.name()),
                };
                events.push(subject, quote.id, status, now);
            }
            if quote.is_loan() {
                // Progress of the opening, as far as the chain does not report it.
                let carrier = quote.operation.as_deref();
                let carrier = carrier.and_then(|id| operations.get(id).copied());
                let status = quote.swap(carrier).status;
                let news = quote.told.1.replace(status) != Some(status);
                let told = matches!(status, SwapStatus::Submitted | SwapStatus::Failed)
                    || (status == SwapStatus::Expired && quote.status == QuoteStatus::Accepted);
                if news && told {
                    events.push(Subject::Loan, quote.id, status.name(), now);
                }
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

/// Returns all but the newest [`KEPT`].
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
