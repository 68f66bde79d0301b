//! Assets and their tree (spec: *Trees and state*).

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ed_on_bn254::EdwardsAffine;
use serde::{Deserialize, Serialize};

use crate::domain::Domain;
use crate::encoding::{serde_bytes, serde_point};
use crate::layout::{MINUTE_BITS, asset as fields};
use crate::poseidon::hash;
use crate::tree::{AppendTree, MerklePath};

/// Depth of the asset tree.
pub const ASSET_DEPTH: usize = 8;

/// Index of an asset in the registry and in the asset tree.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct AssetId(pub u16);

impl std::fmt::Display for AssetId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Seconds of a minute.
const MINUTE: u64 = 60;

/// Stop of seizures of an asset that is collateral: no lender liquidates at a price of these
/// markets and times (spec: *Collateral*, Stops). Without markets it stops nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Markets: bit i for market i.
    pub markets: u16,
    /// First minute of Unix time of the snapshots that seize nothing; below 2²⁷.
    pub from_minute: u32,
    /// Minutes from the first second of that minute to the last second, inclusive; below 2¹³.
    pub minutes: u16,
}

impl Stop {
    /// Returns the shortest stop that covers each second from `from` to `minutes` later, both
    /// inclusive: it begins at the full minute before and ends at the full minute after. `None` if
    /// a number does not fit the leaf.
    #[must_use]
    pub fn covering(markets: u16, from: u64, minutes: u16) -> Option<Self> {
        let from_minute = u32::try_from(from / MINUTE).ok()?;
        let minutes = minutes.checked_add(u16::from(!from.is_multiple_of(MINUTE)))?;
        let fits = from_minute >> MINUTE_BITS == 0 && fields::STOP_MINUTES.holds(minutes.into());
        fits.then_some(Self {
            markets,
            from_minute,
            minutes,
        })
    }

    /// Returns the first second of Unix time of the snapshots that seize nothing.
    #[must_use]
    pub fn begin(&self) -> u64 {
        MINUTE * u64::from(self.from_minute)
    }

    /// Returns the last second of Unix time of the snapshots that seize nothing.
    #[must_use]
    pub fn until(&self) -> u64 {
        self.begin() + MINUTE * u64::from(self.minutes)
    }

    /// Whether a lender must not seize at the price that a market has in a snapshot of this time.
    #[must_use]
    pub fn forbids(&self, market: u8, time: u64) -> bool {
        let stops = self.markets.checked_shr(market.into()).unwrap_or(0) & 1 == 1;
        stops && (self.begin()..=self.until()).contains(&time)
    }
}

/// Contents of a leaf of the asset tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetInfo {
    /// Index of the leaf, which is the asset's id.
    pub id: AssetId,
    /// L1 address of the token; zero for the chain's own coin.
    #[serde(with = "serde_bytes")]
    pub token: [u8; 20],
    /// Flags: [`Self::NAMED_DEPOSITS`]. The others are reserved. Below [`Self::FLAGS_END`].
    pub flags: u8,
    /// Auditor's public key; [`crate::keys::unaudited`] if there is no auditor.
    #[serde(with = "serde_point")]
    pub auditor: EdwardsAffine,
    /// Stop of seizures of the asset.
    #[serde(default)]
    pub stop: Stop,
}

impl AssetInfo {
    /// Flag of assets whose deposits publish the owner of their note (spec: *Settlement on L1*,
    /// Named deposits).
    pub const NAMED_DEPOSITS: u8 = 1;

    /// First number above all flags: the leaf has room for five.
    pub const FLAGS_END: u8 = 1 << fields::FLAGS.width;

    /// Whether deposits publish the owner of their note.
    #[must_use]
    pub fn names_deposits(&self) -> bool {
        self.flags & Self::NAMED_DEPOSITS != 0
    }

    /// Returns pack(asset 16, token 160, flags 5, home chain 16, stopped markets 16, first minute
    /// 27, minutes 13). The home chain is reserved and always 0.
    #[must_use]
    pub fn packed(&self) -> Fr {
        fields::ID.place(self.id.0.into())
            + fields::TOKEN.place_address(&self.token)
            + fields::FLAGS.place(self.flags.into())
            + fields::STOP_MARKETS.place(self.stop.markets.into())
            + fields::STOP_FROM.place(self.stop.from_minute.into())
            + fields::STOP_MINUTES.place(self.stop.minutes.into())
    }

    /// Returns the leaf H(ASSET_LEAF; packed, auditor.x, auditor.y).
    #[must_use]
    pub fn leaf(&self) -> Fr {
        hash(
            Domain::AssetLeaf,
            &[self.packed(), self.auditor.x, self.auditor.y],
        )
    }
}

