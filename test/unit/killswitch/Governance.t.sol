// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../../contracts/KillSwitchManager.sol";
import {Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {ScriptedFeed} from "../../../script/protocols/ScriptedFeed.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";

/// @notice What governance sets in the switch and within which bounds (SPEC C7, C13).
contract KillSwitchGovernanceTest is BallastFixture {
    // SPEC C7
    function test_TheTwoTriggersAtDeployment() public view {
        (bool active, uint256 threshold, uint256 cooldown, uint256 last) = killSwitch.conditions(Trigger.Peg);
        assertTrue(active);
        assertEq(threshold, 0.02e18);
        assertEq(cooldown, 1 days);
        assertEq(last, 0);
        (active, threshold, cooldown, last) = killSwitch.conditions(Trigger.Oracle);
        assertTrue(active);
        assertEq(threshold, 1 hours);
        assertEq(cooldown, 1 hours);
        assertEq(last, 0);
    }

    // SPEC C7, C13
    function test_SetTriggerEmitsAndKeepsTheMemory() public {
        feed.push(0);
        killSwitch.trip(Trigger.Oracle, address(usdc));
        vm.expectEmit(address(killSwitch));
        emit KillSwitchManager.TriggerSet(Trigger.Oracle, false, 2 hours, 3 hours);
        vm.prank(timelock);
        killSwitch.setTrigger(Trigger.Oracle, false, 2 hours, 3 hours);
        (bool active, uint256 threshold, uint256 cooldown, uint256 last) = killSwitch.conditions(Trigger.Oracle);
        assertFalse(active);
        assertEq(threshold, 2 hours);
        assertEq(cooldown, 3 hours);
        assertEq(last, block.timestamp);
    }

    function test_TriggerBounds() public {
        vm.startPrank(timelock);
        vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.ThresholdOutOfBounds.selector, 1e18));
        killSwitch.setTrigger(Trigger.Peg, true, 1e18, 0);
        killSwitch.setTrigger(Trigger.Peg, true, 1e18 - 1, 0);
        vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.ThresholdOutOfBounds.selector, 1 days + 1));
        killSwitch.setTrigger(Trigger.Oracle, true, 1 days + 1, 0);
        killSwitch.setTrigger(Trigger.Oracle, true, 1 days, 0);
        vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.ThresholdOutOfBounds.selector, 30 days + 1));
        killSwitch.setTrigger(Trigger.Oracle, true, 0, 30 days + 1);
        killSwitch.setTrigger(Trigger.Oracle, true, 0, 30 days);
        vm.stopPrank();
    }

    function test_FeedBounds() public {
        ScriptedFeed fine = new ScriptedFeed(18, "FINE / USD", 1e18);
        ScriptedFeed tooFine = new ScriptedFeed(19, "TOO FINE / USD", 1e19);
        vm.startPrank(timelock);
        vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.FeedOutOfBounds.selector, 1 hours, 19));
        killSwitch.setFeed(bob, address(tooFine), 1 hours);
        vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.FeedOutOfBounds.selector, 0, 18));
        killSwitch.setFeed(bob, address(fine), 0);
        vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.FeedOutOfBounds.selector, 30 days + 1, 18));
        killSwitch.setFeed(bob, address(fine), 30 days + 1);
        vm.expectEmit(address(killSwitch));
        emit KillSwitchManager.FeedSet(bob, address(fine), 18, 30 days);
        killSwitch.setFeed(bob, address(fine), 30 days);
        vm.expectRevert();
        killSwitch.setFeed(bob, stranger, 1 hours);
        vm.stopPrank();
    }

    function test_VenueTokensBounds() public {
        address[] memory tokens = new address[](9);
        for (uint256 i; i < tokens.length; ++i) {
            tokens[i] = address(usdc);
        }
        vm.startPrank(timelock);
        vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.TooManyTokens.selector, 8));
        killSwitch.setVenueTokens(address(low), tokens);
        assembly ("memory-safe") {
            mstore(tokens, 8)
        }
        vm.expectEmit(address(killSwitch));
        emit KillSwitchManager.VenueTokensSet(address(low), tokens);
        killSwitch.setVenueTokens(address(low), tokens);
        tokens[7] = stranger;
        vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.FeedMissing.selector, stranger));
        killSwitch.setVenueTokens(address(low), tokens);
        vm.stopPrank();
        assertEq(killSwitch.venueTokens(address(low)).length, 8);
    }
}
