//! Residue witnesses for BN254 pairing products, computed natively.
//!
//! A product of pairings equals one exactly if the product `f` of the Miller loops lies in the
//! kernel of the final exponentiation `f ↦ f^h`, `h = (q¹² − 1)/r`. Novakovic and Eagen ("On
//! Proving Pairings", IACR ePrint 2024/640, section 4, with λ for BN254 in 4.3) replace the
//! exponentiation by a witness. With
//!
//! > λ = 6x + 2 + q − q² + q³  (a multiple of `r`; the exponent of the optimal ate pairing),
//!
//! the equation `f · s = c^λ`, with `c ≠ 0` and `s^h = 1`, implies `f^h = 1`, because `r` divides λ
//! and so `(c^λ)^h = (c^(q¹² − 1))^(λ/r) = 1`. Conversely, write λ = r·m. Then `gcd(r, h) = 1`,
//! `gcd(m, h) = 3` and `9 ∤ m`. The kernel is cyclic of order `h`, so exactly its cubes are λ-th
//! powers. A factor `s = w₀^k`, with `w₀` a fixed non-cube of the kernel and `k < 3`, turns every
//! `f` of the kernel into one.
//!
//! # The factor `w₀ = w²`
//!
//! The paper takes a 27th root of unity. Here `w₀ = w² = v`, one of the twelve basis elements of
//! `F_q¹² = F_q[w]/(w¹² − 18w⁶ + 82)`. It lies in the subfield `F_q⁶ = F_q[v]`, whose nonzero
//! elements are all in the kernel (`q⁶ − 1` divides `h`, since `r` divides `q⁶ + 1`), and it is not
//! a cube of `F_q¹²` (tested). So the factor is `1`, `w²` or `w⁴`, a shift of coefficients.
//! Moreover *every* nonzero `s₀ + s₁w² + s₂w⁴` with `sᵢ` in `F_q` is a sound factor, and `f · s =
//! c^λ` with `c ≠ 0` implies `s ≠ 0`. A verifier that knows `c ≠ 0` need not constrain the `sᵢ` at
//! all.
//!
//! # The optimal ate chain over all of `E'(F_q²)`
//!
//! The tests of this module also show two properties of the chain of [`ATE`] on the twist, with its
//! last two steps `T + ψ(B)` and the line through `T` and `−ψ²(B)`. From any point `B ≠ O` of
//! `E'(F_q²)` it meets no exceptional case of affine addition or doubling. And it ends with
//! `[6x+2]B + ψ(B) − ψ²(B) = −ψ³(B)` exactly for the points `B` of the subgroup of order `r`.

use std::sync::OnceLock;

use ark_bn254::{Config, Fq, Fq2, Fq6, Fq12};
use ark_ec::bn::BnConfig;
use ark_ff::{AdditiveGroup, Field};

/// Number of digits in [`ATE`].
pub(crate) const ATE_LEN: usize = <Config as BnConfig>::ATE_LOOP_COUNT.len() - 1;

/// Signed binary digits of `6x + 2`, most significant first, without the top digit (a one).
///
/// They are the digits of `ark_bn254::Config::ATE_LOOP_COUNT`, which has the least significant
/// first. A Miller loop starts with `T = B`. For each digit `d` of this array it doubles `T`, then
/// adds `d·B` if `d` is not zero.
pub(crate) const ATE: [i8; ATE_LEN] = ate_digits();

const fn ate_digits() -> [i8; ATE_LEN] {
    let source = <Config as BnConfig>::ATE_LOOP_COUNT;
    let mut digits = [0; ATE_LEN];
    let mut i = 0;
    while i < ATE_LEN {
        digits[i] = source[ATE_LEN - 1 - i];
        i += 1;
    }
    digits
}

/// `6x + 2`, in 64-bit limbs, least significant first.
const SIX_X_PLUS_TWO: [u64; 2] = [0x9d79_7039_be76_3ba8, 1];

