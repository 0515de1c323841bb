// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Erc4626Adapter} from "../../../contracts/adapters/Erc4626Adapter.sol";
import {IAdapter} from "../../../contracts/interfaces/IAdapter.sol";
import {ISwapper} from "../../../contracts/interfaces/ISwapper.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {LendingVenue} from "../../support/LendingVenue.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

/// @notice Rewards become idle assets, within the bounds of any other instruction (SPEC C5, C9).
contract HarvestTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
        rebalance(one(low, 5000));
        low.setRewards(10e6);
    }

    // SPEC C9
    function test_RewardsBecomeIdle() public {
        vm.expectCall(address(low), abi.encodeCall(low.harvest, (hex"c0ffee")));
        vm.expectEmit(address(vault));
        emit IVault.Harvested(address(low), 10e6);
        vm.prank(keeper);
        assertEq(hub.harvest(address(low), hex"c0ffee"), 10e6);
        assertEq(vault.idle(), 510e6);
        (uint256 nav,) = vault.nav();
        assertEq(nav, 1010e6);
    }

    function test_OnlyTheKeeperAndOnlyThroughTheHub() public {
        bytes32 role = hub.KEEPER_ROLE();
        address[4] memory others = [guardian, emergency, timelock, stranger];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, others[i], role)
            );
            vm.prank(others[i]);
            hub.harvest(address(low), "");
            vm.expectRevert(abi.encodeWithSelector(IVault.OnlyHub.selector, others[i]));
            vm.prank(others[i]);
            vault.harvest(address(low), "");
        }
    }

    // SPEC C5: a harvest that costs more than it brings is bounded as any other move, and counted.
    function test_LossEdge() public {
        low.setRewards(0);
        low.setHook(address(low), abi.encodeCall(low.lose, (5e6 + 1)));
        vm.expectRevert(abi.encodeWithSelector(IVault.LossTooHigh.selector, 1000e6, 995e6 - 1, 50));
        vm.prank(keeper);
        hub.harvest(address(low), "");
        low.setHook(address(low), abi.encodeCall(low.lose, (5e6)));
        vm.prank(keeper);
        hub.harvest(address(low), "");
        (, uint256 used) = vault.dailyLoss();
        assertEq(used, 5e6);
    }

    // SPEC C4: it adds to no venue, so neither a pause nor an unreadable neighbour stops it.
    function test_WorksPausedAndBesideAnUnreadableVenue() public {
        vm.prank(guardian);
        vault.pauseDeposits();
        mid.setFaults(Fault.Revert, Fault.None, Fault.None);
        vm.prank(keeper);
        assertEq(hub.harvest(address(low), ""), 10e6);
    }

    function test_RevertIf_QuarantinedNotListedOrHeldDirectly() public {
        LendingVenue venue = new LendingVenue(usdc);
        vm.prank(timelock);
        vault.listVenue(address(venue), CAP);
        vm.startPrank(keeper);
        vm.expectRevert(IVault.UnexpectedData.selector);
        hub.harvest(address(venue), "");
        vm.expectRevert(abi.encodeWithSelector(IVault.AdapterNotListed.selector, stranger));
        hub.harvest(stranger, "");
        low.setFaults(Fault.Revert, Fault.None, Fault.None);
        vault.accrue();
        vm.expectRevert(abi.encodeWithSelector(IVault.VenueQuarantined.selector, address(low)));
        hub.harvest(address(low), "");
        vm.stopPrank();
    }

    // SPEC C9: plain lending has nothing to harvest, and says so.
    function test_RevertIf_TheVenueHasNoRewards() public {
        Erc4626Adapter adapter =
            new Erc4626Adapter(address(vault), address(new LendingVenue(usdc)), ISwapper(address(0)));
        vm.prank(timelock);
        vault.listAdapter(address(adapter), CAP);
        vm.expectRevert(IAdapter.NothingToHarvest.selector);
        vm.prank(keeper);
        hub.harvest(address(adapter), "");
    }
}
