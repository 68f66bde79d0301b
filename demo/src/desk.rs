//! The trading desks: every trade of the file, negotiated and settled through the wallets'
//! gateways.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures::{StreamExt as _, future::join, stream};
use subrosa_client::{
    ClientError, GatewayClient,
    gateway::{AmountRequest, QuoteRequest, QuoteView, RfqRequest, SwapRequest, SwapView},
};

use crate::{
    account::Delivery,
    progress::Bars,
    requests::{amount, open_amount},
    trades::{Course, Fixed, Trade},
    world::World,
};

/// Trades that are negotiated at once.
const DESKS: usize = 12;
/// Longest wait of a trade for notes, messages and batches.
const PATIENCE: Duration = Duration::from_secs(420);
const POLL: Duration = Duration::from_millis(150);

/// Times of a negotiation, in seconds.
#[derive(Clone, Copy)]
struct Times {
    /// Life of the request.
    request: u64,
    /// Time in which the quote may be accepted.
    quote: u64,
    /// Time after that in which the legs may settle.
    settle: u64,
}

const OPEN: Times = Times {
    request: 600,
    quote: 400,
    settle: 600,
};
/// For quotes that are meant to expire.
const SHORT: Times = Times {
    request: 600,
    quote: 10,
    settle: 10,
};

/// End of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Both deliveries are on L1.
    Settled,
    /// The quote or the request was declined.
    Declined,
    /// The quote was withdrawn.
    Cancelled,
    /// Time ran out for the quote, or for a leg whose counterpart never came.
    Expired,
}

/// Trade and its end.
pub(crate) struct Outcome {
    /// The trade. Its quoter is the one whose quote was taken.
    pub(crate) trade: Trade,
    /// How it ended.
    pub(crate) end: End,
    /// Time from the acceptance to the batch, for settled trades.
    pub(crate) latency: Option<Duration>,
    /// Acceptances that were refused because their notes had been promised.
    pub(crate) lost_races: usize,
}

/// Carries out all trades, a few at a time, in the order of the file.
pub(crate) async fn carry_out(
    world: &World,
    trades: &[Trade],
    bars: &Bars,
) -> anyhow::Result<Vec<Outcome>> {
    let bar = bars.counter("trades ended", trades.len() as u64);
    let mut outcomes: Vec<(usize, anyhow::Result<Outcome>)> = stream::iter(trades.iter().zip(1..))
        .map(|(trade, number)| {
            let bar = &bar;
            async move {
                let outcome = negotiate(world, trade, number)
                    .await
                    .with_context(|| format!("trade {number} ({})", trade.describe()));
                bar.inc();
                (number, outcome)
            }
        })
        .buffer_unordered(DESKS)
        .collect()
        .await;
    bar.finish();
    outcomes.sort_by_key(|(number, _)| *number);
    let (ended, failed): (Vec<_>, Vec<_>) = outcomes
        .into_iter()
        .map(|(_, outcome)| outcome)
        .partition(Result::is_ok);
    // All failures are named, not only the first.
    let failed: Vec<String> = failed
        .into_iter()
        .filter_map(|outcome| outcome.err().map(|error| format!("{error:#}")))
        .collect();
    ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(ended.into_iter().flatten().collect())
}

/// Returns the deliveries of the settled trades.
pub(crate) fn deliveries(outcomes: &[Outcome]) -> Vec<Delivery<'_>> {
    let settled = outcomes.iter().filter(|o| o.end == End::Settled);
    settled
        .flat_map(|Outcome { trade: t, .. }| {
            let (requester, quoter) = (t.requester.as_str(), t.quoter.as_str());
            [
                (requester, quoter, t.give.as_str(), t.give_amount.as_str()),
                (quoter, requester, t.want.as_str(), t.want_amount.as_str()),
            ]
        })
        .collect()
}

/// One side of a trade: an institution and its gateway.
struct Party<'a> {
    name: &'a str,
    gateway: &'a GatewayClient,
}

impl<'a> Party<'a> {
    fn new(world: &'a World, name: &'a str) -> anyhow::Result<Self> {
        Ok(Self {
            name,
            gateway: world.gateway(name)?,
        })
    }
}

