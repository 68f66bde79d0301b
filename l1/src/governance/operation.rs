//! Operations of the timelock.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};

use crate::contracts::Governance;

/// A call through the timelock, with the values that its id covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Contract that the timelock calls.
    pub target: Address,
    /// Calldata of the call. No action sends wei with it.
    pub data: Vec<u8>,
    /// Operation that must be executed before; zero for none.
    pub predecessor: B256,
    /// Distinguishes operations that are otherwise equal: each can be executed once.
    pub salt: B256,
}

impl Operation {
    /// Returns the hash that names the operation in the timelock.
    #[must_use]
    pub fn id(&self) -> B256 {
        let data = Bytes::from(self.data.clone());
        let words = (self.target, U256::ZERO, data, self.predecessor, self.salt);
        keccak256(words.abi_encode_params())
    }

    /// Returns the calldata that schedules it with a delay in seconds.
    #[must_use]
    pub fn schedule_call(&self, delay: u64) -> Vec<u8> {
        Governance::scheduleCall {
            target: self.target,
            value: U256::ZERO,
            data: self.data.clone().into(),
            predecessor: self.predecessor,
            salt: self.salt,
            delay: U256::from(delay),
        }
        .abi_encode()
    }

    /// Returns the calldata that executes it.
    #[must_use]
    pub fn execute_call(&self) -> Vec<u8> {
        Governance::executeCall {
            target: self.target,
            value: U256::ZERO,
            payload: self.data.clone().into(),
            predecessor: self.predecessor,
            salt: self.salt,
        }
        .abi_encode()
    }
}

/// Decodes a call of the timelock: what it does, and the operation that it is about. `None` if it
/// is another call.
#[must_use]
pub fn decode_timelock(data: &[u8]) -> Option<(String, Option<Operation>)> {
    if let Ok(call) = Governance::scheduleCall::abi_decode(data) {
        let text = format!("schedule with a delay of {} s", call.delay);
        return Some((
            text,
            operation(
                call.target,
                call.value,
                &call.data,
                call.predecessor,
                call.salt,
            ),
        ));
    }
    if let Ok(call) = Governance::executeCall::abi_decode(data) {
        let found = operation(
            call.target,
            call.value,
            &call.payload,
            call.predecessor,
            call.salt,
        );
        return Some(("execute".into(), found));
    }
    if let Ok(call) = Governance::cancelCall::abi_decode(data) {
        return Some((format!("cancel operation {}", call.id), None));
    }
    None
}

/// Makes an operation, unless its call sends wei.
fn operation(
    target: Address,
    value: U256,
    data: &[u8],
    predecessor: B256,
    salt: B256,
) -> Option<Operation> {
    value.is_zero().then(|| Operation {
        target,
        data: data.to_vec(),
        predecessor,
        salt,
    })
}
