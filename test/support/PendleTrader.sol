// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStandardizedYield} from "../../contracts/interfaces/IPendle.sol";
import {IPendleYieldTokenMint, PendleDeployer} from "../../script/protocols/PendleDeployer.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title PendleTrader
/// @notice Someone else on a Pendle market. Pays for purchases to the unit, so that the market never holds more SY than it accounts for:
/// a surplus would hide another buyer's underpayment.
contract PendleTrader {
    PendleDeployer.Market private _pendle;
    IERC20 private immutable _asset;

    constructor(PendleDeployer.Market memory pendle, IERC20 asset) {
        _pendle = pendle;
        _asset = asset;
        asset.approve(address(pendle.sy), type(uint256).max);
    }

    /// @notice Turns all its assets into SY and buys `principal` PT with some of it.
    function buy(uint256 principal) external {
        _wrap(address(this));
        _pendle.market.swapSyForExactPt(address(this), principal, hex"01");
    }

    /// @notice The market asks for its payment.
    function swapCallback(int256, int256 syToAccount, bytes calldata) external {
        require(msg.sender == address(_pendle.market), "not the market");
        // forge-lint: disable-next-line(unsafe-typecast)
        require(_pendle.sy.transfer(msg.sender, uint256(-syToAccount)), "SY not transferred");
    }

    /// @notice Sells PT that it has.
    function sell(uint256 principal) external returns (uint256 shares) {
        give(_pendle.pt, address(_pendle.market), principal);
        (shares,) = _pendle.market.swapExactPtForSy(address(this), principal, "");
    }

    /// @notice Turns all its assets into PT and YT.
    function mintPrincipal() external returns (uint256 principal) {
        _wrap(_pendle.yt);
        principal = IPendleYieldTokenMint(_pendle.yt).mintPY(address(this), address(this));
    }

    function give(IERC20 token, address to, uint256 amount) public {
        require(token.transfer(to, amount), "not transferred");
    }

    function _wrap(address receiver) private {
        IStandardizedYield sy = _pendle.sy;
        uint256 assets = _asset.balanceOf(address(this));
        if (assets != 0) sy.deposit(receiver, address(_asset), assets, 0);
    }
}
