//! The sequencer's view of a step on a loan and of a payment, and an attacker who tells them apart.
//!
//! Two wallets make payments and steps of all kinds, under circumstances that are drawn for each of
//! them in the same way: prices, their age, the second of the minute, and how long the next batch
//! takes. Everything that the sequencer sees of each is noted: the words of the transaction, its
//! times and length, and all requests of the wallet around it with their times, headers and
//! connections. The attacker measures what it likes on one half of them, and guesses on the other
//! half which ones are steps. Three attackers do no better than chance: the best threshold on one
//! measure, a naive Bayes classifier and a logistic regression.
//!
//! The control gives the same attackers steps that leak one thing, and they find it.
//!
//! A proof is 128 bytes that its blinding makes uniform. Here it is 128 zeros.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "onlooker/guess.rs"]
mod guess;
mod market;

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use guess::{Example, Guess};
use market::{DOLLAR, FEE, GOLD, Market, Party, Seen, priced};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::json;
use subrosa_protocol::{
    encoding::fr_to_bytes,
    loan::{CURE, LAPSE},
    proof::PROOF_LEN,
    transaction::{Submission, Transaction},
};
use subrosa_wallet::{amount, times::Validity};

/// Loans of the simulation.
const LOANS: usize = 48;
/// Steps on each before the one that ends it.
const STEPS: usize = 3;
/// Seconds before a submission in which requests are measured, and after it.
const AROUND: [u64; 2] = [5, 45];
const DAY: u64 = 86_400;

const NORTH: usize = 1;
const SOUTH: usize = 2;

/// A step of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Add,
    Release,
    Repay,
    Close,
    /// Liquidation after a fall of the price.
    Fall,
    /// Liquidation of a healthy loan, a day after maturity.
    Overdue,
    /// Liquidation ninety days after maturity, without a price.
    Lapse,
}

impl Step {
    const ADJUSTMENTS: [Self; 3] = [Self::Add, Self::Release, Self::Repay];
    const ENDS: [Self; 4] = [Self::Close, Self::Fall, Self::Overdue, Self::Lapse];

    fn actor(self) -> usize {
        match self {
            Self::Fall | Self::Overdue | Self::Lapse => NORTH,
            _ => SOUTH,
        }
    }

    /// Whether the step cannot do without a price.
    fn is_priced(self) -> bool {
        !matches!(self, Self::Add | Self::Repay | Self::Close)
    }
}

/// Everything that the sequencer sees of a step or a payment, and what it knows besides.
#[derive(Clone)]
struct View {
    /// The step under whose circumstances it was made, and whether it is that step.
    step: Step,
    is_step: bool,
    /// Requests of the wallet around the submission, in order.
    requests: Vec<Seen>,
    /// Place of the submission among them.
    place: usize,
    transaction: Transaction,
    words: Vec<[u8; 32]>,
    /// Times of the last batch and of the price snapshot before the submission.
    public: [u64; 2],
    /// Validity that follows from them.
    usual: Validity,
    /// Whether it has the first anchor of the next batch.
    is_newest: bool,
}

struct Scene {
    market: Arc<Market>,
    _directory: tempfile::TempDir,
    parties: [Party; 2],
    rng: StdRng,
}

fn loan(id: &str) -> String {
    format!("/v1/loans/{id}")
}

impl Scene {
    async fn new(seed: u64) -> Self {
        let (market, _) = Market::open().await;
        market.newsy.store(true, Ordering::Relaxed);
        let directory = tempfile::tempdir().unwrap();
        let open = |number: usize| {
            let (market, path) = (&market, directory.path().join(number.to_string()));
            async move {
                let door = market.door(number).await;
                Party::open(market, &door, &path, number as u8).await
            }
        };
        let parties = [open(NORTH).await, open(SOUTH).await];
        for party in &parties {
            for (asset, amount) in [
                (DOLLAR, "1000000"),
                (DOLLAR, "1000"),
                (GOLD, "1000000"),
                (GOLD, "1000"),
            ] {
                party.deposit(asset, amount).await;
            }
        }
        Self {
            market,
            _directory: directory,
            parties,
            rng: StdRng::seed_from_u64(seed),
        }
    }

    fn party(&self, number: usize) -> &Party {
        &self.parties[number - 1]
    }

    /// Lets seconds pass, of which the wallets see `steps` moments.
    async fn pass(&self, seconds: u64, steps: u32) {
        for _ in 0..steps {
            let part = Duration::from_secs(seconds) / steps;
            self.market
                .clock
                .advance(part.saturating_sub(Duration::from_millis(250)));
            self.market.tick().await;
        }
    }

