// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../support/BallastFixture.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice Whoever prices Ballast's shares from inside one of its own calls gets no answer, not a wrong one (SPEC C1, C13).
contract ReadOnlyReentrancyTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        rebalance(one(low, 5000));
    }

    // SPEC C1, C13: every figure that depends on NAV, in every call that moves money.
    function test_NoFigureIsAnsweredInTheMiddle() public {
        bytes[13] memory views = [
            abi.encodeCall(IERC4626.totalAssets, ()),
            abi.encodeCall(IVault.nav, ()),
            abi.encodeCall(IERC4626.convertToAssets, (1e12)),
            abi.encodeCall(IERC4626.convertToShares, (1e6)),
            abi.encodeCall(IERC4626.previewDeposit, (1e6)),
            abi.encodeCall(IERC4626.previewMint, (1e12)),
            abi.encodeCall(IERC4626.previewWithdraw, (1e6)),
            abi.encodeCall(IERC4626.previewRedeem, (1e12)),
            abi.encodeCall(IERC4626.maxDeposit, (alice)),
            abi.encodeCall(IERC4626.maxMint, (alice)),
            abi.encodeCall(IERC4626.maxWithdraw, (alice)),
            abi.encodeCall(IERC4626.maxRedeem, (alice)),
            abi.encodeCall(IVault.accrue, ())
        ];
        for (uint256 i; i < views.length; ++i) {
            for (uint256 act; act < 6; ++act) {
                uint256 snapshot = vm.snapshotState();
                low.setHook(address(vault), views[i]);
                _move(act);
                assertFalse(low.hookOk());
                assertEq(
                    low.hookReturned(),
                    abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
                );
                vm.revertToState(snapshot);
            }
        }
    }

    // SPEC C1: outside of them it is.
    function test_EveryFigureIsAnsweredAfterwards() public {
        _move(0);
        assertEq(vault.totalAssets(), 400e6);
        assertEq(vault.previewRedeem(400e12), 400e6);
    }

    function _move(uint256 act) private {
        if (act == 0) {
            vm.prank(alice);
            vault.withdraw(600e6, alice, alice);
        } else if (act == 1) {
            vm.prank(alice);
            vault.redeemFrom(address(low), 100e12, 0, alice, alice, "");
        } else if (act == 2) {
            vm.prank(address(hub));
            vault.reallocate(one(low, 6000));
        } else if (act == 3) {
            vm.prank(address(hub));
            vault.reduce(address(low), 100e6, 0, "", true);
        } else if (act == 4) {
            vm.prank(address(hub));
            vault.harvest(address(low), "");
        } else {
            vm.prank(emergency);
            vault.exit(address(low), "");
        }
    }
}
