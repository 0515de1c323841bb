// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Fault} from "../../support/ScriptedAdapter.sol";
import {World} from "./World.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title DepositorActs
/// @notice What anyone with shares or dollars does. What the maxima allow is called bare: its revert fails the run.
abstract contract DepositorActs is World {
    uint256 private constant MOST = 5_000_000e6;

    function enter(uint256 who, uint256 assets, bool byShares) external act("enter", Kind.Flow) {
        address actor = actors[who % 3];
        uint256 most = vault.maxDeposit(actor);
        _expect((most == 0) == (vault.maxMint(actor) == 0), Promise.MaximaHold);
        if (most == 0) return _entersNot(actor);
        assets = bound(assets, 0, Math.min(most, MOST));
        uint256 expected = vault.previewDeposit(assets);
        if (expected == 0) return;
        (uint256 navBefore,) = vault.nav();
        usdc.mint(actor, assets);
        vm.startPrank(actor);
        usdc.approve(address(vault), assets);
        if (byShares) {
            uint256 price = vault.previewMint(expected);
            uint256 paid = vault.mint(expected, actor);
            _expect(paid <= price && paid <= assets, Promise.PreviewsBound);
            assets = paid;
        } else {
            _expect(vault.deposit(assets, actor) >= expected, Promise.PreviewsBound);
        }
        vm.stopPrank();
        (uint256 navAfter,) = vault.nav();
        _expect(navAfter == navBefore + assets, Promise.FlowsBalance);
    }

    /// @notice Anything up to the maximum goes out, in every mode and whatever venue is broken, unless one promises what it does not pay.
    function leave(uint256 who, uint256 part, bool byShares) external act("leave", Kind.Flow) {
        address actor = actors[who % 3];
        (uint256 navBefore, bool whole) = vault.nav();
        uint256 priceBefore = _price(vault.totalAssets(), vault.totalSupply());
        uint256 paid;
        if (byShares) {
            uint256 shares = bound(part, 0, vault.maxRedeem(actor));
            uint256 expected = vault.previewRedeem(shares);
            vm.prank(actor);
            try vault.redeem(shares, actor, actor) returns (uint256 assets) {
                paid = assets;
            } catch {
                return _expect(_aVenueLies(), Promise.MaximaHold);
            }
            _expect(paid >= expected, Promise.PreviewsBound);
        } else {
            uint256 assets = bound(part, 0, vault.maxWithdraw(actor));
            uint256 expected = vault.previewWithdraw(assets);
            vm.prank(actor);
            try vault.withdraw(assets, actor, actor) returns (uint256 shares) {
                _expect(shares <= expected, Promise.PreviewsBound);
            } catch {
                return _expect(_aVenueLies(), Promise.MaximaHold);
            }
            paid = assets;
        }
        (uint256 navAfter,) = vault.nav();
        // Up to two units of rounding in each venue that was drawn on.
        _expect(navAfter + paid <= navBefore && navAfter + paid + 8 >= navBefore, Promise.FlowsBalance);
        if (whole) _staysWorth(priceBefore);
    }

    /// @notice Everything that the maximum allows goes out at once.
    function leaveWithAll(uint256 who) external act("leave with all", Kind.Flow) {
        address actor = actors[who % 3];
        uint256 shares = vault.maxRedeem(actor);
        vm.prank(actor);
        // solhint-disable-next-line no-empty-blocks
        try vault.redeem(shares, actor, actor) {}
        catch {
            _expect(_aVenueLies(), Promise.MaximaHold);
        }
    }

    /// @dev Whether the hostile venue says that it can pay and does not: no maximum can know.
    function _aVenueLies() private view returns (bool) {
        return hostile.withdrawFault() != Fault.None;
    }

    /// @notice Out of a venue that the holder names, at the holder's cost.
    function leaveFrom(uint256 who, uint256 which, uint256 part) external act("leave from", Kind.Flow) {
        address actor = actors[who % 3];
        uint256 shares = bound(part, 0, vault.balanceOf(actor));
        uint256 worth = vault.previewRedeem(shares);
        bool last = shares == vault.totalSupply();
        (, bool whole) = vault.nav();
        uint256 priceBefore = _price(vault.totalAssets(), vault.totalSupply());
        vm.prank(actor);
        try vault.redeemFrom(venueAt(which % 4), shares, 0, actor, actor, "") returns (uint256 paid) {
            _expect(last || paid <= worth, Promise.NobodyLeavesAtTheOthersCost);
            if (whole) _staysWorth(priceBefore);
            ++done["left from"];
        } catch {}
    }

    function roundTrip(uint256 who, uint256 amount, bool byShares) external act("round trip", Kind.Flow) {
        address actor = actors[who % 3];
        uint256 assets = bound(amount, 0, Math.min(vault.maxDeposit(actor), MOST));
        if (vault.previewDeposit(assets) == 0) return;
        usdc.mint(actor, assets + 1);
        vm.startPrank(actor);
        usdc.approve(address(vault), assets + 1);
        uint256 shares;
        uint256 paid = assets;
        if (byShares) {
            shares = vault.previewDeposit(assets);
            paid = vault.mint(shares, actor);
        } else {
            shares = vault.deposit(assets, actor);
        }
        // What came in lies idle, so it can go out again, unless it makes its owner the last one, who takes what was not released.
        if (shares != vault.totalSupply()) {
            _expect(vault.redeem(shares, actor, actor) <= paid, Promise.RoundTripsNeverProfit);
        }
        vm.stopPrank();
    }

    function hand(uint256 from, uint256 to, uint256 part) external act("hand", Kind.Other) {
        address actor = actors[from % 3];
        uint256 shares = bound(part, 0, vault.balanceOf(actor));
        vm.prank(actor);
        vault.transfer(actors[to % 3], shares);
    }

    function accrue() external act("accrue", Kind.Other) {
        vault.accrue();
    }

    function quarantine(uint256 which) external act("quarantine", Kind.Other) {
        (, bool answers) = bookOf(which % 4);
        try vault.quarantine(venueAt(which % 4)) {
            _expect(!answers, Promise.SwitchTripsOnlyOnTruth);
            ++done["quarantined"];
        } catch {}
    }

    function recover(uint256 which) external act("recover", Kind.Recognition) {
        address venue = venueAt(which % 4);
        (,, bool quarantined) = vault.positionKind(venue);
        (, bool answers) = bookOf(which % 4);
        try vault.recover(venue) {
            _expect(quarantined || !answers, Promise.SwitchTripsOnlyOnTruth);
            ++done["recovered"];
        } catch {}
    }

    function claim(uint256 who, uint256 which, uint256 epoch) external act("claim", Kind.Other) {
        address venue = venueAt(which % 4);
        epoch = bound(epoch, 0, vault.sidePocket().epochOf(venue));
        uint256 owed = vault.sidePocket().claimable(venue, epoch, actors[who % 3]);
        _expect(vault.sidePocket().claim(venue, epoch, actors[who % 3]) == owed, Promise.MaximaHold);
    }

    function _entersNot(address actor) private {
        usdc.mint(actor, 1);
        vm.startPrank(actor);
        usdc.approve(address(vault), 1);
        try vault.deposit(1, actor) {
            _expect(false, Promise.MaximaHold);
        } catch {}
        vm.stopPrank();
    }

    function _staysWorth(uint256 priceBefore) private {
        uint256 supply = vault.totalSupply();
        uint256 rounding = 8 * SCALE / (supply + VIRTUAL_SHARES);
        _expect(
            supply == 0 || _price(vault.totalAssets(), supply) + rounding >= priceBefore,
            Promise.NobodyLeavesAtTheOthersCost
        );
    }
}
