use ark_ff::{One, UniformRand};
use serde_json::Value;

use super::*;
use crate::encoding::fr_from_bytes;

fn element(value: &Value) -> Fr {
    let text = value
        .as_str()
        .expect("string")
        .strip_prefix("0x")
        .expect("0x");
    fr_from_bytes(&hex::decode(text).unwrap().try_into().unwrap()).unwrap()
}

#[test]
fn permutation_equals_circomlib() {
    let file: Value = serde_json::from_str(include_str!("../../vectors/poseidon.json")).unwrap();
    let vectors = file["permutations"].as_array().unwrap();
    assert!(vectors.len() >= 40);
    for vector in vectors {
        let read = |name: &str| -> [Fr; WIDTH] {
            std::array::from_fn(|i| element(&vector[name].as_array().unwrap()[i]))
        };
        let (input, output) = (read("input"), read("output"));
        let mut fast = input;
        permute(&mut fast);
        assert_eq!(fast, output);
        let mut plain = input;
        permute_plain(&mut plain);
        assert_eq!(plain, output);
    }
}

#[test]
fn parameters_equal_circomlib() {
    let file: Value = serde_json::from_str(include_str!("../../vectors/poseidon.json")).unwrap();
    let constants = file["round_constants"].as_array().unwrap();
    let ours: Vec<Fr> = parameters()
        .round_constants
        .iter()
        .flatten()
        .copied()
        .collect();
    assert_eq!(ours.len(), ROUNDS * WIDTH);
    assert_eq!(constants.iter().map(element).collect::<Vec<_>>(), ours);
    for (row, theirs) in parameters().mds.iter().zip(file["mds"].as_array().unwrap()) {
        let theirs: Vec<Fr> = theirs.as_array().unwrap().iter().map(element).collect();
        assert_eq!(row.to_vec(), theirs);
    }
}

#[test]
fn fast_form_equals_the_plain_one() {
    let mut rng = ark_std::test_rng();
    for i in 0..500 {
        let mut fast: [Fr; WIDTH] = std::array::from_fn(|j| match (i + j) % 7 {
            0 => Fr::zero(),
            1 => -Fr::one(),
            _ => Fr::rand(&mut rng),
        });
        let mut plain = fast;
        permute(&mut fast);
        permute_plain(&mut plain);
        assert_eq!(fast, plain);
    }
}

#[test]
fn hash_is_the_sponge_of_the_specification() {
    let message: Vec<Fr> = (1u64..=6).map(Fr::from).collect();
    let mut state = [
        Domain::State.capacity(6),
        message[0],
        message[1],
        message[2],
        message[3],
    ];
    permute_plain(&mut state);
    state[1] += message[4];
    state[2] += message[5];
    permute_plain(&mut state);
    assert_eq!(hash(Domain::State, &message), state[1]);
    assert_eq!(
        hash3(Domain::State, &message),
        [state[1], state[2], state[3]]
    );
}

#[test]
fn length_and_domain_separate_messages() {
    let message = [Fr::one(), Fr::zero()];
    let base = hash(Domain::Note, &message);
    assert_ne!(
        base,
        hash(Domain::Note, &message[..1]),
        "padding is not ambiguous"
    );
    assert_ne!(
        base,
        hash(Domain::NullifierLeaf, &message),
        "domains are separate"
    );
}
