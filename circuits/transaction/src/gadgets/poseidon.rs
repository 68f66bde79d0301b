//! The Poseidon sponge (spec: *Notation and hashing*): three constraints an S-box, 300 a
//! permutation, fewer while the state is still constant.
//!
//! Within the partial rounds every S-box input is an affine function of the five outputs of the
//! last full round and of the earlier partial S-boxes. These functions depend on the parameters
//! only. They are computed once, and each row is written without arithmetic on rows.

use super::{Builder, Num, Synthesis};
use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use std::sync::LazyLock;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS, RATE, WIDTH, parameters};

const HALF: usize = FULL_ROUNDS / 2;

/// An affine function of the five S-box outputs before the partial rounds and of the partial
/// S-boxes so far.
#[derive(Clone)]
struct Affine {
    constant: Fr,
    coefficients: Vec<Fr>,
}

/// Inputs of the partial S-boxes, and the state after the last one.
struct PartialRounds {
    inputs: Vec<Affine>,
    state: Vec<Affine>,
}

static PARTIAL: LazyLock<PartialRounds> = LazyLock::new(|| {
    let parameters = parameters();
    let columns = WIDTH + PARTIAL_ROUNDS;
    let unit = |column: usize| {
        let mut coefficients = vec![Fr::zero(); columns];
        coefficients[column] = Fr::one();
        Affine {
            constant: Fr::zero(),
            coefficients,
        }
    };
    let mix = |state: &[Affine]| -> Vec<Affine> {
        (0..WIDTH)
            .map(|i| {
                let mut sum = Affine {
                    constant: Fr::zero(),
                    coefficients: vec![Fr::zero(); columns],
                };
                for (factor, element) in parameters.mds[i].iter().zip(state) {
                    sum.constant += *factor * element.constant;
                    for (s, c) in sum.coefficients.iter_mut().zip(&element.coefficients) {
                        *s += *factor * c;
                    }
                }
                sum
            })
            .collect()
    };
    let mut state = mix(&(0..WIDTH).map(unit).collect::<Vec<_>>());
    let mut inputs = Vec::with_capacity(PARTIAL_ROUNDS);
    for round in 0..PARTIAL_ROUNDS {
        for (element, constant) in state
            .iter_mut()
            .zip(&parameters.round_constants[HALF + round])
        {
            element.constant += constant;
        }
        inputs.push(state[0].clone());
        state[0] = unit(WIDTH + round);
        state = mix(&state);
    }
    for affine in inputs.iter_mut().chain(&mut state) {
        while affine.coefficients.last().is_some_and(Fr::is_zero) {
            affine.coefficients.pop();
        }
    }
    PartialRounds { inputs, state }
});

/// Returns H(domain; message): element 1 of the final state.
pub(crate) fn hash(b: &mut Builder, domain: Domain, message: &[Num]) -> Synthesis<Num> {
    let capacity = b.constant(domain.capacity(message.len()));
    let [_, first, ..] = sponge(b, capacity, message)?;
    Ok(first)
}

/// Returns H with its second and third output.
pub(crate) fn hash3(b: &mut Builder, domain: Domain, message: &[Num]) -> Synthesis<[Num; 3]> {
    let capacity = b.constant(domain.capacity(message.len()));
    let [_, first, second, third, _] = sponge(b, capacity, message)?;
    Ok([first, second, third])
}

/// Returns H under one of two domains, chosen by a boolean; the tags differ, the permutation is
/// shared.
pub(crate) fn hash_under(
    b: &mut Builder,
    second: &Num,
    domains: [Domain; 2],
    message: &[Num],
) -> Synthesis<Num> {
    let [zero, one] = domains.map(|domain| b.constant(domain.capacity(message.len())));
    let capacity = b.select(second, &one, &zero)?;
    let [_, first, ..] = sponge(b, capacity, message)?;
    Ok(first)
}

fn sponge(b: &mut Builder, capacity: Num, message: &[Num]) -> Synthesis<[Num; WIDTH]> {
    let zero = b.constant(Fr::zero());
    let mut state = [capacity, zero.clone(), zero.clone(), zero.clone(), zero];
    for chunk in message.chunks(RATE) {
        for (element, word) in state[1..].iter_mut().zip(chunk) {
            *element = element.plus(word);
        }
        state = permute(b, &state)?;
    }
    Ok(state)
}

fn permute(b: &mut Builder, state: &[Num; WIDTH]) -> Synthesis<[Num; WIDTH]> {
    let parameters = parameters();
    let mut state = state.clone();
    let mut boxes = state.clone();
    for round in 0..HALF {
        boxes = full_round(b, &state, round)?;
        if round + 1 < HALF {
            state = mix(b, &boxes);
        }
    }

    // The values run through the partial rounds as defined; the rows come from the table.
    let mut values = mix_values(&values(&boxes));
    let mut variables = boxes.to_vec();
    for (round, affine) in PARTIAL.inputs.iter().enumerate() {
        for (value, constant) in values
            .iter_mut()
            .zip(&parameters.round_constants[HALF + round])
        {
            *value += constant;
        }
        let input = apply(b, affine, &variables, values[0]);
        let output = s_box(b, &input)?;
        values[0] = output.value();
        values = mix_values(&values);
        variables.push(output);
    }
    for (element, (affine, value)) in state.iter_mut().zip(PARTIAL.state.iter().zip(values)) {
        *element = apply(b, affine, &variables, value);
    }

    for round in HALF + PARTIAL_ROUNDS..FULL_ROUNDS + PARTIAL_ROUNDS {
        boxes = full_round(b, &state, round)?;
        state = mix(b, &boxes);
    }
    Ok(state)
}

fn full_round(b: &mut Builder, state: &[Num; WIDTH], round: usize) -> Synthesis<[Num; WIDTH]> {
    let mut boxes = state.clone();
    for (element, constant) in boxes.iter_mut().zip(&parameters().round_constants[round]) {
        let input = element.plus(&b.constant(*constant));
        *element = s_box(b, &input)?;
    }
    Ok(boxes)
}

/// Returns x⁵. The input, which may be long, stands twice in the second matrix and once in the
/// first: entries of the second matrix cost the prover in the larger group.
fn s_box(b: &mut Builder, input: &Num) -> Synthesis<Num> {
    if input.is_constant() {
        return Ok(b.constant(input.value().pow([5u64])));
    }
    let square = b.mul(input, input)?;
    let fourth = b.mul(&square, &square)?;
    b.mul(&fourth, input)
}

fn values(state: &[Num; WIDTH]) -> [Fr; WIDTH] {
    std::array::from_fn(|i| state[i].value())
}

fn mix_values(state: &[Fr; WIDTH]) -> [Fr; WIDTH] {
    std::array::from_fn(|i| Fr::sum_of_products(&parameters().mds[i], state))
}

fn mix(b: &Builder, boxes: &[Num; WIDTH]) -> [Num; WIDTH] {
    let mixed = mix_values(&values(boxes));
    let rows = &parameters().mds;
    std::array::from_fn(|i| b.linear(Fr::zero(), rows[i].iter().copied().zip(boxes), mixed[i]))
}

fn apply(b: &Builder, affine: &Affine, variables: &[Num], value: Fr) -> Num {
    b.linear(
        affine.constant,
        affine.coefficients.iter().copied().zip(variables),
        value,
    )
}
