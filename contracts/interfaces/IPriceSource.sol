// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title IPriceSource
/// @notice Prices that venue positions and swaps are bounded by: oracle feeds, each with its own heartbeat.
interface IPriceSource {
    error PriceUnknown(address token);

    /// @notice The price of one whole token in US dollars, 18-decimal fixed point. Reverts with {PriceUnknown} while there is no feed
    /// or it cannot be trusted (stale, non-positive, from the future, sequencer down).
    function priceOf(address token) external view returns (uint256 wad);
}
