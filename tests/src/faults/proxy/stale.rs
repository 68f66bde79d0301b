//! The answers of a node that is some blocks behind.

use serde_json::{Value, json};

use super::Shared;

/// Reads a `0x` number of up to 64 bits.
pub(super) fn number(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// Returns the height of the node.
pub(super) async fn head(shared: &Shared) -> Option<u64> {
    let answer = shared.ask("eth_blockNumber", json!([])).await.ok()?;
    number(answer["result"].as_str()?)
}

/// Answers as a node `blocks` behind does.
pub(super) async fn ask(
    shared: &Shared,
    method: &str,
    mut params: Value,
    blocks: u64,
) -> anyhow::Result<Value> {
    let Some(head) = head(shared).await else {
        return shared.ask(method, params).await;
    };
    let old = head.saturating_sub(blocks);
    match method {
        "eth_blockNumber" => return Ok(ok(json!(format!("{old:#x}")))),
        "eth_getBlockByNumber" => {
            if !pin(&mut params[0], old) {
                return Ok(ok(Value::Null));
            }
        }
        "eth_call" | "eth_getBalance" | "eth_getCode" | "eth_getTransactionCount" => {
            if let Some(params) = params.as_array_mut()
                && params.len() == 1
            {
                params.push(json!("latest"));
            }
            let known = pin(&mut params[1], old) && !newer(shared, &params[1], old).await;
            if !known {
                return Ok(refused("header not found"));
            }
        }
        "eth_getLogs" => {
            let filter = &mut params[0];
            if filter.get("blockHash").is_none() {
                if let Some(from) = filter["fromBlock"].as_str().and_then(number)
                    && from > old
                {
                    return Ok(ok(json!([])));
                }
                if !pin(&mut filter["toBlock"], old) {
                    filter["toBlock"] = json!(format!("{old:#x}"));
                }
            }
        }
        "eth_getTransactionByHash" | "eth_getTransactionReceipt" | "eth_getBlockByHash" => {
            let answer = shared.ask(method, params).await?;
            let name = match method {
                "eth_getBlockByHash" => "number",
                _ => "blockNumber",
            };
            let block = answer["result"][name].as_str().and_then(number);
            return Ok(match block {
                Some(block) if block > old => ok(Value::Null),
                _ => answer,
            });
        }
        _ => {}
    }
    shared.ask(method, params).await
}

fn ok(result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "result": result })
}

fn refused(message: &str) -> Value {
    let error = json!({ "code": -32000, "message": message });
    json!({ "jsonrpc": "2.0", "id": 1, "error": error })
}

/// Pins a block parameter to the old head. Returns false if it names a newer block.
fn pin(block: &mut Value, old: u64) -> bool {
    if block.is_object() {
        return true;
    }
    let text = block.as_str().unwrap_or("latest").to_owned();
    match text.as_str() {
        "latest" | "pending" => *block = json!(format!("{old:#x}")),
        "safe" => *block = json!(format!("{:#x}", old.saturating_sub(32))),
        "finalized" => *block = json!(format!("{:#x}", old.saturating_sub(64))),
        other => return number(other).is_none_or(|number| number <= old),
    }
    true
}

/// Whether a block parameter with a hash names a block above the old head.
async fn newer(shared: &Shared, block: &Value, old: u64) -> bool {
    let Some(hash) = block["blockHash"].as_str() else {
        return false;
    };
    let answer = shared.ask("eth_getBlockByHash", json!([hash, false])).await;
    let found = answer
        .ok()
        .and_then(|answer| number(answer["result"]["number"].as_str()?));
    found.is_some_and(|number| number > old)
}
