//! Numeric facts behind the residue witness and the ate chain.

use super::*;
use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{BigInteger, PrimeField, UniformRand, Zero};
use ark_std::rand::{SeedableRng, rngs::StdRng};
use num_bigint::{BigInt, BigUint, Sign};
use num_traits::{One, Signed};

/// Returns the constants `(γ, δ)` of `ψ^power`, which maps `(X, Y)` to `(γ·X̄, δ·Ȳ)`. The bar
/// is conjugation of `F_q²` for an odd `power` and the identity for an even one.
///
/// ψ is the untwist–Frobenius–twist endomorphism of `E'`: `γ = ξ^((q−1)/3)`, `δ = ξ^((q−1)/2)`
/// for `power = 1`.
fn psi_constants(power: usize) -> (Fq2, Fq2) {
    let first = (
        <Config as BnConfig>::TWIST_MUL_BY_Q_X,
        <Config as BnConfig>::TWIST_MUL_BY_Q_Y,
    );
    let mut result = (Fq2::ONE, Fq2::ONE);
    for _ in 0..power {
        result = (
            result.0.frobenius_map(1) * first.0,
            result.1.frobenius_map(1) * first.1,
        );
    }
    result
}

/// Applies `ψ^power` to the affine point `(X, Y)` of the twist `E'`.
fn psi_power(point: &(Fq2, Fq2), power: usize) -> (Fq2, Fq2) {
    let (gamma, delta) = psi_constants(power);
    (
        point.0.frobenius_map(power) * gamma,
        point.1.frobenius_map(power) * delta,
    )
}

/// Applies `ψ` to an affine point of the twist; on the subgroup of order `r` it multiplies by
/// `q`.
fn psi(point: &(Fq2, Fq2)) -> (Fq2, Fq2) {
    psi_power(point, 1)
}

/// Applies `ψ²` to an affine point of the twist.
fn psi2(point: &(Fq2, Fq2)) -> (Fq2, Fq2) {
    psi_power(point, 2)
}

/// Applies `ψ³` to an affine point of the twist.
fn psi3(point: &(Fq2, Fq2)) -> (Fq2, Fq2) {
    psi_power(point, 3)
}

const X: u64 = 4965661367192848881;

fn rng() -> StdRng {
    StdRng::seed_from_u64(20240640)
}

fn q() -> BigUint {
    BigUint::from_bytes_le(&Fq::MODULUS.to_bytes_le())
}

fn r() -> BigUint {
    BigUint::from_bytes_le(&Fr::MODULUS.to_bytes_le())
}

fn lambda() -> BigUint {
    let q = q();
    BigUint::from(X) * 6u32 + 2u32 + &q + q.pow(3) - q.pow(2)
}

/// Returns `(q^12 - 1)/r`.
fn h() -> BigUint {
    (q().pow(12) - 1u32) / r()
}

fn gcd(a: &BigUint, b: &BigUint) -> BigUint {
    let (mut a, mut b) = (a.clone(), b.clone());
    while b != BigUint::ZERO {
        (a, b) = (b.clone(), a % b);
    }
    a
}

fn pow(f: &Fq12, e: &BigUint) -> Fq12 {
    f.pow(e.to_u64_digits())
}

