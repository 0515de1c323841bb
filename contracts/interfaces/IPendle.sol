// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice The parts of Pendle V2 that the adapter calls (docs.pendle.finance, "Contracts"). One unit of PT is one unit of the SY's
/// asset at maturity; rates and indexes are 18-decimal fixed point.

/// @notice A PT/SY market.
interface IPendleMarket {
    /// @dev Balances in units of PT, SY and LP. `scalarRoot`, `lnFeeRateRoot` and `lastLnImpliedRate` are per year of 365 days.
    struct State {
        int256 totalPt;
        int256 totalSy;
        int256 totalLp;
        address treasury;
        int256 scalarRoot;
        uint256 expiry;
        uint256 lnFeeRateRoot;
        uint256 reserveFeePercent;
        uint256 lastLnImpliedRate;
    }

    /// @param router Whose fee applies.
    function readState(address router) external view returns (State memory);
    function readTokens() external view returns (address sy, address pt, address yt);
    function expiry() external view returns (uint256);
    function observe(uint32[] calldata secondsAgos) external view returns (uint216[] memory lnImpliedRateCumulative);
    function _storage()
        external
        view
        returns (
            int128 totalPt,
            int128 totalSy,
            uint96 lastLnImpliedRate,
            uint16 observationIndex,
            uint16 observationCardinality,
            uint16 observationCardinalityNext
        );

    /// @notice Sells PT that was transferred to the market before.
    function swapExactPtForSy(address receiver, uint256 exactPtIn, bytes calldata data)
        external
        returns (uint256 syOut, uint256 syFee);

    /// @notice Buys PT for SY that was transferred to the market before; SY beyond the price stays there.
    function swapSyForExactPt(address receiver, uint256 exactPtOut, bytes calldata data)
        external
        returns (uint256 syIn, uint256 syFee);
}

/// @notice Standardized yield token (EIP-5115) over an ERC-4626 vault, one SY for one of its shares.
interface IStandardizedYield is IERC20 {
    function deposit(address receiver, address tokenIn, uint256 amount, uint256 minSharesOut)
        external
        payable
        returns (uint256 shares);
    function redeem(
        address receiver,
        uint256 shares,
        address tokenOut,
        uint256 minTokenOut,
        bool burnFromInternalBalance
    ) external returns (uint256 amount);
    function previewRedeem(address tokenOut, uint256 shares) external view returns (uint256 amount);
    /// @notice Assets of one SY, scaled so that SY units × rate / 1e18 are units of the asset.
    function exchangeRate() external view returns (uint256);
    function yieldToken() external view returns (address);
    function isValidTokenIn(address token) external view returns (bool);
    function isValidTokenOut(address token) external view returns (bool);
    function paused() external view returns (bool);
}

/// @notice Yield token: it keeps the SY that PT and YT are claims on.
interface IPendleYieldToken {
    /// @notice Redeems PT that was transferred here before; before maturity it needs as much YT.
    function redeemPY(address receiver) external returns (uint256 syOut);
    /// @notice The highest exchange rate of the SY that the contract has seen.
    function pyIndexStored() external view returns (uint256);
    function pyIndexLastUpdatedBlock() external view returns (uint128);
    function doCacheIndexSameBlock() external view returns (bool);
}
