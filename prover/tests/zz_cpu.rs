#![allow(missing_docs, clippy::unwrap_used, dead_code)]
mod support;
use rand::{SeedableRng, rngs::StdRng};
use subrosa_prover::progress::Silent;
use subrosa_transaction::samples;
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
#[test]
fn cpu_times() {
    let store = support::keys();
    let c = cpu();
    let keys = store.transaction(&Silent).unwrap();
    println!("load {:.2}", cpu() - c);
    let mut rng = StdRng::seed_from_u64(1);
    let sample = samples::transfer(&mut rng);
    let t = std::time::Instant::now();
    let c = cpu();
    let mut proofs = vec![];
    let digest = sample.transaction.digest(&samples::context());
    for _ in 0..6 { proofs.push((digest, keys.prove(&sample.words, &sample.witness).unwrap())); }
    println!("prove cpu {:.3} wall {:?}", (cpu() - c) / 6.0, t.elapsed() / 6);
    for n in [16, 64, 256, 1024] {
        let batch: Vec<_> = proofs.iter().cycle().take(n).copied().collect();
        let reps = 4096 / n;
        let t = std::time::Instant::now();
        let c = cpu();
        for _ in 0..reps { assert!(keys.verify_batch(&batch).iter().all(Result::is_ok)); }
        let per = (cpu() - c) / 4096.0;
        println!("batch {n}: cpu {:.1} us per proof -> {:.0}/s on 2 cores, wall {:.0}/s", per * 1e6, 2.0 / per, 4096.0 / t.elapsed().as_secs_f64());
    }
    let c = cpu();
    for _ in 0..500 { keys.verify(&proofs[0].0, &proofs[0].1).unwrap(); }
    println!("verify cpu {:.2} ms", (cpu() - c) / 500.0 * 1e3);
    let p = keys.verifier();
    let c = cpu();
    for _ in 0..2000 { proofs[0].1.decode().unwrap(); }
    println!("decode cpu {:.1} us", (cpu() - c) / 2000.0 * 1e6);
    let _ = p;
}
