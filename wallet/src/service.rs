//! The wallet: one institution's keys, its view of the chain, and a worker that carries operations
//! through, one after the other.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ark_ed_on_bn254::EdwardsAffine;
use rand::{RngCore as _, rngs::OsRng};
use subrosa_bindings::{Account, L1, TokenMetadata};
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetTree},
    batch::PublishedBatch,
    encoding::{fr_from_bytes, fr_to_bytes},
    encryption::Memo,
    keys::{Address, Network, Seed, SpendKey, ViewingKey},
    transaction::Submission,
};
use tokio::sync::{Mutex, Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    chain::{Chain, MovementKind, OwnedNote, fingerprint},
    compose::{Composer, Intent, Terms},
    error::{Failure, WalletError},
    operation::{Attempt, Operation, Progress, Request},
    ports::TransactionProver,
    sequencer::{Info, SequencerClient, SequencerError},
    store::{Remembered, State, Store},
};

/// How often the worker looks for new batches when nothing wakes it.
const POLL: Duration = Duration::from_millis(250);
/// How long a transaction stays valid.
const LIFETIME: u64 = 3600;
/// How far a batch's time may lie behind L1's, seconds (specification: *Settlement*).
const TIME_WINDOW: u64 = 3600;
/// How often an operation whose ground moved (a stale asset root or anchor) is composed again.
const MAX_ATTEMPTS: usize = 5;

/// What a wallet needs to start.
#[derive(Debug, Clone)]
pub struct WalletConfig {
    /// Where its state lives; made if absent.
    pub directory: PathBuf,
    /// Address prefix.
    pub network: Network,
    /// Base URL of the sequencer.
    pub sequencer: String,
    /// The fee to offer, base units of the fee asset; at least the sequencer's minimum is paid.
    pub fee: u128,
}

/// An asset as the wallet shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAsset {
    /// Its id.
    pub id: AssetId,
    /// Symbol and decimals of its token.
    pub token: TokenMetadata,
}

/// What an institution holds of an asset, base units.
#[derive(Clone, PartialEq, Eq)]
pub struct Balance {
    /// The asset.
    pub asset: ShownAsset,
    /// In notes that no operation holds.
    pub spendable: u128,
    /// In notes that open operations hold, as far as it comes back as change.
    pub pending: u128,
    /// On L1, in the institution's account.
    pub on_l1: u128,
    /// In the vault, to be claimed.
    pub claimable: u128,
}

/// One line of history as the gateway shows it.
#[derive(Clone)]
pub struct HistoryLine {
    /// Batch time, Unix seconds.
    pub time: u64,
    /// The batch.
    pub batch: u64,
    /// What it was.
    pub kind: MovementKind,
    /// The asset.
    pub asset: ShownAsset,
    /// Base units.
    pub amount: u128,
    /// Payee's address, or the L1 account.
    pub counterparty: Option<String>,
    /// Memo, shown safely.
    pub memo: Option<String>,
    /// Whether L1 has accepted the batch.
    pub settled: bool,
}

struct Inner {
    chain: Chain,
    assets: AssetTree,
    shown: Vec<ShownAsset>,
    /// Every auditor key seen for any asset, newest last: old payments reopen with old keys.
    auditors: Vec<EdwardsAffine>,
    state: State,
    /// The highest batch that L1 has accepted and we have compared with ours.
    settled: u64,
    /// No batch of an earlier time than this can be accepted any more; with all that were accepted applied.
    l1_time: u64,
}

/// One institution's wallet.
pub struct Wallet {
    spend: SpendKey,
    keys: ViewingKey,
    network: Network,
    fee: u128,
    info: Info,
    client: SequencerClient,
    l1: Arc<dyn L1>,
    account: Account,
    prover: Arc<dyn TransactionProver>,
    store: Store,
    inner: Mutex<Inner>,
    wake: Notify,
    heights: watch::Sender<u64>,
}

impl std::fmt::Debug for Wallet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wallet")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}

