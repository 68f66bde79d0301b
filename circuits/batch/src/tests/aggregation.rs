//! The clients' proofs in the circuit: valid ones, invalid ones of every sort, and forgeries
//! against the method.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine, g2};
use ark_ec::short_weierstrass::SWCurveConfig;
use ark_ff::{AdditiveGroup, Field, UniformRand};
use halo2curves::bn256;
use halo2curves::ff::Field as _;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;
use subrosa_protocol::batch::Shape;
use subrosa_protocol::element::TransactionDigest;

use super::clients::{Clients, g1, g2 as g2_of};
use super::failures::mock;
use super::grid::Grid;
use super::scenario::witness;
use crate::aggregation;
use crate::aggregation::foreign::limbs::{LIMB_BITS, LIMBS};
use crate::aggregation::foreign::trace::{Operand, Segment, small};
use crate::aggregation::pairing::fixed::Fixed;
use crate::aggregation::pairing::product::{Choices, Product, SHIFTS};
use crate::aggregation::pairing::residue;
use crate::aggregation::pairing::tower::DEGREE;
use crate::config::{COMMITTED, column};
use crate::convert::to_halo2;
use crate::layout::{Hint, Tamper};
use crate::{BatchCircuit, ClientProof, Rule, Statement, check_proofs, instances};

/// Rows for one proof.
const ROWS: usize = 36_000;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn fixed() -> Fixed {
    Fixed::new(&Clients::get().key)
}

/// Returns one valid proof and its digest.
fn one(seed: u64) -> ([ClientProof; 1], [Fr; 1]) {
    let mut rng = rng(seed);
    let digest = Fr::rand(&mut rng);
    ([Clients::get().prove(&digest, &mut rng)], [digest])
}

/// Writes a product alone, optionally with one cell changed on the way.
fn grid(fixed: &Fixed, product: &Product, digests: &[Fr], tamper: Option<Tamper>) -> Grid {
    Grid::build(ROWS, |layout| {
        if let Some(tamper) = tamper {
            layout.tamper(tamper);
        }
        layout.rule(Rule::B17);
        let zeta = layout.free(bn256::Fr::from(99), Hint::Instance);
        let digests: Vec<_> = digests
            .iter()
            .map(|digest| layout.free(to_halo2(digest), Hint::Arithmetic))
            .collect();
        aggregation::verify(layout, fixed, product, &digests, zeta);
    })
}

fn refusals(fixed: &Fixed, product: &Product, digests: &[Fr]) -> BTreeSet<Rule> {
    grid(fixed, product, digests, None).failures(&[])
}

fn only(rule: Rule) -> BTreeSet<Rule> {
    BTreeSet::from([rule])
}

/// All identities hold for valid proofs, in the numbers that batches have.
#[test]
fn identities_hold_for_valid_proofs() {
    let clients = Clients::get();
    let fixed = fixed();
    let rng = &mut rng(61);
    for slots in [1, 4, 16] {
        let digests: Vec<_> = (0..slots).map(|_| Fr::rand(rng)).collect();
        let proofs: Vec<_> = digests.iter().map(|x| clients.prove(x, rng)).collect();
        let product = Product::new(&fixed, &proofs, &digests);
        for (number, segment) in product.trace.segments.iter().enumerate() {
            assert_eq!(segment.broken, None, "segment {number}");
        }
        println!("{slots} proofs: {} values", product.trace.len());
    }
}

/// For a thousand proofs, the recorded product is 1 exactly if ark's pairing accepts the proof.
#[test]
fn identities_agree_with_arks_pairing() {
    let clients = Clients::get();
    let fixed = fixed();
    let holds: Vec<(bool, bool)> = (0..1024u64)
        .into_par_iter()
        .map(|seed| {
            let ([mut proof], [digest]) = one(10_000 + seed);
            // A point of the right group makes every other proof invalid.
            if seed % 2 == 1 {
                let other = Fr::from(seed + 2);
                match seed % 3 {
                    0 => proof.a = g1(other),
                    1 => proof.b = g2_of(other),
                    _ => proof.c = g1(other),
                }
            }
            let product = Product::new(&fixed, &[proof], &[digest]);
            let broken = product
                .trace
                .segments
                .iter()
                .any(|part| part.broken.is_some());
            (
                !broken,
                aggregation::verifies(&clients.key, &TransactionDigest::new(digest), &proof),
            )
        })
        .collect();
    assert!(holds.iter().all(|(recorded, pairing)| recorded == pairing));
    assert_eq!(holds.iter().filter(|(recorded, _)| *recorded).count(), 512);
}

