//! The actions of governance on the command line.

use alloy_primitives::{Address, hex};
use anyhow::Context as _;
use ark_ed_on_bn254::EdwardsAffine;
use subrosa_l1::governance::{Action, Governance, MarketTerms};
use subrosa_protocol::encoding::point_from_bytes;

/// An action that goes through the timelock.
#[derive(clap::Subcommand)]
pub(crate) enum ActionCommand {
    /// Register an asset.
    RegisterAsset {
        /// Address of the token; zero for the native coin.
        #[arg(long)]
        token: Address,
        /// Key of its auditor, 64 hex digits; without one, nobody audits it.
        #[arg(long, value_parser = point)]
        auditor: Option<EdwardsAffine>,
        /// Flags, which never change: 1 if deposits must publish the owner of their note, so that
        /// the auditor, and everybody else, reads it.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..32))]
        flags: u8,
    },
    /// Replace an asset's auditor.
    RotateAuditor {
        /// Id of the asset.
        #[arg(long)]
        asset: u16,
        /// Key of the new auditor, 64 hex digits.
        #[arg(long, value_parser = point)]
        auditor: EdwardsAffine,
    },
    /// Set minimum and fee of an asset's deposits. On a chain with value, each should be set.
    SetDepositTerms {
        /// Id of the asset.
        #[arg(long)]
        asset: u16,
        /// Least amount that a deposit brings, base units; at most nine digits and zeros.
        #[arg(long)]
        minimum: u128,
        /// Fee of a deposit for the sequencer, base units; at most half the minimum, and at most
        /// nine digits and zeros.
        #[arg(long)]
        fee: u128,
    },
    /// Register a shape of batches under a new id.
    RegisterShape {
        /// New id. Ids are never reused.
        #[arg(long)]
        id: u32,
        /// Number of slots: 4, 16 or 64.
        #[arg(long)]
        slots: u16,
        /// Data contract of the verifying key (`govern create-key`).
        #[arg(long)]
        key_contract: Address,
        /// Verifier contract.
        #[arg(long, conflicts_with = "verifier_of")]
        verifier: Option<Address>,
        /// Use the verifier of this registered shape.
        #[arg(long)]
        verifier_of: Option<u32>,
        /// The key was made for development.
        #[arg(long)]
        unsafe_development: bool,
    },
    /// Accept no further batch of a shape.
    RetireShape {
        /// Id of the shape.
        #[arg(long)]
        id: u32,
    },
    /// Set or replace a market. Margins, haircut and bonus are in basis points.
    SetMarket {
        /// Number of the market, 0 to 15.
        #[arg(long)]
        id: u8,
        /// Asset that secures loans.
        #[arg(long)]
        collateral: u16,
        /// Asset that is owed.
        #[arg(long)]
        debt: u16,
        /// Deduction from the collateral's value.
        #[arg(long)]
        haircut: u16,
        /// Margin of a new loan.
        #[arg(long)]
        initial_margin: u32,
        /// Margin below which a loan can be liquidated.
        #[arg(long)]
        maintenance_margin: u32,
        /// Amount beyond the debt that a liquidation can seize.
        #[arg(long)]
        bonus: u16,
        /// Maximum age of a price, seconds.
        #[arg(long)]
        maximum_age: u32,
        /// Most by which the recorded price can move in a minute.
        #[arg(long, default_value_t = 500)]
        maximum_move: u16,
    },
    /// Remove a market.
    RemoveMarket {
        /// Number of the market.
        #[arg(long)]
        id: u8,
    },
    /// Set or replace the price feed of an asset.
    SetFeed {
        /// Id of the asset.
        #[arg(long)]
        asset: u16,
        /// Address of the aggregator. All feeds must quote in one unit.
        #[arg(long)]
        feed: Address,
        /// Maximum age of its answer, seconds.
        #[arg(long)]
        heartbeat: u64,
        /// Decimals of the asset's token.
        #[arg(long)]
        token_decimals: u8,
    },
    /// Remove the price feed of an asset.
    RemoveFeed {
        /// Id of the asset.
        #[arg(long)]
        asset: u16,
    },
    /// Set the account that may submit batches.
    SetSequencer {
        /// The account.
        #[arg(long)]
        account: Address,
    },
    /// Set the account that may pause deposits.
    SetGuardian {
        /// The account.
        #[arg(long)]
        account: Address,
    },
    /// Set the account that may stop seizures.
    SetSeizureGuardian {
        /// The account.
        #[arg(long)]
        account: Address,
    },
    /// Set the least delay of the timelock.
    SetDelay {
        /// Delay, seconds.
        #[arg(long)]
        seconds: u64,
    },
}

