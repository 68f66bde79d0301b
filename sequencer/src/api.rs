//! The HTTP interface (spec: *Interfaces*, sequencer).

mod keys;
mod limit;
mod messages;
mod news;
mod pages;
mod problem;
mod routes;
pub(crate) mod schema;
mod stream;

use std::{
    any::Any,
    net::{IpAddr, SocketAddr},
    num::NonZero,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use limit::{Limiter, Rate};
pub(crate) use problem::Problem;
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
};
use tracing::Instrument;
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    admission::AdmissionQueue,
    config::RateConfig,
    node::Node,
    peer::Proxies,
    serve::{Peer, Shares},
    telemetry,
};

/// The OpenAPI description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Subrosa sequencer",
        description = "Submits private transactions and reads what was published. Field elements, \
            hashes and bytes are 0x-prefixed lower-case hex; times are Unix seconds."
    ),
    paths(
        routes::info,
        routes::submit,
        routes::transaction,
        routes::batches,
        routes::final_batches,
        routes::batch,
        news::news,
        stream::stream,
        messages::post,
        messages::read,
        routes::assets,
        routes::oracle,
        keys::keys,
        keys::file,
        routes::health,
        routes::ready,
    ),
    components(schemas(Problem))
)]
struct Description;

/// The state that the handlers share.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) node: Arc<Node>,
    pub(crate) queue: AdmissionQueue,
    pub(crate) streams: Arc<Shares>,
    pub(crate) waits: Arc<Shares>,
    pub(crate) pages: Arc<pages::Pages>,
    /// Places for those who read the store: two for each core.
    pub(crate) readers: Arc<Semaphore>,
    pub(crate) keys: Arc<keys::Offer>,
    proxies: Arc<Proxies>,
    reads: Arc<Limiter>,
    pub(crate) submissions: Arc<Limiter>,
    pub(crate) message_limiter: Arc<Limiter>,
}

impl Api {
    /// Makes the interface of a sequencer.
    pub(crate) fn new(node: Arc<Node>, queue: AdmissionQueue) -> Self {
        let http = &node.config.http;
        let mailbox = &node.config.mailbox;
        let seconds = f64::from(http.burst_s);
        let now = node.clock().now();
        let class = |rates: RateConfig| {
            let all = Rate::over(rates.rate, seconds);
            let peer = Rate::over(rates.peer_rate, seconds);
            Arc::new(Limiter::new(all, peer, http.peers, now))
        };
        let messages = Rate::new(mailbox.rate, f64::from(mailbox.burst));
        Self {
            streams: Shares::new(http.max_streams, http.peer_streams),
            readers: Arc::new(Semaphore::new(
                2 * std::thread::available_parallelism().map_or(1, NonZero::get),
            )),
            waits: Shares::new(http.max_waits, http.peer_waits),
            pages: Arc::new(pages::Pages::new(http.page_memory)),
            keys: Arc::new(keys::Offer::new(&node)),
            proxies: Arc::new(Proxies::new(http)),
            reads: class(http.reads),
            submissions: class(http.submissions),
            message_limiter: Arc::new(Limiter::new(Rate::OFF, messages, mailbox.peers, now)),
            node,
            queue,
        }
    }

