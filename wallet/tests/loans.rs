//! Loans against the real ledger: both parties follow every step, find the loan again from their
//! seeds at every stage, and compose no step that the rules forbid. The native check
//! `subrosa_transaction::check` stands for proofs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use subrosa_protocol::{
    asset::AssetId,
    keys::{Seed, SpendKey},
    loan::{Agreement, CURE, End, LAPSE, LAPSE_AGE, Loan, OPENING_AGE, PartyKeys, RAMP_BITS},
    market::Price,
    swap::{Salt, Side},
    transaction::{Kind, Transaction},
};
use subrosa_wallet::{
    chain::{Chain, MovementKind},
    compose::{ComposeError, Composed, Intent},
    loans::{Action, Role, StepError},
    times::down,
};
use world::{DOLLAR, FEE, GOLD, NOW, Party, World, deposit, held, range, snapshot};

const DAY: u64 = 86_400;
/// Last second of the opening, from which interest runs.
const START: u64 = NOW + 90;
/// Time of the first step after the opening.
const OPENED: u64 = START + 110;

/// The start of a test: Alice borrows 1,000 from Bob against 700.
struct Scene {
    world: World,
    alice: Party,
    bob: Party,
    agreement: Agreement,
}

impl Scene {
    /// Alice has 2,000 of the collateral, Bob 5,000 of the debt, and both have a note for fees.
    fn new(borrower_side: Side, collateral: AssetId, debt: AssetId) -> Self {
        let mut world = World::new();
        world.snapshot = Some(snapshot(
            if collateral == GOLD { 200 } else { 50 },
            NOW - 100,
        ));
        let (mut alice, mut bob) = (world.party(1), world.party(2));
        world.seal(
            vec![],
            vec![
                deposit(&alice, 0, collateral, 2_000),
                deposit(&alice, 1, DOLLAR, 500),
                deposit(&bob, 0, debt, 5_000),
                deposit(&bob, 1, DOLLAR, 500),
            ],
            &mut [&mut alice, &mut bob],
        );
        let loan = Loan {
            borrower: alice.keys.owner,
            lender: bob.keys.owner,
            collateral,
            debt,
            principal: 1_000,
            rate: 50_000,
            start: START,
            maturity: NOW + 30 * DAY,
            market: if collateral == GOLD { 3 } else { 4 },
            salt: Salt::from_bytes([0x5a; 16]),
        };
        let agreement = Agreement {
            loan,
            parties: PartyKeys::of(&alice.keys.address(), &bob.keys.address()),
            collateral: 700,
            borrower_side,
            expiry: START,
        };
        Self {
            world,
            alice,
            bob,
            agreement,
        }
    }

    /// Composes both legs, and returns them in the order of the batch.
    fn legs(&mut self) -> Vec<Transaction> {
        let side = self.agreement.borrower_side;
        let intent = Intent::Open(Box::new(self.agreement.clone()));
        let loan = &self.agreement.loan;
        let mut leg = |of: &Party, asset, amount, side| {
            let composed = self
                .world
                .compose(of, &intent, asset, amount, |_| true)
                .unwrap();
            assert!(!composed.merges);
            assert_eq!(composed.transaction.header.kind, Kind::leg(side));
            assert_eq!(composed.transaction.header.expiry, self.agreement.expiry);
            composed.transaction
        };
        let secured = leg(&self.alice, loan.collateral, 700, side);
        let lent = leg(&self.bob, loan.debt, 1_000, side.other());
        match side {
            Side::A => vec![secured, lent],
            Side::B => vec![lent, secured],
        }
    }

    fn opened(borrower_side: Side, collateral: AssetId, debt: AssetId) -> Self {
        let mut scene = Self::new(borrower_side, collateral, debt);
        let pair = scene.legs();
        scene.seal(pair);
        let price = if collateral == GOLD { 200 } else { 50 };
        scene.world.time = OPENED;
        scene.world.snapshot = Some(snapshot(price, OPENED - 100));
        scene
    }

    fn seal(&mut self, transactions: Vec<Transaction>) {
        self.world
            .seal(transactions, vec![], &mut [&mut self.alice, &mut self.bob]);
        self.agree();
    }

