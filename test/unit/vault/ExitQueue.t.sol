// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

/// @notice From where a leaver is paid: idle first, then the venues in the order of the queue (SPEC C1, C10).
contract ExitQueueTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        rebalance(two(low, 3000, mid, 3000));
    }

    // SPEC C1
    function test_IdleFirst() public {
        _leave(400e6);
        assertEq(vault.idle(), 0);
        assertEq(low.book(), 300e6);
        assertEq(mid.book(), 300e6);
    }

    // SPEC C1
    function test_ThenTheQueueInItsOrder() public {
        _setQueue(address(mid), address(high), address(low));
        _leave(650e6);
        assertEq(mid.book(), 50e6);
        assertEq(low.book(), 300e6);
        _leave(100e6);
        assertEq(mid.book(), 0);
        assertEq(low.book(), 250e6);
    }

    // SPEC C1: max* say exactly what can be paid.
    function test_MaxWithdrawIsIdlePlusWhatVenuesPay() public {
        low.setLiquidityCap(10e6);
        assertEq(vault.maxWithdraw(alice), 710e6);
        assertEq(vault.maxRedeem(alice), 710e12);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientLiquidity.selector, 710e6 + 1, 710e6));
        vault.withdraw(710e6 + 1, alice, alice);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientLiquidity.selector, 710e6 + 1, 710e6));
        vault.redeem(710e12 + 1e6, alice, alice);
        vault.withdraw(710e6, alice, alice);
        vm.stopPrank();
        assertEq(vault.maxWithdraw(alice), 0);
        assertEq(vault.maxRedeem(alice), 0);
        assertEq(vault.totalAssets(), 290e6);
    }

    // SPEC C10: one failing venue does not block the rest.
    function test_AVenueThatRevertsIsPassedOver() public {
        low.setFaults(Fault.None, Fault.None, Fault.Revert);
        _leave(700e6);
        assertEq(low.book(), 300e6);
        assertEq(mid.book(), 0);
    }

    // SPEC C10
    function test_AVenueThatBurnsItsGasIsPassedOver() public {
        low.setFaults(Fault.None, Fault.None, Fault.BurnGas);
        vm.prank(alice);
        vault.withdraw{gas: 12_000_000}(700e6, alice, alice);
        assertEq(mid.book(), 0);
        assertEq(usdc.balanceOf(alice), 700e6);
    }

    // SPEC C10
    function test_AVenueThatReturnsAMountainOfDataIsPassedOver() public {
        low.setFaults(Fault.None, Fault.None, Fault.HugeReturn);
        _leave(700e6);
        assertEq(mid.book(), 0);
    }

    // SPEC C1: nobody leaves at the others' cost, and a venue that cheats stops nobody.
    function test_AVenueThatPaysLessThanItSaidIsPassedOver() public {
        low.setFaults(Fault.None, Fault.None, Fault.PayOneLess);
        uint256 before = low.book();
        _leave(450e6);
        assertEq(low.book(), before, "what it did is undone");
    }

    function test_RevertIf_TheOnlyVenueLeftPaysLess() public {
        low.setFaults(Fault.None, Fault.None, Fault.PayOneLess);
        mid.setFaults(Fault.None, Fault.None, Fault.Revert);
        high.setFaults(Fault.None, Fault.None, Fault.Revert);
        vm.expectPartialRevert(IVault.InsufficientLiquidity.selector);
        vm.prank(alice);
        vault.withdraw(500e6, alice, alice);
    }

    function test_RevertIf_NoVenuePays() public {
        low.setFaults(Fault.None, Fault.None, Fault.Revert);
        mid.setFaults(Fault.None, Fault.None, Fault.Revert);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientLiquidity.selector, 401e6, 400e6));
        vm.prank(alice);
        vault.withdraw(401e6, alice, alice);
    }

    function test_SetExitQueueEmitsAndKeepsEveryAdapterItsOwnConfig() public {
        address[] memory order = _order(address(high), address(low), address(mid));
        vm.expectEmit(address(vault));
        emit IVault.ExitQueueSet(order);
        vm.prank(timelock);
        vault.setExitQueue(order);
        assertEq(vault.adapters(), order);
        _leave(450e6);
        assertEq(low.book(), 250e6);
        pass(COOLDOWN);
        rebalance(one(mid, 2000));
        assertEq(mid.book(), 110e6);
    }

    function test_RevertIf_TheOrderIsNoPermutation() public {
        address[] memory short = new address[](2);
        (short[0], short[1]) = (address(low), address(mid));
        vm.startPrank(timelock);
        vm.expectRevert(IVault.QueueMismatch.selector);
        vault.setExitQueue(short);
        vm.expectRevert(IVault.QueueMismatch.selector);
        vault.setExitQueue(_order(address(low), address(mid), address(low)));
        vm.expectRevert(abi.encodeWithSelector(IVault.AdapterNotListed.selector, stranger));
        vault.setExitQueue(_order(address(low), address(mid), stranger));
        vm.stopPrank();
    }

    function test_RevertIf_NotGovernanceSetsIt() public {
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, guardian, bytes32(0))
        );
        vm.prank(guardian);
        vault.setExitQueue(_order(address(low), address(mid), address(high)));
    }

    function _leave(uint256 assets) private {
        uint256 before = usdc.balanceOf(alice);
        vm.prank(alice);
        vault.withdraw(assets, alice, alice);
        assertEq(usdc.balanceOf(alice) - before, assets);
    }

    function _order(address a, address b, address c) private pure returns (address[] memory order) {
        order = new address[](3);
        (order[0], order[1], order[2]) = (a, b, c);
    }

    function _setQueue(address a, address b, address c) private {
        vm.prank(timelock);
        vault.setExitQueue(_order(a, b, c));
    }
}
