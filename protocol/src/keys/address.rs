//! Addresses and their text form.

use ark_ed_on_bn254::EdwardsAffine;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};
use thiserror::Error;

use crate::element::OwnerId;
use crate::encoding::{DecodeError, point_from_bytes, point_to_bytes};

/// Bytes of an address: owner ‖ pk.
pub const ADDRESS_LEN: usize = 64;

/// Network of an address, shown in its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// Prefix `sub`.
    Production,
    /// Prefix `subdev`.
    Development,
}

impl Network {
    /// Returns the prefix before the separator `1`.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Production => "sub",
            Self::Development => "subdev",
        }
    }
}

/// Reason why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Characters, case, padding or checksum violate bech32m.
    #[error("not a bech32m text with a valid checksum")]
    Text,
    /// The address is for another network, or is not a Subrosa address.
    #[error("address does not start with `{expected}`")]
    Network {
        /// Prefix of the expected network.
        expected: &'static str,
    },
    /// The address does not hold 64 bytes.
    #[error("address holds {0} bytes instead of 64")]
    Length(usize),
    /// The first half is not an element of the field.
    #[error("owner: {0}")]
    Owner(DecodeError),
    /// The second half is not a point of the prime subgroup.
    #[error("encryption key: {0}")]
    EncryptionKey(DecodeError),
}

/// Payment address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Owner of notes paid to this address.
    pub owner: OwnerId,
    /// Key to which their contents are encrypted.
    pub pk: EdwardsAffine,
}

impl Address {
    /// Encodes owner (32) ‖ pk (32).
    #[must_use]
    pub fn to_bytes(&self) -> [u8; ADDRESS_LEN] {
        let mut out = [0; ADDRESS_LEN];
        out[..32].copy_from_slice(&self.owner.to_bytes());
        out[32..].copy_from_slice(&point_to_bytes(&self.pk));
        out
    }

    /// Reads owner (32) ‖ pk (32).
    ///
    /// # Errors
    /// [`AddressError::Owner`] or [`AddressError::EncryptionKey`], if a half is not canonical or
    /// the decoder does not accept pk.
    pub fn from_bytes(bytes: &[u8; ADDRESS_LEN]) -> Result<Self, AddressError> {
        let (mut owner, mut pk) = ([0; 32], [0; 32]);
        owner.copy_from_slice(&bytes[..32]);
        pk.copy_from_slice(&bytes[32..]);
        Ok(Self {
            owner: OwnerId::from_bytes(&owner).map_err(AddressError::Owner)?,
            pk: point_from_bytes(&pk).map_err(AddressError::EncryptionKey)?,
        })
    }

    /// Returns the bech32m text, in lower case.
    #[must_use]
    pub fn encode(&self, network: Network) -> String {
        let prefix = Hrp::parse(network.prefix()).expect("both prefixes are valid");
        bech32::encode_lower::<Bech32m>(prefix, &self.to_bytes())
            .expect("116 characters are below the code length of 1023")
    }

    /// Reads the text of an address for `network`. As bech32m requires, text all in upper case is
    /// accepted.
    ///
    /// # Errors
    /// An [`AddressError`] for a wrong checksum, prefix or length and for contents that are not
    /// canonical.
    pub fn decode(text: &str, network: Network) -> Result<Self, AddressError> {
        let checked = CheckedHrpstring::new::<Bech32m>(text).map_err(|_| AddressError::Text)?;
        let expected = network.prefix();
        if !checked.hrp().as_str().eq_ignore_ascii_case(expected) {
            return Err(AddressError::Network { expected });
        }
        let bytes: Vec<u8> = checked.byte_iter().collect();
        let bytes: [u8; ADDRESS_LEN] = bytes
            .try_into()
            .map_err(|bytes: Vec<u8>| AddressError::Length(bytes.len()))?;
        let address = Self::from_bytes(&bytes)?;
        // In the one canonical text the three bits that pad the last character are zero.
        if !text.eq_ignore_ascii_case(&address.encode(network)) {
            return Err(AddressError::Text);
        }
        Ok(address)
    }
}
