// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "./interfaces/IAdapter.sol";
import {IKillSwitch, Mode} from "./interfaces/IKillSwitch.sol";
import {IStrategyHub} from "./interfaces/IStrategyHub.sol";
import {IVault} from "./interfaces/IVault.sol";
import {BoundedCall} from "./libraries/BoundedCall.sol";
import {Allocation, Report} from "./types/Allocation.sol";
import {RebalanceLog} from "./types/RebalanceLog.sol";
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
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
/// Liveness: a rebalance needs a venue-size observation of an earlier block, which anyone may take ({checkpoint}).
contract StrategyHub is IStrategyHub, AccessControl {
    using BoundedCall for address;
    using SafeCast for uint256;

    /// @notice Sends rebalances and reductions.
    bytes32 public constant KEEPER_ROLE = keccak256("KEEPER_ROLE");
    /// @notice Any one guardian may reduce risk.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    /// @notice The emergency Safe.
    bytes32 public constant EMERGENCY_ROLE = keccak256("EMERGENCY_ROLE");

    /// @notice A proof may not be valid for longer than this after the block it is used in.
    uint256 public constant MAX_PROOF_VALIDITY = 1 hours;
    /// @notice Length of a window in which the lowest observed size of a venue counts.
    uint256 public constant CHECKPOINT_WINDOW = 6 hours;

    bytes32 public constant DOMAIN_TYPEHASH = keccak256("EIP712Domain(uint256 chainId,address verifyingContract)");
    bytes32 public constant PROOF_TYPEHASH =
        keccak256("Rebalance(bytes32 decisionHash,bytes32 targetsHash,address vault,uint64 nonce,uint64 validUntil)");

    uint256 private constant BPS = 10_000;
    uint256 private constant WAD_PER_BPS = 1e14;
    uint256 private constant READ_GAS = 1_000_000;
    /// @dev One venue's part of an emergency exit; a venue that burns it all leaves the others theirs.
    uint256 private constant EXIT_GAS = 5_000_000;
    uint256 private constant MAX_REASON_BYTES = 256;

    IVault public immutable vault;
    IKillSwitch public killSwitch;
    address public attestor;

    RebalanceLog private _log;
    Limits private _limits;
    mapping(address adapter => Venue) private _venues;

    /// @param admin Holder of DEFAULT_ADMIN_ROLE: the deployer until the handover, then the timelock.
    constructor(IVault vault_, IKillSwitch killSwitch_, address attestor_, address admin, Limits memory limits_) {
        vault = vault_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _setKillSwitch(killSwitch_);
        _setAttestor(attestor_);
        _setLimits(limits_);
    }

    // -------------------------------------------------------------------------------------------------------- keeper

    /// @inheritdoc IStrategyHub
    function rebalance(Allocation[] calldata targets, bytes calldata proof) external onlyRole(KEEPER_ROLE) {
        (bool operational, string memory reason) = killSwitch.operationalStatus();
        if (!operational) revert NotOperational(reason);

        RebalanceLog log = _log;
        Limits memory limit = _limits;
        uint256 allowedAt = log.nextAllowed(limit.cooldown);
        if (block.timestamp < allowedAt) revert CooldownActive(allowedAt);

        bytes32 decisionHash = _checkProof(targets, proof, log.nonce());
        _storeTargets(targets, limit);
        _log = log.push(block.timestamp);

        Report memory report = vault.reallocate(targets);

        if (report.idleAfter * BPS < report.navAfter * limit.reserveBps) {
            revert ReserveTooLow(report.idleAfter, report.navAfter, limit.reserveBps);
        }
        for (uint256 i; i < targets.length; ++i) {
            // By what the vault was told to add, not by the outcome: a venue that swallows an addition was added to.
            if (report.navBefore * targets[i].bps / BPS > report.valuesBefore[i]) {
                _checkAddition(targets[i].adapter, report.valuesAfter[i], limit);
            }
        }
        _emitExecuted(decisionHash, log.nonce(), targets, report);
    }

    /// @inheritdoc IStrategyHub
    function reduce(address adapter, uint256 assets, uint256 minOut, bytes calldata data)
        external
        returns (uint256 received)
    {
        if (!hasRole(KEEPER_ROLE, msg.sender) && !_mayReduce(msg.sender)) revert NotAuthorised(msg.sender);
        uint256 valueAfter;
        uint256 navAfter;
        (received, valueAfter, navAfter) = vault.reduce(adapter, assets, minOut, data);
        uint256 target = navAfter == 0 ? 0 : Math.min(_venues[adapter].targetBps, valueAfter * BPS / navAfter);
        _venues[adapter].targetBps = target.toUint16();
        emit RiskReduced(msg.sender, adapter, received, target);
    }

    /// @inheritdoc IStrategyHub
    function emergencyExit() external returns (ExitResult[] memory results) {
        if (!_mayReduce(msg.sender) && killSwitch.mode() != Mode.Exit) revert NotAuthorised(msg.sender);
        address[] memory order = _riskiestFirst(vault.adapters());
        results = new ExitResult[](order.length);
        for (uint256 i; i < order.length; ++i) {
            address adapter = order[i];
            (bool ok, bytes memory returned) =
                address(vault).tryCall(EXIT_GAS, abi.encodeCall(IVault.exit, (adapter, "")), MAX_REASON_BYTES);
            results[i] = ExitResult({adapter: adapter, ok: ok, received: 0, remaining: 0});
            if (ok) {
                (results[i].received, results[i].remaining) = abi.decode(returned, (uint256, uint256));
                _venues[adapter].targetBps = 0;
                returned = "";
            } else {
                (, results[i].remaining) = adapter.readWord(READ_GAS, IAdapter.value.selector);
            }
            emit EmergencyExit(msg.sender, adapter, ok, results[i].received, results[i].remaining, returned);
        }
    }

    /// @inheritdoc IStrategyHub
    function checkpoint(address adapter) external {
        (bool listed,) = vault.adapterConfig(adapter);
        if (!listed) revert NotListed(adapter);
        _checkpoint(adapter, IAdapter(adapter).venueSize());
    }

    // --------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IStrategyHub
    function settledSize(address adapter) public view returns (uint256) {
        Venue memory memo = _venues[adapter];
        return memo.startBlock < block.number ? memo.size : memo.previousSize;
    }

    /// @inheritdoc IStrategyHub
    function limits() external view returns (Limits memory) {
        return _limits;
    }

    /// @inheritdoc IStrategyHub
    function venue(address adapter) external view returns (Venue memory) {
        return _venues[adapter];
    }

    /// @inheritdoc IStrategyHub
    function nonce() external view returns (uint64) {
        return _log.nonce();
    }

    /// @inheritdoc IStrategyHub
    function recentRebalances() external view returns (uint256[4] memory times) {
        RebalanceLog log = _log;
        for (uint256 i; i < 4; ++i) {
            times[i] = log.timeOf(i);
        }
    }

    /// @inheritdoc IStrategyHub
    function nextRebalanceAt() external view returns (uint256) {
        return _log.nextAllowed(_limits.cooldown);
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

    /// @notice Sets a venue's risk score, 0–100, which orders the emergency exit. Only governance.
    function setRiskScore(address adapter, uint256 score) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (score > 100) revert ScoreOutOfBounds(score);
        _venues[adapter].riskScore = score.toUint8();
        emit RiskScoreSet(adapter, score);
    }

    // ------------------------------------------------------------------------------------------------------ internal

    function _checkProof(Allocation[] calldata targets, bytes calldata proof, uint64 expectedNonce)
        private
        view
        returns (bytes32 decisionHash)
    {
        uint64 givenNonce;
        uint64 validUntil;
        bytes memory signature;
        (decisionHash, givenNonce, validUntil, signature) = abi.decode(proof, (bytes32, uint64, uint64, bytes));
        if (decisionHash == 0) revert ZeroDecisionHash();
        if (givenNonce != expectedNonce) revert WrongNonce(givenNonce, expectedNonce);
        if (validUntil < block.timestamp) revert ProofExpired(validUntil);
        if (validUntil > block.timestamp + MAX_PROOF_VALIDITY) revert ProofTooLong(validUntil);
        bytes32 digest = proofDigest(decisionHash, keccak256(abi.encode(targets)), givenNonce, validUntil);
        (address recovered,,) = ECDSA.tryRecover(digest, signature);
        if (recovered == address(0) || recovered != attestor) revert WrongAttestor(recovered);
    }

    /// @dev The rules that need no venue: bounds of each target and its step against the last stored one.
    function _storeTargets(Allocation[] calldata targets, Limits memory limit) private {
        if (targets.length == 0) revert NoTargets();
        for (uint256 i; i < targets.length; ++i) {
            address adapter = targets[i].adapter;
            uint256 bps = targets[i].bps;
            if (bps != 0 && (bps < limit.minPositionBps || bps > limit.maxPositionBps)) {
                revert TargetOutOfBounds(adapter, bps);
            }
            uint256 stored = _venues[adapter].targetBps;
            uint256 step = bps > stored ? bps - stored : stored - bps;
            if (step < limit.minStepBps) revert StepTooSmall(adapter, bps, stored);
            _venues[adapter].targetBps = targets[i].bps;
        }
    }

    /// @dev The rules for a venue that was added to, judged on its state after the addition.
    function _checkAddition(address adapter, uint256 value, Limits memory limit) private {
        if (!killSwitch.canAdd(adapter)) revert VenueNotOperational(adapter);
        (bool depositable,) = IAdapter(adapter).health();
        if (!depositable) revert VenueClosed(adapter);
        uint256 utilisation = IAdapter(adapter).utilisation();
        if (utilisation > limit.maxUtilisationBps * WAD_PER_BPS) revert UtilisationTooHigh(adapter, utilisation);
        uint256 liquidity = IAdapter(adapter).liquidity();
        if (liquidity < value) revert PositionNotLiquid(adapter, value, liquidity);

        uint256 settled = settledSize(adapter);
        if (settled == 0) revert CheckpointMissing(adapter);
        uint256 sizeNow = IAdapter(adapter).venueSize();
        uint256 size = Math.min(sizeNow, settled);
        if (value * BPS > size * limit.maxVenueShareBps) revert VenueShareExceeded(adapter, value, size);
        _checkpoint(adapter, sizeNow);
    }

    /// @dev In a window the lowest observation counts, so nobody raises it with assets borrowed for one transaction as long as
    /// anyone else observes; an observation never counts in its own block.
    function _checkpoint(address adapter, uint256 sizeNow) private {
        Venue storage memo = _venues[adapter];
        uint96 size = Math.min(sizeNow, type(uint96).max).toUint96();
        if (block.timestamp >= memo.startTime + CHECKPOINT_WINDOW) {
            memo.previousSize = memo.size;
            memo.size = size;
            memo.startBlock = block.number.toUint40();
            memo.startTime = block.timestamp.toUint40();
        } else if (size < memo.size) {
            memo.size = size;
        }
        emit Checkpointed(adapter, sizeNow, memo.size);
    }

    function _mayReduce(address caller) private view returns (bool) {
        return hasRole(GUARDIAN_ROLE, caller) || hasRole(EMERGENCY_ROLE, caller);
    }

    /// @dev Stable insertion sort by risk score, highest first; there are at most sixteen.
    function _riskiestFirst(address[] memory list) private view returns (address[] memory) {
        for (uint256 i = 1; i < list.length; ++i) {
            address adapter = list[i];
            uint256 score = _venues[adapter].riskScore;
            uint256 j = i;
            while (j > 0 && _venues[list[j - 1]].riskScore < score) {
                list[j] = list[j - 1];
                --j;
            }
            list[j] = adapter;
        }
        return list;
    }

    function _emitExecuted(bytes32 decisionHash, uint64 usedNonce, Allocation[] calldata targets, Report memory report)
        private
    {
        address[] memory adapters = new address[](targets.length);
        uint16[] memory bps = new uint16[](targets.length);
        for (uint256 i; i < targets.length; ++i) {
            adapters[i] = targets[i].adapter;
            bps[i] = targets[i].bps;
        }
        emit RebalanceExecuted(
            decisionHash,
            usedNonce,
            report.navBefore,
            report.navAfter,
            report.idleAfter,
            adapters,
            bps,
            report.valuesBefore,
            report.valuesAfter
        );
    }

    function _setLimits(Limits memory limits_) private {
        if (
            limits_.reserveBps < 500 || limits_.reserveBps > BPS || limits_.minPositionBps < 500
                || limits_.minPositionBps > limits_.maxPositionBps || limits_.maxPositionBps > 5000
                || limits_.minStepBps < 500 || limits_.minStepBps > BPS || limits_.maxVenueShareBps > 100
                || limits_.maxUtilisationBps > 9500 || limits_.cooldown < 1 hours || limits_.cooldown > 24 hours
        ) revert LimitOutOfBounds();
        _limits = limits_;
        emit LimitsSet(limits_);
    }

    function _setAttestor(address attestor_) private {
        attestor = attestor_;
        emit AttestorSet(attestor_);
    }

    function _setKillSwitch(IKillSwitch killSwitch_) private {
        killSwitch = killSwitch_;
        emit KillSwitchSet(address(killSwitch_));
    }
}
