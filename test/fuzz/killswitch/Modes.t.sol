// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Mode, Trigger} from "../../../contracts/interfaces/IKillSwitch.sol";
import {KillSwitchFixture} from "../../unit/killswitch/KillSwitchFixture.sol";

/// @notice The mode only gets stricter, but for governance while the asset is well (SPEC C7).
contract ModesFuzzTest is KillSwitchFixture {
    // SPEC C7
    function testFuzz_TheModeIsMonotoneButForGovernance(uint256[16] calldata seeds) public {
        address[5] memory callers = [guardian, emergency, timelock, keeper, stranger];
        for (uint256 i; i < seeds.length; ++i) {
            uint256 seed = seeds[i];
            int256 answer = [int256(0), 0.97e8, 0.99e8, ONE_DOLLAR, 1.03e8][(seed >> 16) % 5];
            feed.push(answer);
            Mode before = killSwitch.mode();
            address caller = callers[(seed >> 8) % 5];
            vm.prank(caller);
            (bool ok,) = address(killSwitch).call(_act(seed % 7));
            Mode now_ = killSwitch.mode();
            if (now_ < before) {
                assertTrue(ok && seed % 7 == 2 && caller == timelock, "relaxed by someone else");
                assertTrue(answer == ONE_DOLLAR || answer == 0.99e8, "relaxed off its peg");
            }
            if (now_ != before && now_ == Mode.Exit) assertTrue(vault.paused());
            if (killSwitch.mode() != Mode.Normal) assertFalse(killSwitch.isOperational());
            skip(seed % 2 days);
        }
    }

    function _act(uint256 which) private view returns (bytes memory) {
        if (which == 0) return abi.encodeCall(killSwitch.reduceOnly, ());
        if (which == 1) return abi.encodeCall(killSwitch.enterExit, ());
        if (which == 2) return abi.encodeCall(killSwitch.reset, ());
        if (which == 3) return abi.encodeCall(killSwitch.trip, (Trigger.Peg, address(usdc)));
        if (which == 4) return abi.encodeCall(killSwitch.trip, (Trigger.Oracle, address(usdc)));
        if (which == 5) return abi.encodeCall(killSwitch.blockVenue, (address(low)));
        return abi.encodeCall(killSwitch.setTrigger, (Trigger.Oracle, true, 1 hours, 1 hours));
    }
}
