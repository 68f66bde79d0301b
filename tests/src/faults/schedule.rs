//! A list of steps, made from a seed.

use std::{fmt, time::Duration};

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    fault::{
        BLOCKS, CALLS, ESTIMATES, EVERYTHING, FEES, Fault, LOGS, NONCES, READS, RECEIPTS, Rule,
        SENDS, TRANSACTIONS,
    },
    node::Kept,
};

/// Deepest reorganisation, blocks.
pub const DEEPEST: u64 = 64;

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Clients submit this many transactions at once.
    Submit(usize),
    /// A client looks at the sequencer's last root and proves against it later.
    Look,
    /// Depositors send this many deposits.
    Deposit(usize),
    /// A depositor sends a deposit and replaces it before it is mined, after this pause.
    ReplacedDeposit(Duration),
    /// L1 records a price snapshot, to which later transactions may refer.
    Snapshot,
    /// A fault begins.
    Begin(Rule),
    /// All faults end.
    End,
    /// The last blocks of L1 are replaced.
    Reorganise(u64, Kept),
    /// L1 mines this many blocks at once.
    Mine(u64),
    /// L1 mines nothing for this long.
    Quiet(Duration),
    /// The base fee of the next block is this many gwei.
    BaseFee(u64),
    /// Somebody uses the operator's next nonce.
    UseNonce,
    /// The L1 node restarts: for this long it does not answer, and its pool is lost.
    NodeRestart(Duration),
    /// The sequencer restarts.
    Restart,
    /// Nothing happens for this long.
    Wait(Duration),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submit(count) => write!(f, "submit {count} transactions"),
            Self::Look => f.write_str("look at the last root"),
            Self::Deposit(count) => write!(f, "deposit {count} times"),
            Self::ReplacedDeposit(pause) => write!(f, "replace a deposit after {pause:?}"),
            Self::Snapshot => f.write_str("take a price snapshot"),
            Self::Begin(rule) => write!(f, "fault: {rule}"),
            Self::End => f.write_str("end of all faults"),
            Self::Reorganise(depth, kept) => {
                write!(f, "reorganise {depth} blocks, transactions: {kept:?}")
            }
            Self::Mine(blocks) => write!(f, "mine {blocks} blocks"),
            Self::Quiet(pause) => write!(f, "mine nothing for {pause:?}"),
            Self::BaseFee(gwei) => write!(f, "base fee of {gwei} gwei"),
            Self::UseNonce => f.write_str("use the operator's nonce"),
            Self::NodeRestart(pause) => write!(f, "restart the node, {pause:?}"),
            Self::Restart => f.write_str("restart the sequencer"),
            Self::Wait(pause) => write!(f, "wait {pause:?}"),
        }
    }
}

/// A list of steps with the seed that decides everything random in them.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The seed.
    pub seed: u64,
    /// Confirmations that a deposit needs.
    pub confirmations: u64,
    /// The steps.
    pub steps: Vec<Step>,
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "schedule {} ({} confirmations)",
            self.seed, self.confirmations
        )?;
        for (place, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {place:>2}  {step}")?;
        }
        write!(
            f,
            "replay: SUBROSA_SEED={} cargo test --release --locked -p subrosa-tests \
             --test schedules -- --nocapture random",
            self.seed
        )
    }
}

impl Schedule {
    /// Makes a schedule of these steps alone.
    #[must_use]
    pub fn of(steps: Vec<Step>) -> Self {
        Self {
            seed: 0,
            confirmations: 1,
            steps,
        }
    }

    /// Makes the schedule of a seed.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let confirmations = *[1, 1, 2, 6].choose(&mut random).unwrap_or(&1);
        let length = random.gen_range(5..14);
        let mut steps = vec![Step::Submit(3), Step::Deposit(1), wait(&mut random)];
        for _ in 0..length {
            steps.push(step(&mut random));
            if random.gen_bool(0.6) {
                steps.push(wait(&mut random));
            }
        }
        Self {
            seed,
            confirmations,
            steps,
        }
    }

    /// Returns the schedules with one part of the steps left out: halves, then quarters, and so on
    /// down to single steps.
    pub fn shorter(&self) -> impl Iterator<Item = Self> + '_ {
        let length = self.steps.len();
        let sizes = std::iter::successors(Some(length / 2), |size| Some(size / 2));
        let sizes = sizes.take_while(|size| *size > 0);
        sizes.flat_map(move |size| {
            (0..length).step_by(size).map(move |from| {
                let mut steps = self.steps.clone();
                steps.drain(from..(from + size).min(length));
                Self {
                    steps,
                    ..self.clone()
                }
            })
        })
    }
}

fn wait(random: &mut impl Rng) -> Step {
    Step::Wait(Duration::from_millis(random.gen_range(5..160)))
}

