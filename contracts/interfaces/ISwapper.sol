// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title ISwapper
/// @notice Swaps one token for another through an allowlisted aggregator, never below what the oracles say less a fixed tolerance.
interface ISwapper {
    error RouterNotAllowed(address router);
    error InsufficientOutput(uint256 received, uint256 minimum);
    error SwapFailed(bytes reason);

    /// @notice Takes `amountIn` of `tokenIn` from the caller, who has approved it, and sends what it bought to `recipient`, and whatever
    /// the route did not spend back to the caller. Reverts below {minimumOut}.
    /// @param data abi.encode(address router, bytes call): the aggregator and the call that its API built for this contract.
    /// @return received Units of `tokenOut` that `recipient` received.
    function swap(address tokenIn, address tokenOut, uint256 amountIn, address recipient, bytes calldata data)
        external
        returns (uint256 received);

    /// @notice The least that a swap of `amountIn` may yield: its oracle value less the tolerance, in units of `tokenOut`, rounded up.
    function minimumOut(address tokenIn, address tokenOut, uint256 amountIn) external view returns (uint256);
}
