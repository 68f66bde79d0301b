//! Deployment of the contracts, and of tokens and price feeds for development, over any transport.

use alloy_primitives::{Address, B256, Bytes, I256, U256, Uint};
use alloy_sol_types::{SolCall, SolConstructor};
use ark_ed_on_bn254::EdwardsAffine;
use subrosa_protocol::{asset::AssetId, batch::Shape, encoding::check_point, market::Market};

use crate::{
    account::Account,
    client::Contracts,
    contracts::{
        AssetRegistry, BatchVerifier, DevelopmentFeed, DevelopmentToken, Governance, Poseidon,
        PriceOracle, Rollup,
    },
    error::L1Error,
    governance::check_flags,
    transport::{At, Outgoing, Transport},
    view::DepositTerms,
    words::to_word,
};

/// An asset to register at deployment.
#[derive(Debug, Clone)]
pub struct NewAsset {
    /// Address of the token; zero for ether.
    pub token: Address,
    /// Key of its auditor; `None` for an unaudited asset.
    pub auditor: Option<EdwardsAffine>,
    /// Flags of its leaf in the asset tree ([`subrosa_protocol::asset::AssetInfo::NAMED_DEPOSITS`]).
    pub flags: u8,
}

/// A shape to register at deployment.
#[derive(Debug, Clone)]
pub struct NewShape {
    /// Its size, which is its id as well.
    pub shape: Shape,
    /// Verifying key, as the payload of a data contract.
    pub vk_data: Vec<u8>,
    /// Whether the key comes from an unsafe setup. Only development chains accept it.
    pub unsafe_development: bool,
}

/// Source of an asset's price.
#[derive(Debug, Clone, Copy)]
pub struct NewFeed {
    /// Id of the asset.
    pub asset: AssetId,
    /// Address of the aggregator. All feeds of a deployment quote in the same unit.
    pub feed: Address,
    /// Maximum age of an answer in seconds, below 2⁴⁰.
    pub heartbeat: u64,
    /// Decimals of the token: an answer is the price of 10^`token_decimals` base units.
    pub token_decimals: u8,
}

/// Contents of a deployment.
#[derive(Debug, Clone)]
pub struct DeployConfig {
    /// Account that may submit batches.
    pub sequencer: Address,
    /// Account that may pause deposits.
    pub guardian: Address,
    /// Asset in which fees are paid, an index into `assets`.
    pub fee_asset: AssetId,
    /// Assets to register, in the order of their ids.
    pub assets: Vec<NewAsset>,
    /// Shapes to register.
    pub shapes: Vec<NewShape>,
}

/// Addresses of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Deployment {
    /// Contracts that clients use.
    pub contracts: Contracts,
    /// Timelock that owns the contracts.
    pub governance: Address,
    /// Price oracle. [`deploy`] gives it neither markets nor feeds.
    pub oracle: Address,
    /// Verifier of batch proofs.
    pub verifier: Address,
}

/// Sends transactions from the deployer's account.
struct Deployer<'a> {
    transport: &'a dyn Transport,
    account: &'a Account,
}

