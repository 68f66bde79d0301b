//! Scalar multiplication by y coordinates alone.
//!
//! u = (1 + y) / (1 − y) maps the embedded curve to the Montgomery curve v² = u³ + 168698·u² + u
//! (up to a factor of v²). There the ladder multiplies without the other coordinate: it needs no
//! square root and no agreement on a sign.

use ark_bn254::Fr;
use ark_ed_on_bn254::Fr as Scalar;
use ark_ff::{BigInteger, Field, One, PrimeField, Zero, batch_inversion};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// (A − 2) / 4 for the coefficient A = 168698.
const A24: u64 = 42174;

/// A scalar, prepared to multiply many points.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Ladder {
    /// Bits below the leading one, from the top.
    bits: Vec<bool>,
}

impl Ladder {
    /// Prepares a nonzero scalar.
    pub(super) fn new(scalar: &Scalar) -> Self {
        let mut all = scalar.into_bigint().to_bits_be();
        let bits = all
            .iter()
            .skip_while(|bit| !**bit)
            .skip(1)
            .copied()
            .collect();
        all.zeroize();
        Self { bits }
    }

    /// Returns the multiple of the base as u = X/Z, from the affine u of the base.
    fn multiply(&self, u: &Fr, a24: &Fr) -> (Fr, Fr) {
        // (x1 : z1) is the multiple, (x2 : z2) the next one; their difference is always the base.
        let mut low = (*u, Fr::one());
        let mut high = double(&low, a24);
        for bit in &self.bits {
            if *bit {
                std::mem::swap(&mut low, &mut high);
            }
            let (a, b) = (low.0 + low.1, low.0 - low.1);
            let (c, d) = (high.0 + high.1, high.0 - high.1);
            let (da, cb) = (d * a, c * b);
            high = ((da + cb).square(), *u * (da - cb).square());
            let (aa, bb) = (a.square(), b.square());
            let e = aa - bb;
            low = (aa * bb, e * (aa + *a24 * e));
            if *bit {
                std::mem::swap(&mut low, &mut high);
            }
        }
        low
    }

    /// Returns the y coordinates of the multiples of the points with these y coordinates.
    ///
    /// `None` for the identity (y = 1), and for an input outside the prime subgroup that leads to
    /// no value.
    pub(super) fn multiply_all(&self, ys: &[Fr]) -> Vec<Option<Fr>> {
        let a24 = Fr::from(A24);
        let mut inverses: Vec<Fr> = ys.iter().map(|y| Fr::one() - y).collect();
        batch_inversion(&mut inverses); // leaves zeros as they are
        let multiples: Vec<(Fr, Fr)> = ys
            .iter()
            .zip(&inverses)
            .map(|(y, inverse)| self.multiply(&((Fr::one() + y) * inverse), &a24))
            .collect();
        let mut sums: Vec<Fr> = multiples.iter().map(|(x, z)| *x + z).collect();
        batch_inversion(&mut sums);
        multiples
            .iter()
            .zip(&sums)
            .zip(&inverses)
            .map(|(((x, z), sum), inverse)| {
                (!sum.is_zero() && !inverse.is_zero()).then(|| (*x - z) * sum)
            })
            .collect()
    }
}

fn double((x, z): &(Fr, Fr), a24: &Fr) -> (Fr, Fr) {
    let (aa, bb) = ((*x + z).square(), (*x - z).square());
    let e = aa - bb;
    (aa * bb, e * (aa + *a24 * e))
}

/// Returns the y coordinate of scalar·(±E) from E.y: the shared secret as the recipient (with ivk)
/// or an auditor computes it.
///
/// `None` for the identity, for a zero scalar, and for some values that are the y of no point.
/// Other such values give an element under which nothing decrypts.
#[must_use]
pub fn ivk_shared(ivk: &Scalar, ephemeral_y: &Fr) -> Option<Fr> {
    if ivk.is_zero() {
        return None;
    }
    Ladder::new(ivk).multiply_all(&[*ephemeral_y])[0]
}
