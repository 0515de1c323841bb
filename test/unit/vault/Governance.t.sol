// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vault} from "../../../contracts/Vault.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice What governance sets in the vault, within which bounds, and what guardians may lower (SPEC C5, C13).
contract VaultGovernanceTest is BallastFixture {
    // SPEC C5: a cap goes up through the timelock and down at once.
    function test_AdapterCapIsLoweredByGuardiansRaisedByGovernance() public {
        vm.expectEmit(address(vault));
        emit IVault.AdapterCapSet(address(low), 10e6);
        vm.prank(guardian);
        vault.setAdapterCap(address(low), 10e6);

        _expectUnauthorised(guardian);
        vm.prank(guardian);
        vault.setAdapterCap(address(low), 10e6 + 1);

        vm.prank(emergency);
        vault.setAdapterCap(address(low), 0);
        vm.prank(timelock);
        vault.setAdapterCap(address(low), 20e6);
        (, uint256 cap) = vault.adapterConfig(address(low));
        assertEq(cap, 20e6);

        vm.expectRevert(abi.encodeWithSelector(IVault.NotAuthorised.selector, stranger));
        vm.prank(stranger);
        vault.setAdapterCap(address(low), 0);
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterNotListed.selector, stranger));
        vault.setAdapterCap(stranger, 0);
    }

    function test_LossBoundIsLoweredByGuardiansRaisedByGovernanceUpToTheHardBound() public {
        vm.expectEmit(address(vault));
        emit IVault.MaxLossSet(10);
        vm.prank(guardian);
        vault.setMaxLoss(10);
        _expectUnauthorised(guardian);
        vm.prank(guardian);
        vault.setMaxLoss(11);
        vm.prank(timelock);
        vault.setMaxLoss(100);
        assertEq(vault.maxLossBps(), 100);
        _expectFromTimelock(abi.encodeWithSelector(IVault.AboveHardBound.selector, 101, 100));
        vault.setMaxLoss(101);
    }

    function test_RevertIf_DeployedAboveTheHardBound() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.AboveHardBound.selector, 101, 100));
        new Vault(usdc, "Ballast USDC", "bUSDC", timelock, CAP, 101, 100, 10_000);
    }

    function test_DailyLossIsLoweredByGuardiansRaisedByGovernanceUpToTheHardBound() public {
        vm.expectEmit(address(vault));
        emit IVault.DailyLossSet(10);
        vm.prank(emergency);
        vault.setDailyLoss(10);
        _expectUnauthorised(emergency);
        vm.prank(emergency);
        vault.setDailyLoss(11);
        vm.prank(timelock);
        vault.setDailyLoss(200);
        (uint256 bps,) = vault.dailyLoss();
        assertEq(bps, 200);
        _expectFromTimelock(abi.encodeWithSelector(IVault.AboveHardBound.selector, 201, 200));
        vault.setDailyLoss(201);
        vm.expectRevert(abi.encodeWithSelector(IVault.NotAuthorised.selector, stranger));
        vm.prank(stranger);
        vault.setDailyLoss(0);
    }

    function test_GrowthIsGovernancesAloneUpToTheHardBound() public {
        _expectFromTimelock(abi.encodeWithSelector(IVault.AboveHardBound.selector, 10_001, 10_000));
        vault.setMaxGrowth(10_001);
        vm.expectEmit(address(vault));
        emit IVault.MaxGrowthSet(5000);
        vm.prank(timelock);
        vault.setMaxGrowth(5000);
        assertEq(vault.maxGrowthBps(), 5000);
        _expectUnauthorised(guardian);
        vm.prank(guardian);
        vault.setMaxGrowth(0);
    }

    function test_RevertIf_DeployedAboveAnotherHardBound() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.AboveHardBound.selector, 201, 200));
        new Vault(usdc, "Ballast USDC", "bUSDC", timelock, CAP, 50, 201, 10_000);
        vm.expectRevert(abi.encodeWithSelector(IVault.AboveHardBound.selector, 10_001, 10_000));
        new Vault(usdc, "Ballast USDC", "bUSDC", timelock, CAP, 50, 100, 10_001);
    }

    function test_RevertIf_ACapDoesNotFit() public {
        uint256 most = type(uint96).max;
        _expectFromTimelock(abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 96, most + 1));
        vault.setDepositCap(most + 1);
        most = type(uint88).max;
        _expectFromTimelock(abi.encodeWithSelector(IVault.CapTooLarge.selector, most + 1, most));
        vault.setAdapterCap(address(low), most + 1);
        vm.prank(timelock);
        vault.setAdapterCap(address(low), most);
        (, uint256 cap) = vault.adapterConfig(address(low));
        assertEq(cap, most);
    }

    function test_SetHub() public {
        vm.expectEmit(address(vault));
        emit IVault.HubSet(bob);
        vm.prank(timelock);
        vault.setHub(bob);
        assertEq(vault.hub(), bob);
        _expectUnauthorised(emergency);
        vm.prank(emergency);
        vault.setHub(stranger);
    }

    function _expectFromTimelock(bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(timelock);
    }

    function _expectUnauthorised(address who) private {
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, who, bytes32(0))
        );
    }
}
