//! The mailbox over HTTP: messages of one length, bounded, in order, expiring and never logged.

use std::{
    fmt::Write,
    sync::{Mutex, atomic::AtomicBool},
    time::Duration,
};

use futures::StreamExt;
use rand::Rng;
use subrosa_client::work::{self, Work};
use subrosa_sequencer::{
    MESSAGE_LEN,
    store::{
        Store,
        tables::{Messages, Table as _},
    },
};

use crate::{admission::assert_problem, support::*};

fn message() -> Vec<u8> {
    let mut message = vec![0; MESSAGE_LEN];
    rand::thread_rng().fill(&mut message[..]);
    message
}

async fn leave(node: &Node, message: &[u8]) -> Answer {
    let octets = "application/octet-stream";
    node.post_to("/v1/messages", octets, message.to_vec()).await
}

/// Reads a page: sequence numbers and messages, next and head.
async fn page(node: &Node, query: &str) -> (Vec<(u64, String)>, u64, u64) {
    let answer = node.get(&format!("/v1/messages{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let number = |value: &serde_json::Value| value.as_u64().unwrap();
    let messages = answer.body["messages"].as_array().unwrap().iter();
    let messages = messages
        .map(|m| {
            (
                number(&m["sequence"]),
                m["message"].as_str().unwrap().into(),
            )
        })
        .collect();
    (
        messages,
        number(&answer.body["next"]),
        number(&answer.body["head"]),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_read_in_order_by_everybody() {
    let world = World::new();
    let mut config = idle(world.config());
    config.mailbox.max_page = 3;
    let node = world.start(config.clone()).await;
    let (none, first, head) = page(&node, "").await;
    assert_eq!((none, first), (vec![], head));
    let all: Vec<_> = (0..5).map(|_| message()).collect();
    for message in &all {
        let answer = leave(&node, message).await;
        assert_eq!(answer.status, 202);
        let expires = answer.body["expires"].as_u64().unwrap();
        assert!((now() + 3_590..=now() + 3_600).contains(&expires));
    }
    let expected: Vec<_> = (first..).zip(all.iter().map(|m| hex0x(m))).collect();
    let (third, end) = (first + 3, first + 5);
    assert_eq!(page(&node, "").await, (expected[..3].to_vec(), third, end));
    let rest = (expected[3..].to_vec(), end, end);
    assert_eq!(page(&node, &format!("?from={third}")).await, rest);
    assert_eq!(
        page(&node, &format!("?from={}&limit=2", first + 1)).await,
        (expected[1..3].to_vec(), third, end)
    );
    let ahead = page(&node, &format!("?from={end}&limit=0")).await;
    assert_eq!(ahead, (vec![], end, end));
    node.stop().await;
    // Numbers go on after a restart, with a gap.
    let node = world.start(config).await;
    let (rest, next, head) = page(&node, &format!("?from={third}")).await;
    assert_eq!((rest, next), (expected[3..].to_vec(), head));
    assert!(head >= end);
    leave(&node, &message()).await;
    assert_eq!(page(&node, &format!("?from={head}")).await.0[0].0, head);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_have_one_length() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let message = message();
    for len in [0, 1, MESSAGE_LEN - 1] {
        let answer = leave(&node, &message[..len]).await;
        assert_problem(&answer, 400, "malformed");
        let expected = format!("a message has 1024 bytes, this one has {len}");
        assert_eq!(answer.field("detail"), expected);
    }
    for len in [
        MESSAGE_LEN + 1,
        4 * MESSAGE_LEN,
        4 * MESSAGE_LEN + 1,
        20_000,
    ] {
        assert_problem(&leave(&node, &vec![7; len]).await, 413, "too_large");
    }
    let json = |text: String| node.post_to("/v1/messages", "application/json", text.into());
    let body = |m: &[u8]| format!("{{\"message\":\"{}\"}}", hex0x(m));
    assert_problem(&json(body(&message[1..])).await, 400, "malformed");
    assert_problem(&json(body(&[0; 1_025])).await, 413, "too_large");
    assert_problem(&json(body(&[0; 4_096])).await, 413, "too_large");
    assert_problem(&json("{\"message\":\"00\"}".into()).await, 400, "malformed");
    assert_problem(&json("{}".into()).await, 400, "malformed");
    let plain = node.post_to("/v1/messages", "text/plain", message.clone());
    assert_problem(&plain.await, 400, "malformed");
    for query in ["from=-1", "from=x", "to=1", "limit=y"] {
        let answer = node.get(&format!("/v1/messages?{query}")).await;
        assert_problem(&answer, 400, "malformed");
    }
    let (none, first, _) = page(&node, "").await;
    assert_eq!(none, vec![]);
    // Both forms are the same message.
    let answer = json(body(&message)).await;
    assert_eq!(answer.status, 202);
    assert_eq!(leave(&node, &message).await.body, answer.body);
    let held = (vec![(first, hex0x(&message))], first + 1, first + 1);
    assert_eq!(page(&node, "").await, held);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_at_once_is_held_once() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let message = message();
    let answers = (0..16).map(|_| leave(&node, &message));
    let answers = futures::future::join_all(answers).await;
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(page(&node, "").await.0.len(), 1);
    node.stop().await;
}

/// Counts the messages on disk while the sequencer holds the store. Returns nothing if the files
/// change at the same moment.
fn messages_on_disk(world: &World) -> Option<usize> {
    use rocksdb::{DB, IteratorMode, Options};
    let families = ["default", Messages::NAME];
    let db = DB::open_cf_for_read_only(&Options::default(), world.store(), families, false).ok()?;
    let family = db.cf_handle(Messages::NAME)?;
    Some(db.iterator_cf(family, IteratorMode::Start).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_expire() {
    let (world, clock) = World::virtual_time();
    let mut config = idle(world.config());
    config.mailbox.ttl_s = 2;
    let node = world.start(config.clone()).await;
    let message = message();
    leave(&node, &message).await;
    let (held, _, head) = page(&node, "").await;
    assert_eq!(held, [(head - 1, hex0x(&message))]);
    clock.advance(Duration::from_secs(2));
    assert_eq!(page(&node, "").await, (vec![], head, head));
    eventually("the message is deleted", || {
        clock.advance(Duration::from_millis(250));
        messages_on_disk(&world) == Some(0)
    })
    .await;
    node.stop().await;
    {
        let store = Store::open(&world.store()).unwrap();
        assert!(store.all::<Messages>().unwrap().is_empty());
    }
    // Its number is not given again, and the same bytes are a new message.
    let node = world.start(config).await;
    leave(&node, &message).await;
    let (again, _, _) = page(&node, "").await;
    assert!(again[0].0 >= head && again[0].1 == hex0x(&message));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_asks_to_come_back() {
    let world = World::new();
    let mut config = idle(world.config());
    config.mailbox.capacity = 2;
    let node = world.start(config).await;
    let first = message();
    leave(&node, &first).await;
    leave(&node, &message()).await;
    assert_problem(&leave(&node, &message()).await, 503, "mailbox_full");
    assert_eq!(leave(&node, &first).await.status, 202);
    // Nothing else minds.
    assert_eq!(node.submit(&world.transaction()).await.status, 202);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_peer_cannot_fill_the_mailbox() {
    let world = World::new();
    let mut config = idle(world.config());
    config.mailbox.rate = 1;
    config.mailbox.burst = 5;
    let node = world.start(config).await;
    let mut stored = 0;
    for _ in 0..20 {
        let answer = leave(&node, &message()).await;
        if answer.status == 202 {
            stored += 1;
        } else {
            assert_problem(&answer, 429, "rate_limited");
        }
    }
    assert!((5..10).contains(&stored), "{stored}");
    // Reading, and what is no message, is not limited by it.
    assert_eq!(page(&node, "").await.0.len(), stored);
    assert_eq!(node.submit(&world.transaction()).await.status, 202);
    let metrics = node.metrics().await;
    for name in [
        "subrosa_sequencer_messages_total{result=\"stored\"}",
        "subrosa_sequencer_messages_total{result=\"rate_limited\"}",
        "subrosa_sequencer_messages_held",
    ] {
        assert!(metrics.contains(name), "{name}");
    }
    node.stop().await;
}

// Before, a message cost nothing: ten addresses at their rate kept the mailbox full.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_needs_recent_work_of_its_own() {
    let world = World::new();
    let mut config = idle(world.config());
    config.mailbox.work_bits = 8;
    config.mailbox.max_work_bits = 12;
    config.mailbox.capacity = 4;
    config.mailbox.work_age_s = 60;
    let node = world.start(config).await;
    let post = async |message: &[u8], work: &str| {
        let url = format!("{}/v1/messages", node.base);
        let request = node.client.post(url).header(work::HEADER, work);
        let request = request.header("content-type", "application/octet-stream");
        answer(request.body(message.to_vec()).send().await.unwrap()).await
    };
    let go_on = AtomicBool::new(false);
    let work = |message: &[u8], time, bits| {
        let found = Work::find(&context(), message, time, bits, 0, &go_on);
        found.unwrap().to_string()
    };
    let message = message();
    assert_problem(&leave(&node, &message).await, 429, "work_too_low");
    let refused = leave(&node, &message).await;
    assert!(refused.field("detail").contains("8 bits"), "{refused:?}");
    for old in [now() - 120, now() + 600] {
        let answer = post(&message, &work(&message, old, 8)).await;
        assert_problem(&answer, 429, "work_too_low");
    }
    let other = super::mailbox::message();
    let of_other = Work::find(&context(), &other, now(), 8, 0, &go_on).unwrap();
    if of_other.bits(&context(), &message) < 8 {
        let answer = post(&message, &of_other.to_string()).await;
        assert_problem(&answer, 429, "work_too_low");
    }
    assert_problem(&post(&message, "much").await, 400, "malformed");
    assert_eq!(post(&message, &work(&message, now(), 8)).await.status, 202);
    // What is held is answered without work; the next takes more.
    assert_eq!(leave(&node, &message).await.status, 202);
    post(&other, &of_other.to_string()).await;
    assert_eq!(node.get("/v1/news").await.body["work"], 10);
    let last = super::mailbox::message();
    assert_eq!(post(&last, &work(&last, now(), 10)).await.status, 202);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_tells_of_messages() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    leave(&node, &message()).await;
    let next = page(&node, "").await.2 + 1;
    let url = format!("{}/v1/batches/stream", node.base);
    let response = node.client.get(&url).send().await.unwrap();
    let message = message();
    leave(&node, &message).await;
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    while !text.contains("\n\n") {
        let chunk = tokio::time::timeout(Duration::from_secs(10), stream.next()).await;
        text.push_str(std::str::from_utf8(&chunk.unwrap().unwrap().unwrap()).unwrap());
    }
    assert!(text.contains("event: messages") && text.contains(&format!("{{\"head\":{next}}}")));
    assert!(!text.contains(&hex::encode(&message[..8])));
    drop(stream);
    node.stop().await;
}

/// Log of this crate while the mailbox is used, at every level.
static LOG: Mutex<String> = Mutex::new(String::new());

struct Recorder;

struct Fields<'a>(&'a mut String);

impl tracing::field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl tracing::Subscriber for Recorder {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("subrosa") || *metadata.level() <= tracing::Level::INFO
    }

    fn new_span(&self, attributes: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        attributes.record(&mut Fields(&mut LOG.lock().unwrap()));
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut Fields(&mut LOG.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Fields(&mut LOG.lock().unwrap()));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_is_logged() {
    tracing::subscriber::set_global_default(Recorder).unwrap();
    let world = World::new();
    let mut config = idle(world.config());
    config.mailbox.capacity = 2;
    let node = world.start(config).await;
    let messages: Vec<_> = (0..4).map(|_| message()).collect();
    for message in &messages {
        leave(&node, message).await;
        leave(&node, &message[1..]).await;
        let json = format!("{{\"message\":\"{}\"}}", hex0x(message));
        node.post_to("/v1/messages", "application/json", json.into())
            .await;
        node.get(&format!("/v1/messages?from={}", hex0x(&message[..8])))
            .await;
    }
    page(&node, "").await;
    node.stop().await;
    let log = LOG.lock().unwrap();
    assert!(log.contains("/v1/messages"), "the log is recorded");
    for message in &messages {
        let bytes = format!("{:?}", &message[100..104]);
        let forms = [hex::encode(&message[..8]), bytes[1..bytes.len() - 1].into()];
        for form in forms {
            assert!(!log.contains(&form), "{form}");
        }
    }
}