impl Deployer<'_> {
    async fn create(
        &self,
        operation: &'static str,
        code: &Bytes,
        arguments: &[u8],
    ) -> Result<Address, L1Error> {
        let data = [code.as_ref(), arguments].concat().into();
        let outgoing = Outgoing::new(operation, None, data, U256::ZERO);
        let mined = self.transport.send(self.account, outgoing).await?;
        mined
            .created
            .ok_or_else(|| L1Error::Protocol(format!("{operation}: no contract was created")))
    }

    async fn execute(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
    ) -> Result<(), L1Error> {
        let outgoing = Outgoing::new(operation, Some(to), data, U256::ZERO);
        self.transport
            .send(self.account, outgoing)
            .await
            .map(|_| ())
    }

    /// Schedules and executes one call through a timelock without delay. Calls that are otherwise
    /// equal need different salts.
    async fn govern(
        &self,
        governance: Address,
        target: Address,
        data: Bytes,
        salt: u64,
    ) -> Result<(), L1Error> {
        let salt = B256::from(U256::from(salt));
        let schedule = Governance::scheduleCall {
            target,
            value: U256::ZERO,
            data: data.clone(),
            predecessor: B256::ZERO,
            salt,
            delay: U256::ZERO,
        };
        self.execute("schedule", governance, schedule.abi_encode().into())
            .await?;
        let execute = Governance::executeCall {
            target,
            value: U256::ZERO,
            payload: data,
            predecessor: B256::ZERO,
            salt,
        };
        self.execute("execute", governance, execute.abi_encode().into())
            .await
    }

    /// Creates the contracts, which know no shapes yet. The assets are registered before the
    /// rollup, which must find its fee asset.
    async fn contracts(&self, config: &DeployConfig) -> Result<Deployment, L1Error> {
        let deployed_at = self.transport.head().await?.number;
        let accounts = vec![self.account.address()];
        let arguments = Governance::constructorCall {
            minDelay: U256::ZERO,
            proposers: accounts.clone(),
            executors: accounts,
        };
        let governance = self
            .create("Governance", &Governance::BYTECODE, &arguments.abi_encode())
            .await?;
        let poseidon = self.create("Poseidon", &Poseidon::BYTECODE, &[]).await?;
        let arguments = AssetRegistry::constructorCall {
            poseidon_: poseidon,
            governance,
            guardian: config.guardian,
        };
        let code = &AssetRegistry::BYTECODE;
        let registry = self
            .create("AssetRegistry", code, &arguments.abi_encode())
            .await?;
        let arguments = PriceOracle::constructorCall {
            registry_: registry,
            governance,
        };
        let code = &PriceOracle::BYTECODE;
        let oracle = self
            .create("PriceOracle", code, &arguments.abi_encode())
            .await?;
        for (salt, asset) in (0u64..).zip(&config.assets) {
            let data = register_asset(asset)?;
            self.govern(governance, registry, data, salt).await?;
        }
        let arguments = Rollup::constructorCall {
            registry_: registry,
            oracle_: oracle,
            governance,
            sequencer_: config.sequencer,
            guardian: config.guardian,
            feeAsset_: config.fee_asset.0,
        };
        let rollup = self
            .create("Rollup", &Rollup::BYTECODE, &arguments.abi_encode())
            .await?;
        let vault = self.vault(rollup).await?;
        let verifier = self
            .create("BatchVerifier", &BatchVerifier::BYTECODE, &[])
            .await?;
        Ok(Deployment {
            contracts: Contracts {
                rollup,
                vault,
                registry,
                deployed_at,
            },
            governance,
            oracle,
            verifier,
        })
    }

    /// Reads the address of the vault, which the rollup created.
    async fn vault(&self, rollup: Address) -> Result<Address, L1Error> {
        let call = Rollup::vaultCall {}.abi_encode().into();
        let answer = self.transport.call("vault", rollup, call, At::Latest);
        Rollup::vaultCall::abi_decode_returns(&answer.await?)
            .map_err(|e| L1Error::Protocol(format!("vault: {e}")))
    }

    /// Creates the data contract of a shape's verifying key. Returns the call that registers the
    /// shape.
    async fn shape(&self, verifier: Address, shape: &NewShape) -> Result<Bytes, L1Error> {
        let vk_data = self
            .create("vkData", &data_contract(&shape.vk_data), &[])
            .await?;
        let call = Rollup::registerShapeCall {
            shape: shape.shape.slots() as u32,
            slots: shape.shape.slots() as u16,
            verifier,
            vkData: vk_data,
            unsafeDevelopment: shape.unsafe_development,
        };
        Ok(call.abi_encode().into())
    }
}

