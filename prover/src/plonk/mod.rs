//! halo2 with KZG on BN254, SHPLONK and the Keccak transcript that L1 follows: keys, proofs and
//! verification for any circuit with one instance column.

mod fingerprint;

use std::io::Write;
use std::sync::Arc;

use halo2_proofs::SerdeFormat;
use halo2_proofs::plonk::{
    Circuit, Error, ProvingKey, VerifyingKey, create_proof, keygen_pk2, verify_proof,
};
use halo2_proofs::poly::commitment::Params;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::transcript::{TranscriptReadBuffer, TranscriptWriterBuffer};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use rand::rngs::OsRng;
use subrosa_verifier::transcript::{KeccakChallenge, KeccakRead, KeccakWrite};

pub(crate) use fingerprint::fingerprint;

/// A proving key with the parameters it was made under.
#[derive(Debug)]
pub(crate) struct PlonkKeys {
    params: Arc<ParamsKZG<Bn256>>,
    pk: ProvingKey<G1Affine>,
}

impl PlonkKeys {
    /// Makes the key of a circuit. It depends on nothing but the circuit and the parameters.
    pub(crate) fn generate<C>(params: Arc<ParamsKZG<Bn256>>, circuit: &C) -> Result<Self, Error>
    where
        C: Circuit<Fr>,
    {
        // Selectors stay columns of their own, as the contract's key format has them.
        let pk = keygen_pk2(&*params, circuit, false)?;
        Ok(Self { params, pk })
    }

    /// Reads a key whose bytes are known to be good and to belong to this circuit.
    pub(crate) fn read<C>(
        params: Arc<ParamsKZG<Bn256>>,
        circuit: &C,
        mut bytes: &[u8],
    ) -> std::io::Result<Self>
    where
        C: Circuit<Fr>,
    {
        let pk =
            ProvingKey::read::<_, C>(&mut bytes, SerdeFormat::RawBytesUnchecked, circuit.params())?;
        Ok(Self { params, pk })
    }

    /// Writes the key for [`PlonkKeys::read`].
    pub(crate) fn write(&self, mut writer: &mut dyn Write) -> std::io::Result<()> {
        self.pk.write(&mut writer, SerdeFormat::RawBytesUnchecked)
    }

    /// The parameters.
    pub(crate) fn params(&self) -> &ParamsKZG<Bn256> {
        &self.params
    }

    /// The verifying key.
    pub(crate) fn vk(&self) -> &VerifyingKey<G1Affine> {
        self.pk.get_vk()
    }

    /// Proves a circuit with its witness.
    pub(crate) fn prove<C>(&self, circuit: C, instances: &[Fr]) -> Result<Vec<u8>, Error>
    where
        C: Circuit<Fr>,
    {
        let mut transcript = KeccakWrite::<Vec<u8>>::init(Vec::new());
        create_proof::<
            KZGCommitmentScheme<Bn256>,
            ProverSHPLONK<'_, Bn256>,
            KeccakChallenge,
            _,
            _,
            C,
        >(
            &*self.params,
            &self.pk,
            &[circuit],
            &[&[instances]],
            OsRng,
            &mut transcript,
        )?;
        Ok(transcript.finalize())
    }

    /// Whether a proof holds for these instances, to the last byte.
    pub(crate) fn verify(&self, instances: &[Fr], proof: &[u8]) -> bool {
        let mut transcript = KeccakRead::init(proof);
        let strategy = SingleStrategy::new(&*self.params);
        verify_proof::<
            KZGCommitmentScheme<Bn256>,
            VerifierSHPLONK<'_, Bn256>,
            KeccakChallenge,
            _,
            _,
        >(
            &*self.params,
            self.vk(),
            strategy,
            &[&[instances]],
            &mut transcript,
        )
        .is_ok()
            && transcript.finish().is_ok()
    }

    /// log₂ of the number of rows.
    pub(crate) fn k(&self) -> u32 {
        self.params.k()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
    use halo2_proofs::plonk::{
        Advice, Assigned, Column, ConstraintSystem, Fixed, Instance, Selector,
    };
    use halo2_proofs::poly::Rotation;

    /// out = Πᵢ (x + cᵢ) for constants c₁ … c_rows, x private, out the instance.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Products {
        pub(crate) constants: Vec<u64>,
        pub(crate) x: Option<Fr>,
    }

    impl Products {
        pub(crate) fn output(&self) -> Fr {
            self.constants
                .iter()
                .fold(Fr::from(1), |out, c| out * (self.x.unwrap() + Fr::from(*c)))
        }
    }

    #[derive(Clone, Debug)]
    pub(crate) struct Config {
        x: Column<Advice>,
        product: Column<Advice>,
        constant: Column<Fixed>,
        instance: Column<Instance>,
        step: Selector,
    }

    impl Circuit<Fr> for Products {
        type Config = Config;
        type FloorPlanner = SimpleFloorPlanner;
        type Params = ();

