// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";

/// @notice Which size of a venue counts (SPEC C5). Anyone observes; nobody can raise within a window.
contract CheckpointTest is BallastFixture {
    uint256 private constant SIZE = 1_000_000_000e6;

    // SPEC C5
    function test_AnyoneObserves() public {
        low.setVenueSize(SIZE / 2);
        vm.expectEmit(address(hub));
        emit IStrategyHub.Checkpointed(address(low), SIZE / 2, SIZE / 2);
        vm.prank(stranger);
        hub.checkpoint(address(low));
        assertEq(hub.settledSize(address(low)), SIZE / 2);
    }

    // SPEC C5
    function test_InAWindowOnlyALowerSizeCounts() public {
        low.setVenueSize(SIZE * 2);
        vm.expectEmit(address(hub));
        emit IStrategyHub.Checkpointed(address(low), SIZE * 2, SIZE);
        hub.checkpoint(address(low));
        assertEq(hub.settledSize(address(low)), SIZE);
        low.setVenueSize(SIZE - 1);
        hub.checkpoint(address(low));
        assertEq(hub.settledSize(address(low)), SIZE - 1);
    }

    // SPEC C5: one second before the window ends nothing rises; with its end a new one begins.
    function test_WindowEdge() public {
        low.setVenueSize(SIZE * 2);
        skip(hub.CHECKPOINT_WINDOW() - 1);
        nextBlock();
        hub.checkpoint(address(low));
        nextBlock();
        assertEq(hub.settledSize(address(low)), SIZE);
        skip(1);
        hub.checkpoint(address(low));
        // In the block that opens the window the one before still counts.
        assertEq(hub.settledSize(address(low)), SIZE);
        assertEq(hub.venue(address(low)).previousSize, SIZE);
        nextBlock();
        assertEq(hub.settledSize(address(low)), SIZE * 2);
    }

    // SPEC C5: an inflated opening of a window is undone by any honest observation after it.
    function test_AnyoneUndoesAnInflatedObservation() public {
        skip(hub.CHECKPOINT_WINDOW());
        nextBlock();
        low.setVenueSize(1000 * SIZE);
        hub.checkpoint(address(low));
        low.setVenueSize(SIZE);
        vm.prank(stranger);
        hub.checkpoint(address(low));
        nextBlock();
        assertEq(hub.settledSize(address(low)), SIZE);
    }

    // SPEC C5: an addition observes the venue itself.
    function test_AnAdditionObserves() public {
        deposit(alice, 1000e6);
        low.setVenueSize(SIZE / 4);
        rebalance(one(low, 1000));
        assertEq(hub.venue(address(low)).size, SIZE / 4);
    }

    function test_ASizeThatDoesNotFitSaturates() public {
        skip(hub.CHECKPOINT_WINDOW());
        low.setVenueSize(type(uint256).max);
        hub.checkpoint(address(low));
        nextBlock();
        assertEq(hub.settledSize(address(low)), type(uint96).max);
    }

    function test_RevertIf_NotListed() public {
        vm.expectRevert(abi.encodeWithSelector(IStrategyHub.NotListed.selector, stranger));
        hub.checkpoint(stranger);
    }
}
