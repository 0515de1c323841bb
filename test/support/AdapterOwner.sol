// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title AdapterOwner
/// @notice Plays the vault towards adapters and nothing more: it has an asset, pays in, takes out, harvests, and measures what each
/// call did to its own balance and to the position's value.
contract AdapterOwner {
    using SafeERC20 for IERC20;

    error TooLittleValue(uint256 gained, uint256 minimum);

    address public immutable asset;

    constructor(address asset_) {
        asset = asset_;
    }

    /// @notice Puts `assets` of its own into the venue.
    /// @return gained How far `value()` rose; below `minimum` the call reverts, as the vault's does.
    function deposit(IAdapter adapter, uint256 assets, uint256 minimum, bytes calldata data)
        external
        returns (uint256 gained)
    {
        uint256 before = adapter.value();
        IERC20(asset).safeTransfer(address(adapter), assets);
        adapter.deposit(assets, data);
        uint256 afterwards = adapter.value();
        gained = afterwards > before ? afterwards - before : 0;
        if (gained < minimum) revert TooLittleValue(gained, minimum);
    }

    /// @notice Takes the part worth `assets` out of the venue, type(uint256).max for everything.
    /// @return received Assets that arrived here.
    /// @return lowered How far `value()` fell.
    function withdraw(IAdapter adapter, uint256 assets, bytes calldata data)
        external
        returns (uint256 received, uint256 lowered)
    {
        uint256 balance = IERC20(asset).balanceOf(address(this));
        uint256 before = adapter.value();
        adapter.withdraw(assets, data);
        lowered = before - adapter.value();
        received = IERC20(asset).balanceOf(address(this)) - balance;
    }

    /// @notice Sells the position's rewards.
    /// @return received Assets that arrived here.
    function harvest(IAdapter adapter, bytes calldata data) external returns (uint256 received) {
        uint256 balance = IERC20(asset).balanceOf(address(this));
        adapter.harvest(data);
        received = IERC20(asset).balanceOf(address(this)) - balance;
    }
}