    /// Checks that both parties, live and restored from their seeds, see the same loan, notes and
    /// history.
    fn agree(&self) {
        for (seed, live) in [(1, &self.alice), (2, &self.bob)] {
            let restored = self.world.party(seed);
            assert_eq!(restored.chain.loans(), live.chain.loans());
            for asset in [DOLLAR, GOLD] {
                assert_eq!(held(&restored, asset), held(live, asset));
            }
            assert_eq!(lines(&restored), lines(live));
        }
        let (a, b) = (self.alice.chain.loans(), self.bob.chain.loans());
        assert_eq!(a.len(), b.len());
        for (borrowed, lent) in a.iter().zip(b) {
            assert_eq!((borrowed.role, lent.role), (Role::Borrower, Role::Lender));
            assert_eq!(borrowed.position, lent.position);
            assert_eq!(borrowed.note, lent.note);
            assert_eq!((borrowed.end, borrowed.batch), (lent.end, lent.batch));
            assert_eq!(borrowed.nullifier, lent.nullifier);
        }
        assert!(self.world.party(3).chain.loans().is_empty());
    }

    fn try_step(&mut self, role: Role, action: Action) -> Result<Composed, ComposeError> {
        let party = match role {
            Role::Borrower => &self.alice,
            Role::Lender => &self.bob,
        };
        let intent = Intent::Step {
            loan: Box::new(party.chain.loans()[0].clone()),
            action,
        };
        self.world.compose(party, &intent, DOLLAR, 0, |_| true)
    }

    /// Makes a step after the merges that it needs. Returns the number of merges.
    fn step(&mut self, role: Role, action: Action) -> usize {
        for merges in 0..5 {
            let composed = self.try_step(role, action).unwrap();
            self.world.time += 1;
            let done = !composed.merges;
            self.seal(vec![composed.transaction]);
            if done {
                return merges;
            }
        }
        panic!("merges never end");
    }

    fn state(&self) -> (u128, u128, u32) {
        let position = &self.bob.chain.loans()[0].position;
        (
            position.collateral,
            position.debt.amount,
            position.debt.sequence,
        )
    }

    fn refuses(&mut self, role: Role, action: Action, why: StepError) {
        let refused = self.try_step(role, action).map(|_| ()).unwrap_err();
        assert_eq!(refused, ComposeError::Step(why));
    }
}

type Line = (u64, MovementKind, AssetId, u128, bool);

fn lines(party: &Party) -> Vec<Line> {
    let movements = party.chain.movements().iter();
    movements
        .map(|m| (m.batch, m.kind, m.asset, m.amount, m.to.is_some()))
        .collect()
}

fn last(party: &Party, batch: u64) -> Vec<(MovementKind, AssetId, u128)> {
    let movements = lines(party).into_iter().filter(|line| line.0 == batch);
    movements
        .inspect(|line| assert!(line.4, "every movement of a loan names the other party"))
        .map(|(_, kind, asset, amount, _)| (kind, asset, amount))
        .collect()
}