impl Wallet {
    /// Opens the wallet of `seed`: reads its state, asks the sequencer and L1 what deployment they
    /// serve, and compares. Scanning starts with [`Wallet::run`].
    ///
    /// # Errors
    /// [`WalletError`] if state, sequencer or L1 cannot be read or name different deployments.
    pub async fn open(
        config: WalletConfig,
        seed: &Seed,
        l1: Arc<dyn L1>,
        account: Account,
        prover: Arc<dyn TransactionProver>,
    ) -> Result<Arc<Self>, WalletError> {
        std::fs::create_dir_all(&config.directory).map_err(|source| {
            crate::store::StoreError::Io {
                path: config.directory.clone(),
                source,
            }
        })?;
        let store = Store::new(&config.directory, seed);
        let state = store.load()?;
        let client = SequencerClient::new(&config.sequencer)?;
        let info = client.info().await?;
        let view = l1.rollup().await?;
        if view.context != info.context || view.fee_asset != info.fee_asset {
            return Err(WalletError::Chain(
                "sequencer and L1 serve different rollups".into(),
            ));
        }
        let keys = ViewingKey::from_seed(seed);
        let mut chain = Chain::new(keys.clone(), info.context);
        if let Some(last) = state.next_deposit.checked_sub(1) {
            chain.expect_deposit(last);
        }
        let wallet = Arc::new(Self {
            spend: SpendKey::from_seed(seed),
            keys,
            network: config.network,
            fee: config.fee.max(info.min_fee),
            info,
            client,
            l1,
            account,
            prover,
            store,
            inner: Mutex::new(Inner {
                chain,
                assets: AssetTree::new(),
                shown: Vec::new(),
                auditors: Vec::new(),
                state,
                settled: 0,
                l1_time: 0,
            }),
            wake: Notify::new(),
            heights: watch::Sender::new(0),
        });
        wallet.refresh_assets().await?;
        wallet.resolve_deposits().await?;
        Ok(wallet)
    }

    /// The institution's address, with its network's prefix.
    #[must_use]
    pub fn address(&self) -> String {
        self.keys.address().encode(self.network)
    }

    /// The institution's L1 account.
    #[must_use]
    pub fn account(&self) -> [u8; 20] {
        self.account.address().into_array()
    }

    /// Follows the index of the next batch to apply.
    #[must_use]
    pub fn heights(&self) -> watch::Receiver<u64> {
        self.heights.subscribe()
    }

    /// Scans and carries operations through until cancelled. Transient failures are logged and tried
    /// again at the next turn.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.turn().await {
                let (code, _, retryable) = error.classify();
                tracing::warn!(code, retryable, "the wallet's turn ended early: {error}");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    async fn turn(self: &Arc<Self>) -> Result<(), WalletError> {
        self.sync().await?;
        self.follow().await?;
        self.watch_submitted().await?;
        while let Some(id) = self.next_to_submit().await {
            self.submit(&id).await?;
        }
        // Each queued operation is tried once a turn, in order, so that a large one which waits for
        // notes does not hold up those that need none of them.
        let queued: Vec<String> = {
            let inner = self.inner.lock().await;
            inner
                .state
                .operations
                .iter()
                .filter(|o| {
                    o.progress == Progress::Queued && !matches!(o.request, Request::Deposit { .. })
                })
                .map(|o| o.id.clone())
                .collect()
        };
        for id in queued {
            if self.prove(&id).await? {
                self.submit(&id).await?;
            }
        }
        Ok(())
    }

    // --- scanning ---

    /// Applies all batches that the sequencer has beyond ours, and has L1 say which of them count.
    async fn sync(&self) -> Result<(), WalletError> {
        while self.read_page().await? {}
        self.confirm().await
    }

    /// Applies a page of batches. False if it held nothing new.
    async fn read_page(&self) -> Result<bool, WalletError> {
        let from = self.inner.lock().await.chain.batch_index();
        // The last known batch is asked for again, to notice if it was sealed anew.
        let page = self.client.batches(from.saturating_sub(1).max(1)).await?;
        let mut grew = false;
        for entry in &page {
            let contradiction =
                |what: &str| WalletError::Chain(format!("batch {}: {what}", entry.index));
            let batch = PublishedBatch::from_bytes(&entry.data)
                .map_err(|e| contradiction(&e.to_string()))?;
            let mut inner = self.inner.lock().await;
            let inner = &mut *inner;
            if let Some(known) = inner.chain.applied(entry.index) {
                if known.fingerprint != fingerprint(&entry.data) {
                    tracing::warn!(batch = entry.index, "sealed anew; scanning from the start");
                    self.rescan(inner);
                    return Ok(true);
                }
                continue;
            }
            if entry.index != inner.chain.batch_index() {
                return Err(contradiction("the batches before it are missing"));
            }
            inner
                .chain
                .apply(&batch, &inner.auditors)
                .map_err(|e| contradiction(&e.to_string()))?;
            grew = true;
            self.heights.send_replace(inner.chain.batch_index());
        }
        Ok(grew)
    }

