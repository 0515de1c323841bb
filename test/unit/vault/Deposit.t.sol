// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

/// @notice Deposit and mint with everything healthy (SPEC C1).
contract DepositTest is BallastFixture {
    // SPEC C1
    function test_FirstDepositGetsAMillionSharesPerUnit() public {
        assertEq(deposit(alice, 1000e6), 1000e12);
        assertEq(vault.decimals(), 12);
        assertEq(vault.balanceOf(alice), 1000e12);
        assertEq(vault.idle(), 1000e6);
        assertEq(vault.totalAssets(), 1000e6);
    }

    // SPEC C1
    function test_DepositTakesFromCallerAndCreditsReceiver() public {
        usdc.mint(alice, 10e6);
        vm.startPrank(alice);
        usdc.approve(address(vault), 10e6);
        vm.expectEmit(address(vault));
        emit IERC4626.Deposit(alice, bob, 10e6, 10e12);
        vault.deposit(10e6, bob);
        vm.stopPrank();
        assertEq(usdc.balanceOf(alice), 0);
        assertEq(vault.balanceOf(bob), 10e12);
        assertEq(vault.balanceOf(alice), 0);
    }

    // SPEC C1
    function test_MintTakesTheAssetsRoundedUp() public {
        deposit(alice, 3e6);
        usdc.mint(bob, 2);
        vm.startPrank(bob);
        usdc.approve(address(vault), 2);
        assertEq(vault.mint(1e6 + 1, bob), 2);
        vm.stopPrank();
        assertEq(vault.balanceOf(bob), 1e6 + 1);
        assertEq(vault.idle(), 3e6 + 2);
    }

    // SPEC C1
    function test_TotalAssetsIsIdlePlusEveryAdapter() public {
        deposit(alice, 1_000_000e6);
        rebalance(two(low, 3000, high, 2000));
        assertEq(vault.idle(), 500_000e6);
        assertEq(low.book(), 300_000e6);
        assertEq(high.book(), 200_000e6);
        assertEq(vault.totalAssets(), 1_000_000e6);
        low.lose(7e6);
        assertEq(vault.totalAssets(), 999_993e6);
        low.gain(14e6);
        (uint256 nav, bool complete) = vault.nav();
        assertEq(nav, 1_000_007e6);
        assertTrue(complete);
        // What is above the last accrual is released over time; see Growth.t.sol.
        assertEq(vault.totalAssets(), 1_000_000e6);
        skip(1 days);
        assertEq(vault.totalAssets(), 1_000_007e6);
    }

    // SPEC C1
    function test_GainBelongsToThoseWhoWereThere() public {
        deposit(alice, 1000e6);
        rebalance(one(low, 5000));
        low.gain(1000e6);
        skip(365 days);
        uint256 shares = deposit(bob, 2000e6);
        assertApproxEqAbs(shares, 1000e12, 1e6);
        assertApproxEqAbs(vault.convertToAssets(vault.balanceOf(alice)), 2000e6, 1);
    }

    function test_RevertIf_SharesWouldBeZero() public {
        deposit(alice, 1);
        rebalance(one(low, 500));
        low.gain(10_000_000e6);
        vm.prank(guardian);
        vault.pauseDeposits();
        // Opening again takes NAV as it is for the price.
        vm.prank(timelock);
        vault.unpauseDeposits();
        usdc.mint(bob, 1);
        vm.startPrank(bob);
        usdc.approve(address(vault), 1);
        vm.expectRevert(IVault.ZeroShares.selector);
        vault.deposit(1, bob);
        vm.stopPrank();
    }

    function test_ZeroDepositMovesNothing() public {
        assertEq(deposit(alice, 0), 0);
        assertEq(vault.totalSupply(), 0);
    }

    function test_RevertIf_AllowanceIsMissing() public {
        usdc.mint(alice, 10e6);
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(vault), 0, 10e6)
        );
        vault.deposit(10e6, alice);
    }

    // SPEC C1: nobody may buy in at a price that does not know what a venue is worth.
    function test_RevertIf_AVenueCannotBeRead() public {
        deposit(alice, 1000e6);
        mid.setFaults(Fault.Revert, Fault.None, Fault.None);
        bytes memory reason = abi.encodeWithSelector(IVault.VenueUnreadable.selector, address(mid));
        usdc.mint(bob, 2e6);
        vm.startPrank(bob);
        usdc.approve(address(vault), 2e6);
        vm.expectRevert(reason);
        vault.deposit(1e6, bob);
        vm.expectRevert(reason);
        vault.mint(1e12, bob);
        vm.stopPrank();
        assertEq(vault.maxDeposit(bob), 0);
        assertEq(vault.maxMint(bob), 0);
    }

    function test_AValueThatNoHonestVenueCanReportIsUnreadable() public {
        deposit(alice, 1000e6);
        low.setBook(uint256(type(uint128).max) + 1);
        (uint256 nav, bool complete) = vault.nav();
        assertEq(nav, 1000e6);
        assertFalse(complete);
        assertEq(vault.maxDeposit(bob), 0);
        low.setBook(type(uint128).max);
        (nav, complete) = vault.nav();
        assertEq(nav, 1000e6 + uint256(type(uint128).max));
        assertTrue(complete);
        assertEq(vault.maxDeposit(bob), CAP - 1000e6);
    }

    function test_RevertIf_MintIsOverTheCap() public {
        deposit(alice, CAP - 1);
        uint256 most = vault.maxMint(bob);
        usdc.mint(bob, 2);
        vm.startPrank(bob);
        usdc.approve(address(vault), 2);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxMint.selector, bob, most + 1, most));
        vault.mint(most + 1, bob);
        assertEq(vault.mint(most, bob), 1);
        vm.stopPrank();
    }
}
