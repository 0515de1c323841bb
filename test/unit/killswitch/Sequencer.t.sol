// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StablecoinPegMonitor} from "../../../contracts/StablecoinPegMonitor.sol";
import {Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {PegStatus} from "../../../contracts/types/PegBand.sol";
import {ScriptedFeed} from "../../../script/protocols/ScriptedFeed.sol";
import {HostileFeed} from "../../support/HostileFeed.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";

/// @notice On a rollup no price is trusted while its sequencer is down, for an hour after, or when nobody can say (SPEC ERR-3).
contract SequencerTest is KillSwitchFixture {
    uint80 private constant ROUND = 7;
    ScriptedFeed private uptime;

    function setUp() public override {
        super.setUp();
        uptime = new ScriptedFeed(0, "L2 Sequencer Uptime Status Feed", 0);
        vm.expectEmit(address(killSwitch));
        emit StablecoinPegMonitor.SequencerFeedSet(address(uptime));
        vm.prank(timelock);
        killSwitch.setSequencerFeed(address(uptime));
    }

    // SPEC ERR-3: at the end of the grace still not, one second later trusted.
    function test_NoPriceIsTrustedForAnHourAfterTheSequencerCameUp() public {
        skip(1 hours);
        _trusted(false);
        skip(1);
        _trusted(true);
    }

    // SPEC ERR-3
    function test_NoPriceIsTrustedWhileTheSequencerIsDown() public {
        skip(1 days);
        feed.push(ONE_DOLLAR);
        _trusted(true);
        _round(1, block.timestamp - 1 days);
        _trusted(false);
        _round(0, block.timestamp - 1 days);
        _trusted(true);
    }

    // SPEC ERR-3: a round that never began, or begins in the future, says nothing.
    function test_NoPriceIsTrustedIfTheUptimeIsNotKnown() public {
        skip(2 hours);
        _round(0, 0);
        _trusted(false);
        _round(0, block.timestamp + 1);
        _trusted(false);
        _round(-1, block.timestamp - 2 hours);
        _trusted(false);
        _round(0, block.timestamp - 2 hours);
        _trusted(true);
        uptime.setReverting(true);
        _trusted(false);
    }

    // SPEC ERR-3, ERR-8: whatever the uptime feed does, nothing reverts.
    function test_AHostileUptimeFeedIsUnhealthyAndNoMore() public {
        HostileFeed hostile = new HostileFeed();
        vm.prank(timelock);
        killSwitch.setSequencerFeed(address(hostile));
        for (uint256 i = 1; i < 5; ++i) {
            hostile.setFault(HostileFeed.Fault(i));
            _trusted(false);
        }
    }

    // SPEC ERR-3: without a sequencer there is nothing to ask.
    function test_WithoutAnUptimeFeedPricesStandAlone() public {
        _round(1, block.timestamp);
        _trusted(false);
        vm.prank(timelock);
        killSwitch.setSequencerFeed(address(0));
        _trusted(true);
    }

    // SPEC C7d: anyone can record that the sequencer is down.
    function test_ADownSequencerCanBeTripped() public {
        skip(2 hours);
        vm.expectRevert(notMet(Trigger.Oracle, address(usdc)));
        killSwitch.trip(Trigger.Oracle, address(usdc));
        _round(1, block.timestamp);
        killSwitch.trip(Trigger.Oracle, address(usdc));
        assertEq(lastTriggered(Trigger.Oracle), block.timestamp);
    }

    function test_RevertIf_TheUptimeFeedCannotBeRead() public {
        vm.expectRevert(abi.encodeWithSelector(StablecoinPegMonitor.SequencerFeedUnreadable.selector, stranger));
        vm.prank(timelock);
        killSwitch.setSequencerFeed(stranger);
    }

    function _round(int256 answer, uint256 startedAt) private {
        uptime.pushRound(ROUND, answer, startedAt, block.timestamp, ROUND);
    }

    function _trusted(bool expected) private view {
        (PegStatus status,) = killSwitch.pegStatus(address(usdc));
        assertEq(uint256(status), uint256(expected ? PegStatus.Safe : PegStatus.Unhealthy));
        (bool operational, string memory reason) = killSwitch.operationalStatus();
        assertEq(operational, expected);
        assertEq(reason, expected ? "" : ORACLE);
    }
}
