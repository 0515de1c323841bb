// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {Allocation} from "../../../contracts/types/Allocation.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {LendingVenue} from "../../support/LendingVenue.sol";

/// @notice An ERC-4626 venue whose shares the vault holds itself, through the hub and past it (SPEC C1, C3, C5, C9, C10).
contract DirectVenueTest is BallastFixture {
    uint256 private constant OTHERS = 1_000_000e6;

    LendingVenue private venue;

    function setUp() public override {
        super.setUp();
        venue = new LendingVenue(usdc);
        usdc.mint(address(this), OTHERS);
        usdc.approve(address(venue), OTHERS);
        venue.deposit(OTHERS, address(this));
        vm.prank(timelock);
        vault.listVenue(address(venue), CAP);
        observe();
        deposit(alice, 1000e6);
        rebalance(one(address(venue), 4000));
    }

    // SPEC C3, C9: the shares are the vault's, and nothing may be taken from it.
    function test_TheVaultHoldsTheSharesAndLeavesNoAllowance() public view {
        assertEq(venue.balanceOf(address(vault)), venue.convertToShares(400e6));
        assertEq(usdc.allowance(address(vault), address(venue)), 0);
        assertEq(vault.idle(), 600e6);
        assertEq(vault.totalAssets(), 1000e6);
    }

    // SPEC C3, C9: nor when somebody has sent the vault assets, which are no part of what it counts.
    function test_NoAllowanceIsLeftBesideADonation() public {
        usdc.mint(address(vault), 7);
        pass(COOLDOWN);
        rebalance(one(address(venue), 4500));
        assertEq(usdc.allowance(address(vault), address(venue)), 0);
        assertEq(vault.idle(), 550e6);
        assertEq(usdc.balanceOf(address(vault)), 550e6 + 7);
    }

    // SPEC C3
    function test_ReducedAndEmptied() public {
        pass(COOLDOWN);
        rebalance(one(address(venue), 1000));
        assertEq(venue.maxWithdraw(address(vault)), 100e6);
        vm.prank(keeper);
        hub.reduce(address(venue), type(uint256).max, 100e6, "");
        assertEq(venue.balanceOf(address(vault)), 0);
        assertEq(vault.idle(), 1000e6);
        assertEq(hub.targetBps(address(venue)), 0);
    }

    // SPEC C1, C5: with shares as coarse as may be listed, and whatever becomes of their price below two, what the maximum says is paid.
    function testFuzz_ShareRoundingStopsNoLeaver(uint256 price, uint256 part, uint256 assets) public {
        LendingVenue coarse = new LendingVenue(usdc);
        usdc.mint(address(this), 1000e6);
        usdc.approve(address(coarse), 1000e6);
        coarse.deposit(1000e6, address(this));
        coarse.gain(bound(price, 0, 990e6));
        vm.prank(timelock);
        vault.listVenue(address(coarse), CAP);
        vm.startPrank(address(hub));
        vault.reallocate(one(address(venue), 0));
        vault.reallocate(one(address(coarse), uint16(bound(part, 5000, 10_000))));
        vm.stopPrank();
        uint256 most = vault.maxWithdraw(alice);
        assertGe(most, 999e6);
        assets = bound(assets, 0, most);
        vm.startPrank(alice);
        vault.withdraw(assets, alice, alice);
        vault.withdraw(vault.maxWithdraw(alice), alice, alice);
        vm.stopPrank();
        assertGe(usdc.balanceOf(alice), most - 4);
    }

    // SPEC C10: shares that a venue calls worthless now are kept: it may be made whole.
    function test_WorthlessSharesAreKept() public {
        uint256 shares = venue.balanceOf(address(vault));
        venue.lose(venue.cash());
        vm.prank(emergency);
        vault.exit(address(venue), "");
        assertEq(venue.balanceOf(address(vault)), shares);
        venue.gain(OTHERS + 400e6);
        vm.prank(emergency);
        vault.exit(address(venue), "");
        assertApproxEqAbs(vault.idle(), 1000e6, 2);
    }

    // SPEC C3: it takes no instructions, and does not ignore those it is given.
    function test_RevertIf_ItIsGivenData() public {
        pass(COOLDOWN);
        bytes memory reason = abi.encodeWithSelector(IVault.UnexpectedData.selector);
        Allocation[] memory targets = one(address(venue), 3000);
        targets[0].data = hex"00";
        rebalanceReverts(targets, reason);
        targets[0].bps = 5000;
        rebalanceReverts(targets, reason);
        vm.expectRevert(reason);
        vm.prank(keeper);
        hub.reduce(address(venue), 1e6, 0, hex"00");
        vm.expectRevert(reason);
        vm.prank(alice);
        vault.redeemFrom(address(venue), 1e12, 0, alice, alice, hex"00");
        vm.expectRevert(reason);
        vm.prank(emergency);
        vault.exit(address(venue), hex"00");
    }

    // SPEC C5
    function test_RevertIf_NotListed() public {
        pass(COOLDOWN);
        LendingVenue other = new LendingVenue(usdc);
        rebalanceReverts(
            one(address(other), 1000), abi.encodeWithSelector(IVault.AdapterNotListed.selector, address(other))
        );
    }

    // SPEC C1: leavers are paid out of it, as far as it pays.
    function test_PaysLeaversUpToItsCash() public {
        venue.lend(OTHERS + 300e6);
        assertEq(vault.maxWithdraw(alice), 700e6);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientLiquidity.selector, 700e6 + 1, 700e6));
        vault.withdraw(700e6 + 1, alice, alice);
        vault.withdraw(700e6, alice, alice);
        vm.stopPrank();
        assertEq(usdc.balanceOf(alice), 700e6);
        assertEq(vault.totalAssets(), 300e6);
    }

    // SPEC C1, C10
    function test_RedeemFrom() public {
        vm.prank(alice);
        assertEq(vault.redeemFrom(address(venue), 100e12, 100e6, alice, alice, ""), 100e6);
        assertEq(vault.idle(), 600e6);
    }

    // SPEC C5: what it has lent out of our own part is its utilisation, and nothing is added to what could not leave.
    function test_RevertIf_ItIsNotLiquid() public {
        pass(COOLDOWN);
        venue.lend(OTHERS + 100e6);
        rebalanceReverts(
            one(address(venue), 4500),
            abi.encodeWithSelector(IStrategyHub.PositionNotLiquid.selector, address(venue), 450e6, 350e6)
        );
        venue.lend(venue.cash());
        rebalanceReverts(
            one(address(venue), 4500),
            abi.encodeWithSelector(IStrategyHub.PositionNotLiquid.selector, address(venue), 450e6, 50e6)
        );
        IStrategyHub.Limits memory limits = defaultLimits();
        limits.maxUtilisationBps = 8000;
        setLimits(limits);
        rebalanceReverts(
            one(address(venue), 4500),
            abi.encodeWithSelector(
                IStrategyHub.UtilisationTooHigh.selector, address(venue), uint256(400e18 - 1) / 450 + 1
            )
        );
    }

    // SPEC C5: at most 1 % of it.
    function test_VenueShareEdge() public {
        pass(COOLDOWN);
        // With our 450 it is 45 000 less one unit, of which 450 is a grain more than 1 %.
        venue.withdraw(OTHERS - (44_550e6 - 1), address(this), address(this));
        (bool ok,) = _tryRebalance(4500);
        assertFalse(ok);
        usdc.mint(address(this), 1);
        usdc.approve(address(venue), 1);
        venue.deposit(1, address(this));
        (ok,) = _tryRebalance(4500);
        assertTrue(ok);
    }

    // SPEC C10
    function test_QuarantinedAndRecovered() public {
        venue.setUnreadable(true);
        vm.prank(alice);
        assertEq(vault.redeem(500e12, alice, alice), 300e6);
        (, bool direct, bool quarantined) = vault.positionKind(address(venue));
        assertTrue(direct);
        assertTrue(quarantined);
        venue.setUnreadable(false);
        assertEq(vault.recover(address(venue)), 400e6);
        assertEq(vault.sidePocket().claimable(address(venue), 0, alice), 200e6 - 1);
        (,, quarantined) = vault.positionKind(address(venue));
        assertFalse(quarantined);
    }

    // SPEC C10
    function test_EmergencyExit() public {
        venue.lend(OTHERS + 100e6);
        vm.prank(guardian);
        hub.emergencyExit();
        assertEq(vault.idle(), 900e6);
        venue.repay(OTHERS);
        vm.prank(guardian);
        hub.emergencyExit();
        assertEq(vault.idle(), 1000e6);
        assertEq(venue.balanceOf(address(vault)), 0);
    }

    // SPEC C5, C13
    function test_Delisted() public {
        vm.prank(timelock);
        vault.delist(address(venue));
        assertEq(venue.balanceOf(address(vault)), 0);
        assertEq(vault.idle(), 1000e6);
        vm.prank(timelock);
        vault.listVenue(address(venue), CAP);
    }

    function _tryRebalance(uint16 bps) private returns (bool ok, bytes memory returned) {
        Allocation[] memory targets = one(address(venue), bps);
        bytes memory proof = prove(targets);
        vm.prank(keeper);
        return address(hub).call(abi.encodeCall(IStrategyHub.rebalance, (targets, proof)));
    }
}
