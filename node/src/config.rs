//! Settings in layers: a file, then the environment, then flags.

use std::{ffi::OsString, path::Path};

use anyhow::Context as _;
use figment::{
    Figment,
    error::Kind,
    providers::{Format as _, Serialized, Toml},
    value::{Dict, Value},
};
use serde::{Serialize, de::DeserializeOwned};

/// Settings in environment variables.
#[derive(Clone, Debug)]
pub struct Environment {
    prefix: &'static str,
    /// Names without the prefix, in lower case, with their texts.
    variables: Vec<(String, String)>,
}

impl Environment {
    /// Takes the variables of this process whose names start with `prefix`.
    #[must_use]
    pub fn of_process(prefix: &'static str) -> Self {
        let variables = std::env::vars_os();
        Self::new(
            prefix,
            variables.map(|(name, text)| {
                let lossy = |part: OsString| part.to_string_lossy().into_owned();
                (lossy(name), lossy(text))
            }),
        )
    }

    /// Takes those of `variables` whose names start with `prefix`. `<prefix>CONFIG` names the file
    /// itself, and is no setting.
    #[must_use]
    pub fn new(
        prefix: &'static str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let ours = variables.into_iter().filter_map(|(name, text)| {
            let name = name.strip_prefix(prefix)?.to_lowercase();
            (!name.is_empty() && name != "config").then_some((name, text))
        });
        Self {
            prefix,
            variables: ours.collect(),
        }
    }

    /// Returns those that are settings. `below` and `flags` are the layers around them.
    fn settings<T: DeserializeOwned>(&self, below: &Figment, flags: &Figment) -> Dict {
        let mut kept = Dict::new();
        let mut ignored = Vec::new();
        for (name, text) in &self.variables {
            let nested = figment::util::nest(&name.replace("__", "."), value(text));
            let Some(alone) = nested.into_dict() else {
                continue;
            };
            let layer = Serialized::defaults(&alone);
            let tried = below.clone().merge(layer).merge(flags).extract::<T>();
            if tried.is_err_and(|error| is_unknown(&error, &alone)) {
                ignored.push(format!("{}{}", self.prefix, name.to_uppercase()));
            } else {
                merge(&mut kept, alone);
            }
        }
        if !ignored.is_empty() {
            let names = ignored.join(", ");
            tracing::warn!("environment variables that are no setting are ignored: {names}");
        }
        kept
    }
}

/// Reads settings without defaults, from the environment of this process: [`layered_over`].
///
/// # Errors
/// As [`layered_over`].
pub fn layered<T: DeserializeOwned>(
    file: Option<&Path>,
    prefix: &'static str,
    flags: impl Serialize,
) -> anyhow::Result<T> {
    layered_over(Dict::new(), file, &Environment::of_process(prefix), flags)
}

/// Reads settings. Later layers win: `defaults`, the TOML `file`, then environment variables (with
/// `__` between levels), then `flags` (skip the absent ones when serializing).
///
/// A variable whose name is no setting is ignored with a warning: Kubernetes puts variables such as
/// `…_PORT` and `…_SERVICE_HOST` into every container, and their names depend on its services.
///
/// # Errors
/// If the file is missing, it has an unknown setting, or a setting is missing or malformed.
pub fn layered_over<T: DeserializeOwned>(
    defaults: impl Serialize,
    file: Option<&Path>,
    environment: &Environment,
    flags: impl Serialize,
) -> anyhow::Result<T> {
    let mut figment = Figment::from(Serialized::defaults(defaults));
    if let Some(path) = file {
        anyhow::ensure!(path.is_file(), "the file {} does not exist", path.display());
        figment = figment.merge(Toml::file_exact(path));
    }
    let flags = Figment::from(Serialized::defaults(flags));
    let settings = environment.settings::<T>(&figment, &flags);
    figment
        .merge(Serialized::defaults(settings))
        .merge(flags)
        .extract()
        .context("a setting is missing or wrong")
}

/// Parses the text of a variable. An integer beyond 64 bits stays a text: amounts are texts in
/// files as well.
fn value(text: &str) -> Value {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && text.parse::<u64>().is_err() {
        return Value::from(text);
    }
    match text.parse() {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

/// Whether settings were refused because of a name in `alone`.
fn is_unknown(error: &figment::Error, alone: &Dict) -> bool {
    error.clone().into_iter().any(|error| {
        let Kind::UnknownField(name, _) = &error.kind else {
            return false;
        };
        holds(alone, name)
    })
}

/// Whether a name is on the way to the one value in `alone`.
fn holds(alone: &Dict, name: &str) -> bool {
    alone
        .iter()
        .any(|(key, value)| key == name || value.as_dict().is_some_and(|below| holds(below, name)))
}

/// Adds settings to others, level by level.
fn merge(under: &mut Dict, over: Dict) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (Some(Value::Dict(_, under)), Value::Dict(_, over)) => merge(under, over),
            (_, value) => {
                under.insert(name, value);
            }
        }
    }
}

/// Returns the text of the environment variable `name`, or the content of the file that the
/// variable `<name>_FILE` names, without surrounding white space.
///
/// # Errors
/// If the file cannot be read, the text is not UTF-8, or both variables are set.
pub fn secret_variable(name: &str) -> anyhow::Result<Option<zeroize::Zeroizing<String>>> {
    let file_name = format!("{name}_FILE");
    let file = std::env::var_os(&file_name).filter(|path| !path.is_empty());
    match (std::env::var_os(name), file) {
        (Some(_), Some(_)) => anyhow::bail!("set {name} or {file_name}, not both"),
        (Some(text), None) => {
            let text = OsString::into_string(text);
            let text = text.map_err(|_| anyhow::anyhow!("{name} is not UTF-8"))?;
            Ok(Some(zeroize::Zeroizing::new(text)))
        }
        (None, Some(path)) => secret_file(Path::new(&path)).map(Some),
        (None, None) => Ok(None),
    }
}

/// Returns the content of a file that holds one secret, without surrounding white space.
///
/// # Errors
/// If the file cannot be read.
pub fn secret_file(path: &Path) -> anyhow::Result<zeroize::Zeroizing<String>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the file {} cannot be read", path.display()))?;
    let text = zeroize::Zeroizing::new(text);
    Ok(zeroize::Zeroizing::new(text.trim().to_owned()))
}
