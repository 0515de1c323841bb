// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

/// @notice The way out while a venue cannot be read (SPEC C1, C10).
contract RedeemFromReadableTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 600e6);
        deposit(bob, 400e6);
        rebalance(two(low, 3000, mid, 3000));
    }

    function test_WithEveryVenueReadableItIsARedeem() public {
        uint256 expected = vault.previewRedeem(600e12);
        vm.prank(alice);
        assertEq(vault.redeemFromReadable(600e12, expected, alice, alice), expected);
    }

    // SPEC C10: the leaver gives up the unreadable part; those who stay lose nothing and keep it.
    function test_PaysThePartThatCanBeReadAndLeavesTheRestToTheOthers() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.Revert);
        vm.expectEmit(address(vault));
        emit IVault.RedeemedFromReadable(alice, alice, alice, 420e6, 600e12);
        vm.prank(alice);
        assertEq(vault.redeemFromReadable(600e12, 420e6, alice, alice), 420e6);

        low.setFaults(Fault.None, Fault.None, Fault.None);
        assertApproxEqAbs(vault.convertToAssets(vault.balanceOf(bob)), 280e6 + 300e6, 1);
    }

    // SPEC C10: every kind of unreadable.
    function test_EveryReadFaultIsSurvived() public {
        Fault[3] memory faults = [Fault.Revert, Fault.BurnGas, Fault.HugeReturn];
        for (uint256 i; i < faults.length; ++i) {
            low.setFaults(faults[i], Fault.None, faults[i]);
            (, bool complete) = vault.nav();
            assertFalse(complete);
            vm.prank(alice);
            vault.redeemFromReadable(100e12, 1, alice, alice);
        }
    }

    function test_RevertIf_LessThanTheMinimum() public {
        low.setFaults(Fault.Revert, Fault.None, Fault.Revert);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientAssets.selector, 420e6, 420e6 + 1));
        vm.prank(alice);
        vault.redeemFromReadable(600e12, 420e6 + 1, alice, alice);
    }

    function test_RevertIf_MoreSharesThanOwned() public {
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxRedeem.selector, alice, 600e12 + 1, 600e12));
        vm.prank(alice);
        vault.redeemFromReadable(600e12 + 1, 0, alice, alice);
    }

    // SPEC C10: a caller who starves the reads of gas cannot take more than its part, only less.
    function testFuzz_StarvingTheReadsNeverPaysMore(uint256 gas) public {
        gas = bound(gas, 60_000, 3_000_000);
        uint256 fair = vault.previewRedeem(600e12);
        vm.prank(alice);
        try vault.redeemFromReadable{gas: gas}(600e12, 0, alice, alice) returns (uint256 assets) {
            assertLe(assets, fair);
        } catch {
            assertEq(vault.balanceOf(alice), 600e12);
        }
        assertGe(vault.convertToAssets(vault.balanceOf(bob)), 400e6 - 1);
    }
}
