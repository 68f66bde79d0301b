use proptest::prelude::*;
use subrosa_protocol::{
    asset::AssetId,
    market::{Market, Price},
};

use super::*;
use crate::ports::{Head, OracleEvent};

const FAR: u64 = u64::MAX;

fn market(haircut: u16) -> Market {
    Market {
        collateral: AssetId(1),
        debt: AssetId(0),
        haircut,
        initial: 15_000,
        maintenance: 12_000,
        bonus: 500,
        max_age: 3_600,
    }
}

/// A chain with an oracle. The time of a block is its number, in minutes.
#[derive(Debug, Clone, Default)]
struct Chain {
    head: u64,
    events: Vec<OracleEvent>,
}

impl Chain {
    fn markets(&self) -> Markets {
        let mut words = [Fr::from(0u64); MARKETS];
        for event in &self.events {
            if let OracleChange::Market { id, word } = event.change {
                words[usize::from(id)] = word;
            }
        }
        Markets::from_words(&words).unwrap()
    }

    fn log(&self, from: u64) -> OracleLog {
        let events = self.events.iter().filter(|event| event.block >= from);
        OracleLog {
            head: Head {
                number: self.head,
                timestamp: 60 * self.head,
            },
            events: events.copied().collect(),
        }
    }

    fn push(&mut self, change: OracleChange) {
        let block = self.head;
        self.events.push(OracleEvent { block, change });
    }

    fn set(&mut self, id: u8, market: Option<Market>) {
        let word = market.map_or(Fr::from(0u64), |market| market.word());
        self.push(OracleChange::Market { id, word });
    }

    fn snapshot(&mut self, price: u128) -> PriceSnapshot {
        let mut events = self.events.iter().rev();
        let previous = events.find_map(|event| match event.change {
            OracleChange::Snapshot { time, .. } => Some(time),
            OracleChange::Market { .. } => None,
        });
        let snapshot = PriceSnapshot {
            time: 60 * self.head,
            previous: previous.unwrap_or(0),
            markets: self.markets(),
            prices: [Price::flat(price); MARKETS],
        };
        self.push(OracleChange::Snapshot {
            digest: snapshot.digest(),
            time: snapshot.time,
            previous: snapshot.previous,
            market_root: snapshot.markets.root(),
            prices: snapshot.price_words(),
        });
        snapshot
    }

    fn revert(&mut self, blocks: u64) {
        let kept = self.head - blocks.min(self.head);
        self.events.retain(|event| event.block <= kept);
        self.head += 1;
    }

    /// Returns the digests of its snapshots in order, without repetitions.
    fn has(&self) -> Vec<Word> {
        let mut all: Vec<Word> = Vec::new();
        for event in &self.events {
            if let OracleChange::Snapshot { digest, .. } = event.change
                && !all.contains(&word(&digest))
            {
                all.push(word(&digest));
            }
        }
        all
    }
}

fn ids(oracle: &Oracle) -> Vec<Word> {
    oracle.known().iter().map(|known| known.id).collect()
}

fn follow(oracle: &mut Oracle, chain: &Chain) -> usize {
    let log = chain.log(oracle.cursor().from);
    let (next, refused) = oracle.follow(&log, FAR).unwrap();
    *oracle = next;
    refused
}

#[test]
fn snapshots_have_the_markets_of_their_time() {
    let mut chain = Chain::default();
    let mut oracle = Oracle::default();
    assert!(oracle.known().is_empty() && !oracle.is_followed(0));
    chain.head = 7;
    let none = chain.snapshot(1);
    chain.set(3, Some(market(500)));
    chain.set(15, Some(market(0)));
    let two = chain.snapshot(2);
    chain.head = 9;
    chain.set(3, None);
    chain.set(15, Some(market(700)));
    let one = chain.snapshot(3);
    follow(&mut oracle, &chain);
    let known = oracle.known().iter().map(|known| *known.snapshot);
    assert_eq!(known.collect::<Vec<_>>(), [none, two, one]);
    assert_eq!(oracle.get(&word(&two.digest())), Some(&two));
    assert_eq!(oracle.get(&word(&Fr::from(5u64))), None);
    let validity = |of: &PriceSnapshot| oracle.validity(&word(&of.digest())).unwrap();
    let valid = |taken, superseded| Validity { taken, superseded };
    assert_eq!(validity(&none), valid(60 * 7, Some(60 * 7)));
    assert_eq!(validity(&two), valid(60 * 7, Some(60 * 9)));
    assert_eq!(validity(&one), valid(60 * 9, None));
    assert_eq!(oracle.validity(&word(&Fr::from(5u64))), None);
    // Much later, the log is read on from a later block, with the markets as they were.
    chain.head = 1_000;
    follow(&mut oracle, &chain);
    assert_eq!(oracle.cursor().from, 1_000 - DEPTH);
    let last = chain.snapshot(4);
    assert_eq!(last.markets, one.markets);
    follow(&mut oracle, &chain);
    assert_eq!(*oracle.known().last().unwrap().snapshot, last);
    assert_eq!(ids(&oracle), chain.has());
    // A restart leads to the same result.
    let restored = Oracle::restored(*oracle.cursor(), oracle.known().to_vec());
    let mut again = restored.clone();
    follow(&mut again, &chain);
    assert_eq!(again.known(), oracle.known());
}

