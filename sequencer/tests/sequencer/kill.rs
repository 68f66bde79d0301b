//! `kill -9` of a whole process: a submission that was answered with 202 is there afterwards, once.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::atomic::Ordering,
    time::Duration,
};

use subrosa_protocol::swap::Side;

use crate::support::*;

const CHILD: &str = "SUBROSA_SEQUENCER_KILL_TEST_STORE";

/// Runs the process that is killed: a sequencer that prints its address. Its chain double dies with
/// it, so that its prover is blocked and nothing settles.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of another test"]
async fn child() {
    let Some(store) = std::env::var_os(CHILD) else {
        return;
    };
    let world = World {
        prover: Prover::blocked(),
        ..World::new()
    };
    let mut config = config(store.as_ref());
    config.seal.max_unsettled = 1_000;
    let node = world.start(config).await;
    println!("listening {}", node.running.addr());
    tokio::time::sleep(Duration::from_secs(120)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost() {
    let world = World::new();
    let mut accepted = Vec::new();
    for round in 0..4u64 {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["kill::child", "--exact", "--ignored", "--nocapture"])
            .env(CHILD, world.store())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let address = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split("listening ").nth(1).map(str::to_owned))
            .unwrap();
        let base = format!("http://{}", address.trim());
        let client = reqwest::Client::new();
        // Submissions go on while the process is killed.
        let submit = |tx: subrosa_protocol::transaction::Transaction| {
            let request = client
                .post(format!("{base}/v1/transactions"))
                .header("content-type", "application/octet-stream")
                .body(prove(&tx));
            async move {
                let response = request.send().await.ok()?;
                (response.status() == 202).then_some(tx)
            }
        };
        let submissions = async {
            let mut taken = Vec::new();
            for _ in 0..40 {
                // Some are legs of swaps, so that some kills come between leg and counterpart.
                let terms = rand::random();
                let legs = Side::BOTH.map(|side| world.leg(side, terms));
                let group = (0..6).map(|_| world.transaction()).chain(legs).map(submit);
                taken.extend(futures::future::join_all(group).await.into_iter().flatten());
            }
            taken
        };
        let kill = async {
            tokio::time::sleep(Duration::from_millis(60 + 70 * round)).await;
            process.kill().unwrap();
        };
        let (taken, ()) = tokio::join!(submissions, kill);
        process.wait().unwrap();
        accepted.extend(taken);
    }
    assert!(accepted.len() > 50, "only {} were accepted", accepted.len());
    let node = world.start(world.config()).await;
    for tx in &accepted {
        // A leg whose counterpart was never accepted may wait for it.
        let halves = accepted.iter().filter(|other| other.terms == tx.terms);
        if tx.header.kind.side().is_some() && halves.count() == 1 {
            let answer = node.status(tx).await;
            assert!(!["expired", "rejected"].contains(&answer.field("status")));
        } else {
            node.until(tx, "settled").await;
        }
    }
    let settled: Vec<_> = world.chain.with(|chain| {
        let transactions = chain.settled.iter().flat_map(|batch| &batch.transactions);
        transactions.map(|tx| tx.nullifiers).collect()
    });
    for tx in &accepted {
        let times = settled.iter().filter(|nfs| **nfs == tx.nullifiers).count();
        let waits = node.status(tx).await.field("status") == "waiting";
        assert_eq!(times, usize::from(!waits));
    }
    assert!(world.prover.calls.load(Ordering::SeqCst) > 0);
    node.stop().await;
}
