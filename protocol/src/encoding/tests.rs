use ark_ec::CurveGroup;
use ark_ff::UniformRand;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

fn modulus(limbs: BigInt<4>) -> [u8; 32] {
    limbs_to_bytes(limbs)
}

#[test]
fn modulus_and_above_are_not_canonical() {
    let r = modulus(Fr::MODULUS);
    assert_eq!(fr_from_bytes(&r), Err(DecodeError::NotCanonical));
    assert_eq!(fr_from_bytes(&[0xff; 32]), Err(DecodeError::NotCanonical));
    let l = modulus(Scalar::MODULUS);
    assert_eq!(scalar_from_bytes(&l), Err(DecodeError::NotCanonical));
    let mut largest = r;
    largest[31] -= 1;
    assert_eq!(fr_from_bytes(&largest), Ok(-Fr::one()));
    let mut largest = l;
    largest[31] -= 1;
    assert_eq!(scalar_from_bytes(&largest), Ok(-Scalar::one()));
}

#[test]
fn integers_of_128_bits_round_trip_and_no_more() {
    for x in [0, 1, u128::from(u64::MAX), u128::MAX] {
        assert_eq!(fr_to_u128(&fr_from_u128(x)), Some(x));
    }
    assert_eq!(fr_to_u128(&(fr_from_u128(u128::MAX) + Fr::one())), None);
    assert_eq!(fr_to_u128(&-Fr::one()), None);
}

#[test]
fn points_round_trip() {
    let mut rng = ark_std::test_rng();
    for _ in 0..20 {
        let point = (EdwardsAffine::generator() * Scalar::rand(&mut rng)).into_affine();
        assert_eq!(point_from_bytes(&point_to_bytes(&point)), Ok(point));
        let negated = -point;
        assert_eq!(point_from_bytes(&point_to_bytes(&negated)), Ok(negated));
        assert_ne!(point_to_bytes(&point), point_to_bytes(&negated));
    }
}

#[test]
fn point_with_y_above_the_modulus_is_refused() {
    let mut bytes = modulus(Fr::MODULUS);
    assert_eq!(point_from_bytes(&bytes), Err(DecodeError::NotCanonical));
    bytes[0] |= 0x80;
    assert_eq!(point_from_bytes(&bytes), Err(DecodeError::NotCanonical));
}

#[test]
fn point_off_the_curve_is_refused() {
    let mut refused = 0;
    for y in 2u64..40 {
        let y = Fr::from(y);
        if lift_y(y, false).is_none() {
            refused += 1;
            assert_eq!(
                point_from_bytes(&fr_to_bytes(&y)),
                Err(DecodeError::NotOnCurve)
            );
        }
    }
    assert!(refused > 5);
}

#[test]
fn identity_and_small_orders_are_refused() {
    let identity = fr_to_bytes(&Fr::one());
    assert_eq!(point_from_bytes(&identity), Err(DecodeError::Identity));
    let order_two = fr_to_bytes(&-Fr::one());
    assert_eq!(
        point_from_bytes(&order_two),
        Err(DecodeError::NotInSubgroup)
    );
    // y = 0: the points of order four.
    for odd in [false, true] {
        let mut bytes = [0; 32];
        bytes[0] = u8::from(odd) << 7;
        assert_eq!(point_from_bytes(&bytes), Err(DecodeError::NotInSubgroup));
    }
    // A generator of the prime subgroup shifted by the point of order two.
    let g = EdwardsAffine::generator();
    let shifted = EdwardsAffine::new_unchecked(-g.x, -g.y);
    assert!(shifted.is_on_curve());
    assert_eq!(
        point_from_bytes(&point_to_bytes(&shifted)),
        Err(DecodeError::NotInSubgroup)
    );
}

#[test]
fn sign_bit_on_zero_x_is_refused() {
    for y in [Fr::one(), -Fr::one()] {
        let mut bytes = fr_to_bytes(&y);
        bytes[0] |= 0x80;
        assert_eq!(point_from_bytes(&bytes), Err(DecodeError::NotOnCurve));
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sample {
    #[serde(with = "serde_fr")]
    one: Fr,
    #[serde(with = "serde_fr_vec")]
    many: Vec<Fr>,
    #[serde(with = "serde_fr_array")]
    three: [Fr; 3],
    #[serde(with = "serde_bytes")]
    fixed: [u8; 20],
    #[serde(with = "serde_bytes")]
    free: Vec<u8>,
    #[serde(with = "serde_point")]
    point: EdwardsAffine,
}

#[test]
fn text_round_trips_and_is_strict() {
    let sample = Sample {
        one: -Fr::one(),
        many: vec![Fr::one(), Fr::zero()],
        three: [Fr::from(7u64); 3],
        fixed: [9; 20],
        free: vec![1, 2, 3],
        point: EdwardsAffine::generator(),
    };
    let text = serde_json::to_string(&sample).unwrap();
    assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), sample);
    let one = fr_to_hex(&sample.one);
    let modulus = format!("0x{}", hex::encode(modulus(Fr::MODULUS)));
    for wrong in [
        &modulus,
        &one[2..],
        &one[..65],
        "0x",
        "0xzz",
        &format!("{one}00"),
    ] {
        assert!(
            serde_json::from_str::<Sample>(&text.replacen(&one, wrong, 1)).is_err(),
            "{wrong}"
        );
        assert!(fr_from_hex(wrong).is_err());
    }
    let short = text.replacen(&hex::encode([9; 20]), &hex::encode([9; 19]), 1);
    assert!(serde_json::from_str::<Sample>(&short).is_err());
}

proptest! {
    #[test]
    fn decoders_accept_only_what_encoders_write(mut bytes: [u8; 32], small: bool) {
        if small { bytes[0] &= 0x2f; }
        if let Ok(x) = fr_from_bytes(&bytes) {
            prop_assert_eq!(fr_to_bytes(&x), bytes);
        }
        if let Ok(x) = scalar_from_bytes(&bytes) {
            prop_assert_eq!(scalar_to_bytes(&x), bytes);
        }
        if let Ok(point) = point_from_bytes(&bytes) {
            prop_assert_eq!(point_to_bytes(&point), bytes);
        }
    }

    #[test]
    fn bytes_are_the_big_endian_integer(bytes: [u8; 32]) {
        if let Ok(x) = fr_from_bytes(&bytes) {
            prop_assert_eq!(x, Fr::from_be_bytes_mod_order(&bytes));
        }
    }
}