#[test]
fn the_same_twice_in_a_block_is_one() {
    let mut chain = Chain::default();
    let mut oracle = Oracle::default();
    chain.snapshot(1);
    chain.snapshot(2);
    chain.events.extend_from_within(..);
    follow(&mut oracle, &chain);
    follow(&mut oracle, &chain);
    assert_eq!(oracle.known().len(), 2);
}

#[test]
fn what_is_not_its_digest_is_none() {
    let mut chain = Chain {
        head: 5,
        ..Chain::default()
    };
    chain.set(0, Some(market(1)));
    let good = chain.snapshot(1);
    let forgeries: [fn(&mut OracleChange); 3] = [
        |change| {
            if let OracleChange::Snapshot { digest, .. } = change {
                *digest += Fr::from(1u64);
            }
        },
        |change| {
            if let OracleChange::Snapshot { time, .. } = change {
                *time += 1;
            }
        },
        |change| {
            if let OracleChange::Snapshot { prices, .. } = change {
                // Wider than a low and a high price.
                prices[7] = -Fr::from(1u64);
            }
        },
    ];
    for (price, forge) in (2..).zip(forgeries) {
        chain.snapshot(price);
        forge(&mut chain.events.last_mut().unwrap().change);
    }
    let other = chain.snapshot(9);
    let mut oracle = Oracle::default();
    assert_eq!(follow(&mut oracle, &chain), 3);
    let known = oracle.known().iter().map(|known| *known.snapshot);
    assert_eq!(known.collect::<Vec<_>>(), [good, other]);
}

#[test]
fn a_log_that_does_not_lead_to_the_markets_is_not_followed() {
    let mut chain = Chain {
        head: 5,
        ..Chain::default()
    };
    chain.set(0, Some(market(1)));
    let first = chain.snapshot(1);
    let mut oracle = Oracle::default();
    follow(&mut oracle, &chain);
    chain.head = 400;
    follow(&mut oracle, &chain);
    // The log that the L1 node shows lacks a change of a market.
    chain.set(0, Some(market(2)));
    chain.snapshot(2);
    let mut log = chain.log(oracle.cursor().from);
    log.events.remove(0);
    assert_eq!(oracle.follow(&log, FAR), Err(LogError::Markets));
    // The words at the cursor can be wrong instead. Read from the first block, the log fits again.
    let cursor = OracleCursor {
        words: [Fr::from(0u64); MARKETS],
        ..*oracle.cursor()
    };
    let mut lost = Oracle::restored(cursor, oracle.known().to_vec());
    chain.events.remove(2);
    chain.events.remove(2);
    let second = chain.snapshot(3);
    let log = chain.log(cursor.from);
    assert_eq!(lost.follow(&log, FAR), Err(LogError::Markets));
    lost = lost.anew();
    let kept = lost.get(&word(&first.digest()));
    assert_eq!(kept, Some(&first), "nothing is forgotten");
    follow(&mut lost, &chain);
    let known = lost.known().iter().map(|known| *known.snapshot);
    assert_eq!(known.collect::<Vec<_>>(), [first, second]);
    // An unknown market; blocks that were not asked for; blocks out of order.
    let event = |block, id| OracleEvent {
        block,
        change: OracleChange::Market {
            id,
            word: Fr::from(0u64),
        },
    };
    for (events, error) in [
        (vec![event(400, 16)], LogError::Markets),
        (vec![event(0, 1)], LogError::Order),
        (vec![event(400, 1), event(399, 1)], LogError::Order),
    ] {
        let log = OracleLog {
            events,
            ..chain.log(0)
        };
        assert_eq!(oracle.follow(&log, FAR), Err(error));
    }
}

