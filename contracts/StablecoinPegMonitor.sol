// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAggregatorV3} from "./interfaces/IAggregatorV3.sol";
import {Trigger} from "./interfaces/IKillSwitch.sol";
import {IPriceSource} from "./interfaces/IPriceSource.sol";
import {BoundedCall} from "./libraries/BoundedCall.sol";
import {PegBand, PegBandLib, PegStatus} from "./types/PegBand.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title StablecoinPegMonitor
/// @notice Prices of tokens in US dollars, and where a stablecoin's price stands in its band (SPEC C8).
///
/// Semantics
/// - A feed cannot be trusted if it fails or answers short, if its answer is not positive or above uint128, if its round is incomplete,
///   carried over or from the future, if it is older than heartbeat + grace, each feed with its own heartbeat (Chainlink USDC/USD: 24 h),
///   or if the rollup's sequencer is down, came up less than an hour ago, or does not say.
/// - A price is held against the band exactly, at the feed's own precision: at a bound is inside, one unit past it is outside.
/// - A token without a band has a price and nothing else.
abstract contract StablecoinPegMonitor is IPriceSource {
    using BoundedCall for address;
    using PegBandLib for PegBand;
    using SafeCast for int256;

    /// @dev A feed of one token's price, in one slot with all that decides whether the token stops anything. An untripped feed needs no other.
    /// @param aggregator Chainlink-interface feed.
    /// @param decimals Of its answers, read when it is set.
    /// @param heartbeat Seconds in which it promises a new round.
    /// @param killLow As in the token's band, in millionths of a dollar; zero without a band.
    /// @param killHigh As in the token's band.
    /// @param tripped Whether a condition was tripped with this feed; the block may have ended.
    struct Feed {
        address aggregator;
        uint8 decimals;
        uint24 heartbeat;
        uint24 killLow;
        uint24 killHigh;
        bool tripped;
    }

    /// @dev Until which Unix time a tripped condition keeps blocking what depends on a token, and the trigger that set it.
    struct FeedBlock {
        uint40 until;
        Trigger by;
    }

    event FeedSet(address indexed token, address aggregator, uint8 decimals, uint32 heartbeat);
    event BandSet(address indexed token, PegBand band);
    event SequencerFeedSet(address aggregator);

    error FeedOutOfBounds(uint256 heartbeat, uint256 decimals);
    error BandOutOfOrder(address token);
    error SequencerFeedUnreadable(address aggregator);

    /// @notice Longest heartbeat that a feed may have.
    uint256 public constant MAX_HEARTBEAT = 30 days;
    /// @notice Seconds after the sequencer came up in which no price is trusted: rounds may wait in its queue.
    uint256 public constant SEQUENCER_GRACE = 1 hours;
    /// @dev Gas of one read of a feed.
    uint256 internal constant FEED_GAS = 200_000;
    uint256 private constant MAX_DECIMALS = 18;
    uint256 private constant WAD_PER_MILLIONTH = 1e12;

    mapping(address token => Feed) internal _feeds;
    mapping(address token => PegBand) private _bands;
    mapping(address token => FeedBlock) internal _feedBlocks;
    /// @notice Chainlink's uptime feed of the rollup this runs on; zero on a chain without a sequencer.
    /// @dev The last of this contract's storage: what follows in the heir shares its slot.
    address public sequencerFeed;
    /// @dev Seconds past its heartbeat that a feed may be late.
    uint32 internal _feedGrace;

    // --------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IPriceSource
    function priceOf(address token) external view returns (uint256 wad) {
        PegStatus status;
        (status, wad,) = _check(token);
        if (status == PegStatus.Unhealthy) revert PriceUnknown(token);
    }

    /// @notice Whether a stablecoin's price is in the safe part of its band now. Never reverts.
    /// @return isSafe False also without a band or a trustworthy feed.
    /// @return price1e6 Millionths of a dollar, rounded down; zero without a trustworthy feed.
    function checkPeg(address token) external view returns (bool isSafe, uint256 price1e6) {
        (PegStatus status, uint256 price,) = _check(token);
        return (status == PegStatus.Safe, price / WAD_PER_MILLIONTH);
    }

    /// @notice Where a token's price stands now. Never reverts.
    /// @return status Unpegged if the token has a feed and no band.
    /// @return priceWad Dollars, 18-decimal fixed point; zero if unhealthy.
    function pegStatus(address token) external view returns (PegStatus status, uint256 priceWad) {
        (status, priceWad,) = _check(token);
    }

    /// @notice The feed of a token.
    /// @return aggregator Chainlink-interface feed; zero if there is none.
    /// @return decimals Of its answers.
    /// @return heartbeat Seconds in which it promises a new round.
    /// @return banded Whether the token has a band.
    /// @return blockedUntil Unix time until which a tripped condition keeps blocking what depends on the token.
    /// @return blockedBy The trigger that set it.
    function feeds(address token)
        external
        view
        returns (
            address aggregator,
            uint8 decimals,
            uint32 heartbeat,
            bool banded,
            uint40 blockedUntil,
            Trigger blockedBy
        )
    {
        Feed memory feed = _feeds[token];
        FeedBlock memory block_ = _feedBlocks[token];
        return (feed.aggregator, feed.decimals, feed.heartbeat, feed.killLow != 0, block_.until, block_.by);
    }

    /// @notice The band of a token; all zero if it has none.
    function pegBand(address token) external view returns (PegBand memory) {
        return _bands[token];
    }

    // ------------------------------------------------------------------------------------------------------ internal

    /// @dev Never reverts. `price` is 18-decimal fixed point, zero if unhealthy; `round` is what the feed answered.
    function _check(address token) internal view returns (PegStatus status, uint256 price, uint256[5] memory round) {
        Feed memory feed = _feeds[token];
        (price, round) = _read(feed);
        if (price != 0) status = feed.killLow == 0 ? PegStatus.Unpegged : _bands[token].classify(price);
    }

    /// @dev Never reverts. As {_check}; whether a price is past the kill bounds is in the feed's own slot.
    function _read(Feed memory feed) internal view returns (uint256 price, uint256[5] memory round) {
        bool ok;
        (ok, round) = feed.aggregator.readFiveWords(FEED_GAS, IAggregatorV3.latestRoundData.selector);
        int256 answer = int256(round[1]);
        uint256 updatedAt = round[3];
        if (
            !ok || answer <= 0 || answer.toUint256() > type(uint128).max || updatedAt == 0
                || updatedAt > block.timestamp || round[4] < round[0]
                || block.timestamp - updatedAt > uint256(feed.heartbeat) + _feedGrace || !_isSequencerUp()
        ) return (0, round);
        price = answer.toUint256() * 10 ** (MAX_DECIMALS - feed.decimals);
    }

    /// @dev As {PegBandLib.classify} tells Kill from the rest.
    function _isPastKillBounds(Feed memory feed, uint256 price) internal pure returns (bool) {
        return
            feed.killLow != 0 && (price < feed.killLow * WAD_PER_MILLIONTH || price > feed.killHigh * WAD_PER_MILLIONTH);
    }

    /// @dev Answer 0 is up, 1 is down; `startedAt` is when that began, zero before the feed's first round.
    function _isSequencerUp() private view returns (bool) {
        address feed = sequencerFeed;
        if (feed == address(0)) return true;
        (bool ok, uint256[5] memory round) = feed.readFiveWords(FEED_GAS, IAggregatorV3.latestRoundData.selector);
        uint256 startedAt = round[2];
        return ok && round[1] == 0 && startedAt != 0 && startedAt <= block.timestamp
            && block.timestamp - startedAt > SEQUENCER_GRACE;
    }

    /// @dev Also lifts the block of an earlier trip: it was the old feed's.
    function _setFeed(address token, address aggregator, uint32 heartbeat) internal {
        uint8 decimals = IAggregatorV3(aggregator).decimals();
        if (heartbeat == 0 || heartbeat > MAX_HEARTBEAT || decimals > MAX_DECIMALS) {
            revert FeedOutOfBounds(heartbeat, decimals);
        }
        Feed storage feed = _feeds[token];
        (feed.aggregator, feed.decimals) = (aggregator, decimals);
        // MAX_HEARTBEAT has 22 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        feed.heartbeat = uint24(heartbeat);
        feed.tripped = false;
        delete _feedBlocks[token];
        emit FeedSet(token, aggregator, decimals, heartbeat);
    }

    /// @dev An empty band takes the token's band away.
    function _setBand(address token, PegBand memory band) internal {
        bool banded = !band.isEmpty();
        if (banded && !band.isOrdered()) revert BandOutOfOrder(token);
        _bands[token] = band;
        Feed storage feed = _feeds[token];
        // Within 24 bits: {PegBandLib.isOrdered}.
        // forge-lint: disable-next-line(unsafe-typecast)
        (feed.killLow, feed.killHigh) = (uint24(band.killLow), uint24(band.killHigh));
        emit BandSet(token, band);
    }

    function _setSequencerFeed(address aggregator) internal {
        if (aggregator != address(0)) {
            (bool ok,) = aggregator.readFiveWords(FEED_GAS, IAggregatorV3.latestRoundData.selector);
            if (!ok) revert SequencerFeedUnreadable(aggregator);
        }
        sequencerFeed = aggregator;
        emit SequencerFeedSet(aggregator);
    }
}
