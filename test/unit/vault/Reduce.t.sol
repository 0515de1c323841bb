// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";

/// @notice Taking assets out of one venue into idle (SPEC C4, C10).
contract VaultReduceTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        rebalance(one(low, 5000));
    }

    function test_OnlyTheHub() public {
        address[5] memory others = [keeper, guardian, emergency, timelock, stranger];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IVault.OnlyHub.selector, others[i]));
            vm.prank(others[i]);
            vault.reduce(address(low), 1, 0, "");
        }
    }

    // SPEC C10
    function test_PaysIntoIdleAndSaysWhatIsLeft() public {
        vm.expectEmit(address(vault));
        emit IVault.Reduced(address(low), 200e6, 300e6);
        vm.prank(address(hub));
        (uint256 received, uint256 valueAfter, uint256 navAfter) = vault.reduce(address(low), 200e6, 200e6, "");
        assertEq(received, 200e6);
        assertEq(valueAfter, 300e6);
        assertEq(navAfter, 1000e6);
        assertEq(vault.idle(), 700e6);
    }

    // SPEC C10
    function test_MaximumTakesWhatIsLiquid() public {
        low.setLiquidityCap(120e6);
        vm.prank(address(hub));
        (uint256 received, uint256 valueAfter,) = vault.reduce(address(low), type(uint256).max, 0, "");
        assertEq(received, 120e6);
        assertEq(valueAfter, 380e6);
    }

    function test_RevertIf_LessThanTheMinimum() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientOut.selector, address(low), 200e6, 200e6 + 1));
        vm.prank(address(hub));
        vault.reduce(address(low), 200e6, 200e6 + 1, "");
    }

    function test_RevertIf_NotListed() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.AdapterNotListed.selector, stranger));
        vm.prank(address(hub));
        vault.reduce(stranger, 1, 0, "");
    }

    function test_RevertIf_AVenueCannotBeRead() public {
        mid.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.expectRevert(abi.encodeWithSelector(IVault.VenueUnreadable.selector, address(mid)));
        vm.prank(address(hub));
        vault.reduce(address(low), 1, 0, "");
    }

    function test_DepositsStayOpen() public {
        vm.prank(address(hub));
        vault.reduce(address(low), 1, 0, "");
        assertFalse(vault.paused());
    }
}
