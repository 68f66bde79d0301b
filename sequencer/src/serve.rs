//! Connections: accepting them within bounds, and serving a router on each.
//!
//! | module | bounds |
//! |---|---|
//! | `room` | connections in all and of one peer |
//! | `paced` | slow readers and silent connections |
//! | `proxy` | the word of proxies about their clients |
//! | `shares` | whatever else a peer may hold a number of |
//! | `tls` | who reads along |

mod paced;
mod proxy;
mod room;
mod shares;
mod tls;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::Request,
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

pub(crate) use self::shares::{Share, Shares};
pub use self::tls::TlsError;
use self::{
    paced::{Pace, Paced},
    room::{Place, Room},
};
use crate::{config::HttpConfig, peer::Proxies};

/// Buffer of a connection, in bytes; it also bounds the headers of a request.
const BUFFER: usize = 64 * 1024;
/// Bytes of an answer that the system keeps for a reader.
const SEND_BUFFER: u32 = 256 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;
/// Pause after the system gave no connection, because too many files are open.
const PAUSE: Duration = Duration::from_millis(50);

/// Listens on an address.
///
/// # Errors
/// The system's, with the address.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    listening(address).map_err(|error| {
        let text = format!("{address} cannot be listened on: {error}");
        io::Error::new(error.kind(), text)
    })
}

fn listening(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Lets the process open as many files as the system allows it, and returns the number of
/// connections that leave half of them to the rest of the process.
fn openable() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let soft = limit.current;
    if soft < limit.maximum {
        limit.current = limit.maximum;
        if setrlimit(Resource::Nofile, limit).is_err() {
            limit.current = soft;
        }
    }
    let files = limit.current.unwrap_or(u64::MAX) / 2;
    usize::try_from(files).unwrap_or(usize::MAX).max(1)
}

/// The bounds of one listener.
#[derive(Clone)]
pub(crate) struct Bounds {
    room: Arc<Room>,
    pace: Pace,
    header: Duration,
    proxies: Proxies,
    /// Whether proxies begin a connection with a header of the PROXY protocol.
    proxy_protocol: bool,
    tls: Option<watch::Receiver<TlsAcceptor>>,
}

impl Bounds {
    /// Takes the bounds of a configuration, and its certificate.
    ///
    /// # Errors
    /// [`TlsError`] if the certificate cannot be used.
    pub(crate) fn new(http: &HttpConfig, cancel: &CancellationToken) -> Result<Self, TlsError> {
        let tls = http.tls.clone();
        let tls = tls.map(|files| tls::acceptor(files, tls::LOOK, cancel.clone()));
        Ok(Self {
            tls: tls.transpose()?,
            ..Self::plain(http)
        })
    }

    /// Takes the bounds of a configuration, without TLS.
    pub(crate) fn plain(http: &HttpConfig) -> Self {
        let most = http.max_connections.min(openable());
        if most < http.max_connections {
            tracing::warn!(
                most,
                "the system lets the process open too few files (nofile)"
            );
        }
        Self {
            room: Room::new(most, http.peer_connections),
            pace: Pace {
                write: Duration::from_millis(http.write_timeout_ms),
                floor: http.write_floor,
                idle: Duration::from_millis(http.idle_timeout_ms),
            },
            header: Duration::from_millis(http.header_timeout_ms),
            proxies: Proxies::new(http),
            proxy_protocol: http.proxy_protocol,
            tls: None,
        }
    }

    /// Returns the address that a connection counts for, after the header of a proxy.
    async fn client(&self, stream: &mut TcpStream, from: SocketAddr) -> io::Result<SocketAddr> {
        if self.proxy_protocol && self.proxies.trusts(from.ip()) {
            proxy::client(stream, from).await
        } else {
            Ok(from)
        }
    }

    /// Counts a connection for its peer. A trusted proxy has as many as its clients need. Returns
    /// nothing if the peer has its most.
    fn share(&self, peer: IpAddr) -> Option<Option<Share>> {
        if self.proxies.trusts(peer) {
            Some(None)
        } else {
            self.room.share(peer).map(Some)
        }
    }
}

/// Serves a router until cancelled. Returns when the last connection has closed.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    cancel: CancellationToken,
) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                let Some(place) = bounds.room.enter() else {
                    // Closes it: all places are in use.
                    continue;
                };
                let (router, bounds, cancel) = (router.clone(), bounds.clone(), cancel.clone());
                connections.spawn(async move {
                    let leave = place.leave();
                    tokio::select! {
                        () = leave.cancelled() => {}
                        _ = connection(stream, from, router, bounds, place, cancel) => {}
                    }
                });
            }
            Err(error) if lasting(&error) => {
                tracing::warn!(%error, "no connection can be accepted at present");
                tokio::time::sleep(PAUSE).await;
            }
            // The other side went away.
            Err(_) => {}
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Whether accepting fails for another reason than the one connection.
fn lasting(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Serves one connection.
async fn connection(
    mut stream: TcpStream,
    from: SocketAddr,
    router: Router,
    bounds: Bounds,
    place: Place,
    cancel: CancellationToken,
) -> io::Result<()> {
    let _ = stream.set_nodelay(true);
    let peer = tokio::time::timeout(bounds.header, bounds.client(&mut stream, from)).await??;
    let Some(share) = bounds.share(peer.ip()) else {
        return Ok(());
    };
    let stream = Paced::new(stream, bounds.pace);
    let header = bounds.header;
    let acceptor = bounds.tls.map(|tls| tls.borrow().clone());
    match acceptor {
        Some(acceptor) => {
            let stream = tokio::time::timeout(header, acceptor.accept(stream)).await??;
            requests(stream, peer, router, header, place, cancel).await;
        }
        None => requests(stream, peer, router, header, place, cancel).await,
    }
    drop(share);
    Ok(())
}

/// Answers the requests of a connection.
async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    header: Duration,
    place: Place,
    cancel: CancellationToken,
) {
    let place = Arc::new(place);
    let service = service_fn(move |mut request: Request<Incoming>| {
        place.heard();
        request.extensions_mut().insert(ConnectInfo(peer));
        let answering = Answering {
            place: place.clone(),
            peer: peer.ip(),
        };
        let answer = router.clone().oneshot(request.map(Body::new));
        async move {
            let response = answer.await;
            response.map(|response| {
                response.map(|body| Answer {
                    body,
                    _answering: answering,
                })
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // It fails only by the other side's fault, which is no news.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = cancel.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// The answer to a request. The connection is idle once it is dropped.
struct Answering {
    place: Arc<Place>,
    peer: IpAddr,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.place.answered(self.peer);
    }
}

/// The body of an answer.
struct Answer {
    body: Body,
    _answering: Answering,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Address that a request counts for, behind trusted proxies too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);
