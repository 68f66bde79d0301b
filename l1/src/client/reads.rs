//! Reads of the rollup's state, the deposit queue, the registry and the tokens.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolEvent};
use ark_ed_on_bn254::EdwardsAffine;
use subrosa_protocol::{
    asset::{AssetId, AssetInfo},
    batch::Shape,
    encoding::check_point,
    keys::unaudited,
    ledger::Deposit,
};

use super::{Client, Contracts};
use crate::{
    contracts::{AssetRegistry, Erc20, Rollup, Vault},
    error::L1Error,
    transport::{At, FoundLog, Transport},
    view::{QueuedDeposit, RollupView, TokenMetadata},
    words::{from_word, to_word},
};

/// Most deposits that one read returns, to bound the node's work.
const MAX_DEPOSITS: u64 = 256;

impl<T: Transport> Client<T> {
    pub(super) async fn read_rollup(&self) -> Result<RollupView, L1Error> {
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

    pub(super) async fn read_deposits(
        &self,
        from: u64,
        limit: u64,
    ) -> Result<Vec<QueuedDeposit>, L1Error> {
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

    pub(super) async fn count_deposits(&self, confirmations: u64) -> Result<u64, L1Error> {
        let head = self.newest().await?;
        let block = head.saturating_sub(confirmations.saturating_sub(1));
        // A call rather than the queue's logs: its cost does not grow with the queue, nodes refuse
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
        // The vault has no code in a block before its deployment, and the call returns nothing.
        if data.is_empty() && block < head {
            return Ok(0);
        }
        Vault::depositCountCall::abi_decode_returns(&data)
            .map_err(|e| L1Error::Protocol(format!("depositCount: {e}")))
    }

    pub(super) async fn read_assets(&self) -> Result<Vec<AssetInfo>, L1Error> {
        let at = At::Block(self.newest().await?);
        let registry = self.contracts.registry;
        let unaudited = self
            .read_at(at, "unaudited", registry, AssetRegistry::unauditedCall {})
            .await?;
        if (unaudited.x, unaudited.y) != unaudited_words() {
            return Err(L1Error::Protocol(
                "the registry's point for unaudited assets differs from the protocol's".into(),
            ));
        }
        let too_many = || L1Error::Protocol("the registry has more than 2¹⁶ assets".into());
        let count: U256 = self
            .read_at(at, "count", registry, AssetRegistry::countCall {})
            .await?;
        let count = u32::try_from(count).map_err(|_| too_many())?;
        let mut assets = Vec::new();
        for id in 0..count {
            let id = u16::try_from(id).map_err(|_| too_many())?;
            assets.push(self.read_asset(at, id).await?);
        }
        Ok(assets)
    }

    async fn read_asset(&self, at: At, id: u16) -> Result<AssetInfo, L1Error> {
        let call = AssetRegistry::assetOfCall {
            asset: U256::from(id),
        };
        let registry = self.contracts.registry;
        let asset = self.read_at(at, "assetOf", registry, call).await?;
        let auditor =
            EdwardsAffine::new_unchecked(from_word(asset.auditorX)?, from_word(asset.auditorY)?);
        check_point(&auditor).map_err(|e| L1Error::Protocol(format!("an auditor key: {e}")))?;
        Ok(AssetInfo {
            id: AssetId(id),
            token: asset.token.into_array(),
            flags: asset.flags,
            auditor,
        })
    }

    pub(super) async fn read_claimable(
        &self,
        owner: [u8; 20],
        asset: AssetId,
    ) -> Result<u128, L1Error> {
        let call = Vault::creditedCall {
            asset: U256::from(asset.0),
            account: owner.into(),
        };
        narrow(self.read("credited", self.contracts.vault, call).await?)
    }

    pub(super) async fn read_balance(
        &self,
        owner: [u8; 20],
        asset: AssetId,
    ) -> Result<u128, L1Error> {
        let owner = Address::from(owner);
        let token = self.token(asset).await?;
        narrow(if token == Address::ZERO {
            self.transport.ether(owner).await?
        } else {
            let call = Erc20::balanceOfCall { owner };
            self.read("balanceOf", token, call).await?
        })
    }

    pub(super) async fn read_metadata(&self, asset: AssetId) -> Result<TokenMetadata, L1Error> {
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

    /// Returns the shapes that are registered and not retired as of `block`, with their ids, in
    /// order of registration. Ids are never reused, so a new key for a size has a new id.
    pub(super) async fn shapes(&self, block: u64) -> Result<Vec<(u32, Shape)>, L1Error> {
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

    /// Returns the size of a registered shape, and whether it is retired.
    pub(super) async fn shape(&self, at: At, id: u32) -> Result<(Shape, bool), L1Error> {
        let call = Rollup::shapeOfCall {
            shape: U256::from(id),
        };
        let rollup = self.contracts.rollup;
        let found = self.read_at(at, "shapeOf", rollup, call).await?;
        let shape = Shape::from_slots(usize::from(found.slots))
            .ok_or_else(|| L1Error::Protocol("a shape has an unknown size".into()))?;
        Ok((shape, found.retired))
    }

    /// Returns one deposit of the vault's queue.
    pub(super) async fn deposit_at(&self, at: At, index: u64) -> Result<Deposit, L1Error> {
        let call = Vault::depositAtCall {
            index: U256::from(index),
        };
        let vault = self.contracts.vault;
        let words = self.read_at(at, "depositAt", vault, call).await?;
        Deposit::from_words(&[from_word(words.packed)?, from_word(words.inner)?])
            .map_err(|e| L1Error::Protocol(format!("a queued deposit: {e}")))
    }

    /// Returns the token of an asset; zero stands for ether.
    pub(super) async fn token(&self, asset: AssetId) -> Result<Address, L1Error> {
        let call = AssetRegistry::tokenOfCall {
            asset: U256::from(asset.0),
        };
        self.read("tokenOf", self.contracts.registry, call).await
    }

    /// Returns the rollup's logs with these first topics, oldest first.
    pub(super) async fn rollup_logs(&self, topics: Vec<B256>) -> Result<Vec<FoundLog>, L1Error> {
        self.transport.logs(self.contracts.rollup, topics, 0).await
    }
}

fn narrow(word: U256) -> Result<u128, L1Error> {
    u128::try_from(word).map_err(|_| L1Error::Protocol("an amount exceeds 128 bits".into()))
}

/// Returns the coordinates of the point that unaudited assets carry, as EVM words.
fn unaudited_words() -> (U256, U256) {
    let point = unaudited();
    (to_word(&point.x), to_word(&point.y))
}
