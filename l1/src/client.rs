//! The contracts over any transport.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolEvent, sol};
use ark_ed_on_bn254::EdwardsAffine;
use subrosa_protocol::{
    asset::{AssetId, AssetInfo},
    batch::{BatchHeader, PublishedBatch, Shape, data_commitment},
    encoding::check_point,
    keys::unaudited,
    ledger::Deposit,
    market::{Markets, Snapshot},
};
use tokio::sync::OnceCell;

use crate::{
    account::Account,
    contracts::{AssetRegistry, PriceOracle, Rollup, Vault},
    error::L1Error,
    transport::{At, FoundLog, Head, Mined, Outgoing, Transport},
    view::{
        Accepted, DepositReceipt, OracleChange, OracleEvent, OracleLog, QueuedDeposit, Receipt,
        RollupView, SettledBatch, Settlement, TokenMetadata,
    },
    words::{from_word, from_words, to_word},
};

sol! {
    /// The part of ERC-20 that wallets need.
    interface Erc20 {
        function approve(address spender, uint256 amount) external returns (bool);
        function allowance(address owner, address spender) external view returns (uint256);
        function balanceOf(address owner) external view returns (uint256);
        function symbol() external view returns (string memory);
        function decimals() external view returns (uint8);
    }
}

/// Addresses of the deployed contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Contracts {
    /// The rollup.
    pub rollup: Address,
    /// The vault.
    pub vault: Address,
    /// The asset registry.
    pub registry: Address,
}

/// What services ask of L1. Implemented by [`Client`] over each transport.
#[async_trait::async_trait]
pub trait L1: Send + Sync + 'static {
    /// EIP-155 chain id.
    async fn chain_id(&self) -> Result<u64, L1Error>;
    /// The newest block.
    async fn head(&self) -> Result<Head, L1Error>;
    /// Addresses of the contracts.
    fn contracts(&self) -> Contracts;
    /// The rollup's state and surroundings.
    async fn rollup(&self) -> Result<RollupView, L1Error>;
    /// Up to `limit` deposits of the queue, from index `from`.
    async fn deposits(&self, from: u64, limit: u64) -> Result<Vec<QueuedDeposit>, L1Error>;
    /// Length of the deposit queue as of the block that has this many confirmations. The newest
    /// mined block has 1; 0 counts as 1. A queue that did not exist yet has length 0.
    async fn deposits_mined(&self, confirmations: u64) -> Result<u64, L1Error>;
    /// The registry's assets in order of id.
    async fn assets(&self) -> Result<Vec<AssetInfo>, L1Error>;
    /// Submits a proven batch as the operator's account and waits until it is mined.
    async fn settle(&self, batch: &Settlement) -> Result<Receipt, L1Error>;
    /// What L1 accepted as the batch with this index, if it accepted one.
    async fn accepted(&self, index: u64) -> Result<Option<Accepted>, L1Error>;
    /// Re-reads a settled batch from L1 data alone.
    async fn settled_batch(&self, index: u64) -> Result<Option<SettledBatch>, L1Error>;
    /// Deposits from `account`, approving the vault first where needed.
    async fn deposit(
        &self,
        account: &Account,
        asset: AssetId,
        amount: u128,
        inner: &subrosa_protocol::Fr,
    ) -> Result<DepositReceipt, L1Error>;
    /// Claims all that the vault owes to `account` in the asset.
    async fn claim(&self, account: &Account, asset: AssetId) -> Result<Receipt, L1Error>;
    /// What `owner` may claim.
    async fn claimable(&self, owner: [u8; 20], asset: AssetId) -> Result<u128, L1Error>;
    /// Tokens (or ether) of the asset held by `owner` on L1.
    async fn token_balance(&self, owner: [u8; 20], asset: AssetId) -> Result<u128, L1Error>;
    /// The token's symbol and decimals.
    async fn token_metadata(&self, asset: AssetId) -> Result<TokenMetadata, L1Error>;
    /// The last price snapshot, if one was taken.
    async fn snapshot(&self) -> Result<Option<Snapshot>, L1Error>;
    /// What the price oracle's log holds from block `from` on.
    async fn oracle_log(&self, from: u64) -> Result<OracleLog, L1Error>;
    /// When the snapshot with this digest was taken, Unix seconds, if it was.
    async fn snapshot_time(&self, digest: &subrosa_protocol::Fr) -> Result<Option<u64>, L1Error>;
    /// Takes a price snapshot; any account may.
    async fn take_snapshot(&self, account: &Account) -> Result<Receipt, L1Error>;
}

