// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {PriceOracle} from "../src/PriceOracle.sol";
import {DevelopmentFeed} from "../src/development/DevelopmentFeed.sol";
import {AggregatorV3Interface} from "../src/interfaces/AggregatorV3Interface.sol";
import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {Feed, IPriceOracle, Market} from "../src/interfaces/IPriceOracle.sol";
import {Fixture} from "./Fixture.sol";
import {VM} from "./Vm.sol";
import {FeedDouble} from "./doubles/Feeds.sol";
import {PlainToken} from "./doubles/Tokens.sol";
import {ReferenceOracle} from "./reference/ReferenceOracle.sol";

contract PriceOracleTest is Fixture {
    // Computed from the markets and answers below in Python, with integers of any size and a
    // Poseidon whose constants come from its Grain generator. It also gives the commitments in
    // `protocol/vectors/batch.json`, which the Rust side computed.
    uint256 private constant EMPTY_ROOT =
        6613525988509056453015330450141182930458322389735231116358877228651692311544;
    uint256 private constant ROOT =
        2826981483088416198502991710517972024186272005038674422218211770322679504967;
    uint256 private constant DIGEST =
        5374122223803895087940319530047843655410309159086028418858904055828676579208;
    uint256 private constant PRICE_0 = 2345678912;
    uint256 private constant PRICE_3 = 3456789000;
    uint256 private constant PRICE_6 = 426315807649232353843687963;
    uint256 private constant PRICE_15 = 678571620176990843;
    uint256 private constant WORD_15 = 448614607033781364020905010724700422146;

    uint40 private constant HEARTBEAT = 3600;

    DevelopmentFeed private usdFeed;
    DevelopmentFeed private goldFeed;
    DevelopmentFeed private coinFeed;

    function setUp() public {
        deploy();
        usdFeed = new DevelopmentFeed(8, 1e8);
        goldFeed = new DevelopmentFeed(8, 234567891234);
        coinFeed = new DevelopmentFeed(18, 3456.789e18);
        oracle.setFeed(USD, address(usdFeed), HEARTBEAT, 6);
        oracle.setFeed(GOLD, address(goldFeed), HEARTBEAT, 18);
        oracle.setFeed(COIN, address(coinFeed), HEARTBEAT, 18);
        oracle.setMarket(0, Market(GOLD, USD, 500, 15000, 12000, 500, 3600, 100));
        oracle.setMarket(3, Market(COIN, USD, 1000, 16000, 13000, 1000, 1800, 1));
        oracle.setMarket(6, Market(USD, GOLD, 0, 12000, 11000, 200, 7200, 10000));
        oracle.setMarket(15, Market(GOLD, COIN, 9999, 2 ** 24 - 1, 10000, 2000, 86400, 250));
    }

    /// @dev Returns the prices of a snapshot one by one, with low and high prices equal. Waits
    /// until the last snapshot is a minute old.
    function take() private returns (uint256[16] memory prices) {
        (, uint40 last,,,,) = oracle.latest();
        if (VM.getBlockTimestamp() < last + 60) VM.warp(last + 60);
        uint256 digest = oracle.snapshot();
        uint256[16] memory words;
        uint256 latestDigest;
        uint40 time;
        uint40 previous;
        (latestDigest, time, previous,, words,) = oracle.latest();
        assertEq(latestDigest, digest, "latest");
        assertEq(time, VM.getBlockTimestamp(), "time");
        assertEq(previous, last, "previous");
        for (uint256 i = 0; i < 16; ++i) {
            prices[i] = words[i] % 2 ** 120;
            assertEq(words[i] >> 120, prices[i], "low and high");
        }
        assertEq(
            ReferenceOracle.digest(poseidon, time, last, oracle.marketRoot(), prices, prices),
            digest,
            "digest of latest"
        );
    }

    /// @dev Takes a snapshot and asserts that exactly the markets of these assets have a price.
    function pricesOf(bool ofUsd, bool ofGold, bool ofCoin, string memory what) private {
        uint256[16] memory prices = take();
        assertEq(prices[0], ofGold && ofUsd ? PRICE_0 : 0, what);
        assertEq(prices[3], ofCoin && ofUsd ? PRICE_3 : 0, what);
        assertEq(prices[6], ofUsd && ofGold ? PRICE_6 : 0, what);
        assertEq(prices[15], ofGold && ofCoin ? PRICE_15 : 0, what);
        for (uint256 i = 0; i < 16; ++i) {
            if (i != 0 && i != 3 && i != 6 && i != 15) assertEq(prices[i], 0, what);
        }
    }

    function goldMissing(string memory what) private {
        pricesOf(true, false, true, what);
    }

    function nothingMissing(string memory what) private {
        pricesOf(true, true, true, what);
    }

    /// @dev Puts a double in place of gold's feed, which gives the same answers.
    function goldDouble() private returns (FeedDouble feed) {
        feed = new FeedDouble(8);
        feed.setRound(7, 234567891234, NOW, 7);
        oracle.setFeed(GOLD, address(feed), HEARTBEAT, 18);
        nothingMissing("the double is a feed");
    }

    // Snapshots

    function test_vectors() public {
        assertEq(new PriceOracle(registry, address(this)).marketRoot(), EMPTY_ROOT, "empty root");
        assertEq(oracle.marketRoot(), ROOT, "root");
        assertEq(oracle.marketWords()[15], WORD_15, "word");
        assertEq(oracle.snapshot(), DIGEST, "digest");
        nothingMissing("prices");
    }

    function test_latestAndTime() public {
        (
            uint256 digest,
            uint40 time,
            uint40 previous,
            uint256 root,
            uint256[16] memory prices,
            uint256[16] memory markets
        ) = oracle.latest();
        assertEq(digest | time | previous | root | prices[0] | markets[0], 0, "none yet");
        VM.warp(NOW + 5);
        VM.prank(alice);
        uint256 first = oracle.snapshot();
        (, time, previous,,,) = oracle.latest();
        assertEq(time, NOW + 5, "time of the first");
        assertEq(previous, 0, "nothing before the first");
        VM.warp(NOW + 66);
        uint256 second = oracle.snapshot();
        assertTrue(first != second, "the time is in the digest");
        (digest, time, previous, root, prices, markets) = oracle.latest();
        assertEq(digest, second, "latest");
        assertEq(time, NOW + 66, "time");
        assertEq(previous, NOW + 5, "previous");
        assertEq(root, ROOT, "root");
        assertEq(prices[0], PRICE_0 * (1 + 2 ** 120), "0");
        assertEq(prices[3], PRICE_3 * (1 + 2 ** 120), "3");
        assertEq(prices[6], PRICE_6 * (1 + 2 ** 120), "6");
        assertEq(prices[15], PRICE_15 * (1 + 2 ** 120), "15");
        for (uint256 i = 0; i < 16; ++i) {
            assertEq(markets[i], oracle.marketWords()[i], "market");
        }
    }

    function checkValidity(uint256 digest, uint256 taken, uint256 superseded, string memory what)
        private
        view
    {
        (uint40 from, uint40 to) = oracle.validity(digest);
        assertEq(from, taken, what);
        assertEq(to, superseded, what);
    }

    /// @dev The digest 0 is valid from the beginning to the first snapshot, and a snapshot to the
    /// next one.
    function test_validity() public {
        checkValidity(0, 1, 0, "before the first");
        checkValidity(1, 0, 0, "unknown");
        uint256 first = oracle.snapshot();
        checkValidity(0, 1, NOW, "superseded by the first");
        checkValidity(first, NOW, 0, "the first");
        VM.warp(NOW + 1000);
        uint256 second = oracle.snapshot();
        checkValidity(0, 1, NOW, "as before");
        checkValidity(first, NOW, NOW + 1000, "superseded by the second");
        checkValidity(second, NOW + 1000, 0, "the second");
        checkValidity(1, 0, 0, "still unknown");
    }

    function test_snapshotOnceAMinute() public {
        oracle.snapshot();
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.SnapshotTooEarly.selector, NOW + 60));
        oracle.snapshot();
        VM.warp(NOW + 59);
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.SnapshotTooEarly.selector, NOW + 60));
        oracle.snapshot();
        VM.warp(NOW + 60);
        oracle.snapshot();
    }

    function test_event() public {
        uint256[16] memory low;
        uint256[16] memory prices;
        (low[0], low[3], low[6], low[15]) = (PRICE_0, PRICE_3, PRICE_6, PRICE_15);
        for (uint256 i = 0; i < 16; ++i) {
            prices[i] = low[i] * (1 + 2 ** 120);
        }
        VM.expectEmit(true, true, true, true, address(oracle));
        emit IPriceOracle.Snapshot(DIGEST, uint40(NOW), 0, ROOT, prices);
        oracle.snapshot();
        VM.warp(NOW + 99);
        uint256 second =
            ReferenceOracle.digest(poseidon, NOW + 99, NOW, oracle.marketRoot(), low, low);
        VM.expectEmit(true, true, true, true, address(oracle));
        emit IPriceOracle.Snapshot(second, uint40(NOW + 99), uint40(NOW), ROOT, prices);
        oracle.snapshot();
    }

    /// @dev Each feed is called once, however many markets its asset is in.
    function test_readsEachFeedOnce() public {
        bytes memory call = abi.encodeCall(AggregatorV3Interface.latestRoundData, ());
        VM.expectCall(address(usdFeed), call, 1);
        VM.expectCall(address(goldFeed), call, 1);
        VM.expectCall(address(coinFeed), call, 1);
        oracle.snapshot();
    }

    /// @dev A change of a market affects later snapshots. Earlier ones keep their markets.
    function test_marketsOfASnapshot() public {
        uint256 before = oracle.snapshot();
        oracle.setMarket(0, Market(GOLD, USD, 600, 15000, 12000, 500, 3600, 100));
        oracle.removeMarket(3);
        (uint256 digest,,, uint256 root,, uint256[16] memory markets) = oracle.latest();
        assertEq(digest, before, "digest");
        assertEq(root, ROOT, "root");
        assertEq(ReferenceOracle.root(poseidon, markets), ROOT, "markets");
        VM.warp(NOW + 60);
        oracle.snapshot();
        checkValidity(before, NOW, NOW + 60, "still known");
        (,,, root,, markets) = oracle.latest();
        assertEq(root, oracle.marketRoot(), "root after the change");
        assertTrue(root != ROOT, "another root");
        assertEq(
            markets[0],
            ReferenceOracle.word(Market(GOLD, USD, 600, 15000, 12000, 500, 3600, 100)),
            "changed"
        );
        assertEq(markets[3], 0, "removed");
        assertEq(ReferenceOracle.root(poseidon, markets), root, "markets after the change");
        assertEq(take()[3], 0, "no price without market");
    }

    /// @dev Sixteen markets have sixteen prices, each in its place.
    function test_allMarkets() public {
        PriceOracle full = new PriceOracle(registry, address(this));
        full.setFeed(USD, address(usdFeed), HEARTBEAT, 6);
        FeedDouble[16] memory feeds;
        uint256[16] memory words;
        uint256[16] memory prices;
        for (uint256 i = 0; i < 16; ++i) {
            uint16 asset = registry.registerUnaudited(address(new PlainToken(18)), 0);
            feeds[i] = new FeedDouble(8);
            feeds[i].setRound(1, int256((i + 1) * 1e8), NOW, 1);
            full.setFeed(asset, address(feeds[i]), HEARTBEAT, 18);
            Market memory market = Market(asset, USD, uint16(i), 15000, 12000, 500, 3600, 100);
            full.setMarket(uint8(i), market);
            words[i] = ReferenceOracle.word(market);
            prices[i] = (i + 1) * 1e6;
            assertEq(full.marketRoot(), ReferenceOracle.root(poseidon, words), "root");
        }
        assertEq(
            full.snapshot(),
            ReferenceOracle.digest(poseidon, NOW, 0, full.marketRoot(), prices, prices),
            "digest"
        );
        uint256 time = NOW;
        // One missing feed at a time.
        for (uint256 i = 0; i < 16; ++i) {
            feeds[i].setManners(FeedDouble.Manner.Return, FeedDouble.Manner.Revert);
            uint256 price = prices[i];
            prices[i] = 0;
            time += 60;
            VM.warp(time);
            assertEq(
                full.snapshot(),
                ReferenceOracle.digest(
                    poseidon, time, time - 60, full.marketRoot(), prices, prices
                ),
                "one bad feed"
            );
            prices[i] = price;
            feeds[i].setManners(FeedDouble.Manner.Return, FeedDouble.Manner.Return);
        }
        // The asset of all debts.
        usdFeed.setFailing(true);
        uint256[16] memory none;
        VM.warp(time + 60);
        assertEq(
            full.snapshot(),
            ReferenceOracle.digest(poseidon, time + 60, time, full.marketRoot(), none, none),
            "no debt feed"
        );
    }

    // Misbehaving feeds

    function test_staleFeed() public {
        usdFeed.setUpdatedAt(NOW + HEARTBEAT);
        coinFeed.setUpdatedAt(NOW + HEARTBEAT);
        VM.warp(NOW + HEARTBEAT);
        nothingMissing("as old as the heartbeat");
        VM.warp(NOW + HEARTBEAT + 1);
        goldMissing("a second older");
        goldFeed.setAnswer(234567891234);
        nothingMissing("answered again");
    }

    function test_futureAnswer() public {
        goldFeed.setUpdatedAt(NOW + 1);
        goldMissing("of the future");
        goldFeed.setUpdatedAt(type(uint256).max);
        goldMissing("of the end of time");
        goldFeed.setUpdatedAt(NOW);
        nothingMissing("of now");
    }

    /// @dev A round without a time gives no price, whatever the heartbeat.
    function test_unansweredRound() public {
        // At this time any other round is fresh.
        VM.warp(25 hours - 100);
        oracle.setFeed(GOLD, address(goldFeed), 25 hours, 18);
        usdFeed.setUpdatedAt(25 hours - 100);
        coinFeed.setUpdatedAt(25 hours - 100);
        goldFeed.setUpdatedAt(1);
        nothingMissing("old, and allowed to be");
        goldFeed.setUpdatedAt(0);
        goldMissing("without a time");
    }

    function test_revertingFeed() public {
        goldFeed.setFailing(true);
        goldMissing("reverts");
        goldFeed.setFailing(false);
        nothingMissing("answers again");
    }

    function test_answerNotPositive() public {
        int256[4] memory wrong = [int256(0), -1, -234567891234, type(int256).min];
        for (uint256 i = 0; i < wrong.length; ++i) {
            goldFeed.setAnswer(wrong[i]);
            goldMissing("not positive");
        }
    }

    function test_decimalsChanged() public {
        goldFeed.setDecimals(18);
        goldMissing("others than it was set with");
        goldFeed.setDecimals(8);
        nothingMissing("the old ones again");
        goldFeed.setDecimals(9);
        tokenDecimals(gold, 17);
        oracle.setFeed(GOLD, address(goldFeed), HEARTBEAT, 17);
        nothingMissing("set again");
    }

    function test_incompleteRound() public {
        FeedDouble feed = goldDouble();
        feed.setRound(8, 234567891234, NOW, 7);
        goldMissing("answered in an earlier round");
        feed.setRound(7, 234567891234, NOW, 8);
        nothingMissing("answered in a later round");
    }

    function test_malformedAnswers() public {
        FeedDouble feed = goldDouble();
        bytes memory round = abi.encode(7, int256(234567891234), NOW, NOW, 7);
        for (uint256 length = 0; length < 160; length += length < 128 ? 32 : 31) {
            bytes memory cut = new bytes(length);
            for (uint256 i = 0; i < length; ++i) {
                cut[i] = round[i];
            }
            feed.setRound(cut);
            goldMissing("short round");
        }
        feed.setRound(2 ** 80, 234567891234, NOW, 2 ** 80);
        goldMissing("round beyond its type");
        feed.setRound(7, 234567891234, NOW, 2 ** 80);
        goldMissing("answered in a round beyond its type");
        feed.setRound(2 ** 80 - 1, 234567891234, NOW, 2 ** 80 - 1);
        nothingMissing("largest round");
        feed.setRound(bytes.concat(round, new bytes(64)));
        nothingMissing("more than asked for");

        bytes[4] memory wrong =
            [bytes(""), new bytes(31), abi.encode(256 + 8), abi.encode(type(uint256).max)];
        for (uint256 i = 0; i < wrong.length; ++i) {
            feed.setDecimals(wrong[i]);
            goldMissing("malformed decimals");
            VM.expectRevert(
                abi.encodeWithSelector(IPriceOracle.FeedWithoutDecimals.selector, address(feed))
            );
            oracle.setFeed(GOLD, address(feed), HEARTBEAT, 18);
        }
        feed.setDecimals(abi.encode(8));
        nothingMissing("decimals again");
    }

    /// @dev No feed makes a snapshot fail, or cost more than a bounded amount, by either function.
    function test_hostileFeed() public {
        FeedDouble feed = goldDouble();
        for (uint256 i = 1; i <= uint256(type(FeedDouble.Manner).max); ++i) {
            FeedDouble.Manner manner = FeedDouble.Manner(i);
            feed.setManners(FeedDouble.Manner.Return, manner);
            uint256 left = gasleft();
            goldMissing("hostile round");
            assertTrue(left - gasleft() < 1_000_000, "gas");
            feed.setManners(manner, FeedDouble.Manner.Return);
            left = gasleft();
            goldMissing("hostile decimals");
            assertTrue(left - gasleft() < 1_000_000, "gas");
            if (manner == FeedDouble.Manner.Flood) continue;
            VM.expectRevert(
                abi.encodeWithSelector(IPriceOracle.FeedWithoutDecimals.selector, address(feed))
            );
            oracle.setFeed(GOLD, address(feed), HEARTBEAT, 18);
        }
    }

    function test_feedWithoutCode() public {
        bytes memory code = address(goldFeed).code;
        VM.etch(address(goldFeed), "");
        goldMissing("destroyed");
        VM.etch(address(goldFeed), code);
        nothingMissing("there again");
    }

    function test_noFeed() public {
        oracle.removeFeed(GOLD);
        goldMissing("removed");
        oracle.removeFeed(USD);
        pricesOf(false, false, true, "one feed is no price");
        oracle.removeFeed(COIN);
        pricesOf(false, false, false, "none");
        VM.warp(NOW + 1 hours);
        checkValidity(oracle.snapshot(), NOW + 1 hours, 0, "a snapshot nevertheless");
    }

    error Tried(bool ok, bytes result);

    /// @dev Takes a snapshot with so much gas, and undoes it. Only `tryWith` calls it.
    function tryAndUndo(uint256 gas) external {
        (bool ok, bytes memory result) =
            address(oracle).call{gas: gas}(abi.encodeCall(IPriceOracle.snapshot, ()));
        revert Tried(ok, result);
    }

    /// @dev Returns what a snapshot with so much gas would return.
    function tryWith(uint256 gas) private returns (bool ok, bytes memory result) {
        try this.tryAndUndo(gas) {
            revert NotTrue("not undone");
        } catch (bytes memory reason) {
            assertTrue(bytes4(reason) == Tried.selector, "tried");
            assembly ("memory-safe") {
                let length := mload(reason)
                reason := add(reason, 4)
                mstore(reason, sub(length, 4))
            }
            return abi.decode(reason, (bool, bytes));
        }
    }

    /// @dev A caller cannot leave prices out of a snapshot by giving it little gas.
    function test_gasIsNoChoice() public {
        FeedDouble feed = goldDouble();
        VM.warp(NOW + 60);
        for (uint256 spinning = 0; spinning < 2; ++spinning) {
            if (spinning != 0) feed.setManners(FeedDouble.Manner.Return, FeedDouble.Manner.Spin);
            (, bytes memory full) = tryWith(3_000_000);
            assertEq(full.length, 32, "digest");
            bool refused;
            bool done;
            for (uint256 gas = 40_000; gas < 900_000; gas += 1_000) {
                (bool ok, bytes memory result) = tryWith(gas);
                if (ok) {
                    assertTrue(keccak256(result) == keccak256(full), "other prices");
                    done = true;
                } else if (result.length != 0) {
                    assertTrue(bytes4(result) == IPriceOracle.GasTooLow.selector, "reason");
                    refused = true;
                }
            }
            assertTrue(refused && done, "range");
        }
    }

    // Arithmetic

    /// @dev Makes the token state these decimals.
    function tokenDecimals(PlainToken token, uint8 decimals) private {
        VM.mockCall(
            address(token), abi.encodeCall(PlainToken.decimals, ()), abi.encode(uint256(decimals))
        );
    }

    /// @dev Returns the price of market 0, gold against dollars, for these answers and decimals, in
    /// the first snapshot of a new oracle. Market 1 is the inverse.
    function priceWith(
        uint256 collateral,
        uint8 collateralToken,
        uint8 collateralFeed,
        uint256 debt,
        uint8 debtToken,
        uint8 debtFeed
    ) private returns (uint256) {
        goldFeed.setDecimals(collateralFeed);
        goldFeed.setAnswer(int256(collateral));
        usdFeed.setDecimals(debtFeed);
        usdFeed.setAnswer(int256(debt));
        tokenDecimals(gold, collateralToken);
        tokenDecimals(usd, debtToken);
        oracle = new PriceOracle(registry, address(this));
        // Before the feeds: prices may be small.
        oracle.setMarket(0, Market(GOLD, USD, 500, 15000, 12000, 500, 3600, 100));
        oracle.setMarket(1, Market(USD, GOLD, 500, 15000, 12000, 500, 3600, 100));
        oracle.setFeed(GOLD, address(goldFeed), HEARTBEAT, collateralToken);
        oracle.setFeed(USD, address(usdFeed), HEARTBEAT, debtToken);
        return take()[0];
    }

    function test_extremeDecimals() public {
        // 10^77, the largest power, and 10^-41, the smallest.
        assertEq(priceWith(1, 0, 0, 1, 59, 0), 0, "10^77");
        assertEq(priceWith(3, 0, 0, 10 ** 75, 0, 59), 300, "10^77 divided");
        assertEq(priceWith(1, 59, 0, 1, 0, 0), 0, "10^-41");
        assertEq(priceWith(7 * 10 ** 42, 0, 59, 1, 0, 0), 70, "10^-41 multiplied");
        assertEq(priceWith(2 ** 255 - 1, 0, 0, 1, 59, 0), 0, "beyond 512 bits' quotient");
        assertEq(priceWith(2 ** 255 - 1, 0, 0, 2 ** 255 - 1, 59, 0), 0, "equal, 10^77");
        assertEq(priceWith(2 ** 255 - 1, 0, 59, 2 ** 255 - 1, 0, 0), 0, "divisor beyond 256 bits");
        // A quotient of exactly 2²⁵⁶, and a divisor that is a multiple of it.
        assertEq(priceWith(2 ** 255 - 1, 0, 0, 5 * 10 ** 76 - 1, 59, 0), 0, "quotient of 2^256");
        assertEq(priceWith(1, 59, 0, 2 ** 215, 0, 0), 0, "divisor of 2^256 times 5^41");
        assertEq(priceWith(2 ** 255 - 1, 18, 0, 2 ** 255 - 1, 0, 0), 1, "equal, one");
        assertEq(priceWith(2 ** 255 - 2, 18, 0, 2 ** 255 - 1, 0, 0), 0, "rounded down");
        assertEq(priceWith(5, 18, 8, 2, 0, 8), 2, "rounded down");
    }

    function test_priceBelow2To120() public {
        assertEq(priceWith(2 ** 120 - 1, 18, 0, 1, 0, 0), 2 ** 120 - 1, "largest");
        assertEq(priceWith(2 ** 120, 18, 0, 1, 0, 0), 0, "too large");
        assertEq(priceWith(2 ** 121 - 1, 18, 0, 2, 0, 0), 2 ** 120 - 1, "rounded to the largest");
        assertEq(priceWith(2 ** 200, 18, 0, 1, 18, 0), 0, "too large");
        assertEq(take()[1], 0, "and the inverse too small");
    }

    function testFuzz_price(uint256 seed, uint256 collateral, uint256 debt) public {
        collateral = (collateral >> 5) >> (seed % 252);
        debt = (debt >> 5) >> ((seed >> 8) % 252);
        if (collateral == 0) collateral = 1;
        if (debt == 0) debt = 1;
        // Ordinary decimals in one half of the cases, all allowed ones in the other.
        uint256 span = (seed >> 16) % 2 == 0 ? 19 : 60;
        uint256[2] memory sums = [(seed >> 24) % span, (seed >> 32) % span];
        uint8[2] memory tokens =
            [uint8((seed >> 40) % (sums[0] + 1)), uint8((seed >> 48) % (sums[1] + 1))];
        assertEq(
            priceWith(
                collateral,
                tokens[0],
                uint8(sums[0] - tokens[0]),
                debt,
                tokens[1],
                uint8(sums[1] - tokens[1])
            ),
            ReferenceOracle.price(collateral, sums[0], debt, sums[1]),
            "price"
        );
    }

    // Governance

    /// @dev Asserts that market 1 cannot be set to these terms.
    function marketRefused(Market memory market, bytes memory reason) private {
        VM.expectRevert(reason);
        oracle.setMarket(1, market);
    }

    function test_setMarketRefuses() public {
        // Each term is at its limit.
        Market memory good = Market(GOLD, USD, 9999, 10100, 10000, 2000, 1, 1);
        oracle.setMarket(1, good);
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.MarketOutOfRange.selector, 16));
        oracle.setMarket(16, good);
        marketRefused(
            Market(GOLD, GOLD, 500, 15000, 12000, 500, 3600, 100),
            abi.encodeWithSelector(IPriceOracle.SameAsset.selector, GOLD)
        );
        marketRefused(
            Market(3, USD, 500, 15000, 12000, 500, 3600, 100),
            abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, 3)
        );
        marketRefused(
            Market(GOLD, 4, 500, 15000, 12000, 500, 3600, 100),
            abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, 4)
        );
        marketRefused(
            Market(GOLD, USD, 10000, 15000, 12000, 500, 3600, 100),
            abi.encodeWithSelector(IPriceOracle.HaircutTooLarge.selector, 10000)
        );
        marketRefused(
            Market(GOLD, USD, 500, 15000, 9999, 500, 3600, 100),
            abi.encodeWithSelector(IPriceOracle.MaintenanceMarginTooSmall.selector, 9999)
        );
        marketRefused(
            Market(GOLD, USD, 500, 12119, 12000, 500, 3600, 100),
            abi.encodeWithSelector(IPriceOracle.InitialMarginTooSmall.selector, 12119, 12000)
        );
        marketRefused(
            Market(GOLD, USD, 500, 15000, 12000, 2001, 3600, 100),
            abi.encodeWithSelector(IPriceOracle.BonusTooLarge.selector, 2001)
        );
        marketRefused(
            Market(GOLD, USD, 500, 15000, 12000, 500, 0, 100),
            abi.encodeWithSelector(IPriceOracle.MaximumAgeOutOfRange.selector, 0)
        );
        marketRefused(
            Market(GOLD, USD, 500, 15000, 12000, 500, 1 days + 1, 100),
            abi.encodeWithSelector(IPriceOracle.MaximumAgeOutOfRange.selector, 1 days + 1)
        );
        marketRefused(
            Market(GOLD, USD, 500, 15000, 12000, 500, 3600, 0),
            abi.encodeWithSelector(IPriceOracle.MaximumMoveOutOfRange.selector, 0)
        );
        marketRefused(
            Market(GOLD, USD, 500, 15000, 12000, 500, 3600, 10001),
            abi.encodeWithSelector(IPriceOracle.MaximumMoveOutOfRange.selector, 10001)
        );
        assertEq(oracle.marketWords()[1], ReferenceOracle.word(good), "unchanged");
        assertEq(oracle.maximumMove(1), 1, "unchanged move");
        good = Market(GOLD, USD, 0, 2 ** 24 - 1, 16_611_103, 2000, 1 days, 10000);
        oracle.setMarket(1, good);
        assertEq(oracle.marketWords()[1], ReferenceOracle.word(good), "changed");
    }

    /// @dev At the maintenance margin the collateral pays for debt and bonus.
    function test_maintenancePaysForTheBonus() public {
        // 1.2 · 0.95 = 1.14, and 1.0501 · 0.95 = 0.997595.
        oracle.setMarket(1, Market(GOLD, USD, 500, 15000, 11400, 2000, 3600, 100));
        marketRefused(
            Market(GOLD, USD, 500, 15000, 11399, 2000, 3600, 100),
            abi.encodeWithSelector(
                IPriceOracle.MaintenanceMarginBelowBonus.selector, 11399, 2000, 500
            )
        );
        marketRefused(
            Market(GOLD, USD, 499, 15000, 11400, 2000, 3600, 100),
            abi.encodeWithSelector(
                IPriceOracle.MaintenanceMarginBelowBonus.selector, 11400, 2000, 499
            )
        );
        oracle.setMarket(1, Market(GOLD, USD, 500, 15000, 10000, 501, 3600, 100));
        oracle.setMarket(1, Market(GOLD, USD, 0, 15000, 10100, 100, 3600, 100));
        marketRefused(
            Market(GOLD, USD, 0, 15000, 10100, 101, 3600, 100),
            abi.encodeWithSelector(
                IPriceOracle.MaintenanceMarginBelowBonus.selector, 10100, 101, 0
            )
        );
    }

    /// @dev Each number has its own maximum move.
    function test_maximumMoves() public {
        for (uint8 i = 0; i < 16; ++i) {
            if (i == 0 || i == 3 || i == 6 || i == 15) continue;
            oracle.setMarket(i, Market(GOLD, USD, 500, 15000, 12000, 500, 3600, 9000 + i));
        }
        for (uint8 i = 0; i < 16; ++i) {
            uint256 move = 9000 + i;
            if (i == 0) move = 100;
            if (i == 3) move = 1;
            if (i == 6) move = 10000;
            if (i == 15) move = 250;
            assertEq(oracle.maximumMove(i), move, "move");
        }
        oracle.setMarket(9, Market(GOLD, USD, 500, 15000, 12000, 500, 3600, 1));
        assertEq(oracle.maximumMove(8), 9008, "the one before");
        assertEq(oracle.maximumMove(9), 1, "changed");
        assertEq(oracle.maximumMove(10), 9010, "the one after");
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.MarketOutOfRange.selector, 16));
        oracle.maximumMove(16);
    }

    /// @dev A number keeps its assets for good. Other terms can change.
    function test_numberKeepsAssets() public {
        bytes memory reason = abi.encodeWithSelector(IPriceOracle.NumberTaken.selector, 0);
        for (uint256 i = 0; i < 2; ++i) {
            VM.expectRevert(reason);
            oracle.setMarket(0, Market(GOLD, COIN, 500, 15000, 12000, 500, 3600, 100));
            VM.expectRevert(reason);
            oracle.setMarket(0, Market(COIN, USD, 500, 15000, 12000, 500, 3600, 100));
            VM.expectRevert(reason);
            oracle.setMarket(0, Market(USD, GOLD, 500, 15000, 12000, 500, 3600, 100));
            if (i == 0) oracle.removeMarket(0);
        }
        oracle.setMarket(0, Market(GOLD, USD, 600, 16000, 13000, 600, 7200, 200));
        assertEq(take()[0], PRICE_0, "price");
        // Native coin is asset 0.
        oracle.setMarket(1, Market(COIN, USD, 500, 15000, 12000, 500, 3600, 100));
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.NumberTaken.selector, 1));
        oracle.setMarket(1, Market(GOLD, USD, 500, 15000, 12000, 500, 3600, 100));
    }

    /// @dev A price with a rounding that would be felt is refused, if the feeds have answers.
    function test_priceTooCoarse() public {
        Market memory market = Market(GOLD, USD, 500, 15000, 12000, 500, 3600, 100);
        goldFeed.setAnswer(1e8);
        oracle.setMarket(1, market);
        goldFeed.setAnswer(1e8 - 1);
        marketRefused(market, abi.encodeWithSelector(IPriceOracle.PriceTooCoarse.selector, 999999));
        goldFeed.setAnswer(101);
        marketRefused(market, abi.encodeWithSelector(IPriceOracle.PriceTooCoarse.selector, 1));
        goldFeed.setFailing(true);
        oracle.setMarket(1, market);
        assertEq(oracle.marketWords()[1], ReferenceOracle.word(market), "set without a price");
    }

    function test_marketEventsAndRemoval() public {
        Market memory market = Market(USD, COIN, 1, 20000, 10001, 0, 77, 9);
        uint256[16] memory words = oracle.marketWords();
        words[9] = ReferenceOracle.word(market);
        VM.expectEmit(true, true, true, true, address(oracle));
        emit IPriceOracle.MarketSet(9, words[9], ReferenceOracle.root(poseidon, words));
        oracle.setMarket(9, market);
        words[9] = 0;
        VM.expectEmit(true, true, true, true, address(oracle));
        emit IPriceOracle.MarketSet(9, 0, ROOT);
        oracle.removeMarket(9);
        assertEq(oracle.marketRoot(), ROOT, "root as before");
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.UnknownMarket.selector, 9));
        oracle.removeMarket(9);
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.MarketOutOfRange.selector, 16));
        oracle.removeMarket(16);
    }

    function test_setFeedRefuses() public {
        VM.expectRevert(abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, 3));
        oracle.setFeed(3, address(goldFeed), HEARTBEAT, 18);
        uint40[3] memory heartbeats = [0, 25 hours + 1, type(uint40).max];
        for (uint256 i = 0; i < heartbeats.length; ++i) {
            VM.expectRevert(
                abi.encodeWithSelector(IPriceOracle.HeartbeatOutOfRange.selector, heartbeats[i])
            );
            oracle.setFeed(GOLD, address(goldFeed), heartbeats[i], 18);
        }
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.FeedNotAContract.selector, alice));
        oracle.setFeed(GOLD, alice, HEARTBEAT, 18);
        VM.expectRevert(
            abi.encodeWithSelector(IPriceOracle.FeedWithoutDecimals.selector, address(poseidon))
        );
        oracle.setFeed(GOLD, address(poseidon), HEARTBEAT, 18);
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.DecimalsTooLarge.selector, 52, 8));
        oracle.setFeed(GOLD, address(goldFeed), HEARTBEAT, 52);
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.DecimalsTooLarge.selector, 255, 8));
        oracle.setFeed(GOLD, address(goldFeed), HEARTBEAT, 255);
        goldFeed.setDecimals(255);
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.DecimalsTooLarge.selector, 18, 255));
        oracle.setFeed(GOLD, address(goldFeed), HEARTBEAT, 18);
        Feed memory feed = oracle.feedOf(GOLD);
        assertEq(feed.feed, address(goldFeed), "feed");
        assertEq(feed.heartbeat, HEARTBEAT, "heartbeat");
        assertEq(feed.feedDecimals, 8, "feed's decimals");
        assertEq(feed.tokenDecimals, 18, "token's decimals");
    }

    /// @dev The token's own decimals count, if it states them; native coin has 18.
    function test_tokenDecimals() public {
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.WrongTokenDecimals.selector, 17, 18));
        oracle.setFeed(GOLD, address(goldFeed), HEARTBEAT, 17);
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.WrongTokenDecimals.selector, 18, 6));
        oracle.setFeed(USD, address(usdFeed), HEARTBEAT, 18);
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.WrongTokenDecimals.selector, 6, 18));
        oracle.setFeed(COIN, address(coinFeed), HEARTBEAT, 6);
        bytes memory call = abi.encodeCall(PlainToken.decimals, ());
        // An answer beyond the type is not equal to any decimals.
        VM.mockCall(address(gold), call, abi.encode(uint256(256 + 18)));
        VM.expectRevert(
            abi.encodeWithSelector(IPriceOracle.WrongTokenDecimals.selector, 18, 256 + 18)
        );
        oracle.setFeed(GOLD, address(goldFeed), HEARTBEAT, 18);
        VM.mockCallRevert(address(gold), call, "");
        oracle.setFeed(GOLD, address(goldFeed), HEARTBEAT, 17);
        assertEq(oracle.feedOf(GOLD).tokenDecimals, 17, "token without decimals");
    }

    function test_feedEventsAndRemoval() public {
        VM.expectEmit(true, true, true, true, address(oracle));
        emit IPriceOracle.FeedSet(GOLD, address(coinFeed), 25 hours, 18, 41);
        tokenDecimals(gold, 41);
        oracle.setFeed(GOLD, address(coinFeed), 25 hours, 41);
        VM.expectEmit(true, true, true, true, address(oracle));
        emit IPriceOracle.FeedRemoved(GOLD);
        oracle.removeFeed(GOLD);
        assertEq(oracle.feedOf(GOLD).feed, address(0), "feed");
        VM.expectRevert(abi.encodeWithSelector(IPriceOracle.FeedMissing.selector, GOLD));
        oracle.removeFeed(GOLD);
    }

    function test_onlyGovernance() public {
        bytes memory reason =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, alice);
        VM.startPrank(alice);
        VM.expectRevert(reason);
        oracle.setMarket(1, Market(GOLD, USD, 500, 15000, 12000, 500, 3600, 100));
        VM.expectRevert(reason);
        oracle.removeMarket(0);
        VM.expectRevert(reason);
        oracle.setFeed(GOLD, address(goldFeed), HEARTBEAT, 18);
        VM.expectRevert(reason);
        oracle.removeFeed(GOLD);
        VM.stopPrank();
    }

    // The development feed

    function test_developmentFeed() public {
        VM.warp(NOW + 9);
        goldFeed.setAnswer(-5);
        (uint80 id, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound) =
            goldFeed.latestRoundData();
        assertEq(id, 2, "round");
        assertTrue(answer == -5, "answer");
        assertEq(startedAt, NOW + 9, "started");
        assertEq(updatedAt, NOW + 9, "updated");
        assertEq(answeredInRound, 2, "answered in round");
        goldFeed.setFailing(true);
        VM.expectRevert(DevelopmentFeed.Failing.selector);
        goldFeed.latestRoundData();

        bytes memory reason =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, alice);
        VM.startPrank(alice);
        VM.expectRevert(reason);
        goldFeed.setAnswer(1);
        VM.expectRevert(reason);
        goldFeed.setDecimals(1);
        VM.expectRevert(reason);
        goldFeed.setUpdatedAt(1);
        VM.expectRevert(reason);
        goldFeed.setFailing(false);
        VM.stopPrank();
    }

    function test_developmentFeedOnlyOnDevelopmentChains() public {
        VM.chainId(1);
        bytes memory reason =
            abi.encodeWithSelector(DevelopmentFeed.NotADevelopmentChain.selector, 1);
        VM.expectRevert(reason);
        new DevelopmentFeed(8, 1);
        VM.expectRevert(reason);
        goldFeed.setAnswer(1);
        VM.expectRevert(reason);
        goldFeed.setDecimals(1);
        VM.expectRevert(reason);
        goldFeed.setUpdatedAt(1);
        VM.expectRevert(reason);
        goldFeed.setFailing(true);
    }
}