    /// Takes a price snapshot, and waits until both wallets know it. Without cents there is no
    /// price.
    async fn price(&self, cents: u128) {
        self.pass(2, 2).await;
        let time = self.market.price_gold(cents, 0);
        for party in &self.parties {
            let mut known = false;
            for _ in 0..100 {
                let markets = party.get("/v1/markets").await;
                known = markets[0]["time"] == json!(time)
                    || (cents == 0 && markets[0]["price"].is_null());
                if known {
                    break;
                }
                self.market.tick().await;
            }
            assert!(known, "{}", party.get("/v1/markets").await);
        }
    }

    /// Opens a loan against gold and lets the time pass in which it may be opened.
    async fn lend(&mut self) -> (String, u64) {
        self.price(400).await;
        let maturity = self.market.now() + 30 * DAY + self.rng.gen_range(0..1_000);
        let order = json!({
            "role": "borrower", "with": self.party(NORTH).address(),
            "collateral": priced(GOLD, "30"), "debt": priced(DOLLAR, "60"),
            "rate_ppm": 50_000, "maturity": maturity,
        });
        let id = self.party(SOUTH).start("/v1/loans", &order).await;
        self.party(NORTH).shows(&loan(&id), "proposed").await;
        let accept = format!("/v1/loans/{id}/accept");
        self.party(NORTH).start(&accept, &json!({})).await;
        for party in &self.parties {
            party.shows(&loan(&id), "open").await;
        }
        self.pass(720, 2).await;
        (id, maturity)
    }

    /// Draws the circumstances of a submission.
    async fn draw(&mut self, cents: u128) {
        if cents == 0 {
            self.price(0).await;
        } else {
            let cents = cents * self.rng.gen_range(980..1_020) / 1_000;
            self.price(cents).await;
        }
        let age = self.rng.gen_range(0..420);
        self.pass(age, 3).await;
        if self.rng.gen_bool(0.3) {
            // Somebody else's transaction.
            let to = self.party(NORTH).address();
            let paid = self.pay(SOUTH, &to).await;
            self.shows(SOUTH, &paid, "settled").await;
            let gap = self.rng.gen_range(50..90);
            self.pass(gap, 2).await;
        }
    }

    async fn pay(&mut self, from: usize, to: &str) -> String {
        let (asset, symbol) = [(DOLLAR, "dUSD"), (GOLD, "dXAU")][self.rng.gen_range(0..2)];
        let units = self
            .rng
            .gen_range(1..4 * 10u128.pow(market::DECIMALS[asset].into()));
        let amount = amount::format(units, market::DECIMALS[asset]);
        let pay = json!({ "asset": symbol, "amount": amount, "to": to, "memo": "" });
        self.party(from).start("/v1/transfers", &pay).await
    }

    /// Waits until an operation has this status.
    async fn shows(&self, of: usize, operation: &str, status: &str) {
        let path = format!("/v1/operations/{operation}");
        self.party(of).shows(&path, status).await;
    }

    async fn make(&mut self, step: Step, id: &str) -> String {
        let mut units = |least: u128, most: u128, asset: usize| {
            let one = 10u128.pow(market::DECIMALS[asset].into());
            let units = self.rng.gen_range(least * one / 10..most * one / 10);
            amount::format(units, market::DECIMALS[asset])
        };
        let (what, body) = match step {
            Step::Add => ("collateral", json!({ "add": units(2, 30, GOLD) })),
            Step::Release => ("collateral", json!({ "release": units(1, 10, GOLD) })),
            Step::Repay => ("repay", json!({ "amount": units(3, 20, DOLLAR) })),
            Step::Close => ("close", json!({})),
            Step::Fall | Step::Overdue | Step::Lapse => ("liquidate", json!({})),
        };
        let path = format!("/v1/loans/{id}/{what}");
        let (status, answer) = self.party(step.actor()).post(&path, &body).await;
        assert_eq!(status, 202, "{step:?}: {answer}");
        answer["operation"].as_str().unwrap().to_owned()
    }

