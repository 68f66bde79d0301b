//! Operations: what the institution asked for, and how far each has come.

use serde::{Deserialize, Serialize};

use crate::{decimal, failure::Failure, id::Id, loans::Action};

/// What was asked for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Request {
    /// From L1 into the rollup.
    Deposit {
        /// Index of the deposit's rcm.
        deposit: u64,
    },
    /// To another party.
    Transfer {
        /// bech32m address of the payee.
        to: String,
        /// What to write to the payee.
        memo: String,
    },
    /// Out to L1.
    Withdrawal {
        /// The L1 account, 0x hex.
        to: String,
    },
    /// Our leg of a swap.
    Leg {
        /// The quote that was accepted: what is delivered stands there.
        swap: Id,
    },
    /// A step on the position of a loan.
    Step {
        /// The loan.
        loan: Id,
        /// The state of the position that it is for, and for no other.
        sequence: u32,
        /// What is done.
        action: Action,
    },
    /// A merge of notes that another operation, or a quote, waits for.
    Merge,
}

/// How far an operation has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "status")]
pub enum Progress {
    /// Waiting for its turn or for notes.
    Queued,
    /// Proven and being submitted; the submission is kept so that a restart sends the same bytes.
    Proven,
    /// The sequencer accepted it.
    Submitted,
    /// In a batch.
    Included {
        /// The batch.
        batch: u64,
    },
    /// In a batch that L1 accepted.
    Settled {
        /// The batch.
        batch: u64,
    },
    /// It will not happen; nothing was moved.
    Failed(Failure),
}

impl Progress {
    /// Whether the operation holds notes back or will need some.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Queued | Self::Proven | Self::Submitted)
    }
}

/// A transaction that was signed for an operation. Once handed over it can be included until its expiry,
/// whatever the sequencer says of it, so it is never forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its digest, 0x hex.
    pub digest: String,
    /// Its three nullifiers.
    #[serde(with = "hex_words")]
    pub nullifiers: [[u8; 32]; 3],
    /// Last batch time at which it may be included, Unix seconds.
    pub expiry: u64,
    /// The asset root that it was proven against, 0x hex.
    pub assets_root: String,
}

/// One operation.
#[derive(Clone, Serialize, Deserialize)]
pub struct Operation {
    /// 32 hex digits.
    pub id: String,
    /// Unix seconds.
    pub created: u64,
    /// What was asked.
    pub request: Request,
    /// Asset id.
    pub asset: u16,
    /// Base units.
    #[serde(with = "decimal")]
    pub amount: u128,
    /// The fee it pays, base units of the fee asset.
    #[serde(with = "decimal")]
    pub fee: u128,
    /// How far it has come.
    pub progress: Progress,
    /// Its submission, hex.
    pub submission: Option<String>,
    /// Transactions that were signed for it, newest last. A rebuilt one spends notes of the one before, so
    /// that at most one of them can ever be included.
    pub attempts: Vec<Attempt>,
    /// Why the last attempt did not succeed; a code.
    pub waiting_for: Option<String>,
    /// Hash of the L1 transaction of a deposit.
    pub l1_transaction: Option<String>,
}

impl Operation {
    /// A transaction was proven for it.
    pub(crate) fn prove(&mut self, attempt: Attempt, submission: Vec<u8>) {
        self.progress = Progress::Proven;
        self.attempts.push(attempt);
        self.submission = Some(hex::encode(submission));
        self.waiting_for = None;
    }
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Amount, asset and counterparty stay out of logs.
        f.debug_struct("Operation")
            .field("id", &self.id)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

/// Three 32-byte words as hex strings.
mod hex_words {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(
        words: &[[u8; 32]; 3],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        words.map(hex::encode).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[[u8; 32]; 3], D::Error> {
        let mut words = [[0u8; 32]; 3];
        for (word, text) in words
            .iter_mut()
            .zip(<[String; 3]>::deserialize(deserializer)?)
        {
            hex::decode_to_slice(text, word).map_err(D::Error::custom)?;
        }
        Ok(words)
    }
}