/// Keys of the auditors that assets have and had.
///
/// A ciphertext stays readable under the key of its time only, so that whoever reads old
/// transactions must know every key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditorKeys(BTreeMap<AssetId, Vec<EdwardsAffine>>);

impl AuditorKeys {
    /// Notes the present key of an asset, which takes the place of its earlier ones.
    pub fn rotate(&mut self, asset: AssetId, key: EdwardsAffine) {
        let keys = self.0.entry(asset).or_default();
        keys.retain(|known| *known != key);
        keys.insert(0, key);
    }

    /// Takes over the keys of a later reading, and keeps those that it lacks.
    pub fn merge(&mut self, later: &Self) {
        for (asset, keys) in &later.0 {
            for key in keys.iter().rev() {
                self.rotate(*asset, *key);
            }
        }
    }

    /// Returns the keys of an asset, each once, the present one first and the others from the last
    /// use to the first. Empty if the asset is unknown.
    pub fn of(&self, asset: AssetId) -> &[EdwardsAffine] {
        self.0.get(&asset).map_or(&[], Vec::as_slice)
    }

    /// Returns all keys, each once.
    #[must_use]
    pub fn all(&self) -> Vec<EdwardsAffine> {
        let mut all = Vec::new();
        for key in self.0.values().flatten() {
            if !all.contains(key) {
                all.push(*key);
            }
        }
        all
    }
}

impl FromIterator<(AssetId, EdwardsAffine)> for AuditorKeys {
    /// Takes the keys of each asset from the oldest to the present one.
    fn from_iter<I: IntoIterator<Item = (AssetId, EdwardsAffine)>>(keys: I) -> Self {
        let mut all = Self::default();
        for (asset, key) in keys {
            all.rotate(asset, key);
        }
        all
    }
}

impl From<&AssetTree> for AuditorKeys {
    /// Takes the present keys.
    fn from(assets: &AssetTree) -> Self {
        assets.iter().map(|info| (info.id, info.auditor)).collect()
    }
}

/// All registered assets and their tree.
#[derive(Clone, Debug)]
pub struct AssetTree {
    infos: BTreeMap<AssetId, AssetInfo>,
    tree: AppendTree<ASSET_DEPTH>,
}

impl Default for AssetTree {
    fn default() -> Self {
        Self::new()
    }
}

impl AssetTree {
    /// Creates an empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self {
            infos: BTreeMap::new(),
            tree: AppendTree::new(),
        }
    }

    /// Adds an asset, or replaces the one registered under its id. Returns the replaced entry.
    pub fn insert(&mut self, info: AssetInfo) -> Option<AssetInfo> {
        self.tree.write(&[(info.id.0.into(), info.leaf())]);
        self.infos.insert(info.id, info)
    }

    /// Returns the asset with this id.
    #[must_use]
    pub fn get(&self, id: AssetId) -> Option<&AssetInfo> {
        self.infos.get(&id)
    }

    /// Returns the root of the tree.
    #[must_use]
    pub fn root(&self) -> Fr {
        self.tree.root()
    }

    /// Returns the path of a registered asset's leaf.
    #[must_use]
    pub fn path(&self, id: AssetId) -> Option<MerklePath<ASSET_DEPTH>> {
        self.infos.get(&id)?;
        self.tree.path(id.0.into())
    }

    /// Iterates over the assets in the order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &AssetInfo> + '_ {
        self.infos.values()
    }

    /// Returns the number of assets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.infos.len()
    }

    /// Whether no asset is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.infos.is_empty()
    }
}