    /// Makes a step, or a payment in its place, and notes what the sequencer sees.
    async fn view(&mut self, step: Step, id: &str, is_step: bool) -> View {
        let actor = step.actor();
        let before = self.market.seen().len();
        let ((last, snapshot), newest) = (self.market.public(), self.market.next_anchor());
        self.market.seals.store(false, Ordering::Relaxed);
        let operation = if is_step {
            self.make(step, id).await
        } else {
            let to = self.party(NORTH + SOUTH - actor).address();
            self.pay(actor, &to).await
        };
        self.shows(actor, &operation, "submitted").await;
        let sealed = self.rng.gen_range(0..40);
        self.pass(sealed, 6).await;
        self.market.seal_waiting();
        self.market.seals.store(true, Ordering::Relaxed);
        self.shows(actor, &operation, "settled").await;
        self.pass(AROUND[1], 8).await;

        let seen = self.market.seen();
        let is_post = |seen: &Seen| (seen.door, seen.path.as_str()) == (actor, "/v1/transactions");
        let at = before + seen[before..].iter().position(is_post).unwrap();
        let (submission, start) = (&seen[at], seen[at].at);
        let around = |seen: &&Seen| {
            let late = start + Duration::from_secs(AROUND[1]);
            seen.door == actor
                && seen.at + Duration::from_secs(AROUND[0]) >= start
                && seen.at < late
        };
        let requests: Vec<Seen> = seen.iter().filter(around).cloned().collect();
        let place = requests
            .iter()
            .position(|seen| is_post(seen) && seen.at == start && seen.body == submission.body);
        let transaction = Submission::from_bytes(&submission.body)
            .unwrap()
            .transaction;
        let words = self
            .market
            .words(&transaction)
            .map(|word| fr_to_bytes(&word));
        View {
            step,
            is_step,
            place: place.unwrap(),
            words: words.to_vec(),
            public: [last, snapshot.map_or(0, |snapshot| snapshot.time)],
            usual: Validity::usual(submission.time, last, snapshot.as_ref()),
            is_newest: transaction.anchor == newest,
            transaction,
            requests,
        }
    }

    /// Makes a payment and a step under circumstances of their own, in either order.
    async fn pair(&mut self, step: Step, id: &str, cents: u128) -> [View; 2] {
        let first = self.rng.gen_bool(0.5);
        let mut views = Vec::new();
        for is_step in [first, !first] {
            self.draw(cents).await;
            views.push(self.view(step, id, is_step).await);
        }
        views.try_into().ok().unwrap()
    }
}

/// Words of transactions that the attacker has seen.
type Known = HashSet<(usize, [u8; 32])>;

/// Measures everything about a view that an attacker could think of.
fn measure(view: &View, known: &mut Known) -> Vec<f64> {
    let submission = &view.requests[view.place];
    let header = &view.transaction.header;
    let [last, taken] = view.public;
    let ago = |time: u64| submission.time as f64 - time as f64;
    let mut measures = vec![
        -ago(header.expiry),
        -ago(header.not_before),
        header.expiry as f64 - taken as f64,
        header.not_before as f64 - taken as f64,
        header.not_before as f64 - last as f64,
        header.expiry as f64 - header.not_before as f64,
        (header.expiry % 60) as f64,
        (header.not_before % 60) as f64,
        (header.expiry % 3_600) as f64,
        (submission.time % 60) as f64,
        ago(last),
        ago(taken),
        f64::from(u8::from(view.is_newest)),
        header.fee as f64,
        f64::from(header.fee_asset.0),
        f64::from(u8::from(view.transaction.withdrawal.is_some())),
        submission.body.len() as f64,
        submission.headers.len() as f64,
        submission.headers.concat().len() as f64,
    ];
    let mut repeated = 0;
    for (place, word) in view.words.iter().enumerate() {
        let zeros = word.iter().take_while(|byte| **byte == 0).count();
        let ones: u32 = word.iter().map(|byte| byte.count_ones()).sum();
        measures.extend([zeros as f64, f64::from(ones), f64::from(word[31])]);
        repeated += usize::from(!known.insert((place, *word)));
    }
    measures.push(repeated as f64);
    let bytes = &submission.body[..submission.body.len() - PROOF_LEN];
    let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
    measures.push(f64::from(ones));

    // The requests around it: how many of each kind, in which order, when and on which connection.
    let kinds = [
        ("GET", "/v1/info"),
        ("GET", "/v1/news"),
        ("GET", "/v1/batches"),
        ("GET", "/v1/oracle"),
        ("GET", "/v1/messages"),
        ("POST", "/v1/messages"),
        ("POST", "/v1/transactions"),
        ("GET", "/v1/transactions/"),
    ];
    let kind = |seen: &Seen| {
        let same = |(method, path): &&(&str, &str)| {
            seen.method == *method
                && (seen.path == *path || path.ends_with('/') && seen.path.starts_with(path))
        };
        kinds
            .iter()
            .position(|kind| same(&kind))
            .map_or(-1.0, |kind| kind as f64)
    };
    let (earlier, later) = view.requests.split_at(view.place);
    for side in [earlier, &later[1..]] {
        for number in -1..kinds.len() as i32 {
            let of = side.iter().filter(|seen| kind(seen) == f64::from(number));
            measures.push(of.count() as f64);
        }
        let peers: HashSet<_> = side.iter().map(|seen| seen.peer).collect();
        measures.push(peers.len() as f64);
        let queries = side.iter().map(|seen| seen.query.len());
        measures.push(queries.sum::<usize>() as f64);
    }
    for step in 1..=3 {
        for near in [view.place.checked_sub(step), Some(view.place + step)] {
            let near = near.and_then(|place| view.requests.get(place));
            let far = AROUND[1] as f64;
            measures.extend(near.map_or([-2.0, far, -1.0], |near| {
                let apart = near.at.as_secs_f64() - submission.at.as_secs_f64();
                let same = f64::from(u8::from(near.peer == submission.peer));
                [kind(near), apart, same]
            }));
        }
    }
    // When it was sent again.
    let again = later[1..].iter().filter(|seen| kind(seen) == 6.0);
    let mut again = again.map(|seen| (seen.at - submission.at).as_secs_f64());
    measures.extend([again.next().unwrap_or(99.0), again.next().unwrap_or(99.0)]);
    measures
}

