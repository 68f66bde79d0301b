//! The deployment that all nodes of a process begin with.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall as _;
use anyhow::Context as _;
use serde_json::{Value, json};
use subrosa_l1::{
    Contracts, RpcTransport, Transport as _,
    contracts::{Governance, Rollup},
    deploy::{DeployConfig, Deployment, NewAsset, data_contract, deploy},
    development::{Anvil, AnvilOptions},
    transport::{Mined, Outgoing},
};
use subrosa_protocol::{asset::AssetId, batch::Shape};

use super::ask;
use crate::{
    chain::{DEPLOYER, GUARDIAN, OPERATOR, account},
    faults::doubles::verifier,
};

/// Sizes of batches that the contracts accept.
const SHAPES: [Shape; 2] = [Shape::S4, Shape::S16];

/// The deployment, as a node loads it.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// The state that anvil dumped.
    pub(super) state: Value,
    /// The contracts.
    pub(super) contracts: Contracts,
    /// The price oracle.
    pub(super) oracle: Address,
}

impl Base {
    /// Deploys the contracts, with ether as the only asset and with the verifier of statements.
    pub(super) async fn deploy() -> anyhow::Result<Self> {
        let anvil = Anvil::start(AnvilOptions::default()).await?;
        let transport = anvil.transport();
        let config = DeployConfig {
            sequencer: account(OPERATOR).address(),
            guardian: account(GUARDIAN).address(),
            fee_asset: AssetId(0),
            assets: vec![NewAsset {
                token: Address::ZERO,
                auditor: None,
                flags: 0,
            }],
            shapes: Vec::new(),
        };
        let deployment = deploy(&transport, &account(DEPLOYER), &config).await?;
        let chain = &transport;
        let accepting = send(chain, None, verifier()).await?.created;
        let accepting = accepting.context("the verifier was created")?;
        let key = send(chain, None, data_contract(b"no key")).await?.created;
        let key = key.context("the key was created")?;
        for shape in SHAPES {
            register(chain, &deployment, shape, accepting, key).await?;
        }
        let http = reqwest::Client::new();
        let state = ask(&http, &anvil.url, "anvil_dumpState", json!([])).await?;
        Ok(Base {
            state,
            contracts: deployment.contracts,
            oracle: deployment.oracle,
        })
    }
}

async fn send(chain: &RpcTransport, to: Option<Address>, data: Bytes) -> anyhow::Result<Mined> {
    let outgoing = Outgoing::new("deployment", to, data, U256::ZERO);
    Ok(chain.send(&account(DEPLOYER), outgoing).await?)
}

/// Registers a shape through the timelock, which has no delay here.
async fn register(
    chain: &RpcTransport,
    deployment: &Deployment,
    shape: Shape,
    verifier: Address,
    key: Address,
) -> anyhow::Result<()> {
    let slots = shape.slots();
    let call = Rollup::registerShapeCall {
        shape: u32::try_from(slots)?,
        slots: u16::try_from(slots)?,
        verifier,
        vkData: key,
        unsafeDevelopment: true,
    };
    let target = deployment.contracts.rollup;
    let data: Bytes = call.abi_encode().into();
    // The salt of another call of the timelock must differ.
    let salt = B256::from(U256::from(1_000 + slots));
    let schedule = Governance::scheduleCall {
        target,
        value: U256::ZERO,
        data: data.clone(),
        predecessor: B256::ZERO,
        salt,
        delay: U256::ZERO,
    };
    let governance = Some(deployment.governance);
    send(chain, governance, schedule.abi_encode().into()).await?;
    let execute = Governance::executeCall {
        target,
        value: U256::ZERO,
        payload: data,
        predecessor: B256::ZERO,
        salt,
    };
    send(chain, governance, execute.abi_encode().into()).await?;
    Ok(())
}
