//! A submission after parsing: transaction, digest and proof bytes (spec: *Transaction*, wire form).

use subrosa_protocol::Fr;
use subrosa_protocol::transaction::{CodecError, Submission, Transaction};

use crate::ports::ProofBytes;
use crate::wire::{Word, word};

/// Length of a submission in bytes: transaction ‖ proof.
pub const SUBMISSION_LEN: usize = Submission::ENCODED_LEN;

/// A parsed submission. Nothing of it has been checked but its encoding.
#[derive(Clone)]
pub struct ParsedSubmission {
    /// The transaction.
    pub transaction: Transaction,
    /// Its digest under this rollup's context: what the proof is about, and its identity.
    pub digest: Fr,
    /// The digest's bytes.
    pub id: Word,
    /// The nullifiers' bytes.
    pub nullifiers: [Word; 3],
    /// Digest of the price snapshot it names, if it names one.
    pub snapshot: Option<Word>,
    /// The proof's bytes.
    pub proof: ProofBytes,
    /// The bytes it was parsed from.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for ParsedSubmission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Contents stay out of logs; the digest is public once included.
        f.debug_struct("ParsedSubmission")
            .field("id", &hex::encode(self.id))
            .finish_non_exhaustive()
    }
}

impl ParsedSubmission {
    /// Parses transaction ‖ proof and computes the digest under `context`.
    ///
    /// # Errors
    /// [`CodecError`] saying which part is not canonical.
    pub fn parse(bytes: Vec<u8>, context: &Fr) -> Result<Self, CodecError> {
        let Submission { transaction, proof } = Submission::from_bytes(&bytes)?;
        let digest = transaction.digest(context);
        let oracle = transaction.oracle;
        Ok(Self {
            snapshot: (oracle != Fr::from(0u64)).then(|| word(&oracle)),
            nullifiers: transaction.nullifiers.map(|nf| word(&nf)),
            id: word(&digest),
            digest,
            transaction,
            proof,
            bytes,
        })
    }
}
