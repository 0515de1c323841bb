// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../interfaces/IAdapter.sol";
import {IComet, ICometRewards} from "../interfaces/ICompoundV3.sol";
import {ISwapper} from "../interfaces/ISwapper.sol";
import {AdapterBase} from "./AdapterBase.sol";
import {RewardAdapterBase} from "./RewardAdapterBase.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title CompoundV3Adapter
/// @notice Supplies the vault's asset, which must be the base asset, to a Comet of Compound III. The position is the Comet balance, which
/// is already in assets.
/// @dev Supplying and withdrawing may each cost a unit to Comet's index rounding. A Comet lends to whoever withdraws more than he has
/// and owns collateral, and anyone can supply collateral for anyone: so more than the balance is refused here, never left to Comet.
contract CompoundV3Adapter is RewardAdapterBase {
    using SafeERC20 for IERC20;

    /// @notice Withdrawing more than the position would be borrowing.
    error ExceedsPosition(uint256 assets, uint256 value);
    error BaseTokenMismatch(address baseToken, address vaultAsset);

    /// @notice Pays the rewards, or zero where there are none.
    ICometRewards public immutable rewards;

    /// @param comet The Comet proxy; its base token must be the vault's asset.
    /// @param rewards_ CometRewards, or zero.
    /// @param swapper_ Where rewards are sold, or zero.
    constructor(address vault_, address comet, ICometRewards rewards_, ISwapper swapper_)
        AdapterBase(vault_, comet)
        RewardAdapterBase(swapper_)
    {
        address baseToken = IComet(comet).baseToken();
        if (baseToken != asset) revert BaseTokenMismatch(baseToken, asset);
        rewards = rewards_;
    }

    /// @inheritdoc IAdapter
    function value() public view returns (uint256) {
        return IComet(venue).balanceOf(address(this));
    }

    /// @inheritdoc IAdapter
    function liquidity() public view returns (uint256) {
        return IComet(venue).isWithdrawPaused() ? 0 : Math.min(value(), IERC20(asset).balanceOf(venue));
    }

    /// @inheritdoc IAdapter
    function exitLiquidity() external view returns (uint256) {
        return liquidity();
    }

    /// @inheritdoc IAdapter
    /// @dev Comet's own figure exceeds 1e18 when interest or bad debt has outgrown supply; all that is lent is all there is.
    function utilisation() external view returns (uint256) {
        return Math.min(IComet(venue).getUtilization(), 1e18);
    }

    /// @inheritdoc IAdapter
    function venueSize() external view returns (uint256) {
        return IComet(venue).totalSupply();
    }

    /// @inheritdoc IAdapter
    function health() external view returns (bool depositable, bool withdrawable) {
        depositable = !IComet(venue).isSupplyPaused();
        withdrawable = !IComet(venue).isWithdrawPaused();
    }

    /// @inheritdoc IAdapter
    function deposit(uint256 assets, bytes calldata data) external onlyVault {
        if (data.length != 0) revert UnexpectedData();
        IERC20(asset).forceApprove(venue, assets);
        IComet(venue).supply(asset, assets);
    }

    /// @inheritdoc IAdapter
    function withdraw(uint256 assets, bytes calldata data) external onlyVault {
        if (data.length != 0) revert UnexpectedData();
        if (assets == type(uint256).max) {
            assets = liquidity();
            if (assets == 0) return;
        }
        uint256 held = value();
        if (assets > held) revert ExceedsPosition(assets, held);
        IComet(venue).withdrawTo(vault, asset, assets);
    }

    /// @dev CometRewards pays the account that it claims for.
    function _claim(address) internal override {
        if (address(rewards) != address(0)) rewards.claim(venue, address(this), true);
    }

    /// @inheritdoc RewardAdapterBase
    function _isPosition(address token) internal view override returns (bool) {
        return token == venue;
    }
}
