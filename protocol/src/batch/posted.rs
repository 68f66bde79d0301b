//! Deposits in a batch's calldata (spec: *Settlement on L1*, Data posted with a batch).

use super::published::check_len;
use crate::encoding::{CodecError, Reader, Writer};
use crate::layout::calldata::DEPOSIT_LEN;
use crate::state::Deposit;

/// A deposit as a batch posts it: what the vault's queue binds, and whether it is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostedDeposit {
    /// L1 account that deposited.
    pub depositor: [u8; 20],
    /// The deposit as it was queued.
    pub deposit: Deposit,
    /// Whether the batch passes over it, because its depositor has taken it back.
    pub is_taken_back: bool,
}

impl PostedDeposit {
    /// Returns the deposit that enters the state: [`Deposit::TAKEN_BACK`] if it is taken back.
    #[must_use]
    pub fn effective(&self) -> Deposit {
        if self.is_taken_back {
            Deposit::TAKEN_BACK
        } else {
            self.deposit
        }
    }

    /// Encodes deposits as the calldata of their batch.
    #[must_use]
    pub fn write_all(deposits: &[Self]) -> Vec<u8> {
        let mut out = Writer::with_capacity(DEPOSIT_LEN * deposits.len());
        deposits.iter().for_each(|deposit| deposit.write(&mut out));
        out.finish()
    }

    fn write(&self, out: &mut Writer) {
        out.bytes(&self.depositor);
        self.deposit.write(out);
        out.integer(self.is_taken_back.into(), 1);
    }

    /// Reads the deposits of a batch's calldata; inverse of [`PostedDeposit::write_all`].
    ///
    /// # Errors
    /// [`CodecError`] if the length is not that of whole deposits, an inner commitment is not
    /// canonical, or a flag is neither 0 nor 1.
    pub fn read_all(data: &[u8]) -> Result<Vec<Self>, CodecError> {
        check_len(data.len().next_multiple_of(DEPOSIT_LEN), data.len())?;
        let deposits = data.chunks_exact(DEPOSIT_LEN);
        deposits
            .map(|bytes| Self::read(&mut Reader::new(bytes)))
            .collect()
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            depositor: input.array()?,
            deposit: Deposit::read(input)?,
            is_taken_back: match input.u8()? {
                0 => false,
                1 => true,
                _ => return Err(CodecError::Impossible { field: "deposit" }),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;

    use super::*;
    use crate::asset::AssetId;

    fn posted(is_taken_back: bool) -> PostedDeposit {
        PostedDeposit {
            depositor: [7; 20],
            deposit: Deposit {
                asset: AssetId(0x0102),
                value: 1 << 100,
                inner: Fr::from(9u64),
            },
            is_taken_back,
        }
    }

    #[test]
    fn deposits_have_71_bytes_and_one_encoding() {
        let all = [posted(false), posted(true)];
        let bytes = PostedDeposit::write_all(&all);
        assert_eq!(bytes.len(), 142);
        assert_eq!(PostedDeposit::read_all(&bytes).unwrap(), all);
        assert_eq!(all[0].effective(), all[0].deposit);
        assert_eq!(all[1].effective(), Deposit::TAKEN_BACK);

        assert!(PostedDeposit::read_all(&bytes[..141]).is_err());
        let mut other = bytes.clone();
        other[70] = 2;
        assert!(PostedDeposit::read_all(&other).is_err());
        let mut other = bytes;
        other[38..70].fill(0xff);
        assert!(PostedDeposit::read_all(&other).is_err());
    }
}
