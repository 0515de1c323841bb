// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {OracleSwapper} from "../../contracts/OracleSwapper.sol";
import {RewardSale} from "../../contracts/adapters/RewardAdapterBase.sol";
import {WethDeployer} from "../../script/protocols/WethDeployer.sol";
import {FeedPrices} from "./FeedPrices.sol";
import {SwapMarket} from "./SwapMarket.sol";
import {TestToken} from "./TestToken.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Test} from "forge-std/Test.sol";

/// @title SwapFixture
/// @notice The swapper over the real Uniswap V3, with feeds and a reward token. The test contract is its governance.
abstract contract SwapFixture is Test {
    uint256 internal constant STABLE_BPS = 50;
    uint256 internal constant VOLATILE_BPS = 200;
    /// @dev 8 decimals.
    int256 internal constant REWARD_PRICE = 2e8;

    FeedPrices internal prices;
    SwapMarket internal market;
    OracleSwapper internal swapper;
    TestToken internal reward;

    /// @notice Deploys the swapper and a pool of reward and `asset` that is a thousand times as deep as any reward sold here. `asset`
    /// counts as a stablecoin worth a dollar.
    function deploySwaps(address asset) internal {
        prices = new FeedPrices();
        market = new SwapMarket(address(WethDeployer.deploy()));
        swapper = new OracleSwapper(address(this), prices);
        swapper.setRouter(address(market.router()), true);
        reward = new TestToken("RWD", 18);
        prices.list(asset, 1e8);
        prices.list(address(reward), REWARD_PRICE);
        swapper.setTolerance(asset, STABLE_BPS);
        swapper.setTolerance(address(reward), VOLATILE_BPS);
        reward.mint(address(market), 50_000_000e18);
        giveAsset(address(market), 100_000_000 * 10 ** IERC20Metadata(asset).decimals());
        market.open(asset, address(reward));
        connect(address(reward), asset);
    }

    /// @notice Makes the pool the default route both ways.
    function connect(address tokenA, address tokenB) internal {
        address router = address(market.router());
        swapper.setDefaultRoute(tokenA, tokenB, router, market.path(tokenA, tokenB));
        swapper.setDefaultRoute(tokenB, tokenA, router, market.path(tokenB, tokenA));
    }

    /// @notice Gives `to` new assets.
    function giveAsset(address to, uint256 amount) internal virtual;

    /// @notice Instructions to sell the reward by its default route.
    function saleByDefaultRoute() internal view returns (bytes memory) {
        return sale(address(reward), "");
    }

    function sale(address token, bytes memory route) internal pure returns (bytes memory) {
        RewardSale[] memory sales = new RewardSale[](1);
        sales[0] = RewardSale(token, route);
        return abi.encode(sales);
    }
}
