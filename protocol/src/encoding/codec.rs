//! Writers and readers of canonical, length-checked encodings.

use ark_bn254::Fr;

use super::{fr_from_bytes, fr_to_bytes};

/// Reason why bytes or words do not encode a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Wrong number of bytes or words.
    #[error("expected length {expected}, found {found}")]
    Length {
        /// Length of the encoding, as far as it could be read.
        expected: usize,
        /// Length of the input.
        found: usize,
    },
    /// Unknown version.
    #[error("unknown version {0}")]
    Version(u8),
    /// A value that is reserved for later versions.
    #[error("{field}: value {value} is reserved")]
    Reserved {
        /// Name of the field.
        field: &'static str,
        /// Value of the field.
        value: u8,
    },
    /// An element at or above the modulus, or a flag other than 0 and 1.
    #[error("{field}: encoding is not canonical")]
    NotCanonical {
        /// Name of the field.
        field: &'static str,
    },
    /// A value that exceeds the width of its field.
    #[error("{field}: value exceeds the width of the field")]
    Overflow {
        /// Name of the field.
        field: &'static str,
    },
    /// Padding bits that are not zero.
    #[error("{field}: padding is not zero")]
    Padding {
        /// Name of the field.
        field: &'static str,
    },
    /// Nonzero withdrawal fields in a transaction of another kind.
    #[error("withdrawal fields in a transaction of another kind")]
    UnexpectedWithdrawal,
    /// Counts, an order or a shape that no batch can have.
    #[error("{field}: value is impossible in a batch")]
    Impossible {
        /// Name of the field.
        field: &'static str,
    },
}

/// Appends encoded fields to a buffer.
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn element(&mut self, element: &Fr) {
        self.bytes.extend_from_slice(&fr_to_bytes(element));
    }

    pub(crate) fn elements<'a>(&mut self, elements: impl IntoIterator<Item = &'a Fr>) {
        for element in elements {
            self.element(element);
        }
    }

    /// Writes the low `len` bytes of `value`, big-endian. The caller checks that the value fits.
    pub(crate) fn integer(&mut self, value: u128, len: usize) {
        debug_assert!(len == 16 || value >> (8 * len) == 0);
        self.bytes
            .extend_from_slice(&value.to_be_bytes()[16 - len..]);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Takes encoded fields from the front of a slice. Each error names the field.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    total: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            total: bytes.len(),
        }
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        if self.rest.len() < len {
            return Err(CodecError::Length {
                expected: self.total - self.rest.len() + len,
                found: self.total,
            });
        }
        let (head, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let mut array = [0u8; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn element(&mut self, field: &'static str) -> Result<Fr, CodecError> {
        fr_from_bytes(&self.array()?).map_err(|_| CodecError::NotCanonical { field })
    }

    pub(crate) fn elements<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[Fr; N], CodecError> {
        let mut elements = [Fr::from(0u64); N];
        for element in &mut elements {
            *element = self.element(field)?;
        }
        Ok(elements)
    }

    /// Reads an unsigned integer of `len` ≤ 16 bytes, big-endian.
    pub(crate) fn integer(&mut self, len: usize) -> Result<u128, CodecError> {
        let mut bytes = [0u8; 16];
        bytes[16 - len..].copy_from_slice(self.take(len)?);
        Ok(u128::from_be_bytes(bytes))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, CodecError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, CodecError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, CodecError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, CodecError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError::NotCanonical { field }),
        }
    }

    /// Returns the remaining bytes.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Checks that no bytes remain.
    pub(crate) fn finish(self) -> Result<(), CodecError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(CodecError::Length {
            expected: self.total - self.rest.len(),
            found: self.total,
        })
    }
}
