//! Random batches that the ledger accepts.

use ark_bn254::Fr;
use ark_ff::UniformRand;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use subrosa_protocol::asset::AssetId;
use subrosa_protocol::batch::{BatchWitness, Shape};
use subrosa_protocol::element::{Anchor, NoteCommitment, Nullifier};
use subrosa_protocol::encryption::{AuditWords, NOTE_DATA_LEN, NoteData};
use subrosa_protocol::keys::{Seed, SpendKey};
use subrosa_protocol::ledger::{BatchInput, Config, Deposit, Ledger};
use subrosa_protocol::transaction::{Context, Header, Kind, Transaction, Withdrawal};

pub(crate) const TIME: u64 = 1_800_000_000;

/// A ledger and a source of transactions.
pub(crate) struct Scenario {
    pub(crate) rng: ChaCha20Rng,
    pub(crate) ledger: Ledger,
    config: Config,
    assets_root: Fr,
    /// Anchors of the history.
    anchors: Vec<Anchor>,
    /// Price snapshot of this batch.
    prices: Fr,
}

impl Scenario {
    pub(crate) fn new(seed: u64) -> Scenario {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let ledger = Ledger::new();
        let context = Context {
            chain_id: 31_337,
            rollup: rng.r#gen(),
        };
        Scenario {
            assets_root: Fr::rand(&mut rng),
            anchors: vec![ledger.state().anchor(&Fr::from(0u64))],
            config: Config {
                context: context.word(),
                fee_asset: AssetId(7),
                min_fee: 1,
            },
            ledger,
            prices: Fr::rand(&mut rng),
            rng,
        }
    }

    pub(crate) fn transaction(&mut self, kind: Kind, terms: Fr) -> Transaction {
        let rng = &mut self.rng;
        let withdraw = kind == Kind::Withdraw;
        let anchor = match rng.r#gen() {
            true => self.ledger.state().anchor(&self.prices),
            false => self.anchors[rng.gen_range(0..self.anchors.len())],
        };
        let key = SpendKey::from_seed(&Seed::from_bytes(rng.r#gen()));
        let not_before = match rng.gen_range(0..3) {
            0 => 0,
            1 => TIME,
            _ => rng.gen_range(0..TIME),
        };
        let mut note_data = [0u8; NOTE_DATA_LEN];
        rng.fill(&mut note_data[..]);
        Transaction {
            anchor,
            assets_root: self.assets_root,
            header: Header::new(
                kind,
                AssetId(7),
                rng.gen_range(1..1 << 96),
                TIME + rng.gen_range(0..86_400),
            )
            .and_then(|header| header.valid_from(not_before))
            .unwrap(),
            withdrawal: withdraw.then(|| Withdrawal {
                asset: AssetId(rng.r#gen()),
                recipient: rng.r#gen(),
                amount: rng.gen_range(1..=u128::MAX),
            }),
            terms,
            nullifiers: std::array::from_fn(|_| Nullifier::of(Fr::rand(rng))),
            commitments: std::array::from_fn(|_| NoteCommitment::new(Fr::rand(rng))),
            ephemeral: key.public().y,
            audit: AuditWords(std::array::from_fn(|_| Fr::rand(rng))),
            note_data: NoteData(note_data),
        }
    }

    /// Executes a batch of two transfers with these prices, under its own first anchor or that of
    /// the last state.
    pub(crate) fn batch_under(&mut self, prices: Fr, own: bool) -> BatchWitness {
        let transactions = (0..2)
            .map(|_| {
                let mut made = self.transaction(Kind::Transfer, Fr::from(0u64));
                made.anchor = match (own, self.anchors.last()) {
                    (false, Some(last)) => *last,
                    _ => self.ledger.state().anchor(&prices),
                };
                made
            })
            .collect();
        self.execute(Shape::S4, prices, transactions, Vec::new())
    }

    /// Executes a batch of random transactions and deposits.
    pub(crate) fn batch(
        &mut self,
        shape: Shape,
        transactions: usize,
        deposits: usize,
    ) -> BatchWitness {
        let kinds: Vec<Kind> = (0..transactions)
            .map(|_| {
                if self.rng.r#gen() {
                    Kind::Withdraw
                } else {
                    Kind::Transfer
                }
            })
            .collect();
        self.batch_of(shape, &kinds, deposits)
    }

    /// Executes a batch of these kinds; neighbouring legs belong to one swap.
    pub(crate) fn batch_of(
        &mut self,
        shape: Shape,
        kinds: &[Kind],
        deposits: usize,
    ) -> BatchWitness {
        self.prices = Fr::rand(&mut self.rng);
        let mut terms = Fr::from(0u64);
        let transactions = kinds
            .iter()
            .map(|kind| {
                terms = match kind {
                    Kind::SwapA => Fr::rand(&mut self.rng),
                    Kind::SwapB => terms,
                    _ => Fr::from(0u64),
                };
                self.transaction(*kind, terms)
            })
            .collect();
        let deposits = (0..deposits)
            .map(|_| Deposit {
                asset: AssetId(self.rng.r#gen()),
                value: self.rng.gen_range(1..=u128::MAX),
                inner: Fr::rand(&mut self.rng),
            })
            .collect();
        self.execute(shape, self.prices, transactions, deposits)
    }

    /// Executes a batch with deposits that were taken back, in every second place.
    pub(crate) fn batch_with_taken_back(&mut self) -> BatchWitness {
        self.prices = Fr::rand(&mut self.rng);
        let deposit = Deposit {
            asset: AssetId(3),
            value: 5,
            inner: Fr::rand(&mut self.rng),
        };
        let deposits = vec![Deposit::TAKEN_BACK, deposit, Deposit::TAKEN_BACK, deposit];
        self.execute(Shape::S4, self.prices, Vec::new(), deposits)
    }

    fn execute(
        &mut self,
        shape: Shape,
        prices: Fr,
        transactions: Vec<Transaction>,
        deposits: Vec<Deposit>,
    ) -> BatchWitness {
        let input = BatchInput {
            shape,
            time: TIME,
            fee_recipient: self.rng.r#gen(),
            assets_root: self.assets_root,
            prices,
            transactions,
            deposits,
        };
        let witness = self.ledger.execute(input, &self.config).unwrap();
        let states = [&witness.old, &witness.new];
        self.anchors
            .extend(states.map(|state| state.anchor(&prices)));
        witness
    }
}

/// Returns a batch of these kinds after two others, so that no tree is empty.
pub(crate) fn witness_of(shape: Shape, kinds: &[Kind], deposits: usize, seed: u64) -> BatchWitness {
    let mut scenario = Scenario::new(seed);
    scenario.batch(Shape::S4, 3, 2);
    scenario.batch(Shape::S4, 4, 4);
    scenario.batch_of(shape, kinds, deposits)
}

/// Returns a batch after two others, so that no tree is empty.
pub(crate) fn witness(
    shape: Shape,
    transactions: usize,
    deposits: usize,
    seed: u64,
) -> BatchWitness {
    let mut scenario = Scenario::new(seed);
    scenario.batch(Shape::S4, 3, 2);
    scenario.batch(Shape::S4, 4, 4);
    scenario.batch(shape, transactions, deposits)
}
