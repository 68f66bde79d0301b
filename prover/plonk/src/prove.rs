//! The rounds of the protocol, from advice columns to a proof.

use std::marker::PhantomData;
use std::time::Instant;

use halo2_proofs::plonk::{Any, Column, ConstraintSystem, ProvingKey};
use halo2_proofs::poly::commitment::Params;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2curves::ff::Field;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;

use crate::commit::{commit_columns, commit_polynomials, fill_blinding};
use crate::constraints::{Challenges, Columns, Forms, check, set_length};
use crate::domain::Domain;
use crate::evaluations::Evaluations;
use crate::graph::Graph;
use crate::lookup::{Lookup, permute};
use crate::opening::{Opened, combination};
use crate::permutation::{CHUNK, product};
use crate::program::Program;
use crate::quotient::{KeyCosets, key_polynomials, quotient};
use crate::symbolic::{Linear, combine};
use crate::{EngineError, Progress};

/// Choices of a proof that its statement does not determine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choices<'a> {
    /// The columns of the key on all cosets, if kept.
    pub(crate) key: Option<&'a KeyCosets>,
    /// Coefficients of the polynomial that blinds the quotient; random if absent. halo2 does not
    /// draw them from the given generator, so tests take them from a proof made by halo2.
    pub(crate) random: Option<Vec<Fr>>,
    /// Distinct inputs of each lookup in the order of their runs; ascending if absent.
    pub(crate) orders: Option<Vec<Vec<Fr>>>,
}

/// Proves a circuit of one phase from its advice columns of `2^k` cells each. Overwrites their last
/// rows with blinding cells ([`fill_blinding`]).
///
/// With the `cosets` of `pk` ([`KeyCosets::new`]), the proof is the same, but takes less time and
/// more memory.
///
/// # Errors
/// See [`EngineError`].
#[allow(clippy::too_many_arguments)]
pub fn prove<E, T, R>(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    cosets: Option<&KeyCosets>,
    instances: &[Fr],
    advice: Vec<Vec<Fr>>,
    rng: R,
    transcript: &mut T,
    progress: &dyn Progress,
) -> Result<(), EngineError>
where
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
    R: RngCore,
{
    let choices = Choices {
        key: cosets,
        ..Choices::default()
    };
    prove_with(
        params, pk, instances, advice, rng, transcript, progress, &choices,
    )
}

/// Reports the phases, and logs how long each took.
struct Phases<'a> {
    progress: &'a dyn Progress,
    current: &'static str,
    since: Instant,
}

impl Phases<'_> {
    fn step(&mut self, name: &'static str, done: u64, total: u64) -> Result<(), EngineError> {
        if name != self.current || done == total {
            tracing::debug!(phase = self.current, time = ?self.since.elapsed(), "done");
            self.current = name;
            self.since = Instant::now();
        }
        if self.progress.cancelled() {
            return Err(EngineError::Cancelled);
        }
        self.progress.phase(name, done, total);
        Ok(())
    }
}

/// The columns of a proof: values, or coefficients after interpolation.
pub(crate) struct Witness {
    pub(crate) advice: Vec<Vec<Fr>>,
    instance: Vec<Vec<Fr>>,
    /// Running products of the copy argument.
    pub(crate) sets: Vec<Vec<Fr>>,
    /// Running product, permuted input, permuted table, by lookup.
    pub(crate) lookups: Vec<[Vec<Fr>; 3]>,
}

#[allow(clippy::too_many_arguments)]
pub(crate) fn prove_with<E, T, R>(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    instances: &[Fr],
    advice: Vec<Vec<Fr>>,
    rng: R,
    transcript: &mut T,
    progress: &dyn Progress,
    choices: &Choices<'_>,
) -> Result<(), EngineError>
where
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
    R: RngCore,
{
    check(pk.get_vk().cs())?;
    let instance = inputs(params, pk, instances, &advice)?;
    if choices.key.is_some_and(|key| !key.fit(pk)) {
        return Err(EngineError::Cosets);
    }
    let mut prover = Prover {
        params,
        pk,
        choices,
        domain: Domain::new(params.k()),
        rng,
        transcript,
        phases: Phases {
            progress,
            current: "start",
            since: Instant::now(),
        },
        witness: Witness {
            advice,
            instance,
            sets: vec![],
            lookups: vec![],
        },
        encoding: PhantomData,
    };
    prover.write_advice(instances)?;
    let theta = prover.challenge_after("lookups")?;
    let lookups = prover.write_lookups(theta)?;
    let beta = prover.challenge_after("permutation")?;
    let gamma = prover.challenge();
    prover.write_products(lookups, beta, gamma)?;
    let random = prover.write_random()?;
    let y = prover.challenge_after("interpolation")?;
    prover.interpolate();
    let quotient = prover.quotient(&Challenges { theta, beta, gamma }, y)?;
    prover.write_quotient(&quotient)?;
    let x = prover.challenge_after("openings")?;
    let folded = prover.fold(quotient, x);
    prover.open(&folded, &random, x)
}

