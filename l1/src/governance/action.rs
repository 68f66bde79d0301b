//! The actions of governance as calls of the contracts, and calls as text.

use alloy_primitives::{Address, U256, Uint};
use alloy_sol_types::SolCall;
use ark_ed_on_bn254::EdwardsAffine;
use subrosa_protocol::{
    asset::AssetInfo,
    encoding::{check_point, point_to_bytes},
};

use super::{Targets, guardian::market_numbers};
use crate::{
    contracts::{AssetRegistry, Governance, PriceOracle, Rollup, Vault},
    error::L1Error,
    words::{from_word, to_word},
};

/// Terms of a market (spec: *Collateral*). Margins, haircut and bonus are in basis points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketTerms {
    /// Asset that secures loans.
    pub collateral: u16,
    /// Asset that is owed.
    pub debt: u16,
    /// Deduction from the collateral's value.
    pub haircut: u16,
    /// Margin of a new loan.
    pub initial: u32,
    /// Margin below which a loan can be liquidated.
    pub maintenance: u32,
    /// Amount beyond the debt that a liquidation can seize.
    pub bonus: u16,
    /// Maximum age of a price, in seconds.
    pub max_age: u32,
    /// Most by which the recorded price can move in a minute.
    pub maximum_move: u16,
}

/// An action that goes through the timelock.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Registers an asset.
    RegisterAsset {
        /// Address of the token; zero for the native coin.
        token: Address,
        /// Key of its auditor; `None` for an asset that nobody audits.
        auditor: Option<EdwardsAffine>,
        /// Policy flags.
        flags: u8,
    },
    /// Replaces an asset's auditor.
    RotateAuditor {
        /// Id of the asset.
        asset: u16,
        /// Key of the new auditor.
        auditor: EdwardsAffine,
    },
    /// Sets minimum and fee of an asset's deposits.
    SetDepositTerms {
        /// Id of the asset.
        asset: u16,
        /// Least amount that a deposit brings, in base units; m · 10^e with m < 2³².
        minimum: u128,
        /// Fee of a deposit, in base units, at most half the minimum; m · 10^e with m < 2³².
        fee: u128,
    },
    /// Registers a shape of batches.
    RegisterShape {
        /// New id.
        id: u32,
        /// Number of slots: 4, 16 or 64.
        slots: u16,
        /// Verifier contract.
        verifier: Address,
        /// Data contract of the verifying key.
        key: Address,
        /// Whether the key was made for development. Only development chains accept it.
        unsafe_development: bool,
    },
    /// Retires a shape.
    RetireShape {
        /// Its id.
        id: u32,
    },
    /// Sets or replaces a market.
    SetMarket {
        /// Its number, 0 to 15.
        id: u8,
        /// Its terms.
        terms: MarketTerms,
    },
    /// Removes a market.
    RemoveMarket {
        /// Its number.
        id: u8,
    },
    /// Sets or replaces the feed of an asset's price.
    SetFeed {
        /// Id of the asset.
        asset: u16,
        /// Address of the aggregator.
        feed: Address,
        /// Maximum age of its answer, in seconds.
        heartbeat: u64,
        /// Decimals of the asset.
        token_decimals: u8,
    },
    /// Removes the feed of an asset.
    RemoveFeed {
        /// Id of the asset.
        asset: u16,
    },
    /// Sets the account that may submit batches.
    SetSequencer {
        /// The account.
        account: Address,
    },
    /// Sets the account that may pause deposits.
    SetGuardian {
        /// The account.
        account: Address,
    },
    /// Sets the account that may stop seizures.
    SetSeizureGuardian {
        /// The account.
        account: Address,
    },
    /// Sets the least delay of the timelock.
    SetDelay {
        /// Delay in seconds.
        seconds: u64,
        /// The timelock, which must call itself.
        timelock: Address,
    },
}

impl Action {
    /// Returns the contract that the action calls, and the calldata.
    ///
    /// # Errors
    /// [`L1Error::Protocol`] if a key is not a valid point or a number does not fit its field;
    /// [`L1Error::FlagsOutOfRange`].
    pub fn call(&self, targets: &Targets) -> Result<(Address, Vec<u8>), L1Error> {
        Ok(match self {
            Self::RegisterAsset {
                token,
                auditor,
                flags,
            } => (
                targets.registry,
                register(*token, auditor.as_ref(), *flags)?,
            ),
            Self::RotateAuditor { asset, auditor } => {
                let (x, y) = coordinates(auditor)?;
                let call = AssetRegistry::rotateAuditorCall {
                    asset: *asset,
                    auditorX: x,
                    auditorY: y,
                };
                (targets.registry, call.abi_encode())
            }
            Self::SetDepositTerms {
                asset,
                minimum,
                fee,
            } => {
                let call = AssetRegistry::setDepositTermsCall {
                    asset: *asset,
                    minimum: *minimum,
                    fee: *fee,
                };
                (targets.registry, call.abi_encode())
            }
            Self::RegisterShape { .. } | Self::RetireShape { .. } | Self::SetSequencer { .. } => {
                (targets.rollup, self.rollup_call()?)
            }
            Self::SetMarket { .. }
            | Self::RemoveMarket { .. }
            | Self::SetFeed { .. }
            | Self::RemoveFeed { .. } => (targets.oracle, self.oracle_call()?),
            Self::SetGuardian { account } => {
                let call = Vault::setGuardianCall {
                    newGuardian: *account,
                };
                (targets.vault, call.abi_encode())
            }
            Self::SetSeizureGuardian { account } => {
                let call = AssetRegistry::setSeizureGuardianCall { guardian: *account };
                (targets.registry, call.abi_encode())
            }
            Self::SetDelay { seconds, timelock } => {
                let call = Governance::updateDelayCall {
                    newDelay: U256::from(*seconds),
                };
                (*timelock, call.abi_encode())
            }
        })
    }

