// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../../contracts/KillSwitchManager.sol";
import {VenueTriggers} from "../../../contracts/VenueTriggers.sol";
import {Mode, Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {PegBandLib} from "../../../contracts/types/PegBand.sol";
import {ScriptedFeed} from "../../../script/protocols/ScriptedFeed.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";

/// @notice Anyone records a condition that holds; nobody records one that does not (SPEC C7).
contract TripTest is KillSwitchFixture {
    address private token;
    ScriptedFeed private tokenFeed;

    function setUp() public override {
        super.setUp();
        (token, tokenFeed) = tokenWithFeed(low, "another token");
        vm.prank(timelock);
        killSwitch.setBand(token, PegBandLib.dai());
    }

    // SPEC C7a: the asset off its peg puts the vault into Exit, closes deposits and leaves the evidence.
    function test_TheAssetsPegMeansExit() public {
        feed.pushRound(77, 0.97e8, block.timestamp, block.timestamp - 5, 78);
        vm.expectEmit(address(killSwitch));
        emit KillSwitchManager.ModeSet(Mode.Exit, stranger, "Stablecoin depeg detected");
        vm.expectEmit(address(killSwitch));
        emit KillSwitchManager.Tripped(Trigger.Peg, address(usdc), stranger, 0.97e8, block.timestamp - 5, 77, Mode.Exit);
        vm.prank(stranger);
        killSwitch.trip(Trigger.Peg, address(usdc));
        assertEq(uint256(killSwitch.mode()), uint256(Mode.Exit));
        assertTrue(vault.paused());
        (,,, uint256 lastTriggered) = killSwitch.conditions(Trigger.Peg);
        assertEq(lastTriggered, block.timestamp);
    }

    // SPEC C7a: deposits that governance has opened before it reset the mode are closed again by the next trip.
    function test_ASecondTripClosesDepositsAgain() public {
        feed.push(0.97e8);
        killSwitch.trip(Trigger.Peg, address(usdc));
        feed.push(ONE_DOLLAR);
        vm.prank(timelock);
        vault.unpauseDeposits();
        feed.push(0.97e8);
        killSwitch.trip(Trigger.Peg, address(usdc));
        assertTrue(vault.paused());
        assertEq(uint256(killSwitch.mode()), uint256(Mode.Exit));
    }

    // SPEC C7a: back on its peg is not back to normal.
    function test_ExitOutlivesTheCondition() public {
        feed.push(0.97e8);
        killSwitch.trip(Trigger.Peg, address(usdc));
        feed.push(ONE_DOLLAR);
        (bool operational, string memory reason) = killSwitch.operationalStatus();
        assertFalse(operational);
        assertEq(reason, "Stablecoin depeg detected");
        (bool withdraw, string memory why) = killSwitch.shouldEmergencyWithdraw();
        assertTrue(withdraw);
        assertEq(why, "Stablecoin depeg detected");
    }

    // SPEC C7a: Exit is reached even if the vault does not obey.
    function test_ExitIsReachedWithoutTheVaultsConsent() public {
        bytes32 role = vault.GUARDIAN_ROLE();
        vm.prank(timelock);
        vault.revokeRole(role, address(killSwitch));
        feed.push(0.97e8);
        vm.expectEmit(address(killSwitch));
        emit KillSwitchManager.DepositsPauseFailed(address(vault));
        killSwitch.trip(Trigger.Peg, address(usdc));
        assertEq(uint256(killSwitch.mode()), uint256(Mode.Exit));
        assertFalse(vault.paused());
    }

    // SPEC C7: another token's peg blocks what depends on it, and is no reason for Exit.
    function test_AnotherTokensPegBlocksItsVenueForTheCooldown() public {
        tokenFeed.push(0.97e8);
        vm.expectEmit(address(killSwitch));
        emit KillSwitchManager.Tripped(
            Trigger.Peg, token, address(this), 0.97e8, block.timestamp, uint80(tokenFeed.latestRound()), Mode.Normal
        );
        killSwitch.trip(Trigger.Peg, token);
        assertEq(uint256(killSwitch.mode()), uint256(Mode.Normal));
        assertTrue(killSwitch.isOperational());
        _assertBlockedFor(1 days, PEG);
    }

    // SPEC C7d: a failed feed blocks for its cooldown after it has recovered, to the second.
    function test_AFailedFeedBlocksForTheCooldown() public {
        tokenFeed.setReverting(true);
        killSwitch.trip(Trigger.Oracle, token);
        tokenFeed.setReverting(false);
        _assertBlockedFor(1 hours, ORACLE);
    }

    // SPEC C7d
    function test_TheAssetsFailedFeedBlocksEverythingForTheCooldown() public {
        feed.push(0);
        killSwitch.trip(Trigger.Oracle, address(usdc));
        assertEq(uint256(killSwitch.mode()), uint256(Mode.Normal));
        feed.push(ONE_DOLLAR);
        skip(1 hours - 1);
        assertFalse(killSwitch.isOperational());
        skip(1);
        assertTrue(killSwitch.isOperational());
    }

    // SPEC C7: a later, shorter block never cuts an earlier one short.
    function test_ASecondTripNeverShortensTheFirst() public {
        tokenFeed.push(0.97e8);
        killSwitch.trip(Trigger.Peg, token);
        (,,,, uint256 until,) = killSwitch.feeds(token);
        tokenFeed.push(0);
        vm.prank(stranger);
        killSwitch.trip(Trigger.Oracle, token);
        (,,,, uint256 after_,) = killSwitch.feeds(token);
        assertEq(after_, until);
        tokenFeed.push(ONE_DOLLAR);
        _assertBlockedFor(1 days, PEG);
    }

    function test_RevertIf_TheConditionDoesNotHold() public {
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.ConditionNotMet.selector, Trigger.Peg, address(usdc)));
        killSwitch.trip(Trigger.Peg, address(usdc));
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.ConditionNotMet.selector, Trigger.Oracle, address(usdc)));
        killSwitch.trip(Trigger.Oracle, address(usdc));
        // One is not the other: a feed that cannot be trusted says nothing about the peg.
        feed.push(0);
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.ConditionNotMet.selector, Trigger.Peg, address(usdc)));
        killSwitch.trip(Trigger.Peg, address(usdc));
        feed.push(0.97e8);
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.ConditionNotMet.selector, Trigger.Oracle, address(usdc)));
        killSwitch.trip(Trigger.Oracle, address(usdc));
    }

    // SPEC C7a: at the edge nobody can trip it.
    function test_RevertIf_ThePriceIsAtTheEdge() public {
        feed.push(0.98e8);
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.ConditionNotMet.selector, Trigger.Peg, address(usdc)));
        killSwitch.trip(Trigger.Peg, address(usdc));
        feed.push(0.98e8 - 1);
        killSwitch.trip(Trigger.Peg, address(usdc));
    }

    function test_RevertIf_TheTriggerIsNotActive() public {
        vm.prank(timelock);
        killSwitch.setTrigger(Trigger.Peg, false, 0, 1 days);
        feed.push(0.5e8);
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.TriggerNotActive.selector, Trigger.Peg));
        killSwitch.trip(Trigger.Peg, address(usdc));
    }

    function test_RevertIf_TheTokenHasNoFeed() public {
        vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.FeedMissing.selector, stranger));
        killSwitch.trip(Trigger.Oracle, stranger);
    }

    // SPEC C7d: nobody makes a good feed look bad by starving the read of gas.
    function testFuzz_StarvingTheReadTripsNothing(uint256 gas) public {
        gas = bound(gas, 21_000, 600_000);
        (bool ok,) =
            address(killSwitch).call{gas: gas}(abi.encodeCall(killSwitch.trip, (Trigger.Oracle, address(usdc))));
        assertFalse(ok);
        assertTrue(killSwitch.isOperational());
    }

    // SPEC C7a: nobody reaches Exit with deposits left open by starving the vault of gas.
    function testFuzz_StarvingTheVaultLeavesNoDepositsOpen(uint256 gas) public {
        gas = bound(gas, 21_000, 600_000);
        feed.push(0.97e8);
        (bool ok,) = address(killSwitch).call{gas: gas}(abi.encodeCall(killSwitch.trip, (Trigger.Peg, address(usdc))));
        assertEq(vault.paused(), ok);
    }

    function _assertBlockedFor(uint256 time, string memory reason) private {
        tokenFeed.push(ONE_DOLLAR);
        assertBlockedFor(low, time, reason);
    }
}
