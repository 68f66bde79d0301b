//! Sample steps on the positions of loans.

use super::{Contents, SAMPLE_ASSETS, SAMPLE_EXPIRY, Sample, Stepped, asset_tree, plant};
use crate::assemble::LoanStep;
use crate::witness::Step;
use ark_bn254::Fr;
use ark_ff::UniformRand;
use ark_std::rand::{CryptoRng, Rng, RngCore};
use subrosa_protocol::asset::AssetId;
use subrosa_protocol::keys::{Seed, ViewingKey};
use subrosa_protocol::loan::{
    Agreement, CURE, Debt, Loan, PartyKeys, Position, RAMP_BITS, Renewal, most_seizable, needed,
};
use subrosa_protocol::market::{MARKETS, Market, Markets, PRICE_SCALE, Price, PriceSnapshot};
use subrosa_protocol::swap::{Salt, Side, Terms};
use subrosa_protocol::transaction::Kind;
use subrosa_protocol::tree::NoteTree;

/// Kind of a sample step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoanCase {
    /// The lender's leg for a new loan: no step, but terms that contain a position.
    Lend,
    /// The borrower's leg for a new loan, which creates the position.
    Open,
    /// The borrower's leg that renews a loan under other terms, with another asset as collateral.
    Renew,
    /// The borrower adds collateral, without a price.
    TopUp,
    /// The borrower repays part of the debt, without a price.
    Repay,
    /// The borrower takes out collateral, under a price.
    Release,
    /// The borrower repays the whole debt.
    Close,
    /// The lender liquidates below the maintenance margin.
    Liquidate,
    /// The lender liquidates a healthy position after maturity.
    Overdue,
}

impl LoanCase {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Lend,
        Self::Open,
        Self::Renew,
        Self::TopUp,
        Self::Repay,
        Self::Release,
        Self::Close,
        Self::Liquidate,
        Self::Overdue,
    ];
}

/// Returns a step on a position between the parties of the sample.
pub fn loan_step(case: LoanCase, rng: &mut (impl RngCore + CryptoRng)) -> Sample {
    Plan::new(case, rng).sample(rng)
}

/// Price of one unit of collateral in units of debt.
const ONE: u128 = PRICE_SCALE as u128;
const DAY: u64 = 86_400;
/// First second of the steps' validity.
const NOT_BEFORE: u64 = SAMPLE_EXPIRY - 200;

/// Market of the loan.
const MARKET: Market = Market {
    collateral: SAMPLE_ASSETS[1],
    debt: SAMPLE_ASSETS[2],
    haircut: 500,
    initial: 12_500,
    maintenance: 11_000,
    bonus: 500,
    max_age: 3_600,
};

/// A step before it is drafted. Tests change it to get another step, or a false one.
#[derive(Clone)]
pub(crate) struct Plan {
    /// Actor, and the other party.
    pub(crate) parties: [Seed; 2],
    pub(crate) step: Step,
    pub(crate) loan: Loan,
    /// Loan of the position to spend, if the step renews it.
    pub(crate) renewed: Option<Loan>,
    /// Amount that the lender adds to a renewed loan.
    pub(crate) lent: u128,
    /// Side of the actor's leg.
    pub(crate) side: Side,
    /// Position to spend.
    pub(crate) before: Position,
    /// Value of output 0.
    pub(crate) left: u128,
    /// Debt after the step.
    pub(crate) debt: u128,
    pub(crate) snapshot: Option<PriceSnapshot>,
    /// Other notes to spend.
    pub(crate) spent: Vec<(AssetId, u128)>,
    pub(crate) fee: u128,
    /// First and last second of validity.
    pub(crate) window: [u64; 2],
    lends: bool,
}