    fn rescan(&self, inner: &mut Inner) {
        inner.chain = Chain::new(self.keys.clone(), self.info.context);
        inner.settled = 0;
        if let Some(last) = inner.state.next_deposit.checked_sub(1) {
            inner.chain.expect_deposit(last);
        }
    }

    /// A batch has settled when L1 accepted one with this index, this state and these data: the sequencer's
    /// word for it counts for nothing.
    async fn confirm(&self) -> Result<(), WalletError> {
        let view = self.l1.rollup().await?;
        let head = self.l1.head().await?;
        let on_l1 = view.batch_index.saturating_sub(1);
        let no_earlier = view
            .last_time
            .max(head.timestamp.saturating_sub(TIME_WINDOW));
        loop {
            let (next, applied) = {
                let mut inner = self.inner.lock().await;
                let next = inner.settled + 1;
                if next > on_l1 {
                    // All that L1 has is read: from here on L1's clock decides what has expired.
                    inner.l1_time = inner.l1_time.max(no_earlier);
                }
                (next, inner.chain.applied(next).copied())
            };
            let Some(applied) = applied.filter(|_| next <= on_l1) else {
                return Ok(());
            };
            let missing = || WalletError::Chain(format!("L1 has no event of batch {next}"));
            let accepted = self.l1.accepted(next).await?.ok_or_else(missing)?;
            let mut inner = self.inner.lock().await;
            if (accepted.new_state, accepted.data_commitment)
                != (applied.state, applied.data_commitment)
            {
                self.rescan(&mut inner);
                return Err(WalletError::Chain(format!(
                    "the sequencer's batch {next} is not the one that L1 accepted"
                )));
            }
            if inner.chain.applied(next) == Some(&applied) {
                inner.settled = next;
            }
        }
    }

    /// Reads the registry again.
    async fn refresh_assets(&self) -> Result<(), WalletError> {
        let infos = self.l1.assets().await?;
        let mut shown = Vec::with_capacity(infos.len());
        for info in &infos {
            shown.push(ShownAsset {
                id: info.id,
                token: self.l1.token_metadata(info.id).await?,
            });
        }
        let mut inner = self.inner.lock().await;
        for info in &infos {
            if !inner.auditors.contains(&info.auditor) {
                inner.auditors.push(info.auditor);
            }
        }
        inner.assets = infos.into_iter().collect();
        inner.shown = shown;
        Ok(())
    }

    // --- operations ---

    /// Moves operations on that the chain has caught up with, or that can no longer happen. What the chain
    /// holds overrides what the sequencer said: a transaction that it called refused may be there.
    async fn follow(&self) -> Result<(), WalletError> {
        let mut inner = self.inner.lock().await;
        let Inner {
            chain,
            state,
            settled,
            l1_time,
            ..
        } = &mut *inner;
        let mut changed = false;
        for operation in &mut state.operations {
            let next = advance(operation, chain, *settled, *l1_time);
            if next != operation.progress {
                if !next.is_open() || next == Progress::Queued {
                    operation.submission = None;
                }
                operation.progress = next;
                changed = true;
            }
        }
        if changed {
            self.store.save(&inner.state)?;
        }
        Ok(())
    }

    /// Asks the sequencer about accepted transactions that no batch holds yet: it may have had to drop one,
    /// because the asset root moved or the expiry passed.
    async fn watch_submitted(&self) -> Result<(), WalletError> {
        let waiting: Vec<(String, String)> = {
            let inner = self.inner.lock().await;
            inner
                .state
                .operations
                .iter()
                .filter(|o| o.progress == Progress::Submitted)
                .filter_map(|o| Some((o.id.clone(), o.attempts.last()?.digest.clone())))
                .collect()
        };
        for (id, digest) in waiting {
            if let Some(code) = self.client.refusal(&digest).await? {
                self.dropped(&id, code).await?;
            }
        }
        Ok(())
    }

