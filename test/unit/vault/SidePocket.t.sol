// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SidePocket} from "../../../contracts/SidePocket.sol";
import {ISidePocket} from "../../../contracts/interfaces/ISidePocket.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";

/// @notice Claims on what was stuck: nobody's but the holder's, and never more than is there (SPEC C1, C10).
contract SidePocketTest is BallastFixture {
    uint256 private constant TOTAL = 1_000_000e6;

    ISidePocket private pocket;
    address private immutable carol = makeAddr("carol");

    function setUp() public override {
        super.setUp();
        pocket = vault.sidePocket();
    }

    // SPEC C13: it has no owner and no roles; the vault books, and nobody takes.
    function test_OnlyTheVaultBooks() public {
        assertEq(pocket.vault(), address(vault));
        address[4] memory others = [timelock, emergency, address(hub), stranger];
        for (uint256 i; i < others.length; ++i) {
            bytes memory reason = abi.encodeWithSelector(ISidePocket.OnlyVault.selector, others[i]);
            vm.startPrank(others[i]);
            vm.expectRevert(reason);
            pocket.credit(address(low), others[i], 1e12);
            vm.expectRevert(reason);
            pocket.distribute(address(low), 1);
            vm.expectRevert(reason);
            pocket.close(address(low));
            vm.stopPrank();
        }
    }

    // SPEC C10: a claim credited later has no part in what came before, however the calls are mixed.
    function test_ALaterClaimHasNoPartInWhatCameBefore() public {
        SidePocket own = new SidePocket(usdc);
        own.credit(address(low), alice, 100);
        _pay(own, 1000);
        own.credit(address(low), bob, 300);
        assertEq(own.unitsOf(address(low)), 400);
        _pay(own, 4000);
        assertEq(own.claimable(address(low), 0, alice), 2000);
        assertEq(own.claimable(address(low), 0, bob), 3000);
        own.claim(address(low), 0, alice);
        own.credit(address(low), alice, 100);
        _pay(own, 500);
        assertEq(own.claimable(address(low), 0, alice), 200);
        assertEq(own.claimable(address(low), 0, bob), 3300);
        // What a closed epoch holds stays claimable, and the next begins at nothing.
        own.close(address(low));
        assertEq(own.unitsOf(address(low)), 0);
        assertEq(own.claim(address(low), 0, alice), 200);
        assertEq(own.claim(address(low), 0, bob), 3300);
        assertEq(usdc.balanceOf(address(own)), 0);
    }

    // SPEC C10: of whatever is booked, in whatever amounts, claims get no more than it and leave less than one unit each.
    function testFuzz_ClaimsNeverExceedWhatWasBooked(uint96[6] memory units, uint96[6] memory assets) public {
        SidePocket own = new SidePocket(usdc);
        address[3] memory holders = [alice, bob, carol];
        uint256 booked;
        uint256 paid;
        for (uint256 i; i < 6; ++i) {
            own.credit(address(low), holders[i % 3], uint256(units[i]) + 1);
            _pay(own, assets[i]);
            booked += assets[i];
            if (units[i] % 2 == 0) paid += own.claim(address(low), 0, holders[assets[i] % 3]);
        }
        for (uint256 i; i < 3; ++i) {
            paid += own.claim(address(low), 0, holders[i]);
        }
        assertLe(paid, booked);
        assertApproxEqAbs(paid, booked, 24);
        assertEq(usdc.balanceOf(address(own)), booked - paid);
    }

    // SPEC C10: with two positions quarantined, a gift to one does not use up what the claims on the other are owed, in either order and whether
    // they were quarantined apart or by one call.
    function testFuzz_AGiftToOneLowersNoClaimOnTheOther(uint256 gift, bool together, bool otherFirst) public {
        gift = bound(gift, 0, 1000e6);
        deposit(alice, 600e6);
        deposit(bob, 400e6);
        rebalance(two(low, 3000, mid, 3000));
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        if (!together) vault.accrue();
        mid.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.prank(alice);
        assertEq(vault.redeem(300e12, alice, alice), 120e6);
        low.gain(gift);
        low.setFaults(Fault.None, Fault.None, Fault.None);
        mid.setFaults(Fault.None, Fault.None, Fault.None);
        vault.recover(otherFirst ? address(mid) : address(low));
        vault.recover(otherFirst ? address(low) : address(mid));
        uint256 onMid = pocket.claimable(address(mid), 0, alice);
        uint256 onBoth = onMid + pocket.claimable(address(low), 0, alice);
        // 300 of the 1000 shares have 30 % of the 600 that were out, and nothing of the gift.
        assertApproxEqAbs(onBoth, 180e6, 4);
        if (!together) assertApproxEqAbs(onMid, 90e6, 2);
        assertApproxEqAbs(vault.totalAssets(), 700e6, 4);
        (uint256 nav,) = vault.nav();
        assertApproxEqAbs(nav, 700e6 + gift, 4);
    }

    // SPEC C1, C10: any sequence of leaving, partial recoveries and losses; in the end every share got the same.
    function testFuzz_EveryShareGetsTheSame(uint256[12] memory raw) public {
        address[3] memory holders = [alice, bob, carol];
        uint256[3] memory shares;
        for (uint256 i; i < 3; ++i) {
            shares[i] = deposit(holders[i], TOTAL / 3 - i * 100_000e6);
        }
        uint256 supply = vault.totalSupply();
        rebalance(two(low, 4000, mid, 3000));
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        low.setLiquidityCap(0);
        vault.accrue();

        for (uint256 i; i < raw.length; ++i) {
            address holder = holders[raw[i] % 3];
            uint256 act = (raw[i] >> 8) % 4;
            uint256 amount = raw[i] >> 16;
            if (act <= 1) {
                uint256 part = bound(amount, 0, vault.balanceOf(holder));
                if (amount % 4 == 0) part = vault.balanceOf(holder);
                vm.prank(holder);
                vault.redeem(part, holder, holder);
            } else if (act == 2) {
                low.setLiquidityCap(bound(amount, 0, low.book() / 2));
                vm.prank(guardian);
                vault.recover(address(low));
            } else {
                pocket.claim(address(low), 0, holder);
            }
        }
        low.setFaults(Fault.None, Fault.None, Fault.None);
        low.setLiquidityCap(type(uint256).max);
        vault.recover(address(low));
        (, bool complete) = vault.nav();
        assertTrue(complete);

        uint256 total;
        uint256[3] memory paid;
        for (uint256 i; i < 3; ++i) {
            uint256 rest = vault.balanceOf(holders[i]);
            vm.prank(holders[i]);
            vault.redeem(rest, holders[i], holders[i]);
            pocket.claim(address(low), 0, holders[i]);
            paid[i] = usdc.balanceOf(holders[i]);
            total += paid[i];
        }
        for (uint256 i; i < 3; ++i) {
            assertApproxEqAbs(paid[i], total * shares[i] / supply, 60, "unequal");
        }
        // The virtual shares keep their part of what came in while nobody else was left to stay.
        assertApproxEqAbs(total, TOTAL - 300_000e6 - 1, 60, "something is missing");
    }

    function _pay(SidePocket own, uint256 assets) private {
        usdc.mint(address(own), assets);
        own.distribute(address(low), assets);
    }
}
