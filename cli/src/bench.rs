//! `subrosa bench`: figures of this machine, as lines for people or as JSON.

use serde_json::Value;
use subrosa_benches::{admission, batch, client, derivation, interface, scan, settlement, waits};
use subrosa_node::Keys;

use crate::output;

/// `subrosa bench …`
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Client proofs: constraints, time, memory.
    Client {
        /// Number of proofs.
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
        /// Number of proofs.
        #[arg(long, default_value_t = 3)]
        runs: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// The sequencer's admission work: decoding, rules and proof verification, in groups of 64 on
    /// all cores.
    Admission {
        /// Number of submissions.
        #[arg(long, default_value_t = 2048)]
        submissions: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Derivation of the state from what L1 recorded, on all cores.
    Derivation {
        /// Number of transactions, in batches of 64.
        #[arg(long, default_value_t = 10_000)]
        transactions: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// The sequencer's interface under load on 127.0.0.0/8, for about two minutes: half-open
    /// connections, slow readers, streams, garbage, a flood of the mailbox and idle wallets, beside
    /// honest submissions. Needs anvil.
    Interface {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// A wallet's trial decryption, on one core.
    Scan {
        /// Number of transactions, of three notes each.
        #[arg(long, default_value_t = 20_000)]
        transactions: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Gas of settlement by its parts, for full batches of 4, 16 and 64, under today's rules and
    /// those announced: from what the contracts' tests and the batch proofs measured.
    Settlement {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Waits and gas of transactions on simulated time, at several rates and intervals of price
    /// snapshots: the real sequencer, with doubles of prover and L1.
    Waits {
        /// Simulated hours of each run.
        #[arg(long, default_value_t = 2)]
        hours: u32,
        /// Transactions a second, in place of the usual rates.
        #[arg(long)]
        rate: Option<f64>,
        /// Factor by which batch proofs are faster than measured; used with --rate.
        #[arg(long, default_value_t = 1.0, requires = "rate")]
        prover_speed: f64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Measures and prints.
pub(crate) async fn run(keys: &Keys, command: Command) -> anyhow::Result<()> {
    let (figures, as_json) = match command {
        Command::Client { runs, json } => (client::figures(keys, runs)?, json),
        Command::Batch { slots, runs, json } => (batch::figures(keys, slots, runs).await?, json),
        Command::Admission { submissions, json } => (admission::figures(keys, submissions)?, json),
        Command::Derivation { transactions, json } => {
            (derivation::figures(transactions).await?, json)
        }
        Command::Interface { json } => (interface::figures(keys).await?, json),
        Command::Settlement { json } => (settlement::figures()?, json),
        Command::Scan { transactions, json } => (scan::figures(transactions)?, json),
        Command::Waits {
            hours,
            rate,
            prover_speed,
            json,
        } => {
            let only = rate.map(|rate| (rate, prover_speed));
            (waits::figures(hours, only)?, json)
        }
    };
    if as_json {
        output::line(figures)?;
    } else if let Value::Object(map) = &figures {
        for (name, value) in map {
            output::line(format_args!("{name:32} {value}"))?;
        }
    }
    Ok(())
}
