// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ScriptedFeed} from "./ScriptedFeed.sol";
import {IOracle} from "@morpho-org/morpho-blue/src/interfaces/IOracle.sol";

/// @title FeedOracle
/// @notice Morpho Blue oracle over two USD feeds: what MorphoChainlinkOracleV2 (not published as a package) computes for
/// a collateral with one base feed and a loan token with one quote feed, neither of them a vault.
/// @dev Like the original it does not look at the age of an answer, and reverts on one that is not positive.
contract FeedOracle is IOracle {
    /// @notice USD price of the collateral token.
    ScriptedFeed public immutable baseFeed;
    /// @notice USD price of the loan token.
    ScriptedFeed public immutable quoteFeed;
    /// @notice Brings base/quote to Morpho's scale, 36 + loan decimals − collateral decimals.
    uint256 public immutable scaleFactor;

    error AnswerNotPositive(ScriptedFeed feed, int256 answer);

    constructor(ScriptedFeed base, uint8 collateralDecimals, ScriptedFeed quote, uint8 loanDecimals) {
        baseFeed = base;
        quoteFeed = quote;
        scaleFactor = 10 ** (36 + loanDecimals + quote.decimals() - collateralDecimals - base.decimals());
    }

    /// @inheritdoc IOracle
    function price() external view returns (uint256) {
        return scaleFactor * _answer(baseFeed) / _answer(quoteFeed);
    }

    function _answer(ScriptedFeed feed) private view returns (uint256) {
        (, int256 answer,,,) = feed.latestRoundData();
        if (answer <= 0) revert AnswerNotPositive(feed, answer);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint256(answer);
    }
}
