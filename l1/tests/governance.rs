//! Every action of governance through the timelock on the embedded chain: scheduled, refused before
//! its delay has passed, executed after it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use ark_ed_on_bn254::EdwardsAffine;
use subrosa_clock::VirtualClock;
use subrosa_l1::{
    Account, At, Change, Client, DepositTerms, EmbeddedTransport, L1, L1Error, RegisteredAsset,
    Tag, Transport,
    contracts::{AssetRegistry, Governance as Timelock, PriceOracle, Rollup, Vault},
    deploy::{DeployConfig, Deployment, NewAsset, NewShape, deploy, development_feed},
    development,
    governance::{
        Action, Governance, GuardianCall, MarketTerms, Operation, State, decode, decode_timelock,
    },
};
use subrosa_protocol::{
    asset::{AssetId, AssetTree, Stop},
    batch::Shape,
    keys::{AuditorKey, Seed, unaudited},
};

const DELAY: u64 = 3_600;
/// Any time.
const START: u64 = 1_800_000_000;

struct World {
    clock: VirtualClock,
    transport: Arc<EmbeddedTransport>,
    accounts: Vec<Account>,
    deployment: Deployment,
    feed: Address,
}

impl World {
    async fn new() -> Self {
        let accounts = development::accounts();
        let funded: Vec<Address> = accounts.iter().map(Account::address).collect();
        let clock = VirtualClock::new(START);
        let transport = Arc::new(EmbeddedTransport::with_clock(
            &funded,
            Arc::new(clock.clone()),
        ));
        let owner = &accounts[0];
        let token =
            subrosa_l1::deploy::development_token(&*transport, owner, "Dollar", "dUSD", 6).await;
        let config = DeployConfig {
            sequencer: funded[1],
            guardian: funded[2],
            fee_asset: AssetId(0),
            assets: vec![NewAsset {
                token: token.unwrap(),
                auditor: None,
                flags: 0,
            }],
            shapes: vec![NewShape {
                shape: Shape::S4,
                vk_data: vec![7; 64],
                unsafe_development: true,
            }],
        };
        let deployment = deploy(&*transport, owner, &config).await.unwrap();
        let feed = development_feed(&*transport, owner, 8, 100_000_000).await;
        Self {
            clock,
            deployment,
            feed: feed.unwrap(),
            accounts,
            transport,
        }
    }

    async fn governance(&self) -> Governance<'_> {
        Governance::of(&*self.transport, &self.deployment.contracts)
            .await
            .unwrap()
    }

    async fn read<C: SolCall>(&self, to: Address, call: C) -> C::Return {
        let data = call.abi_encode().into();
        let answer = self.transport.call("read", to, data, At::Latest).await;
        C::abi_decode_returns(&answer.unwrap()).unwrap()
    }

    /// Takes an action through the whole way.
    async fn act(&self, action: Action, salt: u64, meaning: &str) {
        let governance = self.governance().await;
        let owner = &self.accounts[0];
        let (target, data) = action.call(governance.targets()).unwrap();
        let text = decode(&data).expect("a known call");
        assert!(text.starts_with(meaning), "{text}");
        let operation = Operation {
            target,
            data,
            predecessor: B256::ZERO,
            salt: B256::from(U256::from(salt)),
        };
        let id = operation.id();
        let hashed = Timelock::hashOperationCall {
            target,
            value: U256::ZERO,
            data: operation.data.clone().into(),
            predecessor: operation.predecessor,
            salt: operation.salt,
        };
        assert_eq!(self.read(governance.timelock(), hashed).await, id);
        for call in [operation.schedule_call(DELAY), operation.execute_call()] {
            let (_, found) = decode_timelock(&call).expect("a call of the timelock");
            assert_eq!(found.as_ref(), Some(&operation));
        }

        assert_eq!(governance.state(id).await.unwrap(), State::Unset);
        governance.schedule(owner, &operation, DELAY).await.unwrap();
        let State::Waiting(ready) = governance.state(id).await.unwrap() else {
            panic!("{text} waits");
        };
        let pending = governance.pending(0).await.unwrap();
        assert_eq!(pending.len(), 1);
        assert_eq!((pending[0].id, pending[0].salt), (id, operation.salt));
        assert_eq!(
            pending[0].calls,
            [(target, U256::ZERO, operation.data.clone())]
        );
        let refused = governance.execute(owner, &operation).await.unwrap_err();
        let expected = "TimelockUnexpectedOperationState";
        assert!(
            matches!(&refused, L1Error::Rejected { reason, .. } if reason == expected),
            "{refused}"
        );
        self.clock.advance(Duration::from_secs(DELAY));
        assert_eq!(governance.state(id).await.unwrap(), State::Ready(ready));
        governance.execute(owner, &operation).await.unwrap();
        assert_eq!(governance.state(id).await.unwrap(), State::Done);
        assert_eq!(governance.pending(0).await.unwrap(), []);
    }
}

