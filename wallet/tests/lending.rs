//! Two wallets, from a proposal to the end of a loan, through their gateways. Everything between
//! them is in memory; the statement's native check stands for its proof.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod market;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use market::{DOLLAR, GOLD, Market, Party, priced};
use serde_json::{Value, json};

const YEAR: u64 = 365 * 86_400;

struct Scene {
    market: Arc<Market>,
    sequencer: String,
    directory: tempfile::TempDir,
    north: Party,
    south: Party,
}

impl Scene {
    /// North has dollars to lend; south has gold and a dollar note for fees. `watch` turns
    /// automatic liquidation on.
    async fn new(watch: bool) -> Self {
        let (market, sequencer) = Market::open().await;
        market.watch.store(watch, Ordering::Relaxed);
        let directory = tempfile::tempdir().unwrap();
        let open = |name: &'static str, seed| {
            let (market, sequencer, path) = (&market, &sequencer, directory.path().join(name));
            async move { Party::open(market, sequencer, &path, seed).await }
        };
        let (north, south) = (open("north", 1).await, open("south", 2).await);
        north.deposit(DOLLAR, "10.5").await;
        north.deposit(DOLLAR, "1").await;
        south.deposit(GOLD, "7").await;
        south.deposit(DOLLAR, "2").await;
        Self {
            market,
            sequencer,
            directory,
            north,
            south,
        }
    }

    /// Prices a unit of gold in cents, and waits until both wallets know it.
    async fn price(&self, cents: u128) {
        self.price_of(cents, 0).await;
    }

    /// Does the same with a price of `ago` seconds ago.
    async fn price_of(&self, cents: u128, ago: u64) {
        let time = self.market.price_gold(cents, ago);
        let price = subrosa_wallet::amount::format(cents, 2);
        let shown = (json!({ "low": price, "high": price }), json!(time));
        for party in [&self.north, &self.south] {
            let mut known = false;
            for _ in 0..100 {
                let markets = party.get("/v1/markets").await;
                known = (&markets[0]["price"], &markets[0]["time"]) == (&shown.0, &shown.1);
                if known {
                    break;
                }
                self.market.tick().await;
            }
            assert!(known);
        }
    }

    /// Builds the order of a loan of north's 6 dollars against south's 3 gold.
    fn order(&self, borrower: bool) -> Value {
        let (role, with) = if borrower {
            ("borrower", self.north.address())
        } else {
            ("lender", self.south.address())
        };
        json!({
            "role": role, "with": with,
            "collateral": priced(GOLD, "3"), "debt": priced(DOLLAR, "6"),
            "rate_ppm": 50_000, "maturity": self.market.now() + YEAR,
        })
    }

    /// Opens a loan and returns its id.
    async fn lent(&self) -> String {
        let id = self.south.start("/v1/loans", &self.order(true)).await;
        self.north.shows(&loan(&id), "proposed").await;
        self.north.start(&act(&id, "accept"), &json!({})).await;
        for party in [&self.north, &self.south] {
            party.shows(&loan(&id), "open").await;
        }
        self.begin();
        id
    }

    /// Lets the time pass in which a loan may be opened. Only then prices serve.
    fn begin(&self) {
        self.market.clock.advance(Duration::from_secs(720));
    }

    async fn reopen(&self, name: &str, seed: u8) -> Party {
        let path = self.directory.path().join(name);
        Party::open(&self.market, &self.sequencer, &path, seed).await
    }
}

fn loan(id: &str) -> String {
    format!("/v1/loans/{id}")
}

fn act(id: &str, what: &str) -> String {
    format!("/v1/loans/{id}/{what}")
}

/// Starts a step and waits until it is settled.
async fn step(party: &Party, id: &str, what: &str, body: Value) {
    let (status, answer) = party.post(&act(id, what), &body).await;
    assert_eq!(status, 202, "{what}: {answer}");
    let operation = answer["operation"].as_str().unwrap();
    let path = format!("/v1/operations/{operation}");
    let done = party.shows(&path, "settled").await;
    assert_eq!(done["kind"], "step");
}

/// Waits until the field of the loan has the value.
async fn sees(party: &Party, id: &str, field: &str, wanted: &Value) -> Value {
    let mut seen = Value::Null;
    for _ in 0..200 {
        seen = party.get(&loan(id)).await;
        if seen.pointer(field) == Some(wanted) {
            return seen;
        }
        party.tick().await;
    }
    panic!("{field} does not become {wanted}: {seen}");
}