#[test]
fn valid_batches_of_4() {
    for transactions in [0, 3, 4] {
        let witness = witness(Shape::S4, transactions, 2, 62);
        let public = instances(&witness);
        let circuit = Clients::get().circuit(witness, 63);
        let statement = circuit.statement.clone().unwrap();
        assert_eq!(check_proofs(&circuit.key, &statement), Ok(()));
        assert_eq!(Grid::of(&circuit).failures(&public), BTreeSet::new());
        if transactions == 3 {
            assert_eq!(mock(&circuit, public), BTreeSet::new());
        }
    }
}

/// The columns of a recorded statement equal those that the circuit writes; the first of them need
/// no ζ.
#[test]
fn recorded_columns_are_the_circuits() {
    let circuit = Clients::get().circuit(witness(Shape::S4, 3, 2, 64), 65);
    let grid = Grid::of(&circuit);
    let recorded = circuit.record().unwrap();
    let columns = recorded.advice(circuit.challenge).unwrap();
    assert!(recorded.committed() == columns[..COMMITTED]);
    for (row, cells) in grid.advice.iter().enumerate() {
        for (place, cell) in cells.iter().enumerate() {
            assert_eq!(columns[column::to_advice(place)][row], *cell);
        }
    }
    let other = recorded.advice(circuit.challenge + bn256::Fr::ONE).unwrap();
    assert!(other[..COMMITTED] == columns[..COMMITTED] && other != columns);
    let mut short = circuit.clone();
    short.shape = Shape::S16;
    assert!(short.record().is_none());
    assert!(
        BatchCircuit::blank(Shape::S4, circuit.key.clone())
            .record()
            .is_none()
    );
}

/// Returns a point of the twist outside the subgroup of order r.
fn outside_subgroup(seed: u64) -> G2Affine {
    let mut rng = rng(seed);
    loop {
        let x = Fq2::rand(&mut rng);
        if let Some(point) = G2Affine::get_point_from_x_unchecked(x, false)
            && !point.is_in_correct_subgroup_assuming_on_curve()
        {
            return point;
        }
    }
}

/// One slot's proof, wrong in every way: native check and circuit both refuse it.
#[test]
fn an_invalid_proof_in_any_slot_is_refused() {
    let clients = Clients::get();
    let other_key = Clients::new(72);
    let witness = witness(Shape::S4, 3, 1, 64);
    let valid = clients.circuit(witness.clone(), 65);
    let valid = &valid.statement.as_ref().unwrap().proofs;
    let digests = clients.digests(&witness);
    let rng = &mut rng(66);
    let random = clients.prove(&Fr::rand(rng), rng);
    type Change = Box<dyn Fn(&mut ClientProof, usize)>;
    let of_other: Vec<ClientProof> = digests.iter().map(|x| other_key.prove(x, rng)).collect();
    let neighbours: Vec<ClientProof> = (0..4).map(|slot| valid[(slot + 1) % 4]).collect();
    let outside = outside_subgroup(67);
    assert_ne!(g2::Config::COEFF_B, Fq2::ZERO);
    let off1 = G1Affine::new_unchecked(Fq::from(1u64), Fq::from(3u64));
    let off2 = G2Affine::new_unchecked(Fq2::from(1u64), Fq2::from(3u64));
    let next = neighbours.clone();
    let (next2, next3) = (neighbours.clone(), neighbours.clone());
    let changes: Vec<(&str, Change)> = vec![
        ("A random", Box::new(move |p, _| p.a = random.a)),
        ("B random", Box::new(move |p, _| p.b = random.b)),
        ("C random", Box::new(move |p, _| p.c = random.c)),
        ("A negated", Box::new(|p, _| p.a = -p.a)),
        ("B negated", Box::new(|p, _| p.b = -p.b)),
        ("C negated", Box::new(|p, _| p.c = -p.c)),
        ("A of another", Box::new(move |p, slot| p.a = next[slot].a)),
        ("B of another", Box::new(move |p, slot| p.b = next2[slot].b)),
        ("C of another", Box::new(move |p, slot| p.c = next3[slot].c)),
        (
            "another's proof",
            Box::new(move |p, slot| *p = neighbours[slot]),
        ),
        (
            "another key's proof",
            Box::new(move |p, slot| *p = of_other[slot]),
        ),
        (
            "B outside the subgroup",
            Box::new(move |p, _| p.b = outside),
        ),
        (
            "A the identity",
            Box::new(|p, _| p.a = G1Affine::identity()),
        ),
        (
            "B the identity",
            Box::new(|p, _| p.b = G2Affine::identity()),
        ),
        (
            "C the identity",
            Box::new(|p, _| p.c = G1Affine::identity()),
        ),
        ("A off the curve", Box::new(move |p, _| p.a = off1)),
        ("B off the twist", Box::new(move |p, _| p.b = off2)),
        ("C off the curve", Box::new(move |p, _| p.c = off1)),
    ];
    let public = instances(&witness);
    for (number, (name, change)) in changes.iter().enumerate() {
        // Each way is tried in one slot, some ways in all slots; slots are alike.
        let slots = if number % 6 == 0 {
            0..4
        } else {
            number % 4..number % 4 + 1
        };
        for slot in slots {
            let mut proofs = valid.clone();
            change(&mut proofs[slot], slot);
            let statement = Statement {
                witness: witness.clone(),
                proofs,
            };
            assert_eq!(
                check_proofs(&clients.key, &statement),
                Err(Rule::B19),
                "{name}"
            );
            let mut circuit = clients.circuit(witness.clone(), 65);
            circuit.statement = Some(Arc::new(statement));
            assert_eq!(
                Grid::of(&circuit).failures(&public),
                only(Rule::B19),
                "{name} in slot {slot}"
            );
        }
    }
    // A valid proof for another digest, that is, a wrong x.
    let mut proofs = valid.clone();
    proofs.swap(0, 1);
    let statement = Statement {
        witness: witness.clone(),
        proofs,
    };
    assert_eq!(check_proofs(&clients.key, &statement), Err(Rule::B19));
    let mut circuit = clients.circuit(witness.clone(), 65);
    circuit.statement = Some(Arc::new(statement));
    assert_eq!(mock(&circuit, public), only(Rule::B19));
}

