// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice One listed position in one slot: bits 0–159 the adapter, or the ERC-4626 venue itself where the vault holds its shares directly;
/// bits 160–247 the absolute cap in assets; bit 248 direct; bit 249 quarantined; bits 250–253 its id, which no other listed position has.
type Position is uint256;

/// @dev What a position may be left with, in assets, and count as empty; and what rounding may cost a position in one movement without
/// counting as a loss.
uint256 constant DUST = 2;

using PositionLib for Position global;

/// @title PositionLib
/// @notice Packing of {Position}.
library PositionLib {
    uint256 internal constant MAX_CAP = type(uint88).max;
    uint256 private constant ADDRESS_MASK = type(uint160).max;
    uint256 private constant CAP_MASK = MAX_CAP << 160;
    uint256 private constant DIRECT = 1 << 248;
    uint256 private constant QUARANTINED = 1 << 249;
    uint256 private constant ID_SHIFT = 250;
    uint256 private constant ID_MASK = 0xf;

    /// @notice A position without quarantine. `cap_` is at most MAX_CAP, `id_` at most 15.
    function create(address account_, uint256 cap_, bool direct, uint256 id_) internal pure returns (Position) {
        return Position.wrap(uint160(account_) | (cap_ << 160) | (direct ? DIRECT : 0) | (id_ << ID_SHIFT));
    }

    /// @notice Names the position for as long as it is listed, 0–15; whoever keeps sixteen of something keeps it by this.
    function id(Position self) internal pure returns (uint256) {
        return (Position.unwrap(self) >> ID_SHIFT) & ID_MASK;
    }

    /// @notice The adapter or the ERC-4626 venue.
    function account(Position self) internal pure returns (address) {
        return address(uint160(Position.unwrap(self)));
    }

    /// @notice Absolute cap, in assets.
    function cap(Position self) internal pure returns (uint256) {
        return (Position.unwrap(self) & CAP_MASK) >> 160;
    }

    /// @notice Whether the vault holds the shares of an ERC-4626 venue itself, without an adapter.
    function isDirect(Position self) internal pure returns (bool) {
        return Position.unwrap(self) & DIRECT != 0;
    }

    /// @notice Whether the position is out of NAV until it is recovered.
    function isQuarantined(Position self) internal pure returns (bool) {
        return Position.unwrap(self) & QUARANTINED != 0;
    }

    function withCap(Position self, uint256 cap_) internal pure returns (Position) {
        return Position.wrap((Position.unwrap(self) & ~CAP_MASK) | (cap_ << 160));
    }

    function withQuarantine(Position self, bool on) internal pure returns (Position) {
        uint256 raw = Position.unwrap(self);
        return Position.wrap(on ? raw | QUARANTINED : raw & ~QUARANTINED);
    }
}
