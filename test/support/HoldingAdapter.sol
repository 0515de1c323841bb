// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title HoldingAdapter
/// @notice An adapter whose value is whatever it is set to, and that holds nothing.
contract HoldingAdapter {
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
