//! The two substitutes: client proofs and batch proofs that take no time to make.
//!
//! The client proof of a transaction begins with its digest. The proof of a batch is its five
//! public inputs, and [`verifier`] is a contract that compares them with the rollup's. So the
//! rollup contract accepts a batch if and only if its own view of the statement (states, data
//! commitment, and the data words evaluated at the challenge) is the one that was "proven".

use std::{sync::Arc, time::Duration};

use alloy_primitives::Bytes;
use ark_ec::{AffineRepr as _, CurveGroup as _};
use futures::{FutureExt as _, future::BoxFuture};
use rand::Rng;
use subrosa_protocol::{
    EdwardsAffine, Fr, Scalar,
    asset::AssetId,
    batch::Shape,
    element::{Anchor, NoteCommitment, Nullifier, TransactionDigest},
    encoding::fr_to_bytes,
    encryption::{AuditWords, NOTE_DATA_LEN, NoteData},
    proof::PROOF_LEN,
    transaction::{Header, Kind, Transaction, digest},
};
use subrosa_sequencer::ports::{
    BatchProver, Progress, ProofBytes, ProofJob, ProofVerifier, ProverError,
};

/// Lifetime of a transaction, seconds.
const LIFETIME: u64 = 20 * 3_600;

/// Accepts a client proof that begins with the digest of its transaction.
#[derive(Clone, Copy, Debug)]
pub struct Digests;

impl ProofVerifier for Digests {
    fn key_hash(&self) -> [u8; 32] {
        [7; 32]
    }

    fn is_unsafe_development(&self) -> bool {
        true
    }

    fn verify_batch(&self, items: &[(TransactionDigest, ProofBytes)]) -> Vec<bool> {
        let valid = |(digest, proof): &(TransactionDigest, ProofBytes)| {
            proof.as_bytes()[..32] == digest.to_bytes()
        };
        items.iter().map(valid).collect()
    }
}

/// Returns transaction ‖ proof, valid for [`Digests`].
#[must_use]
pub fn submission(transaction: &Transaction, context: &Fr) -> Vec<u8> {
    let mut bytes = transaction.to_bytes();
    let mut proof = [0; PROOF_LEN];
    proof[..32].copy_from_slice(&transaction.digest(context).to_bytes());
    bytes.extend_from_slice(&proof);
    bytes
}

/// "Proves" a batch by its public inputs, after a pause.
#[derive(Clone, Copy, Debug)]
pub struct Statements {
    /// Time for one proof.
    pub pause: Duration,
}

impl BatchProver for Statements {
    fn shapes(&self) -> Vec<Shape> {
        Shape::ALL.to_vec()
    }

    fn prove(
        &self,
        job: Arc<ProofJob>,
        progress: Arc<dyn Progress>,
    ) -> BoxFuture<'_, Result<Vec<u8>, ProverError>> {
        async move {
            tokio::time::sleep(self.pause).await;
            if progress.cancelled() {
                return Err(ProverError::Cancelled);
            }
            let active = job.witness.slots.iter().filter(|slot| slot.active);
            let digests = active.map(|slot| digest(&slot.words).to_bytes());
            let proven = job.proofs.iter().map(|proof| &proof.as_bytes()[..32]);
            if !digests.eq(proven) {
                return Err(ProverError::Refused {
                    reason: "the client proofs are not those of the transactions".into(),
                });
            }
            let statement = job.witness.instances(&job.witness.challenge());
            Ok(statement.iter().flat_map(fr_to_bytes).collect())
        }
        .boxed()
    }
}

/// Returns the init code of the contract that accepts the proofs of [`Statements`] and reverts with
/// `InvalidProof()` for all others.
///
/// The arguments of `verify(address,uint256[5],bytes)` lie in calldata as selector (4 bytes), key
/// (32), inputs (160), offset (32), length (32), proof.
#[must_use]
pub fn verifier() -> Bytes {
    let code: &[u8] = &[
        // Hash of the inputs: CALLDATACOPY(0, 36, 160), KECCAK256(0, 160).
        0x60, 160, 0x60, 36, 0x5f, 0x37, 0x60, 160, 0x5f, 0x20, //
        // Hash of the proof: CALLDATACOPY(0, 260, 160), KECCAK256(0, 160).
        0x60, 160, 0x61, 0x01, 0x04, 0x5f, 0x37, 0x60, 160, 0x5f, 0x20, //
        // If they are equal, and 160 is the proof's length at 228, jump to the end.
        0x14, 0x60, 228, 0x35, 0x60, 160, 0x14, 0x16, 0x60, 48, 0x57, //
        // MSTORE(0, the selector of InvalidProof()), REVERT(28, 4).
        0x63, 0x09, 0xbd, 0xe3, 0x39, 0x5f, 0x52, 0x60, 4, 0x60, 28, 0xfd, //
        // Never reached; it aligns the end.
        0x5b, 0x5b, 0x5b, 0x5b, //
        // JUMPDEST, STOP.
        0x5b, 0x00,
    ];
    created(code)
}

/// Returns init code that deploys a contract with this code.
#[must_use]
pub fn created(code: &[u8]) -> Bytes {
    let length = u16::try_from(code.len()).expect("a contract has at most 24,576 bytes");
    let [high, low] = length.to_be_bytes();
    // PUSH2 length, DUP1, PUSH1 10, RETURNDATASIZE (0), CODECOPY, RETURNDATASIZE (0), RETURN.
    let mut init = vec![0x61, high, low, 0x80, 0x60, 10, 0x3d, 0x39, 0x3d, 0xf3];
    init.extend_from_slice(code);
    init.into()
}

/// Makes a well-formed transfer without fee that spends notes of nobody. Only [`Digests`] accepts
/// its proof.
pub fn transfer(random: &mut impl Rng, anchor: Anchor, assets_root: Fr, now: u64) -> Transaction {
    let mut word = || Fr::from(random.r#gen::<u128>());
    let nullifiers = [word(), word(), word()].map(Nullifier::of);
    let commitments = [word(), word(), word()].map(NoteCommitment::new);
    let audit = AuditWords([word(), word(), word(), word(), word()]);
    let secret = Scalar::from(random.r#gen::<u128>());
    let ephemeral = (EdwardsAffine::generator() * secret).into_affine().y;
    let mut note_data = [0; NOTE_DATA_LEN];
    random.fill(&mut note_data[..]);
    let header = Header::new(Kind::Transfer, AssetId(0), 0, now + LIFETIME);
    Transaction {
        anchor,
        assets_root,
        header: header.expect("the parts of the header are in range"),
        withdrawal: None,
        terms: Fr::from(0u64),
        nullifiers,
        commitments,
        ephemeral,
        audit,
        note_data: NoteData(note_data),
    }
}
