//! Typed bindings of the contracts, generated from the committed artifacts: a build needs no
//! Solidity compiler.

#![allow(
    missing_docs,
    reason = "the contracts are documented in Solidity's NatSpec"
)]
#![allow(clippy::all, unreachable_pub, reason = "generated code")]

use alloy_primitives::hex;
use alloy_sol_types::{SolError as _, sol};

sol!(Rollup, "../verifier-contract/artifacts/Rollup.json");
sol!(Vault, "../verifier-contract/artifacts/Vault.json");
sol!(
    AssetRegistry,
    "../verifier-contract/artifacts/AssetRegistry.json"
);
sol!(
    PriceOracle,
    "../verifier-contract/artifacts/PriceOracle.json"
);
sol!(Poseidon, "../verifier-contract/artifacts/Poseidon.json");
sol!(Governance, "../verifier-contract/artifacts/Governance.json");
sol!(
    BatchVerifier,
    "../verifier-contract/artifacts/BatchVerifier.json"
);
sol!(
    DevelopmentToken,
    "../verifier-contract/artifacts/DevelopmentToken.json"
);
sol!(
    DevelopmentFeed,
    "../verifier-contract/artifacts/DevelopmentFeed.json"
);

sol! {
    /// The part of ERC-20 that wallets need.
    interface Erc20 {
        function approve(address spender, uint256 amount) external returns (bool);
        function allowance(address owner, address spender) external view returns (uint256);
        function balanceOf(address owner) external view returns (uint256);
        function symbol() external view returns (string memory);
        function decimals() external view returns (uint8);
    }
}

sol! {
    /// The structure that an account signs for `claimFor` (EIP-712).
    struct Claim {
        address account;
        uint16 asset;
        address to;
        uint256 least;
        uint256 nonce;
        uint256 deadline;
    }
}

/// Returns the name of a contract's custom error, the text of a plain `revert("…")`, or the raw
/// selector. Times are added to it; other arguments are left out because they may be amounts.
pub(crate) fn error_text(data: &[u8]) -> String {
    let name = error_name(data);
    match error_time(data) {
        Some(time) => format!("{name} ({time}, Unix seconds)"),
        None => name,
    }
}

/// Returns the times of a custom error that is about times.
fn error_time(data: &[u8]) -> Option<String> {
    if let Ok(error) = Vault::DepositsArePaused::abi_decode(data) {
        return Some(format!("until {}", error.until));
    }
    if let Ok(error) = Vault::PauseTooSoon::abi_decode(data) {
        return Some(format!("allowed from {}", error.allowedFrom));
    }
    if let Ok(error) = Vault::ClaimExpired::abi_decode(data) {
        return Some(format!("valid until {}", error.deadline));
    }
    if let Ok(error) = AssetRegistry::StopTooEarly::abi_decode(data) {
        let (asset, from) = (error.asset, error.allowedFrom);
        return Some(format!("asset {asset}, allowed from {from}"));
    }
    if let Ok(error) = AssetRegistry::GuardianTooEarly::abi_decode(data) {
        return Some(format!("allowed from {}", error.allowedFrom));
    }
    if let Ok(error) = AssetRegistry::StopTooLong::abi_decode(data) {
        let (until, latest) = (error.until, error.latest);
        return Some(format!("it would end at {until}, at the latest {latest}"));
    }
    let error = AssetRegistry::StopBeginOutOfRange::abi_decode(data).ok()?;
    Some(format!("it would begin at {}", error.from))
}

/// Returns the name of a custom error, the text of a plain `revert("…")`, or the raw selector.
fn error_name(data: &[u8]) -> String {
    let Some(selector) = data.first_chunk::<4>() else {
        return "reverted without a reason".into();
    };
    let known = [
        Rollup::RollupErrors::name_by_selector,
        Vault::VaultErrors::name_by_selector,
        AssetRegistry::AssetRegistryErrors::name_by_selector,
        PriceOracle::PriceOracleErrors::name_by_selector,
        BatchVerifier::BatchVerifierErrors::name_by_selector,
        Governance::GovernanceErrors::name_by_selector,
        DevelopmentToken::DevelopmentTokenErrors::name_by_selector,
        DevelopmentFeed::DevelopmentFeedErrors::name_by_selector,
    ];
    known
        .iter()
        .find_map(|name| name(*selector).map(str::to_owned))
        .or_else(|| alloy_sol_types::decode_revert_reason(data))
        .unwrap_or_else(|| format!("0x{}", hex::encode(selector)))
}
