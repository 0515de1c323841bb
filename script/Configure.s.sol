// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DeploymentFile} from "./ballast/DeploymentFile.sol";
import {DeploymentScript} from "./ballast/DeploymentScript.sol";

/// @title Configure
/// @notice Second step: feeds, venues, caps and roles, as far as they are not set yet. Only before the handover; afterwards a
/// difference between file and chain is governance's to remove (`ballast deploy --plan`).
///
///   forge script script/Configure.s.sol --broadcast --rpc-url …
contract Configure is DeploymentScript {
    function run() external {
        startBroadcast();
        configureContracts(readParameters(), DeploymentFile.read(deploymentPath()));
        vm.stopBroadcast();
    }
}
