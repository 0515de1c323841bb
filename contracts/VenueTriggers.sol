// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IKillSwitch, Trigger} from "./interfaces/IKillSwitch.sol";
import {IVault} from "./interfaces/IVault.sol";
import {VenueReader} from "./libraries/VenueReader.sol";
import {Cause, CauseLib} from "./types/Cause.sol";
import {Probe, ProbeLib} from "./types/Probe.sol";
import {SizeHistory, SizeHistoryLib} from "./types/SizeHistory.sol";
import {Finding, TripRecord, VenueWatch, Watch} from "./types/VenueWatch.sol";
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title VenueTriggers
/// @notice The triggers that concern one venue: its size, its utilisation, its governance. What they find blocks additions to that venue
/// and touches no other; a venue that cannot be read is not healthy, and is passed over wherever others are dealt with.
///
/// Semantics
/// - Size and utilisation can be moved for a moment, so they take two steps: the first {KillSwitchManager.trip} arms, a second at least
///   CONFIRM_BLOCKS later and within ARM_LIFETIME trips, the condition holding at both. In a later block than the arming, anyone
///   may {clear} it while the condition does not hold. So nothing that begins and ends within one block trips or disarms anything.
///   Who moves a figure at each of two moments can still do either: it costs the venue additions for a cooldown, or the watchers
///   another arming. Funds are not moved by either.
/// - A venue's governance is watched by probes, live, and by watchers, who attest what no contract can see (SPEC ERR-9). A watcher can
///   only add an alert or extend it: a stolen key must not lift what an honest one raised. Alerts end by themselves within
///   seven days, or by governance.
/// - A guardian may block a venue; only governance unblocks it.
abstract contract VenueTriggers is IKillSwitch, AccessControl {
    using Math for uint256;
    using ProbeLib for Probe[];
    using SafeCast for uint256;

    /// @notice One trigger's parameters and memory (SPEC C7), in one slot.
    /// @param isActive Whether the trigger acts at all.
    /// @param threshold Tvl: the part of the size that must be gone, Utilisation: the part on loan, 1e18 = 100 %. Oracle: seconds of grace
    /// past a feed's heartbeat. Peg (each token has its band) and Governance have none.
    /// @param cooldownPeriod Seconds for which a trip blocks. Governance has none: it blocks until governance accepts the change.
    /// @param lastTriggered Unix time of the last trip.
    struct TriggerCondition {
        bool isActive;
        uint96 threshold;
        uint40 cooldownPeriod;
        uint40 lastTriggered;
    }

    event SizeObserved(address indexed adapter, uint256 size);
    event CheckpointConfirmed(address indexed adapter, uint256 size, uint256 firstSize, uint256 secondSize);
    event Armed(
        Trigger indexed trigger,
        address indexed adapter,
        address indexed caller,
        bool readable,
        uint256 measured,
        uint256 bound
    );
    event Cleared(
        Trigger indexed trigger, address indexed adapter, address indexed caller, uint256 measured, uint256 bound
    );
    /// @param measured What was found: Tvl in assets, Utilisation as a fraction of 1e18, Governance the present fingerprint, zero if
    /// unreadable.
    /// @param bound What it was held against: the checkpoint, the threshold, the recorded fingerprint.
    /// @param blockedUntil Unix time; its type's largest value: until governance accepts.
    event VenueTripped(
        Trigger indexed trigger,
        address indexed adapter,
        address indexed caller,
        string reason,
        bool readable,
        uint256 measured,
        uint256 bound,
        uint40 blockedUntil
    );
    event ProbesSet(address indexed adapter, Probe[] probes, bytes32 fingerprint);
    event FingerprintAccepted(address indexed adapter, bytes32 fingerprint);
    event GovernanceAlert(
        address indexed adapter, address indexed watcher, string reason, bytes32 evidence, uint40 expiry
    );
    event GovernanceAlertWithdrawn(address indexed adapter);
    event VenueBlocked(address indexed adapter, address indexed caller);
    event VenueUnblocked(address indexed adapter);

    error NotAuthorised(address caller);
    error NotListed(address adapter);
    error ConditionNotMet(Trigger trigger, address subject);
    error ConditionMet(Trigger trigger, address subject);
    error TriggerNotActive(Trigger trigger);
    error TriggerNotTwoStep(Trigger trigger);
    error NotArmed(Trigger trigger, address adapter);
    error TooEarly(uint256 fromBlock);
    error GasTooLow(uint256 required);
    error ProbesMissing(address adapter);
    error ProbeOutOfBounds(uint256 maxProbes, uint256 maxCallBytes);
    error ProbesUnreadable(address adapter);
    error WrongFingerprint(bytes32 present, bytes32 expected);
    error ExpiryOutOfBounds(uint256 expiry, uint256 latest);
    error AlertNotExtended(uint256 current);
    error VenueBlockUnchanged(address adapter);

    /// @notice Any one guardian may reduce risk.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    /// @notice The emergency Safe.
    bytes32 public constant EMERGENCY_ROLE = keccak256("EMERGENCY_ROLE");
    /// @notice Attests what protocols' governance is about to do.
    bytes32 public constant WATCHER_ROLE = keccak256("WATCHER_ROLE");

    /// @notice Blocks between an arming and the earliest trip: five minutes of mainnet.
    uint256 public constant CONFIRM_BLOCKS = 25;
    /// @notice Seconds after which an arming counts as none.
    uint256 public constant ARM_LIFETIME = 2 hours;
    /// @notice Longest alert, in seconds.
    uint256 public constant MAX_ALERT = 7 days;
    /// @notice Governance probes of one venue.
    uint256 public constant MAX_PROBES = 8;
    /// @notice Bytes of one probe's calldata.
    uint256 public constant MAX_PROBE_CALL = 132;

    uint256 internal constant WAD = 1e18;
    /// @dev With less gas than this before a venue is read, it may look unreadable because of the caller: at most three reads, each
    /// with its cap, and the 64th part that EIP-150 holds back.
    uint256 private constant VENUE_GAS = 3_150_000;
    /// @dev As VENUE_GAS, for one probe and what is read to make it.
    uint256 private constant PROBE_GAS = 240_000;

    /// @notice The vault whose venues these are.
    IVault public immutable vault;

    mapping(Trigger trigger => TriggerCondition) internal _conditions;
    mapping(address adapter => VenueWatch) internal _watches;
    mapping(address adapter => SizeHistory) internal _histories;
    mapping(address adapter => mapping(Trigger trigger => TripRecord)) internal _trips;
    mapping(address adapter => Probe[]) private _probes;
    mapping(address adapter => bytes32) internal _fingerprints;

    constructor(IVault vault_) {
        vault = vault_;
    }

    // -------------------------------------------------------------------------------------------------------- anyone

    /// @inheritdoc IKillSwitch
    /// @dev Costs one slot per venue while none is due. One that is not listed is passed over too.
    function observe(address[] calldata adapters) external {
        for (uint256 i; i < adapters.length; ++i) {
            _observe(adapters[i]);
        }
    }

    /// @notice Disarms a trigger whose condition does not hold now. Only once it could be tripped, CONFIRM_BLOCKS after its arming.
    /// @param trigger Tvl or Utilisation.
    function clear(Trigger trigger, address adapter) external {
        if (!_isTwoStep(trigger)) revert TriggerNotTwoStep(trigger);
        TripRecord storage record = _trips[adapter][trigger];
        if (!_isArmed(record)) revert NotArmed(trigger, adapter);
        // Not before it could be tripped: what is borrowed for one transaction would otherwise undo every arming in the next block.
        uint256 fromBlock = uint256(record.armedBlock) + CONFIRM_BLOCKS;
        if (block.number < fromBlock) revert TooEarly(fromBlock);
        Finding memory finding = evaluate(trigger, adapter);
        if (finding.holds) revert ConditionMet(trigger, adapter);
        (record.armedAt, record.armedBlock) = (0, 0);
        emit Cleared(trigger, adapter, msg.sender, finding.measured, finding.bound);
    }

    // --------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IKillSwitch
    function settledSize(address adapter) external view returns (uint256) {
        return _histories[adapter].settled(_watch(adapter));
    }

    /// @notice What a two-step trigger finds at a venue now. Until there is a checkpoint aged 24–48 h, a readable venue's Tvl condition does
    /// not hold: there is nothing to measure it against.
    /// Reverts with {GasTooLow} rather than call a venue unreadable for want of gas.
    /// @param trigger Tvl or Utilisation.
    function evaluate(Trigger trigger, address adapter) public view returns (Finding memory finding) {
        uint256 gasBefore = gasleft();
        (bool listed, bool direct,) = vault.positionKind(adapter);
        if (!listed) revert NotListed(adapter);
        uint256 threshold = _conditions[trigger].threshold;
        if (trigger == Trigger.Tvl) {
            (finding.readable, finding.measured) = _othersSize(adapter, direct);
            finding.bound = _histories[adapter].baseline(_watch(adapter)).size;
            finding.holds = finding.measured * WAD < finding.bound * (WAD - threshold);
        } else if (trigger == Trigger.Utilisation) {
            (finding.readable, finding.measured) = VenueReader.utilisation(adapter, direct, address(vault));
            finding.bound = threshold;
            finding.holds = finding.measured > threshold;
        } else {
            revert TriggerNotTwoStep(trigger);
        }
        if (finding.readable) return finding;
        if (gasBefore < VENUE_GAS) revert GasTooLow(VENUE_GAS);
        (finding.holds, finding.measured) = (true, 0);
    }

    /// @notice The governance probes of a venue.
    function venueProbes(address adapter) public view returns (Probe[] memory) {
        return _probes[adapter];
    }

    /// @notice The fingerprint of what these probes answer now, for {setProbes}. Never reverts.
    /// @return readable False if a target has no code or does not answer a word; the fingerprint is then zero.
    // Memory, so that one decoder serves both: the code of a second one does not fit.
    // solhint-disable-next-line gas-calldata-parameters
    function fingerprintOf(Probe[] memory probes) external view returns (bool readable, bytes32 fingerprint) {
        return probes.fingerprint();
    }

    /// @notice The fingerprint of a venue's own probes now, for {acceptFingerprint}. Never reverts.
    function presentFingerprint(address adapter) public view returns (bool readable, bytes32 fingerprint) {
        return venueProbes(adapter).fingerprint();
    }

    // ---------------------------------------------------------------------------------------------- watchers, guardians

    /// @notice Blocks additions to a venue until `expiry`, because its governance is about to act or has been taken over. Watchers.
    /// @param evidence Hash or transaction id of what was seen.
    /// @param expiry Unix time, later than an alert that stands already and at most seven days ahead.
    function attestGovernanceAlert(address adapter, bytes32 evidence, uint40 expiry) external onlyRole(WATCHER_ROLE) {
        _useTrigger(Trigger.Governance);
        uint256 latest = block.timestamp + MAX_ALERT;
        if (expiry <= block.timestamp || expiry > latest) revert ExpiryOutOfBounds(expiry, latest);
        uint40 current = _trips[adapter][Trigger.Governance].blockedUntil;
        if (expiry <= current) revert AlertNotExtended(current);
        _block(adapter, Trigger.Governance, expiry);
        emit GovernanceAlert(adapter, msg.sender, Cause.Governance.text(), evidence, expiry);
    }

    /// @notice Blocks additions to a venue until governance unblocks it. Any guardian or the emergency Safe.
    function blockVenue(address adapter) external {
        _checkMayReduce();
        if (_watches[adapter].guardianBlocked) revert VenueBlockUnchanged(adapter);
        _watches[adapter].guardianBlocked = true;
        emit VenueBlocked(adapter, msg.sender);
    }

    // ---------------------------------------------------------------------------------------------------- governance

    /// @notice Lifts a guardian's block; what a trigger blocks stays blocked. Only governance.
    function unblockVenue(address adapter) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (!_watches[adapter].guardianBlocked) revert VenueBlockUnchanged(adapter);
        _watches[adapter].guardianBlocked = false;
        emit VenueUnblocked(adapter);
    }

    /// @notice Withdraws the watchers' alert on a venue. Only governance.
    function withdrawGovernanceAlert(address adapter) external onlyRole(DEFAULT_ADMIN_ROLE) {
        mapping(Trigger trigger => TripRecord) storage trips = _trips[adapter];
        trips[Trigger.Governance].blockedUntil = 0;
        (uint40 tvl, uint40 utilisation) = (trips[Trigger.Tvl].blockedUntil, trips[Trigger.Utilisation].blockedUntil);
        VenueWatch storage watch = _watches[adapter];
        (watch.blockedUntil, watch.blockedBy) =
            tvl > utilisation ? (tvl, Trigger.Tvl) : (utilisation, Trigger.Utilisation);
        emit GovernanceAlertWithdrawn(adapter);
    }

    /// @notice Sets what is asked about a venue's governance, and lifts the block of a change found with the old probes. Only governance.
    /// @param probes At most eight, of at most 132 bytes of calldata each; none ends the watch.
    /// @param fingerprint What they answered when this was proposed, from {fingerprintOf}: between proposal and execution the answer
    /// may change, and nobody has agreed to that.
    // solhint-disable-next-line gas-calldata-parameters
    function setProbes(address adapter, Probe[] memory probes, bytes32 fingerprint)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        if (probes.length > MAX_PROBES) revert ProbeOutOfBounds(MAX_PROBES, MAX_PROBE_CALL);
        delete _probes[adapter];
        for (uint256 i; i < probes.length; ++i) {
            if (probes[i].call.length > MAX_PROBE_CALL) revert ProbeOutOfBounds(MAX_PROBES, MAX_PROBE_CALL);
            _probes[adapter].push(probes[i]);
        }
        _watches[adapter].probes = probes.length.toUint8();
        _accept(adapter, fingerprint);
        emit ProbesSet(adapter, probes, fingerprint);
    }

    /// @notice Accepts a change of a venue's governed configuration and lifts its block. Only governance.
    /// @param fingerprint What the venue's probes answered when this was proposed, from {presentFingerprint}.
    function acceptFingerprint(address adapter, bytes32 fingerprint) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (_watches[adapter].probes == 0) revert ProbesMissing(adapter);
        _accept(adapter, fingerprint);
        emit FingerprintAccepted(adapter, fingerprint);
    }

    // ------------------------------------------------------------------------------------------------------ internal

    /// @dev Arms, or trips what is armed, or reverts because the condition does not hold.
    function _tripTwoStep(Trigger trigger, address adapter) internal {
        Finding memory finding = evaluate(trigger, adapter);
        if (!finding.holds) revert ConditionNotMet(trigger, adapter);
        TripRecord storage record = _trips[adapter][trigger];
        if (!_isArmed(record)) {
            (record.armedAt, record.armedBlock) = (uint40(block.timestamp), uint40(block.number));
            emit Armed(trigger, adapter, msg.sender, finding.readable, finding.measured, finding.bound);
            return;
        }
        uint256 fromBlock = record.armedBlock + CONFIRM_BLOCKS;
        if (block.number < fromBlock) revert TooEarly(fromBlock);
        (record.armedAt, record.armedBlock) = (0, 0);
        uint40 until = (_useTrigger(trigger) + block.timestamp).toUint40();
        _block(adapter, trigger, until);
        emit VenueTripped(
            trigger,
            adapter,
            msg.sender,
            CauseLib.fromTrigger(trigger).text(),
            finding.readable,
            finding.measured,
            finding.bound,
            until
        );
    }

    function _tripGovernance(address adapter) internal {
        uint256 count = _watches[adapter].probes;
        if (count == 0) revert ProbesMissing(adapter);
        uint256 required = count * PROBE_GAS;
        // One probe starved by the caller would look like an answer that has changed.
        if (gasleft() < required) revert GasTooLow(required);
        (bool readable, bytes32 present) = presentFingerprint(adapter);
        bytes32 recorded = _fingerprints[adapter];
        if (readable && present == recorded) revert ConditionNotMet(Trigger.Governance, adapter);
        _useTrigger(Trigger.Governance);
        _watches[adapter].governanceTripped = true;
        emit VenueTripped(
            Trigger.Governance,
            adapter,
            msg.sender,
            Cause.Governance.text(),
            readable,
            uint256(present),
            uint256(recorded),
            type(uint40).max
        );
    }

    /// @dev Whether the venue's governed configuration is as recorded now. A starved read says no, which blocks only the caller.
    function _isConfigurationKnown(address adapter) internal view returns (bool) {
        (bool readable, bytes32 present) = presentFingerprint(adapter);
        return readable && present == _fingerprints[adapter];
    }

    /// @dev One read of one slot.
    function _watch(address adapter) internal view returns (Watch) {
        return _watches[adapter].load();
    }

    function _isTwoStep(Trigger trigger) internal pure returns (bool) {
        return trigger == Trigger.Tvl || trigger == Trigger.Utilisation;
    }

    /// @dev Records the time of a trip and returns the cooldown, in seconds.
    function _useTrigger(Trigger trigger) internal returns (uint256 cooldownPeriod) {
        TriggerCondition storage condition = _conditions[trigger];
        if (!condition.isActive) revert TriggerNotActive(trigger);
        condition.lastTriggered = uint40(block.timestamp);
        return condition.cooldownPeriod;
    }

    function _checkMayReduce() internal view {
        if (!hasRole(GUARDIAN_ROLE, msg.sender) && !hasRole(EMERGENCY_ROLE, msg.sender)) {
            revert NotAuthorised(msg.sender);
        }
    }

    function _observe(address adapter) private {
        Watch watch = _watch(adapter);
        SizeHistory storage history = _histories[adapter];
        if (!history.isDue(watch)) return;
        (bool listed, bool direct,) = vault.positionKind(adapter);
        if (!listed) return;
        uint256 gasBefore = gasleft();
        (bool ok, uint256 size) = _othersSize(adapter, direct);
        if (!ok) {
            // A venue that had its gas is passed over; one that had not would be missed by whoever estimates the gas of this call.
            if (gasBefore < VENUE_GAS) revert GasTooLow(VENUE_GAS);
            return;
        }
        if (history.isPending(watch)) {
            (uint256 first, uint256 lower) = history.confirm(_watches[adapter], size);
            emit CheckpointConfirmed(adapter, lower, first, size);
        } else {
            history.begin(size);
            emit SizeObserved(adapter, size);
        }
    }

    /// @dev What the other depositors hold: the vault's own coming and going is no evidence about a venue.
    function _othersSize(address adapter, bool direct) private view returns (bool ok, uint256 assets) {
        uint256 own;
        (ok, assets) = VenueReader.size(adapter, direct);
        if (ok) (ok, own) = VenueReader.value(adapter, direct, address(vault));
        assets = ok ? Math.min(assets.saturatingSub(own), SizeHistoryLib.MAX_SIZE) : 0;
    }

    function _isArmed(TripRecord storage record) private view returns (bool) {
        uint256 armedAt = record.armedAt;
        return armedAt != 0 && block.timestamp <= armedAt + ARM_LIFETIME;
    }

    /// @dev Never earlier than before: a trigger with a short cooldown must not cut short the block of one with a long.
    function _block(address adapter, Trigger trigger, uint40 until) private {
        TripRecord storage record = _trips[adapter][trigger];
        if (until > record.blockedUntil) record.blockedUntil = until;
        VenueWatch storage watch = _watches[adapter];
        if (until > watch.blockedUntil) (watch.blockedUntil, watch.blockedBy) = (until, trigger);
    }

    function _accept(address adapter, bytes32 expected) private {
        (bool readable, bytes32 present) = presentFingerprint(adapter);
        if (!readable) revert ProbesUnreadable(adapter);
        if (present != expected) revert WrongFingerprint(present, expected);
        _fingerprints[adapter] = present;
        _watches[adapter].governanceTripped = false;
    }
}