#[test]
fn both_parties_follow_every_step_to_the_close() {
    use MovementKind::{Delivered, Received, Released, Repaid, Secured};
    for side in Side::BOTH {
        let mut scene = Scene::opened(side, GOLD, DOLLAR);
        assert_eq!(scene.state(), (700, 1_000, 0));
        assert_eq!(
            last(&scene.alice, 2),
            [(Secured, GOLD, 700), (Received, DOLLAR, 1_000)]
        );
        assert_eq!(last(&scene.bob, 2), [(Delivered, DOLLAR, 1_000)]);
        assert_eq!(
            (held(&scene.alice, DOLLAR), held(&scene.alice, GOLD)),
            (1_490, 1_300)
        );
        assert_eq!(held(&scene.bob, DOLLAR), 4_490);
        assert_eq!(held(&scene.bob, GOLD), 0, "collateral is nobody's cash");

        scene.step(Role::Borrower, Action::Add { amount: 50 });
        let (collateral, debt, sequence) = scene.state();
        assert_eq!((collateral, sequence), (750, 1));
        assert_eq!(debt, 1_001, "a second of interest, rounded up");
        assert_eq!(last(&scene.alice, 3), [(Secured, GOLD, 50)]);
        assert!(last(&scene.bob, 3).is_empty());

        scene.step(Role::Borrower, Action::Release { amount: 60 });
        assert_eq!(scene.state().0, 690);
        assert_eq!(last(&scene.alice, 4), [(Released, GOLD, 60)]);
        assert_eq!(held(&scene.alice, GOLD), 1_310);

        let owed = scene.state().1;
        scene.step(Role::Borrower, Action::Repay { amount: 400 });
        let (_, left, sequence) = scene.state();
        assert!(left >= owed - 400 && left <= owed - 398);
        assert_eq!(sequence, 3);
        assert_eq!(last(&scene.alice, 5), [(Repaid, DOLLAR, 400)]);
        assert_eq!(last(&scene.bob, 5), [(Received, DOLLAR, 400)]);
        assert_eq!(held(&scene.bob, DOLLAR), 4_890);

        scene.step(Role::Borrower, Action::Close);
        let ended = &scene.alice.chain.loans()[0];
        assert_eq!(ended.end, Some(End::Closed));
        let repaid = last(&scene.bob, 6)[0].2;
        assert_eq!(
            last(&scene.alice, 6),
            [(Repaid, DOLLAR, repaid), (Released, GOLD, 690)]
        );
        assert_eq!(held(&scene.alice, GOLD), 2_000);
        assert_eq!(held(&scene.bob, DOLLAR), 4_890 + repaid);
        scene.refuses(Role::Borrower, Action::Close, StepError::Ended);

        // Both can spend the proceeds: the lender the repayment, the borrower the collateral.
        let everything = held(&scene.bob, DOLLAR) - FEE;
        let to = scene.alice.keys.address();
        let pay = |memo: &str| Intent::Transfer {
            to,
            memo: memo.parse().unwrap(),
        };
        let merge = scene
            .world
            .compose(&scene.bob, &pay("all"), DOLLAR, everything, |_| true);
        scene.seal(vec![merge.unwrap().transaction]);
    }
}

/// The debt and the fee are in different assets. A repayment would leave two changes, but has room
/// for one.
#[test]
fn a_repayment_in_another_asset_than_the_fee_is_prepared() {
    let mut scene = Scene::opened(Side::B, DOLLAR, GOLD);
    assert_eq!(scene.state(), (700, 1_000, 0));
    assert_eq!(
        scene.step(Role::Borrower, Action::Repay { amount: 300 }),
        1,
        "a note of exactly the fee is made first"
    );
    assert_eq!(
        scene.step(Role::Borrower, Action::Add { amount: 40 }),
        0,
        "collateral and fee come from one note"
    );
    assert_eq!(scene.step(Role::Borrower, Action::Release { amount: 5 }), 0);
    // The whole debt with interest exceeds the principal, so Bob gives Alice some.
    let intent = Intent::Transfer {
        to: scene.alice.keys.address(),
        memo: "".parse().unwrap(),
    };
    let gift = scene
        .world
        .compose(&scene.bob, &intent, GOLD, 100, |_| true)
        .unwrap();
    scene.seal(vec![gift.transaction]);
    assert_eq!(
        scene.step(Role::Borrower, Action::Close),
        2,
        "notes of the debt are merged, and a note of the fee is made"
    );
    assert_eq!(scene.bob.chain.loans()[0].end, Some(End::Closed));
    assert_eq!(held(&scene.bob, GOLD), 5_000 - 100 + scene.repaid());
}

impl Scene {
    /// Returns the lender's income minus the principal.
    fn repaid(&self) -> u128 {
        let movements = self.bob.chain.movements().iter();
        let got: u128 = movements
            .filter(|m| m.kind == MovementKind::Received)
            .map(|m| m.amount)
            .sum();
        got - 1_000
    }
}

