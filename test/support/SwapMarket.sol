// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IUniswapV3Router} from "../../contracts/interfaces/IUniswapV3Router.sol";
import {Artifact} from "../../script/protocols/Artifact.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

interface IUniswapV3FactoryAdmin {
    function enableFeeAmount(uint24 fee, int24 tickSpacing) external;
    function getPool(address tokenA, address tokenB, uint24 fee) external view returns (address);
}

interface IUniswapV3Positions {
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

    function createAndInitializePoolIfNecessary(address token0, address token1, uint24 fee, uint160 sqrtPriceX96)
        external
        payable
        returns (address pool);
    function mint(MintParams calldata params) external payable returns (uint256, uint128, uint256, uint256);
}

/// @title SwapMarket
/// @notice The real Uniswap V3 (factory, positions, SwapRouter, as published on npm) with pools over the whole range.
contract SwapMarket {
    uint24 public constant FEE = 100;

    string private constant CORE = "node_modules/@uniswap/v3-core/artifacts/contracts/";
    string private constant PERIPHERY = "node_modules/@uniswap/v3-periphery/artifacts/contracts/";
    /// @dev The outermost ticks of spacing 1.
    int24 private constant MAX_TICK = 887_272;

    IUniswapV3FactoryAdmin public immutable factory;
    IUniswapV3Positions public immutable positions;
    IUniswapV3Router public immutable router;

    constructor(address weth) {
        address at = Artifact.create(
            "Factory", Artifact.fromJson(string.concat(CORE, "UniswapV3Factory.sol/UniswapV3Factory.json")), ""
        );
        factory = IUniswapV3FactoryAdmin(at);
        factory.enableFeeAmount(FEE, 1);
        string memory file = string.concat(PERIPHERY, "NonfungiblePositionManager.sol/NonfungiblePositionManager.json");
        positions = IUniswapV3Positions(
            Artifact.create("Positions", Artifact.fromJson(file), abi.encode(at, weth, address(0)))
        );
        file = string.concat(PERIPHERY, "SwapRouter.sol/SwapRouter.json");
        router = IUniswapV3Router(Artifact.create("SwapRouter", Artifact.fromJson(file), abi.encode(at, weth)));
    }

    /// @notice Opens a pool with what this contract was given of the two tokens; their amounts are its price.
    function open(address tokenA, address tokenB) external returns (address pool) {
        (address token0, address token1) = tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
        uint256 amount0 = IERC20(token0).balanceOf(address(this));
        uint256 amount1 = IERC20(token1).balanceOf(address(this));
        uint256 sqrtPrice = Math.sqrt(Math.mulDiv(amount1, 1 << 192, amount0));
        // forge-lint: disable-next-line(unsafe-typecast)
        pool = positions.createAndInitializePoolIfNecessary(token0, token1, FEE, uint160(sqrtPrice));
        IERC20(token0).approve(address(positions), amount0);
        IERC20(token1).approve(address(positions), amount1);
        positions.mint(
            IUniswapV3Positions.MintParams(
                token0, token1, FEE, -MAX_TICK, MAX_TICK, amount0, amount1, 0, 0, msg.sender, block.timestamp
            )
        );
    }

    /// @notice Sells all that this contract was given of `tokenIn`, the proceeds to `recipient`.
    function sell(address tokenIn, address tokenOut, address recipient) external returns (uint256) {
        uint256 amount = IERC20(tokenIn).balanceOf(address(this));
        IERC20(tokenIn).approve(address(router), amount);
        return router.exactInput(
            IUniswapV3Router.ExactInputParams(path(tokenIn, tokenOut), recipient, block.timestamp, amount, 0)
        );
    }

    function path(address tokenIn, address tokenOut) public pure returns (bytes memory) {
        return abi.encodePacked(tokenIn, FEE, tokenOut);
    }

    /// @notice A route for {ISwapper.swap} through the pool, paid to `receiver`.
    function route(address tokenIn, address tokenOut, uint256 amount, address receiver)
        external
        view
        returns (bytes memory)
    {
        return abi.encode(
            address(router),
            abi.encodeCall(
                IUniswapV3Router.exactInput,
                (IUniswapV3Router.ExactInputParams(path(tokenIn, tokenOut), receiver, block.timestamp, amount, 0))
            )
        );
    }
}
