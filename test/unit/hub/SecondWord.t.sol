// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {Allocation} from "../../../contracts/types/Allocation.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";

/// @notice Targets and buckets of more positions than one word holds, in an order in which they alternate between the two (SPEC C3, C5).
contract SecondWordTest is BallastFixture {
    uint256 private constant POSITIONS = 16;

    address[] private sorted;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 3; i < POSITIONS; ++i) {
            list(newAdapter(), CAP);
        }
        observe();
        deposit(alice, 1000e6);
        IStrategyHub.Limits memory limits = hub.limits();
        limits.flowBps = 1000;
        setLimits(limits);
        sorted = vault.adapters();
        for (uint256 i = 1; i < POSITIONS; ++i) {
            for (uint256 j = i; j > 0 && sorted[j] < sorted[j - 1]; --j) {
                (sorted[j], sorted[j - 1]) = (sorted[j - 1], sorted[j]);
            }
        }
    }

    // SPEC C3, C5: whatever is named, what is remembered of each is its own, and of the others what was.
    function testFuzz_EachPositionHasItsOwnTargetAndBucket(uint16 first, uint16 second) public {
        uint16[POSITIONS] memory target;
        uint256[POSITIONS] memory bucket;
        for (uint256 round; round < 2; ++round) {
            uint16 named = round == 0 ? first : second;
            if (named == 0) named = 1;
            Allocation[] memory targets = new Allocation[](POSITIONS);
            uint256 count;
            for (uint256 i; i < POSITIONS; ++i) {
                // A quarter of a day's flow has drained.
                bucket[i] = bucket[i] < 250 ? 0 : bucket[i] - 250;
                if ((named >> i) & 1 == 0) continue;
                uint16 bps = target[i] == 0 ? 500 : 0;
                targets[count++] = Allocation({adapter: sorted[i], bps: bps, minOut: 0, data: ""});
                if (bps != 0) bucket[i] += 500;
                target[i] = bps;
            }
            assembly ("memory-safe") {
                mstore(targets, count)
            }
            rebalance(targets);
            for (uint256 i; i < POSITIONS; ++i) {
                assertEq(hub.targetBps(sorted[i]), target[i]);
                assertEq(hub.positionState(sorted[i]).flowUsedBps, bucket[i]);
            }
            pass(COOLDOWN);
        }
    }

    // SPEC C5: a position that leaves the words says nothing of the others in them, nor of when they were written.
    function test_AReductionLeavesTheBucketsAsTheyAre() public {
        Allocation[] memory targets = two(sorted[0], 1000, sorted[15], 1000);
        rebalance(targets);
        pass(COOLDOWN / 2);
        vm.prank(keeper);
        hub.reduce(sorted[15], type(uint256).max, 0, "");
        assertEq(hub.targetBps(sorted[15]), 0);
        assertEq(hub.targetBps(sorted[0]), 1000);
        for (uint256 i; i < 16; i += 15) {
            assertEq(hub.positionState(sorted[i]).flowUsedBps, 1000 - 125);
        }
    }
}
