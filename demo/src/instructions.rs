//! Payment instructions: deposits, transfers and withdrawals of the institutions, in order.

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

/// Kind of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
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
pub(crate) struct Instruction {
    /// Its kind.
    pub(crate) kind: Kind,
    /// The institution that carries it out.
    pub(crate) from: String,
    /// The payee, of a transfer.
    pub(crate) to: String,
    /// The token's symbol.
    pub(crate) asset: String,
    /// In display units.
    pub(crate) amount: String,
    /// For the payee.
    pub(crate) memo: String,
}

impl Instruction {
    /// Describes the instruction in a few words.
    pub(crate) fn describe(&self) -> String {
        let Self {
            from,
            to,
            asset,
            amount,
            ..
        } = self;
        match self.kind {
            Kind::Deposit => format!("{from} deposits {amount} {asset}"),
            Kind::Transfer => format!("{from} pays {amount} {asset} to {to}"),
            Kind::Withdrawal => format!("{from} withdraws {amount} {asset}"),
        }
    }
}

/// Reads a file of instructions.
pub(crate) fn parse(text: &str) -> anyhow::Result<Vec<Instruction>> {
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

/// Returns the institutions in order of appearance.
pub(crate) fn institutions(instructions: &[Instruction]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in instructions.iter().flat_map(|i| [&i.from, &i.to]) {
        if !name.is_empty() && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}
