// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../contracts/KillSwitchManager.sol";
import {StrategyHub} from "../../contracts/StrategyHub.sol";
import {Vault} from "../../contracts/Vault.sol";
import {TestAsset} from "../support/TestAsset.sol";
import {VaultHandler} from "./VaultHandler.sol";
import {Test} from "forge-std/Test.sol";

/// @notice What holds after any sequence of anybody's acts.
/// forge-config: default.invariant.runs = 32
/// forge-config: default.invariant.depth = 200
/// forge-config: default.invariant.fail-on-revert = true
contract VaultInvariantTest is Test {
    VaultHandler private handler;
    Vault private vault;
    StrategyHub private hub;
    TestAsset private usdc;

    function setUp() public {
        handler = new VaultHandler();
        address[5] memory system = handler.system();
        (vault, hub, usdc) = (Vault(system[0]), StrategyHub(system[1]), TestAsset(system[3]));
        bytes4[] memory acts = new bytes4[](16);
        acts[0] = handler.enter.selector;
        acts[1] = handler.leave.selector;
        acts[2] = handler.give.selector;
        acts[3] = handler.donate.selector;
        acts[4] = handler.move.selector;
        acts[5] = handler.reduce.selector;
        acts[6] = handler.exit.selector;
        acts[7] = handler.reduceOnly.selector;
        acts[8] = handler.govern.selector;
        acts[9] = handler.price.selector;
        acts[10] = handler.earn.selector;
        acts[11] = handler.lose.selector;
        acts[12] = handler.lend.selector;
        // The keeper acts more often than anyone else.
        (acts[13], acts[14], acts[15]) = (handler.move.selector, handler.move.selector, handler.move.selector);
        targetContract(address(handler));
        targetSelector(FuzzSelector({addr: address(handler), selectors: acts}));
        bytes4[] memory repay = new bytes4[](1);
        repay[0] = handler.repay.selector;
        targetSelector(FuzzSelector({addr: address(handler), selectors: repay}));
    }

    // SPEC C1
    function invariant_TotalAssetsIsIdlePlusPositions() public view {
        uint256 sum = vault.idle();
        for (uint256 i; i < 2; ++i) {
            sum += handler.adapters(i).value();
        }
        assertEq(vault.totalAssets(), sum);
    }

    // SPEC C1
    function invariant_IdleIsThere() public view {
        assertLe(vault.idle(), usdc.balanceOf(address(vault)));
    }

    // SPEC C1
    function invariant_BalancesSumToSupply() public view {
        uint256 sum;
        for (uint256 i; i < 3; ++i) {
            sum += vault.balanceOf(handler.actors(i));
        }
        assertEq(sum, vault.totalSupply());
    }

    // SPEC C4: the cooldown between any two, and at most four in any half-open 24 hours.
    function invariant_RebalancesKeepTheirDistance() public view {
        uint256 count = handler.rebalanceCount();
        assertEq(hub.nonce(), count);
        for (uint256 i = 1; i < count; ++i) {
            assertGe(handler.rebalances(i), handler.rebalances(i - 1) + 6 hours);
            if (i >= 4) assertGe(handler.rebalances(i), handler.rebalances(i - 4) + 24 hours);
        }
    }

    // SPEC C3, C5, C7, C10: no rebalance while not operational, none loses more than the bound or leaves less than the reserve, an exit
    // closes deposits, a trip stops additions.
    function invariant_NoPromiseIsBroken() public view {
        assertEq(handler.broken(), "");
    }

    // SPEC C9
    function invariant_AdaptersHoldNothingAndAllowNothing() public view {
        for (uint256 i; i < 2; ++i) {
            address adapter = address(handler.adapters(i));
            assertEq(usdc.balanceOf(adapter), 0);
            assertEq(usdc.allowance(adapter, address(handler.venues(i))), 0);
            assertEq(usdc.allowance(address(vault), adapter), 0);
        }
    }

    // SPEC C1, C10: whatever happened, each holder can have the maximum now.
    function invariant_EveryHolderCanHaveTheMaximum() public {
        for (uint256 i; i < 3; ++i) {
            address actor = handler.actors(i);
            uint256 snapshot = vm.snapshotState();
            uint256 most = vault.maxWithdraw(actor);
            uint256 before = usdc.balanceOf(actor);
            vm.prank(actor);
            vault.withdraw(most, actor, actor);
            assertEq(usdc.balanceOf(actor) - before, most);
            assertTrue(vm.revertToState(snapshot));
        }
    }

    // The run did rebalance; otherwise the rest says little.
    function test_TheHandlerReachesRebalances() public {
        handler.move(4001, 4001, 0);
        handler.move(2001, 4601, 7 hours);
        assertEq(handler.rebalanceCount(), 2);
    }
}
