// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StablecoinPegMonitor} from "./StablecoinPegMonitor.sol";
import {VenueTriggers} from "./VenueTriggers.sol";
import {IKillSwitch, Mode, Trigger} from "./interfaces/IKillSwitch.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Cause, CauseLib} from "./types/Cause.sol";
import {PegBand, PegBandLib, PegStatus} from "./types/PegBand.sol";
import {VenueStatus, Watch} from "./types/VenueWatch.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title KillSwitchManager
/// @notice Says when risk may be added and when everything must come home.
///
/// Semantics
/// - A condition of a feed that holds now blocks additions now: {isOperational} and {canAdd} read the feeds live.
/// - Anyone may {trip} a condition that holds. Past the kill bounds of the asset's peg, the vault goes to Exit, which only governance
///   leaves, after its own delay. Another token past its own, or a feed that cannot be trusted, blocks what depends on it, live and for
///   `cooldownPeriod` after it was tripped. What concerns one venue is {VenueTriggers}.
/// - A guardian may put the vault in ReduceOnly and the emergency Safe in Exit; neither can go back.
/// - No function of this contract takes part in an exit of a depositor.
contract KillSwitchManager is VenueTriggers, StablecoinPegMonitor {
    using SafeCast for uint256;

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
    event VenueTokensSet(address indexed adapter, address[] tokens);
    event TriggerSet(Trigger indexed trigger, bool isActive, uint256 threshold, uint256 cooldownPeriod);
    event DepositsPauseFailed(address indexed vault);

    error ConditionStillHolds(string reason);
    error ModeNotStricter(Mode current, Mode wanted);
    error FeedMissing(address token);
    error ThresholdOutOfBounds(uint256 threshold);
    error CooldownOutOfBounds(uint256 cooldownPeriod);
    error TooManyTokens(uint256 maximum);

    /// @notice Tokens whose feeds one venue may depend on.
    uint256 public constant MAX_VENUE_TOKENS = 8;
    /// @notice Most seconds that a trip may block for.
    uint256 public constant MAX_COOLDOWN = 30 days;
    /// @dev With less gas than this before the feeds are read, one may look unhealthy because of the caller.
    uint256 private constant PRICE_GAS = 2 * FEED_GAS + 2 * FEED_GAS / 63 + 30_000;

    /// @notice The vault's asset, whose peg is the vault's own.
    address public immutable asset;

    // These four share the slot of `sequencerFeed` and `_feedGrace`: {isOperational} reads it and the asset's feed.
    /// @inheritdoc IKillSwitch
    Mode public mode;
    Cause private _modeCause;
    bool private _pegActive;
    bool private _oracleActive;

    mapping(address adapter => address[]) private _venueTokens;

    /// @notice Starts with every trigger active and the asset in USDC's band (SPEC C7, C8); its feed is yet to be set.
    /// @param admin Holder of DEFAULT_ADMIN_ROLE: the deployer until the handover, then the timelock.
    constructor(IVault vault_, address admin) VenueTriggers(vault_) {
        asset = vault_.asset();
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _setTrigger(Trigger.Peg, true, 0, 1 days);
        _setTrigger(Trigger.Tvl, true, 0.3e18, 1 days);
        _setTrigger(Trigger.Utilisation, true, 0.95e18, 6 hours);
        _setTrigger(Trigger.Oracle, true, 1 hours, 1 hours);
        _setTrigger(Trigger.Governance, true, 0, 0);
        _setBand(vault_.asset(), PegBandLib.usdc());
    }

    // -------------------------------------------------------------------------------------------------------- anyone

    /// @notice Trips `trigger` for `subject` if its condition holds now, and reverts if it does not. The evidence is in the event. Tvl and
    /// Utilisation are armed by a first call and tripped by a second, at least CONFIRM_BLOCKS and at most ARM_LIFETIME later.
    /// @param trigger Peg (the vault's asset: Exit; another token: blocks what depends on it), Oracle (blocks what depends on it), or
    /// Tvl, Utilisation, Governance (block additions to the venue).
    /// @param subject Of Peg and Oracle the token whose feed shows the condition, otherwise the adapter.
    function trip(Trigger trigger, address subject) external {
        if (!_conditions[trigger].isActive) revert TriggerNotActive(trigger);
        if (_isTwoStep(trigger)) {
            _tripTwoStep(trigger, subject);
        } else if (trigger == Trigger.Governance) {
            _tripGovernance(subject);
        } else {
            _tripPrice(trigger, subject);
        }
    }

    /// @inheritdoc IKillSwitch
    /// @dev Two slots of its own: this contract's state and the asset's feed.
    function isOperational() external view returns (bool) {
        return _vaultCause() == Cause.None;
    }

    /// @inheritdoc IKillSwitch
    function operationalStatus() external view returns (bool operational, string memory reason) {
        Cause cause = _vaultCause();
        return (cause == Cause.None, cause.text());
    }

    /// @inheritdoc IKillSwitch
    function canAdd(address adapter) external view returns (bool) {
        return _additionCause(adapter, _watch(adapter)) == Cause.None;
    }

    /// @inheritdoc IKillSwitch
    /// @dev One slot of its own for a venue without tokens and probes.
    function additionStatus(address adapter) external view returns (bool allowed, uint256 settled) {
        Watch watch = _watch(adapter);
        return (_additionCause(adapter, watch) == Cause.None, _histories[adapter].settled(watch));
    }

    /// @inheritdoc IKillSwitch
    /// @dev One slot of its own for a venue without tokens and probes.
    function addableSize(address adapter) external view returns (uint256) {
        Watch watch = _watch(adapter);
        return _additionCause(adapter, watch) == Cause.None ? _histories[adapter].settled(watch) : 0;
    }

    /// @notice Whether everything should leave its venue, and why: Exit mode, or the asset past its kill bounds now. Never reverts.
    function shouldEmergencyWithdraw() external view returns (bool, string memory) {
        if (mode == Mode.Exit) return (true, _modeCause.text());
        if (_pegActive) {
            (PegStatus status,,) = _check(asset);
            if (status == PegStatus.Kill) return (true, Cause.Peg.text());
        }
        return (false, "");
    }

    /// @notice Everything known of a venue. Never reverts.
    function venueStatus(address adapter) external view returns (VenueStatus memory status) {
        Watch watch = _watch(adapter);
        Cause cause = _additionCause(adapter, watch);
        status.allowed = cause == Cause.None;
        status.reason = cause.text();
        (status.blockedUntil, status.blockedBy) = (uint40(watch.blockedUntil()), watch.blockedBy());
        (status.guardianBlocked, status.governanceTripped) = (watch.isGuardianBlocked(), watch.isGovernanceTripped());
        status.alertUntil = _trips[adapter][Trigger.Governance].blockedUntil;
        status.fingerprint = _fingerprints[adapter];
        status.tvl = _trips[adapter][Trigger.Tvl];
        status.utilisation = _trips[adapter][Trigger.Utilisation];
        status.settledSize = _histories[adapter].settled(watch);
        status.baseline = _histories[adapter].baseline(watch);
        status.pending = _histories[adapter].pending;
        status.checkpoints = _histories[adapter].ring;
    }

    /// @notice One trigger's parameters and the Unix time of its last trip; units as in {TriggerCondition}.
    function conditions(Trigger trigger)
        external
        view
        returns (bool isActive, uint256 threshold, uint256 cooldownPeriod, uint256 lastTriggered)
    {
        TriggerCondition memory condition = _conditions[trigger];
        return (condition.isActive, condition.threshold, condition.cooldownPeriod, condition.lastTriggered);
    }

    /// @notice The tokens whose feeds `adapter` depends on besides the vault's asset.
    function venueTokens(address adapter) external view returns (address[] memory) {
        return _venueTokens[adapter];
    }

    // -------------------------------------------------------------------------------------------- guardians, emergency

    /// @notice Stops all additions. Any guardian or the emergency Safe.
    function reduceOnly() external {
        _checkMayReduce();
        if (mode != Mode.Normal) revert ModeNotStricter(mode, Mode.ReduceOnly);
        _setMode(Mode.ReduceOnly, Cause.Guardian);
    }

    /// @notice Stops additions and lets anyone call the exit. The emergency Safe.
    function enterExit() external onlyRole(EMERGENCY_ROLE) {
        if (mode == Mode.Exit) revert ModeNotStricter(mode, Mode.Exit);
        _setMode(Mode.Exit, Cause.Emergency);
    }

    // ---------------------------------------------------------------------------------------------------- governance

    /// @notice Returns to Normal once no condition on the asset holds. Only governance, so after its delay.
    function reset() external onlyRole(DEFAULT_ADMIN_ROLE) {
        Cause cause = _tokenCause(asset);
        if (cause != Cause.None) revert ConditionStillHolds(cause.text());
        _setMode(Mode.Normal, Cause.None);
    }

    /// @notice Sets the feed of a token and lifts the block of its old feed. Only governance. An address without code or without
    /// decimals reverts.
    /// @param heartbeat Seconds, at most 30 days.
    function setFeed(address token, address aggregator, uint32 heartbeat) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setFeed(token, aggregator, heartbeat);
    }

    /// @notice Sets the band of a token. Only governance.
    /// @param band Millionths of a dollar, ordered around one dollar. All zero: a price only, which the vault's asset cannot be.
    function setBand(address token, PegBand calldata band) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (token == asset && band.killLow == 0) revert BandOutOfOrder(token);
        _setBand(token, band);
    }

    /// @notice Sets the rollup's sequencer uptime feed, without which no price is trusted. Only governance.
    /// @param aggregator Zero on a chain without a sequencer.
    function setSequencerFeed(address aggregator) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setSequencerFeed(aggregator);
    }

    /// @notice Sets the tokens, besides the vault's asset, whose feeds a venue depends on. Only governance.
    function setVenueTokens(address adapter, address[] calldata tokens) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (tokens.length > MAX_VENUE_TOKENS) revert TooManyTokens(MAX_VENUE_TOKENS);
        for (uint256 i; i < tokens.length; ++i) {
            if (_feeds[tokens[i]].aggregator == address(0)) revert FeedMissing(tokens[i]);
        }
        _venueTokens[adapter] = tokens;
        _watches[adapter].tokens = tokens.length.toUint8();
        emit VenueTokensSet(adapter, tokens);
    }

    /// @notice Sets a trigger's parameters. Only governance. What has been tripped stays blocked.
    /// @param threshold Tvl: above 0 and below 1e18. Utilisation: above 0 and at most 1e18. Oracle: seconds, at most a day. Else 0.
    /// @param cooldownPeriod Seconds, at most 30 days; of Governance 0.
    function setTrigger(Trigger trigger, bool isActive, uint256 threshold, uint256 cooldownPeriod)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        _setTrigger(trigger, isActive, threshold, cooldownPeriod);
    }

    // ------------------------------------------------------------------------------------------------------ internal

    function _tripPrice(Trigger trigger, address token) private {
        uint256 gasBefore = gasleft();
        if (_feeds[token].aggregator == address(0)) revert FeedMissing(token);
        (PegStatus status,, uint256[5] memory round) = _check(token);
        if (status != (trigger == Trigger.Peg ? PegStatus.Kill : PegStatus.Unhealthy)) {
            revert ConditionNotMet(trigger, token);
        }
        if (status == PegStatus.Unhealthy && gasBefore < PRICE_GAS) revert GasTooLow(PRICE_GAS);

        // Never earlier than before: a trigger with a short cooldown must not cut short the block of one with a long.
        uint256 blockedUntil = block.timestamp + _useTrigger(trigger);
        if (blockedUntil > _feedBlocks[token].until) {
            _feedBlocks[token] = FeedBlock({until: blockedUntil.toUint40(), by: trigger});
            _feeds[token].tripped = true;
        }
        if (trigger == Trigger.Peg && token == asset) {
            if (mode != Mode.Exit) _setMode(Mode.Exit, Cause.Peg);
            // Governance may have opened deposits again before it reset the mode.
            else _pauseDeposits();
        }
        emit Tripped(trigger, token, msg.sender, int256(round[1]), round[3], uint80(round[0]), mode);
    }

    function _vaultCause() private view returns (Cause) {
        return mode == Mode.Normal ? _tokenCause(asset) : _modeCause;
    }

    function _additionCause(address adapter, Watch watch) private view returns (Cause cause) {
        if (watch.isGovernanceTripped()) return Cause.Governance;
        if (watch.isGuardianBlocked()) return Cause.Guardian;
        if (block.timestamp < watch.blockedUntil()) return CauseLib.fromTrigger(watch.blockedBy());
        for (uint256 i; i < watch.tokens(); ++i) {
            cause = _tokenCause(_venueTokens[adapter][i]);
            if (cause != Cause.None) return cause;
        }
        if (watch.probes() != 0 && _conditions[Trigger.Governance].isActive && !_isConfigurationKnown(adapter)) {
            return Cause.Governance;
        }
    }

    function _tokenCause(address token) private view returns (Cause) {
        Feed memory feed = _feeds[token];
        (uint256 price,) = _read(feed);
        if (price == 0) {
            if (_oracleActive) return Cause.Oracle;
        } else if (_pegActive && _isPastKillBounds(feed, price)) {
            return Cause.Peg;
        }
        if (!feed.tripped) return Cause.None;
        FeedBlock memory block_ = _feedBlocks[token];
        return block.timestamp < block_.until ? CauseLib.fromTrigger(block_.by) : Cause.None;
    }

    function _setMode(Mode mode_, Cause cause) private {
        (mode, _modeCause) = (mode_, cause);
        emit ModeSet(mode_, msg.sender, cause.text());
        if (mode_ == Mode.Exit) _pauseDeposits();
    }

    /// @dev Exit must be reached even if the vault has not made this contract a guardian.
    function _pauseDeposits() private {
        // solhint-disable-next-line no-empty-blocks
        try vault.pauseDeposits() {}
        catch {
            emit DepositsPauseFailed(address(vault));
        }
    }

    function _setTrigger(Trigger trigger, bool isActive, uint256 threshold, uint256 cooldownPeriod) private {
        uint256 least = _isTwoStep(trigger) ? 1 : 0;
        uint256 most;
        if (trigger == Trigger.Tvl) most = WAD - 1;
        else if (trigger == Trigger.Utilisation) most = WAD;
        else if (trigger == Trigger.Oracle) most = 1 days;
        if (threshold < least || threshold > most) revert ThresholdOutOfBounds(threshold);
        if (cooldownPeriod > (trigger == Trigger.Governance ? 0 : MAX_COOLDOWN)) {
            revert CooldownOutOfBounds(cooldownPeriod);
        }
        TriggerCondition storage condition = _conditions[trigger];
        condition.isActive = isActive;
        condition.threshold = threshold.toUint96();
        condition.cooldownPeriod = cooldownPeriod.toUint40();
        if (trigger == Trigger.Peg) _pegActive = isActive;
        if (trigger == Trigger.Oracle) (_oracleActive, _feedGrace) = (isActive, threshold.toUint32());
        emit TriggerSet(trigger, isActive, threshold, cooldownPeriod);
    }
}
