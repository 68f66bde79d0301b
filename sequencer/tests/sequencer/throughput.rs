//! Measures admissions a second over HTTP, with a verifier that takes a millisecond of a core for
//! each proof.

use std::time::{Duration, Instant};

use crate::{rebuild::level, support::*};

/// Prints rate and latencies. Run it alone, on an idle machine.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn admissions() {
    let world = World {
        verifier: Verifier::with_cost(Duration::from_millis(
            std::env::var("VERIFY_MS").map_or(1, |ms| ms.parse().unwrap()),
        )),
        ..World::new()
    };
    let rate: u64 = std::env::var("RATE").map_or(1_000, |rate| rate.parse().unwrap());
    let total = rate * 5;
    let mut config = idle(world.config());
    config.admission.mempool_capacity = total as usize + 1;
    let node = world.start(config).await;
    let submissions: Vec<_> = (0..total).map(|_| prove(&world.transaction())).collect();
    let url = format!("{}/v1/transactions", node.base);
    let start = Instant::now();
    let mut tasks = Vec::new();
    for (place, bytes) in (0u32..).zip(submissions) {
        let due = start + Duration::from_secs_f64(f64::from(place) / rate as f64);
        tokio::time::sleep_until(due.into()).await;
        let request = node
            .client
            .post(&url)
            .header("content-type", "application/octet-stream")
            .body(bytes);
        tasks.push(tokio::spawn(async move {
            let begun = Instant::now();
            let status = request.send().await.unwrap().status();
            (status.as_u16(), begun.elapsed())
        }));
    }
    let mut latencies = Vec::new();
    let mut refused = 0;
    for task in tasks {
        match task.await.unwrap() {
            (202, latency) => latencies.push(latency),
            _ => refused += 1,
        }
    }
    let elapsed = start.elapsed();
    latencies.sort();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    println!(
        "{} accepted, {refused} refused in {elapsed:?}: {:.0}/s, p50 {:?}, p99 {:?}, max {:?}",
        latencies.len(),
        latencies.len() as f64 / elapsed.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
    let metrics = node.metrics().await;
    for name in [
        "admission_seconds",
        "verify_group_seconds",
        "verify_group_size",
        "commit_seconds",
    ] {
        let value = |part: &str| -> f64 {
            let line = metrics
                .lines()
                .find(|l| l.contains(&format!("{name}_{part}")));
            line.and_then(|l| l.split(' ').next_back()?.parse().ok())
                .unwrap_or(0.0)
        };
        println!(
            "{name}: {} times, {:.6} on average",
            value("count"),
            value("sum") / value("count")
        );
    }
    assert!(!latencies.is_empty());
    node.stop().await;
}

/// Resident memory of this process in bytes, on Linux; 0 elsewhere.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Prints the time to import 5,000 batches from L1, and that of a start with all of them.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn a_start_after_many_batches_long() {
    let batches: u64 = std::env::var("BATCHES").map_or(5_000, |n| n.parse().unwrap());
    let world = World::new();
    let began = Instant::now();
    for _ in 0..batches {
        let pair = vec![world.transaction(), world.transaction()];
        world.chain.settle_foreign(pair);
    }
    println!("{batches} batches of 2 made in {:?}", began.elapsed());
    world
        .chain
        .with(|chain| chain.final_below = Some(batches - 60));
    let mut config = world.config();
    config.follow = true;
    config.settle.poll_ms = 20;
    let before = resident();
    let began = Instant::now();
    let node = world.start(config.clone()).await;
    level(&world, &node).await;
    let imported = began.elapsed();
    let grown = resident().saturating_sub(before);
    // Waits for a step after the import, which notes the final batches.
    world.chain.called(20).await;
    node.stop().await;
    let began = Instant::now();
    let node = world.start(config).await;
    let started = began.elapsed();
    level(&world, &node).await;
    let whole = began.elapsed();
    node.stop().await;
    println!(
        "{}",
        serde_json::json!({
            "batches": batches,
            "transactions": batches * 2,
            "import_seconds": imported.as_secs_f64(),
            "transactions_per_second": (batches * 2) as f64 / imported.as_secs_f64(),
            "memory_growth_bytes": grown,
            "restart_seconds": started.as_secs_f64(),
            "restart_to_level_seconds": whole.as_secs_f64(),
        })
    );
    assert!(
        started < Duration::from_secs(5),
        "a start reads only what is recent: {started:?}"
    );
}