    fn rollup_call(&self) -> Result<Vec<u8>, L1Error> {
        Ok(match self {
            Self::RegisterShape {
                id,
                slots,
                verifier,
                key,
                unsafe_development,
            } => Rollup::registerShapeCall {
                shape: *id,
                slots: *slots,
                verifier: *verifier,
                vkData: *key,
                unsafeDevelopment: *unsafe_development,
            }
            .abi_encode(),
            Self::RetireShape { id } => Rollup::retireShapeCall { shape: *id }.abi_encode(),
            Self::SetSequencer { account } => Rollup::setSequencerCall {
                newSequencer: *account,
            }
            .abi_encode(),
            _ => return Err(other_contract()),
        })
    }

    fn oracle_call(&self) -> Result<Vec<u8>, L1Error> {
        Ok(match self {
            Self::SetMarket { id, terms } => PriceOracle::setMarketCall {
                id: *id,
                params: PriceOracle::Market {
                    collateralAsset: terms.collateral,
                    debtAsset: terms.debt,
                    haircut: terms.haircut,
                    initialMargin: narrow(terms.initial.into())?,
                    maintenanceMargin: narrow(terms.maintenance.into())?,
                    bonus: terms.bonus,
                    maximumAge: narrow(terms.max_age.into())?,
                    maximumMove: terms.maximum_move,
                },
            }
            .abi_encode(),
            Self::RemoveMarket { id } => PriceOracle::removeMarketCall { id: *id }.abi_encode(),
            Self::SetFeed {
                asset,
                feed,
                heartbeat,
                token_decimals,
            } => PriceOracle::setFeedCall {
                asset: *asset,
                feed: *feed,
                heartbeat: narrow(*heartbeat)?,
                tokenDecimals: *token_decimals,
            }
            .abi_encode(),
            Self::RemoveFeed { asset } => {
                PriceOracle::removeFeedCall { asset: *asset }.abi_encode()
            }
            _ => return Err(other_contract()),
        })
    }
}

fn other_contract() -> L1Error {
    L1Error::Protocol("the action is for another contract".into())
}

/// Returns the call that registers an asset.
fn register(
    token: Address,
    auditor: Option<&EdwardsAffine>,
    flags: u8,
) -> Result<Vec<u8>, L1Error> {
    check_flags(flags)?;
    let Some(key) = auditor else {
        return Ok(AssetRegistry::registerUnauditedCall { token, flags }.abi_encode());
    };
    let (x, y) = coordinates(key)?;
    Ok(AssetRegistry::registerCall {
        token,
        auditorX: x,
        auditorY: y,
        flags,
    }
    .abi_encode())
}

/// Fails if the leaf of an asset has no room for the flags.
pub(crate) fn check_flags(flags: u8) -> Result<(), L1Error> {
    if flags < AssetInfo::FLAGS_END {
        return Ok(());
    }
    Err(L1Error::FlagsOutOfRange(flags))
}

/// Returns the coordinates of a valid point.
fn coordinates(key: &EdwardsAffine) -> Result<(U256, U256), L1Error> {
    check_point(key).map_err(|e| L1Error::Protocol(format!("the auditor's key: {e}")))?;
    Ok((to_word(&key.x), to_word(&key.y)))
}

/// Converts a number to a narrower type of the contract.
fn narrow<const BITS: usize, const LIMBS: usize>(value: u64) -> Result<Uint<BITS, LIMBS>, L1Error> {
    Uint::try_from(value)
        .map_err(|_| L1Error::Protocol(format!("{value} does not fit into {BITS} bits")))
}

/// Describes a call of the rollup's contracts in words, or returns `None` if it is none of the
/// actions of governance or the guardian.
#[must_use]
pub fn decode(data: &[u8]) -> Option<String> {
    decode_registry(data)
        .or_else(|| decode_rollup(data))
        .or_else(|| decode_oracle(data))
        .or_else(|| decode_vault(data))
}

