// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RebalanceLog} from "../../contracts/types/RebalanceLog.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The ring of four (SPEC C4), for every content of the slot and every time.
/// @dev Reachable slots are sorted: this is proved to be kept by every push, and holds for the empty slot. What is proved of any sorted
/// slot therefore holds after any number of rebalances.
contract RebalanceLogSymbolic is Test {
    uint256 private constant DAY = 24 hours;

    // SPEC C4: packing loses nothing. The count goes up by one, the new time is the newest and the others are one older.
    function check_PushKeepsAllButTheOldest(uint168 raw, uint32 time) public pure {
        RebalanceLog log = RebalanceLog.wrap(raw);
        vm.assume(log.nonce() != type(uint40).max);
        RebalanceLog next = log.push(time);
        assertEq(next.nonce(), uint256(log.nonce()) + 1);
        assertEq(next.timeOf(0), time);
        for (uint256 age; age < 3; ++age) {
            assertEq(next.timeOf(age + 1), log.timeOf(age));
        }
    }

    // SPEC C4, inductive step: a push that was allowed keeps the slot sorted and lies a cooldown after the last one and 24 hours or more
    // after the fourth last.
    function check_AllowedPushIsSpacedAndKeepsOrder(uint168 raw, uint32 time, uint32 cooldown) public pure {
        RebalanceLog log = RebalanceLog.wrap(raw);
        vm.assume(_isSorted(log));
        vm.assume(time != 0);
        vm.assume(time >= log.nextAllowed(cooldown));
        // Block time does not go back.
        vm.assume(time >= log.timeOf(0));
        if (log.timeOf(0) != 0) assertGe(time, log.timeOf(0) + cooldown);
        if (log.timeOf(3) != 0) assertGe(time, log.timeOf(3) + DAY);
        assertTrue(_isSorted(log.push(time)));
    }

    // SPEC C4: the rule is not stricter than it says. One second before `nextAllowed` one of the two conditions fails.
    function check_NextAllowedIsTheEarliest(uint168 raw, uint32 time, uint32 cooldown) public pure {
        RebalanceLog log = RebalanceLog.wrap(raw);
        vm.assume(_isSorted(log));
        vm.assume(time < log.nextAllowed(cooldown));
        bool cooling = log.timeOf(0) != 0 && time < log.timeOf(0) + cooldown;
        bool fourInWindow = log.timeOf(3) != 0 && time < log.timeOf(3) + DAY;
        assertTrue(cooling || fourInWindow);
    }

    // SPEC C4, from the empty slot: of seven rebalances at any allowed times, no half-open window of 24 hours holds five.
    function check_NoWindowHoldsFive(uint32[7] memory times, uint32 cooldown) public pure {
        RebalanceLog log;
        for (uint256 i; i < 7; ++i) {
            vm.assume(times[i] != 0);
            if (i != 0) vm.assume(times[i] >= times[i - 1]);
            vm.assume(times[i] >= log.nextAllowed(cooldown));
            log = log.push(times[i]);
            if (i >= 4) assertGe(times[i], uint256(times[i - 4]) + DAY);
            assertEq(log.nonce(), i + 1);
        }
    }

    /// Newest first; what is not there yet is zero and comes last.
    function _isSorted(RebalanceLog log) private pure returns (bool) {
        return log.timeOf(0) >= log.timeOf(1) && log.timeOf(1) >= log.timeOf(2) && log.timeOf(2) >= log.timeOf(3);
    }
}
