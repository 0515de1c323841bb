// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {AdapterOwner} from "../support/AdapterOwner.sol";
import {ConformanceVenue} from "./ConformanceVenue.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title AdapterConformance
/// @notice What every adapter owes its vault (SPEC C9), tested on the real venue that a subclass deploys through the hooks of
/// {ConformanceVenue}.
abstract contract AdapterConformance is ConformanceVenue {
    /// @dev By how much more than was asked of it the vault lets a position's value fall ({Vault.DUST}); more undoes a leaver's exit.
    uint256 internal constant DUST = 2;

    // --------------------------------------------------------------------------------------------------------- identity

    // SPEC C9
    function test_ServesItsVaultAndItsVenue() public view {
        assertEq(adapter.vault(), address(owner));
        assertEq(adapter.asset(), address(asset));
        assertGt(adapter.venue().code.length, 0);
        assertGt(adapter.venueSize(), 0);
        (bool depositable, bool withdrawable) = adapter.health();
        assertTrue(depositable);
        assertTrue(withdrawable);
    }

    // SPEC C9
    function test_AnEmptyPositionIsWorthNothingAndLeavesNothing() public {
        assertEq(adapter.value(), 0);
        assertEq(adapter.liquidity(), 0);
        assertEq(adapter.exitLiquidity(), 0);
        assertLe(adapter.utilisation(), 1e18);
        assertEq(leave(), 0);
        assertEmpty();
    }

    // SPEC C9: only the vault moves it.
    function test_RevertIf_CalledByAnyoneButTheVault() public {
        enter(100 * unit);
        address[3] memory callers = [makeAddr("stranger"), address(adapter), adapter.venue()];
        for (uint256 i; i < callers.length; ++i) {
            bytes memory refusal = abi.encodeWithSelector(IAdapter.OnlyVault.selector, callers[i]);
            vm.startPrank(callers[i]);
            vm.expectRevert(refusal);
            adapter.deposit(1, "");
            vm.expectRevert(refusal);
            adapter.withdraw(1, "");
            vm.expectRevert(refusal);
            adapter.harvest("");
            vm.stopPrank();
        }
    }

    // SPEC C9: plain lending takes no instructions.
    function test_RevertIf_InstructedWhereNothingIsToBeInstructed() public {
        vm.skip(!refusesData());
        mintAsset(address(owner), 100 * unit);
        vm.expectRevert(IAdapter.UnexpectedData.selector);
        owner.deposit(adapter, 100 * unit, 0, hex"00");
        enter(100 * unit);
        vm.expectRevert(IAdapter.UnexpectedData.selector);
        owner.withdraw(adapter, unit, hex"00");
    }

    // ------------------------------------------------------------------------------------------- paying in and taking out

    // SPEC C9: what goes in is worth what it was, less the venue's stated cost; nothing is left lying about.
    function testFuzz_ADepositIsWorthWhatWasPaid(uint256 assets) public {
        assets = bound(assets, minAssets(), maxAssets());
        uint256 size = adapter.venueSize();
        uint256 gained = enter(assets);
        assertApproxEqAbs(gained, assets, allowedMiss(assets, maxEntryCostBps()));
        assertApproxEqAbs(adapter.venueSize(), size + assets, allowedMiss(size + assets, 1 + maxEntryCostBps()));
        assertLe(adapter.liquidity(), adapter.exitLiquidity());
        assertLe(adapter.exitLiquidity(), adapter.value());
        assertLe(adapter.utilisation(), 1e18);
        assertClean();
    }

    // SPEC C9: value is what really comes out, at any size and after any time, without instructions too.
    function testFuzz_ValueIsWhatComesOut(uint256 assets, uint256 time) public {
        enter(bound(assets, minAssets(), maxAssets()));
        pass(bound(time, 0, 365 days));
        uint256 value = adapter.value();
        if (isLossless()) assertEq(adapter.liquidity(), value);
        else assertLe(adapter.liquidity(), adapter.exitLiquidity());
        assertApproxEqAbs(leave(), value, allowedMiss(value, exitToleranceBps()));
        assertEmpty();
    }

    // SPEC C9: a part taken out pays that part and lowers the value by it; the rest stays and comes out later.
    function testFuzz_APartPaysThatPartAndTheRestFollows(uint256 assets, uint256 part, uint256 time) public {
        enter(bound(assets, minAssets(), maxAssets()));
        pass(bound(time, 0, 365 days));
        uint256 value = adapter.value();
        part = bound(part, Math.min(minAssets(), value), value);
        // A rest that is too small for its tolerance cannot be sold.
        if (!isLossless() && value - part < minAssets()) part = value;
        (uint256 received, uint256 lowered) = owner.withdraw(adapter, part, exitData(part));
        if (isLossless()) assertEq(received, part);
        else assertApproxEqAbs(received, part, allowedMiss(part, exitToleranceBps()));
        assertApproxEqAbs(lowered, part, allowedMiss(part, exitToleranceBps()));
        assertLe(lowered, part + DUST);
        assertClean();
        uint256 rest = adapter.value();
        assertApproxEqAbs(leave(), rest, allowedMiss(rest, exitToleranceBps()));
        assertEmpty();
    }

    // SPEC C4, C9: whatever was given to adapter and venue, a part lowers the value by no more than was asked, so that nobody can keep a
    // leaver from leaving.
    function testFuzz_AfterAGiftAPartStillLowersTheValueByNoMoreThanAsked(uint256 assets, uint256 gift, uint256 part)
        public
    {
        enter(bound(assets, 10 * minAssets(), maxAssets()));
        gift = bound(gift, 1, maxAssets());
        donateToVenue(gift);
        mintAsset(address(adapter), gift);
        uint256 value = adapter.value();
        part = bound(part, minAssets(), value - minAssets());
        (, uint256 lowered) = owner.withdraw(adapter, part, exitData(part));
        assertLe(lowered, part + DUST);
    }

    // SPEC C4, C9: nor when all but a few units are asked for, which a venue may not be able to keep apart.
    function testFuzz_AllButAFewUnitsLowerTheValueByNoMoreThanAsked(uint256 assets, uint256 rest) public {
        enter(bound(assets, minAssets(), maxAssets()));
        uint256 part = adapter.value() - bound(rest, 0, 15);
        (, uint256 lowered) = owner.withdraw(adapter, part, exitData(part));
        assertLe(lowered, part + DUST);
    }

    // SPEC C9: many small steps cost no more than their stated costs added up.
    function testFuzz_InSeveralStepsNothingIsLostOnTheWay(uint256[4] memory amounts) public {
        uint256 paid;
        for (uint256 i; i < amounts.length; ++i) {
            amounts[i] = bound(amounts[i], minAssets(), maxAssets() / amounts.length);
            paid += amounts[i];
            enter(amounts[i]);
            pass(1);
        }
        uint256 missable = allowedMiss(paid, maxEntryCostBps()) + roundingUnits() * amounts.length;
        assertGe(adapter.value() + missable, paid);
        uint256 received = leave();
        assertGe(received + missable + allowedMiss(paid, exitToleranceBps()), paid);
        assertEmpty();
    }

    // SPEC C9: more than there is cannot be taken, and trying costs nothing.
    function test_RevertIf_MoreThanThePositionIsTaken() public {
        enter(100 * unit);
        uint256 value = adapter.value();
        uint256 tooMuch = value + allowedMiss(value, exitToleranceBps()) + 1;
        vm.expectRevert();
        owner.withdraw(adapter, tooMuch, "");
        assertEq(adapter.value(), value);
    }

    // SPEC C9: two vaults in one venue do not touch each other's position.
    function test_AnotherVaultsPositionIsItsOwn() public {
        AdapterOwner other = new AdapterOwner(address(asset));
        IAdapter others = newAdapter(address(other));
        enter(1000 * unit);
        uint256 value = adapter.value();
        mintAsset(address(other), 1000 * unit);
        other.deposit(others, 1000 * unit, 0, entryData(1000 * unit));
        other.withdraw(others, type(uint256).max, "");
        assertApproxEqAbs(adapter.value(), value, allowedMiss(value, manipulationToleranceBps()));
        assertEq(others.value(), 0);
    }

    // SPEC C1: the vault gives each read bounded gas; every read stays below half of it with nothing warm.
    function test_EveryReadIsCheapEnoughForTheVault() public {
        enter(1000 * unit);
        bytes4[6] memory reads = [
            IAdapter.value.selector,
            IAdapter.liquidity.selector,
            IAdapter.exitLiquidity.selector,
            IAdapter.utilisation.selector,
            IAdapter.venueSize.selector,
            IAdapter.health.selector
        ];
        address[] memory critical = criticalContracts();
        for (uint256 i; i < reads.length; ++i) {
            vm.cool(address(adapter));
            for (uint256 j; j < critical.length; ++j) {
                vm.cool(critical[j]);
            }
            (bool ok,) = address(adapter).staticcall{gas: READ_GAS}(abi.encodePacked(reads[i]));
            assertTrue(ok, vm.toString(abi.encodePacked(reads[i])));
        }
    }

    // ------------------------------------------------------------------------------------------- gifts and manipulation

    // SPEC C9: assets sent to adapter or venue take nothing from the position and do not stop it.
    function testFuzz_AGiftOfAssetsTakesNothing(uint256 assets, uint256 gift) public {
        enter(bound(assets, unit, maxAssets()));
        gift = bound(gift, 1, maxAssets());
        uint256 value = adapter.value();
        donateToVenue(gift);
        assertGe(adapter.value() + roundingUnits(), value);
        mintAsset(address(adapter), gift);
        value = adapter.value();
        enter(10 * unit);
        uint256 worth = adapter.value();
        assertGe(worth + allowedMiss(10 * unit, maxEntryCostBps()), value + 10 * unit);
        assertGe(leave() + allowedMiss(worth, exitToleranceBps()), worth);
        assertEq(adapter.value(), 0);
    }

    // SPEC C9: receipts sent to the adapter are a gift: they count for what they pay.
    function testFuzz_AGiftOfReceiptsCountsForWhatItPays(uint256 gift) public {
        vm.skip(!supportsReceiptGifts());
        enter(1000 * unit);
        gift = bound(gift, minAssets(), maxAssets());
        uint256 value = adapter.value();
        giveReceipts(gift);
        assertApproxEqAbs(adapter.value(), value + gift, allowedMiss(gift, 1 + exitToleranceBps()));
        value = adapter.value();
        assertApproxEqAbs(leave(), value, allowedMiss(value, exitToleranceBps()));
        assertEmpty();
    }

    // SPEC C9: never valued at a spot state that a flash loan can push.
    function test_ASpotPushDoesNotMoveTheValue() public {
        vm.skip(!supportsManipulation());
        enter(100_000 * unit);
        uint256 value = adapter.value();
        manipulate();
        assertApproxEqAbs(adapter.value(), value, allowedMiss(value, manipulationToleranceBps()));
    }

    // SPEC C9: on a pushed venue a move either stays within its stated cost or does not happen.
    function test_ASpotPushCostsAMoveNoMoreThanItsBound() public {
        vm.skip(!supportsManipulation());
        enter(100_000 * unit);
        manipulate();
        uint256 value = adapter.value();
        bytes memory data = entryData(1000 * unit);
        mintAsset(address(owner), 1000 * unit);
        try owner.deposit(adapter, 1000 * unit, 0, data) returns (uint256 gained) {
            assertGe(gained + allowedMiss(1000 * unit, maxEntryCostBps()), 1000 * unit);
        } catch {
            assertEq(adapter.value(), value);
        }
        value = adapter.value();
        try owner.withdraw(adapter, type(uint256).max, "") returns (uint256 received, uint256) {
            assertGe(received + allowedMiss(value, exitToleranceBps()), value);
        } catch {
            assertEq(adapter.value(), value);
        }
    }

    // SPEC C9: a loss shows in the value at once, and what is left comes out.
    function test_AVenuesLossLowersTheValueAtOnce() public {
        vm.skip(!supportsLoss());
        enter(1000 * unit);
        uint256 value = adapter.value();
        loseHalf();
        uint256 left = adapter.value();
        assertApproxEqRel(left, value / 2, 0.01e18);
        assertApproxEqAbs(leave(), left, allowedMiss(left, exitToleranceBps()));
        assertEmpty();
    }

    // ---------------------------------------------------------------------------------------------------- venue's states

    // SPEC C9: what it says can be had can be had, to the unit, and the rest is still there.
    function testFuzz_APartlyLiquidVenuePaysExactlyWhatItSays(uint256 left) public {
        vm.skip(!supportsIlliquidity());
        enter(100_000 * unit);
        uint256 value = adapter.value();
        left = bound(left, unit, 50_000 * unit);
        makeIlliquid(left);
        assertGe(adapter.value() + roundingUnits(), value);
        uint256 can = adapter.exitLiquidity();
        assertApproxEqAbs(can, left, allowedMiss(left, exitToleranceBps()));
        if (isLossless()) assertEq(adapter.liquidity(), can);
        uint256 tooMuch = can + allowedMiss(left, exitToleranceBps()) + 1;
        vm.expectRevert();
        owner.withdraw(adapter, tooMuch, "");

        (uint256 received,) = owner.withdraw(adapter, can, exitData(can));
        if (isLossless()) assertEq(received, can);
        else assertApproxEqAbs(received, can, allowedMiss(can, exitToleranceBps()));
        uint256 rest = adapter.value();
        assertApproxEqAbs(rest + can, value, allowedMiss(value, exitToleranceBps()) + roundingUnits());
        assertClean();

        restoreLiquidity();
        rest = adapter.value();
        assertApproxEqAbs(leave(), rest, allowedMiss(rest, exitToleranceBps()));
        assertEmpty();
    }

    // SPEC C10: "everything" from a partly liquid venue is what there is, now, and the rest another time.
    function test_EverythingOutOfAPartlyLiquidVenueIsWhatThereIs() public {
        vm.skip(!supportsIlliquidity());
        enter(100_000 * unit);
        makeIlliquid(1000 * unit);
        assertApproxEqAbs(leave(), 1000 * unit, allowedMiss(1000 * unit, exitToleranceBps()));
        makeIlliquid(0);
        assertApproxEqAbs(adapter.exitLiquidity(), 0, roundingUnits());
        (bool ok, bytes memory returned) =
            address(owner).call(abi.encodeCall(owner.withdraw, (adapter, type(uint256).max, "")));
        if (ok) assertLe(abi.decode(returned, (uint256)), roundingUnits());
        assertApproxEqAbs(adapter.value(), 99_000 * unit, allowedMiss(100_000 * unit, exitToleranceBps()));
        restoreLiquidity();
        leave();
        assertEmpty();
    }

    // SPEC C9: frozen takes nothing in and lets everything out.
    function test_AFrozenVenueTakesNothingAndPaysAll() public {
        vm.skip(!supportsFreeze());
        enter(1000 * unit);
        uint256 value = adapter.value();
        freezeVenue();
        (bool depositable, bool withdrawable) = adapter.health();
        assertFalse(depositable);
        assertTrue(withdrawable);
        bytes memory data = entryData(unit);
        mintAsset(address(owner), unit);
        vm.expectRevert();
        owner.deposit(adapter, unit, 0, data);
        assertApproxEqAbs(leave(), value, allowedMiss(value, exitToleranceBps()));
        assertEmpty();
    }

    // SPEC C9, C10: paused says so, promises nothing, keeps its value or cannot be read, and pays when it opens.
    function test_APausedVenuePromisesNothingAndPaysLater() public {
        vm.skip(!supportsPause());
        enter(1000 * unit);
        uint256 value = adapter.value();
        pauseVenue();
        (bool depositable, bool withdrawable) = adapter.health();
        assertFalse(depositable);
        assertFalse(withdrawable);
        assertEq(adapter.liquidity(), 0);
        assertEq(adapter.exitLiquidity(), 0);
        try adapter.value() returns (uint256 still) {
            assertApproxEqAbs(still, value, roundingUnits());
        } catch {}
        vm.expectRevert();
        owner.withdraw(adapter, unit, "");
        bytes memory data = entryData(unit);
        mintAsset(address(owner), unit);
        vm.expectRevert();
        owner.deposit(adapter, unit, 0, data);
        (bool ok, bytes memory returned) =
            address(owner).call(abi.encodeCall(owner.withdraw, (adapter, type(uint256).max, "")));
        if (ok) assertEq(abi.decode(returned, (uint256)), 0);

        unpauseVenue();
        assertApproxEqAbs(leave(), value, allowedMiss(value, exitToleranceBps()));
        assertEmpty();
    }

    // SPEC C9: with hostile code in the venue's place the position is unreadable, never worth a made-up number, and nothing moves.
    function test_AHostileVenueIsUnreadableAndMovesNothing() public {
        enter(1000 * unit);
        mintAsset(address(owner), unit);
        uint256 value = adapter.value();
        bytes memory data = entryData(unit);
        bytes memory exit = exitData(unit);
        bytes[4] memory hostile = [
            bytes(hex"5f5ffd"), // reverts
            hex"fe", // burns the gas it is given
            hex"5f5ff3", // answers nothing
            hex"5f195f5260205ff3" // answers the largest number to everything
        ];
        address[] memory critical = criticalContracts();
        for (uint256 i; i < critical.length; ++i) {
            bytes memory honest = critical[i].code;
            for (uint256 j; j < hostile.length; ++j) {
                vm.etch(critical[i], hostile[j]);
                (bool ok, bytes memory returned) =
                    address(adapter).staticcall{gas: 2 * READ_GAS}(abi.encodeCall(adapter.value, ()));
                // Above uint128 the vault takes it for unreadable.
                if (ok) assertGt(abi.decode(returned, (uint256)), type(uint128).max, "a made-up value");
                (ok,) = address(owner).call{gas: 20 * READ_GAS}(
                    abi.encodeCall(owner.deposit, (adapter, unit, unit / 2, data))
                );
                assertFalse(ok, "deposited into a hostile venue");
                (ok, returned) =
                    address(owner).call{gas: 20 * READ_GAS}(abi.encodeCall(owner.withdraw, (adapter, unit, exit)));
                if (ok) assertEq(abi.decode(returned, (uint256)), 0, "paid by a hostile venue");
                vm.etch(critical[i], honest);
                assertEq(asset.balanceOf(address(owner)), unit);
                assertApproxEqAbs(adapter.value(), value, roundingUnits());
            }
        }
        leave();
        assertEmpty();
    }

    // SPEC C9: without a price there is no value and no way in.
    function test_WithoutAPriceThereIsNoValueAndNoWayIn() public {
        vm.skip(!dependsOnOracle());
        enter(1000 * unit);
        mintAsset(address(owner), unit);
        bytes memory data = entryData(unit);
        makeOracleStale();
        vm.expectRevert();
        adapter.value();
        mintAsset(address(adapter), unit);
        vm.prank(address(owner));
        vm.expectRevert();
        adapter.deposit(unit, data);
    }

    // ----------------------------------------------------------------------------------------------------------- rewards

    // SPEC C9: rewards become assets of the vault, the position stays, nothing is left lying about.
    function test_RewardsBecomeAssetsOfTheVault() public {
        vm.skip(!supportsHarvest());
        enter(100_000 * unit);
        uint256 least = accrueRewards();
        uint256 value = adapter.value();
        uint256 received = owner.harvest(adapter, harvestData());
        assertGt(received, 0);
        assertGe(received, least);
        assertApproxEqAbs(adapter.value(), value, allowedMiss(value, manipulationToleranceBps()));
        assertClean();
        leave();
        assertEmpty();
    }

    // SPEC C9
    function test_RevertIf_HarvestedWhereThereIsNothing() public {
        vm.skip(supportsHarvest());
        enter(1000 * unit);
        vm.expectRevert(IAdapter.NothingToHarvest.selector);
        owner.harvest(adapter, "");
    }
}
