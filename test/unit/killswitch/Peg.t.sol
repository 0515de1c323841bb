// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../../contracts/KillSwitchManager.sol";
import {Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {ScriptedFeed} from "../../../script/protocols/ScriptedFeed.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";

/// @notice The peg trigger at its edges (SPEC C7a): 0.98 and 1.02 are inside, one unit of the feed past them is outside.
contract PegTest is BallastFixture {
    // SPEC C7a
    function test_EdgesWithEightDecimals() public {
        _inside(0.98e8);
        _outside(0.98e8 - 1);
        _inside(1.02e8);
        _outside(1.02e8 + 1);
        // The figures of the specification.
        _outside(0.9799e8);
        _inside(0.98e8);
        _outside(1.0201e8);
    }

    // SPEC C7a
    function test_EdgesWithSixDecimals() public {
        _replaceFeed(6);
        _inside(0.98e6);
        _outside(0.98e6 - 1);
        _inside(1.02e6);
        _outside(1.02e6 + 1);
    }

    // SPEC C7a
    function test_EdgesWithEighteenDecimals() public {
        _replaceFeed(18);
        _inside(0.98e18);
        _outside(0.98e18 - 1);
        _inside(1.02e18);
        _outside(1.02e18 + 1);
    }

    // SPEC C7a: a feed without decimals knows only whole dollars.
    function test_EdgesWithoutDecimals() public {
        _replaceFeed(0);
        _inside(1);
        _outside(2);
    }

    // SPEC C7a
    function testFuzz_OutsideExactlyWhenPastABound(uint256 answer, uint8 decimals) public {
        decimals = uint8(bound(decimals, 2, 18));
        uint256 unit = 10 ** decimals;
        answer = bound(answer, 1, 3 * unit);
        _replaceFeed(decimals);
        bool inside = answer * 100 >= 98 * unit && answer * 100 <= 102 * unit;
        feed.push(int256(answer));
        assertEq(killSwitch.isOperational(), inside);
        (bool withdraw,) = killSwitch.shouldEmergencyWithdraw();
        assertEq(withdraw, !inside);
    }

    // SPEC C7, C7a: another width set by governance is as exact.
    function test_AnotherThreshold() public {
        vm.prank(timelock);
        killSwitch.setTrigger(Trigger.Peg, true, 0.005e18, 1 days);
        _inside(0.995e8);
        _outside(0.995e8 - 1);
        _inside(1.005e8);
        _outside(1.005e8 + 1);
    }

    // SPEC C7: a trigger that is switched off does not act.
    function test_AnInactiveTriggerIsSilent() public {
        vm.prank(timelock);
        killSwitch.setTrigger(Trigger.Peg, false, 0.02e18, 1 days);
        _inside(0.5e8);
    }

    function _inside(int256 answer) private {
        feed.push(answer);
        (bool operational, string memory reason) = killSwitch.operationalStatus();
        assertTrue(operational);
        assertEq(reason, "");
        assertTrue(killSwitch.isOperational());
        (bool withdraw, string memory why) = killSwitch.shouldEmergencyWithdraw();
        assertFalse(withdraw);
        assertEq(why, "");
    }

    function _outside(int256 answer) private {
        feed.push(answer);
        (bool operational, string memory reason) = killSwitch.operationalStatus();
        assertFalse(operational);
        assertEq(reason, "Stablecoin depeg detected");
        assertFalse(killSwitch.isOperational());
        (bool withdraw, string memory why) = killSwitch.shouldEmergencyWithdraw();
        assertTrue(withdraw);
        assertEq(why, "Stablecoin depeg detected");
        (KillSwitchManager.FeedStatus status,) = killSwitch.checkFeed(address(usdc));
        assertEq(uint256(status), uint256(KillSwitchManager.FeedStatus.OffPeg));
    }

    function _replaceFeed(uint8 decimals) private {
        feed = new ScriptedFeed(decimals, "USDC / USD", int256(10 ** decimals));
        vm.prank(timelock);
        killSwitch.setFeed(address(usdc), address(feed), HEARTBEAT);
    }
}
