// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {PendlePtAdapter} from "../../../contracts/adapters/PendlePtAdapter.sol";
import {IAdapter} from "../../../contracts/interfaces/IAdapter.sol";
import {PendleCurve} from "../../../contracts/libraries/PendleCurve.sol";
import {PendleFixture} from "../../support/PendleFixture.sol";

/// @notice What the Pendle PT adapter's price and bounds withstand, and that its arithmetic is the market's (SPEC C9).
contract PendlePtPriceTest is PendleFixture {
    // ------------------------------------------------------------------------------------------------------ differential

    // SPEC C9: the price is Pendle's own TWAP oracle's, whatever was traded when.
    function testFuzz_ThePriceIsPendlesOracles(uint256[4] memory amounts, uint256[4] memory times) public {
        for (uint256 i; i < amounts.length; ++i) {
            if (i % 2 == 0) otherBuys(bound(amounts[i], 1e6, 1_000_000e6));
            else otherSells(bound(amounts[i], 1e6, 1_000_000e6));
            pass(bound(times[i], 1, i == 3 ? 140 days : 10 days));
            uint256 price = adapter.ptPrice();
            // Pendle's exponential is exact to 10^-16.
            assertApproxEqAbs(price, oracle.getPtToAssetRate(address(pendle.market), uint32(TWAP_WINDOW)), 100);
            assertLt(price, WAD);
        }
        pass(200 days);
        assertEq(adapter.ptPrice(), WAD);
    }

    // SPEC C9: a deposit buys all the PT that it pays for: the market keeps a few units beside the price.
    function testFuzz_ADepositIsSpentToTheLastUnits(uint256 assets, uint256 pushed, uint256 time) public {
        pushed = bound(pushed, 1e6, 300_000e6);
        if (pushed % 2 == 0) otherBuys(pushed);
        else otherSells(pushed);
        pass(bound(time, 1 hours, 170 days));
        enter(bound(assets, 1000e6, 300_000e6));
        (, int128 totalSy,,,,) = pendle.market._storage();
        uint256 surplus = pendle.sy.balanceOf(address(pendle.market)) - uint256(int256(totalSy));
        assertLe(pendle.sy.previewRedeem(address(usdc), surplus), 8);
    }

    // SPEC C9: Pendle keeps its index for the block; a gain or loss in between does not make our arithmetic another than the market's.
    function testFuzz_TheIndexIsTheMarketsWithinABlock(uint256 moved, bool gain) public {
        otherBuys(1e6);
        uint256 total = underlying.totalAssets();
        if (gain) underlying.gain(bound(moved, 1, total / 200));
        else underlying.lose(bound(moved, 1, total / 1000));
        enter(100_000e6);
        (, int128 totalSy,,,,) = pendle.market._storage();
        uint256 surplus = pendle.sy.balanceOf(address(pendle.market)) - uint256(int256(totalSy));
        assertLe(pendle.sy.previewRedeem(address(usdc), surplus), 8);
        uint256 value = adapter.value();
        assertEq(adapter.exitLiquidity(), value);
        assertApproxEqRel(leave(), value, 0.015e18);
        assertClean();
    }

    // SPEC C9: a gain that the market does not see until the next block would cost a purchase its part of it; above the bound there is none.
    function test_RevertIf_TheMarketLagsBehindItsSy() public {
        otherBuys(1e6);
        underlying.gain(underlying.totalAssets() / 20);
        usdc.mint(address(owner), 100_000e6);
        vm.expectPartialRevert(PendlePtAdapter.InsufficientOutput.selector);
        owner.deposit(adapter, 100_000e6, 0, "");
        pass(BLOCK_TIME);
        assertApproxEqRel(owner.deposit(adapter, 100_000e6, 0, ""), 100_000e6, 0.01e18);
    }

    // SPEC C9: what it says the market would buy within the bound is bought within the bound, and hardly more would be.
    function testFuzz_ExitLiquidityIsWhatTheBoundAllows(uint256 pushed, uint256 time) public {
        enter(1_000_000e6);
        pass(bound(time, 1 hours, 150 days));
        pushed = bound(pushed, 500_000e6, 5_000_000e6);
        otherSells(pushed);
        uint256 value = adapter.value();
        uint256 can = adapter.exitLiquidity();
        assertLe(can, value);
        uint256 more = can + can / 50 + 20_000e6;
        if (more <= value) {
            vm.expectPartialRevert(PendlePtAdapter.InsufficientOutput.selector);
            owner.withdraw(adapter, more, "");
        }
        uint256 received = leave();
        assertGe(received + 4, can * (10_000 - SLIPPAGE_BPS) / 10_000);
        assertApproxEqAbs(adapter.value(), value - can, 4);
        assertClean();
    }

    // ------------------------------------------------------------------------------------------------------- manipulation

    // SPEC C9: within a block no trade moves the value at all, in either direction.
    function testFuzz_AFlashTradeDoesNotMoveTheValue(uint256 size, bool up) public {
        enter(100_000e6);
        pass(1 hours);
        uint256 value = adapter.value();
        uint256 venueSize = adapter.venueSize();
        size = bound(size, 1_000_000e6, 8_000_000e6);
        if (up) otherBuys(size / 2);
        else otherSells(size);
        assertEq(adapter.value(), value);
        // It brought what it took, at a worse price than ours.
        assertApproxEqRel(adapter.venueSize(), venueSize, 0.05e18);
    }

    // SPEC C9: a push that stands for one block moves the price by that block's part of the window at most.
    function testFuzz_APushOfOneBlockMovesTheValueByItsPartOfTheWindow(uint256 size, bool up) public {
        enter(100_000e6);
        pass(1 hours);
        uint256 before = adapter.ptPrice();
        size = bound(size, 1_000_000e6, 8_000_000e6);
        if (up) otherBuys(size / 2);
        else otherSells(size);
        skip(BLOCK_TIME);
        uint256 price = adapter.ptPrice();
        uint256 spot = oracle.getPtToAssetRate(address(pendle.market), 0);
        uint256 moved = price > before ? price - before : before - price;
        uint256 whole = spot > before ? spot - before : before - spot;
        // The implied rate is averaged, so the price follows up to its curvature.
        assertLe(moved, whole * BLOCK_TIME / TWAP_WINDOW * 12 / 10 + 1e12);
        // At most six basis points for a push that costs its author far more.
        assertLe(moved * 10_000, before * 6);
    }

    // SPEC C9: trades in every block of the window do not make the value unreadable.
    function test_TradesInEveryBlockKeepTheValueReadable() public {
        enter(100_000e6);
        usdc.mint(address(trader), 1_000_000e6);
        trader.mintPrincipal();
        for (uint256 i; i < 160; ++i) {
            pass(BLOCK_TIME);
            trader.sell(100e6);
            assertGt(adapter.value(), 0);
        }
    }

    // SPEC C9: pushed up by a front-runner, a purchase costs at most the bound or does not happen.
    function testFuzz_AFrontRunPurchaseStaysWithinTheBound(uint256 pushed, uint256 assets) public {
        otherBuys(bound(pushed, 1e6, 6_000_000e6));
        assets = bound(assets, 1000e6, 500_000e6);
        usdc.mint(address(owner), assets);
        (bool ok, bytes memory returned) = address(owner).call(abi.encodeCall(owner.deposit, (adapter, assets, 0, "")));
        if (ok) {
            assertGe(abi.decode(returned, (uint256)) + 2, assets * (10_000 - SLIPPAGE_BPS) / 10_000);
        } else {
            assertEq(adapter.value(), 0);
        }
    }

    // SPEC C9
    function test_RevertIf_ThePurchaseIsWorseThanTheBound() public {
        otherBuys(5_000_000e6);
        usdc.mint(address(owner), 100_000e6);
        vm.expectPartialRevert(PendlePtAdapter.InsufficientOutput.selector);
        owner.deposit(adapter, 100_000e6, 0, "");
    }

    // SPEC C9: pushed down, a sale of a named amount does not happen, and a full exit takes what the bound allows: here nothing.
    function test_RevertIf_TheSaleIsWorseThanTheBound() public {
        enter(100_000e6);
        pass(1 hours);
        otherSells(8_000_000e6);
        uint256 value = adapter.value();
        assertEq(adapter.exitLiquidity(), 0);
        assertEq(leave(), 0);
        vm.expectPartialRevert(PendlePtAdapter.InsufficientOutput.selector);
        owner.withdraw(adapter, 1000e6, "");
        assertEq(adapter.value(), value);
        // Once the price has stood for the window it is the price.
        pass(TWAP_WINDOW);
        value = adapter.value();
        assertEq(adapter.exitLiquidity(), value);
        assertApproxEqRel(leave(), value, 0.01e18);
    }

    // SPEC C9: more than the market holds is refused by name, and so is a purchase that would drive PT above par.
    function test_RevertIf_TheMarketIsTooSmall() public {
        usdc.mint(address(owner), 30_000_000e6);
        vm.expectPartialRevert(PendleCurve.MarketTooSmall.selector);
        owner.deposit(adapter, 30_000_000e6, 0, "");
        vm.expectPartialRevert(PendleCurve.PriceAbovePar.selector);
        owner.deposit(adapter, 9_500_000e6, 0, "");
    }

    // ------------------------------------------------------------------------------------------------------- instructions

    // SPEC C9: the keeper may ask for more than the bound.
    function test_InstructionsTightenTheBound() public {
        uint256 snapshot = vm.snapshotState();
        enter(100_000e6);
        uint256 principal = principalOf(address(adapter));
        vm.revertToState(snapshot);

        usdc.mint(address(owner), 100_000e6);
        vm.expectRevert(abi.encodeWithSelector(PendlePtAdapter.InsufficientOutput.selector, principal, principal + 1));
        owner.deposit(adapter, 100_000e6, 0, abi.encode(principal + 1));
        owner.deposit(adapter, 100_000e6, 0, abi.encode(principal));

        snapshot = vm.snapshotState();
        (uint256 received,) = owner.withdraw(adapter, 50_000e6, "");
        vm.revertToState(snapshot);
        vm.expectRevert(abi.encodeWithSelector(PendlePtAdapter.InsufficientOutput.selector, received, received + 1));
        owner.withdraw(adapter, 50_000e6, abi.encode(received + 1));
        owner.withdraw(adapter, 50_000e6, abi.encode(received));
    }

    // SPEC C9: they cannot loosen it.
    function test_RevertIf_InstructedToAcceptLessThanTheBound() public {
        enter(100_000e6);
        otherSells(8_000_000e6);
        vm.expectPartialRevert(PendlePtAdapter.InsufficientOutput.selector);
        owner.withdraw(adapter, 1000e6, abi.encode(uint256(1)));
    }

    function test_RevertIf_TheInstructionsAreMalformed() public {
        enter(1000e6);
        usdc.mint(address(owner), 1e6);
        vm.expectRevert(IAdapter.UnexpectedData.selector);
        owner.deposit(adapter, 1e6, 0, hex"00");
        vm.expectRevert(IAdapter.UnexpectedData.selector);
        owner.withdraw(adapter, 1e6, hex"00");
    }

    // SPEC C9: the market refuses sales too small to pay a fee; such a remainder is no exit liquidity and waits for maturity.
    function test_ARemainderTooSmallToSellWaitsForMaturity() public {
        enter(1000e6);
        pass(1 hours);
        owner.withdraw(adapter, adapter.value() - 10, "");
        uint256 principal = principalOf(address(adapter));
        assertGt(principal, 0);
        assertEq(adapter.exitLiquidity(), 0);
        assertEq(leave(), 0);
        pass(expiry - block.timestamp);
        assertApproxEqAbs(leave(), principal, 3);
    }
}
