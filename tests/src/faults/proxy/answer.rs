//! One request, and the answer that its fault makes of the node's.

use alloy_primitives::{B256, hex, keccak256};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Answer, Shared, stale};
use crate::faults::fault::Fault;

/// The page of a load balancer that has lost its nodes.
const PAGE: &[u8] = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";

/// Answers a request.
pub(super) async fn one(shared: &Shared, request: &Value) -> Answer {
    let method = request["method"].as_str().unwrap_or_default().to_owned();
    let params = request.get("params").cloned().unwrap_or_else(|| json!([]));
    let id = request["id"].clone();
    let fault = shared.meets(&method);
    let answered = match &fault {
        None => shared.ask(&method, params).await,
        Some(fault) => match before(shared, &method, params, fault).await {
            Before::Answer(answer) => return under(answer, &id),
            Before::Node(answered) => answered,
        },
    };
    let Ok(mut answer) = answered else {
        let body = b"the node behind the proxy does not answer".to_vec();
        return Answer::Raw(StatusCode::BAD_GATEWAY, "text/plain", body);
    };
    answer["id"] = id;
    match fault {
        Some(fault) => after(shared, answer, &fault),
        None => Answer::Json(answer),
    }
}

/// The request before the node, or instead of it.
enum Before {
    /// The node is not needed.
    Answer(Answer),
    /// The node's answer.
    Node(anyhow::Result<Value>),
}

fn result(value: Value) -> Before {
    Before::Answer(Answer::Json(json!({ "jsonrpc": "2.0", "result": value })))
}

fn error(message: &str) -> Before {
    let error = json!({ "code": -32000, "message": message });
    Before::Answer(Answer::Json(json!({ "jsonrpc": "2.0", "error": error })))
}

fn under(answer: Answer, id: &Value) -> Answer {
    match answer {
        Answer::Json(mut value) => {
            value["id"] = id.clone();
            Answer::Json(value)
        }
        raw => raw,
    }
}

async fn before(shared: &Shared, method: &str, params: Value, fault: &Fault) -> Before {
    match fault {
        Fault::Null => result(Value::Null),
        Fault::Empty => result(json!("0x")),
        Fault::Missing => Before::Answer(Answer::Json(json!({ "jsonrpc": "2.0" }))),
        Fault::Html => Before::Answer(Answer::Raw(StatusCode::OK, "text/html", PAGE.to_vec())),
        Fault::Error(message) => error(message),
        Fault::Refused => {
            let body = b"no node is available".to_vec();
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Before::Answer(Answer::Raw(status, "text/plain", body))
        }
        Fault::Hangs => {
            shared.hang().await;
            let body = b"the node hung".to_vec();
            Before::Answer(Answer::Raw(StatusCode::GATEWAY_TIMEOUT, "text/plain", body))
        }
        Fault::Late(pause) => {
            tokio::time::sleep(*pause).await;
            Before::Node(shared.ask(method, params).await)
        }
        Fault::Stale(blocks) => Before::Node(stale::ask(shared, method, params, *blocks).await),
        Fault::Contradictory(blocks) if shared.other_turn() => {
            Before::Node(stale::ask(shared, method, params, *blocks).await)
        }
        Fault::Range(blocks) => match too_wide(shared, &params, *blocks).await {
            true => error(&format!("query exceeds max block range {blocks}")),
            false => Before::Node(shared.ask(method, params).await),
        },
        Fault::Swallowed => match hash_of(&params) {
            Some(hash) => result(json!(hash)),
            None => Before::Node(shared.ask(method, params).await),
        },
        Fault::Unacknowledged(message) => {
            // The node's own answer does not reach the client.
            let _ = shared.ask(method, params).await;
            error(message)
        }
        Fault::Truncated
        | Fault::Flipped
        | Fault::OtherBlock
        | Fault::Contradictory(_)
        | Fault::Fees(_)
        | Fault::Gas(_) => Before::Node(shared.ask(method, params).await),
    }
}

