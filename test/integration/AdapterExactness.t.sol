// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../contracts/interfaces/IVault.sol";
import {BallastOnProtocols} from "./BallastOnProtocols.sol";

/// @notice What an adapter says is what can be had, in every state of the real venue (SPEC C9).
contract AdapterExactnessTest is BallastOnProtocols {
    function _open() private {
        deposit(alice, 1_000_000e6);
        rebalance(both(4000, 4000));
        pass(10 days);
    }

    // SPEC C9: value is what really comes out, within two units, at any size and after any time. From a cent upwards: below it one
    // unit of a venue's rounding is more than the loss bound.
    function testFuzz_ValueIsWhatComesOut(uint256 assets, uint256 time) public {
        assets = bound(assets, 10_000, 1_200_000e6);
        deposit(alice, assets);
        rebalance(both(4750, 4750));
        pass(bound(time, 0, 365 days));
        address[2] memory positions = [address(aave), address(metaMorpho)];
        for (uint256 i; i < 2; ++i) {
            uint256 value = valueOf(positions[i]);
            assertEq(liquidityOf(positions[i]), value);
            vm.prank(guardian);
            uint256 received = hub.reduce(positions[i], type(uint256).max, 0, "");
            assertApproxEqAbs(received, value, 2);
            assertLe(valueOf(positions[i]), 1);
        }
        assertNothingLeftBehind();
    }

    // SPEC C9: a part taken out lowers the value by that part, within two units.
    function testFuzz_APartLowersTheValueByThatPart(uint256 part) public {
        _open();
        address[2] memory positions = [address(aave), address(metaMorpho)];
        for (uint256 i; i < 2; ++i) {
            uint256 value = valueOf(positions[i]);
            uint256 taken = bound(part, 1, value);
            vm.prank(guardian);
            assertEq(hub.reduce(positions[i], taken, 0, ""), taken);
            assertApproxEqAbs(valueOf(positions[i]) + taken, value, 2);
        }
    }

    function test_WhatTheyServe() public view {
        assertEq(aave.venue(), address(protocols.aave.pool));
        assertEq(address(metaMorpho), address(protocols.morpho.metaMorpho));
        assertEq(aave.asset(), address(protocols.usdc));
        assertEq(aave.vault(), address(vault));
        assertApproxEqRel(aave.venueSize(), 100_000_000e6, 0.01e18);
        assertApproxEqRel(metaMorpho.totalAssets(), 60_000_000e6, 0.01e18);
        assertApproxEqRel(aave.utilisation(), 0.82e18, 0.01e18);
    }

    // SPEC C9: only the vault moves it, and plain lending takes no instructions.
    function test_OnlyTheVaultAndNoData() public {
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IAdapter.OnlyVault.selector, stranger));
        aave.deposit(1, "");
        vm.expectRevert(abi.encodeWithSelector(IAdapter.OnlyVault.selector, stranger));
        aave.withdraw(1, "");
        vm.stopPrank();
        vm.startPrank(address(vault));
        vm.expectRevert(IAdapter.UnexpectedData.selector);
        aave.deposit(1, hex"00");
        vm.expectRevert(IAdapter.UnexpectedData.selector);
        aave.withdraw(1, hex"00");
        vm.stopPrank();
    }

    // SPEC C9, C10: borrowed empty, maxWithdraw says exactly what can be had.
    function test_AnIlliquidVenue() public {
        _open();
        borrowAave(aaveLiquidity() - 1000e6);
        borrowMorpho(morphoLiquidity() - 2000e6);
        pass(1 days);
        uint256 expected = vault.idle() + 1000e6 + 2000e6;
        assertEq(vault.maxWithdraw(alice), expected);
        assertGt(aave.utilisation(), 0.99e18);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientLiquidity.selector, expected + 1, expected));
        vault.withdraw(expected + 1, alice, alice);
        vault.withdraw(expected, alice, alice);
        vm.stopPrank();
        assertEq(protocols.usdc.balanceOf(alice), expected);
        assertEq(vault.maxWithdraw(alice), 0);

        // An exit takes nothing now and the rest when it is there.
        vm.prank(guardian);
        IStrategyHub.ExitResult[] memory results = hub.emergencyExit();
        for (uint256 i; i < results.length; ++i) {
            assertFalse(results[i].ok);
            assertEq(results[i].received, 0);
            assertGt(results[i].remaining, 390_000e6);
        }
        repayAave(5_000_000e6);
        repayMorpho(5_000_000e6);
        vm.prank(guardian);
        results = hub.emergencyExit();
        for (uint256 i; i < results.length; ++i) {
            assertTrue(results[i].ok);
        }
        uint256 shares = vault.balanceOf(alice);
        vm.prank(alice);
        vault.redeem(shares, alice, alice);
        assertGt(protocols.usdc.balanceOf(alice), 1_000_000e6);
        assertLe(vault.totalAssets(), 3);
    }

    // SPEC C5: an illiquid venue is not added to.
    function test_RevertIf_AddedToWhileIlliquid() public {
        _open();
        borrowAave(aaveLiquidity());
        // Our own addition brings liquidity, but less than the position.
        bytes memory proof = prove(one(address(aave), 4500));
        vm.expectPartialRevert(IStrategyHub.UtilisationTooHigh.selector);
        vm.prank(keeper);
        hub.rebalance(one(address(aave), 4500), proof);
    }

    // SPEC C9: frozen takes nothing in and lets everything out.
    function test_AFrozenReserve() public {
        _open();
        protocols.aave.configurator.setReserveFreeze(address(protocols.usdc), true);
        (bool depositable, bool withdrawable) = aave.health();
        assertFalse(depositable);
        assertTrue(withdrawable);
        assertEq(aave.liquidity(), aave.value());
        bytes memory proof = prove(one(address(aave), 4500));
        vm.expectRevert();
        vm.prank(keeper);
        hub.rebalance(one(address(aave), 4500), proof);
        rebalance(one(address(aave), 1000));
        uint256 shares = vault.balanceOf(alice);
        vm.prank(alice);
        vault.redeem(shares, alice, alice);
        assertLe(vault.totalAssets(), 3);
    }

    // SPEC C9, C10: paused pays nothing; the others pay, and the exit says so.
    function test_APausedReserve() public {
        _open();
        protocols.aave.configurator.setReservePause(address(protocols.usdc), true);
        (bool depositable, bool withdrawable) = aave.health();
        assertFalse(depositable);
        assertFalse(withdrawable);
        assertEq(aave.liquidity(), 0);
        uint256 expected = vault.idle() + valueOf(address(metaMorpho));
        assertEq(vault.maxWithdraw(alice), expected);
        vm.prank(alice);
        vault.withdraw(expected, alice, alice);
        uint256 stuck = aave.value();
        vm.prank(guardian);
        IStrategyHub.ExitResult[] memory results = hub.emergencyExit();
        assertEq(results[1].adapter, address(aave));
        assertEq(results[1].received, 0);
        assertEq(results[1].remaining, stuck);

        protocols.aave.configurator.setReservePause(address(protocols.usdc), false);
        vm.prank(guardian);
        hub.emergencyExit();
        assertApproxEqAbs(vault.idle(), stuck, 2);
    }

    // SPEC C1: shares of a venue sent to the vault are a gift to all holders, never a loss to any.
    function test_ADonationThroughTheVenueLowersNoOnesShare() public {
        _open();
        uint256 before = vault.convertToAssets(1e12);
        vm.startPrank(supplier.account);
        protocols.morpho.metaMorpho.transfer(address(vault), 1e18);
        vm.stopPrank();
        assertGe(vault.convertToAssets(1e12), before);
        assertLe(vault.maxDeposit(bob), CAP - vault.totalAssets());
    }
}
