//! A JSON-RPC proxy that gives false answers by rule.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::fault::{Fault, Rule};

mod answer;
mod stale;

/// Longest wait of a request for an answer that never comes.
const HANG: Duration = Duration::from_secs(600);

/// A running proxy. It ends when it is dropped.
pub struct Proxy {
    /// Its endpoint on the loopback interface.
    pub url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// The state that all requests share.
struct Shared {
    upstream: String,
    http: reqwest::Client,
    rules: Mutex<Vec<Active>>,
    random: Mutex<ChaCha8Rng>,
    /// Number of faults given, by their texts.
    given: Mutex<BTreeMap<String, u64>>,
    /// Number of requests, by method.
    asked: Mutex<BTreeMap<String, u64>>,
    turn: AtomicU64,
    /// Changes when faults end, which frees the requests that hang.
    ended: watch::Sender<u64>,
}

/// A rule in force.
struct Active {
    rule: Rule,
    seen: u64,
    left: Option<u64>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

const POISON: &str = "no holder of this lock panics";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect(POISON)
}

impl Proxy {
    /// Starts a proxy before the node at `upstream`. The seed decides the random parts of answers.
    ///
    /// # Errors
    /// If it finds no port.
    pub async fn start(upstream: &str, seed: u64) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            http: reqwest::Client::new(),
            rules: Mutex::default(),
            random: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
            given: Mutex::default(),
            asked: Mutex::default(),
            turn: AtomicU64::new(0),
            ended: watch::Sender::new(0),
        });
        let router = Router::new().fallback(handle).with_state(shared.clone());
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the proxy ended: {error}");
            }
        });
        Ok(Self {
            url,
            shared,
            server,
        })
    }

    /// Puts a rule in force, before the rules that are in force already.
    pub fn add(&self, rule: Rule) {
        let left = rule.times;
        lock(&self.shared.rules).insert(
            0,
            Active {
                rule,
                seen: 0,
                left,
            },
        );
    }

    /// Ends all faults.
    pub fn clear(&self) {
        lock(&self.shared.rules).clear();
        self.shared.ended.send_modify(|times| *times += 1);
    }

    /// Returns how often each fault was given.
    #[must_use]
    pub fn given(&self) -> BTreeMap<String, u64> {
        lock(&self.shared.given).clone()
    }

    /// Returns how often each method was asked for.
    #[must_use]
    pub fn asked(&self) -> BTreeMap<String, u64> {
        lock(&self.shared.asked).clone()
    }
}

impl Shared {
    /// Returns the fault that a request of this method meets.
    fn meets(&self, method: &str) -> Option<Fault> {
        *lock(&self.asked).entry(method.to_owned()).or_default() += 1;
        let mut rules = lock(&self.rules);
        let mut met = None;
        for active in rules.iter_mut().filter(|active| active.rule.fits(method)) {
            active.seen += 1;
            if active.left == Some(0) || active.seen % active.rule.every != 0 {
                continue;
            }
            if let Some(left) = &mut active.left {
                *left -= 1;
            }
            met = Some(active.rule.fault.clone());
            break;
        }
        rules.retain(|active| active.left != Some(0));
        if let Some(fault) = &met {
            let name = format!("{method}: {fault}");
            *lock(&self.given).entry(name).or_default() += 1;
        }
        met
    }

    /// Returns a random number below `bound`.
    fn below(&self, bound: usize) -> usize {
        lock(&self.random).gen_range(0..bound.max(1))
    }

    /// Whether it is the other node's turn to answer.
    fn other_turn(&self) -> bool {
        self.turn.fetch_add(1, Ordering::Relaxed) % 2 == 1
    }

    /// Asks the node.
    async fn ask(&self, method: &str, params: Value) -> anyhow::Result<Value> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.http.post(&self.upstream).json(&request).send().await?;
        answer.json().await.context("the node's answer is JSON")
    }

    /// Waits until faults end.
    async fn hang(&self) {
        let mut ended = self.ended.subscribe();
        let _ = tokio::time::timeout(HANG, ended.changed()).await;
    }
}

/// An answer to one request.
enum Answer {
    /// A JSON-RPC answer.
    Json(Value),
    /// A body that is none, with its status.
    Raw(StatusCode, &'static str, Vec<u8>),
}

async fn handle(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let answer = match serde_json::from_slice(&body) {
        Ok(Value::Array(requests)) => {
            let mut answers = Vec::new();
            for request in &requests {
                match answer::one(&shared, request).await {
                    Answer::Json(value) => answers.push(value),
                    // It spoils the whole body.
                    raw => return respond(raw),
                }
            }
            Answer::Json(Value::Array(answers))
        }
        Ok(request) => answer::one(&shared, &request).await,
        Err(_) => Answer::Raw(StatusCode::BAD_REQUEST, "text/plain", b"no JSON".to_vec()),
    };
    respond(answer)
}

fn respond(answer: Answer) -> Response {
    let (status, kind, body) = match answer {
        Answer::Json(value) => (
            StatusCode::OK,
            "application/json",
            value.to_string().into_bytes(),
        ),
        Answer::Raw(status, kind, body) => (status, kind, body),
    };
    let response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
        .body(Body::from(body));
    response.expect("the parts of a response are valid")
}