    /// The sequencer does not take a transaction. If its ground moved, it is composed again from the same
    /// notes; otherwise the operation fails, and its notes are held until the transaction can no longer
    /// be included.
    async fn dropped(&self, id: &str, code: String) -> Result<(), WalletError> {
        self.refresh_assets().await?;
        let again = {
            let inner = self.inner.lock().await;
            let root = hex_word(&fr_to_bytes(&inner.assets.root()));
            let operation = inner.state.operations.iter().find(|o| o.id == id);
            operation.is_some_and(|o| {
                let moved = match code.as_str() {
                    "stale_assets" => o.attempts.last().is_some_and(|a| a.assets_root != root),
                    "unknown_anchor" => true,
                    _ => false,
                };
                moved && o.request != Request::Merge && o.attempts.len() < MAX_ATTEMPTS
            })
        };
        if again {
            return self
                .update(id, |operation| {
                    operation.progress = Progress::Queued;
                    operation.submission = None;
                    operation.waiting_for = Some(code);
                })
                .await;
        }
        let failure = Failure {
            code: "rejected".into(),
            reason: Some(code),
            detail: "the sequencer does not take the transaction".into(),
        };
        self.fail(id, failure).await
    }

    async fn next_to_submit(&self) -> Option<String> {
        let inner = self.inner.lock().await;
        inner
            .state
            .operations
            .iter()
            .find(|o| o.progress == Progress::Proven && o.waiting_for.is_none())
            .map(|o| o.id.clone())
    }

    /// Composes and proves a queued operation. False if it has to wait for notes.
    async fn prove(self: &Arc<Self>, id: &str) -> Result<bool, WalletError> {
        let (operation, composed) = {
            let inner = self.inner.lock().await;
            let Some(operation) = inner.state.operations.iter().find(|o| o.id == id).cloned()
            else {
                return Ok(false);
            };
            let spendable = spendable(&inner, &operation);
            let intent = self.intent(&operation.request)?;
            let composer = Composer {
                chain: &inner.chain,
                assets: &inner.assets,
                keys: &self.keys,
                spend: &self.spend,
                terms: Terms {
                    context: self.info.context,
                    fee_asset: self.info.fee_asset,
                    fee: operation.fee,
                    expiry: now() + LIFETIME,
                },
            };
            let composed = composer.compose(
                &intent,
                AssetId(operation.asset),
                operation.amount,
                |note: &OwnedNote| spendable(&fr_to_bytes(&note.nullifier)),
                &mut OsRng,
            );
            (operation, composed)
        };
        let composed = match composed {
            Ok(composed) => composed,
            Err(crate::compose::ComposeError::Insufficient) => {
                return self.wait_for_notes(id).await.map(|()| false);
            }
            Err(error) => {
                self.fail(id, WalletError::from(error).failure()).await?;
                return Ok(false);
            }
        };
        let words = composed.transaction.words(&self.info.context);
        let digest = composed.transaction.digest(&self.info.context);
        let merges = composed.merges;
        let transaction = composed.transaction.clone();
        let wallet = Arc::clone(self);
        let proof =
            tokio::task::spawn_blocking(move || wallet.prover.prove(&words, &composed.witness))
                .await
                .map_err(|_| WalletError::Stopped)?;
        let proof = match proof {
            Ok(proof) => proof,
            Err(reason) => {
                self.fail(id, WalletError::Prover(reason).failure()).await?;
                return Ok(false);
            }
        };
        let attempt = Attempt {
            digest: hex_word(&fr_to_bytes(&digest)),
            nullifiers: transaction.nullifiers.each_ref().map(fr_to_bytes),
            expiry: transaction.header.expiry,
            assets_root: hex_word(&fr_to_bytes(&transaction.assets_root)),
        };
        let submission = Submission { transaction, proof }.to_bytes();
        let mut inner = self.inner.lock().await;
        let proven = |operation: &mut Operation| {
            operation.progress = Progress::Proven;
            operation.attempts.push(attempt);
            operation.submission = Some(hex::encode(submission));
            operation.waiting_for = None;
        };
        if merges {
            let mut merge = Operation {
                id: new_id(),
                request: Request::Merge,
                created: now(),
                attempts: Vec::new(),
                ..operation
            };
            proven(&mut merge);
            let merge_id = merge.id.clone();
            inner.state.operations.push(merge);
            self.store.save(&inner.state)?;
            drop(inner);
            self.submit(&merge_id).await?;
            return Ok(false);
        }
        if let Some(operation) = inner.state.operations.iter_mut().find(|o| o.id == id) {
            proven(operation);
        }
        self.store.save(&inner.state)?;
        Ok(true)
    }

