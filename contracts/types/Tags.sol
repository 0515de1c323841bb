// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Position} from "./Position.sol";

/// @notice What the hub needs to know of the position of each target, a byte each: in the lower four bits its id, above them whether it is held
/// directly.
type Tags is uint256;

using TagsLib for Tags global;

/// @title TagsLib
/// @notice Packing of {Tags}.
library TagsLib {
    uint256 private constant SHIFT = 3;
    uint256 private constant ID_MASK = 0xf;
    uint256 private constant DIRECT = 0x10;

    /// @notice Sets what is not set yet: the position of the `i`-th target.
    function with(Tags self, uint256 i, Position position) internal pure returns (Tags) {
        uint256 tag = position.id() | (position.isDirect() ? DIRECT : 0);
        return Tags.wrap(Tags.unwrap(self) | (tag << (i << SHIFT)));
    }

    /// @notice As {PositionLib.id}, of the `i`-th target.
    function idOf(Tags self, uint256 i) internal pure returns (uint256) {
        return (Tags.unwrap(self) >> (i << SHIFT)) & ID_MASK;
    }

    /// @notice As {PositionLib.isDirect}, of the `i`-th target.
    function isDirect(Tags self, uint256 i) internal pure returns (bool) {
        return (Tags.unwrap(self) >> (i << SHIFT)) & DIRECT != 0;
    }
}
