use ark_ff::{BigInteger, Field, One, PrimeField};
use bech32::{Bech32, Bech32m, Hrp};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde_json::{Value, json};

use super::*;

fn seed(byte: u8) -> Seed {
    Seed::from_bytes([byte; 32])
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([7; 32])
}

fn text(prefix: &str, bytes: &[u8]) -> String {
    bech32::encode_lower::<Bech32m>(Hrp::parse(prefix).unwrap(), bytes).unwrap()
}

/// Returns the text of the valid address with another encryption key.
fn with_pk(pk: [u8; 32]) -> String {
    let mut bytes = ViewingKey::from_seed(&seed(1)).address().to_bytes();
    bytes[32..].copy_from_slice(&pk);
    text("subdev", &bytes)
}

fn decode(text: &str) -> Result<Address, AddressError> {
    Address::decode(text, Network::Development)
}

fn digest(value: u64) -> TransactionDigest {
    TransactionDigest::new(Fr::from(value))
}

#[test]
fn keys_follow_the_table() {
    let keys = ViewingKey::from_seed(&seed(1));
    let spend = SpendKey::from_seed(&seed(1));
    let g = EdwardsAffine::generator();
    let ask = derive::scalar("ask", &[&[1; 32]]);
    assert_eq!(spend.public(), (g * ask).into_affine());
    assert_eq!(keys.ak, spend.public());
    assert_eq!(keys.nk, derive::field("nk", &[&[1; 32]]));
    let parts = [point_to_bytes(&keys.ak), fr_to_bytes(&keys.nk)];
    assert_eq!(keys.ivk, derive::scalar("ivk", &[&parts[0], &parts[1]]));
    assert_eq!(keys.ovk, derive::bytes32("ovk", &[&parts[0], &parts[1]]));
    assert_eq!(
        Fr::from(keys.owner),
        poseidon::hash(Domain::Owner, &[keys.ak.x, keys.ak.y, keys.nk])
    );
    assert_eq!(keys.pk, (g * keys.ivk).into_affine());
    assert_eq!(
        keys.deposit_rcm(258),
        derive::field("deposit", &[&keys.ovk, &[0, 0, 0, 0, 0, 0, 1, 2]])
    );
    let rebuilt = ViewingKey::from_parts(keys.ak, keys.nk);
    assert_eq!(rebuilt.address(), keys.address());
    assert_eq!(rebuilt.ovk, keys.ovk);
}

#[test]
fn secrets_are_not_printed() {
    let seed = Seed::random(&mut rng());
    let (spend, keys) = (SpendKey::from_seed(&seed), ViewingKey::from_seed(&seed));
    let auditor = AuditorKey::from_seed(&seed);
    let printed = format!("{seed:?} {spend:?} {keys:?} {auditor:?}");
    assert_eq!(
        printed,
        "Seed(..) SpendKey(..) ViewingKey(..) AuditorKey(..)"
    );
}

#[test]
fn errors_do_not_print_what_was_decoded() {
    let address = ViewingKey::from_seed(&seed(1)).address();
    let text = address.encode(Network::Production);
    let error = decode(&text).unwrap_err();
    let printed = format!("{error} {error:?}");
    assert!(!printed.contains(&text[4..20]), "{printed}");
}

#[test]
fn secrets_are_wiped() {
    let mut seed = seed(9);
    seed.zeroize();
    assert_eq!(seed.as_bytes(), &[0; 32]);
    let mut keys = ViewingKey::from_seed(&seed);
    keys.zeroize();
    assert!(keys.nk.is_zero() && keys.ivk.is_zero() && keys.ovk == [0; 32]);
}

#[test]
fn addresses_round_trip() {
    let address = ViewingKey::from_seed(&seed(1)).address();
    for network in [Network::Production, Network::Development] {
        let text = address.encode(network);
        assert!(text.starts_with(&format!("{}1", network.prefix())));
        assert_eq!(Address::decode(&text, network), Ok(address));
        assert_eq!(Address::decode(&text.to_uppercase(), network), Ok(address));
    }
}

#[test]
fn address_of_another_network_is_refused() {
    let address = ViewingKey::from_seed(&seed(1)).address();
    let expected = AddressError::Network { expected: "subdev" };
    assert_eq!(
        decode(&address.encode(Network::Production)),
        Err(expected.clone())
    );
    assert_eq!(decode(&text("bc", &address.to_bytes())), Err(expected));
    assert_eq!(
        Address::decode(&address.encode(Network::Development), Network::Production),
        Err(AddressError::Network { expected: "sub" })
    );
}

#[test]
fn address_with_a_changed_character_is_refused() {
    let address = ViewingKey::from_seed(&seed(1)).address();
    let text = address.encode(Network::Development);
    for place in 7..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[place] = if changed[place] == b'q' { b'p' } else { b'q' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(decode(&changed), Err(AddressError::Text), "place {place}");
    }
    let mixed = text.replacen('q', "Q", 1);
    assert_ne!(mixed, text);
    assert_eq!(decode(&mixed), Err(AddressError::Text), "mixed case");
}

