//! `subrosa prover`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::MultiProgress;
use serde::{Deserialize, Serialize};
use subrosa_node::{Keys, progress::Phases};
use subrosa_protocol::{
    Fr,
    batch::{BatchWitness, Shape},
    encoding::{fr_from_bytes, fr_to_bytes},
};
use subrosa_prover::groth16::{PROOF_LEN, ProofBytes};

use crate::output;

/// `subrosa prover …`
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Prove a batch and write the proof with its instances as JSON.
    Prove {
        /// Witness of the batch, as the sequencer stores it.
        witness: PathBuf,
        /// Proofs of its transactions in slot order, 128 bytes each.
        proofs: PathBuf,
        /// File to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Verify a proof that `prove` wrote.
    Verify {
        /// File to read.
        proof: PathBuf,
    },
}

/// A proof in a file.
#[derive(Serialize, Deserialize)]
struct ProofFile {
    slots: usize,
    /// `0x` and hex digits, big-endian.
    instances: [String; 5],
    /// `0x` and hex digits.
    proof: String,
}

/// Runs a prover command.
pub(crate) fn run(keys: &Keys, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Prove {
            witness,
            proofs,
            out,
        } => prove(keys, &witness, &proofs, &out),
        Command::Verify { proof } => verify(keys, &proof),
    }
}

fn prove(keys: &Keys, witness: &Path, proofs: &Path, out: &Path) -> anyhow::Result<()> {
    let bars = MultiProgress::new();
    let witness = BatchWitness::from_bytes(&std::fs::read(witness)?)?;
    let proofs = std::fs::read(proofs)?
        .chunks(PROOF_LEN)
        .map(ProofBytes::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    let keys = keys.batch(&[witness.shape], &bars)?.remove(0);
    let phases = Phases::new(&bars, "proving");
    let proof = keys.prove(&witness, &proofs, &phases)?;
    phases.finish("done");
    let file = ProofFile {
        slots: witness.shape.slots(),
        instances: proof
            .instances
            .map(|word| format!("0x{}", hex::encode(fr_to_bytes(&word)))),
        proof: format!("0x{}", hex::encode(&proof.proof)),
    };
    std::fs::write(out, serde_json::to_vec_pretty(&file)?)?;
    Ok(())
}

fn verify(keys: &Keys, proof: &Path) -> anyhow::Result<()> {
    let file: ProofFile = serde_json::from_slice(&std::fs::read(proof)?)?;
    let shape = Shape::from_slots(file.slots).context("a shape has 4, 16 or 64 slots")?;
    let keys = keys.batch(&[shape], &MultiProgress::new())?.remove(0);
    let mut instances = [Fr::from(0u64); 5];
    for (instance, text) in instances.iter_mut().zip(&file.instances) {
        let mut bytes = [0u8; 32];
        hex::decode_to_slice(text.trim_start_matches("0x"), &mut bytes)?;
        *instance = fr_from_bytes(&bytes)?;
    }
    keys.verify(
        &instances,
        &hex::decode(file.proof.trim_start_matches("0x"))?,
    )?;
    output::line("valid")
}
