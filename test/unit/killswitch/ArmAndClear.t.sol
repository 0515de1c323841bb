// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {VenueTriggers} from "../../../contracts/VenueTriggers.sol";
import {Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";

/// @notice TVL and utilisation take two steps, and are disarmed only once they could be tripped (SPEC C7b, C7c).
contract ArmAndClearTest is KillSwitchFixture {
    uint256 private constant HIGH = 0.96e18;
    uint256 private constant FINE = 0.5e18;

    function setUp() public override {
        super.setUp();
        low.setUtilisation(HIGH);
    }

    // SPEC C7: twenty-five blocks after the arming, not one earlier.
    function test_RevertIf_ConfirmedTooEarly() public {
        uint256 armedBlock = vm.getBlockNumber();
        _trip();
        bytes memory tooEarly = abi.encodeWithSelector(VenueTriggers.TooEarly.selector, armedBlock + 25);
        vm.expectRevert(tooEarly);
        _trip();
        mine(24);
        vm.expectRevert(tooEarly);
        _trip();
        assertAllowed(low);
        mine(1);
        _trip();
        assertReason(low, UTILISATION);
    }

    // SPEC C7: the condition holds at both.
    function test_RevertIf_TheConditionDoesNotHoldAtTheConfirmation() public {
        arm(Trigger.Utilisation, low);
        low.setUtilisation(FINE);
        vm.expectRevert(notMet(Trigger.Utilisation, address(low)));
        _trip();
        assertAllowed(low);
    }

    // SPEC C7: two hours after the arming it still trips; a second later a call arms anew.
    function test_AnArmingLastsTwoHours() public {
        arm(Trigger.Utilisation, low);
        uint256 armedAt = killSwitch.venueStatus(address(low)).utilisation.armedAt;
        uint256 state = vm.snapshotState();
        vm.warp(armedAt + 2 hours);
        _trip();
        assertReason(low, UTILISATION);
        vm.revertToState(state);
        vm.warp(armedAt + 2 hours + 1);
        _trip();
        assertAllowed(low);
        assertEq(killSwitch.venueStatus(address(low)).utilisation.armedAt, armedAt + 2 hours + 1);
        assertEq(killSwitch.venueStatus(address(low)).utilisation.armedBlock, vm.getBlockNumber());
    }

    // SPEC C7: a trip uses up its arming.
    function test_ASecondTripIsArmedAnew() public {
        armAndTrip(Trigger.Utilisation, low);
        uint256 until = killSwitch.venueStatus(address(low)).blockedUntil;
        mine(1);
        _trip();
        assertEq(killSwitch.venueStatus(address(low)).blockedUntil, until);
        mine(25);
        _trip();
        assertEq(killSwitch.venueStatus(address(low)).blockedUntil, until + 26 * BLOCK_TIME);
    }

    // SPEC C7: the two triggers of one venue, and one trigger of two venues, are armed apart.
    function test_ArmingsAreApart() public {
        history(low);
        low.setVenueSize(1);
        mid.setUtilisation(HIGH);
        arm(Trigger.Utilisation, low);
        killSwitch.trip(Trigger.Tvl, address(low));
        killSwitch.trip(Trigger.Utilisation, address(mid));
        assertAllowed(low);
        assertAllowed(mid);
        _trip();
        assertReason(low, UTILISATION);
        assertAllowed(mid);
    }

    // SPEC C7: a short cooldown does not cut a long one short.
    function test_AShortBlockNeverCutsALongOneShort() public {
        history(low);
        low.setVenueSize(1);
        _trip();
        armAndTrip(Trigger.Tvl, low);
        uint256 until = vm.getBlockTimestamp() + 1 days;
        _trip();
        assertEq(killSwitch.venueStatus(address(low)).utilisation.blockedUntil, vm.getBlockTimestamp() + 6 hours);
        assertEq(killSwitch.venueStatus(address(low)).blockedUntil, until);
        assertReason(low, TVL);
    }

    // SPEC C7: anyone disarms what no longer holds, from the block in which it could be tripped.
    function test_AnyoneClearsWhatNoLongerHolds() public {
        arm(Trigger.Utilisation, low);
        low.setUtilisation(FINE);
        vm.expectEmit(address(killSwitch));
        emit VenueTriggers.Cleared(Trigger.Utilisation, address(low), stranger, FINE, 0.95e18);
        vm.prank(stranger);
        killSwitch.clear(Trigger.Utilisation, address(low));
        assertEq(killSwitch.venueStatus(address(low)).utilisation.armedAt, 0);
        low.setUtilisation(HIGH);
        mine(25);
        _trip();
        assertAllowed(low);
    }

    // SPEC C7: nothing is disarmed before it could be tripped, however often somebody makes the condition pass for one transaction.
    function test_RevertIf_ClearedBeforeItCouldBeTripped() public {
        uint256 fromBlock = vm.getBlockNumber() + killSwitch.CONFIRM_BLOCKS();
        bytes memory tooEarly = abi.encodeWithSelector(VenueTriggers.TooEarly.selector, fromBlock);
        _trip();
        for (; vm.getBlockNumber() < fromBlock; mine(1)) {
            low.setUtilisation(FINE);
            vm.expectRevert(tooEarly);
            killSwitch.clear(Trigger.Utilisation, address(low));
            low.setUtilisation(HIGH);
        }
        _trip();
        assertReason(low, UTILISATION);
    }

    function test_RevertIf_ClearedWhileTheConditionHolds() public {
        arm(Trigger.Utilisation, low);
        bytes memory holds =
            abi.encodeWithSelector(VenueTriggers.ConditionMet.selector, Trigger.Utilisation, address(low));
        vm.expectRevert(holds);
        killSwitch.clear(Trigger.Utilisation, address(low));
        // A venue that cannot be read is not well.
        low.setUtilisation(type(uint256).max);
        vm.expectRevert(holds);
        killSwitch.clear(Trigger.Utilisation, address(low));
    }

    function test_RevertIf_NothingIsArmed() public {
        bytes memory notArmed =
            abi.encodeWithSelector(VenueTriggers.NotArmed.selector, Trigger.Utilisation, address(low));
        vm.expectRevert(notArmed);
        killSwitch.clear(Trigger.Utilisation, address(low));
        _trip();
        skip(2 hours + 1);
        vm.expectRevert(notArmed);
        killSwitch.clear(Trigger.Utilisation, address(low));
    }

    function test_RevertIf_TheTriggerHasOneStep() public {
        Trigger[3] memory others = [Trigger.Peg, Trigger.Oracle, Trigger.Governance];
        for (uint256 i; i < others.length; ++i) {
            bytes memory oneStep = abi.encodeWithSelector(VenueTriggers.TriggerNotTwoStep.selector, others[i]);
            vm.expectRevert(oneStep);
            killSwitch.clear(others[i], address(low));
            vm.expectRevert(oneStep);
            killSwitch.evaluate(others[i], address(low));
        }
    }

    // SPEC C7: a trigger that is switched off neither arms nor trips.
    function test_RevertIf_TheTriggerIsNotActive() public {
        arm(Trigger.Utilisation, low);
        setTrigger(Trigger.Utilisation, false, 0.95e18, 6 hours);
        bytes memory inactive = abi.encodeWithSelector(VenueTriggers.TriggerNotActive.selector, Trigger.Utilisation);
        vm.expectRevert(inactive);
        _trip();
        setTrigger(Trigger.Tvl, false, 0.3e18, 1 days);
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.TriggerNotActive.selector, Trigger.Tvl));
        killSwitch.trip(Trigger.Tvl, address(low));
    }

    function _trip() private {
        killSwitch.trip(Trigger.Utilisation, address(low));
    }
}
