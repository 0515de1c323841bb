// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {Finding} from "../../../contracts/types/VenueWatch.sol";
import {KillSwitchFixture} from "../../unit/killswitch/KillSwitchFixture.sol";

/// @notice A two-step trigger trips exactly when its condition held at both steps, far enough apart and not too far; and one block is
/// never enough, neither to trip nor to disarm (SPEC C7b, C7c).
contract TwoStepFuzzTest is KillSwitchFixture {
    uint256 private constant EDGE = 0.95e18;

    // SPEC C7c
    function testFuzz_UtilisationTripsIffItHeldAtBothSteps(uint256 atArm, uint256 atTrip, uint256 blocks, uint256 time)
        public
    {
        atArm = _around(atArm, EDGE);
        atTrip = _around(atTrip, EDGE);
        blocks = bound(blocks, 0, 50);
        time = bound(time, 0, 4 hours);
        low.setUtilisation(atArm);
        _try(Trigger.Utilisation);
        _wait(blocks, time);
        low.setUtilisation(atTrip);
        _try(Trigger.Utilisation);
        bool trips = atArm > EDGE && atTrip > EDGE && blocks >= 25 && time <= 2 hours;
        assertReason(low, trips ? UTILISATION : "");
    }

    // SPEC C7b
    function testFuzz_TvlTripsIffItHeldAtBothSteps(
        uint256 reference_,
        uint256 atArm,
        uint256 atTrip,
        uint256 blocks,
        uint256 time
    ) public {
        reference_ = bound(reference_, 1, type(uint88).max);
        atArm = bound(atArm, 0, 2 * reference_);
        atTrip = bound(atTrip, 0, 2 * reference_);
        blocks = bound(blocks, 0, 50);
        time = bound(time, 0, 4 hours);
        low.setVenueSize(reference_);
        history(low);
        low.setVenueSize(atArm);
        _try(Trigger.Tvl);
        _wait(blocks, time);
        low.setVenueSize(atTrip);
        _try(Trigger.Tvl);
        bool trips = atArm * 10 < reference_ * 7 && atTrip * 10 < reference_ * 7 && blocks >= 25 && time <= 2 hours;
        assertReason(low, trips ? TVL : "");
    }

    // SPEC C7: whatever somebody does to a venue within one block, nothing is tripped, nothing that is armed is disarmed by what was
    // armed in it, and what counts as its size stays.
    function testFuzz_OneBlockDecidesNothing(uint256[12] calldata figures, uint8[12] calldata acts) public {
        checkpoint(low);
        pass(6 hours);
        look(low);
        mine(1);
        uint256 settled = killSwitch.settledSize(address(low));
        bool armed;
        for (uint256 i; i < acts.length; ++i) {
            low.setUtilisation(bound(figures[i], 0, 1e18));
            low.setVenueSize(bound(figures[i] >> 64, 0, 10 * SIZE));
            uint256 act = acts[i] % 3;
            if (act == 0) _try(Trigger.Utilisation);
            else if (act == 1) _tryClear();
            else look(low);
            bool nowArmed = killSwitch.venueStatus(address(low)).utilisation.armedAt != 0;
            assertTrue(nowArmed || !armed, "disarmed");
            armed = nowArmed;
            assertEq(killSwitch.settledSize(address(low)), settled);
            assertAllowed(low);
        }
    }

    // SPEC C7: a tripped venue stays tripped whatever anybody does in the same block.
    function testFuzz_ATripIsNotUndoneInItsBlock(uint256[6] calldata figures, uint8[6] calldata acts) public {
        low.setUtilisation(1e18);
        armAndTrip(Trigger.Utilisation, low);
        for (uint256 i; i < acts.length; ++i) {
            low.setUtilisation(bound(figures[i], 0, 1e18));
            if (acts[i] % 2 == 0) _try(Trigger.Utilisation);
            else _tryClear();
            assertReason(low, UTILISATION);
        }
    }

    // SPEC C7b, C7c: the findings are the plain arithmetic of the specification.
    function testFuzz_TheFindingsAreExact(uint256 size, uint256 book, uint256 reference_, uint256 utilisation) public {
        reference_ = bound(reference_, 0, type(uint88).max);
        low.setVenueSize(reference_);
        history(low);
        size = bound(size, 0, type(uint88).max);
        book = bound(book, 0, size);
        utilisation = _around(utilisation, EDGE);
        low.setVenueSize(size);
        low.setBook(book);
        low.setUtilisation(utilisation);
        Finding memory tvl = killSwitch.evaluate(Trigger.Tvl, address(low));
        assertTrue(tvl.readable);
        assertEq(tvl.measured, size - book);
        assertEq(tvl.bound, reference_);
        assertEq(tvl.holds, (size - book) * 10 < reference_ * 7);
        Finding memory lent = killSwitch.evaluate(Trigger.Utilisation, address(low));
        assertEq(lent.measured, utilisation);
        assertEq(lent.holds, utilisation > EDGE);
    }

    /// Half of the cases close to the edge.
    function _around(uint256 seed, uint256 edge) private pure returns (uint256) {
        return seed % 2 == 0 ? bound(seed >> 1, 0, 1e18) : bound(seed >> 1, edge - 3, edge + 3);
    }

    function _wait(uint256 blocks, uint256 time) private {
        vm.roll(vm.getBlockNumber() + blocks);
        skip(time);
        feed.push(ONE_DOLLAR);
    }

    function _try(Trigger trigger) private {
        (bool ok,) = address(killSwitch).call(abi.encodeCall(killSwitch.trip, (trigger, address(low))));
        ok;
    }

    function _tryClear() private {
        (bool ok,) = address(killSwitch).call(abi.encodeCall(killSwitch.clear, (Trigger.Utilisation, address(low))));
        ok;
    }
}
