// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {VenueTriggers} from "../../../contracts/VenueTriggers.sol";
import {Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

/// @notice A watcher attests what no contract can see; its alert ends by itself or by governance, never by a watcher (SPEC C7e, ERR-9).
contract WatcherTest is KillSwitchFixture {
    bytes32 private constant EVIDENCE = keccak256("proposal 42 of the protocol");
    address private immutable watcher = makeAddr("watcher");

    function setUp() public override {
        super.setUp();
        bytes32 role = killSwitch.WATCHER_ROLE();
        vm.prank(timelock);
        killSwitch.grantRole(role, watcher);
    }

    // SPEC C7e
    function test_AnAlertBlocksItsVenueUntilItsExpiry() public {
        uint40 expiry = uint40(block.timestamp + 3 days);
        vm.expectEmit(address(killSwitch));
        emit VenueTriggers.GovernanceAlert(address(low), watcher, GOVERNANCE, EVIDENCE, expiry);
        _attest(expiry);
        assertEq(killSwitch.venueStatus(address(low)).alertUntil, expiry);
        assertEq(lastTriggered(Trigger.Governance), block.timestamp);
        assertReason(low, GOVERNANCE);
        assertBlockedFor(low, 3 days, GOVERNANCE);
    }

    // SPEC C7e: at most seven days, and not in the past.
    function test_RevertIf_TheExpiryIsOutOfBounds() public {
        uint256 latest = block.timestamp + 7 days;
        uint256[3] memory bad = [block.timestamp - 1, block.timestamp, latest + 1];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(VenueTriggers.ExpiryOutOfBounds.selector, bad[i], latest));
            _attest(uint40(bad[i]));
        }
        _attest(uint40(latest));
    }

    // SPEC C7e: an alert is only ever extended.
    function test_RevertIf_TheAlertIsNotExtended() public {
        uint40 expiry = uint40(block.timestamp + 3 days);
        _attest(expiry);
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.AlertNotExtended.selector, expiry));
        _attest(expiry);
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.AlertNotExtended.selector, expiry));
        _attest(expiry - 1);
        _attest(expiry + 1);
        assertEq(killSwitch.venueStatus(address(low)).alertUntil, expiry + 1);
    }

    // SPEC C7e: only governance withdraws an alert, and what else blocks the venue stays.
    function test_OnlyGovernanceWithdrawsAnAlert() public {
        low.setUtilisation(1e18);
        armAndTrip(Trigger.Utilisation, low);
        uint256 until = killSwitch.venueStatus(address(low)).blockedUntil;
        _attest(uint40(block.timestamp + 3 days));
        assertReason(low, GOVERNANCE);
        address[4] memory mayNot = [watcher, guardian, emergency, stranger];
        for (uint256 i; i < mayNot.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, mayNot[i], bytes32(0))
            );
            vm.prank(mayNot[i]);
            killSwitch.withdrawGovernanceAlert(address(low));
        }
        vm.expectEmit(address(killSwitch));
        emit VenueTriggers.GovernanceAlertWithdrawn(address(low));
        vm.prank(timelock);
        killSwitch.withdrawGovernanceAlert(address(low));
        assertEq(killSwitch.venueStatus(address(low)).alertUntil, 0);
        assertEq(killSwitch.venueStatus(address(low)).blockedUntil, until);
        assertBlockedFor(low, until - block.timestamp, UTILISATION);
    }

    // SPEC C7e: a withdrawal leaves a TVL trip, which outlasts it, where it is.
    function test_AWithdrawalLeavesTheLongerOfTheTrips() public {
        history(low);
        low.setVenueSize(1);
        low.setUtilisation(1e18);
        arm(Trigger.Utilisation, low);
        killSwitch.trip(Trigger.Utilisation, address(low));
        armAndTrip(Trigger.Tvl, low);
        uint256 until = killSwitch.venueStatus(address(low)).tvl.blockedUntil;
        _attest(uint40(block.timestamp + 7 days));
        vm.prank(timelock);
        killSwitch.withdrawGovernanceAlert(address(low));
        assertEq(killSwitch.venueStatus(address(low)).blockedUntil, until);
        assertReason(low, TVL);
    }

    // SPEC C13
    function test_RevertIf_NotAWatcher() public {
        bytes32 role = killSwitch.WATCHER_ROLE();
        address[4] memory mayNot = [guardian, emergency, timelock, stranger];
        for (uint256 i; i < mayNot.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, mayNot[i], role)
            );
            vm.prank(mayNot[i]);
            killSwitch.attestGovernanceAlert(address(low), EVIDENCE, uint40(block.timestamp + 1));
        }
    }

    function test_RevertIf_TheTriggerIsNotActive() public {
        setTrigger(Trigger.Governance, false, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.TriggerNotActive.selector, Trigger.Governance));
        _attest(uint40(block.timestamp + 1));
    }

    function _attest(uint40 expiry) private {
        vm.prank(watcher);
        killSwitch.attestGovernanceAlert(address(low), EVIDENCE, expiry);
    }
}
