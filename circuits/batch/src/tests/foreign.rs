//! Identities modulo q in the circuit, against ark-ff.

use std::collections::BTreeSet;

use ark_bn254::Fq;
use ark_ff::{Field as _, PrimeField};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use num_bigint::BigUint;
use proptest::prelude::*;

use super::grid::Grid;
use crate::Rule;
use crate::aggregation::foreign::bounds::WEIGHT_BITS;
use crate::aggregation::foreign::emit::Emitter;
use crate::aggregation::foreign::limbs::{LIMB_BITS, LIMBS, Limbs};
use crate::aggregation::foreign::trace::{Constants, Felt, Segment, Trace};
use crate::config::column;
use crate::layout::{Hint, Layout, Tamper};

/// Rows that hold the table and some arithmetic.
const ROWS: usize = 10_000;

fn limbs(value: &BigUint) -> Limbs {
    let mask = (BigUint::from(1u8) << LIMB_BITS) - 1u8;
    std::array::from_fn(|i| {
        let limb = (value >> (LIMB_BITS * i)) & &mask;
        u64::try_from(limb).unwrap()
    })
}

fn modulus() -> BigUint {
    Fq::MODULUS.into()
}

/// Records a value in the given representation.
fn felt(segment: &mut Segment, value: &BigUint) -> Felt {
    segment.limbs(limbs(value), Fq::from(value.clone()), false)
}

/// Writes a trace under fixed challenges, optionally with one cell changed on the way.
fn grid(segment: Segment, constants: &Constants, tamper: Option<Tamper>) -> Grid {
    let trace = Trace::new(vec![segment], constants);
    Grid::build(ROWS, |layout: &mut Layout<'_>| {
        if let Some(tamper) = tamper {
            layout.tamper(tamper);
        }
        layout.rule(Rule::B16);
        let mut emitter = Emitter::place(layout, &trace);
        layout.rule(Rule::B17);
        let weights: Vec<_> = (0..emitter.weights())
            .map(|i| {
                let weight = Fr::from(0x1234_5678_9abc_def0 + i as u64).square();
                let low = crate::convert::bits(&weight, 0, WEIGHT_BITS);
                layout.free(low, Hint::Arithmetic)
            })
            .collect();
        layout.rule(Rule::B19);
        emitter.divide(layout, &weights);
        let sigma = layout.free(Fr::from(0xdead_beef).square().square(), Hint::Instance);
        emitter.check(layout, sigma, &weights, &Vec::new());
    })
}

fn failures(segment: Segment) -> BTreeSet<Rule> {
    grid(segment, &Constants::default(), None).failures(&[])
}

/// Records a·b − c = 0 for integers below 2²⁶⁰.
fn product(a: &BigUint, b: &BigUint, c: &BigUint) -> Segment {
    let mut segment = Segment::new(0);
    let [a, b, c] = [a, b, c].map(|value| felt(&mut segment, value));
    segment.zero(&[(1, a, b)], &[(-1, c)], 0);
    segment
}

fn edges() -> Vec<BigUint> {
    let one = BigUint::from(1u8);
    let q = modulus();
    let mut values = vec![
        BigUint::from(0u8),
        one.clone(),
        &q - 1u8,
        q.clone(),
        &q + 1u8,
    ];
    // The largest integer, and the largest representative of 0.
    let top = one.clone() << (LIMB_BITS * LIMBS);
    values.push(&top - 1u8);
    values.push(&top - (&top % &q));
    for limb in 1..LIMBS {
        let boundary = one.clone() << (LIMB_BITS * limb);
        values.extend([&boundary - 1u8, boundary.clone(), &boundary + 1u8]);
    }
    values
}

