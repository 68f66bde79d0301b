//! The statement of a batch, checked natively, rule by rule.

use ark_bn254::Fr;
use subrosa_protocol::batch::BatchWitness;

use crate::aggregation;
use crate::circuit::Statement;
use crate::client::ClientKey;
use crate::parts::{anchors, commitments, data, nullifiers, pairs, slot, state};
use crate::rules::Rule;

/// Checks a state transition against the public `instances` `[old state, new state, c, z, y]`.
///
/// # Errors
/// The first rule that `witness` breaks.
pub fn check(witness: &BatchWitness, instances: &[Fr; 5]) -> Result<(), Rule> {
    state::check(&witness.old, &instances[0], Rule::B1)?;
    slot::check_slots(witness)?;
    slot::check_words(witness)?;
    anchors::check(witness)?;
    slot::check_times(witness)?;
    pairs::check(witness)?;
    nullifiers::check(witness)?;
    commitments::check(witness)?;
    state::check_leaf_counts(witness)?;
    slot::check_fee_total(witness)?;
    state::check_deposit_counts(witness)?;
    state::check_history(witness)?;
    state::check(&witness.new, &instances[1], Rule::B13)?;
    data::check(witness, instances)?;
    slot::check_withdrawals(witness)
}

/// Checks B19: every slot's proof verifies under the key, for the slot's digest or, in an inactive
/// slot, for the padding digest. Points off their curves or outside their groups do not verify, nor
/// does the identity.
///
/// # Errors
/// [`Rule::B19`] if a proof does not verify; [`Rule::B2`] unless there is one proof for every slot.
pub fn check_proofs(key: &ClientKey, statement: &Statement) -> Result<(), Rule> {
    aggregation::check(key, &statement.witness.slots, &statement.proofs)
}
