// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DeploymentFile} from "./ballast/DeploymentFile.sol";
import {DeploymentScript} from "./ballast/DeploymentScript.sol";

/// @title Handover
/// @notice Third step: the timelock becomes the only administrator and the deployer nobody. Safes and timelock are checked before
/// anything is given away.
///
///   forge script script/Handover.s.sol --broadcast --rpc-url …
contract Handover is DeploymentScript {
    function run() external {
        address deployer = startBroadcast();
        handOverContracts(readParameters(), DeploymentFile.read(deploymentPath()), deployer);
        vm.stopBroadcast();
    }
}
