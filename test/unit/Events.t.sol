// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../contracts/interfaces/IVault.sol";
import {Change} from "../../contracts/types/Allocation.sol";
import {BallastFixture} from "../support/BallastFixture.sol";
import {Fault} from "../support/ScriptedAdapter.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Vm} from "forge-std/Test.sol";

/// @notice Every state change is in an event: what a reader of the log alone arrives at is what the contracts hold (SPEC C13).
contract EventsTest is BallastFixture {
    /// @dev What the log says.
    uint256 private idle;
    uint256 private accrued;
    uint256 private depositCap;
    uint256 private maxLoss;
    uint256 private dailyLoss;
    uint256 private lossUsed;
    uint256 private maxGrowth;
    bool private paused;
    uint256 private supply;
    address[] private queue;
    mapping(address => uint256) private capOf;
    mapping(address => bool) private quarantined;
    mapping(address => uint256) private targetOf;
    mapping(address => uint256) private flowOf;
    mapping(address => uint256) private balanceOf;
    uint256 private nonce;
    mapping(uint256 => uint256) private suspendedBy;
    mapping(address => uint256) private quarantineOf;

    function setUp() public override {
        vm.recordLogs();
        super.setUp();
    }

    function testFuzz_StateIsRebuildableFromEvents(uint256 seed) public {
        _live(seed);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter == address(vault)) _readVault(logs[i]);
            if (logs[i].emitter == address(hub)) _readHub(logs[i]);
        }
        assertEq(idle, vault.idle(), "idle");
        (uint256 accruedNow,) = vault.accrual();
        assertEq(accrued, accruedNow, "accrued");
        assertEq(depositCap, vault.depositCap(), "deposit cap");
        assertEq(maxLoss, vault.maxLossBps(), "loss bound");
        (uint256 dailyBps, uint256 used) = vault.dailyLoss();
        assertEq(dailyLoss, dailyBps, "loss budget");
        // A day without a loss forgets it, which is no event.
        assertTrue(used == lossUsed || used == 0, "loss used");
        assertEq(maxGrowth, vault.maxGrowthBps(), "growth");
        assertEq(paused, vault.paused(), "paused");
        assertEq(supply, vault.totalSupply(), "supply");
        assertEq(balanceOf[alice], vault.balanceOf(alice), "shares");
        assertEq(queue, vault.adapters(), "queue");
        assertEq(nonce, hub.nonce(), "nonce");
        for (uint256 i; i < queue.length; ++i) {
            (, uint256 cap) = vault.adapterConfig(queue[i]);
            (,, bool isQuarantined) = vault.positionKind(queue[i]);
            assertEq(capOf[queue[i]], cap, "cap");
            assertEq(quarantined[queue[i]], isQuarantined, "quarantine");
            assertEq(targetOf[queue[i]], hub.targetBps(queue[i]), "target");
            assertEq(_drained(queue[i]), hub.positionState(queue[i]).flowUsedBps, "flow");
        }
    }

    /// A life with everything in it, in amounts that the seed chooses.
    function _live(uint256 seed) private {
        uint256 amount = bound(seed, 1_000_000e6, 5_000_000e6);
        deposit(alice, amount);
        deposit(bob, amount / 3);
        rebalance(two(low, 3000, mid, 4000));
        low.gain(amount / 1000);
        mid.setFees(0, 20);
        pass(1 days);
        vm.prank(keeper);
        hub.reduce(address(mid), amount / 10, 0, "");
        uint256 shares = vault.balanceOf(alice) / 20;
        vm.prank(alice);
        vault.redeemFrom(address(mid), shares, 0, alice, alice, "");
        uint256 most = vault.maxWithdraw(alice);
        vm.prank(alice);
        vault.withdraw(most / 2 + seed % 1000, alice, alice);
        vm.startPrank(guardian);
        vault.setAdapterCap(address(high), seed % CAP);
        vault.setMaxLoss(40);
        vault.setDailyLoss(80);
        vm.stopPrank();
        vm.startPrank(timelock);
        vault.setMaxGrowth(5000);
        vault.delist(address(high));
        vault.setExitQueue(_twoOf(address(mid), address(low)));
        vm.stopPrank();
        pass(1 days);
        rebalance(one(low, 1500));
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vault.accrue();
        uint256 part = vault.maxRedeem(bob) / 2;
        vm.prank(bob);
        vault.redeem(part, bob, bob);
        pass(2 days);
        low.setFaults(Fault.None, Fault.None, Fault.None);
        low.gain(amount / 500);
        if (seed % 2 == 0) vault.recover(address(low));
        vm.prank(guardian);
        hub.emergencyExit();
        if (seed % 3 == 0) {
            vm.prank(timelock);
            vault.unpauseDeposits();
            deposit(bob, amount / 7);
            pass(1 days);
            observe();
            if (seed % 2 == 0) rebalance(one(mid, 2000));
            pass(3 hours);
        }
    }

    function _readVault(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        address subject = log.topics.length > 1 ? address(uint160(uint256(log.topics[1]))) : address(0);
        if (topic == IVault.Accrued.selector) (accrued, idle) = abi.decode(log.data, (uint256, uint256));
        if (topic == IVault.Reduced.selector || topic == IVault.Harvested.selector) idle += _first(log);
        if (topic == IVault.AdapterExited.selector) idle += _first(log);
        if (topic == IVault.Recovered.selector) _readRecovery(log, subject);
        if (topic == IVault.LossBooked.selector) (, lossUsed) = abi.decode(log.data, (uint256, uint256));
        if (topic == IVault.DepositCapSet.selector) depositCap = _first(log);
        if (topic == IVault.MaxLossSet.selector) maxLoss = _first(log);
        if (topic == IVault.DailyLossSet.selector) dailyLoss = _first(log);
        if (topic == IVault.MaxGrowthSet.selector) maxGrowth = _first(log);
        if (topic == IVault.Quarantined.selector) {
            quarantined[subject] = true;
            quarantineOf[subject] = uint256(log.topics[2]);
        }
        if (topic == IVault.Suspended.selector) suspendedBy[uint256(log.topics[1])] = _first(log);
        if (topic == Pausable.Paused.selector) paused = true;
        if (topic == Pausable.Unpaused.selector) paused = false;
        if (topic == IVault.PositionListed.selector) {
            queue.push(subject);
            capOf[subject] = _first(log);
        }
        if (topic == IVault.AdapterCapSet.selector) capOf[subject] = _first(log);
        if (topic == IVault.ExitQueueSet.selector) queue = abi.decode(log.data, (address[]));
        if (topic == IVault.PositionDelisted.selector) {
            idle = _first(log);
            _unlist(subject);
        }
        if (topic == IERC20.Transfer.selector) {
            address to = address(uint160(uint256(log.topics[2])));
            if (subject == address(0)) supply += _first(log);
            else balanceOf[subject] -= _first(log);
            if (to == address(0)) supply -= _first(log);
            else balanceOf[to] += _first(log);
        }
    }

    function _readRecovery(Vm.Log memory log, address subject) private {
        (uint256 toVault, uint256 toClaims, bool released) = abi.decode(log.data, (uint256, uint256, bool));
        idle += toVault;
        // What had been in totalAssets comes back to it, but for the claims' part.
        uint256 number = quarantineOf[subject];
        uint256 shared = Math.min(toVault + toClaims, suspendedBy[number]);
        suspendedBy[number] -= shared;
        accrued += shared - toClaims;
        if (released) quarantined[subject] = false;
    }

    function _readHub(Vm.Log memory log) private {
        if (log.topics[0] == IStrategyHub.RebalanceExecuted.selector) {
            nonce = uint256(log.topics[2]) + 1;
            uint256 nav;
            uint256[] memory targets;
            Change[] memory changes;
            // What the vault holds idle after it is the hub's to say: one event tells of one move.
            (nav,, idle, targets, changes) = abi.decode(log.data, (uint256, uint256, uint256, uint256[], Change[]));
            for (uint256 i; i < queue.length; ++i) {
                flowOf[queue[i]] = 0;
            }
            for (uint256 i; i < targets.length; ++i) {
                (address adapter, uint256 bps) = (address(uint160(targets[i])), targets[i] >> 160);
                targetOf[adapter] = bps;
                uint256 goal = nav * bps / 10_000;
                uint256 before = changes[i].valueBefore();
                // The rebalances of this life are more than a day apart: nothing is left in the bucket.
                if (goal > before) flowOf[adapter] = Math.ceilDiv((goal - before) * 10_000, nav);
            }
        }
        if (log.topics[0] == IStrategyHub.RiskReduced.selector) {
            (, uint256 target) = abi.decode(log.data, (uint256, uint256));
            targetOf[address(uint160(uint256(log.topics[2])))] = target;
        }
        if (log.topics[0] == IStrategyHub.EmergencyExit.selector) {
            (bool ok,,,) = abi.decode(log.data, (bool, uint256, uint256, bytes));
            if (ok) targetOf[address(uint160(uint256(log.topics[2])))] = 0;
        }
    }

    function _first(Vm.Log memory log) private pure returns (uint256 word) {
        bytes memory data = log.data;
        assembly ("memory-safe") {
            word := mload(add(data, 0x20))
        }
    }

    /// What is left of a bucket by now, which is no event.
    function _drained(address adapter) private view returns (uint256) {
        uint256 gone = hub.limits().flowBps * (vm.getBlockTimestamp() - hub.recentRebalances()[0]) / 1 days;
        return flowOf[adapter] > gone ? flowOf[adapter] - gone : 0;
    }

    function _unlist(address adapter) private {
        uint256 i;
        while (queue[i] != adapter) ++i;
        for (; i + 1 < queue.length; ++i) {
            queue[i] = queue[i + 1];
        }
        queue.pop();
    }

    function _twoOf(address a, address b) private pure returns (address[] memory list_) {
        list_ = new address[](2);
        (list_[0], list_[1]) = (a, b);
    }
}
