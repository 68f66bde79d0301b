//! Reads of the length of the deposit queue, of the registry and of the tokens.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use ark_ed_on_bn254::EdwardsAffine;
use subrosa_protocol::{
    asset::{AssetId, AssetInfo, AuditorKeys, Stop},
    encoding::check_point,
    keys::unaudited,
};

use super::{Client, aggregate::Questions};
use crate::{
    contracts::{AssetRegistry, Erc20, Vault},
    error::L1Error,
    transport::{At, Transport},
    view::{DepositTerms, TokenMetadata},
    words::{from_word, to_word},
};

/// Most past keys of auditors in one answer.
const AUDITOR_PAGE: u32 = 128;

impl<T: Transport> Client<T> {
    pub(super) async fn count_deposits(&self, confirmations: u64) -> Result<u64, L1Error> {
        let head = self.newest().await?.number;
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
            .await
            .map_err(L1Error::of_read)?;
        // The vault has no code in a block before its deployment, and the call returns nothing.
        if data.is_empty() && block < head {
            return Ok(0);
        }
        Vault::depositCountCall::abi_decode_returns(&data)
            .map_err(|e| L1Error::Odd(format!("depositCount: {e}")))
    }

    pub(super) async fn read_assets(&self) -> Result<Vec<AssetInfo>, L1Error> {
        let block = self.newest().await?.hash;
        let registry = self.contracts.registry;
        let mut ask = Questions::default();
        let point = ask.ask("unaudited", registry, AssetRegistry::unauditedCall {});
        let count = ask.ask("count", registry, AssetRegistry::countCall {});
        let answers = ask.at(&self.transport, block).await?;
        let point = answers.get(&point)?;
        if (point.x, point.y) != unaudited_words() {
            return Err(L1Error::Odd(
                "the registry's point for unaudited assets differs from the protocol's".into(),
            ));
        }
        let ids = asset_ids(answers.get(&count)?)?;
        let mut ask = Questions::default();
        let mut asked = Vec::new();
        for id in ids {
            let call = AssetRegistry::assetOfCall {
                asset: U256::from(id),
            };
            let asset = ask.ask("assetOf", registry, call);
            let call = AssetRegistry::stopOfCall {
                asset: U256::from(id),
            };
            asked.push((id, asset, ask.ask("stopOf", registry, call)));
        }
        let answers = ask.at(&self.transport, block).await?;
        let mut assets = Vec::with_capacity(asked.len());
        for (id, asset, stop) in &asked {
            let (asset, stop) = (answers.get(asset)?, answers.get(stop)?);
            assets.push(AssetInfo {
                id: AssetId(*id),
                token: asset.token.into_array(),
                flags: asset.flags,
                auditor: auditor(asset.auditorX, asset.auditorY)?,
                stop: Stop {
                    markets: stop.markets,
                    from_minute: stop.fromMinute,
                    minutes: stop.length,
                },
            });
        }
        Ok(assets)
    }

