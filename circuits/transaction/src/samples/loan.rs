//! Sample steps on the positions of loans.

use super::{Contents, SAMPLE_ASSETS, SAMPLE_EXPIRY, Sample, Stepped, asset_tree, plant};
use crate::assemble::LoanStep;
use crate::witness::Step;
use ark_bn254::Fr;
use ark_ff::UniformRand;
use ark_std::rand::{CryptoRng, Rng, RngCore};
use subrosa_protocol::asset::AssetId;
use subrosa_protocol::keys::{Seed, ViewingKey};
use subrosa_protocol::loan::{Agreement, Debt, Loan, Position, most_seizable, needed};
use subrosa_protocol::market::{MARKETS, Market, Markets, PRICE_SCALE, Snapshot};
use subrosa_protocol::swap::{Salt, Side, Terms};
use subrosa_protocol::transaction::Kind;
use subrosa_protocol::tree::NoteTree;

/// Which step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoanCase {
    /// The lender's leg of an opening: no step, but terms with a position in them.
    Lend,
    /// The borrower's leg, which makes the position.
    Open,
    /// More collateral, without a price.
    TopUp,
    /// Part of the debt, without a price.
    Repay,
    /// Less collateral, under a price.
    Release,
    /// All of the debt.
    Close,
    /// Below the maintenance margin.
    Liquidate,
    /// Healthy, but after maturity.
    Overdue,
}

impl LoanCase {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Lend,
        Self::Open,
        Self::TopUp,
        Self::Repay,
        Self::Release,
        Self::Close,
        Self::Liquidate,
        Self::Overdue,
    ];
}

/// A step on a position, between the parties of the sample.
pub fn loan_step(case: LoanCase, rng: &mut (impl RngCore + CryptoRng)) -> Sample {
    Plan::new(case, rng).sample(rng)
}

/// The price of a unit for a unit.
const ONE: u128 = PRICE_SCALE as u128;
const DAY: u64 = 86_400;
/// First second of the steps' validity.
const NOT_BEFORE: u64 = SAMPLE_EXPIRY - 200;

/// A step before it is drafted: what may be changed to make it another, or a false one.
#[derive(Clone)]
pub(crate) struct Plan {
    /// The actor, and the other party.
    pub(crate) parties: [Seed; 2],
    pub(crate) step: Step,
    pub(crate) loan: Loan,
    /// The side of the actor's leg.
    pub(crate) side: Side,
    /// The position that is spent.
    pub(crate) before: Position,
    /// Value of output 0.
    pub(crate) left: u128,
    /// Debt that is left.
    pub(crate) debt: u128,
    pub(crate) snapshot: Option<Snapshot>,
    /// Other notes that are spent.
    pub(crate) spent: Vec<(AssetId, u128)>,
    pub(crate) fee: u128,
    /// First and last second of validity.
    pub(crate) window: [u64; 2],
    lends: bool,
}

impl Plan {
    /// A legal step: of a loan of a third asset against the second, worth two of it apiece.
    pub(crate) fn new(case: LoanCase, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let [fee_asset, collateral, debt] = SAMPLE_ASSETS;
        let seeds = [Seed::random(rng), Seed::random(rng)];
        let [borrower, lender] = seeds
            .each_ref()
            .map(|seed| ViewingKey::from_seed(seed).address());
        let market = Market {
            collateral,
            debt,
            haircut: 500,
            initial: 12_500,
            maintenance: 11_000,
            bonus: 500,
            max_age: 3_600,
        };
        let id = rng.gen_range(0..MARKETS as u8);
        let mut snapshot = Snapshot {
            time: SAMPLE_EXPIRY - 100,
            markets: Markets::default(),
            prices: std::array::from_fn(|_| rng.gen_range(1..1 << 119)),
        };
        snapshot.markets.0[usize::from(id)] = Some(market);
        snapshot.prices[usize::from(id)] = 2 * ONE;
        let overdue = case == LoanCase::Overdue;
        let loan = Loan {
            borrower,
            lender,
            collateral,
            debt,
            principal: rng.gen_range(1_000_000..1 << 111),
            rate: rng.gen_range(1..200_000),
            start: SAMPLE_EXPIRY - 30 * DAY,
            maturity: if overdue {
                NOT_BEFORE - 1
            } else {
                SAMPLE_EXPIRY + 30 * DAY
            },
            market: id,
            salt: Salt::random(rng),
        };
        let cover = |debt: u128, margin: u32, price: u128| {
            needed(price, market.haircut, debt, margin).expect("samples are far below 2^128")
        };
        let before = Position {
            collateral: cover(loan.principal, market.initial, 2 * ONE) + loan.principal,
            debt: Debt {
                sequence: rng.gen_range(0..1000),
                ..loan.opening_debt()
            },
        };
        let fee = rng.gen_range(1..1u128 << 60);
        let step = match case {
            LoanCase::Lend | LoanCase::Open => Step::Open,
            LoanCase::TopUp | LoanCase::Repay | LoanCase::Release | LoanCase::Close => Step::Adjust,
            LoanCase::Liquidate | LoanCase::Overdue => Step::Liquidate,
        };
        let window = [NOT_BEFORE, SAMPLE_EXPIRY];
        let time = window[usize::from(step != Step::Liquidate)];
        let owed = loan
            .owed(&before.debt, time)
            .expect("samples are far below 2^128");
        let (left, left_debt, paid) = match case {
            LoanCase::Lend => (0, 0, (debt, loan.principal + 5)),
            LoanCase::Open => (
                before.collateral,
                loan.principal,
                (collateral, before.collateral + 7),
            ),
            LoanCase::TopUp => {
                let added = before.collateral / 7;
                (before.collateral + added, owed, (collateral, added + 3))
            }
            LoanCase::Repay => (before.collateral, owed - owed / 3, (debt, owed / 3 + 4)),
            LoanCase::Release => (cover(owed, market.initial, 2 * ONE), owed, (fee_asset, 0)),
            LoanCase::Close => (before.collateral, 0, (debt, owed + 9)),
            LoanCase::Liquidate => {
                // Of the 1.66 apiece of debt, 1.07 then count, of 1.10 that should.
                let price = 68 * (ONE / 100);
                snapshot.prices[usize::from(id)] = price;
                let seized = most_seizable(before.collateral, price, owed, market.bonus);
                (before.collateral - seized, 0, (fee_asset, 0))
            }
            LoanCase::Overdue => {
                let seized = most_seizable(before.collateral, 2 * ONE, owed, market.bonus);
                (before.collateral - seized, 0, (fee_asset, 0))
            }
        };
        let acts = step == Step::Liquidate || case == LoanCase::Lend;
        let mut parties = seeds;
        if acts {
            parties.reverse();
        }
        let priced = !matches!(case, LoanCase::TopUp | LoanCase::Repay | LoanCase::Close);
        let spent = [(fee_asset, fee), paid]
            .into_iter()
            .filter(|(_, value)| *value != 0)
            .collect();
        Self {
            parties,
            step,
            loan,
            side: Side::BOTH[rng.gen_range(0..2usize)],
            before,
            left,
            debt: left_debt,
            snapshot: priced.then_some(snapshot),
            spent,
            fee,
            window,
            lends: case == LoanCase::Lend,
        }
    }

