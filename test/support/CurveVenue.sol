// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {CurveStableSwapAdapter} from "../../contracts/adapters/CurveStableSwapAdapter.sol";
import {ISwapper} from "../../contracts/interfaces/ISwapper.sol";
import {IUniswapV3Pool} from "../../contracts/interfaces/IUniswapV3.sol";
import {TickPrice} from "../../contracts/libraries/TickPrice.sol";
import {CurveDeployer, ICurveToken} from "../../script/protocols/CurveDeployer.sol";
import {UniswapV3Deployer} from "../../script/protocols/UniswapV3Deployer.sol";
import {IFiatToken, UsdcDeployer} from "../../script/protocols/UsdcDeployer.sol";
import {UsdtDeployer} from "../../script/protocols/UsdtDeployer.sol";
import {PoolSwapper} from "./PoolSwapper.sol";
import {ScriptedPrices} from "./ScriptedPrices.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Test} from "forge-std/Test.sol";

/// @title CurveVenue
/// @notice The real sUSD pool of Curve with 25M of each coin, its deposit contract, CRV, a gauge, and a Uniswap market for what the gauge
/// pays. The test contract is admin of everything.
abstract contract CurveVenue is Test {
    using UniswapV3Deployer for UniswapV3Deployer.Exchange;

    uint256 internal constant START_TIME = 1_750_000_000;
    uint256 internal constant CRV_PRICE = 0.5e18;
    int128 internal constant DAI = 0;
    int128 internal constant USDC = 1;
    int128 internal constant USDT = 2;
    int128 internal constant SUSD = 3;

    CurveDeployer.Market internal market;
    CurveDeployer.Dao internal dao;
    UniswapV3Deployer.Exchange internal exchange;
    ScriptedPrices internal prices;
    PoolSwapper internal swapper;
    address internal gauge;
    IFiatToken internal usdc;
    IFiatToken internal usdt;
    ICurveToken internal dai;
    ICurveToken internal susd;

    function deployCurve() internal {
        vm.warp(START_TIME);
        address implementation = UsdcDeployer.deployImplementation();
        usdc = UsdcDeployer.deploy(implementation, address(this));
        usdt = UsdtDeployer.deploy(implementation, address(this));
        dai = CurveDeployer.token("Dai Stablecoin", "DAI");
        susd = CurveDeployer.token("Synth sUSD", "sUSD");
        market = CurveDeployer.deploy([address(dai), address(usdc), address(usdt), address(susd)]);
        dao = CurveDeployer.deployDao();
        gauge = CurveDeployer.deployGauge(dao, address(market.lpToken));
        provide(25_000_000);

        prices = new ScriptedPrices();
        for (int128 i; i < 4; ++i) {
            prices.set(market.pool.coins(i), 1e18);
        }
        prices.set(address(dao.crv), CRV_PRICE);
        exchange = UniswapV3Deployer.deploy(address(0));
        swapper = new PoolSwapper(exchange.router, prices);

        // CRV is minted from the second day on; the gauge's weight counts from the next week.
        skip(8 days);
        dao.crv.update_mining_parameters();
        openMarket(address(dao.crv), 10_000, CRV_PRICE, 2_000_000);
    }

    /// @notice A plain adapter, or one that stakes.
    function newCurveAdapter(address vault, bool staked) internal returns (CurveStableSwapAdapter) {
        return new CurveStableSwapAdapter(vault, config(staked));
    }

    function config(bool staked) internal view returns (CurveStableSwapAdapter.Config memory) {
        return CurveStableSwapAdapter.Config({
            pool: address(market.pool),
            lpToken: market.lpToken,
            oneCoinExit: market.deposit,
            gauge: staked ? gauge : address(0),
            minter: staked ? dao.minter : address(0),
            prices: prices,
            swapper: staked ? ISwapper(swapper) : ISwapper(address(0)),
            maxSlippageBps: 30
        });
    }

    /// @notice Adds as many whole dollars of each coin to the pool.
    function provide(uint256 dollars) internal {
        uint256[4] memory amounts = [dollars * 1e18, dollars * 1e6, dollars * 1e6, dollars * 1e18];
        for (int128 i; i < 4; ++i) {
            give(i, amounts[uint128(i)]);
        }
        market.pool.add_liquidity(amounts, 0);
    }

    /// @notice Sells whole dollars of a coin for another.
    function exchangeCoins(int128 from, int128 to, uint256 dollars) internal {
        uint256 amount = dollars * (from == USDC || from == USDT ? 1e6 : 1e18);
        give(from, amount);
        market.pool.exchange(from, to, amount, 0);
    }

    /// @notice Mints and approves for the pool.
    function give(int128 coin, uint256 amount) internal {
        if (coin == DAI) dai.mint(address(this), amount);
        else if (coin == USDC) usdc.mint(address(this), amount);
        else if (coin == USDT) usdt.mint(address(this), amount);
        else susd.mint(address(this), amount);
        IERC20(market.pool.coins(coin)).approve(address(market.pool), amount);
    }

    /// @notice A Uniswap market of `token` against USDC, as deep as `dollars` on each side in a narrow band around `price`.
    function openMarket(address token, uint24 fee, uint256 price, uint256 dollars) internal {
        uint256 unitsPerDollar = 10 ** IERC20Metadata(token).decimals() * 1e18 / price;
        bool first = token < address(usdc);
        uint256 ratio = first ? Math.mulDiv(1e6, 1 << 192, unitsPerDollar) : Math.mulDiv(unitsPerDollar, 1 << 192, 1e6);
        uint160 root = uint160(Math.sqrt(ratio));
        IUniswapV3Pool pool = exchange.createPool(token, address(usdc), fee, root);
        int24 spacing = pool.tickSpacing();
        int24 middle = TickPrice.tickAt(root) / spacing * spacing;
        if (token != address(dao.crv)) ICurveToken(token).mint(address(this), dollars * unitsPerDollar);
        usdc.mint(address(this), dollars * 1e6);
        (uint256 amount0, uint256 amount1) =
            first ? (dollars * unitsPerDollar, dollars * 1e6) : (dollars * 1e6, dollars * unitsPerDollar);
        exchange.provide(pool, middle - 5 * spacing, middle + 5 * spacing, amount0, amount1, address(this));
    }
}
