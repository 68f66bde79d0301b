//! A wallet behind a SOCKS5 proxy reaches the sequencer and L1 through it and in no other way.
//!
//! The host names of both exist only in the proxy, as they would in Tor: a wallet that looked one
//! up, or connected directly, would fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod market;

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Json, Router, routing::post};
use market::{DOLLAR, Market, Party};
use serde_json::{Value, json};
use subrosa_client::Proxy;
use subrosa_l1::{RpcTransport, Transport as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// A host name that no resolver knows (RFC 6761).
const SEQUENCER: &str = "sequencer.invalid";
const L1: &str = "l1.invalid";

/// A connection through the proxy.
#[derive(Clone, Debug)]
struct Passed {
    host: String,
    user: String,
    /// Address from which the proxy connected to the host.
    from: SocketAddr,
}

/// A SOCKS5 proxy that knows some hosts.
struct Socks {
    address: SocketAddr,
    passed: Arc<Mutex<Vec<Passed>>>,
}

impl Socks {
    async fn start(hosts: HashMap<&'static str, SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let passed: Arc<Mutex<Vec<Passed>>> = Arc::default();
        let noted = Arc::clone(&passed);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (hosts, noted) = (hosts.clone(), Arc::clone(&noted));
                tokio::spawn(async move {
                    // An error ends the connection.
                    let _ = pass(stream, &hosts, &noted).await;
                });
            }
        });
        Self { address, passed }
    }

    fn passed(&self) -> Vec<Passed> {
        self.passed.lock().unwrap().clone()
    }

    fn proxy(&self) -> Proxy {
        format!("socks5h://{}", self.address).parse().unwrap()
    }
}

async fn read<const N: usize>(stream: &mut TcpStream) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Reads a text after the byte with its length.
async fn text(stream: &mut TcpStream) -> std::io::Result<String> {
    let [length] = read(stream).await?;
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await?;
    Ok(String::from_utf8(bytes).unwrap())
}

/// Speaks SOCKS5 (RFC 1928) with a user and a password (RFC 1929), and passes bytes on.
async fn pass(
    mut stream: TcpStream,
    hosts: &HashMap<&'static str, SocketAddr>,
    noted: &Mutex<Vec<Passed>>,
) -> std::io::Result<()> {
    let [version, methods] = read(&mut stream).await?;
    let mut offered = vec![0; methods.into()];
    stream.read_exact(&mut offered).await?;
    assert_eq!(version, 5);
    assert!(offered.contains(&2), "no user and password are offered");
    stream.write_all(&[5, 2]).await?;
    let [_] = read(&mut stream).await?;
    let (user, password) = (text(&mut stream).await?, text(&mut stream).await?);
    assert_ne!(user, password);
    stream.write_all(&[1, 0]).await?;
    let [_, command, _, kind] = read(&mut stream).await?;
    assert_eq!((command, kind), (1, 3), "a host name, not an address");
    let host = text(&mut stream).await?;
    let _port: [u8; 2] = read(&mut stream).await?;
    let Some(target) = hosts.get(host.as_str()) else {
        return stream.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    };
    let mut target = TcpStream::connect(target).await?;
    let from = target.local_addr()?;
    noted.lock().unwrap().push(Passed { host, user, from });
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).await?;
    copy_bidirectional(&mut stream, &mut target).await?;
    Ok(())
}

fn address(base: &str) -> SocketAddr {
    base.strip_prefix("http://").unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_reaches_its_sequencer_through_the_proxy_alone() {
    let (market, _) = Market::open().await;
    let door = market.door(1).await;
    let socks = Socks::start(HashMap::from([(SEQUENCER, address(&door))])).await;
    *market.proxy.lock().unwrap() = Some(socks.proxy());
    let directory = tempfile::tempdir().unwrap();
    let base = format!("http://{SEQUENCER}:7300");
    let party = Party::open(&market, &base, directory.path(), 1).await;
    party.deposit(DOLLAR, "10").await;
    for amount in ["1", "2"] {
        let to = subrosa_protocol::keys::ViewingKey::from_seed(
            &subrosa_protocol::keys::Seed::from_bytes([9; 32]),
        );
        let to = to
            .address()
            .encode(subrosa_protocol::keys::Network::Development);
        let pay = json!({ "asset": "dUSD", "amount": amount, "to": to, "memo": "" });
        let id = party.start("/v1/transfers", &pay).await;
        let path = format!("/v1/operations/{id}");
        party.shows(&path, "settled").await;
    }

    let passed = socks.passed();
    assert!(passed.iter().all(|one| one.host == SEQUENCER));
    let user_of = |peer: SocketAddr| {
        let mut ways = passed.iter();
        let way = ways.find(|one| one.from == peer);
        way.expect("a direct connection").user.clone()
    };
    let seen = market.seen();
    let users = |method: &str, path: &str| -> Vec<String> {
        let of = seen.iter();
        let of = of.filter(|seen| seen.method == method && seen.path == path);
        of.map(|seen| user_of(seen.peer)).collect()
    };
    assert!(seen.iter().all(|seen| !user_of(seen.peer).is_empty()));
    let reading: HashSet<String> = users("GET", "/v1/batches").into_iter().collect();
    assert_eq!(reading.len(), 1, "everything is read on one circuit");
    let sent = users("POST", "/v1/transactions");
    assert_eq!(sent.len(), 2);
    assert!(sent[0] != sent[1] && sent.iter().all(|user| !reading.contains(user)));
}

#[tokio::test(flavor = "multi_thread")]
async fn l1_is_reached_through_the_proxy_alone() {
    let answer = |Json(request): Json<Value>| async move {
        Json(json!({ "jsonrpc": "2.0", "id": request["id"], "result": "0x7a69" }))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hosts = HashMap::from([(L1, listener.local_addr().unwrap())]);
    let router = Router::new().route("/TOKEN", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let socks = Socks::start(hosts).await;
    let proxy = socks.proxy();
    for count in 1..=2 {
        let through = proxy.apart().transport().unwrap();
        let l1 = RpcTransport::through(&format!("http://{L1}/TOKEN"), through).unwrap();
        assert_eq!(l1.chain_id().await.unwrap(), 31_337);
        assert_eq!(socks.passed().len(), count);
    }
    let passed = socks.passed();
    assert!(passed.iter().all(|one| one.host == L1));
    assert_ne!(passed[0].user, passed[1].user);

    // A name that the proxy does not know is not looked up here.
    let through = proxy.apart().transport().unwrap();
    let lost = RpcTransport::through("http://localhost/TOKEN", through).unwrap();
    assert!(lost.chain_id().await.is_err());
    // Without the proxy there is no way.
    let closed: Proxy = "socks5h://bank:SECRET@127.0.0.1:1".parse().unwrap();
    let through = closed.transport().unwrap();
    let url = format!("http://127.0.0.1:{}/TOKEN", socks.address.port());
    let error = RpcTransport::through(&url, through)
        .unwrap()
        .chain_id()
        .await;
    let error = format!("{:?}", error.unwrap_err());
    assert!(
        !error.contains("SECRET") && !error.contains("TOKEN"),
        "{error}"
    );
}
