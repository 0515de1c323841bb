// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../contracts/KillSwitchManager.sol";
import {Erc4626Adapter} from "../../contracts/adapters/Erc4626Adapter.sol";
import {IAggregatorV3} from "../../contracts/interfaces/IAggregatorV3.sol";
import {Mode, Trigger} from "../../contracts/interfaces/IKillSwitch.sol";
import {ISwapper} from "../../contracts/interfaces/ISwapper.sol";
import {IVault} from "../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../support/BallastFixture.sol";
import {LendingVenue} from "../support/LendingVenue.sol";
import {TestAsset} from "../support/TestAsset.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice Spends gas as an honest contract does: without enough of it the call fails with nothing left.
function spend(uint256 gas) view {
    uint256 start = gasleft();
    // solhint-disable-next-line no-empty-blocks
    while (start - gasleft() < gas) {}
}

/// @notice An honest venue as costly to read as the vault allows for: half of its cap.
contract CostlyVenue is LendingVenue {
    constructor(TestAsset asset_) LendingVenue(asset_) {}

    function _convertToAssets(uint256 shares, Math.Rounding rounding) internal view override returns (uint256) {
        spend(450_000);
        return super._convertToAssets(shares, rounding);
    }
}

/// @notice An honest feed that costs most of what the switch gives it.
contract CostlyFeed {
    uint8 public constant decimals = 8;
    int256 public answer = 1e8;

    function setAnswer(int256 answer_) external {
        answer = answer_;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        spend(150_000);
        return (1, answer, block.timestamp, block.timestamp, 1);
    }
}

/// @notice Every read of another contract has a gas cap, and a caller may leave less than the cap. Whoever does must not make an
/// honest contract look broken in a call that still goes through.
contract GasStarvationTest is BallastFixture {
    CostlyVenue private venue;
    Erc4626Adapter private adapter;
    CostlyFeed private costlyFeed;

    function setUp() public override {
        super.setUp();
        venue = new CostlyVenue(usdc);
        adapter = new Erc4626Adapter(address(vault), address(venue), ISwapper(address(0)));
        costlyFeed = new CostlyFeed();
        vm.startPrank(timelock);
        vault.listAdapter(address(adapter), CAP);
        killSwitch.setFeed(address(usdc), address(costlyFeed), HEARTBEAT);
        vm.stopPrank();
        deposit(alice, 1000e6);
        vm.prank(address(hub));
        vault.reallocate(one(address(adapter), 5000));
    }

    // SPEC C1: nobody mints at a price that leaves a venue out.
    function test_ADepositMintsTheSameSharesWhateverTheGas() public {
        uint256 expected = vault.previewDeposit(100e6);
        usdc.mint(bob, 100e6);
        vm.prank(bob);
        usdc.approve(address(vault), 100e6);
        _sweep(bob, address(vault), abi.encodeCall(IERC4626.deposit, (100e6, bob)), expected);
    }

    // SPEC C1, C10: nobody is paid as if the costly venue could not be read, nor quarantines it on the way.
    function test_ARedeemPaysInFullWhateverTheGas() public {
        uint256 shares = vault.balanceOf(alice) / 4;
        uint256 expected = vault.previewRedeem(shares);
        _sweep(alice, address(vault), abi.encodeCall(IERC4626.redeem, (shares, alice, alice)), expected);
    }

    // SPEC C1, C10
    function test_AnAccrualQuarantinesNothingWhateverTheGas() public {
        _sweep(stranger, address(vault), abi.encodeCall(IVault.accrue, ()), 1000e6);
    }

    // SPEC C10: the venue is healthy, so naming it is refused with any gas.
    function test_ACallerWithTooLittleGasCannotQuarantine() public {
        bytes memory data = abi.encodeCall(IVault.quarantine, (address(adapter)));
        for (uint256 gas = 20_000; gas < 4_000_000; gas += 10_000) {
            vm.prank(stranger);
            (bool ok,) = address(vault).call{gas: gas}(data);
            assertFalse(ok);
        }
        // Really unreadable, it takes the gas of an honest reading to say so, and then it goes.
        venue.setUnreadable(true);
        (bool done,) = address(vault).call{gas: 1_500_000}(data);
        assertFalse(done);
        (done,) = address(vault).call{gas: 4_000_000}(data);
        assertTrue(done);
    }

    // SPEC C7d: a healthy feed cannot be tripped by reading it with too little gas.
    function test_AHealthyFeedCannotBeTripped() public {
        bytes memory data = abi.encodeCall(KillSwitchManager.trip, (Trigger.Oracle, address(usdc)));
        for (uint256 gas = 20_000; gas < 600_000; gas += 1000) {
            (bool ok,) = address(killSwitch).call{gas: gas}(data);
            assertFalse(ok);
        }
        // The same call does trip a feed that is broken.
        vm.mockCallRevert(address(costlyFeed), abi.encodeCall(IAggregatorV3.latestRoundData, ()), "");
        killSwitch.trip(Trigger.Oracle, address(usdc));
    }

    // SPEC C7a: Exit cannot be reached with deposits left open.
    function test_ExitModeAlwaysClosesDeposits() public {
        costlyFeed.setAnswer(0.9e8);
        bytes memory data = abi.encodeCall(KillSwitchManager.trip, (Trigger.Peg, address(usdc)));
        uint256 reached;
        for (uint256 gas = 20_000; gas < 600_000; gas += 1000) {
            uint256 state = vm.snapshotState();
            (bool ok,) = address(killSwitch).call{gas: gas}(data);
            if (ok) {
                ++reached;
                assertTrue(killSwitch.mode() == Mode.Exit);
                assertTrue(vault.paused());
            }
            assertTrue(vm.revertToStateAndDelete(state));
        }
        assertGt(reached, 0);
    }

    /// @dev Calls with every amount of gas from hopeless to ample; where the call goes through, it returns `expected`.
    function _sweep(address caller, address target, bytes memory data, uint256 expected) private {
        uint256 reached;
        for (uint256 gas = 100_000; gas < 2_500_000; gas += 5000) {
            uint256 state = vm.snapshotState();
            vm.prank(caller);
            (bool ok, bytes memory returned) = target.call{gas: gas}(data);
            if (ok) {
                ++reached;
                assertEq(abi.decode(returned, (uint256)), expected);
                (,, bool quarantined) = vault.positionKind(address(adapter));
                assertFalse(quarantined);
            }
            assertTrue(vm.revertToStateAndDelete(state));
        }
        assertGt(reached, 0);
    }
}
