//! The README's way to run the services, on machines of their own.

use std::process::Command;

use anyhow::{Context as _, ensure};
use subrosa_tests::{
    Chain, keys,
    processes::{binary, text},
};

#[tokio::test]
async fn the_readme_runs_on_several_machines_as_it_is_written() -> anyhow::Result<()> {
    let Some(binary) = binary() else {
        return Ok(());
    };
    // Without anvil there is nothing to run.
    if Chain::anvil().await?.is_none() {
        return Ok(());
    }
    // The operator's keys exist, so that the test need not make them.
    let _ = keys::keys();
    let output = Command::new(keys::workspace().join("examples/two-machines.sh"))
        .env(
            "SUBROSA_BIN",
            binary.parent().context("the binary is in a directory")?,
        )
        .env("SUBROSA_KEYS", text(&keys::directory())?)
        .output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{log}");
    ensure!(log.contains("settled: institution 4 holds"), "{log}");
    Ok(())
}
