// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AutomationUpkeep} from "../../../contracts/AutomationUpkeep.sol";
import {VenueTriggers} from "../../../contracts/VenueTriggers.sol";
import {IAutomationCompatible} from "../../../contracts/interfaces/IAutomationCompatible.sol";
import {Mode, Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {ScriptedFeed} from "../../../script/protocols/ScriptedFeed.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";

/// @notice The duties that anyone may do, as Chainlink Automation does them (SPEC X9).
contract AutomationUpkeepTest is KillSwitchFixture {
    AutomationUpkeep private upkeep;

    function setUp() public override {
        super.setUp();
        upkeep = new AutomationUpkeep(killSwitch);
    }

    // SPEC X9: the selectors that the registry calls.
    function test_TheInterfaceIsChainlinks() public pure {
        assertEq(IAutomationCompatible.checkUpkeep.selector, bytes4(0x6e04ff0d));
        assertEq(IAutomationCompatible.performUpkeep.selector, bytes4(0x4585e33b));
    }

    // SPEC X9: two observations in two blocks, and then none for six hours.
    function test_ObservationsAreDueUntilTheSizeIsSettled() public {
        assertEq(killSwitch.settledSize(address(low)), 0);
        assertDuty(true);
        mine(1);
        assertDuty(true);
        mine(1);
        assertEq(killSwitch.settledSize(address(low)), SIZE);
        assertIdle();
        pass(6 hours - BLOCK_TIME - 1);
        assertIdle();
        pass(1);
        assertDuty(true);
    }

    // SPEC X9, C7b: armed, left alone until it can be confirmed, tripped, and left alone while it blocks.
    function test_ACrashIsArmedConfirmedAndThenLeftAlone() public {
        settle();
        pass(24 hours);
        settle();
        low.setVenueSize(SIZE / 2);
        vm.expectEmit(address(killSwitch));
        emit VenueTriggers.Armed(Trigger.Tvl, address(low), address(upkeep), true, SIZE / 2, SIZE);
        assertDuty(false);
        mine(killSwitch.CONFIRM_BLOCKS() - 1);
        assertIdle();
        mine(1);
        assertDuty(false);
        assertReason(low, TVL);
        assertIdle();
        skip(1 days - 1);
        feed.push(ONE_DOLLAR);
        assertReason(low, TVL);
    }

    // SPEC X9, C7a: the vault is in Exit once, and there is nothing more to do about the peg.
    function test_TheAssetsPegIsTrippedOnce() public {
        settle();
        feed.push(0.97e8);
        assertDuty(false);
        assertEq(uint256(killSwitch.mode()), uint256(Mode.Exit));
        assertIdle();
    }

    // SPEC X9, C7d: a feed that cannot be trusted blocks what depends on it, again when that has ended.
    function test_AnotherTokensFeedIsTrippedAgainWhenItsBlockEnds() public {
        settle();
        (address token, ScriptedFeed tokenFeed) = tokenWithFeed(low, "token");
        assertIdle();
        tokenFeed.push(-1);
        assertDuty(false);
        (,,,, uint40 until,) = killSwitch.feeds(token);
        assertEq(until, vm.getBlockTimestamp() + 1 hours);
        skip(1 hours - 1);
        feed.push(ONE_DOLLAR);
        assertIdle();
        skip(1);
        feed.push(ONE_DOLLAR);
        tokenFeed.push(-1);
        assertDuty(false);
    }

    // SPEC X9: a venue that burns all it is given is nobody's but its own upkeep's trouble.
    function test_SeveralUpkeepsShareThePositions() public {
        settle();
        low.setFaults(Fault.BurnGas, Fault.None, Fault.None);
        address[] memory others = new address[](1);
        others[0] = address(mid);
        (bool needed,) = check(abi.encode(others));
        assertFalse(needed);
        others[0] = address(low);
        (needed,) = check(abi.encode(others));
        assertTrue(needed);
    }

    // SPEC X9: what anybody sends is judged by the switch.
    function test_RevertIf_NothingHolds() public {
        settle();
        AutomationUpkeep.Duty memory duty = AutomationUpkeep.Duty(Trigger.Tvl, address(low), new address[](0));
        vm.expectRevert(notMet(Trigger.Tvl, address(low)));
        vm.prank(stranger);
        upkeep.performUpkeep(abi.encode(duty));
    }

    // SPEC X9: a check does what it tries, so it is no transaction.
    function test_RevertIf_ACheckIsSent() public {
        vm.prank(stranger, stranger);
        vm.expectRevert(abi.encodeWithSelector(AutomationUpkeep.OnlySimulated.selector, stranger));
        upkeep.checkUpkeep("");
    }

    /// @dev As a node does it: simulated from nobody, and nothing of it stays.
    function check(bytes memory checkData) private returns (bool needed, bytes memory performData) {
        uint256 state = vm.snapshotState();
        vm.prank(address(this), address(0));
        (needed, performData) = upkeep.checkUpkeep(checkData);
        vm.revertToState(state);
    }

    /// @dev Something is due, and whoever performs it succeeds.
    function assertDuty(bool observes) private {
        (bool needed, bytes memory performData) = check("");
        assertTrue(needed, "nothing is due");
        AutomationUpkeep.Duty memory duty = abi.decode(performData, (AutomationUpkeep.Duty));
        assertEq(duty.observed.length != 0, observes, "another duty");
        vm.prank(stranger);
        upkeep.performUpkeep(performData);
    }

    function assertIdle() private {
        (bool needed, bytes memory performData) = check("");
        assertFalse(needed, "something is due");
        assertEq(performData.length, 0);
    }

    /// @dev Checkpoints of all positions now.
    function settle() private {
        address[] memory positions = vault.adapters();
        killSwitch.observe(positions);
        mine(1);
        killSwitch.observe(positions);
        mine(1);
    }
}
