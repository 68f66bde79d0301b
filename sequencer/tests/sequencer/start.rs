//! The reasons to refuse a start.

use std::sync::atomic::Ordering;

use subrosa_protocol::batch::Shape;
use subrosa_sequencer::{Config, StartError};

use crate::support::*;

async fn refused(world: &World, config: Config) -> StartError {
    match world.try_start(config).await {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chain_is_refused() {
    let world = World::new();
    let mut config = world.config();
    config.chain_id = 1337;
    let error = refused(&world, config).await;
    assert!(
        matches!(error, StartError::Chain { what: "id", .. }),
        "{error:?}"
    );
    let mut config = world.config();
    config.rollup = [0; 20];
    let error = refused(&world, config).await;
    assert!(
        matches!(
            error,
            StartError::Chain {
                what: "context",
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn development_keys_are_refused_on_a_real_chain() {
    let world = World::new();
    let mut config = world.config();
    config.chain_id = 1;
    let error = refused(&world, config).await;
    assert!(
        matches!(error, StartError::UnsafeKeys { chain_id: 1 }),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shapes_without_keys_are_refused() {
    let world = World::new();
    world.chain.with(|chain| chain.shapes = vec![Shape::S4]);
    let error = refused(&world, world.config()).await;
    assert!(
        matches!(
            error,
            StartError::Shape {
                slots: 16,
                place: "on the chain"
            }
        ),
        "{error:?}"
    );
    world.prover.no_shapes.store(true, Ordering::SeqCst);
    let error = refused(&world, world.config()).await;
    assert!(
        matches!(
            error,
            StartError::Shape {
                place: "at the prover",
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_is_not_that_of_the_assets_is_refused() {
    let world = World::new();
    let false_root = Some(subrosa_protocol::Fr::from(7u64));
    world.chain.with(|chain| chain.false_root = false_root);
    let error = refused(&world, world.config()).await;
    assert!(error.to_string().contains("root"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_held_by_one() {
    let world = World::new();
    let node = world.start(world.config()).await;
    let error = refused(&world, world.config()).await;
    assert!(matches!(error, StartError::Store(_)), "{error:?}");
    node.stop().await;
    world.start(world.config()).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_chain_is_waited_for() {
    let world = World::new();
    world.chain.down.store(true, Ordering::SeqCst);
    let chain = world.chain.clone();
    tokio::spawn(async move {
        eventually("the chain is asked again", || {
            chain.calls.load(Ordering::SeqCst) >= 2
        })
        .await;
        chain.down.store(false, Ordering::SeqCst);
    });
    world.start(world.config()).await.stop().await;
    world.chain.down.store(true, Ordering::SeqCst);
    let error = refused(&world, world.config()).await;
    assert!(matches!(error, StartError::Settlement(_)), "{error:?}");
}

#[test]
fn configurations_are_read_and_checked() {
    let text = serde_json::json!({
        "store": "/data", "chain_id": 31337,
        "rollup": hex0x(&ROLLUP), "vault": hex0x(&[2; 20]), "fee_recipient": hex0x(&[3; 20]),
        "min_fee": "340282366920938463463374607431768211455",
        "seal": { "shapes": [4, 64] },
    });
    let config: Config = serde_json::from_value(text.clone()).unwrap();
    assert_eq!(config.min_fee, u128::MAX);
    assert_eq!(config.seal.shapes, [Shape::S4, Shape::S64]);
    config.validate().unwrap();
    let again: Config = serde_json::from_value(serde_json::to_value(&config).unwrap()).unwrap();
    assert_eq!(format!("{config:?}"), format!("{again:?}"));

    let mut wrong = text.clone();
    wrong["seal"]["shapes"] = serde_json::json!([5]);
    assert!(serde_json::from_value::<Config>(wrong).is_err());
    let mut wrong = text.clone();
    wrong["typo"] = 1.into();
    assert!(serde_json::from_value::<Config>(wrong).is_err());
    let mut wrong = text;
    wrong["rollup"] = "0x11".into();
    assert!(serde_json::from_value::<Config>(wrong).is_err());
    let changes: [fn(&mut Config); 7] = [
        |config| config.seal.shapes.clear(),
        |config| config.seal.max_unsettled = 0,
        |config| config.admission.group = 0,
        |config| config.settle.poll_ms = 0,
        |config| config.settle.deposit_confirmations = Some(0),
        |config| config.settle.max_age_s = 3_600,
        |config| config.settle.backoff_max_ms = 0,
    ];
    for change in changes {
        let mut config = config.clone();
        change(&mut config);
        assert!(config.validate().is_err());
    }
}

// Before, a sequencer on a chain with value took transactions that pay nothing.
#[test]
fn a_fee_of_nothing_is_for_development_chains() {
    let world = World::new();
    let mut config = world.config();
    config.min_fee = 0;
    assert!(config.validate().is_ok());
    config.chain_id = 1;
    let refused = config.validate().unwrap_err().to_string();
    assert!(refused.starts_with("min_fee: "), "{refused}");
    config.min_fee = 1;
    assert!(config.validate().is_ok());
    // A follower takes no transactions.
    config.min_fee = 0;
    config.follow = true;
    assert!(config.validate().is_ok());
}
