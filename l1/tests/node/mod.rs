//! A JSON-RPC node of a made-up chain whose answers a test decides.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy_primitives::{Address, B256, keccak256};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use subrosa_l1::{RpcOptions, RpcTransport};

/// Answer that a test gives in place of the node's own.
pub enum Answer {
    /// The result of the request.
    Result(Value),
    /// A JSON-RPC error with this message.
    Error(&'static str),
    /// An HTTP answer.
    Http(u16, String),
    /// None, ever.
    Hang,
}

type Decide = dyn Fn(&str, &Value) -> Option<Answer> + Send + Sync;

/// A node. Each block holds one log of [`emitter`].
pub struct Node {
    pub url: String,
    pub head: AtomicU64,
    pub chain_id: AtomicU64,
    pub requests: AtomicUsize,
    /// Whether it refuses several requests in one body.
    pub single: std::sync::atomic::AtomicBool,
    decide: Mutex<Box<Decide>>,
}

/// Contract that emits one log in each block.
pub fn emitter() -> Address {
    Address::repeat_byte(0xe1)
}

pub fn block_hash(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

pub fn transaction_hash(number: u64) -> B256 {
    keccak256([1, number as u8])
}

/// Bounds that keep tests short.
pub fn options() -> RpcOptions {
    RpcOptions {
        connect_timeout: Duration::from_millis(500),
        timeout: Duration::from_millis(500),
        largest_answer: 1 << 20,
    }
}

impl Node {
    pub async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v3/SECRET", listener.local_addr().unwrap());
        let node = Arc::new(Self {
            url,
            head: AtomicU64::new(1_000),
            chain_id: AtomicU64::new(31337),
            requests: AtomicUsize::new(0),
            single: false.into(),
            decide: Mutex::new(Box::new(|_, _| None)),
        });
        let app = Router::new().fallback(answer).with_state(node.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        node
    }

    pub fn transport(&self) -> RpcTransport {
        RpcTransport::with_options(&self.url, options()).unwrap()
    }

    /// Decides answers by method and parameters; `None` leaves them to the node.
    pub fn decide(&self, decide: impl Fn(&str, &Value) -> Option<Answer> + Send + Sync + 'static) {
        *self.decide.lock().unwrap() = Box::new(decide);
    }

    fn block(&self, number: u64) -> Value {
        json!({
            "number": format!("0x{number:x}"),
            "hash": block_hash(number),
            "parentHash": block_hash(number.wrapping_sub(1)),
            "timestamp": format!("0x{:x}", 1_700_000_000 + number),
            "transactions": [transaction(number)],
        })
    }

    fn result(&self, method: &str, params: &Value) -> Value {
        let head = self.head.load(Ordering::SeqCst);
        match method {
            "eth_chainId" => json!(format!("0x{:x}", self.chain_id.load(Ordering::SeqCst))),
            "eth_getCode" => json!("0x"),
            "eth_getBlockByNumber" => {
                let number = match params[0].as_str() {
                    Some("latest") => head,
                    Some("safe") => head - 32,
                    Some("finalized") => head - 64,
                    Some(number) => hex_number(number),
                    None => return Value::Null,
                };
                if number > head {
                    return Value::Null;
                }
                self.block(number)
            }
            "eth_getBlockByHash" => {
                let known = (0..=head).find(|n| json!(block_hash(*n)) == params[0]);
                known.map_or(Value::Null, |number| self.block(number))
            }
            "eth_getTransactionByHash" => Value::Null,
            "eth_getLogs" => {
                let from = hex_number(params[0]["fromBlock"].as_str().unwrap());
                let to = hex_number(params[0]["toBlock"].as_str().unwrap());
                let topic = &params[0]["topics"][0];
                if *topic != json!(B256::repeat_byte(7)) {
                    return json!([]);
                }
                Value::Array((from..=to.min(head)).map(log).collect())
            }
            // Every call answers with the head.
            "eth_call" => json!(format!("0x{head:064x}")),
            other => panic!("no test asks for {other}"),
        }
    }

    async fn one(&self, request: &Value) -> Result<Value, Response> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let method = request["method"].as_str().unwrap();
        let decided = (self.decide.lock().unwrap())(method, &request["params"]);
        let mut response = json!({ "jsonrpc": "2.0", "id": request["id"] });
        match decided {
            None => response["result"] = self.result(method, &request["params"]),
            Some(Answer::Result(result)) => response["result"] = result,
            Some(Answer::Error(message)) => {
                response["error"] = json!({ "code": -32602, "message": message });
            }
            Some(Answer::Http(status, body)) => {
                let status = StatusCode::from_u16(status).unwrap();
                return Err((status, body).into_response());
            }
            Some(Answer::Hang) => std::future::pending().await,
        }
        Ok(response)
    }
}

fn hex_number(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}

fn transaction(number: u64) -> Value {
    json!({
        "hash": transaction_hash(number),
        "blockHash": block_hash(number),
        "input": format!("0x{number:04x}"),
    })
}

fn log(number: u64) -> Value {
    json!({
        "address": emitter(),
        "topics": [B256::repeat_byte(7)],
        "data": "0x",
        "blockNumber": format!("0x{number:x}"),
        "blockHash": block_hash(number),
        "transactionHash": transaction_hash(number),
        "transactionIndex": "0x0",
        "logIndex": "0x0",
        "removed": false,
    })
}

async fn answer(State(node): State<Arc<Node>>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    let Some(requests) = request.as_array() else {
        return match node.one(&request).await {
            Ok(response) => response.to_string().into_response(),
            Err(response) => response,
        };
    };
    if node.single.load(Ordering::SeqCst) {
        let error = json!({ "code": -32600, "message": "batches are not supported" });
        let refusal = json!({ "jsonrpc": "2.0", "id": null, "error": error });
        return refusal.to_string().into_response();
    }
    let mut responses = Vec::new();
    for request in requests {
        match node.one(request).await {
            Ok(response) => responses.push(response),
            Err(response) => return response,
        }
    }
    Value::Array(responses).to_string().into_response()
}
