// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/// @notice A fall of the share price by more than a fifth between two accruals closes the way in, and nothing else (SPEC C6).
contract BreakerTest is BallastFixture {
    uint256 private constant FIFTH = 200e6 + 32;

    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        rebalance(two(low, 5000, mid, 4500));
    }

    // SPEC C6: a fifth and what rounding may be in sixteen positions.
    function test_AFallOfAFifthDoesNotTrip() public {
        low.lose(FIFTH);
        assertEq(vault.maxDeposit(bob), CAP - 1000e6 + FIFTH);
        vault.accrue();
        assertFalse(vault.paused());
    }

    // SPEC C6
    function test_OneUnitMoreTrips() public {
        low.lose(FIFTH + 1);
        vm.expectEmit(address(vault));
        emit Pausable.Paused(stranger);
        vm.expectEmit(address(vault));
        emit IVault.BreakerTripped(1000e6, 1000e6 - FIFTH - 1);
        vm.prank(stranger);
        vault.accrue();
        assertTrue(vault.paused());
    }

    // SPEC C6, C1: before anyone has recorded it, max* and deposits are already as if someone had.
    function test_MaximaReadAsIfAccrued() public {
        low.lose(FIFTH + 1);
        assertEq(vault.maxDeposit(bob), 0);
        assertEq(vault.maxMint(bob), 0);
        usdc.mint(bob, 2e6);
        vm.startPrank(bob);
        usdc.approve(address(vault), 2e6);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        vault.deposit(1e6, bob);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        vault.mint(1e12, bob);
        vm.stopPrank();
        assertEq(vault.maxWithdraw(alice), 1000e6 - FIFTH - 1);
    }

    // SPEC C6: whoever leaves records it on the way, and leaves.
    function test_ALeaverRecordsItAndLeaves() public {
        low.lose(300e6);
        vm.prank(alice);
        assertEq(vault.redeem(500e12, alice, alice), 350e6);
        assertTrue(vault.paused());
        vm.prank(alice);
        assertEq(vault.redeem(500e12, alice, alice), 350e6);
    }

    // SPEC C6: additions stop, reductions do not.
    function test_AdditionsStopReductionsDoNot() public {
        low.lose(300e6);
        vault.accrue();
        pass(COOLDOWN);
        rebalanceReverts(one(high, 500), abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        rebalance(one(mid, 1000));
        assertEq(mid.book(), 70e6);
    }

    // SPEC C6: also before anyone has recorded the fall.
    function test_AdditionsStopAsIfAccrued() public {
        pass(COOLDOWN);
        low.lose(200e6);
        uint256 snapshot = vm.snapshotState();
        rebalance(two(mid, 1000, high, 500));
        vm.revertToState(snapshot);
        low.lose(1);
        rebalanceReverts(two(mid, 1000, high, 500), abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        rebalance(one(mid, 1000));
    }

    // SPEC C6, ERR-20: money that leaves is no loss, however much of it.
    function testFuzz_NoWithdrawalTrips(uint256 others, uint256 part) public {
        others = bound(others, 1e6, 10_000_000e6);
        deposit(bob, others);
        uint256 shares = bound(part, 0, vault.maxRedeem(bob));
        vm.prank(bob);
        vault.redeem(shares, bob, bob);
        assertFalse(vault.paused());
        vault.accrue();
        assertFalse(vault.paused());
        assertGt(vault.maxDeposit(alice), 0);
    }

    // SPEC C6, ERR-20: a quarter of the supply leaves, and the way in stays open for the others.
    function test_AQuarterOfTheSupplyLeaving() public {
        vm.prank(alice);
        vault.redeem(250e12, alice, alice);
        vault.accrue();
        assertFalse(vault.paused());
        deposit(bob, 1e6);
    }

    // SPEC C6: only losses that nobody has recorded add up.
    function test_TwoFallsBetweenTwoAccrualsAddUp() public {
        low.lose(150e6);
        low.lose(60e6);
        uint256 snapshot = vm.snapshotState();
        vault.accrue();
        assertTrue(vault.paused());
        vm.revertToState(snapshot);
        low.gain(60e6);
        vault.accrue();
        low.lose(60e6);
        vault.accrue();
        assertFalse(vault.paused());
    }

    // SPEC C6, C10: a venue of less than a fifth that stops answering closes deposits by its quarantine, and they are open again after it.
    function test_AnUnreadableVenueOfLessThanAFifthTripsNothing() public {
        vm.prank(keeper);
        hub.reduce(address(low), 300e6, 0, "");
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vault.accrue();
        assertFalse(vault.paused());
        assertEq(vault.maxDeposit(bob), 0);
        low.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(low));
        assertEq(vault.maxDeposit(bob), CAP - 1000e6);
    }

    // SPEC C6: one of more than a fifth trips it: nobody knows what it is still worth.
    function test_AnUnreadableVenueOfMoreThanAFifthTrips() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.expectEmit(address(vault));
        emit IVault.BreakerTripped(1000e6, 500e6);
        vault.accrue();
        assertTrue(vault.paused());
        low.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(low));
        assertEq(vault.totalAssets(), 1000e6);
        assertEq(vault.maxDeposit(bob), 0);
    }

    // SPEC C6: a fall elsewhere does not hide behind a venue that is quarantined in the same accrual.
    function test_AQuarantineHidesNoFall() public {
        vm.prank(keeper);
        hub.reduce(address(low), 400e6, 0, "");
        mid.lose(300e6);
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.prank(stranger);
        vault.accrue();
        assertTrue(vault.paused());
        low.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(low));
        assertEq(vault.maxDeposit(bob), 0);
        pass(COOLDOWN);
        rebalanceReverts(one(high, 500), abi.encodeWithSelector(Pausable.EnforcedPause.selector));
    }

    // SPEC C6: in a vault of dust rounding is no fall.
    function test_RoundingInAVaultOfDustTripsNothing() public {
        vm.startPrank(alice);
        vault.redeem(1000e12, alice, alice);
        vm.stopPrank();
        deposit(bob, 30);
        vm.prank(address(hub));
        vault.reallocate(one(low, 10_000));
        low.lose(30);
        vault.accrue();
        assertFalse(vault.paused());
    }

    // SPEC C6: gains that were not released bear a fall first.
    function test_GainsNotReleasedBearTheFall() public {
        low.gain(200e6);
        low.lose(200e6 + FIFTH);
        vault.accrue();
        assertFalse(vault.paused());
        low.lose(1);
        assertEq(vault.maxDeposit(bob), CAP - 1000e6 + FIFTH + 1);
    }

    // SPEC C6: a pause that is there already is not set again, and the fall is still reported.
    function test_TripsWhilePaused() public {
        vm.prank(guardian);
        vault.pauseDeposits();
        low.lose(300e6);
        vm.expectEmit(address(vault));
        emit IVault.BreakerTripped(1000e6, 700e6);
        vault.accrue();
        // Recorded once.
        vm.recordLogs();
        vault.accrue();
        assertEq(vm.getRecordedLogs().length, 1);
    }

    // SPEC C6: after a fall that passed, nobody buys at its price.
    function test_OpeningAgainTakesNavAsItIs() public {
        low.lose(300e6);
        vault.accrue();
        low.gain(300e6);
        assertEq(vault.totalAssets(), 700e6);
        vm.expectEmit(address(vault));
        emit IVault.Accrued(1000e6, 50e6);
        vm.prank(timelock);
        vault.unpauseDeposits();
        assertEq(vault.totalAssets(), 1000e6);
        assertApproxEqAbs(deposit(bob, 1000e6), 1000e12, 1e6);
    }

    // SPEC C6, C10: opening again that finds a venue unreadable remembers what it counted for.
    function test_OpeningAgainFindsAnUnreadableVenue() public {
        vm.prank(guardian);
        vault.pauseDeposits();
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.expectEmit(address(vault));
        emit IVault.Suspended(1, 500e6);
        vm.prank(timelock);
        vault.unpauseDeposits();
        assertEq(vault.totalAssets(), 500e6);
        assertEq(vault.maxDeposit(bob), 0);
        low.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(low));
        assertEq(vault.totalAssets(), 1000e6);
        vm.prank(alice);
        assertEq(vault.redeem(200e12, alice, alice), 200e6);
    }

    // SPEC C6: after a fall that stays, opening again does not trip over it.
    function test_OpeningAgainAfterALossThatStays() public {
        low.lose(300e6);
        vm.prank(guardian);
        vault.pauseDeposits();
        vm.prank(timelock);
        vault.unpauseDeposits();
        assertFalse(vault.paused());
        assertEq(vault.maxDeposit(bob), CAP - 700e6);
        vault.accrue();
        assertFalse(vault.paused());
    }

    function test_RevertIf_OpenedWhileOpen() public {
        vm.expectRevert(Pausable.ExpectedPause.selector);
        vm.prank(timelock);
        vault.unpauseDeposits();
    }
}
