//! The interface under clients that hold connections, places and threads: each bound with what
//! happened without it.

use std::{
    net::SocketAddr,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use subrosa_sequencer::{
    Health, StartError,
    config::{ForwardedHeader, RateConfig, TlsConfig},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::{admission::assert_problem, support::*};

/// Opens a connection from an address of this machine.
async fn connect(node: &Node, from: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(node.addr()).await.unwrap()
}

/// Reads until the other side closes. Returns the bytes, or nothing if it does not close in time.
async fn rest(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let read = stream.read_to_end(&mut all);
    // A reset is an end too.
    let _ = tokio::time::timeout(Duration::from_secs(10), read)
        .await
        .ok()?;
    Some(all)
}

/// Sends a request on a connection and returns the status of the answer.
async fn ask(stream: &mut TcpStream, path: &str, headers: &str) -> Option<u16> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut head = [0; 12];
    let read = stream.read_exact(&mut head);
    let read = tokio::time::timeout(Duration::from_secs(10), read)
        .await
        .ok()?;
    read.ok()?;
    std::str::from_utf8(&head[9..]).ok()?.parse().ok()
}

/// A client that sends from an address of this machine.
fn client(from: [u8; 4]) -> reqwest::Client {
    let builder = reqwest::Client::builder().local_address(Some(from.into()));
    builder.build().unwrap()
}

// Before, a connection that sent half a request, or none, stayed open without end.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_request_is_not_waited_for() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.header_timeout_ms = 300;
    let node = world.start(config).await;
    let mut silent = connect(&node, [127, 0, 0, 1]).await;
    let mut half = connect(&node, [127, 0, 0, 1]).await;
    half.write_all(b"GET /health HTTP/1.1\r\nhost:")
        .await
        .unwrap();
    let mut answered = connect(&node, [127, 0, 0, 1]).await;
    assert_eq!(ask(&mut answered, "/health", "").await, Some(200));
    for stream in [&mut silent, &mut half, &mut answered] {
        assert!(rest(stream).await.is_some());
    }
    node.stop().await;
}

// Before, an answer waited for its reader without end, and with it the memory of the answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_is_cut_off() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.write_timeout_ms = 300;
    let node = world.start(config).await;
    // A file of more than a megabyte.
    let path = "/docs/swagger-ui-bundle.js";
    let whole = node.client.get(format!("{}{path}", node.base));
    let whole = whole.send().await.unwrap().bytes().await.unwrap();
    assert!(whole.len() > 1_000_000);
    let mut slow = connect(&node, [127, 0, 0, 1]).await;
    assert_eq!(ask(&mut slow, path, "").await, Some(200));
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let rest = rest(&mut slow).await.expect("the connection is closed");
    assert!(rest.len() < whole.len(), "{} bytes", rest.len());
    node.stop().await;
}

// Before, each reader of the documents had a copy, for as long as it took to read: 500 slow readers
// took 700 MB.
#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_of_documents_share_a_bounded_memory() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let mut slow = Vec::new();
    let mut refused = 0;
    for _ in 0..30 {
        let mut stream = connect(&node, [127, 0, 0, 1]).await;
        match ask(&mut stream, "/docs/swagger-ui-bundle.js", "").await {
            Some(200) => slow.push(stream),
            status => {
                assert_eq!(status, Some(503));
                refused += 1;
            }
        }
    }
    assert!((15..30).contains(&slow.len()) && refused > 0, "{refused}");
    // Nothing else minds.
    assert_eq!(node.get("/v1/batches").await.status, 200);
    drop(slow);
    node.stop().await;
}

