//! Claims that an account signs and anybody carries to L1 (spec: *Settlement*).

use alloy::signers::SignerSync as _;
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall as _, SolStruct as _, eip712_domain};
use subrosa_protocol::asset::AssetId;

use super::{Client, writes::claimed};
use crate::{
    account::Account,
    contracts::{Claim, Vault},
    error::L1Error,
    transport::{Outgoing, Transport},
    view::ClaimReceipt,
};

/// A claim of an account's whole credit in an asset, signed by the account. It serves once, and not
/// after another claim of the account in the asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedClaim {
    /// The account with the credit.
    pub account: Address,
    /// The asset.
    pub asset: AssetId,
    /// The account to pay.
    pub to: Address,
    /// The least amount that the claim pays, base units: whoever carries it cannot use it up with
    /// less.
    pub least: u128,
    /// Last time at which the claim is valid, Unix seconds.
    pub deadline: u64,
    /// The account's signature: 65 bytes, or what a contract account takes by ERC-1271.
    pub signature: Bytes,
}

impl<T: Transport> Client<T> {
    /// Signs a claim of all that the vault owes to `account` in the asset and one claim can pay, to
    /// be paid to `to`. Reads credit, held withdrawals and nonce, and sends nothing.
    ///
    /// # Errors
    /// [`L1Error`] of the read; [`L1Error::Protocol`] if the key cannot sign.
    pub async fn sign_claim(
        &self,
        account: &Account,
        asset: AssetId,
        to: Address,
        deadline: u64,
    ) -> Result<SignedClaim, L1Error> {
        let vault = self.contracts.vault;
        let credited = self.read_credited(account.address(), asset).await?;
        let held = self.read_shown(account.address(), asset).await?;
        let held = held.iter().map(|held| held.amount);
        let least = held.fold(credited, u128::saturating_add);
        let call = Vault::claimNonceCall {
            asset: U256::from(asset.0),
            account: account.address(),
        };
        let claim = Claim {
            account: account.address(),
            asset: asset.0,
            to,
            least: U256::from(least),
            nonce: self.view("claimNonce", vault, call).await?,
            deadline: U256::from(deadline),
        };
        let domain = eip712_domain! {
            name: "Subrosa Vault",
            version: "1",
            chain_id: self.transport.chain_id().await?,
            verifying_contract: vault,
        };
        let signature = account
            .signer()
            .sign_hash_sync(&claim.eip712_signing_hash(&domain))
            .map_err(|_| L1Error::Protocol("the account's key cannot sign".into()))?;
        Ok(SignedClaim {
            account: account.address(),
            asset,
            to,
            least,
            deadline,
            signature: signature.as_bytes().into(),
        })
    }

    /// Carries a signed claim to L1 from the account of `carrier`, who pays the gas. Withdrawals
    /// that batches hold for the account are paid with it.
    ///
    /// # Errors
    /// [`L1Error::Rejected`] if the claim has expired, was used, or has another signer, and if
    /// nothing is owed.
    pub async fn carry_claim(
        &self,
        carrier: &Account,
        claim: &SignedClaim,
    ) -> Result<ClaimReceipt, L1Error> {
        let vault = self.contracts.vault;
        let call = Vault::claimForCall {
            asset: claim.asset.0,
            account: claim.account,
            to: claim.to,
            held: self.read_shown(claim.account, claim.asset).await?,
            least: U256::from(claim.least),
            deadline: U256::from(claim.deadline),
            signature: claim.signature.clone(),
        };
        let data = call.abi_encode().into();
        let outgoing = Outgoing::new("claimFor", Some(vault), data, U256::ZERO);
        claimed(&self.transport.send(carrier, outgoing).await?, vault)
    }
}
