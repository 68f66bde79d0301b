//! Clients that hold connections, streams and threads, or send what is refused. Each kind is
//! bounded in number and ends when it is told.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{Rng as _, RngCore as _};
use subrosa_protocol::{message::MESSAGE_LEN, proof::PROOF_LEN};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Requests that are sent at most, of one kind.
const MOST: u64 = 1_000_000;

/// Target and outcome of the load.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) base: String,
    pub(super) to: SocketAddr,
    pub(super) stop: CancellationToken,
    pub(super) counts: Arc<Counts>,
}

/// Outcome of the load.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) half_open: AtomicU64,
    pub(super) slow_readers: AtomicU64,
    pub(super) streams: AtomicU64,
    pub(super) garbage: AtomicU64,
    pub(super) verified: AtomicU64,
    pub(super) messages: AtomicU64,
    pub(super) stored: AtomicU64,
}

/// Returns an address of this machine.
fn address(kind: u8, number: usize) -> IpAddr {
    IpAddr::from([127, 1, kind, 1 + (number % 250) as u8])
}

async fn connect(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(8 * 1024)?;
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}

fn client(from: IpAddr) -> Option<reqwest::Client> {
    let builder = reqwest::Client::builder().local_address(from);
    builder.timeout(Duration::from_secs(30)).build().ok()
}

impl Load {
    /// Runs something until the load is to end.
    fn spawn(&self, tasks: &mut JoinSet<()>, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Opens connections that send half a request, from 32 addresses, again whenever one is closed.
    pub(super) fn half_open(&self, tasks: &mut JoinSet<()>, count: usize) {
        for number in 0..count {
            let load = self.clone();
            self.spawn(tasks, async move {
                loop {
                    if let Ok(mut stream) = connect(address(1, number % 32), load.to).await {
                        load.counts.half_open.fetch_add(1, Ordering::Relaxed);
                        let _ = stream.write_all(b"GET /v1/info HTTP/1.1\r\nhost:").await;
                        let _ = stream.read(&mut [0; 64]).await;
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
        }
    }

    /// Asks for a file of more than a megabyte and takes a byte a second, from 50 addresses.
    pub(super) fn slow_readers(&self, tasks: &mut JoinSet<()>, count: usize) {
        for number in 0..count {
            let load = self.clone();
            self.spawn(tasks, async move {
                loop {
                    if let Ok(mut stream) = connect(address(2, number % 50), load.to).await {
                        load.counts.slow_readers.fetch_add(1, Ordering::Relaxed);
                        let ask = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n\r\n";
                        let _ = stream.write_all(ask).await;
                        while stream.read_u8().await.is_ok() {
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
        }
    }

    /// Opens streams of events from one address. Counts those that are open.
    pub(super) fn streams(&self, tasks: &mut JoinSet<()>, count: usize) {
        let Some(client) = client(address(3, 0)) else {
            return;
        };
        for _ in 0..count {
            let (load, client) = (self.clone(), client.clone());
            self.spawn(tasks, async move {
                let request = client.get(format!("{}/v1/batches/stream", load.base));
                let Ok(mut response) = request.send().await else {
                    return;
                };
                if response.status().is_success() {
                    load.counts.streams.fetch_add(1, Ordering::Relaxed);
                    while let Ok(Some(_)) = response.chunk().await {}
                }
            });
        }
    }

    /// Sends submissions whose proofs are invalid as fast as they are answered, from 8 addresses
    /// with 8 connections each.
    pub(super) fn garbage(&self, tasks: &mut JoinSet<()>, valid: &[u8]) {
        for number in 0..64 {
            let (load, valid) = (self.clone(), valid.to_vec());
            let Some(client) = client(address(4, number % 8)) else {
                return;
            };
            self.spawn(tasks, async move {
                while load.counts.garbage.fetch_add(1, Ordering::Relaxed) < MOST {
                    let mut bytes = valid.clone();
                    // In the data of a note, which the proof binds.
                    let place = bytes.len() - PROOF_LEN - 16;
                    rand::thread_rng().fill_bytes(&mut bytes[place..place + 16]);
                    let request = client
                        .post(format!("{}/v1/transactions", load.base))
                        .header("content-type", "application/octet-stream")
                        .body(bytes);
                    if let Ok(answer) = request.send().await
                        && answer.status() == 422
                    {
                        load.counts.verified.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    }

    /// Leaves messages from 32 addresses as fast as they are answered. None has work.
    pub(super) fn messages(&self, tasks: &mut JoinSet<()>) {
        for number in 0..32 {
            let load = self.clone();
            let Some(client) = client(address(5, number)) else {
                return;
            };
            self.spawn(tasks, async move {
                while load.counts.messages.fetch_add(1, Ordering::Relaxed) < MOST {
                    let mut message = vec![0; MESSAGE_LEN];
                    rand::thread_rng().fill(&mut message[..]);
                    let request = client
                        .post(format!("{}/v1/messages", load.base))
                        .header("content-type", "application/octet-stream")
                        .body(message);
                    if let Ok(answer) = request.send().await
                        && answer.status() == 202
                    {
                        load.counts.stored.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    }

    /// Waits for news as idle wallets do, from 50 addresses. Counts into `waiting` those that have
    /// asked for the first time.
    pub(super) fn wallets(&self, tasks: &mut JoinSet<()>, count: usize, waiting: &Arc<AtomicU64>) {
        for number in 0..count {
            let (load, waiting) = (self.clone(), waiting.clone());
            self.spawn(tasks, async move {
                let Some(client) = client(address(6, number % 50)) else {
                    return;
                };
                let mut known: Option<String> = None;
                loop {
                    let since = known.as_ref().map(|known| format!("&since={known}"));
                    let query = format!("wait=25{}", since.unwrap_or_default());
                    let request = client.get(format!("{}/v1/news?{query}", load.base));
                    let version = async {
                        let news: serde_json::Value =
                            request.send().await.ok()?.json().await.ok()?;
                        Some(news["version"].as_str()?.to_owned())
                    };
                    let version = version.await;
                    if known.is_none() && version.is_some() {
                        waiting.fetch_add(1, Ordering::Relaxed);
                    }
                    let pause = if version.is_some() { 250 } else { 1_000 };
                    known = version.or(known);
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
            });
        }
    }
}
