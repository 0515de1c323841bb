// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StrategyHub} from "../../contracts/StrategyHub.sol";
import {IKillSwitch} from "../../contracts/interfaces/IKillSwitch.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../contracts/interfaces/IVault.sol";
import {Allocation, Change, ChangeLib, Report} from "../../contracts/types/Allocation.sol";
import {Position} from "../../contracts/types/Position.sol";
import {Proofs} from "../support/Proofs.sol";
import {Logic} from "./support/Logic.sol";
import {SymbolicSwitch, SymbolicVault, SymbolicVenue} from "./support/SymbolicBoundary.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The hub's acceptance predicate (SPEC C3, C4, C5, ERR-20): if `rebalance` returned, then every rule held, for every state of the
/// hub, every caller, every proof, every time, and every answer of vault, switch and venue.
/// @dev Of one target, in a rule book that takes any number: that two add up is fuzzed and compared with the keeper's own rules. The rules are written here once more from the specification. Their products are written factor by
/// factor in the order in which the compiler multiplies with an overflow check, last one first: the solver need then not know that products commute.
/// That lanes do not run into each other, whatever the ids and whatever is in the lanes, is the business of {LanesSymbolic}; here each position
/// has an id that is not its place in the list, and the buckets of positions that are not named are empty.
abstract contract RebalanceSymbolic is Test {
    using Logic for bool;

    uint256 private constant BPS = 10_000;
    uint256 private constant POLICY_SLOT = 1;
    uint256 private constant PRESENCE_SLOT = 3;
    uint256 private constant LANES_SLOT = 4;
    uint256 private constant TIME_SHIFT = 216;
    uint256 private constant LANE_BITS = 27;
    uint256 private constant TARGET_BITS = 13;
    /// @dev The targets' bits of all eight lanes: 13 of every 27. A literal, as everything that is computed costs the solver.
    uint256 private constant TARGETS = 0x3ffe0007ffc000fff8001fff0003ffe0007ffc000fff8001fff;
    uint256 private constant MAX_POSITION = 5000;
    uint256 private constant UINT128 = type(uint128).max;
    /// @dev The id of the first position; of the next one it is two less.
    uint256 private constant FIRST_ID = 3;

    /// @dev What the hub says before the call.
    struct Before {
        IStrategyHub.Limits limits;
        uint256 lanes;
        uint256 otherLanes;
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
        // Any history, policy, pace, targets, roles and approvals, and any buckets of the positions that are named; only the switch stays who it is.
        vm.setArbitraryStorage(address(hub));
        for (uint256 slot = 1; slot < 3; ++slot) {
            vm.store(address(hub), bytes32(slot), bytes32(vm.randomUint()));
        }
        uint256 lanes = (vm.randomUint() & TARGETS) | vm.randomUint(32) << TIME_SHIFT;
        for (uint256 i; i < count; ++i) {
            lanes |= vm.randomUint(14) << (LANE_BITS * _idOf(i) + TARGET_BITS);
        }
        vm.store(address(hub), bytes32(LANES_SLOT), bytes32(lanes));
        uint256 presence = vm.randomUint() << 160 | uint160(address(killSwitch));
        vm.store(address(hub), bytes32(PRESENCE_SLOT), bytes32(presence));
    }

    /// @dev No rebalance yet but for their number.
    function _pinHistory() internal {
        vm.store(address(hub), bytes32(POLICY_SLOT), bytes32(vm.randomUint() << 128));
    }

    /// @dev Nothing was added yet.
    function _pinBuckets() internal {
        _keep(TARGETS | type(uint256).max << TIME_SHIFT);
    }

    /// @dev Nothing was aimed at yet.
    function _pinTargets() internal {
        _keep(~TARGETS);
    }

    function _keep(uint256 mask) private {
        vm.store(address(hub), bytes32(LANES_SLOT), bytes32(uint256(vm.load(address(hub), bytes32(LANES_SLOT))) & mask));
    }

    /// @dev Any answers of switch and venues.
    function _scrambleVenues() internal {
        for (uint256 i; i < venues.length; ++i) {
            venues[i].set(vm.randomUint(), vm.randomUint(), vm.randomUint());
            killSwitch.setAddition(address(venues[i]), vm.randomBool(), vm.randomUint(128));
        }
    }

    /// @dev Venues that may be added to, as large, liquid and unused as they get.
    function _openVenues() internal {
        for (uint256 i; i < venues.length; ++i) {
            venues[i].set(type(uint128).max, 0, type(uint128).max);
            killSwitch.setAddition(address(venues[i]), true, type(uint128).max);
        }
    }

    function _check(Sent memory sent, uint16[] memory bps, Report memory report, bool operational) internal {
        killSwitch.setOperational(operational);
        vault.setReport(report);
        vm.warp(vm.randomUint(32));

        Allocation[] memory targets = _targets(bps);
        Before memory before = _before();
        bytes memory proof =
            abi.encode(sent.decisionHash, sent.nonce, sent.validUntil, abi.encodePacked(sent.r, sent.s, sent.v));
        vm.prank(sent.caller);
        (bool ok,) = address(hub).call(abi.encodeCall(StrategyHub.rebalance, (targets, proof)));
        if (!ok) return;

        bool rules = operational.and(hub.hasRole(hub.KEEPER_ROLE(), sent.caller));
        rules = rules.and(_isPaced(before)).and(_isProven(sent, targets, before))
            .and(_areTargetsInBounds(bps, report, before));
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

    // SPEC C3: position bounds, and the step against the last stored target, which is replaced. Of a position that holds nothing no target is
    // stored.
    function _areTargetsInBounds(uint16[] memory bps, Report memory report, Before memory before)
        private
        view
        returns (bool all)
    {
        all = true;
        for (uint256 i; i < bps.length; ++i) {
            uint256 shift = LANE_BITS * _idOf(i);
            bool sized = (bps[i] >= before.limits.minPositionBps).and(bps[i] <= before.limits.maxPositionBps);
            uint256 stored = (report.changes[i].valueBefore() == 0).select(0, (before.lanes >> shift) & 0x1fff);
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
        uint256 lanes = (before.lanes & TARGETS) | block.timestamp << TIME_SHIFT;
        for (uint256 i; i < targets.length; ++i) {
            (bool allowed, uint256 added, uint256 used) = _isAdditionAllowed(i, targets[i].bps, report, before);
            all = all.and(allowed);
            uint256 shift = LANE_BITS * _idOf(i);
            lanes = (lanes & ~(uint256(0x1fff) << shift)) | uint256(targets[i].bps) << shift;
            lanes |= used << (shift + TARGET_BITS);
            unchecked {
                turnover += added;
            }
        }
        // What is not added to has drained; no other target has changed, and nothing of the positions that share no word with these.
        all = all.and(uint256(vm.load(address(hub), bytes32(LANES_SLOT))) == lanes);
        all = all.and(uint256(vm.load(address(hub), bytes32(LANES_SLOT + 1))) == before.otherLanes);
        return all.and(_isApproved(sent, targets, turnover, report.navBefore, before.limits));
    }

    // Besides: what was added, in assets, and what is in the bucket then. The bucket does not overflow, and what was accepted, as a part of NAV
    // rounded up, is what it rose by and what had drained since: summed over any sequence of additions the accepted flow is at most one
    // bucket and what drains meanwhile (arithmetic/flow-bucket.smt2).
    function _isAdditionAllowed(uint256 i, uint256 bps, Report memory report, Before memory before)
        private
        view
        returns (bool allowed, uint256 added, uint256 used)
    {
        bool isAddition;
        Change change = report.changes[i];
        unchecked {
            uint256 goal = bps * report.navBefore / BPS;
            isAddition = goal > change.valueBefore();
            // What is divided is what the contract divides, to the letter: `added` is the same only where there is an addition.
            added = goal - change.valueBefore();
            used = _drained(i, before);
            used = isAddition.select(used + Logic.ceilDiv(added * BPS, report.navBefore), used);
            added = isAddition.select(added, 0);
        }
        allowed = (used <= before.limits.flowBps)
        .and(_isVenueFit(i, report.tags.isDirect(i), change.valueAfter(), before.limits));
        allowed = allowed.or(isAddition.not());
    }

    // SPEC C5: a bucket drains by its size in a day, rounded down.
    function _drained(uint256 i, Before memory before) private view returns (uint256) {
        unchecked {
            uint256 used = (before.lanes >> (LANE_BITS * _idOf(i) + TARGET_BITS)) & 0x3fff;
            uint256 gone = (block.timestamp - (before.lanes >> TIME_SHIFT)) * before.limits.flowBps / 1 days;
            return (used > gone).select(used - gone, 0);
        }
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
        // Set by governance within hard bounds ({LanesSymbolic}): what the 14 and 13 bits of a lane hold.
        vm.assume(before.limits.flowBps <= BPS && before.limits.maxPositionBps <= MAX_POSITION);
        before.lanes = uint256(vm.load(address(hub), bytes32(LANES_SLOT)));
        before.otherLanes = uint256(vm.load(address(hub), bytes32(LANES_SLOT + 1)));
        before.times = hub.recentRebalances();
        before.nonce = hub.nonce();
        // At four a day it takes longer than there has been time.
        vm.assume(before.nonce != type(uint40).max);
        before.attestor = hub.attestor();
    }

    function _targets(uint16[] memory bps) private view returns (Allocation[] memory targets) {
        targets = new Allocation[](bps.length);
        for (uint256 i; i < bps.length; ++i) {
            targets[i] = Allocation({adapter: address(venues[i]), bps: bps[i], minOut: 0, data: ""});
        }
    }

    /// @dev NAV before and after, idle after, and of each position its value before and after. The bits of `direct` are the positions held directly.
    function _report(uint128[] memory amounts, uint256 direct) internal returns (Report memory report) {
        (report.navBefore, report.navAfter, report.idleAfter) = (amounts[0], amounts[1], amounts[2]);
        report.changes = new Change[](venues.length);
        for (uint256 i; i < venues.length; ++i) {
            uint256 raw = uint160(address(venues[i])) | vm.randomUint(88) << 160;
            Position position = Position.wrap(raw | ((direct >> i) & 1) << 248 | _idOf(i) << 250);
            vault.setPosition(position);
            report.tags = report.tags.with(i, position);
            report.changes[i] = ChangeLib.create(amounts[3 + 2 * i], amounts[4 + 2 * i]);
        }
    }

    function _idOf(uint256 i) private pure returns (uint256) {
        return FIRST_ID - 2 * i;
    }
}

/// @dev Each check leaves one part of the rules wide open and pins the others, so that their cases add up and do not multiply.
contract RebalanceOneTargetSymbolic is RebalanceSymbolic {
    function setUp() public {
        _setUp(1);
    }

    // SPEC C4: any history and cooldown. The target is zero: nothing is added.
    function check_ReturnsOnlyIfPacedAndProven(Sent memory sent, uint128[5] memory amounts, bool operational) public {
        _scrambleVenues();
        _check(sent, _bps(0), _reportOf(amounts, 0), operational);
    }

    // SPEC C3, C5: any target, stored or new, of a venue behind an adapter, with its bucket empty.
    function check_ReturnsOnlyIfWithinLimits(Sent memory sent, uint16 bps, uint128[5] memory amounts) public {
        _pinHistory();
        _pinBuckets();
        _scrambleVenues();
        _check(sent, _bps(bps), _reportOf(amounts, 0), true);
    }

    // SPEC C3, C5: any target of a venue held directly that had none, with its bucket empty.
    function check_ReturnsOnlyIfWithinLimitsOfADirectVenue(Sent memory sent, uint16 bps, uint128[5] memory amounts)
        public
    {
        _pinHistory();
        _pinBuckets();
        _pinTargets();
        _scrambleVenues();
        _check(sent, _bps(bps), _reportOf(amounts, 1), true);
    }

    // SPEC C5: anything in the bucket, at any time, of a venue that had no target and that any addition fits.
    function check_ReturnsOnlyIfTheBucketHoldsIt(Sent memory sent, uint16 bps, uint128[5] memory amounts) public {
        _pinHistory();
        _pinTargets();
        _openVenues();
        _check(sent, _bps(bps), _reportOf(amounts, 0), true);
    }

    function _bps(uint16 bps) private pure returns (uint16[] memory targets) {
        targets = new uint16[](1);
        targets[0] = bps;
    }

    function _reportOf(uint128[5] memory amounts, uint256 direct) private returns (Report memory) {
        uint128[] memory list = new uint128[](5);
        for (uint256 i; i < 5; ++i) {
            list[i] = amounts[i];
        }
        return _report(list, direct);
    }
}