/// Exponent `E` with `λ·E ≡ 1 (mod h/27)` and `E ≡ 0 (mod 27)`, `h = (q¹² − 1)/r`, in base `q`:
/// eleven digits, least significant first, each in 64-bit limbs, least significant first.
const INVERSE_LAMBDA: [[u64; 4]; 11] = [
    [
        0x48f6e052d8c5c958,
        0xdcdf265e755d6bf5,
        0xdc4e14af19c480fd,
        0x25480f980320b31e,
    ],
    [
        0x3a4f2c8995b04d7c,
        0xa2aa0ce3550432ec,
        0x0f439a4b3474c34b,
        0x22419ee834395c99,
    ],
    [
        0x4cc1c47c78b1f0c1,
        0x69951f151614ae3e,
        0xc9949f9a936b76b4,
        0x2c6dcbe5b4235d67,
    ],
    [
        0xe5a1f0fa0f389eaa,
        0x2f70f4102c949271,
        0x13e563619d3aa3f1,
        0x1ed752c7563bc37a,
    ],
    [
        0x277e91125d7aea74,
        0xbce9f86d26ef3cb3,
        0x1eaa3a473e6139a4,
        0x25a5facd45a320c8,
    ],
    [
        0xa7aad42cc0db022a,
        0x42eb8539d392163d,
        0xb45098edfacf0806,
        0x0b898e9275a2f49f,
    ],
    [
        0xc07d7a20d7a2e784,
        0xac0bb67deb754ea1,
        0x7d12017dfd7d2649,
        0x09ef34be97fc88e7,
    ],
    [
        0x6e35fab83f04e8c7,
        0x528060540fc690ad,
        0x81006fec4903af17,
        0x26312d7943648e33,
    ],
    [
        0xde2ef9b4aa2e1d53,
        0x92ed5990ffce7133,
        0x248053b63c52facb,
        0x177df09cf5d0b1cb,
    ],
    [
        0x09052bd5ac96be00,
        0x66824a1746973859,
        0x0555967f171213e1,
        0x21a992ee6f09c46e,
    ],
    [
        0x5ad034f4274b8f58,
        0x69917fd48d681287,
        0xe1a2ef7e9aa636f6,
        0x019f62dda321b859,
    ],
];

/// Order of the 3-Sylow subgroup of `F_q¹²*` (and of the kernel of the final exponentiation).
const SYLOW: usize = 27;

/// Returns the coefficients of `f` with respect to `1, w, …, w¹¹`, where `F_q¹² = F_q[w]/(w¹² −
/// 18w⁶ + 82)`.
///
/// Arkworks has the tower `F_q²[v]/(v³ − ξ)[w]/(w² − v)` with `ξ = 9 + u = w⁶`. Its `F_q²`
/// coefficient `a + b·u` of `w^j` is `(a − 9b)·w^j + b·w^(j+6)`.
pub(crate) fn coefficients(f: &Fq12) -> [Fq; 12] {
    let tower = [f.c0.c0, f.c1.c0, f.c0.c1, f.c1.c1, f.c0.c2, f.c1.c2];
    let mut result = [Fq::ZERO; 12];
    for (j, a) in tower.iter().enumerate() {
        result[j] = a.c0 - times_nine(a.c1);
        result[j + 6] = a.c1;
    }
    result
}

/// Returns the element with the given coefficients of `1, w, …, w¹¹`; the inverse of
/// [`coefficients`].
pub(crate) fn from_coefficients(coefficients: &[Fq; 12]) -> Fq12 {
    let a = |j: usize| {
        let high = coefficients[j + 6];
        Fq2::new(coefficients[j] + times_nine(high), high)
    };
    Fq12::new(Fq6::new(a(0), a(2), a(4)), Fq6::new(a(1), a(3), a(5)))
}

fn times_nine(a: Fq) -> Fq {
    a.double().double().double() + a
}

/// Returns the factor `w₀ = w²` of the module's description.
///
/// It is not a cube in `F_q¹²`, and `w₀^((q¹² − 1)/r) = 1`. It has one nonzero coefficient, a one
/// at `w²`.
pub(crate) fn shift_generator() -> Fq12 {
    let v = Fq6::new(Fq2::ZERO, Fq2::ONE, Fq2::ZERO);
    Fq12::new(v, Fq6::ZERO)
}

