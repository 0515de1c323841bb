// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPendleMarket} from "../interfaces/IPendle.sol";
import {ExpLog} from "./ExpLog.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title PendleCurve
/// @notice What a Pendle market pays for a trade, computed from its state, so that a view can say it too.
/// @dev The market's rate is PT per asset: rate(x) = ln(p/(1−p)) / rateScalar + anchor, with p the part of PT in the market after it took x
/// (Pendle V2 AMM whitepaper, section 3). The anchor is such that rate(0) continues the last implied rate, so that
/// rate(x) = rate(0) + ln( (PT + x)/(asset − x) · asset/PT ) / rateScalar. A seller of PT gets x / (rate·fee), a buyer pays x·fee / rate.
library PendleCurve {
    using SafeCast for int256;
    using SafeCast for uint256;

    error MarketTooSmall(uint256 pt, uint256 available);
    error PriceAbovePar(uint256 rate);

    uint256 private constant WAD = 1e18;
    int256 private constant SIGNED_WAD = 1e18;
    uint256 private constant YEAR = 365 days;
    /// @dev The market takes no PT beyond this part (MarketMathCore's MAX_MARKET_PROPORTION).
    uint256 private constant MOST_PT = 0.96e18;
    /// @dev The search for a purchase converges by the price impact per step; a trade that has not by then moves the price by more than
    /// any adapter's bound.
    uint256 private constant STEPS = 8;
    /// @dev Units by which the market's own rounding may make a purchase dearer.
    uint256 private constant ROUNDING = 3;
    /// @dev Far beyond MOST_PT from wherever a market that is in use may stand.
    uint256 private constant MOST_GROWTH = 15e18;

    /// @dev Amounts in assets by the PY index; `rate`, `feeRate`, `rateScalar` are 18-decimal.
    struct Curve {
        uint256 totalPt;
        uint256 totalAsset;
        uint256 rateScalar;
        uint256 rate;
        uint256 feeRate;
        uint256 reserveFeePercent;
    }

    /// @notice The market's curve for this contract's trades at this time. Only before the expiry.
    /// @param index The PY index.
    function load(IPendleMarket market, uint256 index) internal view returns (Curve memory curve) {
        IPendleMarket.State memory state = market.readState(address(this));
        uint256 time = state.expiry - block.timestamp;
        curve.totalPt = state.totalPt.toUint256();
        curve.totalAsset = Math.mulDiv(state.totalSy.toUint256(), index, WAD);
        curve.rateScalar = state.scalarRoot.toUint256() * YEAR / time;
        curve.rate = ExpLog.exp((state.lastLnImpliedRate * time / YEAR).toInt256());
        curve.feeRate = ExpLog.exp((state.lnFeeRateRoot * time / YEAR).toInt256());
        curve.reserveFeePercent = state.reserveFeePercent;
    }

    /// @notice The most PT that `assets` pay for, rounded down so that the market never asks for more.
    /// @param assets Units of the asset by the PY index.
    function bought(Curve memory curve, uint256 assets) internal pure returns (uint256 pt) {
        assets = Math.saturatingSub(assets, ROUNDING);
        // x = assets·rate(−x)/fee. The right side falls in x, so each step lands on the other side of the solution: the lower of two
        // successive ones is affordable.
        uint256 next = Math.mulDiv(assets, curve.rate, curve.feeRate);
        for (uint256 i; i < STEPS; ++i) {
            pt = next;
            if (pt >= curve.totalPt) revert MarketTooSmall(pt, curve.totalPt);
            uint256 rate = _rateAfter(curve, curve.totalPt - pt, curve.totalAsset + pt);
            if (rate < curve.feeRate) revert PriceAbovePar(rate);
            next = Math.mulDiv(assets, rate, curve.feeRate);
            if (next == pt) break;
        }
        return Math.min(pt, next);
    }

    /// @notice The most PT that the market buys for at least `minPrice` each on average, after its fee, rounded down.
    /// @param minPrice Assets by the PY index per PT, 18-decimal.
    function sellable(Curve memory curve, uint256 minPrice) internal pure returns (uint256 pt) {
        uint256 most = Math.mulDiv(curve.totalPt + curve.totalAsset, MOST_PT, WAD);
        if (curve.totalPt >= most || curve.totalPt == 0) return 0;
        // 1/(rate·fee) ≥ minPrice
        uint256 maxRate = Math.mulDiv(WAD * WAD, WAD, minPrice * curve.feeRate);
        if (maxRate <= curve.rate) return 0;
        uint256 growth = Math.min(Math.mulDiv(maxRate - curve.rate, curve.rateScalar, WAD), MOST_GROWTH);
        // (PT + x)/(asset − x) = PT/asset·e^growth
        uint256 grown = Math.mulDiv(curve.totalPt, ExpLog.exp(growth.toInt256()), WAD);
        pt = Math.mulDiv(grown - curve.totalPt, curve.totalAsset, curve.totalAsset + grown);
        pt = Math.min(pt, most - curve.totalPt - 1);
    }

    /// @notice The most PT whose sale yields at most `assets` at any impact: as if all were sold at the best price on the curve.
    function soldFor(Curve memory curve, uint256 assets) internal pure returns (uint256 pt) {
        return Math.mulDiv(Math.mulDiv(assets, curve.rate, WAD), curve.feeRate, WAD);
    }

    /// @notice Whether a sale of `pt` leaves the market's depositors a fee of one unit; one that does not reverts there.
    function paysFee(Curve memory curve, uint256 pt) internal pure returns (bool) {
        if (pt >= curve.totalAsset) return false;
        uint256 rate = _rateAfter(curve, curve.totalPt + pt, curve.totalAsset - pt);
        uint256 fee = Math.mulDiv(Math.mulDiv(pt, WAD, rate), curve.feeRate - WAD, curve.feeRate);
        // Two, for the units that are lost between asset and SY.
        return fee * (100 - curve.reserveFeePercent) / 100 >= 2;
    }

    function _rateAfter(Curve memory curve, uint256 pt, uint256 asset) private pure returns (uint256) {
        uint256 ratio = Math.mulDiv(pt, curve.totalAsset * WAD, asset * curve.totalPt);
        int256 shift = ExpLog.ln(ratio) * SIGNED_WAD / curve.rateScalar.toInt256();
        int256 rate = curve.rate.toInt256() + shift;
        return rate > 0 ? rate.toUint256() : 0;
    }
}
