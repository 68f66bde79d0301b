//! Byte layout of stored values: big-endian integers, and a u32 length before each byte string.
//! Decoding is exact: it refuses bytes that are left over.

use subrosa_protocol::{
    Fr,
    encoding::{fr_from_bytes, fr_to_bytes},
};

/// The reason why stored bytes are not a value of their table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Fewer bytes than the value needs.
    #[error("the value is cut short")]
    Short,
    /// More bytes than the value has.
    #[error("the value has bytes left over")]
    Long,
    /// Another version of the program wrote the value.
    #[error("the value has version {found}; this program reads version {expected}")]
    Version {
        /// Version byte of the value.
        found: u8,
        /// Version byte that this program writes.
        expected: u8,
    },
    /// A tag or field has a value outside its range.
    #[error("{0} is out of range")]
    Field(&'static str),
}

/// Builds a value by appending fields.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn versioned(version: u8) -> Self {
        Self(vec![version])
    }

    pub(crate) fn u8(mut self, x: u8) -> Self {
        self.0.push(x);
        self
    }

    pub(crate) fn u32(mut self, x: u32) -> Self {
        self.0.extend_from_slice(&x.to_be_bytes());
        self
    }

    pub(crate) fn u64(mut self, x: u64) -> Self {
        self.0.extend_from_slice(&x.to_be_bytes());
        self
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn fr(self, x: &Fr) -> Self {
        self.raw(&fr_to_bytes(x))
    }

    /// Appends a byte string after its length. Stored values stay far below 4 GiB.
    pub(crate) fn var(self, bytes: &[u8]) -> Self {
        let len = u32::try_from(bytes.len()).expect("a stored value is below 4 GiB");
        self.u32(len).raw(bytes)
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads fields from the front of a value.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn versioned(bytes: &'a [u8], expected: u8) -> Result<Self, CodecError> {
        let mut reader = Self(bytes);
        let found = reader.u8()?;
        if found == expected {
            Ok(reader)
        } else {
            Err(CodecError::Version { found, expected })
        }
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let (head, tail) = self.0.split_at_checked(len).ok_or(CodecError::Short)?;
        self.0 = tail;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, CodecError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, CodecError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, CodecError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn fr(&mut self) -> Result<Fr, CodecError> {
        fr_from_bytes(&self.array()?).map_err(|_| CodecError::Field("field element"))
    }

    pub(crate) fn var(&mut self) -> Result<&'a [u8], CodecError> {
        let len = self.u32()? as usize;
        self.take(len)
    }

    pub(crate) fn end(self) -> Result<(), CodecError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(CodecError::Long)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_exact() {
        let bytes = Writer::versioned(1).u64(7).var(b"abc").finish();
        let mut reader = Reader::versioned(&bytes, 1).unwrap();
        assert_eq!(reader.u64(), Ok(7));
        assert_eq!(reader.var(), Ok(&b"abc"[..]));
        assert_eq!(reader.end(), Ok(()));

        assert!(matches!(
            Reader::versioned(&bytes, 2),
            Err(CodecError::Version {
                found: 1,
                expected: 2
            })
        ));
        let mut reader = Reader::versioned(&bytes[..bytes.len() - 1], 1).unwrap();
        reader.u64().unwrap();
        assert_eq!(reader.var(), Err(CodecError::Short));
        let mut reader = Reader::versioned(&bytes, 1).unwrap();
        reader.u64().unwrap();
        assert_eq!(reader.end(), Err(CodecError::Long));
    }
}