/// Returns `c^λ` with `λ = 6x + 2 + q − q² + q³`, or `None` for `c = 0`.
pub(crate) fn lambda_power(c: &Fq12) -> Option<Fq12> {
    let inverse = c.frobenius_map(2).inverse()?;
    Some(c.pow(SIX_X_PLUS_TWO) * c.frobenius_map(1) * c.frobenius_map(3) * inverse)
}

/// Computes a residue witness `(c, k)`, `k < 3`, with `f · w₀^k = c^λ`, for `w₀` of
/// [`shift_generator`].
///
/// A witness exists exactly if `f^((q¹² − 1)/r) = 1`; for any other `f`, zero included, the result
/// is `None`. `f` determines `k`, and determines `c` up to factors `ζ` with `ζ^λ = 1`. The time
/// depends on `f`: the values are not meant to be secret.
///
/// # Method
///
/// The power `c₀ = f^E`, with `E` the inverse of λ modulo `h/27` and zero modulo 27, is a λ-th root
/// of `f` except for the 3-Sylow component: `f = c₀^λ · g^i`, where `g = w₀^(1 − λE)` generates the
/// Sylow subgroup (as `w₀` is not a cube) and `i` is found by comparison with its 27 elements.
/// Exponents of `g` count modulo 27, where λ ≡ 3. Hence, with `k` such that `i + k = 3j`,
///
/// > f · w₀^k = c₀^λ · g^i · (w₀^E)^(λk) · g^k = (c₀ · (w₀^E)^k · g^j)^λ.
///
/// If there is no such `i`, then `f` is not in the kernel, because every kernel element has one. If
/// there is one, the equation holds whatever `f` is, so `f` is in the kernel.
pub(crate) fn witness(f: &Fq12) -> Option<(Fq12, usize)> {
    let constants = constants();
    let mut c = inverse_lambda_power(f);
    let rest = *f * lambda_power(&c)?.inverse()?;
    let i = constants.sylow.iter().position(|g| *g == rest)?;
    let k = (SYLOW - i) % 3;
    let j = (i + k) / 3;
    for _ in 0..k {
        c *= constants.shift_root;
    }
    // `j` is at most 9, within the table of 27.
    Some((c * constants.sylow[j], k))
}

/// Constants of [`witness`] that depend on `w₀`.
struct Constants {
    /// `w₀^E`.
    shift_root: Fq12,
    /// `g^0, …, g^26` for `g = w₀^(1 − λE)`.
    sylow: [Fq12; SYLOW],
}

/// Returns the constants, computed by the first call.
fn constants() -> &'static Constants {
    static CONSTANTS: OnceLock<Constants> = OnceLock::new();
    CONSTANTS.get_or_init(|| {
        let shift = shift_generator();
        let shift_root = inverse_lambda_power(&shift);
        // Both are powers of w₀ and not zero, so the fallback is never taken.
        let g = lambda_power(&shift_root)
            .and_then(|power| power.inverse())
            .map_or(Fq12::ONE, |inverse| shift * inverse);
        let mut sylow = [Fq12::ONE; SYLOW];
        for i in 1..SYLOW {
            sylow[i] = sylow[i - 1] * g;
        }
        Constants { shift_root, sylow }
    })
}

/// Returns `f^E`, with `E` from [`INVERSE_LAMBDA`].
///
/// The base-`q` digits of `E` are exponents of the conjugates of `f`. All powers share one chain of
/// squarings, with windows of four bits.
fn inverse_lambda_power(f: &Fq12) -> Fq12 {
    const WINDOW: usize = 4;
    let mut table = [Fq12::ONE; 1 << WINDOW];
    for i in 1..table.len() {
        table[i] = table[i - 1] * f;
    }
    let tables: [[Fq12; 1 << WINDOW]; INVERSE_LAMBDA.len()] =
        std::array::from_fn(|power| table.map(|entry| entry.frobenius_map(power)));
    let mut result = Fq12::ONE;
    for position in (0..256).step_by(WINDOW).rev() {
        for _ in 0..WINDOW {
            result.square_in_place();
        }
        for (digit, table) in INVERSE_LAMBDA.iter().zip(&tables) {
            let window = (digit[position / 64] >> (position % 64)) as usize % table.len();
            if window != 0 {
                result *= table[window];
            }
        }
    }
    result
}

#[cfg(test)]
mod tests;
