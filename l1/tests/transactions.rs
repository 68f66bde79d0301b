//! The transaction manager against anvil: parallel deposits, lost transactions, empty accounts,
//! dear blocks, cancelled settlements' kind, restarts.

#![allow(missing_docs, reason = "a test")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::PathBuf, sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, Bytes, U256};
use serde_json::json;
use subrosa_l1::{
    Account, Cancellation, Client, L1, L1Error, RpcTransport, TransactionSettings, Transport,
    deploy::{DeployConfig, NewAsset, deploy, development_token, mint},
    development::{self, Anvil, AnvilError, AnvilOptions},
    transactions::Repeat,
    transport::Outgoing,
};
use subrosa_protocol::{Fr, asset::AssetId};

const DOLLAR: AssetId = AssetId(0);
const STRICT: AssetId = AssetId(1);
const ETHER: AssetId = AssetId(2);
const MINTED: u128 = 1_000_000;

struct World {
    anvil: Anvil,
    transport: Arc<RpcTransport>,
    client: Arc<Client<Arc<RpcTransport>>>,
    depositor: Account,
}

/// Returns init code of a token that behaves like `token`, except that it refuses to change an
/// allowance that is not zero to another one, as USDT does.
fn strict_token(token: Address) -> Bytes {
    // Not approve, or approve of zero: delegate. Otherwise ask for the present allowance.
    let head = "60003560e01c63095ea7b31415604357602435156043576\
                3dd62ed3e60e01b60005233600452600435602452\
                60206000604460003\
                05afa50600051156043576000\
                80fd";
    let delegate = "5b3660006000376000600036600073";
    let tail = "5af43d600060003e6075573d6000fd5b3d6000f3";
    let runtime = hex::decode(format!("{head}{delegate}{}{tail}", hex::encode(token))).unwrap();
    let length = u8::try_from(runtime.len()).unwrap();
    let mut code = vec![0x60, length, 0x80, 0x60, 9, 0x3d, 0x39, 0x3d, 0xf3];
    code.extend(runtime);
    code.into()
}

/// Starts anvil with the contracts, three assets and a depositor who holds them. `None` if there is
/// no anvil.
async fn world(directory: Option<PathBuf>) -> Option<World> {
    let anvil = match Anvil::start(AnvilOptions::default()).await {
        Ok(anvil) => anvil,
        Err(AnvilError::NotFound) => {
            eprintln!("SKIPPED: {}", AnvilError::NotFound);
            return None;
        }
        Err(other) => panic!("{other}"),
    };
    let transport = Arc::new(anvil.transport());
    let accounts = development::accounts();
    let owner = &accounts[0];
    let depositor = accounts[3].clone();
    let token = development_token(&*transport, owner, "Dollar", "dUSD", 6)
        .await
        .unwrap();
    let code = Outgoing::new("strict token", None, strict_token(token), U256::ZERO);
    let strict = transport.send(owner, code).await.unwrap().created.unwrap();
    let asset = |token| NewAsset {
        token,
        auditor: None,
        flags: 0,
    };
    let config = DeployConfig {
        sequencer: accounts[1].address(),
        guardian: accounts[2].address(),
        fee_asset: DOLLAR,
        assets: vec![asset(token), asset(strict), asset(Address::ZERO)],
        shapes: Vec::new(),
    };
    let deployment = deploy(&*transport, owner, &config).await.unwrap();
    for token in [token, strict] {
        mint(&*transport, owner, token, depositor.address(), MINTED)
            .await
            .unwrap();
    }
    let settings = TransactionSettings {
        attempt_s: 1,
        wait_s: 20,
        poll_ms: 100,
        ..TransactionSettings::default()
    };
    transport
        .accounts()
        .keep(depositor.address(), settings, directory)
        .await
        .unwrap();
    let client = Client::new(Arc::clone(&transport), deployment.contracts, None);
    Some(World {
        anvil,
        transport,
        client: Arc::new(client),
        depositor,
    })
}

impl World {
    async fn request(&self, method: &'static str, params: serde_json::Value) -> serde_json::Value {
        self.anvil.request(method, params).await.unwrap()
    }

    async fn automine(&self, on: bool) {
        self.request("evm_setAutomine", json!([on])).await;
    }

    async fn nonces(&self) -> (u64, u64) {
        let account = self.depositor.address();
        let mut counts = Vec::new();
        for at in ["latest", "pending"] {
            let count = self
                .request("eth_getTransactionCount", json!([account, at]))
                .await;
            let count: U256 = serde_json::from_value(count).unwrap();
            counts.push(count.to::<u64>());
        }
        (counts[0], counts[1])
    }

