// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISwapper} from "../../contracts/interfaces/ISwapper.sol";
import {TestToken} from "./TestToken.sol";

/// @title HostileRouter
/// @notice An allowed router that does what the route tells it to, and nothing good.
contract HostileRouter {
    error Refused(string reason);

    /// @notice Takes `amountIn` of the caller's tokens and pays `amountOut`, minted, to `receiver`.
    function trade(TestToken tokenIn, uint256 amountIn, TestToken tokenOut, uint256 amountOut, address receiver)
        external
    {
        if (amountIn != 0) require(tokenIn.transferFrom(msg.sender, address(this), amountIn));
        tokenOut.mint(receiver, amountOut);
    }

    /// @notice Takes the tokens, then sells as many of its own through the swapper again.
    function reenter(ISwapper swapper, TestToken tokenIn, TestToken tokenOut, uint256 amountIn) external {
        require(tokenIn.transferFrom(msg.sender, address(this), amountIn));
        tokenIn.approve(address(swapper), amountIn);
        swapper.swap(address(tokenIn), address(tokenOut), amountIn, address(this), "");
    }

    function refuse(string calldata reason) external pure {
        revert Refused(reason);
    }

    /// @notice Reverts with more data than anyone wants to copy.
    function refuseAtLength() external pure {
        assembly ("memory-safe") {
            revert(mload(0x40), 100000)
        }
    }

    /// @notice Takes `amount` of a token that somebody has approved this router for.
    function drain(TestToken token, address from, uint256 amount) external {
        require(token.transferFrom(from, address(this), amount));
    }
}
