// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IPoseidon} from "../../src/interfaces/IPoseidon.sol";
import {Market} from "../../src/interfaces/IPriceOracle.sol";

/// @dev Words, root, prices and digest, written from the spec (*Collateral*) and the interface
/// without regard to cost.
library ReferenceOracle {
    function word(Market memory m) internal pure returns (uint256) {
        return uint256(m.collateralAsset) + uint256(m.debtAsset) * 2 ** 16 + uint256(m.haircut) * 2
            ** 32 + uint256(m.initialMargin) * 2 ** 48 + uint256(m.maintenanceMargin) * 2 ** 72
            + uint256(m.bonus) * 2 ** 96 + uint256(m.maximumAge) * 2 ** 112;
    }

    function root(IPoseidon poseidon, uint256[16] memory words) internal view returns (uint256) {
        uint256[] memory top = new uint256[](4);
        for (uint256 i = 0; i < 4; ++i) {
            uint256[] memory children = new uint256[](4);
            for (uint256 k = 0; k < 4; ++k) {
                children[k] = words[4 * i + k];
            }
            top[i] = poseidon.hash(1, children);
        }
        return poseidon.hash(1, top);
    }

    /// @dev Returns floor(collateral·10^(18 + debtDecimals − collateralDecimals) / debt), digit by
    /// digit, for answers below 2²⁵²; 0 if it is not below 2¹²⁰.
    function price(
        uint256 collateral,
        uint256 collateralDecimals,
        uint256 debt,
        uint256 debtDecimals
    ) internal pure returns (uint256 quotient) {
        quotient = collateral / debt;
        uint256 rest = collateral % debt;
        for (uint256 i = collateralDecimals; i < 18 + debtDecimals; ++i) {
            if (quotient >= 2 ** 120) return 0;
            rest *= 10;
            quotient = quotient * 10 + rest / debt;
            rest %= debt;
        }
        for (uint256 i = 18 + debtDecimals; i < collateralDecimals; ++i) {
            quotient /= 10;
        }
        if (quotient >= 2 ** 120) return 0;
    }

    /// @dev Returns the digest of a snapshot with these low and high prices.
    function digest(
        IPoseidon poseidon,
        uint256 time,
        uint256 previous,
        uint256 marketRoot,
        uint256[16] memory low,
        uint256[16] memory high
    ) internal view returns (uint256) {
        uint256[] memory m = new uint256[](18);
        m[0] = time + previous * 2 ** 40;
        m[1] = marketRoot;
        for (uint256 i = 0; i < 16; ++i) {
            m[2 + i] = low[i] + high[i] * 2 ** 120;
        }
        return poseidon.hash(25, m);
    }

    /// @dev Returns the recorded price that follows `last`, 0 if there is none, after `elapsed`
    /// seconds.
    function follow(uint256 last, uint256 spot, uint256 maximumMove, uint256 elapsed)
        internal
        pure
        returns (uint256)
    {
        if (last == 0) return spot;
        uint256 begun = elapsed / 60;
        if (elapsed % 60 != 0) ++begun;
        uint256 step = last * maximumMove * begun / 10_000;
        if (last * maximumMove * begun % 10_000 != 0) ++step;
        if (spot > last) return spot - last > step ? last + step : spot;
        return last - spot > step ? last - step : spot;
    }

    /// @dev Returns the price that no more than two of the five exceed, and of which no more than
    /// two fall short.
    function median(uint256[5] memory list) internal pure returns (uint256) {
        for (uint256 i = 0; i < 5; ++i) {
            uint256 below;
            uint256 above;
            for (uint256 k = 0; k < 5; ++k) {
                if (list[k] < list[i]) ++below;
                if (list[k] > list[i]) ++above;
            }
            if (below <= 2 && above <= 2) return list[i];
        }
        revert("no median");
    }
}
