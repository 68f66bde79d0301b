//! The tables: each is a column family with typed keys and values. Keys and values begin with a
//! version byte, so that a later layout can live beside this one.

use subrosa_protocol::{
    Fr,
    asset::AssetId,
    batch::Shape,
    element::TransactionDigest,
    ledger::{Deposit, State},
    market::{Markets, PriceSnapshot},
    message::MESSAGE_LEN,
};

use super::codec::{CodecError, Reader, Writer};
pub use crate::{oracle::OracleCursor, record::TransactionRecord};
use crate::{ports::Block, refusal::FinalRejection, wire::Word};

const KEY_VERSION: u8 = 1;
const VALUE_VERSION: u8 = 1;

/// A key. The order of the encoded bytes is the order of the keys.
pub trait Key: Sized {
    /// Returns the key's bytes. Keys begin with a version byte, except those of [`Meta`].
    fn encode(&self) -> Vec<u8>;
    /// Reads the bytes of [`Key::encode`].
    ///
    /// # Errors
    /// [`CodecError`] for all bytes that `encode` does not produce.
    fn decode(bytes: &[u8]) -> Result<Self, CodecError>;
}

/// A value.
pub trait Value: Sized {
    /// Returns the value's bytes, including the version byte.
    fn encode(&self) -> Vec<u8>;
    /// Reads the bytes of [`Value::encode`].
    ///
    /// # Errors
    /// [`CodecError`] for all bytes that `encode` does not produce.
    fn decode(bytes: &[u8]) -> Result<Self, CodecError>;
}

/// A table of the store.
pub trait Table {
    /// Name of the column family.
    const NAME: &'static str;
    /// Key type.
    type Key: Key;
    /// Value type.
    type Value: Value;
}

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $text:literal: $key:ty => $value:ty;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $name;
            impl Table for $name {
                const NAME: &'static str = $text;
                type Key = $key;
                type Value = $value;
            }
        )*
        /// Names of all column families.
        pub const ALL: &[&str] = &[$($text),*];
    };
}

tables! {
    /// Identity and head of the store.
    Meta = "meta": MetaKey => Bytes;
    /// Sealed batches by index.
    Batches = "batches": u64 => BatchRecord;
    /// Stages of the batches.
    Stages = "stages": u64 => Stage;
    /// Proofs of batches.
    Proofs = "proofs": u64 => Bytes;
    /// Witnesses of the batches that have not settled: one half of a proving job. The other half,
    /// the proofs of the transactions, is in [`Submissions`].
    Jobs = "jobs": u64 => Bytes;
    /// Submissions of recent batches, transaction ‖ proof in slot order. Their proofs go into the
    /// proof of the batch, and the transactions of a dropped batch are sealed anew from them.
    Submissions = "submissions": u64 => SubmissionsRecord;
    /// Checkpoints of the ledger, by the batch index of their state.
    LedgerCheckpoints = "snapshots": u64 => Bytes;
    /// Fates of the accepted transactions, by digest.
    Transactions = "transactions": TransactionDigest => TransactionRecord;
    /// Accepted and unsealed submissions, by sequence number.
    Mempool = "mempool": u64 => Bytes;
    /// Messages in the mailbox, by sequence number.
    Messages = "messages": u64 => MessageRecord;
    /// Price snapshots of the chain's oracle, by digest.
    PriceSnapshots = "price_snapshots": Word => StoredSnapshot;
    /// Confirmed deposits of the vault's queue, by index.
    Deposits = "deposits": u64 => Deposit;
}

/// Keys of [`Meta`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaKey {
    /// [`super::SCHEMA`] of the program that made the store.
    Schema,
    /// [`Identity`] of the deployment.
    Identity,
    /// [`State`] after the last sealed batch.
    Head,
    /// Sequence number of the mailbox's next message. Absent before the first message.
    Mailbox,
    /// [`OracleCursor`]. Absent before the oracle's log was read.
    Oracle,
    /// A recent block of L1 that was seen. Absent before the first.
    Block,
    /// Index below which the settled batches are final, [`count`]. Absent before the first is.
    Final,
}

