//! Bodies of requests and answers.

pub(super) use subrosa_client::gateway::{
    AddressView, AssetView, BalanceView, ClaimRequest, ClaimView, DepositRequest, HistoryView,
    OperationView, TransferRequest, WithdrawalRequest,
};

use crate::{
    amount::format,
    chain::MovementKind,
    error::Failure,
    operation::{Operation, Progress, Request},
    service::{Balance, HistoryLine, ShownAsset},
};

impl From<Failure> for subrosa_client::gateway::Failure {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code,
            reason: failure.reason,
            detail: failure.detail,
        }
    }
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
            kind: kind.to_owned(),
            status: status.to_owned(),
            batch,
            digest: operation
                .attempts
                .last()
                .map(|attempt| attempt.digest.to_string()),
            deposit,
            l1_transaction: operation.l1_transaction,
            created: operation.created,
            failure: failure.map(Into::into),
            waiting_for: operation.waiting_for,
        }
    }
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

impl From<Balance> for BalanceView {
    fn from(balance: Balance) -> Self {
        let show = |amount| format(amount, balance.asset.token.decimals);
        Self {
            spendable: show(balance.spendable),
            pending: show(balance.pending),
            on_l1: show(balance.on_l1),
            claimable: show(balance.claimable),
            deposit_minimum: show(balance.deposits.minimum),
            deposit_fee: show(balance.deposits.fee),
            deposit_is_named: balance.names_deposits,
            asset: balance.asset.into(),
        }
    }
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
            kind: kind.to_owned(),
            amount: format(line.amount, line.asset.token.decimals),
            asset: line.asset.into(),
            counterparty: line.counterparty,
            counterparty_address: line.counterparty_address,
            memo: line.memo,
            settled: line.settled,
        }
    }
}
