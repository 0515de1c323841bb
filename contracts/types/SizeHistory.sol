// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Checkpoint, VenueWatch, Watch} from "./VenueWatch.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice A venue's confirmed checkpoints, the newest at `VenueWatch.newest`, and the observation that waits for its confirmation.
struct SizeHistory {
    Checkpoint pending;
    Checkpoint[8] ring;
}

using SizeHistoryLib for SizeHistory global;

/// @title SizeHistoryLib
/// @notice Six-hourly checkpoints in two phases: the first observation waits, one in a later block confirms it, and the lower of the two
/// counts from the block after.
///
/// What this buys: assets borrowed for one transaction are gone in the second observation, so they raise no checkpoint. Raising one
/// takes assets that stay through two blocks. Lowering one takes only a single observation, but somebody's own part of the
/// venue: who takes his deposit out, has the venue observed and puts it back, all in one transaction, is missing from that
/// checkpoint. It makes limits tighter, and the TVL trigger blind to his own leaving 24 to 48 hours later, and to nothing else.
/// @dev Eight places at least six hours apart reach back 42 hours or more; the newest checkpoint that is 24 hours old is always
/// among the newest five.
library SizeHistoryLib {
    using SafeCast for uint256;

    /// @notice Least time between checkpoints, and the longest that an observation waits for its confirmation.
    uint256 internal constant SPACING = 6 hours;
    /// @notice A checkpoint older than this counts for nothing.
    uint256 internal constant MAX_AGE = 48 hours;
    /// @notice Least age of the checkpoint that the TVL trigger measures against.
    uint256 internal constant BASELINE_AGE = 24 hours;
    /// @notice Sizes saturate here.
    uint256 internal constant MAX_SIZE = type(uint88).max;
    uint256 private constant PLACES = 8;

    /// @notice Whether an observation now would be recorded, as a first one or as a confirmation.
    function isDue(SizeHistory storage self, Watch watch) internal view returns (bool) {
        return block.timestamp >= watch.settledTime() + SPACING && self.pending.blockNumber != block.number;
    }

    /// @notice Whether an observation waits for its confirmation.
    function isPending(SizeHistory storage self, Watch watch) internal view returns (bool) {
        uint256 time = self.pending.time;
        return time > watch.settledTime() && block.timestamp <= time + SPACING;
    }

    /// @notice Records a first observation. The caller has asked {isDue}.
    /// @param size In assets, at most MAX_SIZE.
    function begin(SizeHistory storage self, uint256 size) internal {
        self.pending = _now(size);
    }

    /// @notice Confirms the waiting observation with one of a later block. The caller has asked {isDue} and {isPending}.
    /// @param size In assets, at most MAX_SIZE.
    /// @return first What the first observation was, in assets.
    /// @return lower The size that counts from the next block on, in assets.
    function confirm(SizeHistory storage self, VenueWatch storage watch, uint256 size)
        internal
        returns (uint256 first, uint256 lower)
    {
        first = self.pending.size;
        Checkpoint memory checkpoint = _now(Math.min(size, first));
        lower = checkpoint.size;
        uint8 place = watch.newest == PLACES - 1 ? 0 : watch.newest + 1;
        self.ring[place] = checkpoint;
        watch.settledSize = checkpoint.size;
        watch.settledTime = checkpoint.time;
        watch.settledBlock = checkpoint.blockNumber;
        watch.newest = place;
    }

    /// @notice The newest checkpoint of an earlier block, at most 48 hours old, in assets; zero when there is none.
    /// One slot, `watch`, unless a checkpoint was confirmed in this very block.
    function settled(SizeHistory storage self, Watch watch) internal view returns (uint256) {
        (uint256 size, uint256 time) = (watch.settledSize(), watch.settledTime());
        if (watch.settledBlock() == block.number) {
            Checkpoint memory previous = self.ring[(watch.newest() + PLACES - 1) % PLACES];
            (size, time) = (previous.size, previous.time);
        }
        return block.timestamp <= time + MAX_AGE ? size : 0;
    }

    /// @notice The newest checkpoint that is at least 24 and at most 48 hours old; all zero when there is none.
    function baseline(SizeHistory storage self, Watch watch) internal view returns (Checkpoint memory checkpoint) {
        for (uint256 i; i < PLACES; ++i) {
            checkpoint = self.ring[(watch.newest() + PLACES - i) % PLACES];
            uint256 age = block.timestamp - checkpoint.time;
            if (age > MAX_AGE) return Checkpoint(0, 0, 0);
            if (age >= BASELINE_AGE) return checkpoint;
        }
        return Checkpoint(0, 0, 0);
    }

    function _now(uint256 size) private view returns (Checkpoint memory) {
        return Checkpoint(size.toUint88(), uint40(block.timestamp), uint40(block.number));
    }
}
