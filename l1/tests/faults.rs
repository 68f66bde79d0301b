//! Reads from nodes that refuse, hang, lag, forget and answer oddly.

#![allow(missing_docs, unreachable_pub, reason = "a test")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod node;

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, Bytes};
use node::{Answer, Node, block_hash, emitter, transaction_hash};
use serde_json::{Value, json};
use subrosa_l1::{
    At, Call, Client, Contracts, EndpointOptions, Endpoints, Failure, L1, L1Error, LogQuery,
    RpcTransport, Tag, Transport,
};

fn contracts() -> Contracts {
    Contracts {
        rollup: emitter(),
        vault: Address::repeat_byte(2),
        registry: Address::repeat_byte(3),
        deployed_at: 0,
    }
}

fn query(from: u64, to: u64) -> LogQuery {
    LogQuery {
        addresses: vec![emitter()],
        topics: vec![B256::repeat_byte(7)],
        from,
        to,
    }
}

fn call() -> Call {
    Call {
        operation: "state",
        to: emitter(),
        data: Bytes::from_static(&[1, 2, 3, 4]),
    }
}

/// Whether an error holds the secret part of the endpoint's URL.
fn tells(error: &L1Error) -> bool {
    format!("{error} {error:?}").contains("SECRET")
}

#[tokio::test]
async fn no_odd_answer_is_final() {
    type Odd = fn() -> Answer;
    let answers: [(&str, Odd); 10] = [
        ("HTML", || Answer::Http(200, "<html>busy</html>".into())),
        ("nothing", || Answer::Http(200, String::new())),
        ("cut short", || {
            Answer::Http(200, "{\"jsonrpc\":\"2.0\",\"id\":".into())
        }),
        ("gateway", || {
            Answer::Http(502, "<html>http://node/SECRET</html>".into())
        }),
        ("limit", || Answer::Http(429, "{}".into())),
        ("null", || Answer::Result(Value::Null)),
        ("empty", || Answer::Result(json!("0x"))),
        ("number", || Answer::Result(json!(7))),
        ("error", || {
            Answer::Error("see https://node/v3/SECRET for help")
        }),
        ("revert", || Answer::Error("execution reverted")),
    ];
    let node = Node::start().await;
    let client = Client::new(node.transport(), contracts(), None);
    assert_eq!(client.rollup().await.unwrap().batch_index, 1_000);
    for (what, answer) in answers {
        for method in [
            "eth_getBlockByNumber",
            "eth_call",
            "eth_getLogs",
            "eth_getCode",
        ] {
            node.decide(move |asked, _| (asked == method).then(answer));
            if (what, method) == ("empty", "eth_getCode") {
                continue; // No code is an ordinary answer.
            }
            // A new client each time, because a view of a known block is not asked for again.
            let client = Client::new(node.transport(), contracts(), None);
            let error = client.rollup().await.unwrap_err();
            assert!(error.is_transient(), "{what} to {method}: {error}");
            assert!(!tells(&error), "{what} to {method}: {error}");
            if let Err(error) = client.deposits_mined(3).await {
                assert!(error.is_transient(), "{what} to {method}: {error}");
            }
            if let Err(error) = client.accepted(1).await {
                assert!(error.is_transient(), "{what} to {method}: {error}");
            }
        }
    }
}

/// The address of the oracle is kept. One that was answered wrongly must not be.
#[tokio::test]
async fn a_wrong_address_of_the_oracle_is_not_kept() {
    let (right, wrong) = (Address::repeat_byte(8), Address::repeat_byte(9));
    let node = Node::start().await;
    let client = Client::new(node.transport(), contracts(), None);
    let answering = |oracle: Address| {
        node.decide(move |method, params| {
            let to = params[0]["to"].as_str().unwrap_or_default().to_lowercase();
            let word = |address: Address| json!(format!("{:#x}", address.into_word()));
            let hex = |address: Address| format!("{address:#x}");
            match method {
                "eth_getLogs" => Some(Answer::Result(json!([]))),
                "eth_call" if to == hex(emitter()) => Some(Answer::Result(word(oracle))),
                "eth_call" if to == hex(right) => Some(Answer::Result(word(contracts().registry))),
                "eth_call" => Some(Answer::Result(json!("0x"))),
                _ => None,
            }
        });
    };
    answering(wrong);
    assert!(client.oracle_log(1).await.unwrap_err().is_transient());
    answering(right);
    client.oracle_log(1).await.unwrap();
    // It is not asked for again.
    answering(wrong);
    client.oracle_log(1).await.unwrap();
}

