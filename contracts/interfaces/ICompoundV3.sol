// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The part of Compound III's Comet that is used here, as published in its interface.
interface IComet {
    function supply(address asset, uint256 amount) external;

    /// @notice Pays `amount` of the caller's `asset` to `to`; type(uint256).max is the whole balance. Beyond the balance of the base
    /// asset it borrows, if the caller has collateral.
    function withdrawTo(address to, address asset, uint256 amount) external;

    /// @notice The account's supply of the base asset with interest up to now, rounded down.
    function balanceOf(address account) external view returns (uint256);
    function totalSupply() external view returns (uint256);

    /// @notice Borrowed ÷ supplied, 18-decimal fixed point; above 1e18 where bad debt has eaten supply.
    function getUtilization() external view returns (uint256);
    function isSupplyPaused() external view returns (bool);
    function isWithdrawPaused() external view returns (bool);
    function baseToken() external view returns (address);
}

/// @notice The part of Compound III's CometRewards that is used here.
interface ICometRewards {
    /// @notice Pays `src` the rewards that it has earned in `comet`.
    function claim(address comet, address src, bool shouldAccrue) external;
}
