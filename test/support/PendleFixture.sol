// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {PendlePtAdapter} from "../../contracts/adapters/PendlePtAdapter.sol";
import {IPendlePtOracle, PendleDeployer} from "../../script/protocols/PendleDeployer.sol";
import {AdapterOwner} from "./AdapterOwner.sol";
import {LendingVenue} from "./LendingVenue.sol";
import {PendleTrader} from "./PendleTrader.sol";
import {TestAsset} from "./TestAsset.sol";
import {Test} from "forge-std/Test.sol";

/// @title PendleFixture
/// @notice A Pendle market of 180 days over an ERC-4626 vault that earns, loses and lends as a test says, and an adapter in it.
/// @dev The market opens with 20M assets, half of them PT, at 1.03 PT per asset. One share of the vault is about one unit of the asset: the
/// coarsest that rounding can be.
abstract contract PendleFixture is Test {
    using PendleDeployer for PendleDeployer.Core;
    using PendleDeployer for PendleDeployer.Market;

    uint256 internal constant WAD = 1e18;
    uint256 internal constant POOL = 20_000_000e6;
    uint256 internal constant TWAP_WINDOW = 15 minutes;
    uint256 internal constant BLOCK_TIME = 12;
    uint256 internal constant SLIPPAGE_BPS = 100;
    /// @dev One per block of the window, and one to reach over its edge.
    uint16 internal constant OBSERVATIONS = 76;

    TestAsset internal usdc;
    LendingVenue internal underlying;
    PendleDeployer.Core internal core;
    PendleDeployer.Market internal pendle;
    IPendlePtOracle internal oracle;
    PendleTrader internal trader;
    AdapterOwner internal owner;
    PendlePtAdapter internal adapter;
    uint256 internal expiry;

    function setUp() public virtual {
        vm.warp(1_750_000_000);
        usdc = new TestAsset();
        underlying = new LendingVenue(usdc);
        usdc.mint(address(this), 10_000_000e6);
        usdc.approve(address(underlying), 10_000_000e6);
        underlying.deposit(10_000_000e6, address(this));
        // A share price other than one.
        underlying.gain(700_000e6);

        core = PendleDeployer.deploy(address(new TestAsset()), makeAddr("treasury"), address(this));
        oracle = PendleDeployer.deployOracle(address(this));
        expiry = (block.timestamp / 1 days + 180) * 1 days;
        PendleDeployer.Market memory market = newMarket(OBSERVATIONS);
        pendle = market;
        usdc.mint(address(this), POOL + 1000e6);
        market.open(usdc, POOL, address(this));
        pass(1 hours);
        market.startObservations(usdc, 1000e6, address(this));
        pass(1 hours);

        trader = new PendleTrader(market, usdc);
        owner = new AdapterOwner(address(usdc));
        adapter = newAdapter(TWAP_WINDOW, BLOCK_TIME, SLIPPAGE_BPS);
    }

    function newMarket(uint16 observations) internal returns (PendleDeployer.Market memory) {
        PendleDeployer.Core memory factories = core;
        return factories.createMarket(
            address(underlying),
            PendleDeployer.Terms({
                scalarRoot: 40e18,
                initialAnchor: 1.03e18,
                lnFeeRateRoot: 0.0005e18,
                // forge-lint: disable-next-line(unsafe-typecast)
                expiry: uint32(expiry),
                observations: observations
            })
        );
    }

    function newAdapter(uint256 window, uint256 blockTime, uint256 slippage) internal returns (PendlePtAdapter) {
        return new PendlePtAdapter(address(owner), address(pendle.market), window, blockTime, slippage);
    }

    function enter(uint256 assets) internal returns (uint256 gained) {
        usdc.mint(address(owner), assets);
        gained = owner.deposit(adapter, assets, 0, "");
    }

    function leave() internal returns (uint256 received) {
        (received,) = owner.withdraw(adapter, type(uint256).max, "");
    }

    /// @notice Someone else buys PT: it gets dearer.
    function otherBuys(uint256 principal) internal {
        usdc.mint(address(trader), principal);
        trader.buy(principal);
    }

    /// @notice Someone else mints PT and sells it: it gets cheaper.
    function otherSells(uint256 principal) internal {
        if (pendle.pt.balanceOf(address(trader)) < principal) {
            usdc.mint(address(trader), principal + 1e6);
            trader.mintPrincipal();
        }
        trader.sell(principal);
    }

    /// @notice Time and blocks pass together: Pendle's index is kept per block.
    function pass(uint256 time) internal {
        skip(time);
        vm.roll(vm.getBlockNumber() + time / BLOCK_TIME + 1);
    }

    function principalOf(address account) internal view returns (uint256) {
        return pendle.pt.balanceOf(account);
    }

    /// @notice Nothing lies about, and no allowance is left.
    function assertClean() internal view {
        assertEq(usdc.balanceOf(address(adapter)), 0);
        assertEq(pendle.sy.balanceOf(address(adapter)), 0);
        assertEq(underlying.balanceOf(address(adapter)), 0);
        assertEq(usdc.allowance(address(adapter), address(pendle.sy)), 0);
    }
}
