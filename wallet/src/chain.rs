//! The chain as one institution sees it: the ledger replayed from published batches, its own notes
//! found by trial decryption, and its movements.
//!
//! Everything here is a function of the published batches and the viewing key. A restore from the
//! seed therefore finds the same notes and movements.

mod loans;

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};
use subrosa_l1::DepositName;
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AuditorKeys},
    batch::{PublishedBatch, PublishedTransaction, data_commitment},
    element::{Anchor, NoteCommitment, Nullifier, OwnerId},
    encoding::fr_to_bytes,
    encryption::{Delivery, Memo, PublishedOutputs, Scanner, Sent},
    keys::ViewingKey,
    ledger::{Ledger, ReplayError},
    loan::Agreement,
    market::PriceSnapshot,
    note::{Note, NoteClass, nullifier},
    swap::Terms,
};

use crate::loans::HeldLoan;
use loans::{Openings, beside};

/// Unused deposit indices that are searched for beyond the highest one seen. A deposit that L1
/// refuses uses an index up. A restore that missed a deposit would also miss all change made of it.
const DEPOSIT_GAP: u64 = 1_024;

/// A note of ours that is or was in the note tree.
#[derive(Clone)]
pub struct OwnedNote {
    /// The note.
    pub note: Note,
    /// Index of the leaf in the note tree.
    pub leaf_index: u64,
    /// The batch that created it.
    pub batch: u64,
    /// Nullifier of the note.
    pub nullifier: Nullifier,
    /// The batch that spent it.
    pub spent: Option<u64>,
}

/// Kind of a movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MovementKind {
    /// From L1 into the rollup.
    Deposit,
    /// From another party. The note does not name the sender; only a swap of ours can.
    Received,
    /// To another party.
    Sent,
    /// To the counterparty of a swap, by our leg.
    Delivered,
    /// From the rollup to L1.
    Withdrawal,
    /// To ourselves: a merge of notes.
    Merge,
    /// Into the position of a loan of ours, as collateral.
    Secured,
    /// Out of the position of a loan of ours: collateral that came back.
    Released,
    /// To the lender of a loan of ours.
    Repaid,
    /// Out of the position of a loan that we liquidated.
    Seized,
}

/// One line of an institution's history.
#[derive(Clone)]
pub struct Movement {
    /// Batch time, Unix seconds.
    pub time: u64,
    /// Index of the batch.
    pub batch: u64,
    /// Kind of the movement.
    pub kind: MovementKind,
    /// The asset.
    pub asset: AssetId,
    /// Base units.
    pub amount: u128,
    /// Owner id of the other party inside, if known: the payee, or the counterparty of a swap or a
    /// loan.
    pub to: Option<OwnerId>,
    /// The L1 account of a withdrawal.
    pub recipient: Option<[u8; 20]>,
    /// Memo to the payee.
    pub memo: Option<Memo>,
    /// Nullifiers of the transaction, by which an operation finds its movement; zeros for a
    /// deposit.
    pub nullifiers: [Nullifier; 3],
}

/// Fingerprints of an applied batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// SHA-256 of its encoding.
    pub fingerprint: [u8; 32],
    /// State commitment after it.
    pub state: Fr,
    /// Poseidon commitment to its data words. They include the ciphertexts, which the state does
    /// not.
    pub data_commitment: Fr,
}

/// The chain as one viewing key sees it.
pub struct Chain {
    keys: ViewingKey,
    context: Fr,
    scanner: Scanner,
    ledger: Ledger,
    notes: Vec<OwnedNote>,
    by_nullifier: HashMap<Nullifier, usize>,
    deposit_inners: HashMap<[u8; 32], u64>,
    next_deposit: u64,
    movements: Vec<Movement>,
    /// Fingerprints of the applied batches. They reveal a batch that the sequencer replaced or that
    /// L1 did not accept.
    applied: Vec<Applied>,
    /// Batch of each of our transactions, by its nullifiers.
    transactions: HashMap<[Nullifier; 3], u64>,
    /// Batch, asset and value of the deposits with our inner commitments, by index.
    deposited: HashMap<u64, Vec<(u64, AssetId, u128)>>,
    /// Notes that counterparties of swaps may deliver to us, by commitment.
    deliveries: HashMap<NoteCommitment, (Note, OwnerId)>,
    /// Time of the last applied batch.
    time: u64,
    /// Digest of the price snapshot in the anchors of the last applied batch.
    prices: Fr,
    /// Loans of ours, including ended ones.
    loans: Vec<HeldLoan>,
    loans_by_id: HashMap<[u8; 16], usize>,
    /// Loan of each state of a position, by the state's nullifier.
    positions: HashMap<Nullifier, usize>,
    /// Batches that spent positions of ours.
    spent_positions: HashMap<Nullifier, u64>,
    /// Registered assets, one of which a restored borrower's debt is in.
    assets: Vec<AssetId>,
    /// Agreements whose opening is expected, by the position's commitment.
    openings: HashMap<NoteCommitment, Agreement>,
}