struct Negotiation<'a> {
    trade: &'a Trade,
    number: usize,
    /// Number of times that it began again.
    attempt: usize,
    requester: Party<'a>,
}

async fn negotiate(world: &World, trade: &Trade, number: usize) -> anyhow::Result<Outcome> {
    let mut negotiation = Negotiation {
        trade,
        number,
        attempt: 0,
        requester: Party::new(world, &trade.requester)?,
    };
    let quoter = Party::new(world, &trade.quoter)?;
    let mut outcome = Outcome {
        trade: trade.clone(),
        end: End::Settled,
        latency: None,
        lost_races: 0,
    };
    match trade.course {
        Course::Settle => {
            let quote = negotiation.ask_and_quote(&quoter, OPEN).await?;
            let accepted = negotiation.accept(&quote.id).await?;
            outcome.latency = negotiation.settle(&quoter, &accepted).await?;
        }
        Course::Firm => {
            let offer = negotiation.offer_unasked(&quoter).await?;
            negotiation.offered(&offer.id).await?;
            let accepted = negotiation.accept(&offer.id).await?;
            outcome.latency = negotiation.settle(&quoter, &accepted).await?;
        }
        Course::Race => {
            let rival = Party::new(world, &trade.rival)?;
            let (winner, latency) = negotiation.race(&quoter, &rival).await?;
            outcome.trade.quoter = winner.name.to_owned();
            outcome.latency = latency;
            outcome.lost_races = 1;
        }
        Course::Decline => {
            let quote = negotiation.ask_and_quote(&quoter, OPEN).await?;
            let gateway = negotiation.requester.gateway;
            expect(gateway.decline_quote(&quote.id, None).await)?;
            reached(quoter.gateway, &quote.id, "declined").await?;
            outcome.end = End::Declined;
        }
        Course::Refuse => {
            let rfq = negotiation.ask(&[&quoter], OPEN.request).await?;
            arrived(quoter.gateway, &rfq).await?;
            expect(quoter.gateway.decline_rfq(&rfq, None).await)?;
            outcome.end = End::Declined;
        }
        Course::Cancel => {
            let quote = negotiation.ask_and_quote(&quoter, OPEN).await?;
            expect(quoter.gateway.cancel_quote(&quote.id, None).await)?;
            reached(negotiation.requester.gateway, &quote.id, "cancelled").await?;
            match negotiation.try_accept(&quote.id).await {
                Err(error) => ensure!(error.is_refusal("wrong_state"), "{error}"),
                Ok(_) => bail!("a quote that was withdrawn could be accepted"),
            }
            outcome.end = End::Cancelled;
        }
        Course::Cross => {
            (outcome.end, outcome.latency) = negotiation.cross(&quoter).await?;
        }
        Course::Lapse => {
            let quote = negotiation.ask_and_quote(&quoter, SHORT).await?;
            for gateway in [negotiation.requester.gateway, quoter.gateway] {
                reached(gateway, &quote.id, "expired").await?;
            }
            outcome.end = End::Expired;
        }
    }
    Ok(outcome)
}

