// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title ConcentratedLiquidity
/// @notice Amounts, liquidity and prices of a Uniswap V3 position (whitepaper, section 6.2). Prices are square roots, Q64.96, of token1
/// per token0; `lower < upper`.
library ConcentratedLiquidity {
    uint256 private constant Q96 = 1 << 96;
    uint256 private constant Q128 = 1 << 128;
    uint256 private constant PIPS = 1_000_000;

    /// @notice What a position consists of at a price, each amount rounded down.
    function amounts(uint160 price, uint160 lower, uint160 upper, uint128 liquidity)
        internal
        pure
        returns (uint256 amount0, uint256 amount1)
    {
        uint256 inside = Math.min(Math.max(price, lower), upper);
        // L·(1/√p − 1/√b) and L·(√p − √a).
        amount0 = Math.mulDiv(uint256(liquidity) << 96, upper - inside, upper) / inside;
        amount1 = Math.mulDiv(liquidity, inside - lower, Q96);
    }

    /// @notice The most liquidity that the amounts pay for at a price, rounded down.
    function liquidityFor(uint160 price, uint160 lower, uint160 upper, uint256 amount0, uint256 amount1)
        internal
        pure
        returns (uint128)
    {
        uint256 inside = Math.min(Math.max(price, lower), upper);
        uint256 by0 = type(uint128).max;
        uint256 by1 = type(uint128).max;
        if (inside < upper) by0 = Math.mulDiv(amount0, Math.mulDiv(inside, upper, Q96), upper - inside);
        if (inside > lower) by1 = Math.mulDiv(amount1, Q96, inside - lower);
        // At most uint128's largest.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint128(Math.min(Math.min(by0, by1), type(uint128).max));
    }

    /// @notice What selling `amountIn` brings if the liquidity in range reaches as far as the price then moves, rounded down.
    /// @param feePips The pool's fee in millionths.
    function sale(uint160 price, uint128 liquidity, uint24 feePips, bool zeroForOne, uint256 amountIn)
        internal
        pure
        returns (uint256 amountOut)
    {
        if (liquidity == 0 || amountIn == 0) return 0;
        amountIn = Math.mulDiv(amountIn, PIPS - feePips, PIPS);
        if (zeroForOne) {
            uint256 scaled = uint256(liquidity) << 96;
            uint256 next = Math.mulDiv(scaled, price, scaled + amountIn * price, Math.Rounding.Ceil);
            amountOut = Math.mulDiv(liquidity, price - next, Q96);
        } else {
            uint256 next = price + Math.mulDiv(amountIn, Q96, liquidity);
            amountOut = Math.mulDiv(uint256(liquidity) << 96, next - price, next) / price;
        }
    }

    /// @notice `amount0` of token0 in token1 at a price, or the other way round, rounded down.
    function convert(uint160 price, uint256 amount, bool zeroForOne) internal pure returns (uint256) {
        return zeroForOne
            ? Math.mulDiv(Math.mulDiv(amount, price, Q96), price, Q96)
            : Math.mulDiv(Math.mulDiv(amount, Q96, price), Q96, price);
    }

    /// @notice Fees earned since `last` by each unit of liquidity between two ticks, Q128, from the pool's counters (section 6.3).
    /// @dev The counters overflow by design; only differences mean anything.
    function feeGrowthInside(
        int24 tick,
        int24 tickLower,
        int24 tickUpper,
        uint256 global,
        uint256 outsideLower,
        uint256 outsideUpper
    ) internal pure returns (uint256) {
        unchecked {
            uint256 below = tick >= tickLower ? outsideLower : global - outsideLower;
            uint256 above = tick < tickUpper ? outsideUpper : global - outsideUpper;
            return global - below - above;
        }
    }

    /// @notice Fees of a position from the growth per unit of liquidity, rounded down.
    function fees(uint256 growthNow, uint256 growthLast, uint128 liquidity) internal pure returns (uint256) {
        unchecked {
            return Math.mulDiv(growthNow - growthLast, liquidity, Q128);
        }
    }
}
