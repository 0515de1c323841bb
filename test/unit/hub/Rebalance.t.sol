// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {Allocation, Change, ChangeLib} from "../../../contracts/types/Allocation.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault, ScriptedAdapter} from "../../support/ScriptedAdapter.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

/// @notice A rebalance that goes through, and the ways in which it does not (SPEC C3).
contract RebalanceTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
    }

    // SPEC C3: the event carries the vector before and after.
    function test_ExecutesAndEmitsBeforeAndAfter() public {
        rebalance(two(low, 2000, high, 3000));
        low.gain(10e6);
        pass(COOLDOWN);

        Allocation[] memory targets = two(low, 1000, high, 4000);
        bytes memory proof = prove(targets);
        (bytes32 decisionHash,,,) = abi.decode(proof, (bytes32, uint64, uint64, bytes));
        Change[] memory changes = new Change[](2);
        (changes[0], changes[1]) = (ChangeLib.create(210e6, 101e6), ChangeLib.create(300e6, 404e6));
        vm.expectEmit(address(hub));
        emit IStrategyHub.RebalanceExecuted(
            decisionHash,
            1,
            1010e6,
            1010e6,
            505e6,
            _pair(uint160(address(low)) | (1000 << 160), uint160(address(high)) | (4000 << 160)),
            changes
        );
        vm.prank(keeper);
        hub.rebalance(targets, proof);

        assertEq(low.book(), 101e6);
        assertEq(high.book(), 404e6);
        assertEq(vault.idle(), 505e6);
        assertEq(hub.targetBps(address(low)), 1000);
        assertEq(hub.targetBps(address(high)), 4000);
        assertEq(hub.nonce(), 2);
    }

    // SPEC C3
    function test_OnlyTheKeeper() public {
        Allocation[] memory targets = one(low, 1000);
        bytes memory proof = prove(targets);
        bytes32 role = hub.KEEPER_ROLE();
        address[5] memory others = [guardian, emergency, timelock, attestor.addr, stranger];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, others[i], role)
            );
            vm.prank(others[i]);
            hub.rebalance(targets, proof);
        }
    }

    // SPEC C3, C7a, C12
    function test_RevertIf_TheAssetIsOffItsPeg() public {
        feed.push(0.97e8);
        rebalanceReverts(
            one(low, 1000), abi.encodeWithSelector(IStrategyHub.NotOperational.selector, "Stablecoin depeg detected")
        );
    }

    // SPEC C3, C7d
    function test_RevertIf_TheFeedIsStale() public {
        skip(HEARTBEAT + GRACE + 1);
        rebalanceReverts(
            one(low, 1000), abi.encodeWithSelector(IStrategyHub.NotOperational.selector, "Oracle failure detected")
        );
    }

    // SPEC C3
    function test_RevertIf_AGuardianSaysReduceOnly() public {
        vm.prank(guardian);
        killSwitch.reduceOnly();
        rebalanceReverts(one(low, 1000), abi.encodeWithSelector(IStrategyHub.NotOperational.selector, "Guardian"));
    }

    // SPEC C3: not even a rebalance that only reduces passes while the switch is on; that is what `reduce` is for.
    function test_RevertIf_KilledAndOnlyReducing() public {
        rebalance(one(low, 2000));
        pass(COOLDOWN);
        vm.prank(emergency);
        killSwitch.enterExit();
        rebalanceReverts(one(low, 0), abi.encodeWithSelector(IStrategyHub.NotOperational.selector, "Emergency Safe"));
    }

    // SPEC C3: the sum is more than there is.
    function test_RevertIf_TheSumIsTooLarge() public {
        Allocation[] memory targets = new Allocation[](3);
        targets[0] = one(low, 5000)[0];
        targets[1] = one(mid, 4000)[0];
        targets[2] = one(high, 1500)[0];
        rebalanceReverts(targets, abi.encodeWithSelector(IVault.InsufficientIdle.selector, 150e6, 100e6));
    }

    // SPEC C3, C5
    function test_RevertIf_TheAdapterIsNotOnTheAllowlist() public {
        ScriptedAdapter unlisted = newAdapter();
        rebalanceReverts(
            one(unlisted, 1000), abi.encodeWithSelector(IVault.AdapterNotListed.selector, address(unlisted))
        );
    }

    // SPEC C3
    function test_RevertIf_TargetsAreNotSorted() public {
        rebalanceReverts(two(mid, 1000, low, 1000), abi.encodeWithSelector(IVault.TargetsUnsorted.selector, low));
    }

    // SPEC C3: any leg that fails reverts the whole and uses up nothing.
    function test_AFailedLegRevertsEverythingAndRecordsNothing() public {
        mid.setFaults(Fault.None, Fault.Revert, Fault.None);
        rebalanceReverts(two(low, 2000, mid, 2000), "venue fault");
        assertEq(low.book(), 0);
        assertEq(vault.idle(), 1000e6);
        assertEq(hub.nonce(), 0);
        assertEq(hub.nextRebalanceAt(), 0);
        assertEq(hub.targetBps(address(low)), 0);
        mid.setFaults(Fault.None, Fault.None, Fault.None);
        rebalance(two(low, 2000, mid, 2000));
    }

    // SPEC C3: the keeper's money bound survives the hub: the loss bound is the vault's.
    function test_RevertIf_TheMoveLosesTooMuch() public {
        low.setFees(600, 0);
        rebalanceReverts(one(low, 1000), abi.encodeWithSelector(IVault.LossTooHigh.selector, 1000e6, 994e6, 50));
    }

    function test_AnEmptyVaultMovesNothing() public {
        vm.prank(alice);
        vault.redeem(1000e12, alice, alice);
        rebalance(two(low, 2000, mid, 2000));
        assertEq(vault.totalAssets(), 0);
        assertEq(low.book() + mid.book(), 0);
    }

    function _pair(uint256 a, uint256 b) private pure returns (uint256[] memory list) {
        list = new uint256[](2);
        (list[0], list[1]) = (a, b);
    }
}
