// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

/// @notice A position that cannot be read or is stuck is taken out of NAV, closes the way in and no way out (SPEC C1, C10). Each of the two is
/// a fifth of NAV, the most whose quarantine leaves the breaker alone (SPEC C6).
contract QuarantineTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 600e6);
        deposit(bob, 400e6);
        rebalance(two(low, 2000, mid, 2000));
    }

    // SPEC C10
    function test_AnAccrualQuarantinesWhatCannotBeRead() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.expectEmit(address(vault));
        emit IVault.Quarantined(address(low), 1);
        vm.prank(stranger);
        assertEq(vault.accrue(), 800e6);
        assertTrue(_quarantined());
        assertEq(vault.totalAssets(), 800e6);
        // It stays so, whatever the venue says next, until it is recovered.
        low.setFaults(Fault.None, Fault.None, Fault.None);
        assertEq(vault.accrue(), 800e6);
        (uint256 nav, bool complete) = vault.nav();
        assertEq(nav, 800e6);
        assertFalse(complete);
    }

    // SPEC C10: in whatever way it fails to answer.
    function test_EveryReadFaultIsSurvived() public {
        Fault[3] memory faults = [Fault.Revert, Fault.BurnGas, Fault.HugeReturn];
        for (uint256 i; i < faults.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            low.setFaults(faults[i], Fault.None, faults[i]);
            vm.prank(alice);
            assertEq(vault.redeem(100e12, alice, alice), 80e6);
            assertTrue(_quarantined());
            vm.revertToState(snapshot);
        }
        low.setBook(uint256(type(uint128).max) + 1);
        vault.accrue();
        assertTrue(_quarantined());
    }

    // SPEC C10: every way out does the same.
    function test_AnyLeaverQuarantinesIt() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        uint256 snapshot = vm.snapshotState();
        vm.startPrank(alice);
        vault.withdraw(1e6, alice, alice);
        assertTrue(_quarantined());
        vm.revertToState(snapshot);
        vault.redeemFrom(address(mid), 10e12, 8e6, alice, alice, "");
        assertTrue(_quarantined());
        vm.stopPrank();
    }

    // SPEC C10: anyone may name it.
    function test_AnyoneQuarantinesTheUnreadable() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.prank(stranger);
        vault.quarantine(address(low));
        assertTrue(_quarantined());
        assertEq(vault.totalAssets(), 800e6);
    }

    // SPEC C10: the emergency Safe may take any position out of NAV, whatever it says of itself.
    function test_TheEmergencySafeQuarantinesAnyPosition() public {
        vm.expectEmit(address(vault));
        emit IVault.Suspended(1, 200e6);
        vm.prank(emergency);
        vault.quarantine(address(low));
        assertTrue(_quarantined());
        assertEq(vault.totalAssets(), 800e6);
    }

    // SPEC C10, C13: nobody else, a guardian included, takes out what answers: a leaver would be paid without it.
    function test_RevertIf_AnyoneElseQuarantinesWhatAnswers() public {
        low.setLiquidityCap(0);
        address[7] memory mayNot = [guardian, timelock, address(killSwitch), stranger, keeper, alice, address(hub)];
        bytes32 role = vault.EMERGENCY_ROLE();
        for (uint256 i; i < mayNot.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, mayNot[i], role)
            );
            vm.prank(mayNot[i]);
            vault.quarantine(address(low));
        }
        assertFalse(_quarantined());
    }

    // SPEC C1: a position that overstates its value takes out of totalAssets what it counted for there, not what it says.
    function test_QuarantineOfAnOverstatingPositionLeavesTheRest() public {
        low.gain(10_000e6);
        low.setLiquidityCap(0);
        vm.expectEmit(address(vault));
        emit IVault.Suspended(1, 200e6);
        vm.prank(emergency);
        vault.quarantine(address(low));
        assertEq(vault.totalAssets(), 800e6);
        vm.prank(bob);
        assertEq(vault.redeem(400e12, bob, bob), 320e6);
        // And in time still grows.
        mid.gain(100e6);
        skip(365 days);
        assertEq(vault.totalAssets(), 480e6 + 100e6);
    }

    // SPEC C10: another that has stopped answering goes with it, and is counted once.
    function test_TheEmergencySafesQuarantineFindsTheUnreadableToo() public {
        mid.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.expectEmit(address(vault));
        emit IVault.Suspended(1, 400e6);
        vm.prank(emergency);
        vault.quarantine(address(low));
        (,, bool other) = vault.positionKind(address(mid));
        assertTrue(other && _quarantined());
        assertEq(vault.totalAssets(), 600e6);
        mid.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(low));
        vault.recover(address(mid));
        assertEq(vault.totalAssets(), 1000e6);
    }

    // SPEC C10: a call that brings too little gas to read a venue twice makes none look broken.
    function testFuzz_TooLittleGasQuarantinesNothing(uint256 gas) public {
        gas = bound(gas, 30_000, 3_000_000);
        (bool ok,) = address(vault).call{gas: gas}(abi.encodeCall(vault.accrue, ()));
        ok;
        assertFalse(_quarantined());
    }

    function test_RevertIf_QuarantinedTwiceOrNotListed() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vault.quarantine(address(low));
        vm.expectRevert(abi.encodeWithSelector(IVault.VenueQuarantined.selector, address(low)));
        vault.quarantine(address(low));
        vm.expectRevert(abi.encodeWithSelector(IVault.AdapterNotListed.selector, stranger));
        vault.quarantine(stranger);
    }

    // SPEC C1: nobody buys a part of what nobody can value.
    function test_DepositsAreClosedUntilItIsRecovered() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vault.accrue();
        low.setFaults(Fault.None, Fault.None, Fault.None);
        bytes memory reason = abi.encodeWithSelector(IVault.VenueUnreadable.selector, address(low));
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
        vault.recover(address(low));
        deposit(bob, 1e6);
    }

    // SPEC C1, C10: the maxima are of the rest, and it is paid.
    function test_MaximaAreOfTheRest() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        assertEq(vault.maxWithdraw(alice), 480e6);
        assertEq(vault.maxRedeem(alice), 600e12);
        vm.prank(alice);
        vault.withdraw(480e6, alice, alice);
        assertEq(usdc.balanceOf(alice), 480e6);
        assertApproxEqAbs(vault.maxWithdraw(bob), 320e6, 1);
    }

    // SPEC C1: gains not released when a stuck position was taken out of NAV are not released by its return.
    function test_AStuckPositionsGainsStayUnreleased() public {
        low.gain(30e6);
        low.setLiquidityCap(0);
        vm.prank(emergency);
        vault.quarantine(address(low));
        assertEq(vault.totalAssets(), 800e6);
        low.setLiquidityCap(type(uint256).max);
        vault.recover(address(low));
        assertEq(vault.totalAssets(), 1000e6);
        (uint256 nav, bool complete) = vault.nav();
        assertEq(nav, 1030e6);
        assertTrue(complete);
    }

    // SPEC C1: nor of one that could not be read: what comes back beyond what it counted for is a gain.
    function test_AnUnreadablePositionsGainsStayUnreleased() public {
        low.gain(30e6);
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        assertEq(vault.accrue(), 800e6);
        low.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(low));
        assertEq(vault.totalAssets(), 1000e6);
        (uint256 nav,) = vault.nav();
        assertEq(nav, 1030e6);
    }

    // SPEC C1: what has come back does not grow for the time that it was away.
    function test_WhatComesBackHasNotGrownMeanwhile() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vault.accrue();
        mid.gain(500e6);
        skip(73 days);
        low.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(low));
        // A fifth of the 800 that stayed, and the 200.
        assertEq(vault.totalAssets(), 960e6 + 200e6);
    }

    // SPEC C10: two at once, and each comes back on its own.
    function test_TwoAtOnce() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        mid.setFaults(Fault.BurnGas, Fault.None, Fault.None);
        assertEq(vault.accrue(), 600e6);
        low.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(low));
        assertFalse(_quarantined());
        assertEq(vault.totalAssets(), 800e6);
        assertEq(vault.maxDeposit(bob), 0);
        mid.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(mid));
        assertEq(vault.totalAssets(), 1000e6);
        // Together they were two fifths: whoever governs looks before anybody buys.
        assertTrue(vault.paused());
        vm.prank(timelock);
        vault.unpauseDeposits();
        assertGt(vault.maxDeposit(bob), 0);
    }

    function _quarantined() private view returns (bool quarantined) {
        (,, quarantined) = vault.positionKind(address(low));
    }
}
