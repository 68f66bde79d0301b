//! Payment instructions: what the institutions want done, in order.

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

/// Kind of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// From the institution's L1 account into the rollup.
    Deposit,
    /// To another institution.
    Transfer,
    /// Back to the institution's L1 account.
    Withdrawal,
}

/// One line of the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Instruction {
    /// What to do.
    pub(super) kind: Kind,
    /// The institution that does it.
    pub(super) from: String,
    /// The payee, of a transfer.
    pub(super) to: String,
    /// The token's symbol.
    pub(super) asset: String,
    /// In display units.
    pub(super) amount: String,
    /// For the payee.
    pub(super) memo: String,
}

/// Reads a file of instructions.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Instruction>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut instructions = Vec::new();
    for (line, row) in (2..).zip(reader.deserialize()) {
        let row: Instruction = row.with_context(|| format!("payment instructions, line {line}"))?;
        match row.kind {
            Kind::Transfer => ensure!(!row.to.is_empty(), "line {line}: a transfer needs a payee"),
            _ if !row.to.is_empty() => bail!("line {line}: only a transfer has a payee"),
            _ => {}
        }
        instructions.push(row);
    }
    ensure!(
        !instructions.is_empty(),
        "there are no payment instructions"
    );
    Ok(instructions)
}

/// The institutions named, in order of appearance.
pub(super) fn institutions(instructions: &[Instruction]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in instructions.iter().flat_map(|i| [&i.from, &i.to]) {
        if !name.is_empty() && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}
