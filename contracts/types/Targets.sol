// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The last stored target of each position, in one slot: sixteen lanes of 16 bits, in basis points, by the position's id.
type Targets is uint256;

using TargetsLib for Targets global;

/// @title TargetsLib
/// @notice Packing of {Targets}.
library TargetsLib {
    uint256 private constant BITS = 16;
    uint256 private constant MASK = type(uint16).max;

    /// @notice The target of the position with this id, in basis points.
    function bpsOf(Targets self, uint256 id) internal pure returns (uint256 bps) {
        return (Targets.unwrap(self) >> (BITS * id)) & MASK;
    }

    /// @notice Sets a target, at most 65 535 basis points.
    function with(Targets self, uint256 id, uint256 bps) internal pure returns (Targets) {
        uint256 shift = BITS * id;
        return Targets.wrap((Targets.unwrap(self) & ~(MASK << shift)) | (bps << shift));
    }
}
