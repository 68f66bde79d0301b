//! Sample statements for tests and benches of this and other crates. They are valid and depend on
//! the generator alone, so a seeded generator always gives the same statement.
//!
//! All samples have the same [`context`]. Each has an asset tree with two audited assets and one
//! without auditor, and a note tree that holds the sender's notes. A [`block`] or [`block_of`] is a
//! whole batch of statements over the same trees. No secret here protects anything.

mod loan;

use crate::assemble::{Draft, LoanStep, dummy};
use crate::witness::{ARITY, InputWitness, Witness};
use crate::words::Words;
use ark_bn254::Fr;
use ark_ff::UniformRand;
use ark_std::rand::{CryptoRng, Rng, RngCore};
use subrosa_protocol::asset::{AssetId, AssetInfo, AssetTree, Stop};
use subrosa_protocol::batch::{BatchHeader, BatchWitness, Shape};
use subrosa_protocol::element::OwnerId;
use subrosa_protocol::encryption::{Memo, PublishedOutputs};
use subrosa_protocol::keys::{AuditorKey, Seed, SpendKey, ViewingKey, unaudited};
use subrosa_protocol::ledger::{BatchInput, Config, Deposit, Ledger};
use subrosa_protocol::note::Note;
use subrosa_protocol::swap::{Exchange, Leg, Salt, Side, Terms};
use subrosa_protocol::transaction::{Context, Header, Kind, Transaction, Withdrawal};
use subrosa_protocol::tree::NoteTree;

#[cfg(test)]
pub(crate) use loan::Plan;
pub use loan::{LoanCase, loan_step};

/// Assets of the samples: the fee asset, one with another auditor, one without.
pub const SAMPLE_ASSETS: [AssetId; ARITY] = [AssetId(0), AssetId(3), AssetId(515)];

/// Expiry of the samples, in seconds of Unix time.
pub const SAMPLE_EXPIRY: u64 = 4_000_000_000;

/// Returns the context word of the samples.
#[must_use]
pub fn context() -> Fr {
    Context {
        chain_id: 31_337,
        rollup: [0x5a; 20],
    }
    .word()
}

/// A sample statement.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The transaction.
    pub transaction: Transaction,
    /// Words of the transaction under [`context`].
    pub words: Words,
    /// The prover's private knowledge.
    pub witness: Witness,
    /// Seed of the sender.
    pub seed: Seed,
    /// Seed of the recipient.
    pub recipient: Seed,
    /// Asset tree.
    pub assets: AssetTree,
}

impl Sample {
    /// Returns the published part of the outputs.
    #[must_use]
    pub fn published(&self) -> PublishedOutputs {
        let transaction = &self.transaction;
        PublishedOutputs {
            ephemeral: transaction.ephemeral,
            nullifiers: transaction.nullifiers,
            commitments: transaction.commitments,
            audit: transaction.audit,
            note_data: transaction.note_data,
        }
    }
}

/// Returns a payment with change and a fee: one input and two dummies of one asset.
pub fn transfer(rng: &mut (impl RngCore + CryptoRng)) -> Sample {
    let value = rng.gen_range(1_000_000u128..u128::MAX >> 8);
    let paid = rng.gen_range(1..value / 2);
    let fee = rng.gen_range(1..1u128 << 60).min(value / 4);
    let [a, ..] = SAMPLE_ASSETS;
    let contents = Contents {
        kind: Kind::Transfer,
        fee,
        spent: vec![(a, value)],
        paid: (a, paid),
        change: [(a, value - paid - fee), (a, 0)],
        withdrawal: None,
        terms: None,
        step: None,
    };
    contents.sample(rng)
}

/// Returns a transfer of three assets: the payment is in the second, the fee in the first.
pub fn transfer_of_three(rng: &mut (impl RngCore + CryptoRng)) -> Sample {
    let [a, b, c] = SAMPLE_ASSETS;
    let value = rng.gen_range(1_000_000u128..u128::MAX >> 8);
    let fee = rng.gen_range(1..1u128 << 60);
    let contents = Contents {
        kind: Kind::Transfer,
        fee,
        spent: vec![(a, fee), (b, value), (c, value / 3)],
        paid: (b, value - 7),
        change: [(b, 7), (c, value / 3)],
        withdrawal: None,
        terms: None,
        step: None,
    };
    contents.sample(rng)
}

