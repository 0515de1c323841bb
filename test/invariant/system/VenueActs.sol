// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Fault, ScriptedAdapter} from "../../support/ScriptedAdapter.sol";
import {World} from "./World.sol";

/// @title VenueActs
/// @notice What venues and strangers do to the positions: earn, lose, lend out, stop answering, take gifts.
abstract contract VenueActs is World {
    function gain(uint256 which, uint256 amount) external act("gain", Kind.Venue) {
        amount = bound(amount, 1, 50_000e6);
        if (which % 4 < 2) venues[which % 4].gain(amount);
        else ScriptedAdapter(venueAt(which % 4)).gain(amount);
    }

    function lose(uint256 which, uint256 amount) external act("lose", Kind.Venue) {
        which %= 4;
        if (which < 2) {
            venues[which].lose(bound(amount, 1, 20_000_000e6));
        } else {
            ScriptedAdapter adapter = ScriptedAdapter(venueAt(which));
            adapter.lose(bound(amount, 0, adapter.book() / 4));
        }
    }

    function lend(uint256 which, uint256 amount) external act("lend", Kind.Venue) {
        if (which % 2 == 0) venues[which / 2 % 2].lend(bound(amount, 1, SEED * 2));
        else ScriptedAdapter(venueAt(2 + which / 2 % 2)).setLiquidityCap(bound(amount, 0, 2_000_000e6));
    }

    function repay(uint256 which) external act("repay", Kind.Venue) {
        if (which % 4 < 2) venues[which % 4].repay(type(uint256).max);
        else ScriptedAdapter(venueAt(which % 4)).setLiquidityCap(type(uint256).max);
    }

    function falter(uint256 which, uint256 fault) external act("falter", Kind.Venue) {
        if (which % 3 < 2) {
            venues[which % 3].setUnreadable(true);
        } else {
            hostile.setFaults(
                Fault(bound(fault, 0, uint256(Fault.HugeReturn))),
                Fault(bound(fault >> 8, 0, uint256(Fault.HugeReturn))),
                Fault(bound(fault >> 16, 0, uint256(Fault.PayOneLess)))
            );
        }
    }

    function mend(uint256 which) external act("mend", Kind.Venue) {
        if (which % 3 < 2) venues[which % 3].setUnreadable(false);
        else hostile.setFaults(Fault.None, Fault.None, Fault.None);
    }

    /// @notice A gift of assets to the vault or to an adapter's venue, or of a venue's shares to who holds the position.
    function donate(uint256 which, uint256 amount) external act("donate", Kind.Venue) {
        amount = bound(amount, 1, 1_000_000e6);
        usdc.mint(attacker, amount);
        vm.startPrank(attacker);
        if (which % 3 == 2) {
            usdc.transfer(address(vault), amount);
            givenToVault += amount;
        } else if (!venues[which % 3].unreadable()) {
            usdc.approve(address(venues[which % 3]), amount);
            venues[which % 3].deposit(amount, holderOf(which % 3));
        }
        vm.stopPrank();
    }
}
