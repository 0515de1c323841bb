// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Allocation, Change} from "../types/Allocation.sol";

/// @title IStrategyHub
/// @notice The policy between an untrusted keeper and the vault. `adapter` names a position: its adapter, or the ERC-4626 venue that the vault
/// holds directly.
interface IStrategyHub {
    /// @notice Policy parameters; every one has a bound that governance cannot cross.
    /// @param reserveBps Least idle share of NAV after a rebalance (≥ 500).
    /// @param minPositionBps Least non-zero target (≥ 500).
    /// @param maxPositionBps Largest target (≤ 5 000).
    /// @param minStepBps Least change of a target against the last stored one (≥ 500).
    /// @param maxVenueShareBps Largest part of a venue that the vault may own (≤ 100).
    /// @param maxUtilisationBps Nothing is added to a venue whose utilisation, our addition included, is above this (≤ 9 500).
    /// @param flowBps Size of each venue's bucket as a part of NAV (≤ 10 000): an addition must fit into it, and it drains by its size in a day, so
    /// that no day adds more than twice and no two days more than three times of it.
    /// @param approvalBps Additions above this part of NAV need the Safe's approval (≤ 10 000) …
    /// @param approvalFloor … unless they are not above this many whole units of the asset.
    /// @param cooldown Seconds between rebalances (1–24 h).
    struct Limits {
        uint16 reserveBps;
        uint16 minPositionBps;
        uint16 maxPositionBps;
        uint16 minStepBps;
        uint16 maxVenueShareBps;
        uint16 maxUtilisationBps;
        uint16 flowBps;
        uint16 approvalBps;
        uint32 approvalFloor;
        uint32 cooldown;
    }

    /// @notice What a rebalance would be judged by, of one position now.
    /// @param readable Whether value and size could be read; the rest is zero where not.
    /// @param direct Whether it is an ERC-4626 venue that the vault holds itself.
    /// @param canAdd Whether the kill switch allows additions to it.
    /// @param value Of the position, in assets.
    /// @param liquidity What could leave now within the venue's slippage bound, in assets.
    /// @param utilisation 18-decimal fixed point.
    /// @param size What all depositors hold in the venue, in assets.
    /// @param settledSize The settled observation of it, ours excluded, in assets; zero when there is none.
    /// @param cap Absolute cap, in assets.
    /// @param targetBps The last stored target.
    /// @param riskScore 0–100.
    /// @param flowUsedBps What is in its bucket now, in basis points of NAV.
    struct PositionState {
        bool readable;
        bool direct;
        bool canAdd;
        uint256 value;
        uint256 liquidity;
        uint256 utilisation;
        uint256 size;
        uint256 settledSize;
        uint256 cap;
        uint256 targetBps;
        uint256 riskScore;
        uint256 flowUsedBps;
    }

    /// @notice How one adapter fared in an emergency exit.
    /// @param ok Whether it is out of it: nothing, or what rounding leaves, remains.
    /// @param received What came, in assets.
    /// @param remaining What its value is afterwards, in assets; the largest number where it cannot be read.
    struct ExitResult {
        address adapter;
        bool ok;
        uint256 received;
        uint256 remaining;
    }

    /// @param targets Each position's address, and from bit 160 on its new target in basis points.
    /// @param changes The value of each of them, in assets: before in the lower 128 bits, after in the upper.
    event RebalanceExecuted(
        bytes32 indexed decisionHash,
        uint64 indexed nonce,
        uint256 navBefore,
        uint256 navAfter,
        uint256 idleAfter,
        uint256[] targets,
        Change[] changes
    );
    event RiskReduced(address indexed caller, address indexed adapter, uint256 received, uint256 targetBps);
    event EmergencyExit(
        address indexed caller, address indexed adapter, bool ok, uint256 received, uint256 remaining, bytes reason
    );
    event Heartbeat(address indexed keeper);
    event Approved(bytes32 indexed digest, uint256 time);
    event ApprovalRevoked(bytes32 indexed digest);
    event LimitsSet(Limits limits);
    event AttestorSet(address indexed attestor);
    event KillSwitchSet(address indexed killSwitch);
    event RiskScoreSet(address indexed adapter, uint256 score);
    event GracePeriodSet(uint256 grace);

