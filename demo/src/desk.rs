//! The trading desks: every trade of the file, negotiated and settled through the wallets' gateways.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures::{StreamExt as _, future::join, stream};
use indicatif::{MultiProgress, ProgressBar};

use super::{
    account::Delivery,
    gateway::{Amount, GatewayClient, Problem, Quote, Swap},
    trades::{Course, Fixed, Trade},
    world::World,
};
use subrosa_node::progress::counter;

/// Trades that are negotiated at once.
const DESKS: usize = 12;
/// How long a trade may wait for notes, messages and batches.
const PATIENCE: Duration = Duration::from_secs(420);
const POLL: Duration = Duration::from_millis(150);
/// Seconds that a request stands, and that a quote may be accepted; then that its legs may settle.
const OPEN: (u64, u64, u64) = (600, 400, 600);
/// The same for quotes that are meant to run out.
const SHORT: (u64, u64, u64) = (600, 10, 10);

/// How a trade ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Both deliveries are on L1.
    Settled,
    /// The quote was declined, or the request.
    Declined,
    /// The quote was withdrawn.
    Cancelled,
    /// Time ran out: of the quote, or of a leg whose counterpart never came.
    Expired,
}

/// A trade and its end.
pub(super) struct Outcome {
    /// The trade. Its quoter is the one whose quote was taken.
    pub(super) trade: Trade,
    /// How it ended.
    pub(super) end: End,
    /// From the acceptance to the batch, for settled ones.
    pub(super) latency: Option<Duration>,
    /// Offers that were refused because their notes had been promised.
    pub(super) lost_races: usize,
}

