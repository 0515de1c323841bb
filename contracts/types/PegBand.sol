// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Where a stablecoin's price stands (SPEC C8). Ordered by severity between Safe and Kill.
/// Unhealthy: no feed, or one that cannot be trusted. Watch: past safe but not yet past warn. Unpegged: a price, and no band to hold it against.
enum PegStatus {
    Unhealthy,
    Safe,
    Watch,
    Warn,
    Kill,
    Unpegged
}

/// @notice The bounds of one stablecoin's price in millionths of a dollar, in one slot. A price at a bound is inside it.
/// All zero: no band.
/// @param killLow Below it the peg is lost.
/// @param warnLow Below it a warning is due.
/// @param safeLow From it on the price is safe.
/// @param safeHigh Up to it the price is safe.
/// @param warnHigh Above it a warning is due.
/// @param killHigh Above it the peg is lost.
struct PegBand {
    uint32 killLow;
    uint32 warnLow;
    uint32 safeLow;
    uint32 safeHigh;
    uint32 warnHigh;
    uint32 killHigh;
}

/// @title PegBandLib
/// @notice The bands of the specification and the comparison with them.
library PegBandLib {
    uint256 private constant WAD_PER_MILLIONTH = 1e12;
    uint256 private constant DOLLAR = 1e6;

    /// @notice USDC: safe 0.995–1.005, warn below 0.990 and above 1.010, kill below 0.980 and above 1.020 (SPEC C7a, C8).
    function usdc() internal pure returns (PegBand memory) {
        return PegBand(980_000, 990_000, 995_000, 1_005_000, 1_010_000, 1_020_000);
    }

    /// @notice DAI: as USDC (SPEC C8).
    function dai() internal pure returns (PegBand memory) {
        return usdc();
    }

    /// @notice USDT: safe 0.993–1.007, warn below 0.985 and above 1.015, kill below 0.975 and above 1.025 (SPEC C8).
    function usdt() internal pure returns (PegBand memory) {
        return PegBand(975_000, 985_000, 993_000, 1_007_000, 1_015_000, 1_025_000);
    }

    /// @notice FRAX: safe 0.990–1.010, warn below 0.985 and above 1.015, kill below 0.970 and above 1.030 (SPEC C8).
    function frax() internal pure returns (PegBand memory) {
        return PegBand(970_000, 985_000, 990_000, 1_010_000, 1_015_000, 1_030_000);
    }

    function isEmpty(PegBand memory band) internal pure returns (bool) {
        return band.killLow | band.warnLow | band.safeLow | band.safeHigh | band.warnHigh | band.killHigh == 0;
    }

    /// @notice Whether the bounds lie around one dollar in their order, the kill bounds above zero and within 24 bits (16.77 dollars).
    function isOrdered(PegBand memory band) internal pure returns (bool) {
        return band.killLow != 0 && band.killLow <= band.warnLow && band.warnLow <= band.safeLow
            && band.safeLow <= DOLLAR && DOLLAR <= band.safeHigh && band.safeHigh <= band.warnHigh
            && band.warnHigh <= band.killHigh && band.killHigh <= type(uint24).max;
    }

    /// @notice Holds a price against the band, exactly: nothing is rounded.
    /// @param price 18-decimal fixed point.
    function classify(PegBand memory band, uint256 price) internal pure returns (PegStatus) {
        if (price < band.killLow * WAD_PER_MILLIONTH || price > band.killHigh * WAD_PER_MILLIONTH) {
            return PegStatus.Kill;
        }
        if (price < band.warnLow * WAD_PER_MILLIONTH || price > band.warnHigh * WAD_PER_MILLIONTH) {
            return PegStatus.Warn;
        }
        if (price < band.safeLow * WAD_PER_MILLIONTH || price > band.safeHigh * WAD_PER_MILLIONTH) {
            return PegStatus.Watch;
        }
        return PegStatus.Safe;
    }
}
