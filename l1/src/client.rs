//! The contracts over any transport.

use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, AuditorKeys},
    market::PriceSnapshot,
};
use tokio::sync::{OnceCell, watch};

use crate::{
    account::Account,
    error::L1Error,
    history::{Recorded, Submission},
    status::Status,
    transactions::{self, Cancellation},
    transport::{At, Block, Head, Mined, Tag, Transport},
    view::{
        Accepted, ClaimReceipt, DepositName, DepositReceipt, DepositTerms, OracleLog,
        QueuedDeposit, Receipt, RollupView, SettledBatch, Settlement, TakeBack, TokenMetadata,
        Validity,
    },
};

mod acceptances;
mod aggregate;
mod batches;
mod held;
mod history;
mod oracle;
mod queue;
mod reads;
mod rollup;
mod signed_claims;
mod writes;

use writes::Queued;

use acceptances::Acceptances;
use held::HeldLog;
use queue::Queue;
use rollup::{KnownShapes, Surroundings};
pub use signed_claims::SignedClaim;

/// Addresses of the deployed contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Contracts {
    /// The rollup.
    pub rollup: Address,
    /// The vault.
    pub vault: Address,
    /// The asset registry.
    pub registry: Address,
    /// Number of a block before which none of them existed. Their logs are read from there on.
    #[serde(default)]
    pub deployed_at: u64,
}

