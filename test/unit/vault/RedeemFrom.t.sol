// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISidePocket} from "../../../contracts/interfaces/ISidePocket.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

/// @notice The way out of one position that the holder names, at the holder's cost (SPEC C1, C10).
contract RedeemFromTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 600e6);
        deposit(bob, 400e6);
        rebalance(one(low, 3000));
        low.setFees(0, 100);
    }

    // SPEC C1: who leaves bears what leaving costs; who stays has what they had.
    function test_TheLeaverBearsTheCost() public {
        vm.expectEmit(address(vault));
        emit IVault.RedeemedFrom(address(low), alice, alice, 99e6, 100e12);
        vm.prank(alice);
        assertEq(vault.redeemFrom(address(low), 100e12, 99e6, alice, alice, ""), 99e6);
        assertEq(usdc.balanceOf(alice), 99e6);
        assertEq(vault.balanceOf(alice), 500e12);
        assertEq(low.book(), 200e6);
        assertEq(vault.idle(), 700e6);
        assertEq(vault.totalAssets(), 900e6);
        assertEq(vault.convertToAssets(vault.balanceOf(bob)), 400e6);
    }

    // SPEC C1: whatever it costs, for whatever part.
    function testFuzz_WhoStaysLosesNothing(uint256 shares, uint256 feeBps) public {
        shares = bound(shares, 1e6, 300e12);
        low.setFees(0, bound(feeBps, 0, 10_000));
        vm.prank(alice);
        uint256 assets = vault.redeemFrom(address(low), shares, 0, alice, alice, "");
        assertLe(assets, shares / 1e6);
        assertGe(vault.convertToAssets(vault.balanceOf(bob)), 400e6);
        (uint256 nav,) = vault.nav();
        assertGe(nav * 1e6, vault.totalSupply());
    }

    // SPEC C1: who redeems nothing, or what is worth nothing, has nothing moved for it: not even the rewards that lie in an adapter.
    function test_RevertIf_ItIsWorthNothing() public {
        vm.startPrank(alice);
        vm.expectRevert(IVault.ZeroShares.selector);
        vault.redeemFrom(address(low), 0, 0, alice, alice, "");
        vm.expectRevert(IVault.ZeroShares.selector);
        vault.redeemFrom(address(low), 1e6 - 1, 0, alice, alice, "");
        vault.redeemFrom(address(low), 1e6, 0, alice, alice, "");
        vm.stopPrank();
    }

    // SPEC C1
    function test_MinimumEdge() public {
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientAssets.selector, 99e6, 99e6 + 1));
        vault.redeemFrom(address(low), 100e12, 99e6 + 1, alice, alice, "");
        vault.redeemFrom(address(low), 100e12, 99e6, alice, alice, "");
        vm.stopPrank();
    }

    // SPEC C1: at most what the position holds.
    function test_PositionEdge() public {
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientLiquidity.selector, 300e6 + 1, 300e6));
        vault.redeemFrom(address(low), 300e12 + 1e6, 0, alice, alice, "");
        vault.redeemFrom(address(low), 300e12, 0, alice, alice, "");
        vm.stopPrank();
        assertEq(low.book(), 0);
    }

    // SPEC C1: nobody leaves at the others' cost: two units of rounding, and no more.
    function test_FallEdge() public {
        low.setHook(address(low), abi.encodeCall(low.lose, (3)));
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IVault.ValueFellTooFar.selector, address(low), 100e6 + 3, 100e6));
        vault.redeemFrom(address(low), 100e12, 0, alice, alice, "");
        low.setHook(address(low), abi.encodeCall(low.lose, (2)));
        vault.redeemFrom(address(low), 100e12, 0, alice, alice, "");
        vm.stopPrank();
    }

    // SPEC C1: what the venue pays beyond the shares' worth is everybody's.
    function test_WhatIsPaidBeyondTheWorthIsIdle() public {
        low.setFees(0, 0);
        low.setHook(address(usdc), abi.encodeCall(usdc.mint, (address(vault), 5e6)));
        vm.prank(alice);
        assertEq(vault.redeemFrom(address(low), 100e12, 0, alice, alice, ""), 100e6);
        assertEq(vault.idle(), 705e6);
        assertEq(vault.totalAssets(), 900e6);
    }

    // SPEC C9: instructions for the venue are the leaver's.
    function test_DataReachesTheAdapter() public {
        vm.expectCall(address(low), abi.encodeCall(low.withdraw, (10e6, hex"c0ffee")));
        vm.prank(alice);
        vault.redeemFrom(address(low), 10e12, 0, alice, alice, hex"c0ffee");
    }

    function test_PaysTheReceiver() public {
        vm.prank(alice);
        vault.redeemFrom(address(low), 10e12, 0, stranger, alice, "");
        assertEq(usdc.balanceOf(stranger), 9_900_000);
        assertEq(usdc.balanceOf(alice), 0);
    }

    // SPEC C10: while another position is stuck the leaver takes a claim along, as with any other way out.
    function test_CreditsAClaimOnWhatIsStuck() public {
        pass(COOLDOWN);
        low.setFees(0, 0);
        rebalance(one(mid, 2000));
        mid.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.prank(alice);
        assertEq(vault.redeemFrom(address(low), 100e12, 0, alice, alice, ""), 80e6);
        mid.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(address(mid));
        ISidePocket pocket = vault.sidePocket();
        assertEq(pocket.claimable(address(mid), 0, alice), 20e6 - 1);
    }

    // SPEC C1: with the last shares goes what was not released.
    function test_TheLastSharesTakeWhatWasNotReleased() public {
        vm.prank(bob);
        vault.redeem(400e12, bob, bob);
        low.setFees(0, 0);
        low.gain(100e6);
        vm.startPrank(alice);
        vault.redeem(300e12, alice, alice);
        // 300 of shares are left, and 400 in the venue.
        assertApproxEqAbs(vault.redeemFrom(address(low), 300e12, 0, alice, alice, ""), 400e6, 2);
        vm.stopPrank();
    }

    function test_RevertIf_QuarantinedOrNotListed() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IVault.VenueQuarantined.selector, address(low)));
        vault.redeemFrom(address(low), 1e12, 0, alice, alice, "");
        vault.accrue();
        vm.expectRevert(abi.encodeWithSelector(IVault.VenueQuarantined.selector, address(low)));
        vault.redeemFrom(address(low), 1e12, 0, alice, alice, "");
        vm.expectRevert(abi.encodeWithSelector(IVault.AdapterNotListed.selector, stranger));
        vault.redeemFrom(stranger, 1e12, 0, alice, alice, "");
        vm.stopPrank();
    }

    function test_RevertIf_MoreSharesThanOwned() public {
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxRedeem.selector, alice, 600e12 + 1, 600e12));
        vm.prank(alice);
        vault.redeemFrom(address(low), 600e12 + 1, 0, alice, alice, "");
    }

    // SPEC C1: the part of it that only the vault itself may call.
    function test_RevertIf_AnyoneElseDraws() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.NotAuthorised.selector, address(hub)));
        vm.prank(address(hub));
        vault.drawForLeaver(0, 1);
    }
}
