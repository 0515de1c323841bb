// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StrategyHub} from "../../contracts/StrategyHub.sol";
import {IKillSwitch} from "../../contracts/interfaces/IKillSwitch.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../contracts/interfaces/IVault.sol";
import {Lanes} from "../../contracts/types/Lanes.sol";
import {Logic} from "./support/Logic.sol";
import {SymbolicSwitch, SymbolicVault} from "./support/SymbolicBoundary.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The packing of targets and buckets (SPEC C3, C5), for every content of the slot and every id: a lane that is written holds what
/// was written, no other changes, and each bucket drains by itself.
contract LanesSymbolic is Test {
    using Logic for bool;

    uint256 private constant LANES = 8;
    uint256 private constant MAX_USED = 10_000;
    uint256 private constant MAX_TARGET = 8191;
    uint256 private constant MAX_POSITION = 5000;
    uint256 private constant PACE_SLOT = 2;
    uint256 private constant LANE_BITS = 27;
    uint256 private constant BUCKET_SHIFT = 13;
    uint256 private constant TIME_SHIFT = 216;

    StrategyHub private hub;

    function setUp() public {
        IStrategyHub.Limits memory limits =
            IStrategyHub.Limits(500, 500, 5000, 500, 100, 9500, 10_000, 10_000, 0, 6 hours);
        hub = new StrategyHub(
            IVault(address(new SymbolicVault())),
            IKillSwitch(address(new SymbolicSwitch())),
            address(1),
            address(this),
            limits,
            7 days
        );
    }

    function check_WritingATargetLeavesTheRest(uint256 raw, uint256 id, uint256 other, uint256 bps) public pure {
        vm.assume(id < LANES && other < LANES && other != id && bps <= MAX_TARGET);
        Lanes lanes = Lanes.wrap(raw);
        Lanes next = lanes.withTarget(id, bps);
        assertEq(next.targetOf(id), bps);
        assertEq(next.targetOf(other), lanes.targetOf(other));
        assertEq(next.bucketOf(id), lanes.bucketOf(id));
        assertEq(next.bucketOf(other), lanes.bucketOf(other));
        assertEq(Lanes.unwrap(next) >> TIME_SHIFT, raw >> TIME_SHIFT);
    }

    function check_WritingABucketLeavesTheRest(uint256 raw, uint256 id, uint256 other, uint256 bps) public pure {
        vm.assume(id < LANES && other < LANES && other != id && bps <= MAX_USED);
        Lanes lanes = Lanes.wrap(raw);
        Lanes next = lanes.withBucket(id, bps);
        assertEq(next.bucketOf(id), bps);
        assertEq(next.bucketOf(other), lanes.bucketOf(other));
        assertEq(next.targetOf(id), lanes.targetOf(id));
        assertEq(next.targetOf(other), lanes.targetOf(other));
        assertEq(Lanes.unwrap(next) >> TIME_SHIFT, raw >> TIME_SHIFT);
    }

    // Any two neighbours hold anything, the others nothing: a case for every lane's own choice would be 2^8. That eight different contents
    // drain so as well is fuzzed in {LanesTest}.
    function check_EachBucketDrainsByItself(
        uint8 id,
        uint16[2] memory used,
        uint16[2] memory targets,
        uint16 size,
        uint32 since,
        uint32 time
    ) public pure {
        vm.assume(id < LANES - 1);
        // One path for each: what follows shifts by known numbers.
        for (uint256 i; i < LANES - 1; ++i) {
            if (id == i) _checkDrains(LANE_BITS * i, used, targets, size, since, time);
        }
    }

    function _checkDrains(
        uint256 shift,
        uint16[2] memory used,
        uint16[2] memory targets,
        uint16 size,
        uint32 since,
        uint32 time
    ) private pure {
        vm.assume(used[0] <= MAX_USED && used[1] <= MAX_USED && size <= MAX_USED && since <= time);
        vm.assume(targets[0] <= MAX_TARGET && targets[1] <= MAX_TARGET);
        uint256 kept = uint256(targets[0]) << shift | uint256(targets[1]) << (shift + LANE_BITS);
        uint256 raw = kept | uint256(since) << TIME_SHIFT | uint256(used[0]) << (shift + BUCKET_SHIFT)
            | uint256(used[1]) << (shift + LANE_BITS + BUCKET_SHIFT);
        uint256 next = kept | uint256(time) << TIME_SHIFT;
        unchecked {
            uint256 gone = uint256(size) * (time - since) / 1 days;
            next |= (used[0] > gone).select(used[0] - gone, 0) << (shift + BUCKET_SHIFT);
            next |= (used[1] > gone).select(used[1] - gone, 0) << (shift + LANE_BITS + BUCKET_SHIFT);
        }
        assertEq(Lanes.unwrap(Lanes.wrap(raw).drained(size, time)), next);
    }

    // What fits into a bucket fits into its lane, and so does every target.
    function check_FlowAndTargetsAreSetWithinTheirHardBounds(IStrategyHub.Limits memory limits) public {
        vm.store(address(hub), bytes32(PACE_SLOT), bytes32(vm.randomUint()));
        hub.setLimits(limits);
        assertLe(hub.limits().flowBps, MAX_USED);
        assertLe(hub.limits().maxPositionBps, MAX_POSITION);
    }
}
