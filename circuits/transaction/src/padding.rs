//! The padding transaction, kind 0: anyone can prove it, and it moves nothing.

use crate::assemble::{Draft, dummy};
use crate::witness::{ARITY, Witness};
use crate::words::Words;
use ark_bn254::Fr;
use ark_ff::{UniformRand, Zero};
use ark_std::rand::{CryptoRng, RngCore};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use subrosa_protocol::asset::{AssetId, AssetInfo, AssetTree, Stop};
use subrosa_protocol::encryption::Memo;
use subrosa_protocol::keys::{Seed, SpendKey, ViewingKey, unaudited};
use subrosa_protocol::transaction::{Header, Kind, Transaction};

/// Seed of [`padding_statement`].
const SEED: &[u8; 32] = b"subrosa v1 padding statement\0\0\0\0";

/// Returns the no-op whose digest stands in the empty slots of every batch, with its witness:
/// context 0, the anchor of note root 0 without prices, one unaudited asset, expiry 0, keys from a
/// fixed seed that protects nothing.
///
/// It is the same on every machine. Its digest is a constant of the batch circuit, so equal keys of
/// the transaction circuit give equal keys of the batch circuit. Changing it means a new version of
/// the batch circuit. Submitting it is harmless: a ledger accepts no transaction of kind 0.
#[must_use]
pub fn padding_statement() -> (Words, Witness) {
    let mut rng = ChaCha20Rng::from_seed(*SEED);
    let asset = AssetId(0);
    let assets: AssetTree = [AssetInfo {
        id: asset,
        token: [0; 20],
        flags: 0,
        auditor: unaudited(),
        stop: Stop::default(),
    }]
    .into_iter()
    .collect();
    let (transaction, witness) = no_op(Fr::zero(), Fr::zero(), &assets, asset, 0, &mut rng)
        .expect("the asset is registered and the expiry is in range");
    (transaction.words(&Fr::zero()), witness)
}

/// Builds a valid statement of kind 0 under fresh keys that are thrown away: three dummies, three
/// outputs of value 0, no fee.
///
/// `context` is word 0. `note_root` is any element, because no input is looked up under it.
/// `expiry` is in seconds of Unix time, below 2⁴⁰. `asset` stands in all three slots and as fee
/// asset.
///
/// Returns `None` if `asset` is not registered in `assets` or the expiry is out of range.
pub fn no_op(
    context: Fr,
    note_root: Fr,
    assets: &AssetTree,
    asset: AssetId,
    expiry: u64,
    rng: &mut (impl RngCore + CryptoRng),
) -> Option<(Transaction, Witness)> {
    let seed = Seed::random(rng);
    let keys = ViewingKey::from_seed(&seed);
    let draft = Draft {
        context,
        note_root,
        prices: Fr::zero(),
        header: Header::new(Kind::NoOp, asset, 0, expiry).ok()?,
        withdrawal: None,
        inputs: std::array::from_fn(|_| dummy(keys.owner, asset, Fr::rand(rng))),
        outputs: [(keys.owner, asset, 0); ARITY],
        payee: keys.pk,
        assets: [asset; ARITY],
        memo: Memo::default(),
        terms: None,
        loan: None,
    };
    draft.finish(&keys, &SpendKey::from_seed(&seed), assets, rng)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;

    #[test]
    fn the_padding_statement_is_valid_and_never_changes() {
        let (words, witness) = padding_statement();
        let digest = check(&witness, &words).unwrap();
        // Another digest means another batch circuit, with other keys on L1.
        assert_eq!(
            digest.to_string(),
            "0x158d393b9c1a8ee29bf0cfec09832ce82369260eedb1c4ecd7a0bbe83e714182"
        );
    }
}
