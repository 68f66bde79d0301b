//! measure
use ark_bn254::{Bn254, Fr};
use ark_ff::UniformRand;
use ark_groth16::r1cs_to_qap::{LibsnarkReduction, R1CSToQAP};
use ark_groth16::Groth16;
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystem};
use ark_snark::SNARK;
use rand::SeedableRng;
use std::time::Instant;
use subrosa_transaction::{TransactionCircuit, samples};
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
fn mem() -> String {
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    s.lines().filter(|l| l.starts_with("VmHWM") || l.starts_with("VmRSS")).collect::<Vec<_>>().join(" ")
}
fn timed<T>(n: &str, k: usize, mut f: impl FnMut() -> T) -> T {
    let (t, c) = (Instant::now(), cpu());
    let mut r = f();
    for _ in 1..k { r = f(); }
    println!("{n}: wall {:.3} s, cpu {:.3} s; {}", t.elapsed().as_secs_f64() / k as f64, (cpu() - c) / k as f64, mem());
    r
}
fn main() {
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    let s = samples::transfer_of_three(&mut rng);
    let circuit = TransactionCircuit::new(&s.words, &s.witness);
    println!("{}", mem());
    let (pk, _vk) = timed("setup", 1, || Groth16::<Bn254>::circuit_specific_setup(TransactionCircuit::blank(), &mut rng).unwrap());
    std::fs::write("/proc/self/clear_refs", "5").ok();
    println!("{}", mem());
    let shape = timed("shape", 1, || TransactionCircuit::shape().unwrap());
    std::fs::write("/proc/self/clear_refs", "5").ok();
    timed("check", 5, || subrosa_transaction::check(&s.witness, &s.words).unwrap());
    timed("assignment", 5, || circuit.assignment().unwrap());
    timed("synthesis with rows", 3, || { let cs = ConstraintSystem::new_ref(); cs.set_mode(ark_relations::gr1cs::SynthesisMode::Prove{construct_matrices:true,generate_lc_assignments:false}); circuit.clone().generate_constraints(cs.clone()).unwrap(); cs.finalize(); cs.num_constraints() });
    let cols = circuit.assignment().unwrap();
    timed("witness map", 5, || LibsnarkReduction::witness_map_from_matrices::<Fr, ark_poly::GeneralEvaluationDomain<Fr>>(&shape.matrices, shape.instances, shape.matrices[0].len(), &cols).unwrap());
    timed("prove kept", 5, || Groth16::<Bn254>::create_proof_with_reduction_and_matrices(&pk, Fr::rand(&mut rng), Fr::rand(&mut rng), &shape.matrices, shape.instances, shape.matrices[0].len(), &circuit.assignment().unwrap()).unwrap());
    timed("prove ark", 5, || Groth16::<Bn254>::prove(&pk, circuit.clone(), &mut rng).unwrap());
}
