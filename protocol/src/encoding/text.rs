//! Hexadecimal text for serde: elements and points as `0x` and 64 digits, bytes as `0x` and two
//! digits each. Reading is as strict as the byte decoders.

use ark_bn254::Fr;

use super::{DecodeError, fr_from_bytes, fr_to_bytes};

pub(crate) fn bytes_to_hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn from_hex(text: &str) -> Result<Vec<u8>, DecodeError> {
    let digits = text.strip_prefix("0x").ok_or(DecodeError::NotHex)?;
    hex::decode(digits).map_err(|_| DecodeError::NotHex)
}

pub(crate) fn bytes_from_hex<const N: usize>(text: &str) -> Result<[u8; N], DecodeError> {
    from_hex(text)?.try_into().map_err(|_| DecodeError::NotHex)
}

/// Returns an element as `0x` and 64 digits.
#[must_use]
pub fn fr_to_hex(x: &Fr) -> String {
    bytes_to_hex(&fr_to_bytes(x))
}

/// Reads an element from `0x` and 64 digits.
///
/// # Errors
/// [`DecodeError::NotHex`] for another form, [`DecodeError::NotCanonical`] if the integer is ≥ r.
pub fn fr_from_hex(text: &str) -> Result<Fr, DecodeError> {
    fr_from_bytes(&bytes_from_hex(text)?)
}

/// Module for `#[serde(with = "serde_fr")]` on one element.
pub mod serde_fr {
    use ark_bn254::Fr;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes `0x` and 64 digits.
    ///
    /// # Errors
    /// The errors of the serializer.
    pub fn serialize<S: Serializer>(x: &Fr, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::fr_to_hex(x))
    }

    /// Reads `0x` and 64 digits.
    ///
    /// # Errors
    /// If the text has another form or is not canonical.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fr, D::Error> {
        super::fr_from_hex(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Module for `#[serde(with = "serde_fr_vec")]` on a vector of elements.
pub mod serde_fr_vec {
    use ark_bn254::Fr;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes a list of elements, each `0x` and 64 digits.
    ///
    /// # Errors
    /// The errors of the serializer.
    pub fn serialize<S: Serializer>(xs: &[Fr], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(xs.iter().map(super::fr_to_hex))
    }

    /// Reads a list of elements.
    ///
    /// # Errors
    /// If an element has another form or is not canonical.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Fr>, D::Error> {
        Vec::<String>::deserialize(deserializer)?
            .iter()
            .map(|text| super::fr_from_hex(text).map_err(D::Error::custom))
            .collect()
    }
}

/// Module for `#[serde(with = "serde_fr_array")]` on an array of elements.
pub mod serde_fr_array {
    use ark_bn254::Fr;
    use serde::{Deserializer, Serializer, de::Error};

    /// Writes a list of elements, each `0x` and 64 digits.
    ///
    /// # Errors
    /// The errors of the serializer.
    pub fn serialize<S: Serializer, const N: usize>(
        xs: &[Fr; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        super::serde_fr_vec::serialize(xs, serializer)
    }

    /// Reads a list of exactly `N` elements.
    ///
    /// # Errors
    /// If the list has another length, or an element has another form or is not canonical.
    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[Fr; N], D::Error> {
        let elements = super::serde_fr_vec::deserialize(deserializer)?;
        let found = elements.len();
        elements
            .try_into()
            .map_err(|_| D::Error::invalid_length(found, &"another number of elements"))
    }
}

/// Module for `#[serde(with = "serde_point")]` on a point of the prime subgroup.
pub mod serde_point {
    use ark_ed_on_bn254::EdwardsAffine;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the 32-byte encoding of the point as `0x` and 64 digits.
    ///
    /// # Errors
    /// The errors of the serializer.
    pub fn serialize<S: Serializer>(
        point: &EdwardsAffine,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::bytes_to_hex(&crate::encoding::point_to_bytes(
            point,
        )))
    }

    /// Reads a point encoding, with all checks of the byte decoder.
    ///
    /// # Errors
    /// If the text has another form or is not the encoding of a point.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<EdwardsAffine, D::Error> {
        let bytes = super::bytes_from_hex(&String::deserialize(deserializer)?);
        bytes
            .and_then(|bytes| crate::encoding::point_from_bytes(&bytes))
            .map_err(D::Error::custom)
    }
}

/// Module for `#[serde(with = "serde_bytes")]` on byte arrays and vectors.
pub mod serde_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::encoding::DecodeError;

    /// Writes `0x` and two digits for each byte.
    ///
    /// # Errors
    /// The errors of the serializer.
    pub fn serialize<S: Serializer, T: AsRef<[u8]>>(
        bytes: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::bytes_to_hex(bytes.as_ref()))
    }

    /// Reads `0x` and two digits for each byte. An array must have its exact length.
    ///
    /// # Errors
    /// If the text has another form or another length.
    pub fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        super::from_hex(&String::deserialize(deserializer)?)
            .and_then(|bytes| T::try_from(bytes).map_err(|_| DecodeError::NotHex))
            .map_err(D::Error::custom)
    }
}