#[tokio::test]
async fn a_node_that_hangs_costs_a_bounded_time() {
    let node = Node::start().await;
    node.decide(|_, _| Some(Answer::Hang));
    let begun = Instant::now();
    let error = node.transport().head().await.unwrap_err();
    assert!(error.is_transient() && !tells(&error), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn an_answer_without_end_costs_a_bounded_memory() {
    let node = Node::start().await;
    node.decide(|_, _| {
        let long = "0".repeat(2 << 20);
        Some(Answer::Result(json!(format!("0x{long}"))))
    });
    let error = node.transport().head().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(error.to_string().contains("too large"), "{error}");
}

#[tokio::test]
async fn logs_come_whole_from_nodes_that_refuse_wide_ranges() {
    let refusals: [fn() -> Answer; 4] = [
        || Answer::Error("query exceeds max block range 37"),
        || Answer::Error("-32005"),
        || Answer::Http(413, String::new()),
        || Answer::Http(200, "<html>too much</html>".into()),
    ];
    let number = |value: &Value| {
        let text = value.as_str().unwrap().trim_start_matches("0x");
        u64::from_str_radix(text, 16).unwrap()
    };
    for refusal in refusals {
        let node = Node::start().await;
        node.head.store(3_000, Ordering::SeqCst);
        node.decide(move |method, params| {
            let wide = method == "eth_getLogs"
                && number(&params[0]["toBlock"]) - number(&params[0]["fromBlock"]) >= 37;
            wide.then(refusal)
        });
        let transport = node.transport();
        let logs = transport.logs(query(5, 2_999)).await.unwrap();
        let blocks: Vec<u64> = logs.iter().map(|log| log.block).collect();
        assert_eq!(blocks, (5..=2_999).collect::<Vec<_>>());
        // About 2,995 / 37 windows, and the refusals while the width is found and grows.
        let first = node.requests.swap(0, Ordering::SeqCst);
        assert!((81..180).contains(&first), "{first} requests");
        transport.logs(query(5, 40)).await.unwrap();
        assert!(node.requests.load(Ordering::SeqCst) <= 4);
    }
}

#[tokio::test]
async fn the_work_of_one_read_of_logs_is_bounded() {
    let node = Node::start().await;
    node.decide(|method, params| {
        let one = params[0]["fromBlock"] == params[0]["toBlock"];
        (method == "eth_getLogs" && !one).then_some(Answer::Error("one block at a time"))
    });
    let transport = node.transport();
    let error = transport.logs(query(0, 1_000)).await.unwrap_err();
    assert!(
        error.is_transient() && error.to_string().contains("in parts"),
        "{error}"
    );
    // Parts come through.
    for part in 0..10 {
        let logs = transport.logs(query(100 * part, 100 * part + 99)).await;
        assert_eq!(logs.unwrap().len(), 100);
    }
    // A node that refuses everything is not asked for ever.
    node.decide(|method, _| (method == "eth_getLogs").then_some(Answer::Error("no")));
    assert!(
        transport
            .logs(query(0, 1_000))
            .await
            .unwrap_err()
            .is_transient()
    );
}

#[tokio::test]
async fn logs_that_were_not_asked_for_are_odd() {
    let other = |change: fn(&mut Value)| {
        move |method: &str, _: &Value| {
            let mut log = json!({
                "address": emitter(), "topics": [B256::repeat_byte(7)], "data": "0x",
                "blockNumber": "0x5", "blockHash": block_hash(5),
                "transactionHash": transaction_hash(5), "transactionIndex": "0x0",
                "logIndex": "0x0", "removed": false,
            });
            change(&mut log);
            (method == "eth_getLogs").then(|| Answer::Result(json!([log])))
        }
    };
    let node = Node::start().await;
    let changes: [fn(&mut Value); 5] = [
        |log| log["removed"] = json!(true),
        |log| log["blockNumber"] = json!("0x63"),
        |log| log["address"] = json!(Address::ZERO),
        |log| log["topics"] = json!([B256::ZERO]),
        |log| log["blockHash"] = Value::Null,
    ];
    for change in changes {
        node.decide(other(change));
        let error = node.transport().logs(query(0, 10)).await.unwrap_err();
        assert!(matches!(error, L1Error::Odd(_)), "{error}");
    }
    node.decide(other(|_| {}));
    assert_eq!(node.transport().logs(query(0, 10)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn blocks_have_their_hashes_and_tags() {
    let node = Node::start().await;
    let transport = node.transport();
    let block = transport.block(Tag::Latest).await.unwrap().unwrap();
    assert_eq!((block.number, block.hash), (1_000, block_hash(1_000)));
    assert_eq!(block.parent, block_hash(999));
    let safe = transport.block(Tag::Safe).await.unwrap().unwrap();
    let finalized = transport.block(Tag::Finalized).await.unwrap().unwrap();
    assert_eq!((safe.number, finalized.number), (968, 936));
    let ahead = transport.block(Tag::Number(1_001)).await.unwrap();
    assert_eq!(ahead, None);
    // Development nodes do not know what is safe or final.
    let unknown: [fn() -> Answer; 2] = [
        || Answer::Error("unknown block"),
        || Answer::Result(Value::Null),
    ];
    for answer in unknown {
        node.decide(move |_, params| {
            let tag = params[0].as_str();
            matches!(tag, Some("safe" | "finalized")).then(answer)
        });
        assert_eq!(transport.block(Tag::Safe).await.unwrap(), None);
        assert_eq!(transport.block(Tag::Finalized).await.unwrap(), None);
        assert!(transport.block(Tag::Latest).await.unwrap().is_some());
    }
    // Another block than the one asked for.
    let five = node_block(&transport, 5).await;
    node.decide(move |_, _| Some(Answer::Result(five.clone())));
    let error = transport.block(Tag::Number(6)).await.unwrap_err();
    assert!(matches!(error, L1Error::Odd(_)), "{error}");
}

async fn node_block(transport: &RpcTransport, number: u64) -> Value {
    let block = transport.block(Tag::Number(number)).await.unwrap().unwrap();
    json!({
        "number": format!("0x{number:x}"), "hash": block.hash, "parentHash": block.parent,
        "timestamp": "0x1",
    })
}

/// The sequencer kept the hash that a receipt stated, and showed it for good.
#[tokio::test]
async fn a_receipt_of_another_transaction_is_odd() {
    let node = Node::start().await;
    let asked = transaction_hash(9);
    let answer = |hash: B256| {
        let receipt = json!({
            "transactionHash": hash, "transactionIndex": "0x0", "blockHash": block_hash(9),
            "blockNumber": "0x9", "from": Address::ZERO, "to": emitter(), "status": "0x1",
            "cumulativeGasUsed": "0x5208", "gasUsed": "0x5208", "effectiveGasPrice": "0x1",
            "contractAddress": null, "logs": [], "type": "0x2",
            "logsBloom": format!("0x{}", "00".repeat(256)),
        });
        node.decide(move |method, _| {
            (method == "eth_getTransactionReceipt").then(|| Answer::Result(receipt.clone()))
        });
    };
    answer(asked);
    let chain = node.transport().node();
    let found = chain.receipt(asked).await.unwrap().unwrap();
    assert_eq!(found.mined.hash, asked);
    answer(transaction_hash(10));
    let error = chain.receipt(asked).await.map(|_| ()).unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[tokio::test]
async fn calldata_outlive_the_index_of_transactions() {
    let node = Node::start().await;
    let transport = node.transport();
    let hash = transaction_hash(9);
    // The node knows no transaction by its hash.
    assert_eq!(transport.calldata(hash, None).await.unwrap(), None);
    let found = transport.calldata(hash, Some(block_hash(9))).await.unwrap();
    assert_eq!(found, Some(Bytes::from_static(&[0, 9])));
    let other = transport
        .calldata(hash, Some(block_hash(10)))
        .await
        .unwrap();
    assert_eq!(other, None);
}

#[tokio::test]
async fn calls_are_one_request_or_single_ones_where_a_node_insists() {
    let node = Node::start().await;
    let at = At::Hash(block_hash(1_000));
    for single in [false, true] {
        node.single.store(single, Ordering::SeqCst);
        let transport = node.transport();
        let answers = transport.calls(vec![call(); 7], at).await.unwrap();
        assert_eq!(answers.len(), 7);
        assert!(
            answers
                .iter()
                .all(|answer| answer.as_ref().unwrap()[30] == 3)
        );
        let again = transport.calls(vec![call(); 250], at).await.unwrap();
        assert_eq!(again.len(), 250);
    }
    // The calls name the hash: geth, reth and anvil take it as a string too.
    node.decide(|method, params| {
        if method == "eth_call" {
            assert_eq!(params[1], json!(block_hash(1_000)));
        }
        None
    });
    node.transport().calls(vec![call(); 2], at).await.unwrap();
}

fn quick() -> EndpointOptions {
    EndpointOptions {
        first_rest: Duration::from_secs(1),
        longest_rest: Duration::from_secs(1),
        patience: Duration::from_secs(2),
    }
}

async fn pair() -> (Arc<Node>, Arc<Node>, Endpoints) {
    let (one, two) = (Node::start().await, Node::start().await);
    let transports = vec![one.transport(), two.transport()];
    let endpoints = Endpoints::with_options(transports, Some(31337), quick());
    (one, two, endpoints)
}

#[tokio::test]
async fn another_endpoint_answers_for_one_that_fails_or_hangs() {
    let (one, two, endpoints) = pair().await;
    assert_eq!(endpoints.head().await.unwrap().number, 1_000);
    assert_eq!(endpoints.status().unwrap().endpoint, 0);
    let answers: [fn() -> Answer; 2] = [|| Answer::Http(503, String::new()), || Answer::Hang];
    for answer in answers {
        one.decide(move |_, _| Some(answer()));
        assert_eq!(endpoints.head().await.unwrap().number, 1_000);
        let status = endpoints.status().unwrap();
        assert_eq!(
            (status.endpoint, status.resting, status.failure),
            (1, 1, None)
        );
        // While it rests it is not asked.
        let before = one.requests.load(Ordering::SeqCst);
        endpoints.logs(query(0, 10)).await.unwrap();
        assert_eq!(one.requests.load(Ordering::SeqCst), before);
        one.decide(|_, _| None);
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        endpoints.head().await.unwrap();
        assert_eq!(endpoints.status().unwrap().endpoint, 0);
    }
    // All of them: an error that names none.
    for node in [&one, &two] {
        node.decide(|_, _| Some(Answer::Http(200, "<html>SECRET</html>".into())));
    }
    let error = endpoints.head().await.unwrap_err();
    assert!(error.is_transient() && !tells(&error), "{error}");
    assert_eq!(endpoints.status().unwrap().failure, Some(Failure::Odd));
    assert!(!format!("{endpoints:?}").contains("SECRET"));
}

#[tokio::test]
async fn an_endpoint_that_is_behind_is_not_believed() {
    let (one, two, endpoints) = pair().await;
    assert_eq!(endpoints.head().await.unwrap().number, 1_000);
    one.head.store(997, Ordering::SeqCst);
    assert_eq!(endpoints.head().await.unwrap().number, 1_000);
    assert_eq!(endpoints.status().unwrap().endpoint, 1);
    // Logs up to a block come from an endpoint that has it.
    two.head.store(1_005, Ordering::SeqCst);
    let logs = endpoints.logs(query(990, 1_003)).await.unwrap();
    assert_eq!(logs.len(), 14);
    // If all are behind, nothing is answered, until the newest block seen is forgotten.
    two.head.store(999, Ordering::SeqCst);
    let error = endpoints.block(Tag::Latest).await.unwrap_err();
    assert!(
        error.is_transient() && error.to_string().contains("behind"),
        "{error}"
    );
    let status = endpoints.status().unwrap();
    assert_eq!(status.failure, Some(Failure::Behind));
    assert_eq!(status.head.map(|head| head.number), Some(1_005));
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    assert!(endpoints.head().await.unwrap().number < 1_000);
}

#[tokio::test]
async fn an_endpoint_of_another_chain_is_not_used() {
    let (one, _two, endpoints) = pair().await;
    one.chain_id.store(1, Ordering::SeqCst);
    assert_eq!(endpoints.chain_id().await.unwrap(), 31337);
    assert_eq!(endpoints.head().await.unwrap().number, 1_000);
    assert_eq!(endpoints.status().unwrap().endpoint, 1);
}

#[tokio::test]
async fn a_pinned_view_stays_with_its_endpoint() {
    let (one, two, endpoints) = pair().await;
    let block = endpoints.block(Tag::Latest).await.unwrap().unwrap();
    // The endpoint goes down between two reads of the view: no other one continues it.
    one.decide(|_, _| Some(Answer::Http(503, String::new())));
    let before = two.requests.load(Ordering::SeqCst);
    let pinned = endpoints.calls(vec![call(); 2], At::Hash(block.hash)).await;
    assert!(pinned.unwrap_err().is_transient());
    assert_eq!(two.requests.load(Ordering::SeqCst), before);
    // The next view is another's.
    let block = endpoints.block(Tag::Latest).await.unwrap().unwrap();
    let view = endpoints.calls(vec![call(); 2], At::Hash(block.hash)).await;
    assert_eq!(view.unwrap().len(), 2);
    assert_eq!(endpoints.status().unwrap().endpoint, 1);
}
