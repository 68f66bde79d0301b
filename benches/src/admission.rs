//! The sequencer's admission work: decoding, rules and proof verification, in groups on all cores.

use std::{sync::Arc, time::Instant};

use anyhow::ensure;
use indicatif::MultiProgress;
use rayon::prelude::*;
use serde_json::{Value, json};
use subrosa_node::{
    Keys,
    progress::counter,
    system::{median, peak_rss_bytes, rounded},
};
use subrosa_protocol::{ledger::Config, transaction::Submission};
use subrosa_prover::{groth16::TransactionKeys, progress::Silent};
use subrosa_transaction::samples::{self, SAMPLE_ASSETS, Sample};

/// Submissions that are verified together.
pub const GROUP: usize = 64;
/// Distinct submissions. They repeat, because verification does the same work for each.
const DISTINCT: usize = 8;

/// Valid submissions, and the keys that verify them.
pub struct Admission {
    keys: Arc<TransactionKeys>,
    encoded: Vec<Vec<u8>>,
    config: Config,
}

impl Admission {
    /// Makes the submissions with their proofs.
    ///
    /// # Errors
    /// If keys are missing and cannot be made, or a proof fails.
    pub fn new(keys: &Keys) -> anyhow::Result<Self> {
        let keys = keys.open()?.transaction(&Silent)?;
        let mut rng = crate::rng();
        let mut encoded = Vec::with_capacity(DISTINCT);
        for _ in 0..DISTINCT {
            let Sample {
                transaction,
                words,
                witness,
                ..
            } = samples::transfer(&mut rng);
            let proof = keys.prove(&words, &witness)?;
            encoded.push(Submission { transaction, proof }.to_bytes());
        }
        Ok(Self {
            keys,
            encoded,
            config: Config {
                context: samples::context(),
                fee_asset: SAMPLE_ASSETS[0],
                min_fee: 0,
            },
        })
    }

    /// Decodes, checks and verifies the group with this number.
    ///
    /// # Errors
    /// If a submission is refused.
    pub fn admit(&self, group: usize) -> anyhow::Result<()> {
        let now = samples::SAMPLE_EXPIRY - 60;
        let items = (0..GROUP)
            .into_par_iter()
            .map(|i| {
                let submission = Submission::from_bytes(&self.encoded[(group + i) % DISTINCT])?;
                subrosa_protocol::ledger::stateless(&submission.transaction, &self.config, now)?;
                let digest = submission.transaction.digest(&self.config.context);
                Ok((digest, submission.proof))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        for result in self.keys.verify_batch(&items) {
            result?;
        }
        Ok(())
    }
}

/// Admits `submissions` in groups and returns the figures.
///
/// # Errors
/// If there are fewer than a group, keys are missing and cannot be made, or a submission is
/// refused.
pub fn figures(keys: &Keys, submissions: usize) -> anyhow::Result<Value> {
    ensure!(submissions >= GROUP, "at least {GROUP} submissions");
    let admission = Admission::new(keys)?;
    let groups = submissions / GROUP;
    let bars = MultiProgress::new();
    let bar = counter(&bars, "groups of 64", groups as u64);
    let mut latencies = Vec::with_capacity(groups);
    let all = Instant::now();
    for group in 0..groups {
        let started = Instant::now();
        admission.admit(group)?;
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
