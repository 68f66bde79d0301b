//! The execution of a schedule.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use super::{
    Driver, Fault, Rule, Schedule, Stage, Step,
    fault::EVERYTHING,
    verdict::{self, Tally},
};

/// The figures of a schedule that was played.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// Numbers of submissions and deposits by their ends.
    pub tally: Tally,
    /// Number of times that each fault was given.
    pub given: BTreeMap<String, u64>,
    /// Time until the last step was done.
    pub steps: Duration,
    /// Time from then until everything had come to rest and was compared.
    pub rest: Duration,
}

/// Plays a schedule on a fresh L1 and a fresh store. Then all faults end, and everything must come
/// to rest as [`verdict`] says. Returns `None` where anvil is not installed.
///
/// # Errors
/// If the sequencer breaks a rule. The error holds the schedule and the command that replays it.
pub async fn play(schedule: &Schedule) -> anyhow::Result<Option<Played>> {
    let Some(mut stage) = Stage::prepare(schedule.seed).await? else {
        return Ok(None);
    };
    stage.config.settle.deposit_confirmations = Some(schedule.confirmations);
    let played = on(&mut stage, schedule).await;
    let health = format!("{:?}", stage.health());
    let played = played.with_context(|| {
        format!(
            "{schedule}\nhealth: {health}\nfaults given: {:#?}",
            stage.proxy.given()
        )
    });
    stage.stop().await;
    played.map(Some)
}

async fn on(stage: &mut Stage, schedule: &Schedule) -> anyhow::Result<Played> {
    let l1 = stage.l1()?;
    let mut driver = Driver::new(&*l1, schedule.seed).await?;
    stage.begin().await?;
    let since = Instant::now();
    for (place, step) in schedule.steps.iter().enumerate() {
        let done = take(stage, &mut driver, step).await;
        done.with_context(|| format!("step {place}: {step}"))?;
        stage
            .goes_on()
            .with_context(|| format!("after step {place}: {step}"))?;
    }
    let steps = since.elapsed();
    let tally = settle(stage, &driver).await?;
    Ok(Played {
        tally,
        given: stage.proxy.given(),
        steps,
        rest: since.elapsed() - steps,
    })
}

/// Ends all faults, waits for rest and compares everything. The sequencer is stopped then.
///
/// # Errors
/// If the sequencer breaks a rule.
pub async fn settle(stage: &mut Stage, driver: &Driver) -> anyhow::Result<Tally> {
    stage.proxy.clear();
    stage
        .node
        .request(
            "anvil_setNextBlockBaseFeePerGas",
            serde_json::json!(["0x3b9aca00"]),
        )
        .await?;
    stage.node.set_mining(true).await?;
    if stage.health().is_none() {
        stage.begin().await?;
    }
    let l1 = stage.l1()?;
    let fates = verdict::rest(stage, driver, &*l1).await?;
    stage.stop().await;
    let derived = verdict::derive(&*l1, &driver.context()).await?;
    verdict::compare(&stage.store(), &derived)?;
    let tally = verdict::account(driver, &fates, &derived)?;
    // The store must also be one that a start accepts.
    stage.begin().await.context("the start after everything")?;
    stage.stop().await;
    Ok(tally)
}

/// Does one step.
async fn take(stage: &mut Stage, driver: &mut Driver, step: &Step) -> anyhow::Result<()> {
    match step {
        Step::Submit(count) => {
            if let Some(api) = stage.api() {
                driver.submit(api, *count).await?;
            }
        }
        Step::Look => {
            if let Some(api) = stage.api() {
                driver.look(api).await?;
            }
        }
        Step::Deposit(count) => driver.deposit(&stage.node, *count).await?,
        Step::ReplacedDeposit(pause) => driver.replaced_deposit(&stage.node, *pause).await?,
        Step::Snapshot => driver.snapshot(&stage.node).await?,
        Step::Begin(rule) => stage.proxy.add(rule.clone()),
        Step::End => stage.proxy.clear(),
        Step::Reorganise(depth, kept) => {
            let random = driver.random();
            stage.node.reorganise(*depth, *kept, random).await?;
        }
        Step::Mine(blocks) => stage.node.mine(*blocks).await?,
        Step::Quiet(pause) => {
            stage.node.set_mining(false).await?;
            tokio::time::sleep(*pause).await;
            stage.node.set_mining(true).await?;
        }
        Step::BaseFee(gwei) => {
            let fee = format!("{:#x}", gwei * 1_000_000_000);
            let params = serde_json::json!([fee]);
            stage
                .node
                .request("anvil_setNextBlockBaseFeePerGas", params)
                .await?;
        }
        Step::UseNonce => stage.node.use_nonce().await?,
        Step::NodeRestart(pause) => {
            stage.proxy.add(Rule::all(EVERYTHING, Fault::Refused));
            stage.node.forget_pool().await?;
            tokio::time::sleep(*pause).await;
            stage.proxy.clear();
        }
        Step::Restart => {
            stage.stop().await;
            // While faults last, a start may be refused.
            if stage.attempt().await.is_err() {
                stage.proxy.clear();
                stage.begin().await?;
            }
        }
        Step::Wait(pause) => tokio::time::sleep(*pause).await,
    }
    Ok(())
}
