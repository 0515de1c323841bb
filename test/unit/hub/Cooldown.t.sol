// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";

/// @notice How often the keeper may move (SPEC C4).
contract CooldownTest is BallastFixture {
    uint256 private first;
    bool private up;

    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        first = vm.getBlockTimestamp();
    }

    // SPEC C4: one second early reverts, exactly at the cooldown passes.
    function test_CooldownEdge() public {
        rebalance(one(low, 1000));
        assertEq(hub.nextRebalanceAt(), first + COOLDOWN);
        pass(COOLDOWN - 1);
        rebalanceReverts(one(low, 2000), abi.encodeWithSelector(IStrategyHub.CooldownActive.selector, first + COOLDOWN));
        pass(1);
        rebalance(one(low, 2000));
    }

    // SPEC C4: at one hour of cooldown the rule of four is what holds the fifth back, until exactly 24 h after the first.
    function test_FifthInTwentyFourHours() public {
        IStrategyHub.Limits memory limits = defaultLimits();
        limits.cooldown = 1 hours;
        setLimits(limits);
        for (uint256 i; i < 4; ++i) {
            _toggle();
            pass(1 hours);
        }
        assertEq(hub.nextRebalanceAt(), first + 24 hours);
        bytes memory reason = abi.encodeWithSelector(IStrategyHub.CooldownActive.selector, first + 24 hours);
        rebalanceReverts(one(low, up ? 1000 : 2000), reason);
        pass(20 hours - 1);
        rebalanceReverts(one(low, up ? 1000 : 2000), reason);
        pass(1);
        _toggle();
        // The window rolls: the sixth waits for the second, not for the fifth.
        assertEq(hub.nextRebalanceAt(), first + 25 hours);
        pass(1 hours - 1);
        rebalanceReverts(
            one(low, up ? 1000 : 2000), abi.encodeWithSelector(IStrategyHub.CooldownActive.selector, first + 25 hours)
        );
        pass(1);
        _toggle();
    }

    // SPEC C4
    function test_RecentRebalancesNewestFirst() public {
        _toggle();
        pass(COOLDOWN);
        _toggle();
        uint256[4] memory times = hub.recentRebalances();
        assertEq(times[0], first + COOLDOWN);
        assertEq(times[1], first);
        assertEq(times[2], 0);
        assertEq(times[3], 0);
    }

    // SPEC C4: taking risk off is never rate-limited.
    function test_ReduceBypassesTheCooldown() public {
        rebalance(one(low, 5000));
        vm.startPrank(keeper);
        for (uint256 i; i < 6; ++i) {
            hub.reduce(address(low), 10e6, 10e6, "");
        }
        vm.stopPrank();
        vm.prank(guardian);
        hub.emergencyExit();
        assertEq(vault.idle(), 1000e6);
    }

    // SPEC C4: a longer cooldown set by governance holds at once, also for the move already made.
    function test_ALongerCooldownHoldsAtOnce() public {
        rebalance(one(low, 1000));
        IStrategyHub.Limits memory limits = defaultLimits();
        limits.cooldown = 24 hours;
        setLimits(limits);
        pass(24 hours - 1);
        rebalanceReverts(one(low, 2000), abi.encodeWithSelector(IStrategyHub.CooldownActive.selector, first + 24 hours));
        pass(1);
        rebalance(one(low, 2000));
    }

    function _toggle() private {
        up = !up;
        rebalance(one(low, up ? 2000 : 1000));
    }
}
