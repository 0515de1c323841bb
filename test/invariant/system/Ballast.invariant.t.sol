// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vault} from "../../../contracts/Vault.sol";
import {ISidePocket} from "../../../contracts/interfaces/ISidePocket.sol";
import {Handler} from "./Handler.sol";
import {World} from "./World.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {StdInvariant} from "forge-std/StdInvariant.sol";
import {Test} from "forge-std/Test.sol";

/// @notice What holds after any sequence of anybody's acts (SPEC C1–C7, C9, C10, ERR-20). A promise about a single act is held where the act is
/// made and booked in the handler; its invariant here says that the book is empty.
/// forge-config: default.invariant.runs = 8
/// forge-config: default.invariant.depth = 100
/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: deep.invariant.runs = 220
/// forge-config: deep.invariant.depth = 200
/// forge-config: deep.invariant.fail-on-revert = true
contract BallastInvariantTest is StdInvariant, Test {
    uint256 private constant YEAR_BPS = 10_000 * 365 days;

    Handler private world;
    Vault private vault;

    function setUp() public {
        world = new Handler();
        vault = world.theVault();
        targetContract(address(world));
        address[7] memory bystanders = world.bystanders();
        for (uint256 i; i < bystanders.length; ++i) {
            excludeSender(bystanders[i]);
        }
    }

    function invariant_roundTripsNeverProfit() public view {
        _kept(World.Promise.RoundTripsNeverProfit);
    }

    function invariant_previewsBound() public view {
        _kept(World.Promise.PreviewsBound);
    }

    function invariant_maximaSucceedAndAreZeroWhenDisabled() public view {
        _kept(World.Promise.MaximaHold);
    }

    function invariant_nobodyLeavesAtTheOthersCost() public view {
        _kept(World.Promise.NobodyLeavesAtTheOthersCost);
    }

    /// NAV is idle and every position that answers and is not quarantined; totalAssets is NAV less what is not released.
    function invariant_totalAssetsIsIdleAndPositionsLessUnreleased() public view {
        uint256 sum = vault.idle();
        bool whole = true;
        for (uint256 i; i < 4; ++i) {
            (bool listed,, bool quarantined) = vault.positionKind(world.venueAt(i));
            if (!listed) continue;
            (uint256 value, bool answers) = world.bookOf(i);
            if (answers && !quarantined) sum += value;
            else whole = false;
        }
        (uint256 nav, bool complete) = vault.nav();
        assertEq(nav, sum, "NAV");
        assertEq(complete, whole, "complete");
        (uint256 accrued, uint256 time) = vault.accrual();
        uint256 released = accrued + accrued * vault.maxGrowthBps() * (block.timestamp - time) / YEAR_BPS;
        assertEq(vault.totalAssets(), Math.min(sum, released), "totalAssets");
    }

    function invariant_depositsAndExitsBalance() public view {
        _kept(World.Promise.FlowsBalance);
    }

    function invariant_aRebalanceChangesNoSupplyAndALossMintsNoFee() public view {
        _kept(World.Promise.SupplyMovesOnlyWithFlows);
    }

    function invariant_navFloorOfEachMove() public view {
        _kept(World.Promise.MoveKeepsNavFloor);
    }

    function invariant_dailyLossBudget() public view {
        _kept(World.Promise.DailyLossBudget);
    }

    function invariant_noPriceJumpBeyondTheUnlockRate() public view {
        _kept(World.Promise.PriceRisesOnlyAtTheRate);
    }

    function invariant_noStrayAssetOrAllowance() public view {
        _kept(World.Promise.NothingStray);
    }

    function invariant_noKeeperCallLeavesABreach() public view {
        _kept(World.Promise.KeeperLeavesNoBreach);
    }

    function invariant_flashLoanRaisesNoLimit() public view {
        _kept(World.Promise.FlashLoanRaisesNoLimit);
    }

    function invariant_cooldownAndRuleOfFour() public view {
        _kept(World.Promise.Cooldown);
    }

    function invariant_flowWithinBucket() public view {
        _kept(World.Promise.FlowWithinBucket);
    }

    function invariant_nothingAddsRiskWhileStopped() public view {
        _kept(World.Promise.NoRiskWhileStopped);
    }

    function invariant_aProofIsSingleUse() public view {
        _kept(World.Promise.ProofIsSingleUse);
    }

    function invariant_neitherKeeperNorStrangerTakesMoneyOut() public view {
        _kept(World.Promise.KeeperCannotTakeOut);
    }

    function invariant_aGuardianOnlyReducesRisk() public view {
        _kept(World.Promise.GuardianOnlyReduces);
    }

    function invariant_theSwitchTripsOnlyOnTruth() public view {
        _kept(World.Promise.SwitchTripsOnlyOnTruth);
    }

    function invariant_notTrippedWithinOneTransaction() public view {
        _kept(World.Promise.NotWithinOneTransaction);
    }

    function invariant_flowsAloneTripNothing() public view {
        _kept(World.Promise.FlowsTripNothing);
    }

    function invariant_oneRevertingVenueStopsNoOther() public view {
        _kept(World.Promise.OneVenueStopsNoOther);
    }

    function invariant_anExitClosesDeposits() public view {
        _kept(World.Promise.ExitClosesDeposits);
    }

    /// Nobody buys in while part of NAV is unknown.
    function invariant_depositsAreClosedWhilePartOfNavIsUnknown() public view {
        (, bool complete) = vault.nav();
        if (!complete) assertEq(vault.maxDeposit(world.actorAt(0)), 0);
    }

    /// Whatever was recovered for claims is there for them.
    function invariant_claimsAreCovered() public view {
        ISidePocket pocket = vault.sidePocket();
        uint256 owed;
        for (uint256 i; i < 4; ++i) {
            address venue = world.venueAt(i);
            for (uint256 epoch; epoch <= pocket.epochOf(venue); ++epoch) {
                for (uint256 j; j < 3; ++j) {
                    owed += pocket.claimable(venue, epoch, world.actorAt(j));
                }
            }
        }
        assertLe(owed, IERC20(vault.asset()).balanceOf(address(pocket)));
    }

    function invariant_balancesSumToSupply() public view {
        uint256 sum;
        for (uint256 i; i < 3; ++i) {
            sum += vault.balanceOf(world.actorAt(i));
        }
        assertEq(sum, vault.totalSupply());
    }

    /// The acts do what they are called: otherwise the rest says little.
    function test_TheWorldMoves() public {
        for (uint256 seed; seed < 60; ++seed) {
            world.observeVenues();
            world.passTime(12 hours, true);
            world.rebalanceAt(seed, true);
            world.keeperReduces(seed, 1000e6);
        }
        world.falter(0, 0);
        world.quarantine(0);
        world.leave(0, 1000e12, true);
        world.mend(0);
        world.recover(0);
        assertGt(world.done("rebalanced"), 5);
        assertGt(world.done("keeper reduced"), 5);
        assertGt(world.done("lost"), 0);
    }

    function _kept(World.Promise what) private view {
        assertEq(world.broken(what), 0);
    }
}
