// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IAssetRegistry} from "./IAssetRegistry.sol";
import {IPoseidon} from "./IPoseidon.sol";

/// @notice Terms that secure loans of one asset with another (spec: *Collateral*). Margins, haircut
/// and bonus are in basis points.
/// @param collateralAsset the asset that secures the loan
/// @param debtAsset the asset that is owed
/// @param haircut deduction from the collateral's value, below 10⁴
/// @param initialMargin margin that a new loan or a release of collateral needs, at least the
/// maintenance margin
/// @param maintenanceMargin margin below which a loan can be liquidated, at least 10⁴
/// @param bonus amount beyond the debt that a liquidation can seize, at most 2,000
/// @param maximumAge maximum age of a snapshot when a transaction that uses it expires, in seconds,
/// from 1 to 86,400
/// @param maximumMove most by which the samples of the price can move in a minute, from 1 to 10⁴;
/// the only member that is not part of the market's word
struct Market {
    uint16 collateralAsset;
    uint16 debtAsset;
    uint16 haircut;
    uint24 initialMargin;
    uint24 maintenanceMargin;
    uint16 bonus;
    uint24 maximumAge;
    uint16 maximumMove;
}

/// @notice Source of an asset's price.
/// @param feed the aggregator; zero if the asset has none
/// @param heartbeat maximum age of its answer, in seconds
/// @param feedDecimals decimals of its answers when it was set
/// @param tokenDecimals decimals of the asset: an answer is the price of 10^tokenDecimals base
/// units
struct Feed {
    address feed;
    uint40 heartbeat;
    uint8 feedDecimals;
    uint8 tokenDecimals;
}

/// @title Price oracle
/// @notice Holds the markets, the feeds of their assets, and snapshots of the prices, which batches
/// name (spec: *Collateral*, *Settlement*).
///
/// A snapshot has two prices for each market. The *spot* price is what the feeds say. The
/// *reference* is the median of the market's last five samples. The first snapshot that is at least
/// five minutes later than the last sample takes the next one: the spot price, moved from the last
/// sample by at most the market's `maximumMove` for each of at most fifteen begun minutes, or as
/// far as the reference. A market's first price stands for its first five samples. The low price
/// is the lower one of spot price and reference, the high price the higher one: so no loan opens
/// and none is liquidated unless both allow it.
interface IPriceOracle {
    /// @notice A market's word changed; 0 means that the market was removed. `root` is the new
    /// market root.
    event MarketSet(uint8 indexed id, uint256 word, uint256 root);

    /// @notice An asset's feed changed.
    event FeedSet(
        uint16 indexed asset,
        address indexed feed,
        uint40 heartbeat,
        uint8 feedDecimals,
        uint8 tokenDecimals
    );

    /// @notice An asset's feed was removed.
    event FeedRemoved(uint16 indexed asset);

    /// @notice A snapshot was taken. `previous` is the time of the one before it, 0 for the first.
    /// `prices[i]` holds the low price of market i in its lower 120 bits and the high price above
    /// them. `marketRoot` is the root of the last `MarketSet`.
    event Snapshot(
        uint256 indexed digest,
        uint40 time,
        uint40 previous,
        uint256 marketRoot,
        uint256[16] prices
    );

    /// @notice The market's number is not in 0 … 15.
    error MarketOutOfRange(uint256 id);

    /// @notice There is no market with this number.
    error UnknownMarket(uint256 id);

    /// @notice Collateral and debt are the same asset.
    error SameAsset(uint256 asset);

    /// @notice The haircut is not below 10⁴ basis points.
    error HaircutTooLarge(uint256 haircut);

    /// @notice The maintenance margin is below 10⁴ basis points.
    error MaintenanceMarginTooSmall(uint256 maintenanceMargin);

    /// @notice The initial margin is not at least a hundredth above the maintenance margin: a new
    /// loan could be liquidated at once.
    error InitialMarginTooSmall(uint256 initialMargin, uint256 maintenanceMargin);

    /// @notice The bonus is above 2,000 basis points.
    error BonusTooLarge(uint256 bonus);

    /// @notice At the maintenance margin the collateral does not pay for debt and bonus.
    error MaintenanceMarginBelowBonus(uint256 maintenanceMargin, uint256 bonus, uint256 haircut);

    /// @notice The maximum age is 0, so that no snapshot would ever be fresh, or above a day.
    error MaximumAgeOutOfRange(uint256 maximumAge);

