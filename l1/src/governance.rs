//! Governance: its actions as calls of the timelock, and the operations that the timelock holds.
//!
//! The timelock owns the contracts. A *proposer* schedules an operation, and once its delay has
//! passed an *executor* executes it; a canceller can cancel it before. An operation is named by the
//! hash of its contents, so that anybody can check what was scheduled. The guardians act at once
//! and without the timelock: one pauses deposits, one stops seizures.
//!
//! | part | content |
//! |---|---|
//! | [`Action`] | every action, and the call that it is |
//! | [`GuardianCall`] | what the guardians do, and the call that it is |
//! | [`Operation`] | the call with the values that the timelock hashes |
//! | [`Governance`] | the timelock of a rollup: schedule, execute, cancel, list |

mod action;
mod guardian;
mod operation;
mod views;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolEvent};

pub(crate) use self::action::check_flags;
pub use self::{
    action::{Action, MarketTerms, decode},
    guardian::{GuardianCall, market_numbers},
    operation::{Operation, decode_timelock},
};
use crate::{
    account::Account,
    client::Contracts,
    contracts::{self, Rollup},
    deploy::data_contract,
    error::L1Error,
    transport::{At, LogQuery, Mined, Outgoing, Transport, read},
};

/// Time that the timelock states for an operation that was executed.
const DONE: u64 = 1;

/// The contracts that governance acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Targets {
    /// The rollup.
    pub rollup: Address,
    /// The vault.
    pub vault: Address,
    /// The registry of assets.
    pub registry: Address,
    /// The price oracle.
    pub oracle: Address,
}

/// State of an operation in the timelock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was never scheduled, or it was cancelled.
    Unset,
    /// Its delay has not passed. It can be executed from this time on, Unix seconds.
    Waiting(u64),
    /// Its delay has passed, at this time, Unix seconds.
    Ready(u64),
    /// It was executed.
    Done,
}

/// An operation that was scheduled and neither executed nor cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Hash that names it.
    pub id: B256,
    /// Its calls: the target, the wei and the calldata of each.
    pub calls: Vec<(Address, U256, Vec<u8>)>,
    /// Operation that must be executed before; zero for none.
    pub predecessor: B256,
    /// Salt; zero if it was scheduled without one.
    pub salt: B256,
    /// Its state.
    pub state: State,
}

/// The timelock that owns a rollup's contracts.
pub struct Governance<'a> {
    transport: &'a dyn Transport,
    timelock: Address,
    targets: Targets,
}

