// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Erc4626Adapter} from "../../../contracts/adapters/Erc4626Adapter.sol";
import {Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {ISwapper} from "../../../contracts/interfaces/ISwapper.sol";
import {Finding} from "../../../contracts/types/VenueWatch.sol";
import {LendingVenue} from "../../support/LendingVenue.sol";
import {ScriptedAdapter} from "../../support/ScriptedAdapter.sol";
import {KillSwitchFixture} from "../../unit/killswitch/KillSwitchFixture.sol";

/// @notice The vault's own money coming and going, others staying, is never a TVL crash; others going is, whatever the vault does
/// (SPEC C7b).
contract OwnFlowsFuzzTest is KillSwitchFixture {
    LendingVenue private venue;
    ScriptedAdapter private adapter;

    function setUp() public override {
        super.setUp();
        venue = new LendingVenue(usdc);
        adapter = ScriptedAdapter(address(new Erc4626Adapter(address(vault), address(venue), ISwapper(address(0)))));
        list(adapter, CAP);
        usdc.approve(address(venue), type(uint256).max);
    }

    // SPEC C7b
    function testFuzz_OwnFlowsAloneAreNoCrash(uint256 others, uint256[4] calldata flows) public {
        others = bound(others, 1e6, 1_000_000_000e6);
        _others(others);
        _own(bound(flows[0], 0, 1000 * others));
        history(adapter);
        for (uint256 i = 1; i < flows.length; ++i) {
            _own(bound(flows[i], 0, 1000 * others));
            Finding memory finding = killSwitch.evaluate(Trigger.Tvl, address(adapter));
            assertTrue(finding.readable);
            assertFalse(finding.holds);
            // Shares round down: one unit at most.
            assertApproxEqAbs(finding.measured, others, 1);
        }
    }

    // SPEC C7b
    function testFuzz_OthersLeavingIsACrashWhateverTheVaultDoes(
        uint256 others,
        uint256 left,
        uint256 before,
        uint256 after_
    ) public {
        others = bound(others, 1e6, 1_000_000_000e6);
        left = bound(left, others * 31 / 100, others);
        _others(others);
        _own(bound(before, 0, 1000 * others));
        history(adapter);
        venue.withdraw(left, address(this), address(this));
        _own(bound(after_, 0, 1000 * others));
        assertTrue(killSwitch.evaluate(Trigger.Tvl, address(adapter)).holds);
    }

    function _others(uint256 assets) private {
        usdc.mint(address(this), assets);
        venue.deposit(assets, address(this));
    }

    /// The vault's position becomes worth `assets`, as a move of the vault would make it.
    function _own(uint256 assets) private {
        uint256 held = adapter.value();
        if (assets > held) {
            usdc.mint(address(adapter), assets - held);
            vm.prank(address(vault));
            adapter.deposit(assets - held, "");
        } else if (assets < held) {
            vm.prank(address(vault));
            adapter.withdraw(held - assets, "");
        }
    }
}
