//! Reads of L1 name mined blocks, and the reads of one view the same block.

#![allow(missing_docs, reason = "a test")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256};
use serde_json::{Value, json};
use subrosa_l1::{
    Account, At, Change, Client, DepositName, DepositTerms, EmbeddedTransport, L1, Tag, Transport,
    deploy::{DeployConfig, NewAsset, deploy, development_token, mint, set_deposit_terms},
    development::{self, Anvil, AnvilError, AnvilOptions},
};
use subrosa_protocol::{
    Fr,
    asset::AssetInfo,
    keys::{Seed, ViewingKey},
};
use support::{DOLLAR, MINTED, client, reason};

fn embedded() -> Arc<EmbeddedTransport> {
    let accounts = development::accounts();
    let funded: Vec<Address> = accounts.iter().map(Account::address).collect();
    Arc::new(EmbeddedTransport::new(&funded))
}

#[tokio::test]
async fn deposits_are_counted_by_their_confirmations() {
    let depositor = development::accounts().remove(3);
    let client = client(embedded(), &depositor).await.unwrap();
    assert_eq!(client.deposits_mined(1).await.unwrap(), 0);
    // Each deposit takes two blocks: the approval and the deposit itself.
    for inner in 0u64..3 {
        let inner = Fr::from(inner);
        client.deposit(&depositor, DOLLAR, 5, &inner).await.unwrap();
    }
    let mut counts = Vec::new();
    for confirmations in 0..8 {
        counts.push(client.deposits_mined(confirmations).await.unwrap());
    }
    assert_eq!(counts, [3, 3, 2, 2, 1, 1, 0, 0]);
    // Before the vault was deployed, and before the chain began.
    assert_eq!(client.deposits_mined(20).await.unwrap(), 0);
    assert_eq!(client.deposits_mined(u64::MAX).await.unwrap(), 0);
}

#[tokio::test]
async fn a_named_deposit_publishes_the_owner_of_its_note() {
    let transport = embedded();
    let accounts = development::accounts();
    let (owner, depositor) = (&accounts[0], &accounts[3]);
    let token = development_token(&*transport, owner, "Dollar", "dUSD", 6).await;
    let token = token.unwrap();
    let config = DeployConfig {
        sequencer: accounts[1].address(),
        guardian: owner.address(),
        fee_asset: DOLLAR,
        assets: vec![NewAsset {
            token,
            auditor: None,
            flags: AssetInfo::NAMED_DEPOSITS,
        }],
        shapes: vec![],
    };
    let deployment = deploy(&*transport, owner, &config).await.unwrap();
    let minted = mint(&*transport, owner, token, depositor.address(), MINTED);
    minted.await.unwrap();
    let client = Client::new(transport.clone(), deployment.contracts, None);
    assert!(client.assets().await.unwrap()[0].names_deposits());
    let hidden = client.deposit(depositor, DOLLAR, 5, &Fr::from(7u64)).await;
    assert_eq!(reason(hidden.map(|_| ())), "OwnerNotNamed");
    let keys = ViewingKey::from_seed(&Seed::from_bytes([6; 32]));
    let name = DepositName {
        owner: keys.owner,
        rcm: keys.deposit_rcm(0),
    };
    let named = client.deposit_named(depositor, DOLLAR, 5, &name).await;
    let index = named.unwrap().index;
    // L1 and the protocol agree on the inner commitment.
    let queued = client.deposits(0, 1).await.unwrap();
    assert_eq!(queued[0].deposit.inner, name.inner());
    let head = client.head().await.unwrap().number;
    let history = client.history(0, head).await.unwrap();
    let found = history.iter().find_map(|found| match found.change {
        Change::DepositNamed { index, name } => Some((index, name)),
        _ => None,
    });
    assert_eq!(found, Some((index, name)));
}

