//! The deployment that a command acts on.

use std::path::Path;

use anyhow::Context as _;
use subrosa_node::{Deployment, Rollup};

/// Connects to the deployment of a file.
///
/// # Errors
/// If no file is named, it cannot be read, or L1 does not answer.
pub(crate) async fn connect(file: Option<&Path>) -> anyhow::Result<Rollup> {
    let file = file.context("name the deployment file with --deployment or SUBROSA_DEPLOYMENT")?;
    Deployment::read(file)?.connect().await
}
