// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StrategyHub} from "../../contracts/StrategyHub.sol";
import {IKillSwitch} from "../../contracts/interfaces/IKillSwitch.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../contracts/interfaces/IVault.sol";
import {Buckets} from "../../contracts/types/Buckets.sol";
import {Targets} from "../../contracts/types/Targets.sol";
import {Logic} from "./support/Logic.sol";
import {SymbolicSwitch, SymbolicVault} from "./support/SymbolicBoundary.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The packing of targets and buckets (SPEC C3, C5), for every content of the slots and every id: a lane that is written holds what
/// was written, no other changes, and each bucket drains by itself.
contract LanesSymbolic is Test {
    using Logic for bool;

    uint256 private constant LANES = 16;
    uint256 private constant MAX_USED = 10_000;
    uint256 private constant PACE_SLOT = 3;

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

    function check_WritingATargetLeavesTheOthers(uint256 raw, uint256 id, uint256 other, uint16 bps) public pure {
        vm.assume(id < LANES && other < LANES && other != id);
        Targets targets = Targets.wrap(raw);
        Targets next = targets.with(id, bps);
        assertEq(next.bpsOf(id), bps);
        assertEq(next.bpsOf(other), targets.bpsOf(other));
    }

    function check_WritingABucketLeavesTheOthersAndTheTime(uint256 raw, uint256 id, uint256 other, uint256 bps)
        public
        pure
    {
        vm.assume(id < LANES && other < LANES && other != id && bps <= MAX_USED);
        Buckets buckets = Buckets.wrap(raw);
        Buckets next = buckets.with(id, bps);
        assertEq(next.bpsOf(id), bps);
        assertEq(next.bpsOf(other), buckets.bpsOf(other));
        assertEq(Buckets.unwrap(next) >> 224, raw >> 224);
    }

    // Any two neighbours hold anything, the others nothing: a case for every lane's own choice would be 2^16. That sixteen different contents
    // drain so as well is fuzzed in {LanesTest}.
    function check_EachBucketDrainsByItself(uint8 id, uint16[2] memory used, uint16 size, uint32 since, uint32 time)
        public
        pure
    {
        vm.assume(id < LANES - 1);
        // One path for each: what follows shifts by known numbers.
        for (uint256 i; i < LANES - 1; ++i) {
            if (id == i) _checkDrains(i, used, size, since, time);
        }
    }

    function _checkDrains(uint256 id, uint16[2] memory used, uint16 size, uint32 since, uint32 time) private pure {
        vm.assume(used[0] <= MAX_USED && used[1] <= MAX_USED && size <= MAX_USED && since <= time);
        uint256 raw = uint256(since) << 224 | uint256(used[0]) << (14 * id) | uint256(used[1]) << (14 * (id + 1));
        uint256 next = uint256(time) << 224;
        unchecked {
            uint256 gone = uint256(size) * (time - since) / 1 days;
            next |= (used[0] > gone).select(used[0] - gone, 0) << (14 * id);
            next |= (used[1] > gone).select(used[1] - gone, 0) << (14 * (id + 1));
        }
        assertEq(Buckets.unwrap(Buckets.wrap(raw).drained(size, time)), next);
    }

    // What fits into a bucket fits into its lane.
    function check_FlowIsSetWithinItsHardBound(IStrategyHub.Limits memory limits) public {
        vm.store(address(hub), bytes32(PACE_SLOT), bytes32(vm.randomUint()));
        hub.setLimits(limits);
        assertLe(hub.limits().flowBps, MAX_USED);
    }
}
