//! Random schedules of everything that can happen to a sender.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    super::{Cancellation, Repeat, engine::Engine, journal::Outcome, node::Refusal},
    world::{DEPTH, GWEI, World, data, request},
};

#[derive(Clone, Debug)]
enum Event {
    Submit(u8),
    Cancel(u8),
    Step,
    Mine,
    Pass(u8),
    /// Depth, and whether the transactions are lost. Never as deep as what is forgotten.
    Reorganise(u8, bool),
    BaseFee(u8),
    Forget(bool),
    Drop(u8),
    Unavailable(bool),
    Refuse(u8),
    /// Somebody else sends from the account.
    Foreign,
    /// The process is killed at this store or broadcast, and starts again.
    Kill(u8),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (0u8..6).prop_map(Event::Submit),
        2 => (0u8..6).prop_map(Event::Cancel),
        8 => Just(Event::Step),
        6 => Just(Event::Mine),
        4 => (1u8..100).prop_map(Event::Pass),
        2 => (1u8..DEPTH as u8, any::<bool>()).prop_map(|(d, l)| Event::Reorganise(d, l)),
        2 => (1u8..120).prop_map(Event::BaseFee),
        1 => any::<bool>().prop_map(Event::Forget),
        1 => (0u8..8).prop_map(Event::Drop),
        1 => any::<bool>().prop_map(Event::Unavailable),
        1 => (0u8..4).prop_map(Event::Refuse),
        1 => Just(Event::Foreign),
        3 => (0u8..8).prop_map(Event::Kill),
    ];
    proptest::collection::vec(event, 1..60)
}

fn purpose(number: u8) -> (String, Repeat) {
    if number < 3 {
        (format!("deposit/{number}"), Repeat::Never)
    } else {
        (format!("settle/{number}"), Repeat::UntilDone)
    }
}

/// Blocks that a reorganisation may still take: it never reaches what was ended.
fn reorganise(world: &World, floor: &mut usize, depth: u8, lose: bool) {
    let mut state = world.state();
    let depth = usize::from(depth).min(state.blocks.len().saturating_sub(*floor));
    let longer = state.blocks.len() + 1;
    state.reorganise(depth, lose);
    // The new branch is longer than the old one.
    while state.blocks.len() < longer {
        state.blocks.push(Vec::new());
    }
}

async fn run(schedule: Vec<Event>) {
    let world = World::new();
    let mut engine = world.engine();
    let mut asked: BTreeMap<u8, usize> = BTreeMap::new();
    let mut floor = 0;
    for event in schedule {
        match event {
            Event::Submit(number) => {
                let (purpose, repeat) = purpose(number);
                if engine.submit(&request(&purpose, repeat)).await.is_ok() {
                    *asked.entry(number).or_default() += 1;
                }
            }
            Event::Cancel(number) => {
                let _ = engine.cancel(&purpose(number).0).await;
            }
            Event::Step => {
                let _ = engine.step().await;
            }
            Event::Mine => world.mine(1),
            Event::Pass(seconds) => world.pass(seconds.into()),
            Event::Reorganise(depth, lose) => reorganise(&world, &mut floor, depth, lose),
            Event::BaseFee(gwei) => world.state().base_fee = u64::from(gwei) * GWEI,
            Event::Forget(yes) => world.state().forgets = yes,
            Event::Drop(nonce) => {
                world.state().pool.remove(&u64::from(nonce));
            }
            Event::Unavailable(yes) => world.state().unavailable = yes,
            Event::Refuse(which) => {
                world.state().refuses = match which {
                    0 => Some(Refusal::Underpriced),
                    1 => Some(Refusal::LacksEther),
                    2 => Some(Refusal::Other("busy".into())),
                    _ => None,
                }
            }
            Event::Foreign => world.state().foreign(),
            Event::Kill(at) => {
                world.state().fuse = Some(at.into());
                let (purpose, repeat) = purpose(at % 6);
                let _ = engine.submit(&request(&purpose, repeat)).await;
                let _ = engine.step().await;
                // Dead or not: the next process knows only what is stored.
                engine = world.engine();
            }
        }
        // Keeps reorganisations above everything that is deep.
        let height = world.state().blocks.len();
        floor = floor.max(height.saturating_sub(DEPTH as usize - 1));
    }
    heal(&world, &mut engine).await;
    verify(&world, &engine);
}

/// All is well again, for long enough.
async fn heal(world: &World, engine: &mut Engine) {
    {
        let mut state = world.state();
        state.unavailable = false;
        state.forgets = false;
        state.refuses = None;
        state.base_fee = GWEI;
    }
    for _ in 0..200 {
        if !engine.is_open() {
            return;
        }
        world.patience(engine).await;
        world.mine(1);
    }
    panic!("still open: {:?}", engine.status());
}

fn verify(world: &World, engine: &Engine) {
    let state = world.state();
    // Nonces have no gap.
    let mined: Vec<u64> = state
        .blocks
        .iter()
        .flatten()
        .map(|sent| sent.nonce)
        .collect();
    assert_eq!(mined, (0..mined.len() as u64).collect::<Vec<_>>());
    for number in 0..6 {
        let (purpose, repeat) = purpose(number);
        let effects = state.effects(&data(&purpose));
        let outcome = engine.outcomes(&purpose);
        let successes = outcome
            .iter()
            .filter(|o| matches!(o, Outcome::Mined(_)))
            .count();
        // The records say what the chain says.
        assert_eq!(effects, successes, "{purpose}: {outcome:?}");
        if repeat == Repeat::Never {
            assert!(effects <= 1, "{purpose} happened {effects} times");
        }
        match engine.fate(&purpose) {
            Some(Cancellation::Mined(_)) => assert!(effects >= 1),
            Some(Cancellation::Dead { is_final }) => assert!(is_final),
            Some(Cancellation::NeverSent) => assert_eq!(effects, 0),
            None => panic!("{purpose} is open"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("SUBROSA_SCHEDULES").ok().and_then(|n| n.parse().ok()).unwrap_or(300),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_purpose_is_mined_once_or_dead_after_any_schedule(schedule in events()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(schedule));
    }
}
