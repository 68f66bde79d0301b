//! A small test circuit with gates of several degrees, rotations, lookups and copies.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{
    Advice, Circuit, Column, ConstraintSystem, Error, Expression, Fixed, Instance, ProvingKey,
    Selector, keygen_pk2,
};
use halo2_proofs::poly::Rotation;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2curves::ff::Field;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::{compare, engine};
use crate::prove::Choices;
use crate::{EngineError, Progress, Silent, commit_columns, fill_blinding};

const K: u32 = 7;
const STEPS: usize = 40;

#[derive(Clone, Debug)]
struct Config {
    advice: [Column<Advice>; 6],
    kind: Column<Fixed>,
    factor: Column<Fixed>,
    table: [Column<Fixed>; 2],
    selector: Selector,
    instance: Column<Instance>,
}

/// x ↦ 3·x⁵ + 2·y⁵ + factor, y ↦ x⁵ + 7·y⁵ and running products; a lookup relates small values to
/// their squares.
#[derive(Clone, Debug, Default)]
struct Small {
    /// Declared degree, if it differs from the actual one.
    degree: Option<usize>,
}

fn fifth(x: &Expression<Fr>) -> Expression<Fr> {
    let square = x.clone() * x.clone();
    square.clone() * square * x.clone()
}

fn number(value: u64) -> Expression<Fr> {
    Expression::Constant(Fr::from(value))
}

impl Circuit<Fr> for Small {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Option<usize>;

    fn params(&self) -> Option<usize> {
        self.degree
    }

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, degree: Option<usize>) -> Config {
        let config = Config {
            advice: std::array::from_fn(|_| meta.advice_column()),
            kind: meta.fixed_column(),
            factor: meta.fixed_column(),
            table: std::array::from_fn(|_| meta.fixed_column()),
            selector: meta.complex_selector(),
            instance: meta.instance_column(),
        };
        meta.set_minimum_degree(degree.unwrap_or(7));
        for column in config.advice {
            meta.enable_equality(column);
        }
        meta.enable_equality(config.factor);
        meta.enable_equality(config.instance);
        meta.create_gate("powers", |cells| {
            let kind = cells.query_fixed(config.kind, Rotation::cur());
            let factor = cells.query_fixed(config.factor, Rotation::cur());
            let [x, y] = [0, 1].map(|i| cells.query_advice(config.advice[i], Rotation::cur()));
            let [u, v] = [0, 1].map(|i| cells.query_advice(config.advice[i], Rotation::next()));
            let kind = kind.clone() * (kind - number(2));
            vec![
                kind.clone() * (fifth(&x) * Fr::from(3) + number(2) * fifth(&y) + factor - u),
                kind * (fifth(&x) + fifth(&y) * Fr::from(7) - v),
            ]
        });
        meta.create_gate("products", |cells| {
            let selector = cells.query_selector(config.selector);
            let factor = cells.query_fixed(config.factor, Rotation::cur());
            let [x, y] = [0, 1].map(|i| cells.query_advice(config.advice[i], Rotation::cur()));
            let a = cells.query_advice(config.advice[2], Rotation::cur());
            let before = cells.query_advice(config.advice[2], Rotation::prev());
            let b = cells.query_advice(config.advice[3], Rotation(0));
            vec![
                selector.clone() * (a - before * (x.clone() + y.clone() + number(1))),
                selector * (factor * x.clone() * (y.clone() - number(5)) - x * y - b),
            ]
        });
        meta.lookup_any("squares", |cells| {
            let small = cells.query_advice(config.advice[4], Rotation::cur());
            let square = cells.query_advice(config.advice[5], Rotation::cur());
            let [n, n2] = config
                .table
                .map(|column| cells.query_fixed(column, Rotation::cur()));
            vec![(small, n), (square, n2)]
        });
        meta.lookup_any("numbers", |cells| {
            let selector = cells.query_selector(config.selector);
            let small = cells.query_advice(config.advice[4], Rotation::next());
            let n = cells.query_fixed(config.table[0], Rotation::cur());
            vec![(selector * small, n)]
        });
        config
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        Self::configure_with_params(meta, None)
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let advice = advice();
        let output = layouter.assign_region(
            || "all",
            |mut region| {
                for row in 0..1 << 4 {
                    let n = Fr::from(row as u64);
                    region.assign_fixed(config.table[0], row, n);
                    region.assign_fixed(config.table[1], row, n.square());
                }
                let mut output = None;
                for row in 0..=STEPS {
                    if row < STEPS {
                        region.assign_fixed(config.kind, row, Fr::ONE);
                    }
                    region.assign_fixed(config.factor, row, Fr::from(row as u64 * row as u64));
                    if row > 0 {
                        config.selector.enable(&mut region, row)?;
                    }
                    for (column, values) in config.advice.iter().zip(&advice) {
                        let cell = region.assign_advice(*column, row, Value::known(values[row]));
                        output = Some(cell.cell());
                    }
                }
                let small = region.assign_advice(config.advice[4], 3, Value::known(advice[4][3]));
                let same = region.assign_advice(config.advice[4], 19, Value::known(advice[4][19]));
                region.constrain_equal(small.cell(), same.cell());
                let x =
                    region.assign_advice(config.advice[0], STEPS, Value::known(advice[0][STEPS]));
                Ok((output, x.cell()))
            },
        )?;
        layouter.constrain_instance(output.1, config.instance, 0);
        Ok(())
    }
}