#[test]
fn numeric_facts() {
    let (q, r, lambda, h) = (q(), r(), lambda(), h());
    let x = BigUint::from(X);
    assert_eq!(
        q,
        x.pow(4) * 36u32 + x.pow(3) * 36u32 + x.pow(2) * 24u32 + &x * 6u32 + 1u32
    );
    assert_eq!(&q + 1u32 - &r, x.pow(2) * 6u32 + 1u32);
    let (zero, one, three) = (BigUint::ZERO, BigUint::one(), BigUint::from(3u32));
    assert_eq!(&lambda % &r, zero);
    let m = &lambda / &r;
    assert_eq!(gcd(&m, &h), three);
    assert_eq!(&m % 9u32, three);
    assert_eq!(gcd(&r, &h), one);
    // The 3-Sylow subgroup has order 27, and lambda is 3 in its exponents.
    assert_eq!(&h % 27u32, zero);
    assert_ne!(&h % 81u32, zero);
    assert_eq!(&lambda % 27u32, three);
    let factor = &h / 27u32;
    let exponent = INVERSE_LAMBDA
        .iter()
        .rev()
        .fold(BigUint::ZERO, |sum, digit| {
            let digit = digit
                .iter()
                .rev()
                .fold(BigUint::ZERO, |sum, limb| (sum << 64) + limb);
            assert!(digit < q);
            sum * &q + digit
        });
    assert_eq!(&exponent % 27u32, zero);
    assert_eq!(exponent * &lambda % factor, one);
    assert_eq!(
        BigUint::from(X) * 6u32 + 2u32,
        (BigUint::from(SIX_X_PLUS_TWO[1]) << 64) + SIX_X_PLUS_TWO[0]
    );
    // F_q^6 is in the kernel of the final exponentiation.
    assert_eq!(&h % (q.pow(6) - 1u32), zero);
}

#[test]
fn ate_digits_are_those_of_six_x_plus_two() {
    let value = ATE.iter().fold(1i128, |k, &d| 2 * k + i128::from(d));
    assert_eq!(value, 6 * i128::from(X) + 2);
    assert!(ATE.iter().all(|d| (-1..=1).contains(d)));
    let nonzero = ATE.iter().filter(|d| **d != 0).count();
    assert_eq!((ATE.len(), nonzero), (64, 21));
}

#[test]
fn coefficients_are_a_ring_isomorphism() {
    let rng = &mut rng();
    let product = |a: &[Fq; 12], b: &[Fq; 12]| -> [Fq; 12] {
        let mut c = [Fq::ZERO; 23];
        for i in 0..12 {
            for j in 0..12 {
                c[i + j] += a[i] * b[j];
            }
        }
        for i in (12..23).rev() {
            let top = c[i];
            c[i - 6] += top * Fq::from(18u64);
            c[i - 12] -= top * Fq::from(82u64);
        }
        std::array::from_fn(|i| c[i])
    };
    for _ in 0..20 {
        let (f, g) = (Fq12::rand(rng), Fq12::rand(rng));
        let (a, b) = (coefficients(&f), coefficients(&g));
        assert_eq!(from_coefficients(&a), f);
        assert_eq!(coefficients(&(f * g)), product(&a, &b));
        assert_eq!(coefficients(&(f + g)), std::array::from_fn(|i| a[i] + b[i]));
        let c: [Fq; 12] = std::array::from_fn(|_| Fq::rand(rng));
        assert_eq!(coefficients(&from_coefficients(&c)), c);
    }
    let mut w = [Fq::ZERO; 12];
    w[1] = Fq::ONE;
    let w = from_coefficients(&w);
    assert_eq!(w, Fq12::new(Fq6::ZERO, Fq6::ONE));
    assert_eq!(from_coefficients(&coefficients(&Fq12::ONE)), Fq12::ONE);
}

#[test]
fn shift_generator_is_a_non_cube_of_the_kernel() {
    let mut expected = [Fq::ZERO; 12];
    expected[2] = Fq::ONE;
    assert_eq!(coefficients(&shift_generator()), expected);
    let cubes = (q().pow(12) - 1u32) / 3u32;
    let w = Fq12::new(Fq6::ZERO, Fq6::ONE);
    for element in [shift_generator(), w] {
        assert_eq!(pow(&element, &h()), Fq12::ONE);
        assert_ne!(pow(&element, &cubes), Fq12::ONE);
    }
    assert_eq!(w * w, shift_generator());
    // g generates a group of order 27.
    let sylow = &constants().sylow;
    assert_eq!(sylow[26] * sylow[1], Fq12::ONE);
    assert_ne!(sylow[9], Fq12::ONE);
    // Any s0 + s1 w^2 + s2 w^4 is in the kernel.
    let rng = &mut rng();
    let mut s = [Fq::ZERO; 12];
    (s[0], s[2], s[4]) = (Fq::rand(rng), Fq::rand(rng), Fq::rand(rng));
    assert_eq!(pow(&from_coefficients(&s), &h()), Fq12::ONE);
}

