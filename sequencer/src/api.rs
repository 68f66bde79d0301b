//! The HTTP interface (spec: *Interfaces*, sequencer).

mod keys;
mod limit;
mod messages;
mod problem;
mod routes;
mod schema;
mod stream;

use std::{
    any::Any,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use limit::{Limiter, Rate};
use metrics_exporter_prometheus::PrometheusHandle;
use problem::Problem;
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
};
use tracing::Instrument;
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use crate::{admission::AdmissionQueue, node::Node, telemetry};

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
        routes::batch,
        stream::stream,
        messages::post,
        messages::read,
        routes::assets,
        routes::oracle,
        keys::keys,
        keys::file,
        routes::health,
        routes::ready,
        routes::metrics,
    ),
    components(schemas(Problem))
)]
struct Description;

/// The state that the handlers share.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) node: Arc<Node>,
    pub(crate) queue: AdmissionQueue,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) keys: Arc<keys::Offer>,
    pub(crate) metrics: PrometheusHandle,
    limiter: Arc<Limiter>,
    pub(crate) message_limiter: Arc<Limiter>,
}

impl Api {
    /// Makes the interface of a sequencer.
    pub(crate) fn new(node: Arc<Node>, queue: AdmissionQueue) -> Self {
        let http = &node.config.http;
        let mailbox = &node.config.mailbox;
        let seconds = f64::from(http.burst_s.max(1));
        let limiter = Limiter::new(
            Rate::over(http.global_rate, seconds),
            Rate::over(http.peer_rate, seconds),
            http.peers,
            node.clock().now(),
        );
        let message_limiter = Limiter::new(
            Rate::OFF,
            Rate::new(mailbox.rate, f64::from(mailbox.burst)),
            mailbox.peers,
            node.clock().now(),
        );
        Self {
            streams: Arc::new(Semaphore::new(http.max_streams)),
            keys: Arc::new(keys::Offer::new(&node)),
            limiter: Arc::new(limiter),
            message_limiter: Arc::new(message_limiter),
            metrics: telemetry::recorder(),
            node,
            queue,
        }
    }

    /// Returns the interface as a service.
    pub(crate) fn router(self) -> Router {
        let limited = Router::new()
            .route("/v1/info", get(routes::info))
            .route("/v1/transactions", post(routes::submit))
            .route("/v1/transactions/{digest}", get(routes::transaction))
            .route("/v1/batches", get(routes::batches))
            .route("/v1/batches/stream", get(stream::stream))
            .route("/v1/batches/{index}", get(routes::batch))
            .route("/v1/assets", get(routes::assets))
            .route("/v1/oracle", get(routes::oracle))
            .route("/v1/keys/{hash}", get(keys::keys))
            .route("/v1/keys/{hash}/{role}", get(keys::file))
            .route(
                "/v1/messages",
                get(messages::read)
                    .post(messages::post)
                    .layer(DefaultBodyLimit::max(messages::MAX_BODY)),
            )
            .route_layer(from_fn_with_state(self.clone(), rate));
        // No rate limit: operators must reach these when clients are turned away.
        let operations = Router::new()
            .route("/health", get(routes::health))
            .route("/ready", get(routes::ready))
            .route("/metrics", get(routes::metrics));
        let max_body = self.node.config.http.max_body;
        limited
            .merge(operations)
            .merge(SwaggerUi::new("/docs").url("/openapi.json", Description::openapi()))
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

/// Refuses requests beyond the rate limits.
async fn rate(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if api.limiter.allow(peer.ip(), api.node.clock().now()) {
        next.run(request).await
    } else {
        Problem::rate_limited().into_response()
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
