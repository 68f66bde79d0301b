//! The clients' proofs in the circuit (spec: *Aggregation*, rules B16 … B19): the transcript over
//! the cells that the pairing product uses, the multipliers' digits, and the identities modulo q.
//!
//! The module [`pairing`] records the verification natively; [`foreign`] is the arithmetic mod q.

pub(crate) mod foreign;
pub(crate) mod pairing;

use ark_bn254::{Bn254, G1Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Zero;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::batch::SlotWitness;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::element::TransactionDigest;
use subrosa_protocol::transaction::digest;

use crate::client::{ClientKey, ClientProof};
use crate::convert::{bits, from_halo2, limbs as words, power_of_two, shift_right, to_halo2};
use crate::layout::{Hint, Input, Layout, Wire};
use crate::rules::Rule;
use foreign::bounds::WEIGHT_BITS;
use foreign::emit::{Digits, Emitter, pack};
use foreign::limbs::LIMB_BITS;
use foreign::trace::{DIGITS, Felt};
use pairing::fixed::Fixed;
use pairing::product::Product;
use pairing::scalar::{Scalar, lambda};
use pairing::transcript::{DIGITS_PACKED, MULTIPLIER_BITS, POINT_BITS};

/// Checks B19 natively: a valid proof for every slot; B2 unless there is one proof for every slot.
pub(crate) fn check(
    key: &ClientKey,
    slots: &[SlotWitness],
    proofs: &[ClientProof],
) -> Result<(), Rule> {
    if slots.len() != proofs.len() {
        return Err(Rule::B2);
    }
    for (slot, proof) in slots.iter().zip(proofs) {
        let digest = if slot.active {
            digest(&slot.words)
        } else {
            key.padding
        };
        if !verifies(key, &digest, proof) {
            return Err(Rule::B19);
        }
    }
    Ok(())
}

/// Whether e(A, B) = e(α, β)·e(IC₀ + x·IC₁, γ)·e(C, δ), with A, B and C points of the groups other
/// than the identity.
pub(crate) fn verifies(key: &ClientKey, digest: &TransactionDigest, proof: &ClientProof) -> bool {
    let g1 = |point: &G1Affine| !point.is_zero() && point.is_on_curve();
    let g2 = !proof.b.is_zero()
        && proof.b.is_on_curve()
        && proof.b.is_in_correct_subgroup_assuming_on_curve();
    if !(g1(&proof.a) && g1(&proof.c) && g2) {
        return false;
    }
    let inputs = (key.inputs[0] + key.inputs[1] * digest.element()).into_affine();
    let product = Bn254::multi_pairing(
        [-proof.a, key.alpha, inputs, proof.c],
        [proof.b, key.beta, key.gamma, key.delta],
    );
    product.is_zero()
}

/// Bits of an element of 𝔽_r.
const FIELD_BITS: usize = 254;

// Cutting an element into two halves gives two weights.
const _: () = assert!(2 * WEIGHT_BITS == FIELD_BITS);

/// Returns the digest that a slot's proof is for: its own, or the padding digest if the slot is
/// inactive.
pub(crate) fn proven_digest(
    layout: &mut Layout<'_>,
    fixed: &Fixed,
    active: Wire,
    digest: Wire,
) -> Wire {
    let padding = layout.constant(to_halo2(fixed.padding.element()));
    layout.choose(active, digest, padding)
}

/// Constrains one valid proof for every digest.
pub(crate) fn aggregation(
    layout: &mut Layout<'_>,
    fixed: &Fixed,
    proofs: &[ClientProof],
    digests: &[Wire],
    column_challenge: Wire,
) {
    let values: Vec<ark_bn254::Fr> = digests.iter().map(|wire| from_halo2(&wire.value)).collect();
    let product = Product::new(fixed, proofs, &values);
    verify(layout, fixed, &product, digests, column_challenge);
}

/// Constrains a recorded product.
pub(crate) fn verify(
    layout: &mut Layout<'_>,
    fixed: &Fixed,
    product: &Product,
    digests: &[Wire],
    column_challenge: Wire,
) {
    layout.rule(Rule::B16);
    let mut emitter = Emitter::place(layout, &product.trace);

    layout.rule(Rule::B17);
    let slots = digests.len();
    let identity = layout.constant(to_halo2(&fixed.identity));
    let mut message = vec![identity];
    for (coordinates, digest) in product.coordinates.iter().zip(digests) {
        let mut words = packed(layout, &emitter, coordinates);
        words.push(*digest);
        message.push(layout.hash_wires(Domain::ClientProof, &words));
    }
    let state = layout.hash_wires(Domain::Transcript, &message);

    layout.rule(Rule::B18);
    let mut digits: Digits = Vec::with_capacity(slots + 2);
    let mut multipliers = Vec::with_capacity(slots);
    for (slot, scalar) in product.scalars[..slots].iter().enumerate() {
        let drawn = challenge(layout, state, slot);
        let (low, _) = cut(layout, drawn, MULTIPLIER_BITS);
        let windows = scalar_digits(layout, scalar);
        let terms: Vec<(Fr, Wire)> = windows
            .as_flattened()
            .iter()
            .enumerate()
            .map(|(i, bit)| (power_of_two(i), *bit))
            .collect();
        layout.assert_linear(&terms, Fr::ZERO, low);
        multipliers.push(scalar_value(layout, &windows));
        digits.push(windows);
    }
    let terms: Vec<(Fr, Wire)> = multipliers.iter().map(|r| (Fr::ONE, *r)).collect();
    let sum = layout.linear(&terms, Fr::ZERO);
    let mut weighted = layout.zero();
    for (multiplier, digest) in multipliers.iter().zip(digests) {
        weighted = layout.mul_add(*multiplier, *digest, Some(weighted));
    }
    let mut words = Vec::new();
    for (scalar, expected) in product.scalars[slots..].iter().zip([sum, weighted]) {
        let windows = scalar_digits(layout, scalar);
        let value = scalar_value(layout, &windows);
        layout.assert_equal(value, expected);
        words.extend(pack_digits(layout, windows.as_flattened()));
        digits.push(windows);
    }

    layout.rule(Rule::B17);
    let drawn = challenge(layout, state, slots);
    let (middle, _) = cut(layout, drawn, POINT_BITS);
    let limbs = emitter.limbs(&product.offset);
    three_limbs(layout, &limbs[1..4], middle);
    assert_zero(layout, &limbs[4..]);

    // A sum has many digit strings; the transcript fixes the one in use.
    words.extend(packed(layout, &emitter, &product.remainders));
    let state = absorb(layout, state, &words);
    point(layout, &emitter, state, &product.combiner);
    let words = packed(layout, &emitter, &product.quotient);
    let state = absorb(layout, state, &words);
    point(layout, &emitter, state, &product.point);

    let state = absorb(layout, state, &[column_challenge]);
    let weights = weights(layout, state, emitter.weights());
    layout.rule(Rule::B19);
    let divisions = emitter.divide(layout, &weights);
    layout.rule(Rule::B17);
    let sigma = absorb(layout, state, &divisions);
    layout.rule(Rule::B19);
    emitter.check(layout, sigma, &weights, &digits);
}

fn packed(layout: &mut Layout<'_>, emitter: &Emitter<'_>, values: &[Felt]) -> Vec<Wire> {
    let limbs: Vec<Wire> = values
        .iter()
        .flat_map(|value| emitter.limbs(value))
        .collect();
    pack(layout, &limbs)
}

/// Packs binary digits, [`DIGITS_PACKED`] an element.
fn pack_digits(layout: &mut Layout<'_>, digits: &[Wire]) -> Vec<Wire> {
    digits
        .chunks(DIGITS_PACKED)
        .map(|digits| {
            let terms: Vec<(Fr, Wire)> = digits
                .iter()
                .enumerate()
                .map(|(i, digit)| (power_of_two(i), *digit))
                .collect();
            layout.linear(&terms, Fr::ZERO)
        })
        .collect()
}

fn absorb(layout: &mut Layout<'_>, state: Wire, message: &[Wire]) -> Wire {
    let words: Vec<Wire> = std::iter::once(state)
        .chain(message.iter().copied())
        .collect();
    layout.hash_wires(Domain::Transcript, &words)
}

fn challenge(layout: &mut Layout<'_>, state: Wire, number: usize) -> Wire {
    let number = layout.constant(Fr::from(number as u64));
    layout.hash_wires(Domain::Challenge, &[state, number])
}

/// Cuts the canonical integer of `value` at bit `width` and returns (lower part, upper part). The
/// upper part is range-checked here. The lower part is an expression that another constraint must
/// keep below 2^`width`.
///
/// The upper part is strictly below the upper part of r, so that the cut is unique. Values with the
/// same upper part as r cannot be cut; there are fewer than 2^`width` of them.
fn cut(layout: &mut Layout<'_>, value: Wire, width: usize) -> (Wire, Wire) {
    let upper = bits(&value.value, width, FIELD_BITS - width);
    let upper = layout.ranged_hint(upper, FIELD_BITS - width);
    // r − 1 and r have the same upper part.
    let bound = Fr::from_raw(shift_right(words(&-Fr::ONE), width)) - Fr::ONE;
    let distance = layout.linear(&[(-Fr::ONE, upper)], bound);
    layout.range(Input::Wire(distance), FIELD_BITS - width);
    let terms = [(Fr::ONE, value), (-power_of_two(width), upper)];
    (layout.linear(&terms, Fr::ZERO), upper)
}

/// Constrains an exposed value to be the lowest bits of challenge 0 of a state.
fn point(layout: &mut Layout<'_>, emitter: &Emitter<'_>, state: Wire, value: &Felt) {
    let drawn = challenge(layout, state, 0);
    let (low, _) = cut(layout, drawn, POINT_BITS);
    let limbs = emitter.limbs(value);
    three_limbs(layout, &limbs[..3], low);
    assert_zero(layout, &limbs[3..]);
}

fn three_limbs(layout: &mut Layout<'_>, limbs: &[Wire], value: Wire) {
    let terms: Vec<(Fr, Wire)> = limbs
        .iter()
        .enumerate()
        .map(|(i, limb)| (power_of_two(LIMB_BITS * i), *limb))
        .collect();
    layout.assert_linear(&terms, Fr::ZERO, value);
}

fn assert_zero(layout: &mut Layout<'_>, wires: &[Wire]) {
    for wire in wires {
        let zero = layout.zero();
        layout.assert_equal(*wire, zero);
    }
}

/// Writes the digits of a scalar as flags.
fn scalar_digits(layout: &mut Layout<'_>, scalar: &Scalar) -> Vec<[Wire; DIGITS]> {
    scalar
        .windows
        .iter()
        .map(|window| {
            window.map(|digit| {
                let flag = layout.free_flag(digit);
                layout.assert_flag(flag, None);
                flag
            })
        })
        .collect()
}

/// Returns Σ 4ʲ·±(d + e·λ), by Horner's scheme.
fn scalar_value(layout: &mut Layout<'_>, windows: &[[Wire; DIGITS]]) -> Wire {
    let lambda = to_halo2(&lambda());
    let (two, four) = (Fr::from(2), Fr::from(4));
    let mut sum = layout.zero();
    for [three, minus, e_three, negative] in windows.iter().rev() {
        // (1 + 2·three) + λ·(1 − 2·minus)·(1 + 2·e_three)
        let magnitude = layout.combine(
            (-four * lambda, *minus, *e_three),
            &[
                (two, *three),
                (two * lambda, *e_three),
                (-two * lambda, *minus),
            ],
            Fr::ONE + lambda,
        );
        sum = layout.combine(
            (-two, *negative, magnitude),
            &[(Fr::ONE, magnitude), (four, sum)],
            Fr::ZERO,
        );
    }
    sum
}

/// Draws weights of [`WEIGHT_BITS`] bits, two from every squeezed element.
fn weights(layout: &mut Layout<'_>, state: Wire, count: usize) -> Vec<Wire> {
    let mut weights = Vec::with_capacity(count + 7);
    for number in 0..count.div_ceil(8) {
        let number = layout.constant(Fr::from(number as u64));
        for drawn in layout.squeeze(Domain::Weights, &[state, number]) {
            let (low, high) = cut(layout, drawn, WEIGHT_BITS);
            weights.push(layout.range(Input::Wire(low), WEIGHT_BITS));
            weights.push(high);
        }
    }
    weights.truncate(count);
    weights
}

/// Writes the wire of ζ, which the instance binds, and constrains it not to be 0. A verifier that
/// omits an instance reads it as 0; one that forgets to compute ζ therefore accepts nothing.
pub(crate) fn column_challenge(layout: &mut Layout<'_>, value: Fr) -> Wire {
    layout.rule(Rule::B17);
    let challenge = layout.free(value, Hint::Instance);
    let inverse = layout.free(value.invert().unwrap_or(Fr::ZERO), Hint::Arithmetic);
    let one = layout.one();
    layout.assert_product(challenge, inverse, one);
    challenge
}
