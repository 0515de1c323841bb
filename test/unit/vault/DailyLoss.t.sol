// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {ScriptedAdapter} from "../../support/ScriptedAdapter.sol";

/// @notice What the keeper's instructions may lose in a day (SPEC C5): 1 % of NAV here, half a percent in one.
contract DailyLossTest is BallastFixture {
    uint256 private constant NAV = 1_000_000e6;

    function setUp() public override {
        super.setUp();
        deposit(alice, NAV);
        rebalance(two(low, 5000, mid, 4500));
        low.setFees(0, 100);
        mid.setFees(0, 100);
    }

    // SPEC C5: to the unit.
    function test_BudgetEdge() public {
        vm.expectEmit(address(vault));
        emit IVault.LossBooked(2500e6, 2500e6);
        _reduce(low, 250_000e6);
        vm.expectEmit(address(vault));
        emit IVault.LossBooked(4000e6, 6500e6);
        _reduce(mid, 400_000e6);
        // NAV is 993 500 now, so the budget is 9 935: 2 % of 171 750 are what is left of it.
        low.setFees(0, 200);
        vm.expectRevert(abi.encodeWithSelector(IVault.DailyLossExceeded.selector, 9935e6 + 1, 9935e6));
        _reduce(low, 171_750e6 + 50);
        _reduce(low, 171_750e6);
        _assertUsed(9935e6);
    }

    // SPEC C5: a rebalance is an instruction as well.
    function test_ARebalanceCounts() public {
        high.setFees(500, 0);
        pass(COOLDOWN);
        low.setFees(0, 0);
        rebalance(two(low, 4500, high, 500));
        _assertUsed(2500e6);
    }

    // SPEC C5: forgotten a day after the last loss, not a second earlier.
    function test_ForgottenAfterADayWithoutALoss() public {
        _reduce(low, 400_000e6);
        skip(1 days - 1);
        _assertUsed(4000e6);
        skip(1);
        _assertUsed(0);
    }

    // SPEC C5: losses that follow one another within a day all count, however long ago the first was.
    function test_ALossWithinTheDayKeepsTheEarlierOnes() public {
        _reduce(low, 400_000e6);
        skip(23 hours);
        _reduce(mid, 100_000e6);
        skip(23 hours);
        _assertUsed(5000e6);
        skip(1 hours);
        _assertUsed(0);
    }

    // SPEC C5, C10: who guards is not held up by what the keeper has used, and uses up nothing of it.
    function test_AGuardiansReductionIsNotCounted() public {
        vm.prank(timelock);
        vault.setDailyLoss(0);
        vm.expectRevert(abi.encodeWithSelector(IVault.DailyLossExceeded.selector, 1000e6, 0));
        _reduce(low, 100_000e6);
        address[2] memory guards = [guardian, emergency];
        for (uint256 i; i < guards.length; ++i) {
            vm.prank(guards[i]);
            hub.reduce(address(low), 100_000e6, 0, "");
        }
        _assertUsed(0);
        assertEq(low.book(), 300_000e6);
    }

    // SPEC C5: the bound of one instruction holds for guardians too.
    function test_RevertIf_AGuardiansReductionLosesTooMuchAtOnce() public {
        low.setFees(0, 101);
        vm.expectRevert(abi.encodeWithSelector(IVault.LossTooHigh.selector, NAV, NAV - 5050e6, 50));
        vm.prank(guardian);
        hub.reduce(address(low), 500_000e6, 0, "");
    }

    // SPEC C10: neither does an exit count.
    function test_AnExitIsNotCounted() public {
        vm.prank(emergency);
        vault.exit(address(low), "");
        _assertUsed(0);
    }

    // SPEC C5: what leavers give up is theirs, not the keeper's.
    function test_ALeaversCostIsNotCounted() public {
        vm.prank(alice);
        vault.redeemFrom(address(low), 100_000e12, 99_000e6, alice, alice, "");
        _assertUsed(0);
    }

    // SPEC C5: lowered at once, it holds at once.
    function test_ALowerBudgetHoldsAtOnce() public {
        _reduce(low, 400_000e6);
        vm.prank(guardian);
        vault.setDailyLoss(40);
        vm.expectRevert(abi.encodeWithSelector(IVault.DailyLossExceeded.selector, 4000e6 + 3, 3984e6));
        _reduce(mid, 300);
    }

    // SPEC C5: over any sequence, the losses of any 24 hours are at most 1 % of what there was.
    function testFuzz_NoWindowOfADayHoldsMoreThanTheBudget(uint256[20] memory raw) public {
        uint256[20] memory losses;
        uint256[20] memory times;
        uint256 counted;
        for (uint256 i; i < raw.length; ++i) {
            ScriptedAdapter venue = raw[i] % 2 == 0 ? low : mid;
            venue.setFees(0, (raw[i] >> 8) % 150);
            (uint256 navBefore,) = vault.nav();
            uint256 assets = venue.book() / (1 + (raw[i] >> 32) % 8);
            vm.prank(keeper);
            try hub.reduce(address(venue), assets, 0, "") {
                (uint256 navAfter,) = vault.nav();
                losses[i] = navBefore - navAfter;
                ++counted;
            } catch {}
            times[i] = vm.getBlockTimestamp();
            skip((raw[i] >> 64) % 30 hours);
        }
        assertGt(counted, 0);
        for (uint256 i; i < raw.length; ++i) {
            uint256 sum;
            for (uint256 j = i; j < raw.length && times[j] < times[i] + 1 days; ++j) {
                sum += losses[j];
            }
            // Two units of each instruction are rounding.
            assertLe(sum, NAV / 100 + 2 * raw.length);
        }
    }

    function _reduce(ScriptedAdapter venue, uint256 assets) private {
        vm.prank(keeper);
        hub.reduce(address(venue), assets, 0, "");
    }

    function _assertUsed(uint256 expected) private view {
        (, uint256 used) = vault.dailyLoss();
        assertEq(used, expected);
    }
}
