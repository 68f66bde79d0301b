//! Gadgets against the protocol crate and arkworks, and the inputs that they refuse.

use super::edwards::{self, Digits, Point, SCALAR_BITS};
use super::range::{FIELD_BITS, bit_wires, canonical_bits, canonical_bits_as, low_bits, range};
use super::{Builder, Num, merkle, poseidon};
use crate::raw::scalar_bits;
use ark_bn254::Fr;
use ark_ec::twisted_edwards::TECurveConfig;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ed_on_bn254::{EdwardsAffine, EdwardsConfig, EdwardsProjective};
use ark_ff::{BigInteger, Field, One, PrimeField, Zero};
use ark_relations::gr1cs::{ConstraintSystem, ConstraintSystemRef};
use ark_std::UniformRand;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use subrosa_protocol::Scalar;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::tree::{MerklePath, NoteTree};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(0x5355_4252)
}

fn builder() -> (ConstraintSystemRef<Fr>, Builder) {
    let cs = ConstraintSystem::new_ref();
    (cs.clone(), Builder::new(cs))
}

fn satisfied(cs: &ConstraintSystemRef<Fr>) -> bool {
    cs.is_satisfied().expect("an assignment is present")
}

fn wires(b: &mut Builder, values: &[Fr]) -> Vec<Num> {
    values
        .iter()
        .map(|value| b.witness(*value).unwrap())
        .collect()
}

fn point(b: &mut Builder, point: EdwardsAffine) -> Point {
    Point {
        x: b.witness(point.x).unwrap(),
        y: b.witness(point.y).unwrap(),
    }
}

#[test]
fn curve_addition_is_complete() {
    assert_eq!(EdwardsConfig::COEFF_A, Fr::one());
    assert!(EdwardsConfig::COEFF_D.legendre().is_qnr());
    let generator = EdwardsAffine::generator();
    assert!(generator.is_on_curve() && generator.is_in_correct_subgroup_assuming_on_curve());
}

#[test]
fn poseidon_agrees_with_the_protocol() {
    let mut rng = rng();
    for len in [1, 2, 3, 4, 5, 8, 30] {
        let message: Vec<Fr> = (0..len).map(|_| Fr::rand(&mut rng)).collect();
        let (cs, mut b) = builder();
        let message_wires = wires(&mut b, &message);
        let digest = poseidon::hash(&mut b, Domain::Transaction, &message_wires).unwrap();
        assert_eq!(
            digest.value(),
            subrosa_protocol::poseidon::hash(Domain::Transaction, &message)
        );
        let three = poseidon::hash3(&mut b, Domain::Audit, &message_wires).unwrap();
        assert_eq!(
            three.map(|n| n.value()),
            subrosa_protocol::poseidon::hash3(Domain::Audit, &message)
        );
        // The rows agree with the values: tie each output to a fresh wire.
        let claimed = b.witness(digest.value()).unwrap();
        b.equal(&digest, &claimed).unwrap();
        assert!(satisfied(&cs));
    }
}

#[test]
fn poseidon_under_a_chosen_domain() {
    let message = [1u64, 2, 3].map(Fr::from);
    for (flag, domain) in [(0u64, Domain::Nullifier), (1, Domain::NullifierDummy)] {
        let (cs, mut b) = builder();
        let flag = b.witness(Fr::from(flag)).unwrap();
        let message_wires = wires(&mut b, &message);
        let domains = [Domain::Nullifier, Domain::NullifierDummy];
        let digest = poseidon::hash_under(&mut b, &flag, domains, &message_wires).unwrap();
        assert_eq!(
            digest.value(),
            subrosa_protocol::poseidon::hash(domain, &message)
        );
        assert!(satisfied(&cs));
    }
}

#[test]
fn a_permutation_costs_three_constraints_an_s_box() {
    let (cs, mut b) = builder();
    let children = wires(&mut b, &[1u64, 2, 3, 4].map(Fr::from));
    poseidon::hash(&mut b, Domain::Node, &children).unwrap();
    // 8·5 + 60 boxes, minus the box of the constant capacity in the first round.
    assert_eq!(cs.num_constraints(), 3 * (8 * 5 + 60 - 1));
}