/// Two errors that would cancel under equal multipliers do not cancel.
#[test]
fn errors_of_two_proofs_do_not_cancel() {
    let clients = Clients::get();
    let rng = &mut rng(68);
    let digests = [Fr::rand(rng), Fr::rand(rng)];
    let mut proofs = digests.map(|digest| clients.prove(&digest, rng));
    let error = g1(Fr::rand(rng));
    proofs[0].c = (proofs[0].c + error).into();
    proofs[1].c = (proofs[1].c - error).into();
    let product = Product::new(&fixed(), &proofs, &digests);
    assert!(
        product
            .trace
            .segments
            .iter()
            .any(|part| part.broken.is_some())
    );
}

/// Each value of all segments is changed alone; some identity modulo q notices.
#[test]
fn every_value_is_bound_by_an_identity() {
    let (proofs, digests) = one(69);
    let product = Product::new(&fixed(), &proofs, &digests);
    let trace = &product.trace;
    let constants: Vec<Fq> = trace.constants.iter().map(field).collect();
    let values: Vec<Vec<Fq>> = trace
        .segments
        .iter()
        .map(|segment| segment.values.iter().map(field).collect())
        .collect();
    // The identities that mention each value.
    let mut users: HashMap<(u16, u32), BTreeSet<(usize, usize)>> = HashMap::new();
    for (number, segment) in trace.segments.iter().enumerate() {
        for (place, identity) in segment.identities.iter().enumerate() {
            for row in &segment.rows[identity.first..identity.first + identity.rows] {
                for operand in [row.a, row.b, row.d].into_iter().flatten() {
                    for value in mentioned(&trace.segments, operand) {
                        users.entry(value).or_default().insert((number, place));
                    }
                }
            }
        }
    }
    let evaluate = |values: &[Vec<Fq>], segment: usize, place: usize| {
        let part = &trace.segments[segment];
        let identity = part.identities[place];
        let element = |operand| value_of(&trace.segments, values, &constants, operand);
        let mut sums = [Fq::ZERO; 2];
        for row in &part.rows[identity.first..identity.first + identity.rows] {
            let [a, b, d] = [row.a, row.b, row.d].map(|pair| pair.map(element));
            let [p0, p1, p2] = row.products.map(small);
            let [l0, l1, l2] = row.linear.map(small);
            sums[0] += p0 * a[0] * b[0] + p1 * a[1] * b[1] + l0 * d[0] + l1 * d[1];
            sums[0] += small(row.constant);
            sums[1] += p2 * (a[0] * b[1] + a[1] * b[0]) + l2 * d[1];
        }
        sums[..identity.weights].iter().all(|sum| *sum == Fq::ZERO)
    };
    let mut values = values;
    let mut noticed = 0;
    for (segment, count) in trace
        .segments
        .iter()
        .map(|part| part.values.len())
        .enumerate()
    {
        for index in 0..count {
            let before = values[segment][index];
            for change in [Fq::ONE, -before.double()] {
                if change == Fq::ZERO {
                    continue;
                }
                values[segment][index] = before + change;
                let users = users
                    .get(&(segment as u16, index as u32))
                    .unwrap_or_else(|| {
                        panic!("value {index} of segment {segment} is used nowhere")
                    });
                assert!(
                    users
                        .iter()
                        .any(|(s, place)| !evaluate(&values, *s, *place)),
                    "value {index} of segment {segment} is free"
                );
                values[segment][index] = before;
            }
            noticed += 1;
        }
    }
    println!(
        "{noticed} of {} values changed one at a time, all noticed",
        trace.len()
    );
    assert_eq!(noticed, trace.len());
}

