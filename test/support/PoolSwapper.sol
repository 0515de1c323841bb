// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPriceSource} from "../../contracts/interfaces/IPriceSource.sol";
import {ISwapper} from "../../contracts/interfaces/ISwapper.sol";
import {ISwapRouter} from "../../script/protocols/UniswapV3Deployer.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title PoolSwapper
/// @notice A swapper that sells in one pool of the real Uniswap V3, for tests of adapters: the route is abi.encode(uint24 fee), or empty
/// for the 1 % pool; at most 5 % below the oracles.
contract PoolSwapper is ISwapper {
    using SafeERC20 for IERC20Metadata;

    ISwapRouter private immutable _router;
    IPriceSource private immutable _prices;

    constructor(ISwapRouter router, IPriceSource prices) {
        (_router, _prices) = (router, prices);
    }

    /// @inheritdoc ISwapper
    function swap(address tokenIn, address tokenOut, uint256 amountIn, address recipient, bytes calldata data)
        external
        returns (uint256 received)
    {
        IERC20Metadata(tokenIn).safeTransferFrom(msg.sender, address(this), amountIn);
        IERC20Metadata(tokenIn).forceApprove(address(_router), amountIn);
        received = _router.exactInputSingle(
            ISwapRouter.ExactInputSingleParams({
                tokenIn: tokenIn,
                tokenOut: tokenOut,
                fee: data.length == 0 ? 10_000 : abi.decode(data, (uint24)),
                recipient: recipient,
                deadline: block.timestamp,
                amountIn: amountIn,
                amountOutMinimum: 0,
                sqrtPriceLimitX96: 0
            })
        );
        uint256 least = minimumOut(tokenIn, tokenOut, amountIn);
        if (received < least) revert InsufficientOutput(received, least);
    }

    /// @inheritdoc ISwapper
    function minimumOut(address tokenIn, address tokenOut, uint256 amountIn) public view returns (uint256) {
        uint256 worth = _prices.priceOf(tokenIn) * 10 ** IERC20Metadata(tokenOut).decimals();
        uint256 price = _prices.priceOf(tokenOut) * 10 ** IERC20Metadata(tokenIn).decimals();
        return Math.mulDiv(amountIn, worth * 95, price * 100, Math.Rounding.Ceil);
    }
}