fn decode_registry(data: &[u8]) -> Option<String> {
    if let Ok(call) = AssetRegistry::registerCall::abi_decode(data) {
        let key = key_text(call.auditorX, call.auditorY);
        return Some(format!(
            "register asset: token {}, auditor {key}, flags {}",
            token_text(call.token),
            call.flags
        ));
    }
    if let Ok(call) = AssetRegistry::registerUnauditedCall::abi_decode(data) {
        return Some(format!(
            "register asset: token {}, nobody audits it, flags {}",
            token_text(call.token),
            call.flags
        ));
    }
    if let Ok(call) = AssetRegistry::setDepositTermsCall::abi_decode(data) {
        return Some(format!(
            "set the deposit terms of asset {}: minimum {} base units, fee {} base units",
            call.asset, call.minimum, call.fee
        ));
    }
    if let Ok(call) = AssetRegistry::setSeizureGuardianCall::abi_decode(data) {
        return Some(format!("set the guardian of seizures to {}", call.guardian));
    }
    if let Ok(call) = AssetRegistry::stopSeizuresCall::abi_decode(data) {
        let stops = call.assets.iter().zip(&call.markets);
        let stops: Vec<String> = stops
            .map(|(asset, markets)| format!("asset {asset} in markets {}", markets_text(*markets)))
            .collect();
        return Some(format!(
            "stop seizures of {}: snapshots from {} for {} minutes",
            stops.join(", "),
            60 * u64::from(call.fromMinute),
            call.length
        ));
    }
    if let Ok(call) = AssetRegistry::resumeSeizuresCall::abi_decode(data) {
        return Some(format!("resume seizures of asset {}", call.asset));
    }
    let call = AssetRegistry::rotateAuditorCall::abi_decode(data).ok()?;
    let key = key_text(call.auditorX, call.auditorY);
    Some(format!(
        "rotate the auditor of asset {} to {key}",
        call.asset
    ))
}

fn decode_rollup(data: &[u8]) -> Option<String> {
    if let Ok(call) = Rollup::registerShapeCall::abi_decode(data) {
        let made = if call.unsafeDevelopment {
            ", an unsafe development key"
        } else {
            ""
        };
        return Some(format!(
            "register shape {}: {} slots, verifier {}, key {}{made}",
            call.shape, call.slots, call.verifier, call.vkData
        ));
    }
    if let Ok(call) = Rollup::retireShapeCall::abi_decode(data) {
        return Some(format!("retire shape {}", call.shape));
    }
    let call = Rollup::setSequencerCall::abi_decode(data).ok()?;
    Some(format!("set the sequencer to {}", call.newSequencer))
}

fn decode_oracle(data: &[u8]) -> Option<String> {
    if let Ok(call) = PriceOracle::setMarketCall::abi_decode(data) {
        let terms = call.params;
        return Some(format!(
            "set market {}: collateral asset {}, debt asset {}, haircut {} bp, initial margin {} \
             bp, maintenance margin {} bp, bonus {} bp, maximum age {} s, maximum move {} bp a \
             minute",
            call.id,
            terms.collateralAsset,
            terms.debtAsset,
            terms.haircut,
            terms.initialMargin,
            terms.maintenanceMargin,
            terms.bonus,
            terms.maximumAge,
            terms.maximumMove
        ));
    }
    if let Ok(call) = PriceOracle::removeMarketCall::abi_decode(data) {
        return Some(format!("remove market {}", call.id));
    }
    if let Ok(call) = PriceOracle::setFeedCall::abi_decode(data) {
        return Some(format!(
            "set the feed of asset {} to {}: heartbeat {} s, {} decimals of the token",
            call.asset, call.feed, call.heartbeat, call.tokenDecimals
        ));
    }
    let call = PriceOracle::removeFeedCall::abi_decode(data).ok()?;
    Some(format!("remove the feed of asset {}", call.asset))
}

fn decode_vault(data: &[u8]) -> Option<String> {
    if let Ok(call) = Vault::setGuardianCall::abi_decode(data) {
        return Some(format!("set the guardian to {}", call.newGuardian));
    }
    if let Ok(call) = Vault::setDepositsPausedCall::abi_decode(data) {
        let verb = if call.paused { "pause" } else { "resume" };
        return Some(format!("{verb} deposits"));
    }
    let call = Governance::updateDelayCall::abi_decode(data).ok()?;
    Some(format!("set the timelock's delay to {} s", call.newDelay))
}

/// Lists the markets of a stop.
fn markets_text(markets: u16) -> String {
    let named: Vec<String> = market_numbers(markets).map(|id| id.to_string()).collect();
    named.join(", ")
}

fn token_text(token: Address) -> String {
    if token.is_zero() {
        "the native coin".into()
    } else {
        token.to_string()
    }
}

/// Returns a key in the point encoding, or its coordinates if it is no valid key.
fn key_text(x: U256, y: U256) -> String {
    let point = from_word(x)
        .and_then(|x| Ok(EdwardsAffine::new_unchecked(x, from_word(y)?)))
        .ok()
        .filter(|point| check_point(point).is_ok());
    match point {
        Some(point) => format!(
            "0x{}",
            alloy_primitives::hex::encode(point_to_bytes(&point))
        ),
        None => format!("({x}, {y}), WHICH IS NOT A VALID KEY"),
    }
}
