// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vault} from "../../../contracts/Vault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice Gains reach the share price at a bounded rate, losses at once (SPEC C1).
contract GrowthTest is BallastFixture {
    uint256 private constant NAV = 1_000_000e6;

    function setUp() public override {
        super.setUp();
        deposit(alice, NAV);
        rebalance(one(low, 5000));
    }

    // SPEC C1
    function test_TheClockStartsAtDeployment() public {
        Vault fresh = new Vault(usdc, "Fresh", "FRESH", timelock, NAV, 0, 0, 0);
        (uint256 accrued, uint256 time) = fresh.accrual();
        assertEq(accrued, 0);
        assertEq(time, vm.getBlockTimestamp());
    }

    // SPEC C1
    function test_AGainMovesNoPriceAtOnce() public {
        low.gain(10_000e6);
        (uint256 nav,) = vault.nav();
        assertEq(nav, NAV + 10_000e6);
        assertEq(vault.totalAssets(), NAV);
        assertEq(vault.accrue(), NAV);
        assertEq(vault.convertToAssets(1e12), 1e6);
        assertEq(vault.maxWithdraw(alice), NAV);
    }

    // SPEC C1
    function test_AHarvestMovesNoPriceAtOnce() public {
        low.setRewards(5000e6);
        vm.prank(keeper);
        hub.harvest(address(low), "");
        (uint256 nav,) = vault.nav();
        assertEq(nav, NAV + 5000e6);
        assertEq(vault.idle(), NAV / 2 + 5000e6);
        assertEq(vault.totalAssets(), NAV);
        skip(365 days);
        assertEq(vault.totalAssets(), NAV + 5000e6);
    }

    // SPEC C1: at any rate, after any time, to the unit.
    function testFuzz_AGainIsReleasedLinearly(uint256 gain, uint256 time, uint256 rate) public {
        gain = bound(gain, 0, 3 * NAV);
        time = bound(time, 0, 730 days);
        rate = bound(rate, 0, 10_000);
        vm.prank(timelock);
        vault.setMaxGrowth(rate);
        low.gain(gain);
        skip(time);
        uint256 released = NAV * rate * time / (10_000 * 365 days);
        assertEq(vault.totalAssets(), NAV + Math.min(gain, released));
    }

    // SPEC C1: whatever happens, in whatever order, whoever has just come finds that the price jumps up never; with time it rises at
    // most at the rate.
    function testFuzz_NoActRaisesThePriceAndTimeOnlyAtTheRate(uint256[16] memory raw) public {
        deposit(bob, NAV);
        for (uint256 i; i < raw.length; ++i) {
            // As everyone's coming does.
            uint256 total = vault.accrue();
            uint256 price = vault.convertToAssets(1e24);
            uint256 amount = (raw[i] >> 8) % (NAV / 20);
            uint256 act = raw[i] % 6;
            if (act == 0) low.gain(amount);
            if (act == 1) low.lose(Math.min(amount, low.book() / 10));
            if (act == 2 && vault.maxDeposit(bob) >= amount) deposit(bob, amount);
            if (act == 3) _redeem(bob, vault.balanceOf(bob) / (2 + amount % 7));
            if (act == 4) {
                low.setRewards(amount);
                vm.prank(keeper);
                hub.harvest(address(low), "");
            }
            if (act == 5) vault.accrue();
            if (act == 0 || act == 4 || act == 5) assertLe(vault.totalAssets(), total, "moved by a gain");
            // Rounding in favour of those who stay: a unit or two of the whole.
            assertLe(vault.convertToAssets(1e24), price + 2e24 / vault.totalSupply() + 1, "the price jumped up");

            (uint256 accrued,) = vault.accrual();
            uint256 time = (raw[i] >> 128) % 30 days;
            skip(time);
            assertLe(vault.totalAssets(), accrued + accrued * time / 365 days, "grew faster than the rate");
        }
    }

    // SPEC C1
    function test_ALossCountsAtOnce() public {
        low.lose(1000e6);
        assertEq(vault.totalAssets(), NAV - 1000e6);
    }

    // SPEC C1: what has not been released bears a loss first.
    function test_ALossComesOutOfWhatWasNotReleased() public {
        low.gain(500e6);
        low.lose(300e6);
        assertEq(vault.totalAssets(), NAV);
        low.lose(300e6);
        assertEq(vault.totalAssets(), NAV - 100e6);
    }

    // SPEC C1: a dip that nobody recorded is undone; a recorded one is a loss, and what comes back a gain.
    function test_AReboundAfterARecordedDipIsReleasedLikeAGain() public {
        low.lose(100_000e6);
        low.gain(100_000e6);
        assertEq(vault.totalAssets(), NAV);

        low.lose(100_000e6);
        vault.accrue();
        low.gain(100_000e6);
        assertEq(vault.totalAssets(), NAV - 100_000e6);
        // A ninth of a year, at 100 % of nine tenths.
        skip(365 days / 9);
        assertEq(vault.totalAssets(), NAV);
    }

    // SPEC C1
    function test_TheLastHolderTakesWhatWasNotReleased() public {
        deposit(bob, 1000e6);
        low.gain(10_000e6);
        assertEq(_redeem(alice, vault.balanceOf(alice)), NAV);
        // Of all shares and the virtual ones, bob's are all but 10^-9.
        assertApproxEqAbs(_redeem(bob, vault.balanceOf(bob)), 11_000e6, 12);
        assertEq(vault.totalSupply(), 0);
        assertEq(vault.totalAssets(), 0);
    }

    // SPEC C1: nobody who comes after the last holder is owed the dust, and it harms nobody.
    function test_DepositsAfterTheLastHolderStartAnew() public {
        low.gain(10_000e6);
        _redeem(alice, vault.balanceOf(alice));
        assertEq(deposit(bob, 1000e6), 1000e12);
        assertApproxEqAbs(_redeem(bob, 1000e12), 1000e6, 12);
    }

    // SPEC C1: a lower rate takes back nothing that was released, and a higher one releases nothing at once.
    function test_SetMaxGrowthKeepsWhatWasReleased() public {
        low.gain(500_000e6);
        skip(73 days);
        assertEq(vault.totalAssets(), 1_200_000e6);
        vm.prank(timelock);
        vault.setMaxGrowth(0);
        assertEq(vault.totalAssets(), 1_200_000e6);
        skip(365 days);
        assertEq(vault.totalAssets(), 1_200_000e6);
        vm.prank(timelock);
        vault.setMaxGrowth(10_000);
        assertEq(vault.totalAssets(), 1_200_000e6);
        skip(365 days);
        assertEq(vault.totalAssets(), 1_500_000e6);
    }

    function _redeem(address who, uint256 shares) private returns (uint256) {
        vm.prank(who);
        return vault.redeem(shares, who, who);
    }
}
