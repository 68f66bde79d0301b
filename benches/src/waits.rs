//! Waits and gas of transactions: a sequencer on simulated time, between wallets that submit at
//! random and an L1 whose oracle takes price snapshots at various intervals.
//!
//! The sequencer is the real one, with its interface, mempool, sealing and store. In place of the
//! prover and of L1 stand doubles that take as long as the real ones (`l1`, `prover`); client
//! proofs are not verified. All runs with one rate have the same arrivals, so that their
//! differences come from the snapshots.
//!
//! Time is that of a paused runtime: it stands still while anything works and then jumps to the
//! next moment for which somebody waits. Work on the machine therefore takes no time, and the
//! figures do not depend on its speed.

mod crowd;
mod gas;
mod l1;
mod prover;
mod time;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use subrosa_client::SequencerClient;
use subrosa_node::system::rounded;
use subrosa_protocol::{batch::Shape, element::TransactionDigest};
use subrosa_sequencer::{
    BatchEvent, BatchEventKind, Config, Halt, Health, Ports, RunningSequencer, config::RateConfig,
};
use tokio::sync::broadcast;

use self::{
    crowd::{Crowd, Fate, Kind, MIN_FEE},
    gas::GasTable,
    l1::{CHAIN_ID, Chain, ROLLUP, Settled, Snapshots},
    prover::{AnyProof, ProofTimes, SlowProver},
    time::PausedClock,
};

/// Transactions a second, and the factor by which the prover is faster than the one that was
/// measured, which proves about one transaction a second. The first rate is that of a rollup on
/// which most snapshots come while nothing waits.
const RATES: [(f64, f64); 3] = [(0.05, 1.0), (0.7, 1.0), (5.0, 8.0)];

/// Time after the last arrival without a new batch, after which nothing more is sealed. It is
/// longer than a batch takes from sealing to settlement.
const QUIET: Duration = Duration::from_secs(300);

/// Time after the last arrival after which the rest is given up: every transaction has expired.
const GIVE_UP: Duration = Duration::from_secs(2 * 3_600);

/// One run.
#[derive(Debug, Clone, Copy)]
struct Case {
    /// Transactions a second, on average.
    rate: f64,
    /// Factor by which the prover is faster than the one that was measured.
    speed: f64,
    snapshots: Snapshots,
    /// Time in which transactions arrive.
    length: Duration,
}

/// Simulates so many hours for each rate and interval of snapshots, and returns the figures.
/// `only` names one rate in transactions a second, with the prover's speed, in place of all.
///
/// # Errors
/// If hours, rate or speed are not positive, or the sequencer does not start or halts.
pub fn figures(hours: u32, only: Option<(f64, f64)>) -> anyhow::Result<Value> {
    ensure!(hours > 0, "at least one hour");
    let length = Duration::from_secs(3_600) * hours;
    let mut cases = Vec::new();
    for (rate, speed) in only.map_or(RATES.to_vec(), |only| vec![only]) {
        ensure!(rate > 0.0 && speed > 0.0, "rate and speed are above 0");
        cases.extend(Snapshots::ALL.map(|snapshots| Case {
            rate,
            speed,
            snapshots,
            length,
        }));
    }
    let (times, gas) = (ProofTimes::measured()?, GasTable::measured()?);
    let mut runs = Vec::new();
    for case in cases {
        let run = simulate(case, times)?;
        runs.push(run.figures(case, &gas)?);
    }
    Ok(json!({
        "hours": hours,
        "block_s": l1::BLOCK.as_secs(),
        "client_proof_ms": crowd::PROOF.as_millis() as u64,
        "batch_proof_s": times.json(),
        "runs": runs,
    }))
}

/// Runs a case on a thread of its own, because the time of a runtime can be paused only if it has
/// one thread.
fn simulate(case: Case, times: ProofTimes) -> anyhow::Result<Run> {
    let work = move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build()?;
        runtime.block_on(run(case, times))
    };
    let thread = std::thread::Builder::new().name("simulation".into());
    let ended = thread.spawn(work)?.join();
    ended.unwrap_or_else(|_| bail!("the simulation panicked"))
}

/// Everything that a run left.
struct Run {
    fates: Vec<Fate>,
    /// Status of each accepted transaction that did not settle.
    unsettled: HashMap<TransactionDigest, String>,
    /// Times at which batches were sealed and settled.
    moments: Moments,
    /// Digests of the transactions of each batch.
    contents: HashMap<u64, Vec<TransactionDigest>>,
    batches: Vec<Settled>,
    snapshots: usize,
}

/// Times at which batches were sealed and settled, by index.
#[derive(Debug, Default, Clone)]
struct Moments {
    sealed: HashMap<u64, Duration>,
    settled: HashMap<u64, Duration>,
    dropped: usize,
}

