// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SafeDeployer} from "../protocols/SafeDeployer.sol";
import {Ballast} from "./Ballast.sol";
import {Custody} from "./Custody.sol";
import {Deployment, DeploymentFile} from "./DeploymentFile.sol";
import {ParameterFile} from "./ParameterFile.sol";
import {Script} from "forge-std/Script.sol";
import {console} from "forge-std/console.sol";

/// @title DeploymentScript
/// @notice The three steps of a deployment. Each checks what it starts from and what it leaves, does only what is not done yet,
/// and can so be repeated.
/// @dev Environment of every step:
///   PARAMETERS       the parameter file, deploy/parameters/<chain>.json with its empty entries filled in
///   DEPLOYMENT_OUT   the deployment file, which the first step writes and the others read
///   DEPLOYER_KEY     private key of the deployer; without it, the account that forge was given (--ledger, --trezor, --aws,
///                    --account) with --sender
abstract contract DeploymentScript is Script {
    using Ballast for Ballast.Contracts;

    uint256 private constant GOVERNANCE_SALT = 0;
    uint256 private constant EMERGENCY_SALT = 1;

    /// @notice Creates the Safes that do not exist yet and deploys every contract, administered by `deployer`.
    /// @dev Between the `start` and `stop` of a broadcast.
    function deployContracts(ParameterFile.File memory file, address deployer)
        internal
        returns (Deployment memory deployment)
    {
        Custody.checkFile(file, deployer);
        deployment.governance = _existingOrNew(file.governance, file.safe, GOVERNANCE_SALT);
        deployment.emergency = _existingOrNew(file.emergency, file.safe, EMERGENCY_SALT);
        Custody.checkSafes(file, deployment.governance, deployment.emergency);
        deployment.contracts = Ballast.deploy(_parametersOf(file, deployment), deployer);
    }

    /// @notice Sets what the file says, as far as it is not set yet.
    function configureContracts(ParameterFile.File memory file, Deployment memory deployment) internal {
        deployment.contracts.configure(_parametersOf(file, deployment));
    }

    /// @notice Gives the administration to the timelock; reverts before that if anything about its holders is not as the file
    /// says, and after it if the deployer has anything left.
    /// @dev Roles that the deployer has not granted are not asked for: governance may do that itself afterwards.
    function handOverContracts(ParameterFile.File memory file, Deployment memory deployment, address deployer)
        internal
    {
        Custody.checkFile(file, deployer);
        Custody.checkSafes(file, deployment.governance, deployment.emergency);
        Custody.checkTimelock(
            deployment.contracts.timelock, deployment.governance, file.ballast.timelockDelay, deployer
        );
        deployment.contracts.handOver(deployer);
        Custody.checkRoles(deployment.contracts.administrators(), deployer);
        Custody.checkHoldsNothing(deployment.contracts.grants(_parametersOf(file, deployment)), deployer);
    }

    function readParameters() internal view returns (ParameterFile.File memory) {
        return ParameterFile.parse(vm.readFile(vm.envString("PARAMETERS")));
    }

    function deploymentPath() internal view returns (string memory) {
        return vm.envString("DEPLOYMENT_OUT");
    }

    /// @notice Starts to broadcast, and says for whom.
    function startBroadcast() internal returns (address deployer) {
        uint256 key = vm.envOr("DEPLOYER_KEY", uint256(0));
        if (key == 0) {
            vm.startBroadcast();
            return msg.sender;
        }
        vm.startBroadcast(key);
        return vm.addr(key);
    }

    function say(string memory what, address where) internal pure {
        console.log(what, where);
    }

    function _existingOrNew(
        ParameterFile.SafeParameters memory safe,
        SafeDeployer.Infrastructure memory infrastructure,
        uint256 salt
    ) private returns (address) {
        if (safe.existing != address(0)) return safe.existing;
        return address(SafeDeployer.create(infrastructure, safe.owners, safe.threshold, salt));
    }

    function _parametersOf(ParameterFile.File memory file, Deployment memory deployment)
        private
        pure
        returns (Ballast.Parameters memory parameters)
    {
        parameters = file.ballast;
        parameters.governance = deployment.governance;
        parameters.emergency = deployment.emergency;
    }
}
