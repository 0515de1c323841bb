// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISidePocket} from "../interfaces/ISidePocket.sol";
import {IVault} from "../interfaces/IVault.sol";
import {DUST, Position} from "../types/Position.sol";
import {VaultState} from "../types/VaultState.sol";
import {VenueMover} from "./VenueMover.sol";
import {VenueReader} from "./VenueReader.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Recovery
/// @notice Positions that are out of NAV: who left meanwhile is credited in the side pocket, and what is recovered is shared between those
/// claims and the vault. Linked to the vault, which checks who calls: it runs in the vault's own storage.
/// @dev Deposits are closed while a position is quarantined, so claims and remaining shares together stay what the supply was when the
/// quarantine began: one unit of either is owed the same.
library Recovery {
    using Math for uint256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;
    using VenueMover for Position;

    /// @notice Quarantines the positions whose bits are set, by which totalAssets falls from `before` to `afterwards`.
    function quarantine(VaultState storage self, uint256 bits, uint256 before, uint256 afterwards) external {
        uint256 number = ++self.quarantines;
        uint256 fall = before.saturatingSub(afterwards);
        self.suspendedBy[number] = fall;
        emit IVault.Suspended(number, fall);
        for (uint256 i; bits != 0; ++i) {
            if (bits & 1 != 0) {
                Position position = self.positions[i];
                self.positions[i] = position.withQuarantine(true);
                self.quarantineOf[position.account()] = number;
                emit IVault.Quarantined(position.account(), number);
            }
            bits >>= 1;
        }
    }

    /// @notice Reads the positions whose bits are set again with all the gas that a read may take, and reverts if the caller did not bring it: who
    /// sends too little must not make a venue look broken. A venue that answers now is taken at its word.
    /// @return unread One bit for each that cannot be read.
    /// @return value What the others are worth, in assets.
    function confirmUnread(VaultState storage self, uint256 bits)
        external
        view
        returns (uint256 unread, uint256 value)
    {
        uint256 required = VenueReader.READ_GAS * 64 / 63 * 2 + 200_000;
        unread = bits;
        for (uint256 i; bits >> i != 0; ++i) {
            // forge-lint: disable-next-line(incorrect-shift)
            uint256 bit = 1 << i;
            if (bits & bit == 0) continue;
            if (gasleft() < required) revert IVault.InsufficientGas(gasleft(), required);
            (bool ok, uint256 assets) = self.positions[i].read();
            if (ok) (unread, value) = (unread ^ bit, value + assets);
        }
    }

    /// @notice Credits a leaver's receiver with the redeemed shares on every position whose bit is set.
    function credit(VaultState storage self, ISidePocket pocket, uint256 bits, address receiver, uint256 shares)
        external
    {
        for (uint256 i; bits != 0; ++i) {
            if (bits & 1 != 0) pocket.credit(self.positions[i].account(), receiver, shares);
            bits >>= 1;
        }
    }

    /// @notice Takes out of a quarantined or written-off position what it pays and shares it. What had been in totalAssets before the quarantine
    /// is shared between the claims and the vault in proportion; what is beyond it was not released when they left, and is the vault's gain.
    /// @param stayers Shares that have not left.
    /// @param trusted Whether the caller may let the position pay less than its value falls by, as leaving some venues costs; what anyone may do
    /// must cost nothing.
    /// @return received What the venue paid.
    /// @return remaining What is left in it, the largest number if that cannot be read.
    function recover(
        VaultState storage self,
        ISidePocket pocket,
        uint256 stayers,
        address account,
        bool trusted,
        bytes calldata data
    ) external returns (uint256 received, uint256 remaining) {
        Position position = self.writtenOff[account];
        bool listed = Position.unwrap(position) == 0;
        if (listed) {
            position = self.lookup(account);
            if (!position.isQuarantined()) revert IVault.NotQuarantined(account);
        } else {
            stayers = self.stayersOf[account];
        }
        (received, remaining) = _takeAll(position, trusted, data);
        uint256 toClaims = _share(self, pocket, account, listed, received, stayers);
        // A venue that calls the position worthless and pays nothing may be made whole one day: not anyone may end the claims then.
        bool released = listed && remaining <= DUST && (trusted || received != 0 || pocket.unitsOf(account) == 0);
        if (released) _release(self, pocket, account);
        emit IVault.Recovered(account, received - toClaims, toClaims, released);
    }

    function _takeAll(Position position, bool trusted, bytes calldata data)
        private
        returns (uint256 received, uint256 remaining)
    {
        uint256 before = trusted ? 0 : position.mustRead();
        received = position.takeOut(_asset(), type(uint256).max, 0, data);
        remaining = trusted ? position.readOrMax() : position.mustRead();
        uint256 fall = before.saturatingSub(remaining);
        if (fall > received + DUST) revert IVault.ValueFellTooFar(position.account(), fall, received);
    }

    /// @dev The claims' part, rounded down, goes to the side pocket, the rest becomes idle.
    function _share(
        VaultState storage self,
        ISidePocket pocket,
        address account,
        bool listed,
        uint256 received,
        uint256 stayers
    ) private returns (uint256 toClaims) {
        uint256 shared = received;
        if (listed) {
            uint256 number = self.quarantineOf[account];
            shared = Math.min(received, self.suspendedBy[number]);
            self.suspendedBy[number] -= shared;
        }
        uint256 units = pocket.unitsOf(account);
        toClaims = shared.mulDiv(units, units + stayers);
        if (listed) self.ledger.accrued = (self.ledger.accrued + shared - toClaims).toUint96();
        self.ledger.idle = (self.ledger.idle + received - toClaims).toUint96();
        if (toClaims == 0) return 0;
        _asset().safeTransfer(address(pocket), toClaims);
        pocket.distribute(account, toClaims);
    }

    function _release(VaultState storage self, ISidePocket pocket, address account) private {
        uint256 i = self.find(account);
        self.positions[i] = self.positions[i].withQuarantine(false);
        if (pocket.unitsOf(account) != 0) pocket.close(account);
    }

    function _asset() private view returns (IERC20) {
        return IERC20(IERC4626(address(this)).asset());
    }
}
