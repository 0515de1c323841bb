// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {ScriptedAdapter} from "../../support/ScriptedAdapter.sol";

/// @notice How fast a venue may be added to: a bucket of a fifth of NAV each, which drains evenly in a day (SPEC C5).
contract FlowTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        _setFlow(2000);
    }

    // SPEC C5
    function test_BucketEdge() public {
        rebalanceReverts(one(low, 2001), _exceeded(low, 200_100_000, 200e6));
        rebalance(one(low, 2000));
        assertEq(hub.venue(address(low)).flowUsed, 200e6);
    }

    // SPEC C5: a quarter of it in a quarter of a day, to the unit.
    function test_DrainEdge() public {
        rebalance(one(low, 2000));
        pass(6 hours);
        assertEq(hub.positionState(address(low)).flowUsed, 150e6);
        rebalanceReverts(one(low, 2501), _exceeded(low, 200_100_000, 200e6));
        rebalance(one(low, 2500));
        assertEq(hub.positionState(address(low)).flowUsed, 200e6);
        pass(24 hours - 1);
        // What is left of the last second, rounded up.
        assertEq(hub.positionState(address(low)).flowUsed, 2315);
        pass(1);
        assertEq(hub.positionState(address(low)).flowUsed, 0);
    }

    // SPEC C5: each venue has its own.
    function test_VenuesDoNotShareABucket() public {
        rebalance(two(low, 2000, mid, 2000));
        pass(6 hours);
        rebalanceReverts(two(low, 2501, high, 2000), _exceeded(low, 200_100_000, 200e6));
        rebalance(one(high, 2000));
    }

    // SPEC C5: taking out gives nothing back, or a venue could be filled and emptied over and over.
    function test_AReductionGivesNothingBack() public {
        rebalance(one(low, 2000));
        vm.prank(keeper);
        hub.reduce(address(low), 200e6, 200e6, "");
        pass(6 hours);
        rebalanceReverts(one(low, 501), _exceeded(low, 200_100_000, 200e6));
        rebalance(one(low, 500));
    }

    // SPEC C5: a rebalance that reverts has put nothing in.
    function test_AFailedRebalanceFillsNothing() public {
        rebalanceReverts(two(low, 1000, mid, 2001), _exceeded(mid, 200_100_000, 200e6));
        assertEq(hub.venue(address(low)).flowUsed, 0);
        assertEq(hub.venue(address(low)).flowAt, 0);
    }

    // SPEC C5: its size is a part of NAV as it is now.
    function test_TheBucketGrowsAndShrinksWithNav() public {
        deposit(bob, 1000e6);
        rebalance(one(low, 2000));
        assertEq(hub.venue(address(low)).flowUsed, 400e6);
        vm.prank(bob);
        vault.redeem(1000e12, bob, bob);
        pass(6 hours);
        // It drains by a quarter of what the bucket is now, and holds more than that may.
        assertEq(hub.positionState(address(low)).flowUsed, 350e6);
        rebalanceReverts(one(low, 4500), _exceeded(low, 400e6, 200e6));
    }

    // SPEC C5: no flow at all is no addition at all.
    function test_AFlowOfZero() public {
        _setFlow(0);
        rebalanceReverts(one(low, 500), _exceeded(low, 50e6, 0));
    }

    // SPEC C5: over any sequence, what was added since any moment is at most the bucket and what has drained of it.
    function testFuzz_NoMoreThanTheBucketAndItsDrain(uint16[24] memory raw) public {
        uint256[24] memory added;
        uint256[24] memory times;
        for (uint256 i; i < raw.length; ++i) {
            uint16 bps = uint16(bound(raw[i], 500, 5000));
            uint256 before = low.book();
            times[i] = vm.getBlockTimestamp();
            (bool ok) = _tryRebalance(bps);
            if (ok && low.book() > before) added[i] = low.book() - before;
            pass(6 hours + uint256(raw[i]) % 12 hours);
            observe();
        }
        for (uint256 i; i < raw.length; ++i) {
            uint256 sum;
            for (uint256 j = i; j < raw.length; ++j) {
                sum += added[j];
                assertLe(sum, 200e6 + 200e6 * (times[j] - times[i]) / 1 days + 1);
            }
        }
    }

    function _tryRebalance(uint16 bps) private returns (bool) {
        bytes memory proof = prove(one(low, bps));
        vm.prank(keeper);
        try hub.rebalance(one(low, bps), proof) {
            return true;
        } catch {
            return false;
        }
    }

    function _setFlow(uint16 bps) private {
        IStrategyHub.Limits memory limits = defaultLimits();
        limits.flowBps = bps;
        setLimits(limits);
    }

    function _exceeded(ScriptedAdapter adapter, uint256 flow, uint256 bucket) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IStrategyHub.FlowExceeded.selector, address(adapter), flow, bucket);
    }
}
