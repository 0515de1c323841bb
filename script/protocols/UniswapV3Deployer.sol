// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IUniswapV3Pool} from "../../contracts/interfaces/IUniswapV3.sol";
import {Artifact} from "./Artifact.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

interface IUniswapV3Factory {
    function createPool(address tokenA, address tokenB, uint24 fee) external returns (address pool);
    function enableFeeAmount(uint24 fee, int24 tickSpacing) external;
    function setOwner(address owner) external;
}

interface IUniswapV3PoolInitializer {
    function initialize(uint160 sqrtPriceX96) external;
    function increaseObservationCardinalityNext(uint16 cardinality) external;
}

interface INonfungiblePositionManager {
    struct MintParams {
        address token0;
        address token1;
        uint24 fee;
        int24 tickLower;
        int24 tickUpper;
        uint256 amount0Desired;
        uint256 amount1Desired;
        uint256 amount0Min;
        uint256 amount1Min;
        address recipient;
        uint256 deadline;
    }

    function mint(MintParams calldata params)
        external
        payable
        returns (uint256 tokenId, uint128 liquidity, uint256 amount0, uint256 amount1);
}

interface ISwapRouter {
    struct ExactInputSingleParams {
        address tokenIn;
        address tokenOut;
        uint24 fee;
        address recipient;
        uint256 deadline;
        uint256 amountIn;
        uint256 amountOutMinimum;
        uint160 sqrtPriceLimitX96;
    }

    function exactInputSingle(ExactInputSingleParams calldata params) external payable returns (uint256 amountOut);
}

/// @title UniswapV3Deployer
/// @notice Deploys Uniswap V3 from the published bytecode: core factory and pools, position manager and router.
library UniswapV3Deployer {
    using SafeERC20 for IERC20;

    string private constant CORE = "node_modules/@uniswap/v3-core/artifacts/contracts/";
    string private constant PERIPHERY = "node_modules/@uniswap/v3-periphery/artifacts/contracts/";

    struct Exchange {
        IUniswapV3Factory factory;
        INonfungiblePositionManager positions;
        ISwapRouter router;
    }

    /// @notice The exchange with mainnet's fee tiers of 0.01 % (added there by governance), 0.05 %, 0.3 % and 1 %.
    /// @param weth Only periphery functions that take ether use it.
    function deploy(address weth) internal returns (Exchange memory exchange) {
        address factory = _create(CORE, "UniswapV3Factory", "");
        exchange.factory = IUniswapV3Factory(factory);
        exchange.factory.enableFeeAmount(100, 1);
        exchange.positions = INonfungiblePositionManager(
            _create(PERIPHERY, "NonfungiblePositionManager", abi.encode(factory, weth, address(0)))
        );
        exchange.router = ISwapRouter(_create(PERIPHERY, "SwapRouter", abi.encode(factory, weth)));
    }

    /// @notice A pool that starts at the given price.
    /// @param sqrtPriceX96 Square root of token1 units per token0 unit, Q64.96.
    function createPool(Exchange memory exchange, address tokenA, address tokenB, uint24 fee, uint160 sqrtPriceX96)
        internal
        returns (IUniswapV3Pool pool)
    {
        pool = IUniswapV3Pool(exchange.factory.createPool(tokenA, tokenB, fee));
        IUniswapV3PoolInitializer(address(pool)).initialize(sqrtPriceX96);
    }

    /// @notice Provides at most the given amounts of the caller's tokens between two ticks, for `receiver`.
    /// @param amount0 Units of the pool's token0.
    function provide(
        Exchange memory exchange,
        IUniswapV3Pool pool,
        int24 tickLower,
        int24 tickUpper,
        uint256 amount0,
        uint256 amount1,
        address receiver
    ) internal {
        IERC20(pool.token0()).forceApprove(address(exchange.positions), amount0);
        IERC20(pool.token1()).forceApprove(address(exchange.positions), amount1);
        exchange.positions
            .mint(
                INonfungiblePositionManager.MintParams({
                    token0: pool.token0(),
                    token1: pool.token1(),
                    fee: pool.fee(),
                    tickLower: tickLower,
                    tickUpper: tickUpper,
                    amount0Desired: amount0,
                    amount1Desired: amount1,
                    amount0Min: 0,
                    amount1Min: 0,
                    recipient: receiver,
                    deadline: block.timestamp
                })
            );
    }

    /// @notice Sells all of `amountIn` of the caller's tokens in one pool, to the caller `receiver`.
    function sell(
        Exchange memory exchange,
        address tokenIn,
        address tokenOut,
        uint24 fee,
        uint256 amountIn,
        address receiver
    ) internal returns (uint256 amountOut) {
        IERC20(tokenIn).forceApprove(address(exchange.router), amountIn);
        return exchange.router
            .exactInputSingle(
                ISwapRouter.ExactInputSingleParams({
                    tokenIn: tokenIn,
                    tokenOut: tokenOut,
                    fee: fee,
                    recipient: receiver,
                    deadline: block.timestamp,
                    amountIn: amountIn,
                    amountOutMinimum: 0,
                    sqrtPriceLimitX96: 0
                })
            );
    }

    function _create(string memory package, string memory name, bytes memory arguments) private returns (address) {
        return Artifact.create(name, Artifact.fromJson(string.concat(package, name, ".sol/", name, ".json")), arguments);
    }
}
