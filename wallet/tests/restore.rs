//! Random lives of two institutions: payments, merges, withdrawals, swaps, loans with all their
//! steps, and auditors that are replaced in between. After every batch a wallet that is restored
//! from its seed holds the same notes, loans and history, nothing is lost, and the auditors open
//! every output. The native check `subrosa_transaction::check` stands for proofs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use subrosa_protocol::{
    asset::AssetId,
    batch::PublishedBatch,
    element::{NoteCommitment, OwnerId},
    encryption::{AuditRecord, auditor_shared},
    keys::{AuditorKey, Seed},
    loan::{Agreement, Loan, PartyKeys},
    note::Note,
    swap::{Exchange, Leg, Salt, Side, Terms},
    transaction::Transaction,
};
use subrosa_wallet::{
    compose::{ComposeError, Intent},
    loans::{Action, HeldLoan},
};
use world::{DOLLAR, FEE, GOLD, Party, World, deposit, held, snapshot};

const DAY: u64 = 86_400;
/// Batches of a life.
const BATCHES: usize = 50;

/// Two institutions and their auditors.
struct Life {
    world: World,
    parties: [Party; 2],
    deposits: [u64; 2],
    auditors: Vec<(AssetId, AuditorKey)>,
    /// Holds the amount that entered and did not leave, by asset.
    inside: BTreeMap<AssetId, u128>,
    rng: StdRng,
    /// Kinds of actions that were carried out.
    seen: BTreeSet<&'static str>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let world = World::new();
        let parties = [world.party(1), world.party(2)];
        let mut life = Self {
            world,
            parties,
            deposits: [0; 2],
            auditors: Vec::new(),
            inside: BTreeMap::new(),
            rng: StdRng::seed_from_u64(seed),
            seen: BTreeSet::new(),
        };
        for asset in [DOLLAR, GOLD] {
            life.replace_auditor(asset);
        }
        let mut first = Vec::new();
        for party in 0..2 {
            first.extend([(party, DOLLAR, 9_000), (party, GOLD, 9_000)]);
        }
        life.deposit(&first);
        life
    }

    fn replace_auditor(&mut self, asset: AssetId) {
        let key = AuditorKey::from_seed(&Seed::from_bytes(self.rng.r#gen()));
        self.world.rotate(asset, key.public());
        self.auditors.push((asset, key));
    }

    fn deposit(&mut self, amounts: &[(usize, AssetId, u128)]) {
        let queue = amounts
            .iter()
            .map(|(party, asset, amount)| {
                let index = self.deposits[*party];
                self.deposits[*party] += 1;
                *self.inside.entry(*asset).or_default() += amount;
                deposit(&self.parties[*party], index, *asset, *amount)
            })
            .collect();
        self.seal(vec![], queue);
    }

    fn compose(
        &mut self,
        party: usize,
        intent: &Intent,
        asset: AssetId,
        amount: u128,
    ) -> Result<(Transaction, bool), ComposeError> {
        let from = &self.parties[party];
        let composed = self.world.compose(from, intent, asset, amount, |_| true)?;
        Ok((composed.transaction, composed.merges))
    }

    /// Composes the legs of A and B, and seals both, or the first merge that one of them needs.
    fn exchange(&mut self, legs: [(usize, Intent, AssetId, u128); 2], name: &'static str) {
        let mut pair = Vec::new();
        for (party, intent, asset, amount) in legs {
            match self.compose(party, &intent, asset, amount) {
                Ok((merge, true)) => return self.seal(vec![merge], vec![]),
                Ok((leg, false)) => pair.push(leg),
                Err(_) => return,
            }
        }
        self.seen.insert(name);
        self.seal(pair, vec![]);
    }

    /// Composes and seals one transaction, or a merge that it needs.
    fn act(
        &mut self,
        party: usize,
        intent: &Intent,
        asset: AssetId,
        amount: u128,
        name: &'static str,
    ) {
        let Ok((transaction, merges)) = self.compose(party, intent, asset, amount) else {
            return;
        };
        self.seen.insert(if merges { "merge" } else { name });
        if let Some(withdrawal) = &transaction.withdrawal {
            *self.inside.get_mut(&withdrawal.asset).unwrap() -= withdrawal.amount;
        }
        self.seal(vec![transaction], vec![]);
    }

    fn open_loan(&self) -> Option<HeldLoan> {
        let loans = self.parties[0].chain.loans().iter();
        loans.rev().find(|held| held.end.is_none()).cloned()
    }

    /// Makes a step of the open loan, if there is one.
    fn step(&mut self, action: Action, name: &'static str) {
        let Some(open) = self.open_loan() else {
            return;
        };
        let actor = match action {
            Action::Liquidate => open.loan.lender,
            _ => open.loan.borrower,
        };
        let party = usize::from(actor == self.parties[1].keys.owner);
        let held = self.parties[party].chain.loan(&open.loan.id()).unwrap();
        let loan = Box::new(held.clone());
        self.act(party, &Intent::Step { loan, action }, DOLLAR, 0, name);
    }

    /// Does something at random.
    fn turn(&mut self) {
        self.world.time += 20;
        self.world.snapshot = Some(snapshot(200, self.world.time - 5));
        let party = self.rng.gen_range(0..2usize);
        let asset = [DOLLAR, GOLD][self.rng.gen_range(0..2usize)];
        let amount = self.rng.gen_range(1..800u128);
        let pay = |to: &Party| Intent::Transfer {
            to: to.keys.address(),
            memo: "rent".parse().unwrap(),
        };
        match self.rng.gen_range(0..14) {
            0 => {
                let intent = pay(&self.parties[1 - party]);
                self.act(party, &intent, asset, amount, "payment");
            }
            1 => {
                // More than three notes hold, so that they are merged first.
                let intent = pay(&self.parties[1 - party]);
                let most = held(&self.parties[party], asset) * 9 / 10;
                self.act(party, &intent, asset, most, "payment");
            }
            2 => {
                let intent = pay(&self.parties[party]);
                self.act(party, &intent, asset, amount, "to itself");
            }
            3 => {
                let recipient = [0xcd; 20];
                // All of an asset too, so that output 0 is the only one of it.
                let amount = match self.rng.r#gen() {
                    true => amount,
                    false => amount.min(held(&self.parties[party], GOLD)),
                };
                self.act(
                    party,
                    &Intent::Withdraw { recipient },
                    asset,
                    amount,
                    "withdrawal",
                );
            }
            4 => self.deposit(&[(party, asset, amount)]),
            5 | 6 => self.swap(party),
            7 | 8 => self.lend(party),
            9 => self.step(Action::Add { amount: 50 }, "top-up"),
            10 => self.step(Action::Repay { amount: 120 }, "repayment"),
            11 => self.step(Action::Release { amount: 9 }, "release"),
            12 => match self.rng.r#gen() {
                true => self.step(Action::Close, "close"),
                false => {
                    self.world.snapshot = Some(snapshot(150, self.world.time - 5));
                    self.step(Action::Liquidate, "liquidation");
                }
            },
            _ => {
                self.seen.insert("rotation");
                self.replace_auditor(asset);
            }
        }
    }

    fn swap(&mut self, party: usize) {
        let side = [Side::A, Side::B][self.rng.gen_range(0..2usize)];
        let owners = self.parties.each_ref().map(|party| party.keys.address());
        let (mut legs, mut receivers) = ([Leg::cash(DOLLAR, 300); 2], [owners[1 - party]; 2]);
        legs[side.other().index()] = Leg::cash(GOLD, 7);
        receivers[side.other().index()] = owners[party];
        let salt = Salt::from_bytes(self.rng.r#gen());
        let expiry = self.world.time + 60;
        let terms = Terms::new(Exchange { legs, salt }, receivers, expiry).unwrap();
        let leg = |of: usize, side: Side| {
            let Leg { asset, value, .. } = *terms.exchange.leg(side);
            let terms = Box::new(terms.clone());
            (of, Intent::Leg { terms, side }, asset, value)
        };
        let pair = match side {
            Side::A => [leg(party, Side::A), leg(1 - party, Side::B)],
            Side::B => [leg(1 - party, Side::A), leg(party, Side::B)],
        };
        self.exchange(pair, "swap");
    }

    /// Opens a loan of 1,000 dollars against 700 of gold, unless one is open.
    fn lend(&mut self, borrower: usize) {
        if self.open_loan().is_some() {
            return;
        }
        let [own, other] = [borrower, 1 - borrower].map(|i| self.parties[i].keys.address());
        let start = self.world.time + 60;
        let agreement = Agreement {
            loan: Loan {
                borrower: own.owner,
                lender: other.owner,
                collateral: GOLD,
                debt: DOLLAR,
                principal: 1_000,
                rate: 50_000,
                start,
                maturity: start + 30 * DAY,
                market: 3,
                salt: Salt::from_bytes(self.rng.r#gen()),
            },
            parties: PartyKeys::of(&own, &other),
            collateral: 700,
            borrower_side: [Side::A, Side::B][self.rng.gen_range(0..2usize)],
            expiry: start,
        };
        let intent = || Intent::Open(Box::new(agreement.clone()));
        let mut pair = [
            (borrower, intent(), GOLD, 700),
            (1 - borrower, intent(), DOLLAR, 1_000),
        ];
        if agreement.borrower_side == Side::B {
            pair.reverse();
        }
        self.exchange(pair, "loan");
        // The first step is after the start.
        self.world.time += 120;
    }

    fn seal(
        &mut self,
        transactions: Vec<Transaction>,
        queue: Vec<subrosa_protocol::ledger::Deposit>,
    ) {
        let fees: u128 = transactions.iter().map(|made| made.header.fee).sum();
        assert_eq!(fees, FEE * transactions.len() as u128);
        if fees != 0 {
            *self.inside.get_mut(&DOLLAR).unwrap() -= fees;
        }
        let [first, second] = &mut self.parties;
        self.world.seal(transactions, queue, &mut [first, second]);
        self.restored();
        self.conserved();
        let batch = self.world.published.last().unwrap().clone();
        self.audited(&batch);
    }

    /// Wallets restored from their seeds are those that lived.
    fn restored(&self) {
        for (seed, live) in (1..).zip(&self.parties) {
            let restored = self.world.party(seed);
            assert_eq!(restored.chain.loans(), live.chain.loans());
            let notes = |party: &Party| -> BTreeMap<u64, (Note, Option<u64>)> {
                let notes = party.chain.notes().iter();
                notes.map(|n| (n.leaf_index, (n.note, n.spent))).collect()
            };
            assert!(notes(&restored) == notes(live), "the same notes");
            assert_eq!(live.chain.notes().len(), notes(live).len(), "each once");
            let lines = |party: &Party| -> Vec<_> {
                let movements = party.chain.movements().iter();
                movements
                    .map(|m| {
                        let memo = m.memo.as_ref().map(ToString::to_string);
                        (
                            m.batch,
                            m.kind,
                            m.asset,
                            m.amount,
                            m.to,
                            m.recipient,
                            memo,
                            m.nullifiers,
                        )
                    })
                    .collect()
            };
            assert_eq!(lines(&restored), lines(live));
        }
    }

    /// Cash and collateral of both are what entered and did not leave.
    fn conserved(&self) {
        for (asset, inside) in &self.inside {
            let cash: u128 = self.parties.iter().map(|party| held(party, *asset)).sum();
            let secured = self.open_loan().map(|open| open.position.collateral);
            let secured = secured.filter(|_| *asset == GOLD).unwrap_or(0);
            assert_eq!(cash + secured, *inside, "{asset}");
        }
    }

    /// Each output opens under exactly one auditor's key, and says the truth.
    fn audited(&self, batch: &PublishedBatch) {
        let mut known: BTreeMap<NoteCommitment, Note> = BTreeMap::new();
        for party in &self.parties {
            let notes = party.chain.notes().iter().map(|owned| owned.note);
            let positions = party.chain.loans().iter().map(|held| held.note);
            known.extend(notes.chain(positions).map(|note| (note.commitment(), note)));
        }
        let owners: Vec<OwnerId> = self.parties.iter().map(|party| party.keys.owner).collect();
        for transaction in &batch.transactions {
            let mut senders = BTreeSet::new();
            for (output, commitment) in transaction.commitments.iter().enumerate() {
                let open = |(asset, key): &(AssetId, AuditorKey)| {
                    let shared = auditor_shared(key, &transaction.ephemeral)?;
                    let supply = 1 << 40;
                    AuditRecord::open(
                        &shared,
                        *asset,
                        supply,
                        output,
                        commitment,
                        &transaction.audit,
                    )
                };
                let records: Vec<_> = self.auditors.iter().filter_map(open).collect();
                let [record] = &records[..] else {
                    panic!("output {output} has {} records", records.len());
                };
                senders.insert(record.sender);
                if let Some(note) = known.get(commitment) {
                    let stated = (record.class, record.asset, record.value);
                    assert_eq!(stated, (note.class, note.asset, note.value));
                    let recipient = record.recipient.unwrap_or(note.owner);
                    assert_eq!(recipient, note.owner);
                } else {
                    assert_eq!(record.value, 0, "a note that nobody knows");
                }
                if record.recipient.is_none() && record.value != 0 {
                    assert_eq!(known[commitment].owner.tag(), record.sender);
                }
            }
            assert_eq!(senders.len(), 1, "one sender");
            assert!(owners.iter().any(|owner| senders.contains(&owner.tag())));
        }
    }
}

/// Number of lives; `SUBROSA_LIVES` sets it.
fn lives() -> u64 {
    let set = std::env::var("SUBROSA_LIVES").ok();
    set.map_or(2, |lives| lives.parse().unwrap())
}

#[test]
fn a_restored_wallet_is_the_one_that_lived_and_auditors_see_all() {
    let mut seen = BTreeSet::new();
    for seed in 0..lives() {
        let mut life = Life::new(seed);
        while life.world.published.len() < BATCHES {
            life.turn();
        }
        seen.extend(life.seen);
    }
    for kind in [
        "payment",
        "to itself",
        "merge",
        "withdrawal",
        "swap",
        "loan",
        "top-up",
        "repayment",
        "release",
        "close",
        "liquidation",
        "rotation",
    ] {
        assert!(seen.contains(kind), "no {kind} in {seen:?}");
    }
}
