// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TestAsset} from "./TestAsset.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title LendingVenue
/// @notice An ERC-4626 vault that earns, loses and lends its assets out as a test says, and pays only what it has not lent.
contract LendingVenue is ERC4626 {
    uint256 public lent;
    /// @notice Whether every read of a position reverts.
    bool public unreadable;

    error Unreadable();

    constructor(TestAsset asset_) ERC4626(asset_) ERC20("Lending Venue", "LEND") {}

    function gain(uint256 assets) external {
        TestAsset(asset()).mint(address(this), assets);
    }

    /// @notice Loses at most what is not lent out.
    function lose(uint256 assets) external {
        TestAsset(asset()).burn(address(this), Math.min(assets, cash()));
    }

    function lend(uint256 assets) external {
        assets = Math.min(assets, cash());
        lent += assets;
        TestAsset(asset()).burn(address(this), assets);
    }

    function repay(uint256 assets) external {
        assets = Math.min(assets, lent);
        lent -= assets;
        TestAsset(asset()).mint(address(this), assets);
    }

    function setUnreadable(bool unreadable_) external {
        unreadable = unreadable_;
    }

    function cash() public view returns (uint256) {
        return TestAsset(asset()).balanceOf(address(this));
    }

    function totalAssets() public view virtual override returns (uint256) {
        if (unreadable) revert Unreadable();
        return cash() + lent;
    }

    function maxWithdraw(address owner) public view virtual override returns (uint256) {
        return Math.min(_convertToAssets(balanceOf(owner), Math.Rounding.Floor), cash());
    }

    function maxRedeem(address owner) public view override returns (uint256) {
        uint256 shares = balanceOf(owner);
        if (_convertToAssets(shares, Math.Rounding.Floor) <= cash()) return shares;
        return _convertToShares(cash(), Math.Rounding.Floor);
    }
}