    /// The terms of the opening.
    pub(crate) fn terms(&self) -> Terms {
        let agreement = Agreement {
            loan: self.loan.clone(),
            collateral: if self.lends {
                self.before.collateral
            } else {
                self.left
            },
            borrower_side: if self.lends {
                self.side.other()
            } else {
                self.side
            },
            expiry: self.window[1],
        };
        agreement.terms().expect("two assets and two owners")
    }

    /// What the step repays.
    pub(crate) fn repaid(&self) -> u128 {
        match self.step {
            Step::Adjust => self.owed() - self.debt,
            Step::Open | Step::Liquidate => 0,
        }
    }

    /// What is owed at the time of the step.
    pub(crate) fn owed(&self) -> u128 {
        let time = match self.step {
            Step::Liquidate => self.window[0],
            Step::Open | Step::Adjust => self.window[1],
        };
        self.loan
            .owed(&self.before.debt, time)
            .expect("samples are far below 2^128")
    }

    /// The statement. What is left of the notes that are spent goes back to the actor, in the outputs that are free.
    pub(crate) fn sample(self, rng: &mut (impl RngCore + CryptoRng)) -> Sample {
        let [fee_asset, collateral, debt] = SAMPLE_ASSETS;
        let opens = self.step == Step::Open;
        let repaid = self.repaid();
        let total = |asset: AssetId| -> u128 {
            let notes = self.spent.iter().filter(|(of, _)| *of == asset);
            notes.map(|(_, value)| value).sum()
        };
        let (first, delivered) = if self.lends {
            ((debt, self.loan.principal), self.loan.principal)
        } else {
            ((collateral, self.left), 0)
        };
        let mut back = vec![
            (fee_asset, total(fee_asset) - self.fee),
            (
                collateral,
                (total(collateral) + if opens { 0 } else { self.before.collateral })
                    - if self.lends { 0 } else { self.left },
            ),
            (debt, total(debt) - repaid - delivered),
        ];
        back.retain(|(_, value)| *value != 0);
        let free = 2 - usize::from(repaid != 0);
        assert!(back.len() <= free, "the change has no room");
        back.resize(free, (fee_asset, 0));
        if repaid != 0 {
            back.insert(0, (debt, repaid));
        }
        let stepped = Stepped {
            step: LoanStep {
                step: self.step,
                loan: self.loan.clone(),
                before: self.before.debt,
                debt: self.debt,
                snapshot: self.snapshot,
            },
            window: self.window,
            oracle: self
                .snapshot
                .as_ref()
                .map_or(Fr::from(0u64), Snapshot::digest),
        };
        let contents = Contents {
            kind: if opens {
                Kind::leg(self.side)
            } else {
                Kind::Transfer
            },
            fee: self.fee,
            spent: self.spent.clone(),
            paid: first,
            change: [back[0], back[1]],
            withdrawal: None,
            terms: opens.then(|| self.terms()),
            step: (!self.lends).then_some(stepped),
        };
        let owner = ViewingKey::from_seed(&self.parties[0]).owner;
        let mut notes = contents.notes(owner, rng);
        if !opens {
            notes.insert(0, self.loan.note(&self.before, Fr::rand(rng)));
        }
        let assets = asset_tree(rng);
        let mut tree = NoteTree::new();
        let inputs = plant(&mut tree, notes, owner, rng);
        contents.finish(self.parties, assets, tree.root(), inputs, rng)
    }
}