/// L1 as the services use it. [`Client`] implements it over each transport.
///
/// Every read is of a mined block. Calls of one method that belong together read the same block.
/// Every failure of a read is transient ([`L1Error::is_transient`]), except what a token answers.
#[async_trait::async_trait]
pub trait L1: Send + Sync + 'static {
    /// Returns the EIP-155 chain id.
    async fn chain_id(&self) -> Result<u64, L1Error>;
    /// Returns the newest mined block.
    async fn head(&self) -> Result<Head, L1Error>;
    /// Returns a block. `None` if no block has this number yet, or if the node does not know what
    /// is safe or finalized, as some development nodes do not.
    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error>;
    /// Returns the index below which all settled batches are final; `None` if L1 names no final
    /// block.
    async fn final_batches(&self) -> Result<Option<u64>, L1Error>;
    /// Returns the addresses of the contracts.
    fn contracts(&self) -> Contracts;
    /// Reads the rollup's state and surroundings as of the newest mined block.
    async fn rollup(&self) -> Result<RollupView, L1Error>;
    /// Reads the rollup's state and surroundings as of this block, by its hash. Nodes keep the
    /// state of recent blocks only.
    async fn rollup_at(&self, block: &Block) -> Result<RollupView, L1Error>;
    /// Reads what the contracts recorded in the blocks from `from` to `to`, both inclusive, oldest
    /// first. `to` must be mined.
    async fn history(&self, from: u64, to: u64) -> Result<Vec<Recorded>, L1Error>;
    /// Reads the submission of a batch from its transaction's calldata, which `recorded` names.
    async fn submission(&self, recorded: &Recorded) -> Result<Submission, L1Error>;
    /// Reads up to `limit` deposits of the queue, from index `from` on.
    async fn deposits(&self, from: u64, limit: u64) -> Result<Vec<QueuedDeposit>, L1Error>;
    /// Reads which of the waiting deposits from index `from` on their depositors want back. Looks
    /// at `limit` deposits, at most 256.
    async fn take_backs(&self, from: u64, limit: u64) -> Result<Vec<TakeBack>, L1Error>;
    /// Returns the length of the deposit queue as of the block with this many confirmations.
    ///
    /// The newest mined block has 1 confirmation; 0 counts as 1. The length is 0 for a block in
    /// which the queue did not exist yet, and for confirmations that exceed the chain's height.
    async fn deposits_mined(&self, confirmations: u64) -> Result<u64, L1Error>;
    /// Reads the registry's assets, in order of their ids.
    async fn assets(&self) -> Result<Vec<AssetInfo>, L1Error>;
    /// Reads the keys of all assets' auditors, present and past.
    async fn auditors(&self) -> Result<AuditorKeys, L1Error>;
    /// Submits a proven batch from the operator's account and waits until it is mined, for a
    /// bounded time. A repeated call for the same batch joins the transaction under way.
    async fn settle(&self, batch: &Settlement) -> Result<Receipt, L1Error>;
    /// Makes sure that the batch with this index and data commitment cannot settle any more by
    /// what this client sent, unless it has settled already, and says which.
    ///
    /// It waits for a bounded time. [`L1Error::Unavailable`] means that the question is still open,
    /// and that the cancellation goes on: ask again, and do not drop the batch before.
    async fn cancel_settlement(
        &self,
        index: u64,
        data_commitment: &Fr,
    ) -> Result<Cancellation, L1Error>;
    /// Follows the transactions of the operator's account.
    async fn transactions(&self) -> Result<watch::Receiver<transactions::Status>, L1Error>;
    /// Forgets the events of the batches from this index on, so that they are read anew.
    fn forget_accepted(&self, index: u64);
    /// Returns the commitments that L1 accepted for the batch with this index, if it accepted one.
    async fn accepted(&self, index: u64) -> Result<Option<Accepted>, L1Error>;
    /// Rebuilds a settled batch from L1 data alone.
    async fn settled_batch(&self, index: u64) -> Result<Option<SettledBatch>, L1Error>;
    /// Reads minimum and fee of the asset's deposits.
    async fn deposit_terms(&self, asset: AssetId) -> Result<DepositTerms, L1Error>;
    /// Deposits from `account`. Approves the vault first if its allowance is too small.
    ///
    /// `inner` identifies the deposit: a repeated call joins the transaction under way, or returns
    /// its outcome.
    async fn deposit(
        &self,
        account: &Account,
        asset: AssetId,
        amount: u128,
        inner: &Fr,
    ) -> Result<DepositReceipt, L1Error>;
    /// Deposits like [`Self::deposit`], and publishes the owner and the blinding of the note, as
    /// assets with [`AssetInfo::NAMED_DEPOSITS`] require.
    async fn deposit_named(
        &self,
        account: &Account,
        asset: AssetId,
        amount: u128,
        name: &DepositName,
    ) -> Result<DepositReceipt, L1Error>;
    /// Claims all that the vault owes to `account` in the asset. A repeated call with the same
    /// `key` joins the transaction under way, or returns its outcome.
    async fn claim(
        &self,
        account: &Account,
        asset: AssetId,
        key: Option<&str>,
    ) -> Result<ClaimReceipt, L1Error>;
    /// Returns the amount that `owner` can claim, in base units.
    async fn claimable(&self, owner: [u8; 20], asset: AssetId) -> Result<u128, L1Error>;
    /// Returns the tokens (or wei) of the asset that `owner` holds on L1.
    async fn token_balance(&self, owner: [u8; 20], asset: AssetId) -> Result<u128, L1Error>;
    /// Reads the token's symbol and decimals.
    async fn token_metadata(&self, asset: AssetId) -> Result<TokenMetadata, L1Error>;
    /// Reads the newest price snapshot, if there is one.
    async fn snapshot(&self) -> Result<Option<PriceSnapshot>, L1Error>;
    /// Reads the price oracle's log from block `from` on.
    async fn oracle_log(&self, from: u64) -> Result<OracleLog, L1Error>;
    /// Returns when the snapshot with this digest was the last one, if L1 recorded it. The digest 0
    /// stands for the time before the first.
    async fn snapshot_validity(&self, digest: &Fr) -> Result<Option<Validity>, L1Error>;
    /// Takes a price snapshot. Any account may.
    async fn take_snapshot(&self, account: &Account) -> Result<Receipt, L1Error>;
    /// Returns the state of the connection; `None` for a chain without one.
    fn status(&self) -> Option<Status> {
        None
    }
}