    /// Leaves an operation queued while others may still bring it notes, and fails it when none can.
    async fn wait_for_notes(&self, id: &str) -> Result<(), WalletError> {
        let may_come = {
            let inner = self.inner.lock().await;
            inner
                .state
                .operations
                .iter()
                .any(|o| o.id != id && o.progress.is_open())
        };
        if may_come {
            Ok(())
        } else {
            self.fail(id, WalletError::InsufficientFunds.failure())
                .await
        }
    }

    fn intent(&self, request: &Request) -> Result<Intent, WalletError> {
        let malformed = |_| WalletError::Malformed("a stored operation".into());
        match request {
            Request::Transfer { to, memo } => Ok(Intent::Transfer {
                to: Address::decode(to, self.network)
                    .map_err(|e| WalletError::BadAddress(e.to_string()))?,
                memo: memo
                    .parse()
                    .map_err(|e: subrosa_protocol::encryption::MemoError| {
                        WalletError::MemoTooLong(e.to_string())
                    })?,
            }),
            Request::Withdrawal { to } => Ok(Intent::Withdraw {
                recipient: parse_account(to).map_err(malformed)?,
            }),
            Request::Deposit { .. } | Request::Merge => Err(WalletError::Malformed(
                "nothing to compose for this operation".into(),
            )),
        }
    }

    /// Sends a proven operation. Transient failures leave it proven; a moved ground queues it again.
    async fn submit(&self, id: &str) -> Result<(), WalletError> {
        let bytes = {
            let inner = self.inner.lock().await;
            let operation = inner.state.operations.iter().find(|o| o.id == id);
            let Some(hex) = operation.and_then(|o| o.submission.as_ref()) else {
                return Ok(());
            };
            hex::decode(hex).map_err(|_| WalletError::Malformed("a stored submission".into()))?
        };
        match self.client.submit(bytes).await {
            Ok(()) => {
                self.update(id, |operation| operation.progress = Progress::Submitted)
                    .await
            }
            Err(error) if error.is_transient() => Err(error.into()),
            Err(SequencerError::Refused { code, .. }) => self.dropped(id, code).await,
            Err(error) => self.fail(id, WalletError::from(error).failure()).await,
        }
    }

    async fn update(
        &self,
        id: &str,
        change: impl FnOnce(&mut Operation),
    ) -> Result<(), WalletError> {
        let mut inner = self.inner.lock().await;
        if let Some(operation) = inner.state.operations.iter_mut().find(|o| o.id == id) {
            change(operation);
        }
        Ok(self.store.save(&inner.state)?)
    }

    async fn fail(&self, id: &str, failure: Failure) -> Result<(), WalletError> {
        self.update(id, |operation| {
            operation.progress = Progress::Failed(failure);
            operation.submission = None;
        })
        .await
    }

    // --- what the gateway asks for ---

    /// The asset with this symbol or id.
    ///
    /// # Errors
    /// [`WalletError::UnknownAsset`].
    pub async fn asset(&self, name: &str) -> Result<ShownAsset, WalletError> {
        let inner = self.inner.lock().await;
        let id = name.parse::<u16>().ok();
        inner
            .shown
            .iter()
            .find(|asset| asset.token.symbol == name || Some(asset.id.0) == id)
            .cloned()
            .ok_or(WalletError::UnknownAsset)
    }

    /// Starts a payment or a withdrawal. `idempotency` is the caller's key and a digest of its request.
    ///
    /// # Errors
    /// [`WalletError`] naming what is wrong; nothing is kept then.
    pub async fn start(
        &self,
        request: Request,
        asset: AssetId,
        amount: u128,
        idempotency: Option<(String, String)>,
    ) -> Result<Operation, WalletError> {
        self.intent(&request)?;
        let mut inner = self.inner.lock().await;
        if let Some(known) = recall(&inner.state, idempotency.as_ref())? {
            return Ok(known);
        }
        let enough = |of: AssetId, need: u128| projected(&inner, &self.info, of) >= need;
        let covered = if asset == self.info.fee_asset {
            amount
                .checked_add(self.fee)
                .is_some_and(|need| enough(asset, need))
        } else {
            enough(asset, amount) && enough(self.info.fee_asset, self.fee)
        };
        if !covered {
            return Err(WalletError::InsufficientFunds);
        }
        let operation = self.new_operation(request, asset, amount);
        self.keep(&mut inner, &operation, idempotency)?;
        self.wake.notify_one();
        Ok(operation)
    }

