// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ConcentratedLiquidity} from "../../../contracts/libraries/ConcentratedLiquidity.sol";
import {TickPrice} from "../../../contracts/libraries/TickPrice.sol";
import {UniswapV3Position} from "../../../contracts/libraries/UniswapV3Position.sol";
import {UniswapVenue} from "../../support/UniswapVenue.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice Amounts, liquidity, sales and fees against what the real pool pays and takes (SPEC C9, R9).
contract ConcentratedLiquidityTest is UniswapVenue {
    function setUp() public {
        deployUniswap(100, true, 6);
        usdc.mint(address(this), 1e17);
        dollar.mint(address(this), 1e17);
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        _pay(amount0, amount1);
    }

    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata) external {
        _pay(amount0 > 0 ? uint256(amount0) : 0, amount1 > 0 ? uint256(amount1) : 0);
    }

    // What a burn pays is what the formula says, to the unit; a mint costs at most one more.
    function testFuzz_AmountsAreThePools(int24 lower, int24 upper, uint128 liquidity, int256 push) public {
        _push(push);
        (lower, upper) = _range(lower, upper);
        liquidity = uint128(bound(liquidity, 1, 1e15));
        (uint256 paid0, uint256 paid1) = pool.mint(address(this), lower, upper, liquidity, "");
        (uint256 amount0, uint256 amount1) = ConcentratedLiquidity.amounts(
            spotPrice(), TickPrice.sqrtPriceAt(lower), TickPrice.sqrtPriceAt(upper), liquidity
        );
        (uint256 got0, uint256 got1) = pool.burn(lower, upper, liquidity);
        assertEq(amount0, got0);
        assertEq(amount1, got1);
        assertLe(paid0 - amount0, 1);
        assertLe(paid1 - amount1, 1);
    }

    // The liquidity that two amounts pay for costs no more than them, and a thousandth more of it would.
    function testFuzz_LiquidityCostsWhatThereIs(int24 lower, int24 upper, uint256 have0, uint256 have1, int256 push)
        public
    {
        _push(push);
        (lower, upper) = _range(lower, upper);
        have0 = bound(have0, 1e6, 1e13);
        have1 = bound(have1, 1e6, 1e13);
        uint128 liquidity = ConcentratedLiquidity.liquidityFor(
            spotPrice(), TickPrice.sqrtPriceAt(lower), TickPrice.sqrtPriceAt(upper), have0, have1
        );
        (uint256 paid0, uint256 paid1) = pool.mint(address(this), lower, upper, liquidity, "");
        assertLe(paid0, have0);
        assertLe(paid1, have1);
        (paid0, paid1) = pool.mint(address(this), lower, upper, liquidity + liquidity / 1000 + 1, "");
        assertTrue(paid0 > have0 || paid1 > have1);
    }

    // Within one stretch of liquidity a sale brings what the formula says, to a unit for each step of the pool's own.
    function testFuzz_ASaleBringsWhatThePoolPays(bool zeroForOne, uint256 amount, int256 push) public {
        _push(push);
        amount = bound(amount, 1, 4_000_000e6);
        uint256 expected = ConcentratedLiquidity.sale(spotPrice(), pool.liquidity(), 100, zeroForOne, amount);
        (int256 amount0, int256 amount1) = pool.swap(
            address(this),
            zeroForOne,
            int256(amount),
            TickPrice.sqrtPriceAt(zeroForOne ? int24(-2000) : int24(2000)),
            ""
        );
        uint256 received = uint256(-(zeroForOne ? amount1 : amount0));
        assertApproxEqAbs(expected, received, 3);
    }

    // Fees reckoned from the counters are what the pool credits when it is made to, to the unit, wherever the price went.
    function testFuzz_FeesAreWhatThePoolCredits(int24 lower, int24 upper, uint128 liquidity, int256[4] memory trades)
        public
    {
        (lower, upper) = _range(lower, upper);
        pool.mint(address(this), lower, upper, uint128(bound(liquidity, 1e9, 1e15)), "");
        for (uint256 i; i < trades.length; ++i) {
            _push(trades[i]);
            // Half of it credited on the way.
            if (i == 1) pool.burn(lower, upper, 0);
        }
        (, int24 tick,,,,,) = pool.slot0();
        UniswapV3Position.Holding memory holding = UniswapV3Position.read(pool, tick, lower, upper);
        pool.burn(lower, upper, 0);
        (uint128 owed0, uint128 owed1) = UniswapV3Position.owed(pool, lower, upper);
        assertEq(holding.fees0, owed0);
        assertEq(holding.fees1, owed1);
    }

    // Without liquidity there is no sale and nothing to divide by.
    function test_NothingIsSoldToNobody() public pure {
        assertEq(ConcentratedLiquidity.sale(1 << 96, 0, 100, true, 1e6), 0);
        assertEq(ConcentratedLiquidity.sale(1 << 96, 1e12, 100, true, 0), 0);
    }

    // The counters overflow by design.
    function test_GrowthIsTakenAcrossAnOverflow() public pure {
        uint256 inside =
            ConcentratedLiquidity.feeGrowthInside(0, -10, 10, 5, type(uint256).max - 1, type(uint256).max - 2);
        assertEq(inside, 10);
        assertEq(ConcentratedLiquidity.fees(3, type(uint256).max - 1, 1 << 127), 2);
    }

    /// @dev Sells up to 4M of either coin, which moves the price by up to 20 bps.
    function _push(int256 push) private {
        push = bound(push, -4_000_000e6, 4_000_000e6);
        if (push == 0) return;
        bool zeroForOne = push > 0;
        pool.swap(
            address(this),
            zeroForOne,
            push > 0 ? push : -push,
            TickPrice.sqrtPriceAt(zeroForOne ? int24(-2000) : int24(2000)),
            ""
        );
    }

    function _range(int24 lower, int24 upper) private pure returns (int24, int24) {
        lower = int24(bound(lower, -150, 149));
        upper = int24(bound(upper, lower + 1, 150));
        return (lower, upper);
    }

    function _pay(uint256 amount0, uint256 amount1) private {
        if (amount0 != 0) IERC20(pool.token0()).transfer(address(pool), amount0);
        if (amount1 != 0) IERC20(pool.token1()).transfer(address(pool), amount1);
    }
}
