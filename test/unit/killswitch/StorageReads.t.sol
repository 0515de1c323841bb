// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";

/// @notice What the questions that every addition asks cost: slots, each counted once, and gas with everything cold (SPEC C11).
contract StorageReadsTest is KillSwitchFixture {
    // SPEC C11
    function test_AVenueWithoutTokensAndProbesCostsOneSlot() public {
        checkpoint(low);
        _assertCost(abi.encodeCall(killSwitch.addableSize, (address(low))), 1, 6000);
        _assertCost(abi.encodeCall(killSwitch.additionStatus, (address(low))), 1, 6000);
        _assertCost(abi.encodeCall(killSwitch.canAdd, (address(low))), 1, 6000);
        _assertCost(abi.encodeCall(killSwitch.settledSize, (address(low))), 1, 6000);
    }

    // SPEC C11: in the block of a confirmation, one more: the checkpoint before.
    function test_InTheBlockOfAConfirmationItCostsTwo() public {
        look(low);
        mine(1);
        look(low);
        _assertCost(abi.encodeCall(killSwitch.addableSize, (address(low))), 2, 8500);
        _assertCost(abi.encodeCall(killSwitch.additionStatus, (address(low))), 2, 8500);
    }

    // SPEC C11: the switch's own state and the asset's feed. The feed here takes 12 000 gas of it.
    function test_TheVaultsStateCostsTwoSlots() public {
        _assertCost(abi.encodeCall(killSwitch.isOperational, ()), 2, 27_000);
    }

    // SPEC C11: until a feed is set anew, one more: until when its trip blocks.
    function test_AfterATripTheVaultsStateCostsThreeSlots() public {
        skip(2 days);
        killSwitch.trip(Trigger.Oracle, address(usdc));
        feed.push(ONE_DOLLAR);
        _assertCost(abi.encodeCall(killSwitch.isOperational, ()), 3, 29_000);
    }

    function _assertCost(bytes memory data, uint256 slots, uint256 most) private {
        vm.record();
        (bool ok,) = address(killSwitch).staticcall(data);
        assertTrue(ok);
        (bytes32[] memory reads,) = vm.accesses(address(killSwitch));
        uint256 distinct;
        for (uint256 i; i < reads.length; ++i) {
            bool known;
            for (uint256 j; j < i && !known; ++j) {
                known = reads[j] == reads[i];
            }
            if (!known) ++distinct;
        }
        assertEq(distinct, slots);
        vm.cool(address(killSwitch));
        vm.cool(address(feed));
        uint256 before = gasleft();
        (ok,) = address(killSwitch).staticcall(data);
        assertLt(before - gasleft(), most);
        assertTrue(ok);
    }
}