fn advice() -> Vec<Vec<Fr>> {
    let mut columns = vec![vec![Fr::ZERO; 1 << K]; 6];
    let (mut x, mut y, mut product) = (Fr::from(3), Fr::from(4), Fr::from(2));
    let [xs, ys, products, gates, numbers, squares] = &mut columns[..] else {
        unreachable!("six columns")
    };
    for row in 0..=STEPS {
        let factor = Fr::from(row as u64 * row as u64);
        if row > 0 {
            product *= x + y + Fr::ONE;
        }
        xs[row] = x;
        ys[row] = y;
        products[row] = product;
        gates[row] = factor * x * (y - Fr::from(5)) - x * y;
        let n = Fr::from((row * 5 % 16) as u64);
        numbers[row] = n;
        squares[row] = n.square();
        let [a, b] = [x, y].map(|x| x.square().square() * x);
        (x, y) = (a * Fr::from(3) + b.double() + factor, a + b * Fr::from(7));
    }
    columns
}

fn instances() -> Vec<Fr> {
    vec![advice()[0][STEPS], Fr::from(8)]
}

fn keys(k: u32, degree: Option<usize>) -> (ParamsKZG<Bn256>, ProvingKey<G1Affine>) {
    let params = ParamsKZG::setup(k, ChaCha20Rng::seed_from_u64(1));
    let pk = keygen_pk2(&params, &Small { degree }, false).unwrap();
    (params, pk)
}

fn fixture() -> &'static (ParamsKZG<Bn256>, ProvingKey<G1Affine>) {
    static KEYS: OnceLock<(ParamsKZG<Bn256>, ProvingKey<G1Affine>)> = OnceLock::new();
    KEYS.get_or_init(|| keys(K, None))
}

#[test]
fn same_bytes() {
    let (params, pk) = fixture();
    compare(params, pk, &instances(), &advice());
}

/// The parts of the quotient and the length of the copied sets depend on the degree.
#[test]
fn same_bytes_in_higher_degree() {
    let (params, pk) = keys(K, Some(11));
    compare(&params, &pk, &instances(), &advice());
}

#[test]
fn refuses_undeclared_degree() {
    let (params, pk) = keys(K, Some(4));
    let choices = Choices::default();
    let error = engine(&params, &pk, &instances(), advice(), 1, &Silent, &choices);
    assert!(matches!(
        error,
        Err(EngineError::Degree {
            declared: 5,
            actual: 7
        })
    ));
}

#[test]
fn refuses_wrong_sizes() {
    let (params, pk) = fixture();
    let choices = Choices::default();
    let prove = |params, instances: &[Fr], advice| {
        engine(params, pk, instances, advice, 1, &Silent, &choices)
    };
    let small = ParamsKZG::setup(K - 1, ChaCha20Rng::seed_from_u64(1));
    assert!(matches!(
        prove(&small, &instances(), advice()),
        Err(EngineError::Parameters { params: 6, key: 7 })
    ));
    assert!(matches!(
        prove(params, &vec![Fr::ONE; 1 << K], advice()),
        Err(EngineError::Instances)
    ));
    let mut short = advice();
    short[2].pop();
    assert!(matches!(
        prove(params, &instances(), short),
        Err(EngineError::Advice)
    ));
    let mut few = advice();
    few.pop();
    assert!(matches!(
        prove(params, &instances(), few),
        Err(EngineError::Advice)
    ));
    let mut outside = advice();
    outside[4][1] = Fr::from(16);
    assert!(matches!(
        prove(params, &instances(), outside),
        Err(EngineError::Lookup(0))
    ));
}

/// Counts steps, and cancels after `allowed` of them.
struct Counter {
    steps: AtomicUsize,
    allowed: usize,
}

impl Progress for Counter {
    fn phase(&self, _: &str, done: u64, total: u64) {
        assert!(done <= total);
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.steps.load(Ordering::Relaxed) >= self.allowed
    }
}

#[test]
fn cancels_between_steps() {
    let (params, pk) = fixture();
    let choices = Choices::default();
    let run = |allowed| {
        let counter = Counter {
            steps: AtomicUsize::new(0),
            allowed,
        };
        let proof = engine(params, pk, &instances(), advice(), 1, &counter, &choices);
        (proof, counter.steps.into_inner())
    };
    let (proof, steps) = run(usize::MAX);
    assert!(proof.is_ok());
    // Advice, lookups, permutation, interpolation, six parts, commitments, openings, end.
    assert_eq!(steps, 13);
    for allowed in 0..steps {
        let (proof, taken) = run(allowed);
        assert!(matches!(proof, Err(EngineError::Cancelled)));
        assert_eq!(taken, allowed);
    }
}

/// A clone of the generator determines the commitments to the first columns before the proof.
#[test]
fn first_columns_beforehand() {
    let (params, pk) = fixture();
    let mut first = advice();
    first.truncate(2);
    let rng = ChaCha20Rng::seed_from_u64(5);
    fill_blinding(rng.clone(), pk.get_vk().cs(), &mut first);
    let columns: Vec<&[Fr]> = first.iter().map(Vec::as_slice).collect();
    let commitments = commit_columns(params, &columns);
    let choices = Choices::default();
    let proof = engine(params, pk, &instances(), advice(), 5, &Silent, &choices).unwrap();
    use halo2curves::group::GroupEncoding;
    for (index, commitment) in commitments.iter().enumerate() {
        assert_eq!(
            proof[32 * index..32 * (index + 1)],
            commitment.to_bytes().as_ref()[..]
        );
    }
}
