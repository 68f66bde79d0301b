//! Typed bindings of the contracts, generated from the committed artifacts: a build needs no
//! Solidity compiler.

#![allow(
    missing_docs,
    reason = "the contracts are documented in Solidity's NatSpec"
)]
#![allow(clippy::all, unreachable_pub, reason = "generated code")]

use alloy_primitives::hex;
use alloy_sol_types::sol;

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
        uint256 nonce;
        uint256 deadline;
    }
}

/// Returns the name of a contract's custom error, the text of a plain `revert("…")`, or the raw
/// selector. Arguments are left out because they may be amounts.
pub(crate) fn error_name(data: &[u8]) -> String {
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