impl Negotiation<'_> {
    fn key(&self, step: &str) -> String {
        format!("trade-{}-{}-{step}", self.number, self.attempt)
    }

    /// Returns what the requester gives and what it wants.
    fn legs(&self) -> (AmountRequest, AmountRequest) {
        let t = self.trade;
        (
            amount(&t.give, &t.give_amount),
            amount(&t.want, &t.want_amount),
        )
    }

    /// Sends a request for quotes. Returns its id.
    async fn ask(&self, quoters: &[&Party<'_>], expires_in: u64) -> anyhow::Result<String> {
        let t = self.trade;
        let (given, wanted) = match t.fixed {
            Fixed::Give => (Some(t.give_amount.as_str()), None),
            Fixed::Want => (None, Some(t.want_amount.as_str())),
        };
        let mut counterparties = Vec::new();
        for quoter in quoters {
            counterparties.push(quoter.gateway.address().await?.address);
        }
        let request = RfqRequest {
            counterparties,
            give: open_amount(&t.give, given),
            want: open_amount(&t.want, wanted),
            expires_in,
        };
        let key = self.key("rfq");
        let rfq = self.requester.gateway.request_quotes(&request, Some(&key));
        Ok(expect(rfq.await)?.id)
    }

    /// Quotes on a request when it has arrived and the notes are there.
    async fn quote(
        &self,
        quoter: &Party<'_>,
        rfq: &str,
        times: Times,
    ) -> anyhow::Result<QuoteView> {
        arrived(quoter.gateway, rfq).await?;
        let (give, want) = self.legs();
        let key = self.key(&format!("quote-{}", quoter.name));
        let request = QuoteRequest {
            rfq: Some(rfq.to_owned()),
            to: None,
            give: want,
            want: give,
            valid_for: times.quote,
            settle_within: times.settle,
        };
        let quote = with_funds(|| quoter.gateway.quote(&request, Some(&key))).await?;
        self.offered(&quote.id).await?;
        Ok(quote)
    }

    async fn ask_and_quote(&self, quoter: &Party<'_>, times: Times) -> anyhow::Result<QuoteView> {
        let rfq = self.ask(&[quoter], times.request).await?;
        self.quote(quoter, &rfq, times).await
    }

    async fn offer_unasked(&self, quoter: &Party<'_>) -> anyhow::Result<SwapView> {
        let (give, want) = self.legs();
        let request = SwapRequest {
            with: self.requester.gateway.address().await?.address,
            give: want,
            want: give,
            valid_for: OPEN.quote,
            settle_within: OPEN.settle,
        };
        let key = self.key("offer");
        with_funds(|| quoter.gateway.propose_swap(&request, Some(&key))).await
    }

    /// Waits until the requester has an offer.
    async fn offered(&self, id: &str) -> anyhow::Result<()> {
        reached(self.requester.gateway, id, "offered").await
    }

    async fn try_accept(&self, id: &str) -> Result<SwapView, ClientError> {
        let key = self.key(&format!("accept-{id}"));
        self.requester.gateway.accept_quote(id, Some(&key)).await
    }

    async fn accept(&self, id: &str) -> anyhow::Result<SwapView> {
        with_funds(|| self.try_accept(id)).await
    }

    /// Withdraws the quote while it is being accepted: the requester's leg then waits alone until
    /// it expires. Begins again where the requester's notes were in use, because nothing crossed.
    async fn cross(&mut self, quoter: &Party<'_>) -> anyhow::Result<(End, Option<Duration>)> {
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let quote = self.ask_and_quote(quoter, SHORT).await?;
            let (accepted, cancelled) = join(
                self.try_accept(&quote.id),
                quoter.gateway.cancel_quote(&quote.id, None),
            )
            .await;
            match (accepted, cancelled) {
                (Ok(swap), _) => return self.conclude(quoter, &swap).await,
                (Err(error), Ok(_)) if error.is_refusal("wrong_state") => {
                    return Ok((End::Cancelled, None));
                }
                (Err(error), Ok(_)) if error.is_refusal("insufficient_funds") => self.attempt += 1,
                (Err(error), _) => bail!("{error} ({})", error.detail()),
            }
        }
        bail!("the requester's notes were never free")
    }

    /// Lets two quoters answer one request, and accepts both quotes with notes for one.
    async fn race<'p>(
        &self,
        quoter: &'p Party<'p>,
        rival: &'p Party<'p>,
    ) -> anyhow::Result<(&'p Party<'p>, Option<Duration>)> {
        let rfq = self.ask(&[quoter, rival], OPEN.request).await?;
        let (first, second) = join(
            self.quote(quoter, &rfq, OPEN),
            self.quote(rival, &rfq, OPEN),
        )
        .await;
        let (first, second) = (first?, second?);
        let (one, other) = join(self.try_accept(&first.id), self.try_accept(&second.id)).await;
        let (winner, taken, loser, left, error) = match (one, other) {
            (Ok(swap), Err(error)) => (quoter, swap, rival, second, error),
            (Err(error), Ok(swap)) => (rival, swap, quoter, first, error),
            (Ok(_), Ok(_)) => bail!("the same notes were promised twice"),
            (Err(error), Err(_)) => bail!("neither acceptance was taken: {error}"),
        };
        ensure!(
            error.is_refusal("insufficient_funds") || error.is_refusal("wrong_state"),
            "the second acceptance was refused for another reason: {error}"
        );
        // A quote that cannot be accepted is declined, so that the other side's notes are free
        // again.
        let gateway = self.requester.gateway;
        let loser_quote = gateway.find_quote(&left.id).await?;
        if loser_quote.is_some_and(|quote| quote.status == "offered") {
            expect(gateway.decline_quote(&left.id, None).await)?;
        }
        reached(loser.gateway, &left.id, "declined").await?;
        Ok((winner, self.settle(winner, &taken).await?))
    }

    /// Follows a swap that must settle. Returns the time until it was in a batch.
    async fn settle(
        &self,
        quoter: &Party<'_>,
        swap: &SwapView,
    ) -> anyhow::Result<Option<Duration>> {
        let (end, latency) = self.conclude(quoter, swap).await?;
        ensure!(end == End::Settled, "ended {end:?}");
        Ok(latency)
    }

    /// Follows a swap on both sides to its end, which must be the same on both.
    async fn conclude(
        &self,
        quoter: &Party<'_>,
        swap: &SwapView,
    ) -> anyhow::Result<(End, Option<Duration>)> {
        let since = Instant::now();
        let mut included = None;
        loop {
            let ours = self.requester.gateway.swap(&swap.id).await?;
            let theirs = quoter.gateway.swap(&swap.id).await?;
            let status = ours.status.as_str();
            if matches!(status, "included" | "settled") {
                included.get_or_insert_with(|| since.elapsed());
            }
            match (status, theirs.status.as_str()) {
                ("settled", "settled") => return Ok((End::Settled, included)),
                ("expired" | "failed", "cancelled" | "expired" | "failed") => {
                    ensure!(included.is_none(), "an included leg expired");
                    return Ok((End::Expired, None));
                }
                ("settled" | "included", "expired" | "failed" | "cancelled")
                | ("expired" | "failed", "settled" | "included") => {
                    bail!("one leg settled without the other")
                }
                (ours, theirs) => ensure!(
                    since.elapsed() < PATIENCE,
                    "still {ours} for {} and {theirs} for {} after {} s",
                    self.requester.name,
                    quoter.name,
                    PATIENCE.as_secs()
                ),
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Waits until a request for quotes has arrived.
async fn arrived(gateway: &GatewayClient, rfq: &str) -> anyhow::Result<()> {
    let since = Instant::now();
    while gateway.rfq(rfq).await?.is_none() {
        ensure!(since.elapsed() < PATIENCE, "a request did not arrive");
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Waits until a gateway shows a quote with a status.
async fn reached(gateway: &GatewayClient, quote: &str, wanted: &str) -> anyhow::Result<()> {
    let since = Instant::now();
    loop {
        let status = gateway.find_quote(quote).await?.map(|quote| quote.status);
        if status.as_deref() == Some(wanted) {
            return Ok(());
        }
        ensure!(
            since.elapsed() < PATIENCE,
            "a quote is {}, not {wanted}",
            status.as_deref().unwrap_or("unknown")
        );
        tokio::time::sleep(POLL).await;
    }
}

/// Whether waiting can help: funds may be on their way, or the service asks to try again.
pub(crate) fn may_pass(error: &ClientError) -> bool {
    let refused = error.code().is_some();
    refused && (error.is_transient() || error.is_refusal("insufficient_funds"))
}

/// Tries until the notes are there that earlier trades and deposits bring.
pub(crate) async fn with_funds<T, F>(attempt: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let since = Instant::now();
    loop {
        match attempt().await {
            Err(error) if may_pass(&error) && since.elapsed() < PATIENCE => {
                tokio::time::sleep(POLL).await;
            }
            answer => return expect(answer),
        }
    }
}

fn expect<T>(answer: Result<T, ClientError>) -> anyhow::Result<T> {
    answer.map_err(|error| anyhow::anyhow!("{error} ({})", error.detail()))
}
