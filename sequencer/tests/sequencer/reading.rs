//! Reading at little cost: news, conditional and compressed pages, pages that never change.

use std::{
    io::Read as _,
    time::{Duration, Instant},
};

use reqwest::{Response, header::HeaderMap};
use subrosa_sequencer::MESSAGE_LEN;

use crate::{admission::assert_problem, support::*};

async fn read(node: &Node, path: &str, headers: &[(&'static str, &str)]) -> Response {
    let mut request = node.client.get(format!("{}{path}", node.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// Seals batches of one transaction each, until there are `count`.
async fn settle(world: &World, node: &Node, count: usize) {
    for _ in 0..count {
        let tx = world.transaction();
        node.submit(&tx).await;
        node.until(&tx, "settled").await;
    }
}

// Before, a poll downloaded the last batch again each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_poll_without_news_is_not_modified() {
    let world = World::new();
    let node = world.start(world.config()).await;
    settle(&world, &node, 1).await;
    let path = "/v1/batches?from=1";
    let first = read(&node, path, &[]).await;
    let tag = text(first.headers(), "etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(text(first.headers(), "cache-control"), "no-cache");
    let size = first.bytes().await.unwrap().len();
    assert!(size > 1_000);
    let again = read(&node, path, &[("if-none-match", &tag)]).await;
    assert_eq!(
        (again.status().as_u16(), text(again.headers(), "etag")),
        (304, &tag[..])
    );
    assert_eq!(again.bytes().await.unwrap().len(), 0);
    // Another page has another tag, and a new batch changes the tag.
    let other = read(&node, "/v1/batches?from=2", &[("if-none-match", &tag)]).await;
    assert_eq!(other.status(), 200);
    settle(&world, &node, 1).await;
    let changed = read(&node, path, &[("if-none-match", &tag)]).await;
    assert_eq!(changed.status(), 200);
    let body: serde_json::Value = changed.json().await.unwrap();
    assert_eq!(body["batches"].as_array().unwrap().len(), 2);
    node.stop().await;
}

// Before, pages were sent as they are: hex in JSON.
#[tokio::test(flavor = "multi_thread")]
async fn pages_are_compressed_for_those_who_take_it() {
    let world = World::new();
    let node = world.start(world.config()).await;
    settle(&world, &node, 2).await;
    let path = "/v1/batches?from=1";
    let plain = read(&node, path, &[("accept-encoding", "identity")]).await;
    assert_eq!(text(plain.headers(), "content-encoding"), "");
    assert_eq!(text(plain.headers(), "vary"), "accept-encoding");
    let plain = plain.bytes().await.unwrap();
    // A client that does not undo it by itself.
    let raw = reqwest::Client::builder().no_gzip().build().unwrap();
    let zipped = raw.get(format!("{}{path}", node.base));
    let zipped = zipped.header("accept-encoding", "gzip");
    let zipped = zipped.send().await.unwrap();
    assert_eq!(text(zipped.headers(), "content-encoding"), "gzip");
    let zipped = zipped.bytes().await.unwrap();
    assert!(
        zipped.len() * 10 < plain.len() * 7,
        "{} of {}",
        zipped.len(),
        plain.len()
    );
    let mut unzipped = Vec::new();
    flate2::read::GzDecoder::new(&zipped[..])
        .read_to_end(&mut unzipped)
        .unwrap();
    assert_eq!(unzipped, plain);
    node.stop().await;
}

// Before, everybody read the whole history as one reader's answers, which no cache could keep.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_final_batches_never_change() {
    let world = World::new();
    let node = world.start(world.config()).await;
    settle(&world, &node, 16).await;
    let path = "/v1/batches/pages/0";
    assert_problem(&node.get(path).await, 404, "not_found");
    world.chain.with(|chain| chain.final_below = Some(17));
    settle(&world, &node, 1).await;
    let mut page = read(&node, path, &[]).await;
    let since = Instant::now();
    while page.status() != 200 && since.elapsed() < Duration::from_secs(10) {
        page = read(&node, path, &[]).await;
    }
    let kept = "public, max-age=31536000, immutable";
    assert_eq!(text(page.headers(), "cache-control"), kept);
    let tag = text(page.headers(), "etag").to_owned();
    let body: serde_json::Value = page.json().await.unwrap();
    let batches = body["batches"].as_array().unwrap();
    let indices: Vec<_> = batches
        .iter()
        .map(|b| b["index"].as_u64().unwrap())
        .collect();
    assert_eq!(indices, (1..=16).collect::<Vec<_>>());
    assert!(batches.iter().all(|batch| batch["status"] == "settled"));
    settle(&world, &node, 1).await;
    assert_eq!(
        read(&node, path, &[("if-none-match", &tag)]).await.status(),
        304
    );
    let later: serde_json::Value = read(&node, path, &[]).await.json().await.unwrap();
    assert_eq!(later, body);
    assert_problem(&node.get("/v1/batches/pages/1").await, 404, "not_found");
    let far = format!("/v1/batches/pages/{}", u64::MAX);
    assert_problem(&node.get(&far).await, 404, "not_found");
    assert_problem(&node.get("/v1/batches/pages/x").await, 400, "malformed");
    node.stop().await;
}

// Before, a wallet asked several times a second whether there was anything.
#[tokio::test(flavor = "multi_thread")]
async fn news_are_waited_for() {
    let world = World::new();
    let mut config = world.config();
    config.http.peer_waits = 1;
    let node = world.start(config).await;
    let first = node.get("/v1/news").await.body;
    let version = first["version"].as_str().unwrap();
    assert_eq!(first["head"], 1);
    let wait = |seconds| format!("/v1/news?wait={seconds}&since={version}");
    // Without news, the answer comes at the end of the wait.
    let since = Instant::now();
    assert_eq!(node.get(&wait(1)).await.body, first);
    assert!(since.elapsed() >= Duration::from_secs(1));
    // A batch ends it.
    let since = Instant::now();
    let long = wait(20);
    let (news, ()) = tokio::join!(node.get(&long), settle(&world, &node, 1));
    assert_ne!(news.body["version"], first["version"]);
    assert!(since.elapsed() < Duration::from_secs(10));
    // So do a message and a price, and whoever knows an older version does not wait.
    let mut known = node.get("/v1/news").await.body["version"].clone();
    for round in 0..2 {
        let path = format!("/v1/news?wait=20&since={}", known.as_str().unwrap());
        let since = Instant::now();
        let happens = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if round == 0 {
                let message = vec![7; MESSAGE_LEN];
                node.post_to("/v1/messages", "application/octet-stream", message)
                    .await;
            } else {
                world.chain.snapshot(4_711);
            }
        };
        let (news, ()) = tokio::join!(node.get(&path), happens);
        assert_ne!(news.body["version"], known, "{round}");
        assert!(since.elapsed() < Duration::from_secs(10));
        assert_eq!(node.get(&path).await.body["version"], news.body["version"]);
        known = news.body["version"].clone();
    }
    // A peer that waits often enough is answered at once.
    let path = format!("/v1/news?wait=2&since={}", known.as_str().unwrap());
    let since = Instant::now();
    let both = futures::future::select(Box::pin(node.get(&path)), Box::pin(node.get(&path)));
    both.await;
    assert!(since.elapsed() < Duration::from_secs(1));
    assert_problem(&node.get("/v1/news?wait=x").await, 400, "malformed");
    node.stop().await;
}

// Before, a wait would have held the shutdown as long as it lasts.
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_with_the_sequencer() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let version = node.get("/v1/news").await.body["version"].clone();
    let path = format!("/v1/news?wait=25&since={}", version.as_str().unwrap());
    let request = node.client.get(format!("{}{path}", node.base)).send();
    let waiting = tokio::spawn(request);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let since = Instant::now();
    node.stop().await;
    let _ = waiting.await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(8));
}
