// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StrategyHub} from "../contracts/StrategyHub.sol";
import {Mode} from "../contracts/interfaces/IKillSwitch.sol";
import {IStrategyHub} from "../contracts/interfaces/IStrategyHub.sol";
import {DeploymentFile} from "./ballast/DeploymentFile.sol";
import {Script} from "forge-std/Script.sol";
import {console} from "forge-std/console.sol";

/// @title EmergencyExit
/// @notice Brings everything home without the keeper: any guardian at any time, anyone once the switch is in Exit mode or the keeper has
/// been silent for longer than its grace period. What one
/// venue cannot pay is reported; repeat it until nothing remains.
///
///   forge script script/EmergencyExit.s.sol --broadcast --rpc-url …
///   forge script script/EmergencyExit.s.sol --sig 'payload()'     what the emergency Safe sends instead
///
/// Environment:
///   DEPLOYMENT_OUT   the deployment file
///   GUARDIAN_KEY     private key of the caller; without it, the account that forge was given, with --sender
contract EmergencyExit is Script {
    /// @notice The caller is no guardian, the switch is not in Exit mode, and the keeper has shown itself.
    error MayNotExit(address caller, Mode mode, uint256 keeperSeen);

    function run() external returns (IStrategyHub.ExitResult[] memory results) {
        StrategyHub hub = DeploymentFile.read(vm.envString("DEPLOYMENT_OUT")).contracts.hub;
        uint256 key = vm.envOr("GUARDIAN_KEY", uint256(0));
        return exit(hub, key == 0 ? msg.sender : vm.rememberKey(key));
    }

    /// @notice Prints the transaction for the emergency Safe.
    function payload() external view returns (address to, bytes memory data) {
        to = address(DeploymentFile.read(vm.envString("DEPLOYMENT_OUT")).contracts.hub);
        data = abi.encodeCall(IStrategyHub.emergencyExit, ());
    }

    /// @notice Sends the exit as `caller` and prints how each venue fared.
    function exit(StrategyHub hub, address caller) public returns (IStrategyHub.ExitResult[] memory results) {
        Mode mode = hub.killSwitch().mode();
        (uint256 seen, uint256 grace) = hub.lastSeen();
        if (
            mode != Mode.Exit && block.timestamp <= seen + grace && !hub.hasRole(hub.GUARDIAN_ROLE(), caller)
                && !hub.hasRole(hub.EMERGENCY_ROLE(), caller)
        ) revert MayNotExit(caller, mode, seen);
        vm.broadcast(caller);
        results = hub.emergencyExit();
        for (uint256 i; i < results.length; ++i) {
            console.log(results[i].ok ? "exited" : "FAILED", results[i].adapter);
            console.log("  units received, remaining:", results[i].received, results[i].remaining);
        }
    }
}
