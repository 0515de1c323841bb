// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {PegBandLib, PegStatus} from "../../../contracts/types/PegBand.sol";
import {ScriptedFeed} from "../../../script/protocols/ScriptedFeed.sol";
import {HostileFeed} from "../../support/HostileFeed.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";

/// @notice Which feed cannot be trusted, and that none of them can make the switch revert (SPEC C7d).
contract OracleTest is KillSwitchFixture {
    uint80 private constant ROUND = 100;

    // SPEC C7d: at heartbeat + grace still good, one second later not.
    function test_HeartbeatEdge() public {
        skip(HEARTBEAT + GRACE);
        _healthy();
        skip(1);
        _unhealthy();
        feed.push(ONE_DOLLAR);
        _healthy();
    }

    // SPEC C7d: each feed has its own heartbeat.
    function test_EachFeedHasItsOwnHeartbeat() public {
        address token = makeAddr("fast token");
        ScriptedFeed fast = new ScriptedFeed(8, "FAST / USD", ONE_DOLLAR);
        vm.startPrank(timelock);
        killSwitch.setFeed(token, address(fast), 1 hours);
        killSwitch.setBand(token, PegBandLib.dai());
        vm.stopPrank();
        skip(2 hours);
        assertEq(_status(token), uint256(PegStatus.Safe));
        skip(1);
        assertEq(_status(token), uint256(PegStatus.Unhealthy));
        _healthy();
    }

    // SPEC C7d: the grace is the trigger's threshold.
    function test_GraceIsTheThreshold() public {
        vm.prank(timelock);
        killSwitch.setTrigger(Trigger.Oracle, true, 0, 1 hours);
        skip(HEARTBEAT);
        _healthy();
        skip(1);
        _unhealthy();
    }

    // SPEC C7d
    function test_ZeroAndNegativeAnswers() public {
        feed.push(0);
        _unhealthy();
        feed.push(-1);
        _unhealthy();
        feed.push(type(int256).min);
        _unhealthy();
        feed.push(1e8);
        _healthy();
    }

    // SPEC C7d: an answer so large that scaling it would overflow is no answer, one below is merely off its peg.
    function test_AnAnswerTooLargeToScale() public {
        feed.push(int256(uint256(type(uint128).max)) + 1);
        _unhealthy();
        feed.push(type(int256).max);
        _unhealthy();
        feed.push(int256(uint256(type(uint128).max)));
        assertEq(_status(address(usdc)), uint256(PegStatus.Kill));
    }

    // SPEC C7d
    function test_ATimeInTheFutureOrNone() public {
        feed.pushRound(ROUND, ONE_DOLLAR, block.timestamp, block.timestamp + 1, ROUND);
        _unhealthy();
        feed.pushRound(ROUND, ONE_DOLLAR, block.timestamp, type(uint256).max, ROUND);
        _unhealthy();
        feed.pushRound(ROUND, ONE_DOLLAR, block.timestamp, 0, ROUND);
        _unhealthy();
        feed.pushRound(ROUND, ONE_DOLLAR, block.timestamp, block.timestamp, ROUND);
        _healthy();
    }

    // SPEC C7d: an answer carried over from an earlier round.
    function test_AnsweredInAnEarlierRound() public {
        feed.pushRound(ROUND, ONE_DOLLAR, block.timestamp, block.timestamp, ROUND - 1);
        _unhealthy();
        feed.pushRound(ROUND, ONE_DOLLAR, block.timestamp, block.timestamp, ROUND);
        _healthy();
        feed.pushRound(ROUND, ONE_DOLLAR, block.timestamp, block.timestamp, ROUND + 1);
        _healthy();
    }

    // SPEC C7d
    function test_ARevertingFeed() public {
        feed.setReverting(true);
        _unhealthy();
        feed.setReverting(false);
        _healthy();
    }

    // SPEC C7d
    function test_AFeedThatBreaksTheInterface() public {
        HostileFeed hostile = new HostileFeed();
        vm.prank(timelock);
        killSwitch.setFeed(address(usdc), address(hostile), HEARTBEAT);
        _healthy();
        hostile.setFault(HostileFeed.Fault.ShortReturn);
        _unhealthy();
        hostile.setFault(HostileFeed.Fault.HugeRevert);
        _unhealthy();
        hostile.setFault(HostileFeed.Fault.BurnGas);
        _unhealthy();
        // More than five words is what a later version of the interface would return.
        hostile.setFault(HostileFeed.Fault.LongReturn);
        _healthy();
    }

    // SPEC C7d: a feed that burns its gas costs the reader a bounded amount.
    function test_AGasBurningFeedIsCapped() public {
        HostileFeed hostile = new HostileFeed();
        vm.prank(timelock);
        killSwitch.setFeed(address(usdc), address(hostile), HEARTBEAT);
        hostile.setFault(HostileFeed.Fault.BurnGas);
        uint256 before = gasleft();
        killSwitch.isOperational();
        assertLt(before - gasleft(), 250_000);
    }

    // SPEC C7d
    function test_AFeedWithoutCode() public {
        vm.etch(address(feed), "");
        _unhealthy();
    }

    // SPEC C7d
    function test_ATokenWithoutAFeed() public view {
        assertEq(_status(stranger), uint256(PegStatus.Unhealthy));
    }

    // SPEC C7d: whatever the feed says, nothing here reverts, and what is called healthy is.
    function testFuzz_NeverReverts(uint80 roundId, int256 answer, uint256 updatedAt, uint80 answeredIn) public {
        feed.pushRound(roundId, answer, updatedAt, updatedAt, answeredIn);
        bool trusted = answer > 0 && answer <= int256(uint256(type(uint128).max)) && updatedAt <= block.timestamp
            && answeredIn >= roundId && updatedAt + HEARTBEAT + GRACE >= block.timestamp;
        assertEq(_status(address(usdc)) != uint256(PegStatus.Unhealthy), trusted);
        killSwitch.shouldEmergencyWithdraw();
        assertTrue(killSwitch.canAdd(address(low)));
        if (killSwitch.isOperational()) assertTrue(trusted);
    }

    // SPEC C7: an inactive oracle trigger leaves the peg's alone.
    function test_AnInactiveTriggerIsSilent() public {
        vm.prank(timelock);
        killSwitch.setTrigger(Trigger.Oracle, false, 1 hours, 1 hours);
        feed.setReverting(true);
        assertTrue(killSwitch.isOperational());
    }

    // SPEC C7d, ERR-8: a venue's own feed blocks that venue and no other.
    function test_AVenuesFeedBlocksThatVenueAlone() public {
        (address token, ScriptedFeed own) = tokenWithFeed(low, "DAI");
        vm.prank(timelock);
        killSwitch.setBand(token, PegBandLib.dai());
        assertAllowed(low);
        own.setReverting(true);
        assertReason(low, ORACLE);
        assertAllowed(mid);
        assertTrue(killSwitch.isOperational());
        own.setReverting(false);
        own.push(0.9799e8);
        assertReason(low, PEG);
        assertAllowed(mid);
        assertTrue(killSwitch.isOperational());
        (bool withdraw,) = killSwitch.shouldEmergencyWithdraw();
        assertFalse(withdraw);
    }

    function _healthy() private view {
        assertEq(_status(address(usdc)), uint256(PegStatus.Safe));
        assertTrue(killSwitch.isOperational());
    }

    function _unhealthy() private view {
        assertEq(_status(address(usdc)), uint256(PegStatus.Unhealthy));
        (bool operational, string memory reason) = killSwitch.operationalStatus();
        assertFalse(operational);
        assertEq(reason, "Oracle failure detected");
        assertFalse(killSwitch.isOperational());
        // A feed that says nothing is no reason to sell.
        (bool withdraw,) = killSwitch.shouldEmergencyWithdraw();
        assertFalse(withdraw);
    }

    function _status(address token) private view returns (uint256) {
        (PegStatus status,) = killSwitch.pegStatus(token);
        return uint256(status);
    }
}
