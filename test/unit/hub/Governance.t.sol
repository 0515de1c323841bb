// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StrategyHub} from "../../../contracts/StrategyHub.sol";
import {IKillSwitch} from "../../../contracts/interfaces/IKillSwitch.sol";
import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";

/// @notice The parameters of the policy and the bounds that governance itself cannot cross (SPEC C4, C5, C13).
contract HubGovernanceTest is BallastFixture {
    // SPEC C5, C13
    function test_SetLimitsEmitsAndStores() public {
        IStrategyHub.Limits memory limits = defaultLimits();
        limits.reserveBps = 1000;
        limits.cooldown = 24 hours;
        vm.expectEmit(address(hub));
        emit IStrategyHub.LimitsSet(limits);
        setLimits(limits);
        assertEq(abi.encode(hub.limits()), abi.encode(limits));
    }

    // SPEC C4, C5: each hard bound, at it and one past it.
    function test_HardBoundsOfEveryLimit() public {
        IStrategyHub.Limits memory l = defaultLimits();
        l.reserveBps = 499;
        _refused(l);
        l.reserveBps = 10_001;
        _refused(l);
        l.reserveBps = 10_000;
        _accepted(l);

        l = defaultLimits();
        l.minPositionBps = 499;
        _refused(l);
        l.minPositionBps = 5001;
        _refused(l);
        l.minPositionBps = 5000;
        _accepted(l);

        l = defaultLimits();
        l.maxPositionBps = 5001;
        _refused(l);
        l.maxPositionBps = 499;
        _refused(l);
        l.maxPositionBps = 500;
        _accepted(l);

        l = defaultLimits();
        l.minStepBps = 499;
        _refused(l);
        l.minStepBps = 10_001;
        _refused(l);
        l.minStepBps = 10_000;
        _accepted(l);

        l = defaultLimits();
        l.maxVenueShareBps = 101;
        _refused(l);
        l.maxVenueShareBps = 0;
        _accepted(l);

        l = defaultLimits();
        l.maxUtilisationBps = 9501;
        _refused(l);
        l.maxUtilisationBps = 0;
        _accepted(l);

        l = defaultLimits();
        l.flowBps = 10_001;
        _refused(l);
        l.flowBps = 0;
        _accepted(l);

        l = defaultLimits();
        l.approvalBps = 10_001;
        _refused(l);
        l.approvalBps = 0;
        _accepted(l);

        l = defaultLimits();
        l.cooldown = 1 hours - 1;
        _refused(l);
        l.cooldown = 24 hours + 1;
        _refused(l);
        l.cooldown = 1 hours;
        _accepted(l);
        l.cooldown = 24 hours;
        _accepted(l);
    }

    function test_RevertIf_DeployedOutOfBounds() public {
        IStrategyHub.Limits memory l = defaultLimits();
        l.cooldown = 0;
        vm.expectRevert(IStrategyHub.LimitOutOfBounds.selector);
        new StrategyHub(vault, killSwitch, attestor.addr, timelock, l, GRACE_PERIOD);
    }

    function test_SetAttestorTakesEffectAtOnce() public {
        deposit(alice, 1000e6);
        vm.expectEmit(address(hub));
        emit IStrategyHub.AttestorSet(bob);
        vm.prank(timelock);
        hub.setAttestor(bob);
        assertEq(hub.attestor(), bob);
        rebalanceReverts(one(low, 1000), abi.encodeWithSelector(IStrategyHub.WrongAttestor.selector, attestor.addr));
    }

    function test_SetKillSwitch() public {
        vm.expectEmit(address(hub));
        emit IStrategyHub.KillSwitchSet(bob);
        vm.prank(timelock);
        hub.setKillSwitch(IKillSwitch(bob));
        assertEq(address(hub.killSwitch()), bob);
    }

    function test_RiskScoreEdge() public {
        vm.expectRevert(abi.encodeWithSelector(IStrategyHub.ScoreOutOfBounds.selector, 101));
        vm.prank(timelock);
        hub.setRiskScore(address(low), 101);
        vm.expectEmit(address(hub));
        emit IStrategyHub.RiskScoreSet(address(low), 100);
        vm.prank(timelock);
        hub.setRiskScore(address(low), 100);
        assertEq(hub.riskScore(address(low)), 100);
    }

    function _refused(IStrategyHub.Limits memory l) private {
        vm.expectRevert(IStrategyHub.LimitOutOfBounds.selector);
        vm.prank(timelock);
        hub.setLimits(l);
    }

    function _accepted(IStrategyHub.Limits memory l) private {
        setLimits(l);
        assertEq(abi.encode(hub.limits()), abi.encode(l));
    }
}
