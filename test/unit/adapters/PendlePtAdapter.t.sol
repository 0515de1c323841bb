// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {PendlePtAdapter} from "../../../contracts/adapters/PendlePtAdapter.sol";
import {IAdapter} from "../../../contracts/interfaces/IAdapter.sol";
import {IPausableSy, PendleDeployer} from "../../../script/protocols/PendleDeployer.sol";
import {AdapterOwner} from "../../support/AdapterOwner.sol";
import {PendleFixture} from "../../support/PendleFixture.sol";
import {TestAsset} from "../../support/TestAsset.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";

/// @notice The Pendle PT adapter's life on Pendle's own bytecode: buy, hold, sell, mature, lose (SPEC C9).
contract PendlePtAdapterTest is PendleFixture {
    // ------------------------------------------------------------------------------------------------------- construction

    function test_WhatItServes() public view {
        assertEq(adapter.vault(), address(owner));
        assertEq(adapter.asset(), address(usdc));
        assertEq(adapter.venue(), address(pendle.market));
        assertEq(address(adapter.pt()), address(pendle.pt));
        assertEq(address(adapter.sy()), address(pendle.sy));
        assertEq(address(adapter.yt()), pendle.yt);
        assertEq(address(adapter.underlying()), address(underlying));
        assertEq(adapter.expiry(), expiry);
        assertApproxEqRel(adapter.venueSize(), POOL, 0.02e18);
    }

    function test_RevertIf_TheWindowIsOutOfRange() public {
        uint256[2] memory windows = [uint256(15 minutes - 1), 1 days + 1];
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    PendlePtAdapter.TwapWindowOutOfRange.selector, windows[i], uint256(15 minutes), uint256(1 days)
                )
            );
            newAdapter(windows[i], BLOCK_TIME, SLIPPAGE_BPS);
        }
    }

    function test_RevertIf_TheSlippageIsOutOfRange() public {
        uint256[2] memory slippages = [uint256(0), 101];
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(PendlePtAdapter.SlippageOutOfRange.selector, slippages[i], 100));
            newAdapter(TWAP_WINDOW, BLOCK_TIME, slippages[i]);
        }
    }

    function test_RevertIf_TheBlockTimeIsZero() public {
        vm.expectRevert(PendlePtAdapter.BlockTimeZero.selector);
        newAdapter(TWAP_WINDOW, 0, SLIPPAGE_BPS);
    }

    // SPEC C9: a market that keeps fewer observations than the window has blocks could be made unreadable by trading in each.
    function test_RevertIf_TheMarketKeepsTooFewObservations() public {
        vm.expectRevert(abi.encodeWithSelector(PendlePtAdapter.TooFewObservations.selector, OBSERVATIONS, 77));
        newAdapter(TWAP_WINDOW + 1, BLOCK_TIME, SLIPPAGE_BPS);
    }

    function test_RevertIf_TheObservationsDoNotReachBackYet() public {
        vm.expectPartialRevert(bytes4(keccak256("OracleTargetTooOld(uint32,uint32)")));
        new PendlePtAdapter(address(owner), address(pendle.market), 1 days, 1200, SLIPPAGE_BPS);
    }

    function test_RevertIf_TheMarketHasMatured() public {
        vm.warp(expiry);
        vm.expectRevert(abi.encodeWithSelector(PendlePtAdapter.AlreadyMatured.selector, expiry));
        newAdapter(TWAP_WINDOW, BLOCK_TIME, SLIPPAGE_BPS);
    }

    // SPEC C4: coarser shares would take more out of the position than was asked.
    function test_RevertIf_TheSharesUnderTheSyAreTooCoarse() public {
        vm.mockCall(address(underlying), abi.encodeCall(IERC4626.convertToAssets, (1)), abi.encode(uint256(2)));
        vm.expectRevert(abi.encodeWithSelector(PendlePtAdapter.SharesTooCoarse.selector, 2, 1));
        newAdapter(TWAP_WINDOW, BLOCK_TIME, SLIPPAGE_BPS);
    }

    function test_RevertIf_TheAssetIsAnother() public {
        TestAsset other = new TestAsset();
        AdapterOwner stranger = new AdapterOwner(address(other));
        vm.expectRevert(abi.encodeWithSelector(PendlePtAdapter.AssetMismatch.selector, address(usdc), address(other)));
        new PendlePtAdapter(address(stranger), address(pendle.market), TWAP_WINDOW, BLOCK_TIME, SLIPPAGE_BPS);
    }

    // ------------------------------------------------------------------------------------------------ buy, hold, redeem

    // SPEC C9: bought below par, redeemed at par: the yield was fixed on the first day.
    function testFuzz_BoughtBelowParAndRedeemedAtPar(uint256 assets, uint256 time) public {
        assets = bound(assets, 1e6, 500_000e6);
        uint256 gained = enter(assets);
        uint256 principal = principalOf(address(adapter));
        assertGt(principal, assets);
        assertApproxEqRel(gained, assets, 0.01e18);
        assertClean();

        pass(expiry - block.timestamp + bound(time, 0, 365 days));
        underlying.gain(300_000e6);
        uint256 value = adapter.value();
        // PT to SY and SY to assets each lose less than a share.
        assertApproxEqAbs(value, principal, 3);
        assertLe(value, principal);
        assertEq(adapter.liquidity(), value);
        assertEq(leave(), value);
        assertEq(principalOf(address(adapter)), 0);
        assertEq(adapter.value(), 0);
        assertClean();
    }

    // SPEC C9: exactly the part asked for, however coarse the shares.
    function testFuzz_AMaturedPositionPaysToTheUnit(uint256 part) public {
        enter(100_000e6);
        pass(expiry - block.timestamp);
        uint256 value = adapter.value();
        part = bound(part, 1, value);
        (uint256 received, uint256 lowered) = owner.withdraw(adapter, part, "");
        assertEq(received, part);
        assertApproxEqAbs(lowered, part, 2);
        uint256 rest = adapter.value();
        assertEq(adapter.liquidity(), rest);
        assertEq(leave(), rest);
        assertClean();
    }

    // SPEC C9: with nothing traded, the value only grows, to par.
    function test_TheValueGrowsWithTimeToPar() public {
        enter(100_000e6);
        uint256 principal = principalOf(address(adapter));
        uint256 last = adapter.value();
        while (block.timestamp < expiry) {
            pass(9 days);
            uint256 value = adapter.value();
            assertGt(value, last);
            last = value;
        }
        assertApproxEqAbs(last, principal, 3);
    }

    // SPEC C9: sold before maturity, at the market's price less its fee.
    function testFuzz_SoldBeforeMaturity(uint256 assets, uint256 time) public {
        enter(bound(assets, 100e6, 500_000e6));
        pass(bound(time, 1 hours, 179 days));
        uint256 value = adapter.value();
        assertEq(adapter.liquidity(), 0);
        assertEq(adapter.exitLiquidity(), value);
        assertApproxEqRel(leave(), value, 0.01e18);
        assertEq(adapter.value(), 0);
        assertClean();
    }

    // SPEC C9: part before maturity, rest after.
    function test_PartSoldAndTheRestRedeemed() public {
        enter(100_000e6);
        pass(90 days);
        uint256 value = adapter.value();
        (uint256 received, uint256 lowered) = owner.withdraw(adapter, 40_000e6, "");
        assertApproxEqRel(received, 40_000e6, 0.01e18);
        assertApproxEqAbs(lowered, 40_000e6, 2);
        assertApproxEqAbs(adapter.value(), value - 40_000e6, 2);
        uint256 principal = principalOf(address(adapter));
        pass(expiry - block.timestamp);
        assertApproxEqAbs(leave(), principal, 3);
        assertClean();
    }

    function test_NothingIsTakenWhereNothingIsAsked() public {
        enter(1000e6);
        uint256 principal = principalOf(address(adapter));
        (uint256 received,) = owner.withdraw(adapter, 0, "");
        assertEq(received, 0);
        pass(expiry - block.timestamp);
        (received,) = owner.withdraw(adapter, 0, "");
        assertEq(received, 0);
        assertEq(principalOf(address(adapter)), principal);
    }

    function test_RevertIf_MoreThanThePositionIsTaken() public {
        enter(1000e6);
        uint256 value = adapter.value();
        bytes memory refusal = abi.encodeWithSelector(PendlePtAdapter.ExceedsPosition.selector, value + 1, value);
        vm.expectRevert(refusal);
        owner.withdraw(adapter, value + 1, "");
        pass(expiry - block.timestamp);
        value = adapter.value();
        vm.expectRevert(abi.encodeWithSelector(PendlePtAdapter.ExceedsPosition.selector, value + 1, value));
        owner.withdraw(adapter, value + 1, "");
    }

    // SPEC C9: a matured market takes no deposit and pays.
    function test_RevertIf_EnteredAfterMaturity() public {
        enter(1000e6);
        pass(expiry - block.timestamp);
        (bool depositable, bool withdrawable) = adapter.health();
        assertFalse(depositable);
        assertTrue(withdrawable);
        usdc.mint(address(owner), 1e6);
        vm.expectRevert(abi.encodeWithSelector(PendlePtAdapter.AlreadyMatured.selector, expiry));
        owner.deposit(adapter, 1e6, 0, "");
    }

    // SPEC C9: PT has no rewards, whoever asks and whenever.
    function test_RevertIf_Harvested() public {
        enter(1000e6);
        vm.expectRevert(IAdapter.NothingToHarvest.selector);
        owner.harvest(adapter, "");
    }

    // -------------------------------------------------------------------------------------------------------- SY's states

    // SPEC C9, C10: paused, it promises nothing and keeps its value, before and after maturity.
    function test_APausedSyPaysNothingUntilItOpens() public {
        enter(1000e6);
        for (uint256 i; i < 2; ++i) {
            uint256 value = adapter.value();
            IPausableSy(address(pendle.sy)).pause();
            (bool depositable, bool withdrawable) = adapter.health();
            assertFalse(depositable);
            assertFalse(withdrawable);
            assertEq(adapter.liquidity(), 0);
            assertEq(adapter.exitLiquidity(), 0);
            assertEq(adapter.value(), value);
            assertEq(leave(), 0);
            vm.expectRevert("Pausable: paused");
            owner.withdraw(adapter, 1e6, "");
            IPausableSy(address(pendle.sy)).unpause();
            pass(expiry - block.timestamp);
        }
        assertEq(adapter.liquidity(), adapter.value());
    }

    // SPEC C9: a loss of the vault under the SY is the principal's loss too, at once and in proportion.
    function testFuzz_ALossOfTheUnderlyingLowersTheValue(uint256 lost, bool matured) public {
        enter(100_000e6);
        if (matured) pass(expiry - block.timestamp);
        else pass(1 hours);
        uint256 value = adapter.value();
        // Someone has shown Pendle today's share price, as any trade does.
        otherTouchesIndex();
        pass(BLOCK_TIME);
        uint256 total = underlying.totalAssets();
        lost = bound(lost, total / 1000, total * 3 / 4);
        underlying.lose(lost);
        uint256 expected = value * (total - lost) / total;
        assertApproxEqRel(adapter.value(), expected, 0.0001e18);
        uint256 left = adapter.value();
        assertApproxEqRel(leave(), left, 0.01e18);
    }

    // SPEC C9: later gains make good the loss up to par and no further.
    function test_AfterALossTheValueRisesToParAtMost() public {
        enter(100_000e6);
        uint256 principal = principalOf(address(adapter));
        pass(expiry - block.timestamp);
        otherTouchesIndex();
        underlying.lose(5_000_000e6);
        pass(BLOCK_TIME);
        assertLt(adapter.value(), principal * 9 / 10);
        underlying.gain(15_000_000e6);
        pass(BLOCK_TIME);
        assertApproxEqAbs(adapter.value(), principal, 3);
        assertLe(adapter.value(), principal);
    }

    // SPEC C9: what the vault under the SY has lent out cannot leave; the part that can be sold is what it can pay.
    function testFuzz_ALentOutUnderlyingLimitsTheExit(uint256 left) public {
        enter(200_000e6);
        uint256 value = adapter.value();
        left = bound(left, 1000e6, 100_000e6);
        underlying.lend(underlying.cash() - left);
        assertApproxEqRel(adapter.utilisation(), (value - left) * WAD / value, 0.0001e18);
        uint256 can = adapter.exitLiquidity();
        uint256 received = leave();
        assertLe(received, left);
        assertApproxEqRel(received, left, 0.01e18);
        assertApproxEqAbs(adapter.value(), value - can, 3);
        assertApproxEqRel(can, left, 0.01e18);
    }

    // SPEC C9, C10: nothing can leave, so nothing does, and the vault is told.
    function test_AnEmptyUnderlyingIsNotWithdrawable() public {
        enter(1000e6);
        underlying.lend(underlying.cash());
        (, bool withdrawable) = adapter.health();
        assertFalse(withdrawable);
        assertEq(adapter.utilisation(), WAD);
        assertEq(adapter.exitLiquidity(), 0);
        assertEq(leave(), 0);
        underlying.repay(type(uint256).max);
        assertEq(adapter.exitLiquidity(), adapter.value());
    }

    // SPEC C9: what a matured position is not paid yet goes on earning.
    function test_AMaturedRemainderEarnsAsSy() public {
        enter(100_000e6);
        pass(expiry - block.timestamp);
        owner.withdraw(adapter, 1e6, "");
        uint256 value = adapter.value();
        underlying.gain(underlying.totalAssets() / 100);
        pass(BLOCK_TIME);
        assertApproxEqRel(adapter.value(), value * 101 / 100, 0.0001e18);
        assertEq(adapter.liquidity(), adapter.value());
        uint256 all = adapter.value();
        assertEq(leave(), all);
    }

    // SPEC C9: an SY over a vault that closes to deposits is not depositable.
    function test_AClosedUnderlyingIsNotDepositable() public {
        vm.mockCall(
            address(underlying), abi.encodeCall(IERC4626.maxDeposit, (address(pendle.sy))), abi.encode(uint256(0))
        );
        (bool depositable, bool withdrawable) = adapter.health();
        assertFalse(depositable);
        assertTrue(withdrawable);
    }

    /// @dev Anyone may have Pendle note the share price.
    function otherTouchesIndex() private {
        (bool ok,) = pendle.yt.call(abi.encodeWithSignature("pyIndexCurrent()"));
        assertTrue(ok);
    }
}
