//! Results on standard output.

use std::{
    fmt::Display,
    io::{ErrorKind, Write as _},
};

use anyhow::Context as _;

/// Writes a line. Whoever reads the output may have read enough, as `head` does: nothing is
/// written then, and that is no failure.
///
/// # Errors
/// If the output cannot be written.
pub(crate) fn line(content: impl Display) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{content}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing to standard output"),
    }
}

/// Writes a JSON value over several lines.
///
/// # Errors
/// As [`fn@line`].
pub(crate) fn json(value: &serde_json::Value) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)
}
