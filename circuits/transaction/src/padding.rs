//! The padding transaction, kind 0: provable by anyone, moving nothing.

use crate::assemble::{Draft, dummy};
use crate::witness::{ARITY, Witness};
use ark_bn254::Fr;
use ark_ff::UniformRand;
use ark_std::rand::{CryptoRng, RngCore};
use subrosa_protocol::asset::{AssetId, AssetTree};
use subrosa_protocol::encryption::Memo;
use subrosa_protocol::keys::{Seed, SpendKey, ViewingKey};
use subrosa_protocol::transaction::{Header, Kind, Transaction};

/// A valid statement of kind 0 under fresh keys that are thrown away: three dummies, three outputs of value 0,
/// no fee. `context` is word 0; `anchor` any element, for no input is looked up under it; `expiry` is in seconds of
/// Unix time, below 2⁴⁰.
///
/// `None` if `asset`, which stands in all three slots and as fee asset, is not registered in `assets`, or
/// the expiry is out of range.
pub fn no_op(
    context: Fr,
    anchor: Fr,
    assets: &AssetTree,
    asset: AssetId,
    expiry: u64,
    rng: &mut (impl RngCore + CryptoRng),
) -> Option<(Transaction, Witness)> {
    let seed = Seed::random(rng);
    let keys = ViewingKey::from_seed(&seed);
    let draft = Draft {
        context,
        anchor,
        header: Header::new(Kind::NoOp, asset, 0, expiry).ok()?,
        withdrawal: None,
        inputs: std::array::from_fn(|_| dummy(keys.owner, asset, Fr::rand(rng))),
        outputs: [(keys.address(), asset, 0); ARITY],
        assets: [asset; ARITY],
        memo: Memo::default(),
    };
    draft.finish(&keys, &SpendKey::from_seed(&seed), assets, rng)
}