#[test]
fn a_fall_of_the_price_lets_the_lender_seize_what_it_is_owed() {
    use MovementKind::{Released, Seized};
    for side in Side::BOTH {
        let mut scene = Scene::opened(side, GOLD, DOLLAR);
        scene.refuses(Role::Lender, Action::Liquidate, StepError::NotLiquidatable);
        scene.refuses(Role::Borrower, Action::Liquidate, StepError::NotOurs);
        scene.refuses(Role::Lender, Action::Close, StepError::NotOurs);
        // 700 at 1.60 count for 1,064 after the haircut; the maintenance margin asks for 1,100.
        scene.world.time += 30;
        // A high price protects the borrower from a low one.
        scene.world.snapshot = Some(range([160, 166], scene.world.time));
        scene.refuses(Role::Lender, Action::Liquidate, StepError::NotLiquidatable);
        scene.world.snapshot = Some(snapshot(160, scene.world.time));
        scene.step(Role::Lender, Action::Liquidate);
        let ended = &scene.alice.chain.loans()[0];
        assert_eq!(ended.end, Some(End::Liquidated));
        // 1,000 and the bonus of 5 percent at 1.60, rounded down.
        assert_eq!(last(&scene.bob, 3), [(Seized, GOLD, 656)]);
        assert_eq!(last(&scene.alice, 3), [(Released, GOLD, 44)]);
        assert_eq!(held(&scene.bob, GOLD), 656);
        assert_eq!(held(&scene.alice, GOLD), 1_344);
        assert_eq!(scene.alice.chain.spent(&ended.nullifier), Some(3));
        assert_eq!(scene.bob.chain.spent(&ended.nullifier), Some(3));
    }
}

#[test]
fn after_maturity_a_healthy_loan_is_liquidated_or_closed_and_nothing_else() {
    let mut scene = Scene::opened(Side::A, GOLD, DOLLAR);
    let maturity = scene.agreement.loan.maturity;
    scene.world.time = maturity;
    scene.world.snapshot = Some(snapshot(200, maturity - 5));
    scene.refuses(Role::Lender, Action::Liquidate, StepError::NotLiquidatable);
    scene.refuses(Role::Borrower, Action::Add { amount: 50 }, StepError::Due);
    assert!(scene.try_step(Role::Borrower, Action::Close).is_ok());
    // A day to cure it, then a bonus that rises from nothing.
    let cured = maturity + CURE + 1;
    scene.world.time = cured;
    scene.world.not_before = Some(cured - 1);
    scene.world.snapshot = Some(snapshot(200, cured - 5));
    scene.refuses(Role::Lender, Action::Liquidate, StepError::NotLiquidatable);
    assert!(scene.try_step(Role::Borrower, Action::Close).is_ok());
    scene.world.not_before = Some(cured);
    let composed = scene.try_step(Role::Lender, Action::Liquidate).unwrap();
    assert_eq!(composed.transaction.header.not_before, cured);
    let seized = |scene: &Scene| last(&scene.bob, scene.bob.chain.loans()[0].batch)[0].2;
    scene.seal(vec![composed.transaction]);
    assert_eq!(scene.alice.chain.loans()[0].end, Some(End::Liquidated));
    // 1,005 owed, at 2.00.
    assert_eq!(seized(&scene), 502);

    let mut scene = Scene::opened(Side::A, GOLD, DOLLAR);
    let later = cured + (1 << RAMP_BITS);
    scene.world.time = later;
    scene.world.snapshot = Some(snapshot(200, later - 5));
    scene.seal(vec![]);
    scene.step(Role::Lender, Action::Liquidate);
    // 1,005 counted, rounded down, and the whole bonus of 5 percent.
    assert_eq!(seized(&scene), 527);
}

