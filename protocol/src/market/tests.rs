use super::*;
use ark_ff::Field;
use proptest::prelude::*;

fn market() -> Market {
    Market {
        collateral: AssetId(1),
        debt: AssetId(0),
        haircut: 500,
        initial: 12_500,
        maintenance: 11_000,
        bonus: 500,
        max_age: 3_600,
    }
}

#[test]
fn parameters_that_make_no_sense_are_refused_by_name() {
    let refuse = |edit: fn(&mut Market)| {
        let mut market = market();
        edit(&mut market);
        let error = market.check().unwrap_err();
        assert!(Market::from_word(&market.word()).is_err());
        error
    };
    assert_eq!(market().check(), Ok(()));
    assert_eq!(refuse(|m| m.debt = AssetId(1)), MarketError::SameAsset);
    assert_eq!(refuse(|m| m.haircut = 10_000), MarketError::Haircut);
    assert_eq!(refuse(|m| m.maintenance = 9_999), MarketError::Margins);
    assert_eq!(refuse(|m| m.maintenance = 12_501), MarketError::Margins);
    assert_eq!(refuse(|m| m.initial = 1 << 24), MarketError::Margins);
    assert_eq!(refuse(|m| m.bonus = 10_001), MarketError::Bonus);
    assert_eq!(refuse(|m| m.max_age = 0), MarketError::MaxAge);
    assert_eq!(refuse(|m| m.max_age = 1 << 24), MarketError::MaxAge);
    let wide = market().word() + Fr::from(2u64).pow([136]);
    assert_eq!(
        Market::from_word(&wide),
        Err(MarketError::Codec(CodecError::Overflow { field: "market" }))
    );
}

fn snapshot() -> PriceSnapshot {
    let mut markets = Markets::default();
    markets.0[3] = Some(market());
    markets.0[14] = Some(Market {
        haircut: 1,
        ..market()
    });
    let mut prices = [Price::default(); MARKETS];
    prices[3] = Price {
        low: 1 << 100,
        high: (1 << 100) + 5,
    };
    prices[14] = Price::flat((1 << PRICE_BITS) - 1);
    PriceSnapshot {
        time: 1_800_000_000,
        previous: 1_799_999_940,
        markets,
        prices,
    }
}

#[test]
fn every_market_has_its_path() {
    let markets = snapshot().markets;
    let words = markets.words();
    for id in 0..MARKETS as u8 {
        let path = markets.path(id).unwrap();
        assert_eq!(path.index, u64::from(id));
        assert_eq!(path.root(words[usize::from(id)]), markets.root());
        assert_ne!(
            path.root(words[usize::from(id)] + Fr::from(1u64)),
            markets.root()
        );
    }
    assert!(markets.path(MARKETS as u8).is_none());
    assert_eq!(Markets::from_words(&words), Ok(markets));
    assert_eq!(
        markets.between(AssetId(1), AssetId(0)).collect::<Vec<_>>(),
        [3, 14]
    );
    assert_eq!(markets.between(AssetId(0), AssetId(1)).count(), 0);
}

#[test]
fn every_part_of_a_snapshot_changes_its_digest() {
    let base = snapshot();
    let edits: [fn(&mut PriceSnapshot); 7] = [
        |s| s.time += 1,
        |s| s.previous += 1,
        |s| s.markets.0[3] = None,
        |s| s.prices[3].low += 1,
        |s| s.prices[3].high += 1,
        |s| s.prices[14].low -= 1,
        |s| s.prices[0] = Price::flat(1),
    ];
    let mut seen = vec![base.digest()];
    for edit in edits {
        let mut other = base;
        edit(&mut other);
        assert!(!seen.contains(&other.digest()));
        seen.push(other.digest());
    }
}

#[test]
fn a_market_without_a_price_is_not_priced() {
    let mut snapshot = snapshot();
    let price = snapshot.prices[3];
    assert_eq!(snapshot.market_with_price(3), Some((&market(), price)));
    snapshot.prices[3] = Price::default();
    assert_eq!(snapshot.market_with_price(3), None);
    snapshot.prices[2] = Price::flat(1);
    assert_eq!(snapshot.market_with_price(2), None);
    assert_eq!(snapshot.market_with_price(16), None);
}

#[test]
fn words_that_are_no_prices_are_refused() {
    let mut words = snapshot().price_words();
    assert_eq!(
        PriceSnapshot::prices_from_words(&words),
        Ok(snapshot().prices)
    );
    words[7] += Fr::from(2u64).pow([240]);
    assert_eq!(
        PriceSnapshot::prices_from_words(&words),
        Err(CodecError::Overflow { field: "price" })
    );
    for (low, high) in [(6, 5), (0, 5)] {
        words[7] = Price { low, high }.word();
        assert_eq!(
            PriceSnapshot::prices_from_words(&words),
            Err(CodecError::Impossible { field: "price" })
        );
    }
}

proptest! {
    #[test]
    fn words_round_trip(
        assets: [u16; 2], haircut in 0u16..10_000,
        margins in [10_000u32..1 << 24, 10_000u32..1 << 24],
        bonus in 0u16..=10_000, max_age in 1u32..1 << 24,
    ) {
        let [a, b] = margins;
        let market = Market {
            collateral: AssetId(assets[0]),
            debt: AssetId(assets[1]),
            haircut,
            initial: a.max(b),
            maintenance: a.min(b),
            bonus,
            max_age,
        };
        if assets[0] != assets[1] {
            prop_assert_eq!(Market::from_word(&market.word()), Ok(market));
        }
    }
}
