// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../../contracts/KillSwitchManager.sol";
import {VenueTriggers} from "../../../contracts/VenueTriggers.sol";
import {Mode, Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

/// @notice Who moves the mode which way: guards only towards less risk, governance alone back (SPEC C7).
contract ModeTest is KillSwitchFixture {
    // SPEC C7
    function test_AnyGuardianOrTheEmergencySafeSetsReduceOnly() public {
        address[2] memory may = [guardian, emergency];
        for (uint256 i; i < may.length; ++i) {
            vm.expectEmit(address(killSwitch));
            emit KillSwitchManager.ModeSet(Mode.ReduceOnly, may[i], "Guardian");
            vm.prank(may[i]);
            killSwitch.reduceOnly();
            (bool operational, string memory reason) = killSwitch.operationalStatus();
            assertFalse(operational);
            assertEq(reason, "Guardian");
            (bool withdraw,) = killSwitch.shouldEmergencyWithdraw();
            assertFalse(withdraw);
            assertFalse(vault.paused());
            vm.prank(timelock);
            killSwitch.reset();
        }
        address[3] memory mayNot = [keeper, timelock, stranger];
        for (uint256 i; i < mayNot.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(VenueTriggers.NotAuthorised.selector, mayNot[i]));
            vm.prank(mayNot[i]);
            killSwitch.reduceOnly();
        }
    }

    // SPEC C7
    function test_OnlyTheEmergencySafeEntersExit() public {
        address[4] memory mayNot = [guardian, keeper, timelock, stranger];
        bytes32 role = killSwitch.EMERGENCY_ROLE();
        for (uint256 i; i < mayNot.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, mayNot[i], role)
            );
            vm.prank(mayNot[i]);
            killSwitch.enterExit();
        }
        vm.expectEmit(address(killSwitch));
        emit KillSwitchManager.ModeSet(Mode.Exit, emergency, "Emergency Safe");
        vm.prank(emergency);
        killSwitch.enterExit();
        assertTrue(vault.paused());
        (bool withdraw, string memory why) = killSwitch.shouldEmergencyWithdraw();
        assertTrue(withdraw);
        assertEq(why, "Emergency Safe");
    }

    // SPEC C7: only ever stricter.
    function test_RevertIf_NotStricter() public {
        vm.prank(guardian);
        killSwitch.reduceOnly();
        vm.expectRevert(
            abi.encodeWithSelector(KillSwitchManager.ModeNotStricter.selector, Mode.ReduceOnly, Mode.ReduceOnly)
        );
        vm.prank(guardian);
        killSwitch.reduceOnly();
        vm.startPrank(emergency);
        killSwitch.enterExit();
        vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.ModeNotStricter.selector, Mode.Exit, Mode.ReduceOnly));
        killSwitch.reduceOnly();
        vm.expectRevert(abi.encodeWithSelector(KillSwitchManager.ModeNotStricter.selector, Mode.Exit, Mode.Exit));
        killSwitch.enterExit();
        vm.stopPrank();
    }

    // SPEC C7
    function test_OnlyGovernanceGoesBack() public {
        vm.prank(emergency);
        killSwitch.enterExit();
        address[3] memory mayNot = [guardian, emergency, stranger];
        for (uint256 i; i < mayNot.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, mayNot[i], bytes32(0))
            );
            vm.prank(mayNot[i]);
            killSwitch.reset();
        }
        vm.expectEmit(address(killSwitch));
        emit KillSwitchManager.ModeSet(Mode.Normal, timelock, "");
        vm.prank(timelock);
        killSwitch.reset();
        assertTrue(killSwitch.isOperational());
        // Deposits are opened by their own act.
        assertTrue(vault.paused());
    }

    // SPEC C7: not while the condition holds, and not within its cooldown.
    function test_RevertIf_AConditionStillHolds() public {
        feed.push(0.97e8);
        killSwitch.trip(Trigger.Peg, address(usdc));
        bytes memory reason =
            abi.encodeWithSelector(KillSwitchManager.ConditionStillHolds.selector, "Stablecoin depeg detected");
        vm.expectRevert(reason);
        vm.prank(timelock);
        killSwitch.reset();
        feed.push(ONE_DOLLAR);
        skip(1 days - 1);
        // The price is back; what blocks is still the trip, and it says which.
        vm.expectRevert(reason);
        vm.prank(timelock);
        killSwitch.reset();
        skip(1);
        vm.prank(timelock);
        killSwitch.reset();
        assertTrue(killSwitch.isOperational());
    }

    // SPEC C7a, C10: from ReduceOnly a depeg still leads to Exit.
    function test_ADepegInReduceOnlyLeadsToExit() public {
        vm.prank(guardian);
        killSwitch.reduceOnly();
        feed.push(0.97e8);
        killSwitch.trip(Trigger.Peg, address(usdc));
        (, string memory reason) = killSwitch.operationalStatus();
        assertEq(reason, "Stablecoin depeg detected");
        assertEq(uint256(killSwitch.mode()), uint256(Mode.Exit));
    }

    function test_ATripInExitKeepsTheFirstReason() public {
        vm.prank(emergency);
        killSwitch.enterExit();
        feed.push(0.97e8);
        killSwitch.trip(Trigger.Peg, address(usdc));
        (, string memory reason) = killSwitch.operationalStatus();
        assertEq(reason, "Emergency Safe");
    }
}
