// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AaveV3Adapter} from "../../contracts/adapters/AaveV3Adapter.sol";
import {Ballast} from "../../script/ballast/Ballast.sol";
import {Deployment} from "../../script/ballast/DeploymentFile.sol";
import {DeploymentScript} from "../../script/ballast/DeploymentScript.sol";
import {ParameterFile} from "../../script/ballast/ParameterFile.sol";
import {ISafe} from "../../script/protocols/SafeDeployer.sol";
import {KeeperActions} from "../support/KeeperActions.sol";
import {SafeOwners} from "../support/SafeOwners.sol";
import {ProtocolFixture} from "./ProtocolFixture.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Vm} from "forge-std/Test.sol";

/// @notice The steps of the deployment scripts one by one, broadcast by a given key.
contract DeploymentSteps is DeploymentScript {
    function deploy(string calldata json, uint256 key) external returns (Deployment memory deployment) {
        ParameterFile.File memory file = ParameterFile.parse(json);
        vm.startBroadcast(key);
        deployment = deployContracts(file, vm.addr(key));
        vm.stopBroadcast();
    }

    function configure(string calldata json, Deployment calldata deployment, uint256 key) external {
        ParameterFile.File memory file = ParameterFile.parse(json);
        vm.startBroadcast(key);
        configureContracts(file, deployment);
        vm.stopBroadcast();
    }

    function handOver(string calldata json, Deployment calldata deployment, uint256 key) external {
        ParameterFile.File memory file = ParameterFile.parse(json);
        vm.startBroadcast(key);
        handOverContracts(file, deployment, vm.addr(key));
        vm.stopBroadcast();
    }
}

