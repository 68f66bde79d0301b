use super::*;
use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{Advice, Assigned, Column, ConstraintSystem, Fixed, Instance, Selector};
use halo2_proofs::poly::Rotation;
use subrosa_plonk::Silent;

/// out = Πᵢ (x + cᵢ) for constants c₁ … c_rows and a private x. The instances are out and, below it
/// in the column of products, the column challenge.
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

    /// Returns the columns x and products, without the challenge.
    pub(crate) fn columns(&self, k: u32) -> [Vec<Fr>; 2] {
        let x = self.x.unwrap();
        let mut columns = [(); 2].map(|()| vec![Fr::from(0); 1 << k]);
        let mut product = Fr::from(1);
        columns[1][0] = product;
        columns[0][0] = x;
        for (row, constant) in self.constants.iter().enumerate() {
            product *= x + Fr::from(*constant);
            columns[0][row + 1] = x;
            columns[1][row + 1] = product;
        }
        columns
    }

    /// Proves the output.
    pub(crate) fn prove(&self, keys: &PlonkKeys) -> Vec<u8> {
        let mut columns = self.columns(keys.k());
        let first = columns[..keys.committed].to_vec();
        let committed = keys.commit(first, &[self.output()]).unwrap();
        columns[1][self.constants.len() + 1] = committed.challenge();
        keys.finish(committed, columns.to_vec(), &Silent).unwrap()
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
        let cells = layouter.assign_region(
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
                let challenge = self.constants.len() + 1;
                let challenge = region.assign_advice(config.product, challenge, value(None));
                Ok([last.cell(), challenge.cell()])
            },
        )?;
        for (row, cell) in cells.into_iter().enumerate() {
            layouter.constrain_instance(cell, config.instance, row);
        }
        Ok(())
    }
}

pub(crate) fn keys(circuit: &Products, committed: usize) -> PlonkKeys {
    let params = ParamsKZG::<Bn256>::setup(6, OsRng);
    PlonkKeys::generate(Arc::new(params), &circuit.without_witnesses(), committed).unwrap()
}

#[test]
fn proofs_verify_for_their_instance_only_and_to_the_last_byte() {
    let circuit = Products {
        constants: vec![3, 1, 4, 1, 5],
        x: Some(Fr::from(9)),
    };
    let output = circuit.output();
    for committed in [0, 1] {
        let keys = keys(&circuit, committed);
        let proof = circuit.prove(&keys);
        assert!(keys.verify(&[output], &proof));
        assert!(!keys.verify(&[output + Fr::from(1)], &proof));
        assert!(!keys.verify(&[], &proof));
        assert!(!keys.verify(&[output, output], &proof));
        for place in (0..proof.len()).step_by(7) {
            let mut flipped = proof.clone();
            flipped[place] ^= 1 << (place % 8);
            assert!(!keys.verify(&[output], &flipped), "byte {place}");
        }
        for shorter in [0, 63, proof.len() - 1] {
            assert!(!keys.verify(&[output], &proof[..shorter]));
        }
        let mut longer = proof.clone();
        longer.push(0);
        assert!(!keys.verify(&[output], &longer));
        // Another setup of the same circuit.
        assert!(!self::keys(&circuit, committed).verify(&[output], &proof));
    }
}

#[test]
fn the_challenge_is_drawn_from_the_first_columns_blinded_anew_each_time() {
    let circuit = Products {
        constants: vec![2, 7],
        x: Some(Fr::from(5)),
    };
    let keys = keys(&circuit, 1);
    let instances = [circuit.output()];
    let mut other = keys.pk.get_vk().transcript_repr();
    let [x, _] = circuit.columns(keys.k());
    let commit = || keys.commit(vec![x.clone()], &instances).unwrap();
    let first = commit();
    assert_ne!(first.challenge(), commit().challenge());
    let expected =
        |representation: &Fr| column_challenge(representation, &instances, &first.commitments);
    assert_eq!(first.challenge(), expected(&other));
    other += Fr::from(1);
    assert_ne!(first.challenge(), expected(&other));
}

