// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Erc4626Adapter} from "../../../contracts/adapters/Erc4626Adapter.sol";
import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {LendingVenue} from "../../support/LendingVenue.sol";
import {TestAsset} from "../../support/TestAsset.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";

/// @notice The ERC-4626 adapter on a venue that lends, loses and fails (SPEC C9). On the real MetaMorpho: see integration.
contract Erc4626AdapterTest is BallastFixture {
    LendingVenue private venue;
    Erc4626Adapter private adapter;

    function setUp() public override {
        super.setUp();
        venue = new LendingVenue(usdc);
        adapter = new Erc4626Adapter(address(vault), address(venue));
        vm.prank(timelock);
        vault.listAdapter(address(adapter), CAP);
        deposit(alice, 1000e6);
        vm.prank(address(hub));
        vault.reallocate(one(address(adapter), 5000));
    }

    // SPEC C9
    function test_FiguresOfAHealthyPosition() public view {
        assertEq(adapter.value(), 500e6);
        assertEq(adapter.liquidity(), 500e6);
        assertEq(adapter.utilisation(), 0);
        assertEq(adapter.venueSize(), 500e6);
        (bool depositable, bool withdrawable) = adapter.health();
        assertTrue(depositable);
        assertTrue(withdrawable);
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

    function test_AnEmptyPosition() public {
        Erc4626Adapter empty = new Erc4626Adapter(address(vault), address(venue));
        assertEq(empty.value(), 0);
        assertEq(empty.utilisation(), 0);
        (, bool withdrawable) = empty.health();
        assertTrue(withdrawable);
        vm.prank(address(vault));
        empty.withdraw(type(uint256).max, "");
    }

    function test_ClosedToDeposits() public {
        vm.mockCall(address(venue), abi.encodeCall(IERC4626.maxDeposit, (address(adapter))), abi.encode(uint256(0)));
        (bool depositable,) = adapter.health();
        assertFalse(depositable);
    }

    // SPEC C10: everything that can be had, and the rest later.
    function test_WithdrawingTheMaximumTakesWhatIsThere() public {
        venue.lend(200e6);
        vm.prank(address(vault));
        adapter.withdraw(type(uint256).max, "");
        assertEq(adapter.value(), 200e6);
        venue.repay(200e6);
        vm.prank(address(vault));
        adapter.withdraw(type(uint256).max, "");
        assertEq(adapter.value(), 0);
        assertEq(venue.balanceOf(address(adapter)), 0);
    }

    // SPEC C1, C10: a venue that cannot be read closes deposits and passes the leaver on.
    function test_AnUnreadableVenue() public {
        venue.setUnreadable(true);
        vm.expectRevert(LendingVenue.Unreadable.selector);
        adapter.value();
        (uint256 nav, bool complete) = vault.nav();
        assertEq(nav, 500e6);
        assertFalse(complete);
        assertEq(vault.maxDeposit(alice), 0);
        vm.prank(alice);
        assertEq(vault.redeemFromReadable(1000e12, 0, alice, alice), 500e6);
    }

    // SPEC C9: a venue that takes less than it was given leaves no allowance behind, and the vault does not let it pass.
    function test_AVenueThatDoesNotTakeTheMoney() public {
        vm.mockCall(address(venue), abi.encodeCall(IERC4626.deposit, (100e6, address(adapter))), abi.encode(uint256(0)));
        uint256 snapshot = vm.snapshotState();
        usdc.mint(address(adapter), 100e6);
        vm.prank(address(vault));
        adapter.deposit(100e6, "");
        assertEq(usdc.allowance(address(adapter), address(venue)), 0);
        vm.revertToState(snapshot);

        vm.expectRevert(abi.encodeWithSelector(IVault.LossTooHigh.selector, 1000e6, 900e6, 50));
        vm.prank(address(hub));
        vault.reallocate(one(address(adapter), 6000));
    }

    function test_RevertIf_TheVenuesAssetIsAnother() public {
        LendingVenue other = new LendingVenue(new TestAsset());
        vm.expectRevert(abi.encodeWithSelector(Erc4626Adapter.AssetMismatch.selector, other.asset(), address(usdc)));
        new Erc4626Adapter(address(vault), address(other));
    }
}
