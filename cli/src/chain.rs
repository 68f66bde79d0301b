//! The L1 of a demonstration: in process, or an anvil that this process starts and ends.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::Address;
use anyhow::{Context as _, bail};
use subrosa_l1::{EmbeddedTransport, RpcTransport, Transport, development};

/// Which chain to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ChainKind {
    /// revm in this process.
    Embedded,
    /// An anvil on the loopback interface.
    Anvil,
}

/// A running chain.
pub(crate) struct Chain {
    /// Calls and transactions.
    pub(crate) transport: Arc<dyn Transport>,
    /// Where others can reach it, if they can.
    pub(crate) url: Option<String>,
    _node: Option<Node>,
}

/// Ends the node when dropped.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Chain {
    /// Starts the chain with the development accounts funded.
    pub(crate) async fn start(kind: ChainKind) -> anyhow::Result<Self> {
        let funded: Vec<Address> = development::accounts()
            .iter()
            .map(|a| a.address())
            .collect();
        match kind {
            ChainKind::Embedded => Ok(Self {
                transport: Arc::new(EmbeddedTransport::new(&funded)),
                url: None,
                _node: None,
            }),
            ChainKind::Anvil => Self::anvil().await,
        }
    }

    async fn anvil() -> anyhow::Result<Self> {
        // The port is free now; anvil takes it a moment later.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let program = find_anvil()?;
        let child = Command::new(&program)
            .args([
                "--host",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--silent",
                "--hardfork",
                "prague",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let node = Node(child);
        let url = format!("http://127.0.0.1:{port}");
        let transport = RpcTransport::new(&url)?;
        let started = Instant::now();
        while transport.chain_id().await.is_err() {
            if started.elapsed() > Duration::from_secs(20) {
                bail!("anvil did not answer within 20 seconds");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self {
            transport: Arc::new(transport),
            url: Some(url),
            _node: Some(node),
        })
    }
}

/// anvil from the contracts' npm packages, or from the path.
pub(crate) fn find_anvil() -> anyhow::Result<PathBuf> {
    let packaged =
        PathBuf::from("verifier-contract/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
    let from_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
        .map(|directory| directory.join("anvil"));
    std::iter::once(packaged)
        .chain(from_path)
        .find(|candidate| candidate.is_file())
        .context("anvil was not found: run `scripts/prepare --contracts`, or put anvil on the PATH")
}
