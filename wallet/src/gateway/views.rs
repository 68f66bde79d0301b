//! Bodies of requests and answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    amount::format,
    chain::MovementKind,
    error::Failure,
    operation::{Operation, Progress, Request},
    service::{Balance, HistoryLine, ShownAsset},
};

/// A deposit from the institution's L1 account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DepositRequest {
    /// Symbol or id.
    #[schema(example = "dUSD")]
    pub(super) asset: String,
    /// In display units.
    #[schema(example = "1250000.50")]
    pub(super) amount: String,
}

/// A confidential payment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TransferRequest {
    /// Symbol or id.
    #[schema(example = "dUSD")]
    pub(super) asset: String,
    /// In display units.
    #[schema(example = "182340119.37")]
    pub(super) amount: String,
    /// The payee's address.
    #[schema(example = "subdev1…")]
    pub(super) to: String,
    /// At most 35 bytes; only the payee reads it.
    #[serde(default)]
    #[schema(example = "INV-2026-104417")]
    pub(super) memo: String,
}

/// A payment out to L1.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WithdrawalRequest {
    /// Symbol or id.
    #[schema(example = "dUSD")]
    pub(super) asset: String,
    /// In display units.
    #[schema(example = "44000000")]
    pub(super) amount: String,
    /// The L1 account; the institution's own if absent.
    #[schema(example = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8")]
    pub(super) to: Option<String>,
}

/// A claim of what the vault owes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimRequest {
    /// Symbol or id.
    #[schema(example = "dUSD")]
    pub(super) asset: String,
}

/// An operation and how far it has come.
#[derive(Serialize, ToSchema)]
pub(super) struct OperationView {
    /// Ask again with this.
    id: String,
    /// `deposit`, `transfer`, `withdrawal`, `leg` (of a swap, or of a loan's opening), `step` (on a loan) or `merge`.
    kind: &'static str,
    /// `queued`, `proven`, `submitted`, `included`, `settled` or `failed`.
    status: &'static str,
    /// The batch that holds it.
    batch: Option<u64>,
    /// Digest of its transaction.
    digest: Option<String>,
    /// Index of a deposit's key.
    deposit: Option<u64>,
    /// L1 transaction of a deposit.
    l1_transaction: Option<String>,
    /// Unix seconds.
    created: u64,
    /// Why it failed; final.
    failure: Option<Failure>,
    /// What it waits for, where it was sent back once.
    waiting_for: Option<String>,
}

impl From<Operation> for OperationView {
    fn from(operation: Operation) -> Self {
        let (status, batch, failure) = match operation.progress {
            Progress::Queued => ("queued", None, None),
            Progress::Proven => ("proven", None, None),
            Progress::Submitted => ("submitted", None, None),
            Progress::Included { batch } => ("included", Some(batch), None),
            Progress::Settled { batch } => ("settled", Some(batch), None),
            Progress::Failed(failure) => ("failed", None, Some(failure)),
        };
        let (kind, deposit) = match operation.request {
            Request::Deposit { deposit } => ("deposit", Some(deposit)),
            Request::Transfer { .. } => ("transfer", None),
            Request::Withdrawal { .. } => ("withdrawal", None),
            Request::Leg { .. } => ("leg", None),
            Request::Step { .. } => ("step", None),
            Request::Merge => ("merge", None),
        };
        Self {
            id: operation.id,
            kind,
            status,
            batch,
            digest: operation
                .attempts
                .last()
                .map(|attempt| attempt.digest.clone()),
            deposit,
            l1_transaction: operation.l1_transaction,
            created: operation.created,
            failure,
            waiting_for: operation.waiting_for,
        }
    }
}

/// An asset.
#[derive(Serialize, ToSchema)]
pub(super) struct AssetView {
    /// Registry id.
    id: u16,
    /// The token's symbol.
    symbol: String,
    /// The token's decimals.
    decimals: u8,
}

impl From<ShownAsset> for AssetView {
    fn from(asset: ShownAsset) -> Self {
        Self {
            id: asset.id.0,
            symbol: asset.token.symbol,
            decimals: asset.token.decimals,
        }
    }
}

/// A balance; amounts in display units.
#[derive(Serialize, ToSchema)]
pub(super) struct BalanceView {
    /// The asset.
    asset: AssetView,
    /// Can be spent now.
    spendable: String,
    /// Comes back as change of open operations.
    pending: String,
    /// Held by the institution's L1 account.
    on_l1: String,
    /// Owed by the vault.
    claimable: String,
}

impl From<Balance> for BalanceView {
    fn from(balance: Balance) -> Self {
        let show = |amount| format(amount, balance.asset.token.decimals);
        Self {
            spendable: show(balance.spendable),
            pending: show(balance.pending),
            on_l1: show(balance.on_l1),
            claimable: show(balance.claimable),
            asset: balance.asset.into(),
        }
    }
}

/// A line of history; the amount in display units.
#[derive(Serialize, ToSchema)]
pub(super) struct HistoryView {
    /// Batch time, Unix seconds.
    time: u64,
    /// The batch.
    batch: u64,
    /// `deposit`, `received`, `sent`, `delivered` (to the counterparty of a swap), `withdrawal`, `merge`; of loans
    /// `secured`, `released`, `repaid` or `seized`.
    kind: &'static str,
    /// The asset.
    asset: AssetView,
    /// In display units.
    amount: String,
    /// Payee's address or L1 account, or the other party of a swap; a received payment does not tell its sender.
    counterparty: Option<String>,
    /// What was written.
    memo: Option<String>,
    /// Whether L1 has accepted the batch.
    settled: bool,
}

impl From<HistoryLine> for HistoryView {
    fn from(line: HistoryLine) -> Self {
        let kind = match line.kind {
            MovementKind::Deposit => "deposit",
            MovementKind::Received => "received",
            MovementKind::Sent => "sent",
            MovementKind::Delivered => "delivered",
            MovementKind::Withdrawal => "withdrawal",
            MovementKind::Merge => "merge",
            MovementKind::Secured => "secured",
            MovementKind::Released => "released",
            MovementKind::Repaid => "repaid",
            MovementKind::Seized => "seized",
        };
        Self {
            time: line.time,
            batch: line.batch,
            kind,
            amount: format(line.amount, line.asset.token.decimals),
            asset: line.asset.into(),
            counterparty: line.counterparty,
            memo: line.memo,
            settled: line.settled,
        }
    }
}

/// The institution's address.
#[derive(Serialize, ToSchema)]
pub(super) struct AddressView {
    /// bech32m.
    pub(super) address: String,
    /// The institution's L1 account.
    pub(super) account: String,
}

/// A claim that L1 has paid.
#[derive(Serialize, ToSchema)]
pub(super) struct ClaimView {
    /// L1 transaction.
    pub(super) l1_transaction: String,
    /// In display units.
    pub(super) amount: String,
}