fn field(limbs: &[u64; LIMBS]) -> Fq {
    let base = Fq::from(1u64 << LIMB_BITS);
    limbs
        .iter()
        .rev()
        .fold(Fq::ZERO, |sum, limb| sum * base + Fq::from(*limb))
}

/// Returns the values that an operand consists of; for a selection, only the selected one.
fn mentioned(segments: &[Segment], operand: Operand) -> Vec<(u16, u32)> {
    match operand {
        Operand::Value { segment, index } => vec![(segment, index)],
        Operand::Chosen { segment, index } => {
            let chosen = &segments[usize::from(segment)].chosen[index as usize];
            mentioned(segments, chosen.options[chosen.index])
        }
        _ => Vec::new(),
    }
}

fn value_of(segments: &[Segment], values: &[Vec<Fq>], constants: &[Fq], operand: Operand) -> Fq {
    match operand {
        Operand::Zero => Fq::ZERO,
        Operand::Constant(place) => constants[place as usize],
        Operand::Value { segment, index } => values[usize::from(segment)][index as usize],
        Operand::Chosen { segment, index } => {
            let chosen = &segments[usize::from(segment)].chosen[index as usize];
            let value = value_of(segments, values, constants, chosen.options[chosen.index]);
            if chosen.negative { -value } else { value }
        }
    }
}

/// Forgeries against the method, each with its rule.
mod forgeries {
    use super::*;

    fn with(choices: &Choices) -> BTreeSet<Rule> {
        let (proofs, digests) = one(80);
        let fixed = fixed();
        let product = Product::with(&fixed, &proofs, &digests, choices);
        refusals(&fixed, &product, &digests)
    }

    #[test]
    fn nothing_chosen_is_accepted() {
        assert_eq!(with(&Choices::default()), BTreeSet::new());
    }

    /// The prover chooses a multiplier; everything else follows from it.
    #[test]
    fn chosen_multiplier() {
        let choices = Choices {
            multiplier: Some(0),
            ..Choices::default()
        };
        assert_eq!(with(&choices), only(Rule::B18));
    }

    /// The prover chooses the point z, or the combiner κ.
    #[test]
    fn chosen_point_and_combiner() {
        let point = Choices {
            point: Some(Fq::from(5u64)),
            ..Choices::default()
        };
        assert_eq!(with(&point), only(Rule::B17));
        let combiner = Choices {
            combiner: Some(Fq::ZERO),
            ..Choices::default()
        };
        assert_eq!(with(&combiner), only(Rule::B17));
    }

    /// The prover chooses the offset: the generator.
    #[test]
    fn chosen_offset() {
        let offset = Choices {
            offset: Some((Fq::from(1u64), Fq::from(2u64))),
            ..Choices::default()
        };
        assert_eq!(with(&offset), only(Rule::B17));
    }

