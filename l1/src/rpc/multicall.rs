//! The contract Multicall3, which most chains have at the same address: many calls in one.

use alloy_primitives::{Address, Bytes, address};
use alloy_sol_types::SolCall;

use crate::{contracts::error_text, error::L1Error, transport::Call};

/// Its address.
pub(super) const ADDRESS: Address = address!("0xcA11bde05977b3631167028862bE2a173976CA11");

use abi::{Call3, aggregate3Call};

/// Its interface.
mod abi {
    #![allow(clippy::all, missing_docs, unreachable_pub, reason = "generated code")]

    alloy_sol_types::sol! {
    struct Call3 {
        address target;
        bool allowFailure;
        bytes callData;
    }

    struct Outcome {
        bool success;
        bytes returnData;
    }

    function aggregate3(Call3[] calls) external payable returns (Outcome[] returnData);
    }
}

/// Returns the call that makes all these calls, each of which may revert alone.
pub(super) fn encode(calls: &[Call]) -> Call {
    let calls = calls
        .iter()
        .map(|call| Call3 {
            target: call.to,
            allowFailure: true,
            callData: call.data.clone(),
        })
        .collect();
    Call {
        operation: "multicall",
        to: ADDRESS,
        data: aggregate3Call { calls }.abi_encode().into(),
    }
}

/// Returns the answers to `calls`.
pub(super) fn decode(
    calls: &[Call],
    answer: &[u8],
) -> Result<Vec<Result<Bytes, L1Error>>, L1Error> {
    let outcomes = aggregate3Call::abi_decode_returns(answer)
        .map_err(|e| L1Error::Odd(format!("multicall: {e}")))?;
    if outcomes.len() != calls.len() {
        return Err(L1Error::Odd("multicall: answers are missing".into()));
    }
    let answers = calls.iter().zip(outcomes).map(|(call, outcome)| {
        if outcome.success {
            Ok(outcome.returnData)
        } else {
            Err(L1Error::Rejected {
                operation: call.operation,
                reason: error_text(&outcome.returnData),
            })
        }
    });
    Ok(answers.collect())
}

#[cfg(test)]
mod tests {
    use super::{abi::Outcome, *};

    #[test]
    fn a_revert_concerns_its_own_call() {
        let call = |operation| Call {
            operation,
            to: Address::repeat_byte(1),
            data: Bytes::from_static(&[1, 2, 3]),
        };
        let calls = [call("first"), call("second")];
        let sent = aggregate3Call::abi_decode(&encode(&calls).data).unwrap();
        assert_eq!(sent.calls[1].callData, calls[1].data);
        assert!(sent.calls.iter().all(|call| call.allowFailure));

        let outcome = |success, data: &'static [u8]| Outcome {
            success,
            returnData: Bytes::from_static(data),
        };
        let answer =
            aggregate3Call::abi_encode_returns(&vec![outcome(true, &[7]), outcome(false, &[])]);
        let answers = decode(&calls, &answer).unwrap();
        assert_eq!(answers[0], Ok(Bytes::from_static(&[7])));
        let rejected = L1Error::Rejected {
            operation: "second",
            reason: "reverted without a reason".into(),
        };
        assert_eq!(answers[1], Err(rejected));

        let short = aggregate3Call::abi_encode_returns(&vec![outcome(true, &[7])]);
        assert!(decode(&calls, &short).unwrap_err().is_transient());
    }
}
