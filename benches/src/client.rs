//! Client proofs: constraints, time, memory.

use std::{sync::Arc, time::Instant};

use anyhow::ensure;
use indicatif::MultiProgress;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use subrosa_node::{
    Keys,
    progress::counter,
    system::{median, peak_rss_bytes, rounded},
};
use subrosa_protocol::swap::Side;
use subrosa_prover::{
    groth16::{PROOF_LEN, ProofBytes, TransactionKeys},
    progress::Silent,
};
use subrosa_transaction::samples::{self, Sample};

/// Keys, and samples of transactions to prove.
pub struct Client {
    keys: Arc<TransactionKeys>,
    rng: StdRng,
    samples: usize,
}

impl Client {
    /// Loads or makes the keys.
    ///
    /// # Errors
    /// If the key store cannot be read or written.
    pub fn new(keys: &Keys) -> anyhow::Result<Self> {
        Ok(Self {
            keys: keys.open()?.transaction(&Silent)?,
            rng: crate::rng(),
            samples: 0,
        })
    }

    /// Makes the next sample: transfers and withdrawals alternate.
    pub fn sample(&mut self) -> Sample {
        self.samples += 1;
        if self.samples % 2 == 1 {
            samples::transfer(&mut self.rng)
        } else {
            samples::withdraw(&mut self.rng)
        }
    }

    /// Kinds of transactions that [`Client::sample_of`] makes.
    pub const KINDS: [&str; 5] = [
        "transfer",
        "transfer of three assets",
        "withdrawal",
        "padding",
        "leg of a swap",
    ];

    /// Makes a sample of one of the [`Client::KINDS`].
    ///
    /// # Panics
    /// If there is no such kind.
    pub fn sample_of(&mut self, kind: &str) -> Sample {
        let rng = &mut self.rng;
        match kind {
            "transfer" => samples::transfer(rng),
            "transfer of three assets" => samples::transfer_of_three(rng),
            "withdrawal" => samples::withdraw(rng),
            "padding" => samples::padding(rng),
            "leg of a swap" => samples::swap_leg(Side::A, rng),
            _ => panic!("no sample is of the kind {kind:?}"),
        }
    }

    /// Proves a sample.
    ///
    /// # Errors
    /// If the prover fails.
    pub fn prove(&self, sample: &Sample) -> anyhow::Result<ProofBytes> {
        Ok(self.keys.prove(&sample.words, &sample.witness)?)
    }

    /// Verifies the proof of a sample.
    ///
    /// # Errors
    /// If the proof is not valid.
    pub fn verify(&self, sample: &Sample, proof: &ProofBytes) -> anyhow::Result<()> {
        let digest = sample.transaction.digest(&samples::context());
        Ok(self.keys.verify(&digest, proof)?)
    }

    /// Verifies the proof of a sample `count` times in one group, as the sequencer does.
    ///
    /// # Errors
    /// If the proof is not valid.
    pub fn verify_group(
        &self,
        sample: &Sample,
        proof: &ProofBytes,
        count: usize,
    ) -> anyhow::Result<()> {
        let digest = sample.transaction.digest(&samples::context());
        for result in self.keys.verify_batch(&vec![(digest, *proof); count]) {
            result?;
        }
        Ok(())
    }
}

/// Makes and verifies `runs` proofs and returns their figures.
///
/// # Errors
/// If keys are missing and cannot be made, or a proof fails.
pub fn figures(keys: &Keys, runs: usize) -> anyhow::Result<Value> {
    ensure!(runs > 0, "at least one run");
    let started = Instant::now();
    let mut client = Client::new(keys)?;
    let load = started.elapsed().as_secs_f64();
    let bars = MultiProgress::new();
    let bar = counter(&bars, "client proofs", runs as u64);
    let (mut proving, mut verifying) = (Vec::new(), Vec::new());
    for run in 0..=runs {
        let sample = client.sample();
        let started = Instant::now();
        let proof = client.prove(&sample)?;
        let proved = started.elapsed().as_secs_f64() * 1e3;
        let started = Instant::now();
        client.verify(&sample, &proof)?;
        // The first run warms caches and is not counted.
        if run > 0 {
            proving.push(proved);
            verifying.push(started.elapsed().as_secs_f64() * 1e3);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(json!({
        "constraints": client.keys.constraints(),
        "parts": subrosa_transaction::constraints()?,
        "keys_s": rounded(load, 3),
        "prove_ms_median": rounded(median(&proving), 1),
        "prove_ms_max": rounded(proving.iter().copied().fold(0.0, f64::max), 1),
        "verify_ms_median": rounded(median(&verifying), 2),
        "proof_bytes": PROOF_LEN,
        "runs": runs,
        "peak_rss_bytes": peak_rss_bytes(),
    }))
}
