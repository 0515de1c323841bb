// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BallastFixture} from "../../support/BallastFixture.sol";

/// @notice Assets sent to the vault by transfer are not its money (SPEC C1).
contract DonationTest is BallastFixture {
    // SPEC C1
    function test_ADonationMovesNoFigure() public {
        deposit(alice, 1000e6);
        rebalance(one(low, 5000));
        usdc.mint(address(vault), 1_000_000e6);
        assertEq(vault.totalAssets(), 1000e6);
        assertEq(vault.idle(), 500e6);
        assertEq(vault.convertToAssets(1e12), 1e6);
        assertEq(vault.previewDeposit(1e6), 1e12);
        assertEq(vault.maxWithdraw(alice), 1000e6);
        assertEq(deposit(bob, 1000e6), 1000e12);
    }

    // SPEC C1
    function test_ADonationCannotBeTakenByALeaver() public {
        deposit(alice, 1000e6);
        usdc.mint(address(vault), 500e6);
        vm.prank(alice);
        vault.redeem(1000e12, alice, alice);
        assertEq(usdc.balanceOf(alice), 1000e6);
        assertEq(usdc.balanceOf(address(vault)), 500e6);
    }

    // SPEC C1, C3
    function test_ADonationIsNotIdleToAllocate() public {
        deposit(alice, 1000e6);
        usdc.mint(address(vault), 1000e6);
        rebalance(two(low, 4500, mid, 5000));
        assertEq(vault.idle(), 50e6);
        assertEq(usdc.balanceOf(address(vault)), 1050e6);
    }
}
