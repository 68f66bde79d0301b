//! The machine under a sequencer fails: its process is killed, its disk is full or gone, its clock
//! is wrong, or its directory is in use. What was accepted settles once all the same, or the
//! sequencer says clearly why it does not go on.
//!
//! `SUBROSA_KILLS` is the number of times that a process is killed.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rand::Rng as _;
use subrosa_client::Method;
use subrosa_sequencer::Health;
use subrosa_tests::{
    Api,
    faults::{
        Driver, Kept, Stage,
        child::{self, Orders, Process, SmallDisk},
        play, setting,
        stage::Skewed,
        verdict,
    },
};

/// Kills in CI.
const KILLS: u64 = 20;

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// The process that the other tests kill.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of other tests"]
async fn sequencer() -> anyhow::Result<()> {
    child::run().await
}

fn orders(stage: &Stage) -> Orders {
    Orders {
        l1: stage.proxy.url.clone(),
        contracts: stage.node.contracts,
        store: stage.store(),
        clock: 0,
        file_limit: None,
    }
}

/// Starts a sequencer in a process of its own.
fn begin(orders: &Orders) -> anyhow::Result<Process> {
    let since = Instant::now();
    loop {
        let started = tokio::task::block_in_place(|| Process::start("sequencer", orders))?;
        match started {
            Ok(process) => return Ok(process),
            // A supervisor starts the process again.
            Err(refused)
                if refused.reason.contains("the chain is unavailable")
                    && since.elapsed() < ms(20_000) => {}
            Err(refused) => anyhow::bail!("the start is refused: {}", refused.reason),
        }
    }
}

/// Submits and deposits until the process no longer answers.
async fn load(driver: &mut Driver, stage: &Stage, api: &Api) -> anyhow::Result<()> {
    loop {
        let unanswered = driver.unanswered.len();
        driver.submit(api, 3).await?;
        if driver.unanswered.len() > unanswered {
            return Ok(());
        }
        if driver.random().gen_bool(0.3) {
            driver.deposit(&stage.node, 1).await?;
        }
        tokio::time::sleep(ms(15)).await;
    }
}