    /// Reads the keys of all assets' auditors at one block.
    pub(super) async fn read_auditors(&self) -> Result<AuditorKeys, L1Error> {
        let block = self.newest().await?.hash;
        let registry = self.contracts.registry;
        let mut ask = Questions::default();
        let count = ask.ask("count", registry, AssetRegistry::countCall {});
        let answers = ask.at(&self.transport, block).await?;
        let ids = asset_ids(answers.get(&count)?)?;

        let mut ask = Questions::default();
        let mut asked = Vec::new();
        for id in ids {
            let asset = U256::from(id);
            let call = AssetRegistry::assetOfCall { asset };
            let present = ask.ask("assetOf", registry, call);
            let call = AssetRegistry::pastAuditorCountCall { asset };
            asked.push((id, present, ask.ask("pastAuditorCount", registry, call)));
        }
        let answers = ask.at(&self.transport, block).await?;
        let mut ask = Questions::default();
        let mut pages = Vec::new();
        for (id, present, count) in &asked {
            let many = || L1Error::Odd("an asset has more than 2³² past auditors".into());
            let count = u32::try_from(answers.get(count)?).map_err(|_| many())?;
            let first = (0..count).step_by(AUDITOR_PAGE as usize);
            let past = first.map(|offset| {
                let call = AssetRegistry::pastAuditorsCall {
                    asset: U256::from(*id),
                    offset: U256::from(offset),
                    limit: U256::from(AUDITOR_PAGE),
                };
                ask.ask("pastAuditors", registry, call)
            });
            let past: Vec<_> = past.collect();
            pages.push((AssetId(*id), answers.get(present)?, count, past));
        }
        let answers = ask.at(&self.transport, block).await?;
        let mut keys = AuditorKeys::default();
        for (id, present, count, past) in pages {
            let mut found = 0;
            for page in &past {
                for key in answers.get(page)? {
                    keys.rotate(id, auditor(key.x, key.y)?);
                    found += 1;
                }
            }
            if found != count {
                let text = "the registry counts other past auditors than it lists";
                return Err(L1Error::Odd(text.into()));
            }
            keys.rotate(id, auditor(present.auditorX, present.auditorY)?);
        }
        Ok(keys)
    }

    pub(super) async fn read_claimable(
        &self,
        owner: [u8; 20],
        asset: AssetId,
    ) -> Result<u128, L1Error> {
        let credited = self.read_credited(owner.into(), asset).await?;
        let held = match self.read_held(owner.into(), asset).await {
            Ok(held) => held,
            Err(error) => {
                // An incomplete log must not hide the credit.
                tracing::warn!("withdrawals that batches hold are not counted: {error}");
                Vec::new()
            }
        };
        let held = held.iter().map(|held| held.amount);
        Ok(held.fold(credited, u128::saturating_add))
    }

    /// Returns the credit of an account in the vault, without what batches hold for it.
    pub(super) async fn read_credited(
        &self,
        account: Address,
        asset: AssetId,
    ) -> Result<u128, L1Error> {
        let call = Vault::creditedCall {
            asset: U256::from(asset.0),
            account,
        };
        narrow(self.view("credited", self.contracts.vault, call).await?)
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

    pub(super) async fn read_deposit_terms(&self, asset: AssetId) -> Result<DepositTerms, L1Error> {
        let call = AssetRegistry::depositTermsCall {
            asset: U256::from(asset.0),
        };
        let registry = self.contracts.registry;
        let found = self.view("depositTerms", registry, call).await?;
        Ok(DepositTerms {
            minimum: found.minimum,
            fee: found.fee,
        })
    }

    /// Returns the token of an asset; zero stands for ether.
    pub(super) async fn token(&self, asset: AssetId) -> Result<Address, L1Error> {
        let call = AssetRegistry::tokenOfCall {
            asset: U256::from(asset.0),
        };
        self.view("tokenOf", self.contracts.registry, call).await
    }
}

/// Returns the ids of so many assets.
fn asset_ids(count: U256) -> Result<impl Iterator<Item = u16>, L1Error> {
    let count = u32::try_from(count).ok().filter(|count| *count <= 1 << 16);
    let too_many = || L1Error::Odd("the registry has more than 2¹⁶ assets".into());
    Ok((0..=u16::MAX).take(count.ok_or_else(too_many)? as usize))
}

/// Returns the key of an auditor, or the point that unaudited assets carry.
pub(super) fn auditor(x: U256, y: U256) -> Result<EdwardsAffine, L1Error> {
    let point = EdwardsAffine::new_unchecked(from_word(x)?, from_word(y)?);
    check_point(&point).map_err(|e| L1Error::Odd(format!("an auditor key: {e}")))?;
    Ok(point)
}

fn narrow(word: U256) -> Result<u128, L1Error> {
    u128::try_from(word).map_err(|_| L1Error::Odd("an amount exceeds 128 bits".into()))
}

/// Returns the coordinates of the point that unaudited assets carry, as EVM words.
fn unaudited_words() -> (U256, U256) {
    let point = unaudited();
    (to_word(&point.x), to_word(&point.y))
}
