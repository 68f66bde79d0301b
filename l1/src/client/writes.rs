//! Transactions of depositors: deposits and claims.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall as _, SolEvent};
use subrosa_protocol::{Fr, asset::AssetId, encoding::fr_to_bytes};

use super::{Client, rollup::STEP};
use crate::{
    account::Account,
    contracts::{Erc20, Vault},
    error::L1Error,
    transactions::{Call, Demand, Manager, Repeat, Ticket},
    transport::{LogQuery, Mined, Outgoing, Transport},
    view::{ClaimReceipt, DepositName, DepositReceipt},
    words::to_word,
};

/// Attempts at an allowance that suffices. Only another sender of the account uses one up.
const APPROVALS: usize = 3;

/// Identifies the note of a deposit, with as much of it as L1 shows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Queued {
    /// The inner commitment alone.
    Hidden(Fr),
    /// Owner and blinding.
    Named(DepositName),
}

impl Queued {
    /// Returns the inner commitment.
    fn inner(&self) -> Fr {
        match self {
            Self::Hidden(inner) => *inner,
            Self::Named(name) => name.inner(),
        }
    }

    /// Returns the calldata of the deposit.
    fn call(&self, AssetId(asset): AssetId, amount: U256) -> Bytes {
        let data = match self {
            Self::Hidden(inner) => Vault::depositCall {
                asset,
                amount,
                inner: to_word(inner),
            }
            .abi_encode(),
            Self::Named(DepositName { owner, rcm }) => Vault::depositNamedCall {
                asset,
                amount,
                owner: to_word(&Fr::from(*owner)),
                rcm: to_word(rcm),
            }
            .abi_encode(),
        };
        data.into()
    }
}

impl<T: Transport> Client<T> {
    pub(super) async fn send_deposit(
        &self,
        account: &Account,
        asset: AssetId,
        amount: u128,
        queued: &Queued,
    ) -> Result<DepositReceipt, L1Error> {
        let inner = &queued.inner();
        let manager = self.transport.manager(account).await?;
        let vault = self.contracts.vault;
        let lost = manager.is_lost(&deposit_purpose(vault, inner)).await;
        if lost.map_err(|e| e.of("deposit"))?
            && let Some(found) = self.queued(account, asset, inner).await?
        {
            return Ok(found);
        }
        let deposit = async {
            let ticket = self.submit_deposit(&manager, account, asset, amount, queued);
            ticket.await?.wait().await.map_err(|e| e.of("deposit"))
        };
        let mined = within(&manager, deposit).await?;
        let event: Vault::DepositQueued = event_of(&mined, vault, "deposit")?;
        Ok(DepositReceipt {
            index: event.index,
            credited: event.value,
            fee: event.fee,
            tx: mined.hash.0,
        })
    }

    /// Looks for a deposit in the vault's queue. A deposit whose nonce something else seems to have
    /// used may have been mined all the same, behind a node without receipts.
    async fn queued(
        &self,
        account: &Account,
        asset: AssetId,
        inner: &Fr,
    ) -> Result<Option<DepositReceipt>, L1Error> {
        let head = self.newest().await?.number;
        let mut from = self.contracts.deployed_at;
        while from <= head {
            let to = head.min(from.saturating_add(STEP - 1));
            let query = LogQuery {
                addresses: vec![self.contracts.vault],
                topics: vec![Vault::DepositQueued::SIGNATURE_HASH],
                from,
                to,
            };
            for found in self.transport.logs(query).await? {
                let event = Vault::DepositQueued::decode_log(&found.log)
                    .map_err(|e| L1Error::Odd(format!("DepositQueued: {e}")))?;
                // Anybody can deposit to the same inner commitment.
                let ours = event.depositor == account.address() && event.asset == asset.0;
                if ours && event.inner == to_word(inner) {
                    return Ok(Some(DepositReceipt {
                        index: event.index,
                        credited: event.value,
                        fee: event.fee,
                        tx: found.transaction.0,
                    }));
                }
            }
            from = to + 1;
        }
        Ok(None)
    }

    /// Sends a deposit, with the allowance that it needs. Deposits of one token wait for each other
    /// until they are sent, but not until they are mined.
    async fn submit_deposit(
        &self,
        manager: &Manager,
        account: &Account,
        asset: AssetId,
        amount: u128,
        queued: &Queued,
    ) -> Result<Ticket, L1Error> {
        let vault = self.contracts.vault;
        let amount = U256::from(amount);
        let purpose = deposit_purpose(vault, &queued.inner());
        let data = queued.call(asset, amount);
        // A deposit that was sent before a restart may have used up the allowance.
        let known = manager.knows(&purpose).await.map_err(|e| e.of("deposit"))?;
        let token = self.token(asset).await?;
        let value = if token == Address::ZERO {
            amount
        } else {
            U256::ZERO
        };
        let outgoing =
            Outgoing::new("deposit", Some(vault), data, value).for_purpose(purpose, Repeat::Never);
        let sent = if known {
            manager.submit(outgoing).await
        } else if token == Address::ZERO {
            if self.transport.ether(account.address()).await? < amount {
                return Err(L1Error::Rejected {
                    operation: "deposit",
                    reason: "InsufficientBalance".into(),
                });
            }
            manager.submit(outgoing).await
        } else {
            let name = format!("allowance/{token}");
            let demand = manager.demand(&name, amount);
            let _held = manager.lock(&name).await;
            let owner = account.address();
            self.allow(manager, owner, token, asset, amount, &demand)
                .await?;
            manager.submit(outgoing).await
        };
        sent.map_err(|e| e.of("deposit"))
    }