#[test]
fn a_node_that_is_behind_takes_nothing_away() {
    let mut chain = Chain {
        head: 5,
        ..Chain::default()
    };
    let before = chain.clone();
    chain.head = 6;
    chain.snapshot(1);
    let mut oracle = Oracle::default();
    follow(&mut oracle, &chain);
    let log = before.log(0);
    assert_eq!(oracle.follow(&log, FAR), Err(LogError::Behind));
    // A chain that was reorganised and has grown again does take snapshots away.
    chain.revert(1);
    follow(&mut oracle, &chain);
    assert!(oracle.known().is_empty());
}

#[test]
fn a_snapshot_of_later_is_not_known_yet() {
    let mut chain = Chain {
        head: 5,
        ..Chain::default()
    };
    chain.snapshot(1);
    let oracle = Oracle::default();
    let log = chain.log(0);
    let (early, refused) = oracle.follow(&log, 299).unwrap();
    assert_eq!((early.known().len(), refused), (0, 0));
    let (known, _) = early.follow(&log, 300).unwrap();
    assert_eq!(known.known().len(), 1);
}

#[test]
fn a_while_after_another_a_snapshot_is_outdated() {
    let mut chain = Chain {
        head: 10,
        ..Chain::default()
    };
    let mut oracle = Oracle::default();
    let first = chain.snapshot(1);
    follow(&mut oracle, &chain);
    // No snapshot followed it, so that it is the latest, however old.
    chain.head = 100_000;
    follow(&mut oracle, &chain);
    assert!(oracle.outdated(FAR).is_empty());
    let second = chain.snapshot(2);
    follow(&mut oracle, &chain);
    let until = second.time + KEPT;
    assert!(oracle.outdated(until).is_empty());
    let outdated = oracle.outdated(until + 1);
    assert_eq!(outdated, HashSet::from([word(&first.digest())]));
    oracle.forget(&outdated);
    assert_eq!(*oracle.known().last().unwrap().snapshot, second);
    follow(&mut oracle, &chain);
    assert_eq!(oracle.known().len(), 1, "it is not read again");
}

#[test]
fn the_next_batch_has_a_confirmed_snapshot_that_is_new_or_was_a_moment_ago() {
    let mut chain = Chain {
        head: 10,
        ..Chain::default()
    };
    let mut oracle = Oracle::default();
    let none = Fr::from(0u64);
    let digests = |oracle: &Oracle, confirmations, clock| -> Vec<Fr> {
        let found = oracle.candidates(confirmations, &none, clock);
        found.iter().map(|prices| prices.digest).collect()
    };
    follow(&mut oracle, &chain);
    assert_eq!(digests(&oracle, 1, FAR), [none], "before the first");
    let taken: [PriceSnapshot; 3] = [1, 2, 4].map(|price| {
        chain.head = 10 + u64::try_from(price).unwrap();
        chain.snapshot(price)
    });
    let [first, second, third] = taken.map(|snapshot| snapshot.digest());
    follow(&mut oracle, &chain);
    let now = 60 * chain.head;
    assert_eq!(digests(&oracle, 1, now), [third, second, first, none]);
    // A block later than the newest, each has one confirmation more.
    assert_eq!(digests(&oracle, 2, now), [second, first, none]);
    assert_eq!(digests(&oracle, 4, now), [first, none]);
    assert_eq!(digests(&oracle, 5, now), [none]);
    chain.head += 1;
    follow(&mut oracle, &chain);
    assert_eq!(digests(&oracle, 2, now), [third, second, first, none]);
    // The second superseded the first after a minute, the third the second after two more.
    assert_eq!(taken[1].previous, taken[0].time);
    let until = taken.map(|snapshot| snapshot.time + PATIENCE);
    assert_eq!(digests(&oracle, 1, until[0]), [third, second, first, none]);
    assert_eq!(digests(&oracle, 1, until[0] + 1), [third, second, first]);
    assert_eq!(digests(&oracle, 1, until[1] + 1), [third, second]);
    assert_eq!(digests(&oracle, 1, until[2] + 1), [third]);
    assert_eq!(digests(&oracle, 1, FAR), [third], "however old");
    // Before the log is read, what is stored counts as confirmed.
    let restored = Oracle::restored(*oracle.cursor(), oracle.known().to_vec());
    assert!(!restored.is_followed(0));
    assert_eq!(digests(&restored, 64, FAR), [third]);
}

