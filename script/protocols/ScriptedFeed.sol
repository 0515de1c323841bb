// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title ScriptedFeed
/// @notice A price feed with Chainlink's AggregatorV3Interface whose rounds are written by whoever calls it, so that a
/// depeg, a stale round or a broken answer can be staged.
/// @dev For local chains and tests only: anyone may set the price. It never judges what it is given: zero, negative,
/// stale, future and out-of-order rounds are all answered as pushed, as a faulty aggregator would.
contract ScriptedFeed {
    struct Round {
        int256 answer;
        uint256 startedAt;
        uint256 updatedAt;
        uint80 answeredInRound;
        bool exists;
    }

    /// @notice Chainlink's own error text for a round that was never answered.
    string private constant NO_DATA = "No data present";

    /// @notice Interface version reported by today's aggregators.
    uint256 public constant version = 4;

    /// @notice Decimals of every answer (8 for USD feeds).
    uint8 public immutable decimals;
    /// @notice Pair as Chainlink writes it, e.g. "USDC / USD".
    string public description;
    /// @notice Whether every read reverts.
    bool public reverting;

    uint80 private _latestRoundId;
    mapping(uint80 roundId => Round) private _rounds;

    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);
    event RevertingSet(bool reverting);

    /// @notice A read while the feed is set to revert.
    error FeedReverting();

    /// @param decimals_ Decimals of the answers.
    /// @param description_ Pair, e.g. "ETH / USD".
    /// @param answer First answer, in 10^-decimals; its round is stamped with the block's time.
    constructor(uint8 decimals_, string memory description_, int256 answer) {
        decimals = decimals_;
        description = description_;
        // A proxy composes its ids as phase << 64 | aggregator round; this is the first phase.
        _latestRoundId = 1 << 64;
        push(answer);
    }

    modifier readable() {
        if (reverting) revert FeedReverting();
        _;
    }

    /// @notice Answers the next round now.
    /// @param answer Price in 10^-decimals; any value, also zero or negative.
    function push(int256 answer) public {
        uint80 roundId = _latestRoundId + 1;
        _write(roundId, Round(answer, block.timestamp, block.timestamp, roundId, true));
    }

    /// @notice Writes a round as given and makes it the latest, whatever its id and times.
    /// @param startedAt Seconds of chain time.
    /// @param updatedAt Seconds of chain time; zero is how an aggregator reports an incomplete round.
    function pushRound(uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
        external
    {
        _write(roundId, Round(answer, startedAt, updatedAt, answeredInRound, true));
    }

    /// @notice From now on every read reverts, or answers again.
    function setReverting(bool reverting_) external {
        reverting = reverting_;
        emit RevertingSet(reverting_);
    }

    function latestRoundData()
        external
        view
        readable
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        return _read(_latestRoundId);
    }

    /// @notice A round written earlier; reverts with Chainlink's text for one that was not.
    function getRoundData(uint80 id)
        external
        view
        readable
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        require(_rounds[id].exists, NO_DATA);
        return _read(id);
    }

    /// @notice Answer of the latest round; Aave's oracle reads this older form.
    function latestAnswer() external view readable returns (int256) {
        return _rounds[_latestRoundId].answer;
    }

    /// @notice `updatedAt` of the latest round, in seconds of chain time.
    function latestTimestamp() external view readable returns (uint256) {
        return _rounds[_latestRoundId].updatedAt;
    }

    /// @notice Id of the latest round.
    function latestRound() external view readable returns (uint256) {
        return _latestRoundId;
    }

    function _write(uint80 roundId, Round memory round) private {
        _latestRoundId = roundId;
        _rounds[roundId] = round;
        emit AnswerUpdated(round.answer, roundId, round.updatedAt);
    }

    function _read(uint80 id) private view returns (uint80, int256, uint256, uint256, uint80) {
        Round storage round = _rounds[id];
        return (id, round.answer, round.startedAt, round.updatedAt, round.answeredInRound);
    }
}
