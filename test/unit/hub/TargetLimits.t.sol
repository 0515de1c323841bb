// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {Allocation} from "../../../contracts/types/Allocation.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {ScriptedAdapter} from "../../support/ScriptedAdapter.sol";

/// @notice The bounds on what may be asked for: position, step, reserve, cap (SPEC C5). Each at its edge and one past it.
contract TargetLimitsTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
    }

    // SPEC C5
    function test_RevertIf_ThereIsNoTarget() public {
        rebalanceReverts(new Allocation[](0), abi.encodeWithSelector(IStrategyHub.NoTargets.selector));
    }

    // SPEC C5: a position is 5–50 % or nothing.
    function test_SmallestPositionEdge() public {
        rebalanceReverts(
            one(low, 499), abi.encodeWithSelector(IStrategyHub.TargetOutOfBounds.selector, address(low), 499)
        );
        rebalance(one(low, 500));
    }

    // SPEC C5
    function test_LargestPositionEdge() public {
        rebalanceReverts(
            one(low, 5001), abi.encodeWithSelector(IStrategyHub.TargetOutOfBounds.selector, address(low), 5001)
        );
        rebalance(one(low, 5000));
    }

    // SPEC C5: nothing is a position too, whatever the minimum.
    function test_ZeroIsAllowed() public {
        rebalance(one(low, 500));
        pass(COOLDOWN);
        rebalance(one(low, 0));
        assertEq(low.book(), 0);
    }

    // SPEC C5
    function test_StepEdgeUpwards() public {
        rebalance(one(low, 1000));
        pass(COOLDOWN);
        rebalanceReverts(
            one(low, 1499), abi.encodeWithSelector(IStrategyHub.StepTooSmall.selector, address(low), 1499, 1000)
        );
        rebalance(one(low, 1500));
    }

    // SPEC C5
    function test_StepEdgeDownwards() public {
        rebalance(one(low, 1500));
        pass(COOLDOWN);
        rebalanceReverts(
            one(low, 1001), abi.encodeWithSelector(IStrategyHub.StepTooSmall.selector, address(low), 1001, 1500)
        );
        rebalance(one(low, 1000));
    }

    // SPEC C5: a change of nothing is no change.
    function test_RevertIf_NothingChanges() public {
        rebalance(one(low, 1500));
        pass(COOLDOWN);
        rebalanceReverts(
            one(low, 1500), abi.encodeWithSelector(IStrategyHub.StepTooSmall.selector, address(low), 1500, 1500)
        );
        rebalanceReverts(
            two(low, 1500, mid, 1000),
            abi.encodeWithSelector(IStrategyHub.StepTooSmall.selector, address(low), 1500, 1500)
        );
        rebalanceReverts(one(mid, 0), abi.encodeWithSelector(IStrategyHub.StepTooSmall.selector, address(mid), 0, 0));
    }

    // SPEC C5: the step is against the stored target, so drift cannot be used to creep.
    function test_StepIsAgainstTheStoredTargetNotTheDrift() public {
        rebalance(one(low, 1000));
        low.gain(100e6);
        pass(COOLDOWN);
        rebalanceReverts(
            one(low, 1400), abi.encodeWithSelector(IStrategyHub.StepTooSmall.selector, address(low), 1400, 1000)
        );
    }

    // SPEC C5: one that is listed in the place of another has no target yet, whatever that of the other was.
    function test_ANewPositionStartsFromNothing() public {
        rebalance(one(mid, 3000));
        vm.startPrank(timelock);
        vault.delist(address(mid));
        ScriptedAdapter next = newAdapter();
        vault.listAdapter(address(next), CAP);
        vm.stopPrank();
        assertEq(vault.position(address(next)).id(), 1);
        pass(COOLDOWN);
        observe();
        rebalance(one(address(next), 3000));
        assertEq(next.book(), 300e6);
        assertEq(hub.targetBps(address(next)), 3000);
        assertEq(hub.targetBps(address(mid)), 0);
    }

    // SPEC C5: 5 % stay idle, to the unit.
    function test_ReserveEdge() public {
        rebalanceReverts(
            two(low, 5000, mid, 4501),
            abi.encodeWithSelector(IStrategyHub.ReserveTooLow.selector, 49_900_000, 1000e6, 500)
        );
        rebalance(two(low, 5000, mid, 4500));
        assertEq(vault.idle(), 50e6);
    }

    // SPEC C5: the reserve is of NAV, so one unit earned by a venue that is not touched counts.
    function test_ReserveEdgeByOneUnit() public {
        high.gain(1);
        rebalanceReverts(
            two(low, 5000, mid, 4500),
            abi.encodeWithSelector(IStrategyHub.ReserveTooLow.selector, 50e6, 1000e6 + 1, 500)
        );
        high.lose(1);
        rebalance(two(low, 5000, mid, 4500));
    }

    // SPEC C5: what others' drift has eaten of the reserve blocks the next addition.
    function test_RevertIf_DriftHasEatenTheReserve() public {
        rebalance(one(low, 5000));
        low.gain(1000e6);
        pass(COOLDOWN);
        // NAV 2 000: 20 % is 400 of the 500 idle, which leaves exactly 5 %; 25 % is all of it.
        rebalanceReverts(
            one(mid, 2001), abi.encodeWithSelector(IStrategyHub.ReserveTooLow.selector, 99_800_000, 2000e6, 500)
        );
        rebalance(one(mid, 2000));
        assertEq(vault.idle(), 100e6);
    }

    // SPEC C5
    function test_AdapterCapEdge() public {
        vm.prank(guardian);
        vault.setAdapterCap(address(low), 100e6 - 1);
        rebalanceReverts(
            one(low, 1000), abi.encodeWithSelector(IVault.CapExceeded.selector, address(low), 100e6, 100e6 - 1)
        );
        vm.prank(timelock);
        vault.setAdapterCap(address(low), 100e6);
        rebalance(one(low, 1000));
    }

    // SPEC C5: stricter limits than the hard ones hold just as exactly.
    function test_StricterLimits() public {
        IStrategyHub.Limits memory limits = defaultLimits();
        (limits.reserveBps, limits.minPositionBps, limits.maxPositionBps, limits.minStepBps) = (1000, 1000, 3000, 700);
        setLimits(limits);
        rebalanceReverts(
            one(low, 999), abi.encodeWithSelector(IStrategyHub.TargetOutOfBounds.selector, address(low), 999)
        );
        rebalanceReverts(
            one(low, 3001), abi.encodeWithSelector(IStrategyHub.TargetOutOfBounds.selector, address(low), 3001)
        );
        Allocation[] memory targets = new Allocation[](3);
        targets[0] = one(low, 3000)[0];
        targets[1] = one(mid, 3000)[0];
        targets[2] = one(high, 3000)[0];
        rebalance(targets);
        assertEq(vault.idle(), 100e6);
        pass(COOLDOWN);
        rebalanceReverts(
            one(low, 2301), abi.encodeWithSelector(IStrategyHub.StepTooSmall.selector, address(low), 2301, 3000)
        );
        rebalance(one(low, 2300));
    }

    // SPEC C5: any pair of targets is accepted or refused exactly as the rules say.
    function testFuzz_AcceptsExactlyWhatTheRulesAllow(uint16 a, uint16 b) public {
        a = uint16(bound(a, 0, 6000));
        b = uint16(bound(b, 0, 6000));
        bool allowed = a >= 500 && a <= 5000 && b >= 500 && b <= 5000 && uint256(a) + b <= 9500;
        Allocation[] memory targets = two(low, a, mid, b);
        bytes memory proof = prove(targets);
        vm.prank(keeper);
        try hub.rebalance(targets, proof) {
            assertTrue(allowed, "accepted against the rules");
            assertEq(low.book(), 1000e6 * uint256(a) / 10_000);
            assertEq(mid.book(), 1000e6 * uint256(b) / 10_000);
        } catch {
            assertFalse(allowed, "refused against the rules");
            assertEq(vault.idle(), 1000e6);
        }
    }
}
