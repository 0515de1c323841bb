// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The last stored target and the flow bucket of eight positions, by the lowest three bits of their ids, in one slot. Lane i is bits 27·i to
/// 27·i + 26: the target in its lower 13 bits, how full the bucket is above them, both in basis points of NAV, the bucket rounded up. Bits
/// 216–255 are the Unix time of which the buckets are true.
type Lanes is uint256;

using LanesLib for Lanes global;

/// @title LanesLib
/// @notice Packing of {Lanes} and draining of its buckets. Every bucket drains by its whole size in a day.
library LanesLib {
    uint256 private constant ID_MASK = 7;
    uint256 private constant LANE_BITS = 27;
    uint256 private constant TARGET_MASK = 0x1fff;
    uint256 private constant BUCKET_SHIFT = 13;
    uint256 private constant BUCKET_MASK = 0x3fff;
    uint256 private constant TIME_SHIFT = 216;
    /// @dev A one at the beginning of each lane.
    uint256 private constant ONES = ((1 << 216) - 1) / ((1 << 27) - 1);
    uint256 private constant PERIOD = 1 days;

    /// @notice The target of the position with this id, in basis points.
    function targetOf(Lanes self, uint256 id) internal pure returns (uint256 bps) {
        return (Lanes.unwrap(self) >> _shift(id)) & TARGET_MASK;
    }

    /// @notice What is in the bucket of the position with this id, in basis points of NAV.
    function bucketOf(Lanes self, uint256 id) internal pure returns (uint256 bps) {
        return (Lanes.unwrap(self) >> _shift(id) >> BUCKET_SHIFT) & BUCKET_MASK;
    }

    /// @notice Sets a target, at most 8 191 basis points.
    function withTarget(Lanes self, uint256 id, uint256 bps) internal pure returns (Lanes) {
        uint256 shift = _shift(id);
        return Lanes.wrap((Lanes.unwrap(self) & ~(TARGET_MASK << shift)) | (bps << shift));
    }

    /// @notice Sets what is in a bucket, at most 16 383 basis points.
    function withBucket(Lanes self, uint256 id, uint256 bps) internal pure returns (Lanes) {
        uint256 shift = _shift(id);
        return
            Lanes.wrap((Lanes.unwrap(self) & ~(BUCKET_MASK << BUCKET_SHIFT << shift)) | (bps << BUCKET_SHIFT << shift));
    }

    /// @notice The same with what is in the buckets at `time`, if each is `size` basis points of NAV large. What has drained is rounded down.
    function drained(Lanes self, uint256 size, uint256 time) internal pure returns (Lanes) {
        uint256 raw = Lanes.unwrap(self);
        uint256 gone = size * (time - (raw >> TIME_SHIFT)) / PERIOD;
        uint256 left = (raw & (ONES * TARGET_MASK)) | (time << TIME_SHIFT);
        uint256 shift = BUCKET_SHIFT;
        for (raw = (raw >> BUCKET_SHIFT) & (ONES * BUCKET_MASK); raw != 0; raw >>= LANE_BITS) {
            uint256 used = raw & BUCKET_MASK;
            if (used > gone) left |= (used - gone) << shift;
            shift += LANE_BITS;
        }
        return Lanes.wrap(left);
    }

    function _shift(uint256 id) private pure returns (uint256) {
        // At most 189.
        unchecked {
            return LANE_BITS * (id & ID_MASK);
        }
    }
}
