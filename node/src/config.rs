//! Settings in layers: a file, then the environment, then flags.

use std::path::Path;

use anyhow::Context as _;
use figment::{
    Figment,
    providers::{Env, Format as _, Serialized, Toml},
};
use serde::{Serialize, de::DeserializeOwned};

/// Reads settings. Later layers win: the TOML `file`, then environment variables that start with
/// `prefix` (with `__` between levels), then `flags` (skip the absent ones when serializing).
///
/// # Errors
/// If the file is missing, or a setting is missing or malformed.
pub fn layered<T: DeserializeOwned>(
    file: Option<&Path>,
    prefix: &str,
    flags: impl Serialize,
) -> anyhow::Result<T> {
    let mut figment = Figment::new();
    if let Some(path) = file {
        anyhow::ensure!(path.is_file(), "the file {} does not exist", path.display());
        figment = figment.merge(Toml::file_exact(path));
    }
    figment
        // SUBROSA_…_CONFIG names the file itself.
        .merge(Env::prefixed(prefix).ignore(&["config"]).split("__"))
        .merge(Serialized::defaults(flags))
        .extract()
        .context("a setting is missing or wrong")
}
