//! Proves a sample transaction and writes the files that `snarkjs groth16 verify` reads.
//!
//! `export_snarkjs KEY_DIR OUT_DIR`

use std::error::Error;
use std::fs::{create_dir_all, write};
use std::path::Path;

use rand::SeedableRng;
use rand::rngs::StdRng;
use subrosa_prover::groth16::{decode_proof, export_snarkjs};
use subrosa_prover::progress::Silent;
use subrosa_prover::setup::KeyStore;
use subrosa_transaction::samples;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(keys), Some(out), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: export_snarkjs KEY_DIR OUT_DIR".into());
    };
    let keys = KeyStore::open(Path::new(&keys))?.transaction(&Silent)?;
    let sample = samples::transfer(&mut StdRng::seed_from_u64(1));
    let digest = sample.transaction.digest(&samples::context());
    let proof = decode_proof(&keys.prove(&sample.words, &sample.witness)?)?;
    let files = export_snarkjs(keys.verifier().key(), &proof, &digest);

    let out = Path::new(&out);
    create_dir_all(out)?;
    for (name, content) in [
        ("verification_key.json", &files.verification_key),
        ("public.json", &files.public),
        ("proof.json", &files.proof),
    ] {
        write(out.join(name), serde_json::to_vec_pretty(content)?)?;
    }
    Ok(())
}