/// Returns the call that registers an asset.
fn register_asset(asset: &NewAsset) -> Result<Bytes, L1Error> {
    check_flags(asset.flags)?;
    let Some(key) = asset.auditor else {
        let call = AssetRegistry::registerUnauditedCall {
            token: asset.token,
            flags: asset.flags,
        };
        return Ok(call.abi_encode().into());
    };
    check_point(&key).map_err(|e| L1Error::Protocol(format!("an auditor key: {e}")))?;
    let call = AssetRegistry::registerCall {
        token: asset.token,
        auditorX: to_word(&key.x),
        auditorY: to_word(&key.y),
        flags: asset.flags,
    };
    Ok(call.abi_encode().into())
}

/// Returns init code whose deployed code is `0x00 ‖ payload`.
///
/// The leading byte is the instruction STOP: a call of the contract does nothing.
#[must_use]
pub fn data_contract(payload: &[u8]) -> Bytes {
    let length = u16::try_from(payload.len() + 1)
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    // PUSH2 length, DUP1, PUSH1 10, RETURNDATASIZE (0), CODECOPY, RETURNDATASIZE (0), RETURN.
    let mut code = vec![
        0x61, length[0], length[1], 0x80, 0x60, 0x0a, 0x3d, 0x39, 0x3d, 0xf3,
    ];
    code.push(0x00);
    code.extend_from_slice(payload);
    code.into()
}

/// Deploys everything on a development chain, where governance has no delay.
///
/// On other chains the contracts enforce a delay of days, and this function fails at the first call
/// of governance. There, governance must schedule and, after its delay, execute each call.
///
/// # Errors
/// [`L1Error`] of the first call that fails. The contracts created before it stay, unused.
pub async fn deploy(
    transport: &dyn Transport,
    account: &Account,
    config: &DeployConfig,
) -> Result<Deployment, L1Error> {
    let deployer = Deployer { transport, account };
    let deployment = deployer.contracts(config).await?;
    let (governance, rollup) = (deployment.governance, deployment.contracts.rollup);
    let first = config.assets.len() as u64;
    for (salt, shape) in (first..).zip(&config.shapes) {
        let data = deployer.shape(deployment.verifier, shape).await?;
        deployer.govern(governance, rollup, data, salt).await?;
    }
    Ok(deployment)
}

/// Sets minimum and fee of an asset's deposits on a development chain, where governance has no
/// delay.
///
/// # Errors
/// [`L1Error::Rejected`] if the fee is above half the minimum, or an amount is not m · 10^e with
/// m < 2³².
pub async fn set_deposit_terms(
    transport: &dyn Transport,
    account: &Account,
    deployment: &Deployment,
    asset: AssetId,
    terms: DepositTerms,
) -> Result<(), L1Error> {
    let call = AssetRegistry::setDepositTermsCall {
        asset: asset.0,
        minimum: terms.minimum,
        fee: terms.fee,
    };
    let registry = deployment.contracts.registry;
    let data = call.abi_encode().into();
    govern(transport, account, deployment, registry, data).await
}

/// Deploys a development token.
///
/// # Errors
/// [`L1Error::Rejected`] off development chains.
pub async fn development_token(
    transport: &dyn Transport,
    account: &Account,
    name: &str,
    symbol: &str,
    decimals: u8,
) -> Result<Address, L1Error> {
    let arguments = DevelopmentToken::constructorCall {
        name_: name.into(),
        symbol_: symbol.into(),
        decimals_: decimals,
    };
    Deployer { transport, account }
        .create(
            "DevelopmentToken",
            &DevelopmentToken::BYTECODE,
            &arguments.abi_encode(),
        )
        .await
}

/// Mints development tokens.
///
/// # Errors
/// [`L1Error`] if the call fails.
pub async fn mint(
    transport: &dyn Transport,
    account: &Account,
    token: Address,
    to: Address,
    amount: u128,
) -> Result<(), L1Error> {
    let call = DevelopmentToken::mintCall {
        to,
        amount: U256::from(amount),
    };
    Deployer { transport, account }
        .execute("mint", token, call.abi_encode().into())
        .await
}

