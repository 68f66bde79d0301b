//! A sequencer in a process of its own, which a test can kill.
//!
//! The process is the test's own program, run again with a test that calls [`run`].

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use subrosa_clock::Clock;
use subrosa_l1::Contracts;

use super::stage::{Skewed, config, ports};
use crate::Api;

/// Environment variable with the [`Orders`].
const ORDERS: &str = "SUBROSA_FAULTS_CHILD";

/// Orders to the process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    /// Endpoint of L1.
    pub l1: String,
    /// The contracts.
    pub contracts: Contracts,
    /// Directory of the store.
    pub store: std::path::PathBuf,
    /// Seconds by which its clock is ahead.
    pub clock: i64,
    /// Size in KiB beyond which it cannot write to a file; no bound if `None`.
    pub file_limit: Option<u64>,
}

/// A sequencer in a process of its own. It is killed when this value is dropped.
pub struct Process {
    child: Child,
    /// Its interface.
    pub api: Api,
}

/// The end of a process that refused to start.
#[derive(Debug)]
pub struct Refused {
    /// The reason that it gave.
    pub reason: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a sequencer until the process is killed. Returns at once where there are no orders.
///
/// # Errors
/// If the orders cannot be read. A sequencer that does not start prints the reason.
pub async fn run() -> anyhow::Result<()> {
    let Ok(orders) = std::env::var(ORDERS) else {
        return Ok(());
    };
    let orders: Orders = serde_json::from_str(&orders)?;
    let config = config(&orders.store, orders.contracts);
    let clock: Arc<dyn Clock> = Arc::new(Skewed { by: orders.clock });
    let ports = ports(
        &orders.l1,
        orders.contracts,
        &orders.store,
        clock,
        Duration::from_millis(5),
    );
    let ports = ports.await?;
    let running = match subrosa_sequencer::start(config, ports).await {
        Ok(running) => running,
        Err(error) => {
            println!("refused {}", error.to_string().replace('\n', " "));
            std::process::exit(3);
        }
    };
    println!("listening {}", running.addr());
    // The process is killed; the bound is for a test that died before it.
    tokio::time::sleep(Duration::from_secs(600)).await;
    drop(running);
    Ok(())
}

impl Process {
    /// Starts a sequencer in a process that runs the ignored test `test` of this program, and waits
    /// until it listens.
    ///
    /// # Errors
    /// If the process cannot be started. The inner error is the sequencer's own refusal.
    pub fn start(test: &str, orders: &Orders) -> anyhow::Result<Result<Self, Refused>> {
        let program = std::env::current_exe()?;
        let arguments = [test, "--exact", "--ignored", "--nocapture"];
        let mut command = match orders.file_limit {
            None => Command::new(&program),
            Some(limit) => {
                let mut shell = limited(limit);
                shell.arg(&program);
                shell
            }
        };
        let mut child = command
            .args(arguments)
            .env(ORDERS, serde_json::to_string(orders)?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = child.stdout.take().context("the output is piped")?;
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some((_, address)) = line.split_once("listening ") {
                let api = Api::new(&format!("http://{}", address.trim()))?;
                return Ok(Ok(Self { child, api }));
            }
            if let Some((_, reason)) = line.split_once("refused ") {
                let reason = reason.to_owned();
                child.wait()?;
                return Ok(Err(Refused { reason }));
            }
        }
        let status = child.wait()?;
        bail!("the process ended without a word: {status}")
    }

    /// Kills the process without a warning (SIGKILL).
    ///
    /// # Errors
    /// The operating system's.
    pub fn kill(mut self) -> std::io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// Whether the process still runs.
    ///
    /// # Errors
    /// The operating system's.
    pub fn runs(&mut self) -> std::io::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }
}

/// Returns a command that runs its arguments with a limit to the size of each written file, beyond
/// which a write fails.
fn limited(kibibytes: u64) -> Command {
    let mut shell = Command::new("bash");
    // Without the trap, the signal of a file that is too large ends the process.
    let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$@\"");
    shell.args(["-c", &script, "limited"]);
    shell
}

/// A file system of a few MiB in memory, mounted on a directory until it is dropped.
pub struct SmallDisk<'a> {
    at: &'a Path,
}

impl<'a> SmallDisk<'a> {
    /// Mounts a file system with this size. Returns `None` where the system does not allow it.
    #[must_use]
    pub fn mount(at: &'a Path, mebibytes: u64) -> Option<Self> {
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(at)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self { at })
    }

    /// Changes its size.
    #[must_use]
    pub fn resize(&self, mebibytes: u64) -> bool {
        let options = format!("remount,size={mebibytes}m");
        let changed = Command::new("mount")
            .args(["-o", &options])
            .arg(self.at)
            .status();
        changed.is_ok_and(|status| status.success())
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.at).status();
    }
}
