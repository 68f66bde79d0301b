//! Gas of a batch on L1, from what was measured of each shape.

use anyhow::Context as _;
use serde_json::Value;
use subrosa_protocol::batch::Shape;

/// Gas of any transaction on L1.
const TRANSACTION: f64 = 21_000.0;

/// Least gas of calldata, in parts of its ordinary gas: a transaction that executes little pays ten
/// for each token instead of four (EIP-7623).
const FLOOR: f64 = 2.5;

/// Measured gas of the contracts, with `submitBatch` taken without the proof.
const CONTRACTS: &str = include_str!("../../../verifier-contract/gas.json");

/// Gas of a batch, by part.
#[derive(Debug, Clone, Copy)]
struct Parts {
    execution: f64,
    calldata: f64,
}

/// Gas of batches of one shape: it grows evenly with the transactions.
#[derive(Debug, Clone, Copy)]
struct Line {
    shape: Shape,
    /// Gas of a batch without transactions.
    base: Parts,
    /// Gas of each transaction.
    each: Parts,
}

/// Gas of batches by shape.
#[derive(Debug, Clone)]
pub(super) struct GasTable(Vec<Line>);

impl GasTable {
    /// Reads the measurements: the proof's verification with its calldata, and `submitBatch`
    /// without the proof, with one transaction and with all slots full.
    pub(super) fn measured() -> anyhow::Result<Self> {
        let contracts: Value = serde_json::from_str(CONTRACTS)?;
        let submission = &contracts["TransfersGasTest"];
        let lines = Shape::ALL.into_iter().map(|shape| {
            let slots = shape.slots();
            let proof = measured(shape)?;
            let proof = Parts {
                execution: number(&proof["verify_gas"])?,
                calldata: number(&proof["verify_intrinsic_gas"])? - TRANSACTION,
            };
            let read = |transactions: usize| {
                let found = &submission[format!("gas{slots}With{transactions}")];
                anyhow::Ok(Parts {
                    execution: number(&found["submitBatch without verification"])?,
                    calldata: number(&found["transaction and calldata"])? - TRANSACTION,
                })
            };
            let (one, full) = (read(1)?, read(slots)?);
            let each = |of: fn(&Parts) -> f64| (of(&full) - of(&one)) / (slots - 1) as f64;
            let each = Parts {
                execution: each(|parts| parts.execution),
                calldata: each(|parts| parts.calldata),
            };
            let base = Parts {
                execution: one.execution - each.execution + proof.execution,
                calldata: one.calldata - each.calldata + proof.calldata,
            };
            Ok(Line { shape, base, each })
        });
        Ok(Self(lines.collect::<anyhow::Result<_>>()?))
    }

    /// Returns the gas of a batch.
    pub(super) fn of(&self, shape: Shape, transactions: usize) -> f64 {
        let Some(line) = self.0.iter().find(|line| line.shape == shape) else {
            return 0.0;
        };
        let count = transactions as f64;
        let execution = line.base.execution + line.each.execution * count;
        let calldata = line.base.calldata + line.each.calldata * count;
        TRANSACTION + (execution + calldata).max(calldata * FLOOR)
    }
}

/// Returns the measured figures of a batch of this shape.
pub(super) fn measured(shape: Shape) -> anyhow::Result<Value> {
    let text = match shape {
        Shape::S4 => include_str!("../../results/batch-4.json"),
        Shape::S16 => include_str!("../../results/batch-16.json"),
        Shape::S64 => include_str!("../../results/batch-64.json"),
    };
    Ok(serde_json::from_str(text)?)
}

/// Reads a number of the results.
pub(super) fn number(value: &Value) -> anyhow::Result<f64> {
    value.as_f64().context("a result is no number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_batch_pays_the_floor_of_its_calldata_and_a_small_one_does_not() {
        let table = GasTable::measured().unwrap();
        let line = table
            .0
            .iter()
            .find(|line| line.shape == Shape::S64)
            .unwrap();
        let calldata = line.base.calldata + line.each.calldata * 64.0;
        assert!(table.of(Shape::S64, 64) > 2.5 * calldata);
        let few = table.of(Shape::S4, 2) - table.of(Shape::S4, 1);
        let floor = FLOOR * table.0[0].each.calldata;
        assert!(few < floor, "{few} is below {floor}");
    }
}