impl Plan {
    /// Returns a legal step. The loan is of the third asset against the second; one unit of
    /// collateral is worth two of debt.
    pub(crate) fn new(case: LoanCase, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let [fee_asset, ..] = SAMPLE_ASSETS;
        let mut parties = [Seed::random(rng), Seed::random(rng)];
        let (market, mut snapshot) = random_snapshot(rng);
        let mut loan = random_loan(case, &parties, market, rng);
        let before = Position {
            collateral: cover(loan.principal, MARKET.initial) + loan.principal,
            debt: Debt {
                sequence: rng.gen_range(0..1000),
                ..loan.origination_debt()
            },
        };
        let renewed = (case == LoanCase::Renew).then(|| loan.clone());
        if case == LoanCase::Renew {
            let of_market = &mut snapshot.markets.0[usize::from(market)];
            *of_market = Some(Market {
                collateral: fee_asset,
                ..MARKET
            });
            loan = Loan {
                collateral: fee_asset,
                principal: loan.principal - loan.principal / 9,
                rate: loan.rate + 1,
                start: SAMPLE_EXPIRY,
                maturity: SAMPLE_EXPIRY + 90 * DAY,
                ..loan
            };
        }
        let fee = rng.gen_range(1..1u128 << 60);
        let step = match case {
            LoanCase::Lend | LoanCase::Open => Step::Open,
            LoanCase::Renew => Step::Renew,
            LoanCase::TopUp | LoanCase::Repay | LoanCase::Release | LoanCase::Close => Step::Adjust,
            LoanCase::Liquidate | LoanCase::Overdue => Step::Liquidate,
        };
        let window = [NOT_BEFORE, SAMPLE_EXPIRY];
        let owed = owed_at(&loan, &before.debt, step, window);
        if case == LoanCase::Liquidate {
            // At 0.68 a unit the collateral, 1.66 for each unit of debt, counts for 1.07; the
            // margin requires 1.10.
            snapshot.prices[usize::from(market)] = Price::flat(68 * (ONE / 100));
        }
        let price = snapshot.prices[usize::from(market)].high;
        let (left, debt, paid) = amounts(case, &loan, &before, owed, price);
        if step == Step::Liquidate || case == LoanCase::Lend {
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
            renewed,
            lent: 1,
            side: Side::BOTH[rng.gen_range(0..2usize)],
            before,
            left,
            debt,
            snapshot: priced.then_some(snapshot),
            spent,
            fee,
            window,
            lends: case == LoanCase::Lend,
        }
    }

    /// Returns the terms of the new loan.
    pub(crate) fn terms(&self) -> Terms {
        if let Some(renewed) = &self.renewed {
            let renewal = Renewal {
                renewed: renewed.clone(),
                before: self.before.debt,
                loan: self.loan.clone(),
                parties: self.party_keys(),
                collateral: self.left,
                lent: self.lent,
                borrower_side: self.side,
                expiry: self.window[1],
            };
            return renewal.terms().expect("two assets and two owners");
        }
        let agreement = Agreement {
            loan: self.loan.clone(),
            parties: self.party_keys(),
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

    /// Returns the encryption keys of borrower and lender. A party that a test put in their place
    /// gets the actor's.
    fn party_keys(&self) -> PartyKeys {
        let keys = self.parties.each_ref().map(ViewingKey::from_seed);
        let key_of = |owner| {
            keys.iter()
                .find(|k| k.owner == owner)
                .unwrap_or(&keys[0])
                .pk
        };
        PartyKeys {
            borrower: key_of(self.loan.borrower),
            lender: key_of(self.loan.lender),
        }
    }

    /// Returns the repaid amount.
    pub(crate) fn repaid(&self) -> u128 {
        match self.step {
            Step::Adjust => self.owed() - self.debt,
            Step::Open | Step::Renew | Step::Liquidate => 0,
        }
    }

    /// Returns the amount owed at the time of the step.
    pub(crate) fn owed(&self) -> u128 {
        owed_at(&self.loan, &self.before.debt, self.step, self.window)
    }

    /// Builds the statement. Change of the spent notes returns to the actor, in the unused outputs.
    pub(crate) fn sample(self, rng: &mut (impl RngCore + CryptoRng)) -> Sample {
        let [fee_asset, _, debt] = SAMPLE_ASSETS;
        let spends = self.step != Step::Open;
        let makes_loan = self.step.makes_loan();
        let held = self.renewed.as_ref().unwrap_or(&self.loan).clone();
        let repaid = self.repaid();
        let total = |asset: AssetId| -> u128 {
            let notes = self.spent.iter().filter(|(of, _)| *of == asset);
            notes.map(|(_, value)| value).sum()
        };
        let (first, delivered) = if self.lends {
            ((debt, self.loan.principal), self.loan.principal)
        } else {
            ((self.loan.collateral, self.left), 0)
        };
        let change = |asset: AssetId| {
            let of = |part: bool, value: u128| if part { value } else { 0 };
            let freed = of(spends && asset == held.collateral, self.before.collateral);
            let bound = of(!self.lends && asset == self.loan.collateral, self.left);
            let paid = of(asset == fee_asset, self.fee) + of(asset == debt, repaid + delivered);
            (asset, total(asset) + freed - bound - paid)
        };
        let mut back = SAMPLE_ASSETS.map(change).to_vec();
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
                renewed: self.renewed.clone(),
                before: self.before.debt,
                debt: self.debt,
                snapshot: self.snapshot,
            },
            window: self.window,
            prices: self
                .snapshot
                .as_ref()
                .map_or(Fr::from(0u64), PriceSnapshot::digest),
        };
        let contents = Contents {
            kind: if makes_loan {
                Kind::leg(self.side)
            } else {
                Kind::Transfer
            },
            fee: self.fee,
            spent: self.spent.clone(),
            paid: first,
            change: [back[0], back[1]],
            withdrawal: None,
            terms: makes_loan.then(|| self.terms()),
            step: (!self.lends).then_some(stepped),
        };
        let owner = ViewingKey::from_seed(&self.parties[0]).owner;
        let mut notes = contents.notes(owner, rng);
        if spends {
            notes.insert(0, held.note(&self.before, Fr::rand(rng)));
        }
        let assets = asset_tree(rng);
        let mut tree = NoteTree::new();
        let inputs = plant(&mut tree, notes, owner, rng);
        contents.finish(self.parties, assets, tree.root(), inputs, rng)
    }
}