    /// z has another representation of its residue; its limbs are not the drawn ones.
    #[test]
    fn non_canonical_point() {
        let (proofs, digests) = one(80);
        let fixed = fixed();
        let mut product = Product::new(&fixed, &proofs, &digests);
        let Operand::Value { segment, index } = product.point.at else {
            unreachable!()
        };
        let limbs = &mut product.trace.segments[usize::from(segment)].values[index as usize];
        let mut carry = 0;
        for (limb, q) in limbs
            .iter_mut()
            .zip(crate::aggregation::foreign::group::modulus_limbs())
        {
            let sum = *limb + q + carry;
            *limb = sum & ((1 << LIMB_BITS) - 1);
            carry = sum >> LIMB_BITS;
        }
        assert_eq!(refusals(&fixed, &product, &digests), only(Rule::B17));
    }

    /// c = 1/c = shift = 0 satisfies a homogeneous product, but not this one.
    #[test]
    fn homogeneous_residue_of_zeros() {
        let zeros = Choices {
            residue: Some(([Fq::ZERO; SHIFTS], [Fq::ZERO; DEGREE], [Fq::ZERO; DEGREE])),
            ..Choices::default()
        };
        assert_eq!(with(&zeros), only(Rule::B19));
    }

    /// A consistent but wrong pair (c, 1/c); c without its inverse; a shift that is wrong or 0.
    #[test]
    fn wrong_residue() {
        let unit = |at: usize| std::array::from_fn(|i| Fq::from(u64::from(i == at)));
        let shift = |at: usize| std::array::from_fn(|i| Fq::from(u64::from(i == at)));
        for (shifts, c, inverse) in [
            (shift(0), unit(0), unit(0)),
            (shift(1), unit(0), unit(0)),
            (shift(3), unit(0), unit(0)),
            (shift(0), unit(0), unit(1)),
        ] {
            let choices = Choices {
                residue: Some((shifts, c, inverse)),
                ..Choices::default()
            };
            assert_eq!(with(&choices), only(Rule::B19));
        }
    }

    /// An invalid proof with a residue witness of another product.
    #[test]
    fn residue_of_another_product() {
        let (mut proofs, digests) = one(81);
        let element = residue::from_coefficients(&std::array::from_fn(|i| Fq::from(3 + i as u64)));
        proofs[0].c = -proofs[0].c;
        let [c, inverse] =
            [element, element.inverse().unwrap()].map(|value| residue::coefficients(&value));
        let choices = Choices {
            residue: Some(([Fq::ONE, Fq::ZERO, Fq::ZERO], c, inverse)),
            ..Choices::default()
        };
        let fixed = fixed();
        let product = Product::with(&fixed, &proofs, &digests, &choices);
        assert_eq!(refusals(&fixed, &product, &digests), only(Rule::B19));
    }

    /// Changes one limb of one recorded value, and nothing else.
    fn changed(pick: impl Fn(&Product) -> (u16, u32), limb: usize) -> BTreeSet<Rule> {
        let (proofs, digests) = one(80);
        let fixed = fixed();
        let mut product = Product::new(&fixed, &proofs, &digests);
        let (segment, index) = pick(&product);
        product.trace.segments[usize::from(segment)].values[index as usize][limb] ^= 1;
        refusals(&fixed, &product, &digests)
    }

    fn at(operand: Operand) -> (u16, u32) {
        match operand {
            Operand::Value { segment, index } => (segment, index),
            _ => unreachable!(),
        }
    }

    /// Slopes, intercepts, points, lines at z, chains: one hint of every seventh segment.
    #[test]
    fn hints_changed_one_at_a_time() {
        let (proofs, digests) = one(80);
        let segments = Product::new(&fixed(), &proofs, &digests).trace.segments;
        for (number, segment) in segments.iter().enumerate().step_by(7) {
            let index = segment.values.len() as u32 - 1;
            let failures = changed(|_| (number as u16, index), number % LIMBS);
            assert!(failures.contains(&Rule::B19), "segment {number}");
        }
    }

    /// Hashed values are the used ones. A changed coordinate, remainder or quotient moves the
    /// challenges that the circuit computes, and the recorded ones no longer agree.
    #[test]
    fn absorbed_values_changed() {
        for pick in [
            |product: &Product| at(product.coordinates[0][0].at),
            |product: &Product| at(product.coordinates[0][5].at),
            |product: &Product| at(product.remainders[40].at),
            |product: &Product| at(product.quotient[3].at),
        ] {
            let failures = changed(pick, 2);
            assert!(failures.contains(&Rule::B17) || failures.contains(&Rule::B18));
            assert!(failures.contains(&Rule::B19));
        }
    }