    fn new_operation(&self, request: Request, asset: AssetId, amount: u128) -> Operation {
        Operation {
            id: new_id(),
            created: now(),
            request,
            asset: asset.0,
            amount,
            fee: self.fee,
            progress: Progress::Queued,
            submission: None,
            attempts: Vec::new(),
            waiting_for: None,
            l1_transaction: None,
        }
    }

    fn keep(
        &self,
        inner: &mut Inner,
        operation: &Operation,
        idempotency: Option<(String, String)>,
    ) -> Result<(), WalletError> {
        inner.state.operations.push(operation.clone());
        if let Some((key, request)) = idempotency {
            inner.state.remembered.insert(
                key,
                Remembered {
                    request,
                    operation: operation.id.clone(),
                },
            );
        }
        Ok(self.store.save(&inner.state)?)
    }

    /// Deposits from the institution's L1 account and waits until L1 has queued it.
    ///
    /// # Errors
    /// [`WalletError`]; a deposit that L1 rejected is kept as a failed operation.
    pub async fn deposit(
        &self,
        asset: AssetId,
        amount: u128,
        idempotency: Option<(String, String)>,
    ) -> Result<(Operation, u64), WalletError> {
        let (operation, index, inner_commitment) = {
            let mut inner = self.inner.lock().await;
            if let Some(known) = recall(&inner.state, idempotency.as_ref())? {
                let Request::Deposit { deposit } = known.request else {
                    return Err(WalletError::IdempotencyConflict);
                };
                return Ok((known, deposit));
            }
            let index = inner.state.next_deposit.max(inner.chain.next_deposit());
            inner.state.next_deposit = index + 1;
            inner.chain.expect_deposit(index);
            // Kept before L1 hears of it: a crash in between costs an index, never a deposit.
            let operation = Operation {
                fee: 0,
                ..self.new_operation(Request::Deposit { deposit: index }, asset, amount)
            };
            self.keep(&mut inner, &operation, idempotency)?;
            (operation, index, inner.chain.deposit_inner(index))
        };
        match self
            .l1
            .deposit(&self.account, asset, amount, &inner_commitment)
            .await
        {
            Ok(receipt) => {
                self.update(&operation.id, |o| {
                    o.progress = Progress::Submitted;
                    // A token may take a fee on the way: what the vault received is what counts.
                    o.amount = receipt.credited;
                    o.l1_transaction = Some(format!("0x{}", hex::encode(receipt.tx)));
                })
                .await?;
                Ok((self.operation(&operation.id).await?, index))
            }
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                let error = WalletError::from(error);
                self.fail(&operation.id, error.failure()).await?;
                Err(error)
            }
        }
    }

    /// At start: deposits of which we do not know whether L1 took them are looked up in the vault's queue.
    async fn resolve_deposits(&self) -> Result<(), WalletError> {
        let open: Vec<(String, u64)> = {
            let inner = self.inner.lock().await;
            let operations = inner.state.operations.iter();
            operations
                .filter_map(|o| match o.request {
                    Request::Deposit { deposit } if o.progress == Progress::Queued => {
                        Some((o.id.clone(), deposit))
                    }
                    _ => None,
                })
                .collect()
        };
        if open.is_empty() {
            return Ok(());
        }
        let mut queued = HashSet::new();
        let mut from = 0;
        loop {
            let page = self.l1.deposits(from, 256).await?;
            let Some(last) = page.last() else { break };
            from = last.index + 1;
            queued.extend(page.iter().map(|d| fr_to_bytes(&d.deposit.inner)));
        }
        for (id, index) in open {
            let inner = fr_to_bytes(&self.inner.lock().await.chain.deposit_inner(index));
            if queued.contains(&inner) {
                self.update(&id, |o| o.progress = Progress::Submitted)
                    .await?;
            } else {
                let detail = "the wallet stopped before L1 took the deposit".to_owned();
                self.fail(
                    &id,
                    Failure {
                        code: "interrupted".into(),
                        reason: None,
                        detail,
                    },
                )
                .await?;
            }
        }
        Ok(())
    }

    /// Claims what the vault owes to the institution in an asset. Returns the L1 transaction and the amount.
    ///
    /// # Errors
    /// [`WalletError`].
    pub async fn claim(&self, asset: AssetId) -> Result<([u8; 32], u128), WalletError> {
        let amount = self.l1.claimable(self.account(), asset).await?;
        let receipt = self.l1.claim(&self.account, asset).await?;
        Ok((receipt.tx, amount))
    }

    /// An operation by id.
    ///
    /// # Errors
    /// [`WalletError::NotFound`].
    pub async fn operation(&self, id: &str) -> Result<Operation, WalletError> {
        let inner = self.inner.lock().await;
        inner
            .state
            .operations
            .iter()
            .find(|o| o.id == id)
            .cloned()
            .ok_or(WalletError::NotFound)
    }

    /// Balances of all assets.
    ///
    /// # Errors
    /// [`WalletError::L1`].
    pub async fn balances(&self) -> Result<Vec<Balance>, WalletError> {
        let inside: Vec<(ShownAsset, u128, u128)> = {
            let inner = self.inner.lock().await;
            let held = held_nullifiers(&inner, None);
            let shown = inner.shown.clone();
            shown
                .into_iter()
                .map(|asset| {
                    let spendable = inner
                        .chain
                        .notes()
                        .iter()
                        .filter(|n| n.spent.is_none() && n.note.asset == asset.id)
                        .filter(|n| !held.contains(&fr_to_bytes(&n.nullifier)))
                        .fold(0u128, |sum, n| sum.saturating_add(n.note.value));
                    let projected = projected(&inner, &self.info, asset.id);
                    (asset, spendable, projected.saturating_sub(spendable))
                })
                .collect()
        };
        let mut balances = Vec::with_capacity(inside.len());
        for (asset, spendable, pending) in inside {
            balances.push(Balance {
                on_l1: self.l1.token_balance(self.account(), asset.id).await?,
                claimable: self.l1.claimable(self.account(), asset.id).await?,
                asset,
                spendable,
                pending,
            });
        }
        Ok(balances)
    }

    /// Movements from batch `from` on, oldest first.
    pub async fn history(&self, from: u64) -> Vec<HistoryLine> {
        let inner = self.inner.lock().await;
        let shown = |id: AssetId| inner.shown.iter().find(|asset| asset.id == id).cloned();
        inner
            .chain
            .movements()
            .iter()
            .filter(|m| m.batch >= from)
            .filter_map(|m| {
                Some(HistoryLine {
                    time: m.time,
                    batch: m.batch,
                    kind: m.kind,
                    asset: shown(m.asset)?,
                    amount: m.amount,
                    counterparty: m
                        .to
                        .as_ref()
                        .map(|to| to.encode(self.network))
                        .or_else(|| m.recipient.map(|r| format!("0x{}", hex::encode(r)))),
                    memo: m
                        .memo
                        .as_ref()
                        .filter(|memo| !memo.is_empty())
                        .map(Memo::to_string),
                    settled: m.batch <= inner.settled,
                })
            })
            .collect()
    }
}

