// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../contracts/KillSwitchManager.sol";
import {StrategyHub} from "../../contracts/StrategyHub.sol";
import {Vault} from "../../contracts/Vault.sol";
import {Ballast} from "./Ballast.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice What a deployment left on the chain: its contracts and the two Safes over them.
struct Deployment {
    Ballast.Contracts contracts;
    address governance;
    address emergency;
}

/// @title DeploymentFile
/// @notice The JSON file that the deployment writes and every later step reads: chainId, block (no role was granted
/// before it), vault, killSwitch, hub, timelock, governance, emergency, adapters (in the order of the parameter file's venues).
library DeploymentFile {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice The file is of another chain.
    error WrongChain(uint256 fileChainId, uint256 chainId);
    /// @notice There is no contract where the file says the vault is.
    error NothingDeployed(string path, address vault);

    function write(string memory path, Deployment memory deployment) internal {
        string memory root = "deployment";
        vm.serializeUint(root, "chainId", block.chainid);
        vm.serializeUint(root, "block", block.number);
        vm.serializeAddress(root, "vault", address(deployment.contracts.vault));
        vm.serializeAddress(root, "killSwitch", address(deployment.contracts.killSwitch));
        vm.serializeAddress(root, "hub", address(deployment.contracts.hub));
        vm.serializeAddress(root, "timelock", address(deployment.contracts.timelock));
        vm.serializeAddress(root, "governance", deployment.governance);
        vm.serializeAddress(root, "emergency", deployment.emergency);
        vm.writeJson(vm.serializeAddress(root, "adapters", deployment.contracts.adapters), path);
    }

    function read(string memory path) internal view returns (Deployment memory deployment) {
        string memory json = vm.readFile(path);
        uint256 chainId = vm.parseJsonUint(json, ".chainId");
        if (chainId != block.chainid) revert WrongChain(chainId, block.chainid);
        Ballast.Contracts memory contracts = deployment.contracts;
        contracts.vault = Vault(vm.parseJsonAddress(json, ".vault"));
        contracts.killSwitch = KillSwitchManager(vm.parseJsonAddress(json, ".killSwitch"));
        contracts.hub = StrategyHub(vm.parseJsonAddress(json, ".hub"));
        contracts.timelock = TimelockController(payable(vm.parseJsonAddress(json, ".timelock")));
        contracts.adapters = vm.parseJsonAddressArray(json, ".adapters");
        deployment.governance = vm.parseJsonAddress(json, ".governance");
        deployment.emergency = vm.parseJsonAddress(json, ".emergency");
        if (address(contracts.vault).code.length == 0) revert NothingDeployed(path, address(contracts.vault));
    }

    /// @notice Whether the file is there and what it names is on this chain.
    function isDeployed(string memory path) internal view returns (bool) {
        if (!vm.exists(path)) return false;
        string memory json = vm.readFile(path);
        return
            vm.parseJsonUint(json, ".chainId") == block.chainid && vm.parseJsonAddress(json, ".vault").code.length != 0;
    }
}