#[test]
fn long_after_maturity_collateral_without_a_price_is_the_lenders() {
    let mut scene = Scene::opened(Side::A, GOLD, DOLLAR);
    let lapsed = scene.agreement.loan.maturity + LAPSE;
    let without = |time| {
        let mut none = snapshot(200, time);
        none.prices[3] = Price::default();
        Some(none)
    };
    scene.world.time = lapsed + 1;
    scene.world.snapshot = without(lapsed - 5);
    scene.world.not_before = Some(lapsed);
    scene.refuses(Role::Lender, Action::Liquidate, StepError::NoPrice);
    scene.world.not_before = Some(lapsed + 1);
    // Without a snapshot nothing shows that there is no price, nor does an old one.
    for none in [
        None,
        without(lapsed - LAPSE_AGE),
        Some(snapshot(200, lapsed - 9_000)),
    ] {
        scene.world.snapshot = none;
        scene.refuses(Role::Lender, Action::Liquidate, StepError::NoPrice);
    }
    scene.world.snapshot = without(lapsed + 60 - LAPSE_AGE);
    let composed = scene.try_step(Role::Lender, Action::Liquidate).unwrap();
    assert_eq!(composed.transaction.header.expiry, lapsed + 60);
    scene.world.snapshot = without(lapsed - 5);
    scene.step(Role::Lender, Action::Liquidate);
    assert_eq!(held(&scene.bob, GOLD), 700, "all of it");
    assert_eq!(scene.alice.chain.loans()[0].end, Some(End::Liquidated));

    // A market of other assets has no price of the collateral either.
    let mut scene = Scene::opened(Side::A, GOLD, DOLLAR);
    scene.world.time = lapsed + 1;
    scene.world.not_before = Some(lapsed + 1);
    let mut moved = snapshot(200, lapsed - 5);
    moved.markets.0[3] = moved.markets.0[4];
    scene.world.snapshot = Some(moved);
    scene.step(Role::Lender, Action::Liquidate);
    assert_eq!(held(&scene.bob, GOLD), 700);
}

/// The lender encrypts the principal to nobody. The borrower finds the loan and the money from its
/// own leg.
#[test]
fn a_borrower_finds_its_loan_whatever_the_lender_encrypted() {
    for side in Side::BOTH {
        let mut scene = Scene::new(side, GOLD, DOLLAR);
        let mut pair = scene.legs();
        for byte in &mut pair[side.other().index()].note_data.0 {
            *byte ^= 0xa5;
        }
        let parties = &mut [&mut scene.alice, &mut scene.bob];
        scene.world.seal(pair, vec![], parties);
        for borrower in [&scene.alice, &scene.world.party(1)] {
            assert_eq!(borrower.chain.loans().len(), 1);
            assert_eq!(held(borrower, DOLLAR), 1_490);
            let borrowed = (2, MovementKind::Received, DOLLAR, 1_000, true);
            assert!(lines(borrower).contains(&borrowed));
        }
    }
}

#[test]
fn what_the_rules_forbid_is_refused_before_it_is_proven() {
    let mut scene = Scene::opened(Side::A, GOLD, DOLLAR);
    let add = |amount| Action::Add { amount };
    let release = |amount| Action::Release { amount };
    let repay = |amount| Action::Repay { amount };
    scene.refuses(Role::Borrower, release(701), StepError::OutOfRange);
    scene.refuses(Role::Borrower, release(60), StepError::NotCovered);
    scene.refuses(Role::Borrower, repay(1_001), StepError::TooMuch);
    scene.refuses(Role::Borrower, repay(5_000), StepError::TooMuch);
    // Tiny steps are legal only under a price at which the initial margin covers the debt.
    assert!(scene.try_step(Role::Borrower, add(1)).is_ok());
    scene.world.snapshot = Some(range([170, 200], OPENED - 100));
    scene.refuses(Role::Borrower, add(1), StepError::TooSmall);
    scene.refuses(Role::Borrower, repay(3), StepError::TooSmall);
    scene.refuses(Role::Borrower, release(1), StepError::NotCovered);
    for time in [Some(START - 1), Some(NOW - 9_000), None] {
        scene.world.snapshot = time.map(|time| snapshot(200, time));
        scene.refuses(Role::Borrower, add(1), StepError::TooSmall);
        scene.refuses(Role::Borrower, release(1), StepError::NoPrice);
        scene.refuses(Role::Lender, Action::Liquidate, StepError::NoPrice);
        // A step that improves the position needs no price, but its anchor holds one if it is
        // known.
        for action in [add(3), repay(4), Action::Close] {
            let composed = scene.try_step(Role::Borrower, action).unwrap();
            let last = *scene.alice.chain.prices();
            let prices = scene.world.snapshot.map_or(last, |known| known.digest());
            let anchor = scene.world.ledger.state().anchor(&prices);
            assert_eq!(composed.transaction.anchor, anchor);
            assert_eq!(composed.transaction.header.not_before, NOW);
        }
    }
    // A transaction ends with its price. A price that ends too soon is not used.
    scene.world.snapshot = Some(snapshot(200, OPENED - 100));
    scene.world.time = OPENED + 730;
    let composed = scene.try_step(Role::Borrower, release(10)).unwrap();
    // 15 minutes after the snapshot.
    let end = down(OPENED + 800);
    assert_eq!(composed.transaction.header.expiry, end);
    scene.world.time = end - 10;
    scene.refuses(Role::Borrower, release(1), StepError::NoPrice);
}