/// A proof under way. The methods are the rounds of the protocol, in order.
struct Prover<'a, E, T, R> {
    params: &'a ParamsKZG<Bn256>,
    pk: &'a ProvingKey<G1Affine>,
    choices: &'a Choices<'a>,
    domain: Domain,
    rng: R,
    transcript: &'a mut T,
    phases: Phases<'a>,
    witness: Witness,
    encoding: PhantomData<E>,
}

impl<E, T, R> Prover<'_, E, T, R>
where
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
    R: RngCore,
{
    fn challenge(&mut self) -> Fr {
        *self.transcript.squeeze_challenge_scalar::<()>()
    }

    /// Begins a phase, and draws its first challenge.
    fn challenge_after(&mut self, phase: &'static str) -> Result<Fr, EngineError> {
        self.phases.step(phase, 0, 1)?;
        Ok(self.challenge())
    }

    /// Absorbs key and instances, blinds the advice columns and commits to them.
    fn write_advice(&mut self, instances: &[Fr]) -> Result<(), EngineError> {
        self.phases.step("advice", 0, 1)?;
        self.pk.get_vk().hash_into(&mut *self.transcript)?;
        for value in instances {
            self.transcript.common_scalar(*value)?;
        }
        let cs = self.pk.get_vk().cs();
        fill_blinding(&mut self.rng, cs, &mut self.witness.advice);
        draw_blinds(&mut self.rng, self.witness.advice.len());
        write_columns(
            self.params,
            &mut *self.transcript,
            self.witness.advice.iter(),
        )
    }

    /// Permutes the columns of each lookup and commits to them.
    fn write_lookups(&mut self, theta: Fr) -> Result<Vec<Lookup>, EngineError> {
        let mut lookups = vec![];
        for index in 0..self.pk.get_vk().cs().lookups().len() {
            let orders = self.choices.orders.as_ref();
            let order = orders.map(|orders| orders[index].as_slice());
            let lookup = lookup(self.pk, &self.witness, index, theta, order, &mut self.rng)?;
            draw_blinds(&mut self.rng, 2);
            let permuted = [&lookup.permuted_input, &lookup.permuted_table];
            write_columns(self.params, &mut *self.transcript, permuted.into_iter())?;
            lookups.push(lookup);
        }
        Ok(lookups)
    }

    /// Computes the running products of copies and lookups and commits to them.
    fn write_products(
        &mut self,
        lookups: Vec<Lookup>,
        beta: Fr,
        gamma: Fr,
    ) -> Result<(), EngineError> {
        let cs = self.pk.get_vk().cs();
        self.witness.sets = running_products(
            &self.domain,
            self.pk,
            &self.witness,
            beta,
            gamma,
            &mut self.rng,
        );
        for lookup in lookups {
            let mut product = lookup.product(beta, gamma);
            blind_end(&mut self.rng, cs, &mut product);
            self.witness
                .lookups
                .push([product, lookup.permuted_input, lookup.permuted_table]);
        }
        let products = self.witness.lookups.iter().map(|lookup| &lookup[0]);
        let products = self.witness.sets.iter().chain(products);
        write_columns(self.params, &mut *self.transcript, products)
    }

    /// Commits to the polynomial that blinds the quotient, and returns it.
    fn write_random(&mut self) -> Result<Vec<Fr>, EngineError> {
        let random = self.choices.random.clone();
        let random = random.unwrap_or_else(|| random_polynomial(&mut self.rng, self.domain.n));
        let commitment = commit_polynomials(self.params, &[&random])[0];
        self.transcript.write_point(commitment)?;
        Ok(random)
    }

    /// Replaces the values of all columns by coefficients.
    fn interpolate(&mut self) {
        let domain = &self.domain;
        let witness = &mut self.witness;
        let columns: Vec<&mut Vec<Fr>> = witness
            .advice
            .iter_mut()
            .chain(&mut witness.instance)
            .chain(&mut witness.sets)
            .chain(witness.lookups.iter_mut().flatten())
            .collect();
        columns
            .into_par_iter()
            .for_each(|column| domain.interpolate(column));
    }

    /// Computes the parts of the quotient.
    fn quotient(&mut self, challenges: &Challenges, y: Fr) -> Result<Vec<Vec<Fr>>, EngineError> {
        let cs = self.pk.get_vk().cs();
        let parts = cs.degree() - 1;
        let mut forms = Forms::new(cs);
        let identities = forms.identities(challenges)?;
        let program = compile(&mut forms, &combine(&identities, y));
        let polynomials = polynomials(self.pk, &self.witness);
        let phases = &mut self.phases;
        let step = |part| phases.step("quotient", part as u64, parts as u64);
        let point = forms.columns.point();
        let room = (parts, self.choices.key);
        quotient(&self.domain, &program, &polynomials, point, room, step)
    }

    /// Commits to the parts of the quotient.
    fn write_quotient(&mut self, quotient: &[Vec<Fr>]) -> Result<(), EngineError> {
        self.phases.step("commitments", 0, 1)?;
        let parts: Vec<&[Fr]> = quotient.iter().map(Vec::as_slice).collect();
        for point in commit_polynomials(self.params, &parts) {
            self.transcript.write_point(point)?;
        }
        Ok(())
    }

    /// Combines the parts of the quotient into one polynomial with the same value at x.
    fn fold(&self, quotient: Vec<Vec<Fr>>, x: Fr) -> Vec<Fr> {
        let xn = x.pow_vartime([self.domain.n as u64]);
        let powers = std::iter::successors(Some(Fr::ONE), |power| Some(*power * xn));
        let parts: Vec<(&[Fr], Fr)> = quotient.iter().map(Vec::as_slice).zip(powers).collect();
        combination(&parts, self.domain.n)
    }

    /// Writes the evaluations and opens them.
    fn open(mut self, folded: &[Fr], random: &[Fr], x: Fr) -> Result<(), EngineError> {
        let evaluations = Evaluations {
            domain: &self.domain,
            pk: self.pk,
            witness: &self.witness,
            x,
        };
        let opened = Opened::new(evaluations.opened(folded, random));
        for query in evaluations.written(random) {
            let value = opened.value(query.polynomial, query.point);
            self.transcript.write_scalar(value)?;
        }
        opened.prove(self.params, &mut *self.transcript)?;
        self.phases.step("openings", 1, 1)
    }
}