// Before, nothing bounded connections: one peer could take all files of the process.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded_and_one_peer_leaves_room() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.max_connections = 6;
    config.http.peer_connections = 2;
    config.http.trusted_proxies = vec!["127.0.0.7/32".parse().unwrap()];
    let node = world.start(config).await;
    let peer = [127, 0, 0, 9];
    let mut first = connect(&node, peer).await;
    let mut second = connect(&node, peer).await;
    assert_eq!(ask(&mut first, "/health", "").await, Some(200));
    assert_eq!(ask(&mut second, "/health", "").await, Some(200));
    let mut third = connect(&node, peer).await;
    assert_eq!(rest(&mut third).await, Some(Vec::new()));
    // A trusted proxy has as many as its clients need.
    let mut proxied = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(&node, [127, 0, 0, 7]).await;
        assert_eq!(ask(&mut stream, "/health", "").await, Some(200));
        proxied.push(stream);
    }
    drop(proxied);
    // Silent connections of many peers take all places, and give them to whoever speaks.
    let mut silent = Vec::new();
    for last in 20..30 {
        silent.push(connect(&node, [127, 0, 0, last]).await);
    }
    let mut honest = connect(&node, [127, 0, 0, 2]).await;
    assert_eq!(ask(&mut honest, "/health", "").await, Some(200));
    assert!(rest(&mut silent[0]).await.is_some());
    drop((first, second, silent));
    node.stop().await;
}

// Before, one peer could take all 256 streams.
#[tokio::test(flavor = "multi_thread")]
async fn one_peer_leaves_streams_for_others() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.peer_streams = 4;
    config.http.max_streams = 6;
    let node = world.start(config).await;
    let url = format!("{}/v1/batches/stream", node.base);
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..32 {
        let response = node.client.get(&url).send().await.unwrap();
        match response.status().as_u16() {
            200 => open.push(response.bytes_stream()),
            _ => {
                assert_problem(&answer(response).await, 503, "unavailable");
                refused += 1;
            }
        }
    }
    assert_eq!((open.len(), refused), (4, 28));
    let other = client([127, 0, 0, 2]).get(&url).send().await.unwrap();
    assert_eq!(other.status(), 200);
    // A closed stream gives its place back.
    drop(open.pop());
    let mut again = node.client.get(&url).send().await.unwrap().status();
    let since = Instant::now();
    while again != 200 && since.elapsed() < Duration::from_secs(10) {
        again = node.client.get(&url).send().await.unwrap().status();
    }
    assert_eq!(again, 200);
    drop((open, other));
    node.stop().await;
}

// Before, reading and submitting used up one rate: whoever read too much could not submit, and
// three readers took the rate of everybody.
#[tokio::test(flavor = "multi_thread")]
async fn reading_never_keeps_anybody_from_submitting() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.reads = RateConfig {
        rate: 3,
        peer_rate: 2,
    };
    config.http.submissions.peer_rate = 100;
    config.http.burst_s = 1;
    let node = world.start(config).await;
    let mut last = 200;
    for _ in 0..10 {
        last = node.get("/v1/info").await.status;
    }
    assert_eq!(last, 429);
    assert_eq!(node.submit(&world.transaction()).await.status, 202);
    node.stop().await;
}

// Before, garbage cost its sender as little as a valid submission, and its verification took the
// time of honest ones.
#[tokio::test(flavor = "multi_thread")]
async fn invalid_submissions_use_up_their_senders_rate() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.submissions = RateConfig {
        rate: 0,
        peer_rate: 20,
    };
    config.http.burst_s = 1;
    let node = world.start(config).await;
    let mut verified = 0;
    for _ in 0..30 {
        let mut bytes = prove(&world.transaction());
        let last = bytes.len() - 100;
        bytes[last] ^= 1;
        let answer = node.submit_bytes(bytes).await;
        if answer.status == 429 {
            assert_problem(&answer, 429, "rate_limited");
        } else {
            verified += 1;
        }
    }
    assert!(verified <= 3, "{verified} were verified");
    // Another peer submits as ever.
    let url = format!("{}/v1/transactions", node.base);
    let honest = client([127, 0, 0, 2])
        .post(url)
        .header("content-type", "application/octet-stream")
        .body(prove(&world.transaction()));
    assert_eq!(honest.send().await.unwrap().status(), 202);
    node.stop().await;
}

// Before, a body that could not be read cost its sender as little as a valid submission.
#[tokio::test(flavor = "multi_thread")]
async fn unreadable_submissions_use_up_their_senders_rate() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.submissions.peer_rate = 20;
    config.http.burst_s = 1;
    let node = world.start(config).await;
    let mut answered = 0;
    for _ in 0..20 {
        answered += u32::from(node.post("text/plain", Vec::new()).await.status == 400);
    }
    assert!(answered <= 2, "{answered} were answered");
    node.stop().await;
}