#[test]
fn address_with_the_checksum_of_the_older_bech32_is_refused() {
    let bytes = ViewingKey::from_seed(&seed(1)).address().to_bytes();
    let older = bech32::encode_lower::<Bech32>(Hrp::parse("subdev").unwrap(), &bytes).unwrap();
    assert_eq!(decode(&older), Err(AddressError::Text));
}

#[test]
fn address_with_padding_bits_is_refused() {
    use bech32::primitives::iter::{ByteIterExt, Fe32IterExt};
    let bytes = ViewingKey::from_seed(&seed(1)).address().to_bytes();
    let mut symbols: Vec<bech32::Fe32> = bytes.iter().copied().bytes_to_fes().collect();
    let last = symbols.last_mut().unwrap();
    assert_eq!(last.to_u8() & 0b111, 0);
    *last = bech32::Fe32::try_from(last.to_u8() | 1).unwrap();
    let hrp = Hrp::parse("subdev").unwrap();
    let padded: String = symbols
        .into_iter()
        .with_checksum::<Bech32m>(&hrp)
        .chars()
        .collect();
    assert_eq!(decode(&padded), Err(AddressError::Text));
}

#[test]
fn address_of_another_length_is_refused() {
    let bytes = ViewingKey::from_seed(&seed(1)).address().to_bytes();
    assert_eq!(
        decode(&text("subdev", &bytes[..63])),
        Err(AddressError::Length(63))
    );
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(
        decode(&text("subdev", &longer)),
        Err(AddressError::Length(65))
    );
}

#[test]
fn address_with_an_owner_not_below_the_modulus_is_refused() {
    let mut bytes = ViewingKey::from_seed(&seed(1)).address().to_bytes();
    bytes[..32].copy_from_slice(&Fr::MODULUS.to_bytes_be());
    assert_eq!(
        decode(&text("subdev", &bytes)),
        Err(AddressError::Owner(DecodeError::NotCanonical))
    );
}

#[test]
fn address_with_a_key_off_the_curve_is_refused() {
    let y = (2u64..)
        .map(Fr::from)
        .find(|y| lift_y(*y, false).is_none())
        .unwrap();
    let expected = Err(AddressError::EncryptionKey(DecodeError::NotOnCurve));
    assert_eq!(decode(&with_pk(fr_to_bytes(&y))), expected);
}

#[test]
fn address_with_a_key_of_small_order_is_refused() {
    let expected = Err(AddressError::EncryptionKey(DecodeError::NotInSubgroup));
    for y in [Fr::zero(), -Fr::one()] {
        assert_eq!(decode(&with_pk(fr_to_bytes(&y))), expected);
    }
    // A key of mixed order: a valid one plus the point of order two.
    let pk = ViewingKey::from_seed(&seed(1)).pk;
    let mixed = EdwardsAffine::new_unchecked(-pk.x, -pk.y);
    assert_eq!(decode(&with_pk(point_to_bytes(&mixed))), expected);
}

#[test]
fn address_with_the_identity_as_key_is_refused() {
    let expected = Err(AddressError::EncryptionKey(DecodeError::Identity));
    assert_eq!(decode(&with_pk(fr_to_bytes(&Fr::one()))), expected);
}

#[test]
fn signatures_verify_and_no_altered_ones() {
    let spend = SpendKey::from_seed(&seed(1));
    let other = SpendKey::from_seed(&seed(2));
    let (ak, digest) = (spend.public(), digest(12345));
    let signature = spend.sign(&digest, &mut rng());
    assert!(signature.verify(&ak, &digest));
    assert_eq!(Signature::from_bytes(&signature.to_bytes()), Ok(signature));

    let altered_s = Signature {
        s: signature.s + Scalar::one(),
        ..signature
    };
    assert!(!altered_s.verify(&ak, &digest), "s");
    let g = EdwardsAffine::generator();
    let altered_r = Signature {
        r: (signature.r + g).into_affine(),
        ..signature
    };
    assert!(!altered_r.verify(&ak, &digest), "R");
    let negated_r = Signature {
        r: -signature.r,
        ..signature
    };
    assert!(!negated_r.verify(&ak, &digest), "the sign of R");
    assert!(!signature.verify(&ak, &self::digest(12346)), "digest");
    assert!(!signature.verify(&other.public(), &digest), "key");
    assert!(!signature.verify(&-ak, &digest), "the sign of ak");
}

#[test]
fn signatures_with_points_off_the_curve_do_not_verify() {
    let spend = SpendKey::from_seed(&seed(1));
    let digest = digest(1);
    let signature = spend.sign(&digest, &mut rng());
    let off = EdwardsAffine::new_unchecked(signature.r.x + Fr::one(), signature.r.y);
    assert!(
        !Signature {
            r: off,
            ..signature
        }
        .verify(&spend.public(), &digest)
    );
    let ak = spend.public();
    let off = EdwardsAffine::new_unchecked(ak.x, ak.y + Fr::one());
    assert!(!signature.verify(&off, &digest));
    let nowhere = EdwardsAffine::new_unchecked(Fr::zero(), Fr::zero());
    assert!(!signature.verify(&nowhere, &digest));
    assert!(
        !Signature {
            r: nowhere,
            ..signature
        }
        .verify(&spend.public(), &digest)
    );
}