/// Returns the hash of the transaction in the parameters of `eth_sendRawTransaction`.
fn hash_of(params: &Value) -> Option<B256> {
    let raw = hex::decode(params[0].as_str()?).ok()?;
    Some(keccak256(raw))
}

async fn too_wide(shared: &Shared, params: &Value, blocks: u64) -> bool {
    let filter = &params[0];
    let Some(head) = stale::head(shared).await else {
        return false;
    };
    let bound = |name: &str, default| match filter[name].as_str() {
        Some("earliest") => 0,
        Some(text) => stale::number(text).unwrap_or(head),
        None => default,
    };
    let (from, to) = (bound("fromBlock", head), bound("toBlock", head));
    to.saturating_sub(from) >= blocks
}

/// Changes the node's answer.
fn after(shared: &Shared, mut answer: Value, fault: &Fault) -> Answer {
    match fault {
        Fault::Truncated => {
            let mut body = answer.to_string().into_bytes();
            body.truncate(body.len() / 2);
            return Answer::Raw(StatusCode::OK, "application/json", body);
        }
        Fault::Flipped => flip(shared, &mut answer["result"]),
        Fault::OtherBlock => other_block(shared, &mut answer["result"]),
        Fault::Fees(times) => scale(&mut answer["result"], *times, 1),
        Fault::Gas(percent) => scale(&mut answer["result"], *percent, 100),
        _ => {}
    }
    Answer::Json(answer)
}

/// Changes one hexadecimal digit of one of the strings of a value.
fn flip(shared: &Shared, value: &mut Value) {
    let mut texts = Vec::new();
    collect(value, &mut texts);
    if texts.is_empty() {
        return;
    }
    let place = shared.below(texts.len());
    let text = &mut texts[place];
    let at = 2 + shared.below(text.len() - 2);
    let old = text.as_bytes()[at];
    let new = if old == b'0' { "1" } else { "0" };
    text.replace_range(at..=at, new);
}

/// Collects the hexadecimal strings of a value.
fn collect<'a>(value: &'a mut Value, texts: &mut Vec<&'a mut String>) {
    match value {
        Value::String(text) if text.starts_with("0x") && text.len() > 2 => texts.push(text),
        Value::Array(items) => items.iter_mut().for_each(|item| collect(item, texts)),
        Value::Object(fields) => fields.values_mut().for_each(|field| collect(field, texts)),
        _ => {}
    }
}

/// Gives a block, or what belongs to one, another number, hash and time.
fn other_block(shared: &Shared, value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| other_block(shared, item)),
        Value::Object(fields) => {
            shift(fields, "number", shared);
            shift(fields, "blockNumber", shared);
            shift(fields, "timestamp", shared);
            for name in ["hash", "blockHash", "parentHash"] {
                if let Some(Value::String(text)) = fields.get_mut(name) {
                    *text = keccak256(text.as_bytes()).to_string();
                }
            }
        }
        Value::String(text) => {
            if let Some(number) = stale::number(text) {
                *text = format!("{:#x}", number + 7);
            }
        }
        _ => {}
    }
}

/// Moves a number forth or back by up to a million.
fn shift(fields: &mut Map<String, Value>, name: &str, shared: &Shared) {
    if let Some(Value::String(text)) = fields.get_mut(name)
        && let Some(number) = stale::number(text)
    {
        let by = shared.below(1_000_000) as u64;
        let moved = match shared.below(2) {
            0 => number.saturating_sub(by),
            _ => number + by,
        };
        *text = format!("{moved:#x}");
    }
}

/// Multiplies every number of a value by a fraction.
fn scale(value: &mut Value, times: u64, parts: u64) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| scale(item, times, parts)),
        Value::Object(fields) => {
            for name in ["baseFeePerGas", "reward"] {
                if let Some(field) = fields.get_mut(name) {
                    scale(field, times, parts);
                }
            }
        }
        Value::String(text) => {
            if let Some(number) = stale::number(text) {
                let scaled = u128::from(number) * u128::from(times) / u128::from(parts);
                *text = format!("{scaled:#x}");
            }
        }
        _ => {}
    }
}
