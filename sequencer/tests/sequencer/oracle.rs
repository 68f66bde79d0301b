//! Price snapshots: followed on the chain, one in the anchors of each batch.

use std::sync::{Arc, atomic::Ordering};

use futures::{FutureExt, future::BoxFuture};
use subrosa_l1::{Account, Client, EmbeddedTransport, L1, deploy, development};
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, AuditorKeys},
    batch::Shape,
    element::Nullifier,
    ledger::{State, paired},
    market::{Market, Price, PriceSnapshot},
    swap::Side,
    transaction::Transaction,
};
use subrosa_sequencer::{
    Health, Word,
    adapters::L1Settlement,
    ports::*,
    store::{Store, tables::PriceSnapshots},
};

use crate::{admission::assert_problem, support::*};

fn market() -> Market {
    Market {
        collateral: AssetId(1),
        debt: AssetId(0),
        haircut: 500,
        initial: 15_000,
        maintenance: 12_000,
        bonus: 600,
        max_age: 3_600,
    }
}

/// Makes a leg under the anchor of the chain's state with these prices.
fn relying_leg(world: &World, side: Side, terms: u64, snapshot: &PriceSnapshot) -> Transaction {
    let mut leg = world.leg(side, terms);
    leg.anchor = world.chain.anchor(snapshot);
    leg
}

