//! The signature, T13 (spec: *Keys and addresses*, Signature).

use crate::Rule;
use crate::gadgets::edwards::{Digits, Point, add, mul, mul_generator, negated};
use crate::gadgets::range::{bit_wires, canonical_bits};
use crate::gadgets::{Builder, Num, Synthesis, poseidon};
use crate::raw::RawWitness;
use crate::witness::Witness;
use ark_ec::AffineRepr;
use ark_ed_on_bn254::{EdwardsAffine, EdwardsProjective};
use ark_ff::PrimeField;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::element::TransactionDigest;
use subrosa_protocol::poseidon::hash;

/// Checks T13 natively. The challenge multiplies ak as an integer below r. For a key outside the
/// subgroup this differs from its reduction modulo ℓ.
pub(crate) fn check(witness: &Witness, digest: TransactionDigest) -> Result<(), Rule> {
    let (r, ak) = (&witness.signature.r, &witness.ak);
    let challenge = hash(Domain::Signature, &[r.x, r.y, ak.x, ak.y, digest.into()]);
    let left = EdwardsAffine::generator().mul_bigint(witness.signature.s.into_bigint());
    let right = EdwardsProjective::from(*r) + ak.mul_bigint(challenge.into_bigint());
    if r.is_on_curve() && left == right {
        Ok(())
    } else {
        Err(Rule::T13)
    }
}

/// Constrains T13: R = s·G − e·ak, which also puts R on the curve.
pub(crate) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    ak: &Point,
    digest: &Num,
) -> Synthesis<()> {
    b.enter(Rule::T13);
    let r = Point {
        x: b.witness(raw.signature_r[0])?,
        y: b.witness(raw.signature_r[1])?,
    };
    let message = [&r.x, &r.y, &ak.x, &ak.y, digest].map(Num::clone);
    let challenge = poseidon::hash(b, Domain::Signature, &message)?;
    let challenge = canonical_bits(b, &challenge)?;
    let digits = Digits::new(b, &challenge)?;
    let keyed = mul(b, &digits, ak)?;
    let s = bit_wires(b, &raw.signature_s)?;
    let response = mul_generator(b, &s)?;
    let expected = add(b, &response, &negated(&keyed))?;
    b.equal(&expected.x, &r.x)?;
    b.equal(&expected.y, &r.y)
}
