// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice How full the flow bucket of each position is, in one slot: sixteen lanes of 14 bits, in basis points of NAV rounded up, by the
/// position's id, and in bits 224–255 the Unix time of which this is true.
type Buckets is uint256;

using BucketsLib for Buckets global;

/// @title BucketsLib
/// @notice Packing and draining of {Buckets}. Every bucket drains by its whole size in a day.
library BucketsLib {
    uint256 private constant BITS = 14;
    uint256 private constant MASK = 0x3fff;
    uint256 private constant TIME_SHIFT = 224;
    uint256 private constant LANES_MASK = type(uint224).max;
    uint256 private constant PERIOD = 1 days;

    /// @notice What is in the bucket of the position with this id, in basis points of NAV.
    function bpsOf(Buckets self, uint256 id) internal pure returns (uint256 bps) {
        return (Buckets.unwrap(self) >> (BITS * id)) & MASK;
    }

    /// @notice Sets what is in a bucket, at most 16 383 basis points.
    function with(Buckets self, uint256 id, uint256 bps) internal pure returns (Buckets) {
        uint256 shift = BITS * id;
        return Buckets.wrap((Buckets.unwrap(self) & ~(MASK << shift)) | (bps << shift));
    }

    /// @notice What is in the buckets at `time`, if each is `size` basis points of NAV large. What has drained is rounded down.
    function drained(Buckets self, uint256 size, uint256 time) internal pure returns (Buckets) {
        uint256 raw = Buckets.unwrap(self);
        uint256 gone = size * (time - (raw >> TIME_SHIFT)) / PERIOD;
        uint256 left = time << TIME_SHIFT;
        uint256 shift;
        for (raw &= LANES_MASK; raw != 0; raw >>= BITS) {
            uint256 used = raw & MASK;
            if (used > gone) left |= (used - gone) << shift;
            shift += BITS;
        }
        return Buckets.wrap(left);
    }
}