    error NotOperational(string reason);
    error VenueNotOperational(address adapter);
    error CooldownActive(uint256 nextAllowed);
    error NoTargets();
    error TargetOutOfBounds(address adapter, uint256 bps);
    error StepTooSmall(address adapter, uint256 bps, uint256 storedBps);
    error ReserveTooLow(uint256 idle, uint256 nav, uint256 reserveBps);
    error VenueShareExceeded(address adapter, uint256 value, uint256 venueSize);
    error CheckpointMissing(address adapter);
    error UtilisationTooHigh(address adapter, uint256 utilisation);
    error PositionNotLiquid(address adapter, uint256 value, uint256 liquidity);
    error FlowExceeded(address adapter, uint256 usedBps, uint256 flowBps);
    error ApprovalRequired(bytes32 digest, uint256 turnover, uint256 threshold);
    error ProofExpired(uint256 validUntil);
    error ProofTooLong(uint256 validUntil);
    error WrongNonce(uint256 given, uint256 expected);
    error WrongAttestor(address recovered);
    error ZeroDecisionHash();
    error NotAuthorised(address caller);
    error LimitOutOfBounds();
    error GraceOutOfBounds(uint256 grace);
    error ScoreOutOfBounds(uint256 score);

    /// @notice Moves the named positions to their targets. Only the keeper, with an attested proof.
    /// @param targets Sorted by adapter; positions that are not named keep what they have.
    /// @param proof abi.encode(bytes32 decisionHash, uint64 nonce, uint64 validUntil, bytes attestorSignature).
    function rebalance(Allocation[] calldata targets, bytes calldata proof) external;

    /// @notice Takes what is worth `assets` out of one position into idle, at any time. The keeper, whose loss counts towards the day's budget, a
    /// guardian or the emergency Safe.
    /// @param assets Amount, or type(uint256).max for all that can be had.
    function reduce(address adapter, uint256 assets, uint256 minOut, bytes calldata data)
        external
        returns (uint256 received);

    /// @notice Turns a position's rewards into idle assets. The keeper.
    function harvest(address adapter, bytes calldata data) external returns (uint256 received);

    /// @notice Says that the keeper is there, and observes the size of every venue on the way. The keeper.
    function heartbeat() external;

    /// @notice Takes everything that can be had out of every venue, riskiest first, into idle; a venue that fails is reported and can be tried
    /// again. Guardians and the emergency Safe at any time; anyone while the switch is in Exit mode or the keeper has been silent for longer than
    /// the grace period.
    function emergencyExit() external returns (ExitResult[] memory results);

    /// @notice As {emergencyExit}, of the positions named, in the order named: for a transaction that must be small.
    function exitVenues(address[] calldata adapters) external returns (ExitResult[] memory results);

    /// @notice Approves a rebalance whose additions are above the threshold, for APPROVAL_VALIDITY. The governance Safe.
    function approve(bytes32 digest) external;

    /// @notice Withdraws an approval. The governance Safe, a guardian or the emergency Safe.
    function revokeApproval(bytes32 digest) external;

    /// @notice Takes the keeper's role away. A guardian or the emergency Safe.
    function revokeKeeper(address keeper) external;

    function limits() external view returns (Limits memory);

    /// @notice The last stored target of a position, in basis points.
    function targetBps(address adapter) external view returns (uint256);

    /// @notice 0–100, high is risky: the order of the emergency exit.
    function riskScore(address adapter) external view returns (uint256);

    function attestor() external view returns (address);

    /// @notice What a rebalance would be judged by, of one position now. Never reverts because of the venue.
    function positionState(address adapter) external view returns (PositionState memory);

    /// @notice The nonce that the next proof must carry.
    function nonce() external view returns (uint64);

    /// @notice Times of the last four rebalances, newest first, zero where there was none.
    function recentRebalances() external view returns (uint256[4] memory);

    /// @notice The earliest time at which the next rebalance is allowed.
    function nextRebalanceAt() external view returns (uint256);

    /// @notice Unix time of the keeper's last sign of life, and for how long, in seconds, it may be silent.
    function lastSeen() external view returns (uint256 time, uint256 grace);

    /// @notice Unix time of an approval, zero when there is none.
    function approvedAt(bytes32 digest) external view returns (uint256);

    /// @notice The digest that the Safe approves: keccak256(abi.encode(decisionHash, targetsHash, nonce)).
    function approvalDigest(bytes32 decisionHash, bytes32 targetsHash, uint64 nonce_) external pure returns (bytes32);

    /// @notice The EIP-712 digest that the attestor signs.
    function proofDigest(bytes32 decisionHash, bytes32 targetsHash, uint64 nonce_, uint64 validUntil)
        external
        view
        returns (bytes32);
}
