//! The anvil node, found and started in one place.

use std::{
    ffi::OsString,
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use thiserror::Error;

use crate::{error::L1Error, rpc::RpcTransport, transport::Transport as _};

/// Time within which a started node must answer.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Wait between two attempts to reach a node that starts.
const START_POLL: Duration = Duration::from_millis(50);
/// Attempts to start a node. Another process may take the chosen port before anvil does.
const ATTEMPTS: usize = 3;

/// Why anvil was not started.
#[derive(Debug, Error)]
pub enum AnvilError {
    /// No place that [`find_anvil`] searches has it.
    #[error(
        "anvil was not found: run `scripts/prepare --contracts`, set SUBROSA_ANVIL to the program, \
         or put anvil on the PATH"
    )]
    NotFound,
    /// The operating system gave no free loopback port.
    #[error("no free port for anvil: {0}")]
    Port(#[source] io::Error),
    /// The operating system could not start the program.
    #[error("cannot start {}: {source}", .program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The program ended before it answered; its port may be in use.
    #[error("anvil ended before it answered ({0}); its port may be in use")]
    Ended(ExitStatus),
    /// The program runs but does not answer.
    #[error("anvil did not answer within {} seconds", START_TIMEOUT.as_secs())]
    Silent,
    /// Its endpoint could not be used.
    #[error(transparent)]
    L1(#[from] L1Error),
}

/// When anvil mines a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mining {
    /// After each transaction.
    #[default]
    EachTransaction,
    /// At a fixed interval, in whole seconds.
    Interval(Duration),
    /// On the request `evm_mine` only.
    OnRequest,
}

/// How to start anvil. The default is a free port, and a block for each transaction.
#[derive(Debug, Clone, Default)]
pub struct AnvilOptions {
    /// Loopback port; a free one if `None`.
    pub port: Option<u16>,
    /// When it mines.
    pub mining: Mining,
    /// Further arguments, after those that follow from the other fields.
    pub arguments: Vec<OsString>,
}

/// A running anvil, which ends when this value is dropped.
#[derive(Debug)]
pub struct Anvil {
    /// JSON-RPC endpoint on the loopback interface.
    pub url: String,
    transport: RpcTransport,
    node: Node,
}

/// A process that is killed on drop.
#[derive(Debug)]
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Anvil {
    /// Starts anvil with the Prague rules and the development accounts funded, and waits until it
    /// answers.
    ///
    /// # Errors
    /// [`AnvilError::NotFound`] if it is not installed; the other variants if it does not start.
    pub async fn start(options: AnvilOptions) -> Result<Self, AnvilError> {
        let program = find_anvil().ok_or(AnvilError::NotFound)?;
        let mut attempt = 1;
        loop {
            let started = Self::attempt(&program, &options).await;
            let port_taken = matches!(started, Err(AnvilError::Ended(_)));
            if !port_taken || options.port.is_some() || attempt == ATTEMPTS {
                return started;
            }
            attempt += 1;
        }
    }

    async fn attempt(program: &Path, options: &AnvilOptions) -> Result<Self, AnvilError> {
        let port = match options.port {
            Some(port) => port,
            None => free_port().map_err(AnvilError::Port)?,
        };
        let child =
            command(program, port, options)
                .spawn()
                .map_err(|source| AnvilError::Start {
                    program: program.to_owned(),
                    source,
                })?;
        let mut node = Node(child);
        let url = format!("http://127.0.0.1:{port}");
        let transport = RpcTransport::new(&url)?;
        let begun = Instant::now();
        while transport.chain_id().await.is_err() {
            if let Ok(Some(status)) = node.0.try_wait() {
                return Err(AnvilError::Ended(status));
            }
            if begun.elapsed() > START_TIMEOUT {
                return Err(AnvilError::Silent);
            }
            tokio::time::sleep(START_POLL).await;
        }
        Ok(Self {
            url,
            transport,
            node,
        })
    }

    /// Transport to the node.
    #[must_use]
    pub fn transport(&self) -> RpcTransport {
        self.transport.clone()
    }

    /// Process id of the node.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.node.0.id()
    }

    /// Sends a request of anvil's own, such as `evm_mine`, and returns its result.
    ///
    /// # Errors
    /// [`L1Error`] if the node does not answer or refuses the request.
    pub async fn request(&self, method: &'static str, params: Value) -> Result<Value, L1Error> {
        self.transport.request(method, params).await
    }
}

fn command(program: &Path, port: u16, options: &AnvilOptions) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--silent", "--hardfork", "prague"]);
    match options.mining {
        Mining::EachTransaction => {}
        Mining::Interval(interval) => {
            let seconds = interval.as_secs().max(1);
            command.args(["--block-time", &seconds.to_string()]);
        }
        Mining::OnRequest => {
            command.arg("--no-mining");
        }
    }
    command
        .args(&options.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Returns a loopback port that is free now. Another process can take it before it is used.
///
/// # Errors
/// The operating system's error.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Returns the path of the anvil program, if it is installed.
///
/// Searches in this order: the value of `SUBROSA_ANVIL`; the contracts' npm package under the
/// current directory, the directory in `CARGO_MANIFEST_DIR` (which `cargo run` and `cargo test`
/// set), or a directory above either; `anvil` in the directories of `PATH`.
#[must_use]
pub fn find_anvil() -> Option<PathBuf> {
    let named = std::env::var_os("SUBROSA_ANVIL").map(PathBuf::from);
    let current = std::env::current_dir().ok();
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package();
    let packaged = current.iter().chain(manifest.iter()).flat_map(|directory| {
        directory
            .ancestors()
            .map(|above| above.join(&package))
            .collect::<Vec<_>>()
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|directory| directory.join("anvil"));
    named
        .into_iter()
        .chain(packaged)
        .chain(on_path)
        .find(|candidate| candidate.is_file())
}

/// Path of the program in the contracts' npm packages, from the root of the repository.
fn package() -> PathBuf {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let package = format!("@foundry-rs/anvil-{system}-{processor}");
    Path::new("verifier-contract/node_modules")
        .join(package)
        .join("bin/anvil")
}