/// Returns what three attackers get right of the guesses that they make about the second half.
fn attack(views: &[[View; 2]], seed: u64) -> Vec<Guess> {
    let mut known = Known::new();
    let mut pairs: Vec<[Example; 2]> = views
        .iter()
        .map(|pair| {
            pair.each_ref().map(|view| Example {
                measures: measure(view, &mut known),
                is_step: view.is_step,
            })
        })
        .collect();
    pairs.shuffle(&mut StdRng::seed_from_u64(seed));
    let (learned, guessed) = pairs.split_at(pairs.len() / 2);
    guess::attack(&learned.concat(), &guessed.concat())
}

fn report(what: &str, guesses: &[Guess]) {
    for Guess {
        attacker,
        right,
        of,
    } in guesses
    {
        let share = 100 * right / of;
        eprintln!("{what}: {attacker} is right about {right} of {of} ({share} %)");
    }
}

/// Simulates loans, with a payment beside each step.
async fn simulate() -> Vec<[View; 2]> {
    let mut scene = Scene::new(11).await;
    let mut views = Vec::new();
    for number in 0..LOANS {
        let (id, maturity) = scene.lend().await;
        for _ in 0..STEPS {
            let step = *Step::ADJUSTMENTS.choose(&mut scene.rng).unwrap();
            views.push(scene.pair(step, &id, 400).await);
        }
        let end = Step::ENDS[number % Step::ENDS.len()];
        let after = scene.rng.gen_range(120..9_000);
        let until = match end {
            Step::Overdue => maturity + CURE + after,
            Step::Lapse => maturity + LAPSE + after,
            _ => 0,
        };
        let left = until.saturating_sub(scene.market.now());
        scene.pass(left, 2).await;
        let cents = match end {
            Step::Fall => 80,
            Step::Lapse => 0,
            _ => 400,
        };
        views.push(scene.pair(end, &id, cents).await);
    }
    views
}

/// The steps' views with times as a careless wallet would choose them: the exact second.
fn careless(views: &[[View; 2]]) -> Vec<[View; 2]> {
    let mut views = views.to_vec();
    for view in views.iter_mut().flatten().filter(|view| view.is_step) {
        let time = view.requests[view.place].time;
        view.transaction.header.expiry = time + 3_600;
    }
    views
}

/// Views with times that end with the price where a step needs one, and otherwise in an hour.
fn priced_only(views: &[[View; 2]]) -> Vec<[View; 2]> {
    let needs = |pair: &&[View; 2]| pair[0].step.is_priced();
    let mut views: Vec<[View; 2]> = views.iter().filter(needs).cloned().collect();
    for view in views.iter_mut().flatten() {
        let time = view.requests[view.place].time + 3_600;
        let end = if view.is_step {
            view.public[1] + 3_600
        } else {
            time
        };
        view.transaction.header.expiry = time.min(end);
    }
    views
}

