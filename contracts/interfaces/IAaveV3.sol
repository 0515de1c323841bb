// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The part of Aave V3.6's IPool that is used here, as published in aave-v3-origin.
interface IAaveV3Pool {
    function supply(address asset, uint256 amount, address onBehalfOf, uint16 referralCode) external;
    function withdraw(address asset, uint256 amount, address to) external returns (uint256);
    function getConfiguration(address asset) external view returns (uint256);
    function getReserveAToken(address asset) external view returns (address);
    function getReserveVariableDebtToken(address asset) external view returns (address);
    function getVirtualUnderlyingBalance(address asset) external view returns (uint128);
}

/// @notice The part of Aave V3's AToken beyond ERC-20 that is used here.
interface IAaveV3AToken {
    /// @notice The rewards controller that the token reports to, or zero.
    function getIncentivesController() external view returns (address);
}

/// @notice The part of Aave V3's RewardsController that is used here.
interface IAaveV3Rewards {
    /// @notice Claims up to `amount` of `reward` that the caller has earned with `assets` (aTokens), paid to `to`.
    function claimRewards(address[] calldata assets, uint256 amount, address to, address reward)
        external
        returns (uint256);
}
