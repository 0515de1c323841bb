// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";

/// @notice One venue's part of an emergency exit (SPEC C1, C10).
contract VaultExitTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        rebalance(two(low, 4000, mid, 4000));
    }

    // SPEC C10: pause deposits, and everything that can be had comes to idle.
    function test_TakesAllPausesAndReports() public {
        vm.expectEmit(address(vault));
        emit IVault.AdapterExited(address(low), 400e6, 0);
        vm.prank(emergency);
        (uint256 received, uint256 remaining) = vault.exit(address(low), "");
        assertEq(received, 400e6);
        assertEq(remaining, 0);
        assertEq(vault.idle(), 600e6);
        assertTrue(vault.paused());
    }

    // SPEC C10: what is stuck stays, and can be fetched later.
    function test_PartialThenTheRest() public {
        low.setLiquidityCap(100e6);
        vm.prank(emergency);
        (uint256 received, uint256 remaining) = vault.exit(address(low), "");
        assertEq(received, 100e6);
        assertEq(remaining, 300e6);
        low.setLiquidityCap(type(uint256).max);
        vm.prank(address(hub));
        (received, remaining) = vault.exit(address(low), "");
        assertEq(received, 300e6);
        assertEq(remaining, 0);
    }

    // SPEC C10: an exit needs no venue to be readable, not even its own.
    function test_WorksWhileVenuesCannotBeRead() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        mid.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.prank(emergency);
        (uint256 received, uint256 remaining) = vault.exit(address(low), "");
        assertEq(received, 400e6);
        // Not known is not nothing.
        assertEq(remaining, type(uint256).max);
        assertEq(vault.idle(), 600e6);
    }

    function test_RevertIf_TheVenueReverts() public {
        low.setFaults(Fault.None, Fault.None, Fault.Revert);
        vm.expectRevert("venue fault");
        vm.prank(emergency);
        vault.exit(address(low), "");
        assertFalse(vault.paused());
    }

    function test_RevertIf_NotListed() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.AdapterNotListed.selector, stranger));
        vm.prank(emergency);
        vault.exit(stranger, "");
    }

    function test_RevertIf_NeitherHubNorEmergencySafe() public {
        address[4] memory others = [keeper, guardian, timelock, stranger];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IVault.NotAuthorised.selector, others[i]));
            vm.prank(others[i]);
            vault.exit(address(low), "");
        }
    }
}
