//! Calls that the guardians make at once, without the timelock.

use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use subrosa_protocol::asset::Stop;

use super::Targets;
use crate::{
    contracts::{AssetRegistry, Vault},
    error::L1Error,
};

/// A call of a guardian. [`decode`](super::decode) says in words what its calldata does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardianCall {
    /// The guardian of deposits pauses them for three days.
    Pause,
    /// The guardian of deposits allows them again.
    Resume,
    /// The guardian of seizures stops seizures of assets that are collateral, at prices of the same
    /// time (spec: *Collateral*, Stops).
    StopSeizures {
        /// Ids of assets, each with a bit for each market.
        assets: Vec<(u16, u16)>,
        /// First second of the snapshots whose prices seize nothing. The stop has full minutes:
        /// it begins at the one before.
        from: u64,
        /// Minutes from that second to the last one. The stop ends at the full minute after.
        minutes: u16,
    },
    /// The guardian of seizures lets the stop of an asset end now.
    ResumeSeizures {
        /// Id of the asset.
        asset: u16,
    },
}

/// Returns the numbers of the markets of a stop, which has a bit for each.
pub fn market_numbers(markets: u16) -> impl Iterator<Item = u8> {
    (0..16).filter(move |id| markets >> id & 1 == 1)
}

impl GuardianCall {
    /// Returns the name of the contract's function.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pause | Self::Resume => "setDepositsPaused",
            Self::StopSeizures { .. } => "stopSeizures",
            Self::ResumeSeizures { .. } => "resumeSeizures",
        }
    }

    /// Returns the contract that the guardian calls, and the calldata.
    ///
    /// # Errors
    /// [`L1Error::Protocol`] if begin or length of a stop do not fit the asset's leaf.
    pub fn call(&self, targets: &Targets) -> Result<(Address, Vec<u8>), L1Error> {
        Ok(match self {
            Self::Pause | Self::Resume => {
                let paused = matches!(self, Self::Pause);
                let call = Vault::setDepositsPausedCall { paused };
                (targets.vault, call.abi_encode())
            }
            Self::StopSeizures {
                assets,
                from,
                minutes,
            } => {
                let stop = Stop::covering(0, *from, *minutes).ok_or_else(|| {
                    let text = "a stop begins before the year 2225 and has less than 8,191 minutes";
                    L1Error::Protocol(text.into())
                })?;
                let (assets, markets) = assets.iter().copied().unzip();
                let call = AssetRegistry::stopSeizuresCall {
                    assets,
                    markets,
                    fromMinute: stop.from_minute,
                    length: stop.minutes,
                };
                (targets.registry, call.abi_encode())
            }
            Self::ResumeSeizures { asset } => {
                let call = AssetRegistry::resumeSeizuresCall { asset: *asset };
                (targets.registry, call.abi_encode())
            }
        })
    }
}
