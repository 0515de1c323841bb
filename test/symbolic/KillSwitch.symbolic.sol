// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../contracts/KillSwitchManager.sol";
import {VenueTriggers} from "../../contracts/VenueTriggers.sol";
import {Mode, Trigger} from "../../contracts/interfaces/IKillSwitch.sol";
import {IVault} from "../../contracts/interfaces/IVault.sol";
import {Probe} from "../../contracts/types/Probe.sol";
import {SymbolicFeed, SymbolicPosition} from "./support/SymbolicBoundary.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The mode only ever gets stricter, unless governance resets it (SPEC C7): for every mode, trigger setting, feed, venue figure,
/// caller without the administrator's role, function and argument.
contract KillSwitchSymbolic is Test {
    uint256 private constant PACKED_SLOT = 10;

    SymbolicPosition private world;
    SymbolicFeed private feed;
    KillSwitchManager private killSwitch;
    address private admin = address(0xAD);

    function setUp() public {
        world = new SymbolicPosition();
        feed = new SymbolicFeed();
        killSwitch = new KillSwitchManager(IVault(address(world)), admin);
        vm.startPrank(admin);
        killSwitch.setFeed(address(world), address(feed), 1 days);
        // Whoever calls may be one of these.
        killSwitch.grantRole(killSwitch.GUARDIAN_ROLE(), address(0x6A));
        killSwitch.grantRole(killSwitch.EMERGENCY_ROLE(), address(0xEE));
        killSwitch.grantRole(killSwitch.WATCHER_ROLE(), address(0x3A));
        vm.stopPrank();
    }

    function check_TripNeverLowersTheMode(address caller, uint8 trigger, address subject) public {
        vm.assume(trigger <= uint8(type(Trigger).max));
        _check(caller, abi.encodeCall(KillSwitchManager.trip, (Trigger(trigger), subject)));
    }

    // Every function with arguments of fixed size; one with others that is not named below makes the proof fail for want of an offset.
    function check_NoCallOfFixedSizeLowersTheMode(address caller, bytes4 selector, bytes32[8] memory words) public {
        vm.assume(selector != KillSwitchManager.trip.selector);
        vm.assume(selector != VenueTriggers.observe.selector && selector != VenueTriggers.setProbes.selector);
        vm.assume(selector != VenueTriggers.fingerprintOf.selector);
        vm.assume(selector != KillSwitchManager.setVenueTokens.selector);
        // One that only looks: its selector has no way to the mode, and its answer no end.
        vm.assume(selector != KillSwitchManager.venueStatus.selector);
        _check(caller, abi.encodePacked(selector, abi.encode(words)));
    }

    function check_ObserveNeverLowersTheMode(address caller, address[2] memory adapters) public {
        address[] memory list = new address[](2);
        (list[0], list[1]) = (adapters[0], adapters[1]);
        _check(caller, abi.encodeCall(VenueTriggers.observe, (list)));
    }

    function check_ListsAreGovernances(address caller, address adapter, address token, bytes32 fingerprint) public {
        vm.assume(!killSwitch.hasRole(bytes32(0), caller));
        address[] memory tokens = new address[](1);
        tokens[0] = token;
        Probe[] memory probes = new Probe[](1);
        probes[0] = Probe(token, "");
        vm.startPrank(caller);
        (bool ok,) = address(killSwitch).call(abi.encodeCall(KillSwitchManager.setVenueTokens, (adapter, tokens)));
        assertFalse(ok);
        (ok,) = address(killSwitch).call(abi.encodeCall(VenueTriggers.setProbes, (adapter, probes, fingerprint)));
        assertFalse(ok);
    }

    // Governance, too, resets only while nothing about the asset holds.
    function check_ResetNeedsGovernanceAndAHealthyAsset(address caller) public {
        _scramble();
        bool mayReset = killSwitch.hasRole(bytes32(0), caller);
        vm.prank(caller);
        (bool ok,) = address(killSwitch).call(abi.encodeCall(KillSwitchManager.reset, ()));
        if (!ok) return;
        assertTrue(mayReset);
        assertTrue(killSwitch.isOperational());
    }

    function _check(address caller, bytes memory data) private {
        _scramble();
        vm.assume(!killSwitch.hasRole(bytes32(0), caller));
        Mode before = killSwitch.mode();
        vm.prank(caller);
        (bool ok,) = address(killSwitch).call(data);
        if (!ok) return;
        assertGe(uint8(killSwitch.mode()), uint8(before));
    }

    /// Any time, mode, feed answer, trigger state and venue.
    function _scramble() private {
        vm.warp(vm.randomUint(40));
        vm.roll(vm.randomUint(40));
        uint256 mode = vm.randomUint(8);
        vm.assume(mode <= uint8(type(Mode).max));
        uint256 raw = uint256(vm.load(address(killSwitch), bytes32(PACKED_SLOT)));
        raw = raw & ~(uint256(type(uint16).max) << 192) | mode << 192 | mode << 200;
        vm.store(address(killSwitch), bytes32(PACKED_SLOT), bytes32(raw));
        // Elsewhere it would be another slot's content that is any, and every proof would hold.
        assertEq(uint8(killSwitch.mode()), mode);
        feed.set(vm.randomUint(), vm.randomUint(), vm.randomUint(), vm.randomUint(), vm.randomUint());
        world.set(vm.randomUint(128), vm.randomUint(128), vm.randomUint(128), vm.randomBool());
    }
}
