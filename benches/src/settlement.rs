//! Gas of settlement: what a batch costs on L1, by its parts and under several rules.
//!
//! The figures are those that the contracts' tests measured (`verifier-contract/gas.json`, which CI
//! compares) and the verifier's of the batch proof (`results/batch-N.json`). Under *announced*
//! rules nothing was executed: the prices of these rules are put in the place of today's.

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value, json};

/// Gas that the contracts' tests measured.
const CONTRACTS: &str = include_str!("../../verifier-contract/gas.json");
/// Measurements of the batch proofs, by the shape's slots.
const PROOFS: [(u64, &str); 3] = [
    (4, include_str!("../results/batch-4.json")),
    (16, include_str!("../results/batch-16.json")),
    (64, include_str!("../results/batch-64.json")),
];

/// Gas of any transaction.
const BASE: u64 = 21_000;

/// Prices of one set of rules.
struct Rules {
    /// Gas of a byte of calldata that is not zero.
    byte: u64,
    /// Gas of a zero byte.
    zero: u64,
    /// Least gas of a byte that is not zero, whatever the transaction executes.
    floor_byte: u64,
    /// Least gas of a zero byte.
    floor_zero: u64,
    /// First write of a slot that was not touched before.
    new_slot: u64,
    /// Write of a slot that holds something.
    update: u64,
}

/// Ethereum since Pectra: EIP-2028, EIP-2929, EIP-3529, EIP-7623.
const TODAY: Rules = Rules {
    byte: 16,
    zero: 4,
    floor_byte: 40,
    floor_zero: 10,
    new_slot: 22_100,
    update: 5_000,
};

/// Glamsterdam as announced in August 2026: EIP-7976 (floor of 64 gas for any byte), EIP-8037
/// (1,530 gas a byte of new state, 64 bytes a slot), EIP-8038 (10,000 for a write, 2,100 for a cold
/// slot).
const ANNOUNCED: Rules = Rules {
    byte: 16,
    zero: 4,
    floor_byte: 64,
    floor_zero: 64,
    new_slot: 110_020,
    update: 12_100,
};

/// A batch as it was measured.
#[derive(Clone, Copy)]
struct Batch {
    slots: u64,
    /// Bytes of calldata with the proof: those that are not zero, and zeros.
    bytes: (u64, u64),
    /// Gas of the verifier.
    verification: u64,
    /// Gas of the contracts' own work, with the writes of storage at today's prices.
    execution: u64,
    new_slots: u64,
    updates: u64,
}

impl Batch {
    /// Reads what was measured of a full batch: of transfers alone, or of a mixed one.
    fn measured(slots: u64, mixed: bool) -> anyhow::Result<Self> {
        let contracts: Value = serde_json::from_str(CONTRACTS)?;
        let (test, gas, writes) = if mixed {
            ("GasTest", format!("gas{slots}"), format!("writes{slots}"))
        } else {
            (
                "TransfersGasTest",
                format!("gas{slots}With{slots}"),
                format!("writes{slots}With{slots}"),
            )
        };
        let figure = |part: &str, name: &str| {
            let found = contracts[test][part][name].as_u64();
            found.with_context(|| format!("gas.json lacks {test}, {part}, {name}"))
        };
        let proofs = PROOFS.iter().find(|(shape, _)| *shape == slots);
        let (_, proofs) = proofs.context("a shape has 4, 16 or 64 slots")?;
        let proofs: Value = serde_json::from_str(proofs)?;
        let proof = |name: &str| {
            let found = proofs[name].as_u64();
            found.with_context(|| format!("batch-{slots}.json lacks {name}"))
        };
        let length = figure(&writes, "calldata bytes")?;
        let posted = figure(&gas, "transaction and calldata")? - BASE;
        // 4 for each byte, and 12 more for one that is not zero. A proof has no zeros to speak of.
        let full = (posted - TODAY.zero * length) / (TODAY.byte - TODAY.zero);
        ensure!(full <= length, "gas.json contradicts itself");
        Ok(Self {
            slots,
            bytes: (full + proof("proof_bytes")?, length - full),
            verification: proof("verify_gas")?,
            execution: figure(&gas, "submitBatch without verification")?,
            new_slots: figure(&writes, "new slots")?,
            updates: figure(&writes, "slots written again")?,
        })
    }

