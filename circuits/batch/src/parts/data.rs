//! B14: the data words, their commitment c = H(DATA; words) and their evaluation y = Σ wᵢ·zⁱ.

use halo2curves::bn256::Fr;
use subrosa_protocol::batch::BatchWitness;
use subrosa_protocol::domain::Domain;

use super::native::require;
use crate::layout::{Hint, Layout, Wire};
use crate::parts::commitments::DepositWires;
use crate::parts::header::HeaderWires;
use crate::parts::slot::SlotWires;
use crate::rules::Rule;

/// Checks B14 natively against the instances `[old state, new state, c, z, y]`.
pub(crate) fn check(witness: &BatchWitness, instances: &[ark_bn254::Fr; 5]) -> Result<(), Rule> {
    let expected = witness.instances(&instances[3]);
    require(instances[2..] == expected[2..], Rule::B14)
}

/// Commitment and evaluation of the data words.
pub(crate) struct DataWires {
    /// Commitment c.
    pub(crate) commitment: Wire,
    /// Challenge z, bound by the instance.
    pub(crate) challenge: Wire,
    /// Evaluation y.
    pub(crate) evaluation: Wire,
}

/// Returns all data words in the order of the specification. They are the wires that the other
/// rules use.
pub(crate) fn words(
    header: &HeaderWires,
    deposits: &[DepositWires],
    slots: &[SlotWires],
) -> Vec<Wire> {
    let mut words = header.words.to_vec();
    for deposit in deposits {
        words.extend(deposit.words);
    }
    for slot in slots {
        words.extend(slot.data());
    }
    words
}

/// Constrains the hash of the words and their evaluation at `z`.
pub(crate) fn data(layout: &mut Layout<'_>, words: &[Wire], z: Fr) -> DataWires {
    layout.rule(Rule::B14);
    let commitment = layout.hash_wires(Domain::Data, words);
    let challenge = layout.free(z, Hint::Instance);
    let mut terms = words.iter().rev();
    let mut evaluation = *terms.next().expect("there are header words");
    for word in terms {
        evaluation = layout.mul_add(evaluation, challenge, Some(*word));
    }
    DataWires {
        commitment,
        challenge,
        evaluation,
    }
}