    /// @notice The maximum move is 0, so that no price would ever change, or above 10⁴.
    error MaximumMoveOutOfRange(uint256 maximumMove);

    /// @notice The price is below 10⁶, so that its rounding would be felt.
    error PriceTooCoarse(uint256 price);

    /// @notice The number had a market of other assets. A loan names its market by the number.
    error NumberTaken(uint256 id);

    /// @notice The heartbeat is 0, so that no answer would ever be fresh, or above 25 hours.
    error HeartbeatOutOfRange(uint256 heartbeat);

    /// @notice The token itself states other decimals.
    error WrongTokenDecimals(uint256 stated, uint256 token);

    /// @notice The feed has no code.
    error FeedNotAContract(address feed);

    /// @notice The feed does not return its decimals.
    error FeedWithoutDecimals(address feed);

    /// @notice The decimals of token and feed add up to more than 59, the limit for exact prices.
    error DecimalsTooLarge(uint256 tokenDecimals, uint256 feedDecimals);

    /// @notice The asset has no feed.
    error FeedMissing(uint256 asset);

    /// @notice Too little gas is left: a feed could fail for lack of gas.
    error GasTooLow(uint256 left, uint256 needed);

    /// @notice The last snapshot is less than a minute old. `next` is the time of the next one.
    error SnapshotTooEarly(uint256 next);

    /// @notice Sets or replaces a market. Only governance may call. Later snapshots contain it;
    /// older ones stay as they are. A number keeps its assets for good, also after its market is
    /// removed: loans name it.
    /// @param id number of the market, 0 to 15
    /// @param params its terms, over two registered assets; without their feeds it has no price
    function setMarket(uint8 id, Market calldata params) external;

    /// @notice Removes a market from later snapshots. Only governance may call.
    function removeMarket(uint8 id) external;

    /// @notice Sets or replaces an asset's feed. Only governance may call, and it must choose feeds
    /// that quote in one common unit.
    /// @param asset a registered id
    /// @param feed the aggregator; its decimals are read now, and it has no price while it returns
    /// others
    /// @param heartbeat maximum age of an answer, in seconds, from 1 to 90,000
    /// @param tokenDecimals decimals of the asset, which must be the token's own if it states them:
    /// an answer is the price of 10^tokenDecimals base units
    function setFeed(uint16 asset, address feed, uint40 heartbeat, uint8 tokenDecimals) external;

    /// @notice Removes an asset's feed. Only governance may call. The asset's markets have no price
    /// from then on.
    function removeFeed(uint16 asset) external;

    /// @notice Reads the feeds of all markets, computes the prices and stores the time under the
    /// digest. Anybody may call, once a minute. No feed can make it revert: a market that lacks a
    /// usable answer gets the prices 0, which mean no price.
    /// @return digest H(SNAPSHOT; time and previous time, market root, w₀ … w₁₅)
    function snapshot() external returns (uint256 digest);

    /// @notice Returns when a snapshot was the last one, in Unix seconds. The digest 0 stands for
    /// the time before the first snapshot.
    /// @return taken when it was taken; 0 if none has this digest
    /// @return superseded when the next one was taken; 0 if there is none
    function validity(uint256 digest) external view returns (uint40 taken, uint40 superseded);

    /// @notice Returns the contents of the last snapshot; zeros before the first.
    /// @return digest digest of the snapshot
    /// @return time its time, in Unix seconds
    /// @return previous time of the snapshot before it
    /// @return root its market root
    /// @return prices its words, the two prices of a market in each
    /// @return markets the market words under its market root
    function latest()
        external
        view
        returns (
            uint256 digest,
            uint40 time,
            uint40 previous,
            uint256 root,
            uint256[16] memory prices,
            uint256[16] memory markets
        );

    /// @notice Returns the root of the tree of depth 2 over the sixteen current market words.
    function marketRoot() external view returns (uint256);

    /// @notice Returns the current market words; 0 for a number without a market.
    function marketWords() external view returns (uint256[16] memory);

    /// @notice Returns the most by which the samples of a market can move in a minute, in basis
    /// points.
    function maximumMove(uint8 id) external view returns (uint16);

    /// @notice Returns the asset's feed; zeros if it has none.
    function feedOf(uint16 asset) external view returns (Feed memory);

    /// @notice Returns the registry whose ids the markets and feeds use.
    function registry() external view returns (IAssetRegistry);

    /// @notice Returns the hash contract.
    function poseidon() external view returns (IPoseidon);
}