fn new_id() -> String {
    let mut bytes = [0u8; 16];
    OsRng.fill_bytes(&mut bytes);
    hex::encode(bytes)
}

/// 20 bytes of 0x hex.
pub(crate) fn parse_account(text: &str) -> Result<[u8; 20], hex::FromHexError> {
    let mut out = [0u8; 20];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut out)?;
    Ok(out)
}

fn recall(
    state: &State,
    idempotency: Option<&(String, String)>,
) -> Result<Option<Operation>, WalletError> {
    let Some((key, request)) = idempotency else {
        return Ok(None);
    };
    let Some(known) = state.remembered.get(key) else {
        return Ok(None);
    };
    if known.request != *request {
        return Err(WalletError::IdempotencyConflict);
    }
    Ok(state
        .operations
        .iter()
        .find(|o| o.id == known.operation)
        .cloned())
}

/// 0x hex.
fn hex_word(bytes: &[u8; 32]) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// What may still become of a signed transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is in this batch.
    Included(u64),
    /// Another transaction spent one of its notes.
    Superseded,
    /// No batch can hold it any more.
    Expired,
    /// It can still be included.
    Live,
}

fn fate(attempt: &Attempt, chain: &Chain, l1_time: u64) -> Fate {
    if let Some(batch) = chain.included(&attempt.nullifiers) {
        Fate::Included(batch)
    } else if attempt
        .nullifiers
        .iter()
        .any(|nf| chain.spent(nf).is_some())
    {
        Fate::Superseded
    } else if l1_time > attempt.expiry {
        Fate::Expired
    } else {
        Fate::Live
    }
}

