// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StrategyHub} from "../../contracts/StrategyHub.sol";
import {IKillSwitch} from "../../contracts/interfaces/IKillSwitch.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../contracts/interfaces/IVault.sol";
import {Allocation, Report} from "../../contracts/types/Allocation.sol";
import {Proofs} from "../support/Proofs.sol";
import {Logic} from "./support/Logic.sol";
import {SymbolicSwitch, SymbolicVault, SymbolicVenue} from "./support/SymbolicBoundary.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The hub's acceptance predicate (SPEC C3, C4, C5, ERR-20): if `rebalance` returned, then every rule held, for every state of the
/// hub, every caller, every proof, every time, and every answer of vault, switch and venue.
/// @dev One contract per number of targets; the rules are written here once more from the specification. Their products are written factor by
/// factor in the order in which the compiler multiplies with an overflow check: the solver need then not know that products commute.
abstract contract RebalanceSymbolic is Test {
    using Logic for bool;

    uint256 private constant BPS = 10_000;
    uint256 private constant LOG_SLOT = 1;
    uint256 private constant PACE_SLOT = 3;
    uint256 private constant UINT128 = type(uint128).max;

    /// @dev What the hub, the switch and the venues say before the call.
    struct Before {
        IStrategyHub.Limits limits;
        IStrategyHub.Venue[] venues;
        uint256[4] times;
        uint64 nonce;
        address attestor;
    }

    /// @dev What the keeper sends besides the targets.
    struct Sent {
        address caller;
        bytes32 decisionHash;
        uint64 nonce;
        uint64 validUntil;
        bytes32 r;
        bytes32 s;
        uint8 v;
    }

    SymbolicVault internal vault;
    SymbolicSwitch internal killSwitch;
    SymbolicVenue[] internal venues;
    StrategyHub internal hub;

    function _setUp(uint256 count) internal {
        vault = new SymbolicVault();
        killSwitch = new SymbolicSwitch();
        for (uint256 i; i < count; ++i) {
            venues.push(new SymbolicVenue());
        }
        IStrategyHub.Limits memory limits =
            IStrategyHub.Limits(500, 500, 5000, 500, 100, 9500, 10_000, 10_000, 0, 6 hours);
        hub = new StrategyHub(
            IVault(address(vault)), IKillSwitch(address(killSwitch)), address(1), address(this), limits, 7 days
        );
        // Any history, policy, pace, targets, buckets, roles and approvals; only the switch stays who it is.
        vm.setArbitraryStorage(address(hub));
        for (uint256 slot = 1; slot < 3; ++slot) {
            vm.store(address(hub), bytes32(slot), bytes32(vm.randomUint()));
        }
        uint256 pace = vm.randomUint() << 160 | uint160(address(killSwitch));
        vm.store(address(hub), bytes32(PACE_SLOT), bytes32(pace));
    }

    /// @dev No rebalance yet but for their number.
    function _pinHistory() internal {
        vm.store(address(hub), bytes32(LOG_SLOT), bytes32(vm.randomUint() << 192));
    }

    function _check(Sent memory sent, uint16[] memory bps, Report memory report, bool operational) internal {
        killSwitch.setOperational(operational);
        vault.setReport(report);
        for (uint256 i; i < venues.length; ++i) {
            venues[i].set(vm.randomUint(), vm.randomUint(), vm.randomUint());
            killSwitch.setAddition(address(venues[i]), vm.randomBool(), vm.randomUint(128));
        }
        vm.warp(vm.randomUint(40));

        Allocation[] memory targets = _targets(bps);
        Before memory before = _before();
        bytes memory proof =
            abi.encode(sent.decisionHash, sent.nonce, sent.validUntil, abi.encodePacked(sent.r, sent.s, sent.v));
        vm.prank(sent.caller);
        (bool ok,) = address(hub).call(abi.encodeCall(StrategyHub.rebalance, (targets, proof)));
        if (!ok) return;

        bool rules = operational.and(hub.hasRole(hub.KEEPER_ROLE(), sent.caller));
        rules = rules.and(_isPaced(before)).and(_isProven(sent, targets, before)).and(_areTargetsInBounds(bps, before));
        rules = rules.and(vault.calls() == 1).and(vault.targetsHash() == keccak256(abi.encode(targets)));
        unchecked {
            rules = rules.and(report.idleAfter * BPS >= before.limits.reserveBps * report.navAfter);
        }
        assertTrue(rules.and(_areAdditionsAllowed(sent, targets, report, before)));
    }

    // SPEC C4: cooldown and the rule of four; the log moves on by one.
    function _isPaced(Before memory before) private view returns (bool) {
        uint256[4] memory times = hub.recentRebalances();
        unchecked {
            bool cooled = (before.times[0] == 0).or(block.timestamp >= before.times[0] + before.limits.cooldown);
            bool fewer = (before.times[3] == 0).or(block.timestamp >= before.times[3] + 24 hours);
            return cooled.and(fewer).and(times[0] == block.timestamp).and(times[3] == before.times[2]);
        }
    }

    // The attestor has signed exactly this, for this hub, vault and chain, and it is neither stale nor used.
    function _isProven(Sent memory sent, Allocation[] memory targets, Before memory before)
        private
        view
        returns (bool)
    {
        bytes32 digest = Proofs.digest(
            Proofs.Statement({
                decisionHash: sent.decisionHash,
                targets: targets,
                vault: address(vault),
                nonce: sent.nonce,
                validUntil: sent.validUntil,
                chainId: block.chainid,
                hub: address(hub)
            })
        );
        address signer = ecrecover(digest, sent.v, sent.r, sent.s);
        bool signed = (signer != address(0)).and(signer == before.attestor);
        bool unused = (sent.decisionHash != 0).and(sent.nonce == before.nonce);
        unchecked {
            bool fresh = (sent.validUntil >= block.timestamp).and(sent.validUntil <= block.timestamp + 1 hours);
            return signed.and(unused).and(fresh).and(hub.nonce() == before.nonce + 1);
        }
    }

    // SPEC C3: position bounds, and the step against the last stored target, which is replaced.
    function _areTargetsInBounds(uint16[] memory bps, Before memory before) private view returns (bool all) {
        all = true;
        for (uint256 i; i < bps.length; ++i) {
            bool sized = (bps[i] >= before.limits.minPositionBps).and(bps[i] <= before.limits.maxPositionBps);
            uint256 stored = before.venues[i].targetBps;
            unchecked {
                bool up = bps[i] >= stored + before.limits.minStepBps;
                bool down = stored >= uint256(bps[i]) + before.limits.minStepBps;
                all = all.and(sized.or(bps[i] == 0)).and(up.or(down));
            }
            all = all.and(hub.targetBps(address(venues[i])) == bps[i]);
        }
    }

    // SPEC C3, C5: what holds of every venue that was added to, and of all additions together.
    function _areAdditionsAllowed(
        Sent memory sent,
        Allocation[] memory targets,
        Report memory report,
        Before memory before
    ) private view returns (bool all) {
        all = true;
        uint256 turnover;
        for (uint256 i; i < targets.length; ++i) {
            (bool allowed, uint256 added) = _isAdditionAllowed(i, targets[i].bps, report, before);
            all = all.and(allowed);
            unchecked {
                turnover += added;
            }
        }
        return all.and(_isApproved(sent, targets, turnover, report.navBefore, before.limits));
    }

    function _isAdditionAllowed(uint256 i, uint256 bps, Report memory report, Before memory before)
        private
        view
        returns (bool allowed, uint256 added)
    {
        bool isAddition;
        uint256 bucket;
        unchecked {
            uint256 goal = bps * report.navBefore / BPS;
            isAddition = goal > report.valuesBefore[i];
            added = isAddition.select(goal - report.valuesBefore[i], 0);
            bucket = before.limits.flowBps * report.navBefore / BPS;
        }
        allowed = _isFlowBounded(i, added, bucket, before.venues[i]);
        allowed = allowed.and(_isVenueFit(i, (report.direct >> i) & 1 == 1, report.valuesAfter[i], before.limits));
        allowed = allowed.or(isAddition.not());
    }

    function _isApproved(
        Sent memory sent,
        Allocation[] memory targets,
        uint256 turnover,
        uint256 nav,
        IStrategyHub.Limits memory limits
    ) private view returns (bool) {
        bytes32 digest = keccak256(abi.encode(sent.decisionHash, keccak256(abi.encode(targets)), sent.nonce));
        uint256 approvedAt = hub.approvedAt(digest);
        unchecked {
            bool isSmall =
                (turnover <= limits.approvalBps * nav / BPS).or(turnover <= uint256(limits.approvalFloor) * 1e6);
            return isSmall.or((approvedAt != 0).and(block.timestamp <= approvedAt + 24 hours));
        }
    }

    // The bucket does not overflow, and what was accepted is what it rose by and what had drained since: summed over any sequence of
    // additions the accepted flow is at most one bucket and what drains meanwhile (arithmetic/flow-bucket.smt2).
    function _isFlowBounded(uint256 i, uint256 added, uint256 bucket, IStrategyHub.Venue memory was)
        private
        view
        returns (bool)
    {
        IStrategyHub.Venue memory memo = hub.venue(address(venues[i]));
        unchecked {
            uint256 drained = (block.timestamp - was.flowAt) * bucket / 1 days;
            uint256 kept = (was.flowUsed > drained).select(was.flowUsed - drained, 0);
            return (memo.flowUsed <= bucket).and(memo.flowUsed == kept + added).and(memo.flowAt == block.timestamp)
                .and(memo.riskScore == was.riskScore);
        }
    }

    function _isVenueFit(uint256 i, bool direct, uint256 value, IStrategyHub.Limits memory limits)
        private
        view
        returns (bool)
    {
        (bool allowed, uint256 settled) = killSwitch.additionStatus(address(venues[i]));
        uint256 liquidity = venues[i].exitLiquidity();
        // An amount above uint128 is no honest answer and counts as none, but for the one that says "no limit".
        bool honest = (liquidity <= UINT128).or(direct.and(liquidity == type(uint256).max));
        bool liquid = honest.select(liquidity, 0) >= value;
        uint256 size = venues[i].venueSize();
        size = (size <= UINT128).select(size, 0);
        unchecked {
            // Of a venue held directly, liquidity is all that its utilisation can say.
            bool unused = direct.or(venues[i].utilisation() <= uint256(limits.maxUtilisationBps) * 1e14);
            bool small = value * BPS <= limits.maxVenueShareBps * (size < settled).select(size, settled);
            return allowed.and(settled != 0).and(liquid).and(unused).and(small);
        }
    }

    function _before() private view returns (Before memory before) {
        before.limits = hub.limits();
        before.times = hub.recentRebalances();
        before.nonce = hub.nonce();
        before.attestor = hub.attestor();
        before.venues = new IStrategyHub.Venue[](venues.length);
        for (uint256 i; i < venues.length; ++i) {
            before.venues[i] = hub.venue(address(venues[i]));
        }
    }

    function _targets(uint16[] memory bps) private view returns (Allocation[] memory targets) {
        targets = new Allocation[](bps.length);
        for (uint256 i; i < bps.length; ++i) {
            targets[i] = Allocation({adapter: address(venues[i]), bps: bps[i], minOut: 0, data: ""});
        }
    }
}

