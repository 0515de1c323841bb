// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../interfaces/IVault.sol";
import {Position} from "./Position.sol";

/// @notice What every deposit and exit reads and writes, in one slot.
/// @param idle Accounted idle assets.
/// @param accrued totalAssets at the last accrual, moved along with deposits and exits.
/// @param accruedAt Unix time of that accrual.
/// @param count Listed positions.
/// @param maxLossBps Part of NAV that one instruction may lose.
struct Ledger {
    uint96 idle;
    uint96 accrued;
    uint40 accruedAt;
    uint8 count;
    uint16 maxLossBps;
}

/// @notice The vault's other bounds, in one slot.
/// @param depositCap Most that totalAssets may be after a deposit.
/// @param lossUsed Losses that count towards the day's budget at `lossAt`; forgotten after a day without one.
/// @param lossAt Unix time of the last loss.
/// @param dailyLossBps The day's budget, as a part of NAV.
/// @param maxGrowthBps Fastest growth of totalAssets from gains, a year.
struct Bounds {
    uint96 depositCap;
    uint88 lossUsed;
    uint40 lossAt;
    uint16 dailyLossBps;
    uint16 maxGrowthBps;
}

/// @notice What the vault remembers beside its shares and roles.
/// @param positions The first `ledger.count` are listed, in the order of the exit queue.
/// @param writtenOff Positions that governance has recognised as lost.
/// @param quarantines Quarantines so far; positions quarantined by one call share its number.
/// @param quarantineOf The last quarantine of a position.
/// @param suspendedBy What totalAssets fell by in a quarantine, less what came back of it: recovered up to this counts at once, beyond it as a gain.
/// @param stayersOf Shares that had stayed when a position was written off: their part of what is still recovered goes to the vault.
struct VaultState {
    Ledger ledger;
    Bounds bounds;
    Position[16] positions;
    uint256 quarantines;
    mapping(address adapter => uint256) quarantineOf;
    mapping(uint256 quarantine => uint256) suspendedBy;
    mapping(address adapter => Position) writtenOff;
    mapping(address adapter => uint256) stayersOf;
}

using VaultStateLib for VaultState global;

/// @title VaultStateLib
/// @notice Finding positions in {VaultState}.
library VaultStateLib {
    /// @notice Position in the queue of `adapter`; reverts if it is not listed.
    function find(VaultState storage self, address adapter) internal view returns (uint256 i) {
        uint256 count = self.ledger.count;
        for (; i < count; ++i) {
            if (self.positions[i].account() == adapter) return i;
        }
        revert IVault.AdapterNotListed(adapter);
    }

    /// @notice The position of `adapter`, empty if it is not listed.
    function lookup(VaultState storage self, address adapter) internal view returns (Position position) {
        uint256 count = self.ledger.count;
        for (uint256 i; i < count; ++i) {
            position = self.positions[i];
            if (position.account() == adapter) return position;
        }
        return Position.wrap(0);
    }
}
