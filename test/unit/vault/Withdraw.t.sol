// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

/// @notice Withdraw and redeem from idle, and who may (SPEC C1).
contract WithdrawTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
    }

    // SPEC C1
    function test_WithdrawPaysTheReceiverAndBurnsTheOwner() public {
        vm.expectEmit(address(vault));
        emit IERC4626.Withdraw(alice, bob, alice, 400e6, 400e12);
        vm.prank(alice);
        assertEq(vault.withdraw(400e6, bob, alice), 400e12);
        assertEq(usdc.balanceOf(bob), 400e6);
        assertEq(vault.balanceOf(alice), 600e12);
        assertEq(vault.idle(), 600e6);
    }

    // SPEC C1
    function test_RedeemPaysAllToTheLastUnit() public {
        vm.prank(alice);
        assertEq(vault.redeem(1000e12, alice, alice), 1000e6);
        assertEq(usdc.balanceOf(alice), 1000e6);
        assertEq(vault.totalSupply(), 0);
        assertEq(vault.totalAssets(), 0);
    }

    // SPEC C1
    function test_RoundingIsAgainstTheLeaver() public {
        rebalance(one(low, 5000));
        low.lose(1);
        vm.startPrank(alice);
        // One unit is now worth a little more than 1e6 shares: paid out it costs more, handed in it is worth nothing.
        assertGt(vault.withdraw(1, alice, alice), 1e6);
        assertEq(vault.redeem(1e6, alice, alice), 0);
        vm.stopPrank();
    }

    function test_RevertIf_WithdrawIsMoreThanOwned() public {
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxWithdraw.selector, alice, 1000e6 + 1, 1000e6));
        vm.prank(alice);
        vault.withdraw(1000e6 + 1, alice, alice);
    }

    function test_RevertIf_RedeemIsMoreThanOwned() public {
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxRedeem.selector, alice, 1000e12 + 1, 1000e12));
        vm.prank(alice);
        vault.redeem(1000e12 + 1, alice, alice);
    }

    function test_RevertIf_CallerHasNoAllowance() public {
        bytes memory reason =
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, stranger, 0, 1e12);
        vm.startPrank(stranger);
        vm.expectRevert(reason);
        vault.withdraw(1e6, stranger, alice);
        vm.expectRevert(reason);
        vault.redeem(1e12, stranger, alice);
        vm.stopPrank();
        rebalance(one(low, 5000));
        vm.expectRevert(reason);
        vm.prank(stranger);
        vault.redeemFrom(address(low), 1e12, 0, stranger, alice, "");
    }

    function test_AllowanceIsSpent() public {
        rebalance(one(low, 5000));
        vm.prank(alice);
        vault.approve(bob, 3e12);
        vm.startPrank(bob);
        vault.withdraw(1e6, bob, alice);
        vault.redeem(1e12, bob, alice);
        vault.redeemFrom(address(low), 1e12, 1e6, bob, alice, "");
        vm.stopPrank();
        assertEq(vault.allowance(alice, bob), 0);
        assertEq(usdc.balanceOf(bob), 3e6);
    }

    // SPEC C1, C10: an unreadable venue closes no exit, and max* say what is paid of the rest.
    function test_PaysOfTheRestWhileAVenueCannotBeRead() public {
        rebalance(two(low, 3000, high, 3000));
        high.setFaults(Fault.Revert, Fault.None, Fault.None);
        assertEq(vault.maxWithdraw(alice), 700e6);
        assertEq(vault.maxRedeem(alice), 1000e12);
        vm.startPrank(alice);
        vault.withdraw(350e6, alice, alice);
        assertApproxEqAbs(vault.balanceOf(alice), 500e12, 1e6);
        vault.redeem(vault.balanceOf(alice), alice, alice);
        vm.stopPrank();
        assertApproxEqAbs(usdc.balanceOf(alice), 700e6, 1);
    }

    // SPEC C1: the books never say more than the tokens that are there.
    function test_RevertIf_TheTokensAreNotThere() public {
        usdc.burn(address(vault), 1);
        vm.expectRevert(abi.encodeWithSelector(IVault.Unaccounted.selector, 900e6 - 1, 900e6));
        vm.prank(alice);
        vault.withdraw(100e6, alice, alice);
    }
}
