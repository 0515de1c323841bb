// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Mode, Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault, ScriptedAdapter} from "../../support/ScriptedAdapter.sol";
import {Vm} from "forge-std/Test.sol";

/// @notice Everything home, riskiest first, whatever one venue does (SPEC C10).
contract EmergencyExitTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        rebalance(two(low, 3000, mid, 2000));
        pass(COOLDOWN);
        rebalance(one(high, 4000));
    }

    // SPEC C10
    function test_EverythingComesHomeAndDepositsClose() public {
        vm.prank(guardian);
        IStrategyHub.ExitResult[] memory results = hub.emergencyExit();
        assertEq(results.length, 3);
        for (uint256 i; i < 3; ++i) {
            assertTrue(results[i].ok);
            assertEq(results[i].remaining, 0);
            assertEq(hub.targetBps(results[i].adapter), 0);
        }
        assertEq(vault.idle(), 1000e6);
        assertTrue(vault.paused());
        vm.prank(alice);
        vault.redeem(1000e12, alice, alice);
        assertEq(usdc.balanceOf(alice), 1000e6);
    }

    // SPEC C10: riskiest first; equals in the order of the queue.
    function test_RiskiestFirst() public {
        _score(low, 10);
        _score(mid, 90);
        _score(high, 50);
        _assertOrder(mid, high, low);
        _score(low, 100);
        _assertOrder(low, mid, high);
        _score(mid, 50);
        _assertOrder(low, _firstListed(mid, high), _lastListed(mid, high));
        _score(low, 0);
        _score(mid, 0);
        _score(high, 0);
        address[] memory queue = vault.adapters();
        _assertOrder(ScriptedAdapter(queue[0]), ScriptedAdapter(queue[1]), ScriptedAdapter(queue[2]));
    }

    // SPEC C10: one adapter forced to revert; the others exit and the event names it.
    function test_ARevertingVenueIsNamedAndTheOthersExit() public {
        mid.setFaults(Fault.None, Fault.None, Fault.Revert);
        bytes memory reason = abi.encodeWithSignature("Error(string)", "venue fault");
        vm.expectEmit(address(hub));
        emit IStrategyHub.EmergencyExit(guardian, address(mid), false, 0, 200e6, reason);
        vm.prank(guardian);
        IStrategyHub.ExitResult[] memory results = hub.emergencyExit();
        _assertOnlyMidFailed(results);
        assertEq(_of(results, mid).remaining, 200e6);

        // It can be tried again when the venue answers.
        mid.setFaults(Fault.None, Fault.None, Fault.None);
        vm.prank(guardian);
        hub.emergencyExit();
        assertEq(vault.idle(), 1000e6);
    }

    // SPEC C10: deposits close first, even if every leg reverts and takes its own pause back.
    function test_DepositsCloseEvenIfNothingComesHome() public {
        low.setFaults(Fault.None, Fault.None, Fault.Revert);
        mid.setFaults(Fault.None, Fault.None, Fault.BurnGas);
        high.setFaults(Fault.None, Fault.None, Fault.HugeReturn);
        vm.prank(guardian);
        IStrategyHub.ExitResult[] memory results = hub.emergencyExit();
        for (uint256 i; i < 3; ++i) {
            assertFalse(results[i].ok);
        }
        assertTrue(vault.paused());
        assertEq(vault.maxDeposit(bob), 0);
    }

    // SPEC C10: nor has an exit of no venue at all left them open.
    function test_AnExitOfNothingClosesDeposits() public {
        vm.prank(guardian);
        hub.exitVenues(new address[](0));
        assertTrue(vault.paused());
    }

    // SPEC C10: whatever the failing venue's risk, so wherever in the order it stands.
    function test_AVenueThatBurnsAllGasLeavesTheOthersTheirs() public {
        mid.setFaults(Fault.None, Fault.None, Fault.BurnGas);
        for (uint256 score; score <= 100; score += 50) {
            uint256 snapshot = vm.snapshotState();
            _score(low, 50);
            _score(high, 50);
            _score(mid, score);
            vm.prank(guardian);
            uint256 before = gasleft();
            IStrategyHub.ExitResult[] memory results = hub.emergencyExit{gas: 15_000_000}();
            assertLt(before - gasleft(), 8_000_000);
            _assertOnlyMidFailed(results);
            vm.revertToState(snapshot);
        }
    }

    // SPEC C10: a mountain of revert data is cut to what an event can carry.
    function test_AVenueThatReturnsAMountainOfData() public {
        mid.setFaults(Fault.None, Fault.None, Fault.HugeReturn);
        vm.recordLogs();
        vm.prank(guardian);
        IStrategyHub.ExitResult[] memory results = hub.emergencyExit();
        _assertOnlyMidFailed(results);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bool seen;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IStrategyHub.EmergencyExit.selector) continue;
            if (logs[i].topics[2] != bytes32(uint256(uint160(address(mid))))) continue;
            (bool ok,,, bytes memory reason) = abi.decode(logs[i].data, (bool, uint256, uint256, bytes));
            assertFalse(ok);
            assertEq(reason.length, 256);
            seen = true;
        }
        assertTrue(seen);
    }

    // SPEC C10: a venue that cannot even be read is still asked to pay.
    function test_AnUnreadableVenueStillPays() public {
        mid.setFaults(Fault.BurnGas, Fault.None, Fault.None);
        vm.prank(guardian);
        hub.emergencyExit();
        assertEq(mid.book(), 0);
        assertEq(vault.idle(), 1000e6);
    }

    // SPEC C10: what is not liquid stays, is reported, and the leavers can have the rest.
    function test_AnIlliquidVenuePaysWhatItCan() public {
        high.setLiquidityCap(150e6);
        vm.expectEmit(address(hub));
        emit IStrategyHub.EmergencyExit(emergency, address(high), false, 150e6, 250e6, "");
        vm.prank(emergency);
        IStrategyHub.ExitResult[] memory results = hub.emergencyExit();
        assertFalse(results[2].ok);
        // It is still to be taken out: its target stands until it is.
        assertEq(hub.targetBps(address(high)), 4000);
        high.setLiquidityCap(type(uint256).max);
        vm.prank(emergency);
        results = hub.emergencyExit();
        assertTrue(results[2].ok);
        assertEq(hub.targetBps(address(high)), 0);
        assertEq(vault.idle(), 1000e6);
    }

    // SPEC C10: what it has paid is there for who leaves.
    function test_WhatAnIlliquidVenuePaidIsIdle() public {
        high.setLiquidityCap(150e6);
        vm.prank(emergency);
        hub.emergencyExit();
        assertEq(vault.idle(), 750e6);
        assertEq(vault.maxWithdraw(alice), 750e6);
    }

    // SPEC C10: who may, and when.
    function test_WhoMayAndWhen() public {
        address[4] memory others = [stranger, keeper, timelock, alice];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IStrategyHub.NotAuthorised.selector, others[i]));
            vm.prank(others[i]);
            hub.emergencyExit();
        }
        vm.prank(guardian);
        killSwitch.reduceOnly();
        vm.expectRevert(abi.encodeWithSelector(IStrategyHub.NotAuthorised.selector, stranger));
        vm.prank(stranger);
        hub.emergencyExit();

        feed.push(0.97e8);
        killSwitch.trip(Trigger.Peg, address(usdc));
        assertEq(uint256(killSwitch.mode()), uint256(Mode.Exit));
        vm.prank(stranger);
        hub.emergencyExit();
        assertEq(vault.idle(), 1000e6);
    }

    // SPEC C10: the emergency Safe and guardians need no switch, not even one that answers.
    function test_ABrokenSwitchDoesNotStopTheExit() public {
        vm.etch(address(killSwitch), hex"fe");
        vm.prank(emergency);
        hub.emergencyExit();
        assertEq(vault.idle(), 1000e6);
        vm.prank(alice);
        vault.redeem(1000e12, alice, alice);
    }

    function _score(ScriptedAdapter adapter, uint256 score) private {
        vm.prank(timelock);
        hub.setRiskScore(address(adapter), score);
    }

    function _assertOrder(ScriptedAdapter a, ScriptedAdapter b, ScriptedAdapter c) private {
        vm.prank(guardian);
        IStrategyHub.ExitResult[] memory results = hub.emergencyExit();
        assertEq(results[0].adapter, address(a));
        assertEq(results[1].adapter, address(b));
        assertEq(results[2].adapter, address(c));
    }

    function _firstListed(ScriptedAdapter a, ScriptedAdapter b) private view returns (ScriptedAdapter) {
        address[] memory queue = vault.adapters();
        for (uint256 i; i < queue.length; ++i) {
            if (queue[i] == address(a)) return a;
            if (queue[i] == address(b)) return b;
        }
        revert("not listed");
    }

    function _lastListed(ScriptedAdapter a, ScriptedAdapter b) private view returns (ScriptedAdapter) {
        return _firstListed(a, b) == a ? b : a;
    }

    function _assertOnlyMidFailed(IStrategyHub.ExitResult[] memory results) private view {
        assertFalse(_of(results, mid).ok);
        assertTrue(_of(results, low).ok);
        assertTrue(_of(results, high).ok);
        assertEq(low.book(), 0);
        assertEq(high.book(), 0);
        assertEq(mid.book(), 200e6);
        assertEq(vault.idle(), 800e6);
        // What did not come home keeps its target: the record says what is there.
        assertEq(hub.targetBps(address(mid)), 2000);
    }

    function _of(IStrategyHub.ExitResult[] memory results, ScriptedAdapter adapter)
        private
        pure
        returns (IStrategyHub.ExitResult memory)
    {
        for (uint256 i; i < results.length; ++i) {
            if (results[i].adapter == address(adapter)) return results[i];
        }
        revert("no result");
    }
}
