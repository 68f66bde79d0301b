//! A rollup with one token, on any chain.

#[allow(dead_code, reason = "each test binary uses a part of this module")]
pub(crate) mod endpoint;

use std::sync::Arc;

use subrosa_l1::{
    Account, Client, L1Error, Transport,
    deploy::{DeployConfig, NewAsset, deploy, development_token, mint},
    development,
};
use subrosa_protocol::asset::AssetId;

/// The token.
pub(crate) const DOLLAR: AssetId = AssetId(0);
/// Tokens of the depositor.
pub(crate) const MINTED: u128 = 1_000_000;

/// Deploys the contracts without shapes, and gives `depositor` tokens.
pub(crate) async fn client<T: Transport>(
    transport: Arc<T>,
    depositor: &Account,
) -> Result<Client<Arc<T>>, L1Error> {
    let accounts = development::accounts();
    let owner = &accounts[0];
    let token = development_token(&*transport, owner, "Dollar", "dUSD", 6).await?;
    let config = DeployConfig {
        sequencer: accounts[1].address(),
        guardian: accounts[2].address(),
        fee_asset: DOLLAR,
        assets: vec![NewAsset {
            token,
            auditor: None,
            flags: 0,
        }],
        shapes: Vec::new(),
    };
    let deployment = deploy(&*transport, owner, &config).await?;
    mint(&*transport, owner, token, depositor.address(), MINTED).await?;
    Ok(Client::new(transport, deployment.contracts, None))
}

/// Returns why a contract refused.
pub(crate) fn reason<T>(result: Result<T, L1Error>) -> String {
    match result {
        Err(L1Error::Rejected { reason, .. }) => reason,
        Err(other) => panic!("no contract refused: {other:?}"),
        Ok(_) => panic!("no contract refused"),
    }
}
