// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {VenueTriggers} from "../../../contracts/VenueTriggers.sol";
import {Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

/// @notice A guardian closes one venue alone; governance alone opens it again (SPEC C7, C13).
contract VenueBlockTest is KillSwitchFixture {
    // SPEC C7
    function test_AnyGuardianOrTheEmergencySafeBlocksAVenue() public {
        address[2] memory may = [guardian, emergency];
        for (uint256 i; i < may.length; ++i) {
            vm.expectEmit(address(killSwitch));
            emit VenueTriggers.VenueBlocked(address(low), may[i]);
            vm.prank(may[i]);
            killSwitch.blockVenue(address(low));
            skip(365 days);
            feed.push(ONE_DOLLAR);
            assertReason(low, "Guardian");
            assertAllowed(mid);
            assertTrue(killSwitch.isOperational());
            vm.expectEmit(address(killSwitch));
            emit VenueTriggers.VenueUnblocked(address(low));
            vm.prank(timelock);
            killSwitch.unblockVenue(address(low));
            assertAllowed(low);
        }
        address[3] memory mayNot = [keeper, timelock, stranger];
        for (uint256 i; i < mayNot.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(VenueTriggers.NotAuthorised.selector, mayNot[i]));
            vm.prank(mayNot[i]);
            killSwitch.blockVenue(address(low));
        }
    }

    // SPEC C7, C13
    function test_OnlyGovernanceUnblocks() public {
        vm.prank(guardian);
        killSwitch.blockVenue(address(low));
        address[3] memory mayNot = [guardian, emergency, stranger];
        for (uint256 i; i < mayNot.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, mayNot[i], bytes32(0))
            );
            vm.prank(mayNot[i]);
            killSwitch.unblockVenue(address(low));
        }
    }

    // SPEC C7: lifting the guardian's block does not lift a trip.
    function test_UnblockingLeavesATripInPlace() public {
        low.setUtilisation(1e18);
        armAndTrip(Trigger.Utilisation, low);
        vm.prank(guardian);
        killSwitch.blockVenue(address(low));
        assertReason(low, "Guardian");
        vm.prank(timelock);
        killSwitch.unblockVenue(address(low));
        assertReason(low, UTILISATION);
    }

    function test_RevertIf_TheBlockWouldNotChange() public {
        bytes memory unchanged = abi.encodeWithSelector(VenueTriggers.VenueBlockUnchanged.selector, address(low));
        vm.expectRevert(unchanged);
        vm.prank(timelock);
        killSwitch.unblockVenue(address(low));
        vm.startPrank(guardian);
        killSwitch.blockVenue(address(low));
        vm.expectRevert(unchanged);
        killSwitch.blockVenue(address(low));
        vm.stopPrank();
    }
}
