//! Several calls as one view of one block.

use std::marker::PhantomData;

use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolCall;

use crate::{
    error::L1Error,
    transport::{At, Call, Transport},
};

/// Calls that read the state after one block.
#[derive(Default)]
pub(super) struct Questions {
    calls: Vec<Call>,
}

/// Place of a question's answer.
pub(super) struct Asked<C> {
    place: usize,
    operation: &'static str,
    call: PhantomData<fn() -> C>,
}

/// Answers to [`Questions`].
pub(super) struct Answers(Vec<Result<Bytes, L1Error>>);

impl Questions {
    pub(super) fn ask<C: SolCall>(
        &mut self,
        operation: &'static str,
        to: Address,
        call: C,
    ) -> Asked<C> {
        self.calls.push(Call {
            operation,
            to,
            data: call.abi_encode().into(),
        });
        Asked {
            place: self.calls.len() - 1,
            operation,
            call: PhantomData,
        }
    }

    /// Asks all questions of the state after the block with this hash.
    pub(super) async fn at(
        self,
        transport: &impl Transport,
        block: B256,
    ) -> Result<Answers, L1Error> {
        let asked = self.calls.len();
        if asked == 0 {
            return Ok(Answers(Vec::new()));
        }
        let answers = transport.calls(self.calls, At::Hash(block)).await;
        let answers = answers.map_err(L1Error::of_read)?;
        if answers.len() != asked {
            return Err(L1Error::Odd("answers to calls are missing".into()));
        }
        Ok(Answers(answers))
    }
}

impl Answers {
    /// Returns an answer. A revert is odd: the contracts' views never revert when they are asked
    /// for what exists.
    pub(super) fn get<C: SolCall>(&self, asked: &Asked<C>) -> Result<C::Return, L1Error> {
        let data = self.0[asked.place].clone().map_err(L1Error::of_read)?;
        C::abi_decode_returns(&data).map_err(|e| L1Error::Odd(format!("{}: {e}", asked.operation)))
    }

    /// Returns an answer; `None` for a revert.
    pub(super) fn found<C: SolCall>(&self, asked: &Asked<C>) -> Result<Option<C::Return>, L1Error> {
        match &self.0[asked.place] {
            Err(L1Error::Rejected { .. }) => Ok(None),
            _ => self.get(asked).map(Some),
        }
    }
}
