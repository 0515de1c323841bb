// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../interfaces/IVault.sol";
import {DUST, Position} from "../types/Position.sol";
import {Bounds, VaultState} from "../types/VaultState.sol";
import {VenueMover} from "./VenueMover.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Nav
/// @notice NAV before and after an instruction, and what the instruction may have cost. Internal functions of the vault and its libraries.
library Nav {
    using Math for uint256;
    using SafeCast for uint256;
    using VenueMover for Position;

    uint256 private constant BPS = 10_000;

    /// @notice The listed positions in the order of the queue.
    function load(VaultState storage self) internal view returns (Position[] memory positions) {
        positions = new Position[](self.ledger.count);
        for (uint256 i; i < positions.length; ++i) {
            positions[i] = self.positions[i];
        }
    }

    /// @notice Where `adapter` is in the queue; reverts if it is not.
    function indexOf(Position[] memory positions, address adapter) internal pure returns (uint256 i) {
        for (; i < positions.length; ++i) {
            if (positions[i].account() == adapter) return i;
        }
        revert IVault.AdapterNotListed(adapter);
    }

    /// @notice Each value (zero where it is missing), their sum with idle, and one bit for each that is missing: quarantined or not readable.
    function readAll(Position[] memory positions, uint256 idle)
        internal
        view
        returns (uint256[] memory values, uint256 nav, uint256 missing)
    {
        nav = idle;
        values = new uint256[](positions.length);
        for (uint256 i; i < positions.length; ++i) {
            Position position = positions[i];
            (bool ok, uint256 value) = position.isQuarantined() ? (false, 0) : position.read();
            if (ok) {
                values[i] = value;
                nav += value;
            } else {
                // forge-lint: disable-next-line(incorrect-shift)
                missing |= 1 << i;
            }
        }
    }

    /// @notice As {readAll}; what was missing before must be missing still, or a loss could hide behind a venue that answers again.
    function readAgain(Position[] memory positions, uint256 idle, uint256 missing)
        internal
        view
        returns (uint256[] memory values, uint256 nav)
    {
        uint256 missingNow;
        (values, nav, missingNow) = readAll(positions, idle);
        if (missingNow != missing) revert IVault.VenueUnreadable(positions[(missingNow ^ missing).log2()].account());
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
}