/// The contracts at their addresses over a transport.
#[derive(Debug)]
pub struct Client<T> {
    transport: T,
    contracts: Contracts,
    operator: Option<Account>,
    /// The rollup's price oracle, once asked for: a constant of the contract.
    oracle: OnceCell<Address>,
}

/// What one call of `deposits` reads at most, to keep the node's work bounded.
const MAX_DEPOSITS: u64 = 256;

impl<T: Transport> Client<T> {
    /// A client; `operator` signs `settle` and may be absent for those who only read or use the vault.
    pub fn new(transport: T, contracts: Contracts, operator: Option<Account>) -> Self {
        Self {
            transport,
            contracts,
            operator,
            oracle: OnceCell::new(),
        }
    }

    /// The transport below.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    async fn read<C: SolCall>(
        &self,
        operation: &'static str,
        to: Address,
        call: C,
    ) -> Result<C::Return, L1Error> {
        self.read_at(At::Latest, operation, to, call).await
    }

    async fn read_at<C: SolCall>(
        &self,
        at: At,
        operation: &'static str,
        to: Address,
        call: C,
    ) -> Result<C::Return, L1Error> {
        let data = self
            .transport
            .call(operation, to, call.abi_encode().into(), at)
            .await?;
        C::abi_decode_returns(&data).map_err(|e| L1Error::Protocol(format!("{operation}: {e}")))
    }

    async fn write<C: SolCall>(
        &self,
        operation: &'static str,
        from: &Account,
        to: Address,
        call: C,
        value: U256,
    ) -> Result<(Mined, u64), L1Error> {
        let data: Bytes = call.abi_encode().into();
        let length = data.len() as u64;
        let mined = self
            .transport
            .send(
                from,
                Outgoing {
                    operation,
                    to: Some(to),
                    data,
                    value,
                },
            )
            .await?;
        Ok((mined, length))
    }

    async fn rollup_logs(&self, topics: Vec<B256>) -> Result<Vec<FoundLog>, L1Error> {
        self.transport.logs(self.contracts.rollup, topics, 0).await
    }

    /// The newest block, for a view whose reads must agree.
    async fn newest(&self) -> Result<u64, L1Error> {
        Ok(self.transport.head().await?.number)
    }

    /// Registered shapes that are not retired as of `block`, with their ids, in order of
    /// registration. Ids are never reused, so a new key for a size has a new id.
    async fn shapes(&self, block: u64) -> Result<Vec<(u32, Shape)>, L1Error> {
        let topics = vec![Rollup::ShapeRegistered::SIGNATURE_HASH];
        let mut shapes = Vec::new();
        for found in self.rollup_logs(topics).await? {
            if found.block > block {
                break;
            }
            let event = Rollup::ShapeRegistered::decode_log(&found.log)
                .map_err(|e| L1Error::Protocol(format!("ShapeRegistered: {e}")))?;
            let (shape, retired) = self.shape(At::Block(block), event.shape).await?;
            if !retired {
                shapes.push((event.shape, shape));
            }
        }
        Ok(shapes)
    }

    /// Size of a registered shape, and whether it is retired.
    async fn shape(&self, at: At, id: u32) -> Result<(Shape, bool), L1Error> {
        let call = Rollup::shapeOfCall {
            shape: U256::from(id),
        };
        let rollup = self.contracts.rollup;
        let found = self.read_at(at, "shapeOf", rollup, call).await?;
        let shape = Shape::from_slots(usize::from(found.slots))
            .ok_or_else(|| L1Error::Protocol("a shape of unknown size".into()))?;
        Ok((shape, found.retired))
    }

    /// A deposit of the vault's queue.
    async fn deposit_at(&self, at: At, index: u64) -> Result<Deposit, L1Error> {
        let call = Vault::depositAtCall {
            index: U256::from(index),
        };
        let vault = self.contracts.vault;
        let words = self.read_at(at, "depositAt", vault, call).await?;
        decode_deposit(words.packed, words.inner)
    }

    /// The event of an accepted batch, with the hash of its transaction.
    async fn acceptance(
        &self,
        index: u64,
    ) -> Result<Option<(Rollup::BatchAccepted, B256)>, L1Error> {
        let topics = vec![
            Rollup::BatchAccepted::SIGNATURE_HASH,
            B256::from(U256::from(index)),
        ];
        let logs = self.rollup_logs(topics).await?;
        let Some(found) = logs.into_iter().next_back() else {
            return Ok(None);
        };
        let event = Rollup::BatchAccepted::decode_log(&found.log)
            .map_err(|e| L1Error::Protocol(format!("BatchAccepted: {e}")))?;
        Ok(Some((event.data, found.transaction)))
    }

    async fn oracle(&self) -> Result<Address, L1Error> {
        let read = || self.read("oracle", self.contracts.rollup, Rollup::oracleCall {});
        self.oracle.get_or_try_init(read).await.copied()
    }

    async fn token(&self, asset: AssetId) -> Result<Address, L1Error> {
        let call = AssetRegistry::tokenOfCall {
            asset: U256::from(asset.0),
        };
        self.read("tokenOf", self.contracts.registry, call).await
    }
}