#[tokio::test]
async fn a_deposit_is_worth_what_it_brings_less_the_fee() {
    let transport = embedded();
    let accounts = development::accounts();
    let (owner, operator, depositor) = (&accounts[0], &accounts[1], &accounts[3]);
    let token = development_token(&*transport, owner, "Dollar", "dUSD", 6).await;
    let config = DeployConfig {
        sequencer: operator.address(),
        guardian: accounts[2].address(),
        fee_asset: DOLLAR,
        assets: vec![NewAsset {
            token: token.unwrap(),
            auditor: None,
            flags: 0,
        }],
        shapes: Vec::new(),
    };
    let deployment = deploy(&*transport, owner, &config).await.unwrap();
    let token = config.assets[0].token;
    let minted = mint(&*transport, owner, token, depositor.address(), MINTED);
    minted.await.unwrap();
    let client = Client::new(transport.clone(), deployment.contracts, None);
    let terms = DepositTerms {
        minimum: 100,
        fee: 7,
    };
    let set = set_deposit_terms(&*transport, owner, &deployment, DOLLAR, terms);
    set.await.unwrap();
    assert_eq!(client.deposit_terms(DOLLAR).await.unwrap(), terms);

    let inner = Fr::from(7u64);
    let refused = client.deposit(depositor, DOLLAR, 99, &inner).await;
    assert_eq!(reason(refused.map(|_| ())), "DepositBelowMinimum");
    let receipt = client
        .deposit(depositor, DOLLAR, 100, &inner)
        .await
        .unwrap();
    assert_eq!((receipt.credited, receipt.fee), (93, 7));
    let queued = client.deposits(0, 1).await.unwrap();
    assert_eq!(queued[0].deposit.value, 93);
    let fees = client.claimable(operator.address().into_array(), DOLLAR);
    assert_eq!(fees.await.unwrap(), 7);
    let claimed = client.claim(operator, DOLLAR, None).await.unwrap();
    assert_eq!(claimed.amount, 7);

    // The next fee is claimed by a signature, which names another recipient and serves once.
    let owner = Fr::from(8u64);
    let more = client.deposit(depositor, DOLLAR, 100, &owner);
    more.await.unwrap();
    let to = accounts[4].address();
    let claim = client.sign_claim(operator, DOLLAR, to, u64::MAX).await;
    let claim = claim.unwrap();
    let mut other = claim.clone();
    other.to = depositor.address();
    let carried = client.carry_claim(depositor, &other).await;
    assert_eq!(reason(carried.map(|_| ())), "ClaimNotSigned");
    let carried = client.carry_claim(depositor, &claim).await.unwrap();
    assert_eq!(carried.amount, 7);
    let paid = client.token_balance(to.into_array(), DOLLAR).await.unwrap();
    assert_eq!(paid, 7);
    let again = client.carry_claim(depositor, &claim).await;
    assert_eq!(reason(again.map(|_| ())), "ClaimNotSigned");
}

#[tokio::test]
async fn a_call_reads_the_state_after_the_block_it_names() {
    let transport = embedded();
    let depositor = development::accounts().remove(3);
    let client = client(transport.clone(), &depositor).await.unwrap();
    let before = transport.head().await.unwrap().number;
    client
        .deposit(&depositor, DOLLAR, 5, &Fr::from(7u64))
        .await
        .unwrap();
    let after = transport.head().await.unwrap().number;
    let vault = client.contracts().vault;
    // depositCount()
    let data = alloy_primitives::keccak256("depositCount()")[..4].to_vec();
    let count = async |at| {
        let data = data.clone().into();
        transport.call("depositCount", vault, data, at).await
    };
    let word = |count: u8| {
        let mut word = vec![0; 32];
        word[31] = count;
        word
    };
    assert_eq!(count(At::Block(before)).await.unwrap().to_vec(), word(0));
    assert_eq!(count(At::Block(after)).await.unwrap().to_vec(), word(1));
    assert_eq!(count(At::Latest).await.unwrap().to_vec(), word(1));
    // A contract that was not deployed yet has no code.
    assert!(count(At::Block(0)).await.unwrap().is_empty());
    let unmined = count(At::Block(after + 1)).await.unwrap_err();
    assert!(unmined.is_transient(), "{unmined}");
}

#[tokio::test]
async fn a_view_is_that_of_its_block_for_good() {
    let transport = embedded();
    let depositor = development::accounts().remove(3);
    let client = client(transport.clone(), &depositor).await.unwrap();
    let before = client.block(Tag::Latest).await.unwrap().unwrap();
    let inner = Fr::from(7u64);
    client.deposit(&depositor, DOLLAR, 5, &inner).await.unwrap();
    let after = client.rollup().await.unwrap();
    assert_eq!(after.queued_deposits, 1);
    assert_eq!(after.block.number, before.number + 2);
    assert_eq!(client.rollup_at(&before).await.unwrap().queued_deposits, 0);
    let again = client.block(Tag::Number(before.number)).await.unwrap();
    assert_eq!(again, Some(before));
    let next = client.block(Tag::Number(before.number + 1)).await.unwrap();
    assert_eq!(next.unwrap().parent, before.hash);
    let ahead = client.block(Tag::Number(after.block.number + 1)).await;
    assert_eq!(ahead.unwrap(), None);
    let mut replaced = before;
    replaced.hash = B256::ZERO;
    let error = client.rollup_at(&replaced).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[tokio::test]
async fn blocks_of_the_embedded_chain_become_final_when_they_are_told_to() {
    let owner = development::accounts().remove(0);
    let transport = Arc::new(EmbeddedTransport::new(&[owner.address()]).with_finality(2));
    for symbol in ["A", "B", "C", "D"] {
        let token = development_token(&*transport, &owner, symbol, symbol, 6).await;
        assert!(token.is_ok());
    }
    let number = async |tag| transport.block(tag).await.unwrap().unwrap().number;
    assert_eq!(number(Tag::Latest).await, 4);
    assert_eq!(
        (number(Tag::Safe).await, number(Tag::Finalized).await),
        (2, 2)
    );
}

#[tokio::test]
async fn history_is_what_the_contracts_recorded_block_by_block() {
    let depositor = development::accounts().remove(3);
    let client = client(embedded(), &depositor).await.unwrap();
    for amount in [5u128, 6] {
        let inner = Fr::from(amount);
        client
            .deposit(&depositor, DOLLAR, amount, &inner)
            .await
            .unwrap();
    }
    let head = client.block(Tag::Latest).await.unwrap().unwrap();
    let all = client.history(0, head.number).await.unwrap();
    let assets = all
        .iter()
        .filter(|r| matches!(r.change, Change::Asset { .. }));
    assert_eq!(assets.count(), 1);
    let queued: Vec<u64> = all
        .iter()
        .filter_map(|recorded| match recorded.change {
            Change::Deposit { index, .. } => Some(index),
            _ => None,
        })
        .collect();
    assert_eq!(queued, [0, 1]);
    let last = client.history(head.number, head.number).await.unwrap();
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].block_hash, head.hash);
    assert!(
        client
            .history(head.number + 1, head.number + 9)
            .await
            .unwrap()
            .is_empty()
    );
}