impl Key for MetaKey {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Schema => b"schema".to_vec(),
            Self::Identity => b"identity".to_vec(),
            Self::Head => b"head".to_vec(),
            Self::Mailbox => b"mailbox".to_vec(),
            Self::Oracle => b"oracle".to_vec(),
            Self::Block => b"block".to_vec(),
            Self::Final => b"final".to_vec(),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        match bytes {
            b"schema" => Ok(Self::Schema),
            b"identity" => Ok(Self::Identity),
            b"head" => Ok(Self::Head),
            b"mailbox" => Ok(Self::Mailbox),
            b"oracle" => Ok(Self::Oracle),
            b"block" => Ok(Self::Block),
            b"final" => Ok(Self::Final),
            _ => Err(CodecError::Field("meta key")),
        }
    }
}

impl Key for u64 {
    fn encode(&self) -> Vec<u8> {
        Writer::versioned(KEY_VERSION).u64(*self).finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, KEY_VERSION)?;
        let value = reader.u64()?;
        reader.end()?;
        Ok(value)
    }
}

impl Key for Word {
    fn encode(&self) -> Vec<u8> {
        Writer::versioned(KEY_VERSION).raw(self).finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, KEY_VERSION)?;
        let value = reader.array()?;
        reader.end()?;
        Ok(value)
    }
}

impl Key for TransactionDigest {
    fn encode(&self) -> Vec<u8> {
        self.to_bytes().encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        Self::from_bytes(&Word::decode(bytes)?).map_err(|_| CodecError::Field("digest"))
    }
}

/// A byte string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Value for Bytes {
    fn encode(&self) -> Vec<u8> {
        Writer::versioned(VALUE_VERSION).raw(&self.0).finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let reader = Reader::versioned(bytes, VALUE_VERSION)?;
        let mut rest = reader;
        let len = bytes.len() - 1;
        let value = rest.take(len)?.to_vec();
        rest.end()?;
        Ok(Self(value))
    }
}

/// Makes the stored form of a number in [`Meta`].
#[must_use]
pub fn count(number: u64) -> Bytes {
    Bytes(number.to_be_bytes().to_vec())
}

impl Value for Block {
    fn encode(&self) -> Vec<u8> {
        Writer::versioned(VALUE_VERSION)
            .u64(self.number)
            .raw(&self.hash.0)
            .raw(&self.parent.0)
            .u64(self.timestamp)
            .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, VALUE_VERSION)?;
        let value = Self {
            number: reader.u64()?,
            hash: reader.array::<32>()?.into(),
            parent: reader.array::<32>()?.into(),
            timestamp: reader.u64()?,
        };
        reader.end()?;
        Ok(value)
    }
}

/// The deployment to which a store belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Chain id of the settlement layer.
    pub chain_id: u64,
    /// Address of the rollup contract.
    pub rollup: [u8; 20],
    /// Hash of the transaction circuit's verifying key.
    pub key_hash: [u8; 32],
}

impl Value for Identity {
    fn encode(&self) -> Vec<u8> {
        Writer::versioned(VALUE_VERSION)
            .u64(self.chain_id)
            .raw(&self.rollup)
            .raw(&self.key_hash)
            .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, VALUE_VERSION)?;
        let value = Self {
            chain_id: reader.u64()?,
            rollup: reader.array()?,
            key_hash: reader.array()?,
        };
        reader.end()?;
        Ok(value)
    }
}

fn put_state(writer: Writer, state: &State) -> Writer {
    writer
        .fr(&state.note_root)
        .fr(&state.nullifier_root)
        .fr(&state.history_root)
        .u64(state.leaf_count)
        .u64(state.batch_index)
        .u64(state.deposit_count)
}

fn take_state(reader: &mut Reader<'_>) -> Result<State, CodecError> {
    Ok(State {
        note_root: reader.fr()?,
        nullifier_root: reader.fr()?,
        history_root: reader.fr()?,
        leaf_count: reader.u64()?,
        batch_index: reader.u64()?,
        deposit_count: reader.u64()?,
    })
}

