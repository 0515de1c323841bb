// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The part of Uniswap V3's SwapRouter that is used here, as published in v3-periphery.
interface IUniswapV3Router {
    struct ExactInputParams {
        bytes path;
        address recipient;
        uint256 deadline;
        uint256 amountIn;
        uint256 amountOutMinimum;
    }

    /// @notice Swaps all of `amountIn` along the path of pools.
    function exactInput(ExactInputParams calldata params) external payable returns (uint256 amountOut);
}
