// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPriceSource} from "../../contracts/interfaces/IPriceSource.sol";
import {ScriptedFeed} from "../../script/protocols/ScriptedFeed.sol";

/// @title FeedPrices
/// @notice Prices of scripted feeds, each known for a day after its last answer.
contract FeedPrices is IPriceSource {
    uint256 public constant HEARTBEAT = 24 hours;

    mapping(address token => ScriptedFeed) public feedOf;
    address[] private _tokens;

    function setFeed(address token, ScriptedFeed feed) external {
        if (address(feedOf[token]) == address(0)) _tokens.push(token);
        feedOf[token] = feed;
    }

    /// @notice Lists the token with a new feed that answers `price` (8 decimals).
    function list(address token, int256 price) external returns (ScriptedFeed feed) {
        feed = new ScriptedFeed(8, "TOKEN / USD", price);
        feedOf[token] = feed;
        _tokens.push(token);
    }

    function setPrice(address token, int256 price) external {
        feedOf[token].push(price);
    }

    /// @notice Repeats every feed's answer now.
    function refresh() external {
        for (uint256 i; i < _tokens.length; ++i) {
            ScriptedFeed feed = feedOf[_tokens[i]];
            feed.push(feed.latestAnswer());
        }
    }

    /// @inheritdoc IPriceSource
    function priceOf(address token) external view returns (uint256) {
        ScriptedFeed feed = feedOf[token];
        if (address(feed) == address(0)) revert PriceUnknown(token);
        (, int256 answer,, uint256 updatedAt,) = feed.latestRoundData();
        if (answer <= 0 || updatedAt > block.timestamp || block.timestamp - updatedAt > HEARTBEAT) {
            revert PriceUnknown(token);
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint256(answer) * 10 ** (18 - feed.decimals());
    }
}
