// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PriceOracle} from "../src/PriceOracle.sol";
import {DevelopmentFeed} from "../src/development/DevelopmentFeed.sol";
import {Market} from "../src/interfaces/IPriceOracle.sol";
import {Fixture} from "./Fixture.sol";
import {VM} from "./Vm.sol";
import {ReferenceHistory} from "./reference/ReferenceHistory.sol";

/// @dev Low and high prices over many snapshots. The answer of gold's feed is the spot price of
/// market 0, and that of coin's feed the spot price of market 1, whose record shares a word with
/// market 0's.
contract PriceHistoryTest is Fixture {
    /// @dev The price before anything happens.
    uint256 private constant P = 2_000_000_000;
    uint256 private constant GLITCH = P / 2000;

    DevelopmentFeed private usdFeed;
    DevelopmentFeed private goldFeed;
    DevelopmentFeed private coinFeed;
    uint256 private clock = NOW;

    function setUp() public {
        deploy();
        usdFeed = new DevelopmentFeed(8, 1e8);
        goldFeed = new DevelopmentFeed(6, int256(P));
        coinFeed = new DevelopmentFeed(6, int256(P));
        start(100, 100);
    }

    /// @dev Begins anew with an oracle without history.
    function start(uint16 goldMove, uint16 coinMove) private {
        oracle = new PriceOracle(registry, address(this));
        oracle.setMarket(0, Market(GOLD, USD, 500, 15000, 12000, 500, 3600, goldMove));
        oracle.setMarket(1, Market(COIN, USD, 500, 15000, 12000, 500, 3600, coinMove));
        oracle.setFeed(USD, address(usdFeed), 3600, 6);
        oracle.setFeed(GOLD, address(goldFeed), 3600, 18);
        oracle.setFeed(COIN, address(coinFeed), 3600, 18);
    }

    /// @dev Sets the answer of a feed; 0 makes it fail.
    function answer(DevelopmentFeed feed, uint256 spot) private {
        feed.setFailing(spot == 0);
        feed.setAnswer(int256(spot));
    }

    /// @dev Takes a snapshot after `elapsed` seconds, with these spot prices. Returns the words.
    function take(uint256 elapsed, uint256 goldSpot, uint256 coinSpot)
        private
        returns (uint256[16] memory prices)
    {
        clock += elapsed;
        VM.warp(clock);
        usdFeed.setUpdatedAt(clock);
        answer(goldFeed, goldSpot);
        answer(coinFeed, coinSpot);
        oracle.snapshot();
        (,,,, prices,) = oracle.latest();
    }

    /// @dev Takes a snapshot after `elapsed` seconds, with this spot price of market 0. Market 1
    /// stays at P, which must not be affected.
    function next(uint256 elapsed, uint256 spot) private returns (uint256 low, uint256 high) {
        uint256[16] memory prices = take(elapsed, spot, P);
        assertEq(prices[1], P * (1 + 2 ** 120), "the other market");
        return (prices[0] % 2 ** 120, prices[0] >> 120);
    }

    function check(uint256 elapsed, uint256 spot, uint256 low, uint256 high, string memory what)
        private
    {
        (uint256 gotLow, uint256 gotHigh) = next(elapsed, spot);
        assertEq(gotLow, low, string.concat("low: ", what));
        assertEq(gotHigh, high, string.concat("high: ", what));
    }

    /// @dev Fills all samples with P. The last one is taken in the last snapshot.
    function settle() private {
        for (uint256 i = 0; i < 6; ++i) {
            check(5 minutes, P, P, P, "settling");
        }
    }

    // The recorded price

    function test_followsAtMostSoMuchAMinute() public {
        check(60, P, P, P, "the first spot price is recorded");
        check(60, 3 * P, P * 101 / 100, P * 101 / 100, "one sample: the median is the record");
        start(100, 100);
        settle();
        check(60, P * 102 / 100, P, P * 101 / 100, "up in a minute");
        check(60, P * 102 / 100, P, P * 102 / 100, "the rest");
        check(60, P, P, P * 10098 / 10000, "down in a minute");
        check(60, P, P, P, "the rest down");
        check(60, P * 99 / 100, P * 99 / 100, P, "no more than it may");
    }

    /// @dev Begun minutes since the last snapshot count.
    function test_followsByTimePassed() public {
        settle();
        check(60, GLITCH, P * 99 / 100, P, "one minute");
        start(100, 100);
        settle();
        check(61, GLITCH, P * 98 / 100, P, "a second minute has begun");
        start(100, 100);
        settle();
        check(1 hours, 2000 * P, P, P * 160 / 100, "an hour up");
        start(100, 100);
        settle();
        check(1 hours, GLITCH, P * 40 / 100, P, "an hour down");
        start(100, 100);
        settle();
        check(99 minutes, GLITCH, P / 100, P, "99 minutes down");
        start(100, 100);
        settle();
        check(100 minutes, GLITCH, GLITCH, P, "all that is there");
        start(10000, 100);
        settle();
        check(1 minutes, GLITCH, GLITCH, P, "all that is there, in a minute");
        check(1 minutes, P, 2 * GLITCH, P, "twice as much, in a minute");
    }

    /// @dev However small, a price can grow and fall.
    function test_smallPricesMove() public {
        start(1, 100);
        uint256[6] memory up = [uint256(1), 2, 3, 4, 5, 5];
        for (uint256 i = 0; i < up.length; ++i) {
            (, uint256 high) = next(60, i == 0 ? 1 : 5);
            assertEq(high, up[i], "up");
        }
        for (uint256 i = 0; i < 4; ++i) {
            (uint256 low,) = next(60, 1);
            assertEq(low, 4 - i, "down");
        }
    }

    /// @dev After a time without a price the last recorded one counts, and only the time since the
    /// last snapshot.
    function test_followsAfterMissingFeed() public {
        settle();
        for (uint256 i = 0; i < 30; ++i) {
            check(1 minutes, 0, 0, 0, "missing");
        }
        check(1 minutes, 2000 * P, P, P * 101 / 100, "up");
        check(1 minutes, 0, 0, 0, "missing again");
        check(1 minutes, GLITCH, P * 9999 / 10000, P, "down from the record");
        // The market's number keeps its record, too.
        oracle.removeMarket(0);
        check(1 minutes, P, 0, 0, "removed");
        oracle.setMarket(0, Market(GOLD, USD, 500, 15000, 12000, 500, 3600, 200));
        check(1 minutes, GLITCH, P * 9999 / 10000 * 98 / 100, P, "by the new move");
    }

    // Low and high price

    /// @dev A price that is too low in one snapshot leaves the high price, which liquidates, and
    /// lowers the low one by the maximum move until the feed has recovered.
    function test_glitchDown() public {
        settle();
        check(1 minutes, GLITCH, P * 99 / 100, P, "glitch");
        check(1 minutes, P, P * 9999 / 10000, P, "recovering");
        for (uint256 i = 0; i < 60; ++i) {
            check(1 minutes, P, P, P, "recovered");
        }
    }

    /// @dev A glitch in a snapshot of which a sample is taken.
    function test_glitchInASample() public {
        settle();
        check(5 minutes, GLITCH, P * 95 / 100, P, "glitch");
        for (uint256 i = 0; i < 60; ++i) {
            (uint256 low, uint256 high) = next(1 minutes, P);
            assertEq(high, P, "high");
            if (i > 5) assertEq(low, P, "low");
        }
    }

    /// @dev A price that is too high in one snapshot leaves the low price, which opens loans.
    function test_glitchUp() public {
        settle();
        check(1 minutes, 2000 * P, P, P * 101 / 100, "glitch");
        for (uint256 i = 0; i < 60; ++i) {
            check(1 minutes, P, P, P, "recovered");
        }
        check(5 minutes, 2000 * P, P, P * 105 / 100, "glitch in a sample");
        for (uint256 i = 0; i < 60; ++i) {
            (uint256 low,) = next(1 minutes, P);
            assertEq(low, P, "low");
        }
    }

    /// @dev Samples are at least five minutes apart: quick snapshots do not move the reference.
    function test_quickSnapshotsMoveNoMedian() public {
        start(10000, 100);
        settle();
        // None of the first four takes a sample. The fifth does, as do the tenth and fifteenth,
        // which the sixteenth is the first to see.
        for (uint256 minute = 1; minute <= 15; ++minute) {
            check(1 minutes, 2 * P, P, 2 * P, "two new samples at most");
        }
        check(1 minutes, 2 * P, 2 * P, 2 * P, "three new samples");
    }

    /// @dev A sample is due after exactly five minutes.
    function test_sampleInterval() public {
        start(10000, 100);
        settle();
        // At 299, 598 and 897 seconds: samples in the second only.
        check(299, 2 * P, P, 2 * P, "no sample");
        check(299, 2 * P, P, 2 * P, "one sample");
        check(299, 2 * P, P, 2 * P, "no other sample");
        check(60, 2 * P, P, 2 * P, "a second one");
        check(300, 2 * P, P, 2 * P, "a third one, after exactly five minutes");
        check(60, 2 * P, 2 * P, 2 * P, "seen by the next snapshot");
    }

    /// @dev A crash that lasts reaches the high price when three of five samples show it: eleven
    /// minutes after it, if the first snapshot that shows it takes a sample, or sixteen after the
    /// last sample before it. For a crash that exceeds the maximum move, that counts from the time
    /// when the record has followed.
    function test_lastingCrash() public {
        start(5000, 100);
        settle();
        check(5 minutes, P / 2, P / 2, P, "with a sample");
        for (uint256 minute = 1; minute <= 10; ++minute) {
            check(1 minutes, P / 2, P / 2, P, "third sample after ten minutes");
        }
        check(1 minutes, P / 2, P / 2, P / 2, "eleven minutes after the crash");

        start(100, 100);
        settle();
        uint256 begin = clock;
        uint256 low = P;
        uint256 high = P;
        uint256 recorded;
        while (high > P / 2) {
            (low, high) = next(1 minutes, P / 2);
            if (low == P / 2 && recorded == 0) recorded = clock;
        }
        // 0.99⁶⁹ is below ½. Samples follow after 70, 75 and 80 minutes.
        assertEq(recorded - begin, 69 minutes, "the record follows");
        assertEq(clock - begin, 81 minutes, "the high price follows");
    }

    /// @dev Before the first samples the record stands for each that is missing.
    function test_firstSamples() public {
        start(10000, 100);
        check(1 minutes, P, P, P, "the first");
        check(5 minutes, 2 * P, 2 * P, 2 * P, "one sample and four records");
        check(5 minutes, P, P, P, "two samples and three records");
        check(5 minutes, 2 * P, 2 * P, 2 * P, "P, 2P, P and two records");
        check(5 minutes, P, P, P, "P, 2P, P, 2P and the record");
        check(5 minutes, 2 * P, P, 2 * P, "P, 2P, P, 2P and P");
    }

    /// @dev Each market follows its own feeds by its own maximum move.
    function test_marketsAreApart() public {
        start(100, 200);
        for (uint256 i = 0; i < 6; ++i) {
            take(5 minutes, P, 3 * P);
        }
        uint256[16] memory prices = take(1 minutes, 2 * P, P);
        assertEq(prices[0], P + (P * 101 / 100) * 2 ** 120, "gold");
        assertEq(prices[1], 3 * P * 98 / 100 + 3 * P * 2 ** 120, "coin");
        prices = take(1 minutes, 0, 3 * P);
        assertEq(prices[0], 0, "gold missing");
        assertEq(prices[1], 3 * P * 9996 / 10000 + 3 * P * 2 ** 120, "coin as ever");
        prices = take(1 minutes, P, 0);
        assertEq(prices[0], P * (1 + 2 ** 120), "gold again");
        assertEq(prices[1], 0, "coin missing");
    }

    /// @dev The largest prices, and one that is too large, which is none.
    function test_largestPrices() public {
        start(10000, 10000);
        uint256 most = 2 ** 120 - 1;
        uint256[16] memory prices;
        for (uint256 i = 0; i < 7; ++i) {
            prices = take(i == 3 ? 3000 days : 5 minutes, most, most);
            assertEq(prices[0], most * (1 + 2 ** 120), "largest");
            assertEq(prices[1], most * (1 + 2 ** 120), "largest");
        }
        prices = take(5 minutes, most + 1, 1);
        assertEq(prices[0], 0, "too large");
        assertEq(prices[1], 1 + most * 2 ** 120, "smallest and largest");
        prices = take(60000 days, most, most);
        assertEq(prices[0], most * (1 + 2 ** 120), "as before");
        assertEq(prices[1], (1 + 60000 days / 60) + most * 2 ** 120, "as much as it may");
    }

    /// @dev Random histories: moves, glitches, gaps between snapshots and missing feeds.
    function testFuzz_equalsReference(uint256 seed) public {
        uint16[3] memory ordinary = [uint16(1), 100, 10000];
        uint16[2] memory moves;
        ReferenceHistory[2] memory references;
        for (uint256 i = 0; i < 2; ++i) {
            uint256 choice = uint256(keccak256(abi.encode(seed, "move", i)));
            moves[i] =
                choice % 2 == 0 ? ordinary[(choice >> 8) % 3] : uint16(1 + (choice >> 8) % 10000);
            references[i] = new ReferenceHistory(moves[i]);
        }
        start(moves[0], moves[1]);
        uint256[2] memory trend = [seed % 2 == 0 ? P : 1 + seed % 2 ** 119, P];
        for (uint256 step = 0; step < 40; ++step) {
            uint256 random = uint256(keccak256(abi.encode(seed, step)));
            uint256 elapsed = 60 + random % 300;
            if ((random >> 16) % 8 == 0) elapsed = 60 + (random >> 24) % 3 days;
            uint256[2] memory spots;
            for (uint256 i = 0; i < 2; ++i) {
                random = uint256(keccak256(abi.encode(random)));
                trend[i] = trend[i] * (9500 + random % 1001) / 10000 + 1;
                if (trend[i] >= 2 ** 120) trend[i] = 2 ** 120 - 1;
                spots[i] = trend[i];
                uint256 kind = (random >> 16) % 10;
                if (kind == 0) spots[i] = spots[i] / 2000 + 1;
                if (kind == 1 && spots[i] < 2 ** 100) spots[i] *= 2000;
                if (kind == 2) spots[i] = 1 + (random >> 32) % (2 ** 120 - 1);
                if (kind < 5 && kind > 2 && (i == 0 || spots[0] != 0)) spots[i] = 0;
            }
            uint256[16] memory prices = take(elapsed, spots[0], spots[1]);
            for (uint256 i = 0; i < 2; ++i) {
                (uint256 low, uint256 high) = references[i].next(clock, spots[i]);
                assertEq(prices[i], low + high * 2 ** 120, "prices");
            }
        }
    }
}
