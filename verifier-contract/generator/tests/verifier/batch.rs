//! The batch circuit: the deployed contract, one key for each shape.

use std::path::Path;
use std::sync::Arc;

use ark_ec::{AffineRepr, CurveGroup};
use halo2_proofs::plonk::{Circuit, ConstraintSystem, ProvingKey, keygen_pk, keygen_vk};
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use revm::primitives::hardfork::SpecId;
use subrosa_batch::{BatchCircuit, COMMITTED, ClientKey, ClientProof, Statement, instances};
use subrosa_protocol::asset::AssetId;
use subrosa_protocol::batch::{BatchWitness, Shape, SlotWitness};
use subrosa_protocol::element::{Anchor, NoteCommitment, Nullifier, TransactionDigest};
use subrosa_protocol::encryption::NoteData;
use subrosa_protocol::keys::{Seed, SpendKey};
use subrosa_protocol::ledger::{BatchInput, Config, Deposit, Ledger};
use subrosa_protocol::transaction::{Context, Header, Kind, Transaction, digest};
use subrosa_verifier_generator::{gates_solidity, vk_data};

use crate::evm::{Evm, Outcome};
use crate::proving::{parameters, prove, refuse_all, refuse_keys, verify, words};

const TIME: u64 = 1_800_000_000;

type Word = subrosa_protocol::Fr;

fn transaction(anchor: Anchor, assets_root: Word, seed: u8) -> Transaction {
    let word = |i: u64| Word::from(1_000 * u64::from(seed) + i);
    let key = SpendKey::from_seed(&Seed::from_bytes([seed; 32]));
    Transaction {
        anchor,
        assets_root,
        header: Header::new(Kind::Transfer, AssetId(7), 5, TIME + 60).unwrap(),
        withdrawal: None,
        terms: Word::from(0u64),
        nullifiers: [1, 2, 3].map(word).map(Nullifier::of),
        commitments: [4, 5, 6].map(word).map(NoteCommitment::new),
        ephemeral: key.public().y,
        audit: [7, 8, 9, 10, 11].map(word),
        note_data: NoteData([seed; 71]),
    }
}

fn witness(shape: Shape) -> BatchWitness {
    let context = Context {
        chain_id: 31_337,
        rollup: [9; 20],
    };
    let config = Config {
        context: context.word(),
        fee_asset: AssetId(7),
        min_fee: 1,
    };
    let mut ledger = Ledger::new();
    let prices = Word::from(55u64);
    let anchor = ledger.state().anchor(&prices);
    let assets_root = Word::from(99u64);
    let deposit = Deposit {
        asset: AssetId(7),
        value: 1_000,
        inner: Word::from(77u64),
    };
    let input = BatchInput {
        shape,
        time: TIME,
        fee_recipient: [3; 20],
        assets_root,
        prices,
        transactions: [1, 2]
            .map(|seed| transaction(anchor, assets_root, seed))
            .to_vec(),
        deposits: vec![deposit],
    };
    ledger.execute(input, &config).unwrap()
}

/// A client key with a known trapdoor, with which it makes a valid proof for every slot of a batch.
fn client(witness: &BatchWitness) -> (Arc<ClientKey>, Vec<ClientProof>) {
    fn point<P: AffineRepr<ScalarField = Word>>(scalar: Word) -> P {
        (P::generator() * scalar).into_affine()
    }
    let [alpha, beta, gamma, delta, constant, input] =
        [3u64, 5, 7, 11, 13, 17].map(|scalar| Word::from(scalar * 1_000_003));
    let key = ClientKey {
        alpha: point(alpha),
        beta: point(beta),
        gamma: point(gamma),
        delta: point(delta),
        inputs: [point(constant), point(input)],
        padding: TransactionDigest::new(Word::from(29u64)),
    };
    let proof = |(slot, witness): (usize, &SlotWitness)| {
        let digest = if witness.active {
            digest(&witness.words)
        } else {
            key.padding
        };
        let (a, b) = (Word::from(19 + slot as u64), Word::from(23 + slot as u64));
        let c = a * b - alpha * beta - (constant + input * digest.element()) * gamma;
        ClientProof {
            a: point(a),
            b: point(b),
            c: point(c / delta),
        }
    };
    let proofs = witness.slots.iter().enumerate().map(proof).collect();
    (Arc::new(key), proofs)
}

struct Fixture {
    params: ParamsKZG<Bn256>,
    pk: ProvingKey<G1Affine>,
    instances: [Fr; 5],
    proof: Vec<u8>,
    data: Vec<u8>,
}

fn fixture(shape: Shape) -> Fixture {
    let params = parameters(BatchCircuit::k(shape));
    let witness = witness(shape);
    let instances: [Fr; 5] = instances(&witness).try_into().unwrap();
    let (client, proofs) = client(&witness);
    let blank = BatchCircuit::blank(shape, client.clone());
    let vk = keygen_vk(&params, &blank).unwrap();
    let data = vk_data(&params, &vk, COMMITTED).unwrap();
    let pk = keygen_pk(&params, vk, &blank).unwrap();
    let circuit = BatchCircuit::new(client, Arc::new(Statement { witness, proofs }));
    let recorded = circuit.record().unwrap();
    let advice = |challenge| recorded.advice(challenge).unwrap();
    let proof = prove(&params, &pk, &instances, recorded.committed(), advice);
    Fixture {
        params,
        pk,
        instances,
        proof,
        data,
    }
}

fn evm(spec: SpecId) -> Evm {
    let artifact = "../artifacts/BatchVerifier.json";
    Evm::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join(artifact), spec)
}

/// The committed Solidity equals the generator's output, which `make contracts` writes.
#[test]
fn generated_gates_are_current() {
    let mut cs = ConstraintSystem::default();
    BatchCircuit::configure(&mut cs);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/generated/BatchGates.sol");
    let committed = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        committed,
        gates_solidity(&cs, "BatchGates").unwrap(),
        "if the change is meant, `make contracts` writes the file again"
    );
}

#[test]
fn proofs_of_two_shapes_pass_and_nothing_else() {
    let small = fixture(Shape::S4);
    let large = fixture(Shape::S16);
    for spec in [SpecId::PRAGUE, SpecId::OSAKA] {
        let mut evm = evm(spec);
        println!("{spec:?}: code {} bytes", evm.code_size);
        assert!(evm.code_size <= 24_576);
        for Fixture {
            params,
            pk,
            instances,
            proof,
            data,
        } in [&small, &large]
        {
            verify(params, pk.get_vk(), instances, COMMITTED, proof).unwrap();
            let (key, deployment) = evm.deploy_key(data);
            assert_eq!(evm.verify(key, &words(instances), proof), Outcome::Accepted);
            let gas = evm.measure(key, &words(instances), proof);
            println!(
                "key {} bytes ({deployment} gas), proof {} bytes, {gas:?}",
                data.len(),
                proof.len()
            );
            // Budget of a verification on L1.
            assert!(gas.execution <= 600_000);
        }
    }

    let mut evm = evm(SpecId::PRAGUE);
    let (key, _) = evm.deploy_key(&small.data);
    refuse_all(&mut evm, &small.data, key, &small.instances, &small.proof);
    refuse_keys(&mut evm, &small.data, &small.instances, &small.proof);
    let (other, _) = evm.deploy_key(&large.data);
    let outcome = evm.verify(other, &words(&small.instances), &small.proof);
    assert!(outcome.is_error("InvalidProof()"), "{outcome:?}");
}