    /// Waits until a transaction of the depositor waits in the pool, and returns its hash.
    async fn pending(&self) -> B256 {
        for _ in 0..1_000 {
            let block = self
                .request("eth_getBlockByNumber", json!(["pending", false]))
                .await;
            if let Some(hash) = block["transactions"].get(0) {
                return serde_json::from_value(hash.clone()).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no transaction waits to be mined");
    }

    fn deposit(&self, asset: AssetId, amount: u128, inner: u64) -> Deposit {
        let (client, depositor) = (Arc::clone(&self.client), self.depositor.clone());
        tokio::spawn(async move {
            let inner = Fr::from(inner);
            let receipt = client.deposit(&depositor, asset, amount, &inner).await?;
            Ok(receipt.credited)
        })
    }
}

type Deposit = tokio::task::JoinHandle<Result<u128, L1Error>>;

#[tokio::test(flavor = "multi_thread")]
async fn ten_parallel_deposits_of_one_token_are_queued() {
    let Some(world) = world(None).await else {
        return;
    };
    world.automine(false).await;
    world.request("evm_setIntervalMining", json!([1])).await;
    for (asset, first) in [(DOLLAR, 100), (STRICT, 200), (ETHER, 300)] {
        // An allowance that is neither zero nor enough is left over.
        if asset == STRICT {
            world.deposit(asset, 3, 99).await.unwrap().unwrap();
            let left = world
                .client
                .token_balance(world.depositor.address().into_array(), asset);
            assert_eq!(left.await.unwrap(), MINTED - 3);
            leave_allowance(&world, 1).await;
        }
        let deposits: Vec<_> = (0..10)
            .map(|number| world.deposit(asset, 1 + u128::from(number), first + number))
            .collect();
        for (number, deposit) in (1u128..).zip(deposits) {
            assert_eq!(deposit.await.unwrap().unwrap(), number);
        }
    }
    assert_eq!(world.client.deposits_mined(1).await.unwrap(), 31);
    let (mined, pending) = world.nonces().await;
    assert_eq!(mined, pending);
}

/// Approves `amount` of the strict token without using it.
async fn leave_allowance(world: &World, amount: u64) {
    let assets = world.client.assets().await.unwrap();
    let token = Address::from(assets[usize::from(STRICT.0)].token);
    let vault = world.client.contracts().vault;
    let mut data = hex::decode("095ea7b3").unwrap();
    data.extend(vault.into_word());
    data.extend(U256::from(amount).to_be_bytes::<32>());
    let approve = Outgoing::new("approve", Some(token), data.clone().into(), U256::ZERO);
    world
        .transport
        .send(&world.depositor, approve)
        .await
        .unwrap();
    // The token is as strict as it should be.
    let again = Outgoing::new("approve", Some(token), data.into(), U256::ZERO);
    let refused = world
        .transport
        .send(&world.depositor, again)
        .await
        .unwrap_err();
    assert!(matches!(refused, L1Error::Rejected { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_deposit_uses_no_nonce() {
    let Some(world) = world(None).await else {
        return;
    };
    let before = world.nonces().await;
    let refused = world
        .deposit(ETHER, u128::MAX, 1)
        .await
        .unwrap()
        .unwrap_err();
    assert!(!refused.is_transient(), "{refused}");
    assert_eq!(world.nonces().await, before);
    world.deposit(DOLLAR, 5, 2).await.unwrap().unwrap();
    let before = world.nonces().await;
    // The allowance is used up by now; only the approval has a nonce.
    let refused = world
        .deposit(DOLLAR, MINTED * 2, 3)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(
        refused,
        L1Error::Rejected {
            operation: "deposit",
            reason: "ERC20InsufficientBalance".into()
        }
    );
    assert_eq!(world.nonces().await, (before.0 + 1, before.1 + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_transaction_is_sent_again_and_dearer_under_its_nonce() {
    let Some(world) = world(None).await else {
        return;
    };
    world.automine(false).await;
    let (mined, _) = world.nonces().await;
    let deposit = world.deposit(ETHER, 7, 1);
    let first = world.pending().await;
    world.request("anvil_dropTransaction", json!([first])).await;
    let second = world.pending().await;
    // Not mined: a dearer variant takes its place.
    let mut newest = second;
    while newest == second {
        newest = world.pending().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let fee = async |hash| {
        let found = world
            .request("eth_getTransactionByHash", json!([hash]))
            .await;
        let fee: U256 = serde_json::from_value(found["maxFeePerGas"].clone()).unwrap();
        fee.to::<u64>()
    };
    let block = world
        .request("eth_getBlockByNumber", json!(["pending", false]))
        .await;
    assert_eq!(
        block["transactions"].as_array().unwrap().len(),
        1,
        "{block}"
    );
    assert!(fee(newest).await > 0);
    world.request("evm_mine", json!([])).await;
    assert_eq!(deposit.await.unwrap().unwrap(), 7);
    assert_eq!(world.nonces().await, (mined + 1, mined + 1));
    assert_eq!(world.client.deposits_mined(1).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_account_waits_for_money() {
    let Some(world) = world(None).await else {
        return;
    };
    let account = world.depositor.address();
    let before = world.nonces().await;
    world
        .request("anvil_setBalance", json!([account, "0x0"]))
        .await;
    let poor = world.deposit(DOLLAR, 5, 1).await.unwrap().unwrap_err();
    assert!(poor.is_transient(), "{poor}");
    assert!(
        poor.to_string().contains("the account lacks ether"),
        "{poor}"
    );
    assert_eq!(world.nonces().await, before);
    let manager = world.transport.manager(&world.depositor).await.unwrap();
    let mut status = manager.status();
    let low = status
        .wait_for(|status| status.low_balance)
        .await
        .unwrap()
        .clone();
    assert_eq!(low.balance_wei, Some(U256::ZERO));
    let ether = "0xde0b6b3a7640000";
    world
        .request("anvil_setBalance", json!([account, ether]))
        .await;
    assert_eq!(world.deposit(DOLLAR, 5, 1).await.unwrap().unwrap(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_transaction_never_runs() {
    let Some(world) = world(None).await else {
        return;
    };
    world.automine(false).await;
    let manager = world.transport.manager(&world.depositor).await.unwrap();
    let call = || {
        Outgoing::new(
            "test",
            Some(Address::repeat_byte(9)),
            Bytes::new(),
            U256::from(5),
        )
        .for_purpose("test/1".into(), Repeat::UntilDone)
    };
    let ticket = manager.submit(call()).await.unwrap();
    world.pending().await;
    let cancelling = tokio::spawn({
        let manager = manager.clone();
        async move { manager.cancel("test/1").await }
    });
    while manager.waiting().await.unwrap()[0].value != U256::ZERO {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.request("evm_mine", json!([])).await;
    let fate = cancelling.await.unwrap().unwrap();
    assert!(matches!(fate, Cancellation::Dead { .. }), "{fate:?}");
    assert!(ticket.wait().await.is_err());
    let received = world
        .transport
        .ether(Address::repeat_byte(9))
        .await
        .unwrap();
    assert_eq!(received, U256::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_process_finds_what_the_old_one_sent() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().to_owned();
    let Some(world) = world(Some(home.clone())).await else {
        return;
    };
    world.automine(false).await;
    let lost = world.deposit(ETHER, 9, 1);
    world.pending().await;
    lost.abort();
    // The same account through another transport is another process: the first one holds the file.
    let depositor = world.depositor.clone();
    let contracts = world.client.contracts();
    let restart = async |home: PathBuf| {
        let transport = Arc::new(RpcTransport::new(&world.anvil.url).unwrap());
        let accounts = transport.accounts();
        let settings = TransactionSettings::default();
        accounts
            .keep(depositor.address(), settings, Some(home))
            .await
            .unwrap();
        Client::new(transport, contracts, None)
    };
    let second = restart(home.clone()).await;
    let held = second.deposit(&depositor, ETHER, 9, &Fr::from(1u64)).await;
    assert!(
        held.unwrap_err()
            .to_string()
            .contains("another process uses")
    );
    let World {
        transport,
        client,
        anvil,
        ..
    } = &world;
    let _ = (transport, client, anvil);
    let copied = directory.path().join("copy");
    std::fs::create_dir(&copied).unwrap();
    for entry in std::fs::read_dir(&home).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "json") {
            std::fs::copy(&path, copied.join(path.file_name().unwrap())).unwrap();
        }
    }
    let third = restart(copied).await;
    let found = tokio::spawn({
        let depositor = depositor.clone();
        async move { third.deposit(&depositor, ETHER, 9, &Fr::from(1u64)).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.request("evm_mine", json!([])).await;
    assert_eq!(found.await.unwrap().unwrap().credited, 9);
    assert_eq!(world.client.deposits_mined(1).await.unwrap(), 1);
}
