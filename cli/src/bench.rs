//! `subrosa bench`: figures of this machine, as a line for people or as JSON. Nothing here judges them.

use std::{sync::Mutex, time::Instant};

use alloy_primitives::{Bytes, U256};
use anyhow::{Context as _, ensure};
use indicatif::MultiProgress;
use rand::{Rng as _, RngCore as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use subrosa_l1::{
    EmbeddedTransport, Transport as _, contracts::BatchVerifier, deploy::data_contract,
    development, transport::Outgoing,
};
use subrosa_protocol::{
    Fr,
    asset::AssetId,
    batch::{BatchWitness, Shape},
    encryption::{EphemeralKey, Memo, OutputPlaintext, PublishedOutputs, Scanner, encrypt_outputs},
    keys::{Seed, ViewingKey},
    ledger::Config,
    transaction::Submission,
};
use subrosa_prover::{
    batch::{BatchKeys, BatchProof},
    groth16::{ProofBytes, TransactionKeys},
    progress::{ProgressSink, Silent},
};
use subrosa_transaction::samples::{self, SAMPLE_ASSETS, Sample};

use subrosa_node::{Keys, progress::counter, proofs::verification_gas};

use crate::system::{median, peak_rss_bytes, reset_peak_rss, rounded};

/// What to measure.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Client proofs: constraints, time, memory.
    Client {
        /// How many proofs.
        #[arg(long, default_value_t = 10)]
        runs: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// A batch of proven transactions: cells, keys, witness, proof, memory.
    Batch {
        /// Slots of the shape; all are filled.
        #[arg(long, default_value_t = 16)]
        slots: usize,
        /// How many proofs.
        #[arg(long, default_value_t = 3)]
        runs: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// The sequencer's admission work: decoding, rules, proof verification, in groups of 64 on all cores.
    Admission {
        /// How many submissions.
        #[arg(long, default_value_t = 2048)]
        submissions: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// A wallet's trial decryption, on one core.
    Scan {
        /// How many transactions, of three notes each.
        #[arg(long, default_value_t = 20_000)]
        transactions: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Measures and prints.
pub(crate) async fn run(keys: &Keys, command: Command) -> anyhow::Result<()> {
    let (figures, as_json) = match command {
        Command::Client { runs, json } => (client(keys, runs)?, json),
        Command::Batch { slots, runs, json } => (batch(keys, slots, runs).await?, json),
        Command::Admission { submissions, json } => (admission(keys, submissions)?, json),
        Command::Scan { transactions, json } => (scan(transactions)?, json),
    };
    if as_json {
        println!("{figures}");
    } else if let Value::Object(map) = &figures {
        for (name, value) in map {
            println!("{name:32} {value}");
        }
    }
    Ok(())
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(20_260_101)
}

fn client(keys: &Keys, runs: usize) -> anyhow::Result<Value> {
    ensure!(runs > 0, "at least one run");
    let started = Instant::now();
    let keys = keys.open()?.transaction(&Silent)?;
    let load = started.elapsed().as_secs_f64();
    let bars = MultiProgress::new();
    let bar = counter(&bars, "client proofs", runs as u64);
    let mut rng = rng();
    let (mut proving, mut verifying) = (Vec::new(), Vec::new());
    for run in 0..=runs {
        let sample = if run % 2 == 0 {
            samples::transfer(&mut rng)
        } else {
            samples::withdraw(&mut rng)
        };
        let started = Instant::now();
        let proof = keys.prove(&sample.words, &sample.witness)?;
        let proved = started.elapsed().as_secs_f64() * 1e3;
        let started = Instant::now();
        keys.verify(&sample.transaction.digest(&samples::context()), &proof)?;
        // The first run warms caches and is not counted.
        if run > 0 {
            proving.push(proved);
            verifying.push(started.elapsed().as_secs_f64() * 1e3);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(json!({
        "constraints": keys.constraints(),
        "parts": subrosa_transaction::constraints()?,
        "keys_s": rounded(load, 3),
        "prove_ms_median": rounded(median(&proving), 1),
        "prove_ms_max": rounded(proving.iter().copied().fold(0.0, f64::max), 1),
        "verify_ms_median": rounded(median(&verifying), 2),
        "proof_bytes": 128,
        "runs": runs,
        "peak_rss_bytes": peak_rss_bytes(),
    }))
}

/// A batch with all slots full, and the proofs of its transactions.
struct FullBatch {
    witness: BatchWitness,
    proofs: Vec<ProofBytes>,
    /// Time the ledger and the statements took.
    execute: f64,
}

/// Makes a batch that the ledger accepts, in whose every slot is a transaction of its own with a proof of
/// its own.
fn full_batch(
    shape: Shape,
    keys: &TransactionKeys,
    bars: &MultiProgress,
) -> anyhow::Result<FullBatch> {
    use rayon::prelude::*;
    let started = Instant::now();
    let block = samples::block(shape, shape.slots(), shape.slots(), &mut rng());
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
    Ok(FullBatch {
        witness: block.witness,
        proofs,
        execute,
    })
}

/// Adds up how long each phase takes.
struct PhaseTimes(Mutex<(Instant, &'static str, f64)>);

impl PhaseTimes {
    const WITNESS: &'static str = "witness";

    fn new() -> Self {
        Self(Mutex::new((Instant::now(), "", 0.0)))
    }

    /// Seconds spent on writing columns.
    fn witness(&self) -> f64 {
        self.0.lock().map_or(0.0, |times| times.2)
    }
}

impl ProgressSink for PhaseTimes {
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

async fn batch(keys: &Keys, slots: usize, runs: usize) -> anyhow::Result<Value> {
    ensure!(runs > 0, "at least one run");
    let shape = Shape::from_slots(slots).context("a shape has 4, 16 or 64 slots")?;
    let bars = MultiProgress::new();
    let store = keys.open_to_prove()?;
    let clients = store.transaction(&Silent)?;
    let full = full_batch(shape, &clients, &bars)?;
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
        let proof = keys.prove(&full.witness, &full.proofs, &phases)?;
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

/// What L1 charges for a proof, by part.
struct Gas {
    /// Execution of the verifier.
    verify: u64,
    /// What the transaction pays for itself and its calldata.
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
    let create = |data: Bytes| Outgoing {
        operation: "create",
        to: None,
        data,
        value: U256::ZERO,
    };
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

fn admission(keys: &Keys, submissions: usize) -> anyhow::Result<Value> {
    const GROUP: usize = 64;
    const DISTINCT: usize = 8;
    ensure!(submissions >= GROUP, "at least {GROUP} submissions");
    let keys = keys.open()?.transaction(&Silent)?;
    let mut rng = rng();
    // A few distinct valid submissions, repeated: verification does the same work for each.
    let mut encoded = Vec::with_capacity(DISTINCT);
    for _ in 0..DISTINCT {
        let Sample {
            transaction,
            words,
            witness,
            ..
        } = samples::transfer(&mut rng);
        let proof = *keys.prove(&words, &witness)?.as_bytes();
        encoded.push(Submission { transaction, proof }.to_bytes());
    }
    let config = Config {
        context: samples::context(),
        fee_asset: SAMPLE_ASSETS[0],
        min_fee: 0,
    };
    let now = samples::SAMPLE_EXPIRY - 60;
    let groups = submissions / GROUP;
    let bars = MultiProgress::new();
    let bar = counter(&bars, "groups of 64", groups as u64);
    let mut latencies = Vec::with_capacity(groups);
    let all = Instant::now();
    for group in 0..groups {
        use rayon::prelude::*;
        let started = Instant::now();
        let items = (0..GROUP)
            .into_par_iter()
            .map(|i| {
                let submission = Submission::from_bytes(&encoded[(group + i) % DISTINCT])?;
                subrosa_protocol::ledger::stateless(&submission.transaction, &config, now)?;
                let digest = submission.transaction.digest(&config.context);
                Ok((
                    digest,
                    subrosa_prover::groth16::ProofBytes::new(submission.proof),
                ))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        for result in keys.verify_batch(&items) {
            result?;
        }
        latencies.push(started.elapsed().as_secs_f64() * 1e3);
        bar.inc(1);
    }
    let seconds = all.elapsed().as_secs_f64();
    bar.finish_and_clear();
    latencies.sort_by(f64::total_cmp);
    let p99 = latencies[(latencies.len() * 99 / 100).min(latencies.len() - 1)];
    Ok(json!({
        "submissions": groups * GROUP,
        "group": GROUP,
        "threads": rayon::current_num_threads(),
        "admissions_per_second": rounded((groups * GROUP) as f64 / seconds, 0),
        "group_ms_median": rounded(median(&latencies), 2),
        "group_ms_p99": rounded(p99, 2),
        "peak_rss_bytes": peak_rss_bytes(),
    }))
}

fn scan(transactions: usize) -> anyhow::Result<Value> {
    ensure!(transactions > 0, "at least one transaction");
    const DISTINCT: usize = 256;
    let mut rng = rng();
    let keys = ViewingKey::from_seed(&Seed::random(&mut rng));
    // Notes of others, as nearly all that a wallet scans.
    let distinct: Vec<PublishedOutputs> = (0..DISTINCT)
        .map(|_| {
            let other = ViewingKey::from_seed(&Seed::random(&mut rng));
            let nullifiers: [Fr; 3] = std::array::from_fn(|_| Fr::from(rng.r#gen::<u128>()));
            let ephemeral = EphemeralKey::new(&other.ovk, &nullifiers);
            let outputs = [0u8, 1, 2].map(|i| {
                let value = u128::from(rng.next_u64());
                OutputPlaintext::cash(
                    &ephemeral,
                    &nullifiers[0],
                    i,
                    other.address(),
                    AssetId(0),
                    value,
                    &Memo::default(),
                )
            });
            PublishedOutputs {
                ephemeral: ephemeral.y(),
                nullifiers,
                commitments: outputs.each_ref().map(|output| output.note.commitment()),
                note_data: encrypt_outputs(&ephemeral, &other.ovk, &outputs, &Memo::default()),
            }
        })
        .collect();
    let published: Vec<_> = distinct
        .iter()
        .cycle()
        .take(transactions)
        .cloned()
        .collect();
    let scanner = Scanner::new(&keys);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let started = Instant::now();
    let found = pool.install(|| scanner.scan(&published)).len();
    let seconds = started.elapsed().as_secs_f64();
    ensure!(found == 0, "a stranger's note was taken for ours");
    Ok(json!({
        "transactions": transactions,
        "notes_per_second_per_core": rounded(3.0 * transactions as f64 / seconds, 0),
        "peak_rss_bytes": peak_rss_bytes(),
    }))
}
