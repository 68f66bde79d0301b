//! Deliveries of swaps, as a recipient or the sender's later self reopens them (spec: *Swaps*,
//! Recovery).

use ark_bn254::Fr;

use super::{Exchange, Leg, Side};
use crate::asset::AssetId;
use crate::memo::Memo;
use crate::note::Note;

/// A note that a swap's leg delivered: its blinding is that of the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The side that delivered it.
    pub side: Side,
    /// What was exchanged, as far as the deliverer says so truly: the delivered leg and the salt are in the
    /// commitment, and so is what the other leg should be.
    pub exchange: Exchange,
}

impl Delivery {
    /// Returns the cash note with this commitment that a leg delivered to `owner`, and its delivery:
    /// `memo` names the exchange, which blinds the note. `None` if the commitment is of another note.
    #[must_use]
    pub fn open(
        commitment: &Fr,
        (asset, value): (AssetId, u128),
        owner: &Fr,
        memo: &Memo,
    ) -> Option<(Note, Self)> {
        let (side, exchange) = Exchange::from_memo(Leg::cash(asset, value), memo)?;
        let note = exchange.delivery(side, owner);
        (note.commitment() == *commitment).then_some((note, Self { side, exchange }))
    }
}
