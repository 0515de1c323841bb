// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";

/// @notice The NAV floor of one instruction: at the bound passes, one unit past it does not (SPEC C5, C6).
contract LossBoundTest is BallastFixture {
    uint256 private constant NAV = 1000e6;
    /// 50 bps of NAV.
    uint256 private constant ALLOWED = 5e6;

    function setUp() public override {
        super.setUp();
        deposit(alice, NAV);
    }

    // SPEC C5
    function test_AnAdditionMayCostExactlyTheBound() public {
        // 5 % of a tenth of NAV is the bound.
        low.setFees(500, 0);
        vm.prank(address(hub));
        vault.reallocate(one(low, 1000));
        assertEq(vault.totalAssets(), NAV - ALLOWED);
    }

    // SPEC C5
    function test_RevertIf_AnAdditionCostsOneUnitMore() public {
        // NAV of 10 000 units with a bound of 50 bps: 50 units pass and 51 do not.
        vm.prank(alice);
        vault.withdraw(NAV - 10_000, alice, alice);
        low.setFees(510, 0);
        vm.expectRevert(abi.encodeWithSelector(IVault.LossTooHigh.selector, 10_000, 10_000 - 51, 50));
        vm.prank(address(hub));
        vault.reallocate(one(low, 1000));
        low.setFees(500, 0);
        vm.prank(address(hub));
        vault.reallocate(one(low, 1000));
    }

    // SPEC C5
    function test_AReductionEdge() public {
        rebalance(one(low, 5000));
        // 1 % of 500 is the bound; one unit of it more is past it.
        low.setFees(0, 100);
        vm.prank(address(hub));
        vault.reduce(address(low), 500e6, 0, "", true);
        assertEq(vault.totalAssets(), NAV - ALLOWED);
    }

    // SPEC C5
    function test_RevertIf_AReductionCostsOneUnitMore() public {
        rebalance(one(low, 5000));
        vm.prank(alice);
        vault.withdraw(NAV - 10_000, alice, alice);
        // Idle is spent; the venue holds 10 000 units.
        low.setFees(0, 51);
        vm.expectRevert(abi.encodeWithSelector(IVault.LossTooHigh.selector, 10_000, 10_000 - 51, 50));
        vm.prank(address(hub));
        vault.reduce(address(low), 10_000, 0, "", true);
        low.setFees(0, 50);
        vm.prank(address(hub));
        vault.reduce(address(low), 10_000, 0, "", true);
    }

    // SPEC C5: two units a leg are a venue's rounding; with a bound of zero one unit more does not pass.
    function test_RoundingOfTwoUnitsALegIsNoLoss() public {
        vm.prank(guardian);
        vault.setMaxLoss(0);
        vm.prank(address(hub));
        vault.reallocate(one(low, 2000));
        vm.prank(alice);
        vault.withdraw(NAV - 10_000, alice, alice);
        // Of the 500 units that go in, 1 % are five.
        mid.setFees(100, 0);
        vm.expectRevert(abi.encodeWithSelector(IVault.LossTooHigh.selector, 10_000, 10_000 - 5, 0));
        vm.prank(address(hub));
        vault.reallocate(two(low, 0, mid, 500));
        mid.setFees(80, 0);
        vm.prank(address(hub));
        vault.reallocate(two(low, 0, mid, 500));
        (, uint256 used) = vault.dailyLoss();
        assertEq(used, 0);
    }

    // SPEC C6: a venue's own loss between two instructions is nobody's instruction.
    function test_ALossBeforeTheInstructionDoesNotCount() public {
        rebalance(one(low, 5000));
        low.lose(400e6);
        vm.prank(address(hub));
        vault.reallocate(one(low, 0));
        assertEq(vault.idle(), 600e6);
    }

    // SPEC C10: an exit has no loss bound; it is taken because staying is worse.
    function test_AnExitIsNotBounded() public {
        rebalance(one(low, 5000));
        low.setFees(0, 5000);
        vm.prank(emergency);
        (uint256 received,) = vault.exit(address(low), "");
        assertEq(received, 250e6);
    }
}
