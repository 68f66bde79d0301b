//! Operations of the timelock on the command line.

use alloy_primitives::{Address, B256, U256, hex};
use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use subrosa_l1::governance::{
    Action, Governance, Operation, Pending, State, decode, decode_timelock,
};
use subrosa_node::{Rollup, accounts::DEPLOYER};

use super::{Flags, sent};
use crate::output;

/// Prints, schedules, executes or cancels the operation of an action.
pub(super) async fn act(
    flags: &Flags,
    rollup: &Rollup,
    governance: &Governance<'_>,
    action: &Action,
) -> anyhow::Result<()> {
    let (target, data) = action.call(governance.targets())?;
    let operation = Operation {
        target,
        data,
        predecessor: flags.predecessor.unwrap_or_default(),
        salt: B256::from(U256::from(flags.salt.unwrap_or_default())),
    };
    let minimum = governance.minimum_delay().await?;
    let delay = flags.delay.unwrap_or(minimum);
    ensure!(
        delay >= minimum,
        "the timelock's minimum delay is {minimum} s, and --delay says {delay} s"
    );
    let id = operation.id();
    let state = governance.state(id).await?;
    let timelock = governance.timelock();
    let tried = governance.try_call(timelock, target, &operation.data).await;
    if !(flags.schedule || flags.execute || flags.cancel) {
        let mut shown = shown(timelock, &operation, delay, state)?;
        if let Err(error) = tried {
            shown["fails_now"] = error.to_string().into();
        }
        return output::json(&shown);
    }
    let account = flags.sender(rollup, DEPLOYER)?;
    let (mined, what) = if flags.schedule {
        match state {
            State::Unset => {}
            State::Done => bail!("the operation {id} was executed; choose another --salt"),
            State::Waiting(_) | State::Ready(_) => bail!("the operation {id} is scheduled already"),
        }
        // An operation that depends on another one may fail until that one is executed.
        if operation.predecessor.is_zero() {
            tried.context(
                "the operation would fail; if another one must be executed before, name that with \
                 --predecessor",
            )?;
        }
        let mined = governance.schedule(&account, &operation, delay).await?;
        (mined, "scheduled")
    } else if flags.execute {
        match state {
            State::Ready(_) => {}
            State::Unset => bail!("the operation {id} is not scheduled"),
            State::Done => bail!("the operation {id} was executed already"),
            State::Waiting(time) => bail!("the operation {id} is ready at {time} (Unix seconds)"),
        }
        (governance.execute(&account, &operation).await?, "executed")
    } else {
        (governance.cancel(&account, id).await?, "cancelled")
    };
    output::line(sent(&mined.hash, &format!("{what} {id}")))
}

/// Describes an operation with the two calls of the timelock that carry it.
fn shown(
    timelock: Address,
    operation: &Operation,
    delay: u64,
    state: State,
) -> anyhow::Result<Value> {
    let call = |data: Vec<u8>| {
        json!({
            "to": timelock,
            "value": "0",
            "calldata": hex::encode_prefixed(data),
        })
    };
    Ok(json!({
        "meaning": meaning(&operation.data)?,
        "operation": operation.id(),
        "target": operation.target,
        "value": "0",
        "calldata": hex::encode_prefixed(&operation.data),
        "predecessor": operation.predecessor,
        "salt": operation.salt,
        "delay": delay,
        "state": state_text(state),
        "schedule": call(operation.schedule_call(delay)),
        "execute": call(operation.execute_call()),
    }))
}

/// Describes a pending operation.
pub(super) fn listed(pending: &Pending) -> Value {
    let calls = pending.calls.iter().map(|(target, value, data)| {
        json!({
            "target": target,
            "value": value.to_string(),
            "calldata": hex::encode_prefixed(data),
            "meaning": decode(data).unwrap_or_else(|| "unknown call".into()),
        })
    });
    json!({
        "operation": pending.id,
        "state": state_text(pending.state),
        "predecessor": pending.predecessor,
        "salt": pending.salt,
        "calls": calls.collect::<Vec<_>>(),
    })
}

fn state_text(state: State) -> String {
    match state {
        State::Unset => "not scheduled".into(),
        State::Waiting(time) => format!("ready at {time} (Unix seconds)"),
        State::Ready(time) => format!("ready since {time} (Unix seconds)"),
        State::Done => "executed".into(),
    }
}

/// Says what a call does.
pub(super) fn meaning(data: &[u8]) -> anyhow::Result<String> {
    if let Some((what, operation)) = decode_timelock(data) {
        return Ok(match operation {
            Some(operation) => {
                let inner = decode(&operation.data).unwrap_or_else(|| "an unknown call".into());
                format!("{what}: {inner} (operation {})", operation.id())
            }
            None => what,
        });
    }
    decode(data).context("no action of governance or of the guardian has this calldata")
}
