// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PriceOracle} from "../src/PriceOracle.sol";
import {DevelopmentFeed} from "../src/development/DevelopmentFeed.sol";
import {Market} from "../src/interfaces/IPriceOracle.sol";
import {Fixture} from "./Fixture.sol";
import {VM} from "./Vm.sol";
import {ReferenceHistory} from "./reference/ReferenceHistory.sol";

/// @dev Low and high prices over many snapshots. The answer of gold's feed is the spot price of
/// market 0, and that of coin's feed the spot price of market 1, whose samples share words with
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

    /// @dev Fills all samples with this price. The last one is taken in the last snapshot.
    function settleAt(uint256 price) private {
        for (uint256 i = 0; i < 6; ++i) {
            next(5 minutes, price);
        }
    }

    function settle() private {
        settleAt(P);
    }

    // Low and high price

    /// @dev A price that is too low in some snapshots closes openings while it lasts and liquidates
    /// nobody. Both prices are right again with the feed, whatever the market's maximum move.
    function test_glitchDown() public {
        uint16[3] memory moves = [uint16(1), 1000, 10000];
        for (uint256 i = 0; i < moves.length; ++i) {
            for (uint256 wrong = 1; wrong <= 9; wrong += 4) {
                start(moves[i], 100);
                settle();
                for (uint256 minute = 1; minute <= 40; ++minute) {
                    uint256 spot = minute <= wrong ? GLITCH : P;
                    check(1 minutes, spot, spot, P, "glitch down");
                }
            }
        }
    }

    /// @dev A price that is too high in some snapshots delays liquidations while it lasts and opens
    /// nothing.
    function test_glitchUp() public {
        uint16[3] memory moves = [uint16(1), 1000, 10000];
        for (uint256 i = 0; i < moves.length; ++i) {
            start(moves[i], 100);
            settle();
            for (uint256 minute = 1; minute <= 40; ++minute) {
                uint256 spot = minute <= 9 ? 2000 * P : P;
                check(1 minutes, spot, P, spot, "glitch up");
            }
        }
    }

    /// @dev A glitch after a time without snapshots is no worse.
    function test_glitchAfterAGap() public {
        uint256[2] memory spots = [GLITCH, 2000 * P];
        for (uint256 i = 0; i < 2; ++i) {
            start(100, 100);
            settle();
            next(30 days, spots[i]);
            for (uint256 minute = 1; minute <= 60; ++minute) {
                check(1 minutes, P, P, P, "recovered");
            }
        }
    }

    /// @dev A new market is protected from its first price on.
    function test_firstPriceStandsForAllSamples() public {
        start(10000, 100);
        check(60, P, P, P, "the first");
        check(60, GLITCH, GLITCH, P, "down");
        check(60, 3 * P, P, 3 * P, "up");
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
    /// minutes after it, if the first snapshot that shows it takes a sample.
    function test_lastingCrash() public {
        start(5000, 100);
        settle();
        check(5 minutes, P / 2, P / 2, P, "with a sample");
        for (uint256 minute = 1; minute <= 10; ++minute) {
            check(1 minutes, P / 2, P / 2, P, "third sample after ten minutes");
        }
        check(1 minutes, P / 2, P / 2, P / 2, "eleven minutes after the crash");
    }

    // Samples

    /// @dev One that exceeds the maximum move reaches the high price step by step, three samples
    /// late.
    function test_samplesMoveByTheirMaximum() public {
        settle();
        uint256[24] memory samples;
        samples[0] = P;
        for (uint256 i = 1; i < samples.length; ++i) {
            uint256 least = samples[i - 1] * 95 / 100;
            samples[i] = least > P / 2 ? least : P / 2;
            check(5 minutes, P / 2, P / 2, i < 4 ? P : samples[i - 3], "down");
        }
        start(100, 100);
        settle();
        for (uint256 i = 1; i < samples.length; ++i) {
            uint256 most = (samples[i - 1] * 105 + 99) / 100;
            samples[i] = most < 2 * P ? most : 2 * P;
            check(5 minutes, 2 * P, i < 4 ? P : samples[i - 3], 2 * P, "up");
        }
    }

    /// @dev Begun minutes since the last sample count, at most fifteen.
    function test_minutesThatCount() public {
        uint256[6] memory elapsed = [
            uint256(5 minutes), 5 minutes + 1, 14 minutes, 14 minutes + 1, 15 minutes + 1, 9 days
        ];
        uint256[6] memory percent = [uint256(5), 6, 14, 15, 15, 15];
        for (uint256 i = 0; i < elapsed.length; ++i) {
            for (uint256 up = 0; up < 2; ++up) {
                start(100, 100);
                settle();
                uint256 spot = up == 1 ? 2000 * P : GLITCH;
                uint256 expected = P;
                for (uint256 k = 0; k < 4; ++k) {
                    if (k == 3) {
                        expected = P * (up == 1 ? 100 + percent[i] : 100 - percent[i]) / 100;
                    }
                    (uint256 low, uint256 high) = next(elapsed[i], spot);
                    assertEq(up == 1 ? low : high, expected, "reference");
                }
            }
        }
    }

    /// @dev However small, a price can grow and fall.
    function test_smallPricesMove() public {
        start(1, 100);
        uint256[8] memory up = [uint256(1), 1, 1, 1, 2, 3, 4, 5];
        for (uint256 i = 0; i < up.length; ++i) {
            check(5 minutes, i == 0 ? 1 : 5, up[i], i == 0 ? 1 : 5, "up");
        }
        settleAt(5);
        uint256[7] memory down = [uint256(5), 5, 5, 4, 3, 2, 1];
        for (uint256 i = 0; i < down.length; ++i) {
            check(5 minutes, 1, 1, down[i], "down");
        }
    }

    /// @dev After a time without a price the samples are as they were.
    function test_missingFeed() public {
        settle();
        for (uint256 i = 0; i < 30; ++i) {
            check(1 minutes, 0, 0, 0, "missing");
        }
        check(1 minutes, 2000 * P, P, 2000 * P, "up");
        check(1 minutes, 0, 0, 0, "missing again");
        check(1 minutes, GLITCH, GLITCH, P, "down");
        // The market's number keeps its samples, too.
        oracle.removeMarket(0);
        check(1 minutes, P, 0, 0, "removed");
        oracle.setMarket(0, Market(GOLD, USD, 500, 15000, 12000, 500, 3600, 200));
        // Each of these takes a sample, by the new maximum move.
        check(1 minutes, GLITCH, GLITCH, P, "the first sample");
        check(5 minutes, GLITCH, GLITCH, P, "the second sample");
        check(5 minutes, GLITCH, GLITCH, P, "the third sample");
        check(1 minutes, GLITCH, GLITCH, P * 90 / 100, "the new move");
    }

    /// @dev After a gap the next sample follows the last one that was taken, not an older one.
    function test_aGapIsFollowedFromTheLastSample() public {
        start(100, 100);
        uint256[5] memory spots = [uint256(100), 95, 90, 85, 80];
        for (uint256 i = 0; i < 5; ++i) {
            take(5 minutes, spots[i] * P / 100, P);
        }
        take(5 minutes, 0, P);
        uint256 high;
        for (uint256 i = 0; i < 4; ++i) {
            high = take(5 minutes, 70 * P / 100, P)[0] >> 120;
        }
        // Five moves of a twentieth from the first price, the last one after the gap.
        assertEq(high, P * 95 ** 5 / 100 ** 5, "the third last sample");
    }

    /// @dev Each market follows its own feeds by its own maximum move.
    function test_marketsAreApart() public {
        start(100, 200);
        for (uint256 i = 0; i < 6; ++i) {
            take(5 minutes, P, 3 * P);
        }
        uint256[16] memory prices;
        for (uint256 i = 0; i < 4; ++i) {
            prices = take(5 minutes, 2 * P, P);
        }
        assertEq(prices[0], P * 105 / 100 + 2 * P * 2 ** 120, "gold");
        assertEq(prices[1], P + (3 * P * 90 / 100) * 2 ** 120, "coin");
        prices = take(1 minutes, 0, 3 * P);
        assertEq(prices[0], 0, "gold missing");
        assertEq(prices[1] >> 120, 3 * P, "coin as ever");
        prices = take(1 minutes, P, 0);
        assertEq(prices[0] % 2 ** 120, P, "gold again");
        assertEq(prices[1], 0, "coin missing");
    }

    /// @dev A market's samples are the same whether its neighbour has a price or not.
    function test_samplesIgnoreTheNeighbour() public {
        uint256[2] memory highs;
        uint256[2] memory later;
        for (uint256 k = 0; k < 2; ++k) {
            start(10000, 10000);
            take(5 minutes, P, P);
            for (uint256 i = 0; i < 4; ++i) {
                take(5 minutes, 2 * P, P);
            }
            take(5 minutes, 0, k == 0 ? 0 : P);
            take(5 minutes, P, P);
            take(5 minutes, P, P);
            highs[k] = take(5 minutes, P, P)[0] >> 120;
            later[k] = take(5 minutes, P, P)[0] >> 120;
        }
        assertEq(highs[0], highs[1], "depends on the neighbour");
        assertEq(later[0], later[1], "depends on the neighbour");
        // Three of the last five samples are high, until a third low one is taken.
        assertEq(highs[0], 2 * P, "without a price there is no sample");
        assertEq(later[0], P, "three low samples");
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
        assertEq(prices[1], most * (1 + 2 ** 120), "as before");
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
                if (kind == 3 || kind == 4) spots[i] = 0;
            }
            uint256[16] memory prices = take(elapsed, spots[0], spots[1]);
            for (uint256 i = 0; i < 2; ++i) {
                (uint256 low, uint256 high) = references[i].next(clock, spots[i]);
                assertEq(prices[i], low + high * 2 ** 120, "prices");
            }
        }
    }
}
