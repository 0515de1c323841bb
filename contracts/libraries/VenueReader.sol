// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../interfaces/IAdapter.sol";
import {BoundedCall} from "./BoundedCall.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title VenueReader
/// @notice What a position is worth and what can be had of it, read with capped gas and capped return data: of an adapter, or of an
/// ERC-4626 venue whose shares the vault holds directly.
/// @dev `ok` is false when the venue reverts, answers short, or answers an amount that no honest venue can have (above uint128).
library VenueReader {
    using BoundedCall for address;

    /// @notice Gas of one read; the costliest honest one (a MetaMorpho with many markets) stays below half of it.
    uint256 internal constant READ_GAS = 1_000_000;

    uint256 private constant WAD = 1e18;

    /// @notice The position's value in assets, rounded down, fees of leaving included.
    /// @param holder The vault.
    function value(address venue, bool direct, address holder) internal view returns (bool ok, uint256 assets) {
        if (!direct) return _amount(venue, IAdapter.value.selector);
        uint256 shares;
        (ok, shares) = venue.readWord(READ_GAS, IERC20.balanceOf.selector, uint160(holder));
        if (ok && shares != 0) {
            (ok, assets) = venue.readWord(READ_GAS, IERC4626.previewRedeem.selector, shares);
            if (assets > type(uint128).max) (ok, assets) = (false, 0);
        }
    }

    /// @notice What a leaver can be paid of it now without loss, in assets.
    function liquidity(address venue, bool direct, address holder) internal view returns (bool ok, uint256 assets) {
        return
            direct ? _amount(venue, IERC4626.maxWithdraw.selector, holder) : _amount(venue, IAdapter.liquidity.selector);
    }

    /// @notice The part of `value` that could leave now within the adapter's slippage bound, in assets.
    function exitLiquidity(address venue, bool direct, address holder) internal view returns (bool ok, uint256 assets) {
        return direct
            ? _amount(venue, IERC4626.maxWithdraw.selector, holder)
            : _amount(venue, IAdapter.exitLiquidity.selector);
    }

    /// @notice The part of the venue that is out on loan, 18-decimal fixed point, rounded up. ERC-4626 does not tell, so of a direct
    /// position it is the part that could not be withdrawn now.
    function utilisation(address venue, bool direct, address holder) internal view returns (bool ok, uint256 wad) {
        if (!direct) return _amount(venue, IAdapter.utilisation.selector);
        uint256 held;
        (ok, held) = value(venue, direct, holder);
        if (!ok || held == 0) return (ok, 0);
        uint256 liquid;
        (ok, liquid) = liquidity(venue, direct, holder);
        if (ok) wad = Math.mulDiv(Math.saturatingSub(held, liquid), WAD, held, Math.Rounding.Ceil);
    }

    /// @notice What all depositors hold in the venue, in assets.
    function size(address venue, bool direct) internal view returns (bool ok, uint256 assets) {
        return _amount(venue, direct ? IERC4626.totalAssets.selector : IAdapter.venueSize.selector);
    }

    function _amount(address venue, bytes4 selector) private view returns (bool ok, uint256 amount) {
        (ok, amount) = venue.readWord(READ_GAS, selector);
        if (amount > type(uint128).max) (ok, amount) = (false, 0);
    }

    function _amount(address venue, bytes4 selector, address argument) private view returns (bool ok, uint256 amount) {
        (ok, amount) = venue.readWord(READ_GAS, selector, uint160(argument));
        // An ERC-4626 vault without a limit of its own may say so with the largest number there is.
        if (ok && amount == type(uint256).max) amount = type(uint128).max;
        if (amount > type(uint128).max) (ok, amount) = (false, 0);
    }
}