#[test]
fn ranges_accept_their_bounds_and_nothing_above() {
    for width in [1usize, 16, 40, 96, 128, 160] {
        let top = Fr::from(2u64).pow([width as u64]) - Fr::one();
        for (value, expected) in [
            (Fr::zero(), true),
            (top, true),
            (top + Fr::one(), false),
            (-Fr::one(), false),
        ] {
            let (cs, mut b) = builder();
            let number = b.witness(value).unwrap();
            // The bits beyond the width are dropped, as a prover would have to.
            let bits = bit_wires(&mut b, &low_bits(value, width)[..width]).unwrap();
            let sum = super::range::recompose(&b, &bits);
            b.equal(&sum, &number).unwrap();
            assert_eq!(satisfied(&cs), expected, "width {width}");
        }
        let (cs, mut b) = builder();
        let number = b.witness(top).unwrap();
        assert_eq!(range(&mut b, &number, width).unwrap().len(), width);
        assert_eq!(cs.num_constraints(), width + 1);
        assert!(satisfied(&cs));
    }
}

#[test]
fn a_field_element_has_one_decomposition() {
    let mut rng = rng();
    let edges = [
        Fr::zero(),
        Fr::one(),
        -Fr::one(),
        -Fr::from(2u64),
        -Fr::from(1u64 << 28),
    ];
    for value in edges.into_iter().chain((0..5).map(|_| Fr::rand(&mut rng))) {
        let (cs, mut b) = builder();
        let number = b.witness(value).unwrap();
        let bits = canonical_bits(&mut b, &number).unwrap();
        assert!(satisfied(&cs));
        assert_eq!(bits.len(), FIELD_BITS);
    }
    // value + r fits 254 bits for small values: the sum is right, but the bits are not canonical.
    for value in [0u64, 1, 2, 12_345, u64::MAX] {
        let (cs, mut b) = builder();
        let number = b.witness(Fr::from(value)).unwrap();
        let mut shifted = Fr::MODULUS;
        shifted.add_with_carry(&value.into());
        canonical_bits_as(&mut b, &number, &shifted.to_bits_le()[..FIELD_BITS]).unwrap();
        assert!(!satisfied(&cs), "{value} + r");
    }
}

fn torsion(rng: &mut ChaCha20Rng) -> EdwardsAffine {
    loop {
        let any = EdwardsAffine::rand(rng);
        assert!(any.is_on_curve());
        if let Some(free) = EdwardsAffine::get_point_from_y_unchecked(Fr::rand(rng), rng.r#gen()) {
            let small = free.mul_bigint(Scalar::MODULUS).into_affine();
            if !small.is_zero() {
                return small;
            }
        }
    }
}

#[test]
fn points_on_and_off_the_curve() {
    let mut rng = rng();
    for p in [
        EdwardsAffine::generator(),
        EdwardsAffine::zero(),
        torsion(&mut rng),
    ] {
        let (cs, mut b) = builder();
        let p = point(&mut b, p);
        edwards::on_curve(&mut b, &p).unwrap();
        assert!(satisfied(&cs));
        assert_eq!(cs.num_constraints(), 3);
    }
    let (cs, mut b) = builder();
    let off = EdwardsAffine::new_unchecked(Fr::from(2u64), Fr::from(3u64));
    let p = point(&mut b, off);
    edwards::on_curve(&mut b, &p).unwrap();
    assert!(!satisfied(&cs));
}

#[test]
fn addition_and_doubling_of_all_sorts() {
    let mut rng = rng();
    let p = EdwardsAffine::rand(&mut rng);
    let q = EdwardsAffine::rand(&mut rng);
    let t = torsion(&mut rng);
    let zero = EdwardsAffine::zero();
    let sorts = [
        p,
        q,
        -p,
        zero,
        t,
        -t,
        (p + t).into_affine(),
        EdwardsAffine::generator(),
    ];
    for left in sorts {
        for right in sorts {
            let (cs, mut b) = builder();
            let (l, r) = (point(&mut b, left), point(&mut b, right));
            let sum = edwards::add(&mut b, &l, &r).unwrap();
            assert_eq!(edwards::value(&sum), (left + right).into_affine());
            assert!(satisfied(&cs));
        }
        let (cs, mut b) = builder();
        let l = point(&mut b, left);
        let sum = edwards::double(&mut b, &l).unwrap();
        assert_eq!(edwards::value(&sum), (left + left).into_affine());
        assert!(satisfied(&cs));
        assert_eq!(cs.num_constraints(), 5);
    }
}

