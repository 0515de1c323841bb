// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Erc4626Adapter} from "../../../contracts/adapters/Erc4626Adapter.sol";
import {RewardAdapterBase, RewardSale} from "../../../contracts/adapters/RewardAdapterBase.sol";
import {IAdapter} from "../../../contracts/interfaces/IAdapter.sol";
import {AdapterOwner} from "../../support/AdapterOwner.sol";
import {LendingVenue} from "../../support/LendingVenue.sol";
import {SwapFixture} from "../../support/SwapFixture.sol";
import {TestAsset} from "../../support/TestAsset.sol";
import {TestToken} from "../../support/TestToken.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";

/// @notice The ERC-4626 adapter on a venue that lends, loses and fails (SPEC C9). What every adapter owes: see conformance.
contract Erc4626AdapterTest is SwapFixture {
    TestAsset private usdc;
    LendingVenue private venue;
    AdapterOwner private owner;
    Erc4626Adapter private adapter;

    function setUp() public {
        usdc = new TestAsset();
        deploySwaps(address(usdc));
        venue = new LendingVenue(usdc);
        owner = new AdapterOwner(address(usdc));
        adapter = new Erc4626Adapter(address(owner), address(venue), swapper);
        usdc.mint(address(owner), 500e6);
        owner.deposit(adapter, 500e6, 500e6, "");
    }

    function giveAsset(address to, uint256 amount) internal override {
        usdc.mint(to, amount);
    }

    // SPEC C9
    function test_FiguresOfAHealthyPosition() public view {
        assertEq(adapter.value(), 500e6);
        assertEq(adapter.liquidity(), 500e6);
        assertEq(adapter.utilisation(), 0);
        assertEq(adapter.venueSize(), 500e6);
    }

    // SPEC C9: utilisation is the part of the position that could not be had now, rounded up.
    function test_UtilisationOfAPartlyLentPosition() public {
        venue.lend(200e6);
        assertEq(adapter.liquidity(), 300e6);
        assertEq(adapter.utilisation(), 0.4e18);
        venue.lend(300e6 - 1);
        assertEq(adapter.utilisation(), (uint256(500e6 - 1) * 1e18 + 500e6 - 1) / 500e6);
        venue.lend(1);
        assertEq(adapter.utilisation(), 1e18);
        (, bool withdrawable) = adapter.health();
        assertFalse(withdrawable);
    }

    function test_ClosedToDeposits() public {
        vm.mockCall(address(venue), abi.encodeCall(IERC4626.maxDeposit, (address(adapter))), abi.encode(uint256(0)));
        (bool depositable,) = adapter.health();
        assertFalse(depositable);
    }

    // SPEC C10: shares that are worth nothing do not make a venue look stuck.
    function test_DustIsNotStuck() public {
        owner.withdraw(adapter, type(uint256).max, "");
        vm.mockCall(address(venue), abi.encodeCall(venue.balanceOf, (address(adapter))), abi.encode(uint256(1)));
        vm.mockCall(address(venue), abi.encodeCall(IERC4626.previewRedeem, (1)), abi.encode(uint256(0)));
        (, bool withdrawable) = adapter.health();
        assertTrue(withdrawable);
    }

    // SPEC C9: a venue that takes less than it was given leaves no allowance behind.
    function test_AVenueThatDoesNotTakeTheMoney() public {
        vm.mockCall(address(venue), abi.encodeCall(IERC4626.deposit, (100e6, address(adapter))), abi.encode(uint256(0)));
        usdc.mint(address(owner), 100e6);
        owner.deposit(adapter, 100e6, 0, "");
        assertEq(usdc.allowance(address(adapter), address(venue)), 0);
        assertEq(adapter.value(), 500e6);
    }

    function test_RevertIf_TheVenuesAssetIsAnother() public {
        LendingVenue other = new LendingVenue(new TestAsset());
        vm.expectRevert(abi.encodeWithSelector(Erc4626Adapter.AssetMismatch.selector, other.asset(), address(usdc)));
        new Erc4626Adapter(address(owner), address(other), swapper);
    }

    // SPEC C1: a venue whose shares have been inflated would round whole dollars away; just below two units are the most.
    function test_RevertIf_TheVenuesSharesAreTooCoarse() public {
        venue.gain(venue.totalAssets() - 1);
        assertEq(venue.convertToAssets(1), 1);
        new Erc4626Adapter(address(owner), address(venue), swapper);
        venue.gain(2);
        assertEq(venue.convertToAssets(1), 2);
        vm.expectRevert(abi.encodeWithSelector(Erc4626Adapter.SharesTooCoarse.selector, 2, 1));
        new Erc4626Adapter(address(owner), address(venue), swapper);
    }

    // SPEC C4: even at the coarsest a part lowers the value by no more than the vault lets pass.
    function testFuzz_AtTheCoarsestAPartLowersTheValueByTwoUnitsMoreAtMost(uint256 part) public {
        venue.gain(venue.totalAssets() - 1);
        part = bound(part, 1, adapter.value());
        (uint256 received, uint256 lowered) = owner.withdraw(adapter, part, "");
        assertEq(received, part);
        assertLe(lowered, part + 2);
    }

    // SPEC C9, C10: what a venue calls worthless is not handed to it; what it is worth again, is taken.
    function test_AWorthlessPositionIsKept() public {
        uint256 shares = venue.balanceOf(address(adapter));
        venue.lose(500e6);
        assertEq(adapter.value(), 0);
        (uint256 received,) = owner.withdraw(adapter, type(uint256).max, "");
        assertEq(received, 0);
        assertEq(venue.balanceOf(address(adapter)), shares);
        venue.gain(100e6);
        (received,) = owner.withdraw(adapter, type(uint256).max, "");
        assertGt(received, 99e6);
        assertEq(venue.balanceOf(address(adapter)), 0);
    }

    // SPEC C9: rewards in several tokens, by a route of the keeper's and by the default one; the asset itself is passed on.
    function test_SeveralRewardsAreSoldAndTheAssetIsPassedOn() public {
        TestToken second = new TestToken("RWD2", 18);
        prices.list(address(second), 1e8);
        swapper.setTolerance(address(second), VOLATILE_BPS);
        second.mint(address(market), 100_000_000e18);
        usdc.mint(address(market), 100_000_000e6);
        market.open(address(usdc), address(second));

        reward.mint(address(adapter), 100e18);
        second.mint(address(adapter), 100e18);
        usdc.mint(address(adapter), 7e6);
        RewardSale[] memory sales = new RewardSale[](3);
        sales[0] = RewardSale(address(reward), "");
        sales[1] = RewardSale(address(second), market.route(address(second), address(usdc), 100e18, address(swapper)));
        sales[2] = RewardSale(address(usdc), "");
        uint256 received = owner.harvest(adapter, abi.encode(sales));
        assertApproxEqRel(received, 307e6, 0.001e18);
        assertEq(second.balanceOf(address(adapter)), 0);
        assertEq(usdc.balanceOf(address(adapter)), 0);
        assertEq(adapter.value(), 500e6);
    }

    // SPEC C9: what a route leaves unsold stays for the next harvest, and no allowance with it.
    function test_APartlySoldRewardIsSoldNextTime() public {
        reward.mint(address(adapter), 100e18);
        owner.harvest(
            adapter, sale(address(reward), market.route(address(reward), address(usdc), 30e18, address(swapper)))
        );
        assertEq(reward.balanceOf(address(adapter)), 70e18);
        assertEq(reward.allowance(address(adapter), address(swapper)), 0);
        owner.harvest(adapter, saleByDefaultRoute());
        assertEq(reward.balanceOf(address(adapter)), 0);
    }

    // SPEC C9: the position is no reward, and nothing is nothing.
    function test_RevertIf_ThePositionOrNothingIsHarvested() public {
        vm.expectRevert(abi.encodeWithSelector(RewardAdapterBase.NotAReward.selector, address(venue)));
        owner.harvest(adapter, sale(address(venue), ""));
        bytes memory data = saleByDefaultRoute();
        vm.expectRevert(IAdapter.NothingToHarvest.selector);
        owner.harvest(adapter, data);
        vm.expectRevert(IAdapter.NothingToHarvest.selector);
        owner.harvest(adapter, "");
        usdc.mint(address(adapter), 1);
        vm.expectRevert(IAdapter.UnexpectedData.selector);
        owner.harvest(adapter, sale(address(usdc), hex"00"));
    }
}
