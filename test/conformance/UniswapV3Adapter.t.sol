// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {UniswapVenue} from "../support/UniswapVenue.sol";
import {AdapterConformance} from "./AdapterConformance.sol";

/// @notice The Uniswap V3 LP adapter on a real 0.01 % pool in which the asset is token0 (SPEC C9).
contract UniswapV3AdapterConformanceTest is AdapterConformance, UniswapVenue {
    function deployVenue() internal virtual override returns (address) {
        deployUniswap(100, true, 6);
        return address(usdc);
    }

    function newAdapter(address vault) internal override returns (IAdapter) {
        return newUniswapAdapter(vault);
    }

    function mintAsset(address to, uint256 amount) internal override {
        usdc.mint(to, amount);
    }

    function isLossless() internal pure override returns (bool) {
        return false;
    }

    // Half of a deposit is swapped: half the fee, and the price impact of half a million.
    function maxEntryCostBps() internal pure virtual override returns (uint256) {
        return 3;
    }

    function exitToleranceBps() internal pure virtual override returns (uint256) {
        return 3;
    }

    // Fees of the push itself.
    function manipulationToleranceBps() internal pure virtual override returns (uint256) {
        return 2;
    }

    function minAssets() internal view override returns (uint256) {
        return unit;
    }

    // passingTokens(): none, the rest of the other coin that does not fit the range stays and is part of the value.

    function spenders() internal view override returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (address(pool), address(swapper));
    }

    function criticalContracts() internal view override returns (address[] memory list) {
        list = new address[](3);
        (list[0], list[1], list[2]) = (address(pool), address(prices), address(dollar));
    }

    function supportsManipulation() internal pure override returns (bool) {
        return true;
    }

    function manipulate() internal override {
        trade(false, 21_000_000);
    }

    function supportsHarvest() internal pure override returns (bool) {
        return true;
    }

    // Trades of a million there and back, at the fee, of which the position's share of the range is about a two-hundredth.
    function accrueRewards() internal override returns (uint256) {
        trade(true, 1_000_000);
        trade(false, 1_000_000);
        return uint256(1_000_000 * unit) * 2 * pool.fee() / 1_000_000 / 220;
    }

    function dependsOnOracle() internal pure override returns (bool) {
        return true;
    }

    function makeOracleStale() internal override {
        prices.set(address(dollar), 0);
    }
}

/// @notice The same on a 0.05 % pool with wider ticks, the asset as token1, and a coin of 18 decimals.
contract UniswapV3AdapterMirrorConformanceTest is UniswapV3AdapterConformanceTest {
    function deployVenue() internal override returns (address) {
        deployUniswap(500, false, 18);
        return address(usdc);
    }

    function maxEntryCostBps() internal pure override returns (uint256) {
        return 5;
    }

    function exitToleranceBps() internal pure override returns (uint256) {
        return 5;
    }

    function manipulationToleranceBps() internal pure override returns (uint256) {
        return 4;
    }
}
