// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Mode, Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {World} from "./World.sol";

/// @title SwitchActs
/// @notice Time, prices, triggers, guardians and governance.
abstract contract SwitchActs is World {
    uint256 private constant CONFIRM_BLOCKS = 25;

    /// @notice When each two-step trigger was last armed here, as this book saw it.
    mapping(Trigger => mapping(address => uint256)) private _armedAt;

    function passTime(uint256 time, bool answering) external act("pass time", Kind.Other) {
        skip(bound(time, 1, 2 days));
        vm.roll(vm.getBlockNumber() + bound(time, 1, 60));
        if (answering) feed.push(feed.latestAnswer());
    }

    function observeVenues() external act("observe", Kind.Other) {
        feed.push(feed.latestAnswer());
        observe();
    }

    function price(uint256 answer) external act("price", Kind.Other) {
        feed.push(int256(bound(answer, 0.96e8, 1.04e8)));
    }

    function repeg() external act("repeg", Kind.Other) {
        feed.push(ONE_DOLLAR);
    }

    /// @notice The asset's own peg and feed.
    function tripPrice(bool peg) external act("trip price", Kind.Other) {
        int256 answer = feed.latestAnswer();
        (,,, uint256 updatedAt,) = feed.latestRoundData();
        bool stale = block.timestamp > updatedAt + HEARTBEAT + GRACE;
        bool off = !stale && (answer < 0.98e8 || answer > 1.02e8);
        try killSwitch.trip(peg ? Trigger.Peg : Trigger.Oracle, address(usdc)) {
            _expect(peg ? off : stale, Promise.SwitchTripsOnlyOnTruth);
            if (peg) _expect(killSwitch.mode() == Mode.Exit && vault.paused(), Promise.SwitchTripsOnlyOnTruth);
            ++done["tripped price"];
        } catch {
            _expect(peg ? !off : !stale, Promise.SwitchTripsOnlyOnTruth);
        }
    }

    /// @notice Utilisation of a venue, in two steps: it never trips in the transaction or the blocks that armed it.
    function tripUtilisation(uint256 which, uint256 blocks) external act("trip utilisation", Kind.Other) {
        address venue = venueAt(which % 4);
        vm.roll(vm.getBlockNumber() + bound(blocks, 0, 60));
        bool before = killSwitch.canAdd(venue);
        uint256 armedAt = _armedAt[Trigger.Utilisation][venue];
        try killSwitch.trip(Trigger.Utilisation, venue) {
            if (before && !killSwitch.canAdd(venue)) {
                _expect(
                    armedAt != 0 && vm.getBlockNumber() >= armedAt + CONFIRM_BLOCKS, Promise.NotWithinOneTransaction
                );
                delete _armedAt[Trigger.Utilisation][venue];
                ++done["tripped utilisation"];
            } else {
                _armedAt[Trigger.Utilisation][venue] = vm.getBlockNumber();
            }
        } catch {}
    }

    /// @notice Everybody's deposits and exits within one block move no trigger of a venue.
    function flowsTripNothing(uint256 which, uint256 amount) external act("flows trip nothing", Kind.Flow) {
        which %= 4;
        bool before = _wouldTrip(Trigger.Tvl, which);
        uint256 assets = bound(amount, 0, vault.maxDeposit(alice));
        if (vault.previewDeposit(assets) != 0) {
            usdc.mint(alice, assets);
            vm.startPrank(alice);
            usdc.approve(address(vault), assets);
            vault.deposit(assets, alice);
            vm.stopPrank();
        }
        uint256 shares = vault.maxRedeem(alice);
        vm.prank(alice);
        // Whether all of it goes out is asked elsewhere.
        // solhint-disable-next-line no-empty-blocks
        try vault.redeem(shares, alice, alice) {} catch {}
        _expect(before || !_wouldTrip(Trigger.Tvl, which), Promise.FlowsTripNothing);
        _expect(!_wouldTripPrice(), Promise.FlowsTripNothing);
    }

    function guardianActs(uint256 what, uint256 value) external act("guardian", Kind.Recognition) {
        uint256 capBefore = vault.depositCap();
        Mode modeBefore = killSwitch.mode();
        vm.startPrank(guardian);
        what %= 5;
        if (what == 0) vault.pauseDeposits();
        if (what == 1) {
            // Only a lower cap; governance restores it.
            try vault.setDepositCap(bound(value, 0, CAP * 2)) {
                _expect(vault.depositCap() <= capBefore, Promise.GuardianOnlyReduces);
            } catch {}
        }
        if (what == 2) {
            try killSwitch.reduceOnly() {} catch {}
        }
        if (what == 3) {
            try hub.reduce(venueAt(value % 4), type(uint256).max, 0, "") {} catch {}
        }
        if (what == 4) {
            hub.emergencyExit();
            _expect(vault.paused() && vault.maxDeposit(alice) == 0, Promise.ExitClosesDeposits);
            for (uint256 i; i < 2; ++i) {
                (uint256 left, bool answers) = bookOf(i);
                if (answers && venues[i].lent() == 0) _expect(left <= 2, Promise.OneVenueStopsNoOther);
            }
        }
        vm.stopPrank();
        _expect(killSwitch.mode() >= modeBefore, Promise.GuardianOnlyReduces);
    }

    /// @notice The emergency Safe takes a position out of NAV, whatever it says.
    function emergencyQuarantines(uint256 which) external act("emergency quarantine", Kind.Other) {
        address venue = venueAt(which % 4);
        (,, bool before) = vault.positionKind(venue);
        vm.prank(emergency);
        try vault.quarantine(venue) {
            (,, bool quarantined) = vault.positionKind(venue);
            _expect(quarantined && !before, Promise.OneVenueStopsNoOther);
        } catch {
            _expect(before, Promise.OneVenueStopsNoOther);
        }
    }

    /// @notice Governance puts things right again.
    function govern() external act("govern", Kind.Recognition) {
        feed.push(ONE_DOLLAR);
        vm.startPrank(timelock);
        if (killSwitch.mode() != Mode.Normal) {
            try killSwitch.reset() {} catch {}
        }
        if (vault.paused()) vault.unpauseDeposits();
        vault.setDepositCap(CAP);
        vm.stopPrank();
    }

    /// @dev Whether a first call would be accepted, undone.
    function _wouldTrip(Trigger trigger, uint256 which) private returns (bool would) {
        uint256 state = vm.snapshotState();
        try killSwitch.trip(trigger, venueAt(which)) {
            would = true;
        } catch {}
        vm.revertToState(state);
    }

    function _wouldTripPrice() private returns (bool would) {
        int256 answer = feed.latestAnswer();
        if (answer < 0.98e8 || answer > 1.02e8) return false;
        uint256 state = vm.snapshotState();
        try killSwitch.trip(Trigger.Peg, address(usdc)) {
            would = true;
        } catch {}
        vm.revertToState(state);
    }
}