        fn without_witnesses(&self) -> Self {
            Self {
                x: None,
                ..self.clone()
            }
        }

        fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
            let config = Config {
                x: meta.advice_column(),
                product: meta.advice_column(),
                constant: meta.fixed_column(),
                instance: meta.instance_column(),
                step: meta.selector(),
            };
            meta.enable_equality(config.x);
            meta.enable_equality(config.product);
            meta.enable_equality(config.instance);
            meta.create_gate("product", |meta| {
                let step = meta.query_selector(config.step);
                let x = meta.query_advice(config.x, Rotation::cur());
                let next_x = meta.query_advice(config.x, Rotation::next());
                let product = meta.query_advice(config.product, Rotation::cur());
                let next = meta.query_advice(config.product, Rotation::next());
                let constant = meta.query_fixed(config.constant, Rotation::cur());
                vec![
                    step.clone() * (product * (x.clone() + constant) - next),
                    step * (x - next_x),
                ]
            });
            config
        }

        fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
            let value = |value: Option<Fr>| match value {
                Some(value) => Value::known(Assigned::Trivial(value)),
                None => Value::unknown(),
            };
            let out = layouter.assign_region(
                || "products",
                |mut region| {
                    let mut product = self.x.map(|_| Fr::from(1));
                    let mut last = region.assign_advice(config.product, 0, value(product));
                    region.assign_advice(config.x, 0, value(self.x));
                    for (row, constant) in self.constants.iter().enumerate() {
                        config.step.enable(&mut region, row)?;
                        let constant = Fr::from(*constant);
                        region.assign_fixed(config.constant, row, Assigned::Trivial(constant));
                        product = product.zip(self.x).map(|(p, x)| p * (x + constant));
                        region.assign_advice(config.x, row + 1, value(self.x));
                        last = region.assign_advice(config.product, row + 1, value(product));
                    }
                    Ok(last.cell())
                },
            )?;
            layouter.constrain_instance(out, config.instance, 0);
            Ok(())
        }
    }

    pub(crate) fn keys(circuit: &Products) -> PlonkKeys {
        let params = ParamsKZG::<Bn256>::setup(6, OsRng);
        PlonkKeys::generate(Arc::new(params), &circuit.without_witnesses()).unwrap()
    }

    #[test]
    fn proofs_verify_for_their_instance_only_and_to_the_last_byte() {
        let circuit = Products {
            constants: vec![3, 1, 4, 1, 5],
            x: Some(Fr::from(9)),
        };
        let keys = keys(&circuit);
        let output = circuit.output();
        let proof = keys.prove(circuit.clone(), &[output]).unwrap();
        assert!(keys.verify(&[output], &proof));
        assert!(!keys.verify(&[output + Fr::from(1)], &proof));
        assert!(!keys.verify(&[], &proof));
        assert!(!keys.verify(&[output, output], &proof));
        for place in (0..proof.len()).step_by(7) {
            let mut flipped = proof.clone();
            flipped[place] ^= 1 << (place % 8);
            assert!(!keys.verify(&[output], &flipped), "byte {place}");
        }
        assert!(!keys.verify(&[output], &proof[..proof.len() - 1]));
        let mut longer = proof.clone();
        longer.push(0);
        assert!(!keys.verify(&[output], &longer));
        // Another setup of the same circuit.
        assert!(!self::keys(&circuit).verify(&[output], &proof));
    }

    #[test]
    fn a_key_survives_its_file() {
        let circuit = Products {
            constants: vec![2, 7],
            x: Some(Fr::from(1)),
        };
        let keys = keys(&circuit);
        let mut bytes = Vec::new();
        keys.write(&mut bytes).unwrap();
        let read = PlonkKeys::read(keys.params.clone(), &circuit, &bytes).unwrap();
        let proof = read.prove(circuit.clone(), &[circuit.output()]).unwrap();
        assert!(keys.verify(&[circuit.output()], &proof));
    }

    #[test]
    fn the_fingerprint_follows_the_circuit_and_not_the_witness() {
        let circuit = Products {
            constants: vec![2, 7],
            x: None,
        };
        let of = |circuit: &Products, k| fingerprint(circuit, k).unwrap();
        let mut other = circuit.clone();
        other.constants[1] = 8;
        let mut longer = circuit.clone();
        longer.constants.push(0);
        let witnessed = Products {
            x: Some(Fr::from(5)),
            ..circuit.clone()
        };
        assert_eq!(of(&circuit, 6), of(&witnessed, 6));
        assert_ne!(of(&circuit, 6), of(&circuit, 7));
        assert_ne!(of(&circuit, 6), of(&other, 6));
        assert_ne!(of(&circuit, 6), of(&longer, 6));
        assert!(
            fingerprint(
                &Products {
                    constants: vec![1; 70],
                    x: None
                },
                6
            )
            .is_err()
        );
    }
}
