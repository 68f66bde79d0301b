//! The protocol, from advice to proof.

use std::time::Instant;

use halo2_proofs::plonk::{Any, Column, ConstraintSystem, ProvingKey};
use halo2_proofs::poly::Rotation;
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
use crate::graph::Graph;
use crate::lookup::{Lookup, permute};
use crate::opening::{Opened, Query, combination};
use crate::permutation::{CHUNK, product};
use crate::program::Program;
use crate::quotient::{KeyCosets, key_polynomials, quotient};
use crate::symbolic::{Linear, combine};
use crate::{EngineError, Progress};

/// What a proof is made with beside its statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choices<'a> {
    /// The key's columns on all cosets.
    pub(crate) key: Option<&'a KeyCosets>,
    /// Coefficients of the polynomial that blinds the quotient. halo2 draws them elsewhere than from the
    /// given generator; tests take them from a proof of halo2's.
    pub(crate) random: Option<Vec<Fr>>,
    /// The distinct inputs of each lookup in the order of their runs, likewise.
    pub(crate) orders: Option<Vec<Vec<Fr>>>,
}

/// Proves a circuit of one phase from its advice columns, `2^k` cells each, of which the last rows are
/// overwritten with blinding cells ([`fill_blinding`]). With what was kept of the key the proof is the
/// same, in less time and more memory.
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

/// Columns of values, and then of coefficients.
struct Witness {
    advice: Vec<Vec<Fr>>,
    instance: Vec<Vec<Fr>>,
    sets: Vec<Vec<Fr>>,
    /// Running product, permuted input, permuted table.
    lookups: Vec<[Vec<Fr>; 3]>,
}

#[allow(clippy::too_many_arguments)]
pub(crate) fn prove_with<E, T, R>(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    instances: &[Fr],
    mut advice: Vec<Vec<Fr>>,
    mut rng: R,
    transcript: &mut T,
    progress: &dyn Progress,
    choices: &Choices<'_>,
) -> Result<(), EngineError>
where
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
    R: RngCore,
{
    let cs = pk.get_vk().cs();
    check(cs)?;
    let instance = inputs(params, pk, instances, &advice)?;
    if choices.key.is_some_and(|key| !key.fit(pk)) {
        return Err(EngineError::Cosets);
    }
    let mut phases = Phases {
        progress,
        current: "start",
        since: Instant::now(),
    };

    phases.step("advice", 0, 1)?;
    let domain = Domain::new(params.k());
    pk.get_vk().hash_into(transcript)?;
    for value in instances {
        transcript.common_scalar(*value)?;
    }
    fill_blinding(&mut rng, cs, &mut advice);
    draw_blinds(&mut rng, advice.len());
    write_columns(params, transcript, advice.iter())?;
    let mut witness = Witness {
        advice,
        instance,
        sets: vec![],
        lookups: vec![],
    };

    phases.step("lookups", 0, 1)?;
    let theta = *transcript.squeeze_challenge_scalar::<()>();
    let mut lookups = vec![];
    for index in 0..cs.lookups().len() {
        let order = choices
            .orders
            .as_ref()
            .map(|orders| orders[index].as_slice());
        let lookup = lookup(pk, &witness, index, theta, order, &mut rng)?;
        draw_blinds(&mut rng, 2);
        let permuted = [&lookup.permuted_input, &lookup.permuted_table];
        write_columns(params, transcript, permuted.into_iter())?;
        lookups.push(lookup);
    }

    phases.step("permutation", 0, 1)?;
    let beta = *transcript.squeeze_challenge_scalar::<()>();
    let gamma = *transcript.squeeze_challenge_scalar::<()>();
    witness.sets = running_products(&domain, pk, &witness, beta, gamma, &mut rng);
    for lookup in lookups {
        let mut product = lookup.product(beta, gamma);
        blind_end(&mut rng, cs, &mut product);
        witness
            .lookups
            .push([product, lookup.permuted_input, lookup.permuted_table]);
    }
    let products = witness.lookups.iter().map(|lookup| &lookup[0]);
    write_columns(params, transcript, witness.sets.iter().chain(products))?;
    let random = choices.random.clone();
    let random = random.unwrap_or_else(|| random_polynomial(&mut rng, domain.n));
    transcript.write_point(commit_polynomials(params, &[&random])[0])?;

    phases.step("interpolation", 0, 1)?;
    let y = *transcript.squeeze_challenge_scalar::<()>();
    let columns = witness
        .advice
        .iter_mut()
        .chain(&mut witness.instance)
        .chain(&mut witness.sets)
        .chain(witness.lookups.iter_mut().flatten());
    let columns: Vec<&mut Vec<Fr>> = columns.collect();
    columns
        .into_par_iter()
        .for_each(|column| domain.interpolate(column));

    let challenges = Challenges { theta, beta, gamma };
    let parts = cs.degree() - 1;
    let mut forms = Forms::new(cs);
    let identities = forms.identities(&challenges)?;
    let program = compile(&mut forms, &combine(&identities, y));
    let polynomials = polynomials(pk, &witness);
    let step = |part| phases.step("quotient", part as u64, parts as u64);
    let point = forms.columns.point();
    let room = (parts, choices.key);
    let quotient = quotient(&domain, &program, &polynomials, point, room, step)?;

    phases.step("commitments", 0, 1)?;
    let pieces: Vec<&[Fr]> = quotient.iter().map(Vec::as_slice).collect();
    for point in commit_polynomials(params, &pieces) {
        transcript.write_point(point)?;
    }

    phases.step("openings", 0, 1)?;
    let x = *transcript.squeeze_challenge_scalar::<()>();
    let xn = x.pow_vartime([domain.n as u64]);
    let powers = std::iter::successors(Some(Fr::ONE), |power| Some(*power * xn));
    let folded: Vec<(&[Fr], Fr)> = pieces.iter().copied().zip(powers).collect();
    let folded = combination(&folded, domain.n);
    drop(quotient);
    let places = Places {
        domain: &domain,
        pk,
        witness: &witness,
        x,
    };
    let opened = Opened::new(places.queries(&folded, &random));
    for query in places.written(&random) {
        transcript.write_scalar(opened.value(query.polynomial, query.point))?;
    }
    opened.prove(params, transcript)?;
    phases.step("openings", 1, 1)
}

