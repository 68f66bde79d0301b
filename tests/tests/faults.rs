//! The rule: nothing that an L1 endpoint says, and nothing that happens to L1's newest blocks, ends
//! the rollup. At the end of each test the store equals the history derived from L1 alone, nothing
//! that was accepted is lost or doubled, and nothing has halted.
//!
//! Each test is a fault or a kind of fault; `schedules.rs` mixes them all at random.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use subrosa_sequencer::Health;
use subrosa_tests::{
    faults::{
        Driver, Fault, Kept, Played, Rule, Schedule, Stage, Step,
        fault::{
            BLOCKS, CALLS, ESTIMATES, EVERYTHING, FEES, LOGS, READS, RECEIPTS, SENDS, TRANSACTIONS,
        },
        play, verdict,
    },
    keys::workspace,
};

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn wait(count: u64) -> Step {
    Step::Wait(ms(count))
}

/// Plays these steps, and then some work without faults.
async fn plays(mut steps: Vec<Step>) -> anyhow::Result<()> {
    steps.extend([Step::Submit(3), Step::Deposit(1)]);
    let played = play(&Schedule::of(steps)).await?;
    if let Some(Played { tally, .. }) = played {
        ensure!(tally.settled + tally.rejected > 0 && tally.deposits > 0);
    }
    Ok(())
}

/// Returns work that is under way when a fault begins.
fn work() -> Vec<Step> {
    vec![Step::Submit(4), Step::Deposit(2), wait(60)]
}

/// Plays work, then a fault for a while with more work under it.
async fn survives(rules: impl IntoIterator<Item = Rule>) -> anyhow::Result<()> {
    for rule in rules {
        let mut steps = work();
        steps.extend([
            Step::Begin(rule),
            wait(100),
            Step::Submit(3),
            Step::Deposit(1),
            wait(400),
            Step::End,
        ]);
        plays(steps).await?;
    }
    Ok(())
}

/// Returns the file of a test in the table of faults, from the root of the repository.
fn file_of(place: &str) -> String {
    match place {
        "faults" | "schedules" | "machine" => format!("tests/tests/{place}.rs"),
        path => path.to_owned(),
    }
}