fn auditor(seed: u8) -> EdwardsAffine {
    AuditorKey::from_seed(&Seed::from_bytes([seed; 32])).public()
}

#[tokio::test]
async fn every_action_goes_through_the_timelock() {
    let world = World::new().await;
    let contracts = world.deployment.contracts;
    let client = Client::new(world.transport.clone(), contracts, None);
    let token = Address::ZERO;
    let registered = Action::RegisterAsset {
        token,
        auditor: Some(auditor(1)),
        flags: 3,
    };
    world
        .act(registered, 100, "register asset: token the native coin")
        .await;
    let assets = client.assets().await.unwrap();
    assert_eq!((assets[1].token, assets[1].flags), ([0; 20], 3));
    assert_eq!(assets[1].auditor, auditor(1));

    let rotated = Action::RotateAuditor {
        asset: 1,
        auditor: auditor(2),
    };
    world
        .act(rotated, 101, "rotate the auditor of asset 1")
        .await;
    assert_eq!(client.assets().await.unwrap()[1].auditor, auditor(2));
    let keys = client.auditors().await.unwrap();
    assert_eq!(keys.of(AssetId(1)), [auditor(2), auditor(1)]);
    assert_eq!(keys.of(AssetId(0)), [unaudited()]);

    let governance = world.governance().await;
    let verifier = governance.verifier_of(4).await.unwrap();
    assert_eq!(verifier, world.deployment.verifier);
    let key = governance.create_key(&world.accounts[5], &[9; 96]).await;
    let shape = Action::RegisterShape {
        id: 1_016,
        slots: 16,
        verifier,
        key: key.unwrap(),
        unsafe_development: true,
    };
    world.act(shape, 102, "register shape 1016: 16 slots").await;
    let shapes = client.rollup().await.unwrap().shapes;
    assert_eq!(shapes, [Shape::S4, Shape::S16]);
    world
        .act(Action::RetireShape { id: 4 }, 103, "retire shape 4")
        .await;
    assert_eq!(client.rollup().await.unwrap().shapes, [Shape::S16]);

    let feed = Action::SetFeed {
        asset: 1,
        feed: world.feed,
        heartbeat: 600,
        token_decimals: 18,
    };
    world.act(feed, 104, "set the feed of asset 1").await;
    let oracle = world.deployment.oracle;
    let found = world
        .read(oracle, PriceOracle::feedOfCall { asset: 1 })
        .await;
    assert_eq!((found.feed, found.tokenDecimals), (world.feed, 18));
    world
        .act(
            Action::RemoveFeed { asset: 1 },
            105,
            "remove the feed of asset 1",
        )
        .await;
    let found = world
        .read(oracle, PriceOracle::feedOfCall { asset: 1 })
        .await;
    assert_eq!(found.feed, Address::ZERO);

    let terms = MarketTerms {
        collateral: 1,
        debt: 0,
        haircut: 500,
        initial: 15_000,
        maintenance: 12_000,
        bonus: 500,
        max_age: 3_600,
        maximum_move: 700,
    };
    world
        .act(
            Action::SetMarket { id: 2, terms },
            106,
            "set market 2: collateral asset 1",
        )
        .await;
    let words = world.read(oracle, PriceOracle::marketWordsCall {}).await;
    assert!(!words[2].is_zero());
    let call = PriceOracle::maximumMoveCall { id: 2 };
    assert_eq!(world.read(oracle, call).await, 700);
    world
        .act(Action::RemoveMarket { id: 2 }, 107, "remove market 2")
        .await;
    let words = world.read(oracle, PriceOracle::marketWordsCall {}).await;
    assert!(words[2].is_zero());

    let other = world.accounts[6].address();
    world
        .act(
            Action::SetSequencer { account: other },
            108,
            "set the sequencer to",
        )
        .await;
    let found = world.read(contracts.rollup, Rollup::sequencerCall {}).await;
    assert_eq!(found, other);
    world
        .act(
            Action::SetGuardian { account: other },
            109,
            "set the guardian to",
        )
        .await;
    assert_eq!(governance.guardian().await.unwrap(), other);

    let deposits = Action::SetDepositTerms {
        asset: 1,
        minimum: 5_000_000_000_000_000,
        fee: 700_000_000_000_000,
    };
    world
        .act(
            deposits,
            111,
            "set the deposit terms of asset 1: minimum 5000000000000000 base units, fee \
             700000000000000 base units",
        )
        .await;
    let terms = client.deposit_terms(AssetId(1)).await.unwrap();
    let expected = DepositTerms {
        minimum: 5_000_000_000_000_000,
        fee: 700_000_000_000_000,
    };
    assert_eq!(terms, expected);
    let none = client.deposit_terms(AssetId(0)).await.unwrap();
    assert_eq!(none, DepositTerms::default());

    let seconds = 2 * DELAY;
    let timelock = governance.timelock();
    world
        .act(
            Action::SetDelay { seconds, timelock },
            110,
            "set the timelock's delay to 7200 s",
        )
        .await;
    assert_eq!(governance.minimum_delay().await.unwrap(), seconds);
}

