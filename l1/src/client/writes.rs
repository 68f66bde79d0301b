//! Transactions of depositors: deposits and claims.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolEvent;
use subrosa_protocol::{Fr, asset::AssetId};

use super::{Client, receipt};
use crate::{
    account::Account,
    contracts::{Erc20, Vault},
    error::L1Error,
    transport::Transport,
    view::{DepositReceipt, Receipt},
    words::to_word,
};

impl<T: Transport> Client<T> {
    pub(super) async fn send_deposit(
        &self,
        account: &Account,
        asset: AssetId,
        amount: u128,
        inner: &Fr,
    ) -> Result<DepositReceipt, L1Error> {
        let vault = self.contracts.vault;
        let token = self.token(asset).await?;
        let amount = U256::from(amount);
        let mut value = U256::ZERO;
        if token == Address::ZERO {
            value = amount;
        } else {
            self.approve(account, token, amount).await?;
        }
        let call = Vault::depositCall {
            asset: asset.0,
            amount,
            inner: to_word(inner),
        };
        let (mined, _) = self.write("deposit", account, vault, call, value).await?;
        let event = mined
            .logs
            .iter()
            .filter(|log| log.address == vault)
            .find_map(|log| Vault::DepositQueued::decode_log(log).ok())
            .ok_or_else(|| L1Error::Protocol("a mined deposit emitted no event".into()))?;
        Ok(DepositReceipt {
            index: event.index,
            credited: event.value,
            tx: mined.hash.0,
        })
    }

    /// Lets the vault take `amount` of the token, unless its allowance suffices.
    async fn approve(
        &self,
        account: &Account,
        token: Address,
        amount: U256,
    ) -> Result<(), L1Error> {
        let vault = self.contracts.vault;
        let call = Erc20::allowanceCall {
            owner: account.address(),
            spender: vault,
        };
        if self.read("allowance", token, call).await? >= amount {
            return Ok(());
        }
        let call = Erc20::approveCall {
            spender: vault,
            amount,
        };
        self.write("approve", account, token, call, U256::ZERO)
            .await?;
        Ok(())
    }

    pub(super) async fn send_claim(
        &self,
        account: &Account,
        asset: AssetId,
    ) -> Result<Receipt, L1Error> {
        let call = Vault::claimCall {
            asset: asset.0,
            to: account.address(),
        };
        let (mined, length) = self
            .write("claim", account, self.contracts.vault, call, U256::ZERO)
            .await?;
        Ok(receipt(&mined, length))
    }
}
