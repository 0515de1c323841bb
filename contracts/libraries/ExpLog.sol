// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title ExpLog
/// @notice The natural exponential and logarithm in 18-decimal fixed point, each to less than one unit of the last decimal; of an
/// exponential above one, to less than 10^-18 of it.
/// @dev Both reduce their argument by powers of two and sum a series (Abramowitz & Stegun 4.2.1 and 4.1.27) with 27 decimals until its
/// terms vanish.
library ExpLog {
    error ExponentOutOfRange(int256 x);
    error LogarithmOfZero();

    int256 private constant ONE = 1e27;
    int256 private constant LN2 = 693_147_180_559_945_309_417_232_121;
    /// @dev 27 decimals over 18.
    int256 private constant EXTRA = 1e9;
    int256 private constant LIMIT = 60e18;
    /// @dev Of 10^27, rounded down.
    uint256 private constant LOG2_ONE = 89;

    /// @notice e^x, rounded down. `x` lies within ±60.
    // Nothing here comes near the ends of its type: the sum is positive, |k| is at most 87.
    // forge-lint: disable-next-item(unsafe-typecast)
    function exp(int256 x) internal pure returns (uint256) {
        if (x > LIMIT || x < -LIMIT) revert ExponentOutOfRange(x);
        unchecked {
            // x = k·ln 2 + r with |r| ≤ ln 2.
            x *= EXTRA;
            int256 k = x / LN2;
            int256 r = x - k * LN2;
            int256 sum = ONE;
            int256 term = ONE;
            for (int256 n = 1; term != 0; ++n) {
                term = term * r / (ONE * n);
                sum += term;
            }
            uint256 mantissa = uint256(sum);
            return (k < 0 ? mantissa >> uint256(-k) : mantissa << uint256(k)) / uint256(EXTRA);
        }
    }

    /// @notice ln x, rounded towards zero. `x` is less than 2^226, so that its 27 decimals fit.
    // |k| is at most 166, m has 90 bits.
    // forge-lint: disable-next-item(unsafe-typecast)
    function ln(uint256 x) internal pure returns (int256) {
        if (x == 0) revert LogarithmOfZero();
        x *= uint256(EXTRA);
        unchecked {
            // x = 2^k·m with m in [0.62, 1.24).
            uint256 log2 = Math.log2(x);
            int256 k = int256(log2) - int256(LOG2_ONE);
            int256 m = int256(k < 0 ? x << uint256(-k) : x >> uint256(k));
            // ln m = 2·artanh z
            int256 z = (m - ONE) * ONE / (m + ONE);
            int256 square = z * z / ONE;
            int256 sum;
            for (int256 n = 1; z != 0; n += 2) {
                sum += z / n;
                z = z * square / ONE;
            }
            return (2 * sum + k * LN2) / EXTRA;
        }
    }
}