#[test]
fn the_next_batch_has_no_snapshot_from_before_the_last_batchs() {
    let mut chain = Chain::default();
    let mut oracle = Oracle::default();
    let taken: [Fr; 3] = [1, 2, 3].map(|price| {
        chain.head += 1;
        chain.snapshot(price).digest()
    });
    follow(&mut oracle, &chain);
    let [first, second, third] = taken;
    let now = 60 * chain.head;
    let digests = |confirmations, last| -> Vec<Fr> {
        let found = oracle.candidates(confirmations, &last, now);
        found.iter().map(|prices| prices.digest).collect()
    };
    assert_eq!(digests(1, first), [third, second, first]);
    assert_eq!(digests(1, second), [third, second]);
    assert_eq!(digests(1, third), [third]);
    // The last batch's, if nothing since has its confirmations.
    assert_eq!(digests(3, second), [second]);
    assert_eq!(digests(9, third), [third]);
    // One that is no longer kept, or not read yet, bounds nothing.
    assert_eq!(digests(1, Fr::from(5u64))[..3], [third, second, first]);
}

#[test]
fn a_log_that_was_read_from_another_chain_is_read_anew() {
    let mut chain = Chain::default();
    let mut oracle = Oracle::default();
    chain.head = 5_000;
    chain.snapshot(1);
    follow(&mut oracle, &chain);
    // An endpoint of a longer chain without this oracle answers once.
    let odd = OracleLog {
        head: Head {
            number: 90_000,
            timestamp: 60 * chain.head,
        },
        events: Vec::new(),
    };
    let (led_astray, _) = oracle.follow(&odd, FAR).unwrap();
    let log = |chain: &Chain, oracle: &Oracle| chain.log(oracle.cursor().from);
    let found = led_astray.follow(&log(&chain, &led_astray), FAR);
    assert_eq!(found, Err(LogError::Behind), "as old as what was seen");
    chain.head += 1;
    let next = chain.snapshot(2);
    let found = led_astray.follow(&log(&chain, &led_astray), FAR);
    assert_eq!(found, Err(LogError::Foreign));
    // After a restart too.
    let restored = Oracle::restored(*led_astray.cursor(), led_astray.known().to_vec());
    let found = restored.follow(&log(&chain, &restored), FAR);
    assert_eq!(found, Err(LogError::Foreign));
    for mut oracle in [led_astray.astray(), restored.astray()] {
        assert!(!oracle.is_followed(0));
        follow(&mut oracle, &chain);
        assert_eq!(*oracle.known().last().unwrap().snapshot, next);
    }
}

#[test]
fn a_log_that_was_read_long_ago_is_not_followed() {
    let mut chain = Chain::default();
    let mut oracle = Oracle::default();
    chain.head = 100;
    chain.snapshot(1);
    follow(&mut oracle, &chain);
    let read = 60 * chain.head;
    for (age, followed) in [(0, true), (PATIENCE, true), (PATIENCE + 1, false)] {
        assert_eq!(oracle.is_followed(read + age), followed);
    }
    chain.head += 10;
    follow(&mut oracle, &chain);
    assert!(oracle.is_followed(read + PATIENCE + 1), "read on");
}

#[derive(Debug, Clone)]
enum Step {
    Set(u8, Option<u16>),
    Snapshot(u8),
    Blocks(u8),
    Revert(u8),
    Follow,
    Restart,
}

fn arb_step() -> impl Strategy<Value = Step> {
    let market = proptest::option::of(0u16..9_999);
    prop_oneof![
        2 => (0u8..16, market).prop_map(|(id, haircut)| Step::Set(id, haircut)),
        3 => (0u8..4).prop_map(Step::Snapshot),
        3 => any::<u8>().prop_map(Step::Blocks),
        1 => (0u8..100).prop_map(Step::Revert),
        4 => Just(Step::Follow),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_known_is_what_the_chain_has(steps in proptest::collection::vec(arb_step(), 1..60)) {
        let mut chain = Chain::default();
        let mut oracle = Oracle::default();
        // Reorganisations since the last read are no deeper than the blocks that are read again.
        let mut reverted = 0;
        for step in steps {
            match step {
                Step::Set(id, haircut) => chain.set(id, haircut.map(market)),
                Step::Snapshot(price) => drop(chain.snapshot(price.into())),
                Step::Blocks(blocks) => chain.head += u64::from(blocks),
                Step::Revert(blocks) => {
                    if reverted + u64::from(blocks) < DEPTH {
                        reverted += u64::from(blocks);
                        chain.revert(blocks.into());
                    }
                }
                Step::Follow => {
                    reverted = 0;
                    prop_assert_eq!(follow(&mut oracle, &chain), 0);
                    prop_assert_eq!(ids(&oracle), chain.has());
                    let digests = oracle.known().iter().map(|known| word(&known.snapshot.digest()));
                    prop_assert_eq!(digests.collect::<Vec<_>>(), ids(&oracle));
                }
                Step::Restart => {
                    oracle = Oracle::restored(*oracle.cursor(), oracle.known().to_vec());
                }
            }
        }
    }
}
