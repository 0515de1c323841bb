// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vault} from "../../../contracts/Vault.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault, ScriptedAdapter} from "../../support/ScriptedAdapter.sol";
import {TestAsset} from "../../support/TestAsset.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice What governance sets in the vault, within which bounds, and what guardians may lower (SPEC C5, C13).
contract VaultGovernanceTest is BallastFixture {
    // SPEC C5, C13
    function test_ListAdapterAppendsItToTheQueue() public {
        ScriptedAdapter fourth = newAdapter();
        vm.expectEmit(address(vault));
        emit IVault.AdapterListed(address(fourth), 5e6);
        list(fourth, 5e6);
        (bool listed, uint256 cap) = vault.adapterConfig(address(fourth));
        assertTrue(listed);
        assertEq(cap, 5e6);
        assertEq(vault.adapters().length, 4);
        assertEq(vault.adapters()[3], address(fourth));
    }

    function test_RevertIf_ListedTwice() public {
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterAlreadyListed.selector, address(low)));
        vault.listAdapter(address(low), 1);
    }

    function test_RevertIf_AdapterServesAnotherVaultOrAsset() public {
        Vault other = new Vault(new TestAsset(), "Other", "OTH", timelock, CAP, 0);
        ScriptedAdapter foreign = new ScriptedAdapter(address(other));
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterMismatch.selector, address(foreign)));
        vault.listAdapter(address(foreign), 1);

        ScriptedAdapter wrongAsset = newAdapter();
        vm.mockCall(address(wrongAsset), abi.encodeWithSignature("asset()"), abi.encode(stranger));
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterMismatch.selector, address(wrongAsset)));
        vault.listAdapter(address(wrongAsset), 1);
    }

    function test_RevertIf_ListedAdapterCannotBeRead() public {
        ScriptedAdapter fourth = newAdapter();
        fourth.setFaults(Fault.Revert, Fault.None, Fault.None);
        _expectFromTimelock(abi.encodeWithSelector(IVault.VenueUnreadable.selector, address(fourth)));
        vault.listAdapter(address(fourth), 1);
    }

    // SPEC C5: sixteen and no more, because every deposit reads them all.
    function test_RevertIf_ASeventeenthIsListed() public {
        for (uint256 i = 3; i < vault.MAX_ADAPTERS(); ++i) {
            list(newAdapter(), CAP);
        }
        ScriptedAdapter one_ = newAdapter();
        _expectFromTimelock(abi.encodeWithSelector(IVault.TooManyAdapters.selector, 16));
        vault.listAdapter(address(one_), 1);
        // The full house still works.
        deposit(alice, 1000e6);
        vm.prank(alice);
        vault.redeem(1000e12, alice, alice);
        assertEq(usdc.balanceOf(alice), 1000e6);
    }

    function test_DelistKeepsTheOrderOfTheOthers() public {
        vm.expectEmit(address(vault));
        emit IVault.AdapterDelisted(address(low));
        vm.prank(timelock);
        vault.delistAdapter(address(low));
        assertEq(vault.adapters().length, 2);
        assertEq(vault.adapters()[0], address(mid));
        assertEq(vault.adapters()[1], address(high));
        (bool listed, uint256 cap) = vault.adapterConfig(address(low));
        assertFalse(listed);
        assertEq(cap, 0);
        deposit(alice, 1000e6);
        rebalance(two(mid, 2000, high, 3000));
        assertEq(mid.book(), 200e6);
        assertEq(high.book(), 300e6);
    }

    function test_RevertIf_DelistedAdapterHoldsMoneyOrCannotBeRead() public {
        low.gain(1);
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterNotEmpty.selector, address(low), 1));
        vault.delistAdapter(address(low));
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        _expectFromTimelock(abi.encodeWithSelector(IVault.VenueUnreadable.selector, address(low)));
        vault.delistAdapter(address(low));
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterNotListed.selector, stranger));
        vault.delistAdapter(stranger);
    }

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
        new Vault(usdc, "Ballast USDC", "bUSDC", timelock, CAP, 101);
    }

    function test_RevertIf_ACapDoesNotFit() public {
        uint256 tooLarge = uint256(type(uint128).max) + 1;
        bytes memory reason = abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 128, tooLarge);
        _expectFromTimelock(reason);
        vault.setDepositCap(tooLarge);
        _expectFromTimelock(reason);
        vault.setAdapterCap(address(low), tooLarge);
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
