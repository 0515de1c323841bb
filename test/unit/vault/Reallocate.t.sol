// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {Allocation, Report} from "../../../contracts/types/Allocation.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault, ScriptedAdapter} from "../../support/ScriptedAdapter.sol";

/// @notice The vault's own bounds on whatever a hub tells it to do (SPEC C3, C5).
contract ReallocateTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
    }

    // SPEC C3
    function test_OnlyTheHub() public {
        address[5] memory others = [keeper, guardian, emergency, timelock, stranger];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IVault.OnlyHub.selector, others[i]));
            vm.prank(others[i]);
            vault.reallocate(one(low, 1000));
        }
    }

    // SPEC C3
    function test_ReportsWhatItDid() public {
        Report memory report = _reallocate(two(low, 2000, high, 3000));
        assertEq(report.navBefore, 1000e6);
        assertEq(report.navAfter, 1000e6);
        assertEq(report.idleAfter, 500e6);
        assertEq(report.changes[0].valueBefore(), 0);
        assertEq(report.changes[0].valueAfter(), 200e6);
        assertEq(report.changes[1].valueAfter(), 300e6);
    }

    // SPEC C3: reductions pay for additions, whatever their order in the targets.
    function test_ReductionsComeFirst() public {
        _reallocate(two(low, 5000, mid, 5000));
        Report memory report = _reallocate(two(low, 9000, mid, 1000));
        assertEq(report.changes[0].valueAfter(), 900e6);
        assertEq(report.changes[1].valueAfter(), 100e6);
        _reallocate(two(low, 1000, mid, 9000));
        assertEq(mid.book(), 900e6);
    }

    // SPEC C3: the target is a share of NAV at execution, rounded down.
    function test_AmountIsFloorOfNavTimesBps() public {
        deposit(bob, 7);
        _reallocate(one(low, 3333));
        assertEq(low.book(), uint256(1000e6 + 7) * 3333 / 10_000);
    }

    function test_ZeroTakesAllThatCanBeHad() public {
        _reallocate(one(low, 5000));
        low.gain(3);
        _reallocate(one(low, 0));
        assertEq(low.book(), 0);
        assertEq(vault.idle(), 1000e6 + 3);
    }

    function test_UnlistedVenuesKeepTheirDrift() public {
        _reallocate(two(low, 2000, mid, 2000));
        low.gain(50e6);
        _reallocate(one(mid, 1000));
        assertEq(low.book(), 250e6);
        assertEq(mid.book(), 105e6);
    }

    function test_DataReachesTheAdapter() public {
        Allocation[] memory targets = one(low, 1000);
        targets[0].data = hex"c0ffee";
        vm.expectCall(address(low), abi.encodeCall(low.deposit, (100e6, hex"c0ffee")));
        _reallocate(targets);
        targets[0].bps = 500;
        vm.expectCall(address(low), abi.encodeCall(low.withdraw, (50e6, hex"c0ffee")));
        _reallocate(targets);
    }

    // SPEC C5
    function test_RevertIf_AdapterIsNotListed() public {
        ScriptedAdapter unlisted = newAdapter();
        _expectFromHub(abi.encodeWithSelector(IVault.AdapterNotListed.selector, address(unlisted)));
        vault.reallocate(one(unlisted, 1000));
    }

    // SPEC C3
    function test_RevertIf_TargetsAreNotSortedOrRepeat() public {
        _expectFromHub(abi.encodeWithSelector(IVault.TargetsUnsorted.selector, address(low)));
        vault.reallocate(two(mid, 1000, low, 1000));
        _expectFromHub(abi.encodeWithSelector(IVault.TargetsUnsorted.selector, address(low)));
        vault.reallocate(two(low, 1000, low, 2000));
        _expectFromHub(abi.encodeWithSelector(IVault.TargetsUnsorted.selector, address(0)));
        vault.reallocate(one(ScriptedAdapter(address(0)), 1000));
    }

    // SPEC C3: a sum above what there is.
    function test_RevertIf_IdleDoesNotSuffice() public {
        _expectFromHub(abi.encodeWithSelector(IVault.InsufficientIdle.selector, 500e6 + 100_000, 500e6));
        vault.reallocate(two(low, 5000, mid, 5001));
        _reallocate(two(low, 5000, mid, 5000));
        assertEq(vault.idle(), 0);
    }

    // SPEC C5: at the cap passes, one unit past it does not.
    function test_AdapterCapEdge() public {
        vm.prank(timelock);
        vault.setAdapterCap(address(low), 300e6 - 1);
        _expectFromHub(abi.encodeWithSelector(IVault.CapExceeded.selector, address(low), 300e6, 300e6 - 1));
        vault.reallocate(one(low, 3000));
        vm.prank(timelock);
        vault.setAdapterCap(address(low), 300e6);
        _reallocate(one(low, 3000));
    }

    // SPEC C5: a position over its cap may be left alone or reduced.
    function test_ReducingAPositionAboveItsCapIsAllowed() public {
        _reallocate(one(low, 3000));
        vm.prank(guardian);
        vault.setAdapterCap(address(low), 0);
        _reallocate(one(low, 1000));
        assertEq(low.book(), 100e6);
        _expectFromHub(abi.encodeWithSelector(IVault.CapExceeded.selector, address(low), 200e6, 0));
        vault.reallocate(one(low, 2000));
    }

    function test_MinOutOfAnAdditionEdge() public {
        vm.prank(timelock);
        vault.setMaxLoss(100);
        low.setFees(10, 0);
        Allocation[] memory targets = one(low, 1000);
        targets[0].minOut = 99_900_000 + 1;
        _expectFromHub(
            abi.encodeWithSelector(IVault.InsufficientOut.selector, address(low), 99_900_000, 99_900_000 + 1)
        );
        vault.reallocate(targets);
        targets[0].minOut = 99_900_000;
        _reallocate(targets);
    }

    function test_MinOutOfAReductionEdge() public {
        _reallocate(one(low, 2000));
        low.setFees(0, 10);
        Allocation[] memory targets = one(low, 1000);
        targets[0].minOut = 99_900_000 + 1;
        _expectFromHub(
            abi.encodeWithSelector(IVault.InsufficientOut.selector, address(low), 99_900_000, 99_900_000 + 1)
        );
        vault.reallocate(targets);
        targets[0].minOut = 99_900_000;
        _reallocate(targets);
    }

    // SPEC C3: any leg that fails reverts the whole.
    function test_RevertIf_AnyLegFails() public {
        _reallocate(one(low, 2000));
        mid.setFaults(Fault.None, Fault.Revert, Fault.None);
        _expectFromHub("venue fault");
        vault.reallocate(two(low, 1000, mid, 1000));
        low.setFaults(Fault.None, Fault.None, Fault.Revert);
        _expectFromHub("venue fault");
        vault.reallocate(two(low, 1000, high, 1000));
        assertEq(low.book(), 200e6);
        assertEq(vault.idle(), 800e6);
    }

    // SPEC C3: nothing is put at risk while part of NAV is unknown, also by a venue that is not among the targets.
    function test_RevertIf_AnAdditionWhileAnyVenueCannotBeRead() public {
        _reallocate(one(low, 2000));
        high.setFaults(Fault.Revert, Fault.None, Fault.None);
        _expectFromHub(abi.encodeWithSelector(IVault.VenueUnreadable.selector, address(high)));
        vault.reallocate(one(low, 3000));
        _expectFromHub(abi.encodeWithSelector(IVault.VenueUnreadable.selector, address(high)));
        vault.reallocate(two(low, 1000, mid, 500));
    }

    // SPEC C4: taking risk off is allowed all the same.
    function test_ReductionsPassWhileAVenueCannotBeRead() public {
        _reallocate(two(low, 2000, mid, 1000));
        high.setFaults(Fault.Revert, Fault.None, Fault.None);
        _reallocate(two(low, 1000, mid, 0));
        assertEq(vault.idle(), 900e6);
        vault.accrue();
        _reallocate(one(low, 500));
        assertEq(vault.idle(), 950e6);
    }

    // SPEC C3, C10: a quarantined position is recovered, not moved.
    function test_RevertIf_ATargetIsQuarantined() public {
        _reallocate(one(low, 2000));
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vault.accrue();
        low.setFaults(Fault.None, Fault.None, Fault.None);
        _expectFromHub(abi.encodeWithSelector(IVault.VenueQuarantined.selector, address(low)));
        vault.reallocate(one(low, 1000));
    }

    function test_RevertIf_AVenuePaysNothingButStillSaysItHoldsTheMoney() public {
        _reallocate(one(low, 2000));
        low.setFaults(Fault.None, Fault.None, Fault.PayNothing);
        Allocation[] memory targets = one(low, 1000);
        targets[0].minOut = 1;
        _expectFromHub(abi.encodeWithSelector(IVault.InsufficientOut.selector, address(low), 0, 1));
        vault.reallocate(targets);
    }

    function test_RevertIf_TheTokensAreNotThere() public {
        usdc.burn(address(vault), 1);
        _expectFromHub(abi.encodeWithSelector(IVault.Unaccounted.selector, 900e6 - 1, 900e6));
        vault.reallocate(one(low, 1000));
    }

    function _reallocate(Allocation[] memory targets) private returns (Report memory) {
        vm.prank(address(hub));
        return vault.reallocate(targets);
    }

    function _expectFromHub(bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(address(hub));
    }
}