fn receipt(mined: &Mined, calldata_bytes: u64) -> Receipt {
    Receipt {
        tx: mined.hash.0,
        block: mined.block,
        gas_used: mined.gas_used,
        calldata_bytes,
    }
}

fn narrow(word: U256) -> Result<u128, L1Error> {
    u128::try_from(word).map_err(|_| L1Error::Protocol("an amount exceeds 128 bits".into()))
}

fn submit_call(batch: &Settlement, shape: u32) -> Rollup::submitBatchCall {
    let header = &batch.published.header;
    Rollup::submitBatchCall {
        header: Rollup::BatchHeader {
            shape,
            batchIndex: header.batch_index,
            time: alloy_primitives::Uint::from(header.time),
            transactions: header.transactions,
            deposits: header.deposits,
            feeAsset: header.fee_asset.0,
            feeRecipient: header.fee_recipient.into(),
            feeTotal: header.fee_total,
            firstDeposit: header.first_deposit,
            start: header.start,
            assetsRoot: to_word(&header.assets_root),
            oracle: to_word(&header.oracle),
            oldState: to_word(&batch.old_state),
        },
        slotsData: batch.published.transaction_data().into(),
        withdrawalsData: batch.published.withdrawal_data().into(),
        proof: batch.proof.clone().into(),
        newState: to_word(&batch.new_state),
        dataCommitment: to_word(&batch.commitment),
    }
}

fn decode_deposit(packed: U256, inner: U256) -> Result<Deposit, L1Error> {
    Deposit::from_words(&[from_word(packed)?, from_word(inner)?])
        .map_err(|e| L1Error::Protocol(format!("a queued deposit: {e}")))
}

/// Rebuilds the published batch from the calldata of `submitBatch` and the queue's deposits.
fn published(
    call: &Rollup::submitBatchCall,
    shape: Shape,
    context: subrosa_protocol::Fr,
    deposits: Vec<Deposit>,
) -> Result<PublishedBatch, L1Error> {
    let h = &call.header;
    let header = BatchHeader {
        context,
        assets_root: from_word(h.assetsRoot)?,
        time: h.time.to::<u64>(),
        transactions: h.transactions,
        deposits: h.deposits,
        fee_asset: AssetId(h.feeAsset),
        fee_recipient: h.feeRecipient.into_array(),
        fee_total: h.feeTotal,
        first_deposit: h.firstDeposit,
        oracle: from_word(h.oracle)?,
        batch_index: h.batchIndex,
        start: h.start,
    };
    PublishedBatch::from_parts(
        shape,
        header,
        deposits,
        &call.slotsData,
        &call.withdrawalsData,
    )
    .map_err(|e| L1Error::Protocol(format!("a settled batch: {e}")))
}