/// Deploys a price feed whose answer `account` sets; `answer` is the first.
///
/// # Errors
/// [`L1Error::Rejected`] off development chains.
pub async fn development_feed(
    transport: &dyn Transport,
    account: &Account,
    decimals: u8,
    answer: i128,
) -> Result<Address, L1Error> {
    let arguments = DevelopmentFeed::constructorCall {
        decimals_: decimals,
        answer: signed(answer),
    };
    Deployer { transport, account }
        .create(
            "DevelopmentFeed",
            &DevelopmentFeed::BYTECODE,
            &arguments.abi_encode(),
        )
        .await
}

/// Sets the answer of a development feed.
///
/// # Errors
/// [`L1Error`] if the call fails. It fails for all accounts but the one that deployed the feed.
pub async fn set_answer(
    transport: &dyn Transport,
    account: &Account,
    feed: Address,
    answer: i128,
) -> Result<(), L1Error> {
    let call = DevelopmentFeed::setAnswerCall {
        answer: signed(answer),
    };
    Deployer { transport, account }
        .execute("setAnswer", feed, call.abi_encode().into())
        .await
}

/// Sets an asset's feed on a development chain, where governance has no delay.
///
/// # Errors
/// [`L1Error`] of the call that fails.
pub async fn set_feed(
    transport: &dyn Transport,
    account: &Account,
    deployment: &Deployment,
    feed: &NewFeed,
) -> Result<(), L1Error> {
    let heartbeat = Uint::try_from(feed.heartbeat)
        .map_err(|_| L1Error::Protocol("the feed's heartbeat exceeds 40 bits".into()))?;
    let call = PriceOracle::setFeedCall {
        asset: feed.asset.0,
        feed: feed.feed,
        heartbeat,
        tokenDecimals: feed.token_decimals,
    };
    govern_oracle(transport, account, deployment, call.abi_encode().into()).await
}

/// Sets or replaces a market on a development chain, where governance has no delay. Its recorded
/// price moves by at most `maximum_move` basis points a minute.
///
/// # Errors
/// [`L1Error`] of the call that fails.
pub async fn set_market(
    transport: &dyn Transport,
    account: &Account,
    deployment: &Deployment,
    id: u8,
    market: &Market,
    maximum_move: u16,
) -> Result<(), L1Error> {
    let wide = |value: u32| {
        Uint::try_from(value)
            .map_err(|_| L1Error::Protocol("a margin or age of the market exceeds 24 bits".into()))
    };
    let call = PriceOracle::setMarketCall {
        id,
        params: PriceOracle::Market {
            collateralAsset: market.collateral.0,
            debtAsset: market.debt.0,
            haircut: market.haircut,
            initialMargin: wide(market.initial)?,
            maintenanceMargin: wide(market.maintenance)?,
            bonus: market.bonus,
            maximumAge: wide(market.max_age)?,
            maximumMove: maximum_move,
        },
    };
    govern_oracle(transport, account, deployment, call.abi_encode().into()).await
}

async fn govern_oracle(
    transport: &dyn Transport,
    account: &Account,
    deployment: &Deployment,
    data: Bytes,
) -> Result<(), L1Error> {
    govern(transport, account, deployment, deployment.oracle, data).await
}

async fn govern(
    transport: &dyn Transport,
    account: &Account,
    deployment: &Deployment,
    target: Address,
    data: Bytes,
) -> Result<(), L1Error> {
    // The timelock executes each operation once. A new salt makes an equal change a new operation.
    let salt = transport.head().await?.number;
    Deployer { transport, account }
        .govern(deployment.governance, target, data, salt)
        .await
}

fn signed(answer: i128) -> I256 {
    I256::unchecked_from(answer)
}
