//! A batch of proven transactions: cells, keys, witness, proof, memory, gas.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use alloy_primitives::{Bytes, U256};
use anyhow::{Context as _, ensure};
use indicatif::MultiProgress;
use rayon::prelude::*;
use serde_json::{Value, json};
use subrosa_l1::{
    EmbeddedTransport, Transport as _, contracts::BatchVerifier, deploy::data_contract,
    development, transport::Outgoing,
};
use subrosa_node::{
    Keys,
    progress::counter,
    proofs::verification_gas,
    system::{median, peak_rss_bytes, reset_peak_rss, rounded},
};
use subrosa_protocol::batch::{BatchWitness, Shape};
use subrosa_prover::{
    batch::{BatchKeys, BatchProof},
    groth16::{ProofBytes, TransactionKeys},
    progress::{Progress, Silent},
};
use subrosa_transaction::samples;

/// Batch with all slots full, and the proofs of its transactions.
pub struct FullBatch {
    witness: BatchWitness,
    proofs: Vec<ProofBytes>,
    /// Seconds that the ledger and the statements took.
    execute: f64,
}

impl FullBatch {
    /// Makes a batch that the ledger accepts. Every slot has its own transaction with its own
    /// proof.
    ///
    /// # Errors
    /// If a client proof fails.
    pub fn new(shape: Shape, keys: &TransactionKeys, bars: &MultiProgress) -> anyhow::Result<Self> {
        let started = Instant::now();
        let block = samples::block(shape, shape.slots(), shape.slots(), &mut crate::rng());
        let execute = started.elapsed().as_secs_f64();
        let bar = counter(bars, "client proofs", shape.slots() as u64);
        let proofs = block
            .samples
            .par_iter()
            .map(|sample| {
                let proof = keys.prove(&sample.words, &sample.witness);
                bar.inc(1);
                proof
            })
            .collect::<Result<_, _>>()?;
        bar.finish_and_clear();
        Ok(Self {
            witness: block.witness,
            proofs,
            execute,
        })
    }

    /// Loads the keys of `shape` and makes a batch.
    ///
    /// # Errors
    /// If keys are missing and cannot be made, or a client proof fails.
    pub fn with_keys(keys: &Keys, shape: Shape) -> anyhow::Result<(Self, Arc<BatchKeys>)> {
        let store = keys.open_to_prove()?;
        let clients = store.transaction(&Silent)?;
        let full = Self::new(shape, &clients, &MultiProgress::new())?;
        Ok((full, store.batch(shape, &Silent)?))
    }

    /// Proves the batch.
    ///
    /// # Errors
    /// If the prover fails.
    pub fn prove(&self, keys: &BatchKeys, progress: &dyn Progress) -> anyhow::Result<BatchProof> {
        Ok(keys.prove(&self.witness, &self.proofs, progress)?)
    }
}

/// Adds up the time of the phase in which the prover writes columns.
struct PhaseTimes(Mutex<(Instant, &'static str, f64)>);

impl PhaseTimes {
    const WITNESS: &'static str = "witness";

    fn new() -> Self {
        Self(Mutex::new((Instant::now(), "", 0.0)))
    }

    /// Returns the seconds spent on writing columns.
    fn witness(&self) -> f64 {
        self.0.lock().map_or(0.0, |times| times.2)
    }
}

impl Progress for PhaseTimes {
    fn phase(&self, name: &str, _: u64, _: u64) {
        if let Ok(mut times) = self.0.lock() {
            if times.1 == Self::WITNESS {
                times.2 += times.0.elapsed().as_secs_f64();
            }
            times.1 = if name == Self::WITNESS {
                Self::WITNESS
            } else {
                ""
            };
            times.0 = Instant::now();
        }
    }
}

/// Proves a full batch of `slots` transactions `runs` times and returns the figures.
///
/// # Errors
/// If there is no such shape, keys are missing and cannot be made, or a proof fails.
pub async fn figures(keys: &Keys, slots: usize, runs: usize) -> anyhow::Result<Value> {
    ensure!(runs > 0, "at least one run");
    let shape = Shape::from_slots(slots).context("a shape has 4, 16 or 64 slots")?;
    let bars = MultiProgress::new();
    let store = keys.open_to_prove()?;
    let clients = store.transaction(&Silent)?;
    let full = FullBatch::new(shape, &clients, &bars)?;
    // The clients' work is not the batch prover's.
    reset_peak_rss();
    let started = Instant::now();
    let keys = store.batch(shape, &Silent)?;
    let keygen = started.elapsed().as_secs_f64();
    drop(clients);
    let bar = counter(&bars, "batch proofs", runs as u64);
    let (mut proving, mut writing, mut last) = (Vec::new(), Vec::new(), None);
    for _ in 0..runs {
        let phases = PhaseTimes::new();
        let started = Instant::now();
        let proof = full.prove(&keys, &phases)?;
        proving.push(started.elapsed().as_secs_f64());
        writing.push(phases.witness());
        last = Some(proof);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let peak = peak_rss_bytes();
    let proof = last.context("no proof was made")?;
    let gas = verify_gas(&keys, &proof).await?;
    let cells: Value = serde_json::from_str(include_str!("../../circuits/batch/cells.json"))?;
    let of_shape = cells["shapes"]
        .as_array()
        .and_then(|shapes| shapes.iter().find(|s| s["slots"] == json!(slots)))
        .cloned()
        .unwrap_or_default();
    Ok(json!({
        "slots": slots,
        "k": keys.k(),
        "advice_columns": cells["columns"]["advice"],
        "lookup_columns": cells["columns"]["lookups"],
        "cells_per_transaction": cells["area_per_transaction"],
        "cells_shared": cells["area_shared"],
        "cells": of_shape["cells"],
        "keygen_s": rounded(keygen, 3),
        "execute_s": rounded(full.execute, 3),
        "witness_s": rounded(median(&writing), 3),
        "prove_s": rounded(median(&proving), 3),
        "proof_bytes": proof.proof.len(),
        "key_bytes": keys.vk_data().len(),
        "verify_gas": gas.verify,
        "verify_intrinsic_gas": gas.intrinsic,
        "verifier_deploy_gas": gas.verifier,
        "key_deploy_gas": gas.key,
        "data_words": shape.words_len(),
        "parts": of_shape["parts"],
        "runs": runs,
        "peak_rss_bytes": peak,
    }))
}

/// Gas that L1 charges for a proof, by part.
struct Gas {
    /// Execution of the verifier.
    verify: u64,
    /// Gas of the transaction itself and its calldata.
    intrinsic: u64,
    /// Deployment of the verifier, once for all shapes.
    verifier: u64,
    /// Deployment of this shape's key.
    key: u64,
}

/// Deploys verifier and key on the embedded chain and verifies the proof in a transaction.
async fn verify_gas(keys: &BatchKeys, proof: &BatchProof) -> anyhow::Result<Gas> {
    let account = development::accounts().swap_remove(0);
    let chain = EmbeddedTransport::new(&[account.address()]);
    let create = |data: Bytes| Outgoing::new("create", None, data, U256::ZERO);
    let verifier = chain
        .send(&account, create(BatchVerifier::BYTECODE.clone()))
        .await?;
    let key = chain
        .send(&account, create(data_contract(keys.vk_data())))
        .await?;
    let address = verifier.created.context("no verifier was created")?;
    let key_address = key.created.context("no key was created")?;
    let (verify, intrinsic) =
        verification_gas(&chain, &account, address, key_address, proof).await?;
    Ok(Gas {
        verify,
        intrinsic,
        verifier: verifier.gas_used,
        key: key.gas_used,
    })
}
