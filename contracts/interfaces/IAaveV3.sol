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
