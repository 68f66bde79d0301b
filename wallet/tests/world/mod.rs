//! A ledger with its published batches, and parties that follow it with their own keys. The native
//! check `subrosa_transaction::check` stands for proofs.

#![allow(dead_code, reason = "each test file uses a part of it")]

use ark_ed_on_bn254::EdwardsAffine;
use rand::{SeedableRng as _, rngs::StdRng};
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, AssetTree, AuditorKeys},
    batch::{PublishedBatch, Shape},
    keys::{AuditorKey, Seed, SpendKey, ViewingKey, unaudited},
    ledger::{BatchInput, Config, Deposit, Ledger},
    market::{MARKETS, Market, Markets, Price, PriceSnapshot},
    transaction::{Context, Transaction},
};
use subrosa_wallet::{
    chain::{Chain, OwnedNote},
    compose::{ComposeError, Composed, Composer, Envelope, Intent},
    times::Validity,
};

pub(crate) const DOLLAR: AssetId = AssetId(0);
pub(crate) const GOLD: AssetId = AssetId(1);
pub(crate) const FEE: u128 = 10;
pub(crate) const NOW: u64 = 1_800_000_000;

const ONE: u128 = 1_000_000_000_000_000_000;

/// Gold secures dollars in market 3, dollars secure gold in market 4. Gold is worth `price` percent
/// of a dollar.
pub(crate) fn snapshot(price: u128, time: u64) -> PriceSnapshot {
    range([price; 2], time)
}

/// As [`snapshot`], with a low and a high price of gold.
pub(crate) fn range([low, high]: [u128; 2], time: u64) -> PriceSnapshot {
    let market = |collateral, debt| Market {
        collateral,
        debt,
        haircut: 500,
        initial: 12_500,
        maintenance: 11_000,
        bonus: 500,
        max_age: 3_600,
    };
    let mut markets = Markets::default();
    markets.0[3] = Some(market(GOLD, DOLLAR));
    markets.0[4] = Some(market(DOLLAR, GOLD));
    let mut prices = [Price::default(); MARKETS];
    prices[3] = Price {
        low: low * (ONE / 100),
        high: high * (ONE / 100),
    };
    prices[4] = Price {
        low: ONE * 100 / high,
        high: ONE * 100 / low,
    };
    PriceSnapshot {
        time,
        previous: time - 60,
        markets,
        prices,
    }
}

/// A ledger and its published batches.
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) assets: AssetTree,
    pub(crate) context: Fr,
    pub(crate) published: Vec<PublishedBatch>,
    pub(crate) rng: StdRng,
    /// Now, and the time of the next batch.
    pub(crate) time: u64,
    /// The latest price snapshot.
    pub(crate) snapshot: Option<PriceSnapshot>,
    /// First second of transactions; by default the last batch's time.
    pub(crate) not_before: Option<u64>,
    /// Every key that the assets' auditors have had.
    pub(crate) keys: AuditorKeys,
}

/// A wallet's keys and view of the chain.
pub(crate) struct Party {
    pub(crate) keys: ViewingKey,
    pub(crate) spend: SpendKey,
    pub(crate) chain: Chain,
}

impl World {
    pub(crate) fn new() -> Self {
        let auditor = AuditorKey::from_seed(&Seed::from_bytes([99; 32])).public();
        let assets: AssetTree = [(DOLLAR, [1; 20], auditor), (GOLD, [2; 20], unaudited())]
            .map(|(id, token, auditor)| AssetInfo {
                id,
                token,
                flags: 0,
                auditor,
                stop: Default::default(),
            })
            .into_iter()
            .collect();
        let context = Context {
            chain_id: 31337,
            rollup: [7; 20],
        }
        .word();
        let keys = AuditorKeys::from(&assets);
        Self {
            ledger: Ledger::new(),
            assets,
            context,
            published: Vec::new(),
            rng: StdRng::seed_from_u64(5),
            time: NOW,
            snapshot: None,
            not_before: None,
            keys,
        }
    }

    /// Gives an asset another auditor.
    pub(crate) fn rotate(&mut self, asset: AssetId, auditor: EdwardsAffine) {
        let info = *self.assets.get(asset).unwrap();
        self.assets.insert(AssetInfo { auditor, ..info });
        self.keys.rotate(asset, auditor);
    }

    pub(crate) fn party(&self, seed: u8) -> Party {
        let seed = Seed::from_bytes([seed; 32]);
        let keys = ViewingKey::from_seed(&seed);
        let mut chain = Chain::new(keys.clone(), self.context);
        chain.expect_assets(self.assets.iter().map(|info| info.id));
        for batch in &self.published {
            chain.apply(batch, &self.auditors()).unwrap();
        }
        Party {
            keys,
            spend: SpendKey::from_seed(&seed),
            chain,
        }
    }

    pub(crate) fn auditors(&self) -> AuditorKeys {
        self.keys.clone()
    }

    /// Returns the prices of the next batch: the snapshot, or those of the last batch.
    fn prices(&self) -> Fr {
        let last = self.published.last();
        let last = last.map_or(Fr::from(0u64), |batch| batch.header.oracle);
        self.snapshot.map_or(last, |snapshot| snapshot.digest())
    }

    pub(crate) fn seal(
        &mut self,
        transactions: Vec<Transaction>,
        deposits: Vec<Deposit>,
        parties: &mut [&mut Party],
    ) {
        let input = BatchInput {
            shape: Shape::S4,
            time: self.time,
            fee_recipient: [3; 20],
            assets_root: self.assets.root(),
            prices: self.prices(),
            transactions,
            deposits,
        };
        let config = Config {
            context: self.context,
            fee_asset: DOLLAR,
            min_fee: FEE,
        };
        let batch = self
            .ledger
            .execute(input, &config)
            .unwrap()
            .published()
            .unwrap();
        for party in parties {
            party.chain.apply(&batch, &self.auditors()).unwrap();
            assert_eq!(party.chain.ledger().state(), self.ledger.state());
        }
        self.published.push(batch);
    }

    pub(crate) fn compose(
        &mut self,
        from: &Party,
        intent: &Intent,
        asset: AssetId,
        amount: u128,
        spendable: impl Fn(&OwnedNote) -> bool,
    ) -> Result<Composed, ComposeError> {
        let composer = Composer {
            chain: &from.chain,
            assets: &self.assets,
            keys: &from.keys,
            spend: &from.spend,
            envelope: Envelope {
                context: self.context,
                fee_asset: DOLLAR,
                fee: FEE,
                usual: Validity {
                    not_before: self.not_before.unwrap_or(from.chain.time()),
                    expiry: self.time + 60,
                },
                now: self.time,
                snapshot: self.snapshot,
            },
        };
        let composed = composer.compose(intent, asset, amount, spendable, &mut self.rng)?;
        let words = composed.transaction.words(&self.context);
        subrosa_transaction::check(&composed.witness, &words).unwrap();
        Ok(composed)
    }
}

pub(crate) fn deposit(party: &Party, index: u64, asset: AssetId, value: u128) -> Deposit {
    Deposit {
        asset,
        value,
        inner: party.chain.deposit_inner(index),
    }
}

pub(crate) fn held(party: &Party, asset: AssetId) -> u128 {
    let unspent = party
        .chain
        .notes()
        .iter()
        .filter(|n| n.spent.is_none() && n.note.asset == asset);
    unspent.map(|n| n.note.value).sum()
}