/// The contracts at their addresses over a transport.
#[derive(Debug)]
pub struct Client<T> {
    transport: T,
    contracts: Contracts,
    operator: Option<Account>,
    /// Address of the rollup's price oracle, a constant of the contract, read when first needed.
    oracle: OnceCell<Address>,
    /// Shapes that were ever registered.
    shapes: Mutex<KnownShapes>,
    /// Batches that L1 accepted, as far as they were read.
    acceptances: Mutex<Acceptances>,
    /// Deposits of the vault's queue, as far as they were read.
    queue: Mutex<Queue>,
    /// Held while the queue is read.
    reading_queue: tokio::sync::Mutex<()>,
    /// Withdrawals that batches hold, as far as they were read.
    held: Mutex<HeldLog>,
    /// Held while those are read.
    reading_held: tokio::sync::Mutex<()>,
    /// The view last read. Its block's hash fixes it for good.
    last: Mutex<Option<Surroundings>>,
}

impl<T: Transport> Client<T> {
    /// Builds a client. `operator` signs [`L1::settle`]; those who never settle pass `None`.
    pub fn new(transport: T, contracts: Contracts, operator: Option<Account>) -> Self {
        Self {
            transport,
            contracts,
            operator,
            oracle: OnceCell::new(),
            shapes: Mutex::default(),
            acceptances: Mutex::default(),
            queue: Mutex::default(),
            reading_queue: tokio::sync::Mutex::default(),
            held: Mutex::default(),
            reading_held: tokio::sync::Mutex::default(),
            last: Mutex::default(),
        }
    }

    /// Returns the transport.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// Calls a contract on the state of the newest mined block.
    async fn read<C: SolCall>(
        &self,
        operation: &'static str,
        to: Address,
        call: C,
    ) -> Result<C::Return, L1Error> {
        let data = call.abi_encode().into();
        let data = self.transport.call(operation, to, data, At::Latest).await?;
        C::abi_decode_returns(&data).map_err(|e| L1Error::Odd(format!("{operation}: {e}")))
    }

    /// Calls one of the deployment's contracts, whose views never revert.
    async fn view<C: SolCall>(
        &self,
        operation: &'static str,
        to: Address,
        call: C,
    ) -> Result<C::Return, L1Error> {
        self.read(operation, to, call)
            .await
            .map_err(L1Error::of_read)
    }

    /// Returns the account that settles batches.
    fn operator(&self) -> Result<&Account, L1Error> {
        let none = || L1Error::Protocol("this client has no operator account".into());
        self.operator.as_ref().ok_or_else(none)
    }

