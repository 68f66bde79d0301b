//! The fuzz targets on stable Rust: on valid inputs, on altered ones and on random bytes.

use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use subrosa_decoders::{TARGETS, Target, seeds};

/// Inputs of a target that takes microseconds, and of a slow one.
const INPUTS: [usize; 2] = [2_000, 40];

fn inputs(target: &Target) -> usize {
    INPUTS[usize::from(target.slow)]
}

/// Alters a valid input: bytes, length, or a piece copied to another place.
fn alter(input: &mut Vec<u8>, rng: &mut ChaCha20Rng) {
    for _ in 0..rng.gen_range(1..4) {
        let len = input.len();
        match rng.gen_range(0..6) {
            _ if len == 0 => input.push(rng.r#gen()),
            0 => input[rng.gen_range(0..len)] ^= 1 << rng.gen_range(0..8),
            1 => input[rng.gen_range(0..len)] = rng.r#gen(),
            2 => input.truncate(rng.gen_range(0..len)),
            3 => input.push(rng.r#gen()),
            4 => input[rng.gen_range(0..len)..].fill(0xff),
            _ => {
                let (from, to) = (rng.gen_range(0..len), rng.gen_range(0..len));
                let count = rng.gen_range(0..=len - from.max(to)).min(32);
                input.copy_within(from..from + count, to);
            }
        }
    }
}

#[test]
fn every_target_survives_its_seeds_and_altered_ones() {
    for target in TARGETS {
        let rng = &mut ChaCha20Rng::seed_from_u64(1);
        let seeds = seeds(target.name);
        for seed in &seeds {
            assert!(seed.len() <= target.max_len, "{}", target.name);
            (target.run)(seed);
        }
        if let Some(most) = inputs(target).checked_div(seeds.len()) {
            for seed in &seeds {
                for _ in 0..most {
                    let mut input = seed.clone();
                    alter(&mut input, rng);
                    (target.run)(&input);
                }
            }
        }
    }
}

#[test]
fn every_target_survives_random_bytes() {
    for target in TARGETS {
        let rng = &mut ChaCha20Rng::seed_from_u64(2);
        (target.run)(&[]);
        for _ in 0..inputs(target) {
            let mut input = vec![0; rng.gen_range(0..=target.max_len)];
            rng.fill_bytes(&mut input);
            (target.run)(&input);
        }
    }
}

#[test]
fn each_target_has_a_file_for_the_fuzzer() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut named: Vec<String> = TARGETS.iter().map(|t| format!("{}.rs", t.name)).collect();
    named.push("batch_proof.rs".into());
    named.sort();
    assert_eq!(files, named);
    let manifest = include_str!("../../Cargo.toml");
    for file in files {
        assert!(manifest.contains(&format!("fuzz_targets/{file}")), "{file}");
    }
}

/// Uses the keys of batches of four, which the other tests of the workspace keep.
#[test]
fn forged_batch_proofs_do_not_verify_or_panic() {
    let rng = &mut ChaCha20Rng::seed_from_u64(3);
    for len in [0, 160, 161, 4_160 + 160] {
        let mut input = vec![0; len];
        subrosa_decoders::batch_proof(&input);
        rng.fill_bytes(&mut input);
        subrosa_decoders::batch_proof(&input);
    }
}
