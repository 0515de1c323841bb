// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BallastFixture} from "../support/BallastFixture.sol";
import {LendingVenue} from "../support/LendingVenue.sol";

/// @notice Coming just before a gain and leaving just after it earns nothing (SPEC C1).
contract SandwichTest is BallastFixture {
    uint256 private constant NAV = 1_000_000e6;
    address private immutable attacker = makeAddr("attacker");

    LendingVenue private venue;

    function setUp() public override {
        super.setUp();
        venue = new LendingVenue(usdc);
        usdc.mint(address(this), CAP);
        usdc.approve(address(venue), CAP);
        venue.deposit(CAP, address(this));
        vm.prank(timelock);
        vault.listVenue(address(venue), CAP);
        observe();
        deposit(alice, NAV);
        rebalance(two(low, 3000, mid, 3000));
        pass(COOLDOWN);
    }

    // SPEC C1: a harvest of any size, with any amount of the attacker's money.
    function testFuzz_OfAHarvest(uint256 rewards, uint256 assets) public {
        low.setRewards(bound(rewards, 0, NAV));
        assets = _enter(assets);
        vm.prank(keeper);
        hub.harvest(address(low), "");
        assertLe(_leave(), assets);
        assertGe(vault.totalAssets() + 2, NAV);
    }

    // SPEC C1: a venue whose price jumps in the attacker's own transaction.
    function testFuzz_OfAVenuesGain(uint256 gain, uint256 assets) public {
        assets = _enter(assets);
        low.gain(bound(gain, 0, NAV));
        assertLe(_leave(), assets);
    }

    // SPEC C1: a rebalance moves money and not the price; what it costs the attacker bears with the others.
    function testFuzz_OfARebalance(uint256 fee, uint256 assets) public {
        low.setFees(bound(fee, 0, 90), 0);
        assets = _enter(assets);
        rebalance(one(low, 4000));
        assertLe(_leave(), assets);
    }

    // SPEC C1: shares of a venue given to the vault are a gift, and the giver gets none of it back.
    function testFuzz_OfADonationOfVenueShares(uint256 donation, uint256 assets) public {
        donation = bound(donation, 1, NAV);
        assets = _enter(assets);
        uint256 total = vault.totalAssets();
        usdc.mint(attacker, donation);
        vm.startPrank(attacker);
        usdc.approve(address(venue), donation);
        uint256 shares = venue.deposit(donation, attacker);
        assertTrue(venue.transfer(address(vault), shares));
        vm.stopPrank();
        assertEq(vault.totalAssets(), total);
        (uint256 nav,) = vault.nav();
        assertEq(nav, total + donation);
        assertLe(_leave(), assets);
        // Of a venue in use as of one that holds nothing yet.
        skip(365 days);
        assertGe(vault.convertToAssets(vault.balanceOf(alice)) + 1, NAV);
    }

    // SPEC C1: waiting in the vault earns at most the rate on one's own money, however large the gain.
    function testFuzz_WaitingEarnsAtMostTheRate(uint256 rewards, uint256 assets, uint256 time) public {
        low.setRewards(bound(rewards, 0, NAV));
        vm.prank(keeper);
        hub.harvest(address(low), "");
        assets = _enter(assets);
        time = bound(time, 0, 30 days);
        skip(time);
        assertLe(_leave(), assets + assets * time / 365 days + 1);
    }

    // SPEC C1: a loss that is seen coming is not left behind for the others by going into the queue first: the price falls at once,
    // for whoever comes second as for whoever comes first after it.
    function test_NobodyLeavesAtThePriceBeforeALoss() public {
        _enter(NAV);
        low.lose(100_000e6);
        assertEq(_leave(), NAV - 50_000e6);
    }

    // SPEC C1: front-running a large leaver takes his liquidity for a moment, and none of his money.
    function test_FrontRunningTheQueue() public {
        mid.setLiquidityCap(0);
        uint256 assets = _enter(NAV);
        uint256 most = vault.maxWithdraw(attacker);
        vm.startPrank(attacker);
        vault.withdraw(most, attacker, attacker);
        vm.stopPrank();
        // What is liquid is the others', and the rest is still worth what it was.
        assertEq(usdc.balanceOf(attacker), assets);
        assertApproxEqAbs(vault.maxWithdraw(alice), NAV - 300_000e6, 1);
        assertApproxEqAbs(vault.convertToAssets(vault.balanceOf(alice)), NAV, 1);
    }

    function _enter(uint256 assets) private returns (uint256) {
        assets = bound(assets, 1e6, 10 * NAV);
        deposit(attacker, assets);
        return assets;
    }

    function _leave() private returns (uint256) {
        uint256 shares = vault.balanceOf(attacker);
        vm.prank(attacker);
        return vault.redeem(shares, attacker, attacker);
    }
}
