// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RebalanceLog} from "../../../contracts/types/RebalanceLog.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The packed log against a list that keeps everything (SPEC C4).
contract RebalanceLogTest is Test {
    uint256[] private model;

    // SPEC C4: over any history the packed slot allows exactly what the plain list allows.
    function testFuzz_AgreesWithAPlainList(uint32[24] memory gaps, uint32 cooldown) public {
        cooldown = uint32(bound(cooldown, 1 hours, 24 hours));
        RebalanceLog log;
        uint256 time = 1_750_000_000;
        for (uint256 i; i < gaps.length; ++i) {
            time += bound(gaps[i], 0, 10 hours);
            assertEq(time >= log.nextAllowed(cooldown), _allowed(time, cooldown), "allowed");
            if (!_allowed(time, cooldown)) continue;
            log = log.push(time);
            model.push(time);
            assertEq(log.nonce(), model.length, "nonce");
            for (uint256 age; age < 4; ++age) {
                assertEq(log.timeOf(age), age < model.length ? model[model.length - 1 - age] : 0, "time");
            }
        }
        assertGe(model.length, 1);
    }

    // SPEC C4: what it calls the earliest time is the earliest.
    function testFuzz_NextAllowedIsTheEarliest(uint32[6] memory gaps, uint32 cooldown) public {
        cooldown = uint32(bound(cooldown, 1 hours, 24 hours));
        RebalanceLog log;
        uint256 time = 1_750_000_000;
        for (uint256 i; i < gaps.length; ++i) {
            uint256 next = log.nextAllowed(cooldown);
            if (next > time) {
                assertFalse(_allowed(next - 1, cooldown));
                assertTrue(_allowed(next, cooldown));
                time = next;
            }
            time += bound(gaps[i], 0, 5 hours);
            log = log.push(time);
            model.push(time);
        }
    }

    function test_EmptyAllowsAtOnce() public pure {
        RebalanceLog log;
        assertEq(log.nextAllowed(24 hours), 0);
        assertEq(log.nonce(), 0);
    }

    // The count does not run into the times, nor the times into the count.
    function testFuzz_FieldsDoNotTouch(uint40 nonce, uint32 time) public pure {
        nonce = uint40(bound(nonce, 0, type(uint40).max - 1));
        RebalanceLog log = RebalanceLog.wrap(uint168(nonce) << 128);
        log = log.push(time);
        assertEq(log.nonce(), uint256(nonce) + 1);
        assertEq(log.timeOf(0), time);
        assertEq(log.timeOf(1), 0);
    }

    /// The rule as the specification says it: the cooldown since the last, and fewer than four in (time − 24 h, time].
    function _allowed(uint256 time, uint256 cooldown) private view returns (bool) {
        if (model.length == 0) return true;
        if (time < model[model.length - 1] + cooldown) return false;
        uint256 recent;
        for (uint256 i; i < model.length; ++i) {
            if (model[i] + 24 hours > time) ++recent;
        }
        return recent < 4;
    }
}
