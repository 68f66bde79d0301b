//! The oracle's prices of one market, written from the specification without regard to cost: all
//! samples are kept.

use subrosa_protocol::market::Price;

/// Samples of a market's price.
#[derive(Clone, Debug)]
pub(super) struct Oracle {
    /// Basis points for each begun minute.
    maximum_move: u16,
    first: u128,
    /// Samples. Without a price none is taken.
    samples: Vec<u128>,
    sampled: u64,
}

impl Oracle {
    pub(super) fn new(maximum_move: u16) -> Self {
        Self {
            maximum_move,
            first: 0,
            samples: Vec::new(),
            sampled: 0,
        }
    }

    /// Takes a snapshot and returns its prices. `spot` is 0 if the feeds have no usable answer.
    pub(super) fn snapshot(&mut self, time: u64, spot: u128) -> Price {
        if self.first == 0 {
            self.first = spot;
        }
        let places = self.places();
        let mut sorted = places;
        sorted.sort_unstable();
        let median = sorted[2];
        let price = if spot == 0 {
            Price::default()
        } else {
            Price {
                low: spot.min(median),
                high: spot.max(median),
            }
        };
        let elapsed = time - self.sampled;
        if elapsed >= 300 {
            self.sampled = time;
            if spot != 0 {
                let last = places[(self.samples.len() + 4) % 5];
                let sample = self.follow(last, spot, median, elapsed.min(900));
                self.samples.push(sample);
            }
        }
        price
    }

    /// Returns the last sample.
    pub(super) fn last(&self) -> u128 {
        self.places()[(self.samples.len() + 4) % 5]
    }

    fn follow(&self, last: u128, spot: u128, median: u128, elapsed: u64) -> u128 {
        let points = u128::from(self.maximum_move) * u128::from(elapsed.div_ceil(60));
        if spot < last {
            let least = last * 10_000u128.saturating_sub(points) / 10_000;
            return spot.max(least.min(median));
        }
        let most = (last * (10_000 + points)).div_ceil(10_000);
        spot.min(most.max(median))
    }

    /// Returns the last five samples, with the first price where there are fewer.
    fn places(&self) -> [u128; 5] {
        let mut places = [self.first; 5];
        for (i, sample) in self.samples.iter().enumerate() {
            places[i % 5] = *sample;
        }
        places
    }
}
