// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Deployment, DeploymentFile} from "./ballast/DeploymentFile.sol";
import {DeploymentScript} from "./ballast/DeploymentScript.sol";
import {ParameterFile} from "./ballast/ParameterFile.sol";

/// @title Deploy
/// @notice Deploys Ballast from a parameter file; see DeploymentScript for the environment.
///
///   forge script script/Deploy.s.sol --broadcast --rpc-url …                     all three steps
///   forge script script/Deploy.s.sol --sig 'deploy()' --broadcast --rpc-url …    the contracts alone
///
/// After `deploy()`, either Configure and then Handover; or Handover at once, and governance sets everything through the timelock
/// (`ballast deploy --plan` writes the batches), so that the deployer never decides anything.
contract Deploy is DeploymentScript {
    /// @notice Deploys, configures and hands over.
    function run() external {
        ParameterFile.File memory file = readParameters();
        Deployment memory deployment = _deployOnce(file);
        address deployer = startBroadcast();
        configureContracts(file, deployment);
        handOverContracts(file, deployment, deployer);
        vm.stopBroadcast();
    }

    /// @notice Deploys the contracts, with the deployer as their administrator for now.
    function deploy() external {
        _deployOnce(readParameters());
    }

    function _deployOnce(ParameterFile.File memory file) private returns (Deployment memory deployment) {
        string memory path = deploymentPath();
        if (DeploymentFile.isDeployed(path)) {
            deployment = DeploymentFile.read(path);
            say("already deployed: the vault is", address(deployment.contracts.vault));
            return deployment;
        }
        deployment = deployContracts(file, startBroadcast());
        vm.stopBroadcast();
        DeploymentFile.write(path, deployment);
    }
}
