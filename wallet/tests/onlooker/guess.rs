//! Attackers who learn from examples to tell steps from payments.

/// What an attacker measured, and what it was.
#[derive(Clone)]
pub(crate) struct Example {
    pub(crate) measures: Vec<f64>,
    pub(crate) is_step: bool,
}

/// The success of an attacker.
#[derive(Clone, Debug)]
pub(crate) struct Guess {
    pub(crate) attacker: &'static str,
    pub(crate) right: usize,
    pub(crate) of: usize,
}

impl Guess {
    /// Whether so many right guesses are more than four standard deviations above the half, which
    /// chance exceeds once in thirty thousand times.
    pub(crate) fn is_better_than_chance(&self) -> bool {
        let (right, of) = (self.right as f64, self.of as f64);
        right > of / 2.0 + 4.0 * of.sqrt() / 2.0
    }
}

/// Lets each attacker learn from one half and guess about the other.
pub(crate) fn attack(learned: &[Example], guessed: &[Example]) -> Vec<Guess> {
    let (learned, guessed) = standardised(learned, guessed);
    let success = |attacker, guess: &dyn Fn(&[f64]) -> bool| Guess {
        attacker,
        right: count(&guessed, guess),
        of: guessed.len(),
    };
    let threshold = threshold(&learned);
    let bayes = bayes(&learned);
    let regression = regression(&learned);
    vec![
        success("the best threshold", &threshold),
        success("naive Bayes", &bayes),
        success("logistic regression", &regression),
    ]
}

fn count(examples: &[Example], guess: &dyn Fn(&[f64]) -> bool) -> usize {
    let right = examples.iter().filter(|e| guess(&e.measures) == e.is_step);
    right.count()
}

/// Scales all measures to the mean 0 and the deviation 1 of those that were learned from, and
/// leaves out those that never differ there.
fn standardised(learned: &[Example], guessed: &[Example]) -> (Vec<Example>, Vec<Example>) {
    let of = learned.len() as f64;
    let scales: Vec<Option<(f64, f64)>> = (0..learned[0].measures.len())
        .map(|place| {
            let values = || learned.iter().map(|e| e.measures[place]);
            let mean = values().sum::<f64>() / of;
            let deviation = (values().map(|v| (v - mean).powi(2)).sum::<f64>() / of).sqrt();
            (deviation > 1e-9).then_some((mean, deviation))
        })
        .collect();
    let scaled = |example: &Example| Example {
        measures: (example.measures.iter().zip(&scales))
            .filter_map(|(value, scale)| scale.map(|(mean, deviation)| (value - mean) / deviation))
            // Not further than the examples could teach.
            .map(|value| value.clamp(-6.0, 6.0))
            .collect(),
        is_step: example.is_step,
    };
    let all = |examples: &[Example]| examples.iter().map(scaled).collect();
    (all(learned), all(guessed))
}

/// Learns the measure and the threshold on it that separate the examples best.
fn threshold(learned: &[Example]) -> impl Fn(&[f64]) -> bool + use<> {
    let mut best = (0, 0, f64::INFINITY, true);
    for place in 0..learned[0].measures.len() {
        let mut values: Vec<f64> = learned.iter().map(|e| e.measures[place]).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        for pair in values.windows(2) {
            let limit = (pair[0] + pair[1]) / 2.0;
            let right = count(learned, &|measures| measures[place] > limit);
            let (right, above) = if 2 * right >= learned.len() {
                (right, true)
            } else {
                (learned.len() - right, false)
            };
            if right > best.0 {
                best = (right, place, limit, above);
            }
        }
    }
    let (_, place, limit, above) = best;
    move |measures| (measures[place] > limit) == above
}

/// Learns mean and deviation of each measure in both classes, taken as independent.
fn bayes(learned: &[Example]) -> impl Fn(&[f64]) -> bool + use<> {
    let class = |is_step: bool| -> Vec<(f64, f64)> {
        let of: Vec<&Example> = learned.iter().filter(|e| e.is_step == is_step).collect();
        (0..learned[0].measures.len())
            .map(|place| {
                let values = || of.iter().map(|e| e.measures[place]);
                let mean = values().sum::<f64>() / of.len() as f64;
                let spread = values().map(|v| (v - mean).powi(2)).sum::<f64>() / of.len() as f64;
                (mean, spread.max(0.01))
            })
            .collect()
    };
    let (steps, payments) = (class(true), class(false));
    let likelihood = |class: &[(f64, f64)], measures: &[f64]| -> f64 {
        let terms = class.iter().zip(measures);
        let terms = terms.map(|((mean, spread), v)| (v - mean).powi(2) / spread + spread.ln());
        -terms.sum::<f64>()
    };
    move |measures| likelihood(&steps, measures) > likelihood(&payments, measures)
}

/// Learns weights of all measures by gradient descent, with a penalty for large ones.
fn regression(learned: &[Example]) -> impl Fn(&[f64]) -> bool + use<> {
    let sum = |weights: &[f64], measures: &[f64]| -> f64 {
        weights.iter().zip(measures).map(|(w, v)| w * v).sum()
    };
    let mut weights = vec![0.0; learned[0].measures.len()];
    for _ in 0..500 {
        let mut slope: Vec<f64> = weights.iter().map(|w| 0.02 * w).collect();
        for example in learned {
            let guess = 1.0 / (1.0 + (-sum(&weights, &example.measures)).exp());
            let error = guess - f64::from(u8::from(example.is_step));
            for (slope, v) in slope.iter_mut().zip(&example.measures) {
                *slope += error * v / learned.len() as f64;
            }
        }
        for (weight, slope) in weights.iter_mut().zip(&slope) {
            *weight -= 0.1 * slope;
        }
    }
    move |measures| sum(&weights, measures) > 0.0
}
