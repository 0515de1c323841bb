// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAaveV3AToken, IAaveV3Pool, IAaveV3Rewards} from "../interfaces/IAaveV3.sol";
import {IAdapter} from "../interfaces/IAdapter.sol";
import {ISwapper} from "../interfaces/ISwapper.sol";
import {AdapterBase} from "./AdapterBase.sol";
import {RewardAdapterBase} from "./RewardAdapterBase.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title AaveV3Adapter
/// @notice Supplies the vault's asset to an Aave V3 pool. The position is an aToken balance, which is already in assets.
/// @dev Supplying and withdrawing may each cost up to one unit to Aave's ray rounding. Rewards come from the RewardsController that the
/// aToken reports to when they are harvested, for Aave's governance may set another.
contract AaveV3Adapter is RewardAdapterBase {
    using SafeERC20 for IERC20;

    // Bits of ReserveConfigurationMap (Aave V3 ReserveConfiguration.sol).
    uint256 private constant ACTIVE = 1 << 56;
    uint256 private constant FROZEN = 1 << 57;
    uint256 private constant PAUSED = 1 << 60;
    uint16 private constant NO_REFERRAL = 0;

    IERC20 public immutable aToken;
    IERC20 public immutable variableDebtToken;

    /// @notice The pool does not list the vault's asset.
    error NotListed(address asset);

    /// @param pool The Aave V3 pool.
    /// @param swapper_ Where rewards are sold, or zero.
    constructor(address vault_, address pool, ISwapper swapper_) AdapterBase(vault_, pool) RewardAdapterBase(swapper_) {
        aToken = IERC20(IAaveV3Pool(pool).getReserveAToken(asset));
        variableDebtToken = IERC20(IAaveV3Pool(pool).getReserveVariableDebtToken(asset));
        if (address(aToken) == address(0)) revert NotListed(asset);
    }

    /// @inheritdoc IAdapter
    function value() public view returns (uint256) {
        return aToken.balanceOf(address(this));
    }

    /// @inheritdoc IAdapter
    function liquidity() public view returns (uint256) {
        (, bool withdrawable) = health();
        return withdrawable ? Math.min(value(), IAaveV3Pool(venue).getVirtualUnderlyingBalance(asset)) : 0;
    }

    /// @inheritdoc IAdapter
    function exitLiquidity() external view returns (uint256) {
        return liquidity();
    }

    /// @inheritdoc IAdapter
    function utilisation() external view returns (uint256) {
        uint256 debt = variableDebtToken.totalSupply();
        uint256 total = debt + IAaveV3Pool(venue).getVirtualUnderlyingBalance(asset);
        return total == 0 ? 0 : Math.mulDiv(debt, 1e18, total, Math.Rounding.Ceil);
    }

    /// @inheritdoc IAdapter
    function venueSize() external view returns (uint256) {
        return aToken.totalSupply();
    }

    /// @inheritdoc IAdapter
    function health() public view returns (bool depositable, bool withdrawable) {
        uint256 configuration = IAaveV3Pool(venue).getConfiguration(asset);
        withdrawable = configuration & ACTIVE != 0 && configuration & PAUSED == 0;
        depositable = withdrawable && configuration & FROZEN == 0;
    }

    /// @inheritdoc IAdapter
    function deposit(uint256 assets, bytes calldata data) external onlyVault {
        if (data.length != 0) revert UnexpectedData();
        IERC20(asset).forceApprove(venue, assets);
        IAaveV3Pool(venue).supply(asset, assets, address(this), NO_REFERRAL);
    }

    /// @inheritdoc IAdapter
    function withdraw(uint256 assets, bytes calldata data) external onlyVault {
        if (data.length != 0) revert UnexpectedData();
        if (assets == type(uint256).max) {
            uint256 held = value();
            uint256 liquid = liquidity();
            if (liquid == 0) return;
            // Aave's own "everything" leaves no dust; what is not liquid stays.
            assets = liquid < held ? liquid : type(uint256).max;
        }
        IAaveV3Pool(venue).withdraw(asset, assets, vault);
    }

    /// @dev Of the whole position: `claimRewards` pays what this contract has earned, here.
    function _claim(address token) internal override {
        address controller = IAaveV3AToken(address(aToken)).getIncentivesController();
        if (controller == address(0)) return;
        address[] memory earning = new address[](1);
        earning[0] = address(aToken);
        IAaveV3Rewards(controller).claimRewards(earning, type(uint256).max, address(this), token);
    }

    /// @inheritdoc RewardAdapterBase
    function _isPosition(address token) internal view override returns (bool) {
        return token == address(aToken);
    }
}
