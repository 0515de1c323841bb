// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {Checkpoint, TripRecord, VenueWatch} from "../../../contracts/types/VenueWatch.sol";
import {KillSwitchFixture} from "../../unit/killswitch/KillSwitchFixture.sol";

/// @notice The packed records, between two words that must not change.
contract Packed {
    bytes32 public before = keccak256("before");
    VenueWatch public watch;
    bytes32 public between = keccak256("between");
    Checkpoint public checkpoint;
    TripRecord public record;
    bytes32 public beyond = keccak256("beyond");

    function set(VenueWatch calldata watch_, Checkpoint calldata checkpoint_, TripRecord calldata record_) external {
        (watch, checkpoint, record) = (watch_, checkpoint_, record_);
    }

    function all() external view returns (VenueWatch memory, Checkpoint memory, TripRecord memory) {
        return (watch, checkpoint, record);
    }
}

/// @notice Checkpoints against a plain list kept by the test, and the round trip of what is packed (SPEC C7b).
contract SizeHistoryFuzzTest is KillSwitchFixture {
    struct Seen {
        uint256 size;
        uint256 time;
        uint256 blockNumber;
    }

    Seen[] private confirmed;
    Seen private waiting;

    // SPEC C7b: whatever the order of sizes, blocks and observations.
    function testFuzz_CheckpointsAreTheLowerOfTwoBlocks(uint256[40] calldata seeds) public {
        for (uint256 i; i < seeds.length; ++i) {
            uint256 size = bound(uint64(seeds[i]), 1, 1e18);
            low.setVenueSize(size);
            if (seeds[i] >> 254 != 0) {
                look(low);
                _model(size);
            }
            _assertAsModelled();
            uint256 blocks = (seeds[i] >> 64) % 3;
            // No block, no time.
            if (blocks != 0) skip((seeds[i] >> 128) % ((seeds[i] >> 192) % 4 == 0 ? 30 hours : 4 hours));
            vm.roll(vm.getBlockNumber() + blocks);
            _assertAsModelled();
        }
    }

    // Each record is one word, and no field touches another.
    function testFuzz_ThePackedRecordsRoundTrip(
        uint256[10] calldata fields,
        Checkpoint memory checkpoint_,
        TripRecord memory record
    ) public {
        VenueWatch memory watch = VenueWatch({
            settledSize: uint88(fields[0]),
            settledTime: uint40(fields[1]),
            settledBlock: uint40(fields[2]),
            blockedUntil: uint40(fields[3]),
            blockedBy: Trigger(fields[4] % 5),
            tokens: uint8(fields[5]),
            probes: uint8(fields[6]),
            newest: uint8(fields[7]),
            guardianBlocked: fields[8] % 2 == 1,
            governanceTripped: fields[9] % 2 == 1
        });
        Packed packed = new Packed();
        packed.set(watch, checkpoint_, record);
        (VenueWatch memory watch_, Checkpoint memory checkpoint__, TripRecord memory record_) = packed.all();
        assertEq(abi.encode(watch_), abi.encode(watch));
        assertEq(abi.encode(checkpoint__), abi.encode(checkpoint_));
        assertEq(abi.encode(record_), abi.encode(record));
        assertEq(vm.load(address(packed), bytes32(uint256(0))), keccak256("before"));
        assertEq(vm.load(address(packed), bytes32(uint256(2))), keccak256("between"));
        assertEq(vm.load(address(packed), bytes32(uint256(5))), keccak256("beyond"));
    }

    function _model(uint256 size) private {
        (uint256 now_, uint256 number) = (vm.getBlockTimestamp(), vm.getBlockNumber());
        uint256 last = confirmed.length == 0 ? 0 : confirmed[confirmed.length - 1].time;
        if (now_ < last + 6 hours) return;
        if (waiting.blockNumber == number) return;
        if (waiting.blockNumber != 0 && now_ <= waiting.time + 6 hours) {
            confirmed.push(Seen(size < waiting.size ? size : waiting.size, now_, number));
            delete waiting;
        } else {
            waiting = Seen(size, now_, number);
        }
    }

    function _assertAsModelled() private view {
        (uint256 now_, uint256 number) = (vm.getBlockTimestamp(), vm.getBlockNumber());
        uint256 settled;
        uint256 baseline;
        bool found;
        for (uint256 i = confirmed.length; i > 0; --i) {
            Seen memory seen = confirmed[i - 1];
            if (seen.blockNumber == number) continue;
            if (!found && now_ - seen.time <= 48 hours) settled = seen.size;
            found = true;
            if (now_ - seen.time >= 24 hours) {
                if (now_ - seen.time <= 48 hours) baseline = seen.size;
                break;
            }
        }
        assertEq(killSwitch.settledSize(address(low)), settled, "settled");
        assertEq(killSwitch.venueStatus(address(low)).baseline.size, baseline, "baseline");
    }
}
