//! Batch proofs of the real circuit.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex, OnceLock};

use ark_bn254::Fr;
use ark_ff::Field;
use rand::SeedableRng;
use subrosa_batch::Rule;
use subrosa_protocol::batch::{BatchWitness, Shape};
use subrosa_protocol::proof::ProofBytes;
use subrosa_protocol::transaction::WORDS;
use subrosa_prover::batch::{BatchKeys, BatchProof, ProveError, VerifyError};
use subrosa_prover::groth16;
use subrosa_prover::progress::{Progress, Silent};
use subrosa_transaction::samples;
use support::Proven;

fn keys() -> &'static Arc<BatchKeys> {
    static KEYS: OnceLock<Arc<BatchKeys>> = OnceLock::new();
    KEYS.get_or_init(|| support::keys().batch(Shape::S4, &Silent).unwrap())
}

fn batch() -> &'static Proven {
    static BATCH: OnceLock<Proven> = OnceLock::new();
    BATCH.get_or_init(|| support::batch(Shape::S4, 3, 2, 1))
}

fn witness() -> BatchWitness {
    batch().witness.clone()
}

fn prove(witness: &BatchWitness, progress: &dyn Progress) -> Result<BatchProof, ProveError> {
    keys().prove(witness, &batch().proofs, progress)
}

fn proven() -> &'static BatchProof {
    static PROOF: OnceLock<BatchProof> = OnceLock::new();
    PROOF.get_or_init(|| {
        let phases = Phases::default();
        let proof = prove(&witness(), &phases).unwrap();
        assert_eq!(
            *phases.0.lock().unwrap(),
            [
                "check 0/6",
                "witness 1/6",
                "commit 2/6",
                "witness 3/6",
                "prove 4/6",
                "advice 0/1",
                "lookups 0/1",
                "permutation 0/1",
                "interpolation 0/1",
                "quotient 0/6",
                "quotient 1/6",
                "quotient 2/6",
                "quotient 3/6",
                "quotient 4/6",
                "quotient 5/6",
                "commitments 0/1",
                "openings 0/1",
                "openings 1/1",
                "verify 5/6",
                "verify 6/6"
            ]
        );
        proof
    })
}

#[derive(Default)]
struct Phases(Mutex<Vec<String>>);

impl Progress for Phases {
    fn phase(&self, name: &str, done: u64, total: u64) {
        self.0
            .lock()
            .unwrap()
            .push(format!("{name} {done}/{total}"));
    }
}

#[test]
fn a_batch_proves_and_says_what_its_witness_says() {
    let proof = proven();
    let witness = witness();
    let z = witness.challenge();
    assert_eq!(proof.instances, witness.instances(&z));
    assert_eq!(proof.commitment, witness.data_commitment());
    assert_eq!(proof.new_state, witness.new.commitment());
    assert_eq!(keys().verify(&proof.instances, &proof.proof), Ok(()));
    assert!(keys().is_unsafe_development());
    assert_eq!(keys().shape(), Shape::S4);
    assert!(!keys().vk_data().is_empty());
}

#[test]
fn altered_instances_and_proofs_are_rejected() {
    let proof = proven();
    for place in 0..5 {
        for change in [Fr::ONE, -Fr::ONE] {
            let mut instances = proof.instances;
            instances[place] += change;
            assert_eq!(keys().verify(&instances, &proof.proof), Err(VerifyError));
        }
    }
    let rejected = |bytes: &[u8]| {
        assert_eq!(keys().verify(&proof.instances, bytes), Err(VerifyError));
    };
    for place in (0..proof.proof.len()).step_by(31) {
        let mut bytes = proof.proof.clone();
        bytes[place] ^= 1 << (place % 8);
        rejected(&bytes);
    }
    rejected(&[]);
    rejected(&proof.proof[..proof.proof.len() - 32]);
    rejected(&[&proof.proof[..], &[0; 32]].concat());
}

#[test]
fn a_witness_that_breaks_a_rule_is_named_and_not_proven() {
    let mut wrong = witness();
    wrong.header.fee_total += 1;
    assert!(matches!(
        prove(&wrong, &Silent),
        Err(ProveError::Rule(Rule::B10))
    ));
    let other = support::batch(Shape::S16, 0, 1, 2);
    assert!(matches!(
        prove(&other.witness, &Silent),
        Err(ProveError::Shape {
            expected: 4,
            found: 16
        })
    ));
}