/// Where an operation stands in view of the chain.
fn advance(operation: &Operation, chain: &Chain, settled: u64, l1_time: u64) -> Progress {
    let found = |batch: u64| {
        if batch <= settled {
            Progress::Settled { batch }
        } else {
            Progress::Included { batch }
        }
    };
    let current = operation.progress.clone();
    if let Request::Deposit { deposit } = operation.request {
        let taken = chain.deposited(deposit, AssetId(operation.asset), operation.amount);
        return match (taken, current) {
            (Some(batch), _) => found(batch),
            (None, Progress::Included { .. } | Progress::Settled { .. }) => Progress::Submitted,
            (None, current) => current,
        };
    }
    let fates = || operation.attempts.iter().map(|a| fate(a, chain, l1_time));
    let included = fates().find_map(|fate| match fate {
        Fate::Included(batch) => Some(batch),
        _ => None,
    });
    if let Some(batch) = included {
        return found(batch);
    }
    let failed = |code: &str, detail: &str| {
        Progress::Failed(Failure {
            code: code.into(),
            reason: None,
            detail: detail.into(),
        })
    };
    match current {
        // The batch was sealed anew; the sequencer still has the transaction.
        Progress::Included { .. } | Progress::Settled { .. } => Progress::Submitted,
        Progress::Proven | Progress::Submitted => match fates().next_back() {
            // Nothing of this operation can happen any more, so that it may start afresh.
            Some(Fate::Superseded) if operation.request != Request::Merge => Progress::Queued,
            Some(Fate::Superseded) => failed("superseded", "another transaction spent its notes"),
            Some(Fate::Expired) => failed("expired", "it was not included before its expiry"),
            _ => current,
        },
        other => other,
    }
}

/// Nullifiers of transactions that can still be included, but for those of operation `except`. A failed merge
/// holds nothing: whichever of it and a later transaction is included, nothing is paid twice.
fn held_nullifiers(inner: &Inner, except: Option<&str>) -> HashSet<[u8; 32]> {
    let operations = inner.state.operations.iter();
    operations
        .filter(|o| Some(o.id.as_str()) != except)
        .filter(|o| o.request != Request::Merge || o.progress.is_open())
        .flat_map(|o| &o.attempts)
        .filter(|attempt| fate(attempt, &inner.chain, inner.l1_time) == Fate::Live)
        .flat_map(|attempt| attempt.nullifiers)
        .collect()
}

/// Which notes an operation may spend. If a transaction signed for it can still be included, only that one's
/// notes: so a second one excludes the first, and nothing is paid twice.
fn spendable(inner: &Inner, operation: &Operation) -> impl Fn(&[u8; 32]) -> bool + use<> {
    let live = |attempt: &&Attempt| fate(attempt, &inner.chain, inner.l1_time) == Fate::Live;
    let pinned = operation.attempts.iter().rfind(live).map(|a| a.nullifiers);
    let held = held_nullifiers(inner, Some(&operation.id));
    move |nullifier| match &pinned {
        Some(pinned) => pinned.contains(nullifier),
        None => !held.contains(nullifier),
    }
}

/// Whether an operation's payment may still leave.
fn may_leave(inner: &Inner, operation: &Operation) -> bool {
    let live = |attempt: &Attempt| fate(attempt, &inner.chain, inner.l1_time) == Fate::Live;
    operation.progress.is_open()
        || (matches!(operation.progress, Progress::Failed(_))
            && operation.request != Request::Merge
            && operation.attempts.iter().any(live))
}

/// What will be left of an asset when all open operations are done, not counting what others may pay us.
fn projected(inner: &Inner, info: &Info, asset: AssetId) -> u128 {
    let held = inner
        .chain
        .notes()
        .iter()
        .filter(|n| n.spent.is_none() && n.note.asset == asset)
        .fold(0u128, |sum, n| sum.saturating_add(n.note.value));
    let leaving = inner
        .state
        .operations
        .iter()
        .filter(|o| may_leave(inner, o))
        .map(|o| {
            let out = match o.request {
                Request::Transfer { .. } | Request::Withdrawal { .. } if o.asset == asset.0 => {
                    o.amount
                }
                _ => 0,
            };
            let fee = if info.fee_asset == asset { o.fee } else { 0 };
            out.saturating_add(fee)
        })
        .fold(0u128, u128::saturating_add);
    held.saturating_sub(leaving)
}

/// `Fr` that the sequencer sent as 0x hex.
pub(crate) fn element(text: &str) -> Option<Fr> {
    let mut bytes = [0u8; 32];
    hex::decode_to_slice(text.strip_prefix("0x")?, &mut bytes).ok()?;
    fr_from_bytes(&bytes).ok()
}
