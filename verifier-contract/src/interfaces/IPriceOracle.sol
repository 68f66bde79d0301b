// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IAssetRegistry} from "./IAssetRegistry.sol";
import {IPoseidon} from "./IPoseidon.sol";

/// @notice The terms on which loans of one asset against another are secured (specification: Collateral). Margins, haircut
/// and bonus are in basis points.
/// @param collateralAsset the asset that secures
/// @param debtAsset the asset that is owed
/// @param haircut what is taken off the collateral's value, below 10⁴
/// @param initialMargin margin that a new loan or released collateral needs, at least the maintenance margin
/// @param maintenanceMargin margin below which a loan may be liquidated, at least 10⁴
/// @param bonus what a liquidation may seize beyond the debt, at most 10⁴
/// @param maximumAge how old a snapshot may be when a transaction that uses it expires, in seconds, not 0
struct Market {
    uint16 collateralAsset;
    uint16 debtAsset;
    uint16 haircut;
    uint24 initialMargin;
    uint24 maintenanceMargin;
    uint16 bonus;
    uint24 maximumAge;
}

/// @notice Where an asset's price comes from.
/// @param feed the aggregator; zero means that the asset has none
/// @param heartbeat how old its answer may be, in seconds
/// @param feedDecimals decimals of its answers when it was set
/// @param tokenDecimals decimals of the asset: it answers for 10^tokenDecimals of the smallest unit
struct Feed {
    address feed;
    uint40 heartbeat;
    uint8 feedDecimals;
    uint8 tokenDecimals;
}

/// @title Price oracle
/// @notice Markets, the feeds of their assets, and snapshots of their prices, which batches name (specification: Collateral,
/// Markets and prices; Settlement).
interface IPriceOracle {
    /// @notice A market's word changed, 0 meaning that there is none; `root` is the market root from then on.
    event MarketSet(uint8 indexed id, uint256 word, uint256 root);

    /// @notice An asset's feed changed.
    event FeedSet(
        uint16 indexed asset, address indexed feed, uint40 heartbeat, uint8 feedDecimals, uint8 tokenDecimals
    );

    /// @notice An asset has no feed any more.
    event FeedRemoved(uint16 indexed asset);

    /// @notice A snapshot was taken. `prices[i]` holds market 2i's price in its lower 120 bits and market 2i + 1's above
    /// them; `marketRoot` is that of the last `MarketSet`.
    event Snapshot(uint256 indexed digest, uint40 time, uint256 marketRoot, uint256[8] prices);

    /// @notice Markets are numbered from 0 to 15.
    error MarketOutOfRange(uint256 id);

    /// @notice There is no market with this number.
    error UnknownMarket(uint256 id);

    /// @notice Collateral and debt are the same asset.
    error SameAsset(uint256 asset);

    /// @notice The haircut is not below 10⁴ basis points.
    error HaircutTooLarge(uint256 haircut);

    /// @notice The maintenance margin is below 10⁴ basis points.
    error MaintenanceMarginTooSmall(uint256 maintenanceMargin);

    /// @notice The initial margin is below the maintenance margin.
    error InitialMarginTooSmall(uint256 initialMargin, uint256 maintenanceMargin);

    /// @notice The bonus is above 10⁴ basis points.
    error BonusTooLarge(uint256 bonus);

    /// @notice No snapshot would ever be fresh.
    error MaximumAgeIsZero();

    /// @notice No answer would ever be fresh.
    error HeartbeatIsZero();

    /// @notice The feed has no code.
    error FeedNotAContract(address feed);

    /// @notice The feed does not say its decimals.
    error FeedWithoutDecimals(address feed);

    /// @notice Decimals of token and feed are together more than 59, above which prices are not computed exactly.
    error DecimalsTooLarge(uint256 tokenDecimals, uint256 feedDecimals);

    /// @notice The asset has no feed.
    error FeedMissing(uint256 asset);

    /// @notice So little gas is left that a feed could fail for want of it.
    error GasTooLow(uint256 left, uint256 needed);

    /// @notice Sets or replaces a market. Only governance. It is in later snapshots; those taken keep what they have.
    /// @param id 0 to 15
    /// @param params its terms, over two registered assets; they need no feed, but have no price without
    function setMarket(uint8 id, Market calldata params) external;

    /// @notice Removes a market from later snapshots. Only governance.
    function removeMarket(uint8 id) external;

    /// @notice Sets or replaces an asset's feed. Only governance. All feeds quote in one common unit, which their owner has
    /// to see to.
    /// @param asset a registered id
    /// @param feed the aggregator; its decimals are read now, and it has no price whenever it answers others
    /// @param heartbeat how old an answer may be, in seconds, not 0
    /// @param tokenDecimals the feed answers for 10^tokenDecimals of the asset's smallest unit
    function setFeed(uint16 asset, address feed, uint40 heartbeat, uint8 tokenDecimals) external;

    /// @notice Removes an asset's feed. Only governance. Its markets have no price from then on.
    function removeFeed(uint16 asset) external;

    /// @notice Reads the feeds of all markets, computes the prices and stores the time under the digest. Anybody may call.
    /// No feed can make it revert: what it cannot answer leaves the price 0, which is none, in the markets that need it.
    /// @return digest H(SNAPSHOT; time, market root, w₀ … w₇)
    function snapshot() external returns (uint256 digest);

    /// @notice When a snapshot was taken, Unix time; 0 if there is none with this digest.
    function timeOf(uint256 digest) external view returns (uint40);

    /// @notice The last snapshot with all that is in it; zeros before the first.
    /// @return digest its digest
    /// @return time when it was taken
    /// @return root the market root in it
    /// @return prices its words, two prices each
    /// @return markets the market words under that root
    function latest()
        external
        view
        returns (
            uint256 digest,
            uint40 time,
            uint256 root,
            uint256[8] memory prices,
            uint256[16] memory markets
        );

    /// @notice Root of the tree of depth 2 over the sixteen market words as they are now.
    function marketRoot() external view returns (uint256);

    /// @notice The market words as they are now, 0 where there is no market.
    function marketWords() external view returns (uint256[16] memory);

    /// @notice The asset's feed, zeros if it has none.
    function feedOf(uint16 asset) external view returns (Feed memory);

    /// @notice The registry whose ids markets and feeds name.
    function registry() external view returns (IAssetRegistry);

    /// @notice The hash contract.
    function poseidon() external view returns (IPoseidon);
}