    /// The digest hashed with a proof differs from the digest that the inputs are computed from.
    #[test]
    fn digest_other_than_the_proof_s() {
        let (proofs, digests) = one(80);
        let fixed = fixed();
        let product = Product::new(&fixed, &proofs, &digests);
        let failures = refusals(&fixed, &product, &[digests[0] + Fr::from(1u64)]);
        assert!(failures.contains(&Rule::B18));
    }

    /// Two proofs in the other order: the transcript does not give these multipliers.
    #[test]
    fn transcript_in_another_order() {
        let clients = Clients::get();
        let rng = &mut rng(82);
        let digests = [Fr::rand(rng), Fr::rand(rng)];
        let proofs = digests.map(|digest| clients.prove(&digest, rng));
        let fixed = fixed();
        let mut product = Product::new(&fixed, &proofs, &digests);
        assert_eq!(refusals(&fixed, &product, &digests), BTreeSet::new());
        product.coordinates.swap(0, 1);
        let failures = refusals(&fixed, &product, &[digests[1], digests[0]]);
        assert!(failures.contains(&Rule::B18));
    }

    /// Other digits of a free multiplier are accepted only if they have the same value.
    #[test]
    fn other_digits_of_a_sum() {
        let (proofs, digests) = one(80);
        let fixed = fixed();
        let mut product = Product::new(&fixed, &proofs, &digests);
        product.scalars[1].windows[3][0] ^= true;
        let failures = refusals(&fixed, &product, &digests);
        assert!(failures.contains(&Rule::B18));
    }

    /// Cells of the transcript and of the digits, each changed with everything that follows from
    /// it.
    #[test]
    fn cells_changed_with_their_consequences() {
        let (proofs, digests) = one(80);
        let fixed = fixed();
        let product = Product::new(&fixed, &proofs, &digests);
        let honest = grid(&fixed, &product, &digests, None);
        let hints: Vec<_> = honest
            .labels
            .hints
            .iter()
            .filter(|(_, _, hint)| !matches!(hint, Hint::Piece | Hint::Multiplicity))
            .collect();
        // ζ and the digests are inputs here; any value of theirs is accepted.
        let inputs = 1 + digests.len();
        for (column, row, hint) in hints[inputs..].iter().step_by(hints.len() / 24) {
            let tamper = Tamper {
                column: *column,
                row: *row,
                delta: bn256::Fr::ONE,
            };
            let failures = grid(&fixed, &product, &digests, Some(tamper)).failures(&[]);
            assert!(
                !failures.is_empty(),
                "{hint:?} in cell {column} of row {row}"
            );
        }
    }
}

/// The circuit refuses ζ = 0, which a verifier reads if it omits ζ.
#[test]
fn a_forgotten_column_challenge_is_refused() {
    let witness = witness(Shape::S4, 1, 0, 83);
    let public = instances(&witness);
    let mut circuit = Clients::get().circuit(witness, 84);
    circuit.challenge = bn256::Fr::ZERO;
    assert_eq!(Grid::of(&circuit).failures(&public), only(Rule::B17));
}

/// Sums over an even number of slots have even coordinates. Sums that make an addition of α's
/// ladder exceptional have odd coordinates. So the two never meet.
#[test]
fn sums_of_multipliers_are_even() {
    use crate::aggregation::pairing::scalar::{Scalar, lambda};
    use rand::Rng;
    let mut rng = rng(85);
    for slots in [4usize, 16, 64] {
        let (mut s, mut t) = (0i128, 0i128);
        let mut sum = Fr::ZERO;
        for _ in 0..slots {
            let scalar = Scalar::random(rng.r#gen());
            sum += scalar.value();
            for (j, [three, minus, e_three, negative]) in scalar.windows.iter().enumerate() {
                let odd = |three: &bool| if *three { 3i128 } else { 1 };
                let sign = if *negative { -1 } else { 1 };
                s += (sign * odd(three)) << (2 * j);
                t += (sign * odd(e_three) * if *minus { -1 } else { 1 }) << (2 * j);
            }
        }
        assert!(s % 2 == 0 && t % 2 == 0);
        let signed = |value: i128| {
            let magnitude = Fr::from(value.unsigned_abs());
            if value < 0 { -magnitude } else { magnitude }
        };
        assert_eq!(signed(s) + signed(t) * lambda(), sum);
    }
}
