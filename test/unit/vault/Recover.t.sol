// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../../../contracts/interfaces/IAdapter.sol";
import {ISidePocket} from "../../../contracts/interfaces/ISidePocket.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";

/// @notice What is recovered of a stuck position is shared between those who stayed and those who left meanwhile (SPEC C1, C10).
contract RecoverTest is BallastFixture {
    ISidePocket private pocket;

    function setUp() public override {
        super.setUp();
        pocket = vault.sidePocket();
        deposit(alice, 600e6);
        deposit(bob, 400e6);
        rebalance(one(low, 3000));
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vault.accrue();
    }

    // SPEC C1, C10
    function test_LeaverAndStayerGetTheSame() public {
        vm.expectEmit(address(pocket));
        emit ISidePocket.Credited(address(low), 0, alice, 300e12);
        assertEq(_leave(alice, 300e12), 210e6);
        _heal();
        // Of 1000 shares and claims together, 300 are claims; the virtual shares and then the index round it down.
        vm.expectEmit(address(pocket));
        emit ISidePocket.Distributed(address(low), 0, 90e6 - 1);
        vm.expectEmit(address(vault));
        emit IVault.Recovered(address(low), 210e6 + 1, 90e6 - 1, true);
        vm.prank(stranger);
        assertEq(vault.recover(address(low)), 300e6);
        assertEq(pocket.claimable(address(low), 0, alice), 90e6 - 2);
        pocket.claim(address(low), 0, alice);
        assertEq(usdc.balanceOf(alice), 300e6 - 2);
        assertEq(_leave(bob, 400e12), 400e6);
        assertEq(_leave(alice, 300e12), 300e6);
    }

    // SPEC C10: nobody has to do anything for a claim but wait; anyone fetches it for its holder.
    function test_AnyoneClaimsForTheHolder() public {
        _leave(alice, 600e12);
        _heal();
        vault.recover(address(low));
        uint256 due = pocket.claimable(address(low), 0, alice);
        uint256 before = usdc.balanceOf(alice);
        vm.expectEmit(address(pocket));
        emit ISidePocket.Claimed(address(low), 0, alice, due);
        vm.prank(stranger);
        assertEq(pocket.claim(address(low), 0, alice), due);
        assertEq(usdc.balanceOf(alice) - before, due);
        // And only once.
        assertEq(pocket.claim(address(low), 0, alice), 0);
        assertEq(pocket.claim(address(low), 0, stranger), 0);
    }

    // SPEC C10: the claim is the receiver's, as the money is.
    function test_TheClaimIsTheReceivers() public {
        vm.prank(alice);
        vault.redeem(300e12, stranger, alice);
        _heal();
        vault.recover(address(low));
        assertEq(pocket.claimable(address(low), 0, alice), 0);
        assertEq(pocket.claimable(address(low), 0, stranger), 90e6 - 2);
    }

    // SPEC C10: what comes in parts is shared in parts, each among those who had left by then.
    function test_PartialRecoveries() public {
        _leave(alice, 300e12);
        _heal();
        low.setLiquidityCap(100e6);
        vault.recover(address(low));
        assertTrue(_quarantined());
        assertEq(pocket.claimable(address(low), 0, alice), 30e6 - 2);
        // Bob leaves now: his part of what came in is in NAV, and his claim is on the rest alone.
        assertApproxEqAbs(_leave(bob, 400e12), 280e6 + 40e6, 1);
        assertEq(pocket.claimable(address(low), 0, bob), 0);
        low.setLiquidityCap(type(uint256).max);
        vault.recover(address(low));
        assertFalse(_quarantined());
        assertApproxEqAbs(pocket.claimable(address(low), 0, alice), 90e6, 2);
        assertApproxEqAbs(pocket.claimable(address(low), 0, bob), 80e6, 2);
        assertApproxEqAbs(_leave(alice, 300e12), 300e6, 2);
    }

    // SPEC C10: a venue that answers with what it owes but pays none of it stays out of NAV.
    function test_NothingPaidNothingReleased() public {
        low.setFaults(Fault.None, Fault.None, Fault.None);
        low.setLiquidityCap(0);
        assertEq(vault.recover(address(low)), 0);
        assertTrue(_quarantined());
        assertEq(vault.totalAssets(), 700e6);
    }

    // SPEC C10: two units of dust do not keep it there, three do.
    function test_DustEdge() public {
        low.setFaults(Fault.None, Fault.None, Fault.None);
        low.setLiquidityCap(300e6 - 3);
        vault.recover(address(low));
        assertTrue(_quarantined());
        low.setLiquidityCap(1);
        vault.recover(address(low));
        assertFalse(_quarantined());
        assertEq(vault.totalAssets(), 1000e6 - 2);
    }

    // SPEC C10: a position that cannot be read may still pay, and who guards may have it; it is released when it says that nothing is left.
    function test_AnUnreadablePositionPaysAndStays() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.VenueUnreadable.selector, address(low)));
        vm.prank(stranger);
        vault.recover(address(low));
        vm.prank(guardian);
        assertEq(vault.recover(address(low)), 300e6);
        assertTrue(_quarantined());
        assertEq(vault.totalAssets(), 1000e6);
        _heal();
        vault.recover(address(low));
        assertFalse(_quarantined());
    }

    // SPEC C10: what anyone may do costs nothing: who pushes the venue's exit price finds no one selling at it.
    function test_RevertIf_AnyoneTakesItOutAtALoss() public {
        _heal();
        low.setFees(0, 20);
        address[4] memory others = [stranger, keeper, alice, address(hub)];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IVault.ValueFellTooFar.selector, address(low), 300e6, 300e6 - 300e6 * 20 / 10_000
                )
            );
            vm.prank(others[i]);
            vault.recover(address(low));
        }
        assertTrue(_quarantined());
    }

    // SPEC C10: to the unit: two are rounding.
    function test_RoundingIsNoLoss() public {
        _heal();
        uint256 snapshot = vm.snapshotState();
        low.setFaults(Fault.None, Fault.None, Fault.PayOneLess);
        vault.recover(address(low));
        assertFalse(_quarantined());
        vm.revertToState(snapshot);
        // 0.01 % of 20 001 units is two, of 30 000 three.
        low.setFees(0, 1);
        low.setLiquidityCap(20_001);
        vault.recover(address(low));
        low.setLiquidityCap(30_000);
        vm.expectPartialRevert(IVault.ValueFellTooFar.selector);
        vault.recover(address(low));
    }

    // SPEC C10: who guards may take the loss that leaving the venue costs.
    function test_WhoGuardsMayTakeTheLoss() public {
        _heal();
        low.setFees(0, 20);
        address[3] memory may = [guardian, emergency, timelock];
        for (uint256 i; i < may.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            vm.prank(may[i]);
            assertEq(vault.recover(address(low)), 299.4e6);
            assertFalse(_quarantined());
            assertEq(vault.totalAssets(), 999.4e6);
            vm.revertToState(snapshot);
        }
    }

    // SPEC C1: claims have their part of what had been in totalAssets; what is beyond it nobody who left had paid for.
    function test_AGainMeanwhileIsTheVaultsAndUnreleased() public {
        assertEq(_leave(alice, 300e12), 210e6);
        _heal();
        low.gain(100e6);
        vm.expectEmit(address(vault));
        emit IVault.Recovered(address(low), 310e6 + 1, 90e6 - 1, true);
        assertEq(vault.recover(address(low)), 400e6);
        assertEq(vault.totalAssets(), 490e6 + 210e6 + 1);
        (uint256 nav,) = vault.nav();
        assertEq(nav, 490e6 + 310e6 + 1);
    }

    // SPEC C1: also if it comes in parts: first what had counted, then the gain.
    function test_TheGainIsWhatComesLast() public {
        _leave(alice, 500e12);
        _heal();
        low.gain(100e6);
        low.setLiquidityCap(250e6);
        vault.recover(address(low));
        assertApproxEqAbs(pocket.claimable(address(low), 0, alice), 125e6, 2);
        low.setLiquidityCap(type(uint256).max);
        vault.recover(address(low));
        assertApproxEqAbs(pocket.claimable(address(low), 0, alice), 150e6, 2);
        assertApproxEqAbs(vault.totalAssets(), 500e6, 2);
        assertApproxEqAbs(vault.idle(), 600e6, 2);
    }

    // SPEC C1: what a position lost is forgotten with its quarantine: it makes no room for the gains of a later one.
    function test_WhatWasLostMakesNoRoomForLaterGains() public {
        low.lose(100e6);
        _heal();
        vault.recover(address(low));
        assertEq(vault.totalAssets(), 900e6);
        vm.prank(timelock);
        vault.unpauseDeposits();
        vm.prank(address(hub));
        vault.reallocate(one(low, 1000));
        low.gain(50e6);
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vault.accrue();
        _heal();
        vault.recover(address(low));
        assertEq(vault.totalAssets(), 900e6);
        (uint256 nav,) = vault.nav();
        assertEq(nav, 950e6);
    }

    // SPEC C10: it lost something meanwhile, and everybody bears the same.
    function test_ALossMeanwhileIsSharedByAll() public {
        _leave(alice, 600e12);
        low.lose(150e6);
        _heal();
        vault.recover(address(low));
        pocket.claim(address(low), 0, alice);
        assertApproxEqAbs(usdc.balanceOf(alice), 600e6 * 85 / 100, 2);
        assertApproxEqAbs(_leave(bob, 400e12), 400e6 * 85 / 100, 2);
    }

    // SPEC C10: a second quarantine is another epoch; claims of the first neither gain nor lose by it.
    function test_EachQuarantineIsAnEpoch() public {
        _leave(alice, 300e12);
        _heal();
        vm.expectEmit(address(pocket));
        emit ISidePocket.EpochClosed(address(low), 0);
        vault.recover(address(low));
        assertEq(pocket.epochOf(address(low)), 1);
        assertEq(pocket.unitsOf(address(low)), 0);

        vm.prank(timelock);
        vault.unpauseDeposits();
        pass(COOLDOWN);
        rebalance(one(low, 1000));
        uint256 stuck = low.book();
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        uint256 supply = vault.totalSupply();
        _leave(bob, 200e12);
        _heal();
        vault.recover(address(low));
        assertEq(pocket.claimable(address(low), 0, alice), 90e6 - 2);
        assertEq(pocket.claimable(address(low), 1, alice), 0);
        assertApproxEqAbs(pocket.claimable(address(low), 1, bob), stuck * 200e12 / supply, 1);
        assertEq(pocket.epochOf(address(low)), 2);
    }

    // SPEC C10: no stranger ends the claims by a recovery of nothing at a moment when the venue calls itself worthless; who guards may.
    function test_AWorthlessMomentEndsNoClaims() public {
        _leave(alice, 300e12);
        _heal();
        uint256 book = low.book();
        low.setBook(0);
        vm.expectEmit(address(vault));
        emit IVault.Recovered(address(low), 0, 0, false);
        vm.prank(bob);
        assertEq(vault.recover(address(low)), 0);
        assertTrue(_quarantined());
        assertEq(pocket.epochOf(address(low)), 0);
        uint256 snapshot = vm.snapshotState();
        vm.prank(guardian);
        vault.recover(address(low));
        assertFalse(_quarantined());
        assertEq(pocket.epochOf(address(low)), 1);
        vm.revertToState(snapshot);
        low.setBook(book);
        vault.recover(address(low));
        assertEq(pocket.claimable(address(low), 0, alice), 90e6 - 2);
        assertFalse(_quarantined());
    }

    // SPEC C10: without claims it ends, for there is nobody to keep it for.
    function test_AWorthlessPositionWithoutClaimsIsReleased() public {
        _heal();
        low.setBook(0);
        vault.recover(address(low));
        assertFalse(_quarantined());
        assertEq(vault.totalAssets(), 700e6);
    }

    // SPEC C1: each quarantine makes room only for what it took out itself.
    function test_ALossInOneMakesNoRoomForAnothersGain() public {
        _heal();
        vault.recover(address(low));
        vm.prank(timelock);
        vault.unpauseDeposits();
        vm.startPrank(address(hub));
        vault.reallocate(one(low, 3000));
        vault.reallocate(one(mid, 3000));
        vm.stopPrank();
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.expectEmit(address(vault));
        emit IVault.Suspended(2, 300e6);
        vault.accrue();
        mid.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.expectEmit(address(vault));
        emit IVault.Suspended(3, 300e6);
        vault.accrue();
        low.lose(200e6);
        mid.gain(200e6);
        _heal();
        mid.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(mid));
        assertEq(vault.totalAssets(), 700e6);
        vault.recover(address(low));
        assertEq(vault.totalAssets(), 800e6);
        (uint256 nav,) = vault.nav();
        assertEq(nav, 1000e6);
    }

    // SPEC C10: an epoch in which nobody left is not used up.
    function test_AnEpochWithoutClaimsIsNotClosed() public {
        _heal();
        vault.recover(address(low));
        assertEq(pocket.epochOf(address(low)), 0);
        assertFalse(_quarantined());
    }

    // SPEC C10: all leave, and all of it is theirs.
    function test_EverybodyLeaves() public {
        _leave(alice, 600e12);
        _leave(bob, 400e12);
        assertEq(vault.totalSupply(), 0);
        _heal();
        vault.recover(address(low));
        pocket.claim(address(low), 0, alice);
        pocket.claim(address(low), 0, bob);
        assertApproxEqAbs(usdc.balanceOf(alice), 600e6, 2);
        assertApproxEqAbs(usdc.balanceOf(bob), 400e6, 2);
    }

    // SPEC C10: an exit of a quarantined position is its recovery.
    function test_AnExitRecovers() public {
        _leave(alice, 300e12);
        _heal();
        vm.prank(emergency);
        (uint256 received, uint256 remaining) = vault.exit(address(low), "");
        assertEq(received, 300e6);
        assertEq(remaining, 0);
        assertFalse(_quarantined());
        assertEq(pocket.claimable(address(low), 0, alice), 90e6 - 2);
    }

    // SPEC C10: at whatever loss, as everything that the emergency Safe takes out.
    function test_AnExitTakesTheLoss() public {
        _heal();
        low.setFees(0, 20);
        vm.prank(emergency);
        (uint256 received,) = vault.exit(address(low), "");
        assertEq(received, 299.4e6);
        assertFalse(_quarantined());
    }

    // SPEC C10: and hands the venue what the Safe says.
    function test_AnExitPassesItsData() public {
        _heal();
        vm.expectCall(address(low), abi.encodeCall(IAdapter.withdraw, (type(uint256).max, "route")));
        vm.prank(emergency);
        vault.exit(address(low), "route");
        assertFalse(_quarantined());
    }

    function test_RevertIf_ThereIsNothingToRecover() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.NotQuarantined.selector, address(mid)));
        vault.recover(address(mid));
        vm.expectRevert(abi.encodeWithSelector(IVault.NotQuarantined.selector, stranger));
        vault.recover(stranger);
        low.setFaults(Fault.None, Fault.None, Fault.Revert);
        vm.expectRevert("venue fault");
        vault.recover(address(low));
        assertTrue(_quarantined());
    }

    function _leave(address who, uint256 shares) private returns (uint256) {
        vm.prank(who);
        return vault.redeem(shares, who, who);
    }

    function _heal() private {
        low.setFaults(Fault.None, Fault.None, Fault.None);
    }

    function _quarantined() private view returns (bool quarantined) {
        (,, quarantined) = vault.positionKind(address(low));
    }
}
