// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {CurveStableSwapAdapter} from "../../../contracts/adapters/CurveStableSwapAdapter.sol";
import {SlippageBounded} from "../../../contracts/adapters/SlippageBounded.sol";
import {IAdapter} from "../../../contracts/interfaces/IAdapter.sol";
import {IPriceSource} from "../../../contracts/interfaces/IPriceSource.sol";
import {ISwapper} from "../../../contracts/interfaces/ISwapper.sol";
import {CurveDeployer, ICurveToken} from "../../../script/protocols/CurveDeployer.sol";
import {AdapterOwner} from "../../support/AdapterOwner.sol";
import {CurveVenue} from "../../support/CurveVenue.sol";
import {ThreeCoinPool} from "../../support/ThreeCoinPool.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

interface ILiquidityGauge {
    /// @dev Checkpoints the account on the way.
    function claimable_tokens(address account) external returns (uint256);
    function balanceOf(address account) external view returns (uint256);
}

/// @notice What is particular to a Curve pool, on the real sUSD pool, its deposit contract, gauge and minter (SPEC C9, ERR-22).
contract CurveStableSwapAdapterTest is CurveVenue {
    AdapterOwner internal owner;
    CurveStableSwapAdapter internal adapter;

    function setUp() public {
        deployCurve();
        owner = new AdapterOwner(address(usdc));
        adapter = newCurveAdapter(address(owner), true);
    }

    function enter(uint256 assets) internal returns (uint256) {
        usdc.mint(address(owner), assets);
        return owner.deposit(adapter, assets, 0, "");
    }

    function leave() internal returns (uint256 received) {
        (received,) = owner.withdraw(adapter, type(uint256).max, "");
    }

    // -------------------------------------------------------------------------------------------------------------- value

    function test_WhatItServes() public view {
        address[] memory coins = adapter.coins();
        assertEq(coins.length, 4);
        assertEq(adapter.coinCount(), 4);
        assertEq(adapter.assetIndex(), USDC);
        for (int128 i; i < 4; ++i) {
            assertEq(coins[uint128(i)], market.pool.coins(i));
        }
        assertApproxEqRel(adapter.venueSize(), 100_000_000e6, 1e12);
        assertEq(adapter.utilisation(), 0);
    }

    // SPEC C9: LP tokens × virtual price × the cheapest coin ÷ the asset, rounded down.
    function testFuzz_ValueIsTheVirtualPriceAtTheCheapestCoin(uint256[4] memory dollarPrices) public {
        enter(100_000e6);
        uint256 cheapest = type(uint256).max;
        for (uint256 i; i < 4; ++i) {
            dollarPrices[i] = bound(dollarPrices[i], 0.5e18, 1.5e18);
            prices.set(market.pool.coins(int128(uint128(i))), dollarPrices[i]);
            if (dollarPrices[i] < cheapest) cheapest = dollarPrices[i];
        }
        uint256 dollars = adapter.lpBalance() * market.pool.get_virtual_price() / 1e18;
        assertEq(adapter.value(), dollars * cheapest / (dollarPrices[1] * 1e12));
        // Never more than at the peg.
        assertLe(adapter.value(), dollars / 1e12);
    }

    // SPEC C9: a coin's depeg lowers the value at once; its premium does not raise it; without a price there is no value.
    function test_ADepegLowersTheValueAtOnce() public {
        enter(100_000e6);
        uint256 before = adapter.value();
        prices.set(address(susd), 1.05e18);
        assertEq(adapter.value(), before);
        prices.set(address(susd), 0.9e18);
        assertApproxEqAbs(adapter.value(), before * 9 / 10, 1);
        prices.set(address(susd), 0);
        vm.expectRevert(abi.encodeWithSelector(IPriceSource.PriceUnknown.selector, address(susd)));
        adapter.value();
    }

    // SPEC C9, ERR-22: whatever is traded, the value moves by the fees left behind alone, and never down.
    function testFuzz_APushMovesTheValueByItsOwnFeesAlone(uint256 dollars, bool intoUsdc) public {
        enter(500_000e6);
        dollars = bound(dollars, 1, 23_000_000);
        uint256 before = adapter.value();
        exchangeCoins(intoUsdc ? USDT : USDC, intoUsdc ? USDC : USDT, dollars);
        assertGe(adapter.value(), before);
        // 4 bps of the trade, of which the position has a two-hundredth, in a coin that the trade has made up to a third dearer.
        assertLe(adapter.value() - before, dollars * 1e6 * 4 / 10_000 / 150 + 1);
        assertApproxEqAbs(adapter.value(), before, before / 5000);
    }

    // SPEC C9: an attacker who provides, trades and leaves within one transaction lowers nothing and pays for what he adds.
    function test_LiquidityOfAMomentMovesTheValueByItsOwnFeesAlone() public {
        enter(500_000e6);
        uint256 before = adapter.value();
        provide(500_000_000);
        exchangeCoins(USDT, USDC, 200_000_000);
        uint256 lp = market.lpToken.balanceOf(address(this));
        market.pool.remove_liquidity(lp * 8 / 10, [uint256(0), 0, 0, 0]);
        assertGe(adapter.value(), before);
        assertApproxEqAbs(adapter.value(), before, before / 5000);
    }

    // SPEC C9: who trades with himself pays more than the value rises, and what it rises by can be had.
    function test_WashTradingIsPaidByTheTrader() public {
        enter(500_000e6);
        uint256 before = adapter.value();
        for (uint256 i; i < 10; ++i) {
            exchangeCoins(USDT, USDC, 5_000_000);
            exchangeCoins(USDC, USDT, 5_000_000);
        }
        uint256 risen = adapter.value() - before;
        // 100M at 4 bps.
        assertGt(risen, 0);
        assertLt(risen, 40_000e6 / 100);
        uint256 value = adapter.value();
        assertGe(leave(), value * 9995 / 10_000);
    }

    // SPEC C1: coins sent to the pool are not in its balances.
    function test_CoinsSentToThePoolDoNotMoveTheValue() public {
        enter(100_000e6);
        uint256 before = adapter.value();
        usdc.mint(address(market.pool), 50_000_000e6);
        susd.mint(address(market.pool), 50_000_000e18);
        assertEq(adapter.value(), before);
    }

    // SPEC C9: even of a coin with a transfer hook, which this adapter must not be used with, the moment between the pool's payment and
    // its burning shows too little, never too much.
    function test_ReadFromWithinARemovalTheValueIsNeverTooHigh() public {
        HookedCoin hooked = new HookedCoin();
        susd = ICurveToken(address(hooked));
        market = CurveDeployer.deploy([address(dai), address(usdc), address(usdt), address(hooked)]);
        provide(25_000_000);
        prices.set(address(hooked), 1e18);
        adapter = newCurveAdapter(address(owner), false);
        enter(100_000e6);
        uint256 before = adapter.value();
        hooked.watch(adapter);
        uint256 lp = market.lpToken.balanceOf(address(this));
        market.pool.remove_liquidity(lp * 9 / 10, [uint256(0), 0, 0, 0]);
        assertGt(hooked.seen(), 0);
        assertLt(hooked.seen(), before);
        assertGe(adapter.value(), before);
    }

    // --------------------------------------------------------------------------------------------------- bounds on moving

    // SPEC C9: however unbalanced the pool, a deposit is credited within the bound or does not happen.
    function testFuzz_ADepositIsCreditedWithinTheBoundOrNotAtAll(uint256 assets, uint256 dollars, bool intoUsdc)
        public
    {
        exchangeCoins(intoUsdc ? USDT : USDC, intoUsdc ? USDC : USDT, bound(dollars, 1, 24_500_000));
        assets = bound(assets, 1e6, 10_000_000e6);
        usdc.mint(address(owner), assets);
        try owner.deposit(adapter, assets, 0, "") returns (uint256 gained) {
            assertGe(gained + 1, assets * 9970 / 10_000);
        } catch (bytes memory reason) {
            assertEq(bytes4(reason), SlippageBounded.BelowMinimum.selector);
            assertEq(adapter.value(), 0);
        }
    }

    // SPEC C9: and a withdrawal pays within the bound or does not happen; what it says could leave can leave.
    function testFuzz_AnExitPaysWithinTheBoundOrNotAtAll(uint256 assets, uint256 dollars, bool intoUsdc) public {
        enter(bound(assets, 1e6, 10_000_000e6));
        exchangeCoins(intoUsdc ? USDT : USDC, intoUsdc ? USDC : USDT, bound(dollars, 1, 24_500_000));
        uint256 can = adapter.exitLiquidity();
        uint256 value = adapter.value();
        assertLe(can, value);
        uint256 snapshot = vm.snapshotState();
        if (can != 0) {
            (uint256 received,) = owner.withdraw(adapter, can, "");
            assertGe(received, can * 9970 / 10_000);
        }
        vm.revertToState(snapshot);
        try owner.withdraw(adapter, type(uint256).max, "") returns (uint256 received, uint256 lowered) {
            // The fee that an exit leaves with those who stay is in part its own.
            assertApproxEqRel(lowered, can, 0.001e18);
            assertGe(received + 1, lowered * 9970 / 10_000);
        } catch (bytes memory reason) {
            assertEq(can, 0);
            bytes4 why = bytes4(reason);
            assertTrue(
                why == SlippageBounded.BelowMinimum.selector || why == CurveStableSwapAdapter.PoolRefused.selector
            );
            assertEq(adapter.value(), value);
        }
    }

    // SPEC C9, C10: of a position that a lopsided pool does not pay for as a whole, "everything" is the part that it pays for.
    function test_EverythingIsWhatALopsidedPoolPaysFor() public {
        enter(16_000_000e6);
        exchangeCoins(USDT, USDC, 22_000_000);
        uint256 value = adapter.value();
        uint256 can = adapter.exitLiquidity();
        assertApproxEqAbs(can, value / 8, 1);
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.withdraw(adapter, value, "");
        // What is asked for at least counts for the part as well.
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.withdraw(adapter, type(uint256).max, abi.encode(value * 9970 / 10_000));
        uint256 gasBefore = gasleft();
        (uint256 received, uint256 lowered) = owner.withdraw(adapter, type(uint256).max, "");
        // What the hub gives one venue's exit is 5M.
        assertLt(gasBefore - gasleft(), 4_500_000);
        assertApproxEqRel(lowered, can, 0.001e18);
        assertGe(received, lowered * 9970 / 10_000);
        exchangeCoins(USDC, USDT, 21_000_000);
        uint256 rest = adapter.value();
        assertGe(leave(), rest * 9970 / 10_000);
        assertEq(adapter.value(), 0);
    }

    // SPEC C9: a pool drained of the asset refuses, and is not left at a loss.
    function test_ADrainedPool() public {
        enter(5_000_000e6);
        exchangeCoins(USDT, USDC, 27_000_000);
        assertEq(adapter.exitLiquidity(), 0);
        vm.expectRevert(abi.encodeWithSelector(CurveStableSwapAdapter.PoolRefused.selector, bytes("")));
        owner.withdraw(adapter, type(uint256).max, "");
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.withdraw(adapter, 1_000_000e6, "");
        // Bringing the asset is rewarded.
        assertGt(enter(100_000e6), 100_000e6);
    }

    // SPEC C9: instructions raise the minimum; they cannot lower it.
    function test_InstructionsRaiseTheMinimum() public {
        usdc.mint(address(owner), 100_000e6);
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.deposit(adapter, 100_000e6, 0, abi.encode(uint256(100_001e18)));
        owner.deposit(adapter, 100_000e6, 0, abi.encode(uint256(99_970e18)));
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.withdraw(adapter, 50_000e6, abi.encode(uint256(50_001e6)));
        owner.withdraw(adapter, 50_000e6, abi.encode(uint256(49_970e6)));
        exchangeCoins(USDT, USDC, 24_990_000);
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.withdraw(adapter, type(uint256).max, abi.encode(uint256(0)));
    }

    // SPEC C9: buying into a pool with a coin below its peg is refused: an LP token is worth less than it costs.
    function test_RevertIf_DepositedDuringADepeg() public {
        prices.set(address(susd), 0.99e18);
        usdc.mint(address(owner), 1000e6);
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.deposit(adapter, 1000e6, 0, "");
    }

    function test_RevertIf_InstructionsAreMalformed() public {
        usdc.mint(address(owner), 2000e6);
        vm.expectRevert(IAdapter.UnexpectedData.selector);
        owner.deposit(adapter, 1000e6, 0, hex"00");
        vm.expectRevert(IAdapter.UnexpectedData.selector);
        owner.deposit(adapter, 1000e6, 0, new bytes(33));
        owner.deposit(adapter, 1000e6, 0, "");
        vm.expectRevert(IAdapter.UnexpectedData.selector);
        owner.withdraw(adapter, 500e6, new bytes(31));
        vm.expectRevert();
        owner.withdraw(adapter, 500e6, new bytes(33));
    }

    function test_RevertIf_MoreThanThePositionIsTaken() public {
        enter(1000e6);
        uint256 held = adapter.value();
        vm.expectRevert(abi.encodeWithSelector(SlippageBounded.MoreThanHeld.selector, held + 1, held));
        owner.withdraw(adapter, held + 1, "");
    }

    // -------------------------------------------------------------------------------------------------- killed, all coins

    // SPEC C9: a killed pool takes nothing, keeps its value, pays no single coin and says why; by routes it is left in all coins.
    function test_AKilledPoolIsLeftInAllCoins() public {
        enter(400_000e6);
        uint256 value = adapter.value();
        market.pool.kill_me();
        assertEq(adapter.value(), value);
        usdc.mint(address(owner), 1000e6);
        vm.expectRevert(abi.encodeWithSelector(CurveStableSwapAdapter.PoolRefused.selector, bytes("")));
        owner.deposit(adapter, 1000e6, 0, "");
        vm.expectRevert(abi.encodeWithSelector(CurveStableSwapAdapter.PoolRefused.selector, bytes("")));
        owner.withdraw(adapter, type(uint256).max, "");

        _openMarkets();
        bytes[] memory routes = new bytes[](2);
        vm.expectRevert(abi.encodeWithSelector(CurveStableSwapAdapter.RoutesMismatch.selector, 2, 3));
        owner.withdraw(adapter, type(uint256).max, abi.encode(uint256(0), routes));
        routes = _routes();
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.withdraw(adapter, value / 2, abi.encode(value, routes));
        (uint256 received,) = owner.withdraw(adapter, value / 2, abi.encode(uint256(0), routes));
        assertApproxEqRel(received, value / 2, 0.001e18);
        (received,) = owner.withdraw(adapter, type(uint256).max, abi.encode(uint256(0), routes));
        assertApproxEqRel(received, value / 2, 0.001e18);
        assertEq(adapter.value(), 0);
        address[] memory coins = adapter.coins();
        for (uint256 i; i < 4; ++i) {
            assertEq(IERC20(coins[i]).balanceOf(address(adapter)), 0);
            assertEq(IERC20(coins[i]).allowance(address(adapter), address(swapper)), 0);
        }
    }

    // SPEC C9: rewards that lie here, even if they are the asset or coins of the pool, are no part of what a leaver takes; they are harvested.
    function test_RewardsLyingHereDoNotHelpALeaver() public {
        enter(400_000e6);
        _openMarkets();
        uint256 snapshot = vm.snapshotState();
        bytes memory byRoutes = abi.encode(uint256(0), _routes());
        (uint256 alone,) = owner.withdraw(adapter, 100_000e6, "");
        vm.revertToState(snapshot);
        (uint256 aloneByRoutes,) = owner.withdraw(adapter, 100_000e6, byRoutes);
        vm.revertToState(snapshot);

        usdc.mint(address(adapter), 500e6);
        susd.mint(address(adapter), 500e18);
        snapshot = vm.snapshotState();
        (uint256 received,) = owner.withdraw(adapter, 100_000e6, "");
        assertEq(received, alone);
        vm.revertToState(snapshot);
        (received,) = owner.withdraw(adapter, 100_000e6, byRoutes);
        assertEq(received, aloneByRoutes);
        assertEq(usdc.balanceOf(address(adapter)), 500e6);
        assertEq(susd.balanceOf(address(adapter)), 500e18);

        (address[] memory rewards, bytes[] memory routes) = (new address[](1), new bytes[](1));
        (rewards[0], routes[0]) = (address(susd), abi.encode(uint24(500)));
        assertApproxEqRel(owner.harvest(adapter, abi.encode(rewards, routes)), 1000e6, 0.002e18);
        assertEq(usdc.balanceOf(address(adapter)), 0);
        assertEq(susd.balanceOf(address(adapter)), 0);
    }

    // SPEC C9: without a gauge, too, what lies here reaches the vault.
    function test_AssetsLyingHereAreHarvestedWithoutAGauge() public {
        adapter = newCurveAdapter(address(owner), false);
        usdc.mint(address(adapter), 7e6);
        assertEq(owner.harvest(adapter, ""), 7e6);
        vm.expectRevert(IAdapter.NothingToHarvest.selector);
        owner.harvest(adapter, "");
    }

    // SPEC C9: a gauge that the minter's controller does not know earns no CRV, and its extra rewards are harvested all the same.
    function test_AMinterThatRefusesDoesNotWithholdExtraRewards() public {
        CurveStableSwapAdapter.Config memory strange = config(true);
        strange.minter = CurveDeployer.deployDao().minter;
        adapter = new CurveStableSwapAdapter(address(owner), strange);
        enter(100_000e6);
        openMarket(address(dai), 500, 1e18, 1_000_000);
        dai.mint(address(adapter), 50e18);
        (bool minted,) = strange.minter.call(abi.encodeWithSignature("mint(address)", gauge));
        assertFalse(minted);
        (address[] memory rewards, bytes[] memory routes) = (new address[](1), new bytes[](1));
        (rewards[0], routes[0]) = (address(dai), abi.encode(uint24(500)));
        assertApproxEqRel(owner.harvest(adapter, abi.encode(rewards, routes)), 50e6, 0.002e18);
        vm.expectRevert(IAdapter.NothingToHarvest.selector);
        owner.harvest(adapter, "");
    }

    // SPEC C9: sales by route are held to the position's bound as well as to the swapper's.
    function test_RevertIf_ARouteSellsTooCheap() public {
        enter(400_000e6);
        _openMarkets();
        // The market for sUSD falls by some 2 %, within this swapper's tolerance; a quarter of that is more than the adapter's.
        openMarket(address(susd), 3000, 0.978e18, 1_000_000);
        bytes[] memory routes = _routes();
        routes[2] = abi.encode(uint24(3000));
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.withdraw(adapter, type(uint256).max, abi.encode(uint256(0), routes));
    }

    // ------------------------------------------------------------------------------------------------------- gauge, rewards

    // SPEC C9: LP tokens are staked, all of them, and count.
    function test_LpTokensAreStaked() public {
        enter(100_000e6);
        assertEq(market.lpToken.balanceOf(address(adapter)), 0);
        assertEq(ILiquidityGauge(gauge).balanceOf(address(adapter)), adapter.lpBalance());
        // Also what came by itself, with the next deposit.
        market.lpToken.transfer(address(adapter), 1e18);
        uint256 lp = adapter.lpBalance();
        enter(1000e6);
        assertEq(market.lpToken.balanceOf(address(adapter)), 0);
        assertGt(ILiquidityGauge(gauge).balanceOf(address(adapter)), lp);
        owner.withdraw(adapter, 50_000e6, "");
        assertApproxEqAbs(ILiquidityGauge(gauge).balanceOf(address(adapter)), adapter.lpBalance(), 3e18);
    }

    // SPEC C9: all CRV that the gauge owes is minted and sold, and the position does not shrink.
    function test_HarvestSellsTheCrvThatTheGaugeOwes() public {
        enter(100_000e6);
        skip(2 minutes);
        uint256 snapshot = vm.snapshotState();
        uint256 claimable = ILiquidityGauge(gauge).claimable_tokens(address(adapter));
        vm.revertToState(snapshot);
        assertGt(claimable, 100e18);
        uint256 value = adapter.value();
        uint256 received = owner.harvest(adapter, "");
        // Less the market's 1 % fee.
        assertApproxEqRel(received, claimable * CRV_PRICE / 1e30 * 99 / 100, 0.02e18);
        assertEq(adapter.value(), value);
        assertEq(dao.crv.balanceOf(address(adapter)), 0);
        assertEq(dao.crv.allowance(address(adapter), address(swapper)), 0);
        vm.expectRevert(IAdapter.NothingToHarvest.selector);
        owner.harvest(adapter, "");
    }

    // SPEC C9: named rewards by named routes; the position itself is not a reward.
    function test_HarvestByInstruction() public {
        enter(100_000e6);
        skip(2 minutes);
        (address[] memory rewards, bytes[] memory routes) = (new address[](1), new bytes[](1));
        rewards[0] = address(market.lpToken);
        vm.expectRevert(abi.encodeWithSelector(CurveStableSwapAdapter.NotAReward.selector, address(market.lpToken)));
        owner.harvest(adapter, abi.encode(rewards, routes));
        rewards[0] = gauge;
        vm.expectRevert(abi.encodeWithSelector(CurveStableSwapAdapter.NotAReward.selector, gauge));
        owner.harvest(adapter, abi.encode(rewards, routes));
        vm.expectRevert(abi.encodeWithSelector(CurveStableSwapAdapter.RoutesMismatch.selector, 0, 1));
        owner.harvest(adapter, abi.encode(rewards, new bytes[](0)));
        rewards[0] = address(dao.crv);
        routes[0] = abi.encode(uint24(10_000));
        assertGt(owner.harvest(adapter, abi.encode(rewards, routes)), 0);
    }

    // SPEC C9: rewards are not sold below the oracles.
    function test_RevertIf_TheRewardsMarketIsFarBelowTheOracle() public {
        enter(100_000e6);
        skip(2 minutes);
        prices.set(address(dao.crv), CRV_PRICE * 11 / 10);
        vm.expectPartialRevert(ISwapper.InsufficientOutput.selector);
        owner.harvest(adapter, "");
    }

    function test_RevertIf_HarvestedWithoutASwapper() public {
        CurveStableSwapAdapter.Config memory bad = config(true);
        bad.swapper = ISwapper(address(0));
        adapter = new CurveStableSwapAdapter(address(owner), bad);
        enter(100_000e6);
        skip(2 minutes);
        vm.expectRevert(SlippageBounded.NoSwapper.selector);
        owner.harvest(adapter, "");
    }

    // ---------------------------------------------------------------------------------------------------------- other pools

    // SPEC C9: 3Pool's interface: three coins by unsigned index, one-coin exit without an allowance.
    function test_APoolWithItsOwnOneCoinExit() public {
        ThreeCoinPool threePool = new ThreeCoinPool(market);
        CurveStableSwapAdapter.Config memory three = config(false);
        three.pool = address(threePool);
        three.lpToken = threePool;
        three.oneCoinExit = address(threePool);
        adapter = new CurveStableSwapAdapter(address(owner), three);
        assertEq(adapter.coinCount(), 3);
        assertEq(adapter.assetIndex(), USDC);
        assertApproxEqRel(enter(100_000e6), 100_000e6, 0.0003e18);
        assertEq(adapter.exitLiquidity(), adapter.value());
        (uint256 received,) = owner.withdraw(adapter, 40_000e6, "");
        assertApproxEqRel(received, 40_000e6, 0.0003e18);
        uint256 rest = adapter.value();
        assertApproxEqRel(leave(), rest, 0.0003e18);
        assertEq(threePool.balanceOf(address(adapter)), 0);
        vm.expectRevert(IAdapter.NothingToHarvest.selector);
        owner.harvest(adapter, "");
    }

    // SPEC C9: LP tokens sent to an adapter without a position need no price; they count with the next deposit.
    function test_GiftsToAnEmptyAdapterBindNothing() public {
        market.lpToken.transfer(address(adapter), 5e18);
        prices.set(address(susd), 0);
        assertEq(adapter.value(), 0);
        assertEq(adapter.exitLiquidity(), 0);
        assertEq(leave(), 0);
        vm.expectRevert(abi.encodeWithSelector(SlippageBounded.MoreThanHeld.selector, 1, 0));
        owner.withdraw(adapter, 1, "");
        prices.set(address(susd), 1e18);
        assertApproxEqAbs(enter(1000e6), 1005e6, 0.4e6);
    }

    // SPEC C9: less than a unit's worth of LP tokens does not stop an exit.
    function test_AGrainOfLpTokensDoesNotStopAnExit() public {
        market.lpToken.transfer(address(adapter), 1);
        assertEq(adapter.value(), 0);
        assertEq(leave(), 0);
        enter(1000e6);
        market.lpToken.transfer(address(adapter), 1);
        assertApproxEqRel(leave(), 1000e6, 0.0006e18);
    }

    function test_RevertIf_DeployedAmiss() public {
        CurveStableSwapAdapter.Config memory bad = config(true);
        bad.maxSlippageBps = 101;
        vm.expectRevert(abi.encodeWithSelector(SlippageBounded.SlippageBoundTooWide.selector, 101, 100));
        new CurveStableSwapAdapter(address(owner), bad);
        bad = config(true);
        bad.minter = address(0);
        vm.expectRevert(CurveStableSwapAdapter.MinterMissing.selector);
        new CurveStableSwapAdapter(address(owner), bad);
        bad = config(true);
        bad.lpToken = dai;
        vm.expectRevert(
            abi.encodeWithSelector(CurveStableSwapAdapter.GaugeOfAnotherToken.selector, gauge, address(dai))
        );
        new CurveStableSwapAdapter(address(owner), bad);
        bad = config(false);
        bad.lpToken = IERC20(address(usdt));
        vm.expectRevert(abi.encodeWithSelector(CurveStableSwapAdapter.DecimalsNotSupported.selector, address(usdt), 6));
        new CurveStableSwapAdapter(address(owner), bad);
        AdapterOwner foreign = new AdapterOwner(address(dao.crv));
        bad = config(false);
        vm.expectRevert(
            abi.encodeWithSelector(
                CurveStableSwapAdapter.AssetNotInPool.selector, address(market.pool), address(dao.crv)
            )
        );
        new CurveStableSwapAdapter(address(foreign), bad);
    }

    // -------------------------------------------------------------------------------------------------------------- helpers

    /// @dev Uniswap markets of a million dollars for the other coins.
    function _openMarkets() private {
        openMarket(address(dai), 500, 1e18, 1_000_000);
        openMarket(address(usdt), 500, 1e18, 1_000_000);
        openMarket(address(susd), 500, 1e18, 1_000_000);
    }

    function _routes() private pure returns (bytes[] memory routes) {
        routes = new bytes[](3);
        routes[0] = routes[1] = routes[2] = abi.encode(uint24(500));
    }
}

/// @notice A coin that reads the adapter's value whenever a pool pays it out.
contract HookedCoin is ERC20 {
    CurveStableSwapAdapter private _adapter;
    uint256 public seen;

    constructor() ERC20("Hooked Dollar", "HOOK") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function watch(CurveStableSwapAdapter adapter) external {
        _adapter = adapter;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (address(_adapter) != address(0)) seen = _adapter.value();
    }
}