#[async_trait::async_trait]
impl<T: Transport> L1 for Client<T> {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        self.transport.chain_id().await
    }

    async fn head(&self) -> Result<Head, L1Error> {
        self.transport.head().await
    }

    fn contracts(&self) -> Contracts {
        self.contracts
    }

    async fn rollup(&self) -> Result<RollupView, L1Error> {
        let Contracts {
            rollup,
            vault,
            registry,
        } = self.contracts;
        let block = self.newest().await?;
        let at = At::Block(block);
        let mut shapes: Vec<Shape> = Vec::new();
        for (_, shape) in self.shapes(block).await? {
            if !shapes.contains(&shape) {
                shapes.push(shape);
            }
        }
        shapes.sort();
        Ok(RollupView {
            state: from_word(
                self.read_at(at, "state", rollup, Rollup::stateCall {})
                    .await?,
            )?,
            batch_index: self
                .read_at(at, "batchIndex", rollup, Rollup::batchIndexCall {})
                .await?,
            deposit_count: self
                .read_at(at, "consumedCount", vault, Vault::consumedCountCall {})
                .await?,
            queued_deposits: self
                .read_at(at, "depositCount", vault, Vault::depositCountCall {})
                .await?,
            assets_root: from_word(
                self.read_at(at, "root", registry, AssetRegistry::rootCall {})
                    .await?,
            )?,
            context: from_word(
                self.read_at(at, "context", rollup, Rollup::contextCall {})
                    .await?,
            )?,
            fee_asset: AssetId(
                self.read_at(at, "feeAsset", rollup, Rollup::feeAssetCall {})
                    .await?,
            ),
            last_time: self
                .read_at(at, "lastTime", rollup, Rollup::lastTimeCall {})
                .await?
                .to::<u64>(),
            shapes,
        })
    }

    async fn deposits(&self, from: u64, limit: u64) -> Result<Vec<QueuedDeposit>, L1Error> {
        let at = At::Block(self.newest().await?);
        let vault = self.contracts.vault;
        let queued: u64 = self
            .read_at(at, "depositCount", vault, Vault::depositCountCall {})
            .await?;
        let end = queued.min(from.saturating_add(limit.min(MAX_DEPOSITS)));
        let mut found = Vec::new();
        for index in from..end {
            let deposit = self.deposit_at(at, index).await?;
            found.push(QueuedDeposit { index, deposit });
        }
        Ok(found)
    }

    async fn deposits_mined(&self, confirmations: u64) -> Result<u64, L1Error> {
        let head = self.newest().await?;
        let block = head.saturating_sub(confirmations.saturating_sub(1));
        // A call rather than the queue's logs: the work does not grow with the queue, nodes refuse
        // logs of long ranges, and every node keeps the state of its last blocks.
        let call = Vault::depositCountCall {};
        let data = self
            .transport
            .call(
                "depositCount",
                self.contracts.vault,
                call.abi_encode().into(),
                At::Block(block),
            )
            .await?;
        if data.is_empty() && block < head {
            // The vault was not deployed yet.
            return Ok(0);
        }
        Vault::depositCountCall::abi_decode_returns(&data)
            .map_err(|e| L1Error::Protocol(format!("depositCount: {e}")))
    }

    async fn assets(&self) -> Result<Vec<AssetInfo>, L1Error> {
        let registry = self.contracts.registry;
        let at = At::Block(self.newest().await?);
        let unaudited = self
            .read_at(at, "unaudited", registry, AssetRegistry::unauditedCall {})
            .await?;
        if (unaudited.x, unaudited.y) != unaudited_words() {
            return Err(L1Error::Protocol(
                "the registry's point for assets without auditor is not the protocol's".into(),
            ));
        }
        let count: U256 = self
            .read_at(at, "count", registry, AssetRegistry::countCall {})
            .await?;
        let count =
            u32::try_from(count).map_err(|_| L1Error::Protocol("too many assets".into()))?;
        let mut assets = Vec::new();
        for id in 0..count {
            let id = u16::try_from(id).map_err(|_| L1Error::Protocol("too many assets".into()))?;
            let asset = self
                .read_at(
                    at,
                    "assetOf",
                    registry,
                    AssetRegistry::assetOfCall {
                        asset: U256::from(id),
                    },
                )
                .await?;
            let auditor = EdwardsAffine::new_unchecked(
                from_word(asset.auditorX)?,
                from_word(asset.auditorY)?,
            );
            check_point(&auditor).map_err(|e| L1Error::Protocol(format!("an auditor key: {e}")))?;
            assets.push(AssetInfo {
                id: AssetId(id),
                token: asset.token.into_array(),
                flags: asset.flags,
                auditor,
            });
        }
        Ok(assets)
    }

    async fn settle(&self, batch: &Settlement) -> Result<Receipt, L1Error> {
        let operator = self
            .operator
            .as_ref()
            .ok_or_else(|| L1Error::Protocol("this client has no operator account".into()))?;
        let size = batch.published.shape;
        let shapes = self.shapes(self.newest().await?).await?;
        let newest = shapes.iter().rev().find(|(_, shape)| *shape == size);
        let (id, _) = newest.ok_or_else(|| L1Error::Rejected {
            operation: "submitBatch",
            reason: "UnknownShape".into(),
        })?;
        let (mined, length) = self
            .write(
                "submitBatch",
                operator,
                self.contracts.rollup,
                submit_call(batch, *id),
                U256::ZERO,
            )
            .await?;
        Ok(receipt(&mined, length))
    }

    async fn accepted(&self, index: u64) -> Result<Option<Accepted>, L1Error> {
        let Some((event, _)) = self.acceptance(index).await? else {
            return Ok(None);
        };
        Ok(Some(Accepted {
            new_state: from_word(event.newState)?,
            data_commitment: from_word(event.dataCommitment)?,
        }))
    }

    async fn settled_batch(&self, index: u64) -> Result<Option<SettledBatch>, L1Error> {
        let Some((event, transaction)) = self.acceptance(index).await? else {
            return Ok(None);
        };
        let calldata =
            self.transport.calldata(transaction).await?.ok_or_else(|| {
                L1Error::Protocol("a settled batch's transaction is missing".into())
            })?;
        let call = Rollup::submitBatchCall::abi_decode(&calldata)
            .map_err(|e| L1Error::Protocol(format!("submitBatch: {e}")))?;
        let context = from_word(
            self.read("context", self.contracts.rollup, Rollup::contextCall {})
                .await?,
        )?;
        let (shape, _) = self.shape(At::Latest, call.header.shape).await?;
        let mut deposits = Vec::new();
        for place in 0..u64::from(call.header.deposits) {
            let index = call.header.firstDeposit + place;
            deposits.push(self.deposit_at(At::Latest, index).await?);
        }
        let published = published(&call, shape, context, deposits)?;
        if data_commitment(&published.words()) != from_word(event.dataCommitment)? {
            return Err(L1Error::Protocol(
                "calldata is not what the batch's event commits to".into(),
            ));
        }
        Ok(Some(SettledBatch {
            published,
            new_state: from_word(event.newState)?,
            tx: transaction.0,
        }))
    }

    async fn deposit(
        &self,
        account: &Account,
        asset: AssetId,
        amount: u128,
        inner: &subrosa_protocol::Fr,
    ) -> Result<DepositReceipt, L1Error> {
        let vault = self.contracts.vault;
        let token = self.token(asset).await?;
        let amount = U256::from(amount);
        let mut value = U256::ZERO;
        if token == Address::ZERO {
            value = amount;
        } else {
            let call = Erc20::allowanceCall {
                owner: account.address(),
                spender: vault,
            };
            if self.read("allowance", token, call).await? < amount {
                let call = Erc20::approveCall {
                    spender: vault,
                    amount,
                };
                self.write("approve", account, token, call, U256::ZERO)
                    .await?;
            }
        }
        let call = Vault::depositCall {
            asset: asset.0,
            amount,
            inner: to_word(inner),
        };
        let (mined, _) = self.write("deposit", account, vault, call, value).await?;
        let event = mined
            .logs
            .iter()
            .filter(|log| log.address == vault)
            .find_map(|log| Vault::DepositQueued::decode_log(log).ok())
            .ok_or_else(|| L1Error::Protocol("a mined deposit emitted no event".into()))?;
        Ok(DepositReceipt {
            index: event.index,
            credited: event.value,
            tx: mined.hash.0,
        })
    }

    async fn claim(&self, account: &Account, asset: AssetId) -> Result<Receipt, L1Error> {
        let call = Vault::claimCall {
            asset: asset.0,
            to: account.address(),
        };
        let (mined, length) = self
            .write("claim", account, self.contracts.vault, call, U256::ZERO)
            .await?;
        Ok(receipt(&mined, length))
    }

    async fn claimable(&self, owner: [u8; 20], asset: AssetId) -> Result<u128, L1Error> {
        let call = Vault::creditedCall {
            asset: U256::from(asset.0),
            account: owner.into(),
        };
        narrow(self.read("credited", self.contracts.vault, call).await?)
    }

    async fn token_balance(&self, owner: [u8; 20], asset: AssetId) -> Result<u128, L1Error> {
        let token = self.token(asset).await?;
        if token == Address::ZERO {
            return narrow(self.transport.ether(owner.into()).await?);
        }
        narrow(
            self.read(
                "balanceOf",
                token,
                Erc20::balanceOfCall {
                    owner: owner.into(),
                },
            )
            .await?,
        )
    }

    async fn token_metadata(&self, asset: AssetId) -> Result<TokenMetadata, L1Error> {
        let token = self.token(asset).await?;
        if token == Address::ZERO {
            return Ok(TokenMetadata {
                symbol: "ETH".into(),
                decimals: 18,
            });
        }
        Ok(TokenMetadata {
            symbol: self.read("symbol", token, Erc20::symbolCall {}).await?,
            decimals: self.read("decimals", token, Erc20::decimalsCall {}).await?,
        })
    }

    async fn snapshot(&self) -> Result<Option<Snapshot>, L1Error> {
        let oracle = self.oracle().await?;
        let latest = self
            .read("latest", oracle, PriceOracle::latestCall {})
            .await?;
        if latest.digest.is_zero() {
            return Ok(None);
        }
        let snapshot = Snapshot {
            time: latest.time.to::<u64>(),
            markets: Markets::from_words(&from_words(&latest.markets)?)
                .map_err(|e| L1Error::Protocol(format!("a market: {e}")))?,
            prices: Snapshot::prices_from_words(&from_words(&latest.prices)?)
                .map_err(|e| L1Error::Protocol(format!("prices: {e}")))?,
        };
        if snapshot.digest() != from_word(latest.digest)? {
            return Err(L1Error::Protocol(
                "a snapshot's digest is not that of its markets and prices".into(),
            ));
        }
        Ok(Some(snapshot))
    }

    async fn oracle_log(&self, from: u64) -> Result<OracleLog, L1Error> {
        let oracle = self.oracle().await?;
        // Before the log: what the log has up to this block is then all there is.
        let head = self.transport.head().await?;
        let logs = self.transport.logs(oracle, Vec::new(), from).await?;
        let mut events = Vec::new();
        for found in &logs {
            if let Some(change) = oracle_change(found)? {
                let block = found.block;
                events.push(OracleEvent { block, change });
            }
        }
        Ok(OracleLog { head, events })
    }

    async fn snapshot_time(&self, digest: &subrosa_protocol::Fr) -> Result<Option<u64>, L1Error> {
        let oracle = self.oracle().await?;
        let call = PriceOracle::timeOfCall {
            digest: to_word(digest),
        };
        let time = self.read("timeOf", oracle, call).await?.to::<u64>();
        Ok((time != 0).then_some(time))
    }

    async fn take_snapshot(&self, account: &Account) -> Result<Receipt, L1Error> {
        let oracle = self.oracle().await?;
        let (mined, length) = self
            .write(
                "snapshot",
                account,
                oracle,
                PriceOracle::snapshotCall {},
                U256::ZERO,
            )
            .await?;
        Ok(receipt(&mined, length))
    }
}

