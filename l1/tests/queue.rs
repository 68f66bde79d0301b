//! The deposit queue: the vault's log is checked against the links that the vault keeps, and
//! deposits are taken back.

#![allow(missing_docs, reason = "a test")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, LogData};
use subrosa_clock::VirtualClock;
use subrosa_l1::{Account, Client, FoundLog, L1, QueuedDeposit, TakeBack, development};
use subrosa_protocol::Fr;
use support::{
    DOLLAR, client,
    endpoint::{Alter, Endpoint},
    reason,
};

const DAY: u64 = 86_400;

/// A rollup with five deposits that no batch has consumed.
struct World {
    clock: VirtualClock,
    endpoint: Arc<Endpoint>,
    client: Client<Arc<Endpoint>>,
    depositor: Account,
    other: Account,
}

async fn world() -> World {
    let mut accounts = development::accounts();
    let funded: Vec<Address> = accounts.iter().map(Account::address).collect();
    let clock = VirtualClock::new(1_800_000_000);
    let endpoint = Endpoint::new(&funded, &clock);
    let depositor = accounts.remove(3);
    let client = client(endpoint.clone(), &depositor).await.unwrap();
    for index in 0..5u64 {
        let inner = Fr::from(index);
        let value = 10 + u128::from(index);
        let made = client.deposit(&depositor, DOLLAR, value, &inner).await;
        assert_eq!(made.unwrap().index, index);
    }
    World {
        clock,
        client,
        endpoint,
        depositor,
        other: accounts.remove(0),
    }
}

/// Replaces the data of the third deposit's event.
fn with_data(mut logs: Vec<FoundLog>, alter: fn(&mut Vec<u8>)) -> Vec<FoundLog> {
    if let Some(third) = logs.get_mut(2) {
        let mut data = third.log.data.data.to_vec();
        alter(&mut data);
        let topics = third.log.topics().to_vec();
        third.log.data = LogData::new_unchecked(topics, data.into());
    }
    logs
}

#[tokio::test]
async fn a_false_log_is_noticed_and_read_anew() {
    let world = world().await;
    let truth = world.client.deposits(0, 10).await.unwrap();
    let values = truth
        .iter()
        .map(|QueuedDeposit { deposit, .. }| deposit.value);
    assert_eq!(values.collect::<Vec<_>>(), [10, 11, 12, 13, 14]);
    let cases: [Alter; 6] = [
        // A deposit, or all of them, are left out.
        |mut logs| {
            if logs.len() == 5 {
                logs.remove(2);
            }
            logs
        },
        |mut logs| {
            logs.pop();
            logs
        },
        |_| Vec::new(),
        // Another value, another inner commitment, no deposit at all.
        |logs| with_data(logs, |data| data[31] ^= 1),
        |logs| with_data(logs, |data| data[95] ^= 1),
        |logs| with_data(logs, |data| data.fill(0)),
    ];
    for alter in cases {
        let client = Client::new(world.endpoint.clone(), world.client.contracts(), None);
        *world.endpoint.alter.lock().unwrap() = alter;
        let answer = client.deposits(0, 10).await;
        let error = answer.expect_err("a false answer is taken");
        assert!(error.is_transient(), "{error}");
        // The client forgets the false answer.
        *world.endpoint.alter.lock().unwrap() = |logs| logs;
        assert_eq!(client.deposits(0, 10).await.unwrap(), truth);
        assert_eq!(client.deposits(1, 2).await.unwrap(), truth[1..3]);
        assert_eq!(client.deposits(5, 2).await.unwrap(), []);
    }
}

/// Whatever is missing is found again once the endpoint answers rightly, however old it is.
#[tokio::test]
async fn a_hole_in_an_old_part_of_the_log_is_filled() {
    let world = world().await;
    let request = world.client.request_take_back(&world.depositor, 1).await;
    request.unwrap();
    // 800 blocks, of which each holds a transaction.
    for inner in 100..500u64 {
        let inner = Fr::from(inner);
        let made = world.client.deposit(&world.depositor, DOLLAR, 1, &inner);
        made.await.unwrap();
    }
    *world.endpoint.alter.lock().unwrap() = |logs| logs.into_iter().skip(3).collect();
    let client = Client::new(world.endpoint.clone(), world.client.contracts(), None);
    client.deposits(0, 5).await.expect_err("a false answer");
    *world.endpoint.alter.lock().unwrap() = |logs| logs;
    let mut odd = 0;
    while client.deposits(0, 5).await.is_err() {
        odd += 1;
        assert!(odd < 16, "the hole stays");
    }
    assert_eq!(client.deposits(0, 5).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_deposit_is_requested_and_taken_back_once() {
    let world = world().await;
    let (client, depositor) = (&world.client, &world.depositor);
    assert_eq!(client.take_backs(0, 256).await.unwrap(), []);
    let stranger = client.request_take_back(&world.other, 2).await;
    assert_eq!(reason(stranger), "DepositsDiffer");
    let missing = client.request_take_back(depositor, 5).await;
    assert_eq!(reason(missing), "DepositsMissing");
    let early = client.take_back(&world.other, 2).await;
    assert_eq!(reason(early.map(|_| ())), "NoTakeBack");

    let effective = client.request_take_back(depositor, 2).await.unwrap();
    let head = client.head().await.unwrap().timestamp;
    assert_eq!(effective, head + DAY);
    let expected = TakeBack {
        index: 2,
        effective,
    };
    assert_eq!(client.take_backs(0, 256).await.unwrap(), [expected]);
    let again = client.request_take_back(depositor, 2).await;
    assert_eq!(reason(again), "TakeBackPending");
    let early = client.take_back(&world.other, 2).await;
    assert_eq!(reason(early.map(|_| ())), "TakeBackTooEarly");

    world.clock.advance(Duration::from_secs(DAY + 3_600));
    client.take_back(&world.other, 2).await.unwrap();
    let owner = depositor.address().into_array();
    assert_eq!(client.claimable(owner, DOLLAR).await.unwrap(), 12);
    let again = client.take_back(&world.other, 2).await;
    assert_eq!(reason(again.map(|_| ())), "NoTakeBack");
    // Batches still pass over it.
    assert_eq!(client.take_backs(0, 256).await.unwrap(), [expected]);
    assert_eq!(
        client.claim(depositor, DOLLAR, None).await.unwrap().amount,
        12
    );
}

/// The requests are what the vault says, whatever becomes of its log.
#[tokio::test]
async fn requests_need_no_log() {
    let world = world().await;
    let requested = world.client.request_take_back(&world.depositor, 1).await;
    requested.unwrap();
    *world.endpoint.alter.lock().unwrap() = |_| Vec::new();
    let client = Client::new(world.endpoint.clone(), world.client.contracts(), None);
    let indices = async |from, limit| {
        let found = client.take_backs(from, limit).await.unwrap();
        found.iter().map(|found| found.index).collect::<Vec<_>>()
    };
    assert_eq!(indices(0, 256).await, [1]);
    assert_eq!(indices(1, 1).await, [1]);
    assert!(indices(0, 1).await.is_empty());
    assert!(indices(2, 256).await.is_empty());
}