/// Parses a key in the point encoding.
fn point(text: &str) -> Result<EdwardsAffine, String> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| "a key has 64 hex digits".to_owned())?;
    point_from_bytes(&bytes).map_err(|error| error.to_string())
}

impl ActionCommand {
    /// Returns the action.
    pub(crate) async fn action(&self, governance: &Governance<'_>) -> anyhow::Result<Action> {
        Ok(match self {
            Self::RegisterAsset {
                token,
                auditor,
                flags,
            } => Action::RegisterAsset {
                token: *token,
                auditor: *auditor,
                flags: *flags,
            },
            Self::RotateAuditor { asset, auditor } => Action::RotateAuditor {
                asset: *asset,
                auditor: *auditor,
            },
            Self::SetDepositTerms {
                asset,
                minimum,
                fee,
            } => Action::SetDepositTerms {
                asset: *asset,
                minimum: *minimum,
                fee: *fee,
            },
            Self::RegisterShape {
                id,
                slots,
                key_contract,
                verifier,
                verifier_of,
                unsafe_development,
            } => {
                let verifier = match (verifier, verifier_of) {
                    (Some(verifier), _) => *verifier,
                    (None, Some(shape)) => governance.verifier_of(*shape).await?,
                    (None, None) => None.context("name --verifier or --verifier-of")?,
                };
                Action::RegisterShape {
                    id: *id,
                    slots: *slots,
                    verifier,
                    key: *key_contract,
                    unsafe_development: *unsafe_development,
                }
            }
            Self::RetireShape { id } => Action::RetireShape { id: *id },
            Self::SetMarket { .. } => self.market()?,
            Self::RemoveMarket { id } => Action::RemoveMarket { id: *id },
            Self::SetFeed {
                asset,
                feed,
                heartbeat,
                token_decimals,
            } => Action::SetFeed {
                asset: *asset,
                feed: *feed,
                heartbeat: *heartbeat,
                token_decimals: *token_decimals,
            },
            Self::RemoveFeed { asset } => Action::RemoveFeed { asset: *asset },
            Self::SetSequencer { account } => Action::SetSequencer { account: *account },
            Self::SetGuardian { account } => Action::SetGuardian { account: *account },
            Self::SetSeizureGuardian { account } => {
                Action::SetSeizureGuardian { account: *account }
            }
            Self::SetDelay { seconds } => Action::SetDelay {
                seconds: *seconds,
                timelock: governance.timelock(),
            },
        })
    }

    fn market(&self) -> anyhow::Result<Action> {
        let Self::SetMarket {
            id,
            collateral,
            debt,
            haircut,
            initial_margin,
            maintenance_margin,
            bonus,
            maximum_age,
            maximum_move,
        } = self
        else {
            anyhow::bail!("the action sets no market");
        };
        Ok(Action::SetMarket {
            id: *id,
            terms: MarketTerms {
                collateral: *collateral,
                debt: *debt,
                haircut: *haircut,
                initial: *initial_margin,
                maintenance: *maintenance_margin,
                bonus: *bonus,
                max_age: *maximum_age,
                maximum_move: *maximum_move,
            },
        })
    }
}