impl Value for State {
    fn encode(&self) -> Vec<u8> {
        put_state(Writer::versioned(VALUE_VERSION), self).finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, VALUE_VERSION)?;
        let value = take_state(&mut reader)?;
        reader.end()?;
        Ok(value)
    }
}

impl Value for Deposit {
    fn encode(&self) -> Vec<u8> {
        Writer::versioned(VALUE_VERSION)
            .raw(&self.asset.0.to_be_bytes())
            .raw(&self.value.to_be_bytes())
            .fr(&self.inner)
            .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, VALUE_VERSION)?;
        let value = Self {
            asset: AssetId(u16::from_be_bytes(reader.array()?)),
            value: u128::from_be_bytes(reader.array()?),
            inner: reader.fr()?,
        };
        reader.end()?;
        Ok(value)
    }
}

/// A sealed batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchRecord {
    /// Shape of the batch.
    pub shape: Shape,
    /// Time of the batch, Unix seconds.
    pub time: u64,
    /// Root of the asset tree under which it was sealed.
    pub assets_root: Fr,
    /// Digest of the price snapshot in its anchors; 0 before the first.
    pub oracle: Fr,
    /// c = H(DATA; words).
    pub commitment: Fr,
    /// State before the batch.
    pub old: State,
    /// State after the batch.
    pub new: State,
    /// Digests of its transactions in slot order.
    pub transactions: Vec<TransactionDigest>,
    /// The published data.
    pub published: Vec<u8>,
}

impl Value for BatchRecord {
    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::versioned(VALUE_VERSION)
            .u8(u8::try_from(self.shape.slots()).expect("a shape has at most 64 slots"))
            .u64(self.time)
            .fr(&self.assets_root)
            .fr(&self.oracle)
            .fr(&self.commitment);
        writer = put_state(writer, &self.old);
        writer = put_state(writer, &self.new);
        let count = u32::try_from(self.transactions.len()).expect("at most 64 transactions");
        writer = writer.u32(count);
        for digest in &self.transactions {
            writer = writer.fr(digest.element());
        }
        writer.var(&self.published).finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, VALUE_VERSION)?;
        let shape =
            Shape::from_slots(reader.u8()?.into()).ok_or(CodecError::Field("number of slots"))?;
        let time = reader.u64()?;
        let assets_root = reader.fr()?;
        let oracle = reader.fr()?;
        let commitment = reader.fr()?;
        let old = take_state(&mut reader)?;
        let new = take_state(&mut reader)?;
        let count = reader.u32()? as usize;
        if count > shape.slots() {
            return Err(CodecError::Field("number of transactions"));
        }
        let transactions = (0..count)
            .map(|_| reader.fr().map(TransactionDigest::new))
            .collect::<Result<_, _>>()?;
        let published = reader.var()?.to_vec();
        reader.end()?;
        Ok(Self {
            shape,
            time,
            assets_root,
            oracle,
            commitment,
            old,
            new,
            transactions,
            published,
        })
    }
}

/// The stage of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Executed and stored.
    Sealed,
    /// Proven.
    Proven,
    /// Settled.
    Settled {
        /// Hash of the L1 transaction.
        tx: [u8; 32],
    },
}

impl Value for Stage {
    fn encode(&self) -> Vec<u8> {
        let writer = Writer::versioned(VALUE_VERSION);
        match self {
            Self::Sealed => writer.u8(0),
            Self::Proven => writer.u8(1),
            Self::Settled { tx } => writer.u8(2).raw(tx),
        }
        .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, VALUE_VERSION)?;
        let value = match reader.u8()? {
            0 => Self::Sealed,
            1 => Self::Proven,
            2 => Self::Settled {
                tx: reader.array()?,
            },
            _ => return Err(CodecError::Field("stage")),
        };
        reader.end()?;
        Ok(value)
    }
}

/// The submissions of a batch with their sequence numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubmissionsRecord(pub Vec<(u64, Vec<u8>)>);

