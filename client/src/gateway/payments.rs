//! Deposits, payments, withdrawals, and the institution's holdings.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::GatewayClient;
use crate::error::ClientError;

/// Deposit from the institution's L1 account.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DepositRequest {
    /// Symbol or id.
    #[schema(example = "dUSD")]
    pub asset: String,
    /// In display units.
    #[schema(example = "1250000.50")]
    pub amount: String,
}

/// Confidential payment.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferRequest {
    /// Symbol or id.
    #[schema(example = "dUSD")]
    pub asset: String,
    /// In display units.
    #[schema(example = "182340119.37")]
    pub amount: String,
    /// The payee's address.
    #[schema(example = "subdev1…")]
    pub to: String,
    /// At most 35 bytes; only the payee reads it.
    #[serde(default)]
    #[schema(example = "INV-2026-104417")]
    pub memo: String,
}

/// Payment out to L1.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawalRequest {
    /// Symbol or id.
    #[schema(example = "dUSD")]
    pub asset: String,
    /// In display units.
    #[schema(example = "44000000")]
    pub amount: String,
    /// The L1 account; the institution's own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8")]
    pub to: Option<String>,
}

/// Claim of the amount that the vault owes.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// Symbol or id.
    #[schema(example = "dUSD")]
    pub asset: String,
}

/// Final failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The interface's code.
    pub code: String,
    /// Code of the sequencer or of the contract, if one of them refused.
    pub reason: Option<String>,
    /// Explanation for people.
    pub detail: String,
}

/// Operation and its progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationView {
    /// Id under which the operation can be read again.
    pub id: String,
    /// `deposit`, `transfer`, `withdrawal`, `leg` (of a swap or an origination), `step` (on a
    /// loan) or `merge`.
    pub kind: String,
    /// `queued`, `proven` (the wallet has made the client proof), `submitted`, `included`,
    /// `settled` or `failed`.
    pub status: String,
    /// The batch that holds it.
    pub batch: Option<u64>,
    /// Digest of its transaction; null until the wallet has proven it.
    pub digest: Option<String>,
    /// Index of a deposit's key.
    pub deposit: Option<u64>,
    /// L1 transaction of a deposit.
    pub l1_transaction: Option<String>,
    /// Unix seconds.
    pub created: u64,
    /// Why it failed; final.
    pub failure: Option<Failure>,
    /// Reason for which it was sent back and waits, as a code.
    pub waiting_for: Option<String>,
}

impl OperationView {
    /// Whether the operation has settled or failed.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self.status.as_str(), "settled" | "failed")
    }
}

/// Asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetView {
    /// Registry id.
    pub id: u16,
    /// The token's symbol.
    pub symbol: String,
    /// The token's decimals.
    pub decimals: u8,
}

/// Balance; amounts in display units.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BalanceView {
    /// The asset.
    pub asset: AssetView,
    /// Can be spent now.
    pub spendable: String,
    /// Comes back as change of open operations.
    pub pending: String,
    /// Held by the institution's L1 account.
    pub on_l1: String,
    /// Owed by the vault.
    pub claimable: String,
    /// Least amount of a deposit.
    pub deposit_minimum: String,
    /// Fee that the vault takes from a deposit.
    pub deposit_fee: String,
    /// Whether a deposit publishes the owner of its note on L1.
    pub deposit_is_named: bool,
}

/// Line of history; the amount in display units.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryView {
    /// Batch time, Unix seconds.
    pub time: u64,
    /// The batch.
    pub batch: u64,
    /// `deposit`, `received`, `sent`, `delivered` (to the counterparty of a swap), `withdrawal`,
    /// `merge`; of loans `secured`, `released`, `repaid` or `seized`.
    pub kind: String,
    /// The asset.
    pub asset: AssetView,
    /// In display units.
    pub amount: String,
    /// Owner id of the payee or of the other party of a swap or a loan (0x and 64 digits), or the
    /// L1 account of a withdrawal (0x and 40 digits). Part of the chain, so that a restored wallet
    /// shows the same. A received payment does not tell its sender.
    pub counterparty: Option<String>,
    /// Address of that owner, if the wallet has learnt it from the institution's orders or
    /// agreements; null otherwise, also after a restore.
    pub counterparty_address: Option<String>,
    /// The memo of a payment.
    pub memo: Option<String>,
    /// Whether L1 has accepted the batch.
    pub settled: bool,
}

/// The institution's addresses.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressView {
    /// bech32m.
    pub address: String,
    /// The institution's L1 account.
    pub account: String,
}

/// Claim that L1 has paid.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimView {
    /// L1 transaction.
    pub l1_transaction: String,
    /// In display units.
    pub amount: String,
}

impl GatewayClient {
    /// Returns the institution's address and L1 account.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn address(&self) -> Result<AddressView, ClientError> {
        self.service.get("/v1/address").await
    }

    /// Deposits from the institution's L1 account. Returns when L1 has queued the deposit.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn deposit(
        &self,
        request: &DepositRequest,
        key: Option<&str>,
    ) -> Result<OperationView, ClientError> {
        self.service.post_json("/v1/deposits", key, request).await
    }

    /// Starts a confidential payment.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn transfer(
        &self,
        request: &TransferRequest,
        key: Option<&str>,
    ) -> Result<OperationView, ClientError> {
        self.service.post_json("/v1/transfers", key, request).await
    }

    /// Starts a payment out to L1.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn withdraw(
        &self,
        request: &WithdrawalRequest,
        key: Option<&str>,
    ) -> Result<OperationView, ClientError> {
        self.service
            .post_json("/v1/withdrawals", key, request)
            .await
    }

    /// Claims the amount that the vault owes to the institution's L1 account.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn claim(&self, request: &ClaimRequest) -> Result<ClaimView, ClientError> {
        self.service.post_json("/v1/claims", None, request).await
    }

    /// Returns the balances of all assets, in order of id.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn balances(&self) -> Result<Vec<BalanceView>, ClientError> {
        self.service.get("/v1/balances").await
    }

    /// Returns the movements of batch `from` and later ones, oldest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn history(&self, from: u64) -> Result<Vec<HistoryView>, ClientError> {
        self.service.get(&format!("/v1/history?from={from}")).await
    }

    /// Returns an operation.
    ///
    /// # Errors
    /// [`ClientError`], with the code `not_found` if there is no such operation.
    pub async fn operation(&self, id: &str) -> Result<OperationView, ClientError> {
        self.service.get(&format!("/v1/operations/{id}")).await
    }
}