/// The table of faults names tests in backticks: file and function, or the function alone if the
/// file is that of the name before it.
#[test]
fn the_table_of_faults_names_tests_that_exist() {
    let table = workspace().join("docs/faults.md");
    let table = std::fs::read_to_string(table).expect("the table is there");
    let mut names = 0;
    for row in table.lines().filter(|line| line.starts_with('|')) {
        let shown = row.trim_end_matches('|').rsplit('|').next().unwrap_or("");
        let mut file = String::new();
        for name in shown.split('`').skip(1).step_by(2) {
            let function = match name.split_once("::") {
                Some((place, function)) => {
                    file = file_of(place);
                    function
                }
                None if name.matches('_').count() > 2 => name,
                None => continue,
            };
            let path = workspace().join(&file);
            let source = std::fs::read_to_string(&path);
            let source =
                source.unwrap_or_else(|error| panic!("{name}: {}: {error}", path.display()));
            assert!(
                source.contains(&format!("fn {function}(")),
                "no test {name}"
            );
            names += 1;
        }
    }
    assert!(names > 40, "only {names} tests are named");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_l1_without_faults_settles_everything() -> anyhow::Result<()> {
    let mut steps = work();
    steps.extend([Step::Snapshot, Step::Look, Step::Submit(6), wait(300)]);
    plays(steps).await
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_nonsense_are_asked_for_again() -> anyhow::Result<()> {
    let nonsense = [
        Fault::Null,
        Fault::Empty,
        Fault::Missing,
        Fault::Html,
        Fault::Truncated,
        Fault::Refused,
    ];
    survives(nonsense.map(|fault| Rule {
        every: 3,
        ..Rule::all(READS, fault)
    }))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tenth_block_that_is_null_halts_nothing() -> anyhow::Result<()> {
    survives([Rule {
        every: 10,
        ..Rule::all(BLOCKS, Fault::Null)
    }])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_answers_are_not_believed_for_long() -> anyhow::Result<()> {
    survives([
        Rule::next(CALLS, Fault::Flipped, 12),
        Rule::next(LOGS, Fault::Flipped, 6),
        Rule::next(BLOCKS, Fault::OtherBlock, 6),
        Rule::next(TRANSACTIONS, Fault::Flipped, 4),
        Rule::next(CALLS, Fault::Error("execution reverted"), 8),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_behind_takes_nothing_back() -> anyhow::Result<()> {
    let settled = vec![Step::Submit(4), Step::Deposit(2), wait(900)];
    for fault in [
        Fault::Stale(3),
        Fault::Stale(20),
        Fault::Contradictory(2),
        Fault::Contradictory(12),
    ] {
        let mut steps = settled.clone();
        steps.extend([
            Step::Begin(Rule::all(READS, fault)),
            Step::Submit(3),
            Step::Deposit(1),
            wait(600),
            Step::Restart,
            wait(200),
            Step::End,
        ]);
        plays(steps).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_of_short_ranges_are_enough() -> anyhow::Result<()> {
    let narrow = Rule::all(LOGS, Fault::Range(50));
    let mut steps = vec![Step::Begin(narrow), Step::Restart];
    steps.extend(work());
    // The rule still holds while the work settles.
    steps.push(wait(1_500));
    plays(steps).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_transaction_index_is_survived() -> anyhow::Result<()> {
    survives([
        Rule::all(TRANSACTIONS, Fault::Null),
        Rule::all(RECEIPTS, Fault::Null),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_that_is_lost_is_sent_again() -> anyhow::Result<()> {
    survives([
        Rule::next(SENDS, Fault::Swallowed, 2),
        Rule::next(SENDS, Fault::Unacknowledged("already known"), 2),
        Rule::next(SENDS, Fault::Unacknowledged("timeout"), 2),
        Rule::next(SENDS, Fault::Error("nonce too low"), 2),
        Rule::next(
            SENDS,
            Fault::Error("replacement transaction underpriced"),
            2,
        ),
        Rule::next(
            SENDS,
            Fault::Error("insufficient funds for gas * price + value"),
            3,
        ),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gas_estimate_that_is_too_low_halts_nothing() -> anyhow::Result<()> {
    survives([Rule::next(ESTIMATES, Fault::Gas(80), 3)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_that_rise_are_paid_or_waited_for() -> anyhow::Result<()> {
    survives([Rule::next(FEES, Fault::Fees(400), 4)]).await?;
    let mut steps = work();
    steps.extend([
        Step::BaseFee(2_000),
        Step::Quiet(ms(300)),
        Step::BaseFee(9_000),
        wait(300),
    ]);
    plays(steps).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_somebody_else_used_is_given_up() -> anyhow::Result<()> {
    let mut steps = work();
    steps.extend([
        Step::Begin(Rule::next(SENDS, Fault::Swallowed, 1)),
        Step::Submit(2),
        wait(250),
        Step::UseNonce,
        wait(100),
        Step::UseNonce,
    ]);
    plays(steps).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_that_is_replaced_is_never_sealed() -> anyhow::Result<()> {
    plays(vec![
        Step::Submit(2),
        Step::ReplacedDeposit(ms(400)),
        wait(200),
        Step::ReplacedDeposit(ms(400)),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_in_another_order_are_sealed_anew() -> anyhow::Result<()> {
    for depth in [2, 8, 30] {
        plays(vec![
            Step::Deposit(3),
            wait(90),
            Step::Reorganise(depth, Kept::Swapped),
            wait(200),
            Step::Deposit(3),
            wait(300),
            Step::Reorganise(depth, Kept::Some),
            wait(200),
        ])
        .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_that_vanish_are_forgotten() -> anyhow::Result<()> {
    plays(vec![
        Step::Submit(2),
        Step::Deposit(3),
        wait(100),
        Step::Reorganise(12, Kept::None),
        wait(300),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganisation_of_64_blocks_is_survived() -> anyhow::Result<()> {
    let all = [
        Kept::All,
        Kept::None,
        Kept::Swapped,
        Kept::Returned,
        Kept::Some,
    ];
    for kept in all {
        let mut steps = work();
        steps.extend([wait(600), Step::Submit(3), Step::Look, wait(300)]);
        steps.extend([Step::Reorganise(64, kept), wait(300)]);
        plays(steps).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_vanishes_takes_only_its_transactions_with_it() -> anyhow::Result<()> {
    plays(vec![
        Step::Snapshot,
        wait(200),
        Step::Look,
        Step::Submit(16),
        wait(200),
        Step::Submit(16),
        Step::Reorganise(20, Kept::None),
        wait(300),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_restarts_is_waited_for() -> anyhow::Result<()> {
    let mut steps = work();
    steps.extend([
        Step::NodeRestart(ms(600)),
        Step::Submit(2),
        Step::NodeRestart(ms(50)),
    ]);
    plays(steps).await
}

/// A node that hangs is noticed, and it does not keep the sequencer from stopping.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hangs_is_noticed_and_does_not_stop_the_stop() -> anyhow::Result<()> {
    let Some(mut stage) = Stage::start(1).await? else {
        return Ok(());
    };
    let l1 = stage.l1()?;
    let mut driver = Driver::new(&*l1, 1).await?;
    let api = stage.api().context("it runs")?.clone();
    driver.submit(&api, 3).await?;
    stage.proxy.add(Rule::all(EVERYTHING, Fault::Hangs));
    let since = Instant::now();
    while !matches!(stage.health(), Some(Health::Degraded(_))) {
        stage.goes_on()?;
        ensure!(
            since.elapsed() < ms(60_000),
            "nothing says that L1 is silent"
        );
        tokio::time::sleep(ms(50)).await;
    }
    let since = Instant::now();
    stage.stop().await;
    ensure!(
        since.elapsed() < ms(30_000),
        "the stop took {:?}",
        since.elapsed()
    );
    play::settle(&mut stage, &driver).await?;
    Ok(())
}

/// Plays some work and stops. The sequencer's memory and store hold all of L1 then.
async fn worked(seed: u64) -> anyhow::Result<Option<(Stage, Driver)>> {
    let Some(mut stage) = Stage::start(seed).await? else {
        return Ok(None);
    };
    let l1 = stage.l1()?;
    let mut driver = Driver::new(&*l1, seed).await?;
    let api = stage.api().context("it runs")?.clone();
    for _ in 0..3 {
        driver.deposit(&stage.node, 2).await?;
        driver.submit(&api, 5).await?;
        tokio::time::sleep(ms(300)).await;
    }
    play::settle(&mut stage, &driver).await?;
    Ok(Some((stage, driver)))
}

/// Compares the store with L1, after a loss that took the digests of former transactions away.
async fn whole_again(mut stage: Stage, driver: &mut Driver) -> anyhow::Result<()> {
    let l1 = stage.l1()?;
    let former = std::mem::take(&mut driver.accepted);
    stage.begin().await?;
    let api = stage.api().context("it runs")?.clone();
    // The rollup goes on at once: what the clients submit now waits for the import at most.
    let since = Instant::now();
    while driver.accepted.is_empty() {
        ensure!(since.elapsed() < ms(30_000), "no transaction is accepted");
        driver.submit(&api, 3).await?;
        stage.goes_on()?;
        tokio::time::sleep(ms(50)).await;
    }
    driver.deposit(&stage.node, 1).await?;
    play::settle(&mut stage, driver).await?;
    let derived = verdict::derive(&*l1, &driver.context()).await?;
    for one in &former {
        ensure!(derived.holds(&one.transaction), "{} is lost", one.digest);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_store_is_rebuilt_from_l1() -> anyhow::Result<()> {
    let Some((stage, mut driver)) = worked(2).await? else {
        return Ok(());
    };
    std::fs::remove_dir_all(stage.store())?;
    whole_again(stage, &mut driver).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_store_catches_up_with_l1() -> anyhow::Result<()> {
    let Some((mut stage, mut driver)) = worked(3).await? else {
        return Ok(());
    };
    let older = stage.scratch().join("older");
    copy(&stage.store(), &older)?;
    stage.begin().await?;
    let api = stage.api().context("it runs")?.clone();
    driver.deposit(&stage.node, 2).await?;
    driver.submit(&api, 9).await?;
    play::settle(&mut stage, &driver).await?;
    std::fs::remove_dir_all(stage.store())?;
    std::fs::rename(&older, stage.store())?;
    whole_again(stage, &mut driver).await
}

/// Copies the files of a directory.
fn copy(from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
