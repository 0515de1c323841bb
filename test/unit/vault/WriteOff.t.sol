// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISidePocket} from "../../../contracts/interfaces/ISidePocket.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

/// @notice Governance recognises a quarantined position as lost, so that the vault can go on without it (SPEC C10).
contract WriteOffTest is BallastFixture {
    ISidePocket private pocket;

    function setUp() public override {
        super.setUp();
        pocket = vault.sidePocket();
        deposit(alice, 600e6);
        deposit(bob, 400e6);
        rebalance(one(low, 2000));
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.prank(alice);
        vault.redeem(300e12, alice, alice);
    }

    // SPEC C10
    function test_OpensTheVaultWithoutIt() public {
        assertEq(vault.maxDeposit(bob), 0);
        vm.expectEmit(address(vault));
        emit IVault.WrittenOff(address(low));
        _writeOff();
        (bool listed,) = vault.adapterConfig(address(low));
        assertFalse(listed);
        assertEq(vault.adapters().length, 2);
        (, bool complete) = vault.nav();
        assertTrue(complete);
        assertEq(vault.totalAssets(), 560e6);
        // Who comes now pays for what there is.
        assertApproxEqAbs(deposit(stranger, 56e6), 70e12, 1e6);
    }

    // SPEC C10: the claims keep their part of whatever still comes; the vault's is a gain like any other.
    function test_LateRecoveriesAreSharedAsTheyWouldHaveBeen() public {
        _writeOff();
        low.setLiquidityCap(100e6);
        vm.expectEmit(address(vault));
        emit IVault.Recovered(address(low), 70e6 + 1, 30e6 - 1, false);
        vm.prank(guardian);
        vault.recover(address(low));
        assertEq(pocket.claimable(address(low), 0, alice), 30e6 - 2);
        assertEq(vault.idle(), 630e6 + 1);
        assertEq(vault.totalAssets(), 560e6);
        skip(365 days);
        assertEq(vault.totalAssets(), 630e6 + 1);

        low.setLiquidityCap(type(uint256).max);
        low.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(low));
        assertApproxEqAbs(pocket.claimable(address(low), 0, alice), 60e6, 3);
    }

    // SPEC C10: who comes or goes after the write-off changes nothing in the claims' part.
    function test_DepositsAndExitsAfterwardsLeaveTheClaimsTheirPart() public {
        _writeOff();
        deposit(stranger, 10_000e6);
        vm.prank(bob);
        vault.redeem(400e12, bob, bob);
        assertEq(pocket.unitsOf(address(low)), 300e12);
        low.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(low));
        assertEq(pocket.claimable(address(low), 0, alice), 60e6 - 2);
    }

    // SPEC C10: nothing is lost to nobody, even of a position nobody has a claim on.
    function test_WithoutClaimsAllIsTheVaults() public {
        mid.setFaults(Fault.Revert, Fault.None, Fault.None);
        mid.gain(50e6);
        vault.accrue();
        vm.prank(timelock);
        vault.writeOff(address(mid));
        mid.setFaults(Fault.None, Fault.None, Fault.None);
        uint256 idle = vault.idle();
        assertEq(vault.recover(address(mid)), 50e6);
        assertEq(vault.idle(), idle + 50e6);
        // Again, for nothing.
        assertEq(vault.recover(address(mid)), 0);
    }

    // SPEC C10: of a lost position too, anyone recovers only what costs nothing.
    function test_RevertIf_AnyoneTakesItOutAtALoss() public {
        _writeOff();
        low.setFaults(Fault.None, Fault.None, Fault.None);
        low.setFees(0, 20);
        vm.expectRevert(abi.encodeWithSelector(IVault.ValueFellTooFar.selector, address(low), 200e6, 199.6e6));
        vm.prank(stranger);
        vault.recover(address(low));
        vm.prank(emergency);
        assertEq(vault.recover(address(low)), 199.6e6);
    }

    // SPEC C1: what is lost makes no room for the gains of a later quarantine.
    function test_WhatIsLostMakesNoRoomForLaterGains() public {
        _writeOff();
        vm.prank(address(hub));
        vault.reallocate(one(mid, 1000));
        mid.gain(50e6);
        mid.setFaults(Fault.Revert, Fault.None, Fault.None);
        vault.accrue();
        mid.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(mid));
        assertEq(vault.totalAssets(), 560e6);
        (uint256 nav,) = vault.nav();
        assertEq(nav, 610e6);
    }

    // SPEC C10: a position that is only slow is not lost.
    function test_RevertIf_ItIsNotQuarantined() public {
        vm.startPrank(timelock);
        vm.expectRevert(abi.encodeWithSelector(IVault.NotQuarantined.selector, address(mid)));
        vault.writeOff(address(mid));
        vm.expectRevert(abi.encodeWithSelector(IVault.AdapterNotListed.selector, stranger));
        vault.writeOff(stranger);
        vm.stopPrank();
    }

    function test_OnlyGovernance() public {
        address[3] memory others = [guardian, emergency, keeper];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, others[i], bytes32(0))
            );
            vm.prank(others[i]);
            vault.writeOff(address(low));
        }
    }

    function _writeOff() private {
        vm.prank(timelock);
        vault.writeOff(address(low));
    }
}
