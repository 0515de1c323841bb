// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Erc4626Adapter} from "../../../contracts/adapters/Erc4626Adapter.sol";
import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {ISwapper} from "../../../contracts/interfaces/ISwapper.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {LendingVenue} from "../../support/LendingVenue.sol";
import {Fault, ScriptedAdapter} from "../../support/ScriptedAdapter.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title World
/// @notice The system that the invariants are about, the snapshots that every act is held against, and the book of broken promises.
///
/// Four venues: two ERC-4626 vaults, one held through an adapter and one directly, which earn, lose, lend their cash out and stop answering;
/// one adapter that takes fees; and one adapter that does whatever a hostile venue may.
abstract contract World is BallastFixture {
    /// @notice Every promise that an act can break; each has its invariant.
    enum Promise {
        RoundTripsNeverProfit,
        PreviewsBound,
        MaximaHold,
        NobodyLeavesAtTheOthersCost,
        FlowsBalance,
        SupplyMovesOnlyWithFlows,
        PriceRisesOnlyAtTheRate,
        NothingStray,
        MoveKeepsNavFloor,
        DailyLossBudget,
        KeeperLeavesNoBreach,
        FlashLoanRaisesNoLimit,
        Cooldown,
        FlowWithinBucket,
        NoRiskWhileStopped,
        ProofIsSingleUse,
        KeeperCannotTakeOut,
        GuardianOnlyReduces,
        SwitchTripsOnlyOnTruth,
        NotWithinOneTransaction,
        FlowsTripNothing,
        OneVenueStopsNoOther,
        ExitClosesDeposits
    }

    /// @notice What an act may do to supply and price.
    enum Kind {
        Flow,
        Move,
        Venue,
        Recognition,
        Other
    }

    struct Snapshot {
        uint256 nav;
        uint256 supply;
        uint256 accrued;
        uint256 accruedAt;
        uint256 totalAssets;
    }

    uint256 internal constant SEED = 200_000_000e6;
    uint256 internal constant SCALE = 1e24;
    uint256 internal constant VIRTUAL_SHARES = 1e6;
    uint256 internal constant MAX_GROWTH_BPS = 10_000;
    uint256 internal constant MAX_LOSS_BPS = 50;
    uint256 internal constant DAILY_LOSS_BPS = 100;
    uint256 internal constant BPS = 10_000;
    uint256 internal constant WAD = 1e18;

    LendingVenue[2] public venues;
    Erc4626Adapter public wrapped;
    ScriptedAdapter public costly;
    ScriptedAdapter public hostile;
    address[3] internal actors;
    address internal immutable safe = makeAddr("governance safe");
    address internal immutable attacker = makeAddr("attacker");

    mapping(Promise => uint256) public broken;
    mapping(bytes32 act => uint256) public done;
    /// @notice Assets given to the vault itself, which count for nothing.
    uint256 public givenToVault;

    function _build() internal {
        BallastFixture.setUp();
        vm.startPrank(timelock);
        vault.delist(address(low));
        hub.setLimits(_limits());
        hub.grantRole(hub.APPROVER_ROLE(), safe);
        vm.stopPrank();
        (costly, hostile) = (mid, high);
        costly.setFees(10, 20);
        for (uint256 i; i < 2; ++i) {
            venues[i] = new LendingVenue(usdc);
            usdc.mint(address(this), SEED);
            usdc.approve(address(venues[i]), SEED);
            venues[i].deposit(SEED, address(this));
        }
        wrapped = new Erc4626Adapter(address(vault), address(venues[0]), ISwapper(address(0)));
        vm.startPrank(timelock);
        vault.listAdapter(address(wrapped), 3_000_000e6);
        vault.listVenue(address(venues[1]), 3_000_000e6);
        vm.stopPrank();
        costly.setVenueSize(SEED);
        hostile.setVenueSize(SEED);
        actors = [alice, bob, makeAddr("carol")];
        observe();
        skip(6 hours);
        feed.push(ONE_DOLLAR);
        observe();
        deposit(alice, 1_000_000e6);
    }

    function _limits() private pure returns (IStrategyHub.Limits memory limits) {
        limits = defaultLimits();
        limits.flowBps = 5000;
        limits.approvalBps = 1250;
        limits.approvalFloor = 50_000;
    }

    // ------------------------------------------------------------------------------------------------------- promises

    /// @dev Books the act, and holds what must be true of any act of its kind.
    modifier act(bytes32 name, Kind kind) {
        Snapshot memory before = _snapshot();
        _;
        ++done[name];
        _hold(before, kind);
    }

    function _expect(bool kept, Promise what) internal {
        if (!kept) ++broken[what];
    }

    function _snapshot() internal view returns (Snapshot memory now_) {
        (now_.nav,) = vault.nav();
        now_.supply = vault.totalSupply();
        (now_.accrued, now_.accruedAt) = vault.accrual();
        now_.totalAssets = vault.totalAssets();
    }

    function _hold(Snapshot memory before, Kind kind) private {
        Snapshot memory afterwards = _snapshot();
        if (kind != Kind.Flow) _expect(afterwards.supply == before.supply, Promise.SupplyMovesOnlyWithFlows);
        if (kind != Kind.Recognition) {
            // Recorded prices rise at most at the rate; units and shares lost to rounding go to those who stay.
            uint256 most = _price(before.accrued, before.supply);
            most += Math.mulDiv(
                most, MAX_GROWTH_BPS * (afterwards.accruedAt - before.accruedAt), BPS * 365 days, Math.Rounding.Ceil
            );
            most += (8 + 4 * most / SCALE) * SCALE / (afterwards.supply + VIRTUAL_SHARES);
            _expect(
                afterwards.supply == 0 || before.supply == 0 || _price(afterwards.accrued, afterwards.supply) <= most,
                Promise.PriceRisesOnlyAtTheRate
            );
        }
        _expect(_nothingStray(), Promise.NothingStray);
    }

    function _price(uint256 assets, uint256 supply) internal pure returns (uint256) {
        return Math.mulDiv(assets + 1, SCALE, supply + VIRTUAL_SHARES);
    }

    function _nothingStray() private view returns (bool) {
        if (usdc.balanceOf(address(vault)) != vault.idle() + givenToVault) return false;
        if (usdc.balanceOf(address(hub)) + usdc.balanceOf(address(killSwitch)) != 0) return false;
        for (uint256 i; i < 4; ++i) {
            address venue = venueAt(i);
            if (usdc.allowance(address(vault), venue) != 0) return false;
            if (i != 1 && usdc.balanceOf(venue) != 0) return false;
        }
        return usdc.allowance(address(wrapped), address(venues[0])) == 0;
    }

    // ---------------------------------------------------------------------------------------------------------- views

    /// @notice The four positions: the wrapped, the direct, the costly and the hostile one.
    function venueAt(uint256 i) public view returns (address) {
        return [address(wrapped), address(venues[1]), address(costly), address(hostile)][i];
    }

    /// @notice Who holds the shares of an ERC-4626 venue: its adapter, or the vault itself.
    function holderOf(uint256 i) public view returns (address) {
        return i == 0 ? address(wrapped) : address(vault);
    }

    function actorAt(uint256 i) external view returns (address) {
        return actors[i];
    }

    /// @notice What the position is worth by the venue's own books, and whether it answers.
    function bookOf(uint256 i) public view returns (uint256 value, bool answers) {
        if (i < 2) {
            uint256 shares = venues[i].balanceOf(holderOf(i));
            if (shares == 0) return (0, true);
            if (venues[i].unreadable()) return (0, false);
            return (venues[i].previewRedeem(shares), true);
        }
        ScriptedAdapter adapter = i == 2 ? costly : hostile;
        return adapter.readFault() == Fault.None ? (adapter.book(), true) : (0, false);
    }

    /// @notice What all hold of the venue, by its own books.
    function sizeOf(uint256 i) public view returns (uint256) {
        if (i < 2) return venues[i].cash() + venues[i].lent();
        return (i == 2 ? costly : hostile).venueSize();
    }

    function isStopped() internal view returns (bool) {
        (bool operational,) = killSwitch.operationalStatus();
        return !operational || vault.paused();
    }
}
