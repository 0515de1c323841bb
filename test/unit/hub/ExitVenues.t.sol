// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";

/// @notice An emergency exit of the positions named, in the order named (SPEC C10).
contract ExitVenuesTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        rebalance(two(low, 3000, mid, 2000));
    }

    // SPEC C10
    function test_OnlyThoseNamedInTheirOrder() public {
        vm.prank(guardian);
        IStrategyHub.ExitResult[] memory results = hub.exitVenues(_list(address(high), address(low)));
        assertEq(results.length, 2);
        assertEq(results[0].adapter, address(high));
        assertEq(results[1].adapter, address(low));
        assertEq(results[1].received, 300e6);
        assertEq(low.book(), 0);
        assertEq(mid.book(), 200e6);
        assertEq(hub.targetBps(address(low)), 0);
        assertEq(hub.targetBps(address(mid)), 2000);
        assertTrue(vault.paused());
    }

    // SPEC C10: what is no position is named as what failed, and stops nothing.
    function test_AnUnlistedNameFailsAlone() public {
        vm.expectEmit(address(hub));
        emit IStrategyHub.EmergencyExit(
            guardian,
            stranger,
            false,
            0,
            type(uint256).max,
            abi.encodeWithSelector(IVault.AdapterNotListed.selector, stranger)
        );
        vm.prank(guardian);
        IStrategyHub.ExitResult[] memory results = hub.exitVenues(_list(stranger, address(low)));
        assertFalse(results[0].ok);
        assertEq(results[0].remaining, type(uint256).max);
        assertTrue(results[1].ok);
        assertEq(vault.idle(), 800e6);
    }

    // SPEC C10: twice is once.
    function test_NamedTwice() public {
        vm.prank(emergency);
        IStrategyHub.ExitResult[] memory results = hub.exitVenues(_list(address(low), address(low)));
        assertEq(results[0].received, 300e6);
        assertTrue(results[1].ok);
        assertEq(results[1].received, 0);
    }

    // SPEC C10: a failing one keeps its target and says what is left in it.
    function test_AFailingVenueSaysWhatIsLeft() public {
        low.setFaults(Fault.None, Fault.None, Fault.Revert);
        vm.prank(guardian);
        IStrategyHub.ExitResult[] memory results = hub.exitVenues(_list(address(low), address(mid)));
        assertFalse(results[0].ok);
        assertEq(results[0].remaining, 300e6);
        assertEq(hub.targetBps(address(low)), 3000);
        assertEq(mid.book(), 0);
    }

    // SPEC C10: a quarantined position is recovered by it.
    function test_AQuarantinedPositionIsRecovered() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vault.accrue();
        low.setFaults(Fault.None, Fault.None, Fault.None);
        vm.prank(guardian);
        hub.exitVenues(_list(address(low), address(mid)));
        (, bool complete) = vault.nav();
        assertTrue(complete);
        assertEq(vault.idle(), 1000e6);
    }

    // SPEC C10
    function test_WhoMayAndWhen() public {
        address[] memory named = _list(address(low), address(mid));
        address[4] memory others = [stranger, keeper, timelock, alice];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IStrategyHub.NotAuthorised.selector, others[i]));
            vm.prank(others[i]);
            hub.exitVenues(named);
        }
        vm.prank(emergency);
        killSwitch.enterExit();
        vm.prank(stranger);
        hub.exitVenues(named);
        assertEq(vault.idle(), 1000e6);
    }

    function _list(address a, address b) private pure returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (a, b);
    }
}
