// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import "./Layout.sol";
import {ScalarField} from "./ScalarField.sol";

/// @title Expressions of the constraint system at x
/// @notice Everything except the gates: Lagrange polynomials, permutation and lookup arguments.
/// Every function that takes `sum` folds its expressions into it, as sum·y + expression.
library Quotient {
    /// @notice Computes x^n, the Lagrange polynomials at x, the instance column's value at x and
    /// the distances of μ from the points of the opening: all values that need an inversion.
    function prepare(Verification memory v) internal view {
        unchecked {
            uint256 key = v.key;
            uint256 r = load(key + KEY_MODULUS);
            uint256 x = v.x;
            uint256 xn = x;
            for (uint256 i = load(key + KEY_K); i > 0; --i) {
                xn = mulMod(xn, xn, r);
            }
            v.xn = xn;

            // Denominators x − ωⁱ for i = −(blinding + 1) … 5, then x^n − 1, x and the distances.
            uint256 blinding = load(key + KEY_BLINDING);
            uint256 rows = blinding + 1 + INSTANCES;
            uint256 values = v.scratch;
            uint256 power = load(key + KEY_OMEGA_LAST);
            uint256 omega = load(key + KEY_OMEGA);
            uint256 p = values;
            for (uint256 i; i < rows; ++i) {
                store(p, addMod(x, r - power, r));
                power = mulMod(power, omega, r);
                p += 32;
            }
            uint256 vanishing = addMod(xn, r - 1, r);
            store(p, vanishing);
            store(p + 32, x);
            uint256 rotations = load(key + KEY_ROTATIONS);
            measure(v, p + 64, 32 * rotations);
            ScalarField.invertAll(values, rows + 2 + rotations, p + 64 + 32 * rotations);
            v.vanishingInverse = load(p);
            v.xInverse = load(p + 32);
            copy(v.distances + 32 * rotations, p + 64, 32 * rotations);

            // Lᵢ(x) = ωⁱ·(x^n − 1) / (n·(x − ωⁱ))
            power = mulMod(
                mulMod(vanishing, load(key + KEY_N_INVERSE), r), load(key + KEY_OMEGA_LAST), r
            );
            uint256 value = mulMod(power, load(values), r);
            v.lLast = value;
            uint256 inactive = value;
            p = values;
            for (uint256 i; i < blinding; ++i) {
                p += 32;
                power = mulMod(power, omega, r);
                inactive = addMod(inactive, mulMod(power, load(p), r), r);
            }
            v.lActive = addMod(1, r - inactive, r);

            uint256 instance = key + load(key + KEY_LENGTH) + 64;
            uint256 evaluation;
            for (uint256 i; i < INSTANCES; ++i) {
                p += 32;
                power = mulMod(power, omega, r);
                value = mulMod(power, load(p), r);
                if (i == 0) v.lFirst = value;
                evaluation = addMod(evaluation, mulMod(value, load(instance), r), r);
                instance += 32;
            }
            store(v.work + WORK_INSTANCE, evaluation);
        }
    }

    /// @dev Writes μ − x·ω^rotation for every rotation of the key to `v.distances` and `target`.
    function measure(Verification memory v, uint256 target, uint256 size) private pure {
        unchecked {
            uint256 from = v.key + load(v.key + KEY_AT_ROTATIONS);
            uint256 r = load(v.key + KEY_MODULUS);
            uint256 distances = v.distances;
            uint256 x = v.x;
            uint256 mu = v.mu;
            for (uint256 i; i < size; i += 32) {
                store(distances + i, addMod(mu, r - mulMod(x, load(from + i), r), r));
            }
            copy(target, distances, size);
        }
    }

    /// @notice Folds the expressions of the permutation argument.
    function foldPermutation(Verification memory v, uint256 sum) internal pure returns (uint256) {
        unchecked {
            uint256 key = v.key;
            uint256 chunks = load(key + KEY_CHUNKS);
            if (chunks == 0) return sum;
            uint256 r = load(key + KEY_MODULUS);
            uint256 y = v.y;
            uint256 products = key + load(key + KEY_AT_PRODUCTS);

            // l₀·(1 − z₀)
            sum = addMod(
                mulMod(sum, y, r), mulMod(v.lFirst, addMod(1, r - load(products), r), r), r
            );
            // l_last·(z² − z) of the last product
            uint256 z = load(products + 96 * (chunks - 1));
            sum = addMod(
                mulMod(sum, y, r), mulMod(v.lLast, mulMod(z, addMod(z, r - 1, r), r), r), r
            );
            // l₀·(zᵢ − zᵢ₋₁(ω^last·x))
            for (uint256 i = 1; i < chunks; ++i) {
                uint256 p = products + 96 * i;
                sum = addMod(
                    mulMod(sum, y, r), mulMod(v.lFirst, addMod(load(p), r - load(p - 32), r), r), r
                );
            }
            return foldProducts(v, products, sum);
        }
    }

    /// @dev Folds, for each chunk of columns with values e and permutation s,
    /// active·(z(ωx)·∏(e + β·s + γ) − z(x)·∏(e + δⁱ·β·x + γ)).
    function foldProducts(Verification memory v, uint256 products, uint256 sum)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 key = v.key;
            uint256 r = load(key + KEY_MODULUS);
            uint256 column = key + load(key + KEY_AT_COLUMNS);
            uint256 lastColumn = column + 2 * load(key + KEY_PERMUTED);
            uint256 chunk = 2 * load(key + KEY_CHUNK);
            uint256 sigma = key + load(key + KEY_AT_SIGMA);
            uint256 beta = v.beta;
            uint256 gamma = v.gamma;
            uint256 identity = mulMod(beta, v.x, r);
            while (column < lastColumn) {
                uint256 end = column + chunk;
                if (end > lastColumn) end = lastColumn;
                uint256 right = load(products);
                uint256 left = load(products + 32);
                for (; column < end; column += 2) {
                    uint256 value = addMod(load(key + loadShort(column)), gamma, r);
                    left = mulMod(left, addMod(value, mulMod(beta, load(sigma), r), r), r);
                    right = mulMod(right, addMod(value, identity, r), r);
                    identity = mulMod(identity, DELTA, r);
                    sigma += 32;
                }
                sum = addMod(
                    mulMod(sum, v.y, r), mulMod(v.lActive, addMod(left, r - right, r), r), r
                );
                products += 96;
            }
            return sum;
        }
    }

    /// @notice Folds the expressions of the lookup arguments.
    function foldLookups(Verification memory v, uint256 sum) internal pure returns (uint256) {
        unchecked {
            uint256 r = load(v.key + KEY_MODULUS);
            uint256 y = v.y;
            uint256 compressed = v.work + WORK_LOOKUPS;
            uint256 p = v.key + load(v.key + KEY_AT_LOOKUPS);
            for (uint256 i = load(v.key + KEY_LOOKUPS); i > 0; --i) {
                uint256 z = load(p);
                // l₀·(1 − z)
                sum = addMod(mulMod(sum, y, r), mulMod(v.lFirst, addMod(1, r - z, r), r), r);
                // l_last·(z² − z)
                sum = addMod(
                    mulMod(sum, y, r), mulMod(v.lLast, mulMod(z, addMod(z, r - 1, r), r), r), r
                );

                uint256 input = load(p + 64);
                uint256 table = load(p + 128);
                uint256 difference;
                {
                    // active·(z(ωx)·(a' + β)·(s' + γ) − z·(input + β)·(table + γ))
                    uint256 left = mulMod(addMod(input, v.beta, r), addMod(table, v.gamma, r), r);
                    left = mulMod(load(p + 32), left, r);
                    uint256 right = mulMod(
                        addMod(load(compressed), v.beta, r),
                        addMod(load(compressed + 32), v.gamma, r),
                        r
                    );
                    right = mulMod(z, right, r);
                    difference = addMod(left, r - right, r);
                }
                sum = addMod(mulMod(sum, y, r), mulMod(v.lActive, difference, r), r);
                // l₀·(a' − s')
                difference = addMod(input, r - table, r);
                sum = addMod(mulMod(sum, y, r), mulMod(v.lFirst, difference, r), r);
                // active·(a' − s')·(a' − a'(x/ω))
                difference = mulMod(difference, addMod(input, r - load(p + 96), r), r);
                sum = addMod(mulMod(sum, y, r), mulMod(v.lActive, difference, r), r);

                p += 160;
                compressed += 64;
            }
            return sum;
        }
    }
}