    /// Lets the vault take `amount` of the token, besides what deposits under way will take.
    async fn allow(
        &self,
        manager: &Manager,
        owner: Address,
        token: Address,
        asset: AssetId,
        amount: U256,
        demand: &Demand,
    ) -> Result<(), L1Error> {
        let vault = self.contracts.vault;
        for _ in 0..APPROVALS {
            // In this order: a deposit that is mined in between is counted twice rather than not
            // at all.
            let waiting = manager.waiting().await.map_err(|e| e.of("approve"))?;
            let taken = under_way(&waiting, vault, asset);
            let call = Erc20::allowanceCall {
                owner,
                spender: vault,
            };
            let allowance = self.read("allowance", token, call).await?;
            if allowance >= taken.saturating_add(amount) {
                return Ok(());
            }
            // Some tokens refuse to change an allowance that is not zero to another one. Deposits
            // under way have smaller nonces, so that they run before this.
            if !allowance.is_zero() {
                self.approve(manager, token, U256::ZERO).await?;
            }
            // Provides for all deposits that wait for the lock.
            self.approve(manager, token, demand.total()).await?;
        }
        Err(L1Error::Unavailable(
            "another program changes the allowance of the vault: let one program send from an \
             account"
                .into(),
        ))
    }

    async fn approve(
        &self,
        manager: &Manager,
        token: Address,
        amount: U256,
    ) -> Result<(), L1Error> {
        let call = Erc20::approveCall {
            spender: self.contracts.vault,
            amount,
        };
        let outgoing = Outgoing::new("approve", Some(token), call.abi_encode().into(), U256::ZERO);
        manager.send(outgoing).await.map(|_| ())
    }

    pub(super) async fn send_claim(
        &self,
        account: &Account,
        asset: AssetId,
        key: Option<&str>,
    ) -> Result<ClaimReceipt, L1Error> {
        let vault = self.contracts.vault;
        let to = account.address();
        let purpose = key.map(|key| format!("claim/{}/{key}", asset.0));
        let known = match &purpose {
            Some(purpose) => {
                let manager = self.transport.manager(account).await?;
                let known = manager.knows(purpose).await;
                known.map_err(|e| e.of("claim"))?
            }
            None => false,
        };
        // A claim that was sent before is not made anew, only asked for.
        let held = if known {
            Vec::new()
        } else {
            self.provable(account, asset).await?
        };
        let data = if held.is_empty() {
            let call = Vault::claimCall { asset: asset.0, to };
            call.abi_encode()
        } else {
            let call = Vault::claimHeldCall {
                asset: asset.0,
                to,
                held,
            };
            call.abi_encode()
        };
        let mut outgoing = Outgoing::new("claim", Some(vault), data.into(), U256::ZERO);
        if let Some(purpose) = purpose {
            outgoing = outgoing.for_purpose(purpose, Repeat::Never);
        }
        let mined = self.transport.send(account, outgoing).await?;
        claimed(&mined, vault)
    }

    /// Returns the held withdrawals that a claim of the account shows. A log that cannot be read
    /// holds up no credit.
    async fn provable(
        &self,
        account: &Account,
        asset: AssetId,
    ) -> Result<Vec<Vault::HeldWithdrawal>, L1Error> {
        let owner = account.address();
        match self.read_shown(owner, asset).await {
            Err(error) if self.read_credited(owner, asset).await? > 0 => {
                tracing::warn!("withdrawals that batches hold are left out: {error}");
                Ok(Vec::new())
            }
            shown => shown,
        }
    }
}

/// Returns the receipt of a mined claim.
pub(super) fn claimed(mined: &Mined, vault: Address) -> Result<ClaimReceipt, L1Error> {
    let event: Vault::Claimed = event_of(mined, vault, "claim")?;
    let too_large = |_| L1Error::Protocol("an amount exceeds 128 bits".into());
    Ok(ClaimReceipt {
        tx: mined.hash.0,
        amount: u128::try_from(event.amount).map_err(too_large)?,
    })
}

/// Returns the event that the vault emitted in a mined transaction.
pub(super) fn event_of<E: SolEvent>(
    mined: &Mined,
    vault: Address,
    what: &str,
) -> Result<E, L1Error> {
    let logs = mined.logs.iter().filter(|log| log.address == vault);
    let mut events = logs.filter_map(|log| E::decode_log(log).ok());
    let event = events.next();
    event
        .map(|log| log.data)
        .ok_or_else(|| L1Error::Protocol(format!("a mined {what} emitted no event")))
}

/// Bounds a sequence of transactions like a single one.
async fn within<T>(
    manager: &Manager,
    steps: impl Future<Output = Result<T, L1Error>>,
) -> Result<T, L1Error> {
    let bounded = manager.bounded(async { Ok(steps.await) }).await;
    bounded.map_err(|e| e.of("deposit"))?
}

/// Returns the amount of the asset that deposits among the calls will take.
fn under_way(calls: &[Call], vault: Address, asset: AssetId) -> U256 {
    let deposits = calls.iter().filter(|call| call.to == Some(vault));
    let amounts = deposits.filter_map(|call| {
        let hidden =
            Vault::depositCall::abi_decode(&call.data).map(|call| (call.asset, call.amount));
        let named = || {
            let call = Vault::depositNamedCall::abi_decode(&call.data)?;
            Ok::<_, alloy_sol_types::Error>((call.asset, call.amount))
        };
        hidden.or_else(|_| named()).ok()
    });
    amounts
        .filter(|(of, _)| *of == asset.0)
        .fold(U256::ZERO, |sum, (_, amount)| sum.saturating_add(amount))
}

/// Returns the purpose of a deposit, which vault and inner commitment identify: a seed has the same
/// commitments in each deployment.
fn deposit_purpose(vault: Address, inner: &Fr) -> String {
    format!("deposit/{vault}/{}", hex::encode(fr_to_bytes(inner)))
}