/// Waits until one transaction is in anvil's pending block, and returns its hash.
async fn waiting(anvil: &Anvil) -> B256 {
    let begun = Instant::now();
    loop {
        let params = json!(["pending", false]);
        let block = anvil.request("eth_getBlockByNumber", params).await.unwrap();
        if let Some([hash]) = block["transactions"].as_array().map(Vec::as_slice) {
            return serde_json::from_value(hash.clone()).unwrap();
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "no transaction waits to be mined: {block}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_that_is_not_mined_is_invisible() {
    let anvil = match Anvil::start(AnvilOptions::default()).await {
        Ok(anvil) => anvil,
        Err(AnvilError::NotFound) => {
            eprintln!("SKIPPED: {}", AnvilError::NotFound);
            return;
        }
        Err(other) => panic!("{other}"),
    };
    let depositor = development::accounts().remove(3);
    let owner = depositor.address().into_array();
    let client = client(Arc::new(anvil.transport()), &depositor)
        .await
        .unwrap();
    let client = Arc::new(client);
    let off = json!([false]);
    anvil.request("evm_setAutomine", off).await.unwrap();

    let deposit = tokio::spawn({
        let client = client.clone();
        let depositor = depositor.clone();
        async move { client.deposit(&depositor, DOLLAR, 5, &Fr::from(7u64)).await }
    });
    let approval = waiting(&anvil).await;
    let calldata = client.transport().calldata(approval, None).await.unwrap();
    assert_eq!(calldata, None);
    anvil.request("evm_mine", json!([])).await.unwrap();
    let calldata = client.transport().calldata(approval, None).await.unwrap();
    assert!(calldata.is_some());

    let ether = client.transport().ether(owner.into()).await.unwrap();
    waiting(&anvil).await;
    // The node does show the deposit to those who ask for its pending block.
    let vault = client.contracts().vault;
    let selector = "0x2dfdf0b5"; // depositCount()
    let call = json!([{ "to": vault, "data": selector }, "pending"]);
    let pending = anvil.request("eth_call", call).await.unwrap();
    assert_eq!(pending, Value::from(format!("0x{:064x}", 1)));

    assert_eq!(client.deposits_mined(1).await.unwrap(), 0);
    assert_eq!(client.rollup().await.unwrap().queued_deposits, 0);
    assert_eq!(client.deposits(0, 10).await.unwrap(), []);
    let tokens = client.token_balance(owner, DOLLAR).await.unwrap();
    assert_eq!(tokens, MINTED);
    let still = client.transport().ether(owner.into()).await.unwrap();
    assert_eq!(still, ether);

    anvil.request("evm_mine", json!([])).await.unwrap();
    deposit.await.unwrap().unwrap();
    assert_eq!(client.deposits_mined(1).await.unwrap(), 1);
    assert_eq!(client.deposits_mined(2).await.unwrap(), 0);
    assert_eq!(client.rollup().await.unwrap().queued_deposits, 1);
    assert_eq!(client.deposits(0, 10).await.unwrap().len(), 1);
    anvil.request("evm_mine", json!([])).await.unwrap();
    assert_eq!(client.deposits_mined(2).await.unwrap(), 1);
    // Older than the chain: anvil keeps the state of block 0.
    assert_eq!(client.deposits_mined(1_000).await.unwrap(), 0);
}