/// @dev Each check leaves one part of the rules wide open and pins the others, so that their cases add up and do not multiply.
contract RebalanceOneTargetSymbolic is RebalanceSymbolic {
    function setUp() public {
        _setUp(1);
    }

    // SPEC C4: any history and cooldown. The target is zero: nothing is added.
    function check_ReturnsOnlyIfPacedAndProven(Sent memory sent, uint128[5] memory amounts, bool operational) public {
        _check(sent, _bps(0), _report(amounts, 0), operational);
    }

    // SPEC C3, C5: any target of a venue behind an adapter.
    function check_ReturnsOnlyIfWithinLimits(Sent memory sent, uint16 bps, uint128[5] memory amounts) public {
        _pinHistory();
        _check(sent, _bps(bps), _report(amounts, 0), true);
    }

    // SPEC C3, C5: any target of a venue held directly.
    function check_ReturnsOnlyIfWithinLimitsOfADirectVenue(Sent memory sent, uint16 bps, uint128[5] memory amounts)
        public
    {
        _pinHistory();
        _check(sent, _bps(bps), _report(amounts, 1), true);
    }

    function _bps(uint16 bps) private pure returns (uint16[] memory targets) {
        targets = new uint16[](1);
        targets[0] = bps;
    }

    function _report(uint128[5] memory amounts, uint256 direct) private pure returns (Report memory report) {
        (report.navBefore, report.navAfter, report.idleAfter) = (amounts[0], amounts[1], amounts[2]);
        (report.valuesBefore, report.valuesAfter) = (new uint256[](1), new uint256[](1));
        (report.valuesBefore[0], report.valuesAfter[0]) = (amounts[3], amounts[4]);
        report.direct = direct;
    }
}

contract RebalanceTwoTargetsSymbolic is RebalanceSymbolic {
    function setUp() public {
        _setUp(2);
    }

    // SPEC C3, C5: two venues that had no target, the first behind an adapter, the second held directly.
    function check_ReturnsOnlyIfWithinLimits(Sent memory sent, uint16[2] memory bps, uint128[7] memory amounts) public {
        _pinHistory();
        uint16[] memory targets = new uint16[](2);
        (targets[0], targets[1]) = (bps[0], bps[1]);
        for (uint256 i; i < 2; ++i) {
            vm.assume(bps[i] != 0);
            vm.assume(hub.targetBps(address(venues[i])) == 0);
        }
        Report memory report;
        (report.navBefore, report.navAfter, report.idleAfter) = (amounts[0], amounts[1], amounts[2]);
        (report.valuesBefore, report.valuesAfter) = (new uint256[](2), new uint256[](2));
        (report.valuesBefore[0], report.valuesAfter[0]) = (amounts[3], amounts[4]);
        (report.valuesBefore[1], report.valuesAfter[1]) = (amounts[5], amounts[6]);
        report.direct = 2;
        _check(sent, targets, report, true);
    }
}
