// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {VenueTriggers} from "../../../contracts/VenueTriggers.sol";
import {Mode, Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {ScriptedFeed} from "../../../script/protocols/ScriptedFeed.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {ScriptedAdapter} from "../../support/ScriptedAdapter.sol";

/// @title KillSwitchFixture
/// @notice What the kill switch's tests do to venues and feeds. Blocks and seconds pass together, twelve seconds a block.
abstract contract KillSwitchFixture is BallastFixture {
    uint256 internal constant SIZE = 1_000_000e6;
    uint256 internal constant BLOCK_TIME = 12;
    string internal constant TVL = "TVL crash detected";
    string internal constant UTILISATION = "Utilization spike detected";
    string internal constant GOVERNANCE = "Governance attack detected";
    string internal constant PEG = "Stablecoin depeg detected";
    string internal constant ORACLE = "Oracle failure detected";

    function setUp() public virtual override {
        super.setUp();
        low.setVenueSize(SIZE);
        mid.setVenueSize(SIZE);
    }

    /// @dev No venue has been observed yet.
    // solhint-disable-next-line no-empty-blocks
    function observeAtStart() internal override {}

    /// @notice Lets blocks and their time pass, the asset's feed answering on.
    function mine(uint256 blocks) internal {
        vm.roll(vm.getBlockNumber() + blocks);
        skip(blocks * BLOCK_TIME);
        feed.push(feed.latestAnswer());
    }

    function look(ScriptedAdapter adapter) internal {
        address[] memory adapters = new address[](1);
        adapters[0] = address(adapter);
        killSwitch.observe(adapters);
    }

    /// @notice A confirmed checkpoint of the venue's present size, from a block that has passed.
    function checkpoint(ScriptedAdapter adapter) internal {
        look(adapter);
        mine(1);
        look(adapter);
        mine(1);
    }

    /// @notice As {checkpoint}, 24 hours ago: what the TVL trigger measures against.
    function history(ScriptedAdapter adapter) internal {
        checkpoint(adapter);
        pass(24 hours);
    }

    /// @notice Arms a trigger and waits until it can trip.
    function arm(Trigger trigger, ScriptedAdapter adapter) internal {
        killSwitch.trip(trigger, address(adapter));
        mine(killSwitch.CONFIRM_BLOCKS());
    }

    function armAndTrip(Trigger trigger, ScriptedAdapter adapter) internal {
        arm(trigger, adapter);
        killSwitch.trip(trigger, address(adapter));
    }

    function tokenWithFeed(ScriptedAdapter adapter, string memory name)
        internal
        returns (address token, ScriptedFeed tokenFeed)
    {
        token = makeAddr(name);
        tokenFeed = new ScriptedFeed(8, name, ONE_DOLLAR);
        address[] memory tokens = new address[](1);
        tokens[0] = token;
        vm.startPrank(timelock);
        killSwitch.setFeed(token, address(tokenFeed), HEARTBEAT);
        killSwitch.setVenueTokens(address(adapter), tokens);
        vm.stopPrank();
    }

    function setTrigger(Trigger trigger, bool active, uint256 threshold, uint256 cooldown) internal {
        vm.prank(timelock);
        killSwitch.setTrigger(trigger, active, threshold, cooldown);
    }

    function assertAllowed(ScriptedAdapter adapter) internal view {
        assertReason(adapter, "");
    }

    /// @notice The venue is blocked with exactly this reason, by every view that tells; allowed if it is empty.
    function assertReason(ScriptedAdapter adapter, string memory reason) internal view {
        bool allowed = bytes(reason).length == 0;
        assertEq(killSwitch.venueStatus(address(adapter)).reason, reason);
        assertEq(killSwitch.venueStatus(address(adapter)).allowed, allowed);
        assertEq(killSwitch.canAdd(address(adapter)), allowed);
        (bool may, uint256 settled) = killSwitch.additionStatus(address(adapter));
        assertEq(may, allowed);
        assertEq(settled, killSwitch.settledSize(address(adapter)));
        assertEq(killSwitch.addableSize(address(adapter)), allowed ? settled : 0);
    }

    /// @notice `adapter` stays blocked for `time` from now and not a second longer; the others and the vault are not concerned.
    function assertBlockedFor(ScriptedAdapter adapter, uint256 time, string memory reason) internal {
        skip(time - 1);
        feed.push(ONE_DOLLAR);
        assertReason(adapter, reason);
        assertAllowed(adapter == mid ? low : mid);
        assertTrue(killSwitch.isOperational());
        assertEq(uint256(killSwitch.mode()), uint256(Mode.Normal));
        skip(1);
        assertAllowed(adapter);
    }

    function notMet(Trigger trigger, address subject) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(VenueTriggers.ConditionNotMet.selector, trigger, subject);
    }

    function lastTriggered(Trigger trigger) internal view returns (uint256 time) {
        (,,, time) = killSwitch.conditions(trigger);
    }
}
