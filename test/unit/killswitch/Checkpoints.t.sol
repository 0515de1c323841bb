// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {VenueTriggers} from "../../../contracts/VenueTriggers.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {Checkpoint, VenueStatus} from "../../../contracts/types/VenueWatch.sol";
import {LendingVenue} from "../../support/LendingVenue.sol";
import {Fault, ScriptedAdapter} from "../../support/ScriptedAdapter.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";

/// @notice Six-hourly checkpoints of the size that others have in a venue: seen in two blocks, the lower counts, from the block after
/// (SPEC C7b, ERR-5).
contract CheckpointsTest is KillSwitchFixture {
    // SPEC C7b
    function test_TheLowerOfTwoBlocksCountsFromTheBlockAfter() public {
        vm.expectEmit(address(killSwitch));
        emit VenueTriggers.SizeObserved(address(low), SIZE);
        look(low);
        assertEq(killSwitch.settledSize(address(low)), 0);
        mine(1);
        assertEq(killSwitch.settledSize(address(low)), 0);
        low.setVenueSize(SIZE - 1);
        vm.expectEmit(address(killSwitch));
        emit VenueTriggers.CheckpointConfirmed(address(low), SIZE - 1, SIZE, SIZE - 1);
        look(low);
        assertEq(killSwitch.settledSize(address(low)), 0);
        mine(1);
        assertEq(killSwitch.settledSize(address(low)), SIZE - 1);
    }

    // SPEC C7b: the other order gives the same.
    function test_ALowerFirstObservationCountsToo() public {
        low.setVenueSize(SIZE - 1);
        look(low);
        mine(1);
        low.setVenueSize(SIZE);
        look(low);
        mine(1);
        assertEq(killSwitch.settledSize(address(low)), SIZE - 1);
    }

    // SPEC C7b: assets borrowed for one transaction raise nothing, neither as first observation nor as confirmation.
    function test_BorrowedAssetsRaiseNoCheckpoint() public {
        _flashed(low, 100 * SIZE);
        mine(1);
        look(low);
        mine(1);
        assertEq(killSwitch.settledSize(address(low)), SIZE);

        look(mid);
        mine(1);
        _flashed(mid, 100 * SIZE);
        mine(1);
        assertEq(killSwitch.settledSize(address(mid)), SIZE);
    }

    // SPEC C7b: within one block there is no confirmation, however often the venue is observed.
    function test_OneBlockConfirmsNothing() public {
        _flashed(low, 100 * SIZE);
        _flashed(low, 50 * SIZE);
        look(low);
        mine(1);
        assertEq(killSwitch.settledSize(address(low)), 0);
        assertEq(killSwitch.venueStatus(address(low)).pending.size, 100 * SIZE);
    }

    // SPEC C7b: what counts already is moved by nobody, up or down, until six hours later.
    function test_ACountedCheckpointDoesNotMove() public {
        checkpoint(low);
        uint256 confirmedAt = vm.getBlockTimestamp() - BLOCK_TIME;
        for (uint256 i; i < 4; ++i) {
            low.setVenueSize(i % 2 == 0 ? SIZE / 2 : SIZE * 2);
            look(low);
            assertEq(killSwitch.settledSize(address(low)), SIZE);
            mine(1);
        }
        vm.warp(confirmedAt + 6 hours - 1);
        vm.recordLogs();
        look(low);
        assertEq(vm.getRecordedLogs().length, 0);
        vm.warp(confirmedAt + 6 hours);
        look(low);
        assertEq(vm.getRecordedLogs().length, 1);
    }

    // SPEC C7b: while the newest checkpoint does not count yet, the one before does: confirming is no way to stop additions.
    function test_TheOneBeforeCountsInTheBlockOfTheConfirmation() public {
        checkpoint(low);
        pass(6 hours);
        low.setVenueSize(2 * SIZE);
        look(low);
        assertEq(killSwitch.settledSize(address(low)), SIZE);
        mine(1);
        look(low);
        assertEq(killSwitch.settledSize(address(low)), SIZE);
        assertAllowed(low);
        mine(1);
        assertEq(killSwitch.settledSize(address(low)), 2 * SIZE);
    }

    // SPEC C7b: a checkpoint counts for 48 hours, to the second.
    function test_ACheckpointCountsForTwoDays() public {
        checkpoint(low);
        uint256 confirmedAt = vm.getBlockTimestamp() - BLOCK_TIME;
        vm.warp(confirmedAt + 48 hours);
        assertEq(killSwitch.settledSize(address(low)), SIZE);
        vm.warp(confirmedAt + 48 hours + 1);
        assertEq(killSwitch.settledSize(address(low)), 0);
    }

    // SPEC C7b: an observation waits six hours for its confirmation; after that it is replaced.
    function test_AnObservationWaitsSixHours() public {
        look(low);
        look(mid);
        vm.roll(vm.getBlockNumber() + 1);
        skip(6 hours);
        look(low);
        assertEq(killSwitch.venueStatus(address(low)).checkpoints[1].size, SIZE);
        skip(1);
        mid.setVenueSize(3 * SIZE);
        look(mid);
        assertEq(killSwitch.venueStatus(address(mid)).checkpoints[1].size, 0);
        mine(1);
        look(mid);
        mine(1);
        assertEq(killSwitch.settledSize(address(mid)), 3 * SIZE);
    }

    // SPEC C7b: the vault's own position is not part of it, and cannot push it below nothing.
    function test_TheVaultsOwnPositionIsNotCounted() public {
        low.setBook(SIZE / 4);
        checkpoint(low);
        assertEq(killSwitch.settledSize(address(low)), SIZE - SIZE / 4);
        mid.setBook(SIZE + 1);
        checkpoint(mid);
        assertEq(killSwitch.settledSize(address(mid)), 0);
        assertEq(killSwitch.venueStatus(address(mid)).checkpoints[1].time, vm.getBlockTimestamp() - BLOCK_TIME);
    }

    // SPEC C7, ERR-8: what cannot be read or is not listed is passed over, and the rest is seen.
    function test_AVenueThatCannotBeReadIsPassedOver() public {
        ScriptedAdapter unlisted = newAdapter();
        address[] memory adapters = new address[](5);
        (adapters[0], adapters[1], adapters[2], adapters[3], adapters[4]) =
        (address(low), address(high), stranger, address(unlisted), address(mid));
        high.setVenueSize(uint256(type(uint128).max) + 1);
        for (uint256 i = 1; i <= uint256(Fault.HugeReturn); ++i) {
            low.setFaults(Fault(i), Fault.None, Fault.None);
            killSwitch.observe(adapters);
            mine(1);
            assertEq(killSwitch.venueStatus(address(low)).pending.time, 0);
        }
        vm.etch(address(low), "");
        killSwitch.observe(adapters);
        mine(1);
        assertEq(killSwitch.settledSize(address(mid)), SIZE);
        assertEq(killSwitch.venueStatus(address(low)).pending.time, 0);
        assertEq(killSwitch.venueStatus(address(high)).pending.time, 0);
        assertEq(killSwitch.venueStatus(address(unlisted)).pending.time, 0);
    }

    // SPEC C7b: whoever brings so little gas that a venue would be missed misses all: an estimate of the gas cannot leave one out.
    function testFuzz_TooLittleGasObservesNothing(uint256 gas) public {
        gas = bound(gas, 25_000, 4_000_000);
        low.setFaults(Fault.BurnGas, Fault.None, Fault.None);
        address[] memory adapters = new address[](2);
        (adapters[0], adapters[1]) = (address(mid), address(low));
        (bool ok, bytes memory reason) =
            address(killSwitch).call{gas: gas}(abi.encodeCall(killSwitch.observe, (adapters)));
        // The broken one is passed over once it has had its gas, and the other is seen; or neither is.
        assertEq(killSwitch.venueStatus(address(mid)).pending.time != 0, ok);
        assertEq(killSwitch.venueStatus(address(low)).pending.time, 0);
        if (gas > 3_300_000) assertTrue(ok);
        if (gas < 3_150_000) assertFalse(ok);
        if (!ok && gas > 200_000) {
            assertEq(reason, abi.encodeWithSelector(VenueTriggers.GasTooLow.selector, 3_150_000));
        }
    }

    // SPEC C7b: a size that does not fit its place is the largest that does.
    function test_SizesSaturate() public {
        low.setVenueSize(uint256(type(uint88).max) + 1);
        checkpoint(low);
        assertEq(killSwitch.settledSize(address(low)), type(uint88).max);
    }

    // SPEC C7b: the size and the position of an ERC-4626 venue held directly are the venue's own figures.
    function test_AVenueHeldDirectly() public {
        LendingVenue venue = new LendingVenue(usdc);
        usdc.mint(address(this), 3 * SIZE);
        usdc.approve(address(venue), 3 * SIZE);
        venue.deposit(SIZE, address(vault));
        venue.deposit(2 * SIZE, bob);
        vm.mockCall(
            address(vault), abi.encodeCall(IVault.positionKind, (address(venue))), abi.encode(true, true, false)
        );
        checkpoint(ScriptedAdapter(address(venue)));
        assertEq(killSwitch.settledSize(address(venue)), 2 * SIZE);
        venue.setUnreadable(true);
        pass(6 hours);
        look(ScriptedAdapter(address(venue)));
        assertLt(killSwitch.venueStatus(address(venue)).pending.time, vm.getBlockTimestamp() - 6 hours);
    }

    // SPEC C7b, ERR-5: the ring keeps eight, six hours apart, so that one of them is always between one day and two days old.
    function test_TheRingReachesBackBeyondADay() public {
        for (uint256 i = 1; i <= 20; ++i) {
            low.setVenueSize(i * SIZE);
            checkpoint(low);
            VenueStatus memory status = killSwitch.venueStatus(address(low));
            uint256 age = vm.getBlockTimestamp() - status.baseline.time;
            if (i > 4) {
                assertGe(age, 24 hours);
                assertLt(age, 30 hours + 2 * BLOCK_TIME);
                assertEq(status.baseline.size, (i - 4) * SIZE);
            } else {
                assertEq(status.baseline.time, 0);
            }
            pass(6 hours - BLOCK_TIME);
        }
        Checkpoint[8] memory ring = killSwitch.venueStatus(address(low)).checkpoints;
        uint256 sum;
        for (uint256 i; i < 8; ++i) {
            sum += ring[i].size / SIZE;
        }
        assertEq(sum, 13 + 14 + 15 + 16 + 17 + 18 + 19 + 20);
    }

    // SPEC C7b: while nothing is due, observing costs one slot of each venue and calls none.
    function test_ObservingTooOftenIsCheap() public {
        checkpoint(low);
        low.setFaults(Fault.BurnGas, Fault.None, Fault.None);
        uint256 before = gasleft();
        look(low);
        assertLt(before - gasleft(), 15_000);
    }

    /// One transaction in which the venue is larger, and is observed.
    function _flashed(ScriptedAdapter adapter, uint256 size) private {
        uint256 real = adapter.venueSize();
        adapter.setVenueSize(size);
        look(adapter);
        adapter.setVenueSize(real);
    }
}