/// Waits for rest, kills the process and compares everything.
async fn end(stage: &Stage, driver: &Driver, process: Process) -> anyhow::Result<verdict::Tally> {
    let l1 = stage.l1()?;
    let fates = verdict::rest_of(&process.api, driver, &*l1).await?;
    process.kill()?;
    let derived = verdict::derive(&*l1, &driver.context()).await?;
    verdict::compare(&stage.store(), &derived)?;
    verdict::account(driver, &fates, &derived)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_at_random_loses_nothing() -> anyhow::Result<()> {
    let seed = setting("SUBROSA_SEED", 11);
    let Some(stage) = Stage::prepare(seed).await? else {
        return Ok(());
    };
    let l1 = stage.l1()?;
    let mut driver = Driver::new(&*l1, seed).await?;
    let orders = orders(&stage);
    let since = Instant::now();
    let kills = setting("SUBROSA_KILLS", KILLS);
    for kill in 0..kills {
        let process = begin(&orders).with_context(|| format!("after {kill} kills"))?;
        let api = process.api.clone();
        let after = ms(driver.random().gen_range(1..700));
        let killed = async {
            tokio::time::sleep(after).await;
            process.kill()
        };
        let (loaded, killed) = tokio::join!(load(&mut driver, &stage, &api), killed);
        loaded.with_context(|| format!("after {kill} kills"))?;
        killed?;
        if driver.random().gen_bool(0.2) {
            let depth = driver.random().gen_range(1..12);
            let random = driver.random();
            stage.node.reorganise(depth, Kept::Returned, random).await?;
        }
    }
    let process = begin(&orders).context("after all kills")?;
    let tally = end(&stage, &driver, process).await?;
    println!("{kills} kills in {:?}: {tally:?}", since.elapsed());
    ensure!(tally.settled > kills, "too little happened: {tally:?}");
    Ok(())
}

/// Submits until the store's disk is full. Returns the answer of `/ready` then.
async fn fill(driver: &mut Driver, stage: &Stage, api: &Api) -> anyhow::Result<String> {
    let since = Instant::now();
    loop {
        driver.submit(api, 6).await?;
        driver.deposit(&stage.node, 1).await?;
        let ready = api.client().request(Method::GET, "/ready");
        let ready = ready.send().await?.text().await?;
        if ready.contains("store") {
            return Ok(ready);
        }
        ensure!(!ready.contains("halted"), "halted otherwise: {ready}");
        ensure!(since.elapsed() < ms(60_000), "the disk is never full");
        tokio::time::sleep(ms(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_named_and_loses_nothing() -> anyhow::Result<()> {
    let Some(mut stage) = Stage::prepare(12).await? else {
        return Ok(());
    };
    let l1 = stage.l1()?;
    let mut driver = Driver::new(&*l1, 12).await?;
    let scratch = tempfile::tempdir()?;
    let mut orders = orders(&stage);
    let disk = SmallDisk::mount(scratch.path(), 6);
    if disk.is_some() {
        stage.config.store = scratch.path().join("store");
        orders.store = stage.store();
    } else {
        eprintln!("no disk can be mounted: the size of each file is limited instead");
        orders.file_limit = Some(1_024);
    }
    let process = begin(&orders)?;
    let api = process.api.clone();
    driver.writes_fail = true;
    let ready = fill(&mut driver, &stage, &api).await?;
    driver.writes_fail = false;
    println!("with a full disk: {ready}");
    process.kill()?;
    // The operator makes room.
    orders.file_limit = None;
    if let Some(disk) = &disk {
        ensure!(disk.resize(512), "the disk grows");
    }
    let process = begin(&orders)?;
    let tally = end(&stage, &driver, process).await?;
    println!("{tally:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_gone_ends_in_a_rebuild() -> anyhow::Result<()> {
    let Some(stage) = Stage::prepare(13).await? else {
        return Ok(());
    };
    let l1 = stage.l1()?;
    let mut driver = Driver::new(&*l1, 13).await?;
    let orders = orders(&stage);
    let process = begin(&orders)?;
    driver.submit(&process.api, 5).await?;
    driver.deposit(&stage.node, 2).await?;
    let fates = verdict::rest_of(&process.api, &driver, &*l1).await?;
    std::fs::remove_dir_all(stage.store())?;
    process.kill()?;
    let derived = verdict::derive(&*l1, &driver.context()).await?;
    verdict::account(&driver, &fates, &derived)?;
    // The digests of former transactions are not on L1.
    driver.accepted.clear();
    let process = begin(&orders)?;
    let since = Instant::now();
    while driver.accepted.is_empty() {
        ensure!(since.elapsed() < ms(30_000), "no transaction is accepted");
        driver.submit(&process.api, 3).await?;
        tokio::time::sleep(ms(50)).await;
    }
    end(&stage, &driver, process).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_one_directory_is_refused() -> anyhow::Result<()> {
    let Some(stage) = Stage::prepare(14).await? else {
        return Ok(());
    };
    let l1 = stage.l1()?;
    let mut driver = Driver::new(&*l1, 14).await?;
    let orders = orders(&stage);
    let mut first = begin(&orders)?;
    driver.submit(&first.api, 4).await?;
    let second = tokio::task::block_in_place(|| Process::start("sequencer", &orders))?;
    let Err(refused) = second else {
        bail!("two processes hold one store");
    };
    let path = orders.store.display().to_string();
    ensure!(
        refused.reason.contains(&path) && refused.reason.contains("is in use: stop the process"),
        "the reason is not clear: {}",
        refused.reason
    );
    ensure!(first.runs()?, "the first process ended");
    end(&stage, &driver, first).await?;
    Ok(())
}

/// Runs a sequencer with a wrong clock. Either everything settles, or the sequencer says that the
/// clock is wrong and settles everything once it is right.
async fn with_clock(by: i64) -> anyhow::Result<()> {
    let Some(mut stage) = Stage::prepare(15).await? else {
        return Ok(());
    };
    let right = std::mem::replace(&mut stage.clock, std::sync::Arc::new(Skewed { by }));
    stage.begin().await?;
    let l1 = stage.l1()?;
    let mut driver = Driver::new(&*l1, 15).await?;
    let api = stage.api().context("it runs")?.clone();
    driver.submit(&api, 5).await?;
    driver.deposit(&stage.node, 2).await?;
    let since = Instant::now();
    let said = loop {
        stage.goes_on()?;
        match stage.health() {
            Some(Health::Degraded(why)) if format!("{why:?}").contains("clock") => break true,
            _ => {}
        }
        let view = l1.rollup().await?;
        if view.batch_index > 1 && view.deposit_count == view.queued_deposits {
            break false;
        }
        ensure!(
            since.elapsed() < ms(20_000),
            "nothing settles, and nothing says that the clock is wrong: {:?}",
            stage.health()
        );
        tokio::time::sleep(ms(25)).await;
    };
    println!(
        "clock off by {by} s: {}",
        if said { "named" } else { "no matter" }
    );
    stage.stop().await;
    stage.clock = right;
    stage.begin().await?;
    play::settle(&mut stage, &driver).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_two_hours_ahead_is_named_or_no_matter() -> anyhow::Result<()> {
    with_clock(2 * 3_600).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_two_hours_behind_is_named_or_no_matter() -> anyhow::Result<()> {
    with_clock(-2 * 3_600).await
}
