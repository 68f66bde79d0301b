//! An externally owned L1 account and its key.

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B256};
use zeroize::Zeroize as _;

use crate::error::L1Error;

/// A secp256k1 account. The signer holds the key and zeroizes it; `Debug` shows the address only.
#[derive(Clone)]
pub struct Account {
    signer: PrivateKeySigner,
}

impl Account {
    /// Builds an account from its 32 secret bytes, big-endian.
    ///
    /// # Errors
    /// [`L1Error::Protocol`] if the bytes are zero or not below the curve order.
    pub fn from_bytes(mut secret: [u8; 32]) -> Result<Self, L1Error> {
        let signer = PrivateKeySigner::from_bytes(&B256::from(secret)).map_err(|_| {
            L1Error::Protocol("an account key must be a nonzero secp256k1 scalar".into())
        });
        secret.zeroize();
        signer.map(|signer| Self { signer })
    }

    /// Builds an account with a random key.
    #[must_use]
    pub fn random() -> Self {
        Self {
            signer: PrivateKeySigner::random(),
        }
    }

    /// Returns the account's address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Returns the signer, for the RPC transport.
    pub(crate) fn signer(&self) -> &PrivateKeySigner {
        &self.signer
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Account").field(&self.address()).finish()
    }
}
