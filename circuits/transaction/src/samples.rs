//! Sample statements for tests and benches of this and other crates: valid, and a function of the
//! generator alone, so that a seeded generator gives the same statement every time.
//!
//! They are of a world of their own: a context, an asset tree with two audited assets and one
//! without auditor, and a note tree that holds what the sender spends. No secret here protects
//! anything.

use crate::assemble::{Draft, dummy};
use crate::witness::{ARITY, InputWitness, Witness};
use crate::words::Words;
use ark_bn254::Fr;
use ark_ff::UniformRand;
use ark_std::rand::{CryptoRng, Rng, RngCore};
use subrosa_protocol::asset::{AssetId, AssetInfo, AssetTree};
use subrosa_protocol::encryption::Memo;
use subrosa_protocol::keys::{AuditorKey, Seed, SpendKey, ViewingKey, unaudited};
use subrosa_protocol::note::Note;
use subrosa_protocol::transaction::{Context, Header, Kind, Transaction, Withdrawal};
use subrosa_protocol::tree::NoteTree;

/// The assets of the samples: the fee asset, one with another auditor, one without.
pub const SAMPLE_ASSETS: [AssetId; ARITY] = [AssetId(0), AssetId(3), AssetId(515)];

/// Expiry of the samples, in seconds of Unix time.
pub const SAMPLE_EXPIRY: u64 = 4_000_000_000;

/// The context word of the samples.
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
    /// Its words under [`context`].
    pub words: Words,
    /// What its prover knows.
    pub witness: Witness,
    /// The sender's seed.
    pub seed: Seed,
    /// The recipient's seed.
    pub recipient: Seed,
    /// The tree of the assets.
    pub assets: AssetTree,
}

/// One input and two dummies of one asset: a payment with change and a fee.
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
    };
    contents.sample(rng)
}

/// Three inputs of three assets: the payment is in the second, the fee in the first.
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
    };
    contents.sample(rng)
}

/// Two inputs of two assets: most of the second is withdrawn, the fee is paid in the first.
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
    };
    contents.sample(rng)
}

/// The padding transaction.
pub fn padding(rng: &mut (impl RngCore + CryptoRng)) -> Sample {
    let [a, ..] = SAMPLE_ASSETS;
    let contents = Contents {
        kind: Kind::NoOp,
        fee: 0,
        spent: Vec::new(),
        paid: (a, 0),
        change: [(a, 0), (a, 0)],
        withdrawal: None,
    };
    contents.sample(rng)
}

/// What a sample moves.
struct Contents {
    kind: Kind,
    fee: u128,
    spent: Vec<(AssetId, u128)>,
    paid: (AssetId, u128),
    change: [(AssetId, u128); 2],
    withdrawal: Option<Withdrawal>,
}

impl Contents {
    fn sample(self, rng: &mut (impl RngCore + CryptoRng)) -> Sample {
        let seed = Seed::random(rng);
        let recipient = Seed::random(rng);
        let keys = ViewingKey::from_seed(&seed);
        let spend = SpendKey::from_seed(&seed);
        let assets = asset_tree(rng);
        let mut notes = NoteTree::new();
        let spent = self
            .spent
            .iter()
            .map(|(asset, value)| Note::cash(*asset, *value, keys.owner, Fr::rand(rng)));
        let inputs = plant(&mut notes, spent.collect(), keys.owner, rng);
        let to = ViewingKey::from_seed(&recipient).address();
        let me = keys.address();
        let [first, second] = self.change;
        let draft = Draft {
            context: context(),
            anchor: notes.root(),
            header: Header {
                kind: self.kind,
                fee_asset: SAMPLE_ASSETS[0],
                fee: self.fee,
                expiry: SAMPLE_EXPIRY,
            },
            withdrawal: self.withdrawal,
            inputs,
            outputs: [
                (to, self.paid.0, self.paid.1),
                (me, first.0, first.1),
                (me, second.0, second.1),
            ],
            assets: SAMPLE_ASSETS,
            memo: Memo::default(),
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

/// The samples' assets, with auditors from the generator.
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
        })
        .collect()
}

/// Inputs for the given notes, each in a subtree of its own among strangers' notes, and dummies
/// for the rest.
pub(crate) fn plant(
    tree: &mut NoteTree,
    spent: Vec<Note>,
    owner: Fr,
    rng: &mut (impl RngCore + CryptoRng),
) -> [InputWitness; ARITY] {
    for (i, note) in spent.iter().enumerate() {
        let mut leaves: [Fr; 16] = std::array::from_fn(|_| Fr::rand(rng));
        leaves[5 * i + 1] = note.commitment();
        tree.append_subtree(tree.len(), &leaves)
            .expect("a tree of 2^32 places has room, and its length is a multiple of 16");
    }
    std::array::from_fn(|i| match spent.get(i) {
        None => dummy(owner, SAMPLE_ASSETS[0], Fr::rand(rng)),
        Some(note) => {
            let position = (16 * i + 5 * i + 1) as u64;
            let path = tree.path(position).expect("the place was just appended");
            InputWitness {
                dummy: false,
                note: *note,
                position,
                path,
            }
        }
    })
}
