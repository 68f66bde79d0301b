//! Two wallets, from a request to a settled swap, through their gateways. Everything between them
//! is in memory; the statement's native check stands for its proof.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod market;

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use market::{DOLLAR, FEE, GOLD, Market, Party, SYMBOLS, priced, read_events, units};
use rand::rngs::OsRng;
use serde_json::{Value, json};
use subrosa_protocol::{message, swap::Side, transaction::Kind};

struct Scene {
    market: Arc<Market>,
    sequencer: String,
    directory: tempfile::TempDir,
    north: Party,
    south: Party,
}

impl Scene {
    /// North has dollars; south has gold and a dollar note for fees.
    async fn new() -> Self {
        let (market, sequencer) = Market::open().await;
        let directory = tempfile::tempdir().unwrap();
        let open = |name: &'static str, seed| {
            let (market, sequencer, path) = (&market, &sequencer, directory.path().join(name));
            async move { Party::open(market, sequencer, &path, seed).await }
        };
        let (north, south) = (open("north", 1).await, open("south", 2).await);
        north.deposit(DOLLAR, "10.5").await;
        north.deposit(DOLLAR, "1").await;
        south.deposit(GOLD, "7.000000000000000001").await;
        south.deposit(DOLLAR, "2").await;
        Self {
            market,
            sequencer,
            directory,
            north,
            south,
        }
    }

    async fn reopen(&self, name: &str, seed: u8) -> Party {
        let path = self.directory.path().join(name);
        Party::open(&self.market, &self.sequencer, Path::new(&path), seed).await
    }

    /// North asks for 3 gold for 10 dollars, and south receives the request.
    async fn asked(&self) -> String {
        let body = json!({
            "counterparties": [self.south.address()],
            "give": { "asset": SYMBOLS[DOLLAR], "amount": "10" },
            "want": { "asset": SYMBOLS[GOLD] },
        });
        let rfq = self.north.start("/v1/rfqs", &body).await;
        self.south.shows(&format!("/v1/rfqs/{rfq}"), "open").await;
        rfq
    }

    fn answer(rfq: &str, valid_for: u64, settle_within: u64) -> Value {
        json!({
            "rfq": rfq,
            "give": priced(GOLD, "3"),
            "want": priced(DOLLAR, "10"),
            "valid_for": valid_for,
            "settle_within": settle_within,
        })
    }

    /// South quotes 3 gold for 10 dollars, and north receives the quote.
    async fn quoted(&self, valid_for: u64, settle_within: u64) -> String {
        let rfq = self.asked().await;
        let body = Self::answer(&rfq, valid_for, settle_within);
        let quote = self.south.start("/v1/quotes", &body).await;
        self.north
            .shows(&format!("/v1/quotes/{quote}"), "offered")
            .await;
        quote
    }
}

fn accept(quote: &str) -> String {
    format!("/v1/quotes/{quote}/accept")
}

fn swap(quote: &str) -> String {
    format!("/v1/swaps/{quote}")
}

