//! Wallets that submit at random moments, each under the newest anchor that it knows.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use subrosa_client::{ClientError, SequencerClient};
use subrosa_protocol::{
    Fr,
    asset::AssetId,
    element::{Anchor, NoteCommitment, Nullifier, TransactionDigest},
    encoding::fr_from_hex,
    encryption::{AuditWords, NOTE_DATA_LEN, NoteData},
    keys::unaudited,
    proof::PROOF_LEN,
    swap::Side,
    transaction::{Header, Kind as HeaderKind, Transaction},
};
use tokio::task::JoinSet;

use super::time::{PausedClock, held};

/// Fee of each transaction.
pub(super) const MIN_FEE: u128 = 10;
/// Time of a client proof (`client.json`).
pub(super) const PROOF: Duration = Duration::from_millis(890);
/// Time from reading the batches to reading the prices, in one turn of a wallet.
const TURN: Duration = Duration::from_millis(100);
/// Longest time from a turn of a wallet to the use of what it read: it asks for prices once a
/// second.
const AGE: Duration = Duration::from_secs(1);
/// Longest time from one leg of a swap to the start of the other.
const REPLY: Duration = Duration::from_secs(4);
/// Lifetime of a transaction in seconds.
const LIFETIME: u64 = 3_600;
/// Times that a wallet makes a transaction.
const ATTEMPTS: usize = 16;

/// Parts of all transactions that are legs of swaps, and steps of loans.
const LEGS: f64 = 0.2;
const STEPS: f64 = 0.2;

/// Kind of a transaction in the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A transfer.
    Transfer,
    /// A step of a loan, which needs the newest prices. The sequencer cannot tell it from a
    /// transfer.
    Step,
    /// A leg of the swap with this number.
    Leg { swap: u64, side: Side },
}

/// The course of one transaction.
#[derive(Debug)]
pub(super) struct Fate {
    pub(super) kind: Kind,
    /// Time of the first submission, since the Unix epoch.
    pub(super) submitted: Duration,
    /// Digest of the accepted one.
    pub(super) accepted: Option<TransactionDigest>,
    /// Number of refusals because the prices had moved; the wallet then made it again.
    pub(super) moved: usize,
    /// Code of the last refusal, if none was accepted.
    pub(super) refused: String,
    /// Time of the prices that it was made with, Unix seconds.
    pub(super) price_time: u64,
}

/// All wallets.
#[derive(Clone)]
pub(super) struct Crowd {
    client: SequencerClient,
    clock: Arc<PausedClock>,
    assets_root: Fr,
}

impl Crowd {
    /// Makes wallets of this sequencer.
    pub(super) fn new(client: SequencerClient, clock: Arc<PausedClock>, assets_root: Fr) -> Self {
        Self {
            client,
            clock,
            assets_root,
        }
    }

    /// Submits transactions, `rate` a second, at independent moments of `length`. Returns their
    /// courses when all are accepted or given up. The moments depend on the rate alone.
    pub(super) async fn submit(&self, rate: f64, length: Duration) -> anyhow::Result<Vec<Fate>> {
        let mut rng = crate::rng();
        let context = held(self.client.info()).await?.context()?;
        let begun = self.clock.time();
        let mut tasks = JoinSet::new();
        // A swap is one arrival of two transactions.
        let arrivals = rate * (1.0 - LEGS / 2.0);
        let [swaps, steps] = [LEGS / 2.0, STEPS].map(|part| part * rate / arrivals);
        let mut due = Duration::ZERO;
        for number in 1u64.. {
            let wait = -(1.0 - rng.r#gen::<f64>()).ln() / arrivals;
            due += Duration::from_secs_f64(wait);
            if due >= length {
                break;
            }
            self.clock.until(begun + due).await;
            let which = rng.r#gen::<f64>();
            let mut start = |kind, pause| {
                let wallet = Wallet {
                    crowd: self.clone(),
                    context,
                    rng: StdRng::seed_from_u64(rng.r#gen()),
                };
                tasks.spawn(wallet.carry(kind, pause));
            };
            if which < swaps {
                let reply = REPLY.mul_f64(which / swaps);
                for (side, pause) in [(Side::A, Duration::ZERO), (Side::B, reply)] {
                    let swap = number;
                    start(Kind::Leg { swap, side }, pause);
                }
            } else if which < swaps + steps {
                start(Kind::Step, Duration::ZERO);
            } else {
                start(Kind::Transfer, Duration::ZERO);
            }
        }
        let mut fates = Vec::new();
        while let Some(fate) = tasks.join_next().await {
            fates.push(fate??);
        }
        Ok(fates)
    }
}

/// One wallet with one transaction.
struct Wallet {
    crowd: Crowd,
    context: Fr,
    rng: StdRng,
}

impl Wallet {
    /// Makes a transaction, submits it, and makes it again as long as its anchor is unknown.
    async fn carry(mut self, kind: Kind, pause: Duration) -> anyhow::Result<Fate> {
        let clock = self.crowd.clock.clone();
        clock.wait(pause).await;
        let mut fate = Fate {
            kind,
            submitted: Duration::ZERO,
            accepted: None,
            moved: 0,
            refused: String::new(),
            price_time: 0,
        };
        for _ in 0..ATTEMPTS {
            let info = held(self.crowd.client.info()).await?;
            clock.wait(TURN).await;
            let prices = held(self.crowd.client.oracle()).await?;
            let prices = prices.context("the sequencer has no prices")?;
            let age = AGE.mul_f64(self.rng.r#gen());
            clock.wait(age).await;
            let read = |text: &str| fr_from_hex(text).ok().context("no field element");
            let root = read(&info.state.note_root)?;
            let anchor = Anchor::of(&root, &read(&prices.digest)?);
            let transaction = self.transaction(kind, anchor)?;
            clock.wait(PROOF).await;
            if fate.submitted.is_zero() {
                fate.submitted = clock.time();
            }
            let mut bytes = transaction.to_bytes();
            bytes.extend_from_slice(&[0; PROOF_LEN]);
            match held(self.crowd.client.hand_over(bytes)).await {
                Ok(_) => {
                    fate.accepted = Some(transaction.digest(&self.context));
                    fate.price_time = prices.time;
                    return Ok(fate);
                }
                Err(ClientError::Refused { code, .. }) => {
                    fate.refused = code;
                    if fate.refused != "unknown_anchor" {
                        return Ok(fate);
                    }
                    fate.moved += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(fate)
    }

    fn word(&mut self) -> Fr {
        Fr::from(self.rng.r#gen::<u128>())
    }

    /// Makes a transaction of notes that never existed.
    fn transaction(&mut self, kind: Kind, anchor: Anchor) -> anyhow::Result<Transaction> {
        let (header, terms) = match kind {
            Kind::Transfer | Kind::Step => (HeaderKind::Transfer, 0),
            Kind::Leg { swap, side } => (HeaderKind::leg(side), swap),
        };
        let expiry = self.crowd.clock.time().as_secs() + LIFETIME;
        let mut note_data = NoteData([0; NOTE_DATA_LEN]);
        self.rng.fill(&mut note_data.0[..]);
        Ok(Transaction {
            anchor,
            assets_root: self.crowd.assets_root,
            header: Header::new(header, AssetId(0), MIN_FEE, expiry)?,
            withdrawal: None,
            terms: Fr::from(terms),
            nullifiers: std::array::from_fn(|_| Nullifier::of(self.word())),
            commitments: std::array::from_fn(|_| NoteCommitment::new(self.word())),
            ephemeral: unaudited().y,
            audit: AuditWords(std::array::from_fn(|_| self.word())),
            note_data,
        })
    }
}
