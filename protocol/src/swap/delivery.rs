//! Deliveries of swaps, as a recipient or the sender's later self reopens them (spec: *Swaps*,
//! Recovery).

use super::{Exchange, Leg, Side};
use crate::asset::AssetId;
use crate::element::{NoteCommitment, OwnerId};
use crate::memo::Memo;
use crate::note::Note;

/// A note that a swap's leg delivered, blinded by the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Side that delivered the note.
    pub side: Side,
    /// Exchange, as the deliverer states it. The commitment binds the delivered leg, the salt and
    /// the stated counterpart.
    pub exchange: Exchange,
}

impl Delivery {
    /// Opens the cash note with this commitment that a leg delivered to `owner`. `memo` names the
    /// exchange, which blinds the note. `None` if the commitment is of another note.
    #[must_use]
    pub fn open(
        commitment: &NoteCommitment,
        (asset, value): (AssetId, u128),
        owner: &OwnerId,
        memo: &Memo,
    ) -> Option<(Note, Self)> {
        let (side, exchange) = Exchange::from_memo(Leg::cash(asset, value), memo)?;
        let note = exchange.delivery(side, owner);
        (note.commitment() == *commitment).then_some((note, Self { side, exchange }))
    }
}