/// Reason why a batch is not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The batch does not follow on the one before it.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// No known key opens the auditor words of a transaction of ours, so that its change would be
    /// missed.
    #[error("slot {slot}: no known auditor key opens our own transaction")]
    UnknownAuditor {
        /// Slot of the transaction.
        slot: usize,
    },
}

/// A note of ours that a batch brought.
struct Incoming {
    note: Note,
    slot: usize,
    from: Option<OwnerId>,
    memo: Option<Memo>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain")
            .field("batch_index", &self.batch_index())
            .finish_non_exhaustive()
    }
}

impl Chain {
    /// Makes the chain before its first batch.
    #[must_use]
    pub fn new(keys: ViewingKey, context: Fr) -> Self {
        let mut chain = Self {
            scanner: Scanner::new(&keys),
            keys,
            context,
            ledger: Ledger::new(),
            notes: Vec::new(),
            by_nullifier: HashMap::new(),
            deposit_inners: HashMap::new(),
            next_deposit: 0,
            movements: Vec::new(),
            applied: Vec::new(),
            transactions: HashMap::new(),
            deposited: HashMap::new(),
            deliveries: HashMap::new(),
            time: 0,
            prices: Fr::from(0u64),
            loans: Vec::new(),
            loans_by_id: HashMap::new(),
            positions: HashMap::new(),
            spent_positions: HashMap::new(),
            assets: Vec::new(),
            openings: HashMap::new(),
        };
        chain.expect_deposits();
        chain
    }

    /// Returns the index of the batch to apply next; 1 at the start.
    #[must_use]
    pub fn batch_index(&self) -> u64 {
        self.ledger.state().batch_index
    }