// Before, pages of a few bytes with numbers of their own, which nobody read, took all memory for
// pages until a restart.
#[tokio::test(flavor = "multi_thread")]
async fn empty_pages_take_no_memory() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.page_memory = 8 * 1024;
    let node = world.start(config).await;
    for from in 1..30 {
        for path in ["batches", "messages"] {
            let path = format!("/v1/{path}?from={from}&limit={from}");
            assert_eq!(node.get(&path).await.status, 200, "{path}");
        }
    }
    let octets = "application/octet-stream";
    let message = vec![7; subrosa_sequencer::MESSAGE_LEN];
    assert_eq!(
        node.post_to("/v1/messages", octets, message).await.status,
        202
    );
    for limit in 0..30 {
        let path = format!("/v1/messages?from={limit}&limit={}", u64::MAX - limit);
        assert_eq!(node.get(&path).await.status, 200, "{path}");
    }
    node.stop().await;
}

// Before, pages that had to be read from the store and encoded cost as little as those that were
// kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_must_be_made_costs_more() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.reads.peer_rate = 30;
    config.http.burst_s = 1;
    config.http.page_cost = 20;
    let node = world.start(config).await;
    let octets = "application/octet-stream";
    for byte in 0..4 {
        let message = vec![byte; subrosa_sequencer::MESSAGE_LEN];
        node.post_to("/v1/messages", octets, message).await;
    }
    for _ in 0..8 {
        assert_eq!(node.get("/v1/messages?limit=1").await.status, 200);
    }
    assert_eq!(node.get("/v1/messages?limit=2").await.status, 200);
    let refused = node.get("/v1/messages?limit=3").await;
    assert_problem(&refused, 429, "rate_limited");
    node.stop().await;
}

// Before, a client that ignored refusals got one as fast as it could ask.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_beyond_the_rate_is_not_instant() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.reads.peer_rate = 1;
    config.http.burst_s = 1;
    config.http.refusal_ms = 300;
    let node = world.start(config).await;
    assert_eq!(node.get("/v1/info").await.status, 200);
    let since = Instant::now();
    assert_problem(&node.get("/v1/info").await, 429, "rate_limited");
    assert!(since.elapsed() >= Duration::from_millis(300));
    node.stop().await;
}

// Before, all clients behind a proxy were one peer, and shared one rate.
#[tokio::test(flavor = "multi_thread")]
async fn clients_behind_a_trusted_proxy_have_rates_of_their_own() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.reads.peer_rate = 2;
    config.http.burst_s = 1;
    config.http.trusted_proxies = vec!["127.0.0.7/32".parse().unwrap()];
    let node = world.start(config.clone()).await;
    let through = |proxy: [u8; 4], header: &'static str, value: &'static str| {
        let url = format!("{}/v1/info", node.base);
        let request = client(proxy).get(url).header(header, value);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let proxy = [127, 0, 0, 7];
    for _ in 0..2 {
        assert_eq!(through(proxy, "forwarded", "for=192.0.2.1").await, 200);
    }
    assert_eq!(through(proxy, "forwarded", "for=192.0.2.1").await, 429);
    assert_eq!(through(proxy, "forwarded", "for=192.0.2.2").await, 200);
    // The header that is not configured, and a peer that is no proxy, change nothing.
    let other = [127, 0, 0, 8];
    for address in ["for=192.0.2.3", "for=192.0.2.4"] {
        assert_eq!(through(other, "forwarded", address).await, 200);
    }
    assert_eq!(through(other, "forwarded", "for=192.0.2.5").await, 429);
    node.stop().await;

    config.http.proxy_protocol = true;
    config.http.forwarded = ForwardedHeader::XForwardedFor;
    let node = world.start(config).await;
    let mut statuses = Vec::new();
    for client in ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        let mut stream = connect(&node, proxy).await;
        let header = format!("PROXY TCP4 {client} 127.0.0.1 4711 7300\r\n");
        stream.write_all(header.as_bytes()).await.unwrap();
        statuses.push(ask(&mut stream, "/v1/info", "").await);
    }
    assert_eq!(statuses, [Some(200), Some(200), Some(429), Some(200)]);
    // A proxy without the header gets no answer, and a direct client needs none.
    let mut stream = connect(&node, proxy).await;
    let answer = ask(&mut stream, "/v1/info", "").await;
    assert_ne!(answer, Some(200));
    let mut stream = connect(&node, other).await;
    assert_eq!(ask(&mut stream, "/v1/info", "").await, Some(200));
    node.stop().await;
}

