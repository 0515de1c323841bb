// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "./interfaces/IAdapter.sol";
import {IKillSwitch, Mode} from "./interfaces/IKillSwitch.sol";
import {IStrategyHub} from "./interfaces/IStrategyHub.sol";
import {IVault} from "./interfaces/IVault.sol";
import {BoundedCall} from "./libraries/BoundedCall.sol";
import {TargetsCalldata} from "./libraries/TargetsCalldata.sol";
import {VenueReader} from "./libraries/VenueReader.sol";
import {Allocation, Change, Report} from "./types/Allocation.sol";
import {Lanes} from "./types/Lanes.sol";
import {DUST, Position} from "./types/Position.sol";
import {RebalanceLog} from "./types/RebalanceLog.sol";
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/interfaces/IERC20Metadata.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title StrategyHub
/// @notice Decides whether an instruction of the keeper reaches the vault. It holds no assets.
///
/// Semantics
/// - The keeper is untrusted. Whatever it sends, a rebalance needs the attestor's signature over exactly these targets, an
///   operational kill switch, the cooldown and the rule of four, and every limit below; a limit that fails has its own error.
/// - Only listed venues change. Amounts are floor(NAV·bps/10⁴) at execution; idle is the remainder.
/// - Taking assets out of a venue into idle is never rate-limited and never needs the switch or the attestor.
/// - A call that reverts records nothing, so a failed rebalance uses up neither nonce nor cooldown.
///
/// Assumptions: the vault measures values and enforces its own bounds; the attestor signs only what it has itself checked.
/// Liveness: a rebalance needs settled observations of the venues' sizes, which anyone may take ({IKillSwitch.observe}).
contract StrategyHub is IStrategyHub, AccessControl {
    using Address for address;
    using BoundedCall for address;
    using SafeCast for uint256;

    /// @dev A rebalance on its way through the rules.
    struct Instruction {
        bytes32 decisionHash;
        bytes32 targetsHash;
        uint64 nonce;
        IKillSwitch killSwitch;
        uint256 flowBps;
        uint256 nav;
        uint256 turnover;
        uint256 word;
        Lanes lanes;
    }

    /// @dev The log, which every rebalance writes, and the limits of each target, in one slot.
    struct Policy {
        RebalanceLog log;
        uint16 reserveBps;
        uint16 minPositionBps;
        uint16 maxPositionBps;
        uint16 minStepBps;
        uint16 maxUtilisationBps;
        uint8 maxVenueShareBps;
    }

    /// @dev Attestor and the limits over time, in one slot.
    struct Pace {
        address attestor;
        uint16 flowBps;
        uint16 approvalBps;
        uint32 approvalFloor;
        uint32 cooldown;
    }

    /// @dev Kill switch, the keeper's last sign of life apart from rebalances, and the grace period in seconds, in one slot.
    struct Presence {
        IKillSwitch killSwitch;
        uint40 heartbeatAt;
        uint32 grace;
    }

    /// @notice Sends rebalances and reductions.
    bytes32 public constant KEEPER_ROLE = keccak256("KEEPER_ROLE");
    /// @notice Any one guardian may reduce risk.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    /// @notice The emergency Safe.
    bytes32 public constant EMERGENCY_ROLE = keccak256("EMERGENCY_ROLE");

    /// @notice The governance Safe: approves what is large, without the timelock's delay.
    bytes32 public constant APPROVER_ROLE = keccak256("APPROVER_ROLE");

    /// @notice An approval counts for this long.
    uint256 public constant APPROVAL_VALIDITY = 24 hours;
    /// @notice A proof may not be valid for longer than this after the block it is used in.
    uint256 public constant MAX_PROOF_VALIDITY = 1 hours;
    bytes32 public constant DOMAIN_TYPEHASH = keccak256("EIP712Domain(uint256 chainId,address verifyingContract)");
    bytes32 public constant PROOF_TYPEHASH =
        keccak256("Rebalance(bytes32 decisionHash,bytes32 targetsHash,address vault,uint64 nonce,uint64 validUntil)");

    uint256 private constant BPS = 10_000;
    uint256 private constant WAD = 1e18;
    uint256 private constant WAD_PER_BPS = 1e14;
    /// @dev One venue's part of an emergency exit; a venue that burns it all leaves the others theirs.
    uint256 private constant EXIT_GAS = 5_000_000;
    uint256 private constant MAX_REASON_BYTES = 256;
    /// @dev Positions that share a word of {_lanes}.
    uint256 private constant LANES = 8;
    uint256 private constant NO_WORD = type(uint256).max;

    IVault public immutable vault;
    uint256 private immutable _unit;

    Policy private _policy;
    Pace private _pace;
    Presence private _presence;
    /// @dev By the position's id: eight of them in each.
    Lanes[2] private _lanes;
    /// @inheritdoc IStrategyHub
    mapping(address adapter => uint256) public riskScore;
    /// @inheritdoc IStrategyHub
    mapping(bytes32 digest => uint256) public approvedAt;

    /// @param admin Holder of DEFAULT_ADMIN_ROLE: the deployer until the handover, then the timelock.
    /// @param grace Seconds that the keeper may be silent, 1–30 days.
    constructor(
        IVault vault_,
        IKillSwitch killSwitch_,
        address attestor_,
        address admin,
        Limits memory limits_,
        uint256 grace
    ) {
        vault = vault_;
        _unit = 10 ** IERC20Metadata(vault_.asset()).decimals();
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _setKillSwitch(killSwitch_);
        _setAttestor(attestor_);
        _setLimits(limits_);
        _setGracePeriod(grace);
        _presence.heartbeatAt = block.timestamp.toUint40();
    }

    // -------------------------------------------------------------------------------------------------------- keeper

    /// @inheritdoc IStrategyHub
    function rebalance(Allocation[] calldata targets, bytes calldata proof) external onlyRole(KEEPER_ROLE) {
        IKillSwitch killSwitch_ = _presence.killSwitch;
        if (!killSwitch_.isOperational()) {
            (, string memory reason) = killSwitch_.operationalStatus();
            revert NotOperational(reason);
        }
        Policy memory policy = _policy;
        Pace memory pace = _pace;
        uint256 allowedAt = policy.log.nextAllowed(pace.cooldown);
        if (block.timestamp < allowedAt) revert CooldownActive(allowedAt);

        if (targets.length == 0) revert NoTargets();
        (bytes memory reallocate, bytes32 targetsHash) =
            TargetsCalldata.forward(targets, proof, IVault.reallocate.selector);
        Instruction memory instruction = _checkProof(targetsHash, proof, policy.log.nonce(), pace.attestor);
        (instruction.killSwitch, instruction.flowBps, instruction.word) = (killSwitch_, pace.flowBps, NO_WORD);
        _policy.log = policy.log.push(block.timestamp);

        Report memory report = abi.decode(address(vault).functionCall(reallocate), (Report));

        if (report.idleAfter * BPS < report.navAfter * policy.reserveBps) {
            revert ReserveTooLow(report.idleAfter, report.navAfter, policy.reserveBps);
        }
        uint256[] memory stored = _checkTargets(targets, report, policy, instruction);
        _checkApproval(instruction, report.navBefore, pace);
        emit RebalanceExecuted(
            instruction.decisionHash,
            instruction.nonce,
            report.navBefore,
            report.navAfter,
            report.idleAfter,
            stored,
            report.changes
        );
    }

    /// @inheritdoc IStrategyHub
    function reduce(address adapter, uint256 assets, uint256 minOut, bytes calldata data)
        external
        returns (uint256 received)
    {
        bool trusted = _mayReduce(msg.sender);
        if (!trusted && !hasRole(KEEPER_ROLE, msg.sender)) revert NotAuthorised(msg.sender);
        uint256 valueAfter;
        uint256 navAfter;
        (received, valueAfter, navAfter) = vault.reduce(adapter, assets, minOut, data, !trusted);
        uint256 id = vault.position(adapter).id();
        uint256 target = navAfter == 0 ? 0 : Math.min(_lanesOf(id).targetOf(id), valueAfter * BPS / navAfter);
        _setTarget(id, target);
        emit RiskReduced(msg.sender, adapter, received, target);
    }

    /// @inheritdoc IStrategyHub
    function harvest(address adapter, bytes calldata data) external onlyRole(KEEPER_ROLE) returns (uint256) {
        return vault.harvest(adapter, data);
    }

    /// @inheritdoc IStrategyHub
    function heartbeat() external onlyRole(KEEPER_ROLE) {
        _presence.heartbeatAt = block.timestamp.toUint40();
        emit Heartbeat(msg.sender);
        _presence.killSwitch.observe(vault.adapters());
    }

    // ------------------------------------------------------------------------------------------------- emergency, Safe

    /// @inheritdoc IStrategyHub
    function emergencyExit() external returns (ExitResult[] memory) {
        return _exit(_riskiestFirst(vault.adapters()));
    }

    /// @inheritdoc IStrategyHub
    function exitVenues(address[] calldata adapters) external returns (ExitResult[] memory) {
        return _exit(adapters);
    }

    /// @inheritdoc IStrategyHub
    function approve(bytes32 digest) external onlyRole(APPROVER_ROLE) {
        approvedAt[digest] = block.timestamp;
        emit Approved(digest, block.timestamp);
    }

    /// @inheritdoc IStrategyHub
    function revokeApproval(bytes32 digest) external {
        if (!hasRole(APPROVER_ROLE, msg.sender) && !_mayReduce(msg.sender)) revert NotAuthorised(msg.sender);
        delete approvedAt[digest];
        emit ApprovalRevoked(digest);
    }

    /// @inheritdoc IStrategyHub
    function revokeKeeper(address keeper) external {
        if (!_mayReduce(msg.sender)) revert NotAuthorised(msg.sender);
        _revokeRole(KEEPER_ROLE, keeper);
    }

    // --------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IStrategyHub
    function limits() external view returns (Limits memory) {
        Policy memory policy = _policy;
        Pace memory pace = _pace;
        return Limits({
            reserveBps: policy.reserveBps,
            minPositionBps: policy.minPositionBps,
            maxPositionBps: policy.maxPositionBps,
            minStepBps: policy.minStepBps,
            maxVenueShareBps: policy.maxVenueShareBps,
            maxUtilisationBps: policy.maxUtilisationBps,
            flowBps: pace.flowBps,
            approvalBps: pace.approvalBps,
            approvalFloor: pace.approvalFloor,
            cooldown: pace.cooldown
        });
    }

    /// @inheritdoc IStrategyHub
    function attestor() external view returns (address) {
        return _pace.attestor;
    }

    /// @notice The kill switch that rebalances obey.
    function killSwitch() external view returns (IKillSwitch) {
        return _presence.killSwitch;
    }

    /// @inheritdoc IStrategyHub
    function positionState(address adapter) external view returns (PositionState memory state) {
        Position position = vault.position(adapter);
        state.cap = position.cap();
        state.direct = position.isDirect();
        bool ok;
        (state.readable, state.value) = VenueReader.value(adapter, state.direct, address(vault));
        (ok, state.size) = VenueReader.size(adapter, state.direct);
        state.readable = state.readable && ok;
        (, state.liquidity) = VenueReader.exitLiquidity(adapter, state.direct, address(vault));
        (, state.utilisation) = VenueReader.utilisation(adapter, state.direct, address(vault));
        (state.canAdd, state.settledSize) = _presence.killSwitch.additionStatus(adapter);
        state.riskScore = riskScore[adapter];
        if (Position.unwrap(position) != 0) {
            uint256 id = position.id();
            Lanes lanes = _lanesOf(id);
            state.targetBps = lanes.targetOf(id);
            state.flowUsedBps = lanes.drained(_pace.flowBps, block.timestamp).bucketOf(id);
        }
    }

    /// @inheritdoc IStrategyHub
    function targetBps(address adapter) external view returns (uint256) {
        Position position = vault.position(adapter);
        return Position.unwrap(position) == 0 ? 0 : _lanesOf(position.id()).targetOf(position.id());
    }

    /// @inheritdoc IStrategyHub
    function nonce() external view returns (uint64) {
        return _policy.log.nonce();
    }

    /// @inheritdoc IStrategyHub
    function recentRebalances() external view returns (uint256[4] memory times) {
        RebalanceLog log = _policy.log;
        for (uint256 i; i < 4; ++i) {
            times[i] = log.timeOf(i);
        }
    }

    /// @inheritdoc IStrategyHub
    function nextRebalanceAt() external view returns (uint256) {
        return _policy.log.nextAllowed(_pace.cooldown);
    }

    /// @inheritdoc IStrategyHub
    function lastSeen() public view returns (uint256 time, uint256 grace) {
        Presence memory presence = _presence;
        return (Math.max(presence.heartbeatAt, _policy.log.timeOf(0)), presence.grace);
    }

    /// @inheritdoc IStrategyHub
    function approvalDigest(bytes32 decisionHash, bytes32 targetsHash, uint64 nonce_) public pure returns (bytes32) {
        return keccak256(abi.encode(decisionHash, targetsHash, nonce_));
    }

    /// @inheritdoc IStrategyHub
    function proofDigest(bytes32 decisionHash, bytes32 targetsHash, uint64 nonce_, uint64 validUntil)
        public
        view
        returns (bytes32)
    {
        bytes32 domain = keccak256(abi.encode(DOMAIN_TYPEHASH, block.chainid, address(this)));
        bytes32 message =
            keccak256(abi.encode(PROOF_TYPEHASH, decisionHash, targetsHash, address(vault), nonce_, validUntil));
        return keccak256(abi.encodePacked(hex"1901", domain, message));
    }

    // ---------------------------------------------------------------------------------------------------- governance

    /// @notice Sets the policy parameters, each inside its hard bound. Only governance.
    function setLimits(Limits calldata limits_) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setLimits(limits_);
    }

    /// @notice Replaces the attestor. Only governance.
    function setAttestor(address attestor_) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setAttestor(attestor_);
    }

    /// @notice Replaces the kill switch. Only governance.
    function setKillSwitch(IKillSwitch killSwitch_) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setKillSwitch(killSwitch_);
    }

    /// @notice Sets for how long the keeper may be silent, 1–30 days in seconds. Only governance.
    function setGracePeriod(uint256 grace) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setGracePeriod(grace);
    }

    /// @notice Sets a venue's risk score, 0–100, which orders the emergency exit. Only governance.
    function setRiskScore(address adapter, uint256 score) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (score > 100) revert ScoreOutOfBounds(score);
        riskScore[adapter] = score;
        emit RiskScoreSet(adapter, score);
    }

    // ------------------------------------------------------------------------------------------------------ internal

    function _checkProof(bytes32 targetsHash, bytes calldata proof, uint64 expectedNonce, address signer)
        private
        view
        returns (Instruction memory instruction)
    {
        uint64 validUntil;
        bytes memory signature;
        (instruction.decisionHash, instruction.nonce, validUntil, signature) =
            abi.decode(proof, (bytes32, uint64, uint64, bytes));
        if (instruction.decisionHash == 0) revert ZeroDecisionHash();
        if (instruction.nonce != expectedNonce) revert WrongNonce(instruction.nonce, expectedNonce);
        if (validUntil < block.timestamp) revert ProofExpired(validUntil);
        if (validUntil > block.timestamp + MAX_PROOF_VALIDITY) revert ProofTooLong(validUntil);
        instruction.targetsHash = targetsHash;
        bytes32 digest = proofDigest(instruction.decisionHash, instruction.targetsHash, expectedNonce, validUntil);
        (address recovered,,) = ECDSA.tryRecover(digest, signature);
        if (recovered == address(0) || recovered != signer) revert WrongAttestor(recovered);
    }

    /// @dev The rules of each target.
    /// @return stored The targets as they are remembered: the position's address, and from bit 160 on basis points.
    function _checkTargets(
        Allocation[] calldata targets,
        Report memory report,
        Policy memory policy,
        Instruction memory instruction
    ) private returns (uint256[] memory stored) {
        stored = new uint256[](targets.length);
        instruction.nav = report.navBefore;
        for (uint256 i; i < stored.length; ++i) {
            Allocation calldata target = targets[i];
            (address adapter, uint256 bps) = (target.adapter, target.bps);
            stored[i] = uint256(uint160(adapter)) | (bps << 160);
            Change change = report.changes[i];
            uint256 id = report.tags.idOf(i);
            _turnTo(instruction, id / LANES);
            _checkTarget(instruction, adapter, id, bps, change.valueBefore(), policy);
            if (_fillBucket(instruction, adapter, id, bps, change.valueBefore())) {
                _checkVenue(adapter, report.tags.isDirect(i), change.valueAfter(), policy, instruction.killSwitch);
            }
        }
        _lanes[instruction.word] = instruction.lanes;
    }

    /// @dev Writes the word of the target before, unless it is the same, and reads this one's.
    function _turnTo(Instruction memory instruction, uint256 word) private {
        if (word == instruction.word) return;
        if (instruction.word != NO_WORD) _lanes[instruction.word] = instruction.lanes;
        instruction.word = word;
        instruction.lanes = _lanes[word].drained(instruction.flowBps, block.timestamp);
    }

    function _checkTarget(
        Instruction memory instruction,
        address adapter,
        uint256 id,
        uint256 bps,
        uint256 before,
        Policy memory policy
    ) private pure {
        if (bps != 0 && (bps < policy.minPositionBps || bps > policy.maxPositionBps)) {
            revert TargetOutOfBounds(adapter, bps);
        }
        // What was stored of a position that holds nothing is of no account: it may be of one that had its id before.
        uint256 stored = before == 0 ? 0 : instruction.lanes.targetOf(id);
        uint256 step = bps > stored ? bps - stored : stored - bps;
        if (step < policy.minStepBps) revert StepTooSmall(adapter, bps, stored);
        instruction.lanes = instruction.lanes.withTarget(id, bps);
    }

    /// @dev Judges an addition by what the vault was told to add, not by the outcome: a venue that swallows an addition was added to.
    function _fillBucket(Instruction memory instruction, address adapter, uint256 id, uint256 bps, uint256 before)
        private
        pure
        returns (bool added)
    {
        uint256 goal = instruction.nav * bps / BPS;
        if (goal <= before) return false;
        uint256 addition = goal - before;
        instruction.turnover += addition;
        uint256 used = instruction.lanes.bucketOf(id) + Math.ceilDiv(addition * BPS, instruction.nav);
        if (used > instruction.flowBps) revert FlowExceeded(adapter, used, instruction.flowBps);
        instruction.lanes = instruction.lanes.withBucket(id, used);
        return true;
    }

    /// @dev The rules for a venue that was added to, judged on its state after the addition.
    function _checkVenue(address adapter, bool direct, uint256 value, Policy memory policy, IKillSwitch killSwitch_)
        private
        view
    {
        uint256 settled = killSwitch_.addableSize(adapter);
        if (settled == 0) {
            if (!killSwitch_.canAdd(adapter)) revert VenueNotOperational(adapter);
            revert CheckpointMissing(adapter);
        }

        // What cannot be read is zero liquidity and zero size, which no addition passes.
        (, uint256 liquidity) = VenueReader.exitLiquidity(adapter, direct, address(vault));
        uint256 utilisation;
        if (direct) {
            if (liquidity < value) utilisation = Math.mulDiv(value - liquidity, WAD, value, Math.Rounding.Ceil);
        } else {
            utilisation = IAdapter(adapter).utilisation();
        }
        if (utilisation > policy.maxUtilisationBps * WAD_PER_BPS) revert UtilisationTooHigh(adapter, utilisation);
        if (liquidity < value) revert PositionNotLiquid(adapter, value, liquidity);

        (, uint256 size) = VenueReader.size(adapter, direct);
        size = Math.min(size, settled);
        if (value * BPS > size * policy.maxVenueShareBps) revert VenueShareExceeded(adapter, value, size);
    }

    function _lanesOf(uint256 id) private view returns (Lanes) {
        return _lanes[id / LANES];
    }

    /// @dev What is in the buckets stays, and of the time it was of.
    function _setTarget(uint256 id, uint256 bps) private {
        _lanes[id / LANES] = _lanesOf(id).withTarget(id, bps);
    }

    function _checkApproval(Instruction memory instruction, uint256 nav, Pace memory pace) private view {
        uint256 threshold = Math.max(pace.approvalFloor * _unit, nav * pace.approvalBps / BPS);
        if (instruction.turnover <= threshold) return;
        bytes32 digest = approvalDigest(instruction.decisionHash, instruction.targetsHash, instruction.nonce);
        uint256 approved = approvedAt[digest];
        if (approved == 0 || block.timestamp > approved + APPROVAL_VALIDITY) {
            revert ApprovalRequired(digest, instruction.turnover, threshold);
        }
    }

    function _exit(address[] memory order) private returns (ExitResult[] memory results) {
        if (!_mayReduce(msg.sender)) {
            (uint256 seen, uint256 grace) = lastSeen();
            // Silence first: it must not depend on the switch.
            if (block.timestamp <= seen + grace && _presence.killSwitch.mode() != Mode.Exit) {
                revert NotAuthorised(msg.sender);
            }
        }
        // Whatever becomes of the legs: a leg that reverts takes its own pause back.
        vault.pauseDeposits();
        results = new ExitResult[](order.length);
        for (uint256 i; i < order.length; ++i) {
            address adapter = order[i];
            (bool ok, bytes memory returned) =
                address(vault).tryCall(EXIT_GAS, abi.encodeCall(IVault.exit, (adapter, "")), MAX_REASON_BYTES);
            results[i] = ExitResult({adapter: adapter, ok: ok, received: 0, remaining: type(uint256).max});
            Position position = vault.position(adapter);
            if (ok) {
                (results[i].received, results[i].remaining) = abi.decode(returned, (uint256, uint256));
                returned = "";
                // Of a venue that pays in part or, paused, nothing, something is still to be had.
                if (results[i].remaining <= DUST) _setTarget(position.id(), 0);
                else results[i].ok = false;
            } else {
                (bool readable, uint256 value) = VenueReader.value(adapter, position.isDirect(), address(vault));
                if (readable) results[i].remaining = value;
            }
            emit EmergencyExit(msg.sender, adapter, results[i].ok, results[i].received, results[i].remaining, returned);
        }
    }

    function _mayReduce(address caller) private view returns (bool) {
        return hasRole(GUARDIAN_ROLE, caller) || hasRole(EMERGENCY_ROLE, caller);
    }

    /// @dev Stable insertion sort by risk score, highest first; there are at most sixteen.
    function _riskiestFirst(address[] memory list) private view returns (address[] memory) {
        for (uint256 i = 1; i < list.length; ++i) {
            address adapter = list[i];
            uint256 score = riskScore[adapter];
            uint256 j = i;
            while (j > 0 && riskScore[list[j - 1]] < score) {
                list[j] = list[j - 1];
                --j;
            }
            list[j] = adapter;
        }
        return list;
    }

    function _setLimits(Limits memory limits_) private {
        if (
            limits_.reserveBps < 500 || limits_.reserveBps > BPS || limits_.minPositionBps < 500
                || limits_.minPositionBps > limits_.maxPositionBps || limits_.maxPositionBps > 5000
                || limits_.minStepBps < 500 || limits_.minStepBps > BPS || limits_.maxVenueShareBps > 100
                || limits_.maxUtilisationBps > 9500 || limits_.flowBps > BPS || limits_.approvalBps > BPS
                || limits_.cooldown < 1 hours || limits_.cooldown > 24 hours
        ) revert LimitOutOfBounds();
        _policy = Policy({
            log: _policy.log,
            reserveBps: limits_.reserveBps,
            minPositionBps: limits_.minPositionBps,
            maxPositionBps: limits_.maxPositionBps,
            minStepBps: limits_.minStepBps,
            maxUtilisationBps: limits_.maxUtilisationBps,
            maxVenueShareBps: uint256(limits_.maxVenueShareBps).toUint8()
        });
        _pace = Pace({
            attestor: _pace.attestor,
            flowBps: limits_.flowBps,
            approvalBps: limits_.approvalBps,
            approvalFloor: limits_.approvalFloor,
            cooldown: limits_.cooldown
        });
        emit LimitsSet(limits_);
    }

    function _setAttestor(address attestor_) private {
        _pace.attestor = attestor_;
        emit AttestorSet(attestor_);
    }

    function _setKillSwitch(IKillSwitch killSwitch_) private {
        _presence.killSwitch = killSwitch_;
        emit KillSwitchSet(address(killSwitch_));
    }

    function _setGracePeriod(uint256 grace) private {
        if (grace < 1 days || grace > 30 days) revert GraceOutOfBounds(grace);
        _presence.grace = grace.toUint32();
        emit GracePeriodSet(grace);
    }
}