/// Returns the events of a loan, once there are `count` of them.
async fn told(party: &Party, id: &str, count: usize) -> Vec<Value> {
    let mut response = party.stream("/v1/events", None).await;
    let mut text = String::new();
    loop {
        let ours = text.split_terminator("\n\n").filter_map(|event| {
            let data = event.lines().find_map(|line| line.strip_prefix("data:"))?;
            let data: Value = serde_json::from_str(data).ok()?;
            (data["object"] == "loan" && data["id"] == id).then_some(data)
        });
        let ours: Vec<Value> = ours.collect();
        if ours.len() >= count {
            return ours;
        }
        text += &party.chunk(&mut response).await;
    }
}

fn statuses(events: &[Value]) -> Vec<&str> {
    let events = events.iter();
    events.map(|e| e["status"].as_str().unwrap()).collect()
}

async fn kinds(party: &Party) -> Vec<(String, String)> {
    let history = party.get("/v1/history").await;
    let lines = history.as_array().unwrap().iter();
    lines
        .filter(|line| line["kind"] != "deposit")
        .map(|line| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&line["kind"]), text(&line["amount"]))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loan_from_its_proposal_to_its_end() {
    let scene = Scene::new(false).await;
    let (north, south) = (&scene.north, &scene.south);
    let order = scene.order(true);
    assert_eq!(
        south.refused("/v1/loans", &order).await,
        (409, "no_price".into())
    );
    assert_eq!(south.get("/v1/markets").await, json!([]));
    scene.price_of(400, 5).await;
    let markets = south.get("/v1/markets").await;
    assert_eq!(
        (&markets[0]["market"], &markets[0]["initial"]),
        (&json!(2), &json!(12_500))
    );

    for (field, value, refusal) in [
        ("collateral", priced(GOLD, "1.9"), (409, "not_covered")),
        ("collateral", priced(GOLD, "8"), (422, "insufficient_funds")),
        ("collateral", priced(DOLLAR, "1"), (409, "no_market")),
        ("market", json!(3), (409, "no_market")),
        ("market", json!(16), (409, "no_market")),
        ("with", json!(south.address()), (422, "bad_address")),
        ("rate_ppm", json!(1 << 24), (400, "malformed")),
        (
            "maturity",
            json!(scene.market.now() + 100),
            (400, "malformed"),
        ),
        (
            "maturity",
            json!(scene.market.now() - 100),
            (400, "malformed"),
        ),
        ("role", json!("broker"), (400, "malformed")),
        ("valid_for", json!(86_400), (400, "malformed")),
    ] {
        let mut other = order.clone();
        other[field] = value;
        let (status, code) = south.refused("/v1/loans", &other).await;
        assert_eq!((status, code.as_str()), refusal, "{field}");
    }

    let (status, made) = south.post_keyed("/v1/loans", "k", &order).await;
    assert_eq!((status, &made["status"]), (202, &json!("proposed")));
    let again = south.post_keyed("/v1/loans", "k", &order).await.1;
    assert_eq!(again["id"], made["id"]);
    let id = made["id"].as_str().unwrap();
    let seen = north.shows(&loan(id), "proposed").await;
    for field in [
        "collateral",
        "debt",
        "rate_ppm",
        "start",
        "maturity",
        "market",
        "expiry",
    ] {
        assert_eq!(seen[field], made[field], "{field}");
    }
    assert_eq!(
        (&seen["role"], &seen["owed"]),
        (&json!("lender"), &Value::Null)
    );
    assert_eq!(seen["counterparty"], south.owner());
    assert_eq!(seen["counterparty_address"], south.address());
    assert_eq!(south.holds(GOLD).await.0, 0, "the note is promised");
    // The paths of quotes do not show proposals.
    assert_eq!(north.get("/v1/quotes").await, json!([]));
    let quote = format!("/v1/quotes/{id}");
    assert_eq!(north.try_get(&quote).await.0, 404);
    for what in ["accept", "decline", "cancel"] {
        let refused = north.refused(&format!("{quote}/{what}"), &json!({})).await;
        assert_eq!(refused.0, 404);
    }
    let early = north.refused(&act(id, "liquidate"), &json!({})).await;
    assert_eq!(early, (409, "wrong_state".into()));
    let own = south.refused(&act(id, "accept"), &json!({})).await;
    assert_eq!(own, (409, "wrong_state".into()));

    let (status, taken) = north.post_keyed(&act(id, "accept"), "a", &json!({})).await;
    assert_eq!((status, &taken["id"]), (202, &json!(id)));
    for party in [north, south] {
        let open = party.shows(&loan(id), "open").await;
        // With a second of interest, or without.
        let ratio = open["health"]["ratio"].as_str().unwrap();
        assert!(["1.9", "1.8999"].contains(&ratio), "{ratio}");
        assert_eq!(open["health"]["margin_call"], json!(false));
        assert_eq!(party.get("/v1/swaps").await, json!([]));
    }
    let add = json!({ "add": "1" });
    let borrower = north.refused(&act(id, "collateral"), &add).await;
    assert_eq!(borrower, (409, "wrong_state".into()));
    // A price from before the loan's start cannot be used after its opening.
    let half = json!({ "release": "0.5" });
    let early = south.refused(&act(id, "collateral"), &half).await;
    assert_eq!(early, (409, "no_price".into()));
    scene.begin();
    scene.price(400).await;
    let healthy = north.refused(&act(id, "liquidate"), &json!({})).await;
    assert_eq!(healthy, (409, "not_liquidatable".into()));
    for (body, refusal) in [
        (json!({ "release": "1.1" }), (409, "not_covered")),
        (json!({ "release": "4" }), (422, "bad_amount")),
        (json!({ "add": "5" }), (422, "insufficient_funds")),
        (json!({ "add": "1", "release": "1" }), (400, "malformed")),
        (json!({}), (400, "malformed")),
    ] {
        let (status, code) = south.refused(&act(id, "collateral"), &body).await;
        assert_eq!((status, code.as_str()), refusal, "{body}");
    }
    let all = south
        .refused(&act(id, "repay"), &json!({ "amount": "7" }))
        .await;
    assert_eq!(all, (422, "bad_amount".into()));

    step(south, id, "collateral", json!({ "release": "0.5" })).await;
    for party in [north, south] {
        let seen = sees(party, id, "/collateral/amount", &json!("2.5")).await;
        assert_eq!(seen["operation"], Value::Null);
    }
    step(south, id, "repay", json!({ "amount": "2" })).await;
    step(south, id, "close", json!({})).await;
    for party in [north, south] {
        let closed = party.shows(&loan(id), "closed").await;
        assert_eq!(
            (&closed["owed"], &closed["health"]),
            (&json!("0"), &Value::Null)
        );
    }
    let over = south.refused(&act(id, "close"), &json!({})).await;
    assert_eq!(over, (409, "wrong_state".into()));
    let events = told(south, id, 7).await;
    assert_eq!(statuses(&events)[..2], ["proposed", "agreed"]);
    assert_eq!(
        statuses(&events)[events.len() - 4..],
        ["open", "adjusted", "adjusted", "closed"]
    );
    let lines = kinds(south).await;
    let names: Vec<&str> = lines.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        names,
        [
            "secured", "received", "released", "repaid", "repaid", "released"
        ]
    );
    assert_eq!((lines[2].1.as_str(), lines[5].1.as_str()), ("0.5", "2.5"));
    assert_eq!(south.holds(GOLD).await.0, market::units(GOLD, "7"));

    // A restore from the seed alone.
    for (name, seed, live) in [("n", 1, north), ("s", 2, south)] {
        let restored = scene.reopen(name, seed).await;
        let seen = restored.shows(&loan(id), "closed").await;
        let known = live.get(&loan(id)).await;
        for field in [
            "id",
            "role",
            "counterparty",
            "debt",
            "rate_ppm",
            "maturity",
            "batch",
        ] {
            assert_eq!(seen[field], known[field], "{field}");
        }
        let other = if seed == 1 { south } else { north };
        assert_eq!(seen["counterparty"], other.owner());
        // Only who has talked with the counterparty knows its address.
        assert_eq!(known["counterparty_address"], other.address());
        assert_eq!(seen["counterparty_address"], Value::Null);
        assert_eq!(kinds(&restored).await, kinds(live).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_is_declined_withdrawn_or_over() {
    let scene = Scene::new(false).await;
    let (north, south) = (&scene.north, &scene.south);
    scene.price(400).await;
    let order = scene.order(false);
    let mut ids = Vec::new();
    for (what, by, status) in [
        ("decline", south, "declined"),
        ("cancel", north, "cancelled"),
    ] {
        let id = north.start("/v1/loans", &order).await;
        south.shows(&loan(&id), "proposed").await;
        assert_eq!(north.holds(DOLLAR).await.0, market::units(DOLLAR, "1"));
        by.start(&act(&id, what), &json!({})).await;
        for party in [north, south] {
            party.shows(&loan(&id), status).await;
        }
        assert_eq!(north.holds(DOLLAR).await.0, market::units(DOLLAR, "11.5"));
        let late = south.refused(&act(&id, "accept"), &json!({})).await;
        assert_eq!(late, (409, "wrong_state".into()));
        ids.push(id);
    }
    let mut short = order.clone();
    short["valid_for"] = json!(1);
    let id = north.start("/v1/loans", &short).await;
    south.shows(&loan(&id), "expired").await;
    // The maker still waits for a late acceptance.
    north.start(&act(&id, "cancel"), &json!({})).await;
    // The borrower's wallet checks the latest price before it signs.
    let id = north.start("/v1/loans", &order).await;
    south.shows(&loan(&id), "proposed").await;
    scene.price(200).await;
    let thin = south.refused(&act(&id, "accept"), &json!({})).await;
    assert_eq!(thin, (409, "not_covered".into()));
    scene.price_of(400, 4_000).await;
    let stale = south.refused(&act(&id, "accept"), &json!({})).await;
    assert_eq!(stale, (409, "no_price".into()));
    assert_eq!(north.get("/v1/loans").await.as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_margin_call_is_told_once_for_each_fall() {
    let mut scene = Scene::new(false).await;
    scene.price(400).await;
    let id = scene.lent().await;
    let calls = |events: &[Value]| -> Vec<Value> {
        let calls = events.iter().filter(|e| e["status"] == "margin_call");
        calls.map(|e| e["required_top_up"].clone()).collect()
    };
    scene.price(250).await;
    let south = &scene.south;
    let add = json!({ "add": "0.001" });
    let small = south.refused(&act(&id, "collateral"), &add).await;
    assert_eq!(small, (422, "too_small".into()));
    let seen = sees(south, &id, "/health/margin_call", &json!(true)).await;
    assert_eq!(seen["health"]["releasable"], json!("0"));
    let events = told(south, &id, 5).await;
    let top_up = calls(&events)[0].as_str().unwrap().to_owned();
    assert!(top_up.starts_with("0.15"), "{top_up}");
    let needed = seen["health"]["required_top_up"].as_str().unwrap();
    step(south, &id, "collateral", json!({ "add": needed })).await;
    sees(south, &id, "/health/covered", &json!(true)).await;
    scene.price(240).await;
    for party in [&scene.north, &scene.south] {
        let events = told(party, &id, 7).await;
        assert_eq!(calls(&events).len(), 2);
        assert_eq!(statuses(&events).last(), Some(&"margin_call"));
    }
    // A restart repeats no event.
    scene.north.stop().await;
    let north = scene.reopen("north", 1).await;
    north.shows(&loan(&id), "open").await;
    sees(&north, &id, "/health/margin_call", &json!(true)).await;
    scene.market.ticks(4).await;
    assert_eq!(calls(&told(&north, &id, 7).await).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lender_that_watches_liquidates_once() {
    let scene = Scene::new(true).await;
    let (north, south) = (&scene.north, &scene.south);
    scene.price(400).await;
    let id = scene.lent().await;
    scene.price(250).await;
    sees(north, &id, "/health/margin_call", &json!(true)).await;
    assert_eq!(north.get(&loan(&id)).await["status"], "open");
    let batches = scene.market.batches();
    scene.market.price_gold(220, 0);
    for party in [north, south] {
        let ended = party.shows(&loan(&id), "liquidated").await;
        assert_eq!(ended["collateral"]["amount"], "0");
    }
    // Wait longer than the pause after which a failed liquidation is tried again.
    scene.market.clock.advance(Duration::from_secs(60));
    scene.market.ticks(4).await;
    assert_eq!(scene.market.batches(), batches + 1);
    let seized = kinds(north).await.pop().unwrap();
    let left = kinds(south).await.pop().unwrap();
    assert_eq!((seized.0.as_str(), left.0.as_str()), ("seized", "released"));
    // The debt of 6 dollars and the bonus of 5 percent, at 2.20.
    assert!(seized.1.starts_with("2.8636"), "{}", seized.1);
    assert!(left.1.starts_with("0.1363"), "{}", left.1);
}

/// A step looks like a payment to the sequencer, word for word where it can read them.
#[tokio::test(flavor = "multi_thread")]
async fn steps_are_sent_as_payments_are() {
    let scene = Scene::new(false).await;
    let (north, south) = (&scene.north, &scene.south);
    scene.price(400).await;
    let id = scene.lent().await;
    // A release needs a price from after the opening.
    scene.price_of(401, 0).await;
    let before = scene.market.taken().len();
    let pay = json!({ "asset": "dUSD", "amount": "0.25", "to": north.address(), "memo": "" });
    let paid = south.start("/v1/transfers", &pay).await;
    south
        .shows(&format!("/v1/operations/{paid}"), "settled")
        .await;
    step(south, &id, "collateral", json!({ "add": "0.5" })).await;
    step(south, &id, "collateral", json!({ "release": "0.125" })).await;
    step(south, &id, "repay", json!({ "amount": "1" })).await;
    step(south, &id, "close", json!({})).await;
    north.shows(&loan(&id), "closed").await;
    let taken = scene.market.taken().split_off(before);
    let anchors = scene.market.anchors();
    assert!(taken.len() >= 5);
    let (sent, payment) = &taken[0];
    let usual = payment.header.expiry - sent;
    for (at, transaction) in &taken {
        let header = &transaction.header;
        assert_eq!(header.kind, payment.header.kind);
        assert_eq!(header.fee, payment.header.fee);
        assert_eq!(header.fee_asset, payment.header.fee_asset);
        assert_eq!(transaction.withdrawal, None);
        assert!(anchors.contains(&transaction.anchor), "of other prices");
        assert_ne!(header.not_before, 0);
        assert!(header.not_before <= *at);
        assert!(
            (header.expiry - at).abs_diff(usual) <= 5,
            "an expiry of its own"
        );
        assert_eq!(transaction.to_bytes().len(), payment.to_bytes().len());
        let padding = &transaction.note_data.0;
        assert!(
            padding
                .chunks_exact(23)
                .all(|part| part.iter().any(|byte| *byte != 0))
        );
    }
}

/// The prices move between the two legs, and the next batch takes no leg under the old ones. The
/// first party makes its leg again.
#[tokio::test(flavor = "multi_thread")]
async fn a_leg_is_made_again_when_the_prices_move() {
    for borrower_proposes in [false, true] {
        let scene = Scene::new(false).await;
        scene.price(400).await;
        let (maker, taker) = if borrower_proposes {
            (&scene.south, &scene.north)
        } else {
            (&scene.north, &scene.south)
        };
        let order = scene.order(borrower_proposes);
        let id = maker.start("/v1/loans", &order).await;
        taker.shows(&loan(&id), "proposed").await;
        scene.market.mailbox.store(false, Ordering::Relaxed);
        taker.start(&act(&id, "accept"), &json!({})).await;
        taker.shows(&loan(&id), "submitted").await;
        scene.price(390).await;
        scene.market.mailbox.store(true, Ordering::Relaxed);
        for party in [maker, taker] {
            party.shows(&loan(&id), "open").await;
        }
        let anchors: Vec<_> = scene.market.legs().iter().map(|leg| leg.anchor).collect();
        assert_eq!(anchors.len(), 3, "one of the legs is made twice");
        assert!(anchors[0] != anchors[1] && anchors[1] == anchors[2]);
    }
}

/// A lender signs what is covered at the newest price, whatever was agreed.
#[tokio::test(flavor = "multi_thread")]
async fn a_lender_signs_no_opening_that_is_not_covered() {
    let scene = Scene::new(false).await;
    let (north, south) = (&scene.north, &scene.south);
    scene.price(400).await;
    let id = north.start("/v1/loans", &scene.order(false)).await;
    south.shows(&loan(&id), "proposed").await;
    scene.market.mailbox.store(false, Ordering::Relaxed);
    south.start(&act(&id, "accept"), &json!({})).await;
    south.shows(&loan(&id), "submitted").await;
    scene.price(200).await;
    scene.market.mailbox.store(true, Ordering::Relaxed);
    let failed = north.shows(&loan(&id), "failed").await;
    assert_eq!(failed["failure"]["code"], "not_covered");
    assert!(scene.market.legs().len() <= 2, "only the borrower's");
    // The lender proposes nothing that is not covered either.
    let id = south.refused("/v1/loans", &scene.order(true)).await;
    assert_eq!(id, (409, "not_covered".into()));
}
