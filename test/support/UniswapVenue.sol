// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {UniswapV3LpAdapter} from "../../contracts/adapters/UniswapV3LpAdapter.sol";
import {UniswapV3Valuation} from "../../contracts/adapters/UniswapV3Valuation.sol";
import {ISwapper} from "../../contracts/interfaces/ISwapper.sol";
import {IUniswapV3Pool} from "../../contracts/interfaces/IUniswapV3.sol";
import {TickPrice} from "../../contracts/libraries/TickPrice.sol";
import {Artifact} from "../../script/protocols/Artifact.sol";
import {UniswapV3Deployer} from "../../script/protocols/UniswapV3Deployer.sol";
import {IFiatToken, UsdcDeployer} from "../../script/protocols/UsdcDeployer.sol";
import {PoolSwapper} from "./PoolSwapper.sol";
import {ScriptedPrices} from "./ScriptedPrices.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Test} from "forge-std/Test.sol";

interface IMintable is IERC20 {
    function mint(address to, uint256 amount) external;
}

/// @title UniswapVenue
/// @notice A real Uniswap V3 pool of USDC and another dollar at one to one, with 20M of each in ±1 % and 2M of each in ±20 %. The test
/// contract is admin of everything.
abstract contract UniswapVenue is Test {
    using UniswapV3Deployer for UniswapV3Deployer.Exchange;

    uint256 internal constant START_TIME = 1_750_000_000;

    UniswapV3Deployer.Exchange internal exchange;
    IUniswapV3Pool internal pool;
    ScriptedPrices internal prices;
    PoolSwapper internal swapper;
    IFiatToken internal usdc;
    /// @dev The other dollar, and one whole of it.
    IMintable internal dollar;
    uint256 internal dollarUnit;

    /// @param fee The pool's fee in millionths.
    /// @param usdcFirst Whether USDC is the pool's token0.
    /// @param decimals Of the other dollar: 6 for another FiatToken, 18 for a plain ERC-20.
    function deployUniswap(uint24 fee, bool usdcFirst, uint8 decimals) internal {
        vm.warp(START_TIME);
        address implementation = UsdcDeployer.deployImplementation();
        usdc = UsdcDeployer.deploy(implementation, address(this));
        dollarUnit = 10 ** decimals;
        do {
            dollar = IMintable(_dollar(implementation, decimals));
        } while (address(usdc) < address(dollar) != usdcFirst);

        prices = new ScriptedPrices();
        prices.set(address(usdc), 1e18);
        prices.set(address(dollar), 1e18);
        exchange = UniswapV3Deployer.deploy(address(0));
        swapper = new PoolSwapper(exchange.router, prices);
        pool = openPool(fee, 20_000_000, 2_000_000);
    }

    /// @notice A pool at one to one: so many whole dollars of each coin in ±1 % and in ±20 %.
    function openPool(uint24 fee, uint256 near, uint256 far) internal returns (IUniswapV3Pool opened) {
        uint160 parity = parityPrice();
        opened = exchange.createPool(address(usdc), address(dollar), fee, parity);
        int24 spacing = opened.tickSpacing();
        int24 middle = TickPrice.tickAt(parity) / spacing * spacing;
        provide(opened, middle - 100, middle + 100, near);
        provide(opened, middle - 2000, middle + 2000, far);
    }

    function newUniswapAdapter(address vault) internal returns (UniswapV3LpAdapter) {
        return new UniswapV3LpAdapter(vault, config());
    }

    function config() internal view returns (UniswapV3Valuation.Config memory) {
        return UniswapV3Valuation.Config({
            pool: address(pool), prices: prices, swapper: ISwapper(swapper), maxSlippageBps: 30, maxDeviationBps: 20
        });
    }

    /// @notice Provides at most so many whole dollars of each coin.
    function provide(IUniswapV3Pool to, int24 lower, int24 upper, uint256 dollars) internal {
        usdc.mint(address(this), dollars * 1e6);
        dollar.mint(address(this), dollars * dollarUnit);
        (uint256 amount0, uint256 amount1) = (dollars * 1e6, dollars * dollarUnit);
        if (address(dollar) < address(usdc)) (amount0, amount1) = (amount1, amount0);
        exchange.provide(to, lower, upper, amount0, amount1, address(this));
    }

    /// @notice Sells whole dollars' worth of USDC, or of the other coin, in the adapter's pool.
    function trade(bool sellsUsdc, uint256 dollars) internal returns (uint256 out) {
        address from = sellsUsdc ? address(usdc) : address(dollar);
        uint256 amount = dollars * (sellsUsdc ? 1e6 : dollarUnit);
        IMintable(from).mint(address(this), amount);
        return exchange.sell(from, sellsUsdc ? address(dollar) : address(usdc), pool.fee(), amount, address(this));
    }

    /// @notice The pool price of one dollar for one dollar.
    function parityPrice() internal view returns (uint160) {
        bool first = address(usdc) < address(dollar);
        (uint256 unit0, uint256 unit1) = first ? (uint256(1e6), dollarUnit) : (dollarUnit, uint256(1e6));
        return uint160(Math.sqrt(Math.mulDiv(unit1, 1 << 192, unit0)));
    }

    function spotPrice() internal view returns (uint160 price) {
        (price,,,,,,) = pool.slot0();
    }

    function _dollar(address implementation, uint8 decimals) private returns (address) {
        if (decimals == 6) {
            return address(UsdcDeployer.deployInstance(implementation, "Tether USD", "USDT", address(this)));
        }
        // Curve's plain ERC-20 with 18 decimals, which stands for DAI.
        string memory artifact = "node_modules/@setprotocol/set-protocol-v2/external/abi/curve/CurvePoolERC20.json";
        return Artifact.create(
            "CurvePoolERC20", Artifact.fromJson(artifact), abi.encode("Dai Stablecoin", "DAI", uint256(18), uint256(0))
        );
    }
}
