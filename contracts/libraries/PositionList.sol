// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../interfaces/IAdapter.sol";
import {IVault} from "../interfaces/IVault.sol";
import {DUST, Position, PositionLib} from "../types/Position.sol";
import {VaultState} from "../types/VaultState.sol";
import {VenueMover} from "./VenueMover.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title PositionList
/// @notice Governance of the vault's list of positions. Linked to the vault, which checks who calls: it runs in the vault's own storage.
library PositionList {
    using SafeCast for uint256;
    using VenueMover for Position;

    /// @notice What one unit of a venue's shares may be worth, in assets, rounded down: at most two units are then lost to its rounding.
    uint256 internal constant MAX_SHARE_VALUE = 1;
    /// @notice Most positions there may be.
    uint256 internal constant MAX_POSITIONS = 16;

    /// @notice Adds a position at the end of the queue: an adapter of this vault, or an ERC-4626 venue over the same asset.
    function list(VaultState storage self, address account, uint256 cap, bool direct) external {
        address asset = IERC4626(address(this)).asset();
        if (direct) {
            if (account == address(this) || IERC4626(account).asset() != asset) revert IVault.AdapterMismatch(account);
            // Of a venue with coarse shares more would be taken than is paid out.
            uint256 assetsPerShare = IERC4626(account).convertToAssets(1);
            if (assetsPerShare > MAX_SHARE_VALUE) revert IVault.SharesTooCoarse(account, assetsPerShare);
            // What values the position must answer before there is one (an ERC-7540 vault does not).
            IERC4626(account).previewRedeem(1);
        } else if (IAdapter(account).vault() != address(this) || IAdapter(account).asset() != asset) {
            revert IVault.AdapterMismatch(account);
        }
        uint256 count = self.ledger.count;
        // Of a written-off position recoveries are shared with claims; the same name cannot mean both.
        if (Position.unwrap(self.lookup(account)) != 0 || Position.unwrap(self.writtenOff[account]) != 0) {
            revert IVault.AdapterAlreadyListed(account);
        }
        if (count == MAX_POSITIONS) revert IVault.TooManyAdapters(MAX_POSITIONS);
        if (cap > PositionLib.MAX_CAP) revert IVault.CapTooLarge(cap, PositionLib.MAX_CAP);
        Position position = PositionLib.create(account, cap, direct, _freeId(self, count));
        position.mustRead();
        self.positions[count] = position;
        self.ledger.count = (count + 1).toUint8();
        emit IVault.PositionListed(account, cap, direct);
    }

    /// @notice Takes out what is left of a position, which becomes idle, and removes it. Reverts if more than dust remains.
    function delist(VaultState storage self, address account) external {
        uint256 i = self.find(account);
        Position position = self.positions[i];
        position.requireActive();
        if (position.mustRead() != 0) {
            // Anyone may send a position a unit of something; that must not keep it on the list.
            uint256 received =
                position.takeOut(IERC20(IERC4626(address(this)).asset()), type(uint256).max, 0, msg.data[:0]);
            self.ledger.idle = (self.ledger.idle + received).toUint96();
            uint256 value = position.mustRead();
            if (value > DUST) revert IVault.AdapterNotEmpty(account, value);
        }
        _remove(self, i);
        emit IVault.PositionDelisted(account, self.ledger.idle);
    }

    /// @notice Removes a quarantined position and remembers it as lost, with the shares that have stayed so far.
    function writeOff(VaultState storage self, address account, uint256 stayers) external {
        uint256 i = self.find(account);
        Position position = self.positions[i];
        if (!position.isQuarantined()) revert IVault.NotQuarantined(account);
        self.writtenOff[account] = position;
        self.stayersOf[account] = stayers;
        _remove(self, i);
        emit IVault.WrittenOff(account);
    }

    /// @notice Sets the order of the queue: a permutation of the listed positions.
    function setExitQueue(VaultState storage self, address[] calldata order) external {
        uint256 length = order.length;
        if (length != self.ledger.count) revert IVault.QueueMismatch();
        Position[] memory ordered = new Position[](length);
        for (uint256 i; i < length; ++i) {
            ordered[i] = self.positions[self.find(order[i])];
            for (uint256 j; j < i; ++j) {
                if (order[j] == order[i]) revert IVault.QueueMismatch();
            }
        }
        for (uint256 i; i < length; ++i) {
            self.positions[i] = ordered[i];
        }
        emit IVault.ExitQueueSet(order);
    }

    /// @notice The listed positions in the order of the queue.
    function accounts(VaultState storage self) external view returns (address[] memory list_) {
        uint256 count = self.ledger.count;
        list_ = new address[](count);
        for (uint256 i; i < count; ++i) {
            list_[i] = self.positions[i].account();
        }
    }

    /// @dev The lowest id that no listed position has.
    function _freeId(VaultState storage self, uint256 count) private view returns (uint256 id) {
        uint256 taken;
        for (uint256 i; i < count; ++i) {
            // forge-lint: disable-next-line(incorrect-shift)
            taken |= 1 << self.positions[i].id();
        }
        while ((taken >> id) & 1 == 1) ++id;
    }

    function _remove(VaultState storage self, uint256 i) private {
        uint256 last = self.ledger.count - 1;
        for (uint256 j = i; j < last; ++j) {
            self.positions[j] = self.positions[j + 1];
        }
        self.positions[last] = Position.wrap(0);
        self.ledger.count = last.toUint8();
    }
}
