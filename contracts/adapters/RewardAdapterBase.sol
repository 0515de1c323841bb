// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISwapper} from "../interfaces/ISwapper.sol";
import {AdapterBase} from "./AdapterBase.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @notice One reward to be claimed and sold, and the instructions for {ISwapper.swap}; empty instructions take its default route.
struct RewardSale {
    address token;
    bytes route;
}

/// @title RewardAdapterBase
/// @notice How rewards become assets of the vault: each token named is claimed, everything of it that is here is sold through the
/// swapper, which bounds the price, and the proceeds go to the vault.
/// @dev Each token is claimed and sold by itself, so one that cannot be paid or sold does not hold back the others: leave it out.
abstract contract RewardAdapterBase is AdapterBase {
    using SafeERC20 for IERC20;

    /// @notice The token is the position itself.
    error NotAReward(address token);
    /// @notice This adapter was set up without a swapper, for a venue without rewards.
    error NoSwapper();

    /// @notice Where rewards are sold, or zero: then only rewards in the vault's asset can be harvested.
    ISwapper public immutable swapper;

    constructor(ISwapper swapper_) {
        swapper = swapper_;
    }

    /// @notice Claims, sells and pays the vault. Reverts with {NothingToHarvest} if none of the tokens brought anything.
    /// @param data abi.encode(RewardSale[]). The vault's asset may be named; it is passed on as it is, and its route must be empty.
    function harvest(bytes calldata data) external override onlyVault {
        if (data.length == 0) revert NothingToHarvest();
        RewardSale[] memory sales = abi.decode(data, (RewardSale[]));
        bool sold;
        for (uint256 i; i < sales.length; ++i) {
            if (_isPosition(sales[i].token)) revert NotAReward(sales[i].token);
            _claim(sales[i].token);
            if (_sell(IERC20(sales[i].token), sales[i].route)) sold = true;
        }
        if (!sold) revert NothingToHarvest();
    }

    /// @dev Whether `token` represents the position, so must never be sold.
    function _isPosition(address token) internal view virtual returns (bool);

    /// @dev Brings the position's rewards in `token` here, if the venue has to be asked for them.
    function _claim(address token) internal virtual;

    function _sell(IERC20 token, bytes memory route) private returns (bool) {
        uint256 amount = token.balanceOf(address(this));
        if (amount == 0) return false;
        if (address(token) == asset) {
            if (route.length != 0) revert UnexpectedData();
            token.safeTransfer(vault, amount);
        } else {
            if (address(swapper) == address(0)) revert NoSwapper();
            token.forceApprove(address(swapper), amount);
            swapper.swap(address(token), asset, amount, vault, route);
            if (token.allowance(address(this), address(swapper)) != 0) token.forceApprove(address(swapper), 0);
        }
        return true;
    }
}
