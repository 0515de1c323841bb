// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Change, ChangeLib} from "../../../contracts/types/Allocation.sol";
import {Lanes} from "../../../contracts/types/Lanes.sol";
import {Position, PositionLib} from "../../../contracts/types/Position.sol";
import {Tags} from "../../../contracts/types/Tags.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Eight targets and eight buckets in a slot, against plain arrays (SPEC C5), and the words of a move.
contract LanesTest is Test {
    // SPEC C5: a lane holds what was put there last, no other lane moves, and every bucket drains by its whole size in a day, rounded down, and
    // never below nothing.
    function testFuzz_TargetsAndBucketsAreEightNumbersEach(
        uint8[16] memory ids,
        uint16[16] memory targets,
        uint16[16] memory used,
        uint32[16] memory gaps,
        uint256 size
    ) public pure {
        size = bound(size, 0, 10_000);
        uint256 time = 1_750_000_000;
        Lanes lanes = Lanes.wrap(0).drained(size, time);
        uint256[8] memory target;
        uint256[8] memory bucket;
        for (uint256 i; i < ids.length; ++i) {
            uint256 gap = gaps[i] % 30 hours;
            time += gap;
            lanes = lanes.drained(size, time);
            uint256 gone = size * gap / 1 days;
            for (uint256 j; j < 8; ++j) {
                bucket[j] = bucket[j] > gone ? bucket[j] - gone : 0;
            }
            // Ids from eight on name the lanes of the next word.
            uint256 id = ids[i] % 16;
            target[id % 8] = targets[i] % 8192;
            bucket[id % 8] = used[i] % 16_384;
            lanes = lanes.withTarget(id, target[id % 8]).withBucket(id, bucket[id % 8]);
            for (uint256 j; j < 8; ++j) {
                assertEq(lanes.targetOf(j), target[j]);
                assertEq(lanes.bucketOf(j), bucket[j]);
            }
        }
        assertEq(Lanes.unwrap(lanes) >> 216, time);
    }

    // SPEC C5: a full bucket is empty a day later, and not a second earlier.
    function testFuzz_AFullBucketTakesADay(uint256 id, uint256 size) public pure {
        (id, size) = (bound(id, 0, 15), bound(size, 1, 10_000));
        Lanes lanes = Lanes.wrap(0).drained(size, 1000).withBucket(id, size);
        assertEq(lanes.drained(size, 1000 + 1 days - 1).bucketOf(id), 1);
        assertEq(lanes.drained(size, 1000 + 1 days).bucketOf(id), 0);
    }

    // SPEC C5: as the type says, so that whoever reads the slot can read it.
    function test_Layout() public pure {
        uint256 time = 1_750_000_000;
        Lanes lanes = Lanes.wrap(0).drained(1, time).withTarget(3, 5).withBucket(11, 7);
        assertEq(Lanes.unwrap(lanes), time << 216 | 5 << 81 | 7 << 94);
        assertEq(Lanes.unwrap(lanes.drained(0, time + 1)), time + 1 << 216 | 5 << 81 | 7 << 94);
    }

    // SPEC C3: sixteen targets have a tag each.
    function testFuzz_EachTargetHasItsTag(uint256 ids, uint16 direct) public pure {
        Tags tags;
        for (uint256 i; i < 16; ++i) {
            Position position = PositionLib.create(address(1), 2, (direct >> i) & 1 != 0, (ids >> (4 * i)) & 15);
            tags = tags.with(i, position);
        }
        for (uint256 i; i < 16; ++i) {
            assertEq(tags.idOf(i), (ids >> (4 * i)) & 15);
            assertEq(tags.isDirect(i), (direct >> i) & 1 != 0);
        }
    }

    // SPEC C3
    function testFuzz_AChangeIsTwoValues(uint128 before, uint128 afterwards) public pure {
        Change change = ChangeLib.create(before, afterwards);
        assertEq(change.valueBefore(), before);
        assertEq(change.valueAfter(), afterwards);
        assertEq(Change.unwrap(change), uint256(before) | (uint256(afterwards) << 128));
    }
}
