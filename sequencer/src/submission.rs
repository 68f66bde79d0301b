//! A submission after parsing: transaction, digest and proof bytes (spec: *Transaction*, wire
//! form).

use std::sync::Arc;

use subrosa_protocol::{
    Fr,
    element::TransactionDigest,
    transaction::{CodecError, Submission, Transaction},
};

use crate::ports::ProofBytes;

/// Length of a submission in bytes: transaction ‖ proof.
pub const SUBMISSION_LEN: usize = Submission::ENCODED_LEN;

/// A submission with its sequence number, which gives the order of acceptance.
pub(crate) type Sequenced = (u64, Arc<ParsedSubmission>);

/// A parsed submission. Only its encoding has been checked.
#[derive(Clone)]
pub struct ParsedSubmission {
    /// The transaction.
    pub transaction: Transaction,
    /// The digest under this rollup's context: the statement of the proof, and the transaction's
    /// identity.
    pub id: TransactionDigest,
    /// Bytes of the proof.
    pub proof: ProofBytes,
    /// The bytes that were parsed.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for ParsedSubmission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Contents stay out of logs; the digest is public once it is included.
        f.debug_struct("ParsedSubmission")
            .field("id", &hex::encode(self.id.to_bytes()))
            .finish_non_exhaustive()
    }
}

impl ParsedSubmission {
    /// Parses transaction ‖ proof and computes the digest under `context`.
    ///
    /// # Errors
    /// [`CodecError`] naming the part that is not canonical.
    pub fn parse(bytes: Vec<u8>, context: &Fr) -> Result<Self, CodecError> {
        let Submission { transaction, proof } = Submission::from_bytes(&bytes)?;
        Ok(Self {
            id: transaction.digest(context),
            transaction,
            proof,
            bytes,
        })
    }
}
