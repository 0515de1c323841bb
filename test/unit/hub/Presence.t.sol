// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StrategyHub} from "../../../contracts/StrategyHub.sol";
import {IKillSwitch} from "../../../contracts/interfaces/IKillSwitch.sol";
import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

/// @notice A keeper that is there says so; one that is silent for longer than the grace period lets anyone bring the money home; one
/// that must go is gone at once (SPEC C10, C13).
contract PresenceTest is BallastFixture {
    uint256 private start;

    function setUp() public override {
        super.setUp();
        start = vm.getBlockTimestamp();
        deposit(alice, 1000e6);
    }

    // SPEC C10: to the second.
    function test_DeadManEdge() public {
        rebalance(one(low, 5000));
        _assertLastSeen(start);
        pass(GRACE_PERIOD);
        _refused(stranger);
        pass(1);
        vm.prank(stranger);
        hub.emergencyExit();
        assertEq(vault.idle(), 1000e6);
        assertTrue(vault.paused());
    }

    // SPEC C10: a switch that answers nothing any more takes nobody that way out; it only keeps the others from it.
    function test_DeadManNeedsNoSwitch() public {
        rebalance(one(low, 5000));
        vm.etch(address(killSwitch), hex"fe");
        skip(GRACE_PERIOD);
        vm.expectRevert();
        vm.prank(stranger);
        hub.emergencyExit();
        skip(1);
        vm.prank(stranger);
        hub.emergencyExit();
        assertEq(vault.idle(), 1000e6);
        vm.prank(timelock);
        hub.setKillSwitch(IKillSwitch(address(0)));
        vm.prank(stranger);
        hub.emergencyExit();
    }

    // SPEC C10: also of the positions named alone.
    function test_DeadManOfNamedVenues() public {
        rebalance(two(low, 3000, mid, 3000));
        address[] memory named = new address[](1);
        named[0] = address(mid);
        pass(GRACE_PERIOD);
        vm.expectRevert(abi.encodeWithSelector(IStrategyHub.NotAuthorised.selector, stranger));
        vm.prank(stranger);
        hub.exitVenues(named);
        pass(1);
        vm.prank(stranger);
        hub.exitVenues(named);
        assertEq(mid.book(), 0);
        assertEq(low.book(), 300e6);
    }

    // SPEC C10
    function test_AHeartbeatIsASignOfLife() public {
        pass(GRACE_PERIOD - 1);
        vm.expectEmit(address(hub));
        emit IStrategyHub.Heartbeat(keeper);
        vm.prank(keeper);
        hub.heartbeat();
        _assertLastSeen(start + GRACE_PERIOD - 1);
        pass(GRACE_PERIOD);
        _refused(stranger);
        // Late is better than never: it closes what had opened.
        pass(1);
        vm.prank(keeper);
        hub.heartbeat();
        _refused(stranger);
    }

    // SPEC C10
    function test_ARebalanceIsASignOfLifeAndAReductionIsNot() public {
        pass(2 days);
        observe();
        rebalance(one(low, 5000));
        _assertLastSeen(start + 2 days);
        pass(1 days);
        vm.startPrank(keeper);
        hub.reduce(address(low), 1e6, 1e6, "");
        vm.stopPrank();
        _assertLastSeen(start + 2 days);
    }

    // SPEC C5, C7b: and it observes the venues' sizes on the way.
    function test_AHeartbeatObserves() public {
        vm.expectCall(address(killSwitch), abi.encodeCall(IKillSwitch.observe, (vault.adapters())));
        vm.prank(keeper);
        hub.heartbeat();
    }

    function test_OnlyTheKeepersHeartbeatCounts() public {
        bytes32 role = hub.KEEPER_ROLE();
        address[4] memory others = [guardian, emergency, timelock, stranger];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, others[i], role)
            );
            vm.prank(others[i]);
            hub.heartbeat();
        }
    }

    // SPEC C13: between a day and thirty, and set by governance alone.
    function test_GracePeriodEdges() public {
        vm.startPrank(timelock);
        vm.expectRevert(abi.encodeWithSelector(IStrategyHub.GraceOutOfBounds.selector, 1 days - 1));
        hub.setGracePeriod(1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IStrategyHub.GraceOutOfBounds.selector, 30 days + 1));
        hub.setGracePeriod(30 days + 1);
        hub.setGracePeriod(30 days);
        vm.expectEmit(address(hub));
        emit IStrategyHub.GracePeriodSet(1 days);
        hub.setGracePeriod(1 days);
        vm.stopPrank();
        (, uint256 grace) = hub.lastSeen();
        assertEq(grace, 1 days);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, guardian, bytes32(0))
        );
        vm.prank(guardian);
        hub.setGracePeriod(2 days);
        vm.expectRevert(abi.encodeWithSelector(IStrategyHub.GraceOutOfBounds.selector, 0));
        new StrategyHub(vault, killSwitch, attestor.addr, timelock, defaultLimits(), 0);
    }

    // SPEC C13: any one who guards takes a keeper's key away at once.
    function test_RevokeKeeper() public {
        bytes32 role = hub.KEEPER_ROLE();
        address[2] memory may = [guardian, emergency];
        for (uint256 i; i < may.length; ++i) {
            vm.prank(timelock);
            hub.grantRole(role, keeper);
            vm.expectEmit(address(hub));
            emit IAccessControl.RoleRevoked(role, keeper, may[i]);
            vm.prank(may[i]);
            hub.revokeKeeper(keeper);
            rebalanceReverts(
                one(low, 1000),
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, keeper, role)
            );
            vm.expectRevert(abi.encodeWithSelector(IStrategyHub.NotAuthorised.selector, keeper));
            vm.prank(keeper);
            hub.reduce(address(low), 1, 0, "");
        }
        address[4] memory mayNot = [keeper, stranger, timelock, attestor.addr];
        for (uint256 i; i < mayNot.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IStrategyHub.NotAuthorised.selector, mayNot[i]));
            vm.prank(mayNot[i]);
            hub.revokeKeeper(bob);
        }
    }

    // SPEC C13: it takes no role but the keeper's.
    function test_RevokeKeeperTakesNoOtherRole() public {
        bytes32 role = hub.GUARDIAN_ROLE();
        vm.startPrank(emergency);
        hub.revokeKeeper(guardian);
        hub.revokeKeeper(timelock);
        vm.stopPrank();
        assertTrue(hub.hasRole(role, guardian));
        assertTrue(hub.hasRole(0, timelock));
    }

    function _refused(address who) private {
        vm.expectRevert(abi.encodeWithSelector(IStrategyHub.NotAuthorised.selector, who));
        vm.prank(who);
        hub.emergencyExit();
    }

    function _assertLastSeen(uint256 expected) private view {
        (uint256 time, uint256 grace) = hub.lastSeen();
        assertEq(time, expected);
        assertEq(grace, GRACE_PERIOD);
    }
}
