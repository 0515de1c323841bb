// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Allocation} from "../types/Allocation.sol";

/// @title IStrategyHub
/// @notice The policy between an untrusted keeper and the vault.
interface IStrategyHub {
    /// @notice Policy parameters; every one has a bound that governance cannot cross.
    /// @param reserveBps Least idle share of NAV after a rebalance (≥ 500).
    /// @param minPositionBps Least non-zero target (≥ 500).
    /// @param maxPositionBps Largest target (≤ 5 000).
    /// @param minStepBps Least change of a target against the last stored one (≥ 500).
    /// @param maxVenueShareBps Largest part of a venue that the vault may own (≤ 100).
    /// @param maxUtilisationBps Nothing is added to a venue whose utilisation, our addition included, is above this (≤ 9 500).
    /// @param cooldown Seconds between rebalances (1–24 h).
    struct Limits {
        uint16 reserveBps;
        uint16 minPositionBps;
        uint16 maxPositionBps;
        uint16 minStepBps;
        uint16 maxVenueShareBps;
        uint16 maxUtilisationBps;
        uint32 cooldown;
    }

    /// @notice What the hub remembers of a venue.
    /// @param targetBps The last stored target.
    /// @param riskScore 0–100, high is risky: the order of the emergency exit.
    /// @param size The lowest size of the venue observed in the current six-hour window, in assets.
    /// @param previousSize The same of the window before.
    /// @param startBlock Block of the first observation in the current window.
    /// @param startTime Unix time of it.
    struct Venue {
        uint16 targetBps;
        uint8 riskScore;
        uint40 startBlock;
        uint40 startTime;
        uint96 size;
        uint96 previousSize;
    }

    /// @notice How one adapter fared in an emergency exit.
    struct ExitResult {
        address adapter;
        bool ok;
        uint256 received;
        uint256 remaining;
    }

    event RebalanceExecuted(
        bytes32 indexed decisionHash,
        uint64 indexed nonce,
        uint256 navBefore,
        uint256 navAfter,
        uint256 idleAfter,
        address[] adapters,
        uint16[] targetBps,
        uint256[] valuesBefore,
        uint256[] valuesAfter
    );
    event RiskReduced(address indexed caller, address indexed adapter, uint256 received, uint256 targetBps);
    event EmergencyExit(
        address indexed caller, address indexed adapter, bool ok, uint256 received, uint256 remaining, bytes reason
    );
    event Checkpointed(address indexed adapter, uint256 size, uint256 settled);
    event LimitsSet(Limits limits);
    event AttestorSet(address indexed attestor);
    event KillSwitchSet(address indexed killSwitch);
    event RiskScoreSet(address indexed adapter, uint256 score);

    error NotOperational(string reason);
    error VenueNotOperational(address adapter);
    error CooldownActive(uint256 nextAllowed);
    error NoTargets();
    error TargetOutOfBounds(address adapter, uint256 bps);
    error StepTooSmall(address adapter, uint256 bps, uint256 storedBps);
    error ReserveTooLow(uint256 idle, uint256 nav, uint256 reserveBps);
    error VenueShareExceeded(address adapter, uint256 value, uint256 venueSize);
    error CheckpointMissing(address adapter);
    error VenueClosed(address adapter);
    error UtilisationTooHigh(address adapter, uint256 utilisation);
    error PositionNotLiquid(address adapter, uint256 value, uint256 liquidity);
    error ProofExpired(uint256 validUntil);
    error ProofTooLong(uint256 validUntil);
    error WrongNonce(uint256 given, uint256 expected);
    error WrongAttestor(address recovered);
    error ZeroDecisionHash();
    error NotAuthorised(address caller);
    error LimitOutOfBounds();
    error ScoreOutOfBounds(uint256 score);
    error NotListed(address adapter);

    /// @notice Moves the listed venues to their targets. Only the keeper, with an attested proof.
    /// @param targets Sorted by adapter; venues that are not listed keep what they have.
    /// @param proof abi.encode(bytes32 decisionHash, uint64 nonce, uint64 validUntil, bytes attestorSignature).
    function rebalance(Allocation[] calldata targets, bytes calldata proof) external;

    /// @notice Takes assets out of one venue into idle, at any time. The keeper, a guardian or the emergency Safe.
    /// @param assets Amount, or type(uint256).max for all that can be had.
    function reduce(address adapter, uint256 assets, uint256 minOut, bytes calldata data)
        external
        returns (uint256 received);

    /// @notice Takes everything that can be had out of every venue, riskiest first, into idle; a venue that fails is reported and can
    /// be tried again. Guardians and the emergency Safe at any time; anyone while the switch is in Exit mode.
    function emergencyExit() external returns (ExitResult[] memory results);

    /// @notice Records the venue's size for the venue-share limit. Anyone.
    function checkpoint(address adapter) external;

    /// @notice The size of the venue that the venue-share limit would use in this block, zero if there is no earlier observation.
    function settledSize(address adapter) external view returns (uint256);

    function limits() external view returns (Limits memory);
    function venue(address adapter) external view returns (Venue memory);
    function attestor() external view returns (address);

    /// @notice The nonce that the next proof must carry.
    function nonce() external view returns (uint64);

    /// @notice Times of the last four rebalances, newest first, zero where there was none.
    function recentRebalances() external view returns (uint256[4] memory);

    /// @notice The earliest time at which the next rebalance is allowed.
    function nextRebalanceAt() external view returns (uint256);

    /// @notice The EIP-712 digest that the attestor signs.
    function proofDigest(bytes32 decisionHash, bytes32 targetsHash, uint64 nonce_, uint64 validUntil)
        external
        view
        returns (bytes32);
}