/// Returns the number of the loan's market, and a snapshot in which the market has a price of 2.
fn random_snapshot(rng: &mut impl RngCore) -> (u8, PriceSnapshot) {
    let id = rng.gen_range(0..MARKETS as u8);
    let mut snapshot = PriceSnapshot {
        time: SAMPLE_EXPIRY - 100,
        markets: Markets::default(),
        previous: SAMPLE_EXPIRY - 160,
        prices: std::array::from_fn(|_| Price::flat(rng.gen_range(1..1 << 119))),
    };
    snapshot.markets.0[usize::from(id)] = Some(MARKET);
    snapshot.prices[usize::from(id)] = Price::flat(2 * ONE);
    (id, snapshot)
}

/// Returns the loan between borrower and lender, in this order.
fn random_loan(
    case: LoanCase,
    parties: &[Seed; 2],
    market: u8,
    rng: &mut (impl RngCore + CryptoRng),
) -> Loan {
    let [_, collateral, debt] = SAMPLE_ASSETS;
    let [borrower, lender] = parties
        .each_ref()
        .map(|seed| ViewingKey::from_seed(seed).owner);
    Loan {
        borrower,
        lender,
        collateral,
        debt,
        principal: rng.gen_range(1_000_000..1 << 111),
        rate: rng.gen_range(1..200_000),
        start: match case {
            LoanCase::Lend | LoanCase::Open => SAMPLE_EXPIRY,
            _ => SAMPLE_EXPIRY - 30 * DAY,
        },
        maturity: if case == LoanCase::Overdue {
            // Half of the bonus is due.
            NOT_BEFORE - 1 - CURE - (1 << (RAMP_BITS - 1))
        } else {
            SAMPLE_EXPIRY + 30 * DAY
        },
        market,
        salt: Salt::random(rng),
    }
}

/// Returns the smallest collateral that covers a debt at a price of 2.
fn cover(debt: u128, margin: u32) -> u128 {
    needed(2 * ONE, MARKET.haircut, debt, margin).expect("samples are far below 2^128")
}

/// Returns the debt that a step accounts for, interest included.
fn owed_at(loan: &Loan, debt: &Debt, step: Step, [not_before, expiry]: [u64; 2]) -> u128 {
    let owed = match step {
        Step::Open | Step::Renew | Step::Adjust => loan.owed(debt, expiry),
        Step::Liquidate => loan.claimed(debt, not_before),
    };
    owed.expect("samples are far below 2^128")
}

/// Returns the value of output 0, the debt after the step, and the other note to spend.
fn amounts(
    case: LoanCase,
    loan: &Loan,
    before: &Position,
    owed: u128,
    price: u128,
) -> (u128, u128, (AssetId, u128)) {
    let [fee_asset, collateral, debt] = SAMPLE_ASSETS;
    let held = before.collateral;
    match case {
        LoanCase::Lend => (0, 0, (debt, loan.principal + 5)),
        LoanCase::Open => (held, loan.principal, (collateral, held + 7)),
        LoanCase::Renew => (held, loan.principal, (fee_asset, held)),
        LoanCase::TopUp => (held + held / 7, owed, (collateral, held / 7 + 3)),
        LoanCase::Repay => (held, owed - owed / 3, (debt, owed / 3 + 4)),
        LoanCase::Release => (cover(owed, MARKET.initial), owed, (fee_asset, 0)),
        LoanCase::Close => (held, 0, (debt, owed + 9)),
        LoanCase::Liquidate | LoanCase::Overdue => {
            let bonus = match case {
                LoanCase::Overdue => MARKET.bonus / 2,
                _ => MARKET.bonus,
            };
            let seized = most_seizable(held, price, owed, bonus);
            (held - seized, 0, (fee_asset, 0))
        }
    }
}
