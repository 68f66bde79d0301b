//! Bundles of the transaction circuit's keys: what an import checks beyond hashes.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::fs;
use std::path::Path;

use ark_bn254::{Bn254, Fq, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_groth16::ProvingKey;
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subrosa_prover::progress::Silent;
use subrosa_prover::setup::bundle::{OtherKeys, TransactionFiles};
use subrosa_prover::setup::{KeyStore, SetupError};
use subrosa_transaction::padding_statement;

fn import(store: &KeyStore, from: &Path) -> Result<(), SetupError> {
    let imported = store.import(from, None, OtherKeys::Keep, &Silent);
    imported.map(|_| ())
}

/// Replaces the proving key of a bundle and states the right hash for it, as a sender who wants to
/// deceive would.
fn forge(bundle: &Path, pk: &ProvingKey<Bn254>) {
    let mut bytes = Vec::new();
    pk.serialize_uncompressed(&mut bytes).unwrap();
    forge_bytes(bundle, &bytes);
}

fn forge_bytes(bundle: &Path, bytes: &[u8]) {
    fs::write(bundle.join(TransactionFiles::name("pk")), bytes).unwrap();
    let path = bundle.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let file = &mut manifest["entries"]["transaction"]["files"]["pk"];
    file["sha256"] = hex::encode(Sha256::digest(bytes)).into();
    file["bytes"] = bytes.len().into();
    fs::write(&path, manifest.to_string()).unwrap();
}

#[test]
fn imported_keys_prove_and_forged_ones_are_refused() {
    let source = support::keys();
    let own = source.transaction(&Silent).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle");
    source.export(&path, false).unwrap();
    let files = source.transaction_files().unwrap().unwrap();
    assert_eq!(files.key_hash, own.vk_hash());
    assert_eq!(files.circuit, hex::encode(own.circuit_fingerprint()));
    assert_eq!(files.circuit, KeyStore::circuit().unwrap());

    let target = KeyStore::open(&directory.path().join("keys")).unwrap();
    let good = fs::read(path.join(TransactionFiles::name("pk"))).unwrap();
    let pk = ProvingKey::<Bn254>::deserialize_uncompressed_unchecked(&good[..]).unwrap();

    let mut unblinded = pk.clone();
    unblinded.delta_g1 = G1Affine::zero();
    forge(&path, &unblinded);
    let refused = import(&target, &path).unwrap_err().to_string();
    assert!(refused.contains('δ'), "{refused}");

    let mut shifted = pk.clone();
    shifted.beta_g1 = (shifted.beta_g1 * Fr::from(2u64)).into();
    forge(&path, &shifted);
    let refused = import(&target, &path).unwrap_err().to_string();
    assert!(refused.contains('β'), "{refused}");

    // Points that are valid, and with which no proof verifies.
    let mut useless = pk.clone();
    useless.l_query.reverse();
    forge(&path, &useless);
    assert!(matches!(
        import(&target, &path),
        Err(SetupError::Padding(_))
    ));

    // A point off the curve, in the middle of a query of which no point is zero: the coordinates
    // of a zero are not read.
    let mut off = pk.clone();
    let middle = off.h_query.len() / 2;
    assert!(!off.h_query[middle].is_zero());
    off.h_query[middle].y += Fq::from(1u64);
    forge(&path, &off);
    let refused = import(&target, &path).unwrap_err().to_string();
    assert!(refused.contains("points"), "{refused}");
    assert!(target.transaction_files().unwrap().is_none());

    forge_bytes(&path, &good);
    import(&target, &path).unwrap();
    let imported = target.transaction(&Silent).unwrap();
    assert_eq!(imported.vk_hash(), own.vk_hash());
    let (words, witness) = padding_statement();
    let proof = imported.prove(&words, &witness).unwrap();
    let digest = subrosa_protocol::transaction::digest(&words);
    own.verify(&digest, &proof).unwrap();
}