async fn run(case: Case, times: ProofTimes) -> anyhow::Result<Run> {
    let store = tempfile::tempdir()?;
    let clock = PausedClock::start();
    let mut config = Config::new(store.path().join("store"), CHAIN_ID, ROLLUP, [0x22; 20]);
    config.listen = ([127, 0, 0, 1], 0).into();
    config.fee_recipient = [0x33; 20];
    config.min_fee = MIN_FEE;
    // All wallets share one address, and pauses between requests are no time here.
    // Submissions are not gathered: that would take time while time is held.
    config.admission.group = 1;
    config.http.reads = RateConfig::OFF;
    config.http.submissions = RateConfig::OFF;
    config.http.header_timeout_ms = 3_600_000;
    config.http.idle_timeout_ms = 3_600_000;
    let chain = Chain::new(clock.clone(), config.context());
    let prover = SlowProver::new(clock.clone(), times, case.speed);
    let ports = Ports {
        verifier: Arc::new(AnyProof),
        prover: prover.clone(),
        settlement: chain.clone(),
        clock: clock.clone(),
    };
    let node = subrosa_sequencer::start(config, ports).await?;
    let moments = Arc::new(Mutex::new(Moments::default()));
    let listener = tokio::spawn(listen(node.events(), clock.clone(), moments.clone()));
    let oracle = tokio::spawn(chain.clone().take_snapshots(case.snapshots));

    let client = SequencerClient::new(&format!("http://{}", node.addr()))?;
    let crowd = Crowd::new(client.clone(), clock.clone(), chain.assets_root());
    let fates = crowd.submit(case.rate, case.length).await?;
    drain(&node, &chain, &clock).await?;
    oracle.abort();

    let contents = prover.contents();
    let batches = chain.settled();
    let settled: HashSet<TransactionDigest> = (1..)
        .zip(&batches)
        .filter_map(|(index, _)| contents.get(&index))
        .flatten()
        .copied()
        .collect();
    let mut unsettled = HashMap::new();
    for digest in fates.iter().filter_map(|fate| fate.accepted) {
        if settled.contains(&digest) {
            continue;
        }
        let found = time::held(client.transaction(&digest)).await?;
        let found = found.context("an accepted transaction is unknown")?;
        let status = found.refusal().unwrap_or(&found.status).to_owned();
        unsettled.insert(digest, status);
    }
    node.stop().await;
    listener.abort();
    let moments = moments.lock().unwrap_or_else(PoisonError::into_inner);
    let moments = moments.clone();
    Ok(Run {
        fates,
        unsettled,
        moments,
        contents,
        batches,
        snapshots: chain.snapshots(),
    })
}

/// Waits until everything that was sealed has settled, and nothing more is sealed.
async fn drain(node: &RunningSequencer, chain: &Chain, clock: &PausedClock) -> anyhow::Result<()> {
    let begun = tokio::time::Instant::now();
    let mut last = (0, begun);
    while begun.elapsed() < GIVE_UP {
        if let Health::Halted(halt) = node.health() {
            return Err(halted(halt));
        }
        let next = node.next_batch();
        if last.0 != next || chain.next_batch() != next {
            last = (next, tokio::time::Instant::now());
        } else if last.1.elapsed() >= QUIET {
            return Ok(());
        }
        clock.wait(Duration::from_secs(10)).await;
    }
    Ok(())
}

fn halted(halt: Halt) -> anyhow::Error {
    anyhow::anyhow!("the sequencer halted: {}", halt.code())
}

/// Notes the times of all events.
async fn listen(
    mut events: broadcast::Receiver<BatchEvent>,
    clock: Arc<PausedClock>,
    moments: Arc<Mutex<Moments>>,
) {
    while let Ok(BatchEvent { index, kind }) = events.recv().await {
        let mut moments = moments.lock().unwrap_or_else(PoisonError::into_inner);
        match kind {
            BatchEventKind::Sealed => {
                moments.sealed.insert(index, clock.time());
            }
            BatchEventKind::Settled { .. } => {
                moments.settled.insert(index, clock.time());
            }
            BatchEventKind::Dropped => moments.dropped += 1,
            BatchEventKind::Proven => {}
        }
    }
}

/// Durations of one kind.
#[derive(Default)]
struct Durations(Vec<f64>);

impl Durations {
    fn add(&mut self, duration: Duration) {
        self.0.push(duration.as_secs_f64());
    }