impl FromIterator<AssetInfo> for AssetTree {
    fn from_iter<I: IntoIterator<Item = AssetInfo>>(infos: I) -> Self {
        let infos: BTreeMap<_, _> = infos.into_iter().map(|info| (info.id, info)).collect();
        let leaves: Vec<_> = infos
            .values()
            .map(|info| (info.id.0.into(), info.leaf()))
            .collect();
        let mut tree = AppendTree::new();
        tree.write(&leaves);
        Self { infos, tree }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::fr_to_bytes;
    use crate::keys::unaudited;
    use ark_ec::{AffineRepr, CurveGroup};

    fn info(id: u16, auditor: EdwardsAffine) -> AssetInfo {
        AssetInfo {
            id: AssetId(id),
            token: [id as u8 + 1; 20],
            flags: 3,
            auditor,
            stop: Stop::default(),
        }
    }

    #[test]
    fn leaf_packs_low_fields_first() {
        let info = info(0x0102, unaudited());
        let mut expected = [0u8; 32];
        // The flags begin at bit 176 of 256.
        expected[9] = 3;
        expected[10..30].copy_from_slice(&info.token);
        expected[30..].copy_from_slice(&[1, 2]);
        assert_eq!(fr_to_bytes(&info.packed()), expected);
        assert_eq!(
            info.leaf(),
            hash(
                Domain::AssetLeaf,
                &[info.packed(), info.auditor.x, info.auditor.y]
            )
        );
    }

    #[test]
    fn a_stop_is_above_the_home_chain_and_forbids_its_markets_and_times() {
        let mut info = info(1, unaudited());
        let before = fr_to_bytes(&info.packed());
        info.stop = Stop {
            markets: 1 << 3 | 1 << 15,
            from_minute: (1 << 27) - 1,
            minutes: 8_191,
        };
        let after = fr_to_bytes(&info.packed());
        assert_eq!(after[10..], before[10..]);
        // Five flags and 16 bits of a home chain, which is 0, are between token and stop: 197 bits
        // are below the stop. The word has 253.
        let above = (0x8008u128 | ((1 << 27) - 1) << 16 | 8_191 << 43) << 21 | 3;
        assert_eq!(after[..10], above.to_be_bytes()[6..]);
        let stop = info.stop;
        let begin = 60 * ((1 << 27) - 1);
        assert_eq!((stop.begin(), stop.until()), (begin, begin + 8_191 * 60));
        for market in [3, 15] {
            assert!(!stop.forbids(market, begin - 1) && stop.forbids(market, begin));
            assert!(stop.forbids(market, stop.until()) && !stop.forbids(market, stop.until() + 1));
        }
        assert!(!stop.forbids(4, begin) && !stop.forbids(16, begin));
        assert!(!Stop::default().forbids(0, 0));
    }

    #[test]
    fn a_stop_covers_the_seconds_that_it_was_asked_for() {
        for from in [0, 59, 60, 61, 1_000_000, 1_800_000_019] {
            for minutes in [0, 1, 720] {
                let stop = Stop::covering(1, from, minutes).expect("fits");
                let until = from + 60 * u64::from(minutes);
                assert!(stop.begin() <= from && from - stop.begin() < 60);
                assert!(until <= stop.until() && stop.until() - until < 60);
            }
        }
        let end = 60u64 << 27;
        assert!(Stop::covering(1, end - 1, 8_190).is_some());
        assert!(Stop::covering(1, end - 60, 8_191).is_some());
        for (from, minutes) in [
            (end, 1),
            (1, 8_191),
            (0, 8_192),
            (1, u16::MAX),
            (u64::MAX, 1),
        ] {
            assert_eq!(Stop::covering(1, from, minutes), None);
        }
    }

    #[test]
    fn insertion_order_does_not_matter_and_rotation_replaces() {
        let other = (EdwardsAffine::generator() * crate::Scalar::from(7u64)).into_affine();
        let mut one = AssetTree::new();
        assert_eq!(one.root(), crate::tree::empty_root(ASSET_DEPTH));
        for id in [5u16, 0, 300, 1] {
            assert!(one.insert(info(id, unaudited())).is_none());
        }
        let two: AssetTree = [0u16, 1, 5, 300]
            .map(|id| info(id, unaudited()))
            .into_iter()
            .collect();
        assert_eq!(one.root(), two.root());
        assert_eq!(one.len(), 4);

        assert_eq!(one.insert(info(5, other)), Some(info(5, unaudited())));
        assert_ne!(one.root(), two.root());
        for asset in one.iter() {
            let path = one.path(asset.id).expect("registered");
            assert_eq!(path.index, u64::from(asset.id.0));
            assert_eq!(path.root(asset.leaf()), one.root());
        }
        assert!(one.path(AssetId(2)).is_none());
        assert!(one.get(AssetId(2)).is_none());
    }

    #[test]
    fn keys_of_auditors_are_kept_newest_first() {
        let [a, b, c] = [2u64, 3, 5]
            .map(|k| (EdwardsAffine::generator() * crate::Scalar::from(k)).into_affine());
        let keys: AuditorKeys = [(1, a), (1, b), (2, b), (1, c), (1, a), (1, a)]
            .map(|(id, key)| (AssetId(id), key))
            .into_iter()
            .collect();
        assert_eq!(keys.of(AssetId(1)), [a, c, b]);
        assert_eq!(keys.of(AssetId(2)), [b]);
        assert!(keys.of(AssetId(3)).is_empty());
        assert_eq!(keys.all(), [a, c, b]);
        let later = [(1, c), (1, b), (3, a)].map(|(id, key)| (AssetId(id), key));
        let mut merged = keys;
        merged.merge(&later.into_iter().collect());
        assert_eq!(merged.of(AssetId(1)), [b, c, a], "no key is lost");
        assert_eq!(merged.of(AssetId(2)), [b]);
        assert_eq!(merged.of(AssetId(3)), [a]);
    }

    #[test]
    fn json_round_trip() {
        let info = info(9, unaudited());
        let json = serde_json::to_string(&info).expect("serialises");
        assert_eq!(
            serde_json::from_str::<AssetInfo>(&json).expect("parses"),
            info
        );
    }
}