/// Returns a withdrawal of most of the second of two assets; the fee is paid in the first. Output 0
/// is the sender's own.
pub fn withdraw(rng: &mut (impl RngCore + CryptoRng)) -> Sample {
    let [a, b, _] = SAMPLE_ASSETS;
    let value = rng.gen_range(1_000_000u128..u128::MAX >> 8);
    let amount = rng.gen_range(1..value / 2);
    let fee = rng.gen_range(1..1u128 << 60);
    let mut recipient = [0; 20];
    rng.fill_bytes(&mut recipient);
    let contents = Contents {
        kind: Kind::Withdraw,
        fee,
        spent: vec![(a, fee + 99), (b, value)],
        paid: (b, 1),
        change: [(b, value - amount - 1), (a, 99)],
        withdrawal: Some(Withdrawal {
            asset: b,
            recipient,
            amount,
        }),
        terms: None,
        step: None,
    };
    contents.sample(rng)
}

/// Returns one leg of a swap with two inputs of two assets. Most of the second is delivered for a
/// third asset; the fee is paid in the first. The parties are those of the sample.
pub fn swap_leg(side: Side, rng: &mut (impl RngCore + CryptoRng)) -> Sample {
    let parties = [Seed::random(rng), Seed::random(rng)];
    let fee = rng.gen_range(1..1u128 << 60);
    let mut sides = parties.clone();
    if side == Side::B {
        sides.reverse();
    }
    let terms = terms(&sides, rng);
    Contents::leg(side, terms, fee).of(parties, rng)
}

/// Returns terms between the parties of side A and side B.
fn terms(sides: &[Seed; 2], rng: &mut (impl RngCore + CryptoRng)) -> Terms {
    let [_, b, c] = SAMPLE_ASSETS;
    let legs = [b, c].map(|asset| Leg::cash(asset, rng.gen_range(1_000_000..u128::MAX >> 8)));
    let [a, b] = sides
        .each_ref()
        .map(|seed| ViewingKey::from_seed(seed).address());
    let exchange = Exchange {
        legs,
        salt: Salt::random(rng),
    };
    Terms::new(exchange, [b, a], SAMPLE_EXPIRY).expect("two assets and two owners")
}

/// Returns the padding transaction.
pub fn padding(rng: &mut (impl RngCore + CryptoRng)) -> Sample {
    let [a, ..] = SAMPLE_ASSETS;
    let contents = Contents {
        kind: Kind::NoOp,
        fee: 0,
        spent: Vec::new(),
        paid: (a, 0),
        change: [(a, 0), (a, 0)],
        withdrawal: None,
        terms: None,
        step: None,
    };
    contents.sample(rng)
}

/// A batch that the ledger accepts, of statements that can each be proven.
#[derive(Clone, Debug)]
pub struct Block {
    /// Statements of its transactions, in slot order.
    pub samples: Vec<Sample>,
    /// Witness of the batch circuit.
    pub witness: BatchWitness,
}

/// Returns a batch of `transactions` transactions and `deposits` deposits. Each transaction spends
/// a note of its own, deposited before; every second one is a withdrawal.
///
/// # Panics
/// If there are more transactions or deposits than slots.
pub fn block(
    shape: Shape,
    transactions: usize,
    deposits: usize,
    rng: &mut (impl RngCore + CryptoRng),
) -> Block {
    let kinds: Vec<Kind> = (0..transactions)
        .map(|slot| [Kind::Transfer, Kind::Withdraw][slot % 2])
        .collect();
    block_of(shape, &kinds, deposits, rng)
}

/// Returns a batch of transactions of these kinds and `deposits` deposits. Each transaction spends
/// notes of its own that earlier batches deposited: two in a leg, otherwise one. A side B has the
/// terms of the side A before it.
///
/// # Panics
/// If there are more transactions or deposits than slots, or if the ledger does not accept these
/// kinds in this order.
pub fn block_of(
    shape: Shape,
    kinds: &[Kind],
    deposits: usize,
    rng: &mut (impl RngCore + CryptoRng),
) -> Block {
    let [asset, ..] = SAMPLE_ASSETS;
    let mut chain = Chain::new(shape, rng);

    let mut planned: Vec<(Contents, [Seed; 2])> = Vec::with_capacity(kinds.len());
    for (slot, kind) in kinds.iter().enumerate() {
        let fee = 1 + slot as u128;
        planned.push(match (kind.side(), planned.last()) {
            (
                Some(Side::B),
                Some((
                    Contents {
                        terms: Some(of), ..
                    },
                    [a, b],
                )),
            ) => (
                Contents::leg(Side::B, of.clone(), fee),
                [b.clone(), a.clone()],
            ),
            (side, _) => {
                let parties = [Seed::random(rng), Seed::random(rng)];
                let contents = match side {
                    Some(side) => Contents::leg(side, terms(&parties, rng), fee),
                    None => Contents::payment(*kind, slot, fee, rng),
                };
                (contents, parties)
            }
        });
    }
    let spent: Vec<Vec<Note>> = planned
        .iter()
        .map(|(contents, [seed, _])| contents.notes(ViewingKey::from_seed(seed).owner, rng))
        .collect();
    let mut deposited = chain.deposit(&spent.concat()).into_iter();
    let note_root = chain.note_root();
    let samples: Vec<Sample> = planned
        .into_iter()
        .zip(spent)
        .map(|((contents, parties), spent)| {
            let owner = ViewingKey::from_seed(&parties[0]).owner;
            let inputs = std::array::from_fn(|i| match spent.get(i) {
                None => dummy(owner, asset, Fr::rand(rng)),
                Some(_) => deposited.next().expect("every note is deposited"),
            });
            contents.finish(parties, chain.assets.clone(), note_root, inputs, rng)
        })
        .collect();
    let queue: Vec<Note> = (0..deposits)
        .map(|_| {
            let value = rng.gen_range(1..=u128::MAX);
            Note::cash(asset, value, OwnerId::new(Fr::rand(rng)), Fr::rand(rng))
        })
        .collect();
    let transactions = samples.iter().map(|s| s.transaction.clone()).collect();
    let witness = chain.execute(transactions, &queue);
    Block { samples, witness }
}

