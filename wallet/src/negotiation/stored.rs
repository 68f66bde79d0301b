//! Addresses and sides in the state file.

use serde::{Deserialize as _, Deserializer, Serializer, de::Error};

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    hex::decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub(super) mod address {
    use subrosa_protocol::keys::Address;

    use super::{Deserializer, Error as _, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        address: &Address,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(address.to_bytes()))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Address, D::Error> {
        let bytes = super::bytes(deserializer)?;
        let bytes = bytes
            .try_into()
            .map_err(|_| D::Error::custom("length of an address"))?;
        Address::from_bytes(&bytes).map_err(D::Error::custom)
    }
}

pub(super) mod side {
    use subrosa_protocol::swap::Side;

    use super::{Deserializer, Error as _, Serializer};
    use serde::Deserialize as _;

    pub(in super::super) fn serialize<S: Serializer>(
        side: &Side,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(side.index() as u8)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Side, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(Side::A),
            1 => Ok(Side::B),
            _ => Err(D::Error::custom("a side is 0 or 1")),
        }
    }
}
