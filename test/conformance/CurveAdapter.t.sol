// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {CurveVenue} from "../support/CurveVenue.sol";
import {AdapterConformance} from "./AdapterConformance.sol";

/// @notice The Curve adapter on the real sUSD pool (SPEC C9), LP tokens unstaked.
contract CurveAdapterConformanceTest is AdapterConformance, CurveVenue {
    function deployVenue() internal override returns (address) {
        deployCurve();
        return address(usdc);
    }

    function newAdapter(address vault) internal virtual override returns (IAdapter) {
        return newCurveAdapter(vault, false);
    }

    function mintAsset(address to, uint256 amount) internal override {
        usdc.mint(to, amount);
    }

    function isLossless() internal pure override returns (bool) {
        return false;
    }

    // The imbalance fee of 4 bps × 4/12 on the three quarters that are not the asset, and the bonding curve at a million.
    function maxEntryCostBps() internal pure override returns (uint256) {
        return 4;
    }

    function exitToleranceBps() internal pure override returns (uint256) {
        return 4;
    }

    // Fees that a push leaves with all depositors.
    function manipulationToleranceBps() internal pure override returns (uint256) {
        return 2;
    }

    function minAssets() internal view override returns (uint256) {
        return unit;
    }

    function receipts() internal view override returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(market.lpToken);
    }

    function passingTokens() internal view override returns (address[] memory list) {
        list = new address[](4);
        (list[0], list[1], list[2], list[3]) = (address(dai), address(usdt), address(susd), address(dao.crv));
    }

    function spenders() internal view override returns (address[] memory list) {
        list = new address[](4);
        (list[0], list[1], list[2], list[3]) = (address(market.pool), market.deposit, address(gauge), address(swapper));
    }

    function criticalContracts() internal view override returns (address[] memory list) {
        list = new address[](3);
        (list[0], list[1], list[2]) = (address(market.pool), address(market.lpToken), address(prices));
    }

    function supportsManipulation() internal pure override returns (bool) {
        return true;
    }

    function manipulate() internal override {
        exchangeCoins(USDT, USDC, 20_000_000);
    }

    function supportsReceiptGifts() internal pure override returns (bool) {
        return true;
    }

    function giveReceipts(uint256 amount) internal override {
        market.lpToken.transfer(address(adapter), amount * 1e30 / market.pool.get_virtual_price());
    }

    function dependsOnOracle() internal pure override returns (bool) {
        return true;
    }

    function makeOracleStale() internal override {
        prices.set(address(susd), 0);
    }
}

/// @notice The same with the LP tokens staked in the real gauge, which pays CRV.
contract StakedCurveAdapterConformanceTest is CurveAdapterConformanceTest {
    function newAdapter(address vault) internal override returns (IAdapter) {
        return newCurveAdapter(vault, true);
    }

    function supportsHarvest() internal pure override returns (bool) {
        return true;
    }

    // About 274.8M CRV a year at 40 % of the unboosted share, all to this gauge whose only staker the position is: a minute is 523 CRV.
    function accrueRewards() internal override returns (uint256) {
        skip(1 minutes);
        return 150 * unit;
    }
}
