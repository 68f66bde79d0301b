//! Deployment of the contracts over any transport.

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
    transport::{At, Outgoing, Transport},
    words::to_word,
};

/// An asset to register at deployment.
#[derive(Debug, Clone)]
pub struct NewAsset {
    /// The token; zero is ether.
    pub token: Address,
    /// Its auditor's key, or none.
    pub auditor: Option<EdwardsAffine>,
    /// Policy flags of the leaf.
    pub flags: u8,
}

/// A shape to register at deployment.
#[derive(Debug, Clone)]
pub struct NewShape {
    /// Its size; also its id.
    pub shape: Shape,
    /// Payload of the verifying key's data contract.
    pub vk_data: Vec<u8>,
    /// Whether the key comes from an unsafe setup.
    pub unsafe_development: bool,
}

/// Where an asset's price comes from.
#[derive(Debug, Clone, Copy)]
pub struct NewFeed {
    /// The asset.
    pub asset: AssetId,
    /// Its aggregator. All feeds of a deployment quote in one common unit.
    pub feed: Address,
    /// How old an answer may be, in seconds, below 2⁴⁰.
    pub heartbeat: u64,
    /// The feed answers for 10^`token_decimals` base units.
    pub token_decimals: u8,
}

/// What to deploy.
#[derive(Debug, Clone)]
pub struct DeployConfig {
    /// The account that may submit batches.
    pub sequencer: Address,
    /// The account that may pause deposits.
    pub guardian: Address,
    /// The asset fees are paid in; an index into `assets`.
    pub fee_asset: AssetId,
    /// Assets in the order of their ids.
    pub assets: Vec<NewAsset>,
    /// Shapes.
    pub shapes: Vec<NewShape>,
}

/// What was deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Deployment {
    /// The contracts that clients talk to.
    pub contracts: Contracts,
    /// The timelock that owns them.
    pub governance: Address,
    /// The price oracle, which has neither markets nor feeds yet.
    pub oracle: Address,
    /// The verifier.
    pub verifier: Address,
}

/// Sends transactions as the deployer.
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
        let outgoing = Outgoing {
            operation,
            to: None,
            data,
            value: U256::ZERO,
        };
        let mined = self.transport.send(self.account, outgoing).await?;
        mined
            .created
            .ok_or_else(|| L1Error::Protocol(format!("{operation} created nothing")))
    }

    async fn execute(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
    ) -> Result<(), L1Error> {
        let outgoing = Outgoing {
            operation,
            to: Some(to),
            data,
            value: U256::ZERO,
        };
        self.transport
            .send(self.account, outgoing)
            .await
            .map(|_| ())
    }

    /// Schedules and executes one call through a timelock without delay.
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
}

/// Init code whose deployed code is `0x00 ‖ payload`: the leading STOP keeps anybody from running it.
#[must_use]
pub fn data_contract(payload: &[u8]) -> Bytes {
    let length = u16::try_from(payload.len() + 1)
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    // PUSH2 length, DUP1, PUSH1 10, PUSH0→(RETURNDATASIZE), CODECOPY, PUSH0, RETURN.
    let mut code = vec![
        0x61, length[0], length[1], 0x80, 0x60, 0x0a, 0x3d, 0x39, 0x3d, 0xf3,
    ];
    code.push(0x00);
    code.extend_from_slice(payload);
    code.into()
}

