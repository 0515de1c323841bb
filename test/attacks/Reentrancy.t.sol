// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../support/BallastFixture.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice A venue that is called calls back (SPEC C1, C13).
contract ReentrancyTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        rebalance(one(low, 5000));
        pass(COOLDOWN);
    }

    // SPEC C1, C13: while the vault's money is between two places, nobody enters, leaves or reads the price.
    function test_NothingOfTheVaultAnswersInTheMiddle() public {
        bytes[] memory calls = new bytes[](14);
        calls[0] = abi.encodeCall(IERC4626.deposit, (0, address(low)));
        calls[1] = abi.encodeCall(IERC4626.mint, (0, address(low)));
        calls[2] = abi.encodeCall(IERC4626.withdraw, (0, address(low), address(low)));
        calls[3] = abi.encodeCall(IERC4626.redeem, (0, address(low), address(low)));
        calls[4] = abi.encodeCall(IVault.redeemFrom, (address(low), 0, 0, address(low), address(low), ""));
        calls[5] = abi.encodeCall(IERC4626.totalAssets, ());
        calls[6] = abi.encodeCall(IVault.nav, ());
        calls[7] = abi.encodeCall(IERC4626.convertToAssets, (1e12));
        calls[8] = abi.encodeCall(IERC4626.previewRedeem, (1e12));
        calls[9] = abi.encodeCall(IERC4626.maxWithdraw, (alice));
        calls[10] = abi.encodeCall(IERC4626.maxDeposit, (alice));
        calls[11] = abi.encodeCall(IVault.accrue, ());
        calls[12] = abi.encodeCall(IVault.quarantine, (address(low)));
        calls[13] = abi.encodeCall(IVault.recover, (address(low)));
        for (uint256 i; i < calls.length; ++i) {
            low.setHook(address(vault), calls[i]);
            vm.prank(alice);
            vault.withdraw(510e6, alice, alice);
            _assertRefused();
            deposit(alice, 510e6);
            low.setHook(address(vault), calls[i]);
            vm.prank(address(hub));
            vault.reallocate(one(low, 5000));
            _assertRefused();
        }
    }

    // SPEC C10: not even an exit within an exit, and the outer one goes on.
    function test_AnExitWithinAnExit() public {
        bytes32 role = hub.GUARDIAN_ROLE();
        vm.prank(timelock);
        hub.grantRole(role, address(low));
        low.setHook(address(hub), abi.encodeCall(IStrategyHub.emergencyExit, ()));
        vm.prank(guardian);
        hub.emergencyExit();
        assertEq(vault.idle(), 1000e6);
        assertEq(low.book(), 0);
        IStrategyHub.ExitResult[] memory inner = abi.decode(low.hookReturned(), (IStrategyHub.ExitResult[]));
        for (uint256 i; i < inner.length; ++i) {
            assertFalse(inner[i].ok);
        }
    }

    // SPEC C5: a venue that can have a governance act carried out while it is paid cannot shift the positions by which the
    // vault holds it to its cap.
    function test_TheQueueStandsStillInTheMiddle() public {
        bytes32 role = vault.DEFAULT_ADMIN_ROLE();
        vm.startPrank(timelock);
        vault.setAdapterCap(address(mid), 100e6);
        vault.grantRole(role, address(mid));
        vm.stopPrank();
        address[] memory order = new address[](3);
        (order[0], order[1], order[2]) = (address(low), address(high), address(mid));
        bytes[] memory calls = new bytes[](7);
        calls[0] = abi.encodeCall(vault.setExitQueue, (order));
        calls[1] = abi.encodeCall(vault.delist, (address(high)));
        calls[2] = abi.encodeCall(vault.listAdapter, (address(newAdapter()), CAP));
        calls[3] = abi.encodeCall(vault.setMaxGrowth, (1));
        calls[4] = abi.encodeCall(vault.setAdapterCap, (address(mid), CAP));
        calls[5] = abi.encodeCall(vault.setMaxLoss, (1));
        calls[6] = abi.encodeCall(vault.writeOff, (address(high)));
        for (uint256 i; i < calls.length; ++i) {
            mid.setHook(address(vault), calls[i]);
            vm.expectRevert(abi.encodeWithSelector(IVault.CapExceeded.selector, address(mid), 400e6, 100e6));
            vm.prank(address(hub));
            vault.reallocate(one(mid, 4000));
            // Within the cap the instruction goes through, and the act was refused.
            vm.prank(address(hub));
            vault.reallocate(one(mid, uint16(500 + i * 80)));
            assertFalse(mid.hookOk());
            assertEq(
                mid.hookReturned(),
                abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
            );
        }
    }

    function _assertRefused() private view {
        assertFalse(low.hookOk());
        assertEq(
            low.hookReturned(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
    }
}
