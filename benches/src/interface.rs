//! The sequencer's interface under load: the built binary on 127.0.0.0/8, with clients that hold
//! connections and streams, read slowly, send garbage and flood the mailbox, beside honest ones.
//!
//! The load is bounded in number and time. It yields to the sequencer's process, because it stands
//! for other machines.

mod honest;
mod load;
mod server;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use rustix::process::{Resource, getrlimit, nice, setrlimit};
use serde_json::{Value, json};
use subrosa_client::SequencerClient;
use subrosa_node::{Keys, system::rounded};
use subrosa_prover::progress::Silent;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use self::{
    honest::{PACE, Place},
    load::Load,
    server::Server,
};

/// Idle wallets.
const WALLETS: usize = 1_000;
/// Time over which their cost is measured.
const IDLE: Duration = Duration::from_secs(30);
/// Seconds of honest submissions without load, and under load.
const SECONDS: [u32; 2] = [10, 20];
/// Half-open connections, slow readers, streams of one peer.
const HELD: [usize; 3] = [2_000, 500, 256];
/// Time between two probes of `/health`.
const PROBE: Duration = Duration::from_millis(100);
/// Niceness of the load, which yields to the server.
const YIELD: i32 = 10;

/// Starts a sequencer, loads it, and returns the figures.
///
/// # Errors
/// If keys are missing and cannot be made, anvil is missing, or the sequencer does not start or
/// refuses honest submissions without load.
pub async fn figures(keys: &Keys) -> anyhow::Result<Value> {
    let mut server = Server::start(keys).await?;
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files)?;
    let client = SequencerClient::new(&server.base)?;
    let place = Place::of(&client).await?;
    server.leave_chain();
    let keys = keys.open()?.transaction(&Silent)?;
    let count = |seconds: u32| (seconds * PACE) as usize;
    let [without, under] = SECONDS.map(count);
    let submissions =
        tokio::task::spawn_blocking(move || place.submissions(&keys, without + under + 1));
    let submissions = submissions.await??;
    let (valid, submissions) = submissions.split_last().context("no submission")?;
    let (first, second) = submissions.split_at(without);
    nice(YIELD)?;
    let start_rss = server.memory("VmRSS")?;
    server.forget_peak()?;

    let unloaded = honest::send(&client, first).await;
    ensure!(
        unloaded > f64::from(PACE) * 0.9,
        "honest submissions are refused without load: {unloaded} a second are accepted"
    );

    let to = server.base.trim_start_matches("http://").parse()?;
    let load = Load {
        base: server.base.clone(),
        to,
        stop: CancellationToken::new(),
        counts: Arc::default(),
    };
    let mut tasks = JoinSet::new();
    let waiting = Arc::new(AtomicU64::new(0));
    load.wallets(&mut tasks, WALLETS, &waiting);
    let since = Instant::now();
    while waiting.load(Ordering::Relaxed) < WALLETS as u64 {
        ensure!(since.elapsed() < IDLE, "not all wallets are answered");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (cpu, since) = (server.cpu_seconds()?, Instant::now());
    tokio::time::sleep(IDLE).await;
    let idle = (server.cpu_seconds()? - cpu) / since.elapsed().as_secs_f64();

    let (probes, mut delays) = mpsc::unbounded_channel();
    let probe = tokio::spawn(probe(format!("{}/health", server.operations), probes));
    let [half_open, slow, streams] = HELD;
    load.half_open(&mut tasks, half_open);
    load.slow_readers(&mut tasks, slow);
    load.streams(&mut tasks, streams);
    load.garbage(&mut tasks, valid);
    load.messages(&mut tasks);
    let loaded = honest::send(&client, second).await;
    load.stop.cancel();
    probe.abort();
    while tasks.join_next().await.is_some() {}
    let mut health = 0.0f64;
    let mut asked = 0;
    while let Some(delay) = delays.recv().await {
        let delay: Duration = delay?;
        health = health.max(delay.as_secs_f64() * 1e3);
        asked += 1;
    }
    let counts = &load.counts;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Ok(json!({
        "health_ms_max": rounded(health, 1),
        "health_probes": asked,
        "honest_ratio": rounded(loaded / unloaded, 3),
        "honest_per_second": rounded(loaded, 2),
        "peak_rss_bytes": server.memory("VmHWM")?.saturating_sub(start_rss),
        "start_rss_bytes": start_rss,
        "idle_wallets": WALLETS,
        "idle_cpu_percent": rounded(idle * 100.0, 2),
        "half_open_connections": count(&counts.half_open),
        "slow_readers": count(&counts.slow_readers),
        "streams_asked": streams,
        "streams_open": count(&counts.streams),
        "garbage_submissions": count(&counts.garbage),
        "garbage_verified": count(&counts.verified),
        "messages_sent": count(&counts.messages),
        "messages_stored": count(&counts.stored),
    }))
}

/// Asks for `/health` again and again, on a new connection each time, and sends the delays. An
/// answer that does not come ends the measurement.
async fn probe(url: String, delays: mpsc::UnboundedSender<anyhow::Result<Duration>>) {
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(10))
        .build();
    let Ok(client) = client else { return };
    loop {
        let since = Instant::now();
        let answer = client.get(&url).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status);
        let delay = answer.map(|_| since.elapsed()).map_err(Into::into);
        if delays.send(delay).is_err() {
            return;
        }
        tokio::time::sleep(PROBE).await;
    }
}
