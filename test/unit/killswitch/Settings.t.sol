// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../../contracts/KillSwitchManager.sol";
import {StablecoinPegMonitor} from "../../../contracts/StablecoinPegMonitor.sol";
import {Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {PegBand} from "../../../contracts/types/PegBand.sol";
import {ScriptedFeed} from "../../../script/protocols/ScriptedFeed.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

/// @notice What governance sets in the switch and within which bounds (SPEC C7, C13).
contract SettingsTest is KillSwitchFixture {
    // SPEC C7
    function test_TheFiveTriggersAtDeployment() public view {
        _condition(Trigger.Peg, true, 0, 1 days, 0);
        _condition(Trigger.Tvl, true, 0.3e18, 1 days, 0);
        _condition(Trigger.Utilisation, true, 0.95e18, 6 hours, 0);
        _condition(Trigger.Oracle, true, 1 hours, 1 hours, 0);
        _condition(Trigger.Governance, true, 0, 0, 0);
    }

    // SPEC C7, C13
    function test_SetTriggerEmitsAndKeepsTheMemory() public {
        feed.push(0);
        killSwitch.trip(Trigger.Oracle, address(usdc));
        vm.expectEmit(address(killSwitch));
        emit KillSwitchManager.TriggerSet(Trigger.Oracle, false, 2 hours, 3 hours);
        setTrigger(Trigger.Oracle, false, 2 hours, 3 hours);
        _condition(Trigger.Oracle, false, 2 hours, 3 hours, block.timestamp);
    }

    // SPEC C7, C13: each trigger's threshold at its bounds and past them.
    function test_ThresholdBounds() public {
        _bounds(Trigger.Peg, 0, 0);
        _bounds(Trigger.Tvl, 1, 1e18 - 1);
        _bounds(Trigger.Utilisation, 1, 1e18);
        _bounds(Trigger.Oracle, 0, 1 days);
        _bounds(Trigger.Governance, 0, 0);
    }

    // SPEC C7, C13
    function test_CooldownBounds() public {
        uint256[5] memory thresholds = [uint256(0), 1, 1, 0, 0];
        for (uint256 i; i < 5; ++i) {
            uint256 most = Trigger(i) == Trigger.Governance ? 0 : 30 days;
            setTrigger(Trigger(i), true, thresholds[i], most);
            vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.CooldownOutOfBounds.selector, most + 1));
            setTrigger(Trigger(i), true, thresholds[i], most + 1);
        }
    }

    function test_FeedBounds() public {
        ScriptedFeed fine = new ScriptedFeed(18, "FINE / USD", 1e18);
        ScriptedFeed tooFine = new ScriptedFeed(19, "TOO FINE / USD", 1e19);
        vm.startPrank(timelock);
        vm.expectRevert(abi.encodeWithSelector(StablecoinPegMonitor.FeedOutOfBounds.selector, 1 hours, 19));
        killSwitch.setFeed(bob, address(tooFine), 1 hours);
        vm.expectRevert(abi.encodeWithSelector(StablecoinPegMonitor.FeedOutOfBounds.selector, 0, 18));
        killSwitch.setFeed(bob, address(fine), 0);
        vm.expectRevert(abi.encodeWithSelector(StablecoinPegMonitor.FeedOutOfBounds.selector, 30 days + 1, 18));
        killSwitch.setFeed(bob, address(fine), 30 days + 1);
        vm.expectEmit(address(killSwitch));
        emit StablecoinPegMonitor.FeedSet(bob, address(fine), 18, 30 days);
        killSwitch.setFeed(bob, address(fine), 30 days);
        vm.expectRevert();
        killSwitch.setFeed(bob, stranger, 1 hours);
        vm.stopPrank();
    }

    // SPEC C7d: a new feed answers for itself; the block of the old one is lifted.
    function test_ANewFeedLiftsTheBlockOfTheOld() public {
        (address token, ScriptedFeed old) = tokenWithFeed(low, "DAI");
        old.push(0);
        killSwitch.trip(Trigger.Oracle, token);
        ScriptedFeed fresh = new ScriptedFeed(8, "DAI / USD", ONE_DOLLAR);
        assertReason(low, ORACLE);
        vm.prank(timelock);
        killSwitch.setFeed(token, address(fresh), HEARTBEAT);
        assertAllowed(low);
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
        feed.push(0);
        assertReason(low, ORACLE);
        vm.prank(timelock);
        killSwitch.setVenueTokens(address(low), new address[](0));
        assertAllowed(low);
    }

    // SPEC C13
    function test_RevertIf_NotGovernance() public {
        PegBand memory band = killSwitch.pegBand(address(usdc));
        address[3] memory mayNot = [guardian, emergency, stranger];
        for (uint256 i; i < mayNot.length; ++i) {
            bytes memory denied =
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, mayNot[i], bytes32(0));
            vm.startPrank(mayNot[i]);
            vm.expectRevert(denied);
            killSwitch.setFeed(bob, address(feed), 1);
            vm.expectRevert(denied);
            killSwitch.setBand(bob, band);
            vm.expectRevert(denied);
            killSwitch.setSequencerFeed(address(feed));
            vm.expectRevert(denied);
            killSwitch.setVenueTokens(address(low), new address[](0));
            vm.expectRevert(denied);
            killSwitch.setTrigger(Trigger.Peg, true, 0, 0);
            vm.stopPrank();
        }
    }

    function _bounds(Trigger trigger, uint256 least, uint256 most) private {
        setTrigger(trigger, true, least, 0);
        setTrigger(trigger, true, most, 0);
        vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.ThresholdOutOfBounds.selector, most + 1));
        setTrigger(trigger, true, most + 1, 0);
        if (least == 0) return;
        vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.ThresholdOutOfBounds.selector, least - 1));
        setTrigger(trigger, true, least - 1, 0);
    }

    function _condition(Trigger trigger, bool active, uint256 threshold, uint256 cooldown, uint256 last) private view {
        (bool isActive, uint256 threshold_, uint256 cooldownPeriod, uint256 lastTriggered_) =
            killSwitch.conditions(trigger);
        assertEq(isActive, active);
        assertEq(threshold_, threshold);
        assertEq(cooldownPeriod, cooldown);
        assertEq(lastTriggered_, last);
    }
}