/// Ledger of a block.
struct Chain {
    shape: Shape,
    assets: AssetTree,
    config: Config,
    ledger: Ledger,
}

impl Chain {
    fn new(shape: Shape, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let config = Config {
            context: context(),
            fee_asset: SAMPLE_ASSETS[0],
            min_fee: 1,
        };
        Self {
            shape,
            assets: asset_tree(rng),
            config,
            ledger: Ledger::new(),
        }
    }

    fn note_root(&self) -> Fr {
        self.ledger.notes().root()
    }

    fn execute(&mut self, transactions: Vec<Transaction>, deposits: &[Note]) -> BatchWitness {
        let deposit = |note: &Note| Deposit {
            asset: note.asset,
            value: note.value,
            inner: note.inner(),
        };
        let input = BatchInput {
            shape: self.shape,
            time: SAMPLE_EXPIRY - 60,
            fee_recipient: [7; 20],
            assets_root: self.assets.root(),
            prices: Fr::from(0u64),
            transactions,
            deposits: deposits.iter().map(deposit).collect(),
        };
        self.ledger
            .execute(input, &self.config)
            .expect("the samples keep the ledger's rules")
    }

    /// Deposits notes, in as many batches as they need, and returns inputs that spend them.
    fn deposit(&mut self, notes: &[Note]) -> Vec<InputWitness> {
        let mut indices = Vec::with_capacity(notes.len());
        for queue in notes.chunks(self.shape.slots()) {
            let header = self.execute(Vec::new(), queue).header;
            let index = |slot| header.leaf_index(slot, BatchHeader::DEPOSIT_PLACE);
            indices.extend((0..queue.len()).map(index));
        }
        // Paths come last, because each batch changes the paths of earlier ones.
        let spend = |(note, leaf_index): (&Note, u64)| InputWitness {
            dummy: false,
            note: *note,
            leaf_index,
            path: self
                .ledger
                .notes()
                .path(leaf_index)
                .expect("the leaf was just appended"),
        };
        notes.iter().zip(indices).map(spend).collect()
    }
}

/// Contents of a sample.
struct Contents {
    kind: Kind,
    fee: u128,
    spent: Vec<(AssetId, u128)>,
    paid: (AssetId, u128),
    change: [(AssetId, u128); 2],
    withdrawal: Option<Withdrawal>,
    terms: Option<Terms>,
    step: Option<Stepped>,
}

/// A step on a position, its validity window, and the snapshot in its anchor.
struct Stepped {
    step: LoanStep,
    window: [u64; 2],
    prices: Fr,
}

impl Contents {
    /// Returns a leg of these terms, with change of the delivered asset and of the fee asset.
    fn leg(side: Side, terms: Terms, fee: u128) -> Self {
        let [a, ..] = SAMPLE_ASSETS;
        let Leg { asset, value, .. } = *terms.exchange.leg(side);
        Self {
            kind: Kind::leg(side),
            fee,
            spent: vec![(a, fee + 99), (asset, value + 7)],
            paid: (asset, value),
            change: [(asset, 7), (a, 99)],
            withdrawal: None,
            terms: Some(terms),
            step: None,
        }
    }

    /// Returns a transfer or withdrawal of one note of the fee asset, for a slot of a block.
    fn payment(kind: Kind, slot: usize, fee: u128, rng: &mut impl RngCore) -> Self {
        let [asset, ..] = SAMPLE_ASSETS;
        let value = rng.gen_range(1_000_000u128..u128::MAX >> 8);
        let amount = value / 3;
        let withdrawal = (kind == Kind::Withdraw).then(|| Withdrawal {
            asset,
            recipient: [slot as u8 + 1; 20],
            amount,
        });
        let left = value - fee - withdrawal.as_ref().map_or(0, |_| amount);
        Self {
            kind,
            fee,
            spent: vec![(asset, value)],
            paid: (asset, left / 2),
            change: [(asset, left - left / 2), (asset, 0)],
            withdrawal,
            terms: None,
            step: None,
        }
    }

