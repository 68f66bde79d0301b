//! Valid inputs, which a fuzzer and the tests mutate.

use std::path::Path;

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr as _;
use ark_serialize::CanonicalSerialize as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use secrecy::SecretString;
use subrosa_protocol::{
    asset::AssetId,
    batch::Shape,
    keys::{Network, Seed, ViewingKey},
    message,
    swap::{Exchange, Leg, Salt, Side, Terms},
};
use subrosa_transaction::samples::{block, padding, swap_leg, transfer, withdraw};
use subrosa_wallet::{keystore, negotiation::Payload};

use crate::protocol::RECIPIENT;

/// Valid or nearly valid inputs of a target; none for a target that has no samples.
///
/// # Panics
/// If the system has no temporary directory.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let rng = &mut ChaCha20Rng::seed_from_u64(2026);
    match target {
        "address" => addresses(),
        "amount" => ["\x061250.50", "\x124075.000000000000000001", "\x007"]
            .map(|text| text.as_bytes().to_vec())
            .to_vec(),
        "batch_witness" => vec![block(Shape::S4, 2, 1, rng).witness.to_bytes()],
        "client_proof" => vec![client_proof()],
        "key_file" => vec![key_file()],
        "l1_words" => {
            let words = block(Shape::S4, 2, 1, rng).witness.data_words();
            vec![words.iter().flat_map(big_endian).collect()]
        }
        "negotiation" => payloads(rng),
        "note_data" => vec![
            transfer(rng).transaction.to_bytes(),
            withdraw(rng).transaction.to_bytes(),
        ],
        "published_batch" => {
            let witness = block(Shape::S4, 2, 1, rng).witness;
            let published = witness.published().expect("a batch of the ledger");
            vec![published.to_bytes()]
        }
        "sealed_message" => {
            let sender = ViewingKey::from_seed(&Seed::from_bytes([8; 32]));
            let payload = payloads(rng).remove(0);
            let sealed = message::seal(&sender, &RECIPIENT.address(), &payload, rng);
            vec![sealed.expect("a payload fits").0.to_vec(), payload]
        }
        "submission" => [
            transfer(rng),
            withdraw(rng),
            swap_leg(Side::A, rng),
            padding(rng),
        ]
        .into_iter()
        .flat_map(|sample| {
            let transaction = sample.transaction.to_bytes();
            let submission = [&transaction[..], &client_proof()].concat();
            [transaction, submission]
        })
        .collect(),
        _ => Vec::new(),
    }
}

/// Writes the seeds of a target into its folder of a corpus, for a fuzzer to start from.
///
/// # Panics
/// If the folder cannot be written.
pub fn write_seeds(target: &str, corpus: &Path) {
    let folder = corpus.join(target);
    std::fs::create_dir_all(&folder).expect("the corpus can be written");
    for (number, seed) in seeds(target).into_iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), seed).expect("a seed is written");
    }
}

fn big_endian(element: &subrosa_protocol::Fr) -> [u8; 32] {
    subrosa_protocol::encoding::fr_to_bytes(element)
}

fn addresses() -> Vec<Vec<u8>> {
    let address = RECIPIENT.address();
    let mut seeds = vec![address.to_bytes().to_vec()];
    seeds.extend(
        [Network::Development, Network::Production].map(|n| address.encode(n).into_bytes()),
    );
    seeds
}

/// The generators, compressed: points that a decoder accepts.
fn client_proof() -> Vec<u8> {
    let mut bytes = Vec::new();
    let (a, b) = (G1Affine::generator(), G2Affine::generator());
    let written = a
        .serialize_compressed(&mut bytes)
        .and_then(|()| b.serialize_compressed(&mut bytes))
        .and_then(|()| a.serialize_compressed(&mut bytes));
    written.expect("writing to memory does not fail");
    bytes
}

fn key_file() -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("key.json");
    let seed = Seed::from_bytes([7; 32]);
    let passphrase = SecretString::from("the passphrase");
    keystore::create(&path, &seed, Network::Development, &passphrase).expect("a new key file");
    std::fs::read(path).expect("the key file is there")
}

/// An acceptance and a quote, in bytes: version, type, fields (spec: *Swaps*).
fn payloads(rng: &mut ChaCha20Rng) -> Vec<Vec<u8>> {
    let parties = [1, 2].map(|n| ViewingKey::from_seed(&Seed::from_bytes([n; 32])).address());
    let exchange = Exchange {
        legs: [
            Leg::cash(AssetId(0), 1_000_000),
            Leg::cash(AssetId(1), 2_500),
        ],
        salt: Salt::random(rng),
    };
    let terms = Terms::new(exchange, parties, 4_000_000_000).expect("two assets and two owners");
    let id = [3; 16];
    let accept = [&[1, 3][..], &id].concat();
    let quote = [
        &[1, 2][..],
        &id,
        &[0; 16],
        &[0, 238, 107, 40, 0],
        &[0],
        &terms.to_bytes(),
    ]
    .concat();
    let payloads = vec![accept, quote];
    assert!(payloads.iter().all(|p| Payload::from_bytes(p).is_ok()));
    payloads
}
