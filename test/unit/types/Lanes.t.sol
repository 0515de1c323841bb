// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Change, ChangeLib} from "../../../contracts/types/Allocation.sol";
import {Buckets} from "../../../contracts/types/Buckets.sol";
import {Targets} from "../../../contracts/types/Targets.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Sixteen targets and sixteen buckets, a slot each, against plain arrays (SPEC C5).
contract LanesTest is Test {
    // SPEC C5: a lane holds what was put there last, and no other lane moves.
    function testFuzz_TargetsAreSixteenNumbers(uint8[32] memory ids, uint16[32] memory values) public pure {
        Targets targets;
        uint256[16] memory model;
        for (uint256 i; i < ids.length; ++i) {
            uint256 id = ids[i] % 16;
            model[id] = values[i];
            targets = targets.with(id, values[i]);
            for (uint256 j; j < 16; ++j) {
                assertEq(targets.bpsOf(j), model[j]);
            }
        }
    }

    // SPEC C5: every bucket drains by its whole size in a day, rounded down, and never below nothing.
    function testFuzz_BucketsAreSixteenNumbersThatDrain(
        uint8[16] memory ids,
        uint16[16] memory values,
        uint32[16] memory gaps,
        uint256 size
    ) public pure {
        size = bound(size, 0, 10_000);
        Buckets buckets;
        uint256[16] memory model;
        uint256 time = 1_750_000_000;
        buckets = buckets.drained(size, time);
        for (uint256 i; i < ids.length; ++i) {
            uint256 gap = gaps[i] % 30 hours;
            time += gap;
            buckets = buckets.drained(size, time);
            uint256 gone = size * gap / 1 days;
            for (uint256 j; j < 16; ++j) {
                model[j] = model[j] > gone ? model[j] - gone : 0;
            }
            uint256 id = ids[i] % 16;
            model[id] = values[i] % 16_384;
            buckets = buckets.with(id, model[id]);
            for (uint256 j; j < 16; ++j) {
                assertEq(buckets.bpsOf(j), model[j]);
            }
        }
    }

    // SPEC C5: a full bucket is empty a day later, and not a second earlier.
    function testFuzz_AFullBucketTakesADay(uint256 id, uint256 size) public pure {
        (id, size) = (bound(id, 0, 15), bound(size, 1, 10_000));
        Buckets buckets = Buckets.wrap(0).drained(size, 1000).with(id, size);
        assertEq(buckets.drained(size, 1000 + 1 days - 1).bpsOf(id), 1);
        assertEq(buckets.drained(size, 1000 + 1 days).bpsOf(id), 0);
    }

    // SPEC C5: as the type says, so that whoever reads the slot can read it.
    function test_Layout() public pure {
        assertEq(Targets.unwrap(Targets.wrap(0).with(3, 5)), 5 << 48);
        uint256 time = 1_750_000_000;
        Buckets buckets = Buckets.wrap(0).drained(1, time).with(3, 5);
        assertEq(Buckets.unwrap(buckets), time << 224 | 5 << 42);
        assertEq(Buckets.unwrap(buckets.drained(0, time + 1)), time + 1 << 224 | 5 << 42);
    }

    // SPEC C3
    function testFuzz_AChangeIsTwoValues(uint128 before, uint128 afterwards) public pure {
        Change change = ChangeLib.create(before, afterwards);
        assertEq(change.valueBefore(), before);
        assertEq(change.valueAfter(), afterwards);
        assertEq(Change.unwrap(change), uint256(before) | (uint256(afterwards) << 128));
    }
}