/// @title GovernedBallast
/// @notice Ballast deployed by its scripts from deploy/parameters/devnet.json on the real protocols and under real Safes, whose
/// owners' keys are known.
abstract contract GovernedBallast is ProtocolFixture, KeeperActions {
    string private constant MNEMONIC = "test test test test test test test test test test test junk";

    /// @dev deploy/parameters/devnet.json lists these accounts of the development mnemonic.
    uint32[5] private governanceAccounts = [10, 11, 12, 13, 14];
    uint32[3] private emergencyAccounts = [1, 2, 3];
    uint32[3] private guardianAccounts = [7, 15, 16];

    address internal immutable alice = makeAddr("alice");
    address internal immutable bob = makeAddr("bob");
    address internal immutable stranger = makeAddr("stranger");
    address internal immutable watcher = makeAddr("watcher");

    DeploymentSteps internal steps;
    Vm.Wallet internal deployer;
    uint256[] internal governanceKeys;
    uint256[] internal emergencyKeys;
    uint256[] internal guardianKeys;
    address[] internal guardians;

    Deployment internal deployment;
    TimelockController internal timelock;
    ISafe internal governance;
    ISafe internal emergency;
    AaveV3Adapter internal aave;

    function setUp() public virtual {
        createKeys();
        deployer = vm.createWallet("deployer");
        for (uint256 i; i < governanceAccounts.length; ++i) {
            governanceKeys.push(vm.deriveKey(MNEMONIC, governanceAccounts[i]));
        }
        for (uint256 i; i < emergencyAccounts.length; ++i) {
            emergencyKeys.push(vm.deriveKey(MNEMONIC, emergencyAccounts[i]));
        }
        for (uint256 i; i < guardianAccounts.length; ++i) {
            guardianKeys.push(vm.deriveKey(MNEMONIC, guardianAccounts[i]));
            guardians.push(vm.addr(guardianKeys[i]));
        }
        deployProtocols();
        steps = new DeploymentSteps();
    }

    /// @notice All three steps.
    function deployGoverned() internal {
        string memory json = parameters();
        adopt(steps.deploy(json, deployer.privateKey));
        steps.configure(json, deployment, deployer.privateKey);
        steps.handOver(json, deployment, deployer.privateKey);
        nextBlock();
        observe();
    }

    function adopt(Deployment memory deployed) internal {
        deployment = deployed;
        (vault, killSwitch, hub) = (deployed.contracts.vault, deployed.contracts.killSwitch, deployed.contracts.hub);
        timelock = deployed.contracts.timelock;
        (governance, emergency) = (ISafe(deployed.governance), ISafe(deployed.emergency));
        aave = AaveV3Adapter(deployed.contracts.adapters[0]);
    }

    /// @notice deploy/parameters/devnet.json with its empty entries filled in.
    function parameters() internal view returns (string memory json) {
        json = vm.readFile("deploy/parameters/devnet.json");
        json = fill(json, "asset", address(protocols.usdc));
        json = fill(json, "keeper", keeper);
        json = fill(json, "attestor", attestor.addr);
        json = fill(json, "singleton", protocols.safe.singleton);
        json = fill(json, "factory", address(protocols.safe.factory));
        json = fill(json, "fallbackHandler", protocols.safe.fallbackHandler);
        json = vm.replace(json, '"watchers": []', string.concat('"watchers": ["', vm.toString(watcher), '"]'));
        json = vm.replace(
            json,
            '"feeds": []',
            string.concat(
                '"feeds": [{"token": "',
                vm.toString(address(protocols.usdc)),
                '", "aggregator": "',
                vm.toString(address(protocols.feeds.usdcUsd)),
                '", "heartbeat": 86400}]'
            )
        );
        json = vm.replace(
            json,
            '"venues": []',
            string.concat(
                '"venues": [',
                _venue("aave-v3", address(protocols.aave.pool), 15),
                ", ",
                _venue("metamorpho", address(protocols.morpho.metaMorpho), 30),
                "]"
            )
        );
    }

    /// @notice Writes `value` where the file has an empty entry `key`.
    function fill(string memory json, string memory key, address value) internal pure returns (string memory) {
        return
            vm.replace(json, string.concat('"', key, '": ""'), string.concat('"', key, '": "', vm.toString(value), '"'));
    }

    /// @notice Three of the five have the timelock schedule `data`, the delay passes, and three have it executed.
    function govern(address to, bytes memory data) internal {
        schedule(to, data);
        pass(timelock.getMinDelay());
        executeScheduled(to, data);
    }

    function schedule(address to, bytes memory data) internal {
        bySafe(
            address(timelock), abi.encodeCall(TimelockController.schedule, (to, 0, data, 0, 0, timelock.getMinDelay()))
        );
    }

    function executeScheduled(address to, bytes memory data) internal {
        bySafe(address(timelock), abi.encodeCall(TimelockController.execute, (to, 0, data, 0, 0)));
    }

    /// @notice Three of the five send a transaction of the governance Safe.
    function bySafe(address to, bytes memory data) internal {
        SafeOwners.execute(governance, governanceKeys, 3, to, data);
    }

    /// @notice Two of the three send a transaction of the emergency Safe.
    function byEmergencySafe(address to, bytes memory data) internal {
        SafeOwners.execute(emergency, emergencyKeys, 2, to, data);
    }

    function deposit(address who, uint256 assets) internal returns (uint256 shares) {
        mintUsdc(who, assets);
        vm.startPrank(who);
        protocols.usdc.approve(address(vault), assets);
        shares = vault.deposit(assets, who);
        vm.stopPrank();
    }

    /// @notice Time passes with the feeds answering on and the venues observed, as anyone may do.
    function pass(uint256 time) internal {
        skip(time);
        vm.roll(vm.getBlockNumber() + time / 12 + 1);
        refreshFeeds();
        observe();
    }

    /// @notice Two observations in two blocks; they count from the next one.
    function observe() internal {
        address[] memory adapters = vault.adapters();
        for (uint256 i; i < 2; ++i) {
            killSwitch.observe(adapters);
            nextBlock();
        }
    }

    function _venue(string memory kind, address venue, uint256 riskScore) private pure returns (string memory) {
        return string.concat(
            '{"name": "',
            kind,
            '", "kind": "',
            kind,
            '", "venue": "',
            vm.toString(venue),
            '", "cap": 100000000000, "riskScore": ',
            vm.toString(riskScore),
            ', "exitTime": 86400}'
        );
    }
}