    /// Returns the gas under some rules, and its parts.
    fn gas(&self, rules: &Rules) -> Value {
        let (full, zeros) = self.bytes;
        let storage = |rules: &Rules| self.new_slots * rules.new_slot + self.updates * rules.update;
        let data = full * rules.byte + zeros * rules.zero;
        // Every write is among the measured execution.
        let rest = self.execution.saturating_sub(storage(&TODAY));
        let used = BASE + data + self.verification + storage(rules) + rest;
        let floor = BASE + full * rules.floor_byte + zeros * rules.floor_zero;
        let batch = used.max(floor);
        json!({
            "base": BASE,
            "verification": self.verification,
            "data": data,
            "storage": storage(rules),
            "execution": rest,
            "floor": floor,
            "floor_binds": floor > used,
            "batch": batch,
            "transaction": batch / self.slots,
        })
    }
}

/// Returns bytes and gas of full batches of transfers, and of mixed ones: a deposit for each slot,
/// and a withdrawal to a new account for each fourth.
///
/// # Errors
/// If a committed figure is missing.
pub fn figures() -> anyhow::Result<Value> {
    let mut out = Map::new();
    for (name, mixed) in [("transfers", false), ("mixed", true)] {
        for (slots, _) in PROOFS {
            let batch = Batch::measured(slots, mixed)?;
            let (today, announced) = (batch.gas(&TODAY), batch.gas(&ANNOUNCED));
            if mixed && slots == 64 {
                let each = |gas: &Value| gas["transaction"].clone();
                out.insert("gas_per_transaction_64".into(), each(&today));
                out.insert("gas_per_transaction_64_announced".into(), each(&announced));
            }
            let entry = json!({
                "calldata_bytes": batch.bytes.0 + batch.bytes.1,
                "new_slots": batch.new_slots,
                "slots_written_again": batch.updates,
                "today": today,
                "announced": announced,
            });
            out.insert(format!("{name}_{slots}"), entry);
        }
    }
    let bytes = subrosa_protocol::layout::calldata::TRANSACTION_LEN;
    out.insert("bytes_per_transaction".into(), bytes.into());
    let rules = "computed from EIP-7976, EIP-8037 and EIP-8038, not executed";
    out.insert("announced_rules".into(), rules.into());
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_batch_are_its_gas() {
        let figures = figures().unwrap();
        for name in ["transfers_4", "transfers_64", "mixed_16", "mixed_64"] {
            for rules in ["today", "announced"] {
                let gas = &figures[name][rules];
                let part = |name: &str| gas[name].as_u64().unwrap();
                let sum: u64 = ["base", "verification", "data", "storage", "execution"]
                    .into_iter()
                    .map(part)
                    .sum();
                assert_eq!(part("batch"), sum.max(part("floor")), "{name} {rules}");
                assert_eq!(gas["floor_binds"], sum < part("floor"));
            }
        }
    }

    #[test]
    fn a_new_slot_and_a_byte_cost_what_the_rules_say() {
        let batch = Batch {
            slots: 4,
            bytes: (1_000, 100),
            verification: 500_000,
            execution: 40_000,
            new_slots: 1,
            updates: 2,
        };
        let gas = |rules| batch.gas(rules)["batch"].as_u64().unwrap();
        assert_eq!(gas(&TODAY), 21_000 + 16_400 + 500_000 + 40_000);
        let more = (110_020 - 22_100) + 2 * (12_100 - 5_000);
        assert_eq!(gas(&ANNOUNCED), gas(&TODAY) + more);
        let large = Batch {
            bytes: (100_000, 0),
            ..batch
        };
        assert_eq!(large.gas(&ANNOUNCED)["batch"], 21_000 + 6_400_000);
    }
}