/// The steps' views if their wallets asked for the transaction afterwards.
fn asking(views: &[[View; 2]]) -> Vec<[View; 2]> {
    let mut views = views.to_vec();
    for view in views.iter_mut().flatten().filter(|view| view.is_step) {
        let mut asked = view.requests[view.place].clone();
        asked.method = "GET".into();
        asked.path = "/v1/transactions/0x00".into();
        view.requests.insert(view.place + 1, asked);
    }
    views
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sequencer_does_not_tell_a_step_from_a_payment() {
    let views = simulate().await;
    for view in views.iter().flatten() {
        let header = &view.transaction.header;
        assert_eq!((header.expiry % 60, header.not_before % 60), (0, 0));
        let times = Validity {
            not_before: header.not_before,
            expiry: header.expiry,
        };
        assert_eq!(times, view.usual, "{:?}", view.step);
        assert!(header.not_before > 0 && view.is_newest, "{:?}", view.step);
        assert_eq!(header.fee, FEE);
        let asked = view
            .requests
            .iter()
            .filter(|seen| seen.path.starts_with("/v1/transactions/"));
        assert_eq!(asked.count(), 0, "a wallet asks for nothing of its own");
    }
    let guesses = attack(&views, 1);
    report("all steps", &guesses);
    for guess in &guesses {
        assert!(!guess.is_better_than_chance(), "{guess:?}");
    }
    for (what, chosen) in [
        ("adjustments", Step::ADJUSTMENTS.as_slice()),
        ("ends", Step::ENDS.as_slice()),
        ("liquidations", &Step::ENDS[1..]),
    ] {
        let of = views.iter().filter(|pair| chosen.contains(&pair[0].step));
        let of: Vec<[View; 2]> = of.cloned().collect();
        let guesses = attack(&of, 2);
        report(what, &guesses);
        for guess in &guesses {
            assert!(!guess.is_better_than_chance(), "{what}: {guess:?}");
        }
    }

    // The control: each of these leaks is found.
    for (what, leaky) in [
        ("control, exact seconds", careless(&views)),
        ("control, ends with the price", priced_only(&views)),
        ("control, asks for its transaction", asking(&views)),
    ] {
        let guesses = attack(&leaky, 3);
        report(what, &guesses);
        let best = guesses.iter().max_by_key(|guess| guess.right).unwrap();
        assert!(best.is_better_than_chance(), "{what}: {best:?}");
        assert!(100 * best.right >= 85 * best.of, "{what}: {best:?}");
    }
}

/// Returns the times at which a wallet sent transactions since the request number `from`, in
/// seconds after the first one, and their different bytes.
fn sent(scene: &Scene, from: usize, door: usize) -> (Vec<f64>, Vec<Vec<u8>>) {
    let seen = scene.market.seen().split_off(from);
    let posts = seen
        .iter()
        .filter(|seen| seen.door == door && seen.path.starts_with("/v1/transactions"));
    let posts: Vec<&Seen> = posts.collect();
    assert!(posts.iter().all(|seen| seen.method == "POST"));
    let first = posts[0].at;
    let times = posts.iter().map(|seen| (seen.at - first).as_secs_f64());
    let mut bodies: Vec<_> = posts.iter().map(|seen| seen.body.clone()).collect();
    bodies.dedup();
    (times.collect(), bodies)
}

/// Before, a wallet asked the sequencer for its transaction four times a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_no_batch_shows_is_sent_again_whatever_it_does() {
    let mut scene = Scene::new(12).await;
    let (id, _) = scene.lend().await;
    scene.price(400).await;
    let to = scene.party(NORTH).address();
    let mut schedules = Vec::new();
    for step in [
        None,
        Some(Step::Repay),
        Some(Step::Release),
        Some(Step::Close),
    ] {
        let from = scene.market.seen().len();
        scene.market.seals.store(false, Ordering::Relaxed);
        let operation = match step {
            None => scene.pay(SOUTH, &to).await,
            Some(step) => scene.make(step, &id).await,
        };
        scene.shows(SOUTH, &operation, "submitted").await;
        scene.pass(100, 100).await;
        // The sequencer loses its disk, and has the transaction again after the next reminder.
        scene.market.lose_waiting();
        scene.pass(100, 100).await;
        scene.shows(SOUTH, &operation, "submitted").await;
        scene.market.seal_waiting();
        scene.market.seals.store(true, Ordering::Relaxed);
        scene.shows(SOUTH, &operation, "settled").await;
        let (times, bodies) = sent(&scene, from, SOUTH);
        assert_eq!(bodies.len(), 1, "the same bytes");
        assert!((4..=6).contains(&times.len()), "{times:?}");
        schedules.push(times.iter().map(|time| time.round()).collect::<Vec<_>>());
        scene.price(400).await;
    }
    for schedule in &schedules[1..] {
        assert_eq!(schedule.len(), schedules[0].len(), "{schedules:?}");
        for (one, other) in schedule.iter().zip(&schedules[0]) {
            assert!((one - other).abs() <= 2.0, "{schedules:?}");
        }
    }
}
