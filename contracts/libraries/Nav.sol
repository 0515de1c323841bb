// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../interfaces/IVault.sol";
import {DUST, Position} from "../types/Position.sol";
import {Bounds, VaultState} from "../types/VaultState.sol";
import {VenueMover} from "./VenueMover.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice A position on its way through an instruction. Amounts are assets.
/// @param value Before, zero where it is missing.
/// @param goal What it is to hold, if it is a target.
/// @param valueAfter Once it has been read again.
struct Holding {
    Position position;
    uint256 value;
    uint256 goal;
    uint256 valueAfter;
}

/// @title Nav
/// @notice NAV before and after an instruction, and what the instruction may have cost. Internal functions of the vault and its libraries.
library Nav {
    using Math for uint256;
    using SafeCast for uint256;
    using VenueMover for Position;

    uint256 private constant BPS = 10_000;

    /// @notice Where `adapter` is in the queue; reverts if it is not.
    function indexOf(Holding[] memory held, address adapter) internal pure returns (uint256 i) {
        for (; i < held.length; ++i) {
            if (held[i].position.account() == adapter) return i;
        }
        revert IVault.AdapterNotListed(adapter);
    }

    /// @notice Reads all positions.
    /// @return held Each of them, in the order of the queue.
    /// @return nav Their sum with idle.
    /// @return missing One bit for each that is quarantined or not readable.
    function readAll(VaultState storage self, uint256 idle)
        internal
        view
        returns (Holding[] memory held, uint256 nav, uint256 missing)
    {
        nav = idle;
        held = new Holding[](self.ledger.count);
        for (uint256 i; i < held.length; ++i) {
            Holding memory one = held[i];
            one.position = self.positions[i];
            bool ok;
            (ok, one.value) = _readActive(one.position);
            nav += one.value;
            // forge-lint: disable-next-line(incorrect-shift)
            if (!ok) missing |= 1 << i;
        }
    }

    /// @notice Reads all positions once more; what was missing before must be missing still, or a loss could hide behind a venue that answers
    /// again.
    function readAgain(Holding[] memory held, uint256 idle, uint256 missing) internal view returns (uint256 nav) {
        nav = idle;
        uint256 missingNow;
        for (uint256 i; i < held.length; ++i) {
            Holding memory one = held[i];
            bool ok;
            (ok, one.valueAfter) = _readActive(one.position);
            nav += one.valueAfter;
            // forge-lint: disable-next-line(incorrect-shift)
            if (!ok) missingNow |= 1 << i;
        }
        if (missingNow != missing) {
            revert IVault.VenueUnreadable(held[(missingNow ^ missing).log2()].position.account());
        }
    }

    /// @notice A loss beyond rounding must be within the bound of one instruction and, if `budgeted`, within what is left of the day's.
    function bookLoss(VaultState storage self, uint256 navBefore, uint256 navAfter, uint256 legs, bool budgeted)
        internal
    {
        uint256 loss = navBefore.saturatingSub(navAfter);
        if (loss <= legs * DUST) return;
        uint256 maxLossBps = self.ledger.maxLossBps;
        if (loss * BPS > navBefore * maxLossBps) revert IVault.LossTooHigh(navBefore, navAfter, maxLossBps);
        if (!budgeted) return;
        Bounds memory bounds = self.bounds;
        uint256 used = lossUsedNow(bounds) + loss;
        uint256 budget = navBefore * bounds.dailyLossBps / BPS;
        if (used > budget) revert IVault.DailyLossExceeded(used, budget);
        self.bounds.lossUsed = used.toUint88();
        self.bounds.lossAt = uint40(block.timestamp);
        emit IVault.LossBooked(loss, used);
    }

    /// @notice What counts towards the day's budget now. Losses add up until a day has passed without one, so that no window of a day holds more
    /// than the budget.
    function lossUsedNow(Bounds memory bounds) internal view returns (uint256) {
        return block.timestamp - bounds.lossAt < 1 days ? bounds.lossUsed : 0;
    }

    /// @dev A position's value, zero where it is quarantined or cannot be read: then `ok` is false.
    function _readActive(Position position) private view returns (bool ok, uint256 value) {
        if (!position.isQuarantined()) (ok, value) = position.read();
    }
}
