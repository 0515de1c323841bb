// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

/// @notice The staged deposit cap (SPEC C2).
contract DepositCapTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        vm.prank(timelock);
        vault.setDepositCap(100_000e6);
    }

    // SPEC C2
    function test_MaxDepositIsCapMinusTotalAssets() public {
        assertEq(vault.maxDeposit(alice), 100_000e6);
        deposit(alice, 40_000e6);
        assertEq(vault.maxDeposit(alice), 60_000e6);
        rebalance(one(low, 5000));
        low.gain(10_000e6);
        assertEq(vault.maxDeposit(alice), 60_000e6);
        // A quarter of 40 000 is released in a quarter of a year.
        skip(365 days / 4);
        assertEq(vault.maxDeposit(alice), 50_000e6);
    }

    // SPEC C2: exactly to the cap, and not one unit more.
    function test_DepositToTheCapAndNoFurther() public {
        deposit(alice, 99_999e6);
        usdc.mint(bob, 1e6 + 1);
        vm.startPrank(bob);
        usdc.approve(address(vault), 1e6 + 1);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxDeposit.selector, bob, 1e6 + 1, 1e6));
        vault.deposit(1e6 + 1, bob);
        vault.deposit(1e6, bob);
        vm.stopPrank();
        assertEq(vault.totalAssets(), 100_000e6);
        assertEq(vault.maxDeposit(bob), 0);
    }

    // SPEC C2
    function test_GainsPastTheCapCloseDepositsAndNothingElse() public {
        deposit(alice, 100_000e6);
        rebalance(one(low, 5000));
        low.gain(1000e6);
        assertEq(vault.maxDeposit(alice), 0);
        assertEq(vault.maxMint(alice), 0);
        vm.prank(alice);
        vault.redeem(100_000e12, alice, alice);
        assertApproxEqAbs(usdc.balanceOf(alice), 101_000e6, 1);
    }

    // SPEC C2: a stage is opened through the timelock alone; anyone who guards may close one.
    function test_RaisedByGovernanceLoweredByGuardians() public {
        address[2] memory guards = [guardian, emergency];
        uint256 cap = 100_000e6;
        for (uint256 i; i < guards.length; ++i) {
            vm.startPrank(guards[i]);
            vm.expectRevert(
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, guards[i], bytes32(0))
            );
            vault.setDepositCap(cap + 1);
            cap -= 1;
            vm.expectEmit(address(vault));
            emit IVault.DepositCapSet(cap);
            vault.setDepositCap(cap);
            // What it is already is no raise.
            vault.setDepositCap(cap);
            vm.stopPrank();
            assertEq(vault.depositCap(), cap);
        }
        vm.expectEmit(address(vault));
        emit IVault.DepositCapSet(500_000e6);
        vm.prank(timelock);
        vault.setDepositCap(500_000e6);
        assertEq(vault.maxDeposit(alice), 500_000e6);
    }

    function test_RevertIf_AStrangerLowersIt() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.NotAuthorised.selector, stranger));
        vm.prank(stranger);
        vault.setDepositCap(1);
    }
}
