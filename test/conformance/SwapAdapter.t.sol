// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SwapAdapter} from "../../contracts/adapters/SwapAdapter.sol";
import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {IFiatToken, UsdcDeployer} from "../../script/protocols/UsdcDeployer.sol";
import {LendingVenue} from "../support/LendingVenue.sol";
import {SwapFixture} from "../support/SwapFixture.sol";
import {TestAsset} from "../support/TestAsset.sol";
import {TestToken} from "../support/TestToken.sol";
import {AdapterConformance} from "./AdapterConformance.sol";

/// @notice The swap adapter with real USDC, a stablecoin, and the real Uniswap V3 between them.
abstract contract SwapAdapterConformance is AdapterConformance, SwapFixture {
    uint256 private constant DEPTH = 1_000_000_000;

    TestToken internal immutable stablecoin;
    uint256 internal immutable stablecoinUnit;

    constructor(uint8 decimals) {
        stablecoin = new TestToken("USDX", decimals);
        stablecoinUnit = 10 ** decimals;
    }

    function deployVenue() internal virtual override returns (address usdc) {
        vm.warp(1_750_000_000);
        usdc = address(UsdcDeployer.deploy(UsdcDeployer.deployImplementation(), address(this)));
        asset = IFiatToken(usdc);
        deploySwaps(usdc);
        prices.list(address(stablecoin), 1e8);
        swapper.setTolerance(address(stablecoin), STABLE_BPS);
        giveAsset(address(market), DEPTH * 1e6);
        stablecoin.mint(address(market), DEPTH * stablecoinUnit);
        market.open(usdc, address(stablecoin));
        connect(usdc, address(stablecoin));
    }

    function giveAsset(address to, uint256 amount) internal override {
        UsdcDeployer.mint(IFiatToken(address(asset)), to, amount);
    }

    function mintAsset(address to, uint256 amount) internal override {
        giveAsset(to, amount);
    }

    function pass(uint256 time) internal virtual override {
        super.pass(time);
        prices.refresh();
    }

    function isLossless() internal pure override returns (bool) {
        return false;
    }

    function maxEntryCostBps() internal pure override returns (uint256) {
        return STABLE_BPS;
    }

    function exitToleranceBps() internal pure override returns (uint256) {
        return STABLE_BPS;
    }

    /// @dev Every other deposit brings its own route, the rest take the default.
    function entryData(uint256 assets) internal view override returns (bytes memory) {
        return assets % 2 == 0 ? bytes("") : market.route(address(asset), address(stablecoin), assets, address(swapper));
    }

    function spenders() internal view override returns (address[] memory list) {
        list = new address[](3);
        (list[0], list[1], list[2]) = (adapter.venue(), address(swapper), address(market.router()));
    }

    function criticalContracts() internal view override returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (adapter.venue(), address(prices));
    }

    function supportsManipulation() internal pure override returns (bool) {
        return true;
    }

    /// @dev A fifth of the pool is sold into it.
    function manipulate() internal override {
        stablecoin.mint(address(market), DEPTH * stablecoinUnit / 5);
        market.sell(address(stablecoin), address(asset), makeAddr("manipulator"));
    }

    function dependsOnOracle() internal pure override returns (bool) {
        return true;
    }

    function makeOracleStale() internal override {
        skip(prices.HEARTBEAT() + 1);
    }

    function supportsHarvest() internal pure override returns (bool) {
        return true;
    }

    function accrueRewards() internal override returns (uint256 least) {
        reward.mint(address(adapter), 100e18);
        return 196e6;
    }

    function harvestData() internal view override returns (bytes memory) {
        return saleByDefaultRoute();
    }

    // SPEC C9: leaving always costs the swap.
    function test_NothingOfItIsLossless() public {
        enter(1000 * unit);
        assertEq(adapter.liquidity(), 0);
        assertEq(adapter.exitLiquidity(), adapter.value());
    }
}

/// @notice The stablecoin, of 18 decimals, in an ERC-4626 savings vault that earns 4 % a year.
contract SwapAdapterInSavingsTest is SwapAdapterConformance(18) {
    LendingVenue private savings;

    function deployVenue() internal override returns (address usdc) {
        usdc = super.deployVenue();
        savings = new LendingVenue(TestAsset(address(stablecoin)));
        stablecoin.mint(address(this), 10_000_000e18);
        stablecoin.approve(address(savings), 10_000_000e18);
        savings.deposit(10_000_000e18, address(this));
    }

    function newAdapter(address vault) internal override returns (IAdapter) {
        return new SwapAdapter(vault, address(savings), address(stablecoin), swapper, prices);
    }

    function pass(uint256 time) internal override {
        super.pass(time);
        savings.gain(savings.totalAssets() * 4 * time / (100 * 365 days));
    }

    function receipts() internal view override returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(savings);
    }

    function passingTokens() internal view override returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (address(reward), address(stablecoin));
    }

    function donateToVenue(uint256 amount) internal override {
        stablecoin.mint(address(savings), amount * 1e12);
    }

    function supportsIlliquidity() internal pure override returns (bool) {
        return true;
    }

    function makeIlliquid(uint256 left) internal override {
        savings.lend(savings.cash() - left * 1e12);
    }

    function restoreLiquidity() internal override {
        savings.repay(type(uint256).max);
    }

    function supportsLoss() internal pure override returns (bool) {
        return true;
    }

    function loseHalf() internal override {
        savings.lose(savings.totalAssets() / 2);
    }

    function supportsReceiptGifts() internal pure override returns (bool) {
        return true;
    }

    function giveReceipts(uint256 amount) internal override {
        stablecoin.mint(address(this), amount * 1e12);
        stablecoin.approve(address(savings), amount * 1e12);
        savings.deposit(amount * 1e12, address(adapter));
    }
}

/// @notice The stablecoin, of 6 decimals, held as it is.
contract SwapAdapterPlainTest is SwapAdapterConformance(6) {
    function newAdapter(address vault) internal override returns (IAdapter) {
        return new SwapAdapter(vault, address(stablecoin), address(stablecoin), swapper, prices);
    }

    function receipts() internal view override returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(stablecoin);
    }

    function passingTokens() internal view override returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(reward);
    }

    function supportsReceiptGifts() internal pure override returns (bool) {
        return true;
    }

    function giveReceipts(uint256 amount) internal override {
        stablecoin.mint(address(adapter), amount);
    }
}
