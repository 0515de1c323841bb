// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IUniswapV3Pool} from "../interfaces/IUniswapV3.sol";
import {ConcentratedLiquidity} from "./ConcentratedLiquidity.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title UniswapV3Position
/// @notice What a Uniswap V3 core pool holds for the caller in one range: its liquidity and what it has earned.
library UniswapV3Position {
    /// @notice A position's liquidity and all its fees, those that the pool has credited and those that it would credit now.
    struct Holding {
        uint128 liquidity;
        uint256 fees0;
        uint256 fees1;
    }

    /// @notice This contract's position.
    /// @param tick The pool's current tick.
    function read(IUniswapV3Pool pool, int24 tick, int24 lower, int24 upper)
        internal
        view
        returns (Holding memory holding)
    {
        uint256 last0;
        uint256 last1;
        (holding.liquidity, last0, last1, holding.fees0, holding.fees1) = pool.positions(key(lower, upper));
        // Without liquidity the pool may have dropped the ticks' counters, and nothing accrues.
        if (holding.liquidity == 0) return holding;
        (uint256 inside0, uint256 inside1) = _growthInside(pool, tick, lower, upper);
        holding.fees0 += ConcentratedLiquidity.fees(inside0, last0, holding.liquidity);
        holding.fees1 += ConcentratedLiquidity.fees(inside1, last1, holding.liquidity);
    }

    /// @notice The holding less all but `part` of `ofAll`, rounded down: what stays is not worth less for it.
    function fraction(Holding memory holding, uint256 part, uint256 ofAll) internal pure returns (Holding memory) {
        return Holding({
            // At most all of it.
            // forge-lint: disable-next-line(unsafe-typecast)
            liquidity: uint128(Math.mulDiv(holding.liquidity, part, ofAll)),
            fees0: Math.mulDiv(holding.fees0, part, ofAll),
            fees1: Math.mulDiv(holding.fees1, part, ofAll)
        });
    }

    /// @notice What the pool owes this contract after a burn: burnt amounts and credited fees.
    function owed(IUniswapV3Pool pool, int24 lower, int24 upper) internal view returns (uint128 owed0, uint128 owed1) {
        (,,, owed0, owed1) = pool.positions(key(lower, upper));
    }

    function key(int24 lower, int24 upper) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(address(this), lower, upper));
    }

    function _growthInside(IUniswapV3Pool pool, int24 tick, int24 lower, int24 upper)
        private
        view
        returns (uint256 inside0, uint256 inside1)
    {
        (,, uint256 lower0, uint256 lower1,,,,) = pool.ticks(lower);
        (,, uint256 upper0, uint256 upper1,,,,) = pool.ticks(upper);
        inside0 = ConcentratedLiquidity.feeGrowthInside(tick, lower, upper, pool.feeGrowthGlobal0X128(), lower0, upper0);
        inside1 = ConcentratedLiquidity.feeGrowthInside(tick, lower, upper, pool.feeGrowthGlobal1X128(), lower1, upper1);
    }
}
