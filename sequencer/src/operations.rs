//! Metrics, readiness and liveness for operators: on a listener and a thread of their own, so that
//! clients can neither read them nor hold them up.

use std::{io, net::SocketAddr, sync::Arc, thread::JoinHandle};

use axum::{
    Json, Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use utoipa::OpenApi;

use crate::{
    api::{Problem, schema::HealthBody},
    config::HttpConfig,
    health::Health,
    node::Node,
    serve::{self, Bounds},
    telemetry,
};

/// Largest number of connections.
const CONNECTIONS: usize = 256;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Subrosa sequencer, operations",
        description = "Liveness, readiness and metrics, for operators."
    ),
    paths(health, ready, metrics),
    components(schemas(Problem))
)]
struct Description;

#[derive(Clone)]
struct Operations {
    node: Arc<Node>,
    metrics: PrometheusHandle,
}

/// Listens for operators on a thread of its own, until the node is cancelled. Returns its address
/// and the thread.
///
/// # Errors
/// If the address is in use, or the system gives no thread.
pub(crate) fn start(node: Arc<Node>) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = serve::listen(node.config.operations())?;
    let address = listener.local_addr()?;
    let listener = listener.into_std()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let bounds = Bounds::plain(&HttpConfig {
        max_connections: CONNECTIONS,
        peer_connections: CONNECTIONS,
        ..HttpConfig::default()
    });
    let cancel = node.cancel.clone();
    let thread = std::thread::Builder::new()
        .name("operations".into())
        .spawn(move || {
            runtime.block_on(async {
                match TcpListener::from_std(listener) {
                    Ok(listener) => serve::serve(listener, router(node), bounds, cancel).await,
                    Err(error) => tracing::error!(%error, "the listener for operators failed"),
                }
            });
        })?;
    Ok((address, thread))
}

fn router(node: Arc<Node>) -> Router {
    let document = Description::openapi();
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(|| async { Json(document) }))
        .fallback(|| async { Problem::not_found("path") })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .with_state(Operations {
            node,
            metrics: telemetry::recorder(),
        })
}

/// Answers as long as the process lives.
#[utoipa::path(get, path = "/health", tag = "operations",
    responses((status = 200, body = HealthBody)))]
async fn health() -> Json<HealthBody> {
    Json(HealthBody::ok())
}

/// Answers whether the sequencer accepts and settles transactions, with the reasons if not.
#[utoipa::path(get, path = "/ready", tag = "operations",
    responses((status = 200, body = HealthBody), (status = 503, body = Problem)))]
async fn ready(State(operations): State<Operations>) -> Result<Json<HealthBody>, Problem> {
    match operations.node.health.read() {
        Health::Running => Ok(Json(HealthBody::ok())),
        Health::Degraded(what) => {
            let reasons = what.into_iter();
            let reasons = reasons.map(|(what, detail)| format!("{what}: {detail}"));
            Ok(Json(HealthBody::degraded(reasons.collect())))
        }
        Health::Halted(halt) => Err(Problem::unavailable(
            format!("halted, {}: {halt}", halt.code()),
            false,
        )),
    }
}

/// Returns the metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, body = String, content_type = "text/plain")))]
async fn metrics(State(operations): State<Operations>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        operations.metrics.render(),
    )
        .into_response()
}
