// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice One venue's target in a rebalance.
/// @param adapter The position that is to change: its adapter, or the ERC-4626 venue that the vault holds directly. Targets are sorted by
/// this address, ascending.
/// @param bps Target share of NAV in basis points; the amount is floor(NAV·bps/10⁴) at execution.
/// @param minOut Least that this leg must credit to the position (addition) or pay to the vault (reduction), in assets.
/// @param data Venue-specific instructions (swap routes, LP or PT bounds); empty for plain lending.
struct Allocation {
    address adapter;
    uint16 bps;
    uint128 minOut;
    bytes data;
}

/// @notice What a reallocation did, as measured by the vault. `valuesBefore` and `valuesAfter` are parallel to the targets; bit i of
/// `direct` is set when the i-th target is an ERC-4626 venue held without an adapter.
struct Report {
    uint256 direct;
    uint256 navBefore;
    uint256 navAfter;
    uint256 idleAfter;
    uint256[] valuesBefore;
    uint256[] valuesAfter;
}
