// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPriceSource} from "../../contracts/interfaces/IPriceSource.sol";

/// @title ScriptedPrices
/// @notice Oracle prices as a test writes them, so that a depeg or a missing feed can be staged.
contract ScriptedPrices is IPriceSource {
    mapping(address token => uint256 wad) private _prices;

    /// @param wad Dollars, 18 decimals; zero for no price.
    function set(address token, uint256 wad) external {
        _prices[token] = wad;
    }

    /// @inheritdoc IPriceSource
    function priceOf(address token) external view returns (uint256 wad) {
        wad = _prices[token];
        if (wad == 0) revert PriceUnknown(token);
    }
}
