//! The data that L1 holds of a batch, as wallets and auditors read it back (spec: *Settlement on
//! L1*, data posted with a batch).

use ark_bn254::Fr;

use super::{BatchHeader, HEADER_WORDS, SLOT_WORDS, Shape};
use crate::asset::AssetId;
use crate::encoding::{CodecError, Reader, Writer};
use crate::layout::{batch_word, calldata};
use crate::state::Deposit;
use crate::transaction::{PublishedTransaction, Withdrawal};

/// Bytes of a transaction in the data: three nullifiers of 24 bytes, nine words of 32, note data.
pub const DATA_LEN: usize = calldata::TRANSACTION_LEN;

/// Bytes of a withdrawal in the data: slot 1, asset 2, recipient 20, amount 16.
pub const WITHDRAWAL_LEN: usize = calldata::WITHDRAWAL_LEN;

/// First byte of an encoded batch.
const VERSION: u8 = 2;

/// A batch as L1 knows it: calldata, the deposits from the vault's queue, and the contract's own
/// values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedBatch {
    /// Number of slots.
    pub shape: Shape,
    /// Data words 0–7. Its counts are the lengths of the lists below.
    pub header: BatchHeader,
    /// Consumed deposits, in the order of the queue; [`Deposit::TAKEN_BACK`] for one that was taken
    /// back.
    pub deposits: Vec<Deposit>,
    /// Active transactions, in the order of the slots.
    pub transactions: Vec<PublishedTransaction>,
}

impl PublishedBatch {
    /// Returns the W(N) data words, which equal those of the batch's witness.
    #[must_use]
    pub fn words(&self) -> Vec<Fr> {
        let zero = Fr::from(0u64);
        let slots = self.shape.slots();
        let mut words = Vec::with_capacity(self.shape.words_len());
        words.extend(self.header.words());
        for deposit in &self.deposits {
            words.extend(deposit.words());
        }
        words.resize(HEADER_WORDS + batch_word::DEPOSIT_COUNT * slots, zero);
        for transaction in &self.transactions {
            words.extend(transaction.words());
        }
        words.resize(self.shape.words_len(), zero);
        words
    }

    /// Reads a batch from its data words; inverse of [`PublishedBatch::words`].
    ///
    /// # Errors
    /// [`CodecError`] for a wrong number of words, a word that exceeds its width, counts that
    /// exceed the shape, or a nonzero word in an empty slot.
    pub fn from_words(shape: Shape, words: &[Fr]) -> Result<Self, CodecError> {
        if words.len() != shape.words_len() {
            return Err(CodecError::Length {
                expected: shape.words_len(),
                found: words.len(),
            });
        }
        let (head, rest) = words.split_at(HEADER_WORDS);
        let (deposits, slots) = rest.split_at(batch_word::DEPOSIT_COUNT * shape.slots());
        let header = BatchHeader::from_words(&std::array::from_fn(|i| head[i]))?;
        check_counts(shape, &header)?;
        let (deposits, no_deposits) =
            deposits.split_at(batch_word::DEPOSIT_COUNT * usize::from(header.deposits));
        let (slots, no_slots) = slots.split_at(SLOT_WORDS * usize::from(header.transactions));
        let zero = Fr::from(0u64);
        if no_deposits.iter().any(|word| *word != zero) {
            return Err(CodecError::Padding { field: "deposits" });
        }
        if no_slots.iter().any(|word| *word != zero) {
            return Err(CodecError::Padding {
                field: "transactions",
            });
        }
        Ok(Self {
            shape,
            header,
            deposits: deposits
                .chunks_exact(batch_word::DEPOSIT_COUNT)
                .map(|words| Deposit::from_words(&[words[0], words[1]]))
                .collect::<Result<_, _>>()?,
            transactions: slots
                .chunks_exact(SLOT_WORDS)
                .map(|words| PublishedTransaction::from_words(&std::array::from_fn(|i| words[i])))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Returns the transaction part of the calldata: [`DATA_LEN`] bytes for each active slot.
    #[must_use]
    pub fn transaction_data(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(DATA_LEN * self.transactions.len());
        for transaction in &self.transactions {
            transaction.write(&mut out);
        }
        out.finish()
    }

    /// Returns the withdrawal part of the calldata: 39 bytes for each withdrawal, in the order of
    /// the slots.
    #[must_use]
    pub fn withdrawal_data(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(0);
        for (slot, transaction) in self.transactions.iter().enumerate() {
            if let Some(withdrawal) = &transaction.withdrawal {
                out.integer(slot as u128, 1);
                out.integer(withdrawal.asset.0.into(), 2);
                out.bytes(&withdrawal.recipient);
                out.integer(withdrawal.amount, 16);
            }
        }
        out.finish()
    }

    /// Assembles a batch from data read from L1: header values, deposits of the queue, and the two
    /// parts of the calldata.
    ///
    /// # Errors
    /// [`CodecError`] if counts and lengths disagree or exceed the shape, if an element is not
    /// canonical, or if withdrawals are not in strictly ascending order of active slots.
    pub fn from_parts(
        shape: Shape,
        header: BatchHeader,
        deposits: Vec<Deposit>,
        transaction_data: &[u8],
        withdrawal_data: &[u8],
    ) -> Result<Self, CodecError> {
        check_counts(shape, &header)?;
        check_len(usize::from(header.deposits), deposits.len())?;
        check_len(
            usize::from(header.transactions) * DATA_LEN,
            transaction_data.len(),
        )?;
        check_len(
            withdrawal_data.len().next_multiple_of(WITHDRAWAL_LEN),
            withdrawal_data.len(),
        )?;
        let mut transactions = transaction_data
            .chunks_exact(DATA_LEN)
            .map(|data| PublishedTransaction::read(&mut Reader::new(data)))
            .collect::<Result<Vec<_>, _>>()?;
        let mut next = 0usize;
        for data in withdrawal_data.chunks_exact(WITHDRAWAL_LEN) {
            let mut input = Reader::new(data);
            let slot = usize::from(input.u8()?);
            let withdrawal = Withdrawal {
                asset: AssetId(input.u16()?),
                recipient: input.array()?,
                amount: input.integer(16)?,
            };
            // An all-zero withdrawal has the same words as no withdrawal.
            let empty = Withdrawal::words(Some(&withdrawal)) == [Fr::from(0u64); 2];
            let transaction = transactions
                .get_mut(slot)
                .filter(|_| slot >= next && !empty)
                .ok_or(CodecError::Impossible {
                    field: "withdrawal",
                })?;
            transaction.withdrawal = Some(withdrawal);
            next = slot + 1;
        }
        Ok(Self {
            shape,
            header,
            deposits,
            transactions,
        })
    }

    /// Encodes the batch with everything needed to read it back; integers and elements are
    /// big-endian. Fields: version 1, slots 1, header (context 32, assets root 32, time 5,
    /// transactions 2, deposits 2, fee asset 2, fee recipient 20, fee total 16, first deposit 8,
    /// oracle 32, batch index 8, start 8); for each deposit asset 2, value 16, inner 32; then the
    /// two parts of the calldata.
    ///
    /// # Panics
    /// If the header's time is 2⁴⁰ or more.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(
            137 + 50 * self.deposits.len() + DATA_LEN * self.transactions.len(),
        );
        out.bytes(&[VERSION, self.shape.slots() as u8]);
        self.header.write(&mut out);
        for deposit in &self.deposits {
            deposit.write(&mut out);
        }
        out.bytes(&self.transaction_data());
        out.bytes(&self.withdrawal_data());
        out.finish()
    }

    /// Decodes a batch; inverse of [`PublishedBatch::to_bytes`].
    ///
    /// # Errors
    /// [`CodecError`] as [`PublishedBatch::from_parts`], or for an unknown version or shape.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut input = Reader::new(bytes);
        let version = input.u8()?;
        if version != VERSION {
            return Err(CodecError::Version(version));
        }
        let shape = read_shape(&mut input)?;
        let header = BatchHeader::read(&mut input)?;
        check_counts(shape, &header)?;
        let deposits = (0..header.deposits)
            .map(|_| Deposit::read(&mut input))
            .collect::<Result<_, CodecError>>()?;
        let transactions = input.take(DATA_LEN * usize::from(header.transactions))?;
        let withdrawals = input.rest();
        Self::from_parts(shape, header, deposits, transactions, withdrawals)
    }
}

