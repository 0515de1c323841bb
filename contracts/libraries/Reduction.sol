// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../interfaces/IAdapter.sol";
import {IVault} from "../interfaces/IVault.sol";
import {Position} from "../types/Position.sol";
import {VaultState} from "../types/VaultState.sol";
import {Holding, Nav} from "./Nav.sol";
import {VenueMover} from "./VenueMover.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Reduction
/// @notice Moves out of single positions into idle, on behalf of the hub. Linked to the vault, which checks who calls: it runs in the vault's own
/// storage.
library Reduction {
    using Nav for Holding[];
    using Nav for VaultState;
    using SafeCast for uint256;
    using VenueMover for Position;

    /// @dev The positions and NAV before a move, and the one that it is about.
    struct Before {
        Holding[] held;
        uint256 nav;
        uint256 missing;
        Holding subject;
    }

    /// @notice Takes what is worth `assets` out of one position, within the loss bound.
    function reduce(VaultState storage self, address adapter, uint256 assets, bytes calldata data, bool budgeted)
        external
        returns (uint256 received, uint256 valueAfter, uint256 navAfter)
    {
        Before memory before = _before(self, adapter);
        received = before.subject.position.takeOut(_asset(), assets, 0, data);
        _bank(self, received);
        navAfter = _after(self, before, budgeted);
        valueAfter = before.subject.valueAfter;
        emit IVault.Reduced(adapter, received, valueAfter);
    }

    /// @notice Turns a position's rewards into idle assets, within the loss bound.
    function harvest(VaultState storage self, address adapter, bytes calldata data)
        external
        returns (uint256 received)
    {
        Before memory before = _before(self, adapter);
        // A venue held directly has no rewards that this vault knows of; one with rewards is held through an adapter.
        if (before.subject.position.isDirect()) revert IVault.UnexpectedData();
        uint256 balance = _asset().balanceOf(address(this));
        IAdapter(adapter).harvest(data);
        received = _asset().balanceOf(address(this)) - balance;
        _bank(self, received);
        _after(self, before, true);
        emit IVault.Harvested(adapter, received);
    }

    /// @notice Takes all that one position pays now, without a loss bound.
    function exit(VaultState storage self, address adapter, bytes calldata data)
        external
        returns (uint256 received, uint256 remaining)
    {
        Position position = self.positions[self.find(adapter)];
        received = position.takeOut(_asset(), type(uint256).max, 0, data);
        _bank(self, received);
        remaining = position.readOrMax();
        emit IVault.AdapterExited(adapter, received, remaining);
    }

    function _before(VaultState storage self, address adapter) private view returns (Before memory before) {
        (before.held, before.nav, before.missing) = self.readAll(self.ledger.idle);
        before.subject = before.held[before.held.indexOf(adapter)];
        before.subject.position.requireActive();
    }

    function _after(VaultState storage self, Before memory before, bool budgeted) private returns (uint256 nav) {
        nav = before.held.readAgain(self.ledger.idle, before.missing);
        self.bookLoss(before.nav, nav, 1, budgeted);
    }

    /// @dev Accounts for assets that have arrived, which must really be here.
    function _bank(VaultState storage self, uint256 assets) private {
        uint256 idle = self.ledger.idle + assets;
        uint256 balance = _asset().balanceOf(address(this));
        if (balance < idle) revert IVault.Unaccounted(balance, idle);
        self.ledger.idle = idle.toUint96();
    }

    function _asset() private view returns (IERC20) {
        return IERC20(IERC4626(address(this)).asset());
    }
}