/// Checks the sizes of all inputs, and returns the instance columns.
fn inputs(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    instances: &[Fr],
    advice: &[Vec<Fr>],
) -> Result<Vec<Vec<Fr>>, EngineError> {
    let cs = pk.get_vk().cs();
    let n = pk.l0().len();
    if params.n() != n as u64 {
        return Err(EngineError::Parameters {
            params: params.k(),
            key: n.ilog2(),
        });
    }
    if advice.len() != cs.num_advice_columns() || advice.iter().any(|column| column.len() != n) {
        return Err(EngineError::Advice);
    }
    let room = match cs.num_instance_columns() {
        0 => 0,
        _ => n.saturating_sub(cs.blinding_factors() + 1),
    };
    if instances.len() > room {
        return Err(EngineError::Instances);
    }
    let mut column = instances.to_vec();
    column.resize(n, Fr::ZERO);
    Ok(vec![column; cs.num_instance_columns()])
}

/// Draws blinds without using them. KZG commitments have none, but halo2 draws them.
fn draw_blinds<R: RngCore>(rng: &mut R, number: usize) {
    for _ in 0..number {
        Fr::random(&mut *rng);
    }
}

fn write_columns<'a, E: EncodedChallenge<G1Affine>, T: TranscriptWrite<G1Affine, E>>(
    params: &ParamsKZG<Bn256>,
    transcript: &mut T,
    columns: impl Iterator<Item = &'a Vec<Fr>>,
) -> Result<(), EngineError> {
    let columns: Vec<&[Fr]> = columns.map(Vec::as_slice).collect();
    for point in commit_columns(params, &columns) {
        transcript.write_point(point)?;
    }
    Ok(())
}

/// Compiles a linear form.
pub(crate) fn compile(forms: &mut Forms<'_>, form: &Linear) -> Program {
    let graph = Graph::new(&mut forms.atoms, form);
    let program = Program::new(&graph);
    let (operations, registers) = program.size();
    let multiplications = graph.multiplications();
    tracing::debug!(multiplications, operations, registers, "compiled");
    program
}

