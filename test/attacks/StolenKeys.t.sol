// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {BallastFixture} from "../support/BallastFixture.sol";
import {ScriptedAdapter} from "../support/ScriptedAdapter.sol";
import {Vm} from "forge-std/Test.sol";

/// @notice What a thief of the keeper's key can do, and of the attestor's as well (SPEC C3, C4, C5).
contract StolenKeysTest is BallastFixture {
    uint256 private constant NAV = 1_000_000e6;

    function setUp() public override {
        super.setUp();
        deposit(alice, NAV);
    }

    // SPEC C3: the keeper's key alone moves nothing into any venue.
    function test_TheKeepersKeyAloneAddsNothing() public {
        Vm.Wallet memory real = attestor;
        attestor = vm.createWallet("the thief's own");
        Allocation[] memory targets = one(low, 5000);
        rebalanceReverts(targets, abi.encodeWithSelector(IStrategyHub.WrongAttestor.selector, attestor.addr));
        attestor = real;
        rebalance(targets);
    }

    // SPEC C3, C5: the attestor's key alone does nothing at all.
    function test_TheAttestorsKeyAloneDoesNothing() public {
        Allocation[] memory targets = one(low, 5000);
        bytes memory proof = prove(targets);
        vm.expectRevert();
        vm.prank(attestor.addr);
        hub.rebalance(targets, proof);
    }

    // SPEC C4, C5: with both keys and a listed venue that takes a fee at every turn, a day costs at most its budget.
    function testFuzz_BothKeysAndAGreedyVenueForADay(uint256 fee, uint16[40] memory raw) public {
        fee = bound(fee, 1, 200);
        low.setFees(fee, fee);
        mid.setFees(fee, fee);
        uint256 moves;
        for (uint256 i; i < raw.length; ++i) {
            Allocation[] memory targets =
                two(low, uint16(bound(raw[i], 500, 5000)), mid, uint16(bound(raw[i] ^ 0x5a5a, 500, 4500)));
            bytes memory proof = prove(targets);
            vm.prank(keeper);
            try hub.rebalance(targets, proof) {
                ++moves;
            } catch {
                pass(36 minutes);
            }
        }
        assertLe(moves, 4);
        // Half a percent of 95 % is inside the bound, so that the first move at least went through.
        if (fee <= 50) assertGe(moves, 1);
        (uint256 nav,) = vault.nav();
        (uint256 budgetBps,) = vault.dailyLoss();
        // Rounding that does not count as a loss is two units a leg.
        assertGe(nav + moves * 4, NAV * (10_000 - budgetBps) / 10_000);
    }

    // SPEC C3: every asset that leaves the vault arrives in one of its own adapters.
    function test_NoTargetIsSomewhereElse() public {
        ScriptedAdapter own = newAdapter();
        rebalanceReverts(one(own, 5000), abi.encodeWithSignature("AdapterNotListed(address)", own));
        assertEq(usdc.balanceOf(address(vault)), NAV);
    }
}