impl<'a> Governance<'a> {
    /// Reads which timelock owns the rollup, and which price oracle the rollup uses.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn of(transport: &'a dyn Transport, contracts: &Contracts) -> Result<Self, L1Error> {
        let rollup = contracts.rollup;
        let timelock = read(transport, At::Latest, "owner", rollup, Rollup::ownerCall {}).await?;
        let oracle = read(
            transport,
            At::Latest,
            "oracle",
            rollup,
            Rollup::oracleCall {},
        )
        .await?;
        Ok(Self {
            transport,
            timelock,
            targets: Targets {
                rollup,
                vault: contracts.vault,
                registry: contracts.registry,
                oracle,
            },
        })
    }

    /// Returns the address of the timelock.
    #[must_use]
    pub fn timelock(&self) -> Address {
        self.timelock
    }

    /// Returns the contracts that it owns.
    #[must_use]
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Returns the state of the operation with this id.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn state(&self, id: B256) -> Result<State, L1Error> {
        let call = contracts::Governance::getTimestampCall { id };
        let time = read(
            self.transport,
            At::Latest,
            "getTimestamp",
            self.timelock,
            call,
        )
        .await?;
        let time = u64::try_from(time).unwrap_or(u64::MAX);
        let now = self.transport.head().await?.timestamp;
        Ok(match time {
            0 => State::Unset,
            DONE => State::Done,
            time if time <= now => State::Ready(time),
            time => State::Waiting(time),
        })
    }

    /// Schedules an operation from a proposer's account.
    ///
    /// # Errors
    /// [`L1Error::Rejected`] if the account is no proposer, the delay is too short or the operation
    /// is scheduled already.
    pub async fn schedule(
        &self,
        account: &Account,
        operation: &Operation,
        delay: u64,
    ) -> Result<Mined, L1Error> {
        let data = operation.schedule_call(delay);
        self.send("schedule", account, self.timelock, data).await
    }

    /// Executes an operation whose delay has passed, from an executor's account.
    ///
    /// # Errors
    /// [`L1Error::Rejected`] if it is not ready, the account is no executor, or the call itself
    /// fails.
    pub async fn execute(
        &self,
        account: &Account,
        operation: &Operation,
    ) -> Result<Mined, L1Error> {
        let data = operation.execute_call();
        self.send("execute", account, self.timelock, data).await
    }

    /// Cancels a scheduled operation from a canceller's account.
    ///
    /// # Errors
    /// [`L1Error::Rejected`] if it is not scheduled or the account is no canceller.
    pub async fn cancel(&self, account: &Account, id: B256) -> Result<Mined, L1Error> {
        let data = contracts::Governance::cancelCall { id }.abi_encode();
        self.send("cancel", account, self.timelock, data).await
    }

    /// Sends a guardian's call, from its account.
    ///
    /// # Errors
    /// [`L1Error::Rejected`] if the account is not that guardian, or may not do this yet
    /// ([`Self::pause_allowed_from`], [`Self::stops_allowed_from`]), or the call itself fails.
    pub async fn guard(&self, guardian: &Account, call: &GuardianCall) -> Result<Mined, L1Error> {
        let (to, data) = call.call(&self.targets)?;
        self.send(call.name(), guardian, to, data).await
    }

    /// Tries a call on the newest state as if `from` made it, and sends nothing.
    ///
    /// # Errors
    /// [`L1Error::Rejected`] if it would revert.
    pub async fn try_call(&self, from: Address, to: Address, data: &[u8]) -> Result<(), L1Error> {
        let outgoing = Outgoing::new("try", Some(to), data.to_vec().into(), U256::ZERO);
        let node = self.transport.node();
        match node.estimate(from, &outgoing.call()).await {
            Ok(_) => Ok(()),
            Err(L1Error::Rejected { reason, .. }) => Err(L1Error::Rejected {
                operation: "the call",
                reason,
            }),
            Err(other) => Err(other),
        }
    }

    /// Creates the data contract of a verifying key, which `register-shape` names. Any account may.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn create_key(&self, account: &Account, key: &[u8]) -> Result<Address, L1Error> {
        let outgoing = Outgoing::new("vkData", None, data_contract(key), U256::ZERO);
        let mined = self.transport.send(account, outgoing).await?;
        mined
            .created
            .ok_or_else(|| L1Error::Protocol("vkData: no contract was created".into()))
    }

    /// Lists the operations that were scheduled since block `from` and neither executed nor
    /// cancelled, in the order in which they were scheduled.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn pending(&self, from: u64) -> Result<Vec<Pending>, L1Error> {
        let query = LogQuery {
            addresses: vec![self.timelock],
            topics: Vec::new(),
            from,
            to: self.transport.head().await?.number,
        };
        let logs = self.transport.logs(query).await?;
        let mut found: Vec<Pending> = Vec::new();
        for log in &logs {
            let topic = log.log.topics().first().copied();
            if topic == Some(contracts::Governance::CallScheduled::SIGNATURE_HASH) {
                let event = contracts::Governance::CallScheduled::decode_log(&log.log)
                    .map_err(|e| L1Error::Protocol(format!("CallScheduled: {e}")))?;
                let call = (event.target, event.value, event.data.data.to_vec());
                // A batch emits an event for each of its calls. A cancelled operation may be
                // scheduled again, with its calls from index 0 on.
                if event.index.is_zero() {
                    found.retain(|pending| pending.id != event.id);
                    found.push(Pending {
                        id: event.id,
                        calls: Vec::new(),
                        predecessor: event.predecessor,
                        salt: B256::ZERO,
                        state: State::Unset,
                    });
                }
                if let Some(pending) = found.iter_mut().find(|pending| pending.id == event.id) {
                    pending.calls.push(call);
                }
            } else if topic == Some(contracts::Governance::CallSalt::SIGNATURE_HASH) {
                let event = contracts::Governance::CallSalt::decode_log(&log.log)
                    .map_err(|e| L1Error::Protocol(format!("CallSalt: {e}")))?;
                if let Some(pending) = found.iter_mut().find(|pending| pending.id == event.id) {
                    pending.salt = event.salt;
                }
            }
        }
        for pending in &mut found {
            pending.state = self.state(pending.id).await?;
        }
        found.retain(|pending| matches!(pending.state, State::Waiting(_) | State::Ready(_)));
        Ok(found)
    }

    async fn send(
        &self,
        operation: &'static str,
        from: &Account,
        to: Address,
        data: Vec<u8>,
    ) -> Result<Mined, L1Error> {
        let outgoing = Outgoing::new(operation, Some(to), data.into(), U256::ZERO);
        self.transport.send(from, outgoing).await
    }
}
