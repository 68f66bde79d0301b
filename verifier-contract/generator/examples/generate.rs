//! Writes `src/generated/BatchGates.sol`, the gates of the batch circuit. With `--check`, compares
//! the file instead.

use std::path::Path;
use std::process::ExitCode;

use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use subrosa_batch::BatchCircuit;
use subrosa_verifier_generator::{Gates, gates_solidity};

fn main() -> ExitCode {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/generated/BatchGates.sol");
    let check = std::env::args().any(|argument| argument == "--check");
    let mut cs = ConstraintSystem::default();
    BatchCircuit::configure(&mut cs);
    // Key generation turns selectors into fixed columns. This circuit has no selectors, so its
    // constraint system is that of every key.
    assert_eq!(
        cs.num_selectors(),
        0,
        "the batch circuit has no virtual selectors"
    );
    let (gates, source) = match (Gates::new(&cs), gates_solidity(&cs, "BatchGates")) {
        (Ok(gates), Ok(source)) => (gates, source),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    println!(
        "degree {}, {} operations, {} scratch words",
        cs.degree(),
        gates.operations(),
        gates.scratch_words()
    );
    let current = std::fs::read_to_string(&path).is_ok_and(|text| text == source);
    if !check && let Err(error) = std::fs::write(&path, source) {
        eprintln!("{}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    if check && !current {
        eprintln!(
            "{} differs from the circuit's gates: run `make contracts`",
            path.display()
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
