// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BallastFixture} from "../../support/BallastFixture.sol";

/// @notice max* never promise more than is paid, also where part of NAV is not released or not liquid (SPEC C1).
contract MaximaTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        rebalance(one(low, 5000));
    }

    // SPEC C1: the last shares are worth all of NAV; if that is not liquid, all but one of them can be redeemed.
    function test_TheLastHoldersMaximumIsPaid() public {
        low.gain(100e6);
        low.setLiquidityCap(550e6);
        assertEq(vault.maxRedeem(alice), 1000e12 - 1);
        vm.prank(alice);
        assertEq(vault.redeem(1000e12 - 1, alice, alice), 1000e6 - 1);
    }

    // SPEC C1: for any gain and any liquidity.
    function testFuzz_WhatMaxRedeemSaysIsPaid(uint256 gain, uint256 liquid, uint256 others, uint256 time) public {
        others = bound(others, 0, 2000e6);
        if (others != 0) deposit(bob, others);
        low.gain(bound(gain, 0, 3000e6));
        low.setLiquidityCap(bound(liquid, 0, low.book()));
        skip(bound(time, 0, 365 days));
        uint256 shares = vault.maxRedeem(alice);
        uint256 preview = vault.previewRedeem(shares);
        vm.prank(alice);
        assertGe(vault.redeem(shares, alice, alice), preview);
        assertLe(vault.maxWithdraw(alice), vault.convertToAssets(vault.balanceOf(alice)));
    }

    // SPEC C1
    function testFuzz_WhatMaxWithdrawSaysIsPaid(uint256 gain, uint256 liquid, uint256 time) public {
        low.gain(bound(gain, 0, 3000e6));
        low.setLiquidityCap(bound(liquid, 0, low.book()));
        skip(bound(time, 0, 365 days));
        uint256 assets = vault.maxWithdraw(alice);
        vm.prank(alice);
        vault.withdraw(assets, alice, alice);
        assertEq(usdc.balanceOf(alice), assets);
    }
}