#[test]
fn an_opening_is_signed_only_if_it_is_ours_and_legal() {
    let mut scene = Scene::new(Side::A, GOLD, DOLLAR);
    let open = |scene: &mut Scene, agreement: &Agreement, borrower: bool| {
        let (party, asset, amount) = if borrower {
            (&scene.alice, GOLD, agreement.collateral)
        } else {
            (&scene.bob, DOLLAR, agreement.loan.principal)
        };
        let intent = Intent::Open(Box::new(agreement.clone()));
        let composed = scene.world.compose(party, &intent, asset, amount, |_| true);
        composed.map(|_| ()).err()
    };
    let good = scene.agreement.clone();
    assert_eq!(open(&mut scene, &good, true), None);
    assert_eq!(open(&mut scene, &good, false), None);
    let mut foreign = good.clone();
    foreign.loan.borrower = scene.world.party(3).keys.owner;
    assert_eq!(
        open(&mut scene, &foreign, true),
        Some(ComposeError::Foreign)
    );
    let thin = Agreement {
        collateral: 600,
        ..good.clone()
    };
    let step = |why| Some(ComposeError::Step(why));
    for borrower in [true, false] {
        let refused = open(&mut scene, &thin, borrower);
        assert_eq!(refused, step(StepError::Unsecured));
    }
    let mut elsewhere = good.clone();
    elsewhere.loan.market = 4;
    for borrower in [true, false] {
        let refused = open(&mut scene, &elsewhere, borrower);
        assert_eq!(refused, step(StepError::NoMarket));
    }
    for start in [good.expiry - 1, good.expiry + 1] {
        let mut moved = good.clone();
        moved.loan.start = start;
        for borrower in [true, false] {
            let refused = open(&mut scene, &moved, borrower);
            assert_eq!(refused, Some(ComposeError::Foreign));
        }
    }
    let mut short = good.clone();
    short.loan.maturity = good.expiry;
    assert_eq!(open(&mut scene, &short, true), Some(ComposeError::Foreign));
    // The loan must be covered at the low price.
    for (low, refusal) in [(188, None), (187, step(StepError::Unsecured))] {
        scene.world.snapshot = Some(range([low, 200], NOW - 100));
        for borrower in [true, false] {
            assert_eq!(open(&mut scene, &good, borrower), refusal);
        }
    }
    // The borrower's leg needs a price of the last quarter of an hour, whatever the market allows.
    scene.world.snapshot = Some(snapshot(200, good.expiry - OPENING_AGE));
    assert_eq!(open(&mut scene, &good, true), None);
    scene.world.snapshot = Some(snapshot(200, good.expiry - OPENING_AGE - 1));
    assert_eq!(open(&mut scene, &good, true), step(StepError::NoPrice));
    assert_eq!(open(&mut scene, &good, false), None);
    scene.world.snapshot = Some(snapshot(200, NOW - 3_590));
    assert_eq!(open(&mut scene, &good, false), step(StepError::NoPrice));
    scene.world.snapshot = None;
    for borrower in [true, false] {
        let refused = open(&mut scene, &good, borrower);
        assert_eq!(refused, step(StepError::NoPrice));
    }
}

