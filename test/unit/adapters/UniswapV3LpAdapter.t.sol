// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SlippageBounded} from "../../../contracts/adapters/SlippageBounded.sol";
import {UniswapV3LpAdapter} from "../../../contracts/adapters/UniswapV3LpAdapter.sol";
import {UniswapV3Valuation} from "../../../contracts/adapters/UniswapV3Valuation.sol";
import {IAdapter} from "../../../contracts/interfaces/IAdapter.sol";
import {IPriceSource} from "../../../contracts/interfaces/IPriceSource.sol";
import {ISwapper} from "../../../contracts/interfaces/ISwapper.sol";
import {IUniswapV3Pool} from "../../../contracts/interfaces/IUniswapV3.sol";
import {TickPrice} from "../../../contracts/libraries/TickPrice.sol";
import {AdapterOwner} from "../../support/AdapterOwner.sol";
import {UniswapVenue} from "../../support/UniswapVenue.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What is particular to liquidity in a Uniswap V3 range, on the real pool (SPEC C9, R9, ERR-22, ERR-49).
contract UniswapV3LpAdapterTest is UniswapVenue {
    AdapterOwner internal owner;
    UniswapV3LpAdapter internal adapter;

    function setUp() public virtual {
        deployUniswap(100, true, 6);
        owner = new AdapterOwner(address(usdc));
        adapter = newUniswapAdapter(address(owner));
    }

    function enter(uint256 assets) internal returns (uint256) {
        usdc.mint(address(owner), assets);
        return owner.deposit(adapter, assets, 0, "");
    }

    function leave() internal returns (uint256 received) {
        (received,) = owner.withdraw(adapter, type(uint256).max, "");
    }

    /// @notice Trades until the pool stands at a tick, its lowest price.
    function pushTo(int24 tick) internal {
        uint160 target = TickPrice.sqrtPriceAt(tick);
        if (target == spotPrice()) return;
        usdc.mint(address(this), 1e15);
        dollar.mint(address(this), 1e15);
        pool.swap(address(this), target < spotPrice(), 1e15, target, "");
    }

    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata) external {
        if (amount0 > 0) usdc.transfer(address(pool), uint256(amount0));
        if (amount1 > 0) dollar.transfer(address(pool), uint256(amount1));
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        usdc.mint(address(pool), amount0);
        dollar.mint(address(pool), amount1);
    }

    // -------------------------------------------------------------------------------------------------------------- range

    // SPEC R9, ERR-49: at least ±0.5 % around the oracle price, less than one spacing more, on the pool's grid.
    function testFuzz_TheRangeIsHalfAPercentAroundTheOracle(uint256 price, bool wide) public {
        // USDC is token0: its price in the other coin. Above one dollar that coin counts as one, which costs an entry most of its bound.
        price = bound(price, 0.9985e18, 1.02e18);
        if (wide) pool = openPool(500, 20_000_000, 2_000_000);
        adapter = newUniswapAdapter(address(owner));
        prices.set(address(dollar), 1e36 / price);
        pushTo(TickPrice.tickAt(uint160(Math.sqrt(Math.mulDiv(price, 1 << 192, 1e18)))));
        enter(1000e6);
        (int24 lower, int24 upper) = (adapter.tickLower(), adapter.tickUpper());
        int24 spacing = pool.tickSpacing();
        assertEq(lower % spacing, 0);
        assertEq(upper % spacing, 0);
        assertLe(_priceAt(lower), price * 9950 / 10_000);
        assertGt(_priceAt(lower + spacing), price * 9949 / 10_000);
        assertGt(_priceAt(upper), price * 10_050 / 10_000);
        assertLe(_priceAt(upper - spacing), price * 10_051 / 10_000);
    }

    // SPEC R9: later deposits go into the same range, until the price has left it; then the position must leave first.
    function test_ANewRangeNeedsTheOldPositionToLeave() public {
        enter(100_000e6);
        (int24 lower, int24 upper) = (adapter.tickLower(), adapter.tickUpper());
        pushTo(10);
        enter(100_000e6);
        assertEq(adapter.tickLower(), lower);
        assertEq(adapter.tickUpper(), upper);

        prices.set(address(usdc), 1.006e18);
        pushTo(60);
        (bool depositable,) = adapter.health();
        assertFalse(depositable);
        usdc.mint(address(owner), 1000e6);
        vm.expectRevert(abi.encodeWithSelector(UniswapV3LpAdapter.OutOfRange.selector, lower, upper));
        owner.deposit(adapter, 1000e6, 0, "");
        leave();
        assertEq(adapter.value(), 0);
        (depositable,) = adapter.health();
        assertTrue(depositable);
        owner.deposit(adapter, 1000e6, 0, "");
        assertEq(adapter.tickLower(), 9);
        assertEq(adapter.tickUpper(), 110);
    }

    // -------------------------------------------------------------------------------------------------------------- value

    // SPEC R9, ERR-49: ±0.5 % costs 0.125 % against holding when the price is at the edge and 0.89 % at 0.98; the simulated position
    // agrees with the closed form of the whitepaper at every price.
    function testFuzz_ImpermanentLossIsTheClosedForm(uint256 price) public {
        _assertImpermanentLoss(bound(price, 0.97e18, 0.99999e18));
    }

    // The ticks' grid makes the range up to 2 % wider.
    function test_ImpermanentLossAtTheEdgeAndBeyond() public {
        uint256 snapshot = vm.snapshotState();
        assertApproxEqAbs(_assertImpermanentLoss(0.995e18), 0.00125e18, 0.00003e18);
        vm.revertToState(snapshot);
        assertApproxEqAbs(_assertImpermanentLoss(0.98e18), 0.0089e18, 0.00015e18);
    }

    // SPEC C9, ERR-22: neither value nor what an attacker has to gain from it depends on where the pool stands.
    function testFuzz_APushMovesTheValueByItsOwnFeesAlone(int24 tick) public {
        tick = int24(bound(tick, -1900, 1900));
        enter(500_000e6);
        uint256 before = adapter.value();
        uint256 in0 = usdc.balanceOf(address(pool));
        uint256 in1 = dollar.balanceOf(address(pool));
        pushTo(tick);
        uint256 traded = Math.max(
            usdc.balanceOf(address(pool)) - Math.min(in0, usdc.balanceOf(address(pool))),
            dollar.balanceOf(address(pool)) - Math.min(in1, dollar.balanceOf(address(pool)))
        );
        assertGe(adapter.value(), before);
        assertLe(adapter.value() - before, traded / 10_000 + 1);
        assertApproxEqAbs(adapter.value(), before, before / 10_000);
    }

    // SPEC C9: a coin below its peg lowers the value at once, one above it does not raise it.
    function test_TheOtherCoinsPriceIsInTheValue() public {
        enter(100_000e6);
        uint256 before = adapter.value();
        prices.set(address(dollar), 1.003e18);
        assertEq(adapter.value(), before);
        // All of it in the coin that fell.
        prices.set(address(dollar), 0.9e18);
        assertApproxEqRel(adapter.value(), before * 9 / 10, 0.003e18);
        prices.set(address(dollar), 0);
        vm.expectRevert(abi.encodeWithSelector(IPriceSource.PriceUnknown.selector, address(dollar)));
        adapter.value();
    }

    // SPEC C9: fees count as they accrue. That a stranger makes the pool credit them changes nothing.
    function test_FeesCountWhetherCreditedOrNot() public {
        enter(500_000e6);
        uint256 before = adapter.value();
        trade(true, 5_000_000);
        trade(false, 5_000_000);
        uint256 earned = adapter.value() - before;
        // 10M at 1 bp, a fortieth of it ours.
        assertApproxEqRel(earned, 25e6, 0.15e18);
        uint256 value = adapter.value();
        pool.mint(address(adapter), adapter.tickLower(), adapter.tickUpper(), 1, "");
        assertApproxEqAbs(adapter.value(), value, 1);

        uint256 received = owner.harvest(adapter, "");
        assertApproxEqRel(received, earned, 0.001e18);
        assertApproxEqRel(adapter.value(), before, 0.0000001e18);
        leave();
        vm.expectRevert(IAdapter.NothingToHarvest.selector);
        owner.harvest(adapter, "");
    }

    // SPEC C9: who trades with himself to blow up the fees pays more than the value rises, and what it rises by can be had.
    function test_WashTradingIsPaidByTheTrader() public {
        enter(500_000e6);
        uint256 before = adapter.value();
        uint256 paid;
        for (uint256 i; i < 10; ++i) {
            uint256 out = trade(true, 10_000_000);
            paid += 10_000_000e6 - _sellDollars(out);
        }
        uint256 risen = adapter.value() - before;
        assertGt(risen, 0);
        assertLt(risen, paid / 10);
        uint256 value = adapter.value();
        assertGe(leave() + value / 2000, value);
    }

    // SPEC C9: a leaver takes his part of the fees and leaves the others theirs.
    function test_APartTakesItsPartOfTheFees() public {
        enter(500_000e6);
        trade(true, 5_000_000);
        trade(false, 5_000_000);
        uint256 value = adapter.value();
        (uint256 received, uint256 lowered) = owner.withdraw(adapter, value / 4, "");
        // The leaver's own sale pays a fee, of which the position that stays earns its share: a fortieth of 1 bp on half.
        assertLe(lowered, value / 4 + 2);
        assertApproxEqRel(lowered, value / 4, 0.000002e18);
        assertApproxEqRel(received, value / 4, 0.0002e18);
    }

    // SPEC C1: liquidity given to the position is a gift and comes out.
    function test_LiquidityGivenToThePositionIsAGift() public {
        enter(100_000e6);
        uint256 before = adapter.value();
        pool.mint(address(adapter), adapter.tickLower(), adapter.tickUpper(), 1e13, "");
        uint256 value = adapter.value();
        assertGt(value, before + 40_000e6);
        assertApproxEqRel(leave(), value, 0.0003e18);
        assertEq(adapter.value(), 0);
    }

    // SPEC C9: a gift to a range that was left, or to an adapter without a position, binds nothing and needs no price.
    function test_GiftsToAnEmptyAdapterBindNothing() public {
        enter(100_000e6);
        (int24 lower, int24 upper) = (adapter.tickLower(), adapter.tickUpper());
        leave();
        pool.mint(address(adapter), lower, upper, 1e9, "");
        dollar.mint(address(adapter), 5e6);
        usdc.mint(address(adapter), 7e6);
        prices.set(address(dollar), 0);
        assertEq(adapter.value(), 0);
        assertEq(adapter.exitLiquidity(), 0);
        assertEq(leave(), 0);
        vm.expectRevert(IAdapter.NothingToHarvest.selector);
        owner.harvest(adapter, "");
        vm.expectRevert(abi.encodeWithSelector(SlippageBounded.MoreThanHeld.selector, 1, 0));
        owner.withdraw(adapter, 1, "");

        prices.set(address(dollar), 1e18);
        prices.set(address(usdc), 1.006e18);
        pushTo(60);
        assertApproxEqRel(enter(100_000e6), 100_000e6 + 12e6, 0.0005e18);
        assertEq(adapter.tickLower(), 9);
        leave();
        assertEq(usdc.balanceOf(address(adapter)), 0);
        assertEq(dollar.balanceOf(address(adapter)), 0);
    }

    // SPEC C1, C9, C10: in the middle of the pool's own calls the value reads as it does afterwards; a value that anyone could make
    // unreadable for a moment would quarantine the position.
    function test_ReadsTheSameFromWithinThePool() public {
        enter(100_000e6);
        uint256 before = adapter.value();
        PoolReader reader = new PoolReader(adapter, pool);
        usdc.mint(address(reader), 21_000_000e6);
        dollar.mint(address(reader), 21_000_000e6);

        reader.trade(10_000_000e6);
        // Its fee, a two-hundredth of 1 bp.
        assertEq(reader.value(), adapter.value());
        assertGe(reader.value(), before);
        assertApproxEqAbs(reader.value(), before, 10e6);
        before = adapter.value();
        reader.provide(adapter.tickLower(), adapter.tickUpper());
        assertEq(reader.value(), before);
        assertEq(adapter.value(), before);
        // All that there is.
        reader.borrow(usdc.balanceOf(address(pool)), dollar.balanceOf(address(pool)));
        assertEq(reader.value(), before);
    }

    // SPEC C5, C7: nor does the venue look drained: what is missing in the middle of a call is what was borrowed, for the pool's fee.
    function test_TheSizeIsReadableFromWithinThePool() public {
        enter(100_000e6);
        uint256 size = adapter.venueSize();
        PoolReader reader = new PoolReader(adapter, pool);
        usdc.mint(address(reader), 1_000_000e6);
        dollar.mint(address(reader), 1_000_000e6);
        reader.borrow(1, 0);
        assertEq(reader.size(), size - 1);
        assertFalse(reader.withdrawable());
        assertEq(reader.exitLiquidity(), 0);
        uint256 paid = usdc.balanceOf(address(reader));
        size = adapter.venueSize();
        reader.borrow(10_000_000e6, 0);
        assertEq(reader.size(), size - 10_000_000e6);
        assertEq(paid - usdc.balanceOf(address(reader)), 1000e6);
        assertEq(adapter.exitLiquidity(), adapter.value());
    }

    // SPEC C4, C9: of assets that lie here, given or left over, a leaver takes his part and no more, and a harvest takes none.
    function test_APartTakesItsPartOfWhatLiesHere() public {
        enter(100_000e6);
        usdc.mint(address(adapter), 40e6);
        uint256 value = adapter.value();
        (uint256 received, uint256 lowered) = owner.withdraw(adapter, value / 4, "");
        assertLe(lowered, value / 4 + 2);
        assertApproxEqRel(received, value / 4, 0.0002e18);
        assertApproxEqAbs(usdc.balanceOf(address(adapter)), 30e6, 1);
        trade(true, 5_000_000);
        uint256 kept = usdc.balanceOf(address(adapter));
        owner.harvest(adapter, "");
        assertEq(usdc.balanceOf(address(adapter)), kept);
        leave();
        assertEq(usdc.balanceOf(address(adapter)), 0);
        assertEq(adapter.value(), 0);
    }

    // --------------------------------------------------------------------------------------------------------- divergence

    // SPEC C9: liquidity is added only while the pool stands by the oracle.
    function testFuzz_RevertIf_DepositedIntoADivergedPool(int24 tick) public {
        tick = int24(bound(tick, -1500, 1500));
        pushTo(tick);
        uint256 diverged = adapter.divergence();
        uint256 price = _priceAt(tick);
        assertApproxEqAbs(diverged, price > 1e18 ? price - 1e18 : 1e36 / price - 1e18, 1e6);
        (bool depositable,) = adapter.health();
        assertEq(depositable, diverged <= 0.002e18);
        usdc.mint(address(owner), 1000e6);
        if (diverged > 0.002e18) {
            vm.expectRevert(
                abi.encodeWithSelector(UniswapV3LpAdapter.SpotDiverged.selector, diverged, uint256(0.002e18))
            );
        }
        owner.deposit(adapter, 1000e6, 0, "");
    }

    // SPEC C9: a sandwich around a deposit costs the depositor less than the bound, and the pool does not leave its bound by it.
    function testFuzz_ASandwichedDepositCostsLessThanTheBound(int24 tick, uint256 assets) public {
        assets = bound(assets, 1000e6, 5_000_000e6);
        pushTo(int24(bound(tick, -19, 19)));
        usdc.mint(address(owner), assets);
        try owner.deposit(adapter, assets, 0, "") returns (uint256 gained) {
            assertGe(gained, assets * 9970 / 10_000);
            assertLe(adapter.divergence(), 0.002e18 + 1e10);
        } catch (bytes memory reason) {
            assertEq(bytes4(reason), SlippageBounded.BelowMinimum.selector);
            assertEq(adapter.value(), 0);
        }
    }

    // SPEC C9: an exit pays its value less the bound at the most, wherever the pool stands, or does not happen.
    function testFuzz_AnExitPaysWithinTheBoundOrNotAtAll(int24 tick, uint256 assets) public {
        enter(bound(assets, 1000e6, 2_000_000e6));
        pushTo(int24(bound(tick, -1500, 1500)));
        uint256 value = adapter.value();
        try owner.withdraw(adapter, type(uint256).max, "") returns (uint256 received, uint256 lowered) {
            assertGe(received + 1, lowered * 9970 / 10_000);
        } catch (bytes memory reason) {
            assertEq(bytes4(reason), SlippageBounded.BelowMinimum.selector);
            assertEq(adapter.value(), value);
            // Not for its size.
            vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
            owner.withdraw(adapter, value / 8, "");
        }
    }

    // SPEC C9, C10: of a position that the pool does not pay for as a whole, "everything" is the part that it pays for.
    function test_EverythingIsWhatThePoolPaysFor() public {
        for (uint256 i; i < 4; ++i) {
            pushTo(0);
            enter(5_000_000e6);
        }
        pushTo(20);
        uint256 value = adapter.value();
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.withdraw(adapter, value, "");
        // What is asked for at least counts for the part as well.
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.withdraw(adapter, type(uint256).max, abi.encode(value * 9970 / 10_000));
        (uint256 received, uint256 lowered) = owner.withdraw(adapter, type(uint256).max, "");
        assertApproxEqRel(lowered, value / 2, 0.001e18);
        assertGe(received, lowered * 9970 / 10_000);
        pushTo(0);
        uint256 rest = adapter.value();
        assertGe(leave(), rest * 9970 / 10_000);
        assertEq(adapter.value(), 0);
    }

    // SPEC C13: the attempts at it are the adapter's own.
    function test_RevertIf_SomeoneElseAttemptsAPart() public {
        enter(1000e6);
        vm.expectRevert(abi.encodeWithSelector(IAdapter.OnlyVault.selector, address(this)));
        adapter.withdrawHalved(1, "");
    }

    // SPEC C9: what it says could leave can leave.
    function testFuzz_ExitLiquidityCanLeave(int24 tick, uint256 assets) public {
        enter(bound(assets, 1000e6, 5_000_000e6));
        pushTo(int24(bound(tick, -90, 90)));
        uint256 can = adapter.exitLiquidity();
        assertLe(can, adapter.value());
        if (can == 0) return;
        (uint256 received,) = owner.withdraw(adapter, can, "");
        assertGe(received, can * 9970 / 10_000);
    }

    // SPEC C9: a pool in which the other coin has become unsaleable is left through another market.
    function test_AnExitByRouteLeavesADivergedPool() public {
        enter(500_000e6);
        openPool(500, 20_000_000, 2_000_000);
        // The pool sells the other coin far too cheap: the position is nothing but it.
        pushTo(1500);
        uint256 value = adapter.value();
        assertEq(adapter.exitLiquidity(), 0);
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.withdraw(adapter, type(uint256).max, "");
        (uint256 received,) =
            owner.withdraw(adapter, type(uint256).max, abi.encode(uint256(0), abi.encode(uint24(500))));
        assertGe(received, value * 9990 / 10_000);
        assertEq(adapter.value(), 0);
        assertEq(dollar.balanceOf(address(adapter)), 0);
    }

    // SPEC C9: when the market and the oracle both say that the coin has fallen, the position leaves at what it is worth now.
    function test_AnExitFromADepeg() public {
        enter(20_000e6);
        prices.set(address(dollar), 0.95e18);
        pushTo(512);
        uint256 value = adapter.value();
        assertApproxEqRel(value, 19_000e6, 0.004e18);
        assertGe(leave(), value * 9970 / 10_000);
    }

    // ------------------------------------------------------------------------------------------------- instructions, limits

    // SPEC C9: instructions raise the minimum; they cannot lower it.
    function test_InstructionsRaiseTheMinimum() public {
        usdc.mint(address(owner), 200_000e6);
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.deposit(adapter, 100_000e6, 0, abi.encode(uint256(100_001e6)));
        owner.deposit(adapter, 100_000e6, 0, abi.encode(uint256(99_990e6)));
        uint256 value = adapter.value();
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.withdraw(adapter, value / 2, abi.encode(value));
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.withdraw(adapter, value / 2, abi.encode(value, bytes("")));
        owner.withdraw(adapter, value / 2, abi.encode(value / 2 - value / 10_000));
        pushTo(1500);
        vm.expectPartialRevert(SlippageBounded.BelowMinimum.selector);
        owner.withdraw(adapter, type(uint256).max, abi.encode(uint256(0)));
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

    function test_RevertIf_RoutedWithoutASwapper() public {
        UniswapV3Valuation.Config memory plain = config();
        plain.swapper = ISwapper(address(0));
        adapter = new UniswapV3LpAdapter(address(owner), plain);
        enter(1000e6);
        vm.expectRevert(SlippageBounded.NoSwapper.selector);
        owner.withdraw(adapter, type(uint256).max, abi.encode(uint256(0), abi.encode(uint24(500))));
    }

    // SPEC C9: only the pool is paid.
    function test_RevertIf_AnyoneElseCallsBack() public {
        usdc.mint(address(adapter), 1000e6);
        vm.expectRevert(abi.encodeWithSelector(UniswapV3LpAdapter.NotThePool.selector, address(this)));
        adapter.uniswapV3MintCallback(1000e6, 0, "");
        vm.expectRevert(abi.encodeWithSelector(UniswapV3LpAdapter.NotThePool.selector, address(this)));
        adapter.uniswapV3SwapCallback(1000e6, 0, "");
    }

    // SPEC C9: an oracle that fails closes the way in without making the reading fail.
    function test_HealthWithoutAPrice() public {
        enter(1000e6);
        prices.set(address(dollar), 0);
        (bool depositable, bool withdrawable) = adapter.health();
        assertFalse(depositable);
        assertTrue(withdrawable);
    }

    function test_RevertIf_DeployedAmiss() public {
        UniswapV3Valuation.Config memory bad = config();
        bad.maxSlippageBps = 101;
        vm.expectRevert(abi.encodeWithSelector(SlippageBounded.SlippageBoundTooWide.selector, 101, 100));
        new UniswapV3LpAdapter(address(owner), bad);
        bad = config();
        bad.maxDeviationBps = 51;
        vm.expectRevert(abi.encodeWithSelector(UniswapV3Valuation.DeviationBoundTooWide.selector, 51, 50));
        new UniswapV3LpAdapter(address(owner), bad);
        bad.maxDeviationBps = 0;
        vm.expectRevert(abi.encodeWithSelector(UniswapV3Valuation.DeviationBoundTooWide.selector, 0, 50));
        new UniswapV3LpAdapter(address(owner), bad);
        // The other way round: the vault's asset would be the finer coin.
        (AdapterOwner finer, address coarse) = (new AdapterOwner(address(dollar)), address(usdc));
        vm.mockCall(coarse, abi.encodeWithSignature("decimals()"), abi.encode(uint8(2)));
        bad = config();
        vm.expectRevert(abi.encodeWithSelector(UniswapV3Valuation.OtherTooCoarse.selector, coarse, 2));
        new UniswapV3LpAdapter(address(finer), bad);
        vm.clearMockedCalls();
        AdapterOwner foreign = new AdapterOwner(address(exchange.router));
        bad = config();
        vm.expectRevert(
            abi.encodeWithSelector(UniswapV3Valuation.AssetNotInPool.selector, address(pool), address(exchange.router))
        );
        new UniswapV3LpAdapter(address(foreign), bad);
    }

    // ------------------------------------------------------------------------------------------------------------ helpers

    /// @dev Opens at parity, lets oracle and pool go to `price` (dollars per other coin), and holds the position's value less fees
    /// against the closed form. Returns the loss against holding what was put in, 18 decimals.
    function _assertImpermanentLoss(uint256 price) private returns (uint256) {
        enter(10_000e6);
        // The entry's own swaps have earned it something, which is no part of the formula.
        try owner.harvest(adapter, "") {} catch {}
        // Everything in the range: the little that the entry left beside it is no part of the formula.
        uint256 loose = dollar.balanceOf(address(adapter));
        prices.set(address(dollar), price);
        uint256 value = adapter.value() - loose * price / 1e18;

        // With s = √(other per USDC): holdings at 1 are x = L(1/s − 1/b) USDC and y = L(s − a) of the other; at p the same formula.
        (uint256 a, uint256 b) = (_rootAt(adapter.tickLower()), _rootAt(adapter.tickUpper()));
        uint256 at = Math.sqrt(1e54 / price);
        (uint256 x, uint256 y) = _contents(_root(spotPrice()), a, b);
        uint256 hold = x + y * price / 1e18;
        (uint256 usd, uint256 others) = _contents(at, a, b);
        uint256 position = usd + others * price / 1e18;
        uint256 expected = (hold - position) * 1e18 / hold;

        // The same of the real position, its liquidity read from the pool.
        (uint128 liquidity,,,,) =
            pool.positions(keccak256(abi.encodePacked(address(adapter), adapter.tickLower(), adapter.tickUpper())));
        uint256 held = uint256(liquidity) * hold / 1e18;
        uint256 actual = (held - value) * 1e18 / held;
        assertApproxEqAbs(actual, expected, 1e10);
        return actual;
    }

    /// @dev USDC and the other coin of 1e18 of liquidity at a root price, 18 decimals.
    function _contents(uint256 root, uint256 a, uint256 b) private pure returns (uint256 x, uint256 y) {
        root = Math.min(Math.max(root, a), b);
        return (1e36 / root - 1e36 / b, root - a);
    }

    function _rootAt(int24 tick) private pure returns (uint256) {
        return _root(TickPrice.sqrtPriceAt(tick));
    }

    function _root(uint160 sqrtPriceX96) private pure returns (uint256) {
        return Math.mulDiv(sqrtPriceX96, 1e18, 1 << 96);
    }

    function _priceAt(int24 tick) private pure returns (uint256) {
        uint256 root = TickPrice.sqrtPriceAt(tick);
        return Math.mulDiv(root * root, 1e18, 1 << 192);
    }

    function _sellDollars(uint256 others) private returns (uint256 out) {
        uint256 before = usdc.balanceOf(address(this));
        pool.swap(address(this), false, int256(others), TickPrice.sqrtPriceAt(TickPrice.MAX_TICK) - 1, "");
        return usdc.balanceOf(address(this)) - before;
    }
}