    /// Returns the notes to spend.
    fn notes(&self, owner: OwnerId, rng: &mut impl RngCore) -> Vec<Note> {
        self.spent
            .iter()
            .map(|(asset, value)| Note::cash(*asset, *value, owner, Fr::rand(rng)))
            .collect()
    }

    fn sample(self, rng: &mut (impl RngCore + CryptoRng)) -> Sample {
        let parties = [Seed::random(rng), Seed::random(rng)];
        self.of(parties, rng)
    }

    /// Builds the statement between sender and recipient.
    fn of(self, parties: [Seed; 2], rng: &mut (impl RngCore + CryptoRng)) -> Sample {
        let owner = ViewingKey::from_seed(&parties[0]).owner;
        let assets = asset_tree(rng);
        let mut notes = NoteTree::new();
        let spent = self.notes(owner, rng);
        let inputs = plant(&mut notes, spent, owner, rng);
        self.finish(parties, assets, notes.root(), inputs, rng)
    }

    /// Builds the statement between sender and recipient that spends these inputs under this note
    /// root.
    fn finish(
        self,
        [seed, recipient]: [Seed; 2],
        assets: AssetTree,
        note_root: Fr,
        inputs: [InputWitness; ARITY],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Sample {
        let keys = ViewingKey::from_seed(&seed);
        let spend = SpendKey::from_seed(&seed);
        let me = keys.address();
        let to = match self.kind {
            Kind::Withdraw => me,
            _ => ViewingKey::from_seed(&recipient).address(),
        };
        let [first, second] = self.change;
        let window = self
            .step
            .as_ref()
            .map_or([0, SAMPLE_EXPIRY], |stepped| stepped.window);
        let draft = Draft {
            context: context(),
            note_root,
            prices: self.step.as_ref().map_or(Fr::from(0u64), |s| s.prices),
            header: Header {
                kind: self.kind,
                fee_asset: SAMPLE_ASSETS[0],
                fee: self.fee,
                expiry: window[1],
                not_before: window[0],
            },
            withdrawal: self.withdrawal,
            inputs,
            outputs: [
                (to.owner, self.paid.0, self.paid.1),
                (me.owner, first.0, first.1),
                (me.owner, second.0, second.1),
            ],
            payee: to.pk,
            assets: SAMPLE_ASSETS,
            memo: Memo::default(),
            terms: self.terms,
            loan: self.step.map(|stepped| stepped.step),
        };
        let (transaction, witness) = draft
            .finish(&keys, &spend, &assets, rng)
            .expect("the samples use registered assets only");
        let words = transaction.words(&context());
        Sample {
            transaction,
            words,
            witness,
            seed,
            recipient,
            assets,
        }
    }
}

/// Returns the samples' assets, with auditors from the generator.
fn asset_tree(rng: &mut (impl RngCore + CryptoRng)) -> AssetTree {
    let mut auditor = || AuditorKey::from_seed(&Seed::random(rng)).public();
    let auditors = [auditor(), auditor(), unaudited()];
    SAMPLE_ASSETS
        .into_iter()
        .zip(auditors)
        .map(|(id, auditor)| AssetInfo {
            id,
            token: [id.0 as u8 + 1; 20],
            flags: 0,
            auditor,
            stop: Stop::default(),
        })
        .collect()
}

/// Returns inputs for the given notes, each in a subtree of its own among other notes, and dummies
/// for the rest.
pub(crate) fn plant(
    tree: &mut NoteTree,
    spent: Vec<Note>,
    owner: OwnerId,
    rng: &mut (impl RngCore + CryptoRng),
) -> [InputWitness; ARITY] {
    for (i, note) in spent.iter().enumerate() {
        let mut leaves: [Fr; 16] = std::array::from_fn(|_| Fr::rand(rng));
        leaves[5 * i + 1] = note.commitment().into();
        tree.append_subtree(tree.len(), &leaves)
            .expect("a tree of 2^32 places has room, and its length is a multiple of 16");
    }
    std::array::from_fn(|i| match spent.get(i) {
        None => dummy(owner, SAMPLE_ASSETS[0], Fr::rand(rng)),
        Some(note) => {
            let leaf_index = (16 * i + 5 * i + 1) as u64;
            let path = tree.path(leaf_index).expect("the leaf was just appended");
            InputWitness {
                dummy: false,
                note: *note,
                leaf_index,
                path,
            }
        }
    })
}