/// Returns the snapshots of the settled batches.
fn oracles(world: &World) -> Vec<Fr> {
    world.chain.with(|chain| {
        let batches = chain.settled.iter();
        batches.map(|batch| batch.header.oracle).collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_batchs_snapshot_is_shown() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    assert_problem(&node.get("/v1/oracle").await, 404, "not_found");
    world.chain.set_market(3, Some(market()));
    world.chain.set_market(5, Some(market()));
    let price = (1u128 << 120) - 1;
    let first = world.chain.snapshot(price);
    let answer = node.until_latest(&first).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["time"], first.time);
    assert_eq!(answer.body["previous"], 0);
    let markets = answer.body["markets"].as_array().unwrap();
    let prices = answer.body["prices"].as_array().unwrap();
    assert_eq!((markets.len(), prices.len()), (16, 16));
    let shown = serde_json::json!({
        "collateral": 1, "debt": 0, "haircut": 500, "initial": 15_000, "maintenance": 12_000,
        "bonus": 600, "max_age": 3_600,
    });
    for (id, (market, shown_price)) in markets.iter().zip(prices).enumerate() {
        match id {
            3 => {
                let text = price.to_string();
                let range = serde_json::json!({ "low": text, "high": text });
                assert_eq!((market, shown_price), (&shown, &range));
            }
            5 => assert_eq!((market, shown_price.is_null()), (&shown, true), "no price"),
            _ => assert!(market.is_null() && shown_price.is_null()),
        }
    }
    world.chain.set_market(3, None);
    let second = world.chain.snapshot(0);
    let answer = node.until_latest(&second).await;
    assert!(answer.body["markets"][3].is_null());
    assert_eq!(answer.body["previous"], first.time);
    // A snapshot that the chain took back is not the latest any more.
    world.chain.revert_oracle(2);
    node.until_latest(&first).await;
    node.stop().await;
    // After a restart it is known before the first poll.
    let node = world.start(idle(world.config())).await;
    assert_eq!(
        node.get("/v1/oracle").await.field("digest"),
        hex_fr(&first.digest())
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_batch_has_the_chains_newest_snapshot() {
    let world = World::new();
    let node = world.start(world.config()).await;
    let before = world.transaction();
    node.submit(&before).await;
    node.until(&before, "settled").await;
    let first = world.chain.snapshot(1);
    node.until_latest(&first).await;
    let tx = world.relying(&first);
    assert_eq!(node.submit(&tx).await.status, 202);
    node.until(&tx, "settled").await;
    let second = world.chain.snapshot(2);
    node.until_latest(&second).await;
    // What a batch has recorded serves for good: before and after it, with its prices.
    for state in [0, 1].map(|at| world.chain.with(|chain| chain.states[at])) {
        let mut old = world.transaction();
        old.anchor = state.anchor(&first.digest());
        assert_eq!(node.submit(&old).await.status, 202);
        node.until(&old, "settled").await;
    }
    // Nothing else does.
    let mut foreign = world.transaction();
    foreign.anchor = State::genesis().anchor(&second.digest());
    assert_problem(&node.submit(&foreign).await, 409, "unknown_anchor");
    let prices = [Fr::from(0u64), first.digest()];
    let expected = prices.into_iter().chain([second.digest(); 2]);
    assert_eq!(oracles(&world), expected.collect::<Vec<_>>());
    // A snapshot of a later time than the chain's is not known yet.
    let (later, time) = world.chain.with(|chain| {
        let time = now() + 100;
        (Chain::snapshot_at(chain, 3, time), time)
    });
    world.chain.polled(3).await;
    let answer = node.submit(&world.relying(&later)).await;
    assert_problem(&answer, 409, "unknown_anchor");
    let text = answer.body.to_string();
    assert!(!text.contains(&hex_fr(&later.digest())[2..]), "{text}");
    world.chain.with(|chain| chain.time_offset = 101);
    node.until_latest(&later).await;
    let tx = world.relying(&later);
    assert_eq!(node.submit(&tx).await.status, 202);
    node.until(&tx, "settled").await;
    assert!(world.chain.with(|chain| chain.last_time) >= time);
    assert!(matches!(node.running.health(), Health::Running));
    // Metrics tell nothing of single snapshots.
    let metrics = node.text("/metrics").await;
    assert!(
        !metrics.contains(&hex_fr(&first.digest())[2..]),
        "{metrics}"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prices_stay_while_submissions_rely_on_them() {
    let world = World::new();
    let s = world.chain.snapshot(1);
    let node = world.start(idle(world.config())).await;
    node.until_latest(&s).await;
    let first = [
        world.relying(&s),
        world.transaction(),
        relying_leg(&world, Side::A, 1, &s),
    ];
    for tx in &first {
        assert_eq!(node.submit(tx).await.status, 202);
    }
    let t = world.chain.snapshot(2);
    world.chain.polled(3).await;
    // Whoever asks now gets the same prices, and pairs with who came before.
    node.until_latest(&s).await;
    let early = node.submit(&world.relying(&t)).await;
    assert_problem(&early, 409, "unknown_anchor");
    let second = [relying_leg(&world, Side::B, 1, &s), world.relying(&s)];
    for tx in &second {
        assert_eq!(node.submit(tx).await.status, 202);
    }
    node.stop().await;
    // They stay over a restart too.
    let mut config = world.config();
    config.seal.shapes = vec![Shape::S4, Shape::S16];
    let node = world.start(config).await;
    let all: Vec<Transaction> = first.into_iter().chain(second).collect();
    for tx in &all {
        node.until(tx, "settled").await;
    }
    let batches = world.settled(&all);
    assert_eq!(batches.len(), 1);
    paired(&batches[0]).unwrap();
    assert_eq!(oracles(&world), [s.digest()]);
    // Then they move.
    node.until_latest(&t).await;
    let tx = world.relying(&t);
    assert_eq!(node.submit(&tx).await.status, 202);
    node.until(&tx, "settled").await;
    assert_eq!(oracles(&world), [s.digest(), t.digest()]);
    let metrics = node.metrics().await;
    assert!(!metrics.contains("snapshot"), "{metrics}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_holds_the_prices_for_long() {
    let world = World::new();
    let s = world.chain.snapshot(1);
    let node = world.start(idle(world.config())).await;
    node.until_latest(&s).await;
    let lone = relying_leg(&world, Side::A, 1, &s);
    let single = world.relying(&s);
    for tx in [&lone, &single] {
        assert_eq!(node.submit(tx).await.status, 202);
    }
    let t = world.chain.snapshot(2);
    world.chain.polled(3).await;
    node.until_latest(&s).await;
    // Half of the time after which the chain refuses the old snapshot.
    world.chain.with(|chain| chain.time_offset = 302);
    node.until_latest(&t).await;
    let answer = node.until(&lone, "rejected").await;
    assert_eq!(answer.field("code"), "unknown_anchor");
    node.stop().await;
    let node = world.start(world.config()).await;
    let answer = node.until(&single, "rejected").await;
    assert_eq!(answer.field("code"), "unknown_anchor");
    // The notes are free.
    let mut again = world.relying(&t);
    again.nullifiers = single.nullifiers;
    assert_eq!(node.submit(&again).await.status, 202);
    node.until(&again, "settled").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_sealed_too_long_after_a_newer_snapshot_is_sealed_anew() {
    let world = World::new();
    let s = world.chain.snapshot(1);
    let node = world.start(world.config()).await;
    node.until_latest(&s).await;
    world.prover.blocked.store(true, Ordering::SeqCst);
    let (relying, other) = (world.relying(&s), world.transaction());
    for tx in [&relying, &other] {
        assert_eq!(node.submit(tx).await.status, 202);
    }
    node.until(&relying, "included").await;
    node.until(&other, "included").await;
    // A reorganisation brings a snapshot of a time long before the batch's.
    let t = world.chain.with(|chain| {
        let time = now() - 700;
        let OracleChange::Snapshot { .. } = chain.oracle.remove(0).change else {
            panic!("it was a snapshot");
        };
        chain.block += 1;
        Chain::snapshot_at(chain, 5, time - 60);
        Chain::snapshot_at(chain, 6, time)
    });
    world.prover.blocked.store(false, Ordering::SeqCst);
    let answer = node.until(&relying, "rejected").await;
    assert_eq!(answer.field("code"), "unknown_anchor");
    node.until(&other, "settled").await;
    assert_eq!(oracles(&world).last(), Some(&t.digest()));
    assert!(!matches!(node.running.health(), Health::Halted(_)));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sealed_before_the_chain_reaches_its_time() {
    let world = World::new();
    // The chain lags behind this machine by less than the tolerated time.
    world.chain.with(|chain| chain.time_offset = -30);
    let node = world.start(world.config()).await;
    let mut tx = world.transaction();
    tx.header.not_before = now();
    assert_eq!(node.submit(&tx).await.field("status"), "pending");
    let other = world.transaction();
    node.submit(&other).await;
    node.until(&other, "settled").await;
    assert_eq!(node.status(&tx).await.field("status"), "pending");
    world.chain.with(|chain| chain.time_offset = 0);
    node.until(&tx, "settled").await;
    assert!(world.chain.with(|chain| chain.last_time) >= tx.header.not_before);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_chain_takes_back_ends_who_waits_with_it() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let s = world.chain.snapshot(1);
    let gone = world.chain.snapshot(2);
    node.until_latest(&gone).await;
    let lone = relying_leg(&world, Side::A, 1, &gone);
    let single = world.relying(&gone);
    let kept = world.transaction();
    for tx in [&lone, &single, &kept] {
        assert_eq!(node.submit(tx).await.status, 202);
    }
    world.chain.revert_oracle(1);
    let answer = node.until(&lone, "rejected").await;
    assert_eq!(answer.field("code"), "unknown_anchor");
    node.until_latest(&s).await;
    node.stop().await;
    let node = world.start(world.config()).await;
    let answer = node.until(&single, "rejected").await;
    assert_eq!(answer.field("code"), "unknown_anchor");
    node.until(&kept, "settled").await;
    assert_eq!(oracles(&world), [s.digest()]);
    // The notes are free.
    let mut again = world.relying(&s);
    again.nullifiers = single.nullifiers;
    assert_eq!(node.submit(&again).await.status, 202);
    node.until(&again, "settled").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_snapshot_is_taken_back_is_dropped_and_sealed_anew() {
    for proven in [false, true] {
        let world = World::new();
        if proven {
            let unavailable = Some(Fault::Unavailable);
            world.chain.with(|chain| chain.forever = unavailable);
        } else {
            world.prover.blocked.store(true, Ordering::SeqCst);
        }
        let node = world.start(world.config()).await;
        let s = world.chain.snapshot(1);
        node.until_latest(&s).await;
        let (relying, other) = (world.relying(&s), world.transaction());
        for tx in [&relying, &other] {
            assert_eq!(node.submit(tx).await.status, 202);
        }
        let status = if proven { "proven" } else { "included" };
        node.until(&relying, status).await;
        node.until(&other, status).await;
        // The chain refuses the batch at once, whether or not the change was seen here.
        world.chain.with(|chain| {
            chain.oracle.clear();
            chain.block += 1;
            chain.forever = None;
        });
        world.prover.blocked.store(false, Ordering::SeqCst);
        let answer = node.until(&relying, "rejected").await;
        assert_eq!(answer.field("code"), "unknown_anchor");
        node.until(&other, "settled").await;
        assert!(
            oracles(&world)
                .iter()
                .all(|oracle| *oracle == Fr::from(0u64))
        );
        assert!(!matches!(node.running.health(), Health::Halted(_)));
        node.stop().await;
        world.start(world.config()).await.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_not_its_digest_is_not_served() {
    let world = World::new();
    let node = world.start(world.config()).await;
    let good = world.chain.snapshot(1);
    node.until_latest(&good).await;
    let forged = world.chain.snapshot(2);
    world.chain.with(|chain| {
        let OracleChange::Snapshot { prices, .. } = &mut chain.oracle.last_mut().unwrap().change
        else {
            panic!("it was a snapshot");
        };
        prices[0] += Fr::from(1u64);
    });
    eventually("it is noticed", || {
        matches!(node.running.health(), Health::Degraded(_))
    })
    .await;
    node.until_latest(&good).await;
    let answer = node.submit(&world.relying(&forged)).await;
    assert_problem(&answer, 409, "unknown_anchor");
    // Nothing else is affected.
    let tx = world.relying(&good);
    node.submit(&tx).await;
    node.until(&tx, "settled").await;
    world.chain.revert_oracle(1);
    eventually("healthy again", || node.running.health() == Health::Running).await;
    node.stop().await;
}

/// Without the chain's snapshots a batch would have prices that the chain refuses.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_log_was_never_followed_nothing_is_sealed() {
    let world = World::new();
    world.chain.set_market(3, Some(market()));
    let s = world.chain.snapshot(1);
    let lost = world.chain.with(|chain| chain.oracle.remove(0));
    let node = world.start(world.config()).await;
    eventually("it is noticed", || {
        matches!(node.running.health(), Health::Degraded(_))
    })
    .await;
    assert_problem(&node.get("/v1/oracle").await, 404, "not_found");
    let tx = world.transaction();
    assert_eq!(node.submit(&tx).await.status, 202);
    world.chain.polled(5).await;
    assert_eq!(node.status(&tx).await.field("status"), "pending");
    world.chain.with(|chain| chain.oracle.insert(0, lost));
    eventually("healthy again", || node.running.health() == Health::Running).await;
    node.until_latest(&s).await;
    node.until(&tx, "settled").await;
    assert_eq!(oracles(&world), [s.digest()]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_followed_any_more_stops_nothing_else() {
    let world = World::new();
    let s = world.chain.snapshot(1);
    let node = world.start(world.config()).await;
    node.until_latest(&s).await;
    world.chain.set_market(3, Some(market()));
    world.chain.snapshot(2);
    let lost = world.chain.with(|chain| chain.oracle.remove(1));
    eventually("it is noticed", || {
        matches!(node.running.health(), Health::Degraded(_))
    })
    .await;
    let tx = world.relying(&s);
    node.submit(&tx).await;
    node.until(&tx, "settled").await;
    world.chain.with(|chain| chain.oracle.insert(1, lost));
    eventually("healthy again", || node.running.health() == Health::Running).await;
    node.stop().await;
}

/// Records snapshots of `minutes` minutes ago, in blocks that are not read again.
fn snapshots_ago<const N: usize>(world: &World, minutes: [u64; N]) -> [PriceSnapshot; N] {
    world.chain.with(|chain| {
        let snapshots = minutes.map(|minutes| {
            let time = now() - 60 * minutes;
            Chain::snapshot_at(chain, minutes.into(), time)
        });
        chain.block += 1_000;
        snapshots
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_unsettled_batch_has_is_not_forgotten() {
    let world = World::new();
    let [s] = snapshots_ago(&world, [120]);
    world.prover.blocked.store(true, Ordering::SeqCst);
    let node = world.start(world.config()).await;
    node.until_latest(&s).await;
    let tx = world.relying(&s);
    assert_eq!(node.submit(&tx).await.status, 202);
    node.until(&tx, "included").await;
    let sealed = now();
    // Newer ones supersede it. An hour later it would be forgotten.
    world.chain.with(|chain| {
        Chain::snapshot_at(chain, 1, sealed);
        chain.block += 1_000;
        chain.time_offset = 3_250;
    });
    world.chain.polled(3).await;
    world.chain.snapshot(2);
    world.chain.polled(3).await;
    assert_eq!(node.status(&tx).await.field("status"), "included");
    assert_eq!(world.prover.calls.load(Ordering::SeqCst), 1);
    world.prover.blocked.store(false, Ordering::SeqCst);
    node.until(&tx, "settled").await;
    assert_eq!(oracles(&world), [s.digest()]);
    // The batch settles again after a reorganisation.
    let before = world.chain.with(|chain| chain.state);
    world.chain.reorganise(1);
    eventually("settled again", || {
        world.chain.with(|chain| chain.state == before)
    })
    .await;
    node.until(&tx, "settled").await;
    assert!(matches!(node.running.health(), Health::Running));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_snapshots_are_forgotten() {
    let world = World::new();
    let [.., last] = snapshots_ago(&world, [240, 120, 30, 10]);
    let node = world.start(idle(world.config())).await;
    node.until_latest(&last).await;
    // Over an hour ago, the third superseded the second, and soon the last supersedes the third.
    world.chain.with(|chain| chain.time_offset = 55 * 60);
    world.chain.polled(3).await;
    node.until_latest(&last).await;
    node.stop().await;
    let store = Store::open(&world.store()).unwrap();
    let stored: Vec<PriceSnapshot> = store
        .range::<PriceSnapshots>(&[0; 32])
        .unwrap()
        .map(|entry| entry.unwrap().1.snapshot)
        .collect();
    assert_eq!(stored, [last]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_transactions_and_swaps_settle_while_the_prices_move() {
    let world = World::new();
    let first = world.chain.snapshot(1);
    let node = world.start(world.config()).await;
    node.until_latest(&first).await;
    let mut all = Vec::new();
    for round in 0..6u64 {
        let mut some = Vec::new();
        let next = node.next_anchor().await;
        for i in 0..10u64 {
            let terms = 1 + 10 * round + i / 4;
            let mut tx = match i % 4 {
                0 => world.leg(Side::A, terms),
                1 => world.leg(Side::B, terms),
                _ => world.transaction(),
            };
            if i % 2 == 0 {
                tx.anchor = next;
            }
            some.push(tx);
        }
        world.chain.snapshot(2 + u128::from(round));
        let answers = futures::future::join_all(some.iter().map(|tx| node.submit(tx))).await;
        for (mut tx, answer) in some.into_iter().zip(answers) {
            if answer.status != 202 {
                // The prices moved first.
                assert_problem(&answer, 409, "unknown_anchor");
                tx.anchor = genesis_root();
                assert_eq!(node.submit(&tx).await.status, 202);
            }
            all.push(tx);
        }
    }
    for tx in &all {
        node.until(tx, "settled").await;
    }
    for batch in world.settled(&all) {
        paired(&batch).unwrap();
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_snapshot_is_found_at_start() {
    use subrosa_sequencer::{RecoveryError, StartError};
    let world = World::new();
    let node = world.start(world.config()).await;
    let snapshot = world.chain.snapshot(1);
    node.until_latest(&snapshot).await;
    node.stop().await;
    {
        let store = Store::open(&world.store()).unwrap();
        let id: Word = subrosa_protocol::encoding::fr_to_bytes(&snapshot.digest());
        let mut record = store.get::<PriceSnapshots>(&id).unwrap().unwrap();
        record.snapshot.prices[3] = Price::flat(2);
        let mut changes = store.change();
        changes.put::<PriceSnapshots>(&id, &record).unwrap();
        changes.commit().unwrap();
    }
    let error = world.try_start(world.config()).await.err().unwrap();
    let damaged = matches!(
        &error,
        StartError::Recovery(RecoveryError::PriceSnapshot { .. })
    );
    assert!(damaged, "{error:?}");
}

/// The contracts in this process. They show shapes that nobody registered, because nothing settles
/// here.
struct Contracts(L1Settlement);

impl SettlementLayer for Contracts {
    fn chain_id(&self) -> BoxFuture<'_, Result<u64, SettlementError>> {
        self.0.chain_id()
    }
    fn head(&self) -> BoxFuture<'_, Result<Head, SettlementError>> {
        self.0.head()
    }
    fn rollup(&self) -> BoxFuture<'_, Result<RollupView, SettlementError>> {
        async move {
            Ok(RollupView {
                shapes: Shape::ALL.to_vec(),
                ..self.0.rollup().await?
            })
        }
        .boxed()
    }
    fn block(&self, number: u64) -> BoxFuture<'_, Result<Option<Block>, SettlementError>> {
        self.0.block(number)
    }
    fn final_batches(&self) -> BoxFuture<'_, Result<Option<u64>, SettlementError>> {
        self.0.final_batches()
    }
    fn forget(&self, index: u64) {
        self.0.forget(index);
    }
    fn accepted(&self, index: u64) -> BoxFuture<'_, Result<Option<Accepted>, SettlementError>> {
        self.0.accepted(index)
    }
    fn deposits_mined(&self, confirmations: u64) -> BoxFuture<'_, Result<u64, SettlementError>> {
        self.0.deposits_mined(confirmations)
    }
    fn deposits(
        &self,
        from: u64,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<QueuedDeposit>, SettlementError>> {
        self.0.deposits(from, limit)
    }
    fn take_backs(
        &self,
        from: u64,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<TakeBack>, SettlementError>> {
        self.0.take_backs(from, limit)
    }
    fn assets(&self) -> BoxFuture<'_, Result<Vec<AssetInfo>, SettlementError>> {
        self.0.assets()
    }
    fn auditors(&self) -> BoxFuture<'_, Result<AuditorKeys, SettlementError>> {
        self.0.auditors()
    }
    fn oracle_log(&self, from: u64) -> BoxFuture<'_, Result<OracleLog, SettlementError>> {
        self.0.oracle_log(from)
    }
    fn snapshot_validity<'a>(
        &'a self,
        digest: &'a Fr,
    ) -> BoxFuture<'a, Result<Option<Validity>, SettlementError>> {
        self.0.snapshot_validity(digest)
    }
    fn settle<'a>(
        &'a self,
        batch: &'a Settlement,
    ) -> BoxFuture<'a, Result<Receipt, SettlementError>> {
        self.0.settle(batch)
    }
    fn cancel<'a>(
        &'a self,
        index: u64,
        data_commitment: &'a Fr,
    ) -> BoxFuture<'a, Result<bool, SettlementError>> {
        self.0.cancel(index, data_commitment)
    }
    fn settled_batch(
        &self,
        index: u64,
    ) -> BoxFuture<'_, Result<Option<SettledBatch>, SettlementError>> {
        self.0.settled_batch(index)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_is_followed() {
    let accounts = development::accounts();
    let funded: Vec<_> = accounts.iter().map(Account::address).collect();
    let transport = Arc::new(EmbeddedTransport::new(&funded));
    let owner = &accounts[0];
    let mut assets = Vec::new();
    for (symbol, decimals) in [("dUSD", 6), ("dXAU", 18)] {
        let token = deploy::development_token(&*transport, owner, symbol, symbol, decimals);
        assets.push(deploy::NewAsset {
            token: token.await.unwrap(),
            auditor: None,
            flags: 0,
        });
    }
    let deployment = deploy::DeployConfig {
        sequencer: funded[1],
        guardian: funded[2],
        fee_asset: AssetId(0),
        assets,
        shapes: Vec::new(),
    };
    let deployment = deploy::deploy(&*transport, owner, &deployment)
        .await
        .unwrap();
    for (asset, token_decimals, price) in [(0, 6, 100_000_000), (1, 18, 250_000_000_000)] {
        let feed = deploy::development_feed(&*transport, owner, 8, price).await;
        let feed = deploy::NewFeed {
            asset: AssetId(asset),
            feed: feed.unwrap(),
            heartbeat: 3_600,
            token_decimals,
        };
        deploy::set_feed(&*transport, owner, &deployment, &feed)
            .await
            .unwrap();
    }
    let l1 = Arc::new(Client::new(transport.clone(), deployment.contracts, None));
    let world = World::new();
    let mut config = idle(world.config());
    config.rollup = deployment.contracts.rollup.into_array();
    config.vault = deployment.contracts.vault.into_array();
    let ports = Ports {
        settlement: Arc::new(Contracts(L1Settlement::new(l1.clone()))),
        ..world.ports()
    };
    let node = world.start_with(config, ports).await;
    deploy::set_market(&*transport, owner, &deployment, 3, &market(), 500)
        .await
        .unwrap();
    l1.take_snapshot(&accounts[5]).await.unwrap();
    let snapshot = l1.snapshot().await.unwrap().unwrap();
    let answer = node.until_latest(&snapshot).await;
    let range = serde_json::json!({ "low": "2500000000", "high": "2500000000" });
    assert_eq!(answer.body["prices"][3], range);
    assert_eq!(answer.body["markets"][3]["collateral"], 1);
    let next = State::genesis().anchor(&snapshot.digest());
    let mut tx = transaction(next, l1.rollup().await.unwrap().assets_root);
    let context = l1.rollup().await.unwrap().context;
    let submitted = node.submit_bytes(prove_under(&tx, &context)).await;
    assert_eq!(
        (submitted.status, submitted.field("status")),
        (202, "pending")
    );
    tx.nullifiers[0] = Nullifier::of(Fr::from(tx.nullifiers[0]) + Fr::from(1u64));
    tx.anchor = State::genesis().anchor(&(snapshot.digest() + Fr::from(1u64)));
    let refused = node.submit_bytes(prove_under(&tx, &context)).await;
    assert_problem(&refused, 409, "unknown_anchor");
    node.stop().await;
}