#[test]
fn a_bad_client_proof_is_named_with_its_slot_and_nothing_is_proven() {
    let good = &batch().proofs;
    let phases = Phases::default();
    let refused = |proofs: &[ProofBytes]| {
        keys()
            .prove(&witness(), proofs, &phases)
            .map(drop)
            .unwrap_err()
    };
    for count in [0, 2] {
        assert!(matches!(
            refused(&good[..count]),
            ProveError::ClientProofs { expected: 3, found } if found == count
        ));
    }
    assert!(matches!(
        refused(&[&good[..], &good[..1]].concat()),
        ProveError::ClientProofs {
            expected: 3,
            found: 4
        }
    ));
    // Valid proofs in each other's slots.
    assert!(matches!(
        refused(&[good[0], good[2], good[1]]),
        ProveError::ClientProof {
            slot: 1,
            error: groth16::VerifyError::Invalid
        }
    ));
    // Bytes that do not encode points.
    assert!(matches!(
        refused(&[good[0], good[1], ProofBytes::new([0xff; 128])]),
        ProveError::ClientProof {
            slot: 2,
            error: groth16::VerifyError::Malformed(_)
        }
    ));
    assert!(phases.0.lock().unwrap().iter().all(|p| p == "check 0/6"));
}

/// A batch with both legs of a swap and a transfer is proven; a batch with the legs in any other
/// arrangement is refused.
#[test]
fn a_swap_is_proven_whole() {
    use subrosa_protocol::transaction::Kind::{SwapA, SwapB, Transfer};
    let mut rng = rand::rngs::StdRng::seed_from_u64(6);
    let block = samples::block_of(Shape::S4, &[SwapA, SwapB, Transfer], 1, &mut rng);
    let swap = support::proven(block);
    let proof = keys().prove(&swap.witness, &swap.proofs, &Silent).unwrap();
    assert_eq!(keys().verify(&proof.instances, &proof.proof), Ok(()));
    assert_eq!(
        keys().verify(&proven().instances, &proof.proof),
        Err(VerifyError)
    );

    let refused = |edit: &dyn Fn(&mut BatchWitness, &mut Vec<ProofBytes>)| {
        let (mut witness, mut proofs) = (swap.witness.clone(), swap.proofs.clone());
        edit(&mut witness, &mut proofs);
        keys()
            .prove(&witness, &proofs, &Silent)
            .map(drop)
            .unwrap_err()
    };
    // Side B before side A, a transfer between them, and side A last.
    for (first, second) in [(0, 1), (1, 2), (0, 2)] {
        let turned = refused(&|witness, proofs| {
            witness.slots.swap(first, second);
            proofs.swap(first, second);
        });
        assert!(matches!(turned, ProveError::Rule(Rule::B20)), "{turned}");
    }
    // One leg alone, with the transfer in the other's slot. Adjust counts and proofs.
    for alone in [0, 1] {
        let alone = refused(&|witness, proofs| {
            witness.slots.swap(1 - alone, 2);
            witness.slots[2].active = false;
            witness.slots[2].words = [Fr::from(0u64); WORDS];
            witness.header.transactions = 2;
            proofs.swap(1 - alone, 2);
            proofs.pop();
        });
        assert!(matches!(alone, ProveError::Rule(Rule::B20)), "{alone}");
    }
    // Side A as the only transaction.
    let only = refused(&|witness, proofs| {
        for slot in &mut witness.slots[1..] {
            slot.active = false;
            slot.words = [Fr::from(0u64); WORDS];
        }
        witness.header.transactions = 1;
        proofs.truncate(1);
    });
    assert!(matches!(only, ProveError::Rule(Rule::B20)), "{only}");
    // Each leg's proof is for its own digest.
    let exchanged = refused(&|_, proofs| proofs.swap(0, 1));
    assert!(
        matches!(exchanged, ProveError::ClientProof { slot: 0, .. }),
        "{exchanged}"
    );
}

#[test]
fn a_batch_without_transactions_needs_no_client_proof() {
    let empty = support::batch(Shape::S4, 0, 3, 5);
    assert!(empty.proofs.is_empty());
    let proof = keys().prove(&empty.witness, &[], &Silent).unwrap();
    assert_eq!(keys().verify(&proof.instances, &proof.proof), Ok(()));
}

#[test]
fn the_clients_key_is_the_transaction_key_with_the_padding_digest() {
    let transaction = support::keys().transaction(&Silent).unwrap();
    let (words, _) = subrosa_transaction::padding_statement();
    let digest = subrosa_protocol::transaction::digest(&words);
    let expected = transaction.verifier().client_key(digest);
    assert_eq!(*keys().client_key(), expected);
}

#[test]
fn a_proof_stops_between_two_phases() {
    /// Cancels as the `n`-th phase begins.
    struct StopAt(usize, Mutex<usize>);
    impl Progress for StopAt {
        fn phase(&self, _: &str, _: u64, _: u64) {
            *self.1.lock().unwrap() += 1;
        }
        fn cancelled(&self) -> bool {
            *self.1.lock().unwrap() == self.0
        }
    }
    for phase in 0..4 {
        let stop = StopAt(phase, Mutex::new(0));
        assert!(matches!(
            prove(&witness(), &stop),
            Err(ProveError::Cancelled)
        ));
        assert_eq!(*stop.1.lock().unwrap(), phase);
    }
}
