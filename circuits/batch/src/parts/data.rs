//! B14: the data words, their commitment c = H(DATA; words) and their evaluation y = Σ wᵢ·zⁱ.

use halo2curves::bn256::Fr;
use subrosa_protocol::domain::Domain;

use crate::commitments::DepositWires;
use crate::layout::{Hint, Layout, Wire};
use crate::rules::Rule;
use crate::slot::SlotWires;
use crate::state::HeaderWires;

/// Commitment and evaluation of the data words.
pub struct DataWires {
    /// Commitment c.
    pub commitment: Wire,
    /// Challenge z, bound by the instance.
    pub challenge: Wire,
    /// Evaluation y.
    pub evaluation: Wire,
}

/// Returns all data words in the order of the specification. They are the wires that the other
/// rules use.
pub fn words(header: &HeaderWires, deposits: &[DepositWires], slots: &[SlotWires]) -> Vec<Wire> {
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
pub fn data(layout: &mut Layout<'_>, words: &[Wire], z: Fr) -> DataWires {
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
