// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAggregatorV3} from "./interfaces/IAggregatorV3.sol";
import {IKillSwitch, Mode, Trigger} from "./interfaces/IKillSwitch.sol";
import {IVault} from "./interfaces/IVault.sol";
import {BoundedCall} from "./libraries/BoundedCall.sol";
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title KillSwitchManager
/// @notice Says when risk may be added and when everything must come home.
///
/// Semantics
/// - A condition that holds now blocks additions now: {isOperational} and {canAdd} read the feeds live.
/// - Anyone may {trip} a condition that holds. Off the asset's peg, the vault goes to Exit, which only governance leaves, after
///   its own delay. A feed that cannot be trusted blocks what depends on it, and for `cooldownPeriod` after it was tripped.
/// - A guardian may put the vault in ReduceOnly and the emergency Safe in Exit; neither can go back.
/// - No function of this contract takes part in an exit of a depositor.
///
/// A price is compared exactly: at a bound is inside, one unit of the feed's own precision past it is outside. A feed is late only
/// past heartbeat + grace, each feed with its own (Chainlink USDC/USD: 24 h).
contract KillSwitchManager is IKillSwitch, AccessControl {
    using BoundedCall for address;
    using SafeCast for int256;
    using SafeCast for uint256;

    /// @notice One trigger's parameters and memory (SPEC C7).
    /// @param isActive Whether the trigger acts at all.
    /// @param threshold Peg: half width of the asset's band, 1e18 = 100 %. Oracle: seconds of grace past a feed's heartbeat.
    /// @param cooldownPeriod Seconds that a tripped feed keeps blocking after the trip.
    /// @param lastTriggered Unix time of the last trip.
    struct TriggerCondition {
        bool isActive;
        uint256 threshold;
        uint256 cooldownPeriod;
        uint256 lastTriggered;
    }

    /// @notice A feed of one token's price.
    /// @param aggregator Chainlink-interface feed.
    /// @param decimals Of its answers, read when it is set.
    /// @param heartbeat Seconds in which it promises a new round.
    /// @param blockedUntil Unix time until which a tripped condition keeps blocking.
    /// @param blockedBy The trigger that set it.
    struct Feed {
        address aggregator;
        uint8 decimals;
        uint32 heartbeat;
        uint40 blockedUntil;
        Trigger blockedBy;
    }

    enum FeedStatus {
        Healthy,
        OffPeg,
        Unhealthy
    }

    event Tripped(
        Trigger indexed trigger,
        address indexed subject,
        address indexed caller,
        int256 answer,
        uint256 updatedAt,
        uint80 roundId,
        Mode mode
    );
    event ModeSet(Mode mode, address indexed caller, string reason);
    event FeedSet(address indexed token, address aggregator, uint8 decimals, uint32 heartbeat);
    event VenueTokensSet(address indexed adapter, address[] tokens);
    event TriggerSet(Trigger indexed trigger, bool isActive, uint256 threshold, uint256 cooldownPeriod);
    event DepositsPauseFailed(address indexed vault);

    error ConditionNotMet(Trigger trigger, address subject);
    error TriggerNotActive(Trigger trigger);
    error TriggerNotSupported(Trigger trigger);
    error ConditionStillHolds(string reason);
    error ModeNotStricter(Mode current, Mode wanted);
    error NotAuthorised(address caller);
    error FeedMissing(address token);
    error FeedOutOfBounds(uint256 heartbeat, uint256 decimals);
    error ThresholdOutOfBounds(uint256 threshold);
    error TooManyTokens(uint256 maximum);

    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    bytes32 public constant EMERGENCY_ROLE = keccak256("EMERGENCY_ROLE");

    string public constant REASON_PEG = "Stablecoin depeg detected";
    string public constant REASON_ORACLE = "Oracle failure detected";
    string public constant REASON_GUARDIAN = "Guardian";
    string public constant REASON_EMERGENCY = "Emergency Safe";

    /// @notice Tokens whose feeds one venue may depend on.
    uint256 public constant MAX_VENUE_TOKENS = 8;
    uint256 private constant READ_GAS = 200_000;
    uint256 private constant WAD = 1e18;

    IVault public immutable vault;
    /// @notice The vault's asset, whose peg is the vault's own.
    address public immutable asset;

    Mode public mode;
    string private _reason;
    mapping(Trigger trigger => TriggerCondition) public conditions;
    mapping(address token => Feed) public feeds;
    mapping(address adapter => address[]) private _venueTokens;

    /// @param admin Holder of DEFAULT_ADMIN_ROLE: the deployer until the handover, then the timelock.
    constructor(IVault vault_, address admin) {
        vault = vault_;
        asset = vault_.asset();
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _setTrigger(Trigger.Peg, true, 0.02e18, 1 days);
        _setTrigger(Trigger.Oracle, true, 1 hours, 1 hours);
    }

    // -------------------------------------------------------------------------------------------------------- anyone

    /// @notice Trips `trigger` for `token` if its condition holds now; reverts if it does not. The evidence is in {Tripped}.
    /// @param trigger Peg (the vault's asset: Exit; another token: blocks what depends on it) or Oracle (blocks what depends on it).
    /// @param token The token whose feed shows the condition.
    function trip(Trigger trigger, address token) external {
        if (trigger != Trigger.Peg && trigger != Trigger.Oracle) revert TriggerNotSupported(trigger);
        TriggerCondition storage condition = conditions[trigger];
        if (!condition.isActive) revert TriggerNotActive(trigger);
        Feed storage feed = feeds[token];
        if (feed.aggregator == address(0)) revert FeedMissing(token);
        (FeedStatus status,, uint256[5] memory round) = _check(feed);
        if (status != (trigger == Trigger.Peg ? FeedStatus.OffPeg : FeedStatus.Unhealthy)) {
            revert ConditionNotMet(trigger, token);
        }

        condition.lastTriggered = block.timestamp;
        // Never earlier than before: a trigger with a short cooldown must not cut short the block of one with a long.
        uint256 blockedUntil = block.timestamp + condition.cooldownPeriod;
        if (blockedUntil > feed.blockedUntil) {
            feed.blockedUntil = blockedUntil.toUint40();
            feed.blockedBy = trigger;
        }
        if (trigger == Trigger.Peg && token == asset && mode != Mode.Exit) _setMode(Mode.Exit, REASON_PEG);
        emit Tripped(trigger, token, msg.sender, int256(round[1]), round[3], uint80(round[0]), mode);
    }

    /// @inheritdoc IKillSwitch
    function isOperational() external view returns (bool operational) {
        (operational,) = operationalStatus();
    }

    /// @inheritdoc IKillSwitch
    function operationalStatus() public view returns (bool, string memory) {
        if (mode != Mode.Normal) return (false, _reason);
        (bool ok, string memory reason) = _tokenStatus(asset);
        return (ok, reason);
    }

    /// @inheritdoc IKillSwitch
    function canAdd(address adapter) external view returns (bool) {
        address[] storage tokens = _venueTokens[adapter];
        for (uint256 i; i < tokens.length; ++i) {
            (bool ok,) = _tokenStatus(tokens[i]);
            if (!ok) return false;
        }
        return true;
    }

    /// @notice Whether everything should leave its venue, and why: Exit mode, or the asset off its peg now. Never reverts.
    function shouldEmergencyWithdraw() external view returns (bool, string memory) {
        if (mode == Mode.Exit) return (true, _reason);
        if (conditions[Trigger.Peg].isActive) {
            (FeedStatus status,,) = _check(feeds[asset]);
            if (status == FeedStatus.OffPeg) return (true, REASON_PEG);
        }
        return (false, "");
    }

    /// @notice A token's feed now: its status and, unless unhealthy, its price (1e18 = 1). Never reverts.
    function checkFeed(address token) external view returns (FeedStatus status, uint256 price) {
        (status, price,) = _check(feeds[token]);
    }

    /// @notice The tokens whose feeds `adapter` depends on besides the vault's asset.
    function venueTokens(address adapter) external view returns (address[] memory) {
        return _venueTokens[adapter];
    }

    // -------------------------------------------------------------------------------------------- guardians, emergency

    /// @notice Stops all additions. Any guardian or the emergency Safe.
    function reduceOnly() external {
        if (!hasRole(GUARDIAN_ROLE, msg.sender) && !hasRole(EMERGENCY_ROLE, msg.sender)) {
            revert NotAuthorised(msg.sender);
        }
        if (mode != Mode.Normal) revert ModeNotStricter(mode, Mode.ReduceOnly);
        _setMode(Mode.ReduceOnly, REASON_GUARDIAN);
    }

    /// @notice Stops additions and lets anyone call the exit. The emergency Safe.
    function enterExit() external onlyRole(EMERGENCY_ROLE) {
        if (mode == Mode.Exit) revert ModeNotStricter(mode, Mode.Exit);
        _setMode(Mode.Exit, REASON_EMERGENCY);
    }

    // ---------------------------------------------------------------------------------------------------- governance

    /// @notice Returns to Normal once no condition on the asset holds. Only governance, so after its delay.
    function reset() external onlyRole(DEFAULT_ADMIN_ROLE) {
        (bool ok, string memory reason) = _tokenStatus(asset);
        if (!ok) revert ConditionStillHolds(reason);
        _setMode(Mode.Normal, "");
    }

    /// @notice Sets the feed of a token. Only governance. An address without code or without decimals reverts.
    /// @param heartbeat Seconds, at most 30 days.
    function setFeed(address token, address aggregator, uint32 heartbeat) external onlyRole(DEFAULT_ADMIN_ROLE) {
        uint8 decimals = IAggregatorV3(aggregator).decimals();
        if (heartbeat == 0 || heartbeat > 30 days || decimals > 18) revert FeedOutOfBounds(heartbeat, decimals);
        feeds[token] = Feed({
            aggregator: aggregator, decimals: decimals, heartbeat: heartbeat, blockedUntil: 0, blockedBy: Trigger.Peg
        });
        emit FeedSet(token, aggregator, decimals, heartbeat);
    }

    /// @notice Sets the tokens, besides the vault's asset, whose feeds a venue depends on. Only governance.
    function setVenueTokens(address adapter, address[] calldata tokens) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (tokens.length > MAX_VENUE_TOKENS) revert TooManyTokens(MAX_VENUE_TOKENS);
        for (uint256 i; i < tokens.length; ++i) {
            if (feeds[tokens[i]].aggregator == address(0)) revert FeedMissing(tokens[i]);
        }
        _venueTokens[adapter] = tokens;
        emit VenueTokensSet(adapter, tokens);
    }

    /// @notice Sets a trigger's parameters. Only governance.
    function setTrigger(Trigger trigger, bool isActive, uint256 threshold, uint256 cooldownPeriod)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        _setTrigger(trigger, isActive, threshold, cooldownPeriod);
    }

    // ------------------------------------------------------------------------------------------------------ internal

    function _tokenStatus(address token) private view returns (bool, string memory) {
        Feed storage feed = feeds[token];
        (FeedStatus status,,) = _check(feed);
        if (status == FeedStatus.OffPeg && conditions[Trigger.Peg].isActive) return (false, REASON_PEG);
        if (status == FeedStatus.Unhealthy && conditions[Trigger.Oracle].isActive) return (false, REASON_ORACLE);
        if (block.timestamp < feed.blockedUntil) {
            return (false, feed.blockedBy == Trigger.Peg ? REASON_PEG : REASON_ORACLE);
        }
        return (true, "");
    }

    /// @dev Never reverts: a feed that fails, answers short, or answers what it cannot know is unhealthy.
    function _check(Feed storage feed)
        private
        view
        returns (FeedStatus status, uint256 price, uint256[5] memory round)
    {
        bool ok;
        (ok, round) = feed.aggregator.readFiveWords(READ_GAS, IAggregatorV3.latestRoundData.selector);
        int256 answer = int256(round[1]);
        uint256 updatedAt = round[3];
        if (
            !ok || answer <= 0 || answer.toUint256() > type(uint128).max || updatedAt == 0
                || updatedAt > block.timestamp || round[4] < round[0]
                || block.timestamp - updatedAt > feed.heartbeat + conditions[Trigger.Oracle].threshold
        ) return (FeedStatus.Unhealthy, 0, round);
        price = answer.toUint256() * 10 ** (18 - feed.decimals);
        uint256 width = conditions[Trigger.Peg].threshold;
        status = price < WAD - width || price > WAD + width ? FeedStatus.OffPeg : FeedStatus.Healthy;
    }

    function _setMode(Mode mode_, string memory reason) private {
        mode = mode_;
        _reason = reason;
        emit ModeSet(mode_, msg.sender, reason);
        if (mode_ == Mode.Exit) {
            // Exit must be reached even if the vault has not made this contract a guardian.
            // solhint-disable-next-line no-empty-blocks
            try vault.pauseDeposits() {}
            catch {
                emit DepositsPauseFailed(address(vault));
            }
        }
    }

    function _setTrigger(Trigger trigger, bool isActive, uint256 threshold, uint256 cooldownPeriod) private {
        if (trigger == Trigger.Peg && threshold >= WAD) revert ThresholdOutOfBounds(threshold);
        if (trigger == Trigger.Oracle && threshold > 1 days) revert ThresholdOutOfBounds(threshold);
        if (cooldownPeriod > 30 days) revert ThresholdOutOfBounds(cooldownPeriod);
        TriggerCondition storage condition = conditions[trigger];
        condition.isActive = isActive;
        condition.threshold = threshold;
        condition.cooldownPeriod = cooldownPeriod;
        emit TriggerSet(trigger, isActive, threshold, cooldownPeriod);
    }
}