#[tokio::test]
async fn only_the_guardian_pauses_and_resumes_deposits() {
    let world = World::new().await;
    let governance = world.governance().await;
    let vault = world.deployment.contracts.vault;
    let guardian = &world.accounts[2];
    assert_eq!(governance.guardian().await.unwrap(), guardian.address());
    assert_eq!(governance.paused_until().await.unwrap(), None);
    assert_eq!(governance.pause_allowed_from().await.unwrap(), 0);
    for paused in [true, false] {
        let call = if paused {
            GuardianCall::Pause
        } else {
            GuardianCall::Resume
        };
        let refused = governance.guard(&world.accounts[0], &call).await;
        assert!(
            matches!(refused, Err(L1Error::Rejected { reason, .. }) if reason == "NotGuardian")
        );
        let (to, data) = call.call(governance.targets()).unwrap();
        let tried = async |by: &Account| governance.try_call(by.address(), to, &data).await;
        assert!(tried(&world.accounts[0]).await.is_err());
        tried(guardian).await.unwrap();
        governance.guard(guardian, &call).await.unwrap();
        let found = world.read(vault, Vault::depositsPausedCall {}).await;
        assert_eq!(found, paused);
        let until = governance.paused_until().await.unwrap();
        assert_eq!(until.is_some(), paused);
    }
    let call = Vault::setDepositsPausedCall { paused: true }.abi_encode();
    assert_eq!(decode(&call).as_deref(), Some("pause deposits"));
}

#[tokio::test]
async fn a_pause_ends_by_itself_and_the_next_one_waits_as_long() {
    const DAY: u64 = 24 * 60 * 60;
    let world = World::new().await;
    let governance = world.governance().await;
    let guardian = &world.accounts[2];
    let pause = GuardianCall::Pause;
    let paused = governance.guard(guardian, &pause).await.unwrap();
    let block = world.transport.block(Tag::Number(paused.block)).await;
    let began = block.unwrap().unwrap().timestamp;
    let until = governance.paused_until().await.unwrap();
    assert_eq!(until, Some(began + 3 * DAY));
    let allowed = governance.pause_allowed_from().await.unwrap();
    assert_eq!(allowed, began + 6 * DAY);
    let client = Client::new(world.transport.clone(), world.deployment.contracts, None);
    let history = client.history(paused.block, paused.block).await.unwrap();
    let changes: Vec<_> = history.into_iter().map(|found| found.change).collect();
    assert_eq!(changes, [Change::DepositsPaused(began + 3 * DAY)]);

    // Views and estimates are of the newest block, which anybody's transaction mines.
    let pass = async |days: u64| {
        world.clock.advance(Duration::from_secs(days * DAY));
        let mined = governance.create_key(&world.accounts[5], &[9; 96]).await;
        mined.unwrap();
    };
    pass(4).await;
    assert_eq!(governance.paused_until().await.unwrap(), None);
    let early = governance.guard(guardian, &pause).await;
    let text = format!("PauseTooSoon (allowed from {allowed}, Unix seconds)");
    assert!(matches!(early, Err(L1Error::Rejected { reason, .. }) if reason == text));
    pass(2).await;
    governance.guard(guardian, &pause).await.unwrap();
}

