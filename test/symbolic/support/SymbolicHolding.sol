// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title SymbolicHolding
/// @notice For the vault: an adapter of which the value is laid down.
contract SymbolicHolding {
    address public immutable vault;
    address public immutable asset;
    uint256 public value;

    constructor(address vault_, address asset_) {
        (vault, asset) = (vault_, asset_);
    }

    function setValue(uint256 value_) external {
        value = value_;
    }
}