/// Checks the sizes of everything; the instance columns.
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

/// KZG's commitments have no blinds, but the generator's stream has them.
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

/// The program of a linear form.
pub(crate) fn compile(forms: &mut Forms<'_>, form: &Linear) -> Program {
    let graph = Graph::new(&mut forms.atoms, form);
    let program = Program::new(&graph);
    let (operations, registers) = program.size();
    let multiplications = graph.multiplications();
    tracing::debug!(multiplications, operations, registers, "compiled");
    program
}

/// Compressed and permuted columns of a lookup, with blinding rows.
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

/// Random cells below a running product, and its commitment's blind.
fn blind_end<R: RngCore>(rng: &mut R, cs: &ConstraintSystem<Fr>, column: &mut [Fr]) {
    let start = column.len() - cs.blinding_factors();
    for cell in &mut column[start..] {
        *cell = Fr::random(&mut *rng);
    }
    draw_blinds(rng, 1);
}

/// The copy argument's running products, each from the end of the one before.
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

/// A polynomial of random coefficients. The seed is drawn after everything else that the proof depends
/// on.
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

/// The coefficients of all columns, as [`Columns`] numbers them.
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

/// Which polynomials are opened where.
struct Places<'a> {
    domain: &'a Domain,
    pk: &'a ProvingKey<G1Affine>,
    witness: &'a Witness,
    x: Fr,
}

impl<'a> Places<'a> {
    fn at(&self, polynomial: &'a [Fr], rotation: i32) -> Query<'a> {
        Query {
            polynomial,
            point: self.domain.rotate(self.x, rotation),
        }
    }

    /// Rotation to the last row before the blinding.
    fn last(&self) -> i32 {
        -(self.pk.get_vk().cs().blinding_factors() as i32 + 1)
    }

    fn advice(&self) -> impl Iterator<Item = Query<'a>> {
        let queries = self.pk.get_vk().cs().advice_queries().iter();
        queries.map(|&(column, Rotation(at))| self.at(&self.witness.advice[column.index()], at))
    }

    fn fixed(&self) -> impl Iterator<Item = Query<'a>> {
        let queries = self.pk.get_vk().cs().fixed_queries().iter();
        queries.map(|&(column, Rotation(at))| self.at(&self.pk.fixed_polys()[column.index()], at))
    }

    fn sigmas(&self) -> impl Iterator<Item = Query<'a>> {
        let polynomials = self.pk.permutation().polys().iter();
        polynomials.map(|polynomial| self.at(polynomial, 0))
    }

    /// In the order of the opening.
    fn queries(&self, folded: &'a [Fr], random: &'a [Fr]) -> Vec<Query<'a>> {
        let mut queries: Vec<Query<'a>> = self.advice().collect();
        let sets = &self.witness.sets;
        for set in sets {
            queries.extend([self.at(set, 0), self.at(set, 1)]);
        }
        for set in sets.iter().rev().skip(1) {
            queries.push(self.at(set, self.last()));
        }
        for [product, input, table] in &self.witness.lookups {
            queries.extend([
                self.at(product, 0),
                self.at(input, 0),
                self.at(table, 0),
                self.at(input, -1),
                self.at(product, 1),
            ]);
        }
        queries.extend(self.fixed());
        queries.extend(self.sigmas());
        queries.extend([self.at(folded, 0), self.at(random, 0)]);
        queries
    }

    /// In the order of the values in the proof. The quotient's value is not among them: the verifier
    /// computes it.
    fn written(&self, random: &'a [Fr]) -> Vec<Query<'a>> {
        let mut queries: Vec<Query<'a>> = self.advice().chain(self.fixed()).collect();
        queries.push(self.at(random, 0));
        queries.extend(self.sigmas());
        let sets = &self.witness.sets;
        for (index, set) in sets.iter().enumerate() {
            queries.extend([self.at(set, 0), self.at(set, 1)]);
            if index + 1 < sets.len() {
                queries.push(self.at(set, self.last()));
            }
        }
        for [product, input, table] in &self.witness.lookups {
            queries.extend([
                self.at(product, 0),
                self.at(product, 1),
                self.at(input, 0),
                self.at(input, -1),
                self.at(table, 0),
            ]);
        }
        queries
    }
}
