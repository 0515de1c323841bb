// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Tags} from "./Tags.sol";

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

/// @notice Value of a position, in assets: before a reallocation in the lower 128 bits, after it in the upper.
type Change is uint256;

/// @notice What a reallocation did, as measured by the vault. `tags` and `changes` are parallel to the targets.
struct Report {
    uint256 navBefore;
    uint256 navAfter;
    uint256 idleAfter;
    Tags tags;
    Change[] changes;
}

using ChangeLib for Change global;

/// @title ChangeLib
/// @notice Packing of {Change}.
library ChangeLib {
    /// @notice Both values are at most 2¹²⁸ − 1, as {VenueReader} reads no others.
    function create(uint256 before, uint256 afterwards) internal pure returns (Change) {
        return Change.wrap(before | (afterwards << 128));
    }

    function valueBefore(Change self) internal pure returns (uint256) {
        return uint128(Change.unwrap(self));
    }

    function valueAfter(Change self) internal pure returns (uint256) {
        return Change.unwrap(self) >> 128;
    }
}