/// A batch with a step is taken back, and another step settles in its place. A wallet that reads
/// the chain again sees only the other step.
#[test]
fn a_step_that_is_taken_back_never_was() {
    let mut scene = Scene::opened(Side::A, GOLD, DOLLAR);
    let ledger = scene.world.ledger.clone();
    scene.step(Role::Borrower, Action::Repay { amount: 400 });
    assert_eq!(scene.state().2, 1);

    scene.world.ledger = ledger;
    scene.world.published.pop();
    (scene.alice, scene.bob) = (scene.world.party(1), scene.world.party(2));
    assert_eq!(scene.state(), (700, 1_000, 0));
    assert_eq!(held(&scene.bob, DOLLAR), 4_490);
    scene.world.snapshot = Some(snapshot(160, scene.world.time));
    scene.step(Role::Lender, Action::Liquidate);
    assert_eq!(scene.alice.chain.loans()[0].end, Some(End::Liquidated));
}

/// A remembered agreement finds the loan even if nobody can read the legs that opened it.
#[test]
fn a_kept_agreement_finds_its_loan() {
    let mut scene = Scene::opened(Side::A, GOLD, DOLLAR);
    scene.step(Role::Borrower, Action::Add { amount: 30 });
    for (seed, role) in [(1, Role::Borrower), (2, Role::Lender), (3, Role::Lender)] {
        for kept in [false, true] {
            let keys = scene.world.party(seed).keys;
            let mut chain = Chain::new(keys.clone(), scene.world.context);
            if kept {
                chain.expect_opening(&scene.agreement);
            }
            for batch in &scene.world.published {
                let mut batch = batch.clone();
                if batch.transactions.len() == 2 {
                    for leg in &mut batch.transactions {
                        leg.note_data.0.fill(7);
                    }
                }
                chain.apply(&batch, &scene.world.auditors()).unwrap();
            }
            let party = Party {
                chain,
                keys,
                spend: SpendKey::from_seed(&Seed::from_bytes([seed; 32])),
            };
            let loans = party.chain.loans();
            assert_eq!(loans.len(), usize::from(kept && seed != 3));
            if let Some(loan) = loans.first() {
                assert_eq!((loan.role, loan.sequence()), (role, 1));
                assert_eq!(party.chain.loan(&loan.loan.id()), Some(loan));
            }
        }
    }
}

/// The borrower can make both legs of agreed terms from its own notes. The lender must not take
/// that opening for the loan that it agreed to under the same name.
#[test]
fn a_leg_of_somebody_else_opens_no_loan_of_ours() {
    let scene = Scene::opened(Side::A, GOLD, DOLLAR);
    let published = &scene.world.published;
    for (seed, found) in [(1, 1), (2, 0)] {
        let keys = scene.world.party(seed).keys;
        let mut chain = Chain::new(keys, scene.world.context);
        chain.expect_opening(&scene.agreement);
        for batch in published {
            let mut batch = batch.clone();
            if batch.transactions.len() == 2 {
                batch.transactions[1].ephemeral = batch.transactions[0].ephemeral;
            }
            chain.apply(&batch, &scene.world.auditors()).unwrap();
        }
        assert_eq!(chain.loans().len(), found, "party {seed}");
    }
}

/// Both parties carry an agreement out twice. A name belongs to one loan: the first.
#[test]
fn an_agreement_opens_one_loan() {
    let mut scene = Scene::new(Side::A, GOLD, DOLLAR);
    let pair = scene.legs();
    scene.seal(pair);
    let first = scene.alice.chain.loans()[0].leaf_index;
    let again = scene.legs();
    scene.seal(again);
    for party in [&scene.alice, &scene.bob] {
        let loans = party.chain.loans();
        assert_eq!((loans.len(), loans[0].leaf_index), (1, first));
    }
}

#[test]
fn nothing_of_a_loan_shows_in_debug() {
    let scene = Scene::opened(Side::A, GOLD, DOLLAR);
    let shown = format!(
        "{:?} {:?} {:?}",
        scene.alice.chain.loans()[0],
        Action::Add { amount: 700 },
        StepError::NotCovered
    );
    assert!(!shown.contains("700") && !shown.contains("1000"), "{shown}");
}
