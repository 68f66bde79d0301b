//! Bodies of requests and answers about swaps.

pub(super) use subrosa_client::gateway::{
    AmountRequest, AmountView, QuoteRequest, QuoteView, RfqRequest, RfqView, SwapRequest, SwapView,
};

use crate::{
    amount::format,
    service::{Priced, QuoteLine, RfqLine},
};

impl From<Priced> for AmountView {
    fn from(priced: Priced) -> Self {
        let decimals = priced.asset.token.decimals;
        Self {
            amount: priced.amount.map(|amount| format(amount, decimals)),
            asset: priced.asset.into(),
        }
    }
}

impl From<RfqLine> for RfqView {
    fn from(line: RfqLine) -> Self {
        Self {
            id: line.rfq.id.to_string(),
            direction: line.rfq.direction.name().to_owned(),
            counterparties: line.counterparties,
            give: line.give.into(),
            want: line.want.into(),
            expires: line.rfq.expires,
            quotes: line.rfq.quotes.iter().map(ToString::to_string).collect(),
            status: line.rfq.status.name().to_owned(),
            created: line.rfq.created,
        }
    }
}

impl From<QuoteLine> for QuoteView {
    fn from(line: QuoteLine) -> Self {
        Self {
            id: line.quote.id.to_string(),
            rfq: line.quote.rfq.map(|id| id.to_string()),
            direction: line.quote.direction.name().to_owned(),
            counterparty: line.counterparty,
            counterparty_address: line.counterparty_address,
            give: line.give.into(),
            want: line.want.into(),
            valid_until: line.quote.valid_until,
            expiry: line.quote.deal.terms().expiry,
            status: line.quote.status.name().to_owned(),
            created: line.quote.created,
        }
    }
}

impl From<QuoteLine> for SwapView {
    fn from(line: QuoteLine) -> Self {
        Self {
            id: line.quote.id.to_string(),
            counterparty: line.counterparty,
            counterparty_address: line.counterparty_address,
            give: line.give.into(),
            want: line.want.into(),
            expiry: line.quote.deal.terms().expiry,
            operation: line.quote.operation,
            batch: line.standing.batch,
            status: line.standing.status.name().to_owned(),
            failure: line.standing.failure.map(Into::into),
            created: line.quote.created,
        }
    }
}
