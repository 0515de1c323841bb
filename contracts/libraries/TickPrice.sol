// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title TickPrice
/// @notice Uniswap V3's price grid: the square root of 1.0001^tick as a Q64.96 number, and back.
/// @dev Defined in the Uniswap v3 core whitepaper, section 6.1; agrees with the deployed pools to the last bit, which the tests hold
/// against the real bytecode.
library TickPrice {
    /// @notice The ticks that a pool knows: prices from 2^-128 to 2^128.
    int24 internal constant MAX_TICK = 887_272;
    int24 internal constant MIN_TICK = -MAX_TICK;

    error TickOutOfRange(int24 tick);
    error PriceOutOfRange(uint160 sqrtPriceX96);

    /// @notice sqrt(1.0001^tick) · 2^96, rounded up.
    function sqrtPriceAt(int24 tick) internal pure returns (uint160) {
        if (tick < MIN_TICK || tick > MAX_TICK) revert TickOutOfRange(tick);
        // forge-lint: disable-next-line(unsafe-typecast)
        uint256 distance = uint256(int256(tick < 0 ? -tick : tick));
        uint256 ratio = _inverseSqrtPower(distance);
        if (tick > 0) ratio = type(uint256).max / ratio;
        // Q128 to Q96. At the highest tick it is just below 2^160.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint160((ratio + type(uint32).max) >> 32);
    }

    /// @notice The greatest tick whose price is at most the given one.
    /// @param sqrtPriceX96 From the price of MIN_TICK, inclusive, to that of MAX_TICK, exclusive, as in a pool.
    function tickAt(uint160 sqrtPriceX96) internal pure returns (int24) {
        if (sqrtPriceX96 < sqrtPriceAt(MIN_TICK) || sqrtPriceX96 >= sqrtPriceAt(MAX_TICK)) {
            revert PriceOutOfRange(sqrtPriceX96);
        }
        // Bisection: price(low) <= given < price(high). Twenty-one steps; only opening a range needs it.
        int24 low = MIN_TICK;
        int24 high = MAX_TICK;
        while (high - low > 1) {
            int24 middle = (low + high) / 2;
            if (sqrtPriceAt(middle) <= sqrtPriceX96) low = middle;
            else high = middle;
        }
        return low;
    }

    /// @dev 1.0001^(-distance/2) as Q128.128: the product of 1.0001^(-2^(k-1)), each rounded to nearest, over the bits k of the distance.
    function _inverseSqrtPower(uint256 distance) private pure returns (uint256 ratio) {
        ratio = 1 << 128;
        if (distance & 0x1 != 0) ratio = (ratio * 0xfffcb933bd6fad37aa2d162d1a594001) >> 128;
        if (distance & 0x2 != 0) ratio = (ratio * 0xfff97272373d413259a46990580e213a) >> 128;
        if (distance & 0x4 != 0) ratio = (ratio * 0xfff2e50f5f656932ef12357cf3c7fdcc) >> 128;
        if (distance & 0x8 != 0) ratio = (ratio * 0xffe5caca7e10e4e61c3624eaa0941cd0) >> 128;
        if (distance & 0x10 != 0) ratio = (ratio * 0xffcb9843d60f6159c9db58835c926644) >> 128;
        if (distance & 0x20 != 0) ratio = (ratio * 0xff973b41fa98c081472e6896dfb254c0) >> 128;
        if (distance & 0x40 != 0) ratio = (ratio * 0xff2ea16466c96a3843ec78b326b52861) >> 128;
        if (distance & 0x80 != 0) ratio = (ratio * 0xfe5dee046a99a2a811c461f1969c3053) >> 128;
        if (distance & 0x100 != 0) ratio = (ratio * 0xfcbe86c7900a88aedcffc83b479aa3a4) >> 128;
        if (distance & 0x200 != 0) ratio = (ratio * 0xf987a7253ac413176f2b074cf7815e54) >> 128;
        if (distance & 0x400 != 0) ratio = (ratio * 0xf3392b0822b70005940c7a398e4b70f3) >> 128;
        if (distance & 0x800 != 0) ratio = (ratio * 0xe7159475a2c29b7443b29c7fa6e889d9) >> 128;
        if (distance & 0x1000 != 0) ratio = (ratio * 0xd097f3bdfd2022b8845ad8f792aa5825) >> 128;
        if (distance & 0x2000 != 0) ratio = (ratio * 0xa9f746462d870fdf8a65dc1f90e061e5) >> 128;
        if (distance & 0x4000 != 0) ratio = (ratio * 0x70d869a156d2a1b890bb3df62baf32f7) >> 128;
        if (distance & 0x8000 != 0) ratio = (ratio * 0x31be135f97d08fd981231505542fcfa6) >> 128;
        if (distance & 0x10000 != 0) ratio = (ratio * 0x9aa508b5b7a84e1c677de54f3e99bc9) >> 128;
        if (distance & 0x20000 != 0) ratio = (ratio * 0x5d6af8dedb81196699c329225ee604) >> 128;
        if (distance & 0x40000 != 0) ratio = (ratio * 0x2216e584f5fa1ea926041bedfe98) >> 128;
        if (distance & 0x80000 != 0) ratio = (ratio * 0x48a170391f7dc42444e8fa2) >> 128;
    }
}