interface IFlashPool {
    function flash(address recipient, uint256 amount0, uint256 amount1, bytes calldata data) external;
}

/// @notice Reads the adapter from within its own swap, mint and flash, when the pool has not been paid yet.
contract PoolReader {
    UniswapV3LpAdapter private immutable _adapter;
    IUniswapV3Pool private immutable _pool;

    uint256 public value;
    uint256 public size;
    uint256 public exitLiquidity;
    bool public withdrawable;

    constructor(UniswapV3LpAdapter adapter, IUniswapV3Pool pool) {
        (_adapter, _pool) = (adapter, pool);
    }

    function trade(uint256 amount) external {
        _pool.swap(address(this), true, int256(amount), TickPrice.sqrtPriceAt(-1000), "");
    }

    function provide(int24 lower, int24 upper) external {
        _pool.mint(address(this), lower, upper, 1e12, "");
    }

    function borrow(uint256 amount0, uint256 amount1) external {
        IFlashPool(address(_pool)).flash(address(this), amount0, amount1, abi.encode(amount0, amount1));
    }

    function uniswapV3SwapCallback(int256 amount0, int256, bytes calldata) external {
        _readAndPay(uint256(amount0), 0);
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        _readAndPay(amount0, amount1);
    }

    function uniswapV3FlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external {
        (uint256 amount0, uint256 amount1) = abi.decode(data, (uint256, uint256));
        _readAndPay(amount0 + fee0, amount1 + fee1);
    }

    function _readAndPay(uint256 amount0, uint256 amount1) private {
        (value, size, exitLiquidity) = (_adapter.value(), _adapter.venueSize(), _adapter.exitLiquidity());
        (, withdrawable) = _adapter.health();
        IERC20(_pool.token0()).transfer(address(_pool), amount0);
        IERC20(_pool.token1()).transfer(address(_pool), amount1);
    }
}
