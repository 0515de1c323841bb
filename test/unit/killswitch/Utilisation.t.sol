// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {VenueTriggers} from "../../../contracts/VenueTriggers.sol";
import {Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {Finding} from "../../../contracts/types/VenueWatch.sol";
import {LendingVenue} from "../../support/LendingVenue.sol";
import {ScriptedAdapter} from "../../support/ScriptedAdapter.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";

/// @notice The utilisation trigger: more than 95 % of the venue out on loan (SPEC C7c).
contract UtilisationTest is KillSwitchFixture {
    // SPEC C7c: at 95 % not, one wei above it does, and 95.01 % does.
    function test_TheEdge() public {
        low.setUtilisation(0.95e18);
        vm.expectRevert(notMet(Trigger.Utilisation, address(low)));
        killSwitch.trip(Trigger.Utilisation, address(low));
        low.setUtilisation(0.95e18 + 1);
        assertTrue(killSwitch.evaluate(Trigger.Utilisation, address(low)).holds);
        low.setUtilisation(0.9501e18);
        armAndTrip(Trigger.Utilisation, low);
        assertReason(low, UTILISATION);
    }

    // SPEC C7c, C7: the venue alone is closed, for six hours.
    function test_ItClosesTheVenueForSixHours() public {
        low.setUtilisation(0.99e18);
        vm.expectEmit(address(killSwitch));
        emit VenueTriggers.Armed(Trigger.Utilisation, address(low), address(this), true, 0.99e18, 0.95e18);
        arm(Trigger.Utilisation, low);
        uint40 until = uint40(vm.getBlockTimestamp() + 6 hours);
        vm.expectEmit(address(killSwitch));
        emit VenueTriggers.VenueTripped(
            Trigger.Utilisation, address(low), address(this), UTILISATION, true, 0.99e18, 0.95e18, until
        );
        killSwitch.trip(Trigger.Utilisation, address(low));
        assertEq(lastTriggered(Trigger.Utilisation), vm.getBlockTimestamp());
        assertBlockedFor(low, 6 hours, UTILISATION);
    }

    // SPEC C7, ERR-8
    function test_AnUnreadableVenueIsUnhealthy() public {
        low.setUtilisation(uint256(type(uint128).max) + 1);
        assertFalse(killSwitch.evaluate(Trigger.Utilisation, address(low)).readable);
        armAndTrip(Trigger.Utilisation, low);
        assertReason(low, UTILISATION);
        vm.etch(address(mid), hex"fe");
        armAndTrip(Trigger.Utilisation, mid);
        assertReason(mid, UTILISATION);
        assertAllowed(high);
    }

    // SPEC C7c: of a venue held directly it is the part of the position that could not be withdrawn.
    function test_AVenueHeldDirectly() public {
        LendingVenue venue = new LendingVenue(usdc);
        usdc.mint(address(this), SIZE);
        usdc.approve(address(venue), SIZE);
        venue.deposit(SIZE, address(vault));
        vm.mockCall(
            address(vault), abi.encodeCall(IVault.positionKind, (address(venue))), abi.encode(true, true, false)
        );
        venue.lend(SIZE * 95 / 100);
        assertFalse(killSwitch.evaluate(Trigger.Utilisation, address(venue)).holds);
        venue.lend(1);
        Finding memory finding = killSwitch.evaluate(Trigger.Utilisation, address(venue));
        assertTrue(finding.holds && finding.readable);
        armAndTrip(Trigger.Utilisation, ScriptedAdapter(address(venue)));
        assertFalse(killSwitch.canAdd(address(venue)));
    }

    // SPEC C7: the threshold is governance's; all of it can still be exceeded by nothing.
    function test_AnotherThreshold() public {
        setTrigger(Trigger.Utilisation, true, 1e18, 1 days);
        low.setUtilisation(1e18);
        vm.expectRevert(notMet(Trigger.Utilisation, address(low)));
        killSwitch.trip(Trigger.Utilisation, address(low));
    }
}
