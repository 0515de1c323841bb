// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vault} from "../../../contracts/Vault.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {Position} from "../../../contracts/types/Position.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {LendingVenue} from "../../support/LendingVenue.sol";
import {Fault, ScriptedAdapter} from "../../support/ScriptedAdapter.sol";
import {TestAsset} from "../../support/TestAsset.sol";

/// @title AsynchronousVenue
/// @notice An ERC-7540 vault: redemptions are requested, so that no preview of one is possible.
contract AsynchronousVenue is LendingVenue {
    constructor(TestAsset asset) LendingVenue(asset) {}

    function previewRedeem(uint256) public pure override returns (uint256) {
        // The standard asks for a revert and for no reason.
        // solhint-disable-next-line reason-string, gas-custom-errors
        revert();
    }
}

/// @notice What may be on the vault's list of positions, and how it comes and goes (SPEC C5, C13).
contract ListingTest is BallastFixture {
    // SPEC C5, C13
    function test_ListAdapterAppendsItToTheQueue() public {
        ScriptedAdapter fourth = newAdapter();
        vm.expectEmit(address(vault));
        emit IVault.PositionListed(address(fourth), 5e6, false);
        list(fourth, 5e6);
        (bool listed, uint256 cap) = vault.adapterConfig(address(fourth));
        assertTrue(listed);
        assertEq(cap, 5e6);
        assertEq(vault.adapters().length, 4);
        assertEq(vault.adapters()[3], address(fourth));
        (, bool direct, bool quarantined) = vault.positionKind(address(fourth));
        assertFalse(direct);
        assertFalse(quarantined);
    }

    // SPEC C5: each is named by the lowest number that is free, for as long as it is listed, wherever in the queue it stands.
    function test_IdsAreTheLowestFreeAndStay() public {
        ScriptedAdapter fourth = newAdapter();
        list(fourth, CAP);
        _assertIds([address(low), address(mid), address(high), address(fourth)]);
        address[] memory order = new address[](4);
        (order[0], order[1], order[2], order[3]) = (address(fourth), address(high), address(mid), address(low));
        vm.startPrank(timelock);
        vault.setExitQueue(order);
        _assertIds([address(low), address(mid), address(high), address(fourth)]);
        vault.setAdapterCap(address(mid), 1);
        vault.delist(address(mid));
        vm.stopPrank();
        assertEq(Position.unwrap(vault.position(address(mid))), 0);
        ScriptedAdapter fifth = newAdapter();
        list(fifth, CAP);
        _assertIds([address(low), address(fifth), address(high), address(fourth)]);
    }

    function _assertIds(address[4] memory expected) private view {
        for (uint256 i; i < 4; ++i) {
            Position position = vault.position(expected[i]);
            assertEq(position.account(), expected[i]);
            assertEq(position.id(), i);
        }
    }

    function test_RevertIf_ListedTwice() public {
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterAlreadyListed.selector, address(low)));
        vault.listAdapter(address(low), 1);
        LendingVenue venue = new LendingVenue(usdc);
        vm.prank(timelock);
        vault.listVenue(address(venue), 1);
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterAlreadyListed.selector, address(venue)));
        vault.listVenue(address(venue), 1);
    }

    function test_RevertIf_AdapterServesAnotherVaultOrAsset() public {
        Vault other = new Vault(new TestAsset(), "Other", "OTH", timelock, CAP, 0, 0, 0);
        ScriptedAdapter foreign = new ScriptedAdapter(address(other));
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterMismatch.selector, address(foreign)));
        vault.listAdapter(address(foreign), 1);

        ScriptedAdapter wrongAsset = newAdapter();
        vm.mockCall(address(wrongAsset), abi.encodeWithSignature("asset()"), abi.encode(stranger));
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterMismatch.selector, address(wrongAsset)));
        vault.listAdapter(address(wrongAsset), 1);
    }

    function test_RevertIf_ListedAdapterCannotBeRead() public {
        ScriptedAdapter fourth = newAdapter();
        fourth.setFaults(Fault.Revert, Fault.None, Fault.None);
        _expectFromTimelock(abi.encodeWithSelector(IVault.VenueUnreadable.selector, address(fourth)));
        vault.listAdapter(address(fourth), 1);
    }

    function test_RevertIf_TheCapDoesNotFit() public {
        uint256 most = type(uint88).max;
        ScriptedAdapter fourth = newAdapter();
        _expectFromTimelock(abi.encodeWithSelector(IVault.CapTooLarge.selector, most + 1, most));
        vault.listAdapter(address(fourth), most + 1);
        list(fourth, most);
    }

    // SPEC C5: sixteen and no more, because every deposit reads them all.
    function test_RevertIf_ASeventeenthIsListed() public {
        for (uint256 i = 3; i < vault.MAX_ADAPTERS(); ++i) {
            list(newAdapter(), CAP);
        }
        ScriptedAdapter one_ = newAdapter();
        _expectFromTimelock(abi.encodeWithSelector(IVault.TooManyAdapters.selector, 16));
        vault.listAdapter(address(one_), 1);
        // The full house still works.
        deposit(alice, 1000e6);
        vm.prank(alice);
        vault.redeem(1000e12, alice, alice);
        assertEq(usdc.balanceOf(alice), 1000e6);
    }

    // ---------------------------------------------------------------------------------------------- held directly

    function test_ListVenueAppendsItToTheQueue() public {
        LendingVenue venue = new LendingVenue(usdc);
        vm.expectEmit(address(vault));
        emit IVault.PositionListed(address(venue), 7e6, true);
        vm.prank(timelock);
        vault.listVenue(address(venue), 7e6);
        (bool listed, bool direct, bool quarantined) = vault.positionKind(address(venue));
        assertTrue(listed);
        assertTrue(direct);
        assertFalse(quarantined);
        assertEq(vault.adapters()[3], address(venue));
    }

    function test_RevertIf_TheVenueIsTheVaultOrOverAnotherAsset() public {
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterMismatch.selector, address(vault)));
        vault.listVenue(address(vault), 1);
        LendingVenue other = new LendingVenue(new TestAsset());
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterMismatch.selector, address(other)));
        vault.listVenue(address(other), 1);
    }

    // SPEC C5: what is redeemed in its own time (ERC-7540) cannot be valued by what it would pay now.
    function test_RevertIf_ItDoesNotSayWhatAShareRedeemsFor() public {
        AsynchronousVenue venue = new AsynchronousVenue(usdc);
        _expectFromTimelock("");
        vault.listVenue(address(venue), 1);
    }

    // SPEC C5: of a share worth two units, up to two would be taken for one that is paid, and one more for rounding.
    function test_RevertIf_ItsSharesAreCoarse() public {
        LendingVenue venue = new LendingVenue(usdc);
        usdc.mint(address(this), 1000);
        usdc.approve(address(venue), 1000);
        venue.deposit(1000, address(this));
        venue.gain(1010);
        assertEq(venue.convertToAssets(1), 2);
        _expectFromTimelock(abi.encodeWithSelector(IVault.SharesTooCoarse.selector, address(venue), 2));
        vault.listVenue(address(venue), 1);
        venue.lose(20);
        assertEq(venue.convertToAssets(1), 1);
        vm.prank(timelock);
        vault.listVenue(address(venue), 1);
    }

    // ------------------------------------------------------------------------------------------------- and off again

    function test_DelistKeepsTheOrderOfTheOthers() public {
        vm.expectEmit(address(vault));
        emit IVault.PositionDelisted(address(low), 0);
        vm.prank(timelock);
        vault.delist(address(low));
        assertEq(vault.adapters().length, 2);
        assertEq(vault.adapters()[0], address(mid));
        assertEq(vault.adapters()[1], address(high));
        (bool listed, uint256 cap) = vault.adapterConfig(address(low));
        assertFalse(listed);
        assertEq(cap, 0);
        deposit(alice, 1000e6);
        rebalance(two(mid, 2000, high, 3000));
        assertEq(mid.book(), 200e6);
        assertEq(high.book(), 300e6);
    }

    // SPEC C5: whoever sends a position a unit does not keep it on the list; the unit comes home.
    function test_ADonatedUnitDoesNotKeepItOnTheList() public {
        deposit(alice, 1000e6);
        low.gain(1);
        vm.expectEmit(address(vault));
        emit IVault.PositionDelisted(address(low), 1000e6 + 1);
        vm.prank(timelock);
        vault.delist(address(low));
        assertEq(vault.idle(), 1000e6 + 1);
        // A gift moves no price at once.
        assertEq(vault.totalAssets(), 1000e6);
    }

    // SPEC C5: two units may stay behind, three may not.
    function test_DustEdge() public {
        low.gain(3);
        low.setLiquidityCap(0);
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterNotEmpty.selector, address(low), 3));
        vault.delist(address(low));
        low.lose(1);
        vm.prank(timelock);
        vault.delist(address(low));
    }

    // SPEC C5: a position with money in it that pays is emptied on the way.
    function test_DelistEmptiesThePosition() public {
        deposit(alice, 1000e6);
        rebalance(one(low, 5000));
        vm.prank(timelock);
        vault.delist(address(low));
        assertEq(low.book(), 0);
        assertEq(vault.idle(), 1000e6);
    }

    function test_RevertIf_DelistedCannotBeReadIsQuarantinedOrNotListed() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        _expectFromTimelock(abi.encodeWithSelector(IVault.VenueUnreadable.selector, address(low)));
        vault.delist(address(low));
        vault.accrue();
        _expectFromTimelock(abi.encodeWithSelector(IVault.VenueQuarantined.selector, address(low)));
        vault.delist(address(low));
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterNotListed.selector, stranger));
        vault.delist(stranger);
    }

    // SPEC C5: a position that was delisted empty may come again.
    function test_ADelistedPositionMayBeListedAgain() public {
        vm.startPrank(timelock);
        vault.delist(address(low));
        vault.listAdapter(address(low), 5e6);
        vm.stopPrank();
        assertEq(vault.adapters()[2], address(low));
        (, uint256 cap) = vault.adapterConfig(address(low));
        assertEq(cap, 5e6);
    }

    // SPEC C10: a position that was written off may not; its recoveries belong to others in part.
    function test_RevertIf_AWrittenOffPositionIsListedAgain() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vault.accrue();
        vm.prank(timelock);
        vault.writeOff(address(low));
        low.setFaults(Fault.None, Fault.None, Fault.None);
        _expectFromTimelock(abi.encodeWithSelector(IVault.AdapterAlreadyListed.selector, address(low)));
        vault.listAdapter(address(low), 5e6);
    }

    function _expectFromTimelock(bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(timelock);
    }
}
