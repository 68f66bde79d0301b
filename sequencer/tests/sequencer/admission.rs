//! The reasons to refuse a submission, and the idempotence of acceptance.

use std::sync::atomic::{AtomicUsize, Ordering};

use subrosa_protocol::{
    Fr,
    asset::AssetId,
    element::{Anchor, NoteCommitment, Nullifier},
    transaction::{Context, Transaction},
};

use crate::support::*;

/// A rule's name and a change that breaks it.
type Breach = (&'static str, fn(&mut Transaction));

pub fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{answer:?}");
    assert_eq!(answer.content_type, "application/problem+json");
    assert_eq!(answer.field("type"), format!("urn:subrosa:error:{code}"));
    assert_eq!(answer.body["status"], status);
    assert!(!answer.field("title").is_empty() && !answer.field("detail").is_empty());
    let retryable = [
        "mempool_full",
        "legs_full",
        "mailbox_full",
        "rate_limited",
        "work_too_low",
        "unavailable",
        "timeout",
    ]
    .contains(&code);
    assert_eq!(answer.body["retryable"], retryable);
}

#[tokio::test(flavor = "multi_thread")]
async fn accepts_and_answers_the_same_again() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let tx = world.transaction();

    let first = node.submit(&tx).await;
    assert_eq!(first.status, 202);
    assert_eq!(first.field("digest"), digest(&tx));
    assert_eq!(first.field("status"), "pending");

    let again = node.submit(&tx).await;
    assert_eq!((again.status, &again.body), (202, &first.body));
    // Proof bytes identify nothing: with a re-randomised proof it is the same submission.
    let mut other_proof = prove(&tx);
    let last = other_proof.len() - 1;
    other_proof[last] ^= 1;
    let again = node.submit_bytes(other_proof).await;
    assert_eq!((again.status, &again.body), (202, &first.body));
    assert_eq!(node.status(&tx).await.body, first.body);
    assert_eq!(world.verifier.proofs.load(Ordering::SeqCst), 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepts_json_too() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let tx = world.transaction();
    let body = serde_json::json!({ "submission": hex0x(&prove(&tx)) }).to_string();
    let answer = node
        .post("application/json; charset=utf-8", body.into())
        .await;
    assert_eq!(
        (answer.status, answer.field("digest")),
        (202, &*digest(&tx))
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_submission_many_times_at_once_is_one() {
    let world = World::new();
    let node = world.start(world.config()).await;
    let tx = world.transaction();
    let answers = futures::future::join_all((0..40).map(|_| node.submit(&tx))).await;
    for answer in &answers {
        assert_eq!(
            (answer.status, answer.field("digest")),
            (202, &*digest(&tx)),
            "{answer:?}"
        );
    }
    node.until(&tx, "settled").await;
    let included: usize = world.chain.with(|chain| {
        let batches = chain.settled.iter();
        batches.map(|batch| batch.transactions.len()).sum()
    });
    assert_eq!(included, 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_what_is_malformed() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let good = prove(&world.transaction());

    let cut = good[..good.len() - 1].to_vec();
    assert_problem(&node.submit_bytes(cut).await, 400, "malformed");
    assert_problem(&node.submit_bytes(Vec::new()).await, 400, "malformed");
    let mut long = good.clone();
    long.push(0);
    assert_problem(&node.submit_bytes(long).await, 400, "malformed");
    let mut version = good.clone();
    version[0] = 1;
    assert_problem(&node.submit_bytes(version).await, 400, "malformed");
    let mut not_canonical = good.clone();
    not_canonical[1..33].fill(0xff);
    assert_problem(&node.submit_bytes(not_canonical).await, 400, "malformed");

    let json = |text: &str| node.post("application/json", text.as_bytes().to_vec());
    assert_problem(&json("{").await, 400, "malformed");
    assert_problem(&json(r#"{"submission":"zz"}"#).await, 400, "malformed");
    let upper = format!(r#"{{"submission":"0x{}"}}"#, hex::encode_upper(&good));
    assert_problem(&json(&upper).await, 400, "malformed");
    let extra = format!(r#"{{"submission":"{}","x":1}}"#, hex0x(&good));
    assert_problem(&json(&extra).await, 400, "malformed");
    let plain = node.post("text/plain", good).await;
    assert_problem(&plain, 400, "malformed");

    assert_problem(&node.get("/v1/transactions/0x12").await, 400, "malformed");
    assert_problem(&node.get("/v1/batches/one").await, 400, "malformed");
    assert_problem(&node.get("/v1/batches?from=-1").await, 400, "malformed");
    assert_problem(&node.get("/v1/batches?form=1").await, 400, "malformed");
    let unknown = format!("/v1/transactions/{}", hex_fr(&Fr::from(5u64)));
    assert_problem(&node.get(&unknown).await, 404, "not_found");
    assert_problem(&node.get("/v1/batches/9").await, 404, "not_found");
    assert_problem(&node.get("/v1/nothing").await, 404, "not_found");
    assert_problem(
        &node.get("/v1/transactions").await,
        405,
        "method_not_allowed",
    );
    assert_eq!(world.verifier.proofs.load(Ordering::SeqCst), 0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_an_oversized_body() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.max_body = 4_096;
    let node = world.start(config).await;
    let answer = node.submit_bytes(vec![0; 4_097]).await;
    assert_problem(&answer, 413, "too_large");
    assert_problem(&node.submit_bytes(vec![0; 4_096]).await, 400, "malformed");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_proof_for_another_context() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    for other in [
        Context {
            chain_id: 1,
            rollup: ROLLUP,
        },
        Context {
            chain_id: CHAIN_ID,
            rollup: [0x12; 20],
        },
    ] {
        let bytes = prove_under(&world.transaction(), &other.word());
        assert_problem(&node.submit_bytes(bytes).await, 422, "invalid_proof");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_an_invalid_proof_and_only_that() {
    let world = World::new();
    let mut config = idle(world.config());
    config.admission.gather_us = 50_000;
    let node = world.start(config).await;
    let (good, bad) = (world.transaction(), world.transaction());
    let mut bytes = prove(&bad);
    let at = Transaction::ENCODED_LEN;
    bytes[at] ^= 1;
    // Both are verified in one group.
    let (good_answer, bad_answer) = tokio::join!(node.submit(&good), node.submit_bytes(bytes));
    assert_eq!(good_answer.status, 202);
    assert_problem(&bad_answer, 422, "invalid_proof");
    assert_problem(&node.status(&bad).await, 404, "not_found");
    // A refused submission leaves nothing behind: with the right proof it is accepted.
    assert_eq!(node.submit(&bad).await.status, 202);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_l1s_time_is_taken_by_a_machine_whose_clock_is_behind() {
    let world = World::new();
    world.chain.with(|chain| chain.time_offset = 60);
    let node = world.start(idle(world.config())).await;
    world.chain.polled(2).await;
    let mut tx = world.transaction();
    tx.header.not_before = now() + 30;
    assert_eq!(node.submit(&tx).await.status, 202);
    tx = world.transaction();
    tx.header.not_before = now() + 120;
    assert_problem(&node.submit(&tx).await, 422, "too_early");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_by_the_stateless_rules() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let base = world.transaction();
    let zero = Fr::from(0u64);

    let mut tx = base.clone();
    tx.header.expiry = now() - 1;
    assert_problem(&node.submit(&tx).await, 410, "expired");
    let mut tx = base.clone();
    tx.header.fee = MIN_FEE - 1;
    let answer = node.submit(&tx).await;
    assert_problem(&answer, 422, "fee_too_low");
    let mut tx = base.clone();
    tx.header.not_before = now() + 30;
    assert_problem(&node.submit(&tx).await, 422, "too_early");
    let rules: [Breach; 8] = [
        ("no_op", |tx| {
            tx.header.kind = subrosa_protocol::transaction::Kind::NoOp
        }),
        ("expiry_too_far", |tx| tx.header.expiry = now() + 25 * 3600),
        ("fee_asset", |tx| tx.header.fee_asset = AssetId(1)),
        ("repeated_nullifier", |tx| {
            tx.nullifiers[2] = tx.nullifiers[0]
        }),
        ("reserved_nullifier", |tx| {
            tx.nullifiers[1] = Nullifier::of(Fr::from(0u64))
        }),
        ("zero_commitment", |tx| {
            tx.commitments[1] = NoteCommitment::new(Fr::from(0u64))
        }),
        ("ephemeral", |tx| tx.ephemeral = Fr::from(1u64)),
        ("terms_missing", |tx| {
            tx.header.kind = subrosa_protocol::transaction::Kind::SwapA
        }),
    ];
    for (rule, change) in rules {
        let mut tx = base.clone();
        change(&mut tx);
        let answer = node.submit(&tx).await;
        assert_problem(&answer, 422, "invalid_transaction");
        assert_eq!(answer.field("rule"), rule);
    }
    let mut tx = withdrawal(genesis_root(), world.chain.assets_root(), 5);
    tx.withdrawal.as_mut().unwrap().recipient = [0; 20];
    assert_eq!(node.submit(&tx).await.field("rule"), "withdrawal_recipient");
    // No error repeats an amount.
    let mut tx = base;
    tx.header.fee = 0;
    tx.terms = zero;
    let text = node.submit(&tx).await.body.to_string();
    assert!(!text.contains("10"), "{text}");
    assert_eq!(
        world.verifier.proofs.load(Ordering::SeqCst),
        0,
        "rules come before proofs"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_by_history() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let assets = world.chain.assets_root();
    let tx = transaction(Anchor::new(Fr::from(99u64)), assets);
    assert_problem(&node.submit(&tx).await, 409, "unknown_anchor");
    let tx = transaction(genesis_root(), Fr::from(98u64));
    assert_problem(&node.submit(&tx).await, 409, "stale_assets");
    let other = subrosa_protocol::ledger::State::genesis().anchor(&Fr::from(97u64));
    let tx = transaction(other, assets);
    assert_problem(&node.submit(&tx).await, 409, "unknown_anchor");
    assert_eq!(world.verifier.proofs.load(Ordering::SeqCst), 0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_spend_one_note_the_first_gets_in() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let first = world.transaction();
    let mut second = world.transaction();
    second.nullifiers[1] = first.nullifiers[2];
    assert_eq!(node.submit(&first).await.status, 202);
    assert_problem(&node.submit(&second).await, 409, "nullifier_pending");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_note_cannot_be_spent_in_a_later_batch() {
    let world = World::new();
    let node = world.start(world.config()).await;
    let first = world.transaction();
    assert_eq!(node.submit(&first).await.status, 202);
    node.until(&first, "settled").await;
    let mut second = world.transaction();
    second.nullifiers[0] = first.nullifiers[1];
    assert_problem(&node.submit(&second).await, 409, "nullifier_spent");
    // The first transaction does not double-spend its own notes.
    assert_eq!(node.submit(&first).await.field("status"), "settled");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_that_spend_one_note_exactly_one_gets_in() {
    for seals in [false, true] {
        let world = World::new();
        let config = if seals {
            world.config()
        } else {
            idle(world.config())
        };
        let node = world.start(config).await;
        let shared = Nullifier::of(Fr::from(12345u64));
        let all: Vec<_> = (0..32)
            .map(|i| {
                let mut tx = world.transaction();
                tx.nullifiers[i % 3] = shared;
                tx
            })
            .collect();
        let answers = futures::future::join_all(all.iter().map(|tx| node.submit(tx))).await;
        let accepted = answers.iter().filter(|answer| answer.status == 202).count();
        assert_eq!(accepted, 1);
        for answer in answers.iter().filter(|answer| answer.status != 202) {
            assert!(["nullifier_pending", "nullifier_spent"].contains(&answer.code()));
            assert_eq!(answer.status, 409);
        }
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mempool_asks_to_come_back() {
    let world = World::new();
    let mut config = idle(world.config());
    config.admission.mempool_capacity = 3;
    let node = world.start(config).await;
    for _ in 0..3 {
        assert_eq!(node.submit(&world.transaction()).await.status, 202);
    }
    assert_problem(
        &node.submit(&world.transaction()).await,
        503,
        "mempool_full",
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_asks_to_come_back_and_async_threads_stay_free() {
    let world = World::new();
    let mut config = idle(world.config());
    config.admission.queue = 4;
    config.admission.group = 2;
    config.admission.parallel_groups = 1;
    let node = world.start(config).await;
    world.verifier.blocked.store(true, Ordering::SeqCst);
    let all: Vec<_> = (0..24).map(|_| world.transaction()).collect();
    // While verification stands still, only refusals are answered.
    let answered = AtomicUsize::new(0);
    let submissions = all.iter().map(|tx| async {
        let answer = node.submit(tx).await;
        answered.fetch_add(1, Ordering::SeqCst);
        answer
    });
    let submissions = futures::future::join_all(submissions);
    let unblock = async {
        eventually("a submission is refused", || {
            answered.load(Ordering::SeqCst) > 0
        })
        .await;
        // Everything else is answered.
        assert_eq!(node.get("/health").await.status, 200);
        assert_eq!(node.get("/v1/info").await.status, 200);
        world.verifier.blocked.store(false, Ordering::SeqCst);
    };
    let (answers, ()) = tokio::join!(submissions, unblock);
    let refused: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status != 202)
        .collect();
    assert!(!refused.is_empty() && refused.len() < answers.len());
    for answer in refused {
        assert_problem(answer, 503, "mempool_full");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_are_limited_and_operators_are_not() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.reads.peer_rate = 5;
    config.http.burst_s = 1;
    let node = world.start(config).await;
    let mut limited = 0;
    for _ in 0..20 {
        let answer = node.get("/v1/info").await;
        if answer.status != 200 {
            assert_problem(&answer, 429, "rate_limited");
            limited += 1;
        }
    }
    assert!(limited >= 10, "{limited}");
    assert_eq!(node.get("/health").await.status, 200);
    assert_eq!(node.get("/ready").await.status, 200);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_request_times_out() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.timeout_ms = 100;
    let node = world.start(config).await;
    world.verifier.blocked.store(true, Ordering::SeqCst);
    let tx = world.transaction();
    assert_problem(&node.submit(&tx).await, 503, "timeout");
    world.verifier.blocked.store(false, Ordering::SeqCst);
    // It was accepted all the same, which its status shows.
    node.until(&tx, "pending").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_interface_is_described() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let api = node.get("/openapi.json").await;
    assert_eq!(api.status, 200);
    for path in [
        "/v1/info",
        "/v1/transactions",
        "/v1/transactions/{digest}",
        "/v1/batches",
        "/v1/batches/{index}",
        "/v1/batches/stream",
        "/v1/assets",
        "/v1/oracle",
        "/v1/messages",
        "/health",
        "/ready",
    ] {
        assert!(api.body["paths"][path].is_object(), "{path}");
    }
    assert!(node.text("/docs/").await.contains("swagger"));
    let operations = node.operated("/openapi.json").await;
    for path in ["/health", "/ready", "/metrics"] {
        assert!(operations.body["paths"][path].is_object(), "{path}");
    }

    let info = node.get("/v1/info").await.body;
    assert_eq!(info["chain_id"], CHAIN_ID);
    assert_eq!(info["rollup"], hex0x(&ROLLUP));
    assert_eq!(info["context"], hex_fr(&context()));
    assert_eq!(info["min_fee"], MIN_FEE.to_string());
    assert_eq!(info["shapes"], serde_json::json!([64]));
    assert_eq!(info["transaction_key_hash"], hex0x(&[7; 32]));
    assert_eq!(info["state"]["batch_index"], 1);
    let assets = node.get("/v1/assets").await.body;
    assert_eq!(assets["root"], hex_fr(&world.chain.assets_root()));
    assert_eq!(assets["assets"][1]["id"], 1);
    assert_eq!(assets["assets"][1]["token"], hex0x(&[2; 20]));

    node.submit(&world.transaction()).await;
    let metrics = node.metrics().await;
    for name in [
        "subrosa_sequencer_admissions_total{result=\"accepted\"}",
        "subrosa_sequencer_admission_seconds_bucket",
        "subrosa_sequencer_mempool_transactions",
        "subrosa_sequencer_http_requests_total{route=\"/v1/transactions\",status=\"202\"}",
    ] {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
    let url = format!("{}/health", node.base);
    let response = node.client.get(url).send().await.unwrap();
    assert!(response.headers().contains_key("x-request-id"));
    node.stop().await;
}
