// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {VenueTriggers} from "../../../contracts/VenueTriggers.sol";
import {Mode, Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {Probe} from "../../../contracts/types/Probe.sol";
import {HostileFeed} from "../../support/HostileFeed.sol";
import {TestAsset} from "../../support/TestAsset.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @notice The governance trigger: what a protocol answers about its own configuration is no longer what governance agreed to
/// (SPEC C7e, ERR-9). The protocol's governance here is a real timelock.
contract GovernanceProbesTest is KillSwitchFixture {
    TimelockController private protocolTimelock;
    bytes32 private scheduled;

    function setUp() public override {
        super.setUp();
        address[] memory council = new address[](1);
        council[0] = bob;
        protocolTimelock = new TimelockController(1 days, council, council, address(0));
        scheduled = protocolTimelock.hashOperation(address(usdc), 0, "", 0, 0);
        _setProbes(_probes());
    }

    // SPEC C7e: an operation in the protocol's queue closes the venue at once, before anyone has tripped anything.
    function test_AQueuedOperationClosesTheVenueLive() public {
        assertAllowed(low);
        _schedule();
        assertReason(low, GOVERNANCE);
        assertAllowed(mid);
        assertTrue(killSwitch.isOperational());
    }

    // SPEC C7e: tripped at once, by anyone, and not lifted by the change going away.
    function test_ATripLastsUntilGovernanceAccepts() public {
        bytes32 recorded = killSwitch.venueStatus(address(low)).fingerprint;
        _schedule();
        (bool readable, bytes32 present) = killSwitch.presentFingerprint(address(low));
        assertTrue(readable);
        vm.expectEmit(address(killSwitch));
        emit VenueTriggers.VenueTripped(
            Trigger.Governance,
            address(low),
            stranger,
            GOVERNANCE,
            true,
            uint256(present),
            uint256(recorded),
            type(uint40).max
        );
        vm.prank(stranger);
        killSwitch.trip(Trigger.Governance, address(low));
        assertEq(lastTriggered(Trigger.Governance), block.timestamp);
        assertEq(uint256(killSwitch.mode()), uint256(Mode.Normal));
        vm.prank(bob);
        protocolTimelock.cancel(scheduled);
        skip(365 days);
        feed.push(ONE_DOLLAR);
        assertReason(low, GOVERNANCE);
        assertAllowed(mid);
        vm.expectEmit(address(killSwitch));
        emit VenueTriggers.FingerprintAccepted(address(low), recorded);
        vm.prank(timelock);
        killSwitch.acceptFingerprint(address(low), recorded);
        assertAllowed(low);
    }

    // SPEC C7e: what governance accepts is the new normal.
    function test_AnAcceptedChangeIsTheNewNormal() public {
        _schedule();
        killSwitch.trip(Trigger.Governance, address(low));
        (, bytes32 present) = killSwitch.presentFingerprint(address(low));
        vm.prank(timelock);
        killSwitch.acceptFingerprint(address(low), present);
        assertAllowed(low);
        vm.expectRevert(notMet(Trigger.Governance, address(low)));
        killSwitch.trip(Trigger.Governance, address(low));
    }

    // SPEC C7e: new probes lift the block of the old ones; none ends the watch.
    function test_NewProbesLiftTheBlock() public {
        _schedule();
        killSwitch.trip(Trigger.Governance, address(low));
        _setProbes(_probes());
        assertAllowed(low);
        _setProbes(new Probe[](0));
        vm.prank(bob);
        protocolTimelock.cancel(scheduled);
        assertAllowed(low);
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.ProbesMissing.selector, address(low)));
        killSwitch.trip(Trigger.Governance, address(low));
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.ProbesMissing.selector, address(low)));
        vm.prank(timelock);
        killSwitch.acceptFingerprint(address(low), 0);
    }

    // SPEC C7e: governance accepts what it saw, not what the protocol answers by the time its own delay is over.
    function test_RevertIf_TheAnswerIsNotTheOneThatWasAgreedTo() public {
        bytes32 agreed = killSwitch.venueStatus(address(low)).fingerprint;
        _schedule();
        (, bytes32 present) = killSwitch.presentFingerprint(address(low));
        bytes memory wrong = abi.encodeWithSelector(VenueTriggers.WrongFingerprint.selector, present, agreed);
        vm.startPrank(timelock);
        vm.expectRevert(wrong);
        killSwitch.acceptFingerprint(address(low), agreed);
        vm.expectRevert(wrong);
        killSwitch.setProbes(address(low), _probes(), agreed);
        vm.stopPrank();
    }

    // SPEC C7e: another code behind the same answers is a change.
    function test_AnotherCodeIsAChange() public {
        _setProbes(_one(address(usdc), abi.encodeCall(usdc.decimals, ())));
        assertAllowed(low);
        vm.etch(address(usdc), address(new Renamed()).code);
        assertEq(usdc.decimals(), 6);
        assertReason(low, GOVERNANCE);
        killSwitch.trip(Trigger.Governance, address(low));
    }

    // SPEC C7e, ERR-8: a probe that stops answering differs, whatever it does instead, and bricks nothing.
    function test_AProbeThatCannotBeEvaluatedDiffers() public {
        HostileFeed hostile = new HostileFeed();
        _setProbes(_one(address(hostile), abi.encodeCall(hostile.fault, ())));
        assertAllowed(low);
        bytes[3] memory codes = [bytes(""), hex"fe", hex"60016000f3"];
        for (uint256 i; i < codes.length; ++i) {
            uint256 state = vm.snapshotState();
            vm.etch(address(hostile), codes[i]);
            (bool readable, bytes32 present) = killSwitch.presentFingerprint(address(low));
            assertFalse(readable);
            assertEq(present, 0);
            assertReason(low, GOVERNANCE);
            assertAllowed(mid);
            killSwitch.trip(Trigger.Governance, address(low));
            assertTrue(killSwitch.isOperational());
            vm.expectRevert(abi.encodeWithSelector(VenueTriggers.ProbesUnreadable.selector, address(low)));
            vm.prank(timelock);
            killSwitch.acceptFingerprint(address(low), 0);
            vm.revertToState(state);
        }
    }

    // SPEC C7e: an answer is looked at for its first kilobyte and its length.
    function test_ALongAnswerIsItsFirstKilobyteAndItsLength() public {
        Answerer answerer = new Answerer();
        _setProbes(_one(address(answerer), ""));
        answerer.set(2048, 1023, 1);
        assertReason(low, GOVERNANCE);
        answerer.set(2048, 1024, 1);
        assertAllowed(low);
        answerer.set(2049, 1024, 0);
        assertReason(low, GOVERNANCE);
        answerer.set(2048, 1024, 0);
        assertAllowed(low);
    }

    // SPEC C7e: an inactive trigger is silent, and what it has found stays.
    function test_AnInactiveTriggerIsSilent() public {
        setTrigger(Trigger.Governance, false, 0, 0);
        _schedule();
        assertAllowed(low);
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.TriggerNotActive.selector, Trigger.Governance));
        killSwitch.trip(Trigger.Governance, address(low));
        setTrigger(Trigger.Governance, true, 0, 0);
        killSwitch.trip(Trigger.Governance, address(low));
        setTrigger(Trigger.Governance, false, 0, 0);
        assertReason(low, GOVERNANCE);
    }

    // SPEC C7: nobody makes an answer look changed by calling with too little gas.
    function testFuzz_StarvingAProbeTripsNothing(uint256 gas) public {
        gas = bound(gas, 21_000, 800_000);
        (bool ok,) =
            address(killSwitch).call{gas: gas}(abi.encodeCall(killSwitch.trip, (Trigger.Governance, address(low))));
        assertFalse(ok);
        assertAllowed(low);
    }

    function test_RevertIf_NothingHasChanged() public {
        vm.expectRevert(notMet(Trigger.Governance, address(low)));
        killSwitch.trip(Trigger.Governance, address(low));
    }

    function test_ProbeBounds() public {
        Probe[] memory nine = new Probe[](9);
        bytes memory tooMany = abi.encodeWithSelector(VenueTriggers.ProbeOutOfBounds.selector, 8, 132);
        vm.startPrank(timelock);
        vm.expectRevert(tooMany);
        killSwitch.setProbes(address(low), nine, 0);
        Probe[] memory long = _one(address(usdc), new bytes(133));
        vm.expectRevert(tooMany);
        killSwitch.setProbes(address(low), long, 0);
        Probe[] memory noCode = _one(stranger, "");
        vm.expectRevert(abi.encodeWithSelector(VenueTriggers.ProbesUnreadable.selector, address(low)));
        killSwitch.setProbes(address(low), noCode, 0);
        vm.stopPrank();
        Probe[] memory eight = new Probe[](8);
        for (uint256 i; i < 8; ++i) {
            eight[i] = Probe(address(usdc), abi.encodePacked(usdc.decimals.selector, new bytes(128)));
        }
        _setProbes(eight);
        assertEq(abi.encode(killSwitch.venueProbes(address(low))), abi.encode(eight));
        assertAllowed(low);
    }

    // SPEC C13
    function test_RevertIf_NotGovernance() public {
        bytes memory denied =
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, guardian, bytes32(0));
        vm.startPrank(guardian);
        vm.expectRevert(denied);
        killSwitch.setProbes(address(low), new Probe[](0), 0);
        vm.expectRevert(denied);
        killSwitch.acceptFingerprint(address(low), 0);
        vm.stopPrank();
    }

    function _probes() private view returns (Probe[] memory probes) {
        probes = new Probe[](2);
        probes[0] = Probe(address(protocolTimelock), abi.encodeCall(protocolTimelock.getMinDelay, ()));
        probes[1] = Probe(address(protocolTimelock), abi.encodeCall(protocolTimelock.isOperation, (scheduled)));
    }

    function _one(address target, bytes memory data) private pure returns (Probe[] memory probes) {
        probes = new Probe[](1);
        probes[0] = Probe(target, data);
    }

    function _setProbes(Probe[] memory probes) private {
        (bool readable, bytes32 fingerprint) = killSwitch.fingerprintOf(probes);
        assertTrue(readable);
        vm.expectEmit(address(killSwitch));
        emit VenueTriggers.ProbesSet(address(low), probes, fingerprint);
        vm.prank(timelock);
        killSwitch.setProbes(address(low), probes, fingerprint);
    }

    function _schedule() private {
        vm.prank(bob);
        protocolTimelock.schedule(address(usdc), 0, "", 0, 0, 1 days);
    }
}

/// @notice The same answers as the test's asset to what is asked, with other code.
contract Renamed is TestAsset, Ownable(msg.sender) {}

/// @notice Answers anything with as many bytes as it was told, zero but for one.
contract Answerer {
    uint256 private length = 2048;
    uint256 private at;
    uint8 private byteAt;

    function set(uint256 length_, uint256 at_, uint8 byteAt_) external {
        (length, at, byteAt) = (length_, at_, byteAt_);
    }

    fallback(bytes calldata) external returns (bytes memory answer) {
        answer = new bytes(length);
        answer[at] = bytes1(byteAt);
    }
}
