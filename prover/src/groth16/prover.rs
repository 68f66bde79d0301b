//! The Groth16 prover, for the keys and proofs of ark-groth16.
//!
//! For the same randomness, a proof equals that of ark-groth16 (libsnark's reduction). Unlike
//! ark-groth16, this prover does not synthesise the matrices again, drops identity points from the
//! queries, and runs the five multiplications and the transforms in parallel on a [`Backend`].

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_groth16::{Proof, ProvingKey, VerifyingKey};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::matrices::ConstraintMatrices;
use crate::backend::{Backend, Bases};

/// The points of one query without identities, with the variables that they belong to.
#[derive(Debug)]
struct Query<G> {
    bases: Bases<G>,
    variables: Vec<u32>,
}

impl<G: AffineRepr<ScalarField = Fr>> Query<G> {
    fn new(points: Vec<G>, first_variable: usize) -> Self {
        let (variables, points) = points
            .into_iter()
            .enumerate()
            .filter(|(_, point)| !point.is_zero())
            .map(|(place, point)| ((place + first_variable) as u32, point))
            .unzip();
        Self {
            bases: Bases::new(points),
            variables,
        }
    }

    fn scalars(&self, assignment: &[Fr]) -> Zeroizing<Vec<Fr>> {
        Zeroizing::new(
            self.variables
                .par_iter()
                .with_min_len(4096)
                .map(|variable| assignment[*variable as usize])
                .collect(),
        )
    }
}

/// A query of the proving key has another length than the circuit requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {query} query has {found} points, the circuit requires {expected}")]
pub struct KeyShapeError {
    query: &'static str,
    found: usize,
    expected: usize,
}

/// A proving key prepared for proving, with the matrices of its circuit.
#[derive(Debug)]
pub(crate) struct Groth16Prover {
    pub(crate) vk: VerifyingKey<Bn254>,
    pub(crate) matrices: ConstraintMatrices,
    beta_g1: G1Affine,
    delta_g1: G1Affine,
    a: Query<G1Affine>,
    b_g1: Query<G1Affine>,
    b_g2: Query<G2Affine>,
    l: Query<G1Affine>,
    h: Bases<G1Affine>,
}

impl Groth16Prover {
    /// Prepares a key. Its queries must have the lengths that the matrices require.
    pub(crate) fn new(
        pk: ProvingKey<Bn254>,
        matrices: ConstraintMatrices,
    ) -> Result<Self, KeyShapeError> {
        let variables = matrices.instance_variables + matrices.witness_variables;
        let lengths = [
            ("A", pk.a_query.len(), variables),
            ("B1", pk.b_g1_query.len(), variables),
            ("B2", pk.b_g2_query.len(), variables),
            ("L", pk.l_query.len(), matrices.witness_variables),
            ("H", pk.h_query.len(), matrices.domain_size() - 1),
            ("IC", pk.vk.gamma_abc_g1.len(), matrices.instance_variables),
        ];
        for (query, found, expected) in lengths {
            if found != expected {
                return Err(KeyShapeError {
                    query,
                    found,
                    expected,
                });
            }
        }
        Ok(Self {
            a: Query::new(pk.a_query, 0),
            b_g1: Query::new(pk.b_g1_query, 0),
            b_g2: Query::new(pk.b_g2_query, 0),
            l: Query::new(pk.l_query, matrices.instance_variables),
            h: Bases::new(pk.h_query),
            beta_g1: pk.beta_g1,
            delta_g1: pk.delta_g1,
            vk: pk.vk,
            matrices,
        })
    }

