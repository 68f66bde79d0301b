//! The challenges of the aggregation, computed natively; the module `aggregation` computes the same
//! from its cells. A state absorbs everything that its challenges must not influence:
//!
//! | state | absorbs | yields |
//! |---|---|---|
//! | t₁ | the key, and A, B, C and the digest of every slot | multipliers rᵢ, the offset H |
//! | t₂ | digits of Σrᵢ and Σrᵢxᵢ, shift, c, 1/c, all remainders | κ, to combine the quotients |
//! | t₃ | the combined quotient | z, the point of the identities of 𝔽_q¹² |
//! | t₄ | ζ, drawn from the commitments to all pieces | weights u of the identities mod q |
//! | σ | quotients and carries of the groups | the point of the integer polynomials |

use ark_bn254::Fr;
use ark_ff::{BigInt, BigInteger, PrimeField};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::poseidon::hash;

use crate::aggregation::foreign::limbs::{LIMB_BITS, PACKED};
use crate::aggregation::pairing::scalar::Scalar;

/// Number of binary digits that are packed into one element.
pub(crate) const DIGITS_PACKED: usize = PACKED * LIMB_BITS;
/// Bits of the challenges κ and z.
pub(crate) const POINT_BITS: usize = 3 * LIMB_BITS;
/// Bits of a random multiplier.
pub(crate) const MULTIPLIER_BITS: usize = 128;

/// Packs the digits of a scalar, from its least significant window on.
pub(crate) fn pack_digits(scalar: &Scalar) -> Vec<Fr> {
    scalar
        .windows
        .as_flattened()
        .chunks(DIGITS_PACKED)
        .map(|digits| Fr::from_bigint(BigInt::from_bits_le(digits)).expect("208 bits are below r"))
        .collect()
}

/// Returns the state after absorbing a message.
pub(crate) fn absorb(state: &Fr, message: &[Fr]) -> Fr {
    let words: Vec<Fr> = std::iter::once(*state)
        .chain(message.iter().copied())
        .collect();
    hash(Domain::Transcript, &words)
}

/// Returns challenge `number` of a state.
pub(crate) fn challenge(state: &Fr, number: usize) -> Fr {
    hash(Domain::Challenge, &[*state, Fr::from(number as u64)])
}

/// Returns the lowest `bits` of a challenge, at most 192.
pub(crate) fn low(value: &Fr, bits: usize) -> [u64; 4] {
    let mut words = value.into_bigint().0;
    for (i, word) in words.iter_mut().enumerate() {
        let keep = bits.saturating_sub(64 * i).min(64);
        if keep < 64 {
            *word &= (1 << keep) - 1;
        }
    }
    words
}
