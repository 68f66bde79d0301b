//! The clients' proofs in the circuit.

use std::collections::BTreeSet;

use ark_ff::UniformRand;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use subrosa_protocol::batch::Shape;

use super::clients::Clients;
use super::failures::mock;
use super::grid::Grid;
use super::scenario::witness;
use crate::instances;
use crate::pairing::fixed::Fixed;
use crate::pairing::product::Product;

/// All identities hold for valid proofs, as many as a batch has.
#[test]
fn identities_hold_for_valid_proofs() {
    let clients = Clients::get();
    let fixed = Fixed::new(&clients.key);
    let rng = &mut ChaCha20Rng::seed_from_u64(61);
    for slots in [4, 16] {
        let digests: Vec<_> = (0..slots).map(|_| ark_bn254::Fr::rand(rng)).collect();
        let proofs: Vec<_> = digests.iter().map(|x| clients.prove(x, rng)).collect();
        let product = Product::new(&fixed, &proofs, &digests);
        for (number, segment) in product.trace.segments.iter().enumerate() {
            assert_eq!(segment.broken, None, "segment {number}");
        }
        println!("{slots} proofs: {} values", product.trace.len());
    }
}

#[test]
fn valid_batches_of_4() {
    for transactions in [0, 3, 4] {
        let witness = witness(Shape::S4, transactions, 2, 62);
        let public = instances(&witness);
        let circuit = Clients::get().circuit(witness, 63);
        let grid = Grid::of(&circuit);
        assert_eq!(grid.failures(&public), BTreeSet::new());
        assert_eq!(mock(&circuit, public), BTreeSet::new());
    }
}
