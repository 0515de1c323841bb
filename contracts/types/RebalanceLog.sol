// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The times of the last four rebalances and the count of all, to share a slot with something else: bits 0–127 are four uint32 Unix
/// times, newest lowest; bits 128–167 are the number of rebalances so far, which is also the nonce that the next proof must carry.
type RebalanceLog is uint168;

using RebalanceLogLib for RebalanceLog global;

/// @title RebalanceLogLib
/// @notice Cooldown and the rule of four: at most four rebalances in any half-open window of 24 hours (SPEC C4).
/// @dev Until 2106, when a uint32 of seconds is full.
library RebalanceLogLib {
    uint256 internal constant WINDOW = 24 hours;
    uint256 private constant TIME_BITS = 32;
    uint256 private constant NONCE_SHIFT = 128;
    uint256 private constant TIMES_MASK = (1 << 128) - 1;
    uint256 private constant TIME_MASK = (1 << 32) - 1;

    /// @notice The nonce of the next proof.
    function nonce(RebalanceLog self) internal pure returns (uint64) {
        // Forty bits are left.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(RebalanceLog.unwrap(self) >> NONCE_SHIFT);
    }

    /// @notice Unix time of the `age`-th newest rebalance (0 = newest … 3), zero where there was none.
    function timeOf(RebalanceLog self, uint256 age) internal pure returns (uint256) {
        return (RebalanceLog.unwrap(self) >> (TIME_BITS * age)) & TIME_MASK;
    }

    /// @notice The earliest time at which the next rebalance may happen under `cooldown` seconds and the rule of four.
    function nextAllowed(RebalanceLog self, uint256 cooldown) internal pure returns (uint256 at) {
        uint256 newest = self.timeOf(0);
        uint256 fourth = self.timeOf(3);
        if (newest != 0) at = newest + cooldown;
        if (fourth != 0 && fourth + WINDOW > at) at = fourth + WINDOW;
    }

    /// @notice Records a rebalance at `time`.
    function push(RebalanceLog self, uint256 time) internal pure returns (RebalanceLog) {
        uint256 raw = RebalanceLog.unwrap(self);
        uint256 times = ((raw << TIME_BITS) | (time & TIME_MASK)) & TIMES_MASK;
        // The count keeps its 40 bits at four a day.
        // forge-lint: disable-next-line(unsafe-typecast)
        return RebalanceLog.wrap(uint168((((raw >> NONCE_SHIFT) + 1) << NONCE_SHIFT) | times));
    }
}
