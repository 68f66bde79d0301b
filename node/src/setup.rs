//! Deployments on development chains.

use std::sync::Arc;

use alloy_primitives::Address;
use anyhow::ensure;
use ark_ed_on_bn254::EdwardsAffine;
use subrosa_l1::{
    DepositTerms, Transport,
    deploy::{self, DeployConfig, NewAsset, NewShape, development_token},
    development,
};
use subrosa_protocol::asset::AssetId;
use subrosa_prover::batch::BatchKeys;

use crate::accounts::{DEPLOYER, GUARDIAN, OPERATOR};

/// A development token, which becomes an asset of the rollup.
#[derive(Clone, Debug)]
pub struct Token {
    /// Name of the token.
    pub name: &'static str,
    /// Its symbol.
    pub symbol: &'static str,
    /// Its decimals.
    pub decimals: u8,
    /// Key of the auditor who reads its movements, if anybody does.
    pub auditor: Option<EdwardsAffine>,
}

/// Contracts that [`deploy()`] made.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// Rollup, vault, registry, oracle and verifier.
    pub contracts: deploy::Deployment,
    /// Tokens in the order of the asset ids.
    pub tokens: Vec<Address>,
}

/// Deploys `tokens` and a rollup over them, with the verifying keys of `shapes`. The first token is
/// the asset in which fees are paid. Development accounts are deployer, operator and guardian.
///
/// # Errors
/// If the chain is not a development chain, or refuses a transaction.
pub async fn deploy(
    transport: &Arc<dyn Transport>,
    tokens: &[Token],
    shapes: &[Arc<BatchKeys>],
) -> anyhow::Result<Deployed> {
    let chain_id = transport.chain_id().await?;
    ensure!(
        development::is_development_chain(chain_id),
        "chain {chain_id} is not a development chain: deploy there through governance \
         (the book: Settlement)"
    );
    let accounts = development::accounts();
    let deployer = &accounts[DEPLOYER];
    let mut addresses = Vec::new();
    for token in tokens {
        let Token {
            name,
            symbol,
            decimals,
            ..
        } = *token;
        addresses.push(development_token(transport, deployer, name, symbol, decimals).await?);
    }
    let config = DeployConfig {
        sequencer: accounts[OPERATOR].address(),
        guardian: accounts[GUARDIAN].address(),
        fee_asset: AssetId(0),
        assets: tokens
            .iter()
            .zip(&addresses)
            .map(|(token, address)| NewAsset {
                token: *address,
                auditor: token.auditor,
                flags: 0,
            })
            .collect(),
        shapes: shapes
            .iter()
            .map(|keys| NewShape {
                shape: keys.shape(),
                vk_data: keys.vk_data().to_vec(),
                unsafe_development: keys.is_unsafe_development(),
            })
            .collect(),
    };
    Ok(Deployed {
        contracts: deploy::deploy(transport, deployer, &config).await?,
        tokens: addresses,
    })
}

/// Mints base units of a development token.
///
/// # Errors
/// If the chain refuses the transaction.
pub async fn mint(
    transport: &Arc<dyn Transport>,
    token: Address,
    to: Address,
    amount: u128,
) -> anyhow::Result<()> {
    let deployer = &development::accounts()[DEPLOYER];
    Ok(deploy::mint(transport, deployer, token, to, amount).await?)
}

/// Sets minimum and fee of an asset's deposits on a development chain.
///
/// # Errors
/// If the chain refuses the transaction.
pub async fn set_deposit_terms(
    transport: &Arc<dyn Transport>,
    contracts: &deploy::Deployment,
    asset: AssetId,
    terms: DepositTerms,
) -> anyhow::Result<()> {
    let deployer = &development::accounts()[DEPLOYER];
    Ok(deploy::set_deposit_terms(transport, deployer, contracts, asset, terms).await?)
}
