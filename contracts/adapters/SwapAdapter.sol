// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../interfaces/IAdapter.sol";
import {IPriceSource} from "../interfaces/IPriceSource.sol";
import {ISwapper} from "../interfaces/ISwapper.sol";
import {AdapterBase} from "./AdapterBase.sol";
import {LadderExit} from "./LadderExit.sol";
import {RewardAdapterBase} from "./RewardAdapterBase.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title SwapAdapter
/// @notice A position in another stablecoin: swapped into it on the way in and back on the way out, and in between held in an ERC-4626
/// vault over that stablecoin (sUSDS, sDAI), or as it is.
/// @dev The position is worth its stablecoins at the oracles' ratio of the two coins, but never at more than one to one. Above par the
/// ratio says that the vault's own asset trades below a dollar, or that the feeds disagree: neither is a gain that a leaver could take
/// out at the others' cost. Below par it is the loss that leaving would realise. A pool's spot price is never asked.
///
/// Every swap is held to the same oracles by the swapper, so leaving pays the position's value less at most the swapper's tolerance, or
/// reverts. Above par it may pay more. `data` is the swapper's route; without any it takes its default route, so an emergency exit needs
/// no instructions. How deep the market is cannot be known here, so {exitLiquidity} is what the venue would hand out to be swapped: it may
/// be more than the market takes within the swapper's tolerance. "All that can be had" is found out by trying, see {LadderExit}.
contract SwapAdapter is RewardAdapterBase, LadderExit {
    using SafeERC20 for IERC20;

    error SameAsset(address stablecoin);
    error StablecoinMismatch(address venueAsset, address stablecoin);
    /// @notice The route did not spend everything: take another, or less.
    error IncompleteSwap(address token, uint256 unspent);
    error ExceedsPosition(uint256 assets, uint256 value);

    IERC20 public immutable stablecoin;
    IPriceSource public immutable prices;

    /// @dev Whether the stablecoin is held as it is, so that its own contract is the venue.
    bool private immutable _plain;
    uint256 private immutable _assetUnit;
    uint256 private immutable _stablecoinUnit;

    /// @param venue_ The ERC-4626 vault over `stablecoin_`, or `stablecoin_` itself to hold it as it is.
    /// @param prices_ Prices of the asset and the stablecoin.
    constructor(address vault_, address venue_, address stablecoin_, ISwapper swapper_, IPriceSource prices_)
        AdapterBase(vault_, venue_)
        RewardAdapterBase(swapper_)
    {
        if (stablecoin_ == asset) revert SameAsset(stablecoin_);
        _plain = venue_ == stablecoin_;
        if (!_plain) {
            address venueAsset = IERC4626(venue_).asset();
            if (venueAsset != stablecoin_) revert StablecoinMismatch(venueAsset, stablecoin_);
        }
        stablecoin = IERC20(stablecoin_);
        prices = prices_;
        _assetUnit = 10 ** IERC20Metadata(asset).decimals();
        _stablecoinUnit = 10 ** IERC20Metadata(stablecoin_).decimals();
    }

    /// @inheritdoc IAdapter
    function value() public view returns (uint256) {
        uint256 held = _held();
        return held == 0 ? 0 : _inAssets(held);
    }

    /// @inheritdoc IAdapter
    /// @dev Leaving always costs the swap.
    function liquidity() external pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc IAdapter
    function exitLiquidity() public view returns (uint256) {
        uint256 redeemable = _redeemable();
        return redeemable == 0 ? 0 : _inAssets(redeemable);
    }

    /// @inheritdoc IAdapter
    /// @dev ERC-4626 does not tell, so it is the part of our own position that could not be redeemed now.
    function utilisation() external view returns (uint256) {
        uint256 held = _held();
        return held == 0 ? 0 : Math.mulDiv(held - _redeemable(), 1e18, held, Math.Rounding.Ceil);
    }

    /// @inheritdoc IAdapter
    /// @dev Of a stablecoin held as it is, all there are of it.
    function venueSize() external view returns (uint256) {
        return _inAssets(_plain ? stablecoin.totalSupply() : IERC4626(venue).totalAssets());
    }

    /// @inheritdoc IAdapter
    function health() external view returns (bool depositable, bool withdrawable) {
        depositable = _plain || IERC4626(venue).maxDeposit(address(this)) != 0;
        withdrawable = _held() == 0 || _redeemable() != 0;
    }

    /// @inheritdoc IAdapter
    /// @param data The swapper's route into the stablecoin, or nothing for its default route.
    function deposit(uint256 assets, bytes calldata data) external onlyVault {
        uint256 bought = _swap(IERC20(asset), address(stablecoin), assets, address(this), data);
        if (_plain) return;
        stablecoin.forceApprove(venue, bought);
        IERC4626(venue).deposit(bought, address(this));
        if (stablecoin.allowance(address(this), venue) != 0) stablecoin.forceApprove(venue, 0);
    }

    /// @inheritdoc IAdapter
    /// @param data The swapper's route out of the stablecoin, or nothing for its default route. A route for a fixed amount serves the whole
    /// or nothing.
    function withdraw(uint256 assets, bytes calldata data) external onlyVault {
        if (assets == type(uint256).max) _withdrawAllThatPays(data);
        else _sellStablecoins(_take(assets), data);
    }

    /// @inheritdoc LadderExit
    /// @dev By shares, so that nothing is left to rounding; a venue that can pay all may still round `maxRedeem` below it.
    function withdrawHalved(uint256 halvings, bytes calldata data) external override onlyVaultOrSelf {
        uint256 amount;
        if (_plain) {
            amount = _held() >> halvings;
        } else {
            uint256 shares = _redeemable() < _held()
                ? IERC4626(venue).maxRedeem(address(this))
                : IERC4626(venue).balanceOf(address(this));
            shares >>= halvings;
            if (shares != 0) amount = _redeem(shares);
        }
        _sellStablecoins(amount, data);
    }

    function _sellStablecoins(uint256 amount, bytes calldata data) private {
        if (amount != 0) _swap(stablecoin, asset, amount, vault, data);
    }

    /// @dev The part worth `assets`, rounded down; of what {exitLiquidity} promises, not past what the venue redeems.
    function _take(uint256 assets) private returns (uint256) {
        uint256 held = value();
        if (assets > held) revert ExceedsPosition(assets, held);
        if (assets == 0) return 0;
        if (_plain) return Math.mulDiv(_held(), assets, held);
        uint256 shares = Math.mulDiv(IERC4626(venue).balanceOf(address(this)), assets, held);
        if (assets <= exitLiquidity()) shares = Math.min(shares, IERC4626(venue).maxRedeem(address(this)));
        return shares == 0 ? 0 : _redeem(shares);
    }

    /// @dev Measured, for what the venue says that it paid is only its word.
    function _redeem(uint256 shares) private returns (uint256) {
        uint256 before = stablecoin.balanceOf(address(this));
        IERC4626(venue).redeem(shares, address(this), address(this));
        return stablecoin.balanceOf(address(this)) - before;
    }

    /// @dev All or nothing: a remainder would be neither in the position nor with the vault. What was here before is no remainder.
    function _swap(IERC20 from, address to, uint256 amount, address recipient, bytes calldata data)
        private
        returns (uint256 received)
    {
        uint256 before = from.balanceOf(address(this)) - amount;
        from.forceApprove(address(swapper), amount);
        received = swapper.swap(address(from), to, amount, recipient, data);
        uint256 unspent = from.balanceOf(address(this)) - before;
        if (unspent != 0) revert IncompleteSwap(address(from), unspent);
    }

    /// @dev Stablecoins that the position would come to.
    function _held() private view returns (uint256) {
        if (_plain) return stablecoin.balanceOf(address(this));
        uint256 shares = IERC4626(venue).balanceOf(address(this));
        return shares == 0 ? 0 : IERC4626(venue).previewRedeem(shares);
    }

    /// @dev Stablecoins that the venue would hand out now.
    function _redeemable() private view returns (uint256) {
        uint256 held = _held();
        return _plain ? held : Math.min(held, IERC4626(venue).maxWithdraw(address(this)));
    }

    /// @dev At the oracles' ratio, at most par, rounded down.
    function _inAssets(uint256 amount) private view returns (uint256) {
        uint256 assetPrice = prices.priceOf(asset);
        uint256 price = Math.min(prices.priceOf(address(stablecoin)), assetPrice);
        return Math.mulDiv(amount, price * _assetUnit, assetPrice * _stablecoinUnit);
    }

    /// @dev Rewards are already here.
    // solhint-disable-next-line no-empty-blocks
    function _claim(address) internal override {}

    /// @inheritdoc RewardAdapterBase
    function _isPosition(address token) internal view override returns (bool) {
        return token == venue;
    }
}
