// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Erc4626Adapter} from "../../contracts/adapters/Erc4626Adapter.sol";
import {ISwapper} from "../../contracts/interfaces/ISwapper.sol";
import {BallastFixture} from "../support/BallastFixture.sol";
import {LendingVenue} from "../support/LendingVenue.sol";

/// @notice The first depositor inflates the share price before the second arrives (SPEC C1).
/// forge-config: default.fuzz.runs = 1000
contract InflationAttackTest is BallastFixture {
    address private immutable attacker = makeAddr("attacker");

    LendingVenue private venue;
    Erc4626Adapter private adapter;

    function setUp() public override {
        super.setUp();
        venue = new LendingVenue(usdc);
        adapter = new Erc4626Adapter(address(vault), address(venue), ISwapper(address(0)));
        vm.startPrank(timelock);
        vault.listAdapter(address(adapter), type(uint88).max);
        vault.setDepositCap(type(uint96).max);
        vm.stopPrank();
    }

    // SPEC C1: by transfer to the vault the donation is simply lost.
    function testFuzz_ByTransfer(uint256 first, uint256 donation, uint256 victim) public {
        (first, donation, victim) = _bounds(first, donation, victim);
        deposit(attacker, first);
        usdc.mint(address(vault), donation);
        deposit(bob, victim);
        assertEq(_redeemAll(bob), victim);
        assertEq(_redeemAll(attacker), first);
    }

    // SPEC C1: through a venue it reaches the price only over time, so the victim loses nothing and the attacker gains nothing.
    function testFuzz_ThroughTheVenue(uint256 first, uint256 donation, uint256 victim) public {
        (first, donation, victim) = _bounds(first, donation, victim);
        deposit(attacker, first);
        _donateThroughVenue(donation);
        deposit(bob, victim);
        uint256 victimGets = _redeemAll(bob);
        assertGe(victimGets + 1, victim, "victim");
        uint256 attackerGets = _redeemAll(attacker);
        assertLe(attackerGets, first + donation, "attacker gains");
        // An inflation that could hurt, a donation well above the attacker's own deposit, is a loss.
        if (donation > 2 * first) assertLt(attackerGets, first + donation, "attacker breaks even");
        // The virtual share takes one part in first + 1 of what is donated.
        assertGe(first + donation - attackerGets + 2 + (victim - victimGets), donation / (first + 1), "attacker's cost");
    }

    // SPEC C1: the same when the attacker strikes between deposits of others, who gain what it loses.
    function testFuzz_AgainstAVaultInUse(uint256 others, uint256 donation, uint256 victim) public {
        others = bound(others, 1e6, 1_000_000e6);
        (, donation, victim) = _bounds(1, donation, victim);
        deposit(alice, others);
        deposit(attacker, 1);
        _donateThroughVenue(donation);
        deposit(bob, victim);
        assertGe(_redeemAll(bob) + 1, victim, "victim");
        assertLt(_redeemAll(attacker), 1 + donation, "attacker");
        assertGe(_redeemAll(alice) + 1, others, "others");
    }

    // SPEC C1: nor does waiting help: what is released between the donation and the victim's deposit is priced in for both.
    function testFuzz_ThroughTheVenueWithTime(uint256 first, uint256 donation, uint256 victim, uint256 time) public {
        (first, donation, victim) = _bounds(first, donation, victim);
        deposit(attacker, first);
        _donateThroughVenue(donation);
        skip(bound(time, 0, 365 days));
        deposit(bob, victim);
        assertGe(_redeemAll(bob) * 1000 + 1000, victim * 999, "victim");
        assertLe(_redeemAll(attacker), first + donation, "attacker gains");
    }

    function _bounds(uint256 first, uint256 donation, uint256 victim) private pure returns (uint256, uint256, uint256) {
        victim = bound(victim, 1e6, 1_000_000e6);
        return (bound(first, 1, 1e6), bound(donation, 1, 1000 * victim), victim);
    }

    /// The attacker buys into the venue and gives its shares to the adapter.
    function _donateThroughVenue(uint256 assets) private {
        usdc.mint(attacker, assets);
        vm.startPrank(attacker);
        usdc.approve(address(venue), assets);
        venue.deposit(assets, attacker);
        assertTrue(venue.transfer(address(adapter), venue.balanceOf(attacker)));
        vm.stopPrank();
    }

    function _redeemAll(address who) private returns (uint256) {
        uint256 shares = vault.balanceOf(who);
        vm.prank(who);
        return vault.redeem(shares, who, who);
    }
}
