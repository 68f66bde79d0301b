//! A history in memory that the ledger made, for tests and measurements.
//!
//! Its batches are valid in all that the derivation checks: [`Ledger::execute`] made them. Its
//! transactions spend notes that never existed and have no proofs, which L1 alone verifies.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::{B256, Bytes, Keccak256, keccak256};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use subrosa_l1::{
    Block, Change, DepositName, L1Error, Recorded, RollupView, Submission, Tag,
    history::{BatchRecord, RegisteredAsset},
};
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, AssetTree, Stop},
    batch::{BatchHeader, PostedDeposit, Shape, data_commitment},
    element::{NoteCommitment, Nullifier, OwnerId},
    encoding::fr_to_bytes,
    encryption::{AuditWords, NOTE_DATA_LEN, NoteData},
    keys::unaudited,
    ledger::{BatchInput, Config, Deposit, ExecuteError, Ledger},
    market::{MARKETS, Market, Markets, Price, PriceSnapshot},
    transaction::{Header, Kind, Transaction, Withdrawal},
};

use crate::{derivation::Deployment, source::Source};

/// Time of block 0, Unix seconds.
const GENESIS_TIME: u64 = 1_800_000_000;
/// Seconds between blocks.
const BLOCK_TIME: u64 = 12;
/// Least seconds between two price snapshots.
const SNAPSHOT_INTERVAL: u64 = 60;
const FEE: u128 = 10;
const DEPOSITOR: [u8; 20] = [0xde; 20];

/// A chain in memory, with one act of the contracts in each block.
#[derive(Debug, Clone)]
pub struct Synthetic {
    deployment: Deployment,
    /// Distinguishes the blocks of forks.
    fork: u64,
    rng: StdRng,
    ledger: Ledger,
    assets: AssetTree,
    markets: Markets,
    snapshot: Option<PriceSnapshot>,
    shapes: Vec<Shape>,
    waiting: Vec<Deposit>,
    /// When requests for waiting deposits become effective, by index.
    take_backs: BTreeMap<u64, u64>,
    queued: u64,
    last_time: u64,
    data_chain: B256,
    chain: Recording,
}

/// Blocks, and what the contracts recorded in them: a [`Source`].
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// Blocks, by number.
    pub blocks: Vec<Block>,
    /// Records, oldest first.
    pub records: Vec<Recorded>,
    /// Submissions, by transaction.
    pub submissions: HashMap<B256, Submission>,
    /// The contracts' state after each block.
    pub views: Vec<RollupView>,
}

