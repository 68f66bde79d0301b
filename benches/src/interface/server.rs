//! The sequencer under load: the built binary in processes of its own, over a development chain.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use subrosa_l1::development::{Anvil, AnvilOptions};
use subrosa_node::Keys;
use tempfile::TempDir;

/// Longest wait for the start.
const PATIENCE: Duration = Duration::from_secs(300);
/// Ticks a second of the processor times in `/proc`, on every Linux that is in use.
const TICKS: f64 = 100.0;

/// Settings of the sequencer: those by default, except that a fee may be 0.
const SETTINGS: &str = "min_fee = \"0\"\n[seal]\nshapes = [4]\n";

/// A running sequencer, which ends when this value is dropped.
pub(super) struct Server {
    process: Child,
    /// Base URL of the interface.
    pub(super) base: String,
    /// Base URL of the listener for operators.
    pub(super) operations: String,
    chain: Option<Anvil>,
    _directory: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Deploys contracts on a development chain and starts a sequencer.
    pub(super) async fn start(keys: &Keys) -> anyhow::Result<Self> {
        let chain = Anvil::start(AnvilOptions::default())
            .await
            .context("the measurement needs anvil: scripts/prepare --contracts installs it")?;
        let binary = std::env::current_exe()?;
        let keys = std::path::absolute(&keys.directory)?;
        let directory = tempfile::tempdir()?;
        let at = |name: &str| directory.path().join(name);
        let (deployment, settings, log) = (at("deployment.toml"), at("settings.toml"), at("log"));
        let deployed = Command::new(&binary)
            .arg("--keys")
            .arg(&keys)
            .args(["setup", "deploy", "--l1", &chain.url, "--slots", "4"])
            .output()?;
        let why = String::from_utf8_lossy(&deployed.stderr);
        ensure!(deployed.status.success(), "the deployment failed: {why}");
        std::fs::write(&deployment, &deployed.stdout)?;
        std::fs::write(&settings, SETTINGS)?;
        let process = Command::new(&binary)
            .arg("--keys")
            .arg(&keys)
            .args(["sequencer", "--development", "--listen", "127.0.0.1:0"])
            .arg("--deployment")
            .arg(&deployment)
            .arg("--config")
            .arg(&settings)
            .arg("--store")
            .arg(at("store"))
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut server = Self {
            process,
            base: String::new(),
            operations: String::new(),
            chain: Some(chain),
            _directory: directory,
        };
        server.base = server.said(&log, "sequencer on ").await?;
        server.operations = server.said(&log, "operations on ").await?;
        Ok(server)
    }

    /// Waits until the sequencer says on which address it listens.
    async fn said(&mut self, log: &Path, before: &str) -> anyhow::Result<String> {
        let since = Instant::now();
        loop {
            let text = std::fs::read_to_string(log)?;
            let url = text.lines().find_map(|line| line.strip_prefix(before));
            if let Some((base, _)) = url.and_then(|url| url.rsplit_once('/')) {
                return Ok(base.to_owned());
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("the sequencer ended with {status}: {text}");
            }
            ensure!(since.elapsed() < PATIENCE, "it does not listen: {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Takes L1 away. The sequencer goes on accepting, and neither seals nor proves: from now on
    /// the interface and admission alone are measured.
    pub(super) fn leave_chain(&mut self) {
        self.chain = None;
    }

    fn proc(&self, name: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{name}", self.process.id());
        std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))
    }

    /// Returns a line of the process's memory, such as `VmRSS`, in bytes.
    pub(super) fn memory(&self, name: &str) -> anyhow::Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| {
            let kib = line.strip_prefix(name)?.strip_prefix(':')?;
            kib.trim().trim_end_matches(" kB").parse::<u64>().ok()
        });
        Ok(line.with_context(|| format!("no {name}"))? * 1024)
    }

    /// Forgets the peak of memory so far.
    pub(super) fn forget_peak(&self) -> anyhow::Result<()> {
        let path = format!("/proc/{}/clear_refs", self.process.id());
        std::fs::write(&path, "5").with_context(|| format!("{path} cannot be written"))
    }

    /// Returns the processor time that the process has used, seconds.
    pub(super) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        let (_, fields) = stat.rsplit_once(") ").context("stat")?;
        let ticks = fields.split(' ').skip(11).take(2);
        let ticks: Vec<f64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
        Ok(ticks.iter().sum::<f64>() / TICKS)
    }
}
