//! Signed variants of a call.

use alloy::{
    consensus::{SignableTransaction as _, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718 as _,
    signers::SignerSync as _,
};
use alloy_primitives::{B256, Bytes, TxKind};

use super::{TransactionError, node::Call};
use crate::account::Account;

/// Gas and fees of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Price {
    /// Highest fee, wei per gas.
    pub(super) max_fee: u64,
    /// Priority fee, wei per gas; at most `max_fee`.
    pub(super) tip: u64,
}

/// A signed transaction.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub(super) hash: B256,
    pub(super) raw: Bytes,
}

/// Signs a call. The same contents always give the same bytes: the signature is deterministic
/// (RFC 6979), so that a journal needs to hold none.
pub(super) fn sign(
    account: &Account,
    chain_id: u64,
    nonce: u64,
    call: &Call,
    gas_limit: u64,
    price: Price,
) -> Result<Signed, TransactionError> {
    let transaction = TxEip1559 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: price.max_fee.into(),
        max_priority_fee_per_gas: price.tip.into(),
        to: call.to.map_or(TxKind::Create, TxKind::Call),
        value: call.value,
        access_list: Default::default(),
        input: call.data.clone(),
    };
    let signature = account
        .signer()
        .sign_hash_sync(&transaction.signature_hash())
        .map_err(|_| TransactionError::Protocol("the account's key cannot sign".into()))?;
    let envelope: TxEnvelope = transaction.into_signed(signature).into();
    Ok(Signed {
        hash: *envelope.tx_hash(),
        raw: envelope.encoded_2718().into(),
    })
}
