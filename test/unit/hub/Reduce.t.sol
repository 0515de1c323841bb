// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";

/// @notice Venue to idle, at any time (SPEC C4, C10).
contract HubReduceTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        rebalance(one(low, 5000));
    }

    // SPEC C4: the keeper, a guardian and the emergency Safe.
    function test_WhoMay() public {
        address[3] memory may = [keeper, guardian, emergency];
        for (uint256 i; i < may.length; ++i) {
            vm.prank(may[i]);
            assertEq(hub.reduce(address(low), 10e6, 10e6, ""), 10e6);
        }
        address[3] memory mayNot = [timelock, attestor.addr, stranger];
        for (uint256 i; i < mayNot.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IStrategyHub.NotAuthorised.selector, mayNot[i]));
            vm.prank(mayNot[i]);
            hub.reduce(address(low), 10e6, 0, "");
        }
    }

    // SPEC C4: the stored target follows down, so that the step rule starts from what is really there.
    function test_TheStoredTargetFollowsDown() public {
        vm.expectEmit(address(hub));
        emit IStrategyHub.RiskReduced(keeper, address(low), 300e6, 2000);
        vm.prank(keeper);
        hub.reduce(address(low), 300e6, 0, "");
        assertEq(hub.targetBps(address(low)), 2000);
        pass(COOLDOWN);
        rebalance(one(low, 2500));
        assertEq(low.book(), 250e6);
    }

    function test_TheStoredTargetNeverRises() public {
        low.gain(2000e6);
        vm.prank(keeper);
        hub.reduce(address(low), 1, 0, "");
        assertEq(hub.targetBps(address(low)), 5000);
    }

    function test_TheStoredTargetOfAnEmptyVaultIsZero() public {
        vm.prank(alice);
        vault.redeem(1000e12, alice, alice);
        vm.prank(keeper);
        hub.reduce(address(low), type(uint256).max, 0, "");
        assertEq(hub.targetBps(address(low)), 0);
    }

    // SPEC C4, C10: the switch stops additions, never this.
    function test_WorksInEveryMode() public {
        feed.push(0.9e8);
        vm.prank(keeper);
        hub.reduce(address(low), 10e6, 0, "");
        vm.prank(emergency);
        killSwitch.enterExit();
        vm.prank(keeper);
        hub.reduce(address(low), 10e6, 0, "");
        assertEq(vault.idle(), 520e6);
    }

    function test_RevertIf_LessThanTheMinimum() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientOut.selector, address(low), 10e6, 10e6 + 1));
        vm.prank(keeper);
        hub.reduce(address(low), 10e6, 10e6 + 1, "");
    }

    // SPEC C5: a keeper cannot sell out at a loss past the bound.
    function test_RevertIf_TheLossIsTooHigh() public {
        low.setFees(0, 101);
        vm.expectRevert(abi.encodeWithSelector(IVault.LossTooHigh.selector, 1000e6, 994_950_000, 50));
        vm.prank(keeper);
        hub.reduce(address(low), 500e6, 0, "");
    }

    function test_RevertIf_NotListed() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.AdapterNotListed.selector, stranger));
        vm.prank(keeper);
        hub.reduce(stranger, 1, 0, "");
    }
}
