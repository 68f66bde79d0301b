//! Configuration in layers: a file, then the environment, then flags.

use std::path::Path;

use anyhow::Context as _;
use figment::{
    Figment,
    providers::{Env, Format as _, Serialized, Toml},
};
use serde::{Serialize, de::DeserializeOwned};

/// Reads a configuration. Later layers win: the file, variables that start with `prefix` (with `__` between
/// levels), and `flags`, of which absent ones are left out.
pub(crate) fn layered<T: DeserializeOwned>(
    file: Option<&Path>,
    prefix: &str,
    flags: impl Serialize,
) -> anyhow::Result<T> {
    let mut figment = Figment::new();
    if let Some(path) = file {
        anyhow::ensure!(
            path.is_file(),
            "the configuration file {} does not exist",
            path.display()
        );
        figment = figment.merge(Toml::file_exact(path));
    }
    figment
        // The variable that names the file itself is no setting.
        .merge(Env::prefixed(prefix).ignore(&["config"]).split("__"))
        .merge(Serialized::defaults(flags))
        .extract()
        .context("the configuration is incomplete or wrong")
}