fn step(random: &mut impl Rng) -> Step {
    match random.gen_range(0..100) {
        0..18 => Step::Submit(random.gen_range(1..6)),
        18..22 => Step::Look,
        22..34 => Step::Deposit(random.gen_range(1..4)),
        34..37 => Step::ReplacedDeposit(Duration::from_millis(random.gen_range(50..200))),
        37..41 => Step::Snapshot,
        41..66 => Step::Begin(rule(random)),
        66..70 => Step::End,
        70..82 => Step::Reorganise(depth(random), kept(random)),
        82..86 => Step::Mine(random.gen_range(1..8)),
        86..89 => Step::Quiet(Duration::from_millis(random.gen_range(50..300))),
        89..91 => Step::BaseFee(*[1, 30, 500, 5_000].choose(random).unwrap_or(&1)),
        91..94 => Step::UseNonce,
        94..96 => Step::NodeRestart(Duration::from_millis(random.gen_range(20..300))),
        96..98 => Step::Restart,
        _ => wait(random),
    }
}

/// Most reorganisations are shallow.
fn depth(random: &mut impl Rng) -> u64 {
    match random.gen_range(0..10) {
        0..5 => random.gen_range(1..4),
        5..8 => random.gen_range(4..16),
        _ => random.gen_range(16..=DEEPEST),
    }
}

fn kept(random: &mut impl Rng) -> Kept {
    let all = [
        Kept::All,
        Kept::None,
        Kept::Swapped,
        Kept::Returned,
        Kept::Some,
    ];
    *all.choose(random).unwrap_or(&Kept::All)
}

fn rule(random: &mut impl Rng) -> Rule {
    let mut rule = match random.gen_range(0..10) {
        0..4 => of_reads(random),
        4..7 => of_all(random),
        _ => of_sends(random),
    };
    rule.every = *[1, 1, 2, 3, 7].choose(random).unwrap_or(&1);
    rule.times = match rule.times {
        None if random.gen_bool(0.7) => Some(random.gen_range(1..16)),
        times => times,
    };
    rule
}

/// False answers to reads.
fn of_reads(random: &mut impl Rng) -> Rule {
    let methods = *[READS, CALLS, BLOCKS, LOGS, TRANSACTIONS, RECEIPTS, NONCES]
        .choose(random)
        .unwrap_or(&READS);
    let faults = [
        Fault::Null,
        Fault::Empty,
        Fault::Missing,
        Fault::Flipped,
        Fault::OtherBlock,
        Fault::Error("header not found"),
        Fault::Error("execution reverted"),
        Fault::Error("missing trie node"),
    ];
    let fault = faults.choose(random).unwrap_or(&Fault::Null).clone();
    match random.gen_range(0..5) {
        0 => Rule::all(READS, Fault::Stale(random.gen_range(1..24))),
        1 => Rule::all(READS, Fault::Contradictory(random.gen_range(1..12))),
        2 => Rule::all(LOGS, Fault::Range(random.gen_range(8..60))),
        _ => Rule::all(methods, fault),
    }
}

/// Faults of the way to the node.
fn of_all(random: &mut impl Rng) -> Rule {
    let late = Duration::from_millis(random.gen_range(20..300));
    let faults = [
        Fault::Html,
        Fault::Truncated,
        Fault::Refused,
        Fault::Error("Too Many Requests"),
        Fault::Late(late),
        Fault::Hangs,
    ];
    Rule::all(
        EVERYTHING,
        faults.choose(random).unwrap_or(&Fault::Html).clone(),
    )
}

/// Faults of sent transactions.
fn of_sends(random: &mut impl Rng) -> Rule {
    let times = random.gen_range(1..4);
    match random.gen_range(0..7) {
        0 => Rule::next(SENDS, Fault::Swallowed, times),
        1 => Rule::next(SENDS, Fault::Unacknowledged("already known"), times),
        2 => Rule::next(SENDS, Fault::Error("nonce too low"), times),
        3 => Rule::next(
            SENDS,
            Fault::Error("replacement transaction underpriced"),
            times,
        ),
        4 => Rule::next(ESTIMATES, Fault::Gas(random.gen_range(60..100)), times),
        5 => Rule::next(FEES, Fault::Fees(random.gen_range(2..1_000)), times),
        _ => Rule::next(
            SENDS,
            Fault::Error("insufficient funds for gas * price + value"),
            times,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_schedule() {
        assert_eq!(Schedule::random(5), Schedule::random(5));
        assert_ne!(Schedule::random(5).steps, Schedule::random(6).steps);
    }

    #[test]
    fn shorter_schedules_leave_out_each_step_once_at_the_end() {
        let schedule = Schedule::of((1..=8).map(Step::Mine).collect());
        let shorter: Vec<_> = schedule.shorter().map(|one| one.steps.len()).collect();
        assert_eq!(shorter, [4, 4, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7]);
    }
}
