// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../interfaces/IAdapter.sol";
import {IPriceSource} from "../interfaces/IPriceSource.sol";
import {ISwapper} from "../interfaces/ISwapper.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title SlippageBounded
/// @notice For adapters whose entry and exit trade: what a trade yields is held against its value by the oracles, less a tolerance
/// that is fixed at deployment. Instructions can raise that minimum, never lower it.
abstract contract SlippageBounded {
    uint256 internal constant BPS = 10_000;
    /// @dev The widest tolerance that may be deployed: 1 %.
    uint256 internal constant MAX_SLIPPAGE_BPS = 100;

    /// @notice Prices that positions are valued and trades are bounded by.
    IPriceSource public immutable prices;
    /// @notice Where rewards and coins that the venue itself does not trade are sold; zero where nothing is.
    ISwapper public immutable swapper;
    /// @notice The part of its oracle value that a deposit or a withdrawal may cost, in basis points.
    uint256 public immutable maxSlippageBps;

    /// @notice The venue gave less than the oracle-bounded or the instructed minimum. Deposits: units of value gained (Curve: LP
    /// tokens); withdrawals and harvests: units of the asset.
    error BelowMinimum(uint256 received, uint256 minimum);
    /// @notice More was asked for than the whole position is worth, both in assets.
    error MoreThanHeld(uint256 assets, uint256 held);
    error SlippageBoundTooWide(uint256 bps, uint256 widest);
    /// @notice A sale through the swapper was instructed, and there is none.
    error NoSwapper();

    constructor(IPriceSource prices_, ISwapper swapper_, uint256 maxSlippageBps_) {
        if (maxSlippageBps_ > MAX_SLIPPAGE_BPS) revert SlippageBoundTooWide(maxSlippageBps_, MAX_SLIPPAGE_BPS);
        prices = prices_;
        swapper = swapper_;
        maxSlippageBps = maxSlippageBps_;
    }

    /// @dev `amount` less the tolerance, rounded down: amounts of a few units would otherwise have no tolerance at all.
    function _lessSlippage(uint256 amount) internal view returns (uint256) {
        return Math.mulDiv(amount, BPS - maxSlippageBps, BPS);
    }

    /// @dev Instructions that say nothing but a minimum, or nothing at all.
    function _minimum(bytes calldata data) internal pure returns (uint256) {
        if (data.length == 0) return 0;
        if (data.length != 32) revert IAdapter.UnexpectedData();
        return abi.decode(data, (uint256));
    }

    function _requireAtLeast(uint256 received, uint256 minimum) internal pure {
        if (received < minimum) revert BelowMinimum(received, minimum);
    }
}