/// Returns the compressed and the permuted columns of a lookup, with blinding rows.
fn lookup<R: RngCore>(
    pk: &ProvingKey<G1Affine>,
    witness: &Witness,
    index: usize,
    theta: Fr,
    order: Option<&[Fr]>,
    rng: &mut R,
) -> Result<Lookup, EngineError> {
    let cs = pk.get_vk().cs();
    let n = pk.l0().len();
    let mut forms = Forms::new(cs);
    let numbering = forms.columns;
    let mut columns: Vec<&[Fr]> = vec![&[]; numbering.count()];
    for (index, column) in pk.fixed_values().iter().enumerate() {
        columns[numbering.fixed(index)] = column;
    }
    for (index, column) in witness.advice.iter().enumerate() {
        columns[numbering.advice(index)] = column;
    }
    for (index, column) in witness.instance.iter().enumerate() {
        columns[numbering.instance(index)] = column;
    }
    let argument = &cs.lookups()[index];
    let mut compressed = |expressions| -> Result<Vec<Fr>, EngineError> {
        let form = forms.compressed(expressions, theta)?;
        let mut values = vec![Fr::ZERO; n];
        compile(&mut forms, &form).run(&columns, &mut values);
        Ok(values)
    };
    let input = compressed(argument.input_expressions())?;
    let table = compressed(argument.table_expressions())?;
    let usable = n - (cs.blinding_factors() + 1);
    let (mut permuted_input, mut permuted_table) =
        permute(&input[..usable], &table[..usable], order).ok_or(EngineError::Lookup(index))?;
    for column in [&mut permuted_input, &mut permuted_table] {
        column.resize_with(n, || Fr::random(&mut *rng));
    }
    Ok(Lookup {
        input,
        table,
        permuted_input,
        permuted_table,
    })
}

/// Fills the end of a running product with random cells, and draws its commitment's blind.
fn blind_end<R: RngCore>(rng: &mut R, cs: &ConstraintSystem<Fr>, column: &mut [Fr]) {
    let start = column.len() - cs.blinding_factors();
    for cell in &mut column[start..] {
        *cell = Fr::random(&mut *rng);
    }
    draw_blinds(rng, 1);
}

/// Returns the running products of the copy argument; each starts at the end of the previous one.
fn running_products<R: RngCore>(
    domain: &Domain,
    pk: &ProvingKey<G1Affine>,
    witness: &Witness,
    beta: Fr,
    gamma: Fr,
    rng: &mut R,
) -> Vec<Vec<Fr>> {
    let cs = pk.get_vk().cs();
    let values = |column: &Column<Any>| -> &[Fr] {
        match column.column_type() {
            Any::Fixed => &pk.fixed_values()[column.index()],
            Any::Advice(_) => &witness.advice[column.index()],
            Any::Instance => &witness.instance[column.index()],
        }
    };
    let copied: Vec<(&[Fr], &[Fr])> = cs
        .permutation()
        .get_columns()
        .iter()
        .zip(pk.permutation().permutations())
        .map(|(column, permuted)| (values(column), permuted.values()))
        .collect();
    let mut first = Fr::ONE;
    let length = set_length(cs);
    let mut sets = vec![];
    for (index, columns) in copied.chunks(length).enumerate() {
        let mut column = product(domain, columns, index * length, beta, gamma, first);
        first = column[domain.n - (cs.blinding_factors() + 1)];
        blind_end(rng, cs, &mut column);
        sets.push(column);
    }
    sets
}

/// Returns a polynomial with random coefficients. Its seed is the last random choice of the proof.
fn random_polynomial<R: RngCore>(rng: &mut R, n: usize) -> Vec<Fr> {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let mut polynomial = vec![Fr::ZERO; n];
    polynomial
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(index, chunk)| {
            let mut rng = ChaCha20Rng::from_seed(seed);
            rng.set_stream(index as u64);
            for coefficient in chunk {
                *coefficient = Fr::random(&mut rng);
            }
        });
    polynomial
}

/// Returns the coefficients of all columns, as [`Columns`] numbers them.
fn polynomials<'a>(pk: &'a ProvingKey<G1Affine>, witness: &'a Witness) -> Vec<&'a [Fr]> {
    let numbering = Columns::new(pk.get_vk().cs());
    let mut polynomials = key_polynomials(pk);
    polynomials.resize(numbering.count(), &[]);
    for (index, polynomial) in witness.advice.iter().enumerate() {
        polynomials[numbering.advice(index)] = polynomial;
    }
    for (index, polynomial) in witness.instance.iter().enumerate() {
        polynomials[numbering.instance(index)] = polynomial;
    }
    for (index, polynomial) in witness.sets.iter().enumerate() {
        polynomials[numbering.set(index)] = polynomial;
    }
    for (index, lookup) in witness.lookups.iter().enumerate() {
        for (place, polynomial) in lookup.iter().enumerate() {
            polynomials[numbering.lookup(index) + place] = polynomial;
        }
    }
    polynomials
}