/// Products of edge values hold in every representation of the result; a neighbour of the result
/// fails.
#[test]
fn products_of_edges() {
    let q = modulus();
    let values = edges();
    for (i, a) in values.iter().enumerate() {
        let b = &values[(5 * i + 3) % values.len()];
        let canonical = (a * b) % &q;
        for c in [canonical.clone(), &canonical + &q, &canonical + &q * 60u8] {
            assert_eq!(failures(product(a, b, &c)), BTreeSet::new(), "{a}·{b}");
        }
        let wrong = (&canonical + 1u8) % &q;
        assert_eq!(failures(product(a, b, &wrong)), BTreeSet::from([Rule::B19]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn identities_agree_with_ark(words in any::<[[u64; 4]; 4]>(), noise in 0u8..3) {
        let [a, b, c, d] = words.map(|words| {
            BigUint::from(ark_ff::BigInt::new(words)) >> 1usize
        });
        let value = |v: &BigUint| Fq::from(v.clone());
        // a² − 2·b·c + 3·a·d − e + 7
        let e = value(&a).square() - Fq::from(2u64) * value(&b) * value(&c)
            + Fq::from(3u64) * value(&a) * value(&d) + Fq::from(7u64) + Fq::from(noise);
        let mut segment = Segment::new(0);
        let [fa, fb, fc, fd] = [&a, &b, &c, &d].map(|v| felt(&mut segment, v));
        let fe = segment.value(e);
        segment.zero(&[(1, fa, fa), (-2, fb, fc), (3, fa, fd)], &[(-1, fe)], 7);
        prop_assert_eq!(segment.broken.is_none(), noise == 0);
        prop_assert_eq!(failures(segment).is_empty(), noise == 0);
    }

    #[test]
    fn identities_of_the_quadratic_extension(seed in any::<u64>(), noise in 0u8..2) {
        use ark_ff::UniformRand;
        use rand::SeedableRng;
        let rng = &mut rand_chacha::ChaCha20Rng::seed_from_u64(seed);
        let [a, b] = [(); 2].map(|()| ark_bn254::Fq2::rand(rng));
        let mut c = a * b - a;
        if noise == 1 {
            c.c1 += Fq::from(1u64);
        }
        let mut segment = Segment::new(0);
        let [fa, fb, fc] = [a, b, c].map(|v| segment.value2(&v));
        segment.zero2(&[(1, fa, fb)], &[(-1, fa), (-1, fc)]);
        prop_assert_eq!(failures(segment).is_empty(), noise == 0);
    }
}

fn sample() -> Segment {
    let q = modulus();
    let (a, b) = (&q - 5u8, &q - 7u8);
    product(&a, &b, &BigUint::from(35u8))
}

/// Returns the hints of one kind that were written under a rule.
fn hints(rule: Rule, kind: Hint) -> Vec<(usize, usize)> {
    let grid = grid(sample(), &Constants::default(), None);
    grid.labels
        .hints
        .iter()
        .filter(|(column, row, hint)| {
            *hint == kind && grid.labels.rules[*row][*column] == rule as u8
        })
        .map(|(column, row, _)| (*column, *row))
        .collect()
}

fn changed(column: usize, row: usize, delta: Fr) -> BTreeSet<Rule> {
    let tamper = Tamper { column, row, delta };
    grid(sample(), &Constants::default(), Some(tamper)).failures(&[])
}

/// Each limb of the quotient and each carry breaks the group if it is changed with all that follows
/// from it.
#[test]
fn quotients_and_carries_are_bound() {
    let all = hints(Rule::B19, Hint::Ranged);
    assert!(all.len() > 100);
    for (column, row) in all.into_iter().step_by(4) {
        assert!(
            changed(column, row, Fr::ONE).contains(&Rule::B19),
            "cell {column} of row {row}"
        );
    }
}

/// A piece outside the table, a piece changed alone, and a multiplicity: B16 notices each.
#[test]
fn pieces_and_multiplicities_are_bound() {
    for place in 0..4 {
        for row in [8, 12, 17, 22] {
            for delta in [Fr::ONE, Fr::from(1 << 13), -Fr::from(1 << 13)] {
                let failures = changed(column::PIECE + place, row, delta);
                assert!(failures.contains(&Rule::B16), "piece {place} of row {row}");
            }
        }
    }
    for row in [6, 7, 8197, 8198, ROWS - 3] {
        let failures = changed(column::MULTIPLICITY, row, Fr::ONE);
        assert!(!failures.is_empty(), "multiplicity of row {row}");
    }
}

/// A limb with a piece outside the table evaluates correctly and fails only in the multiset
/// argument.
#[test]
fn a_piece_beyond_the_table_fails_by_name() {
    let mut segment = Segment::new(0);
    let one = BigUint::from(1u8);
    let [a, b] = [&one, &one].map(|value| felt(&mut segment, value));
    segment.zero(&[], &[(1, a), (-1, b)], 0);
    let trace_grid = grid(segment, &Constants::default(), None);
    assert_eq!(trace_grid.failures(&[]), BTreeSet::new());
    let mut grid = trace_grid;
    // Limb 0 as 1 + 2¹³ − 2¹³: the same integer from pieces outside the table.
    let row = 8;
    grid.advice[row][column::PIECE] += Fr::from(1 << 13);
    grid.advice[row][column::PIECE + 1] -= Fr::ONE;
    assert_eq!(grid.failing(row), [crate::config::gate::BALANCE]);
}
