// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vault} from "../../contracts/Vault.sol";
import {BallastFixture} from "../support/BallastFixture.sol";
import {LendingVenue} from "../support/LendingVenue.sol";
import {TestAsset} from "../support/TestAsset.sol";

interface IFlashBorrower {
    function onFlash(uint256 assets) external;
}

/// @notice An ERC-4626 venue as Euler's: it lends flash loans of its cash, and its views revert while one is out.
contract LockingVenue is LendingVenue {
    bool private _locked;

    error Locked();

    constructor(TestAsset asset_) LendingVenue(asset_) {}

    function flash(uint256 assets) external {
        _locked = true;
        require(TestAsset(asset()).transfer(msg.sender, assets));
        IFlashBorrower(msg.sender).onFlash(assets);
        require(TestAsset(asset()).transferFrom(msg.sender, address(this), assets));
        _locked = false;
    }

    function totalAssets() public view override returns (uint256) {
        if (_locked) revert Locked();
        return super.totalAssets();
    }
}

/// @notice Comes in with borrowed dollars, leaves while the venue cannot be read, has it recovered and claims: all in one transaction.
contract Thief is IFlashBorrower {
    Vault private immutable VAULT;
    LockingVenue private immutable VENUE;
    TestAsset private immutable ASSET;

    uint256 private _shares;

    constructor(Vault vault, LockingVenue venue, TestAsset asset) {
        (VAULT, VENUE, ASSET) = (vault, venue, asset);
    }

    /// @notice Keeps what it has made, in assets.
    function steal(uint256 loan) external returns (uint256 left) {
        ASSET.mint(address(this), loan);
        ASSET.approve(address(VAULT), loan);
        _shares = VAULT.deposit(loan, address(this));
        VENUE.flash(VENUE.cash());
        (,, bool quarantined) = VAULT.positionKind(address(VENUE));
        require(quarantined, "the attack does not work as meant");
        VAULT.recover(address(VENUE));
        VAULT.sidePocket().claim(address(VENUE), 0, address(this));
        return ASSET.balanceOf(address(this));
    }

    function onFlash(uint256 assets) external {
        VAULT.redeem(_shares, address(this), address(this));
        ASSET.approve(address(VENUE), assets);
    }
}

/// @notice A venue whose views lock and that calls back lets anyone have it quarantined for a moment. Nobody gains by it: neither gains that
/// were not released nor anything else of those who stay (SPEC C1, C10).
contract FlashQuarantineTest is BallastFixture {
    LockingVenue private venue;
    Thief private thief;

    function setUp() public override {
        super.setUp();
        venue = new LockingVenue(usdc);
        thief = new Thief(vault, venue, usdc);
        vm.prank(timelock);
        vault.listVenue(address(venue), CAP);
        deposit(alice, 800e6);
        deposit(bob, 200e6);
    }

    // SPEC C1: wherever the gain that is not released is: in the venue itself, in another or in idle.
    function testFuzz_UnreleasedGainsAreNotTaken(uint256 loan, uint256 part, uint256 gain, uint256 where) public {
        loan = bound(loan, 1e6, 1_000_000e6);
        gain = bound(gain, 0, 300e6);
        vm.startPrank(address(hub));
        vault.reallocate(one(address(venue), uint16(bound(part, 500, 5000))));
        vault.reallocate(one(low, 3000));
        vm.stopPrank();
        if (where % 3 == 0) venue.gain(gain);
        else if (where % 3 == 1) low.gain(gain);
        else _harvest(gain);
        (uint256 nav,) = vault.nav();
        uint256 total = vault.totalAssets();

        assertLe(thief.steal(loan), loan, "it pays");
        (uint256 navAfter, bool complete) = vault.nav();
        assertTrue(complete);
        assertGe(navAfter, nav, "it was taken from those who stay");
        // Rounding goes to those who stay; what was not released stays so.
        assertApproxEqAbs(vault.totalAssets(), total, 10);
        assertApproxEqAbs(navAfter - vault.totalAssets(), nav - total, 10);
    }

    // SPEC C1: nor by coming in before a harvest of which part has been released.
    function test_NorAfterTheRateHasReleasedSome() public {
        vm.startPrank(address(hub));
        vault.reallocate(one(address(venue), 1500));
        vault.reallocate(one(low, 3000));
        vm.stopPrank();
        low.gain(300e6);
        skip(30 days);
        (uint256 nav,) = vault.nav();
        assertLe(thief.steal(500_000e6), 500_000e6);
        (uint256 navAfter,) = vault.nav();
        assertGe(navAfter, nav);
    }

    // SPEC C6: a large one is looked at by governance before anybody buys again; a small one is not.
    function test_OnlyALargeOneClosesDeposits() public {
        vm.prank(address(hub));
        vault.reallocate(one(address(venue), 5000));
        uint256 snapshot = vm.snapshotState();
        thief.steal(9000e6);
        assertFalse(vault.paused());
        assertGt(vault.maxDeposit(bob), 0);
        vm.revertToState(snapshot);
        thief.steal(10e6);
        assertTrue(vault.paused());
        uint256 shares = vault.balanceOf(alice);
        vm.prank(alice);
        assertEq(vault.redeem(shares, alice, alice), 800e6);
    }

    function _harvest(uint256 gain) private {
        low.setRewards(gain);
        vm.prank(address(hub));
        vault.harvest(address(low), "");
    }
}
