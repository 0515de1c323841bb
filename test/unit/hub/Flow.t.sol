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
        rebalanceReverts(one(low, 2001), _exceeded(low, 2001, 2000));
        rebalance(one(low, 2000));
        assertEq(_used(), 2000);
    }

    // SPEC C5: a quarter of it in a quarter of a day, to the basis point.
    function test_DrainEdge() public {
        rebalance(one(low, 2000));
        pass(6 hours);
        assertEq(_used(), 1500);
        rebalanceReverts(one(low, 2501), _exceeded(low, 2001, 2000));
        rebalance(one(low, 2500));
        assertEq(_used(), 2000);
        pass(24 hours - 1);
        // What is left of the last second, rounded up.
        assertEq(_used(), 1);
        pass(1);
        assertEq(_used(), 0);
    }

    // SPEC C5: each venue has its own.
    function test_VenuesDoNotShareABucket() public {
        rebalance(two(low, 2000, mid, 2000));
        pass(6 hours);
        rebalanceReverts(two(low, 2501, high, 2000), _exceeded(low, 2001, 2000));
        rebalance(one(high, 2000));
    }

    // SPEC C5: taking out gives nothing back, or a venue could be filled and emptied over and over.
    function test_AReductionGivesNothingBack() public {
        rebalance(one(low, 2000));
        vm.prank(keeper);
        hub.reduce(address(low), 200e6, 200e6, "");
        pass(6 hours);
        rebalanceReverts(one(low, 501), _exceeded(low, 2001, 2000));
        rebalance(one(low, 500));
    }

    // SPEC C5: a rebalance that reverts has put nothing in.
    function test_AFailedRebalanceFillsNothing() public {
        rebalanceReverts(two(low, 1000, mid, 2001), _exceeded(mid, 2001, 2000));
        assertEq(_used(), 0);
    }

    // SPEC C5: what is in it is a part of NAV as well.
    function test_TheBucketIsAPartOfNav() public {
        deposit(bob, 1000e6);
        rebalance(one(low, 2000));
        assertEq(_used(), 2000);
        vm.prank(bob);
        vault.redeem(1000e12, bob, bob);
        pass(6 hours);
        // A fifth of twice as much has been added; what counts is the fifth. The position is 40 % now, 5 % more fits and 5.01 % does not.
        assertEq(_used(), 1500);
        rebalanceReverts(one(low, 4501), _exceeded(low, 2001, 2000));
        rebalance(one(low, 4500));
    }

    // SPEC C5: no flow at all is no addition at all.
    function test_AFlowOfZero() public {
        _setFlow(0);
        rebalanceReverts(one(low, 500), _exceeded(low, 500, 0));
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

    function _used() private view returns (uint256) {
        return hub.positionState(address(low)).flowUsedBps;
    }

    function _setFlow(uint16 bps) private {
        IStrategyHub.Limits memory limits = defaultLimits();
        limits.flowBps = bps;
        setLimits(limits);
    }

    function _exceeded(ScriptedAdapter adapter, uint256 used, uint256 flow) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IStrategyHub.FlowExceeded.selector, address(adapter), used, flow);
    }
}