    /// Returns the time of the last applied batch, Unix seconds; 0 before the first.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.time
    }

    /// Returns the digest of the price snapshot in the last applied batch's anchors; 0 before the
    /// first.
    #[must_use]
    pub fn prices(&self) -> &Fr {
        &self.prices
    }

    /// Returns the digest of the prices in the anchors of transactions under a snapshot; without
    /// one, that of the last batch counts.
    #[must_use]
    pub fn prices_under(&self, snapshot: Option<&PriceSnapshot>) -> Fr {
        snapshot.map_or(self.prices, PriceSnapshot::digest)
    }

    /// Returns the anchor of a transaction under a snapshot.
    #[must_use]
    pub fn anchor_under(&self, snapshot: Option<&PriceSnapshot>) -> Anchor {
        Anchor::of(&self.ledger.notes().root(), &self.prices_under(snapshot))
    }

    /// Returns the replayed ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns our notes, including spent ones, oldest first.
    #[must_use]
    pub fn notes(&self) -> &[OwnedNote] {
        &self.notes
    }

    /// Returns our movements, oldest first.
    #[must_use]
    pub fn movements(&self) -> &[Movement] {
        &self.movements
    }

    /// Returns the first deposit index that the chain has not seen.
    #[must_use]
    pub fn next_deposit(&self) -> u64 {
        self.next_deposit
    }

    /// Returns the fingerprints of batch `index`, if it is applied.
    #[must_use]
    pub fn applied(&self, index: u64) -> Option<&Applied> {
        self.applied
            .get(usize::try_from(index.checked_sub(1)?).ok()?)
    }

    /// Returns the batch that includes our transaction with these three nullifiers. One nullifier
    /// would not identify it: another transaction of ours may have spent the same note.
    #[must_use]
    pub fn included(&self, nullifiers: &[Nullifier; 3]) -> Option<u64> {
        self.transactions.get(nullifiers).copied()
    }

    /// Whether the note with this nullifier is ours.
    #[must_use]
    pub fn owns(&self, nullifier: &Nullifier) -> bool {
        self.by_nullifier.contains_key(nullifier)
    }

    /// Returns the batch that spent the note or position of ours with this nullifier.
    #[must_use]
    pub fn spent(&self, nullifier: &Nullifier) -> Option<u64> {
        match self.by_nullifier.get(nullifier) {
            Some(at) => self.notes.get(*at)?.spent,
            None => self.spent_positions.get(nullifier).copied(),
        }
    }

    /// Returns the batch that credited our deposit `index` with this asset and value. The inner
    /// commitment would not identify it: anybody can copy it and deposit dust under it.
    #[must_use]
    pub fn deposited(&self, index: u64, asset: AssetId, value: u128) -> Option<u64> {
        let found = self.deposited.get(&index)?.iter();
        found
            .filter(|(_, of, credited)| (*of, *credited) == (asset, value))
            .map(|(batch, ..)| *batch)
            .next()
    }

    /// Returns owner and blinding of the note that deposit `index` to ourselves makes.
    #[must_use]
    pub fn deposit_name(&self, index: u64) -> DepositName {
        DepositName {
            owner: self.keys.owner,
            rcm: self.keys.deposit_rcm(index),
        }
    }

    /// Returns the inner commitment of deposit `index` to ourselves.
    #[must_use]
    pub fn deposit_inner(&self, index: u64) -> Fr {
        self.deposit_name(index).inner()
    }

    /// Searches also for deposits up to and including `index`, which the wallet remembers.
    pub fn expect_deposit(&mut self, index: u64) {
        self.next_deposit = self.next_deposit.max(index + 1);
        self.expect_deposits();
    }

    /// Searches also for the cash that the other side of these terms delivers to us. The search
    /// does not depend on the ciphertext.
    pub fn expect_delivery(&mut self, terms: &Terms) {
        let cash = |side: &_| terms.exchange.leg(*side).class == NoteClass::Cash;
        if let Some(side) = terms.received_by(&self.keys.owner).filter(cash) {
            let note = terms.delivery(side);
            let from = terms.receiver(side.other()).owner;
            self.deliveries.insert(note.commitment(), (note, from));
        }
    }

    fn expect_deposits(&mut self) {
        let known = self.deposit_inners.len() as u64;
        for index in known..self.next_deposit + DEPOSIT_GAP {
            self.deposit_inners
                .insert(fr_to_bytes(&self.deposit_inner(index)), index);
        }
    }

    /// Applies the next published batch. `auditors` must have every key that an asset had up to
    /// this batch: the keys open the sender's own copies.
    ///
    /// # Errors
    /// [`ApplyError`] if the batch does not follow, or if an auditor's key is missing under which
    /// we read our change; nothing is changed then.
    pub fn apply(
        &mut self,
        batch: &PublishedBatch,
        auditors: &AuditorKeys,
    ) -> Result<(), ApplyError> {
        let index = self.batch_index();
        let published: Vec<_> = batch.transactions.iter().map(outputs).collect();
        let sent = self.read_sent(&published, auditors)?;
        self.ledger.replay(batch, &self.context)?;
        self.applied.push(Applied {
            fingerprint: fingerprint(&batch.to_bytes()),
            state: self.ledger.state().commitment(),
            data_commitment: data_commitment(&batch.words()),
        });
        self.time = batch.header.time;
        self.prices = batch.header.oracle;
        self.find_deposits(batch, index);
        let mut ours = self.mark_spent(batch, index);
        for (ours, sent) in ours.iter_mut().zip(&sent) {
            *ours |= sent.is_some();
        }
        let stepped = self.follow_positions(batch, index);
        let mut incoming = BTreeMap::new();
        let mut openings = Openings::new();
        for (slot, transaction) in batch.transactions.iter().enumerate() {
            if ours[slot] {
                self.transactions.insert(transaction.nullifiers, index);
            }
            let Some(sent) = sent[slot].as_ref().filter(|_| !stepped.contains(&slot)) else {
                continue;
            };
            let leg = self.record_outgoing(batch, transaction, index, sent);
            if let Some((delivery, to)) = leg {
                self.find_counterpart(batch, slot, &delivery, to, &mut incoming);
                self.find_lent(batch, slot, (&delivery, to), &mut openings);
            } else {
                self.find_borrowed(batch, (slot, sent), &mut incoming, &mut openings);
            }
        }
        self.find_change(batch, &sent, &mut incoming);
        self.find_expected(batch, &mut incoming);
        self.find_outputs(batch, &published, &mut incoming);
        self.find_agreed(batch, &sent, &mut openings);
        self.open_loans(batch, index, openings);
        self.record_incoming(batch, index, &ours, incoming);
        Ok(())
    }

    fn own(&mut self, note: Note, leaf_index: u64, batch: u64) {
        let nullifier = nullifier(&self.keys.nk, &note.commitment(), leaf_index);
        self.by_nullifier.insert(nullifier, self.notes.len());
        self.notes.push(OwnedNote {
            note,
            leaf_index,
            batch,
            nullifier,
            spent: None,
        });
    }

    fn find_deposits(&mut self, batch: &PublishedBatch, index: u64) {
        for (slot, deposit) in (0u64..).zip(&batch.deposits) {
            let Some(found) = self
                .deposit_inners
                .get(&fr_to_bytes(&deposit.inner))
                .copied()
            else {
                continue;
            };
            self.next_deposit = self.next_deposit.max(found + 1);
            self.expect_deposits();
            self.deposited
                .entry(found)
                .or_default()
                .push((index, deposit.asset, deposit.value));
            let note = Note::cash(
                deposit.asset,
                deposit.value,
                self.keys.owner,
                self.keys.deposit_rcm(found),
            );
            self.own(note, batch.header.start + 4 * slot + 3, index);
            self.movements.push(Movement {
                time: batch.header.time,
                batch: index,
                kind: MovementKind::Deposit,
                asset: deposit.asset,
                amount: deposit.value,
                to: None,
                recipient: None,
                memo: None,
                nullifiers: [Nullifier::of(Fr::from(0u64)); 3],
            });
        }
    }

    /// Reads back the transactions that we sent: they spend a note or a position of ours, and only
    /// we can derive their ephemeral key.
    fn read_sent<'p>(
        &self,
        published: &'p [PublishedOutputs],
        auditors: &AuditorKeys,
    ) -> Result<Vec<Option<Sent<'p>>>, ApplyError> {
        let all = OnceCell::new();
        published
            .iter()
            .enumerate()
            .map(|(slot, published)| {
                // The assets of what is spent come first: outputs are seldom in others.
                let mut assets = Vec::with_capacity(published.nullifiers.len());
                for nullifier in &published.nullifiers {
                    let note = self.by_nullifier.get(nullifier);
                    let note = note.and_then(|at| self.notes.get(*at));
                    let held = self.positions.get(nullifier);
                    let held = held.and_then(|at| self.loans.get(*at));
                    assets.extend(note.map(|owned| owned.note.asset));
                    assets.extend(held.map(|held| held.loan.collateral));
                }
                if assets.is_empty() {
                    return Ok(None);
                }
                let all = all.get_or_init(|| auditors.all());
                let likely = assets.into_iter().flat_map(|asset| auditors.of(asset));
                let sent = Sent::read(&self.keys, published, likely.chain(all));
                let spends = || published.nullifiers.iter().any(|nf| self.owns(nf));
                if sent.is_none() && spends() {
                    // Only another program with this seed can have made it, and only that program
                    // knows the blinding of its change.
                    tracing::warn!(
                        slot,
                        "a transaction spends our note that this wallet did not make"
                    );
                }
                match sent.as_ref().is_none_or(Sent::is_complete) {
                    true => Ok(sent),
                    false => Err(ApplyError::UnknownAuditor { slot }),
                }
            })
            .collect()
    }

    /// Marks our notes that the batch spends. Returns for each transaction whether it spends one.
    fn mark_spent(&mut self, batch: &PublishedBatch, index: u64) -> Vec<bool> {
        let Self {
            notes,
            by_nullifier,
            ..
        } = self;
        let spend = |nullifier: &Nullifier| {
            let found = by_nullifier.get(nullifier).copied();
            if let Some(note) = found.and_then(|at| notes.get_mut(at)) {
                note.spent = Some(index);
            }
            found.is_some()
        };
        let mut spend = spend;
        batch
            .transactions
            .iter()
            // Not `any`: it would stop at the first nullifier and leave the others unmarked.
            .map(|t| {
                t.nullifiers
                    .iter()
                    .filter(|nullifier| spend(nullifier))
                    .count()
                    > 0
            })
            .collect()
    }

    /// Records the movements of a transaction of ours. Returns the delivery and its receiver if the
    /// transaction is a swap's leg.
    fn record_outgoing(
        &mut self,
        batch: &PublishedBatch,
        transaction: &PublishedTransaction,
        index: u64,
        sent: &Sent<'_>,
    ) -> Option<(Delivery, OwnerId)> {
        let base = Movement {
            time: batch.header.time,
            batch: index,
            kind: MovementKind::Withdrawal,
            asset: AssetId(0),
            amount: 0,
            to: None,
            recipient: None,
            memo: None,
            nullifiers: transaction.nullifiers,
        };
        if let Some(withdrawal) = &transaction.withdrawal {
            self.movements.push(Movement {
                asset: withdrawal.asset,
                amount: withdrawal.amount,
                recipient: Some(withdrawal.recipient),
                ..base
            });
            return None;
        }
        let sent = sent.payment()?;
        let kind = if sent.delivery.is_some() {
            MovementKind::Delivered
        } else if sent.recipient == self.keys.owner {
            MovementKind::Merge
        } else {
            MovementKind::Sent
        };
        self.movements.push(Movement {
            kind,
            asset: sent.note.asset,
            amount: sent.note.value,
            to: Some(sent.recipient),
            // The memo of a leg is not text.
            memo: sent.delivery.is_none().then_some(sent.memo),
            ..base
        });
        sent.delivery.map(|delivery| (delivery, sent.recipient))
    }

    /// Finds the note that the other side delivered to us, next to our own leg in `slot`. Our leg
    /// determines that note, whatever the counterparty encrypted.
    fn find_counterpart(
        &self,
        batch: &PublishedBatch,
        slot: usize,
        delivery: &Delivery,
        from: OwnerId,
        incoming: &mut BTreeMap<u64, Incoming>,
    ) {
        let Some(slot) = beside(batch, slot, delivery.side) else {
            return;
        };
        let other = delivery.side.other();
        let note = delivery.exchange.delivery(other, &self.keys.owner);
        if note.commitment() == batch.transactions[slot].commitments[0] {
            let found = Incoming {
                note,
                slot,
                from: Some(from),
                memo: None,
            };
            incoming.insert(leaf_index(batch, slot, 0), found);
        }
    }

    /// Finds notes that known terms let us expect.
    fn find_expected(&self, batch: &PublishedBatch, incoming: &mut BTreeMap<u64, Incoming>) {
        if self.deliveries.is_empty() {
            return;
        }
        for (slot, transaction) in batch.transactions.iter().enumerate() {
            if let Some((note, from)) = self.deliveries.get(&transaction.commitments[0]) {
                incoming
                    .entry(leaf_index(batch, slot, 0))
                    .or_insert(Incoming {
                        note: *note,
                        slot,
                        from: Some(*from),
                        memo: None,
                    });
            }
        }
    }

    /// Finds what others, or we ourselves, encrypted to us.
    fn find_outputs(
        &self,
        batch: &PublishedBatch,
        published: &[PublishedOutputs],
        incoming: &mut BTreeMap<u64, Incoming>,
    ) {
        for found in self.scanner.scan(published) {
            let at = leaf_index(batch, found.transaction, 0);
            incoming.entry(at).or_insert(Incoming {
                note: found.note,
                slot: found.transaction,
                from: None,
                memo: found.delivery.is_none().then_some(found.memo),
            });
        }
    }

    /// Finds what stays ours in the transactions that we sent: change, and what we pay to
    /// ourselves. Nobody needs to encrypt it: we read it from the auditors' words.
    fn find_change(
        &self,
        batch: &PublishedBatch,
        sent: &[Option<Sent<'_>>],
        incoming: &mut BTreeMap<u64, Incoming>,
    ) {
        for (slot, sent) in sent.iter().enumerate() {
            let Some(sent) = sent else { continue };
            let [second, third] = sent.change();
            // Output 0 is ours too if it names us as owner, whoever can decrypt it.
            let first = sent.payment().map(|paid| paid.note);
            let first = first.filter(|note| note.owner == self.keys.owner);
            for (output, note) in (0..).zip([first, second, third]) {
                let Some(note) = note else { continue };
                incoming.insert(
                    leaf_index(batch, slot, output),
                    Incoming {
                        note,
                        slot,
                        from: None,
                        memo: None,
                    },
                );
            }
        }
    }

    fn record_incoming(
        &mut self,
        batch: &PublishedBatch,
        index: u64,
        ours: &[bool],
        incoming: BTreeMap<u64, Incoming>,
    ) {
        for (at, found) in incoming {
            if found.note.value == 0 {
                continue;
            }
            if !ours[found.slot] {
                self.movements.push(Movement {
                    time: batch.header.time,
                    batch: index,
                    kind: MovementKind::Received,
                    asset: found.note.asset,
                    amount: found.note.value,
                    to: found.from,
                    recipient: None,
                    memo: found.memo,
                    nullifiers: batch.transactions[found.slot].nullifiers,
                });
            }
            self.own(found.note, at, index);
        }
    }
}

/// Returns the leaf index of an output.
fn leaf_index(batch: &PublishedBatch, slot: usize, output: u64) -> u64 {
    batch.header.start + 4 * slot as u64 + output
}

/// Returns the SHA-256 of a batch's encoding.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn outputs(transaction: &PublishedTransaction) -> PublishedOutputs {
    PublishedOutputs {
        ephemeral: transaction.ephemeral,
        nullifiers: transaction.nullifiers,
        commitments: transaction.commitments,
        audit: transaction.audit,
        note_data: transaction.note_data,
    }
}
