//! Random schedules of work, faults of L1 and reorganisations.
//!
//! `SUBROSA_SCHEDULES` is their number, `SUBROSA_FIRST_SEED` the first of their seeds,
//! `SUBROSA_FAILURES` the number of failures after which no further one is begun. `SUBROSA_SEED`
//! plays one again, with its log.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::bail;
use subrosa_tests::faults::{Played, Schedule, play, setting};

/// Random schedules in CI.
const SCHEDULES: u64 = 200;
/// Schedules that are played at the same time.
const WORKERS: usize = 3;
/// Failures after which no further schedule is begun.
const FAILURES: u64 = 3;
/// Rounds of leaving out steps after a failure.
const SHORTER: usize = 12;

/// Plays random schedules at the same time and reports those that break a rule.
#[tokio::test(flavor = "multi_thread")]
async fn random_schedules_lose_nothing_and_halt_nothing() -> anyhow::Result<()> {
    if let Ok(seed) = std::env::var("SUBROSA_SEED") {
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
            .with_writer(std::io::stderr)
            .init();
        let schedule = Schedule::random(seed.parse()?);
        println!("{schedule}");
        let played = play(&schedule).await?;
        println!("{played:#?}");
        return Ok(());
    }
    let first = setting("SUBROSA_FIRST_SEED", 1);
    let last = first + setting("SUBROSA_SCHEDULES", SCHEDULES);
    let bound = setting("SUBROSA_FAILURES", FAILURES);
    let next = AtomicU64::new(first);
    let failed: Mutex<Vec<(Schedule, anyhow::Error)>> = Mutex::default();
    let totals: Mutex<Totals> = Mutex::default();
    let since = Instant::now();
    let worker = async || -> anyhow::Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            let failures = failed.lock().expect("no holder panics").len() as u64;
            if seed >= last || failures >= bound {
                return Ok(());
            }
            let schedule = Schedule::random(seed);
            match play(&schedule).await {
                Ok(None) => return Ok(()),
                Ok(Some(played)) => totals.lock().expect("no holder panics").add(&played),
                Err(error) => {
                    println!("schedule {seed}: {}", error.root_cause());
                    let mut failed = failed.lock().expect("no holder panics");
                    failed.push((schedule, error));
                }
            }
        }
    };
    futures::future::try_join_all((0..WORKERS).map(|_| worker())).await?;
    let totals = totals.into_inner().expect("no holder panics");
    println!("{totals:#?}\nin {:?}", since.elapsed());
    let failed = failed.into_inner().expect("no holder panics");
    let Some((schedule, error)) = failed.first() else {
        return Ok(());
    };
    let seeds: Vec<u64> = failed.iter().map(|(schedule, _)| schedule.seed).collect();
    let shorter = shortened(schedule).await;
    bail!("schedules {seeds:?} break a rule; the first:\n{error:?}\nshortened:\n{shorter}")
}

/// Leaves out steps of a failing schedule as long as it still fails.
async fn shortened(schedule: &Schedule) -> Schedule {
    let mut shortest = schedule.clone();
    for _ in 0..SHORTER {
        let mut found = None;
        for shorter in shortest.shorter().take(6) {
            if play(&shorter).await.is_err() {
                found = Some(shorter);
                break;
            }
        }
        match found {
            Some(shorter) => shortest = shorter,
            None => break,
        }
    }
    shortest
}

/// Sums over all schedules.
#[derive(Debug, Default)]
struct Totals {
    schedules: u64,
    batches: u64,
    settled: u64,
    rejected: u64,
    deposits: u64,
    longest: Duration,
    given: BTreeMap<String, u64>,
}

impl Totals {
    fn add(&mut self, played: &Played) {
        self.schedules += 1;
        self.batches += played.tally.batches;
        self.settled += played.tally.settled;
        self.rejected += played.tally.rejected;
        self.deposits += played.tally.deposits;
        self.longest = self.longest.max(played.steps + played.rest);
        for (fault, times) in &played.given {
            // The method alone; a figure for each fault would fill a page.
            let (_, kind) = fault.split_once(": ").unwrap_or(("", fault));
            *self.given.entry(kind.to_owned()).or_default() += times;
        }
    }
}
