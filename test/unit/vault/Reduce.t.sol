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
            vault.reduce(address(low), 1, 0, "", true);
        }
    }

    // SPEC C10
    function test_PaysIntoIdleAndSaysWhatIsLeft() public {
        vm.expectEmit(address(vault));
        emit IVault.Reduced(address(low), 200e6, 300e6);
        vm.prank(address(hub));
        (uint256 received, uint256 valueAfter, uint256 navAfter) = vault.reduce(address(low), 200e6, 200e6, "", true);
        assertEq(received, 200e6);
        assertEq(valueAfter, 300e6);
        assertEq(navAfter, 1000e6);
        assertEq(vault.idle(), 700e6);
    }

    // SPEC C10
    function test_MaximumTakesWhatIsLiquid() public {
        low.setLiquidityCap(120e6);
        vm.prank(address(hub));
        (uint256 received, uint256 valueAfter,) = vault.reduce(address(low), type(uint256).max, 0, "", true);
        assertEq(received, 120e6);
        assertEq(valueAfter, 380e6);
    }

    function test_RevertIf_LessThanTheMinimum() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientOut.selector, address(low), 200e6, 200e6 + 1));
        vm.prank(address(hub));
        vault.reduce(address(low), 200e6, 200e6 + 1, "", true);
    }

    function test_RevertIf_NotListed() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.AdapterNotListed.selector, stranger));
        vm.prank(address(hub));
        vault.reduce(stranger, 1, 0, "", true);
    }

    // SPEC C4, C10: whatever another venue does, risk can be taken off this one.
    function test_WorksWhileAnotherVenueCannotBeRead() public {
        Fault[3] memory faults = [Fault.Revert, Fault.BurnGas, Fault.HugeReturn];
        for (uint256 i; i < faults.length; ++i) {
            mid.setFaults(faults[i], Fault.None, Fault.None);
            vm.prank(address(hub));
            (uint256 received,,) = vault.reduce(address(low), 100e6, 100e6, "", true);
            assertEq(received, 100e6);
        }
        vault.accrue();
        vm.prank(address(hub));
        vault.reduce(address(low), 100e6, 100e6, "", true);
        assertEq(vault.idle(), 900e6);
    }

    // SPEC C5: a loss does not hide behind a venue that answers again in the middle.
    function test_RevertIf_AVenueAnswersAgainInTheMiddle() public {
        mid.gain(300e6);
        mid.setFaults(Fault.Revert, Fault.None, Fault.None);
        low.setFees(0, 5000);
        low.setHook(address(mid), abi.encodeCall(mid.setFaults, (Fault.None, Fault.None, Fault.None)));
        vm.expectRevert(abi.encodeWithSelector(IVault.VenueUnreadable.selector, address(mid)));
        vm.prank(address(hub));
        vault.reduce(address(low), 500e6, 0, "", true);
    }

    function test_RevertIf_Quarantined() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vault.accrue();
        vm.expectRevert(abi.encodeWithSelector(IVault.VenueQuarantined.selector, address(low)));
        vm.prank(address(hub));
        vault.reduce(address(low), 1, 0, "", true);
    }

    function test_DepositsStayOpen() public {
        vm.prank(address(hub));
        vault.reduce(address(low), 1, 0, "", true);
        assertFalse(vault.paused());
    }
}
