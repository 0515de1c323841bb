// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Trigger} from "../interfaces/IKillSwitch.sol";

/// @notice A venue's size without the vault's own position, in assets, and when it was seen, in one slot.
struct Checkpoint {
    uint88 size;
    uint40 time;
    uint40 blockNumber;
}

/// @notice All that an addition needs to know of a venue, in one slot.
/// @param settledSize Size of the newest confirmed checkpoint, in assets.
/// @param settledTime Its Unix time; zero when there is none.
/// @param settledBlock Its block.
/// @param blockedUntil Unix time from which on no trip and no alert blocks additions any more.
/// @param blockedBy The trigger that set `blockedUntil`.
/// @param tokens How many tokens' feeds the venue depends on.
/// @param probes How many governance probes it has.
/// @param newest Index of the newest checkpoint in the ring.
/// @param guardianBlocked Whether a guardian blocked it; until governance unblocks it.
/// @param governanceTripped Whether its governed configuration was found changed; until governance accepts it.
struct VenueWatch {
    uint88 settledSize;
    uint40 settledTime;
    uint40 settledBlock;
    uint40 blockedUntil;
    Trigger blockedBy;
    uint8 tokens;
    uint8 probes;
    uint8 newest;
    bool guardianBlocked;
    bool governanceTripped;
}

/// @notice The slot of a {VenueWatch} as it was read: each field is cut out where it is needed.
type Watch is uint256;

using WatchLib for Watch global;
using WatchLib for VenueWatch global;

/// @title WatchLib
/// @notice The fields of {VenueWatch}, in the order in which the compiler packs them.
library WatchLib {
    /// @notice Reads the slot.
    function load(VenueWatch storage self) internal view returns (Watch watch) {
        assembly ("memory-safe") {
            watch := sload(self.slot)
        }
    }

    function settledSize(Watch self) internal pure returns (uint256) {
        return uint88(Watch.unwrap(self));
    }

    function settledTime(Watch self) internal pure returns (uint256) {
        return uint40(Watch.unwrap(self) >> 88);
    }

    function settledBlock(Watch self) internal pure returns (uint256) {
        return uint40(Watch.unwrap(self) >> 128);
    }

    function blockedUntil(Watch self) internal pure returns (uint256) {
        return uint40(Watch.unwrap(self) >> 168);
    }

    function blockedBy(Watch self) internal pure returns (Trigger) {
        return Trigger(uint8(Watch.unwrap(self) >> 208));
    }

    function tokens(Watch self) internal pure returns (uint256) {
        return uint8(Watch.unwrap(self) >> 216);
    }

    function probes(Watch self) internal pure returns (uint256) {
        return uint8(Watch.unwrap(self) >> 224);
    }

    function newest(Watch self) internal pure returns (uint256) {
        return uint8(Watch.unwrap(self) >> 232);
    }

    function isGuardianBlocked(Watch self) internal pure returns (bool) {
        return uint8(Watch.unwrap(self) >> 240) != 0;
    }

    function isGovernanceTripped(Watch self) internal pure returns (bool) {
        return Watch.unwrap(self) >> 248 != 0;
    }
}

/// @notice One trigger's memory of one venue.
/// @param armedAt Unix time of the arming; zero when not armed.
/// @param armedBlock Block of the arming.
/// @param blockedUntil Unix time until which this trigger's last trip blocks (of Governance: the watcher's alert).
struct TripRecord {
    uint40 armedAt;
    uint40 armedBlock;
    uint40 blockedUntil;
}

/// @notice What a two-step trigger finds at a venue now.
/// @param holds Whether its condition holds. A venue that cannot be read is not healthy: it holds.
/// @param readable Whether the venue could be read.
/// @param measured Tvl: the others' size, in assets. Utilisation: 1e18 = all of it. Zero when unreadable.
/// @param bound Tvl: the checkpoint aged 24–48 h, in assets, zero while there is none. Utilisation: the threshold.
struct Finding {
    bool holds;
    bool readable;
    uint256 measured;
    uint256 bound;
}

/// @notice Everything known of a venue, for dashboards.
/// @param allowed Whether funds may be added to it, the vault's own state aside.
/// @param reason Why not; empty when allowed.
/// @param alertUntil Unix time at which the watcher's alert ends.
/// @param fingerprint The recorded fingerprint of its governed configuration; zero without probes.
/// @param settledSize As limits are measured by, in assets; zero when there is none.
/// @param baseline The checkpoint aged 24–48 h; its time is zero during warm-up.
/// @param pending The newest first observation; it is unconfirmed if it is later than every checkpoint.
/// @param checkpoints The ring, in no order; time zero marks a free place.
struct VenueStatus {
    bool allowed;
    string reason;
    uint40 blockedUntil;
    Trigger blockedBy;
    bool guardianBlocked;
    bool governanceTripped;
    uint40 alertUntil;
    bytes32 fingerprint;
    TripRecord tvl;
    TripRecord utilisation;
    uint256 settledSize;
    Checkpoint baseline;
    Checkpoint pending;
    Checkpoint[8] checkpoints;
}
