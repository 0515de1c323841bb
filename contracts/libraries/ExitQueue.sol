// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../interfaces/IVault.sol";
import {DUST, Position} from "../types/Position.sol";
import {VaultState} from "../types/VaultState.sol";
import {BoundedCall} from "./BoundedCall.sol";
import {VenueMover} from "./VenueMover.sol";
import {VenueReader} from "./VenueReader.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title ExitQueue
/// @notice Pays leavers out of the positions, in the order of the queue or out of one that they name. Linked to the vault: it runs in the
/// vault's own storage.
library ExitQueue {
    using BoundedCall for address;
    using Math for uint256;
    using VenueMover for Position;

    /// @notice Gas for one withdrawal on behalf of a leaver, so that a venue that burns its gas cannot stop the next in the queue.
    uint256 internal constant WITHDRAW_GAS = 3_000_000;

    /// @notice Takes from each venue what it pays without loss, until idle holds `assets`. A venue that fails is passed over: the next one
    /// pays. Reverts if all of them together do not.
    /// @param missing One bit for each position that cannot be read or is quarantined.
    /// @return available Idle assets with what was drawn, not recorded yet.
    function gather(VaultState storage self, uint256 missing, uint256 assets) external returns (uint256 available) {
        uint256 count = self.ledger.count;
        available = self.ledger.idle;
        for (uint256 i; i < count && available < assets; ++i) {
            // forge-lint: disable-next-line(incorrect-shift)
            if (missing & (1 << i) != 0) continue;
            (bool ok, uint256 liquid) = _liquidity(self.positions[i]);
            if (!ok || liquid == 0) continue;
            uint256 wanted = Math.min(liquid, assets - available);
            (ok,) = address(this).tryCall(WITHDRAW_GAS, abi.encodeCall(IVault.drawForLeaver, (i, wanted)), 0);
            if (ok) available += wanted;
        }
        if (available < assets) revert IVault.InsufficientLiquidity(assets, available);
    }

    /// @notice Takes exactly `assets` out of one position, whose value falls by no more, or reverts.
    function draw(VaultState storage self, uint256 index, uint256 assets) external {
        Position position = self.positions[index];
        uint256 before = position.mustRead();
        uint256 received = position.takeOut(_asset(), assets, assets, msg.data[:0]);
        // More than was asked for would stay unaccounted.
        if (received != assets) revert IVault.InsufficientOut(position.account(), received, assets);
        _checkFall(position, before, assets);
        emit IVault.DrawnForLeaver(position.account(), assets);
    }

    /// @notice Takes what is worth `worth` out of the position that a leaver names. The leaver gets what arrives, at most `worth`.
    /// @return assets The leaver's, at least `minAssets`.
    /// @return toIdle What arrived beyond that.
    function takeFor(
        VaultState storage self,
        uint256 missing,
        address adapter,
        uint256 worth,
        uint256 minAssets,
        bytes calldata data
    ) external returns (uint256 assets, uint256 toIdle) {
        uint256 i = self.find(adapter);
        // forge-lint: disable-next-line(incorrect-shift)
        if (missing & (1 << i) != 0) revert IVault.VenueQuarantined(adapter);
        Position position = self.positions[i];
        uint256 before = position.mustRead();
        if (worth > before) revert IVault.InsufficientLiquidity(worth, before);
        uint256 received = position.takeOut(_asset(), worth, 0, data);
        assets = Math.min(received, worth);
        toIdle = received - assets;
        if (assets < minAssets) revert IVault.InsufficientAssets(assets, minAssets);
        _checkFall(position, before, worth);
    }

    /// @notice What leavers can be paid now without loss, idle included.
    function liquidity(VaultState storage self, uint256 missing) external view returns (uint256 total) {
        uint256 count = self.ledger.count;
        total = self.ledger.idle;
        for (uint256 i; i < count; ++i) {
            // forge-lint: disable-next-line(incorrect-shift)
            if (missing & (1 << i) != 0) continue;
            (bool ok, uint256 liquid) = _liquidity(self.positions[i]);
            if (ok) total += liquid;
        }
    }

    function _checkFall(Position position, uint256 before, uint256 allowed) private view {
        uint256 fall = before.saturatingSub(position.mustRead());
        if (fall > allowed + DUST) revert IVault.ValueFellTooFar(position.account(), fall, allowed);
    }

    /// @dev Never more than the position is worth: an ERC-4626 venue may answer the largest number for no limit.
    function _liquidity(Position position) private view returns (bool ok, uint256 liquid) {
        (ok, liquid) = VenueReader.liquidity(position.account(), position.isDirect(), address(this));
        if (!ok || !position.isDirect()) return (ok, liquid);
        uint256 value;
        (ok, value) = position.read();
        liquid = Math.min(liquid, value);
    }

    function _asset() private view returns (IERC20) {
        return IERC20(IERC4626(address(this)).asset());
    }
}
