// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Governed} from "./Governance.sol";
import "./generated/Layouts.sol";
import {AggregatorV3Interface} from "./interfaces/AggregatorV3Interface.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IPoseidon} from "./interfaces/IPoseidon.sol";
import {Feed, IPriceOracle, Market} from "./interfaces/IPriceOracle.sol";

/// @title Price oracle
/// @notice See `IPriceOracle`. Nothing pauses it. A failing feed affects only the prices of its own
/// assets.
contract PriceOracle is IPriceOracle, Governed {
    uint256 private constant TAG_NODE = 1;
    uint256 private constant TAG_SNAPSHOT = 25;
    uint256 private constant ARITY = 4;
    uint256 private constant MARKETS = 16;
    uint256 private constant BASIS_POINTS = 10_000;
    uint256 private constant MAXIMUM_BONUS = 2_000;
    uint256 private constant MAXIMUM_AGE = 1 days;
    uint256 private constant MAXIMUM_HEARTBEAT = 25 hours;
    /// @dev Smallest price of a market: its rounding is below a millionth.
    uint256 private constant MINIMUM_PRICE = 1e6;
    /// @dev Least time between two snapshots.
    uint256 private constant INTERVAL = 1 minutes;
    /// @dev The time of `maximumMove`.
    uint256 private constant MINUTE = 1 minutes;
    /// @dev Least time between two samples.
    uint256 private constant SAMPLE_INTERVAL = 5 minutes;
    uint256 private constant SAMPLES = 5;
    /// @dev Most minutes that count between two samples: as many as the median needs to follow.
    uint256 private constant MAXIMUM_PASSED = 15;
    uint256 private constant PAIRS = MARKETS / 2;
    uint256 private constant HALF = PRICES_LOW_BITS;
    /// @dev 10^(18 + 59) is below 2²⁵⁶ and the largest power of ten that `_price` can need.
    uint256 private constant MAXIMUM_DECIMALS = 59;
    /// @dev Gas limit of a call of a feed. It suffices for a proxy, its aggregator and dozens of
    /// storage slots that they read.
    uint256 private constant FEED_GAS = 100_000;
    /// @dev Gas that must be left before a call of a feed for the feed to get `FEED_GAS`: a caller
    /// passes on at most 63/64 of its gas. With less, the snapshot reverts: whoever takes it must
    /// not choose by its gas which feeds fail.
    uint256 private constant NEEDED_GAS = 110_000;

    /// @dev Answers of the feeds, one for each asset. An asset without a price has the answer 0.
    struct Answers {
        uint256 count;
        uint256[2 * MARKETS] assets;
        uint256[2 * MARKETS] answers;
        uint256[2 * MARKETS] decimals;
    }

    /// @dev The whole last snapshot.
    struct Latest {
        uint256 digest;
        uint256 marketRoot;
        uint40 time;
        uint40 previous;
        uint256[16] prices;
        uint256[16] markets;
    }

    /// @dev Data of the next samples: whether they are due, maximum moves, minutes since the last
    /// ones, and the place of the next one of each market.
    struct Samples {
        bool due;
        uint256 moves;
        uint256 passed;
        uint256 places;
    }

    /// @dev When a snapshot was the last one.
    struct Validity {
        uint40 taken;
        uint40 superseded;
    }

    /// @inheritdoc IPriceOracle
    IAssetRegistry public immutable registry;
    /// @inheritdoc IPriceOracle
    IPoseidon public immutable poseidon;

    /// @inheritdoc IPriceOracle
    uint256 public marketRoot;
    /// @inheritdoc IPriceOracle
    mapping(uint256 digest => Validity) public validity;

    /// @dev Leaves of the market tree, and the nodes between them and the root.
    uint256[16] private _words;
    uint256[4] private _nodes;
    mapping(uint256 asset => Feed) private _feeds;
    /// @dev Assets of the market that each number has or had, in the low 32 bits of its word.
    uint256[16] private _assets;
    /// @dev Sixteen maximum moves of 16 bits.
    uint256 private _moves;
    Latest private _latest;
    /// @dev Five samples of the prices of markets 2i and 2i + 1, the latter above the former; 0
    /// before the first price.
    uint256[8][5] private _samples;
    /// @dev Time of the last samples, and the place of the next one of each market, in 4 bits each:
    /// a market without a price takes none, and the places part.
    uint40 private _sampled;
    uint64 private _places;

    /// @param registry_ the registry of assets, which names the hash contract
    /// @param governance the owner; a timelock, except on development chains
    constructor(IAssetRegistry registry_, address governance) Governed(governance) {
        registry = registry_;
        poseidon = registry_.poseidon();

        uint256[] memory children = new uint256[](ARITY);
        uint256 empty = poseidon.hash(TAG_NODE, children);
        for (uint256 i = 0; i < ARITY; ++i) {
            children[i] = empty;
            _nodes[i] = empty;
        }
        marketRoot = poseidon.hash(TAG_NODE, children);
        // Batches of the time before the first snapshot name none.
        validity[0] = Validity(1, 0);
    }

    /// @inheritdoc IPriceOracle
    function setMarket(uint8 id, Market calldata params) external onlyGovernance {
        if (id >= MARKETS) revert MarketOutOfRange(id);
        if (params.collateralAsset == params.debtAsset) revert SameAsset(params.debtAsset);
        _requireAsset(params.collateralAsset);
        _requireAsset(params.debtAsset);
        if (params.haircut >= BASIS_POINTS) revert HaircutTooLarge(params.haircut);
        if (params.maintenanceMargin < BASIS_POINTS) {
            revert MaintenanceMarginTooSmall(params.maintenanceMargin);
        }
        if (uint256(params.initialMargin) * 100 < uint256(params.maintenanceMargin) * 101) {
            revert InitialMarginTooSmall(params.initialMargin, params.maintenanceMargin);
        }
        if (params.bonus > MAXIMUM_BONUS) revert BonusTooLarge(params.bonus);
        if (
            params.maintenanceMargin * BASIS_POINTS
                < (BASIS_POINTS + params.bonus) * (BASIS_POINTS - params.haircut)
        ) {
            revert MaintenanceMarginBelowBonus(
                params.maintenanceMargin, params.bonus, params.haircut
            );
        }
        if (params.maximumAge == 0 || params.maximumAge > MAXIMUM_AGE) {
            revert MaximumAgeOutOfRange(params.maximumAge);
        }
        if (params.maximumMove == 0 || params.maximumMove > BASIS_POINTS) {
            revert MaximumMoveOutOfRange(params.maximumMove);
        }
        uint256 assets =
            uint256(params.collateralAsset) | (uint256(params.debtAsset) << MARKET_DEBT_AT);
        // Two different assets are not both 0.
        if (_assets[id] == 0) _assets[id] = assets;
        else if (_assets[id] != assets) revert NumberTaken(id);
        uint256 place = 16 * uint256(id);
        _moves = (_moves & ~(uint256(0xffff) << place)) | (uint256(params.maximumMove) << place);
        _requireResolution(assets);
        _setWord(
            id,
            assets | (uint256(params.haircut) << MARKET_HAIRCUT_AT)
                | (uint256(params.initialMargin) << MARKET_INITIAL_AT)
                | (uint256(params.maintenanceMargin) << MARKET_MAINTENANCE_AT)
                | (uint256(params.bonus) << MARKET_BONUS_AT)
                | (uint256(params.maximumAge) << MARKET_MAX_AGE_AT)
        );
    }

    /// @inheritdoc IPriceOracle
    function removeMarket(uint8 id) external onlyGovernance {
        if (id >= MARKETS) revert MarketOutOfRange(id);
        if (_words[id] == 0) revert UnknownMarket(id);
        _setWord(id, 0);
    }

    /// @inheritdoc IPriceOracle
    function setFeed(uint16 asset, address feed, uint40 heartbeat, uint8 tokenDecimals)
        external
        onlyGovernance
    {
        _requireAsset(asset);
        if (heartbeat == 0 || heartbeat > MAXIMUM_HEARTBEAT) {
            revert HeartbeatOutOfRange(heartbeat);
        }
        if (feed.code.length == 0) revert FeedNotAContract(feed);
        (bool answered, uint256[5] memory answer) =
            _query(feed, AggregatorV3Interface.decimals.selector, 1);
        uint256 feedDecimals = answer[0];
        if (!answered || feedDecimals > type(uint8).max) revert FeedWithoutDecimals(feed);
        if (tokenDecimals + feedDecimals > MAXIMUM_DECIMALS) {
            revert DecimalsTooLarge(tokenDecimals, feedDecimals);
        }
        _requireTokenDecimals(asset, tokenDecimals);
        _feeds[asset] = Feed(feed, heartbeat, uint8(feedDecimals), tokenDecimals);
        emit FeedSet(asset, feed, heartbeat, uint8(feedDecimals), tokenDecimals);
    }

    /// @inheritdoc IPriceOracle
    function removeFeed(uint16 asset) external onlyGovernance {
        if (_feeds[asset].feed == address(0)) revert FeedMissing(asset);
        delete _feeds[asset];
        emit FeedRemoved(asset);
    }

    /// @inheritdoc IPriceOracle
    function snapshot() external returns (uint256 digest) {
        uint40 time = uint40(block.timestamp);
        uint40 previous = _latest.time;
        if (previous != 0 && time < previous + INTERVAL) {
            revert SnapshotTooEarly(previous + INTERVAL);
        }
        uint256[16] memory words = _words;
        uint256 root = marketRoot;
        uint256[16] memory prices = _judge(_spots(words), time);

        uint256[] memory message = new uint256[](SNAPSHOT_WORDS);
        message[SNAPSHOT_TIMES_WORD] =
            uint256(time) | (uint256(previous) << SNAPSHOT_TIMES_PREVIOUS_AT);
        message[SNAPSHOT_MARKET_ROOT] = root;
        for (uint256 i = 0; i < prices.length; ++i) {
            message[SNAPSHOT_PRICES + i] = prices[i];
        }
        digest = poseidon.hash(TAG_SNAPSHOT, message);

        validity[_latest.digest].superseded = time;
        validity[digest] = Validity(time, 0);
        // Equal roots mean equal words. The words are written only after governance changed them.
        if (_latest.marketRoot != root) {
            _latest.marketRoot = root;
            _latest.markets = words;
        }
        _latest.digest = digest;
        _latest.time = time;
        _latest.previous = previous;
        _latest.prices = prices;
        emit Snapshot(digest, time, previous, root, prices);
    }

    /// @inheritdoc IPriceOracle
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
        )
    {
        Latest storage last = _latest;
        return (last.digest, last.time, last.previous, last.marketRoot, last.prices, last.markets);
    }

    /// @inheritdoc IPriceOracle
    function marketWords() external view returns (uint256[16] memory) {
        return _words;
    }

    /// @inheritdoc IPriceOracle
    function maximumMove(uint8 id) external view returns (uint16) {
        if (id >= MARKETS) revert MarketOutOfRange(id);
        return uint16(_moves >> (16 * uint256(id)));
    }

    /// @inheritdoc IPriceOracle
    function feedOf(uint16 asset) external view returns (Feed memory) {
        return _feeds[asset];
    }

    /// @dev Writes a leaf of the market tree and the two nodes above it.
    function _setWord(uint8 id, uint256 word) private {
        _words[id] = word;
        uint256[] memory children = new uint256[](ARITY);
        uint256 first = id & ~(ARITY - 1);
        for (uint256 i = 0; i < ARITY; ++i) {
            children[i] = _words[first + i];
        }
        _nodes[first / ARITY] = poseidon.hash(TAG_NODE, children);
        for (uint256 i = 0; i < ARITY; ++i) {
            children[i] = _nodes[i];
        }
        uint256 root = poseidon.hash(TAG_NODE, children);
        marketRoot = root;
        emit MarketSet(id, word, root);
    }

    /// @dev Reverts unless the asset is registered.
    function _requireAsset(uint256 asset) private view {
        if (asset >= registry.count()) revert IAssetRegistry.UnknownAsset(asset);
    }

    /// @dev Reverts if the two assets of a market have a price now that is too small. Without
    /// usable answers nothing is known.
    function _requireResolution(uint256 assets) private view {
        uint256[16] memory words;
        words[0] = assets;
        uint256 price = _spots(words)[0];
        if (price != 0 && price < MINIMUM_PRICE) revert PriceTooCoarse(price);
    }

    /// @dev Reverts if the asset's token states other decimals. Native coin has 18.
    function _requireTokenDecimals(uint256 asset, uint256 stated) private view {
        address token = registry.tokenOf(asset);
        if (token == address(0)) {
            if (stated != 18) revert WrongTokenDecimals(stated, 18);
            return;
        }
        (bool answered, uint256[5] memory answer) =
            _query(token, AggregatorV3Interface.decimals.selector, 1);
        if (answered && answer[0] != stated) revert WrongTokenDecimals(stated, answer[0]);
    }

    /// @dev Returns the words of the spot prices: low and high prices. Takes a sample if one is
    /// due. A market without a spot price keeps its samples.
    function _judge(uint256[16] memory spots, uint256 time)
        private
        returns (uint256[16] memory prices)
    {
        Samples memory samples = _due(time);
        for (uint256 pair = 0; pair < PAIRS; ++pair) {
            if (spots[2 * pair] == 0 && spots[2 * pair + 1] == 0) continue;
            uint256[SAMPLES] memory words;
            for (uint256 i = 0; i < SAMPLES; ++i) {
                words[i] = _samples[i][pair];
            }
            uint256 changed = 0;
            for (uint256 half = 0; half < 2; ++half) {
                uint256 spot = spots[2 * pair + half];
                if (spot == 0) continue;
                uint256 at = HALF * half;
                if (_half(words[0], at) == 0) {
                    // The first price stands for all samples until newer ones replace it.
                    changed = (1 << SAMPLES) - 1;
                    for (uint256 i = 0; i < SAMPLES; ++i) {
                        words[i] |= spot << at;
                    }
                }
                uint256 median = _median(words, at);
                prices[2 * pair + half] =
                    Math.min(spot, median) | (Math.max(spot, median) << PRICES_HIGH_AT);
                if (!samples.due) continue;
                uint256 next = _advance(samples, 2 * pair + half);
                uint256 move =
                    ((samples.moves >> (16 * (2 * pair + half))) & 0xffff) * samples.passed;
                uint256 last = words[(next + SAMPLES - 1) % SAMPLES];
                words[next] =
                    _replaced(words[next], at, _follow(_half(last, at), spot, median, move));
                changed |= 1 << next;
            }
            for (uint256 i = 0; i < SAMPLES; ++i) {
                if ((changed >> i) & 1 == 1) _samples[i][pair] = words[i];
            }
        }
        if (samples.due) _places = uint64(samples.places);
    }

    /// @dev Returns the place of a market's next sample, and moves it on.
    function _advance(Samples memory samples, uint256 id) private pure returns (uint256 next) {
        next = (samples.places >> (4 * id)) & 0xf;
        samples.places ^= (next ^ ((next + 1) % SAMPLES)) << (4 * id);
    }

    /// @dev Returns whether a sample is due and what it needs. If so, notes that it is taken.
    function _due(uint256 time) private returns (Samples memory samples) {
        uint256 elapsed = time - _sampled;
        samples.due = elapsed >= SAMPLE_INTERVAL;
        if (!samples.due) return samples;
        samples.moves = _moves;
        samples.passed = Math.min((elapsed + MINUTE - 1) / MINUTE, MAXIMUM_PASSED);
        samples.places = _places;
        _sampled = uint40(time);
    }

    /// @dev Returns the sample that follows the last one: the spot price, at most `move` basis
    /// points or the median away.
    function _follow(uint256 last, uint256 spot, uint256 median, uint256 move)
        private
        pure
        returns (uint256)
    {
        uint256 least = move < BASIS_POINTS ? last * (BASIS_POINTS - move) / BASIS_POINTS : 0;
        // Rounded up, so that the smallest price can grow.
        uint256 most = (last * (BASIS_POINTS + move) + BASIS_POINTS - 1) / BASIS_POINTS;
        return Math.max(Math.min(least, median), Math.min(Math.max(most, median), spot));
    }

    /// @dev Returns the median of five prices at this place of their words.
    function _median(uint256[SAMPLES] memory words, uint256 at) private pure returns (uint256) {
        uint256[SAMPLES] memory sorted;
        for (uint256 i = 0; i < SAMPLES; ++i) {
            uint256 value = _half(words[i], at);
            uint256 k = i;
            for (; k > 0 && sorted[k - 1] > value; --k) {
                sorted[k] = sorted[k - 1];
            }
            sorted[k] = value;
        }
        return sorted[SAMPLES / 2];
    }

    /// @dev Returns the word with this price at this place.
    function _replaced(uint256 word, uint256 at, uint256 price) private pure returns (uint256) {
        return (word & ~(((uint256(1) << HALF) - 1) << at)) | (price << at);
    }

    /// @dev Returns the price at this place of a word.
    function _half(uint256 word, uint256 at) private pure returns (uint256) {
        return (word >> at) & ((uint256(1) << HALF) - 1);
    }

    /// @dev Returns what the feeds say of all markets; 0 without a usable answer.
    function _spots(uint256[16] memory words) private view returns (uint256[16] memory prices) {
        Answers memory known;
        for (uint256 id = 0; id < MARKETS; ++id) {
            uint256 word = words[id];
            if (word == 0) continue;
            uint256 collateral = _answer(known, word & 0xffff);
            uint256 debt = _answer(known, (word >> MARKET_DEBT_AT) & 0xffff);
            uint256 price = _price(
                known.answers[collateral],
                known.decimals[collateral],
                known.answers[debt],
                known.decimals[debt]
            );
            prices[id] = price;
        }
    }

    /// @dev Returns the index of the asset's answer. Reads the feed if the answer is not known yet.
    function _answer(Answers memory known, uint256 asset) private view returns (uint256 place) {
        uint256 count = known.count;
        for (place = 0; place < count; ++place) {
            if (known.assets[place] == asset) return place;
        }
        known.count = count + 1;
        known.assets[place] = asset;
        (known.answers[place], known.decimals[place]) = _read(_feeds[asset]);
    }

    /// @dev Returns a feed's answer, or 0 if it has no usable answer, and the sum of the decimals
    /// of token and feed.
    function _read(Feed memory feed) private view returns (uint256 answer, uint256 decimals) {
        if (feed.feed == address(0)) return (0, 0);
        (bool answered, uint256[5] memory words) =
            _query(feed.feed, AggregatorV3Interface.decimals.selector, 1);
        if (!answered || words[0] != feed.feedDecimals) return (0, 0);
        (answered, words) = _query(feed.feed, AggregatorV3Interface.latestRoundData.selector, 5);
        if (!answered) return (0, 0);
        (uint256 roundId, uint256 updatedAt, uint256 answeredInRound) =
            (words[0], words[3], words[4]);
        // `roundId ≤ answeredInRound ≤ type(uint80).max`, so `roundId` needs no range check of its
        // own.
        if (answeredInRound > type(uint80).max || answeredInRound < roundId) return (0, 0);
        if (updatedAt == 0 || updatedAt > block.timestamp) return (0, 0);
        if (block.timestamp - updatedAt > feed.heartbeat) return (0, 0);
        if (int256(words[1]) <= 0) return (0, 0);
        return (words[1], uint256(feed.tokenDecimals) + feed.feedDecimals);
    }

    /// @dev Calls a function without arguments. `answered` is true if it returned at least `count`
    /// words, at most five. A revert, missing code, endless work or a shorter answer only makes it
    /// false. Whatever it returns, it costs at most `FEED_GAS`: only `count` words are copied.
    function _query(address target, bytes4 selector, uint256 count)
        private
        view
        returns (bool answered, uint256[5] memory words)
    {
        uint256 left = gasleft();
        if (left < NEEDED_GAS) revert GasTooLow(left, NEEDED_GAS);
        assembly ("memory-safe") {
            mstore(0, selector)
            let size := mul(count, 32)
            answered := staticcall(FEED_GAS, target, 0, 4, words, size)
            answered := and(answered, iszero(lt(returndatasize(), size)))
        }
    }

    /// @dev Returns the base units of the debt asset for 10¹⁸ base units of the collateral asset,
    /// rounded down; 0 if an answer is missing or the price is not below 2¹²⁰. Each decimals
    /// argument is the sum for token and feed, at most 59.
    function _price(
        uint256 collateral,
        uint256 collateralDecimals,
        uint256 debt,
        uint256 debtDecimals
    ) private pure returns (uint256 price) {
        if (collateral == 0 || debt == 0) return 0;
        uint256 raised = 18 + debtDecimals;
        if (raised >= collateralDecimals) {
            uint256 factor = 10 ** (raised - collateralDecimals);
            (uint256 high,) = Math.mul512(collateral, factor);
            // The quotient is 2²⁵⁶ or more.
            if (high >= debt) return 0;
            price = Math.mulDiv(collateral, factor, debt);
        } else {
            (uint256 high, uint256 low) = Math.mul512(debt, 10 ** (collateralDecimals - raised));
            // The divisor is 2²⁵⁶ or more, the dividend is less.
            if (high != 0) return 0;
            price = collateral / low;
        }
        if (price >> PRICES_LOW_BITS != 0) return 0;
    }
}