    /// Returns mean, 99th percentile and worst, in seconds.
    fn json(mut self) -> Value {
        self.0.sort_by(f64::total_cmp);
        let count = self.0.len();
        let Some(worst) = self.0.last() else {
            return Value::Null;
        };
        let mean = self.0.iter().sum::<f64>() / count as f64;
        let p99 = self.0[(count * 99).div_ceil(100) - 1];
        json!({
            "mean": rounded(mean, 1),
            "p99": rounded(p99, 1),
            "worst": rounded(*worst, 1),
        })
    }
}

impl Run {
    /// Sums the run up.
    fn figures(&self, case: Case, gas: &GasTable) -> anyhow::Result<Value> {
        let mut places = HashMap::new();
        for (index, _) in (1u64..).zip(&self.batches) {
            let digests = self.contents.get(&index);
            let digests = digests.context("a batch settled without a proof")?;
            places.extend(digests.iter().map(|digest| (*digest, index)));
        }
        // A leg waits for the sealer once both are here.
        let mut complete: HashMap<u64, Duration> = HashMap::new();
        for fate in &self.fates {
            if let Kind::Leg { swap, .. } = fate.kind {
                let both = complete.entry(swap).or_default();
                *both = (*both).max(fate.submitted);
            }
        }
        let [mut sealing, mut settlement, mut steps, mut ages] =
            std::array::from_fn(|_| Durations::default());
        let mut settled = 0;
        let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
        for fate in &self.fates {
            let index = fate.accepted.and_then(|digest| places.get(&digest));
            let Some(index) = index else {
                let end = match &fate.accepted {
                    Some(digest) => self.unsettled.get(digest).map_or("unknown", String::as_str),
                    None => fate.refused.as_str(),
                };
                *ends.entry(end).or_default() += 1;
                continue;
            };
            settled += 1;
            let from = match fate.kind {
                Kind::Leg { swap, .. } => complete.get(&swap).copied().unwrap_or(fate.submitted),
                Kind::Transfer | Kind::Step => fate.submitted,
            };
            let at = |times: &HashMap<u64, Duration>| {
                let at = times.get(index).copied();
                at.context("an event is missing")
            };
            let sealed = at(&self.moments.sealed)?;
            sealing.add(sealed.saturating_sub(from));
            settlement.add(at(&self.moments.settled)?.saturating_sub(from));
            if fate.kind == Kind::Step {
                steps.add(sealed.saturating_sub(from));
                ages.add(sealed.saturating_sub(Duration::from_secs(fate.price_time)));
            }
        }
        let count = |shape| {
            let batches = self.batches.iter();
            batches.filter(|batch| batch.shape == shape).count()
        };
        let shapes = Shape::ALL.map(|shape| (shape.slots().to_string(), json!(count(shape))));
        let filled: usize = self.batches.iter().map(|batch| batch.transactions).sum();
        let batches = self.batches.iter();
        let total: f64 = batches
            .map(|batch| gas.of(batch.shape, batch.transactions))
            .sum();
        let used: HashSet<_> = self.batches.iter().map(|batch| batch.prices).collect();
        let refusals: usize = self.fates.iter().map(|fate| fate.moved).sum();
        Ok(json!({
            "rate": case.rate,
            "snapshots": case.snapshots.name(),
            "prover_speed": case.speed,
            "transactions": self.fates.len(),
            "settled": settled,
            "not_settled": ends,
            "made_again_because_prices_moved": refusals,
            "batches_dropped": self.moments.dropped,
            "sealing_s": sealing.json(),
            "settlement_s": settlement.json(),
            "step_sealing_s": steps.json(),
            "step_price_age_s": ages.json(),
            "snapshots_taken": self.snapshots,
            "snapshots_used": used.len(),
            "batches": Value::Object(shapes.into_iter().collect()),
            "transactions_per_batch": rounded(filled as f64 / self.batches.len() as f64, 1),
            "gas_per_transaction": rounded(total / filled as f64, 0),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the figures of half an hour.
    fn half_an_hour(snapshots: Snapshots) -> Value {
        let case = Case {
            rate: 0.7,
            speed: 1.0,
            snapshots,
            length: Duration::from_secs(1_800),
        };
        let run = simulate(case, ProofTimes::measured().unwrap()).unwrap();
        run.figures(case, &GasTable::measured().unwrap()).unwrap()
    }

    #[test]
    fn waits_and_batches_do_not_depend_on_snapshots() {
        let rare = half_an_hour(Snapshots::Hour);
        let often = half_an_hour(Snapshots::Block);
        assert!(often["snapshots_used"].as_u64() > Some(20), "{often}");
        for figure in ["settled", "sealing_s", "settlement_s", "batches"] {
            assert_eq!(rare[figure], often[figure], "{figure}: {rare} {often}");
        }
        assert_eq!(often["made_again_because_prices_moved"], 0);
        assert_eq!(often["not_settled"], json!({}));
    }
}