/// Deploys everything on a development chain, where governance has no delay. On other chains the
/// contracts enforce a delay of days, so that this ends with the first governance call rejected:
/// deploy there in the two steps that the operator's handbook describes.
///
/// # Errors
/// [`L1Error`] of the first call that fails; what was deployed before stays, unused.
pub async fn deploy(
    transport: &dyn Transport,
    account: &Account,
    config: &DeployConfig,
) -> Result<Deployment, L1Error> {
    let deployer = Deployer { transport, account };
    let accounts = vec![account.address()];
    let arguments = Governance::constructorCall {
        minDelay: U256::ZERO,
        proposers: accounts.clone(),
        executors: accounts,
    };
    let governance = deployer
        .create("Governance", &Governance::BYTECODE, &arguments.abi_encode())
        .await?;
    let poseidon = deployer
        .create("Poseidon", &Poseidon::BYTECODE, &[])
        .await?;
    let arguments = AssetRegistry::constructorCall {
        poseidon_: poseidon,
        governance,
    };
    let registry = deployer
        .create(
            "AssetRegistry",
            &AssetRegistry::BYTECODE,
            &arguments.abi_encode(),
        )
        .await?;
    let arguments = PriceOracle::constructorCall {
        registry_: registry,
        governance,
    };
    let oracle = deployer
        .create(
            "PriceOracle",
            &PriceOracle::BYTECODE,
            &arguments.abi_encode(),
        )
        .await?;
    let arguments = Rollup::constructorCall {
        registry_: registry,
        oracle_: oracle,
        governance,
        sequencer_: config.sequencer,
        guardian: config.guardian,
        feeAsset_: config.fee_asset.0,
    };
    let rollup = deployer
        .create("Rollup", &Rollup::BYTECODE, &arguments.abi_encode())
        .await?;
    let vault = Rollup::vaultCall::abi_decode_returns(
        &transport
            .call(
                "vault",
                rollup,
                Rollup::vaultCall {}.abi_encode().into(),
                At::Latest,
            )
            .await?,
    )
    .map_err(|e| L1Error::Protocol(format!("vault: {e}")))?;
    let verifier = deployer
        .create("BatchVerifier", &BatchVerifier::BYTECODE, &[])
        .await?;

    let mut salt = 0;
    for asset in &config.assets {
        let data = match asset.auditor {
            Some(key) => {
                check_point(&key).map_err(|e| L1Error::Protocol(format!("an auditor key: {e}")))?;
                AssetRegistry::registerCall {
                    token: asset.token,
                    auditorX: to_word(&key.x),
                    auditorY: to_word(&key.y),
                    flags: asset.flags,
                }
                .abi_encode()
            }
            None => AssetRegistry::registerUnauditedCall {
                token: asset.token,
                flags: asset.flags,
            }
            .abi_encode(),
        };
        deployer
            .govern(governance, registry, data.into(), salt)
            .await?;
        salt += 1;
    }
    for shape in &config.shapes {
        let vk_data = deployer
            .create("vkData", &data_contract(&shape.vk_data), &[])
            .await?;
        let call = Rollup::registerShapeCall {
            shape: shape.shape.slots() as u32,
            slots: shape.shape.slots() as u16,
            verifier,
            vkData: vk_data,
            unsafeDevelopment: shape.unsafe_development,
        };
        deployer
            .govern(governance, rollup, call.abi_encode().into(), salt)
            .await?;
        salt += 1;
    }
    Ok(Deployment {
        contracts: Contracts {
            rollup,
            vault,
            registry,
        },
        governance,
        oracle,
        verifier,
    })
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

/// Deploys a price feed that answers what `account` says.
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

/// Makes a development feed answer `answer` from now on.
///
/// # Errors
/// [`L1Error`] if the call fails, as it does for all but the account that deployed the feed.
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

/// Sets an asset's feed, on a development chain, where governance has no delay.
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
        .map_err(|_| L1Error::Protocol("a heartbeat exceeds 40 bits".into()))?;
    let call = PriceOracle::setFeedCall {
        asset: feed.asset.0,
        feed: feed.feed,
        heartbeat,
        tokenDecimals: feed.token_decimals,
    };
    govern_oracle(transport, account, deployment, call.abi_encode().into()).await
}

/// Sets or replaces a market, on a development chain, where governance has no delay.
///
/// # Errors
/// [`L1Error`] of the call that fails.
pub async fn set_market(
    transport: &dyn Transport,
    account: &Account,
    deployment: &Deployment,
    id: u8,
    market: &Market,
) -> Result<(), L1Error> {
    let wide = |value: u32| {
        Uint::try_from(value).map_err(|_| L1Error::Protocol("a market exceeds 24 bits".into()))
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
    // The same change may be made again later: it is another operation if its salt is another.
    let salt = transport.head().await?.number;
    Deployer { transport, account }
        .govern(deployment.governance, deployment.oracle, data, salt)
        .await
}

fn signed(answer: i128) -> I256 {
    I256::unchecked_from(answer)
}
