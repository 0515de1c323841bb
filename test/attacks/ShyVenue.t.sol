// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BallastFixture} from "../support/BallastFixture.sol";
import {LendingVenue} from "../support/LendingVenue.sol";
import {TestAsset} from "../support/TestAsset.sol";

/// @notice A venue taken over by an attacker: it answers nonsense to its first reading in a transaction and honestly to every later one.
/// It tells them apart by what its own storage costs to read, which is dearer the first time (EIP-2929; a revert would undo that).
contract ShyVenue is LendingVenue {
    uint256 private _probe = 1;
    bool private _shy;

    constructor(TestAsset asset_) LendingVenue(asset_) {}

    function setShy(bool shy) external {
        _shy = shy;
    }

    function previewRedeem(uint256 shares) public view override returns (uint256) {
        uint256 before = gasleft();
        uint256 probe = _probe;
        if (_shy && before - gasleft() > 1000 && probe != 0) return type(uint256).max;
        return super.previewRedeem(shares);
    }
}

/// @notice A venue that is read twice and answers differently can hold nobody back (SPEC C1, C10).
contract ShyVenueTest is BallastFixture {
    ShyVenue private venue;

    function setUp() public override {
        super.setUp();
        venue = new ShyVenue(usdc);
        vm.prank(timelock);
        vault.listVenue(address(venue), CAP);
        deposit(alice, 1000e6);
        vm.prank(address(hub));
        vault.reallocate(one(address(venue), 3000));
    }

    // What the other tests rest on.
    function test_TheVenueTellsItsFirstReadingFromTheOthers() public {
        _startTransaction();
        bytes memory call = abi.encodeCall(venue.previewRedeem, (1));
        (, bytes memory first) = address(venue).staticcall(call);
        assertEq(abi.decode(first, (uint256)), type(uint256).max);
        (, bytes memory second) = address(venue).staticcall(call);
        assertEq(abi.decode(second, (uint256)), 1);
    }

    // SPEC C1, C10
    function test_ALeaverLeaves() public {
        _startTransaction();
        vm.prank(alice);
        vault.redeem(500e12, alice, alice);
        assertGe(usdc.balanceOf(alice), 350e6);
        assertLe(usdc.balanceOf(alice), 500e6);
    }

    // SPEC C10
    function test_AnAccrualIsRecorded() public {
        _startTransaction();
        vault.accrue();
        (uint256 accrued,) = vault.accrual();
        // At its second answer, and it stays where it is.
        assertEq(accrued, 1000e6);
        (,, bool quarantined) = vault.positionKind(address(venue));
        assertFalse(quarantined);
    }

    // SPEC C4, C10: whoever guards is not held up by it: what is in the others comes home.
    function test_TheOthersComeHome() public {
        vm.prank(address(hub));
        vault.reallocate(one(low, 2000));
        _startTransaction();
        vm.prank(guardian);
        hub.emergencyExit();
        assertGe(vault.idle(), 700e6);
    }

    // SPEC C10: and the emergency Safe takes it out of the way.
    function test_TheEmergencySafeTakesItOut() public {
        _startTransaction();
        vm.prank(emergency);
        vault.quarantine(address(venue));
        (,, bool quarantined) = vault.positionKind(address(venue));
        assertTrue(quarantined);
        assertEq(vault.totalAssets(), 700e6);
    }

    function _startTransaction() private {
        venue.setShy(true);
        vm.cool(address(venue));
    }
}