#[test]
fn lambda_power_is_the_power() {
    let rng = &mut rng();
    let c = Fq12::rand(rng);
    assert_eq!(lambda_power(&c), Some(pow(&c, &lambda())));
    assert_eq!(lambda_power(&Fq12::ZERO), None);
}

/// Returns a Miller loop product for e(aP, bQ) e(-abP, Q).
fn one(rng: &mut StdRng) -> Fq12 {
    let (p, q) = (G1Projective::rand(rng), G2Projective::rand(rng));
    let (a, b) = (Fr::rand(rng), Fr::rand(rng));
    let g1: [G1Affine; 2] = [(p * a).into_affine(), (p * -(a * b)).into_affine()];
    let g2: [G2Affine; 2] = [(q * b).into_affine(), q.into_affine()];
    let loops = Bn254::multi_miller_loop(g1, g2);
    assert!(Bn254::final_exponentiation(loops).is_some_and(|e| e.is_zero()));
    loops.0
}

fn check(f: &Fq12) -> usize {
    let (c, k) = witness(f).expect("f is in the kernel");
    assert!(k < 3);
    let shift = shift_generator().pow([k as u64]);
    assert_eq!(pow(&c, &lambda()) * shift.inverse().unwrap(), *f);
    k
}

#[test]
fn pairing_products_have_witnesses() {
    let rng = &mut rng();
    let mut seen = [0; 3];
    for _ in 0..50 {
        let f = one(rng);
        seen[check(&f)] += 1;
        let scale = Fq12::from_base_prime_field(Fq::rand(rng));
        seen[check(&(f * scale))] += 1;
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn kernel_elements_have_witnesses() {
    let rng = &mut rng();
    for _ in 0..50 {
        check(&pow(&Fq12::rand(rng), &r()));
    }
    // All elements of the Sylow subgroup, with and without another component.
    let f = one(rng);
    for g in constants().sylow {
        check(&g);
        check(&(f * g));
    }
    check(&shift_generator());
    assert_eq!(witness(&Fq12::ONE), Some((Fq12::ONE, 0)));
}

#[test]
fn others_have_none() {
    let rng = &mut rng();
    assert_eq!(witness(&Fq12::ZERO), None);
    for _ in 0..50 {
        assert_eq!(witness(&Fq12::rand(rng)), None);
    }
    // A pairing product that is not one, and an r-th root of unity.
    let (p, q) = (G1Affine::rand(rng), G2Affine::rand(rng));
    assert_eq!(witness(&Bn254::miller_loop(p, q).0), None);
    assert_eq!(witness(&Bn254::pairing(p, q).0), None);
    assert_eq!(witness(&(one(rng) * Bn254::pairing(p, q).0)), None);
}

#[test]
#[ignore = "a measurement"]
fn timing() {
    let rng = &mut rng();
    let f = one(rng);
    let start = std::time::Instant::now();
    assert!(witness(&f).is_some());
    println!("first call: {:?}", start.elapsed());
    let start = std::time::Instant::now();
    for _ in 0..50 {
        assert!(witness(&f).is_some());
    }
    println!("later calls: {:?}", start.elapsed() / 50);
}

// The twist.

/// Elements a + b psi of Z[psi], psi^2 = t psi - q.
#[derive(Clone)]
struct Endomorphism(BigInt, BigInt);

fn trace() -> BigInt {
    BigInt::from(BigUint::from(X).pow(2) * 6u32 + 1u32)
}

impl Endomorphism {
    fn integer(k: impl Into<BigInt>) -> Self {
        Self(k.into(), BigInt::ZERO)
    }

    fn psi(power: usize) -> Self {
        (0..power).fold(Self::integer(1), |e, _| {
            // psi (a + b psi) = -b q + (a + b t) psi
            Self(-&e.1 * BigInt::from(q()), &e.0 + &e.1 * trace())
        })
    }

    fn plus(&self, other: &Self) -> Self {
        Self(&self.0 + &other.0, &self.1 + &other.1)
    }

    fn minus(&self, other: &Self) -> Self {
        Self(&self.0 - &other.0, &self.1 - &other.1)
    }

    /// Returns (a + b psi)(a + b t - b psi).
    fn norm(&self) -> BigUint {
        let Self(a, b) = self;
        let norm: BigInt = a * a + a * b * trace() + b * b * BigInt::from(q());
        assert!(!norm.is_negative());
        norm.magnitude().clone()
    }

    /// Returns the gcd of the norm and the order of E'(F_q^2). An endomorphism with gcd 1 maps
    /// only O of E'(F_q^2) to O.
    fn gcd(&self) -> BigUint {
        gcd(&self.norm(), &twist_order())
    }

    fn apply(&self, point: &G2Affine) -> G2Projective {
        times(&self.0, point) + times(&self.1, &psi_point(point, 1))
    }
}

/// Returns #E'(F_q^2) = r (2q - r).
fn twist_order() -> BigUint {
    r() * (q() * 2u32 - r())
}

fn times(k: &BigInt, point: &G2Affine) -> G2Projective {
    let product = point.mul_bigint(k.magnitude().to_u64_digits());
    match k.sign() {
        Sign::Minus => -product,
        _ => product,
    }
}

fn psi_point(point: &G2Affine, power: usize) -> G2Affine {
    if point.is_zero() {
        return *point;
    }
    let (x, y) = psi_power(&(point.x, point.y), power);
    let result = G2Affine::new_unchecked(x, y);
    assert!(result.is_on_curve());
    result
}

/// Returns a random point of E'(F_q^2); except with negligible probability it is outside the
/// subgroup of order r.
fn twist_point(rng: &mut StdRng) -> G2Affine {
    loop {
        if let Some(point) = G2Affine::get_point_from_x_unchecked(Fq2::rand(rng), true) {
            return point;
        }
    }
}

#[test]
fn psi_is_multiplication_by_q_on_the_subgroup() {
    let rng = &mut rng();
    let eigenvalue = BigInt::from(q());
    let point = G2Affine::rand(rng);
    let affine = (point.x, point.y);
    for (power, function) in [psi, psi2, psi3].into_iter().enumerate() {
        let power = power + 1;
        let (x, y) = function(&affine);
        assert_eq!(psi_power(&affine, power), (x, y));
        let factor = eigenvalue.pow(power as u32);
        assert_eq!(
            times(&factor, &point).into_affine(),
            G2Affine::new_unchecked(x, y)
        );
    }
    // ξ^((q-1)/3), ξ^((q-1)/2), and the special form of ψ².
    let xi = Fq2::new(Fq::from(9u64), Fq::ONE);
    let (gamma, delta) = psi_constants(1);
    assert_eq!(gamma, xi.pow(((q() - 1u32) / 3u32).to_u64_digits()));
    assert_eq!(delta, xi.pow(((q() - 1u32) / 2u32).to_u64_digits()));
    let (gamma, delta) = psi_constants(2);
    assert_eq!((gamma.c1, delta), (Fq::ZERO, -Fq2::ONE));
    assert_eq!(psi_constants(0), (Fq2::ONE, Fq2::ONE));
}

#[test]
fn the_twist_has_the_order_and_the_characteristic_equation() {
    let rng = &mut rng();
    for _ in 0..5 {
        let point = twist_point(rng);
        assert!(!point.is_in_correct_subgroup_assuming_on_curve());
        assert!(times(&twist_order().into(), &point).is_zero());
        for power in 2..=3 {
            assert_eq!(
                psi_point(&psi_point(&point, power - 1), 1),
                psi_point(&point, power)
            );
            let reduced = Endomorphism::psi(power).apply(&point);
            assert_eq!(reduced.into_affine(), psi_point(&point, power));
        }
    }
}

#[test]
fn the_chain_is_complete_on_the_whole_twist() {
    let one = BigUint::one();
    let order = twist_order();
    assert_eq!(&order % 2u32, one);
    // [k]B is not O for any B != O; as the order is odd, it has not order two either.
    let assert_nonzero = |k: i128| {
        let k = BigInt::from(k);
        assert!(!k.is_zero());
        assert_eq!(gcd(k.magnitude(), &order), one);
        assert_eq!(Endomorphism::integer(k).gcd(), one);
    };
    let mut k = 1i128;
    for &digit in &ATE {
        assert_nonzero(k); // doubled
        k *= 2;
        if digit != 0 {
            assert_nonzero(k); // added to ±B, which is neither it nor its negative:
            assert_nonzero(k - 1);
            assert_nonzero(k + 1);
            k += i128::from(digit);
        }
    }
    assert_nonzero(k);
    assert_eq!(k, 6 * i128::from(X) + 2);

    let kb = Endomorphism::integer(k);
    let (psi, psi2) = (Endomorphism::psi(1), Endomorphism::psi(2));
    // [k]B and ψ(B): not O, not equal, not opposite.
    assert_eq!(psi.gcd(), one);
    assert_eq!(kb.minus(&psi).gcd(), one);
    let sum = kb.plus(&psi);
    assert_eq!(sum.gcd(), one);
    // [k]B + ψ(B) (not O, as just shown) and −ψ²(B): the same.
    assert_eq!(psi2.gcd(), one);
    assert_eq!(sum.plus(&psi2).gcd(), one);
    assert_eq!(sum.minus(&psi2).gcd(), one);
}

#[test]
fn the_chain_ends_well_precisely_on_the_subgroup() {
    let closing = Endomorphism::integer(6 * i128::from(X) + 2)
        .plus(&Endomorphism::psi(1))
        .minus(&Endomorphism::psi(2))
        .plus(&Endomorphism::psi(3));
    // The kernel on E'(F_q^2) is annihilated by gcd = r, and r divides the order exactly once.
    // So the kernel is in the one subgroup of order r, where ψ = q makes the endomorphism λ = 0
    // mod r.
    assert_eq!(closing.gcd(), r());
    assert_ne!(twist_order() % r().pow(2), BigUint::ZERO);
    assert_eq!(lambda() % r(), BigUint::ZERO);

    let evaluate = |point: &G2Affine| {
        let mut t = point.into_group();
        for &digit in &ATE {
            t += t;
            match digit {
                1 => t += point,
                -1 => t -= point,
                _ => {}
            }
        }
        let left = t + psi_point(point, 1) - psi_point(point, 2);
        let right = -psi_point(point, 3).into_group();
        assert_eq!(closing.apply(point), left - right);
        left == right
    };
    let rng = &mut rng();
    assert!(evaluate(&G2Affine::generator()));
    assert_eq!(
        G2Projective::generator().into_affine(),
        G2Affine::generator()
    );
    let cofactor = BigInt::from(q() * 2u32 - r());
    let small = [10069u64, 5864401];
    for _ in 0..20 {
        assert!(evaluate(&G2Affine::rand(rng)));
        let point = twist_point(rng);
        assert!(!evaluate(&point));
        assert!(evaluate(&times(&cofactor, &point).into_affine()));
        // Outside the subgroup, of an order that divides the cofactor; also of small order.
        let outside = times(&BigInt::from(r()), &point).into_affine();
        assert!(!outside.is_zero() && !evaluate(&outside));
        for prime in small {
            assert!((&cofactor % prime).is_zero());
            let point = times(&(&cofactor / prime), &outside).into_affine();
            assert!(point.is_zero() || !evaluate(&point));
        }
    }
}
