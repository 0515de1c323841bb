// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Allocation} from "../../../contracts/types/Allocation.sol";
import {World} from "./World.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title KeeperActs
/// @notice A keeper who has the attestor on his side and tries everything: the contracts alone stand between him and the money.
abstract contract KeeperActs is World {
    struct Loss {
        uint256 time;
        uint256 amount;
        uint256 budget;
    }

    uint256[] public rebalances;
    Loss[] private _losses;
    /// @dev The buckets as the specification has them, kept beside the hub's own; 1e18 = all of NAV.
    uint256[4] private _bucketUsed;
    uint256[4] private _bucketAt;

    function rebalanceAt(uint256 seed, bool approved) external act("try to rebalance", Kind.Move) {
        _rebalance(_targets(seed), approved);
    }

    /// @notice As {rebalanceAt}, with a venue blown up by assets that are there for this transaction only.
    function rebalanceInFlashLoan(uint256 seed, uint256 which) external act("flash loan", Kind.Move) {
        which %= 2;
        if (venues[which].unreadable()) return;
        uint256 loan = 100 * SEED;
        usdc.mint(attacker, loan);
        vm.startPrank(attacker);
        usdc.approve(address(venues[which]), loan);
        uint256 shares = venues[which].deposit(loan, attacker);
        vm.stopPrank();
        uint256 held = venues[which].balanceOf(holderOf(which));
        uint256 state = vm.snapshotState();
        bool moved = _rebalance(_targets(seed), true);
        // A loan that cannot be paid back never was.
        if (venues[which].maxRedeem(attacker) < shares) {
            vm.revertToState(state);
            moved = false;
        }
        vm.prank(attacker);
        venues[which].redeem(shares, attacker, attacker);
        if (moved && venues[which].balanceOf(holderOf(which)) > held) {
            (uint256 value,) = bookOf(which);
            _expect(value * BPS <= sizeOf(which) * 100 + BPS, Promise.FlashLoanRaisesNoLimit);
        }
    }

    function keeperReduces(uint256 which, uint256 amount) external act("keeper reduces", Kind.Move) {
        which %= 4;
        (uint256 value,) = bookOf(which);
        (uint256 navBefore,) = vault.nav();
        vm.prank(keeper);
        try hub.reduce(venueAt(which), bound(amount, 0, value), 0, "") {
            _bookLoss(navBefore, 1);
            ++done["keeper reduced"];
        } catch {}
    }

    function keeperBeats() external act("heartbeat", Kind.Move) {
        vm.prank(keeper);
        hub.heartbeat();
    }

    /// @notice Calls that would take money out, raise a limit or open what is closed, by the keeper and by a stranger.
    function tryEverything(uint256 seed, uint256 amount, bool asKeeper) external act("try everything", Kind.Move) {
        address caller = asKeeper ? keeper : attacker;
        (address target, bytes memory call) = _forbidden(seed, amount, caller);
        uint256 held = usdc.balanceOf(keeper) + usdc.balanceOf(attacker);
        (uint256 navBefore,) = vault.nav();
        vm.prank(caller);
        (bool ok,) = target.call(call);
        (uint256 navAfter,) = vault.nav();
        _expect(!ok, Promise.KeeperCannotTakeOut);
        _expect(
            usdc.balanceOf(keeper) + usdc.balanceOf(attacker) == held && navAfter == navBefore,
            Promise.KeeperCannotTakeOut
        );
    }

    function rebalanceCount() external view returns (uint256) {
        return rebalances.length;
    }

    // ------------------------------------------------------------------------------------------------------- internal

    function _rebalance(Allocation[] memory targets, bool approved) private returns (bool moved) {
        if (targets.length == 0) return false;
        bytes memory proof = prove(targets);
        if (approved) _approve(targets);
        (uint256 navBefore,) = vault.nav();
        uint256 supply = vault.totalSupply();
        uint256[4] memory before = _books();
        bool stopped = isStopped();
        vm.prank(keeper);
        try hub.rebalance(targets, proof) {
            moved = true;
        } catch {
            return false;
        }
        ++done["rebalanced"];
        rebalances.push(vm.getBlockTimestamp());
        _expect(vault.totalSupply() == supply, Promise.SupplyMovesOnlyWithFlows);
        _bookLoss(navBefore, targets.length);
        _holdTargets(targets, navBefore, before, stopped);
        _holdTimes();
        vm.prank(keeper);
        try hub.rebalance(targets, proof) {
            _expect(false, Promise.ProofIsSingleUse);
        } catch {}
    }

    function _holdTargets(Allocation[] memory targets, uint256 nav, uint256[4] memory before, bool stopped) private {
        (uint256 navAfter,) = vault.nav();
        _expect(vault.idle() * BPS >= navAfter * 500, Promise.KeeperLeavesNoBreach);
        uint256 added;
        for (uint256 i; i < targets.length; ++i) {
            uint256 which = _indexOf(targets[i].adapter);
            uint256 goal = nav * targets[i].bps / BPS;
            if (goal <= before[which]) continue;
            _expect(!stopped, Promise.NoRiskWhileStopped);
            added += goal - before[which];
            _fillBucket(which, goal - before[which], nav);
            (uint256 value,) = bookOf(which);
            (, uint256 cap) = vault.adapterConfig(targets[i].adapter);
            uint256 size = Math.min(sizeOf(which), killSwitch.settledSize(targets[i].adapter));
            _expect(
                value <= cap && value * BPS <= size * 100 && targets[i].bps <= 5000 && targets[i].bps >= 500,
                Promise.KeeperLeavesNoBreach
            );
        }
        bytes32 digest = _digest(targets, hub.nonce() - 1);
        _expect(
            added <= Math.max(50_000e6, nav * 1250 / BPS) || hub.approvedAt(digest) != 0, Promise.KeeperLeavesNoBreach
        );
    }

    /// @dev The specification's own bucket, as a part of NAV: it holds half of it and drains by that much in a day.
    function _fillBucket(uint256 which, uint256 added, uint256 nav) private {
        uint256 bucket = WAD / 2;
        uint256 drained = bucket * (vm.getBlockTimestamp() - _bucketAt[which]) / 1 days;
        uint256 left = _bucketUsed[which] > drained ? _bucketUsed[which] - drained : 0;
        _bucketUsed[which] = left + added * WAD / nav;
        _bucketAt[which] = vm.getBlockTimestamp();
        _expect(_bucketUsed[which] <= bucket, Promise.FlowWithinBucket);
    }

    function _holdTimes() private {
        uint256 count = rebalances.length;
        uint256 last = rebalances[count - 1];
        if (count > 1) _expect(last >= rebalances[count - 2] + COOLDOWN, Promise.Cooldown);
        if (count > 4) _expect(last >= rebalances[count - 5] + 24 hours, Promise.Cooldown);
    }

    /// @dev The floor of one move, and the sum of what counts within any day.
    function _bookLoss(uint256 navBefore, uint256 legs) private {
        (uint256 navAfter,) = vault.nav();
        uint256 loss = navBefore > navAfter ? navBefore - navAfter : 0;
        if (loss <= 2 * legs) return;
        _expect(loss * BPS <= navBefore * MAX_LOSS_BPS, Promise.MoveKeepsNavFloor);
        _losses.push(Loss(vm.getBlockTimestamp(), loss, navBefore * DAILY_LOSS_BPS / BPS));
        uint256 sum;
        for (uint256 i = _losses.length; i > 0; --i) {
            if (_losses[i - 1].time + 1 days <= vm.getBlockTimestamp()) break;
            sum += _losses[i - 1].amount;
        }
        _expect(sum <= navBefore * DAILY_LOSS_BPS / BPS, Promise.DailyLossBudget);
        ++done["lost"];
    }

    function _approve(Allocation[] memory targets) private {
        bytes32 digest = _digest(targets, hub.nonce());
        vm.prank(safe);
        hub.approve(digest);
    }

    function _digest(Allocation[] memory targets, uint64 nonce) private view returns (bytes32) {
        return hub.approvalDigest(
            keccak256(abi.encode(targets, vm.getBlockTimestamp())), keccak256(abi.encode(targets)), nonce
        );
    }

    /// @dev One to three venues in the order of their addresses, at targets that may or may not pass.
    function _targets(uint256 seed) private view returns (Allocation[] memory targets) {
        address[4] memory order = [venueAt(0), venueAt(1), venueAt(2), venueAt(3)];
        for (uint256 i = 1; i < 4; ++i) {
            for (uint256 j = i; j > 0 && order[j] < order[j - 1]; --j) {
                (order[j], order[j - 1]) = (order[j - 1], order[j]);
            }
        }
        uint256 chosen = seed % 15 + 1;
        uint256 count;
        for (uint256 i; i < 4; ++i) {
            if (chosen & (2 ** i) != 0) ++count;
        }
        targets = new Allocation[](count);
        count = 0;
        for (uint256 i; i < 4; ++i) {
            if (chosen & (2 ** i) == 0) continue;
            uint256 bps = uint256(keccak256(abi.encode(seed, i))) % 11;
            targets[count++] = Allocation({adapter: order[i], bps: uint16(bps * 500), minOut: 0, data: ""});
        }
    }

    function _books() private view returns (uint256[4] memory books) {
        for (uint256 i; i < 4; ++i) {
            (books[i],) = bookOf(i);
        }
    }

    function _indexOf(address venue) private view returns (uint256 i) {
        while (venueAt(i) != venue) ++i;
    }

    function _forbidden(uint256 seed, uint256 amount, address caller) private view returns (address, bytes memory) {
        address venue = venueAt(seed / 16 % 4);
        Allocation[] memory targets = one(venue, 5000);
        bytes[14] memory calls = [
            abi.encodeCall(vault.reallocate, (targets)),
            abi.encodeCall(vault.reduce, (venue, amount, 0, "", false)),
            abi.encodeCall(vault.exit, (venue, "")),
            abi.encodeCall(vault.harvest, (venue, "")),
            abi.encodeCall(vault.drawForLeaver, (0, amount)),
            abi.encodeCall(vault.transferFrom, (alice, caller, vault.balanceOf(alice) + 1)),
            abi.encodeCall(vault.redeem, (vault.balanceOf(alice) + 1, caller, alice)),
            abi.encodeCall(vault.setAdapterCap, (venue, amount)),
            abi.encodeCall(vault.setHub, (caller)),
            abi.encodeCall(vault.listAdapter, (caller, amount)),
            abi.encodeCall(vault.unpauseDeposits, ()),
            abi.encodeCall(vault.setMaxLoss, (100)),
            abi.encodeCall(vault.writeOff, (venue)),
            abi.encodeCall(vault.grantRole, (vault.DEFAULT_ADMIN_ROLE(), caller))
        ];
        return (address(vault), calls[seed % 14]);
    }
}