// Before, anybody who could submit read metrics, and what an L1 endpoint had answered; and whoever
// kept the clients' listener busy kept operators from knowing.
#[tokio::test(flavor = "multi_thread")]
async fn operators_have_a_listener_of_their_own() {
    let world = World::new();
    let mut config = idle(world.config());
    config.http.max_connections = 1;
    let node = world.start(config).await;
    assert_problem(&node.get("/metrics").await, 404, "not_found");
    assert!(node.metrics().await.contains("subrosa_sequencer_halted 0"));
    world.chain.down.store(true, Ordering::SeqCst);
    eventually("degraded", || {
        matches!(node.running.health(), Health::Degraded(_))
    })
    .await;
    let reasons = node.operated("/ready").await.body["degraded"].clone();
    assert!(
        reasons[0].as_str().unwrap().starts_with("l1: "),
        "{reasons}"
    );
    let names = node.get("/ready").await.body["degraded"].clone();
    assert_eq!(names, serde_json::json!(["l1"]));
    // A stream takes the only place for clients.
    let url = format!("{}/v1/batches/stream", node.base);
    let stream = client([127, 0, 0, 2]).get(&url).send().await;
    let since = Instant::now();
    assert_eq!(node.operated("/health").await.status, 200);
    assert!(since.elapsed() < Duration::from_secs(1));
    drop(stream);
    node.stop().await;
}

// Before, the sequencer spoke plain HTTP only, and a proxy had to hide it.
#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_tls_with_a_certificate() {
    let world = World::new();
    let mut config = idle(world.config());
    let files = TlsConfig {
        certificates: world.dir.path().join("certificate.pem"),
        key: world.dir.path().join("key.pem"),
    };
    config.http.tls = Some(files.clone());
    let refused = world
        .try_start(config.clone())
        .await
        .err()
        .expect("no files");
    assert!(matches!(refused, StartError::Tls(_)), "{refused}");
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    std::fs::write(&files.certificates, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    config.http.header_timeout_ms = 500;
    let node = world.start(config).await;
    let authority = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([authority])
        .resolve("localhost", node.addr())
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/v1/info", node.addr().port());
    assert_eq!(client.get(url).send().await.unwrap().status(), 200);
    // Neither plain text nor half a handshake holds a connection.
    let mut plain = connect(&node, [127, 0, 0, 1]).await;
    assert_eq!(ask(&mut plain, "/v1/info", "").await, None);
    let mut half = connect(&node, [127, 0, 0, 1]).await;
    half.write_all(&[0x16, 3, 1]).await.unwrap();
    assert!(rest(&mut half).await.is_some());
    node.stop().await;
}

// Open streams end with the sequencer, and a connection that is half open does not hold it.
#[tokio::test(flavor = "multi_thread")]
async fn open_connections_do_not_hold_the_shutdown() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let mut half = connect(&node, [127, 0, 0, 1]).await;
    half.write_all(b"GET /health").await.unwrap();
    let url = format!("{}/v1/batches/stream", node.base);
    let stream = node.client.get(&url).send().await.unwrap();
    let mut stream = stream.bytes_stream();
    let since = Instant::now();
    node.stop().await;
    assert!(stream.next().await.is_none_or(|end| end.is_err()));
    assert!(since.elapsed() < Duration::from_secs(12));
}

impl Node {
    fn addr(&self) -> SocketAddr {
        self.base.trim_start_matches("http://").parse().unwrap()
    }
}