impl Synthetic {
    /// Deploys contracts with one asset, all three shapes, a market and a price snapshot.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut chain = Self {
            deployment: Deployment {
                chain_id: 31337,
                rollup: [0x5b; 20],
                deployed_at: 0,
            },
            fork: 0,
            rng: StdRng::seed_from_u64(seed),
            ledger: Ledger::new(),
            assets: AssetTree::new(),
            markets: Markets::default(),
            snapshot: None,
            shapes: Vec::new(),
            waiting: Vec::new(),
            take_backs: BTreeMap::new(),
            queued: 0,
            last_time: 0,
            data_chain: B256::ZERO,
            chain: Recording::default(),
        };
        chain.mine(vec![Change::Sequencer([0x5e; 20])]);
        chain.mine(vec![Change::Guardian([0x6a; 20])]);
        chain.register_asset();
        chain.register_asset();
        for (id, shape) in (1u32..).zip(Shape::ALL) {
            chain.shapes.push(shape);
            chain.mine(vec![Change::Shape { id, shape }]);
        }
        chain.take_snapshot();
        chain
    }

    /// Returns the deployment.
    #[must_use]
    pub fn deployment(&self) -> Deployment {
        self.deployment
    }

    /// Returns the ledger after the newest batch.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the history so far.
    #[must_use]
    pub fn recording(&self) -> &Recording {
        &self.chain
    }

    /// Returns the history.
    #[must_use]
    pub fn into_recording(self) -> Recording {
        self.chain
    }

    /// Returns the newest block.
    ///
    /// # Panics
    /// Never: the constructor mines blocks.
    #[must_use]
    pub fn head(&self) -> Block {
        *self.chain.blocks.last().expect("blocks were mined")
    }

    /// Continues with other blocks than a copy does that continues without this call.
    pub fn diverge(&mut self, fork: u64) {
        self.fork = fork;
        self.rng = StdRng::seed_from_u64(fork);
    }

    /// Mines a block in which nothing happens.
    pub fn pass(&mut self) {
        self.mine(Vec::new());
    }

    /// Registers an asset.
    pub fn register_asset(&mut self) {
        let id = AssetId(self.assets.len() as u16);
        let info = AssetInfo {
            id,
            token: self.rng.r#gen(),
            flags: 0,
            auditor: unaudited(),
            stop: Stop::default(),
        };
        self.assets.insert(info);
        self.mine(vec![Change::Asset {
            asset: RegisteredAsset::New(info),
            root: self.assets.root(),
        }]);
    }

    /// Sets the first market anew and takes a price snapshot as soon as L1 allows one.
    pub fn take_snapshot(&mut self) {
        let market = Market {
            collateral: AssetId(1),
            debt: AssetId(0),
            haircut: self.rng.gen_range(100..1_000),
            initial: 12_000,
            maintenance: 11_000,
            bonus: 500,
            max_age: 3_600,
        };
        self.markets.0[0] = Some(market);
        let root = self.markets.root();
        let word = market.word();
        self.mine(vec![Change::Market { id: 0, word, root }]);
        let mut prices = [Price::default(); MARKETS];
        let low = self.rng.gen_range(1..1 << 60);
        let high = self.rng.gen_range(low..1 << 60);
        prices[0] = Price { low, high };
        let previous = self.snapshot.map_or(0, |last| last.time);
        while previous != 0 && self.now() < previous + SNAPSHOT_INTERVAL {
            self.pass();
        }
        let snapshot = PriceSnapshot {
            time: self.now(),
            previous,
            markets: self.markets,
            prices,
        };
        self.snapshot = Some(snapshot);
        self.mine(vec![Change::Snapshot {
            digest: snapshot.digest(),
            time: snapshot.time,
            previous,
            market_root: root,
            prices: snapshot.price_words(),
        }]);
    }

    /// Queues a deposit. Every fourth one publishes the owner of its note.
    pub fn deposit(&mut self) {
        let name = DepositName {
            owner: OwnerId::new(self.word()),
            rcm: self.word(),
        };
        let deposit = Deposit {
            asset: AssetId(0),
            value: self.rng.gen_range(1..1 << 80),
            inner: name.inner(),
        };
        let index = self.queued;
        self.queued += 1;
        self.waiting.push(deposit);
        let mut changes = vec![Change::Deposit {
            index,
            depositor: DEPOSITOR,
            deposit,
        }];
        if index % 4 == 3 {
            changes.push(Change::DepositNamed { index, name });
        }
        self.mine(changes);
    }

    /// Requests the waiting deposit with this index back, with effect after `blocks` blocks.
    pub fn take_back(&mut self, index: u64, blocks: u64) {
        let effective = self.now() + blocks * BLOCK_TIME;
        self.take_backs.insert(index, effective);
        self.mine(vec![Change::TakeBackRequested { index, effective }]);
    }

    /// Settles a batch under the newest snapshot with so many transactions, every eighth of which
    /// is a withdrawal, and with the deposits that wait, up to as many as the shape has slots.
    ///
    /// # Errors
    /// [`ExecuteError`] if the shape has no room for them.
    pub fn batch(&mut self, shape: Shape, transactions: usize) -> Result<(), ExecuteError> {
        self.batch_under(shape, transactions, self.prices())
    }

    /// Settles such a batch under the snapshot with this digest, whatever L1 would say.
    ///
    /// # Errors
    /// [`ExecuteError`] if the shape has no room for them.
    pub fn batch_under(
        &mut self,
        shape: Shape,
        transactions: usize,
        prices: Fr,
    ) -> Result<(), ExecuteError> {
        let config = Config {
            context: self.deployment.context(),
            fee_asset: AssetId(0),
            min_fee: FEE,
        };
        let time = self.now();
        let made = (0..transactions).map(|i| self.transaction(&prices, i % 8 == 7));
        let made = made.collect();
        let count = self.waiting.len().min(shape.slots());
        let first = self.queued - self.waiting.len() as u64;
        let posted = self.waiting.drain(..count).collect::<Vec<_>>();
        let posted = (first..).zip(posted).map(|(index, deposit)| PostedDeposit {
            depositor: DEPOSITOR,
            deposit,
            is_taken_back: match self.take_backs.remove(&index) {
                Some(effective) => effective <= time,
                None => false,
            },
        });
        let posted: Vec<_> = posted.collect();
        let deposits_data = PostedDeposit::write_all(&posted);
        let credited = (first..).zip(&posted).filter(|(_, d)| d.is_taken_back);
        let credited: Vec<_> = credited
            .map(|(index, _)| Change::DepositTakenBack { index })
            .collect();
        let input = BatchInput {
            shape,
            time,
            fee_recipient: [0xfe; 20],
            assets_root: self.assets.root(),
            prices,
            transactions: made,
            deposits: posted.iter().map(PostedDeposit::effective).collect(),
        };
        let witness = self.ledger.execute(input, &config)?;
        self.last_time = time;
        let words = witness.data_words();
        let published = witness.published();
        let published = published.expect("the ledger's witnesses encode batches");
        let header = witness.header;
        let id = 1 + self.shapes.iter().position(|s| *s == shape).unwrap_or(0) as u32;
        let record = BatchRecord {
            index: header.batch_index,
            new_state: witness.new.commitment(),
            old_state: witness.old.commitment(),
            shape: id,
            time,
            transactions: header.transactions,
            deposits: header.deposits,
            first_deposit: header.first_deposit,
            data_commitment: data_commitment(&words),
            words_hash: words_hash(&words),
        };
        let submission = Submission {
            shape: id,
            header: BatchHeader {
                context: Fr::from(0u64),
                ..header
            },
            old_state: record.old_state,
            new_state: record.new_state,
            data_commitment: record.data_commitment,
            deposits_data: deposits_data.into(),
            slots_data: published.transaction_data().into(),
            withdrawals_data: published.withdrawal_data().into(),
            proof: Bytes::from_static(&[0x9f; 64]),
        };
        self.data_chain = record.data_chain(self.data_chain);
        let mut changes = credited;
        if count != 0 {
            changes.push(Change::Consumed {
                first: header.first_deposit,
                count: count as u64,
            });
        }
        changes.push(Change::Batch(record));
        let transaction = self.mine(changes);
        self.chain.submissions.insert(transaction, submission);
        Ok(())
    }

    fn transaction(&mut self, prices: &Fr, withdraw: bool) -> Transaction {
        let kind = if withdraw {
            Kind::Withdraw
        } else {
            Kind::Transfer
        };
        let mut note_data = NoteData([0; NOTE_DATA_LEN]);
        self.rng.fill(&mut note_data.0[..]);
        let header = Header::new(kind, AssetId(0), FEE, self.now() + 600);
        Transaction {
            anchor: self.ledger.state().anchor(prices),
            assets_root: self.assets.root(),
            header: header.expect("fee and expiry are in range"),
            withdrawal: withdraw.then(|| Withdrawal {
                asset: AssetId(0),
                recipient: self.rng.r#gen(),
                amount: self.rng.gen_range(1..1 << 60),
            }),
            terms: Fr::from(0u64),
            nullifiers: std::array::from_fn(|_| Nullifier::of(self.word())),
            commitments: std::array::from_fn(|_| NoteCommitment::new(self.word())),
            ephemeral: unaudited().y,
            audit: AuditWords(std::array::from_fn(|_| self.word())),
            note_data,
        }
    }

    /// Returns the digest of the newest price snapshot.
    #[must_use]
    pub fn prices(&self) -> Fr {
        let newest = self.snapshot.as_ref();
        newest.map_or(Fr::from(0u64), PriceSnapshot::digest)
    }

    fn word(&mut self) -> Fr {
        let wide: [u128; 2] = self.rng.r#gen();
        Fr::from(wide[0]) * Fr::from(wide[1])
    }

    /// Returns the time of the next block.
    fn now(&self) -> u64 {
        GENESIS_TIME + BLOCK_TIME * self.chain.blocks.len() as u64
    }

    /// Mines a block with one transaction, which makes these changes. Returns its hash.
    fn mine(&mut self, changes: Vec<Change>) -> B256 {
        let number = self.chain.blocks.len() as u64;
        let parent = self.chain.blocks.last().map(|block| block.hash);
        let parent = parent.unwrap_or_default();
        let hash = |kind: u8| {
            let seed = [&[kind], parent.as_slice(), &self.fork.to_be_bytes()].concat();
            keccak256([seed.as_slice(), &number.to_be_bytes()].concat())
        };
        let (block_hash, transaction) = (hash(0), hash(1));
        let block = Block {
            number,
            hash: block_hash,
            parent,
            timestamp: self.now(),
        };
        let view = self.view(block);
        self.chain.blocks.push(block);
        self.chain.views.push(view);
        let records = changes.into_iter().map(|change| Recorded {
            block: number,
            block_hash,
            transaction,
            change,
        });
        self.chain.records.extend(records);
        transaction
    }

    fn view(&self, block: Block) -> RollupView {
        let state = self.ledger.state();
        RollupView {
            block,
            state: state.commitment(),
            batch_index: state.batch_index,
            deposit_count: state.deposit_count,
            queued_deposits: self.queued,
            assets_root: self.assets.root(),
            context: self.deployment.context(),
            fee_asset: AssetId(0),
            last_time: self.last_time,
            data_chain: self.data_chain.0,
            shapes: self.shapes.clone(),
        }
    }
}

fn words_hash(words: &[Fr]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    for word in words {
        hasher.update(fr_to_bytes(word));
    }
    hasher.finalize().0
}

#[async_trait::async_trait]
impl Source for Recording {
    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        Ok(match tag {
            Tag::Number(number) => self.blocks.iter().find(|block| block.number == number),
            Tag::Latest | Tag::Safe | Tag::Finalized => self.blocks.last(),
        }
        .copied())
    }

    async fn history(&self, from: u64, to: u64) -> Result<Vec<Recorded>, L1Error> {
        let first = self.records.partition_point(|found| found.block < from);
        let end = self.records.partition_point(|found| found.block <= to);
        Ok(self.records[first..end.max(first)].to_vec())
    }

    async fn submission(&self, recorded: &Recorded) -> Result<Submission, L1Error> {
        let found = self.submissions.get(&recorded.transaction).cloned();
        found.ok_or_else(|| L1Error::Unavailable("the transaction is not there".into()))
    }

    async fn rollup_at(&self, block: &Block) -> Result<RollupView, L1Error> {
        let found = self.views.iter().find(|view| view.block == *block).cloned();
        found.ok_or_else(|| L1Error::Unavailable("the block's state is not there".into()))
    }
}