impl Value for SubmissionsRecord {
    fn encode(&self) -> Vec<u8> {
        let count = u32::try_from(self.0.len()).expect("at most 64 submissions");
        let mut writer = Writer::versioned(VALUE_VERSION).u32(count);
        for (sequence, bytes) in &self.0 {
            writer = writer.u64(*sequence).var(bytes);
        }
        writer.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, VALUE_VERSION)?;
        let count = reader.u32()?;
        let value = (0..count)
            .map(|_| Ok((reader.u64()?, reader.var()?.to_vec())))
            .collect::<Result<_, CodecError>>()?;
        reader.end()?;
        Ok(Self(value))
    }
}

/// A message in the mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageRecord {
    /// First second at which the message is gone.
    pub expires: u64,
    /// The message.
    pub message: [u8; MESSAGE_LEN],
}

/// Does not show the message.
impl std::fmt::Debug for MessageRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageRecord")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Value for MessageRecord {
    fn encode(&self) -> Vec<u8> {
        Writer::versioned(VALUE_VERSION)
            .u64(self.expires)
            .raw(&self.message)
            .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, VALUE_VERSION)?;
        let value = Self {
            expires: reader.u64()?,
            message: reader.array()?,
        };
        reader.end()?;
        Ok(value)
    }
}

fn put_words(writer: Writer, words: &[Fr]) -> Writer {
    words.iter().fold(writer, Writer::fr)
}

fn take_words<const N: usize>(reader: &mut Reader<'_>) -> Result<[Fr; N], CodecError> {
    let mut words = [Fr::from(0u64); N];
    for word in &mut words {
        *word = reader.fr()?;
    }
    Ok(words)
}

impl Value for OracleCursor {
    fn encode(&self) -> Vec<u8> {
        let writer = Writer::versioned(VALUE_VERSION).u64(self.from);
        put_words(writer, &self.words).finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, VALUE_VERSION)?;
        let value = Self {
            from: reader.u64()?,
            words: take_words(&mut reader)?,
        };
        reader.end()?;
        Ok(value)
    }
}

/// A price snapshot with its place in the oracle's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// Block of the snapshot.
    pub block: u64,
    /// Position among the oracle's events of the block.
    pub place: u32,
    /// The snapshot.
    pub snapshot: PriceSnapshot,
}

impl Value for StoredSnapshot {
    fn encode(&self) -> Vec<u8> {
        let writer = Writer::versioned(VALUE_VERSION)
            .u64(self.block)
            .u32(self.place)
            .u64(self.snapshot.time)
            .u64(self.snapshot.previous);
        let writer = put_words(writer, &self.snapshot.markets.words());
        put_words(writer, &self.snapshot.price_words()).finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, VALUE_VERSION)?;
        let block = reader.u64()?;
        let place = reader.u32()?;
        let time = reader.u64()?;
        let previous = reader.u64()?;
        let markets = Markets::from_words(&take_words(&mut reader)?)
            .map_err(|_| CodecError::Field("market"))?;
        let prices = PriceSnapshot::prices_from_words(&take_words(&mut reader)?)
            .map_err(|_| CodecError::Field("price"))?;
        reader.end()?;
        Ok(Self {
            block,
            place,
            snapshot: PriceSnapshot {
                time,
                previous,
                markets,
                prices,
            },
        })
    }
}

impl Value for TransactionRecord {
    fn encode(&self) -> Vec<u8> {
        let writer = Writer::versioned(VALUE_VERSION);
        match self {
            Self::Pending { sequence } => writer.u8(0).u64(*sequence),
            Self::Included { batch, slot } => writer.u8(1).u64(*batch).u32(*slot),
            Self::Expired => writer.u8(2),
            Self::Rejected { reason } => writer.u8(3).u8(reason.tag()),
        }
        .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, VALUE_VERSION)?;
        let value = match reader.u8()? {
            0 => Self::Pending {
                sequence: reader.u64()?,
            },
            1 => Self::Included {
                batch: reader.u64()?,
                slot: reader.u32()?,
            },
            2 => Self::Expired,
            3 => Self::Rejected {
                reason: FinalRejection::from_tag(reader.u8()?)
                    .ok_or(CodecError::Field("rejection"))?,
            },
            _ => return Err(CodecError::Field("transaction status")),
        };
        reader.end()?;
        Ok(value)
    }
}
