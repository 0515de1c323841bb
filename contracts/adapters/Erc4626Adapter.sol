// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../interfaces/IAdapter.sol";
import {ISwapper} from "../interfaces/ISwapper.sol";
import {AdapterBase} from "./AdapterBase.sol";
import {RewardAdapterBase} from "./RewardAdapterBase.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/interfaces/IERC20Metadata.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Erc4626Adapter
/// @notice Holds shares of an ERC-4626 vault over the same asset that pays rewards in other tokens: MetaMorpho, Euler Earn. One without
/// rewards needs no adapter; the vault holds its shares itself.
/// @dev The position is worth what `previewRedeem` says, fees included. ERC-4626 does not say how much of a vault is lent out, so
/// {utilisation} is the part of our own position that could not be withdrawn now. Rewards are claimed for the adapter from outside, as
/// reward distributors let anyone do, and are sold here.
contract Erc4626Adapter is RewardAdapterBase {
    using Math for uint256;
    using SafeERC20 for IERC20;

    /// @notice The most that one unit of a venue's shares may be worth, in units of the asset, rounded down. A withdrawal burns up to one
    /// share unit more than it pays for: below two units the value falls by at most two more than was asked, which is what the vault lets
    /// pass as rounding.
    uint256 public constant MAX_SHARE_UNIT_VALUE = 1;

    /// @dev What one unit of the asset is in shares at par. Fewer are what rounding leaves of a position.
    uint256 private immutable _sharesOfOne;

    error AssetMismatch(address venueAsset, address vaultAsset);
    error SharesTooCoarse(uint256 unitValue, uint256 maximum);

    /// @param venue_ The ERC-4626 vault; its asset must be ours, and its shares fine enough.
    /// @param swapper_ Where rewards are sold, or zero.
    constructor(address vault_, address venue_, ISwapper swapper_)
        AdapterBase(vault_, venue_)
        RewardAdapterBase(swapper_)
    {
        address venueAsset = IERC4626(venue_).asset();
        if (venueAsset != asset) revert AssetMismatch(venueAsset, asset);
        uint256 unitValue = IERC4626(venue_).convertToAssets(1);
        if (unitValue > MAX_SHARE_UNIT_VALUE) revert SharesTooCoarse(unitValue, MAX_SHARE_UNIT_VALUE);
        uint256 decimals = IERC20Metadata(venueAsset).decimals();
        _sharesOfOne = 10 ** uint256(IERC20Metadata(venue_).decimals()).saturatingSub(decimals);
    }

    /// @inheritdoc IAdapter
    function value() public view returns (uint256) {
        uint256 shares = IERC4626(venue).balanceOf(address(this));
        return shares == 0 ? 0 : IERC4626(venue).previewRedeem(shares);
    }

    /// @inheritdoc IAdapter
    function liquidity() public view returns (uint256) {
        return Math.min(value(), IERC4626(venue).maxWithdraw(address(this)));
    }

    /// @inheritdoc IAdapter
    function exitLiquidity() external view returns (uint256) {
        return liquidity();
    }

    /// @inheritdoc IAdapter
    function utilisation() external view returns (uint256) {
        uint256 held = value();
        if (held == 0) return 0;
        uint256 stuck = held.saturatingSub(IERC4626(venue).maxWithdraw(address(this)));
        return Math.mulDiv(stuck, 1e18, held, Math.Rounding.Ceil);
    }

    /// @inheritdoc IAdapter
    function venueSize() external view returns (uint256) {
        return IERC4626(venue).totalAssets();
    }

    /// @inheritdoc IAdapter
    function health() external view returns (bool depositable, bool withdrawable) {
        depositable = IERC4626(venue).maxDeposit(address(this)) != 0;
        withdrawable = value() == 0 || IERC4626(venue).maxWithdraw(address(this)) != 0;
    }

    /// @inheritdoc IAdapter
    function deposit(uint256 assets, bytes calldata data) external onlyVault {
        if (data.length != 0) revert UnexpectedData();
        IERC20(asset).forceApprove(venue, assets);
        IERC4626(venue).deposit(assets, address(this));
        if (IERC20(asset).allowance(address(this), venue) != 0) IERC20(asset).forceApprove(venue, 0);
    }

    /// @inheritdoc IAdapter
    function withdraw(uint256 assets, bytes calldata data) external onlyVault {
        if (data.length != 0) revert UnexpectedData();
        if (assets == type(uint256).max) {
            uint256 shares = IERC4626(venue).balanceOf(address(this));
            uint256 held = value();
            // A venue that calls a position worthless now may not tomorrow: it is kept, but for what rounding has left.
            if (held == 0 && shares >= _sharesOfOne) return;
            // By shares, so that nothing is left to rounding: a venue that can pay all may still round `maxRedeem` below it.
            if (IERC4626(venue).maxWithdraw(address(this)) < held) shares = IERC4626(venue).maxRedeem(address(this));
            if (shares != 0) IERC4626(venue).redeem(shares, vault, address(this));
        } else {
            IERC4626(venue).withdraw(assets, vault, address(this));
        }
    }

    /// @dev Rewards are already here.
    // solhint-disable-next-line no-empty-blocks
    function _claim(address) internal override {}

    /// @inheritdoc RewardAdapterBase
    function _isPosition(address token) internal view override returns (bool) {
        return token == venue;
    }
}