/// Ten units of an asset with 6 decimals for three of one with 18, exact to the last unit.
#[tokio::test(flavor = "multi_thread")]
async fn a_swap_is_exact() {
    let scene = Scene::new().await;
    let Scene {
        north,
        south,
        market,
        ..
    } = &scene;

    let fine = json!({
        "with": south.address(), "give": priced(DOLLAR, "10.0000001"), "want": priced(GOLD, "3"),
    });
    assert_eq!(
        north.refused("/v1/swaps", &fine).await,
        (422, "bad_amount".into())
    );
    let float = json!({
        "with": south.address(),
        "give": { "asset": "dUSD", "amount": 10.5 },
        "want": priced(GOLD, "3"),
    });
    assert_eq!(
        north.refused("/v1/swaps", &float).await,
        (400, "malformed".into())
    );
    let own =
        json!({ "with": north.address(), "give": priced(DOLLAR, "10"), "want": priced(GOLD, "3") });
    assert_eq!(
        north.refused("/v1/swaps", &own).await,
        (422, "bad_address".into())
    );
    let same = json!({
        "with": south.address(), "give": priced(DOLLAR, "10"), "want": priced(DOLLAR, "3"),
    });
    assert_eq!(
        north.refused("/v1/swaps", &same).await,
        (400, "malformed".into())
    );
    let long = json!({
        "with": south.address(), "give": priced(DOLLAR, "10"), "want": priced(GOLD, "3"),
        "valid_for": 86_400,
    });
    assert_eq!(
        north.refused("/v1/swaps", &long).await,
        (400, "malformed".into())
    );
    let rich =
        json!({ "with": south.address(), "give": priced(DOLLAR, "12"), "want": priced(GOLD, "3") });
    assert_eq!(
        north.refused("/v1/swaps", &rich).await,
        (422, "insufficient_funds".into())
    );

    let rfq = scene.asked().await;
    let mut unfit = Scene::answer(&rfq, 60, 600);
    unfit["want"] = priced(DOLLAR, "11");
    assert_eq!(
        south.refused("/v1/quotes", &unfit).await,
        (400, "malformed".into())
    );
    // A key answers its first request only.
    let body = Scene::answer(&rfq, 60, 600);
    let (status, first) = south.post_keyed("/v1/quotes", "k", &body).await;
    assert_eq!((status, &first["status"]), (202, &json!("offered")));
    assert_eq!(
        south.post_keyed("/v1/quotes", "k", &body).await.1["id"],
        first["id"]
    );
    let (status, other) = south.post_keyed("/v1/quotes", "k", &unfit).await;
    assert_eq!(
        (status, &other["code"]),
        (409, &json!("idempotency_conflict"))
    );
    let quote = first["id"].as_str().unwrap();

    let seen = north.shows(&format!("/v1/quotes/{quote}"), "offered").await;
    assert_eq!(
        (&seen["give"]["amount"], &seen["want"]["amount"]),
        (&json!("10"), &json!("3"))
    );
    assert_eq!(
        south.get("/v1/balances").await[GOLD]["spendable"],
        "0",
        "the note is promised"
    );
    assert_eq!(
        north.get(&format!("/v1/rfqs/{rfq}")).await["quotes"],
        json!([quote])
    );

    let (status, taken) = north.post_keyed(&accept(quote), "a", &json!({})).await;
    assert_eq!((status, &taken["id"]), (202, &json!(quote)));
    assert_eq!(
        north.post_keyed(&accept(quote), "a", &json!({})).await.1["id"],
        taken["id"]
    );
    assert_eq!(
        north.refused(&accept(quote), &json!({})).await,
        (409, "wrong_state".into())
    );
    for of in [north, south] {
        let settled = of.shows(&swap(quote), "settled").await;
        let operation = settled["operation"].as_str().unwrap();
        let operation = of.get(&format!("/v1/operations/{operation}")).await;
        assert_eq!(
            (&operation["kind"], &operation["batch"]),
            (&json!("leg"), &settled["batch"])
        );
    }
    assert_eq!(
        north.shows(&format!("/v1/rfqs/{rfq}"), "closed").await["direction"],
        "outgoing"
    );
    south.shows(&format!("/v1/rfqs/{rfq}"), "closed").await;

    assert_eq!(north.holds(DOLLAR).await, (units(DOLLAR, "1.5") - FEE, 0));
    assert_eq!(north.holds(GOLD).await, (units(GOLD, "3"), 0));
    assert_eq!(south.holds(DOLLAR).await, (units(DOLLAR, "12") - FEE, 0));
    assert_eq!(south.holds(GOLD).await, (units(GOLD, "4") + 1, 0));
    for (of, other, gave, got) in [
        (north, south, (DOLLAR, "10"), (GOLD, "3")),
        (south, north, (GOLD, "3"), (DOLLAR, "10")),
    ] {
        let history = of.get("/v1/history").await;
        for (kind, (asset, amount)) in [("delivered", gave), ("received", got)] {
            let lines = history.as_array().unwrap().iter();
            let lines: Vec<_> = lines.filter(|line| line["kind"] == kind).collect();
            assert_eq!(lines.len(), 1, "{kind}");
            assert_eq!(lines[0]["asset"]["symbol"], SYMBOLS[asset]);
            assert_eq!(lines[0]["amount"], amount);
            assert_eq!(lines[0]["counterparty"], other.owner());
            assert_eq!(lines[0]["counterparty_address"], other.address());
        }
    }

    // Both legs have the digest and the expiry of the terms.
    let legs = market.legs();
    assert_eq!(legs.len(), 2);
    assert_eq!(legs[0].terms, legs[1].terms);
    assert!(
        legs.iter()
            .all(|leg| json!(leg.header.expiry) == seen["expiry"])
    );
    for side in Side::BOTH {
        assert!(legs.iter().any(|leg| leg.header.kind == Kind::leg(side)));
    }
    assert_eq!(
        market.messages().len(),
        3,
        "a request, a quote, an acceptance"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_numbered_and_can_be_taken_up_again() {
    let mut scene = Scene::new().await;
    let north = &scene.north;
    let live = north.stream("/v1/events", None).await;
    let quote = scene.quoted(60, 600).await;
    north.start(&accept(&quote), &json!({})).await;
    north.shows(&swap(&quote), "settled").await;

    let events = read_events(north, live, 6).await;
    assert!(
        events
            .iter()
            .map(|(number, ..)| *number)
            .eq(1..=events.len() as u64)
    );
    let told = |object: &str, status: &str| {
        events
            .iter()
            .any(|(_, event, data)| event == object && data["status"] == status)
    };
    assert!(told("rfq", "open") && told("rfq", "closed") && told("quote", "offered"));
    assert!(told("quote", "accepted") && told("swap", "agreed"));
    let again = read_events(north, north.stream("/v1/events", Some(2)).await, 1).await;
    assert_eq!(again[0], events[2]);
    let again = read_events(north, north.stream("/v1/events?from=4", None).await, 1).await;
    assert_eq!(again[0], events[3]);

    let bare = reqwest::get(north.stream("/v1/events", None).await.url().clone())
        .await
        .unwrap();
    assert_eq!(bare.status(), 401);
    assert_eq!(north.stream("/v1/events?from=x", None).await.status(), 400);
    // An open stream does not keep the gateway from stopping.
    let open = north.stream("/v1/events", None).await;
    scene.north.stop().await;
    drop(open);
}

/// Notes are promised once, and free again when the quote is cancelled, declined or expired.
#[tokio::test(flavor = "multi_thread")]
async fn notes_are_promised_once_and_come_back() {
    let scene = Scene::new().await;
    let (north, south) = (&scene.north, &scene.south);
    let free = (units(GOLD, "7.000000000000000001"), 0);
    let quote = scene.quoted(60, 600).await;
    let again =
        json!({ "with": north.address(), "give": priced(GOLD, "3"), "want": priced(DOLLAR, "10") });
    assert_eq!(
        south.refused("/v1/swaps", &again).await,
        (422, "insufficient_funds".into())
    );
    let transfer = json!({ "asset": "dXAU", "amount": "5", "to": north.address() });
    assert_eq!(
        south.refused("/v1/transfers", &transfer).await,
        (422, "insufficient_funds".into())
    );

    let (status, cancelled) = south
        .post(&format!("/v1/quotes/{quote}/cancel"), &json!({}))
        .await;
    assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")));
    assert_eq!(south.holds(GOLD).await, free);
    north
        .shows(&format!("/v1/quotes/{quote}"), "cancelled")
        .await;
    assert_eq!(
        north.refused(&accept(&quote), &json!({})).await,
        (409, "wrong_state".into())
    );

    let offer = south.start("/v1/swaps", &again).await;
    north.shows(&swap(&offer), "offered").await;
    north
        .start(&format!("/v1/quotes/{offer}/decline"), &json!({}))
        .await;
    south.shows(&swap(&offer), "declined").await;
    assert_eq!(south.holds(GOLD).await, free);

    let lapsing = scene.quoted(1, 600).await;
    for of in [north, south] {
        of.shows(&format!("/v1/quotes/{lapsing}"), "expired").await;
    }
    assert_eq!(south.holds(GOLD).await, free);
    assert_eq!(south.try_get("/v1/quotes/00").await.0, 404);
    assert!(scene.market.legs().is_empty());
}

/// The maker is gone. The taker's leg waits and expires, and its notes are free once L1's clock
/// rules out its inclusion.
#[tokio::test(flavor = "multi_thread")]
async fn a_leg_that_stays_alone_expires() {
    let mut scene = Scene::new().await;
    let quote = scene.quoted(2, 3).await;
    scene.south.stop().await;
    let north = &scene.north;
    let before = north.holds(DOLLAR).await;
    north.start(&accept(&quote), &json!({})).await;
    north.shows(&swap(&quote), "submitted").await;
    assert!(north.holds(DOLLAR).await.0 < before.0);
    north.shows(&swap(&quote), "expired").await;
    assert!(
        north.holds(DOLLAR).await.0 < before.0,
        "it is signed: until L1's time is past it, it counts"
    );
    scene.market.ahead.store(3_700, Ordering::Relaxed);
    north.comes_to_hold(DOLLAR, before).await;
}

/// The mailbox fails for a while, and the wallets restart at every step. Nothing is lost or done
/// twice.
#[tokio::test(flavor = "multi_thread")]
async fn restarts_and_a_closed_mailbox_lose_nothing() {
    let mut scene = Scene::new().await;
    let rfq = scene.asked().await;
    scene.market.mailbox.store(false, Ordering::Relaxed);
    let quote = scene
        .south
        .start("/v1/quotes", &Scene::answer(&rfq, 60, 600))
        .await;
    scene.south.stop().await;
    scene.south = scene.reopen("south", 2).await;
    assert_eq!(
        scene.south.get(&format!("/v1/quotes/{quote}")).await["status"],
        "offered"
    );
    assert_eq!(scene.south.holds(GOLD).await.0, 0, "still promised");
    assert_eq!(
        scene.north.try_get(&format!("/v1/quotes/{quote}")).await.0,
        404
    );
    scene.market.mailbox.store(true, Ordering::Relaxed);
    scene
        .north
        .shows(&format!("/v1/quotes/{quote}"), "offered")
        .await;

    scene.south.stop().await;
    scene.north.start(&accept(&quote), &json!({})).await;
    scene.north.stop().await;
    scene.north = scene.reopen("north", 1).await;
    scene.south = scene.reopen("south", 2).await;
    for of in [&scene.north, &scene.south] {
        of.shows(&swap(&quote), "settled").await;
    }
    assert_eq!(scene.market.legs().len(), 2, "each leg was made once");

    // A wallet restored from its seed alone finds what it traded.
    let restored = scene.reopen("elsewhere", 1).await;
    restored.comes_to_hold(GOLD, (units(GOLD, "3"), 0)).await;
}

/// The maker merges notes before the offer leaves, the taker after the acceptance.
#[tokio::test(flavor = "multi_thread")]
async fn notes_are_merged_first() {
    let (market, sequencer) = Market::open().await;
    let directory = tempfile::tempdir().unwrap();
    let north = Party::open(&market, &sequencer, &directory.path().join("north"), 1).await;
    let south = Party::open(&market, &sequencer, &directory.path().join("south"), 2).await;
    for _ in 0..4 {
        south.deposit(GOLD, "1").await;
        north.deposit(DOLLAR, "3").await;
    }
    for _ in 0..2 {
        south.deposit(DOLLAR, "1").await;
    }
    let offer = json!({
        "with": north.address(), "give": priced(GOLD, "3.5"), "want": priced(DOLLAR, "10"),
    });
    let (status, answer) = south.post("/v1/swaps", &offer).await;
    assert_eq!(status, 202);
    let id = answer["id"].as_str().unwrap();
    assert_eq!(
        south.get(&format!("/v1/quotes/{id}")).await["status"],
        "preparing"
    );
    north.shows(&swap(id), "offered").await;
    north.start(&accept(id), &json!({})).await;
    for of in [&north, &south] {
        of.shows(&swap(id), "settled").await;
    }
    assert_eq!(north.holds(GOLD).await, (units(GOLD, "3.5"), 0));
    assert_eq!(south.holds(GOLD).await, (units(GOLD, "0.5"), 0));
}

/// Noise and undecodable messages do no harm.
#[tokio::test(flavor = "multi_thread")]
async fn noise_in_the_mailbox_does_no_harm() {
    let scene = Scene::new().await;
    let (north, south) = (&scene.north, &scene.south);
    for byte in 0..=255 {
        scene.market.post(vec![byte; 1_024]);
    }
    scene.market.post(vec![1; 17]);
    for payload in [
        &b""[..],
        b"\x01",
        b"\x01\x02garbage",
        &[1; 878],
        &[0xff; 300],
    ] {
        let sealed = message::seal(&north.keys, &south.keys.address(), payload, &mut OsRng);
        scene.market.post(sealed.unwrap().0.to_vec());
    }
    let quote = scene.quoted(60, 600).await;
    // Repeat every message.
    for message in scene.market.messages() {
        scene.market.post(message);
    }
    north.start(&accept(&quote), &json!({})).await;
    for of in [north, south] {
        of.shows(&swap(&quote), "settled").await;
    }
    assert_eq!(south.get("/v1/rfqs").await.as_array().unwrap().len(), 1);
    assert_eq!(scene.market.batches(), 5, "four deposits and a swap");
}

/// The OpenAPI description has every path, and an example for every body.
#[test]
fn the_description_is_complete() {
    let document = serde_json::to_value(subrosa_wallet::gateway::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/v1/rfqs",
        "/v1/rfqs/{id}",
        "/v1/rfqs/{id}/decline",
        "/v1/rfqs/{id}/cancel",
        "/v1/quotes",
        "/v1/quotes/{id}",
        "/v1/quotes/{id}/accept",
        "/v1/quotes/{id}/decline",
        "/v1/quotes/{id}/cancel",
        "/v1/swaps",
        "/v1/swaps/{id}",
        "/v1/events",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for schema in [
        "RfqRequest",
        "QuoteRequest",
        "SwapRequest",
        "RfqView",
        "QuoteView",
        "SwapView",
    ] {
        assert!(schemas[schema].get("example").is_some(), "{schema}");
    }
}

/// The maker cancels while the acceptance is under way. The cancellation counts, and the taker's
/// leg stays unpaired.
#[tokio::test(flavor = "multi_thread")]
async fn an_acceptance_that_crosses_a_withdrawal_comes_to_nothing() {
    let scene = Scene::new().await;
    let (north, south) = (&scene.north, &scene.south);
    let quote = scene.quoted(4, 2).await;
    scene.market.mailbox.store(false, Ordering::Relaxed);
    north.start(&accept(&quote), &json!({})).await;
    south
        .start(&format!("/v1/quotes/{quote}/cancel"), &json!({}))
        .await;
    north.shows(&swap(&quote), "submitted").await;
    scene.market.mailbox.store(true, Ordering::Relaxed);
    north.shows(&swap(&quote), "expired").await;
    assert_eq!(south.get(&swap(&quote)).await["status"], "cancelled");
    assert_eq!(south.holds(GOLD).await.0, units(GOLD, "7") + 1);
    assert_eq!(scene.market.legs().len(), 1);
}

/// A stale leg is made again, with the same terms and the same notes.
#[tokio::test(flavor = "multi_thread")]
async fn a_leg_is_made_again_of_the_same_notes() {
    let scene = Scene::new().await;
    // The legs are under the next batch's prices, which no batch has.
    scene.market.price_gold(200, 60);
    scene.market.tick().await;
    let quote = scene.quoted(60, 600).await;
    scene.market.refuse_leg.store(true, Ordering::Relaxed);
    scene.north.start(&accept(&quote), &json!({})).await;
    while scene.market.refuse_leg.load(Ordering::Relaxed) {
        scene.market.tick().await;
    }
    // Under the same anchor the same leg is sent again. Under another one it is made again.
    scene.market.price_gold(201, 0);
    for of in [&scene.north, &scene.south] {
        of.shows(&swap(&quote), "settled").await;
    }
    let legs = scene.market.legs();
    assert!(legs.len() >= 3, "{} legs", legs.len());
    assert!(legs.iter().all(|leg| leg.terms == legs[0].terms));
    let kind = legs[0].header.kind;
    let (first, again) = (
        &legs[0],
        legs[1..]
            .iter()
            .find(|leg| leg.header.kind == kind)
            .unwrap(),
    );
    assert!(
        first
            .nullifiers
            .iter()
            .any(|nf| again.nullifiers.contains(nf)),
        "otherwise both could be included"
    );
}

/// Concurrent quotes and payments from the same few notes. Accepted requests are carried through,
/// and nothing is promised twice.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_promised_twice_at_once() {
    let (market, sequencer) = Market::open().await;
    let directory = tempfile::tempdir().unwrap();
    let north = Party::open(&market, &sequencer, &directory.path().join("north"), 1).await;
    let south = Party::open(&market, &sequencer, &directory.path().join("south"), 2).await;
    for _ in 0..3 {
        south.deposit(GOLD, "1").await;
    }
    for _ in 0..6 {
        south.deposit(DOLLAR, "1").await;
        north.deposit(DOLLAR, "10").await;
    }
    let offer =
        json!({ "with": north.address(), "give": priced(GOLD, "1"), "want": priced(DOLLAR, "5") });
    let payment = json!({ "asset": "dXAU", "amount": "1", "to": north.address() });
    let asked = (0..8).map(|number| {
        let (south, offer, payment) = (&south, &offer, &payment);
        async move {
            if number % 4 == 3 {
                ("operations", south.post("/v1/transfers", payment).await)
            } else {
                ("swaps", south.post("/v1/swaps", offer).await)
            }
        }
    });
    let mut taken = Vec::new();
    for (kind, (status, answer)) in futures::future::join_all(asked).await {
        if status == 202 {
            taken.push((kind, answer["id"].as_str().unwrap().to_owned()));
        } else {
            assert_eq!(answer["code"], "insufficient_funds");
        }
    }
    assert_eq!(taken.len(), 3, "three notes, three promises");
    for (kind, id) in &taken {
        if *kind == "swaps" {
            north.shows(&swap(id), "offered").await;
            north.start(&accept(id), &json!({})).await;
        }
    }
    for (kind, id) in &taken {
        south.shows(&format!("/v1/{kind}/{id}"), "settled").await;
    }
    assert_eq!(south.holds(GOLD).await, (0, 0));
    north.comes_to_hold(GOLD, (units(GOLD, "3"), 0)).await;
}