    /// Proves an assignment with blinding r and s. The proof is valid if and only if the assignment
    /// satisfies the circuit, which is not checked here.
    ///
    /// # Panics
    /// If the number of values differs from the number of variables.
    pub(crate) fn prove(
        &self,
        backend: &dyn Backend,
        assignment: &[Fr],
        r: &Fr,
        s: &Fr,
    ) -> Proof<Bn254> {
        let variables = self.matrices.instance_variables + self.matrices.witness_variables;
        assert_eq!(assignment.len(), variables, "a value for each variable");

        let msm_g1 =
            |query: &Query<G1Affine>| backend.msm_g1(&query.bases, &query.scalars(assignment));
        let quotient = || {
            let (a, b) = self.matrices.evaluate(assignment);
            let h = Zeroizing::new(backend.quotient(a, b));
            backend.msm_g1(&self.h, &h[..self.h.points().len()])
        };
        let ((h, b_g2), (l, (a, b_g1))) = rayon::join(
            || {
                rayon::join(quotient, || {
                    backend.msm_g2(&self.b_g2.bases, &self.b_g2.scalars(assignment))
                })
            },
            || {
                rayon::join(
                    || msm_g1(&self.l),
                    || rayon::join(|| msm_g1(&self.a), || msm_g1(&self.b_g1)),
                )
            },
        );

        // A = α + Σ zᵢ·Aᵢ + r·δ; B = β + Σ zᵢ·Bᵢ + s·δ; C = Σ zᵢ·Lᵢ + H + s·A + r·B − rs·δ.
        let a = a + self.vk.alpha_g1 + self.delta_g1 * r;
        let b_g1 = b_g1 + self.beta_g1 + self.delta_g1 * s;
        let b_g2 = b_g2 + self.vk.beta_g2 + self.vk.delta_g2 * s;
        let c = l + h + a * s + b_g1 * r - self.delta_g1 * (*r * s);
        Proof {
            a: a.into_affine(),
            b: b_g2.into_affine(),
            c: c.into_affine(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::backend::CpuBackend;
    use crate::groth16::matrices;
    use ark_ff::{Field, UniformRand};
    use ark_groth16::Groth16;
    use ark_relations::gr1cs::{
        ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable,
    };
    use ark_snark::SNARK;
    use rand::{SeedableRng, rngs::StdRng};

    /// x ↦ x^(5^rounds) with some booleans and linear combinations in between. The output is
    /// public.
    #[derive(Clone)]
    pub(crate) struct Powers {
        pub(crate) rounds: usize,
        pub(crate) base: Option<Fr>,
    }

    impl Powers {
        pub(crate) fn output(&self) -> Fr {
            (0..self.rounds).fold(self.base.unwrap(), |x, i| {
                x.pow([5u64]) + Fr::from(i as u64) + Fr::from((i % 2) as u64)
            })
        }
    }

    impl ConstraintSynthesizer<Fr> for Powers {
        fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
            let missing = SynthesisError::AssignmentMissing;
            let output =
                cs.new_input_variable(|| self.base.map(|_| self.output()).ok_or(missing))?;
            let mut value = self.base;
            let mut x = cs.new_witness_variable(|| value.ok_or(missing))?;
            for i in 0..self.rounds {
                let bit_value = Fr::from((i % 2) as u64);
                let bit = cs.new_witness_variable(|| Ok(bit_value))?;
                cs.enforce_r1cs_constraint(
                    || LinearCombination::from(bit),
                    || LinearCombination::from(bit),
                    || LinearCombination::from(bit),
                )?;
                let product = |left: Variable, right: Variable, v: Option<Fr>| {
                    let out = cs.new_witness_variable(|| v.ok_or(missing))?;
                    cs.enforce_r1cs_constraint(
                        || LinearCombination::from(left),
                        || LinearCombination::from(right),
                        || LinearCombination::from(out),
                    )?;
                    Ok::<_, SynthesisError>(out)
                };
                let x2 = product(x, x, value.map(|v| v.square()))?;
                let x4 = product(x2, x2, value.map(|v| v.pow([4u64])))?;
                let x5 = product(x4, x, value.map(|v| v.pow([5u64])))?;
                value = value.map(|v| v.pow([5u64]) + Fr::from(i as u64) + bit_value);
                let next = cs.new_witness_variable(|| value.ok_or(missing))?;
                cs.enforce_r1cs_constraint(
                    || {
                        LinearCombination::from(x5)
                            + (Fr::from(i as u64), Variable::One)
                            + (Fr::ONE, bit)
                    },
                    || LinearCombination::from(Variable::One),
                    || LinearCombination::from(next),
                )?;
                x = next;
            }
            cs.enforce_r1cs_constraint(
                || LinearCombination::from(x),
                || LinearCombination::from(Variable::One),
                || LinearCombination::from(output),
            )
        }
    }

    pub(crate) fn prover(rounds: usize, seed: u64) -> (ProvingKey<Bn254>, Groth16Prover) {
        let mut rng = StdRng::seed_from_u64(seed);
        let circuit = Powers { rounds, base: None };
        let pk =
            Groth16::<Bn254>::generate_random_parameters_with_reduction(circuit.clone(), &mut rng)
                .unwrap();
        let matrices = ConstraintMatrices::synthesize(circuit).unwrap();
        (pk.clone(), Groth16Prover::new(pk, matrices).unwrap())
    }

    #[test]
    fn proofs_equal_those_of_ark_groth16_for_the_same_blinding() {
        let (pk, prover) = prover(60, 1);
        let mut rng = StdRng::seed_from_u64(2);
        let circuit = Powers {
            rounds: 60,
            base: Some(Fr::rand(&mut rng)),
        };
        let (r, s) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
        let expected =
            Groth16::<Bn254>::create_proof_with_reduction(circuit.clone(), &pk, r, s).unwrap();
        let assignment = matrices::assignment(circuit.clone()).unwrap();
        let proof = prover.prove(&CpuBackend, &assignment, &r, &s);
        assert_eq!(proof, expected);
        assert!(Groth16::<Bn254>::verify(&pk.vk, &[circuit.output()], &proof).unwrap());
        assert!(!Groth16::<Bn254>::verify(&pk.vk, &[circuit.output() + Fr::ONE], &proof).unwrap());
    }

    #[test]
    fn an_unsatisfying_assignment_yields_no_valid_proof() {
        let (pk, prover) = prover(20, 3);
        let circuit = Powers {
            rounds: 20,
            base: Some(Fr::from(7u64)),
        };
        let mut assignment = matrices::assignment(circuit.clone()).unwrap();
        assignment[9] += Fr::ONE;
        let proof = prover.prove(&CpuBackend, &assignment, &Fr::ONE, &Fr::ONE);
        assert!(!Groth16::<Bn254>::verify(&pk.vk, &[circuit.output()], &proof).unwrap());
    }

    #[test]
    fn a_key_of_another_circuit_is_refused() {
        let (pk, _) = prover(20, 4);
        let other = ConstraintMatrices::synthesize(Powers {
            rounds: 21,
            base: None,
        })
        .unwrap();
        assert_eq!(Groth16Prover::new(pk, other).unwrap_err().query, "A");
    }

    #[test]
    fn the_fingerprint_depends_on_every_matrix() {
        let of = |rounds| {
            ConstraintMatrices::synthesize(Powers { rounds, base: None })
                .unwrap()
                .fingerprint
        };
        assert_eq!(of(5), of(5));
        assert_ne!(of(5), of(6));
    }

    /// Compares the time with ark-groth16 on a dense witness: `cargo test --release
    /// -p subrosa-prover -- --ignored --nocapture compare_with_ark`.
    #[test]
    #[ignore = "a measurement, not a check"]
    fn compare_with_ark() {
        let rounds = 10_000;
        let (pk, prover) = prover(rounds, 5);
        let circuit = Powers {
            rounds,
            base: Some(Fr::from(3u64)),
        };
        for _ in 0..3 {
            let start = std::time::Instant::now();
            let assignment = matrices::assignment(circuit.clone()).unwrap();
            let synthesis = start.elapsed();
            let ours = prover.prove(&CpuBackend, &assignment, &Fr::ONE, &Fr::ONE);
            let total = start.elapsed();
            let start = std::time::Instant::now();
            let theirs = Groth16::<Bn254>::create_proof_with_reduction(
                circuit.clone(),
                &pk,
                Fr::ONE,
                Fr::ONE,
            )
            .unwrap();
            println!(
                "{} constraints: ours {total:?} (assignment {synthesis:?}), ark {:?}",
                prover.matrices.constraints,
                start.elapsed()
            );
            assert_eq!(ours, theirs);
        }
    }
}