fn scalars(rng: &mut ChaCha20Rng) -> Vec<Scalar> {
    let mut scalars = vec![
        Scalar::zero(),
        Scalar::one(),
        Scalar::from(2u64),
        -Scalar::one(),
    ];
    scalars.extend((0..4).map(|_| Scalar::rand(rng)));
    scalars
}

#[test]
fn fixed_base_multiplication() {
    let mut rng = rng();
    for k in scalars(&mut rng) {
        let (cs, mut b) = builder();
        let bits = bit_wires(&mut b, &scalar_bits(&k)).unwrap();
        let before = cs.num_constraints();
        let product = edwards::mul_generator(&mut b, &bits).unwrap();
        assert_eq!(
            edwards::value(&product),
            (EdwardsAffine::generator() * k).into_affine()
        );
        assert!(satisfied(&cs));
        let cost = cs.num_constraints() - before;
        assert!(cost <= 800, "{cost}");
    }
    // All 251 bits set: more than ℓ, and still the multiple by that integer.
    let (cs, mut b) = builder();
    let bits = bit_wires(&mut b, &[true; SCALAR_BITS]).unwrap();
    let product = edwards::mul_generator(&mut b, &bits).unwrap();
    let mut expected = EdwardsProjective::zero();
    for _ in 0..SCALAR_BITS {
        expected = expected + expected + EdwardsProjective::from(EdwardsAffine::generator());
    }
    assert_eq!(edwards::value(&product), expected.into_affine());
    assert!(satisfied(&cs));
}

#[test]
fn variable_base_multiplication() {
    let mut rng = rng();
    let t = torsion(&mut rng);
    let p = EdwardsAffine::rand(&mut rng);
    for base in [p, EdwardsAffine::zero(), t, (p + t).into_affine()] {
        for k in scalars(&mut rng) {
            let (cs, mut b) = builder();
            let bits = bit_wires(&mut b, &scalar_bits(&k)).unwrap();
            let base_wires = point(&mut b, base);
            let before = cs.num_constraints();
            let digits = Digits::new(&mut b, &bits).unwrap();
            let product = edwards::mul(&mut b, &digits, &base_wires).unwrap();
            assert_eq!(
                edwards::value(&product),
                base.mul_bigint(k.into_bigint()).into_affine()
            );
            assert!(satisfied(&cs));
            let cost = cs.num_constraints() - before;
            assert!(cost <= 2_600, "{cost}");
        }
        // A challenge: 254 bits, an odd number of digits.
        let e = Fr::rand(&mut rng);
        let (cs, mut b) = builder();
        let number = b.witness(e).unwrap();
        let bits = canonical_bits(&mut b, &number).unwrap();
        let base_wires = point(&mut b, base);
        let digits = Digits::new(&mut b, &bits).unwrap();
        let product = edwards::mul(&mut b, &digits, &base_wires).unwrap();
        assert_eq!(
            edwards::value(&product),
            base.mul_bigint(e.into_bigint()).into_affine()
        );
        assert!(satisfied(&cs));
    }
}

#[test]
fn merkle_roots_at_every_child_place() {
    let mut rng = rng();
    let mut tree = NoteTree::new();
    let leaves: Vec<Fr> = (0..64).map(|_| Fr::rand(&mut rng)).collect();
    tree.append_subtree(0, &leaves).unwrap();
    for index in [0u64, 1, 2, 3, 17, 38, 63] {
        let path: MerklePath<16> = tree.path(index).unwrap();
        let (cs, mut b) = builder();
        let leaf = b.witness(leaves[index as usize]).unwrap();
        let bits: Vec<bool> = (0..32).map(|i| index >> i & 1 == 1).collect();
        let bits = bit_wires(&mut b, &bits).unwrap();
        let root = merkle::root(&mut b, &leaf, &bits, &path.siblings).unwrap();
        assert_eq!(root.value(), tree.root());
        assert!(satisfied(&cs));
    }
    // At another place, the same leaf leads to another root.
    let path: MerklePath<16> = tree.path(5).unwrap();
    let (_, mut b) = builder();
    let leaf = b.witness(leaves[5]).unwrap();
    let bits = bit_wires(&mut b, &[false; 32]).unwrap();
    let root = merkle::root(&mut b, &leaf, &bits, &path.siblings).unwrap();
    assert_ne!(root.value(), tree.root());
}
