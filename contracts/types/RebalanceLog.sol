// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The times of the last four rebalances and the count of all, in one slot:
/// bits 0–191 are four uint48 Unix times, newest lowest; bits 192–255 are the number of rebalances so far,
/// which is also the nonce that the next proof must carry.
type RebalanceLog is uint256;

using RebalanceLogLib for RebalanceLog global;

/// @title RebalanceLogLib
/// @notice Cooldown and the rule of four: at most four rebalances in any half-open window of 24 hours (SPEC C4).
library RebalanceLogLib {
    uint256 internal constant WINDOW = 24 hours;
    uint256 private constant TIMES_MASK = (1 << 192) - 1;
    uint256 private constant TIME_MASK = (1 << 48) - 1;

    /// @notice The nonce of the next proof.
    function nonce(RebalanceLog self) internal pure returns (uint64) {
        return uint64(RebalanceLog.unwrap(self) >> 192);
    }

    /// @notice Unix time of the `age`-th newest rebalance (0 = newest … 3), zero where there was none.
    function timeOf(RebalanceLog self, uint256 age) internal pure returns (uint256) {
        return (RebalanceLog.unwrap(self) >> (48 * age)) & TIME_MASK;
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
        uint256 times = ((raw << 48) | (time & TIME_MASK)) & TIMES_MASK;
        return RebalanceLog.wrap((((raw >> 192) + 1) << 192) | times);
    }
}