/// Carries out all trades, a few at a time, in the order of the file.
pub(super) async fn carry_out(
    world: &World,
    trades: &[Trade],
    bars: &MultiProgress,
) -> anyhow::Result<Vec<Outcome>> {
    let bar = counter(bars, "trades ended", trades.len() as u64);
    let mut outcomes: Vec<(usize, anyhow::Result<Outcome>)> = stream::iter(trades.iter().zip(1..))
        .map(|(trade, number)| {
            let bar: ProgressBar = bar.clone();
            async move {
                let outcome = negotiate(world, trade, number)
                    .await
                    .with_context(|| format!("trade {number}"));
                bar.inc(1);
                (number, outcome)
            }
        })
        .buffer_unordered(DESKS)
        .collect()
        .await;
    bar.finish();
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// What settled trades delivered.
pub(super) fn deliveries(outcomes: &[Outcome]) -> Vec<Delivery<'_>> {
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

/// One side of a trade: a gateway and its institution.
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
    /// How often it began again.
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
            expect(gateway.decide("quotes", &quote.id, "decline").await?)?;
            reached(quoter.gateway, &quote.id, "declined").await?;
            outcome.end = End::Declined;
        }
        Course::Refuse => {
            let rfq = negotiation.ask(&[&quoter], OPEN.0).await?;
            arrived(quoter.gateway, &rfq).await?;
            expect(quoter.gateway.decide("rfqs", &rfq, "decline").await?)?;
            outcome.end = End::Declined;
        }
        Course::Cancel => {
            let quote = negotiation.ask_and_quote(&quoter, OPEN).await?;
            expect(quoter.gateway.decide("quotes", &quote.id, "cancel").await?)?;
            reached(negotiation.requester.gateway, &quote.id, "cancelled").await?;
            match negotiation.try_accept(&quote.id).await? {
                Err(problem) => ensure!(problem.code == "wrong_state", "{}", problem.code),
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

    fn legs(&self) -> (Amount<'_>, Amount<'_>) {
        let t = self.trade;
        (
            Amount {
                asset: &t.give,
                amount: Some(&t.give_amount),
            },
            Amount {
                asset: &t.want,
                amount: Some(&t.want_amount),
            },
        )
    }

    /// Sends a request. Answers its id.
    async fn ask(&self, quoters: &[&Party<'_>], expires_in: u64) -> anyhow::Result<String> {
        let (mut give, mut want) = self.legs();
        match self.trade.fixed {
            Fixed::Give => want.amount = None,
            Fixed::Want => give.amount = None,
        }
        let mut addresses = Vec::new();
        for quoter in quoters {
            addresses.push(quoter.gateway.address().await?);
        }
        let rfq = self
            .requester
            .gateway
            .request(&self.key("rfq"), &addresses, give, want, expires_in)
            .await?;
        Ok(expect(rfq)?.id)
    }

    /// Quotes on a request when it has arrived and the notes are there.
    async fn quote(
        &self,
        quoter: &Party<'_>,
        rfq: &str,
        times: (u64, u64, u64),
    ) -> anyhow::Result<Quote> {
        arrived(quoter.gateway, rfq).await?;
        let (give, want) = self.legs();
        let key = self.key(&format!("quote-{}", quoter.name));
        let quote = with_funds(|| {
            quoter
                .gateway
                .quote(&key, rfq, want, give, (times.1, times.2))
        })
        .await?;
        self.offered(&quote.id).await?;
        Ok(quote)
    }

    async fn ask_and_quote(
        &self,
        quoter: &Party<'_>,
        times: (u64, u64, u64),
    ) -> anyhow::Result<Quote> {
        let rfq = self.ask(&[quoter], times.0).await?;
        self.quote(quoter, &rfq, times).await
    }

    async fn offer_unasked(&self, quoter: &Party<'_>) -> anyhow::Result<Swap> {
        let to = self.requester.gateway.address().await?;
        let (give, want) = self.legs();
        let key = self.key("offer");
        with_funds(|| {
            quoter
                .gateway
                .propose(&key, &to, want, give, (OPEN.1, OPEN.2))
        })
        .await
    }

    /// Waits until the requester has an offer.
    async fn offered(&self, id: &str) -> anyhow::Result<()> {
        reached(self.requester.gateway, id, "offered").await
    }

    async fn try_accept(&self, id: &str) -> anyhow::Result<Result<Swap, Problem>> {
        self.requester
            .gateway
            .accept(&self.key(&format!("accept-{id}")), id)
            .await
    }

    async fn accept(&self, id: &str) -> anyhow::Result<Swap> {
        with_funds(|| self.try_accept(id)).await
    }

    /// The quote is withdrawn while it is being accepted: the requester's leg then waits alone, until it expires.
    /// Where the requester's notes were in use, and nothing could cross, it begins again.
    async fn cross(&mut self, quoter: &Party<'_>) -> anyhow::Result<(End, Option<Duration>)> {
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let quote = self.ask_and_quote(quoter, SHORT).await?;
            let (accepted, cancelled) = join(
                self.try_accept(&quote.id),
                quoter.gateway.decide("quotes", &quote.id, "cancel"),
            )
            .await;
            match (accepted?, cancelled?) {
                (Ok(swap), _) => return self.conclude(quoter, &swap).await,
                (Err(problem), Ok(())) if problem.code == "wrong_state" => {
                    return Ok((End::Cancelled, None));
                }
                (Err(problem), Ok(())) if problem.code == "insufficient_funds" => self.attempt += 1,
                (Err(problem), _) => bail!("refused: {} ({})", problem.code, problem.detail),
            }
        }
        bail!("the requester's notes were never free")
    }

    /// Two quoters, one acceptance that the requester's notes cover.
    async fn race<'p>(
        &self,
        quoter: &'p Party<'p>,
        rival: &'p Party<'p>,
    ) -> anyhow::Result<(&'p Party<'p>, Option<Duration>)> {
        let rfq = self.ask(&[quoter, rival], OPEN.0).await?;
        let (first, second) = join(
            self.quote(quoter, &rfq, OPEN),
            self.quote(rival, &rfq, OPEN),
        )
        .await;
        let (first, second) = (first?, second?);
        let (one, other) = join(self.try_accept(&first.id), self.try_accept(&second.id)).await;
        let (winner, taken, loser, left, problem) = match (one?, other?) {
            (Ok(swap), Err(problem)) => (quoter, swap, rival, second, problem),
            (Err(problem), Ok(swap)) => (rival, swap, quoter, first, problem),
            (Ok(_), Ok(_)) => bail!("the same notes were promised twice"),
            (Err(problem), Err(_)) => bail!("neither acceptance was taken: {}", problem.code),
        };
        ensure!(
            ["insufficient_funds", "wrong_state"].contains(&problem.code.as_str()),
            "the second acceptance was refused for {}",
            problem.code
        );
        // What cannot be accepted is declined, so that the other side's notes are free again.
        let gateway = self.requester.gateway;
        if gateway.quote_status(&left.id).await?.as_deref() == Some("offered") {
            expect(gateway.decide("quotes", &left.id, "decline").await?)?;
        }
        reached(loser.gateway, &left.id, "declined").await?;
        Ok((winner, self.settle(winner, &taken).await?))
    }

    /// Follows a swap that must settle. How long it took to be in a batch.
    async fn settle(&self, quoter: &Party<'_>, swap: &Swap) -> anyhow::Result<Option<Duration>> {
        let (end, latency) = self.conclude(quoter, swap).await?;
        ensure!(end == End::Settled, "ended {end:?}");
        Ok(latency)
    }

    /// Follows a swap on both sides to its end: it must be the same one.
    async fn conclude(
        &self,
        quoter: &Party<'_>,
        swap: &Swap,
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
                    "still {ours} for {} and {theirs} for {}",
                    self.requester.name,
                    quoter.name
                ),
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Waits until a request has arrived.
async fn arrived(gateway: &GatewayClient, rfq: &str) -> anyhow::Result<()> {
    let since = Instant::now();
    while gateway.rfq_status(rfq).await?.is_none() {
        ensure!(since.elapsed() < PATIENCE, "a request did not arrive");
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Waits until a gateway shows a quote with a status.
async fn reached(gateway: &GatewayClient, quote: &str, wanted: &str) -> anyhow::Result<()> {
    let since = Instant::now();
    loop {
        let status = gateway.quote_status(quote).await?;
        if status.as_deref() == Some(wanted) {
            return Ok(());
        }
        ensure!(
            since.elapsed() < PATIENCE,
            "a quote is {status:?}, not {wanted}"
        );
        tokio::time::sleep(POLL).await;
    }
}

/// Tries until the notes are there that earlier trades and deposits bring.
pub(super) async fn with_funds<T, F>(attempt: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Result<T, Problem>>>,
{
    let since = Instant::now();
    loop {
        match attempt().await? {
            Ok(done) => return Ok(done),
            Err(problem)
                if (problem.retryable || problem.code == "insufficient_funds")
                    && since.elapsed() < PATIENCE =>
            {
                tokio::time::sleep(POLL).await;
            }
            Err(problem) => bail!("refused: {} ({})", problem.code, problem.detail),
        }
    }
}

fn expect<T>(answer: Result<T, Problem>) -> anyhow::Result<T> {
    answer.map_err(|problem| anyhow::anyhow!("refused: {} ({})", problem.code, problem.detail))
}