#[test]
fn columns_that_are_not_those_committed_to_give_no_proof() {
    let circuit = Products {
        constants: vec![2, 7],
        x: Some(Fr::from(5)),
    };
    let keys = keys(&circuit, 1);
    let mut columns = circuit.columns(keys.k());
    let instances = [circuit.output()];
    let commit = |column: &Vec<Fr>| keys.commit(vec![column.clone()], &instances);

    let committed = commit(&columns[0]).unwrap();
    columns[1][3] = committed.challenge();
    // A cell that no gate reads.
    columns[0][40] = Fr::from(1);
    assert!(matches!(
        keys.finish(committed, columns.to_vec(), &Silent),
        Err(ProveError::Commitments)
    ));
    // A challenge of other commitments.
    let committed = commit(&columns[0]).unwrap();
    columns[1][3] = committed.challenge() + Fr::from(1);
    let proof = keys.finish(committed, columns.to_vec(), &Silent).unwrap();
    assert!(!keys.verify(&instances, &proof));

    let committed = commit(&columns[0]).unwrap();
    assert!(matches!(
        keys.finish(committed, columns[..1].to_vec(), &Silent),
        Err(ProveError::Columns {
            expected: 2,
            found: 1
        })
    ));
    assert!(keys.commit(columns.to_vec(), &instances).is_err());
    assert!(commit(&columns[0][1..].to_vec()).is_err());
}

#[test]
fn a_key_survives_its_files() {
    let circuit = Products {
        constants: vec![2, 7],
        x: Some(Fr::from(1)),
    };
    let keys = keys(&circuit, 1);
    let (mut vk, mut columns) = (Vec::new(), Vec::new());
    keys.write_vk(&mut vk).unwrap();
    keys.write_columns(&mut columns).unwrap();
    let read = |columns: &[u8]| {
        let mut columns = columns;
        Stored::read(&circuit, &vk, &mut columns)
    };
    let again = read(&columns).unwrap().assemble(keys.params.clone(), 1);
    // The coefficients are equal as well.
    let bytes = |keys: &PlonkKeys| keys.pk.to_bytes(halo2_proofs::SerdeFormat::RawBytes);
    assert!(bytes(&again) == bytes(&keys));
    let proof = circuit.prove(&again);
    assert!(keys.verify(&[circuit.output()], &proof));
    assert!(read(&columns[..columns.len() - 1]).is_err());
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

/// The GPU's proofs verify under the same keys. 2^14 rows are enough to use its kernels.
#[test]
#[cfg(feature = "cuda")]
fn the_gpu_proves_under_the_same_keys() {
    use crate::device::DeviceChoice;

    let circuit = Products {
        constants: (1..1000).collect(),
        x: Some(Fr::from(9)),
    };
    let params = Arc::new(ParamsKZG::<Bn256>::setup(14, OsRng));
    let keys = PlonkKeys::generate(params, &circuit.without_witnesses(), 1).unwrap();
    let mut columns = circuit.columns(keys.k());
    let instances = [circuit.output()];
    let keys = keys.on(DeviceChoice::Cuda.select().unwrap());
    let committed = keys.commit(vec![columns[0].clone()], &instances).unwrap();
    // A proof with columns other than those committed to begins with other commitments.
    let mut other = columns.clone();
    other[0][5000] += Fr::from(1);
    let lie = keys.commit(vec![other[0].clone()], &instances).unwrap();
    assert!(matches!(
        keys.finish(lie, columns.to_vec(), &Silent),
        Err(ProveError::Commitments)
    ));
    columns[1][circuit.constants.len() + 1] = committed.challenge();
    let proof = keys.finish(committed, columns.to_vec(), &Silent).unwrap();
    assert!(keys.verify(&instances, &proof));
    let keys = keys.on(DeviceChoice::Cpu.select().unwrap());
    assert!(keys.verify(&instances, &proof));
    assert!(keys.verify(&instances, &circuit.prove(&keys)));
}