fn check_counts(shape: Shape, header: &BatchHeader) -> Result<(), CodecError> {
    if usize::from(header.transactions) > shape.slots() {
        return Err(CodecError::Impossible {
            field: "transactions",
        });
    }
    if usize::from(header.deposits) > shape.slots() {
        return Err(CodecError::Impossible { field: "deposits" });
    }
    Ok(())
}

pub(super) fn check_len(expected: usize, found: usize) -> Result<(), CodecError> {
    if expected == found {
        Ok(())
    } else {
        Err(CodecError::Length { expected, found })
    }
}

/// Reads a shape, encoded as its number of slots.
pub(super) fn read_shape(input: &mut Reader<'_>) -> Result<Shape, CodecError> {
    Shape::from_slots(usize::from(input.u8()?)).ok_or(CodecError::Impossible { field: "shape" })
}

impl BatchHeader {
    /// Writes 167 bytes. Panics if the time is out of range, which has no encoding: neither the
    /// ledger nor a decoder makes such a header.
    pub(super) fn write(&self, out: &mut Writer) {
        assert!(self.time >> Self::TIME_BITS == 0, "time is in range");
        out.element(&self.context);
        out.element(&self.assets_root);
        out.integer(self.time.into(), 5);
        out.integer(self.transactions.into(), 2);
        out.integer(self.deposits.into(), 2);
        out.integer(self.fee_asset.0.into(), 2);
        out.bytes(&self.fee_recipient);
        out.integer(self.fee_total, 16);
        out.integer(self.first_deposit.into(), 8);
        out.element(&self.oracle);
        out.integer(self.batch_index.into(), 8);
        out.integer(self.start.into(), 8);
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            context: input.element("context")?,
            assets_root: input.element("assets root")?,
            time: input.integer(5)? as u64,
            transactions: input.u16()?,
            deposits: input.u16()?,
            fee_asset: AssetId(input.u16()?),
            fee_recipient: input.array()?,
            fee_total: input.integer(16)?,
            first_deposit: input.u64()?,
            oracle: input.element("oracle")?,
            batch_index: input.u64()?,
            start: input.u64()?,
        })
    }
}