#[test]
fn signature_with_s_not_below_the_order_is_refused() {
    let spend = SpendKey::from_seed(&seed(1));
    let signature = spend.sign(&digest(1), &mut rng());
    let mut bytes = signature.to_bytes();
    let mut s = signature.s.into_bigint();
    s.add_with_carry(&Scalar::MODULUS);
    bytes[32..].copy_from_slice(&s.to_bytes_be());
    assert_eq!(
        Signature::from_bytes(&bytes),
        Err(DecodeError::NotCanonical)
    );
}

#[test]
fn nonces_depend_on_key_digest_and_randomness() {
    let spend = SpendKey::from_seed(&seed(1));
    let base = spend.sign(&digest(1), &mut rng()).r;
    assert_eq!(spend.sign(&digest(1), &mut rng()).r, base);
    assert_ne!(spend.sign(&digest(2), &mut rng()).r, base);
    let other = SpendKey::from_seed(&seed(2));
    assert_ne!(other.sign(&digest(1), &mut rng()).r, base);
    let mut other_rng = ChaCha20Rng::from_seed([8; 32]);
    assert_ne!(spend.sign(&digest(1), &mut other_rng).r, base);
}

#[test]
fn unaudited_is_the_first_point_found_by_hashing() {
    let n = unaudited();
    assert_eq!(crate::encoding::check_point(&n), Ok(()));
    let mut counter = 0u32;
    let lifted = loop {
        let y = derive::field("unaudited", &[&counter.to_be_bytes()]);
        // The curve equation itself: x²·(1 − d·y²) = 1 − y².
        let d = Fr::from(168696u64) / Fr::from(168700u64);
        let x2 = (Fr::one() - y.square()) / (Fr::one() - d * y.square());
        if let Some(x) = x2.sqrt() {
            let x = if x.into_bigint().is_odd() { -x } else { x };
            break EdwardsAffine::new_unchecked(x, y);
        }
        counter += 1;
    };
    let doubled = |p: EdwardsAffine| (p + p).into_affine();
    assert_eq!(n, doubled(doubled(doubled(lifted))));
}

#[test]
fn auditor_keys_round_trip_and_zero_is_refused() {
    let key = AuditorKey::from_seed(&seed(1));
    let read = AuditorKey::from_bytes(&key.to_bytes()).unwrap();
    assert_eq!(read.public(), key.public());
    assert_eq!(
        AuditorKey::from_bytes(&[0; 32]).unwrap_err(),
        DecodeError::Identity
    );
    assert_eq!(
        AuditorKey::from_bytes(&[0xff; 32]).unwrap_err(),
        DecodeError::NotCanonical
    );
}

/// Recomputes the contents of `vectors/keys.json`.
fn vectors() -> Value {
    let hex_point = |point: &EdwardsAffine| hex::encode(point_to_bytes(point));
    let seeds: Vec<Value> = [0u8, 1, 255]
        .iter()
        .map(|byte| {
            let seed = seed(*byte);
            let keys = ViewingKey::from_seed(&seed);
            let digest = TransactionDigest::from_bytes(&[*byte & 0x0f; 32]).unwrap();
            let signature = SpendKey::from_seed(&seed).sign(&digest, &mut rng());
            json!({
                "seed": hex::encode(seed.as_bytes()),
                "ask": hex::encode(scalar_to_bytes(&derive::scalar("ask", &[seed.as_bytes()]))),
                "ak": hex_point(&keys.ak),
                "nk": hex::encode(fr_to_bytes(&keys.nk)),
                "ivk": hex::encode(scalar_to_bytes(&keys.ivk)),
                "ovk": hex::encode(keys.ovk),
                "owner": hex::encode(keys.owner.to_bytes()),
                "pk": hex_point(&keys.pk),
                "address": keys.address().encode(Network::Production),
                "address_development": keys.address().encode(Network::Development),
                "deposit_rcm_7": hex::encode(fr_to_bytes(&keys.deposit_rcm(7))),
                "auditor": hex_point(&AuditorKey::from_seed(&seed).public()),
                "digest": hex::encode(digest.to_bytes()),
                "signature_with_nonce_bytes_of_chacha20_seed_07": hex::encode(signature.to_bytes()),
            })
        })
        .collect();
    json!({ "unaudited": hex_point(&unaudited()), "seeds": seeds })
}

#[test]
fn vectors_are_pinned() {
    let pinned: Value = serde_json::from_str(include_str!("../../vectors/keys.json")).unwrap();
    assert_eq!(
        vectors(),
        pinned,
        "if the change is meant, the ignored test keys::tests::print_vectors prints \
         protocol/vectors/keys.json (-- --ignored --nocapture)"
    );
}

/// Prints the file. Run by hand when the specification changes.
#[test]
#[ignore = "prints vectors/keys.json instead of testing"]
fn print_vectors() {
    println!("{}", serde_json::to_string_pretty(&vectors()).unwrap());
}
