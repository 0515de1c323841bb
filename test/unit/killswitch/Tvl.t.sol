// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {VenueTriggers} from "../../../contracts/VenueTriggers.sol";
import {Mode, Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {Finding} from "../../../contracts/types/VenueWatch.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";

/// @notice The TVL trigger: less than 70 % of what others had in the venue 24 to 48 hours ago (SPEC C7b).
contract TvlTest is KillSwitchFixture {
    // SPEC C7b: 69.9 % fires, exactly 70 % does not, one unit less does.
    function test_TheEdge() public {
        history(low);
        low.setVenueSize(SIZE * 70 / 100);
        vm.expectRevert(notMet(Trigger.Tvl, address(low)));
        killSwitch.trip(Trigger.Tvl, address(low));
        low.setVenueSize(SIZE * 70 / 100 - 1);
        assertTrue(killSwitch.evaluate(Trigger.Tvl, address(low)).holds);
        low.setVenueSize(SIZE * 699 / 1000);
        assertTrue(killSwitch.evaluate(Trigger.Tvl, address(low)).holds);
    }

    // SPEC C7b, C7: armed with its evidence, tripped with its evidence, and the venue alone is closed, for a day.
    function test_ItClosesTheVenueForADay() public {
        history(low);
        uint256 left = SIZE * 699 / 1000;
        low.setVenueSize(left);
        vm.expectEmit(address(killSwitch));
        emit VenueTriggers.Armed(Trigger.Tvl, address(low), stranger, true, left, SIZE);
        vm.prank(stranger);
        killSwitch.trip(Trigger.Tvl, address(low));
        assertAllowed(low);
        mine(killSwitch.CONFIRM_BLOCKS());
        uint40 until = uint40(vm.getBlockTimestamp() + 1 days);
        vm.expectEmit(address(killSwitch));
        emit VenueTriggers.VenueTripped(Trigger.Tvl, address(low), bob, TVL, true, left, SIZE, until);
        vm.prank(bob);
        killSwitch.trip(Trigger.Tvl, address(low));
        assertReason(low, TVL);
        assertEq(lastTriggered(Trigger.Tvl), vm.getBlockTimestamp());
        assertEq(killSwitch.venueStatus(address(low)).blockedUntil, until);
        assertEq(uint256(killSwitch.mode()), uint256(Mode.Normal));
        assertBlockedFor(low, 1 days, TVL);
    }

    // SPEC C7b, ERR-5: without a checkpoint of that age there is nothing to measure against.
    function test_DuringWarmUpItDoesNotFire() public {
        low.setVenueSize(1);
        vm.expectRevert(notMet(Trigger.Tvl, address(low)));
        killSwitch.trip(Trigger.Tvl, address(low));
        low.setVenueSize(SIZE);
        checkpoint(low);
        uint256 confirmedAt = vm.getBlockTimestamp() - BLOCK_TIME;
        low.setVenueSize(1);
        vm.warp(confirmedAt + 24 hours - 1);
        assertFalse(killSwitch.evaluate(Trigger.Tvl, address(low)).holds);
        vm.warp(confirmedAt + 24 hours);
        assertTrue(killSwitch.evaluate(Trigger.Tvl, address(low)).holds);
        vm.warp(confirmedAt + 48 hours);
        assertTrue(killSwitch.evaluate(Trigger.Tvl, address(low)).holds);
        vm.warp(confirmedAt + 48 hours + 1);
        assertFalse(killSwitch.evaluate(Trigger.Tvl, address(low)).holds);
    }

    // SPEC C7b: an observation that nobody confirmed is no history.
    function test_AnUnconfirmedObservationIsNoHistory() public {
        look(low);
        pass(24 hours);
        low.setVenueSize(1);
        vm.expectRevert(notMet(Trigger.Tvl, address(low)));
        killSwitch.trip(Trigger.Tvl, address(low));
    }

    // SPEC C7b: the newest checkpoint that is old enough is the one that counts.
    function test_ItMeasuresAgainstTheNewestThatIsADayOld() public {
        checkpoint(low);
        pass(6 hours);
        low.setVenueSize(SIZE / 2);
        checkpoint(low);
        pass(24 hours);
        Finding memory finding = killSwitch.evaluate(Trigger.Tvl, address(low));
        assertEq(finding.bound, SIZE / 2);
        assertFalse(finding.holds);
    }

    // SPEC C7b: the vault going out of a venue of which it holds most is no crash.
    function test_TheVaultsOwnExitIsNoCrash() public {
        low.setBook(9 * SIZE);
        low.setVenueSize(10 * SIZE);
        history(low);
        low.setBook(0);
        low.setVenueSize(SIZE);
        vm.expectRevert(notMet(Trigger.Tvl, address(low)));
        killSwitch.trip(Trigger.Tvl, address(low));
    }

    // SPEC C7b: others leaving is a crash even while the vault's own position hides it.
    function test_TheVaultsOwnEntryHidesNoCrash() public {
        history(low);
        low.setBook(SIZE);
        low.setVenueSize(SIZE + SIZE / 2);
        assertTrue(killSwitch.evaluate(Trigger.Tvl, address(low)).holds);
    }

    // SPEC C7, ERR-8: a venue that cannot be read is not healthy, with a history or without, and only that venue.
    function test_AnUnreadableVenueIsUnhealthy() public {
        for (uint256 i = 1; i <= uint256(Fault.HugeReturn); ++i) {
            uint256 state = vm.snapshotState();
            low.setFaults(Fault(i), Fault.None, Fault.None);
            Finding memory finding = killSwitch.evaluate(Trigger.Tvl, address(low));
            assertTrue(finding.holds);
            assertFalse(finding.readable);
            assertEq(finding.measured, 0);
            armAndTrip(Trigger.Tvl, low);
            assertReason(low, TVL);
            assertAllowed(mid);
            assertTrue(killSwitch.isOperational());
            vm.revertToState(state);
        }
        vm.etch(address(low), hex"fe");
        armAndTrip(Trigger.Tvl, low);
        assertReason(low, TVL);
        vm.etch(address(mid), "");
        armAndTrip(Trigger.Tvl, mid);
        assertReason(mid, TVL);
        assertAllowed(high);
    }

    // SPEC C7: the threshold is governance's.
    function test_AnotherThreshold() public {
        setTrigger(Trigger.Tvl, true, 0.5e18, 1 days);
        history(low);
        low.setVenueSize(SIZE / 2);
        assertFalse(killSwitch.evaluate(Trigger.Tvl, address(low)).holds);
        low.setVenueSize(SIZE / 2 - 1);
        assertTrue(killSwitch.evaluate(Trigger.Tvl, address(low)).holds);
    }

    // SPEC C7: nobody makes a venue look unreadable by calling with too little gas.
    function testFuzz_StarvingTheReadArmsNothing(uint256 gas) public {
        gas = bound(gas, 21_000, 4_000_000);
        history(low);
        (bool ok,) = address(killSwitch).call{gas: gas}(abi.encodeCall(killSwitch.trip, (Trigger.Tvl, address(low))));
        assertFalse(ok);
        assertEq(killSwitch.venueStatus(address(low)).tvl.armedAt, 0);
    }

    function test_RevertIf_TheGasCouldNotHaveBeenEnough() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.GasTooLow.selector, 3_150_000));
        killSwitch.trip{gas: 3_100_000}(Trigger.Tvl, address(low));
    }

    function test_RevertIf_TheVenueIsNotListed() public {
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.NotListed.selector, stranger));
        killSwitch.trip(Trigger.Tvl, stranger);
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.NotListed.selector, stranger));
        killSwitch.trip(Trigger.Utilisation, stranger);
    }
}