#[tokio::test]
async fn the_guardian_of_seizures_stops_them_at_once_and_lets_them_go_on() {
    const HOUR: u64 = 60 * 60;
    let world = World::new().await;
    let governance = world.governance().await;
    let client = Client::new(world.transport.clone(), world.deployment.contracts, None);
    let guardian = &world.accounts[2];
    let stop = async || client.assets().await.unwrap()[0].stop;
    assert_eq!(stop().await, Stop::default());
    let head = world.transport.block(Tag::Latest).await.unwrap().unwrap();
    let from = head.timestamp - HOUR;
    let stopped = async |by: &Account, from| {
        let call = GuardianCall::StopSeizures {
            assets: vec![(0, 0b101)],
            from,
            minutes: 90,
        };
        governance.guard(by, &call).await
    };
    let resume = GuardianCall::ResumeSeizures { asset: 0 };
    let refused = async |attempt: Result<_, L1Error>, name: &str| {
        assert!(
            matches!(&attempt, Err(L1Error::Rejected { reason, .. }) if reason == name),
            "{attempt:?}, expected {name}"
        );
    };
    refused(
        stopped(&world.accounts[0], from).await,
        "NotSeizureGuardian",
    )
    .await;
    refused(
        stopped(guardian, from - 26 * HOUR).await,
        &format!(
            "StopBeginOutOfRange (it would begin at {}, Unix seconds)",
            (from - 26 * HOUR) / 60 * 60
        ),
    )
    .await;
    assert_eq!(governance.stops_allowed_from().await.unwrap(), 0);
    let mined = stopped(guardian, from).await.unwrap();
    let expected = Stop::covering(0b101, from, 90).unwrap();
    assert!(expected.begin() <= from && expected.until() >= from + 90 * 60);
    assert_eq!(stop().await, expected);
    let history = client.history(mined.block, mined.block).await.unwrap();
    let changes: Vec<_> = history.into_iter().map(|found| found.change).collect();
    let [Change::Asset { asset, .. }] = changes[..] else {
        panic!("one change: {changes:?}")
    };
    let recorded = RegisteredAsset::Stop {
        id: AssetId(0),
        stop: expected,
    };
    assert_eq!(asset, recorded);
    // The leaf and the root are those of the registry.
    let tree: AssetTree = client.assets().await.unwrap().into_iter().collect();
    assert_eq!(client.rollup().await.unwrap().assets_root, tree.root());

    let block = world.transport.block(Tag::Number(mined.block)).await;
    let allowed = block.unwrap().unwrap().timestamp + 6 * HOUR;
    assert_eq!(governance.stops_allowed_from().await.unwrap(), allowed);
    refused(
        governance.guard(guardian, &resume).await,
        &format!("GuardianTooEarly (allowed from {allowed}, Unix seconds)"),
    )
    .await;
    world.clock.advance(Duration::from_secs(6 * HOUR));
    refused(governance.guard(guardian, &resume).await, "NotStopped").await;
    let call = AssetRegistry::resumeSeizuresCall { asset: 4 }.abi_encode();
    assert_eq!(decode(&call).as_deref(), Some("resume seizures of asset 4"));
}

#[tokio::test]
async fn a_cancelled_operation_is_gone_until_it_is_scheduled_again() {
    let world = World::new().await;
    let governance = world.governance().await;
    let owner = &world.accounts[0];
    let action = Action::RetireShape { id: 4 };
    let (target, data) = action.call(governance.targets()).unwrap();
    let first = Operation {
        target,
        data,
        predecessor: B256::ZERO,
        salt: B256::ZERO,
    };
    let second = Operation {
        predecessor: first.id(),
        salt: B256::repeat_byte(1),
        ..first.clone()
    };
    for operation in [&first, &second] {
        governance.schedule(owner, operation, DELAY).await.unwrap();
    }
    let ids = async || {
        let pending = governance.pending(0).await.unwrap();
        pending.iter().map(|found| found.id).collect::<Vec<_>>()
    };
    assert_eq!(ids().await, [first.id(), second.id()]);
    // A stranger can do nothing.
    let stranger = &world.accounts[7];
    for refused in [
        governance.schedule(stranger, &first, DELAY).await,
        governance.cancel(stranger, first.id()).await,
    ] {
        assert!(matches!(refused, Err(L1Error::Rejected { .. })));
    }
    // The second one waits for the first.
    world.clock.advance(Duration::from_secs(DELAY));
    let refused = governance.execute(owner, &second).await.unwrap_err();
    assert!(
        matches!(&refused, L1Error::Rejected { reason, .. }
            if reason == "TimelockUnexecutedPredecessor"),
        "{refused}"
    );
    governance.cancel(owner, first.id()).await.unwrap();
    assert_eq!(ids().await, [second.id()]);
    governance.schedule(owner, &first, DELAY).await.unwrap();
    assert_eq!(ids().await, [second.id(), first.id()]);
    assert_eq!(governance.pending(0).await.unwrap()[1].calls.len(), 1);
}

#[test]
fn a_call_that_is_no_action_is_not_named() {
    assert_eq!(decode(&[1, 2, 3, 4]), None);
    assert_eq!(decode(&[]), None);
    assert_eq!(decode_timelock(&[0; 36]), None);
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let targets = subrosa_l1::governance::Targets {
        rollup: Address::ZERO,
        vault: Address::ZERO,
        registry: Address::ZERO,
        oracle: Address::ZERO,
    };
    let terms = MarketTerms {
        collateral: 1,
        debt: 0,
        haircut: 0,
        initial: 1 << 24,
        maintenance: 10_000,
        bonus: 0,
        max_age: 1,
        maximum_move: 1,
    };
    let refused = Action::SetMarket { id: 0, terms }.call(&targets);
    assert!(matches!(refused, Err(L1Error::Protocol(_))));
}