    /// Returns the newest block, for a view whose reads must agree.
    async fn newest(&self) -> Result<Block, L1Error> {
        let block = self.transport.block(Tag::Latest).await?;
        block.ok_or_else(|| L1Error::Odd("the node has no latest block".into()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn receipt(mined: &Mined, calldata_bytes: u64) -> Receipt {
    Receipt {
        tx: mined.hash.0,
        block: mined.block,
        gas_used: mined.gas_used,
        calldata_bytes,
    }
}

#[async_trait::async_trait]
impl<T: Transport> L1 for Client<T> {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        self.transport.chain_id().await
    }

    async fn head(&self) -> Result<Head, L1Error> {
        self.transport.head().await
    }

    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        self.transport.block(tag).await
    }

    async fn final_batches(&self) -> Result<Option<u64>, L1Error> {
        self.read_final_batches().await
    }

    fn contracts(&self) -> Contracts {
        self.contracts
    }

    async fn rollup(&self) -> Result<RollupView, L1Error> {
        self.rollup_at(&self.newest().await?).await
    }

    async fn rollup_at(&self, block: &Block) -> Result<RollupView, L1Error> {
        Ok(self.surroundings(block).await?.view)
    }

    async fn history(&self, from: u64, to: u64) -> Result<Vec<Recorded>, L1Error> {
        self.read_history(from, to).await
    }

    async fn submission(&self, recorded: &Recorded) -> Result<Submission, L1Error> {
        self.read_submission(recorded.transaction, recorded.block_hash)
            .await
    }

    async fn deposits(&self, from: u64, limit: u64) -> Result<Vec<QueuedDeposit>, L1Error> {
        self.read_deposits(from, limit).await
    }

    async fn take_backs(&self, from: u64, limit: u64) -> Result<Vec<TakeBack>, L1Error> {
        self.read_take_backs(from, limit).await
    }

    async fn deposits_mined(&self, confirmations: u64) -> Result<u64, L1Error> {
        self.count_deposits(confirmations).await
    }

    async fn assets(&self) -> Result<Vec<AssetInfo>, L1Error> {
        self.read_assets().await
    }

    async fn auditors(&self) -> Result<AuditorKeys, L1Error> {
        self.read_auditors().await
    }

    async fn settle(&self, batch: &Settlement) -> Result<Receipt, L1Error> {
        self.submit(batch).await
    }

    async fn cancel_settlement(
        &self,
        index: u64,
        data_commitment: &Fr,
    ) -> Result<Cancellation, L1Error> {
        self.cancel_submission(index, data_commitment).await
    }

    async fn transactions(&self) -> Result<watch::Receiver<transactions::Status>, L1Error> {
        let manager = self.transport.manager(self.operator()?).await?;
        Ok(manager.status())
    }

    fn forget_accepted(&self, index: u64) {
        self.forget_acceptances(index);
    }

    async fn accepted(&self, index: u64) -> Result<Option<Accepted>, L1Error> {
        self.read_accepted(index).await
    }

    async fn settled_batch(&self, index: u64) -> Result<Option<SettledBatch>, L1Error> {
        self.rebuild(index).await
    }

    async fn deposit_terms(&self, asset: AssetId) -> Result<DepositTerms, L1Error> {
        self.read_deposit_terms(asset).await
    }

    async fn deposit(
        &self,
        account: &Account,
        asset: AssetId,
        amount: u128,
        inner: &Fr,
    ) -> Result<DepositReceipt, L1Error> {
        let queued = Queued::Hidden(*inner);
        self.send_deposit(account, asset, amount, &queued).await
    }

    async fn deposit_named(
        &self,
        account: &Account,
        asset: AssetId,
        amount: u128,
        name: &DepositName,
    ) -> Result<DepositReceipt, L1Error> {
        let queued = Queued::Named(*name);
        self.send_deposit(account, asset, amount, &queued).await
    }

    async fn claim(
        &self,
        account: &Account,
        asset: AssetId,
        key: Option<&str>,
    ) -> Result<ClaimReceipt, L1Error> {
        self.send_claim(account, asset, key).await
    }

    async fn claimable(&self, owner: [u8; 20], asset: AssetId) -> Result<u128, L1Error> {
        self.read_claimable(owner, asset).await
    }

    async fn token_balance(&self, owner: [u8; 20], asset: AssetId) -> Result<u128, L1Error> {
        self.read_balance(owner, asset).await
    }

    async fn token_metadata(&self, asset: AssetId) -> Result<TokenMetadata, L1Error> {
        self.read_metadata(asset).await
    }

    async fn snapshot(&self) -> Result<Option<PriceSnapshot>, L1Error> {
        self.read_snapshot().await
    }

    async fn oracle_log(&self, from: u64) -> Result<OracleLog, L1Error> {
        self.read_oracle_log(from).await
    }

    async fn snapshot_validity(&self, digest: &Fr) -> Result<Option<Validity>, L1Error> {
        self.read_validity(digest).await
    }

    async fn take_snapshot(&self, account: &Account) -> Result<Receipt, L1Error> {
        self.send_snapshot(account).await
    }

    fn status(&self) -> Option<Status> {
        self.transport.status()
    }
}
