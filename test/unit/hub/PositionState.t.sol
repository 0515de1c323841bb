// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {LendingVenue} from "../../support/LendingVenue.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";

/// @notice What a rebalance would be judged by, in one read that no venue can make revert (SPEC C3, C5).
contract PositionStateTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
    }

    // SPEC C5
    function test_OfAnAdapter() public {
        rebalance(one(low, 3000));
        low.setUtilisation(0.5e18);
        low.setLiquidityCap(200e6);
        low.setVenueSize(7e6);
        vm.prank(timelock);
        hub.setRiskScore(address(low), 42);
        IStrategyHub.PositionState memory state = hub.positionState(address(low));
        assertTrue(state.readable);
        assertFalse(state.direct);
        assertTrue(state.canAdd);
        assertEq(state.value, 300e6);
        assertEq(state.liquidity, 200e6);
        assertEq(state.utilisation, 0.5e18);
        assertEq(state.size, 7e6);
        assertEq(state.settledSize, killSwitch.settledSize(address(low)));
        assertGt(state.settledSize, 0);
        assertEq(state.cap, CAP);
        assertEq(state.targetBps, 3000);
        assertEq(state.riskScore, 42);
        assertEq(state.flowUsedBps, 3000);
    }

    // SPEC C5
    function test_OfAVenueHeldDirectly() public {
        LendingVenue venue = new LendingVenue(usdc);
        usdc.mint(address(this), 1_000_000e6);
        usdc.approve(address(venue), 1_000_000e6);
        venue.deposit(1_000_000e6, address(this));
        vm.prank(timelock);
        vault.listVenue(address(venue), 5e6);
        vm.prank(timelock);
        vault.setAdapterCap(address(venue), 500e6);
        observe();
        rebalance(one(address(venue), 4000));
        venue.lend(1_000_000e6 + 100e6);
        IStrategyHub.PositionState memory state = hub.positionState(address(venue));
        assertTrue(state.readable);
        assertTrue(state.direct);
        assertEq(state.value, 400e6);
        assertEq(state.liquidity, 300e6);
        assertEq(state.utilisation, 0.25e18);
        assertEq(state.size, 1_000_400e6);
        assertEq(state.cap, 500e6);
        venue.setUnreadable(true);
        assertFalse(hub.positionState(address(venue)).readable);
    }

    // SPEC C10: whatever the venue does.
    function test_OfAVenueThatCannotBeRead() public {
        Fault[3] memory faults = [Fault.Revert, Fault.BurnGas, Fault.HugeReturn];
        for (uint256 i; i < faults.length; ++i) {
            low.setFaults(faults[i], Fault.None, Fault.None);
            IStrategyHub.PositionState memory state = hub.positionState(address(low));
            assertFalse(state.readable);
            assertEq(state.value, 0);
        }
    }

    function test_OfWhatIsNoPosition() public view {
        IStrategyHub.PositionState memory state = hub.positionState(stranger);
        assertFalse(state.readable);
        assertEq(state.cap, 0);
        assertEq(state.settledSize, 0);
    }

    function test_SaysWhetherTheSwitchLetsItBeAddedTo() public {
        vm.prank(guardian);
        killSwitch.blockVenue(address(low));
        assertFalse(hub.positionState(address(low)).canAdd);
        assertTrue(hub.positionState(address(mid)).canAdd);
    }
}
