//! Services in processes of their own.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

/// Longest time from the start of a service to its address. The first start may make keys.
const PATIENCE: Duration = Duration::from_secs(600);
/// Longest time that a service may take to end by itself.
const ENDING: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);
/// Lines of a log that an error quotes.
const QUOTED: usize = 12;

/// Running service, which ends when this value is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts this binary with `arguments`. It writes its log to `log`.
    pub(crate) fn start(
        name: &str,
        arguments: &[String],
        environment: &[(&str, &str)],
        log: &Path,
    ) -> anyhow::Result<Self> {
        let file = File::create(log)?;
        let child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        })
    }

    /// Waits until the service says on which address it listens, and returns its base URL. `before`
    /// is the text before the URL in its log.
    pub(crate) async fn base(&mut self, before: &str) -> anyhow::Result<String> {
        let started = Instant::now();
        loop {
            let log = std::fs::read_to_string(&self.log)?;
            let found = log.lines().find_map(|line| {
                let (_, rest) = line.split_once(before)?;
                let host = rest.find("://")? + 3;
                let end = host + rest[host..].find('/')?;
                Some(rest[..end].to_owned())
            });
            if let Some(base) = found {
                return Ok(base);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}:\n{}", self.name, self.tail());
            }
            ensure!(
                started.elapsed() < PATIENCE,
                "{} does not listen after {} s:\n{}",
                self.name,
                PATIENCE.as_secs(),
                self.tail()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Returns the file with its log.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(QUOTED)..].join("\n")
    }

    /// Asks the service to end and waits for it. Kills it if it does not.
    pub(crate) async fn stop(mut self) {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        if !asked.is_ok_and(|status| status.success()) {
            return;
        }
        let since = Instant::now();
        while since.elapsed() < ENDING {
            match self.child.try_wait() {
                Ok(None) => tokio::time::sleep(POLL).await,
                _ => return,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs this binary with `arguments` to its end.
pub(crate) fn run(arguments: &[String], environment: &[(&str, &str)]) -> anyhow::Result<()> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()?;
    ensure!(
        output.status.success(),
        "subrosa {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
