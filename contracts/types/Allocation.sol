// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice One venue's target in a rebalance.
/// @param adapter The adapter whose position is to change. Targets are sorted by this address, ascending.
/// @param bps Target share of NAV in basis points; the amount is floor(NAV·bps/10⁴) at execution.
/// @param minOut Least that this leg must credit to the position (addition) or pay to the vault (reduction), in assets.
/// @param data Venue-specific instructions (swap routes, LP or PT bounds); empty for plain lending.
struct Allocation {
    address adapter;
    uint16 bps;
    uint128 minOut;
    bytes data;
}

/// @notice What a reallocation did, as measured by the vault. `valuesBefore` and `valuesAfter` are parallel to the targets.
struct Report {
    uint256 navBefore;
    uint256 navAfter;
    uint256 idleAfter;
    uint256[] valuesBefore;
    uint256[] valuesAfter;
}
