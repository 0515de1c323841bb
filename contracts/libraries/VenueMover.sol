// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../interfaces/IAdapter.sol";
import {IVault} from "../interfaces/IVault.sol";
import {Position} from "../types/Position.sol";
import {VenueReader} from "./VenueReader.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title VenueMover
/// @notice The vault's moves into and out of a position, through its adapter or, of an ERC-4626 venue held directly, itself. What arrives is
/// measured here, whatever the venue says.
/// @dev Internal functions of the vault and its libraries: `address(this)` is the vault.
library VenueMover {
    using SafeERC20 for IERC20;

    /// @notice Takes what is worth `assets` out of a position, all that can be had for the largest number.
    /// @return received What arrived, in assets, at least `minOut`.
    function takeOut(Position position, IERC20 token, uint256 assets, uint256 minOut, bytes calldata data)
        internal
        returns (uint256 received)
    {
        uint256 before = token.balanceOf(address(this));
        received = takeOutOf(position, before, token, assets, minOut, data) - before;
    }

    /// @notice As {takeOut}, for who knows the balance before.
    /// @return balance The vault's balance afterwards.
    function takeOutOf(
        Position position,
        uint256 before,
        IERC20 token,
        uint256 assets,
        uint256 minOut,
        bytes calldata data
    ) internal returns (uint256 balance) {
        address account = position.account();
        if (!position.isDirect()) {
            IAdapter(account).withdraw(assets, data);
        } else {
            if (data.length != 0) revert IVault.UnexpectedData();
            if (assets == type(uint256).max) {
                uint256 shares = _allShares(position, account);
                if (shares != 0) IERC4626(account).redeem(shares, address(this), address(this));
            } else {
                IERC4626(account).withdraw(assets, address(this), address(this));
            }
        }
        balance = token.balanceOf(address(this));
        uint256 received = balance - before;
        if (received < minOut) revert IVault.InsufficientOut(account, received, minOut);
    }

    /// @dev By shares, so that nothing is left to rounding; by the balance where all is liquid, as a venue may round its maximum down. A venue
    /// that calls them worthless now may not tomorrow: they are kept.
    function _allShares(Position position, address account) private view returns (uint256) {
        uint256 value = mustRead(position);
        if (value == 0) return 0;
        return IERC4626(account).maxWithdraw(address(this)) >= value
            ? IERC4626(account).balanceOf(address(this))
            : IERC4626(account).maxRedeem(address(this));
    }

    /// @notice Puts `assets` into a position. Where less has left afterwards, an allowance is left for {revokeAllowance}.
    function putIn(Position position, IERC20 token, uint256 assets, bytes calldata data) internal {
        address account = position.account();
        if (!position.isDirect()) {
            token.safeTransfer(account, assets);
            IAdapter(account).deposit(assets, data);
        } else {
            if (data.length != 0) revert IVault.UnexpectedData();
            token.forceApprove(account, assets);
            IERC4626(account).deposit(assets, address(this));
        }
    }

    /// @notice Takes back what a venue held directly has not used of its allowance.
    function revokeAllowance(Position position, IERC20 token) internal {
        if (position.isDirect()) token.forceApprove(position.account(), 0);
    }

    /// @notice The position's value; `ok` is false where it cannot be read.
    function read(Position position) internal view returns (bool ok, uint256 assets) {
        return VenueReader.value(position.account(), position.isDirect(), address(this));
    }

    /// @notice The position's value; reverts where it cannot be read.
    function mustRead(Position position) internal view returns (uint256 assets) {
        bool ok;
        (ok, assets) = read(position);
        if (!ok) revert IVault.VenueUnreadable(position.account());
    }

    /// @notice The position's value, or the largest number where it cannot be read: not known is not nothing.
    function readOrMax(Position position) internal view returns (uint256) {
        (bool ok, uint256 assets) = read(position);
        return ok ? assets : type(uint256).max;
    }

    function requireActive(Position position) internal pure {
        if (position.isQuarantined()) revert IVault.VenueQuarantined(position.account());
    }
}
