//! Decoders of proofs and keys.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use ark_ff::PrimeField as _;
use subrosa_protocol::{Fr, batch::Shape};
use subrosa_prover::{
    batch::BatchKeys,
    groth16::{ProofBytes, TransactionVerifier, decode_proof, encode_proof},
    progress::Silent,
    setup::KeyStore,
};

/// A client proof: length, points, subgroups, canonical form.
///
/// # Panics
/// If the decoder accepts a second encoding.
pub fn client_proof(data: &[u8]) {
    if let Ok(bytes) = ProofBytes::try_from(data)
        && let Ok(proof) = decode_proof(&bytes)
    {
        assert_eq!(encode_proof(&proof).as_ref(), data, "proof");
    }
}

/// A verifying key of the transaction circuit, as a key directory holds it.
pub fn verifying_key(data: &[u8]) {
    if let Ok(verifier) = TransactionVerifier::from_bytes(data, true) {
        let _ = verifier.to_bytes();
    }
}

/// Keys of batches of four: those of `SUBROSA_KEYS` or of the workspace's `.subrosa/keys`, made on
/// first use.
static BATCH_KEYS: LazyLock<Arc<BatchKeys>> = LazyLock::new(|| {
    let directory = std::env::var_os("SUBROSA_KEYS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.subrosa/keys"),
        PathBuf::from,
    );
    KeyStore::open(&directory)
        .and_then(|store| store.batch(Shape::S4, &Silent))
        .expect("the key directory can be read and written")
});

/// A batch proof with its instances: five words, then the proof.
///
/// # Panics
/// If a proof verifies: no input of the fuzzer can be one.
pub fn batch_proof(data: &[u8]) {
    let (words, proof) = data.split_at(data.len().min(160));
    let mut pieces = words.chunks(32);
    let instances: [Fr; 5] = std::array::from_fn(|_| {
        pieces
            .next()
            .map_or_else(|| Fr::from(0u64), Fr::from_be_bytes_mod_order)
    });
    assert!(
        BATCH_KEYS.verify(&instances, proof).is_err(),
        "a forged proof"
    );
}
