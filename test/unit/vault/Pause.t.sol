// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/// @notice A pause closes the way in and never the way out (SPEC C1).
contract PauseTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        rebalance(one(low, 5000));
        vm.prank(guardian);
        vault.pauseDeposits();
    }

    // SPEC C1
    function test_DepositAndMintRevert() public {
        usdc.mint(bob, 2e6);
        vm.startPrank(bob);
        usdc.approve(address(vault), 2e6);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        vault.deposit(1e6, bob);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        vault.mint(1e12, bob);
        vm.stopPrank();
        assertEq(vault.maxDeposit(bob), 0);
        assertEq(vault.maxMint(bob), 0);
    }

    // SPEC C1: also from a venue, not only from idle.
    function test_EveryWayOutWorks() public {
        vm.startPrank(alice);
        vault.withdraw(600e6, alice, alice);
        vault.redeem(100e12, alice, alice);
        vault.redeemFrom(address(low), 100e12, 100e6, alice, alice, "");
        vault.redeem(200e12, alice, alice);
        vm.stopPrank();
        assertEq(usdc.balanceOf(alice), 1000e6);
    }

    // SPEC C3: what closes the way in stops additions of the keeper too, not its reductions.
    function test_AdditionsStopReductionsDoNot() public {
        pass(COOLDOWN);
        rebalanceReverts(one(mid, 500), abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        rebalance(one(low, 1000));
        vm.prank(keeper);
        hub.reduce(address(low), 10e6, 10e6, "");
        assertEq(low.book(), 90e6);
    }

    function test_PausingTwiceIsNoError() public {
        vm.prank(emergency);
        vault.pauseDeposits();
        assertTrue(vault.paused());
    }

    function test_OnlyGovernanceOpensAgain() public {
        address[3] memory others = [guardian, emergency, keeper];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, others[i], bytes32(0))
            );
            vm.prank(others[i]);
            vault.unpauseDeposits();
        }
        vm.expectEmit(address(vault));
        emit Pausable.Unpaused(timelock);
        vm.prank(timelock);
        vault.unpauseDeposits();
        deposit(bob, 1e6);
        assertApproxEqAbs(vault.balanceOf(bob), 1e12, 1);
    }

    function test_WhoMayPause() public {
        vm.prank(timelock);
        vault.unpauseDeposits();
        address[5] memory may = [guardian, emergency, timelock, address(killSwitch), address(hub)];
        for (uint256 i; i < may.length; ++i) {
            vm.expectEmit(address(vault));
            emit Pausable.Paused(may[i]);
            vm.prank(may[i]);
            vault.pauseDeposits();
            vm.prank(timelock);
            vault.unpauseDeposits();
        }
        address[2] memory mayNot = [stranger, keeper];
        for (uint256 i; i < mayNot.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IVault.NotAuthorised.selector, mayNot[i]));
            vm.prank(mayNot[i]);
            vault.pauseDeposits();
        }
    }
}
