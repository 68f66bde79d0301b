//! The built binary, run as a user runs it: each service its own process with its own directory.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use subrosa_node::Deployment;

use crate::{PATIENCE, keys};

/// Finds the binary: `SUBROSA_BINARY`, or the one beside the tests, which
/// `cargo build --release -p subrosa` makes. Says on standard error where there is none.
#[must_use]
pub fn binary() -> Option<PathBuf> {
    let named = std::env::var_os("SUBROSA_BINARY").map(PathBuf::from);
    let beside = std::env::current_exe()
        .ok()
        .and_then(|test| Some(test.parent()?.parent()?.join("subrosa")));
    let found = named
        .into_iter()
        .chain(beside)
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: the binary is not built (`cargo build --release -p subrosa` does it)");
    }
    found
}

/// Runs `subrosa --keys … <arguments>` to its end and returns its standard output.
///
/// # Errors
/// If it fails; the error holds what it wrote on standard error.
pub fn run(
    binary: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> anyhow::Result<String> {
    let output = Command::new(binary)
        .arg("--keys")
        .arg(keys::directory())
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()?;
    ensure!(
        output.status.success(),
        "subrosa {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs `subrosa setup deploy` on the chain at `l1`, with batches of four alone, and writes the
/// deployment file.
///
/// # Errors
/// If it fails.
pub fn deploy(binary: &Path, l1: &str, file: &Path) -> anyhow::Result<Deployment> {
    let arguments = [
        "setup", "deploy", "--slots", "4", "--mint", "100000", "--l1", l1,
    ];
    std::fs::write(file, run(binary, &arguments, &[])?)?;
    Deployment::read(file)
}

/// A service of the binary in a process of its own; killed when dropped.
pub struct Service {
    name: &'static str,
    command: Box<dyn Fn() -> Command + Send>,
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Starts `subrosa --keys … <arguments>`, which logs to `<directory>/<name>.log`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(
        binary: &Path,
        name: &'static str,
        directory: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let owned = |text: &&str| (*text).to_owned();
        let binary = binary.to_owned();
        let arguments: Vec<String> = arguments.iter().map(owned).collect();
        let environment: Vec<(String, String)> = environment
            .iter()
            .map(|(name, value)| (owned(name), owned(value)))
            .collect();
        let command = Box::new(move || {
            let mut command = Command::new(&binary);
            command
                .arg("--keys")
                .arg(keys::directory())
                .args(["--log", "info"])
                .args(&arguments)
                .envs(environment.iter().cloned())
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            command
        });
        let log = directory.join(format!("{name}.log"));
        let child = Self::spawned(&command, &log)?;
        Ok(Self {
            name,
            command,
            child,
            log,
        })
    }

    fn spawned(command: &dyn Fn() -> Command, log: &Path) -> anyhow::Result<Child> {
        let errors: File = OpenOptions::new().create(true).append(true).open(log)?;
        Ok(command().stderr(errors).spawn()?)
    }

    /// Waits until `url` answers with success.
    ///
    /// # Errors
    /// If the process ends first, or the answer takes longer than [`PATIENCE`].
    pub async fn ready(&mut self, url: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        let answers = async || {
            let response = reqwest::get(url).await.ok()?;
            response.error_for_status().ok()
        };
        while answers().await.is_none() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the {} ended with {status}: {}", self.name, self.tail());
            }
            ensure!(
                started.elapsed() < PATIENCE,
                "the {} is not ready: {}",
                self.name,
                self.tail()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Returns the last lines of its log.
    #[must_use]
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Kills it with SIGKILL, which leaves a process no time for anything.
    ///
    /// # Errors
    /// The operating system's.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end with SIGTERM and waits until it has.
    ///
    /// # Errors
    /// If it does not end with success within [`PATIENCE`].
    pub async fn terminate(&mut self) -> anyhow::Result<()> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status()?;
        ensure!(sent.success(), "kill -TERM: {sent}");
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(
                    status.success(),
                    "the {} ended with {status}: {}",
                    self.name,
                    self.tail()
                );
                return Ok(());
            }
            ensure!(
                started.elapsed() < PATIENCE,
                "the {} does not end",
                self.name
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts it again after [`Self::kill`] or [`Self::terminate`].
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.child = Self::spawned(&*self.command, &self.log)?;
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the end of the {}'s log:\n{}", self.name, self.tail());
        }
    }
}

/// Returns a path as text.
///
/// # Errors
/// If it is not UTF-8.
pub fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path of UTF-8")
}