    /// Returns the interface as a service.
    pub(crate) fn router(self) -> Router {
        let read = |handler: MethodRouter<Self>| {
            handler.route_layer(from_fn_with_state((self.clone(), Class::Reads), rate))
        };
        let submit = |handler: MethodRouter<Self>| {
            handler.route_layer(from_fn_with_state((self.clone(), Class::Submissions), rate))
        };
        // Messages have a rate of their own, which their handler applies.
        let message = post(messages::post).layer(DefaultBodyLimit::max(messages::MAX_BODY));
        let documents: Router<Self> = SwaggerUi::new("/docs")
            .url("/openapi.json", Description::openapi())
            .into();
        let documents = documents
            .route_layer(from_fn_with_state(self.clone(), pages::documents))
            .route_layer(from_fn_with_state((self.clone(), Class::Reads), rate));
        let max_body = self.node.config.http.max_body;
        Router::new()
            .route("/v1/info", read(get(routes::info)))
            .route("/v1/transactions", submit(post(routes::submit)))
            .route("/v1/transactions/{digest}", read(get(routes::transaction)))
            .route("/v1/batches", read(get(routes::batches)))
            .route("/v1/batches/stream", read(get(stream::stream)))
            .route(
                "/v1/batches/pages/{number}",
                read(get(routes::final_batches)),
            )
            .route("/v1/news", read(get(news::news)))
            .route("/v1/batches/{index}", read(get(routes::batch)))
            .route("/v1/assets", read(get(routes::assets)))
            .route("/v1/oracle", read(get(routes::oracle)))
            .route("/v1/keys/{hash}", read(get(keys::keys)))
            .route("/v1/keys/{hash}/{role}", read(get(keys::file)))
            .route("/v1/messages", read(get(messages::read)).merge(message))
            .merge(documents)
            // No rate limit: what balances load must reach these when clients are turned away.
            .route("/health", get(routes::health))
            .route("/ready", get(routes::ready))
            .fallback(|| async { Problem::not_found("path") })
            .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
            .layer(
                ServiceBuilder::new()
                    .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
                    .layer(PropagateRequestIdLayer::x_request_id())
                    .layer(from_fn_with_state(self.clone(), track))
                    .layer(CatchPanicLayer::custom(panicked))
                    .layer(DefaultBodyLimit::max(max_body)),
            )
            .with_state(self)
    }
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Problem::internal().into_response()
}

/// Class of requests with a rate of its own.
#[derive(Debug, Clone, Copy)]
enum Class {
    Reads,
    Submissions,
}

/// Refuses requests beyond the rate of their class.
async fn rate(
    State((api, class)): State<(Api, Class)>,
    Peer(peer): Peer,
    request: Request,
    next: Next,
) -> Response {
    let limiter = match class {
        Class::Reads => &api.reads,
        Class::Submissions => &api.submissions,
    };
    if limiter.allow(peer, api.node.clock().now()) {
        next.run(request).await
    } else {
        api.refused().await.into_response()
    }
}

impl Api {
    /// Returns the refusal of a request beyond a rate, after a pause: a client that asks again at
    /// once gets no further than one that waits.
    pub(crate) async fn refused(&self) -> Problem {
        let pause = Duration::from_millis(self.node.config.http.refusal_ms);
        tokio::select! {
            () = self.node.cancel.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
        Problem::rate_limited()
    }

    /// Returns the address that a request counts for.
    fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        self.proxies.client(peer.ip(), headers)
    }
}

impl FromRequestParts<Api> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let ConnectInfo(peer) = connection.ok_or_else(Problem::internal)?;
        Ok(Self(api.client(*peer, &parts.headers)))
    }
}

impl FromRequestParts<(Api, Class)> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        (api, _): &(Api, Class),
    ) -> Result<Self, Problem> {
        Self::from_request_parts(parts, api).await
    }
}

/// Gives each request a deadline, metrics and one log line. Neither bodies nor headers are logged.
async fn track(State(api): State<Api>, request: Request, next: Next) -> Response {
    let since = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", |path| path.as_str())
        .to_owned();
    let id = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let span = tracing::debug_span!("request", id, method = %request.method(), route);
    let deadline = Duration::from_millis(api.node.config.http.timeout_ms);
    async {
        let response = tokio::time::timeout(deadline, next.run(request))
            .await
            .unwrap_or_else(|_| Problem::timeout().into_response());
        let status = response.status().as_u16();
        tracing::debug!(status, us = since.elapsed().as_micros() as u64, "answered");
        telemetry::http(route.clone(), status, since);
        response
    }
    .instrument(span.clone())
    .await
}