/// What an event of the price oracle says of markets and snapshots; feeds and ownership are its own matter.
fn oracle_change(found: &FoundLog) -> Result<Option<OracleChange>, L1Error> {
    let topic = found.log.topics().first().copied();
    if topic == Some(PriceOracle::MarketSet::SIGNATURE_HASH) {
        let event = PriceOracle::MarketSet::decode_log(&found.log)
            .map_err(|e| L1Error::Protocol(format!("MarketSet: {e}")))?;
        return Ok(Some(OracleChange::Market {
            id: event.id,
            word: from_word(event.word)?,
        }));
    }
    if topic == Some(PriceOracle::Snapshot::SIGNATURE_HASH) {
        let event = PriceOracle::Snapshot::decode_log(&found.log)
            .map_err(|e| L1Error::Protocol(format!("Snapshot: {e}")))?;
        return Ok(Some(OracleChange::Snapshot {
            digest: from_word(event.digest)?,
            time: event.time.to::<u64>(),
            market_root: from_word(event.marketRoot)?,
            prices: from_words(&event.prices)?,
        }));
    }
    Ok(None)
}

/// The point that assets without an auditor carry, as the registry's constructor takes it.
pub(crate) fn unaudited_words() -> (U256, U256) {
    let point = unaudited();
    (to_word(&point.x), to_word(&point.y))
}
